/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOAT_BENCH_GNUPLOT_H
#define MOAT_BENCH_GNUPLOT_H

#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#include <moat/err.h>

/** gnuplot_plain() - @text with _ for all that could mean something there */
void gnuplot_plain(char *dst, size_t size, const char *text);

/** gnuplot_text() - the same in single quotes, cut at 255 characters */
void gnuplot_text(FILE *out, const char *text);

/**
 * gnuplot_start() - run it in a directory
 * @dir: fd
 * @ret_script: what it is to do goes there
 *
 * SIGPIPE should be ignored: it may end before it has read all.
 */
int gnuplot_start(int dir, pid_t *ret_pid, FILE **ret_script);

/**
 * gnuplot_end() - close the script, wait
 * @what: for messages
 *
 * Return: 0; -ENOENT (it is not installed), -EIO (it failed); said.
 */
int gnuplot_end(pid_t pid, FILE *script, const char *what,
		struct moat_err *err);

#endif /* MOAT_BENCH_GNUPLOT_H */
