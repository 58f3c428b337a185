// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * States of the tables, see state.h.
 *
 * Addresses that are tried lie at 16 GiB and above, the queues' below, so that
 * entries of one can be spoilt and leave the others alone. No entry leads to
 * memory that is not the program's: what is no table and no target is where
 * the machine has nothing.
 */
#include "common/util.h"
#include "iommu/vtd/encode.h"
#include "iommu/vtd/table_regs.h"
#include "iommu/vtd/unit_regs.h"
#include "tests/lab/differ/state.h"

#define RW	(VTD_MAP_READ | VTD_MAP_WRITE)
#define NOWHERE UINT64_C(0x3000000000) /* above all memory, of 38 bits */
#define LOWEST	16u		       /* GiB */
#define QUEUES	(UINT64_C(4) * VTD_PAGE_SIZE)

/* Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators". */
static uint64_t random_next(struct world *w)
{
	uint64_t z = w->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

uint64_t random_below(struct world *w, uint64_t n)
{
	return random_next(w) % n;
}

static bool one_in(struct world *w, unsigned int n)
{
	return random_below(w, n) == 0;
}

/* ---- what is built ---- */

static void *arena_alloc(void *opaque, uint64_t *ret_addr)
{
	struct world *w = opaque;
	uint64_t *page = (uint64_t *)(w->arena.p + w->next);

	if (w->next >= HUGE_SIZE)
		return NULL;
	for (unsigned int i = 0; i < VTD_PAGE_SIZE / 8; i++)
		page[i] = 0;
	*ret_addr = w->arena.pa + w->next;
	w->next += VTD_PAGE_SIZE;
	return page;
}

/* All at once, with the next state. */
static void arena_free(void *opaque, void *page, uint64_t addr)
{
	(void)opaque;
	(void)page;
	(void)addr;
}

static void make_tables(struct world *w)
{
	const struct vtd_tables_config config = {
		.levels = w->levels,
		.page_sizes = 4 * KiB | 2 * MiB | GiB,
		.host_bits = w->host_bits,
	};
	const struct vtd_tables_memory memory = {
		.alloc = arena_alloc,
		.free = arena_free,
		.opaque = w,
	};

	vtd_tables_destroy(w->tables);
	w->tables = NULL;
	/* A table at 2 MiB would pass for a page where PS is set. */
	w->next = VTD_PAGE_SIZE;
	w->n_mappings = 0;
	w->root = w->frame.pa;
	if (vtd_tables_create(&config, &memory, &w->tables) < 0 ||
	    vtd_tables_map(w->tables, w->queues, w->queues, QUEUES, RW) < 0)
		die("no tables");
}

/* @at: of a page of 1 GiB, where in it the target is. */
static void map(struct world *w, const struct mapping *mapping, uint64_t at,
		uint64_t len)
{
	struct mapping m = *mapping;

	m.prot = one_in(w, 2) ? RW : 1 + (unsigned int)random_below(w, 2);
	if (vtd_tables_map(w->tables, m.iova - at, m.addr - at, len, m.prot) ==
	    0)
		w->mapping[w->n_mappings++] = m;
}

static void map_one(struct world *w, uint64_t region)
{
	const uint64_t target = w->target.pa, in_gib = target % GiB;
	const uint64_t page = random_below(w, HUGE_SIZE / VTD_PAGE_SIZE - 8);
	struct mapping m = {
		.iova = region + random_below(w, 1024) * VTD_PAGE_SIZE,
		.len = (1 + random_below(w, 8)) * VTD_PAGE_SIZE,
		.addr = target + page * VTD_PAGE_SIZE,
	};

	switch (random_below(w, 8)) {
	case 0:
		m = (struct mapping) {
			.iova = region + in_gib,
			.len = HUGE_SIZE,
			.addr = target,
		};
		map(w, &m, in_gib, GiB);
		return;
	case 1:
	case 2:
		m = (struct mapping) {
			.iova = region + random_below(w, 8) * HUGE_SIZE,
			.len = HUGE_SIZE,
			.addr = target,
		};
		break;
	case 3:
		m.len = VTD_PAGE_SIZE;
		m.addr = VTD_MSI_FIRST + random_below(w, 256) * VTD_PAGE_SIZE;
		break;
	default:
		break;
	}
	map(w, &m, 0, m.len);
}

/* ---- what is spoilt ---- */

static uint64_t *word_at(const struct world *w, uint64_t pa)
{
	if (pa < w->arena.pa || pa - w->arena.pa >= HUGE_SIZE)
		return NULL;
	return (uint64_t *)(w->arena.p + (pa - w->arena.pa));
}

/* The entry of @level for @iova; NULL: none, or it is the queues' as well. */
static uint64_t *entry_of(const struct world *w, uint64_t iova,
			  unsigned int level)
{
	uint64_t table = vtd_tables_root(w->tables);

	for (unsigned int at = w->levels;; at--) {
		const unsigned int shift = VTD_BITS_OF_LEVELS(at - 1);
		uint64_t *entry = word_at(w, table + (iova >> shift & 511) * 8);

		if (!entry)
			return NULL;
		if (at == level)
			return iova >> shift == w->queues >> shift ? NULL
								   : entry;
		if (!(*entry & (VTD_SS_R | VTD_SS_W)) || (*entry & VTD_SS_PS))
			return NULL;
		table = *entry & VTD_SS_ADDR;
	}
}

static void spoil_entry(struct world *w)
{
	const struct mapping *m = &w->mapping[random_below(w, w->n_mappings)];
	const unsigned int level = 1 + (unsigned int)random_below(w, w->levels);
	const uint64_t page = random_below(w, m->len / VTD_PAGE_SIZE);
	uint64_t *entry = entry_of(w, m->iova + page * VTD_PAGE_SIZE, level);
	const bool is_leaf = entry && (level == 1 || (*entry & VTD_SS_PS));

	if (!entry)
		return;
	switch (random_below(w, 9)) {
	case 0:
		*entry &= ~VTD_SS_R;
		break;
	case 1:
		*entry &= ~VTD_SS_W;
		break;
	case 2:
		*entry &= ~(VTD_SS_R | VTD_SS_W);
		break;
	case 3: /* in scalable mode QEMU takes it in leaves, SC or not */
		if (!w->scalable || !is_leaf)
			*entry |= VTD_SS_SNP;
		break;
	case 4:
		*entry |= VTD_SS_RESERVED;
		break;
	case 5: /* a bit of the address that the host has not */
		*entry |= UINT64_C(1) << (w->host_bits +
					  random_below(w, 52 - w->host_bits));
		break;
	case 6: /* bits that mean nothing */
		*entry |= UINT64_C(0xbff0000000000000) | 0x63c;
		break;
	case 7:
		if (!is_leaf)
			*entry |= VTD_SS_PS;
		else if (level > 1)
			*entry |= VTD_PAGE_SIZE; /* not aligned any more */
		break;
	case 8:
		if (!is_leaf)
			*entry = NOWHERE | VTD_SS_R | VTD_SS_W;
		break;
	}
}

/* Bits to change in the root and context entries, so that nothing passes. */
static void spoil_source(struct world *w, uint64_t root[2], uint64_t context[2])
{
	const uint64_t beyond =
		UINT64_C(1)
		<< (w->host_bits + random_below(w, 64 - w->host_bits));

	/* Each in turn, and every third time without a word. */
	if (w->n_sources / 15 % 3 == 2)
		context[0] |= VTD_FPD;
	switch (w->n_sources++ % 15) {
	case 0:
		root[0] &= ~VTD_P;
		break;
	case 1:
		root[0] |= UINT64_C(1) << (1 + random_below(w, 11));
		break;
	case 2:
		root[0] |= beyond;
		break;
	case 3:
		root[1] |= UINT64_C(1) << random_below(w, 64);
		break;
	case 4:
		root[0] = NOWHERE | VTD_P;
		break;
	case 5:
		context[0] &= ~VTD_P;
		break;
	case 6:
		context[0] |= UINT64_C(1) << (4 + random_below(w, 8));
		break;
	case 7:
		context[0] |= beyond;
		break;
	case 8:
		context[1] |= UINT64_C(1) << (24 + random_below(w, 40));
		break;
	case 9:
		context[1] |= UINT64_C(0x80);
		break;
	case 10:
		context[1] = (context[1] & ~VTD_CONTEXT_AW_MASK) |
			     (one_in(w, 2) ? 0 : 4 + random_below(w, 4));
		break;
	case 11:
		context[0] |= UINT64_C(3) << VTD_CONTEXT_TT_SHIFT;
		break;
	case 12:
		context[0] |= (uint64_t)VTD_TT_DEVICE_TLB
			      << VTD_CONTEXT_TT_SHIFT;
		break;
	case 13:
		context[0] = (context[0] & ~VTD_ADDR_MASK) | NOWHERE;
		break;
	case 14:
		w->root = NOWHERE;
		break;
	}
}

/* ---- the whole ---- */

static void publish(struct world *w, const uint64_t root[2],
		    const uint64_t context[2])
{
	const unsigned int devfn = w->sid & 0xff;
	uint64_t *roots = (uint64_t *)w->frame.p;
	uint64_t *contexts = (uint64_t *)(w->frame.p + VTD_PAGE_SIZE);

	roots[(w->sid >> 8) * 2] = root[0];
	roots[(w->sid >> 8) * 2 + 1] = root[1];
	contexts[devfn * 2] = context[0];
	contexts[devfn * 2 + 1] = context[1];
}

/* Scalable mode: the frame's next pages, and one PASID of requests without. */
static void publish_scalable(struct world *w, bool quiet)
{
	const uint64_t at = w->frame.pa;
	const struct vtd_sm_context context = {
		.directory = at + 2 * VTD_PAGE_SIZE,
	};
	const struct vtd_context pasid = {
		.tables = vtd_tables_root(w->tables),
		.levels = w->levels,
		.did = 7,
		.quiet = quiet,
	};
	const unsigned int devfn = w->sid & 0xff;
	uint64_t *roots = (uint64_t *)w->frame.p;

	roots[(w->sid >> 8) * 2 + (devfn >> 7)] =
		vtd_encode_pointer(at + VTD_PAGE_SIZE);
	vtd_encode_sm_context(
		&context, (uint64_t *)(w->frame.p + VTD_PAGE_SIZE +
				       (devfn & 0x7f) * VTD_SM_CONTEXT_SIZE));
	*(uint64_t *)(w->frame.p + 2 * VTD_PAGE_SIZE) =
		vtd_encode_pointer(at + 3 * VTD_PAGE_SIZE);
	vtd_encode_pasid(&pasid, (uint64_t *)(w->frame.p + 3 * VTD_PAGE_SIZE));
}

static void plain_source(const struct world *w, uint64_t root[2],
			 uint64_t context[2])
{
	const struct vtd_context c = {
		.tables = vtd_tables_root(w->tables),
		.levels = w->levels,
		.did = 7,
	};

	vtd_encode_context(&c, context);
	root[0] = vtd_encode_pointer(w->frame.pa + VTD_PAGE_SIZE);
	root[1] = 0;
}

void state_plain(struct world *w)
{
	uint64_t root[2], context[2];

	w->levels = w->levels_max;
	w->by_fetch = false;
	make_tables(w);
	if (vtd_tables_map(w->tables, w->target.pa, w->target.pa, HUGE_SIZE,
			   RW) < 0)
		die("no tables");
	plain_source(w, root, context);
	if (w->scalable)
		publish_scalable(w, false);
	else
		publish(w, root, context);
}

void state_make(struct world *w)
{
	uint64_t root[2], context[2], region[3];
	unsigned int gib;

	w->levels = 3 + (unsigned int)random_below(w, w->levels_max - 2);
	gib = 1u << (9 * (w->levels - 2));
	make_tables(w);
	for (unsigned int i = 0; i < ARRAY_SIZE(region); i++)
		region[i] = (LOWEST + random_below(w, gib - LOWEST)) * GiB;
	while (w->n_mappings < 2 + random_below(w, MAPPINGS_MAX - 2))
		map_one(w, region[random_below(w, ARRAY_SIZE(region))]);
	w->intact = one_in(w, 4);
	for (uint64_t n = 1 + random_below(w, 5); !w->intact && n > 0; n--)
		spoil_entry(w);
	plain_source(w, root, context);
	w->by_fetch = w->n_states++ % 8 == 7 && !w->scalable;
	if (!w->by_fetch && one_in(w, 6))
		context[0] |= VTD_FPD;
	w->intact = w->intact && !w->by_fetch;
	if (w->by_fetch)
		spoil_source(w, root, context);
	if (w->scalable)
		publish_scalable(w, context[0] & VTD_FPD);
	else
		publish(w, root, context);
}

uint64_t state_address(struct world *w)
{
	const struct mapping *m = &w->mapping[random_below(w, w->n_mappings)];
	const unsigned int bits = VTD_BITS_OF_LEVELS(w->levels);
	uint64_t at = m->iova +
		      random_below(w, m->len / BLOCK_SIZE) * BLOCK_SIZE;

	switch (random_below(w, 16)) {
	case 0: /* the page after, or before */
		return align_down(m->iova + m->len, BLOCK_SIZE);
	case 1:
		return m->iova - BLOCK_SIZE;
	case 2: /* beyond the tables */
		return at | UINT64_C(1) << (bits + random_below(w, 63 - bits));
	case 3: /* where there is most likely nothing */
		at = LOWEST * GiB +
		     random_below(w, (UINT64_C(1) << bits) - LOWEST * GiB);
		return align_down(at, BLOCK_SIZE);
	default:
		return at;
	}
}

const struct mapping *state_mapping(const struct world *w, uint64_t iova)
{
	for (unsigned int i = 0; i < w->n_mappings; i++)
		if (iova - w->mapping[i].iova < w->mapping[i].len)
			return &w->mapping[i];
	return NULL;
}

bool state_lacks(const struct world *w, uint64_t iova, uint64_t want)
{
	for (unsigned int level = w->levels; level > 0; level--) {
		const uint64_t *entry = entry_of(w, iova, level);

		if (entry && (*entry & want) != want)
			return true;
	}
	return false;
}
