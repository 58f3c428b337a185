// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From a requester to its paging tables: root, context, and PASID entries.
 *
 * What entries say is checked once, as it is read, and kept in the caches in
 * the form of source words (unit_source.h). Nothing of a fault is kept,
 * unless the unit has caching mode; then the fault is kept as it is, under
 * domain 0.
 * Source: VT-d rev 5.10 sections 3.4, 6.2 and 9.1 to 9.6; table 30.
 */
#include <endian.h>

#include "iommu/vtd/table_regs.h"
#include "iommu/vtd/unit_internal.h"
#include "iommu/vtd/unit_source.h"

/* Of word 0, below the address; of a path, and of a scalable context. */
#define SOURCE_LEVELS	  UINT64_C(7)
#define SOURCE_PDTS	  UINT64_C(7)
#define SOURCE_PASS	  (UINT64_C(1) << 3)
#define SOURCE_PASIDE	  (UINT64_C(1) << 3)
#define SOURCE_DEVICE_TLB (UINT64_C(1) << 4)
#define SOURCE_QUIET	  (UINT64_C(1) << 5)

/* Of word 1, above the DID. */
#define SOURCE_PASID_SHIFT  16
#define SOURCE_PASID	    VTD_BITS(35, 16)
#define SOURCE_REASON_SHIFT 40

/* A chain of entries being read. */
struct chain {
	struct vtd_unit *unit;
	uint64_t gate;
	uint64_t generation; /* before the first was read */
	uint64_t beyond;     /* bits of addresses that the host has not */
};

/* 0, or an error; no more than 16 bytes are read as one. */
static int read_words(const struct chain *chain, uint64_t addr, uint64_t *words,
		      unsigned int n)
{
	const struct vtd_platform *platform = &chain->unit->platform;

	for (unsigned int i = 0; i < n; i += 2) {
		const unsigned int len = n - i < 2 ? 8 : 16;

		if (platform->read(platform->opaque, addr + (uint64_t)i * 8,
				   words + i, len) < 0)
			return -1;
	}
	for (unsigned int i = 0; i < n; i++)
		words[i] = le64toh(words[i]);
	return 0;
}

static bool has(const struct chain *chain, enum vtd_field field)
{
	return vtd_field(&chain->unit->caps, field);
}

/* The bits of a DID field at @shift that this unit has not. */
static uint64_t did_beyond(const struct chain *chain, unsigned int shift)
{
	const unsigned int bits =
		2 * (unsigned int)vtd_field(&chain->unit->caps, VTD_ND) + 4;

	return bits >= 16 ? 0 : VTD_BITS(shift + 15, shift + bits);
}

/* 0: the unit has no tables of that width. */
static unsigned int levels_of(const struct chain *chain, unsigned int aw)
{
	const unsigned int levels = VTD_LEVELS_OF_AW(aw);

	if (levels < 3 || levels > WALK_LEVELS_MAX)
		return 0;
	if (!vtd_has_width(&chain->unit->caps, VTD_BITS_OF_LEVELS(levels)))
		return 0;
	return levels;
}

/* ---- legacy mode ---- */

static enum vtd_reason check_context(const struct chain *chain,
				     const uint64_t entry[2], uint64_t word[2])
{
	const unsigned int tt =
		(unsigned int)(entry[0] >> VTD_CONTEXT_TT_SHIFT) & 3;
	const unsigned int levels = levels_of(
		chain, (unsigned int)(entry[1] & VTD_CONTEXT_AW_MASK));
	const uint64_t beyond = tt == VTD_TT_PASS ? 0 : chain->beyond;

	if ((entry[0] & (VTD_CONTEXT_RESERVED_0 | beyond)) ||
	    (entry[1] & (VTD_CONTEXT_RESERVED_1 |
			 did_beyond(chain, VTD_CONTEXT_DID_SHIFT))))
		return VTD_FR_CONTEXT_RESERVED;
	if (levels == 0 || tt == 3 ||
	    (tt == VTD_TT_PASS && !has(chain, VTD_PT)) ||
	    (tt == VTD_TT_DEVICE_TLB && !has(chain, VTD_DT)))
		return VTD_FR_CONTEXT_INVALID;
	word[0] |= (entry[0] & VTD_ADDR_MASK) | levels;
	if (tt == VTD_TT_PASS)
		word[0] |= SOURCE_PASS;
	if (tt == VTD_TT_DEVICE_TLB)
		word[0] |= SOURCE_DEVICE_TLB;
	word[1] = (uint16_t)(entry[1] >> VTD_CONTEXT_DID_SHIFT);
	return VTD_FR_NONE;
}

