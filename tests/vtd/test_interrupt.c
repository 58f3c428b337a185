// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Interrupts as a weapon: the catalogue's items 35 to 45, with a device that
 * writes any message it likes.
 */
#include <errno.h>
#include <string.h>

#include "common/util.h"
#include "tests/check_main.h"
#include "tests/vtd/machine.h"

#define SID	0x0100
#define VICTIM	0x0208
#define ENTRIES 8u /* log2 */
#define IOVA	UINT64_C(0x10000)
#define COMPAT	(VTD_MSI_FIRST | 5 << 12) /* to APIC 5 */
#define NMI	0x400

struct world {
	struct machine m;
	struct function fn;
};

static void world_init(struct world *w, const struct machine_config *config)
{
	machine_init(&w->m, config);
	machine_remap(&w->m, ENTRIES, false);
	w->fn = function_at(&w->m, SID);
}

static const struct vtd_irte own = {
	.dest = 3,
	.vector = 0x51,
	.svt = VTD_SVT_SID,
	.sid = SID,
};

static void expect(struct world *w, enum vtd_reason reason, uint64_t info)
{
	const struct fault_want want = {
		.legacy = reason,
		.scalable = reason,
		.addr = info,
		.sid = w->fn.sid,
	};

	machine_expect_fault(&w->m, &w->fn, &want);
}

/* The fault's own event is an interrupt too: not what is asked here. */
static void mask_events(struct machine *m)
{
	machine_set(m, VTD_REG_FECTL, VTD_ECTL_IM);
}

static void refused(struct world *w, uint64_t addr, uint32_t data,
		    enum vtd_reason reason, uint64_t info)
{
	const unsigned int before = w->m.n_interrupts;

	mask_events(&w->m);
	ck_assert_int_eq(function_msi(&w->fn, addr, data), -EFAULT);
	ck_assert_uint_eq(w->m.n_interrupts, before);
	expect(w, reason, info);
}

static const struct vtd_interrupt *delivered(struct world *w, uint64_t addr,
					     uint32_t data)
{
	const unsigned int n = w->m.n_interrupts;

	ck_assert_int_eq(function_msi(&w->fn, addr, data), 0);
	ck_assert_uint_eq(w->m.n_interrupts, n + 1);
	machine_expect_no_fault(&w->m);
	return &w->m.interrupt[n];
}

/* Without remapping a device sends any vector, and NMI, to any processor. */
START_TEST(d35_remapping_off)
{
	struct machine_config config = { 0 };
	const struct vtd_interrupt *got;
	struct world w;

	FOR_BOTH_MODES (config) {
		machine_init(&w.m, &config);
		w.fn = function_at(&w.m, SID);
		got = delivered(&w, COMPAT, 0xfe);
		ck_assert_uint_eq(got->dest, 5);
		ck_assert_uint_eq(got->vector, 0xfe);
		got = delivered(&w, COMPAT, NMI);
		ck_assert_uint_eq(got->mode, 4);
		machine_fini(&w.m);
	}
}
END_TEST

static void require_remapping(struct vtd_caps *caps)
{
	vtd_field_set(caps, VTD_IRREQ, 1);
}

START_TEST(d35_remapping_off_where_it_is_required)
{
	struct machine_config config = { .adjust = require_remapping };
	struct world w;

	FOR_BOTH_MODES (config) {
		machine_init(&w.m, &config);
		w.fn = function_at(&w.m, SID);
		refused(&w, COMPAT, 0xfe, VTD_FR_IR_REQUIRED, 0);
		refused(&w, machine_msi(0), 0, VTD_FR_IR_REQUIRED, 0);
		machine_fini(&w.m);
	}
}
END_TEST

START_TEST(d36_compatibility_format)
{
	struct machine_config config = { 0 };
	struct world w;

	FOR_BOTH_MODES (config) {
		world_init(&w, &config);
		refused(&w, COMPAT, 0xfe, VTD_FR_IR_COMPATIBILITY, 0);
		refused(&w, COMPAT, NMI, VTD_FR_IR_COMPATIBILITY, 0);
		/* Unless software lets them pass. */
		machine_command(&w.m, VTD_GCMD_CFI, true);
		ck_assert_uint_eq(delivered(&w, COMPAT, 0x41)->vector, 0x41);
		machine_command(&w.m, VTD_GCMD_CFI, false);
		refused(&w, COMPAT, 0x41, VTD_FR_IR_COMPATIBILITY, 0);
		machine_fini(&w.m);
	}
}
END_TEST

