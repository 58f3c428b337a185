/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every vCPU thread has to do before it enters the guest: the engine's
 * struct moat_vcpu_work, and how to have running vCPUs come for it.
 *
 * Locking: one mutex, held while work runs, so that what is removed runs
 * nowhere. A work takes no lock.
 */
#ifndef MOAT_VMM_VCPU_WORK_H
#define MOAT_VMM_VCPU_WORK_H

#include <pthread.h>
#include <stddef.h>

#include <moat/vmm.h>

#include "common/opt.h"

/* One a device is enough. */
#define VCPU_WORK_MAX OPT_LIST_MAX

struct vcpu_work {
	pthread_mutex_t lock;
	const struct moat_vcpu_work *work[VCPU_WORK_MAX];
	size_t n;
	void (*kick)(void *opaque); /* NULL: there are no vCPUs */
	void *opaque;
};

int vcpu_work_init(struct vcpu_work *list);
void vcpu_work_fini(struct vcpu_work *list);

/** vcpu_work_add() - 0, or -ENOSPC */
int vcpu_work_add(struct vcpu_work *list, const struct moat_vcpu_work *work);
void vcpu_work_remove(struct vcpu_work *list,
		      const struct moat_vcpu_work *work);

/** vcpu_work_do() - on a vCPU thread; all of it */
void vcpu_work_do(struct vcpu_work *list);

/** vcpu_work_set_kick() - how vCPUs are made to come; NULL: there are none */
void vcpu_work_set_kick(struct vcpu_work *list, void (*kick)(void *opaque),
			void *opaque);

/** vcpu_work_kick() - have all vCPU threads do the work soon; waits for none */
void vcpu_work_kick(struct vcpu_work *list);

#endif /* MOAT_VMM_VCPU_WORK_H */
