// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the software unit costs: maps and unmaps in its tables, and
 * translations. Under callgrind, which collects in what is called measure_*
 * alone, it is instructions that are counted (cost.sh); times are printed
 * in any case, and are callgrind's own under it.
 *
 * A round is one call of each function. Maps find the tables that they need,
 * as they do for a guest that maps and unmaps.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/util.h"
#include "iommu/vtd/build.h"
#include "iommu/vtd/encode.h"
#include "iommu/vtd/table_regs.h"
#include "iommu/vtd/unit.h"
#include "iommu/vtd/unit_regs.h"
#include "iommu/vtd/walk.h"

#define BATCH	 256u	     /* pages of a map, translations of a call */
#define FAR	 GiB	     /* where pages to translate are mapped, */
#define FAR_SIZE (32 * MiB)  /* 8192 of them, for an IOTLB of 1024 */
#define RAM	 (MiB)	     /* for tables */
#define ROOT	 UINT64_C(0) /* of the tables above the paging tables */
#define CONTEXTS VTD_PAGE_SIZE
#define SID	 0x0100u
#define LEVELS	 4u

#define MEASURED static __attribute__((noinline))

struct bench {
	uint8_t *ram;
	uint64_t next_page; /* the next to be allocated */
	struct vtd_tables *tables;
	struct vtd_unit *unit;
	uint64_t root; /* of @tables */
	struct walk_rules rules;
	struct vtd_platform platform;
	unsigned int round;
};

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	(void)fprintf(stderr, "cost: %s failed\n", what);
	exit(1);
}

/* ---- memory ---- */

static int platform_read(void *opaque, uint64_t addr, void *buf, size_t len)
{
	const struct bench *b = opaque;

	if (addr > RAM - len)
		return -EFAULT;
	memcpy(buf, b->ram + addr, len);
	return 0;
}

static uint64_t platform_load(void *opaque, uint64_t addr)
{
	const struct bench *b = opaque;
	uint64_t value;

	if (addr > RAM - sizeof(value))
		return 0;
	memcpy(&value, b->ram + addr, sizeof(value));
	return value;
}

static int platform_write(void *opaque, uint64_t addr, const void *buf,
			  size_t len)
{
	struct bench *b = opaque;

	if (addr > RAM - len)
		return -EFAULT;
	memcpy(b->ram + addr, buf, len);
	return 0;
}

static void platform_interrupt(void *opaque,
			       const struct vtd_interrupt *interrupt)
{
	(void)opaque;
	(void)interrupt;
}

static void *page_alloc(void *opaque, uint64_t *ret_addr)
{
	struct bench *b = opaque;

	if (b->next_page >= RAM)
		return NULL;
	*ret_addr = b->next_page;
	b->next_page += VTD_PAGE_SIZE;
	return b->ram + *ret_addr;
}

/* Only when all is over. */
static void page_free(void *opaque, void *page, uint64_t addr)
{
	(void)opaque;
	(void)page;
	(void)addr;
}

/* ---- what is measured ---- */

/*
 * Each function's only calls are the ones to count. A map is at an address
 * that is its length, so of no larger pages than wanted.
 */
MEASURED int measure_map_4k(const struct bench *b)
{
	const uint64_t len = 4 * KiB;

	return vtd_tables_map(b->tables, len, len, len,
			      VTD_MAP_READ | VTD_MAP_WRITE);
}

MEASURED int measure_unmap_4k(const struct bench *b)
{
	return vtd_tables_unmap(b->tables, 4 * KiB, 4 * KiB, NULL);
}

MEASURED int measure_map_256x4k(const struct bench *b)
{
	const uint64_t len = BATCH * 4 * KiB;

	return vtd_tables_map(b->tables, len, len, len,
			      VTD_MAP_READ | VTD_MAP_WRITE);
}

MEASURED int measure_unmap_256x4k(const struct bench *b)
{
	return vtd_tables_unmap(b->tables, BATCH * 4 * KiB, BATCH * 4 * KiB,
				NULL);
}

MEASURED int measure_map_256x2m(const struct bench *b)
{
	const uint64_t len = BATCH * 2 * MiB;

	return vtd_tables_map(b->tables, len, len, len,
			      VTD_MAP_READ | VTD_MAP_WRITE);
}

MEASURED int measure_unmap_256x2m(const struct bench *b)
{
	return vtd_tables_unmap(b->tables, BATCH * 2 * MiB, BATCH * 2 * MiB,
				NULL);
}

/* Each round other pages, that have left the IOTLB since their last turn. */
static inline struct vtd_request request_of(const struct bench *b,
					    unsigned int i)
{
	const uint64_t page = (uint64_t)b->round * BATCH + i;

	return (struct vtd_request) {
		.addr = FAR + page * VTD_PAGE_SIZE % FAR_SIZE,
		.len = 64,
		.sid = SID,
	};
}

MEASURED int measure_miss(const struct bench *b)
{
	struct vtd_translation to;
	int r = 0;

	for (unsigned int i = 0; i < BATCH; i++) {
		const struct vtd_request request = request_of(b, i);

		r |= vtd_unit_translate(b->unit, &request, &to);
	}
	return r;
}

/* The tables alone, without what finds them and what keeps the result. */
MEASURED int measure_walk(const struct bench *b)
{
	struct walk_result found;
	int r = 0;

	for (unsigned int i = 0; i < BATCH; i++) {
		const struct vtd_request request = request_of(b, i);

		r |= walk(&b->rules, &b->platform, b->root, LEVELS,
			  request.addr, &found) != WALK_FOUND;
	}
	return r;
}

