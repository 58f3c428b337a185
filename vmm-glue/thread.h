/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Threads with stacks that suit a program that stays small. */
#ifndef MOAT_VMM_THREAD_H
#define MOAT_VMM_THREAD_H

#include <pthread.h>

/**
 * thread_start() - a joinable thread with a small stack
 * Return: 0 or a negative errno.
 */
int thread_start(pthread_t *ret_thread, void *(*run)(void *), void *opaque);

#endif /* MOAT_VMM_THREAD_H */
