// SPDX-License-Identifier: GPL-2.0-or-later
/* The fields of CAP_REG and ECAP_REG: one row each. */
#include <assert.h>

#include "common/util.h"
#include "iommu/vtd/caps.h"

struct field {
	const char *name;
	bool ecap;
	uint8_t lsb, bits;
	const char *text;
};

#define CAP(n, first, len, words)                                          \
	[VTD_##n] = {                                                      \
		.name = #n, .lsb = (first), .bits = (len), .text = (words) \
	}
#define ECAP(n, first, len, words)    \
	[VTD_##n] = { .name = #n,     \
		      .ecap = true,   \
		      .lsb = (first), \
		      .bits = (len),  \
		      .text = (words) }

static const struct field fields[VTD_FIELDS] = {
	CAP(ND, 0, 3, "domain ids of 2n + 4 bits"),
	CAP(RWBF, 4, 1, "write buffers must be flushed by software"),
	CAP(PLMR, 5, 1, "protected memory below 4 GiB"),
	CAP(PHMR, 6, 1, "protected memory above 4 GiB"),
	CAP(CM, 7, 1, "entries that are not present may be cached"),
	CAP(SAGAW, 8, 5, "address widths of second-stage tables"),
	CAP(MGAW, 16, 6, "bits of a request's address, less one"),
	CAP(ZLR, 22, 1, "reads of no length pass write-only pages"),
	CAP(FRO, 24, 10, "fault records, in 16 bytes from the start"),
	CAP(SSLPS, 34, 4, "large pages of second-stage tables"),
	CAP(PSI, 39, 1, "invalidation by page"),
	CAP(NFR, 40, 8, "fault records, less one"),
	CAP(MAMV, 48, 6, "largest address mask of an invalidation"),
	CAP(DWD, 54, 1, "writes are drained"),
	CAP(DRD, 55, 1, "reads are drained"),
	CAP(FS1GP, 56, 1, "first-stage pages of 1 GiB"),
	CAP(PI, 59, 1, "posted interrupts"),
	CAP(FS5LP, 60, 1, "first-stage tables of 5 levels"),
	CAP(ECMDS, 61, 1, "enhanced commands"),
	CAP(ESIRTPS, 62, 1, "caches flushed with the interrupt table's pointer"),
	CAP(ESRTPS, 63, 1, "caches flushed with the root table's pointer"),

	ECAP(C, 0, 1, "table walks are coherent"),
	ECAP(QI, 1, 1, "queued invalidation"),
	ECAP(DT, 2, 1, "device TLBs (ATS)"),
	ECAP(IR, 3, 1, "interrupt remapping"),
	ECAP(EIM, 4, 1, "32-bit APIC ids"),
	ECAP(PT, 6, 1, "pass-through"),
	ECAP(SC, 7, 1, "snoop control"),
	ECAP(IRO, 8, 10, "IOTLB registers, in 16 bytes from the start"),
	ECAP(MHMV, 20, 4, "largest handle mask of an invalidation"),
	ECAP(MTS, 25, 1, "memory types"),
	ECAP(NEST, 26, 1, "nested translation"),
	ECAP(PRS, 29, 1, "page requests"),
	ECAP(ERS, 30, 1, "execute requests"),
	ECAP(SRS, 31, 1, "supervisor requests"),
	ECAP(NWFS, 33, 1, "the no-write flag"),
	ECAP(EAFS, 34, 1, "extended accessed flag"),
	ECAP(PSS, 35, 5, "bits of a PASID, less one"),
	ECAP(PASID, 40, 1, "requests with PASID"),
	ECAP(DIT, 41, 1, "device TLB invalidation throttle"),
	ECAP(PDS, 42, 1, "page-request drain"),
	ECAP(SMTS, 43, 1, "scalable mode"),
	ECAP(VCS, 44, 1, "virtual commands: the unit is software's"),
	ECAP(SSADS, 45, 1, "second-stage accessed and dirty bits"),
	ECAP(SSTS, 46, 1, "second-stage translation in scalable mode"),
	ECAP(FSTS, 47, 1, "first-stage translation"),
	ECAP(SMPWCS, 48, 1, "scalable-mode table walks can be coherent"),
	ECAP(RPS, 49, 1, "a PASID for requests without one"),
	ECAP(TDXCS, 50, 1, "TDX Connect"),
	ECAP(PMS, 51, 1, "performance counters"),
	ECAP(ADMS, 52, 1, "a mode that aborts all DMA"),
	ECAP(RPRIVS, 53, 1, "privilege for requests without PASID"),
	ECAP(HPTS, 55, 1, "host permission tables"),
	ECAP(PTRS, 56, 1, "PASIDs in translated requests"),
	ECAP(SSIRWS, 57, 1, "second-stage I/O read and write bits"),
	ECAP(SMS, 58, 1, "stop markers"),
	ECAP(HPT1GPS, 59, 1, "host permission pages of 1 GiB"),
	ECAP(RDTS, 60, 1, "resource director tags"),
	ECAP(EIMER, 61, 1, "32-bit APIC ids required"),
	ECAP(IRREQ, 62, 1, "interrupt remapping required"),
};

static uint64_t field_max(enum vtd_field field)
{
	return (UINT64_C(1) << fields[field].bits) - 1;
}

uint64_t vtd_field(const struct vtd_caps *caps, enum vtd_field field)
{
	const struct field *f = &fields[field];

	return (f->ecap ? caps->ecap : caps->cap) >> f->lsb & field_max(field);
}

void vtd_field_set(struct vtd_caps *caps, enum vtd_field field, uint64_t value)
{
	const struct field *f = &fields[field];
	uint64_t *reg = f->ecap ? &caps->ecap : &caps->cap;

	assert(value <= field_max(field));
	*reg &= ~(field_max(field) << f->lsb);
	*reg |= value << f->lsb;
}

const char *vtd_field_name(enum vtd_field field)
{
	return fields[field].name;
}

const char *vtd_field_text(enum vtd_field field)
{
	return fields[field].text;
}

uint64_t vtd_page_sizes(const struct vtd_caps *caps)
{
	const uint64_t large = vtd_field(caps, VTD_SSLPS);

	return 4 * KiB | (large & 1 ? 2 * MiB : 0) | (large & 2 ? GiB : 0);
}

bool vtd_has_width(const struct vtd_caps *caps, unsigned int bits)
{
	/* Bit 1 is 39 bits, and each further one is 9 more. */
	if (bits < 39 || bits > 57 || (bits - 39) % 9 != 0)
		return false;
	return vtd_field(caps, VTD_SAGAW) >> ((bits - 30) / 9) & 1;
}

unsigned int vtd_guest_bits(const struct vtd_caps *caps)
{
	return (unsigned int)vtd_field(caps, VTD_MGAW) + 1;
}

unsigned int vtd_domains(const struct vtd_caps *caps)
{
	const unsigned int nd = (unsigned int)vtd_field(caps, VTD_ND);

	return nd == 7 ? 0 : 1u << (2 * nd + 4);
}

unsigned int vtd_fault_records(const struct vtd_caps *caps,
			       unsigned int *ret_offset)
{
	*ret_offset = (unsigned int)vtd_field(caps, VTD_FRO) * 16;
	return (unsigned int)vtd_field(caps, VTD_NFR) + 1;
}

unsigned int vtd_iotlb_offset(const struct vtd_caps *caps)
{
	return (unsigned int)vtd_field(caps, VTD_IRO) * 16;
}
