// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * moat_ioas_verify() on a fake kernel: its debugfs, in both layouts, and its
 * pagemap say what is there; one thing changed is one refusal, in words.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/util.h"
#include "iommu/vtd/live.h"
#include "shown.h"
#include "tests/check_main.h"

static int verify(uint64_t *ret_pages)
{
	write_source();
	write_leaves();
	return moat_ioas_verify(ioas, ret_pages, &err);
}

static void refused(int want, const char *says)
{
	ck_assert_msg(verify(NULL) == want, "%s", err.msg);
	ck_assert_msg(strncmp(err.msg, NAME ": ", strlen(NAME ": ")) == 0 ||
			      want == -EFBIG,
		      "%s", err.msg);
	ck_assert_msg(strstr(err.msg, says), "%s", err.msg);
}

/* ---- what is right ---- */

START_TEST(finds_what_was_asked_for)
{
	uint64_t pages;

	for (int layout = 0; layout < 2; layout++)
		for (int mode = 0; mode < 3; mode++) {
			shown_setup();
			shown.per_device = layout;
			shown.scalable = mode > 0;
			shown.first_stage = mode > 1;
			map(0, 8 * PAGE, 0x5000000, RW);
			map(2 * MiB, 4 * MiB, 0x8000000, RW);
			show_range(0, 8 * PAGE, 0x5000000, PAGE);
			show_range(2 * MiB, 4 * MiB, 0x8000000, 2 * MiB);
			ck_assert_msg(verify(&pages) == 0, "%s", err.msg);
			ck_assert_uint_eq(pages, 10);
			shown_teardown();
		}
}
END_TEST

START_TEST(takes_pages_of_any_size)
{
	shown_setup();
	/* 2 MiB in small pages, scattered; then large, in small pages. */
	map(0, 2 * MiB, 0x40000000, RW);
	map(2 * MiB, PAGE, 0x5000, RW);
	map(2 * MiB + PAGE, PAGE, 0x3000, RW);
	show_range(0, 2 * MiB, 0x40000000, PAGE);
	show_leaf(2 * MiB, 0x5000, PAGE, 3);
	show_leaf(2 * MiB + PAGE, 0x3000, PAGE, 3);
	ck_assert_msg(verify(NULL) == 0, "%s", err.msg);
	shown_teardown();
}
END_TEST

/* A page may be larger than each of two maps that lie side by side. */
START_TEST(takes_maps_that_touch_as_one)
{
	shown_setup();
	map(0, MiB, 0x40000000, RW);
	map(MiB, MiB, 0x40000000 + MiB, RW);
	show_leaf(0, 0x40000000, 2 * MiB, 3);
	ck_assert_msg(verify(NULL) == 0, "%s", err.msg);
	shown_teardown();
}
END_TEST

START_TEST(takes_read_only_for_what_it_is)
{
	shown_setup();
	map(0, PAGE, 0x5000, MOAT_DMA_READ);
	map(PAGE, PAGE, 0x6000, MOAT_DMA_WRITE);
	show_leaf(0, 0x5000, PAGE, 1);
	show_leaf(PAGE, 0x6000, PAGE, 2);
	ck_assert_msg(verify(NULL) == 0, "%s", err.msg);
	shown_teardown();
}
END_TEST

START_TEST(takes_an_empty_address_space_for_empty)
{
	shown_setup();
	ck_assert_msg(verify(NULL) == 0, "%s", err.msg);
	show_leaf(0, 0x5000, PAGE, 3);
	refused(-EBADMSG, "nobody asked for");
	shown_teardown();
}
END_TEST

/* ---- what is not ---- */

/* Eight pages of memory at 0x5000000, mapped at 0x10000. */
#define IOVA UINT64_C(0x10000)
#define PA   UINT64_C(0x5000000)

static void eight(void)
{
	map(IOVA, 8 * PAGE, PA, RW);
}

static void show(unsigned int first, unsigned int last)
{
	for (unsigned int i = first; i <= last; i++)
		show_leaf(IOVA + i * PAGE, PA + i * PAGE, PAGE, 3);
}

static void nothing_shown(void)
{
}

static void first_missing(void)
{
	show(1, 7);
}

static void middle_missing(void)
{
	show(0, 2);
	show(4, 7);
}

static void last_missing(void)
{
	show(0, 6);
}

static void one_before(void)
{
	show_leaf(IOVA - PAGE, PA - PAGE, PAGE, 3);
	show(0, 7);
}

static void one_behind(void)
{
	show(0, 7);
	show_leaf(IOVA + 8 * PAGE, PA + 8 * PAGE, PAGE, 3);
}

