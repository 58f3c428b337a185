// SPDX-License-Identifier: GPL-2.0-or-later
/* Lists, -place's argument, and what is read of a machine. */
#include <errno.h>
#include <string.h>

#include "assign/topology.h"
#include "common/util.h"
#include "tests/assign/fake_host.h"
#include "tests/check_main.h"

#define GAPS TOPOLOGY_DIR "/gaps.xml"

static const struct {
	const char *text;
	int want;
	const char *str; /* as printed again; NULL: the same */
} lists[] = {
	{ "0", 0, NULL },
	{ "0-3,8", 0, NULL },
	{ "8,0-3", 0, "0-3,8" },
	{ "1,2,3", 0, "1-3" },
	{ "5-5", 0, "5" },
	{ "62-65,8191", 0, NULL },
	{ "0-8191", 0, NULL },
	{ "8192", -ERANGE, NULL },
	{ "0-8192", -ERANGE, NULL },
	{ "99999999999999", -ERANGE, NULL },
	{ "", -EINVAL, NULL },
	{ ",", -EINVAL, NULL },
	{ "1,", -EINVAL, NULL },
	{ "1,,2", -EINVAL, NULL },
	{ "3-1", -EINVAL, NULL },
	{ "1-", -EINVAL, NULL },
	{ "-1", -EINVAL, NULL },
	{ "1-2-3", -EINVAL, NULL },
	{ "0x1", -EINVAL, NULL },
	{ " 1", -EINVAL, NULL },
	{ "1 ", -EINVAL, NULL },
	{ "00000000000000000001", -EINVAL, NULL },
};

START_TEST(lists_of_numbers)
{
	struct moat_set set;
	char text[MOAT_SET_STRLEN];

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		ck_assert_msg(moat_set_parse(lists[i].text, &set) ==
				      lists[i].want,
			      "'%s'", lists[i].text);
		if (lists[i].want == 0)
			ck_assert_str_eq(moat_set_str(&set, text),
					 lists[i].str ? lists[i].str
						      : lists[i].text);
	}
}
END_TEST

START_TEST(members_of_sets)
{
	struct moat_set set = { { 0 } }, other = { { 0 } };

	ck_assert_int_eq(moat_set_next(&set, 0), -1);
	moat_set_add(&set, 0);
	moat_set_add(&set, 63);
	moat_set_add(&set, 64);
	moat_set_add(&set, MOAT_SET_MAX - 1);
	moat_set_add(&set, MOAT_SET_MAX);
	ck_assert_uint_eq(moat_set_count(&set), 4);
	ck_assert_int_eq(moat_set_next(&set, 1), 63);
	ck_assert_int_eq(moat_set_next(&set, 64), 64);
	ck_assert_int_eq(moat_set_next(&set, 65), MOAT_SET_MAX - 1);
	ck_assert_int_eq(moat_set_next(&set, MOAT_SET_MAX), -1);
	ck_assert(!moat_set_has(&set, MOAT_SET_MAX));
	moat_set_add(&other, 7);
	moat_set_unite(&other, &set);
	ck_assert_uint_eq(moat_set_count(&other), 5);
}
END_TEST

/* What does not fit is said to be missing. */
START_TEST(long_lists_are_cut)
{
	struct moat_set set = { { 0 } };
	char text[MOAT_SET_STRLEN];

	for (unsigned int i = 0; i < MOAT_SET_MAX; i += 2)
		moat_set_add(&set, i);
	(void)moat_set_str(&set, text);
	ck_assert_uint_lt(strlen(text), sizeof(text));
	ck_assert_str_eq(text + strlen(text) - 4, ",...");
}
END_TEST

static const struct {
	const char *text;
	int want;
	enum moat_place_mode mode;
	const char *set;
} rules[] = {
	{ "auto", 0, MOAT_PLACE_AUTO, "" },
	{ "off", 0, MOAT_PLACE_OFF, "" },
	{ "node=1", 0, MOAT_PLACE_NODES, "1" },
	{ "node=0,2-3", 0, MOAT_PLACE_NODES, "0,2-3" },
	{ "cpus=4-7,12", 0, MOAT_PLACE_CPUS, "4-7,12" },
	{ "", -EINVAL, 0, NULL },
	{ "on", -EINVAL, 0, NULL },
	{ "autos", -EINVAL, 0, NULL },
	{ "node", -EINVAL, 0, NULL },
	{ "node=", -EINVAL, 0, NULL },
	{ "node=x", -EINVAL, 0, NULL },
	{ "cpus=1;2", -EINVAL, 0, NULL },
	{ "cpus=9000", -EINVAL, 0, NULL },
	{ "cpus=1,node=1", -EINVAL, 0, NULL },
};

START_TEST(rules_of_the_user)
{
	struct moat_place_rule rule;
	char text[MOAT_SET_STRLEN];
	struct moat_err err;

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		err.msg[0] = '\0';
		ck_assert_msg(moat_place_rule_parse(rules[i].text, &rule,
						    &err) == rules[i].want,
			      "'%s'", rules[i].text);
		ck_assert_int_eq(rules[i].want < 0, err.msg[0] != '\0');
		if (rules[i].want < 0)
			continue;
		ck_assert_int_eq(rule.mode, rules[i].mode);
		ck_assert_str_eq(moat_set_str(&rule.set, text), rules[i].set);
	}
}
END_TEST

