// SPDX-License-Identifier: GPL-2.0-or-later
/* Work for every vCPU thread, see vcpu_work.h. */
#include "vmm-glue/vcpu_work.h"

#include <errno.h>
#include <string.h>

int vcpu_work_init(struct vcpu_work *list)
{
	memset(list, 0, sizeof(*list));
	return -pthread_mutex_init(&list->lock, NULL);
}

void vcpu_work_fini(struct vcpu_work *list)
{
	(void)pthread_mutex_destroy(&list->lock);
}

int vcpu_work_add(struct vcpu_work *list, const struct moat_vcpu_work *work)
{
	int r = -ENOSPC;

	(void)pthread_mutex_lock(&list->lock);
	if (list->n < VCPU_WORK_MAX) {
		list->work[list->n++] = work;
		r = 0;
	}
	(void)pthread_mutex_unlock(&list->lock);
	return r;
}

void vcpu_work_remove(struct vcpu_work *list, const struct moat_vcpu_work *work)
{
	(void)pthread_mutex_lock(&list->lock);
	for (size_t i = 0; i < list->n; i++)
		if (list->work[i] == work) {
			list->work[i] = list->work[--list->n];
			break;
		}
	(void)pthread_mutex_unlock(&list->lock);
}

void vcpu_work_do(struct vcpu_work *list)
{
	(void)pthread_mutex_lock(&list->lock);
	for (size_t i = 0; i < list->n; i++)
		list->work[i]->run(list->work[i]->opaque);
	(void)pthread_mutex_unlock(&list->lock);
}

void vcpu_work_set_kick(struct vcpu_work *list, void (*kick)(void *opaque),
			void *opaque)
{
	(void)pthread_mutex_lock(&list->lock);
	list->kick = kick;
	list->opaque = opaque;
	(void)pthread_mutex_unlock(&list->lock);
}

void vcpu_work_kick(struct vcpu_work *list)
{
	(void)pthread_mutex_lock(&list->lock);
	if (list->kick)
		list->kick(list->opaque);
	(void)pthread_mutex_unlock(&list->lock);
}
