// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A host function reached through its VFIO device fd.
 *
 * Owns the fd. Region geometry is read once and does not change.
 * What the kernel returns is checked as input: the capability chain behind a
 * region's info is walked with bounds, areas are cut to whole pages inside
 * their region.
 *
 * Source: linux/vfio.h; Linux Documentation/driver-api/vfio.rst.
 */
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/vfio.h>

#include <moat/device.h>

#include "assign/host_vfio.h"
#include "common/io.h"
#include "common/util.h"

#define SAME(ours, vfio) static_assert((int)(ours) == (int)(vfio), "VFIO's")
SAME(HOST_REGION_BAR0, VFIO_PCI_BAR0_REGION_INDEX);
SAME(HOST_REGION_ROM, VFIO_PCI_ROM_REGION_INDEX);
SAME(HOST_REGION_CONFIG, VFIO_PCI_CONFIG_REGION_INDEX);
SAME(HOST_IRQ_INTX, VFIO_PCI_INTX_IRQ_INDEX);
SAME(HOST_IRQ_MSI, VFIO_PCI_MSI_IRQ_INDEX);
SAME(HOST_IRQ_MSIX, VFIO_PCI_MSIX_IRQ_INDEX);
SAME(HOST_IRQ_ERR, VFIO_PCI_ERR_IRQ_INDEX);
SAME(HOST_IRQ_REQ, VFIO_PCI_REQ_IRQ_INDEX);

/* What there is to interrupt with has always been there; the rest came later. */
#define IRQS_MIN (HOST_IRQ_MSIX + 1)

/* The kernel asks for a few hundred bytes; more than this is a mistake. */
#define REGION_INFO_MAX (64 * KiB)

struct host_vfio {
	struct host_device host;
	int fd;
	struct {
		struct host_region info;
		uint64_t offset; /* of the region in the fd */
		bool probed;
	} region[HOST_REGIONS];
};

static struct host_vfio *to_vfio(struct host_device *host)
{
	return container_of(host, struct host_vfio, host);
}

static void area_add(struct host_region *region, uint64_t page, uint64_t offset,
		     uint64_t len)
{
	uint64_t first, end;

	if (offset >= region->size || region->n_areas == HOST_AREAS_MAX)
		return;
	end = offset + min_u64(len, region->size - offset);
	first = align_up(offset, page);
	end = align_down(end, page);
	if (first < offset || first >= end)
		return;
	region->area[region->n_areas].offset = first;
	region->area[region->n_areas].len = end - first;
	region->n_areas++;
}

/* @at is where the capability starts, its header is inside @len. */
static int sparse_decode(const uint8_t *info, size_t len, size_t at,
			 uint64_t page, struct host_region *region)
{
	struct vfio_region_info_cap_sparse_mmap sparse;
	struct vfio_region_sparse_mmap_area area;
	uint32_t i;

	if (len - at < sizeof(sparse))
		return -EINVAL;
	memcpy(&sparse, info + at, sizeof(sparse));
	at += sizeof(sparse);
	if (sparse.nr_areas > (len - at) / sizeof(area))
		return -EINVAL;
	for (i = 0; i < sparse.nr_areas; i++) {
		memcpy(&area, info + at + i * sizeof(area), sizeof(area));
		area_add(region, page, area.offset, area.size);
	}
	return 0;
}

int vfio_region_decode(const struct vfio_region_info *info, size_t len,
		       uint64_t page, struct host_region *ret_region)
{
	struct host_region region = {
		.size = info->size,
		.readable = info->flags & VFIO_REGION_INFO_FLAG_READ,
		.writable = info->flags & VFIO_REGION_INFO_FLAG_WRITE,
	};
	struct vfio_info_cap_header cap;
	bool sparse = false;
	size_t at = 0;
	int r;

	if ((info->flags & VFIO_REGION_INFO_FLAG_CAPS) && info->cap_offset)
		at = info->cap_offset;
	while (at) {
		if (at < sizeof(*info) || at > len - sizeof(cap))
			return -EINVAL;
		memcpy(&cap, (const uint8_t *)info + at, sizeof(cap));
		if (cap.id == VFIO_REGION_INFO_CAP_SPARSE_MMAP) {
			sparse = true;
			r = sparse_decode((const uint8_t *)info, len, at, page,
					  &region);
			if (r < 0)
				return r;
		}
		/* The kernel links forwards: no way to loop. */
		if (cap.next && cap.next <= at)
			return -EINVAL;
		at = cap.next;
	}
	/*
	 * Without the sparse list all of it may be mapped. The pages of an
	 * MSI-X table, which kernels before 4.16 refuse, bar.c leaves out
	 * anyway.
	 */
	if (!sparse)
		area_add(&region, page, 0, region.size);
	if (!(info->flags & VFIO_REGION_INFO_FLAG_MMAP))
		region.n_areas = 0;
	*ret_region = region;
	return 0;
}

