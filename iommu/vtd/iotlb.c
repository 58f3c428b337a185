// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The IOTLB, see iotlb.h.
 *
 * Pages of all sizes are in one array, each in the set that its own page
 * number selects; a lookup probes once for each size there ever was.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "iommu/vtd/iotlb.h"
#include "iommu/vtd/table_regs.h"

int iotlb_init(struct iotlb *tlb, unsigned int entries)
{
	const size_t size = entries / IOTLB_WAYS * sizeof(*tlb->sets);

	tlb->sets = aligned_alloc(alignof(struct iotlb_set), size);
	if (!tlb->sets)
		return -ENOMEM;
	memset(tlb->sets, 0, size);
	tlb->mask = entries / IOTLB_WAYS - 1;
	return 0;
}

void iotlb_fini(struct iotlb *tlb)
{
	free(tlb->sets);
	tlb->sets = NULL;
}

static void unpack(uint64_t value, unsigned int level,
		   struct iotlb_entry *ret_entry)
{
	const unsigned int prot = value & IOTLB_VALUE_PROT;
	const bool odd = value & IOTLB_VALUE_ODD;
	const uint64_t page = value >> IOTLB_VALUE_PAGE_SHIFT;

	/* What allows nothing leads nowhere: there is room for the reason. */
	*ret_entry = (struct iotlb_entry) {
		.addr = prot ? page << VTD_PAGE_SHIFT : 0,
		.level = level,
		.prot = prot,
		.reason = prot ? 0 : (unsigned int)page,
		.odd = odd,
	};
}

static uint64_t value_source(struct iotlb_source source)
{
	return source.has_pasid
		       ? (uint64_t)source.pasid << IOTLB_VALUE_PASID_SHIFT |
				 IOTLB_VALUE_HAS_PASID
		       : 0;
}

bool iotlb_find(const struct iotlb *tlb, struct iotlb_source source,
		uint64_t addr, struct iotlb_entry *ret_entry)
{
	unsigned int levels =
		atomic_load_explicit(&tlb->levels, memory_order_relaxed);
	const uint64_t whose = value_source(source);
	uint64_t value;

	if (addr >> IOTLB_ADDR_BITS)
		return false;
	for (unsigned int level = 1; levels; level++, levels >>= 1)
		if ((levels & 1) &&
		    iotlb_find_level(tlb, source.sid, addr, level,
				     IOTLB_VALUE_SOURCE, whose, &value)) {
			unpack(value, level, ret_entry);
			return true;
		}
	return false;
}

static uint64_t value_of(struct iotlb_source source,
			 const struct iotlb_entry *entry)
{
	const uint64_t page = entry->prot ? (entry->addr & VTD_SS_ADDR) >>
						    VTD_PAGE_SHIFT
					  : entry->reason;
	uint64_t value = page << IOTLB_VALUE_PAGE_SHIFT | value_source(source) |
			 entry->prot;

	if (entry->odd || !entry->prot)
		value |= IOTLB_VALUE_ODD;
	return value;
}

static uint64_t key_of(const struct iotlb_set *set, unsigned int way)
{
	return atomic_load_explicit(&set->key[way], memory_order_relaxed);
}

static void change(struct iotlb_set *set, unsigned int way, uint64_t key,
		   uint64_t value)
{
	const uint64_t sequence =
		atomic_load_explicit(&set->sequence, memory_order_relaxed);

	atomic_store_explicit(&set->key[way], 0, memory_order_relaxed);
	atomic_store_explicit(&set->sequence, sequence + 1,
			      memory_order_release);
	atomic_store_explicit(&set->value[way], value, memory_order_release);
	atomic_store_explicit(&set->key[way], key, memory_order_release);
}

/*
 * In turn, whether the way is free or not: the oldest goes. The same page may
 * be there twice, found by two threads at once; it is removed twice, too.
 */
void iotlb_insert(struct iotlb *tlb, struct iotlb_source source, uint64_t addr,
		  const struct iotlb_entry *entry, uint16_t did, uint32_t pasid)
{
	const uint64_t number = addr >> IOTLB_SHIFT(entry->level);
	const uint64_t key = number << IOTLB_KEY_PAGE_SHIFT |
			     (uint64_t)entry->level << IOTLB_KEY_LEVEL_SHIFT |
			     source.sid;
	const unsigned int levels =
		atomic_load_explicit(&tlb->levels, memory_order_relaxed);
	struct iotlb_set *set = iotlb_set(tlb, number, source.sid);
	const unsigned int way = set->next++ % IOTLB_WAYS;

	tlb->evictions += key_of(set, way) != 0;
	set->did[way] = did;
	set->pasid[way] = pasid;
	change(set, way, key, value_of(source, entry));
	atomic_store_explicit(&tlb->levels, levels | 1u << (entry->level - 1),
			      memory_order_relaxed);
}

static bool selected(const struct iotlb_set *set, unsigned int way,
		     const struct iotlb_filter *filter)
{
	const uint64_t key = key_of(set, way);
	unsigned int shift;
	uint64_t first;

	if (key == 0)
		return false;
	/* In pages of 4 KiB. */
	shift = IOTLB_SHIFT(key >> IOTLB_KEY_LEVEL_SHIFT & 3) - VTD_PAGE_SHIFT;
	first = key >> IOTLB_KEY_PAGE_SHIFT << shift;
	if (filter->by_did && set->did[way] != filter->did)
		return false;
	if (filter->by_pasid && set->pasid[way] != filter->pasid)
		return false;
	/* A large page goes when any of it is meant. */
	return !filter->by_page ||
	       (first <= filter->last &&
		filter->first <= first + (UINT64_C(1) << shift) - 1);
}

void iotlb_remove(struct iotlb *tlb, const struct iotlb_filter *filter)
{
	for (size_t i = 0; i <= tlb->mask; i++) {
		struct iotlb_set *set = &tlb->sets[i];

		for (unsigned int way = 0; way < IOTLB_WAYS; way++)
			if (selected(set, way, filter))
				change(set, way, 0, 0);
	}
	if (!filter->by_did && !filter->by_pasid && !filter->by_page)
		atomic_store_explicit(&tlb->levels, 0, memory_order_relaxed);
}
