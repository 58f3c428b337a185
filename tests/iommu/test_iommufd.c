// SPDX-License-Identifier: GPL-2.0-or-later
/* The sentences that a user gets when iommufd says no, word for word. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include <moat/log.h>

#include "common/util.h"
#include "fake_main.h"
#include "fake_vfio.h"

#define RW   (MOAT_DMA_READ | MOAT_DMA_WRITE)
#define HOST ((void *)(uintptr_t)0x7f0000000000)

static const struct moat_bdf dev_a = { 0, 4, 8, 0 };

static struct fake fake;

static struct fake_device *add_a(void)
{
	return fake_add_device(&fake, "0000:04:08.0", 7, "vfio-pci");
}

static void no_iommufd(void)
{
	fake.container_errno = -ENOENT;
}

static void iommufd_forbidden(void)
{
	fake.container_errno = -EACCES;
}

static void out_of_files(void)
{
	fake.container_errno = -EMFILE;
}

static const struct {
	void (*setup)(void);
	int want;
	const char *sentence;
} create_cases[] = {
	{ no_iommufd, -ENOENT,
	  "%ROOT/dev/iommu is not there: the kernel has no iommufd "
	  "(CONFIG_IOMMUFD), or its module is not loaded; try 'modprobe "
	  "iommufd', or leave the choice of the IOMMU's interface to moat" },
	{ iommufd_forbidden, -EACCES,
	  "opening %ROOT/dev/iommu: Permission denied; run as root, or as a "
	  "user who may read and write it" },
	{ out_of_files, -EMFILE,
	  "opening %ROOT/dev/iommu: Too many open files" },
};

START_TEST(create_says_what_is_missing)
{
	struct moat_ioas_config config;
	struct moat_ioas *ioas = NULL;
	struct moat_err err = { "" };

	fake_init(&fake);
	create_cases[_i].setup();
	config = fake_config(&fake);
	ck_assert_int_eq(moat_ioas_create(&config, &ioas, &err),
			 create_cases[_i].want);
	ck_assert_ptr_null(ioas);
	fake_assert_sentence(&fake, err.msg, create_cases[_i].sentence);
	fake_assert_clean(&fake);
	fake_fini(&fake);
}
END_TEST

static void bound_to_host_driver(void)
{
	(void)fake_add_device(&fake, "0000:04:08.0", 7, "nvme");
}

/* sysfs shows the number of the cdev, and there is none. */
static void no_cdev_support(void)
{
	add_a()->cdev_errno = -ENOENT;
	fake_write(&fake, "proc/devices", "Character devices:\n238 vfio\n");
}

/* Before Linux 6.1 sysfs does not show it either. */
static void older_kernel(void)
{
	(void)fake_add_device(&fake, "0000:04:08.0", 7, NULL);
	fake_link(&fake, "../../drivers/vfio-pci",
		  "sys/bus/pci/devices/0000:04:08.0/driver");
}

static void node_missing(void)
{
	add_a()->cdev_errno = -ENOENT;
}

static void cdev_forbidden(void)
{
	add_a()->cdev_errno = -EACCES;
}

static void malformed_regions(void)
{
	(void)add_a();
	fake_write(&fake, "sys/kernel/iommu_groups/7/reserved_regions",
		   "0x1000 what\n");
}

static void held(const char *node)
{
	char path[PATH_MAX];

	fake_write(&fake, "proc/4711/comm", "qemu-system-x86\n");
	(void)moat_path(path, "%s/vfio/%s", fake.dev, node);
	fake_link(&fake, path, "proc/4711/fd/12");
}

static void group_held(void)
{
	add_a()->group->enter_errno = -EBUSY;
	held("7");
}

static void cdev_held(void)
{
	add_a()->group->enter_errno = -EINVAL;
	held("devices/vfio0");
}

static void cdev_held_unseen(void)
{
	add_a()->group->enter_errno = -EINVAL;
}

static void not_viable(void)
{
	add_a()->group->enter_errno = -EPERM;
	(void)fake_add_device(&fake, "0000:04:08.1", 7, "snd_hda_intel");
}

static void group_of_another(void)
{
	add_a()->group->enter_errno = -EPERM;
}

static void no_remapping(void)
{
	add_a()->group->enter_errno = -EPERM;
	fake_write(&fake, "proc/interrupts", "           CPU0\n");
	/* The other module's opt-in does not count. */
	fake_write(&fake,
		   "sys/module/vfio_iommu_type1/parameters/"
		   "allow_unsafe_interrupts",
		   "Y\n");
}

