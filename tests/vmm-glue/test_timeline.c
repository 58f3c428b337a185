// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/io.h"
#include "tests/check_main.h"
#include "vmm-glue/timeline.h"

START_TEST(the_first_mark_counts)
{
	timeline_mark_at(TIMELINE_PARSED, 111);
	timeline_mark_at(TIMELINE_PARSED, 222);
	ck_assert_uint_eq(timeline_ns(TIMELINE_PARSED), 111);
	ck_assert_uint_eq(timeline_ns(TIMELINE_MAPPED), 0);
	timeline_mark(TIMELINE_MAPPED);
	ck_assert_uint_gt(timeline_ns(TIMELINE_MAPPED), 222);
}
END_TEST

static const struct {
	const char *env;
	uint64_t want;
} exec_cases[] = {
	{ NULL, 1000 },	  { "900", 900 }, { "1000", 1000 },
	{ "1001", 1000 }, /* later than main(): another process's */
	{ "", 1000 },	  { "-1", 1000 }, { "12 ", 1000 },
	{ "0x10", 1000 },
};

START_TEST(a_parent_may_know_the_start_better)
{
	timeline_mark_at(TIMELINE_EXEC, 1000);
	for (size_t i = 0; i < sizeof(exec_cases) / sizeof(exec_cases[0]);
	     i++) {
		if (exec_cases[i].env)
			(void)setenv("MOAT_EXEC_NS", exec_cases[i].env, 1);
		ck_assert_uint_eq(timeline_ns(TIMELINE_EXEC),
				  exec_cases[i].want);
	}
	(void)unsetenv("MOAT_EXEC_NS");
}
END_TEST

START_TEST(the_file_is_json_of_what_was_reached)
{
	char path[] = "/tmp/moat-timeline-XXXXXX", text[1024];
	struct moat_err err;
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	(void)close(fd);
	timeline_mark_at(TIMELINE_EXEC, 5);
	timeline_mark_at(TIMELINE_FIRST_ENTRY, 77);
	ck_assert_int_eq(timeline_write(path, 2, 30, 31, &err), 0);
	ck_assert_int_eq(moat_read_text(path, text, sizeof(text)), 0);
	ck_assert_str_eq(text, "{\n"
			       "  \"clock\": \"CLOCK_MONOTONIC\",\n"
			       "  \"unit\": \"ns\",\n"
			       "  \"phases\": {\n"
			       "    \"exec\": 5,\n"
			       "    \"first_entry\": 77\n"
			       "  },\n"
			       "  \"map\": { \"calls\": 2, \"kernel_ns\": 30, "
			       "\"total_ns\": 31 }\n"
			       "}");
	(void)unlink(path);
	ck_assert_int_eq(timeline_write("/nonexistent/t", 0, 0, 0, &err),
			 -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.msg, "/nonexistent/t"));
	if (access("/dev/full", W_OK) == 0)
		ck_assert_int_eq(timeline_write("/dev/full", 0, 0, 0, &err),
				 -ENOSPC);
}
END_TEST

CHECK_MAIN("timeline", the_first_mark_counts,
	   a_parent_may_know_the_start_better,
	   the_file_is_json_of_what_was_reached)
