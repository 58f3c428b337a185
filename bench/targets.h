/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What moat is to reach, and whether a report's files show it. A target is
 * held against the 95 % interval of a median, not against the median: when
 * the interval holds the bound, the question is open.
 */
#ifndef MOAT_BENCH_TARGETS_H
#define MOAT_BENCH_TARGETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "bench/report.h"

enum target_bound {
	TARGET_AT_LEAST,
	TARGET_AT_MOST,
	TARGET_BELOW,
	TARGET_WITHIN_NOISE, /* a ratio, see report_target.bound */
};

struct report_target {
	const char *what;
	const char *file;     /* without .json */
	const char *quantity; /* "throughput" */
	/*
	 * Words of labels, all of which the series has: of @a over @b, or
	 * with no @b of a series that is no comparison.
	 */
	const char *a, *b;
	enum target_bound kind;
	/*
	 * In the series' unit. TARGET_WITHIN_NOISE: how far over 1 is nothing
	 * even where @b's own samples are closer together; else their spread.
	 */
	double bound;
	unsigned int min_n; /* samples or pairs, 6 at least */
};

enum target_verdict { TARGET_OPEN, TARGET_MET, TARGET_NOT_MET };

struct target_state {
	enum target_verdict verdict;
	char why[192]; /* it is open; else "" */
	/* What it is read from. The text lives as long as the report. */
	const char *series; /* NULL: nothing was measured */
	const char *unit;
	double bound;
	double median, n;
	bool has_interval;
	double low, high;
};

/* All of them, in the order of the report. */
extern const struct report_target report_targets[];
extern const size_t report_n_targets;

/** report_target_judge() - what @report says of a target */
void report_target_judge(const struct report_target *target,
			 const struct report *report,
			 struct target_state *ret_state);

/** report_target_bound() - ">= 0.95"; text of @state's bound */
const char *report_target_bound(const struct report_target *target,
				const struct target_state *state, char buf[32]);

/** report_verdict() - "met", "not met" or "open" */
const char *report_verdict(enum target_verdict verdict);

/** report_targets_print() - a table for a terminal */
void report_targets_print(const struct report *report, FILE *out);

/** report_targets_html() - the same for the page */
void report_targets_html(const struct report *report, FILE *out);

#endif /* MOAT_BENCH_TARGETS_H */
