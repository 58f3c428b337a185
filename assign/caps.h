/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Capabilities: found in the device, and rebuilt for the guest. */
#ifndef MOAT_ASSIGN_CAPS_H
#define MOAT_ASSIGN_CAPS_H

#include <stdbool.h>
#include <stdint.h>

#include <moat/err.h>

struct moat_device;

/**
 * caps_probe() - walk the standard chain; note MSI, MSI-X and PCI Express
 *
 * Return: 0, or -EINVAL for a chain that loops, leaves config space, or
 * whose capabilities overlap.
 */
int caps_probe(struct moat_device *dev, struct moat_err *err);

/**
 * caps_build() - add the rows and links of what the guest is shown
 * @pcie: with the PCI Express capability and the extended space
 *
 * After caps_probe().
 */
int caps_build(struct moat_device *dev, bool pcie, struct moat_err *err);

/* A capability found: @id, and the bytes that are its own. */
struct cap {
	uint16_t id;
	uint16_t at;
	uint16_t len;
	uint8_t version; /* extended only */
};

/* How a kind of capability is shown. */
struct cap_rule {
	uint16_t id;
	const char *name;
	/*
	 * Adds the rows behind the header; -ENOENT: not this one after all.
	 * NULL: hidden, for the reason beside it.
	 */
	int (*show)(struct moat_device *dev, const struct cap *cap);
	/* Bytes; 0 says that @measure knows. */
	uint16_t len;
	unsigned int (*measure)(const uint8_t *raw, uint16_t at);
};

/* caps_extended.c: the second half of caps_build() */
int caps_build_extended(struct moat_device *dev, struct moat_err *err);

/* pcie.c */

/** pcie_length() - of the device's PCI Express capability, bytes */
unsigned int pcie_length(uint16_t flags);

/**
 * pcie_add_rows() - show the PCI Express capability at @cap
 * @room: bytes up to the next capability or the end
 */
int pcie_add_rows(struct moat_device *dev, uint16_t cap, unsigned int room);

#endif /* MOAT_ASSIGN_CAPS_H */
