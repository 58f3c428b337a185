// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * rings: from the register write that makes a device interrupt until its
 * handler has run, inside a guest.
 *
 *	rings BDF GROUP ROUNDS COUNT LABELS,intx|msi|msix...
 *
 * Prints a line "LABELS MICROSECONDS" for each interrupt; a round takes COUNT
 * of each kind. The device is vfio-pci's in this guest, which has no IOMMU:
 * GROUP is its file below /dev/vfio. The handler is VFIO's, which adds to an
 * eventfd; this program looks at that all the time, so that no scheduler is
 * measured. QEMU's edu raises what it is told to; an e1000e has a register to
 * set causes by.
 *
 * Registers: QEMU docs/specs/edu.rst; Intel 82574 datasheet revision 3.4,
 * section 10.2.4.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "tests/lab/guest/device.h"

#define EDU_RAISE	0x60
#define EDU_ACK		0x64

#define NIC_ICR		0xc0 /* causes; what is written is cleared */
#define NIC_ICS		0xc8
#define NIC_IMS		0xd0
#define NIC_IMC		0xd8
#define NIC_IVAR	0xe4
#define NIC_LINK	(1u << 2)
#define NIC_OTHER	(1u << 24)
#define NIC_IVAR_OTHER0 (1u << 19) /* valid, vector 0 */

#define DEADLINE_NS	60000000000u
/* An e1000e sends its next no sooner than this after the last. */
#define PAUSE_NS 300000u

struct device {
	int fd;
	volatile uint8_t *bar;
	bool edu;
	unsigned int kind; /* VFIO_PCI_..._IRQ_INDEX */
	int event;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void device_open(struct device *dev, const char *bdf,
			const char *group_file)
{
	int container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	int group = open(group_file, O_RDWR | O_CLOEXEC);
	int config = open_attr(bdf, "config");
	uint16_t vendor;
	size_t len;

	if (container < 0 || group < 0)
		die("%s: %s", group_file, strerror(errno));
	if (ioctl(group, VFIO_GROUP_SET_CONTAINER, &container) < 0 ||
	    ioctl(container, VFIO_SET_IOMMU, VFIO_NOIOMMU_IOMMU) < 0)
		die("%s: no container: %s", bdf, strerror(errno));
	dev->fd = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, bdf);
	dev->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (dev->fd < 0 || dev->event < 0)
		die("%s: %s", bdf, strerror(errno));
	if (pread(config, &vendor, 2, PCI_VENDOR_ID) != 2)
		die("%s: no vendor id", bdf);
	(void)close(config);
	dev->edu = vendor == 0x1234;
	set_command(bdf, true);
	dev->bar = map_bar(bdf, 0, &len);
}

static void set_irqs(const struct device *dev, uint32_t action, bool event)
{
	struct {
		struct vfio_irq_set set;
		int32_t fd;
	} request = {
		.set = { .argsz = sizeof(request),
			 .flags = action | (event ? VFIO_IRQ_SET_DATA_EVENTFD
						  : VFIO_IRQ_SET_DATA_NONE),
			 .index = dev->kind,
			 .count = action == VFIO_IRQ_SET_ACTION_UNMASK ||
				  event },
		.fd = dev->event,
	};

	if (ioctl(dev->fd, VFIO_DEVICE_SET_IRQS, &request) < 0)
		die("VFIO_DEVICE_SET_IRQS of index %u: %s", dev->kind,
		    strerror(errno));
}

static void enable(struct device *dev, unsigned int kind)
{
	dev->kind = kind;
	set_irqs(dev, VFIO_IRQ_SET_ACTION_TRIGGER, true);
	if (dev->edu)
		return;
	write32(dev->bar, NIC_IMC, UINT32_MAX);
	write32(dev->bar, NIC_ICR, UINT32_MAX);
	write32(dev->bar, NIC_IVAR, NIC_IVAR_OTHER0);
	write32(dev->bar, NIC_IMS,
		kind == VFIO_PCI_MSIX_IRQ_INDEX ? NIC_OTHER : NIC_LINK);
}

static void disable(const struct device *dev)
{
	if (!dev->edu)
		write32(dev->bar, NIC_IMC, UINT32_MAX);
	set_irqs(dev, VFIO_IRQ_SET_ACTION_TRIGGER, false);
}

static void raise_one(const struct device *dev)
{
	if (dev->edu)
		write32(dev->bar, EDU_RAISE, 1);
	else
		write32(dev->bar, NIC_ICS,
			dev->kind == VFIO_PCI_MSIX_IRQ_INDEX ? NIC_OTHER
							     : NIC_LINK);
}

/* The read keeps the posted write from arriving after the unmasking. */
static void answer(const struct device *dev)
{
	if (dev->edu)
		write32(dev->bar, EDU_ACK, 1);
	else
		write32(dev->bar, NIC_ICR, UINT32_MAX);
	(void)read32(dev->bar, dev->edu ? EDU_ACK : NIC_IMS);
	if (dev->kind == VFIO_PCI_INTX_IRQ_INDEX)
		set_irqs(dev, VFIO_IRQ_SET_ACTION_UNMASK, false);
}

/* A level may be seen once more than it was raised. */
static void pause_and_drain(const struct device *dev)
{
	uint64_t start = now_ns(), count;

	while (now_ns() - start < PAUSE_NS)
		if (read(dev->event, &count, sizeof(count)) > 0 &&
		    dev->kind == VFIO_PCI_INTX_IRQ_INDEX)
			set_irqs(dev, VFIO_IRQ_SET_ACTION_UNMASK, false);
}

static double ring(const struct device *dev)
{
	uint64_t start, end, count;

	pause_and_drain(dev);
	start = now_ns();
	raise_one(dev);
	while (read(dev->event, &count, sizeof(count)) < 0) {
		if (errno != EAGAIN)
			die("eventfd: %s", strerror(errno));
		if (now_ns() - start > DEADLINE_NS)
			die("an interrupt of index %u is lost", dev->kind);
	}
	end = now_ns();
	answer(dev);
	return (double)(end - start) / 1000;
}

static void sample(struct device *dev, const char *text, uint64_t count)
{
	static const char *const kinds[] = {
		[VFIO_PCI_INTX_IRQ_INDEX] = "intx",
		[VFIO_PCI_MSI_IRQ_INDEX] = "msi",
		[VFIO_PCI_MSIX_IRQ_INDEX] = "msix",
	};
	const char *kind = strchr(text, ',');
	unsigned int i = 0;

	while (kind && i < 3 && strcmp(kind + 1, kinds[i]) != 0)
		i++;
	if (!kind || i == 3)
		die("'%s' is not LABELS,intx|msi|msix", text);
	enable(dev, i);
	(void)ring(dev); /* finds nothing where it is wanted */
	while (count--)
		(void)printf("%.*s %.2f\n", (int)(kind - text), text,
			     ring(dev));
	disable(dev);
}

int main(int argc, char **argv)
{
	struct device dev;
	uint64_t rounds;

	program = "rings";
	if (argc < 6)
		die("usage: rings BDF GROUP ROUNDS COUNT LABELS,KIND...");
	rounds = number(argv[3]);
	device_open(&dev, argv[1], argv[2]);
	for (uint64_t i = 0; i < rounds; i++)
		for (int k = 5; k < argc; k++)
			sample(&dev, argv[i % 2 ? argc + 4 - k : k],
			       number(argv[4]));
	return 0;
}
