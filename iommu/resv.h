/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The I/O addresses that an IOMMU group must not use for memory. */
#ifndef MOAT_IOMMU_RESV_H
#define MOAT_IOMMU_RESV_H

#include <stddef.h>

#include <moat/err.h>
#include <moat/ioas.h>

#include "iommu/range.h"

#define RESV_TYPE_MAX 24

struct resv_region {
	struct moat_iova_range range;
	char type[RESV_TYPE_MAX]; /* as the kernel names it */
};

/* All zero is the empty list. */
struct resv_list {
	struct resv_region *regions;
	size_t n;
};

/**
 * resv_parse() - read what the kernel writes into reserved_regions
 * @text: lines of "start end type", both addresses hexadecimal, inclusive
 *
 * Type direct-relaxable is left out: the kernel lets a device that is
 * assigned do without those. Types that are not known are kept, since a
 * region kept too many costs a refusal, and one too few a lost write.
 * Return: 0, -EINVAL with the line that is malformed, -ENOMEM.
 * Source: Linux Documentation/ABI/testing/sysfs-kernel-iommu_groups.
 */
int resv_parse(const char *text, struct resv_list *ret_list,
	       struct moat_err *err);

/** resv_find() - the first region that meets @range, or NULL */
const struct resv_region *resv_find(const struct resv_list *list,
				    struct moat_iova_range range);

/** resv_remove_from() - take all regions out of @set; -ENOMEM */
int resv_remove_from(const struct resv_list *list, struct range_set *set);

/** resv_has_direct() - does firmware want a fixed 1:1 map for the group? */
bool resv_has_direct(const struct resv_list *list);

/** resv_free() - back to the empty list */
void resv_free(struct resv_list *list);

#endif /* MOAT_IOMMU_RESV_H */
