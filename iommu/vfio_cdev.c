// SPDX-License-Identifier: GPL-2.0-or-later
/* The ioctls of /dev/vfio/devices/vfioN, a VFIO device's cdev. No state. */
#include <assert.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stddef.h>

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

/* struct vfio_device_bind_iommufd of Linux 6.17 and later. */
struct bind_with_token {
	__u32 argsz;
	__u32 flags;
	__s32 iommufd;
	__u32 out_devid;
	__u64 token_uuid_ptr;
};

#define BIND_FLAG_TOKEN (1u << 0) /* VFIO_DEVICE_BIND_FLAG_TOKEN */

static_assert(offsetof(struct bind_with_token, iommufd) ==
		      offsetof(struct vfio_device_bind_iommufd, iommufd),
	      "they begin alike");
static_assert(offsetof(struct bind_with_token, token_uuid_ptr) == 16,
	      "the kernel's");

int vfio_cdev_bind(const struct vfio_sys *sys, int fd, int iommufd,
		   const uint8_t *vf_token)
{
	struct vfio_device_bind_iommufd bind = { .argsz = sizeof(bind),
						 .iommufd = iommufd };
	struct bind_with_token with = {
		.argsz = sizeof(with),
		.flags = BIND_FLAG_TOKEN,
		.iommufd = iommufd,
		.token_uuid_ptr = (uintptr_t)vf_token,
	};

	if (vf_token)
		return cdev_ioctl(sys, fd, VFIO_DEVICE_BIND_IOMMUFD, &with);
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
