// SPDX-License-Identifier: GPL-2.0-or-later
/* Results, their JSON, comparisons in rounds, and samples from text. */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench/alternate.h"
#include "bench/record.h"
#include "bench/result.h"
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

/* A side that notes when it ran; the third time may fail. */
struct side {
	char name;
	char *log;
	int runs, fails_at;
};

static int run_side(void *opaque, double *ret_sample, struct moat_err *err)
{
	struct side *side = opaque;

	strncat(side->log, &side->name, 1);
	side->runs++;
	if (side->runs == side->fails_at)
		return moat_fail(err, -EIO, "broken");
	*ret_sample = side->name == 'a' ? 2 * side->runs : side->runs;
	return 0;
}

START_TEST(rounds_alternate)
{
	struct bench_result *result = bench_result_create("x", NULL);
	char log[64] = "";
	struct side a = { 'a', log, 0, 0 }, b = { 'b', log, 0, 0 };
	const struct bench_side sides[] = { { "size=4 side=a", run_side, &a },
					    { "size=4 side=b", run_side, &b } };
	const struct bench_contest contest = { &speed, sides, 2, 3, 1 };
	struct json_object *o, *c;

	ck_assert_int_eq(bench_alternate(result, &contest, NULL), 0);
	ck_assert_str_eq(log, "abbaabba");
	o = finish(result);
	/* What was run to warm up is not in it. */
	ck_assert_double_eq(get_number(nth(o, "series", 0), "min"), 4);
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

START_TEST(a_side_that_fails)
{
	struct bench_result *result = bench_result_create("x", NULL);
	char log[64] = "";
	struct side a = { 'a', log, 0, 0 }, b = { 'b', log, 0, 2 };
	const struct bench_side sides[] = { { "size=4 side=a", run_side, &a },
					    { "size=4 side=b", run_side, &b } };
	const struct bench_contest contest = { &speed, sides, 2, 5, 0 };
	struct moat_err err;
	struct json_object *o;

	ck_assert_int_eq(bench_alternate(result, &contest, &err), -EIO);
	ck_assert_str_eq(err.msg, "size=4 side=b: broken");
	ck_assert_str_eq(log, "abb");
	o = finish(result);
	ck_assert_uint_eq(json_object_array_length(get(o, "series")), 2);
	json_object_put(o);
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
	   rounds_alternate, a_side_that_fails, samples_from_text,
	   text_that_is_no_sample)
