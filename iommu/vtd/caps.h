/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A remapping unit's capabilities: every field of CAP_REG and ECAP_REG by
 * name, from one table.
 * Source: VT-d rev 5.10 sections 11.4.2 and 11.4.3.
 */
#ifndef MOAT_VTD_CAPS_H
#define MOAT_VTD_CAPS_H

#include <stdbool.h>
#include <stdint.h>

struct vtd_caps {
	uint64_t cap;
	uint64_t ecap;
};

/* The specification's names. */
enum vtd_field {
	VTD_ND,
	VTD_RWBF,
	VTD_PLMR,
	VTD_PHMR,
	VTD_CM,
	VTD_SAGAW,
	VTD_MGAW,
	VTD_ZLR,
	VTD_FRO,
	VTD_SSLPS,
	VTD_PSI,
	VTD_NFR,
	VTD_MAMV,
	VTD_DWD,
	VTD_DRD,
	VTD_FS1GP,
	VTD_PI,
	VTD_FS5LP,
	VTD_ECMDS,
	VTD_ESIRTPS,
	VTD_ESRTPS,
	VTD_C,
	VTD_QI,
	VTD_DT,
	VTD_IR,
	VTD_EIM,
	VTD_PT,
	VTD_SC,
	VTD_IRO,
	VTD_MHMV,
	VTD_MTS,
	VTD_NEST,
	VTD_PRS,
	VTD_ERS,
	VTD_SRS,
	VTD_NWFS,
	VTD_EAFS,
	VTD_PSS,
	VTD_PASID,
	VTD_DIT,
	VTD_PDS,
	VTD_SMTS,
	VTD_VCS,
	VTD_SSADS,
	VTD_SSTS,
	VTD_FSTS,
	VTD_SMPWCS,
	VTD_RPS,
	VTD_TDXCS,
	VTD_PMS,
	VTD_ADMS,
	VTD_RPRIVS,
	VTD_HPTS,
	VTD_PTRS,
	VTD_SSIRWS,
	VTD_SMS,
	VTD_HPT1GPS,
	VTD_RDTS,
	VTD_EIMER,
	VTD_IRREQ,
	VTD_FIELDS
};

/** vtd_field() - a field's value, as the register has it */
uint64_t vtd_field(const struct vtd_caps *caps, enum vtd_field field);

/**
 * vtd_field_set() - give a field another value
 * @value: must fit; what does not is our own bug
 */
void vtd_field_set(struct vtd_caps *caps, enum vtd_field field, uint64_t value);

/** vtd_field_name() - "SAGAW" */
const char *vtd_field_name(enum vtd_field field);

/** vtd_field_text() - what it says, in a few words */
const char *vtd_field_text(enum vtd_field field);

/* What follows answers in units, not in encodings. */

/** vtd_page_sizes() - of second-stage tables: a mask of sizes in bytes */
uint64_t vtd_page_sizes(const struct vtd_caps *caps);

/** vtd_has_width() - can second-stage tables be @bits wide: 39, 48 or 57? */
bool vtd_has_width(const struct vtd_caps *caps, unsigned int bits);

/** vtd_guest_bits() - the widest address that a request may have */
unsigned int vtd_guest_bits(const struct vtd_caps *caps);

/** vtd_domains() - how many domain ids there are; 0: a reserved encoding */
unsigned int vtd_domains(const struct vtd_caps *caps);

/** vtd_fault_records() - how many, and at @ret_offset in the registers */
unsigned int vtd_fault_records(const struct vtd_caps *caps,
			       unsigned int *ret_offset);

/** vtd_iotlb_offset() - where IVA_REG is; IOTLB_REG is 8 bytes behind */
unsigned int vtd_iotlb_offset(const struct vtd_caps *caps);

#endif /* MOAT_VTD_CAPS_H */
