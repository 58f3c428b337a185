// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is told of a fault: the catalogue's items 73 to 76.
 */
#include <errno.h>
#include <string.h>

#include "common/util.h"
#include "tests/check_main.h"
#include "tests/vtd/machine.h"

#define SID 0x0100
#define DID 5

struct world {
	struct machine m;
	struct vtd_tables *tables;
	struct function fn;
};

static void world_init(struct world *w, const struct machine_config *config)
{
	machine_init(&w->m, config);
	w->tables = machine_tables(&w->m, 4);
	machine_attach(&w->m, SID, w->tables, 4, DID);
	w->fn = function_at(&w->m, SID);
}

static void world_fini(struct world *w)
{
	vtd_tables_destroy(w->tables);
	machine_fini(&w->m);
}

/* A write that is refused. */
static void miss(struct world *w, uint64_t iova)
{
	uint64_t value = 0;

	ck_assert_int_eq(function_write(&w->fn, iova, &value, 8), -EFAULT);
}

/* ---- 73: FPD ---- */

static void set_quiet(struct machine *m, uint64_t at, bool quiet)
{
	const uint64_t word = machine_load(m, at);

	machine_store(m, at, quiet ? word | VTD_FPD : word & ~VTD_FPD);
	ck_assert_int_eq(machine_flush_source(m, SID, DID), 0);
}

START_TEST(h73_quiet_entries)
{
	struct machine_config config = { 0 };
	struct world w;

	FOR_BOTH_MODES (config) {
		uint64_t at[3];
		unsigned int n = 1;

		world_init(&w, &config);
		at[0] = machine_context_at(&w.m, SID);
		if (config.scalable) {
			at[1] = machine_load(&w.m, at[0]) & VTD_ADDR_MASK;
			at[2] = machine_pasid_at(&w.m, SID, 0);
			n = 3;
		}
		for (unsigned int i = 0; i < n; i++) {
			miss(&w, 0x5000);
			ck_assert_uint_eq(machine_serve_faults(&w.m), 1);
			set_quiet(&w.m, at[i], true);
			miss(&w, 0x5000);
			miss(&w, UINT64_C(1) << 50);
			machine_expect_no_fault(&w.m);
			set_quiet(&w.m, at[i], false);
		}
		world_fini(&w);
	}
}
END_TEST

/* FPD counts in an entry that is not present. */
START_TEST(h73_quiet_entry_that_is_not_present)
{
	struct machine_config config = { 0 };
	struct world w;

	FOR_BOTH_MODES (config) {
		world_init(&w, &config);
		machine_store(&w.m, machine_context_at(&w.m, SID), VTD_FPD);
		miss(&w, 0);
		machine_expect_no_fault(&w.m);
		machine_store(&w.m, machine_context_at(&w.m, SID), 0);
		miss(&w, 0);
		ck_assert_uint_eq(machine_serve_faults(&w.m), 1);
		world_fini(&w);
	}
}
END_TEST

/* Also where the IOTLB, which knows nothing of FPD, finds the page. */
START_TEST(h73_quiet_entry_of_a_cached_page)
{
	struct machine_config config = { 0 };
	uint64_t value;
	struct world w;

	FOR_BOTH_MODES (config) {
		world_init(&w, &config);
		ck_assert_int_eq(
			vtd_tables_map(w.tables, 0, 0, 4096, VTD_MAP_READ), 0);
		set_quiet(&w.m,
			  config.scalable ? machine_pasid_at(&w.m, SID, 0)
					  : machine_context_at(&w.m, SID),
			  true);
		ck_assert_int_eq(function_read(&w.fn, 0, &value, 8), 0);
		miss(&w, 0);
		machine_expect_no_fault(&w.m);
		world_fini(&w);
	}
}
END_TEST

