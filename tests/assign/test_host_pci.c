// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <moat/host_pci.h>

#include "assign/host_pci_internal.h"
#include "common/util.h"
#include "tests/assign/fake_host.h"
#include "tests/check_main.h"

/* An SSD alone in its group, and a desktop's usual chipset group. */
static const struct fake_fn ssd = {
	.addr = "0000:04:08.0",
	.vendor = 0x144d,
	.device = 0xa808,
	.class_code = 0x010802,
	.driver = "nvme",
	.group = 14,
	.reset_method = "flr bus\n",
	.numa_node = 1,
};
static const struct fake_fn isa = { .addr = "0000:00:1f.0",
				    .vendor = 0x8086,
				    .device = 0x2918,
				    .class_code = 0x060100,
				    .driver = "lpc_ich",
				    .group = 6,
				    .numa_node = -1 };
static const struct fake_fn sata = { .addr = "0000:00:1f.2",
				     .vendor = 0x8086,
				     .device = 0x2922,
				     .class_code = 0x010601,
				     .driver = "ahci",
				     .group = 6,
				     .numa_node = -1 };
static const struct fake_fn smbus = { .addr = "0000:00:1f.3",
				      .vendor = 0x8086,
				      .device = 0x2930,
				      .class_code = 0x0c0500,
				      .driver = "i801_smbus",
				      .group = 6,
				      .numa_node = -1 };
static const struct fake_fn port = { .addr = "0000:00:1c.0",
				     .vendor = 0x8086,
				     .device = 0x2940,
				     .class_code = 0x060400,
				     .header_type = 0x81,
				     .driver = "pcieport",
				     .group = 6,
				     .numa_node = -1 };

static struct moat_host_pci read_fn(const struct fake_host *h, const char *addr)
{
	struct moat_host_pci fn;
	struct moat_err err;
	int r;

	r = moat_host_pci_read(&h->host, fake_bdf(addr), &fn, &err);
	ck_assert_msg(r == 0, "%s", err.msg);
	return fn;
}

START_TEST(a_function_is_read_whole)
{
	struct moat_host_pci fn;
	struct fake_host h;

	fake_host_init(&h);
	fake_add_fn(&h, &ssd);
	fn = read_fn(&h, ssd.addr);
	ck_assert_uint_eq(fn.vendor, 0x144d);
	ck_assert_uint_eq(fn.device, 0xa808);
	ck_assert_uint_eq(fn.class_code, 0x010802);
	ck_assert(!fn.is_bridge);
	ck_assert_str_eq(fn.driver, "nvme");
	ck_assert_int_eq(fn.iommu_group, 14);
	ck_assert_int_eq(fn.numa_node, 1);
	ck_assert_str_eq(fn.reset_method, "flr bus");
	ck_assert_str_eq(fn.in_use, "");
	fake_host_fini(&h);
}
END_TEST

START_TEST(what_is_missing_reads_as_none)
{
	struct fake_fn bare = ssd;
	struct moat_host_pci fn;
	struct fake_host h;

	fake_host_init(&h);
	bare.driver = NULL;
	bare.group = -1;
	bare.reset_method = NULL;
	bare.numa_node = -1;
	fake_add_fn(&h, &bare);
	fn = read_fn(&h, bare.addr);
	ck_assert_str_eq(fn.driver, "");
	ck_assert_int_eq(fn.iommu_group, MOAT_NO_GROUP);
	ck_assert_int_eq(fn.numa_node, MOAT_NO_NODE);
	ck_assert_str_eq(fn.reset_method, "");

	/* Before Linux 5.15: there is a reset, which one is not told. */
	fake_attr(&h, bare.addr, "reset", "");
	fn = read_fn(&h, bare.addr);
	ck_assert_str_eq(fn.reset_method, "default");
	fake_host_fini(&h);
}
END_TEST

/* VFIO gives a device without an IOMMU a group that fences nothing. */
START_TEST(a_made_up_group_is_no_group)
{
	struct fake_host h;

	fake_host_init(&h);
	fake_add_fn(&h, &ssd);
	fake_write(&h, "sys/kernel/iommu_groups/14/name", "vfio-noiommu\n");
	ck_assert_int_eq(read_fn(&h, ssd.addr).iommu_group, MOAT_NO_GROUP);
	fake_host_fini(&h);
}
END_TEST

