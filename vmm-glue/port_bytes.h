/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers of one byte behind ports: a wider access reaches consecutive
 * ports, as the ISA bus splits it.
 */
#ifndef MOAT_VMM_PORT_BYTES_H
#define MOAT_VMM_PORT_BYTES_H

#include <stdint.h>

static inline uint64_t
port_bytes_read(void *opaque, uint64_t offset, unsigned int size,
		uint8_t (*read_byte)(void *opaque, uint64_t offset))
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < size; i++)
		value |= (uint64_t)read_byte(opaque, offset + i) << (8 * i);
	return value;
}

static inline void
port_bytes_write(void *opaque, uint64_t offset, unsigned int size,
		 uint64_t value,
		 void (*write_byte)(void *opaque, uint64_t offset, uint8_t v))
{
	for (unsigned int i = 0; i < size; i++)
		write_byte(opaque, offset + i, (uint8_t)(value >> (8 * i)));
}

#endif /* MOAT_VMM_PORT_BYTES_H */
