// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>

#include <moat/bdf.h>

#include "common/parse.h"
#include "common/util.h"
#include "tests/check_main.h"

static const struct {
	const char *text;
	int want;
	uint64_t value;
} size_cases[] = {
	{ "4096", 0, 4096 },
	{ "1k", 0, 1024 },
	{ "512M", 0, 512 * MiB },
	{ "4G", 0, 4 * GiB },
	{ "1T", 0, 1024 * GiB },
	{ "0", 0, 0 },
	{ "18446744073709551615", 0, UINT64_MAX },
	{ "18446744073709551616", -ERANGE, 0 },
	{ "16777216T", -ERANGE, 0 },
	{ "17179869184G", -ERANGE, 0 },
	{ "17179869183G", 0, 17179869183 * GiB },
	{ "", -EINVAL, 0 },
	{ "M", -EINVAL, 0 },
	{ "-1", -EINVAL, 0 },
	{ "+1", -EINVAL, 0 },
	{ " 1", -EINVAL, 0 },
	{ "1 ", -EINVAL, 0 },
	{ "1MB", -EINVAL, 0 },
	{ "0x10", -EINVAL, 0 },
	{ "1.5G", -EINVAL, 0 },
};

START_TEST(sizes)
{
	for (size_t i = 0; i < ARRAY_SIZE(size_cases); i++) {
		uint64_t v = 0;
		int r = moat_parse_size(size_cases[i].text, &v);

		ck_assert_msg(r == size_cases[i].want, "'%s': %d",
			      size_cases[i].text, r);
		ck_assert_uint_eq(v, size_cases[i].value);
	}
}
END_TEST

static const struct {
	const char *text;
	int base, want;
	uint64_t value;
} u64_cases[] = {
	{ "10", 10, 0, 10 },	  { "10", 16, 0, 16 },
	{ "0x10", 0, 0, 16 },	  { "0xffffffffffffffff", 16, 0, UINT64_MAX },
	{ "010", 10, 0, 10 },	  { "10000000000000000", 16, -ERANGE, 0 },
	{ "", 10, -EINVAL, 0 },	  { "abc", 10, -EINVAL, 0 },
	{ "1x", 10, -EINVAL, 0 }, { "-5", 10, -EINVAL, 0 },
};

START_TEST(numbers)
{
	for (size_t i = 0; i < ARRAY_SIZE(u64_cases); i++) {
		uint64_t v = 0;
		int r = moat_parse_u64(u64_cases[i].text, u64_cases[i].base,
				       &v);

		ck_assert_msg(r == u64_cases[i].want, "'%s': %d",
			      u64_cases[i].text, r);
		ck_assert_uint_eq(v, u64_cases[i].value);
	}
}
END_TEST

static const struct {
	const char *text;
	const char *want; /* NULL: refused */
} bdf_cases[] = {
	{ "04:08.0", "0000:04:08.0" },
	{ "4:8.0", "0000:04:08.0" },
	{ "0000:04:08.0", "0000:04:08.0" },
	{ "10000:e1:00.0", "10000:e1:00.0" },
	{ "ffffffff:ff:1f.7", "ffffffff:ff:1f.7" },
	{ "FF:1F.7", "0000:ff:1f.7" },
	{ "04:20.0", NULL },
	{ "04:08.8", NULL },
	{ "104:08.0", NULL },
	{ "04:08", NULL },
	{ "04:08.", NULL },
	{ "04.0", NULL },
	{ "04:08.00", NULL },
	{ "04:08.0 ", NULL },
	{ " 04:08.0", NULL },
	{ "04:08.0x", NULL },
	{ "", NULL },
	{ ":04:08.0", NULL },
	{ "0000:004:08.0", NULL },
	{ "123456789:04:08.0", NULL },
	{ "0x04:08.0", NULL },
	{ "0000:00:04:08.0", NULL },
};

START_TEST(addresses)
{
	for (size_t i = 0; i < ARRAY_SIZE(bdf_cases); i++) {
		struct moat_bdf bdf;
		char buf[MOAT_BDF_STRLEN];
		struct moat_err err;
		int r = moat_bdf_parse(bdf_cases[i].text, &bdf, &err);

		if (!bdf_cases[i].want) {
			ck_assert_msg(r == -EINVAL, "'%s'", bdf_cases[i].text);
			ck_assert_ptr_nonnull(
				strstr(err.msg, bdf_cases[i].text));
			continue;
		}
		ck_assert_msg(r == 0, "'%s'", bdf_cases[i].text);
		ck_assert_str_eq(moat_bdf_str(bdf, buf), bdf_cases[i].want);
	}
}
END_TEST

static const struct {
	const char *text;
	bool good;
} uuid_cases[] = {
	{ "bd8d9d2b-5a5f-4f5a-a211-f591514ba1f3", true },
	{ "BD8D9D2B-5A5F-4F5A-A211-F591514BA1F3", true },
	{ "", false },
	{ "bd8d9d2b-5a5f-4f5a-a211-f591514ba1f", false },
	{ "bd8d9d2b-5a5f-4f5a-a211-f591514ba1f3a", false },
	{ "bd8d9d2b-5a5f-4f5a-a211-f591514ba1f3 ", false },
	{ "bd8d9d2b5a5f4f5aa211f591514ba1f3", false },
	{ "bd8d9d2b-5a5f-4f5a-a211f-591514ba1f3", false },
	{ "xd8d9d2b-5a5f-4f5a-a211-f591514ba1f3", false },
	{ "{d8d9d2b-5a5f-4f5a-a211-f591514ba1f}", false },
};

START_TEST(uuids)
{
	static const uint8_t want[16] = { 0xbd, 0x8d, 0x9d, 0x2b, 0x5a, 0x5f,
					  0x4f, 0x5a, 0xa2, 0x11, 0xf5, 0x91,
					  0x51, 0x4b, 0xa1, 0xf3 };

	for (size_t i = 0; i < ARRAY_SIZE(uuid_cases); i++) {
		uint8_t bytes[16] = { 0 };
		int r = moat_parse_uuid(uuid_cases[i].text, bytes);

		ck_assert_msg(r == (uuid_cases[i].good ? 0 : -EINVAL), "'%s'",
			      uuid_cases[i].text);
		if (r == 0)
			ck_assert_mem_eq(bytes, want, 16);
	}
}
END_TEST

CHECK_MAIN("parse", sizes, numbers, addresses, uuids)