static const struct {
	unsigned int header_type, class_code;
	bool bridge;
} bridge_cases[] = {
	{ 0x00, 0x020000, false }, { 0x80, 0x020000, false },
	{ 0x01, 0x060400, true },  { 0x81, 0x060400, true },
	{ 0x02, 0x060700, true },  { 0x00, 0x060100, false },
	{ 0xff, 0x060400, true }, /* does not answer: by its class */
	{ 0xff, 0x020000, false },
};

START_TEST(the_header_type_makes_a_bridge)
{
	for (size_t i = 0; i < ARRAY_SIZE(bridge_cases); i++) {
		struct fake_fn fn = ssd;
		struct fake_host h;

		fake_host_init(&h);
		fn.header_type = bridge_cases[i].header_type;
		fn.class_code = bridge_cases[i].class_code;
		fake_add_fn(&h, &fn);
		ck_assert_int_eq(read_fn(&h, fn.addr).is_bridge,
				 bridge_cases[i].bridge);
		fake_host_fini(&h);
	}
}
END_TEST

START_TEST(hostile_attributes_are_refused)
{
	static const struct {
		const char *attr, *text;
	} cases[] = {
		{ "vendor", "0x10000\n" },
		{ "vendor", "-1\n" },
		{ "device", "0x12 34\n" },
		{ "class", "0x1000000\n" },
		{ "class", "" },
		{ "device", "0x1111111111111111111111111111111111111111\n" },
	};
	struct moat_host_pci fn;
	struct moat_err err;
	struct fake_host h;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		fake_host_init(&h);
		fake_add_fn(&h, &ssd);
		fake_attr(&h, ssd.addr, cases[i].attr, cases[i].text);
		ck_assert_int_lt(moat_host_pci_read(&h.host, fake_bdf(ssd.addr),
						    &fn, &err),
				 0);
		ck_assert_ptr_nonnull(strstr(err.msg, ssd.addr));
		fake_host_fini(&h);
	}
}
END_TEST

START_TEST(an_absent_function_is_named)
{
	struct moat_host_pci fn;
	struct moat_err err;
	struct fake_host h;

	fake_host_init(&h);
	ck_assert_int_eq(
		moat_host_pci_read(&h.host, fake_bdf("04:08.0"), &fn, &err),
		-ENODEV);
	ck_assert_str_eq(err.msg,
			 "there is no PCI device 0000:04:08.0 on this machine; "
			 "`moat devices` lists those there are");
	fake_host_fini(&h);
}
END_TEST

START_TEST(the_list_is_sorted_and_skips_what_is_no_device)
{
	struct fake_fn vmd = ssd;
	struct moat_host_pci *fns;
	struct moat_err err;
	struct fake_host h;
	size_t n;

	fake_host_init(&h);
	vmd.addr = "10000:01:00.0";
	fake_add_fn(&h, &vmd);
	fake_add_fn(&h, &ssd);
	fake_add_fn(&h, &smbus);
	fake_add_fn(&h, &sata);
	fake_write(&h, "sys/bus/pci/devices/README", "");
	fake_link(&h, "sys/bus/pci/devices/0000:00:00.0", "gone");
	ck_assert_int_eq(moat_host_pci_list(&h.host, &fns, &n, &err), 0);
	ck_assert_uint_eq(n, 4);
	ck_assert(moat_bdf_equal(fns[0].bdf, fake_bdf("00:1f.2")));
	ck_assert(moat_bdf_equal(fns[1].bdf, fake_bdf("00:1f.3")));
	ck_assert(moat_bdf_equal(fns[2].bdf, fake_bdf("04:08.0")));
	ck_assert(moat_bdf_equal(fns[3].bdf, fake_bdf("10000:01:00.0")));
	free(fns);
	fake_host_fini(&h);
}
END_TEST

#define ASK_MANAGED (1 << 0)
#define ASK_FORCE   (1 << 1)

/* The verdict on @addr; @same: its company in the guest, or NULL. */
static int verdict(const struct fake_host *h, const char *addr,
		   const char *same, unsigned int ask, struct moat_err *err)
{
	struct moat_host_pci fn = read_fn(h, addr);
	struct moat_bdf list[2] = { fn.bdf };
	struct moat_host_pci_plan plan = {
		.same_guest = list,
		.n_same_guest = 1,
		.managed = ask & ASK_MANAGED,
		.force = ask & ASK_FORCE,
	};

	if (same)
		list[plan.n_same_guest++] = fake_bdf(same);
	err->msg[0] = '\0';
	return moat_host_pci_verdict(&h->host, &fn, &plan, err);
}

