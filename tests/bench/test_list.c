// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>

#include "bench/list.h"
#include "common/util.h"
#include "tests/check_main.h"

static const struct {
	const char *text;
	int want;
	size_t n;
	uint64_t first, last;
} sizes[] = {
	{ "4K", 0, 1, 4096, 4096 },
	{ "4K,128k,1M", 0, 3, 4096, 1048576 },
	{ "1,64", 0, 2, 1, 64 },
	{ "", -EINVAL, 0, 0, 0 },
	{ "4K,", -EINVAL, 0, 0, 0 },
	{ ",4K", -EINVAL, 0, 0, 0 },
	{ "0", -EINVAL, 0, 0, 0 },
	{ "4K 8K", -EINVAL, 0, 0, 0 },
	{ "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1",
	  -EINVAL, 0, 0, 0 }, /* 33 */
};

START_TEST(list_of_sizes)
{
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct bench_list list = { .n = 99 };
		struct moat_err err = { "" };
		int r = bench_list_sizes("block", sizes[i].text, &list, &err);

		ck_assert_msg(r == sizes[i].want, "'%s': %d", sizes[i].text, r);
		if (r < 0) {
			ck_assert_ptr_nonnull(strstr(err.msg, "-block"));
			ck_assert_uint_eq(list.n, 99);
			continue;
		}
		ck_assert_uint_eq(list.n, sizes[i].n);
		ck_assert_uint_eq(list.item[0], sizes[i].first);
		ck_assert_uint_eq(list.item[list.n - 1], sizes[i].last);
	}
}
END_TEST

START_TEST(list_of_words)
{
	static const char *const words[] = { "near", "far", NULL };
	struct bench_list list = { .n = 99 };

	ck_assert_int_eq(bench_list_words("x", "far,near", words, &list, NULL),
			 0);
	ck_assert_uint_eq(list.n, 2);
	ck_assert_uint_eq(list.item[0], 1);
	ck_assert_uint_eq(list.item[1], 0);
	ck_assert_int_eq(bench_list_words("x", "far,far", words, &list, NULL),
			 -EINVAL);
	ck_assert_int_eq(bench_list_words("x", "fa", words, &list, NULL),
			 -EINVAL);
	ck_assert_int_eq(bench_list_words("x", "", words, &list, NULL),
			 -EINVAL);
}
END_TEST

START_TEST(sizes_as_text)
{
	static const struct {
		uint64_t bytes;
		const char *want;
	} cases[] = {
		{ 0, "0" },	   { 1000, "1000" },	    { 4096, "4K" },
		{ 3 << 20, "3M" }, { 1536 << 10, "1536K" }, { 5ull << 30, "5G" }
	};
	char buf[32];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ck_assert_str_eq(bench_size_str(cases[i].bytes, buf),
				 cases[i].want);
}
END_TEST

CHECK_MAIN("bench_list", list_of_sizes, list_of_words, sizes_as_text)
