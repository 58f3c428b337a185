// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guard, see guard.h: the process's own side, and what its child does.
 *
 *	add:  struct request, and the device's files	-> struct answer
 *	drop: struct request				-> struct answer
 *	end of the socket: the other side is dead, or done
 *
 * Requests are numbered and answered in order. Who does not wait any longer
 * for an answer passes over it when it comes after all.
 *
 * The child is made early and is small: it has no copy of guest RAM's
 * mappings (MADV_DONTFORK), and lets go of all files that it has no use for.
 * It belongs to no session of a terminal, takes no signal that can be
 * blocked, and asks the kernel not to be chosen when memory is short.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <moat/log.h>

#include "common/clock.h"
#include "common/io.h"
#include "common/util.h"
#include "vmm-glue/guard.h"
#include "vmm-glue/options.h"
#include "vmm-glue/thread.h"

/* The files of one device: config space, reset, what is to be kept. */
#define DEVICE_FDS 3

#define RETRY_MS   250
#define ANSWER_MS  30000

/*
 * The kernel waits 60 s for a device to come back from a reset, and puts its
 * COMMAND back then. Source: Linux drivers/pci/pci.c, pci_dev_wait() and
 * PCIE_RESET_READY_POLL_MS.
 */
#define SILENCE_MS  65000

#define FIRST_LOOSE (STDERR_FILENO + 1)

enum verb { VERB_ADD, VERB_DROP };

struct request {
	enum verb verb;
	uint32_t number;
	unsigned int id;
	char name[MOAT_NAME_MAX];
	uint64_t config_offset;
	bool vfio_reset;
	bool has_fd[DEVICE_FDS]; /* in the order of the files sent along */
};

struct answer {
	uint32_t number; /* of the request */
	int result;	 /* 0 or a negative errno */
};

/* A device, and copies of its files. Both sides have them. */
struct held {
	bool used;
	char name[MOAT_NAME_MAX];
	struct moat_device_hold hold;
};

struct guard {
	int socket;
	pid_t pid;
	unsigned int silence_ms;
	uint32_t asked;			/* the last request's number */
	bool is_late;			/* it has not answered in time */
	struct held held[OPT_LIST_MAX]; /* by id */
};

/* ---- both sides ---- */

static void close_fd(int fd)
{
	if (fd >= 0)
		(void)close(fd);
}

static void held_close(struct held *held)
{
	close_fd(held->hold.config_fd);
	close_fd(held->hold.reset_fd);
	close_fd(held->hold.keep_fd);
	held->used = false;
}

/* Until the device reaches no memory any more, however long that takes. */
static void stop_one(struct held *held, unsigned int silence_ms)
{
	const uint64_t limit_ns = silence_ms * UINT64_C(1000000);
	uint64_t since_ns = 0; /* when it was silent first */
	bool told = false;
	int r;

	while ((r = moat_device_hold_stop(&held->hold)) < 0) {
		if (r != -EAGAIN)
			since_ns = 0;
		else if (since_ns == 0)
			since_ns = moat_now_ns();
		else if (moat_now_ns() - since_ns >= limit_ns)
			break;
		if (!told)
			moat_log(MOAT_LOG_ERROR, held->name,
				 "its bus mastering cannot be turned off: %s; "
				 "process %d keeps the guest's memory until it "
				 "can, or until it is killed when the device "
				 "is known to be still",
				 r == -EAGAIN ? "it does not answer"
					      : strerror(-r),
				 getpid());
		told = true;
		moat_sleep_ms(RETRY_MS);
	}
	if (r < 0)
		moat_log(MOAT_LOG_WARN, held->name,
			 "it has not answered for %u s, and is taken for gone",
			 silence_ms / 1000);
}

/* ---- the child ---- */

struct child {
	int socket;
	unsigned int silence_ms;
	struct held held[OPT_LIST_MAX];
};

