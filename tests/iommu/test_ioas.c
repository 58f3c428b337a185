// SPDX-License-Identifier: GPL-2.0-or-later
/* What an I/O address space does, on a kernel in memory. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/util.h"
#include "fake_main.h"
#include "fake_vfio.h"

#define TOP  UINT64_MAX
#define RW   (MOAT_DMA_READ | MOAT_DMA_WRITE)
#define HOST ((void *)(uintptr_t)0x7f0000000000)

/* A: alone in group 7. B and C: together in group 8. */
static const struct moat_bdf dev_a = { 0, 4, 8, 0 };
static const struct moat_bdf dev_b = { 0, 5, 0, 0 };
static const struct moat_bdf dev_c = { 0, 5, 0, 1 };

static struct fake fake;
static struct moat_err err;

static void machine(void)
{
	fake_init(&fake);
	fake_add_device(&fake, "0000:04:08.0", 7, "vfio-pci");
	fake_add_device(&fake, "0000:05:00.0", 8, "vfio-pci");
	fake_add_device(&fake, "0000:05:00.1", 8, "vfio-pci");
	memset(&err, 0, sizeof(err));
}

static struct moat_ioas *create(void)
{
	struct moat_ioas_config config = fake_config(&fake);
	struct moat_ioas *ioas = NULL;
	int r;

	r = moat_ioas_create(&config, &ioas, &err);
	ck_assert_msg(r == 0, "%d: %s", r, err.msg);
	return ioas;
}

static int attach(struct moat_ioas *ioas, struct moat_bdf bdf)
{
	int fd = -1, r;

	r = moat_ioas_attach(ioas, bdf, &fd, &err);
	ck_assert_msg(r == 0, "%d: %s", r, err.msg);
	return fd;
}

static void detach(struct moat_ioas *ioas, struct moat_bdf bdf, int fd)
{
	fake_vfio_ops.close(&fake, fd);
	moat_ioas_detach(ioas, bdf);
}

static void map(struct moat_ioas *ioas, uint64_t iova, uint64_t len)
{
	int r = moat_ioas_map(ioas, iova, len, HOST, RW, &err);

	ck_assert_msg(r == 0, "%d: %s", r, err.msg);
}

static void finish(struct moat_ioas *ioas)
{
	moat_ioas_destroy(ioas);
	fake_assert_clean(&fake);
	fake_fini(&fake);
}

/* With 0x10000-0x1ffff mapped; windows of the fake's defaults. */
static const struct {
	uint64_t iova, len, vaddr;
	unsigned int prot;
	int before; /* with nothing attached */
	int after;  /* with A attached */
} map_cases[] = {
	{ 0x1000, 0x1000, 0x7f000000, RW, 0, 0 },
	{ 0x1000, 0x1000, 0x7f000000, MOAT_DMA_READ, 0, 0 },
	{ 0x1000, 0x1000, 0x7f000000, MOAT_DMA_WRITE, 0, 0 },
	{ 0x1000, 0x1000, 0x7f000000, 0, -EINVAL, -EINVAL },
	{ 0x1000, 0x1000, 0x7f000000, RW | 1u << 2, -EINVAL, -EINVAL },
	/* Alignment of each of the three. */
	{ 0x1001, 0x1000, 0x7f000000, RW, -EINVAL, -EINVAL },
	{ 0x1800, 0x1000, 0x7f000000, RW, -EINVAL, -EINVAL },
	{ 0x1000, 0x1001, 0x7f000000, RW, -EINVAL, -EINVAL },
	{ 0x1000, 0x0800, 0x7f000000, RW, -EINVAL, -EINVAL },
	{ 0x1000, 0, 0x7f000000, RW, -EINVAL, -EINVAL },
	{ 0x1000, 0x1000, 0x7f000010, RW, -EINVAL, -EINVAL },
	/* Wraps, of IOVA and of host address. */
	{ -0x1000ULL, 0x2000, 0x7f000000, RW, -EOVERFLOW, -EOVERFLOW },
	{ 0x1000, -0x1000ULL, 0x7f000000, RW, -EOVERFLOW, -EOVERFLOW },
	{ 0x1000, 0x2000, -0x1000ULL, RW, -EOVERFLOW, -EOVERFLOW },
	/* Overlap with what is mapped. */
	{ 0x10000, 0x10000, 0x7f000000, RW, -EEXIST, -EEXIST },
	{ 0x10000, 0x1000, 0x7f000000, RW, -EEXIST, -EEXIST },
	{ 0x1f000, 0x1000, 0x7f000000, RW, -EEXIST, -EEXIST },
	{ 0xf000, 0x2000, 0x7f000000, RW, -EEXIST, -EEXIST },
	{ 0x1f000, 0x2000, 0x7f000000, RW, -EEXIST, -EEXIST },
	{ 0x0, 0x100000, 0x7f000000, RW, -EEXIST, -EEXIST },
	{ 0xf000, 0x1000, 0x7f000000, RW, 0, 0 },
	{ 0x20000, 0x1000, 0x7f000000, RW, 0, 0 },
	/* The interrupt window, its neighbours, the end of the IOMMU. */
	{ 0xfee00000, 0x1000, 0x7f000000, RW, 0, -EADDRINUSE },
	{ 0xfeeff000, 0x2000, 0x7f000000, RW, 0, -EADDRINUSE },
	{ 0xfedff000, 0x2000, 0x7f000000, RW, 0, -EADDRINUSE },
	{ 0xc0000000, 0x80000000, 0x7f000000, RW, 0, -EADDRINUSE },
	{ 0xfedff000, 0x1000, 0x7f000000, RW, 0, 0 },
	{ 0xfef00000, 0x1000, 0x7f000000, RW, 0, 0 },
	{ 0x7ffffff000, 0x1000, 0x7f000000, RW, 0, 0 },
	{ 0x7ffffff000, 0x2000, 0x7f000000, RW, 0, -EADDRINUSE },
	{ -0x1000ULL, 0x1000, 0x7f000000, RW, 0, -EADDRINUSE },
};

