// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The NVMe driver on a controller in this process: a model that reads the
 * queues from the same memory when a doorbell is written, checks each command
 * and copies from a disk of its own. It knows the specification, and nothing
 * of the driver.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench/nvme.h"
#include "bench/nvme_regs.h"
#include "common/util.h"
#include "tests/check_main.h"

#define BUS_AT	   UINT64_C(0x40000000) /* of the memory, page by page apart */
#define BUS_STEP   (2 * BENCH_HUGE_PAGE)
#define HUGE_PAGES 3
#define BLOCK	   512u
#define BLOCKS	   UINT64_C(8192) /* 4 MiB of disk */
#define QUEUES	   2

struct model_queue {
	uint64_t sq, cq; /* bus addresses */
	unsigned int sq_size, cq_size, sq_head, cq_tail;
	uint16_t phase;
};

/* What bench_function_*() below stand for. */
struct bench_function {
	struct bench_memory *memory;
	uint64_t cap;
	uint32_t cc, csts, aqa;
	uint64_t asq, acq;
	struct model_queue queue[QUEUES];
	uint32_t sgls;
	uint8_t mdts;
	unsigned int n_sgl, n_prp; /* transfers by each */
	unsigned int never_ready, fail_status, wrong_id;
};

static uint8_t disk[BLOCKS * BLOCK];

/* The byte of memory that the controller calls @bus; it must be mapped. */
static uint8_t *at_bus(struct bench_function *fn, uint64_t bus, uint64_t len)
{
	uint64_t page = (bus - BUS_AT) / BUS_STEP;
	uint64_t offset = (bus - BUS_AT) % BUS_STEP;

	ck_assert_msg(bus >= BUS_AT && page < HUGE_PAGES &&
			      offset + len <= BENCH_HUGE_PAGE,
		      "DMA at %#llx, %llu bytes", (unsigned long long)bus,
		      (unsigned long long)len);
	return fn->memory->at + page * BENCH_HUGE_PAGE + offset;
}

static void copy(struct bench_function *fn, bool write, uint64_t bus,
		 uint8_t *data, uint64_t len)
{
	if (write)
		memcpy(data, at_bus(fn, bus, len), len);
	else
		memcpy(at_bus(fn, bus, len), data, len);
}

/* Section 4.3: the first may begin within its page, the others do not. */
static void copy_prp(struct bench_function *fn, const struct nvme_command *c,
		     uint8_t *data, uint64_t len)
{
	bool write = c->opcode == NVME_IO_WRITE;
	uint64_t n = min_u64(len, 4096 - c->prp1 % 4096), rest = len - n;
	const uint64_t *list;

	fn->n_prp++;
	copy(fn, write, c->prp1, data, n);
	if (rest && rest <= 4096) {
		ck_assert(is_aligned(c->prp2, 4096));
		copy(fn, write, c->prp2, data + n, rest);
		return;
	}
	for (unsigned int i = 0; rest; i++) {
		uint64_t part = min_u64(rest, 4096);

		list = (const uint64_t *)at_bus(fn, c->prp2 + 8 * i, 8);
		ck_assert(is_aligned(*list, 4096));
		copy(fn, write, *list, data + len - rest, part);
		rest -= part;
	}
}

static uint16_t transfer(struct bench_function *fn,
			 const struct nvme_command *c)
{
	uint64_t block = c->dw10 | (uint64_t)c->dw11 << 32;
	uint64_t n = (c->dw12 & 0xffff) + 1u;

	ck_assert_uint_eq(c->nsid, 1);
	ck_assert_uint_le(block + n, BLOCKS);
	if (fn->fail_status)
		return (uint16_t)fn->fail_status;
	if ((c->flags & 0xc0) == 0) {
		copy_prp(fn, c, disk + block * BLOCK, n * BLOCK);
		return 0;
	}
	/* Section 4.4: one data block descriptor, its length what is wanted. */
	ck_assert_uint_eq(c->flags & 0xc0, 0x40);
	ck_assert_uint_ne(fn->sgls & 3, 0);
	ck_assert_uint_eq(c->prp2 >> 56, 0);
	ck_assert_uint_eq(c->prp2 & 0xffffffff, n * BLOCK);
	fn->n_sgl++;
	copy(fn, c->opcode == NVME_IO_WRITE, c->prp1, disk + block * BLOCK,
	     n * BLOCK);
	return 0;
}

