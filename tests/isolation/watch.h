/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs a program and is asked about some of its system calls. */
#ifndef MOAT_TESTS_WATCH_H
#define MOAT_TESTS_WATCH_H

#include <stddef.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

/* The program that watches, for what it says; to be set first. */
extern const char *watch_name;

/** watch_fail() - say @what failed, with errno, and exit with status 99 */
void watch_fail(const char *what) __attribute__((noreturn));

/**
 * watch() - run @command to its end
 * @filter: a seccomp filter of @n instructions that says which calls
 * @answer: 0 has a call carried out; else it returns that errno, and is not
 *
 * Return: the exit status; 98 when a signal ended it.
 */
int watch(char **command, const struct sock_filter *filter, size_t n,
	  int (*answer)(void *opaque, const struct seccomp_notif *call),
	  void *opaque);

#endif /* MOAT_TESTS_WATCH_H */
