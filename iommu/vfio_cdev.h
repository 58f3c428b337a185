/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The VFIO device file that is opened by its own node,
 * /dev/vfio/devices/vfioN: one function for each ioctl that ties it to an
 * iommufd. What else it does is the same for every VFIO device.
 *
 * All return 0 or the kernel's errno, negative, and write no sentences.
 * Source: linux/vfio.h; Linux Documentation/driver-api/vfio.rst, "Device
 * cdev Example".
 */
#ifndef MOAT_IOMMU_VFIO_CDEV_H
#define MOAT_IOMMU_VFIO_CDEV_H

#include <stdint.h>

#include "iommu/vfio_sys.h"

/** vfio_cdev_open() - the device does nothing before it is bound */
int vfio_cdev_open(const struct vfio_sys *sys, const char *path, int *ret_fd);

/**
 * vfio_cdev_bind() - open the device for good; resets it, 100 ms and more
 *
 * @vf_token: 16 bytes; NULL: none. Kernels before 6.17 answer -EINVAL to one.
 *
 * From here on the device belongs to @iommufd, and its DMA is blocked until
 * it is attached. Closing the last fd of the file undoes it.
 */
int vfio_cdev_bind(const struct vfio_sys *sys, int fd, int iommufd,
		   const uint8_t *vf_token);

/** vfio_cdev_attach() - let the device reach what @ioas maps; pins it */
int vfio_cdev_attach(const struct vfio_sys *sys, int fd, uint32_t ioas);

/** vfio_cdev_detach() - and no longer: its DMA is blocked */
int vfio_cdev_detach(const struct vfio_sys *sys, int fd);

#endif /* MOAT_IOMMU_VFIO_CDEV_H */
