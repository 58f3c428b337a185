// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The loop that keeps a disk busy, see dma.h. It polls.
 *
 * A sample's throughput is the median of its parts', of equal time: a moment
 * in which the machine did something else does not count then, and does in a
 * mean.
 */
#include <errno.h>
#include <stdlib.h>

#include "bench/dma.h"
#include "bench/stats.h"
#include "common/clock.h"
#include "common/util.h"

#define LATENCIES_MAX 65536 /* of the first transfers; enough for a p99 */
#define DEADLINE_NS   (60 * NS_PER_S)
#define PARTS	      10

struct run {
	struct nvme *nvme;
	const struct dma_load *load;
	uint64_t next;	 /* block of the disk */
	uint64_t stride; /* blocks of a transfer */
	uint64_t started[NVME_DEPTH_MAX];
	double *latency_us;
	size_t n_latencies;
	uint64_t transfers, last_ns;
	/* The part under way; a few of them may have nothing in them. */
	uint64_t part_ns, part_start, part_transfers;
	double part_gib_per_s[PARTS];
	size_t n_parts;
};

static void start_one(struct run *run, unsigned int slot, uint64_t now)
{
	const struct nvme_info *info = nvme_info(run->nvme);

	if (run->next > info->blocks - run->stride)
		run->next = 0;
	run->started[slot] = now;
	nvme_submit(run->nvme, slot, run->load->write, run->next);
	run->next += run->stride;
}

/* The part ends with the first transfer that ends after its time. */
static void end_part(struct run *run, uint64_t now)
{
	double bytes = (double)(run->part_transfers * run->load->block);

	if (run->n_parts < PARTS)
		run->part_gib_per_s[run->n_parts++] =
			bytes / (double)GiB * (double)NS_PER_S /
			(double)(now - run->part_start);
	run->part_start = now;
	run->part_transfers = 0;
}

static void note_end(struct run *run, unsigned int slot, uint64_t now)
{
	if (run->n_latencies < LATENCIES_MAX)
		run->latency_us[run->n_latencies++] =
			(double)(now - run->started[slot]) / 1000;
	run->transfers++;
	run->last_ns = now;
	run->part_transfers++;
	if (now - run->part_start >= run->part_ns)
		end_part(run, now);
}

/* Until all that was started has ended. */
static int keep_busy(struct run *run, uint64_t start, struct moat_err *err)
{
	uint64_t end = start + run->load->time_ms * NS_PER_MS, now = start;
	unsigned int under_way = run->load->depth;

	for (unsigned int i = 0; i < run->load->depth; i++)
		start_one(run, i, moat_now_ns());
	run->last_ns = run->part_start = start;
	while (under_way) {
		int slot = nvme_reap(run->nvme);

		now = moat_now_ns();
		if (slot == -EAGAIN) {
			if (now > run->last_ns + DEADLINE_NS)
				return moat_fail(err, -ETIMEDOUT,
						 "NVMe: a transfer does not "
						 "end");
			continue;
		}
		if (slot < 0)
			return moat_fail(err, slot,
					 "NVMe: the disk failed a transfer");
		note_end(run, (unsigned int)slot, now);
		if (now < end)
			start_one(run, (unsigned int)slot, now);
		else
			under_way--;
	}
	return 0;
}

int dma_run(struct nvme *nvme, const struct dma_load *load,
	    struct dma_sample *ret_sample, struct moat_err *err)
{
	struct run run = { .nvme = nvme,
			   .load = load,
			   .part_ns = load->time_ms * NS_PER_MS / PARTS,
			   .stride = load->block / nvme_info(nvme)->block_size };
	struct bench_stats stats, parts;
	int r;

	run.latency_us = calloc(LATENCIES_MAX, sizeof(double));
	if (!run.latency_us)
		return moat_fail(err, -ENOMEM, "out of memory");
	for (unsigned int i = 0; i < load->depth; i++)
		nvme_prepare(nvme, i,
			     NVME_OWN_MEMORY + i * max_u64(load->block, 4096),
			     load->block);
	r = keep_busy(&run, moat_now_ns(), err);
	if (r == 0) {
		r = bench_stats_of(run.latency_us, run.n_latencies, &stats);
		if (r == 0)
			r = bench_stats_of(run.part_gib_per_s, run.n_parts,
					   &parts);
		if (r < 0)
			(void)moat_fail(err, r, "out of memory");
	}
	free(run.latency_us);
	if (r < 0)
		return r;
	ret_sample->transfers = run.transfers;
	ret_sample->latency_us = stats.median;
	ret_sample->latency_p99_us = stats.p99;
	ret_sample->gib_per_s = parts.median;
	return 0;
}
