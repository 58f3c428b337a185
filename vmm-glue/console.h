/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Between serial.c and console.c: bytes both ways, and who waits for whom.
 *
 * Locking: the console calls its peer with only its peer lock held; the peer
 * may hold its own lock when it calls console_put() and console_resume(),
 * but not when it calls console_attach(). So: peer lock, peer's own lock,
 * output lock.
 */
#ifndef MOAT_VMM_CONSOLE_H
#define MOAT_VMM_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct console;

struct console_peer {
	/*
	 * receive() - take input for the guest
	 * Return: how many bytes were taken. Less than @n: the rest is held
	 * back until console_resume().
	 */
	size_t (*receive)(void *opaque, const uint8_t *buf, size_t n);
	/* drained() - after console_put() said false, there is room again */
	void (*drained)(void *opaque);
};

/**
 * console_attach() - from now on, this is who gets input
 * @peer: NULL detaches: no call to the earlier peer is under way after it
 */
void console_attach(struct console *console, const struct console_peer *peer,
		    void *opaque);

/**
 * console_put() - one byte of output
 *
 * Bytes are gathered to lines, or for a few milliseconds.
 * Return: false when there is no room: whoever reads the output is slow. Then
 * drained() follows.
 */
bool console_put(struct console *console, uint8_t byte);

/** console_resume() - receive() would take bytes again */
void console_resume(struct console *console);

#endif /* MOAT_VMM_CONSOLE_H */
