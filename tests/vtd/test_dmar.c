// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>

#include "common/util.h"
#include "iommu/vtd/dmar.h"
#include "tests/check_main.h"
#include "tests/vtd/dmar_blob.h"

/*
 * Bridges of segment 0: 00:07.0 with buses 1 to 3, under it 01:02.0 with bus
 * 3; and 00:1c.0, which leads to bus 8.
 */
static const struct {
	struct moat_bdf bridge;
	struct dmar_buses buses;
} bridges[] = {
	{ { 0, 0, 7, 0 }, { 1, 3 } },
	{ { 0, 1, 2, 0 }, { 3, 3 } },
	{ { 0, 0, 0x1c, 0 }, { 8, 8 } },
};

static int fake_buses(void *opaque, struct moat_bdf bridge,
		      struct dmar_buses *ret_buses)
{
	(void)opaque;
	for (size_t i = 0; i < ARRAY_SIZE(bridges); i++) {
		if (!moat_bdf_equal(bridges[i].bridge, bridge))
			continue;
		*ret_buses = bridges[i].buses;
		return 0;
	}
	return -ENODEV;
}

static const struct dmar_pci pci = { .buses = fake_buses };

static struct dmar parse(const struct blob *b)
{
	struct moat_err err;
	struct dmar dmar;

	ck_assert_msg(dmar_parse(b->data, b->len, &dmar, &err) == 0, "%s",
		      err.msg);
	return dmar;
}

/* The platform of section 8.3.1.4. */
static void spec_example(struct blob *b)
{
	const uint8_t ioapic[1][2] = { { 31, 7 } }, hpet[1][2] = { { 31, 6 } };

	blob_begin(b, 46, 1);
	blob_drhd(b, false, 0, 0xfed90000);
	blob_scope1(b, 1, 0, 4, 0);
	blob_scope1(b, 1, 0, 5, 0);
	blob_close(b);
	blob_drhd(b, false, 0, 0xfed91000);
	blob_scope1(b, 2, 0, 7, 0);
	blob_close(b);
	blob_drhd(b, true, 0, 0xfed92000);
	blob_scope(b, 3, 9, 0, ioapic, 1);
	blob_scope(b, 4, 2, 0, hpet, 1);
	blob_close(b);
	blob_scoped(b, 5, true, 0);
	blob_scope1(b, 1, 0, 5, 0);
	blob_close(b);
}

START_TEST(reads_the_specification_s_example)
{
	const struct dmar_entry *unit;
	struct dmar dmar;
	struct blob b;

	spec_example(&b);
	ck_assert_uint_eq(b.len, 152);
	dmar = parse(&b);
	ck_assert_uint_eq(dmar.address_bits, 46);
	ck_assert(dmar.intr_remap && !dmar.x2apic_opt_out &&
		  !dmar.platform_opt_in);
	ck_assert_uint_eq(dmar.oddities, 0);
	ck_assert_uint_eq(dmar.n_entries, 4);
	unit = dmar_next(&dmar, DMAR_DRHD, NULL);
	ck_assert_uint_eq(unit->first, 0xfed90000);
	ck_assert_uint_eq(unit->last, 0xfed90fff);
	ck_assert_uint_eq(unit->n_scopes, 2);
	unit = dmar_next(&dmar, DMAR_DRHD, dmar_next(&dmar, DMAR_DRHD, unit));
	ck_assert(unit->all);
	ck_assert_uint_eq(dmar.scopes[unit->first_scope].enumeration_id, 9);
	ck_assert_uint_eq(dmar.scopes[unit->first_scope].type,
			  DMAR_SCOPE_IOAPIC);
	ck_assert_ptr_null(dmar_next(&dmar, DMAR_DRHD, unit));
	ck_assert(dmar_next(&dmar, DMAR_SATC, NULL)->all);
	dmar_free(&dmar);
	ck_assert_uint_eq(dmar.n_entries, 0);
}
END_TEST

