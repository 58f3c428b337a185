// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/util.h"
#include "fake_impl.h"

const char *fake_backend = "type1";

bool fake_is_iommufd(void)
{
	return strcmp(fake_backend, "iommufd") == 0;
}

void fake_use_type1(void)
{
	fake_backend = "type1";
}

void fake_use_iommufd(void)
{
	fake_backend = "iommufd";
}

/* Called with the lock held, at each call that can fail. */
static int count_call(struct fake *fake)
{
	if (++fake->calls != fake->fail_at)
		return 0;
	fake->failed = true;
	return fake->fail_errno;
}

int fake_count_call(struct fake *fake)
{
	int r;

	pthread_mutex_lock(&fake->lock);
	r = count_call(fake);
	pthread_mutex_unlock(&fake->lock);
	return r;
}

int fake_wrong(struct fake *fake, int r)
{
	fake->wrong++;
	return r;
}

/* By containers, or by address spaces of iommufd's. */
static uint64_t pinned(const struct fake *fake, bool is_ioas)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < ARRAY_SIZE(fake->containers); i++) {
		const struct fake_container *c = &fake->containers[i];

		if (c->is_ioas != is_ioas || (is_ioas && c->n_groups == 0))
			continue;
		for (unsigned int j = 0; j < c->n_maps; j++)
			bytes += c->maps[j].size;
	}
	return bytes;
}

void fake_write_status(struct fake *fake)
{
	bool cap = fake->lock_cap || fake->lock_cap_in_status_only;
	char text[sizeof(fake->status)];

	(void)snprintf(text, sizeof(text),
		       "Name:\ttest\nVmLck:\t%8" PRIu64 " kB\nVmPin:\t%8" PRIu64
		       " kB\nCapEff:\t%016x\n",
		       (pinned(fake, false) + fake->mlocked) / KiB,
		       pinned(fake, true) / KiB, cap ? 1u << 14 : 0u);
	if (strcmp(text, fake->status) == 0)
		return;
	memcpy(fake->status, text, sizeof(text));
	fake_write(fake, "proc/self/status", text);
}

int fake_file_new(struct fake *fake, enum fake_file_type type, void *object)
{
	for (size_t i = 0; i < ARRAY_SIZE(fake->files); i++) {
		if (fake->files[i].type == FAKE_FREE) {
			fake->files[i] = (struct fake_file) { type, object };
			fake->n_files++;
			return FAKE_FIRST_FD + (int)i;
		}
	}
	return -EMFILE;
}

struct fake_file *fake_file_get(struct fake *fake, int fd)
{
	if (fd < FAKE_FIRST_FD ||
	    fd >= FAKE_FIRST_FD + (int)ARRAY_SIZE(fake->files) ||
	    fake->files[fd - FAKE_FIRST_FD].type == FAKE_FREE)
		return NULL;
	return &fake->files[fd - FAKE_FIRST_FD];
}

/*
 * A group or the file has let go of @c. With its last group a container
 * loses IOMMU and maps (vfio_group_detach_container()), except that iommufd
 * keeps the maps while the file is open.
 */
static void container_put(struct fake *fake, struct fake_container *c)
{
	if (c->n_groups > 0)
		return;
	c->has_iommu = false;
	if (!fake->iommufd_compat || !c->file_open)
		c->n_maps = 0;
	c->used = c->file_open;
}

struct fake_container *fake_container_new(struct fake *fake)
{
	struct fake_container *c = fake->containers;

	while (c < fake->containers + ARRAY_SIZE(fake->containers) && c->used)
		c++;
	ck_assert(c < fake->containers + ARRAY_SIZE(fake->containers));
	*c = (struct fake_container) { .used = true };
	return c;
}

static int container_open(struct fake *fake)
{
	struct fake_container *c;

	if (fake->container_errno)
		return fake->container_errno;
	c = fake_container_new(fake);
	c->file_open = true;
	return fake_file_new(fake, FAKE_CONTAINER, c);
}

