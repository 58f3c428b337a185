// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An audit's page, see audit_page.h: what was found, the picture, and tables
 * of what was looked at. Light or dark as the reader's system is; it may be
 * sent by mail, so nothing is fetched and no script is in it.
 */
#include <string.h>

#include "common/util.h"
#include "vmm-glue/audit_page.h"
#include "vmm-glue/html.h"

static const char style[] =
	":root { color-scheme: light dark; --page: #f5f7f9; --card: #fff;\n"
	"  --ink: #1c2733; --faint: #5d6b79; --line: #c3ccd5; --fill: "
	"#eef2f5;\n"
	"  --fence: #3d7f56; --open: #b3261e; --link: #1f5fa8;\n"
	"  --high: #b3261e; --medium: #9a5b00; --low: #3f5f7f }\n"
	"@media (prefers-color-scheme: dark) { :root { --page: #12171c;\n"
	"  --card: #1b2229; --ink: #e3e9ee; --faint: #9aa8b5; --line: "
	"#3a4652;\n"
	"  --fill: #242d36; --fence: #6fbf8b; --open: #f0867d;\n"
	"  --link: #8db9ee; --high: #d9534a; --medium: #b87714;\n"
	"  --low: #557a9f } }\n"
	"body { margin: 0 auto; max-width: 1120px; padding: 24px 20px 60px;\n"
	"  font: 15px/1.5 system-ui, sans-serif; background: var(--page);\n"
	"  color: var(--ink) }\n"
	"h1 { font-size: 26px; margin: 0 0 4px } h2 { margin: 36px 0 12px;\n"
	"  font-size: 20px } h3 { margin: 0 0 6px; font-size: 16px }\n"
	"a { color: var(--link) } .faint { color: var(--faint) }\n"
	"td.mono, table.mono td:first-child { font-family: monospace }\n"
	".chips { margin: 16px 0 0 } .chip, .severity { display: "
	"inline-block;\n"
	"  border-radius: 10px; padding: 0 10px; color: #fff;\n"
	"  font-weight: 600; font-size: 13px }\n"
	".chip { padding: 3px 12px; border-radius: 14px; margin: 0 6px 6px 0 "
	"}\n"
	".chip.high, .severity.high { background: var(--high) }\n"
	".chip.medium, .severity.medium { background: var(--medium) }\n"
	".chip.low, .severity.low { background: var(--low) }\n"
	".chip.clean { background: #2f6b46 } .chip.unknown { background:\n"
	"  #5a6672 }\n"
	"article { background: var(--card); border: 1px solid var(--line);\n"
	"  border-left: 5px solid; border-radius: 6px; padding: 12px 16px;\n"
	"  margin: 0 0 12px }\n"
	"article.high { border-left-color: var(--high) }\n"
	"article.medium { border-left-color: var(--medium) }\n"
	"article.low { border-left-color: var(--low) }\n"
	"article:target { outline: 2px solid var(--link) }\n"
	"article h3 .severity { margin-right: 8px }\n"
	"article p { margin: 2px 0 } article ul { margin: 8px 0 0;\n"
	"  padding-left: 20px } li { overflow-wrap: anywhere }\n"
	"li b { font-family: monospace; font-weight: 600 }\n"
	"dt { font-weight: 600 }\n"
	".scroll { overflow-x: auto } .tables { display: flex; gap: 16px;\n"
	"  flex-wrap: wrap; align-items: start }\n"
	".tables table { flex: 1 1 340px }\n"
	"table { border-collapse: collapse; background: var(--card);\n"
	"  border: 1px solid var(--line); margin: 0 0 12px; font-size: 14px }\n"
	"th, td { padding: 4px 10px; text-align: left; vertical-align: top;\n"
	"  border-bottom: 1px solid var(--line) }\n"
	"th { font-weight: 500; white-space: nowrap }\n"
	"thead th { font-weight: 600; background: var(--fill) }\n"
	"td span, td.fixed, table.mono td { white-space: nowrap }\n"
	"table.mono td:nth-child(2) { white-space: normal;\n"
	"  min-width: 220px }\n"
	"details { margin: 0 0 20px } summary { cursor: pointer;\n"
	"  margin: 0 0 8px }\n"
	"svg { display: block; width: 100%; min-width: 760px }\n"
	"svg text { font: 12.5px system-ui, sans-serif; fill: var(--ink) }\n"
	"svg .title { font-size: 17px; font-weight: 700 }\n"
	"svg .head { font-size: 14px; font-weight: 600 }\n"
	"svg .type { text-anchor: end; fill: var(--faint) }\n"
	"svg .address { font: 600 12.5px monospace }\n"
	"svg .driver { fill: var(--faint) } svg .name { fill: var(--faint) }\n"
	"svg .address.faint { font-weight: 400; fill: var(--faint) }\n"
	"svg .letter { fill: #fff; font-size: 11px; font-weight: 700;\n"
	"  text-anchor: middle }\n"
	".card { fill: var(--card); stroke: var(--line) }\n"
	".group { fill: var(--fill); stroke: var(--fence); stroke-width: 2 }\n"
	".card.open, .group.open { stroke: var(--open);\n"
	"  stroke-dasharray: 6 4 }\n"
	"circle.high { fill: var(--high) } circle.medium { fill:\n"
	"  var(--medium) } circle.low { fill: var(--low) }\n"
	"@media print { article, table { break-inside: avoid } }\n";