static const struct {
	struct moat_bdf bdf;
	uint64_t want; /* 0: no unit has it */
} owners[] = {
	{ { 0, 0, 4, 0 }, 0xfed90000 },	 /* named */
	{ { 0, 0, 4, 1 }, 0xfed92000 },	 /* its neighbour is not */
	{ { 0, 0, 7, 0 }, 0xfed91000 },	 /* the bridge itself */
	{ { 0, 1, 0, 0 }, 0xfed91000 },	 /* right behind it */
	{ { 0, 3, 31, 7 }, 0xfed91000 }, /* behind one more bridge */
	{ { 0, 4, 0, 0 }, 0xfed92000 },	 /* beyond the bridge's buses */
	{ { 0, 0, 30, 0 }, 0xfed92000 }, /* all the rest */
	{ { 0, 0, 31, 7 }, 0xfed92000 }, /* an IOAPIC's id is no function's */
	{ { 1, 0, 4, 0 }, 0 },		 /* another segment */
	{ { 0x10000, 0, 4, 0 }, 0 },	 /* VMD's: not cut to 16 bits */
};

START_TEST(finds_the_unit_of_a_device)
{
	struct dmar dmar;
	struct blob b;

	spec_example(&b);
	dmar = parse(&b);
	for (size_t i = 0; i < ARRAY_SIZE(owners); i++) {
		const struct dmar_entry *unit;

		unit = dmar_unit_of(&dmar, &pci, owners[i].bdf);
		ck_assert_msg((unit ? unit->first : 0) == owners[i].want,
			      "case %zu", i);
	}
	dmar_free(&dmar);
}
END_TEST

START_TEST(follows_paths_through_bridges)
{
	const uint8_t deep[3][2] = { { 7, 0 }, { 2, 0 }, { 1, 3 } };
	const uint8_t gone[2][2] = { { 9, 0 }, { 1, 0 } };
	const struct dmar_entry *unit;
	struct moat_bdf at;
	struct dmar dmar;
	struct blob b;

	blob_begin(&b, 39, 0);
	blob_drhd(&b, false, 0, 0x1000);
	blob_scope(&b, 1, 0, 0, gone, 2);
	blob_scope(&b, 1, 0, 0, deep, 3);
	blob_close(&b);
	dmar = parse(&b);
	unit = dmar_unit_of(&dmar, &pci, (struct moat_bdf) { 0, 3, 1, 3 });
	ck_assert_ptr_nonnull(unit);
	ck_assert_int_eq(dmar_scope_bdf(&dmar, &pci, 0, &dmar.scopes[1], &at),
			 0);
	ck_assert(moat_bdf_equal(at, (struct moat_bdf) { 0, 3, 1, 3 }));
	ck_assert_int_eq(dmar_scope_bdf(&dmar, &pci, 0, &dmar.scopes[0], &at),
			 -ENODEV);
	/* Not an INCLUDE_PCI_ALL unit: the rest has none. */
	ck_assert_ptr_null(
		dmar_unit_of(&dmar, &pci, (struct moat_bdf) { 0, 9, 1, 0 }));
	dmar_free(&dmar);
}
END_TEST

START_TEST(names_come_before_all_the_rest_in_any_order)
{
	struct dmar dmar;
	struct blob b;

	blob_begin(&b, 39, 0);
	blob_drhd(&b, true, 0, 0x1000);
	blob_close(&b);
	blob_drhd(&b, false, 0, 0x2000);
	blob_scope1(&b, 1, 0, 2, 0);
	blob_close(&b);
	dmar = parse(&b);
	ck_assert_uint_eq(dmar.oddities, DMAR_ODD_ALL_ORDER);
	ck_assert_uint_eq(
		dmar_unit_of(&dmar, &pci, (struct moat_bdf) { 0, 0, 2, 0 })
			->first,
		0x2000);
	ck_assert_uint_eq(
		dmar_unit_of(&dmar, &pci, (struct moat_bdf) { 0, 0, 3, 0 })
			->first,
		0x1000);
	dmar_free(&dmar);
}
END_TEST

