// SPDX-License-Identifier: GPL-2.0-or-later
/* Identity-placed RAM: which pages, and the windows around them. */
#include <errno.h>
#include <string.h>

#include "common/util.h"
#include "tests/check_main.h"
#include "vmm-glue/host_iomem.h"
#include "vmm-glue/layout.h"

#define PAGE (2 * MiB)

static struct moat_err err;

/* ---- which pages ---- */

static const struct {
	const char *what;
	size_t want;
	size_t n_pages;
	uint64_t page[12]; /* numbers of 2 MiB pages */
	size_t n_runs;
	struct layout_run run[4]; /* in pages */
} choose_cases[] = {
	{ "one run", 4, 4, { 8, 9, 10, 11 }, 1, { { 8, 4 } } },
	{ "two, all of both", 4, 4, { 8, 9, 20, 21 }, 2, { { 8, 2 }, { 20, 2 } } },
	{ "the longest first", 4, 7, { 1, 3, 4, 5, 6, 10, 11 }, 1, { { 3, 4 } } },
	{ "part of one",
	  5,
	  8,
	  { 1, 3, 4, 5, 6, 10, 11, 12 },
	  2,
	  { { 3, 4 }, { 10, 1 } } },
	{ "the lower of equals", 2, 4, { 1, 2, 5, 6 }, 1, { { 1, 2 } } },
	{ "each alone", 3, 3, { 1, 3, 5 }, 3, { { 1, 1 }, { 3, 1 }, { 5, 1 } } },
	{ "above 4 GiB",
	  3,
	  3,
	  { 2048, 2049, 4096 },
	  2,
	  { { 2048, 2 }, { 4096, 1 } } },
};

START_TEST(the_longest_runs_of_pages_are_taken)
{
	for (size_t i = 0; i < ARRAY_SIZE(choose_cases); i++) {
		struct layout_run run[LAYOUT_RUNS_MAX];
		uint64_t page[12];
		size_t n = 0;

		for (size_t j = 0; j < choose_cases[i].n_pages; j++)
			page[j] = choose_cases[i].page[j] * PAGE;
		ck_assert_int_eq(
			layout_choose_pages(page, choose_cases[i].n_pages, PAGE,
					    choose_cases[i].want, run, &n),
			0);
		ck_assert_msg(n == choose_cases[i].n_runs, "%s: %zu runs",
			      choose_cases[i].what, n);
		for (size_t j = 0; j < n; j++) {
			ck_assert_msg(run[j].gpa ==
					      choose_cases[i].run[j].gpa * PAGE,
				      "%s: run %zu", choose_cases[i].what, j);
			ck_assert_uint_eq(run[j].len,
					  choose_cases[i].run[j].len * PAGE);
		}
	}
}
END_TEST

START_TEST(more_runs_than_a_guest_takes_are_refused)
{
	uint64_t page[2 * LAYOUT_RUNS_MAX];
	struct layout_run run[LAYOUT_RUNS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(page); i++)
		page[i] = (2 * i + 1) * PAGE;
	ck_assert_int_eq(layout_choose_pages(page, ARRAY_SIZE(page), PAGE,
					     LAYOUT_RUNS_MAX, run, &n),
			 0);
	ck_assert_uint_eq(n, LAYOUT_RUNS_MAX);
	ck_assert_int_eq(layout_choose_pages(page, ARRAY_SIZE(page), PAGE,
					     LAYOUT_RUNS_MAX + 1, run, &n),
			 -E2BIG);
	ck_assert_uint_eq(n, LAYOUT_RUNS_MAX + 1);
}
END_TEST

/* ---- the map around them ---- */

