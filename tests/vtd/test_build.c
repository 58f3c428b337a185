// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The builder of paging tables, seen by the walker: what is mapped is found
 * where it should be, with what is allowed; what is not is not found.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/util.h"
#include "iommu/vtd/walk.h"
#include "tests/check_main.h"
#include "tests/vtd/machine.h"

#define ALL_SIZES (4 * KiB | 2 * MiB | GiB)
#define RW	  (VTD_MAP_READ | VTD_MAP_WRITE)

/* Tables in plain memory, their addresses the pointers themselves. */
struct arena {
	struct walk_rules rules;
	struct vtd_platform platform;
	struct vtd_tables *tables;
	unsigned int levels;
	unsigned int n_pages; /* allocated */
	unsigned int fail_at; /* that allocation fails; 0: none */
};

static void *arena_alloc(void *opaque, uint64_t *ret_addr)
{
	struct arena *a = opaque;
	void *p;

	if (a->fail_at && --a->fail_at == 0)
		return NULL;
	p = aligned_alloc(4096, 4096);
	memset(p, 0, 4096);
	a->n_pages++;
	*ret_addr = (uintptr_t)p;
	return p;
}

static void arena_free(void *opaque, void *page, uint64_t addr)
{
	struct arena *a = opaque;

	ck_assert_uint_eq((uintptr_t)page, addr);
	memset(page, 0xff, 4096);
	free(page);
	a->n_pages--;
}

static int arena_read(void *opaque, uint64_t addr, void *buf, size_t len)
{
	(void)opaque;
	memcpy(buf, (const void *)(uintptr_t)addr, len);
	return 0;
}

static uint64_t arena_load(void *opaque, uint64_t addr)
{
	uint64_t value;

	(void)arena_read(opaque, addr, &value, sizeof(value));
	return value;
}

static int arena_create(struct arena *a, unsigned int levels, uint64_t sizes)
{
	const struct vtd_tables_memory memory = {
		.alloc = arena_alloc,
		.free = arena_free,
		.opaque = a,
	};
	const struct vtd_tables_config config = {
		.levels = levels,
		.page_sizes = sizes,
		.host_bits = 52,
	};
	const struct vtd_caps caps = vtd_unit_abilities();

	a->platform.load = arena_load;
	a->platform.read = arena_read;
	a->levels = levels;
	walk_rules_init(&a->rules, &caps, 52);
	return vtd_tables_create(&config, &memory, &a->tables);
}

static void arena_init(struct arena *a, unsigned int levels, uint64_t sizes)
{
	memset(a, 0, sizeof(*a));
	ck_assert_int_eq(arena_create(a, levels, sizes), 0);
}

/* Every page that was taken is given back. */
static void arena_fini(struct arena *a)
{
	vtd_tables_destroy(a->tables);
	ck_assert_uint_eq(a->n_pages, 0);
}

/* 0 and where it leads, with the size of the page; or -ENOENT. */
static int look(const struct arena *a, uint64_t iova, uint64_t *ret_addr,
		uint64_t *ret_size, unsigned int *ret_prot)
{
	struct walk_result found;

	if (walk(&a->rules, &a->platform, vtd_tables_root(a->tables), a->levels,
		 iova, &found) != WALK_FOUND)
		return -ENOENT;
	*ret_size = UINT64_C(1) << (12 + 9 * (found.level - 1));
	*ret_addr = found.addr | (iova & (*ret_size - 1));
	*ret_prot = found.prot;
	return 0;
}

static void expect(const struct arena *a, uint64_t iova, uint64_t addr,
		   uint64_t size)
{
	unsigned int prot = 0;
	uint64_t got, page;

	ck_assert_int_eq(look(a, iova, &got, &page, &prot), 0);
	ck_assert_uint_eq(got, addr);
	ck_assert_uint_eq(page, size);
	ck_assert_uint_eq(prot, RW);
}

static void expect_nothing(const struct arena *a, uint64_t iova)
{
	unsigned int prot;
	uint64_t got, page;

	ck_assert_int_eq(look(a, iova, &got, &page, &prot), -ENOENT);
}

