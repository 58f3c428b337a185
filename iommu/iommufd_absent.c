// SPDX-License-Identifier: GPL-2.0-or-later
/* Stands for iommufd.c where the kernel's headers are too old for it. */
#include <errno.h>

#include "iommu/ioas_impl.h"

static bool absent_present(const struct moat_host *host)
{
	(void)host;
	return false;
}

static int absent_create(struct moat_ioas *ioas, struct moat_err *err)
{
	(void)ioas;
	return moat_fail(err, -ENOENT,
			 "this moat was built without iommufd, since the "
			 "kernel's headers were older than Linux 6.6; build it "
			 "where linux/iommufd.h is (scripts/setup), or use "
			 "type1");
}

/* Never created, so nothing else is ever called. */
const struct ioas_ops iommufd_ops = {
	.name = "iommufd",
	.present = absent_present,
	.create = absent_create,
};
