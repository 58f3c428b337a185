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
 * All functions may be called from any thread. One lock, ioas->lock, orders
 * them; it is held while the kernel maps, and not while it opens a device.
 */
#ifndef MOAT_IOAS_H
#define MOAT_IOAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <moat/bdf.h>
#include <moat/err.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MOAT_DMA_READ (1u << 0) /* the device may read the memory */
/* It may write it. Behind VT-d, Linux (6.1, for one) lets it read it, too. */
#define MOAT_DMA_WRITE (1u << 1)

struct moat_ioas;
struct moat_host;
struct vfio_sys_ops;

/* Inclusive, so that the top of the address space can be said. */
struct moat_iova_range {
	uint64_t first;
	uint64_t last;
};

/*
 * What the VMM wants to know: a VFIO file (a group under type1, a device's
 * cdev under iommufd) now belongs to this guest, or no longer does. KVM's
 * VFIO device must be told before a device is opened, and told back after the
 * attacher has closed its fd.
 *
 * Called once for each file, with ioas->lock held: they must not call back.
 * file_added() returns 0 or a negative errno, which fails the attach.
 */
struct moat_ioas_hooks {
	int (*file_added)(void *opaque, int fd, struct moat_err *err);
	void (*file_removed)(void *opaque, int fd);
	void *opaque;
};

/* A device's VFIO file, /dev/vfio/devices/vfioN, opened by somebody else. */
struct moat_ioas_cdev {
	struct moat_bdf bdf;
	int fd;
};

/*
 * Files for who may not open them. Each belongs to the address space from
 * the moment that it is used, at creation or at the device's attach, when its
 * fd here becomes -1.
 */
struct moat_ioas_files {
	int iommufd; /* -1: none */
	struct moat_ioas_cdev *cdevs;
	size_t n_cdevs;
};

struct moat_ioas_config {
	/*
	 * "iommufd", "type1"; NULL: the best present. "bypass", by name only,
	 * is none at all: see moat_ioas_is_fence().
	 */
	const char *backend;
	struct moat_ioas_hooks hooks;	/* all NULL: nobody to tell */
	const struct moat_host *host;	/* NULL: this machine */
	const struct vfio_sys_ops *sys; /* NULL: the kernel; else a fake */
	void *sys_opaque;		/* handed to @sys */
	/*
	 * No large pages in the IOMMU's tables (iommufd; under type1 it is a
	 * parameter of the kernel's module).
	 */
	bool small_pages;
	struct moat_ioas_files *files; /* NULL: none; else iommufd is taken */
	/*
	 * Asked between the ranges that the first device brings: true has the
	 * attach fail with -EINTR. NULL: nobody is in a hurry.
	 */
	bool (*cancelled)(void *opaque);
	void *cancelled_opaque;
};

/**
 * moat_ioas_create() - make an address space that reaches nothing
 *
 * Return: 0; -ENOENT when the host has no such backend (module not loaded,
 * kernel without it, or not built in here), -ENOTSUP when it cannot do what
 * @config asks, -EACCES or -EPERM when the caller may not use it,
 * -EINVAL for an unknown backend, or what opening it failed with; with the
 * remedy in @err.
 */
int moat_ioas_create(const struct moat_ioas_config *config,
		     struct moat_ioas **ret_ioas, struct moat_err *err)
	__attribute__((visibility("default")));

/**
 * moat_ioas_is_fence() - does it keep devices from other memory?
 *
 * The "bypass" backend does not: its devices use host-physical addresses, with
 * no IOMMU in front of them or one that lets all through, and reach whatever
 * they like. A map there only checks that each page of the memory is at its
 * IOVA; the caller has pinned the memory so that it stays there (io_uring's
 * registered buffers do), and keeps it from everybody else until bus mastering
 * is off, whatever becomes of the process. A device is VFIO's in no-IOMMU
 * mode, or bound to uio_pci_generic, its group's type "identity" if it has
 * one; attaching the latter gives -1 for the fd.
 * moat_ioas_map() may answer -EADDRNOTAVAIL (a page that is elsewhere) and
 * -EPERM (CAP_SYS_ADMIN is missing).
 */
bool moat_ioas_is_fence(const struct moat_ioas *ioas)
	__attribute__((visibility("default")));

/** moat_ioas_backend() - the name of the backend that was taken */
const char *moat_ioas_backend(const struct moat_ioas *ioas)
	__attribute__((visibility("default")));

/**
 * moat_ioas_destroy() - unmap everything and give the kernel objects back
 * @ioas: NULL, or one without attached devices
 *
 * With a device left in it that could not be closed, nothing is taken from
 * that: all of it stays until the process ends.
 */
void moat_ioas_destroy(struct moat_ioas *ioas)
	__attribute__((visibility("default")));

/**
 * moat_ioas_attach() - put a device into the address space and open it
 * @bdf:	   bound to vfio-pci (VFIO's driver), its group viable
 * @ret_device_fd: the VFIO device; the caller closes it, and does so before
 *		   moat_ioas_detach(). -1: there is none (bypass)
 *
 * The kernel resets the device as it opens it, which takes 100 ms and more:
 * no lock is held meanwhile, devices may be attached in parallel. Opening
 * does not make a device able to master the bus.
 *
 * The first device brings the ranges that were mapped before it; that takes
 * as long as mapping them.
 *
 * Return: 0; -ENODEV (no such device, no IOMMU group, or not bound to VFIO's
 * driver), -EBUSY (the group is somebody else's, or the device is attached
 * already), -EPERM (permission, interrupt remapping is missing and the host
 * has not opted in to that risk, or a VF token is), -EINVAL (group not viable),
 * -EADDRINUSE (a mapped range is reserved for this device, or cannot be
 * reached by it), -ENOMEM (memlock), -ENOSPC (the DMA entry limit), -EINTR
 * (cancelled), or another errno of the kernel. The sentence in @err begins
 * with the device's address. On error nothing has changed.
 * Source: Linux Documentation/driver-api/vfio.rst, "VFIO Usage Example".
 */
