// SPDX-License-Identifier: GPL-2.0-or-later
/* Staleness of pages: items 24 to 27, 31, 32 and 34. See stale.h for the shape. */
#include <string.h>

#include "tests/check_main.h"
#include "tests/vtd/stale.h"

START_TEST(c24_unmapped_page_until_it_is_flushed)
{
	struct machine_config config = { 0 };
	struct world w;

	FOR_BOTH_MODES (config) {
		world_init(&w, &config);
		map(w.tables, IOVA, OLD, 4 * KiB, RW);
		ck_assert(function_lands(&w.fn, IOVA, OLD));
		unmap(w.tables, IOVA, 4 * KiB);
		ck_assert(function_lands(&w.fn, IOVA, OLD));
		ck_assert_int_eq(
			machine_flush_iotlb(&w.m, VTD_INV_PAGE, DID, IOVA, 0),
			0);
		refused_absent(&w, IOVA);
		world_fini(&w);
	}
}
END_TEST

/* Somebody else flushes everything, and waits for it. */
static void *flush_main(void *opaque)
{
	struct machine *m = opaque;

	ck_assert_int_eq(machine_flush_contexts(m, VTD_INV_GLOBAL, 0, 0), 0);
	if (m->scalable)
		ck_assert_int_eq(
			machine_flush_pasids(m, VTD_PASID_CACHE_GLOBAL, 0, 0),
			0);
	ck_assert_int_eq(machine_flush_iotlb(m, VTD_INV_GLOBAL, 0, 0, 0), 0);
	return NULL;
}

/* What the unit has just read changes, and is flushed. */
static void change_and_flush(struct machine *m)
{
	pthread_t thread;

	machine_store(m, m->watch, 0);
	machine_store(m, m->watch + 8, 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, flush_main, m), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
}

/*
 * A flush in the middle of a walk: that request may have the old page, but no
 * cache may keep what it read, of any entry on the way.
 */
START_TEST(c24_flush_in_the_middle_of_a_walk)
{
	struct machine_config config = { 0 };
	struct vtd_translation to;
	struct world w;

	FOR_BOTH_MODES (config) {
		for (int which = 0; which < 3; which++) {
			const struct vtd_request request = {
				.addr = IOVA,
				.len = 8,
				.sid = SID,
				.access = VTD_READ,
			};
			uint64_t table;

			if (which == 2 && !config.scalable)
				continue;
			world_init(&w, &config);
			map(w.tables, IOVA, OLD, 4 * KiB, RW);
			table = vtd_tables_root(w.tables);
			for (unsigned int level = 4; level > 1; level--)
				table = machine_load(
						&w.m,
						table + (IOVA >> (12 +
								  9 * (level -
								       1)) &
							 511) * 8) &
					VTD_SS_ADDR;
			w.m.watch = table;
			if (which == 1)
				w.m.watch = machine_context_at(&w.m, SID);
			if (which == 2)
				w.m.watch = machine_pasid_at(&w.m, SID, 0);
			w.m.on_read = change_and_flush;
			ck_assert_int_eq(
				vtd_unit_translate(w.m.unit, &request, &to), 0);
			ck_assert_ptr_null(w.m.on_read);
			ck_assert_int_eq(
				vtd_unit_translate(w.m.unit, &request, &to),
				-EFAULT);
			world_fini(&w);
		}
	}
}
END_TEST

/* ---- every granularity ---- */

struct shape {
	uint64_t size; /* of the page */
	/* Does not concern it; NULL: everything does. */
	int (*miss)(struct world *w);
	int (*hit)(struct world *w);
	bool by_register; /* in legacy mode only */
	bool scalable_only;
};

static int other_domain(struct world *w)
{
	return machine_flush_iotlb(&w->m, VTD_INV_DOMAIN, OTHER_DID, 0, 0);
}

/* Any 4 KiB of a large page take all of it along. */
static int page_within(struct world *w)
{
	return machine_flush_iotlb(&w->m, VTD_INV_PAGE, DID, IOVA + 5 * 4096,
				   0);
}

static int page_of_other(struct world *w)
{
	return machine_flush_iotlb(&w->m, VTD_INV_PAGE, OTHER_DID, IOVA, 0);
}

static int mask_9(struct world *w)
{
	return machine_flush_iotlb(&w->m, VTD_INV_PAGE, DID, IOVA, 9);
}

static int mask_9_behind(struct world *w)
{
	return machine_flush_iotlb(&w->m, VTD_INV_PAGE, DID, IOVA + 2 * MiB, 9);
}

static int mask_18(struct world *w)
{
	return machine_flush_iotlb(&w->m, VTD_INV_PAGE, DID, IOVA, 18);
}

