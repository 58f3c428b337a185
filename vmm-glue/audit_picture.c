// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The host as a picture: one card a remapping unit, in it a box an IOMMU
 * group, in that a line a function; and a card of what no unit is in front
 * of. Marks lead to the findings.
 *
 * Boxes are put into the shorter of two columns. To know how tall a card will
 * be, it is drawn twice, the first time into nothing.
 *
 * Vocabulary: lengths are in SVG's user units, pixels at first sight.
 */
#include <limits.h>
#include <string.h>

#include "common/util.h"
#include "vmm-glue/audit_page.h"
#include "vmm-glue/html.h"

#define WIDTH	   1080
#define GAP	   16
#define PAD	   14
#define COLUMNS	   2
#define BOX_WIDTH  ((WIDTH - 2 * PAD - (COLUMNS - 1) * GAP) / COLUMNS)
#define HEAD	   62 /* of a card */
#define BOX_HEAD   30
#define LINE	   38 /* of a function */
#define NAME_CHARS 60
#define MARK	   9 /* radius */
#define LEGEND	   40

struct canvas {
	const struct audit_page *page;
	FILE *out; /* NULL: nothing is drawn */
};

/* A card: a unit, or NULL for what none is in front of. */
typedef const struct posture_unit *card_unit;

static void draw_text(const struct canvas *c, int x, int y, const char *style,
		      const char *text, size_t max)
{
	if (!c->out)
		return;
	html_raw(c->out, "<text x=\"%d\" y=\"%d\" class=\"%s\">", x, y, style);
	html_clipped(c->out, text, max);
	html_raw(c->out, "</text>\n");
}

static void draw_box(const struct canvas *c, const char *style, int x, int y,
		     int width, int height)
{
	if (c->out)
		html_raw(c->out,
			 "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" "
			 "rx=\"6\" class=\"%s\"/>\n",
			 x, y, width, height, style);
}

/* The severest finding of @subject, as a mark that leads to it. */
static void draw_mark(const struct canvas *c, int x, int y, const char *subject)
{
	const struct audit_finding *f = audit_page_worst(c->page, subject);
	const char *severity;

	if (!f || !c->out)
		return;
	severity = audit_severity_name(audit_rules[f->rule].severity);
	html_raw(c->out,
		 "<a href=\"#%s\"><title>%s: %s</title><circle cx=\"%d\" "
		 "cy=\"%d\" r=\"%d\" class=\"%s\"/><text x=\"%d\" y=\"%d\" "
		 "class=\"letter\">%c</text></a>\n",
		 audit_rules[f->rule].name, severity, audit_rules[f->rule].what,
		 x, y, MARK, severity, x, y + 4, severity[0] - 'a' + 'A');
}

/* ---- functions ---- */

static void draw_function(const struct canvas *c,
			  const struct moat_host_pci *fn, int x, int y)
{
	const bool plain = !audit_is_endpoint(fn);
	char addr[MOAT_BDF_STRLEN], name[256];

	(void)moat_bdf_str(fn->bdf, addr);
	audit_page_name(c->page, fn, name, sizeof(name));
	draw_mark(c, x + PAD + MARK, y + LINE / 2 - 2, addr);
	x += PAD + 3 * MARK;
	draw_text(c, x, y + 14, plain ? "address faint" : "address", addr,
		  SIZE_MAX);
	draw_text(c, x + 112, y + 14, plain ? "driver faint" : "driver",
		  fn->driver[0] ? fn->driver : "no driver", 32);
	draw_text(c, x, y + 30, plain ? "name faint" : "name", name,
		  NAME_CHARS);
}

/* ---- groups ---- */

static bool in_card(const struct canvas *c, const struct moat_host_pci *fn,
		    card_unit unit)
{
	return audit_page_unit(c->page, fn) == unit;
}

static const char *type_text(const struct posture_group *group)
{
	static const char *const texts[] = {
		[POSTURE_TYPE_UNKNOWN] = "",
		[POSTURE_TYPE_STRICT] = "translated",
		[POSTURE_TYPE_LAZY] = "translated, flushed lazily",
		[POSTURE_TYPE_IDENTITY] = "passed through",
		[POSTURE_TYPE_OTHER] = "a driver's own tables",
		[POSTURE_TYPE_NOIOMMU] = "VFIO without an IOMMU",
	};

	return group ? texts[group->type] : "";
}

static bool is_open(const struct posture_group *group)
{
	return !group || group->type == POSTURE_TYPE_IDENTITY ||
	       group->type == POSTURE_TYPE_NOIOMMU;
}

