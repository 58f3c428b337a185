/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The expansion ROM that the guest sees; rom.c says how. */
#ifndef MOAT_ASSIGN_ROM_H
#define MOAT_ASSIGN_ROM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <moat/device.h>
#include <moat/err.h>
#include <moat/vmm.h>

struct rom {
	uint8_t *data; /* NULL: the guest sees no ROM */
	uint64_t size; /* of @data and of the BAR: a power of two */
	struct moat_trap trap;
	bool trapped;
	uint64_t refused; /* last address that the VMM refused; 0: none */
};

/**
 * rom_open() - read the ROM from the device or from a file, and check it
 *
 * Return: 0, -ENODEV (the device has none), -EINVAL (not a ROM image), -EFBIG,
 * or what reading failed with; then nothing is held.
 */
int rom_open(struct moat_device *dev, const struct moat_device_spec *spec,
	     struct moat_err *err);
void rom_close(struct moat_device *dev);

/**
 * rom_check() - is it a ROM image, or a chain of them?
 * @whole: every image has to lie inside @len, not the first one's header only
 * @what:  for the message
 *
 * Return: 0, or -EINVAL and what is wrong where.
 * Source: PCI Firmware 3.0 sections 5.1.1 and 5.1.2.
 */
int rom_check(const uint8_t *data, size_t len, bool whole, const char *what,
	      struct moat_err *err);

/** rom_add_rows() - the ROM's register, if there is one */
int rom_add_rows(struct moat_device *dev);

/** rom_unmap_stale(), rom_map_wanted() - as bars_unmap_stale() and its other */
void rom_unmap_stale(struct moat_device *dev);
void rom_map_wanted(struct moat_device *dev);

#endif /* MOAT_ASSIGN_ROM_H */