/* A range is there when the same one is refused as an overlap. */
static bool is_listed(struct moat_ioas *ioas, uint64_t iova, uint64_t len)
{
	return moat_ioas_map(ioas, iova, len, HOST, RW, NULL) == -EEXIST;
}

START_TEST(map_takes_only_what_can_be_mapped)
{
	struct moat_ioas *ioas;
	bool after = _i;

	for (size_t i = 0; i < ARRAY_SIZE(map_cases); i++) {
		int want = after ? map_cases[i].after : map_cases[i].before;
		int fd = -1, r;

		machine();
		ioas = create();
		map(ioas, 0x10000, 0x10000);
		if (after)
			fd = attach(ioas, dev_a);
		err.msg[0] = '\0';
		r = moat_ioas_map(ioas, map_cases[i].iova, map_cases[i].len,
				  (void *)(uintptr_t)map_cases[i].vaddr,
				  map_cases[i].prot, &err);
		ck_assert_msg(r == want, "case %zu: %d %s", i, r, err.msg);
		ck_assert_int_eq(err.msg[0] != '\0', want < 0);
		ck_assert_uint_eq(fake_n_maps(&fake),
				  after ? 1 + (want == 0) : 0);
		if (after && want == 0)
			ck_assert(fake_has_map(&fake, map_cases[i].iova,
					       map_cases[i].len));
		/* Whole or not at all, in the list as in the kernel. */
		if (map_cases[i].len && want != -EEXIST)
			ck_assert_int_eq(moat_ioas_unmap(ioas, map_cases[i].iova,
							 map_cases[i].len),
					 want == 0 ? 0 : -ENOENT);
		if (after)
			detach(ioas, dev_a, fd);
		finish(ioas);
	}
}
END_TEST

START_TEST(protection_reaches_the_kernel)
{
	static const struct {
		unsigned int prot;
		uint32_t flags;
	} cases[] = { { MOAT_DMA_READ, 1 }, { MOAT_DMA_WRITE, 2 }, { RW, 3 } };
	struct moat_ioas *ioas;
	int fd;

	machine();
	ioas = create();
	fd = attach(ioas, dev_a);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ck_assert_int_eq(moat_ioas_map(ioas, i << 20, 0x1000,
					       (char *)HOST + (i << 20),
					       cases[i].prot, &err),
				 0);
		ck_assert_uint_eq(fake.containers[0].maps[i].flags,
				  cases[i].flags);
		ck_assert_uint_eq(fake.containers[0].maps[i].vaddr,
				  0x7f0000000000 + (i << 20));
	}
	detach(ioas, dev_a, fd);
	finish(ioas);
}
END_TEST

/* Loop: with a kernel whose container forgets, and with iommufd's. */
START_TEST(order_of_attach_and_map_is_free)
{
	struct moat_ioas *ioas;
	int fd;

	machine();
	fake.iommufd_compat = _i && !fake_is_iommufd();
	ioas = create();
	map(ioas, 0x100000, 0x1000);
	map(ioas, 0, 0x1000);
	ck_assert_uint_eq(fake.map_calls, 0);
	fd = attach(ioas, dev_a);
	ck_assert_uint_eq(fake.map_calls, 2);
	map(ioas, 0x10000, 0x4000);
	/* One call each, and one only. */
	ck_assert_uint_eq(fake.map_calls, 3);
	ck_assert(fake_has_map(&fake, 0, 0x1000));
	ck_assert(fake_has_map(&fake, 0x10000, 0x4000));
	ck_assert(fake_has_map(&fake, 0x100000, 0x1000));

	/* The last group leaves: the list stays, and can change. */
	detach(ioas, dev_a, fd);
	ck_assert_uint_eq(fake_n_maps(&fake), 0);
	ck_assert_int_eq(moat_ioas_unmap(ioas, 0x100000, 0x1000), 0);
	map(ioas, 0x200000, 0x2000);
	ck_assert_uint_eq(fake.map_calls, 3);

	/* Another comes. */
	fd = attach(ioas, dev_b);
	ck_assert_uint_eq(fake.map_calls, 6);
	ck_assert_uint_eq(fake_n_maps(&fake), 3);
	ck_assert(fake_has_map(&fake, 0, 0x1000));
	ck_assert(fake_has_map(&fake, 0x10000, 0x4000));
	ck_assert(fake_has_map(&fake, 0x200000, 0x2000));
	detach(ioas, dev_b, fd);
	finish(ioas);
}
END_TEST

