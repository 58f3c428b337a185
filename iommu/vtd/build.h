/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Second-stage paging tables, built for a remapping unit to walk. It shares
 * the layouts of table_regs.h with the walker and nothing else.
 *
 * One thread at a time changes a set of tables; units may walk them meanwhile,
 * and see each entry either as it was or as it is. Invalidating is the
 * caller's: after unmapping, before vtd_tables_reap() and before the memory
 * is used for something else.
 */
#ifndef MOAT_VTD_BUILD_H
#define MOAT_VTD_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where tables live. */
struct vtd_tables_memory {
	/* A page, zeroed: Return: NULL when there is none. */
	void *(*alloc)(void *opaque, uint64_t *ret_addr);
	void (*free)(void *opaque, void *page, uint64_t addr);
	/* Write back from the processor's caches; NULL: walks snoop them. */
	void (*flush)(void *opaque, const void *p, size_t len);
	void *opaque;
};

struct vtd_tables_config {
	unsigned int levels; /* 3 to 5 */
	uint64_t page_sizes; /* mask; 4 KiB, and 2 MiB and 1 GiB if set */
	unsigned int host_bits;
	bool snoop; /* set SNP */
};

struct vtd_tables;

#define VTD_MAP_READ  1u
#define VTD_MAP_WRITE 2u

/**
 * vtd_tables_create() - tables that map nothing
 * Return: 0, -EINVAL, or -ENOMEM.
 */
int vtd_tables_create(const struct vtd_tables_config *config,
		      const struct vtd_tables_memory *memory,
		      struct vtd_tables **ret_tables);

/** vtd_tables_destroy() - NULL is fine; no unit may walk them any more */
void vtd_tables_destroy(struct vtd_tables *tables);

/** vtd_tables_root() - address of the first table, for a context entry */
uint64_t vtd_tables_root(const struct vtd_tables *tables);

/**
 * vtd_tables_map() - in the largest pages that fit
 * @iova, @addr, @len: multiples of 4 KiB; @len > 0
 * @prot: VTD_MAP_*, not 0
 *
 * Return: 0; -EINVAL (alignment, @prot), -EOVERFLOW (beyond the tables' or
 * the host's width), -EADDRINUSE (some of it is mapped), -ENOMEM. On error
 * nothing is mapped that was not.
 */
int vtd_tables_map(struct vtd_tables *tables, uint64_t iova, uint64_t addr,
		   uint64_t len, unsigned int prot);

/**
 * vtd_tables_unmap() - whatever is mapped of a range
 * @ret_unmapped: bytes that were; may be NULL
 *
 * Tables that become empty as a whole are set aside for vtd_tables_reap().
 * Return: 0; -EINVAL (alignment, or the range divides a large page), and
 * then nothing is changed; -EOVERFLOW.
 */
int vtd_tables_unmap(struct vtd_tables *tables, uint64_t iova, uint64_t len,
		     uint64_t *ret_unmapped);

/** vtd_tables_reap() - free tables set aside; after their invalidation */
void vtd_tables_reap(struct vtd_tables *tables);

/** vtd_tables_count() - tables in use, those set aside too */
size_t vtd_tables_count(const struct vtd_tables *tables);

#endif /* MOAT_VTD_BUILD_H */