static void identify(struct bench_function *fn, const struct nvme_command *c)
{
	uint8_t *page = at_bus(fn, c->prp1, 4096);

	memset(page, 0, 4096);
	if (c->dw10 == 1) {
		memcpy(page + 4, "serial 7            ", 20);
		memcpy(page + 24, "model \x01", 7);
		page[77] = fn->mdts;
		memcpy(page + 536, &fn->sgls, 4);
	} else {
		const uint64_t blocks = BLOCKS;

		memcpy(page, &blocks, 8);
		page[26] = 1;	       /* the second format */
		page[128 + 4 + 2] = 9; /* 512 bytes */
	}
}

static uint16_t execute(struct bench_function *fn, unsigned int queue,
			const struct nvme_command *c)
{
	if (queue == 1)
		return transfer(fn, c);
	switch (c->opcode) {
	case NVME_ADMIN_IDENTIFY:
		identify(fn, c);
		return 0;
	case NVME_ADMIN_CREATE_CQ:
		ck_assert_uint_eq(c->dw10 & 0xffff, 1);
		ck_assert_uint_eq(c->dw11 & 1, 1);
		fn->queue[1].cq = c->prp1;
		fn->queue[1].cq_size = (c->dw10 >> 16) + 1;
		fn->queue[1].phase = 1;
		return 0;
	case NVME_ADMIN_CREATE_SQ:
		ck_assert_uint_ne(fn->queue[1].cq, 0); /* that comes first */
		ck_assert_uint_eq(c->dw11 >> 16, 1);
		fn->queue[1].sq = c->prp1;
		fn->queue[1].sq_size = (c->dw10 >> 16) + 1;
		return 0;
	}
	return 1; /* invalid opcode */
}

static void doorbell(struct bench_function *fn, unsigned int queue,
		     uint32_t tail)
{
	struct model_queue *q = &fn->queue[queue];

	ck_assert_uint_lt(tail, q->sq_size);
	while (q->sq_head != tail) {
		struct nvme_command c;
		struct nvme_completion done = { .sq_id = (uint16_t)queue };

		memcpy(&c, at_bus(fn, q->sq + 64ull * q->sq_head, 64), 64);
		q->sq_head = (q->sq_head + 1) % q->sq_size;
		done.id = (uint16_t)(c.id + (queue ? fn->wrong_id : 0));
		done.status =
			(uint16_t)(execute(fn, queue, &c) << 1 | q->phase);
		memcpy(at_bus(fn, q->cq + 16ull * q->cq_tail, 16), &done, 16);
		q->cq_tail = (q->cq_tail + 1) % q->cq_size;
		if (q->cq_tail == 0)
			q->phase ^= 1;
	}
}

static void set_cc(struct bench_function *fn, uint32_t cc)
{
	if ((cc & NVME_CC_ENABLE) && !(fn->cc & NVME_CC_ENABLE)) {
		fn->queue[0] = (struct model_queue) {
			.sq = fn->asq,
			.cq = fn->acq,
			.sq_size = (fn->aqa & 0xfff) + 1,
			.cq_size = (fn->aqa >> 16 & 0xfff) + 1,
			.phase = 1,
		};
		memset(&fn->queue[1], 0, sizeof(fn->queue[1]));
	}
	fn->cc = cc;
	fn->csts = cc & NVME_CC_ENABLE && !fn->never_ready ? NVME_CSTS_READY
							   : 0;
	if (cc & NVME_CC_SHUTDOWN)
		fn->csts |= NVME_CSTS_SHUT_DONE;
}

/* ---- in place of function.c ---- */

volatile void *bench_function_at(struct bench_function *fn, unsigned int bar,
				 uint64_t offset, size_t len)
{
	(void)fn;
	(void)bar;
	(void)offset;
	(void)len;
	return NULL; /* so that all comes to the two below */
}

uint64_t bench_function_read(struct bench_function *fn, unsigned int bar,
			     uint64_t offset, unsigned int size)
{
	ck_assert_uint_eq(bar, 0);
	ck_assert_uint_eq(size, 4);
	switch (offset) {
	case NVME_CAP:
		return (uint32_t)fn->cap;
	case NVME_CAP + 4:
		return fn->cap >> 32;
	case NVME_CSTS:
		return fn->csts;
	}
	return UINT32_MAX;
}

static void set_half(uint64_t *reg, bool high, uint64_t value)
{
	*reg = high ? (uint32_t)*reg | value << 32
		    : (*reg & ~UINT64_C(0xffffffff)) | value;
}

