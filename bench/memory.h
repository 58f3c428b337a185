/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory that devices transfer to and from: huge pages of one node, and where
 * a device finds each of them.
 */
#ifndef MOAT_BENCH_MEMORY_H
#define MOAT_BENCH_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include <moat/err.h>
#include <moat/ioas.h>

#define BENCH_HUGE_PAGE (UINT64_C(2) << 20)

struct bench_memory {
	uint8_t *at;
	uint64_t len;  /* multiple of BENCH_HUGE_PAGE */
	uint64_t *bus; /* of each huge page: its address for the device */
	int ring;      /* whose registered buffers pin it; -1: not pinned */
};

/**
 * bench_memory_create() - huge pages, touched
 * @node: -1: wherever they are
 *
 * Shared with processes that are forked. The addresses for devices are I/O
 * addresses from 16 MiB on, until it is pinned.
 * Return: 0; -ENOMEM (not enough huge pages there, with the remedy).
 */
int bench_memory_create(uint64_t len, int node, struct bench_memory *ret_memory,
			struct moat_err *err);

/**
 * bench_memory_pin() - for devices without an IOMMU: it stays where it is
 *
 * From here on the addresses for devices are physical ones.
 * Return: 0; -EPERM (addresses or io_uring are forbidden), -ENOSYS, -ENOMEM.
 */
int bench_memory_pin(struct bench_memory *memory, struct moat_err *err);

/**
 * bench_memory_map() - let a device reach all of it
 * @piece: bytes of each map: 4 KiB makes the IOMMU's pages small
 *
 * Return: as moat_ioas_map().
 */
int bench_memory_map(const struct bench_memory *memory, struct moat_ioas *ioas,
		     uint64_t piece, struct moat_err *err);

/** bench_memory_bus() - what a device calls a byte of it */
static inline uint64_t bench_memory_bus(const struct bench_memory *memory,
					uint64_t offset)
{
	return memory->bus[offset / BENCH_HUGE_PAGE] + offset % BENCH_HUGE_PAGE;
}

/** bench_memory_destroy() - all zero is fine; no device may reach it then */
void bench_memory_destroy(struct bench_memory *memory);

#endif /* MOAT_BENCH_MEMORY_H */
