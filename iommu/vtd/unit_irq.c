// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Interrupt remapping: a DWORD written to the interrupt range becomes an
 * interrupt, as its table entry says, or a fault.
 *
 * Entries are kept in a cache as they are in memory, and checked at each use:
 * reserved bits depend on the mode.
 * Source: VT-d rev 5.10 sections 5.1 and 9.9, table 15.
 */
#include <endian.h>
#include <errno.h>

#include "iommu/vtd/table_regs.h"
#include "iommu/vtd/unit_internal.h"
#include "iommu/vtd/unit_source.h"

/* Section 5.1.2.1. */
struct vtd_interrupt unit_interrupt_plain(uint64_t addr, uint32_t data)
{
	return (struct vtd_interrupt) {
		/* With 32-bit ids the upper bits are in the upper address. */
		.dest = (uint32_t)(addr >> 12 & 0xff) |
			(uint32_t)(addr >> 32 & 0xffffff00),
		.vector = (uint8_t)data,
		.mode = data >> 8 & 7,
		.logical = addr >> 2 & 1,
		.level = data >> 15 & 1,
		.redirect = addr >> 3 & 1,
	};
}

/* IM is reserved: the unit posts no interrupts. */
static bool entry_reserved(uint64_t gate, const uint64_t entry[2])
{
	uint64_t mask_0 = VTD_IRTE_RESERVED_0 | VTD_IRTE_IM;
	const unsigned int svt =
		(unsigned int)(entry[1] >> VTD_IRTE_SVT_SHIFT) & 3;
	const unsigned int mode =
		(unsigned int)(entry[0] >> VTD_IRTE_DLM_SHIFT) & 7;

	if (!(gate & VTD_IRTA_EIME))
		mask_0 |= VTD_IRTE_RSVD_DST;
	return (entry[0] & mask_0) || (entry[1] & VTD_IRTE_RESERVED_1) ||
	       svt == 3 || mode == 3 || mode == 6;
}

/* Section 9.9, SVT and SQ. */
static bool source_matches(const uint64_t entry[2], uint16_t sid)
{
	static const uint16_t ignored[] = { 0, 4, 6, 7 };
	const uint16_t want = (uint16_t)entry[1];
	const unsigned int bus = sid >> 8;

	switch (entry[1] >> VTD_IRTE_SVT_SHIFT & 3) {
	case VTD_SVT_SID:
		return ((want ^ sid) &
			~ignored[entry[1] >> VTD_IRTE_SQ_SHIFT & 3]) == 0;
	case VTD_SVT_BUS:
		return bus >= (unsigned int)want >> 8 && bus <= (want & 0xffu);
	default:
		return true; /* not asked for */
	}
}

static enum vtd_reason check_entry(uint64_t gate, const uint64_t entry[2],
				   uint16_t sid)
{
	const unsigned int svt =
		(unsigned int)(entry[1] >> VTD_IRTE_SVT_SHIFT) & 3;

	if (!(entry[0] & VTD_P))
		return VTD_FR_IR_ABSENT;
	if (svt != 3 && !source_matches(entry, sid))
		return VTD_FR_IR_SOURCE;
	if (entry_reserved(gate, entry))
		return VTD_FR_IR_ENTRY_RESERVED;
	return VTD_FR_NONE;
}

static bool find_entry(struct vtd_unit *unit, uint64_t gate, uint32_t index,
		       uint64_t entry[2])
{
	const struct vtd_platform *platform = &unit->platform;
	const uint64_t generation = atomic_load(&unit->generation);
	const uint64_t at = (gate & IRQ_GATE_TABLE) +
			    (uint64_t)index * VTD_IRTE_SIZE;

	if (memo_find(&unit->irtes, irte_key(index), entry))
		return true;
	if (platform->read(platform->opaque, at, entry, VTD_IRTE_SIZE) < 0)
		return false;
	entry[0] = le64toh(entry[0]);
	entry[1] = le64toh(entry[1]);
	/* Faults are cached with caching mode only, section 6.4. */
	if (!vtd_field(&unit->caps, VTD_CM) &&
	    (!(entry[0] & VTD_P) || entry_reserved(gate, entry)))
		return true;
	unit_lock(unit);
	if (atomic_load(&unit->generation) == generation)
		memo_insert(&unit->irtes, irte_key(index), entry);
	unit_unlock(unit);
	return true;
}

