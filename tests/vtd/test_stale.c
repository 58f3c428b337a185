// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Staleness: the catalogue's items 24 to 34. What was read of tables lives on
 * until it is invalidated, and not a moment longer.
 *
 * The shape of most: an access lands; the entry is edited; an access still
 * lands where it did; what is not meant is invalidated, and it still does;
 * what is meant is invalidated and waited for; the access lands on the new.
 */
#include <errno.h>
#include <string.h>

#include "common/util.h"
#include "tests/check_main.h"
#include "tests/vtd/machine.h"

#define SID	  0x0100
#define OTHER_SID 0x0110
#define DID	  5
#define OTHER_DID 9
#define IOVA	  (UINT64_C(1) << 30)
#define OLD	  UINT64_C(0)
#define NEW	  (16 * MiB) /* both aligned for pages of 2 MiB */
#define RW	  (VTD_MAP_READ | VTD_MAP_WRITE)

struct world {
	struct machine m;
	struct vtd_tables *tables, *others;
	struct function fn, other;
};

static void world_init(struct world *w, const struct machine_config *config)
{
	machine_init(&w->m, config);
	w->tables = machine_tables(&w->m, 4);
	w->others = machine_tables(&w->m, 4);
	machine_attach(&w->m, SID, w->tables, 4, DID);
	machine_attach(&w->m, OTHER_SID, w->others, 4, OTHER_DID);
	w->fn = function_at(&w->m, SID);
	w->other = function_at(&w->m, OTHER_SID);
}

static void world_fini(struct world *w)
{
	vtd_tables_destroy(w->tables);
	vtd_tables_destroy(w->others);
	machine_fini(&w->m);
}

static void map(struct vtd_tables *tables, uint64_t iova, uint64_t addr,
		uint64_t len, unsigned int prot)
{
	ck_assert_int_eq(vtd_tables_map(tables, iova, addr, len, prot), 0);
}

static void unmap(struct vtd_tables *tables, uint64_t iova, uint64_t len)
{
	uint64_t bytes;

	ck_assert_int_eq(vtd_tables_unmap(tables, iova, len, &bytes), 0);
	ck_assert_uint_eq(bytes, len);
}

static void refused_absent(struct world *w, uint64_t iova)
{
	const struct fault_want want = {
		.legacy = VTD_FR_WRITE,
		.scalable = VTD_FR_SM_TABLE_ABSENT,
		.addr = iova,
		.sid = SID,
		.access = VTD_WRITE,
	};
	uint64_t value = 0;

	ck_assert_int_eq(function_write(&w->fn, iova, &value, 8), -EFAULT);
	machine_expect_fault(&w->m, &w->fn, &want);
}

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

static int global(struct world *w)
{
	return machine_flush_iotlb(&w->m, VTD_INV_GLOBAL, 0, 0, 0);
}

static int domain(struct world *w)
{
	return machine_flush_iotlb(&w->m, VTD_INV_DOMAIN, DID, 0, 0);
}

static int other_domain(struct world *w)
{
	return machine_flush_iotlb(&w->m, VTD_INV_DOMAIN, OTHER_DID, 0, 0);
}

static int page(struct world *w)
{
	return machine_flush_iotlb(&w->m, VTD_INV_PAGE, DID, IOVA, 0);
}

/* Any 4 KiB of a large page take all of it along. */
static int page_within(struct world *w)
{
	return machine_flush_iotlb(&w->m, VTD_INV_PAGE, DID, IOVA + 5 * 4096,
				   0);
}

