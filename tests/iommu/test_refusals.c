// SPDX-License-Identifier: GPL-2.0-or-later
/* The sentences that a user gets when the host says no, word for word. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/util.h"
#include "fake_vfio.h"
#include "tests/check_main.h"

#define RW   (MOAT_DMA_READ | MOAT_DMA_WRITE)
#define HOST ((void *)(uintptr_t)0x7f0000000000)

static const struct moat_bdf dev_a = { 0, 4, 8, 0 };
static const struct moat_bdf dev_b = { 0, 5, 0, 0 };

static struct fake fake;

static void no_container(void)
{
	fake.container_errno = -ENOENT;
}

static void no_container_driver(void)
{
	fake.container_errno = -ENODEV;
}

static void container_forbidden(void)
{
	fake.container_errno = -EACCES;
}

static void out_of_files(void)
{
	fake.container_errno = -EMFILE;
}

static void other_version(void)
{
	fake.api_version = 1;
}

static void no_type1(void)
{
	fake.no_type1 = true;
}

static const struct {
	void (*setup)(void);
	int want;
	const char *sentence;
} create_cases[] = {
	{ no_container, -ENOENT,
	  "%ROOT/dev/vfio/vfio is not there: the kernel has no VFIO, or its "
	  "module is not loaded; try 'modprobe vfio-pci'" },
	{ no_container_driver, -ENOENT,
	  "%ROOT/dev/vfio/vfio is not there: the kernel has no VFIO, or its "
	  "module is not loaded; try 'modprobe vfio-pci'" },
	{ container_forbidden, -EACCES,
	  "opening %ROOT/dev/vfio/vfio: Permission denied; run as root, or as "
	  "a user who may read and write it" },
	{ out_of_files, -EMFILE,
	  "opening %ROOT/dev/vfio/vfio: Too many open files" },
	{ other_version, -ENOENT,
	  "%ROOT/dev/vfio/vfio speaks version 1 of VFIO, and version 0 is "
	  "needed" },
	{ no_type1, -ENOENT,
	  "VFIO has no type1 IOMMU driver; try 'modprobe vfio_iommu_type1'" },
};

START_TEST(create_says_what_is_missing)
{
	for (size_t i = 0; i < ARRAY_SIZE(create_cases); i++) {
		struct moat_ioas_config config;
		struct moat_ioas *ioas = NULL;
		struct moat_err err = { "" };

		fake_init(&fake);
		create_cases[i].setup();
		config = fake_config(&fake);
		ck_assert_int_eq(moat_ioas_create(&config, &ioas, &err),
				 create_cases[i].want);
		ck_assert_ptr_null(ioas);
		fake_assert_sentence(&fake, err.msg, create_cases[i].sentence);
		fake_assert_clean(&fake);
		fake_fini(&fake);
	}
}
END_TEST

START_TEST(unknown_backend_is_refused)
{
	struct moat_ioas_config config;
	struct moat_ioas *ioas = NULL;
	struct moat_err err = { "" };

	fake_init(&fake);
	config = fake_config(&fake);
	config.backend = "type2";
	ck_assert_int_eq(moat_ioas_create(&config, &ioas, &err), -EINVAL);
	ck_assert_ptr_null(ioas);
	ck_assert_str_eq(err.msg, "there is no IOMMU backend 'type2'; there "
				  "is: iommufd, type1, bypass");
	fake_fini(&fake);
}
END_TEST

static struct fake_device *add_a(void)
{
	return fake_add_device(&fake, "0000:04:08.0", 7, "vfio-pci");
}

static void no_device(void)
{
	fake_write(&fake, "sys/bus/pci/devices/README", "");
}

static void no_iommu(void)
{
	fake_write(&fake, "sys/bus/pci/devices/0000:04:08.0/vendor",
		   "0x1234\n");
}

static void noiommu_group(void)
{
	add_a();
	fake_write(&fake, "sys/kernel/iommu_groups/7/name", "vfio-noiommu\n");
}

static void held_by_process(void)
{
	char path[PATH_MAX];

	add_a()->group->open_errno = -EBUSY;
	fake_write(&fake, "proc/17/comm", "bash\n");
	fake_link(&fake, "/dev/pts/0", "proc/17/fd/0");
	fake_write(&fake, "proc/4711/comm", "qemu\033[2J\n");
	fake_link(&fake, "/dev/pts/0", "proc/4711/fd/0");
	(void)moat_path(path, "%s/vfio/7", fake.dev);
	fake_link(&fake, path, "proc/4711/fd/12");
}

static void held_by_unknown(void)
{
	add_a()->group->open_errno = -EBUSY;
}

static void bound_to_host_driver(void)
{
	fake_add_device(&fake, "0000:04:08.0", 7, "nvme")->group->open_errno =
		-ENOENT;
}

/* VFIO, but not for PCI. */
static void bound_to_near_miss(void)
{
	fake_add_device(&fake, "0000:04:08.0", 7, "vfio-platform")
		->group->open_errno = -ENOENT;
}

