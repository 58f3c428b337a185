/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a command was told, for the result's file. */
#ifndef MOAT_BENCH_OPTIONS_H
#define MOAT_BENCH_OPTIONS_H

#include "bench/result.h"
#include "common/opt.h"

/**
 * bench_result_options() - keep each option's value, those by default too
 * @options: the table's destination, parsed
 *
 * Not those that have none, nor where the result is written, which says
 * nothing of how it came about. A list is one text, with blanks between.
 */
void bench_result_options(struct bench_result *result,
			  const struct opt_table *table, const void *options);

#endif /* MOAT_BENCH_OPTIONS_H */
