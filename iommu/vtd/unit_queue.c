// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The invalidation queue: descriptors in memory, worked off by the thread
 * that moves the tail, or that clears the error at which the queue stopped.
 *
 * Each descriptor is done before the next is fetched, so that every order
 * the specification asks for holds. A descriptor in error stays at the head.
 * Source: VT-d rev 5.10 section 6.5.2.
 */
#include <endian.h>

#include "common/util.h"
#include "iommu/vtd/table_regs.h"
#include "iommu/vtd/unit_internal.h"

#define DESC_WORDS 4u

/* Where the queue is, read once for each descriptor. */
struct queue {
	uint64_t base;
	uint64_t size; /* bytes, a power of two */
	uint64_t head, tail;
	uint64_t width; /* bytes of a descriptor */
	unsigned int ttm;
};

static unsigned int ttm_of(const struct vtd_unit *unit)
{
	return atomic_load(&unit->gate) >> GATE_TTM_SHIFT & 3;
}

/* Is there something to do? Under @lock. */
static bool get_queue(const struct vtd_unit *unit, struct queue *ret_queue)
{
	const uint64_t iqa = *unit_reg64(unit, VTD_REG_IQA);
	const uint64_t width = iqa & VTD_IQA_DW ? 32 : 16;

	if (!(unit_reg32(unit, VTD_REG_GSTS) & VTD_GCMD_QIE))
		return false;
	if (unit_reg32(unit, VTD_REG_FSTS) & (VTD_FSTS_IQE | VTD_FSTS_ITE))
		return false;
	*ret_queue = (struct queue) {
		.base = iqa & VTD_ADDR_MASK,
		.size = VTD_PAGE_SIZE << (iqa & VTD_IQA_QS),
		/* Software may have changed the width since. */
		.head = align_down(*unit_reg64(unit, VTD_REG_IQH), width),
		.tail = *unit_reg64(unit, VTD_REG_IQT),
		.width = width,
		.ttm = ttm_of(unit),
	};
	return ret_queue->head != ret_queue->tail;
}

static unsigned int check_queue(const struct vtd_unit *unit,
				const struct queue *queue)
{
	const bool wide = vtd_field(&unit->caps, VTD_SMTS) ||
			  vtd_field(&unit->caps, VTD_ADMS);

	if (queue->ttm == VTD_RTADDR_TTM_RESERVED)
		return VTD_IQEI_TTM;
	if (queue->width == 32 ? !wide : queue->ttm != VTD_RTADDR_TTM_LEGACY)
		return VTD_IQEI_WIDTH;
	if (queue->tail % queue->width != 0)
		return VTD_IQEI_UNALIGNED;
	if (queue->tail >= queue->size)
		return VTD_IQEI_TAIL;
	return 0;
}

/* ---- descriptors ---- */

/* Bits that must be zero, of words 0 and 1; of a wide one 2 and 3 are. */
static const struct {
	uint64_t reserved[2];
} layouts[] = {
	[VTD_DESC_CONTEXT] = { { VTD_BITS(63, 50) | VTD_BITS(15, 12) |
					 VTD_BITS(8, 6),
				 UINT64_MAX } },
	[VTD_DESC_IOTLB] = { { VTD_BITS(63, 32) | VTD_BITS(15, 12) |
				       VTD_BITS(8, 8),
			       VTD_BITS(11, 7) } },
	/* PFSID is reserved, as DIT is not there. */
	[VTD_DESC_DEVICE_TLB] = { { VTD_BITS(63, 48) | VTD_BITS(31, 21) |
					    VTD_BITS(15, 12) | VTD_BITS(8, 4),
				    VTD_BITS(11, 1) } },
	[VTD_DESC_IEC] = { { VTD_BITS(63, 48) | VTD_BITS(26, 12) |
				     VTD_BITS(8, 5),
			     UINT64_MAX } },
	/* PD is reserved, as PDS is not there. */
	[VTD_DESC_WAIT] = { { VTD_BITS(31, 12) | VTD_BITS(8, 7),
			      VTD_BITS(1, 0) } },
	[VTD_DESC_PASID_IOTLB] = { { VTD_BITS(63, 52) | VTD_BITS(15, 12) |
					     VTD_BITS(8, 6),
				     VTD_BITS(11, 7) } },
	[VTD_DESC_PASID_CACHE] = { { VTD_BITS(63, 52) | VTD_BITS(15, 12) |
					     VTD_BITS(8, 6),
				     UINT64_MAX } },
	[VTD_DESC_PASID_DEVICE_TLB] = { { VTD_BITS(63, 52) | VTD_BITS(15, 12),
					  VTD_BITS(10, 1) } },
};

static unsigned int granularity(const uint64_t word[DESC_WORDS])
{
	return (unsigned int)(word[0] >> VTD_DESC_G_SHIFT) & 3;
}