int moat_ioas_attach(struct moat_ioas *ioas, struct moat_bdf bdf,
		     int *ret_device_fd, struct moat_err *err)
	__attribute__((visibility("default")));

/**
 * moat_ioas_attach_vf() - the same, with the token for virtual functions
 * @vf_token: a UUID as text; NULL: none
 *
 * A virtual function whose physical one a VFIO driver has is opened only by
 * who knows that one's token; and that one, while virtual ones of it are in
 * use. Who opens it at another time sets the token.
 * Return: as moat_ioas_attach(); -EPERM for a wrong token, -ENOTSUP for one
 * that the device or the kernel does not take.
 * Source: Linux drivers/vfio/pci/vfio_pci_core.c, vfio_pci_validate_vf_token.
 */
int moat_ioas_attach_vf(struct moat_ioas *ioas, struct moat_bdf bdf,
			const char *vf_token, int *ret_device_fd,
			struct moat_err *err)
	__attribute__((visibility("default")));

/**
 * moat_ioas_detach() - undo moat_ioas_attach()
 *
 * The device must not be able to master the bus and its fd must be closed.
 * When the last device of a group goes, so does the group. A device that is
 * not attached is left alone.
 */
void moat_ioas_detach(struct moat_ioas *ioas, struct moat_bdf bdf)
	__attribute__((visibility("default")));

/**
 * moat_ioas_group_fd() - VFIO's file of an IOMMU group
 *
 * For ioctls that want proof of whose the group is; open while a device of
 * it is attached.
 * Return: the fd, or -ENOENT when no device of it is attached, or the
 * backend has no files for groups (iommufd).
 */
int moat_ioas_group_fd(struct moat_ioas *ioas, unsigned int group)
	__attribute__((visibility("default")));

/**
 * moat_ioas_map() - let the devices in @ioas reach host memory
 * @iova:  first I/O address; bytes, multiple of the granule
 * @len:   bytes, > 0, same multiple; iova + len - 1 must not wrap
 * @vaddr: host start address, same alignment
 * @prot:  MOAT_DMA_READ | MOAT_DMA_WRITE, never 0
 *
 * Pages stay pinned until moat_ioas_unmap(). On error nothing is mapped.
 * With no device attached the range is recorded, and mapped at the next
 * attach; reserved addresses, the IOMMU's granule and limits are checked
 * then.
 * Return: 0, or -EINVAL (alignment, prot), -EOVERFLOW (wrap), -EEXIST
 * (overlap with an earlier map), -EADDRINUSE (overlaps what the IOMMU
 * reserves, or lies outside what it can address; @err shows the ranges),
 * -ENOMEM (memlock limit; @err says how many bytes are needed), -ENOSPC (the
 * kernel's DMA entry limit), -EFAULT (no such host memory). The granule is
 * the host's page or the IOMMU's smallest, whichever is larger.
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
 * Return: 0, -ENOENT (no such map), -EIO (the kernel did not unmap exactly
 * what was mapped: the range counts as mapped on).
 */
int moat_ioas_unmap(struct moat_ioas *ioas, uint64_t iova, uint64_t len)
	__attribute__((visibility("default")));

/**
 * moat_ioas_verify() - do the hardware's tables map what was asked for?
 * @ret_pages: how many pages the tables must at least have; may be NULL
 *
 * For every attached device, the tables that its IOMMU unit would walk are
 * read back from debugfs and must be exactly the ranges of @ioas: no page
 * more or less, each leading to where /proc/self/pagemap says the memory
 * behind it is, and allowing what the map allows. VT-d only.
 *
 * The kernel lists the tables with a lock of the IOMMU held: long ones are
 * refused before. Takes ioas->lock.
 * Return: 0; -EBADMSG (they differ, and how; or a device is not translated),
 * -ENOTSUP (no VT-d, or no fence), -ENOENT (no such debugfs; @err names the
 * kernel's options), -EACCES or -EPERM (needs root), -EFBIG (too many pages),
 * -EINVAL (the kernel's text is not understood), -ENOMEM.
 */
int moat_ioas_verify(struct moat_ioas *ioas, uint64_t *ret_pages,
		     struct moat_err *err)
	__attribute__((visibility("default")));

/**
 * moat_ioas_windows() - the IOVA ranges that every attached device can use
 * @ret_ranges: freed by the caller; sorted, disjoint
 *
 * Known only while a device is attached, and changes as devices come and go.
 * Return: 0, -ENODEV (nothing attached), -ENOMEM.
 */
int moat_ioas_windows(struct moat_ioas *ioas,
		      struct moat_iova_range **ret_ranges, size_t *ret_n)
	__attribute__((visibility("default")));

/*
 * What mapping has cost so far. A replay at an attach counts like the calls
 * of moat_ioas_map() that it repeats; waiting for ioas->lock does not count.
 */
struct moat_ioas_stats {
	uint64_t map_calls; /* of the kernel: one for each range */
	uint64_t kernel_ns; /* inside those calls */
	uint64_t total_ns;  /* inside moat_ioas_map() and replays */
};

/** moat_ioas_get_stats() - read the counters; takes ioas->lock */
void moat_ioas_get_stats(struct moat_ioas *ioas,
			 struct moat_ioas_stats *ret_stats)
	__attribute__((visibility("default")));

#ifdef __cplusplus
}
#endif
#endif /* MOAT_IOAS_H */
