/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory of each kind of page, and how long it takes to have it. */
#ifndef MOAT_BENCH_BUFFER_H
#define MOAT_BENCH_BUFFER_H

#include <stddef.h>
#include <stdint.h>

#include <moat/err.h>

enum buffer_pages {
	BUFFER_4K,  /* small, and kept so */
	BUFFER_THP, /* ordinary memory with huge pages of 2 MiB */
	BUFFER_2M,  /* hugetlb's */
	BUFFER_1G,
	BUFFER_KINDS
};

/* "4K", "thp", "2M", "1G", NULL */
extern const char *const buffer_names[];

struct moat_host;

struct bench_buffer {
	uint8_t *at; /* aligned to the page */
	uint64_t len;
	enum buffer_pages pages;
	void *base; /* what was mapped */
	size_t base_len;
};

/** buffer_page_size() - bytes of one page */
uint64_t buffer_page_size(enum buffer_pages pages);

/**
 * buffer_available() - how much of it can be had now
 * @host: NULL: this machine
 *
 * Ordinary memory less a tenth, as the machine has other uses for it.
 * Return: bytes, a multiple of the page; 0: none, and @ret_why says why.
 */
uint64_t buffer_available(const struct moat_host *host, enum buffer_pages pages,
			  const char **ret_why);

/** buffer_create() - reserved, not yet there; Return: 0 or an errno, said */
int buffer_create(enum buffer_pages pages, uint64_t len,
		  struct bench_buffer *ret_buffer, struct moat_err *err);

/**
 * buffer_populate() - have the pages, zeroed
 * @n_threads: share the work, each a part of the memory, on a CPU of its own
 *	       as far as there are enough
 * @ret_ns: how long that took, threads included
 *
 * Return: 0, -ENOMEM (the pages are not there), or a thread's errno.
 */
int buffer_populate(const struct bench_buffer *buffer, unsigned int n_threads,
		    uint64_t *ret_ns, struct moat_err *err);

/** buffer_destroy() - all zero is fine */
void buffer_destroy(struct bench_buffer *buffer);

#endif /* MOAT_BENCH_BUFFER_H */
