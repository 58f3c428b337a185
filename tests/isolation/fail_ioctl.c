// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fail-ioctl: runs a program of which one ioctl of VFIO's or iommufd's fails.
 *
 *	fail-ioctl REPORT N ERRNO COMMAND...
 *
 * The Nth such call of COMMAND and its threads, from 1, returns ERRNO (a
 * number) and is not carried out; 0 for none. REPORT gets "COUNT REQUEST":
 * how many there were, and the request that failed, in hexadecimal. The exit
 * status is COMMAND's.
 *
 * A seccomp filter hands the calls to this process, which counts. Linux
 * 5.5 or later; see seccomp(2), "SECCOMP_RET_USER_NOTIF".
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
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

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

/* The type of both of their ioctls: VFIO_TYPE, IOMMUFD_TYPE. */
#define TYPE ';'

static void fail(const char *what)
{
	(void)fprintf(stderr, "fail-ioctl: %s: %s\n", what, strerror(errno));
	exit(99);
}

/* All ioctls of that type go to the listener that is returned. */
static int install_filter(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_ioctl, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, args[1])),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xff00),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TYPE << 8, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
	};
	struct sock_fprog program = { .len = sizeof(code) / sizeof(code[0]),
				      .filter = code };

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
		fail("recvmsg");
	header = CMSG_FIRSTHDR(&msg);
	if (!header)
		fail("no listener came");
	if (!send) {
		memcpy(fd, CMSG_DATA(header), sizeof(int));
		return;
	}
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), fd, sizeof(int));
	if (sendmsg(socket, &msg, 0) != 1)
		fail("sendmsg");
}

static pid_t start(char **command, int *ret_listener)
{
	int pair[2], listener;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		fail("socketpair");
	pid = fork();
	if (pid < 0)
		fail("fork");
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		listener = install_filter();
		if (listener < 0)
			fail("seccomp");
		pass_fd(pair[0], &listener, 1);
		(void)close(listener);
		(void)execvp(command[0], command);
		fail(command[0]);
	}
	(void)close(pair[0]);
	pass_fd(pair[1], ret_listener, 0);
	(void)close(pair[1]);
	return pid;
}

int main(int argc, char **argv)
{
	unsigned long count = 0, failing, request = 0;
	struct seccomp_notif call;
	struct seccomp_notif_resp answer;
	struct pollfd ready[] = { { .events = POLLIN }, { .events = POLLIN } };
	int error, status;
	FILE *report;
	pid_t pid;

	if (argc < 5) {
		(void)fprintf(stderr, "usage: fail-ioctl REPORT N ERRNO "
				      "COMMAND...\n");
		return 99;
	}
	failing = strtoul(argv[2], NULL, 10);
	error = atoi(argv[3]);
	pid = start(argv + 4, &ready[0].fd);
	/* The filter goes when the process has been waited for, not before. */
	ready[1].fd = pidfd_open(pid, 0);
	if (ready[1].fd < 0)
		fail("pidfd_open");
	while (poll(ready, 2, -1) > 0 && (ready[0].revents & POLLIN)) {
		memset(&call, 0, sizeof(call));
		memset(&answer, 0, sizeof(answer));
		if (ioctl(ready[0].fd, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0)
			continue; /* who called is dead */
		answer.id = call.id;
		answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
		if (++count == failing) {
			answer.flags = 0;
			answer.error = -error;
			request = (unsigned long)call.data.args[1];
		}
		(void)ioctl(ready[0].fd, SECCOMP_IOCTL_NOTIF_SEND, &answer);
	}
	if (waitpid(pid, &status, 0) < 0)
		fail("waitpid");
	report = fopen(argv[1], "we");
	if (!report || fprintf(report, "%lu 0x%lx\n", count, request) < 0 ||
	    fclose(report) != 0)
		fail(argv[1]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 98;
}
