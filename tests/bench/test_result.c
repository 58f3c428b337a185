// SPDX-License-Identifier: GPL-2.0-or-later
/* Results, their JSON, comparisons, and samples from text. */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench/options.h"
#include "bench/record.h"
#include "bench/result_internal.h"
#include "common/clock.h"
#include "common/util.h"
#include "tests/check_main.h"

static const struct bench_quantity speed = {
	.name = "throughput",
	.unit = "GiB/s",
	.more_is_better = true,
	.x = "size",
};

static struct json_object *get(struct json_object *o, const char *key)
{
	struct json_object *value = NULL;

	ck_assert_msg(json_object_object_get_ex(o, key, &value), "%s", key);
	return value;
}

static const char *get_text(struct json_object *o, const char *key)
{
	return json_object_get_string(get(o, key));
}

static double get_number(struct json_object *o, const char *key)
{
	return json_object_get_double(get(o, key));
}

static struct json_object *nth(struct json_object *o, const char *key, size_t i)
{
	struct json_object *array = get(o, key);

	ck_assert_uint_gt(json_object_array_length(array), i);
	return json_object_array_get_idx(array, i);
}

/* The file that the result would be; the result is gone then. */
static struct json_object *finish(struct bench_result *result)
{
	char dir[] = "/tmp/test_result.XXXXXX", path[64];
	struct json_object *o;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/x.json", dir);
	ck_assert_int_eq(bench_result_finish(result, path, NULL), 0);
	bench_result_destroy(result);
	o = json_object_from_file(path);
	ck_assert_ptr_nonnull(o);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(rmdir(dir), 0); /* nothing else was left there */
	return o;
}

START_TEST(what_the_file_says)
{
	struct bench_result *result = bench_result_create("map", NULL);
	struct json_object *o, *series;

	for (int i = 1; i <= 10; i++)
		bench_series_add(
			bench_result_series(result, &speed, "pages=2M size=4"),
			i);
	(void)bench_result_series(result, &speed, "pages=4K size=4");
	bench_result_option(result, "pairs", "%d", 10);
	bench_result_option(result, "pairs", "%d", 20);
	bench_result_note(result, "a %s note", "\"good\"");
	bench_result_skip(result, "pages=1G", "there are none");
	o = finish(result);
	ck_assert_str_eq(get_text(o, "schema"), "moat-bench/1");
	ck_assert_str_eq(get_text(o, "bench"), "map");
	ck_assert_str_ne(get_text(o, "commit"), "");
	ck_assert_str_ne(get_text(o, "kernel"), "unknown");
	ck_assert_int_gt(json_object_get_int(get(get(o, "machine"), "cpus")),
			 0);
	ck_assert_str_eq(get_text(get(o, "options"), "pairs"), "20");
	ck_assert_str_eq(json_object_get_string(nth(o, "notes", 0)),
			 "a \"good\" note");
	ck_assert_str_eq(get_text(nth(o, "skipped", 0), "why"),
			 "there are none");
	/* The one without samples is not there. */
	ck_assert_uint_eq(json_object_array_length(get(o, "series")), 1);
	series = nth(o, "series", 0);
	ck_assert_str_eq(get_text(series, "unit"), "GiB/s");
	ck_assert_str_eq(get_text(series, "better"), "more");
	ck_assert_str_eq(get_text(series, "x"), "size");
	ck_assert_str_eq(get_text(get(series, "labels"), "pages"), "2M");
	ck_assert_double_eq(get_number(series, "median"), 5.5);
	ck_assert_double_eq(json_object_get_double(nth(series, "ci95", 0)), 2);
	ck_assert_double_eq(json_object_get_double(nth(series, "samples", 9)),
			    10);
	json_object_put(o);
}
END_TEST

START_TEST(a_file_that_cannot_be_written)
{
	struct bench_result *result = bench_result_create("map", NULL);
	struct moat_err err = { "" };

	ck_assert_int_eq(bench_result_finish(result, "/nonexistent/x", &err),
			 -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.msg, "/nonexistent/x"));
	bench_result_destroy(result);
}
END_TEST

START_TEST(what_a_comparison_says)
{
	struct bench_result *result = bench_result_create("x", NULL);
	struct bench_series *a, *b;
	struct json_object *o, *c;

	a = bench_result_series(result, &speed, "size=4 side=a");
	b = bench_result_series(result, &speed, "size=4 side=b");
	ck_assert_ptr_null(bench_result_compare(result, a, b));
	for (int i = 1; i <= 3; i++) {
		bench_series_add(a, 2 * i);
		bench_series_add(b, i);
	}
	bench_series_add(a, 100); /* no pair */
	ck_assert_ptr_nonnull(bench_result_compare(result, a, b));
	o = finish(result);
	ck_assert_uint_eq(json_object_array_length(get(o, "series")), 2);
	ck_assert_uint_eq(json_object_array_length(get(o, "comparisons")), 1);
	c = nth(o, "comparisons", 0);
	ck_assert_str_eq(get_text(c, "a"), "size=4 side=a");
	ck_assert_str_eq(get_text(c, "b"), "size=4 side=b");
	ck_assert_str_eq(get_text(c, "name"), "size=4 side=a / side=b");
	ck_assert_str_eq(get_text(get(c, "labels"), "size"), "4");
	ck_assert_int_eq(json_object_object_length(get(c, "labels")), 1);
	ck_assert_str_eq(get_text(c, "unit"), "ratio");
	ck_assert_int_eq((int)get_number(c, "n"), 3);
	ck_assert_double_eq(get_number(c, "median"), 2);
	json_object_put(o);
}
END_TEST

