// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * moat-bench report: pictures and a page of all results in a directory,
 * and whether they reach the targets.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench/commands.h"
#include "bench/report.h"
#include "bench/targets.h"

#define PAGE	 "index.html"
#define PAGE_NEW "index.html.new"

static const struct opt_table no_options = { .desc = NULL };

static int write_page(const struct report *report, struct moat_err *err)
{
	int fd = openat(report->dir, PAGE_NEW,
			O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
	int r;

	if (!out) {
		r = -errno;
		if (fd >= 0)
			(void)close(fd);
		return moat_fail(err, r, "cannot write " PAGE_NEW ": %s",
				 strerror(-r));
	}
	r = report_html(report, out, err);
	if (fclose(out) != 0 && r == 0)
		r = moat_fail(err, -errno, "cannot write " PAGE_NEW ": %s",
			      strerror(errno));
	if (r == 0 && renameat(report->dir, PAGE_NEW, report->dir, PAGE) < 0)
		r = moat_fail(err, -errno, "cannot write " PAGE ": %s",
			      strerror(errno));
	return r;
}

static int report(const void *options, const struct opt_list *words,
		  struct bench_result *result, struct moat_err *err)
{
	struct report all = { .dir = -1 };
	int r;

	(void)options;
	(void)result;
	if (words->n != 1)
		return moat_fail(err, -EINVAL,
				 "report wants one directory of results");
	r = report_open(words->item[0], &all, err);
	if (r == 0)
		r = report_plot_all(&all, err);
	if (r == 0)
		r = write_page(&all, err);
	if (r == 0)
		report_targets_print(&all, stdout);
	report_close(&all);
	if (r == 0)
		(void)printf("%s/" PAGE "\n", words->item[0]);
	return r;
}

static const struct bench_command command = {
	.name = "report",
	.args = "DIR",
	.table = &no_options,
	.run = report,
	.takes_words = true,
};

int cmd_report(int argc, char **argv)
{
	char none;

	return bench_command_main(&command, argc, argv, &none);
}
