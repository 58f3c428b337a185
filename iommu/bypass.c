// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The bypass backend: no translation at all, for dma=none.
 *
 * Its devices put host-physical addresses on the bus, so a map cannot give
 * them anything: it checks, page by page, that the memory is where the guest
 * believes it to be. One page that is not, and a device would write into the
 * memory of somebody else without any error; then the map fails, or the
 * attach that replays it.
 *
 * A device is reached in one of two ways. Without an IOMMU group it may be
 * VFIO's, in no-IOMMU mode: then there are a container and a group file for
 * it, which do nothing but hand out the device. In all other cases it is
 * bound to uio_pci_generic, and there is no file here; where an IOMMU is in
 * front of it, its group's default domain must let all addresses through
 * ("identity"), which the kernel keeps as it is while a driver is bound.
 *
 * Source: Linux drivers/vfio/container.c for no-IOMMU mode;
 * Documentation/ABI/testing/sysfs-kernel-iommu_groups for "type".
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <moat/log.h>

#include "common/pagemap.h"
#include "common/util.h"
#include "common/vfio_driver.h"
#include "iommu/group.h"
#include "iommu/ioas_impl.h"
#include "iommu/vfio_container.h"
#include "iommu/vfio_group.h"

#define UIO_DRIVER "uio_pci_generic"

/* Looked up at a time. */
#define PAGES_BATCH 512

struct bypass_file {
	struct ioas_file file; /* /dev/vfio/noiommu-N, or fd -1 */
	int container_fd;      /* -1: not VFIO's */
};

static struct bypass_file *to_bypass(struct ioas_file *file)
{
	return container_of(file, struct bypass_file, file);
}

static int bypass_create(struct moat_ioas *ioas, struct moat_err *err)
{
	if (ioas->files)
		return moat_fail(err, -ENOTSUP,
				 "a device with dma=none cannot come by an "
				 "open file");
	return 0;
}

static void bypass_destroy(struct moat_ioas *ioas)
{
	(void)ioas;
}

/* ---- VFIO's no-IOMMU mode ---- */

static int open_explain(const struct ioas_device *dev, const char *path, int r,
			struct moat_err *err)
{
	switch (r) {
	case -EACCES:
	case -EPERM:
		return moat_fail(err, -EPERM,
				 "%s: opening %s: %s; dma=none needs "
				 "CAP_SYS_RAWIO, run as root",
				 dev->name, path, strerror(-r));
	case -EBUSY:
		return moat_fail(err, r, "%s: %s is in use by another process",
				 dev->name, path);
	default:
		return moat_fail(err, r, "%s: opening %s: %s", dev->name, path,
				 strerror(-r));
	}
}

static int open_container(struct moat_ioas *ioas, const struct ioas_device *dev,
			  int *ret_fd, struct moat_err *err)
{
	char path[PATH_MAX];
	int r;

	r = moat_path(path, "%s/vfio/vfio", ioas->host->dev);
	if (r == 0)
		r = vfio_container_open(&ioas->sys, path, ret_fd);
	return r < 0 ? open_explain(dev, path, r, err) : 0;
}

static int open_group(struct moat_ioas *ioas, const struct ioas_device *dev,
		      unsigned int id, int *ret_fd, struct moat_err *err)
{
	char path[PATH_MAX];
	int r;

	r = moat_path(path, "%s/vfio/noiommu-%u", ioas->host->dev, id);
	if (r == 0)
		r = vfio_group_open(&ioas->sys, path, ret_fd);
	return r < 0 ? open_explain(dev, path, r, err) : 0;
}

static int step_failed(const struct ioas_device *dev, const char *step, int r,
		       struct moat_err *err)
{
	if (r == -EPERM)
		return moat_fail(err, r,
				 "%s: %s: %s; VFIO's no-IOMMU mode needs "
				 "CAP_SYS_RAWIO, and to be on: echo Y > "
				 "/sys/module/vfio/parameters/"
				 "enable_unsafe_noiommu_mode",
				 dev->name, step, strerror(-r));
	return moat_fail(err, r, "%s: %s: %s", dev->name, step, strerror(-r));
}

