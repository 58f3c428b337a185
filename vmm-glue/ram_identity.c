// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Identity-placed RAM, see ram_identity.h.
 *
 * The order of things matters. A page may move until it is pinned, and
 * pinning may move it once more; so the addresses that count are read last.
 * The pages are then mapped side by side in the order of their addresses, and
 * each run of neighbours is one piece of guest memory.
 *
 * The first MiB is ordinary memory: the host's own cannot be had, and no
 * device is ever told of a guest's (layout_identity.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/host.h"
#include "common/pagemap.h"
#include "common/util.h"
#include "vmm-glue/pin.h"
#include "vmm-glue/ram_identity.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define LOW_LEN LAYOUT_KERNEL_MIN

struct page {
	uint64_t pa;
	uint64_t offset; /* in the file */
};

struct ram_identity {
	struct ram_pages pages;
	const struct ram_identity_ops *ops;
	struct page *page; /* @pages.n, in the order they are mapped */
	struct layout_run run[LAYOUT_RUNS_MAX];
	size_t n_runs;
	uint8_t *low;
	int pin_fd;	/* -1: not pinned */
	int pagemap_fd; /* -1: not open; the kernel's ops */
};

/* ---- the kernel ---- */

static int kernel_pin(void *opaque, void *base, uint64_t len, int *ret_fd,
		      struct moat_err *err)
{
	(void)opaque;
	return pin_memory(base, len, ret_fd, err);
}

static const struct ram_identity_ops kernel_ops = { .pin = kernel_pin };

static int physical(const struct ram_identity *id, const void *addr,
		    uint64_t *ret_pa)
{
	if (id->ops->physical)
		return id->ops->physical(id->ops->opaque, addr, ret_pa);
	return moat_pagemap_read(id->pagemap_fd, addr, 1, ret_pa);
}

/* ---- pages ---- */

static uint8_t *page_at(const struct ram_identity *id, size_t i)
{
	return id->pages.base + i * id->pages.page_size;
}

static int fail_address(int r, struct moat_err *err)
{
	if (r == -EPERM)
		return moat_fail(err, r,
				 "the kernel hides where guest RAM is "
				 "(/proc/self/pagemap): dma=none needs "
				 "CAP_SYS_ADMIN; run as root");
	return moat_fail(err, r, "cannot tell where guest RAM is: %s",
			 strerror(-r));
}

/* Also says whether they are in order, and where they were. */
static int read_addresses(struct ram_identity *id, bool *ret_same,
			  struct moat_err *err)
{
	uint64_t pa;
	int r;

	*ret_same = true;
	for (size_t i = 0; i < id->pages.n; i++) {
		r = physical(id, page_at(id, i), &pa);
		if (r < 0)
			return fail_address(r, err);
		if (!is_aligned(pa, id->pages.page_size))
			return moat_fail(err, -EINVAL,
					 "the kernel has a huge page at %#llx, "
					 "which is no multiple of its size",
					 (unsigned long long)pa);
		if (pa != id->page[i].pa)
			*ret_same = false;
		id->page[i].pa = pa;
	}
	return 0;
}

static int by_address(const void *a, const void *b)
{
	const struct page *x = a, *y = b;

	return x->pa < y->pa ? -1 : x->pa > y->pa;
}

static int fail_map(int r, struct moat_err *err)
{
	if (r == -ENOMEM)
		return moat_fail(err, r,
				 "guest RAM is too scattered to be mapped in "
				 "order: use larger pages (-hugepages 1G), or "
				 "allow more mappings: "
				 "sysctl vm.max_map_count=1000000");
	return moat_fail(err, r, "cannot map guest RAM in order: %s",
			 strerror(-r));
}