static int mask_18_before(struct world *w)
{
	return machine_flush_iotlb(&w->m, VTD_INV_PAGE, DID, IOVA - GiB, 18);
}

static int pasid(struct world *w)
{
	machine_queue(&w->m,
		      VTD_DESC_PASID_IOTLB |
			      VTD_PASID_IOTLB_PASID << VTD_DESC_G_SHIFT |
			      DID << VTD_DESC_DID_SHIFT,
		      0);
	return machine_sync(&w->m);
}

static int other_pasid(struct world *w)
{
	machine_queue(&w->m,
		      VTD_DESC_PASID_IOTLB |
			      VTD_PASID_IOTLB_PASID << VTD_DESC_G_SHIFT |
			      DID << VTD_DESC_DID_SHIFT |
			      UINT64_C(1) << VTD_DESC_PASID_SHIFT,
		      0);
	return machine_sync(&w->m);
}

/* By table 24 a page of a PASID is nothing that second stages have. */
static int pasid_page(struct world *w)
{
	machine_queue(&w->m,
		      VTD_DESC_PASID_IOTLB |
			      VTD_PASID_IOTLB_PAGE << VTD_DESC_G_SHIFT |
			      DID << VTD_DESC_DID_SHIFT,
		      IOVA);
	return machine_sync(&w->m);
}

static int register_domain(struct world *w)
{
	return by_register(w, VTD_INV_DOMAIN, DID, 0);
}

static int register_other_domain(struct world *w)
{
	return by_register(w, VTD_INV_DOMAIN, OTHER_DID, 0);
}

static int register_page(struct world *w)
{
	return by_register(w, VTD_INV_PAGE, DID, IOVA);
}

static int register_page_behind(struct world *w)
{
	return by_register(w, VTD_INV_PAGE, DID, IOVA + 4 * KiB);
}

static int register_mask_9(struct world *w)
{
	return by_register(w, VTD_INV_PAGE, DID, (IOVA + 1 * MiB) | 9);
}

static const struct shape shapes[] = {
	{ .size = 4 * KiB, .hit = global },
	{ .size = 2 * MiB, .hit = global },
	{ .size = 4 * KiB, .miss = other_domain, .hit = domain },
	{ .size = 2 * MiB, .miss = other_domain, .hit = domain },
	{ .size = 4 * KiB, .miss = page_behind, .hit = page },
	{ .size = 4 * KiB, .miss = page_of_other, .hit = page },
	{ .size = 4 * KiB, .miss = mask_9_behind, .hit = mask_9 },
	{ .size = 4 * KiB, .miss = mask_18_before, .hit = mask_18 },
	{ .size = 2 * MiB, .miss = mask_9_behind, .hit = mask_9 },
	{ .size = 2 * MiB, .miss = mask_18_before, .hit = mask_18 },
	{ .size = 2 * MiB, .miss = page_of_other, .hit = page_within },
	{ .size = 4 * KiB, .hit = register_global, .by_register = true },
	{ .size = 4 * KiB,
	  .miss = register_other_domain,
	  .hit = register_domain,
	  .by_register = true },
	{ .size = 4 * KiB,
	  .miss = register_page_behind,
	  .hit = register_page,
	  .by_register = true },
	{ .size = 2 * MiB, .hit = register_mask_9, .by_register = true },
	{ .size = 4 * KiB,
	  .miss = other_pasid,
	  .hit = pasid,
	  .scalable_only = true },
	{ .size = 4 * KiB,
	  .miss = pasid_page,
	  .hit = pasid,
	  .scalable_only = true },
	{ .size = 2 * MiB,
	  .miss = pasid_page,
	  .hit = pasid,
	  .scalable_only = true },
};

static void try_shape(struct world *w, const struct shape *shape)
{
	map(w->tables, IOVA, OLD, shape->size, RW);
	ck_assert(function_lands(&w->fn, IOVA, OLD));
	unmap(w->tables, IOVA, shape->size);
	map(w->tables, IOVA, NEW, shape->size, RW);
	ck_assert(function_lands(&w->fn, IOVA, OLD));
	if (shape->miss) {
		ck_assert_int_eq(shape->miss(w), 0);
		ck_assert(function_lands(&w->fn, IOVA, OLD));
	}
	ck_assert_int_eq(shape->hit(w), 0);
	ck_assert(function_lands(&w->fn, IOVA, NEW));
	ck_assert(!function_lands(&w->fn, IOVA, OLD));
	machine_expect_no_fault(&w->m);
}

