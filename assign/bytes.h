/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PCI is little-endian: numbers of 1 to 8 bytes out of and into memory. */
#ifndef MOAT_ASSIGN_BYTES_H
#define MOAT_ASSIGN_BYTES_H

#include <stddef.h>
#include <stdint.h>

static inline uint64_t get_le(const uint8_t *p, size_t size)
{
	uint64_t v = 0;

	while (size-- > 0)
		v = v << 8 | p[size];
	return v;
}

static inline void put_le(uint8_t *p, size_t size, uint64_t v)
{
	size_t i;

	for (i = 0; i < size; i++, v >>= 8)
		p[i] = (uint8_t)v;
}

static inline uint16_t get_le16(const uint8_t *p)
{
	return (uint16_t)get_le(p, 2);
}

static inline uint32_t get_le32(const uint8_t *p)
{
	return (uint32_t)get_le(p, 4);
}

/* What a read of nothing returns. */
static inline uint64_t all_ones(size_t size)
{
	return size >= 8 ? UINT64_MAX : (UINT64_C(1) << (8 * size)) - 1;
}

#endif /* MOAT_ASSIGN_BYTES_H */