/* Allocates; asks again with room for the capabilities. */
static int region_info_get(int fd, unsigned int index,
			   struct vfio_region_info **ret_info, size_t *ret_len)
{
	struct vfio_region_info *info = NULL, *bigger;
	size_t len = sizeof(*info);

	for (;;) {
		bigger = realloc(info, len);
		if (!bigger) {
			free(info);
			return -ENOMEM;
		}
		info = bigger;
		memset(info, 0, len);
		info->argsz = (uint32_t)len;
		info->index = index;
		if (ioctl(fd, VFIO_DEVICE_GET_REGION_INFO, info) < 0) {
			int r = -errno;

			free(info);
			return r;
		}
		if (info->argsz <= len)
			break;
		if (info->argsz > REGION_INFO_MAX) {
			free(info);
			return -EINVAL;
		}
		len = info->argsz;
	}
	*ret_info = info;
	*ret_len = len;
	return 0;
}

static int region_probe(struct host_vfio *vfio, unsigned int index)
{
	struct vfio_region_info *info = NULL;
	size_t len = 0;
	int r;

	r = region_info_get(vfio->fd, index, &info, &len);
	if (r < 0)
		return r;
	r = vfio_region_decode(info, len, (uint64_t)sysconf(_SC_PAGESIZE),
			       &vfio->region[index].info);
	vfio->region[index].offset = info->offset;
	free(info);
	vfio->region[index].probed = r == 0;
	return r;
}

static int vfio_region_info(struct host_device *host, unsigned int region,
			    struct host_region *ret_info)
{
	struct host_vfio *vfio = to_vfio(host);
	int r = 0;

	if (!vfio->region[region].probed)
		r = region_probe(vfio, region);
	if (r == 0)
		*ret_info = vfio->region[region].info;
	return r;
}

/* Is [@offset, @offset + @len) inside the region? Then where in the fd? */
static int region_locate(const struct host_vfio *vfio, unsigned int region,
			 uint64_t offset, uint64_t len, off_t *ret_at)
{
	uint64_t size = vfio->region[region].info.size;

	if (offset > size || len > size - offset)
		return -EINVAL;
	*ret_at = (off_t)(vfio->region[region].offset + offset);
	return 0;
}

static int vfio_region_read(struct host_device *host, unsigned int region,
			    uint64_t offset, void *buf, size_t len)
{
	struct host_vfio *vfio = to_vfio(host);
	off_t at;
	int r;

	r = region_locate(vfio, region, offset, len, &at);
	if (r < 0)
		return r;
	return moat_pread_all(vfio->fd, buf, len, at);
}

static int vfio_region_write(struct host_device *host, unsigned int region,
			     uint64_t offset, const void *buf, size_t len)
{
	struct host_vfio *vfio = to_vfio(host);
	off_t at;
	int r;

	r = region_locate(vfio, region, offset, len, &at);
	if (r < 0)
		return r;
	return moat_pwrite_all(vfio->fd, buf, len, at);
}

static int vfio_region_map(struct host_device *host, unsigned int region,
			   uint64_t offset, uint64_t len, void **ret_addr)
{
	struct host_vfio *vfio = to_vfio(host);
	int prot = 0;
	void *addr;
	off_t at;
	int r;

	r = region_locate(vfio, region, offset, len, &at);
	if (r < 0)
		return r;
	if (vfio->region[region].info.readable)
		prot |= PROT_READ;
	if (vfio->region[region].info.writable)
		prot |= PROT_WRITE;
	addr = mmap(NULL, len, prot, MAP_SHARED, vfio->fd, at);
	if (addr == MAP_FAILED)
		return -errno;
	*ret_addr = addr;
	return 0;
}

