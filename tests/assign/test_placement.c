// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Planning, on machines that hwloc is told of: synthetic ones, and an XML file
 * of one whose node and CPU numbers have gaps (topology/gaps.xml: two packages
 * of two cores, hyperthreads n and n + 4; node 0, node 2, and node 5, memory
 * without CPUs of its own behind the second package).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "assign/topology.h"
#include "common/util.h"
#include "tests/check_main.h"

#define GAPS	     TOPOLOGY_DIR "/gaps.xml"
#define DEVICES_MAX  4
#define NO_DEVICE    (-2)
#define FREE_DEFAULT 8 /* GiB of each node */

/* One guest on one machine, and where it has to be. */
struct place_case {
	const char *name;
	const char *machine; /* hwloc's notation; NULL: gaps.xml */
	const char *rule;
	unsigned int n_vcpus;
	unsigned int ram_gib;
	enum moat_place_pages pages;
	int devices[DEVICES_MAX]; /* nodes; NO_DEVICE ends */
	const char *free_gib;	  /* a digit a node; NULL: the default */
	const char *huge_gib;	  /* the same, in 2 MiB pages; NULL: none */
	const char *cpus, *nodes, *busy; /* lists; NULL: all, all, none */

	const char *want_nodes; /* "1:2:4 0:1:2": node, vCPUs, GiB */
	const char *want_vcpus; /* CPUs, "-" for any of the node's */
	const char *want_main;
	enum moat_place_pages want_pages;
	bool unbound;
};

#define NONE              \
	{                 \
		NO_DEVICE \
	}
#define ON(...)                        \
	{                              \
		__VA_ARGS__, NO_DEVICE \
	}
#define SMALL MOAT_PLACE_PAGES_SMALL

