/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where this process's memory really is: /proc/self/pagemap.
 *
 * What it says holds only for pages that the kernel may not move: those that
 * are pinned for long. mlock() is not enough.
 * Source: Linux Documentation/admin-guide/mm/pagemap.rst.
 */
#ifndef MOAT_COMMON_PAGEMAP_H
#define MOAT_COMMON_PAGEMAP_H

#include <stddef.h>
#include <stdint.h>

struct moat_host;

/** moat_pagemap_open() - Return: 0, or open's errno, negative */
int moat_pagemap_open(const struct moat_host *host, int *ret_fd);

/**
 * moat_pagemap_read() - the physical addresses of @n pages of the host's size
 * @addr: of the first, a multiple of the page size
 *
 * Return: 0; -ENOENT when one of them is not in memory; -EPERM when the
 * kernel hides the addresses, for want of CAP_SYS_ADMIN; -EIO.
 */
int moat_pagemap_read(int fd, const void *addr, size_t n, uint64_t *ret_pa);

/**
 * moat_pagemap_page_size() - the size of the pages behind a range
 * @last: its last byte
 *
 * More than the host's page size only where all of the range is of hugetlbfs,
 * whose pages lie together and are aligned in both address spaces; the
 * smallest of them, if there are several.
 * Return: bytes; the host's page size when the kernel does not tell.
 * Source: Linux Documentation/filesystems/proc.rst, smaps, KernelPageSize.
 */
uint64_t moat_pagemap_page_size(const struct moat_host *host, const void *addr,
				const void *last);

#endif /* MOAT_COMMON_PAGEMAP_H */