static void map(struct arena *a, uint64_t iova, uint64_t addr, uint64_t len)
{
	ck_assert_int_eq(vtd_tables_map(a->tables, iova, addr, len, RW), 0);
}

static void unmap(struct arena *a, uint64_t iova, uint64_t len, uint64_t want)
{
	uint64_t bytes;

	ck_assert_int_eq(vtd_tables_unmap(a->tables, iova, len, &bytes), 0);
	ck_assert_uint_eq(bytes, want);
}

START_TEST(empty_tables_translate_nothing)
{
	struct arena a;

	for (unsigned int levels = 3; levels <= 5; levels++) {
		arena_init(&a, levels, ALL_SIZES);
		ck_assert_uint_eq(vtd_tables_count(a.tables), 1);
		for (unsigned int bit = 12; bit < 12 + 9 * levels; bit++)
			expect_nothing(&a, UINT64_C(1) << bit);
		expect_nothing(&a, 0);
		unmap(&a, 0, GiB, 0);
		arena_fini(&a);
	}
}
END_TEST

START_TEST(each_page_size_at_each_depth)
{
	static const uint64_t sizes[] = { 4 * KiB, 2 * MiB, GiB };
	struct arena a;

	for (unsigned int levels = 3; levels <= 5; levels++)
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
			const uint64_t size = sizes[i];
			const uint64_t top = UINT64_C(1) << (12 + 9 * levels);

			arena_init(&a, levels, ALL_SIZES);
			map(&a, 3 * size, 7 * size, size);
			expect(&a, 3 * size, 7 * size, size);
			expect(&a, 4 * size - 1, 8 * size - 1, size);
			expect_nothing(&a, 3 * size - 1);
			expect_nothing(&a, 4 * size);
			/* The last there is. */
			map(&a, top - size, 9 * size, size);
			expect(&a, top - 1, 10 * size - 1, size);
			unmap(&a, 3 * size, size, size);
			expect_nothing(&a, 3 * size);
			/* And once more, to elsewhere. */
			map(&a, 3 * size, 11 * size, size);
			expect(&a, 3 * size, 11 * size, size);
			arena_fini(&a);
		}
}
END_TEST

static const struct {
	uint64_t iova, addr, len;
	unsigned int prot;
	int want;
} refused[] = {
	{ 0x1000, 0x1000, 0x1000, RW, 0 },
	{ 0x1001, 0x1000, 0x1000, RW, -EINVAL },
	{ 0x1000, 0x1001, 0x1000, RW, -EINVAL },
	{ 0x1000, 0x1000, 0x1001, RW, -EINVAL },
	{ 0x1000, 0x1000, 0, RW, -EINVAL },
	{ 0x1000, 0x1000, 0x1000, 0, -EINVAL },
	{ 0x1000, 0x1000, 0x1000, 4, -EINVAL },
	{ (UINT64_C(1) << 39) - 0x1000, 0, 0x1000, RW, 0 },
	{ (UINT64_C(1) << 39) - 0x1000, 0, 0x2000, RW, -EOVERFLOW },
	{ UINT64_C(1) << 39, 0, 0x1000, RW, -EOVERFLOW },
	{ -0x1000ULL, 0, 0x2000, RW, -EOVERFLOW },
	{ 0, UINT64_C(1) << 52, 0x1000, RW, -EOVERFLOW },
	{ 0, (UINT64_C(1) << 52) - 0x1000, 0x2000, RW, -EOVERFLOW },
	{ 0, -0x1000ULL, 0x2000, RW, -EOVERFLOW },
};

START_TEST(refuses_what_cannot_be)
{
	struct arena a;

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		arena_init(&a, 3, ALL_SIZES);
		ck_assert_msg(vtd_tables_map(a.tables, refused[i].iova,
					     refused[i].addr, refused[i].len,
					     refused[i].prot) == refused[i].want,
			      "case %zu", i);
		if (refused[i].want)
			ck_assert_uint_eq(vtd_tables_count(a.tables), 1);
		arena_fini(&a);
	}
}
END_TEST

