// SPDX-License-Identifier: GPL-2.0-or-later
/* What `moat plan` shows, of one guest on a machine of two nodes. */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assign/topology.h"
#include "common/util.h"
#include "tests/check_main.h"
#include "vmm-glue/plan.h"

#define N_DEVICES 3

struct fixture {
	struct moat_topology *topology;
	struct moat_placement *placement;
	struct plan_device device[N_DEVICES];
	struct plan plan;
};

/* A disk on node 1, a card with a thread on node 0, one that is nowhere. */
static void fixture_init(struct fixture *fx, const char *rule_text)
{
	static const struct {
		const char *name;
		int node, group;
	} devices[N_DEVICES] = {
		{ "disk & <more>", 1, 12 },
		{ "0000:82:00.0", 0, 3 },
		{ "old", MOAT_NO_NODE, MOAT_NO_GROUP },
	};
	struct moat_place_device place[N_DEVICES] = { 0 };
	struct moat_place_rule rule;
	const struct moat_place_request request = {
		.rule = &rule,
		.n_vcpus = 2,
		.ram_bytes = GiB,
		.devices = place,
		.n_devices = N_DEVICES,
	};
	struct moat_err err;

	memset(fx, 0, sizeof(*fx));
	for (size_t i = 0; i < N_DEVICES; i++) {
		struct plan_device *d = &fx->device[i];

		d->fn.bdf = (struct moat_bdf) { 0, (uint8_t)(0x81 + i), 0, 0 };
		d->fn.numa_node = devices[i].node;
		d->fn.iommu_group = devices[i].group;
		(void)strcpy(d->spec.name, devices[i].name);
		place[i].node = devices[i].node;
		place[i].serves_thread = i == 1;
	}
	ck_assert_int_eq(topology_load(NULL, "numa:2 core:2 pu:2", true,
				       &fx->topology, &err),
			 0);
	for (size_t i = 0; i < 2; i++) {
		fx->topology->node[i].total = 8 * GiB;
		fx->topology->node[i].free[MOAT_PLACE_PAGES_SMALL] =
			(2 + 2 * i) * GiB;
	}
	ck_assert_int_eq(moat_place_rule_parse(rule_text, &rule, &err), 0);
	ck_assert_int_eq(
		moat_place(fx->topology, &request, &fx->placement, &err), 0);
	fx->plan = (struct plan) {
		fx->topology, fx->placement, fx->device, N_DEVICES, 2, GiB
	};
}

static void fixture_fini(struct fixture *fx)
{
	moat_placement_free(fx->placement);
	moat_topology_free(fx->topology);
}

static char *printed(const struct plan *plan,
		     void (*print)(const struct plan *plan, FILE *out))
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(out);
	print(plan, out);
	ck_assert_int_eq(fclose(out), 0);
	return text;
}

static void tree(const struct plan *plan, FILE *out)
{
	plan_print_tree(plan, false, out);
}

static void lines(const struct plan *plan, FILE *out)
{
	plan_print_tree(plan, true, out);
}

static void json(const struct plan *plan, FILE *out)
{
	ck_assert_int_eq(plan_print_json(plan, out), 0);
}

START_TEST(a_tree)
{
	static const char want[] =
		"2 vCPUs, 1024 MiB of RAM in ordinary pages\n"
		"node 1, which 1 of 3 devices is on\n"
		"|- node 1, the guest's node 0\n"
		"|  |- RAM 1024 MiB\n"
		"|  |- vCPU 0 on CPU 4\n"
		"|  |- vCPU 1 on CPU 6\n"
		"|  `- device 0000:81:00.0 (disk & <more>), IOMMU group 12\n"
		"|- elsewhere\n"
		"|  |- on node 0: device 0000:82:00.0, IOMMU group 3, its "
		"thread on CPU 0\n"
		"|  `- on no node: device 0000:83:00.0 (old)\n"
		"`- all other threads on CPUs 5,7\n";
	struct fixture fx;
	char *text;

	fixture_init(&fx, "auto");
	text = printed(&fx.plan, tree);
	ck_assert_str_eq(text, want);
	free(text);
	text = printed(&fx.plan, lines);
	ck_assert_ptr_nonnull(strstr(text, "\xe2\x94\x94\xe2\x94\x80 all"));
	free(text);
	fixture_fini(&fx);
}
END_TEST

