// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where the files of the iommufd backend come from: /dev/iommu and a
 * device's cdev are opened here, or taken over from who opened them. No
 * state.
 *
 * A file that is taken over gets a new fd, which is close-on-exec, and the
 * old one is closed: whoever has closed the new one knows that the device is
 * free. A cdev is taken only for the device whose number it has.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/io.h"
#include "common/util.h"
#include "common/vfio_driver.h"
#include "iommu/group.h"
#include "iommu/iommufd_files.h"
#include "iommu/iommufd_ioctl.h"
#include "iommu/refusal.h"
#include "iommu/vfio_cdev.h"

#define CDEV_NAME_MAX 32

/* Without a device there is no cdev to look for: VFIO's numbers tell. */
static bool kernel_has_cdevs(const struct moat_host *host)
{
	char path[PATH_MAX], line[128];
	bool found = false;
	FILE *f;

	if (moat_path(path, "%s/devices", host->procfs) < 0)
		return false;
	f = fopen(path, "re");
	if (!f)
		return false;
	while (!found && fgets(line, sizeof(line), f))
		found = strstr(line, " vfio-dev\n") != NULL;
	(void)fclose(f);
	return found;
}

bool iommufd_present(const struct moat_host *host)
{
	char path[PATH_MAX];

	return moat_path(path, "%s/iommu", host->dev) == 0 &&
	       access(path, R_OK | W_OK) == 0 && kernel_has_cdevs(host);
}

static int open_explain(const char *path, int r, struct moat_err *err)
{
	switch (r) {
	case -ENOENT:
	case -ENODEV:
	case -ENXIO:
		return moat_fail(err, -ENOENT,
				 "%s is not there: the kernel has no iommufd "
				 "(CONFIG_IOMMUFD), or its module is not "
				 "loaded; try 'modprobe iommufd', or leave "
				 "the choice of the IOMMU's interface to moat",
				 path);
	default:
		return refusal_open(path, r, err);
	}
}

/* Make @fd ours, close-on-exec as all are. */
static int adopt(const struct moat_ioas *ioas, int fd, int *ret_fd)
{
	int own = ioas->sys.ops->dup(ioas->sys.opaque, fd);

	if (own < 0)
		return own;
	vfio_close(&ioas->sys, fd);
	*ret_fd = own;
	return 0;
}

/* The iommufd that came with the configuration. */
static int iommufd_adopt(struct moat_ioas *ioas, int *ret_fd,
			 struct moat_err *err)
{
	int given = ioas->files->iommufd;
	uint32_t id;
	int r;

	/* What is something else does not know this, or not in this form. */
	r = iommufd_ioas_alloc(&ioas->sys, given, &id);
	if (r < 0)
		return moat_fail(err, r == -ENOMEM ? r : -EBADF,
				 "fd %d is not an open /dev/iommu: "
				 "IOMMU_IOAS_ALLOC: %s",
				 given, strerror(-r));
	(void)iommufd_destroy(&ioas->sys, given, id);
	r = adopt(ioas, given, ret_fd);
	if (r < 0)
		return moat_fail(err, r, "a second fd for fd %d: %s", given,
				 strerror(-r));
	ioas->files->iommufd = -1;
	return 0;
}

int iommufd_get(struct moat_ioas *ioas, int *ret_fd, struct moat_err *err)
{
	char path[PATH_MAX];
	int r;

	if (ioas->files && ioas->files->iommufd >= 0)
		return iommufd_adopt(ioas, ret_fd, err);
	r = moat_path(path, "%s/iommu", ioas->host->dev);
	if (r < 0)
		return moat_fail(err, r, "%s is too long a path",
				 ioas->host->dev);
	r = iommufd_open(&ioas->sys, path, ret_fd);
	return r < 0 ? open_explain(path, r, err) : 0;
}

/* "vfioN", as sysfs has it below the device. Return: is there one? */
static bool cdev_name(const struct moat_host *host,
		      const struct ioas_device *dev, char buf[CDEV_NAME_MAX])
{
	const struct dirent *entry;
	char path[PATH_MAX];
	bool found = false;
	DIR *dir;

	if (moat_path(path, "%s/bus/pci/devices/%s/vfio-dev", host->sysfs,
		      dev->name) < 0)
		return false;
	dir = opendir(path);
	if (!dir)
		return false;
	while (!found && (entry = readdir(dir))) {
		found = strncmp(entry->d_name, "vfio", 4) == 0 &&
			strlen(entry->d_name) < CDEV_NAME_MAX;
		if (found)
			memcpy(buf, entry->d_name, strlen(entry->d_name) + 1);
	}
	(void)closedir(dir);
	return found;
}