START_TEST(reads_every_type)
{
	const struct moat_bdf usb = { 0, 0, 0x14, 0 }, port = { 0, 8, 0, 0 };
	const struct dmar_entry *unit, *rmrr, *atsr;
	struct dmar dmar;
	uint32_t domain;
	struct blob b;

	blob_begin(&b, 52, 7);
	blob_drhd(&b, true, 0, 0xfbffc000);
	blob_close(&b);
	blob_rmrr(&b, 0, 0x7b800000, 0x7b8fffff);
	blob_scope1(&b, 1, 0, 0x14, 0);
	blob_close(&b);
	blob_scoped(&b, 2, false, 0);
	blob_scope1(&b, 2, 0, 0x1c, 0);
	blob_close(&b);
	blob_rhsa(&b, 0xfbffc000, 3);
	blob_andd(&b, 7, "\\_SB.I2C0");
	blob_scoped(&b, 5, false, 0);
	blob_scope1(&b, 1, 0, 5, 0);
	blob_close(&b);
	blob_scoped(&b, 6, true, 0);
	blob_scope1(&b, 1, 0, 5, 0);
	blob_close(&b);
	blob_open(&b, 0x77);
	blob_num(&b, 0x1234, 3);
	blob_close(&b);

	dmar = parse(&b);
	ck_assert_uint_eq(dmar.oddities, 0);
	ck_assert_uint_eq(dmar.n_skipped, 1);
	ck_assert(dmar.x2apic_opt_out && dmar.platform_opt_in);
	unit = dmar_next(&dmar, DMAR_DRHD, NULL);
	ck_assert_int_eq(dmar_proximity(&dmar, unit, &domain), 0);
	ck_assert_uint_eq(domain, 3);
	rmrr = dmar_next(&dmar, DMAR_RMRR, NULL);
	ck_assert_uint_eq(rmrr->first, 0x7b800000);
	ck_assert_uint_eq(rmrr->last, 0x7b8fffff);
	ck_assert(dmar_covers(&dmar, &pci, rmrr, usb));
	ck_assert(!dmar_covers(&dmar, &pci, rmrr, port));
	atsr = dmar_next(&dmar, DMAR_ATSR, NULL);
	ck_assert(dmar_covers(&dmar, &pci, atsr, port));
	ck_assert(!dmar_covers(&dmar, &pci, atsr, usb));
	ck_assert_str_eq(dmar_next(&dmar, DMAR_ANDD, NULL)->name, "\\_SB.I2C0");
	ck_assert_uint_eq(dmar_next(&dmar, DMAR_ANDD, NULL)->number, 7);
	ck_assert(!dmar_next(&dmar, DMAR_SATC, NULL)->all);
	ck_assert(!dmar_next(&dmar, DMAR_SIDP, NULL)->all);
	dmar_free(&dmar);
}
END_TEST

START_TEST(says_when_a_unit_has_no_proximity)
{
	struct dmar dmar;
	uint32_t domain;
	struct blob b;

	blob_begin(&b, 52, 7);
	blob_drhd(&b, true, 0, 0xfbffc000);
	blob_close(&b);
	blob_rhsa(&b, 0xfbffd000, 3);
	dmar = parse(&b);
	ck_assert_int_eq(dmar_proximity(&dmar, dmar_next(&dmar, DMAR_DRHD, NULL),
					&domain),
			 -ENOENT);
	dmar_free(&dmar);
}
END_TEST

/* ---- what is against the rules, and what cannot be read ---- */

static void odd_checksum(struct blob *b)
{
	b->data[9]++;
}

static void odd_order(struct blob *b)
{
	blob_rmrr(b, 0, 0x1000, 0x1fff);
	blob_close(b);
	blob_drhd(b, false, 1, 0xfed00000);
	blob_close(b);
}

static void odd_two_all(struct blob *b)
{
	blob_drhd(b, true, 0, 0xfed00000);
	blob_close(b);
}

static void odd_scope_of_all(struct blob *b)
{
	blob_drhd(b, true, 1, 0xfed00000);
	blob_scope1(b, 1, 0, 1, 0);
	blob_close(b);
}

static void odd_scope_of_satc(struct blob *b)
{
	blob_scoped(b, 5, false, 0);
	blob_scope1(b, 2, 0, 1, 0);
	blob_close(b);
}

static void odd_scope_type(struct blob *b)
{
	blob_rmrr(b, 0, 0x1000, 0x1fff);
	blob_scope1(b, 9, 0, 1, 0);
	blob_close(b);
}

static void odd_base_zero(struct blob *b)
{
	blob_drhd(b, false, 1, 0);
	blob_close(b);
}

static void odd_base_twice(struct blob *b)
{
	blob_drhd(b, false, 1, 0xfed92000);
	blob_close(b);
}

static void odd_rmrr_unaligned(struct blob *b)
{
	blob_rmrr(b, 0, 0x1000, 0x1ffe);
	blob_close(b);
}

