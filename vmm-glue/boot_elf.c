// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The head of an uncompressed Linux kernel, an ELF file: vmlinux.
 *
 * Its segments go to their physical addresses, and its entry point, also a
 * physical address, is the code that a bzImage's unpacker ends up in. So the
 * processor starts in the state of the 64-bit boot protocol. There is no
 * setup header in the file; the one for the zero page is made here.
 *
 * Nothing in the file is believed: what leaves here lies in the file, between
 * 1 MiB and 3 GiB of guest memory, and no segment on another.
 *
 * Source: System V ABI, "Object Files" and "Program Loading"; Linux
 * arch/x86/kernel/vmlinux.lds.S (phys_startup_64) and head_64.S.
 */
#include <asm/bootparam.h>
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "vmm-glue/boot.h"

#define BOOT_FLAG  0xaa55
#define HDRS_MAGIC 0x53726448 /* "HdrS" */
#define PROTOCOL   0x020f     /* 2.15, the latest */

/*
 * What every x86-64 bzImage since Linux 2.6.30 says in its header: a
 * vmlinux, which is the same kernel, has nowhere to say it.
 */
#define INITRD_LAST UINT32_C(0x7fffffff)
#define CMDLINE_MAX 2047

static int bad(struct moat_err *err, const char *why)
{
	return moat_fail(err, -ENOEXEC, "%s", why);
}

bool boot_is_elf(const uint8_t *head, size_t len)
{
	return len >= SELFMAG && memcmp(head, ELFMAG, SELFMAG) == 0;
}

static int check_type(const Elf64_Ehdr *elf, struct moat_err *err)
{
	switch (elf->e_type) {
	case ET_EXEC:
		return 0;
	case ET_REL:
		return bad(err, "a relocatable ELF file, such as a module; "
				"the linked vmlinux is needed");
	case ET_DYN:
		return bad(err, "a shared library or position-independent "
				"program, not a kernel");
	case ET_CORE:
		return bad(err, "a core dump, not a kernel");
	default:
		return moat_fail(err, -ENOEXEC,
				 "an ELF file of type %u; a "
				 "vmlinux is an executable (%u)",
				 elf->e_type, ET_EXEC);
	}
}

/* Class and byte order first: they say how to read the rest. */
static int check_elf(const Elf64_Ehdr *elf, size_t len, struct moat_err *err)
{
	uint64_t table_len = (uint64_t)elf->e_phnum * sizeof(Elf64_Phdr);

	if (elf->e_ident[EI_CLASS] == ELFCLASS32)
		return bad(err, "a 32-bit ELF file; moat starts 64-bit "
				"kernels");
	if (elf->e_ident[EI_CLASS] != ELFCLASS64 ||
	    elf->e_ident[EI_DATA] != ELFDATA2LSB || elf->e_machine != EM_X86_64)
		return moat_fail(
			err, -ENOEXEC,
			"an ELF file for another "
			"processor (machine %u); x86-64 (%u) is needed",
			elf->e_machine, EM_X86_64);
	if (elf->e_ident[EI_VERSION] != EV_CURRENT ||
	    elf->e_version != EV_CURRENT)
		return bad(err, "an ELF file of an unknown version");
	if (elf->e_phentsize != sizeof(Elf64_Phdr) && elf->e_phnum)
		return moat_fail(err, -ENOEXEC,
				 "its program headers are of %u "
				 "bytes, not %zu",
				 elf->e_phentsize, sizeof(Elf64_Phdr));
	/* They follow the ELF header wherever a linker has put them. */
	if (elf->e_phoff > len || len - elf->e_phoff < table_len)
		return moat_fail(err, -ENOEXEC,
				 "its %u program headers are "
				 "not in its first %zu bytes",
				 elf->e_phnum, len);
	return check_type(elf, err);
}

static int check_segment(const Elf64_Phdr *phdr, uint64_t file_size,
			 struct moat_err *err)
{
	if (phdr->p_filesz > phdr->p_memsz)
		return moat_fail(err, -ENOEXEC,
				 "its segment at %#llx has more "
				 "bytes in the file than in memory",
				 (unsigned long long)phdr->p_paddr);
	if (phdr->p_offset > file_size ||
	    phdr->p_filesz > file_size - phdr->p_offset)
		return moat_fail(err, -ENOEXEC,
				 "cut short: its segment at "
				 "%#llx is not all in the file",
				 (unsigned long long)phdr->p_paddr);
	/* Subtracted so that nothing wraps. */
	if (phdr->p_paddr < LAYOUT_KERNEL_MIN ||
	    phdr->p_paddr > LAYOUT_RAM_LOW_MAX ||
	    phdr->p_memsz > LAYOUT_RAM_LOW_MAX - phdr->p_paddr)
		return moat_fail(err, -ENOEXEC,
				 "a segment of %llu bytes wants "
				 "to be loaded at %#llx; 1 MiB to 3 GiB would "
				 "make sense",
				 (unsigned long long)phdr->p_memsz,
				 (unsigned long long)phdr->p_paddr);
	return 0;
}

