// SPDX-License-Identifier: GPL-2.0-or-later
/* The system calls behind struct vfio_sys_ops. No state. */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "iommu/vfio_sys.h"

static int linux_open(void *opaque, const char *path, int flags)
{
	int fd;

	(void)opaque;
	do {
		fd = open(path, flags);
	} while (fd < 0 && errno == EINTR);
	return fd < 0 ? -errno : fd;
}

static void linux_close(void *opaque, int fd)
{
	(void)opaque;
	(void)close(fd);
}

static int linux_dup(void *opaque, int fd)
{
	int r;

	(void)opaque;
	r = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return r < 0 ? -errno : r;
}

static int linux_device_number(void *opaque, int fd, dev_t *ret_number)
{
	struct stat st;

	(void)opaque;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISCHR(st.st_mode))
		return -ENODEV;
	*ret_number = st.st_rdev;
	return 0;
}

static int linux_ioctl(void *opaque, int fd, unsigned long request,
		       unsigned long arg)
{
	int r;

	(void)opaque;
	r = ioctl(fd, request, arg);
	return r < 0 ? -errno : r;
}

static int linux_get_memlock(void *opaque, struct rlimit *ret_limit)
{
	(void)opaque;
	return getrlimit(RLIMIT_MEMLOCK, ret_limit) < 0 ? -errno : 0;
}

static int linux_set_memlock(void *opaque, const struct rlimit *limit)
{
	(void)opaque;
	return setrlimit(RLIMIT_MEMLOCK, limit) < 0 ? -errno : 0;
}

const struct vfio_sys_ops vfio_sys_linux = {
	.open = linux_open,
	.close = linux_close,
	.dup = linux_dup,
	.device_number = linux_device_number,
	.ioctl = linux_ioctl,
	.get_memlock = linux_get_memlock,
	.set_memlock = linux_set_memlock,
};
