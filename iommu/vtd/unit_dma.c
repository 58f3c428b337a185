// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A device's requests: translated, carried out, or refused.
 *
 * A request that hits the IOTLB takes no lock. Any other finds its source's
 * path (unit_source.c) and walks that path's tables; the result is kept unless
 * something was invalidated meanwhile.
 * Source: VT-d rev 5.10 chapters 3 and 6; section 3.15 for the interrupt
 * range; table 30.
 */
#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "common/util.h"
#include "iommu/vtd/table_regs.h"
#include "iommu/vtd/unit_internal.h"

/* The reasons that the two modes have for the same. */
enum what {
	WHAT_TOP_ACCESS,
	WHAT_ACCESS,
	WHAT_ABSENT, /* scalable only: see lack() */
	WHAT_RESERVED,
	WHAT_ADDRESS,
	WHAT_HOST_ADDRESS,
	WHAT_WRITE,
	WHAT_READ,
	WHAT_INTERRUPT,
};

static const enum vtd_reason reasons[][2] = {
	[WHAT_TOP_ACCESS] = { VTD_FR_CONTEXT_INVALID, VTD_FR_SM_TOP_ACCESS },
	[WHAT_ACCESS] = { VTD_FR_TABLE_ACCESS, VTD_FR_SM_TABLE_ACCESS },
	[WHAT_ABSENT] = { VTD_FR_NONE, VTD_FR_SM_TABLE_ABSENT },
	[WHAT_RESERVED] = { VTD_FR_TABLE_RESERVED, VTD_FR_SM_TABLE_RESERVED },
	[WHAT_ADDRESS] = { VTD_FR_ADDRESS, VTD_FR_SM_ADDRESS },
	[WHAT_HOST_ADDRESS] = { VTD_FR_ADDRESS, VTD_FR_SM_HOST_ADDRESS },
	[WHAT_WRITE] = { VTD_FR_WRITE, VTD_FR_SM_WRITE },
	[WHAT_READ] = { VTD_FR_READ, VTD_FR_SM_READ },
	[WHAT_INTERRUPT] = { VTD_FR_OUTPUT_INTERRUPT,
			     VTD_FR_SM_OUTPUT_INTERRUPT },
};

static enum vtd_reason reason_of(enum what what, uint64_t gate)
{
	return reasons[what]
		      [(gate >> GATE_TTM_SHIFT & 3) != VTD_RTADDR_TTM_LEGACY];
}

static bool in_interrupt_range(uint64_t addr)
{
	return addr >> 20 == VTD_MSI_FIRST >> 20;
}

/* Section 4.1.2 and table 30: the answer is that nothing is allowed. */
static bool is_lenient(enum vtd_reason reason)
{
	switch (reason) {
	case VTD_FR_ADDRESS:
	case VTD_FR_WRITE:
	case VTD_FR_READ:
	case VTD_FR_PASID_DIR_ABSENT:
	case VTD_FR_PASID_ABSENT:
	case VTD_FR_SM_TABLE_ABSENT:
	case VTD_FR_SM_HOST_ADDRESS:
	case VTD_FR_SM_ADDRESS:
	case VTD_FR_SM_WRITE:
	case VTD_FR_SM_READ:
		return true;
	default:
		return false;
	}
}

static int refuse(struct vtd_unit *unit, const struct vtd_request *request,
		  enum vtd_reason reason, bool quiet,
		  struct vtd_translation *ret_translation)
{
	if (request->at == VTD_AT_TRANSLATION && is_lenient(reason)) {
		*ret_translation =
			(struct vtd_translation) { .size = VTD_PAGE_SIZE };
		return 0;
	}
	if (!quiet || !vtd_reason_is_qualified(reason))
		unit_fault(unit, request, reason, request->addr);
	return -EFAULT;
}

/* ---- permissions ---- */

