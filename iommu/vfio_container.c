// SPDX-License-Identifier: GPL-2.0-or-later
/* The ioctls of /dev/vfio/vfio, a VFIO container. No state. */
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "iommu/vfio_container.h"

/* More than the kernel has to say, by far: a bound against nonsense. */
#define INFO_MAX (1u << 20)

static int container_ioctl(const struct vfio_sys *sys, int fd,
			   unsigned long request, const void *arg)
{
	return sys->ops->ioctl(sys->opaque, fd, request, (uintptr_t)arg);
}

int vfio_container_open(const struct vfio_sys *sys, const char *path,
			int *ret_fd)
{
	int fd = sys->ops->open(sys->opaque, path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return fd;
	*ret_fd = fd;
	return 0;
}

int vfio_container_get_api_version(const struct vfio_sys *sys, int fd,
				   int *ret_version)
{
	int r = container_ioctl(sys, fd, VFIO_GET_API_VERSION, NULL);

	if (r < 0)
		return r;
	*ret_version = r;
	return 0;
}

int vfio_container_has_type1v2(const struct vfio_sys *sys, int fd,
			       bool *ret_has)
{
	int r = sys->ops->ioctl(sys->opaque, fd, VFIO_CHECK_EXTENSION,
				VFIO_TYPE1v2_IOMMU);

	if (r < 0)
		return r;
	*ret_has = r > 0;
	return 0;
}

int vfio_container_set_type1v2(const struct vfio_sys *sys, int fd)
{
	return sys->ops->ioctl(sys->opaque, fd, VFIO_SET_IOMMU,
			       VFIO_TYPE1v2_IOMMU);
}

int vfio_container_set_noiommu(const struct vfio_sys *sys, int fd)
{
	return sys->ops->ioctl(sys->opaque, fd, VFIO_SET_IOMMU,
			       VFIO_NOIOMMU_IOMMU);
}

/* The raw answer, of whatever length it has; freed by the caller. */
static int get_raw_info(const struct vfio_sys *sys, int fd,
			struct vfio_iommu_type1_info **ret_raw)
{
	struct vfio_iommu_type1_info *raw = NULL, *bigger;
	uint32_t size = sizeof(*raw);
	int r;

	for (;;) {
		bigger = realloc(raw, size);
		if (!bigger) {
			r = -ENOMEM;
			break;
		}
		raw = bigger;
		memset(raw, 0, size);
		raw->argsz = size;
		r = container_ioctl(sys, fd, VFIO_IOMMU_GET_INFO, raw);
		if (r < 0)
			break;
		if (raw->argsz <= size) {
			raw->argsz = size;
			*ret_raw = raw;
			return 0;
		}
		/* It grew: a group came with more windows, or the first call. */
		size = raw->argsz;
		if (size > INFO_MAX) {
			r = -EINVAL;
			break;
		}
	}
	free(raw);
	return r;
}

static int read_windows(const uint8_t *cap, size_t room,
			struct vfio_container_info *info)
{
	struct vfio_iommu_type1_info_cap_iova_range fixed;
	struct vfio_iova_range range;
	int r;

	if (info->has_windows || room < sizeof(fixed))
		return -EINVAL;
	memcpy(&fixed, cap, sizeof(fixed));
	if (fixed.nr_iovas > (room - sizeof(fixed)) / sizeof(range))
		return -EINVAL;
	info->has_windows = true;
	for (uint32_t i = 0; i < fixed.nr_iovas; i++) {
		memcpy(&range, cap + sizeof(fixed) + i * sizeof(range),
		       sizeof(range));
		if (range.start > range.end)
			return -EINVAL;
		r = range_set_add(
			&info->windows,
			(struct moat_iova_range) { range.start, range.end });
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_dma_avail(const uint8_t *cap, size_t room,
			  struct vfio_container_info *info)
{
	struct vfio_iommu_type1_info_dma_avail fixed;

	if (room < sizeof(fixed))
		return -EINVAL;
	memcpy(&fixed, cap, sizeof(fixed));
	info->has_dma_avail = true;
	info->dma_avail = fixed.avail;
	return 0;
}

/* Capabilities are chained by offsets from the start of @raw. */
static int read_caps(const struct vfio_iommu_type1_info *raw,
		     struct vfio_container_info *info)
{
	const uint8_t *base = (const uint8_t *)raw;
	struct vfio_info_cap_header header;
	uint32_t offset = raw->cap_offset;
	unsigned int left = 32; /* a chain may not go in circles */
	int r = 0;

	for (; offset != 0; offset = header.next) {
		if (left-- == 0 || offset < sizeof(*raw) ||
		    offset > raw->argsz || raw->argsz - offset < sizeof(header))
			return -EINVAL;
		memcpy(&header, base + offset, sizeof(header));
		if (header.id == VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE)
			r = read_windows(base + offset, raw->argsz - offset,
					 info);
		else if (header.id == VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL)
			r = read_dma_avail(base + offset, raw->argsz - offset,
					   info);
		if (r < 0)
			return r;
	}
	return 0;
}

int vfio_container_get_info(const struct vfio_sys *sys, int fd,
			    struct vfio_container_info *ret_info)
{
	struct vfio_container_info info = { 0 };
	struct vfio_iommu_type1_info *raw;
	int r;

	r = get_raw_info(sys, fd, &raw);
	if (r < 0)
		return r;
	if (raw->flags & VFIO_IOMMU_INFO_PGSIZES)
		info.page_sizes = raw->iova_pgsizes;
	if (raw->flags & VFIO_IOMMU_INFO_CAPS)
		r = read_caps(raw, &info);
	free(raw);
	if (r < 0) {
		range_set_free(&info.windows);
		return r;
	}
	*ret_info = info;
	return 0;
}

int vfio_container_map(const struct vfio_sys *sys, int fd,
		       struct moat_iova_range range, void *vaddr,
		       uint32_t flags)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = flags,
		.vaddr = (uintptr_t)vaddr,
		.iova = range.first,
		.size = range.last - range.first + 1,
	};

	return container_ioctl(sys, fd, VFIO_IOMMU_MAP_DMA, &map);
}

int vfio_container_unmap(const struct vfio_sys *sys, int fd,
			 struct moat_iova_range range, uint64_t *ret_size)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = range.first,
		.size = range.last - range.first + 1,
	};
	int r;

	r = container_ioctl(sys, fd, VFIO_IOMMU_UNMAP_DMA, &unmap);
	if (r < 0)
		return r;
	*ret_size = unmap.size;
	return 0;
}