static void bound_to_nothing(void)
{
	fake_add_device(&fake, "0000:04:08.0", 7, NULL)->group->open_errno =
		-ENOENT;
}

static void node_missing(void)
{
	add_a()->group->open_errno = -ENOENT;
}

static void group_forbidden(void)
{
	add_a()->group->open_errno = -EACCES;
}

static void not_viable(void)
{
	add_a()->group->not_viable = true;
	fake_add_device(&fake, "0000:04:08.1", 7, "snd_hda_intel");
	fake_add_device(&fake, "0000:04:08.2", 7, NULL);
	fake_add_device(&fake, "0000:04:00.0", 7, "pcieport");
	fake_add_device(&fake, "0000:04:08.3", 7, "pci-stub");
	fake_add_device(&fake, "0000:04:08.4", 7, "mlx5_vfio_pci");
}

static void not_viable_unseen(void)
{
	add_a()->group->not_viable = true;
}

static void no_remapping(void)
{
	add_a()->group->enter_errno = -EPERM;
	fake_write(&fake, "proc/interrupts",
		   "           CPU0\n  1:  9  IO-APIC  1-edge  i8042\n");
}

static void no_remapping_iommufd(void)
{
	add_a()->open_errno = -EPERM;
	fake_write(&fake, "proc/interrupts", "           CPU0\n");
	ck_assert_int_eq(fake_remove(&fake,
				     "sys/module/vfio_iommu_type1/parameters/"
				     "allow_unsafe_interrupts"),
			 0);
	fake_write(&fake,
		   "sys/module/iommufd/parameters/allow_unsafe_interrupts",
		   "N\n");
}

/* EPERM, but interrupts are remapped: something else. */
static void plain_eperm(void)
{
	add_a()->group->enter_errno = -EPERM;
}

/* EPERM, and the opt-in is given already: something else. */
static void eperm_opted_in(void)
{
	no_remapping();
	fake_write(&fake,
		   "sys/module/vfio_iommu_type1/parameters/"
		   "allow_unsafe_interrupts",
		   "Y\n");
}

static void rmrr(void)
{
	add_a()->group->enter_errno = -EPERM;
	fake_write(&fake, "sys/kernel/iommu_groups/7/reserved_regions",
		   "0x000000007b800000 0x000000007fffffff direct\n");
}

static void malformed_regions(void)
{
	add_a();
	fake_write(&fake, "sys/kernel/iommu_groups/7/reserved_regions",
		   "0x1000 what\n");
}

static void ram_over_msi_window(void)
{
	add_a();
}

static void gone_from_vfio(void)
{
	fake_add_device(&fake, "0000:04:08.0", 7, "nvme")->open_errno = -ENODEV;
}

static void token_wanted(void)
{
	add_a()->open_errno = -EACCES;
}

static void reset_failed(void)
{
	add_a()->open_errno = -EIO;
}

