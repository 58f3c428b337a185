// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * /dev/iommu and VFIO's cdevs, in memory. An I/O address space (IOAS) is a
 * struct fake_container whose number of groups is that of the devices that
 * are attached; its pages are pinned while there is one.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/util.h"
#include "fake_impl.h"

#ifdef MOAT_HAVE_IOMMUFD
#include <linux/iommufd.h>
#include <linux/vfio.h>

const bool fake_has_iommufd = true;

#define FIRST_ID 7 /* of an IOAS */

static struct fake_container *ioas_get(struct fake *fake, uint32_t id)
{
	struct fake_container *c;

	if (id < FIRST_ID || id >= FIRST_ID + ARRAY_SIZE(fake->containers))
		return NULL;
	c = &fake->containers[id - FIRST_ID];
	return c->used && c->is_ioas ? c : NULL;
}

int fake_iommufd_open(struct fake *fake)
{
	if (fake->container_errno)
		return fake->container_errno;
	if (fake->n_iommufd_fds > 0)
		return fake_wrong(fake, -EBUSY);
	fake->n_iommufd_fds++;
	return fake_file_new(fake, FAKE_IOMMUFD, fake);
}

void fake_iommufd_close(struct fake *fake)
{
	if (--fake->n_iommufd_fds > 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(fake->containers); i++) {
		struct fake_container *c = &fake->containers[i];

		if (!c->is_ioas)
			continue;
		if (c->n_groups > 0)
			(void)fake_wrong(fake, 0);
		/* Only where destroying it was made to fail. */
		if (c->used && !fake->failed)
			(void)fake_wrong(fake, 0);
		*c = (struct fake_container) { 0 };
	}
}

static int ioas_alloc(struct fake *fake, struct iommu_ioas_alloc *alloc)
{
	struct fake_container *c;

	if (alloc->size != sizeof(*alloc) || alloc->flags)
		return fake_wrong(fake, -EINVAL);
	c = fake_container_new(fake);
	c->is_ioas = true;
	alloc->out_ioas_id = FIRST_ID + (uint32_t)(c - fake->containers);
	return 0;
}

static int destroy(struct fake *fake, const struct iommu_destroy *cmd)
{
	struct fake_container *c = ioas_get(fake, cmd->id);

	if (cmd->size != sizeof(*cmd) || !c)
		return fake_wrong(fake, -ENOENT);
	if (c->n_groups > 0)
		return fake_wrong(fake, -EBUSY);
	*c = (struct fake_container) { 0 };
	return 0;
}

static int option(struct fake *fake, const struct iommu_option *cmd)
{
	struct fake_container *c = ioas_get(fake, cmd->object_id);

	if (cmd->size != sizeof(*cmd) || !c || c->n_groups > 0 ||
	    cmd->option_id != IOMMU_OPTION_HUGE_PAGES ||
	    cmd->op != IOMMU_OPTION_OP_SET || cmd->val64 > 1)
		return fake_wrong(fake, -EINVAL);
	c->small_pages = !cmd->val64;
	return 0;
}

static int iova_ranges(struct fake *fake, struct iommu_ioas_iova_ranges *cmd)
{
	static const struct moat_iova_range all = { 0, UINT64_MAX };
	const struct moat_iova_range *windows = fake->windows;
	struct fake_container *c = ioas_get(fake, cmd->ioas_id);
	struct iommu_iova_range *out = (void *)(uintptr_t)cmd->allowed_iovas;
	uint32_t room = cmd->num_iovas;

	if (cmd->size != sizeof(*cmd) || !c)
		return fake_wrong(fake, -EINVAL);
	cmd->num_iovas = fake->n_windows;
	cmd->out_iova_alignment = fake->page_sizes & -fake->page_sizes;
	if (c->n_groups == 0) {
		windows = &all;
		cmd->num_iovas = 1;
		cmd->out_iova_alignment = c->small_pages ? FAKE_PAGE : 1;
	}
	for (uint32_t i = 0; i < min_u64(room, cmd->num_iovas); i++)
		out[i] = (struct iommu_iova_range) { windows[i].first,
						     windows[i].last };
	return cmd->num_iovas > room ? -EMSGSIZE : 0;
}

static int pin(struct fake *fake, uint64_t size)
{
	fake->pins++;
	if (!fake_locking_fits(fake, true, size))
		return -ENOMEM;
	return fake->map_errno;
}

