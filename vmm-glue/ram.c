// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Guest RAM, see ram.h.
 *
 * Huge pages are reserved by the kernel when they are mapped, so a shortage
 * is mmap's error and not a SIGBUS later. Ordinary memory is checked against
 * what the host calls available before any is touched: populating more than
 * there is would have the kernel kill somebody.
 *
 * A memfd gets transparent huge pages only where the host's shmem_enabled
 * allows it, which by default it does not. Then, when huge pages are left to
 * moat, anonymous memory is taken instead: it has them on every kernel, is
 * populated ten times as fast as a memfd's small pages, and its map for the
 * devices has 512 times fewer entries.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <moat/log.h>
#include <moat/placement.h>

#include "common/host.h"
#include "common/util.h"
#include "vmm-glue/bind.h"
#include "vmm-glue/host_memory.h"
#include "vmm-glue/ram_identity.h"
#include "vmm-glue/ram_internal.h"

static const char *page_name(uint64_t page_size)
{
	switch (page_size) {
	case 2 * MiB:
		return "2 MiB";
	case GiB:
		return "1 GiB";
	default:
		return "huge";
	}
}

/* Say how many are missing, and how to get them. */
static int shortage(const struct ram *ram, uint64_t page_size, int r,
		    struct moat_err *err)
{
	uint64_t need = ram_bytes(ram) / page_size;
	struct hugepage_pool pool;

	if (host_hugepages(ram->host, page_size, &pool) < 0)
		return moat_fail(err, r,
				 "the host's kernel has no %s huge pages",
				 page_name(page_size));
	if (pool.free >= need)
		return moat_fail(err, r,
				 "cannot take %llu %s huge pages for guest RAM "
				 "although %llu are free: %s; look at cgroup "
				 "and NUMA limits",
				 (unsigned long long)need, page_name(page_size),
				 (unsigned long long)pool.free, strerror(-r));
	return moat_fail(
		err, r,
		"guest RAM needs %llu huge pages of %s, %llu are free, "
		"%llu are missing; reserve them with: echo %llu > "
		"/sys/kernel/mm/hugepages/hugepages-%llukB/nr_hugepages",
		(unsigned long long)need, page_name(page_size),
		(unsigned long long)pool.free,
		(unsigned long long)(need - pool.free),
		(unsigned long long)(pool.total + need - pool.free),
		(unsigned long long)(page_size / KiB));
}

static int check_available(const struct ram *ram, struct moat_err *err)
{
	uint64_t available;

	/* Then the kernel decides; it is no reason to refuse. */
	if (host_available(ram->host, &available) < 0)
		return 0;
	if (available >= ram_bytes(ram))
		return 0;
	return moat_fail(err, -ENOMEM,
			 "guest RAM of %llu MiB is more than the host has: "
			 "%llu MiB are available; give less with -m",
			 (unsigned long long)(ram_bytes(ram) / MiB),
			 (unsigned long long)(available / MiB));
}