/* A q35 machine with 4 GiB, one of 64 GiB, and one with a small hole. */
static struct host_iomem_range q35[] = {
	{ 0x1000, 0x9fbff, HOST_IOMEM_RAM },
	{ 0xa0000, 0xbffff, HOST_IOMEM_PCI },
	{ 0x100000, 0x7fffffff, HOST_IOMEM_RAM },
	{ 0x80000000, 0xafffffff, HOST_IOMEM_PCI },
	{ 0xb0000000, 0xbfffffff, HOST_IOMEM_OTHER },
	{ 0xc0000000, 0xfebfffff, HOST_IOMEM_PCI },
	{ 0xfec00000, 0xfec003ff, HOST_IOMEM_OTHER },
	{ 0x100000000, 0x17fffffff, HOST_IOMEM_RAM },
	{ 0x180000000, 0x97fffffff, HOST_IOMEM_PCI },
};
static struct host_iomem_range low_ram[] = {
	{ 0x100000, 0xdfffffff, HOST_IOMEM_RAM },
	{ 0xe0000000, 0xe7ffffff, HOST_IOMEM_OTHER },
	{ 0xe8000000, 0xfebfffff, HOST_IOMEM_PCI },
	{ 0x100000000, 0x101fffffff, HOST_IOMEM_RAM },
};
static struct host_iomem_range small_hole[] = {
	{ 0x100000, 0xf7ffffff, HOST_IOMEM_RAM },
	{ 0xf8100000, 0xfbffffff, HOST_IOMEM_PCI },
};
static struct host_iomem_range no_hole[] = {
	{ 0x100000, 0xf7ffffff, HOST_IOMEM_RAM },
	{ 0xfec10000, 0xfed3ffff, HOST_IOMEM_PCI },
};
static struct host_iomem_range ram_to_the_top[] = {
	{ 0xc0000000, 0xfebfffff, HOST_IOMEM_PCI },
	{ 0x100000000, 0x8fffffffff, HOST_IOMEM_RAM },
};
static struct host_iomem_range full[] = {
	{ 0xc0000000, 0xfebfffff, HOST_IOMEM_PCI },
	{ 0x100000000, 0xfff0000000, HOST_IOMEM_RAM },
};

static struct host_iomem_range reserved_up_there[] = {
	{ 0xc0000000, 0xfebfffff, HOST_IOMEM_PCI },
	{ 0x100000000, 0x17fffffff, HOST_IOMEM_RAM },
	{ 0x8040000000, 0x80403fffff, HOST_IOMEM_OTHER },
	{ 0xfd00000000, 0xffffffffff, HOST_IOMEM_OTHER }, /* HyperTransport */
};
static struct host_iomem_range pci_up_there[] = {
	{ 0xc0000000, 0xfebfffff, HOST_IOMEM_PCI },
	{ 0x100000000, 0x17fffffff, HOST_IOMEM_RAM },
	{ 0x7000000000, 0x80ffffffff, HOST_IOMEM_PCI },
	{ 0xa000000000, 0xdfffffffff, HOST_IOMEM_PCI },
};
static struct host_iomem_range pci_to_the_top[] = {
	{ 0xc0000000, 0xfebfffff, HOST_IOMEM_PCI },
	{ 0x100000000, 0x17fffffff, HOST_IOMEM_RAM },
	{ 0x8000000000, 0x8000ffffff, HOST_IOMEM_OTHER },
	{ 0x8001000000, 0xffffffffff, HOST_IOMEM_PCI },
};

#define HOST(ranges)                         \
	{                                    \
		(ranges), ARRAY_SIZE(ranges) \
	}

static const struct {
	const char *what;
	struct host_iomem host;
	int want;
	uint64_t mmio32, ecam, mmio64;
	size_t n_runs;
	struct layout_run run[4]; /* in 2 MiB pages */
} map_cases[] = {
	{ "all below 4 GiB",
	  HOST(q35),
	  0,
	  0xc0000000,
	  0xfc000000,
	  512 * GiB,
	  2,
	  { { 32, 64 }, { 256, 64 } } },
	{ "all above",
	  HOST(q35),
	  0,
	  0xc0000000,
	  0xfc000000,
	  512 * GiB,
	  1,
	  { { 2048 + 100, 128 } } },
	{ "both, scattered",
	  HOST(q35),
	  0,
	  0xc0000000,
	  0xfc000000,
	  512 * GiB,
	  4,
	  { { 1, 1 }, { 3, 60 }, { 1023, 1 }, { 2048, 512 } } },
	{ "in the usual MMIO hole",
	  HOST(low_ram),
	  0,
	  0xe8000000,
	  0xfc000000,
	  512 * GiB,
	  2,
	  { { 1536, 256 }, { 2048, 64 } } },
	{ "the hole is small",
	  HOST(small_hole),
	  -ENOSPC, /* 63 MiB: aligned ECAM leaves 31 for the window */
	  0,
	  0,
	  0,
	  1,
	  { { 64, 64 } } },
	{ "no hole", HOST(no_hole), -ENOSPC, 0, 0, 0, 1, { { 64, 64 } } },
	{ "memory where the 64-bit window would be",
	  HOST(ram_to_the_top),
	  0,
	  0xc0000000,
	  0xfc000000,
	  0x9000000000,
	  1,
	  { { 0x8000000000 / PAGE, 64 } } },
	{ "memory up to the top",
	  HOST(full),
	  -ENOSPC,
	  0,
	  0,
	  0,
	  1,
	  { { 2048, 64 } } },
	{ "in the first 2 MiB", HOST(q35), -EINVAL, 0, 0, 0, 1, { { 0, 64 } } },
	{ "on the local APICs",
	  HOST(q35),
	  -EINVAL,
	  0,
	  0,
	  0,
	  1,
	  { { 0xfee00000 / PAGE, 1 } } },
	{ "beyond what the guest can address",
	  HOST(q35),
	  -EINVAL,
	  0,
	  0,
	  0,
	  1,
	  { { 0x10000000000 / PAGE - 1, 2 } } },
	{ "not sorted", HOST(q35), -EINVAL, 0, 0, 0, 2, { { 64, 8 }, { 32, 8 } } },
	{ "overlapping",
	  HOST(q35),
	  -EINVAL,
	  0,
	  0,
	  0,
	  2,
	  { { 64, 8 }, { 71, 8 } } },
};

