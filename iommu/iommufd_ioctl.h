/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The iommufd file, /dev/iommu: one function for each of its ioctls.
 *
 * All return 0 or the kernel's errno, negative, and write no sentences.
 * Source: linux/iommufd.h; Linux Documentation/userspace-api/iommufd.rst.
 */
#ifndef MOAT_IOMMU_IOMMUFD_IOCTL_H
#define MOAT_IOMMU_IOMMUFD_IOCTL_H

#include <stdint.h>

#include "iommu/range.h"
#include "iommu/vfio_sys.h"

int iommufd_open(const struct vfio_sys *sys, const char *path, int *ret_fd);

/** iommufd_ioas_alloc() - make an I/O address space (IOAS) without maps */
int iommufd_ioas_alloc(const struct vfio_sys *sys, int fd, uint32_t *ret_ioas);

/** iommufd_destroy() - destroy any object; -EBUSY while it is used */
int iommufd_destroy(const struct vfio_sys *sys, int fd, uint32_t id);

/** iommufd_set_huge_pages() - may the IOMMU's tables use large pages? */
int iommufd_set_huge_pages(const struct vfio_sys *sys, int fd, uint32_t ioas,
			   uint64_t on);

struct iommufd_windows {
	uint64_t alignment; /* of a map's ends; a power of two */
	struct range_set ranges;
};

/**
 * iommufd_iova_ranges() - what can be mapped, for all that is attached
 * @ret_windows: its ranges are freed by the caller
 *
 * -EINVAL when what the kernel returned makes no sense.
 */
int iommufd_iova_ranges(const struct vfio_sys *sys, int fd, uint32_t ioas,
			struct iommufd_windows *ret_windows);

/* @flags: IOMMU_IOAS_MAP_READABLE and _WRITEABLE; @range is where it goes. */
int iommufd_map(const struct vfio_sys *sys, int fd, uint32_t ioas,
		struct moat_iova_range range, void *vaddr, uint32_t flags);

/** iommufd_unmap() - @ret_size: bytes that the kernel unmapped */
int iommufd_unmap(const struct vfio_sys *sys, int fd, uint32_t ioas,
		  struct moat_iova_range range, uint64_t *ret_size);

#endif /* MOAT_IOMMU_IOMMUFD_IOCTL_H */