static void chipset(struct fake_host *h)
{
	fake_add_fn(h, &port);
	fake_add_fn(h, &isa);
	fake_add_fn(h, &sata);
	fake_add_fn(h, &smbus);
}

static void rebind(const struct fake_host *h, const char *addr,
		   const char *driver)
{
	char path[PATH_MAX], to[PATH_MAX];

	(void)snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/driver",
		       addr);
	fake_unlink(h, path);
	if (!driver)
		return;
	fake_add_driver(h, driver);
	(void)snprintf(to, sizeof(to), "sys/bus/pci/drivers/%s", driver);
	fake_link(h, path, to);
}

START_TEST(a_driver_in_the_way_is_named_with_both_remedies)
{
	struct moat_err err;
	struct fake_host h;

	fake_host_init(&h);
	fake_add_fn(&h, &ssd);
	ck_assert_int_eq(verdict(&h, ssd.addr, NULL, 0, &err), -EBUSY);
	ck_assert_str_eq(err.msg,
			 "0000:04:08.0 is bound to the host's driver nvme; run "
			 "`moat bind 04:08.0` to free it, or add managed=on to "
			 "take it for this run only");
	ck_assert_int_eq(verdict(&h, ssd.addr, NULL, ASK_MANAGED, &err), 0);

	rebind(&h, ssd.addr, NULL);
	ck_assert_int_eq(verdict(&h, ssd.addr, NULL, 0, &err), -EBUSY);
	ck_assert_str_eq(err.msg,
			 "0000:04:08.0 is not bound to vfio-pci; run "
			 "`moat bind 04:08.0`, or add managed=on to bind it "
			 "for this run only");
	fake_host_fini(&h);
}
END_TEST

START_TEST(a_function_on_vfio_is_assignable)
{
	struct fake_fn fn = ssd;
	struct moat_err err;
	struct fake_host h;

	fake_host_init(&h);
	fn.driver = "vfio-pci";
	fake_add_fn(&h, &fn);
	ck_assert_int_eq(verdict(&h, fn.addr, NULL, 0, &err), 0);
	fake_host_fini(&h);
}
END_TEST

START_TEST(bridges_are_refused)
{
	struct moat_err err;
	struct fake_host h;

	fake_host_init(&h);
	chipset(&h);
	ck_assert_int_eq(verdict(&h, port.addr, NULL, ASK_MANAGED, &err),
			 -EINVAL);
	ck_assert_str_eq(err.msg, "0000:00:1c.0 is a bridge; only endpoints "
				  "can be assigned");
	fake_host_fini(&h);
}
END_TEST

/* The header makes a bridge, not the class; parts of the machine are kept. */
START_TEST(endpoints_of_the_bridge_class)
{
	static const struct {
		unsigned int class_code;
		const char *says; /* NULL: assignable */
	} cases[] = {
		{ 0x060000, "0000:04:08.0 is a host bridge of this machine" },
		{ 0x060100, "0000:04:08.0 is the ISA bridge of this machine" },
		{ 0x060500, NULL },
		{ 0x068000, NULL },
	};
	struct fake_fn fn = ssd;
	struct moat_err err;
	struct fake_host h;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		fake_host_init(&h);
		fn.class_code = cases[i].class_code;
		fake_add_fn(&h, &fn);
		ck_assert_int_eq(verdict(&h, fn.addr, NULL, ASK_MANAGED, &err),
				 cases[i].says ? -EINVAL : 0);
		if (cases[i].says)
			ck_assert_ptr_eq(strstr(err.msg, cases[i].says),
					 err.msg);
		fake_host_fini(&h);
	}
}
END_TEST

