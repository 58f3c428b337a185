/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's config space: a table with one row per register.
 *
 * Each bit of a register either lives in the device (row's @device) or in a
 * shadow here; each bit is writable by the guest or is not. An address that
 * no row covers reads as zero and swallows writes: what is not listed is
 * hidden.
 */
#ifndef MOAT_ASSIGN_CONFIG_H
#define MOAT_ASSIGN_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include <moat/err.h>

struct moat_device;

#define CONFIG_SIZE	     4096
#define CONFIG_STANDARD_SIZE 256
#define CONFIG_ROWS_MAX	     192

/* All bits, for rows longer than a register. */
#define CONFIG_ALL UINT32_MAX

struct config_row {
	uint16_t first;	   /* in a capability's table: from its start */
	uint16_t len;	   /* 1, 2, 4; or longer: then each mask is 0 or ALL */
	uint32_t device;   /* bits that live in the device; others: shadow */
	uint32_t writable; /* bits that the guest may change */
	/* Bits of the device that must not be written back as read. */
	uint32_t never;
	/* Brings the shadow up to date before a read. */
	void (*refresh)(struct moat_device *dev, uint16_t first);
	/* After the guest's write; @old and @now are shadow values. */
	void (*written)(struct moat_device *dev, uint16_t first, uint32_t old,
			uint32_t now);
};

struct config {
	uint8_t shadow[CONFIG_SIZE];
	uint8_t power_on[CONFIG_SIZE]; /* @shadow as the guest first sees it */
	struct config_row row[CONFIG_ROWS_MAX];
	unsigned int n_rows;
	bool extended; /* the guest sees more than 256 bytes */
};

/**
 * config_build() - lay out the guest's view of a device that was just read
 * @how: MOAT_PLUG_PCIE shows the PCI Express capability and the extended
 *	 space
 *
 * Touches no VMM and writes nothing to the device. May be called again.
 * Return: 0, -EINVAL for a malformed header or capability chain, -E2BIG, or
 * the errno of reading the device.
 */
int config_build(struct moat_device *dev, unsigned int how,
		 struct moat_err *err);

/** config_add() - add one row; -E2BIG when the table is full */
int config_add(struct config *cfg, const struct config_row *row);

/** config_add_table() - rows of a capability that starts at @base */
int config_add_table(struct config *cfg, uint16_t base,
		     const struct config_row *rows, unsigned int n);

/* The shadow, by register. */
uint32_t config_get(const struct config *cfg, uint16_t first, unsigned int len);
void config_set(struct config *cfg, uint16_t first, unsigned int len,
		uint32_t value);

/* The guest's accesses; the device's lock is held. */
uint32_t config_read(struct moat_device *dev, uint16_t offset,
		     unsigned int size);
void config_write(struct moat_device *dev, uint16_t offset, unsigned int size,
		  uint32_t value);

/** config_decode_changed() - make BARs and the device's COMMAND follow */
void config_decode_changed(struct moat_device *dev);

/** config_power_on() - the shadow as the guest first saw it */
void config_power_on(struct moat_device *dev);

/* The device's own config space, one register. */
int host_config_read(struct moat_device *dev, uint16_t offset, unsigned int len,
		     uint32_t *ret_value);
int host_config_write(struct moat_device *dev, uint16_t offset,
		      unsigned int len, uint32_t value);

#endif /* MOAT_ASSIGN_CONFIG_H */