/* With 32-bit APIC ids they are blocked whatever CFI says. */
START_TEST(d36_compatibility_format_in_x2apic_mode)
{
	struct machine_config config = { 0 };
	struct world w;

	machine_init(&w.m, &config);
	machine_remap(&w.m, ENTRIES, true);
	w.fn = function_at(&w.m, SID);
	machine_command(&w.m, VTD_GCMD_CFI, true);
	refused(&w, COMPAT, 0x41, VTD_FR_IR_COMPATIBILITY, 0);
	machine_fini(&w.m);
}
END_TEST

static void require_wide(struct vtd_caps *caps)
{
	vtd_field_set(caps, VTD_EIMER, 1);
}

START_TEST(d36_narrow_ids_where_wide_ones_are_required)
{
	struct machine_config config = { .adjust = require_wide };
	struct world w;

	world_init(&w, &config);
	machine_irte(&w.m, 4, &own);
	refused(&w, machine_msi(4), 0, VTD_FR_IR_EIME, 0);
	machine_fini(&w.m);
}
END_TEST

START_TEST(d37_index_beyond_the_table)
{
	static const uint32_t indices[] = { 256, 257, 0x7fff, 0x8000, 0xffff };
	struct machine_config config = { 0 };
	struct world w;

	FOR_BOTH_MODES (config) {
		world_init(&w, &config);
		for (size_t i = 0; i < ARRAY_SIZE(indices); i++)
			refused(&w, machine_msi(indices[i]), 0, VTD_FR_IR_INDEX,
				indices[i]);
		/* By handle and subhandle together, too. */
		refused(&w, machine_msi(255), 1, VTD_FR_IR_INDEX, 256);
		/* The last of the table is within. */
		refused(&w, machine_msi(255), 0, VTD_FR_IR_ABSENT, 255);
		refused(&w, machine_msi(254), 1, VTD_FR_IR_ABSENT, 255);
		machine_fini(&w.m);
	}
}
END_TEST

/* The sum of both is 17 bits wide, and does not wrap to a low index. */
START_TEST(d37_index_does_not_wrap)
{
	struct machine_config config = { 0 };
	struct world w;

	machine_init(&w.m, &config);
	machine_remap(&w.m, 16, false);
	w.fn = function_at(&w.m, SID);
	machine_irte(&w.m, 0, &own);
	mask_events(&w.m);
	ck_assert_int_eq(function_msi(&w.fn, machine_msi(0xffff), 1), -EFAULT);
	ck_assert_uint_eq(w.m.n_interrupts, 0);
	ck_assert_uint_eq(machine_serve_faults(&w.m), 1);
	machine_fini(&w.m);
}
END_TEST

START_TEST(d38_entry_not_present)
{
	struct machine_config config = { 0 };
	struct world w;

	FOR_BOTH_MODES (config) {
		world_init(&w, &config);
		for (uint32_t i = 0; i < 256; i += 15)
			refused(&w, machine_msi(i), 0, VTD_FR_IR_ABSENT, i);
		machine_fini(&w.m);
	}
}
END_TEST

START_TEST(d39_entry_of_another_device)
{
	const struct vtd_irte victim = {
		.vector = 0x61,
		.svt = VTD_SVT_SID,
		.sid = VICTIM,
	};
	struct machine_config config = { 0 };
	struct world w;

	FOR_BOTH_MODES (config) {
		world_init(&w, &config);
		machine_irte(&w.m, 4, &own);
		machine_irte(&w.m, 9, &victim);
		ck_assert_uint_eq(delivered(&w, machine_msi(4), 0)->vector,
				  0x51);
		for (int i = 0; i < 2; i++)
			refused(&w, machine_msi(9), 0, VTD_FR_IR_SOURCE, 9);
		refused(&w, machine_msi(4), 5, VTD_FR_IR_SOURCE, 9);
		/* It is the victim's; then, cached, still not the other's. */
		w.fn.sid = VICTIM;
		ck_assert_uint_eq(delivered(&w, machine_msi(9), 0)->vector,
				  0x61);
		w.fn.sid = SID;
		refused(&w, machine_msi(9), 0, VTD_FR_IR_SOURCE, 9);
		machine_fini(&w.m);
	}
}
END_TEST

