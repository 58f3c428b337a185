// SPDX-License-Identifier: GPL-2.0-or-later
/* The walk through second-stage paging tables, see walk.h. */
#include <endian.h>
#include <errno.h>

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
	for (unsigned int level = 1; level <= WALK_LEVELS_MAX; level++)
		rules->notable[level] = rules->is_leaf[level] |
					rules->table_reserved[level];
}

/* Not seen to be there at first: is it absent, or is the table? */
static int look_again(const struct vtd_platform *platform, uint64_t at,
		      uint64_t *ret_entry)
{
	if (platform->read(platform->opaque, at, ret_entry,
			   sizeof(*ret_entry)) < 0)
		return -EFAULT;
	*ret_entry = le64toh(*ret_entry);
	return 0;
}

enum walk_outcome walk(const struct walk_rules *rules,
		       const struct vtd_platform *platform, uint64_t top,
		       unsigned int levels, uint64_t addr,
		       struct walk_result *ret_result)
{
	/* A table's index, with 8 bytes an entry, is 3 bits further left. */
	unsigned int shift = VTD_BITS_OF_LEVELS(levels) - VTD_INDEX_BITS - 3;
	uint64_t prot = VTD_PROT_READ | VTD_PROT_WRITE;
	uint64_t table = top, entry;
	unsigned int level = levels;

	for (;;) {
		const uint64_t at = table + (addr >> shift & 0xff8);

		entry = le64toh(platform->load(platform->opaque, at));
		if (!(entry & (VTD_SS_R | VTD_SS_W))) {
			if (look_again(platform, at, &entry) < 0)
				return level == levels ? WALK_TOP_ACCESS
						       : WALK_ACCESS;
			if (!(entry & (VTD_SS_R | VTD_SS_W)))
				return WALK_ABSENT;
		}
		prot &= entry;
		table = entry & VTD_SS_ADDR;
		/* At level 1 all that is there is a leaf. */
		if (entry & rules->notable[level])
			break;
		level--;
		shift -= VTD_INDEX_BITS;
	}
	if (!(entry & rules->is_leaf[level]) ||
	    (entry & rules->leaf_reserved[level]))
		return WALK_RESERVED;
	*ret_result = (struct walk_result) {
		.addr = table,
		.level = level,
		.prot = (unsigned int)prot,
	};
	return WALK_FOUND;
}
