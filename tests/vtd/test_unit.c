// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The unit as a driver sees it: what it may be, its registers, its queue's
 * errors, and its caches' size.
 */
#include <errno.h>
#include <string.h>

#include "common/util.h"
#include "tests/check_main.h"
#include "tests/vtd/machine.h"

#define SID 0x0100
#define DID 5

/* ---- what a unit may be ---- */

static const struct {
	enum vtd_field field;
	uint64_t value;
	const char *says; /* NULL: it may */
} refused[] = {
	{ VTD_PI, 1, "PI" },	   { VTD_FSTS, 1, "FSTS" },
	{ VTD_NEST, 1, "NEST" },   { VTD_PRS, 1, "PRS" },
	{ VTD_SSADS, 1, "SSADS" }, { VTD_RWBF, 1, "RWBF" },
	{ VTD_PLMR, 1, "PLMR" },   { VTD_ND, 7, "ND" },
	{ VTD_QI, 0, "needs QI" }, { VTD_IR, 0, "EIM needs IR" },
	{ VTD_SAGAW, 0, "SAGAW" }, { VTD_SAGAW, 1, "SAGAW" },
	{ VTD_SSLPS, 2, "SSLPS" }, { VTD_FRO, 0, "FRO" },
	{ VTD_FRO, 0xf, "FRO" },   { VTD_IRO, 0x22, "FRO" },
	{ VTD_ADMS, 0, NULL },	   { VTD_ESRTPS, 1, NULL },
};

START_TEST(is_only_what_it_can_be)
{
	const struct machine_config plain = { .scalable = true };
	const struct vtd_platform platform = { 0 };
	struct moat_err err;
	struct vtd_unit *unit;

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		struct vtd_unit_config config = {
			.caps = machine_caps(&plain),
			.host_bits = 46,
		};
		int r;

		vtd_field_set(&config.caps, refused[i].field, refused[i].value);
		r = vtd_unit_create(&config, &platform, &unit, &err);
		ck_assert_msg(r == (refused[i].says ? -EINVAL : 0),
			      "case %zu: %d", i, r);
		if (refused[i].says)
			ck_assert_msg(strstr(err.msg, refused[i].says),
				      "case %zu: %s", i, err.msg);
		else
			vtd_unit_destroy(unit);
	}
	vtd_unit_destroy(NULL);
}
END_TEST

START_TEST(is_of_a_size_that_can_be)
{
	static const struct {
		unsigned int host_bits, entries;
		int want;
	} cases[] = {
		{ 46, 0, 0 },	     { 31, 0, -EINVAL },
		{ 53, 0, -EINVAL },  { 52, 64, 0 },
		{ 46, 32, -EINVAL }, { 46, 1000, -EINVAL },
		{ 46, 65536, 0 },    { 46, 131072, -EINVAL },
	};
	const struct machine_config plain = { 0 };
	const struct vtd_platform platform = { 0 };
	struct vtd_unit *unit;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct vtd_unit_config config = {
			.caps = machine_caps(&plain),
			.host_bits = cases[i].host_bits,
			.iotlb_entries = cases[i].entries,
		};

		ck_assert_int_eq(
			vtd_unit_create(&config, &platform, &unit, NULL),
			cases[i].want);
		if (cases[i].want == 0)
			vtd_unit_destroy(unit);
	}
}
END_TEST

/* 256 records take more than the first page. */
START_TEST(has_as_many_pages_as_its_records_need)
{
	struct machine_config config = { .records = 256 };
	struct vtd_fault fault;
	struct machine m;
	uint64_t value = 0;
	struct function fn;

	machine_init(&m, &config);
	ck_assert_uint_eq(vtd_unit_size(m.unit), 8192);
	fn = function_at(&m, SID);
	for (unsigned int i = 0; i < 256; i++) {
		ck_assert_int_eq(function_read(&fn, i * 4096u, &value, 8),
				 -EFAULT);
		ck_assert_int_eq(vtd_unit_fault(m.unit, i, &fault), 0);
		ck_assert_uint_eq(fault.info, i * 4096u);
	}
	ck_assert_int_eq(vtd_unit_fault(m.unit, 256, &fault), -ENOENT);
	machine_fini(&m);
}
END_TEST

