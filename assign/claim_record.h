/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What must be put back for a function taken from its driver, on file. */
#ifndef MOAT_ASSIGN_CLAIM_RECORD_H
#define MOAT_ASSIGN_CLAIM_RECORD_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include <moat/bdf.h>
#include <moat/err.h>
#include <moat/host_pci.h>

#include "assign/unfenced.h"

struct moat_host;

/* A process; numbers are reused, so its start says which one is meant. */
struct claim_owner {
	int pid;		/* 0: nobody; stays until released by name */
	uint64_t start_jiffies; /* since boot, /proc/PID/stat's starttime */
};

struct claim_record {
	char driver[MOAT_DRIVER_MAX];	/* earlier driver; "" when none */
	char override[MOAT_DRIVER_MAX]; /* earlier driver_override; or "" */
	/* Earlier type of its IOMMU group; "" when that was not changed. */
	char group_type[GROUP_TYPE_MAX];
	struct claim_owner owner;
	bool put_off; /* the owner is done with it; its group is not free */
};

#define CLAIM_RECORD_TEXT_MAX 512

/** claim_record_parse() - read a record's text, strictly; 0 or -EINVAL */
int claim_record_parse(const char *text, struct claim_record *ret_rec);

/** claim_record_print() - the text that claim_record_parse() reads */
void claim_record_print(const struct claim_record *rec,
			char buf[CLAIM_RECORD_TEXT_MAX]);

/** claim_record_load() - Return: 0, -ENOENT when there is none, or -errno */
int claim_record_load(const struct moat_host *host, struct moat_bdf bdf,
		      struct claim_record *ret_rec, struct moat_err *err);

/**
 * claim_record_save() - write a record, whole or not at all
 *
 * It is on stable storage when this returns.
 */
int claim_record_save(const struct moat_host *host, struct moat_bdf bdf,
		      const struct claim_record *rec, struct moat_err *err);

int claim_record_remove(const struct moat_host *host, struct moat_bdf bdf,
			struct moat_err *err);

struct claim_lock {
	int fd;
	char path[PATH_MAX];
};

/**
 * claim_lock() - one function is bound and released by one at a time
 *
 * Makes the state directory where it is missing. Waits for whoever has the
 * lock, among threads as among processes, but not for ever.
 * Return: 0, -EBUSY, or why the state directory cannot be used.
 */
int claim_lock(const struct moat_host *host, struct moat_bdf bdf,
	       struct claim_lock *ret_lock, struct moat_err *err);

void claim_unlock(struct claim_lock *lock);

/** claim_self() - the calling process, as an owner */
int claim_self(const struct moat_host *host, struct claim_owner *ret_owner,
	       struct moat_err *err);

/** claim_owner_alive() - does it still run? Nobody and zombies do not. */
bool claim_owner_alive(const struct moat_host *host,
		       const struct claim_owner *owner);

static inline bool claim_owner_equal(const struct claim_owner *a,
				     const struct claim_owner *b)
{
	return a->pid == b->pid && a->start_jiffies == b->start_jiffies;
}

#endif /* MOAT_ASSIGN_CLAIM_RECORD_H */
