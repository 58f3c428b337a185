// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Isolation by identity: the catalogue's items 12 to 16 and 18 to 23. (17, a
 * switch that forwards between its ports, no remapping unit can see.)
 */
#include <errno.h>
#include <string.h>

#include "common/util.h"
#include "tests/check_main.h"
#include "tests/vtd/machine.h"

#define SID_A  0x0100 /* 01:00.0 */
#define SID_B  0x0208 /* 02:01.0 */
#define DID_A  5
#define DID_B  6
#define RAM    (16 * VTD_PAGE_SIZE)
#define HOST_A UINT64_C(0x100000)
#define HOST_B UINT64_C(0x200000)

/* Two guests with a device each; both have RAM at IOVA 0. */
struct world {
	struct machine m;
	struct vtd_tables *a, *b;
	struct function fn_a, fn_b;
};

static void world_init(struct world *w, const struct machine_config *config)
{
	const unsigned int rw = VTD_MAP_READ | VTD_MAP_WRITE;

	machine_init(&w->m, config);
	w->a = machine_tables(&w->m, 4);
	w->b = machine_tables(&w->m, 4);
	machine_attach(&w->m, SID_A, w->a, 4, DID_A);
	machine_attach(&w->m, SID_B, w->b, 4, DID_B);
	ck_assert_int_eq(vtd_tables_map(w->a, 0, HOST_A, RAM, rw), 0);
	ck_assert_int_eq(vtd_tables_map(w->b, 0, HOST_B, RAM, rw), 0);
	w->fn_a = (struct function) { .m = &w->m, .sid = SID_A };
	w->fn_b = (struct function) { .m = &w->m, .sid = SID_B };
}

static void world_fini(struct world *w)
{
	vtd_tables_destroy(w->a);
	vtd_tables_destroy(w->b);
	machine_fini(&w->m);
}

static void refused(const struct function *fn, uint64_t iova,
		    enum vtd_reason legacy, enum vtd_reason scalable)
{
	struct fault_want want = {
		.legacy = legacy,
		.scalable = scalable,
		.addr = iova,
		.sid = fn->sid,
	};
	uint64_t value = 0;

	want.access = VTD_READ;
	ck_assert_int_eq(function_read(fn, iova, &value, 8), -EFAULT);
	machine_expect_fault(fn->m, fn, &want);
	want.access = VTD_WRITE;
	ck_assert_int_eq(function_write(fn, iova, &value, 8), -EFAULT);
	machine_expect_fault(fn->m, fn, &want);
}

static void refused_absent(const struct function *fn, uint64_t iova)
{
	struct fault_want want = {
		.legacy = VTD_FR_WRITE,
		.scalable = VTD_FR_SM_TABLE_ABSENT,
		.addr = iova,
		.sid = fn->sid,
		.access = VTD_WRITE,
	};
	uint64_t value = 0;

	ck_assert_int_eq(function_write(fn, iova, &value, 8), -EFAULT);
	machine_expect_fault(fn->m, fn, &want);
}

START_TEST(b12_other_guest_s_memory)
{
	struct machine_config config = { 0 };
	struct world w;

	FOR_BOTH_MODES (config) {
		world_init(&w, &config);
		for (uint64_t at = 0; at < RAM; at += VTD_PAGE_SIZE) {
			ck_assert(function_lands(&w.fn_a, at, HOST_A + at));
			ck_assert(function_lands(&w.fn_b, at, HOST_B + at));
			ck_assert(!function_lands(&w.fn_a, at, HOST_B + at));
		}
		machine_expect_no_fault(&w.m);
		refused_absent(&w.fn_a, HOST_B);
		refused_absent(&w.fn_b, HOST_A);
		world_fini(&w);
	}
}
END_TEST

