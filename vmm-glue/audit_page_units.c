// SPDX-License-Identifier: GPL-2.0-or-later
/* Of an audit's page: what the units can do, and what firmware says of them. */
#include <string.h>

#include "common/text.h"
#include "common/util.h"
#include "vmm-glue/audit_page.h"
#include "vmm-glue/html.h"

static void row(FILE *out, const char *key, const char *value)
{
	html_raw(out, "<tr><th>");
	html_text(out, key);
	html_raw(out, "</th><td>");
	html_text(out, value);
	html_raw(out, "</td></tr>\n");
}

static const char *yes_no(bool yes)
{
	return yes ? "yes" : "no";
}

static const char *fact_text(enum posture_fact fact)
{
	static const char *const texts[] = {
		[POSTURE_UNKNOWN] = "not shown",
		[POSTURE_NO] = "no",
		[POSTURE_YES] = "yes",
	};

	return texts[fact];
}

/* ---- units ---- */

static const struct dmar_entry *drhd_of(const struct audit_page *page,
					const struct posture_unit *unit)
{
	const struct posture *posture = &page->facts->posture;
	const struct dmar_entry *drhd = NULL;

	if (!posture->has_dmar || !unit->address)
		return NULL;
	while ((drhd = dmar_next(&posture->dmar, DMAR_DRHD, drhd)))
		if (drhd->first == unit->address)
			return drhd;
	return NULL;
}

static void print_place(const struct audit_page *page,
			const struct posture_unit *unit, FILE *out)
{
	const struct dmar_entry *drhd = drhd_of(page, unit);
	uint32_t domain;
	char text[64];

	(void)snprintf(text, sizeof(text), "0x%llx",
		       (unsigned long long)unit->address);
	row(out, "registers", unit->address ? text : "not shown");
	if (!drhd)
		return;
	row(out, "in front of",
	    drhd->all ? "all of its segment that no other unit names"
		      : "what firmware names");
	(void)snprintf(text, sizeof(text), "not told");
	if (dmar_proximity(&page->facts->posture.dmar, drhd, &domain) == 0)
		(void)snprintf(text, sizeof(text), "%u", domain);
	row(out, "proximity domain", text);
}

static void print_state(const struct posture_unit *unit, FILE *out)
{
	row(out, "translates", fact_text(unit->translates));
	row(out, "remaps interrupts", fact_text(unit->remaps));
	row(out, "lets compatibility-format interrupts pass",
	    fact_text(unit->takes_compatibility));
	row(out, "protects firmware's memory",
	    fact_text(unit->protects_memory));
}

static void print_sizes(const struct vtd_caps *caps, FILE *out)
{
	static const unsigned int widths[] = { 39, 48, 57 };
	static const struct {
		uint64_t size;
		const char *text;
	} pages[] = {
		{ 4 * KiB, "4 KiB" },
		{ 2 * MiB, "2 MiB" },
		{ GiB, "1 GiB" },
	};
	char buf[64] = "", wide[64] = "", number[16];
	struct moat_text text = { .buf = buf, .size = sizeof(buf) };
	struct moat_text width = { .buf = wide, .size = sizeof(wide) };
	unsigned int offset;

	for (size_t i = 0; i < ARRAY_SIZE(pages); i++)
		if (vtd_page_sizes(caps) & pages[i].size)
			moat_text_add(&text, "%s%s", buf[0] ? ", " : "",
				      pages[i].text);
	row(out, "page sizes", buf);
	for (size_t i = 0; i < ARRAY_SIZE(widths); i++)
		if (vtd_has_width(caps, widths[i]))
			moat_text_add(&width, "%s%u", wide[0] ? ", " : "",
				      widths[i]);
	row(out, "widths of tables, in bits", wide);
	(void)snprintf(number, sizeof(number), "%u", vtd_guest_bits(caps));
	row(out, "width of requests, in bits", number);
	(void)snprintf(number, sizeof(number), "%u", vtd_domains(caps));
	row(out, "domains", number);
	(void)snprintf(number, sizeof(number), "%u",
		       vtd_fault_records(caps, &offset));
	row(out, "fault records", number);
}