static bool cancelled_after_one(void *opaque)
{
	unsigned int *n_asked = opaque;

	return ++*n_asked > 1;
}

START_TEST(the_first_attach_can_be_cancelled)
{
	struct moat_ioas_config config;
	unsigned int n_asked = 0;
	struct moat_ioas *ioas;
	int fd = -1;

	machine();
	config = fake_config(&fake);
	config.cancelled = cancelled_after_one;
	config.cancelled_opaque = &n_asked;
	ck_assert_int_eq(moat_ioas_create(&config, &ioas, &err), 0);
	for (uint64_t i = 0; i < 3; i++)
		map(ioas, i << 20, 0x1000);
	ck_assert_int_eq(moat_ioas_attach(ioas, dev_a, &fd, &err), -EINTR);
	ck_assert_ptr_nonnull(strstr(err.msg, "interrupted"));
	ck_assert_uint_eq(fake.map_calls, 1);
	ck_assert_uint_eq(fake_n_maps(&fake), 0);
	finish(ioas);
}
END_TEST

START_TEST(two_groups_share_the_maps)
{
	struct moat_ioas *ioas;
	int fd_a, fd_b;

	machine();
	ioas = create();
	map(ioas, 0, 0x1000);
	fd_a = attach(ioas, dev_a);
	fd_b = attach(ioas, dev_b);
	ck_assert_uint_eq(fake.map_calls, 1);
	if (fake_is_iommufd())
		ck_assert_ptr_eq(fake.devices[0].ioas, fake.devices[1].ioas);
	else
		ck_assert_ptr_eq(fake.groups[0].container,
				 fake.groups[1].container);
	ck_assert_uint_eq(fake.announcements, 2);

	/* The first to come may be the first to go. */
	detach(ioas, dev_a, fd_a);
	ck_assert(fake_has_map(&fake, 0, 0x1000));
	ck_assert_uint_eq(fake.announcements, 1);
	map(ioas, 0x1000, 0x1000);
	fd_a = attach(ioas, dev_a);
	ck_assert_uint_eq(fake.map_calls, 2);
	detach(ioas, dev_b, fd_b);
	ck_assert_uint_eq(fake_n_maps(&fake), 2);
	detach(ioas, dev_a, fd_a);
	finish(ioas);
}
END_TEST

START_TEST(devices_of_one_group)
{
	/* They share its file, or have one each. */
	unsigned int files = fake_is_iommufd() ? 2 : 1;
	struct moat_ioas *ioas;
	int fd_b, fd_c;

	machine();
	ioas = create();
	fd_b = attach(ioas, dev_b);
	fd_c = attach(ioas, dev_c);
	map(ioas, 0, 0x1000);
	ck_assert_int_ne(fd_b, fd_c);
	ck_assert_uint_eq(fake.groups[1].n_open_devices, 2);
	ck_assert_uint_eq(fake.announcements, files);
	/* The container or iommufd, the files, and two devices. */
	ck_assert_uint_eq(fake.n_files, 3 + files);
	/* Only a group's own file proves whose the group is. */
	if (fake_is_iommufd())
		ck_assert_int_eq(moat_ioas_group_fd(ioas, 8), -ENOENT);
	else
		ck_assert_int_ge(moat_ioas_group_fd(ioas, 8), 0);
	ck_assert_int_eq(moat_ioas_group_fd(ioas, 7), -ENOENT);
	detach(ioas, dev_b, fd_b);
	ck_assert_uint_eq(fake.announcements, 1);
	ck_assert_uint_eq(fake_n_maps(&fake), 1);
	detach(ioas, dev_c, fd_c);
	ck_assert_uint_eq(fake_n_maps(&fake), 0);
	ck_assert(!fake.groups[1].file_open);
	ck_assert_int_eq(moat_ioas_group_fd(ioas, 8), -ENOENT);
	finish(ioas);
}
END_TEST

START_TEST(a_device_is_attached_once)
{
	struct moat_ioas *ioas;
	int fd, second = -1;

	machine();
	ioas = create();
	moat_ioas_detach(ioas, dev_a); /* not there: nothing happens */
	fd = attach(ioas, dev_a);
	ck_assert_int_eq(moat_ioas_attach(ioas, dev_a, &second, &err), -EBUSY);
	ck_assert_int_eq(second, -1);
	moat_ioas_detach(ioas, dev_b);
	ck_assert_uint_eq(fake.announcements, 1);
	detach(ioas, dev_a, fd);
	moat_ioas_detach(ioas, dev_a);
	moat_ioas_destroy(NULL);
	finish(ioas);
}
END_TEST

