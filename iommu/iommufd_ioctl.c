// SPDX-License-Identifier: GPL-2.0-or-later
/* The ioctls of /dev/iommu, an iommufd. No state. */
#include <errno.h>
#include <fcntl.h>
#include <linux/iommufd.h>
#include <stdlib.h>
#include <string.h>

#include "common/util.h"
#include "iommu/iommufd_ioctl.h"

/* More ranges than any IOMMU has, by far: a bound against nonsense. */
#define RANGES_MAX (1u << 16)

static int iommufd_ioctl(const struct vfio_sys *sys, int fd,
			 unsigned long request, const void *arg)
{
	return sys->ops->ioctl(sys->opaque, fd, request, (uintptr_t)arg);
}

int iommufd_open(const struct vfio_sys *sys, const char *path, int *ret_fd)
{
	int fd = sys->ops->open(sys->opaque, path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return fd;
	*ret_fd = fd;
	return 0;
}

int iommufd_ioas_alloc(const struct vfio_sys *sys, int fd, uint32_t *ret_ioas)
{
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
	int r;

	r = iommufd_ioctl(sys, fd, IOMMU_IOAS_ALLOC, &alloc);
	if (r < 0)
		return r;
	*ret_ioas = alloc.out_ioas_id;
	return 0;
}

int iommufd_destroy(const struct vfio_sys *sys, int fd, uint32_t id)
{
	struct iommu_destroy destroy = { .size = sizeof(destroy), .id = id };

	return iommufd_ioctl(sys, fd, IOMMU_DESTROY, &destroy);
}

int iommufd_set_huge_pages(const struct vfio_sys *sys, int fd, uint32_t ioas,
			   uint64_t on)
{
	struct iommu_option option = {
		.size = sizeof(option),
		.option_id = IOMMU_OPTION_HUGE_PAGES,
		.op = IOMMU_OPTION_OP_SET,
		.object_id = ioas,
		.val64 = on,
	};

	return iommufd_ioctl(sys, fd, IOMMU_OPTION, &option);
}

/* All ranges at once, however many there are; freed by the caller. */
static int get_ranges(const struct vfio_sys *sys, int fd,
		      struct iommu_ioas_iova_ranges *cmd,
		      struct iommu_iova_range **ret_ranges)
{
	struct iommu_iova_range *ranges = NULL, *more;
	uint32_t room = 16;
	int r;

	for (;;) {
		more = reallocarray(ranges, room, sizeof(*ranges));
		if (!more) {
			r = -ENOMEM;
			break;
		}
		ranges = more;
		cmd->num_iovas = room;
		cmd->allowed_iovas = (uintptr_t)ranges;
		r = iommufd_ioctl(sys, fd, IOMMU_IOAS_IOVA_RANGES, cmd);
		if (r == 0 && cmd->num_iovas <= room) {
			*ret_ranges = ranges;
			return 0;
		}
		if (r < 0 && r != -EMSGSIZE)
			break;
		/* It says how many there are; a device may bring more. */
		if (cmd->num_iovas <= room || cmd->num_iovas > RANGES_MAX) {
			r = -EINVAL;
			break;
		}
		room = cmd->num_iovas;
	}
	free(ranges);
	return r;
}

int iommufd_iova_ranges(const struct vfio_sys *sys, int fd, uint32_t ioas,
			struct iommufd_windows *ret_windows)
{
	struct iommu_ioas_iova_ranges cmd = { .size = sizeof(cmd),
					      .ioas_id = ioas };
	struct iommufd_windows windows = { 0 };
	struct iommu_iova_range *ranges;
	int r;

	r = get_ranges(sys, fd, &cmd, &ranges);
	if (r < 0)
		return r;
	windows.alignment = cmd.out_iova_alignment;
	if (!is_power_of_2(windows.alignment))
		r = -EINVAL;
	for (uint32_t i = 0; r == 0 && i < cmd.num_iovas; i++) {
		if (ranges[i].start > ranges[i].last)
			r = -EINVAL;
		else
			r = range_set_add(
				&windows.ranges,
				(struct moat_iova_range) { ranges[i].start,
							   ranges[i].last });
	}
	free(ranges);
	if (r < 0) {
		range_set_free(&windows.ranges);
		return r;
	}
	*ret_windows = windows;
	return 0;
}

int iommufd_map(const struct vfio_sys *sys, int fd, uint32_t ioas,
		struct moat_iova_range range, void *vaddr, uint32_t flags)
{
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = flags | IOMMU_IOAS_MAP_FIXED_IOVA,
		.ioas_id = ioas,
		.user_va = (uintptr_t)vaddr,
		.length = range.last - range.first + 1,
		.iova = range.first,
	};

	return iommufd_ioctl(sys, fd, IOMMU_IOAS_MAP, &map);
}

int iommufd_unmap(const struct vfio_sys *sys, int fd, uint32_t ioas,
		  struct moat_iova_range range, uint64_t *ret_size)
{
	struct iommu_ioas_unmap unmap = {
		.size = sizeof(unmap),
		.ioas_id = ioas,
		.iova = range.first,
		.length = range.last - range.first + 1,
	};
	int r;

	r = iommufd_ioctl(sys, fd, IOMMU_IOAS_UNMAP, &unmap);
	if (r < 0)
		return r;
	*ret_size = unmap.length;
	return 0;
}
