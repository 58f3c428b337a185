// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The table and the lists of a result, see result.h. A result owns its series
 * and all texts; a comparison is a series that names the two it came from.
 */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/result_internal.h"
#include "bench/stats.h"
#include "common/clock.h"
#include "common/host.h"

#define RATIO	     "ratio"
#define LOG_EVERY_NS (10 * NS_PER_S)

struct bench_result *bench_result_create(const char *bench, FILE *table)
{
	struct bench_result *result = calloc(1, sizeof(*result));

	if (!result)
		return NULL;
	result->table = table;
	result->logged_ns = moat_now_ns();
	result->bench = strdup(bench);
	if (result->bench)
		return result;
	free(result);
	return NULL;
}

static void free_texts(struct bench_text *text)
{
	while (text) {
		struct bench_text *next = text->next;

		free(text->key);
		free(text->text);
		free(text);
		text = next;
	}
}

static void free_series(struct bench_series *series)
{
	free((char *)series->quantity.name);
	free((char *)series->quantity.unit);
	free((char *)series->quantity.x);
	free((char *)series->quantity.panel);
	free(series->labels);
	free(series->samples);
	free(series);
}

void bench_result_destroy(struct bench_result *result)
{
	if (!result)
		return;
	while (result->series) {
		struct bench_series *next = result->series->next;

		free_series(result->series);
		result->series = next;
	}
	free_texts(result->options);
	free_texts(result->notes);
	free_texts(result->skipped);
	free(result->bench);
	free(result);
}

/* ---- texts ---- */

/* At the end of @list; takes @text, which may be NULL: out of memory. */
static void append_text(struct bench_result *result, struct bench_text **list,
			const char *key, char *text)
{
	struct bench_text *new = calloc(1, sizeof(*new));

	if (new &&key)
		new->key = strdup(key);
	if (!new || !text || (key && !new->key)) {
		result->out_of_memory = true;
		free(new);
		free(text);
		return;
	}
	new->text = text;
	while (*list)
		list = &(*list)->next;
	*list = new;
}

__attribute__((format(printf, 1, 0))) static char *format(const char *fmt,
							  va_list ap)
{
	char *text;

	return vasprintf(&text, fmt, ap) < 0 ? NULL : text;
}

void bench_result_option(struct bench_result *result, const char *key,
			 const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = format(fmt, ap);
	va_end(ap);
	for (struct bench_text *t = result->options; t && text; t = t->next)
		if (strcmp(t->key, key) == 0) {
			free(t->text);
			t->text = text;
			return;
		}
	append_text(result, &result->options, key, text);
}

/* What the terminal shows of progress gives way to a line of the table. */
static void clear_progress(struct bench_result *result)
{
	if (result->progress_shown)
		(void)fprintf(stderr, "\r\033[K");
	result->progress_shown = false;
}

void bench_result_note(struct bench_result *result, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = format(fmt, ap);
	va_end(ap);
	clear_progress(result);
	if (text && result->table)
		(void)fprintf(result->table, "note: %s\n", text);
	append_text(result, &result->notes, NULL, text);
}

void bench_result_skip(struct bench_result *result, const char *labels,
		       const char *why)
{
	clear_progress(result);
	if (result->table)
		(void)fprintf(result->table, "not measured: %s: %s\n", labels,
			      why);
	append_text(result, &result->skipped, labels, strdup(why));
}

void bench_result_round(struct bench_result *result, unsigned int round,
			unsigned int n)
{
	result->round = round;
	result->n_rounds = n;
}

static bool log_is_due(struct bench_result *result)
{
	uint64_t now = moat_now_ns();

	if (now - result->logged_ns < LOG_EVERY_NS)
		return false;
	result->logged_ns = now;
	return true;
}

void bench_result_progress(struct bench_result *result, const char *fmt, ...)
{
	bool terminal = isatty(STDERR_FILENO);
	va_list ap;

	if (!result->table || (!terminal && !log_is_due(result)))
		return;
	clear_progress(result);
	if (result->n_rounds)
		(void)fprintf(stderr, "round %u of %u: ", result->round + 1,
			      result->n_rounds);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	if (!terminal)
		(void)fputc('\n', stderr);
	(void)fflush(stderr);
	result->progress_shown = terminal;
}

/* ---- series ---- */

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static const char *copy(const char *text, bool *failed)
{
	char *new = text ? strdup(text) : NULL;

	*failed |= text && !new;
	return new;
}

static struct bench_series *new_series(struct bench_result *result,
				       const struct bench_quantity *quantity,
				       const char *labels)
{
	struct bench_series *series = calloc(1, sizeof(*series));
	struct bench_series **last = &result->series;
	bool failed = false;

	if (!series) {
		result->out_of_memory = true;
		return NULL;
	}
	series->result = result;
	series->labels = (char *)copy(labels, &failed);
	series->quantity.more_is_better = quantity->more_is_better;
	series->quantity.name = copy(quantity->name, &failed);
	series->quantity.unit = copy(quantity->unit, &failed);
	series->quantity.x = copy(quantity->x, &failed);
	series->quantity.panel = copy(quantity->panel, &failed);
	if (failed) {
		result->out_of_memory = true;
		free_series(series);
		return NULL;
	}
	while (*last)
		last = &(*last)->next;
	*last = series;
	return series;
}

struct bench_series *bench_result_find(struct bench_result *result,
				       const struct bench_quantity *quantity,
				       const char *labels)
{
	for (struct bench_series *s = result->series; s; s = s->next)
		if (!s->a && same_text(s->labels, labels) &&
		    same_text(s->quantity.name, quantity->name))
			return s;
	return NULL;
}

