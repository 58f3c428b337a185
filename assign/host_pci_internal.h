/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files behind moat/host_pci.h share. */
#ifndef MOAT_ASSIGN_HOST_PCI_INTERNAL_H
#define MOAT_ASSIGN_HOST_PCI_INTERNAL_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <moat/bdf.h>
#include <moat/err.h>
#include <moat/host_pci.h>

#include "common/host.h"

#define VFIO_PCI "vfio-pci"

static inline const struct moat_host *host_or_this(const struct moat_host *host)
{
	return host ? host : &moat_this_host;
}

/**
 * host_pci_attr() - the path of a function's attribute in sysfs
 * @attr: "driver_override"; "" for the function's directory
 */
int host_pci_attr(const struct moat_host *host, struct moat_bdf bdf,
		  const char *attr, char ret_path[PATH_MAX]);

/** host_pci_short() - the address as people type it: without domain 0 */
const char *host_pci_short(struct moat_bdf bdf, char buf[MOAT_BDF_STRLEN]);

/* Where the host put a BAR, or the ROM; PCI's flags are the kernel's own. */
struct host_pci_resource {
	uint64_t first, len;
	bool is_io, is_memory; /* neither: not implemented */
	bool placed;	       /* it has an address */
};

/**
 * host_pci_resource() - read a line of "resource"
 * @index: 0 to 5 for BARs, 6 for the ROM
 *
 * Return: 0, -EINVAL when it makes no sense, or what reading met.
 * Source: Linux Documentation/PCI/sysfs-pci.rst, "resource".
 */
int host_pci_resource(const struct moat_host *host, struct moat_bdf bdf,
		      unsigned int index,
		      struct host_pci_resource *ret_resource);

/**
 * host_pci_ports() - the host's ports behind an I/O BAR
 * @len: ports that it has
 *
 * Return: 0, -ENODEV when the host gave it no ports, -EINVAL when what sysfs
 * says does not fit.
 * Source: Linux Documentation/PCI/sysfs-pci.rst, "resource".
 */
int host_pci_ports(const struct moat_host *host, struct moat_bdf bdf,
		   unsigned int bar, unsigned int len, uint16_t *ret_first,
		   struct moat_err *err);

/**
 * host_pci_irq_users() - drivers that have a function's interrupt line
 * @buf: their names, separated by commas; "" when nobody has it
 *
 * Return: 0, or the errno of reading sysfs (-ENOENT: an older kernel).
 * Source: Linux Documentation/ABI/testing/sysfs-kernel-irq, "actions".
 */
int host_pci_irq_users(const struct moat_host *host, struct moat_bdf bdf,
		       char *buf, size_t size);

/**
 * host_pci_driver() - the driver that holds a function now
 * @ret_driver: "" when there is none
 * Return: 0, or -ENODEV when there is no such function (any more).
 */
int host_pci_driver(const struct moat_host *host, struct moat_bdf bdf,
		    char ret_driver[MOAT_DRIVER_MAX]);

/**
 * host_pci_group_number() - the group's number, VFIO's no-IOMMU ones too
 * @ret_noiommu: true for a group that VFIO made up; nothing fences it
 * Return: the number, or MOAT_NO_GROUP.
 */
int host_pci_group_number(const struct moat_host *host, struct moat_bdf bdf,
			  bool *ret_noiommu);

/**
 * host_pci_read_dir() - the names in a directory that are PCI addresses
 * Return: 0 and a sorted array that the caller frees (NULL when empty), or
 * opendir's errno, negative.
 */
int host_pci_read_dir(const char *path, struct moat_bdf **ret_bdfs,
		      size_t *ret_n);

/** host_pci_no_group() - fill @err in: why the IOMMU has no group for it */
int host_pci_no_group(const struct moat_host *host, struct moat_bdf bdf,
		      struct moat_err *err);

/** host_pci_needed() - fill @err in: the host itself uses it; -EBUSY */
int host_pci_needed(const struct moat_host_pci *fn, struct moat_err *err);

#endif /* MOAT_ASSIGN_HOST_PCI_INTERNAL_H */