static unsigned int wanted(const struct vtd_unit *unit,
			   const struct vtd_request *request, unsigned int prot)
{
	if (request->at == VTD_AT_TRANSLATION)
		return 0;
	if (request->access == VTD_WRITE)
		return VTD_PROT_WRITE;
	if (request->access == VTD_ATOMIC)
		return VTD_PROT_READ | VTD_PROT_WRITE;
	if (request->len == 0 && unit->zero_length_reads &&
	    (prot & VTD_PROT_WRITE))
		return 0;
	return VTD_PROT_READ;
}

/* Why @request cannot do with @prot; in scalable mode none has its own. */
static enum vtd_reason lack(const struct vtd_request *request,
			    unsigned int prot, uint64_t gate)
{
	if (prot == 0 && reason_of(WHAT_ABSENT, gate) != VTD_FR_NONE)
		return reason_of(WHAT_ABSENT, gate);
	if (request->access != VTD_READ && !(prot & VTD_PROT_WRITE))
		return reason_of(WHAT_WRITE, gate);
	return reason_of(WHAT_READ, gate);
}

/* What a page that is found means for a request. */
static enum vtd_reason use(const struct vtd_unit *unit, uint64_t gate,
			   const struct vtd_request *request,
			   const struct iotlb_entry *entry,
			   struct vtd_translation *ret_translation)
{
	const uint64_t size =
		UINT64_C(1)
		<< (VTD_PAGE_SHIFT + VTD_INDEX_BITS * (entry->level - 1));
	const uint64_t addr = entry->addr | (request->addr & (size - 1));

	if (entry->reason)
		return (enum vtd_reason)entry->reason;
	if (wanted(unit, request, entry->prot) & ~entry->prot)
		return lack(request, entry->prot, gate);
	if (in_interrupt_range(addr))
		return reason_of(WHAT_INTERRUPT, gate);
	ret_translation->addr = addr;
	ret_translation->size = size;
	ret_translation->prot = entry->prot;
	return VTD_FR_NONE;
}

/* ---- tables ---- */

/* What is absent is a page that allows nothing. */
static enum vtd_reason walk_tables(struct vtd_unit *unit, uint64_t gate,
				   const struct vtd_request *request,
				   const struct unit_path *path,
				   struct iotlb_entry *ret_entry)
{
	struct walk_result found;

	switch (walk(&unit->rules, &unit->platform, path->top, path->levels,
		     request->addr, &found)) {
	case WALK_FOUND:
		*ret_entry = (struct iotlb_entry) {
			.addr = found.addr,
			.level = found.level,
			.prot = found.prot,
		};
		return VTD_FR_NONE;
	case WALK_ABSENT:
		*ret_entry = (struct iotlb_entry) { .level = 1 };
		return VTD_FR_NONE;
	case WALK_RESERVED:
		return reason_of(WHAT_RESERVED, gate);
	case WALK_TOP_ACCESS:
		return reason_of(WHAT_TOP_ACCESS, gate);
	case WALK_ACCESS:
		break;
	}
	return reason_of(WHAT_ACCESS, gate);
}

static struct iotlb_source source_of(const struct vtd_request *request)
{
	return (struct iotlb_source) {
		.pasid = request->pasid,
		.sid = request->sid,
		.has_pasid = request->has_pasid,
	};
}

static bool touches_interrupts(uint64_t addr, uint64_t size)
{
	return addr <= VTD_MSI_LAST && addr + (size - 1) >= VTD_MSI_FIRST;
}

/* Is any of the page, or of where it leads, where no memory is? */
static bool is_odd(const struct vtd_request *request,
		   const struct iotlb_entry *entry)
{
	const uint64_t size =
		UINT64_C(1)
		<< (VTD_PAGE_SHIFT + VTD_INDEX_BITS * (entry->level - 1));

	return touches_interrupts(entry->addr, size) ||
	       touches_interrupts(align_down(request->addr, size), size);
}

