// SPDX-License-Identifier: GPL-2.0-or-later
/* See refusal.h. No state. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "iommu/group.h"
#include "iommu/refusal.h"

int refusal_open(const char *path, int r, struct moat_err *err)
{
	if (r == -EACCES || r == -EPERM)
		return moat_fail(err, r,
				 "opening %s: %s; run as root, or as a user "
				 "who may read and write it",
				 path, strerror(-r));
	return moat_fail(err, r, "opening %s: %s", path, strerror(-r));
}

int refusal_open_for(const struct ioas_device *dev, const char *what,
		     const char *path, int r, struct moat_err *err)
{
	if (r == -EACCES || r == -EPERM)
		return moat_fail(err, -EPERM,
				 "%s: opening %s: %s; run as root, or give the "
				 "%s to the user with 'chown USER %s'",
				 dev->name, path, strerror(-r), what, path);
	return moat_fail(err, r, "%s: opening %s: %s", dev->name, path,
			 strerror(-r));
}

int refusal_busy(const struct moat_ioas *ioas, const struct ioas_device *dev,
		 const char *path, struct moat_err *err)
{
	char who[WHO_MAX];

	group_holder(ioas->host, path, true, who, sizeof(who));
	return moat_fail(err, -EBUSY,
			 "%s: its IOMMU group is in use: %s is held by %s; end "
			 "that first",
			 dev->name, path, who[0] ? who : "another process");
}

int refusal_map(const struct ioas_map *map, const char *step, int r,
		struct moat_err *err)
{
	if (r == -EFAULT)
		return moat_fail(err, r,
				 "mapping IOVA 0x%" PRIx64 "-0x%" PRIx64
				 ": there is not memory of the right kind at "
				 "all of its host addresses",
				 map->range.first, map->range.last);
	return moat_fail(err, r,
			 "mapping IOVA 0x%" PRIx64 "-0x%" PRIx64 ": %s: %s",
			 map->range.first, map->range.last, step, strerror(-r));
}

int refusal_not_viable(const struct ioas_device *dev, const char *who,
		       struct moat_err *err)
{
	return moat_fail(err, -EINVAL,
			 "%s: IOMMU group %u is not viable: the host uses %s "
			 "in it; unbind that or bind it to vfio-pci, for the "
			 "IOMMU cannot tell the group's devices apart",
			 dev->name, dev->file->group,
			 who[0] ? who : "another device");
}

int refusal_explain(const struct moat_ioas *ioas, const struct ioas_device *dev,
		    const char *step, int r, struct moat_err *err)
{
	const char *module = ioas->ops->interrupts_module;
	char param[PATH_MAX];

	if (r == -EPERM && group_unsafe_interrupts(ioas->host, module, param))
		return moat_fail(
			err, r,
			"%s: the kernel refuses (%s: %s), since this machine "
			"does not remap interrupts: whoever owns a device "
			"could forge any interrupt of the host. Turn interrupt "
			"remapping on in the firmware (VT-d, AMD-Vi, x2APIC); "
			"or, if every guest is trusted, accept the risk with "
			"'echo Y > %s'",
			dev->name, step, strerror(-r), param);
	if ((r == -EPERM || r == -EINVAL) &&
	    resv_has_direct(&dev->file->reserved))
		return moat_fail(
			err, r,
			"%s: the kernel refuses (%s: %s), since the firmware "
			"insists on memory of its own for the device (an RMRR; "
			"'direct' in reserved_regions of IOMMU group %u): it "
			"cannot be assigned unless a firmware setting lifts "
			"that",
			dev->name, step, strerror(-r), dev->file->group);
	if (r == -ENOMEM)
		return moat_fail(err, r, "%s: %s: out of memory", dev->name,
				 step);
	return moat_fail(err, r,
			 "%s: IOMMU group %u: %s: %s; the kernel log may say "
			 "more",
			 dev->name, dev->file->group, step, strerror(-r));
}

int refusal_token(const struct ioas_device *dev, struct moat_err *err)
{
	if (dev->vf_token)
		return moat_fail(err, -EPERM,
				 "%s: VFIO has another token for it than the "
				 "one that was given (vf-token)",
				 dev->name);
	return moat_fail(err, -EPERM,
			 "%s: VFIO asks for a token: the device is a virtual "
			 "function, and its physical function belongs to "
			 "another VFIO user, who knows it; give it by "
			 "vf-token=UUID",
			 dev->name);
}