static void odd_rmrr_backwards(struct blob *b)
{
	blob_rmrr(b, 0, 0x2000, 0x1fff);
	blob_close(b);
}

static void odd_rmrr_overlap(struct blob *b)
{
	blob_rmrr(b, 0, 0x1000, 0x2fff);
	blob_close(b);
	blob_rmrr(b, 0, 0x2000, 0x3fff);
	blob_close(b);
}

static void odd_no_unit(struct blob *b)
{
	blob_begin(b, 39, 0);
}

static void odd_reserved(struct blob *b)
{
	blob_drhd(b, false, 1, 0xfed00000);
	b->data[b->open + 4] |= 0x80;
	blob_close(b);
}

static const struct {
	void (*make)(struct blob *b);
	unsigned int want;
} odd[] = {
	{ odd_checksum, DMAR_ODD_CHECKSUM },
	{ odd_order, DMAR_ODD_ORDER },
	{ odd_two_all, DMAR_ODD_TWO_ALL },
	{ odd_scope_of_all, DMAR_ODD_SCOPE },
	{ odd_scope_of_satc, DMAR_ODD_SCOPE },
	{ odd_scope_type, DMAR_ODD_SCOPE },
	{ odd_base_zero, DMAR_ODD_BASE },
	{ odd_base_twice, DMAR_ODD_BASE },
	{ odd_rmrr_unaligned, DMAR_ODD_RMRR },
	{ odd_rmrr_backwards, DMAR_ODD_RMRR },
	{ odd_rmrr_overlap, DMAR_ODD_RMRR },
	{ odd_no_unit, DMAR_ODD_NO_UNIT },
	{ odd_reserved, DMAR_ODD_RESERVED },
};

/* One unit for everything, and room for more. */
static void plain(struct blob *b)
{
	blob_begin(b, 39, 1);
	blob_drhd(b, true, 0, 0xfed92000);
	blob_close(b);
}

START_TEST(keeps_what_breaks_rules_as_oddities)
{
	struct moat_err err;
	struct dmar dmar;
	struct blob b;

	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		plain(&b);
		odd[i].make(&b);
		ck_assert_msg(dmar_parse(b.data, b.len, &dmar, &err) == 0,
			      "case %zu: %s", i, err.msg);
		ck_assert_msg(dmar.oddities == odd[i].want, "case %zu: %#x", i,
			      dmar.oddities);
		ck_assert_str_ne(
			dmar_oddity_text((enum dmar_oddity)odd[i].want), "");
		dmar_free(&dmar);
	}
}
END_TEST

static void bad_signature(struct blob *b)
{
	b->data[0] = 'X';
}

static void bad_length_short(struct blob *b)
{
	b->data[4] = 47;
	b->data[5] = 0;
}

static void bad_length_long(struct blob *b)
{
	b->data[4]++;
}

static void bad_width(struct blob *b)
{
	b->data[36] = 64;
}

static void bad_width_small(struct blob *b)
{
	b->data[36] = 10;
}

static void bad_structure_zero(struct blob *b)
{
	blob_open(b, 0x77);
	blob_seal(b);
}

static void bad_structure_short(struct blob *b)
{
	blob_open(b, 0x77);
	b->data[b->open + 2] = 3;
	blob_seal(b);
}

static void bad_structure_long(struct blob *b)
{
	blob_open(b, 0x77);
	b->data[b->open + 2] = 5;
	blob_seal(b);
}

static void bad_structure_stub(struct blob *b)
{
	blob_num(b, 0, 3);
	blob_seal(b);
}

static void bad_drhd_short(struct blob *b)
{
	blob_open(b, 0);
	blob_num(b, 0, 8);
	blob_close(b);
}

static void bad_drhd_wraps(struct blob *b)
{
	blob_drhd(b, false, 0, UINT64_MAX - 0xffe);
	blob_close(b);
}

static void bad_scope_stub(struct blob *b)
{
	blob_drhd(b, false, 1, 0x1000);
	blob_num(b, 0x0801, 5);
	blob_close(b);
}

static void bad_scope_zero(struct blob *b)
{
	blob_drhd(b, false, 1, 0x1000);
	blob_num(b, 0x0001, 8);
	blob_close(b);
}

static void bad_scope_long(struct blob *b)
{
	blob_drhd(b, false, 1, 0x1000);
	blob_num(b, 0x0a01, 8);
	blob_close(b);
}

