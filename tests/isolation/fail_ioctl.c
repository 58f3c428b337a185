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
 * A seccomp filter hands the calls to this process, which counts: see watch.h.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include <linux/audit.h>

#include "tests/isolation/watch.h"

/* The type of both of their ioctls: VFIO_TYPE, IOMMUFD_TYPE. */
#define TYPE ';'

static const struct sock_filter filter[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 5),
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_ioctl, 0, 3),
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		 offsetof(struct seccomp_data, args[1])),
	BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xff00),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TYPE << 8, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
};

struct plan {
	unsigned long failing, count, request;
	int error;
};

static int answer(void *opaque, const struct seccomp_notif *call)
{
	struct plan *plan = opaque;

	if (++plan->count != plan->failing)
		return 0;
	plan->request = (unsigned long)call->data.args[1];
	return plan->error;
}

int main(int argc, char **argv)
{
	struct plan plan = { 0 };
	FILE *report;
	int status;

	watch_name = "fail-ioctl";
	if (argc < 5) {
		(void)fprintf(stderr, "usage: fail-ioctl REPORT N ERRNO "
				      "COMMAND...\n");
		return 99;
	}
	plan.failing = strtoul(argv[2], NULL, 10);
	plan.error = atoi(argv[3]);
	status = watch(argv + 4, filter, sizeof(filter) / sizeof(filter[0]),
		       answer, &plan);
	report = fopen(argv[1], "we");
	if (!report ||
	    fprintf(report, "%lu 0x%lx\n", plan.count, plan.request) < 0 ||
	    fclose(report) != 0)
		watch_fail(argv[1]);
	return status;
}
