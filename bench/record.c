// SPDX-License-Identifier: GPL-2.0-or-later
/* Reads samples from text, see record.h. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/record.h"

#define BLANKS " \t\r\n"

/* One line; its end is cut off in place. */
static int read_line(struct bench_result *result,
		     const struct bench_quantity *quantity, char *line)
{
	size_t len = strlen(line);
	char *number, *end;
	double sample;

	while (len && strchr(BLANKS, line[len - 1]))
		line[--len] = '\0';
	line += strspn(line, BLANKS);
	if (!*line || *line == '#')
		return 0;
	number = line + strlen(line);
	while (number > line && !strchr(BLANKS, number[-1]))
		number--;
	errno = 0;
	sample = strtod(number, &end);
	if (errno || *end || !isfinite(sample))
		return -EINVAL;
	while (number > line && strchr(BLANKS, number[-1]))
		*--number = '\0';
	bench_series_add(bench_result_series(result, quantity,
					     number > line ? line : "all"),
			 sample);
	return 0;
}

int bench_record_read(struct bench_result *result,
		      const struct bench_quantity *quantity, FILE *in,
		      const char *name, struct moat_err *err)
{
	unsigned long at = 0;
	char *line = NULL;
	size_t size = 0;
	int r = 0;

	while (r == 0 && getline(&line, &size, in) >= 0) {
		at++;
		r = read_line(result, quantity, line);
	}
	free(line);
	if (r < 0)
		return moat_fail(err, r,
				 "%s, line %lu: its last word is no number",
				 name, at);
	if (ferror(in))
		return moat_fail(err, -EIO, "%s: cannot be read", name);
	return 0;
}
