/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CMOS indices and bits of the real time clock.
 * Source: Motorola MC146818A data sheet; the century is at 0x32 as PCs have
 * it, which the FADT's CENTURY field says.
 */
#ifndef MOAT_VMM_RTC_REGS_H
#define MOAT_VMM_RTC_REGS_H

#define RTC_CMOS_SIZE 128 /* a power of two */

#define RTC_SECONDS   0x00
#define RTC_MINUTES   0x02
#define RTC_HOURS     0x04
#define RTC_WEEKDAY   0x06
#define RTC_DAY	      0x07
#define RTC_MONTH     0x08
#define RTC_YEAR      0x09
#define RTC_A	      0x0a
#define RTC_B	      0x0b
#define RTC_C	      0x0c
#define RTC_D	      0x0d
#define RTC_CENTURY   0x32

#define RTC_HOUR_PM   0x80 /* in 12-hour form */

#define RTC_A_UIP     0x80
#define RTC_A_32KHZ   0x26 /* the divider for 32.768 kHz, 1024 Hz rate */

#define RTC_B_SET     0x80
#define RTC_B_BINARY  0x04
#define RTC_B_24H     0x02

#define RTC_D_VALID   0x80

#endif /* MOAT_VMM_RTC_REGS_H */
