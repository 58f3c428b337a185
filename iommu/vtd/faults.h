/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fault reasons: what a remapping unit answers instead of memory.
 * Source: VT-d rev 5.10 table 30 (section 7.1.3) and table 15 (section
 * 5.1.4.1).
 */
#ifndef MOAT_VTD_FAULTS_H
#define MOAT_VTD_FAULTS_H

#include <stdbool.h>

enum vtd_reason {
	VTD_FR_NONE = 0x00,
	VTD_FR_ROOT_ABSENT = 0x01,
	VTD_FR_CONTEXT_ABSENT = 0x02,
	VTD_FR_CONTEXT_INVALID = 0x03,
	VTD_FR_ADDRESS = 0x04,
	VTD_FR_WRITE = 0x05,
	VTD_FR_READ = 0x06,
	VTD_FR_TABLE_ACCESS = 0x07,
	VTD_FR_ROOT_ACCESS = 0x08,
	VTD_FR_CONTEXT_ACCESS = 0x09,
	VTD_FR_ROOT_RESERVED = 0x0a,
	VTD_FR_CONTEXT_RESERVED = 0x0b,
	VTD_FR_TABLE_RESERVED = 0x0c,
	VTD_FR_BLOCKED = 0x0d,
	VTD_FR_OUTPUT_INTERRUPT = 0x0e,

	VTD_FR_IR_RESERVED = 0x20,
	VTD_FR_IR_INDEX = 0x21,
	VTD_FR_IR_ABSENT = 0x22,
	VTD_FR_IR_ACCESS = 0x23,
	VTD_FR_IR_ENTRY_RESERVED = 0x24,
	VTD_FR_IR_COMPATIBILITY = 0x25,
	VTD_FR_IR_SOURCE = 0x26,
	VTD_FR_IR_MALFORMED = 0x29,
	VTD_FR_IR_EIME = 0x2a,
	VTD_FR_IR_REQUIRED = 0x2b,

	VTD_FR_TTM = 0x30,
	VTD_FR_PASID_IN_LEGACY = 0x31,
	VTD_FR_ABORT_MODE = 0x33,
	VTD_FR_SM_ROOT_ACCESS = 0x38,
	VTD_FR_SM_ROOT_ABSENT = 0x39,
	VTD_FR_SM_ROOT_RESERVED = 0x3a,
	VTD_FR_SM_CONTEXT_ACCESS = 0x40,
	VTD_FR_SM_CONTEXT_ABSENT = 0x41,
	VTD_FR_SM_CONTEXT_RESERVED = 0x42,
	VTD_FR_SM_CONTEXT_INVALID = 0x43,
	VTD_FR_SM_NO_DEVICE_TLB = 0x44,
	VTD_FR_SM_NO_PASID = 0x45,
	VTD_FR_SM_PASID_BEYOND = 0x46,
	VTD_FR_SM_PASID_IS_RID = 0x48,
	VTD_FR_SM_NO_TRANSLATED_PASID = 0x49,
	VTD_FR_PASID_DIR_ACCESS = 0x50,
	VTD_FR_PASID_DIR_ABSENT = 0x51,
	VTD_FR_PASID_DIR_RESERVED = 0x52,
	VTD_FR_PASID_ACCESS = 0x58,
	VTD_FR_PASID_ABSENT = 0x59,
	VTD_FR_PASID_RESERVED = 0x5a,
	VTD_FR_PASID_INVALID = 0x5b,
	VTD_FR_SM_TABLE_ACCESS = 0x78,
	VTD_FR_SM_TABLE_ABSENT = 0x79,
	VTD_FR_SM_TABLE_RESERVED = 0x7a,
	VTD_FR_SM_TOP_ACCESS = 0x7b,
	VTD_FR_SM_HOST_ADDRESS = 0x83,
	VTD_FR_SM_ADDRESS = 0x84,
	VTD_FR_SM_WRITE = 0x85,
	VTD_FR_SM_READ = 0x86,
	VTD_FR_SM_OUTPUT_INTERRUPT = 0x87,
	VTD_FR_SM_PASID_TOO_WIDE = 0x89,
};

/** vtd_reason_text() - a clause that says what went wrong */
const char *vtd_reason_text(enum vtd_reason reason);

/** vtd_reason_is_interrupt() - of table 15? */
static inline bool vtd_reason_is_interrupt(enum vtd_reason reason)
{
	return reason >= 0x20 && reason <= 0x2f;
}

/** vtd_reason_is_qualified() - does an entry's FPD keep it from being told? */
bool vtd_reason_is_qualified(enum vtd_reason reason);

#endif /* MOAT_VTD_FAULTS_H */
