// SPDX-License-Identifier: GPL-2.0-or-later
/* Staleness of what an order or a queue decides: items 30 and 33. See stale.h
 * for the shape. */
#include <string.h>

#include "tests/check_main.h"
#include "tests/vtd/stale.h"

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

CHECK_MAIN("stale_queue", c30_contexts_before_iotlb, c30_device_tlb_last,
	   c30_device_tlb_ranges, c33_device_that_does_not_answer,
	   c33_queue_wraps, c33_queue_error_holds_up_what_follows)
