/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The system calls that the backends make, as a table, so that a test can
 * put a kernel of its own below them (struct moat_ioas_config.sys).
 *
 * Each returns its result, or a negative errno.
 */
#ifndef MOAT_IOMMU_VFIO_SYS_H
#define MOAT_IOMMU_VFIO_SYS_H

#include <sys/resource.h>
#include <sys/types.h>

struct vfio_sys_ops {
	/* O_CLOEXEC is in @flags already. */
	int (*open)(void *opaque, const char *path, int flags);
	void (*close)(void *opaque, int fd);
	/* A second, close-on-exec fd of the same file. */
	int (*dup)(void *opaque, int fd);
	/* Of the character device that is open; -ENODEV: it is none. */
	int (*device_number)(void *opaque, int fd, dev_t *ret_number);
	/* @arg is a pointer or a number, as the request has it. */
	int (*ioctl)(void *opaque, int fd, unsigned long request,
		     unsigned long arg);
	/* RLIMIT_MEMLOCK of this process. */
	int (*get_memlock)(void *opaque, struct rlimit *ret_limit);
	int (*set_memlock)(void *opaque, const struct rlimit *limit);
};

struct vfio_sys {
	const struct vfio_sys_ops *ops;
	void *opaque;
};

/* Linux. */
extern const struct vfio_sys_ops vfio_sys_linux;

static inline void vfio_close(const struct vfio_sys *sys, int fd)
{
	sys->ops->close(sys->opaque, fd);
}

#endif /* MOAT_IOMMU_VFIO_SYS_H */
