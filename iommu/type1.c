// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The type1 backend: a VFIO container with a TYPE1v2 IOMMU.
 *
 * Owns the container fd and the group fds. The kernel's order leaves one way
 * to a device: open its group, put the group in the container, give the
 * container an IOMMU (once, after the first group), and only then ask the
 * group for the device. A group can be open once in the whole system, so the
 * devices of one group share its fd and count its users.
 *
 * When the last group leaves, the kernel takes the IOMMU and every map from
 * the container; where iommufd stands in for it (CONFIG_IOMMUFD_VFIO_CONTAINER)
 * the maps stay until the container is closed. So that both are alike, the
 * container is closed then, and opened anew by the next group.
 *
 * Invariants: a group is in the list exactly while it is in the container
 * and its IOMMU is set; the list is empty or container_fd >= 0.
 * Locking: ioas->lock, except open_device(), which reads only what does not
 * change between join() and leave().
 *
 * Sources: Linux Documentation/driver-api/vfio.rst, "VFIO Usage Example";
 * drivers/vfio/container.c and vfio_iommu_type1.c for what an errno means.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>

#include <moat/log.h>

#include "common/util.h"
#include "common/vfio_driver.h"
#include "iommu/group.h"
#include "iommu/ioas_impl.h"
#include "iommu/memlock.h"
#include "iommu/refusal.h"
#include "iommu/vfio_container.h"
#include "iommu/vfio_group.h"

struct type1_group {
	struct ioas_file file; /* of /dev/vfio/N, N the group */
	struct type1_group *next;
};

struct type1 {
	int container_fd; /* -1 after the last group left */
	struct type1_group *groups;
};

static struct type1_group *to_group(struct ioas_file *file)
{
	return container_of(file, struct type1_group, file);
}

static int container_explain(const char *path, int r, struct moat_err *err)
{
	switch (r) {
	case -ENOENT:
	case -ENODEV:
		return moat_fail(err, -ENOENT,
				 "%s is not there: the kernel has no VFIO, or "
				 "its module is not loaded; try "
				 "'modprobe vfio-pci'",
				 path);
	default:
		return refusal_open(path, r, err);
	}
}

static int container_check(struct moat_ioas *ioas, int fd, const char *path,
			   struct moat_err *err)
{
	bool has_type1 = false;
	int version, r;

	r = vfio_container_get_api_version(&ioas->sys, fd, &version);
	if (r < 0)
		return moat_fail(err, r, "asking %s for its version: %s", path,
				 strerror(-r));
	if (version != VFIO_API_VERSION)
		return moat_fail(err, -ENOENT,
				 "%s speaks version %d of VFIO, and version %d "
				 "is needed",
				 path, version, VFIO_API_VERSION);
	r = vfio_container_has_type1v2(&ioas->sys, fd, &has_type1);
	if (r < 0)
		return moat_fail(err, r, "asking %s for its IOMMU types: %s",
				 path, strerror(-r));
	if (!has_type1)
		return moat_fail(err, -ENOENT,
				 "VFIO has no type1 IOMMU driver; try "
				 "'modprobe vfio_iommu_type1'");
	return 0;
}

static int container_open(struct moat_ioas *ioas, struct moat_err *err)
{
	struct type1 *t = ioas->backend;
	char path[PATH_MAX];
	int fd, r;

	r = moat_path(path, "%s/vfio/vfio", ioas->host->dev);
	if (r < 0)
		return moat_fail(err, r, "%s is too long a path",
				 ioas->host->dev);
	r = vfio_container_open(&ioas->sys, path, &fd);
	if (r < 0)
		return container_explain(path, r, err);
	r = container_check(ioas, fd, path, err);
	if (r < 0) {
		vfio_close(&ioas->sys, fd);
		return r;
	}
	t->container_fd = fd;
	return 0;
}

static void container_close(struct moat_ioas *ioas)
{
	struct type1 *t = ioas->backend;

	if (t->container_fd >= 0)
		vfio_close(&ioas->sys, t->container_fd);
	t->container_fd = -1;
}

