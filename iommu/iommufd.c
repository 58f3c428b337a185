// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The iommufd backend: an I/O address space (IOAS) of /dev/iommu, and VFIO
 * devices by their own files (cdevs).
 *
 * Owns the iommufd, the IOAS and the cdev fds. The way to a device: open its
 * cdev, tell KVM, bind it to the iommufd (which opens and resets it, and
 * blocks its DMA), attach it to the IOAS. The fd that the attacher gets is a
 * second one of the same file, since KVM is told by fd both when the device
 * comes and when it has gone. Each device has a file of its own, also where
 * devices share a group; the kernel sees to it that they share the iommufd.
 *
 * The kernel takes maps without a device, and pins nothing before one is
 * attached. They are put there when the first device has joined, and the
 * IOAS is destroyed when the last has left: so this backend and type1 are
 * alike, and no memory is known to the kernel that no device may reach. What
 * a device's IOMMU cannot reach is thus found out when it is attached.
 *
 * Invariants: there is an IOAS exactly while a device has joined; a cdev is
 * attached only between open_device() and leave().
 * Locking: ioas->lock, except open_device(), which reads only what does not
 * change between join() and leave(), and writes its own device's.
 *
 * Sources: Linux Documentation/userspace-api/iommufd.rst; drivers/vfio/
 * device_cdev.c and drivers/iommu/iommufd/ for what an errno means.
 */
#include <errno.h>
#include <linux/iommufd.h>
#include <stdlib.h>
#include <string.h>

#include <moat/log.h>

#include "common/parse.h"
#include "common/util.h"
#include "iommu/group.h"
#include "iommu/ioas_impl.h"
#include "iommu/iommufd_files.h"
#include "iommu/iommufd_ioctl.h"
#include "iommu/memlock.h"
#include "iommu/refusal.h"
#include "iommu/vfio_cdev.h"

struct iommufd_device {
	struct ioas_file file; /* of the cdev */
	bool attached;
};

struct iommufd {
	int fd;
	uint32_t ioas_id; /* while @n_devices > 0 */
	unsigned int n_devices;
	uint64_t mapped; /* bytes in the IOAS */
};

static struct iommufd_device *to_device(struct ioas_file *file)
{
	return container_of(file, struct iommufd_device, file);
}

static int iommufd_create(struct moat_ioas *ioas, struct moat_err *err)
{
	struct iommufd *t;
	int r;

	t = calloc(1, sizeof(*t));
	if (!t)
		return moat_fail(err, -ENOMEM, "out of memory");
	r = iommufd_get(ioas, &t->fd, err);
	if (r < 0) {
		free(t);
		return r;
	}
	ioas->backend = t;
	return 0;
}

static void iommufd_destroy_backend(struct moat_ioas *ioas)
{
	struct iommufd *t = ioas->backend;

	vfio_close(&ioas->sys, t->fd);
	free(t);
	ioas->backend = NULL;
}

/* The IOAS that the first device brings. */
static int ioas_begin(struct moat_ioas *ioas, const struct ioas_device *dev,
		      struct moat_err *err)
{
	struct iommufd *t = ioas->backend;
	int r;

	r = iommufd_ioas_alloc(&ioas->sys, t->fd, &t->ioas_id);
	if (r < 0)
		return moat_fail(err, r, "%s: IOMMU_IOAS_ALLOC: %s", dev->name,
				 strerror(-r));
	t->mapped = 0;
	if (!ioas->small_pages)
		return 0;
	r = iommufd_set_huge_pages(&ioas->sys, t->fd, t->ioas_id, false);
	if (r < 0) {
		(void)iommufd_destroy(&ioas->sys, t->fd, t->ioas_id);
		return moat_fail(err, r, "%s: IOMMU_OPTION_HUGE_PAGES: %s",
				 dev->name, strerror(-r));
	}
	return 0;
}

static void ioas_end(struct moat_ioas *ioas)
{
	struct iommufd *t = ioas->backend;
	int r;

	r = iommufd_destroy(&ioas->sys, t->fd, t->ioas_id);
	if (r < 0)
		log_err("an I/O address space was not destroyed: %s; it goes "
			"when /dev/iommu is closed",
			strerror(-r));
}