START_TEST(c25_every_granularity)
{
	struct machine_config config = { 0 };
	struct world w;

	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++)
		FOR_BOTH_MODES (config) {
			if (config.scalable ? shapes[i].by_register
					    : shapes[i].scalable_only)
				continue;
			world_init(&w, &config);
			try_shape(&w, &shapes[i]);
			world_fini(&w);
		}
}
END_TEST

/* The memory is small; translations of 1 GiB are asked for, not used. */
START_TEST(c25_pages_of_1_gib)
{
	const struct vtd_request request = {
		.addr = IOVA + 5,
		.len = 1,
		.sid = SID,
		.access = VTD_READ,
	};
	struct machine_config config = { 0 };
	struct vtd_translation to;
	struct world w;

	FOR_BOTH_MODES (config) {
		world_init(&w, &config);
		map(w.tables, IOVA, GiB, GiB, RW);
		ck_assert_int_eq(vtd_unit_translate(w.m.unit, &request, &to),
				 0);
		unmap(w.tables, IOVA, GiB);
		map(w.tables, IOVA, 4 * GiB, GiB, RW);
		ck_assert_int_eq(mask_18_before(&w), 0);
		ck_assert_int_eq(vtd_unit_translate(w.m.unit, &request, &to),
				 0);
		ck_assert_uint_eq(to.addr, GiB + 5);
		ck_assert_uint_eq(to.size, GiB);
		ck_assert_int_eq(mask_18(&w), 0);
		ck_assert_int_eq(vtd_unit_translate(w.m.unit, &request, &to),
				 0);
		ck_assert_uint_eq(to.addr, 4 * GiB + 5);
		world_fini(&w);
	}
}
END_TEST

/* Of what is cached, an invalidation removes what is meant and no more. */
START_TEST(c25_no_more_than_is_meant)
{
	struct machine_config config = { 0 };
	struct world w;

	FOR_BOTH_MODES (config) {
		world_init(&w, &config);
		map(w.tables, IOVA, OLD, 32 * KiB, RW);
		map(w.others, IOVA, OLD, 32 * KiB, RW);
		for (uint64_t at = 0; at < 32 * KiB; at += 4 * KiB) {
			ck_assert(function_lands(&w.fn, IOVA + at, OLD + at));
			ck_assert(function_lands(&w.other, IOVA + at, OLD + at));
		}
		unmap(w.tables, IOVA, 32 * KiB);
		unmap(w.others, IOVA, 32 * KiB);
		/* Four pages of one domain. */
		ck_assert_int_eq(machine_flush_iotlb(&w.m, VTD_INV_PAGE, DID,
						     IOVA + 16 * KiB, 2),
				 0);
		for (uint64_t at = 0; at < 32 * KiB; at += 4 * KiB) {
			ck_assert_int_eq(
				function_lands(&w.fn, IOVA + at, OLD + at),
				at < 16 * KiB);
			(void)machine_serve_faults(&w.m);
			ck_assert(function_lands(&w.other, IOVA + at, OLD + at));
		}
		world_fini(&w);
	}
}
END_TEST

START_TEST(c26_mask_too_large)
{
	struct machine_config config = { 0 };
	struct world w;

	FOR_BOTH_MODES (config) {
		world_init(&w, &config);
		map(w.tables, IOVA, OLD, 4 * KiB, RW);
		ck_assert(function_lands(&w.fn, IOVA, OLD));
		unmap(w.tables, IOVA, 4 * KiB);
		ck_assert_int_eq(
			machine_flush_iotlb(&w.m, VTD_INV_PAGE, DID, IOVA, 19),
			-EIO);
		ck_assert_uint_eq(machine_get(&w.m, VTD_REG_FSTS) & VTD_FSTS_IQE,
				  VTD_FSTS_IQE);
		/* Nothing was flushed. */
		ck_assert(function_lands(&w.fn, IOVA, OLD));
		world_fini(&w);
	}
}
END_TEST

START_TEST(c26_mask_too_large_by_register)
{
	struct machine_config config = { 0 };
	struct world w;

	world_init(&w, &config);
	map(w.tables, IOVA, OLD, 4 * KiB, RW);
	ck_assert(function_lands(&w.fn, IOVA, OLD));
	unmap(w.tables, IOVA, 4 * KiB);
	ck_assert_int_eq(by_register(&w, VTD_INV_PAGE, DID, IOVA | 19), -EIO);
	ck_assert(function_lands(&w.fn, IOVA, OLD));
	world_fini(&w);
}
END_TEST

