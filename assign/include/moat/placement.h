/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where on the host a guest is best: its vCPUs, its RAM and the threads that
 * serve its devices, on the NUMA node nearest to them.
 *
 *	rule, host's topology, what the guest is -> moat_place() -> placement
 *
 * Planning changes nothing and starts nothing; what it is told is all that it
 * knows. Binding threads and memory is for the caller.
 */
#ifndef MOAT_PLACEMENT_H
#define MOAT_PLACEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <moat/bdf.h>
#include <moat/err.h>
#include <moat/set.h>

#ifdef __cplusplus
extern "C" {
#endif

struct moat_host;

/* ---- what the user wants ---- */

enum moat_place_mode {
	MOAT_PLACE_AUTO,  /* the node nearest to the devices */
	MOAT_PLACE_OFF,	  /* nowhere: the kernel decides */
	MOAT_PLACE_NODES, /* spread over the nodes in the rule */
	MOAT_PLACE_CPUS,  /* vCPUs on the CPUs in the rule, RAM near them */
};

struct moat_place_rule {
	enum moat_place_mode mode;
	struct moat_set set; /* nodes or CPUs, as @mode says */
};

/**
 * moat_place_rule_parse() - "auto", "off", "node=0,1" or "cpus=0-3,8"
 * Return: 0, or -EINVAL with a sentence.
 */
int moat_place_rule_parse(const char *text, struct moat_place_rule *ret_rule,
			  struct moat_err *err)
	__attribute__((visibility("default")));

/* ---- what the host has ---- */

struct moat_topology;

/**
 * moat_topology_read() - nodes, cores, CPUs, distances, and free memory
 * @host: NULL for this machine; free memory is read there
 *
 * CPUs that are offline or outside the process's cpuset are not among them.
 * Return: 0, -EXDEV when the environment has hwloc describe another machine
 * (HWLOC_XMLFILE, HWLOC_SYNTHETIC) and @foreign is false, -ENOMEM, or what
 * hwloc failed with; with a sentence.
 */
int moat_topology_read(const struct moat_host *host, bool foreign,
		       struct moat_topology **ret_topology,
		       struct moat_err *err)
	__attribute__((visibility("default")));
/** moat_topology_is_foreign() - is it another machine's? All is free there. */
bool moat_topology_is_foreign(const struct moat_topology *topology)
	__attribute__((visibility("default")));
void moat_topology_free(struct moat_topology *topology)
	__attribute__((visibility("default")));

/* What there is, for showing it; @i from 0 on. */
struct moat_topology_node {
	int node;	/* the kernel's number */
	uint64_t total; /* bytes */
	uint64_t free;	/* of ordinary memory, by a careful guess */
};

struct moat_topology_cpu {
	unsigned int cpu; /* the kernel's number */
	unsigned int core;
	int node; /* the kernel's number */
};

/** moat_topology_node() - false when there are only @i nodes */
bool moat_topology_node(const struct moat_topology *topology, size_t i,
			struct moat_topology_node *ret_node)
	__attribute__((visibility("default")));
/** moat_topology_cpu() - core by core; false when there are only @i CPUs */
bool moat_topology_cpu(const struct moat_topology *topology, size_t i,
		       struct moat_topology_cpu *ret_cpu)
	__attribute__((visibility("default")));

/**
 * moat_topology_allowed() - CPUs and nodes that the calling thread may use
 * Return: 0, or the errno of asking the kernel; then both are untouched.
 */
int moat_topology_allowed(struct moat_set *ret_cpus, struct moat_set *ret_nodes)
	__attribute__((visibility("default")));

/* ---- what the guest is ---- */

/* The pages that guest RAM is made of. */
enum moat_place_pages {
	MOAT_PLACE_PAGES_AUTO,	/* 2 MiB where that costs no locality */
	MOAT_PLACE_PAGES_SMALL, /* ordinary memory */
	MOAT_PLACE_PAGES_2M,
	MOAT_PLACE_PAGES_1G,
};

#define MOAT_PLACE_NO_NODE (-1)

struct moat_place_device {
	struct moat_bdf bdf;
	int node;	    /* the host's; MOAT_PLACE_NO_NODE: not known */
	bool serves_thread; /* has a thread that uses it for the vCPUs */
};

struct moat_place_request {
	const struct moat_place_rule *rule;
	unsigned int n_vcpus; /* at least 1 */
	uint64_t ram_bytes;   /* a multiple of 2 MiB */
	enum moat_place_pages pages;
	const struct moat_place_device *devices;
	size_t n_devices;
	/* What the process may use; NULL: all that there is. */
	const struct moat_set *cpus, *nodes;
	const struct moat_set *busy; /* CPUs of other guests; NULL: none */
};

/* ---- the answer ---- */

struct moat_placed_node {
	int host_node;
	uint64_t ram_bytes;   /* of the guest's; node by node from address 0 */
	struct moat_set cpus; /* that may be used there; may be empty */
	unsigned int n_vcpus;
};

struct moat_placed_vcpu {
	unsigned int node; /* index of a placed node */
	int cpu;	   /* the only one; -1: any of the node's */
};

struct moat_placed_device {
	int node;	      /* index of a placed node; -1: none is its */
	struct moat_set cpus; /* for its thread, when it serves one */
	bool alone;	      /* no vCPU uses them */
};

struct moat_placement {
	bool off; /* all that follows is empty; nothing is to be bound */
	enum moat_place_pages pages; /* never AUTO */
	bool ram_bound; /* false: the nodes have not enough, by what they say */
	bool ram_strict; /* the nodes were named: RAM is to come from no other */
	size_t n_nodes;
	struct moat_placed_node *node; /* the first is nearest to the devices */
	unsigned int n_vcpus;
	struct moat_placed_vcpu *vcpu;
	size_t n_devices;
	struct moat_placed_device *device; /* as in the request */
	struct moat_set main; /* for all other threads of the program */
	bool main_alone;      /* no vCPU uses them */
	uint8_t *distance;    /* n_nodes squared, 10 for a node to itself */
	char why[256];	      /* one sentence, for people */
};

/**
 * moat_place() - find the place
 *
 * With MOAT_PLACE_AUTO the whole guest goes to one node where it fits: the
 * one that most devices are on, else the nearest to them, and of equals the
 * one with more free memory. If no node has room for all of it, it is spread
 * over as few as do. vCPUs get CPUs of their own: whole cores before
 * hyperthreads, none that is busy. When there are not enough, they share.
 *
 * Return: 0; -EINVAL when the rule names what is not there or not allowed;
 * -ENOMEM when the rule or @pages asks for more than the nodes have (with
 * the node and the remedy in @err), or out of memory.
 */
int moat_place(const struct moat_topology *topology,
	       const struct moat_place_request *request,
	       struct moat_placement **ret_placement, struct moat_err *err)
	__attribute__((visibility("default")));

/** moat_placement_free() - NULL is fine */
void moat_placement_free(struct moat_placement *placement)
	__attribute__((visibility("default")));

#ifdef __cplusplus
}
#endif
#endif /* MOAT_PLACEMENT_H */