static const struct {
	void (*setup)(void);
	uint64_t mapped; /* bytes at IOVA 0 */
	int want;
	const char *sentence;
} attach_cases[] = {
	{ no_device, 0, -ENODEV,
	  "0000:04:08.0: this machine has no such PCI device" },
	{ no_iommu, 0, -ENODEV,
	  "0000:04:08.0: no IOMMU stands between the device and memory (it has "
	  "no IOMMU group); turn VT-d or AMD-Vi on in the firmware, and boot "
	  "an "
	  "Intel machine with intel_iommu=on" },
	{ noiommu_group, 0, -ENODEV,
	  "0000:04:08.0: its group 7 is one of VFIO's no-IOMMU mode: nothing "
	  "would fence its DMA" },
	{ held_by_process, 0, -EBUSY,
	  "0000:04:08.0: its IOMMU group is in use: %ROOT/dev/vfio/7 is held "
	  "by "
	  "qemu?[2J (process 4711); end that first" },
	{ held_by_unknown, 0, -EBUSY,
	  "0000:04:08.0: its IOMMU group is in use: %ROOT/dev/vfio/7 is held "
	  "by "
	  "another process; end that first" },
	{ bound_to_host_driver, 0, -ENODEV,
	  "0000:04:08.0: %ROOT/dev/vfio/7 is not there, since the device is "
	  "bound to nvme; bind it to vfio-pci first" },
	{ bound_to_near_miss, 0, -ENODEV,
	  "0000:04:08.0: %ROOT/dev/vfio/7 is not there, since the device is "
	  "bound to vfio-platform; bind it to vfio-pci first" },
	{ bound_to_nothing, 0, -ENODEV,
	  "0000:04:08.0: %ROOT/dev/vfio/7 is not there, since the device is "
	  "bound to no driver; bind it to vfio-pci first" },
	{ node_missing, 0, -ENODEV,
	  "0000:04:08.0: %ROOT/dev/vfio/7 is not there, though the device is "
	  "bound to vfio-pci; a container may lack the node" },
	{ group_forbidden, 0, -EPERM,
	  "0000:04:08.0: opening %ROOT/dev/vfio/7: Permission denied; run as "
	  "root, or give the group to the user with 'chown USER "
	  "%ROOT/dev/vfio/7'" },
	{ not_viable, 0, -EINVAL,
	  "0000:04:08.0: IOMMU group 7 is not viable: the host uses "
	  "0000:04:08.1 (snd_hda_intel) in it; unbind that or bind it to "
	  "vfio-pci, for the IOMMU cannot tell the group's devices apart" },
	{ not_viable_unseen, 0, -EINVAL,
	  "0000:04:08.0: IOMMU group 7 is not viable: the host uses another "
	  "device in it; unbind that or bind it to vfio-pci, for the IOMMU "
	  "cannot tell the group's devices apart" },
	{ no_remapping, 0, -EPERM,
	  "0000:04:08.0: the kernel refuses (VFIO_SET_IOMMU: Operation not "
	  "permitted), since this machine does not remap interrupts: whoever "
	  "owns a device could forge any interrupt of the host. Turn interrupt "
	  "remapping on in the firmware (VT-d, AMD-Vi, x2APIC); or, if every "
	  "guest is trusted, accept the risk with 'echo Y > %ROOT/sys/module/"
	  "vfio_iommu_type1/parameters/allow_unsafe_interrupts'" },
	{ no_remapping_iommufd, 0, -EPERM,
	  "0000:04:08.0: the kernel refuses (VFIO_GROUP_GET_DEVICE_FD: "
	  "Operation not permitted), since this machine does not remap "
	  "interrupts: whoever owns a device could forge any interrupt of the "
	  "host. Turn interrupt remapping on in the firmware (VT-d, AMD-Vi, "
	  "x2APIC); or, if every guest is trusted, accept the risk with 'echo "
	  "Y "
	  "> %ROOT/sys/module/iommufd/parameters/allow_unsafe_interrupts'" },
	{ plain_eperm, 0, -EPERM,
	  "0000:04:08.0: IOMMU group 7: VFIO_SET_IOMMU: Operation not "
	  "permitted; the kernel log may say more" },
	{ eperm_opted_in, 0, -EPERM,
	  "0000:04:08.0: IOMMU group 7: VFIO_SET_IOMMU: Operation not "
	  "permitted; the kernel log may say more" },
	{ rmrr, 0, -EPERM,
	  "0000:04:08.0: the kernel refuses (VFIO_SET_IOMMU: Operation not "
	  "permitted), since the firmware insists on memory of its own for the "
	  "device (an RMRR; 'direct' in reserved_regions of IOMMU group 7): it "
	  "cannot be assigned unless a firmware setting lifts that" },
	{ malformed_regions, 0, -EINVAL,
	  "0000:04:08.0: %ROOT/sys/kernel/iommu_groups/7/reserved_regions: "
	  "'0x1000 what' is not a reserved region; expected \"first last "
	  "type\"" },
	{ ram_over_msi_window, 0x100000000, -EADDRINUSE,
	  "0000:04:08.0: IOVA 0x0-0xffffffff overlaps 0xfee00000-0xfeefffff, "
	  "which is reserved (msi) for 0000:04:08.0" },
	{ gone_from_vfio, 0, -ENODEV,
	  "0000:04:08.0: VFIO does not have the device: it is bound to nvme; "
	  "bind it to vfio-pci first" },
	{ token_wanted, 0, -EPERM,
	  "0000:04:08.0: VFIO asks for a token: the device is a virtual "
	  "function, and its physical function belongs to another VFIO user, "
	  "who knows it; give it by vf-token=UUID" },
	{ reset_failed, 0, -EIO,
	  "0000:04:08.0: opening the device: Input/output error" },
};

