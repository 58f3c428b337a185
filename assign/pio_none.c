// SPDX-License-Identifier: GPL-2.0-or-later
/* An architecture without port instructions. */
#include <errno.h>
#include <stdlib.h>

#include "assign/ports.h"

static int none_permit(uint16_t first, unsigned int len, bool on)
{
	(void)first;
	(void)len;
	(void)on;
	return -ENOTSUP;
}

/* Nobody gets here, since nobody is permitted. */
static uint32_t none_in(uint16_t port, unsigned int size)
{
	(void)port;
	(void)size;
	abort();
}

static void none_out(uint16_t port, unsigned int size, uint32_t value)
{
	(void)port;
	(void)size;
	(void)value;
	abort();
}

static void none_relax(void)
{
}

const struct pio_ops pio_host_ops = {
	.permit = none_permit,
	.in = none_in,
	.out = none_out,
	.relax = none_relax,
};
