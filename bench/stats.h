/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a list of samples says: order statistics only, since the time that
 * something takes on a machine with other work has no normal distribution.
 */
#ifndef MOAT_BENCH_STATS_H
#define MOAT_BENCH_STATS_H

#include <stdbool.h>
#include <stddef.h>

struct bench_stats {
	size_t n;
	double min, max, mean;
	double median, p25, p75, p99;
	/*
	 * Of the median, with at least 95 % confidence and no assumption on
	 * how samples are distributed; fewer than 6 have none.
	 */
	bool has_ci;
	double ci_low, ci_high;
};

/**
 * bench_stats_of() - describe @n samples, in any order
 *
 * Quantiles between two samples are interpolated.
 * Return: 0, -EINVAL (none, or one that is no finite number), -ENOMEM.
 */
int bench_stats_of(const double *samples, size_t n,
		   struct bench_stats *ret_stats);

/** bench_stats_spread() - half the samples lie within so many % of the median
 *
 * The distance of the quartiles; 0 when the median is.
 */
double bench_stats_spread(const struct bench_stats *stats);

/**
 * bench_stats_ci_rank() - how far from the ends the interval's ends are
 *
 * Return: k, so that the k-th smallest and the k-th largest of @n samples
 * hold the median with 95 % confidence; 0: no two of them do.
 * Source: the number of samples below the median is binomial(n, 1/2).
 */
size_t bench_stats_ci_rank(size_t n);

#endif /* MOAT_BENCH_STATS_H */
