// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A plan as a picture: one card a node of the host, in it the CPUs by cores,
 * the memory, and the devices by IOMMU groups; what the guest gets is in
 * colour. Devices on no node have a card of their own.
 *
 * Each card is drawn from the top down; to know how tall it will be, it is
 * drawn twice, the first time into nothing.
 *
 * Vocabulary: lengths are in SVG's user units, pixels at first sight.
 */
#include <stdarg.h>
#include <string.h>

#include "common/util.h"
#include "vmm-glue/plan.h"

#define CARD_WIDTH 340
#define CARD_GAP   20
#define MARGIN	   20
#define PAD	   14 /* inside a card */
#define TOP	   92 /* title and reason */
#define CPU_SIZE   30
#define CORE_GAP   6
#define LINE	   18
#define BAR	   20
#define COLUMNS	   3

struct canvas {
	FILE *out; /* NULL: nothing is drawn */
};

static void draw(const struct canvas *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void draw(const struct canvas *c, const char *fmt, ...)
{
	va_list ap;

	if (!c->out)
		return;
	va_start(ap, fmt);
	(void)vfprintf(c->out, fmt, ap);
	va_end(ap);
}

/* Names are people's: nothing in them is markup. */
static void draw_text(const struct canvas *c, int x, int y, const char *style,
		      const char *text)
{
	draw(c, "<text x=\"%d\" y=\"%d\" class=\"%s\">", x, y, style);
	for (; *text; text++)
		switch (*text) {
		case '<':
			draw(c, "&lt;");
			break;
		case '>':
			draw(c, "&gt;");
			break;
		case '&':
			draw(c, "&amp;");
			break;
		default:
			draw(c, "%c", *text);
		}
	draw(c, "</text>\n");
}

static void draw_box(const struct canvas *c, const char *style, int x, int y,
		     int width, int height)
{
	draw(c,
	     "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"4\" "
	     "class=\"%s\"/>\n",
	     x, y, width, height, style);
}

/* ---- CPUs ---- */

struct cpu_look {
	const char *style;
	char cpu[16], vcpu[16]; /* "" when it is no vCPU's */
};

static void look_of_cpu(const struct plan *plan, unsigned int cpu,
			struct cpu_look *ret)
{
	const struct moat_placement *p = plan->placement;

	(void)snprintf(ret->cpu, sizeof(ret->cpu), "%u", cpu);
	ret->vcpu[0] = '\0';
	ret->style = "cpu";
	if (moat_set_has(&p->main, cpu))
		ret->style = "main";
	for (size_t i = 0; i < p->n_nodes; i++)
		if (moat_set_has(&p->node[i].cpus, cpu) && p->node[i].n_vcpus &&
		    p->vcpu[0].cpu < 0)
			ret->style = "float";
	for (size_t i = 0; i < p->n_devices; i++)
		if (p->device[i].alone && moat_set_has(&p->device[i].cpus, cpu))
			ret->style = "serves";
	for (unsigned int i = 0; i < p->n_vcpus; i++)
		if (p->vcpu[i].cpu == (int)cpu) {
			ret->style = "vcpu";
			(void)snprintf(ret->vcpu, sizeof(ret->vcpu), "v%u", i);
		}
}

static void draw_cpu(const struct canvas *c, const struct plan *plan,
		     unsigned int cpu, int x, int y)
{
	const int middle = x + CPU_SIZE / 2 - 1;
	struct cpu_look look;

	look_of_cpu(plan, cpu, &look);
	draw_box(c, look.style, x, y, CPU_SIZE - 2, CPU_SIZE - 2);
	if (look.vcpu[0])
		draw_text(c, middle, y + 12, "label", look.vcpu);
	draw_text(c, middle, look.vcpu[0] ? y + 24 : y + 18, "label", look.cpu);
}

static unsigned int core_size(const struct plan *plan, size_t first)
{
	struct moat_topology_cpu cpu, next;
	unsigned int n = 0;

	if (!moat_topology_cpu(plan->topology, first, &cpu))
		return 0;
	while (moat_topology_cpu(plan->topology, first + n, &next) &&
	       next.core == cpu.core)
		n++;
	return n;
}

/* Return: the y below them. */
static int draw_cpus(const struct canvas *c, const struct plan *plan, int node,
		     int x, int y)
{
	const int right = x + CARD_WIDTH - 2 * PAD;
	struct moat_topology_cpu cpu;
	unsigned int n;
	int at = x, width;

	for (size_t i = 0; (n = core_size(plan, i)) > 0; i += n) {
		(void)moat_topology_cpu(plan->topology, i, &cpu);
		if (cpu.node != node)
			continue;
		width = (int)n * CPU_SIZE + 4;
		if (at + width > right && at > x) {
			at = x;
			y += CPU_SIZE + 4 + CORE_GAP;
		}
		draw_box(c, "core", at, y, width, CPU_SIZE + 4);
		for (unsigned int j = 0; j < n; j++) {
			(void)moat_topology_cpu(plan->topology, i + j, &cpu);
			draw_cpu(c, plan, cpu.cpu, at + 3 + (int)j * CPU_SIZE,
				 y + 3);
		}
		at += width + CORE_GAP;
	}
	return at == x ? y : y + CPU_SIZE + 4 + CORE_GAP;
}

/* ---- memory ---- */

static int part(uint64_t bytes, uint64_t total)
{
	const double width = CARD_WIDTH - 2 * PAD;

	if (total == 0)
		return 0;
	return (int)(width * (double)min_u64(bytes, total) / (double)total);
}

static int draw_memory(const struct canvas *c,
		       const struct moat_topology_node *node, uint64_t ram,
		       int x, int y)
{
	uint64_t used = node->total - min_u64(node->free, node->total);
	char text[96];
	int n;

	n = snprintf(text, sizeof(text), "%llu MiB of RAM, %llu free",
		     (unsigned long long)(node->total / MiB),
		     (unsigned long long)(node->free / MiB));
	if (ram)
		(void)snprintf(text + n, sizeof(text) - (size_t)n,
			       "; the guest's: %llu",
			       (unsigned long long)(ram / MiB));
	draw_text(c, x, y + 12, "small", text);
	y += LINE;
	draw_box(c, "memory", x, y, CARD_WIDTH - 2 * PAD, BAR);
	draw_box(c, "used", x, y, part(used, node->total), BAR);
	if (ram)
		draw_box(c, "ram", x + part(used, node->total), y,
			 part(ram, node->total), BAR);
	return y + BAR + 8;
}

/* ---- devices ---- */

static int draw_device(const struct canvas *c, const struct plan_device *device,
		       int x, int y)
{
	char addr[MOAT_BDF_STRLEN], text[MOAT_BDF_STRLEN + MOAT_NAME_MAX + 4];

	(void)moat_bdf_str(device->fn.bdf, addr);
	if (strcmp(addr, device->spec.name) == 0)
		(void)snprintf(text, sizeof(text), "%s", addr);
	else
		(void)snprintf(text, sizeof(text), "%s  %s", addr,
			       device->spec.name);
	draw_box(c, "device", x, y, CARD_WIDTH - 2 * PAD - 12, LINE + 6);
	draw_text(c, x + 8, y + 16, "small", text);
	return y + LINE + 10;
}

/* Has one of the devices before @i the same group, in the same card? */
static bool group_was_drawn(const struct plan *plan, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (plan->device[j].fn.iommu_group ==
			    plan->device[i].fn.iommu_group &&
		    plan->device[j].fn.numa_node == plan->device[i].fn.numa_node)
			return true;
	return false;
}

static int draw_group(const struct canvas *c, const struct plan *plan,
		      size_t first, int x, int y)
{
	const struct moat_host_pci *fn = &plan->device[first].fn;
	int top = y;
	char text[40];

	if (fn->iommu_group == MOAT_NO_GROUP)
		(void)snprintf(text, sizeof(text), "no IOMMU group");
	else
		(void)snprintf(text, sizeof(text), "IOMMU group %d",
			       fn->iommu_group);
	draw_text(c, x + 6, y + 13, "small", text);
	y += LINE + 2;
	for (size_t i = first; i < plan->n_devices; i++)
		if (plan->device[i].fn.iommu_group == fn->iommu_group &&
		    plan->device[i].fn.numa_node == fn->numa_node)
			y = draw_device(c, &plan->device[i], x + 6, y);
	draw_box(c, "group", x, top, CARD_WIDTH - 2 * PAD, y - top);
	return y + 8;
}

static int draw_devices(const struct canvas *c, const struct plan *plan,
			int node, int x, int y)
{
	for (size_t i = 0; i < plan->n_devices; i++)
		if (plan->device[i].fn.numa_node == node &&
		    !group_was_drawn(plan, i))
			y = draw_group(c, plan, i, x, y);
	return y;
}

/* ---- cards ---- */

/* Return: the index of the guest's node there, or -1. */
static int place_of(const struct plan *plan, int node)
{
	for (size_t i = 0; i < plan->placement->n_nodes; i++)
		if (plan->placement->node[i].host_node == node)
			return (int)i;
	return -1;
}

/* Return: its height. */
static int draw_node(const struct canvas *c, const struct plan *plan,
		     const struct moat_topology_node *node, int x, int y)
{
	int place = place_of(plan, node->node), top = y;
	uint64_t ram = 0;
	char text[64];

	if (place >= 0) {
		ram = plan->placement->node[place].ram_bytes;
		(void)snprintf(text, sizeof(text),
			       "node %d: the guest's node %d", node->node,
			       place);
	} else {
		(void)snprintf(text, sizeof(text), "node %d", node->node);
	}
	draw_text(c, x + PAD, y + 26, "head", text);
	y = draw_cpus(c, plan, node->node, x + PAD, y + 40);
	y = draw_memory(c, node, ram, x + PAD, y);
	y = draw_devices(c, plan, node->node, x + PAD, y + 4);
	return y + PAD - top;
}

/* Return: its height, 0 when there is no such device. */
static int draw_nowhere(const struct canvas *c, const struct plan *plan, int x,
			int y)
{
	int top = y;

	y = draw_devices(c, plan, MOAT_NO_NODE, x + PAD, y + 40);
	if (y == top + 40)
		return 0;
	draw_text(c, x + PAD, top + 26, "head", "on no node");
	return y + PAD - top;
}

/* Card @i of them all. Return: its height, 0 when there are no more. */
static int draw_card(const struct canvas *c, const struct plan *plan, size_t i,
		     int x, int y)
{
	struct moat_topology_node node;
	bool last;

	if (moat_topology_node(plan->topology, i, &node))
		return draw_node(c, plan, &node, x, y);
	last = i == 0 || moat_topology_node(plan->topology, i - 1, &node);
	return last ? draw_nowhere(c, plan, x, y) : 0;
}

/* Rows of cards. Return: the y below the last. */
static int draw_cards(const struct canvas *c, const struct plan *plan,
		      int *ret_columns)
{
	const struct canvas nothing = { NULL };
	int y = TOP, row = 0, height, columns = 0;
	size_t i;

	for (i = 0; (height = draw_card(&nothing, plan, i, 0, 0)) > 0; i++) {
		int column = (int)(i % COLUMNS);
		int x = MARGIN + column * (CARD_WIDTH + CARD_GAP);

		if (column == 0 && i > 0) {
			y += row + CARD_GAP;
			row = 0;
		}
		draw_box(c, "card", x, y, CARD_WIDTH, height);
		(void)draw_card(c, plan, i, x, y);
		row = height > row ? height : row;
		columns = column + 1 > columns ? column + 1 : columns;
	}
	*ret_columns = columns ? columns : 1;
	return y + row;
}

static void draw_legend(const struct canvas *c, int y)
{
	static const struct {
		const char *style, *text;
		int width;
	} items[] = {
		{ "vcpu", "a vCPU's, guest RAM", 160 },
		{ "float", "shared by vCPUs", 135 },
		{ "serves", "a device's thread", 140 },
		{ "main", "other threads", 120 },
		{ "used", "RAM in use", 100 },
	};
	int x = MARGIN;

	for (size_t i = 0; i < ARRAY_SIZE(items); i++) {
		draw_box(c, items[i].style, x, y, 14, 14);
		draw_text(c, x + 20, y + 12, "small", items[i].text);
		x += items[i].width;
	}
}

static const char style[] =
	"<style>\n"
	"text { font-family: sans-serif; fill: #1c2733 }\n"
	".title { font-size: 20px; font-weight: bold }\n"
	".head { font-size: 15px; font-weight: bold }\n"
	".small { font-size: 12px }\n"
	".label { font-size: 10px; text-anchor: middle }\n"
	".card { fill: #fff; stroke: #b8c2cc }\n"
	".core { fill: #eef1f4; stroke: none }\n"
	".cpu { fill: #fff; stroke: #c8d0d8 }\n"
	".vcpu { fill: #f2a65a; stroke: #b86e22 }\n"
	".float { fill: #f9dcc0; stroke: #b86e22 }\n"
	".serves { fill: #a8d5ba; stroke: #4c8a65 }\n"
	".main { fill: #cfe3f5; stroke: #6d9cc6 }\n"
	".memory { fill: #fff; stroke: #b8c2cc }\n"
	".used { fill: #dde2e7; stroke: none }\n"
	".ram { fill: #f2a65a; stroke: #b86e22 }\n"
	".group { fill: none; stroke: #6b7785; stroke-dasharray: 4 3 }\n"
	".device { fill: #d9ead3; stroke: #6aa84f }\n"
	"</style>\n";

void plan_print_svg(const struct plan *plan, FILE *out)
{
	const struct canvas canvas = { out }, nothing = { NULL };
	int columns, below = draw_cards(&nothing, plan, &columns);
	int width = 2 * MARGIN + columns * (CARD_WIDTH + CARD_GAP) - CARD_GAP;
	int height = below + 50;
	char title[128];

	(void)snprintf(title, sizeof(title), "%u vCPU%s, %llu MiB in %s",
		       plan->n_vcpus, plan->n_vcpus == 1 ? "" : "s",
		       (unsigned long long)(plan->ram_bytes / MiB),
		       plan_pages_name(plan->placement->pages));
	width = width < 680 ? 680 : width; /* the legend's */
	(void)fprintf(out,
		      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" "
		      "height=\"%d\" viewBox=\"0 0 %d %d\">\n%s"
		      "<rect width=\"%d\" height=\"%d\" fill=\"#f5f7f9\"/>\n",
		      width, height, width, height, style, width, height);
	draw_text(&canvas, MARGIN, 42, "title", title);
	draw_text(&canvas, MARGIN, 68, "small", plan->placement->why);
	(void)draw_cards(&canvas, plan, &columns);
	draw_legend(&canvas, below + 20);
	(void)fprintf(out, "</svg>\n");
}