/* ---- for the parts ---- */

void audit_page_name(const struct audit_page *page,
		     const struct moat_host_pci *fn, char *buf, size_t size)
{
	if (page->name)
		page->name(page->opaque, fn, buf, size);
	else
		(void)snprintf(buf, size, "[%04x:%04x]", fn->vendor,
			       fn->device);
}

const struct posture_unit *audit_page_unit(const struct audit_page *page,
					   const struct moat_host_pci *fn)
{
	return posture_unit_of(&page->facts->posture, page->facts->host,
			       fn->bdf);
}

const struct audit_finding *audit_page_worst(const struct audit_page *page,
					     const char *subject)
{
	/* The severest come first. */
	for (size_t i = 0; i < page->audit->n_findings; i++)
		if (strcmp(page->audit->findings[i].subject, subject) == 0)
			return &page->audit->findings[i];
	return NULL;
}

/* ---- what was found ---- */

static void print_chips(const struct audit *audit, FILE *out)
{
	size_t n[AUDIT_HIGH + 1] = { 0 };

	for (size_t i = 0; i < audit->n_findings; i++)
		n[audit_rules[audit->findings[i].rule].severity]++;
	html_raw(out, "<div class=\"chips\">\n");
	for (int s = AUDIT_HIGH; s >= AUDIT_LOW; s--)
		if (n[s]) {
			const char *name =
				audit_severity_name((enum audit_severity)s);

			html_raw(out, "<span class=\"chip %s\">%zu %s</span>\n",
				 name, n[s], name);
		}
	if (audit->n_unknown)
		html_raw(out,
			 "<span class=\"chip unknown\">%zu could not be "
			 "told</span>\n",
			 audit->n_unknown);
	if (audit->n_findings == 0 && audit->n_unknown == 0)
		html_raw(out, "<span class=\"chip clean\">nothing found: DMA "
			      "isolation holds, as far as the host shows "
			      "it</span>\n");
	html_raw(out, "</div>\n");
}

/* All of one rule, from @first on. Return: how many. */
static size_t print_rule(const struct audit *audit, size_t first, FILE *out)
{
	const enum audit_rule_id id = audit->findings[first].rule;
	const struct audit_rule *rule = &audit_rules[id];
	const char *severity = audit_severity_name(rule->severity);
	size_t i;

	html_raw(out,
		 "<article class=\"%s\" id=\"%s\"><h3><span class=\"severity "
		 "%s\">%s</span>",
		 severity, rule->name, severity, severity);
	html_text(out, rule->what);
	html_raw(out, "</h3>\n<p><strong>Why it matters:</strong> ");
	html_text(out, rule->why);
	html_raw(out, ".</p>\n<p><strong>To mend it:</strong> ");
	html_text(out, rule->mend);
	html_raw(out, ".</p>\n<ul>\n");
	for (i = first; i < audit->n_findings && audit->findings[i].rule == id;
	     i++) {
		const struct audit_finding *f = &audit->findings[i];

		html_raw(out, "<li><b>");
		html_text(out, f->subject);
		html_raw(out, "</b>%s", f->detail[0] ? ": " : "");
		html_text(out, f->detail);
		html_raw(out, "</li>\n");
	}
	html_raw(out, "</ul></article>\n");
	return i - first;
}