/* The pages of the misses just before. */
MEASURED int measure_cached(const struct bench *b)
{
	struct vtd_translation to;
	int r = 0;

	for (unsigned int i = 0; i < BATCH; i++) {
		const struct vtd_request request = request_of(b, i);

		r |= vtd_unit_translate(b->unit, &request, &to);
	}
	return r;
}

static const struct {
	const char *name;
	int (*run)(const struct bench *b);
	unsigned int n; /* of what is counted, in one call */
} measures[] = {
	{ "map_4k", measure_map_4k, 1 },
	{ "unmap_4k", measure_unmap_4k, 1 },
	{ "map_256x4k", measure_map_256x4k, 1 },
	{ "unmap_256x4k", measure_unmap_256x4k, 1 },
	{ "map_256x2m", measure_map_256x2m, 1 },
	{ "unmap_256x2m", measure_unmap_256x2m, 1 },
	{ "walk", measure_walk, BATCH },
	{ "miss", measure_miss, BATCH },
	{ "cached", measure_cached, BATCH },
};

/* ---- around it ---- */

static void store(struct bench *b, uint64_t addr, uint64_t value)
{
	value = htole64(value);
	need(platform_write(b, addr, &value, sizeof(value)) == 0, "a store");
}

static void make_tables(struct bench *b)
{
	const struct vtd_tables_config config = {
		.levels = LEVELS,
		.page_sizes = 4 * KiB | 2 * MiB | GiB,
		.host_bits = 46,
	};
	const struct vtd_tables_memory memory = {
		.alloc = page_alloc,
		.free = page_free,
		.opaque = b,
	};

	need(vtd_tables_create(&config, &memory, &b->tables) == 0, "tables");
	/* One off, so that none of it is in large pages. */
	need(vtd_tables_map(b->tables, FAR, FAR + VTD_PAGE_SIZE, FAR_SIZE,
			    VTD_MAP_READ | VTD_MAP_WRITE) == 0,
	     "the map of what is translated");
}

static void make_unit(struct bench *b)
{
	struct vtd_unit_config config = {
		.caps = vtd_unit_abilities(),
		.host_bits = 46,
		.iotlb_entries = 1024,
	};
	const struct vtd_platform platform = {
		.read = platform_read,
		.load = platform_load,
		.write = platform_write,
		.interrupt = platform_interrupt,
		.opaque = b,
	};
	const struct vtd_context context = {
		.tables = vtd_tables_root(b->tables),
		.levels = LEVELS,
		.did = 1,
	};
	const uint64_t at = CONTEXTS + (SID & 0xff) * VTD_CONTEXT_SIZE;
	uint64_t word[2];

	vtd_field_set(&config.caps, VTD_CM, 0);
	vtd_field_set(&config.caps, VTD_FRO, 0x220 / 16);
	vtd_field_set(&config.caps, VTD_IRO, 0xf0 / 16);
	walk_rules_init(&b->rules, &config.caps, config.host_bits);
	b->platform = platform;
	b->root = context.tables;
	need(vtd_unit_create(&config, &platform, &b->unit, NULL) == 0, "unit");
	vtd_encode_context(&context, word);
	store(b, ROOT + (SID >> 8) * VTD_ROOT_SIZE,
	      vtd_encode_pointer(CONTEXTS));
	store(b, at + 8, word[1]);
	store(b, at, word[0]);
	vtd_unit_write(b->unit, VTD_REG_RTADDR, ROOT, 8);
	vtd_unit_write(b->unit, VTD_REG_GCMD, VTD_GCMD_SRTP, 4);
	vtd_unit_write(b->unit, VTD_REG_GCMD, VTD_GCMD_TE, 4);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * UINT64_C(1000000000) +
	       (uint64_t)ts.tv_nsec;
}

int main(int argc, char **argv)
{
	const int rounds = argc > 1 ? atoi(argv[1]) : 1000;
	/* Not whole tables: those would go with their last page. */
	static const uint64_t lens[] = { 4 * KiB, BATCH * 4 * KiB,
					 BATCH * 2 * MiB };
	struct bench b = { .next_page = CONTEXTS + VTD_PAGE_SIZE };
	uint64_t ns[ARRAY_SIZE(measures)] = { 0 };
	struct vtd_unit_stats stats;

	need(rounds > 0, "reading the number of rounds");
	b.ram = calloc(1, RAM);
	need(b.ram != NULL, "allocation");
	make_tables(&b);
	make_unit(&b);
	/* The tables that the maps use. */
	for (unsigned int i = 0; i < ARRAY_SIZE(lens); i++)
		need(vtd_tables_map(b.tables, lens[i], 0, lens[i],
				    VTD_MAP_READ) == 0 &&
			     vtd_tables_unmap(b.tables, lens[i], lens[i],
					      NULL) == 0,
		     "a first map");
	for (; b.round < (unsigned int)rounds; b.round++)
		for (unsigned int i = 0; i < ARRAY_SIZE(measures); i++) {
			const uint64_t start = now_ns();

			need(measures[i].run(&b) == 0, measures[i].name);
			ns[i] += now_ns() - start;
		}
	stats = vtd_unit_stats(b.unit);
	need(stats.walks == (uint64_t)rounds * BATCH,
	     "walking just where it should");
	for (unsigned int i = 0; i < ARRAY_SIZE(measures); i++)
		printf("%s %" PRIu64 "\n", measures[i].name,
		       ns[i] / ((uint64_t)rounds * measures[i].n));
	vtd_unit_destroy(b.unit);
	vtd_tables_destroy(b.tables);
	free(b.ram);
	return 0;
}