static int group_open(struct fake *fake, struct fake_group *group)
{
	if (group->open_errno)
		return group->open_errno;
	if (group->file_open)
		return fake_wrong(fake, -EBUSY);
	group->file_open = true;
	return fake_file_new(fake, FAKE_GROUP, group);
}

static int open_locked(struct fake *fake, const char *path, int flags)
{
	size_t dev_len = strlen(fake->dev);
	unsigned int id;
	int r;

	r = count_call(fake);
	if (r < 0)
		return r;
	if (!(flags & O_CLOEXEC) || (flags & O_ACCMODE) != O_RDWR)
		return fake_wrong(fake, -EINVAL);
	if (strncmp(path, fake->dev, dev_len) != 0)
		return fake_wrong(fake, -ENOENT);
	path += dev_len;
	if (strcmp(path, "/vfio/vfio") == 0)
		return container_open(fake);
	if (strcmp(path, "/iommu") == 0)
		return fake_iommufd_open(fake);
	for (unsigned int i = 0; i < fake->n_devices; i++) {
		if (sscanf(path, "/vfio/devices/vfio%u", &id) == 1 && id == i)
			return fake_cdev_open(fake, &fake->devices[i]);
	}
	for (unsigned int i = 0; i < fake->n_groups; i++) {
		if (sscanf(path,
			   fake->groups[i].noiommu ? "/vfio/noiommu-%u"
						   : "/vfio/%u",
			   &id) == 1 &&
		    id == fake->groups[i].id)
			return group_open(fake, &fake->groups[i]);
	}
	return -ENOENT;
}

static int fake_open(void *opaque, const char *path, int flags)
{
	struct fake *fake = opaque;
	int r;

	pthread_mutex_lock(&fake->lock);
	r = open_locked(fake, path, flags);
	pthread_mutex_unlock(&fake->lock);
	return r;
}

static void group_detach(struct fake *fake, struct fake_group *group)
{
	if (!group->container)
		return;
	group->container->n_groups--;
	container_put(fake, group->container);
	group->container = NULL;
}

static void close_locked(struct fake *fake, struct fake_file *file)
{
	struct fake_container *c = file->object;
	struct fake_group *group = file->object;
	struct fake_device *device = file->object;

	switch (file->type) {
	case FAKE_CONTAINER:
		c->file_open = false;
		container_put(fake, c);
		break;
	case FAKE_GROUP:
		/* An open device would hold the group: we never want that. */
		if (group->n_open_devices > 0 || group->announced)
			fake_wrong(fake, 0);
		group->file_open = false;
		fake->left_by_close += group->container != NULL;
		group_detach(fake, group);
		break;
	case FAKE_DEVICE:
		device->n_open--;
		device->group->n_open_devices--;
		break;
	case FAKE_IOMMUFD:
		fake_iommufd_close(fake);
		break;
	case FAKE_CDEV:
		fake_cdev_close(fake, device);
		break;
	case FAKE_FREE:
		break;
	}
	file->type = FAKE_FREE;
	fake->n_files--;
	fake_write_status(fake);
}

static void fake_close(void *opaque, int fd)
{
	struct fake *fake = opaque;
	struct fake_file *file;

	pthread_mutex_lock(&fake->lock);
	file = fake_file_get(fake, fd);
	if (file)
		close_locked(fake, file);
	else
		fake_wrong(fake, 0);
	pthread_mutex_unlock(&fake->lock);
}

static int fake_dup(void *opaque, int fd)
{
	struct fake *fake = opaque;
	struct fake_device *device;
	struct fake_file *file;
	int r;

	pthread_mutex_lock(&fake->lock);
	file = fake_file_get(fake, fd);
	r = count_call(fake);
	if (r < 0)
		goto unlock;
	if (file && file->type == FAKE_CDEV) {
		device = file->object;
		device->n_cdev_fds++;
	} else if (file && file->type == FAKE_IOMMUFD) {
		fake->n_iommufd_fds++;
	} else {
		r = fake_wrong(fake, -EBADF);
		goto unlock;
	}
	r = fake_file_new(fake, file->type, file->object);
unlock:
	pthread_mutex_unlock(&fake->lock);
	return r;
}

