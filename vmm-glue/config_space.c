// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Registers as bytes, so that an access of any size meets the same masks.
 * No register here has write-one-to-clear bits: the errors and events they
 * would tell of do not happen in an emulated function.
 */
#include <string.h>

#include "vmm-glue/config_space.h"

static void put(uint8_t *bytes, unsigned int size, uint32_t value)
{
	for (unsigned int i = 0; i < size; i++)
		bytes[i] = (uint8_t)(value >> (8 * i));
}

void config_space_reset(struct config_space *cs, const struct config_reg *table,
			size_t n)
{
	memset(cs, 0, sizeof(*cs));
	for (size_t i = 0; i < n; i++) {
		const struct config_reg *reg = &table[i];

		put(cs->value + reg->offset, reg->size, reg->reset);
		put(cs->writable + reg->offset, reg->size, reg->writable);
	}
}

uint32_t config_space_read(const struct config_space *cs, uint16_t offset,
			   unsigned int size)
{
	uint32_t value = 0;

	if (offset + size > CONFIG_SPACE_SIZE)
		return 0;
	for (unsigned int i = 0; i < size; i++)
		value |= (uint32_t)cs->value[offset + i] << (8 * i);
	return value;
}

void config_space_write(struct config_space *cs, uint16_t offset,
			unsigned int size, uint32_t value)
{
	if (offset + size > CONFIG_SPACE_SIZE)
		return;
	for (unsigned int i = 0; i < size; i++) {
		uint8_t mask = cs->writable[offset + i];
		uint8_t *byte = &cs->value[offset + i];

		*byte = (uint8_t)((*byte & ~mask) | ((value >> (8 * i)) & mask));
	}
}

void config_space_set(struct config_space *cs, uint16_t offset,
		      unsigned int size, uint32_t value)
{
	put(cs->value + offset, size, value);
}