START_TEST(b13_device_of_nobody)
{
	struct machine_config config = { 0 };
	struct world w;

	FOR_BOTH_MODES (config) {
		const struct function neighbour = function_at(&w.m, SID_A + 1);
		const struct function upper = function_at(&w.m, SID_A | 0xff);
		const struct function other_bus = function_at(&w.m, 0x7f00);

		world_init(&w, &config);
		refused(&neighbour, 0, VTD_FR_CONTEXT_ABSENT,
			VTD_FR_SM_CONTEXT_ABSENT);
		/* In scalable mode a bus has two tables; this has one. */
		refused(&upper, 0, VTD_FR_CONTEXT_ABSENT,
			VTD_FR_SM_ROOT_ABSENT);
		refused(&other_bus, 0, VTD_FR_ROOT_ABSENT,
			VTD_FR_SM_ROOT_ABSENT);
		world_fini(&w);
	}
}
END_TEST

START_TEST(b14_detached_device)
{
	struct machine_config config = { 0 };
	struct world w;

	FOR_BOTH_MODES (config) {
		world_init(&w, &config);
		ck_assert(function_lands(&w.fn_a, 0, HOST_A));
		machine_detach(&w.m, SID_A);
		ck_assert_int_eq(machine_flush_source(&w.m, SID_A, DID_A), 0);
		refused(&w.fn_a, 0, VTD_FR_CONTEXT_ABSENT,
			VTD_FR_SM_CONTEXT_ABSENT);
		ck_assert(function_lands(&w.fn_b, 0, HOST_B));
		world_fini(&w);
	}
}
END_TEST

/* A bridge's requests, and those it sends for what is behind it. */
START_TEST(b15_alias_needs_its_own_entry)
{
	static const uint16_t aliases[] = { 0x00f0, 0x0300 };
	struct machine_config config = { 0 };
	struct world w;

	FOR_BOTH_MODES (config) {
		world_init(&w, &config);
		for (size_t i = 0; i < ARRAY_SIZE(aliases); i++) {
			const struct function alias =
				function_at(&w.m, aliases[i]);

			ck_assert(!function_lands(&alias, 0, HOST_A));
			ck_assert_uint_eq(machine_serve_faults(&w.m), 1);
			machine_attach(&w.m, aliases[i], w.a, 4, DID_A);
			ck_assert(function_lands(&alias, 0, HOST_A));
			refused_absent(&alias, HOST_B);
		}
		world_fini(&w);
	}
}
END_TEST

START_TEST(b16_phantom_functions)
{
	struct machine_config config = { 0 };
	struct world w;

	FOR_BOTH_MODES (config) {
		world_init(&w, &config);
		for (uint16_t fn = 1; fn < 8; fn++) {
			const struct function phantom =
				function_at(&w.m, SID_A | fn);

			refused(&phantom, 0, VTD_FR_CONTEXT_ABSENT,
				VTD_FR_SM_CONTEXT_ABSENT);
		}
		world_fini(&w);
	}
}
END_TEST

/* A virtual function is a requester like any other. */
START_TEST(b18_virtual_function_is_not_its_physical_one)
{
	const uint16_t vf = SID_A + 0x80;
	struct machine_config config = { 0 };
	struct world w;

	FOR_BOTH_MODES (config) {
		const struct function fn = function_at(&w.m, vf);

		world_init(&w, &config);
		machine_attach(&w.m, vf, w.b, 4, DID_B);
		ck_assert(function_lands(&fn, 0, HOST_B));
		ck_assert(!function_lands(&fn, 0, HOST_A));
		ck_assert(function_lands(&w.fn_a, 0, HOST_A));
		machine_expect_no_fault(&w.m);
		world_fini(&w);
	}
}
END_TEST

/* To a BAR: only if it is mapped, and then as memory is. */
START_TEST(b19_peer_to_peer)
{
	const uint64_t bar = UINT64_C(0xc0000000);
	struct machine_config config = { 0 };
	struct vtd_translation to;
	struct world w;

	FOR_BOTH_MODES (config) {
		const struct vtd_request request = {
			.addr = bar + 16,
			.len = 4,
			.sid = SID_A,
			.access = VTD_WRITE,
		};

		world_init(&w, &config);
		refused_absent(&w.fn_a, bar);
		ck_assert_int_eq(vtd_tables_map(w.a, bar, bar, VTD_PAGE_SIZE,
						VTD_MAP_WRITE),
				 0);
		ck_assert_int_eq(vtd_unit_translate(w.m.unit, &request, &to),
				 0);
		ck_assert_uint_eq(to.addr, bar + 16);
		refused_absent(&w.fn_b, bar);
		world_fini(&w);
	}
}
END_TEST