static enum vtd_reason read_context(const struct chain *chain, uint16_t sid,
				    uint64_t word[2])
{
	uint64_t at = (chain->gate & GATE_ROOT) + (sid >> 8) * VTD_ROOT_SIZE;
	uint64_t entry[2];

	if (read_words(chain, at, entry, 2) < 0)
		return VTD_FR_ROOT_ACCESS;
	if (!(entry[0] & VTD_P))
		return VTD_FR_ROOT_ABSENT;
	if ((entry[0] & (VTD_ROOT_RESERVED | chain->beyond)) || entry[1])
		return VTD_FR_ROOT_RESERVED;
	at = (entry[0] & VTD_ADDR_MASK) + (sid & 0xff) * VTD_CONTEXT_SIZE;
	if (read_words(chain, at, entry, 2) < 0)
		return VTD_FR_CONTEXT_ACCESS;
	if (entry[0] & VTD_FPD)
		word[0] |= SOURCE_QUIET;
	if (!(entry[0] & VTD_P))
		return VTD_FR_CONTEXT_ABSENT;
	return check_context(chain, entry, word);
}

/* ---- scalable mode ---- */

static uint64_t sm_context_reserved_0(const struct chain *chain)
{
	uint64_t mask = VTD_SM_CONTEXT_RESERVED_0 | chain->beyond |
			VTD_SM_CONTEXT_PRE | VTD_SM_CONTEXT_HPTE |
			VTD_SM_CONTEXT_EPTR;

	if (!has(chain, VTD_DT))
		mask |= VTD_SM_CONTEXT_DTE;
	if (!has(chain, VTD_PASID))
		mask |= VTD_SM_CONTEXT_PASIDE;
	return mask;
}

/* Section 9.4: a directory of 2^(PDTS + 7) entries of 64 PASIDs each. */
static bool pasid_fits(uint32_t pasid, unsigned int pdts)
{
	return pasid >> VTD_PASID_DIR_SHIFT < 1u << (pdts + 7);
}

static enum vtd_reason check_sm_context(const struct chain *chain,
					const uint64_t entry[4],
					uint64_t word[2])
{
	const uint32_t rid_pasid =
		(uint32_t)(entry[1] & VTD_SM_CONTEXT_RID_PASID);
	const unsigned int pdts =
		(unsigned int)(entry[0] >> VTD_SM_CONTEXT_PDTS_SHIFT) & 7;
	uint64_t reserved_1 = VTD_SM_CONTEXT_RESERVED_1 |
			      VTD_SM_CONTEXT_RID_PRIV;

	if (!has(chain, VTD_RPS))
		reserved_1 |= VTD_SM_CONTEXT_RID_PASID;
	if ((entry[0] & sm_context_reserved_0(chain)) ||
	    (entry[1] & reserved_1) || entry[2] || entry[3])
		return VTD_FR_SM_CONTEXT_RESERVED;
	if (!pasid_fits(rid_pasid, pdts))
		return VTD_FR_SM_CONTEXT_INVALID;
	word[0] |= (entry[0] & VTD_ADDR_MASK) | pdts;
	if (entry[0] & VTD_SM_CONTEXT_PASIDE)
		word[0] |= SOURCE_PASIDE;
	if (entry[0] & VTD_SM_CONTEXT_DTE)
		word[0] |= SOURCE_DEVICE_TLB;
	word[1] = (uint64_t)rid_pasid << SOURCE_PASID_SHIFT;
	return VTD_FR_NONE;
}