START_TEST(numbers_may_have_gaps)
{
	/* cpu, core, node: core by core. */
	static const struct topology_cpu want[] = {
		{ 0, 0, 0 }, { 4, 0, 0 }, { 2, 1, 0 }, { 6, 1, 0 },
		{ 1, 2, 1 }, { 5, 2, 1 }, { 3, 3, 1 }, { 7, 3, 1 },
	};
	struct moat_topology *t;
	struct moat_err err;

	ck_assert_int_eq(topology_load(GAPS, NULL, true, &t, &err), 0);
	ck_assert_uint_eq(t->n_nodes, 3);
	ck_assert_int_eq(t->node[1].os, 2);
	ck_assert_int_eq(t->node[2].os, 5);
	ck_assert_uint_eq(t->node[2].n_cpus, 0);
	ck_assert_uint_eq(t->node[0].total, 8 * GiB);
	ck_assert_uint_eq(t->distance[0][1], 21);
	ck_assert_uint_eq(t->distance[2][0], 28);
	ck_assert_uint_eq(t->n_cores, 4);
	ck_assert_uint_eq(t->n_cpus, ARRAY_SIZE(want));
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		ck_assert_uint_eq(t->cpu[i].cpu, want[i].cpu);
		ck_assert_uint_eq(t->cpu[i].core, want[i].core);
		ck_assert_uint_eq(t->cpu[i].node, want[i].node);
	}
	moat_topology_free(t);
}
END_TEST

START_TEST(without_distances_others_are_remote)
{
	struct moat_topology *t;
	struct moat_err err;

	ck_assert_int_eq(topology_load(NULL, "numa:2 pu:1", true, &t, &err), 0);
	ck_assert_uint_eq(t->distance[1][1], TOPOLOGY_LOCAL);
	ck_assert_uint_eq(t->distance[0][1], TOPOLOGY_REMOTE);
	ck_assert_uint_eq(t->n_cores, 2);
	moat_topology_free(t);
}
END_TEST

START_TEST(another_machine_is_refused)
{
	struct moat_topology *t = NULL;
	struct moat_err err;

	ck_assert_int_eq(topology_load(NULL, "numa:2 pu:1", false, &t, &err),
			 -EXDEV);
	ck_assert_int_lt(topology_load("/nonexistent", NULL, true, &t, &err),
			 0);
	ck_assert_int_lt(topology_load(NULL, "nonsense:1", true, &t, &err), 0);
	ck_assert_ptr_null(t);
	ck_assert(err.msg[0]);
}
END_TEST

START_TEST(this_machine)
{
	struct moat_set cpus, nodes;
	struct moat_topology *t;
	struct moat_err err;

	ck_assert_int_eq(moat_topology_read(NULL, false, &t, &err), 0);
	ck_assert_int_eq(moat_topology_allowed(&cpus, &nodes), 0);
	ck_assert_uint_gt(t->n_nodes, 0);
	ck_assert_uint_gt(t->n_cpus, 0);
	ck_assert(moat_set_count(&cpus) > 0);
	ck_assert(moat_set_count(&nodes) > 0);
	ck_assert(moat_set_has(&cpus, (unsigned int)moat_set_next(&cpus, 0)));
	moat_topology_free(t);
}
END_TEST

/* ---- sysfs ---- */

#define NODE "sys/devices/system/node/node"
#define HUGE "/hugepages/hugepages-2048kB/"

START_TEST(free_memory_of_nodes)
{
	struct topology_node *node;
	struct fake_host h;
	struct moat_topology *t;
	struct moat_err err;

	fake_host_init(&h);
	fake_write(&h, NODE "0/meminfo",
		   "Node 0 MemTotal:       32000 kB\n"
		   "Node 0 MemFree:        10000 kB\n"
		   "Node 0 MemUsed:        22000 kB\n"
		   "Node 0 Active(anon):    9999 kB\n"
		   "Node 0 Active(file):     500 kB\n"
		   "Node 0 Inactive(file):   400 kB\n"
		   "Node 0 SReclaimable:     300 kB\n");
	fake_write(&h, NODE "0" HUGE "free_hugepages", "3\n");
	fake_write(&h, NODE "0" HUGE "nr_hugepages", "5\n");
	/* Less than what the kernel keeps. */
	fake_write(&h, NODE "2/meminfo",
		   "Node 2 MemTotal:       32000 kB\n"
		   "Node 2 MemFree:          900 kB\n");
	fake_write(&h, NODE "2" HUGE "free_hugepages",
		   "99999999999999999999\n");
	/* Nonsense. */
	fake_write(&h, NODE "5/meminfo",
		   "Node 5 MemTotal: 99999999999999999999 kB\n"
		   "Node 5 MemFree: 9223372036854775807 kB\n");
	fake_write(&h, NODE "5" HUGE "free_hugepages",
		   "18446744073709551615\n");

	ck_assert_int_eq(topology_load(GAPS, NULL, true, &t, &err), 0);
	topology_read_free(t, &h.host);
	node = t->node;
	ck_assert_uint_eq(node[0].total, 32000 * KiB);
	ck_assert_uint_eq(node[0].free[MOAT_PLACE_PAGES_SMALL],
			  (11200 - 1000) * KiB);
	ck_assert_uint_eq(node[0].free[MOAT_PLACE_PAGES_2M], 6 * MiB);
	ck_assert_uint_eq(node[0].pool[MOAT_PLACE_PAGES_2M], 10 * MiB);
	ck_assert_uint_eq(node[0].free[MOAT_PLACE_PAGES_1G], 0);
	for (size_t i = 1; i < 3; i++) {
		ck_assert_uint_eq(node[i].free[MOAT_PLACE_PAGES_SMALL], 0);
		ck_assert_uint_eq(node[i].free[MOAT_PLACE_PAGES_2M], 0);
	}
	moat_topology_free(t);
	fake_host_fini(&h);
}
END_TEST

CHECK_MAIN("topology", lists_of_numbers, members_of_sets, long_lists_are_cut,
	   rules_of_the_user, numbers_may_have_gaps,
	   without_distances_others_are_remote, another_machine_is_refused,
	   this_machine, free_memory_of_nodes)
