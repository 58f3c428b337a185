// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The Linux/x86 64-bit boot protocol, see boot.h; boot_elf.c reads the head
 * of a vmlinux.
 *
 * A bzImage that is loaded below its preferred address moves itself up there
 * before it decompresses (boot.rst, "init_size"), so below is of no use to it:
 * it is loaded where it wants to be, or the guest is too small. Only where RAM
 * has its place already (boot_places.c) it may be further up.
 *
 * Files go straight from the page cache into guest RAM; nothing of their
 * size is kept in this process.
 */
#include <asm/bootparam.h>
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io.h"
#include "common/util.h"
#include "vmm-glue/boot.h"

#define SETUP_OFFSET	0x1f1
#define SETUP_SECTS_DEF 4 /* when the field says 0 */
#define SECTOR		UINT64_C(512)
#define BOOT_FLAG	0xaa55
#define HDRS_MAGIC	0x53726448 /* "HdrS" */
#define PROTOCOL_MIN	0x020c	   /* 2.12 brought xloadflags */
#define ENTRY_64	0x200	   /* from the load address */
#define VERSION_OFFSET	0x200	   /* kernel_version counts from there */
#define LOADER_OTHER	0xff
#define PAGE		(4 * KiB)

/* The last field of the setup header that is needed. */
#define INIT_SIZE_END                                  \
	(offsetof(struct boot_params, hdr.init_size) + \
	 sizeof(((struct setup_header *)0)->init_size))

/* boot.rst: the kernel knows no more of its setup header than this. */
static_assert(sizeof(struct setup_header) <=
		      sizeof(((struct boot_header *)0)->setup),
	      "the setup header fits");
static_assert(offsetof(struct boot_params, hdr) == SETUP_OFFSET,
	      "the setup header's place in the zero page");
static_assert(sizeof(struct boot_params) == 4096, "the zero page is a page");

#define PTE_PRESENT UINT64_C(0x1)
#define PTE_WRITE   UINT64_C(0x2)
#define PTE_HUGE    UINT64_C(0x80)
#define PTE_FLAGS   UINT64_C(0xfff)

/* GDT slots that the protocol wants: __BOOT_CS 0x10 and __BOOT_DS 0x18. */
#define GDT_CODE64 UINT64_C(0x00af9b000000ffff)
#define GDT_DATA   UINT64_C(0x00cf93000000ffff)

struct image {
	const char *what, *path;
	int fd; /* -1: none */
	uint64_t len;
};

struct boot {
	struct image kernel, initrd;
	const char *cmdline;
	struct boot_header header;
	struct boot_places places; /* by boot_place() */
};

static int bad(struct moat_err *err, const char *why)
{
	return moat_fail(err, -ENOEXEC, "%s", why);
}

/* Is what the setup header says true of a kernel that can be started here? */
static int check_setup(const struct setup_header *hdr, struct moat_err *err)
{
	if (hdr->boot_flag != BOOT_FLAG || hdr->header != HDRS_MAGIC)
		return bad(err, "neither a Linux bzImage nor an ELF vmlinux");
	if (hdr->version < PROTOCOL_MIN)
		return moat_fail(err, -ENOEXEC,
				 "its boot protocol is %u.%02u; 2.12 (Linux "
				 "3.8) or later is needed",
				 hdr->version >> 8, hdr->version & 0xff);
	if (!(hdr->loadflags & LOADED_HIGH))
		return bad(err, "a zImage; a bzImage is needed");
	if (!(hdr->xloadflags & XLF_KERNEL_64))
		return bad(err, "a 32-bit kernel; moat starts 64-bit ones");
	if (hdr->pref_address < LAYOUT_KERNEL_MIN ||
	    !is_aligned(hdr->pref_address, PAGE) ||
	    hdr->pref_address > LAYOUT_RAM_LOW_MAX)
		return moat_fail(err, -ENOEXEC,
				 "it wants to be loaded at %#llx; 1 MiB to "
				 "3 GiB would make sense",
				 (unsigned long long)hdr->pref_address);
	if (hdr->init_size == 0)
		return bad(err, "its init_size is 0");
	return 0;
}