START_TEST(attach_says_why_not_and_what_to_do)
{
	for (size_t i = 0; i < ARRAY_SIZE(attach_cases); i++) {
		struct moat_ioas_config config;
		struct moat_err err = { "" };
		struct moat_ioas *ioas;
		int fd = -1, r;

		fake_init(&fake);
		attach_cases[i].setup();
		config = fake_config(&fake);
		ck_assert_int_eq(moat_ioas_create(&config, &ioas, &err), 0);
		if (attach_cases[i].mapped)
			ck_assert_int_eq(moat_ioas_map(ioas, 0,
						       attach_cases[i].mapped,
						       HOST, RW, &err),
					 0);
		r = moat_ioas_attach(ioas, dev_a, &fd, &err);
		fake_assert_sentence(&fake, err.msg, attach_cases[i].sentence);
		ck_assert_int_eq(r, attach_cases[i].want);
		ck_assert_int_eq(fd, -1);
		moat_ioas_destroy(ioas);
		fake_assert_clean(&fake);
		fake_fini(&fake);
	}
}
END_TEST

/* The second group meets EPERM one step earlier. */
START_TEST(second_group_without_remapping)
{
	struct moat_ioas_config config;
	struct moat_err err = { "" };
	struct moat_ioas *ioas;
	int fd, none = -1;

	fake_init(&fake);
	no_remapping();
	fake.groups[0].enter_errno = 0;
	fake_add_device(&fake, "0000:05:00.0", 8, "vfio-pci")
		->group->enter_errno = -EPERM;
	config = fake_config(&fake);
	ck_assert_int_eq(moat_ioas_create(&config, &ioas, &err), 0);
	ck_assert_int_eq(moat_ioas_attach(ioas, dev_a, &fd, &err), 0);
	ck_assert_int_eq(moat_ioas_attach(ioas, dev_b, &none, &err), -EPERM);
	fake_assert_sentence(
		&fake, err.msg,
		"0000:05:00.0: the kernel refuses (VFIO_GROUP_SET_CONTAINER: "
		"Operation not permitted), since this machine does not remap "
		"interrupts: whoever owns a device could forge any interrupt "
		"of the host. Turn interrupt remapping on in the firmware "
		"(VT-d, AMD-Vi, x2APIC); or, if every guest is trusted, accept "
		"the risk with 'echo Y > %ROOT/sys/module/vfio_iommu_type1/"
		"parameters/allow_unsafe_interrupts'");
	ck_assert_int_eq(moat_ioas_attach(ioas, dev_a, &none, &err), -EBUSY);
	fake_assert_sentence(&fake, err.msg,
			     "0000:04:08.0: is attached already");
	fake_vfio_ops.close(&fake, fd);
	moat_ioas_detach(ioas, dev_a);
	moat_ioas_destroy(ioas);
	fake_assert_clean(&fake);
	fake_fini(&fake);
}
END_TEST

static void little_memlock(void)
{
	fake.memlock = (struct rlimit) { 8 << 20, 8 << 20 };
}

