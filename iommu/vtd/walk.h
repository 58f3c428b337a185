/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The walk through second-stage paging tables. */
#ifndef MOAT_VTD_WALK_H
#define MOAT_VTD_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "iommu/vtd/unit.h"

/* The deepest tables have 5 levels; level 1 is the last. */
#define WALK_LEVELS_MAX 5u

/* What a unit makes of entries, computed once from its capabilities. */
struct walk_rules {
	uint64_t notable[WALK_LEVELS_MAX + 1]; /* by level: leaf or reserved */
	uint64_t is_leaf[WALK_LEVELS_MAX + 1]; /* any bit set */
	uint64_t table_reserved[WALK_LEVELS_MAX + 1];
	uint64_t leaf_reserved[WALK_LEVELS_MAX + 1];
};

enum walk_outcome {
	WALK_FOUND,
	WALK_ABSENT, /* an entry is neither readable nor writable */
	WALK_RESERVED,
	WALK_TOP_ACCESS, /* the first table cannot be read */
	WALK_ACCESS,	 /* one of the others cannot */
};

struct walk_result {
	uint64_t addr;	    /* of the page */
	unsigned int level; /* of the leaf */
	unsigned int prot;  /* what every entry on the way allows */
};

/** walk_rules_init() - @host_bits is the width of physical addresses */
void walk_rules_init(struct walk_rules *rules, const struct vtd_caps *caps,
		     unsigned int host_bits);

/**
 * walk() - find the page of @addr
 * @top:    address of the first table, of level @levels
 * @ret_result: written for WALK_FOUND only
 *
 * Goes on where an entry forbids what is asked for: reserved bits further
 * down are told first.
 * Source: VT-d rev 5.10 sections 3.7 and 9.8.
 */
enum walk_outcome walk(const struct walk_rules *rules,
		       const struct vtd_platform *platform, uint64_t top,
		       unsigned int levels, uint64_t addr,
		       struct walk_result *ret_result);

#endif /* MOAT_VTD_WALK_H */