START_TEST(refuses_overlap_and_changes_nothing)
{
	static const struct {
		uint64_t iova, len;
	} overlaps[] = {
		{ 2 * MiB, 4 * KiB }, { 4 * MiB - 4 * KiB, 4 * KiB },
		{ 0, 4 * MiB },	      { 0, GiB },
		{ 2 * MiB, 2 * MiB }, { MiB, 2 * MiB },
		{ 3 * MiB, 2 * MiB }, { 6 * MiB, 8 * KiB },
		{ 5 * MiB, 2 * MiB }, { 6 * MiB + 4 * KiB, 4 * KiB },
	};
	struct arena a;

	arena_init(&a, 4, ALL_SIZES);
	map(&a, 2 * MiB, 64 * MiB, 2 * MiB);	      /* a large page */
	map(&a, 6 * MiB + 4 * KiB, 2 * MiB, 4 * KiB); /* a small one */
	for (size_t i = 0; i < ARRAY_SIZE(overlaps); i++) {
		const size_t count = vtd_tables_count(a.tables);

		ck_assert_msg(vtd_tables_map(a.tables, overlaps[i].iova, GiB,
					     overlaps[i].len, RW) == -EADDRINUSE,
			      "case %zu", i);
		ck_assert_uint_eq(vtd_tables_count(a.tables), count);
		expect(&a, 2 * MiB, 64 * MiB, 2 * MiB);
		expect(&a, 6 * MiB + 4 * KiB, 2 * MiB, 4 * KiB);
		expect_nothing(&a, 0);
		expect_nothing(&a, 6 * MiB);
		expect_nothing(&a, 5 * MiB);
	}
	arena_fini(&a);
}
END_TEST

/* As many large pages as alignment allows: counted by looking. */
static unsigned int leaves(const struct arena *a, uint64_t iova, uint64_t len,
			   uint64_t addr)
{
	unsigned int n = 0, prot;
	uint64_t got, size;

	for (uint64_t at = iova; at < iova + len; at += size) {
		ck_assert_int_eq(look(a, at, &got, &size, &prot), 0);
		ck_assert_uint_eq(got, addr + (at - iova));
		n++;
	}
	return n;
}

START_TEST(chooses_the_largest_pages)
{
	static const struct {
		uint64_t iova, addr, len;
		unsigned int want;
	} cases[] = {
		/* 14 of 2 MiB, 3 of 1 GiB, 3 of 2 MiB. */
		{ GiB - 28 * MiB, 8 * GiB - 28 * MiB,
		  28 * MiB + 3 * GiB + 6 * MiB, 20 },
		{ 0, 0, GiB, 1 },
		{ 0, 2 * MiB, GiB, 512 }, /* addresses do not agree */
		{ 0, 4 * KiB, 2 * MiB, 512 },
		{ 2 * MiB - 4 * KiB, 4 * MiB - 4 * KiB, 2 * MiB + 8 * KiB, 3 },
		{ GiB - 4 * KiB, 3 * GiB - 4 * KiB, GiB + 8 * KiB, 3 },
	};
	struct arena a;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		arena_init(&a, 4, ALL_SIZES);
		map(&a, cases[i].iova, cases[i].addr, cases[i].len);
		ck_assert_uint_eq(
			leaves(&a, cases[i].iova, cases[i].len, cases[i].addr),
			cases[i].want);
		if (cases[i].iova)
			expect_nothing(&a, cases[i].iova - 1);
		expect_nothing(&a, cases[i].iova + cases[i].len);
		unmap(&a, cases[i].iova, cases[i].len, cases[i].len);
		expect_nothing(&a, cases[i].iova);
		arena_fini(&a);
	}
}
END_TEST

START_TEST(uses_no_page_size_that_is_not_there)
{
	struct arena a;

	arena_init(&a, 4, 4 * KiB);
	map(&a, 0, 0, 4 * MiB);
	ck_assert_uint_eq(leaves(&a, 0, 4 * MiB, 0), 1024);
	arena_fini(&a);
	arena_init(&a, 4, 4 * KiB | 2 * MiB);
	map(&a, 0, 0, GiB);
	ck_assert_uint_eq(leaves(&a, 0, GiB, 0), 512);
	arena_fini(&a);
}
END_TEST

