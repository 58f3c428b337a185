// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * moat_ioas_verify(): what the hardware would walk, compared with what was
 * asked for.
 *
 * What must be there is put together first (expect.c), which says how many
 * pages the tables must at least have: too many are refused before the kernel
 * is asked, as it writes the list with a lock of the unit held. Then each
 * device's tables are gone through page by page, and must be what is
 * expected: nothing more, nothing less, nowhere else.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/util.h"
#include "iommu/ioas_impl.h"
#include "iommu/vtd/expect.h"
#include "iommu/vtd/live.h"

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

	if (++c->pages > EXPECTED_PAGES_MAX)
		return expected_too_many(err);
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
	struct expected want = { 0 };
	uint64_t root = UINT64_MAX; /* no table is there */
	int r;

	if (!moat_ioas_is_fence(ioas))
		return moat_fail(err, -ENOTSUP,
				 "there are no tables to verify: the devices "
				 "are not translated");
	(void)pthread_mutex_lock(&ioas->lock);
	r = expected_read(ioas, &want, err);
	for (struct ioas_device *dev = ioas->devices; r == 0 && dev;
	     dev = dev->next) {
		r = verify_device(ioas, dev, &want, &root, err);
		if (r < 0)
			r = moat_fail_prefix(err, r, "%s", dev->name);
	}
	(void)pthread_mutex_unlock(&ioas->lock);
	if (r == 0 && ret_pages)
		*ret_pages = want.pages;
	expected_free(&want);
	return r;
}