START_TEST(b20_pasid_in_legacy_mode)
{
	struct machine_config config = { 0 };
	struct world w;

	world_init(&w, &config);
	w.fn_a.has_pasid = true;
	w.fn_a.pasid = 3;
	/* Such a unit has no place for a PASID in its records. */
	const struct fault_want want = {
		.legacy = VTD_FR_PASID_IN_LEGACY,
		.addr = 0,
		.sid = SID_A,
		.access = VTD_WRITE,
	};
	uint64_t value = 0;

	ck_assert_int_eq(function_write(&w.fn_a, 0, &value, 8), -EFAULT);
	machine_expect_fault(&w.m, NULL, &want);
	world_fini(&w);
}
END_TEST

static void narrow_pasids(struct vtd_caps *caps)
{
	vtd_field_set(caps, VTD_PSS, 15);
}

START_TEST(b20_pasids_that_are_not_there)
{
	struct machine_config config = {
		.scalable = true,
		.adjust = narrow_pasids,
	};
	static const struct {
		uint32_t pasid;
		enum vtd_reason reason;
	} cases[] = {
		{ 0, VTD_FR_SM_PASID_IS_RID },
		{ 3, VTD_FR_PASID_ABSENT },	 /* no entry in the table */
		{ 64, VTD_FR_PASID_DIR_ABSENT }, /* no table */
		{ 0x7fff, VTD_FR_PASID_DIR_ABSENT },
		{ 0x8000, VTD_FR_SM_PASID_BEYOND }, /* the directory's end */
		{ 0xffff, VTD_FR_SM_PASID_BEYOND },
		{ 0x10000, VTD_FR_SM_PASID_TOO_WIDE }, /* PSS is 16 bits */
		{ 0xfffff, VTD_FR_SM_PASID_TOO_WIDE },
	};
	struct world w;

	world_init(&w, &config);
	w.fn_a.has_pasid = true;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		w.fn_a.pasid = cases[i].pasid;
		refused(&w.fn_a, 0, VTD_FR_NONE, cases[i].reason);
	}
	world_fini(&w);
}
END_TEST

static void attach_pasid(struct world *w, uint32_t pasid,
			 const struct vtd_tables *tables, uint16_t did)
{
	const struct vtd_context context = {
		.tables = vtd_tables_root(tables),
		.levels = 4,
		.did = did,
	};
	const uint64_t at = machine_pasid_at(&w->m, SID_A, pasid);
	uint64_t word[8];

	vtd_encode_pasid(&context, word);
	for (unsigned int i = 8; i-- > 0;)
		machine_store(&w->m, at + i * 8, word[i]);
}

START_TEST(b20_each_pasid_its_own_memory)
{
	struct machine_config config = { .scalable = true };
	struct world w;

	world_init(&w, &config);
	attach_pasid(&w, 3, w.b, DID_B);
	ck_assert(function_lands(&w.fn_a, 0, HOST_A));
	w.fn_a.has_pasid = true;
	w.fn_a.pasid = 3;
	ck_assert(function_lands(&w.fn_a, 0, HOST_B));
	ck_assert(function_lands(&w.fn_a, 0, HOST_B)); /* cached */
	refused_absent(&w.fn_a, HOST_A);
	w.fn_a.has_pasid = false;
	ck_assert(function_lands(&w.fn_a, 0, HOST_A));
	world_fini(&w);
}
END_TEST

START_TEST(b20_pasids_not_enabled)
{
	struct machine_config config = { .scalable = true };
	struct world w;
	uint64_t at;

	world_init(&w, &config);
	at = machine_context_at(&w.m, SID_A);
	machine_store(&w.m, at,
		      machine_load(&w.m, at) & ~VTD_SM_CONTEXT_PASIDE);
	w.fn_a.has_pasid = true;
	w.fn_a.pasid = 3;
	refused(&w.fn_a, 0, VTD_FR_NONE, VTD_FR_SM_NO_PASID);
	world_fini(&w);
}
END_TEST