static int map(struct fake *fake, const struct iommu_ioas_map *cmd)
{
	const uint32_t rw = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE;
	struct fake_container *c = ioas_get(fake, cmd->ioas_id);
	uint32_t flags = 0;
	int r;

	fake->map_calls++;
	if (cmd->size != sizeof(*cmd) || !c || cmd->length == 0 ||
	    (cmd->iova | cmd->length | cmd->user_va) % FAKE_PAGE != 0 ||
	    !(cmd->flags & rw) || !(cmd->flags & IOMMU_IOAS_MAP_FIXED_IOVA) ||
	    (cmd->flags & ~(rw | IOMMU_IOAS_MAP_FIXED_IOVA)))
		return fake_wrong(fake, -EINVAL);
	if (cmd->iova + (cmd->length - 1) < cmd->iova ||
	    fake_overlaps(c, cmd->iova, cmd->length) || c->n_maps == FAKE_MAPS)
		return fake_wrong(fake, -EEXIST);
	if (c->n_groups > 0) {
		if (!fake_in_window(fake, cmd->iova, cmd->length))
			return fake_wrong(fake, -EINVAL);
		r = pin(fake, cmd->length);
		if (r < 0)
			return r;
	}
	/* The flags as type1 has them. */
	if (cmd->flags & IOMMU_IOAS_MAP_READABLE)
		flags |= VFIO_DMA_MAP_FLAG_READ;
	if (cmd->flags & IOMMU_IOAS_MAP_WRITEABLE)
		flags |= VFIO_DMA_MAP_FLAG_WRITE;
	c->maps[c->n_maps++] = (struct fake_map) { cmd->iova, cmd->length,
						   cmd->user_va, flags };
	return 0;
}

static int unmap(struct fake *fake, struct iommu_ioas_unmap *cmd)
{
	struct fake_container *c = ioas_get(fake, cmd->ioas_id);

	if (cmd->size != sizeof(*cmd) || !c)
		return fake_wrong(fake, -EINVAL);
	for (unsigned int i = 0; i < c->n_maps; i++) {
		if (c->maps[i].iova != cmd->iova ||
		    c->maps[i].size != cmd->length)
			continue;
		if (fake->bad_unmap_size) {
			cmd->length = fake->bad_unmap_size;
			return 0;
		}
		c->maps[i] = c->maps[--c->n_maps];
		return 0;
	}
	return fake_wrong(fake, -ENOENT);
}

static int iommufd_ioctl(struct fake *fake, unsigned long request, void *arg)
{
	switch (request) {
	case IOMMU_IOAS_ALLOC:
		return ioas_alloc(fake, arg);
	case IOMMU_DESTROY:
		return destroy(fake, arg);
	case IOMMU_OPTION:
		return option(fake, arg);
	case IOMMU_IOAS_IOVA_RANGES:
		return iova_ranges(fake, arg);
	case IOMMU_IOAS_MAP:
		return map(fake, arg);
	case IOMMU_IOAS_UNMAP:
		return unmap(fake, arg);
	default:
		return fake_wrong(fake, -ENOTTY);
	}
}

int fake_iommufd_ioctl(struct fake *fake, unsigned long request,
		       unsigned long arg)
{
	int r = iommufd_ioctl(fake, request, (void *)arg);

	fake_write_status(fake);
	return r;
}

int fake_cdev_open(struct fake *fake, struct fake_device *device)
{
	if (device->cdev_errno)
		return device->cdev_errno;
	if (device->n_cdev_fds > 0)
		return fake_wrong(fake, -EBUSY);
	device->n_cdev_fds++;
	return fake_file_new(fake, FAKE_CDEV, device);
}

static void detach(struct fake_device *device)
{
	if (!device->ioas)
		return;
	device->ioas->n_groups--;
	device->ioas = NULL;
}

void fake_cdev_close(struct fake *fake, struct fake_device *device)
{
	if (--device->n_cdev_fds > 0)
		return;
	/* KVM would hold it, and it would leave by itself: not as we want. */
	if (device->announced)
		(void)fake_wrong(fake, 0);
	fake->left_by_close += device->ioas != NULL;
	detach(device);
	if (!device->bound)
		return;
	device->bound = false;
	device->n_open--;
	device->group->n_open_devices--;
}

/* Since 6.17 with 8 bytes more, behind what there was. */
static int bind_token(struct fake *fake, const struct fake_device *device,
		      const struct vfio_device_bind_iommufd *cmd)
{
	char text[37] = "";
	uint64_t at;

	if (!cmd->flags) {
		if (cmd->argsz < sizeof(*cmd))
			return fake_wrong(fake, -EINVAL);
		/* Older ones do not ask. */
		return fake->takes_token ? fake_token(device, NULL) : 0;
	}
	if (cmd->argsz != 24 || cmd->flags != 1)
		return fake_wrong(fake, -EINVAL);
	memcpy(&at, (const char *)cmd + 16, sizeof(at));
	for (unsigned int i = 0; i < 16; i++) {
		const char *dash = i == 4 || i == 6 || i == 8 || i == 10 ? "-"
									 : "";

		(void)sprintf(text + strlen(text), "%s%02x", dash,
			      ((const uint8_t *)(uintptr_t)at)[i]);
	}
	return fake_token(device, text);
}

