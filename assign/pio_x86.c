// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Port instructions of x86. ioperm(2) sets bits of the calling thread's own
 * I/O permission bitmap; threads that it starts later inherit a copy.
 */
#include <errno.h>
#include <sys/io.h>

#include "assign/ports.h"

static int x86_permit(uint16_t first, unsigned int len, bool on)
{
	return ioperm(first, len, on) < 0 ? -errno : 0;
}

static uint32_t x86_in(uint16_t port, unsigned int size)
{
	switch (size) {
	case 1:
		return inb(port);
	case 2:
		return inw(port);
	default:
		return inl(port);
	}
}

static void x86_out(uint16_t port, unsigned int size, uint32_t value)
{
	switch (size) {
	case 1:
		outb((uint8_t)value, port);
		break;
	case 2:
		outw((uint16_t)value, port);
		break;
	default:
		outl(value, port);
		break;
	}
}

static void x86_relax(void)
{
	__builtin_ia32_pause();
}

const struct pio_ops pio_host_ops = {
	.permit = x86_permit,
	.in = x86_in,
	.out = x86_out,
	.relax = x86_relax,
};
