// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the tables must map, see expect.h: from the list of maps and from
 * /proc/self/pagemap, runs of memory that are contiguous in both. Memory that
 * is mapped is pinned, so pagemap stays true.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/io.h"
#include "common/pagemap.h"
#include "common/util.h"
#include "iommu/ioas_impl.h"
#include "iommu/vtd/expect.h"
#include "iommu/vtd/live.h"

#define BATCH 2048u

int expected_too_many(struct moat_err *err)
{
	return moat_fail(err, -EFBIG,
			 "the IOMMU's tables have more than %u pages, too many "
			 "to be read back; give the guest huge pages "
			 "(-hugepages 2M), or less memory",
			 EXPECTED_PAGES_MAX);
}

static int add_run(struct expected *want, const struct run *run,
		   struct moat_err *err)
{
	struct run *last = want->n ? &want->runs[want->n - 1] : NULL;

	if (last && last->iova + last->len == run->iova &&
	    last->addr + last->len == run->addr && last->prot == run->prot) {
		last->len += run->len;
		return 0;
	}
	if (want->n == EXPECTED_PAGES_MAX)
		return expected_too_many(err);
	if (want->n == want->room) {
		const size_t room = want->room ? 2 * want->room : 64;
		struct run *runs =
			reallocarray(want->runs, room, sizeof(*runs));

		if (!runs)
			return moat_fail(err, -ENOMEM, "out of memory");
		want->runs = runs;
		want->room = room;
	}
	want->runs[want->n++] = *run;
	return 0;
}

/* @n pages from @iova on, which are at @pa: by what lies together. */
static int add_pages(struct expected *want, uint64_t iova, const uint64_t *pa,
		     size_t n, unsigned int prot, struct moat_err *err)
{
	const uint64_t size = want->page_size;
	int r = 0;

	for (size_t i = 0, same; r == 0 && i < n; i += same) {
		for (same = 1; i + same < n; same++)
			if (pa[i + same] != pa[i] + same * size)
				break;
		r = add_run(want,
			    &(struct run) { iova + i * size, pa[i], same * size,
					    prot },
			    err);
	}
	return r;
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

/* Of small pages, which may lie anywhere. */
static int add_small(struct expected *want, const struct ioas_map *map,
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
		r = add_pages(want, iova, pa, some, map->prot, err);
		if (r < 0)
			return r;
		iova += some * want->page_size;
		vaddr += some * want->page_size;
		pages -= some;
	}
	return 0;
}

/* Of huge pages, each in one piece: one address each will do. */
static int add_huge(struct expected *want, const struct ioas_map *map,
		    uint64_t size, int pagemap_fd, struct moat_err *err)
{
	const uint64_t len = map->range.last - map->range.first + 1;
	const uint8_t *vaddr = map->vaddr;
	struct run run = { .prot = map->prot };
	int r = 0;

	for (uint64_t done = 0; r == 0 && done < len; done += run.len) {
		run.iova = map->range.first + done;
		run.len =
			min_u64(size - ((uintptr_t)(vaddr + done) & (size - 1)),
				len - done);
		r = moat_pagemap_read(pagemap_fd, vaddr + done, 1, &run.addr);
		r = r < 0 ? unreadable(r, err) : add_run(want, &run, err);
	}
	return r;
}

static int add_map(const struct moat_ioas *ioas, struct expected *want,
		   const struct ioas_map *map, int pagemap_fd,
		   struct moat_err *err)
{
	const uint8_t *vaddr = map->vaddr;
	const uint64_t size = moat_pagemap_page_size(
		ioas->host, vaddr,
		vaddr + (map->range.last - map->range.first));

	if (size <= want->page_size)
		return add_small(want, map, pagemap_fd, err);
	return add_huge(want, map, size, pagemap_fd, err);
}

/*
 * The fewest pages that can map @run: each as large as both sides allow, and
 * the tables.
 */
static uint64_t fewest_pages(const struct run *run, uint64_t largest)
{
	static const uint64_t sizes[] = { GiB, 2 * MiB, 4 * KiB };
	uint64_t n = 0;

	for (uint64_t done = 0; done < run->len; n++) {
		const uint64_t both = (run->iova + done) | (run->addr + done);
		size_t i = 0;

		while (i < ARRAY_SIZE(sizes) - 1 &&
		       (sizes[i] > largest || !is_aligned(both, sizes[i]) ||
			run->len - done < sizes[i]))
			i++;
		done += sizes[i];
	}
	return n;
}

/* Has the administrator told type1 to use no large pages? */
static bool type1_is_small(const struct moat_ioas *ioas)
{
	char path[PATH_MAX], text[8];

	return strcmp(ioas->ops->name, "type1") == 0 &&
	       moat_path(path,
			 "%s/module/vfio_iommu_type1/parameters/"
			 "disable_hugepages",
			 ioas->host->sysfs) == 0 &&
	       moat_read_text(path, text, sizeof(text)) == 0 && text[0] == 'Y';
}

/* Devices may share their tables: what the least of their units can. */
static uint64_t largest_page(const struct moat_ioas *ioas)
{
	uint64_t largest = GiB;

	if (ioas->small_pages || type1_is_small(ioas))
		return ioas->page_size;
	for (const struct ioas_device *dev = ioas->devices; dev;
	     dev = dev->next)
		largest = min_u64(largest,
				  live_largest_page(ioas->host, dev->bdf));
	return largest;
}

static int add_maps(const struct moat_ioas *ioas, struct expected *want,
		    struct moat_err *err)
{
	int fd = -1, r;

	if (ioas->n_maps == 0)
		return 0;
	r = moat_pagemap_open(ioas->host, &fd);
	if (r < 0)
		return unreadable(r, err);
	for (size_t i = 0; r == 0 && i < ioas->n_maps; i++)
		r = add_map(ioas, want, &ioas->maps[i], fd, err);
	(void)close(fd);
	return r;
}

int expected_read(const struct moat_ioas *ioas, struct expected *ret_want,
		  struct moat_err *err)
{
	struct expected want = {
		.page_size = ioas->page_size,
		.largest = largest_page(ioas),
	};
	int r;

	r = add_maps(ioas, &want, err);
	for (size_t i = 0; r == 0 && i < want.n; i++)
		want.pages += fewest_pages(&want.runs[i], want.largest);
	if (r == 0 && want.pages > EXPECTED_PAGES_MAX)
		r = expected_too_many(err);
	if (r < 0) {
		expected_free(&want);
		return r;
	}
	*ret_want = want;
	return 0;
}

void expected_free(struct expected *want)
{
	free(want->runs);
	*want = (struct expected) { 0 };
}
