// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A function whose files are ordinary ones: config space and BARs can be
 * looked into, and a FIFO plays /dev/uioN.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include <moat/device.h>

#include "assign/bytes.h"
#include "assign/host_device.h"
#include "assign/unfenced.h"
#include "common/clock.h"
#include "common/io.h"
#include "common/util.h"
#include "tests/assign/fake_host.h"
#include "tests/check_main.h"

#define NIC  "0000:04:08.0"
#define DIR_ "sys/bus/pci/devices/" NIC "/"

/* BAR 0: 2 MiB; BAR 1: 32 ports; BAR 2: 256 bytes inside a page; BAR 3: no
 * address; BAR 4: 4 KiB. */
#define BAR0_LEN (2 * MiB)
#define BAR2_AT	 0x400

static const char resource[] =
	"0x00000000fe000000 0x00000000fe1fffff 0x0000000000040200\n"
	"0x000000000000c000 0x000000000000c01f 0x0000000000040101\n"
	"0x00000000fe200400 0x00000000fe2004ff 0x0000000000040200\n"
	"0x0000000000000000 0x0000000000000fff 0x0000000020040200\n"
	"0x00000000fe300000 0x00000000fe300fff 0x0000000000040200\n"
	"0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
	"0x0000000000000000 0x0000000000000000 0x0000000000000000\n";

static struct fake_host h;
static struct moat_err err;
static struct host_device *host;
static int config_fd, uio_fd;

static void path_of(const char *path, char ret[PATH_MAX])
{
	ck_assert_int_eq(moat_path(ret, "%s/%s", h.root, path), 0);
}

static void make_file(const char *path, uint64_t len)
{
	char full[PATH_MAX];

	fake_write(&h, path, "");
	path_of(path, full);
	ck_assert_int_eq(truncate(full, (off_t)len), 0);
}

static uint32_t config_get(unsigned int offset, unsigned int len)
{
	uint8_t buf[4];

	ck_assert_int_eq(moat_pread_all(config_fd, buf, len, (off_t)offset), 0);
	return (uint32_t)get_le(buf, len);
}

static void config_set(unsigned int offset, unsigned int len, uint32_t value)
{
	uint8_t buf[4];

	put_le(buf, len, value);
	ck_assert_int_eq(moat_pwrite_all(config_fd, buf, len, (off_t)offset),
			 0);
}

