// SPDX-License-Identifier: GPL-2.0-or-later
#include <asm/bootparam.h>
#include <elf.h>
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
	ck_assert_uint_eq(header.n_segments, 1);
	ck_assert_uint_eq(header.segments[0].file_offset, BODY_OFFSET);
	ck_assert_uint_eq(header.segments[0].file_len, BODY_LEN);
	ck_assert_uint_eq(header.segments[0].gpa, 16 * MiB);
	ck_assert_uint_eq(header.segments[0].mem_len, BODY_LEN);
	ck_assert_uint_eq(header.entry, 16 * MiB + 0x200);
	ck_assert_uint_eq(header.load, 16 * MiB);
	ck_assert_uint_eq(header.init_size, 4 * MiB);
	ck_assert_uint_eq(header.initrd_last, 0x7fffffff);
	ck_assert_uint_eq(header.cmdline_max, 2047);
	/* 0 means 4: boot.rst, "setup_sects". */
	hdr()->setup_sects = 0;
	hdr()->syssize = (IMAGE_LEN - 5 * 512) / 16;
	ck_assert_int_eq(parse(IMAGE_LEN, &header), 0);
	ck_assert_uint_eq(header.segments[0].file_offset, 5 * 512);
	/* The setup header may end with init_size: 0x260 to 0x263. */
	image[0x201] = 0x62;
	ck_assert_int_eq(parse(IMAGE_LEN, &header), 0);
	ck_assert_uint_eq(header.setup_len, 0x264 - 0x1f1);
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
static void half_init_size(void)
{
	image[0x201] = 0x61;
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
	{ no_flag, "neither a Linux bzImage nor an ELF vmlinux" },
	{ no_magic, "neither a Linux bzImage nor an ELF vmlinux" },
	{ old, "2.11" },
	{ zimage, "zImage" },
	{ bits32, "32-bit" },
	{ low, "0x90000" },
	{ nowhere, "wants to be loaded" },
	{ crooked, "wants to be loaded" },
	{ no_size, "init_size" },
	{ short_setup, "ends too early" },
	{ half_init_size, "ends too early" },
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

/*
 * The head and the segments of a vmlinux, as Linux 6 has them: the third
 * segment's virtual address is 0, the last one ends in zeros.
 */
#define ELF_OFFSET 4096
#define ELF_ENTRY  (16 * MiB + 0x40)

enum { TEXT, DATA, PERCPU, INIT, NOTE, N_PHDRS };

static Elf64_Ehdr *elf(void)
{
	return (Elf64_Ehdr *)image;
}

static Elf64_Phdr *phdr(unsigned int i)
{
	return (Elf64_Phdr *)(image + sizeof(Elf64_Ehdr)) + i;
}

static void make_elf(void)
{
	static const struct {
		uint32_t type;
		uint64_t vaddr, paddr, offset, filesz, memsz;
	} segments[N_PHDRS] = {
		{ PT_LOAD, 0xffffffff81000000, 0x1000000, 0, 0x800, 0x800 },
		{ PT_LOAD, 0xffffffff81200000, 0x1200000, 0x800, 0x300, 0x300 },
		{ PT_LOAD, 0, 0x1201000, 0xb00, 0x80, 0x80 },
		{ PT_LOAD, 0xffffffff81202000, 0x1202000, 0xc00, 0x400,
		  0x100000 },
		{ PT_NOTE, 0xffffffff81000700, 0x1000700, 0x700, 0x40, 0x40 },
	};

	memset(image, 0, sizeof(image));
	for (size_t i = ELF_OFFSET; i < sizeof(image); i++)
		image[i] = (uint8_t)(i * 7 + i / 256);
	memcpy(elf()->e_ident, ELFMAG, SELFMAG);
	elf()->e_ident[EI_CLASS] = ELFCLASS64;
	elf()->e_ident[EI_DATA] = ELFDATA2LSB;
	elf()->e_ident[EI_VERSION] = EV_CURRENT;
	elf()->e_type = ET_EXEC;
	elf()->e_machine = EM_X86_64;
	elf()->e_version = EV_CURRENT;
	elf()->e_entry = ELF_ENTRY;
	elf()->e_phoff = sizeof(Elf64_Ehdr);
	elf()->e_ehsize = sizeof(Elf64_Ehdr);
	elf()->e_phentsize = sizeof(Elf64_Phdr);
	elf()->e_phnum = N_PHDRS;
	for (unsigned int i = 0; i < N_PHDRS; i++) {
		phdr(i)->p_type = segments[i].type;
		phdr(i)->p_vaddr = segments[i].vaddr;
		phdr(i)->p_paddr = segments[i].paddr;
		phdr(i)->p_offset = ELF_OFFSET + segments[i].offset;
		phdr(i)->p_filesz = segments[i].filesz;
		phdr(i)->p_memsz = segments[i].memsz;
	}
	memset(&err, 0, sizeof(err));
}

START_TEST(a_good_elf_is_understood)
{
	struct boot_header header;
	struct setup_header setup = { 0 };

	make_elf();
	ck_assert_int_eq(parse(IMAGE_LEN, &header), 0);
	ck_assert_uint_eq(header.n_segments, 4);
	for (unsigned int i = 0; i < header.n_segments; i++) {
		const struct boot_segment *segment = &header.segments[i];

		ck_assert_uint_eq(segment->gpa, phdr(i)->p_paddr);
		ck_assert_uint_eq(segment->mem_len, phdr(i)->p_memsz);
		ck_assert_uint_eq(segment->file_offset, phdr(i)->p_offset);
		ck_assert_uint_eq(segment->file_len, phdr(i)->p_filesz);
	}
	ck_assert_uint_eq(header.entry, ELF_ENTRY);
	ck_assert_uint_eq(header.load, 16 * MiB);
	ck_assert_uint_eq(header.init_size, 0x302000);
	ck_assert_uint_eq(header.initrd_last, 0x7fffffff);
	ck_assert_uint_eq(header.cmdline_max, 2047);
	ck_assert_uint_le(header.setup_len, sizeof(setup));
	memcpy(&setup, header.setup, header.setup_len);
	ck_assert_uint_eq(setup.header, 0x53726448);
	ck_assert_uint_eq(setup.boot_flag, 0xaa55);
	ck_assert_uint_eq(setup.version, 0x20f);
	ck_assert_uint_eq(setup.loadflags, LOADED_HIGH);
}
END_TEST

/* One number changed; the ELF must then be as the case says. */
static const struct {
	size_t offset;
	size_t size;
	uint64_t value;
	const char *says; /* NULL: it is good all the same */
} elf_cases[] = {
#define EHDR(field, value, says)                                               \
	{                                                                      \
		offsetof(Elf64_Ehdr, field), sizeof(((Elf64_Ehdr *)0)->field), \
			(uint64_t)(value), (says)                              \
	}
#define IDENT(i, value, says)                                              \
	{                                                                  \
		offsetof(Elf64_Ehdr, e_ident) + (i), 1, (uint64_t)(value), \
			(says)                                             \
	}
#define PHDR(i, field, value, says)                                          \
	{                                                                    \
		sizeof(Elf64_Ehdr) + (i) * sizeof(Elf64_Phdr) +              \
			offsetof(Elf64_Phdr, field),                         \
			sizeof(((Elf64_Phdr *)0)->field), (uint64_t)(value), \
			(says)                                               \
	}
	IDENT(1, 'e', "neither a Linux bzImage nor an ELF vmlinux"),
	IDENT(EI_CLASS, ELFCLASS32, "32-bit"),
	IDENT(EI_CLASS, 0, "another processor"),
	IDENT(EI_DATA, ELFDATA2MSB, "another processor"),
	IDENT(EI_VERSION, 2, "unknown version"),
	EHDR(e_version, 0, "unknown version"),
	EHDR(e_machine, EM_AARCH64, "machine 183"),
	EHDR(e_type, ET_REL, "relocatable"),
	EHDR(e_type, ET_DYN, "position-independent"),
	EHDR(e_type, ET_CORE, "core dump"), EHDR(e_type, 0xfe00, "type 65024"),
	/* the program headers */
	EHDR(e_phentsize, 32, "32 bytes"), EHDR(e_phentsize, 0, "0 bytes"),
	EHDR(e_phoff, BOOT_HEADER_LEN - N_PHDRS * sizeof(Elf64_Phdr) + 1,
	     "5 program headers"),
	EHDR(e_phoff, BOOT_HEADER_LEN + 1, "not in its first 4096"),
	EHDR(e_phoff, UINT64_MAX, "not in its first"),
	EHDR(e_phoff, -(uint64_t)sizeof(Elf64_Phdr), "not in its first"),
	EHDR(e_phnum, UINT16_MAX, "65535 program headers"),
	EHDR(e_phnum, 73, "73 program headers"), EHDR(e_phnum, 72, NULL),
	EHDR(e_phnum, 0, "nothing to load"),
	/* the entry point */
	EHDR(e_entry, 16 * MiB, NULL),
	EHDR(e_entry, 16 * MiB - 1, "entry point"),
	EHDR(e_entry, 16 * MiB + 0x7ff, NULL),
	EHDR(e_entry, 16 * MiB + 0x800, "entry point"),
	EHDR(e_entry, 0x1202000 + 0x400, "entry point"), /* in the zeros */
	EHDR(e_entry, 0xffffffff81000040, "entry point"),
	EHDR(e_entry, 0, "entry point"),
	/* segments in the file */
	PHDR(DATA, p_filesz, 0x301, "more bytes in the file"),
	PHDR(DATA, p_filesz, 0, NULL),
	PHDR(DATA, p_memsz, 0, "more bytes in the file"),
	PHDR(DATA, p_offset, IMAGE_LEN - 0x300, NULL),
	PHDR(DATA, p_offset, IMAGE_LEN - 0x2ff, "cut short"),
	PHDR(DATA, p_offset, IMAGE_LEN + 1, "cut short"),
	PHDR(DATA, p_offset, UINT64_MAX, "cut short"),
	PHDR(DATA, p_offset, -0x300ULL, "cut short"),
	/* segments in memory */
	PHDR(DATA, p_paddr, 0, "at 0"),
	PHDR(DATA, p_paddr, 0x7000, "at 0x7000"),
	PHDR(DATA, p_paddr, MiB - 1, "at 0xfffff"),
	PHDR(DATA, p_paddr, MiB, NULL),
	PHDR(DATA, p_paddr, 3 * GiB - 0x300, NULL),
	PHDR(DATA, p_paddr, 3 * GiB - 0x2ff, "at 0xbffffd01"),
	PHDR(DATA, p_paddr, 3 * GiB + 1, "at 0xc0000001"),
	PHDR(DATA, p_paddr, -0x300ULL, "at 0xfffffffffffffd00"),
	PHDR(INIT, p_memsz, UINT64_MAX, "bytes wants"),
	PHDR(INIT, p_memsz, -0x1202000ULL, "bytes wants"),
	PHDR(INIT, p_memsz, 3 * GiB - 0x1202000, NULL),
	PHDR(INIT, p_memsz, 3 * GiB - 0x1202000 + 1, "bytes wants"),
	/* segments on each other */
	PHDR(DATA, p_paddr, 16 * MiB + 0x7ff, "overlap"),
	PHDR(DATA, p_paddr, 16 * MiB + 0x800, NULL),
	PHDR(DATA, p_paddr, 16 * MiB - 0x300, NULL),
	PHDR(DATA, p_paddr, 16 * MiB - 0x2ff, "overlap"),
	PHDR(TEXT, p_memsz, 16 * MiB, "overlap"),
	PHDR(INIT, p_paddr, 0x1201000 - 0x100000 + 1, "overlap"),
	PHDR(NOTE, p_type, PT_LOAD, "overlap"),
	PHDR(NOTE, p_paddr, UINT64_MAX, NULL), /* not loaded */
};

START_TEST(an_elf_is_understood_or_says_what_is_wrong)
{
	struct boot_header header;

	for (size_t i = 0; i < ARRAY_SIZE(elf_cases); i++) {
		int want = elf_cases[i].says ? -ENOEXEC : 0;

		make_elf();
		memcpy(image + elf_cases[i].offset, &elf_cases[i].value,
		       elf_cases[i].size);
		ck_assert_msg(parse(IMAGE_LEN, &header) == want,
			      "case %zu: '%s'", i, err.msg);
		if (elf_cases[i].says)
			ck_assert_msg(strstr(err.msg, elf_cases[i].says),
				      "case %zu: no '%s' in '%s'", i,
				      elf_cases[i].says, err.msg);
	}
}
END_TEST

START_TEST(an_elf_has_a_limit_of_segments)
{
	struct boot_header header;

	make_elf();
	for (unsigned int i = 1; i <= BOOT_SEGMENTS_MAX; i++)
		*phdr(i) = (Elf64_Phdr) {
			.p_type = PT_LOAD,
			.p_paddr = 32 * MiB + i * 4096,
			.p_memsz = 4096,
		};
	elf()->e_phnum = BOOT_SEGMENTS_MAX;
	ck_assert_int_eq(parse(IMAGE_LEN, &header), 0);
	ck_assert_uint_eq(header.n_segments, BOOT_SEGMENTS_MAX);
	elf()->e_phnum++;
	ck_assert_int_eq(parse(IMAGE_LEN, &header), -ENOEXEC);
	ck_assert_ptr_nonnull(strstr(err.msg, "more than 16 segments"));
	/* Those that take no memory do not count. */
	phdr(BOOT_SEGMENTS_MAX)->p_memsz = 0;
	ck_assert_int_eq(parse(IMAGE_LEN, &header), 0);
	ck_assert_uint_eq(header.n_segments, BOOT_SEGMENTS_MAX);
}
END_TEST

static void (*const makers[])(void) = { make_image, make_elf };

/* Where the last segment of the vmlinux ends in the file. */
static const size_t whole[] = { IMAGE_LEN, ELF_OFFSET + 0x1000 };

static void truncate_everywhere(unsigned int kind)
{
	struct boot_header header;
	size_t len = 0;

	makers[kind]();
	while (len < whole[kind]) {
		/* On the heap, so that ASan sees a read too far. */
		uint8_t *copy = malloc(len ? len : 1);

		ck_assert_ptr_nonnull(copy);
		memcpy(copy, image, len);
		ck_assert_int_eq(
			boot_parse_header(copy, min_u64(len, BOOT_HEADER_LEN),
					  len, &header, &err),
			-ENOEXEC);
		free(copy);
		len += len < 0x300 || len + 61 >= whole[kind] ? 1 : 61;
	}
	ck_assert_int_eq(parse(len, &header), 0);
}

START_TEST(a_truncated_file_is_refused_at_any_length)
{
	for (unsigned int kind = 0; kind < ARRAY_SIZE(makers); kind++)
		truncate_everywhere(kind);
}
END_TEST

static void check_sane(const struct boot_header *header)
{
	uint64_t end = header->load + header->init_size;

	ck_assert_uint_ge(header->load, MiB);
	ck_assert_uint_le(header->load, 3 * GiB);
	ck_assert_uint_le(header->setup_len, sizeof(header->setup));
	ck_assert_uint_ge(header->entry, header->load);
	ck_assert_uint_lt(header->entry, end);
	ck_assert_uint_ge(header->n_segments, 1);
	ck_assert_uint_le(header->n_segments, BOOT_SEGMENTS_MAX);
	for (size_t i = 0; i < header->n_segments; i++) {
		const struct boot_segment *segment = &header->segments[i];

		ck_assert_uint_le(segment->file_offset, IMAGE_LEN);
		ck_assert_uint_le(segment->file_len,
				  IMAGE_LEN - segment->file_offset);
		ck_assert_uint_le(segment->file_len, segment->mem_len);
		ck_assert_uint_ge(segment->gpa, header->load);
		ck_assert_uint_le(segment->gpa, end);
		ck_assert_uint_le(segment->mem_len, end - segment->gpa);
	}
}

static void spoil_at_random(unsigned int kind)
{
	static const struct {
		size_t offset, len;
	} soft[] = { { 0x1f1, 0x80 }, { 0, 0x40 + N_PHDRS * 0x38 } };
	struct boot_header header;
	unsigned int accepted = 0;
	uint32_t seed = 1;

	for (unsigned int i = 0; i < 20000; i++) {
		makers[kind]();
		for (unsigned int j = 0; j <= i % 3; j++) {
			seed = seed * 1664525 + 1013904223;
			image[soft[kind].offset + (seed >> 8) % soft[kind].len] =
				(uint8_t)(seed >> 24);
		}
		if (parse(IMAGE_LEN, &header) < 0)
			continue;
		accepted++;
		check_sane(&header);
	}
	ck_assert_uint_gt(accepted, 100);
}

/* Whatever is accepted has to make sense. */
START_TEST(garbage_is_refused_or_sane)
{
	for (unsigned int kind = 0; kind < ARRAY_SIZE(makers); kind++)
		spoil_at_random(kind);
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

static bool is_zero(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (bytes[i])
			return false;
	return true;
}

/* Twice, as after a reset: what the guest left behind must not stay. */
START_TEST(a_vmlinux_is_loaded_by_its_segments)
{
	struct layout layout = layout_of(32 * MiB);
	const struct ram_config config = { .size = layout.ram,
					   .hugepages = HUGEPAGES_OFF };
	const struct boot_params *params;
	struct boot_entry entry;
	struct boot *boot;
	struct ram *ram;
	uint8_t *low;

	make_files(5000);
	make_elf();
	put_file(kernel_path, image, sizeof(image));
	ck_assert_int_eq(
		boot_open(kernel_path, initrd_path, "quiet", &boot, &err), 0);
	ck_assert_int_eq(ram_create(&config, &ram, &err), 0);
	ck_assert_int_eq(boot_place(boot, &layout, &err), 0);
	low = ram_at(ram, 0, layout.ram.low);
	for (unsigned int round = 0; round < 2; round++) {
		ck_assert_int_eq(boot_load(boot, &layout, ram, &entry, &err),
				 0);
		for (unsigned int i = 0; i < NOTE; i++) {
			const Elf64_Phdr *p = phdr(i);

			ck_assert_mem_eq(low + p->p_paddr, image + p->p_offset,
					 p->p_filesz);
			ck_assert(is_zero(low + p->p_paddr + p->p_filesz,
					  p->p_memsz - p->p_filesz));
			memset(low + p->p_paddr, 0xa5, p->p_memsz);
		}
	}
	ck_assert_uint_eq(entry.rip, ELF_ENTRY);
	params = (const struct boot_params *)(low + entry.rsi);
	ck_assert_uint_eq(params->hdr.header, 0x53726448);
	ck_assert_uint_eq(params->hdr.type_of_loader, 0xff);
	ck_assert_uint_eq(params->hdr.ramdisk_size, 5000);
	ck_assert_int_eq(low[params->hdr.ramdisk_image], 'a');
	ck_assert_str_eq((const char *)low + params->hdr.cmd_line_ptr, "quiet");
	ck_assert_uint_eq(params->acpi_rsdp_addr, LAYOUT_ACPI);
	ck_assert_uint_eq(params->e820_entries, layout.n_e820);
	ram_destroy(ram);
	boot_close(boot);
	remove_files();
}
END_TEST

START_TEST(a_vmlinux_fits_or_is_refused)
{
	static const struct {
		uint64_t end;
		size_t initrd;
		int want;
	} cases[] = {
		{ 32 * MiB, 0, 0 },
		{ 32 * MiB + 1, 0, -ENOSPC },
		{ 32 * MiB - 4096, 4096, 0 },
		{ 32 * MiB - 4096 + 1, 4096, -ENOSPC },
		{ 3 * GiB, 0, -ENOSPC },
	};
	struct layout layout = layout_of(32 * MiB);
	struct boot *boot;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		make_files(cases[i].initrd);
		make_elf();
		phdr(INIT)->p_memsz = cases[i].end - phdr(INIT)->p_paddr;
		put_file(kernel_path, image, sizeof(image));
		ck_assert_int_eq(boot_open(kernel_path,
					   cases[i].initrd ? initrd_path : NULL,
					   NULL, &boot, &err),
				 0);
		ck_assert_msg(boot_place(boot, &layout, &err) == cases[i].want,
			      "case %zu: %s", i, err.msg);
		boot_close(boot);
		remove_files();
	}
}
END_TEST

/* Walk the tables as the processor does. */
static void check_identity_mapped(struct ram *ram, uint64_t cr3, uint64_t first,
				  uint64_t end)
{
	const uint64_t mask = UINT64_C(0x000ffffffffff000);
	const uint64_t *table;

	for (uint64_t addr = first; addr < end; addr += 2 * MiB) {
		table = ram_at(ram, cr3, 4096);
		ck_assert_uint_eq(table[addr >> 39] & 3, 3);
		table = ram_at(ram, table[addr >> 39] & mask, 4096);
		ck_assert_uint_eq(table[addr >> 30 & 511] & 0x83, 3);
		table = ram_at(ram, table[addr >> 30 & 511] & mask, 4096);
		ck_assert_uint_eq(table[addr >> 21 & 511], addr | 0x83);
	}
}

START_TEST(the_first_4_gib_are_identity_mapped)
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
	ck_assert_int_eq(boot_load(boot, &layout, ram, &entry, &err), 0);
	check_identity_mapped(ram, entry.cr3, 0, 4 * GiB);
	ram_destroy(ram);
	boot_close(boot);
	remove_files();
}
END_TEST