static enum vtd_reason read_sm_context(const struct chain *chain, uint16_t sid,
				       uint64_t word[2])
{
	uint64_t at = (chain->gate & GATE_ROOT) + (sid >> 8) * VTD_ROOT_SIZE;
	uint64_t entry[4], half;

	if (read_words(chain, at, entry, 2) < 0)
		return VTD_FR_SM_ROOT_ACCESS;
	half = entry[sid >> 7 & 1];
	if (!(half & VTD_P))
		return VTD_FR_SM_ROOT_ABSENT;
	if (half & (VTD_ROOT_RESERVED | chain->beyond))
		return VTD_FR_SM_ROOT_RESERVED;
	at = (half & VTD_ADDR_MASK) + (sid & 0x7f) * VTD_SM_CONTEXT_SIZE;
	if (read_words(chain, at, entry, 4) < 0)
		return VTD_FR_SM_CONTEXT_ACCESS;
	if (entry[0] & VTD_FPD)
		word[0] |= SOURCE_QUIET;
	if (!(entry[0] & VTD_P))
		return VTD_FR_SM_CONTEXT_ABSENT;
	return check_sm_context(chain, entry, word);
}

static bool pasid_entry_reserved(const struct chain *chain,
				 const uint64_t entry[8])
{
	uint64_t mask_0 = VTD_PASID_RESERVED_0 | chain->beyond |
			  VTD_PASID_SSADE;
	uint64_t mask_1 = VTD_PASID_RESERVED_1 | did_beyond(chain, 0);

	if (!has(chain, VTD_SSTS))
		mask_0 |= VTD_ADDR_MASK | UINT64_C(7) << VTD_PASID_AW_SHIFT;
	if (!has(chain, VTD_SC))
		mask_1 |= VTD_PASID_PGSNP;
	if (!has(chain, VTD_SMPWCS))
		mask_1 |= VTD_PASID_PWSNP;
	return (entry[0] & mask_0) || (entry[1] & mask_1) ||
	       (entry[2] & ~VTD_PASID_IGNORED_2) || entry[3] || entry[4] ||
	       entry[5] || entry[6] || entry[7];
}

static enum vtd_reason check_pasid_entry(const struct chain *chain,
					 const uint64_t entry[8],
					 uint64_t word[2])
{
	const unsigned int pgtt =
		(unsigned int)(entry[0] >> VTD_PASID_PGTT_SHIFT) & 7;
	const unsigned int levels = levels_of(
		chain, (unsigned int)(entry[0] >> VTD_PASID_AW_SHIFT) & 7);

	if (pasid_entry_reserved(chain, entry))
		return VTD_FR_PASID_RESERVED;
	if (pgtt == VTD_PGTT_PASS && has(chain, VTD_PT))
		word[0] |= SOURCE_PASS;
	else if (pgtt == VTD_PGTT_SECOND && has(chain, VTD_SSTS) && levels)
		word[0] |= (entry[0] & VTD_ADDR_MASK) | levels;
	else
		return VTD_FR_PASID_INVALID;
	word[1] = (uint16_t)entry[1];
	return VTD_FR_NONE;
}

