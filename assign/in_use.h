/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which PCI functions the host itself cannot do without. */
#ifndef MOAT_ASSIGN_IN_USE_H
#define MOAT_ASSIGN_IN_USE_H

#include <stddef.h>

#include <moat/bdf.h>
#include <moat/err.h>

struct moat_host;
struct in_use;

/**
 * in_use_scan() - collect mounts, swap and default routes
 *
 * Return: 0, or the errno of a file that must be readable to know.
 */
int in_use_scan(const struct moat_host *host, struct in_use **ret_uses,
		struct moat_err *err);

/**
 * in_use_find() - what the host uses a function for
 * @buf: one clause or more, "/dev/sda1 is mounted on /"; "" when nothing
 */
void in_use_find(const struct in_use *uses, struct moat_bdf bdf, char *buf,
		 size_t size);

/** in_use_free() - @uses: NULL is fine */
void in_use_free(struct in_use *uses);

#endif /* MOAT_ASSIGN_IN_USE_H */
