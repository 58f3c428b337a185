/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What taking a function for dma=none adds to taking it for VFIO: which
 * driver, and what its IOMMU group must be like.
 */
#ifndef MOAT_ASSIGN_UNFENCED_H
#define MOAT_ASSIGN_UNFENCED_H

#include <stdbool.h>

#include <moat/bdf.h>
#include <moat/err.h>
#include <moat/host_pci.h>

struct claim;
struct moat_host;

#define UIO_PCI		"uio_pci_generic"
#define GROUP_TYPE_NONE "identity" /* the IOMMU lets all addresses through */

/* Room for a group's type, "DMA-FQ" say. */
#define GROUP_TYPE_MAX 32

enum unfenced_route {
	UNFENCED_VFIO, /* vfio-pci in no-IOMMU mode */
	UNFENCED_UIO,  /* sysfs and uio_pci_generic: INTx only */
};

/**
 * unfenced_route() - how the function would be reached
 *
 * VFIO has a no-IOMMU mode for functions without a group only, and only if
 * the kernel was built with it.
 * Return: 0; -EPERM when that mode is there and not switched on; -EINVAL for
 * a virtual function where only sysfs would serve, as it has no INTx.
 */
int unfenced_route(const struct moat_host *host, const struct moat_host_pci *fn,
		   enum unfenced_route *ret_route, struct moat_err *err);

/** unfenced_driver() - the driver that a route needs */
const char *unfenced_driver(enum unfenced_route route);

/**
 * unfenced_group_type() - what it is set to, never ""
 *
 * Return: 0; -ENOENT without a group, or when the kernel has no types; or the
 * errno of reading it.
 */
int unfenced_group_type(const struct moat_host *host, struct moat_bdf bdf,
			char ret_type[GROUP_TYPE_MAX]);

/**
 * unfenced_group_others() - the other functions of its group
 *
 * None without a group. The caller frees them.
 */
void unfenced_group_others(const struct moat_host *host, struct moat_bdf bdf,
			   struct moat_bdf **ret_bdfs, size_t *ret_n);

/** unfenced_group_is_open() - for another function, by uio_pci_generic */
bool unfenced_group_is_open(const struct claim *c);

/**
 * unfenced_group_type_before() - by the records of the group's others
 *
 * "" when none of them has changed it.
 */
void unfenced_group_type_before(const struct claim *c,
				char ret_type[GROUP_TYPE_MAX]);

/** claim_is_ours() - is it a driver that functions are taken for? */
bool claim_is_ours(const char *driver);

/**
 * unfenced_set_group_type() - the function is on no driver
 *
 * Return: 0, or the kernel's answer: a driver holds a function of the group,
 * or there are several in it (Linux before 6.4).
 */
int unfenced_set_group_type(const struct claim *c, const char *type,
			    struct moat_err *err);

#endif /* MOAT_ASSIGN_UNFENCED_H */
