// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The ACPI DMAR table: refused with a sentence, or parsed into arrays whose
 * indices hold, with every question to it answered.
 */
#include <errno.h>
#include <string.h>

#include "iommu/vtd/dmar.h"
#include "tests/fuzz/fuzz.h"

/* Any bridge, any buses; some are missing. */
static int buses(void *opaque, struct moat_bdf bridge,
		 struct dmar_buses *ret_buses)
{
	(void)opaque;
	fuzz_check(bridge.dev < 32 && bridge.fn < 8);
	if (bridge.dev == 31)
		return -ENODEV;
	ret_buses->secondary = (uint8_t)(bridge.bus + bridge.dev);
	ret_buses->subordinate = (uint8_t)(ret_buses->secondary + bridge.fn);
	return 0;
}

static void check_entry(const struct dmar *dmar, const struct dmar_entry *entry)
{
	const struct dmar_scope *scope;

	fuzz_check(entry->type < DMAR_TYPES);
	fuzz_check(entry->first_scope <= dmar->n_scopes);
	fuzz_check(entry->n_scopes <= dmar->n_scopes - entry->first_scope);
	for (size_t i = 0; i < entry->n_scopes; i++) {
		scope = &dmar->scopes[entry->first_scope + i];
		fuzz_check(scope->n_hops > 0);
		fuzz_check(scope->first_hop + scope->n_hops <= dmar->n_hops);
	}
	if (entry->type == DMAR_DRHD || entry->type == DMAR_RMRR)
		fuzz_check(entry->first <= entry->last);
	if (entry->type == DMAR_ANDD)
		fuzz_check(entry->name && entry->name[0]);
}

static void ask(const struct dmar *dmar, struct moat_bdf bdf)
{
	const struct dmar_pci pci = { .buses = buses };
	const struct dmar_entry *unit = dmar_unit_of(dmar, &pci, bdf);
	uint32_t domain;

	for (size_t i = 0; i < dmar->n_entries; i++)
		(void)dmar_covers(dmar, &pci, &dmar->entries[i], bdf);
	if (!unit)
		return;
	fuzz_check(unit->type == DMAR_DRHD && unit->segment == bdf.domain);
	fuzz_check(dmar_covers(dmar, &pci, unit, bdf));
	(void)dmar_proximity(dmar, unit, &domain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct moat_err err = { .msg = "" };
	struct dmar dmar;
	int r = dmar_parse(data, size, &dmar, &err);

	if (r < 0) {
		fuzz_check(r == -EINVAL && err.msg[0]);
		fuzz_check(memchr(err.msg, 0, sizeof(err.msg)));
		return 0;
	}
	for (size_t i = 0; i < dmar.n_entries; i++)
		check_entry(&dmar, &dmar.entries[i]);
	for (unsigned int bus = 0; bus < 4; bus++)
		for (uint8_t dev = 0; dev < 4; dev++)
			ask(&dmar, (struct moat_bdf) { bus & 1, (uint8_t)bus,
						       dev, 0 });
	dmar_free(&dmar);
	return 0;
}