static int page_behind(struct world *w)
{
	return machine_flush_iotlb(&w->m, VTD_INV_PAGE, DID, IOVA + 4096, 0);
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

static int by_register(struct world *w, unsigned int granularity, uint16_t did,
		       uint64_t iva)
{
	const unsigned int at = (unsigned int)vtd_field(&w->m.caps, VTD_IRO) *
				16;
	uint64_t value;

	machine_command(&w->m, VTD_GCMD_QIE, false);
	machine_set64(&w->m, at, iva);
	machine_set64(&w->m, at + 8,
		      VTD_IOTLB_IVT |
			      (uint64_t)granularity << VTD_IOTLB_IIRG_SHIFT |
			      (uint64_t)did << VTD_IOTLB_DID_SHIFT);
	value = vtd_unit_read(w->m.unit, at + 8, 8);
	if ((value & VTD_IOTLB_IVT) ||
	    (value >> VTD_IOTLB_IAIG_SHIFT & 3) != granularity)
		return -EIO;
	return 0;
}

static int register_global(struct world *w)
{
	return by_register(w, VTD_INV_GLOBAL, 0, 0);
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

/* ---- contexts ---- */

/* The device moves to the other domain's tables, with a flush too few. */
static void move(struct world *w)
{
	machine_attach(&w->m, SID, w->others, 4, OTHER_DID);
}

static void map_both(struct world *w)
{
	map(w->tables, IOVA, OLD, 8 * KiB, RW);
	map(w->others, IOVA, NEW, 8 * KiB, RW);
}

START_TEST(c28_context_entry_changed)
{
	static const struct {
		unsigned int granularity;
		uint16_t did, sid;
		bool hits;
	} cases[] = {
		{ VTD_INV_DOMAIN, OTHER_DID, 0, false },
		{ VTD_INV_DEVICE, DID, OTHER_SID, false },
		{ VTD_INV_DEVICE, OTHER_DID, SID, false },
		{ VTD_INV_DEVICE, DID, SID, true },
		{ VTD_INV_DOMAIN, DID, 0, true },
		{ VTD_INV_GLOBAL, 0, 0, true },
	};
	struct machine_config config = { 0 };
	struct world w;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		world_init(&w, &config);
		map_both(&w);
		ck_assert(function_lands(&w.fn, IOVA, OLD));
		move(&w);
		ck_assert_int_eq(global(&w), 0);
		/* The IOTLB is empty; the context is the old one still. */
		ck_assert(function_lands(&w.fn, IOVA, OLD));
		ck_assert_int_eq(
			machine_flush_contexts(&w.m, cases[i].granularity,
					       cases[i].did, cases[i].sid),
			0);
		ck_assert_int_eq(domain(&w), 0);
		ck_assert(
			function_lands(&w.fn, IOVA, cases[i].hits ? NEW : OLD));
		world_fini(&w);
	}
}
END_TEST

/* The same by CCMD_REG, and with functions masked. */
START_TEST(c28_context_entry_changed_by_register)
{
	static const struct {
		unsigned int granularity, function_mask;
		uint16_t sid;
		bool hits;
	} cases[] = {
		{ VTD_INV_GLOBAL, 0, 0, true },
		{ VTD_INV_DOMAIN, 0, 0, true },
		{ VTD_INV_DEVICE, 0, SID, true },
		{ VTD_INV_DEVICE, 0, SID | 4, false },
		{ VTD_INV_DEVICE, 1, SID | 4, true },
		{ VTD_INV_DEVICE, 1, SID | 2, false },
		{ VTD_INV_DEVICE, 2, SID | 6, true },
		{ VTD_INV_DEVICE, 2, SID | 1, false },
		{ VTD_INV_DEVICE, 3, SID | 7, true },
		{ VTD_INV_DEVICE, 3, SID | 8, false },
	};
	struct machine_config config = { 0 };
	struct world w;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t value;

		world_init(&w, &config);
		map_both(&w);
		ck_assert(function_lands(&w.fn, IOVA, OLD));
		move(&w);
		machine_command(&w.m, VTD_GCMD_QIE, false);
		machine_set64(&w.m, VTD_REG_CCMD,
			      VTD_CCMD_ICC |
				      (uint64_t)cases[i].granularity
					      << VTD_CCMD_CIRG_SHIFT |
				      (uint64_t)cases[i].function_mask << 32 |
				      (uint64_t)cases[i].sid << 16 | DID);
		value = vtd_unit_read(w.m.unit, VTD_REG_CCMD, 8);
		ck_assert(!(value & VTD_CCMD_ICC));
		ck_assert_uint_eq(value >> VTD_CCMD_CAIG_SHIFT & 3,
				  cases[i].granularity);
		ck_assert_int_eq(register_global(&w), 0);
		ck_assert(
			function_lands(&w.fn, IOVA, cases[i].hits ? NEW : OLD));
		world_fini(&w);
	}
}
END_TEST