/* Open the cdev of @dev, which @dev->file is set to. */
static int cdev_open(struct moat_ioas *ioas, struct ioas_device *dev,
		     struct moat_err *err)
{
	char path[PATH_MAX];
	int r;

	r = iommufd_cdev_path(ioas, dev, path, err);
	if (r < 0)
		return r;
	r = ioas_read_reserved(ioas, dev, err);
	if (r < 0)
		return r;
	r = iommufd_cdev_get(ioas, dev, path, err);
	if (r < 0)
		resv_free(&dev->file->reserved);
	return r;
}

static void cdev_close(struct moat_ioas *ioas, struct ioas_file *file)
{
	vfio_close(&ioas->sys, file->fd);
	resv_free(&file->reserved);
}

static int iommufd_join(struct moat_ioas *ioas, struct ioas_device *dev,
			struct moat_err *err)
{
	struct iommufd *t = ioas->backend;
	struct iommufd_device *device;
	unsigned int group;
	int r;

	r = group_of_device(ioas->host, dev->bdf, &group, err);
	if (r < 0)
		return r;
	device = calloc(1, sizeof(*device));
	if (!device)
		return moat_fail(err, -ENOMEM, "%s: out of memory", dev->name);
	device->file.group = group;
	device->file.users = 1;
	dev->file = &device->file;
	r = cdev_open(ioas, dev, err);
	if (r < 0)
		goto free_device;
	if (t->n_devices == 0) {
		r = ioas_begin(ioas, dev, err);
		if (r < 0)
			goto close_cdev;
	}
	t->n_devices++;
	return 0;
close_cdev:
	cdev_close(ioas, &device->file);
free_device:
	free(device);
	dev->file = NULL;
	return r;
}

static void iommufd_leave(struct moat_ioas *ioas, struct ioas_device *dev)
{
	struct iommufd_device *device = to_device(dev->file);
	struct iommufd *t = ioas->backend;
	int r;

	dev->file = NULL;
	if (device->attached) {
		r = vfio_cdev_detach(&ioas->sys, device->file.fd);
		if (r < 0)
			log_err("%s: did not leave its I/O address space: %s",
				dev->name, strerror(-r));
	}
	/* The last fd of the file, and so the device is unbound, too. */
	cdev_close(ioas, &device->file);
	free(device);
	if (--t->n_devices == 0)
		ioas_end(ioas);
}

static int bind_explain(const struct moat_ioas *ioas,
			const struct ioas_device *dev, int r,
			struct moat_err *err)
{
	const struct ioas_file *file = dev->file;
	char path[PATH_MAX], who[WHO_MAX], param[PATH_MAX];

	if (r == -EACCES)
		return refusal_token(dev, err);
	if (r == -EINVAL && dev->vf_token)
		return moat_fail(err, -ENOTSUP,
				 "%s: VFIO takes no token (vf-token) for it: "
				 "the kernel is older than 6.17, where "
				 "-iommu type1 does, or the device needs none",
				 dev->name);
	if (r == -EBUSY &&
	    moat_path(path, "%s/vfio/%u", ioas->host->dev, file->group) == 0)
		return refusal_busy(ioas, dev, path, err);
	if (r != -EPERM && r != -EINVAL)
		return moat_fail(err, r, "%s: opening the device: %s",
				 dev->name, strerror(-r));
	/* EINVAL: the device is open; EPERM: another one of its group. */
	if (iommufd_cdev_path(ioas, dev, path, NULL) == 0) {
		group_holder(ioas->host, path, false, who, sizeof(who));
		if (who[0])
			return moat_fail(
				err, -EBUSY,
				"%s: is in use: %s is held by %s; end that "
				"first",
				dev->name, path, who);
	}
	if (r == -EINVAL && !resv_has_direct(&file->reserved))
		return moat_fail(
			err, r,
			"%s: the kernel does not bind it to an iommufd: either "
			"another process has it open, or its IOMMU does not "
			"keep DMA coherent with the processor's caches, which "
			"type1 can do without",
			dev->name);
	if (r == -EPERM &&
	    !group_unsafe_interrupts(ioas->host, "iommufd", param)) {
		group_culprits(ioas->host, file->group, who, sizeof(who));
		if (who[0])
			return refusal_not_viable(dev, who, err);
	}
	return refusal_explain(ioas, dev, "VFIO_DEVICE_BIND_IOMMUFD", r, err);
}

