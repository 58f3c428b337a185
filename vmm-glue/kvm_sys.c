// SPDX-License-Identifier: GPL-2.0-or-later
/* struct kvm_sys on the real kernel. */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm-glue/kvm_sys.h"

static int kernel_open(void *opaque, const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	(void)opaque;
	return fd < 0 ? -errno : fd;
}

static void kernel_close(void *opaque, int fd)
{
	(void)opaque;
	(void)close(fd);
}

static int kernel_ioctl(void *opaque, int fd, unsigned long request, void *arg)
{
	int r = ioctl(fd, request, arg);

	(void)opaque;
	return r < 0 ? -errno : r;
}

static int kernel_map(void *opaque, int fd, size_t len, void **ret_addr)
{
	void *addr = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	(void)opaque;
	if (addr == MAP_FAILED)
		return -errno;
	*ret_addr = addr;
	return 0;
}

static void kernel_unmap(void *opaque, void *addr, size_t len)
{
	(void)opaque;
	(void)munmap(addr, len);
}

const struct kvm_sys kvm_sys_kernel = {
	.open = kernel_open,
	.close = kernel_close,
	.ioctl = kernel_ioctl,
	.map = kernel_map,
	.unmap = kernel_unmap,
};