static const struct place_case cases[] = {
	{ "one node", "numa:1 core:4 pu:1", "auto", 2, 2, 0, ON(0),
	  .want_nodes = "0:2:2", .want_vcpus = "0 1", .want_main = "2-3" },
	{ "the device's node", "numa:2 core:2 pu:1", "auto", 1, 2, 0, ON(1),
	  .want_nodes = "1:1:2", .want_vcpus = "2", .want_main = "3" },
	{ "whole cores first", "numa:1 core:4 pu:2", "auto", 5, 1, 0, NONE,
	  .want_nodes = "0:5:1", .want_vcpus = "0 2 4 6 1",
	  .want_main = "3,5,7" },
	{ "hyperthreads before another node", "numa:2 core:2 pu:2", "auto", 4,
	  1, 0, ON(1), .want_nodes = "1:4:1", .want_vcpus = "4 6 5 7",
	  .want_main = "0-3" },
	{ "the one most devices share", "numa:4 core:2 pu:1", "auto", 1, 1, 0,
	  ON(3, 2, 3), .want_nodes = "3:1:1", .want_vcpus = "6",
	  .want_main = "7" },
	{ "ties go to free memory", "numa:4 core:2 pu:1", "auto", 1, 1, 0,
	  ON(1, 2), .free_gib = "9459", .want_nodes = "2:1:1",
	  .want_vcpus = "4", .want_main = "5" },
	{ "no device", "numa:2 core:2 pu:1", "auto", 1, 1, 0, NONE,
	  .free_gib = "35", .want_nodes = "1:1:1", .want_vcpus = "2",
	  .want_main = "3" },
	{ "a device without locality", "numa:2 core:2 pu:1", "auto", 1, 1, 0,
	  ON(-1), .free_gib = "35", .want_nodes = "1:1:1", .want_vcpus = "2",
	  .want_main = "3" },
	{ "a node that does not exist", "numa:2 core:2 pu:1", "auto", 1, 1, 0,
	  ON(77), .want_nodes = "0:1:1", .want_vcpus = "0", .want_main = "1" },
	{ "no memory there: the other", "numa:2 core:2 pu:1", "auto", 2, 4, 0,
	  ON(1), .free_gib = "51", .want_nodes = "0:2:4", .want_vcpus = "0 1",
	  .want_main = "2-3" },
	{ "not a byte there: the other", "numa:2 core:2 pu:1", "auto", 2, 4, 0,
	  ON(1), .free_gib = "90", .want_nodes = "0:2:4", .want_vcpus = "0 1",
	  .want_main = "2-3" },
	{ "not a byte anywhere", "numa:2 core:2 pu:1", "auto", 1, 2, 0, ON(1),
	  .free_gib = "00", .want_nodes = "1:1:0", .want_vcpus = "2",
	  .want_main = "3", .unbound = true },
	{ "too much memory for one", "numa:2 core:2 pu:1", "auto", 2, 6, 0,
	  ON(1), .free_gib = "44", .want_nodes = "1:1:3 0:1:3",
	  .want_vcpus = "2 0", .want_main = "1,3" },
	{ "one vCPU, memory of two", "numa:2 core:2 pu:1", "auto", 1, 6, 0,
	  ON(1), .free_gib = "44", .want_nodes = "1:1:4 0:0:2",
	  .want_vcpus = "2", .want_main = "0-1,3" },
	{ "too many vCPUs for one", "numa:4 core:2 pu:1", "auto", 3, 3, 0,
	  ON(2), .want_nodes = "2:2:2 0:1:1", .want_vcpus = "4 5 0",
	  .want_main = "1" },
	{ "eight nodes", "numa:8 core:2 pu:2", "auto", 6, 6, 0, ON(5),
	  .want_nodes = "5:3:3 0:3:3", .want_vcpus = "20 22 21 0 2 1",
	  .want_main = "3,23" },
	{ "more vCPUs than CPUs", "numa:2 core:1 pu:1", "auto", 4, 2, 0, ON(1),
	  .want_nodes = "1:2:1 0:2:1", .want_vcpus = "- - - -",
	  .want_main = "0-1" },
	{ "one CPU", "numa:1 core:1 pu:1", "auto", 1, 1, 0, NONE,
	  .want_nodes = "0:1:1", .want_vcpus = "0", .want_main = "0" },
	{ "nowhere enough memory", "numa:2 core:2 pu:1", "auto", 1, 6, 0, ON(1),
	  .free_gib = "22", .want_nodes = "1:1:0", .want_vcpus = "2",
	  .want_main = "3", .unbound = true },
	{ "a restricted cpuset", "numa:2 core:4 pu:1", "auto", 2, 1, 0, ON(1),
	  .cpus = "1,3,6-7", .want_nodes = "1:2:1", .want_vcpus = "6 7",
	  .want_main = "1,3" },
	{ "not the device's CPUs", "numa:2 core:4 pu:1", "auto", 2, 1, 0, ON(1),
	  .cpus = "1-3", .want_nodes = "0:2:1", .want_vcpus = "1 2",
	  .want_main = "3" },
	{ "not the device's memory", "numa:2 core:4 pu:1", "auto", 2, 1, 0,
	  ON(1), .nodes = "0", .want_nodes = "0:2:1", .want_vcpus = "0 1",
	  .want_main = "2-3" },
	{ "CPUs and memory on different nodes", "numa:2 core:2 pu:1", "auto", 1,
	  1, 0, ON(1), .cpus = "2-3", .nodes = "0", .want_nodes = "1:1:0 0:0:1",
	  .want_vcpus = "2", .want_main = "3" },
	{ "other guests' CPUs", "numa:1 core:4 pu:1", "auto", 2, 1, 0, NONE,
	  .busy = "0,2", .want_nodes = "0:2:1", .want_vcpus = "1 3",
	  .want_main = "0-3" },
	{ "other guests' cores", "numa:1 core:3 pu:2", "auto", 2, 1, 0, NONE,
	  .busy = "0", .want_nodes = "0:2:1", .want_vcpus = "2 4",
	  .want_main = "1,3,5" },
	{ "another node for free CPUs", "numa:2 core:2 pu:1", "auto", 2, 1, 0,
	  ON(1), .busy = "3", .want_nodes = "0:2:1", .want_vcpus = "0 1",
	  .want_main = "2" },
	{ "all shared", "numa:2 core:2 pu:1", "auto", 2, 1, 0, ON(1),
	  .busy = "0-2", .want_nodes = "1:2:1", .want_vcpus = "- -",
	  .want_main = "2-3" },
	{ "huge pages as near", "numa:2 core:2 pu:1", "auto", 1, 2, 0, ON(1),
	  .huge_gib = "04", .want_nodes = "1:1:2", .want_vcpus = "2",
	  .want_main = "3", .want_pages = MOAT_PLACE_PAGES_2M },
	{ "no huge pages where it matters", "numa:2 core:2 pu:1", "auto", 1, 2,
	  0, ON(1), .huge_gib = "41", .want_nodes = "1:1:2", .want_vcpus = "2",
	  .want_main = "3" },
	{ "huge pages asked for", "numa:2 core:2 pu:1", "auto", 1, 2,
	  MOAT_PLACE_PAGES_2M, ON(1), .huge_gib = "41", .want_nodes = "0:1:2",
	  .want_vcpus = "0", .want_main = "1",
	  .want_pages = MOAT_PLACE_PAGES_2M },
	{ "huge pages on both", "numa:2 core:2 pu:1", "auto", 2, 4,
	  MOAT_PLACE_PAGES_2M, ON(1), .huge_gib = "22",
	  .want_nodes = "1:1:2 0:1:2", .want_vcpus = "2 0", .want_main = "1,3",
	  .want_pages = MOAT_PLACE_PAGES_2M },
	{ "huge pages only", "numa:2 core:2 pu:1", "auto", 1, 2, 0, ON(1),
	  .free_gib = "11", .huge_gib = "04", .want_nodes = "1:1:2",
	  .want_vcpus = "2", .want_main = "3",
	  .want_pages = MOAT_PLACE_PAGES_2M },
	{ "a node by name", "numa:2 core:2 pu:1", "node=0", 2, 1, 0, ON(1),
	  .want_nodes = "0:2:1", .want_vcpus = "0 1", .want_main = "0-1" },
	{ "nodes by name", "numa:4 core:2 pu:1", "node=1,3", 2, 2, 0, ON(3),
	  .want_nodes = "3:1:1 1:1:1", .want_vcpus = "6 2", .want_main = "3,7" },
	{ "nodes by name, one vCPU", "numa:4 core:2 pu:1", "node=1,3", 1, 2, 0,
	  ON(3), .want_nodes = "3:1:1 1:0:1", .want_vcpus = "6",
	  .want_main = "2-3,7" },
	{ "CPUs by name", "numa:2 core:4 pu:1", "cpus=2,6-7", 2, 1, 0, ON(0),
	  .want_nodes = "1:2:1", .want_vcpus = "6 7", .want_main = "2" },
	{ "fewer CPUs by name than vCPUs", "numa:2 core:4 pu:1", "cpus=2", 2, 1,
	  0, ON(1), .want_nodes = "0:2:1", .want_vcpus = "- -",
	  .want_main = "2" },
	{ "CPUs by name, memory elsewhere", "numa:2 core:4 pu:1", "cpus=2", 1,
	  6, 0, NONE, .free_gib = "44", .want_nodes = "0:1:4 1:0:2",
	  .want_vcpus = "2", .want_main = "2" },
	{ "gaps", NULL, "auto", 3, 2, 0, ON(2), .want_nodes = "2:3:2",
	  .want_vcpus = "1 3 5", .want_main = "7" },
	{ "gaps: memory without CPUs comes last", NULL, "auto", 1, 1, 0, ON(5),
	  .want_nodes = "2:1:1", .want_vcpus = "1", .want_main = "3,5,7" },
	{ "gaps: memory without CPUs, needed", NULL, "auto", 1, 6, 0, ON(2),
	  .free_gib = "222", .want_nodes = "2:1:2 0:0:2 5:0:2",
	  .want_vcpus = "1", .want_main = "0,2-7" },
	{ "gaps: memory without CPUs, by name", NULL, "node=2,5", 1, 4, 0,
	  ON(2), .want_nodes = "2:1:2 5:0:2", .want_vcpus = "1",
	  .want_main = "3,5,7" },
};