/* A device that claims to have translated an address itself. */
static int send_translated(const struct function *fn, uint64_t addr)
{
	const struct vtd_request request = {
		.addr = addr,
		.len = 8,
		.access = VTD_WRITE,
		.at = VTD_AT_TRANSLATED,
	};
	uint64_t value = 0x77;

	return function_send(fn, &request, &value, NULL);
}

static void expect_translated_fault(struct world *w, enum vtd_reason legacy,
				    enum vtd_reason scalable, uint64_t addr)
{
	struct vtd_fault fault;

	ck_assert_int_eq(vtd_unit_fault(w->m.unit, 0, &fault), 0);
	ck_assert_int_eq(fault.reason, w->m.scalable ? scalable : legacy);
	ck_assert_uint_eq(fault.sid, SID_A);
	ck_assert_uint_eq(fault.info, addr);
	ck_assert_int_eq(fault.access, VTD_WRITE);
	ck_assert_uint_eq(machine_serve_faults(&w->m), 1);
}

START_TEST(b21_translated_requests_are_blocked)
{
	struct machine_config config = { 0 };
	struct world w;

	for (int device_tlb = 0; device_tlb < 2; device_tlb++)
		FOR_BOTH_MODES (config) {
			uint64_t at;

			config.device_tlb = device_tlb;
			world_init(&w, &config);
			at = machine_context_at(&w.m, SID_A);
			if (w.m.scalable)
				machine_store(&w.m, at,
					      machine_load(&w.m, at) &
						      ~VTD_SM_CONTEXT_DTE);
			ck_assert_int_eq(send_translated(&w.fn_a, HOST_B),
					 -EFAULT);
			ck_assert_uint_eq(machine_load(&w.m, HOST_B), 0);
			expect_translated_fault(&w, VTD_FR_BLOCKED,
						VTD_FR_SM_NO_DEVICE_TLB,
						HOST_B);
			world_fini(&w);
		}
}
END_TEST

/* Where it is allowed there is no fence: that is why it must be asked for. */
START_TEST(b21_trusted_translated_requests_reach_anything)
{
	struct machine_config config = { .device_tlb = true };
	struct world w;

	FOR_BOTH_MODES (config) {
		struct vtd_context context = {
			.levels = 4,
			.did = DID_A,
			.device_tlb = true,
		};

		world_init(&w, &config);
		context.tables = vtd_tables_root(w.a);
		if (!w.m.scalable)
			machine_attach_context(&w.m, SID_A, &context);
		ck_assert_int_eq(send_translated(&w.fn_a, HOST_B), 0);
		ck_assert_uint_eq(machine_load(&w.m, HOST_B), 0x77);
		/* But not what is no memory. */
		ck_assert_int_eq(send_translated(&w.fn_a, UINT64_C(1) << 46),
				 -EFAULT);
		expect_translated_fault(&w, VTD_FR_ADDRESS,
					VTD_FR_SM_HOST_ADDRESS,
					UINT64_C(1) << 46);
		ck_assert_int_eq(send_translated(&w.fn_a, 0xfee00000), -EFAULT);
		expect_translated_fault(&w, VTD_FR_OUTPUT_INTERRUPT,
					VTD_FR_SM_OUTPUT_INTERRUPT, 0xfee00000);
		world_fini(&w);
	}
}
END_TEST