START_TEST(d39_ways_to_check_the_source)
{
	static const struct {
		unsigned int svt, sq;
		uint16_t entry, sid;
		bool passes;
	} cases[] = {
		{ VTD_SVT_NONE, 0, 0, 0xffff, true }, /* nobody asks */
		{ VTD_SVT_SID, 0, 0x0100, 0x0100, true },
		{ VTD_SVT_SID, 0, 0x0100, 0x0101, false },
		{ VTD_SVT_SID, 0, 0x0100, 0x0104, false },
		{ VTD_SVT_SID, 0, 0x0100, 0x0200, false },
		{ VTD_SVT_SID, 1, 0x0100, 0x0104, true }, /* bit 2 aside */
		{ VTD_SVT_SID, 1, 0x0100, 0x0102, false },
		{ VTD_SVT_SID, 2, 0x0100, 0x0106, true }, /* bits 2 and 1 */
		{ VTD_SVT_SID, 2, 0x0100, 0x0101, false },
		{ VTD_SVT_SID, 3, 0x0100, 0x0107, true }, /* all three */
		{ VTD_SVT_SID, 3, 0x0100, 0x0108, false },
		{ VTD_SVT_BUS, 0, 0x0307, 0x0300, true }, /* buses 3 to 7 */
		{ VTD_SVT_BUS, 0, 0x0307, 0x07ff, true },
		{ VTD_SVT_BUS, 0, 0x0307, 0x02ff, false },
		{ VTD_SVT_BUS, 0, 0x0307, 0x0800, false },
	};
	struct machine_config config = { 0 };
	struct world w;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct vtd_irte irte = own;

		world_init(&w, &config);
		irte.svt = cases[i].svt;
		irte.sq = cases[i].sq;
		irte.sid = cases[i].entry;
		machine_irte(&w.m, 4, &irte);
		w.fn.sid = cases[i].sid;
		if (cases[i].passes)
			(void)delivered(&w, machine_msi(4), 0);
		else
			refused(&w, machine_msi(4), 0, VTD_FR_IR_SOURCE, 4);
		machine_fini(&w.m);
	}
}
END_TEST

/* What is no message, though it goes where messages go. */
START_TEST(d40_malformed_messages)
{
	static const struct {
		uint64_t addr;
		uint32_t len;
		enum vtd_access access;
	} cases[] = {
		{ 0xfee00000, 4, VTD_READ },   { 0xfee00000, 1, VTD_READ },
		{ 0xfeefffff, 1, VTD_READ },   { 0xfee00000, 1, VTD_WRITE },
		{ 0xfee00000, 2, VTD_WRITE },  { 0xfee00000, 8, VTD_WRITE },
		{ 0xfee00002, 4, VTD_WRITE },  { 0xfee00000, 64, VTD_WRITE },
		{ 0xfee00000, 4, VTD_ATOMIC }, { 0xfee00000, 8, VTD_ATOMIC },
	};
	struct machine_config config = { 0 };
	uint8_t buf[64] = { 0 };
	struct world w;

	FOR_BOTH_MODES (config) {
		world_init(&w, &config);
		machine_irte(&w.m, 0, &own);
		mask_events(&w.m);
		for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
			const struct vtd_request request = {
				.addr = cases[i].addr,
				.len = cases[i].len,
				.access = cases[i].access,
			};

			ck_assert_int_eq(
				function_send(&w.fn, &request, buf, NULL),
				-EFAULT);
			ck_assert_uint_eq(w.m.n_interrupts, 0);
			expect(&w, VTD_FR_IR_MALFORMED, 0);
		}
		machine_fini(&w.m);
	}
}
END_TEST

/* A transfer from memory on into the range ends at its border. */
START_TEST(d40_transfer_into_the_range)
{
	struct machine_config config = { 0 };
	uint8_t buf[64] = { 0 };
	struct world w;

	FOR_BOTH_MODES (config) {
		const struct vtd_request request = {
			.addr = 0xfee00000 - 32,
			.len = 64,
			.access = VTD_WRITE,
		};
		struct vtd_tables *tables;
		size_t done;

		world_init(&w, &config);
		tables = machine_tables(&w.m, 4);
		machine_attach(&w.m, SID, tables, 4, 1);
		/* The tables have the range; it is still no memory. */
		ck_assert_int_eq(vtd_tables_map(tables, 0xfec00000, 4 * MiB,
						4 * MiB,
						VTD_MAP_READ | VTD_MAP_WRITE),
				 0);
		mask_events(&w.m);
		ck_assert_int_eq(function_send(&w.fn, &request, buf, &done),
				 -EFAULT);
		ck_assert_uint_eq(done, 32);
		expect(&w, VTD_FR_IR_MALFORMED, 0);
		vtd_tables_destroy(tables);
		machine_fini(&w.m);
	}
}
END_TEST