/* As sysfs says it; anything else is /dev/null. */
static int fake_device_number(void *opaque, int fd, dev_t *ret_number)
{
	struct fake *fake = opaque;
	struct fake_device *device;
	struct fake_file *file;
	int r;

	pthread_mutex_lock(&fake->lock);
	file = fake_file_get(fake, fd);
	r = count_call(fake);
	if (r == 0 && !file) {
		r = -EBADF;
	} else if (r == 0 && file->type == FAKE_CDEV) {
		device = file->object;
		*ret_number =
			makedev(511, (unsigned int)(device - fake->devices));
	} else if (r == 0) {
		*ret_number = makedev(1, 3);
	}
	pthread_mutex_unlock(&fake->lock);
	return r;
}

static int get_info(struct fake *fake, struct fake_container *c,
		    struct vfio_iommu_type1_info *info)
{
	struct vfio_iommu_type1_info fixed = {
		.argsz = sizeof(fixed),
		.flags = VFIO_IOMMU_INFO_PGSIZES,
		.iova_pgsizes = fake->page_sizes,
	};
	struct vfio_iommu_type1_info_dma_avail avail = {
		.header = { .id = VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL,
			    .version = 1,
			    .next = sizeof(fixed) + sizeof(avail) },
		.avail = fake->dma_avail - c->n_maps,
	};
	struct vfio_iommu_type1_info_cap_iova_range iova = {
		.header = { .id = VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE,
			    .version = 1 },
		.nr_iovas = fake->n_windows,
	};
	uint32_t have = info->argsz;
	char *out = (char *)info;

	if (!c->has_iommu || have < sizeof(fixed))
		return fake_wrong(fake, -EINVAL);
	if (!fake->old_kernel) {
		fixed.flags |= VFIO_IOMMU_INFO_CAPS;
		fixed.argsz +=
			(uint32_t)(sizeof(avail) + sizeof(iova) +
				   fake->n_windows * sizeof(*fake->windows));
		/* Too small a buffer gets the fixed part, and the size. */
		if (fixed.argsz <= have)
			fixed.cap_offset = sizeof(fixed);
	}
	memcpy(out, &fixed, sizeof(fixed));
	if (!fixed.cap_offset)
		return 0;
	out += sizeof(fixed);
	memcpy(out, &avail, sizeof(avail));
	out += sizeof(avail);
	memcpy(out, &iova, sizeof(iova));
	out += sizeof(iova);
	/* The same layout: two u64, first and last. */
	memcpy(out, fake->windows, fake->n_windows * sizeof(*fake->windows));
	return 0;
}

bool fake_in_window(const struct fake *fake, uint64_t iova, uint64_t size)
{
	if (fake->old_kernel)
		return true;
	for (unsigned int i = 0; i < fake->n_windows; i++) {
		if (iova >= fake->windows[i].first &&
		    iova + (size - 1) <= fake->windows[i].last)
			return true;
	}
	return false;
}

bool fake_overlaps(const struct fake_container *c, uint64_t iova, uint64_t size)
{
	for (unsigned int i = 0; i < c->n_maps; i++) {
		if (ranges_overlap(c->maps[i].iova,
				   c->maps[i].iova + (c->maps[i].size - 1),
				   iova, iova + (size - 1)))
			return true;
	}
	return false;
}

bool fake_locking_fits(const struct fake *fake, bool user, uint64_t size)
{
	return fake->lock_cap || fake->memlock.rlim_cur == RLIM_INFINITY ||
	       pinned(fake, user) + fake->mlocked + size <=
		       fake->memlock.rlim_cur;
}

