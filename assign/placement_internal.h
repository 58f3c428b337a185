/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What placement.c and placement_cpus.c share. */
#ifndef MOAT_ASSIGN_PLACEMENT_INTERNAL_H
#define MOAT_ASSIGN_PLACEMENT_INTERNAL_H

#include <moat/placement.h>

#include "assign/topology.h"

enum cpu_state {
	CPU_FREE,
	CPU_BUSY,   /* another guest's */
	CPU_BARRED, /* not for this guest */
	CPU_TAKEN,  /* a vCPU's */
	CPU_SERVES, /* a device's thread's */
};

/* Which CPUs count as room; see placement.c. */
enum cpus_level { CPUS_FREE, CPUS_SHARED, CPUS_CROWDED };

/* A node as the guest may use it. */
struct node_room {
	unsigned int n_cpus, n_free;
	bool memory;	       /* may RAM be there? */
	unsigned int votes;    /* devices on it */
	unsigned int distance; /* to all devices, summed up */
};

struct planner {
	const struct moat_topology *t;
	const struct moat_place_request *req;
	struct moat_err *err;
	struct moat_placement *plan;

	enum cpu_state *state;	 /* of each CPU of the topology */
	unsigned int *core_load; /* CPUs in use, of each core */
	unsigned int n_cpus, n_free;
	enum cpus_level level;
	struct node_room room[TOPOLOGY_NODES_MAX];
	unsigned int order[TOPOLOGY_NODES_MAX]; /* nodes, best first */
	unsigned int near[TOPOLOGY_NODES_MAX]; /* the best, then those near it */
	unsigned int n_order;
	unsigned int place[TOPOLOGY_NODES_MAX]; /* the guest's nodes */
};

/**
 * placement_pick_cpus() - for vCPUs, devices' threads, and all the rest
 *
 * The plan's nodes and their n_vcpus are there.
 */
int placement_pick_cpus(struct planner *p);

#endif /* MOAT_ASSIGN_PLACEMENT_INTERNAL_H */