START_TEST(without_a_group_the_reason_is_looked_for)
{
	struct fake_fn fn = ssd;
	struct moat_err err;
	struct fake_host h;

	fake_host_init(&h);
	fn.group = -1;
	fake_add_fn(&h, &fn);
	ck_assert_int_eq(verdict(&h, fn.addr, NULL, ASK_FORCE, &err), -ENODEV);
	ck_assert_str_eq(err.msg,
			 "0000:04:08.0 has no IOMMU group, so nothing would "
			 "fence its DMA: this machine's IOMMU does not cover "
			 "it");
	fake_host_fini(&h);

	fake_host_init(&h);
	fake_add_fn(&h, &fn);
	ck_assert_int_eq(remove(strcat(h.sysfs, "/class/iommu/dmar0")), 0);
	h.sysfs[strlen(h.root) + 4] = '\0';
	ck_assert_int_eq(verdict(&h, fn.addr, NULL, 0, &err), -ENODEV);
	ck_assert_ptr_nonnull(strstr(err.msg, "turn VT-d, AMD-Vi or IOMMU on"));
	fake_write(&h, "sys/firmware/acpi/tables/IVRS", "");
	ck_assert_int_eq(verdict(&h, fn.addr, NULL, 0, &err), -ENODEV);
	ck_assert_ptr_nonnull(strstr(err.msg, "without amd_iommu=off"));
	fake_write(&h, "sys/firmware/acpi/tables/DMAR", "");
	ck_assert_int_eq(verdict(&h, fn.addr, NULL, 0, &err), -ENODEV);
	ck_assert_ptr_nonnull(
		strstr(err.msg, "boot the host with intel_iommu=on"));
	fake_host_fini(&h);
}
END_TEST

START_TEST(culprits_of_the_group_are_named)
{
	struct moat_err err;
	struct fake_host h;

	fake_host_init(&h);
	chipset(&h);
	ck_assert_int_eq(verdict(&h, sata.addr, NULL, 0, &err), -EBUSY);
	ck_assert_str_eq(
		err.msg,
		"0000:00:1f.2 shares IOMMU group 6 with 0000:00:1f.0 (driver "
		"lpc_ich) and 0000:00:1f.3 (driver i801_smbus), which the "
		"host uses and no IOMMU can keep apart from it; assign them "
		"to the same guest too, or free them: "
		"`moat bind 00:1f.2 00:1f.0 00:1f.3`");

	/* The bridge of the group is none of them. */
	rebind(&h, isa.addr, NULL);
	ck_assert_int_eq(verdict(&h, sata.addr, NULL, ASK_MANAGED, &err),
			 -EBUSY);
	ck_assert_str_eq(err.msg,
			 "0000:00:1f.2 shares IOMMU group 6 with 0000:00:1f.3 "
			 "(driver i801_smbus), which the host uses and no "
			 "IOMMU can keep apart from it; assign them to the "
			 "same guest too, or free them: `moat bind 00:1f.3`");

	/* In the same guest, on VFIO, on pci-stub, on nothing: all fine. */
	ck_assert_int_eq(verdict(&h, sata.addr, smbus.addr, ASK_MANAGED, &err),
			 0);
	rebind(&h, smbus.addr, "vfio-pci");
	ck_assert_int_eq(verdict(&h, sata.addr, NULL, ASK_MANAGED, &err), 0);
	rebind(&h, smbus.addr, "pci-stub");
	ck_assert_int_eq(verdict(&h, sata.addr, NULL, ASK_MANAGED, &err), 0);
	rebind(&h, smbus.addr, NULL);
	ck_assert_int_eq(verdict(&h, sata.addr, NULL, ASK_MANAGED, &err), 0);
	fake_host_fini(&h);
}
END_TEST

START_TEST(many_culprits_are_all_named)
{
	char addrs[20][16];
	struct fake_fn fn = ssd;
	struct moat_err err;
	struct fake_host h;

	fake_host_init(&h);
	for (unsigned int i = 0; i < 20; i++) {
		(void)snprintf(addrs[i], sizeof(addrs[i]), "0000:05:%02x.0", i);
		fn.addr = addrs[i];
		fake_add_fn(&h, &fn);
		if (i != 16)
			continue;
		ck_assert_int_eq(verdict(&h, addrs[0], NULL, 0, &err), -EBUSY);
		ck_assert_ptr_nonnull(
			strstr(err.msg, " and 0000:05:10.0 (driver nvme), "));
		ck_assert_ptr_nonnull(strstr(err.msg, "05:0f.0 05:10.0`"));
	}
	/* Of more than fit a message the rest is counted. */
	ck_assert_int_eq(verdict(&h, addrs[0], NULL, 0, &err), -EBUSY);
	ck_assert_ptr_nonnull(strstr(
		err.msg, "0000:05:10.0 (driver nvme) and 3 more, which"));
	ck_assert_ptr_nonnull(strstr(err.msg, "05:10.0 ...`"));
	fake_host_fini(&h);
}
END_TEST