static struct moat_topology *load(const char *machine, const char *free_gib,
				  const char *huge_gib)
{
	struct moat_topology *t;
	struct moat_err err;

	ck_assert_msg(topology_load(machine ? NULL : GAPS, machine, true, &t,
				    &err) == 0,
		      "%s", err.msg);
	for (unsigned int i = 0; i < t->n_nodes; i++) {
		unsigned int gib = FREE_DEFAULT;

		if (free_gib)
			gib = (unsigned int)(free_gib[i] - '0');
		t->node[i].free[MOAT_PLACE_PAGES_SMALL] = gib * GiB;
		if (huge_gib) {
			gib = (unsigned int)(huge_gib[i] - '0');
			t->node[i].free[MOAT_PLACE_PAGES_2M] = gib * GiB;
			t->node[i].pool[MOAT_PLACE_PAGES_2M] = gib * GiB;
		}
	}
	return t;
}

static const struct moat_set *maybe_set(const char *list, struct moat_set *set)
{
	if (!list)
		return NULL;
	ck_assert_int_eq(moat_set_parse(list, set), 0);
	return set;
}

static int run_case(const struct place_case *c, const struct moat_topology *t,
		    struct moat_placement **ret_plan, struct moat_err *err)
{
	struct moat_place_device devices[DEVICES_MAX] = { 0 };
	struct moat_set cpus, nodes, busy;
	struct moat_place_rule rule;
	struct moat_place_request req = {
		.rule = &rule,
		.n_vcpus = c->n_vcpus,
		.ram_bytes = c->ram_gib * GiB,
		.pages = c->pages,
		.devices = devices,
		.cpus = maybe_set(c->cpus, &cpus),
		.nodes = maybe_set(c->nodes, &nodes),
		.busy = maybe_set(c->busy, &busy),
	};