static void print_abilities(const struct vtd_caps *caps, FILE *out)
{
	static const struct {
		enum vtd_field field;
		const char *text;
	} abilities[] = {
		{ VTD_C, "coherent table walks" },
		{ VTD_SC, "snoop control" },
		{ VTD_QI, "queued invalidation" },
		{ VTD_IR, "interrupt remapping" },
		{ VTD_EIM, "32-bit APIC ids" },
		{ VTD_PI, "posted interrupts" },
		{ VTD_DT, "device TLBs (ATS)" },
		{ VTD_PT, "pass-through" },
		{ VTD_SMTS, "scalable mode" },
		{ VTD_SSTS, "second-stage tables in scalable mode" },
		{ VTD_FSTS, "first-stage tables" },
		{ VTD_NEST, "nested translation" },
		{ VTD_PASID, "requests with PASID" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(abilities); i++)
		row(out, abilities[i].text,
		    yes_no(vtd_field(caps, abilities[i].field)));
}

static void print_fields(const struct vtd_caps *caps, FILE *out)
{
	html_raw(out,
		 "<details><summary>CAP 0x%016llx, ECAP 0x%016llx, field by "
		 "field</summary><div class=\"scroll\"><table>\n",
		 (unsigned long long)caps->cap, (unsigned long long)caps->ecap);
	for (int i = 0; i < VTD_FIELDS; i++) {
		const enum vtd_field field = (enum vtd_field)i;

		html_raw(out,
			 "<tr><th>%s</th><td>0x%llx</td><td>%s</td></tr>\n",
			 vtd_field_name(field),
			 (unsigned long long)vtd_field(caps, field),
			 vtd_field_text(field));
	}
	html_raw(out, "</table></div></details>\n");
}

void audit_page_units(const struct audit_page *page, FILE *out)
{
	const struct posture *posture = &page->facts->posture;

	if (posture->n_units == 0)
		html_element(out, "p", "", "The kernel has none.");
	for (size_t i = 0; i < posture->n_units; i++) {
		const struct posture_unit *unit = &posture->units[i];

		html_element(out, "h3", "", unit->name);
		if (!unit->is_vtd) {
			html_element(out, "p", "", "It is none of VT-d's.");
			continue;
		}
		html_raw(out, "<div class=\"tables\"><table>\n");
		print_place(page, unit, out);
		print_state(unit, out);
		if (unit->has_caps)
			print_sizes(&unit->caps, out);
		html_raw(out, "</table>\n");
		if (unit->has_caps) {
			html_raw(out, "<table>\n");
			print_abilities(&unit->caps, out);
			html_raw(out, "</table>\n");
		}
		html_raw(out, "</div>\n");
		if (unit->has_caps)
			print_fields(&unit->caps, out);
	}
}

/* ---- firmware ---- */

/* The functions of this host that an entry covers. */
static void print_covered(const struct audit_page *page,
			  const struct dmar_entry *entry, FILE *out)
{
	char addr[MOAT_BDF_STRLEN];
	unsigned int n = 0;

	for (size_t i = 0; i < page->facts->n; i++) {
		const struct moat_host_pci *fn = &page->facts->fns[i];
		const bool covered =
			entry->type == DMAR_DRHD
				? audit_dmar_unit(page->facts, fn) == entry
				: audit_dmar_covers(page->facts, entry, fn);

		if (covered)
			html_raw(out, "%s<span>%s</span>", n++ ? ", " : "",
				 moat_bdf_str(fn->bdf, addr));
	}
	if (n == 0)
		html_raw(out, "no function of this host");
}

static void print_entry(const struct audit_page *page,
			const struct dmar_entry *entry, FILE *out)
{
	static const char *const types[DMAR_TYPES] = {
		[DMAR_DRHD] = "DRHD: a unit",
		[DMAR_RMRR] = "RMRR: reserved memory",
		[DMAR_ATSR] = "ATSR: ports with ATS",
		[DMAR_RHSA] = "RHSA: a unit's proximity domain",
		[DMAR_ANDD] = "ANDD: a device of ACPI's",
		[DMAR_SATC] = "SATC: devices with a TLB",
		[DMAR_SIDP] = "SIDP: special devices",
	};
	const unsigned long long first = entry->first;

	html_raw(out, "<tr><th>%s</th><td class=\"fixed\">",
		 types[entry->type]);
	switch (entry->type) {
	case DMAR_RMRR:
		html_raw(out, "0x%llx-0x%llx", first,
			 (unsigned long long)entry->last);
		break;
	case DMAR_DRHD:
		html_raw(out, "0x%llx%s", first,
			 entry->all ? ", for all the rest" : "");
		break;
	case DMAR_RHSA:
		html_raw(out, "0x%llx is of %u", first, entry->number);
		break;
	case DMAR_ANDD:
		html_raw(out, "%u: ", entry->number);
		html_text(out, entry->name ? entry->name : "");
		break;
	default:
		html_raw(out, "%s", entry->all ? "all" : "");
	}
	html_raw(out, "</td><td class=\"mono\">");
	if (entry->type != DMAR_RHSA && entry->type != DMAR_ANDD)
		print_covered(page, entry, out);
	html_raw(out, "</td></tr>\n");
}

void audit_page_firmware(const struct audit_page *page, FILE *out)
{
	const struct posture *posture = &page->facts->posture;
	const struct dmar *dmar = &posture->dmar;

	if (!posture->has_dmar) {
		html_element(out, "p", "",
			     posture->dmar_error ? posture->dmar_err.msg
						 : "There is no DMAR table.");
		return;
	}
	html_raw(out,
		 "<p>Host addresses of %u bits. Interrupt remapping: %s. "
		 "x2APIC opted out of: %s. Protection from the start asked "
		 "for: %s.</p>\n<div class=\"scroll\"><table>\n",
		 dmar->address_bits, yes_no(dmar->intr_remap),
		 yes_no(dmar->x2apic_opt_out), yes_no(dmar->platform_opt_in));
	for (size_t i = 0; i < dmar->n_entries; i++)
		print_entry(page, &dmar->entries[i], out);
	html_raw(out, "</table></div>\n");
	if (dmar->n_skipped)
		html_raw(out, "<p>%u entries of types not known.</p>\n",
			 dmar->n_skipped);
}