/* As many pages in one go as are neighbours in the file, too. */
static int map_in_order(struct ram_identity *id, struct moat_err *err)
{
	uint64_t page_size = id->pages.page_size;
	size_t i, end;
	void *addr;

	for (i = 0; i < id->pages.n; i = end) {
		for (end = i + 1; end < id->pages.n; end++)
			if (id->page[end].offset !=
			    id->page[end - 1].offset + page_size)
				break;
		addr = mmap(page_at(id, i), (end - i) * page_size,
			    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			    id->pages.fd, (off_t)id->page[i].offset);
		if (addr == MAP_FAILED)
			return fail_map(-errno, err);
	}
	/* They are there; this only fills the page tables in. */
	if (madvise(id->pages.base, id->pages.n * page_size,
		    MADV_POPULATE_WRITE) < 0)
		return moat_fail(err, -errno, "MADV_POPULATE_WRITE: %s",
				 strerror(errno));
	return 0;
}

static int sort(struct ram_identity *id, struct moat_err *err)
{
	qsort(id->page, id->pages.n, sizeof(*id->page), by_address);
	return map_in_order(id, err);
}

/* ---- runs ---- */

static int too_scattered(const struct ram_identity *id, size_t want,
			 size_t n_runs, struct moat_err *err)
{
	uint64_t bytes = want * id->pages.page_size;

	return moat_fail(
		err, -E2BIG,
		"guest RAM of %llu MiB lies in %zu pieces of the host's "
		"memory, and a guest's memory map takes %d; reserve larger "
		"pages at boot, before memory is in pieces: hugepagesz=1G "
		"hugepages=%llu on the host's kernel command line, and "
		"-hugepages 1G",
		(unsigned long long)(bytes / MiB), n_runs, LAYOUT_RUNS_MAX,
		(unsigned long long)((bytes + GiB - 1) / GiB));
}

/* Sets @run from @page, which is sorted. */
static int choose_runs(struct ram_identity *id, size_t want,
		       struct moat_err *err)
{
	size_t n = id->pages.n, n_runs = 0;
	uint64_t *pa;
	int r;

	pa = calloc(n, sizeof(*pa));
	if (!pa)
		return moat_fail(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++)
		pa[i] = id->page[i].pa;
	r = layout_choose_pages(pa, n, id->pages.page_size, want, id->run,
				&n_runs);
	free(pa);
	if (r == -E2BIG)
		return too_scattered(id, want, n_runs, err);
	if (r < 0)
		return moat_fail(err, r, "out of memory");
	id->n_runs = n_runs;
	return 0;
}

static bool in_runs(const struct ram_identity *id, uint64_t pa)
{
	for (size_t i = 0; i < id->n_runs; i++)
		if (pa >= id->run[i].gpa && pa - id->run[i].gpa < id->run[i].len)
			return true;
	return false;
}

/* The pages that are in no run go back to the host. */
static int drop_rest(struct ram_identity *id, struct moat_err *err)
{
	uint64_t page_size = id->pages.page_size;
	size_t kept = 0;

	for (size_t i = 0; i < id->pages.n; i++) {
		struct page page = id->page[i];

		if (in_runs(id, page.pa)) {
			id->page[kept++] = page;
			continue;
		}
		if (fallocate(id->pages.fd,
			      FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			      (off_t)page.offset, (off_t)page_size) < 0)
			return moat_fail(err, -errno,
					 "cannot give a page back: %s",
					 strerror(errno));
	}
	id->pages.n = kept;
	return 0;
}

/* ---- making ---- */

/* Where the pages are is found out, and the best of them are kept. */
static int select_pages(struct ram_identity *id, size_t want,
			struct moat_err *err)
{
	bool same;
	int r;

	for (size_t i = 0; i < id->pages.n; i++)
		id->page[i].offset = i * id->pages.page_size;
	r = read_addresses(id, &same, err);
	if (r < 0)
		return r;
	qsort(id->page, id->pages.n, sizeof(*id->page), by_address);
	r = choose_runs(id, want, err);
	if (r == 0 && id->pages.n > want)
		r = drop_rest(id, err);
	return r < 0 ? r : map_in_order(id, err);
}

