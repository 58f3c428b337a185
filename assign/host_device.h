/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the engine reaches the host's function: one table of operations, with
 * VFIO behind it (host_vfio.c), or sysfs (host_uio.c), or a fake in the tests.
 *
 * A region is a BAR, the ROM or config space; numbers are as in VFIO.
 * Locking: region reads and writes may run beside anything; the rest is
 * called with the device's lock held, or before a second thread knows it.
 * reset() and bus_reset() run on a thread of their own while who holds the
 * lock waits, and calls nothing else.
 */
#ifndef MOAT_ASSIGN_HOST_DEVICE_H
#define MOAT_ASSIGN_HOST_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <moat/bdf.h>
#include <moat/err.h>

enum host_region_index {
	HOST_REGION_BAR0 = 0, /* to BAR5 */
	HOST_REGION_ROM = 6,
	HOST_REGION_CONFIG = 7,
	HOST_REGIONS,
};

enum host_irq_index {
	HOST_IRQ_INTX,
	HOST_IRQ_MSI,
	HOST_IRQ_MSIX,
	HOST_IRQ_ERR, /* the host saw an error of the device; one eventfd */
	HOST_IRQ_REQ, /* the host asks for the device; one eventfd */
	HOST_IRQS,
};

/* What may be mapped of a region, page-aligned. */
struct host_area {
	uint64_t offset, len;
};

#define HOST_AREAS_MAX 16

struct host_region {
	uint64_t size; /* 0: not implemented */
	bool readable, writable;
	struct host_area area[HOST_AREAS_MAX];
	unsigned int n_areas;
};

struct host_irq {
	unsigned int count; /* 0: not implemented */
	bool maskable;	    /* can be masked and unmasked */
	/* Vectors are all allocated at enable; none is added while enabled. */
	bool noresize;
};

/* A function that the host resets together with others of its bus. */
struct host_dependent {
	struct moat_bdf bdf; /* with 16 bits of the domain */
	int group;	     /* its IOMMU group; -1: see @owned */
	bool owned;	     /* by who opened the device, through its iommufd */
};

#define HOST_DEPENDENTS_MAX 256 /* functions of one bus */

struct host_device;
struct moat_device_hold;

struct host_device_ops {
	/* Return: 0 or the kernel's errno. A region is as probed at open. */
	int (*region_info)(struct host_device *host, unsigned int region,
			   struct host_region *ret_info);
	/* ERR and REQ are independent of the others, and of each other. */
	int (*irq_info)(struct host_device *host, enum host_irq_index irq,
			struct host_irq *ret_info);

	/*
	 * One access where @len is 1, 2, 4 or 8 and @offset a multiple of it;
	 * else as few as that allows. Device memory answers -EIO while its
	 * decoding is off.
	 */
	int (*region_read)(struct host_device *host, unsigned int region,
			   uint64_t offset, void *buf, size_t len);
	int (*region_write)(struct host_device *host, unsigned int region,
			    uint64_t offset, const void *buf, size_t len);

	/* @offset and @len lie inside one of the region's areas. */
	int (*region_map)(struct host_device *host, unsigned int region,
			  uint64_t offset, uint64_t len, void **ret_addr);
	void (*region_unmap)(struct host_device *host, void *addr,
			     uint64_t len);

	/**
	 * irq_set() - signal @fds[i] for vector @start + i; -1: nobody
	 *
	 * The first call after open or irq_disable() enables the interrupt.
	 * Return: 0; a negative errno; or, when enabling, the positive number
	 * of vectors that could be had, with nothing enabled.
	 */
	int (*irq_set)(struct host_device *host, enum host_irq_index irq,
		       unsigned int start, unsigned int count, const int *fds);
	/* INTx comes masked; a signal on @fd unmasks it for the next. */
	int (*intx_unmask_by)(struct host_device *host, int fd);
	int (*irq_disable)(struct host_device *host, enum host_irq_index irq);

	/*
	 * Function reset, config space kept. -ENOTTY: it has none; -EAGAIN:
	 * something else in the kernel works on the device just now.
	 */
	int (*reset)(struct host_device *host);

	/*
	 * What a reset of its bus or slot would reset, itself included.
	 * NULL: the host has no such reset, nor bus_reset().
	 * Return: how many; -ENODEV: it has none for this one; -E2BIG: more
	 * than @room; or an ioctl's errno.
	 */
	int (*dependents)(struct host_device *host,
			  struct host_dependent *ret_others, size_t room);
	/*
	 * Reset the bus or slot. @group_fds are VFIO's files of all groups
	 * that it reaches; none for a device of an iommufd. Config spaces are
	 * kept. -EAGAIN, -EBUSY: something else works on one of the devices.
	 */
	int (*bus_reset)(struct host_device *host, const int *group_fds,
			 size_t n);

	/* What stops it from another process; moat_device_get_hold(). */
	void (*hold)(struct host_device *host,
		     struct moat_device_hold *ret_hold);

	/* Close the host's handle and free @host. Mappings are gone. */
	void (*close)(struct host_device *host);
};

struct host_device {
	const struct host_device_ops *ops;
	bool can_reset;
	bool close_resets; /* close() does, and says so when it fails */
};

/**
 * host_vfio_open() - reach a function through an open VFIO device
 * @fd: belongs to *@ret_host on success, to the caller on error
 *
 * Return: 0, -EINVAL (not a PCI device of VFIO), or an ioctl's errno.
 */
int host_vfio_open(int fd, struct host_device **ret_host, struct moat_err *err);

struct moat_host;

/**
 * host_uio_open() - reach a function through sysfs and uio_pci_generic
 *
 * It is bound to that driver. Resets it, as VFIO's opening does. It has INTx
 * and no other interrupt.
 * Return: 0; -ENODEV (not bound to it); -EPERM or -EACCES (not allowed); or
 * what opening its files, or its reset, failed with.
 */
int host_uio_open(const struct moat_host *root, struct moat_bdf bdf,
		  struct host_device **ret_host, struct moat_err *err);

#endif /* MOAT_ASSIGN_HOST_DEVICE_H */
