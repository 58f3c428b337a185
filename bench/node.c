// SPDX-License-Identifier: GPL-2.0-or-later
/* Near and far of a device, see node.h. */
#include <errno.h>
#include <sched.h>
#include <string.h>

#include <moat/host_pci.h>
#include <moat/placement.h>

#include "bench/node.h"

/* A node that has memory, and a CPU that we may use. */
static int other_node(const struct moat_topology *topology, int near)
{
	struct moat_topology_node node;
	struct moat_topology_cpu cpu;

	for (size_t i = 0; moat_topology_node(topology, i, &node); i++) {
		if (node.node == near || !node.total)
			continue;
		for (size_t k = 0; moat_topology_cpu(topology, k, &cpu); k++)
			if (cpu.node == node.node)
				return node.node;
	}
	return BENCH_NO_NODE;
}

int bench_nodes_of(struct moat_bdf bdf, struct bench_nodes *ret_nodes,
		   struct moat_err *err)
{
	struct moat_topology *topology;
	struct moat_topology_cpu cpu;
	struct bench_nodes nodes;
	struct moat_host_pci fn;
	int r;

	r = moat_host_pci_read(NULL, bdf, &fn, err);
	if (r == 0)
		r = moat_topology_read(NULL, false, &topology, err);
	if (r < 0)
		return r;
	memset(&nodes, 0, sizeof(nodes));
	nodes.near = fn.numa_node;
	nodes.far = nodes.near == BENCH_NO_NODE
			    ? BENCH_NO_NODE
			    : other_node(topology, nodes.near);
	for (size_t i = 0; moat_topology_cpu(topology, i, &cpu); i++) {
		moat_set_add(&nodes.all, cpu.cpu);
		if (nodes.near == BENCH_NO_NODE || cpu.node == nodes.near)
			moat_set_add(&nodes.near_cpus, cpu.cpu);
		if (nodes.far != BENCH_NO_NODE && cpu.node == nodes.far)
			moat_set_add(&nodes.far_cpus, cpu.cpu);
	}
	moat_topology_free(topology);
	*ret_nodes = nodes;
	return 0;
}

int bench_run_on(const struct moat_set *cpus, struct moat_err *err)
{
	if (sched_setaffinity(0, sizeof(cpus->word),
			      (const cpu_set_t *)cpus->word) < 0)
		return moat_fail(err, -errno, "setting CPUs: %s",
				 strerror(errno));
	return 0;
}
