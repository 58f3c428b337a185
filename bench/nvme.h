/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An NVMe disk driven from user space: one controller, its first namespace,
 * one queue for transfers. For one thread.
 */
#ifndef MOAT_BENCH_NVME_H
#define MOAT_BENCH_NVME_H

#include <stdbool.h>
#include <stdint.h>

#include <moat/err.h>

#include "bench/function.h"
#include "bench/memory.h"

#define NVME_DEPTH_MAX 64		   /* transfers under way */
#define NVME_BLOCK_MAX (UINT64_C(1) << 20) /* bytes of one */
/* Of the memory's start: queues and lists. Buffers are behind it. */
#define NVME_OWN_MEMORY BENCH_HUGE_PAGE

struct nvme;

struct nvme_info {
	char serial[21], model[41];
	uint64_t blocks;	 /* of the first namespace */
	unsigned int block_size; /* bytes */
	uint64_t max_transfer;	 /* bytes of one command */
	bool takes_sgl;		 /* address and length instead of pages */
};

struct nvme_config {
	struct bench_function *function; /* of a disk that is nobody else's */
	struct bench_memory *memory;	 /* mapped for it */
	int vector; /* that ends of transfers interrupt by; or: */
#define NVME_POLLED (-1)
	bool no_sgl; /* list pages (PRP) even if the disk takes better */
};

/**
 * nvme_open() - reset the controller, make its queues
 * Return: 0; -ENOTSUP (no such controller), -ETIMEDOUT, -EIO.
 */
int nvme_open(const struct nvme_config *config, struct nvme **ret_nvme,
	      struct moat_err *err);

/** nvme_close() - disable it: it transfers nothing any more; NULL is fine */
void nvme_close(struct nvme *nvme);

const struct nvme_info *nvme_info(const struct nvme *nvme);

/**
 * nvme_prepare() - where transfer @slot is from or to
 * @slot: below NVME_DEPTH_MAX, not under way
 * @offset: in the memory; multiple of 4 KiB
 * @len: bytes, a multiple of the block size, no more than the controller takes
 *
 * From 32 KiB on, where Linux does it by default, what lies in one piece for
 * the disk is one data block (SGL), if the disk takes that.
 */
void nvme_prepare(struct nvme *nvme, unsigned int slot, uint64_t offset,
		  uint64_t len);

/** nvme_submit() - start it; at @block of the disk */
void nvme_submit(struct nvme *nvme, unsigned int slot, bool write,
		 uint64_t block);

/**
 * nvme_reap() - take one that has ended
 * Return: its slot; -EAGAIN when none has; -EIO when the disk failed it.
 */
int nvme_reap(struct nvme *nvme);

#endif /* MOAT_BENCH_NVME_H */
