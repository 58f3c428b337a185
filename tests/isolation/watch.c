// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs a program and is asked about some of its system calls; see watch.h. No
 * state. Linux 5.5 or later; see seccomp(2), "SECCOMP_RET_USER_NOTIF".
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/isolation/watch.h"

const char *watch_name;

void watch_fail(const char *what)
{
	(void)fprintf(stderr, "%s: %s: %s\n", watch_name, what,
		      strerror(errno));
	exit(99);
}

/* What it says goes to the listener that is returned. */
static int install_filter(const struct sock_filter *filter, size_t n)
{
	struct sock_fprog program = {
		.len = (unsigned short)n,
		.filter = (struct sock_filter *)(uintptr_t)filter,
	};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			    SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

static void pass_fd(int socket, int *fd, int send)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 }, byte = 0;
	struct iovec data = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &data,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *header;

	if (!send && recvmsg(socket, &msg, MSG_CMSG_CLOEXEC) != 1)
		watch_fail("recvmsg");
	header = CMSG_FIRSTHDR(&msg);
	if (!header)
		watch_fail("no listener came");
	if (!send) {
		memcpy(fd, CMSG_DATA(header), sizeof(int));
		return;
	}
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), fd, sizeof(int));
	if (sendmsg(socket, &msg, 0) != 1)
		watch_fail("sendmsg");
}

static pid_t start(char **command, const struct sock_filter *filter, size_t n,
		   int *ret_listener)
{
	int pair[2], listener;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		watch_fail("socketpair");
	pid = fork();
	if (pid < 0)
		watch_fail("fork");
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		listener = install_filter(filter, n);
		if (listener < 0)
			watch_fail("seccomp");
		pass_fd(pair[0], &listener, 1);
		(void)close(listener);
		(void)execvp(command[0], command);
		watch_fail(command[0]);
	}
	(void)close(pair[0]);
	pass_fd(pair[1], ret_listener, 0);
	(void)close(pair[1]);
	return pid;
}

int watch(char **command, const struct sock_filter *filter, size_t n,
	  int (*answer)(void *opaque, const struct seccomp_notif *call),
	  void *opaque)
{
	struct pollfd ready[] = { { .events = POLLIN }, { .events = POLLIN } };
	struct seccomp_notif call;
	struct seccomp_notif_resp reply;
	int status;
	pid_t pid;

	pid = start(command, filter, n, &ready[0].fd);
	/* The filter goes when the process has been waited for, not before. */
	ready[1].fd = pidfd_open(pid, 0);
	if (ready[1].fd < 0)
		watch_fail("pidfd_open");
	while (poll(ready, 2, -1) > 0 && (ready[0].revents & POLLIN)) {
		memset(&call, 0, sizeof(call));
		memset(&reply, 0, sizeof(reply));
		if (ioctl(ready[0].fd, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0)
			continue; /* who called is dead */
		reply.id = call.id;
		reply.error = -answer(opaque, &call);
		if (!reply.error)
			reply.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
		(void)ioctl(ready[0].fd, SECCOMP_IOCTL_NOTIF_SEND, &reply);
	}
	if (waitpid(pid, &status, 0) < 0)
		watch_fail("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 98;
}
