// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Planning, see moat/placement.h: which nodes, and how much of the guest on
 * each. placement_cpus.c then picks the CPUs.
 *
 * The nodes are put in order, best first. The first that has room for the
 * whole guest gets it; if none has, the guest is spread over as many of them,
 * in that order, as it takes.
 *
 * Room is memory and CPUs. For CPUs there are three levels: those that no
 * other guest uses; all, shared; and, for a guest with more vCPUs than there
 * are CPUs, each node's part of them. The first level with enough of them, on
 * all nodes together, is the one that counts.
 *
 * Vocabulary: a node is an index of the topology here, and a place is an
 * index of the nodes that the guest gets.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assign/placement_internal.h"
#include "common/text.h"
#include "common/util.h"

/* ---- what may be used ---- */

static bool may_use_cpu(const struct planner *p, unsigned int cpu)
{
	const struct moat_place_request *req = p->req;

	if (req->cpus && !moat_set_has(req->cpus, cpu))
		return false;
	return req->rule->mode != MOAT_PLACE_CPUS ||
	       moat_set_has(&req->rule->set, cpu);
}

static bool may_use_node(const struct planner *p, int os)
{
	return p->req->rule->mode != MOAT_PLACE_NODES ||
	       moat_set_has(&p->req->rule->set, (unsigned int)os);
}

static bool has_memory(const struct planner *p, int os)
{
	return !p->req->nodes || moat_set_has(p->req->nodes, (unsigned int)os);
}

static void survey(struct planner *p)
{
	const struct moat_topology *t = p->t;

	for (unsigned int i = 0; i < t->n_cpus; i++) {
		const struct topology_cpu *cpu = &t->cpu[i];
		struct node_room *room = &p->room[cpu->node];
		bool busy = p->req->busy &&
			    moat_set_has(p->req->busy, cpu->cpu);

		if (busy)
			p->core_load[cpu->core]++;
		if (!may_use_cpu(p, cpu->cpu) ||
		    !may_use_node(p, t->node[cpu->node].os)) {
			p->state[i] = CPU_BARRED;
			continue;
		}
		p->state[i] = busy ? CPU_BUSY : CPU_FREE;
		room->n_cpus++;
		p->n_cpus++;
		if (!busy) {
			room->n_free++;
			p->n_free++;
		}
	}
	for (unsigned int i = 0; i < t->n_nodes; i++)
		p->room[i].memory = has_memory(p, t->node[i].os) &&
				    may_use_node(p, t->node[i].os);
}

static const struct topology_cpu *find_cpu(const struct moat_topology *t,
					   unsigned int cpu)
{
	for (unsigned int i = 0; i < t->n_cpus; i++)
		if (t->cpu[i].cpu == cpu)
			return &t->cpu[i];
	return NULL;
}

static const struct topology_node *find_node(const struct moat_topology *t,
					     int os)
{
	for (unsigned int i = 0; i < t->n_nodes; i++)
		if (t->node[i].os == os)
			return &t->node[i];
	return NULL;
}

/* What the user named must be there. */
static int check_rule(const struct planner *p)
{
	const struct moat_set *set = &p->req->rule->set;

	if (p->req->rule->mode == MOAT_PLACE_CPUS)
		for (int i = moat_set_next(set, 0); i >= 0;
		     i = moat_set_next(set, (unsigned int)i + 1))
			if (!find_cpu(p->t, (unsigned int)i) ||
			    !may_use_cpu(p, (unsigned int)i))
				return moat_fail(
					p->err, -EINVAL,
					"-place: CPU %d is not there, offline, "
					"or not allowed to this process (look "
					"at its cgroup and at taskset -p)",
					i);
	if (p->req->rule->mode == MOAT_PLACE_NODES)
		for (int i = moat_set_next(set, 0); i >= 0;
		     i = moat_set_next(set, (unsigned int)i + 1))
			if (!find_node(p->t, i) || !has_memory(p, i))
				return moat_fail(
					p->err, -EINVAL,
					"-place: node %d is not there, or not "
					"allowed to this process (look at its "
					"cgroup and at numactl --show)",
					i);
	if (p->n_cpus == 0)
		return moat_fail(p->err, -EINVAL,
				 "-place: no CPU of %s is allowed to this "
				 "process",
				 p->req->rule->mode == MOAT_PLACE_NODES
					 ? "these nodes"
					 : "any node");
	return 0;
}