static unsigned int do_context(struct vtd_unit *unit,
			       const uint64_t word[DESC_WORDS])
{
	const struct unit_flush flush = {
		.granularity = granularity(word),
		.did = (uint16_t)(word[0] >> VTD_DESC_DID_SHIFT),
		.sid = (uint16_t)(word[0] >> VTD_DESC_SID_SHIFT),
		.function_mask = (unsigned int)(word[0] >> VTD_DESC_FM_SHIFT) &
				 3,
	};

	if (flush.granularity == 0)
		return VTD_IQEI_RESERVED;
	unit_flush_contexts(unit, &flush);
	return 0;
}

static unsigned int do_iotlb(struct vtd_unit *unit,
			     const uint64_t word[DESC_WORDS])
{
	const struct unit_flush flush = {
		.granularity = granularity(word),
		.did = (uint16_t)(word[0] >> VTD_DESC_DID_SHIFT),
		.addr = word[1] & VTD_BITS(vtd_guest_bits(&unit->caps) - 1, 12),
		.address_mask = (unsigned int)(word[1] & VTD_IVA_AM),
	};

	if (flush.granularity == 0)
		return VTD_IQEI_RESERVED;
	if (flush.granularity == VTD_INV_PAGE &&
	    (!vtd_field(&unit->caps, VTD_PSI) ||
	     flush.address_mask > vtd_field(&unit->caps, VTD_MAMV)))
		return VTD_IQEI_RESERVED;
	unit_flush_iotlb(unit, &flush);
	return 0;
}

static unsigned int do_pasid_iotlb(struct vtd_unit *unit,
				   const uint64_t word[DESC_WORDS])
{
	if (granularity(word) < VTD_PASID_IOTLB_PASID)
		return VTD_IQEI_RESERVED;
	unit_flush_pasid_iotlb(unit, granularity(word),
			       (uint16_t)(word[0] >> VTD_DESC_DID_SHIFT),
			       (uint32_t)(word[0] >> VTD_DESC_PASID_SHIFT) &
				       0xfffff);
	return 0;
}

static unsigned int do_pasid_cache(struct vtd_unit *unit,
				   const uint64_t word[DESC_WORDS])
{
	if (granularity(word) == 2)
		return VTD_IQEI_RESERVED;
	unit_flush_pasids(unit, granularity(word),
			  (uint16_t)(word[0] >> VTD_DESC_DID_SHIFT),
			  (uint32_t)(word[0] >> VTD_DESC_PASID_SHIFT) & 0xfffff);
	return 0;
}

static unsigned int do_iec(struct vtd_unit *unit,
			   const uint64_t word[DESC_WORDS])
{
	const unsigned int im =
		(unsigned int)(word[0] >> VTD_DESC_IEC_IM_SHIFT) & 31;

	if (!(word[0] & VTD_DESC_IEC_SELECTIVE)) {
		unit_flush_irtes(unit, true, 0, 0);
		return 0;
	}
	if (im > vtd_field(&unit->caps, VTD_MHMV))
		return VTD_IQEI_RESERVED;
	unit_flush_irtes(unit, false,
			 (uint16_t)(word[0] >> VTD_DESC_IEC_IIDX_SHIFT),
			 (1u << im) - 1);
	return 0;
}

/* With S set, the lowest clear bit of the address says how much is meant. */
static uint64_t device_range(uint64_t word, bool large, uint64_t *ret_len)
{
	uint64_t addr = word & VTD_ADDR_MASK;
	uint64_t len = VTD_PAGE_SIZE;

	for (; large && len < UINT64_C(1) << 62 && (addr & len); len <<= 1)
		addr &= ~len;
	*ret_len = large ? len << 1 : len;
	return addr & ~(*ret_len - 1);
}

/* A device that does not answer stops the queue, section 6.5.2.11. */
static void do_device_tlb(struct vtd_unit *unit,
			  const uint64_t word[DESC_WORDS], uint16_t sid,
			  bool large)
{
	const struct vtd_platform *platform = &unit->platform;
	uint64_t addr, len;
	uint64_t *iqercd;

	addr = device_range(word[1], large, &len);
	if (platform->flush_device &&
	    platform->flush_device(platform->opaque, sid, addr, len) == 0)
		return;
	unit_lock(unit);
	iqercd = unit_reg64(unit, VTD_REG_IQERCD);
	*iqercd &= ~VTD_BITS(47, 32);
	*iqercd |= (uint64_t)sid << VTD_IQERCD_ITESID_SHIFT;
	unit_fault_raise(unit, VTD_FSTS_ITE);
	unit_unlock(unit);
}