static void one_far_away(void)
{
	show(0, 7);
	show_leaf(0x7fffffff000, 0x1000, PAGE, 3);
}

static void twice(void)
{
	show(0, 3);
	show(3, 7);
}

static void page_elsewhere(void)
{
	show(0, 3);
	show_leaf(IOVA + 4 * PAGE, PA + 5 * PAGE, PAGE, 3);
	show(5, 7);
}

static void not_writable(void)
{
	show(0, 3);
	show_leaf(IOVA + 4 * PAGE, PA + 4 * PAGE, PAGE, 1);
	show(5, 7);
}

static void large_page_over_it(void)
{
	show_leaf(0, PA - IOVA, 2 * MiB, 3);
}

static void large_page_behind(void)
{
	show(0, 7);
	show_leaf(2 * MiB, 0, 2 * MiB, 3);
}

static const struct {
	void (*make)(void);
	const char *says;
} differences[] = {
	{ nothing_shown, "do not map 0x10000," },
	{ first_missing, "do not map 0x10000," },
	{ middle_missing, "do not map 0x13000," },
	{ last_missing, "do not map 0x17000," },
	{ one_before, "map 0xf000-0xffff to 0x4fff000, which nobody" },
	{ one_behind, "map 0x18000-0x18fff to 0x5008000, which nobody" },
	{ one_far_away, "map 0x7fffffff000-0x7ffffffffff to 0x1000" },
	{ twice, "map 0x13000-0x13fff to 0x5003000, which nobody" },
	{ page_elsewhere,
	  "map 0x14000 to 0x5005000, but the guest's page is at "
	  "0x5004000" },
	{ not_writable, "allow the device only to read at 0x14000" },
	{ large_page_over_it, "map 0x0-0x1fffff to" },
	{ large_page_behind, "map 0x200000-0x3fffff to 0x0, which nobody" },
};

START_TEST(refuses_one_difference)
{
	for (size_t i = 0; i < ARRAY_SIZE(differences); i++)
		for (int layout = 0; layout < 2; layout++) {
			shown_setup();
			shown.per_device = layout;
			eight();
			differences[i].make();
			refused(-EBADMSG, differences[i].says);
			shown_teardown();
		}
}
END_TEST

/* Memory that moved: the tables are right, but of yesterday. */
START_TEST(refuses_memory_that_is_elsewhere)
{
	shown_setup();
	eight();
	show(0, 7);
	put_pages(memory + IOVA + 3 * PAGE, 0x7000, 1);
	refused(-EBADMSG, "map 0x13000 to 0x5003000, but the guest's page is "
			  "at 0x7000");
	shown_teardown();
}
END_TEST

/* A table above the page that allows less than the page does. */
START_TEST(refuses_what_a_table_above_forbids)
{
	shown_setup();
	map(0, PAGE, 0x5000, RW);
	show_text("0x0000000000000 |\t0x0\t0x20000003\t0x20001001\t0x20002003\t"
		  "0x5003\n");
	refused(-EBADMSG, "only to read");
	shown_teardown();
}
END_TEST

#define ENTRY	"04:08.0\t0x0:0x2001\t"
#define NOPASID "\t-1\t0x0:0x0:0x0\n"

static const struct {
	const char *source;
	int want;
	const char *says;
} sources[] = {
	{ "\n", -EBADMSG, "dmar1 has no entry for it" },
	{ ENTRY "0x702:0x12345005" NOPASID, -EBADMSG, "pci=noats" },
	{ ENTRY "0x702:0x12345009" NOPASID, -EBADMSG, "untranslated" },
	{ ENTRY "0x702:0x1234500d" NOPASID, -EBADMSG, "does not exist" },
	{ ENTRY "0x700:0x12345001" NOPASID, -EBADMSG, "2 levels" },
	{ ENTRY "0x704:0x12345001" NOPASID, -EBADMSG, "6 levels" },
	{ ENTRY "0x0:0x3005\t0\t0x0:0x7:0x12345089\n", -EBADMSG, "pci=noats" },
	{ ENTRY "0x0:0x3001\t0\t0x0:0x7:0x12345109\n", -EBADMSG,
	  "untranslated" },
	{ ENTRY "0x0:0x3001\t0\t0x0:0x7:0x123450c9\n", -EBADMSG,
	  "not understood" },
	{ ENTRY "0x0:0x3001\t3\t0x0:0x7:0x12345089\n", -EBADMSG,
	  "requests with a PASID" },
	{ ENTRY "0x0:0x3001\t0\t0x0:0x7:0x12345089\n" ENTRY
		"0x0:0x3001\t3\t0x0:0x7:0x12345089\n",
	  -EBADMSG, "requests with a PASID" },
	{ "DMA Remapping is not enabled on dmar1\n", -EBADMSG,
	  "dmar1, does not translate" },
	{ ENTRY "0x702" NOPASID, -EINVAL, "is no entry" },
	{ ENTRY "0x702:12345001" NOPASID, -EINVAL, "is no entry" },
	{ ENTRY "0x702:0x12345001\t-1\t0x0:0x0\n", -EINVAL, "is no entry" },
	{ ENTRY "0x702:0x12345001\t-2\t0x0:0x0:0x0\n", -EINVAL, "is no entry" },
	{ ENTRY "0x702:0x12345001\t-1\t0x0:0x0:0x0\tmore\n", -EINVAL,
	  "is no entry" },
	{ "04:08.0\n", -EINVAL, "is no entry" },
	/* Other tables than those that are shown. */
	{ ENTRY "0x702:0x54321001" NOPASID, -EINVAL, "0x54321000" },
};

