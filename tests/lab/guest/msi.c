// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * msi: has QEMU's edu device compute factorials, inside a guest, and takes the
 * message that it sends for each when it is done.
 *
 *	msi BDF GROUP N
 *
 * The device is vfio-pci's in this guest, which has no IOMMU: GROUP is its file
 * below /dev/vfio. So it is the guest's kernel that programs MSI. None may be
 * lost, and none may come twice.
 *
 * Registers: QEMU docs/specs/edu.rst.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/vfio.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/lab/guest/device.h"

#define EDU_FACTORIAL  0x08
#define EDU_STATUS     0x20 /* bit 7: a message when it is done; bit 0: busy */
#define EDU_IRQ_STATUS 0x24
#define EDU_IRQ_ACK    0x64
#define EDU_IRQ_DONE   1
#define DEADLINE_MS    60000

static int open_vfio(const char *bdf, const char *group_file)
{
	int container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	int group = open(group_file, O_RDWR | O_CLOEXEC);
	int fd;

	if (container < 0 || group < 0)
		die("%s: %s", group_file, strerror(errno));
	if (ioctl(group, VFIO_GROUP_SET_CONTAINER, &container) < 0)
		die("VFIO_GROUP_SET_CONTAINER: %s", strerror(errno));
	if (ioctl(container, VFIO_SET_IOMMU, VFIO_NOIOMMU_IOMMU) < 0)
		die("VFIO_SET_IOMMU: %s", strerror(errno));
	fd = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, bdf);
	if (fd < 0)
		die("VFIO_GROUP_GET_DEVICE_FD: %s", strerror(errno));
	return fd;
}

/* Return: an eventfd that counts the messages. */
static int enable_msi(int device)
{
	struct {
		struct vfio_irq_set set;
		int32_t fd;
	} request = {
		.set = { .argsz = sizeof(request),
			 .flags = VFIO_IRQ_SET_DATA_EVENTFD |
				  VFIO_IRQ_SET_ACTION_TRIGGER,
			 .index = VFIO_PCI_MSI_IRQ_INDEX,
			 .count = 1 },
		.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
	};

	if (request.fd < 0)
		die("eventfd: %s", strerror(errno));
	if (ioctl(device, VFIO_DEVICE_SET_IRQS, &request) < 0)
		die("VFIO_DEVICE_SET_IRQS: %s", strerror(errno));
	return request.fd;
}

static uint32_t factorial(uint32_t n)
{
	uint32_t product = 1;

	for (; n > 1; n--)
		product *= n;
	return product;
}

static void take(volatile uint8_t *bar, int fd, uint32_t round)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	uint32_t n = round % 20, got;
	uint64_t count;

	write32(bar, EDU_FACTORIAL, n);
	if (poll(&ready, 1, DEADLINE_MS) != 1)
		die("message %" PRIu32 " is lost", round);
	if (read(fd, &count, sizeof(count)) != sizeof(count) || count != 1)
		die("message %" PRIu32 " came %" PRIu64 " times", round, count);
	got = read32(bar, EDU_FACTORIAL);
	if (got != factorial(n))
		die("%" PRIu32 "! is not %" PRIu32, n, got);
	if (read32(bar, EDU_IRQ_STATUS) != EDU_IRQ_DONE)
		die("its status is %#" PRIx32, read32(bar, EDU_IRQ_STATUS));
	write32(bar, EDU_IRQ_ACK, EDU_IRQ_DONE);
}

int main(int argc, char **argv)
{
	struct pollfd late = { .events = POLLIN };
	volatile uint8_t *bar;
	uint32_t n;
	size_t len;
	int device;

	program = "msi";
	if (argc != 4)
		die("usage: msi BDF GROUP N");
	device = open_vfio(argv[1], argv[2]);
	n = (uint32_t)number(argv[3]);
	set_command(argv[1], true);
	bar = map_bar(argv[1], 0, &len);
	late.fd = enable_msi(device);
	write32(bar, EDU_STATUS, 0x80);
	for (uint32_t i = 0; i < n; i++)
		take(bar, late.fd, i);
	if (poll(&late, 1, 200) != 0)
		die("a message came that nothing was computed for");
	(void)printf("messages: %" PRIu32 " sent, none lost\n", n);
	return 0;
}
