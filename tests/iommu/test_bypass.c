// SPDX-License-Identifier: GPL-2.0-or-later
/* No translation: what is let in, and that each page is looked at. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/util.h"
#include "fake_vfio.h"
#include "tests/check_main.h"

#define RW	(MOAT_DMA_READ | MOAT_DMA_WRITE)
#define PRESENT (UINT64_C(1) << 63)
#define PAGE	4096

static const struct moat_bdf dev_a = { 0, 4, 8, 0 };
static const struct moat_bdf dev_b = { 0, 5, 0, 0 };
static uint8_t *const memory = (uint8_t *)(uintptr_t)0x10000000;

static struct fake fake;
static struct moat_err err;
static int pagemap;

static void setup(void)
{
	char path[PATH_MAX];

	fake_init(&fake);
	memset(&err, 0, sizeof(err));
	ck_assert_int_eq(moat_path(path, "%s/self/pagemap", fake.procfs), 0);
	pagemap = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_ge(pagemap, 0);
}

static void teardown(void)
{
	fake_assert_clean(&fake);
	(void)close(pagemap);
	fake_fini(&fake);
}

static void put_entry(const uint8_t *vaddr, uint64_t entry)
{
	ck_assert_int_eq(pwrite(pagemap, &entry, sizeof(entry),
				(off_t)((uintptr_t)vaddr / PAGE * 8)),
			 (ssize_t)sizeof(entry));
}

/* The pages from @vaddr on are at the physical addresses from @pa on. */
static void put_pages(const uint8_t *vaddr, uint64_t pa, size_t n)
{
	for (size_t i = 0; i < n; i++)
		put_entry(vaddr + i * PAGE, PRESENT | (pa / PAGE + i));
}

static struct moat_ioas *create(void)
{
	struct moat_ioas_config config = fake_config(&fake);
	struct moat_ioas *ioas;

	config.backend = "bypass";
	ck_assert_int_eq(moat_ioas_create(&config, &ioas, &err), 0);
	ck_assert(!moat_ioas_is_fence(ioas));
	return ioas;
}

static void set_type(unsigned int group, const char *type)
{
	char path[PATH_MAX];

	(void)moat_path(path, "sys/kernel/iommu_groups/%u/type", group);
	fake_write(&fake, path, type);
}

static void add_uio(const char *name, unsigned int group)
{
	(void)fake_add_device(&fake, name, group, "uio_pci_generic");
	set_type(group, "identity\n");
}

START_TEST(nobody_gets_it_without_asking)
{
	struct moat_ioas_config config;
	struct moat_ioas *ioas;

	setup();
	config = fake_config(&fake);
	config.backend = NULL;
	ck_assert_int_eq(moat_ioas_create(&config, &ioas, &err), 0);
	ck_assert_str_eq(moat_ioas_backend(ioas), "type1");
	ck_assert(moat_ioas_is_fence(ioas));
	moat_ioas_destroy(ioas);
	teardown();
}
END_TEST

/* VFIO's no-IOMMU mode: a container, which takes no map. */
START_TEST(a_device_of_vfio_without_an_iommu)
{
	struct moat_ioas *ioas;
	int fd = -1;

	setup();
	fake_make_noiommu(
		&fake, fake_add_device(&fake, "0000:04:08.0", 7, "vfio-pci"));
	ioas = create();
	ck_assert_int_eq(moat_ioas_attach(ioas, dev_a, &fd, &err), 0);
	ck_assert_int_ge(fd, 0);
	put_pages(memory, 64 * MiB, 16);
	ck_assert_int_eq(
		moat_ioas_map(ioas, 64 * MiB, 16 * PAGE, memory, RW, &err), 0);
	ck_assert_uint_eq(fake.map_calls, 0);
	ck_assert_uint_eq(fake.announcements, 1);
	fake_vfio_ops.close(&fake, fd);
	moat_ioas_detach(ioas, dev_a);
	moat_ioas_destroy(ioas);
	teardown();
}
END_TEST

