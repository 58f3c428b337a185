/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest RAM: one memfd (or a file in a hugetlbfs or tmpfs directory, or
 * anonymous memory where only that gets transparent huge pages), mapped once,
 * low RAM first and high RAM right behind it; kept from forked children, and
 * left out of core dumps.
 *
 * Creating finds out whether the host has the memory; populating touches
 * every page, so that nobody waits for the kernel's zeroing later and
 * nothing can run short then.
 *
 * With identity-placed RAM, for devices without an IOMMU in front of them,
 * all of that is done at creation: ram_identity.h.
 */
#ifndef MOAT_VMM_RAM_H
#define MOAT_VMM_RAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <moat/err.h>

#include "vmm-glue/layout.h"
#include "vmm-glue/options.h"

struct moat_host;
struct moat_placement;
struct ram;

struct ram_config {
	struct layout_ram size;
	enum hugepages hugepages;
	const char *mem_path;	      /* NULL: memfd */
	const struct moat_host *host; /* NULL: this machine */
	/*
	 * Which node each part comes from, and whether huge pages are to be
	 * taken when @hugepages does not say; NULL: any, as there are. It
	 * outlives the RAM.
	 */
	const struct moat_placement *placement;
};

/** ram_dir_hugepages() - what pages a directory gives; AUTO is no answer */
enum hugepages ram_dir_hugepages(const char *dir);

/**
 * ram_create() - take address space and, of huge pages, the memory too
 *
 * Return: 0; -ENOMEM when the host is short, with how much is missing and
 * the command that reserves it; -EINVAL when size, page size and directory
 * do not go together.
 */
int ram_create(const struct ram_config *config, struct ram **ret_ram,
	       struct moat_err *err);

/**
 * ram_create_identity() - huge pages at their own addresses
 * @config:    its size's sum counts; the page size is 2 MiB unless 1 GiB is
 *	       asked for
 * @cancelled: as for ram_populate(), which this does, too
 *
 * The pages are pinned: no page moves before the RAM is destroyed.
 * Return: as ram_create(), ram_populate() and ram_identity_arrange().
 */
int ram_create_identity(const struct ram_config *config,
			bool (*cancelled)(void *opaque), void *opaque,
			struct ram **ret_ram, struct moat_err *err);

/** ram_runs() - of identity-placed RAM, without the first MiB; sorted */
const struct layout_run *ram_runs(const struct ram *ram, size_t *ret_n);

/**
 * ram_hold() - the files that keep identity-placed RAM where it is
 *
 * As long as copies of both are open, the pages are nobody else's.
 */
void ram_hold(const struct ram *ram, int ret_fds[2]);

/**
 * ram_populate() - touch every page, by several threads
 * @cancelled: asked now and then; true ends it with -EINTR. NULL: never
 *
 * Where somebody else took the huge pages of a node that the placement chose
 * by itself, they come from other nodes, with a warning.
 */
int ram_populate(struct ram *ram, bool (*cancelled)(void *opaque), void *opaque,
		 struct moat_err *err);

/* RAM of one node. */
struct ram_piece {
	uint64_t gpa, len;
	uint32_t node; /* of the placement */
};

#define RAM_PIECES_MAX 256

/**
 * ram_pieces() - which node each part of populated RAM came from
 * @ret_pieces: room for RAM_PIECES_MAX; sorted
 *
 * Return: how many; 0 when that is not known, or more than fit.
 */
size_t ram_pieces(const struct ram *ram, struct ram_piece *ret_pieces);

/** ram_destroy() - NULL is fine; nothing may use the memory any more */
void ram_destroy(struct ram *ram);

/**
 * ram_at() - the host address of guest memory: the one translation there is
 * Return: NULL when [gpa, gpa + len) is not RAM of one region.
 */
void *ram_at(const struct ram *ram, uint64_t gpa, uint64_t len);

/** ram_page_size() - of the pages under it; 4 KiB for ordinary memory */
uint64_t ram_page_size(const struct ram *ram);

#endif /* MOAT_VMM_RAM_H */