	ck_assert_int_eq(moat_place_rule_parse(c->rule, &rule, err), 0);
	while (c->devices[req.n_devices] != NO_DEVICE) {
		devices[req.n_devices].node = c->devices[req.n_devices];
		req.n_devices++;
	}
	return moat_place(t, &req, ret_plan, err);
}

static void check_plan(const struct place_case *c,
		       const struct moat_placement *plan)
{
	char nodes[256] = "", vcpus[256] = "", main[MOAT_SET_STRLEN];
	size_t len = 0;

	for (size_t i = 0; i < plan->n_nodes; i++)
		len += (size_t)snprintf(
			nodes + len, sizeof(nodes) - len, "%s%d:%u:%llu",
			i ? " " : "", plan->node[i].host_node,
			plan->node[i].n_vcpus,
			(unsigned long long)(plan->node[i].ram_bytes / GiB));
	len = 0;
	for (unsigned int i = 0; i < plan->n_vcpus; i++) {
		char cpu[16] = "-";

		if (plan->vcpu[i].cpu >= 0)
			(void)snprintf(cpu, sizeof(cpu), "%d",
				       plan->vcpu[i].cpu);
		len += (size_t)snprintf(vcpus + len, sizeof(vcpus) - len,
					"%s%s", i ? " " : "", cpu);
	}
	ck_assert_msg(strcmp(nodes, c->want_nodes) == 0, "%s: nodes '%s'",
		      c->name, nodes);
	ck_assert_msg(strcmp(vcpus, c->want_vcpus) == 0, "%s: vCPUs '%s'",
		      c->name, vcpus);
	ck_assert_msg(strcmp(moat_set_str(&plan->main, main), c->want_main) == 0,
		      "%s: main on '%s'", c->name, main);
	ck_assert_msg(plan->pages == (c->want_pages ? c->want_pages : SMALL),
		      "%s: pages %d", c->name, plan->pages);
	ck_assert_msg(plan->ram_bound == !c->unbound, "%s: bound %d", c->name,
		      plan->ram_bound);
	ck_assert_msg(plan->why[0] != '\0', "%s: no reason", c->name);
}

static void find_place(size_t n)
{
	const struct place_case *c = &cases[n];
	struct moat_topology *t = load(c->machine, c->free_gib, c->huge_gib);
	struct moat_placement *plan = NULL;
	struct moat_err err = { "" };

	ck_assert_msg(run_case(c, t, &plan, &err) == 0, "%s: %s", c->name,
		      err.msg);
	check_plan(c, plan);
	moat_placement_free(plan);
	moat_topology_free(t);
}

START_TEST(guests_find_their_place)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		find_place(i);
}
END_TEST

/* Whatever it is: all vCPUs and all RAM are somewhere, no CPU twice. */
/* All vCPUs and all RAM are somewhere, and no CPU is given twice. */
static void check_whole(const struct place_case *c,
			const struct moat_placement *plan)
{
	struct moat_set used = { { 0 } };
	unsigned int vcpus = 0;
	uint64_t ram = 0;

	for (size_t i = 0; i < plan->n_nodes; i++) {
		const struct moat_placed_node *node = &plan->node[i];

		ram += node->ram_bytes;
		vcpus += node->n_vcpus;
		ck_assert(is_aligned(node->ram_bytes, 2 * MiB));
		ck_assert(!node->n_vcpus || moat_set_count(&node->cpus));
		ck_assert(node->n_vcpus || node->ram_bytes);
		ck_assert_uint_eq(plan->distance[i * plan->n_nodes + i], 10);
	}
	ck_assert_uint_eq(vcpus, c->n_vcpus);
	ck_assert(ram == (plan->ram_bound ? c->ram_gib * GiB : 0));
	for (unsigned int i = 0; i < c->n_vcpus; i++) {
		int cpu = plan->vcpu[i].cpu;

		ck_assert_uint_lt(plan->vcpu[i].node, plan->n_nodes);
		if (cpu < 0)
			continue;
		ck_assert(!moat_set_has(&used, (unsigned int)cpu));
		ck_assert(cpu != 1 || !c->busy);
		moat_set_add(&used, (unsigned int)cpu);
	}
}

