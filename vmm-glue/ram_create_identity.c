// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Taking the huge pages of identity-placed RAM: ram.c's part of it done at
 * once, then ram_identity.c's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <moat/log.h>
#include <moat/placement.h>

#include "common/util.h"
#include "vmm-glue/bind.h"
#include "vmm-glue/host_memory.h"
#include "vmm-glue/ram_identity.h"
#include "vmm-glue/ram_internal.h"

static int choose_huge_pages(struct ram *ram, const struct ram_config *config,
			     struct moat_err *err)
{
	int r;

	if (config->hugepages == HUGEPAGES_OFF)
		return moat_fail(
			err, -EINVAL,
			"dma=none needs guest RAM in huge pages; leave "
			"-hugepages off away");
	ram->page_size = config->hugepages == HUGEPAGES_1G ? GiB : 2 * MiB;
	if (!config->mem_path)
		return 0;
	r = ram_check_dir(ram, config, err);
	if (r < 0 || ram->page_size > SMALL_PAGE)
		return r;
	return moat_fail(err, -EINVAL,
			 "-mem-path %s: dma=none needs a directory of "
			 "hugetlbfs",
			 config->mem_path);
}

/* Pages beyond those that RAM needs, to choose from. */
static uint64_t spare_bytes(const struct ram *ram)
{
	struct hugepage_pool pool;

	if (host_hugepages(ram->host, ram->page_size, &pool) < 0)
		return 0;
	return pool.free * ram->page_size;
}

/*
 * Which pages go where is not known before they are there, so only the first
 * node of the plan counts, as a wish.
 */
static void bind_softly(struct ram *ram)
{
	const struct moat_placement *p = ram->placement;
	int r;

	if (!p || p->n_nodes == 0)
		return;
	r = bind_memory_softly(ram->base, ram_bytes(ram),
			       (unsigned int)p->node[0].host_node);
	if (r < 0)
		log_warn("guest RAM cannot be bound to node %d: %s; it comes "
			 "from any node",
			 p->node[0].host_node, strerror(-r));
}

/* @spare: bytes to take besides, and give back. */
static int take_and_arrange(struct ram *ram, uint64_t spare,
			    bool (*cancelled)(void *opaque), void *opaque,
			    struct moat_err *err)
{
	struct ram_pages pages = { .page_size = ram->page_size };
	const struct layout_ram size = ram->size;
	size_t want = (size_t)(ram_bytes(ram) / ram->page_size);
	int r;

	ram->size = (struct layout_ram) { .low = ram_bytes(ram) + spare };
	r = ram_back(ram, false, err);
	if (r < 0)
		goto restore_size;
	bind_softly(ram);
	r = ram_populate_softly(ram, cancelled, opaque, err);
	if (r < 0)
		goto unmap;
	pages.fd = ram->fd;
	pages.base = ram->base;
	pages.n = (size_t)(ram_bytes(ram) / ram->page_size);
	r = ram_identity_arrange(&pages, want, NULL, &ram->identity, err);
	if (r < 0)
		goto unmap;
	ram->size = size;
	if (spare)
		(void)munmap(ram->base + ram_bytes(ram), spare);
	return 0;
unmap:
	(void)munmap(ram->base, ram_bytes(ram));
	ram_close_file(ram);
restore_size:
	ram->size = size;
	return r;
}

/*
 * Where so many pages lie too scattered, all that there are may have longer
 * runs among them.
 */
static int create_identity(struct ram *ram, const struct ram_config *config,
			   bool (*cancelled)(void *opaque), void *opaque,
			   struct moat_err *err)
{
	struct moat_err second_err;
	uint64_t spare;
	int r;

	r = choose_huge_pages(ram, config, err);
	if (r < 0)
		return r;
	r = take_and_arrange(ram, 0, cancelled, opaque, err);
	if (r != -E2BIG)
		return r;
	spare = spare_bytes(ram);
	if (spare <= ram_bytes(ram))
		return r;
	spare -= ram_bytes(ram);
	if (take_and_arrange(ram, spare, cancelled, opaque, &second_err) < 0)
		return r;
	return 0;
}

int ram_create_identity(const struct ram_config *config,
			bool (*cancelled)(void *opaque), void *opaque,
			struct ram **ret_ram, struct moat_err *err)
{
	struct ram *ram;
	int r;

	ram = ram_new(config);
	if (!ram)
		return moat_fail(err, -ENOMEM, "out of memory");
	r = create_identity(ram, config, cancelled, opaque, err);
	if (r < 0) {
		free(ram);
		return r;
	}
	r = ram_advise(ram, true, err);
	if (r < 0) {
		ram_destroy(ram);
		return r;
	}
	*ret_ram = ram;
	return 0;
}

const struct layout_run *ram_runs(const struct ram *ram, size_t *ret_n)
{
	return ram_identity_runs(ram->identity, ret_n);
}

void ram_hold(const struct ram *ram, int ret_fds[2])
{
	ret_fds[0] = ram->fd;
	ret_fds[1] = ram_identity_pin_fd(ram->identity);
}
