// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <math.h>

#include "bench/stats.h"
#include "common/util.h"
#include "tests/check_main.h"

#define NEAR 1e-9

static const struct {
	double samples[8];
	size_t n;
	double median, p25, p75, p99, mean;
} cases[] = {
	{ { 7 }, 1, 7, 7, 7, 7, 7 },
	{ { 3, 1 }, 2, 2, 1.5, 2.5, 2.98, 2 },
	{ { 5, 1, 3 }, 3, 3, 2, 4, 4.96, 3 },
	{ { 4, 1, 3, 2 }, 4, 2.5, 1.75, 3.25, 3.97, 2.5 },
	{ { -1, -1, -1, 9 }, 4, -1, -1, 1.5, 8.7, 1.5 },
};

START_TEST(quantiles)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct bench_stats s;

		ck_assert_int_eq(
			bench_stats_of(cases[i].samples, cases[i].n, &s), 0);
		ck_assert_uint_eq(s.n, cases[i].n);
		ck_assert_double_eq_tol(s.median, cases[i].median, NEAR);
		ck_assert_double_eq_tol(s.p25, cases[i].p25, NEAR);
		ck_assert_double_eq_tol(s.p75, cases[i].p75, NEAR);
		ck_assert_double_eq_tol(s.p99, cases[i].p99, NEAR);
		ck_assert_double_eq_tol(s.mean, cases[i].mean, NEAR);
		ck_assert(!s.has_ci);
	}
}
END_TEST

START_TEST(samples_are_left_in_their_order)
{
	const double samples[] = { 3, 1, 2 };
	struct bench_stats s;

	ck_assert_int_eq(bench_stats_of(samples, 3, &s), 0);
	ck_assert_double_eq(samples[0], 3);
	ck_assert_double_eq(s.min, 1);
	ck_assert_double_eq(s.max, 3);
}
END_TEST

START_TEST(what_is_no_sample)
{
	const double bad[][2] = { { 1, NAN }, { INFINITY, 1 } };
	struct bench_stats s = { .n = 77 };

	ck_assert_int_eq(bench_stats_of(bad[0], 0, &s), -EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_int_eq(bench_stats_of(bad[i], 2, &s), -EINVAL);
	ck_assert_uint_eq(s.n, 77);
}
END_TEST

/* Tables of the sign test, two-sided at 5 %: the critical value plus one. */
static const struct {
	size_t n, rank;
} ranks[] = { { 0, 0 },	  { 1, 0 },   { 5, 0 },	   { 6, 1 },
	      { 8, 1 },	  { 9, 2 },   { 10, 2 },   { 12, 3 },
	      { 15, 4 },  { 20, 6 },  { 25, 8 },   { 30, 10 },
	      { 40, 14 }, { 50, 18 }, { 100, 40 }, { 200, 86 } };

START_TEST(ranks_of_the_interval)
{
	for (size_t i = 0; i < ARRAY_SIZE(ranks); i++)
		ck_assert_msg(bench_stats_ci_rank(ranks[i].n) == ranks[i].rank,
			      "n %zu: %zu, not %zu", ranks[i].n,
			      bench_stats_ci_rank(ranks[i].n), ranks[i].rank);
	/* The normal approximation is good there, and nothing underflows. */
	ck_assert_double_eq_tol((double)bench_stats_ci_rank(10000),
				5000 - 1.96 * 50, 2);
}
END_TEST

START_TEST(interval_of_the_median)
{
	double samples[20];
	struct bench_stats s;

	for (int i = 0; i < 20; i++)
		samples[i] = (i * 7) % 20 + 1; /* 1 to 20, shuffled */
	ck_assert_int_eq(bench_stats_of(samples, 20, &s), 0);
	ck_assert(s.has_ci);
	ck_assert_double_eq(s.ci_low, 6);
	ck_assert_double_eq(s.ci_high, 15);
	ck_assert_double_eq_tol(bench_stats_spread(&s), 100 * 9.5 / 10.5, NEAR);
}
END_TEST

START_TEST(spread_of_zeros)
{
	const double zeros[] = { 0, 0 };
	struct bench_stats s;

	ck_assert_int_eq(bench_stats_of(zeros, 2, &s), 0);
	ck_assert_double_eq(bench_stats_spread(&s), 0);
}
END_TEST

CHECK_MAIN("bench_stats", quantiles, samples_are_left_in_their_order,
	   what_is_no_sample, ranks_of_the_interval, interval_of_the_median,
	   spread_of_zeros)
