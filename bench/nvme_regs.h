/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a driver of NVMe controllers reads and writes.
 * Source: NVM Express Base Specification 1.4: section 3 "Controller
 * Registers", 4 "Data Structures", 5 "Admin Command Set", 6 "NVM Command Set".
 */
#ifndef MOAT_BENCH_NVME_REGS_H
#define MOAT_BENCH_NVME_REGS_H

#include <assert.h>
#include <stdint.h>

/* Section 3.1. */
#define NVME_CAP	     0x00
#define NVME_CC		     0x14
#define NVME_CSTS	     0x1c
#define NVME_AQA	     0x24
#define NVME_ASQ	     0x28
#define NVME_ACQ	     0x30
#define NVME_DOORBELLS	     0x1000

#define NVME_CAP_MQES(cap)   ((unsigned int)(cap)&0xffff) /* less one */
#define NVME_CAP_TO_MS(cap)  (((unsigned int)((cap) >> 24) & 0xff) * 500)
#define NVME_CAP_DSTRD(cap)  ((unsigned int)((cap) >> 32) & 0xf)
#define NVME_CAP_MPSMIN(cap) ((unsigned int)((cap) >> 48) & 0xf)

#define NVME_CC_ENABLE	     1u
#define NVME_CC_SHUTDOWN     (1u << 14)
#define NVME_CC_ENTRIES	     (6u << 16 | 4u << 20) /* 64 and 16 bytes */
#define NVME_CSTS_READY	     1u
#define NVME_CSTS_FATAL	     2u
#define NVME_CSTS_SHUTDOWN   0xcu
#define NVME_CSTS_SHUT_DONE  0x8u

/* Sections 5 and 6. */
#define NVME_ADMIN_CREATE_SQ  0x01
#define NVME_ADMIN_CREATE_CQ  0x05
#define NVME_ADMIN_IDENTIFY   0x06
#define NVME_IO_WRITE	      0x01
#define NVME_IO_READ	      0x02

#define NVME_QUEUE_CONTIGUOUS 1u
#define NVME_QUEUE_INTERRUPTS 2u

/* Section 5.15.2, what is used of the two pages. */
#define NVME_ID_CTRL_SERIAL 4  /* 20 characters */
#define NVME_ID_CTRL_MODEL  24 /* 40 characters */
#define NVME_ID_CTRL_MDTS   77
#define NVME_ID_CTRL_SGLS   536 /* 4 bytes; bits 0 and 1: for transfers */
#define NVME_ID_NS_SIZE	    0	/* 8 bytes, in blocks */
#define NVME_ID_NS_FLBAS    26
#define NVME_ID_NS_LBAF	    128 /* 4 bytes each */

/* Section 4.4: instead of two PRPs, address and length of a data block. */
#define NVME_FLAGS_SGL 0x40

struct nvme_command {
	uint8_t opcode, flags;
	uint16_t id;
	uint32_t nsid;
	uint64_t reserved, metadata;
	uint64_t prp1, prp2;
	uint32_t dw10, dw11, dw12, dw13, dw14, dw15;
};
static_assert(sizeof(struct nvme_command) == 64, "section 4.2");

struct nvme_completion {
	uint32_t result, reserved;
	uint16_t sq_head, sq_id, id;
	uint16_t status; /* bit 0: phase */
};
static_assert(sizeof(struct nvme_completion) == 16, "section 4.6");

#endif /* MOAT_BENCH_NVME_REGS_H */