/* What our side must have found out before is counted as wrong. */
static int map_dma(struct fake *fake, struct fake_container *c,
		   const struct vfio_iommu_type1_dma_map *map)
{
	fake->map_calls++;
	if (!c->has_iommu || map->argsz != sizeof(*map) || map->size == 0 ||
	    (map->iova | map->size | map->vaddr) % FAKE_PAGE != 0 ||
	    !(map->flags & (VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)))
		return fake_wrong(fake, -EINVAL);
	if (map->iova + (map->size - 1) < map->iova ||
	    !fake_in_window(fake, map->iova, map->size))
		return fake_wrong(fake, -EINVAL);
	if (fake_overlaps(c, map->iova, map->size))
		return fake_wrong(fake, -EEXIST);
	if (c->n_maps >= fake->dma_avail)
		return fake->old_kernel ? -ENOSPC : fake_wrong(fake, -ENOSPC);
	fake->pins++;
	if (!fake_locking_fits(fake, false, map->size))
		return -ENOMEM;
	if (fake->map_errno)
		return fake->map_errno;
	c->maps[c->n_maps++] = (struct fake_map) { map->iova, map->size,
						   map->vaddr, map->flags };
	fake_write_status(fake);
	return 0;
}

static int unmap_dma(struct fake *fake, struct fake_container *c,
		     struct vfio_iommu_type1_dma_unmap *unmap)
{
	if (!c->has_iommu || unmap->argsz != sizeof(*unmap))
		return fake_wrong(fake, -EINVAL);
	for (unsigned int i = 0; i < c->n_maps; i++) {
		if (c->maps[i].iova != unmap->iova ||
		    c->maps[i].size != unmap->size)
			continue;
		if (fake->bad_unmap_size) {
			unmap->size = fake->bad_unmap_size;
			return 0;
		}
		c->maps[i] = c->maps[--c->n_maps];
		fake_write_status(fake);
		return 0;
	}
	unmap->size = 0;
	return fake_wrong(fake, 0);
}

static int set_iommu(struct fake *fake, struct fake_container *c,
		     unsigned long arg)
{
	if (c->has_iommu || c->n_groups == 0)
		return fake_wrong(fake, -EINVAL);
	for (unsigned int i = 0; i < fake->n_groups; i++) {
		if (fake->groups[i].container == c &&
		    arg != (fake->groups[i].noiommu ? VFIO_NOIOMMU_IOMMU
						    : VFIO_TYPE1v2_IOMMU))
			return fake_wrong(fake, -EINVAL);
		if (fake->groups[i].container == c &&
		    fake->groups[i].enter_errno)
			return fake->groups[i].enter_errno;
	}
	c->has_iommu = true;
	return 0;
}

static int container_ioctl(struct fake *fake, struct fake_container *c,
			   unsigned long request, unsigned long arg)
{
	switch (request) {
	case VFIO_GET_API_VERSION:
		return fake->api_version;
	case VFIO_CHECK_EXTENSION:
		return arg == VFIO_TYPE1v2_IOMMU && !fake->no_type1;
	case VFIO_SET_IOMMU:
		return set_iommu(fake, c, arg);
	case VFIO_IOMMU_GET_INFO:
		return get_info(fake, c, (void *)arg);
	case VFIO_IOMMU_MAP_DMA:
		return map_dma(fake, c, (void *)arg);
	case VFIO_IOMMU_UNMAP_DMA:
		return unmap_dma(fake, c, (void *)arg);
	default:
		return fake_wrong(fake, -ENOTTY);
	}
}

static int set_container(struct fake *fake, struct fake_group *group,
			 const int *container_fd)
{
	struct fake_file *file = fake_file_get(fake, *container_fd);
	struct fake_container *c;

	if (!file || file->type != FAKE_CONTAINER || group->container)
		return fake_wrong(fake, -EINVAL);
	c = file->object;
	if (c->has_iommu && group->enter_errno)
		return group->enter_errno;
	group->container = c;
	c->n_groups++;
	return 0;
}