/* ---- registers ---- */

START_TEST(translates_nothing_until_it_is_told_to)
{
	struct machine_config config = { 0 };
	struct machine m;
	struct function fn;

	FOR_BOTH_MODES (config) {
		machine_init_off(&m, &config);
		fn = function_at(&m, SID);
		ck_assert_uint_eq(machine_get(&m, VTD_REG_GSTS), 0);
		ck_assert(function_lands(&fn, 0x5000, 0x5000));
		machine_start(&m);
		ck_assert(!function_lands(&fn, 0x5000, 0x5000));
		machine_command(&m, VTD_GCMD_TE, false);
		ck_assert(function_lands(&fn, 0x5000, 0x5000));
		machine_fini(&m);
	}
}
END_TEST

START_TEST(registers_keep_what_they_should)
{
	struct machine_config config = { 0 };
	struct machine m;

	machine_init_off(&m, &config);
	ck_assert_uint_eq(vtd_unit_read(m.unit, VTD_REG_CAP, 8), m.caps.cap);
	ck_assert_uint_eq(vtd_unit_read(m.unit, VTD_REG_ECAP, 8), m.caps.ecap);
	machine_set64(&m, VTD_REG_CAP, 0);
	machine_set(&m, VTD_REG_VER, 0);
	machine_set(&m, VTD_REG_GSTS, UINT32_MAX);
	ck_assert_uint_eq(vtd_unit_read(m.unit, VTD_REG_CAP, 8), m.caps.cap);
	ck_assert_uint_eq(machine_get(&m, VTD_REG_VER), 0x10);
	ck_assert_uint_eq(machine_get(&m, VTD_REG_GSTS), 0);
	/* Halves of a register, and reserved bits. */
	machine_set64(&m, VTD_REG_RTADDR, UINT64_MAX);
	ck_assert_uint_eq(vtd_unit_read(m.unit, VTD_REG_RTADDR, 8),
			  VTD_BITS(MACHINE_HOST_BITS - 1, 10));
	machine_set(&m, VTD_REG_RTADDR + 4, 0x12);
	ck_assert_uint_eq(vtd_unit_read(m.unit, VTD_REG_RTADDR, 8),
			  UINT64_C(0x12fffffc00));
	ck_assert_uint_eq(machine_get(&m, VTD_REG_RTADDR + 4), 0x12);
	ck_assert_uint_eq(machine_get(&m, VTD_REG_FECTL), VTD_ECTL_IM);
	machine_fini(&m);
}
END_TEST

START_TEST(takes_no_odd_access)
{
	static const struct {
		uint64_t offset;
		unsigned int size;
	} cases[] = {
		{ 0, 1 },	   { 0, 2 },	{ 0, 16 },
		{ 1, 4 },	   { 4, 8 },	{ 4096, 4 },
		{ UINT64_MAX, 4 }, { 4092, 8 }, { UINT64_MAX - 7, 8 },
	};
	struct machine_config config = { 0 };
	struct machine m;

	machine_init(&m, &config);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ck_assert_uint_eq(
			vtd_unit_read(m.unit, cases[i].offset, cases[i].size),
			UINT64_MAX);
		vtd_unit_write(m.unit, cases[i].offset, 0, cases[i].size);
	}
	machine_fini(&m);
}
END_TEST