START_TEST(c28_pasid_entry_changed)
{
	static const struct {
		unsigned int granularity;
		uint16_t did;
		uint32_t pasid;
		bool hits;
	} cases[] = {
		{ VTD_PASID_CACHE_DOMAIN, OTHER_DID, 0, false },
		{ VTD_PASID_CACHE_PASID, DID, 1, false },
		{ VTD_PASID_CACHE_PASID, OTHER_DID, 0, false },
		{ VTD_PASID_CACHE_PASID, DID, 0, true },
		{ VTD_PASID_CACHE_DOMAIN, DID, 1, true },
		{ VTD_PASID_CACHE_GLOBAL, 0, 0, true },
	};
	struct machine_config config = { .scalable = true };
	struct world w;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		world_init(&w, &config);
		map_both(&w);
		ck_assert(function_lands(&w.fn, IOVA, OLD));
		move(&w);
		ck_assert_int_eq(global(&w), 0);
		ck_assert(function_lands(&w.fn, IOVA, OLD));
		ck_assert_int_eq(
			machine_flush_pasids(&w.m, cases[i].granularity,
					     cases[i].did, cases[i].pasid),
			0);
		ck_assert_int_eq(global(&w), 0);
		ck_assert(
			function_lands(&w.fn, IOVA, cases[i].hits ? NEW : OLD));
		world_fini(&w);
	}
}
END_TEST

START_TEST(c28_scalable_context_entry_removed)
{
	static const unsigned int granularities[] = {
		VTD_INV_GLOBAL,
		VTD_INV_DOMAIN, /* done as global: no domain is known */
		VTD_INV_DEVICE,
	};
	const struct fault_want want = {
		.scalable = VTD_FR_SM_CONTEXT_ABSENT,
		.addr = IOVA,
		.sid = SID,
		.access = VTD_WRITE,
	};
	struct machine_config config = { .scalable = true };
	uint64_t value = 0;
	struct world w;

	for (size_t i = 0; i < ARRAY_SIZE(granularities); i++) {
		world_init(&w, &config);
		map_both(&w);
		ck_assert(function_lands(&w.fn, IOVA, OLD));
		machine_detach(&w.m, SID);
		ck_assert_int_eq(global(&w), 0);
		ck_assert(function_lands(&w.fn, IOVA, OLD));
		/* The DID of a context flush does not count here. */
		ck_assert_int_eq(machine_flush_contexts(&w.m, granularities[i],
							0xffff, SID),
				 0);
		ck_assert_int_eq(global(&w), 0);
		ck_assert_int_eq(function_write(&w.fn, IOVA, &value, 8),
				 -EFAULT);
		machine_expect_fault(&w.m, &w.fn, &want);
		world_fini(&w);
	}
}
END_TEST

/* ---- caching mode ---- */

START_TEST(c29_absent_page_is_kept_with_caching_mode)
{
	struct machine_config config = { 0 };
	struct world w;

	for (int cm = 0; cm < 2; cm++)
		FOR_BOTH_MODES (config) {
			config.caching_mode = cm;
			world_init(&w, &config);
			refused_absent(&w, IOVA);
			map(w.tables, IOVA, OLD, 4 * KiB, RW);
			if (cm) {
				refused_absent(&w, IOVA);
				ck_assert_int_eq(page(&w), 0);
			}
			ck_assert(function_lands(&w.fn, IOVA, OLD));
			world_fini(&w);
		}
}
END_TEST

