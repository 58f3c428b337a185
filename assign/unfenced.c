// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Functions taken for dma=none, see unfenced.h. No state.
 *
 * Source: Linux Documentation/ABI/testing/sysfs-kernel-iommu_groups for the
 * type of a group; Documentation/driver-api/uio-howto.rst,
 * "Generic PCI UIO driver".
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "assign/claim.h"
#include "assign/claim_driver.h"
#include "assign/claim_record.h"
#include "assign/host_pci_internal.h"
#include "assign/unfenced.h"
#include "common/io.h"
#include "common/vfio_driver.h"

#define NOIOMMU_PARAM "module/vfio/parameters/enable_unsafe_noiommu_mode"

static int take_uio(const struct moat_host_pci *fn,
		    enum unfenced_route *ret_route, struct moat_err *err)
{
	char addr[MOAT_BDF_STRLEN];

	if (fn->is_vf)
		return moat_fail(
			err, -EINVAL,
			"%s is a virtual function, which has no INTx, "
			"and with dma=none there is no other interrupt "
			"on this machine; assign it with dma=iommu, or "
			"its physical function",
			moat_bdf_str(fn->bdf, addr));
	*ret_route = UNFENCED_UIO;
	return 0;
}

int unfenced_route(const struct moat_host *host, const struct moat_host_pci *fn,
		   enum unfenced_route *ret_route, struct moat_err *err)
{
	char path[PATH_MAX], value[8], addr[MOAT_BDF_STRLEN];

	host = host_or_this(host);
	if (fn->iommu_group != MOAT_NO_GROUP ||
	    moat_path(path, "%s/%s", host->sysfs, NOIOMMU_PARAM) < 0 ||
	    moat_read_text(path, value, sizeof(value)) < 0)
		return take_uio(fn, ret_route, err);
	if (strcmp(value, "Y") == 0) {
		*ret_route = UNFENCED_VFIO;
		return 0;
	}
	return moat_fail(err, -EPERM,
			 "%s has no IOMMU in front of it, and VFIO's mode for "
			 "that is off; if every guest is trusted, switch it on "
			 "with: echo Y > %s",
			 moat_bdf_str(fn->bdf, addr), path);
}

const char *unfenced_driver(enum unfenced_route route)
{
	return route == UNFENCED_VFIO ? VFIO_PCI : UIO_PCI;
}

bool claim_is_ours(const char *driver)
{
	return moat_is_vfio_driver(driver) || strcmp(driver, UIO_PCI) == 0;
}

int unfenced_group_type(const struct moat_host *host, struct moat_bdf bdf,
			char ret_type[GROUP_TYPE_MAX])
{
	char path[PATH_MAX], type[GROUP_TYPE_MAX];
	int r;

	r = host_pci_attr(host, bdf, "iommu_group/type", path);
	if (r == 0)
		r = moat_read_text(path, type, sizeof(type));
	if (r == 0 && !type[0])
		r = -ENODATA;
	if (r == 0)
		memcpy(ret_type, type, sizeof(type));
	return r;
}

void unfenced_group_others(const struct moat_host *host, struct moat_bdf bdf,
			   struct moat_bdf **ret_bdfs, size_t *ret_n)
{
	char path[PATH_MAX];
	struct moat_bdf *bdfs;
	size_t n, kept = 0;

	*ret_bdfs = NULL;
	*ret_n = 0;
	if (host_pci_attr(host, bdf, "iommu_group/devices", path) < 0 ||
	    host_pci_read_dir(path, &bdfs, &n) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		if (!moat_bdf_equal(bdfs[i], bdf))
			bdfs[kept++] = bdfs[i];
	*ret_bdfs = bdfs;
	*ret_n = kept;
}

bool unfenced_group_is_open(const struct claim *c)
{
	char driver[MOAT_DRIVER_MAX];
	struct moat_bdf *others;
	bool open = false;
	size_t n;

	unfenced_group_others(c->host, c->bdf, &others, &n);
	for (size_t i = 0; i < n; i++)
		open |= host_pci_driver(c->host, others[i], driver) == 0 &&
			strcmp(driver, UIO_PCI) == 0;
	free(others);
	return open;
}

void unfenced_group_type_before(const struct claim *c,
				char ret_type[GROUP_TYPE_MAX])
{
	struct claim_record rec;
	struct moat_bdf *others;
	size_t n;

	ret_type[0] = '\0';
	unfenced_group_others(c->host, c->bdf, &others, &n);
	for (size_t i = 0; i < n && !ret_type[0]; i++)
		if (claim_record_load(c->host, others[i], &rec, NULL) == 0)
			memcpy(ret_type, rec.group_type, GROUP_TYPE_MAX);
	free(others);
}

static const char *type_hint(int r)
{
	switch (r) {
	case -EPERM:
	case -EBUSY:
		return "; a driver has a device of the group";
	case -EINVAL:
		return "; with several devices in the group, boot the host "
		       "with iommu=pt instead";
	case -EACCES:
	case -EROFS:
		return "; this needs root, and sysfs writable";
	default:
		return "";
	}
}

int unfenced_set_group_type(const struct claim *c, const char *type,
			    struct moat_err *err)
{
	char path[PATH_MAX], now[GROUP_TYPE_MAX] = "?";
	int r;

	if (unfenced_group_type(c->host, c->bdf, now) == 0 &&
	    strcmp(now, type) == 0)
		return 0;
	r = host_pci_attr(c->host, c->bdf, "iommu_group/type", path);
	if (r == 0)
		r = c->ops->write(c->ops->opaque, path, type);
	/* Whoever else leaves the group may have done it just then. */
	if (unfenced_group_type(c->host, c->bdf, now) == 0 &&
	    strcmp(now, type) == 0)
		return 0;
	if (r == 0)
		r = -EIO;
	return moat_fail(err, r,
			 "%s: the type of its IOMMU group stays '%s', and "
			 "should be '%s': %s%s",
			 c->addr, now, type, strerror(-r), type_hint(r));
}
