/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * struct vtd_unit, for the unit_*.c files only.
 *
 * Locks, in the order in which they are taken:
 *   control - held by whoever writes a register until all is done that the
 *	       write asked for: one command at a time
 *   drain   - read: a request is on its way; write: none is
 *   lock	   - the registers' values, and whoever changes a cache
 *   iotlb_busy - whoever changes the IOTLB, for as long as that takes; a
 *	       request that finds it set has its page remembered next time
 * Requests take no lock of these but drain as long as they hit the caches.
 *
 * A request remembers @generation before it reads tables, and what it read
 * goes into a cache only if that is still the same: an invalidation raises it
 * first, so nothing read before can come back afterwards.
 */
#ifndef MOAT_VTD_UNIT_INTERNAL_H
#define MOAT_VTD_UNIT_INTERNAL_H

#include <pthread.h>
#include <sched.h>

#include "iommu/vtd/iotlb.h"
#include "iommu/vtd/memo.h"
#include "iommu/vtd/unit.h"
#include "iommu/vtd/unit_regs.h"
#include "iommu/vtd/walk.h"

/* Bits of @gate: what every request must know, in one word. */
#define GATE_ROOT	 (~UINT64_C(0xfff))
#define GATE_TTM_SHIFT	 10
#define GATE_TRANSLATING UINT64_C(1)

/* Likewise of @irq_gate; its other bits are as in IRTA_REG. */
#define IRQ_GATE_TABLE	   (~UINT64_C(0xfff))
#define IRQ_GATE_REMAPPING (UINT64_C(1) << 4)
#define IRQ_GATE_COMPAT	   (UINT64_C(1) << 5)

#define OUTBOX_MAX	   2u

struct vtd_unit {
	/* Constant once it is made. */
	struct vtd_caps caps;
	struct vtd_platform platform;
	struct walk_rules rules;
	unsigned int host_bits;
	unsigned int n_records;
	unsigned int record_offset;
	unsigned int iotlb_offset;
	size_t size;
	unsigned int guest_bits;
	bool caching; /* CM */
	bool collapse;
	bool zero_length_reads;

	_Atomic(uint64_t) gate;
	_Atomic(uint64_t) irq_gate;
	_Atomic(uint64_t) generation;
	_Atomic(uint64_t) walks;

	struct iotlb iotlb;
	struct memo contexts; /* context entries by requester */
	struct memo pasids;   /* PASID entries by requester and PASID */
	struct memo irtes;    /* interrupt entries by index */

	atomic_flag iotlb_busy;
	pthread_mutex_t control;
	pthread_rwlock_t drain;
	pthread_mutex_t lock;

	/* Under @lock; 64-bit registers, and pairs of 32-bit ones. */
	uint64_t *regs;
	uint64_t *writable;  /* bits that software writes */
	uint64_t *clearable; /* bits that it clears by writing ones */
	unsigned int next_record;
	struct vtd_interrupt outbox[OUTBOX_MAX];
	unsigned int n_outbox;
};

/* False: somebody else changes it. */
static inline bool iotlb_try(struct vtd_unit *unit)
{
	return !atomic_flag_test_and_set_explicit(&unit->iotlb_busy,
						  memory_order_acquire);
}

static inline void iotlb_hold(struct vtd_unit *unit)
{
	while (!iotlb_try(unit))
		(void)sched_yield();
}

static inline void iotlb_release(struct vtd_unit *unit)
{
	atomic_flag_clear_explicit(&unit->iotlb_busy, memory_order_release);
}

/* unit_command.c */

/** unit_unlock() - gives up @lock, then sends the interrupts that are due */
void unit_lock(struct vtd_unit *unit);
void unit_unlock(struct vtd_unit *unit);

/** unit_reg32() - with @lock held; 4-aligned @offset; so are the next */
uint32_t unit_reg32(const struct vtd_unit *unit, unsigned int offset);
void unit_set_reg32(struct vtd_unit *unit, unsigned int offset, uint32_t value);

static inline uint64_t *unit_reg64(const struct vtd_unit *unit,
				   unsigned int offset)
{
	return &unit->regs[offset / 8];
}

/**
 * unit_event() - an event's interrupt is due, or pending where it is masked
 * @ctl: VTD_REG_FECTL or VTD_REG_IECTL. With @lock held.
 */
void unit_event(struct vtd_unit *unit, unsigned int ctl);

/* unit_fault.c */

/** unit_fault() - record that a request was refused; takes @lock */
void unit_fault(struct vtd_unit *unit, const struct vtd_request *request,
		enum vtd_reason reason, uint64_t info);

/** unit_fault_update() - after F bits changed; with @lock held */
void unit_fault_update(struct vtd_unit *unit);

/**
 * unit_fault_raise() - set a bit of FSTS that is an event; with @lock held
 * @bit: VTD_FSTS_*; 0: PPF is about to be
 */
void unit_fault_raise(struct vtd_unit *unit, uint32_t bit);

/* unit_source.c */

/* How the requests of one source are to be translated. */
struct unit_path {
	uint64_t top; /* of the paging tables */
	unsigned int levels;
	uint32_t pasid; /* that is used */
	uint16_t did;
	bool pass; /* no tables: addresses are physical */
	bool device_tlb;
	bool quiet; /* FPD: qualified faults are not told */
};

/**
 * unit_source() - find a source's path through context and PASID tables
 * @gate: as read when the request began
 *
 * @ret_path's @quiet is valid whatever comes of it, the rest on success.
 * Return: VTD_FR_NONE, or why there is none.
 */
enum vtd_reason unit_source(struct vtd_unit *unit, uint64_t gate,
			    const struct vtd_request *request,
			    struct unit_path *ret_path);

/* unit_irq.c */

/** unit_interrupt() - a DWORD written to the interrupt range: 0 or -EFAULT */
int unit_interrupt(struct vtd_unit *unit, const struct vtd_request *request,
		   uint32_t data);

/** unit_interrupt_plain() - what a compatibility-format message asks for */
struct vtd_interrupt unit_interrupt_plain(uint64_t addr, uint32_t data);

/* unit_flush.c */

/** unit_flush_all() - of DMA remapping; takes @lock, then @drain */
void unit_flush_all(struct vtd_unit *unit);

/** unit_flush_irtes() - of @mask + 1 indices around @index, or of all */
void unit_flush_irtes(struct vtd_unit *unit, bool all, uint32_t index,
		      uint32_t mask);

struct unit_flush {
	unsigned int granularity; /* VTD_INV_* */
	uint16_t did;
	uint16_t sid;
	unsigned int function_mask; /* VTD_INV_DEVICE: 0 to 3 */
	uint64_t addr;		    /* VTD_INV_PAGE */
	unsigned int address_mask;
};

void unit_flush_contexts(struct vtd_unit *unit, const struct unit_flush *flush);
void unit_flush_iotlb(struct vtd_unit *unit, const struct unit_flush *flush);

/** unit_flush_pasids() - VTD_PASID_CACHE_* */
void unit_flush_pasids(struct vtd_unit *unit, unsigned int granularity,
		       uint16_t did, uint32_t pasid);

/** unit_flush_pasid_iotlb() - one PASID of a domain; VTD_PASID_IOTLB_* */
void unit_flush_pasid_iotlb(struct vtd_unit *unit, unsigned int granularity,
			    uint16_t did, uint32_t pasid);

/* unit_queue.c */

/** unit_queue_run() - work the invalidation queue off; with @control held */
void unit_queue_run(struct vtd_unit *unit);

#endif /* MOAT_VTD_UNIT_INTERNAL_H */
