// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A program that is no VMM drives a PCI device through moat's libraries:
 * QEMU's edu device, 1234:11e8, bound to vfio-pci ("moat bind BDF").
 *
 * The device gets one page of this program's memory and can reach nothing
 * else. The place of the "guest" is taken by struct place: where the engine
 * would show a BAR to a guest, it hands the memory to place_map(); where it
 * would raise an interrupt there, it hands an eventfd to place_connect().
 *
 *	cc -o edu-dma edu-dma.c $(pkg-config --cflags --libs moat-assign)
 *
 * Registers: QEMU docs/specs/edu.rst.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include <moat/device.h>

#define IOVA	     0x100000u /* where the device sees our page */
#define PAGE	     4096u
#define BAR_AT	     0xe0000000u /* any place where no memory is */
#define WAIT_MS	     20000

#define EDU_IRQ	     0x24
#define EDU_IRQ_ACK  0x64
#define EDU_DMA_SRC  0x80
#define EDU_DMA_DST  0x88
#define EDU_DMA_LEN  0x90
#define EDU_DMA_CMD  0x98
#define DMA_START    0x1u
#define DMA_TO_US    0x2u
#define DMA_WITH_IRQ 0x4u
#define EDU_BUFFER   0x40000u

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

static void place_unmap(void *vmm, unsigned int handle)
{
	(void)handle;
	((struct place *)vmm)->bar = NULL;
}

/* For ports, and pages that cannot be mapped: edu has neither. */
static int place_trap(void *vmm, const struct moat_trap *trap)
{
	(void)vmm;
	(void)trap;
	return 0;
}

static void place_untrap(void *vmm, const struct moat_trap *trap)
{
	(void)vmm;
	(void)trap;
}

static int place_no_pin(void *vmm, unsigned int pin, int trigger, int resample)
{
	(void)vmm;
	(void)pin;
	(void)trigger;
	(void)resample;
	return -EOPNOTSUPP; /* messages will do */
}

static int place_connect(void *vmm, int fd, const struct moat_msi_msg *msg,
			 unsigned int *ret_route)
{
	(void)msg; /* ours: there is one vector only */
	((struct place *)vmm)->irq_fd = fd;
	*ret_route = 0;
	return 0;
}

static int place_update(void *vmm, unsigned int route,
			const struct moat_msi_msg *msg)
{
	(void)vmm;
	(void)route;
	(void)msg;
	return 0;
}

static void place_disconnect(void *vmm, unsigned int route)
{
	(void)route;
	((struct place *)vmm)->irq_fd = -1;
}

static int place_commit(void *vmm)
{
	(void)vmm;
	return 0;
}

static const struct moat_vmm_ops place_ops = {
	.map_memory = place_map,
	.unmap_memory = place_unmap,
	.trap = place_trap,
	.untrap = place_untrap,
	.intx_connect = place_no_pin,
	.msi_connect = place_connect,
	.msi_update = place_update,
	.msi_disconnect = place_disconnect,
	.msi_commit = place_commit,
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
		    uint32_t len, uint32_t direction)
{
	struct pollfd ready = { .fd = place->irq_fd, .events = POLLIN };
	volatile uint8_t *bar = place->bar;
	uint64_t count;

	*(volatile uint64_t *)(bar + EDU_DMA_SRC) = src;
	*(volatile uint64_t *)(bar + EDU_DMA_DST) = dst;
	*(volatile uint64_t *)(bar + EDU_DMA_LEN) = len;
	*(volatile uint32_t *)(bar + EDU_DMA_CMD) = DMA_START | DMA_WITH_IRQ |
						    direction;
	if (poll(&ready, 1, WAIT_MS) != 1 ||
	    read(place->irq_fd, &count, sizeof(count)) != sizeof(count))
		return -ETIMEDOUT;
	*(volatile uint32_t *)(bar + EDU_IRQ_ACK) =
		*(volatile uint32_t *)(bar + EDU_IRQ);
	return 0;
}

/* The upper half of the page, by way of the device, into the lower one. */
static int drive(struct moat_device *dev, struct place *place, uint8_t *page,
		 struct moat_err *err)
{
	int r;

	configure(dev);
	if (!place->bar || place->irq_fd < 0)
		return moat_fail(err, -EIO, "no BAR or no MSI: is it edu?");
	for (unsigned int i = 0; i < PAGE / 2; i++)
		page[PAGE / 2 + i] = (uint8_t)(i * 7 + 1);
	r = transfer(place, IOVA + PAGE / 2, EDU_BUFFER, PAGE / 2, 0);
	if (r == 0)
		r = transfer(place, EDU_BUFFER, IOVA, PAGE / 2, DMA_TO_US);
	if (r < 0)
		return moat_fail(err, r, "no interrupt within %d ms", WAIT_MS);
	if (memcmp(page, page + PAGE / 2, PAGE / 2) != 0)
		return moat_fail(err, -EIO, "the data came back changed");
	(void)printf("edu-dma: %u bytes there and back, two interrupts\n",
		     PAGE / 2);
	return 0;
}

static int run(const struct moat_device_spec *spec, uint8_t *page,
	       struct moat_err *err)
{
	const struct moat_ioas_config config = { .backend = NULL };
	struct moat_device_params params = { .spec = spec,
					     .same_guest = &spec->host,
					     .n_same_guest = 1 };
	struct place place = { .irq_fd = -1 };
	struct moat_device *dev;
	int r;

	r = moat_ioas_create(&config, &params.ioas, err);
	if (r < 0)
		return r;
	r = moat_ioas_map(params.ioas, IOVA, PAGE, page,
			  MOAT_DMA_READ | MOAT_DMA_WRITE, err);
	if (r < 0)
		goto destroy;
	r = moat_device_open(&params, &dev, err);
	if (r < 0)
		goto destroy;
	r = moat_device_plug(dev, &place_ops, &place, 0, err);
	if (r == 0) {
		moat_device_arm(dev); /* all that it may reach is mapped */
		r = drive(dev, &place, page, err);
	}
	moat_device_close(dev);
destroy:
	moat_ioas_destroy(params.ioas);
	return r;
}

int main(int argc, char **argv)
{
	struct moat_device_spec spec;
	struct moat_err err;
	char text[64];
	uint8_t *page;

	if (argc != 2) {
		(void)fprintf(stderr, "usage: edu-dma BDF\n");
		return 2;
	}
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	(void)snprintf(text, sizeof(text), "host=%s", argv[1]);
	if (page == MAP_FAILED || moat_device_spec_parse(text, &spec, &err) ||
	    run(&spec, page, &err) < 0) {
		(void)fprintf(stderr, "edu-dma: %s\n",
			      page == MAP_FAILED ? "no memory" : err.msg);
		return 1;
	}
	return 0;
}
