// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The IOTLB, see iotlb.h.
 *
 * A slot is read like this: its sequence, its words, its sequence again; had
 * it been odd or changed, the slot counts as a miss. Each word is an atomic,
 * and loads that acquire and stores that release keep them in order.
 *
 * Pages of all sizes are in one array, each in the set that its own page
 * number selects; a lookup probes once for each size there ever was.
 */
#include <errno.h>
#include <stdlib.h>

#include "iommu/vtd/iotlb.h"
#include "iommu/vtd/table_regs.h"

/* A page word: the page number, in units of 4 KiB, and its level. */
#define PAGE_SHIFT 2
#define PAGE_LEVEL UINT64_C(3)

/* A source word. */
#define SOURCE_PASID_SHIFT 16
#define SOURCE_HAS_PASID   (UINT64_C(1) << 36)

/* A value word: the address, and below its page bits: */
#define VALUE_PROT	   UINT64_C(3)
#define VALUE_REASON_SHIFT 2

#define LEVELS		   3u

int iotlb_init(struct iotlb *tlb, unsigned int entries)
{
	tlb->slots = calloc(entries, sizeof(*tlb->slots));
	if (!tlb->slots)
		return -ENOMEM;
	tlb->mask = entries / IOTLB_WAYS - 1;
	return 0;
}

void iotlb_fini(struct iotlb *tlb)
{
	free(tlb->slots);
	tlb->slots = NULL;
}

static uint64_t source_word(struct iotlb_source source)
{
	return source.sid | (uint64_t)source.pasid << SOURCE_PASID_SHIFT |
	       (source.has_pasid ? SOURCE_HAS_PASID : 0);
}

static unsigned int level_shift(unsigned int level)
{
	return VTD_INDEX_BITS * (level - 1);
}

/* @number: of the page, in pages of its own size. */
static struct iotlb_slot *set_of(const struct iotlb *tlb, uint64_t number,
				 uint64_t source)
{
	const uint32_t hash = (uint32_t)(number ^ number >> 32) ^
			      (uint32_t)source * 0x9e3779b1u;

	return tlb->slots + (size_t)(hash & tlb->mask) * IOTLB_WAYS;
}

static bool probe(const struct iotlb_slot *slot, uint64_t page, uint64_t source,
		  uint64_t *ret_value)
{
	const uint64_t before =
		atomic_load_explicit(&slot->sequence, memory_order_acquire);
	uint64_t value;

	if (atomic_load_explicit(&slot->page, memory_order_acquire) != page ||
	    atomic_load_explicit(&slot->source, memory_order_acquire) != source)
		return false;
	value = atomic_load_explicit(&slot->value, memory_order_acquire);
	if ((before & 1) ||
	    atomic_load_explicit(&slot->sequence, memory_order_relaxed) !=
		    before)
		return false;
	*ret_value = value;
	return true;
}

static void unpack(uint64_t value, unsigned int level,
		   struct iotlb_entry *ret_entry)
{
	ret_entry->addr = value & VTD_ADDR_MASK;
	ret_entry->level = level;
	ret_entry->prot = value & VALUE_PROT;
	ret_entry->reason = (unsigned int)(value & ~VTD_ADDR_MASK) >>
			    VALUE_REASON_SHIFT;
}

bool iotlb_find(const struct iotlb *tlb, struct iotlb_source source,
		uint64_t addr, struct iotlb_entry *ret_entry)
{
	unsigned int levels =
		atomic_load_explicit(&tlb->levels, memory_order_relaxed);
	const uint64_t word = source_word(source);
	uint64_t value;

	for (unsigned int level = 1; levels; level++, levels >>= 1) {
		const unsigned int shift = level_shift(level);
		const uint64_t number = addr >> VTD_PAGE_SHIFT >> shift;
		const uint64_t page = number << shift << PAGE_SHIFT | level;
		const struct iotlb_slot *slot;

		if (!(levels & 1))
			continue;
		slot = set_of(tlb, number, word);
		for (unsigned int way = 0; way < IOTLB_WAYS; way++)
			if (probe(&slot[way], page, word, &value)) {
				unpack(value, level, ret_entry);
				return true;
			}
	}
	return false;
}

