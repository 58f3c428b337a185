// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Threads that each wait in the kernel for one reset. They are detached: who
 * has given up waiting never joins them, and the last one frees the work.
 *
 * Locking: @lock guards the results and @refs. The jobs do not change after
 * the start.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "assign/reset_work.h"
#include "common/clock.h"
#include "common/util.h"

/* How long something else in the kernel may keep a device from its reset. */
#define BUSY_WAIT_MS 3000
#define BUSY_POLL_MS 5

/* How often a waiter asks whether it should hurry. */
#define HURRY_POLL_MS 50

#define STACK_SIZE    (64 * KiB)

struct job_state {
	struct reset_work *work;
	struct reset_job job;
	bool done;
	int result;
};

struct reset_work {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned int refs;
	size_t n_jobs, n_done;
	struct job_state state[];
};

/*
 * The kernel does not wait for whoever works on the device just now (its
 * error handling, sysfs), but says -EAGAIN; or -EBUSY, of a bus.
 */
static int run_patiently(const struct reset_job *job)
{
	const struct host_device_ops *ops = job->host->ops;
	uint64_t until_ns = moat_now_ns() + BUSY_WAIT_MS * NS_PER_MS;
	int r;

	for (;;) {
		if (job->bus)
			r = ops->bus_reset(job->host, job->group_fd,
					   job->n_groups);
		else
			r = ops->reset(job->host);
		if ((r != -EAGAIN && r != -EBUSY) || moat_now_ns() >= until_ns)
			return r;
		moat_sleep_ms(BUSY_POLL_MS);
	}
}

struct reset_work *reset_work_new(size_t n)
{
	struct reset_work *work;
	pthread_condattr_t attr;
	int r;

	work = calloc(1, sizeof(*work) + n * sizeof(work->state[0]));
	if (!work)
		return NULL;
	if (pthread_mutex_init(&work->lock, NULL))
		goto free_work;
	if (pthread_condattr_init(&attr))
		goto destroy_lock;
	r = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	if (r == 0)
		r = pthread_cond_init(&work->changed, &attr);
	(void)pthread_condattr_destroy(&attr);
	if (r)
		goto destroy_lock;
	work->refs = 1;
	return work;
destroy_lock:
	(void)pthread_mutex_destroy(&work->lock);
free_work:
	free(work);
	return NULL;
}

size_t reset_work_add(struct reset_work *work, const struct reset_job *job)
{
	struct job_state *state = &work->state[work->n_jobs];

	*state = (struct job_state) { .work = work, .job = *job };
	return work->n_jobs++;
}

struct reset_work *reset_work_get(struct reset_work *work)
{
	(void)pthread_mutex_lock(&work->lock);
	work->refs++;
	(void)pthread_mutex_unlock(&work->lock);
	return work;
}

void reset_work_put(struct reset_work *work)
{
	unsigned int left;

	if (!work)
		return;
	(void)pthread_mutex_lock(&work->lock);
	left = --work->refs;
	(void)pthread_mutex_unlock(&work->lock);
	if (left)
		return;
	(void)pthread_cond_destroy(&work->changed);
	(void)pthread_mutex_destroy(&work->lock);
	free(work);
}

static void *job_main(void *opaque)
{
	struct job_state *state = opaque;
	struct reset_work *work = state->work;
	int r = run_patiently(&state->job);

	(void)pthread_mutex_lock(&work->lock);
	state->result = r;
	state->done = true;
	work->n_done++;
	(void)pthread_cond_broadcast(&work->changed);
	(void)pthread_mutex_unlock(&work->lock);
	reset_work_put(work);
	return NULL;
}

/* Signals are for the program's other threads. */
static int start_thread(struct job_state *state)
{
	pthread_attr_t attr;
	sigset_t all, old;
	pthread_t thread;
	int r;

	r = pthread_attr_init(&attr);
	if (r)
		return -r;
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	(void)pthread_attr_setstacksize(&attr, STACK_SIZE);
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&thread, &attr, job_main, state);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	(void)pthread_attr_destroy(&attr);
	return -r;
}

void reset_work_start(struct reset_work *work)
{
	for (size_t i = 0; i < work->n_jobs; i++) {
		(void)reset_work_get(work);
		if (start_thread(&work->state[i]) < 0)
			(void)job_main(&work->state[i]);
	}
}

/* Wait for a change, with the lock held, at most until @until_ns. */
static void wait_a_little(struct reset_work *work, uint64_t until_ns)
{
	uint64_t poll_ns = moat_now_ns() + HURRY_POLL_MS * NS_PER_MS;
	struct timespec ts;

	until_ns = min_u64(until_ns, poll_ns);
	ts.tv_sec = (time_t)(until_ns / NS_PER_S);
	ts.tv_nsec = (long)(until_ns % NS_PER_S);
	(void)pthread_cond_timedwait(&work->changed, &work->lock, &ts);
}

bool reset_work_wait(struct reset_work *work, uint64_t until_ns,
		     bool (*hurry)(void *opaque), void *opaque,
		     unsigned int hurry_ms)
{
	bool hurrying = false, all;

	(void)pthread_mutex_lock(&work->lock);
	while (work->n_done < work->n_jobs && moat_now_ns() < until_ns) {
		if (!hurrying && hurry && hurry(opaque)) {
			hurrying = true;
			until_ns = min_u64(
				until_ns, moat_now_ns() + hurry_ms * NS_PER_MS);
		}
		wait_a_little(work, until_ns);
	}
	all = work->n_done == work->n_jobs;
	(void)pthread_mutex_unlock(&work->lock);
	return all;
}

bool reset_work_result(struct reset_work *work, size_t i, int *ret_result)
{
	bool done;

	(void)pthread_mutex_lock(&work->lock);
	done = work->state[i].done;
	if (done)
		*ret_result = work->state[i].result;
	(void)pthread_mutex_unlock(&work->lock);
	return done;
}