START_TEST(a_tree_of_nothing)
{
	struct fixture fx;
	char *text;

	fixture_init(&fx, "off");
	text = printed(&fx.plan, tree);
	ck_assert_str_eq(text, "2 vCPUs, 1024 MiB of RAM in ordinary pages\n"
			       "nothing is placed, as told\n");
	free(text);
	fixture_fini(&fx);
}
END_TEST

static struct json_object *get(struct json_object *o, const char *key)
{
	struct json_object *value = NULL;

	ck_assert_msg(json_object_object_get_ex(o, key, &value), "%s", key);
	return value;
}

static struct json_object *nth(struct json_object *o, const char *key, size_t i)
{
	struct json_object *array = get(o, key);

	ck_assert_uint_gt(json_object_array_length(array), i);
	return json_object_array_get_idx(array, i);
}

START_TEST(an_object)
{
	struct json_object *o, *node, *device;
	struct fixture fx;
	char *text;

	fixture_init(&fx, "auto");
	text = printed(&fx.plan, json);
	o = json_tokener_parse(text);
	ck_assert_ptr_nonnull(o);
	ck_assert(json_object_get_boolean(get(o, "placed")));
	node = nth(o, "nodes", 0);
	ck_assert_int_eq(json_object_get_int(get(node, "host_node")), 1);
	ck_assert_int_eq(json_object_get_int64(get(node, "ram_bytes")), GiB);
	ck_assert_int_eq(json_object_get_int(nth(node, "cpus", 3)), 7);
	ck_assert_int_eq(json_object_get_int(nth(node, "distance", 0)), 10);
	ck_assert_int_eq(json_object_get_int(get(nth(o, "vcpus", 1), "cpu")),
			 6);
	ck_assert_int_eq(json_object_get_int(nth(o, "other_threads", 1)), 7);
	device = nth(o, "devices", 0);
	ck_assert_str_eq(json_object_get_string(get(device, "name")),
			 "disk & <more>");
	ck_assert_int_eq(json_object_get_int(get(device, "node")), 0);
	device = nth(o, "devices", 2);
	ck_assert_ptr_null(get(device, "node"));
	ck_assert_ptr_null(get(device, "host_node"));
	ck_assert_ptr_null(get(device, "iommu_group"));
	json_object_put(o);
	free(text);
	fixture_fini(&fx);
}
END_TEST

static unsigned int count(const char *text, const char *what)
{
	unsigned int n = 0;

	while ((text = strstr(text, what))) {
		text += strlen(what);
		n++;
	}
	return n;
}

START_TEST(a_picture)
{
	struct fixture fx;
	char *text;

	fixture_init(&fx, "auto");
	text = printed(&fx.plan, plan_print_svg);
	ck_assert_uint_eq(count(text, "<svg "), 1);
	ck_assert_uint_eq(count(text, "</svg>\n"), 1);
	ck_assert_uint_eq(count(text, "<text"), count(text, "</text>"));
	/* One in the legend, each time. */
	ck_assert_uint_eq(count(text, "class=\"vcpu\""), 2 + 1);
	ck_assert_uint_eq(count(text, "class=\"serves\""), 1 + 1);
	ck_assert_uint_eq(count(text, "class=\"main\""), 2 + 1);
	ck_assert_uint_eq(count(text, "class=\"float\""), 0 + 1);
	ck_assert_uint_eq(count(text, "class=\"ram\""), 1);
	ck_assert_uint_eq(count(text, "class=\"card\""), 3);
	ck_assert_uint_eq(count(text, "class=\"group\""), 3);
	ck_assert_uint_eq(count(text, "class=\"device\""), 3);
	ck_assert_ptr_nonnull(strstr(text, "disk &amp; &lt;more&gt;<"));
	ck_assert_ptr_nonnull(strstr(text, "node 1: the guest's node 0"));
	free(text);
	fixture_fini(&fx);
}
END_TEST

START_TEST(a_picture_of_nothing)
{
	struct fixture fx;
	char *text;

	fixture_init(&fx, "off");
	text = printed(&fx.plan, plan_print_svg);
	ck_assert_uint_eq(count(text, "class=\"vcpu\""), 0 + 1);
	ck_assert_uint_eq(count(text, "class=\"ram\""), 0);
	ck_assert_uint_eq(count(text, "class=\"card\""), 3);
	free(text);
	fixture_fini(&fx);
}
END_TEST

CHECK_MAIN("plan", a_tree, a_tree_of_nothing, an_object, a_picture,
	   a_picture_of_nothing)
