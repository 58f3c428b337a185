/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Arithmetic on inclusive ranges of addresses: no operation wraps, and the
 * range that ends at 2^64 - 1 is one like any other.
 */
#ifndef MOAT_IOMMU_RANGE_H
#define MOAT_IOMMU_RANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <moat/ioas.h>

/*
 * A set of addresses, as sorted ranges of which no two meet or touch. All
 * zero is the empty set.
 */
struct range_set {
	struct moat_iova_range *ranges;
	size_t n;
	size_t room; /* allocated entries of @ranges */
};

/**
 * range_from_len() - the range of @len bytes that starts at @first
 * Return: 0, -EINVAL when @len is 0, -EOVERFLOW when it would wrap.
 */
int range_from_len(uint64_t first, uint64_t len,
		   struct moat_iova_range *ret_range);

static inline bool range_overlaps(struct moat_iova_range a,
				  struct moat_iova_range b)
{
	return a.first <= b.last && b.first <= a.last;
}

/**
 * range_set_add() - add the addresses of @range
 * @range: first <= last
 *
 * Return: 0, or -ENOMEM, and then the set is as it was.
 */
int range_set_add(struct range_set *set, struct moat_iova_range range);

/** range_set_remove() - take the addresses of @range out; see above */
int range_set_remove(struct range_set *set, struct moat_iova_range range);

/** range_set_covers() - is every address of @range in the set? */
bool range_set_covers(const struct range_set *set,
		      struct moat_iova_range range);

/** range_set_free() - back to the empty set */
void range_set_free(struct range_set *set);

/* Room for the text of a dozen ranges. */
#define RANGE_TEXT_MAX 448

/**
 * range_set_text() - write "0x0-0xfedfffff, 0xfef00000-0xffffffff"
 *
 * What does not fit is counted instead: "... and 3 more"; the empty set is
 * "none". Return: @buf.
 */
const char *range_set_text(const struct range_set *set,
			   char buf[RANGE_TEXT_MAX]);

#endif /* MOAT_IOMMU_RANGE_H */
