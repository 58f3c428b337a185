// SPDX-License-Identifier: GPL-2.0-or-later
#include <asm/bootparam.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/util.h"
#include "tests/check_main.h"
#include "vmm-glue/boot.h"

#define SETUP_SECTS 3
#define BODY_OFFSET ((SETUP_SECTS + 1) * 512)
#define BODY_LEN    8192
#define IMAGE_LEN   (BODY_OFFSET + BODY_LEN)

/* A bzImage as far as its header goes. */
static uint8_t image[IMAGE_LEN];
static struct moat_err err;

static struct setup_header *hdr(void)
{
	return (struct setup_header *)(image + 0x1f1);
}

static void make_image(void)
{
	memset(image, 0xcc, sizeof(image));
	memset(image, 0, 0x300);
	hdr()->setup_sects = SETUP_SECTS;
	hdr()->syssize = BODY_LEN / 16;
	hdr()->boot_flag = 0xaa55;
	image[0x201] = 0x6a; /* what Linux 6 has: up to 0x26c */
	hdr()->header = 0x53726448;
	hdr()->version = 0x20f;
	hdr()->loadflags = LOADED_HIGH;
	hdr()->xloadflags = XLF_KERNEL_64 | XLF_CAN_BE_LOADED_ABOVE_4G;
	hdr()->relocatable_kernel = 1;
	hdr()->kernel_alignment = 2 * MiB;
	hdr()->pref_address = 16 * MiB;
	hdr()->init_size = 4 * MiB;
	hdr()->initrd_addr_max = 0x7fffffff;
	hdr()->cmdline_size = 2047;
	memset(&err, 0, sizeof(err));
}

static int parse(size_t len, struct boot_header *ret_header)
{
	return boot_parse_header(image, min_u64(len, BOOT_HEADER_LEN), len,
				 ret_header, &err);
}

START_TEST(a_good_header_is_understood)
{
	struct boot_header header;

	make_image();
	ck_assert_int_eq(parse(IMAGE_LEN, &header), 0);
	ck_assert_uint_eq(header.file_offset, BODY_OFFSET);
	ck_assert_uint_eq(header.file_len, BODY_LEN);
	ck_assert_uint_eq(header.load, 16 * MiB);
	ck_assert_uint_eq(header.init_size, 4 * MiB);
	ck_assert_uint_eq(header.initrd_last, 0x7fffffff);
	ck_assert_uint_eq(header.cmdline_max, 2047);
	/* 0 means 4: boot.rst, "setup_sects". */
	hdr()->setup_sects = 0;
	hdr()->syssize = (IMAGE_LEN - 5 * 512) / 16;
	ck_assert_int_eq(parse(IMAGE_LEN, &header), 0);
	ck_assert_uint_eq(header.file_offset, 5 * 512);
}
END_TEST

static void no_flag(void)
{
	hdr()->boot_flag = 0;
}
static void no_magic(void)
{
	hdr()->header ^= 1;
}
static void old(void)
{
	hdr()->version = 0x20b;
}
static void zimage(void)
{
	hdr()->loadflags = 0;
}
static void bits32(void)
{
	hdr()->xloadflags = 0;
}
static void low(void)
{
	hdr()->pref_address = 0x90000;
}
static void nowhere(void)
{
	hdr()->pref_address = -4096ULL;
}
static void crooked(void)
{
	hdr()->pref_address += 1;
}
static void no_size(void)
{
	hdr()->init_size = 0;
}
static void short_setup(void)
{
	image[0x201] = 0x10;
}
static void no_code(void)
{
	hdr()->syssize = 0x20;
}
static void cut(void)
{
	hdr()->syssize += 1;
}
static void vast(void)
{
	hdr()->syssize = UINT32_MAX;
}
static void all_setup(void)
{
	hdr()->setup_sects = 255;
}

static const struct {
	void (*spoil)(void);
	const char *says;
} bad_cases[] = {
	{ no_flag, "not a Linux bzImage" },
	{ no_magic, "not a Linux bzImage" },
	{ old, "2.11" },
	{ zimage, "zImage" },
	{ bits32, "32-bit" },
	{ low, "0x90000" },
	{ nowhere, "wants to be loaded" },
	{ crooked, "wants to be loaded" },
	{ no_size, "init_size" },
	{ short_setup, "ends too early" },
	{ no_code, "no code" },
	{ cut, "cut short" },
	{ vast, "cut short" },
	{ all_setup, "cut short" },
};

