/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a fake kernel shows of the IOMMU's tables and of where memory is: put
 * together by a test, and spoilt by it. One device, one address space.
 */
#ifndef MOAT_TESTS_SHOWN_H
#define MOAT_TESTS_SHOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fake_vfio.h"

#define RW    (MOAT_DMA_READ | MOAT_DMA_WRITE)
#define PAGE  UINT64_C(4096)
#define NAME  "0000:04:08.0"
#define INTEL "sys/kernel/debug/iommu/intel/"
#define ROOT  UINT64_C(0x12345000)
#define TEXT  (1 << 20)

struct shown {
	bool per_device; /* the newer layout */
	bool scalable, first_stage;
	char source[2048]; /* instead of what follows from the above */
	char leaves[TEXT];
	size_t len;
};

extern const struct moat_bdf dev;
extern uint8_t *const memory; /* nobody touches it */
extern struct shown shown;
extern struct fake fake;
extern struct moat_ioas *ioas;
extern struct moat_err err;

void shown_setup(void);
void shown_teardown(void);

/* @n pages at @vaddr are in one piece at @pa. */
void put_pages(const uint8_t *vaddr, uint64_t pa, size_t n);

/* They are, and the address space maps them at @iova. */
void map(uint64_t iova, uint64_t len, uint64_t pa, unsigned int prot);

/* One page of the tables; @bits: of its entry. And pages of one @size. */
void show_leaf(uint64_t iova, uint64_t addr, uint64_t size, uint64_t bits);
void show_range(uint64_t iova, uint64_t len, uint64_t pa, uint64_t size);

/* A line of the tables' list. */
void show_text(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The files, of all that was said. */
void write_source(void);
void write_leaves(void);

#endif /* MOAT_TESTS_SHOWN_H */