static int type1_create(struct moat_ioas *ioas, struct moat_err *err)
{
	struct type1 *t;
	int r;

	if (ioas->files)
		return moat_fail(err, -ENOTSUP,
				 "type1 takes no files that are open already; "
				 "iommufd does");
	if (ioas->small_pages)
		return moat_fail(err, -ENOTSUP,
				 "type1 leaves large pages out for all its "
				 "users or none, with 'modprobe "
				 "vfio_iommu_type1 disable_hugepages=1'; "
				 "iommufd can for one");
	t = calloc(1, sizeof(*t));
	if (!t)
		return moat_fail(err, -ENOMEM, "out of memory");
	t->container_fd = -1;
	ioas->backend = t;
	r = container_open(ioas, err);
	if (r < 0) {
		free(t);
		ioas->backend = NULL;
	}
	return r;
}

static void type1_destroy(struct moat_ioas *ioas)
{
	container_close(ioas);
	free(ioas->backend);
	ioas->backend = NULL;
}

static struct type1_group *group_by_id(struct type1 *t, unsigned int id)
{
	struct type1_group *group;

	for (group = t->groups; group; group = group->next) {
		if (group->file.group == id)
			return group;
	}
	return NULL;
}

static int group_open_explain(const struct moat_ioas *ioas,
			      const struct ioas_device *dev, const char *path,
			      int r, struct moat_err *err)
{
	char who[WHO_MAX];

	switch (r) {
	case -EBUSY:
		return refusal_busy(ioas, dev, path, err);
	case -ENOENT:
	case -ENODEV:
		group_driver(ioas->host, dev->bdf, who, sizeof(who));
		if (moat_is_vfio_driver(who))
			return moat_fail(
				err, -ENODEV,
				"%s: %s is not there, though the device "
				"is bound to %s; a container may lack "
				"the node",
				dev->name, path, who);
		return moat_fail(err, -ENODEV,
				 "%s: %s is not there, since the device is "
				 "bound to %s; bind it to vfio-pci first",
				 dev->name, path, who[0] ? who : "no driver");
	default:
		return refusal_open_for(dev, "group", path, r, err);
	}
}

static int group_check_viable(const struct moat_ioas *ioas,
			      const struct ioas_device *dev,
			      const struct type1_group *group,
			      struct moat_err *err)
{
	bool viable = false;
	char who[WHO_MAX];
	int r;

	r = vfio_group_is_viable(&ioas->sys, group->file.fd, &viable);
	if (r < 0)
		return moat_fail(err, r,
				 "%s: asking for the state of IOMMU group %u: "
				 "%s",
				 dev->name, group->file.group, strerror(-r));
	if (viable)
		return 0;
	group_culprits(ioas->host, group->file.group, who, sizeof(who));
	return refusal_not_viable(dev, who, err);
}

/*
 * Open the group of @dev, which @dev->file is set to. Whether the ranges that
 * are mapped suit it is settled before the container has it, where a refusal
 * would be a bare EINVAL.
 */
static int group_open(struct moat_ioas *ioas, struct ioas_device *dev,
		      struct moat_err *err)
{
	struct type1_group *group = to_group(dev->file);
	char path[PATH_MAX];
	int r;

	r = ioas_read_reserved(ioas, dev, err);
	if (r < 0)
		return r;
	r = moat_path(path, "%s/vfio/%u", ioas->host->dev, group->file.group);
	if (r < 0) {
		(void)moat_fail(err, r, "%s is too long a path",
				ioas->host->dev);
		goto free_reserved;
	}
	r = vfio_group_open(&ioas->sys, path, &group->file.fd);
	if (r < 0) {
		r = group_open_explain(ioas, dev, path, r, err);
		goto free_reserved;
	}
	r = group_check_viable(ioas, dev, group, err);
	if (r < 0)
		goto close_fd;
	return 0;
close_fd:
	vfio_close(&ioas->sys, group->file.fd);
free_reserved:
	resv_free(&group->file.reserved);
	return r;
}