START_TEST(bad_headers_say_what_is_wrong)
{
	struct boot_header header;

	for (size_t i = 0; i < ARRAY_SIZE(bad_cases); i++) {
		make_image();
		bad_cases[i].spoil();
		ck_assert_int_eq(parse(IMAGE_LEN, &header), -ENOEXEC);
		ck_assert_msg(strstr(err.msg, bad_cases[i].says),
			      "no '%s' in '%s'", bad_cases[i].says, err.msg);
	}
}
END_TEST

START_TEST(a_truncated_file_is_refused_at_any_length)
{
	struct boot_header header;

	make_image();
	for (size_t len = 0; len < IMAGE_LEN; len += len < 0x300 ? 1 : 61) {
		/* On the heap, so that ASan sees a read too far. */
		uint8_t *copy = malloc(len ? len : 1);

		ck_assert_ptr_nonnull(copy);
		memcpy(copy, image, len);
		ck_assert_int_eq(
			boot_parse_header(copy, len, len, &header, &err),
			-ENOEXEC);
		free(copy);
	}
}
END_TEST

/* Whatever is accepted has to make sense. */
START_TEST(garbage_is_refused_or_sane)
{
	struct boot_header header;
	unsigned int accepted = 0;
	uint32_t seed = 1;

	for (unsigned int i = 0; i < 20000; i++) {
		make_image();
		for (unsigned int j = 0; j <= i % 3; j++) {
			seed = seed * 1664525 + 1013904223;
			image[0x1f1 + (seed >> 8) % 0x80] =
				(uint8_t)(seed >> 24);
		}
		if (parse(IMAGE_LEN, &header) < 0)
			continue;
		accepted++;
		ck_assert_uint_le(header.file_offset + header.file_len,
				  IMAGE_LEN);
		ck_assert_uint_ge(header.load, MiB);
		ck_assert_uint_le(header.load, 3 * GiB);
		ck_assert_uint_ge(header.init_size, header.file_len);
		ck_assert_uint_le(header.setup_len, sizeof(header.setup));
	}
	ck_assert_uint_gt(accepted, 100);
}
END_TEST

static char dir[] = "/tmp/moat-boot-XXXXXX";
static char kernel_path[64], initrd_path[64];

static void put_file(const char *path, const void *data, size_t len)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(data, 1, len, f), len);
	ck_assert_int_eq(fclose(f), 0);
}

static void make_files(size_t initrd_len)
{
	FILE *f;

	if (!kernel_path[0]) {
		ck_assert_ptr_nonnull(mkdtemp(dir));
		(void)snprintf(kernel_path, sizeof(kernel_path), "%s/kernel",
			       dir);
		(void)snprintf(initrd_path, sizeof(initrd_path), "%s/initrd",
			       dir);
	}
	make_image();
	put_file(kernel_path, image, sizeof(image));
	f = fopen(initrd_path, "w");
	ck_assert_ptr_nonnull(f);
	for (size_t i = 0; i < initrd_len; i++)
		ck_assert_int_ne(fputc((int)('a' + i % 26), f), EOF);
	ck_assert_int_eq(fclose(f), 0);
}

static void remove_files(void)
{
	(void)unlink(kernel_path);
	(void)unlink(initrd_path);
	(void)rmdir(dir);
	kernel_path[0] = '\0';
	memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
}

static struct layout layout_of(uint64_t bytes)
{
	struct layout layout;

	ck_assert_int_eq(layout_init(&layout, bytes, 40, &err), 0);
	return layout;
}

