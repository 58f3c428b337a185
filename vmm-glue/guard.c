// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guard, see guard.h: the process's own side, and what its child does.
 *
 *	add:  struct request, and the device's files	-> 0 or a negative errno
 *	drop: struct request				-> 0
 *	end of the socket: the other side is dead, or done
 *
 * The child is made early and is small: it has no copy of guest RAM's
 * mappings (MADV_DONTFORK), and lets go of all files that it has no use for.
 * It belongs to no session of a terminal, takes no signal that can be
 * blocked, and asks the kernel not to be chosen when memory is short.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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

/* The files of one device: config space, reset, what is to be kept. */
#define DEVICE_FDS  3

#define RETRY_MS    1000
#define ANSWER_S    30

#define FIRST_LOOSE (STDERR_FILENO + 1)

enum verb { VERB_ADD, VERB_DROP };

struct request {
	enum verb verb;
	unsigned int id;
	char name[MOAT_NAME_MAX];
	uint64_t config_offset;
	bool vfio_reset;
	bool has_fd[DEVICE_FDS]; /* in the order of the files sent along */
};

struct guard {
	int socket;
	pid_t pid;
	bool used[OPT_LIST_MAX]; /* ids */
};

/* ---- the child ---- */

struct held {
	bool used;
	char name[MOAT_NAME_MAX];
	struct moat_device_hold hold;
};

struct child {
	int socket;
	struct held held[OPT_LIST_MAX];
};

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

/* Until the device reaches no memory any more, however long that takes. */
static void stop_one(struct held *held)
{
	bool told = false;
	int r;

	while ((r = moat_device_hold_stop(&held->hold)) < 0) {
		if (!told)
			moat_log(MOAT_LOG_ERROR, held->name,
				 "its bus mastering cannot be turned off: %s; "
				 "process %d keeps the guest's memory until it "
				 "can, or until it is killed when the device "
				 "is known to be still",
				 strerror(-r), getpid());
		told = true;
		moat_sleep_ms(RETRY_MS);
	}
}

static void stop_all(struct child *child)
{
	bool any = false;

	for (size_t i = 0; i < OPT_LIST_MAX; i++) {
		if (!child->held[i].used)
			continue;
		any = true;
		stop_one(&child->held[i]);
		held_close(&child->held[i]);
	}
	if (any)
		log_warn("the guest's process died with devices of dma=none: "
			 "they have been stopped, then its memory freed; "
			 "`moat release` gives them back to their drivers");
}

static void serve(struct child *child)
{
	struct request request;
	int fd[DEVICE_FDS], r;

	while (receive(child, &request, fd)) {
		r = -EINVAL;
		if (request.id < OPT_LIST_MAX && request.verb == VERB_ADD)
			r = child_add(child, &request, fd);
		else if (request.id < OPT_LIST_MAX) {
			held_close(&child->held[request.id]);
			r = 0;
		}
		(void)send(child->socket, &r, sizeof(r), MSG_NOSIGNAL);
	}
}

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* All but standard error, the socket and what holds guest RAM. */
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

static void child_main(int socket, const int memory_fds[GUARD_MEMORY_FDS])
	__attribute__((noreturn));

static void child_main(int socket, const int memory_fds[GUARD_MEMORY_FDS])
{
	int keep[] = { socket, memory_fds[0], memory_fds[1] };
	struct child *child;

	block_signals();
	(void)setsid();
	(void)prctl(PR_SET_NAME, "moat-guard");
	(void)moat_write_text("/proc/self/oom_score_adj", "-1000");
	if (chdir("/") < 0)
		log_debug("guard: chdir: %s", strerror(errno));
	close_others(keep, ARRAY_SIZE(keep));
	child = calloc(1, sizeof(*child));
	if (child) {
		child->socket = socket;
		serve(child);
		stop_all(child);
	}
	/* And with it the files that hold guest RAM. */
	_exit(child ? EXIT_SUCCESS : EXIT_FAILURE);
}

/* ---- this side ---- */

int guard_start(const int memory_fds[GUARD_MEMORY_FDS],
		struct guard **ret_guard, struct moat_err *err)
{
	struct timeval patience = { .tv_sec = ANSWER_S };
	struct guard *guard;
	int pair[2], r;

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
		child_main(pair[1], memory_fds);
	(void)close(pair[1]);
	guard->socket = pair[0];
	(void)setsockopt(guard->socket, SOL_SOCKET, SO_RCVTIMEO, &patience,
			 sizeof(patience));
	*ret_guard = guard;
	return 0;
close_pair:
	(void)close(pair[0]);
	(void)close(pair[1]);
free_guard:
	free(guard);
	return r;
}

static int ask(const struct guard *guard, const struct request *request,
	       const int *fds, size_t n)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(DEVICE_FDS * sizeof(int))];
	} control = { .buf = { 0 } };
	struct iovec iov = { (void *)(uintptr_t)request, sizeof(*request) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;
	ssize_t len;
	int answer;

	if (n) {
		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	}
	if (sendmsg(guard->socket, &msg, MSG_NOSIGNAL) < 0)
		return -errno;
	do {
		len = recv(guard->socket, &answer, sizeof(answer), 0);
	} while (len < 0 && errno == EINTR);
	if (len < 0)
		return -errno;
	return len == (ssize_t)sizeof(answer) ? answer : -EPIPE;
}

int guard_add(struct guard *guard, const char *name,
	      const struct moat_device_hold *hold, unsigned int *ret_id,
	      struct moat_err *err)
{
	const int all[DEVICE_FDS] = { hold->config_fd, hold->reset_fd,
				      hold->keep_fd };
	struct request request = {
		.verb = VERB_ADD,
		.config_offset = hold->config_offset,
		.vfio_reset = hold->vfio_reset,
	};
	int fds[DEVICE_FDS];
	size_t n = 0;
	int r;

	while (request.id < OPT_LIST_MAX && guard->used[request.id])
		request.id++;
	if (request.id == OPT_LIST_MAX)
		return moat_fail(err, -ENOSPC, "%s: the guard is full", name);
	(void)snprintf(request.name, sizeof(request.name), "%s", name);
	for (size_t i = 0; i < DEVICE_FDS; i++) {
		request.has_fd[i] = all[i] >= 0;
		if (all[i] >= 0)
			fds[n++] = all[i];
	}
	r = ask(guard, &request, fds, n);
	if (r < 0)
		return moat_fail(err, r,
				 "%s: the process that is to stop it if this "
				 "one dies does not answer: %s",
				 name, strerror(-r));
	guard->used[request.id] = true;
	*ret_id = request.id;
	return 0;
}

void guard_drop(struct guard *guard, unsigned int id)
{
	const struct request request = { .verb = VERB_DROP, .id = id };

	if (ask(guard, &request, NULL, 0) == 0)
		guard->used[id] = false;
}

int guard_fd(const struct guard *guard)
{
	return guard->socket;
}

void guard_stop(struct guard *guard)
{
	bool any = false;

	if (!guard)
		return;
	for (size_t i = 0; i < OPT_LIST_MAX; i++)
		any |= guard->used[i];
	(void)close(guard->socket);
	/* Then guest RAM is the host's again when this returns. */
	if (!any)
		(void)waitpid(guard->pid, NULL, 0);
	free(guard);
}
