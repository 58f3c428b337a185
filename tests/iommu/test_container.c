// SPDX-License-Identifier: GPL-2.0-or-later
/* VFIO_IOMMU_GET_INFO: reading the capabilities, also those that make no sense. */
#include <errno.h>
#include <linux/vfio.h>
#include <string.h>

#include "common/util.h"
#include "iommu/vfio_container.h"
#include "tests/check_main.h"

#define FIXED ((uint32_t)sizeof(struct vfio_iommu_type1_info))

/* What the kernel answers; as much of it as the caller has room for. */
static struct {
	uint32_t words[64];
	uint32_t len;	   /* bytes of it */
	uint32_t grows_by; /* bytes, at each call */
	unsigned int calls;
} answer;

static int answer_ioctl(void *opaque, int fd, unsigned long request,
			unsigned long arg)
{
	struct vfio_iommu_type1_info *info = (void *)arg;
	uint32_t have = info->argsz;
	uint32_t want = answer.len + (answer.calls + 1) * answer.grows_by;

	(void)opaque;
	ck_assert_int_eq(fd, 5);
	ck_assert_uint_eq(request, VFIO_IOMMU_GET_INFO);
	answer.calls++;
	memcpy(info, answer.words, min_u64(have, answer.len));
	info->argsz = want;
	if (have < want)
		info->cap_offset = 0;
	return 0;
}

static const struct vfio_sys_ops answer_ops = { .ioctl = answer_ioctl };
static const struct vfio_sys sys = { .ops = &answer_ops };

static void answer_begin(uint32_t flags)
{
	struct vfio_iommu_type1_info info = { .flags = flags,
					      .iova_pgsizes = 0x1000,
					      .cap_offset = FIXED };

	memset(&answer, 0, sizeof(answer));
	memcpy(answer.words, &info, sizeof(info));
	answer.len = FIXED;
}

#define MAX_WORDS 16
#define IOVA	  VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE
#define AVAIL	  VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL

/* Words from the first capability on, little endian as the machine. */
static const struct {
	uint32_t words[MAX_WORDS];
	uint32_t n; /* of words */
	int want;
	size_t windows;
	int avail; /* -1: not told */
} cases[] = {
	{ { IOVA, 0, 1, 0, 0, 0, 0xffff, 0 }, 8, 0, 1, -1 },
	{ { IOVA, 0, 0, 0 }, 4, 0, 0, -1 },
	{ { AVAIL, 0, 77 }, 3, 0, 0, 77 },
	{ { AVAIL, FIXED + 12, 77, 0x99, 0 }, 5, 0, 0, 77 }, /* unknown one */
	{ { AVAIL, FIXED + 12, 77, IOVA, 0, 1, 0, 0, 0, 0xffff, 0 },
	  11,
	  0,
	  1,
	  77 },
	/* Two windows that touch are one; order does not matter. */
	{ { IOVA, 0, 2, 0, 0x1000, 0, 0xffff, 0, 0, 0, 0xfff, 0 }, 12, 0, 1, -1 },
	/* More windows than there is room for, also where the sum wraps. */
	{ { IOVA, 0, 2, 0, 0, 0, 0xffff, 0 }, 8, -EINVAL, 0, 0 },
	{ { IOVA, 0, 0xffffffff, 0, 0, 0, 0xffff, 0 }, 8, -EINVAL, 0, 0 },
	{ { IOVA, 0, 0x10000000, 0, 0, 0, 0xffff, 0 }, 8, -EINVAL, 0, 0 },
	{ { IOVA, 0, 1 }, 3, -EINVAL, 0, 0 },
	/* A window that ends before it starts. */
	{ { IOVA, 0, 1, 0, 0x2000, 0, 0x1fff, 0 }, 8, -EINVAL, 0, 0 },
	/* Twice the same. */
	{ { IOVA, FIXED + 16, 0, 0, IOVA, 0, 0, 0 }, 8, -EINVAL, 0, 0 },
	{ { AVAIL, 0 }, 2, -EINVAL, 0, 0 },
	/* Chains: beyond the end, at the very end, back, and in a circle. */
	{ { AVAIL, 0x10000, 77 }, 3, -EINVAL, 0, 0 },
	{ { AVAIL, 0xffffffff, 77 }, 3, -EINVAL, 0, 0 },
	{ { AVAIL, FIXED + 12, 77 }, 3, -EINVAL, 0, 0 },
	{ { AVAIL, FIXED + 8, 77 }, 3, -EINVAL, 0, 0 },
	{ { AVAIL, 4, 77 }, 3, -EINVAL, 0, 0 },
	{ { AVAIL, FIXED, 77 }, 3, -EINVAL, 0, 0 },
};

START_TEST(capabilities_are_read_within_bounds)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct vfio_container_info info = { 0 };
		int r;

		answer_begin(VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS);
		memcpy((char *)answer.words + FIXED, cases[i].words,
		       cases[i].n * sizeof(uint32_t));
		answer.len += cases[i].n * (uint32_t)sizeof(uint32_t);
		r = vfio_container_get_info(&sys, 5, &info);
		ck_assert_msg(r == cases[i].want, "case %zu: %d", i, r);
		if (r == 0) {
			ck_assert_uint_eq(info.page_sizes, 0x1000);
			ck_assert_uint_eq(info.windows.n, cases[i].windows);
			ck_assert_int_eq(info.has_dma_avail,
					 cases[i].avail >= 0);
			if (info.has_dma_avail)
				ck_assert_int_eq((int)info.dma_avail,
						 cases[i].avail);
		}
		range_set_free(&info.windows);
	}
}
END_TEST

START_TEST(flags_say_what_is_there)
{
	struct vfio_container_info info;

	answer_begin(0);
	ck_assert_int_eq(vfio_container_get_info(&sys, 5, &info), 0);
	ck_assert_uint_eq(info.page_sizes, 0);
	ck_assert(!info.has_windows && !info.has_dma_avail);
	/* The capability flag, and no capability. */
	answer_begin(VFIO_IOMMU_INFO_CAPS);
	((struct vfio_iommu_type1_info *)answer.words)->cap_offset = 0;
	ck_assert_int_eq(vfio_container_get_info(&sys, 5, &info), 0);
	ck_assert(!info.has_windows && !info.has_dma_avail);
}
END_TEST

START_TEST(an_answer_that_grows_without_end_is_refused)
{
	struct vfio_container_info info;

	answer_begin(VFIO_IOMMU_INFO_PGSIZES);
	answer.grows_by = 64 * 1024;
	ck_assert_int_eq(vfio_container_get_info(&sys, 5, &info), -EINVAL);
	ck_assert_uint_gt(answer.calls, 2);
	answer_begin(VFIO_IOMMU_INFO_PGSIZES);
	answer.grows_by = 0xf0000000;
	ck_assert_int_eq(vfio_container_get_info(&sys, 5, &info), -EINVAL);
}
END_TEST

CHECK_MAIN("container", capabilities_are_read_within_bounds,
	   flags_say_what_is_there, an_answer_that_grows_without_end_is_refused)
