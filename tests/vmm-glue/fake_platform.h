/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine that only writes down what its devices ask of it. */
#ifndef MOAT_TESTS_FAKE_PLATFORM_H
#define MOAT_TESTS_FAKE_PLATFORM_H

#include <stdatomic.h>

#include "vmm-glue/platform.h"

struct fake_platform {
	struct iobus pio;
	atomic_int requests[3]; /* by enum machine_request */
	atomic_int level[24], raised[24];
	atomic_int first_bytes;
	struct platform_ops ops;
};

static inline void fake_request(void *opaque, enum machine_request request)
{
	struct fake_platform *fake = opaque;

	atomic_fetch_add(&fake->requests[request], 1);
}

static inline void fake_irq_line(void *opaque, unsigned int gsi, int level)
{
	struct fake_platform *fake = opaque;

	if (level && !atomic_load(&fake->level[gsi]))
		atomic_fetch_add(&fake->raised[gsi], 1);
	atomic_store(&fake->level[gsi], level);
}

static inline void fake_first_byte(void *opaque)
{
	struct fake_platform *fake = opaque;

	atomic_fetch_add(&fake->first_bytes, 1);
}

static inline void fake_platform_init(struct fake_platform *fake)
{
	*fake = (struct fake_platform) { 0 };
	fake->ops = (struct platform_ops) {
		.request = fake_request,
		.irq_line = fake_irq_line,
		.first_serial_byte = fake_first_byte,
		.opaque = fake,
	};
	(void)iobus_init(&fake->pio);
}

#endif /* MOAT_TESTS_FAKE_PLATFORM_H */
