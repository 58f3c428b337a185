/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One sample of an NVMe disk's transfers. */
#ifndef MOAT_BENCH_DMA_H
#define MOAT_BENCH_DMA_H

#include <stdbool.h>
#include <stdint.h>

#include <moat/err.h>

#include "bench/nvme.h"

struct dma_load {
	uint64_t block;	    /* bytes of a transfer */
	unsigned int depth; /* transfers under way */
	unsigned int time_ms;
	bool write; /* what is in the memory, all over the disk */
};

struct dma_sample {
	double gib_per_s;
	double latency_us, latency_p99_us; /* of the sample's transfers */
	uint64_t transfers;
};

/**
 * dma_run() - keep @load->depth transfers under way for a time
 *
 * From the disk's start, one after the other. The memory behind
 * NVME_OWN_MEMORY has @load->depth buffers of a block, each at least a page.
 * Return: 0; -EIO (the disk failed one), -ETIMEDOUT, -ENOMEM; a sentence.
 */
int dma_run(struct nvme *nvme, const struct dma_load *load,
	    struct dma_sample *ret_sample, struct moat_err *err);

#endif /* MOAT_BENCH_DMA_H */
