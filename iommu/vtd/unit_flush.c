// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Invalidation of a unit's caches, by whichever interface it was asked for.
 *
 * Each raises the generation first, so that a request which read its tables
 * before can put nothing into a cache afterwards, and waits last for the
 * requests that may still use what was removed.
 * Source: VT-d rev 5.10 sections 6.5.1, 6.5.2 and 6.5.4.
 */
#include "iommu/vtd/table_regs.h"
#include "iommu/vtd/unit_internal.h"
#include "iommu/vtd/unit_source.h"

static void begin(struct vtd_unit *unit)
{
	unit_lock(unit);
	iotlb_hold(unit);
	(void)atomic_fetch_add(&unit->generation, 1);
}

static void finish(struct vtd_unit *unit)
{
	iotlb_release(unit);
	unit_unlock(unit);
	(void)pthread_rwlock_wrlock(&unit->drain);
	(void)pthread_rwlock_unlock(&unit->drain);
}

void unit_flush_all(struct vtd_unit *unit)
{
	const struct iotlb_filter all = { 0 };

	begin(unit);
	memo_remove(&unit->contexts, NULL, NULL);
	memo_remove(&unit->pasids, NULL, NULL);
	iotlb_remove(&unit->iotlb, &all);
	finish(unit);
}

struct indices {
	uint32_t index, mask;
};

static bool irte_doomed(uint64_t key, const uint64_t word[MEMO_WORDS],
			const void *opaque)
{
	const struct indices *which = opaque;

	(void)word;
	return ((irte_key_index(key) ^ which->index) & ~which->mask) == 0;
}

void unit_flush_irtes(struct vtd_unit *unit, bool all, uint32_t index,
		      uint32_t mask)
{
	const struct indices which = { index, mask };

	begin(unit);
	memo_remove(&unit->irtes, all ? NULL : irte_doomed, &which);
	finish(unit);
}

/* Table 21: which bits of the function number do not count. */
static const uint16_t function_masks[] = { 0, 4, 6, 7 };

static bool context_doomed(uint64_t key, const uint64_t word[MEMO_WORDS],
			   const void *opaque)
{
	const struct unit_flush *flush = opaque;

	if (context_did(word) != flush->did)
		return false;
	if (flush->granularity == VTD_INV_DOMAIN)
		return true;
	return ((context_key_sid(key) ^ flush->sid) &
		~function_masks[flush->function_mask]) == 0;
}

/* In scalable mode context entries have no domain, section 6.5.2.1. */
static bool sm_context_doomed(uint64_t key, const uint64_t word[MEMO_WORDS],
			      const void *opaque)
{
	const struct unit_flush *flush = opaque;

	(void)word;
	return ((context_key_sid(key) ^ flush->sid) &
		~function_masks[flush->function_mask]) == 0;
}

void unit_flush_contexts(struct vtd_unit *unit, const struct unit_flush *flush)
{
	const bool scalable = (atomic_load(&unit->gate) >> GATE_TTM_SHIFT &
			       3) != VTD_RTADDR_TTM_LEGACY;
	bool (*doomed)(uint64_t, const uint64_t *, const void *);

	doomed = scalable ? sm_context_doomed : context_doomed;
	if (flush->granularity == VTD_INV_GLOBAL ||
	    (scalable && flush->granularity == VTD_INV_DOMAIN))
		doomed = NULL;
	begin(unit);
	memo_remove(&unit->contexts, doomed, flush);
	finish(unit);
}

void unit_flush_iotlb(struct vtd_unit *unit, const struct unit_flush *flush)
{
	const unsigned int mask = flush->address_mask;
	struct iotlb_filter filter = { 0 };

	filter.by_did = flush->granularity != VTD_INV_GLOBAL;
	filter.did = flush->did;
	/* A mask of all bits and more leaves nothing of the address. */
	filter.by_page = flush->granularity == VTD_INV_PAGE && mask < 52;
	if (filter.by_page) {
		filter.first = flush->addr >> VTD_PAGE_SHIFT >> mask << mask;
		filter.last = filter.first + (UINT64_C(1) << mask) - 1;
	}
	begin(unit);
	iotlb_remove(&unit->iotlb, &filter);
	finish(unit);
}

struct pasid_flush {
	unsigned int granularity;
	uint16_t did;
	uint32_t pasid;
};

static bool pasid_doomed(uint64_t key, const uint64_t word[MEMO_WORDS],
			 const void *opaque)
{
	const struct pasid_flush *flush = opaque;

	if (context_did(word) != flush->did)
		return false;
	return flush->granularity == VTD_PASID_CACHE_DOMAIN ||
	       pasid_key_pasid(key) == flush->pasid;
}

void unit_flush_pasids(struct vtd_unit *unit, unsigned int granularity,
		       uint16_t did, uint32_t pasid)
{
	const struct pasid_flush flush = { granularity, did, pasid };

	begin(unit);
	memo_remove(&unit->pasids,
		    granularity == VTD_PASID_CACHE_GLOBAL ? NULL : pasid_doomed,
		    &flush);
	finish(unit);
}

/* Table 24: of second-stage translations, only whole PASIDs. */
void unit_flush_pasid_iotlb(struct vtd_unit *unit, unsigned int granularity,
			    uint16_t did, uint32_t pasid)
{
	const struct iotlb_filter filter = {
		.did = did,
		.pasid = pasid,
		.by_did = true,
		.by_pasid = true,
	};

	begin(unit);
	if (granularity == VTD_PASID_IOTLB_PASID)
		iotlb_remove(&unit->iotlb, &filter);
	finish(unit);
}
