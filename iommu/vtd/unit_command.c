// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Access to a unit's registers, and what is done on it.
 *
 * A register is 64 bits of value, with masks of what software writes and of
 * what it clears by writing ones; two of 32 bits share one. Commands are done
 * by the thread that writes them, one at a time.
 * Source: VT-d rev 5.10 chapter 11.
 */
#include "common/util.h"
#include "iommu/vtd/table_regs.h"
#include "iommu/vtd/unit_internal.h"

/* ---- registers ---- */

void unit_lock(struct vtd_unit *unit)
{
	(void)pthread_mutex_lock(&unit->lock);
}

void unit_unlock(struct vtd_unit *unit)
{
	struct vtd_interrupt outbox[OUTBOX_MAX];
	const unsigned int n = unit->n_outbox;

	for (unsigned int i = 0; i < n; i++)
		outbox[i] = unit->outbox[i];
	unit->n_outbox = 0;
	(void)pthread_mutex_unlock(&unit->lock);
	for (unsigned int i = 0; i < n; i++)
		unit->platform.interrupt(unit->platform.opaque, &outbox[i]);
}

uint32_t unit_reg32(const struct vtd_unit *unit, unsigned int offset)
{
	return (uint32_t)(unit->regs[offset / 8] >> (offset % 8 * 8));
}

void unit_set_reg32(struct vtd_unit *unit, unsigned int offset, uint32_t value)
{
	const unsigned int shift = offset % 8 * 8;
	uint64_t *reg = &unit->regs[offset / 8];

	*reg &= ~((uint64_t)UINT32_MAX << shift);
	*reg |= (uint64_t)value << shift;
}

/* The message registers follow the control register in both groups. */
void unit_event(struct vtd_unit *unit, unsigned int ctl)
{
	const uint64_t addr = unit_reg32(unit, ctl + 8) |
			      (uint64_t)unit_reg32(unit, ctl + 12) << 32;
	const uint32_t data = unit_reg32(unit, ctl + 4);
	const uint32_t value = unit_reg32(unit, ctl);

	if (value & VTD_ECTL_IM) {
		unit_set_reg32(unit, ctl, value | VTD_ECTL_IP);
		return;
	}
	unit_set_reg32(unit, ctl, value & ~VTD_ECTL_IP);
	if (unit->n_outbox < OUTBOX_MAX)
		unit->outbox[unit->n_outbox++] =
			unit_interrupt_plain(addr, data);
}

/* ---- commands ---- */

/* The gates are what requests see of the registers; with @lock held. */
static void set_gate(struct vtd_unit *unit, uint32_t status)
{
	uint64_t gate = atomic_load(&unit->gate);

	gate &= ~GATE_TRANSLATING;
	if (status & VTD_GCMD_TE)
		gate |= GATE_TRANSLATING;
	atomic_store(&unit->gate, gate);
	gate = atomic_load(&unit->irq_gate);
	gate &= ~(IRQ_GATE_REMAPPING | IRQ_GATE_COMPAT);
	if (status & VTD_GCMD_IRE)
		gate |= IRQ_GATE_REMAPPING;
	if (status & VTD_GCMD_CFI)
		gate |= IRQ_GATE_COMPAT;
	atomic_store(&unit->irq_gate, gate);
}

static void set_root(struct vtd_unit *unit)
{
	const uint64_t reg = *unit_reg64(unit, VTD_REG_RTADDR);
	const uint64_t gate = atomic_load(&unit->gate);

	atomic_store(&unit->gate, (gate & GATE_TRANSLATING) | reg);
}

static void set_irta(struct vtd_unit *unit)
{
	const uint64_t reg = *unit_reg64(unit, VTD_REG_IRTA);
	const uint64_t gate = atomic_load(&unit->irq_gate);

	atomic_store(&unit->irq_gate,
		     (gate & (IRQ_GATE_REMAPPING | IRQ_GATE_COMPAT)) | reg);
}

static uint32_t status_mask(const struct vtd_unit *unit)
{
	uint32_t mask = VTD_GCMD_TE;

	if (vtd_field(&unit->caps, VTD_QI))
		mask |= VTD_GCMD_QIE;
	if (vtd_field(&unit->caps, VTD_IR))
		mask |= VTD_GCMD_IRE | VTD_GCMD_CFI;
	return mask;
}

