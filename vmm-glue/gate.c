// SPDX-License-Identifier: GPL-2.0-or-later
/* See gate.h. */
#include "vmm-glue/gate.h"

int gate_init(struct gate *gate)
{
	int r;

	atomic_init(&gate->opened, false);
	r = -pthread_mutex_init(&gate->lock, NULL);
	if (r < 0)
		return r;
	r = -pthread_cond_init(&gate->changed, NULL);
	if (r < 0)
		(void)pthread_mutex_destroy(&gate->lock);
	return r;
}

void gate_fini(struct gate *gate)
{
	(void)pthread_cond_destroy(&gate->changed);
	(void)pthread_mutex_destroy(&gate->lock);
}

void gate_open(struct gate *gate)
{
	(void)pthread_mutex_lock(&gate->lock);
	atomic_store(&gate->opened, true);
	(void)pthread_cond_broadcast(&gate->changed);
	(void)pthread_mutex_unlock(&gate->lock);
}

void gate_pass(struct gate *gate)
{
	if (atomic_load(&gate->opened))
		return;
	(void)pthread_mutex_lock(&gate->lock);
	while (!atomic_load(&gate->opened))
		(void)pthread_cond_wait(&gate->changed, &gate->lock);
	(void)pthread_mutex_unlock(&gate->lock);
}
