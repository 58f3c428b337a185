// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where memory is mapped, see target.h.
 *
 * The software's tables get one map for each page of the memory: what is next
 * to a page in a process is not next to it in the machine. The addresses are
 * the process's own, which is as good as any for building tables.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <moat/ioas.h>

#include "bench/target.h"
#include "common/util.h"
#include "iommu/vtd/build.h"

#define FIRST_IOVA (4 * GiB) /* above the MSI window */
#define TABLE	   4096

const char *const target_names[] = { "type1", "iommufd", "vtd", NULL };

struct bench_target {
	struct moat_bdf bdf;
	struct moat_ioas *ioas; /* NULL: @tables */
	int device_fd;		/* -1: not attached */
	struct vtd_tables *tables;
};

/* ---- the software's tables ---- */

static void *table_alloc(void *opaque, uint64_t *ret_addr)
{
	void *page = aligned_alloc(TABLE, TABLE);

	(void)opaque;
	if (page)
		memset(page, 0, TABLE);
	*ret_addr = (uint64_t)(uintptr_t)page;
	return page;
}

static void table_free(void *opaque, void *page, uint64_t addr)
{
	(void)opaque;
	(void)addr;
	free(page);
}

static int open_tables(struct bench_target *target, struct moat_err *err)
{
	static const struct vtd_tables_config config = {
		.levels = 4,
		.page_sizes = 4 * KiB | 2 * MiB | GiB,
		.host_bits = 48,
	};
	static const struct vtd_tables_memory memory = {
		.alloc = table_alloc,
		.free = table_free,
	};
	int r = vtd_tables_create(&config, &memory, &target->tables);

	return r < 0 ? moat_fail(err, r, "tables: %s", strerror(-r)) : 0;
}

static int map_tables(struct bench_target *target,
		      const struct bench_buffer *buffer, uint64_t len)
{
	const uint64_t page = buffer_page_size(buffer->pages);
	int r = 0;

	for (uint64_t at = 0; r == 0 && at < len; at += page)
		r = vtd_tables_map(target->tables, FIRST_IOVA + at,
				   (uint64_t)(uintptr_t)buffer->at + at,
				   min_u64(page, len - at),
				   VTD_MAP_READ | VTD_MAP_WRITE);
	return r;
}

/* ---- the kernel's ---- */

static int open_ioas(struct bench_target *target, enum target_kind kind,
		     struct moat_err *err)
{
	const struct moat_ioas_config config = {
		.backend = target_names[kind],
	};
	int r = moat_ioas_create(&config, &target->ioas, err);

	if (r == 0)
		r = moat_ioas_attach(target->ioas, target->bdf,
				     &target->device_fd, err);
	return r;
}

static int map_ioas(struct bench_target *target,
		    const struct bench_buffer *buffer, uint64_t len,
		    uint64_t *ret_kernel_ns, struct moat_err *err)
{
	struct moat_ioas_stats before, after;
	int r;

	moat_ioas_get_stats(target->ioas, &before);
	r = moat_ioas_map(target->ioas, FIRST_IOVA, len, buffer->at,
			  MOAT_DMA_READ | MOAT_DMA_WRITE, err);
	if (r < 0)
		return r;
	moat_ioas_get_stats(target->ioas, &after);
	*ret_kernel_ns = after.kernel_ns - before.kernel_ns;
	return 0;
}

/* ---- either ---- */

int target_open(enum target_kind kind, struct moat_bdf bdf,
		struct bench_target **ret_target, struct moat_err *err)
{
	struct bench_target *target = calloc(1, sizeof(*target));
	int r;

	if (!target)
		return moat_fail(err, -ENOMEM, "out of memory");
	target->bdf = bdf;
	target->device_fd = -1;
	r = kind == TARGET_VTD ? open_tables(target, err)
			       : open_ioas(target, kind, err);
	if (r < 0) {
		target_close(target);
		return r;
	}
	*ret_target = target;
	return 0;
}

int target_map(struct bench_target *target, const struct bench_buffer *buffer,
	       uint64_t len, uint64_t *ret_kernel_ns, struct moat_err *err)
{
	int r;

	*ret_kernel_ns = 0;
	if (target->ioas)
		return map_ioas(target, buffer, len, ret_kernel_ns, err);
	r = map_tables(target, buffer, len);
	return r < 0 ? moat_fail(err, r, "tables: %s", strerror(-r)) : 0;
}

int target_unmap(struct bench_target *target, uint64_t len,
		 struct moat_err *err)
{
	int r;

	if (target->ioas) {
		r = moat_ioas_unmap(target->ioas, FIRST_IOVA, len);
	} else {
		r = vtd_tables_unmap(target->tables, FIRST_IOVA, len, NULL);
		vtd_tables_reap(target->tables);
	}
	return r < 0 ? moat_fail(err, r, "unmapping: %s", strerror(-r)) : 0;
}

void target_close(struct bench_target *target)
{
	if (!target)
		return;
	if (target->device_fd >= 0) {
		(void)close(target->device_fd);
		moat_ioas_detach(target->ioas, target->bdf);
	}
	moat_ioas_destroy(target->ioas);
	vtd_tables_destroy(target->tables);
	free(target);
}