static void bad_scope_no_path(struct blob *b)
{
	blob_drhd(b, false, 1, 0x1000);
	blob_num(b, 0x0601, 6);
	blob_close(b);
}

static void bad_scope_odd_path(struct blob *b)
{
	blob_drhd(b, false, 1, 0x1000);
	blob_num(b, 0x0701, 7);
	blob_close(b);
}

static void bad_scope_device(struct blob *b)
{
	blob_drhd(b, false, 1, 0x1000);
	blob_scope1(b, 1, 0, 32, 0);
	blob_close(b);
}

static void bad_scope_function(struct blob *b)
{
	blob_drhd(b, false, 1, 0x1000);
	blob_scope1(b, 1, 0, 31, 8);
	blob_close(b);
}

static void bad_rhsa_short(struct blob *b)
{
	blob_open(b, 3);
	blob_num(b, 0, 8);
	blob_num(b, 0, 7);
	blob_close(b);
}

static void bad_andd_empty(struct blob *b)
{
	blob_andd(b, 1, "");
}

static void bad_andd_endless(struct blob *b)
{
	blob_andd(b, 1, "\\_SB");
	b->len--;
	blob_close(b);
}

static void bad_andd_escape(struct blob *b)
{
	blob_andd(b, 1, "\033[2J");
}

static const struct {
	void (*make)(struct blob *b);
	const char *says;
} bad[] = {
	{ bad_signature, "signature" },
	{ bad_length_short, "its length" },
	{ bad_length_long, "its length" },
	{ bad_width, "address width" },
	{ bad_width_small, "address width" },
	{ bad_structure_zero, "structure's length is wrong, at byte 64 of 68" },
	{ bad_structure_short, "structure's length" },
	{ bad_structure_long, "structure's length" },
	{ bad_structure_stub, "structure is cut short" },
	{ bad_drhd_short, "DRHD is cut short" },
	{ bad_drhd_wraps, "wrap" },
	{ bad_scope_stub, "scope is cut short" },
	{ bad_scope_zero, "scope's length" },
	{ bad_scope_long, "scope's length" },
	{ bad_scope_no_path, "scope's length" },
	{ bad_scope_odd_path, "scope's length" },
	{ bad_scope_device, "cannot be" },
	{ bad_scope_function, "cannot be" },
	{ bad_rhsa_short, "RHSA is cut short" },
	{ bad_andd_empty, "name is empty" },
	{ bad_andd_endless, "does not end" },
	{ bad_andd_escape, "odd characters" },
};

START_TEST(rejects_what_cannot_be_read)
{
	struct moat_err err;
	struct dmar dmar;
	struct blob b;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		plain(&b);
		bad[i].make(&b);
		ck_assert_msg(dmar_parse(b.data, b.len, &dmar, &err) == -EINVAL,
			      "case %zu", i);
		ck_assert_msg(strstr(err.msg, bad[i].says), "case %zu: %s", i,
			      err.msg);
	}
}
END_TEST

/* Cut anywhere, with a length field that owns up to it or does not. */
START_TEST(reads_nothing_beyond_a_cut)
{
	struct moat_err err;
	struct dmar dmar;
	struct blob b;
	uint8_t *exact;
	int r;

	for (size_t len = 0; len < 152; len++)
		for (int honest = 0; honest < 2; honest++) {
			spec_example(&b);
			if (honest)
				b.data[4] = (uint8_t)len;
			exact = malloc(len + 1);
			memcpy(exact, b.data, len);
			r = dmar_parse(exact, len, &dmar, &err);
			/* Whole at the ends of structures, and nowhere else. */
			ck_assert_int_eq(r == 0,
					 honest && (len == 48 || len == 80 ||
						    len == 104 || len == 136));
			if (r == 0)
				dmar_free(&dmar);
			free(exact);
		}
}
END_TEST

CHECK_MAIN("dmar", reads_the_specification_s_example,
	   finds_the_unit_of_a_device, follows_paths_through_bridges,
	   names_come_before_all_the_rest_in_any_order, reads_every_type,
	   says_when_a_unit_has_no_proximity,
	   keeps_what_breaks_rules_as_oddities, rejects_what_cannot_be_read,
	   reads_nothing_beyond_a_cut)
