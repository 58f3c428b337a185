// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The I/O address space: the list of what is mapped, the list of who is
 * attached, and every check on addresses. What the kernel is asked to do
 * goes through the backend's table.
 *
 * What the kernel can map is asked as devices come and go, and not by each
 * map, whose time is guest start-up time: a map is one call of the kernel's.
 *
 * Invariant: while maps are taken (always, or for a backend that needs a
 * device, while one is attached) the kernel has exactly the ranges of the
 * list. Before the first device and after the last the list stands alone,
 * and is replayed when a device comes.
 *
 * Locking: ioas->lock guards the lists and the backend, and is held over the
 * kernel's map call, which takes long for much memory. Nothing is lost by
 * that: the kernel holds a lock of its own then, that a group needs to enter
 * the container. Only opening a device, which waits for its reset, is done
 * without the lock, when the device is in the list already: so a group that
 * shares it, and the maps, stay while the device is being opened, and several
 * devices can be opened, and memory mapped, at the same time. The hooks are
 * called with the lock held, for a second device of the same group must find
 * the first one's call done.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <moat/log.h>

#include "common/clock.h"
#include "common/util.h"
#include "iommu/group.h"
#include "iommu/ioas_impl.h"

static const struct ioas_ops *const backends[] = {
	/* NULL as name takes the first that is present. */
	&iommufd_ops,
	&type1_ops,
	&bypass_ops,
};

static bool is_wanted(const struct ioas_ops *ops, const char *name,
		      const struct moat_host *host)
{
	if (name)
		return strcmp(name, ops->name) == 0;
	return !ops->present || ops->present(host);
}

static int backend_find(const char *name, const struct moat_host *host,
			const struct ioas_ops **ret_ops, struct moat_err *err)
{
	char names[64];
	size_t used = 0;

	for (size_t i = 0; i < ARRAY_SIZE(backends); i++) {
		if (is_wanted(backends[i], name, host)) {
			*ret_ops = backends[i];
			return 0;
		}
		used += (size_t)snprintf(names + used, sizeof(names) - used,
					 "%s%s", i ? ", " : "",
					 backends[i]->name);
		assert(used < sizeof(names));
	}
	return moat_fail(err, -EINVAL,
			 "there is no IOMMU backend '%s'; there is: %s", name,
			 names);
}

/* Does the kernel hold the maps now? */
static bool takes_maps(const struct moat_ioas *ioas)
{
	return !ioas->ops->needs_device || ioas->devices;
}

static void limits_forget(struct moat_ioas *ioas)
{
	range_set_free(&ioas->limits.windows);
	ioas->limits = (struct ioas_limits) { 0 };
	ioas->pins_any = false;
}

/*
 * Look again at what the kernel can map. When it fails the old
 * limits stand: where they no longer hold, the kernel refuses.
 */
static int limits_refresh(struct moat_ioas *ioas, struct moat_err *err)
{
	struct ioas_limits limits;
	int r;

	r = ioas->ops->limits(ioas, &limits, err);
	if (r < 0)
		return r;
	range_set_free(&ioas->limits.windows);
	ioas->limits = limits;
	return 0;
}

int moat_ioas_create(const struct moat_ioas_config *config,
		     struct moat_ioas **ret_ioas, struct moat_err *err)
{
	const struct moat_host *host = config->host ? config->host
						    : &moat_this_host;
	const struct ioas_ops *ops = NULL;
	struct moat_ioas *ioas;
	int r;

	r = backend_find(config->files && !config->backend ? iommufd_ops.name
							   : config->backend,
			 host, &ops, err);
	if (r < 0)
		return r;
	ioas = calloc(1, sizeof(*ioas));
	if (!ioas)
		return moat_fail(err, -ENOMEM, "out of memory");
	ioas->ops = ops;
	ioas->host = host;
	ioas->sys.ops = config->sys ? config->sys : &vfio_sys_linux;
	ioas->sys.opaque = config->sys_opaque;
	ioas->hooks = config->hooks;
	ioas->small_pages = config->small_pages;
	ioas->files = config->files;
	ioas->cancelled = config->cancelled;
	ioas->cancelled_opaque = config->cancelled_opaque;
	ioas->page_size = (uint64_t)sysconf(_SC_PAGESIZE);
	r = pthread_mutex_init(&ioas->lock, NULL);
	if (r != 0) {
		r = moat_fail(err, -r, "making a mutex: %s", strerror(r));
		goto free_ioas;
	}
	r = ops->create(ioas, err);
	if (r < 0)
		goto destroy_lock;
	*ret_ioas = ioas;
	return 0;
destroy_lock:
	(void)pthread_mutex_destroy(&ioas->lock);
free_ioas:
	free(ioas);
	return r;
}

