/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an address space's tables must map: its ranges, and what is behind. */
#ifndef MOAT_VTD_EXPECT_H
#define MOAT_VTD_EXPECT_H

#include <stddef.h>
#include <stdint.h>

#include <moat/err.h>

/* 512 MiB of small pages; 256 GiB of those of 2 MiB. */
#define EXPECTED_PAGES_MAX 131072u

struct moat_ioas;

/* Contiguous on both sides. */
struct run {
	uint64_t iova;
	uint64_t addr;
	uint64_t len;
	unsigned int prot;
};

struct expected {
	struct run *runs; /* ascending by IOVA */
	size_t n, room;
	uint64_t pages; /* that the tables must have, at least */
	uint64_t page_size;
	uint64_t largest; /* page that the tables can have */
};

/**
 * expected_read() - put it together, with ioas->lock held
 *
 * Return: 0; -EFBIG when the tables have more than EXPECTED_PAGES_MAX pages;
 * -EPERM (the kernel hides where memory is), -ENOENT, -EIO, -ENOMEM. On
 * success the caller owes an expected_free().
 */
int expected_read(const struct moat_ioas *ioas, struct expected *ret_want,
		  struct moat_err *err);
void expected_free(struct expected *want);

/** expected_too_many() - the sentence for -EFBIG, which it returns */
int expected_too_many(struct moat_err *err);

#endif /* MOAT_VTD_EXPECT_H */
