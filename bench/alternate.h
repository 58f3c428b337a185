/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ways to do one thing, compared in one run: each round tries all of them,
 * in one order and in the next round in the reverse, so that neither a noisy
 * machine nor one that grows slower favours one of them.
 */
#ifndef MOAT_BENCH_ALTERNATE_H
#define MOAT_BENCH_ALTERNATE_H

#include <stddef.h>

#include "bench/result.h"

struct bench_side {
	const char *labels; /* of its series */
	/*
	 * One sample. Return: 0, or a negative errno with a sentence, which
	 * ends the comparison.
	 */
	int (*run)(void *opaque, double *ret_sample, struct moat_err *err);
	void *opaque;
};

struct bench_contest {
	const struct bench_quantity *quantity;
	const struct bench_side *sides; /* the last is what others are held to */
	size_t n_sides;
	unsigned int rounds;
	unsigned int warm_up; /* rounds before, which do not count */
};

/**
 * bench_alternate() - the rounds, each side's row, and its ratio to the last's
 * Return: 0, or what a side failed with; what was sampled until then stays.
 */
int bench_alternate(struct bench_result *result,
		    const struct bench_contest *contest, struct moat_err *err);

#endif /* MOAT_BENCH_ALTERNATE_H */