int boot_parse_header(const uint8_t *head, size_t len, uint64_t file_size,
		      struct boot_header *ret_header, struct moat_err *err)
{
	struct boot_header header = { 0 };
	struct setup_header hdr;
	uint64_t sects, offset, body;
	size_t end;
	int r;

	if (len > file_size)
		len = (size_t)file_size;
	if (boot_is_elf(head, len))
		return boot_parse_elf(head, len, file_size, ret_header, err);
	if (len < SETUP_OFFSET + sizeof(hdr))
		return bad(err, "too short for a Linux bzImage or vmlinux");
	memcpy(&hdr, head + SETUP_OFFSET, sizeof(hdr));
	r = check_setup(&hdr, err);
	if (r < 0)
		return r;

	/* Only what the kernel says it has: boot.rst, "64-bit Boot Protocol" */
	end = 0x202 + (size_t)head[0x201];
	if (end < INIT_SIZE_END)
		return bad(err, "its setup header ends too early");
	header.setup_len = min_u64(end - SETUP_OFFSET, sizeof(hdr));
	memcpy(header.setup, &hdr, header.setup_len);

	sects = hdr.setup_sects ? hdr.setup_sects : SETUP_SECTS_DEF;
	offset = (sects + 1) * SECTOR;
	body = (uint64_t)hdr.syssize * 16;
	if (body <= ENTRY_64)
		return bad(err, "it has no code");
	if (file_size < offset || file_size - offset < body)
		return moat_fail(err, -ENOEXEC,
				 "cut short: it has %llu bytes of %llu",
				 (unsigned long long)file_size,
				 (unsigned long long)(offset + body));
	body = file_size - offset;
	header.segments[0] = (struct boot_segment) {
		.file_offset = offset,
		.file_len = body,
		.gpa = hdr.pref_address,
		.mem_len = body,
	};
	header.n_segments = 1;
	header.entry = hdr.pref_address + ENTRY_64;
	header.load = hdr.pref_address;
	header.init_size = max_u64(hdr.init_size, body);
	if (hdr.relocatable_kernel)
		header.alignment = hdr.kernel_alignment;
	header.above_4g = hdr.xloadflags & XLF_CAN_BE_LOADED_ABOVE_4G;
	header.initrd_last = hdr.initrd_addr_max;
	header.cmdline_max = hdr.cmdline_size;
	if (hdr.kernel_version)
		header.version_at = hdr.kernel_version + VERSION_OFFSET;
	*ret_header = header;
	return 0;
}

