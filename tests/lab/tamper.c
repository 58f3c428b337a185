// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An insider: a process with the same open /dev/iommu as moat, which maps a
 * page of its own into moat's address space as soon as there is one.
 *
 *     tamper FD IOVA
 *
 * Prints "ready" before it looks for one and "mapped" when it is done, and
 * stays until its input ends.
 */
#include <errno.h>
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
#define TRIES	 600000u
#define PAUSE_NS 100000

static int map(int fd, uint32_t id, uint64_t iova, void *page)
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

	return ioctl(fd, IOMMU_IOAS_MAP, &map) < 0 ? -errno : 0;
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
	for (unsigned int i = 0; i < TRIES; i++) {
		for (uint32_t id = 1; id <= IDS; id++) {
			if (map(fd, id, iova, page) < 0)
				continue;
			(void)puts("mapped");
			(void)fflush(stdout);
			(void)getchar();
			return EXIT_SUCCESS;
		}
		(void)nanosleep(&pause, NULL);
	}
	return EXIT_FAILURE;
}