static void vfio_region_unmap(struct host_device *host, void *addr,
			      uint64_t len)
{
	(void)host;
	(void)munmap(addr, len);
}

static int vfio_irq_info(struct host_device *host, enum host_irq_index irq,
			 struct host_irq *ret_info)
{
	struct vfio_irq_info info = { .argsz = sizeof(info), .index = irq };

	if (ioctl(to_vfio(host)->fd, VFIO_DEVICE_GET_IRQ_INFO, &info) < 0) {
		/* So it answers for what a device or a kernel has not. */
		if (errno != EINVAL || irq < IRQS_MIN)
			return -errno;
		info.count = 0;
		info.flags = 0;
	}
	ret_info->count = info.flags & VFIO_IRQ_INFO_EVENTFD ? info.count : 0;
	ret_info->maskable = info.flags & VFIO_IRQ_INFO_MASKABLE;
	ret_info->noresize = info.flags & VFIO_IRQ_INFO_NORESIZE;
	return 0;
}

static int set_irqs(struct host_vfio *vfio, uint32_t flags,
		    enum host_irq_index irq, unsigned int start,
		    unsigned int count, const int *fds)
{
	size_t data = fds ? count * sizeof(*fds) : 0;
	struct vfio_irq_set *set;
	int r;

	set = malloc(sizeof(*set) + data);
	if (!set)
		return -ENOMEM;
	set->argsz = (uint32_t)(sizeof(*set) + data);
	set->flags = flags;
	set->index = irq;
	set->start = start;
	set->count = count;
	if (fds)
		memcpy(set->data, fds, data);
	r = ioctl(vfio->fd, VFIO_DEVICE_SET_IRQS, set);
	if (r < 0)
		r = -errno;
	free(set);
	return r;
}

static int vfio_irq_set(struct host_device *host, enum host_irq_index irq,
			unsigned int start, unsigned int count, const int *fds)
{
	return set_irqs(to_vfio(host),
			VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
			irq, start, count, fds);
}

static int vfio_intx_unmask_by(struct host_device *host, int fd)
{
	return set_irqs(to_vfio(host),
			VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_UNMASK,
			HOST_IRQ_INTX, 0, 1, &fd);
}

static int vfio_irq_disable(struct host_device *host, enum host_irq_index irq)
{
	return set_irqs(to_vfio(host),
			VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
			irq, 0, 0, NULL);
}

static int vfio_reset(struct host_device *host)
{
	if (!host->can_reset)
		return -ENOTTY;
	if (ioctl(to_vfio(host)->fd, VFIO_DEVICE_RESET) == 0)
		return 0;
	/* So says the kernel also of a device that did not come back in time. */
	return errno == ENOTTY ? -EIO : -errno;
}

/* In linux/vfio.h since 6.6. */
#ifndef VFIO_PCI_HOT_RESET_FLAG_DEV_ID
#define VFIO_PCI_HOT_RESET_FLAG_DEV_ID (1 << 0)
#endif
#define DEVID_NOT_OWNED UINT32_MAX /* VFIO_PCI_DEVID_NOT_OWNED */

int vfio_dependents_decode(const struct vfio_pci_hot_reset_info *info,
			   size_t room, struct host_dependent *ret_others)
{
	bool by_devid = info->flags & VFIO_PCI_HOT_RESET_FLAG_DEV_ID;
	uint32_t i;

	if (info->count > room)
		return -E2BIG;
	for (i = 0; i < info->count; i++) {
		const struct vfio_pci_dependent_device *d = &info->devices[i];

		/* @group_id is the devid then: the same four bytes. */
		if (!by_devid && d->group_id > INT_MAX)
			return -EINVAL;
		ret_others[i] = (struct host_dependent) {
			.bdf = { .domain = d->segment,
				 .bus = d->bus,
				 .dev = d->devfn >> 3,
				 .fn = d->devfn & 7 },
			.group = by_devid ? -1 : (int)d->group_id,
			.owned = by_devid && d->group_id != DEVID_NOT_OWNED,
		};
	}
	return (int)info->count;
}