START_TEST(what_the_host_needs_takes_force)
{
	struct moat_err err;
	struct fake_host h;

	fake_host_init(&h);
	fake_add_fn(&h, &ssd);
	fake_dir(&h, "sys/devices/pci0000:00/0000:04:08.0/nvme/nvme0/nvme0n1");
	fake_link(&h, "sys/dev/block/259:0",
		  "sys/devices/pci0000:00/0000:04:08.0/nvme/nvme0/nvme0n1");
	fake_write(&h, "proc/4242/mountinfo",
		   "25 1 259:0 / /srv/data rw - ext4 /dev/nvme0n1 rw\n");
	ck_assert_int_eq(verdict(&h, ssd.addr, NULL, ASK_MANAGED, &err),
			 -EBUSY);
	ck_assert_str_eq(err.msg,
			 "0000:04:08.0 is in use by the host: /dev/nvme0n1 "
			 "is mounted on /srv/data; end that first, or take "
			 "the device all the same with --force");
	ck_assert_int_eq(
		verdict(&h, ssd.addr, NULL, ASK_MANAGED | ASK_FORCE, &err), 0);
	fake_host_fini(&h);
}
END_TEST

START_TEST(without_proc_nothing_is_known_to_be_free)
{
	struct moat_host_pci fn;
	struct moat_err err;
	struct fake_host h;

	fake_host_init(&h);
	fake_add_fn(&h, &ssd);
	fake_unlink(&h, "proc/self/mountinfo");
	ck_assert_int_eq(
		moat_host_pci_read(&h.host, fake_bdf(ssd.addr), &fn, &err),
		-ENOENT);
	ck_assert_ptr_nonnull(
		strstr(err.msg, "cannot tell which devices the host uses"));
	fake_host_fini(&h);
}
END_TEST

/* What sysfs says of a function with a memory BAR, and BAR 2 as given. */
#define RESOURCES(bar2)                                                   \
	"0x00000000febc0000 0x00000000febdffff 0x0000000000040200\n"      \
	"0x0000000000000000 0x0000000000000000 0x0000000000000000\n" bar2 \
	"\n0x0000000000000000 0x0000000000000000 0x0000000000000000\n"

static const struct {
	const char *text;
	unsigned int bar;
	int want;
	const char *says;
} port_cases[] = {
	{ RESOURCES("0x000000000000c040 0x000000000000c05f 0x40101"), 2, 0,
	  NULL },
	{ RESOURCES("0xffe0 0xffff 0x40101"), 2, 0, NULL },
	{ RESOURCES("0xc040 0xc05f 0x40101"), 0, -ENODEV, "no ports" },
	{ RESOURCES("0xc040 0xc05f 0x40101"), 1, -ENODEV, "no ports" },
	{ RESOURCES("0xc040 0xc05f 0x40101"), 5, -EINVAL, "BAR 5" },
	{ RESOURCES("0x0 0x1f 0x40101"), 2, -ENODEV, "pci=realloc" },
	{ RESOURCES("0xc040 0xc07f 0x40101"), 2, -EINVAL, "not the 32 ports" },
	{ RESOURCES("0xc05f 0xc040 0x40101"), 2, -EINVAL, "does not say" },
	{ RESOURCES("0xfff0 0x1000f 0x40101"), 2, -EINVAL, "0x1000f" },
	{ RESOURCES("0x1c040 0x1c05f 0x40101"), 2, -EINVAL, "0x1c040" },
	{ RESOURCES("0xc040 0xc05f"), 2, -EINVAL, "does not say" },
	{ RESOURCES("0xc040 0xc05f 0x40101 0"), 2, -EINVAL, "does not say" },
	{ RESOURCES("0xc040 -1 0x40101"), 2, -EINVAL, "does not say" },
	{ RESOURCES("0xc040 0x1000000000000c05f 0x101"), 2, -EINVAL,
	  "does not say" },
	{ "", 0, -EINVAL, "does not say" },
	{ NULL, 2, -ENOENT, "BAR 2" },
};