/* Return: the box's height; 0: it has nothing in it. */
static int draw_group(const struct canvas *c, card_unit unit, int id, int x,
		      int y)
{
	const struct audit_facts *facts = c->page->facts;
	const struct posture_group *group =
		posture_group_find(&facts->posture, id);
	char title[32];
	int n = 0, height;

	for (size_t i = 0; i < facts->n; i++)
		if (facts->fns[i].iommu_group == id &&
		    in_card(c, &facts->fns[i], unit))
			n++;
	if (n == 0)
		return 0;
	height = BOX_HEAD + n * LINE + PAD / 2;
	draw_box(c, is_open(group) ? "group open" : "group", x, y, BOX_WIDTH,
		 height);
	if (id == MOAT_NO_GROUP)
		(void)snprintf(title, sizeof(title), "in no group");
	else
		(void)snprintf(title, sizeof(title), "group %d", id);
	draw_mark(c, x + PAD + MARK, y + 16, title);
	draw_text(c, x + PAD + 3 * MARK, y + 20, "head", title, SIZE_MAX);
	draw_text(c, x + BOX_WIDTH - PAD, y + 20, "type", type_text(group),
		  SIZE_MAX);
	y += BOX_HEAD;
	for (size_t i = 0; c->out && i < facts->n; i++) {
		if (facts->fns[i].iommu_group != id ||
		    !in_card(c, &facts->fns[i], unit))
			continue;
		draw_function(c, &facts->fns[i], x, y);
		y += LINE;
	}
	return height;
}

/* The first group number above @id that a function has; INT_MAX: none. */
static int next_group(const struct audit_facts *facts, int id)
{
	int next = INT_MAX;

	for (size_t i = 0; i < facts->n; i++)
		if (facts->fns[i].iommu_group > id &&
		    facts->fns[i].iommu_group < next)
			next = facts->fns[i].iommu_group;
	return next;
}

/* Return: the y below the lowest box. */
static int draw_groups(const struct canvas *c, card_unit unit, int top)
{
	int below[COLUMNS], height;

	for (size_t i = 0; i < COLUMNS; i++)
		below[i] = top;
	for (int id = next_group(c->page->facts, INT_MIN); id != INT_MAX;
	     id = next_group(c->page->facts, id)) {
		const int column = below[1] < below[0];

		height = draw_group(c, unit, id,
				    PAD + column * (BOX_WIDTH + GAP),
				    below[column]);
		if (height)
			below[column] += height + GAP;
	}
	return below[0] > below[1] ? below[0] : below[1];
}

/* ---- cards ---- */

static void describe(card_unit unit, char *buf, size_t size)
{
	const struct vtd_caps *caps;

	if (!unit) {
		(void)snprintf(buf, size,
			       "DMA from here reaches all memory, whatever "
			       "its driver");
		return;
	}
	caps = &unit->caps;
	if (!unit->is_vtd || !unit->has_caps) {
		(void)snprintf(buf, size, "%s", "");
		return;
	}
	(void)snprintf(buf, size, "registers at 0x%llx; %u bits; %s%s%s",
		       (unsigned long long)unit->address, vtd_guest_bits(caps),
		       vtd_field(caps, VTD_IR) ? "can remap interrupts"
					       : "cannot remap interrupts",
		       vtd_field(caps, VTD_PI) ? " and post them" : "",
		       vtd_field(caps, VTD_DT) ? "; lets devices translate"
					       : "");
}

/* Return: the card's height, 0 when nothing is in it. */
static int draw_card(const struct canvas *c, card_unit unit, int y)
{
	const struct canvas nothing = { c->page, NULL };
	const int below = draw_groups(&nothing, unit, y + HEAD);
	char text[256];

	if (below == y + HEAD && !unit)
		return 0;
	draw_box(c, unit ? "card" : "card open", 0, y, WIDTH, below - y);
	draw_text(c, PAD, y + 26, "title",
		  unit ? unit->name : "behind no remapping unit", SIZE_MAX);
	if (unit)
		draw_mark(c, WIDTH - PAD - MARK, y + 22, unit->name);
	describe(unit, text, sizeof(text));
	draw_text(c, PAD, y + 46, "name", text, SIZE_MAX);
	(void)draw_groups(c, unit, y + HEAD);
	return below - y;
}

static int draw_cards(const struct canvas *c)
{
	const struct posture *posture = &c->page->facts->posture;
	int y = 0, height;

	for (size_t i = 0; i < posture->n_units; i++)
		y += draw_card(c, &posture->units[i], y) + GAP;
	height = draw_card(c, NULL, y);
	return height ? y + height + GAP : y;
}

static void draw_legend(const struct canvas *c, int y)
{
	static const struct {
		const char *style, *text;
	} items[] = {
		{ "group", "a group: what is kept apart from all else" },
		{ "group open", "its DMA is not translated" },
	};
	int x = 0;

	for (size_t i = 0; i < ARRAY_SIZE(items); i++) {
		draw_box(c, items[i].style, x, y, 24, 16);
		draw_text(c, x + 32, y + 13, "name", items[i].text, SIZE_MAX);
		x += 340;
	}
	draw_text(c, x, y + 13, "name",
		  "H, M, L: a finding of high, medium, low severity", SIZE_MAX);
}

void audit_page_picture(const struct audit_page *page, FILE *out)
{
	const struct canvas canvas = { page, out }, nothing = { page, NULL };
	const int below = draw_cards(&nothing);

	html_raw(out,
		 "<div class=\"scroll\"><svg xmlns="
		 "\"http://www.w3.org/2000/svg\" viewBox=\"-1 -1 %d %d\" "
		 "role=\"img\" aria-label=\"units, groups and devices\">\n",
		 WIDTH + 2, below + LEGEND);
	(void)draw_cards(&canvas);
	draw_legend(&canvas, below + GAP / 2);
	html_raw(out, "</svg></div>\n");
}