/* ---- the order of nodes ---- */

static unsigned int node_of_device(const struct planner *p, size_t i)
{
	unsigned int n;

	for (n = 0; n < p->t->n_nodes; n++)
		if (p->t->node[n].os == p->req->devices[i].node)
			break;
	return n;
}

static void rank_nodes(struct planner *p)
{
	const struct moat_topology *t = p->t;

	for (size_t i = 0; i < p->req->n_devices; i++) {
		unsigned int at = node_of_device(p, i);

		/* Firmware does not say where it is, or says nonsense. */
		if (at == t->n_nodes)
			continue;
		p->room[at].votes++;
		for (unsigned int n = 0; n < t->n_nodes; n++)
			p->room[n].distance += t->distance[at][n];
	}
}

typedef bool before_fn(const struct planner *p, unsigned int a, unsigned int b);

/* Is node @a better than @b for the guest? Best is what lies first. */
static bool is_better(const struct planner *p, unsigned int a, unsigned int b)
{
	const struct node_room *x = &p->room[a], *y = &p->room[b];
	uint64_t free_x = p->t->node[a].free[MOAT_PLACE_PAGES_SMALL];
	uint64_t free_y = p->t->node[b].free[MOAT_PLACE_PAGES_SMALL];

	if ((x->n_cpus > 0) != (y->n_cpus > 0))
		return x->n_cpus > 0;
	if (x->votes != y->votes)
		return x->votes > y->votes;
	if (x->distance != y->distance)
		return x->distance < y->distance;
	if (free_x != free_y)
		return free_x > free_y;
	return a < b;
}

/* Behind the best one: what is nearest to it. */
static bool is_nearer(const struct planner *p, unsigned int a, unsigned int b)
{
	const uint8_t *distance = p->t->distance[p->order[0]];

	if ((p->room[a].n_cpus > 0) != (p->room[b].n_cpus > 0))
		return p->room[a].n_cpus > 0;
	if (distance[a] != distance[b])
		return distance[a] < distance[b];
	return is_better(p, a, b);
}

static void sort_nodes(const struct planner *p, unsigned int *node,
		       unsigned int n, before_fn *before)
{
	for (unsigned int i = 1; i < n; i++)
		for (unsigned int j = i;
		     j > 0 && before(p, node[j], node[j - 1]); j--) {
			unsigned int swap = node[j];

			node[j] = node[j - 1];
			node[j - 1] = swap;
		}
}

static void order_nodes(struct planner *p)
{
	for (unsigned int i = 0; i < p->t->n_nodes; i++)
		if (p->room[i].n_cpus || p->room[i].memory)
			p->order[p->n_order++] = i;
	sort_nodes(p, p->order, p->n_order, is_better);
	memcpy(p->near, p->order, sizeof(p->near));
	sort_nodes(p, p->near + 1, p->n_order - 1, is_nearer);
}

/* ---- which of them ---- */

static unsigned int cpu_room(const struct planner *p, unsigned int node)
{
	const struct node_room *room = &p->room[node];

	switch (p->level) {
	case CPUS_FREE:
		return room->n_free;
	case CPUS_SHARED:
		return room->n_cpus;
	case CPUS_CROWDED:
		break;
	}
	/* Rounded up: all of them together have room for all. */
	return (p->req->n_vcpus * room->n_cpus + p->n_cpus - 1) / p->n_cpus;
}

static uint64_t page_bytes(enum moat_place_pages pages)
{
	return pages == MOAT_PLACE_PAGES_1G ? GiB : 2 * MiB;
}

/* In whole pages; of ordinary memory, in what huge ones could be made of. */
static uint64_t ram_room(const struct planner *p, unsigned int node,
			 enum moat_place_pages pages)
{
	return p->room[node].memory ? align_down(p->t->node[node].free[pages],
						 page_bytes(pages))
				    : 0;
}

static bool fits_one(const struct planner *p, unsigned int node,
		     enum moat_place_pages pages)
{
	return cpu_room(p, node) >= p->req->n_vcpus &&
	       ram_room(p, node, pages) >= p->req->ram_bytes;
}

/* How many of @near it takes, from the first on; 0 when all are too few. */
static unsigned int fits_first(const struct planner *p,
			       enum moat_place_pages pages)
{
	unsigned int cpus = 0, n;
	uint64_t ram = 0;