/* Called with the lock held; lets go of it around the slow part. */
int fake_token(const struct fake_device *device, const char *given)
{
	if (!device->vf_token)
		return given ? -EINVAL : 0;
	return given && strcmp(given, device->vf_token) == 0 ? 0 : -EACCES;
}

static int get_device_fd(struct fake *fake, struct fake_group *group,
			 const char *name)
{
	static const char sep[] = " vf_token=";
	struct fake_device *device = NULL;
	const char *token = strstr(name, sep);
	size_t len = token ? (size_t)(token - name) : strlen(name);
	int r;

	for (unsigned int i = 0; i < fake->n_devices; i++) {
		if (fake->devices[i].group == group &&
		    strlen(fake->devices[i].name) == len &&
		    strncmp(fake->devices[i].name, name, len) == 0)
			device = &fake->devices[i];
	}
	if (!device)
		return -ENODEV;
	r = fake_token(device, token ? token + strlen(sep) : NULL);
	if (r < 0)
		return r;
	if (!group->container || !group->container->has_iommu ||
	    (fake->has_hooks && !group->announced))
		return fake_wrong(fake, -EINVAL);
	if (fake->on_device_open) {
		pthread_mutex_unlock(&fake->lock);
		fake->on_device_open(fake);
		pthread_mutex_lock(&fake->lock);
	}
	if (!group->container)
		return fake_wrong(fake, -EINVAL);
	if (device->open_errno)
		return device->open_errno;
	device->n_open++;
	group->n_open_devices++;
	return fake_file_new(fake, FAKE_DEVICE, device);
}

static int group_ioctl(struct fake *fake, struct fake_group *group,
		       unsigned long request, unsigned long arg)
{
	struct vfio_group_status *status;

	switch (request) {
	case VFIO_GROUP_GET_STATUS:
		status = (void *)arg;
		status->flags = group->not_viable ? 0 : VFIO_GROUP_FLAGS_VIABLE;
		return 0;
	case VFIO_GROUP_SET_CONTAINER:
		return set_container(fake, group, (void *)arg);
	case VFIO_GROUP_UNSET_CONTAINER:
		if (!group->container || group->announced)
			return fake_wrong(fake, -EINVAL);
		if (group->n_open_devices > 0)
			return fake_wrong(fake, -EBUSY);
		group_detach(fake, group);
		fake_write_status(fake);
		return 0;
	case VFIO_GROUP_GET_DEVICE_FD:
		return get_device_fd(fake, group, (void *)arg);
	default:
		return fake_wrong(fake, -ENOTTY);
	}
}

static int fake_ioctl(void *opaque, int fd, unsigned long request,
		      unsigned long arg)
{
	struct fake *fake = opaque;
	struct fake_file *file;
	int r;

	pthread_mutex_lock(&fake->lock);
	file = fake_file_get(fake, fd);
	r = count_call(fake);
	if (r < 0)
		goto unlock;
	if (file && file->type == FAKE_CONTAINER)
		r = container_ioctl(fake, file->object, request, arg);
	else if (file && file->type == FAKE_GROUP)
		r = group_ioctl(fake, file->object, request, arg);
	else if (file && file->type == FAKE_IOMMUFD)
		r = fake_iommufd_ioctl(fake, request, arg);
	else if (file && file->type == FAKE_CDEV)
		r = fake_cdev_ioctl(fake, file->object, request, arg);
	else
		r = fake_wrong(fake, -EBADF);
unlock:
	pthread_mutex_unlock(&fake->lock);
	return r;
}

static int fake_get_memlock(void *opaque, struct rlimit *ret_limit)
{
	struct fake *fake = opaque;
	int r;

	pthread_mutex_lock(&fake->lock);
	r = count_call(fake);
	if (r == 0)
		*ret_limit = fake->memlock;
	pthread_mutex_unlock(&fake->lock);
	return r;
}