static void change(struct iotlb_slot *slot, uint64_t page, uint64_t source,
		   uint64_t value)
{
	const uint64_t sequence =
		atomic_load_explicit(&slot->sequence, memory_order_relaxed);

	atomic_store_explicit(&slot->sequence, sequence + 1,
			      memory_order_relaxed);
	atomic_store_explicit(&slot->page, page, memory_order_release);
	atomic_store_explicit(&slot->source, source, memory_order_release);
	atomic_store_explicit(&slot->value, value, memory_order_release);
	atomic_store_explicit(&slot->sequence, sequence + 2,
			      memory_order_release);
}

static uint64_t page_of(const struct iotlb_slot *slot)
{
	return atomic_load_explicit(&slot->page, memory_order_relaxed);
}

/* The slot of that very page, else a free one, else the next to go. */
static struct iotlb_slot *choose(struct iotlb *tlb, struct iotlb_slot *set,
				 uint64_t page, uint64_t source)
{
	struct iotlb_slot *free_slot = NULL;

	for (unsigned int way = 0; way < IOTLB_WAYS; way++) {
		struct iotlb_slot *slot = &set[way];
		const uint64_t its = atomic_load_explicit(&slot->source,
							  memory_order_relaxed);

		if (page_of(slot) == page && its == source)
			return slot;
		if (page_of(slot) == 0)
			free_slot = slot;
	}
	if (free_slot)
		return free_slot;
	tlb->evictions++;
	return &set[tlb->victim++ % IOTLB_WAYS];
}

void iotlb_insert(struct iotlb *tlb, struct iotlb_source source, uint64_t addr,
		  const struct iotlb_entry *entry, uint16_t did, uint32_t pasid)
{
	const unsigned int shift = level_shift(entry->level);
	const uint64_t number = addr >> VTD_PAGE_SHIFT >> shift;
	const uint64_t page = number << shift << PAGE_SHIFT | entry->level;
	const uint64_t word = source_word(source);
	struct iotlb_slot *slot =
		choose(tlb, set_of(tlb, number, word), page, word);

	slot->did = did;
	slot->pasid = pasid;
	change(slot, page, word,
	       (entry->addr & VTD_ADDR_MASK) |
		       (uint64_t)entry->reason << VALUE_REASON_SHIFT |
		       entry->prot);
	(void)atomic_fetch_or_explicit(&tlb->levels, 1u << (entry->level - 1),
				       memory_order_relaxed);
}

static bool selected(const struct iotlb_slot *slot,
		     const struct iotlb_filter *filter)
{
	const uint64_t page = page_of(slot);
	const uint64_t first = page >> PAGE_SHIFT;
	const unsigned int level = page & PAGE_LEVEL;
	uint64_t last;

	if (page == 0)
		return false;
	if (filter->by_did && slot->did != filter->did)
		return false;
	if (filter->by_pasid && slot->pasid != filter->pasid)
		return false;
	if (!filter->by_page)
		return true;
	/* A large page goes when any of it is meant. */
	last = first + (UINT64_C(1) << level_shift(level)) - 1;
	return first <= filter->last && filter->first <= last;
}

void iotlb_remove(struct iotlb *tlb, const struct iotlb_filter *filter)
{
	const size_t n = ((size_t)tlb->mask + 1) * IOTLB_WAYS;

	for (size_t i = 0; i < n; i++)
		if (selected(&tlb->slots[i], filter))
			change(&tlb->slots[i], 0, 0, 0);
	if (!filter->by_did && !filter->by_pasid && !filter->by_page)
		atomic_store_explicit(&tlb->levels, 0, memory_order_relaxed);
}