static int vfio_dependents(struct host_device *host,
			   struct host_dependent *ret_others, size_t room)
{
	struct vfio_pci_hot_reset_info *info;
	size_t len = sizeof(*info) + room * sizeof(info->devices[0]);
	int r;

	info = calloc(1, len);
	if (!info)
		return -ENOMEM;
	info->argsz = (uint32_t)len;
	r = ioctl(to_vfio(host)->fd, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, info);
	if (r < 0)
		r = errno == ENOSPC ? -E2BIG : -errno;
	else
		r = vfio_dependents_decode(info, room, ret_others);
	free(info);
	return r;
}

static int vfio_bus_reset(struct host_device *host, const int *group_fds,
			  size_t n)
{
	struct vfio_pci_hot_reset *reset;
	size_t len = sizeof(*reset) + n * sizeof(reset->group_fds[0]);
	int r;

	reset = calloc(1, len);
	if (!reset)
		return -ENOMEM;
	reset->argsz = (uint32_t)len;
	reset->count = (uint32_t)n;
	if (n)
		memcpy(reset->group_fds, group_fds, n * sizeof(group_fds[0]));
	r = ioctl(to_vfio(host)->fd, VFIO_DEVICE_PCI_HOT_RESET, reset);
	if (r < 0)
		r = -errno;
	free(reset);
	/* As of a function's reset: it did not come back in time. */
	return r == -ENOTTY ? -EIO : r;
}

static void vfio_hold(struct host_device *host,
		      struct moat_device_hold *ret_hold)
{
	const struct host_vfio *vfio = to_vfio(host);

	*ret_hold = (struct moat_device_hold) {
		.config_fd = vfio->fd,
		.config_offset = vfio->region[HOST_REGION_CONFIG].offset,
		.reset_fd = -1,
		.vfio_reset = host->can_reset,
		.keep_fd = -1,
	};
}

static void vfio_close(struct host_device *host)
{
	struct host_vfio *vfio = to_vfio(host);

	(void)close(vfio->fd);
	free(vfio);
}

static const struct host_device_ops vfio_ops;

int host_vfio_open(int fd, struct host_device **ret_host, struct moat_err *err)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	struct host_vfio *vfio;
	unsigned int i;
	int r;

	if (ioctl(fd, VFIO_DEVICE_GET_INFO, &info) < 0)
		return moat_fail(err, -errno,
				 "VFIO does not describe the device: %s",
				 strerror(errno));
	if (!(info.flags & VFIO_DEVICE_FLAGS_PCI) ||
	    info.num_regions < HOST_REGIONS || info.num_irqs < IRQS_MIN)
		return moat_fail(err, -EINVAL,
				 "VFIO does not offer it as a PCI device "
				 "(flags 0x%x, %u regions, %u interrupts)",
				 info.flags, info.num_regions, info.num_irqs);
	vfio = calloc(1, sizeof(*vfio));
	if (!vfio)
		return moat_fail(err, -ENOMEM, "out of memory");
	vfio->fd = fd;
	vfio->host.ops = &vfio_ops;
	vfio->host.can_reset = info.flags & VFIO_DEVICE_FLAGS_RESET;
	for (i = 0; i < HOST_REGIONS; i++) {
		/*
		 * To say the ROM's size the kernel maps and searches it, so it
		 * is asked only for who wants the ROM.
		 */
		if (i == HOST_REGION_ROM)
			continue;
		r = region_probe(vfio, i);
		if (r < 0) {
			free(vfio);
			return moat_fail(err, r,
					 "VFIO does not describe region %u: %s",
					 i, strerror(-r));
		}
	}
	*ret_host = &vfio->host;
	return 0;
}

static const struct host_device_ops vfio_ops = {
	.region_info = vfio_region_info,
	.irq_info = vfio_irq_info,
	.region_read = vfio_region_read,
	.region_write = vfio_region_write,
	.region_map = vfio_region_map,
	.region_unmap = vfio_region_unmap,
	.irq_set = vfio_irq_set,
	.intx_unmask_by = vfio_intx_unmask_by,
	.irq_disable = vfio_irq_disable,
	.reset = vfio_reset,
	.dependents = vfio_dependents,
	.bus_reset = vfio_bus_reset,
	.hold = vfio_hold,
	.close = vfio_close,
};
