/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a benchmark found: series of samples, comparisons of two of them, the
 * circumstances, and what could not be measured. Printed as a table while it
 * grows, and written as JSON at the end; docs/bench.md describes the file.
 *
 * A series is known by its quantity and its labels, words of "key=value":
 * "backend=type1 pages=2M size=1024". Which of the labels become the axis of
 * a plot is said with the quantity.
 *
 * Not thread-safe. Running out of memory is remembered and reported by
 * bench_result_finish(), so that benchmarks need not look at each sample.
 */
#ifndef MOAT_BENCH_RESULT_H
#define MOAT_BENCH_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <moat/err.h>

struct bench_result;
struct bench_series;

struct bench_quantity {
	const char *name; /* "throughput" */
	const char *unit; /* "GiB/s" */
	bool more_is_better;
	const char *x;	   /* label that is a plot's axis; NULL: bars */
	const char *panel; /* label with a plot for each value; NULL: one */
};

/**
 * bench_result_create() - nothing found yet
 * @bench: "map"
 * @table: where the table goes; NULL: nowhere
 *
 * Return: NULL when out of memory.
 */
struct bench_result *bench_result_create(const char *bench, FILE *table);

/** bench_result_destroy() - NULL is fine */
void bench_result_destroy(struct bench_result *result);

/** bench_result_option() - how it was run; a key again replaces its value */
void bench_result_option(struct bench_result *result, const char *key,
			 const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** bench_result_note() - a sentence for who reads the report */
void bench_result_note(struct bench_result *result, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** bench_result_skip() - what was not measured, and why */
void bench_result_skip(struct bench_result *result, const char *labels,
		       const char *why);

/**
 * bench_result_series() - the series of @quantity with @labels, made if new
 * @quantity: copied
 *
 * Return: NULL when out of memory, which the functions below take.
 */
struct bench_series *bench_result_series(struct bench_result *result,
					 const struct bench_quantity *quantity,
					 const char *labels);

/** bench_result_find() - the same, but NULL when there is none */
struct bench_series *bench_result_find(struct bench_result *result,
				       const struct bench_quantity *quantity,
				       const char *labels);

/** bench_series_add() - one more sample */
void bench_series_add(struct bench_series *series, double sample);

/** bench_series_n() - how many there are */
size_t bench_series_n(const struct bench_series *series);

/** bench_series_print() - its row of the table; empty ones have none */
void bench_series_print(struct bench_series *series);

/** bench_result_print() - the rows of all series, comparisons apart */
void bench_result_print(struct bench_result *result);

/**
 * bench_result_compare() - @a over @b, sample by sample, as a series of ratios
 *
 * The i-th sample of each was taken right after the other's: what slows the
 * machine down slows both. Printed as a row, too.
 * Return: the series of ratios, or NULL when there is no pair.
 */
struct bench_series *bench_result_compare(struct bench_result *result,
					  const struct bench_series *a,
					  const struct bench_series *b);

/** bench_result_round() - progress is in this of @n rounds; the first is 0 */
void bench_result_round(struct bench_result *result, unsigned int round,
			unsigned int n);

/**
 * bench_result_progress() - say what is going on, on standard error
 *
 * A terminal has the latest in its last line; a log a line every 10 seconds.
 */
void bench_result_progress(struct bench_result *result, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * bench_result_finish() - write the JSON
 * @path: NULL: only report what went wrong before
 *
 * The file appears whole or not at all.
 * Return: 0, -ENOMEM (also an earlier one), or the errno of writing, with a
 * sentence.
 */
int bench_result_finish(struct bench_result *result, const char *path,
			struct moat_err *err);

#endif /* MOAT_BENCH_RESULT_H */
