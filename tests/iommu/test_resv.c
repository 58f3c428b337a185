// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>

#include "common/util.h"
#include "iommu/resv.h"
#include "tests/check_main.h"

#define TOP UINT64_MAX

static const struct {
	const char *text;
	size_t n;
	struct moat_iova_range first; /* of those */
	const char *type;
	bool direct;
} good[] = {
	{ "", 0, { 0, 0 }, NULL, false },
	{ "\n", 0, { 0, 0 }, NULL, false },
	{ "0x00000000fee00000 0x00000000feefffff msi\n",
	  1,
	  { 0xfee00000, 0xfeefffff },
	  "msi",
	  false },
	{ "0x00000000fee00000 0x00000000feefffff msi",
	  1,
	  { 0xfee00000, 0xfeefffff },
	  "msi",
	  false },
	{ "0x0000000000000000 0x0000000000ffffff direct-relaxable\n"
	  "0x00000000fee00000 0x00000000feefffff msi\n",
	  1,
	  { 0xfee00000, 0xfeefffff },
	  "msi",
	  false },
	{ "0x000000007b800000 0x000000007fffffff direct\n"
	  "0x00000000fee00000 0x00000000feefffff msi\n"
	  "0x0000010000000000 0xffffffffffffffff reserved\n",
	  3,
	  { 0x7b800000, 0x7fffffff },
	  "direct",
	  true },
	{ "0x0 0xffffffffffffffff reserved\n", 1, { 0, TOP }, "reserved", false },
	{ "0xffffffffffffffff 0xffffffffffffffff reserved\n",
	  1,
	  { TOP, TOP },
	  "reserved",
	  false },
	/* Not known: kept, to be safe. */
	{ "0x1000 0x1fff translated\n",
	  1,
	  { 0x1000, 0x1fff },
	  "translated",
	  false },
};

START_TEST(reads_what_the_kernel_writes)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct resv_list list = { 0 };
		struct moat_err err;

		ck_assert_msg(resv_parse(good[i].text, &list, &err) == 0,
			      "case %zu", i);
		ck_assert_uint_eq(list.n, good[i].n);
		ck_assert_int_eq(resv_has_direct(&list), good[i].direct);
		if (list.n > 0) {
			ck_assert_uint_eq(list.regions[0].range.first,
					  good[i].first.first);
			ck_assert_uint_eq(list.regions[0].range.last,
					  good[i].first.last);
			ck_assert_str_eq(list.regions[0].type, good[i].type);
		}
		resv_free(&list);
	}
}
END_TEST

static const char *const bad[] = {
	"0x1000",
	"0x1000 0x1fff",
	"0x1000 0x1fff msi more",
	"0x2000 0x1fff msi",
	"0x1000 0x10000000000000000 msi",
	"0x1000 -1 msi",
	"x 0x1fff msi",
	"0x1000 0x1fffg msi",
	"0x1000 0x1fff a-type-longer-than-any-known",
	"0x0 0xfff msi\n garbage",
	"0x00000000000000000000000000000000000000000000000000000000000000000000"
	"000000000000000000000000000000000000000000000000000000000000000 0xfff"
	" msi",
};

START_TEST(rejects_what_is_malformed)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct resv_list list = { 0 };
		struct moat_err err = { "" };

		ck_assert_msg(resv_parse(bad[i], &list, &err) == -EINVAL,
			      "case %zu", i);
		ck_assert_ptr_null(list.regions);
		ck_assert_ptr_nonnull(
			strstr(err.msg, "is not a reserved region"));
	}
}
END_TEST

START_TEST(finds_the_region_in_the_way)
{
	static const struct {
		uint64_t first, last;
		const char *want;
	} cases[] = {
		{ 0, 0xfff, NULL },	  { 0xfee00000, 0xfee00fff, "msi" },
		{ 0, 0xffffffff, "msi" }, { 0xfef00000, 0xffffffff, NULL },
		{ TOP, TOP, "reserved" }, { TOP - 0x1000, TOP - 0x1000, NULL },
		{ 0, TOP, "msi" },
	};
	struct resv_list list;

	ck_assert_int_eq(resv_parse("0xfee00000 0xfeefffff msi\n"
				    "0xfffffffffffff000 0xffffffffffffffff "
				    "reserved\n",
				    &list, NULL),
			 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct resv_region *region;

		region = resv_find(&list,
				   (struct moat_iova_range) { cases[i].first,
							      cases[i].last });
		ck_assert_msg(!region == !cases[i].want, "case %zu", i);
		if (region)
			ck_assert_str_eq(region->type, cases[i].want);
	}
	resv_free(&list);
}
END_TEST

CHECK_MAIN("resv", reads_what_the_kernel_writes, rejects_what_is_malformed,
	   finds_the_region_in_the_way)
