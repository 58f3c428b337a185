// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/util.h"
#include "iommu/range.h"
#include "tests/check_main.h"

#define TOP UINT64_MAX

START_TEST(length_becomes_inclusive_end)
{
	static const struct {
		uint64_t first, len;
		int want;
		uint64_t last;
	} cases[] = {
		{ 0, 1, 0, 0 },
		{ 0, TOP, 0, TOP - 1 },
		{ 0x1000, 0x1000, 0, 0x1fff },
		{ TOP, 1, 0, TOP },
		{ TOP - 0xfff, 0x1000, 0, TOP },
		{ 1, TOP, 0, TOP },
		{ 0, 0, -EINVAL, 0 },
		{ TOP, 0, -EINVAL, 0 },
		{ TOP, 2, -EOVERFLOW, 0 },
		{ 2, TOP, -EOVERFLOW, 0 },
		{ TOP, TOP, -EOVERFLOW, 0 },
		{ -0x1000ULL, 0x2000, -EOVERFLOW, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct moat_iova_range range = { 7, 7 };
		int r;

		r = range_from_len(cases[i].first, cases[i].len, &range);
		ck_assert_msg(r == cases[i].want, "case %zu: %d", i, r);
		if (r == 0) {
			ck_assert_uint_eq(range.first, cases[i].first);
			ck_assert_uint_eq(range.last, cases[i].last);
		} else {
			ck_assert_uint_eq(range.first, 7);
		}
	}
}
END_TEST

#define MAX_STEPS 6

enum op { END, ADD, DEL };

static const struct {
	struct {
		enum op op;
		uint64_t first, last;
	} steps[MAX_STEPS];
	const char *want;
} set_cases[] = {
	{ { { END, 0, 0 } }, "none" },
	{ { { ADD, 0, TOP } }, "0x0-0xffffffffffffffff" },
	{ { { ADD, TOP, TOP } }, "0xffffffffffffffff-0xffffffffffffffff" },
	/* Apart, touching, overlapping, inside, around. */
	{ { { ADD, 10, 19 }, { ADD, 30, 39 } }, "0xa-0x13, 0x1e-0x27" },
	{ { { ADD, 30, 39 }, { ADD, 10, 19 } }, "0xa-0x13, 0x1e-0x27" },
	{ { { ADD, 10, 19 }, { ADD, 20, 29 } }, "0xa-0x1d" },
	{ { { ADD, 20, 29 }, { ADD, 10, 19 } }, "0xa-0x1d" },
	{ { { ADD, 10, 19 }, { ADD, 21, 29 } }, "0xa-0x13, 0x15-0x1d" },
	{ { { ADD, 10, 19 }, { ADD, 15, 29 } }, "0xa-0x1d" },
	{ { { ADD, 10, 29 }, { ADD, 15, 19 } }, "0xa-0x1d" },
	{ { { ADD, 15, 19 }, { ADD, 10, 29 } }, "0xa-0x1d" },
	{ { { ADD, 10, 19 }, { ADD, 30, 39 }, { ADD, 50, 59 }, { ADD, 15, 49 } },
	  "0xa-0x3b" },
	{ { { ADD, 10, 19 }, { ADD, 30, 39 }, { ADD, 50, 59 }, { ADD, 0, TOP } },
	  "0x0-0xffffffffffffffff" },
	/* At the top: touching there must not wrap to 0. */
	{ { { ADD, TOP, TOP }, { ADD, 0, 0 } },
	  "0x0-0x0, 0xffffffffffffffff-0xffffffffffffffff" },
	{ { { ADD, TOP - 1, TOP - 1 }, { ADD, TOP, TOP } },
	  "0xfffffffffffffffe-0xffffffffffffffff" },
	{ { { ADD, TOP, TOP }, { ADD, 0, TOP - 1 } }, "0x0-0xffffffffffffffff" },
	/* Taking away: nothing, an end, the middle, all, across. */
	{ { { DEL, 0, TOP } }, "none" },
	{ { { ADD, 10, 19 }, { DEL, 20, 29 } }, "0xa-0x13" },
	{ { { ADD, 10, 19 }, { DEL, 0, 9 } }, "0xa-0x13" },
	{ { { ADD, 10, 19 }, { DEL, 0, 10 } }, "0xb-0x13" },
	{ { { ADD, 10, 19 }, { DEL, 19, 40 } }, "0xa-0x12" },
	{ { { ADD, 10, 19 }, { DEL, 12, 12 } }, "0xa-0xb, 0xd-0x13" },
	{ { { ADD, 10, 19 }, { DEL, 10, 19 } }, "none" },
	{ { { ADD, 10, 19 }, { ADD, 30, 39 }, { DEL, 15, 34 } },
	  "0xa-0xe, 0x23-0x27" },
	{ { { ADD, 10, 19 }, { ADD, 30, 39 }, { ADD, 50, 59 }, { DEL, 15, 54 } },
	  "0xa-0xe, 0x37-0x3b" },
	{ { { ADD, 10, 19 }, { ADD, 30, 39 }, { ADD, 50, 59 }, { DEL, 30, 39 } },
	  "0xa-0x13, 0x32-0x3b" },
	{ { { ADD, 0, TOP }, { DEL, 0, TOP } }, "none" },
	{ { { ADD, 0, TOP }, { DEL, TOP, TOP } }, "0x0-0xfffffffffffffffe" },
	{ { { ADD, 0, TOP }, { DEL, 0, 0 } }, "0x1-0xffffffffffffffff" },
	{ { { ADD, 0, TOP }, { DEL, 0xfee00000, 0xfeefffff } },
	  "0x0-0xfedfffff, 0xfef00000-0xffffffffffffffff" },
	/* An IOMMU of 39 bits with the interrupt window and two RMRRs. */
	{ { { ADD, 0, 0x7fffffffff },
	    { DEL, 0xfee00000, 0xfeefffff },
	    { DEL, 0x7b800000, 0x7fffffff },
	    { DEL, 0x7b000000, 0x7b0fffff } },
	  "0x0-0x7affffff, 0x7b100000-0x7b7fffff, 0x80000000-0xfedfffff, "
	  "0xfef00000-0x7fffffffff" },
};

START_TEST(sets_add_and_remove)
{
	for (size_t i = 0; i < ARRAY_SIZE(set_cases); i++) {
		struct range_set set = { 0 };
		char text[RANGE_TEXT_MAX];

		for (size_t j = 0; j < MAX_STEPS; j++) {
			struct moat_iova_range range = {
				set_cases[i].steps[j].first,
				set_cases[i].steps[j].last,
			};

			if (set_cases[i].steps[j].op == ADD)
				ck_assert_int_eq(range_set_add(&set, range), 0);
			else if (set_cases[i].steps[j].op == DEL)
				ck_assert_int_eq(range_set_remove(&set, range),
						 0);
		}
		ck_assert_str_eq(range_set_text(&set, text), set_cases[i].want);
		range_set_free(&set);
		ck_assert_ptr_null(set.ranges);
	}
}
END_TEST

/* Against a bitmap: the low and the high end of the address space. */
START_TEST(sets_agree_with_a_bitmap)
{
	for (unsigned int end = 0; end < 2; end++) {
		uint64_t base = end ? TOP - 63 : 0, bits = 0;
		struct range_set set = { 0 };
		uint32_t seed = 42;

		for (unsigned int i = 0; i < 2000; i++) {
			struct moat_iova_range range;
			unsigned int a, b;
			uint64_t mask;

			seed = seed * 1664525 + 1013904223;
			a = seed >> 26;
			b = min_u64(63, a + (seed >> 20) % 16);
			mask = (b == 63 ? 0 : TOP << (b + 1)) ^ (TOP << a);
			range = (struct moat_iova_range) { base + a, base + b };
			if (seed & 1 << 10) {
				bits |= mask;
				ck_assert_int_eq(range_set_add(&set, range), 0);
			} else {
				bits &= ~mask;
				ck_assert_int_eq(range_set_remove(&set, range),
						 0);
			}
			for (unsigned int j = 0; j < 64; j++) {
				range = (struct moat_iova_range) { base + j,
								   base + j };
				ck_assert_int_eq(range_set_covers(&set, range),
						 bits >> j & 1);
			}
			for (size_t j = 1; j < set.n; j++)
				ck_assert_uint_gt(set.ranges[j].first -
							  set.ranges[j - 1].last,
						  1);
		}
		range_set_free(&set);
	}
}
END_TEST

START_TEST(covers_needs_one_window)
{
	static const struct {
		uint64_t first, last;
		bool want;
	} cases[] = {
		{ 0, 0, true },
		{ 0, 0xfedfffff, true },
		{ 0, 0xfee00000, false },
		{ 0xfedff000, 0xfef00fff, false }, /* around the gap */
		{ 0xfee00000, 0xfeefffff, false },
		{ 0xfef00000, 0xfef00fff, true },
		{ TOP - 0xfff, TOP, true },
		{ 0, TOP, false },
	};
	struct range_set set = { 0 };

	ck_assert_int_eq(
		range_set_add(&set, (struct moat_iova_range) { 0, TOP }), 0);
	ck_assert_int_eq(
		range_set_remove(&set, (struct moat_iova_range) { 0xfee00000,
								  0xfeefffff }),
		0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ck_assert_msg(range_set_covers(&set,
					       (struct moat_iova_range) {
						       cases[i].first,
						       cases[i].last }) ==
				      cases[i].want,
			      "case %zu", i);
	range_set_free(&set);
}
END_TEST

START_TEST(long_text_says_how_many_are_left_out)
{
	struct range_set set = { 0 };
	char text[RANGE_TEXT_MAX];
	unsigned int shown = 0;
	char want[32];

	for (uint64_t i = 0; i < 100; i++)
		ck_assert_int_eq(range_set_add(&set,
					       (struct moat_iova_range) {
						       i << 56 | 0xffffffff,
						       i << 56 | 0xffffffffff }),
				 0);
	range_set_text(&set, text);
	ck_assert_uint_lt(strlen(text), sizeof(text));
	for (const char *p = text; (p = strchr(p, '-')); p++)
		shown++;
	ck_assert_uint_gt(shown, 5);
	(void)snprintf(want, sizeof(want), ", ... and %u more", 100 - shown);
	ck_assert_ptr_nonnull(strstr(text, want));
	range_set_free(&set);
}
END_TEST

CHECK_MAIN("range", length_becomes_inclusive_end, sets_add_and_remove,
	   sets_agree_with_a_bitmap, covers_needs_one_window,
	   long_text_says_how_many_are_left_out)