START_TEST(unmap_takes_what_was_mapped)
{
	static const struct {
		uint64_t iova, len;
	} unknown[] = {
		{ 0, 0x1000 },	     { 0x10000, 0x1000 },  { 0x10000, 0x20000 },
		{ 0x11000, 0xf000 }, { 0x20000, 0x10000 }, { 0x10000, 0 },
		{ 0, TOP },	     { TOP, TOP },
	};
	struct moat_ioas *ioas;
	int fd = -1;

	machine();
	ioas = create();
	map(ioas, 0x10000, 0x10000);
	map(ioas, 0x30000, 0x10000);
	if (_i)
		fd = attach(ioas, dev_a);
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++)
		ck_assert_int_eq(
			moat_ioas_unmap(ioas, unknown[i].iova, unknown[i].len),
			-ENOENT);
	ck_assert_int_eq(moat_ioas_unmap(ioas, 0x10000, 0x10000), 0);
	ck_assert_uint_eq(fake_n_maps(&fake), _i ? 1 : 0);
	ck_assert_int_eq(moat_ioas_unmap(ioas, 0x10000, 0x10000), -ENOENT);
	map(ioas, 0x10000, 0x10000);
	if (_i)
		detach(ioas, dev_a, fd);
	finish(ioas);
}
END_TEST

START_TEST(unmap_believes_only_the_right_size)
{
	struct moat_ioas *ioas;
	int fd;

	machine();
	ioas = create();
	fd = attach(ioas, dev_a);
	map(ioas, 0x10000, 0x10000);
	fake.bad_unmap_size = 0x8000;
	ck_assert_int_eq(moat_ioas_unmap(ioas, 0x10000, 0x10000), -EIO);
	ck_assert(is_listed(ioas, 0x10000, 0x10000));
	fake.bad_unmap_size = 0;
	ck_assert_int_eq(moat_ioas_unmap(ioas, 0x10000, 0x10000), 0);
	ck_assert(!is_listed(ioas, 0x10000, 0x10000));
	detach(ioas, dev_a, fd);
	finish(ioas);
}
END_TEST

static void assert_windows(struct moat_ioas *ioas,
			   const struct moat_iova_range *want, size_t n)
{
	struct moat_iova_range *ranges;
	size_t have;

	ck_assert_int_eq(moat_ioas_windows(ioas, &ranges, &have), 0);
	ck_assert_uint_eq(have, n);
	for (size_t i = 0; i < n; i++) {
		ck_assert_uint_eq(ranges[i].first, want[i].first);
		ck_assert_uint_eq(ranges[i].last, want[i].last);
	}
	free(ranges);
}

START_TEST(windows_are_the_kernels_less_what_is_reserved)
{
	static const struct moat_iova_range of_a[] = {
		{ 0, 0xfedfffff }, { 0xfef00000, 0x7fffffffff }
	};
	static const struct moat_iova_range of_both[] = {
		{ 0, 0x7affffff },
		{ 0x7b800000, 0xfedfffff },
		{ 0xfef00000, 0x7fffffffff },
	};
	struct moat_iova_range *ranges = NULL;
	struct moat_ioas *ioas;
	int fd_a, fd_b;
	size_t n = 7;

	machine();
	fake_write(&fake, "sys/kernel/iommu_groups/8/reserved_regions",
		   "0x000000007b000000 0x000000007b7fffff direct\n"
		   "0x0000000000000000 0x0000000000ffffff direct-relaxable\n"
		   "0x00000000fee00000 0x00000000feefffff msi\n");
	ioas = create();
	ck_assert_int_eq(moat_ioas_windows(ioas, &ranges, &n), -ENODEV);
	ck_assert_ptr_null(ranges);
	ck_assert_uint_eq(n, 7);
	fd_a = attach(ioas, dev_a);
	assert_windows(ioas, of_a, ARRAY_SIZE(of_a));
	fd_b = attach(ioas, dev_b);
	assert_windows(ioas, of_both, ARRAY_SIZE(of_both));
	/* What may be relaxed may be mapped; what is reserved may not. */
	map(ioas, 0, 0x1000000);
	ck_assert_int_eq(moat_ioas_map(ioas, 0x7b000000, 0x1000, HOST, RW, &err),
			 -EADDRINUSE);
	detach(ioas, dev_b, fd_b);
	assert_windows(ioas, of_a, ARRAY_SIZE(of_a));
	map(ioas, 0x7b000000, 0x1000);
	detach(ioas, dev_a, fd_a);
	ck_assert_int_eq(moat_ioas_windows(ioas, &ranges, &n), -ENODEV);
	finish(ioas);
}
END_TEST