static enum vtd_reason read_pasid(const struct chain *chain, uint64_t directory,
				  uint32_t pasid, uint64_t word[2])
{
	uint64_t at = directory + (uint64_t)(pasid >> VTD_PASID_DIR_SHIFT) * 8;
	uint64_t entry[8];

	if (read_words(chain, at, entry, 1) < 0)
		return VTD_FR_PASID_DIR_ACCESS;
	if (entry[0] & VTD_FPD)
		word[0] |= SOURCE_QUIET;
	if (!(entry[0] & VTD_P))
		return VTD_FR_PASID_DIR_ABSENT;
	if (entry[0] & (VTD_PASID_DIR_RESERVED | chain->beyond))
		return VTD_FR_PASID_DIR_RESERVED;
	at = (entry[0] & VTD_ADDR_MASK) + (pasid & 63) * VTD_PASID_SIZE;
	if (read_words(chain, at, entry, 8) < 0)
		return VTD_FR_PASID_ACCESS;
	if (entry[0] & VTD_FPD)
		word[0] |= SOURCE_QUIET;
	if (!(entry[0] & VTD_P))
		return VTD_FR_PASID_ABSENT;
	return check_pasid_entry(chain, entry, word);
}

/* ---- caches ---- */

/* Only what nothing was flushed after. A fault is kept under domain 0. */
static void keep(const struct chain *chain, struct memo *memo, uint64_t key,
		 uint64_t word[2], enum vtd_reason reason)
{
	struct vtd_unit *unit = chain->unit;

	if (reason && !has(chain, VTD_CM))
		return;
	if (reason) {
		word[0] &= SOURCE_QUIET;
		word[1] = (uint64_t)reason << SOURCE_REASON_SHIFT;
	}
	unit_lock(unit);
	if (atomic_load(&unit->generation) == chain->generation)
		memo_insert(memo, key, word);
	unit_unlock(unit);
}

static enum vtd_reason find_context(const struct chain *chain, bool scalable,
				    uint16_t sid, uint64_t word[2])
{
	struct memo *memo = &chain->unit->contexts;
	enum vtd_reason reason;

	if (memo_find(memo, context_key(sid), word))
		return (enum vtd_reason)(word[1] >> SOURCE_REASON_SHIFT);
	word[0] = word[1] = 0;
	reason = scalable ? read_sm_context(chain, sid, word)
			  : read_context(chain, sid, word);
	keep(chain, memo, context_key(sid), word, reason);
	return reason;
}

static enum vtd_reason find_pasid(const struct chain *chain, uint16_t sid,
				  uint64_t directory, uint32_t pasid,
				  uint64_t word[2])
{
	struct memo *memo = &chain->unit->pasids;
	enum vtd_reason reason;

	if (memo_find(memo, pasid_key(sid, pasid), word))
		return (enum vtd_reason)(word[1] >> SOURCE_REASON_SHIFT);
	word[0] = word[1] = 0;
	reason = read_pasid(chain, directory, pasid, word);
	keep(chain, memo, pasid_key(sid, pasid), word, reason);
	return reason;
}

/* ---- the whole ---- */

static void unpack(const uint64_t word[2], struct unit_path *path)
{
	path->top = word[0] & VTD_ADDR_MASK;
	path->levels = word[0] & SOURCE_LEVELS;
	path->did = (uint16_t)word[1];
	path->pass = word[0] & SOURCE_PASS;
	path->quiet |= (word[0] & SOURCE_QUIET) != 0;
}

static enum vtd_reason legacy(const struct chain *chain,
			      const struct vtd_request *request,
			      struct unit_path *path)
{
	enum vtd_reason reason;
	uint64_t word[2];

	if (request->has_pasid)
		return VTD_FR_PASID_IN_LEGACY;
	reason = find_context(chain, false, request->sid, word);
	path->quiet = word[0] & SOURCE_QUIET;
	if (reason)
		return reason;
	unpack(word, path);
	path->device_tlb = word[0] & SOURCE_DEVICE_TLB;
	if (request->at != VTD_AT_UNTRANSLATED && !path->device_tlb)
		return VTD_FR_BLOCKED;
	return VTD_FR_NONE;
}