/* What a device's own TLB is told. */
START_TEST(b21_translation_requests)
{
	struct machine_config config = { .device_tlb = true };
	struct vtd_translation to;
	struct world w;

	FOR_BOTH_MODES (config) {
		struct vtd_request ask = {
			.addr = VTD_PAGE_SIZE + 8,
			.len = 8,
			.sid = SID_A,
			.at = VTD_AT_TRANSLATION,
		};
		struct vtd_context context = {
			.levels = 4,
			.did = DID_A,
			.device_tlb = true,
		};

		world_init(&w, &config);
		context.tables = vtd_tables_root(w.a);
		if (!w.m.scalable)
			machine_attach_context(&w.m, SID_A, &context);
		ck_assert_int_eq(vtd_unit_translate(w.m.unit, &ask, &to), 0);
		ck_assert_uint_eq(to.addr, HOST_A + VTD_PAGE_SIZE + 8);
		ck_assert_uint_eq(to.prot, VTD_PROT_READ | VTD_PROT_WRITE);
		/* Nothing there is an answer, and no fault. */
		ask.addr = RAM;
		ck_assert_int_eq(vtd_unit_translate(w.m.unit, &ask, &to), 0);
		ck_assert_uint_eq(to.prot, 0);
		ask.addr = UINT64_C(1) << 50;
		ck_assert_int_eq(vtd_unit_translate(w.m.unit, &ask, &to), 0);
		ck_assert_uint_eq(to.prot, 0);
		/* Messages are to be sent untranslated. */
		ask.addr = 0xfee00000;
		ck_assert_int_eq(vtd_unit_translate(w.m.unit, &ask, &to), 0);
		ck_assert_uint_eq(to.prot, VTD_PROT_WRITE);
		machine_expect_no_fault(&w.m);
		world_fini(&w);
	}
}
END_TEST

/*
 * A domain id that another set of tables has had: before the flush the old
 * translations are found, after it none is.
 */
START_TEST(b22_domain_id_used_again)
{
	struct machine_config config = { 0 };
	struct world w;

	FOR_BOTH_MODES (config) {
		world_init(&w, &config);
		ck_assert(function_lands(&w.fn_a, 0, HOST_A));
		machine_attach(&w.m, SID_A, w.b, 4, DID_A);
		ck_assert(function_lands(&w.fn_a, 0, HOST_A)); /* stale */
		ck_assert_int_eq(machine_flush_source(&w.m, SID_A, DID_A), 0);
		ck_assert(function_lands(&w.fn_a, 0, HOST_B));
		ck_assert(!function_lands(&w.fn_a, 0, HOST_A));
		world_fini(&w);
	}
}
END_TEST

/*
 * Tables of one unit given to another that has fewer levels: refused, not
 * walked from the wrong level.
 */
START_TEST(b23_tables_of_more_levels_than_the_unit_has)
{
	struct machine_config config = { 0 };
	struct world w;

	FOR_BOTH_MODES (config) {
		struct vtd_context context = { .levels = 5, .did = DID_A };

		world_init(&w, &config);
		context.tables = vtd_tables_root(w.a);
		machine_attach_context(&w.m, SID_A, &context);
		refused(&w.fn_a, 0, VTD_FR_CONTEXT_INVALID,
			VTD_FR_PASID_INVALID);
		world_fini(&w);
	}
}
END_TEST

/* Reserved encodings of widths and types. */
START_TEST(b23_encodings_that_mean_nothing)
{
	struct machine_config config = { 0 };
	struct world w;

	FOR_BOTH_MODES (config) {
		uint64_t at, good;

		world_init(&w, &config);
		at = config.scalable ? machine_pasid_at(&w.m, SID_A, 0)
				     : machine_context_at(&w.m, SID_A) + 8;
		good = machine_load(&w.m, at);
		for (uint64_t aw = 0; aw < 8; aw++) {
			const unsigned int shift = config.scalable ? 2 : 0;

			machine_store(&w.m, at,
				      (good & ~(UINT64_C(7) << shift)) |
					      aw << shift);
			if (aw == 1 || aw == 2)
				continue;
			refused(&w.fn_a, 0, VTD_FR_CONTEXT_INVALID,
				VTD_FR_PASID_INVALID);
		}
		machine_store(&w.m, at, good);
		at = config.scalable ? at : at - 8;
		good = machine_load(&w.m, at);
		for (uint64_t type = 0; type < (config.scalable ? 8 : 4);
		     type++) {
			const unsigned int shift = config.scalable ? 6 : 2;
			const uint64_t mask =
				(config.scalable ? UINT64_C(7) : UINT64_C(3))
				<< shift;
			const bool known = config.scalable
						   ? type == 2 || type == 4
						   : type == 0 || type == 2;

			machine_store(&w.m, at, (good & ~mask) | type << shift);
			if (!known)
				refused(&w.fn_a, 0, VTD_FR_CONTEXT_INVALID,
					VTD_FR_PASID_INVALID);
		}
		world_fini(&w);
	}
}
END_TEST