/* Without the capability of Linux 5.4: all but what sysfs reserves. */
START_TEST(windows_of_an_old_kernel)
{
	static const struct moat_iova_range want[] = { { 0, 0xfedfffff },
						       { 0xfef00000, TOP } };
	struct moat_ioas *ioas;
	int fd;

	machine();
	fake.old_kernel = true;
	fake.dma_avail = 1;
	ioas = create();
	fd = attach(ioas, dev_a);
	assert_windows(ioas, want, ARRAY_SIZE(want));
	map(ioas, -0x1000ULL, 0x1000);
	/* The entry limit is not known; the kernel's word is. */
	ck_assert_int_eq(moat_ioas_map(ioas, 0, 0x1000, HOST, RW, &err),
			 -ENOSPC);
	ck_assert_int_eq(moat_ioas_unmap(ioas, 0, 0x1000), -ENOENT);
	detach(ioas, dev_a, fd);
	finish(ioas);
}
END_TEST

START_TEST(top_of_the_address_space_is_a_place_like_any_other)
{
	struct moat_ioas *ioas;
	int fd;

	machine();
	fake.windows[1].last = TOP;
	ioas = create();
	map(ioas, -0x2000ULL, 0x1000);
	fd = attach(ioas, dev_a);
	map(ioas, -0x1000ULL, 0x1000);
	ck_assert(is_listed(ioas, -0x1000ULL, 0x1000));
	ck_assert(fake_has_map(&fake, -0x1000ULL, 0x1000));
	ck_assert(fake_has_map(&fake, -0x2000ULL, 0x1000));
	ck_assert_int_eq(moat_ioas_unmap(ioas, -0x1000ULL, 0x1000), 0);
	ck_assert_uint_eq(fake_n_maps(&fake), 1);
	detach(ioas, dev_a, fd);
	finish(ioas);
}
END_TEST

START_TEST(attach_refuses_what_was_mapped_before)
{
	static const struct {
		uint64_t iova, len;
	} cases[] = {
		{ 0xfee00000, 0x1000 },	    /* reserved in sysfs */
		{ 0x8000000000, 0x1000 },   /* beyond the IOMMU's reach */
		{ 0xc0000000, 0x80000000 }, /* RAM across the window */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct moat_ioas *ioas;
		int fd = -1;

		machine();
		ioas = create();
		map(ioas, 0, 0x1000);
		map(ioas, cases[i].iova, cases[i].len);
		ck_assert_int_eq(moat_ioas_attach(ioas, dev_a, &fd, &err),
				 -EADDRINUSE);
		ck_assert_int_eq(fd, -1);
		/* Nothing was pinned only to be let go. */
		ck_assert_uint_eq(fake.pins, 0);
		ck_assert(!fake.groups[0].file_open);
		ck_assert_uint_eq(fake.announcements, 0);
		ck_assert_int_eq(
			moat_ioas_unmap(ioas, cases[i].iova, cases[i].len), 0);
		fd = attach(ioas, dev_a);
		ck_assert_uint_eq(fake_n_maps(&fake), 1);
		detach(ioas, dev_a, fd);
		finish(ioas);
	}
}
END_TEST

START_TEST(second_group_may_be_refused_alone)
{
	struct moat_ioas *ioas;
	int fd, none = -1;

	machine();
	fake_write(&fake, "sys/kernel/iommu_groups/8/reserved_regions",
		   "0x0000000000001000 0x0000000000001fff reserved\n");
	ioas = create();
	fd = attach(ioas, dev_a);
	map(ioas, 0, 0x100000);
	ck_assert_int_eq(moat_ioas_attach(ioas, dev_b, &none, &err),
			 -EADDRINUSE);
	ck_assert(!fake.groups[1].file_open);
	ck_assert(fake_has_map(&fake, 0, 0x100000));
	ck_assert_uint_eq(fake.announcements, 1);
	detach(ioas, dev_a, fd);
	finish(ioas);
}
END_TEST

START_TEST(granule_of_the_iommu_counts)
{
	struct moat_ioas *ioas;
	int fd = -1;

	machine();
	fake.page_sizes = 0x20010000; /* 64 KiB and 512 MiB */
	ioas = create();
	map(ioas, 0x1000, 0x1000);
	ck_assert_int_eq(moat_ioas_attach(ioas, dev_a, &fd, &err), -EINVAL);
	ck_assert_int_eq(moat_ioas_unmap(ioas, 0x1000, 0x1000), 0);
	fd = attach(ioas, dev_a);
	ck_assert_int_eq(moat_ioas_map(ioas, 0x10000, 0x18000, HOST, RW, &err),
			 -EINVAL);
	ck_assert_int_eq(moat_ioas_map(ioas, 0x18000, 0x10000, HOST, RW, &err),
			 -EINVAL);
	map(ioas, 0x10000, 0x10000);
	detach(ioas, dev_a, fd);
	finish(ioas);
}
END_TEST