	for (n = 0; n < p->n_order; n++) {
		cpus += cpu_room(p, p->near[n]);
		ram += ram_room(p, p->near[n], pages);
		if (cpus >= p->req->n_vcpus && ram >= p->req->ram_bytes)
			return n + 1;
	}
	return 0;
}

struct choice {
	const unsigned int *nodes;
	unsigned int n; /* 0: the guest does not fit */
};

static struct choice choose(const struct planner *p,
			    enum moat_place_pages pages)
{
	struct choice c = { p->near, 0 };

	/* Those that the user named, all of them. */
	if (p->req->rule->mode == MOAT_PLACE_NODES) {
		c.n = fits_first(p, pages) ? p->n_order : 0;
		return c;
	}
	for (unsigned int i = 0; i < p->n_order; i++)
		if (fits_one(p, p->order[i], pages))
			return (struct choice) { &p->order[i], 1 };
	c.n = fits_first(p, pages);
	return c;
}

static const char *page_name(enum moat_place_pages pages)
{
	return pages == MOAT_PLACE_PAGES_1G ? "1 GiB" : "2 MiB";
}

/* The user asked for these pages: say which node lacks them. */
static int huge_shortage(const struct planner *p, enum moat_place_pages pages)
{
	const struct topology_node *node = &p->t->node[p->order[0]];
	uint64_t size = page_bytes(pages), total = 0;
	uint64_t want = (p->req->ram_bytes + size - 1) / size;
	uint64_t here = ram_room(p, p->order[0], pages) / size;
	char where[40] = "";

	for (unsigned int i = 0; i < p->n_order; i++)
		total += ram_room(p, p->order[i], pages) / size;
	if (p->n_order > 1)
		(void)snprintf(where, sizeof(where), ", %llu on all nodes",
			       (unsigned long long)total);
	return moat_fail(
		p->err, -ENOMEM,
		"guest RAM needs %llu huge pages of %s, %llu are free on node "
		"%d%s, %llu are missing; reserve them with: echo %llu > "
		"/sys/devices/system/node/node%d/hugepages/"
		"hugepages-%llukB/nr_hugepages",
		(unsigned long long)want, page_name(pages),
		(unsigned long long)here, node->os, where,
		(unsigned long long)(want > total ? want - total : 0),
		(unsigned long long)(p->t->node[p->order[0]].pool[pages] / size +
				     want - here),
		node->os, (unsigned long long)(size / KiB));
}

static int memory_shortage(const struct planner *p)
{
	char set[MOAT_SET_STRLEN];
	uint64_t total = 0;

	for (unsigned int i = 0; i < p->n_order; i++)
		total += ram_room(p, p->order[i], MOAT_PLACE_PAGES_SMALL);
	return moat_fail(p->err, -ENOMEM,
			 "guest RAM of %llu MiB is more than node %s of -place "
			 "has: %llu MiB are available; give less with -m, or "
			 "more nodes",
			 (unsigned long long)(p->req->ram_bytes / MiB),
			 moat_set_str(&p->req->rule->set, set),
			 (unsigned long long)(total / MiB));
}

/*
 * By what the nodes say, there is not enough. Whoever allocates it will know;
 * the CPUs are placed all the same, as near as can be.
 */
static struct choice choose_without_ram(struct planner *p)
{
	struct choice c = { p->near, 0 };
	unsigned int cpus = 0;

	p->plan->ram_bound = false;
	for (unsigned int i = 0; i < p->n_order; i++)
		if (cpu_room(p, p->order[i]) >= p->req->n_vcpus)
			return (struct choice) { &p->order[i], 1 };
	while (c.n < p->n_order && cpus < p->req->n_vcpus)
		cpus += cpu_room(p, p->near[c.n++]);
	return c;
}

/* Are the nodes of @a as few as those of @b, and as near? */
static bool is_no_worse(const struct choice *a, const struct choice *b)
{
	if (a->n != b->n)
		return a->n && (!b->n || a->n < b->n);
	return a->n > 1 || (a->n && a->nodes == b->nodes);
}