/* Takes effect between requests, not within one: see section 11.4.4.1. */
static void global_command(struct vtd_unit *unit, uint32_t command)
{
	const bool has_ir = vtd_field(&unit->caps, VTD_IR);
	const uint32_t mask = status_mask(unit);
	uint32_t before, after;
	bool flush, flush_irtes;

	(void)pthread_rwlock_wrlock(&unit->drain);
	unit_lock(unit);
	before = unit_reg32(unit, VTD_REG_GSTS);
	after = (before & ~mask) | (command & mask);
	flush = (before & ~after & VTD_GCMD_TE) &&
		vtd_field(&unit->caps, VTD_SMTS);
	flush_irtes = (before & ~after & VTD_GCMD_IRE) &&
		      vtd_field(&unit->caps, VTD_ESIRTPS);
	if (command & VTD_GCMD_SRTP) {
		set_root(unit);
		after |= VTD_GCMD_SRTP;
		flush = flush || vtd_field(&unit->caps, VTD_ESRTPS);
	}
	if (has_ir && (command & VTD_GCMD_SIRTP)) {
		set_irta(unit);
		after |= VTD_GCMD_SIRTP;
		flush_irtes = flush_irtes ||
			      vtd_field(&unit->caps, VTD_ESIRTPS);
	}
	if (!(after & VTD_GCMD_QIE))
		*unit_reg64(unit, VTD_REG_IQH) = 0;
	if (!(after & (VTD_GCMD_TE | VTD_GCMD_IRE)))
		unit->next_record = 0;
	unit_set_reg32(unit, VTD_REG_GSTS, after);
	set_gate(unit, after);
	unit_unlock(unit);
	(void)pthread_rwlock_unlock(&unit->drain);
	if (flush)
		unit_flush_all(unit);
	if (flush_irtes)
		unit_flush_irtes(unit, true, 0, 0);
	unit_queue_run(unit);
}

/* By registers only in legacy mode, and only without the queue. */
static bool takes_register_flush(const struct vtd_unit *unit)
{
	const uint64_t ttm = atomic_load(&unit->gate) >> GATE_TTM_SHIFT & 3;

	return ttm == VTD_RTADDR_TTM_LEGACY &&
	       !(unit_reg32(unit, VTD_REG_GSTS) & VTD_GCMD_QIE);
}

/* Section 11.4.6.1. */
static void context_command(struct vtd_unit *unit)
{
	uint64_t *reg = unit_reg64(unit, VTD_REG_CCMD);
	struct unit_flush flush;
	uint64_t value;
	bool valid;

	unit_lock(unit);
	value = *reg;
	flush = (struct unit_flush) {
		.granularity = (unsigned int)(value >> VTD_CCMD_CIRG_SHIFT) & 3,
		.did = (uint16_t)value,
		.sid = (uint16_t)(value >> 16),
		.function_mask = (unsigned int)(value >> 32) & 3,
	};
	valid = flush.granularity && takes_register_flush(unit);
	unit_unlock(unit);
	if (valid)
		unit_flush_contexts(unit, &flush);
	unit_lock(unit);
	*reg = value & ~(VTD_CCMD_ICC | UINT64_C(3) << VTD_CCMD_CAIG_SHIFT);
	if (valid)
		*reg |= (uint64_t)flush.granularity << VTD_CCMD_CAIG_SHIFT;
	unit_unlock(unit);
}

static bool can_flush_pages(const struct vtd_unit *unit, unsigned int mask)
{
	return vtd_field(&unit->caps, VTD_PSI) &&
	       mask <= vtd_field(&unit->caps, VTD_MAMV);
}

/* Sections 11.4.6.3 and 11.4.6.4. */
static void iotlb_command(struct vtd_unit *unit)
{
	uint64_t *reg = unit_reg64(unit, unit->iotlb_offset + 8);
	const uint64_t *iva = unit_reg64(unit, unit->iotlb_offset);
	struct unit_flush flush;
	uint64_t value;
	bool valid;

	unit_lock(unit);
	value = *reg;
	flush = (struct unit_flush) {
		.granularity = (unsigned int)(value >> VTD_IOTLB_IIRG_SHIFT) & 3,
		.did = (uint16_t)(value >> VTD_IOTLB_DID_SHIFT),
		.addr = *iva & VTD_ADDR_MASK,
		.address_mask = (unsigned int)(*iva & VTD_IVA_AM),
	};
	valid = flush.granularity && takes_register_flush(unit);
	if (flush.granularity == VTD_INV_PAGE &&
	    !can_flush_pages(unit, flush.address_mask))
		valid = false;
	unit_unlock(unit);
	if (valid)
		unit_flush_iotlb(unit, &flush);
	unit_lock(unit);
	*reg = value & ~(VTD_IOTLB_IVT | UINT64_C(3) << VTD_IOTLB_IAIG_SHIFT);
	if (valid)
		*reg |= (uint64_t)flush.granularity << VTD_IOTLB_IAIG_SHIFT;
	unit_unlock(unit);
}

