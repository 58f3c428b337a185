/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guard: a process that outlives this one for as long as it takes to stop
 * devices with dma=none, and keeps guest RAM from everybody else until then.
 *
 * When a process dies its memory goes before its files, so a device without
 * an IOMMU would go on writing into pages that are somebody else's already.
 * The guard has copies of the files that hold the pages, and of those that
 * stop the devices. It learns of the death by the end of a socket.
 *
 * One thread, the one that made it, may call these.
 */
#ifndef MOAT_VMM_GUARD_H
#define MOAT_VMM_GUARD_H

#include <stdbool.h>
#include <stddef.h>

#include <moat/device.h>
#include <moat/err.h>

struct guard;

#define GUARD_MEMORY_FDS 2

struct guard_config {
	int memory_fd[GUARD_MEMORY_FDS]; /* of the files that hold guest RAM */
	/* 0 stands for what suits a machine. */
	unsigned int silence_ms; /* of a device, that is then taken for gone */
	unsigned int answer_ms;	 /* the longest wait for an answer */
};

/**
 * guard_start() - make the process
 *
 * While there is no other thread, since it is a fork. It has these files and
 * standard error, nothing else of this process. It is in a session of its own.
 */
int guard_start(const struct guard_config *config, struct guard **ret_guard,
		struct moat_err *err);

/**
 * guard_add() - from now on it would stop this device
 * @name:   for its messages
 * @ret_id: for guard_drop()
 *
 * Copies of its files are kept on this side, too, for guard_settle().
 */
int guard_add(struct guard *guard, const char *name,
	      const struct moat_device_hold *hold, unsigned int *ret_id,
	      struct moat_err *err);

/**
 * guard_drop() - the device has been stopped, and is about to be closed
 *
 * When this returns there is no copy of its files any more, unless the guard
 * does not answer.
 */
void guard_drop(struct guard *guard, unsigned int id);

/** guard_fd() - poll(2) it for POLLIN and POLLHUP: then it is dead */
int guard_fd(const struct guard *guard);

/**
 * guard_settle() - before guest RAM is given up; NULL is fine
 *
 * Devices that are not dropped are left to the guard. If it is dead they are
 * stopped here, however long that takes.
 */
void guard_settle(struct guard *guard);

/**
 * guard_stop() - NULL is fine
 *
 * If it has devices still, it stops them, and keeps guest RAM until then;
 * this does not wait for it.
 */
void guard_stop(struct guard *guard);

#endif /* MOAT_VMM_GUARD_H */