/* Kernel, initrd, command line and tables are where each other says. */
START_TEST(everything_is_where_the_zero_page_says)
{
	struct layout layout = layout_of(64 * MiB);
	const struct ram_config config = { .size = layout.ram,
					   .hugepages = HUGEPAGES_OFF };
	const struct boot_params *params;
	struct boot_entry entry;
	const uint8_t *low;
	struct boot *boot;
	struct ram *ram;

	make_files(5000);
	ck_assert_int_eq(boot_open(kernel_path, initrd_path, "console=ttyS0",
				   &boot, &err),
			 0);
	ck_assert_int_eq(ram_create(&config, &ram, &err), 0);
	ck_assert_int_eq(boot_place(boot, &layout, &err), 0);
	ck_assert_int_eq(boot_load(boot, &layout, ram, &entry, &err), 0);

	low = ram_at(ram, 0, layout.ram.low);
	params = (const struct boot_params *)(low + entry.rsi);
	ck_assert_uint_eq(params->hdr.header, 0x53726448);
	ck_assert_uint_eq(params->hdr.type_of_loader, 0xff);
	ck_assert_uint_eq(params->acpi_rsdp_addr, LAYOUT_ACPI);
	ck_assert_uint_eq(params->sentinel, 0);
	ck_assert_str_eq((const char *)low + params->hdr.cmd_line_ptr,
			 "console=ttyS0");
	ck_assert_uint_eq(params->hdr.ramdisk_size, 5000);
	ck_assert_int_eq(low[params->hdr.ramdisk_image], 'a');
	ck_assert_int_eq(low[params->hdr.ramdisk_image + 4999],
			 'a' + 4999 % 26);
	ck_assert_uint_eq(params->hdr.ramdisk_image % 4096, 0);
	ck_assert_uint_gt(params->hdr.ramdisk_image, 64 * MiB - 3 * 4096);
	ck_assert_uint_eq(params->e820_entries, layout.n_e820);
	ck_assert_uint_eq(params->e820_table[2].addr, MiB);

	ck_assert_uint_eq(entry.rip, 16 * MiB + 0x200);
	ck_assert_mem_eq(low + 16 * MiB, image + BODY_OFFSET, BODY_LEN);
	ck_assert_int_eq(memcmp(low + entry.gdt + 16,
				"\xff\xff\x00\x00\x00\x9b\xaf\x00", 8),
			 0);
	ram_destroy(ram);
	boot_close(boot);
	remove_files();
}
END_TEST

/* Walk the tables as the processor does. */
START_TEST(the_first_4_gib_are_identity_mapped)
{
	struct layout layout = layout_of(32 * MiB);
	const struct ram_config config = { .size = layout.ram,
					   .hugepages = HUGEPAGES_OFF };
	const uint64_t mask = UINT64_C(0x000ffffffffff000);
	struct boot_entry entry;
	const uint64_t *table;
	struct boot *boot;
	struct ram *ram;

	make_files(1);
	ck_assert_int_eq(boot_open(kernel_path, NULL, NULL, &boot, &err), 0);
	ck_assert_int_eq(ram_create(&config, &ram, &err), 0);
	ck_assert_int_eq(boot_place(boot, &layout, &err), 0);
	ck_assert_int_eq(boot_load(boot, &layout, ram, &entry, &err), 0);
	for (uint64_t addr = 0; addr < 4 * GiB; addr += 2 * MiB) {
		table = ram_at(ram, entry.cr3, 4096);
		ck_assert_uint_eq(table[addr >> 39] & 3, 3);
		table = ram_at(ram, table[addr >> 39] & mask, 4096);
		ck_assert_uint_eq(table[addr >> 30] & 0x83, 3);
		table = ram_at(ram, table[addr >> 30] & mask, 4096);
		ck_assert_uint_eq(table[addr >> 21 & 511], addr | 0x83);
	}
	ram_destroy(ram);
	boot_close(boot);
	remove_files();
}
END_TEST

static const struct {
	uint64_t ram, pref;
	uint32_t init_size, initrd_max;
	size_t initrd;
	int want;
	const char *says;
} place_cases[] = {
	{ 32 * MiB, 16 * MiB, 16 * MiB, 0x7fffffff, 0, 0, NULL },
	{ 32 * MiB, 16 * MiB, 16 * MiB + 1, 0x7fffffff, 0, -ENOSPC, "33 MiB" },
	{ 32 * MiB, 16 * MiB, 15 * MiB, 0x7fffffff, 4096, 0, NULL },
	{ 32 * MiB, 16 * MiB, 16 * MiB - 4096, 0x7fffffff, 4096, 0, NULL },
	{ 32 * MiB, 16 * MiB, 16 * MiB - 4096, 0x7fffffff, 4097, -ENOSPC,
	  "initrd" },
	/* the kernel's own limit for the initrd */
	{ 64 * MiB, 16 * MiB, MiB, 18 * MiB - 1, 4096, 0, NULL },
	{ 64 * MiB, 16 * MiB, 2 * MiB, 18 * MiB - 1, 4096, -ENOSPC, "initrd" },
	{ 64 * MiB, 16 * MiB, MiB, 0, 4096, -ENOSPC, "initrd" },
	{ 64 * MiB, 16 * MiB, MiB, UINT32_MAX, 4096, 0, NULL },
	/* all of low RAM, and the kernel at the end of it */
	{ 8 * GiB, 3 * GiB - MiB, MiB, 0x7fffffff, 0, 0, NULL },
	{ 8 * GiB, 3 * GiB, MiB, 0x7fffffff, 0, -ENOSPC, "-m" },
};

