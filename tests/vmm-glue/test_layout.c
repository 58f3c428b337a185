// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>

#include "tests/check_main.h"
#include "vmm-glue/layout.h"

#define TiB (KiB * GiB)

static const struct {
	uint64_t ram;
	unsigned int phys_bits;
	int want;
	uint64_t low, high, mmio64;
} size_cases[] = {
	/* around the smallest */
	{ 0, 40, -EINVAL, 0, 0, 0 },
	{ 30 * MiB, 40, -EINVAL, 0, 0, 0 },
	{ 32 * MiB, 40, 0, 32 * MiB, 0, 512 * GiB },
	{ 32 * MiB + 4096, 40, -EINVAL, 0, 0, 0 },
	{ 33 * MiB, 40, -EINVAL, 0, 0, 0 },
	/* around the hole */
	{ 3 * GiB - 2 * MiB, 40, 0, 3 * GiB - 2 * MiB, 0, 512 * GiB },
	{ 3 * GiB, 40, 0, 3 * GiB, 0, 512 * GiB },
	{ 3 * GiB + 2 * MiB, 40, 0, 3 * GiB, 2 * MiB, 512 * GiB },
	{ 4 * GiB, 40, 0, 3 * GiB, GiB, 512 * GiB },
	{ 64 * GiB, 40, 0, 3 * GiB, 61 * GiB, 512 * GiB },
	/* around the 64-bit window */
	{ 31 * GiB, 36, 0, 3 * GiB, 28 * GiB, 32 * GiB },
	{ 31 * GiB + 2 * MiB, 36, -E2BIG, 0, 0, 0 },
	{ 511 * GiB, 40, 0, 3 * GiB, 508 * GiB, 512 * GiB },
	{ 512 * GiB, 40, -E2BIG, 0, 0, 0 },
	{ 0x7ffffffffffULL & ~0x1fffffULL, 40, -E2BIG, 0, 0, 0 },
	{ UINT64_MAX & ~0x1fffffULL, 52, -E2BIG, 0, 0, 0 },
	/* widths */
	{ GiB, 35, -EINVAL, 0, 0, 0 },
	{ GiB, 0, -EINVAL, 0, 0, 0 },
	{ GiB, 53, -EINVAL, 0, 0, 0 },
	{ GiB, 39, 0, GiB, 0, 256 * GiB },
	{ GiB, 46, 0, GiB, 0, 32 * TiB },
	{ GiB, 48, 0, GiB, 0, 32 * TiB }, /* no more than 46 bits are used */
	{ GiB, 52, 0, GiB, 0, 32 * TiB },
	{ 16 * TiB, 52, 0, 3 * GiB, 16 * TiB - 3 * GiB, 32 * TiB },
};

START_TEST(ram_is_split_around_the_hole_and_stays_below_the_window)
{
	struct layout layout;
	struct moat_err err;

	for (size_t i = 0; i < ARRAY_SIZE(size_cases); i++) {
		memset(&err, 0, sizeof(err));
		ck_assert_msg(layout_init(&layout, size_cases[i].ram,
					  size_cases[i].phys_bits,
					  &err) == size_cases[i].want,
			      "case %zu: %s", i, err.msg);
		if (size_cases[i].want < 0) {
			ck_assert_msg(err.msg[0], "case %zu: no sentence", i);
			continue;
		}
		ck_assert_uint_eq(layout.ram.low, size_cases[i].low);
		ck_assert_uint_eq(layout.ram.high, size_cases[i].high);
		ck_assert_uint_eq(layout.mmio64, size_cases[i].mmio64);
		ck_assert_uint_eq(layout.mmio64_last,
				  2 * size_cases[i].mmio64 - 1);
	}
}
END_TEST

/* What must not be RAM, whatever the size. */
static const struct {
	uint64_t first, last;
} never_ram[] = {
	{ LAYOUT_EBDA, LAYOUT_ACPI_END - 1 },
	{ LAYOUT_MMIO32, LAYOUT_MMIO32_LAST },
	{ LAYOUT_ECAM, LAYOUT_ECAM_LAST },
	{ LAYOUT_IOAPIC, LAYOUT_IOAPIC + 0xfff },
	{ LAYOUT_LAPIC, LAYOUT_LAPIC + 0xfffff }, /* where MSIs are written */
	{ LAYOUT_IDENTITY_MAP, LAYOUT_TSS_LAST },
};

static uint64_t ram_in(const struct layout *layout)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < layout->n_e820; i++)
		if (layout->e820[i].type == E820_RAM)
			bytes += layout->e820[i].len;
	return bytes;
}