/* Raising the limit seems done, and is not what the kernel then goes by. */
static void memlock_in_user_namespace(void)
{
	little_memlock();
	fake.lock_cap_in_status_only = true;
	fake_write_status(&fake);
}

static void kernel_without_memory(void)
{
	fake.map_errno = -ENOMEM;
}

static void no_such_memory(void)
{
	fake.map_errno = -EFAULT;
}

static void odd_errno(void)
{
	fake.map_errno = -EBUSY;
}

static void few_entries(void)
{
	fake.dma_avail = 1;
}

static void few_entries_old_kernel(void)
{
	fake.dma_avail = 1;
	fake.old_kernel = true;
}

static void large_pages(void)
{
	fake.page_sizes = 0x10000;
}

static void nothing(void)
{
}

/* What the IOMMU can map is not asked by each map. */
static bool is_asked_at_attach(void (*setup)(void))
{
	return setup == large_pages || setup == few_entries;
}

/* 0x100000-0x10ffff is mapped. */
static const struct {
	void (*setup)(void);
	uint64_t iova, len;
	unsigned int prot;
	int want;
	const char *sentence;
} map_cases[] = {
	{ nothing, 0, 0x1000, 0, -EINVAL,
	  "DMA protection 0x0 is neither read, write nor both" },
	{ nothing, 0, 0, RW, -EINVAL, "a map at IOVA 0x0 has no length" },
	{ nothing, 0x10, 0x1000, RW, -EINVAL,
	  "a map of 0x1000 bytes at IOVA 0x10 from 0x7f0000000000 is not in "
	  "whole pages of 0x1000 bytes" },
	{ nothing, -0x1000ULL, 0x2000, RW, -EOVERFLOW,
	  "a map of 0x2000 bytes at IOVA 0xfffffffffffff000 from "
	  "0x7f0000000000 wraps around" },
	{ nothing, 0xff000, 0x2000, RW, -EEXIST,
	  "IOVA 0xff000-0x100fff overlaps 0x100000-0x10ffff, which is mapped" },
	{ nothing, 0xc0000000, 0x40000000, RW, -EADDRINUSE,
	  "IOVA 0xc0000000-0xffffffff overlaps 0xfee00000-0xfeefffff, which is "
	  "reserved (msi) for 0000:04:08.0; usable: 0x0-0xfedfffff, "
	  "0xfef00000-0x7fffffffff" },
	{ nothing, 0x7ffffff000, 0x2000, RW, -EADDRINUSE,
	  "IOVA 0x7ffffff000-0x8000000fff is not within what the IOMMU can "
	  "address; usable: 0x0-0xfedfffff, 0xfef00000-0x7fffffffff" },
	{ large_pages, 0x1000, 0x1000, RW, -EINVAL,
	  "IOVA 0x1000-0x1fff from 0x7f0000000000 is not in whole pages of the "
	  "IOMMU, of 0x10000 bytes" },
	{ little_memlock, 0x40000000, 0x10001000, RW, -ENOMEM,
	  "pinning 268439552 bytes for DMA needs a locked-memory limit "
	  "(RLIMIT_MEMLOCK) of 268505088 bytes, and it is 8388608; grant it "
	  "with 'ulimit -l 262212' in the shell that starts the program, "
	  "'LimitMEMLOCK=268505088' in its systemd unit, or 'USER - memlock "
	  "262212' in /etc/security/limits.conf" },
	{ memlock_in_user_namespace, 0x40000000, 0x10000000, RW, -ENOMEM,
	  "pinning 268435456 bytes for DMA needs a locked-memory limit "
	  "(RLIMIT_MEMLOCK) of 268500992 bytes, and it is 8388608; grant it "
	  "with 'ulimit -l 262208' in the shell that starts the program, "
	  "'LimitMEMLOCK=268500992' in its systemd unit, or 'USER - memlock "
	  "262208' in /etc/security/limits.conf" },
	{ kernel_without_memory, 0, 0x1000, RW, -ENOMEM,
	  "the kernel has not enough memory to pin 4096 bytes for DMA" },
	{ no_such_memory, 0, 0x1000, RW, -EFAULT,
	  "mapping IOVA 0x0-0xfff: there is not memory of the right kind at "
	  "all "
	  "of its host addresses" },
	{ odd_errno, 0, 0x1000, RW, -EBUSY,
	  "mapping IOVA 0x0-0xfff: VFIO_IOMMU_MAP_DMA: Device or resource "
	  "busy" },
	{ few_entries, 0, 0x1000, RW, -ENOSPC,
	  "the kernel takes 0 more maps, and 1 are needed (dma_entry_limit of "
	  "vfio_iommu_type1)" },
	{ few_entries_old_kernel, 0, 0x1000, RW, -ENOSPC,
	  "the kernel takes no more maps (dma_entry_limit of "
	  "vfio_iommu_type1)" },
};

