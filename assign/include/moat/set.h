/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sets of small numbers: CPUs or NUMA nodes, numbered as the kernel does. */
#ifndef MOAT_SET_H
#define MOAT_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <moat/err.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Numbers are below this: what Linux can be built for. */
#define MOAT_SET_MAX 8192

/* All zero is the empty set. Its bits lie as sched_setaffinity(2) has them. */
struct moat_set {
	uint64_t word[MOAT_SET_MAX / 64];
};

static inline bool moat_set_has(const struct moat_set *set, unsigned int i)
{
	return i < MOAT_SET_MAX && (set->word[i / 64] >> i % 64 & 1);
}

/* What is out of range is left out. */
static inline void moat_set_add(struct moat_set *set, unsigned int i)
{
	if (i < MOAT_SET_MAX)
		set->word[i / 64] |= UINT64_C(1) << i % 64;
}

/** moat_set_next() - the smallest member from @from on, or -1 */
int moat_set_next(const struct moat_set *set, unsigned int from)
	__attribute__((visibility("default")));

/** moat_set_count() - how many members */
unsigned int moat_set_count(const struct moat_set *set)
	__attribute__((visibility("default")));

/** moat_set_unite() - @set gets the members of @other, too */
void moat_set_unite(struct moat_set *set, const struct moat_set *other)
	__attribute__((visibility("default")));

#define MOAT_SET_STRLEN 256

/**
 * moat_set_str() - "0-3,8", as the kernel writes lists
 *
 * A list that is too long for @buf ends in "...".
 * Return: @buf.
 */
const char *moat_set_str(const struct moat_set *set, char buf[MOAT_SET_STRLEN])
	__attribute__((visibility("default")));

/**
 * moat_set_parse() - read such a list
 *
 * Return: 0, -EINVAL for what is no list (an empty one is none), -ERANGE for
 * a number of MOAT_SET_MAX or more.
 */
int moat_set_parse(const char *text, struct moat_set *ret_set)
	__attribute__((visibility("default")));

#ifdef __cplusplus
}
#endif
#endif /* MOAT_SET_H */