static void rmrr(void)
{
	add_a()->group->enter_errno = -EINVAL;
	fake_write(&fake, "sys/kernel/iommu_groups/7/reserved_regions",
		   "0x000000007b800000 0x000000007fffffff direct\n");
}

static void reset_failed(void)
{
	add_a()->open_errno = -EIO;
}

static void plain(void)
{
	(void)add_a();
}

static void short_reach(void)
{
	(void)add_a();
	fake.windows[0].last = 0x7fffffff;
}

/* And the question which it is fails as well. */
static void reach_unknown(void)
{
	add_a()->attach_errno = -EADDRINUSE;
}

static void little_memlock(void)
{
	(void)add_a();
	fake.memlock = (struct rlimit) { 8 << 20, 8 << 20 };
}

static void others_pin(void)
{
	(void)add_a();
	fake.memlock = (struct rlimit) { 0x80000000, 0x80000000 };
	fake.mlocked = 0x80000000;
}

static void kernel_without_memory(void)
{
	add_a()->attach_errno = -ENOMEM;
}

static void no_such_memory(void)
{
	add_a()->attach_errno = -EFAULT;
}

static void odd_errno(void)
{
	add_a()->attach_errno = -ENODEV;
}

static const struct {
	void (*setup)(void);
	uint64_t mapped; /* bytes at IOVA 0 */
	int want;
	const char *sentence;
} attach_cases[] = {
	{ bound_to_host_driver, 0, -ENODEV,
	  "0000:04:08.0: VFIO does not have the device: it is bound to nvme; "
	  "bind it to vfio-pci first" },
	{ no_cdev_support, 0, -ENODEV,
	  "0000:04:08.0: the kernel gives VFIO devices no files of their own "
	  "(CONFIG_VFIO_DEVICE_CDEV, Linux 6.6), which iommufd needs; type1 "
	  "does without" },
	{ older_kernel, 0, -ENODEV,
	  "0000:04:08.0: the kernel gives VFIO devices no files of their own "
	  "(CONFIG_VFIO_DEVICE_CDEV, Linux 6.6), which iommufd needs; type1 "
	  "does without" },
	{ node_missing, 0, -ENODEV,
	  "0000:04:08.0: %ROOT/dev/vfio/devices/vfio0 is not there, though the "
	  "device is VFIO's; a container may lack the node" },
	{ cdev_forbidden, 0, -EPERM,
	  "0000:04:08.0: opening %ROOT/dev/vfio/devices/vfio0: Permission "
	  "denied; run as root, or give the device to the user with 'chown "
	  "USER %ROOT/dev/vfio/devices/vfio0'" },
	{ malformed_regions, 0, -EINVAL,
	  "0000:04:08.0: %ROOT/sys/kernel/iommu_groups/7/reserved_regions: "
	  "'0x1000 what' is not a reserved region; expected \"first last "
	  "type\"" },
	{ group_held, 0, -EBUSY,
	  "0000:04:08.0: its IOMMU group is in use: %ROOT/dev/vfio/7 is held "
	  "by qemu-system-x86 (process 4711); end that first" },
	{ cdev_held, 0, -EBUSY,
	  "0000:04:08.0: is in use: %ROOT/dev/vfio/devices/vfio0 is held by "
	  "qemu-system-x86 (process 4711); end that first" },
	{ cdev_held_unseen, 0, -EINVAL,
	  "0000:04:08.0: the kernel does not bind it to an iommufd: either "
	  "another process has it open, or its IOMMU does not keep DMA "
	  "coherent with the processor's caches, which type1 can do without" },
	{ not_viable, 0, -EINVAL,
	  "0000:04:08.0: IOMMU group 7 is not viable: the host uses "
	  "0000:04:08.1 (snd_hda_intel) in it; unbind that or bind it to "
	  "vfio-pci, for the IOMMU cannot tell the group's devices apart" },
	{ group_of_another, 0, -EPERM,
	  "0000:04:08.0: IOMMU group 7: VFIO_DEVICE_BIND_IOMMUFD: Operation "
	  "not permitted; the kernel log may say more" },
	{ no_remapping, 0, -EPERM,
	  "0000:04:08.0: the kernel refuses (VFIO_DEVICE_BIND_IOMMUFD: "
	  "Operation not permitted), since this machine does not remap "
	  "interrupts: whoever owns a device could forge any interrupt of the "
	  "host. Turn interrupt remapping on in the firmware (VT-d, AMD-Vi, "
	  "x2APIC); or, if every guest is trusted, accept the risk with 'echo "
	  "Y > %ROOT/sys/module/iommufd/parameters/allow_unsafe_interrupts'" },
	{ rmrr, 0, -EINVAL,
	  "0000:04:08.0: the kernel refuses (VFIO_DEVICE_BIND_IOMMUFD: Invalid "
	  "argument), since the firmware insists on memory of its own for the "
	  "device (an RMRR; 'direct' in reserved_regions of IOMMU group 7): it "
	  "cannot be assigned unless a firmware setting lifts that" },
	{ reset_failed, 0, -EIO,
	  "0000:04:08.0: opening the device: Input/output error" },
	{ plain, 0x100000000, -EADDRINUSE,
	  "0000:04:08.0: IOVA 0x0-0xffffffff overlaps 0xfee00000-0xfeefffff, "
	  "which is reserved (msi) for 0000:04:08.0" },
	{ short_reach, 0xc0000000, -EADDRINUSE,
	  "0000:04:08.0: IOVA 0x0-0xbfffffff is not within what the IOMMU can "
	  "address; usable: 0x0-0x7fffffff, 0xfef00000-0x7fffffffff" },
	{ reach_unknown, 0x1000, -EADDRINUSE,
	  "0000:04:08.0: its IOMMU cannot reach all that is mapped, or "
	  "reserves a part of it (VFIO_DEVICE_ATTACH_IOMMUFD_PT: Address "
	  "already in use)" },
	{ little_memlock, 0x1000000, -ENOMEM,
	  "0000:04:08.0: pinning 16777216 bytes for DMA needs a locked-memory "
	  "limit (RLIMIT_MEMLOCK) of 16777216 bytes, and more when other "
	  "processes of the user pin memory too, and it is 8388608; grant it "
	  "with 'ulimit -l 16384' in the shell that starts the program, "
	  "'LimitMEMLOCK=16777216' in its systemd unit, or 'USER - memlock "
	  "16384' in /etc/security/limits.conf" },
	{ others_pin, 0x1000000, -ENOMEM,
	  "0000:04:08.0: the kernel does not pin 16777216 bytes for DMA: "
	  "either memory is short, or all processes of the user together reach "
	  "the locked-memory limit (RLIMIT_MEMLOCK) of 2147483648 bytes; "
	  "'ulimit -l', 'LimitMEMLOCK=' in a systemd unit, or "
	  "/etc/security/limits.conf can raise it" },
	{ kernel_without_memory, 0x1000, -ENOMEM,
	  "0000:04:08.0: the kernel has not enough memory to pin 4096 bytes "
	  "for DMA" },
	{ no_such_memory, 0x1000, -EFAULT,
	  "0000:04:08.0: there is not memory of the right kind at all host "
	  "addresses that are mapped" },
	{ odd_errno, 0x1000, -ENODEV,
	  "0000:04:08.0: IOMMU group 7: VFIO_DEVICE_ATTACH_IOMMUFD_PT: No such "
	  "device; the kernel log may say more" },
};