START_TEST(refuses_a_device_that_goes_another_way)
{
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
		shown_setup();
		eight();
		show(0, 7);
		(void)snprintf(shown.source, sizeof(shown.source), "%s",
			       sources[i].source);
		refused(sources[i].want, sources[i].says);
		shown_teardown();
	}
}
END_TEST

static const char *const bad_leaves[] = {
	"0x10\n",
	"0x10 |\n",
	"0x10 |\t0x3x\n",
	"0x10 |\t0x0\t0x0\t0x0\t0x0\t0x0\n",
	"0x10 |\t0x0\t0x3\t0x3\t0x3\t0x3\t0x3\n",
	"0x10 |\t0x0\t0x3\t0x3\t0x3\t0x3 more\n",
	"0x10 \t0x0\t0x3\t0x3\t0x3\t0x3\n",
	"0x10 |\t0x0\t0x83\t0x0\t0x0\t0x0\n", /* a page of 512 GiB */
	"0x10 |\t0x0\t0x3\t0x3\t0x3\t0x0\n",  /* a table, not a page */
	"0x10 |\t0x0\t0x3\t0x3\t0x83\t0x0\n", /* not aligned */
	"0x10000000000000 |\t0x0\t0x3\t0x3\t0x3\t0x3\n", /* beyond 2^64 */
	"0xg |\t0x0\t0x3\t0x3\t0x3\t0x3\n",
};

START_TEST(refuses_what_it_does_not_understand)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad_leaves); i++) {
		shown_setup();
		eight();
		show_text("%s", bad_leaves[i]);
		show(0, 7);
		refused(-EINVAL, "is no page of the IOMMU's tables");
		shown_teardown();
	}
	shown_setup();
	eight();
	show(0, 7);
	for (unsigned int i = 0; i < 300; i++)
		show_text("x");
	refused(-EINVAL, "line is too long");
	shown_teardown();
}
END_TEST

/* ---- when it cannot be told ---- */

START_TEST(names_what_the_kernel_needs)
{
	shown_setup();
	eight();
	ck_assert_int_eq(moat_ioas_verify(ioas, NULL, &err), -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.msg, "CONFIG_INTEL_IOMMU_DEBUGFS"));
	ck_assert_ptr_nonnull(strstr(err.msg, "debugfs to be mounted"));
	shown_teardown();
}
END_TEST

START_TEST(names_the_right_that_is_missing)
{
	char path[PATH_MAX];

	/* The kernel hides where memory is. */
	shown_setup();
	eight();
	put_pages(memory + IOVA, 0, 1);
	ck_assert_int_eq(verify(NULL), -EPERM);
	ck_assert_ptr_nonnull(strstr(err.msg, "CAP_SYS_ADMIN"));
	shown_teardown();
	if (geteuid() == 0)
		return; /* nothing is kept from root */
	shown_setup();
	eight();
	write_source();
	ck_assert_int_eq(moat_path(path,
				   "%s/kernel/debug/iommu/intel/"
				   "dmar_translation_struct",
				   fake.sysfs),
			 0);
	ck_assert_int_eq(chmod(path, 0), 0);
	ck_assert_int_eq(moat_ioas_verify(ioas, NULL, &err), -EACCES);
	ck_assert_ptr_nonnull(strstr(err.msg, "only root"));
	shown_teardown();
}
END_TEST

