// SPDX-License-Identifier: GPL-2.0-or-later
#include "vmm-glue/thread.h"

#include "common/util.h"

/*
 * Address space, not memory: pages come as they are touched. Room for a few
 * PATH_MAX buffers and the C library's own needs.
 */
#define STACK_SIZE (256 * KiB)

int thread_start(pthread_t *ret_thread, void *(*run)(void *), void *opaque)
{
	pthread_attr_t attr;
	int r;

	r = pthread_attr_init(&attr);
	if (r)
		return -r;
	r = pthread_attr_setstacksize(&attr, STACK_SIZE);
	if (r == 0)
		r = pthread_create(ret_thread, &attr, run, opaque);
	(void)pthread_attr_destroy(&attr);
	return -r;
}