struct bench_series *bench_result_series(struct bench_result *result,
					 const struct bench_quantity *quantity,
					 const char *labels)
{
	struct bench_series *series =
		bench_result_find(result, quantity, labels);

	return series ? series : new_series(result, quantity, labels);
}

void bench_series_add(struct bench_series *series, double sample)
{
	if (!series)
		return;
	if (series->n == series->room) {
		size_t room = series->room ? 2 * series->room : 32;
		double *samples =
			reallocarray(series->samples, room, sizeof(*samples));

		if (!samples) {
			series->result->out_of_memory = true;
			return;
		}
		series->samples = samples;
		series->room = room;
	}
	series->samples[series->n++] = sample;
}

size_t bench_series_n(const struct bench_series *series)
{
	return series ? series->n : 0;
}

bool bench_has_word(const char *text, const char *word, size_t len)
{
	while (*text) {
		size_t n = strcspn(text, " ");

		if (n == len && memcmp(text, word, len) == 0)
			return true;
		text += n + strspn(text + n, " ");
	}
	return false;
}

/* The words of @text that @other has, or has not. */
static void print_words(FILE *out, const char *text, const char *other,
			bool shared)
{
	while (*text) {
		size_t len = strcspn(text, " ");

		if (bench_has_word(other, text, len) == shared)
			(void)fprintf(out, "%.*s ", (int)len, text);
		text += len + strspn(text + len, " ");
	}
}

/* "block=4096 dma=iommu / dma=none": what both have stands first. */
static char *name_ratio(const char *a, const char *b)
{
	char *name = NULL;
	size_t len;
	FILE *out = open_memstream(&name, &len);

	if (!out)
		return NULL;
	print_words(out, a, b, true);
	print_words(out, a, b, false);
	(void)fputs("/ ", out);
	print_words(out, b, a, false);
	if (fclose(out) != 0 || len == 0) {
		free(name);
		return NULL;
	}
	name[len - 1] = '\0';
	return name;
}

struct bench_series *bench_result_compare(struct bench_result *result,
					  const struct bench_series *a,
					  const struct bench_series *b)
{
	struct bench_quantity quantity = { .unit = RATIO };
	struct bench_series *ratios;
	char *labels;

	if (!a || !b || a->n == 0 || b->n == 0)
		return NULL;
	labels = name_ratio(a->labels, b->labels);
	if (!labels) {
		result->out_of_memory = true;
		return NULL;
	}
	quantity.name = a->quantity.name;
	quantity.more_is_better = a->quantity.more_is_better;
	ratios = new_series(result, &quantity, labels);
	free(labels);
	if (!ratios)
		return NULL;
	ratios->a = a;
	ratios->b = b;
	for (size_t i = 0; i < a->n && i < b->n; i++)
		if (b->samples[i] != 0)
			bench_series_add(ratios, a->samples[i] / b->samples[i]);
	bench_series_print(ratios);
	return ratios;
}

/* ---- the table ---- */

static void print_head(struct bench_result *result)
{
	if (result->head_printed)
		return;
	result->head_printed = true;
	(void)fprintf(result->table, "%-54s %5s %11s %11s %7s  %s\n",
		      result->bench, "n", "median", "p99", "spread",
		      "unit, 95 % interval of the median");
}

void bench_series_print(struct bench_series *series)
{
	struct bench_result *result;
	struct bench_stats stats;

	if (!series || !series->result->table)
		return;
	result = series->result;
	if (bench_stats_of(series->samples, series->n, &stats) < 0)
		return;
	clear_progress(result);
	print_head(result);
	(void)fprintf(result->table, "%-54s %5zu %11.5g %11.5g %6.1f%%  %s",
		      series->labels, stats.n, stats.median, stats.p99,
		      bench_stats_spread(&stats), series->quantity.unit);
	if (stats.has_ci)
		(void)fprintf(result->table, " [%.5g, %.5g]", stats.ci_low,
			      stats.ci_high);
	(void)fprintf(result->table, " %s\n", series->quantity.name);
	(void)fflush(result->table);
}

void bench_result_print(struct bench_result *result)
{
	for (struct bench_series *s = result->series; s; s = s->next)
		if (!s->a)
			bench_series_print(s);
}

/* ---- the end ---- */

static int write_file(const char *path, const char *text, struct moat_err *err)
{
	char new[PATH_MAX];
	FILE *out;
	int r;

	r = moat_path(new, "%s.new", path);
	if (r < 0)
		return moat_fail(err, r, "%s: the path is too long", path);
	out = fopen(new, "we");
	if (!out)
		return moat_fail(err, -errno, "cannot write %s: %s", new,
				 strerror(errno));
	r = fputs(text, out) < 0 ? -EIO : 0;
	if (fclose(out) != 0 && r == 0)
		r = -errno;
	if (r == 0 && rename(new, path) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlink(new);
		return moat_fail(err, r, "cannot write %s: %s", path,
				 strerror(-r));
	}
	return 0;
}

int bench_result_finish(struct bench_result *result, const char *path,
			struct moat_err *err)
{
	char *text;
	int r;

	clear_progress(result);
	if (result->out_of_memory)
		return moat_fail(err, -ENOMEM, "out of memory");
	if (!path)
		return 0;
	text = bench_result_json(result);
	if (!text)
		return moat_fail(err, -ENOMEM, "out of memory");
	r = write_file(path, text, err);
	free(text);
	return r;
}
