// SPDX-License-Identifier: GPL-2.0-or-later
/* What VFIO says about a region, well-formed and not. */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "assign/host_vfio.h"
#include "common/util.h"
#include "tests/check_main.h"

#define PAGE 4096
#define RW   (VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE)
#define ALL  (RW | VFIO_REGION_INFO_FLAG_MMAP)
#define CAPS (ALL | VFIO_REGION_INFO_FLAG_CAPS)

/* struct vfio_region_info_cap_sparse_mmap up to its areas. */
struct sparse_header {
	struct vfio_info_cap_header header;
	uint32_t nr_areas;
	uint32_t reserved;
};

/* Info, a capability to skip, and a sparse list. */
struct blob {
	struct vfio_region_info info;
	struct vfio_info_cap_header mappable;
	struct sparse_header sparse;
	struct vfio_region_sparse_mmap_area area[4];
};

static struct blob make(void)
{
	struct blob blob = {
		.info = { .argsz = sizeof(blob),
			  .flags = CAPS,
			  .size = 0x10000,
			  .cap_offset = offsetof(struct blob, mappable) },
		.mappable = { .id = VFIO_REGION_INFO_CAP_MSIX_MAPPABLE,
			      .version = 1,
			      .next = offsetof(struct blob, sparse) },
		.sparse = { .header = { .id = VFIO_REGION_INFO_CAP_SPARSE_MMAP,
					.version = 1 },
			    .nr_areas = 2 },
		.area = { { 0, 0x2000 }, { 0x4000, 0xc000 } },
	};

	return blob;
}

static int decode(const struct blob *blob, size_t len, struct host_region *ret)
{
	return vfio_region_decode(&blob->info, len, PAGE, ret);
}

START_TEST(plain_region)
{
	static const struct {
		uint32_t flags;
		uint64_t size;
		unsigned int n_areas;
		uint64_t len;
	} cases[] = {
		{ ALL, 0x4000, 1, 0x4000 },
		{ RW, 0x4000, 0, 0 },
		{ ALL, 0, 0, 0 },
		{ ALL, 0x100, 0, 0 }, /* less than a page */
		{ ALL, 0x1800, 1, 0x1000 },
		{ RW, 0x20, 0, 0 },
	};
	struct host_region region;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct vfio_region_info info = { .argsz = sizeof(info),
						 .flags = cases[i].flags,
						 .size = cases[i].size };

		ck_assert_int_eq(
			vfio_region_decode(&info, sizeof(info), PAGE, &region),
			0);
		ck_assert_uint_eq(region.size, cases[i].size);
		ck_assert(region.readable && region.writable);
		ck_assert_uint_eq(region.n_areas, cases[i].n_areas);
		if (region.n_areas)
			ck_assert_uint_eq(region.area[0].len, cases[i].len);
	}
}
END_TEST

START_TEST(sparse_areas)
{
	struct blob blob = make();
	struct host_region region;

	ck_assert_int_eq(decode(&blob, sizeof(blob), &region), 0);
	ck_assert_uint_eq(region.n_areas, 2);
	ck_assert_uint_eq(region.area[1].offset, 0x4000);
	ck_assert_uint_eq(region.area[1].len, 0xc000);
	/* Cut to whole pages inside the region. */
	blob.area[0] = (struct vfio_region_sparse_mmap_area) { 0x800, 0x2000 };
	blob.area[1] = (struct vfio_region_sparse_mmap_area) { 0xf000, 0x9000 };
	blob.area[2] =
		(struct vfio_region_sparse_mmap_area) { 0x20000, 0x1000 };
	blob.area[3] =
		(struct vfio_region_sparse_mmap_area) { 0x3000, UINT64_MAX };
	blob.sparse.nr_areas = 4;
	ck_assert_int_eq(decode(&blob, sizeof(blob), &region), 0);
	ck_assert_uint_eq(region.n_areas, 3);
	ck_assert_uint_eq(region.area[0].offset, 0x1000);
	ck_assert_uint_eq(region.area[0].len, 0x1000);
	ck_assert_uint_eq(region.area[1].len, 0x1000);
	ck_assert_uint_eq(region.area[2].offset, 0x3000);
	ck_assert_uint_eq(region.area[2].len, 0xd000);
	/* A list of nothing is not "all of it". */
	blob.sparse.nr_areas = 0;
	ck_assert_int_eq(decode(&blob, sizeof(blob), &region), 0);
	ck_assert_uint_eq(region.n_areas, 0);
}
END_TEST

START_TEST(without_sparse_list_all_is_mappable)
{
	struct blob blob = make();
	struct host_region region;

	blob.mappable.next = 0;
	ck_assert_int_eq(decode(&blob, sizeof(blob), &region), 0);
	ck_assert_uint_eq(region.n_areas, 1);
	ck_assert_uint_eq(region.area[0].len, 0x10000);
}
END_TEST

