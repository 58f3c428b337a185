/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tables in memory: what the walker and the builder have in common, and
 * all that they have in common. Entries are little-endian; of those wider
 * than 64 bits, word 0 is bits 63:0.
 * Source: VT-d rev 5.10 chapter 9, Translation Structure Formats.
 */
#ifndef MOAT_VTD_TABLE_REGS_H
#define MOAT_VTD_TABLE_REGS_H

#include <stdint.h>

#define VTD_PAGE_SHIFT 12
#define VTD_PAGE_SIZE  (UINT64_C(1) << VTD_PAGE_SHIFT)
#define VTD_ADDR_MASK  (~(VTD_PAGE_SIZE - 1))
#define VTD_INDEX_BITS 9 /* of each level of paging tables */

/* Bits @high to @low, both inclusive. */
#define VTD_BITS(high, low) \
	((UINT64_MAX >> (63 - (high))) & (UINT64_MAX << (low)))

/* Present, and fault processing disable: of every entry below but paging's. */
#define VTD_P	(UINT64_C(1) << 0)
#define VTD_FPD (UINT64_C(1) << 1)

/* Root entry, section 9.1: two words; scalable, 9.2: a word for each half. */
#define VTD_ROOT_SIZE	  16u
#define VTD_ROOT_RESERVED VTD_BITS(11, 1)

/* Context entry, section 9.3: two words. */
#define VTD_CONTEXT_SIZE       16u
#define VTD_CONTEXT_TT_SHIFT   2
#define VTD_CONTEXT_RESERVED_0 VTD_BITS(11, 4)
#define VTD_CONTEXT_AW_MASK    UINT64_C(7)
#define VTD_CONTEXT_DID_SHIFT  8
#define VTD_CONTEXT_RESERVED_1 (VTD_BITS(63, 24) | VTD_BITS(7, 7))

#define VTD_TT_TRANSLATE       0u
#define VTD_TT_DEVICE_TLB      1u
#define VTD_TT_PASS	       2u

/* AW: 3 levels are 1, and each further level one more. */
#define VTD_AW_OF_LEVELS(levels)   ((levels)-2)
#define VTD_LEVELS_OF_AW(aw)	   ((aw) + 2)
#define VTD_BITS_OF_LEVELS(levels) (VTD_PAGE_SHIFT + VTD_INDEX_BITS * (levels))

/* Scalable-mode context entry, section 9.4: four words. */
#define VTD_SM_CONTEXT_SIZE	  32u
#define VTD_SM_CONTEXT_DTE	  (UINT64_C(1) << 2)
#define VTD_SM_CONTEXT_PASIDE	  (UINT64_C(1) << 3)
#define VTD_SM_CONTEXT_PRE	  (UINT64_C(1) << 4)
#define VTD_SM_CONTEXT_HPTE	  (UINT64_C(1) << 5)
#define VTD_SM_CONTEXT_EPTR	  (UINT64_C(1) << 6)
#define VTD_SM_CONTEXT_RESERVED_0 VTD_BITS(8, 7)
#define VTD_SM_CONTEXT_PDTS_SHIFT 9
#define VTD_SM_CONTEXT_RID_PASID  VTD_BITS(19, 0)
#define VTD_SM_CONTEXT_RID_PRIV	  (UINT64_C(1) << 20)
#define VTD_SM_CONTEXT_RESERVED_1 VTD_BITS(63, 21)

/* PASID directory entry, section 9.5: one word, for 64 PASIDs. */
#define VTD_PASID_DIR_SHIFT    6
#define VTD_PASID_DIR_RESERVED VTD_BITS(11, 2)

/* PASID table entry, section 9.6: eight words. */
#define VTD_PASID_SIZE	     64u
#define VTD_PASID_AW_SHIFT   2
#define VTD_PASID_PGTT_SHIFT 6
#define VTD_PASID_SSADE	     (UINT64_C(1) << 9)
#define VTD_PASID_RESERVED_0 (VTD_BITS(11, 10) | VTD_BITS(5, 5))
#define VTD_PASID_PWSNP	     (UINT64_C(1) << 23) /* word 1, as the next */
#define VTD_PASID_PGSNP	     (UINT64_C(1) << 24)
#define VTD_PASID_RESERVED_1 (VTD_BITS(63, 25) | VTD_BITS(22, 16))
#define VTD_PASID_IGNORED_2  VTD_BITS(6, 5)

#define VTD_PGTT_SECOND	     2u
#define VTD_PGTT_PASS	     4u

/* Second-stage paging entries, section 9.8. */
#define VTD_SS_R	  (UINT64_C(1) << 0)
#define VTD_SS_W	  (UINT64_C(1) << 1)
#define VTD_SS_PS	  (UINT64_C(1) << 7)  /* levels 2 and 3 */
#define VTD_SS_SNP	  (UINT64_C(1) << 11) /* leaves */
#define VTD_SS_ADDR	  VTD_BITS(51, 12)
#define VTD_SS_RESERVED	  VTD_BITS(62, 62) /* at every level */
#define VTD_SS_TABLE_RSVD VTD_BITS(11, 11)

/* Interrupt remapping table entry, section 9.9: two words. */
#define VTD_IRTE_SIZE	      16u
#define VTD_IRTE_DM	      (UINT64_C(1) << 2)
#define VTD_IRTE_RH	      (UINT64_C(1) << 3)
#define VTD_IRTE_TM	      (UINT64_C(1) << 4)
#define VTD_IRTE_DLM_SHIFT    5
#define VTD_IRTE_IM	      (UINT64_C(1) << 15)
#define VTD_IRTE_VECTOR_SHIFT 16
#define VTD_IRTE_DST_SHIFT    32
#define VTD_IRTE_RESERVED_0   (VTD_BITS(31, 24) | VTD_BITS(14, 12))
#define VTD_IRTE_RSVD_DST     (VTD_BITS(63, 48) | VTD_BITS(39, 32))
#define VTD_IRTE_SQ_SHIFT     16 /* word 1, as the next */
#define VTD_IRTE_SVT_SHIFT    18
#define VTD_IRTE_RESERVED_1   VTD_BITS(63, 20)

#define VTD_SVT_NONE	      0u
#define VTD_SVT_SID	      1u
#define VTD_SVT_BUS	      2u

#endif /* MOAT_VTD_TABLE_REGS_H */