/* A table that another's unmapping left behind serves again. */
START_TEST(fills_tables_that_are_there)
{
	struct arena a;
	size_t count;

	arena_init(&a, 4, ALL_SIZES);
	map(&a, 4 * KiB, 0, 4 * KiB);
	count = vtd_tables_count(a.tables);
	unmap(&a, 4 * KiB, 4 * KiB, 4 * KiB);
	map(&a, 0, 2 * MiB, 2 * MiB); /* in small pages: the table is there */
	ck_assert_uint_eq(leaves(&a, 0, 2 * MiB, 2 * MiB), 512);
	ck_assert_uint_eq(vtd_tables_count(a.tables), count);
	arena_fini(&a);
}
END_TEST

START_TEST(divides_no_large_page)
{
	struct arena a;

	arena_init(&a, 4, ALL_SIZES);
	map(&a, 0, 0, 4 * MiB);
	map(&a, 4 * MiB, 4 * MiB, 8 * KiB);
	ck_assert_int_eq(vtd_tables_unmap(a.tables, 2 * MiB, MiB, NULL),
			 -EINVAL);
	ck_assert_int_eq(vtd_tables_unmap(a.tables, 3 * MiB, 2 * MiB, NULL),
			 -EINVAL);
	ck_assert_int_eq(vtd_tables_unmap(a.tables, 0, 4 * MiB - 4 * KiB, NULL),
			 -EINVAL);
	expect(&a, 0, 0, 2 * MiB);
	expect(&a, 4 * MiB, 4 * MiB, 4 * KiB);
	unmap(&a, 2 * MiB, 4 * MiB, 2 * MiB + 8 * KiB);
	expect_nothing(&a, 4 * MiB);
	expect(&a, 0, 0, 2 * MiB);
	arena_fini(&a);
}
END_TEST

/* Whole tables go aside, and are freed when they may be. */
START_TEST(keeps_dead_tables_until_they_are_flushed)
{
	struct arena a;
	unsigned int before;

	arena_init(&a, 4, 4 * KiB);
	map(&a, 0, 0, 8 * MiB);
	before = a.n_pages;
	unmap(&a, 0, 8 * MiB, 8 * MiB);
	ck_assert_uint_eq(a.n_pages, before);
	vtd_tables_reap(a.tables);
	ck_assert_uint_eq(a.n_pages, before - 4);
	vtd_tables_reap(a.tables);
	map(&a, 0, 0, 8 * MiB);
	ck_assert_uint_eq(a.n_pages, before);
	arena_fini(&a);
}
END_TEST

/* Every allocation fails once: nothing stays mapped, nothing is lost. */
START_TEST(map_fails_whole)
{
	const uint64_t iova = GiB - 2 * MiB - 8 * KiB;
	const uint64_t len = GiB + 4 * MiB + 16 * KiB;
	struct arena a;
	unsigned int fail_at = 0;
	int r;

	do {
		arena_init(&a, 5, ALL_SIZES);
		map(&a, iova - 4 * KiB, 0, 4 * KiB); /* a neighbour */
		a.fail_at = ++fail_at;
		r = vtd_tables_map(a.tables, iova, 4 * GiB - 2 * MiB - 8 * KiB,
				   len, RW);
		a.fail_at = 0;
		expect(&a, iova - 4 * KiB, 0, 4 * KiB);
		if (r == 0) {
			ck_assert_uint_eq(leaves(&a, iova, len,
						 4 * GiB - 2 * MiB - 8 * KiB),
					  2 + 1 + 1 + 1 + 2);
		} else {
			ck_assert_int_eq(r, -ENOMEM);
			for (uint64_t at = iova; at < iova + len; at += 4 * KiB)
				expect_nothing(&a, at);
			/* It can be had once there is memory. */
			map(&a, iova, 4 * GiB - 2 * MiB - 8 * KiB, len);
		}
		arena_fini(&a);
	} while (r < 0);
	ck_assert_uint_eq(fail_at, 3); /* two tables */
}
END_TEST