void moat_ioas_destroy(struct moat_ioas *ioas)
{
	if (!ioas)
		return;
	if (ioas->devices) {
		log_warn("%s could not be closed: it keeps its memory until "
			 "the program ends",
			 ioas->devices->name);
		return;
	}
	ioas->ops->destroy(ioas); /* and with it go the kernel's maps */
	limits_forget(ioas);
	(void)pthread_mutex_destroy(&ioas->lock);
	free(ioas->maps);
	free(ioas);
}

static int check_region(struct moat_iova_range range,
			const struct ioas_device *dev,
			const struct resv_list *reserved, struct moat_err *err)
{
	const struct resv_region *region = resv_find(reserved, range);

	if (!region)
		return 0;
	return moat_fail(err, -EADDRINUSE,
			 "IOVA 0x%" PRIx64 "-0x%" PRIx64 " overlaps 0x%" PRIx64
			 "-0x%" PRIx64 ", which is reserved (%s) for %s",
			 range.first, range.last, region->range.first,
			 region->range.last, region->type, dev->name);
}

int ioas_read_reserved(const struct moat_ioas *ioas,
		       const struct ioas_device *dev, struct moat_err *err)
{
	struct ioas_file *file = dev->file;
	int r;

	r = group_reserved(ioas->host, file->group, &file->reserved, err);
	for (size_t i = 0; r == 0 && i < ioas->n_maps; i++)
		r = check_region(ioas->maps[i].range, dev, &file->reserved,
				 err);
	if (r < 0) {
		resv_free(&file->reserved);
		return moat_fail_prefix(err, r, "%s", dev->name);
	}
	return 0;
}

/* Can every device reach @range? The sentence shows what they can. */
static int check_windows(const struct moat_ioas *ioas,
			 const struct ioas_limits *limits,
			 struct moat_iova_range range, struct moat_err *err)
{
	const struct ioas_device *dev;
	char text[RANGE_TEXT_MAX];
	int r = 0;

	for (dev = ioas->devices; dev; dev = dev->next) {
		r = check_region(range, dev, &dev->file->reserved, err);
		if (r < 0)
			break;
	}
	if (r == 0 && !range_set_covers(&limits->windows, range))
		r = moat_fail(err, -EADDRINUSE,
			      "IOVA 0x%" PRIx64 "-0x%" PRIx64
			      " is not within what the IOMMU can address",
			      range.first, range.last);
	if (r < 0)
		(void)moat_fail(err, r, "%s; usable: %s", err ? err->msg : "",
				range_set_text(&limits->windows, text));
	return r;
}

static int check_limits(const struct moat_ioas *ioas,
			const struct ioas_limits *limits,
			const struct ioas_map *map, struct moat_err *err)
{
	if (!is_aligned(map->range.first, limits->granule) ||
	    !is_aligned(map->range.last + 1, limits->granule) ||
	    !is_aligned((uintptr_t)map->vaddr, limits->granule))
		return moat_fail(err, -EINVAL,
				 "IOVA 0x%" PRIx64 "-0x%" PRIx64
				 " from %p is not in whole pages of the IOMMU, "
				 "of 0x%" PRIx64 " bytes",
				 map->range.first, map->range.last, map->vaddr,
				 limits->granule);
	return check_windows(ioas, limits, map->range, err);
}

int ioas_check_maps(const struct moat_ioas *ioas,
		    const struct ioas_limits *limits, struct moat_err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ioas->n_maps; i++)
		r = check_limits(ioas, limits, &ioas->maps[i], err);
	return r;
}

static int no_entries(const struct ioas_limits *limits, size_t n,
		      struct moat_err *err)
{
	return moat_fail(err, -ENOSPC,
			 "the kernel takes %" PRIu64 " more maps, and %zu "
			 "are needed (dma_entry_limit of vfio_iommu_type1)",
			 limits->entries, n);
}

static int allow_pinning(struct moat_ioas *ioas, uint64_t bytes,
			 struct moat_err *err)
{
	if (ioas->pins_any)
		return 0;
	return ioas->ops->allow_pinning(ioas, bytes, &ioas->pins_any, err);
}

/* The kernel's part of a map, with the time it takes. */
static int kernel_map(struct moat_ioas *ioas, const struct ioas_map *map,
		      struct moat_err *err)
{
	uint64_t start_ns = moat_now_ns();
	int r;

