/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A remapping unit's registers and what they point to: offsets, fields, and
 * the encodings that software and hardware exchange.
 * Source: VT-d rev 5.10 chapter 11; section 6.5.2 for descriptors.
 */
#ifndef MOAT_VTD_UNIT_REGS_H
#define MOAT_VTD_UNIT_REGS_H

#include <stdint.h>

/* Offsets; FRCD, IVA and IOTLB are where CAP and ECAP say. */
#define VTD_REG_VER	0x00
#define VTD_REG_CAP	0x08
#define VTD_REG_ECAP	0x10
#define VTD_REG_GCMD	0x18
#define VTD_REG_GSTS	0x1c
#define VTD_REG_RTADDR	0x20
#define VTD_REG_CCMD	0x28
#define VTD_REG_FSTS	0x34
#define VTD_REG_FECTL	0x38
#define VTD_REG_FEDATA	0x3c
#define VTD_REG_FEADDR	0x40
#define VTD_REG_FEUADDR 0x44
#define VTD_REG_PMEN	0x64
#define VTD_REG_IQH	0x80
#define VTD_REG_IQT	0x88
#define VTD_REG_IQA	0x90
#define VTD_REG_ICS	0x9c
#define VTD_REG_IECTL	0xa0
#define VTD_REG_IEDATA	0xa4
#define VTD_REG_IEADDR	0xa8
#define VTD_REG_IEUADDR 0xac
#define VTD_REG_IQERCD	0xb0
#define VTD_REG_IRTA	0xb8
#define VTD_REG_FIXED	0xc0 /* the end of those at fixed places */

/* GCMD_REG and GSTS_REG, sections 11.4.4.1 and 11.4.4.2. */
#define VTD_GCMD_TE    (UINT32_C(1) << 31)
#define VTD_GCMD_SRTP  (UINT32_C(1) << 30)
#define VTD_GCMD_QIE   (UINT32_C(1) << 26)
#define VTD_GCMD_IRE   (UINT32_C(1) << 25)
#define VTD_GCMD_SIRTP (UINT32_C(1) << 24)
#define VTD_GCMD_CFI   (UINT32_C(1) << 23)

/* RTADDR_REG, section 11.4.5. */
#define VTD_RTADDR_TTM_SHIFT	10
#define VTD_RTADDR_TTM_LEGACY	0u
#define VTD_RTADDR_TTM_SCALABLE 1u
#define VTD_RTADDR_TTM_RESERVED 2u
#define VTD_RTADDR_TTM_ABORT	3u

/* CCMD_REG, section 11.4.6.1, and IOTLB_REG, section 11.4.6.3. */
#define VTD_CCMD_ICC	     (UINT64_C(1) << 63)
#define VTD_CCMD_CIRG_SHIFT  61
#define VTD_CCMD_CAIG_SHIFT  59
#define VTD_IOTLB_IVT	     (UINT64_C(1) << 63)
#define VTD_IOTLB_IIRG_SHIFT 60
#define VTD_IOTLB_IAIG_SHIFT 57
#define VTD_IOTLB_DID_SHIFT  32
#define VTD_IVA_IH	     (UINT64_C(1) << 6)
#define VTD_IVA_AM	     UINT64_C(0x3f)

/* Granularities: CIRG, IIRG, and G of their descriptors. */
#define VTD_INV_GLOBAL 1u
#define VTD_INV_DOMAIN 2u
#define VTD_INV_DEVICE 3u /* of context-cache invalidation */
#define VTD_INV_PAGE   3u /* of IOTLB invalidation */

/* FSTS_REG, section 11.4.7.1. */
#define VTD_FSTS_PFO	   (UINT32_C(1) << 0)
#define VTD_FSTS_PPF	   (UINT32_C(1) << 1)
#define VTD_FSTS_IQE	   (UINT32_C(1) << 4)
#define VTD_FSTS_ICE	   (UINT32_C(1) << 5)
#define VTD_FSTS_ITE	   (UINT32_C(1) << 6)
#define VTD_FSTS_FRI_SHIFT 8