void bench_function_write(struct bench_function *fn, unsigned int bar,
			  uint64_t offset, unsigned int size, uint64_t value)
{
	ck_assert_uint_eq(bar, 0);
	ck_assert_uint_eq(size, 4);
	switch (offset) {
	case NVME_CC:
		set_cc(fn, (uint32_t)value);
		return;
	case NVME_AQA:
		fn->aqa = (uint32_t)value;
		return;
	case NVME_ASQ:
	case NVME_ASQ + 4:
		set_half(&fn->asq, offset & 4, value);
		return;
	case NVME_ACQ:
	case NVME_ACQ + 4:
		set_half(&fn->acq, offset & 4, value);
		return;
	}
	/* Doorbells, 8 bytes apart here: tail and head of each queue in turn. */
	ck_assert_uint_ge(offset, NVME_DOORBELLS);
	offset = (offset - NVME_DOORBELLS) / 8;
	ck_assert_uint_lt(offset, 2 * QUEUES);
	if (offset % 2 == 0)
		doorbell(fn, (unsigned int)offset / 2, (uint32_t)value);
}

/* ---- tests ---- */

static struct bench_memory memory;
static uint64_t bus[HUGE_PAGES];

/* Doorbells 8 bytes apart, queues of 256. */
static const struct bench_function good = {
	.memory = &memory,
	.cap = UINT64_C(1) << 32 | 255,
	.sgls = 1,
	.mdts = 7,
};

static struct nvme *open_it(struct bench_function *fn, bool no_sgl)
{
	const struct nvme_config config = { .function = fn,
					    .memory = &memory,
					    .vector = NVME_POLLED,
					    .no_sgl = no_sgl };
	struct nvme *nvme = NULL;
	struct moat_err err = { "" };

	memory.len = HUGE_PAGES * BENCH_HUGE_PAGE;
	if (!memory.at)
		memory.at = aligned_alloc(BENCH_HUGE_PAGE, memory.len);
	ck_assert_ptr_nonnull(memory.at);
	memset(memory.at, 0x11, memory.len);
	memory.bus = bus;
	for (size_t i = 0; i < HUGE_PAGES; i++)
		bus[i] = BUS_AT + i * BUS_STEP;
	for (size_t i = 0; i < sizeof(disk); i++)
		disk[i] = (uint8_t)(i * 7 + i / 512);
	ck_assert_msg(nvme_open(&config, &nvme, &err) == 0, "%s", err.msg);
	return nvme;
}

START_TEST(what_disk_it_is)
{
	struct bench_function fn = good;
	struct nvme *nvme = open_it(&fn, false);
	const struct nvme_info *info = nvme_info(nvme);

	ck_assert_str_eq(info->serial, "serial 7");
	ck_assert_str_eq(info->model, "model ?"
				      "?????????????????????????????????");
	ck_assert_uint_eq(info->blocks, BLOCKS);
	ck_assert_uint_eq(info->block_size, BLOCK);
	ck_assert_uint_eq(info->max_transfer, 512 * KiB);
	ck_assert(info->takes_sgl);
	nvme_close(nvme);
	ck_assert_uint_eq(fn.cc, 0); /* it is off */
}
END_TEST

static const struct {
	uint64_t offset, len, block;
	bool no_sgl;
	unsigned int n_sgl; /* of a read and a write */
} transfers[] = {
	{ NVME_OWN_MEMORY, 512, 0, false, 0 },
	{ NVME_OWN_MEMORY + 4096, 4096, 8, false, 0 },
	{ NVME_OWN_MEMORY, 8192, BLOCKS - 16, false, 0 }, /* two pages */
	{ NVME_OWN_MEMORY, 12288, 5, false, 0 },	  /* a list of two */
	{ NVME_OWN_MEMORY, 28 * KiB, 0, false, 0 },
	{ NVME_OWN_MEMORY, 32 * KiB, 0, false, 2 },
	{ NVME_OWN_MEMORY, 32 * KiB, 0, true, 0 },
	{ NVME_OWN_MEMORY, MiB, 77, false, 2 },
	{ NVME_OWN_MEMORY, MiB, 77, true, 0 }, /* a list of 255 */
	/* From one huge page into the next, which is elsewhere. */
	{ 2 * BENCH_HUGE_PAGE - 64 * KiB, 128 * KiB, 0, false, 0 },
};