	r = ioas->ops->map(ioas, map, err);
	ioas->stats.map_calls++;
	ioas->stats.kernel_ns += moat_now_ns() - start_ns;
	if (r == 0 && ioas->limits.entries != UINT64_MAX)
		ioas->limits.entries--;
	return r;
}

static uint64_t mapped_bytes(const struct moat_ioas *ioas)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < ioas->n_maps; i++)
		bytes += ioas->maps[i].range.last - ioas->maps[i].range.first +
			 1;
	return bytes;
}

static int go_on(const struct moat_ioas *ioas, struct moat_err *err)
{
	if (!ioas->cancelled || !ioas->cancelled(ioas->cancelled_opaque))
		return 0;
	return moat_fail(err, -EINTR, "interrupted");
}

/*
 * Bring the whole list into the kernel, which has none of it. All is checked
 * first, since pinning is what takes long. When it fails, the maps that were
 * made go with the device that was attached, which is the only one.
 */
static int replay(struct moat_ioas *ioas, struct moat_err *err)
{
	const struct ioas_limits *limits = &ioas->limits;
	uint64_t start_ns = moat_now_ns();
	int r;

	if (ioas->n_maps == 0) {
		/* So that the first map has less to do; it is told of errors. */
		(void)allow_pinning(ioas, 0, NULL);
		return 0;
	}
	r = ioas_check_maps(ioas, limits, err);
	if (r == 0 && ioas->n_maps > limits->entries)
		r = no_entries(limits, ioas->n_maps, err);
	if (r == 0)
		r = allow_pinning(ioas, mapped_bytes(ioas), err);
	for (size_t i = 0; r == 0 && i < ioas->n_maps; i++) {
		r = go_on(ioas, err);
		if (r == 0)
			r = kernel_map(ioas, &ioas->maps[i], err);
	}
	ioas->stats.total_ns += moat_now_ns() - start_ns;
	return r;
}

static struct ioas_device *device_find(struct moat_ioas *ioas,
				       struct moat_bdf bdf)
{
	struct ioas_device *dev;

	for (dev = ioas->devices; dev; dev = dev->next) {
		if (moat_bdf_equal(dev->bdf, bdf))
			return dev;
	}
	return NULL;
}

static void device_unlink(struct moat_ioas *ioas, struct ioas_device *dev)
{
	struct ioas_device **at = &ioas->devices;

	while (*at != dev)
		at = &(*at)->next;
	*at = dev->next;
}

/* More may be possible without the device that went. */
static void limits_after_leave(struct moat_ioas *ioas)
{
	if (takes_maps(ioas))
		(void)limits_refresh(ioas, NULL);
	else
		limits_forget(ioas);
}

/* Is its file @dev's alone, and somebody to be told of it? */
static bool first_of_file(const struct ioas_device *dev)
{
	return dev->file->fd >= 0 && dev->file->users == 1;
}

/* Undoes device_join(). Called with the lock held. */
static void device_leave(struct moat_ioas *ioas, struct ioas_device *dev)
{
	if (first_of_file(dev) && ioas->hooks.file_removed)
		ioas->hooks.file_removed(ioas->hooks.opaque, dev->file->fd);
	device_unlink(ioas, dev);
	ioas->ops->leave(ioas, dev);
	limits_after_leave(ioas);
}

/* All of attaching but opening the device. Called with the lock held. */
static int device_join(struct moat_ioas *ioas, struct ioas_device *dev,
		       struct moat_err *err)
{
	bool was_taking_maps = takes_maps(ioas);
	int r;

	if (device_find(ioas, dev->bdf))
		return moat_fail(err, -EBUSY, "%s: is attached already",
				 dev->name);
	r = ioas->ops->join(ioas, dev, err);
	if (r < 0)
		return r;
	dev->next = ioas->devices;
	ioas->devices = dev;
	r = limits_refresh(ioas, err);
	if (r == 0 && !was_taking_maps)
		r = replay(ioas, err);
	if (r < 0) {
		(void)moat_fail_prefix(err, r, "%s", dev->name);
		goto leave;
	}
	if (first_of_file(dev) && ioas->hooks.file_added) {
		r = ioas->hooks.file_added(ioas->hooks.opaque, dev->file->fd,
					   err);
		if (r < 0) {
			(void)moat_fail_prefix(err, r, "%s", dev->name);
			goto leave;
		}
	}
	return 0;
leave:
	device_unlink(ioas, dev);
	ioas->ops->leave(ioas, dev);
	limits_after_leave(ioas);
	return r;
}

