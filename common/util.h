/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the C library should have had. */
#ifndef MOAT_COMMON_UTIL_H
#define MOAT_COMMON_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define container_of(ptr, type, member) \
	((type *)((char *)(ptr)-offsetof(type, member)))

#define KiB (UINT64_C(1) << 10)
#define MiB (UINT64_C(1) << 20)
#define GiB (UINT64_C(1) << 30)

/* @to is a power of two. */
static inline uint64_t align_down(uint64_t v, uint64_t to)
{
	return v & ~(to - 1);
}

static inline uint64_t align_up(uint64_t v, uint64_t to)
{
	return (v + to - 1) & ~(to - 1);
}

static inline bool is_aligned(uint64_t v, uint64_t to)
{
	return (v & (to - 1)) == 0;
}

static inline bool is_power_of_2(uint64_t v)
{
	return v && (v & (v - 1)) == 0;
}

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Do the inclusive ranges [a_first, a_last] and [b_first, b_last] meet? */
static inline bool ranges_overlap(uint64_t a_first, uint64_t a_last,
				  uint64_t b_first, uint64_t b_last)
{
	return a_first <= b_last && b_first <= a_last;
}

#endif /* MOAT_COMMON_UTIL_H */
