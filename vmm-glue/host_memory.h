/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the host says about its memory: huge pages, and what is available. */
#ifndef MOAT_VMM_HOST_MEMORY_H
#define MOAT_VMM_HOST_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/host.h"

/* The host's huge pages of one size. */
struct hugepage_pool {
	uint64_t total;
	uint64_t free; /* neither used nor promised to somebody */
};

/**
 * host_hugepages() - read a pool
 * @page_size: bytes
 * Return: 0, -ENOENT when the kernel has no pages of that size, or what
 * reading sysfs met.
 */
int host_hugepages(const struct moat_host *host, uint64_t page_size,
		   struct hugepage_pool *ret_pool);

/** host_available() - bytes that can be taken without swapping */
int host_available(const struct moat_host *host, uint64_t *ret_bytes);

/**
 * host_thp_allows() - may memory that asks have transparent huge pages?
 * @attribute: "enabled" for anonymous memory, "shmem_enabled" for memfds
 *
 * The text is like "always [madvise] never".
 */
bool host_thp_allows(const struct moat_host *host, const char *attribute);

#endif /* MOAT_VMM_HOST_MEMORY_H */