START_TEST(entry_limit_is_respected_before_it_is_hit)
{
	struct moat_ioas *ioas;
	int fd, none = -1;

	machine();
	fake.dma_avail = 3;
	ioas = create();
	fd = attach(ioas, dev_a);
	for (uint64_t i = 0; i < 3; i++)
		map(ioas, i << 20, 0x1000);
	ck_assert_int_eq(moat_ioas_map(ioas, 3 << 20, 0x1000, HOST, RW, &err),
			 -ENOSPC);
	ck_assert_uint_eq(fake.map_calls, 3);
	detach(ioas, dev_a, fd);

	map(ioas, 3 << 20, 0x1000); /* recorded: no limit known */
	ck_assert_int_eq(moat_ioas_attach(ioas, dev_a, &none, &err), -ENOSPC);
	ck_assert_uint_eq(fake.map_calls, 3);
	finish(ioas);
}
END_TEST

#define UNLIMITED RLIM_INFINITY

/* 0x40000 bytes are mapped before A comes, 0x80000 after. */
static const struct {
	rlim_t soft, hard;
	bool may_raise_hard, lock_cap;
	uint64_t mlocked;
	int attach, map;
	rlim_t want_soft; /* afterwards */
} memlock_cases[] = {
	{ UNLIMITED, UNLIMITED, false, false, 0, 0, 0, UNLIMITED },
	{ 0xc0000, 0xc0000, false, false, 0, 0, 0, 0xc0000 },
	/* The soft limit is raised to the hard one, not before needed. */
	{ 0x40000, 0x100000, false, false, 0, 0, 0, 0x100000 },
	{ 0x3ffff, UNLIMITED, false, false, 0, 0, 0, UNLIMITED },
	{ 0x10000, 0xc0000, false, false, 0, 0, 0, 0xc0000 },
	/* One byte is missing, at the map or at the attach. */
	{ 0x10000, 0xbffff, false, false, 0, 0, -ENOMEM, 0xbffff },
	{ 0x10000, 0x3ffff, false, false, 0, -ENOMEM, 0, 0x10000 },
	/* What is locked otherwise counts too; iommufd counts by user. */
	{ 0xc0000, 0xc0000, false, false, 0x1000, 0, -ENOMEM, 0xc0000 },
	{ 0xc1000, 0xc1000, false, false, 0x1000, 0, 0, 0xc1000 },
	/* CAP_SYS_RESOURCE lifts the hard limit, CAP_IPC_LOCK needs none. */
	{ 0x1000, 0x1000, true, false, 0, 0, 0, UNLIMITED },
	{ 0x1000, 0x1000, false, true, 0, 0, 0, 0x1000 },
};

START_TEST(memlock_is_raised_or_refused)
{
	int fd = -1, r;

	for (size_t i = 0; i < ARRAY_SIZE(memlock_cases); i++) {
		struct moat_ioas *ioas;

		machine();
		fake.memlock.rlim_cur = memlock_cases[i].soft;
		fake.memlock.rlim_max = memlock_cases[i].hard;
		fake.may_raise_hard = memlock_cases[i].may_raise_hard;
		fake.lock_cap = memlock_cases[i].lock_cap;
		fake.mlocked = memlock_cases[i].mlocked;
		fake_write_status(&fake);
		ioas = create();
		map(ioas, 0, 0x20000);
		map(ioas, 0x100000, 0x20000);
		r = moat_ioas_attach(ioas, dev_a, &fd, &err);
		ck_assert_msg(r == memlock_cases[i].attach, "case %zu: %d %s",
			      i, r, err.msg);
		if (r == 0) {
			r = moat_ioas_map(ioas, 0x200000, 0x80000, HOST, RW,
					  &err);
			ck_assert_msg(r == memlock_cases[i].map,
				      "case %zu: %d %s", i, r, err.msg);
			/*
			 * A refusal comes before the kernel is asked, unless
			 * other processes' memory is the reason.
			 */
			if (!fake_is_iommufd() || !memlock_cases[i].mlocked)
				ck_assert_uint_eq(fake.map_calls,
						  r == 0 ? 3 : 2);
			detach(ioas, dev_a, fd);
		} else {
			ck_assert_uint_eq(fake.map_calls, 0);
		}
		ck_assert_uint_eq(fake.memlock.rlim_cur,
				  memlock_cases[i].want_soft);
		finish(ioas);
	}
}
END_TEST

START_TEST(a_failed_map_leaves_nothing)
{
	static const int errnos[] = { -ENOMEM, -EFAULT, -EINVAL, -EBUSY };
	struct moat_ioas *ioas;
	int fd, none = -1;

	for (size_t i = 0; i < ARRAY_SIZE(errnos); i++) {
		machine();
		ioas = create();
		fd = attach(ioas, dev_a);
		fake.map_errno = errnos[i];
		ck_assert_int_eq(moat_ioas_map(ioas, 0, 0x1000, HOST, RW, &err),
				 errnos[i]);
		ck_assert_int_eq(moat_ioas_unmap(ioas, 0, 0x1000), -ENOENT);
		fake.map_errno = 0;
		map(ioas, 0, 0x1000);
		detach(ioas, dev_a, fd);

		/* And so does an attach whose replay fails. */
		fake.map_errno = errnos[i];
		ck_assert_int_eq(moat_ioas_attach(ioas, dev_a, &none, &err),
				 errnos[i]);
		ck_assert_uint_eq(fake_n_maps(&fake), 0);
		fake.map_errno = 0;
		fd = attach(ioas, dev_a);
		ck_assert_uint_eq(fake_n_maps(&fake), 1);
		detach(ioas, dev_a, fd);
		finish(ioas);
	}
}
END_TEST

