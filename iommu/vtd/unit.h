/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A VT-d remapping unit in software: registers that a driver programs, tables
 * in memory that it walks, and requests of devices that it translates or
 * refuses as the specification says. What the fence is meant to do can so be
 * tried in one process, with any entry in any state.
 *
 * Legacy mode is whole. Scalable mode has second-stage translation and
 * pass-through. Of a unit's abilities only those in vtd_unit_abilities() can
 * be had; CAP and ECAP show no others.
 *
 * Every function may be called from any thread. Requests run in parallel, and
 * with the registers' use; an invalidation whose wait descriptor completed has
 * ended every request that used what it removed.
 * Source: VT-d rev 5.10.
 */
#ifndef MOAT_VTD_UNIT_H
#define MOAT_VTD_UNIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <moat/err.h>

#include "iommu/vtd/caps.h"
#include "iommu/vtd/faults.h"

struct vtd_unit;

/* What a processor gets, be it remapped or a unit's own event. */
struct vtd_interrupt {
	uint32_t dest;
	uint8_t vector;
	uint8_t mode; /* delivery mode, bits of the local APIC's encoding */
	bool logical;
	bool level;
	bool redirect;
};

/*
 * The rest of the machine. @read and @write are of physical memory: 0, or a
 * negative errno where there is none. Up to 16 aligned bytes are read as one.
 * They are called from any thread, and must not call back into the unit.
 */
struct vtd_platform {
	int (*read)(void *opaque, uint64_t addr, void *buf, size_t len);
	int (*write)(void *opaque, uint64_t addr, const void *buf, size_t len);
	/*
	 * The 8 aligned bytes at @addr, as they lie there: what walks do most.
	 * 0 has them ask @read. May be NULL; then they always ask @read.
	 */
	uint64_t (*load)(void *opaque, uint64_t addr);
	void (*interrupt)(void *opaque, const struct vtd_interrupt *interrupt);
	/*
	 * Have a device drop what its own TLB has: 0, or a negative errno when
	 * it does not answer. May be NULL where DT is not set.
	 */
	int (*flush_device)(void *opaque, uint16_t sid, uint64_t addr,
			    uint64_t len);
	void *opaque;
};

struct vtd_unit_config {
	struct vtd_caps caps;
	unsigned int host_bits;	    /* physical addresses; the DMAR's HAW */
	unsigned int iotlb_entries; /* power of two, 64 to 65536; 0: 1024 */
	bool collapse;		    /* one pending fault for each requester */
};

/* The address type of a request, as its header has it. */
enum vtd_address_type {
	VTD_AT_UNTRANSLATED = 0,
	VTD_AT_TRANSLATION = 1, /* asks only; the answer is for a device TLB */
	VTD_AT_TRANSLATED = 2,
};

enum vtd_access { VTD_READ, VTD_WRITE, VTD_ATOMIC };

struct vtd_request {
	uint64_t addr;
	uint32_t len; /* bytes; 0 is a read of no length */
	uint32_t pasid;
	uint16_t sid; /* the requester id */
	bool has_pasid;
	enum vtd_access access;
	enum vtd_address_type at;
};

#define VTD_PROT_READ  1u
#define VTD_PROT_WRITE 2u

struct vtd_translation {
	uint64_t addr; /* of the request's first byte */
	uint64_t size; /* of the page; 4 KiB when there was no page table */
	unsigned int prot;
};

/* One fault, as a fault recording register has it. */
struct vtd_fault {
	uint64_t info; /* the page; of an interrupt its index */
	enum vtd_reason reason;
	uint16_t sid;
	enum vtd_access access;
	enum vtd_address_type at;
	bool has_pasid;
	uint32_t pasid;
};

/* How often what happened; for tests and measurements. */
struct vtd_unit_stats {
	uint64_t walks;	    /* of paging tables: what the IOTLB had not */
	uint64_t evictions; /* from the IOTLB, for want of room */
};

/** vtd_unit_abilities() - all that a unit of this kind can be given */
struct vtd_caps vtd_unit_abilities(void);

/**
 * vtd_unit_create() - a unit as reset leaves it: it translates nothing
 *
 * Return: 0; -EINVAL with a sentence when the capabilities ask for what is
 * not there or contradict each other; -ENOMEM.
 */
int vtd_unit_create(const struct vtd_unit_config *config,
		    const struct vtd_platform *platform,
		    struct vtd_unit **ret_unit, struct moat_err *err);

/** vtd_unit_destroy() - NULL is fine; nobody may use it any more */
void vtd_unit_destroy(struct vtd_unit *unit);

/** vtd_unit_size() - bytes of registers, whole pages */
size_t vtd_unit_size(const struct vtd_unit *unit);

/**
 * vtd_unit_read() - a register
 * @size: 4 or 8; @offset is a multiple of it
 * Return: its value; all ones for what is no such access.
 */
uint64_t vtd_unit_read(struct vtd_unit *unit, uint64_t offset,
		       unsigned int size);

/**
 * vtd_unit_write() - a register; what the write asks for is done on return
 *
 * An access that cannot be is ignored, as are reserved bits.
 */
void vtd_unit_write(struct vtd_unit *unit, uint64_t offset, uint64_t value,
		    unsigned int size);

/**
 * vtd_unit_translate() - where does a request within one page lead?
 *
 * Answers the question only: for a request that goes on to memory,
 * vtd_unit_dma() is the function, since an invalidation waits for that.
 * Return: 0, or -EFAULT when the unit refuses, which it then has recorded.
 * A request for a translation that is not there is answered with @prot 0.
 */
int vtd_unit_translate(struct vtd_unit *unit, const struct vtd_request *request,
		       struct vtd_translation *ret_translation);

/**
 * vtd_unit_dma() - a device's read, write, or swap of @request's len bytes
 * @buf: what is written, or where what was read goes; for VTD_ATOMIC both
 * @ret_done: bytes before the one that was refused; NULL if of no interest
 *
 * A write to the interrupt range is an interrupt.
 * Return: 0; -EFAULT: the unit refused, or there is no such memory; -EINVAL:
 * no device sends such a request.
 */
int vtd_unit_dma(struct vtd_unit *unit, const struct vtd_request *request,
		 void *buf, size_t *ret_done);

/**
 * vtd_unit_fault() - read a fault recording register, as software would
 * Return: 0, or -ENOENT when it holds no fault.
 */
int vtd_unit_fault(struct vtd_unit *unit, unsigned int index,
		   struct vtd_fault *ret_fault);

/** vtd_unit_stats() - since the unit was made */
struct vtd_unit_stats vtd_unit_stats(const struct vtd_unit *unit);

#endif /* MOAT_VTD_UNIT_H */