/* Tables must not turn a write into a message. */
START_TEST(d41_page_that_leads_to_the_range)
{
	struct machine_config config = { 0 };
	struct world w;

	FOR_BOTH_MODES (config) {
		struct fault_want want = {
			.legacy = VTD_FR_OUTPUT_INTERRUPT,
			.scalable = VTD_FR_SM_OUTPUT_INTERRUPT,
			.addr = IOVA,
			.sid = SID,
		};
		struct vtd_tables *tables;
		uint32_t value = 0;

		world_init(&w, &config);
		tables = machine_tables(&w.m, 4);
		machine_attach(&w.m, SID, tables, 4, 1);
		ck_assert_int_eq(vtd_tables_map(tables, IOVA, VTD_MSI_FIRST,
						VTD_PAGE_SIZE,
						VTD_MAP_READ | VTD_MAP_WRITE),
				 0);
		mask_events(&w.m);
		want.access = VTD_WRITE;
		ck_assert_int_eq(function_write(&w.fn, IOVA, &value, 4),
				 -EFAULT);
		machine_expect_fault(&w.m, &w.fn, &want);
		want.access = VTD_READ;
		ck_assert_int_eq(function_read(&w.fn, IOVA, &value, 4),
				 -EFAULT);
		machine_expect_fault(&w.m, &w.fn, &want);
		ck_assert_uint_eq(w.m.n_interrupts, 0);
		vtd_tables_destroy(tables);
		machine_fini(&w.m);
	}
}
END_TEST

/* Part of a large page may lead there: that part faults, also when cached. */
START_TEST(d41_large_page_over_the_range)
{
	struct machine_config config = { 0 };
	struct vtd_translation to;
	struct world w;

	FOR_BOTH_MODES (config) {
		struct vtd_request request = {
			.addr = 2 * GiB + 0x3ee00000 - 8,
			.len = 8,
			.sid = SID,
			.access = VTD_READ,
		};
		struct vtd_tables *tables;

		world_init(&w, &config);
		tables = machine_tables(&w.m, 4);
		machine_attach(&w.m, SID, tables, 4, 1);
		ck_assert_int_eq(vtd_tables_map(tables, 2 * GiB, 3 * GiB, GiB,
						VTD_MAP_READ),
				 0);
		ck_assert_int_eq(vtd_unit_translate(w.m.unit, &request, &to),
				 0);
		ck_assert_uint_eq(to.addr, 0xfee00000 - 8);
		request.addr += 8;
		ck_assert_int_eq(vtd_unit_translate(w.m.unit, &request, &to),
				 -EFAULT);
		ck_assert_uint_eq(machine_serve_faults(&w.m), 1);
		request.addr += MiB;
		ck_assert_int_eq(vtd_unit_translate(w.m.unit, &request, &to),
				 0);
		vtd_tables_destroy(tables);
		machine_fini(&w.m);
	}
}
END_TEST

/* A request that names a PASID goes through the tables like any other. */
START_TEST(d41_pasid_is_no_way_around)
{
	struct machine_config config = { .scalable = true };
	struct world w;
	uint32_t value = 0;

	world_init(&w, &config);
	w.fn.has_pasid = true;
	w.fn.pasid = 3;
	mask_events(&w.m);
	ck_assert_int_eq(function_write(&w.fn, 0xfee00000, &value, 4), -EFAULT);
	ck_assert_uint_eq(w.m.n_interrupts, 0);
	ck_assert_uint_eq(machine_serve_faults(&w.m), 1);
	machine_fini(&w.m);
}
END_TEST