/* The root table's pointer counts when it is set, not when it is written. */
START_TEST(root_table_is_taken_on_command)
{
	struct machine_config config = { 0 };
	struct vtd_tables *tables;
	struct machine m;
	struct function fn;
	uint64_t kept;

	FOR_BOTH_MODES (config) {
		machine_init(&m, &config);
		fn = function_at(&m, SID);
		tables = machine_tables(&m, 4);
		machine_attach(&m, SID, tables, 4, DID);
		ck_assert_int_eq(
			vtd_tables_map(tables, 0, 0, 4096, VTD_MAP_WRITE), 0);
		kept = vtd_unit_read(m.unit, VTD_REG_RTADDR, 8);
		machine_set64(&m, VTD_REG_RTADDR,
			      machine_page(&m) | (kept & VTD_BITS(11, 10)));
		ck_assert(function_lands(&fn, 0, 0));
		machine_command(&m, VTD_GCMD_SRTP, true);
		ck_assert(function_lands(&fn, 0, 0)); /* cached */
		ck_assert_int_eq(
			machine_flush_contexts(&m, VTD_INV_GLOBAL, 0, 0), 0);
		ck_assert_int_eq(
			machine_flush_iotlb(&m, VTD_INV_GLOBAL, 0, 0, 0), 0);
		ck_assert(!function_lands(&fn, 0, 0));
		vtd_tables_destroy(tables);
		machine_fini(&m);
	}
}
END_TEST

static void flush_with_root(struct vtd_caps *caps)
{
	vtd_field_set(caps, VTD_ESRTPS, 1);
	vtd_field_set(caps, VTD_ESIRTPS, 1);
}

START_TEST(new_root_table_can_flush)
{
	struct machine_config config = { .adjust = flush_with_root };
	const struct vtd_irte irte = { .vector = 0x44 };
	struct vtd_tables *tables;
	struct machine m;
	struct function fn;

	FOR_BOTH_MODES (config) {
		machine_init(&m, &config);
		fn = function_at(&m, SID);
		tables = machine_tables(&m, 4);
		machine_attach(&m, SID, tables, 4, DID);
		ck_assert_int_eq(
			vtd_tables_map(tables, 0, 0, 4096, VTD_MAP_WRITE), 0);
		ck_assert(function_lands(&fn, 0, 0));
		machine_detach(&m, SID);
		ck_assert(function_lands(&fn, 0, 0));
		machine_command(&m, VTD_GCMD_SRTP, true);
		ck_assert(!function_lands(&fn, 0, 0));
		machine_remap(&m, 4, false);
		machine_irte(&m, 0, &irte);
		ck_assert_int_eq(function_msi(&fn, machine_msi(0), 0), 0);
		machine_irte(&m, 0, NULL);
		ck_assert_int_eq(function_msi(&fn, machine_msi(0), 0), 0);
		machine_command(&m, VTD_GCMD_SIRTP, true);
		ck_assert_int_eq(function_msi(&fn, machine_msi(0), 0), -EFAULT);
		vtd_tables_destroy(tables);
		machine_fini(&m);
	}
}
END_TEST

/* With the queue, registers flush nothing; nor in scalable mode. */
START_TEST(flushes_by_register_only_where_it_may)
{
	const unsigned int iotlb = 0xf8;
	struct machine_config config = { 0 };
	struct machine m;
	uint64_t value;

	FOR_BOTH_MODES (config)
		for (int queue = 0; queue < 2; queue++) {
			const bool works = !queue && !config.scalable;

			machine_init(&m, &config);
			if (!queue)
				machine_command(&m, VTD_GCMD_QIE, false);
			machine_set64(&m, iotlb,
				      VTD_IOTLB_IVT |
					      UINT64_C(1)
						      << VTD_IOTLB_IIRG_SHIFT);
			value = vtd_unit_read(m.unit, iotlb, 8);
			ck_assert_uint_eq(value >> VTD_IOTLB_IAIG_SHIFT & 3,
					  works);
			/* By halves, as 32-bit software does. */
			machine_set(&m, VTD_REG_CCMD, 0);
			machine_set(&m, VTD_REG_CCMD + 4,
				    UINT32_C(1) << 31 | UINT32_C(1) << 29);
			value = vtd_unit_read(m.unit, VTD_REG_CCMD, 8);
			ck_assert(!(value & VTD_CCMD_ICC));
			ck_assert_uint_eq(value >> VTD_CCMD_CAIG_SHIFT & 3,
					  works);
			machine_fini(&m);
		}
}
END_TEST