/* Sets fd and len of an image whose path is not NULL. */
static int image_open(struct image *image, struct moat_err *err)
{
	struct stat st;
	int fd, r;

	/* Not blocking: opening a FIFO would wait for a writer. */
	fd = open(image->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return moat_fail(err, -errno, "cannot open %s %s: %s",
				 image->what, image->path, strerror(errno));
	if (fstat(fd, &st) < 0) {
		r = moat_fail(err, -errno, "%s %s: %s", image->what,
			      image->path, strerror(errno));
		goto close_fd;
	}
	if (!S_ISREG(st.st_mode)) {
		r = moat_fail(err, -EINVAL, "%s %s is not a regular file",
			      image->what, image->path);
		goto close_fd;
	}
	if (st.st_size == 0) {
		r = moat_fail(err, -EINVAL, "%s %s is empty", image->what,
			      image->path);
		goto close_fd;
	}
	image->fd = fd;
	image->len = (uint64_t)st.st_size;
	return 0;
close_fd:
	(void)close(fd);
	return r;
}

static void image_close(struct image *image)
{
	if (image->fd >= 0)
		(void)close(image->fd);
}

static int read_header(struct boot *boot, struct moat_err *err)
{
	const struct image *kernel = &boot->kernel;
	uint8_t head[BOOT_HEADER_LEN];
	size_t len = min_u64(sizeof(head), kernel->len);
	int r;

	r = moat_pread_all(kernel->fd, head, len, 0);
	if (r < 0)
		return moat_fail(err, r, "cannot read kernel %s: %s",
				 kernel->path, strerror(-r));
	r = boot_parse_header(head, len, kernel->len, &boot->header, err);
	if (r < 0)
		return moat_fail_prefix(err, r, "kernel %s", kernel->path);
	return 0;
}

/*
 * "6.1.0-9-amd64 ..." and what else there is: Linux reserves the first MiB,
 * whatever the memory map says, since 5.13 (arch/x86/kernel/setup.c).
 */
static bool is_5_13_or_later(const char *text)
{
	unsigned int major, minor;

	return sscanf(text, "%3u.%3u", &major, &minor) == 2 &&
	       (major > 5 || (major == 5 && minor >= 13));
}

/* A vmlinux has its banner among its constants. */
static bool find_banner(const struct image *kernel, char *ret, size_t size)
{
	static const char banner[] = "Linux version ";
	const size_t len = sizeof(banner) - 1;
	const char *start, *end, *found;
	bool done = false;
	void *map;

	map = mmap(NULL, kernel->len, PROT_READ, MAP_PRIVATE, kernel->fd, 0);
	if (map == MAP_FAILED)
		return false;
	start = map;
	end = start + kernel->len;
	/* The first may be a format, with "%s" in the number's place. */
	while (!done &&
	       (found = memmem(start, (size_t)(end - start), banner, len))) {
		start = found + len;
		done = end - start > (ptrdiff_t)size &&
		       isdigit((unsigned char)*start);
	}
	if (done) {
		memcpy(ret, start, size - 1);
		ret[size - 1] = '\0';
	}
	(void)munmap(map, kernel->len);
	return done;
}

bool boot_spares_low_memory(const struct boot *boot)
{
	const struct image *kernel = &boot->kernel;
	char text[16] = "";

	if (boot->header.version_at)
		return moat_pread_all(kernel->fd, text, sizeof(text) - 1,
				      (off_t)boot->header.version_at) == 0 &&
		       is_5_13_or_later(text);
	return find_banner(kernel, text, sizeof(text)) &&
	       is_5_13_or_later(text);
}

static int check_cmdline(const struct boot *boot, struct moat_err *err)
{
	uint64_t max =
		min_u64(boot->header.cmdline_max, LAYOUT_CMDLINE_MAX - 1);
	size_t len = strlen(boot->cmdline);

	if (len <= max)
		return 0;
	return moat_fail(err, -E2BIG,
			 "-append has %zu characters, the kernel takes %llu",
			 len, (unsigned long long)max);
}

int boot_open(const char *kernel, const char *initrd, const char *cmdline,
	      struct boot **ret_boot, struct moat_err *err)
{
	struct boot *boot;
	int r;

	boot = calloc(1, sizeof(*boot));
	if (!boot)
		return moat_fail(err, -ENOMEM, "out of memory");
	boot->kernel = (struct image) { "kernel", kernel, -1, 0 };
	boot->initrd = (struct image) { "initrd", initrd, -1, 0 };
	boot->cmdline = cmdline ? cmdline : "";
	r = image_open(&boot->kernel, err);
	if (r < 0)
		goto free_boot;
	r = read_header(boot, err);
	if (r < 0)
		goto close_kernel;
	r = check_cmdline(boot, err);
	if (r < 0)
		goto close_kernel;
	if (initrd) {
		r = image_open(&boot->initrd, err);
		if (r < 0)
			goto close_kernel;
	}
	*ret_boot = boot;
	return 0;
close_kernel:
	image_close(&boot->kernel);
free_boot:
	free(boot);
	return r;
}

void boot_close(struct boot *boot)
{
	if (!boot)
		return;
	image_close(&boot->initrd);
	image_close(&boot->kernel);
	free(boot);
}

static uint64_t mebibytes(uint64_t bytes)
{
	return bytes / MiB + (bytes % MiB != 0);
}

static int place_identity(struct boot *boot, const struct layout *layout,
			  struct moat_err *err)
{
	int r;

	r = boot_choose_places(&boot->header, layout, boot->initrd.len,
			       &boot->places, err);
	return r < 0 ? moat_fail_prefix(err, r, "kernel %s", boot->kernel.path)
		     : 0;
}

int boot_place(struct boot *boot, const struct layout *layout,
	       struct moat_err *err)
{
	uint64_t kernel_end = boot->header.load + boot->header.init_size;
	uint64_t top = layout->ram.low;

	if (layout->identity)
		return place_identity(boot, layout, err);
	boot->places.kernel = boot->header.load;
	if (kernel_end > top)
		return moat_fail(err, -ENOSPC,
				 "kernel %s needs %llu MiB of guest RAM to "
				 "start, %llu MiB are below the PCI window; "
				 "give more with -m",
				 boot->kernel.path,
				 (unsigned long long)mebibytes(kernel_end),
				 (unsigned long long)(top / MiB));
	if (boot->initrd.fd < 0)
		return 0;
	/* As high as it may be, to be out of the kernel's way. */
	top = min_u64(top, boot->header.initrd_last + 1);
	if (boot->initrd.len > top ||
	    align_down(top - boot->initrd.len, PAGE) < kernel_end)
		return moat_fail(err, -ENOSPC,
				 "initrd %s of %llu MiB does not fit between "
				 "the kernel's end at %llu MiB and %llu MiB; "
				 "give more with -m",
				 boot->initrd.path,
				 (unsigned long long)mebibytes(boot->initrd.len),
				 (unsigned long long)mebibytes(kernel_end),
				 (unsigned long long)(top / MiB));
	boot->places.initrd = align_down(top - boot->initrd.len, PAGE);
	return 0;
}

/* All places in low RAM are checked by boot_place() and layout_init(). */
static int load_segment(const struct image *image,
			const struct boot_segment *segment, struct ram *ram,
			struct moat_err *err)
{
	uint8_t *to = ram_at(ram, segment->gpa, segment->mem_len);
	int r;

	if (!to)
		return moat_fail(err, -ENOSPC, "%s: no guest RAM at %#llx",
				 image->path, (unsigned long long)segment->gpa);
	r = moat_pread_all(image->fd, to, segment->file_len,
			   (off_t)segment->file_offset);
	if (r == -EIO)
		return moat_fail(err, r, "%s became shorter while in use",
				 image->path);
	if (r < 0)
		return moat_fail(err, r, "cannot read %s: %s", image->path,
				 strerror(-r));
	/* After a reset there is the last boot's data. */
	memset(to + segment->file_len, 0, segment->mem_len - segment->file_len);
	return 0;
}

/* How far up from where it would like to be the kernel is. */
static uint64_t kernel_shift(const struct boot *boot)
{
	return boot->places.kernel - boot->header.load;
}

static int load_kernel(const struct boot *boot, struct ram *ram,
		       struct moat_err *err)
{
	int r;

	for (size_t i = 0; i < boot->header.n_segments; i++) {
		struct boot_segment segment = boot->header.segments[i];

		segment.gpa += kernel_shift(boot);
		r = load_segment(&boot->kernel, &segment, ram, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int load_initrd(const struct boot *boot, struct ram *ram,
		       struct moat_err *err)
{
	const struct boot_segment all = {
		.file_len = boot->initrd.len,
		.gpa = boot->places.initrd,
		.mem_len = boot->initrd.len,
	};

	return load_segment(&boot->initrd, &all, ram, err);
}

/* The table that an entry points to; an empty one is given the next page. */
static uint64_t *next_table(uint8_t *low, uint64_t *entry, uint64_t *next)
{
	if (!(*entry & PTE_PRESENT)) {
		assert(*next + PAGE <= LAYOUT_PAGE_TABLES_END);
		*entry = *next | PTE_PRESENT | PTE_WRITE;
		memset(low + *next, 0, PAGE);
		*next += PAGE;
	}
	return (uint64_t *)(low + align_down(*entry & ~PTE_FLAGS, PAGE));
}

/* Map the GiB that @gpa is in to itself. */
static void map_gib(uint8_t *low, uint64_t gpa, uint64_t *next)
{
	uint64_t *pml4 = (uint64_t *)(low + LAYOUT_PAGE_TABLES);
	uint64_t *pdpt = next_table(low, &pml4[gpa / (512 * GiB)], next);
	uint64_t *pd = next_table(low, &pdpt[gpa / GiB % 512], next);

	for (unsigned int i = 0; i < 512; i++)
		pd[i] = (align_down(gpa, GiB) + i * 2 * MiB) | PTE_PRESENT |
			PTE_WRITE | PTE_HUGE;
}

/*
 * The first 4 GiB, and what the kernel needs to start: boot.rst, "64-bit Boot
 * Protocol".
 */
static void write_page_tables(const struct boot *boot, uint8_t *low)
{
	uint64_t first = boot->places.kernel;
	uint64_t last = first + min_u64(boot->header.init_size, 4 * GiB) - 1;
	uint64_t next = LAYOUT_PAGE_TABLES + PAGE;

	memset(low + LAYOUT_PAGE_TABLES, 0, PAGE);
	for (uint64_t gpa = 0; gpa < 4 * GiB; gpa += GiB)
		map_gib(low, gpa, &next);
	for (uint64_t gpa = align_down(first, GiB); gpa <= last; gpa += GiB)
		map_gib(low, gpa, &next);
}

static void write_gdt(uint8_t *low)
{
	static const uint64_t gdt[4] = { 0, 0, GDT_CODE64, GDT_DATA };

	memcpy(low + LAYOUT_GDT, gdt, sizeof(gdt));
}

static void write_zero_page(const struct boot *boot,
			    const struct layout *layout, uint8_t *low)
{
	struct boot_params *params =
		(struct boot_params *)(low + LAYOUT_ZERO_PAGE);

	memset(params, 0, sizeof(*params));
	memcpy(&params->hdr, boot->header.setup, boot->header.setup_len);
	params->hdr.type_of_loader = LOADER_OTHER;
	params->hdr.cmd_line_ptr = (uint32_t)LAYOUT_CMDLINE;
	if (boot->initrd.fd >= 0) {
		params->hdr.ramdisk_image = (uint32_t)boot->places.initrd;
		params->hdr.ramdisk_size = (uint32_t)boot->initrd.len;
		params->ext_ramdisk_image =
			(uint32_t)(boot->places.initrd >> 32);
		params->ext_ramdisk_size = (uint32_t)(boot->initrd.len >> 32);
	}
	params->acpi_rsdp_addr = LAYOUT_ACPI;
	for (size_t i = 0; i < layout->n_e820; i++) {
		params->e820_table[i].addr = layout->e820[i].start;
		params->e820_table[i].size = layout->e820[i].len;
		params->e820_table[i].type = layout->e820[i].type;
	}
	params->e820_entries = (uint8_t)layout->n_e820;
}

int boot_load(const struct boot *boot, const struct layout *layout,
	      struct ram *ram, struct boot_entry *ret_entry,
	      struct moat_err *err)
{
	uint8_t *low = ram_at(ram, 0, LAYOUT_KERNEL_MIN);
	int r;

	if (!low)
		return moat_fail(err, -ENOSPC, "no guest RAM below 1 MiB");
	r = load_kernel(boot, ram, err);
	if (r < 0)
		return r;
	if (boot->initrd.fd >= 0) {
		r = load_initrd(boot, ram, err);
		if (r < 0)
			return r;
	}
	memcpy(low + LAYOUT_CMDLINE, boot->cmdline, strlen(boot->cmdline) + 1);
	write_page_tables(boot, low);
	write_gdt(low);
	write_zero_page(boot, layout, low);
	*ret_entry = (struct boot_entry) {
		.rip = boot->header.entry + kernel_shift(boot),
		.rsi = LAYOUT_ZERO_PAGE,
		.rsp = LAYOUT_BOOT_STACK,
		.cr3 = LAYOUT_PAGE_TABLES,
		.gdt = LAYOUT_GDT,
		.gdt_limit = 4 * sizeof(uint64_t) - 1,
	};
	return 0;
}