START_TEST(attach_says_why_not_and_what_to_do)
{
	struct moat_ioas_config config;
	struct moat_err err = { "" };
	struct moat_ioas *ioas;
	int fd = -1, r;

	fake_init(&fake);
	attach_cases[_i].setup();
	config = fake_config(&fake);
	ck_assert_int_eq(moat_ioas_create(&config, &ioas, &err), 0);
	if (attach_cases[_i].mapped)
		ck_assert_int_eq(moat_ioas_map(ioas, 0, attach_cases[_i].mapped,
					       HOST, RW, &err),
				 0);
	r = moat_ioas_attach(ioas, dev_a, &fd, &err);
	fake_assert_sentence(&fake, err.msg, attach_cases[_i].sentence);
	ck_assert_int_eq(r, attach_cases[_i].want);
	ck_assert_int_eq(fd, -1);
	/* Nothing of it is left, neither maps nor address spaces. */
	for (size_t i = 0; i < ARRAY_SIZE(fake.containers); i++)
		ck_assert(!fake.containers[i].used);
	moat_ioas_destroy(ioas);
	fake_assert_clean(&fake);
	fake_fini(&fake);
}
END_TEST

/* 0x100000-0x10ffff is mapped. */
static const struct {
	int map_errno;
	uint64_t iova, len;
	int want;
	const char *sentence;
} map_cases[] = {
	{ 0, 0xc0000000, 0x40000000, -EADDRINUSE,
	  "IOVA 0xc0000000-0xffffffff overlaps 0xfee00000-0xfeefffff, which is "
	  "reserved (msi) for 0000:04:08.0; usable: 0x0-0xfedfffff, "
	  "0xfef00000-0x7fffffffff" },
	{ 0, 0x7ffffff000, 0x2000, -EADDRINUSE,
	  "IOVA 0x7ffffff000-0x8000000fff is not within what the IOMMU can "
	  "address; usable: 0x0-0xfedfffff, 0xfef00000-0x7fffffffff" },
	{ -ENOMEM, 0, 0x1000, -ENOMEM,
	  "the kernel has not enough memory to pin 4096 bytes for DMA" },
	{ -EFAULT, 0, 0x1000, -EFAULT,
	  "mapping IOVA 0x0-0xfff: there is not memory of the right kind at "
	  "all of its host addresses" },
	{ -EBUSY, 0, 0x1000, -EBUSY,
	  "mapping IOVA 0x0-0xfff: IOMMU_IOAS_MAP: Device or resource busy" },
};