/* A file in @dir that nobody else can see. */
static int open_in_dir(const char *dir, int *ret_fd, struct moat_err *err)
{
	char path[PATH_MAX];
	int fd, r;

	r = moat_path(path, "%s/moat-ram-XXXXXX", dir);
	if (r < 0)
		return moat_fail(err, r, "-mem-path %s: %s", dir, strerror(-r));
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return moat_fail(err, -errno,
				 "-mem-path %s: cannot make a file there: %s",
				 dir, strerror(errno));
	if (unlink(path) < 0) {
		r = moat_fail(err, -errno, "cannot unlink %s: %s", path,
			      strerror(errno));
		(void)close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

static uint64_t wanted_page_size(enum hugepages hugepages)
{
	switch (hugepages) {
	case HUGEPAGES_2M:
		return 2 * MiB;
	case HUGEPAGES_1G:
		return GiB;
	default:
		return SMALL_PAGE;
	}
}

/* What kind of file system @dir is says what pages there are. */
int ram_check_dir(struct ram *ram, const struct ram_config *config,
		  struct moat_err *err)
{
	uint64_t want = wanted_page_size(config->hugepages), have, room;
	const char *dir = config->mem_path;
	struct statfs st;

	if (statfs(dir, &st) < 0)
		return moat_fail(err, -errno, "-mem-path %s: %s", dir,
				 strerror(errno));
	if (st.f_type != HUGETLBFS_MAGIC && st.f_type != TMPFS_MAGIC)
		return moat_fail(err, -EINVAL,
				 "-mem-path %s: neither hugetlbfs nor tmpfs; "
				 "devices cannot use memory of other file "
				 "systems",
				 dir);
	have = (uint64_t)st.f_bsize;
	if (config->hugepages != HUGEPAGES_AUTO && have != want)
		return moat_fail(err, -EINVAL,
				 "-mem-path %s has pages of %llu KiB, "
				 "-hugepages asks for others",
				 dir, (unsigned long long)(have / KiB));
	ram->page_size = have;
	room = (uint64_t)st.f_bavail * have;
	/* A size of 0 blocks is tmpfs without a limit. */
	if (st.f_type == TMPFS_MAGIC && st.f_blocks && room < ram_bytes(ram))
		return moat_fail(
			err, -ENOMEM,
			"-mem-path %s has room for %llu MiB, guest RAM "
			"is %llu MiB",
			dir, (unsigned long long)(room / MiB),
			(unsigned long long)(ram_bytes(ram) / MiB));
	return 0;
}

static int check_page_multiple(const struct ram *ram, struct moat_err *err)
{
	if (is_aligned(ram_bytes(ram), ram->page_size))
		return 0;
	return moat_fail(err, -EINVAL,
			 "guest RAM of %llu MiB is not a multiple of its pages "
			 "of %s",
			 (unsigned long long)(ram_bytes(ram) / MiB),
			 page_name(ram->page_size));
}

static int open_memfd(struct ram *ram, struct moat_err *err)
{
	unsigned int flags = MFD_CLOEXEC;
	int fd;

	if (ram->page_size == 2 * MiB)
		flags |= MFD_HUGETLB | MFD_HUGE_2MB;
	else if (ram->page_size == GiB)
		flags |= MFD_HUGETLB | MFD_HUGE_1GB;
	fd = memfd_create("moat-ram", flags);
	if (fd < 0 && ram->page_size > SMALL_PAGE)
		return moat_fail(err, -errno,
				 "the host has no %s huge pages: %s",
				 page_name(ram->page_size), strerror(errno));
	if (fd < 0)
		return moat_fail(err, -errno, "cannot make guest RAM: %s",
				 strerror(errno));
	ram->fd = fd;
	return 0;
}

/*
 * Map it at an address that is a multiple of its pages, and of 2 MiB for
 * ordinary ones, so that KVM and the IOMMU can use large ones.
 */
static int map_memory(struct ram *ram, struct moat_err *err)
{
	int flags = ram->fd >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS;
	uint64_t align = max_u64(ram->page_size, 2 * MiB);
	uint64_t len = ram_bytes(ram);
	uint8_t *area, *base;
	uint64_t head;

	if (ram->fd >= 0 && ftruncate(ram->fd, (off_t)len) < 0)
		return moat_fail(err, -errno, "cannot size guest RAM: %s",
				 strerror(errno));
	area = mmap(NULL, len + align, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (area == MAP_FAILED)
		return moat_fail(err, -errno,
				 "no address space for guest RAM of %llu MiB: "
				 "%s",
				 (unsigned long long)(len / MiB),
				 strerror(errno));
	head = align_up((uintptr_t)area, align) - (uintptr_t)area;
	base = mmap(area + head, len, PROT_READ | PROT_WRITE, flags | MAP_FIXED,
		    ram->fd, 0);
	if (base == MAP_FAILED) {
		int r = -errno;

		(void)munmap(area, len + align);
		if (ram->page_size > SMALL_PAGE)
			return shortage(ram, ram->page_size, r, err);
		return moat_fail(err, r, "cannot map guest RAM: %s",
				 strerror(-r));
	}
	if (head)
		(void)munmap(area, head);
	(void)munmap(base + len, align - head);
	ram->base = base;
	return 0;
}

int ram_advise(struct ram *ram, bool thp, struct moat_err *err)
{
	/* A child that shared pinned memory would not see what devices do. */
	if (madvise(ram->base, ram_bytes(ram), MADV_DONTFORK) < 0)
		return moat_fail(err, -errno, "MADV_DONTFORK: %s",
				 strerror(errno));
	(void)madvise(ram->base, ram_bytes(ram), MADV_DONTDUMP);
	if (ram->page_size > SMALL_PAGE)
		return 0;
	/* -hugepages off means it, even where the host gives them to all. */
	(void)madvise(ram->base, ram_bytes(ram),
		      thp ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	return 0;
}

/* Transparent huge pages for anonymous memory, and none for a memfd? */
static bool wants_anonymous(const struct ram *ram)
{
	return !host_thp_allows(ram->host, "shmem_enabled") &&
	       host_thp_allows(ram->host, "enabled");
}

static bool enough_huge_pages(const struct ram *ram)
{
	struct hugepage_pool pool;

	/* The plan has looked at each of its nodes. */
	if (ram->placement && ram->placement->pages != MOAT_PLACE_PAGES_2M)
		return false;
	return host_hugepages(ram->host, 2 * MiB, &pool) == 0 &&
	       pool.free >= ram_bytes(ram) / (2 * MiB);
}

void ram_close_file(struct ram *ram)
{
	if (ram->fd >= 0)
		(void)close(ram->fd);
	ram->fd = -1;
}

int ram_back(struct ram *ram, bool anonymous, struct moat_err *err)
{
	int r = 0;

	r = check_page_multiple(ram, err);
	if (r < 0)
		return r;
	if (ram->page_size == SMALL_PAGE) {
		r = check_available(ram, err);
		if (r < 0)
			return r;
	}
	if (ram->mem_path)
		r = open_in_dir(ram->mem_path, &ram->fd, err);
	else if (!anonymous)
		r = open_memfd(ram, err);
	if (r < 0)
		return r;
	r = map_memory(ram, err);
	if (r < 0)
		ram_close_file(ram);
	return r;
}

static int choose_and_back(struct ram *ram, const struct ram_config *config,
			   struct moat_err *err)
{
	int r;

	if (config->mem_path) {
		r = ram_check_dir(ram, config, err);
		return r < 0 ? r : ram_back(ram, false, err);
	}
	ram->page_size = wanted_page_size(config->hugepages);
	if (config->hugepages != HUGEPAGES_AUTO)
		return ram_back(ram, false, err);
	if (enough_huge_pages(ram)) {
		ram->page_size = 2 * MiB;
		if (ram_back(ram, false, err) == 0)
			return 0;
		/* Somebody was faster, or a limit forbids it: do without. */
		ram->page_size = SMALL_PAGE;
	}
	return ram_back(ram, wants_anonymous(ram), err);
}

/* Where the nodes of the plan begin is where their memory is to come from. */
static void ram_bind(struct ram *ram)
{
	const struct moat_placement *p = ram->placement;
	uint64_t at = 0;
	int r;

	for (size_t i = 0; p && p->ram_bound && i < p->n_nodes; i++) {
		const struct moat_placed_node *node = &p->node[i];

		r = node->ram_bytes == 0
			    ? 0
			    : bind_memory(ram->base + at, node->ram_bytes,
					  (unsigned int)node->host_node);
		if (r < 0) {
			log_warn("guest RAM cannot be bound to node %d: %s; it "
				 "comes from any node",
				 node->host_node, strerror(-r));
			ram->spilled = true;
			return;
		}
		at += node->ram_bytes;
	}
}

enum hugepages ram_dir_hugepages(const char *dir)
{
	struct statfs st;

	if (statfs(dir, &st) < 0 || st.f_type != HUGETLBFS_MAGIC)
		return HUGEPAGES_OFF;
	return (uint64_t)st.f_bsize == GiB ? HUGEPAGES_1G : HUGEPAGES_2M;
}

struct ram *ram_new(const struct ram_config *config)
{
	struct ram *ram = calloc(1, sizeof(*ram));

	if (!ram)
		return NULL;
	ram->size = config->size;
	ram->fd = -1;
	ram->host = config->host ? config->host : &moat_this_host;
	ram->mem_path = config->mem_path;
	ram->placement = config->placement;
	return ram;
}

int ram_create(const struct ram_config *config, struct ram **ret_ram,
	       struct moat_err *err)
{
	struct ram *ram;
	int r;

	ram = ram_new(config);
	if (!ram)
		return moat_fail(err, -ENOMEM, "out of memory");
	r = choose_and_back(ram, config, err);
	if (r < 0)
		goto free_ram;
	ram_bind(ram);
	r = ram_advise(ram, config->hugepages != HUGEPAGES_OFF, err);
	if (r < 0)
		goto unmap;
	*ret_ram = ram;
	return 0;
unmap:
	(void)munmap(ram->base, ram_bytes(ram));
	ram_close_file(ram);
free_ram:
	free(ram);
	return r;
}

void ram_destroy(struct ram *ram)
{
	if (!ram)
		return;
	ram_identity_free(ram->identity);
	(void)munmap(ram->base, ram_bytes(ram));
	ram_close_file(ram);
	free(ram);
}

void *ram_at(const struct ram *ram, uint64_t gpa, uint64_t len)
{
	if (len == 0)
		return NULL;
	if (ram->identity)
		return ram_identity_at(ram->identity, gpa, len);
	if (gpa < ram->size.low)
		return len <= ram->size.low - gpa ? ram->base + gpa : NULL;
	if (gpa < LAYOUT_RAM_HIGH)
		return NULL;
	gpa -= LAYOUT_RAM_HIGH;
	if (gpa >= ram->size.high || len > ram->size.high - gpa)
		return NULL;
	return ram->base + ram->size.low + gpa;
}

uint64_t ram_page_size(const struct ram *ram)
{
	return ram->page_size;
}