START_TEST(knows_only_vt_d)
{
	shown_setup();
	eight();
	ck_assert_int_eq(
		fake_remove(&fake, "sys/bus/pci/devices/" NAME "/iommu"), 0);
	refused(-ENOTSUP, "only VT-d's tables");
	fake_link(&fake, "../../devices/virtual/iommu/ivhd0",
		  "sys/bus/pci/devices/" NAME "/iommu");
	refused(-ENOTSUP, "only VT-d's tables");
	shown_teardown();
}
END_TEST

/* Refused before the kernel is asked: its files are not there. */
START_TEST(is_bounded)
{
	const uint64_t n = 131073;

	shown_setup();
	for (uint64_t i = 0; i < n; i += 4096) {
		const uint64_t some = min_u64(n - i, 4096);

		/* Every other page of memory: none can be put together. */
		for (uint64_t j = 0; j < some; j++)
			put_pages(memory + (i + j) * PAGE,
				  (2 * (i + j) + 1) * PAGE, 1);
	}
	ck_assert_int_eq(moat_ioas_map(ioas, 0, n * PAGE, memory, RW, &err), 0);
	ck_assert_int_eq(moat_ioas_verify(ioas, NULL, &err), -EFBIG);
	ck_assert_ptr_nonnull(strstr(err.msg, "-hugepages 2M"));
	shown_teardown();
}
END_TEST

/* 1 GiB in one piece is more than can be read back, in small pages. */
START_TEST(counts_the_pages_that_tables_can_have)
{
	static const char param[] = "sys/module/vfio_iommu_type1/parameters/"
				    "disable_hugepages";
	static const struct {
		const char *path, *text;
		int want; /* -EINVAL: the kernel was asked, and shows nothing */
	} cases[] = {
		{ "sys/bus/pci/devices/virtual/iommu/dmar1/intel-iommu/cap",
		  "d2008c222f0686\n", -EINVAL },
		{ "sys/bus/pci/devices/virtual/iommu/dmar1/intel-iommu/cap",
		  "d20080222f0686\n", -EFBIG },
		{ param, "N\n", -EINVAL },
		{ param, "Y\n", -EFBIG },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		shown_setup();
		put_pages(memory, GiB, GiB / PAGE);
		ck_assert_int_eq(moat_ioas_map(ioas, 0, GiB, memory, RW, &err),
				 0);
		fake_write(&fake, cases[i].path, cases[i].text);
		write_source();
		fake_write(&fake, INTEL "domain_translation_struct", "");
		ck_assert_msg(moat_ioas_verify(ioas, NULL, &err) ==
				      cases[i].want,
			      "%zu: %s", i, err.msg);
		shown_teardown();
	}
}
END_TEST

/* Of a huge page, its first address says where all of it is. */
START_TEST(takes_huge_pages_as_one_piece)
{
	static const struct {
		unsigned int kib; /* of the pages, says the kernel */
		int want;
	} cases[] = {
		{ 2048, 0 }, { 4, -ENOENT }, /* the others are not in memory */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[256];

		shown_setup();
		/* One more: the file goes on behind them. */
		for (unsigned int page = 0; page < 4; page++)
			put_pages(memory + page * 2 * MiB, (page + 5) * 4 * MiB,
				  1);
		ck_assert_int_eq(
			moat_ioas_map(ioas, 0, 6 * MiB, memory, RW, &err), 0);
		for (unsigned int page = 0; page < 3; page++)
			show_leaf(page * 2 * MiB, (page + 5) * 4 * MiB, 2 * MiB,
				  3);
		(void)snprintf(text, sizeof(text),
			       "10000000-10600000 rw-s 0 00:00 1 /memfd\n"
			       "KernelPageSize: %7u kB\n",
			       cases[i].kib);
		fake_write(&fake, "proc/self/smaps", text);
		ck_assert_msg(verify(NULL) == cases[i].want, "%s", err.msg);
		shown_teardown();
	}
}
END_TEST

CHECK_MAIN("verify", finds_what_was_asked_for, takes_pages_of_any_size,
	   takes_maps_that_touch_as_one, takes_read_only_for_what_it_is,
	   takes_an_empty_address_space_for_empty, refuses_one_difference,
	   refuses_memory_that_is_elsewhere, refuses_what_a_table_above_forbids,
	   refuses_a_device_that_goes_another_way,
	   refuses_what_it_does_not_understand, names_what_the_kernel_needs,
	   names_the_right_that_is_missing, knows_only_vt_d, is_bounded,
	   counts_the_pages_that_tables_can_have, takes_huge_pages_as_one_piece)