/* One reserved bit at a time, of every entry on the way to the tables. */
static void try_reserved(struct world *w, uint64_t at, uint64_t mask,
			 enum vtd_reason legacy, enum vtd_reason scalable)
{
	const uint64_t good = machine_load(&w->m, at);

	for (unsigned int bit = 0; bit < 64; bit++) {
		if (!(mask >> bit & 1))
			continue;
		machine_store(&w->m, at, good | UINT64_C(1) << bit);
		refused(&w->fn_a, 0, legacy, scalable);
	}
	machine_store(&w->m, at, good);
}

START_TEST(b23_reserved_bits_of_legacy_entries)
{
	const uint64_t beyond = VTD_BITS(63, MACHINE_HOST_BITS);
	struct machine_config config = { 0 };
	struct world w;
	uint64_t root, at;

	world_init(&w, &config);
	root = w.m.root + (SID_A >> 8) * VTD_ROOT_SIZE;
	at = machine_context_at(&w.m, SID_A);
	try_reserved(&w, root, beyond | VTD_BITS(11, 1), VTD_FR_ROOT_RESERVED,
		     VTD_FR_NONE);
	try_reserved(&w, root + 8, UINT64_MAX, VTD_FR_ROOT_RESERVED,
		     VTD_FR_NONE);
	try_reserved(&w, at, beyond | VTD_BITS(11, 4), VTD_FR_CONTEXT_RESERVED,
		     VTD_FR_NONE);
	try_reserved(&w, at + 8, VTD_BITS(63, 24) | VTD_BITS(7, 7),
		     VTD_FR_CONTEXT_RESERVED, VTD_FR_NONE);
	world_fini(&w);
}
END_TEST

START_TEST(b23_reserved_bits_of_scalable_entries)
{
	const uint64_t beyond = VTD_BITS(63, MACHINE_HOST_BITS);
	struct machine_config config = { .scalable = true };
	uint64_t root, context, directory, pasid;
	struct world w;

	world_init(&w, &config);
	root = w.m.root + (SID_A >> 8) * VTD_ROOT_SIZE;
	context = machine_context_at(&w.m, SID_A);
	pasid = machine_pasid_at(&w.m, SID_A, 0);
	directory = machine_load(&w.m, context) & VTD_ADDR_MASK;
	try_reserved(&w, root, beyond | VTD_BITS(11, 1), VTD_FR_NONE,
		     VTD_FR_SM_ROOT_RESERVED);
	/* DTE, PRE, HPTE and EPTR need what this unit has not. */
	try_reserved(&w, context, beyond | VTD_BITS(8, 4) | VTD_BITS(2, 2),
		     VTD_FR_NONE, VTD_FR_SM_CONTEXT_RESERVED);
	for (unsigned int word = 1; word < 4; word++)
		try_reserved(&w, context + word * 8, UINT64_MAX, VTD_FR_NONE,
			     VTD_FR_SM_CONTEXT_RESERVED);
	try_reserved(&w, directory, beyond | VTD_BITS(11, 2), VTD_FR_NONE,
		     VTD_FR_PASID_DIR_RESERVED);
	try_reserved(&w, pasid, beyond | VTD_BITS(11, 9) | VTD_BITS(5, 5),
		     VTD_FR_NONE, VTD_FR_PASID_RESERVED);
	try_reserved(&w, pasid + 8, VTD_BITS(63, 24) | VTD_BITS(22, 16),
		     VTD_FR_NONE, VTD_FR_PASID_RESERVED);
	try_reserved(&w, pasid + 16, ~VTD_BITS(6, 5), VTD_FR_NONE,
		     VTD_FR_PASID_RESERVED);
	for (unsigned int word = 3; word < 8; word++)
		try_reserved(&w, pasid + word * 8, UINT64_MAX, VTD_FR_NONE,
			     VTD_FR_PASID_RESERVED);
	world_fini(&w);
}
END_TEST

