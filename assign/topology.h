/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's topology as planning needs it: plain numbers, no hwloc.
 *
 * Nodes and CPUs are known by their index here; the kernel's numbers, which
 * may have gaps, are in @os and @cpu.
 */
#ifndef MOAT_ASSIGN_TOPOLOGY_H
#define MOAT_ASSIGN_TOPOLOGY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <moat/placement.h>

/* Of more nodes than this the rest is not used. */
#define TOPOLOGY_NODES_MAX 64

#define TOPOLOGY_LOCAL	   10 /* distance of a node to itself; ACPI 5.2.17 */
#define TOPOLOGY_REMOTE	   20 /* to another, when the host does not say */
#define TOPOLOGY_FAR_MAX   254

struct topology_node {
	int os;
	/* Bytes, by enum moat_place_pages; AUTO's are unused. */
	uint64_t free[MOAT_PLACE_PAGES_1G + 1];
	uint64_t pool[MOAT_PLACE_PAGES_1G + 1]; /* of huge pages: free or not */
	uint64_t total;				/* bytes */
	unsigned int n_cpus;
};

struct topology_cpu {
	unsigned int cpu;
	unsigned int core; /* its index */
	unsigned int node; /* its index: the one whose memory is nearest */
};

struct moat_topology {
	bool foreign;
	struct topology_node node[TOPOLOGY_NODES_MAX];
	unsigned int n_nodes;
	uint8_t distance[TOPOLOGY_NODES_MAX][TOPOLOGY_NODES_MAX];
	unsigned int n_cores;
	unsigned int n_cpus;
	struct topology_cpu cpu[]; /* core by core, as the host orders them */
};

/**
 * topology_load() - the same from a description, with free memory unknown: 0
 * @xml, @synthetic: a file, or hwloc's notation; both NULL: this machine
 */
int topology_load(const char *xml, const char *synthetic, bool foreign,
		  struct moat_topology **ret_topology, struct moat_err *err);

/** topology_read_free() - what each node has, out of sysfs */
void topology_read_free(struct moat_topology *topology,
			const struct moat_host *host);

#endif /* MOAT_ASSIGN_TOPOLOGY_H */
