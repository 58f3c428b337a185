/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What memory is mapped in: the kernel's IOMMU interfaces, or tables of ours. */
#ifndef MOAT_BENCH_TARGET_H
#define MOAT_BENCH_TARGET_H

#include <stdint.h>

#include <moat/bdf.h>
#include <moat/err.h>

#include "bench/buffer.h"

enum target_kind {
	TARGET_TYPE1,
	TARGET_IOMMUFD,
	TARGET_VTD, /* second-stage tables by iommu/vtd, no hardware */
	TARGET_KINDS
};

/* "type1", "iommufd", "vtd", NULL */
extern const char *const target_names[];

struct bench_target;

/**
 * target_open() - an address space with a device in it
 * @bdf: bound to VFIO's driver; TARGET_VTD needs none
 *
 * Return: 0; -ENOENT when the host has no such interface; or why the device
 * cannot be attached.
 */
int target_open(enum target_kind kind, struct moat_bdf bdf,
		struct bench_target **ret_target, struct moat_err *err);

/**
 * target_map() - the first @len bytes of @buffer
 * @ret_kernel_ns: of the time, inside the kernel's call; 0: it has no part
 */
int target_map(struct bench_target *target, const struct bench_buffer *buffer,
	       uint64_t len, uint64_t *ret_kernel_ns, struct moat_err *err);

/** target_unmap() - the same @len */
int target_unmap(struct bench_target *target, uint64_t len,
		 struct moat_err *err);

/** target_close() - NULL is fine */
void target_close(struct bench_target *target);

#endif /* MOAT_BENCH_TARGET_H */