START_TEST(pass_through)
{
	const struct vtd_context context = {
		.levels = 4,
		.did = DID,
		.pass = true,
	};
	struct machine_config config = { 0 };
	struct fault_want want = {
		.legacy = VTD_FR_ADDRESS,
		.scalable = VTD_FR_SM_HOST_ADDRESS,
		.addr = UINT64_C(1) << MACHINE_HOST_BITS,
		.sid = SID,
		.access = VTD_READ,
	};
	uint64_t value;
	struct machine m;
	struct function fn;

	FOR_BOTH_MODES (config) {
		machine_init(&m, &config);
		fn = function_at(&m, SID);
		machine_attach_context(&m, SID, &context);
		ck_assert(function_lands(&fn, 0x5000, 0x5000));
		ck_assert_int_eq(function_read(&fn, want.addr, &value, 8),
				 -EFAULT);
		machine_expect_fault(&m, &fn, &want);
		machine_fini(&m);
	}
}
END_TEST

/* An RID_PASID other than 0, where the unit has it. */
static void rid_pasid(struct vtd_caps *caps)
{
	vtd_field_set(caps, VTD_RPS, 1);
}

START_TEST(pasid_of_requests_without_one)
{
	struct machine_config config = { .scalable = true,
					 .adjust = rid_pasid };
	struct vtd_context context = { .levels = 4, .did = DID };
	struct vtd_tables *tables;
	struct machine m;
	struct function fn;
	uint64_t at, word[8];

	machine_init(&m, &config);
	fn = function_at(&m, SID);
	tables = machine_tables(&m, 4);
	ck_assert_int_eq(vtd_tables_map(tables, 0, 0, 4096, VTD_MAP_WRITE), 0);
	context.tables = vtd_tables_root(tables);
	vtd_encode_pasid(&context, word);
	at = machine_pasid_at(&m, SID, 77);
	for (unsigned int i = 8; i-- > 0;)
		machine_store(&m, at + i * 8, word[i]);
	machine_store(&m, machine_context_at(&m, SID) + 8, 77);
	ck_assert(function_lands(&fn, 0, 0));
	/* It is flushed by that PASID. */
	machine_store(&m, at, 0);
	ck_assert_int_eq(
		machine_flush_pasids(&m, VTD_PASID_CACHE_PASID, DID, 77), 0);
	machine_queue(&m,
		      VTD_DESC_PASID_IOTLB |
			      VTD_PASID_IOTLB_PASID << VTD_DESC_G_SHIFT |
			      DID << VTD_DESC_DID_SHIFT |
			      UINT64_C(77) << VTD_DESC_PASID_SHIFT,
		      0);
	ck_assert_int_eq(machine_sync(&m), 0);
	ck_assert(!function_lands(&fn, 0, 0));
	vtd_tables_destroy(tables);
	machine_fini(&m);
}
END_TEST

/* ---- the queue's errors ---- */

