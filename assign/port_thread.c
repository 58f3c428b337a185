// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One thread for one device, which alone may use its ports, and uses them
 * for the vCPUs.
 *
 * There is one request at a time, since the device's lock is held by who
 * makes it, and one word says whose turn it is: the caller's (IDLE, DONE)
 * or the thread's (ASKED). Each side looks at the word for a while before it
 * sleeps on it, so a guest that goes on using ports pays for no system call;
 * an idle device costs nothing.
 *
 *	caller: request, turn = ASKED, wake | look, sleep | result
 *	thread:          look, sleep | serve, turn = DONE, wake
 *
 * No wake-up is lost: who waits first says that it sleeps, then the kernel
 * compares the word again; who turns it does so first, and then looks for a
 * sleeper. Both in one total order (seq_cst).
 */
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "assign/ports.h"
#include "common/util.h"

/* Looks before sleeping: some tens of microseconds. */
#define LOOKS 2000

/* The kernel's limit of a thread's name, with the end. */
#define THREAD_NAME_MAX 16
#define STACK_SIZE	(64 * KiB)

enum turn { TURN_IDLE, TURN_ASKED, TURN_DONE };

/* A side of the hand-over. */
struct port_thread {
	const struct pio_ops *ops;
	pthread_t thread;
	char name[THREAD_NAME_MAX];
	_Atomic(unsigned int) looks;
	_Atomic(uint32_t) turn; /* enum turn; a futex */
	atomic_bool caller_sleeps, thread_sleeps;
	/* Whose turn it is may touch these. */
	struct port_request request;
	int result;
};

static_assert(sizeof(_Atomic(uint32_t)) == 4, "what futex(2) takes");

static void futex_wait(_Atomic(uint32_t) *word, uint32_t seen)
{
	(void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void futex_wake(_Atomic(uint32_t) *word)
{
	(void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void turn_await(struct port_thread *t, enum turn want,
		       atomic_bool *sleeps)
{
	uint32_t turn;
	unsigned int i, looks = atomic_load(&t->looks);

	for (i = 0; i < looks; i++) {
		if (atomic_load(&t->turn) == want)
			return;
		t->ops->relax();
	}
	atomic_store(sleeps, true);
	while ((turn = atomic_load(&t->turn)) != want)
		futex_wait(&t->turn, turn);
	atomic_store(sleeps, false);
}

static void turn_give(struct port_thread *t, enum turn turn,
		      atomic_bool *sleeps)
{
	atomic_store(&t->turn, turn);
	if (atomic_load(sleeps))
		futex_wake(&t->turn);
}

static int serve(const struct pio_ops *ops, struct port_request *request)
{
	switch (request->verb) {
	case PORT_BEGIN:
		request->value = request->vmm->thread_begin(request->opaque);
		return 0;
	case PORT_PERMIT:
		return ops->permit(request->port, request->size, true);
	case PORT_REVOKE:
		return ops->permit(request->port, request->size, false);
	case PORT_IN:
		request->value = ops->in(request->port, request->size);
		return 0;
	case PORT_OUT:
		ops->out(request->port, request->size, request->value);
		return 0;
	case PORT_END:
		break;
	}
	return 0;
}

static void *port_thread_main(void *opaque)
{
	struct port_thread *t = opaque;
	bool end;

	(void)pthread_setname_np(pthread_self(), t->name);
	do {
		turn_await(t, TURN_ASKED, &t->thread_sleeps);
		t->result = serve(t->ops, &t->request);
		end = t->request.verb == PORT_END;
		turn_give(t, TURN_DONE, &t->caller_sleeps);
	} while (!end);
	return NULL;
}

int port_thread_call(struct port_thread *t, struct port_request *request)
{
	int r;

	t->request = *request;
	turn_give(t, TURN_ASKED, &t->thread_sleeps);
	turn_await(t, TURN_DONE, &t->caller_sleeps);
	*request = t->request;
	r = t->result;
	return r;
}

void port_thread_begin(struct port_thread *t, const struct moat_vmm_ops *vmm,
		       void *opaque)
{
	struct port_request request = {
		.verb = PORT_BEGIN,
		.vmm = vmm,
		.opaque = opaque,
	};

	(void)port_thread_call(t, &request);
	/* On one CPU the other side cannot move while this one looks. */
	if (!request.value)
		atomic_store(&t->looks, 0);
}

/* Signals are for the program's other threads. */
static int start_quietly(struct port_thread *t)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int r;

	r = -pthread_attr_init(&attr);
	if (r < 0)
		return r;
	(void)pthread_attr_setstacksize(&attr, STACK_SIZE);
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	r = -pthread_create(&t->thread, &attr, port_thread_main, t);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	(void)pthread_attr_destroy(&attr);
	return r;
}

int port_thread_start(const struct pio_ops *ops, const char *name,
		      struct port_thread **ret_thread)
{
	struct port_thread *t;
	int r;

	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->ops = ops;
	(void)snprintf(t->name, sizeof(t->name), "ports/%.9s", name);
	t->looks = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? LOOKS : 0;
	r = start_quietly(t);
	if (r < 0) {
		free(t);
		return r;
	}
	*ret_thread = t;
	return 0;
}

void port_thread_stop(struct port_thread *t)
{
	struct port_request request = { .verb = PORT_END };

	if (!t)
		return;
	(void)port_thread_call(t, &request);
	(void)pthread_join(t->thread, NULL);
	free(t);
}