/* Each pointer on the way, to where no memory is. */
START_TEST(b23_pointers_outside_memory)
{
	const uint64_t nowhere = MACHINE_RAM | VTD_P;
	struct machine_config config = { 0 };
	struct world w;

	FOR_BOTH_MODES (config) {
		uint64_t at, good;

		world_init(&w, &config);
		at = w.m.root + (SID_A >> 8) * VTD_ROOT_SIZE;
		good = machine_load(&w.m, at);
		machine_store(&w.m, at, nowhere);
		refused(&w.fn_a, 0, VTD_FR_CONTEXT_ACCESS,
			VTD_FR_SM_CONTEXT_ACCESS);
		machine_store(&w.m, at, good);
		if (config.scalable) {
			at = machine_context_at(&w.m, SID_A);
			good = machine_load(&w.m, at);
			machine_store(&w.m, at, nowhere);
			refused(&w.fn_a, 0, VTD_FR_NONE,
				VTD_FR_PASID_DIR_ACCESS);
			/* The context entry was a good one, and is kept. */
			machine_store(&w.m, at, good);
			ck_assert_int_eq(machine_flush_source(&w.m, SID_A, 0),
					 0);
			at = good & VTD_ADDR_MASK;
			machine_store(&w.m, at, nowhere);
			refused(&w.fn_a, 0, VTD_FR_NONE, VTD_FR_PASID_ACCESS);
		}
		machine_set64(&w.m, VTD_REG_RTADDR,
			      MACHINE_RAM | (config.scalable ? UINT64_C(1) << 10
							     : 0));
		machine_command(&w.m, VTD_GCMD_SRTP, true);
		ck_assert_int_eq(
			machine_flush_contexts(&w.m, VTD_INV_GLOBAL, 0, 0), 0);
		refused(&w.fn_a, 0, VTD_FR_ROOT_ACCESS, VTD_FR_SM_ROOT_ACCESS);
		world_fini(&w);
	}
}
END_TEST

/* Modes of the root table: unknown to the unit, or that stop all DMA. */
START_TEST(b23_table_modes)
{
	struct machine_config config = { 0 };
	struct world w;

	FOR_BOTH_MODES (config)
		for (uint64_t ttm = 0; ttm < 4; ttm++) {
			enum vtd_reason reason = VTD_FR_TTM;

			/* These work, if with tables of their own. */
			if (ttm == VTD_RTADDR_TTM_LEGACY ||
			    (ttm == VTD_RTADDR_TTM_SCALABLE && config.scalable))
				continue;
			if (ttm == VTD_RTADDR_TTM_ABORT)
				reason = VTD_FR_ABORT_MODE;
			world_init(&w, &config);
			machine_set64(&w.m, VTD_REG_RTADDR,
				      w.m.root | ttm << VTD_RTADDR_TTM_SHIFT);
			machine_command(&w.m, VTD_GCMD_SRTP, true);
			refused(&w.fn_a, 0, reason, reason);
			world_fini(&w);
		}
}
END_TEST

CHECK_MAIN("identity", b12_other_guest_s_memory, b13_device_of_nobody,
	   b14_detached_device, b15_alias_needs_its_own_entry,
	   b16_phantom_functions, b18_virtual_function_is_not_its_physical_one,
	   b19_peer_to_peer, b20_pasid_in_legacy_mode,
	   b20_pasids_that_are_not_there, b20_each_pasid_its_own_memory,
	   b20_pasids_not_enabled, b21_translated_requests_are_blocked,
	   b21_trusted_translated_requests_reach_anything,
	   b21_translation_requests, b22_domain_id_used_again,
	   b23_tables_of_more_levels_than_the_unit_has,
	   b23_encodings_that_mean_nothing, b23_reserved_bits_of_legacy_entries,
	   b23_reserved_bits_of_scalable_entries, b23_pointers_outside_memory,
	   b23_table_modes)