static const struct {
	uint64_t word[2];
	unsigned int legacy, scalable; /* VTD_IQEI_*; 0: it is well formed */
} descriptors[] = {
	{ { 0, 0 }, VTD_IQEI_TYPE, VTD_IQEI_TYPE },
	{ { 0xf, 0 }, VTD_IQEI_TYPE, VTD_IQEI_TYPE },
	{ { 0x201, 0 }, VTD_IQEI_TYPE, VTD_IQEI_TYPE }, /* type bits 6:4 */
	{ { 0xa | 1 << 4, 0 }, VTD_IQEI_TYPE, VTD_IQEI_TYPE },
	/* Device TLBs are not there. */
	{ { VTD_DESC_DEVICE_TLB, 0 }, VTD_IQEI_TYPE, VTD_IQEI_TYPE },
	{ { VTD_DESC_PASID_DEVICE_TLB, 0 }, VTD_IQEI_TYPE, VTD_IQEI_TYPE },
	{ { VTD_DESC_PASID_IOTLB | 2 << 4, 0 }, VTD_IQEI_TYPE, 0 },
	{ { VTD_DESC_PASID_CACHE | 3 << 4, 0 }, VTD_IQEI_TYPE, 0 },
	/* Granularities that mean nothing. */
	{ { VTD_DESC_CONTEXT, 0 }, VTD_IQEI_RESERVED, VTD_IQEI_RESERVED },
	{ { VTD_DESC_IOTLB, 0 }, VTD_IQEI_RESERVED, VTD_IQEI_RESERVED },
	{ { VTD_DESC_PASID_IOTLB | 1 << 4, 0 },
	  VTD_IQEI_TYPE,
	  VTD_IQEI_RESERVED },
	{ { VTD_DESC_PASID_CACHE | 2 << 4, 0 },
	  VTD_IQEI_TYPE,
	  VTD_IQEI_RESERVED },
	/* Reserved bits: the first and the last of each field. */
	{ { VTD_DESC_CONTEXT | 1 << 4 | 1 << 6, 0 },
	  VTD_IQEI_RESERVED,
	  VTD_IQEI_RESERVED },
	{ { VTD_DESC_CONTEXT | 1 << 4 | UINT64_C(1) << 63, 0 },
	  VTD_IQEI_RESERVED,
	  VTD_IQEI_RESERVED },
	{ { VTD_DESC_CONTEXT | 1 << 4, 1 },
	  VTD_IQEI_RESERVED,
	  VTD_IQEI_RESERVED },
	{ { VTD_DESC_IOTLB | 1 << 4 | 1 << 8, 0 },
	  VTD_IQEI_RESERVED,
	  VTD_IQEI_RESERVED },
	{ { VTD_DESC_IOTLB | 1 << 4 | UINT64_C(1) << 32, 0 },
	  VTD_IQEI_RESERVED,
	  VTD_IQEI_RESERVED },
	{ { VTD_DESC_IOTLB | 1 << 4, 1 << 7 },
	  VTD_IQEI_RESERVED,
	  VTD_IQEI_RESERVED },
	{ { VTD_DESC_IOTLB | 1 << 4 | 3 << 6, 0 }, 0, 0 }, /* drains */
	{ { VTD_DESC_IEC | 1 << 5, 0 }, VTD_IQEI_RESERVED, VTD_IQEI_RESERVED },
	{ { VTD_DESC_IEC, 1 }, VTD_IQEI_RESERVED, VTD_IQEI_RESERVED },
	{ { VTD_DESC_IEC | VTD_DESC_IEC_SELECTIVE | UINT64_C(16) << 27, 0 },
	  VTD_IQEI_RESERVED,
	  VTD_IQEI_RESERVED }, /* beyond MHMV */
	{ { VTD_DESC_IEC | VTD_DESC_IEC_SELECTIVE | UINT64_C(15) << 27, 0 },
	  0,
	  0 },
	{ { VTD_DESC_WAIT | 1 << 7, 0 }, VTD_IQEI_RESERVED, VTD_IQEI_RESERVED },
	{ { VTD_DESC_WAIT | 1 << 12, 0 }, VTD_IQEI_RESERVED, VTD_IQEI_RESERVED },
	{ { VTD_DESC_WAIT | VTD_DESC_WAIT_SW, 2 },
	  VTD_IQEI_RESERVED,
	  VTD_IQEI_RESERVED },
	{ { VTD_DESC_WAIT | VTD_DESC_WAIT_FN, 0 }, 0, 0 },
};

