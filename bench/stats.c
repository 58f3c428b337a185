// SPDX-License-Identifier: GPL-2.0-or-later
/* Order statistics, see stats.h. No state. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/stats.h"

#define CONFIDENCE 0.95

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* @q from 0 to 1, between the two samples next to it. */
static double quantile(const double *sorted, size_t n, double q)
{
	double at = q * (double)(n - 1);
	size_t below = (size_t)at;

	if (below + 1 >= n)
		return sorted[n - 1];
	return sorted[below] +
	       (at - (double)below) * (sorted[below + 1] - sorted[below]);
}

/* Probability of exactly @k heads of @n; by logarithms, as 2^-n underflows. */
static double heads(size_t n, size_t k)
{
	return exp(lgamma((double)n + 1) - lgamma((double)k + 1) -
		   lgamma((double)(n - k) + 1) - (double)n * M_LN2);
}

size_t bench_stats_ci_rank(size_t n)
{
	double tail = 0;
	size_t k = 0;

	while (k < n / 2) {
		tail += heads(n, k);
		if (2 * tail > 1 - CONFIDENCE)
			break;
		k++;
	}
	return k;
}

int bench_stats_of(const double *samples, size_t n,
		   struct bench_stats *ret_stats)
{
	struct bench_stats stats = { .n = n };
	double *sorted;
	size_t rank;

	if (n == 0)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		if (!isfinite(samples[i]))
			return -EINVAL;
		stats.mean += samples[i] / (double)n;
	}
	sorted = calloc(n, sizeof(*sorted));
	if (!sorted)
		return -ENOMEM;
	memcpy(sorted, samples, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), compare);
	stats.min = sorted[0];
	stats.max = sorted[n - 1];
	stats.p25 = quantile(sorted, n, 0.25);
	stats.median = quantile(sorted, n, 0.5);
	stats.p75 = quantile(sorted, n, 0.75);
	stats.p99 = quantile(sorted, n, 0.99);
	rank = bench_stats_ci_rank(n);
	if (rank) {
		stats.has_ci = true;
		stats.ci_low = sorted[rank - 1];
		stats.ci_high = sorted[n - rank];
	}
	free(sorted);
	*ret_stats = stats;
	return 0;
}

double bench_stats_spread(const struct bench_stats *stats)
{
	if (stats->median == 0)
		return 0;
	return 100 * (stats->p75 - stats->p25) / fabs(stats->median);
}
