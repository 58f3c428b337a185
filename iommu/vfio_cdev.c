// SPDX-License-Identifier: GPL-2.0-or-later
/* The ioctls of /dev/vfio/devices/vfioN, a VFIO device's cdev. No state. */
#include <fcntl.h>
#include <linux/vfio.h>

#include "iommu/vfio_cdev.h"

static int cdev_ioctl(const struct vfio_sys *sys, int fd, unsigned long request,
		      const void *arg)
{
	return sys->ops->ioctl(sys->opaque, fd, request, (uintptr_t)arg);
}

int vfio_cdev_open(const struct vfio_sys *sys, const char *path, int *ret_fd)
{
	int fd = sys->ops->open(sys->opaque, path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return fd;
	*ret_fd = fd;
	return 0;
}

int vfio_cdev_bind(const struct vfio_sys *sys, int fd, int iommufd)
{
	struct vfio_device_bind_iommufd bind = { .argsz = sizeof(bind),
						 .iommufd = iommufd };

	return cdev_ioctl(sys, fd, VFIO_DEVICE_BIND_IOMMUFD, &bind);
}

int vfio_cdev_attach(const struct vfio_sys *sys, int fd, uint32_t ioas)
{
	struct vfio_device_attach_iommufd_pt attach = { .argsz = sizeof(attach),
							.pt_id = ioas };

	return cdev_ioctl(sys, fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach);
}

int vfio_cdev_detach(const struct vfio_sys *sys, int fd)
{
	struct vfio_device_detach_iommufd_pt detach = { .argsz = sizeof(
								detach) };

	return cdev_ioctl(sys, fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach);
}