static int init_case(size_t i, struct layout *ret_layout)
{
	struct layout_run run[4];

	for (size_t j = 0; j < map_cases[i].n_runs; j++) {
		run[j].gpa = map_cases[i].run[j].gpa * PAGE;
		run[j].len = map_cases[i].run[j].len * PAGE;
	}
	memset(&err, 0, sizeof(err));
	return layout_init_identity(ret_layout, run, map_cases[i].n_runs,
				    &map_cases[i].host, 40, &err);
}

START_TEST(windows_lie_around_the_ram)
{
	struct layout layout;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(map_cases); i++) {
		r = init_case(i, &layout);
		ck_assert_msg(r == map_cases[i].want, "%s: %d, %s",
			      map_cases[i].what, r, err.msg);
		ck_assert_msg((r < 0) == (err.msg[0] != '\0'), "%s: %s",
			      map_cases[i].what, err.msg);
		if (r < 0)
			continue;
		ck_assert(layout.identity);
		ck_assert_uint_eq(layout.mmio32, map_cases[i].mmio32);
		ck_assert_uint_eq(layout.mmio32_last, layout.ecam - 1);
		ck_assert_uint_eq(layout.ecam, map_cases[i].ecam);
		ck_assert_uint_lt(layout_ecam_last(&layout), LAYOUT_IOAPIC);
		ck_assert_uint_eq(layout.mmio64, map_cases[i].mmio64);
		ck_assert_uint_eq(layout.mmio64_last, 1024 * GiB - 1);
		ck_assert_uint_eq(layout.n_runs, map_cases[i].n_runs);
	}
}
END_TEST

/* Is [first, last] RAM of the guest's map, but for the trampoline? */
static bool is_ram(const struct layout *layout, uint64_t first, uint64_t last)
{
	for (size_t i = 0; i < layout->n_e820; i++)
		if (layout->e820[i].type == E820_RAM &&
		    ranges_overlap(first, last, layout->e820[i].start,
				   layout->e820[i].start + layout->e820[i].len -
					   1))
			return true;
	return false;
}

static void check_e820(const struct layout *layout)
{
	uint64_t end = 0, ram = 0, runs = 0;

	ck_assert_uint_le(layout->n_e820, LAYOUT_E820_MAX);
	for (size_t i = 0; i < layout->n_e820; i++) {
		const struct layout_e820_entry *e = &layout->e820[i];

		ck_assert_uint_ge(e->start, end);
		ck_assert_uint_gt(e->len, 0);
		end = e->start + e->len;
		if (e->type == E820_RAM)
			ram += e->len;
	}
	for (size_t i = 0; i < layout->n_runs; i++)
		runs += layout->run[i].len;
	ck_assert_uint_eq(ram, runs + LAYOUT_TRAMP_END - LAYOUT_TRAMPOLINE);
	/* Of the first MiB the guest has only what starts processors. */
	ck_assert(!is_ram(layout, 0, LAYOUT_TRAMPOLINE - 1));
	ck_assert(!is_ram(layout, LAYOUT_TRAMP_END, MiB - 1));
	ck_assert(!is_ram(layout, layout->ecam, layout_ecam_last(layout)));
	ck_assert(!is_ram(layout, layout->mmio32, layout->mmio32_last));
	ck_assert(!is_ram(layout, layout->mmio64, layout->mmio64_last));
	ck_assert(!is_ram(layout, LAYOUT_IOAPIC, 4 * GiB - 1));
}