static void print_findings(const struct audit *audit, FILE *out)
{
	for (size_t i = 0; i < audit->n_findings;)
		i += print_rule(audit, i, out);
	if (audit->n_findings == 0)
		html_element(out, "p", "", "Nothing was found.");
	if (audit->n_unknown || audit->note)
		html_raw(out, "<h3>Not known</h3><ul>\n");
	for (size_t i = 0; i < audit->n_unknown; i++)
		html_element(out, "li", "", audit->unknown[i]);
	if (audit->note)
		html_element(out, "li", "", audit->note);
	if (audit->n_unknown || audit->note)
		html_raw(out, "</ul>\n");
}

/* ---- devices ---- */

static void print_cell(FILE *out, const char *text)
{
	html_raw(out, "<td>");
	html_text(out, text);
	html_raw(out, "</td>");
}

static const char *ats_text(const struct pci_posture *pci)
{
	if (!pci->whole)
		return "not shown";
	if (!pci->has_ats)
		return "none";
	return pci->ats_on ? "on" : "off";
}

static void print_device(const struct audit_page *page, size_t i, FILE *out)
{
	const struct moat_host_pci *fn = &page->facts->fns[i];
	const struct pci_posture *pci = &page->facts->pci[i];
	const struct posture_unit *unit = audit_page_unit(page, fn);
	char text[256];

	html_raw(out, "<tr>");
	print_cell(out, moat_bdf_str(fn->bdf, text));
	audit_page_name(page, fn, text, sizeof(text));
	print_cell(out, text);
	print_cell(out, fn->driver[0] ? fn->driver : "none");
	print_cell(out, unit ? unit->name : "none");
	if (fn->iommu_group == MOAT_NO_GROUP)
		(void)snprintf(text, sizeof(text), "none");
	else
		(void)snprintf(text, sizeof(text), "%d", fn->iommu_group);
	print_cell(out, text);
	print_cell(out, fn->reset_method[0] ? fn->reset_method : "none");
	print_cell(out, pci->masters ? "on" : "off");
	print_cell(out, ats_text(pci));
	html_raw(out, "</tr>\n");
}

static void print_devices(const struct audit_page *page, FILE *out)
{
	html_raw(out,
		 "<div class=\"scroll\"><table class=\"mono\"><thead><tr>"
		 "<th>address</th><th>device</th><th>driver</th><th>unit</th>"
		 "<th>group</th><th>reset</th><th>bus master</th>"
		 "<th>ATS</th></tr></thead><tbody>\n");
	for (size_t i = 0; i < page->facts->n; i++)
		if (audit_is_endpoint(&page->facts->fns[i]))
			print_device(page, i, out);
	html_raw(out, "</tbody></table></div>\n");
}

/* ---- the whole ---- */

void audit_page_print(const struct audit_page *page, FILE *out)
{
	html_raw(out,
		 "<!DOCTYPE html>\n<html lang=\"en\"><head>"
		 "<meta charset=\"utf-8\">\n"
		 "<meta http-equiv=\"Content-Security-Policy\" content=\""
		 "default-src 'none'; style-src 'unsafe-inline'\">\n"
		 "<meta name=\"viewport\" content=\"width=device-width\">\n"
		 "<title>DMA isolation of ");
	html_text(out, page->host);
	html_raw(out, "</title>\n<style>\n%s</style></head>\n<body>\n", style);
	html_raw(out, "<h1>DMA isolation of ");
	html_text(out, page->host);
	html_raw(out, "</h1>\n<p class=\"faint\">Linux ");
	html_text(out, page->kernel);
	html_raw(out, ", ");
	html_text(out, page->when);
	html_raw(out, ", moat ");
	html_text(out, page->version);
	html_raw(out, "</p>\n");
	if (page->only) {
		html_raw(out, "<p>Judged is what concerns <b>");
		html_text(out, page->only);
		html_raw(out, "</b>, its group, and the host; not the other "
			      "devices.</p>\n");
	}
	print_chips(page->audit, out);
	html_raw(out, "<h2>Findings</h2>\n");
	print_findings(page->audit, out);
	html_raw(out, "<h2>Units, groups and devices</h2>\n");
	audit_page_picture(page, out);
	html_raw(out, "<h2>Devices</h2>\n");
	print_devices(page, out);
	html_raw(out, "<h2>Remapping units</h2>\n");
	audit_page_units(page, out);
	html_raw(out, "<h2>What firmware says</h2>\n");
	audit_page_firmware(page, out);
	html_raw(out, "</body></html>\n");
}