/* Where RAM has its place already: here, all but the first MiB up there. */
static void load_high(struct boot *boot, struct ram *ram, bool elf)
{
	struct layout layout = {
		.identity = true,
		.run = { { 4 * GiB, 64 * MiB } },
		.n_runs = 1,
	};
	const struct boot_params *params;
	struct boot_entry entry;
	const char *initrd;
	uint64_t at;

	ck_assert_int_eq(boot_place(boot, &layout, &err), 0);
	ck_assert_int_eq(boot_load(boot, &layout, ram, &entry, &err), 0);
	if (elf) {
		ck_assert_uint_eq(entry.rip % (2 * MiB), ELF_ENTRY % (2 * MiB));
		ck_assert_mem_eq(ram_at(ram, 4 * GiB, phdr(0)->p_filesz),
				 image + phdr(0)->p_offset, phdr(0)->p_filesz);
	} else {
		ck_assert_uint_eq(entry.rip, 4 * GiB + 0x200);
		ck_assert_mem_eq(ram_at(ram, 4 * GiB, BODY_LEN),
				 image + BODY_OFFSET, BODY_LEN);
	}
	check_identity_mapped(ram, entry.cr3, 0, 5 * GiB);
	params = ram_at(ram, entry.rsi, sizeof(*params));
	at = (uint64_t)params->ext_ramdisk_image << 32 |
	     params->hdr.ramdisk_image;
	ck_assert_uint_eq(at, 4 * GiB + 64 * MiB - 8192);
	ck_assert_uint_eq(params->ext_ramdisk_size, 0);
	initrd = ram_at(ram, at, 5000);
	ck_assert_int_eq(initrd[4999], 'a' + 4999 % 26);
	ck_assert_str_eq(ram_at(ram, params->hdr.cmd_line_ptr, 6), "quiet");
}

