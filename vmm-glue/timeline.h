/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When each phase of a start was reached: -timeline FILE. Marks may come
 * from any thread; the first mark of a phase counts.
 */
#ifndef MOAT_VMM_TIMELINE_H
#define MOAT_VMM_TIMELINE_H

#include <stdint.h>

#include <moat/err.h>

enum timeline_phase {
	TIMELINE_EXEC, /* the kernel's start time of the process */
	TIMELINE_PARSED,
	TIMELINE_VM_READY,
	TIMELINE_DEVICES_OPEN,
	TIMELINE_RAM_READY,    /* populated */
	TIMELINE_MAPPED,       /* in the I/O address space */
	TIMELINE_FIRST_ENTRY,  /* first KVM_RUN */
	TIMELINE_FIRST_SERIAL, /* first byte the guest wrote */
	TIMELINE_N,
};

void timeline_mark(enum timeline_phase phase);

/** timeline_mark_at() - as above, with the CLOCK_MONOTONIC time in ns */
void timeline_mark_at(enum timeline_phase phase, uint64_t ns);

/** timeline_ns() - when, CLOCK_MONOTONIC in ns; 0 when not reached yet */
uint64_t timeline_ns(enum timeline_phase phase);

/**
 * timeline_check() - can @path be written? Makes it when it is not there
 *
 * For the start, so that a bad path is found before anything is changed.
 */
int timeline_check(const char *path, struct moat_err *err);

/** timeline_write() - the marks as JSON, with @extra key/ns pairs of maps */
int timeline_write(const char *path, uint64_t map_calls, uint64_t map_kernel_ns,
		   uint64_t map_total_ns, struct moat_err *err);

#endif /* MOAT_VMM_TIMELINE_H */
