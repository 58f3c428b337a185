// SPDX-License-Identifier: GPL-2.0-or-later
/* Reports of files that are what they should be, and of hostile ones. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/gnuplot.h"
#include "bench/report.h"
#include "common/util.h"
#include "tests/check_main.h"

static char dir[] = "/tmp/test_report.XXXXXX";

static void put(const char *name, const char *text)
{
	char path[128];
	FILE *out;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	out = fopen(path, "we");
	ck_assert_ptr_nonnull(out);
	ck_assert_int_ge(fputs(text, out), 0);
	ck_assert_int_eq(fclose(out), 0);
}

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void teardown(void)
{
	char command[64];

	(void)snprintf(command, sizeof(command), "rm -r %s", dir);
	ck_assert_int_eq(system(command), 0);
}

/* The page of what is in the directory; the caller frees it. */
static char *page(void)
{
	struct report report = { .dir = -1 };
	char *text = NULL;
	size_t len;
	FILE *out;

	ck_assert_int_eq(report_open(dir, &report, NULL), 0);
	out = open_memstream(&text, &len);
	ck_assert_ptr_nonnull(out);
	ck_assert_int_eq(report_html(&report, out, NULL), 0);
	ck_assert_int_eq(fclose(out), 0);
	report_close(&report);
	return text;
}

#define HEAD "{\"schema\":\"moat-bench/1\",\"commit\":\"abc\","

START_TEST(what_the_page_says)
{
	char *text;

	setup();
	put("port.json",
	    HEAD "\"notes\":[\"a note\"],"
		 "\"skipped\":[{\"name\":\"pages=1G\",\"why\":\"none\"}],"
		 "\"machine\":{\"emulated\":true},"
		 "\"series\":[{\"name\":\"pio=vfio\",\"median\":5.5,"
		 "\"unit\":\"ns\",\"ci95\":[1,2]}]}");
	put("notes.txt", "not for us");
	put("port.profile.txt", "what <it> is\nthe <rest>\n");
	put("port-x.profile.txt", "");
	put(".profile.txt", "hidden");
	text = page();
	ck_assert_ptr_nonnull(strstr(text, "commit abc"));
	ck_assert_ptr_nonnull(strstr(text, "a note"));
	ck_assert_ptr_nonnull(strstr(text, "<b>pages=1G</b>: none"));
	ck_assert_ptr_nonnull(strstr(text, "virtual machine"));
	ck_assert_ptr_nonnull(strstr(text, "pio=vfio"));
	ck_assert_ptr_nonnull(strstr(text, "1 to 2"));
	/* The targets come first; a profile is of all files of its script. */
	ck_assert(strstr(text, "id=\"targets\"") < strstr(text, "id=\"port\""));
	ck_assert_ptr_nonnull(strstr(text, "port-host.json is not there"));
	ck_assert_ptr_nonnull(strstr(text, "href=\"#profile-port\""));
	ck_assert_ptr_nonnull(strstr(
		text, "<summary>Profile of port: what &lt;it&gt; is</summary>"
		      "<pre>\nthe &lt;rest&gt;"));
	ck_assert_ptr_null(strstr(text, "not for us"));
	ck_assert_ptr_null(strstr(text, "hidden"));
	ck_assert_ptr_null(strstr(text, "profile-port-x"));
	free(text);
	teardown();
}
END_TEST

/* Types that are not what they should be, and text that is markup. */
static const char *const hostile[] = {
	"\"series\":7}",
	"\"series\":[7,null,[],{\"labels\":3,\"median\":\"x\"}]}",
	"\"series\":[{\"labels\":{\"a\":null,\"b\":{}},\"panel\":\"a\"}]}",
	"\"comparisons\":[{\"ci95\":[null,{}]}],\"series\":[]}",
	"\"options\":[1],\"machine\":2,\"notes\":[null,3,{}]}",
	"\"options\":{\"<script>\":\"</td><script>\",\"x\":null}}",
	"\"notes\":[\"<script>alert(1)</script>\"]}",
	"\"skipped\":[{\"name\":\"<script>\",\"why\":\"\\\"<script>\"}]}",
};

START_TEST(nothing_hostile_gets_through)
{
	char text[512], *html;

	setup();
	for (size_t i = 0; i < ARRAY_SIZE(hostile); i++) {
		(void)snprintf(text, sizeof(text), HEAD "%s", hostile[i]);
		put("x.json", text);
		html = page();
		ck_assert_ptr_null(strstr(html, "<script"));
		free(html);
	}
	teardown();
}
END_TEST

START_TEST(what_is_no_report)
{
	struct report report = { .dir = -1 };
	struct moat_err err = { "" };

	ck_assert_int_eq(report_open("/nonexistent", &report, &err), -ENOENT);
	setup();
	ck_assert_int_eq(report_open(dir, &report, &err), -ENOENT);
	put("a.json", HEAD "\"series\":[]}");
	put("b.json", "{\"schema\":\"other\"}");
	ck_assert_int_eq(report_open(dir, &report, &err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.msg, "b.json"));
	put("b.json", "no json at all");
	ck_assert_int_eq(report_open(dir, &report, &err), -EINVAL);
	ck_assert_int_eq(report.dir, -1);
	teardown();
}
END_TEST

START_TEST(text_for_gnuplot)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "pages=2M a/b (1.5%)", "pages=2M a/b (1.5%)" },
		{ "'; system('x') #", "__ system(_x_) _" },
		{ "`x`\n\"$y\\", "_x___"
				 "_y_" },
		{ "0123456789", "0123456" }, /* cut */
	};
	char buf[32];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		gnuplot_plain(buf, i == 3 ? 8 : sizeof(buf), cases[i].text);
		ck_assert_str_eq(buf, cases[i].want);
	}
}
END_TEST

CHECK_MAIN("bench_report", what_the_page_says, nothing_hostile_gets_through,
	   what_is_no_report, text_for_gnuplot)
