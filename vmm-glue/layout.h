/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's address map. Everything that has an address has it from here.
 *
 *	0		RAM: boot data, then the guest's
 *	9fc00		end of conventional memory; ACPI tables at e0000
 *	100000		RAM, up to 3 GiB
 *	c0000000	32-bit MMIO window of the PCI host bridge
 *	e0000000	ECAM, 32 buses of 1 MiB
 *	fec00000	I/O APIC
 *	fee00000	local APICs; also where devices write MSIs, so never RAM
 *	feffc000	KVM's identity map page and TSS, for Intel
 *	100000000	RAM above 4 GiB, when there is more than 3 GiB
 *	mmio64		64-bit MMIO window: the upper half of the guest's
 *			physical address space, of which at most 46 bits are used
 *
 * With identity-placed RAM (dma=none, layout_identity.c) RAM above 1 MiB is
 * where the host has it, in runs, and the windows are around that; what the
 * platform has from fec00000 on stays.
 */
#ifndef MOAT_VMM_LAYOUT_H
#define MOAT_VMM_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <moat/err.h>

#include "common/util.h"

#define LAYOUT_RAM_LOW_MAX     (3 * GiB)
#define LAYOUT_RAM_HIGH	       (4 * GiB)

#define LAYOUT_ZERO_PAGE       UINT64_C(0x7000)
#define LAYOUT_GDT	       UINT64_C(0x6000)
#define LAYOUT_BOOT_STACK      UINT64_C(0x8ff0)
#define LAYOUT_PAGE_TABLES     UINT64_C(0x9000)
#define LAYOUT_PAGE_TABLES_END UINT64_C(0x20000)
#define LAYOUT_CMDLINE	       UINT64_C(0x20000)
#define LAYOUT_CMDLINE_MAX     UINT64_C(0x10000)
#define LAYOUT_TRAMPOLINE      UINT64_C(0x80000) /* of identity-placed RAM */
#define LAYOUT_TRAMP_END       UINT64_C(0x98000)
#define LAYOUT_EBDA	       UINT64_C(0x9fc00)
#define LAYOUT_ACPI	       UINT64_C(0xe0000) /* RSDP first: the BIOS area */
#define LAYOUT_ACPI_END	       UINT64_C(0x100000)
#define LAYOUT_KERNEL_MIN      UINT64_C(0x100000)

#define LAYOUT_MMIO32	       UINT64_C(0xc0000000)
#define LAYOUT_MMIO32_LAST     UINT64_C(0xdfffffff)
#define LAYOUT_ECAM	       UINT64_C(0xe0000000)
#define LAYOUT_ECAM_LAST       UINT64_C(0xe1ffffff)
#define LAYOUT_IOAPIC	       UINT64_C(0xfec00000)
#define LAYOUT_IOAPIC_LAST     UINT64_C(0xfec00fff)
#define LAYOUT_LAPIC	       UINT64_C(0xfee00000)
#define LAYOUT_LAPIC_LAST      UINT64_C(0xfeefffff)
#define LAYOUT_IDENTITY_MAP    UINT64_C(0xfeffc000) /* one page */
#define LAYOUT_TSS	       UINT64_C(0xfeffd000) /* three pages */
#define LAYOUT_TSS_LAST	       UINT64_C(0xfeffffff)

/*
 * One for each device number of bus 0, and no more: Linux looks for devices on
 * every bus that ECAM has room for, by ports, two exits each.
 */
#define LAYOUT_BUSES 32

/* Ports. PCI's window leaves the legacy and platform ports alone. */
#define LAYOUT_PORT_PM	  0x600 /* ACPI PM1 event, control, timer: 16 */
#define LAYOUT_PORT_COM1  0x3f8
#define LAYOUT_PORT_RTC	  0x70
#define LAYOUT_PORT_RESET 0xcf9
#define LAYOUT_PIO	  0x1000
#define LAYOUT_PIO_LAST	  0xffff

/* Global system interrupts. */
#define LAYOUT_GSI_COM1	  4
#define LAYOUT_GSI_SCI	  9
#define LAYOUT_GSI_INTX	  16 /* INTx lines: 16 to 23 */
#define LAYOUT_GSI_INTX_N 8
#define LAYOUT_GSI_MSI	  24 /* KVM routes of MSIs from here on */

struct layout_ram {
	uint64_t low;  /* bytes from 0, at most 3 GiB */
	uint64_t high; /* bytes from 4 GiB */
};