START_TEST(ports_are_found_or_their_lack_explained)
{
	struct moat_err err;
	struct fake_host h;

	for (size_t i = 0; i < ARRAY_SIZE(port_cases); i++) {
		uint16_t first = 0;
		int r;

		fake_host_init(&h);
		fake_add_fn(&h, &ssd);
		if (port_cases[i].text)
			fake_attr(&h, ssd.addr, "resource", port_cases[i].text);
		r = host_pci_ports(&h.host, fake_bdf(ssd.addr),
				   port_cases[i].bar, 32, &first, &err);
		ck_assert_msg(r == port_cases[i].want, "case %zu: %d", i, r);
		if (r == 0)
			ck_assert(first == 0xc040 || first == 0xffe0);
		else
			ck_assert_msg(strstr(err.msg, port_cases[i].says) !=
					      NULL,
				      "case %zu: %s", i, err.msg);
		fake_host_fini(&h);
	}
}
END_TEST

START_TEST(users_of_the_interrupt_line)
{
	char users[16] = "";
	struct fake_host h;

	fake_host_init(&h);
	fake_add_fn(&h, &ssd);
	ck_assert_int_eq(host_pci_irq_users(&h.host, fake_bdf(ssd.addr), users,
					    sizeof(users)),
			 -ENOENT);
	fake_attr(&h, ssd.addr, "irq", "16\n");
	ck_assert_int_eq(host_pci_irq_users(&h.host, fake_bdf(ssd.addr), users,
					    sizeof(users)),
			 -ENOENT);
	fake_write(&h, "sys/kernel/irq/16/actions", "usb1,smbus\n");
	ck_assert_int_eq(host_pci_irq_users(&h.host, fake_bdf(ssd.addr), users,
					    sizeof(users)),
			 0);
	ck_assert_str_eq(users, "usb1,smbus");
	fake_write(&h, "sys/kernel/irq/16/actions", "a list that is too long");
	ck_assert_int_eq(host_pci_irq_users(&h.host, fake_bdf(ssd.addr), users,
					    sizeof(users)),
			 -EFBIG);
	fake_attr(&h, ssd.addr, "irq", "../16\n");
	ck_assert_int_eq(host_pci_irq_users(&h.host, fake_bdf(ssd.addr), users,
					    sizeof(users)),
			 -EINVAL);
	fake_host_fini(&h);
}
END_TEST

static const struct {
	const char *addr;
	unsigned int vendor, class_code;
	const char *boot_vga;
	unsigned int ask;
	const char *says; /* NULL: assignable */
} graphics_cases[] = {
	/* A second card, and one that has no VGA at all. */
	{ "0000:01:00.0", 0x1002, 0x030000, "0\n", ASK_MANAGED, NULL },
	{ "0000:01:00.0", 0x1234, 0x038000, NULL, ASK_MANAGED, NULL },
	{ "0000:01:00.0", 0x8086, 0x030000, "0\n", ASK_MANAGED, NULL },
	{ "0000:00:02.0", 0x1234, 0x038000, NULL, ASK_MANAGED, NULL },
	/* The one that the machine booted on. */
	{ "0000:01:00.0", 0x1002, 0x030000, "1\n", ASK_MANAGED,
	  "the VGA device that the host booted on, and its legacy VGA ranges" },
	{ "0000:01:00.0", 0x1002, 0x030000, "1\n", ASK_MANAGED | ASK_FORCE,
	  NULL },
	/* In the processor: no force helps. */
	{ "0000:00:02.0", 0x8086, 0x030000, "1\n", ASK_MANAGED | ASK_FORCE,
	  "Intel's integrated graphics" },
	{ "0000:00:02.0", 0x8086, 0x038000, NULL, ASK_MANAGED,
	  "Intel's integrated graphics" },
	/* Somebody else's there, and what is not graphics. */
	{ "0000:00:02.0", 0x1002, 0x030000, NULL, ASK_MANAGED, NULL },
	{ "0000:00:1f.6", 0x8086, 0x020000, NULL, ASK_MANAGED, NULL },
};

START_TEST(graphics_that_cannot_be_given_away)
{
	struct fake_fn fn = ssd;
	struct moat_err err;
	struct fake_host h;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(graphics_cases); i++) {
		fake_host_init(&h);
		fn.addr = graphics_cases[i].addr;
		fn.vendor = graphics_cases[i].vendor;
		fn.class_code = graphics_cases[i].class_code;
		fake_add_fn(&h, &fn);
		if (graphics_cases[i].boot_vga)
			fake_attr(&h, fn.addr, "boot_vga",
				  graphics_cases[i].boot_vga);
		r = verdict(&h, fn.addr, NULL, graphics_cases[i].ask, &err);
		ck_assert_msg(r == (graphics_cases[i].says ? -EINVAL : 0),
			      "case %zu: %s", i, err.msg);
		if (r < 0)
			ck_assert_msg(strstr(err.msg, graphics_cases[i].says),
				      "%s", err.msg);
		fake_host_fini(&h);
	}
}
END_TEST

