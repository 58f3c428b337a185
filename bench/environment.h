/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where and with what a benchmark ran. */
#ifndef MOAT_BENCH_ENVIRONMENT_H
#define MOAT_BENCH_ENVIRONMENT_H

#include <stdbool.h>
#include <stdint.h>

struct moat_host;

#define BENCH_TEXT_MAX 128

struct bench_environment {
	char cpu[BENCH_TEXT_MAX];     /* the processor's name */
	char machine[BENCH_TEXT_MAX]; /* the maker's and the product's */
	bool emulated; /* a hypervisor is under us: its times are no hardware's */
	unsigned int cpus;
	uint64_t memory; /* bytes */
	char kernel[BENCH_TEXT_MAX];
	char commit[BENCH_TEXT_MAX]; /* of moat */
	char date[BENCH_TEXT_MAX];   /* ISO 8601, UTC */
};

/**
 * bench_environment_read() - find it out
 * @host: NULL: this machine
 *
 * What cannot be found out is "unknown" or 0.
 */
void bench_environment_read(const struct moat_host *host,
			    struct bench_environment *ret_env);

#endif /* MOAT_BENCH_ENVIRONMENT_H */
