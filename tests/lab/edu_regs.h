/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QEMU's educational PCI device, 1234:11e8. Source: QEMU docs/specs/edu.rst. */
#ifndef MOAT_TESTS_EDU_REGS_H
#define MOAT_TESTS_EDU_REGS_H

#define EDU_BAR_SIZE	  0x100000
#define EDU_ID		  0x00
#define EDU_LIVENESS	  0x04
#define EDU_DMA_SRC	  0x80
#define EDU_DMA_DST	  0x88
#define EDU_DMA_COUNT	  0x90
#define EDU_DMA_CMD	  0x98
#define EDU_BUFFER	  0x40000 /* in the device's addresses */
#define EDU_BUFFER_LEN	  4096

#define EDU_DMA_START	  0x1u /* in the command register; busy while set */
#define EDU_DMA_TO_MEMORY 0x2u

#endif /* MOAT_TESTS_EDU_REGS_H */