/* What a scalable context entry says to this request. */
static enum vtd_reason admit(const struct chain *chain,
			     const struct vtd_request *request,
			     const uint64_t word[2])
{
	const uint32_t rid_pasid =
		(uint32_t)((word[1] & SOURCE_PASID) >> SOURCE_PASID_SHIFT);
	const unsigned int pss =
		(unsigned int)vtd_field(&chain->unit->caps, VTD_PSS) + 1;

	if (request->at != VTD_AT_UNTRANSLATED && !(word[0] & SOURCE_DEVICE_TLB))
		return VTD_FR_SM_NO_DEVICE_TLB;
	if (!request->has_pasid)
		return VTD_FR_NONE;
	if (request->at != VTD_AT_TRANSLATED && !(word[0] & SOURCE_PASIDE))
		return VTD_FR_SM_NO_PASID;
	if (request->pasid >> pss)
		return VTD_FR_SM_PASID_TOO_WIDE;
	if (!pasid_fits(request->pasid, word[0] & SOURCE_PDTS))
		return VTD_FR_SM_PASID_BEYOND;
	if (request->pasid == rid_pasid)
		return VTD_FR_SM_PASID_IS_RID;
	if (request->at == VTD_AT_TRANSLATED)
		return VTD_FR_SM_NO_TRANSLATED_PASID;
	return VTD_FR_NONE;
}

static enum vtd_reason scalable(const struct chain *chain,
				const struct vtd_request *request,
				struct unit_path *path)
{
	enum vtd_reason reason;
	uint64_t directory;
	uint64_t word[2];

	reason = find_context(chain, true, request->sid, word);
	path->quiet = word[0] & SOURCE_QUIET;
	if (!reason)
		reason = admit(chain, request, word);
	if (reason)
		return reason;
	directory = word[0] & VTD_ADDR_MASK;
	path->device_tlb = word[0] & SOURCE_DEVICE_TLB;
	path->pasid = request->has_pasid
			      ? request->pasid
			      : (uint32_t)((word[1] & SOURCE_PASID) >>
					   SOURCE_PASID_SHIFT);
	reason = find_pasid(chain, request->sid, directory, path->pasid, word);
	unpack(word, path);
	return reason;
}

static __attribute__((noinline)) enum vtd_reason
source_slowly(struct vtd_unit *unit, uint64_t gate,
	      const struct vtd_request *request, struct unit_path *ret_path)
{
	const struct chain chain = {
		.unit = unit,
		.gate = gate,
		.generation = atomic_load(&unit->generation),
		.beyond = VTD_BITS(63, unit->host_bits),
	};

	*ret_path = (struct unit_path) { 0 };
	switch (gate >> GATE_TTM_SHIFT & 3) {
	case VTD_RTADDR_TTM_LEGACY:
		return legacy(&chain, request, ret_path);
	case VTD_RTADDR_TTM_SCALABLE:
		if (has(&chain, VTD_SMTS))
			return scalable(&chain, request, ret_path);
		return VTD_FR_TTM;
	case VTD_RTADDR_TTM_ABORT:
		return has(&chain, VTD_ADMS) ? VTD_FR_ABORT_MODE : VTD_FR_TTM;
	default:
		return VTD_FR_TTM;
	}
}

/* Most often: legacy mode, and a context entry that is known and good. */
enum vtd_reason unit_source(struct vtd_unit *unit, uint64_t gate,
			    const struct vtd_request *request,
			    struct unit_path *ret_path)
{
	uint64_t word[MEMO_WORDS];

	if ((gate >> GATE_TTM_SHIFT & 3) != VTD_RTADDR_TTM_LEGACY ||
	    request->has_pasid || request->at != VTD_AT_UNTRANSLATED ||
	    !memo_find(&unit->contexts, context_key(request->sid), word) ||
	    word[1] >> SOURCE_REASON_SHIFT)
		return source_slowly(unit, gate, request, ret_path);
	*ret_path = (struct unit_path) { 0 };
	unpack(word, ret_path);
	ret_path->device_tlb = word[0] & SOURCE_DEVICE_TLB;
	return VTD_FR_NONE;
}
