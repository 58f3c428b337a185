/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options whose value is a list: "4K,128K,1M". */
#ifndef MOAT_BENCH_LIST_H
#define MOAT_BENCH_LIST_H

#include <stddef.h>
#include <stdint.h>

#include <moat/err.h>

#define BENCH_LIST_MAX 32

struct bench_list {
	uint64_t item[BENCH_LIST_MAX];
	size_t n;
};

/**
 * bench_list_sizes() - sizes or numbers with commas between
 * @what: the option's name, for messages
 *
 * Return: 0, or -EINVAL with a sentence: nothing, no size, too many.
 */
int bench_list_sizes(const char *what, const char *text,
		     struct bench_list *ret_list, struct moat_err *err);

/**
 * bench_list_words() - words out of a table
 * @words: what is allowed; the items are indexes of it
 *
 * Return: as above; a word given twice is an error, too.
 */
int bench_list_words(const char *what, const char *text,
		     const char *const *words, struct bench_list *ret_list,
		     struct moat_err *err);

/** bench_size_str() - "4K", "1M", "1000" */
const char *bench_size_str(uint64_t bytes, char buf[32]);

#endif /* MOAT_BENCH_LIST_H */
