// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A program that is no VMM drives a PCI device through moat's libraries:
 * QEMU's edu device, 1234:11e8, bound to vfio-pci ("moat bind BDF").
 *
 *	cc -o edu-dma edu-dma.c $(pkg-config --cflags --libs moat-assign)
 *	./edu-dma host=BDF
 *
 * The device gets one page of this program's memory and can reach nothing
 * else. Registers: QEMU docs/specs/edu.rst.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/pci_regs.h>
#include <moat/device.h>

#define IOVA	    0x100000u /* where the device sees our page */
#define PAGE	    4096u
#define BAR_AT	    0xe0000000u /* any place where no memory is */

#define EDU_IRQ	    0x24
#define EDU_IRQ_ACK 0x64
#define EDU_DMA_SRC 0x80
#define EDU_DMA_DST 0x88
#define EDU_DMA_LEN 0x90
#define EDU_DMA_CMD 0x98 /* 1: start, 2: from the device, 4: interrupt */
#define EDU_BUFFER  0x40000u

/* In the place of the guest: its memory and its interrupt controller. */
struct place {
	volatile uint8_t *bar; /* NULL: not decoded */
	int irq_fd;	       /* -1: not connected */
};

static int place_map(void *vmm, uint64_t at, uint64_t len, void *host,
		     unsigned int *ret_handle)
{
	(void)len; /* edu's BAR can be mapped whole */
	((struct place *)vmm)->bar = (uint8_t *)host - (at - BAR_AT);
	*ret_handle = 0;
	return 0;
}

static int place_connect(void *vmm, int fd, const struct moat_msi_msg *msg,
			 unsigned int *ret_route)
{
	(void)msg; /* ours: there is one vector only */
	((struct place *)vmm)->irq_fd = fd;
	*ret_route = 0;
	return 0;
}

static const struct moat_vmm_ops place_ops = {
	.map_memory = place_map,
	.msi_connect = place_connect,
};

/* As a guest's firmware and driver would: place the BAR, turn things on. */
static void configure(struct moat_device *dev)
{
	uint16_t cap = PCI_CAPABILITY_LIST - PCI_CAP_LIST_NEXT;

	moat_device_config_write(dev, PCI_BASE_ADDRESS_0, 4, BAR_AT);
	moat_device_config_write(dev, PCI_COMMAND, 2,
				 PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	do
		cap = (uint16_t)moat_device_config_read(
			dev, cap + PCI_CAP_LIST_NEXT, 1);
	while (cap && moat_device_config_read(dev, cap, 1) != PCI_CAP_ID_MSI);
	if (cap)
		moat_device_config_write(dev, cap + PCI_MSI_FLAGS, 2,
					 PCI_MSI_FLAGS_ENABLE);
}

static int transfer(struct place *place, uint64_t src, uint64_t dst,
		    uint32_t command)
{
	struct pollfd ready = { .fd = place->irq_fd, .events = POLLIN };
	volatile uint8_t *bar = place->bar;
	uint64_t count;

	*(volatile uint64_t *)(bar + EDU_DMA_SRC) = src;
	*(volatile uint64_t *)(bar + EDU_DMA_DST) = dst;
	*(volatile uint64_t *)(bar + EDU_DMA_LEN) = PAGE / 2;
	*(volatile uint32_t *)(bar + EDU_DMA_CMD) = command;
	if (poll(&ready, 1, 20000) != 1 ||
	    read(place->irq_fd, &count, sizeof(count)) != sizeof(count))
		return -ETIMEDOUT;
	*(volatile uint32_t *)(bar + EDU_IRQ_ACK) =
		*(volatile uint32_t *)(bar + EDU_IRQ);
	return 0;
}

/* The upper half of the page, by way of the device, into the lower one. */
static int drive(struct moat_device *dev, uint8_t *page, struct moat_err *err)
{
	struct place place = { .irq_fd = -1 };
	int r = moat_device_plug(dev, &place_ops, &place, 0, err);

	if (r < 0)
		return r;
	moat_device_arm(dev); /* all that it may reach is mapped */
	configure(dev);
	if (!place.bar || place.irq_fd < 0)
		return moat_fail(err, -EIO, "no BAR or no MSI: is it edu?");
	memset(page + PAGE / 2, 'm', PAGE / 2);
	r = transfer(&place, IOVA + PAGE / 2, EDU_BUFFER, 1 | 4);
	if (r == 0)
		r = transfer(&place, EDU_BUFFER, IOVA, 1 | 2 | 4);
	if (r == 0 && memcmp(page, page + PAGE / 2, PAGE / 2) != 0)
		r = -EIO;
	return r < 0 ? moat_fail(err, r, "the transfer: %s", strerror(-r)) : 0;
}

int main(int argc, char **argv)
{
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const struct moat_ioas_config config = { .backend = NULL };
	struct moat_device_spec spec;
	struct moat_device_params params = { .spec = &spec,
					     .same_guest = &spec.host,
					     .n_same_guest = 1 };
	struct moat_device *dev = NULL;
	struct moat_err err = { "no memory" };
	int r = page == MAP_FAILED ? -ENOMEM : 0;

	if (r == 0)
		r = moat_device_spec_parse(argc == 2 ? argv[1] : "", &spec,
					   &err);
	if (r == 0)
		r = moat_ioas_create(&config, &params.ioas, &err);
	if (r == 0)
		r = moat_ioas_map(params.ioas, IOVA, PAGE, page,
				  MOAT_DMA_READ | MOAT_DMA_WRITE, &err);
	if (r == 0)
		r = moat_device_open(&params, &dev, &err);
	if (r == 0)
		r = drive(dev, page, &err);
	moat_device_close(dev); /* the device no longer masters the bus */
	moat_ioas_destroy(params.ioas);
	(void)fprintf(r ? stderr : stdout, "edu-dma: %s\n",
		      r ? err.msg : "2048 bytes there and back by DMA");
	return r ? 1 : 0;
}
