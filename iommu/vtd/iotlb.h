/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The IOTLB: a set-associative cache of translations. Looked up without a
 * lock, by any number of threads; changed by one at a time, which the caller
 * sees to.
 */
#ifndef MOAT_VTD_IOTLB_H
#define MOAT_VTD_IOTLB_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "iommu/vtd/table_regs.h"

#define IOTLB_WAYS   4u
#define IOTLB_LEVELS 3u

/* log2 of the size of the page that a leaf of @level maps. */
#define IOTLB_SHIFT(level) (VTD_PAGE_SHIFT + VTD_INDEX_BITS * ((level)-1))

/* Whose a translation is. */
struct iotlb_source {
	uint32_t pasid;
	uint16_t sid;
	bool has_pasid; /* the request named it */
};

/* What is known of a page. */
struct iotlb_entry {
	uint64_t addr;	    /* where it leads */
	unsigned int level; /* of the leaf: 1 is 4 KiB, 2 is 2 MiB, 3 is 1 GiB */
	unsigned int prot;  /* VTD_PROT_* */
	unsigned int reason; /* with CM: the fault that it is; else 0 */
	bool odd;	     /* not all that @prot allows may be done */
};

/* A key: the page's number among those of its size, the level, the requester. */
#define IOTLB_ADDR_BITS	      57 /* wider addresses have no key */
#define IOTLB_KEY_PAGE_SHIFT  18
#define IOTLB_KEY_LEVEL_SHIFT 16

/*
 * A value, never 0: number of the page where it leads, or the reason; whose
 * PASID the request named; and what can be done.
 */
#define IOTLB_VALUE_PAGE_SHIFT	24
#define IOTLB_VALUE_PASID_SHIFT 4
#define IOTLB_VALUE_SOURCE	UINT64_C(0xfffff8)
#define IOTLB_VALUE_HAS_PASID	(UINT64_C(1) << 3)
#define IOTLB_VALUE_ODD		(UINT64_C(1) << 2)
#define IOTLB_VALUE_PROT	UINT64_C(3)

/* By way. */
struct iotlb_set {
	alignas(128) _Atomic(uint64_t)
		sequence; /* raised before each change of a value */
	_Atomic(uint64_t) key[IOTLB_WAYS]; /* 0: free, or about to change */
	_Atomic(uint64_t) value[IOTLB_WAYS];
	/* For who changes it only. */
	uint32_t pasid[IOTLB_WAYS]; /* that was used, also if none was named */
	uint16_t did[IOTLB_WAYS];
	unsigned int next; /* the way that the next entry takes, modulo */
};

struct iotlb {
	struct iotlb_set *sets; /* @mask + 1 */
	uint64_t mask;
	/* Bit of each level that is or was there; so few lookups probe all. */
	_Atomic(unsigned int) levels;
	uint64_t evictions;
};

/* What an invalidation removes; what is not selected, all of that. */
struct iotlb_filter {
	uint64_t first, last; /* page numbers */
	uint32_t pasid;
	uint16_t did;
	bool by_did, by_pasid, by_page;
};

/**
 * iotlb_init() - @entries is a power of two, at least IOTLB_WAYS
 * Return: 0, or -ENOMEM.
 */
int iotlb_init(struct iotlb *tlb, unsigned int entries);
void iotlb_fini(struct iotlb *tlb);

/* The set of page @number, which counts pages of its own size. */
static inline struct iotlb_set *iotlb_set(const struct iotlb *tlb,
					  uint64_t number, uint64_t sid)
{
	const uint64_t hash = number ^ sid * 0x1e3779b1;

	return &tlb->sets[hash & tlb->mask];
}

/*
 * Has a set @key, with @want in @mask of its value? A way has no key while it
 * changes, and its set another sequence thereafter: a value between two equal
 * sequences that has the right key is that key's. Loads that acquire and stores
 * that release keep them in order.
 */
static inline bool iotlb_set_find(const struct iotlb_set *set, uint64_t key,
				  uint64_t mask, uint64_t want,
				  uint64_t *ret_value)
{
	const uint64_t before =
		atomic_load_explicit(&set->sequence, memory_order_acquire);
	uint64_t value;

#pragma GCC unroll 4
	for (unsigned int way = 0; way < IOTLB_WAYS; way++) {
		if (atomic_load_explicit(&set->key[way],
					 memory_order_acquire) != key)
			continue;
		value = atomic_load_explicit(&set->value[way],
					     memory_order_acquire);
		if ((value & mask) != want)
			continue;
		*ret_value = value;
		return atomic_load_explicit(&set->sequence,
					    memory_order_relaxed) == before;
	}
	return false;
}

/**
 * iotlb_find_level() - is there a page that a leaf of @level maps?
 * @addr: of at most IOTLB_ADDR_BITS, or it would pass for another
 * @mask, @want: bits of the value, IOTLB_VALUE_SOURCE among them
 */
static inline bool iotlb_find_level(const struct iotlb *tlb, uint64_t sid,
				    uint64_t addr, unsigned int level,
				    uint64_t mask, uint64_t want,
				    uint64_t *ret_value)
{
	const uint64_t number = addr >> IOTLB_SHIFT(level);
	const uint64_t key = (number << IOTLB_KEY_PAGE_SHIFT) +
			     ((uint64_t)level << IOTLB_KEY_LEVEL_SHIFT) + sid;

	return iotlb_set_find(iotlb_set(tlb, number, sid), key, mask, want,
			      ret_value);
}

/** iotlb_find() - is the page of @addr known? */
bool iotlb_find(const struct iotlb *tlb, struct iotlb_source source,
		uint64_t addr, struct iotlb_entry *ret_entry);

/**
 * iotlb_insert() - remember a page, at the cost of another if need be
 * @addr:  any address within it
 * @pasid: that was used for it
 */
void iotlb_insert(struct iotlb *tlb, struct iotlb_source source, uint64_t addr,
		  const struct iotlb_entry *entry, uint16_t did,
		  uint32_t pasid);

/** iotlb_remove() - forget all that a filter selects */
void iotlb_remove(struct iotlb *tlb, const struct iotlb_filter *filter);

#endif /* MOAT_VTD_IOTLB_H */