/* What is not qualified is told whatever the entries say. */
START_TEST(h73_unqualified_faults_are_told)
{
	struct machine_config config = { 0 };
	struct world w;

	FOR_BOTH_MODES (config) {
		uint64_t root;

		world_init(&w, &config);
		set_quiet(&w.m, machine_context_at(&w.m, SID), true);
		root = w.m.root + (SID >> 8) * VTD_ROOT_SIZE;
		machine_store(&w.m, root, machine_load(&w.m, root) | 2);
		miss(&w, 0);
		ck_assert_uint_eq(machine_serve_faults(&w.m), 1);
		if (config.scalable) {
			machine_store(&w.m, root,
				      machine_load(&w.m, root) & ~2ull);
			/* The PASID directory outside memory: likewise. */
			machine_store(&w.m, machine_context_at(&w.m, SID),
				      MACHINE_RAM | VTD_P | VTD_FPD);
			miss(&w, 0);
			ck_assert_uint_eq(machine_serve_faults(&w.m), 1);
		}
		world_fini(&w);
	}
}
END_TEST

START_TEST(h73_table_30_and_table_15)
{
	static const enum vtd_reason unqualified[] = {
		0x01, 0x08, 0x09, 0x0a, 0x20, 0x21, 0x23, 0x25, 0x29, 0x2a,
		0x2b, 0x30, 0x31, 0x33, 0x38, 0x39, 0x3a, 0x40, 0x50, 0x58,
	};
	static const enum vtd_reason qualified[] = {
		0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x0b, 0x0c, 0x0d,
		0x0e, 0x22, 0x24, 0x26, 0x41, 0x42, 0x43, 0x44, 0x45,
		0x46, 0x48, 0x49, 0x51, 0x52, 0x59, 0x5a, 0x5b, 0x78,
		0x79, 0x7a, 0x7b, 0x83, 0x84, 0x85, 0x86, 0x87, 0x89,
	};

	for (size_t i = 0; i < ARRAY_SIZE(unqualified); i++) {
		ck_assert(!vtd_reason_is_qualified(unqualified[i]));
		ck_assert_str_ne(vtd_reason_text(unqualified[i]),
				 vtd_reason_text(0));
	}
	for (size_t i = 0; i < ARRAY_SIZE(qualified); i++) {
		ck_assert(vtd_reason_is_qualified(qualified[i]));
		ck_assert_str_ne(vtd_reason_text(qualified[i]),
				 vtd_reason_text(0));
	}
}
END_TEST

/* ---- 74: the ring of records ---- */

static uint64_t info_of(struct machine *m, unsigned int index)
{
	struct vtd_fault fault;

	if (vtd_unit_fault(m->unit, index, &fault) < 0)
		return 0;
	return fault.info;
}

static unsigned int first_record(struct machine *m)
{
	return machine_get(m, VTD_REG_FSTS) >> VTD_FSTS_FRI_SHIFT & 0xff;
}

static void clear(struct machine *m, unsigned int index)
{
	const unsigned int at = (unsigned int)vtd_field(&m->caps, VTD_FRO) * 16;

	machine_set(m, at + index * VTD_FRCD_SIZE + 12, UINT32_C(1) << 31);
}

START_TEST(h74_records_in_order_and_overflow)
{
	struct machine_config config = { .records = 8 };
	struct world w;

	FOR_BOTH_MODES (config) {
		world_init(&w, &config);
		for (uint64_t i = 1; i <= 8; i++) {
			miss(&w, i << 12);
			ck_assert_uint_eq(machine_get(&w.m, VTD_REG_FSTS),
					  VTD_FSTS_PPF);
			ck_assert_uint_eq(info_of(&w.m, (unsigned int)i - 1),
					  i << 12);
		}
		/* A ninth: told as lost, and no record is touched. */
		miss(&w, 0x99000);
		ck_assert_uint_eq(machine_get(&w.m, VTD_REG_FSTS),
				  VTD_FSTS_PPF | VTD_FSTS_PFO);
		for (unsigned int i = 0; i < 8; i++)
			ck_assert_uint_eq(info_of(&w.m, i), (i + 1) << 12);
		world_fini(&w);
	}
}
END_TEST

START_TEST(h74_ring_wraps)
{
	struct machine_config config = { .records = 3 };
	struct world w;

	FOR_BOTH_MODES (config) {
		world_init(&w, &config);
		for (uint64_t i = 1; i < 50; i++) {
			const unsigned int index = (unsigned int)(i - 1) % 3;

			miss(&w, i << 12);
			ck_assert_uint_eq(first_record(&w.m), index);
			ck_assert_uint_eq(info_of(&w.m, index), i << 12);
			clear(&w.m, index);
			machine_expect_no_fault(&w.m);
		}
		/* Served late: the second and third wait from 1 on. */
		miss(&w, 0x101000);
		miss(&w, 0x102000);
		ck_assert_uint_eq(first_record(&w.m), 1);
		clear(&w.m, 1);
		ck_assert_uint_eq(machine_get(&w.m, VTD_REG_FSTS) & VTD_FSTS_PPF,
				  VTD_FSTS_PPF);
		ck_assert_uint_eq(info_of(&w.m, 2), 0x102000);
		world_fini(&w);
	}
}
END_TEST

