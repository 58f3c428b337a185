// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The two answers of VFIO that carry capability chains: what the type1 IOMMU
 * can map, and what of a region can be mapped. The first byte chooses; the
 * rest is the kernel's answer, which a call gets as much of as it has room
 * for.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>

#include "assign/host_vfio.h"
#include "common/util.h"
#include "iommu/vfio_container.h"
#include "tests/fuzz/fuzz.h"

#define FD   7
#define PAGE 4096

struct answer {
	const uint8_t *data;
	size_t len;
	unsigned int calls;
};

static int answer_ioctl(void *opaque, int fd, unsigned long request,
			unsigned long arg)
{
	struct answer *answer = opaque;
	uint32_t room, size = (uint32_t)answer->len;
	void *to = (void *)arg;

	fuzz_check(fd == FD && request == VFIO_IOMMU_GET_INFO);
	memcpy(&room, to, sizeof(room));
	fuzz_check(room >= sizeof(struct vfio_iommu_type1_info));
	memcpy(to, answer->data, min_u64(room, answer->len));
	/*
	 * What a caller sees of its size is the kernel's first, and true from
	 * then on: a kernel that always wants more would be asked for ever.
	 */
	if (answer->calls++ > 0)
		memcpy(to, &size, sizeof(size));
	return 0;
}

static void fuzz_container(const uint8_t *data, size_t size)
{
	static const struct vfio_sys_ops ops = { .ioctl = answer_ioctl };
	struct answer answer = { .data = data, .len = size };
	const struct vfio_sys sys = { .ops = &ops, .opaque = &answer };
	struct vfio_container_info info;
	const struct range_set *set = &info.windows;
	int r = vfio_container_get_info(&sys, FD, &info);

	if (r < 0) {
		fuzz_check(r == -EINVAL);
		return;
	}
	fuzz_check(info.has_windows || !set->n);
	for (size_t i = 0; i < set->n; i++) {
		fuzz_check(set->ranges[i].first <= set->ranges[i].last);
		fuzz_check(i == 0 ||
			   set->ranges[i].first > set->ranges[i - 1].last);
	}
	range_set_free(&info.windows);
}

static void fuzz_region(const uint8_t *data, size_t size)
{
	/* Of its own, so that a step beyond its end is seen. */
	struct vfio_region_info *info = malloc(size);
	struct host_region region = { 0 };

	fuzz_check(info);
	memcpy(info, data, size);
	if (vfio_region_decode(info, size, PAGE, &region) < 0)
		goto free_info;
	fuzz_check(region.n_areas <= HOST_AREAS_MAX);
	for (unsigned int i = 0; i < region.n_areas; i++) {
		const struct host_area *area = &region.area[i];

		fuzz_check(area->len && is_aligned(area->len, PAGE));
		fuzz_check(is_aligned(area->offset, PAGE));
		fuzz_check(area->offset < region.size &&
			   area->len <= region.size - area->offset);
	}
free_info:
	free(info);
}

static void fuzz_dependents(const uint8_t *data, size_t size)
{
	struct vfio_pci_hot_reset_info *info = malloc(size);
	size_t room = (size - sizeof(*info)) / sizeof(info->devices[0]);
	struct host_dependent *others;
	int n;

	fuzz_check(info);
	memcpy(info, data, size);
	others = malloc((room + 1) * sizeof(*others));
	fuzz_check(others);
	n = vfio_dependents_decode(info, room, others);
	fuzz_check(n <= (int)room);
	for (int i = 0; i < n; i++) {
		fuzz_check(others[i].bdf.dev < 32 && others[i].bdf.fn < 8);
		fuzz_check(others[i].group >= -1);
		fuzz_check(others[i].group < 0 || !others[i].owned);
	}
	free(others);
	free(info);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned int which;

	if (size < 1)
		return 0;
	which = *data++ & 3;
	size--;
	if ((which & 1) && size >= sizeof(struct vfio_region_info))
		fuzz_region(data, size);
	if (which == 0 && size >= sizeof(struct vfio_iommu_type1_info))
		fuzz_container(data, size);
	if (which == 2 && size >= sizeof(struct vfio_pci_hot_reset_info))
		fuzz_dependents(data, size);
	return 0;
}
