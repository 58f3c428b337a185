// SPDX-License-Identifier: GPL-2.0-or-later
/* The walk through second-stage paging tables, see walk.h. */
#include <endian.h>

#include "iommu/vtd/table_regs.h"
#include "iommu/vtd/walk.h"

void walk_rules_init(struct walk_rules *rules, const struct vtd_caps *caps,
		     unsigned int host_bits)
{
	const uint64_t beyond = host_bits < 52 ? VTD_BITS(51, host_bits)
					       : UINT64_C(0);
	const uint64_t common = beyond | VTD_SS_RESERVED;
	const uint64_t snoop = vtd_field(caps, VTD_SC) ? 0 : VTD_SS_SNP;
	const uint64_t sizes = vtd_page_sizes(caps);

	for (unsigned int level = 1; level <= WALK_LEVELS_MAX; level++) {
		const unsigned int shift = VTD_BITS_OF_LEVELS(level) -
					   VTD_INDEX_BITS;
		const bool can_map = sizes >> shift & 1;

		/* PS is a reserved bit where there is no such page. */
		rules->is_leaf[level] = can_map ? VTD_SS_PS : 0;
		rules->table_reserved[level] = common | VTD_SS_TABLE_RSVD |
					       (can_map ? 0 : VTD_SS_PS);
		rules->leaf_reserved[level] = common | snoop;
		if (level > 1)
			rules->leaf_reserved[level] |= VTD_BITS(shift - 1, 12);
	}
	rules->is_leaf[1] = VTD_SS_R | VTD_SS_W;
}

enum walk_outcome walk(const struct walk_rules *rules,
		       const struct vtd_platform *platform, uint64_t top,
		       unsigned int levels, uint64_t addr,
		       struct walk_result *ret_result)
{
	unsigned int prot = VTD_PROT_READ | VTD_PROT_WRITE;
	uint64_t table = top;
	unsigned int shift = VTD_BITS_OF_LEVELS(levels);

	for (unsigned int level = levels; level > 0; level--) {
		uint64_t entry, at;
		bool leaf;

		shift -= VTD_INDEX_BITS;
		at = table + (addr >> shift & 0x1ff) * sizeof(entry);
		if (platform->read(platform->opaque, at, &entry,
				   sizeof(entry)) < 0)
			return level == levels ? WALK_TOP_ACCESS : WALK_ACCESS;
		entry = le64toh(entry);
		if (!(entry & (VTD_SS_R | VTD_SS_W)))
			return WALK_ABSENT;
		leaf = entry & rules->is_leaf[level];
		if (entry & (leaf ? rules->leaf_reserved[level]
				  : rules->table_reserved[level]))
			return WALK_RESERVED;
		prot &= (unsigned int)entry;
		table = entry & VTD_SS_ADDR;
		if (!leaf)
			continue;
		*ret_result = (struct walk_result) {
			.addr = table,
			.level = level,
			.prot = prot,
		};
		return WALK_FOUND;
	}
	return WALK_ABSENT; /* not reached: level 1 is a leaf */
}
