/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What host_vfio.c lets its test see: parsing of what the kernel returned. */
#ifndef MOAT_ASSIGN_HOST_VFIO_H
#define MOAT_ASSIGN_HOST_VFIO_H

#include <stddef.h>

#include <linux/vfio.h>

#include "assign/host_device.h"

/**
 * vfio_region_decode() - turn VFIO's region info into a struct host_region
 * @info:  header and capability chain
 * @len:   bytes that @info points to, at least the header
 * @page:  the host's page size
 *
 * Every offset is checked against @len. Areas are cut to whole pages inside
 * the region. Return: 0, or -EINVAL for a broken chain.
 */
int vfio_region_decode(const struct vfio_region_info *info, size_t len,
		       uint64_t page, struct host_region *ret_region);

/**
 * vfio_dependents_decode() - what a reset of the bus would reach
 * @info: with @count entries behind it
 * @room: entries that there are, in both
 *
 * Return: how many, -E2BIG when @info claims more than @room, -EINVAL.
 */
int vfio_dependents_decode(const struct vfio_pci_hot_reset_info *info,
			   size_t room, struct host_dependent *ret_others);

#endif /* MOAT_ASSIGN_HOST_VFIO_H */