/*
 * What the device's IOMMU can reach is known only once it is attached, and
 * to @ioas it is not: ask with an IOAS that is empty. Best effort.
 */
static int probe_limits(struct moat_ioas *ioas, const struct ioas_device *dev,
			struct ioas_limits *ret_limits)
{
	struct iommufd *t = ioas->backend;
	struct iommufd_windows windows;
	uint32_t id;
	int r;

	r = iommufd_ioas_alloc(&ioas->sys, t->fd, &id);
	if (r < 0)
		return r;
	r = vfio_cdev_attach(&ioas->sys, dev->file->fd, id);
	if (r < 0)
		goto destroy;
	r = iommufd_iova_ranges(&ioas->sys, t->fd, id, &windows);
	if (r == 0)
		*ret_limits =
			(struct ioas_limits) { .granule = windows.alignment,
					       .windows = windows.ranges,
					       .entries = UINT64_MAX };
	(void)vfio_cdev_detach(&ioas->sys, dev->file->fd);
destroy:
	(void)iommufd_destroy(&ioas->sys, t->fd, id);
	return r;
}

static int unreachable_explain(struct moat_ioas *ioas,
			       const struct ioas_device *dev, int attach_r,
			       struct moat_err *err)
{
	struct ioas_limits limits;
	int r;

	r = probe_limits(ioas, dev, &limits);
	if (r == 0) {
		pthread_mutex_lock(&ioas->lock);
		r = ioas_check_maps(ioas, &limits, err);
		pthread_mutex_unlock(&ioas->lock);
		range_set_free(&limits.windows);
		if (r < 0)
			return moat_fail_prefix(err, r, "%s", dev->name);
	}
	return moat_fail(
		err, attach_r,
		"%s: its IOMMU cannot reach all that is mapped, or "
		"reserves a part of it (VFIO_DEVICE_ATTACH_IOMMUFD_PT: "
		"%s)",
		dev->name, strerror(-attach_r));
}

static int attach_explain(struct moat_ioas *ioas, const struct ioas_device *dev,
			  int r, struct moat_err *err)
{
	struct memlock_use use = { .by_user = true };
	struct iommufd *t = ioas->backend;

	switch (r) {
	case -ENOMEM:
		pthread_mutex_lock(&ioas->lock);
		use.bytes = t->mapped;
		pthread_mutex_unlock(&ioas->lock);
		(void)memlock_explain(&ioas->sys, ioas->host, &use, err);
		return moat_fail_prefix(err, r, "%s", dev->name);
	case -EADDRINUSE:
		return unreachable_explain(ioas, dev, r, err);
	case -EFAULT:
		return moat_fail(err, r,
				 "%s: there is not memory of the right kind at "
				 "all host addresses that are mapped",
				 dev->name);
	default:
		return refusal_explain(ioas, dev,
				       "VFIO_DEVICE_ATTACH_IOMMUFD_PT", r, err);
	}
}

