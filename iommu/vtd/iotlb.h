/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The IOTLB: a set-associative cache of translations. Looked up without a
 * lock, by any number of threads; changed by one at a time, which the caller
 * sees to.
 */
#ifndef MOAT_VTD_IOTLB_H
#define MOAT_VTD_IOTLB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define IOTLB_WAYS 4u

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
};

struct iotlb_slot {
	_Atomic(uint64_t) sequence; /* odd while it changes */
	_Atomic(uint64_t) page;	    /* IOTLB_PAGE_*; 0: the slot is free */
	_Atomic(uint64_t) source;
	_Atomic(uint64_t) value;
	/* For who changes it only. */
	uint32_t pasid; /* that was used, also where none was named */
	uint16_t did;
};

struct iotlb {
	struct iotlb_slot *slots; /* @mask + 1 sets of IOTLB_WAYS */
	uint32_t mask;
	uint32_t victim; /* the way that goes next */
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