START_TEST(c27_write_permission_taken_away)
{
	const struct fault_want want = {
		.legacy = VTD_FR_WRITE,
		.scalable = VTD_FR_SM_WRITE,
		.addr = IOVA,
		.sid = SID,
		.access = VTD_WRITE,
	};
	struct machine_config config = { 0 };
	uint64_t value = 0;
	struct world w;

	FOR_BOTH_MODES (config) {
		world_init(&w, &config);
		map(w.tables, IOVA, OLD, 4 * KiB, RW);
		ck_assert(function_lands(&w.fn, IOVA, OLD));
		unmap(w.tables, IOVA, 4 * KiB);
		map(w.tables, IOVA, OLD, 4 * KiB, VTD_MAP_READ);
		ck_assert(function_lands(&w.fn, IOVA, OLD));
		ck_assert_int_eq(page(&w), 0);
		ck_assert_int_eq(function_write(&w.fn, IOVA, &value, 8),
				 -EFAULT);
		machine_expect_fault(&w.m, &w.fn, &want);
		ck_assert_int_eq(function_read(&w.fn, IOVA, &value, 8), 0);
		world_fini(&w);
	}
}
END_TEST

/* ---- what software may leave out, and what not ---- */

/*
 * Nothing was present, so nothing need be flushed: true without caching mode.
 * Who takes a page for absent that was not, leaves the old one in use.
 */
START_TEST(c31_flush_left_out)
{
	struct machine_config config = { 0 };
	struct world w;

	FOR_BOTH_MODES (config) {
		world_init(&w, &config);
		refused_absent(&w, IOVA);
		map(w.tables, IOVA, OLD, 4 * KiB, RW);
		ck_assert(function_lands(&w.fn, IOVA, OLD));
		unmap(w.tables, IOVA, 4 * KiB);
		map(w.tables, IOVA, NEW, 4 * KiB, RW);
		ck_assert(!function_lands(&w.fn, IOVA, NEW));
		world_fini(&w);
	}
}
END_TEST

/* Where walks do not snoop, entries must be written back. */
START_TEST(c32_entries_not_written_back)
{
	struct machine_config config = { .not_coherent = true };
	struct world w;

	FOR_BOTH_MODES (config) {
		struct vtd_tables_memory forgetful;
		const struct vtd_tables_config tables = {
			.levels = 4,
			.page_sizes = 4 * KiB,
			.host_bits = MACHINE_HOST_BITS,
		};

		world_init(&w, &config);
		map(w.tables, IOVA, OLD, 4 * KiB, RW);
		ck_assert(function_lands(&w.fn, IOVA, OLD));
		unmap(w.tables, IOVA, 4 * KiB);
		ck_assert_int_eq(page(&w), 0);
		refused_absent(&w, IOVA);
		/* Tables that are not written back are as they were: empty. */
		forgetful = machine_tables_memory(&w.m);
		forgetful.flush = NULL;
		vtd_tables_destroy(w.others);
		ck_assert_int_eq(
			vtd_tables_create(&tables, &forgetful, &w.others), 0);
		map(w.others, IOVA, OLD, 4 * KiB, RW);
		machine_attach(&w.m, SID, w.others, 4, OTHER_DID);
		ck_assert_int_eq(machine_flush_source(&w.m, SID, DID), 0);
		refused_absent(&w, IOVA);
		world_fini(&w);
	}
}
END_TEST

/* Until it is flushed, a page that is given back is the device's still. */
START_TEST(c34_deferred_flush_leaves_a_window)
{
	struct machine_config config = { 0 };
	struct world w;

	FOR_BOTH_MODES (config) {
		world_init(&w, &config);
		map(w.tables, IOVA, OLD, 64 * KiB, RW);
		for (uint64_t at = 0; at < 64 * KiB; at += 4 * KiB)
			ck_assert(function_lands(&w.fn, IOVA + at, OLD + at));
		for (uint64_t at = 0; at < 64 * KiB; at += 4 * KiB) {
			unmap(w.tables, IOVA + at, 4 * KiB);
			ck_assert(function_lands(&w.fn, IOVA + at, OLD + at));
		}
		ck_assert_int_eq(domain(&w), 0); /* the batch's one flush */
		for (uint64_t at = 0; at < 64 * KiB; at += 4 * KiB)
			refused_absent(&w, IOVA + at);
		world_fini(&w);
	}
}
END_TEST

CHECK_MAIN("stale", c24_unmapped_page_until_it_is_flushed,
	   c24_flush_in_the_middle_of_a_walk, c25_every_granularity,
	   c25_pages_of_1_gib, c25_no_more_than_is_meant, c26_mask_too_large,
	   c26_mask_too_large_by_register, c27_write_permission_taken_away,
	   c31_flush_left_out, c32_entries_not_written_back,
	   c34_deferred_flush_leaves_a_window)
