// SPDX-License-Identifier: GPL-2.0-or-later
/* The clock for deadlines and durations: CLOCK_MONOTONIC, nothing else. */
#include <time.h>

#include "common/clock.h"

uint64_t moat_now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

void moat_sleep_ms(unsigned int ms)
{
	const struct timespec pause = {
		.tv_sec = ms / 1000,
		.tv_nsec = (long)(ms % 1000 * NS_PER_MS),
	};

	(void)nanosleep(&pause, NULL);
}