static void group_close(struct moat_ioas *ioas, struct type1_group *group)
{
	vfio_close(&ioas->sys, group->file.fd);
	resv_free(&group->file.reserved);
}

static void group_leave(struct moat_ioas *ioas, struct type1_group *group)
{
	int r;

	r = vfio_group_unset_container(&ioas->sys, group->file.fd);
	if (r < 0)
		log_err("IOMMU group %u did not leave its container: %s%s",
			group->file.group, strerror(-r),
			r == -EBUSY ? "; a device of it is still open" : "");
}

/* Into the container, and the first group brings the container's IOMMU. */
static int group_enter(struct moat_ioas *ioas, struct ioas_device *dev,
		       struct moat_err *err)
{
	struct type1_group *group = to_group(dev->file);
	struct type1 *t = ioas->backend;
	int r;

	if (t->container_fd < 0) {
		r = container_open(ioas, err);
		if (r < 0)
			return moat_fail_prefix(err, r, "%s", dev->name);
	}
	r = vfio_group_set_container(&ioas->sys, group->file.fd,
				     t->container_fd);
	if (r < 0)
		return refusal_explain(ioas, dev, "VFIO_GROUP_SET_CONTAINER", r,
				       err);
	if (!t->groups) {
		r = vfio_container_set_type1v2(&ioas->sys, t->container_fd);
		if (r < 0) {
			r = refusal_explain(ioas, dev, "VFIO_SET_IOMMU", r,
					    err);
			group_leave(ioas, group);
			return r;
		}
	}
	group->next = t->groups;
	t->groups = group;
	return 0;
}

static int type1_join(struct moat_ioas *ioas, struct ioas_device *dev,
		      struct moat_err *err)
{
	struct type1 *t = ioas->backend;
	struct type1_group *group;
	unsigned int id;
	int r;

	r = group_of_device(ioas->host, dev->bdf, &id, err);
	if (r < 0)
		return r;
	group = group_by_id(t, id);
	if (group) {
		group->file.users++;
		dev->file = &group->file;
		return 0;
	}
	group = calloc(1, sizeof(*group));
	if (!group)
		return moat_fail(err, -ENOMEM, "%s: out of memory", dev->name);
	group->file.group = id;
	group->file.users = 1;
	dev->file = &group->file;
	r = group_open(ioas, dev, err);
	if (r < 0)
		goto free_group;
	r = group_enter(ioas, dev, err);
	if (r < 0)
		goto close_group;
	return 0;
close_group:
	group_close(ioas, group);
free_group:
	free(group);
	dev->file = NULL;
	return r;
}

static void type1_leave(struct moat_ioas *ioas, struct ioas_device *dev)
{
	struct type1_group *group = to_group(dev->file);
	struct type1 *t = ioas->backend;
	struct type1_group **at = &t->groups;

	dev->file = NULL;
	if (--group->file.users > 0)
		return;
	while (*at != group)
		at = &(*at)->next;
	*at = group->next;
	group_leave(ioas, group);
	group_close(ioas, group);
	free(group);
	if (!t->groups)
		container_close(ioas);
}

static int type1_open_device(struct moat_ioas *ioas, struct ioas_device *dev,
			     int *ret_fd, struct moat_err *err)
{
	char driver[64];
	int r;

	r = vfio_group_get_device_fd(&ioas->sys, dev->file->fd, dev->name,
				     dev->vf_token, ret_fd);
	switch (r) {
	case 0:
		return 0;
	case -ENODEV:
		group_driver(ioas->host, dev->bdf, driver, sizeof(driver));
		return moat_fail(err, r,
				 "%s: VFIO does not have the device: it is "
				 "bound to %s; bind it to vfio-pci first",
				 dev->name, driver[0] ? driver : "no driver");
	case -EACCES:
		return refusal_token(dev, err);
	case -EPERM:
	case -EINVAL:
		if (r == -EINVAL && dev->vf_token)
			return moat_fail(
				err, -ENOTSUP,
				"%s: VFIO takes no token (vf-token) for it: "
				"it is not a virtual function whose physical "
				"one is VFIO's, nor a physical one",
				dev->name);
		/* Where iommufd is the container, the check comes this late. */
		return refusal_explain(ioas, dev, "VFIO_GROUP_GET_DEVICE_FD", r,
				       err);
	default:
		return moat_fail(err, r, "%s: opening the device: %s",
				 dev->name, strerror(-r));
	}
}

