/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The VFIO group file, /dev/vfio/N: one function for each of its ioctls.
 *
 * All return 0 or the kernel's errno, negative, and write no sentences: what
 * an errno means depends on the step, which the caller knows.
 * Source: linux/vfio.h, "IOCTLs for GROUP file descriptors".
 */
#ifndef MOAT_IOMMU_VFIO_GROUP_H
#define MOAT_IOMMU_VFIO_GROUP_H

#include <stdbool.h>

#include "iommu/vfio_sys.h"

/** vfio_group_open() - open @path; -EBUSY when somebody else has */
int vfio_group_open(const struct vfio_sys *sys, const char *path, int *ret_fd);

/** vfio_group_is_viable() - is no device of the group used by the host? */
int vfio_group_is_viable(const struct vfio_sys *sys, int group_fd,
			 bool *ret_viable);

int vfio_group_set_container(const struct vfio_sys *sys, int group_fd,
			     int container_fd);

/* -EBUSY while a device of the group is open. */
int vfio_group_unset_container(const struct vfio_sys *sys, int group_fd);

/**
 * vfio_group_get_device_fd() - open a device; resets it, 100 ms and more
 * @name:     as sysfs spells it
 * @vf_token: a UUID as text; NULL: none
 *
 * The fd that the kernel gives is close-on-exec.
 */
int vfio_group_get_device_fd(const struct vfio_sys *sys, int group_fd,
			     const char *name, const char *vf_token,
			     int *ret_fd);

#endif /* MOAT_IOMMU_VFIO_GROUP_H */