START_TEST(virtual_functions_and_their_physical_one)
{
	struct fake_fn vf = ssd;
	struct moat_host_pci fn;
	struct moat_err err;
	struct fake_host h;

	fake_host_init(&h);
	fake_add_fn(&h, &ssd);
	ck_assert_uint_eq(read_fn(&h, ssd.addr).n_vfs, 0);
	fake_attr(&h, ssd.addr, "sriov_numvfs", "0\n");
	ck_assert_int_eq(verdict(&h, ssd.addr, NULL, ASK_MANAGED, &err), 0);
	fake_attr(&h, ssd.addr, "sriov_numvfs", "2\n");
	ck_assert_int_eq(verdict(&h, ssd.addr, NULL, ASK_MANAGED, &err),
			 -EBUSY);
	ck_assert_ptr_nonnull(
		strstr(err.msg, "0000:04:08.0 is in use by the host: 2 virtual "
				"functions of it are enabled"));
	rebind(&h, ssd.addr, "vfio-pci");
	ck_assert_int_eq(verdict(&h, ssd.addr, NULL, 0, &err), -EBUSY);
	ck_assert_ptr_nonnull(strstr(err.msg, "0000:04:08.0 has 2 virtual "
					      "functions enabled"));
	ck_assert_ptr_nonnull(strstr(err.msg, "0000:04:08.0/sriov_numvfs"));
	ck_assert_int_eq(
		verdict(&h, ssd.addr, NULL, ASK_MANAGED | ASK_FORCE, &err), 0);
	/* A number that it is not. */
	fake_attr(&h, ssd.addr, "sriov_numvfs", "-2\n");
	ck_assert_uint_eq(read_fn(&h, ssd.addr).n_vfs, 0);

	vf.addr = "0000:04:08.1";
	vf.driver = NULL;
	vf.group = 15;
	fake_add_fn(&h, &vf);
	ck_assert(!read_fn(&h, vf.addr).is_vf);
	fake_link(&h, "sys/bus/pci/devices/0000:04:08.1/physfn",
		  "sys/devices/pci0000:00/0000:04:08.0");
	fn = read_fn(&h, vf.addr);
	ck_assert(fn.is_vf);
	ck_assert(moat_bdf_equal(fn.pf, fake_bdf(ssd.addr)));
	/* What its physical function has beside, it has not. */
	fn.vendor = 0x8086;
	fn.class_code = 0x030000;
	fn.bdf.bus = 0;
	fn.iommu_group = MOAT_NO_GROUP;
	ck_assert_int_eq(
		moat_host_pci_verdict(&h.host, &fn,
				      &(struct moat_host_pci_plan) { 0 }, &err),
		-ENODEV);
	fn.is_vf = false;
	ck_assert_int_eq(
		moat_host_pci_verdict(&h.host, &fn,
				      &(struct moat_host_pci_plan) { 0 }, &err),
		-EINVAL);
	ck_assert_int_eq(verdict(&h, vf.addr, NULL, ASK_MANAGED, &err), 0);
	fake_host_fini(&h);
}
END_TEST

CHECK_MAIN("host_pci", graphics_that_cannot_be_given_away,
	   virtual_functions_and_their_physical_one,
	   users_of_the_interrupt_line, ports_are_found_or_their_lack_explained,
	   a_function_is_read_whole, what_is_missing_reads_as_none,
	   a_made_up_group_is_no_group, the_header_type_makes_a_bridge,
	   hostile_attributes_are_refused, an_absent_function_is_named,
	   the_list_is_sorted_and_skips_what_is_no_device,
	   a_driver_in_the_way_is_named_with_both_remedies,
	   a_function_on_vfio_is_assignable, bridges_are_refused,
	   endpoints_of_the_bridge_class,
	   without_a_group_the_reason_is_looked_for,
	   culprits_of_the_group_are_named, many_culprits_are_all_named,
	   what_the_host_needs_takes_force,
	   without_proc_nothing_is_known_to_be_free)
