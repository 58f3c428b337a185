// SPDX-License-Identifier: GPL-2.0-or-later
/* Staleness of context and PASID entries, and of what is absent: items 28
 * and 29. See stale.h for the shape. */
#include <string.h>

#include "tests/check_main.h"
#include "tests/vtd/stale.h"

/* ---- contexts ---- */

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

CHECK_MAIN("stale_context", c28_context_entry_changed,
	   c28_context_entry_changed_by_register, c28_pasid_entry_changed,
	   c28_scalable_context_entry_removed,
	   c29_absent_page_is_kept_with_caching_mode,
	   c29_kept_fault_tells_the_truth,
	   c29_absent_context_is_kept_with_caching_mode)