/* The files that came with a message, in a fixed array; -1 where none did. */
static void take_fds(struct msghdr *msg, int ret_fd[DEVICE_FDS])
{
	size_t n = 0;

	for (size_t i = 0; i < DEVICE_FDS; i++)
		ret_fd[i] = -1;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c;
	     c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(ret_fd, CMSG_DATA(c),
		       (n < DEVICE_FDS ? n : DEVICE_FDS) * sizeof(int));
	}
}

/* Return: a request is there; false: the other side is gone. */
static bool receive(const struct child *child, struct request *ret_request,
		    int ret_fd[DEVICE_FDS])
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(DEVICE_FDS * sizeof(int))];
	} control;
	struct iovec iov = { ret_request, sizeof(*ret_request) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	ssize_t n;

	do {
		n = recvmsg(child->socket, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(*ret_request))
		return false;
	take_fds(&msg, ret_fd);
	return true;
}

static int child_add(struct child *child, const struct request *request,
		     const int fd[DEVICE_FDS])
{
	struct held *held = &child->held[request->id];
	int place[DEVICE_FDS];
	size_t next = 0;

	for (size_t i = 0; i < DEVICE_FDS; i++)
		place[i] = request->has_fd[i] ? fd[next++] : -1;
	if (place[0] < 0)
		return -EBADF;
	if (held->used) /* dropped, but never told so */
		held_close(held);
	*held = (struct held) {
		.used = true,
		.hold = {
			.config_fd = place[0],
			.config_offset = request->config_offset,
			.reset_fd = place[1],
			.vfio_reset = request->vfio_reset,
			.keep_fd = place[2],
		},
	};
	memcpy(held->name, request->name, sizeof(held->name));
	held->name[sizeof(held->name) - 1] = '\0';
	return 0;
}

static void stop_all(struct child *child)
{
	bool any = false;

	for (size_t i = 0; i < OPT_LIST_MAX; i++) {
		if (!child->held[i].used)
			continue;
		any = true;
		stop_one(&child->held[i], child->silence_ms);
		held_close(&child->held[i]);
	}
	if (any)
		log_warn("the guest's process ended and left devices of "
			 "dma=none running: they have been stopped, then its "
			 "memory freed; "
			 "`moat release` gives them back to their drivers");
}

static void serve(struct child *child)
{
	struct request request = { .number = 0 };
	int fd[DEVICE_FDS];

	while (receive(child, &request, fd)) {
		struct answer answer = { request.number, -EINVAL };

		if (request.id < OPT_LIST_MAX && request.verb == VERB_ADD)
			answer.result = child_add(child, &request, fd);
		else if (request.id < OPT_LIST_MAX) {
			if (child->held[request.id].used)
				held_close(&child->held[request.id]);
			answer.result = 0;
		}
		(void)send(child->socket, &answer, sizeof(answer),
			   MSG_NOSIGNAL);
	}
}

/*
 * Away from the standard files' numbers, which these have if moat was started
 * without them.
 */
static int lift(int keep[], size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (keep[i] >= FIRST_LOOSE)
			continue;
		keep[i] = fcntl(keep[i], F_DUPFD_CLOEXEC, FIRST_LOOSE);
		if (keep[i] < 0)
			return -errno;
	}
	return 0;
}

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* All but standard error and @keep, which lift() has been through. */
static void close_others(int keep[], size_t n)
{
	int null = open("/dev/null", O_RDWR), first = FIRST_LOOSE;

	if (null >= 0) {
		(void)dup2(null, STDIN_FILENO);
		(void)dup2(null, STDOUT_FILENO);
	}
	qsort(keep, n, sizeof(*keep), by_number);
	for (size_t i = 0; i < n; i++) {
		if (keep[i] > first)
			(void)close_range((unsigned int)first,
					  (unsigned int)keep[i] - 1, 0);
		first = keep[i] + 1;
	}
	(void)close_range((unsigned int)first, ~0U, 0);
}

static void block_signals(void)
{
	sigset_t all;

	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
}

static void child_main(int socket, const struct guard_config *config)
	__attribute__((noreturn));