START_TEST(many_ranges_stay_sorted)
{
	enum { N = 61 };
	struct moat_ioas *ioas;
	int fd;

	machine();
	ioas = create();
	/* 61 is prime: 7 goes through all places in a scattered order. */
	for (uint64_t i = 0; i < N; i++)
		map(ioas, (i * 7 % N) << 13, 0x1000);
	for (uint64_t i = 0; i < N; i++) {
		ck_assert(is_listed(ioas, i << 13, 0x1000));
		ck_assert_int_eq(
			moat_ioas_unmap(ioas, (i << 13) + 0x1000, 0x1000),
			-ENOENT);
	}
	fd = attach(ioas, dev_a);
	ck_assert_uint_eq(fake_n_maps(&fake), N);
	for (uint64_t i = 0; i < N; i += 2)
		ck_assert_int_eq(moat_ioas_unmap(ioas, i << 13, 0x1000), 0);
	for (uint64_t i = 0; i < N; i++)
		ck_assert_int_eq(fake_has_map(&fake, i << 13, 0x1000), i & 1);
	detach(ioas, dev_a, fd);
	finish(ioas);
}
END_TEST

START_TEST(stats_count_the_kernels_calls)
{
	struct moat_ioas_stats stats;
	struct moat_ioas *ioas;
	int fd;

	machine();
	ioas = create();
	map(ioas, 0, 0x1000);
	moat_ioas_get_stats(ioas, &stats);
	ck_assert_uint_eq(stats.map_calls, 0);
	ck_assert_uint_eq(stats.kernel_ns, 0);
	fd = attach(ioas, dev_a);
	map(ioas, 0x1000, 0x1000);
	moat_ioas_get_stats(ioas, &stats);
	ck_assert_uint_eq(stats.map_calls, 2);
	ck_assert_uint_gt(stats.kernel_ns, 0);
	ck_assert_uint_ge(stats.total_ns, stats.kernel_ns);
	detach(ioas, dev_a, fd);
	finish(ioas);
}
END_TEST

START_TEST(hooks_and_backend_may_be_left_out)
{
	struct moat_ioas_config config;
	struct moat_ioas *ioas = NULL;
	int fd;

	machine();
	config = fake_config(&fake);
	config.hooks = (struct moat_ioas_hooks) { 0 };
	config.backend = NULL;
	fake.has_hooks = false;
	ck_assert_int_eq(moat_ioas_create(&config, &ioas, &err), 0);
	fd = attach(ioas, dev_a);
	map(ioas, 0, 0x1000);
	detach(ioas, dev_a, fd);
	finish(ioas);
}
END_TEST

/* Errors may go without words. */
START_TEST(no_sentence_need_be_wanted)
{
	struct moat_ioas *ioas;
	int fd = -1;

	machine();
	ioas = create();
	map(ioas, 0xfee00000, 0x1000);
	ck_assert_int_eq(moat_ioas_attach(ioas, dev_a, &fd, NULL), -EADDRINUSE);
	ck_assert_int_eq(moat_ioas_unmap(ioas, 0xfee00000, 0x1000), 0);
	fd = attach(ioas, dev_a);
	ck_assert_int_eq(moat_ioas_map(ioas, 0xfee00000, 0x1000, HOST, RW, NULL),
			 -EADDRINUSE);
	ck_assert_int_eq(moat_ioas_map(ioas, 1ull << 40, 0x1000, HOST, RW, NULL),
			 -EADDRINUSE);
	detach(ioas, dev_a, fd);
	finish(ioas);
}
END_TEST

/* What moat_ioas_create() takes when it is left the choice. */
static const struct {
	const char *remove;  /* of the tree */
	const char *devices; /* /proc/devices, or NULL: as it is */
	const char *want;
} best_cases[] = {
	{ NULL, NULL, "iommufd" },
	{ "dev/iommu", NULL, "type1" },
	{ "proc/devices", NULL, "type1" },
	{ NULL, "Character devices:\n238 vfio\n", "type1" },
};

START_TEST(best_backend_is_taken)
{
	struct moat_ioas_config config;
	struct moat_ioas *ioas = NULL;
	int fd;

	machine();
	if (best_cases[_i].remove)
		ck_assert_int_eq(fake_remove(&fake, best_cases[_i].remove), 0);
	if (best_cases[_i].devices)
		fake_write(&fake, "proc/devices", best_cases[_i].devices);
	config = fake_config(&fake);
	config.backend = NULL;
	ck_assert_int_eq(moat_ioas_create(&config, &ioas, &err), 0);
	ck_assert_str_eq(moat_ioas_backend(ioas), best_cases[_i].want);
	fd = attach(ioas, dev_a);
	detach(ioas, dev_a, fd);
	finish(ioas);
}
END_TEST