static int no_cdev_explain(const struct moat_ioas *ioas,
			   const struct ioas_device *dev, struct moat_err *err)
{
	char who[WHO_MAX];

	group_driver(ioas->host, dev->bdf, who, sizeof(who));
	if (moat_is_vfio_driver(who))
		return moat_fail(
			err, -ENODEV,
			"%s: the kernel gives VFIO devices no files of "
			"their own (CONFIG_VFIO_DEVICE_CDEV, Linux "
			"6.6), which iommufd needs; type1 does without",
			dev->name);
	return moat_fail(err, -ENODEV,
			 "%s: VFIO does not have the device: it is bound to "
			 "%s; bind it to vfio-pci first",
			 dev->name, who[0] ? who : "no driver");
}

static int cdev_open_explain(const struct moat_ioas *ioas,
			     const struct ioas_device *dev, const char *path,
			     int r, struct moat_err *err)
{
	switch (r) {
	case -ENOENT:
	case -ENXIO:
	case -ENODEV:
		if (!kernel_has_cdevs(ioas->host))
			return no_cdev_explain(ioas, dev, err);
		return moat_fail(err, -ENODEV,
				 "%s: %s is not there, though the device is "
				 "VFIO's; a container may lack the node",
				 dev->name, path);
	default:
		return refusal_open_for(dev, "device", path, r, err);
	}
}

int iommufd_cdev_path(const struct moat_ioas *ioas,
		      const struct ioas_device *dev, char path[PATH_MAX],
		      struct moat_err *err)
{
	char name[CDEV_NAME_MAX];
	int r;

	if (!cdev_name(ioas->host, dev, name))
		return no_cdev_explain(ioas, dev, err);
	r = moat_path(path, "%s/vfio/devices/%s", ioas->host->dev, name);
	return r < 0 ? moat_fail(err, r, "%s: %s is too long a path", dev->name,
				 ioas->host->dev)
		     : 0;
}

/* The file that came with the configuration for @dev, or NULL. */
static struct moat_ioas_cdev *cdev_given(const struct moat_ioas *ioas,
					 const struct ioas_device *dev)
{
	for (size_t i = 0; ioas->files && i < ioas->files->n_cdevs; i++) {
		if (moat_bdf_equal(ioas->files->cdevs[i].bdf, dev->bdf))
			return &ioas->files->cdevs[i];
	}
	return NULL;
}

/* Is @fd the file of @dev? A mistaken one would be another device. */
static bool cdev_is_of(const struct moat_ioas *ioas,
		       const struct ioas_device *dev, int fd)
{
	char name[CDEV_NAME_MAX], path[PATH_MAX], text[32];
	unsigned int first, second;
	dev_t number;

	return cdev_name(ioas->host, dev, name) &&
	       moat_path(path, "%s/bus/pci/devices/%s/vfio-dev/%s/dev",
			 ioas->host->sysfs, dev->name, name) == 0 &&
	       moat_read_text(path, text, sizeof(text)) == 0 &&
	       sscanf(text, "%u:%u", &first, &second) == 2 &&
	       ioas->sys.ops->device_number(ioas->sys.opaque, fd, &number) ==
		       0 &&
	       number == makedev(first, second);
}

static int cdev_adopt(struct moat_ioas *ioas, struct ioas_device *dev,
		      struct moat_ioas_cdev *given, struct moat_err *err)
{
	int r;

	if (!cdev_is_of(ioas, dev, given->fd))
		return moat_fail(err, -EBADF,
				 "%s: fd %d is not the open VFIO file of the "
				 "device, /dev/vfio/devices/vfioN",
				 dev->name, given->fd);
	r = adopt(ioas, given->fd, &dev->file->fd);
	if (r < 0)
		return moat_fail(err, r, "%s: a second fd for fd %d: %s",
				 dev->name, given->fd, strerror(-r));
	given->fd = -1;
	return 0;
}

int iommufd_cdev_get(struct moat_ioas *ioas, struct ioas_device *dev,
		     const char *path, struct moat_err *err)
{
	struct moat_ioas_cdev *given = cdev_given(ioas, dev);
	int r;

	if (given)
		return cdev_adopt(ioas, dev, given, err);
	r = vfio_cdev_open(&ioas->sys, path, &dev->file->fd);
	return r < 0 ? cdev_open_explain(ioas, dev, path, r, err) : 0;
}
