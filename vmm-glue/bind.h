/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a thread runs and where memory is, told to the kernel. */
#ifndef MOAT_VMM_BIND_H
#define MOAT_VMM_BIND_H

#include <stdint.h>

#include <moat/set.h>

/** bind_thread() - have the calling thread run on these CPUs only */
int bind_thread(const struct moat_set *cpus);

/**
 * bind_memory() - have pages that are not there yet come from one node
 * @start: multiple of the page size, as is @len
 *
 * There is nothing to fall back on: when the node has no more, touching them
 * fails.
 */
int bind_memory(void *start, uint64_t len, unsigned int node);

/** bind_memory_softly() - the same, but from others when it has no more */
int bind_memory_softly(void *start, uint64_t len, unsigned int node);

#endif /* MOAT_VMM_BIND_H */