START_TEST(large_pages_can_be_left_out)
{
	struct moat_ioas_config config;
	struct moat_ioas *ioas = NULL;
	int fd;

	machine();
	config = fake_config(&fake);
	config.small_pages = true;
	ck_assert_int_eq(moat_ioas_create(&config, &ioas, &err), 0);
	fd = attach(ioas, dev_a);
	ck_assert(fake.containers[0].is_ioas && fake.containers[0].small_pages);
	detach(ioas, dev_a, fd);
	moat_ioas_destroy(ioas);
	config.small_pages = false;
	ck_assert_int_eq(moat_ioas_create(&config, &ioas, &err), 0);
	fd = attach(ioas, dev_a);
	ck_assert(!fake.containers[0].small_pages);
	detach(ioas, dev_a, fd);
	moat_ioas_destroy(ioas);
	/* type1 has no such choice for one user. */
	config.small_pages = true;
	config.backend = "type1";
	ck_assert_int_eq(moat_ioas_create(&config, &ioas, &err), -ENOTSUP);
	fake_assert_clean(&fake);
	fake_fini(&fake);
}
END_TEST

/* The kernel's iommufd takes no IOMMU whose page is larger than its own. */
START_TEST(pages_that_are_too_large_are_refused)
{
	struct moat_ioas *ioas;
	int fd = -1;

	machine();
	fake.page_sizes = 0x20010000;
	ioas = create();
	ck_assert_int_eq(moat_ioas_attach(ioas, dev_a, &fd, &err), -EINVAL);
	ck_assert_int_eq(fd, -1);
	finish(ioas);
}
END_TEST

/* More than are asked for at first. */
START_TEST(many_windows_are_read)
{
	struct moat_iova_range want[FAKE_WINDOWS];
	struct moat_ioas *ioas;
	int fd;

	machine();
	for (unsigned int i = 0; i < FAKE_WINDOWS; i++) {
		want[i].first = (uint64_t)i << 20;
		want[i].last = want[i].first + 0xffff;
		fake.windows[i] = want[i];
	}
	fake.n_windows = FAKE_WINDOWS;
	ioas = create();
	fd = attach(ioas, dev_a);
	assert_windows(ioas, want, FAKE_WINDOWS);
	detach(ioas, dev_a, fd);
	finish(ioas);
}
END_TEST

static void add_all(TCase *tcase)
{
	/* Twice: before and after an attach, or on either kind of kernel. */
	tcase_add_loop_test(tcase, map_takes_only_what_can_be_mapped, 0, 2);
	tcase_add_loop_test(tcase, unmap_takes_what_was_mapped, 0, 2);
	tcase_add_loop_test(tcase, order_of_attach_and_map_is_free, 0, 2);
	tcase_add_test(tcase, protection_reaches_the_kernel);
	tcase_add_test(tcase, two_groups_share_the_maps);
	tcase_add_test(tcase, devices_of_one_group);
	tcase_add_test(tcase, a_device_is_attached_once);
	tcase_add_test(tcase, unmap_believes_only_the_right_size);
	tcase_add_test(tcase, windows_are_the_kernels_less_what_is_reserved);
	tcase_add_test(tcase,
		       top_of_the_address_space_is_a_place_like_any_other);
	tcase_add_test(tcase, attach_refuses_what_was_mapped_before);
	tcase_add_test(tcase, second_group_may_be_refused_alone);
	tcase_add_test(tcase, memlock_is_raised_or_refused);
	tcase_add_test(tcase, a_failed_map_leaves_nothing);
	tcase_add_test(tcase, many_ranges_stay_sorted);
	tcase_add_test(tcase, stats_count_the_kernels_calls);
	tcase_add_test(tcase, hooks_and_backend_may_be_left_out);
	tcase_add_test(tcase, no_sentence_need_be_wanted);
}

static void add_type1(TCase *tcase)
{
	tcase_add_test(tcase, windows_of_an_old_kernel);
	tcase_add_test(tcase, granule_of_the_iommu_counts);
	tcase_add_test(tcase, entry_limit_is_respected_before_it_is_hit);
	tcase_add_test(tcase, the_first_attach_can_be_cancelled);
}

static void add_iommufd(TCase *tcase)
{
	tcase_add_loop_test(tcase, best_backend_is_taken, 0,
			    ARRAY_SIZE(best_cases));
	tcase_add_test(tcase, large_pages_can_be_left_out);
	tcase_add_test(tcase, pages_that_are_too_large_are_refused);
	tcase_add_test(tcase, many_windows_are_read);
}

int main(void)
{
	return fake_main("ioas", add_all, add_type1, add_iommufd);
}