static bool reserved(const struct layout *layout, uint64_t addr)
{
	for (size_t i = 0; i < layout->n_e820; i++)
		if (layout->e820[i].type == E820_RESERVED &&
		    addr - layout->e820[i].start < layout->e820[i].len)
			return true;
	return false;
}

START_TEST(e820_is_sorted_and_tells_the_truth)
{
	struct layout layout;
	struct moat_err err;

	for (size_t i = 0; i < ARRAY_SIZE(size_cases); i++) {
		const struct layout_e820_entry *e;
		uint64_t end = 0;

		if (size_cases[i].want < 0)
			continue;
		ck_assert_int_eq(layout_init(&layout, size_cases[i].ram,
					     size_cases[i].phys_bits, &err),
				 0);
		ck_assert_uint_le(layout.n_e820, LAYOUT_E820_MAX);
		for (e = layout.e820; e < layout.e820 + layout.n_e820; e++) {
			ck_assert_uint_ge(e->start, end);
			ck_assert_uint_gt(e->len, 0);
			end = e->start + e->len;
			if (e->type != E820_RAM)
				continue;
			for (size_t j = 0; j < ARRAY_SIZE(never_ram); j++)
				ck_assert(!ranges_overlap(e->start, end - 1,
							  never_ram[j].first,
							  never_ram[j].last));
			ck_assert_uint_le(end, layout.mmio64);
		}
		/* All of it but the hole below 1 MiB. */
		ck_assert_uint_eq(ram_in(&layout),
				  size_cases[i].ram -
					  (LAYOUT_ACPI_END - LAYOUT_EBDA));
		ck_assert(reserved(&layout, LAYOUT_ECAM));
		ck_assert(reserved(&layout, LAYOUT_ECAM_LAST));
		ck_assert(reserved(&layout, LAYOUT_ACPI));
		ck_assert(reserved(&layout, LAYOUT_IDENTITY_MAP));
		ck_assert(reserved(&layout, LAYOUT_TSS_LAST));
	}
}
END_TEST

START_TEST(boot_data_lies_apart)
{
	static const struct {
		uint64_t first, len;
	} part[] = {
		{ LAYOUT_GDT, 4096 },
		{ LAYOUT_ZERO_PAGE, 4096 },
		{ LAYOUT_BOOT_STACK - 0xff0, 0xff0 },
		{ LAYOUT_PAGE_TABLES, 6 * 4096 },
		{ LAYOUT_CMDLINE, LAYOUT_CMDLINE_MAX },
		{ LAYOUT_EBDA, LAYOUT_ACPI_END - LAYOUT_EBDA },
	};

	for (size_t i = 0; i + 1 < ARRAY_SIZE(part); i++)
		ck_assert_uint_le(part[i].first + part[i].len,
				  part[i + 1].first);
}
END_TEST

static const struct {
	uint64_t first, last;
	bool platform;
} platform_cases[] = {
	{ 0, 0xbfffffff, false },
	{ LAYOUT_MMIO32, LAYOUT_MMIO32_LAST, false },
	{ LAYOUT_MMIO32, LAYOUT_ECAM, true },
	{ LAYOUT_ECAM_LAST - 0xfff, LAYOUT_ECAM_LAST, true },
	{ LAYOUT_ECAM_LAST + 1, 0xfebfffff, false },
	{ 0xfec00000, 0xfec00fff, true },
	{ 0xfec01000, 0xfedfffff, false },
	{ 0xfee00000, 0xfee00fff, true },
	{ 0xfeeff000, 0xfeefffff, true }, /* where MSIs are written */
	{ 0xfef00000, 0xfeffbfff, false },
	{ 0xfeffc000, 0xfeffcfff, true },
	{ 0xfefff000, 0xfeffffff, true },
	{ 0xff000000, 0xffffffff, false },
	{ 0x100000000, UINT64_MAX, false },
	{ 0, UINT64_MAX, true },
};

START_TEST(platform_addresses)
{
	struct layout layout;
	struct moat_err err;

	ck_assert_int_eq(layout_init(&layout, GiB, 40, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(platform_cases); i++)
		ck_assert_msg(layout_is_platform(&layout,
						 platform_cases[i].first,
						 platform_cases[i].last) ==
				      platform_cases[i].platform,
			      "case %zu", i);
}
END_TEST

CHECK_MAIN("layout", ram_is_split_around_the_hole_and_stays_below_the_window,
	   e820_is_sorted_and_tells_the_truth, boot_data_lies_apart,
	   platform_addresses)