static void keep(struct vtd_unit *unit, const struct vtd_request *request,
		 const struct unit_path *path, struct iotlb_entry *entry,
		 uint64_t generation)
{
	entry->odd = is_odd(request, entry);
	if (!iotlb_try(unit))
		return;
	if (atomic_load(&unit->generation) == generation)
		iotlb_insert(&unit->iotlb, source_of(request), request->addr,
			     entry, path->did, path->pasid);
	iotlb_release(unit);
}

/* What led to a fault is kept with caching mode only. */
static enum vtd_reason second_stage(struct vtd_unit *unit, uint64_t gate,
				    const struct vtd_request *request,
				    const struct unit_path *path,
				    uint64_t generation,
				    struct vtd_translation *ret_translation)
{
	const unsigned int bits = (unsigned int)min_u64(
		unit->guest_bits, VTD_BITS_OF_LEVELS(path->levels));
	struct iotlb_entry entry = { .level = 1 };
	enum vtd_reason reason;

	if (request->addr >> bits)
		return reason_of(WHAT_ADDRESS, gate);
	(void)atomic_fetch_add_explicit(&unit->walks, 1, memory_order_relaxed);
	reason = walk_tables(unit, gate, request, path, &entry);
	entry.reason = reason;
	reason = use(unit, gate, request, &entry, ret_translation);
	if ((!reason && entry.prot) || unit->caching)
		keep(unit, request, path, &entry, generation);
	return reason;
}

static enum vtd_reason untouched(const struct vtd_unit *unit, uint64_t gate,
				 const struct vtd_request *request,
				 struct vtd_translation *ret_translation)
{
	if (request->addr >> unit->host_bits)
		return reason_of(WHAT_HOST_ADDRESS, gate);
	if (in_interrupt_range(request->addr))
		return reason_of(WHAT_INTERRUPT, gate);
	*ret_translation = (struct vtd_translation) {
		.addr = request->addr,
		.size = VTD_PAGE_SIZE,
		.prot = VTD_PROT_READ | VTD_PROT_WRITE,
	};
	return VTD_FR_NONE;
}

static int translate_slowly(struct vtd_unit *unit, uint64_t gate,
			    const struct vtd_request *request,
			    struct vtd_translation *ret_translation)
{
	const uint64_t generation = atomic_load(&unit->generation);
	enum vtd_reason reason;
	struct unit_path path;

	reason = unit_source(unit, gate, request, &path);
	if (!reason) {
		if (path.pass || request->at == VTD_AT_TRANSLATED)
			reason =
				untouched(unit, gate, request, ret_translation);
		else
			reason = second_stage(unit, gate, request, &path,
					      generation, ret_translation);
	}
	return reason ? refuse(unit, request, reason, path.quiet,
			       ret_translation)
		      : 0;
}

/* ---- what is special ---- */

/*
 * With translation off, memory is as it is; what belongs to translation is
 * no request that can be served, and nothing is recorded of it.
 */
static int translate_off(const struct vtd_request *request,
			 struct vtd_translation *ret_translation)
{
	if (request->at != VTD_AT_UNTRANSLATED || request->has_pasid)
		return -EFAULT;
	*ret_translation = (struct vtd_translation) {
		.addr = request->addr,
		.size = VTD_PAGE_SIZE,
		.prot = VTD_PROT_READ | VTD_PROT_WRITE,
	};
	return 0;
}

static bool is_interrupt(const struct vtd_request *request)
{
	return request->access == VTD_WRITE && request->len == 4 &&
	       is_aligned(request->addr, 4);
}

/* Section 3.15: no memory is there, whatever the tables say. */
static int translate_interrupt_range(struct vtd_unit *unit,
				     const struct vtd_request *request,
				     struct vtd_translation *ret_translation)
{
	const bool zero_length = request->access == VTD_READ &&
				 request->len == 0;