/*
 * What pinning has moved is sorted once more; then it stands, or something
 * is wrong with the pins.
 */
static int pin_pages(struct ram_identity *id, struct moat_err *err)
{
	bool same;
	int r;

	r = id->ops->pin(id->ops->opaque, id->pages.base,
			 id->pages.n * id->pages.page_size, &id->pin_fd, err);
	if (r < 0)
		return r;
	r = read_addresses(id, &same, err);
	if (r < 0 || same)
		return r;
	r = sort(id, err);
	if (r == 0)
		r = choose_runs(id, id->pages.n, err);
	if (r == 0)
		r = read_addresses(id, &same, err);
	if (r < 0 || same)
		return r;
	return moat_fail(err, -EAGAIN,
			 "the kernel moves guest RAM although it is pinned; "
			 "dma=none cannot be had on it");
}

static int take_low(struct ram_identity *id, struct moat_err *err)
{
	void *low = mmap(NULL, LOW_LEN, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (low == MAP_FAILED)
		return moat_fail(err, -errno, "no memory for the first MiB: %s",
				 strerror(errno));
	/* As ram.c has it for the rest. */
	(void)madvise(low, LOW_LEN, MADV_DONTFORK);
	(void)madvise(low, LOW_LEN, MADV_DONTDUMP);
	id->low = low;
	return 0;
}

static int open_pagemap(struct ram_identity *id, struct moat_err *err)
{
	int r;

	if (id->ops->physical)
		return 0;
	r = moat_pagemap_open(&moat_this_host, &id->pagemap_fd);
	return r < 0 ? fail_address(r, err) : 0;
}

int ram_identity_arrange(const struct ram_pages *pages, size_t want,
			 const struct ram_identity_ops *ops,
			 struct ram_identity **ret_identity,
			 struct moat_err *err)
{
	struct ram_identity *id;
	int r;

	id = calloc(1, sizeof(*id));
	if (!id)
		return moat_fail(err, -ENOMEM, "out of memory");
	id->pages = *pages;
	id->ops = ops ? ops : &kernel_ops;
	id->pin_fd = -1;
	id->pagemap_fd = -1;
	id->page = calloc(pages->n, sizeof(*id->page));
	r = id->page ? 0 : moat_fail(err, -ENOMEM, "out of memory");
	if (r == 0)
		r = open_pagemap(id, err);
	if (r == 0)
		r = select_pages(id, want, err);
	if (r == 0)
		r = pin_pages(id, err);
	if (r == 0)
		r = take_low(id, err);
	if (r < 0) {
		ram_identity_free(id);
		return r;
	}
	*ret_identity = id;
	return 0;
}

void ram_identity_free(struct ram_identity *id)
{
	if (!id)
		return;
	if (id->low)
		(void)munmap(id->low, LOW_LEN);
	if (id->pin_fd >= 0)
		(void)close(id->pin_fd);
	if (id->pagemap_fd >= 0)
		(void)close(id->pagemap_fd);
	free(id->page);
	free(id);
}

const struct layout_run *ram_identity_runs(const struct ram_identity *identity,
					   size_t *ret_n)
{
	*ret_n = identity->n_runs;
	return identity->run;
}

void *ram_identity_at(const struct ram_identity *identity, uint64_t gpa,
		      uint64_t len)
{
	uint8_t *host = identity->pages.base;

	if (len == 0)
		return NULL;
	if (gpa < LOW_LEN)
		return len <= LOW_LEN - gpa ? identity->low + gpa : NULL;
	for (size_t i = 0; i < identity->n_runs; i++) {
		const struct layout_run *run = &identity->run[i];

		if (gpa >= run->gpa && gpa - run->gpa < run->len)
			return len <= run->len - (gpa - run->gpa)
				       ? host + (gpa - run->gpa)
				       : NULL;
		host += run->len;
	}
	return NULL;
}

int ram_identity_pin_fd(const struct ram_identity *identity)
{
	return identity->pin_fd;
}