START_TEST(a_device_of_uio_has_no_file)
{
	struct moat_ioas *ioas;
	int fd = 5;

	setup();
	add_uio("0000:04:08.0", 7);
	add_uio("0000:05:00.0", 8);
	ioas = create();
	ck_assert_int_eq(moat_ioas_attach(ioas, dev_a, &fd, &err), 0);
	ck_assert_int_eq(fd, -1);
	ck_assert_int_eq(moat_ioas_attach(ioas, dev_a, &fd, &err), -EBUSY);
	ck_assert_int_eq(moat_ioas_attach(ioas, dev_b, &fd, &err), 0);
	ck_assert_uint_eq(fake.calls, 0); /* neither opened nor announced */
	moat_ioas_detach(ioas, dev_b);
	moat_ioas_detach(ioas, dev_a);
	moat_ioas_destroy(ioas);
	teardown();
}
END_TEST

#define LEN (1200 * (size_t)PAGE) /* more than are looked up at a time */

static const struct {
	const char *what;
	size_t page; /* that something is wrong with */
	uint64_t entry;
	int want;
	const char *says;
} wrong_cases[] = {
	{ "nothing", 0, PRESENT | 0x40000, 0, NULL },
	{ "the first page elsewhere", 0, PRESENT | 0x40001, -EADDRNOTAVAIL,
	  "the page for address 0x40000000 is at 0x40001000 on the host" },
	{ "one in the middle", 777, PRESENT | 0x12345, -EADDRNOTAVAIL,
	  "the page for address 0x40309000 is at 0x12345000 on the host" },
	{ "the last", 1199, PRESENT | 0x404ae, -EADDRNOTAVAIL,
	  "the page for address 0x404af000 is at 0x404ae000 on the host" },
	{ "swapped out", 600, 0x1234, -ENOENT, "cannot tell where memory is" },
	{ "hidden", 3, PRESENT, -EPERM, "CAP_SYS_ADMIN" },
};

/* Mapped before the device comes, or after. */
START_TEST(each_page_has_to_be_where_the_guest_thinks)
{
	for (size_t i = 0; i < 2 * ARRAY_SIZE(wrong_cases); i++) {
		size_t c = i / 2;
		struct moat_ioas *ioas;
		int fd, r;

		setup();
		add_uio("0000:04:08.0", 7);
		ioas = create();
		put_pages(memory, GiB, LEN / PAGE);
		put_entry(memory + wrong_cases[c].page * PAGE,
			  wrong_cases[c].entry);
		if (i % 2)
			ck_assert_int_eq(
				moat_ioas_attach(ioas, dev_a, &fd, &err), 0);
		r = moat_ioas_map(ioas, GiB, LEN, memory, RW, &err);
		if (i % 2 == 0) {
			ck_assert_int_eq(r, 0);
			r = moat_ioas_attach(ioas, dev_a, &fd, &err);
		}
		ck_assert_msg(r == wrong_cases[c].want, "%s: %d, %s",
			      wrong_cases[c].what, r, err.msg);
		if (wrong_cases[c].says)
			ck_assert_msg(strstr(err.msg, wrong_cases[c].says),
				      "%s: %s", wrong_cases[c].what, err.msg);
		if (r == 0)
			ck_assert_int_eq(moat_ioas_unmap(ioas, GiB, LEN), 0);
		moat_ioas_detach(ioas, dev_a);
		moat_ioas_destroy(ioas);
		teardown();
	}
}
END_TEST

static void other_driver(void)
{
	(void)fake_add_device(&fake, "0000:04:08.0", 7, "vfio-pci");
	set_type(7, "identity\n");
}

static void no_driver(void)
{
	(void)fake_add_device(&fake, "0000:04:08.0", 7, NULL);
	set_type(7, "identity\n");
}

static void translated(void)
{
	add_uio("0000:04:08.0", 7);
	set_type(7, "DMA-FQ\n");
}

static void no_type(void)
{
	(void)fake_add_device(&fake, "0000:04:08.0", 7, "uio_pci_generic");
}

static struct fake_device *noiommu(void)
{
	struct fake_device *device =
		fake_add_device(&fake, "0000:04:08.0", 7, "vfio-pci");

	fake_make_noiommu(&fake, device);
	return device;
}

static void forbidden(void)
{
	noiommu()->group->open_errno = -EPERM;
}

static void busy(void)
{
	noiommu()->group->open_errno = -EBUSY;
}

