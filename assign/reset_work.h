/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Resets in the kernel, beside each other and with a deadline.
 *
 * A reset is one ioctl that takes 100 ms where all is well and a minute where
 * a device does not come back, and nothing interrupts it. So each runs on a
 * thread of its own, and who waits for it can give up waiting.
 */
#ifndef MOAT_ASSIGN_RESET_WORK_H
#define MOAT_ASSIGN_RESET_WORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "assign/host_device.h"

/* Group files that prove whose the devices of a bus are. */
#define RESET_GROUPS_MAX 32

struct reset_job {
	struct host_device *host;
	bool bus; /* all on its bus, else the function alone */
	int group_fd[RESET_GROUPS_MAX];
	size_t n_groups;
};

struct reset_work;

/** reset_work_new() - room for @n jobs; NULL: out of memory */
struct reset_work *reset_work_new(size_t n);

/** reset_work_add() - one more job, before the start. Return: its number. */
size_t reset_work_add(struct reset_work *work, const struct reset_job *job);

/**
 * reset_work_start() - begin all of them
 *
 * What belongs to a job's host device stays until the job is done. Without a
 * thread for it, a job is done when this returns.
 */
void reset_work_start(struct reset_work *work);

/**
 * reset_work_wait() - until all are done, but not past @until_ns
 * @hurry: asked now and then; once true, @hurry_ms more are waited at most
 *
 * Return: all are done.
 */
bool reset_work_wait(struct reset_work *work, uint64_t until_ns,
		     bool (*hurry)(void *opaque), void *opaque,
		     unsigned int hurry_ms);

/** reset_work_result() - is job @i done? Then with what errno, or 0? */
bool reset_work_result(struct reset_work *work, size_t i, int *ret_result);

/* Whoever still wants a result holds a reference; the threads have theirs. */
struct reset_work *reset_work_get(struct reset_work *work);
void reset_work_put(struct reset_work *work);

#endif /* MOAT_ASSIGN_RESET_WORK_H */