static void child_main(int socket, const struct guard_config *config)
{
	int keep[] = { socket, config->memory_fd[0], config->memory_fd[1] };
	struct child *child;

	block_signals();
	(void)setsid();
	(void)prctl(PR_SET_NAME, "moat-guard");
	(void)moat_write_text("/proc/self/oom_score_adj", "-1000");
	if (chdir("/") < 0)
		log_debug("guard: chdir: %s", strerror(errno));
	child = calloc(1, sizeof(*child));
	if (!child || lift(keep, ARRAY_SIZE(keep)) < 0)
		_exit(EXIT_FAILURE); /* moat takes it for dead */
	child->socket = keep[0];
	child->silence_ms = config->silence_ms;
	close_others(keep, ARRAY_SIZE(keep));
	serve(child);
	stop_all(child);
	/* And with it the files that hold guest RAM. */
	_exit(EXIT_SUCCESS);
}

/* ---- this side ---- */

static void set_patience(int socket, unsigned int ms)
{
	struct timeval patience = { .tv_sec = ms / 1000,
				    .tv_usec = ms % 1000 * 1000 };

	(void)setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience,
			 sizeof(patience));
}

int guard_start(const struct guard_config *given, struct guard **ret_guard,
		struct moat_err *err)
{
	struct guard_config config = *given;
	struct guard *guard;
	int pair[2], r;

	if (!config.silence_ms)
		config.silence_ms = SILENCE_MS;
	guard = calloc(1, sizeof(*guard));
	if (!guard)
		return moat_fail(err, -ENOMEM, "out of memory");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		r = moat_fail(err, -errno, "no socket for the guard: %s",
			      strerror(errno));
		goto free_guard;
	}
	guard->pid = fork();
	if (guard->pid < 0) {
		r = moat_fail(err, -errno, "no process for the guard: %s",
			      strerror(errno));
		goto close_pair;
	}
	if (guard->pid == 0)
		child_main(pair[1], &config);
	(void)close(pair[1]);
	guard->socket = pair[0];
	guard->silence_ms = config.silence_ms;
	set_patience(guard->socket,
		     config.answer_ms ? config.answer_ms : ANSWER_MS);
	*ret_guard = guard;
	return 0;
close_pair:
	(void)close(pair[0]);
	(void)close(pair[1]);
free_guard:
	free(guard);
	return r;
}