START_TEST(plans_are_whole)
{
	static const char *const machines[] = {
		"numa:1 core:1 pu:1",
		"numa:2 core:3 pu:2",
		"numa:4 core:1 pu:2",
		"numa:8 core:2 pu:1",
		NULL,
	};
	struct moat_placement *plan;
	struct moat_topology *t;
	struct moat_err err;

	for (unsigned int n = 0; n < 40 * ARRAY_SIZE(machines); n++) {
		const struct place_case c = {
			.rule = "auto",
			.machine = machines[n / 40],
			.n_vcpus = n % 40 + 1,
			.ram_gib = n % 9 + 1,
			.devices = ON((int)(n % 5) - 1, (int)(n % 3)),
			.busy = n % 2 ? "1" : NULL,
		};

		t = load(c.machine, "34251637", "10203040");
		ck_assert_int_eq(run_case(&c, t, &plan, &err), 0);
		check_whole(&c, plan);
		moat_placement_free(plan);
		moat_topology_free(t);
	}
}
END_TEST

static const struct {
	struct place_case c;
	int want;
	const char *text;
} refusals[] = {
	{ { "no such node", "numa:2 core:2 pu:1", "node=3", 1, 1,
	    .devices = NONE },
	  -EINVAL,
	  "node 3" },
	{ { "node not allowed", "numa:2 core:2 pu:1", "node=0,1", 1, 1, 0, NONE,
	    .nodes = "1" },
	  -EINVAL,
	  "node 0" },
	{ { "node without allowed CPUs", "numa:2 core:2 pu:1", "node=0", 1, 1,
	    0, NONE, .cpus = "2-3" },
	  -EINVAL,
	  "no CPU" },
	{ { "no such CPU", "numa:2 core:2 pu:1", "cpus=1,9", 1, 1,
	    .devices = NONE },
	  -EINVAL,
	  "CPU 9" },
	{ { "CPU not allowed", "numa:2 core:2 pu:1", "cpus=1-2", 1, 1, 0, NONE,
	    .cpus = "2" },
	  -EINVAL,
	  "CPU 1" },
	{ { "node too small", "numa:2 core:2 pu:1", "node=1", 1, 9,
	    .devices = NONE },
	  -ENOMEM,
	  "guest RAM of 9216 MiB is more than node 1 of -place has: "
	  "8192 MiB" },
	{ { "no huge pages", "numa:1 core:2 pu:1", "auto", 1, 2,
	    MOAT_PLACE_PAGES_2M, NONE, .huge_gib = "1" },
	  -ENOMEM,
	  "guest RAM needs 1024 huge pages of 2 MiB, 512 are free on node 0, "
	  "512 are missing; reserve them with: echo 1024 > /sys/devices/system/"
	  "node/node0/hugepages/hugepages-2048kB/nr_hugepages" },
	{ { "no huge pages on any", "numa:2 core:2 pu:1", "auto", 1, 4,
	    MOAT_PLACE_PAGES_2M, ON(1), .huge_gib = "21" },
	  -ENOMEM,
	  "512 are free on node 1, 1536 on all nodes, 512 are missing; reserve "
	  "them with: echo 2048 > /sys/devices/system/node/node1/" },
	{ { "no huge pages on the one named", "numa:2 core:2 pu:1", "node=0", 1,
	    1, MOAT_PLACE_PAGES_1G, ON(1), .huge_gib = "22" },
	  -ENOMEM,
	  "1 huge pages of 1 GiB, 0 are free on node 0, 1 are" },
};

static void be_refused(size_t n)
{
	const struct place_case *c = &refusals[n].c;
	struct moat_topology *t = load(c->machine, c->free_gib, c->huge_gib);
	struct moat_placement *plan = NULL;
	struct moat_err err = { "" };

	ck_assert_msg(run_case(c, t, &plan, &err) == refusals[n].want, "%s: %s",
		      c->name, err.msg);
	ck_assert_ptr_null(plan);
	ck_assert_msg(strstr(err.msg, refusals[n].text), "%s: %s", c->name,
		      err.msg);
	moat_topology_free(t);
}

