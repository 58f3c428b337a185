// SPDX-License-Identifier: GPL-2.0-or-later
/* Fault reasons: one row each. */
#include <stddef.h>

#include "common/util.h"
#include "iommu/vtd/faults.h"

static const struct {
	enum vtd_reason reason;
	bool unqualified; /* told whatever FPD says */
	const char *text;
} rows[] = {
	{ VTD_FR_ROOT_ABSENT, true, "the root entry is not present" },
	{ VTD_FR_CONTEXT_ABSENT, false, "the context entry is not present" },
	{ VTD_FR_CONTEXT_INVALID, false, "the context entry is invalid" },
	{ VTD_FR_ADDRESS, false, "the address is too wide" },
	{ VTD_FR_WRITE, false, "it may not be written" },
	{ VTD_FR_READ, false, "it may not be read" },
	{ VTD_FR_TABLE_ACCESS, false, "a paging table cannot be read" },
	{ VTD_FR_ROOT_ACCESS, true, "the root table cannot be read" },
	{ VTD_FR_CONTEXT_ACCESS, true, "the context table cannot be read" },
	{ VTD_FR_ROOT_RESERVED, true, "reserved bits of the root entry" },
	{ VTD_FR_CONTEXT_RESERVED, false, "reserved bits of the context entry" },
	{ VTD_FR_TABLE_RESERVED, false, "reserved bits of a paging entry" },
	{ VTD_FR_BLOCKED, false, "no device TLB is allowed" },
	{ VTD_FR_OUTPUT_INTERRUPT, false, "it leads to the interrupt range" },

	{ VTD_FR_IR_RESERVED, true, "reserved bits of the message" },
	{ VTD_FR_IR_INDEX, true, "the index is beyond the table" },
	{ VTD_FR_IR_ABSENT, false, "the interrupt entry is not present" },
	{ VTD_FR_IR_ACCESS, true, "the interrupt table cannot be read" },
	{ VTD_FR_IR_ENTRY_RESERVED, false,
	  "reserved bits of the interrupt entry" },
	{ VTD_FR_IR_COMPATIBILITY, true, "the compatibility format is blocked" },
	{ VTD_FR_IR_SOURCE, false, "the interrupt entry is another's" },
	{ VTD_FR_IR_MALFORMED, true, "it is no interrupt message" },
	{ VTD_FR_IR_EIME, true, "32-bit APIC ids are required" },
	{ VTD_FR_IR_REQUIRED, true, "interrupt remapping is required" },

	{ VTD_FR_TTM, true, "the table mode is invalid" },
	{ VTD_FR_PASID_IN_LEGACY, true, "a PASID in legacy mode" },
	{ VTD_FR_ABORT_MODE, true, "all DMA is aborted" },
	{ VTD_FR_SM_ROOT_ACCESS, true, "the root table cannot be read" },
	{ VTD_FR_SM_ROOT_ABSENT, true, "the root entry is not present" },
	{ VTD_FR_SM_ROOT_RESERVED, true, "reserved bits of the root entry" },
	{ VTD_FR_SM_CONTEXT_ACCESS, true, "the context table cannot be read" },
	{ VTD_FR_SM_CONTEXT_ABSENT, false, "the context entry is not present" },
	{ VTD_FR_SM_CONTEXT_RESERVED, false,
	  "reserved bits of the context entry" },
	{ VTD_FR_SM_CONTEXT_INVALID, false, "the context entry is invalid" },
	{ VTD_FR_SM_NO_DEVICE_TLB, false, "no device TLB is allowed" },
	{ VTD_FR_SM_NO_PASID, false, "no PASID is allowed" },
	{ VTD_FR_SM_PASID_BEYOND, false, "the PASID is beyond the directory" },
	{ VTD_FR_SM_PASID_IS_RID, false,
	  "the PASID is that of requests without" },
	{ VTD_FR_SM_NO_TRANSLATED_PASID, false,
	  "no translated PASID is allowed" },
	{ VTD_FR_PASID_DIR_ACCESS, true, "the PASID directory cannot be read" },
	{ VTD_FR_PASID_DIR_ABSENT, false, "the directory entry is not present" },
	{ VTD_FR_PASID_DIR_RESERVED, false,
	  "reserved bits of the directory entry" },
	{ VTD_FR_PASID_ACCESS, true, "the PASID table cannot be read" },
	{ VTD_FR_PASID_ABSENT, false, "the PASID entry is not present" },
	{ VTD_FR_PASID_RESERVED, false, "reserved bits of the PASID entry" },
	{ VTD_FR_PASID_INVALID, false, "the PASID entry is invalid" },
	{ VTD_FR_SM_TABLE_ACCESS, false, "a paging table cannot be read" },
	{ VTD_FR_SM_TABLE_ABSENT, false, "the page is not present" },
	{ VTD_FR_SM_TABLE_RESERVED, false, "reserved bits of a paging entry" },
	{ VTD_FR_SM_TOP_ACCESS, false, "the top paging table cannot be read" },
	{ VTD_FR_SM_HOST_ADDRESS, false, "the host address is too wide" },
	{ VTD_FR_SM_ADDRESS, false, "the address is too wide" },
	{ VTD_FR_SM_WRITE, false, "it may not be written" },
	{ VTD_FR_SM_READ, false, "it may not be read" },
	{ VTD_FR_SM_OUTPUT_INTERRUPT, false, "it leads to the interrupt range" },
	{ VTD_FR_SM_PASID_TOO_WIDE, false, "the PASID is too wide" },
};

const char *vtd_reason_text(enum vtd_reason reason)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].reason == reason)
			return rows[i].text;
	return "a reason that is not known";
}

bool vtd_reason_is_qualified(enum vtd_reason reason)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].reason == reason)
			return !rows[i].unqualified;
	return false;
}