/* Both are checked, so their ends do not wrap. */
static bool overlap(const struct boot_segment *a, const struct boot_segment *b)
{
	return a->gpa < b->gpa + b->mem_len && b->gpa < a->gpa + a->mem_len;
}

static int add_segment(struct boot_header *header, const Elf64_Phdr *phdr,
		       struct moat_err *err)
{
	const struct boot_segment segment = {
		.file_offset = phdr->p_offset,
		.file_len = phdr->p_filesz,
		.gpa = phdr->p_paddr,
		.mem_len = phdr->p_memsz,
	};

	if (header->n_segments == BOOT_SEGMENTS_MAX)
		return moat_fail(err, -ENOEXEC, "it has more than %u segments",
				 BOOT_SEGMENTS_MAX);
	for (size_t i = 0; i < header->n_segments; i++)
		if (overlap(&header->segments[i], &segment))
			return moat_fail(
				err, -ENOEXEC,
				"its segments at %#llx and %#llx overlap",
				(unsigned long long)header->segments[i].gpa,
				(unsigned long long)segment.gpa);
	header->segments[header->n_segments++] = segment;
	return 0;
}

static int read_segments(struct boot_header *header, const uint8_t *table,
			 size_t n, uint64_t file_size, struct moat_err *err)
{
	Elf64_Phdr phdr;
	int r;

	for (size_t i = 0; i < n; i++) {
		memcpy(&phdr, table + i * sizeof(phdr), sizeof(phdr));
		if (phdr.p_type != PT_LOAD)
			continue;
		r = check_segment(&phdr, file_size, err);
		if (r < 0)
			return r;
		if (phdr.p_memsz == 0)
			continue;
		r = add_segment(header, &phdr, err);
		if (r < 0)
			return r;
	}
	if (header->n_segments == 0)
		return bad(err, "an ELF file with nothing to load");
	return 0;
}

static void find_extent(struct boot_header *header)
{
	uint64_t start = UINT64_MAX, end = 0;

	for (size_t i = 0; i < header->n_segments; i++) {
		const struct boot_segment *segment = &header->segments[i];

		start = min_u64(start, segment->gpa);
		end = max_u64(end, segment->gpa + segment->mem_len);
	}
	header->load = start;
	header->init_size = end - start;
}

/* There is code for the processor to start with: bytes from the file. */
static int check_entry(const struct boot_header *header, struct moat_err *err)
{
	for (size_t i = 0; i < header->n_segments; i++) {
		const struct boot_segment *segment = &header->segments[i];

		if (header->entry >= segment->gpa &&
		    header->entry - segment->gpa < segment->file_len)
			return 0;
	}
	return moat_fail(err, -ENOEXEC,
			 "its entry point %#llx is in none of "
			 "the segments that it loads",
			 (unsigned long long)header->entry);
}

/* boot.rst, "64-bit Boot Protocol": what a boot loader answers for. */
static void make_setup(struct boot_header *header)
{
	const struct setup_header hdr = {
		.boot_flag = BOOT_FLAG,
		.header = HDRS_MAGIC,
		.version = PROTOCOL,
		.loadflags = LOADED_HIGH,
		.initrd_addr_max = INITRD_LAST,
		.xloadflags = XLF_KERNEL_64,
		.cmdline_size = CMDLINE_MAX,
		.pref_address = header->load,
		.init_size = (uint32_t)header->init_size, /* below 3 GiB */
	};

	memcpy(header->setup, &hdr, sizeof(hdr));
	header->setup_len = sizeof(hdr);
}

int boot_parse_elf(const uint8_t *head, size_t len, uint64_t file_size,
		   struct boot_header *ret_header, struct moat_err *err)
{
	struct boot_header header = { 0 };
	Elf64_Ehdr elf;
	int r;

	if (len < sizeof(elf))
		return bad(err, "too short for an ELF file");
	memcpy(&elf, head, sizeof(elf));
	r = check_elf(&elf, len, err);
	if (r < 0)
		return r;
	r = read_segments(&header, head + elf.e_phoff, elf.e_phnum, file_size,
			  err);
	if (r < 0)
		return r;
	header.entry = elf.e_entry;
	r = check_entry(&header, err);
	if (r < 0)
		return r;
	find_extent(&header);
	/* Its first code finds out where it is: head_64.S, __startup_64(). */
	header.alignment = 2 * MiB;
	header.above_4g = true;
	header.initrd_last = INITRD_LAST;
	header.cmdline_max = CMDLINE_MAX;
	make_setup(&header);
	*ret_header = header;
	return 0;
}