static int fake_set_memlock(void *opaque, const struct rlimit *limit)
{
	struct fake *fake = opaque;
	int r;

	pthread_mutex_lock(&fake->lock);
	r = count_call(fake);
	if (r == 0 && limit->rlim_max > fake->memlock.rlim_max &&
	    !fake->may_raise_hard)
		r = -EPERM;
	if (r == 0)
		fake->memlock = *limit;
	pthread_mutex_unlock(&fake->lock);
	return r;
}

/* The mark on what @fd is a file of, if it may be announced; else NULL. */
static bool *announced_mark(struct fake *fake, int fd, bool *ret_quiet)
{
	struct fake_file *file = fake_file_get(fake, fd);
	struct fake_device *device;
	struct fake_group *group;

	if (file && file->type == FAKE_GROUP) {
		group = file->object;
		*ret_quiet = group->n_open_devices == 0;
		return group->container ? &group->announced : NULL;
	}
	if (file && file->type == FAKE_CDEV) {
		device = file->object;
		/* The attacher's fd is closed; ours is this one. */
		*ret_quiet = device->n_cdev_fds == 1;
		return &device->announced;
	}
	return NULL;
}

static int file_added(void *opaque, int fd, struct moat_err *err)
{
	struct fake *fake = opaque;
	bool *mark, quiet;
	int r;

	pthread_mutex_lock(&fake->lock);
	mark = announced_mark(fake, fd, &quiet);
	r = count_call(fake);
	if (r < 0) {
		(void)moat_fail(err, r, "the hook refuses");
	} else if (!mark || *mark) {
		r = fake_wrong(fake, -EINVAL);
	} else {
		*mark = true;
		fake->announcements++;
	}
	pthread_mutex_unlock(&fake->lock);
	return r;
}

static void file_removed(void *opaque, int fd)
{
	struct fake *fake = opaque;
	bool *mark, quiet;

	pthread_mutex_lock(&fake->lock);
	mark = announced_mark(fake, fd, &quiet);
	if (mark && *mark && quiet) {
		*mark = false;
		fake->announcements--;
	} else {
		fake_wrong(fake, 0);
	}
	pthread_mutex_unlock(&fake->lock);
}

static void make_dirs(struct fake *fake, const char *path)
{
	char whole[PATH_MAX];
	char *slash = whole + strlen(fake->root) + 1;

	ck_assert_int_eq(moat_path(whole, "%s/%s", fake->root, path), 0);
	while ((slash = strchr(slash, '/'))) {
		*slash = '\0';
		ck_assert(mkdir(whole, 0755) == 0 || errno == EEXIST);
		*slash++ = '/';
	}
}

void fake_write(struct fake *fake, const char *path, const char *text)
{
	char whole[PATH_MAX];
	FILE *f;

	make_dirs(fake, path);
	ck_assert_int_eq(moat_path(whole, "%s/%s", fake->root, path), 0);
	f = fopen(whole, "we");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
}

int fake_remove(struct fake *fake, const char *path)
{
	char whole[PATH_MAX];

	ck_assert_int_eq(moat_path(whole, "%s/%s", fake->root, path), 0);
	return unlink(whole) < 0 ? -errno : 0;
}

void fake_link(struct fake *fake, const char *target, const char *path)
{
	char whole[PATH_MAX];

	make_dirs(fake, path);
	ck_assert_int_eq(moat_path(whole, "%s/%s", fake->root, path), 0);
	ck_assert_int_eq(symlink(target, whole), 0);
}

