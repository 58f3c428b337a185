/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How context, PASID and interrupt entries are packed into the caches of
 * memo.h. For the unit_*.c files only.
 *
 * Keys are never 0. A path's words: [0] the table's address and SOURCE_*
 * bits below; [1] DID, the PASID, and the fault that it is, if it is one.
 */
#ifndef MOAT_VTD_UNIT_SOURCE_H
#define MOAT_VTD_UNIT_SOURCE_H

#include <stdint.h>

#include "iommu/vtd/memo.h"

#define KEY_VALID UINT64_C(1)

static inline uint64_t context_key(uint16_t sid)
{
	return (uint64_t)sid << 1 | KEY_VALID;
}

static inline uint16_t context_key_sid(uint64_t key)
{
	return (uint16_t)(key >> 1);
}

static inline uint64_t pasid_key(uint16_t sid, uint32_t pasid)
{
	return (uint64_t)pasid << 17 | (uint64_t)sid << 1 | KEY_VALID;
}

static inline uint32_t pasid_key_pasid(uint64_t key)
{
	return (uint32_t)(key >> 17);
}

static inline uint64_t irte_key(uint32_t index)
{
	return (uint64_t)index << 1 | KEY_VALID;
}

static inline uint32_t irte_key_index(uint64_t key)
{
	return (uint32_t)(key >> 1);
}

static inline uint16_t context_did(const uint64_t word[MEMO_WORDS])
{
	return (uint16_t)word[1];
}

#endif /* MOAT_VTD_UNIT_SOURCE_H */
