// SPDX-License-Identifier: GPL-2.0-or-later
/* A result as JSON; docs/bench.md describes the file. */
#include <json-c/json.h>
#include <string.h>

#include "bench/environment.h"
#include "bench/result_internal.h"
#include "bench/stats.h"

#define SCHEMA "moat-bench/1"

/* Takes @value; NULL for it is out of memory, which @failed remembers. */
static void put(struct json_object *to, const char *key,
		struct json_object *value, bool *failed)
{
	if (!value || json_object_object_add(to, key, value) < 0) {
		json_object_put(value);
		*failed = true;
	}
}

static void put_text(struct json_object *to, const char *key, const char *text,
		     bool *failed)
{
	put(to, key, json_object_new_string(text), failed);
}

static void put_number(struct json_object *to, const char *key, double value,
		       bool *failed)
{
	put(to, key, json_object_new_double(value), failed);
}

static void push(struct json_object *to, struct json_object *value,
		 bool *failed)
{
	if (!value || json_object_array_add(to, value) < 0) {
		json_object_put(value);
		*failed = true;
	}
}

static struct json_object *environment(bool *failed)
{
	struct json_object *o = json_object_new_object();
	struct bench_environment env;

	if (!o)
		return NULL;
	bench_environment_read(NULL, &env);
	put_text(o, "cpu", env.cpu, failed);
	put_text(o, "product", env.machine, failed);
	put(o, "emulated", json_object_new_boolean(env.emulated), failed);
	put(o, "cpus", json_object_new_int64(env.cpus), failed);
	put(o, "memory", json_object_new_int64((int64_t)env.memory), failed);
	return o;
}

/* "key=value" words become members; of a comparison, those that both have. */
static struct json_object *labels(const struct bench_series *series,
				  bool *failed)
{
	const char *text = series->a ? series->a->labels : series->labels;
	struct json_object *o = json_object_new_object();
	char *words = strdup(text), *next = words, *word;

	if (!o || !words)
		*failed = true;
	while (o && (word = strsep(&next, " "))) {
		char *value = strchr(word, '=');

		if (!value ||
		    (series->a &&
		     !bench_has_word(series->b->labels, word, strlen(word))))
			continue;
		*value++ = '\0';
		put_text(o, word, value, failed);
	}
	free(words);
	return o;
}

static void put_stats(struct json_object *o, const struct bench_series *series,
		      bool *failed)
{
	struct bench_stats stats;
	struct json_object *ci;

	if (bench_stats_of(series->samples, series->n, &stats) < 0)
		return;
	put_number(o, "median", stats.median, failed);
	put_number(o, "p99", stats.p99, failed);
	put_number(o, "p25", stats.p25, failed);
	put_number(o, "p75", stats.p75, failed);
	put_number(o, "min", stats.min, failed);
	put_number(o, "max", stats.max, failed);
	put_number(o, "mean", stats.mean, failed);
	put_number(o, "spread_percent", bench_stats_spread(&stats), failed);
	if (!stats.has_ci)
		return;
	ci = json_object_new_array();
	put(o, "ci95", ci, failed);
	if (!ci)
		return;
	push(ci, json_object_new_double(stats.ci_low), failed);
	push(ci, json_object_new_double(stats.ci_high), failed);
}

static struct json_object *one_series(const struct bench_series *series,
				      bool *failed)
{
	struct json_object *o = json_object_new_object(), *samples;
	const struct bench_quantity *quantity = &series->quantity;

	if (!o)
		return NULL;
	put_text(o, "name", series->labels, failed);
	put_text(o, "quantity", quantity->name, failed);
	put_text(o, "unit", quantity->unit, failed);
	put_text(o, "better", quantity->more_is_better ? "more" : "less",
		 failed);
	if (quantity->x)
		put_text(o, "x", quantity->x, failed);
	if (quantity->panel)
		put_text(o, "panel", quantity->panel, failed);
	if (series->a) {
		put_text(o, "a", series->a->labels, failed);
		put_text(o, "b", series->b->labels, failed);
	}
	put(o, "labels", labels(series, failed), failed);
	put(o, "n", json_object_new_int64((int64_t)series->n), failed);
	put_stats(o, series, failed);
	samples = json_object_new_array();
	put(o, "samples", samples, failed);
	for (size_t i = 0; samples && i < series->n; i++)
		push(samples, json_object_new_double(series->samples[i]),
		     failed);
	return o;
}

static struct json_object *all_series(const struct bench_result *result,
				      bool comparisons, bool *failed)
{
	struct json_object *array = json_object_new_array();

	for (const struct bench_series *s = result->series; array && s;
	     s = s->next)
		if (s->n && (s->a != NULL) == comparisons)
			push(array, one_series(s, failed), failed);
	return array;
}

static struct json_object *options(const struct bench_result *result,
				   bool *failed)
{
	struct json_object *o = json_object_new_object();

	for (const struct bench_text *t = result->options; o && t; t = t->next)
		put_text(o, t->key, t->text, failed);
	return o;
}

static struct json_object *notes(const struct bench_result *result,
				 bool *failed)
{
	struct json_object *array = json_object_new_array();

	for (const struct bench_text *t = result->notes; array && t;
	     t = t->next)
		push(array, json_object_new_string(t->text), failed);
	return array;
}

static struct json_object *skipped(const struct bench_result *result,
				   bool *failed)
{
	struct json_object *array = json_object_new_array();

	for (const struct bench_text *t = result->skipped; array && t;
	     t = t->next) {
		struct json_object *o = json_object_new_object();

		push(array, o, failed);
		if (!o)
			break;
		put_text(o, "name", t->key, failed);
		put_text(o, "why", t->text, failed);
	}
	return array;
}

char *bench_result_json(const struct bench_result *result)
{
	struct json_object *o = json_object_new_object();
	struct bench_environment env;
	const char *text = NULL;
	bool failed = false;
	char *copy = NULL;

	if (!o)
		return NULL;
	bench_environment_read(NULL, &env);
	put_text(o, "schema", SCHEMA, &failed);
	put_text(o, "bench", result->bench, &failed);
	put_text(o, "date", env.date, &failed);
	put_text(o, "commit", env.commit, &failed);
	put_text(o, "kernel", env.kernel, &failed);
	put(o, "machine", environment(&failed), &failed);
	put(o, "options", options(result, &failed), &failed);
	put(o, "series", all_series(result, false, &failed), &failed);
	put(o, "comparisons", all_series(result, true, &failed), &failed);
	put(o, "skipped", skipped(result, &failed), &failed);
	put(o, "notes", notes(result, &failed), &failed);
	if (!failed)
		text = json_object_to_json_string_ext(
			o, JSON_C_TO_STRING_PRETTY |
				   JSON_C_TO_STRING_NOSLASHESCAPE);
	if (text && asprintf(&copy, "%s\n", text) < 0)
		copy = NULL;
	json_object_put(o);
	return copy;
}