int moat_ioas_attach_vf(struct moat_ioas *ioas, struct moat_bdf bdf,
			const char *vf_token, int *ret_device_fd,
			struct moat_err *err)
{
	struct ioas_device *dev;
	int fd, r;

	dev = calloc(1, sizeof(*dev));
	if (!dev)
		return moat_fail(err, -ENOMEM, "out of memory");
	dev->bdf = bdf;
	dev->vf_token = vf_token;
	moat_bdf_str(bdf, dev->name);

	pthread_mutex_lock(&ioas->lock);
	r = device_join(ioas, dev, err);
	pthread_mutex_unlock(&ioas->lock);
	if (r < 0)
		goto free_dev;
	r = ioas->ops->open_device(ioas, dev, &fd, err);
	if (r < 0)
		goto leave;
	/* iommufd learns only now which IOMMU the device has. */
	pthread_mutex_lock(&ioas->lock);
	(void)limits_refresh(ioas, NULL);
	pthread_mutex_unlock(&ioas->lock);
	dev->vf_token = NULL;
	*ret_device_fd = fd;
	return 0;
leave:
	pthread_mutex_lock(&ioas->lock);
	device_leave(ioas, dev);
	pthread_mutex_unlock(&ioas->lock);
free_dev:
	free(dev);
	return r;
}

int moat_ioas_attach(struct moat_ioas *ioas, struct moat_bdf bdf,
		     int *ret_device_fd, struct moat_err *err)
{
	return moat_ioas_attach_vf(ioas, bdf, NULL, ret_device_fd, err);
}

void moat_ioas_detach(struct moat_ioas *ioas, struct moat_bdf bdf)
{
	struct ioas_device *dev;

	pthread_mutex_lock(&ioas->lock);
	dev = device_find(ioas, bdf);
	if (dev)
		device_leave(ioas, dev);
	pthread_mutex_unlock(&ioas->lock);
	free(dev);
}

int moat_ioas_group_fd(struct moat_ioas *ioas, unsigned int group)
{
	const struct ioas_device *dev;
	int fd = -ENOENT;

	pthread_mutex_lock(&ioas->lock);
	for (dev = ioas->devices; dev; dev = dev->next) {
		if (ioas->ops->file_is_group && dev->file->group == group)
			fd = dev->file->fd;
	}
	pthread_mutex_unlock(&ioas->lock);
	return fd;
}

/* What can be said of a map without knowing the IOMMU. */
static int check_args(const struct moat_ioas *ioas, uint64_t iova, uint64_t len,
		      const struct ioas_map *map, struct moat_err *err)
{
	struct moat_iova_range unused;

	if (map->prot == 0 || map->prot & ~(MOAT_DMA_READ | MOAT_DMA_WRITE))
		return moat_fail(err, -EINVAL,
				 "DMA protection 0x%x is neither read, write "
				 "nor both",
				 map->prot);
	if (len == 0)
		return moat_fail(err, -EINVAL,
				 "a map at IOVA 0x%" PRIx64 " has no length",
				 iova);
	if (!is_aligned(iova | len | (uintptr_t)map->vaddr, ioas->page_size))
		return moat_fail(err, -EINVAL,
				 "a map of 0x%" PRIx64 " bytes at IOVA "
				 "0x%" PRIx64 " from %p is not in whole pages "
				 "of 0x%" PRIx64 " bytes",
				 len, iova, map->vaddr, ioas->page_size);
	if (map->range.last < map->range.first ||
	    range_from_len((uintptr_t)map->vaddr, len, &unused) < 0)
		return moat_fail(err, -EOVERFLOW,
				 "a map of 0x%" PRIx64 " bytes at IOVA "
				 "0x%" PRIx64 " from %p wraps around",
				 len, iova, map->vaddr);
	return 0;
}