static void do_wait(struct vtd_unit *unit, const uint64_t word[DESC_WORDS])
{
	const struct vtd_platform *platform = &unit->platform;
	const uint32_t data =
		htole32((uint32_t)(word[0] >> VTD_DESC_WAIT_DATA_SHIFT));
	const uint64_t addr = word[1] & VTD_BITS(unit->host_bits - 1, 2);
	uint32_t ics;

	if (word[0] & VTD_DESC_WAIT_SW)
		(void)platform->write(platform->opaque, addr, &data,
				      sizeof(data));
	if (!(word[0] & VTD_DESC_WAIT_IF))
		return;
	unit_lock(unit);
	ics = unit_reg32(unit, VTD_REG_ICS);
	unit_set_reg32(unit, VTD_REG_ICS, ics | VTD_ICS_IWC);
	if (!(ics & VTD_ICS_IWC))
		unit_event(unit, VTD_REG_IECTL);
	unit_unlock(unit);
}

/* Table 26, and what the unit has not got. */
static bool is_type(const struct vtd_unit *unit, const struct queue *queue,
		    unsigned int type)
{
	const bool device = type == VTD_DESC_DEVICE_TLB ||
			    type == VTD_DESC_PASID_DEVICE_TLB;

	if (type == 0 || type > VTD_DESC_PASID_DEVICE_TLB)
		return false;
	if (queue->ttm == VTD_RTADDR_TTM_LEGACY && type > VTD_DESC_WAIT)
		return false;
	return !device || vtd_field(&unit->caps, VTD_DT);
}

/* Return: 0, or what is wrong with it: VTD_IQEI_*. */
static unsigned int execute(struct vtd_unit *unit, const struct queue *queue,
			    const uint64_t word[DESC_WORDS])
{
	const unsigned int type = (unsigned int)(word[0] & 0xf) |
				  (unsigned int)(word[0] >> 5 & 0x70);

	if (!is_type(unit, queue, type))
		return VTD_IQEI_TYPE;
	if ((word[0] & layouts[type].reserved[0]) ||
	    (word[1] & layouts[type].reserved[1]) || word[2] || word[3])
		return VTD_IQEI_RESERVED;
	switch (type) {
	case VTD_DESC_CONTEXT:
		return do_context(unit, word);
	case VTD_DESC_IOTLB:
		return do_iotlb(unit, word);
	case VTD_DESC_IEC:
		return do_iec(unit, word);
	case VTD_DESC_PASID_IOTLB:
		return do_pasid_iotlb(unit, word);
	case VTD_DESC_PASID_CACHE:
		return do_pasid_cache(unit, word);
	case VTD_DESC_WAIT:
		do_wait(unit, word);
		return 0;
	case VTD_DESC_DEVICE_TLB:
		do_device_tlb(unit, word, (uint16_t)(word[0] >> 32),
			      word[1] & 1);
		return 0;
	default:
		do_device_tlb(unit, word, (uint16_t)(word[0] >> 16),
			      word[1] >> 11 & 1);
		return 0;
	}
}

/* ---- the queue ---- */

static void queue_error(struct vtd_unit *unit, unsigned int info)
{
	uint64_t *iqercd;

	unit_lock(unit);
	iqercd = unit_reg64(unit, VTD_REG_IQERCD);
	*iqercd = (*iqercd & ~UINT64_C(0xf)) | info;
	unit_fault_raise(unit, VTD_FSTS_IQE);
	unit_unlock(unit);
}

static unsigned int step(struct vtd_unit *unit, const struct queue *queue)
{
	const struct vtd_platform *platform = &unit->platform;
	uint64_t word[DESC_WORDS] = { 0 };
	unsigned int info;

	info = check_queue(unit, queue);
	if (info)
		return info;
	for (unsigned int i = 0; i < queue->width / 8; i += 2)
		if (platform->read(platform->opaque,
				   queue->base + queue->head + (uint64_t)i * 8,
				   word + i, 16) < 0)
			return VTD_IQEI_FETCH;
	for (unsigned int i = 0; i < DESC_WORDS; i++)
		word[i] = le64toh(word[i]);
	return execute(unit, queue, word);
}

static void advance(struct vtd_unit *unit, const struct queue *queue)
{
	unit_lock(unit);
	*unit_reg64(unit, VTD_REG_IQH) = (queue->head + queue->width) &
					 (queue->size - 1);
	unit_unlock(unit);
}

void unit_queue_run(struct vtd_unit *unit)
{
	struct queue queue;
	unsigned int info;
	bool more;

	for (;;) {
		unit_lock(unit);
		more = get_queue(unit, &queue);
		unit_unlock(unit);
		if (!more)
			return;
		info = step(unit, &queue);
		if (info) {
			queue_error(unit, info);
			return;
		}
		advance(unit, &queue);
	}
}
