/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For dma=none: who dies while a device transfers gives its memory back to
 * the host, and the device goes on writing there. So the work is done by a
 * child, and its parent holds the memory until the device is quiet.
 */
#ifndef MOAT_BENCH_KEEPER_H
#define MOAT_BENCH_KEEPER_H

#include <stdbool.h>

#include <moat/bdf.h>
#include <moat/err.h>

/**
 * bench_keep() - call @work in a child that shares this process's memfds
 * @work: as a program's; it prints its own errors
 *
 * Memory for DMA exists before, shared and pinned; the caller gives it back
 * after. While the child lives, signals that end programs only make
 * bench_stopped() true in it. Return: @work's result, or -EINTR when the
 * child was killed; the device's bus mastering is off then.
 */
int bench_keep(struct moat_bdf bdf, int (*work)(void *opaque), void *opaque,
	       struct moat_err *err);

/** bench_catch_signals() - from now on they only make bench_stopped() true */
void bench_catch_signals(void);

/** bench_stopped() - the user wants an end; asked between samples */
bool bench_stopped(void);

#endif /* MOAT_BENCH_KEEPER_H */