/* A piece of RAM. */
struct layout_run {
	uint64_t gpa, len;
};

struct layout_range {
	uint64_t first, last;
};

/*
 * Runs of identity-placed RAM. From a few hundred e820 entries on Linux puts
 * tables of its own into the first MiB, and later gives their pages to all.
 */
#define LAYOUT_RUNS_MAX 96

enum layout_e820 { E820_RAM = 1, E820_RESERVED = 2 };

struct layout_e820_entry {
	uint64_t start, len;
	enum layout_e820 type;
};

/* All that the zero page has room for. */
#define LAYOUT_E820_MAX 128

/* Ranges of a size that one MTRR can say. */
#define LAYOUT_UNCACHED_MAX 6

/* The whole map for one machine. */
struct layout {
	bool identity;		      /* RAM is in @run, not in @ram */
	struct layout_ram ram;	      /* zero with identity-placed RAM */
	uint64_t mmio32, mmio32_last; /* the 32-bit window */
	uint64_t mmio64, mmio64_last; /* the 64-bit window */
	uint64_t ecam;		      /* 1 MiB a bus */
	struct layout_e820_entry e820[LAYOUT_E820_MAX];
	size_t n_e820;
	/* Not RAM: each a power of two long, and a multiple of it. */
	struct layout_range uncached[LAYOUT_UNCACHED_MAX];
	size_t n_uncached;
	/* Identity-placed RAM, sorted; the first MiB is not among it. */
	struct layout_run run[LAYOUT_RUNS_MAX];
	size_t n_runs;
};

static inline uint64_t layout_ecam_last(const struct layout *layout)
{
	return layout->ecam + LAYOUT_BUSES * MiB - 1;
}

/**
 * layout_is_platform() - do devices of the platform answer in a range?
 *
 * At addresses that stay as they are whatever the guest writes, some of them
 * inside KVM: no place for a BAR.
 */
bool layout_is_platform(const struct layout *layout, uint64_t first,
			uint64_t last);

/**
 * layout_init() - place RAM and windows
 * @ram_bytes: multiple of 2 MiB, at least 32 MiB
 * @phys_bits: the guest's physical address width, CPUID 0x80000008 EAX[7:0]
 *
 * Return: 0; -EINVAL or -E2BIG with a sentence when RAM does not fit.
 */
int layout_init(struct layout *ret_layout, uint64_t ram_bytes,
		unsigned int phys_bits, struct moat_err *err);

/**
 * layout_ram() - all pieces of RAM, sorted
 * @ret_runs: room for LAYOUT_RUNS_MAX + 1
 * Return: how many. With identity-placed RAM the first is the first MiB,
 * which is not where the host's is.
 */
size_t layout_ram(const struct layout *layout, struct layout_run *ret_runs);

struct host_iomem;

/**
 * layout_init_identity() - lay windows out around RAM that has its place
 * @runs:  the host's addresses of guest RAM; sorted and disjoint
 * @iomem: what the host has where: PCI's 32-bit window is in a PCI hole of
 *	   the host, where no RAM of anybody can be
 *
 * Return: 0; -E2BIG (more than LAYOUT_RUNS_MAX runs), -ENOSPC (no hole for
 * the windows), -EINVAL (RAM where it cannot be); with a sentence.
 */
int layout_init_identity(struct layout *ret_layout,
			 const struct layout_run *runs, size_t n_runs,
			 const struct host_iomem *iomem, unsigned int phys_bits,
			 struct moat_err *err);

/**
 * layout_spare_low_memory() - leave a guest as little of the first MiB as
 * starting processors takes
 *
 * For kernels that would let drivers use the rest, which no device with
 * dma=none can reach.
 */
void layout_spare_low_memory(struct layout *layout);

/**
 * layout_choose_pages() - which of the pages that can be had make the RAM?
 * @pages: addresses, sorted, different
 * @want:  pages, at most @n
 *
 * Pages of the longest runs are taken first, so that the runs are few.
 * @ret_runs: room for LAYOUT_RUNS_MAX; sorted
 * Return: 0, or -E2BIG when it would take more runs than that: how many,
 * *@ret_n says then.
 */
int layout_choose_pages(const uint64_t *pages, size_t n, uint64_t page_size,
			size_t want, struct layout_run *ret_runs,
			size_t *ret_n);

#endif /* MOAT_VMM_LAYOUT_H */