/* What is kept of a fault must not give another access another reason. */
START_TEST(c29_kept_fault_tells_the_truth)
{
	struct machine_config config = { .caching_mode = true };
	struct fault_want want = {
		.legacy = VTD_FR_READ,
		.scalable = VTD_FR_SM_TABLE_ABSENT,
		.addr = IOVA,
		.sid = SID,
		.access = VTD_READ,
	};
	uint64_t value = 0;
	struct world w;

	FOR_BOTH_MODES (config) {
		world_init(&w, &config);
		refused_absent(&w, IOVA);
		ck_assert_int_eq(function_read(&w.fn, IOVA, &value, 8),
				 -EFAULT);
		machine_expect_fault(&w.m, &w.fn, &want);
		world_fini(&w);
	}
}
END_TEST

START_TEST(c29_absent_context_is_kept_with_caching_mode)
{
	struct machine_config config = { 0 };
	uint64_t value = 0;
	struct world w;

	for (int cm = 0; cm < 2; cm++)
		FOR_BOTH_MODES (config) {
			const struct fault_want want = {
				.legacy = VTD_FR_CONTEXT_ABSENT,
				.scalable = VTD_FR_SM_CONTEXT_ABSENT,
				.addr = IOVA,
				.sid = SID + 1,
				.access = VTD_READ,
			};
			struct function fn;

			config.caching_mode = cm;
			world_init(&w, &config);
			fn = function_at(&w.m, SID + 1);
			map(w.tables, IOVA, OLD, 4 * KiB, RW);
			ck_assert_int_eq(function_read(&fn, IOVA, &value, 8),
					 -EFAULT);
			machine_expect_fault(&w.m, &fn, &want);
			machine_attach(&w.m, SID + 1, w.tables, 4, DID);
			if (cm) {
				ck_assert_int_eq(
					function_read(&fn, IOVA, &value, 8),
					-EFAULT);
				machine_expect_fault(&w.m, &fn, &want);
				/* Faults are kept under domain 0. */
				ck_assert_int_eq(
					machine_flush_source(&w.m, SID + 1, 0),
					0);
			}
			ck_assert(function_lands(&fn, IOVA, OLD));
			world_fini(&w);
		}
}
END_TEST

/* ---- order ---- */

/*
 * IOTLB first and contexts second: a request between the two brings the old
 * context's translation back, tagged with the old domain, and it stays.
 */
START_TEST(c30_contexts_before_iotlb)
{
	struct machine_config config = { 0 };
	struct world w;

	for (int right = 0; right < 2; right++)
		FOR_BOTH_MODES (config) {
			world_init(&w, &config);
			map_both(&w);
			ck_assert(function_lands(&w.fn, IOVA, OLD));
			move(&w);
			if (!right)
				ck_assert_int_eq(domain(&w), 0);
			ck_assert(function_lands(&w.fn, IOVA, OLD));
			ck_assert_int_eq(machine_flush_contexts(&w.m,
								VTD_INV_DEVICE,
								DID, SID),
					 0);
			if (config.scalable)
				ck_assert_int_eq(machine_flush_pasids(
							 &w.m,
							 VTD_PASID_CACHE_DOMAIN,
							 DID, 0),
						 0);
			if (right)
				ck_assert_int_eq(domain(&w), 0);
			ck_assert(
				function_lands(&w.fn, IOVA, right ? NEW : OLD));
			world_fini(&w);
		}
}
END_TEST

static int ask_translation(struct world *w, uint64_t iova, uint64_t *ret_addr)
{
	const struct vtd_request ask = {
		.addr = iova,
		.len = 8,
		.sid = SID,
		.at = VTD_AT_TRANSLATION,
	};
	struct vtd_translation to;
	int r = vtd_unit_translate(w->m.unit, &ask, &to);

	if (r == 0)
		*ret_addr = to.addr;
	return r;
}

