// SPDX-License-Identifier: GPL-2.0-or-later
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "assign/in_use.h"
#include "common/util.h"
#include "tests/assign/fake_host.h"
#include "tests/check_main.h"

#define PCI  "sys/devices/pci0000:00"
#define SSD  PCI "/0000:04:00.0/nvme/nvme0"
#define HDD  PCI "/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0/block/sda"
#define VIRT "sys/devices/virtual"

/* Sanitizers, which clang does not tell of, make frames larger. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
	defined(__clang__)
#define TEST_STACK (256 * KiB)
#else
#define TEST_STACK (64 * KiB)
#endif

/* What the SSD (04:00.0), the HDD's controller and two NICs are used for. */
static void used_for(const struct fake_host *h, const char *addr,
		     const char *want)
{
	struct in_use *uses;
	struct moat_err err;
	char text[256];

	ck_assert_msg(in_use_scan(&h->host, &uses, &err) == 0, "%s", err.msg);
	in_use_find(uses, fake_bdf(addr), text, sizeof(text));
	ck_assert_str_eq(text, want);
	in_use_free(uses);
}

static void block(const struct fake_host *h, const char *number,
		  const char *path)
{
	char link[128], name[128];

	fake_dir(h, path);
	(void)snprintf(link, sizeof(link), "sys/dev/block/%s", number);
	fake_link(h, link, path);
	(void)snprintf(name, sizeof(name), "sys/class/block/%s",
		       strrchr(path, '/') + 1);
	fake_link(h, name, path);
}

static void partition(const struct fake_host *h, const char *number,
		      const char *path)
{
	char attr[256];

	block(h, number, path);
	(void)snprintf(attr, sizeof(attr), "%s/partition", path);
	fake_write(h, attr, "1\n");
}

static void disks(struct fake_host *h)
{
	fake_host_init(h);
	block(h, "259:0", SSD "/nvme0n1");
	partition(h, "259:1", SSD "/nvme0n1/nvme0n1p1");
	partition(h, "259:2", SSD "/nvme0n1/nvme0n1p2");
	block(h, "8:0", HDD);
	partition(h, "8:1", HDD "/sda1");
	block(h, "253:0", VIRT "/block/dm-0");
	block(h, "9:0", VIRT "/block/md0");
	partition(h, "259:5", VIRT "/block/md0/md0p1");
}

static void mounts(const struct fake_host *h, const char *text)
{
	fake_write(h, "proc/4242/mountinfo", text);
}

START_TEST(a_mounted_partition_holds_its_disk)
{
	struct fake_host h;

	disks(&h);
	mounts(&h, "22 1 0:21 / /proc rw - proc proc rw\n"
		   "25 1 259:2 / / rw shared:1 - ext4 /dev/nvme0n1p2 rw\n"
		   "26 25 259:1 / /boot rw - vfat /dev/nvme0n1p1 rw\n"
		   "27 25 259:2 /home /home rw - ext4 /dev/nvme0n1p2 rw\n");
	used_for(&h, "04:00.0", "/dev/nvme0n1p2 is mounted on / (and 1 more)");
	used_for(&h, "00:1f.2", "");
	fake_host_fini(&h);
}
END_TEST

START_TEST(device_mapper_on_raid_holds_all_below)
{
	struct fake_host h;

	disks(&h);
	fake_link(&h, VIRT "/block/dm-0/slaves/md0p1", VIRT "/block/md0/md0p1");
	fake_link(&h, VIRT "/block/md0/slaves/sda1", HDD "/sda1");
	fake_link(&h, VIRT "/block/md0/slaves/nvme0n1p1",
		  SSD "/nvme0n1/nvme0n1p1");
	mounts(&h, "25 1 253:0 / /srv rw - xfs /dev/mapper/vg-srv rw\n");
	used_for(&h, "04:00.0", "/dev/dm-0 is mounted on /srv");
	used_for(&h, "00:1f.2", "/dev/dm-0 is mounted on /srv");
	fake_host_fini(&h);
}
END_TEST

static void *look(void *opaque)
{
	used_for(opaque, "04:00.0",
		 "/dev/dm-39 is mounted on /deep; the only default route goes "
		 "through it (eth0v9)");
	return NULL;
}

