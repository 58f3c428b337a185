// SPDX-License-Identifier: GPL-2.0-or-later
/* A plan as a tree in the terminal. */
#include <string.h>

#include "common/util.h"
#include "vmm-glue/plan.h"

/* The lines of a tree: between items, in front of the last one, beside it. */
struct strokes {
	const char *item, *last, *beside, *below;
};

static const struct strokes ascii = { "|- ", "`- ", "|  ", "   " };
static const struct strokes lines = {
	"\xe2\x94\x9c\xe2\x94\x80 ",
	"\xe2\x94\x94\xe2\x94\x80 ",
	"\xe2\x94\x82  ",
	"   ",
};

struct tree {
	FILE *out;
	const struct strokes *strokes;
};

const char *plan_pages_name(enum moat_place_pages pages)
{
	static const char *const names[] = {
		[MOAT_PLACE_PAGES_AUTO] = "any pages",
		[MOAT_PLACE_PAGES_SMALL] = "ordinary pages",
		[MOAT_PLACE_PAGES_2M] = "2 MiB pages",
		[MOAT_PLACE_PAGES_1G] = "1 GiB pages",
	};

	return names[pages];
}

/* The line's beginning, for an item of the tree's second level. */
static void begin(const struct tree *tree, bool last)
{
	(void)fprintf(tree->out, "%s%s", tree->strokes->beside,
		      last ? tree->strokes->last : tree->strokes->item);
}

static void print_vcpus(const struct tree *tree, const struct plan *plan,
			size_t place, size_t *left)
{
	const struct moat_placement *p = plan->placement;
	char cpus[MOAT_SET_STRLEN];

	for (unsigned int i = 0; i < p->n_vcpus; i++) {
		if (p->vcpu[i].node != place)
			continue;
		begin(tree, --*left == 0);
		if (p->vcpu[i].cpu >= 0)
			(void)fprintf(tree->out, "vCPU %u on CPU %d\n", i,
				      p->vcpu[i].cpu);
		else
			(void)fprintf(tree->out, "vCPU %u on any of CPUs %s\n",
				      i,
				      moat_set_str(&p->node[place].cpus, cpus));
	}
}

static void print_device(const struct tree *tree, const struct plan *plan,
			 size_t i)
{
	const struct plan_device *device = &plan->device[i];
	const struct moat_placed_device *placed = &plan->placement->device[i];
	char addr[MOAT_BDF_STRLEN], cpus[MOAT_SET_STRLEN];

	(void)moat_bdf_str(device->fn.bdf, addr);
	(void)fprintf(tree->out, "device %s", addr);
	if (strcmp(addr, device->spec.name) != 0)
		(void)fprintf(tree->out, " (%s)", device->spec.name);
	if (device->fn.iommu_group != MOAT_NO_GROUP)
		(void)fprintf(tree->out, ", IOMMU group %d",
			      device->fn.iommu_group);
	if (moat_set_count(&placed->cpus))
		(void)fprintf(tree->out, ", its thread on CPU %s%s",
			      moat_set_str(&placed->cpus, cpus),
			      placed->alone ? "" : " with the vCPUs");
	(void)fputc('\n', tree->out);
}

static size_t count_devices(const struct plan *plan, int place)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->n_devices; i++)
		n += plan->placement->device[i].node == place;
	return n;
}

static void print_node(const struct tree *tree, const struct plan *plan,
		       size_t place)
{
	const struct moat_placed_node *node = &plan->placement->node[place];
	size_t left = node->n_vcpus + (node->ram_bytes > 0) +
		      count_devices(plan, (int)place);

	(void)fprintf(tree->out, "%snode %d, the guest's node %zu\n",
		      tree->strokes->item, node->host_node, place);
	if (node->ram_bytes) {
		begin(tree, --left == 0);
		(void)fprintf(tree->out, "RAM %llu MiB\n",
			      (unsigned long long)(node->ram_bytes / MiB));
	}
	print_vcpus(tree, plan, place, &left);
	for (size_t i = 0; i < plan->n_devices; i++) {
		if (plan->placement->device[i].node != (int)place)
			continue;
		begin(tree, --left == 0);
		print_device(tree, plan, i);
	}
}

static void print_others(const struct tree *tree, const struct plan *plan)
{
	size_t left = count_devices(plan, -1);

	if (left == 0)
		return;
	(void)fprintf(tree->out, "%selsewhere\n", tree->strokes->item);
	for (size_t i = 0; i < plan->n_devices; i++) {
		int node = plan->device[i].fn.numa_node;

		if (plan->placement->device[i].node >= 0)
			continue;
		begin(tree, --left == 0);
		if (node == MOAT_NO_NODE)
			(void)fprintf(tree->out, "on no node: ");
		else
			(void)fprintf(tree->out, "on node %d: ", node);
		print_device(tree, plan, i);
	}
}

void plan_print_tree(const struct plan *plan, bool utf8, FILE *out)
{
	const struct tree tree = { out, utf8 ? &lines : &ascii };
	const struct moat_placement *p = plan->placement;
	char cpus[MOAT_SET_STRLEN];

	(void)fprintf(out, "%u vCPU%s, %llu MiB of RAM in %s\n%s\n",
		      plan->n_vcpus, plan->n_vcpus == 1 ? "" : "s",
		      (unsigned long long)(plan->ram_bytes / MiB),
		      plan_pages_name(p->pages), p->why);
	if (p->off)
		return;
	for (size_t i = 0; i < p->n_nodes; i++)
		print_node(&tree, plan, i);
	print_others(&tree, plan);
	(void)fprintf(out, "%sall other threads on CPU%s %s%s\n",
		      tree.strokes->last,
		      moat_set_count(&p->main) == 1 ? "" : "s",
		      moat_set_str(&p->main, cpus),
		      p->main_alone ? "" : ", with the vCPUs");
}
