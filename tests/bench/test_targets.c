// SPDX-License-Identifier: GPL-2.0-or-later
/* Whether a target is met, and what happens to files that say nothing. */
#include <stdio.h>
#include <string.h>

#include "bench/targets.h"
#include "common/util.h"
#include "tests/check_main.h"

/* What the file "f" says of a target. */
static struct target_state judge(const struct report_target *target,
				 const char *json)
{
	struct report_file file = { .name = "f" };
	const struct report report = { .dir = -1, .files = &file };
	struct target_state state;

	file.json = json_tokener_parse(json);
	report_target_judge(target, &report, &state);
	/* Its series is the file's text. */
	if (state.series)
		state.series = "a series";
	state.unit = "";
	json_object_put(file.json);
	return state;
}

static const struct {
	enum target_bound kind;
	double bound, low, high;
	unsigned int n;
	enum target_verdict want;
} interval_cases[] = {
	{ TARGET_AT_LEAST, 0.95, 0.95, 1.2, 20, TARGET_MET },
	{ TARGET_AT_LEAST, 0.95, 0.90, 1.2, 20, TARGET_OPEN },
	{ TARGET_AT_LEAST, 0.95, 0.90, 0.95, 20, TARGET_OPEN },
	{ TARGET_AT_LEAST, 0.95, 0.90, 0.94, 20, TARGET_NOT_MET },
	{ TARGET_AT_LEAST, 0.95, 1.00, 1.20, 19, TARGET_OPEN }, /* too few */
	{ TARGET_AT_LEAST, 0.95, 0.10, 0.20, 19, TARGET_OPEN },
	{ TARGET_AT_LEAST, 0.95, 1.20, 1.00, 20,
	  TARGET_OPEN }, /* no interval */
	{ TARGET_AT_MOST, 1, 0.8, 1, 20, TARGET_MET },
	{ TARGET_AT_MOST, 1, 0.8, 1.1, 20, TARGET_OPEN },
	{ TARGET_AT_MOST, 1, 1.01, 1.1, 20, TARGET_NOT_MET },
	{ TARGET_BELOW, 10, 1, 9.9, 20, TARGET_MET },
	{ TARGET_BELOW, 10, 1, 10, 20, TARGET_OPEN },
	{ TARGET_BELOW, 10, 10, 11, 20, TARGET_NOT_MET },
	/* The spread of what is under the line is 4 %. */
	{ TARGET_WITHIN_NOISE, 0.01, 0.9, 1.04, 20, TARGET_MET },
	{ TARGET_WITHIN_NOISE, 0.01, 0.9, 1.05, 20, TARGET_OPEN },
	{ TARGET_WITHIN_NOISE, 0.01, 1.05, 1.06, 20, TARGET_NOT_MET },
	{ TARGET_WITHIN_NOISE, 0.07, 0.9, 1.06, 20, TARGET_MET },
};

static void judge_interval(size_t i)
{
	const struct report_target target = {
		.file = "f",
		.quantity = "time",
		.a = "way=a size=1",
		.b = "way=b size=1",
		.kind = interval_cases[i].kind,
		.bound = interval_cases[i].bound,
		.min_n = 20,
	};
	struct target_state state;
	char json[1024];

	(void)snprintf(json, sizeof(json),
		       "{\"series\":[{\"quantity\":\"time\","
		       "\"name\":\"size=1 way=b\",\"spread_percent\":4}],"
		       "\"comparisons\":["
		       /* Almost: another quantity, other labels. */
		       "{\"quantity\":\"speed\",\"a\":\"size=1 way=a\","
		       "\"b\":\"size=1 way=b\",\"n\":50,\"median\":5},"
		       "{\"quantity\":\"time\",\"a\":\"size=10 way=a\","
		       "\"b\":\"size=10 way=b\",\"n\":50,\"median\":5},"
		       "{\"quantity\":\"time\",\"a\":\"size=1 way=a\","
		       "\"b\":\"size=1 way=b\",\"name\":\"x\",\"n\":%u,"
		       "\"median\":1,\"ci95\":[%g,%g]}]}",
		       interval_cases[i].n, interval_cases[i].low,
		       interval_cases[i].high);
	state = judge(&target, json);
	ck_assert_int_eq(state.verdict, interval_cases[i].want);
	ck_assert(state.series != NULL);
	ck_assert(state.median == 1);
	ck_assert_int_eq(state.why[0] == '\0',
			 interval_cases[i].want != TARGET_OPEN);
}

