// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Huge pages for DMA, see memory.h. A memfd, so that a process that keeps it
 * for another one has the same pages.
 *
 * Source: memfd_create(2), mbind(2), io_uring_register(2).
 */
#include <errno.h>
#include <linux/io_uring.h>
#include <linux/memfd.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "bench/memory.h"
#include "common/host.h"
#include "common/pagemap.h"
#include "common/util.h"

#define FIRST_IOVA (16 * MiB)
#define NODES_MAX  1024

static int bind_to(const struct bench_memory *memory, int node,
		   struct moat_err *err)
{
	unsigned long mask[NODES_MAX / (8 * sizeof(long))] = { 0 };
	const size_t bits = 8 * sizeof(long);

	if (node < 0)
		return 0;
	if (node >= NODES_MAX)
		return moat_fail(err, -EINVAL, "there is no node %d", node);
	mask[(size_t)node / bits] = 1ul << (size_t)node % bits;
	if (syscall(SYS_mbind, memory->at, memory->len, MPOL_BIND, mask,
		    NODES_MAX, 0) < 0)
		return moat_fail(err, -errno, "memory of node %d: %s", node,
				 strerror(errno));
	return 0;
}

/* A page that is missing would be a SIGBUS: ask for all at once instead. */
static int populate(const struct bench_memory *memory, int node,
		    struct moat_err *err)
{
	char where[32] = "";

	if (madvise(memory->at, memory->len, MADV_POPULATE_WRITE) == 0)
		return 0;
	if (node >= 0)
		(void)snprintf(where, sizeof(where), " on node %d", node);
	return moat_fail(err, -ENOMEM,
			 "%llu huge pages of 2 MiB are needed%s and not free; "
			 "see /sys/devices/system/node/node*/hugepages/"
			 "hugepages-2048kB/nr_hugepages",
			 (unsigned long long)(memory->len / BENCH_HUGE_PAGE),
			 where);
}

static int create_pages(struct bench_memory *memory, struct moat_err *err)
{
	int fd = memfd_create("moat-bench",
			      MFD_CLOEXEC | MFD_HUGETLB | MFD_HUGE_2MB);
	int r;

	if (fd < 0)
		return moat_fail(err, -errno, "no huge pages: %s",
				 strerror(errno));
	r = ftruncate(fd, (off_t)memory->len) < 0 ? -errno : 0;
	if (r == 0) {
		memory->at = mmap(NULL, memory->len, PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_NORESERVE, fd, 0);
		if (memory->at == MAP_FAILED)
			r = -errno;
	}
	(void)close(fd);
	if (r == 0)
		return 0;
	memory->at = NULL;
	return moat_fail(err, r, "memory of huge pages: %s", strerror(-r));
}

int bench_memory_create(uint64_t len, int node, struct bench_memory *ret_memory,
			struct moat_err *err)
{
	struct bench_memory memory = { .len = align_up(len, BENCH_HUGE_PAGE),
				       .ring = -1 };
	size_t n = memory.len / BENCH_HUGE_PAGE;
	int r;

	memory.bus = calloc(n, sizeof(*memory.bus));
	if (!memory.bus)
		return moat_fail(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++)
		memory.bus[i] = FIRST_IOVA + i * BENCH_HUGE_PAGE;
	r = create_pages(&memory, err);
	if (r == 0)
		r = bind_to(&memory, node, err);
	if (r == 0)
		r = populate(&memory, node, err);
	if (r < 0) {
		bench_memory_destroy(&memory);
		return r;
	}
	*ret_memory = memory;
	return 0;
}

static int find_pages(struct bench_memory *memory, struct moat_err *err)
{
	int fd, r = moat_pagemap_open(&moat_this_host, &fd);

	for (uint64_t i = 0; r == 0 && i < memory->len / BENCH_HUGE_PAGE; i++) {
		r = moat_pagemap_read(fd, memory->at + i * BENCH_HUGE_PAGE, 1,
				      &memory->bus[i]);
		if (r < 0)
			(void)close(fd);
	}
	if (r < 0)
		return moat_fail(err, r, "physical addresses: %s; run as root",
				 strerror(-r));
	(void)close(fd);
	return 0;
}

int bench_memory_pin(struct bench_memory *memory, struct moat_err *err)
{
	const struct iovec all = { memory->at, memory->len };
	struct io_uring_params params = { 0 };
	int r;

	memory->ring = (int)syscall(SYS_io_uring_setup, 1, &params);
	if (memory->ring < 0 || syscall(SYS_io_uring_register, memory->ring,
					IORING_REGISTER_BUFFERS, &all, 1) < 0) {
		r = -errno;
		return moat_fail(err, r, "pinning memory by io_uring: %s",
				 strerror(-r));
	}
	return find_pages(memory, err);
}

int bench_memory_map(const struct bench_memory *memory, struct moat_ioas *ioas,
		     uint64_t piece, struct moat_err *err)
{
	int r = 0;

	/* A child of who created it has the pages, but no page table yet. */
	if (madvise(memory->at, memory->len, MADV_POPULATE_WRITE) < 0)
		return moat_fail(err, -errno, "memory of huge pages: %s",
				 strerror(errno));
	for (uint64_t at = 0; r == 0 && at < memory->len; at += piece)
		r = moat_ioas_map(ioas, bench_memory_bus(memory, at), piece,
				  memory->at + at,
				  MOAT_DMA_READ | MOAT_DMA_WRITE, err);
	return r;
}

void bench_memory_destroy(struct bench_memory *memory)
{
	if (memory->ring >= 0 && memory->at)
		(void)close(memory->ring);
	if (memory->at)
		(void)munmap(memory->at, memory->len);
	free(memory->bus);
	*memory = (struct bench_memory) { .ring = -1 };
}
