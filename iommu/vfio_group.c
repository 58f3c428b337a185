// SPDX-License-Identifier: GPL-2.0-or-later
/* The ioctls of /dev/vfio/N, a VFIO group. No state. */
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "iommu/vfio_group.h"

static int group_ioctl(const struct vfio_sys *sys, int fd,
		       unsigned long request, const void *arg)
{
	return sys->ops->ioctl(sys->opaque, fd, request, (uintptr_t)arg);
}

int vfio_group_open(const struct vfio_sys *sys, const char *path, int *ret_fd)
{
	int fd = sys->ops->open(sys->opaque, path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return fd;
	*ret_fd = fd;
	return 0;
}

int vfio_group_is_viable(const struct vfio_sys *sys, int group_fd,
			 bool *ret_viable)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	int r;

	r = group_ioctl(sys, group_fd, VFIO_GROUP_GET_STATUS, &status);
	if (r < 0)
		return r;
	*ret_viable = status.flags & VFIO_GROUP_FLAGS_VIABLE;
	return 0;
}

int vfio_group_set_container(const struct vfio_sys *sys, int group_fd,
			     int container_fd)
{
	return group_ioctl(sys, group_fd, VFIO_GROUP_SET_CONTAINER,
			   &container_fd);
}

int vfio_group_unset_container(const struct vfio_sys *sys, int group_fd)
{
	return group_ioctl(sys, group_fd, VFIO_GROUP_UNSET_CONTAINER, NULL);
}

int vfio_group_get_device_fd(const struct vfio_sys *sys, int group_fd,
			     const char *name, const char *vf_token,
			     int *ret_fd)
{
	char with_token[80];
	int fd;

	if (vf_token) {
		fd = snprintf(with_token, sizeof(with_token), "%s vf_token=%s",
			      name, vf_token);
		if (fd < 0 || (size_t)fd >= sizeof(with_token))
			return -ENAMETOOLONG;
		name = with_token;
	}
	fd = group_ioctl(sys, group_fd, VFIO_GROUP_GET_DEVICE_FD, name);
	if (fd < 0)
		return fd;
	*ret_fd = fd;
	return 0;
}
