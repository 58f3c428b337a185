/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CPUs and nodes of the machine, and the calling thread's place there. */
#ifndef MOAT_BENCH_NODE_H
#define MOAT_BENCH_NODE_H

#include <stddef.h>

#include <moat/bdf.h>
#include <moat/err.h>
#include <moat/set.h>

#define BENCH_NO_NODE (-1)

struct bench_nodes {
	int near; /* a device's; BENCH_NO_NODE: not known */
	int far;  /* another with CPUs and memory; BENCH_NO_NODE: none */
	struct moat_set near_cpus, far_cpus; /* not known: all of them */
	struct moat_set all;
};

/** bench_nodes_of() - what is near to a device, and what is far */
int bench_nodes_of(struct moat_bdf bdf, struct bench_nodes *ret_nodes,
		   struct moat_err *err);

/** bench_run_on() - the calling thread runs on these CPUs only */
int bench_run_on(const struct moat_set *cpus, struct moat_err *err);

#endif /* MOAT_BENCH_NODE_H */
