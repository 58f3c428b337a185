// SPDX-License-Identifier: GPL-2.0-or-later
/* A plan as JSON. */
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "common/util.h"
#include "vmm-glue/plan.h"

static struct json_object *json_set(const struct moat_set *set)
{
	struct json_object *array = json_object_new_array();

	for (int i = moat_set_next(set, 0); i >= 0;
	     i = moat_set_next(set, (unsigned int)i + 1))
		json_object_array_add(array, json_object_new_int(i));
	return array;
}

/* -1 is null. */
static struct json_object *json_index(int i)
{
	return i < 0 ? NULL : json_object_new_int(i);
}

static struct json_object *json_node(const struct moat_placement *p, size_t i)
{
	struct json_object *o = json_object_new_object();
	struct json_object *distance = json_object_new_array();

	for (size_t j = 0; j < p->n_nodes; j++)
		json_object_array_add(
			distance,
			json_object_new_int(p->distance[i * p->n_nodes + j]));
	json_object_object_add(o, "host_node",
			       json_object_new_int(p->node[i].host_node));
	json_object_object_add(
		o, "ram_bytes",
		json_object_new_int64((int64_t)p->node[i].ram_bytes));
	json_object_object_add(o, "cpus", json_set(&p->node[i].cpus));
	json_object_object_add(o, "distance", distance);
	return o;
}

static struct json_object *json_vcpu(const struct moat_placed_vcpu *vcpu)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "node", json_object_new_int((int)vcpu->node));
	json_object_object_add(o, "cpu", json_index(vcpu->cpu));
	return o;
}

static struct json_object *json_device(const struct plan *plan, size_t i)
{
	struct json_object *o = json_object_new_object();
	const struct plan_device *device = &plan->device[i];
	char addr[MOAT_BDF_STRLEN];

	json_object_object_add(
		o, "address",
		json_object_new_string(moat_bdf_str(device->fn.bdf, addr)));
	json_object_object_add(o, "name",
			       json_object_new_string(device->spec.name));
	json_object_object_add(o, "host_node",
			       json_index(device->fn.numa_node));
	json_object_object_add(o, "iommu_group",
			       json_index(device->fn.iommu_group));
	if (plan->placement->off)
		return o;
	json_object_object_add(o, "node",
			       json_index(plan->placement->device[i].node));
	json_object_object_add(o, "thread_cpus",
			       json_set(&plan->placement->device[i].cpus));
	return o;
}

static void add_placement(struct json_object *o, const struct plan *plan)
{
	const struct moat_placement *p = plan->placement;
	struct json_object *nodes = json_object_new_array();
	struct json_object *vcpus = json_object_new_array();

	for (size_t i = 0; i < p->n_nodes; i++)
		json_object_array_add(nodes, json_node(p, i));
	for (unsigned int i = 0; i < p->n_vcpus; i++)
		json_object_array_add(vcpus, json_vcpu(&p->vcpu[i]));
	json_object_object_add(o, "ram_bound",
			       json_object_new_boolean(p->ram_bound));
	json_object_object_add(o, "nodes", nodes);
	json_object_object_add(o, "vcpus", vcpus);
	json_object_object_add(o, "other_threads", json_set(&p->main));
}

int plan_print_json(const struct plan *plan, FILE *out)
{
	static const char *const pages[] = {
		[MOAT_PLACE_PAGES_AUTO] = "auto",
		[MOAT_PLACE_PAGES_SMALL] = "off",
		[MOAT_PLACE_PAGES_2M] = "2M",
		[MOAT_PLACE_PAGES_1G] = "1G",
	};
	const struct moat_placement *p = plan->placement;
	struct json_object *o = json_object_new_object();
	struct json_object *devices = json_object_new_array();
	const char *text;

	json_object_object_add(o, "placed", json_object_new_boolean(!p->off));
	json_object_object_add(o, "why", json_object_new_string(p->why));
	json_object_object_add(o, "n_vcpus",
			       json_object_new_int((int)plan->n_vcpus));
	json_object_object_add(o, "ram_bytes",
			       json_object_new_int64((int64_t)plan->ram_bytes));
	json_object_object_add(o, "hugepages",
			       json_object_new_string(pages[p->pages]));
	if (!p->off)
		add_placement(o, plan);
	for (size_t i = 0; i < plan->n_devices; i++)
		json_object_array_add(devices, json_device(plan, i));
	json_object_object_add(o, "devices", devices);
	text = json_object_to_json_string_ext(
		o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
			   JSON_C_TO_STRING_NOSLASHESCAPE);
	if (text)
		(void)fprintf(out, "%s\n", text);
	json_object_put(o);
	return text ? 0 : -ENOMEM;
}