START_TEST(an_interval_decides)
{
	for (size_t i = 0; i < ARRAY_SIZE(interval_cases); i++)
		judge_interval(i);
}
END_TEST

static const struct report_target devices = {
	.file = "f",
	.quantity = "time",
	.a = "devices=further vmm=qemu",
	.kind = TARGET_BELOW,
	.bound = 10,
	.min_n = 6,
};

#define SERIES                   \
	"\"quantity\":\"time\"," \
	"\"name\":\"vmm=qemu devices=further\""

static const struct {
	const char *json, *why;
} open_cases[] = {
	{ "{}", "f.json has no such series" },
	{ "7", "f.json has no such series" },
	{ "{\"series\":7}", "no such series" },
	{ "{\"series\":[7,null,[],{}]}", "no such series" },
	{ "{\"comparisons\":[{" SERIES "}]}", "no such series" },
	{ "{\"skipped\":[{\"name\":\"vmm=qemu\",\"why\":\"no QEMU\"}]}",
	  "not measured: no QEMU" },
	{ "{\"skipped\":[{\"name\":\"\",\"why\":\"no QEMU\"},7]}",
	  "no such series" },
	{ "{\"series\":[{" SERIES "}]}", "no figure" },
	{ "{\"series\":[{" SERIES ",\"n\":9,\"median\":\"x\"}]}", "no figure" },
	{ "{\"series\":[{" SERIES ",\"n\":[],\"median\":1}]}", "no figure" },
	{ "{\"series\":[{" SERIES ",\"n\":9,\"median\":1}]}", "no interval" },
	{ "{\"series\":[{" SERIES ",\"n\":9,\"median\":1,\"ci95\":[1]}]}",
	  "no interval" },
	{ "{\"series\":[{" SERIES ",\"n\":9,\"median\":1,\"ci95\":[null,{}]}]}",
	  "no interval" },
	{ "{\"series\":[{" SERIES ",\"n\":5,\"median\":1,\"ci95\":[1,2]}]}",
	  "n is 5, of 6" },
};

START_TEST(what_is_not_there_is_open)
{
	for (size_t i = 0; i < ARRAY_SIZE(open_cases); i++) {
		struct target_state state = judge(&devices, open_cases[i].json);

		ck_assert_int_eq(state.verdict, TARGET_OPEN);
		ck_assert_msg(strstr(state.why, open_cases[i].why), "%s",
			      state.why);
	}
}
END_TEST

START_TEST(a_file_that_is_missing)
{
	const struct report none = { .dir = -1 };
	struct target_state state;

	for (size_t i = 0; i < report_n_targets; i++) {
		report_target_judge(&report_targets[i], &none, &state);
		ck_assert_int_eq(state.verdict, TARGET_OPEN);
		ck_assert_ptr_nonnull(strstr(state.why, ".json is not there"));
		ck_assert_ptr_null(state.series);
	}
}
END_TEST

START_TEST(all_targets_can_be_judged)
{
	for (size_t i = 0; i < report_n_targets; i++) {
		const struct report_target *target = &report_targets[i];

		ck_assert_uint_ge(target->min_n, 6);
		ck_assert(target->bound > 0);
		ck_assert_ptr_nonnull(strchr(target->a, '='));
		ck_assert(!target->b || strchr(target->b, '='));
		ck_assert(target->b || target->kind == TARGET_BELOW);
	}
}
END_TEST

START_TEST(the_table)
{
	struct report_file file = { .name = "scale-further" };
	const struct report report = { .dir = -1, .files = &file };
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	ck_assert_ptr_nonnull(out);
	file.json = json_tokener_parse(
		"{\"series\":[{\"quantity\":\"time\",\"unit\":\"ms\","
		"\"name\":\"devices=further\",\"n\":10,\"median\":4.25,"
		"\"ci95\":[3.5,5.5]}],\"skipped\":[]}");
	report_targets_print(&report, out);
	report_targets_html(&report, out);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_ptr_nonnull(
		strstr(text, "met      < 10 ms           4.25  3.5 to 5.5"));
	ck_assert_ptr_nonnull(strstr(text, "&lt; 10 ms</td>"));
	ck_assert_ptr_nonnull(strstr(text, "scale-further: devices=further"));
	ck_assert_ptr_nonnull(strstr(text, "open     >= 0.95"));
	json_object_put(file.json);
	free(text);
}
END_TEST

CHECK_MAIN("bench_targets", an_interval_decides, what_is_not_there_is_open,
	   a_file_that_is_missing, all_targets_can_be_judged, the_table)
