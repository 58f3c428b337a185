/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The config space of an emulated function: plain registers described by a
 * table, one row a register, that says at what it starts and which bits a
 * guest may change. What has no row reads zero and ignores writes.
 *
 * Locking: the owner's.
 */
#ifndef MOAT_VMM_CONFIG_SPACE_H
#define MOAT_VMM_CONFIG_SPACE_H

#include <stddef.h>
#include <stdint.h>

/* Emulated functions have no extended capabilities: above it reads zero. */
#define CONFIG_SPACE_SIZE 256

struct config_reg {
	uint16_t offset;
	uint8_t size; /* 1, 2 or 4 */
	uint32_t reset;
	uint32_t writable;
};

struct config_space {
	uint8_t value[CONFIG_SPACE_SIZE];
	uint8_t writable[CONFIG_SPACE_SIZE];
};

/** config_space_reset() - the registers of @table at their reset values */
void config_space_reset(struct config_space *cs, const struct config_reg *table,
			size_t n);

/** config_space_read() - @offset 0 to 4095, @size 1, 2 or 4, aligned */
uint32_t config_space_read(const struct config_space *cs, uint16_t offset,
			   unsigned int size);

/** config_space_write() - the guest's; only writable bits change */
void config_space_write(struct config_space *cs, uint16_t offset,
			unsigned int size, uint32_t value);

/** config_space_set() - the owner's: all bits change */
void config_space_set(struct config_space *cs, uint16_t offset,
		      unsigned int size, uint32_t value);

#endif /* MOAT_VMM_CONFIG_SPACE_H */