/* dm on dm on dm, VLAN on VLAN; devices are opened by threads. */
START_TEST(deep_stacks_take_little_of_a_threads_stack)
{
	char path[96], link[128], number[16];
	pthread_attr_t attr;
	pthread_t thread;
	struct fake_host h;

	disks(&h);
	for (unsigned int i = 0; i < 40; i++) {
		(void)snprintf(path, sizeof(path), VIRT "/block/dm-%u", i);
		(void)snprintf(number, sizeof(number), "253:%u", 100 + i);
		if (i)
			block(&h, number, path);
		(void)snprintf(link, sizeof(link), "%s/slaves/below", path);
		if (i)
			(void)snprintf(path, sizeof(path), VIRT "/block/dm-%u",
				       i - 1);
		fake_link(&h, link, i ? path : SSD "/nvme0n1");
	}
	mounts(&h, "25 1 253:139 / /deep rw - ext4 /dev/dm-39 rw\n");
	for (unsigned int i = 0; i < 10; i++) {
		(void)snprintf(path, sizeof(path), VIRT "/net/eth0v%u", i);
		fake_dir(&h, path);
		(void)snprintf(link, sizeof(link), "%s/lower_x", path);
		if (i)
			(void)snprintf(path, sizeof(path), VIRT "/net/eth0v%u",
				       i - 1);
		else
			(void)snprintf(path, sizeof(path),
				       PCI "/0000:04:00.0/net/eth0");
		fake_dir(&h, path);
		fake_link(&h, link, path);
	}
	fake_link(&h, "sys/class/net/eth0v9", VIRT "/net/eth0v9");
	fake_write(&h, "proc/net/route",
		   "eth0v9\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t"
		   "0\n");
	ck_assert_int_eq(pthread_attr_init(&attr), 0);
	ck_assert_int_eq(pthread_attr_setstacksize(&attr, TEST_STACK), 0);
	ck_assert_int_eq(pthread_create(&thread, &attr, look, &h), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	(void)pthread_attr_destroy(&attr);
	fake_host_fini(&h);
}
END_TEST

START_TEST(a_stack_that_loops_ends)
{
	struct fake_host h;

	disks(&h);
	fake_link(&h, VIRT "/block/dm-0/slaves/md0", VIRT "/block/md0");
	fake_link(&h, VIRT "/block/md0/slaves/dm-0", VIRT "/block/dm-0");
	mounts(&h, "25 1 253:0 / /srv rw - xfs /dev/dm-0 rw\n");
	used_for(&h, "04:00.0", "");
	fake_host_fini(&h);
}
END_TEST

START_TEST(btrfs_holds_all_its_disks)
{
	struct fake_host h;

	disks(&h);
	fake_link(&h, "sys/fs/btrfs/0f-1e/devices/sda1", HDD "/sda1");
	fake_link(&h, "sys/fs/btrfs/0f-1e/devices/nvme0n1p1",
		  SSD "/nvme0n1/nvme0n1p1");
	mounts(&h, "25 1 0:33 /@ /data rw - btrfs /dev/sda1 rw\n");
	used_for(&h, "00:1f.2", "/dev/sda1 is mounted on /data");
	used_for(&h, "04:00.0", "/dev/sda1 is mounted on /data");
	fake_host_fini(&h);
}
END_TEST

START_TEST(an_nvme_subsystem_holds_its_controllers)
{
	const char sub[] = VIRT "/nvme-subsystem/nvme-subsys0";
	struct fake_host h;

	fake_host_init(&h);
	fake_dir(&h, SSD "/nvme0c0n1");
	block(&h, "259:0", VIRT "/nvme-subsystem/nvme-subsys0/nvme0n1");
	partition(&h, "259:1",
		  VIRT "/nvme-subsystem/nvme-subsys0/nvme0n1/nvme0n1p1");
	fake_link(&h, VIRT "/nvme-subsystem/nvme-subsys0/nvme0", SSD);
	ck_assert(fake_exists(&h, sub));
	mounts(&h, "25 1 259:1 / /mnt rw - ext4 /dev/nvme0n1p1 rw\n");
	used_for(&h, "04:00.0", "/dev/nvme0n1p1 is mounted on /mnt");
	used_for(&h, "04:00.1", "");
	fake_host_fini(&h);
}
END_TEST

START_TEST(a_9p_mount_holds_its_virtio_device)
{
	struct fake_host h;

	fake_host_init(&h);
	fake_write(&h, PCI "/0000:00:08.0/virtio1/mount_tag", "root");
	fake_link(&h, "sys/bus/virtio/drivers/9pnet_virtio/virtio1",
		  PCI "/0000:00:08.0/virtio1");
	mounts(&h, "25 1 0:33 / /mnt ro - 9p root ro,trans=virtio\n");
	used_for(&h, "00:08.0", "9p share root is mounted on /mnt");
	mounts(&h, "25 1 0:33 / /mnt ro - 9p other ro,trans=virtio\n");
	used_for(&h, "00:08.0", "");
	fake_host_fini(&h);
}
END_TEST

START_TEST(mounts_of_process_1_count_too)
{
	struct fake_host h;

	disks(&h);
	fake_write(&h, "proc/1/mountinfo",
		   "25 1 8:1 / / rw - ext4 /dev/sda1 rw\n");
	used_for(&h, "00:1f.2", "/dev/sda1 is mounted on /");
	fake_host_fini(&h);
}
END_TEST

START_TEST(swap_holds_its_disk)
{
	struct fake_host h;

	disks(&h);
	fake_write(&h, "proc/swaps",
		   "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
		   "/dev/moat-test-no-such-node/nvme0n1p1  "
		   "partition\t8388604\t0\t-2\n"
		   "/swapfile                               "
		   "file\t8388604\t0\t-3\n");
	used_for(&h, "04:00.0", "the host swaps to /dev/nvme0n1p1");
	mounts(&h, "26 25 259:2 / /boot rw - vfat /dev/nvme0n1p2 rw\n");
	used_for(&h, "04:00.0",
		 "/dev/nvme0n1p2 is mounted on /boot; the host swaps to "
		 "/dev/nvme0n1p1");
	fake_host_fini(&h);
}
END_TEST

START_TEST(broken_mountinfo_is_survived)
{
	struct fake_host h;

	disks(&h);
	mounts(&h, "\n"
		   "25\n"
		   "25 1 259:1\n"
		   "25 1 259:1 / /boot rw\n"
		   "25 1 259:1 / /boot rw -\n"
		   "25 1 259:1 / /boot rw - \n"
		   "25 1 259:1 / /boot rw - vfat\n"
		   "25 1 259:1 - vfat x\n"
		   "25 1 259:1 / /\x1b[31m rw - vfat /dev/nvme0n1p1 rw");
	used_for(&h, "04:00.0", "/dev/nvme0n1p1 is mounted on /?[31m");
	fake_host_fini(&h);
}
END_TEST

static void nic(const struct fake_host *h, const char *ifname, const char *addr)
{
	char path[256], link[256];

	(void)snprintf(path, sizeof(path), PCI "/%s/net/%s", addr, ifname);
	fake_dir(h, path);
	(void)snprintf(link, sizeof(link), "sys/class/net/%s", ifname);
	fake_link(h, link, path);
}

/* A virtual interface on others, NULL-terminated names. */
static void stacked(const struct fake_host *h, const char *ifname, bool bond,
		    const char *const *lowers)
{
	char path[256], link[256], to[256];

	(void)snprintf(path, sizeof(path), VIRT "/net/%s", ifname);
	fake_dir(h, path);
	(void)snprintf(link, sizeof(link), "sys/class/net/%s", ifname);
	fake_link(h, link, path);
	for (; *lowers; lowers++) {
		(void)snprintf(link, sizeof(link), VIRT "/net/%s/lower_%s",
			       ifname, *lowers);
		(void)snprintf(to, sizeof(to), "sys/class/net/%s", *lowers);
		fake_link(h, link, to);
	}
	(void)snprintf(link, sizeof(link), VIRT "/net/%s/bonding", ifname);
	if (bond)
		fake_dir(h, link);
}

#define HEADING4                                                         \
	"Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask" \
	"\t\tMTU\tWindow\tIRTT\n"
#define DEFAULT4(ifname) \
	ifname "\t00000000\t0202000A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
#define LOCAL4(ifname) \
	ifname "\t0002000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
#define ZERO32 "00000000000000000000000000000000"
#define DEFAULT6(ifname, flags)                                      \
	ZERO32 " 00 " ZERO32 " 00 fd000000000000000000000000000001 " \
	       "00000400 00000002 00000000 " flags "     " ifname "\n"

static const struct {
	const char *route4, *route6, *nic0, *nic1;
} route_cases[] = {
	{ LOCAL4("eth0"), "", "", "" },
	{ DEFAULT4("eth0") LOCAL4("eth0"), "",
	  "the only default route goes through it (eth0)", "" },
	{ DEFAULT4("eth0") DEFAULT4("eth1"), "", "", "" },
	{ DEFAULT4("eth0") DEFAULT4("eth0"), "",
	  "the only default route goes through it (eth0)", "" },
	{ DEFAULT4("eth0"), DEFAULT6("eth1", "00000003"),
	  "the only default route goes through it (eth0)",
	  "the only IPv6 default route goes through it (eth1)" },
	{ "", DEFAULT6("lo", "00200200") DEFAULT6("eth1", "00000001"), "",
	  "the only IPv6 default route goes through it (eth1)" },
	{ "", DEFAULT6("eth1", "00000201"), "", "" }, /* unreachable */
	{ "eth0\t00000000\t00000000\t0201\t0\t0\t0\t00000000\t0\t0\t0\n", "",
	  "", "" }, /* blackhole */
	{ DEFAULT4("br0"), "", "the only default route goes through it (br0)",
	  "" },
	{ DEFAULT4("vlan7"), "", "",
	  "the only default route goes through it (vlan7)" },
	{ DEFAULT4("bond0"), "", "", "" }, /* the other port is left */
	{ DEFAULT4("tun0"), "", "", "" },
};

START_TEST(the_only_default_route_holds_its_nic)
{
	static const char *const br0[] = { "eth0", "tap0", NULL };
	static const char *const vlan7[] = { "eth1", NULL };
	static const char *const bond0[] = { "eth0", "eth1", NULL };
	static const char *const none[] = { NULL };

	for (size_t i = 0; i < ARRAY_SIZE(route_cases); i++) {
		char route4[1024];
		struct fake_host h;

		fake_host_init(&h);
		nic(&h, "eth0", "0000:05:00.0");
		nic(&h, "eth1", "0000:05:00.1");
		stacked(&h, "tap0", false, none);
		stacked(&h, "tun0", false, none);
		stacked(&h, "br0", false, br0);
		stacked(&h, "vlan7", false, vlan7);
		stacked(&h, "bond0", true, bond0);
		(void)snprintf(route4, sizeof(route4), HEADING4 "%s",
			       route_cases[i].route4);
		fake_write(&h, "proc/net/route", route4);
		fake_write(&h, "proc/net/ipv6_route", route_cases[i].route6);
		used_for(&h, "05:00.0", route_cases[i].nic0);
		used_for(&h, "05:00.1", route_cases[i].nic1);
		fake_host_fini(&h);
	}
}
END_TEST

START_TEST(enabled_virtual_functions_hold_the_physical_one)
{
	struct fake_fn fn = { .addr = "0000:05:00.0", .group = -1 };
	struct fake_host h;

	fake_host_init(&h);
	fake_add_fn(&h, &fn);
	fake_attr(&h, fn.addr, "sriov_numvfs", "0\n");
	used_for(&h, "05:00.0", "");
	fake_attr(&h, fn.addr, "sriov_numvfs", "4\n");
	used_for(&h, "05:00.0", "4 virtual functions of it are enabled");
	fake_host_fini(&h);
}
END_TEST

START_TEST(long_answers_are_cut)
{
	struct in_use *uses;
	char text[24];
	struct fake_host h;

	disks(&h);
	mounts(&h, "25 1 259:2 / /a/rather/long/mount/point rw - ext4 x rw\n");
	ck_assert_int_eq(in_use_scan(&h.host, &uses, NULL), 0);
	in_use_find(uses, fake_bdf("04:00.0"), text, sizeof(text));
	ck_assert_str_eq(text, "/dev/nvme0n1p2 is mount");
	in_use_free(uses);
	fake_host_fini(&h);
}
END_TEST

CHECK_MAIN("in_use", a_mounted_partition_holds_its_disk,
	   device_mapper_on_raid_holds_all_below,
	   deep_stacks_take_little_of_a_threads_stack, a_stack_that_loops_ends,
	   btrfs_holds_all_its_disks, an_nvme_subsystem_holds_its_controllers,
	   a_9p_mount_holds_its_virtio_device, mounts_of_process_1_count_too,
	   swap_holds_its_disk, broken_mountinfo_is_survived,
	   the_only_default_route_holds_its_nic,
	   enabled_virtual_functions_hold_the_physical_one,
	   long_answers_are_cut)