/* FECTL_REG and IECTL_REG, sections 11.4.7.2 and 11.4.9.5. */
#define VTD_ECTL_IM (UINT32_C(1) << 31)
#define VTD_ECTL_IP (UINT32_C(1) << 30)

/* FRCD_REG, section 11.4.7.6; of its upper 64 bits. */
#define VTD_FRCD_F	     (UINT64_C(1) << 63)
#define VTD_FRCD_T1	     (UINT64_C(1) << 62)
#define VTD_FRCD_AT_SHIFT    60
#define VTD_FRCD_PV_SHIFT    40
#define VTD_FRCD_FR_SHIFT    32
#define VTD_FRCD_PP	     (UINT64_C(1) << 31)
#define VTD_FRCD_EXE	     (UINT64_C(1) << 30)
#define VTD_FRCD_PRIV	     (UINT64_C(1) << 29)
#define VTD_FRCD_T2	     (UINT64_C(1) << 28)
#define VTD_FRCD_SIZE	     16u
#define VTD_FRCD_INDEX_SHIFT 48 /* of the lower 64 bits: an interrupt's */

/* IQA_REG, section 11.4.9.3; ICS_REG, section 11.4.9.4. */
#define VTD_IQA_DW  (UINT64_C(1) << 11)
#define VTD_IQA_QS  UINT64_C(7)
#define VTD_ICS_IWC UINT32_C(1)

/* IQERCD_REG, section 11.4.9.9. */
#define VTD_IQEI_TAIL		1u
#define VTD_IQEI_FETCH		2u
#define VTD_IQEI_TYPE		3u
#define VTD_IQEI_RESERVED	4u
#define VTD_IQEI_WIDTH		5u
#define VTD_IQEI_UNALIGNED	6u
#define VTD_IQEI_TTM		7u
#define VTD_IQERCD_ITESID_SHIFT 32

/* IRTA_REG, section 11.4.10. */
#define VTD_IRTA_EIME (UINT64_C(1) << 11)
#define VTD_IRTA_S    UINT64_C(0xf)

/* Descriptors of the invalidation queue, sections 6.5.2.1 to 6.5.2.9. */
#define VTD_DESC_CONTEXT	  1u
#define VTD_DESC_IOTLB		  2u
#define VTD_DESC_DEVICE_TLB	  3u
#define VTD_DESC_IEC		  4u
#define VTD_DESC_WAIT		  5u
#define VTD_DESC_PASID_IOTLB	  6u
#define VTD_DESC_PASID_CACHE	  7u
#define VTD_DESC_PASID_DEVICE_TLB 8u

#define VTD_DESC_G_SHIFT	  4
#define VTD_DESC_DID_SHIFT	  16
#define VTD_DESC_SID_SHIFT	  32
#define VTD_DESC_FM_SHIFT	  48
#define VTD_DESC_PASID_SHIFT	  32
#define VTD_DESC_IEC_SELECTIVE	  (UINT64_C(1) << 4)
#define VTD_DESC_IEC_IM_SHIFT	  27
#define VTD_DESC_IEC_IIDX_SHIFT	  32
#define VTD_DESC_WAIT_IF	  (UINT64_C(1) << 4)
#define VTD_DESC_WAIT_SW	  (UINT64_C(1) << 5)
#define VTD_DESC_WAIT_FN	  (UINT64_C(1) << 6)
#define VTD_DESC_WAIT_DATA_SHIFT  32

#define VTD_PASID_CACHE_DOMAIN	  0u
#define VTD_PASID_CACHE_PASID	  1u
#define VTD_PASID_CACHE_GLOBAL	  3u
#define VTD_PASID_IOTLB_PASID	  2u
#define VTD_PASID_IOTLB_PAGE	  3u

/* Messages to the interrupt range, sections 5.1.2.1 and 5.1.2.2. */
#define VTD_MSI_FIRST	   UINT64_C(0xfee00000)
#define VTD_MSI_LAST	   UINT64_C(0xfeefffff)
#define VTD_MSI_REMAPPABLE (UINT64_C(1) << 4)
#define VTD_MSI_SHV	   (UINT64_C(1) << 3)
#define VTD_MSI_HANDLE_15  (UINT64_C(1) << 2)

#endif /* MOAT_VTD_UNIT_REGS_H */
