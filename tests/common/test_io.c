// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <moat/err.h>
#include <moat/log.h>

#include "common/host.h"
#include "common/io.h"
#include "tests/check_main.h"

static char dir[] = "/tmp/moat-io-XXXXXX";
static char path[PATH_MAX];

static void make_file(const char *text)
{
	FILE *f;

	if (!path[0]) {
		ck_assert_ptr_nonnull(mkdtemp(dir));
		ck_assert_int_eq(moat_path(path, "%s/file", dir), 0);
	}
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
}

static void remove_file(void)
{
	(void)unlink(path);
	(void)rmdir(dir);
	path[0] = '\0';
	memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
}

START_TEST(text_loses_its_newline_and_must_fit)
{
	char buf[5];

	make_file("0xf\n");
	ck_assert_int_eq(moat_read_text(path, buf, sizeof(buf)), 0);
	ck_assert_str_eq(buf, "0xf");
	make_file("12345");
	ck_assert_int_eq(moat_read_text(path, buf, sizeof(buf)), -EFBIG);
	make_file("");
	ck_assert_int_eq(moat_read_text(path, buf, sizeof(buf)), 0);
	ck_assert_str_eq(buf, "");
	remove_file();
	ck_assert_int_eq(moat_read_text("/nonexistent", buf, sizeof(buf)),
			 -ENOENT);
}
END_TEST

START_TEST(whole_files_are_read_whole_or_not_at_all)
{
	void *data = NULL;
	size_t len = 0;

	make_file("hello");
	ck_assert_int_eq(moat_read_file(path, 5, &data, &len), 0);
	ck_assert_uint_eq(len, 5);
	ck_assert_str_eq(data, "hello");
	free(data);
	ck_assert_int_eq(moat_read_file(path, 4, &data, &len), -EFBIG);
	/* Nobody writes to it: neither read nor waited for. */
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(moat_read_file(path, 4, &data, &len), -EINVAL);
	remove_file();
	ck_assert_int_eq(moat_read_file("/", 4, &data, &len), -EISDIR);
}
END_TEST

START_TEST(links_are_named_by_their_end)
{
	char buf[8] = "";

	make_file("");
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(symlink("../../drivers/vfio-pc", path), 0);
	ck_assert_int_eq(moat_link_name(path, buf, sizeof(buf)), 0);
	ck_assert_str_eq(buf, "vfio-pc");
	ck_assert_int_eq(moat_link_name(path, buf, 7), -EFBIG);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(symlink("plain", path), 0);
	ck_assert_int_eq(moat_link_name(path, buf, sizeof(buf)), 0);
	ck_assert_str_eq(buf, "plain");
	remove_file();
	ck_assert_int_eq(moat_link_name("/", buf, sizeof(buf)), -EINVAL);
}
END_TEST

START_TEST(transfers_are_whole)
{
	char buf[8] = "";
	FILE *f = tmpfile();
	int fd;

	ck_assert_ptr_nonnull(f);
	fd = fileno(f);
	ck_assert_int_eq(moat_pwrite_all(fd, "abcdef", 6, 2), 0);
	ck_assert_int_eq(moat_pread_all(fd, buf, 6, 2), 0);
	ck_assert_str_eq(buf, "abcdef");
	ck_assert_int_eq(moat_pread_all(fd, buf, 7, 2), -EIO);
	ck_assert_int_eq(moat_pread_all(-1, buf, 1, 0), -EBADF);
	ck_assert_int_eq(fclose(f), 0);
}
END_TEST

START_TEST(errors_say_and_prefix)
{
	struct moat_err err;

	ck_assert_int_eq(moat_fail(&err, -EBUSY, "%s is busy", "x"), -EBUSY);
	ck_assert_str_eq(err.msg, "x is busy");
	ck_assert_int_eq(moat_fail_prefix(&err, -EBUSY, "nic"), -EBUSY);
	ck_assert_str_eq(err.msg, "nic: x is busy");
	ck_assert_int_eq(moat_fail(NULL, -EIO, "unheard"), -EIO);
	/* An argument may be the message itself. */
	(void)moat_fail(&err, -EIO, "again, %s", err.msg);
	ck_assert_str_eq(err.msg, "again, nic: x is busy");
}
END_TEST

static char last_line[256];

static void keep_line(enum moat_log_level level, const char *line, void *opaque)
{
	(void)level;
	(void)opaque;
	(void)snprintf(last_line, sizeof(last_line), "%s", line);
}

START_TEST(log_lines_carry_the_device)
{
	struct moat_ratelimit rl = { .burst = 2, .interval_ms = 1000000 };
	unsigned int missed = 99;

	moat_log_set_sink(keep_line, NULL);
	moat_log(MOAT_LOG_WARN, "nic0", "%d left", 3);
	ck_assert_str_eq(last_line, "nic0: 3 left");
	log_debug("dropped: the level is info");
	ck_assert_str_eq(last_line, "nic0: 3 left");
	moat_log_set_sink(NULL, NULL);

	ck_assert(moat_ratelimit_pass(&rl, &missed));
	ck_assert_uint_eq(missed, 0);
	ck_assert(moat_ratelimit_pass(&rl, &missed));
	ck_assert(!moat_ratelimit_pass(&rl, &missed));
	ck_assert(!moat_ratelimit_pass(&rl, &missed));
	rl.window_start_ns -= UINT64_C(1000000) * 1000000;
	ck_assert(moat_ratelimit_pass(&rl, &missed));
	ck_assert_uint_eq(missed, 2);
}
END_TEST

CHECK_MAIN("io", text_loses_its_newline_and_must_fit,
	   whole_files_are_read_whole_or_not_at_all, transfers_are_whole,
	   links_are_named_by_their_end, errors_say_and_prefix,
	   log_lines_carry_the_device)
