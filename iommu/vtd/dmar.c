// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Questions to a parsed DMAR table: which unit has a function, and what else
 * the table says of it. The parser is dmar_parse.c.
 *
 * A scope is a path of bridges, resolved anew for every question: bus numbers
 * are the operating system's to change.
 */
#include <errno.h>

#include "iommu/vtd/dmar.h"

const struct dmar_entry *dmar_next(const struct dmar *dmar, enum dmar_type type,
				   const struct dmar_entry *entry)
{
	size_t i = entry ? (size_t)(entry - dmar->entries) + 1 : 0;

	for (; i < dmar->n_entries; i++)
		if (dmar->entries[i].type == type)
			return &dmar->entries[i];
	return NULL;
}

int dmar_scope_bdf(const struct dmar *dmar, const struct dmar_pci *pci,
		   uint16_t segment, const struct dmar_scope *scope,
		   struct moat_bdf *ret_bdf)
{
	const struct dmar_hop *hop = dmar->hops + scope->first_hop;
	struct moat_bdf at = {
		.domain = segment,
		.bus = scope->start_bus,
		.dev = hop->dev,
		.fn = hop->fn,
	};
	struct dmar_buses buses;
	int r;

	for (unsigned int i = 1; i < scope->n_hops; i++) {
		r = pci->buses(pci->opaque, at, &buses);
		if (r < 0)
			return r;
		at.bus = buses.secondary;
		at.dev = hop[i].dev;
		at.fn = hop[i].fn;
	}
	*ret_bdf = at;
	return 0;
}

static bool scope_has(const struct dmar *dmar, const struct dmar_pci *pci,
		      const struct dmar_scope *scope, struct moat_bdf bdf)
{
	struct dmar_buses buses;
	struct moat_bdf at;

	if (scope->type != DMAR_SCOPE_ENDPOINT &&
	    scope->type != DMAR_SCOPE_BRIDGE)
		return false;
	/* The segment is the entry's, which has been compared. */
	if (dmar_scope_bdf(dmar, pci, (uint16_t)bdf.domain, scope, &at) < 0)
		return false;
	if (moat_bdf_equal(at, bdf))
		return true;
	if (scope->type != DMAR_SCOPE_BRIDGE)
		return false;
	if (pci->buses(pci->opaque, at, &buses) < 0)
		return false;
	return bdf.bus >= buses.secondary && bdf.bus <= buses.subordinate;
}

static bool scopes_have(const struct dmar *dmar, const struct dmar_pci *pci,
			const struct dmar_entry *entry, struct moat_bdf bdf)
{
	/* VMD's domains are beyond 16 bits, and in no table. */
	if (entry->segment != bdf.domain)
		return false;
	for (size_t i = 0; i < entry->n_scopes; i++)
		if (scope_has(dmar, pci, dmar->scopes + entry->first_scope + i,
			      bdf))
			return true;
	return false;
}

bool dmar_covers(const struct dmar *dmar, const struct dmar_pci *pci,
		 const struct dmar_entry *entry, struct moat_bdf bdf)
{
	const bool whole = entry->type == DMAR_DRHD || entry->type == DMAR_ATSR;

	if (whole && entry->all && entry->segment == bdf.domain)
		return true;
	return scopes_have(dmar, pci, entry, bdf);
}

const struct dmar_entry *dmar_unit_of(const struct dmar *dmar,
				      const struct dmar_pci *pci,
				      struct moat_bdf bdf)
{
	const struct dmar_entry *unit = NULL;

	while ((unit = dmar_next(dmar, DMAR_DRHD, unit)))
		if (!unit->all && scopes_have(dmar, pci, unit, bdf))
			return unit;
	while ((unit = dmar_next(dmar, DMAR_DRHD, unit)))
		if (unit->all && unit->segment == bdf.domain)
			return unit;
	return NULL;
}

int dmar_proximity(const struct dmar *dmar, const struct dmar_entry *unit,
		   uint32_t *ret_domain)
{
	const struct dmar_entry *rhsa = NULL;

	while ((rhsa = dmar_next(dmar, DMAR_RHSA, rhsa))) {
		if (rhsa->first != unit->first)
			continue;
		*ret_domain = rhsa->number;
		return 0;
	}
	return -ENOENT;
}