static void check_uncached(const struct layout *layout)
{
	ck_assert_uint_gt(layout->n_uncached, 0);
	for (size_t i = 0; i < layout->n_uncached; i++) {
		const struct layout_range *range = &layout->uncached[i];

		ck_assert(is_power_of_2(range->last - range->first + 1));
		ck_assert(is_aligned(range->first,
				     range->last - range->first + 1));
		ck_assert(!is_ram(layout, range->first, range->last));
	}
}

static const struct {
	const char *what;
	struct host_iomem host;
	struct layout_range window;
	struct layout_run run; /* in 2 MiB pages */
} high_cases[] = {
	{ "something reserved there",
	  HOST(reserved_up_there),
	  { 0x8080000000, 0xfcffffffff },
	  { 2048, 64 } },
	{ "the host's devices",
	  HOST(pci_up_there),
	  { 0xe000000000, 0xffffffffff },
	  { 2048, 64 } },
	{ "the host's devices, and guest RAM",
	  HOST(pci_up_there),
	  { 0x8100000000, 0x9fffffffff },
	  { 0xf000000000 / PAGE, 64 } },
	{ "the host's devices up to the top, so among them",
	  HOST(pci_to_the_top),
	  { 0x8040000000, 0xffffffffff },
	  { 2048, 64 } },
};

START_TEST(the_high_window_is_where_the_host_has_nothing)
{
	for (size_t i = 0; i < ARRAY_SIZE(high_cases); i++) {
		struct layout_run run = high_cases[i].run;
		struct layout layout;

		run.gpa *= PAGE;
		run.len *= PAGE;
		ck_assert_msg(layout_init_identity(&layout, &run, 1,
						   &high_cases[i].host, 40,
						   &err) == 0,
			      "%s: %s", high_cases[i].what, err.msg);
		ck_assert_msg(layout.mmio64 == high_cases[i].window.first &&
				      layout.mmio64_last ==
					      high_cases[i].window.last,
			      "%s: %#llx to %#llx", high_cases[i].what,
			      (unsigned long long)layout.mmio64,
			      (unsigned long long)layout.mmio64_last);
	}
}
END_TEST

START_TEST(old_kernels_get_less_of_the_first_mib)
{
	struct layout layout;

	ck_assert_int_eq(init_case(0, &layout), 0);
	ck_assert_uint_eq(layout.e820[1].start, LAYOUT_TRAMPOLINE);
	layout_spare_low_memory(&layout);
	ck_assert_uint_eq(layout.e820[0].len, layout.e820[1].start);
	ck_assert_uint_eq(layout.e820[1].start + layout.e820[1].len,
			  layout.e820[2].start);
	ck_assert_uint_eq(layout.e820[1].len, 28 * KiB);
	ck_assert_int_eq(layout.e820[1].type, E820_RAM);
	ck_assert_int_eq(layout.e820[2].type, E820_RESERVED);
}
END_TEST

START_TEST(the_memory_map_tells_the_truth)
{
	struct layout_run run[LAYOUT_RUNS_MAX + 1];
	struct host_iomem host = HOST(q35);
	struct layout layout;

	for (size_t i = 0; i < ARRAY_SIZE(map_cases); i++) {
		if (map_cases[i].want < 0)
			continue;
		ck_assert_int_eq(init_case(i, &layout), 0);
		check_e820(&layout);
		check_uncached(&layout);
	}
	for (size_t i = 0; i < ARRAY_SIZE(run); i++)
		run[i] = (struct layout_run) { (2 * i + 8) * PAGE, PAGE };
	ck_assert_int_eq(layout_init_identity(&layout, run, LAYOUT_RUNS_MAX,
					      &host, 40, &err),
			 0);
	check_e820(&layout);
	ck_assert_int_eq(layout_init_identity(&layout, run, ARRAY_SIZE(run),
					      &host, 40, &err),
			 -E2BIG);
}
END_TEST

CHECK_MAIN("layout_identity", the_longest_runs_of_pages_are_taken,
	   more_runs_than_a_guest_takes_are_refused, windows_lie_around_the_ram,
	   the_high_window_is_where_the_host_has_nothing,
	   old_kernels_get_less_of_the_first_mib,
	   the_memory_map_tells_the_truth)
