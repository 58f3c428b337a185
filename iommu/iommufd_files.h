/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening /dev/iommu and VFIO's device files, with words when it fails. */
#ifndef MOAT_IOMMU_IOMMUFD_FILES_H
#define MOAT_IOMMU_IOMMUFD_FILES_H

#include "iommu/ioas_impl.h"

/** iommufd_present() - can the host have iommufd, and this process use it? */
bool iommufd_present(const struct moat_host *host);

/** iommufd_get() - /dev/iommu, or the file that came with the configuration */
int iommufd_get(struct moat_ioas *ioas, int *ret_fd, struct moat_err *err);

/** iommufd_cdev_path() - the node of @dev; -ENODEV: VFIO has none for it */
int iommufd_cdev_path(const struct moat_ioas *ioas,
		      const struct ioas_device *dev, char path[PATH_MAX],
		      struct moat_err *err);

/**
 * iommufd_cdev_get() - set @dev->file's fd
 * @path: where to open it if it did not come with the configuration
 */
int iommufd_cdev_get(struct moat_ioas *ioas, struct ioas_device *dev,
		     const char *path, struct moat_err *err);

#endif /* MOAT_IOMMU_IOMMUFD_FILES_H */
