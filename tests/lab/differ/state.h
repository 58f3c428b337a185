/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * States of the tables, made from a seed: what the builder builds, then with
 * some entries spoilt. The accesses to try on each are made here too.
 */
#ifndef MOAT_TESTS_LAB_DIFFER_STATE_H
#define MOAT_TESTS_LAB_DIFFER_STATE_H

#include "iommu/vtd/build.h"
#include "tests/lab/differ/host.h"

#define MAPPINGS_MAX 12u

struct mapping {
	uint64_t iova, len; /* of the part that leads to the target */
	uint64_t addr;	    /* where it leads */
	unsigned int prot;  /* VTD_MAP_* */
};

struct world {
	struct huge frame;  /* the root table, and the context table */
	struct huge arena;  /* paging tables */
	struct huge target; /* what accesses are to land in */
	uint64_t queues;    /* mapped one to one in every state */
	uint64_t next;	    /* the arena's next page */
	unsigned int host_bits;
	unsigned int levels_max;
	uint16_t sid;
	bool scalable;

	/* The state. */
	bool by_fetch; /* no access gets past the context entry */
	uint64_t root; /* where the root table is said to be */
	bool intact;   /* nothing is spoilt: all is as it was asked for */
	unsigned int levels;
	struct vtd_tables *tables;
	struct mapping mapping[MAPPINGS_MAX];
	unsigned int n_mappings;

	unsigned int n_states, n_sources; /* so far */
	uint64_t random;
};

uint64_t random_below(struct world *w, uint64_t n);

/** state_make() - the next; in memory when it returns */
void state_make(struct world *w);

/** state_plain() - all of the target and the queues, one to one */
void state_plain(struct world *w);

/** state_address() - an address to try, a multiple of the block size */
uint64_t state_address(struct world *w);

/** state_mapping() - what an address was mapped by; NULL: nothing */
const struct mapping *state_mapping(const struct world *w, uint64_t iova);

/** state_lacks() - does an entry above a page's last not allow @want? */
bool state_lacks(const struct world *w, uint64_t iova, uint64_t want);

#endif /* MOAT_TESTS_LAB_DIFFER_STATE_H */
