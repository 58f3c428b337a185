/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A Linux kernel by the 64-bit boot protocol: a bzImage or an uncompressed
 * vmlinux, its initrd and its command line, checked first, then laid out in
 * guest RAM as often as the machine boots.
 *
 * Source: Linux Documentation/arch/x86/boot.rst, "64-bit Boot Protocol".
 */
#ifndef MOAT_VMM_BOOT_H
#define MOAT_VMM_BOOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <moat/err.h>

#include "vmm-glue/layout.h"
#include "vmm-glue/ram.h"

/* A part of the kernel's file and where it goes; zeros fill what is left. */
struct boot_segment {
	uint64_t file_offset, file_len;
	uint64_t gpa, mem_len; /* mem_len >= file_len */
};

/* Linux has four or five. */
#define BOOT_SEGMENTS_MAX 16

/* What the head of a kernel file says, checked. */
struct boot_header {
	struct boot_segment segments[BOOT_SEGMENTS_MAX];
	size_t n_segments;
	uint64_t entry;	    /* guest address of the 64-bit entry point */
	uint64_t load;	    /* the lowest guest address that it takes */
	uint64_t init_size; /* bytes it needs there before it reads e820 */
	/* It runs at any multiple of this from @load on; 0: nowhere else. */
	uint64_t alignment;
	bool above_4g; /* there, too, with its initrd */
	uint64_t initrd_last;
	uint32_t cmdline_max; /* without the terminator */
	uint64_t version_at;  /* of "6.1.0-9-amd64 ..." in the file; 0: none */
	/* The setup header as it goes into the zero page, at 0x1f1. */
	uint8_t setup[128];
	size_t setup_len;
};

/* The head of the file that boot_parse_header() wants to see. */
#define BOOT_HEADER_LEN 4096

/**
 * boot_parse_header() - check the head of a kernel file
 * @head: its first bytes, BOOT_HEADER_LEN or as many as the file has
 *
 * Every byte of it may be hostile.
 * Return: 0, or -ENOEXEC with what is wrong.
 */
int boot_parse_header(const uint8_t *head, size_t len, uint64_t file_size,
		      struct boot_header *ret_header, struct moat_err *err);

/** boot_is_elf() - does a file that starts like this call itself ELF? */
bool boot_is_elf(const uint8_t *head, size_t len);

/** boot_parse_elf() - boot_parse_header() for a file that boot_is_elf() */
int boot_parse_elf(const uint8_t *head, size_t len, uint64_t file_size,
		   struct boot_header *ret_header, struct moat_err *err);

/* Where kernel and initrd go. */
struct boot_places {
	uint64_t kernel; /* instead of struct boot_header's @load */
	uint64_t initrd;
};

/**
 * boot_choose_places() - find room in identity-placed RAM
 * @initrd_len: bytes; 0: none
 *
 * Where the kernel would like to be, if there is RAM; else as low as can be.
 * The initrd goes as high as its 32-bit pointer reaches, or above 4 GiB.
 * Return: 0, or -ENOSPC with what stands in the way.
 */
int boot_choose_places(const struct boot_header *header,
		       const struct layout *layout, uint64_t initrd_len,
		       struct boot_places *ret_places, struct moat_err *err);

struct boot;

/* How the first vCPU starts. */
struct boot_entry {
	uint64_t rip, rsi, rsp;
	uint64_t cr3;
	uint64_t gdt;
	uint16_t gdt_limit;
};

/**
 * boot_open() - open and check kernel, initrd and command line
 * @initrd:  NULL: none
 * @cmdline: NULL: empty
 *
 * The files stay open, so that each boot loads the same ones.
 */
int boot_open(const char *kernel, const char *initrd, const char *cmdline,
	      struct boot **ret_boot, struct moat_err *err);

/**
 * boot_place() - decide where everything goes
 * Return: 0, or -ENOSPC with the RAM that it would take.
 */
int boot_place(struct boot *boot, const struct layout *layout,
	       struct moat_err *err);

/**
 * boot_spares_low_memory() - does the kernel keep drivers out of the first MiB?
 *
 * Linux does from 5.13 on, but for what it takes to start processors; a
 * kernel that does not say its version is taken to be older.
 */
bool boot_spares_low_memory(const struct boot *boot);

/** boot_load() - write it all into guest RAM; after boot_place() */
int boot_load(const struct boot *boot, const struct layout *layout,
	      struct ram *ram, struct boot_entry *ret_entry,
	      struct moat_err *err);

/** boot_close() - NULL is fine */
void boot_close(struct boot *boot);

#endif /* MOAT_VMM_BOOT_H */