/* While PFO stands nothing is recorded, though there be room. */
START_TEST(h74_overflow_stands_until_cleared)
{
	struct machine_config config = { .records = 2 };
	struct world w;

	FOR_BOTH_MODES (config) {
		world_init(&w, &config);
		miss(&w, 0x1000);
		miss(&w, 0x2000);
		miss(&w, 0x3000);
		clear(&w.m, 0);
		clear(&w.m, 1);
		ck_assert_uint_eq(machine_get(&w.m, VTD_REG_FSTS) & 0xff,
				  VTD_FSTS_PFO);
		miss(&w, 0x4000);
		ck_assert_uint_eq(info_of(&w.m, 0) + info_of(&w.m, 1), 0);
		machine_set(&w.m, VTD_REG_FSTS, VTD_FSTS_PFO);
		machine_expect_no_fault(&w.m);
		/* Goes on where the ring stood. */
		miss(&w, 0x5000);
		ck_assert_uint_eq(first_record(&w.m), 0);
		ck_assert_uint_eq(info_of(&w.m, 0), 0x5000);
		world_fini(&w);
	}
}
END_TEST

START_TEST(h74_one_record_for_each_requester)
{
	struct machine_config config = { .records = 4, .collapse = true };
	struct world w;

	FOR_BOTH_MODES (config) {
		world_init(&w, &config);
		for (uint64_t i = 1; i < 20; i++)
			miss(&w, i << 12);
		ck_assert_uint_eq(machine_get(&w.m, VTD_REG_FSTS),
				  VTD_FSTS_PPF);
		w.fn.sid = SID + 8;
		miss(&w, 0x77000);
		ck_assert_uint_eq(info_of(&w.m, 0), 0x1000);
		ck_assert_uint_eq(info_of(&w.m, 1), 0x77000);
		ck_assert_uint_eq(machine_serve_faults(&w.m), 2);
		w.fn.sid = SID;
		miss(&w, 0x88000);
		ck_assert_uint_eq(info_of(&w.m, 2), 0x88000);
		world_fini(&w);
	}
}
END_TEST

/* The ring starts anew when neither DMA nor interrupts are translated. */
START_TEST(h74_index_is_reset_with_both_off)
{
	struct machine_config config = { .records = 4 };
	struct world w;

	world_init(&w, &config);
	miss(&w, 0x1000);
	ck_assert_uint_eq(machine_serve_faults(&w.m), 1);
	machine_remap(&w.m, 8, false);
	machine_command(&w.m, VTD_GCMD_TE, false);
	machine_command(&w.m, VTD_GCMD_TE, true);
	miss(&w, 0x2000);
	ck_assert_uint_eq(first_record(&w.m), 1);
	ck_assert_uint_eq(machine_serve_faults(&w.m), 1);
	machine_command(&w.m, VTD_GCMD_TE, false);
	machine_command(&w.m, VTD_GCMD_IRE, false);
	machine_command(&w.m, VTD_GCMD_TE, true);
	miss(&w, 0x3000);
	ck_assert_uint_eq(first_record(&w.m), 0);
	world_fini(&w);
}
END_TEST

/* ---- 75: the event ---- */

START_TEST(h75_one_event_until_served)
{
	struct machine_config config = { .records = 4 };
	struct world w;

	FOR_BOTH_MODES (config) {
		world_init(&w, &config);
		miss(&w, 0x1000);
		ck_assert_uint_eq(w.m.n_interrupts, 1);
		ck_assert_uint_eq(w.m.interrupt[0].vector, 0x31);
		ck_assert_uint_eq(w.m.interrupt[0].dest, 1);
		miss(&w, 0x2000);
		clear(&w.m, 0);
		miss(&w, 0x3000); /* one is pending still */
		ck_assert_uint_eq(w.m.n_interrupts, 1);
		ck_assert_uint_eq(machine_serve_faults(&w.m), 2);
		miss(&w, 0x4000);
		ck_assert_uint_eq(w.m.n_interrupts, 2);
		world_fini(&w);
	}
}
END_TEST

