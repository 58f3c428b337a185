/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ACPI fixed hardware at LAYOUT_PORT_PM and the reset control register.
 * pm.c answers for them, acpi.c's FADT and dsdt.asl tell the guest of them.
 * Source: ACPI 6.3 section 4.8.3 "Fixed Hardware Registers"; for the reset
 * control register, Intel 100 Series PCH datasheet vol. 2 (RST_CNT).
 */
#ifndef MOAT_VMM_PM_REGS_H
#define MOAT_VMM_PM_REGS_H

/* Offsets from LAYOUT_PORT_PM. */
#define PM1_STS	    0x0
#define PM1_EN	    0x2
#define PM1_EVT_LEN 4
#define PM1_CNT	    0x4
#define PM1_CNT_LEN 2
#define PM_TMR	    0x8
#define PM_TMR_LEN  4
#define PM_PORTS    0x10

#define PM1_TMR_STS (1u << 0) /* the timer's top bit has changed */
#define PM1_TMR_EN  (1u << 0)
#define PM1_GBL_EN  (1u << 5)
#define PM1_RTC_EN  (1u << 10)

/*
 * What an operating system may turn on. The last two never happen here, but
 * Linux turns them on all the same, and complains when they do not hold.
 */
#define PM1_EN_WRITABLE	  (PM1_TMR_EN | PM1_GBL_EN | PM1_RTC_EN)

#define PM1_SCI_EN	  (1u << 0)
#define PM1_BM_RLD	  (1u << 1)
#define PM1_SLP_TYP_SHIFT 10
#define PM1_SLP_TYP	  (7u << PM1_SLP_TYP_SHIFT)
#define PM1_SLP_EN	  (1u << 13)

#define PM_SLP_TYP_S5	  5u /* \_S5 in dsdt.asl says the same */

#define PM_TMR_HZ	  3579545u

/* Port 0xcf9: a rising RST_CPU resets; the other two say how hard. */
#define RST_SYS	      (1u << 1)
#define RST_CPU	      (1u << 2)
#define RST_FULL      (1u << 3)
#define RST_NOW_VALUE (RST_SYS | RST_CPU) /* FADT RESET_VALUE */

/* Keyboard controller: its only command here pulses the reset line. */
#define I8042_COMMAND_PORT 0x64
#define I8042_PULSE_RESET  0xfe

#endif /* MOAT_VMM_PM_REGS_H */
