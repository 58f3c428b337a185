/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by what makes a result only, and its test. */
#ifndef MOAT_BENCH_RESULT_INTERNAL_H
#define MOAT_BENCH_RESULT_INTERNAL_H

#include <stdint.h>

#include "bench/result.h"

struct bench_series {
	struct bench_result *result;
	struct bench_series *next;
	/* Strings are the series' own; @x and @panel may be NULL. */
	struct bench_quantity quantity;
	char *labels;
	double *samples;
	size_t n, room;
	/* Of a comparison; else NULL. */
	const struct bench_series *a, *b;
};

/* A pair of texts in a list. */
struct bench_text {
	struct bench_text *next;
	char *key; /* NULL for notes */
	char *text;
};

struct bench_result {
	char *bench;
	FILE *table;
	bool head_printed;
	bool progress_shown;
	uint64_t logged_ns;	      /* when progress was last, or all began */
	unsigned int round, n_rounds; /* 0 of them: not said */
	bool out_of_memory;
	struct bench_series *series; /* in the order they were made */
	struct bench_text *options, *notes, *skipped;
};

/** bench_has_word() - is @word among the words of @text? */
bool bench_has_word(const char *text, const char *word, size_t len);

/** bench_result_json() - the whole file's text; NULL: out of memory */
char *bench_result_json(const struct bench_result *result);

#endif /* MOAT_BENCH_RESULT_INTERNAL_H */