/* The device's own TLB is told after the IOTLB has forgotten. */
START_TEST(c30_device_tlb_last)
{
	struct machine_config config = { .device_tlb = true };
	uint64_t addr;
	struct world w;

	FOR_BOTH_MODES (config) {
		struct vtd_context context = {
			.levels = 4,
			.did = DID,
			.device_tlb = true,
		};

		world_init(&w, &config);
		context.tables = vtd_tables_root(w.tables);
		if (!config.scalable)
			machine_attach_context(&w.m, SID, &context);
		map(w.tables, IOVA, OLD, 4 * KiB, RW);
		ck_assert_int_eq(ask_translation(&w, IOVA, &addr), 0);
		unmap(w.tables, IOVA, 4 * KiB);
		map(w.tables, IOVA, NEW, 4 * KiB, RW);
		machine_queue(&w.m,
			      VTD_DESC_IOTLB |
				      VTD_INV_PAGE << VTD_DESC_G_SHIFT |
				      DID << VTD_DESC_DID_SHIFT,
			      IOVA);
		machine_queue(&w.m,
			      VTD_DESC_DEVICE_TLB |
				      (uint64_t)SID << VTD_DESC_SID_SHIFT,
			      IOVA);
		ck_assert_int_eq(machine_sync(&w.m), 0);
		ck_assert_uint_eq(w.m.n_device_flushes, 1);
		ck_assert_uint_eq(w.m.device_flush_addr, IOVA);
		ck_assert_uint_eq(w.m.device_flush_len, 4 * KiB);
		ck_assert_int_eq(ask_translation(&w, IOVA, &addr), 0);
		ck_assert_uint_eq(addr, NEW);
		world_fini(&w);
	}
}
END_TEST

/* S and the address together say how much: the ATS way. */
START_TEST(c30_device_tlb_ranges)
{
	static const struct {
		uint64_t word, addr, len;
	} cases[] = {
		{ 0x10000000, 0x10000000, 0x1000 },
		{ 0x10000001, 0x10000000, 0x2000 },
		{ 0x10001001, 0x10000000, 0x4000 },
		{ 0x10003001, 0x10000000, 0x8000 },
		{ 0x100ff001, 0x10000000, 0x200000 },
		{ 0x7ffffffffffff001, 0, UINT64_C(1) << 63 },
	};
	struct machine_config config = { .device_tlb = true };
	struct world w;

	world_init(&w, &config);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		machine_queue(&w.m,
			      VTD_DESC_DEVICE_TLB |
				      (uint64_t)SID << VTD_DESC_SID_SHIFT,
			      cases[i].word);
		ck_assert_int_eq(machine_sync(&w.m), 0);
		ck_assert_uint_eq(w.m.device_flush_addr, cases[i].addr);
		ck_assert_uint_eq(w.m.device_flush_len, cases[i].len);
	}
	world_fini(&w);
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

/* ---- the queue ---- */

START_TEST(c33_device_that_does_not_answer)
{
	struct machine_config config = { .device_tlb = true };
	struct world w;

	FOR_BOTH_MODES (config) {
		uint64_t iqercd;

		world_init(&w, &config);
		w.m.device_is_dead = true;
		machine_queue(&w.m,
			      VTD_DESC_DEVICE_TLB |
				      (uint64_t)SID << VTD_DESC_SID_SHIFT,
			      IOVA);
		/* Whoever waits for this learns that it did not happen. */
		ck_assert_int_eq(machine_sync(&w.m), -EIO);
		ck_assert_uint_eq(machine_get(&w.m, VTD_REG_FSTS),
				  VTD_FSTS_ITE);
		iqercd = vtd_unit_read(w.m.unit, VTD_REG_IQERCD, 8);
		ck_assert_uint_eq(iqercd >> VTD_IQERCD_ITESID_SHIFT & 0xffff,
				  SID);
		/* The queue stands until the error is cleared. */
		ck_assert_int_eq(global(&w), -EIO);
		w.m.device_is_dead = false;
		machine_set(&w.m, VTD_REG_FSTS, VTD_FSTS_ITE);
		ck_assert_uint_eq(machine_get(&w.m, VTD_REG_FSTS), 0);
		ck_assert_int_eq(global(&w), 0);
		world_fini(&w);
	}
}
END_TEST

