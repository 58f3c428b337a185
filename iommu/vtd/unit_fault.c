// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Primary fault logging: the fault recording registers as a ring, the fault
 * status, and the fault event.
 * Source: VT-d rev 5.10 sections 7.2.1, 7.3 and 11.4.7.
 */
#include <errno.h>

#include "iommu/vtd/table_regs.h"
#include "iommu/vtd/unit_internal.h"

#define FSTS_EVENTS                                                  \
	(VTD_FSTS_PFO | VTD_FSTS_PPF | VTD_FSTS_IQE | VTD_FSTS_ICE | \
	 VTD_FSTS_ITE)

/* The upper half of a record; the lower one is 8 bytes before it. */
static uint64_t *record(const struct vtd_unit *unit, unsigned int index)
{
	return unit_reg64(unit,
			  unit->record_offset + index * VTD_FRCD_SIZE + 8);
}

static bool is_pending(const struct vtd_unit *unit, unsigned int index)
{
	return *record(unit, index) & VTD_FRCD_F;
}

void unit_fault_update(struct vtd_unit *unit)
{
	uint32_t fsts = unit_reg32(unit, VTD_REG_FSTS) & ~VTD_FSTS_PPF;

	for (unsigned int i = 0; i < unit->n_records; i++)
		if (is_pending(unit, i)) {
			fsts |= VTD_FSTS_PPF;
			break;
		}
	unit_set_reg32(unit, VTD_REG_FSTS, fsts);
}

void unit_fault_raise(struct vtd_unit *unit, uint32_t bit)
{
	const uint32_t fsts = unit_reg32(unit, VTD_REG_FSTS);

	unit_set_reg32(unit, VTD_REG_FSTS, fsts | bit);
	if (!(fsts & FSTS_EVENTS))
		unit_event(unit, VTD_REG_FECTL);
}

static uint64_t record_high(const struct vtd_request *request,
			    enum vtd_reason reason)
{
	uint64_t high = VTD_FRCD_F | request->sid |
			(uint64_t)reason << VTD_FRCD_FR_SHIFT;

	if (vtd_reason_is_interrupt(reason))
		return high;
	if (request->access != VTD_WRITE)
		high |= VTD_FRCD_T1;
	if (request->access == VTD_ATOMIC)
		high |= VTD_FRCD_T2;
	high |= (uint64_t)request->at << VTD_FRCD_AT_SHIFT;
	if (request->has_pasid)
		high |= VTD_FRCD_PP | (uint64_t)request->pasid
					      << VTD_FRCD_PV_SHIFT;
	return high;
}

/* What a unit without it has not got is reserved in a record. */
static uint64_t high_mask(const struct vtd_unit *unit)
{
	uint64_t mask = UINT64_MAX;

	if (!vtd_field(&unit->caps, VTD_DT))
		mask &= ~(UINT64_C(3) << VTD_FRCD_AT_SHIFT);
	if (!vtd_field(&unit->caps, VTD_PASID))
		mask &= ~(VTD_FRCD_PP | VTD_BITS(59, 40));
	return mask;
}

/* Beyond the widest tables there is no address to tell. */
static uint64_t info_mask(const struct vtd_unit *unit, enum vtd_reason reason)
{
	if (vtd_reason_is_interrupt(reason))
		return VTD_BITS(63, VTD_FRCD_INDEX_SHIFT);
	for (unsigned int levels = WALK_LEVELS_MAX; levels >= 3; levels--)
		if (vtd_has_width(&unit->caps, VTD_BITS_OF_LEVELS(levels)))
			return VTD_BITS(VTD_BITS_OF_LEVELS(levels) - 1, 12);
	return VTD_ADDR_MASK;
}

static bool is_collapsed(const struct vtd_unit *unit, uint16_t sid)
{
	if (!unit->collapse)
		return false;
	for (unsigned int i = 0; i < unit->n_records; i++)
		if (is_pending(unit, i) && (uint16_t)*record(unit, i) == sid)
			return true;
	return false;
}

/* The record is whole before F, and F before the event. */
static void log_fault(struct vtd_unit *unit, uint64_t low, uint64_t high)
{
	const unsigned int index = unit->next_record;
	uint32_t fsts = unit_reg32(unit, VTD_REG_FSTS);

	if (fsts & VTD_FSTS_PFO)
		return;
	if (is_collapsed(unit, (uint16_t)high))
		return;
	if (is_pending(unit, index)) {
		unit_set_reg32(unit, VTD_REG_FSTS, fsts | VTD_FSTS_PFO);
		return;
	}
	record(unit, index)[-1] = low;
	*record(unit, index) = high;
	unit->next_record = (index + 1) % unit->n_records;
	if (fsts & VTD_FSTS_PPF)
		return;
	fsts &= ~(UINT32_C(0xff) << VTD_FSTS_FRI_SHIFT);
	fsts |= index << VTD_FSTS_FRI_SHIFT;
	unit_set_reg32(unit, VTD_REG_FSTS, fsts);
	unit_fault_raise(unit, VTD_FSTS_PPF);
}

void unit_fault(struct vtd_unit *unit, const struct vtd_request *request,
		enum vtd_reason reason, uint64_t info)
{
	unit_lock(unit);
	log_fault(unit, info & info_mask(unit, reason),
		  record_high(request, reason) & high_mask(unit));
	unit_unlock(unit);
}

static enum vtd_access access_of(uint64_t high)
{
	if (!(high & VTD_FRCD_T1))
		return VTD_WRITE;
	return high & VTD_FRCD_T2 ? VTD_ATOMIC : VTD_READ;
}

int vtd_unit_fault(struct vtd_unit *unit, unsigned int index,
		   struct vtd_fault *ret_fault)
{
	const unsigned int at = unit->record_offset + index * VTD_FRCD_SIZE;
	uint64_t low, high;

	if (index >= unit->n_records)
		return -ENOENT;
	high = vtd_unit_read(unit, at + 8, 8);
	low = vtd_unit_read(unit, at, 8);
	if (!(high & VTD_FRCD_F))
		return -ENOENT;
	*ret_fault = (struct vtd_fault) {
		.info = low,
		.reason = (enum vtd_reason)(high >> VTD_FRCD_FR_SHIFT & 0xff),
		.sid = (uint16_t)high,
		.access = access_of(high),
		.at = (enum vtd_address_type)(high >> VTD_FRCD_AT_SHIFT & 3),
		.has_pasid = high & VTD_FRCD_PP,
		.pasid = (uint32_t)(high >> VTD_FRCD_PV_SHIFT & 0xfffff),
	};
	if (vtd_reason_is_interrupt(ret_fault->reason))
		ret_fault->info = low >> VTD_FRCD_INDEX_SHIFT;
	return 0;
}
