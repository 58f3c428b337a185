// SPDX-License-Identifier: GPL-2.0-or-later
/* CAP and ECAP of units that exist, and each field by itself. */
#include <string.h>

#include "common/util.h"
#include "iommu/vtd/caps.h"
#include "tests/check_main.h"

/* As these machines' kernels print them: "dmar0: ... cap X ecap Y". */
static const struct {
	struct vtd_caps caps;
	uint64_t page_sizes;
	unsigned int width; /* the sum of what there is */
	unsigned int guest_bits, domains, records, record_offset, iotlb;
	const char *has;
} units[] = {
	/* clang-format off */
	/* A desktop's unit for graphics, and its unit for the rest. */
	{ { 0x00c0000020660462, 0xf0101a }, 4 * KiB, 48,
	  39, 256, 1, 0x200, 0x100, "QI IR EIM" },
	{ { 0x00d2008020660462, 0xf010da }, 4 * KiB, 48,
	  39, 256, 1, 0x200, 0x100, "QI IR EIM PT SC" },
	/* A server's. */
	{ { 0x08d2078c106f0466, 0xf020df }, 4 * KiB | 2 * MiB | GiB, 48,
	  48, 65536, 8, 0x100, 0x200, "PI C QI DT IR EIM PT SC" },
	/* QEMU's, with its interrupt remapping. */
	{ { 0x00d2008c222f0686, 0xf00f4a }, 4 * KiB | 2 * MiB | GiB, 39 + 48,
	  48, 65536, 1, 0x220, 0xf0, "CM QI IR PT" },
	/* clang-format on */
};

static const char *has(const struct vtd_caps *caps)
{
	static const enum vtd_field asked[] = {
		VTD_CM, VTD_PI,	 VTD_C,	 VTD_QI, VTD_DT,
		VTD_IR, VTD_EIM, VTD_PT, VTD_SC, VTD_SMTS,
	};
	static char text[64];

	text[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(asked); i++) {
		if (!vtd_field(caps, asked[i]))
			continue;
		if (text[0])
			strcat(text, " ");
		strcat(text, vtd_field_name(asked[i]));
	}
	return text;
}

START_TEST(decodes_units_that_exist)
{
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		const struct vtd_caps *caps = &units[i].caps;
		unsigned int offset, width = 0;

		for (unsigned int bits = 39; bits <= 57; bits += 9)
			width += vtd_has_width(caps, bits) ? bits : 0;
		ck_assert_uint_eq(width, units[i].width);
		ck_assert_uint_eq(vtd_page_sizes(caps), units[i].page_sizes);
		ck_assert_uint_eq(vtd_guest_bits(caps), units[i].guest_bits);
		ck_assert_uint_eq(vtd_domains(caps), units[i].domains);
		ck_assert_uint_eq(vtd_fault_records(caps, &offset),
				  units[i].records);
		ck_assert_uint_eq(offset, units[i].record_offset);
		ck_assert_uint_eq(vtd_iotlb_offset(caps), units[i].iotlb);
		ck_assert_str_eq(has(caps), units[i].has);
	}
}
END_TEST

START_TEST(fields_have_names_and_bits_of_their_own)
{
	struct vtd_caps seen = { 0 };

	for (unsigned int i = 0; i < VTD_FIELDS; i++) {
		const enum vtd_field field = (enum vtd_field)i;
		struct vtd_caps one = { 0 };

		ck_assert_ptr_nonnull(vtd_field_name(field));
		ck_assert_ptr_nonnull(vtd_field_text(field));
		vtd_field_set(&one, field, 1);
		ck_assert_uint_eq(vtd_field(&one, field), 1);
		one = (struct vtd_caps) { UINT64_MAX, UINT64_MAX };
		vtd_field_set(&one, field, 0);
		ck_assert_uint_eq(vtd_field(&one, field), 0);
		ck_assert((~one.cap & seen.cap) == 0);
		ck_assert((~one.ecap & seen.ecap) == 0);
		seen.cap |= ~one.cap;
		seen.ecap |= ~one.ecap;
	}
	/* All that is left are the reserved and the deprecated bits. */
	ck_assert_uint_eq(~seen.cap, 0x060000400080e008);
	ck_assert_uint_eq(~seen.ecap, 0x80400001190c0020);
}
END_TEST

START_TEST(domain_ids_grow_by_two_bits)
{
	struct vtd_caps caps = { 0 };

	for (unsigned int nd = 0; nd < 7; nd++) {
		vtd_field_set(&caps, VTD_ND, nd);
		ck_assert_uint_eq(vtd_domains(&caps), 16u << 2 * nd);
	}
	vtd_field_set(&caps, VTD_ND, 7);
	ck_assert_uint_eq(vtd_domains(&caps), 0);
}
END_TEST

START_TEST(widths_are_three)
{
	struct vtd_caps caps = { 0 };

	vtd_field_set(&caps, VTD_SAGAW, 0x1f);
	for (unsigned int bits = 0; bits <= 128; bits++)
		ck_assert_int_eq(vtd_has_width(&caps, bits),
				 bits == 39 || bits == 48 || bits == 57);
}
END_TEST

CHECK_MAIN("vtd caps", decodes_units_that_exist,
	   fields_have_names_and_bits_of_their_own, domain_ids_grow_by_two_bits,
	   widths_are_three)
