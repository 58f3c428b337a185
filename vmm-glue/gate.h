/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A gate that is opened once, for all who wait at it and all who come later. */
#ifndef MOAT_VMM_GATE_H
#define MOAT_VMM_GATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct gate {
	pthread_mutex_t lock; /* guards @opened's change */
	pthread_cond_t changed;
	atomic_bool opened;
};

/** gate_init() - closed. Return: 0 or a negative errno. */
int gate_init(struct gate *gate);

/** gate_fini() - nobody waits at it any more */
void gate_fini(struct gate *gate);

/** gate_open() - from any thread, any number of times */
void gate_open(struct gate *gate);

/** gate_pass() - wait until it is open; one load when it is */
void gate_pass(struct gate *gate);

#endif /* MOAT_VMM_GATE_H */