static int enter(struct moat_ioas *ioas, const struct ioas_device *dev,
		 const struct bypass_file *bypass, struct moat_err *err)
{
	int r;

	r = vfio_group_set_container(&ioas->sys, bypass->file.fd,
				     bypass->container_fd);
	if (r < 0)
		return step_failed(dev, "VFIO_GROUP_SET_CONTAINER", r, err);
	r = vfio_container_set_noiommu(&ioas->sys, bypass->container_fd);
	if (r < 0) {
		(void)vfio_group_unset_container(&ioas->sys, bypass->file.fd);
		return step_failed(dev, "VFIO_SET_IOMMU", r, err);
	}
	return 0;
}

static int join_vfio(struct moat_ioas *ioas, const struct ioas_device *dev,
		     struct bypass_file *bypass, struct moat_err *err)
{
	int r;

	r = open_container(ioas, dev, &bypass->container_fd, err);
	if (r < 0)
		return r;
	r = open_group(ioas, dev, bypass->file.group, &bypass->file.fd, err);
	if (r < 0)
		goto close_container;
	r = enter(ioas, dev, bypass, err);
	if (r < 0)
		goto close_group;
	return 0;
close_group:
	vfio_close(&ioas->sys, bypass->file.fd);
close_container:
	vfio_close(&ioas->sys, bypass->container_fd);
	return r;
}

/* ---- uio ---- */

static int check_uio(struct moat_ioas *ioas, const struct ioas_device *dev,
		     enum group_kind kind, unsigned int group,
		     struct moat_err *err)
{
	char driver[64];

	group_driver(ioas->host, dev->bdf, driver, sizeof(driver));
	if (strcmp(driver, UIO_DRIVER) != 0)
		return moat_fail(err, -ENODEV,
				 "%s: for dma=none it must be bound to %s, and "
				 "is bound to %s",
				 dev->name, UIO_DRIVER,
				 driver[0] ? driver : "no driver");
	if (kind == GROUP_FENCED)
		return moat_fail(err, -EPERM,
				 "%s: the type of its IOMMU group %u is not "
				 "'identity': the IOMMU would not let its DMA "
				 "through as dma=none wants; managed=on sets "
				 "it, or boot the host with iommu=pt",
				 dev->name, group);
	return 0;
}

/* ---- both ---- */

static int bypass_join(struct moat_ioas *ioas, struct ioas_device *dev,
		       struct moat_err *err)
{
	enum group_kind kind = GROUP_NONE;
	struct bypass_file *bypass;
	unsigned int group = 0;
	int r;

	r = group_kind(ioas->host, dev->bdf, &kind, &group, err);
	if (r < 0)
		return r;
	bypass = calloc(1, sizeof(*bypass));
	if (!bypass)
		return moat_fail(err, -ENOMEM, "%s: out of memory", dev->name);
	bypass->file = (struct ioas_file) {
		.fd = -1,
		.group = group,
		.users = 1,
	};
	bypass->container_fd = -1;
	if (kind == GROUP_NOIOMMU)
		r = join_vfio(ioas, dev, bypass, err);
	else
		r = check_uio(ioas, dev, kind, group, err);
	if (r < 0) {
		free(bypass);
		return r;
	}
	dev->file = &bypass->file;
	return 0;
}

static void bypass_leave(struct moat_ioas *ioas, struct ioas_device *dev)
{
	struct bypass_file *bypass = to_bypass(dev->file);
	int r;

	dev->file = NULL;
	if (bypass->file.fd >= 0) {
		r = vfio_group_unset_container(&ioas->sys, bypass->file.fd);
		if (r < 0)
			log_err("%s: its group did not leave its container: %s",
				dev->name, strerror(-r));
		vfio_close(&ioas->sys, bypass->file.fd);
		vfio_close(&ioas->sys, bypass->container_fd);
	}
	free(bypass);
}

