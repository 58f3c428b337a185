/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside the I/O address space: what ioas.c and its backends share.
 *
 * ioas.c owns the list of ranges, the list of devices and every check that
 * is about addresses; a backend carries out what has been found right. Only
 * ioas.c calls through struct ioas_ops.
 */
#ifndef MOAT_IOMMU_IOAS_IMPL_H
#define MOAT_IOMMU_IOAS_IMPL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <moat/bdf.h>
#include <moat/err.h>
#include <moat/ioas.h>

#include "common/host.h"
#include "iommu/range.h"
#include "iommu/resv.h"
#include "iommu/vfio_sys.h"

/* One call of moat_ioas_map(). */
struct ioas_map {
	struct moat_iova_range range;
	void *vaddr;
	unsigned int prot; /* MOAT_DMA_* */
};

/*
 * The VFIO file through which devices belong to the address space: a group,
 * which several devices can share, or one device's cdev.
 */
struct ioas_file {
	int fd;		    /* -1: it is not VFIO's (bypass) */
	unsigned int group; /* the IOMMU group's number */
	unsigned int users; /* devices of this address space; > 0 */
	struct resv_list reserved;
};

struct ioas_device {
	struct ioas_device *next;
	struct moat_bdf bdf;
	char name[MOAT_BDF_STRLEN];
	struct ioas_file *file; /* the backend's; set by join() */
	const char *vf_token;	/* NULL: none; only while it is opened */
};

/* What can be mapped, for every device that is attached. */
struct ioas_limits {
	uint64_t granule; /* bytes, a power of two */
	struct range_set windows;
	uint64_t entries; /* further maps; UINT64_MAX when not known */
};

/*
 * A backend. All but open_device() are called with ioas->lock held. A
 * function that fails leaves nothing behind, and a sentence in @err.
 */
struct ioas_ops {
	const char *name;
	const char *interrupts_module; /* see group_unsafe_interrupts() */
	/*
	 * The kernel takes maps only while a device is attached, and drops
	 * them with the last one: ioas.c replays them.
	 */
	bool needs_device;
	bool file_is_group; /* struct ioas_file: of a group, not a device */

	/* Can the host have it? NULL: always. */
	bool (*present)(const struct moat_host *host);
	int (*create)(struct moat_ioas *ioas, struct moat_err *err);
	void (*destroy)(struct moat_ioas *ioas);

	/* Put @dev in: sets @dev->file and counts its user. */
	int (*join)(struct moat_ioas *ioas, struct ioas_device *dev,
		    struct moat_err *err);
	void (*leave)(struct moat_ioas *ioas, struct ioas_device *dev);

	/* Slow, and without ioas->lock; @dev has joined and stays. */
	int (*open_device)(struct moat_ioas *ioas, struct ioas_device *dev,
			   int *ret_fd, struct moat_err *err);

	/* The rest is called only while maps are taken. */
	int (*limits)(struct moat_ioas *ioas, struct ioas_limits *ret_limits,
		      struct moat_err *err);
	/*
	 * See to it that @bytes more can be pinned. @ret_any: no limit stands
	 * in the way of any number, so that it need not be asked again.
	 */
	int (*allow_pinning)(struct moat_ioas *ioas, uint64_t bytes,
			     bool *ret_any, struct moat_err *err);
	int (*map)(struct moat_ioas *ioas, const struct ioas_map *map,
		   struct moat_err *err);
	/* 0 only when exactly @map is no longer reachable. */
	int (*unmap)(struct moat_ioas *ioas, const struct ioas_map *map);
};

struct moat_ioas {
	/* Fixed from creation on. */
	const struct ioas_ops *ops;
	const struct moat_host *host;
	struct vfio_sys sys;
	struct moat_ioas_hooks hooks;
	bool small_pages;
	struct moat_ioas_files *files;	 /* NULL: none */
	bool (*cancelled)(void *opaque); /* NULL: never */
	void *cancelled_opaque;
	uint64_t page_size; /* bytes, of the host's CPU */

	/* Guards all that follows. */
	pthread_mutex_t lock;
	struct ioas_map *maps; /* sorted, disjoint */
	size_t n_maps;
	size_t room; /* allocated entries of @maps */
	struct ioas_device *devices;
	/*
	 * What the backend said when a device last came or went, less the maps
	 * made since. Valid only while maps are taken.
	 */
	struct ioas_limits limits;
	bool pins_any; /* see allow_pinning() */
	struct moat_ioas_stats stats;
	void *backend; /* the backend's own */
};

/**
 * ioas_read_reserved() - fill in what @dev's group reserves
 *
 * Return: 0; -EADDRINUSE, naming the range, the device and the region, when
 * what is mapped meets it; or what reading failed with. Then it is empty.
 */
int ioas_read_reserved(const struct moat_ioas *ioas,
		       const struct ioas_device *dev, struct moat_err *err);

/**
 * ioas_check_maps() - does what is mapped suit @limits?
 *
 * Return: 0, or what moat_ioas_map() would answer for the first that does
 * not, with its sentence.
 */
int ioas_check_maps(const struct moat_ioas *ioas,
		    const struct ioas_limits *limits, struct moat_err *err);

extern const struct ioas_ops bypass_ops;
extern const struct ioas_ops iommufd_ops;
extern const struct ioas_ops type1_ops;

#endif /* MOAT_IOMMU_IOAS_IMPL_H */