/* What remains pending is sent when unmasked, and dropped when served. */
static void event_control(struct vtd_unit *unit, unsigned int ctl, bool due)
{
	const uint32_t value = unit_reg32(unit, ctl);

	if (!(value & VTD_ECTL_IP))
		return;
	if (!due)
		unit_set_reg32(unit, ctl, value & ~VTD_ECTL_IP);
	else if (!(value & VTD_ECTL_IM))
		unit_event(unit, ctl);
}

/* Whatever was written: what follows from the registers as they are now. */
static void settle(struct vtd_unit *unit)
{
	uint32_t fsts;

	unit_lock(unit);
	unit_fault_update(unit);
	fsts = unit_reg32(unit, VTD_REG_FSTS);
	event_control(unit, VTD_REG_FECTL,
		      fsts & (VTD_FSTS_PFO | VTD_FSTS_PPF | VTD_FSTS_IQE |
			      VTD_FSTS_ICE | VTD_FSTS_ITE));
	event_control(unit, VTD_REG_IECTL,
		      unit_reg32(unit, VTD_REG_ICS) & VTD_ICS_IWC);
	unit_unlock(unit);
}

/* ---- access ---- */

static bool is_access(const struct vtd_unit *unit, uint64_t offset,
		      unsigned int size)
{
	return (size == 4 || size == 8) && offset % size == 0 &&
	       offset < unit->size;
}

uint64_t vtd_unit_read(struct vtd_unit *unit, uint64_t offset,
		       unsigned int size)
{
	uint64_t value;

	if (!is_access(unit, offset, size))
		return UINT64_MAX;
	unit_lock(unit);
	value = size == 8 ? unit->regs[offset / 8]
			  : unit_reg32(unit, (unsigned int)offset);
	unit_unlock(unit);
	return value;
}

static void store(struct vtd_unit *unit, unsigned int offset, uint64_t value,
		  unsigned int size)
{
	const unsigned int shift = offset % 8 * 8;
	const uint64_t lane = (size == 8 ? UINT64_MAX : UINT32_MAX) << shift;
	const unsigned int i = offset / 8;
	const uint64_t writable = unit->writable[i] & lane;

	value <<= shift;
	unit->regs[i] &= ~(unit->clearable[i] & lane & value);
	unit->regs[i] = (unit->regs[i] & ~writable) | (value & writable);
}

/* Does an access of @size at @offset write the 32 bits at @place? */
static bool writes(uint64_t offset, unsigned int size, unsigned int place)
{
	return ranges_overlap(offset, offset + size - 1, place, place + 3);
}

static void command(struct vtd_unit *unit, uint64_t offset, uint64_t value,
		    unsigned int size)
{
	const unsigned int iotlb = unit->iotlb_offset + 8;

	if (writes(offset, size, VTD_REG_GCMD))
		global_command(unit, (uint32_t)value);
	/* A command is given with the upper half of its register. */
	if (writes(offset, size, VTD_REG_CCMD + 4) &&
	    (*unit_reg64(unit, VTD_REG_CCMD) & VTD_CCMD_ICC))
		context_command(unit);
	if (writes(offset, size, iotlb + 4) &&
	    (*unit_reg64(unit, iotlb) & VTD_IOTLB_IVT))
		iotlb_command(unit);
	settle(unit);
	if (writes(offset, size, VTD_REG_IQT) ||
	    writes(offset, size, VTD_REG_FSTS))
		unit_queue_run(unit);
}

void vtd_unit_write(struct vtd_unit *unit, uint64_t offset, uint64_t value,
		    unsigned int size)
{
	if (!is_access(unit, offset, size))
		return;
	(void)pthread_mutex_lock(&unit->control);
	unit_lock(unit);
	store(unit, (unsigned int)offset, value, size);
	unit_unlock(unit);
	command(unit, offset, value, size);
	(void)pthread_mutex_unlock(&unit->control);
}
