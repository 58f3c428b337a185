// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * moat_ioas_verify(): what the hardware would walk, compared with what was
 * asked for.
 *
 * What must be there is put together first, from the list of maps and from
 * /proc/self/pagemap: runs of memory that are contiguous in both, which says
 * how many pages the tables must at least have. More than PAGES_MAX are
 * refused before the kernel is asked, as it writes the list with a lock of
 * the unit held. Then each device's tables are gone through page by page, and
 * must be those runs: nothing more, nothing less, nowhere else.
 *
 * Memory that is mapped is pinned, so pagemap stays true.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/pagemap.h"
#include "common/util.h"
#include "iommu/ioas_impl.h"
#include "iommu/vtd/live.h"

/* 512 MiB of small pages; 256 GiB of those of 2 MiB. */
#define PAGES_MAX 131072u

#define BATCH	  512u

/* Contiguous on both sides. */
struct run {
	uint64_t iova;
	uint64_t addr;
	uint64_t len;
	unsigned int prot;
};

struct expected {
	struct run *runs; /* ascending by IOVA */
	size_t n, room;
	uint64_t pages; /* that the tables must have, at least */
	uint64_t page_size;
};

/* ---- what must be there ---- */

static int too_many(struct moat_err *err)
{
	return moat_fail(err, -EFBIG,
			 "the IOMMU's tables have more than %u pages, too many "
			 "to be read back; give the guest huge pages "
			 "(-hugepages 2M), or less memory",
			 PAGES_MAX);
}

static int add_page(struct expected *want, uint64_t iova, uint64_t addr,
		    unsigned int prot, struct moat_err *err)
{
	struct run *last = want->n ? &want->runs[want->n - 1] : NULL;

	if (last && last->iova + last->len == iova &&
	    last->addr + last->len == addr && last->prot == prot) {
		last->len += want->page_size;
		return 0;
	}
	if (want->n == PAGES_MAX)
		return too_many(err);
	if (want->n == want->room) {
		const size_t room = want->room ? 2 * want->room : 64;
		struct run *runs =
			reallocarray(want->runs, room, sizeof(*runs));

		if (!runs)
			return moat_fail(err, -ENOMEM, "out of memory");
		want->runs = runs;
		want->room = room;
	}
	want->runs[want->n++] = (struct run) {
		.iova = iova,
		.addr = addr,
		.len = want->page_size,
		.prot = prot,
	};
	return 0;
}

static int unreadable(int r, struct moat_err *err)
{
	if (r == -EPERM || r == -EACCES)
		return moat_fail(err, -EPERM,
				 "the kernel hides where memory is "
				 "(/proc/self/pagemap): comparing it with the "
				 "IOMMU's tables needs CAP_SYS_ADMIN; run as "
				 "root");
	return moat_fail(err, r, "cannot tell where memory is: %s",
			 strerror(-r));
}

static int add_map(struct expected *want, const struct ioas_map *map,
		   int pagemap_fd, struct moat_err *err)
{
	uint64_t pages =
		(map->range.last - map->range.first) / want->page_size + 1;
	const uint8_t *vaddr = map->vaddr;
	uint64_t iova = map->range.first;
	uint64_t pa[BATCH];

	while (pages > 0) {
		const size_t some = (size_t)min_u64(pages, BATCH);
		int r = moat_pagemap_read(pagemap_fd, vaddr, some, pa);

		if (r < 0)
			return unreadable(r, err);
		for (size_t i = 0; r == 0 && i < some; i++) {
			r = add_page(want, iova, pa[i], map->prot, err);
			iova += want->page_size;
		}
		if (r < 0)
			return r;
		vaddr += some * want->page_size;
		pages -= some;
	}
	return 0;
}

/* The fewest pages that can map @run: each as large as both sides allow. */
static uint64_t fewest_pages(const struct run *run)
{
	static const uint64_t sizes[] = { GiB, 2 * MiB, 4 * KiB };
	uint64_t n = 0;

	for (uint64_t done = 0; done < run->len; n++) {
		const uint64_t both = (run->iova + done) | (run->addr + done);
		size_t i = 0;

		while (i < ARRAY_SIZE(sizes) - 1 &&
		       (!is_aligned(both, sizes[i]) ||
			run->len - done < sizes[i]))
			i++;
		done += sizes[i];
	}
	return n;
}

static int expect_maps(const struct moat_ioas *ioas, struct expected *want,
		       struct moat_err *err)
{
	int fd = -1, r;