static int bypass_open_device(struct moat_ioas *ioas, struct ioas_device *dev,
			      int *ret_fd, struct moat_err *err)
{
	int r;

	if (dev->file->fd < 0) {
		*ret_fd = -1;
		return 0;
	}
	r = vfio_group_get_device_fd(&ioas->sys, dev->file->fd, dev->name,
				     dev->vf_token, ret_fd);
	return r < 0 ? moat_fail(err, r, "%s: opening the device: %s",
				 dev->name, strerror(-r))
		     : 0;
}

static int bypass_limits(struct moat_ioas *ioas, struct ioas_limits *ret_limits,
			 struct moat_err *err)
{
	const struct moat_iova_range all = { 0, UINT64_MAX };
	struct range_set windows = { 0 };

	if (range_set_add(&windows, all) < 0)
		return moat_fail(err, -ENOMEM, "out of memory");
	*ret_limits = (struct ioas_limits) {
		.granule = ioas->page_size,
		.windows = windows,
		.entries = UINT64_MAX,
	};
	return 0;
}

/* It pins nothing. */
static int bypass_allow_pinning(struct moat_ioas *ioas, uint64_t bytes,
				bool *ret_any, struct moat_err *err)
{
	(void)ioas;
	(void)bytes;
	(void)err;
	*ret_any = true;
	return 0;
}

/* ---- the check ---- */

static int unreadable(int r, struct moat_err *err)
{
	if (r == -EPERM || r == -EACCES)
		return moat_fail(err, -EPERM,
				 "the kernel hides where memory is "
				 "(/proc/self/pagemap): dma=none needs "
				 "CAP_SYS_ADMIN; run as root");
	return moat_fail(err, r, "cannot tell where memory is: %s",
			 strerror(-r));
}

/* @n pages from @vaddr on are at the physical address @want and on. */
static int check_pages(const struct moat_ioas *ioas, int pagemap_fd,
		       const uint8_t *vaddr, uint64_t want, size_t n,
		       struct moat_err *err)
{
	uint64_t pa[PAGES_BATCH];
	int r;

	r = moat_pagemap_read(pagemap_fd, vaddr, n, pa);
	if (r < 0)
		return unreadable(r, err);
	for (size_t i = 0; i < n; i++)
		if (pa[i] != want + i * ioas->page_size)
			return moat_fail(
				err, -EADDRNOTAVAIL,
				"the page for address 0x%" PRIx64 " is at "
				"0x%" PRIx64 " on the host: a device with "
				"dma=none would use somebody else's memory in "
				"its place",
				want + i * ioas->page_size, pa[i]);
	return 0;
}

static int bypass_map(struct moat_ioas *ioas, const struct ioas_map *map,
		      struct moat_err *err)
{
	uint64_t len = map->range.last - map->range.first + 1;
	uint64_t pages = len / ioas->page_size, some;
	const uint8_t *vaddr = map->vaddr;
	uint64_t pa = map->range.first;
	int fd = -1, r;

	r = moat_pagemap_open(ioas->host, &fd);
	if (r < 0)
		return unreadable(r, err);
	for (; r == 0 && pages > 0; pages -= some) {
		some = min_u64(pages, PAGES_BATCH);
		r = check_pages(ioas, fd, vaddr, pa, (size_t)some, err);
		vaddr += some * ioas->page_size;
		pa += some * ioas->page_size;
	}
	(void)close(fd);
	return r;
}

/* Nothing was given, nothing is taken. */
static int bypass_unmap(struct moat_ioas *ioas, const struct ioas_map *map)
{
	(void)ioas;
	(void)map;
	return 0;
}

static bool bypass_present(const struct moat_host *host)
{
	(void)host;
	return false; /* never by itself */
}

const struct ioas_ops bypass_ops = {
	.name = "bypass",
	.needs_device = true, /* so that an attach looks at all maps */
	.present = bypass_present,
	.create = bypass_create,
	.destroy = bypass_destroy,
	.join = bypass_join,
	.leave = bypass_leave,
	.open_device = bypass_open_device,
	.limits = bypass_limits,
	.allow_pinning = bypass_allow_pinning,
	.map = bypass_map,
	.unmap = bypass_unmap,
};
