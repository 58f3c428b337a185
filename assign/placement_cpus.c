// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which CPUs: each vCPU's own, whole cores before hyperthreads; then, of what
 * is left, one for each device that serves a thread; and what is left after
 * that for the program's other threads.
 *
 * Where nothing is left on the right node, the nearest node that has
 * something does: a neighbour's CPU is slower to reach, but one that a vCPU
 * spins on is not there at all. Only where there is none, CPUs are shared.
 */
#include <errno.h>
#include <stdlib.h>

#include "assign/placement_internal.h"

/*
 * The free CPU of a node whose core is least in use, in the host's order.
 * Return: its index, or -1.
 */
static int pick_free(const struct planner *p, unsigned int node)
{
	const struct moat_topology *t = p->t;
	int best = -1;

	for (unsigned int i = 0; i < t->n_cpus; i++) {
		if (t->cpu[i].node != node || p->state[i] != CPU_FREE)
			continue;
		if (best < 0 || p->core_load[t->cpu[i].core] <
					p->core_load[t->cpu[best].core])
			best = (int)i;
	}
	return best;
}

static void take(struct planner *p, int i, enum cpu_state state)
{
	p->state[i] = state;
	p->core_load[p->t->cpu[i].core]++;
}

static void pick_vcpus(struct planner *p)
{
	struct moat_placement *plan = p->plan;
	struct moat_placed_vcpu *vcpu = plan->vcpu;

	for (size_t place = 0; place < plan->n_nodes; place++)
		for (unsigned int i = 0; i < plan->node[place].n_vcpus; i++) {
			int cpu = p->level == CPUS_FREE
					  ? pick_free(p, p->place[place])
					  : -1;

			vcpu->node = (unsigned int)place;
			vcpu->cpu = cpu < 0 ? -1 : (int)p->t->cpu[cpu].cpu;
			if (cpu >= 0)
				take(p, cpu, CPU_TAKEN);
			vcpu++;
		}
}

/* All that the guest may use of each node. */
static void fill_cpus(struct planner *p)
{
	for (unsigned int i = 0; i < p->t->n_cpus; i++) {
		const struct topology_cpu *cpu = &p->t->cpu[i];

		if (p->state[i] == CPU_BARRED)
			continue;
		for (size_t place = 0; place < p->plan->n_nodes; place++)
			if (p->place[place] == cpu->node)
				moat_set_add(&p->plan->node[place].cpus,
					     cpu->cpu);
	}
}

static bool is_taken(const struct planner *p, unsigned int i)
{
	/* vCPUs that share float over all CPUs of their nodes. */
	if (p->state[i] == CPU_TAKEN)
		return true;
	if (p->level == CPUS_FREE)
		return false;
	for (size_t place = 0; place < p->plan->n_nodes; place++)
		if (p->place[place] == p->t->cpu[i].node &&
		    p->plan->node[place].n_vcpus)
			return true;
	return false;
}

/* A free CPU of the node nearest to @node. Return: its index, or -1. */
static int pick_nearest(const struct planner *p, unsigned int node)
{
	int best = -1, cpu;

	for (unsigned int n = 0; n < p->t->n_nodes; n++) {
		cpu = pick_free(p, n);
		if (cpu < 0 || is_taken(p, (unsigned int)cpu))
			continue;
		if (best < 0 ||
		    p->t->distance[node][n] <
			    p->t->distance[node][p->t->cpu[best].node])
			best = cpu;
	}
	return best;
}

static unsigned int node_of_device(const struct planner *p, size_t i)
{
	for (unsigned int n = 0; n < p->t->n_nodes; n++)
		if (p->t->node[n].os == p->req->devices[i].node)
			return n;
	return p->place[0];
}

static void all_placed_cpus(const struct planner *p, struct moat_set *set)
{
	for (size_t i = 0; i < p->plan->n_nodes; i++)
		moat_set_unite(set, &p->plan->node[i].cpus);
}

static void pick_for_device(struct planner *p, size_t i)
{
	struct moat_placed_device *device = &p->plan->device[i];
	int cpu = pick_nearest(p, node_of_device(p, i));

	if (cpu < 0) {
		all_placed_cpus(p, &device->cpus);
		return;
	}
	take(p, cpu, CPU_SERVES);
	moat_set_add(&device->cpus, p->t->cpu[cpu].cpu);
	device->alone = true;
}

static void pick_devices(struct planner *p)
{
	for (size_t i = 0; i < p->req->n_devices; i++) {
		struct moat_placed_device *device = &p->plan->device[i];

		device->node = -1;
		for (size_t place = 0; place < p->plan->n_nodes; place++)
			if (p->plan->node[place].host_node ==
			    p->req->devices[i].node)
				device->node = (int)place;
		if (p->req->devices[i].serves_thread)
			pick_for_device(p, i);
	}
}

static bool is_placed(const struct planner *p, unsigned int node)
{
	for (size_t place = 0; place < p->plan->n_nodes; place++)
		if (p->place[place] == node)
			return true;
	return false;
}

/* Free CPUs of the guest's nodes, or of the others. Return: any? */
static bool add_left(const struct planner *p, bool placed, struct moat_set *set)
{
	bool any = false;

	for (unsigned int i = 0; i < p->t->n_cpus; i++) {
		if (is_placed(p, p->t->cpu[i].node) != placed ||
		    p->state[i] != CPU_FREE || is_taken(p, i))
			continue;
		moat_set_add(set, p->t->cpu[i].cpu);
		any = true;
	}
	return any;
}

static void pick_main(struct planner *p)
{
	struct moat_placement *plan = p->plan;

	plan->main_alone = add_left(p, true, &plan->main) ||
			   add_left(p, false, &plan->main);
	if (!plan->main_alone)
		all_placed_cpus(p, &plan->main);
}

int placement_pick_cpus(struct planner *p)
{
	struct moat_placement *plan = p->plan;

	plan->vcpu = calloc(plan->n_vcpus, sizeof(*plan->vcpu));
	plan->device = calloc(p->req->n_devices ? p->req->n_devices : 1,
			      sizeof(*plan->device));
	if (!plan->vcpu || !plan->device)
		return moat_fail(p->err, -ENOMEM, "out of memory");
	plan->n_devices = p->req->n_devices;
	fill_cpus(p);
	pick_vcpus(p);
	pick_devices(p);
	pick_main(p);
	return 0;
}
