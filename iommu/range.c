// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sets of inclusive ranges, kept as a sorted array of which no two entries
 * meet or touch. The sets are small (an IOMMU has a handful of windows), so
 * adding and removing rebuild the array in one pass.
 *
 * "last + 1" is only ever computed where last < UINT64_MAX is known.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/util.h"
#include "iommu/range.h"

int range_from_len(uint64_t first, uint64_t len,
		   struct moat_iova_range *ret_range)
{
	if (len == 0)
		return -EINVAL;
	if (len - 1 > UINT64_MAX - first)
		return -EOVERFLOW;
	ret_range->first = first;
	ret_range->last = first + (len - 1);
	return 0;
}

/* Either operation makes at most one entry more than there are. */
static int make_room(struct range_set *set)
{
	struct moat_iova_range *ranges;
	size_t room;

	if (set->n < set->room)
		return 0;
	room = set->room ? set->room * 2 : 4;
	ranges = reallocarray(set->ranges, room, sizeof(*ranges));
	if (!ranges)
		return -ENOMEM;
	set->ranges = ranges;
	set->room = room;
	return 0;
}

static bool ends_before(struct moat_iova_range a, struct moat_iova_range b)
{
	return a.last < b.first;
}

/* Does @a end before @b starts, with at least one address between them? */
static bool clear_of(struct moat_iova_range a, struct moat_iova_range b)
{
	return ends_before(a, b) && b.first - a.last > 1;
}

int range_set_add(struct range_set *set, struct moat_iova_range range)
{
	size_t start = 0, end;

	if (make_room(set) < 0)
		return -ENOMEM;
	while (start < set->n && clear_of(set->ranges[start], range))
		start++;
	/* Entries start to end - 1 melt into @range. */
	for (end = start; end < set->n && !clear_of(range, set->ranges[end]);
	     end++) {
		range.first = min_u64(range.first, set->ranges[end].first);
		range.last = max_u64(range.last, set->ranges[end].last);
	}
	memmove(set->ranges + start + 1, set->ranges + end,
		(set->n - end) * sizeof(*set->ranges));
	set->ranges[start] = range;
	set->n = set->n - (end - start) + 1;
	return 0;
}

int range_set_remove(struct range_set *set, struct moat_iova_range range)
{
	struct moat_iova_range *r, rest[2] = { 0 };
	size_t start = 0, end, n_rest = 0;

	if (make_room(set) < 0)
		return -ENOMEM;
	while (start < set->n && ends_before(set->ranges[start], range))
		start++;
	/* Of entries start to end - 1 only the two outer ends may stay. */
	for (end = start; end < set->n && !ends_before(range, set->ranges[end]);
	     end++) {
		r = &set->ranges[end];
		if (r->first < range.first)
			rest[n_rest++] =
				(struct moat_iova_range) { r->first,
							   range.first - 1 };
		if (r->last > range.last)
			rest[n_rest++] =
				(struct moat_iova_range) { range.last + 1,
							   r->last };
	}
	memmove(set->ranges + start + n_rest, set->ranges + end,
		(set->n - end) * sizeof(*set->ranges));
	memcpy(set->ranges + start, rest, n_rest * sizeof(*rest));
	set->n = set->n - (end - start) + n_rest;
	return 0;
}

bool range_set_covers(const struct range_set *set, struct moat_iova_range range)
{
	for (size_t i = 0; i < set->n; i++) {
		if (set->ranges[i].first <= range.first &&
		    range.last <= set->ranges[i].last)
			return true;
	}
	return false;
}

void range_set_free(struct range_set *set)
{
	free(set->ranges);
	*set = (struct range_set) { 0 };
}

const char *range_set_text(const struct range_set *set,
			   char buf[RANGE_TEXT_MAX])
{
	/* What follows the last range that still fits, at its longest. */
	const size_t tail = sizeof(", ... and 18446744073709551615 more");
	size_t used = 0;

	(void)snprintf(buf, RANGE_TEXT_MAX, "none");
	for (size_t i = 0; i < set->n; i++) {
		char one[48];
		int len;

		len = snprintf(one, sizeof(one), "%s0x%" PRIx64 "-0x%" PRIx64,
			       i ? ", " : "", set->ranges[i].first,
			       set->ranges[i].last);
		if (used + (size_t)len + tail > RANGE_TEXT_MAX) {
			(void)snprintf(buf + used, RANGE_TEXT_MAX - used,
				       ", ... and %zu more", set->n - i);
			break;
		}
		memcpy(buf + used, one, (size_t)len + 1);
		used += (size_t)len;
	}
	return buf;
}
