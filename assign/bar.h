/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The BARs of one device; bar.c says how they are shown to the guest. */
#ifndef MOAT_ASSIGN_BAR_H
#define MOAT_ASSIGN_BAR_H

#include <stdbool.h>
#include <stdint.h>

#include <moat/device.h>
#include <moat/err.h>
#include <moat/vmm.h>

/* Areas of VFIO, less the table's and the PBA's pages. */
#define BAR_SEGMENTS_MAX 18

/* A piece of a BAR that the guest reaches without leaving guest mode. */
struct bar_segment {
	uint64_t offset, len;
	void *host;
	bool mapped; /* the guest sees it, by @handle */
	unsigned int handle;
};

struct bar {
	struct moat_device *dev;
	unsigned int index;
	struct moat_bar_info info;
	uint32_t flags; /* low bits of the register: type, prefetchable */
	struct bar_segment segment[BAR_SEGMENTS_MAX];
	unsigned int n_segments;
	/* While @trapped the guest sees the BAR at trap.first. */
	struct moat_trap trap;
	bool trapped;
	bool slots_told;  /* that the VMM had no slot left */
	uint64_t refused; /* last address that the VMM refused; 0: none */
};

/**
 * bars_open() - sizes, types, and the host mappings of what may be direct
 *
 * Needs the MSI-X table's place (msix_probe()). On error nothing is mapped.
 */
int bars_open(struct moat_device *dev, struct moat_err *err);
void bars_close(struct moat_device *dev);

/* Rows for the BAR registers. */
int bars_add_rows(struct moat_device *dev);

/* COMMAND's enable bits that the BARs can answer to. */
uint16_t bars_command_bits(const struct moat_device *dev);

/**
 * bars_unmap_stale() - take away what the registers no longer ask for
 * bars_map_wanted() - show what they ask for and is not there yet
 *
 * The device's own decoding is turned on between the two.
 */
void bars_unmap_stale(struct moat_device *dev);
void bars_map_wanted(struct moat_device *dev);

/* bar_access.c: of struct moat_trap, for the whole of a struct bar */
uint64_t bar_access_read(void *opaque, uint64_t offset, unsigned int size);
void bar_access_write(void *opaque, uint64_t offset, unsigned int size,
		      uint64_t value);

/** bar_refusal() - why the VMM would not have a BAR where the guest put it */
const char *bar_refusal(int r);

#endif /* MOAT_ASSIGN_BAR_H */