	if (!is_interrupt(request) && !zero_length) {
		unit_fault(unit, request, VTD_FR_IR_MALFORMED, 0);
		return -EFAULT;
	}
	*ret_translation = (struct vtd_translation) {
		.addr = request->addr,
		.size = VTD_PAGE_SIZE,
		.prot = VTD_PROT_WRITE,
	};
	return 0;
}

/* Table 30, conditions S.1 and S.2: use it, but untranslated. */
static int answer_interrupt_range(struct vtd_translation *ret_translation)
{
	*ret_translation = (struct vtd_translation) {
		.size = VTD_PAGE_SIZE,
		.prot = VTD_PROT_WRITE,
	};
	return 0;
}

/* Only the entries on the way know whether to be quiet about it. */
static int refuse_hit(struct vtd_unit *unit, uint64_t gate,
		      const struct vtd_request *request, enum vtd_reason reason,
		      struct vtd_translation *ret_translation)
{
	struct unit_path path;

	(void)unit_source(unit, gate, request, &path);
	return refuse(unit, request, reason, path.quiet, ret_translation);
}

/* All but what is plainly allowed by an entry of the IOTLB. */
static __attribute__((noinline)) int
translate_rest(struct vtd_unit *unit, uint64_t gate,
	       const struct vtd_request *request,
	       struct vtd_translation *ret_translation)
{
	struct iotlb_entry entry;
	enum vtd_reason reason;

	if (in_interrupt_range(request->addr) && !request->has_pasid) {
		if (request->at == VTD_AT_UNTRANSLATED)
			return translate_interrupt_range(unit, request,
							 ret_translation);
		if (request->at == VTD_AT_TRANSLATION &&
		    (gate & GATE_TRANSLATING))
			return answer_interrupt_range(ret_translation);
	}
	if (!(gate & GATE_TRANSLATING))
		return translate_off(request, ret_translation);
	if (request->at != VTD_AT_UNTRANSLATED ||
	    !iotlb_find(&unit->iotlb, source_of(request), request->addr, &entry))
		return translate_slowly(unit, gate, request, ret_translation);
	reason = use(unit, gate, request, &entry, ret_translation);
	if (!reason)
		return 0;
	return refuse_hit(unit, gate, request, reason, ret_translation);
}

/* VTD_PROT_* that an access takes. */
static unsigned int plainly_wanted(enum vtd_access access)
{
	static_assert(VTD_READ + 1 == VTD_PROT_READ &&
			      VTD_WRITE + 1 == VTD_PROT_WRITE &&
			      VTD_ATOMIC + 1 == (VTD_PROT_READ | VTD_PROT_WRITE),
		      "an access is one less than what it takes");
	return (unsigned int)access + 1;
}

/* Is it allowed by what the IOTLB has of a page of this level? */
static inline bool hits_plainly(const struct vtd_unit *unit,
				const struct vtd_request *request,
				unsigned int level,
				struct vtd_translation *ret_translation)
{
	const uint64_t offset = (UINT64_C(1) << IOTLB_SHIFT(level)) - 1;
	const unsigned int want = plainly_wanted(request->access);
	uint64_t value;

	if (!iotlb_find_level(&unit->iotlb, request->sid, request->addr, level,
			      IOTLB_VALUE_SOURCE | IOTLB_VALUE_ODD | want, want,
			      &value))
		return false;
	ret_translation->addr = value >> IOTLB_VALUE_PAGE_SHIFT
						 << VTD_PAGE_SHIFT |
				(request->addr & offset);
	ret_translation->size = offset + 1;
	ret_translation->prot = value & IOTLB_VALUE_PROT;
	return true;
}

/* Apart for its registers: pages of 4 KiB are done without. */
static __attribute__((noinline)) int
translate_large(struct vtd_unit *unit, uint64_t gate,
		const struct vtd_request *request,
		struct vtd_translation *ret_translation)
{
	const unsigned int levels =
		atomic_load_explicit(&unit->iotlb.levels, memory_order_relaxed);

