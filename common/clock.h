/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOAT_COMMON_CLOCK_H
#define MOAT_COMMON_CLOCK_H

#include <stdint.h>

#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S  UINT64_C(1000000000)

/** moat_now_ns() - time that only goes forward; says nothing of the date */
uint64_t moat_now_ns(void);

/** moat_sleep_ms() - pause the calling thread; a signal may cut it short */
void moat_sleep_ms(unsigned int ms);

#endif /* MOAT_COMMON_CLOCK_H */