START_TEST(h75_masked_event_is_held)
{
	struct machine_config config = { 0 };
	struct world w;

	FOR_BOTH_MODES (config) {
		world_init(&w, &config);
		machine_set(&w.m, VTD_REG_FECTL, VTD_ECTL_IM);
		miss(&w, 0x1000);
		ck_assert_uint_eq(w.m.n_interrupts, 0);
		ck_assert_uint_eq(machine_get(&w.m, VTD_REG_FECTL),
				  VTD_ECTL_IM | VTD_ECTL_IP);
		machine_set(&w.m, VTD_REG_FECTL, 0);
		ck_assert_uint_eq(w.m.n_interrupts, 1);
		ck_assert_uint_eq(machine_get(&w.m, VTD_REG_FECTL), 0);
		world_fini(&w);
	}
}
END_TEST

START_TEST(h75_event_served_while_masked_is_dropped)
{
	struct machine_config config = { 0 };
	struct world w;

	FOR_BOTH_MODES (config) {
		world_init(&w, &config);
		machine_set(&w.m, VTD_REG_FECTL, VTD_ECTL_IM);
		miss(&w, 0x1000);
		ck_assert_uint_eq(machine_serve_faults(&w.m), 1);
		ck_assert_uint_eq(machine_get(&w.m, VTD_REG_FECTL),
				  VTD_ECTL_IM);
		machine_set(&w.m, VTD_REG_FECTL, 0);
		ck_assert_uint_eq(w.m.n_interrupts, 0);
		world_fini(&w);
	}
}
END_TEST

/* An error of the queue is an event of the same register. */
START_TEST(h75_queue_error_is_an_event)
{
	struct machine_config config = { 0 };
	struct world w;

	FOR_BOTH_MODES (config) {
		world_init(&w, &config);
		machine_queue(&w.m, 0, 0);
		ck_assert_int_eq(machine_sync(&w.m), -EIO);
		ck_assert_uint_eq(w.m.n_interrupts, 1);
		miss(&w, 0x1000); /* no new event: one is not served */
		ck_assert_uint_eq(w.m.n_interrupts, 1);
		world_fini(&w);
	}
}
END_TEST

START_TEST(h75_wait_descriptor_s_event)
{
	struct machine_config config = { 0 };
	struct world w;

	FOR_BOTH_MODES (config) {
		world_init(&w, &config);
		machine_set(&w.m, VTD_REG_IEDATA, 0x32);
		machine_set(&w.m, VTD_REG_IEADDR, 0xfee02000);
		machine_queue(&w.m, VTD_DESC_WAIT | VTD_DESC_WAIT_IF, 0);
		ck_assert_int_eq(machine_sync(&w.m), 0);
		/* Masked after reset; held. */
		ck_assert_uint_eq(w.m.n_interrupts, 0);
		ck_assert_uint_eq(machine_get(&w.m, VTD_REG_ICS), VTD_ICS_IWC);
		machine_set(&w.m, VTD_REG_IECTL, 0);
		ck_assert_uint_eq(w.m.n_interrupts, 1);
		ck_assert_uint_eq(w.m.interrupt[0].vector, 0x32);
		machine_queue(&w.m, VTD_DESC_WAIT | VTD_DESC_WAIT_IF, 0);
		ck_assert_int_eq(machine_sync(&w.m), 0);
		ck_assert_uint_eq(w.m.n_interrupts, 1); /* IWC stands */
		machine_set(&w.m, VTD_REG_ICS, VTD_ICS_IWC);
		ck_assert_uint_eq(machine_get(&w.m, VTD_REG_ICS), 0);
		machine_queue(&w.m, VTD_DESC_WAIT | VTD_DESC_WAIT_IF, 0);
		ck_assert_int_eq(machine_sync(&w.m), 0);
		ck_assert_uint_eq(w.m.n_interrupts, 2);
		world_fini(&w);
	}
}
END_TEST

/* ---- 76: every field ---- */

