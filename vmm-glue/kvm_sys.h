/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel calls of the files that talk to KVM. The unit tests put a fake
 * here that fails where they want it to.
 */
#ifndef MOAT_VMM_KVM_SYS_H
#define MOAT_VMM_KVM_SYS_H

#include <stddef.h>
#include <stdint.h>

/* Each returns a negative errno instead of -1. */
struct kvm_sys {
	int (*open)(void *opaque, const char *path);
	void (*close)(void *opaque, int fd);
	int (*ioctl)(void *opaque, int fd, unsigned long request, void *arg);
	/* Shared, readable and writable, from the start of @fd. */
	int (*map)(void *opaque, int fd, size_t len, void **ret_addr);
	void (*unmap)(void *opaque, void *addr, size_t len);
	void *opaque;
};

/* The kernel itself. */
extern const struct kvm_sys kvm_sys_kernel;

static inline int kvm_sys_ioctl(const struct kvm_sys *sys, int fd,
				unsigned long request, void *arg)
{
	return sys->ioctl(sys->opaque, fd, request, arg);
}

/* For the ioctls whose argument is a number. */
static inline int kvm_sys_ioctl_value(const struct kvm_sys *sys, int fd,
				      unsigned long request, uintptr_t value)
{
	return sys->ioctl(sys->opaque, fd, request, (void *)value);
}

#endif /* MOAT_VMM_KVM_SYS_H */