START_TEST(kernel_and_initrd_fit_or_are_refused)
{
	struct layout layout;
	struct boot *boot;

	for (size_t i = 0; i < ARRAY_SIZE(place_cases); i++) {
		make_files(place_cases[i].initrd);
		hdr()->pref_address = place_cases[i].pref;
		hdr()->init_size = place_cases[i].init_size;
		hdr()->initrd_addr_max = place_cases[i].initrd_max;
		put_file(kernel_path, image, sizeof(image));
		layout = layout_of(place_cases[i].ram);
		ck_assert_int_eq(
			boot_open(kernel_path,
				  place_cases[i].initrd ? initrd_path : NULL,
				  NULL, &boot, &err),
			0);
		ck_assert_msg(boot_place(boot, &layout, &err) ==
				      place_cases[i].want,
			      "case %zu: %s", i, err.msg);
		if (place_cases[i].want < 0)
			ck_assert_msg(strstr(err.msg, place_cases[i].says),
				      "no '%s' in '%s'", place_cases[i].says,
				      err.msg);
		boot_close(boot);
		remove_files();
	}
}
END_TEST

START_TEST(bad_files_are_named)
{
	char line[2100];
	struct boot *boot;

	make_files(0);
	ck_assert_int_eq(boot_open("/nonexistent/k", NULL, NULL, &boot, &err),
			 -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.msg, "kernel /nonexistent/k"));
	ck_assert_int_eq(boot_open("/tmp", NULL, NULL, &boot, &err), -EINVAL);
	ck_assert_int_eq(boot_open("/dev/zero", NULL, NULL, &boot, &err),
			 -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.msg, "not a regular file"));
	ck_assert_int_eq(boot_open(kernel_path, initrd_path, NULL, &boot, &err),
			 -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.msg, "empty"));
	ck_assert_int_eq(boot_open(initrd_path, NULL, NULL, &boot, &err),
			 -EINVAL);
	ck_assert_int_eq(boot_open("/proc/self/exe", NULL, NULL, &boot, &err),
			 -ENOEXEC);
	ck_assert_ptr_nonnull(strstr(err.msg, "/proc/self/exe"));
	memset(line, 'x', sizeof(line));
	line[2048] = '\0';
	ck_assert_int_eq(boot_open(kernel_path, NULL, line, &boot, &err),
			 -E2BIG);
	ck_assert_ptr_nonnull(strstr(err.msg, "2048"));
	line[2047] = '\0';
	ck_assert_int_eq(boot_open(kernel_path, NULL, line, &boot, &err), 0);
	boot_close(boot);
	remove_files();
}
END_TEST

/* Somebody truncates the file between the check and the load. */
START_TEST(a_file_that_shrinks_is_an_error)
{
	struct layout layout = layout_of(32 * MiB);
	const struct ram_config config = { .size = layout.ram,
					   .hugepages = HUGEPAGES_OFF };
	struct boot_entry entry;
	struct boot *boot;
	struct ram *ram;

	make_files(1);
	ck_assert_int_eq(boot_open(kernel_path, NULL, NULL, &boot, &err), 0);
	ck_assert_int_eq(ram_create(&config, &ram, &err), 0);
	ck_assert_int_eq(boot_place(boot, &layout, &err), 0);
	ck_assert_int_eq(truncate(kernel_path, BODY_OFFSET + 100), 0);
	ck_assert_int_eq(boot_load(boot, &layout, ram, &entry, &err), -EIO);
	ck_assert_ptr_nonnull(strstr(err.msg, "shorter"));
	ram_destroy(ram);
	boot_close(boot);
	remove_files();
}
END_TEST

CHECK_MAIN("boot", a_good_header_is_understood, bad_headers_say_what_is_wrong,
	   a_truncated_file_is_refused_at_any_length,
	   garbage_is_refused_or_sane, everything_is_where_the_zero_page_says,
	   the_first_4_gib_are_identity_mapped,
	   kernel_and_initrd_fit_or_are_refused, bad_files_are_named,
	   a_file_that_shrinks_is_an_error)