/* What has been done when it fails is undone by leave(). */
static int iommufd_open_device(struct moat_ioas *ioas, struct ioas_device *dev,
			       int *ret_fd, struct moat_err *err)
{
	struct iommufd_device *device = to_device(dev->file);
	struct iommufd *t = ioas->backend;
	uint8_t token[16];
	int fd, r;

	fd = ioas->sys.ops->dup(ioas->sys.opaque, device->file.fd);
	if (fd < 0)
		return moat_fail(err, fd, "%s: a second fd of the device: %s",
				 dev->name, strerror(-fd));
	if (dev->vf_token && moat_parse_uuid(dev->vf_token, token) < 0)
		r = -EINVAL;
	else
		r = vfio_cdev_bind(&ioas->sys, device->file.fd, t->fd,
				   dev->vf_token ? token : NULL);
	if (r < 0) {
		r = bind_explain(ioas, dev, r, err);
		goto close_fd;
	}
	r = vfio_cdev_attach(&ioas->sys, device->file.fd, t->ioas_id);
	if (r < 0) {
		r = attach_explain(ioas, dev, r, err);
		goto close_fd;
	}
	device->attached = true;
	*ret_fd = fd;
	return 0;
close_fd:
	vfio_close(&ioas->sys, fd);
	return r;
}

static int iommufd_limits(struct moat_ioas *ioas,
			  struct ioas_limits *ret_limits, struct moat_err *err)
{
	struct iommufd_windows windows;
	struct iommufd *t = ioas->backend;
	const struct ioas_device *dev;
	int r;

	r = iommufd_iova_ranges(&ioas->sys, t->fd, t->ioas_id, &windows);
	if (r < 0)
		return moat_fail(err, r, "asking what the IOMMU can map: %s",
				 strerror(-r));
	/* The kernel does this as it attaches; some may be on their way. */
	for (dev = ioas->devices; r == 0 && dev; dev = dev->next)
		r = resv_remove_from(&dev->file->reserved, &windows.ranges);
	if (r < 0) {
		range_set_free(&windows.ranges);
		return moat_fail(err, r, "out of memory");
	}
	ret_limits->windows = windows.ranges;
	ret_limits->granule = windows.alignment;
	ret_limits->entries = UINT64_MAX;
	return 0;
}

static int iommufd_allow_pinning(struct moat_ioas *ioas, uint64_t bytes,
				 bool *ret_any, struct moat_err *err)
{
	const struct iommufd *t = ioas->backend;
	const struct memlock_use use = { .by_user = true,
					 .mapped = t->mapped,
					 .bytes = bytes };

	return memlock_allow(&ioas->sys, ioas->host, &use, ret_any, err);
}

static int iommufd_map_range(struct moat_ioas *ioas, const struct ioas_map *map,
			     struct moat_err *err)
{
	struct iommufd *t = ioas->backend;
	const struct memlock_use use = {
		.by_user = true,
		.mapped = t->mapped,
		.bytes = map->range.last - map->range.first + 1,
	};
	uint32_t flags = 0;
	int r;

	if (map->prot & MOAT_DMA_READ)
		flags |= IOMMU_IOAS_MAP_READABLE;
	if (map->prot & MOAT_DMA_WRITE)
		flags |= IOMMU_IOAS_MAP_WRITEABLE;
	r = iommufd_map(&ioas->sys, t->fd, t->ioas_id, map->range, map->vaddr,
			flags);
	if (r == -ENOMEM)
		return memlock_explain(&ioas->sys, ioas->host, &use, err);
	if (r < 0)
		return refusal_map(map, "IOMMU_IOAS_MAP", r, err);
	t->mapped += use.bytes;
	return 0;
}

static int iommufd_unmap_range(struct moat_ioas *ioas,
			       const struct ioas_map *map)
{
	uint64_t want = map->range.last - map->range.first + 1;
	struct iommufd *t = ioas->backend;
	uint64_t size = 0;
	int r;

	r = iommufd_unmap(&ioas->sys, t->fd, t->ioas_id, map->range, &size);
	if (r < 0 || size != want)
		return -EIO;
	t->mapped -= want;
	return 0;
}

const struct ioas_ops iommufd_ops = {
	.name = "iommufd",
	.interrupts_module = "iommufd",
	.needs_device = true,
	.present = iommufd_present,
	.create = iommufd_create,
	.destroy = iommufd_destroy_backend,
	.join = iommufd_join,
	.leave = iommufd_leave,
	.open_device = iommufd_open_device,
	.limits = iommufd_limits,
	.allow_pinning = iommufd_allow_pinning,
	.map = iommufd_map_range,
	.unmap = iommufd_unmap_range,
};