	if (ioas->n_maps == 0)
		return 0;
	r = moat_pagemap_open(ioas->host, &fd);
	if (r < 0)
		return unreadable(r, err);
	for (size_t i = 0; r == 0 && i < ioas->n_maps; i++)
		r = add_map(want, &ioas->maps[i], fd, err);
	(void)close(fd);
	for (size_t i = 0; r == 0 && i < want->n; i++)
		want->pages += fewest_pages(&want->runs[i]);
	if (r == 0 && want->pages > PAGES_MAX)
		r = too_many(err);
	return r;
}

/* ---- what is there ---- */

struct comparison {
	const struct expected *want;
	size_t run;    /* that is expected next */
	uint64_t done; /* of it */
	uint64_t pages;
};

static int extra(const struct live_leaf *leaf, struct moat_err *err)
{
	return moat_fail(err, -EBADMSG,
			 "the tables map 0x%" PRIx64 "-0x%" PRIx64
			 " to 0x%" PRIx64 ", which nobody asked for",
			 leaf->iova, leaf->iova + (leaf->size - 1), leaf->addr);
}

static int missing(uint64_t iova, struct moat_err *err)
{
	return moat_fail(err, -EBADMSG,
			 "the tables do not map 0x%" PRIx64
			 ", which is the guest's",
			 iova);
}

/* The part of a page that lies in the run expected next: how much it is. */
static int compare_part(struct comparison *c, const struct live_leaf *leaf,
			uint64_t from, uint64_t *ret_len, struct moat_err *err)
{
	const struct run *run = &c->want->runs[c->run];
	const uint64_t iova = run->iova + c->done;

	if (leaf->iova + from > iova)
		return missing(iova, err);
	if (leaf->iova + from < iova)
		return extra(leaf, err);
	if (leaf->addr + from != run->addr + c->done)
		return moat_fail(err, -EBADMSG,
				 "the tables map 0x%" PRIx64 " to 0x%" PRIx64
				 ", but the guest's page is at 0x%" PRIx64,
				 iova, leaf->addr + from, run->addr + c->done);
	if (leaf->prot != run->prot)
		return moat_fail(err, -EBADMSG,
				 "the tables allow the device %s at 0x%" PRIx64
				 ", which is not what was asked for",
				 leaf->prot == 0	       ? "nothing"
				 : leaf->prot == MOAT_DMA_READ ? "only to read"
				 : leaf->prot == MOAT_DMA_WRITE
					 ? "only to write"
					 : "to read and write",
				 iova);
	*ret_len = min_u64(run->len - c->done, leaf->size - from);
	return 0;
}

static int compare_leaf(void *opaque, const struct live_leaf *leaf,
			struct moat_err *err)
{
	struct comparison *c = opaque;
	uint64_t len = 0;
	int r;

	if (++c->pages > PAGES_MAX)
		return too_many(err);
	for (uint64_t from = 0; from < leaf->size; from += len) {
		if (c->run == c->want->n)
			return extra(leaf, err);
		r = compare_part(c, leaf, from, &len, err);
		if (r < 0)
			return r;
		c->done += len;
		if (c->done == c->want->runs[c->run].len) {
			c->run++;
			c->done = 0;
		}
	}
	return 0;
}

static int verify_device(const struct moat_ioas *ioas,
			 const struct ioas_device *dev,
			 const struct expected *want, uint64_t *root,
			 struct moat_err *err)
{
	struct comparison c = { .want = want };
	struct live_source source;
	int r;

	r = live_source_read(ioas->host, dev->bdf, &source, err);
	if (r < 0)
		return r;
	/* Devices that share their tables are looked at once. */
	if (source.root == *root)
		return 0;
	r = live_leaves_read(ioas->host, dev->bdf, &source, compare_leaf, &c,
			     err);
	if (r < 0)
		return r;
	if (c.run < want->n)
		return missing(want->runs[c.run].iova + c.done, err);
	*root = source.root;
	return 0;
}

int moat_ioas_verify(struct moat_ioas *ioas, uint64_t *ret_pages,
		     struct moat_err *err)
{
	struct expected want = { .page_size = ioas->page_size };
	uint64_t root = UINT64_MAX; /* no table is there */
	int r;

	if (!moat_ioas_is_fence(ioas))
		return moat_fail(err, -ENOTSUP,
				 "there are no tables to verify: the devices "
				 "are not translated");
	(void)pthread_mutex_lock(&ioas->lock);
	r = expect_maps(ioas, &want, err);
	for (struct ioas_device *dev = ioas->devices; r == 0 && dev;
	     dev = dev->next) {
		r = verify_device(ioas, dev, &want, &root, err);
		if (r < 0)
			r = moat_fail_prefix(err, r, "%s", dev->name);
	}
	(void)pthread_mutex_unlock(&ioas->lock);
	if (r == 0 && ret_pages)
		*ret_pages = want.pages;
	free(want.runs);
	return r;
}