START_TEST(map_says_why_not_and_what_to_do)
{
	for (size_t i = 0; i < ARRAY_SIZE(map_cases); i++) {
		struct moat_ioas_config config;
		struct moat_err err = { "" };
		struct moat_ioas *ioas;
		int fd = -1, r;

		fake_init(&fake);
		add_a();
		if (is_asked_at_attach(map_cases[i].setup))
			map_cases[i].setup();
		config = fake_config(&fake);
		ck_assert_int_eq(moat_ioas_create(&config, &ioas, &err), 0);
		ck_assert_int_eq(moat_ioas_attach(ioas, dev_a, &fd, &err), 0);
		ck_assert_int_eq(
			moat_ioas_map(ioas, 0x100000, 0x10000, HOST, RW, &err),
			0);
		if (!is_asked_at_attach(map_cases[i].setup))
			map_cases[i].setup();
		r = moat_ioas_map(ioas, map_cases[i].iova, map_cases[i].len,
				  HOST, map_cases[i].prot, &err);
		fake_assert_sentence(&fake, err.msg, map_cases[i].sentence);
		ck_assert_int_eq(r, map_cases[i].want);
		ck_assert_uint_eq(fake_n_maps(&fake), 1);
		fake_vfio_ops.close(&fake, fd);
		moat_ioas_detach(ioas, dev_a);
		moat_ioas_destroy(ioas);
		fake_assert_clean(&fake);
		fake_fini(&fake);
	}
}
END_TEST

/* What the replay refuses is put to the device that came. */
START_TEST(replay_names_the_device)
{
	struct moat_ioas_config config;
	struct moat_err err = { "" };
	struct moat_ioas *ioas;
	int fd = -1;

	fake_init(&fake);
	add_a();
	little_memlock();
	config = fake_config(&fake);
	ck_assert_int_eq(moat_ioas_create(&config, &ioas, &err), 0);
	for (uint64_t i = 0; i < 4; i++)
		ck_assert_int_eq(
			moat_ioas_map(ioas, i << 30, 0x400000, HOST, RW, &err),
			0);
	ck_assert_int_eq(moat_ioas_attach(ioas, dev_a, &fd, &err), -ENOMEM);
	fake_assert_sentence(
		&fake, err.msg,
		"0000:04:08.0: pinning 16777216 bytes for DMA needs a "
		"locked-memory limit (RLIMIT_MEMLOCK) of 16777216 "
		"bytes, and it is 8388608; grant it with 'ulimit -l "
		"16384' in the shell that starts the program, "
		"'LimitMEMLOCK=16777216' in its systemd unit, or 'USER "
		"- memlock 16384' in /etc/security/limits.conf");
	fake.memlock.rlim_max = RLIM_INFINITY;
	fake.windows[1].first = 0x100000000;
	fake.windows[0].last = 0x7fffffff;
	ck_assert_int_eq(moat_ioas_attach(ioas, dev_a, &fd, &err), -EADDRINUSE);
	fake_assert_sentence(&fake, err.msg,
			     "0000:04:08.0: IOVA 0x80000000-0x803fffff is not "
			     "within what the IOMMU can address; usable: "
			     "0x0-0x7fffffff, 0x100000000-0x7fffffffff");
	moat_ioas_destroy(ioas);
	fake_assert_clean(&fake);
	fake_fini(&fake);
}
END_TEST

CHECK_MAIN("refusals", create_says_what_is_missing, unknown_backend_is_refused,
	   attach_says_why_not_and_what_to_do, second_group_without_remapping,
	   map_says_why_not_and_what_to_do, replay_names_the_device)