START_TEST(h76_every_field)
{
	static const struct {
		enum vtd_access access;
		uint64_t bits; /* T1 and T2 */
	} cases[] = {
		{ VTD_WRITE, 0 },
		{ VTD_READ, VTD_FRCD_T1 },
		{ VTD_ATOMIC, VTD_FRCD_T1 | VTD_FRCD_T2 },
	};
	struct machine_config config = { .device_tlb = true };
	const unsigned int at = 0x220;
	struct world w;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (int pasid = 0; pasid < 2; pasid++)
			FOR_BOTH_MODES (config) {
				struct vtd_request request = {
					.addr = UINT64_C(0x123456789abc8),
					.len = 8,
					.access = cases[i].access,
				};
				uint64_t buf = 0, high;

				if (pasid && !config.scalable)
					continue;
				world_init(&w, &config);
				w.fn = function_at(&w.m,
						   0xab00 | 0x1f << 3 | 7);
				w.fn.has_pasid = pasid;
				w.fn.pasid = 0xabcde;
				ck_assert_int_eq(function_send(&w.fn, &request,
							       &buf, NULL),
						 -EFAULT);
				high = VTD_FRCD_F | cases[i].bits | 0xabff;
				high |= (uint64_t)(config.scalable
							   ? VTD_FR_SM_ROOT_ABSENT
							   : VTD_FR_ROOT_ABSENT)
					<< VTD_FRCD_FR_SHIFT;
				if (pasid)
					high |= VTD_FRCD_PP |
						UINT64_C(0xabcde)
							<< VTD_FRCD_PV_SHIFT;
				ck_assert_uint_eq(
					vtd_unit_read(w.m.unit, at + 8, 8),
					high);
				/* Bits beyond the tables' widths are not told. */
				ck_assert_uint_eq(vtd_unit_read(w.m.unit, at, 8),
						  UINT64_C(0x23456789a000));
				world_fini(&w);
			}
}
END_TEST

START_TEST(h76_address_types)
{
	static const enum vtd_address_type types[] = {
		VTD_AT_UNTRANSLATED,
		VTD_AT_TRANSLATION,
		VTD_AT_TRANSLATED,
	};
	struct machine_config config = { .device_tlb = true };
	struct vtd_translation to;
	struct vtd_fault fault;
	struct world w;

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		FOR_BOTH_MODES (config) {
			const struct vtd_request request = {
				.addr = 0x1000,
				.len = 8,
				.sid = SID + 1,
				.at = types[i],
			};

			world_init(&w, &config);
			ck_assert_int_eq(
				vtd_unit_translate(w.m.unit, &request, &to),
				-EFAULT);
			ck_assert_int_eq(vtd_unit_fault(w.m.unit, 0, &fault),
					 0);
			ck_assert_int_eq(fault.at, types[i]);
			world_fini(&w);
		}
}
END_TEST

/* What the unit has not got, its records do not show. */
START_TEST(h76_fields_that_a_unit_has_not)
{
	struct machine_config config = { 0 };
	struct vtd_translation to;
	struct world w;

	FOR_BOTH_MODES (config) {
		const struct vtd_request request = {
			.addr = 0x1000,
			.len = 8,
			.sid = SID + 1,
			.at = VTD_AT_TRANSLATED,
		};

		world_init(&w, &config);
		ck_assert_int_eq(vtd_unit_translate(w.m.unit, &request, &to),
				 -EFAULT);
		ck_assert_uint_eq(vtd_unit_read(w.m.unit, 0x228, 8) >>
						  VTD_FRCD_AT_SHIFT &
					  3,
				  0);
		world_fini(&w);
	}
}
END_TEST

CHECK_MAIN("faults", h73_quiet_entries, h73_quiet_entry_that_is_not_present,
	   h73_quiet_entry_of_a_cached_page, h73_unqualified_faults_are_told,
	   h73_table_30_and_table_15, h74_records_in_order_and_overflow,
	   h74_ring_wraps, h74_overflow_stands_until_cleared,
	   h74_one_record_for_each_requester, h74_index_is_reset_with_both_off,
	   h75_one_event_until_served, h75_masked_event_is_held,
	   h75_event_served_while_masked_is_dropped,
	   h75_queue_error_is_an_event, h75_wait_descriptor_s_event,
	   h76_every_field, h76_address_types, h76_fields_that_a_unit_has_not)
