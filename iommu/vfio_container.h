/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The VFIO container file, /dev/vfio/vfio: one function for each ioctl of
 * its own and of the type1 IOMMU behind it.
 *
 * All return 0 or a negative errno and write no sentences.
 * Source: linux/vfio.h, "IOCTLs for VFIO file descriptor" and "API for
 * Type1 VFIO IOMMU".
 */
#ifndef MOAT_IOMMU_VFIO_CONTAINER_H
#define MOAT_IOMMU_VFIO_CONTAINER_H

#include <stdbool.h>
#include <stdint.h>

#include "iommu/range.h"
#include "iommu/vfio_sys.h"

int vfio_container_open(const struct vfio_sys *sys, const char *path,
			int *ret_fd);

/** vfio_container_get_api_version() - VFIO_API_VERSION is what we speak */
int vfio_container_get_api_version(const struct vfio_sys *sys, int fd,
				   int *ret_version);

/** vfio_container_has_type1v2() - can the container have such an IOMMU? */
int vfio_container_has_type1v2(const struct vfio_sys *sys, int fd,
			       bool *ret_has);

/** vfio_container_set_type1v2() - after the first group was added */
int vfio_container_set_type1v2(const struct vfio_sys *sys, int fd);

/** vfio_container_set_noiommu() - the same for a group that has no IOMMU */
int vfio_container_set_noiommu(const struct vfio_sys *sys, int fd);

struct vfio_container_info {
	uint64_t page_sizes; /* bitmap; 0 when the kernel told none */
	bool has_windows;    /* Linux 5.4 and later */
	struct range_set windows;
	bool has_dma_avail; /* Linux 5.10 and later */
	uint32_t dma_avail; /* maps that can still be made */
};

/**
 * vfio_container_get_info() - what the IOMMU can map now
 * @ret_info: its windows are freed by the caller
 *
 * Changes as groups come and go. -EINVAL without a group, and when what the
 * kernel returned makes no sense.
 */
int vfio_container_get_info(const struct vfio_sys *sys, int fd,
			    struct vfio_container_info *ret_info);

/* @flags: VFIO_DMA_MAP_FLAG_READ and _WRITE */
int vfio_container_map(const struct vfio_sys *sys, int fd,
		       struct moat_iova_range range, void *vaddr,
		       uint32_t flags);

/** vfio_container_unmap() - @ret_size: bytes that the kernel unmapped */
int vfio_container_unmap(const struct vfio_sys *sys, int fd,
			 struct moat_iova_range range, uint64_t *ret_size);

#endif /* MOAT_IOMMU_VFIO_CONTAINER_H */