START_TEST(data_there_and_back)
{
	for (size_t i = 0; i < ARRAY_SIZE(transfers); i++) {
		struct bench_function fn = good;
		struct nvme *nvme = open_it(&fn, transfers[i].no_sgl);
		uint8_t *data = memory.at + transfers[i].offset;
		uint8_t *want = disk + transfers[i].block * BLOCK;
		uint64_t len = transfers[i].len;

		nvme_prepare(nvme, 63, transfers[i].offset, len);
		nvme_submit(nvme, 63, false, transfers[i].block);
		ck_assert_int_eq(nvme_reap(nvme), 63);
		ck_assert_int_eq(nvme_reap(nvme), -EAGAIN);
		ck_assert_msg(memcmp(data, want, len) == 0, "case %zu", i);
		ck_assert_uint_eq(data[-1], 0x11);
		ck_assert_uint_eq(data[len], 0x11);
		memset(data, 0xee, len);
		nvme_submit(nvme, 63, true, transfers[i].block);
		ck_assert_int_eq(nvme_reap(nvme), 63);
		ck_assert_msg(memcmp(data, want, len) == 0, "case %zu", i);
		ck_assert_uint_eq(fn.n_sgl, transfers[i].n_sgl);
		ck_assert_uint_eq(fn.n_prp, 2 - transfers[i].n_sgl);
		nvme_close(nvme);
	}
}
END_TEST

/* Queues go round several times, all slots in use. */
START_TEST(many_at_once)
{
	struct bench_function fn = good;
	struct nvme *nvme = open_it(&fn, false);
	unsigned int seen[NVME_DEPTH_MAX] = { 0 };

	for (unsigned int i = 0; i < NVME_DEPTH_MAX; i++)
		nvme_prepare(nvme, i, NVME_OWN_MEMORY + 4096ull * i, 4096);
	for (unsigned int round = 0; round < 10; round++) {
		for (unsigned int i = 0; i < NVME_DEPTH_MAX; i++)
			nvme_submit(nvme, i, false, 8ull * i);
		for (unsigned int i = 0; i < NVME_DEPTH_MAX; i++) {
			int slot = nvme_reap(nvme);

			ck_assert_int_ge(slot, 0);
			seen[slot]++;
		}
		ck_assert_int_eq(nvme_reap(nvme), -EAGAIN);
	}
	for (unsigned int i = 0; i < NVME_DEPTH_MAX; i++)
		ck_assert_uint_eq(seen[i], 10);
	ck_assert_int_eq(memcmp(memory.at + NVME_OWN_MEMORY, disk,
				4096 * NVME_DEPTH_MAX),
			 0);
	nvme_close(nvme);
}
END_TEST

START_TEST(what_the_disk_says_is_checked)
{
	struct bench_function fn = good;
	struct nvme *nvme = open_it(&fn, false);

	nvme_prepare(nvme, 3, NVME_OWN_MEMORY, 4096);
	fn.fail_status = 0x281;
	nvme_submit(nvme, 3, false, 0);
	ck_assert_int_eq(nvme_reap(nvme), -EIO);
	fn.fail_status = 0;
	fn.wrong_id = 1; /* a slot that nothing is under way in */
	nvme_submit(nvme, 3, false, 0);
	ck_assert_int_eq(nvme_reap(nvme), -EIO);
	fn.wrong_id = 1000;
	nvme_submit(nvme, 3, false, 0);
	ck_assert_int_eq(nvme_reap(nvme), -EIO);
	nvme_close(nvme);
}
END_TEST

START_TEST(controllers_that_are_refused)
{
	static const struct {
		uint64_t cap;
		unsigned int never_ready;
		int want;
	} cases[] = {
		{ UINT64_MAX, 0, -ENOTSUP },		  /* it is gone */
		{ UINT64_C(1) << 32 | 63, 0, -ENOTSUP },  /* short queues */
		{ UINT64_C(1) << 48 | 255, 0, -ENOTSUP }, /* pages of 8 KiB */
		{ UINT64_C(1) << 32 | 255, 1, -ETIMEDOUT },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct bench_function fn = good;
		const struct nvme_config config = { .function = &fn,
						    .memory = &memory };
		struct nvme *nvme = open_it(&fn, false);
		struct moat_err err = { "" };

		nvme_close(nvme);
		fn.cap = cases[i].cap;
		fn.never_ready = cases[i].never_ready;
		nvme = NULL;
		ck_assert_int_eq(nvme_open(&config, &nvme, &err),
				 cases[i].want);
		ck_assert_ptr_nonnull(strstr(err.msg, "NVMe"));
		ck_assert_ptr_null(nvme);
	}
}
END_TEST

CHECK_MAIN("bench_nvme", what_disk_it_is, data_there_and_back, many_at_once,
	   what_the_disk_says_is_checked, controllers_that_are_refused)
