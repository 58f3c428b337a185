/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the host's file trees are. The real ones, or a test's copies: every
 * path that moat reads or writes starts at one of these, never at a literal.
 */
#ifndef MOAT_COMMON_HOST_H
#define MOAT_COMMON_HOST_H

#include <limits.h>

struct moat_host {
	const char *sysfs;  /* "/sys" */
	const char *procfs; /* "/proc" */
	const char *dev;    /* "/dev" */
	const char *state;  /* "/run/moat": what must be put back, by device */
};

/* The machine that the program runs on. */
extern const struct moat_host moat_this_host;

/**
 * moat_path() - build a path without ever cutting it short
 * @fmt: printf format of the whole path
 *
 * Return: 0, or -ENAMETOOLONG.
 */
int moat_path(char ret_path[PATH_MAX], const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif /* MOAT_COMMON_HOST_H */