START_TEST(map_says_why_not_and_what_to_do)
{
	struct moat_ioas_config config;
	struct moat_err err = { "" };
	struct moat_ioas *ioas;
	int fd = -1, r;

	fake_init(&fake);
	(void)add_a();
	config = fake_config(&fake);
	ck_assert_int_eq(moat_ioas_create(&config, &ioas, &err), 0);
	ck_assert_int_eq(moat_ioas_attach(ioas, dev_a, &fd, &err), 0);
	ck_assert_int_eq(moat_ioas_map(ioas, 0x100000, 0x10000, HOST, RW, &err),
			 0);
	fake.map_errno = map_cases[_i].map_errno;
	r = moat_ioas_map(ioas, map_cases[_i].iova, map_cases[_i].len, HOST, RW,
			  &err);
	fake_assert_sentence(&fake, err.msg, map_cases[_i].sentence);
	ck_assert_int_eq(r, map_cases[_i].want);
	ck_assert_uint_eq(fake_n_maps(&fake), 1);
	fake_vfio_ops.close(&fake, fd);
	moat_ioas_detach(ioas, dev_a);
	moat_ioas_destroy(ioas);
	fake_assert_clean(&fake);
	fake_fini(&fake);
}
END_TEST

static int open_node(const char *node)
{
	char path[PATH_MAX];
	int fd;

	(void)moat_path(path, "%s/%s", fake.dev, node);
	fd = fake_vfio_ops.open(&fake, path, O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return fd;
}

/* The fds that came are closed, those of our own do their work. */
START_TEST(open_files_are_taken_over)
{
	struct moat_ioas_cdev cdev = { .bdf = dev_a };
	struct moat_ioas_files files = { .cdevs = &cdev, .n_cdevs = 1 };
	struct moat_ioas_config config;
	struct moat_err err = { "" };
	struct moat_ioas *ioas;
	int fd = -1;

	fake_init(&fake);
	(void)add_a();
	files.iommufd = open_node("iommu");
	cdev.fd = open_node("vfio/devices/vfio0");
	/* Not even root's rights would open them again. */
	fake.container_errno = -EACCES;
	fake.devices[0].cdev_errno = -EACCES;
	config = fake_config(&fake);
	config.backend = NULL;
	config.files = &files;
	ck_assert_int_eq(moat_ioas_create(&config, &ioas, &err), 0);
	ck_assert_str_eq(moat_ioas_backend(ioas), "iommufd");
	ck_assert_int_eq(files.iommufd, -1);
	ck_assert_int_eq(moat_ioas_map(ioas, 0, 0x1000, HOST, RW, &err), 0);
	ck_assert_int_eq(moat_ioas_attach(ioas, dev_a, &fd, &err), 0);
	ck_assert_int_eq(cdev.fd, -1);
	ck_assert(fake_has_map(&fake, 0, 0x1000));
	ck_assert_uint_eq(fake.n_files, 3);
	fake_vfio_ops.close(&fake, fd);
	moat_ioas_detach(ioas, dev_a);
	ck_assert_uint_eq(fake.n_files, 1);
	/* Used up. */
	ck_assert_int_eq(moat_ioas_attach(ioas, dev_a, &fd, &err), -EBADF);
	moat_ioas_destroy(ioas);
	fake_assert_clean(&fake);
	fake_fini(&fake);
}
END_TEST

/* What is given must be what it is said to be, and stays the giver's. */
START_TEST(wrong_files_are_refused)
{
	struct moat_ioas_cdev cdev = { .bdf = dev_a };
	struct moat_ioas_files files = { .iommufd = -1,
					 .cdevs = &cdev,
					 .n_cdevs = 1 };
	struct moat_ioas_config config;
	struct moat_err err = { "" };
	struct moat_ioas *ioas;
	char want[256];
	int fd = -1;

	fake_init(&fake);
	(void)add_a();
	(void)fake_add_device(&fake, "0000:05:00.0", 8, "vfio-pci");
	config = fake_config(&fake);
	config.files = &files;
	ck_assert_int_eq(moat_ioas_create(&config, &ioas, &err), 0);
	cdev.fd = open_node("vfio/devices/vfio1"); /* another device's */
	ck_assert_int_eq(moat_ioas_attach(ioas, dev_a, &fd, &err), -EBADF);
	(void)snprintf(want, sizeof(want),
		       "0000:04:08.0: fd %d is not the open VFIO file of the "
		       "device, /dev/vfio/devices/vfioN",
		       cdev.fd);
	ck_assert_str_eq(err.msg, want);
	fake_vfio_ops.close(&fake, cdev.fd);
	ck_assert_int_eq(moat_ioas_attach(ioas, dev_a, &fd, &err), -EBADF);
	moat_ioas_destroy(ioas);
	ck_assert_uint_eq(fake.wrong, 0);

	/* An ioctl of a device's file that no device's file has. */
	files.iommufd = open_node("vfio/devices/vfio1");
	ck_assert_int_eq(moat_ioas_create(&config, &ioas, &err), -EBADF);
	(void)snprintf(want, sizeof(want),
		       "fd %d is not an open /dev/iommu: IOMMU_IOAS_ALLOC: "
		       "Inappropriate ioctl for device",
		       files.iommufd);
	ck_assert_str_eq(err.msg, want);
	ck_assert_uint_eq(fake.wrong, 1);
	fake.wrong = 0;
	config.backend = "type1";
	ck_assert_int_eq(moat_ioas_create(&config, &ioas, &err), -ENOTSUP);
	fake_vfio_ops.close(&fake, files.iommufd);
	fake_assert_clean(&fake);
	fake_fini(&fake);
}
END_TEST

static void add_iommufd(TCase *tcase)
{
	tcase_add_test(tcase, open_files_are_taken_over);
	tcase_add_test(tcase, wrong_files_are_refused);
	tcase_add_loop_test(tcase, create_says_what_is_missing, 0,
			    ARRAY_SIZE(create_cases));
	tcase_add_loop_test(tcase, attach_says_why_not_and_what_to_do, 0,
			    ARRAY_SIZE(attach_cases));
	tcase_add_loop_test(tcase, map_says_why_not_and_what_to_do, 0,
			    ARRAY_SIZE(map_cases));
}

/* Built without it, it says so, and is never the best. */
START_TEST(absent_backend_says_why)
{
	struct moat_ioas_config config;
	struct moat_ioas *ioas = NULL;
	struct moat_err err = { "" };
	int r;

	fake_init(&fake);
	config = fake_config(&fake);
	config.backend = "iommufd";
	if (!fake_has_iommufd) {
		r = moat_ioas_create(&config, &ioas, &err);
		ck_assert_int_eq(r, -ENOENT);
		ck_assert_str_eq(
			err.msg,
			"this moat was built without iommufd, since the "
			"kernel's headers were older than Linux 6.6; build it "
			"where linux/iommufd.h is (scripts/setup), or use "
			"type1");
	}
	config.backend = NULL;
	ck_assert_int_eq(moat_ioas_create(&config, &ioas, &err), 0);
	ck_assert_str_eq(moat_ioas_backend(ioas), "type1");
	moat_ioas_destroy(ioas);
	fake_fini(&fake);
}
END_TEST

static void add_nothing(TCase *tcase)
{
	(void)tcase;
}

static void add_type1(TCase *tcase)
{
	tcase_add_test(tcase, absent_backend_says_why);
}

int main(void)
{
	return fake_main("iommufd", add_nothing, add_type1, add_iommufd);
}
