/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RAM whose guest addresses are the host's own: for devices with dma=none,
 * which use what the guest gives them as host addresses. ram.c takes the
 * pages; this arranges them.
 */
#ifndef MOAT_VMM_RAM_IDENTITY_H
#define MOAT_VMM_RAM_IDENTITY_H

#include <stddef.h>
#include <stdint.h>

#include <moat/err.h>

#include "vmm-glue/layout.h"

struct ram_identity;

/* The part of the kernel; tests have one of their own. */
struct ram_identity_ops {
	/* As pin_memory(). */
	int (*pin)(void *opaque, void *base, uint64_t len, int *ret_fd,
		   struct moat_err *err);
	/* The physical address of the page at @addr. */
	int (*physical)(void *opaque, const void *addr, uint64_t *ret_pa);
	void *opaque;
};

/* Pages of a file, mapped side by side in its order, and in memory. */
struct ram_pages {
	int fd;
	uint8_t *base;
	uint64_t page_size;
	size_t n;
};

/**
 * ram_identity_arrange() - put pages in the order of their addresses
 * @want: how many are needed; what is more is given back (layout_choose_pages()
 *	  says which), and its addresses at the end are the caller's to unmap
 * @ops:  NULL: the kernel
 *
 * The pages at @pages->base are mapped anew, lowest address first, pinned,
 * and looked at again: as long as the object lives, they are where it says.
 * On error they may be in any order.
 * Return: 0; -E2BIG (too scattered); -EPERM (addresses or io_uring hidden
 * from the caller); -EAGAIN (the kernel moves them all the same), or another
 * errno; with a sentence.
 */
int ram_identity_arrange(const struct ram_pages *pages, size_t want,
			 const struct ram_identity_ops *ops,
			 struct ram_identity **ret_identity,
			 struct moat_err *err);

/** ram_identity_free() - unpin; NULL is fine. The pages stay mapped. */
void ram_identity_free(struct ram_identity *identity);

/** ram_identity_runs() - where they are; sorted; without the first MiB */
const struct layout_run *ram_identity_runs(const struct ram_identity *identity,
					   size_t *ret_n);

/** ram_identity_at() - ram_at() for it */
void *ram_identity_at(const struct ram_identity *identity, uint64_t gpa,
		      uint64_t len);

/** ram_identity_pin_fd() - while a copy of it is open, the pages stay */
int ram_identity_pin_fd(const struct ram_identity *identity);

#endif /* MOAT_VMM_RAM_IDENTITY_H */
