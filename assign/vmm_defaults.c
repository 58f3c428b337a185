// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What stands in for the functions that a VMM leaves out: a program that is
 * none needs few of them. A function that would offer the guest something
 * refuses, as a VMM may; one that would only tell the VMM does nothing.
 */
#include <errno.h>

#include "assign/vmm_defaults.h"

static int no_memory(void *vmm, uint64_t gpa, uint64_t len, void *host,
		     unsigned int *ret_handle)
{
	(void)vmm;
	(void)gpa;
	(void)len;
	(void)host;
	(void)ret_handle;
	return -ENOSPC;
}

static void unmap_nothing(void *vmm, unsigned int handle)
{
	(void)vmm;
	(void)handle;
}

static int trap_unseen(void *vmm, const struct moat_trap *trap)
{
	(void)vmm;
	(void)trap;
	return 0;
}

static void untrap_unseen(void *vmm, const struct moat_trap *trap)
{
	(void)vmm;
	(void)trap;
}

static int no_pin(void *vmm, unsigned int pin, int trigger_fd, int resample_fd)
{
	(void)vmm;
	(void)pin;
	(void)trigger_fd;
	(void)resample_fd;
	return -EOPNOTSUPP;
}

static void disconnect_no_pin(void *vmm, unsigned int pin, int trigger_fd)
{
	(void)vmm;
	(void)pin;
	(void)trigger_fd;
}

static int no_message(void *vmm, int trigger_fd, const struct moat_msi_msg *msg,
		      unsigned int *ret_route)
{
	(void)vmm;
	(void)trigger_fd;
	(void)msg;
	(void)ret_route;
	return -EOPNOTSUPP;
}

static int update_unseen(void *vmm, unsigned int route,
			 const struct moat_msi_msg *msg)
{
	(void)vmm;
	(void)route;
	(void)msg;
	return 0;
}

static void disconnect_unseen(void *vmm, unsigned int route)
{
	(void)vmm;
	(void)route;
}

static int commit_nothing(void *vmm)
{
	(void)vmm;
	return 0;
}

static int any_cpu(void *vmm, const struct moat_msi_msg *msg)
{
	(void)vmm;
	(void)msg;
	return -1;
}

static bool begin_anywhere(void *vmm)
{
	(void)vmm;
	return true;
}

static void event_unheard(void *vmm, enum moat_event event, const char *detail)
{
	(void)vmm;
	(void)event;
	(void)detail;
}

#define DEFAULT(ops, name, function)            \
	do {                                    \
		if (!(ops)->name)               \
			(ops)->name = function; \
	} while (0)

void vmm_ops_complete(const struct moat_vmm_ops *ops,
		      struct moat_vmm_ops *ret_ops)
{
	*ret_ops = *ops;
	DEFAULT(ret_ops, map_memory, no_memory);
	DEFAULT(ret_ops, unmap_memory, unmap_nothing);
	DEFAULT(ret_ops, trap, trap_unseen);
	DEFAULT(ret_ops, untrap, untrap_unseen);
	DEFAULT(ret_ops, intx_connect, no_pin);
	DEFAULT(ret_ops, intx_disconnect, disconnect_no_pin);
	DEFAULT(ret_ops, msi_connect, no_message);
	DEFAULT(ret_ops, msi_update, update_unseen);
	DEFAULT(ret_ops, msi_disconnect, disconnect_unseen);
	DEFAULT(ret_ops, msi_commit, commit_nothing);
	DEFAULT(ret_ops, msi_cpu, any_cpu);
	DEFAULT(ret_ops, thread_begin, begin_anywhere);
	DEFAULT(ret_ops, event, event_unheard);
}