static int tell(struct guard *guard, struct request *request, const int *fds,
		size_t n)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(DEVICE_FDS * sizeof(int))];
	} control = { .buf = { 0 } };
	struct iovec iov = { request, sizeof(*request) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	request->number = ++guard->asked;
	if (n) {
		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	}
	return sendmsg(guard->socket, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int ask(struct guard *guard, struct request *request, const int *fds,
	       size_t n)
{
	struct answer answer = { .number = 0 };
	ssize_t len;
	int r;

	r = tell(guard, request, fds, n);
	if (r < 0)
		return r;
	do {
		len = recv(guard->socket, &answer, sizeof(answer), 0);
	} while ((len < 0 && errno == EINTR) ||
		 (len == (ssize_t)sizeof(answer) &&
		  answer.number != request->number));
	if (len < 0 && errno == EAGAIN) {
		guard->is_late = true;
		return -ETIMEDOUT;
	}
	if (len < 0)
		return -errno;
	return len == (ssize_t)sizeof(answer) ? answer.result : -EPIPE;
}

static int copy_fd(int fd, int *ret_fd)
{
	if (fd < 0)
		return 0;
	*ret_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return *ret_fd < 0 ? -errno : 0;
}

static int held_open(struct held *held, const char *name,
		     const struct moat_device_hold *hold)
{
	int r;

	held->used = true;
	(void)snprintf(held->name, sizeof(held->name), "%s", name);
	held->hold = *hold;
	held->hold.config_fd = held->hold.reset_fd = held->hold.keep_fd = -1;
	r = copy_fd(hold->config_fd, &held->hold.config_fd);
	if (r == 0)
		r = copy_fd(hold->reset_fd, &held->hold.reset_fd);
	if (r == 0)
		r = copy_fd(hold->keep_fd, &held->hold.keep_fd);
	if (r < 0)
		held_close(held);
	return r;
}

static int send_device(struct guard *guard, unsigned int id)
{
	const struct held *held = &guard->held[id];
	const int all[DEVICE_FDS] = { held->hold.config_fd, held->hold.reset_fd,
				      held->hold.keep_fd };
	struct request request = {
		.verb = VERB_ADD,
		.id = id,
		.config_offset = held->hold.config_offset,
		.vfio_reset = held->hold.vfio_reset,
	};
	int fds[DEVICE_FDS];
	size_t n = 0;

	memcpy(request.name, held->name, sizeof(request.name));
	for (size_t i = 0; i < DEVICE_FDS; i++) {
		request.has_fd[i] = all[i] >= 0;
		if (all[i] >= 0)
			fds[n++] = all[i];
	}
	return ask(guard, &request, fds, n);
}

int guard_add(struct guard *guard, const char *name,
	      const struct moat_device_hold *hold, unsigned int *ret_id,
	      struct moat_err *err)
{
	struct request drop = { .verb = VERB_DROP };
	unsigned int id = 0;
	int r;

	while (id < OPT_LIST_MAX && guard->held[id].used)
		id++;
	if (id == OPT_LIST_MAX)
		return moat_fail(err, -ENOSPC, "%s: the guard is full", name);
	r = held_open(&guard->held[id], name, hold);
	if (r < 0)
		return moat_fail(err, r, "%s: no copy of its files: %s", name,
				 strerror(-r));
	r = send_device(guard, id);
	if (r == 0) {
		*ret_id = id;
		return 0;
	}
	/*
	 * A late one comes to the request all the same, and must not stop the
	 * device when that is somebody else's: this is next in its queue.
	 */
	drop.id = id;
	(void)tell(guard, &drop, NULL, 0);
	held_close(&guard->held[id]);
	return moat_fail(err, r,
			 "%s: the process that is to stop it if this one dies "
			 "does not answer: %s",
			 name, strerror(-r));
}

void guard_drop(struct guard *guard, unsigned int id)
{
	struct request request = { .verb = VERB_DROP, .id = id };

	(void)ask(guard, &request, NULL, 0);
	held_close(&guard->held[id]);
}

int guard_fd(const struct guard *guard)
{
	return guard->socket;
}

static bool is_dead(const struct guard *guard)
{
	struct pollfd p = { .fd = guard->socket };

	return poll(&p, 1, 0) == 1 && p.revents & (POLLHUP | POLLERR);
}

void guard_settle(struct guard *guard)
{
	if (!guard || !is_dead(guard))
		return;
	for (size_t i = 0; i < OPT_LIST_MAX; i++) {
		if (!guard->held[i].used)
			continue;
		stop_one(&guard->held[i], guard->silence_ms);
		held_close(&guard->held[i]);
	}
}

static void *reap_main(void *opaque)
{
	(void)waitpid((pid_t)(intptr_t)opaque, NULL, 0);
	return NULL;
}

/* Whenever it ends; if this process ends first, init does it. */
static void reap_later(pid_t pid)
{
	pthread_t thread;

	if (thread_start(&thread, reap_main, (void *)(intptr_t)pid) == 0)
		(void)pthread_detach(thread);
}

void guard_stop(struct guard *guard)
{
	bool wait = true;

	if (!guard)
		return;
	for (size_t i = 0; i < OPT_LIST_MAX; i++) {
		if (!guard->held[i].used)
			continue;
		wait = false;
		held_close(&guard->held[i]);
	}
	(void)close(guard->socket);
	/* Then guest RAM is the host's again when this returns. */
	if (wait && !guard->is_late)
		(void)waitpid(guard->pid, NULL, 0);
	else
		reap_later(guard->pid);
	free(guard);
}
