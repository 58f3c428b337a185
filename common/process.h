/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which process has a file open, as far as /proc shows it. */
#ifndef MOAT_COMMON_PROCESS_H
#define MOAT_COMMON_PROCESS_H

#include <stdbool.h>

#include "common/host.h"

struct moat_process {
	int pid;
	char comm[32]; /* its name, printable; "" when unknown */
};

/**
 * moat_process_find() - the first process that has a certain file open
 * @except: the pid of one that does not count; 0: all count
 * @is_it:  is it the file at @path, as the process sees it?
 *
 * Best effort: what cannot be read does not have the file.
 */
bool moat_process_find(const struct moat_host *host, int except,
		       bool (*is_it)(const void *opaque, const char *path),
		       const void *opaque, struct moat_process *ret_process);

#endif /* MOAT_COMMON_PROCESS_H */
