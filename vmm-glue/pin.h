/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory that the kernel must not move: pinned for long, as buffers
 * registered with an io_uring. mlock() keeps a page in memory, but not where
 * it is: compaction and move_pages(2) move it.
 */
#ifndef MOAT_VMM_PIN_H
#define MOAT_VMM_PIN_H

#include <stdint.h>

#include <moat/err.h>

/**
 * pin_memory() - pin [@base, @base + @len)
 * @ret_fd: the pages stay where they are until the last copy of it is closed
 *
 * Pinning may itself move a page, out of memory that the host wants to be
 * able to take away: so look where they are afterwards.
 * Return: 0, -ENOSYS (the kernel has no io_uring), -EPERM (it is forbidden),
 * -ENOMEM (memlock, or no memory), with what to do in @err.
 */
int pin_memory(void *base, uint64_t len, int *ret_fd, struct moat_err *err);

#endif /* MOAT_VMM_PIN_H */
