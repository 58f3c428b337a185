/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the halves of the kernel in memory share; @fake->lock is held. */
#ifndef MOAT_TESTS_FAKE_IMPL_H
#define MOAT_TESTS_FAKE_IMPL_H

#include "fake_vfio.h"

#define FAKE_FIRST_FD 1000
#define FAKE_PAGE     UINT64_C(4096)

/* A call against the kernel's order. Return: @r. */
int fake_wrong(struct fake *fake, int r);

int fake_file_new(struct fake *fake, enum fake_file_type type, void *object);
struct fake_file *fake_file_get(struct fake *fake, int fd);

/* One that is not used, @used now. */
struct fake_container *fake_container_new(struct fake *fake);

/* Is there room under RLIMIT_MEMLOCK? @user: by user, as iommufd counts */
bool fake_locking_fits(const struct fake *fake, bool user, uint64_t size);

/* Has it been mapped by our side's mistake? @c has it already. */
bool fake_overlaps(const struct fake_container *c, uint64_t iova,
		   uint64_t size);
bool fake_in_window(const struct fake *fake, uint64_t iova, uint64_t size);

/* fake_iommufd.c: -ENOENT, -ENOTTY and so on when there is no such thing. */
int fake_iommufd_open(struct fake *fake);
int fake_cdev_open(struct fake *fake, struct fake_device *device);
int fake_iommufd_ioctl(struct fake *fake, unsigned long request,
		       unsigned long arg);
/* Lets go of the lock while a device opens. */
int fake_cdev_ioctl(struct fake *fake, struct fake_device *device,
		    unsigned long request, unsigned long arg);
void fake_iommufd_close(struct fake *fake);
void fake_cdev_close(struct fake *fake, struct fake_device *device);

#endif /* MOAT_TESTS_FAKE_IMPL_H */