START_TEST(d42_entry_freed_or_changed)
{
	static const struct {
		bool all;
		uint32_t index;
		unsigned int mask;
		bool hits;
	} cases[] = {
		{ true, 0, 0, true },	{ false, 4, 0, true },
		{ false, 5, 0, false }, { false, 5, 1, true },
		{ false, 8, 2, false }, { false, 0, 3, true },
	};
	struct machine_config config = { 0 };
	struct world w;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		FOR_BOTH_MODES (config) {
			world_init(&w, &config);
			machine_irte(&w.m, 4, &own);
			(void)delivered(&w, machine_msi(4), 0);
			machine_irte(&w.m, 4, NULL);
			/* Stale: delivered until it is flushed. */
			(void)delivered(&w, machine_msi(4), 0);
			ck_assert_int_eq(machine_flush_irtes(&w.m, cases[i].all,
							     cases[i].index,
							     cases[i].mask),
					 0);
			if (cases[i].hits)
				refused(&w, machine_msi(4), 0, VTD_FR_IR_ABSENT,
					4);
			else
				(void)delivered(&w, machine_msi(4), 0);
			machine_fini(&w.m);
		}
}
END_TEST

/* Given to another device, the first must not trigger it any more. */
START_TEST(d42_entry_given_to_another)
{
	struct machine_config config = { 0 };
	struct vtd_irte theirs = own;
	struct world w;

	world_init(&w, &config);
	machine_irte(&w.m, 4, &own);
	(void)delivered(&w, machine_msi(4), 0);
	theirs.sid = VICTIM;
	theirs.vector = 0x99;
	machine_irte(&w.m, 4, &theirs);
	ck_assert_int_eq(machine_flush_irtes(&w.m, false, 4, 0), 0);
	refused(&w, machine_msi(4), 0, VTD_FR_IR_SOURCE, 4);
	machine_fini(&w.m);
}
END_TEST

/* All of an interrupt comes from its entry; the device's data says nothing. */
START_TEST(d43_device_does_not_choose_the_mode)
{
	struct machine_config config = { 0 };
	const struct vtd_interrupt *got;
	struct world w;

	FOR_BOTH_MODES (config) {
		struct vtd_irte irte = own;

		world_init(&w, &config);
		machine_irte(&w.m, 4, &irte);
		/* Handle only: the data does not count at all. */
		got = delivered(&w, machine_msi(4) & ~VTD_MSI_SHV,
				0xffff0000 | NMI | 0xfe);
		ck_assert_uint_eq(got->vector, 0x51);
		ck_assert_uint_eq(got->dest, 3);
		ck_assert_uint_eq(got->mode, 0);
		ck_assert(!got->level && !got->logical && !got->redirect);
		/* What software asks for comes through, NMI too. */
		irte.mode = 4;
		irte.level = irte.logical = irte.redirect = true;
		machine_irte(&w.m, 5, &irte);
		got = delivered(&w, machine_msi(5), 0);
		ck_assert_uint_eq(got->mode, 4);
		ck_assert(got->level && got->logical && got->redirect);
		machine_fini(&w.m);
	}
}
END_TEST

START_TEST(d43_wide_destinations)
{
	struct machine_config config = { 0 };
	struct vtd_irte irte = own;
	struct world w;

	machine_init(&w.m, &config);
	machine_remap(&w.m, ENTRIES, true);
	w.fn = function_at(&w.m, SID);
	irte.wide = true;
	irte.dest = 0x12345678;
	machine_irte(&w.m, 4, &irte);
	ck_assert_uint_eq(delivered(&w, machine_msi(4), 0)->dest, 0x12345678);
	machine_fini(&w.m);
}
END_TEST

START_TEST(d44_reserved_bits_of_an_entry)
{
	const uint64_t reserved[2] = {
		VTD_BITS(63, 48) | VTD_BITS(39, 32) | VTD_BITS(31, 24) |
			VTD_BITS(15, 12),
		VTD_BITS(63, 20),
	};
	struct machine_config config = { 0 };
	struct world w;

	FOR_BOTH_MODES (config) {
		world_init(&w, &config);
		for (unsigned int bit = 0; bit < 128; bit++) {
			const uint64_t at = w.m.irt + 4 * VTD_IRTE_SIZE +
					    bit / 64 * 8;

			if (!(reserved[bit / 64] >> bit % 64 & 1))
				continue;
			machine_irte(&w.m, 4, &own);
			machine_store(&w.m, at,
				      machine_load(&w.m, at) |
					      UINT64_C(1) << bit % 64);
			refused(&w, machine_msi(4), 0, VTD_FR_IR_ENTRY_RESERVED,
				4);
		}
		machine_fini(&w.m);
	}
}
END_TEST

