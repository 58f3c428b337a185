/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the differential test has of its host: memory whose physical addresses
 * it knows, the registers of the remapping unit, and an NVMe controller for a
 * DMA engine. Anything that fails here ends the program.
 */
#ifndef MOAT_TESTS_LAB_DIFFER_HOST_H
#define MOAT_TESTS_LAB_DIFFER_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HUGE_SIZE  (UINT64_C(2) << 20)
#define BLOCK_SIZE 512u
#define BLOCKS	   ((unsigned int)(HUGE_SIZE / BLOCK_SIZE))

/** die() - say so and exit with 2 */
void die(const char *format, ...)
	__attribute__((format(printf, 1, 2), noreturn));

/* A huge page of memory. */
struct huge {
	uint8_t *p;
	uint64_t pa;
};

struct huge huge_get(void);

/** drhd_map() - the registers of the first remapping unit */
volatile uint8_t *drhd_map(void);

static inline uint64_t hard_get64(volatile uint8_t *unit, unsigned int offset)
{
	return *(volatile uint64_t *)(unit + offset);
}

static inline uint32_t hard_get(volatile uint8_t *unit, unsigned int offset)
{
	return *(volatile uint32_t *)(unit + offset);
}

/** hard_set() - @size is 4 or 8 */
static inline void hard_set(volatile uint8_t *unit, unsigned int offset,
			    uint64_t value, unsigned int size)
{
	if (size == 8)
		*(volatile uint64_t *)(unit + offset) = value;
	else
		*(volatile uint32_t *)(unit + offset) = (uint32_t)value;
}

/** sid_of() - the requester id of 0000:bb:dd.f */
uint16_t sid_of(const char *bdf);

/* A controller with one pair of queues beside the admin's. */
struct nvme {
	volatile uint8_t *bar;
	struct huge queues; /* at their physical addresses for the device too */
	unsigned int tail[2], head[2];
	bool phase[2];
};

enum nvme_op { NVME_WRITE = 1, NVME_READ = 2, NVME_COMPARE = 5 };

/** nvme_open() - @bdf has no driver */
void nvme_open(struct nvme *n, const char *bdf);

/** nvme_start() - reset, and make the queues */
void nvme_start(struct nvme *n);

/**
 * nvme_run() - one command on blocks
 * @addr: of the data, as the device is to use it
 * Return: its status, less the phase bit.
 */
unsigned int nvme_run(struct nvme *n, enum nvme_op op, unsigned int block,
		      unsigned int n_blocks, uint64_t addr);

/**
 * nvme_fetch() - reset, and have it fetch a command from @addr, which must fail
 *
 * Return: whether it did.
 */
bool nvme_fetch(struct nvme *n, uint64_t addr);

#endif /* MOAT_TESTS_LAB_DIFFER_HOST_H */