START_TEST(impossible_wishes_are_refused)
{
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++)
		be_refused(i);
}
END_TEST

START_TEST(off_places_nothing)
{
	const struct place_case c = { .rule = "off",
				      .n_vcpus = 2,
				      .ram_gib = 1,
				      .pages = MOAT_PLACE_PAGES_1G,
				      .devices = ON(0) };
	struct moat_placement *plan;
	struct moat_err err;

	/* Nor is there a need to know the machine. */
	ck_assert_int_eq(run_case(&c, NULL, &plan, &err), 0);
	ck_assert(plan->off);
	ck_assert_uint_eq(plan->n_nodes, 0);
	ck_assert_uint_eq(plan->n_vcpus, 0);
	ck_assert_uint_eq(moat_set_count(&plan->main), 0);
	ck_assert_int_eq(plan->pages, MOAT_PLACE_PAGES_1G);
	moat_placement_free(plan);
}
END_TEST

/* For a device's thread: its node, off the vCPUs; else near; else shared. */
static const struct {
	const char *machine;
	unsigned int n_vcpus;
	int nodes[2];
	const char *want[2];
	bool alone;
	int place[2];
} threads[] = {
	{ "numa:2 core:4 pu:1", 2, { 1, 0 }, { "4", "2" }, true, { -1, 0 } },
	{ "numa:2 core:4 pu:2", 2, { 1, 1 }, { "12", "14" }, true, { 0, 0 } },
	{ "numa:2 core:2 pu:1", 2, { 1, 1 }, { "0", "1" }, true, { 0, 0 } },
	{ "numa:2 core:2 pu:1", 1, { 1, 1 }, { "3", "0" }, true, { 0, 0 } },
	{ "numa:2 core:1 pu:1", 2, { 1, 0 }, { "0-1", "0-1" }, false, { 1, 0 } },
	{ "numa:1 core:4 pu:1", 1, { -1, -1 }, { "1", "2" }, true, { -1, -1 } },
};

static void place_threads(size_t n)
{
	const struct moat_place_device devices[] = {
		{ .node = threads[n].nodes[0], .serves_thread = true },
		{ .node = threads[n].nodes[1], .serves_thread = true },
	};
	const struct moat_place_rule rule = { .mode = MOAT_PLACE_AUTO };
	const struct moat_place_request req = {
		.rule = &rule,
		.n_vcpus = threads[n].n_vcpus,
		.ram_bytes = GiB,
		.devices = devices,
		.n_devices = 2,
	};
	struct moat_topology *t = load(threads[n].machine, NULL, NULL);
	struct moat_placement *plan;
	char text[MOAT_SET_STRLEN];
	struct moat_err err;

	ck_assert_int_eq(moat_place(t, &req, &plan, &err), 0);
	for (int i = 0; i < 2; i++) {
		ck_assert_str_eq(moat_set_str(&plan->device[i].cpus, text),
				 threads[n].want[i]);
		ck_assert_int_eq(plan->device[i].alone, threads[n].alone);
		ck_assert_int_eq(plan->device[i].node, threads[n].place[i]);
	}
	moat_placement_free(plan);
	moat_topology_free(t);
}

START_TEST(threads_of_devices_keep_off_the_vcpus)
{
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		place_threads(i);
}
END_TEST

START_TEST(distances_come_along)
{
	const struct place_case c = { .rule = "node=0,2,5",
				      .n_vcpus = 2,
				      .ram_gib = 12,
				      .devices = ON(2) };
	static const int nodes[] = { 2, 0, 5 };
	static const uint8_t distances[] = {
		10, 21, 17, 21, 10, 28, 17, 28, 10
	};
	struct moat_topology *t = load(NULL, "444", NULL);
	struct moat_placement *plan;
	struct moat_err err;

	ck_assert_int_eq(run_case(&c, t, &plan, &err), 0);
	ck_assert_uint_eq(plan->n_nodes, 3);
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++)
		ck_assert_int_eq(plan->node[i].host_node, nodes[i]);
	ck_assert_mem_eq(plan->distance, distances, sizeof(distances));
	moat_placement_free(plan);
	moat_topology_free(t);
}
END_TEST

CHECK_MAIN("placement", guests_find_their_place, plans_are_whole,
	   impossible_wishes_are_refused, off_places_nothing,
	   threads_of_devices_keep_off_the_vcpus, distances_come_along)