static void expect_queue_error(struct machine *m, unsigned int info)
{
	const uint32_t fsts = machine_get(m, VTD_REG_FSTS);

	ck_assert_uint_eq(fsts & VTD_FSTS_IQE, info ? VTD_FSTS_IQE : 0);
	if (info)
		ck_assert_uint_eq(
			vtd_unit_read(m->unit, VTD_REG_IQERCD, 8) & 15, info);
}

START_TEST(queue_checks_every_descriptor)
{
	struct machine_config config = { 0 };
	struct machine m;

	for (size_t i = 0; i < ARRAY_SIZE(descriptors); i++)
		FOR_BOTH_MODES (config) {
			const unsigned int want =
				config.scalable ? descriptors[i].scalable
						: descriptors[i].legacy;

			machine_init(&m, &config);
			machine_queue(&m, descriptors[i].word[0],
				      descriptors[i].word[1]);
			ck_assert_msg(machine_sync(&m) == (want ? -EIO : 0),
				      "case %zu", i);
			expect_queue_error(&m, want);
			machine_fini(&m);
		}
}
END_TEST

/* The upper half of a wide descriptor is reserved. */
START_TEST(queue_checks_the_whole_of_a_wide_descriptor)
{
	struct machine_config config = { .scalable = true };
	struct machine m;

	for (unsigned int word = 2; word < 4; word++) {
		machine_init(&m, &config);
		machine_queue(&m, VTD_DESC_WAIT, 0);
		machine_store(&m, m.queue + m.tail - 32 + word * 8, 1);
		ck_assert_int_eq(machine_sync(&m), -EIO);
		expect_queue_error(&m, VTD_IQEI_RESERVED);
		machine_fini(&m);
	}
}
END_TEST

START_TEST(queue_checks_its_registers)
{
	struct machine_config config = { 0 };
	struct machine m;

	FOR_BOTH_MODES (config) {
		/* A tail beyond the queue's end. */
		machine_init(&m, &config);
		machine_set64(&m, VTD_REG_IQT, m.queue_size);
		expect_queue_error(&m, VTD_IQEI_TAIL);
		machine_fini(&m);
		/* A queue where no memory is. */
		machine_init(&m, &config);
		machine_set64(&m, VTD_REG_IQA,
			      MACHINE_RAM | (config.scalable ? VTD_IQA_DW : 0));
		ck_assert_int_eq(machine_sync(&m), -EIO);
		expect_queue_error(&m, VTD_IQEI_FETCH);
		machine_fini(&m);
	}
	/* Wide and narrow ones, each where it may not be. */
	config.scalable = true;
	machine_init(&m, &config);
	machine_set64(&m, VTD_REG_IQA, m.queue);
	ck_assert_int_eq(machine_sync(&m), -EIO);
	expect_queue_error(&m, VTD_IQEI_WIDTH);
	machine_fini(&m);
	machine_init(&m, &config);
	machine_set64(&m, VTD_REG_IQT, m.tail + 16);
	expect_queue_error(&m, VTD_IQEI_UNALIGNED);
	machine_fini(&m);
}
END_TEST

static void neither_scalable_nor_abort(struct vtd_caps *caps)
{
	vtd_field_set(caps, VTD_ADMS, 0);
}

START_TEST(queue_width_needs_scalable_or_abort_mode)
{
	struct machine_config config = { 0 };
	struct machine m;

	for (int adms = 0; adms < 2; adms++) {
		config.adjust = adms ? NULL : neither_scalable_nor_abort;
		machine_init_off(&m, &config);
		m.queue_width = 32;
		machine_set64(&m, VTD_REG_IQA, m.queue | VTD_IQA_DW);
		machine_command(&m, VTD_GCMD_QIE, true);
		ck_assert_int_eq(machine_sync(&m), adms ? 0 : -EIO);
		expect_queue_error(&m, adms ? 0 : VTD_IQEI_WIDTH);
		machine_fini(&m);
	}
}
END_TEST