static int type1_limits(struct moat_ioas *ioas, struct ioas_limits *ret_limits,
			struct moat_err *err)
{
	const struct moat_iova_range all = { 0, UINT64_MAX };
	struct vfio_container_info info;
	struct type1 *t = ioas->backend;
	struct type1_group *group;
	int r;

	r = vfio_container_get_info(&ioas->sys, t->container_fd, &info);
	if (r < 0)
		return moat_fail(err, r, "asking what the IOMMU can map: %s",
				 strerror(-r));
	if (!info.has_windows)
		r = range_set_add(&info.windows, all);
	/* The kernel has done this, unless it is old or iommufd's. */
	for (group = t->groups; r == 0 && group; group = group->next)
		r = resv_remove_from(&group->file.reserved, &info.windows);
	if (r < 0) {
		range_set_free(&info.windows);
		return moat_fail(err, r, "out of memory");
	}
	ret_limits->windows = info.windows;
	/* The lowest bit is the smallest page. */
	ret_limits->granule = info.page_sizes
				      ? info.page_sizes & -info.page_sizes
				      : ioas->page_size;
	ret_limits->entries = info.has_dma_avail ? info.dma_avail : UINT64_MAX;
	return 0;
}

static int type1_allow_pinning(struct moat_ioas *ioas, uint64_t bytes,
			       bool *ret_any, struct moat_err *err)
{
	const struct memlock_use use = { .bytes = bytes };

	return memlock_allow(&ioas->sys, ioas->host, &use, ret_any, err);
}

static int type1_map(struct moat_ioas *ioas, const struct ioas_map *map,
		     struct moat_err *err)
{
	const struct memlock_use use = { .bytes = map->range.last -
						  map->range.first + 1 };
	struct type1 *t = ioas->backend;
	uint32_t flags = 0;
	int r;

	if (map->prot & MOAT_DMA_READ)
		flags |= VFIO_DMA_MAP_FLAG_READ;
	if (map->prot & MOAT_DMA_WRITE)
		flags |= VFIO_DMA_MAP_FLAG_WRITE;
	r = vfio_container_map(&ioas->sys, t->container_fd, map->range,
			       map->vaddr, flags);
	switch (r) {
	case 0:
		return 0;
	case -ENOMEM:
		return memlock_explain(&ioas->sys, ioas->host, &use, err);
	case -ENOSPC:
		return moat_fail(err, r,
				 "the kernel takes no more maps "
				 "(dma_entry_limit of vfio_iommu_type1)");
	default:
		return refusal_map(map, "VFIO_IOMMU_MAP_DMA", r, err);
	}
}

static int type1_unmap(struct moat_ioas *ioas, const struct ioas_map *map)
{
	struct type1 *t = ioas->backend;
	uint64_t size = 0;
	int r;

	r = vfio_container_unmap(&ioas->sys, t->container_fd, map->range,
				 &size);
	if (r < 0)
		return -EIO;
	return size == map->range.last - map->range.first + 1 ? 0 : -EIO;
}

const struct ioas_ops type1_ops = {
	.name = "type1",
	.interrupts_module = "vfio_iommu_type1",
	.needs_device = true,
	.file_is_group = true,
	.create = type1_create,
	.destroy = type1_destroy,
	.join = type1_join,
	.leave = type1_leave,
	.open_device = type1_open_device,
	.limits = type1_limits,
	.allow_pinning = type1_allow_pinning,
	.map = type1_map,
	.unmap = type1_unmap,
};