struct told {
	const char *device, *unset, *json;
	bool flag, yes;
	int lists;
	unsigned int rounds;
	uint64_t populate;
	struct opt_list many;
};

#define D(field, type, ...) OPT(struct told, field, #field, type, __VA_ARGS__)

static const struct opt_desc told_desc[] = {
	D(device, OPT_STR, .arg = ""),
	D(unset, OPT_STR, .arg = ""),
	D(json, OPT_STR, .arg = ""),
	D(flag, OPT_FLAG, .help = ""),
	D(yes, OPT_BOOL, .def = "on"),
	D(lists, OPT_ENUM, .choices = "auto|prp|sgl", .def = "auto"),
	D(rounds, OPT_UINT, .def = "20", .min = 1, .max = 100),
	D(populate, OPT_SIZE, .def = "2G"),
	D(many, OPT_LIST, .arg = ""),
};

START_TEST(every_option_is_kept)
{
	static const char *const words[] = { "-device", "host=1", "-many",
					     "a",	"-many",  "b",
					     "-lists",	"sgl",	  "-json",
					     "/x" };
	const struct opt_table table = { told_desc, ARRAY_SIZE(told_desc) };
	static const char *const want[][2] = {
		{ "device", "host=1" }, { "flag", "off" },  { "yes", "on" },
		{ "lists", "sgl" },	{ "rounds", "20" }, { "many", "a b" },
		{ "populate", "2G" },
	};
	struct bench_result *result = bench_result_create("x", NULL);
	struct told told = { .device = NULL };
	struct json_object *o, *options;

	ck_assert_int_eq(opt_parse_argv(&table, ARRAY_SIZE(words),
					(char *const *)words, &told, NULL, NULL),
			 0);
	bench_result_options(result, &table, &told);
	o = finish(result);
	options = get(o, "options");
	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		ck_assert_str_eq(get_text(options, want[i][0]), want[i][1]);
	ck_assert_int_eq(json_object_object_length(options), ARRAY_SIZE(want));
	json_object_put(o);
}
END_TEST

/* What @result says of its progress to a log, @ago since it last did. */
static void progress_of(struct bench_result *result, uint64_t ago_ns,
			char ret_text[128])
{
	FILE *log = tmpfile();
	int terminal = dup(STDERR_FILENO);
	size_t n;

	ck_assert_ptr_nonnull(log);
	ck_assert_int_ge(terminal, 0);
	result->logged_ns = moat_now_ns() - ago_ns;
	ck_assert_int_ge(dup2(fileno(log), STDERR_FILENO), 0);
	bench_result_progress(result, "size=%d", 4);
	bench_result_progress(result, "size=%d", 5);
	ck_assert_int_ge(dup2(terminal, STDERR_FILENO), 0);
	ck_assert_int_eq(close(terminal), 0);
	rewind(log);
	n = fread(ret_text, 1, 127, log);
	ret_text[n] = '\0';
	(void)fclose(log);
}

START_TEST(a_log_has_a_line_now_and_then)
{
	FILE *table = tmpfile();
	struct bench_result *result = bench_result_create("x", table);
	char text[128];

	progress_of(result, 5 * NS_PER_S, text);
	ck_assert_str_eq(text, "");
	progress_of(result, 11 * NS_PER_S, text);
	ck_assert_str_eq(text, "size=4\n");
	bench_result_round(result, 2, 20);
	progress_of(result, 11 * NS_PER_S, text);
	ck_assert_str_eq(text, "round 3 of 20: size=4\n");
	bench_result_destroy(result);
	(void)fclose(table);
}
END_TEST

static int read_text(struct bench_result *result, const char *text,
		     struct moat_err *err)
{
	FILE *in = fmemopen((char *)text, strlen(text), "r");
	int r;

	ck_assert_ptr_nonnull(in);
	r = bench_record_read(result, &speed, in, "samples", err);
	(void)fclose(in);
	return r;
}

START_TEST(samples_from_text)
{
	struct bench_result *result = bench_result_create("port", NULL);
	struct bench_series *a, *all;

	ck_assert_int_eq(read_text(result,
				   "# comment\n\n"
				   "pio=vfio  how=read\t1.5\r\n"
				   "pio=vfio  how=read 2e3\n"
				   "7\n"
				   "  8",
				   NULL),
			 0);
	a = bench_result_find(result, &speed, "pio=vfio  how=read");
	all = bench_result_find(result, &speed, "all");
	ck_assert_uint_eq(bench_series_n(a), 2);
	ck_assert_uint_eq(bench_series_n(all), 2);
	ck_assert_ptr_null(bench_result_find(result, &speed, "how=read"));
	bench_result_destroy(result);
}
END_TEST

START_TEST(text_that_is_no_sample)
{
	static const char *const bad[] = { "1\nx\n", "1\n2 3x\n", "1\nnan\n",
					   "1\na=1 1e999\n", "1\na=1 inf\n" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct bench_result *result = bench_result_create("x", NULL);
		struct moat_err err = { "" };

		ck_assert_int_eq(read_text(result, bad[i], &err), -EINVAL);
		ck_assert_ptr_nonnull(strstr(err.msg, "samples, line 2"));
		bench_result_destroy(result);
	}
}
END_TEST

CHECK_MAIN("bench_result", what_the_file_says, a_file_that_cannot_be_written,
	   what_a_comparison_says, every_option_is_kept,
	   a_log_has_a_line_now_and_then, samples_from_text,
	   text_that_is_no_sample)