START_TEST(d44_reserved_encodings_of_an_entry)
{
	struct machine_config config = { 0 };
	struct vtd_irte irte;
	struct world w;

	world_init(&w, &config);
	for (unsigned int mode = 0; mode < 8; mode++) {
		irte = own;
		irte.mode = (uint8_t)mode;
		machine_irte(&w.m, mode, &irte);
		if (mode == 3 || mode == 6)
			refused(&w, machine_msi(mode), 0,
				VTD_FR_IR_ENTRY_RESERVED, mode);
		else
			(void)delivered(&w, machine_msi(mode), 0);
	}
	irte = own;
	irte.svt = 3;
	machine_irte(&w.m, 8, &irte);
	refused(&w, machine_msi(8), 0, VTD_FR_IR_ENTRY_RESERVED, 8);
	machine_fini(&w.m);
}
END_TEST

START_TEST(d44_table_outside_memory)
{
	struct machine_config config = { 0 };
	struct world w;

	FOR_BOTH_MODES (config) {
		world_init(&w, &config);
		machine_set64(&w.m, VTD_REG_IRTA, MACHINE_RAM | (ENTRIES - 1));
		machine_command(&w.m, VTD_GCMD_SIRTP, true);
		refused(&w, machine_msi(4), 0, VTD_FR_IR_ACCESS, 4);
		/* The table's end beyond what addresses the host has. */
		machine_set64(&w.m, VTD_REG_IRTA,
			      ((UINT64_C(1) << MACHINE_HOST_BITS) - 4096) | 15);
		machine_command(&w.m, VTD_GCMD_SIRTP, true);
		refused(&w, machine_msi(256), 0, VTD_FR_IR_INDEX, 256);
		refused(&w, machine_msi(255), 0, VTD_FR_IR_ACCESS, 255);
		machine_fini(&w.m);
	}
}
END_TEST

/* Reserved bits of the message itself. */
START_TEST(d45_malformed_remappable_message)
{
	struct machine_config config = { 0 };
	struct world w;

	FOR_BOTH_MODES (config) {
		world_init(&w, &config);
		machine_irte(&w.m, 4, &own);
		for (unsigned int bit = 16; bit < 32; bit++)
			refused(&w, machine_msi(4), 1u << bit,
				VTD_FR_IR_RESERVED, 0);
		machine_fini(&w.m);
	}
}
END_TEST

/*
 * As many as a device can send: the first fills the record, one more says
 * that it is full, and that is all the host hears of it.
 */
START_TEST(d45_storm)
{
	struct machine_config config = { 0 };
	struct vtd_fault fault;
	struct world w;

	FOR_BOTH_MODES (config) {
		world_init(&w, &config);
		for (unsigned int i = 0; i < 10000; i++)
			ck_assert_int_eq(function_msi(&w.fn, COMPAT, i),
					 -EFAULT);
		ck_assert_uint_eq(w.m.n_interrupts, 1); /* the fault event */
		ck_assert_uint_eq(w.m.interrupt[0].vector, 0x31);
		ck_assert_uint_eq(machine_get(&w.m, VTD_REG_FSTS),
				  VTD_FSTS_PPF | VTD_FSTS_PFO);
		ck_assert_int_eq(vtd_unit_fault(w.m.unit, 0, &fault), 0);
		ck_assert_int_eq(fault.reason, VTD_FR_IR_COMPATIBILITY);
		ck_assert_uint_eq(machine_serve_faults(&w.m), 1);
		machine_irte(&w.m, 4, &own);
		(void)delivered(&w, machine_msi(4), 0);
		machine_fini(&w.m);
	}
}
END_TEST

CHECK_MAIN("interrupt", d35_remapping_off,
	   d35_remapping_off_where_it_is_required, d36_compatibility_format,
	   d36_compatibility_format_in_x2apic_mode,
	   d36_narrow_ids_where_wide_ones_are_required,
	   d37_index_beyond_the_table, d37_index_does_not_wrap,
	   d38_entry_not_present, d39_entry_of_another_device,
	   d39_ways_to_check_the_source, d40_malformed_messages,
	   d40_transfer_into_the_range, d41_page_that_leads_to_the_range,
	   d41_large_page_over_the_range, d41_pasid_is_no_way_around,
	   d42_entry_freed_or_changed, d42_entry_given_to_another,
	   d43_device_does_not_choose_the_mode, d43_wide_destinations,
	   d44_reserved_bits_of_an_entry, d44_reserved_encodings_of_an_entry,
	   d44_table_outside_memory, d45_malformed_remappable_message,
	   d45_storm)