/* A wider queue than the head was left at: it ends, and does not run on. */
START_TEST(queue_ends_whatever_the_head)
{
	struct machine_config config = { 0 };
	struct machine m;

	machine_init(&m, &config);
	while (m.tail % 32 == 0)
		ck_assert_int_eq(machine_sync(&m), 0);
	machine_set64(&m, VTD_REG_IQA, m.queue | VTD_IQA_DW);
	machine_set64(&m, VTD_REG_IQT, m.tail + 16);
	machine_fini(&m);
}
END_TEST

/* ---- the caches' size ---- */

/* Full, it gives up an entry for each that comes, and no more. */
START_TEST(iotlb_evicts_and_does_not_flush)
{
	struct machine_config config = { .iotlb_entries = 1024 };
	struct vtd_tables *tables;
	struct vtd_unit_stats stats;
	struct machine m;
	struct function fn;
	uint64_t value, walks;

	FOR_BOTH_MODES (config) {
		machine_init(&m, &config);
		fn = function_at(&m, SID);
		tables = machine_tables(&m, 4);
		machine_attach(&m, SID, tables, 4, DID);
		ck_assert_int_eq(vtd_tables_map(tables, 4096, 8192, 8 * MiB,
						VTD_MAP_READ),
				 0);
		for (unsigned int i = 1; i <= 1024; i++)
			ck_assert_int_eq(
				function_read(&fn, i * 4096u, &value, 8), 0);
		stats = vtd_unit_stats(m.unit);
		ck_assert_uint_eq(stats.walks, 1024);
		ck_assert_uint_lt(stats.evictions, 100);
		/* One more, and nearly all the others are still there. */
		ck_assert_int_eq(function_read(&fn, 1025 * 4096u, &value, 8),
				 0);
		walks = vtd_unit_stats(m.unit).walks;
		for (unsigned int i = 1; i <= 1024; i++)
			ck_assert_int_eq(
				function_read(&fn, i * 4096u, &value, 8), 0);
		walks = vtd_unit_stats(m.unit).walks - walks;
		ck_assert_uint_lt(walks, 200);
		vtd_tables_destroy(tables);
		machine_fini(&m);
	}
}
END_TEST

START_TEST(cached_pages_are_not_walked)
{
	struct machine_config config = { 0 };
	struct vtd_tables *tables;
	struct machine m;
	struct function fn;
	uint64_t value;

	FOR_BOTH_MODES (config) {
		machine_init(&m, &config);
		fn = function_at(&m, SID);
		tables = machine_tables(&m, 4);
		machine_attach(&m, SID, tables, 4, DID);
		ck_assert_int_eq(vtd_tables_map(tables, 2 * MiB, 2 * MiB,
						2 * MiB, VTD_MAP_READ),
				 0);
		/* One walk for all of a large page. */
		for (uint64_t at = 2 * MiB; at < 4 * MiB; at += 4096)
			ck_assert_int_eq(function_read(&fn, at, &value, 8), 0);
		ck_assert_uint_eq(vtd_unit_stats(m.unit).walks, 1);
		vtd_tables_destroy(tables);
		machine_fini(&m);
	}
}
END_TEST

CHECK_MAIN("unit", is_only_what_it_can_be, is_of_a_size_that_can_be,
	   has_as_many_pages_as_its_records_need,
	   translates_nothing_until_it_is_told_to,
	   registers_keep_what_they_should, takes_no_odd_access,
	   root_table_is_taken_on_command, new_root_table_can_flush,
	   flushes_by_register_only_where_it_may, pass_through,
	   pasid_of_requests_without_one, queue_checks_every_descriptor,
	   queue_checks_the_whole_of_a_wide_descriptor,
	   queue_checks_its_registers, queue_width_needs_scalable_or_abort_mode,
	   queue_ends_whatever_the_head, iotlb_evicts_and_does_not_flush,
	   cached_pages_are_not_walked)
