/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kernel in memory: VFIO containers, groups and devices, /dev/iommu and
 * the devices' cdevs behind struct vfio_sys_ops, and the sysfs, procfs and dev
 * trees that go with them in a temporary directory.
 *
 * It keeps the kernel's order (no map before a group and an IOMMU, no
 * device before those, one open of a group at a time), drops a container's
 * maps with its last group, charges pinned pages to RLIMIT_MEMLOCK, and
 * counts what is open. Any call can be made to fail.
 *
 * All fields are guarded by @lock once there are threads.
 */
#ifndef MOAT_TESTS_FAKE_VFIO_H
#define MOAT_TESTS_FAKE_VFIO_H

#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <moat/bdf.h>
#include <moat/ioas.h>

#include "common/host.h"
#include "iommu/vfio_sys.h"

#define FAKE_MAPS    64
#define FAKE_WINDOWS 40

struct fake_map {
	uint64_t iova, size, vaddr;
	uint32_t flags;
};

/* Or an I/O address space of iommufd's. */
struct fake_container {
	bool used;
	bool is_ioas;
	bool small_pages;
	bool file_open;
	bool has_iommu;
	unsigned int n_groups; /* of an IOAS: devices that are attached */
	struct fake_map maps[FAKE_MAPS];
	unsigned int n_maps;
};

struct fake_group {
	unsigned int id;
	int open_errno; /* negative: what opening it answers */
	bool not_viable;
	bool noiommu;	 /* made up by VFIO; see fake_make_noiommu() */
	int enter_errno; /* SET_CONTAINER; or SET_IOMMU as first group */
	/* The rest is state. */
	bool file_open;
	struct fake_container *container;
	unsigned int n_open_devices;
	bool announced; /* between file_added() and file_removed() */
};

struct fake_device {
	char name[MOAT_BDF_STRLEN];
	struct fake_group *group;
	int open_errno;	  /* of GET_DEVICE_FD, or of binding the cdev */
	int cdev_errno;	  /* of opening the cdev */
	int attach_errno; /* of attaching to an IOAS */
	/* Its physical function is VFIO's, with this token; NULL: not so. */
	const char *vf_token;
	/* The rest is state. */
	unsigned int n_open;
	unsigned int n_cdev_fds;
	bool announced, bound;
	struct fake_container *ioas; /* that it is attached to */
};

enum fake_file_type {
	FAKE_FREE,
	FAKE_CONTAINER,
	FAKE_GROUP,
	FAKE_DEVICE,
	FAKE_IOMMUFD,
	FAKE_CDEV,
};

struct fake_file {
	enum fake_file_type type;
	void *object;
};

struct fake {
	pthread_mutex_t lock;
	char root[PATH_MAX / 4];
	char sysfs[PATH_MAX / 2], procfs[PATH_MAX / 2], dev[PATH_MAX / 2];
	struct moat_host host;

	/* Knobs. */
	unsigned int fail_at; /* this call fails, the first is 1; 0: none */
	int fail_errno;
	int container_errno; /* of opening /dev/vfio/vfio or /dev/iommu */
	int api_version;
	bool no_type1;
	bool old_kernel;     /* GET_INFO has no capabilities */
	bool iommufd_compat; /* iommufd plays the container */
	uint64_t page_sizes;
	struct moat_iova_range windows[FAKE_WINDOWS];
	unsigned int n_windows;
	uint32_t dma_avail;
	struct rlimit memlock;
	bool may_raise_hard;	      /* CAP_SYS_RESOURCE */
	bool lock_cap;		      /* CAP_IPC_LOCK */
	bool lock_cap_in_status_only; /* as for root in a user namespace */
	uint64_t mlocked; /* bytes locked by other means, or other processes */
	uint64_t bad_unmap_size; /* what unmap tells instead; 0: the truth */
	int map_errno;
	/* Called by GET_DEVICE_FD, without @lock, before the device opens. */
	void (*on_device_open)(struct fake *fake);
	bool takes_token; /* iommufd, as Linux 6.17 and later */

	/* State. */
	bool has_hooks;
	unsigned int n_iommufd_fds; /* of one file */
	char status[128];	    /* the text of /proc/self/status */

	/* Counters. */
	unsigned int calls;
	bool failed; /* the call number @fail_at was made */
	unsigned int n_files;
	unsigned int map_calls;
	unsigned int pins;	    /* times that memory was to be pinned */
	unsigned int announcements; /* files that are announced */
	unsigned int left_by_close; /* groups: not by UNSET_CONTAINER */
	unsigned int wrong;	    /* calls against the kernel's order */

	struct fake_container containers[4];
	struct fake_group groups[8];
	unsigned int n_groups;
	struct fake_device devices[8];
	unsigned int n_devices;
	struct fake_file files[32];
};

/* For calls of a test's own making: 0, or the errno to fail with. */
int fake_count_call(struct fake *fake);

extern const struct vfio_sys_ops fake_vfio_ops;

/* Is the iommufd backend built in? */
extern const bool fake_has_iommufd;

/*
 * The backend that fake_config() names, and for which fake_init() makes the
 * machine: "type1" unless a test case's fixture says "iommufd".
 */
extern const char *fake_backend;
bool fake_is_iommufd(void);
void fake_use_type1(void);
void fake_use_iommufd(void);

/* A machine without devices. */
void fake_init(struct fake *fake);

/* Removes the tree. */
void fake_fini(struct fake *fake);

/**
 * fake_token() - what the kernel says to a token, or to none: NULL
 *
 * As vfio_pci_validate_vf_token() of a virtual function.
 */
int fake_token(const struct fake_device *device, const char *given);

/* @driver: NULL for none. The group is made when it is new. */
struct fake_device *fake_add_device(struct fake *fake, const char *name,
				    unsigned int group, const char *driver);

/* The device's group is one of VFIO's no-IOMMU mode. */
void fake_make_noiommu(struct fake *fake, struct fake_device *device);

/* Write a file of the tree; @path is below its root. */
void fake_write(struct fake *fake, const char *path, const char *text);

/* Remove a file of the tree. Return: 0 or -errno. */
int fake_remove(struct fake *fake, const char *path);

/* Make a symbolic link in the tree. */
void fake_link(struct fake *fake, const char *target, const char *path);

/* /proc/self/status, after @mlocked or @lock_cap was set. */
void fake_write_status(struct fake *fake);

/* A configuration with the fake below and its hooks above. */
struct moat_ioas_config fake_config(struct fake *fake);

/* What the devices of the machine can reach now, over all containers. */
unsigned int fake_n_maps(struct fake *fake);
bool fake_has_map(struct fake *fake, uint64_t iova, uint64_t size);

/* Is @have @want, where @want's "%ROOT" stands for the fake's directory? */
void fake_assert_sentence(const struct fake *fake, const char *have,
			  const char *want);

/* Nothing open, mapped or announced? */
void fake_assert_clean(struct fake *fake);

#endif /* MOAT_TESTS_FAKE_VFIO_H */