static void make_function(void)
{
	static const struct fake_fn fn = { .addr = NIC,
					   .class_code = 0x020000,
					   .driver = UIO_PCI,
					   .group = 7,
					   .numa_node = -1 };
	char full[PATH_MAX];

	fake_host_init(&h);
	memset(&err, 0, sizeof(err));
	fake_add_fn(&h, &fn);
	make_file(DIR_ "config", 4096);
	path_of(DIR_ "config", full);
	config_fd = open(full, O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(config_fd, 0);
	config_set(PCI_COMMAND, 2, 0x7);
	config_set(PCI_BASE_ADDRESS_0, 4, 0xfe000000);
	config_set(PCI_BASE_ADDRESS_1, 4, 0xc001);
	config_set(PCI_INTERRUPT_PIN, 1, 1);
	fake_attr(&h, NIC, "resource", resource);
	make_file(DIR_ "resource0", BAR0_LEN);
	make_file(DIR_ "resource1", 32);
	make_file(DIR_ "resource2", 4096);
	make_file(DIR_ "resource4", 4096);
	fake_attr(&h, NIC, "reset", "");
	fake_dir(&h, DIR_ "uio/uio5");
	path_of("dev/uio5", full);
	ck_assert_int_eq(mkfifo(full, 0600), 0);
	uio_fd = open(full, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	ck_assert_int_ge(uio_fd, 0);
}

static void open_function(void)
{
	make_function();
	ck_assert_msg(host_uio_open(&h.host, fake_bdf(NIC), &host, &err) == 0,
		      "%s", err.msg);
}

static void remove_function(void)
{
	(void)close(config_fd);
	(void)close(uio_fd);
	fake_host_fini(&h);
}

static void close_function(void)
{
	host->ops->close(host);
	remove_function();
}

static int write_command(uint16_t command)
{
	uint8_t buf[2];

	put_le(buf, 2, command);
	return host->ops->region_write(host, HOST_REGION_CONFIG, PCI_COMMAND,
				       buf, 2);
}

START_TEST(it_is_quiet_and_reset_when_opened)
{
	char full[PATH_MAX], text[8];

	open_function();
	ck_assert(host->can_reset);
	/* Nobody wants its interrupt yet. */
	ck_assert_uint_eq(config_get(PCI_COMMAND, 2), PCI_COMMAND_INTX_DISABLE);
	path_of(DIR_ "reset", full);
	ck_assert_int_eq(moat_read_text(full, text, sizeof(text)), 0);
	ck_assert_str_eq(text, "1");
	fake_attr(&h, NIC, "reset", "");
	host->ops->close(host);
	ck_assert_int_eq(moat_read_text(full, text, sizeof(text)), 0);
	ck_assert_str_eq(text, "1");
	remove_function();
}
END_TEST

static const struct {
	uint64_t size;
	bool readable;
	unsigned int n_areas;
} region_cases[HOST_REGIONS] = {
	[0] = { BAR0_LEN, true, 1 },
	[1] = { 32, true, 0 },
	[2] = { 256, true, 0 }, /* others may share its page */
	[3] = { 4096, false, 0 },
	[4] = { 4096, true, 1 },
	[5] = { 0, false, 0 },
	[HOST_REGION_ROM] = { 0, true, 0 },
	[HOST_REGION_CONFIG] = { 4096, true, 0 },
};

START_TEST(regions_are_what_sysfs_says)
{
	struct host_region info;

	open_function();
	for (unsigned int i = 0; i < HOST_REGIONS; i++) {
		ck_assert_int_eq(host->ops->region_info(host, i, &info), 0);
		ck_assert_msg(info.size == region_cases[i].size, "region %u",
			      i);
		ck_assert_int_eq(info.readable, region_cases[i].readable);
		ck_assert_uint_eq(info.n_areas, region_cases[i].n_areas);
	}
	close_function();
}
END_TEST

/* Where in which file an access lands. */
static const struct {
	unsigned int bar;
	uint64_t offset;
	size_t len;
	const char *file;
	uint64_t at;
} access_cases[] = {
	{ 0, 0, 4, "resource0", 0 },
	{ 0, BAR0_LEN - 8, 8, "resource0", BAR0_LEN - 8 },
	{ 0, 0x1ffe, 4, "resource0", 0x1ffe }, /* across two pages */
	{ 0, 0x1001, 1, "resource0", 0x1001 },
	{ 1, 4, 4, "resource1", 4 },
	{ 1, 3, 1, "resource1", 3 },
	{ 2, 0, 4, "resource2", BAR2_AT },
	{ 2, 0xfe, 2, "resource2", BAR2_AT + 0xfe },
	{ 4, 0xff8, 8, "resource4", 0xff8 },
};

START_TEST(accesses_land_where_they_should)
{
	uint8_t out[8] = { 1, 2, 3, 4, 5, 6, 7, 8 }, in[8];
	char path[128], full[PATH_MAX];

	open_function();
	ck_assert_int_eq(write_command(PCI_COMMAND_MEMORY | PCI_COMMAND_IO), 0);
	for (size_t i = 0; i < ARRAY_SIZE(access_cases); i++) {
		unsigned int bar = access_cases[i].bar;
		size_t len = access_cases[i].len;
		int fd;

		ck_assert_int_eq(host->ops->region_write(host, bar,
							 access_cases[i].offset,
							 out, len),
				 0);
		(void)snprintf(path, sizeof(path), DIR_ "%s",
			       access_cases[i].file);
		path_of(path, full);
		fd = open(full, O_RDWR | O_CLOEXEC);
		ck_assert_int_ge(fd, 0);
		ck_assert_int_eq(
			moat_pread_all(fd, in, len, (off_t)access_cases[i].at),
			0);
		ck_assert_mem_eq(in, out, len);
		memset(in, 0, sizeof(in));
		ck_assert_int_eq(host->ops->region_read(host, bar,
							access_cases[i].offset,
							in, len),
				 0);
		ck_assert_mem_eq(in, out, len);
		(void)close(fd);
	}
	/* Past the end, and where there is nothing. */
	ck_assert_int_eq(host->ops->region_read(host, 2, 0xfe, in, 4), -EINVAL);
	ck_assert_int_eq(host->ops->region_read(host, 0, UINT64_MAX, in, 4),
			 -EINVAL);
	ck_assert_int_eq(host->ops->region_read(host, 3, 0, in, 4), -EINVAL);
	ck_assert_int_eq(host->ops->region_read(host, 5, 0, in, 1), -EINVAL);
	close_function();
}
END_TEST

START_TEST(memory_answers_only_while_it_decodes)
{
	uint8_t buf[4];

	open_function();
	ck_assert_int_eq(host->ops->region_read(host, 0, 0, buf, 4), -EIO);
	ck_assert_int_eq(write_command(PCI_COMMAND_MEMORY), 0);
	ck_assert_int_eq(host->ops->region_read(host, 0, 0, buf, 4), 0);
	ck_assert_int_eq(write_command(PCI_COMMAND_IO), 0);
	ck_assert_int_eq(host->ops->region_read(host, 0, 0, buf, 4), -EIO);
	ck_assert_int_eq(host->ops->region_read(host, 1, 0, buf, 4), 0);
	close_function();
}
END_TEST

START_TEST(a_bar_can_be_mapped)
{
	uint8_t buf[4] = { 1, 2, 3, 4 };
	void *addr;

	open_function();
	ck_assert_int_eq(write_command(PCI_COMMAND_MEMORY), 0);
	ck_assert_int_eq(host->ops->region_map(host, 0, 4096, 8192, &addr), 0);
	ck_assert_int_eq(host->ops->region_write(host, 0, 4100, buf, 4), 0);
	ck_assert_mem_eq((uint8_t *)addr + 4, buf, 4);
	host->ops->region_unmap(host, addr, 8192);
	ck_assert_int_eq(
		host->ops->region_map(host, 0, BAR0_LEN - 4096, 8192, &addr),
		-EINVAL);
	close_function();
}
END_TEST

/* A reset of its own takes a device's BARs and COMMAND. */
START_TEST(lost_bars_come_back_with_decoding)
{
	open_function();
	config_set(PCI_BASE_ADDRESS_0, 4, 0);
	config_set(PCI_BASE_ADDRESS_1, 4, 1);
	ck_assert_int_eq(write_command(PCI_COMMAND_MEMORY), 0);
	ck_assert_uint_eq(config_get(PCI_BASE_ADDRESS_0, 4), 0xfe000000);
	ck_assert_uint_eq(config_get(PCI_BASE_ADDRESS_1, 4), 0xc001);
	close_function();
}
END_TEST

START_TEST(of_the_header_only_command_is_written)
{
	uint8_t buf[4] = { 0xff, 0xff, 0xff, 0xff };

	open_function();
	for (uint64_t at = 0; at < PCI_STD_HEADER_SIZEOF; at += 4)
		ck_assert_int_eq(host->ops->region_write(
					 host, HOST_REGION_CONFIG, at, buf, 4),
				 -EPERM);
	ck_assert_uint_eq(config_get(PCI_BASE_ADDRESS_0, 4), 0xfe000000);
	ck_assert_int_eq(
		host->ops->region_write(host, HOST_REGION_CONFIG, 0x48, buf, 2),
		0);
	ck_assert_uint_eq(config_get(0x48, 4), 0xffff);
	ck_assert_int_eq(
		host->ops->region_write(host, HOST_REGION_CONFIG, 4094, buf, 4),
		-EINVAL);
	close_function();
}
END_TEST

/* ---- INTx ---- */

static bool signalled(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t count;

	if (poll(&p, 1, 5000) != 1)
		return false;
	return read(fd, &count, sizeof(count)) == (ssize_t)sizeof(count);
}

/* What the kernel does when the device asserts. */
static void device_asserts(int32_t count)
{
	config_set(PCI_COMMAND, 2,
		   config_get(PCI_COMMAND, 2) | PCI_COMMAND_INTX_DISABLE);
	ck_assert_int_eq(write(uio_fd, &count, sizeof(count)),
			 (ssize_t)sizeof(count));
}

static bool unmasked_soon(void)
{
	for (int i = 0; i < 500; i++) {
		if (!(config_get(PCI_COMMAND, 2) & PCI_COMMAND_INTX_DISABLE))
			return true;
		(void)usleep(10000);
	}
	return false;
}

START_TEST(interrupts_come_and_end)
{
	struct host_irq info;
	int trigger, resample;
	uint64_t one = 1;

	open_function();
	trigger = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	resample = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ck_assert_int_eq(host->ops->irq_info(host, HOST_IRQ_INTX, &info), 0);
	ck_assert_uint_eq(info.count, 1);
	ck_assert_int_eq(host->ops->irq_info(host, HOST_IRQ_MSIX, &info), 0);
	ck_assert_uint_eq(info.count, 0);
	ck_assert_int_eq(
		host->ops->irq_set(host, HOST_IRQ_INTX, 0, 1, &trigger), 0);
	ck_assert_int_eq(host->ops->intx_unmask_by(host, resample), 0);
	ck_assert_uint_eq(config_get(PCI_COMMAND, 2), 0);
	for (int32_t i = 1; i <= 20; i++) {
		device_asserts(i);
		ck_assert_msg(signalled(trigger), "interrupt %d is lost", i);
		/* Others may write COMMAND meanwhile: it stays masked. */
		ck_assert_int_eq(write_command(i % 2 ? PCI_COMMAND_MASTER : 0),
				 0);
		ck_assert_uint_eq(config_get(PCI_COMMAND, 2) &
					  PCI_COMMAND_INTX_DISABLE,
				  PCI_COMMAND_INTX_DISABLE);
		ck_assert_int_eq(write(resample, &one, sizeof(one)),
				 (ssize_t)sizeof(one));
		ck_assert(unmasked_soon());
		ck_assert_uint_eq(config_get(PCI_COMMAND, 2),
				  i % 2 ? PCI_COMMAND_MASTER : 0);
	}
	/* The guest's own disable bit is not the device's. */
	ck_assert_int_eq(write_command(PCI_COMMAND_INTX_DISABLE), 0);
	ck_assert_uint_eq(config_get(PCI_COMMAND, 2), 0);
	ck_assert_int_eq(host->ops->irq_disable(host, HOST_IRQ_INTX), 0);
	ck_assert_uint_eq(config_get(PCI_COMMAND, 2), PCI_COMMAND_INTX_DISABLE);
	(void)close(trigger);
	(void)close(resample);
	close_function();
}
END_TEST

START_TEST(it_starts_again_after_a_pause)
{
	int trigger, resample;

	open_function();
	for (int32_t i = 1; i <= 3; i++) {
		trigger = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		resample = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		ck_assert_int_eq(
			host->ops->irq_set(host, HOST_IRQ_INTX, 0, 1, &trigger),
			0);
		ck_assert_int_eq(host->ops->intx_unmask_by(host, resample), 0);
		device_asserts(i);
		ck_assert(signalled(trigger));
		ck_assert_int_eq(host->ops->irq_disable(host, HOST_IRQ_INTX),
				 0);
		(void)close(trigger);
		(void)close(resample);
	}
	close_function();
}
END_TEST

START_TEST(without_a_pin_there_is_none)
{
	struct host_irq info;

	open_function();
	config_set(PCI_INTERRUPT_PIN, 1, 0);
	ck_assert_int_eq(host->ops->irq_info(host, HOST_IRQ_INTX, &info), 0);
	ck_assert_uint_eq(info.count, 0);
	close_function();
}
END_TEST

/* ---- from outside ---- */

START_TEST(copies_of_its_files_stop_it)
{
	struct moat_device_hold hold;
	char full[PATH_MAX], text[8];

	open_function();
	ck_assert_int_eq(write_command(PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY),
			 0);
	host->ops->hold(host, &hold);
	fake_attr(&h, NIC, "reset", "");
	ck_assert_int_eq(moat_device_hold_stop(&hold), 0);
	ck_assert_uint_eq(config_get(PCI_COMMAND, 2) & PCI_COMMAND_MASTER, 0);
	path_of(DIR_ "reset", full);
	ck_assert_int_eq(moat_read_text(full, text, sizeof(text)), 0);
	ck_assert_str_eq(text, "1");
	ck_assert_int_ge(hold.keep_fd, 0);
	/* One that does not answer may come back, with what it had. */
	config_set(PCI_COMMAND, 2, 0xffff);
	ck_assert_int_eq(moat_device_hold_stop(&hold), -EAGAIN);
	ck_assert_uint_eq(config_get(PCI_COMMAND, 2), 0xffff);
	close_function();
}
END_TEST

static void *let_go_main(void *opaque)
{
	const int *fd = opaque;

	moat_sleep_ms(200);
	(void)close(*fd);
	return NULL;
}

/* The guard of a killed process has a copy of the file. */
START_TEST(an_earlier_user_is_waited_for)
{
	char full[PATH_MAX];
	pthread_t thread;
	int earlier;

	make_function();
	path_of("dev/uio5", full);
	earlier = open(full, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	ck_assert_int_ge(earlier, 0);
	ck_assert_int_eq(flock(earlier, LOCK_EX), 0);
	config_set(PCI_COMMAND, 2, 0x7);
	ck_assert_int_eq(host_uio_open(&h.host, fake_bdf(NIC), &host, &err),
			 -EBUSY);
	ck_assert_ptr_nonnull(strstr(err.msg, "the moat-guard of one that"));
	ck_assert_uint_eq(config_get(PCI_COMMAND, 2), 0x7);
	ck_assert_int_eq(pthread_create(&thread, NULL, let_go_main, &earlier),
			 0);
	ck_assert_msg(host_uio_open(&h.host, fake_bdf(NIC), &host, &err) == 0,
		      "%s", err.msg);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	close_function();
}
END_TEST

/* ---- what is missing ---- */

static unsigned int count_fds(void)
{
	unsigned int n = 0;

	for (int fd = 0; fd < 128; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static const struct {
	const char *gone;
	int want;
	const char *says;
} missing_cases[] = {
	{ "dev/uio5", -ENOENT, "cannot open " },
	{ DIR_ "config", -ENOENT, "config space" },
	{ DIR_ "resource", -ENOENT, "BAR 0" },
	{ DIR_ "resource2", -ENOENT, "BAR 2" },
};

START_TEST(each_file_that_is_missing_is_named)
{
	for (size_t i = 0; i < ARRAY_SIZE(missing_cases); i++) {
		unsigned int before;

		make_function();
		fake_unlink(&h, missing_cases[i].gone);
		before = count_fds();
		ck_assert_int_eq(
			host_uio_open(&h.host, fake_bdf(NIC), &host, &err),
			missing_cases[i].want);
		ck_assert_msg(strstr(err.msg, missing_cases[i].says),
			      "case %zu: %s", i, err.msg);
		ck_assert_uint_eq(count_fds(), before);
		remove_function();
	}
}
END_TEST

START_TEST(another_driver_shows_no_file)
{
	char full[PATH_MAX];

	make_function();
	path_of(DIR_ "uio/uio5", full);
	ck_assert_int_eq(rmdir(full), 0);
	ck_assert_int_eq(host_uio_open(&h.host, fake_bdf(NIC), &host, &err),
			 -ENODEV);
	ck_assert_ptr_nonnull(strstr(err.msg, "uio_pci_generic"));
	remove_function();
}
END_TEST

CHECK_MAIN("host_uio", it_is_quiet_and_reset_when_opened,
	   regions_are_what_sysfs_says, accesses_land_where_they_should,
	   memory_answers_only_while_it_decodes, a_bar_can_be_mapped,
	   lost_bars_come_back_with_decoding,
	   of_the_header_only_command_is_written, interrupts_come_and_end,
	   it_starts_again_after_a_pause, without_a_pin_there_is_none,
	   copies_of_its_files_stop_it, an_earlier_user_is_waited_for,
	   each_file_that_is_missing_is_named, another_driver_shows_no_file)