/* The first map that does not end before @first: where to insert or look. */
static size_t map_index(const struct moat_ioas *ioas, uint64_t first)
{
	size_t low = 0, high = ioas->n_maps;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (ioas->maps[mid].range.last < first)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static int make_room(struct moat_ioas *ioas, struct moat_err *err)
{
	struct ioas_map *maps;
	size_t room;

	if (ioas->n_maps < ioas->room)
		return 0;
	room = ioas->room ? ioas->room * 2 : 8;
	maps = reallocarray(ioas->maps, room, sizeof(*maps));
	if (!maps)
		return moat_fail(err, -ENOMEM, "out of memory");
	ioas->maps = maps;
	ioas->room = room;
	return 0;
}

/* Into the kernel, when it takes maps now. */
static int map_now(struct moat_ioas *ioas, const struct ioas_map *map,
		   struct moat_err *err)
{
	int r;

	if (!takes_maps(ioas))
		return 0;
	r = check_limits(ioas, &ioas->limits, map, err);
	if (r == 0 && ioas->limits.entries == 0)
		r = no_entries(&ioas->limits, 1, err);
	if (r == 0)
		r = allow_pinning(ioas, map->range.last - map->range.first + 1,
				  err);
	if (r == 0)
		r = kernel_map(ioas, map, err);
	return r;
}

/* Called with the lock held. */
static int map_locked(struct moat_ioas *ioas, const struct ioas_map *map,
		      struct moat_err *err)
{
	size_t at = map_index(ioas, map->range.first);
	int r;

	if (at < ioas->n_maps &&
	    range_overlaps(ioas->maps[at].range, map->range))
		return moat_fail(err, -EEXIST,
				 "IOVA 0x%" PRIx64 "-0x%" PRIx64 " overlaps "
				 "0x%" PRIx64 "-0x%" PRIx64 ", which is mapped",
				 map->range.first, map->range.last,
				 ioas->maps[at].range.first,
				 ioas->maps[at].range.last);
	/* First what can fail without the kernel having done anything. */
	r = make_room(ioas, err);
	if (r < 0)
		return r;
	r = map_now(ioas, map, err);
	if (r < 0)
		return r;
	memmove(ioas->maps + at + 1, ioas->maps + at,
		(ioas->n_maps - at) * sizeof(*ioas->maps));
	ioas->maps[at] = *map;
	ioas->n_maps++;
	return 0;
}

int moat_ioas_map(struct moat_ioas *ioas, uint64_t iova, uint64_t len,
		  void *vaddr, unsigned int prot, struct moat_err *err)
{
	struct ioas_map map = {
		.range = { iova, iova + len - 1 },
		.vaddr = vaddr,
		.prot = prot,
	};
	uint64_t start_ns;
	int r;

	r = check_args(ioas, iova, len, &map, err);
	if (r < 0)
		return r;
	pthread_mutex_lock(&ioas->lock);
	start_ns = moat_now_ns();
	r = map_locked(ioas, &map, err);
	ioas->stats.total_ns += moat_now_ns() - start_ns;
	pthread_mutex_unlock(&ioas->lock);
	return r;
}

/* Called with the lock held. */
static int unmap_locked(struct moat_ioas *ioas, struct moat_iova_range range)
{
	size_t at = map_index(ioas, range.first);
	struct ioas_map *map = ioas->maps + at;
	int r;

	if (at == ioas->n_maps || map->range.first != range.first ||
	    map->range.last != range.last)
		return -ENOENT;
	if (takes_maps(ioas)) {
		/* When it fails, the range counts as reachable: it stays. */
		r = ioas->ops->unmap(ioas, map);
		if (r < 0)
			return r;
		if (ioas->limits.entries != UINT64_MAX)
			ioas->limits.entries++;
	}
	ioas->n_maps--;
	memmove(map, map + 1, (ioas->n_maps - at) * sizeof(*map));
	return 0;
}

int moat_ioas_unmap(struct moat_ioas *ioas, uint64_t iova, uint64_t len)
{
	struct moat_iova_range range;
	int r;

	if (range_from_len(iova, len, &range) < 0)
		return -ENOENT;
	pthread_mutex_lock(&ioas->lock);
	r = unmap_locked(ioas, range);
	pthread_mutex_unlock(&ioas->lock);
	return r;
}

int moat_ioas_windows(struct moat_ioas *ioas,
		      struct moat_iova_range **ret_ranges, size_t *ret_n)
{
	struct ioas_limits limits;
	int r;

	pthread_mutex_lock(&ioas->lock);
	r = takes_maps(ioas) ? ioas->ops->limits(ioas, &limits, NULL) : -ENODEV;
	pthread_mutex_unlock(&ioas->lock);
	if (r < 0)
		return r;
	*ret_ranges = limits.windows.ranges;
	*ret_n = limits.windows.n;
	return 0;
}

bool moat_ioas_is_fence(const struct moat_ioas *ioas)
{
	return ioas->ops != &bypass_ops;
}

const char *moat_ioas_backend(const struct moat_ioas *ioas)
{
	return ioas->ops->name;
}

void moat_ioas_get_stats(struct moat_ioas *ioas,
			 struct moat_ioas_stats *ret_stats)
{
	pthread_mutex_lock(&ioas->lock);
	*ret_stats = ioas->stats;
	pthread_mutex_unlock(&ioas->lock);
}