START_TEST(a_kernel_can_start_above_4_gib)
{
	const struct ram_config config = { .size = { .low = 2 * MiB,
						     .high = 64 * MiB },
					   .hugepages = HUGEPAGES_OFF };
	struct boot *boot;
	struct ram *ram;

	for (unsigned int elf = 0; elf < 2; elf++) {
		make_files(5000);
		if (elf) {
			make_elf();
			put_file(kernel_path, image, sizeof(image));
		}
		ck_assert_int_eq(boot_open(kernel_path, initrd_path, "quiet",
					   &boot, &err),
				 0);
		ck_assert_int_eq(ram_create(&config, &ram, &err), 0);
		load_high(boot, ram, elf);
		ram_destroy(ram);
		boot_close(boot);
		remove_files();
	}
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

static const struct {
	const char *version;
	bool spares;
} version_cases[] = {
	{ "6.1.0-9-amd64 (debian", true },
	{ "5.13.0 ", true },
	{ "5.12.19-generic", false },
	{ "4.18.0-553.el8.x86_64", false },
	{ "10.0.0-rc1 (x", true },
	{ "5.4", false },
	{ "x", false },
	{ "", false },
};

/* As a bzImage says it, and as it stands in a vmlinux. */
START_TEST(kernels_say_how_old_they_are)
{
	for (size_t i = 0; i < 2 * ARRAY_SIZE(version_cases); i++) {
		const char *version = version_cases[i / 2].version;
		struct boot *boot;
		char *banner;

		make_files(1);
		if (i % 2) {
			make_elf();
			banner = (char *)image + IMAGE_LEN - 256;
			(void)strcpy(banner, "Linux version %s (%s)");
			(void)snprintf(banner + 64, 64, "Linux version %s",
				       version);
		} else {
			make_image();
			hdr()->kernel_version = BODY_OFFSET + 64 - 0x200;
			(void)strcpy((char *)image + BODY_OFFSET + 64, version);
		}
		put_file(kernel_path, image, sizeof(image));
		ck_assert_int_eq(
			boot_open(kernel_path, NULL, NULL, &boot, &err), 0);
		ck_assert_msg(boot_spares_low_memory(boot) ==
				      version_cases[i / 2].spares,
			      "%s, %zu", version, i % 2);
		boot_close(boot);
		remove_files();
	}
}
END_TEST

CHECK_MAIN("boot", a_good_header_is_understood, bad_headers_say_what_is_wrong,
	   a_good_elf_is_understood, an_elf_is_understood_or_says_what_is_wrong,
	   an_elf_has_a_limit_of_segments,
	   a_truncated_file_is_refused_at_any_length,
	   garbage_is_refused_or_sane, everything_is_where_the_zero_page_says,
	   a_vmlinux_is_loaded_by_its_segments, a_vmlinux_fits_or_is_refused,
	   the_first_4_gib_are_identity_mapped, a_kernel_can_start_above_4_gib,
	   kernels_say_how_old_they_are, kernel_and_initrd_fit_or_are_refused,
	   bad_files_are_named, a_file_that_shrinks_is_an_error)
