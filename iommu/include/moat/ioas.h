/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The I/O address space: which IOVA reaches which memory, for which device.
 *
 * A program creates one, attaches devices to it, and maps memory; the order
 * of attaching and mapping is free. The object keeps its own list of ranges
 * and replays it into whatever is attached first (a VFIO type1 container
 * takes no map before it has a group, and forgets every map when its last
 * group leaves), so that "mapped" means the same thing at every moment: each
 * device that is attached reaches exactly the ranges in the list.
 *
 * All functions may be called from any thread.
 */
#ifndef MOAT_IOAS_H
#define MOAT_IOAS_H

#include <stddef.h>
#include <stdint.h>

#include <moat/bdf.h>
#include <moat/err.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MOAT_DMA_READ  (1u << 0) /* the device may read the memory */
#define MOAT_DMA_WRITE (1u << 1) /* the device may write it */

struct moat_ioas;
struct moat_host;
struct vfio_sys_ops;

/* Inclusive, so that the top of the address space can be said. */
struct moat_iova_range {
	uint64_t first;
	uint64_t last;
};

/*
 * What the VMM wants to know: a VFIO file (a group here, a device cdev under
 * iommufd) now belongs to this guest, or no longer does. KVM's VFIO device
 * must be told before a device fd is opened and after it is closed.
 */
struct moat_ioas_hooks {
	int (*file_added)(void *opaque, int fd, struct moat_err *err);
	void (*file_removed)(void *opaque, int fd);
	void *opaque;
};

struct moat_ioas_config {
	const char *backend;		/* "type1"; NULL: the best present */
	struct moat_ioas_hooks hooks;	/* all NULL: nobody to tell */
	const struct moat_host *host;	/* NULL: this machine */
	const struct vfio_sys_ops *sys; /* NULL: the kernel; else a fake */
	void *sys_opaque;		/* handed to @sys */
};

/**
 * moat_ioas_create() - make an address space that reaches nothing
 *
 * Return: 0; -ENOENT when the host has no such backend (module not loaded,
 * kernel without it), -EACCES or -EPERM when the caller may not use it,
 * -EINVAL for an unknown backend; with the remedy in @err.
 */
int moat_ioas_create(const struct moat_ioas_config *config,
		     struct moat_ioas **ret_ioas, struct moat_err *err)
	__attribute__((visibility("default")));

/**
 * moat_ioas_destroy() - unmap everything and give the kernel objects back
 * @ioas: NULL, or one without attached devices
 */
void moat_ioas_destroy(struct moat_ioas *ioas)
	__attribute__((visibility("default")));

/**
 * moat_ioas_attach() - put a device into the address space and open it
 * @bdf:	   bound to vfio-pci (VFIO's driver), its group viable
 * @ret_device_fd: the VFIO device; the caller closes it, and does so before
 *		   moat_ioas_detach()
 *
 * The kernel resets the device as it opens it, which takes 100 ms and more:
 * no lock is held meanwhile, devices may be attached in parallel. Opening
 * does not make a device able to master the bus.
 *
 * Return: 0; -ENODEV (no such device, or no IOMMU group), -EBUSY (the group
 * is somebody else's), -EPERM (permission, or interrupt remapping is missing
 * and the host has not opted in to that risk), -EINVAL (group not viable),
 * -EADDRINUSE (a mapped range is reserved for this device), -ENOMEM
 * (memlock). On error nothing has changed.
 * Source: Linux Documentation/driver-api/vfio.rst, "VFIO Usage Example".
 */
int moat_ioas_attach(struct moat_ioas *ioas, struct moat_bdf bdf,
		     int *ret_device_fd, struct moat_err *err)
	__attribute__((visibility("default")));

/**
 * moat_ioas_detach() - undo moat_ioas_attach()
 *
 * The device must not be able to master the bus and its fd must be closed.
 * When the last device of a group goes, so does the group.
 */
void moat_ioas_detach(struct moat_ioas *ioas, struct moat_bdf bdf)
	__attribute__((visibility("default")));

/**
 * moat_ioas_map() - let the devices in @ioas reach host memory
 * @iova:  first I/O address; bytes, multiple of the granule
 * @len:   bytes, > 0, same multiple; iova + len - 1 must not wrap
 * @vaddr: host start address, same alignment
 * @prot:  MOAT_DMA_READ | MOAT_DMA_WRITE, never 0
 *
 * Pages stay pinned until moat_ioas_unmap(). On error nothing is mapped.
 * With no device attached yet the range is recorded and mapped at the first
 * attach.
 * Return: 0, or -EINVAL (alignment, prot), -EOVERFLOW (wrap), -EEXIST
 * (overlap with an earlier map), -EADDRINUSE (overlaps what the IOMMU
 * reserves, or lies outside what it can address; @err shows the ranges),
 * -ENOMEM (memlock limit; @err says how many bytes are needed), -ENOSPC (the
 * kernel's DMA entry limit).
 * Source: Linux include/uapi/linux/vfio.h, VFIO_IOMMU_MAP_DMA.
 */
int moat_ioas_map(struct moat_ioas *ioas, uint64_t iova, uint64_t len,
		  void *vaddr, unsigned int prot, struct moat_err *err)
	__attribute__((visibility("default")));

/**
 * moat_ioas_unmap() - take a range back
 * @iova: as given to moat_ioas_map()
 * @len:  as given to moat_ioas_map()
 *
 * When this returns 0 no device of @ioas reaches the range any more.
 * Return: 0, -ENOENT (no such map), -EIO (the kernel unmapped another
 * size than was mapped).
 */
int moat_ioas_unmap(struct moat_ioas *ioas, uint64_t iova, uint64_t len)
	__attribute__((visibility("default")));

/**
 * moat_ioas_windows() - the IOVA ranges that every attached device can use
 * @ret_ranges: freed by the caller; sorted, disjoint
 *
 * Known only once a device is attached.
 * Return: 0, -ENODEV (nothing attached yet), -ENOMEM.
 */
int moat_ioas_windows(struct moat_ioas *ioas,
		      struct moat_iova_range **ret_ranges, size_t *ret_n)
	__attribute__((visibility("default")));

/*
 * What mapping has cost so far: the calls, and the time spent inside the
 * kernel's map ioctl against the time spent in moat_ioas_map() as a whole.
 */
struct moat_ioas_stats {
	uint64_t map_calls;
	uint64_t kernel_ns;
	uint64_t total_ns;
};

/** moat_ioas_get_stats() - read the counters; takes ioas->lock */
void moat_ioas_get_stats(struct moat_ioas *ioas,
			 struct moat_ioas_stats *ret_stats)
	__attribute__((visibility("default")));

#ifdef __cplusplus
}
#endif
#endif /* MOAT_IOAS_H */