START_TEST(c33_queue_wraps)
{
	struct machine_config config = { 0 };
	struct world w;

	FOR_BOTH_MODES (config) {
		world_init(&w, &config);
		map(w.tables, IOVA, OLD, 4 * KiB, RW);
		for (unsigned int i = 0; i < 700; i++) {
			ck_assert(function_lands(&w.fn, IOVA, OLD));
			ck_assert_int_eq(page(&w), 0);
			ck_assert_uint_eq(
				vtd_unit_read(w.m.unit, VTD_REG_IQH, 8),
				w.m.tail);
		}
		/* As many as fit at once. */
		while ((w.m.tail + 2 * w.m.queue_width) % w.m.queue_size !=
		       vtd_unit_read(w.m.unit, VTD_REG_IQH, 8))
			machine_queue(&w.m,
				      VTD_DESC_IOTLB |
					      VTD_INV_GLOBAL
						      << VTD_DESC_G_SHIFT,
				      0);
		ck_assert_int_eq(machine_sync(&w.m), 0);
		world_fini(&w);
	}
}
END_TEST

/* A descriptor of no type holds the queue up; what is before it is done. */
START_TEST(c33_queue_error_holds_up_what_follows)
{
	struct machine_config config = { 0 };
	struct world w;

	FOR_BOTH_MODES (config) {
		uint64_t bad_at;

		world_init(&w, &config);
		map(w.tables, IOVA, OLD, 8 * KiB, RW);
		ck_assert(function_lands(&w.fn, IOVA, OLD));
		ck_assert(function_lands(&w.fn, IOVA + 4096, OLD + 4096));
		unmap(w.tables, IOVA, 8 * KiB);
		machine_queue(&w.m,
			      VTD_DESC_IOTLB |
				      VTD_INV_PAGE << VTD_DESC_G_SHIFT |
				      DID << VTD_DESC_DID_SHIFT,
			      IOVA);
		bad_at = w.m.tail;
		machine_queue(&w.m, 0xf, 0);
		ck_assert_int_eq(page_behind(&w), -EIO);
		ck_assert_uint_eq(machine_get(&w.m, VTD_REG_FSTS),
				  VTD_FSTS_IQE);
		ck_assert_uint_eq(vtd_unit_read(w.m.unit, VTD_REG_IQERCD, 8) &
					  15,
				  VTD_IQEI_TYPE);
		ck_assert_uint_eq(vtd_unit_read(w.m.unit, VTD_REG_IQH, 8),
				  bad_at);
		/* Only the first of the two pages is gone. */
		ck_assert(function_lands(&w.fn, IOVA + 4096, OLD + 4096));
		ck_assert(!function_lands(&w.fn, IOVA, OLD));
		ck_assert_uint_eq(machine_serve_faults(&w.m), 1);
		/* Mended and cleared, the rest is done: the second, too. */
		machine_store(&w.m, w.m.queue + bad_at,
			      VTD_DESC_IOTLB |
				      VTD_INV_PAGE << VTD_DESC_G_SHIFT |
				      DID << VTD_DESC_DID_SHIFT);
		machine_set(&w.m, VTD_REG_FSTS, VTD_FSTS_IQE);
		ck_assert_uint_eq(machine_load(&w.m, w.m.status), w.m.ticket);
		ck_assert_uint_eq(vtd_unit_read(w.m.unit, VTD_REG_IQH, 8),
				  w.m.tail);
		refused_absent(&w, IOVA + 4096);
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
	   c28_context_entry_changed, c28_context_entry_changed_by_register,
	   c28_pasid_entry_changed, c28_scalable_context_entry_removed,
	   c29_absent_page_is_kept_with_caching_mode,
	   c29_kept_fault_tells_the_truth,
	   c29_absent_context_is_kept_with_caching_mode,
	   c30_contexts_before_iotlb, c30_device_tlb_last,
	   c30_device_tlb_ranges, c31_flush_left_out,
	   c32_entries_not_written_back, c33_device_that_does_not_answer,
	   c33_queue_wraps, c33_queue_error_holds_up_what_follows,
	   c34_deferred_flush_leaves_a_window)
