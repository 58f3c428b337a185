// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * moat-bench record: the statistics and the file of a benchmark whose samples
 * a script has taken, in a guest say.
 */
#include <errno.h>
#include <string.h>

#include "bench/commands.h"
#include "bench/record.h"
#include "common/util.h"

enum better { LESS, MORE };

struct record_options {
	const char *unit, *quantity;
	int better; /* enum better */
	const char *x, *panel;
	struct opt_list option, compare, note, skip;
	const char *json;
};

static const struct opt_desc record_desc[] = {
	OPT(struct record_options, unit, "unit", OPT_STR, .arg = "UNIT",
	    .required = true, .help = "of the numbers"),
	OPT(struct record_options, quantity, "quantity", OPT_STR, .arg = "NAME",
	    .def = "time", .help = "what they are"),
	OPT(struct record_options, better, "better", OPT_ENUM, .def = "less",
	    .choices = "less|more", .help = "which of two is better"),
	OPT(struct record_options, x, "x", OPT_STR, .arg = "LABEL",
	    .help = "label that is the axis of the report's plot"),
	OPT(struct record_options, panel, "panel", OPT_STR, .arg = "LABEL",
	    .help = "label with a plot for each of its values"),
	OPT(struct record_options, option, "option", OPT_LIST,
	    .arg = "KEY=VALUE", .help = "how it was measured"),
	OPT(struct record_options, compare, "compare", OPT_LIST, .arg = "A/B",
	    .help = "the ratio of two series, pair by pair"),
	OPT(struct record_options, note, "note", OPT_LIST, .arg = "TEXT",
	    .help = "a sentence for the report"),
	OPT(struct record_options, skip, "skip", OPT_LIST, .arg = "LABELS:WHY",
	    .help = "what could not be measured"),
	OPTION_JSON(struct record_options, json),
};

static const struct opt_table record_table = {
	.desc = record_desc,
	.n = ARRAY_SIZE(record_desc),
};

/* Cuts @text at the first @at; the halves are copied to @first and @rest. */
static int split(const char *text, char at, char first[256], const char **rest)
{
	const char *cut = strchr(text, at);
	size_t len = cut ? (size_t)(cut - text) : 0;

	if (!cut || len == 0 || len >= 256 || !cut[1])
		return -EINVAL;
	memcpy(first, text, len);
	first[len] = '\0';
	*rest = cut + 1;
	return 0;
}

static int tell(struct bench_result *result, const struct record_options *opts,
		struct moat_err *err)
{
	const char *rest;
	char first[256];

	for (size_t i = 0; i < opts->option.n; i++) {
		if (split(opts->option.item[i], '=', first, &rest) < 0)
			return moat_fail(err, -EINVAL,
					 "-option %s: expected KEY=VALUE",
					 opts->option.item[i]);
		bench_result_option(result, first, "%s", rest);
	}
	for (size_t i = 0; i < opts->skip.n; i++) {
		if (split(opts->skip.item[i], ':', first, &rest) < 0)
			return moat_fail(err, -EINVAL,
					 "-skip %s: expected LABELS:WHY",
					 opts->skip.item[i]);
		bench_result_skip(result, first, rest + strspn(rest, " "));
	}
	for (size_t i = 0; i < opts->note.n; i++)
		bench_result_note(result, "%s", opts->note.item[i]);
	return 0;
}

static int compare(struct bench_result *result,
		   const struct bench_quantity *quantity, const char *text,
		   struct moat_err *err)
{
	struct bench_series *a, *b;
	const char *rest;
	char first[256];

	if (split(text, '/', first, &rest) < 0)
		return moat_fail(err, -EINVAL, "-compare %s: expected A/B",
				 text);
	a = bench_result_find(result, quantity, first);
	b = bench_result_find(result, quantity, rest);
	if (!a || !b)
		return moat_fail(err, -EINVAL,
				 "-compare %s: there are no samples of '%s'",
				 text, a ? rest : first);
	(void)bench_result_compare(result, a, b);
	return 0;
}

static int read_all(struct bench_result *result,
		    const struct bench_quantity *quantity,
		    const struct opt_list *files, struct moat_err *err)
{
	int r = 0;

	if (files->n == 0)
		return bench_record_read(result, quantity, stdin,
					 "standard input", err);
	for (size_t i = 0; r == 0 && i < files->n; i++) {
		FILE *in = fopen(files->item[i], "re");

		if (!in)
			return moat_fail(err, -errno, "%s: %s", files->item[i],
					 strerror(errno));
		r = bench_record_read(result, quantity, in, files->item[i],
				      err);
		(void)fclose(in);
	}
	return r;
}

/* Its own options say how samples are shown, not how they were taken. */
static int record(const void *options, const struct opt_list *words,
		  struct bench_result *none, struct moat_err *err)
{
	const struct record_options *opts = options;
	const struct bench_quantity quantity = {
		.name = opts->quantity,
		.unit = opts->unit,
		.more_is_better = opts->better == MORE,
		.x = opts->x,
		.panel = opts->panel,
	};
	struct opt_list files = { .n = 0 };
	struct bench_result *result;
	int r;

	(void)none;
	if (words->n == 0)
		return moat_fail(err, -EINVAL, "which benchmark is it?");
	for (size_t i = 1; i < words->n; i++)
		files.item[files.n++] = words->item[i];
	result = bench_result_create(words->item[0], stdout);
	if (!result)
		return moat_fail(err, -ENOMEM, "out of memory");
	r = tell(result, opts, err);
	if (r == 0)
		r = read_all(result, &quantity, &files, err);
	if (r == 0)
		bench_result_print(result);
	for (size_t i = 0; r == 0 && i < opts->compare.n; i++)
		r = compare(result, &quantity, opts->compare.item[i], err);
	if (r == 0)
		r = bench_result_finish(result, opts->json, err);
	bench_result_destroy(result);
	return r;
}

static const struct bench_command command = {
	.name = "record",
	.args = "NAME -unit UNIT [options] [FILE]...",
	.table = &record_table,
	.run = record,
	.takes_words = true,
};

int cmd_record(int argc, char **argv)
{
	struct record_options opts = { .unit = NULL };

	return bench_command_main(&command, argc, argv, &opts);
}