/* Lets go of the lock around the slow part. */
static int bind(struct fake *fake, struct fake_device *device,
		const struct vfio_device_bind_iommufd *cmd)
{
	const struct fake_file *file = fake_file_get(fake, cmd->iommufd);
	int r;

	if (cmd->flags && !fake->takes_token)
		return -EINVAL;
	if (device->bound || !file || file->type != FAKE_IOMMUFD ||
	    (fake->has_hooks && !device->announced))
		return fake_wrong(fake, -EINVAL);
	r = bind_token(fake, device, cmd);
	if (r < 0)
		return r;
	if (device->group->file_open)
		return fake_wrong(fake, -EBUSY);
	if (device->group->enter_errno)
		return device->group->enter_errno;
	if (fake->on_device_open) {
		pthread_mutex_unlock(&fake->lock);
		fake->on_device_open(fake);
		pthread_mutex_lock(&fake->lock);
	}
	if (device->open_errno)
		return device->open_errno;
	device->bound = true;
	device->n_open++;
	device->group->n_open_devices++;
	return 0;
}

/* As when a domain is added: all checks, then all is pinned. */
static int attach_first(struct fake *fake, struct fake_container *c)
{
	uint64_t size = 0;

	/* A page that is larger than the processor's. */
	if ((fake->page_sizes & -fake->page_sizes) > FAKE_PAGE)
		return -EINVAL;
	for (unsigned int i = 0; i < c->n_maps; i++) {
		if (!fake_in_window(fake, c->maps[i].iova, c->maps[i].size))
			return -EADDRINUSE;
		size += c->maps[i].size;
	}
	return c->n_maps ? pin(fake, size) : 0;
}

static int attach(struct fake *fake, struct fake_device *device,
		  const struct vfio_device_attach_iommufd_pt *cmd)
{
	struct fake_container *c = ioas_get(fake, cmd->pt_id);
	int r = 0;

	if (cmd->argsz != sizeof(*cmd) || cmd->flags || !c || !device->bound ||
	    device->ioas)
		return fake_wrong(fake, -EINVAL);
	if (device->attach_errno)
		return device->attach_errno;
	if (c->n_groups == 0)
		r = attach_first(fake, c);
	if (r < 0)
		return r;
	device->ioas = c;
	c->n_groups++;
	return 0;
}

static int cdev_ioctl(struct fake *fake, struct fake_device *device,
		      unsigned long request, void *arg)
{
	const struct vfio_device_detach_iommufd_pt *cmd = arg;

	switch (request) {
	case VFIO_DEVICE_BIND_IOMMUFD:
		return bind(fake, device, arg);
	case VFIO_DEVICE_ATTACH_IOMMUFD_PT:
		return attach(fake, device, arg);
	case VFIO_DEVICE_DETACH_IOMMUFD_PT:
		if (cmd->argsz != sizeof(*cmd) || !device->ioas)
			return fake_wrong(fake, -EINVAL);
		detach(device);
		return 0;
	default:
		return fake_wrong(fake, -ENOTTY);
	}
}

int fake_cdev_ioctl(struct fake *fake, struct fake_device *device,
		    unsigned long request, unsigned long arg)
{
	int r = cdev_ioctl(fake, device, request, (void *)arg);

	fake_write_status(fake);
	return r;
}

#else

const bool fake_has_iommufd = false;

int fake_iommufd_open(struct fake *fake)
{
	return fake_wrong(fake, -ENOENT);
}

int fake_cdev_open(struct fake *fake, struct fake_device *device)
{
	(void)device;
	return fake_wrong(fake, -ENOENT);
}

int fake_iommufd_ioctl(struct fake *fake, unsigned long request,
		       unsigned long arg)
{
	(void)request;
	(void)arg;
	return fake_wrong(fake, -ENOTTY);
}

int fake_cdev_ioctl(struct fake *fake, struct fake_device *device,
		    unsigned long request, unsigned long arg)
{
	(void)device;
	return fake_iommufd_ioctl(fake, request, arg);
}

void fake_iommufd_close(struct fake *fake)
{
	(void)fake_wrong(fake, 0);
}

void fake_cdev_close(struct fake *fake, struct fake_device *device)
{
	(void)device;
	(void)fake_wrong(fake, 0);
}

#endif