START_TEST(broken_chains)
{
	const struct {
		uint32_t first, next, nr_areas;
		size_t len;
	} cases[] = {
		{ 4, 0, 2, sizeof(struct blob) }, /* into the info */
		{ sizeof(struct blob), 0, 2, sizeof(struct blob) },
		{ UINT32_MAX, 0, 2, sizeof(struct blob) },
		{ offsetof(struct blob, mappable),
		  offsetof(struct blob, mappable), 2, sizeof(struct blob) },
		{ offsetof(struct blob, mappable), 8, 2, sizeof(struct blob) },
		{ offsetof(struct blob, mappable), UINT32_MAX, 2,
		  sizeof(struct blob) },
		{ offsetof(struct blob, sparse), 0, 5, sizeof(struct blob) },
		{ offsetof(struct blob, sparse), 0, UINT32_MAX,
		  sizeof(struct blob) },
		/* Cut off in the list, in its header, in the first header. */
		{ offsetof(struct blob, sparse), 0, 2,
		  offsetof(struct blob, area) + 8 },
		{ offsetof(struct blob, sparse), 0, 2,
		  offsetof(struct blob, sparse) + 8 },
		{ offsetof(struct blob, mappable), 0, 2,
		  offsetof(struct blob, mappable) + 4 },
	};
	struct host_region region;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct blob blob = make();

		blob.info.cap_offset = cases[i].first;
		blob.mappable.next = cases[i].next;
		blob.sparse.nr_areas = cases[i].nr_areas;
		ck_assert_msg(decode(&blob, cases[i].len, &region) == -EINVAL,
			      "case %zu", i);
	}
}
END_TEST

/* More areas than are kept: the rest is trapped. */
START_TEST(many_areas)
{
	struct {
		struct vfio_region_info info;
		struct sparse_header sparse;
		struct vfio_region_sparse_mmap_area area[40];
	} blob = {
		.info = { .flags = CAPS,
			  .size = 0x100000,
			  .cap_offset = sizeof(blob.info) },
		.sparse = { .header.id = VFIO_REGION_INFO_CAP_SPARSE_MMAP,
			    .nr_areas = 40 },
	};
	struct host_region region;

	for (unsigned int i = 0; i < 40; i++) {
		blob.area[i].offset = 0x2000 * i;
		blob.area[i].size = 0x1000;
	}
	ck_assert_int_eq(
		vfio_region_decode(&blob.info, sizeof(blob), PAGE, &region), 0);
	ck_assert_uint_eq(region.n_areas, HOST_AREAS_MAX);
}
END_TEST

struct dependents_blob {
	struct vfio_pci_hot_reset_info info;
	struct vfio_pci_dependent_device device[3];
};

/* Of a container and of an iommufd: the same four bytes mean two things. */
START_TEST(dependents)
{
	struct dependents_blob blob = {
		.info = { .count = 3 },
		.device = { { .group_id = 12,
			      .segment = 0,
			      .bus = 4,
			      .devfn = 0x43 },
			    { .group_id = 0, .segment = 2, .bus = 5 },
			    { .group_id = 0x7fffffff, .devfn = 0xff } },
	};
	struct host_dependent other[3];

	ck_assert_int_eq(vfio_dependents_decode(&blob.info, 3, other), 3);
	ck_assert_uint_eq(other[0].bdf.bus, 4);
	ck_assert_uint_eq(other[0].bdf.dev, 8);
	ck_assert_uint_eq(other[0].bdf.fn, 3);
	ck_assert_int_eq(other[0].group, 12);
	ck_assert(!other[0].owned);
	ck_assert_uint_eq(other[1].bdf.domain, 2);
	ck_assert_int_eq(other[1].group, 0);
	ck_assert_uint_eq(other[2].bdf.dev, 31);
	ck_assert_uint_eq(other[2].bdf.fn, 7);

	blob.info.flags = 1 << 0; /* devids; 0: ours, but not open */
	blob.device[2].group_id = UINT32_MAX; /* and not ours */
	ck_assert_int_eq(vfio_dependents_decode(&blob.info, 3, other), 3);
	for (unsigned int i = 0; i < 3; i++) {
		ck_assert_int_eq(other[i].group, -1);
		ck_assert(other[i].owned == (i < 2));
	}

	ck_assert_int_eq(vfio_dependents_decode(&blob.info, 2, other), -E2BIG);
	blob.info.count = UINT32_MAX;
	ck_assert_int_eq(vfio_dependents_decode(&blob.info, 3, other), -E2BIG);
	blob.info.count = 3;
	blob.info.flags = 0; /* no group has such a number */
	ck_assert_int_eq(vfio_dependents_decode(&blob.info, 3, other), -EINVAL);
}
END_TEST

/* Not a VFIO device at all. */
START_TEST(wrong_fd)
{
	struct host_device *host;
	struct moat_err err;

	ck_assert_int_lt(host_vfio_open(0, &host, &err), 0);
	ck_assert_ptr_nonnull(strstr(err.msg, "VFIO"));
}
END_TEST

CHECK_MAIN("host_vfio", plain_region, sparse_areas,
	   without_sparse_list_all_is_mappable, broken_chains, many_areas,
	   dependents, wrong_fd)