static int block(struct vtd_unit *unit, const struct vtd_request *request,
		 enum vtd_reason reason, uint32_t index)
{
	unit_fault(unit, request, reason,
		   (uint64_t)index << VTD_FRCD_INDEX_SHIFT);
	return -EFAULT;
}

static int remap(struct vtd_unit *unit, uint64_t gate,
		 const struct vtd_request *request, uint32_t index)
{
	const uint32_t entries = 2u << (gate & VTD_IRTA_S);
	enum vtd_reason reason;
	struct vtd_interrupt out;
	uint64_t entry[2];

	if (index >= entries ||
	    ((gate & IRQ_GATE_TABLE) + (uint64_t)index * VTD_IRTE_SIZE) >>
		    unit->host_bits)
		return block(unit, request, VTD_FR_IR_INDEX, index);
	if (!find_entry(unit, gate, index, entry))
		return block(unit, request, VTD_FR_IR_ACCESS, index);
	reason = check_entry(gate, entry, request->sid);
	if (reason && (entry[0] & VTD_FPD))
		return -EFAULT; /* all that check_entry() finds is qualified */
	if (reason)
		return block(unit, request, reason, index);
	out = (struct vtd_interrupt) {
		.dest = gate & VTD_IRTA_EIME
				? (uint32_t)(entry[0] >> VTD_IRTE_DST_SHIFT)
				: (uint32_t)(entry[0] >> 40 & 0xff),
		.vector = (uint8_t)(entry[0] >> VTD_IRTE_VECTOR_SHIFT),
		.mode = entry[0] >> VTD_IRTE_DLM_SHIFT & 7,
		.logical = entry[0] & VTD_IRTE_DM,
		.level = entry[0] & VTD_IRTE_TM,
		.redirect = entry[0] & VTD_IRTE_RH,
	};
	unit->platform.interrupt(unit->platform.opaque, &out);
	return 0;
}

static int deliver_plain(struct vtd_unit *unit,
			 const struct vtd_request *request, uint32_t data)
{
	const struct vtd_interrupt out =
		unit_interrupt_plain(request->addr, data);

	unit->platform.interrupt(unit->platform.opaque, &out);
	return 0;
}

static int remappable(struct vtd_unit *unit, uint64_t gate,
		      const struct vtd_request *request, uint32_t data)
{
	uint32_t index = (uint32_t)(request->addr >> 5 & 0x7fff);

	if (request->addr & VTD_MSI_HANDLE_15)
		index |= 0x8000;
	if (request->addr & VTD_MSI_SHV) {
		if (data >> 16)
			return block(unit, request, VTD_FR_IR_RESERVED, 0);
		index += data;
	}
	return remap(unit, gate, request, index);
}

/* Section 5.1.4. */
int unit_interrupt(struct vtd_unit *unit, const struct vtd_request *request,
		   uint32_t data)
{
	const uint64_t gate = atomic_load(&unit->irq_gate);
	const bool eime = gate & VTD_IRTA_EIME;

	if (!(gate & IRQ_GATE_REMAPPING)) {
		if (vtd_field(&unit->caps, VTD_IRREQ))
			return block(unit, request, VTD_FR_IR_REQUIRED, 0);
		return deliver_plain(unit, request, data);
	}
	if (!eime && vtd_field(&unit->caps, VTD_EIMER))
		return block(unit, request, VTD_FR_IR_EIME, 0);
	if (request->addr & VTD_MSI_REMAPPABLE)
		return remappable(unit, gate, request, data);
	if (eime || !(gate & IRQ_GATE_COMPAT))
		return block(unit, request, VTD_FR_IR_COMPATIBILITY, 0);
	return deliver_plain(unit, request, data);
}
