/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers measured elsewhere, by a script or in a guest. */
#ifndef MOAT_BENCH_RECORD_H
#define MOAT_BENCH_RECORD_H

#include <stdio.h>

#include "bench/result.h"

/**
 * bench_record_read() - one sample a line
 * @quantity: of all of them
 * @name: of the file, for messages
 *
 * A line is "[LABELS ]NUMBER": the last word is the sample, what stands
 * before it says which series it belongs to. Empty lines and those that begin
 * with # are comments.
 * Return: 0, -EINVAL with a sentence that has the line's number, or -EIO.
 */
int bench_record_read(struct bench_result *result,
		      const struct bench_quantity *quantity, FILE *in,
		      const char *name, struct moat_err *err);

#endif /* MOAT_BENCH_RECORD_H */