	if ((levels & 2) && hits_plainly(unit, request, 2, ret_translation))
		return 0;
	if ((levels & 4) && hits_plainly(unit, request, 3, ret_translation))
		return 0;
	return translate_rest(unit, gate, request, ret_translation);
}

/*
 * Only what is most often is in here. No page at or of the interrupt range is
 * without IOTLB_VALUE_ODD, so that addresses need not be looked at.
 */
int vtd_unit_translate(struct vtd_unit *unit, const struct vtd_request *request,
		       struct vtd_translation *ret_translation)
{
	const uint64_t gate =
		atomic_load_explicit(&unit->gate, memory_order_acquire);
	const uint64_t unusual = request->addr >> IOTLB_ADDR_BITS |
				 (uint64_t)request->at | request->has_pasid;

	static_assert(VTD_AT_UNTRANSLATED == 0, "nothing unusual is 0");
	if (!(gate & GATE_TRANSLATING) || unusual)
		return translate_rest(unit, gate, request, ret_translation);
	if (hits_plainly(unit, request, 1, ret_translation))
		return 0;
	return translate_large(unit, gate, request, ret_translation);
}

/* ---- whole transfers ---- */

static int swap(const struct vtd_unit *unit, uint64_t addr, void *buf,
		size_t len)
{
	const struct vtd_platform *platform = &unit->platform;
	uint8_t old[8];
	int r;

	r = platform->read(platform->opaque, addr, old, len);
	if (r == 0)
		r = platform->write(platform->opaque, addr, buf, len);
	if (r == 0)
		memcpy(buf, old, len);
	return r;
}

/* @request is of one page here. */
static int transfer(struct vtd_unit *unit, const struct vtd_request *request,
		    void *buf)
{
	const struct vtd_platform *platform = &unit->platform;
	struct vtd_translation to;
	uint32_t data;
	int r;

	r = vtd_unit_translate(unit, request, &to);
	if (r < 0)
		return r;
	if (in_interrupt_range(request->addr) && !request->has_pasid &&
	    is_interrupt(request)) {
		memcpy(&data, buf, sizeof(data));
		return unit_interrupt(unit, request, le32toh(data));
	}
	if (request->len == 0)
		return 0;
	switch (request->access) {
	case VTD_READ:
		r = platform->read(platform->opaque, to.addr, buf,
				   request->len);
		break;
	case VTD_WRITE:
		r = platform->write(platform->opaque, to.addr, buf,
				    request->len);
		break;
	case VTD_ATOMIC:
		r = swap(unit, to.addr, buf, request->len);
		break;
	}
	return r < 0 ? -EFAULT : 0;
}

/* An atomic is of 4 or 8 bytes that no page boundary divides. */
static bool is_request(const struct vtd_request *request)
{
	if (request->at == VTD_AT_TRANSLATION)
		return false;
	if (request->len && request->addr > UINT64_MAX - (request->len - 1))
		return false;
	if (request->access == VTD_ATOMIC)
		return (request->len == 4 || request->len == 8) &&
		       is_aligned(request->addr, request->len);
	return true;
}

int vtd_unit_dma(struct vtd_unit *unit, const struct vtd_request *request,
		 void *buf, size_t *ret_done)
{
	struct vtd_request piece = *request;
	size_t done = 0;
	int r;

	if (!is_request(request))
		return -EINVAL;
	(void)pthread_rwlock_rdlock(&unit->drain);
	do {
		const uint64_t room = VTD_PAGE_SIZE -
				      (piece.addr & (VTD_PAGE_SIZE - 1));

		piece.len = (uint32_t)min_u64(request->len - done, room);
		/* A read of no length has no buffer. */
		r = transfer(unit, &piece,
			     piece.len ? (uint8_t *)buf + done : NULL);
		if (r < 0)
			break;
		done += piece.len;
		piece.addr += piece.len;
	} while (done < request->len);
	(void)pthread_rwlock_unlock(&unit->drain);
	if (ret_done)
		*ret_done = done;
	return r;
}