static int choose_pages(struct planner *p, struct choice *ret_choice)
{
	enum moat_place_pages want = p->req->pages;
	struct choice huge, small;

	if (want == MOAT_PLACE_PAGES_2M || want == MOAT_PLACE_PAGES_1G) {
		p->plan->pages = want;
		*ret_choice = choose(p, want);
		return ret_choice->n ? 0 : huge_shortage(p, want);
	}
	small = choose(p, MOAT_PLACE_PAGES_SMALL);
	p->plan->pages = MOAT_PLACE_PAGES_SMALL;
	*ret_choice = small;
	if (want == MOAT_PLACE_PAGES_AUTO) {
		huge = choose(p, MOAT_PLACE_PAGES_2M);
		if (is_no_worse(&huge, &small)) {
			p->plan->pages = MOAT_PLACE_PAGES_2M;
			*ret_choice = huge;
		}
	}
	if (ret_choice->n)
		return 0;
	if (p->req->rule->mode == MOAT_PLACE_NODES)
		return memory_shortage(p);
	*ret_choice = choose_without_ram(p);
	return 0;
}

static void choose_level(struct planner *p)
{
	if (p->req->n_vcpus <= p->n_free)
		p->level = CPUS_FREE;
	else if (p->req->n_vcpus <= p->n_cpus)
		p->level = CPUS_SHARED;
	else
		p->level = CPUS_CROWDED;
}

/* ---- how much on each ---- */

/* One after the other in turns, so that all get about as many. */
static void deal_vcpus(struct planner *p)
{
	struct moat_placement *plan = p->plan;
	size_t place = 0;

	for (unsigned int i = 0; i < plan->n_vcpus; i++) {
		/* Ends: together they have room for all. */
		while (plan->node[place].n_vcpus >= cpu_room(p, p->place[place]))
			place = (place + 1) % plan->n_nodes;
		plan->node[place].n_vcpus++;
		place = (place + 1) % plan->n_nodes;
	}
}

/* What part of the RAM calls for being on a node? */
static unsigned int weight(const struct planner *p, size_t place)
{
	/* The user named them all, so all get RAM, with a vCPU or not. */
	if (p->req->rule->mode == MOAT_PLACE_NODES &&
	    p->plan->n_vcpus < p->plan->n_nodes)
		return 1;
	return p->plan->node[place].n_vcpus;
}

/* As much as its vCPUs call for; the rest wherever there is room. */
static void deal_ram(struct planner *p)
{
	struct moat_placement *plan = p->plan;
	uint64_t left = p->req->ram_bytes, page = page_bytes(plan->pages);
	uint64_t pages = left / page, share, room;
	unsigned int weights = 0;

	for (size_t i = 0; i < plan->n_nodes; i++)
		weights += weight(p, i);
	for (size_t i = 0; i < plan->n_nodes; i++) {
		share = pages * weight(p, i) / weights * page;
		room = ram_room(p, p->place[i], plan->pages);
		plan->node[i].ram_bytes = min_u64(share, room);
		left -= plan->node[i].ram_bytes;
	}
	for (size_t i = 0; i < plan->n_nodes && left; i++) {
		room = ram_room(p, p->place[i], plan->pages) -
		       plan->node[i].ram_bytes;
		plan->node[i].ram_bytes += min_u64(left, room);
		left -= min_u64(left, room);
	}
}

/* One that got nothing was only in the way to a farther one. */
static void drop_empty(struct planner *p)
{
	struct moat_placement *plan = p->plan;
	size_t n = 0;

	for (size_t i = 0; i < plan->n_nodes; i++) {
		if (plan->node[i].n_vcpus == 0 && plan->node[i].ram_bytes == 0)
			continue;
		plan->node[n] = plan->node[i];
		p->place[n++] = p->place[i];
	}
	plan->n_nodes = n;
}

static int fill_nodes(struct planner *p, const struct choice *choice)
{
	struct moat_placement *plan = p->plan;
	size_t n = choice->n;

	plan->n_nodes = n;
	plan->node = calloc(n, sizeof(*plan->node));
	plan->distance = calloc(n, n);
	if (!plan->node || !plan->distance)
		return moat_fail(p->err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++) {
		p->place[i] = choice->nodes[i];
		plan->node[i].host_node = p->t->node[p->place[i]].os;
	}
	deal_vcpus(p);
	if (plan->ram_bound)
		deal_ram(p);
	drop_empty(p);
	n = plan->n_nodes;
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++)
			plan->distance[i * n + j] =
				p->t->distance[p->place[i]][p->place[j]];
	return 0;
}

/* ---- why ---- */