static void switched_off(void)
{
	noiommu()->group->enter_errno = -EPERM;
}

static void no_such_device(void)
{
	fake_write(&fake, "sys/bus/pci/devices/README", "");
}

static const struct {
	void (*setup)(void);
	int want;
	const char *sentence;
} refusal_cases[] = {
	{ other_driver, -ENODEV,
	  "0000:04:08.0: for dma=none it must be bound to uio_pci_generic, and "
	  "is bound to vfio-pci" },
	{ no_driver, -ENODEV,
	  "0000:04:08.0: for dma=none it must be bound to uio_pci_generic, and "
	  "is bound to no driver" },
	{ translated, -EPERM,
	  "0000:04:08.0: the type of its IOMMU group 7 is not 'identity': the "
	  "IOMMU would not let its DMA through as dma=none wants; managed=on "
	  "sets it, or boot the host with iommu=pt" },
	{ no_type, -EPERM,
	  "0000:04:08.0: the type of its IOMMU group 7 is not 'identity': the "
	  "IOMMU would not let its DMA through as dma=none wants; managed=on "
	  "sets it, or boot the host with iommu=pt" },
	{ forbidden, -EPERM,
	  "0000:04:08.0: opening %ROOT/dev/vfio/noiommu-7: Operation not "
	  "permitted; dma=none needs CAP_SYS_RAWIO, run as root" },
	{ busy, -EBUSY,
	  "0000:04:08.0: %ROOT/dev/vfio/noiommu-7 is in use by another "
	  "process" },
	{ switched_off, -EPERM,
	  "0000:04:08.0: VFIO_SET_IOMMU: Operation not permitted; VFIO's "
	  "no-IOMMU mode needs CAP_SYS_RAWIO, and to be on: echo Y > "
	  "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode" },
	{ no_such_device, -ENODEV,
	  "0000:04:08.0: this machine has no such PCI device" },
};

START_TEST(refusals_say_what_to_do)
{
	for (size_t i = 0; i < ARRAY_SIZE(refusal_cases); i++) {
		struct moat_ioas *ioas;
		int fd;

		setup();
		refusal_cases[i].setup();
		ioas = create();
		ck_assert_int_eq(moat_ioas_attach(ioas, dev_a, &fd, &err),
				 refusal_cases[i].want);
		fake_assert_sentence(&fake, err.msg, refusal_cases[i].sentence);
		moat_ioas_destroy(ioas);
		teardown();
	}
}
END_TEST

START_TEST(open_files_are_not_for_it)
{
	struct moat_ioas_config config;
	struct moat_ioas_files files = { .iommufd = -1 };
	struct moat_ioas *ioas;

	setup();
	config = fake_config(&fake);
	config.backend = "bypass";
	config.files = &files;
	ck_assert_int_eq(moat_ioas_create(&config, &ioas, &err), -ENOTSUP);
	ck_assert_str_ne(err.msg, "");
	teardown();
}
END_TEST

/* Each call of the kernel fails once. */
START_TEST(each_failure_leaves_nothing)
{
	int r = -1;

	for (unsigned int at = 1; r < 0; at++) {
		struct moat_ioas *ioas;
		int fd = -1;

		setup();
		(void)noiommu();
		put_pages(memory, GiB, 4);
		fake.fail_at = at;
		ioas = create();
		ck_assert_int_eq(
			moat_ioas_map(ioas, GiB, 4 * PAGE, memory, RW, &err),
			0);
		r = moat_ioas_attach(ioas, dev_a, &fd, &err);
		ck_assert_msg(r == 0 || (r == -EIO && err.msg[0]), "%d: %s", r,
			      err.msg);
		if (r == 0) {
			ck_assert_uint_gt(at, 5);
			fake_vfio_ops.close(&fake, fd);
			moat_ioas_detach(ioas, dev_a);
		}
		moat_ioas_destroy(ioas);
		teardown();
	}
}
END_TEST

CHECK_MAIN("bypass", nobody_gets_it_without_asking,
	   a_device_of_vfio_without_an_iommu, a_device_of_uio_has_no_file,
	   each_page_has_to_be_where_the_guest_thinks, refusals_say_what_to_do,
	   open_files_are_not_for_it, each_failure_leaves_nothing)