START_TEST(create_fails_whole)
{
	struct arena a = { .fail_at = 1 };

	ck_assert_int_eq(arena_create(&a, 4, ALL_SIZES), -ENOMEM);
	ck_assert_uint_eq(a.n_pages, 0);
	ck_assert_int_eq(arena_create(&a, 2, ALL_SIZES), -EINVAL);
	ck_assert_int_eq(arena_create(&a, 6, ALL_SIZES), -EINVAL);
	ck_assert_int_eq(arena_create(&a, 4, 8 * KiB), -EINVAL);
}
END_TEST

/* ---- random maps, against an array that knows them all ---- */

#define PAGES 4096u /* of 4 KiB: 16 MiB, so that 2 MiB pages come too */
#define FREE  UINT64_MAX

static uint32_t seed;

static uint32_t random_below(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)(seed >> 8) * n >> 24);
}

static bool model_is_free(const uint64_t *model, unsigned int at,
			  unsigned int n)
{
	for (unsigned int i = at; i < at + n; i++)
		if (model[i] != FREE)
			return false;
	return true;
}

static void compare(const struct arena *a, uint64_t base, const uint64_t *model)
{
	unsigned int prot;
	uint64_t got, size;

	for (unsigned int i = 0; i < PAGES; i++) {
		const uint64_t iova = base + i * UINT64_C(4096);

		if (look(a, iova, &got, &size, &prot) < 0)
			got = FREE;
		ck_assert_uint_eq(got, model[i]);
	}
}

static void step(struct arena *a, uint64_t base, uint64_t *model)
{
	const bool large = random_below(3) == 0;
	const unsigned int unit = large ? 512 : 1;
	const unsigned int n = (1 + random_below(large ? 3 : 600)) * unit;
	const unsigned int at = random_below(PAGES / unit) * unit;
	const uint64_t iova = base + at * UINT64_C(4096);
	const uint64_t addr = (uint64_t)random_below(large ? 1000 : 1000000) *
			      unit * 4096;
	uint64_t bytes = 0, want = 0;
	int r;

	if (at + n > PAGES)
		return;
	if (random_below(2)) {
		r = vtd_tables_map(a->tables, iova, addr, n * UINT64_C(4096),
				   RW);
		ck_assert_int_eq(r,
				 model_is_free(model, at, n) ? 0 : -EADDRINUSE);
		for (unsigned int i = 0; r == 0 && i < n; i++)
			model[at + i] = addr + i * UINT64_C(4096);
		return;
	}
	r = vtd_tables_unmap(a->tables, iova, n * UINT64_C(4096), &bytes);
	if (r == -EINVAL)
		return; /* it would divide a large page */
	ck_assert_int_eq(r, 0);
	for (unsigned int i = at; i < at + n; i++) {
		want += model[i] != FREE ? 4096 : 0;
		model[i] = FREE;
	}
	ck_assert_uint_eq(bytes, want);
	if (random_below(8) == 0)
		vtd_tables_reap(a->tables);
}

START_TEST(random_maps)
{
	uint64_t *model = malloc(PAGES * sizeof(*model));
	struct arena a;

	for (seed = 1; seed < 4000000000u; seed += 700000000u) {
		/* Across a border of the upper levels. */
		const uint64_t base = (UINT64_C(1) << 39) - 8 * MiB;

		arena_init(&a, 4, ALL_SIZES);
		for (unsigned int i = 0; i < PAGES; i++)
			model[i] = FREE;
		for (unsigned int i = 0; i < 1000; i++) {
			const uint32_t kept = seed;

			step(&a, base, model);
			if (i % 50 == 0)
				compare(&a, base, model);
			ck_assert_uint_ne(seed, kept);
		}
		compare(&a, base, model);
		arena_fini(&a);
	}
	free(model);
}
END_TEST

CHECK_MAIN("build", empty_tables_translate_nothing,
	   each_page_size_at_each_depth, refuses_what_cannot_be,
	   refuses_overlap_and_changes_nothing, chooses_the_largest_pages,
	   uses_no_page_size_that_is_not_there, fills_tables_that_are_there,
	   divides_no_large_page, keeps_dead_tables_until_they_are_flushed,
	   map_fails_whole, create_fails_whole, random_maps)