static void say_reason(const struct planner *p, struct moat_text *t,
		       const struct choice *choice)
{
	const struct node_room *room = &p->room[p->place[0]];

	switch (p->req->rule->mode) {
	case MOAT_PLACE_NODES:
		moat_text_add(t, ", as told");
		return;
	case MOAT_PLACE_CPUS:
		moat_text_add(t, ", by the CPUs told");
		return;
	default:
		break;
	}
	if (choice->n > 1)
		moat_text_add(t, ": no node has room for all of it");
	else if (p->t->n_nodes == 1)
		moat_text_add(t, ", the only one");
	else if (room->votes && p->req->n_devices == 1)
		moat_text_add(t, ", where its device is");
	else if (room->votes)
		moat_text_add(t, ", which %u of %zu devices %s on", room->votes,
			      p->req->n_devices,
			      room->votes == 1 ? "is" : "are");
	else if (p->room[p->order[0]].votes)
		moat_text_add(t,
			      ": node %d, where a device is, has not the room",
			      p->t->node[p->order[0]].os);
	else
		moat_text_add(t, ", which has the most free memory");
}

static void explain(const struct planner *p, const struct choice *choice)
{
	struct moat_placement *plan = p->plan;
	struct moat_text t = { plan->why, sizeof(plan->why), 0 };

	moat_text_add(&t, "node%s", plan->n_nodes > 1 ? "s" : "");
	for (size_t i = 0; i < plan->n_nodes; i++)
		moat_text_add(&t, "%s %d", i ? "," : "",
			      plan->node[i].host_node);
	say_reason(p, &t, choice);
	if (p->level == CPUS_SHARED)
		moat_text_add(&t, "; CPUs are shared with other guests");
	else if (p->level == CPUS_CROWDED)
		moat_text_add(&t, "; %u vCPUs share %u CPU%s", plan->n_vcpus,
			      p->n_cpus, p->n_cpus == 1 ? "" : "s");
	if (!plan->ram_bound)
		moat_text_add(&t,
			      "; RAM is not bound, the nodes are short of it");
}

/* ---- the whole ---- */

static int plan_all(struct planner *p)
{
	struct choice choice;
	int r;

	p->plan->n_vcpus = p->req->n_vcpus;
	survey(p);
	r = check_rule(p);
	if (r < 0)
		return r;
	rank_nodes(p);
	order_nodes(p);
	choose_level(p);
	p->plan->ram_bound = true;
	p->plan->ram_strict = p->req->rule->mode == MOAT_PLACE_NODES;
	r = choose_pages(p, &choice);
	if (r < 0)
		return r;
	r = fill_nodes(p, &choice);
	if (r < 0)
		return r;
	r = placement_pick_cpus(p);
	if (r == 0)
		explain(p, &choice);
	return r;
}

static int plan_off(struct planner *p)
{
	static const enum moat_place_pages pages[] = {
		[MOAT_PLACE_PAGES_AUTO] = MOAT_PLACE_PAGES_SMALL,
		[MOAT_PLACE_PAGES_SMALL] = MOAT_PLACE_PAGES_SMALL,
		[MOAT_PLACE_PAGES_2M] = MOAT_PLACE_PAGES_2M,
		[MOAT_PLACE_PAGES_1G] = MOAT_PLACE_PAGES_1G,
	};

	p->plan->off = true;
	p->plan->pages = pages[p->req->pages];
	(void)snprintf(p->plan->why, sizeof(p->plan->why),
		       "nothing is placed, as told");
	return 0;
}

int moat_place(const struct moat_topology *t,
	       const struct moat_place_request *request,
	       struct moat_placement **ret_placement, struct moat_err *err)
{
	struct planner p = { .t = t, .req = request, .err = err };
	int r = -ENOMEM;

	p.plan = calloc(1, sizeof(*p.plan));
	p.state = calloc(t ? t->n_cpus : 1, sizeof(*p.state));
	p.core_load = calloc(t ? t->n_cores : 1, sizeof(*p.core_load));
	if (!p.plan || !p.state || !p.core_load)
		(void)moat_fail(err, r, "out of memory");
	else if (request->rule->mode == MOAT_PLACE_OFF)
		r = plan_off(&p);
	else
		r = plan_all(&p);
	free(p.core_load);
	free(p.state);
	if (r < 0)
		moat_placement_free(p.plan);
	else
		*ret_placement = p.plan;
	return r;
}

void moat_placement_free(struct moat_placement *plan)
{
	if (!plan)
		return;
	free(plan->distance);
	free(plan->device);
	free(plan->vcpu);
	free(plan->node);
	free(plan);
}