void fake_init(struct fake *fake)
{
	memset(fake, 0, sizeof(*fake));
	pthread_mutex_init(&fake->lock, NULL);
	/* In memory where there is such a place: it is written often. */
	(void)snprintf(fake->root, sizeof(fake->root),
		       "/dev/shm/moat-iommu-XXXXXX");
	if (!mkdtemp(fake->root)) {
		(void)snprintf(fake->root, sizeof(fake->root),
			       "/tmp/moat-iommu-XXXXXX");
		ck_assert_ptr_nonnull(mkdtemp(fake->root));
	}
	(void)snprintf(fake->sysfs, sizeof(fake->sysfs), "%s/sys", fake->root);
	(void)snprintf(fake->procfs, sizeof(fake->procfs), "%s/proc",
		       fake->root);
	(void)snprintf(fake->dev, sizeof(fake->dev), "%s/dev", fake->root);
	fake->host = (struct moat_host) { .sysfs = fake->sysfs,
					  .procfs = fake->procfs,
					  .dev = fake->dev,
					  .state = "/nonexistent" };
	fake->fail_errno = -EIO;
	fake->page_sizes = 0x40201000;
	fake->windows[0] = (struct moat_iova_range) { 0, 0xfedfffff };
	fake->windows[1] =
		(struct moat_iova_range) { 0xfef00000, 0x7fffffffff };
	fake->n_windows = 2;
	fake->dma_avail = FAKE_MAPS;
	fake->memlock = (struct rlimit) { RLIM_INFINITY, RLIM_INFINITY };
	fake_write(fake,
		   "sys/module/vfio_iommu_type1/parameters/"
		   "allow_unsafe_interrupts",
		   "N\n");
	if (fake_is_iommufd()) {
		fake_write(fake, "dev/iommu", "");
		fake_write(fake, "proc/devices",
			   "Character devices:\n  1 mem\n511 vfio-dev\n\n"
			   "Block devices:\n259 blkext\n");
		fake_write(fake,
			   "sys/module/iommufd/parameters/"
			   "allow_unsafe_interrupts",
			   "N\n");
	}
	fake_write(fake, "proc/interrupts",
		   "           CPU0\n  1:  9  IR-IO-APIC  1-edge  i8042\n");
	fake_write_status(fake);
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void fake_fini(struct fake *fake)
{
	ck_assert_int_eq(nftw(fake->root, remove_one, 16, FTW_DEPTH | FTW_PHYS),
			 0);
	pthread_mutex_destroy(&fake->lock);
}

static struct fake_group *group_make(struct fake *fake, unsigned int id)
{
	struct fake_group *group;
	char path[PATH_MAX];

	for (unsigned int i = 0; i < fake->n_groups; i++) {
		if (fake->groups[i].id == id)
			return &fake->groups[i];
	}
	ck_assert_uint_lt(fake->n_groups, ARRAY_SIZE(fake->groups));
	group = &fake->groups[fake->n_groups++];
	group->id = id;
	(void)moat_path(path, "sys/kernel/iommu_groups/%u/reserved_regions",
			id);
	fake_write(fake, path, "0x00000000fee00000 0x00000000feefffff msi\n");
	return group;
}

struct fake_device *fake_add_device(struct fake *fake, const char *name,
				    unsigned int group, const char *driver)
{
	struct fake_device *device;
	char path[PATH_MAX], target[PATH_MAX], number[16];

	ck_assert_uint_lt(fake->n_devices, ARRAY_SIZE(fake->devices));
	device = &fake->devices[fake->n_devices++];
	(void)snprintf(device->name, sizeof(device->name), "%s", name);
	device->group = group_make(fake, group);

	(void)moat_path(path, "sys/bus/pci/devices/%s/iommu_group", name);
	(void)moat_path(target, "../../../../kernel/iommu_groups/%u", group);
	fake_link(fake, target, path);
	(void)moat_path(path, "sys/kernel/iommu_groups/%u/devices/%s", group,
			name);
	(void)moat_path(target, "../../../../bus/pci/devices/%s", name);
	fake_link(fake, target, path);
	if (driver) {
		(void)moat_path(path, "sys/bus/pci/devices/%s/driver", name);
		(void)moat_path(target, "../../drivers/%s", driver);
		fake_link(fake, target, path);
	}
	if (driver && strstr(driver, "vfio") && fake_is_iommufd()) {
		(void)moat_path(path,
				"sys/bus/pci/devices/%s/vfio-dev/vfio%u/dev",
				name, fake->n_devices - 1);
		(void)snprintf(number, sizeof(number), "511:%u\n",
			       fake->n_devices - 1);
		fake_write(fake, path, number);
	}
	return device;
}

void fake_make_noiommu(struct fake *fake, struct fake_device *device)
{
	char path[PATH_MAX];

	device->group->noiommu = true;
	(void)moat_path(path, "sys/kernel/iommu_groups/%u/name",
			device->group->id);
	fake_write(fake, path, "vfio-noiommu\n");
}

struct moat_ioas_config fake_config(struct fake *fake)
{
	fake->has_hooks = true;
	return (struct moat_ioas_config) {
		.backend = fake_backend,
		.hooks = { .file_added = file_added,
			   .file_removed = file_removed,
			   .opaque = fake },
		.host = &fake->host,
		.sys = &fake_vfio_ops,
		.sys_opaque = fake,
	};
}

unsigned int fake_n_maps(struct fake *fake)
{
	unsigned int n = 0;

	pthread_mutex_lock(&fake->lock);
	for (size_t i = 0; i < ARRAY_SIZE(fake->containers); i++)
		n += fake->containers[i].n_groups > 0
			     ? fake->containers[i].n_maps
			     : 0;
	pthread_mutex_unlock(&fake->lock);
	return n;
}

bool fake_has_map(struct fake *fake, uint64_t iova, uint64_t size)
{
	bool found = false;

	pthread_mutex_lock(&fake->lock);
	for (size_t i = 0; i < ARRAY_SIZE(fake->containers); i++) {
		struct fake_container *c = &fake->containers[i];

		for (unsigned int j = 0; c->n_groups > 0 && j < c->n_maps; j++)
			found |= c->maps[j].iova == iova &&
				 c->maps[j].size == size;
	}
	pthread_mutex_unlock(&fake->lock);
	return found;
}

void fake_assert_sentence(const struct fake *fake, const char *have,
			  const char *want)
{
	char text[MOAT_ERR_MAX * 2];
	size_t used = 0;

	while (*want) {
		if (strncmp(want, "%ROOT", 5) == 0) {
			used += (size_t)snprintf(text + used,
						 sizeof(text) - used, "%s",
						 fake->root);
			want += 5;
		} else {
			text[used++] = *want++;
		}
		ck_assert_uint_lt(used, sizeof(text) - 1);
	}
	text[used] = '\0';
	ck_assert_str_eq(have, text);
}

void fake_assert_clean(struct fake *fake)
{
	ck_assert_uint_eq(fake->wrong, 0);
	/* When UNSET_CONTAINER itself was made to fail, that is all right. */
	if (!fake->failed)
		ck_assert_uint_eq(fake->left_by_close, 0);
	ck_assert_uint_eq(fake->n_files, 0);
	ck_assert_uint_eq(fake->announcements, 0);
	ck_assert_uint_eq(fake_n_maps(fake), 0);
	for (size_t i = 0; i < ARRAY_SIZE(fake->containers); i++)
		ck_assert(!fake->containers[i].used);
	for (unsigned int i = 0; i < fake->n_groups; i++) {
		ck_assert(!fake->groups[i].file_open);
		ck_assert_ptr_null(fake->groups[i].container);
	}
	for (unsigned int i = 0; i < fake->n_devices; i++)
		ck_assert(!fake->devices[i].n_open && !fake->devices[i].ioas);
}

const struct vfio_sys_ops fake_vfio_ops = {
	.open = fake_open,
	.close = fake_close,
	.dup = fake_dup,
	.device_number = fake_device_number,
	.ioctl = fake_ioctl,
	.get_memlock = fake_get_memlock,
	.set_memlock = fake_set_memlock,
};
