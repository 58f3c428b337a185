// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An insider: a process with the same open /dev/iommu as moat, which maps a
 * page of its own into each address space there as soon as there is one. (The
 * first that moat makes is only to see whether it can.)
 *
 *     tamper FD IOVA
 *
 * Prints "ready" before it begins, and goes on until it is killed.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <linux/iommufd.h>

#define PAGE	 4096
#define IDS	 16u
#define PAUSE_NS 100000

/* Fails where there is none, or the page is mapped already. */
static void map(int fd, uint32_t id, uint64_t iova, void *page)
{
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_WRITEABLE |
			 IOMMU_IOAS_MAP_READABLE,
		.ioas_id = id,
		.user_va = (uintptr_t)page,
		.length = PAGE,
		.iova = iova,
	};

	(void)ioctl(fd, IOMMU_IOAS_MAP, &map);
}

int main(int argc, char **argv)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	uint64_t iova;
	void *page;
	int fd;

	if (argc != 3)
		return EXIT_FAILURE;
	fd = atoi(argv[1]);
	iova = strtoull(argv[2], NULL, 0);
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (page == MAP_FAILED)
		return EXIT_FAILURE;
	(void)puts("ready");
	(void)fflush(stdout);
	for (;;) {
		for (uint32_t id = 1; id <= IDS; id++)
			map(fd, id, iova, page);
		(void)nanosleep(&pause, NULL);
	}
}
