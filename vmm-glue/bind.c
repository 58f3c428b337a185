// SPDX-License-Identifier: GPL-2.0-or-later
#include "vmm-glue/bind.h"

#include <errno.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

int bind_thread(const struct moat_set *cpus)
{
	/* Of 0 the kernel makes the calling thread. */
	return syscall(SYS_sched_setaffinity, 0, sizeof(*cpus), cpus) < 0
		       ? -errno
		       : 0;
}

static int set_policy(void *start, uint64_t len, unsigned int node, int mode)
{
	struct moat_set nodes = { { 0 } };

	moat_set_add(&nodes, node);
	/* mbind(2): the kernel takes one bit less than it is told. */
	return syscall(SYS_mbind, start, len, mode, &nodes, MOAT_SET_MAX + 1,
		       0) < 0
		       ? -errno
		       : 0;
}

int bind_memory(void *start, uint64_t len, unsigned int node)
{
	return set_policy(start, len, node, MPOL_BIND);
}

int bind_memory_softly(void *start, uint64_t len, unsigned int node)
{
	return set_policy(start, len, node, MPOL_PREFERRED);
}
