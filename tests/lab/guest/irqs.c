// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * irqs: takes many level interrupts of QEMU's edu device, one at a time.
 *
 *	irqs BDF UIO N
 *
 * UIO is the file of uio_pci_generic, which masks the device's INTx at each
 * interrupt and counts it. Each round raises one, waits for it, finds the
 * device's status as it was raised, acknowledges it there and unmasks. What
 * is lost ends in the deadline. Every hundredth is left asserted while it is
 * unmasked, and so has to come a second time.
 *
 * An interrupt may be counted twice: where a level travels as events, as
 * between VFIO and KVM, or from another device on the line, the guest can be
 * interrupted once more while uio has masked what the device still asserts,
 * and uio cannot tell. One in fifty is taken for chance; a storm is more.
 *
 * Registers: QEMU docs/specs/edu.rst. Masking: Linux
 * Documentation/driver-api/uio-howto.rst, "Generic PCI UIO driver".
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/pci_regs.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BAR_SIZE	 (1 << 20)
#define EDU_IRQ_STATUS	 0x24
#define EDU_IRQ_RAISE	 0x60
#define EDU_IRQ_ACK	 0x64
#define DEADLINE_MS	 60000
#define ASSERTED_ANEW(i) ((i) % 100 == 99)

static volatile uint32_t *bar;
static int config_fd, uio_fd;
static uint32_t seen;  /* uio's count */
static uint32_t twice; /* of them, those more than were awaited */

__attribute__((format(printf, 1, 2))) static void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)fprintf(stderr, "irqs: ");
	(void)vfprintf(stderr, fmt, ap);
	(void)fprintf(stderr, "\n");
	va_end(ap);
	exit(1);
}

static void open_device(const char *bdf, const char *uio)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config",
		       bdf);
	config_fd = open(path, O_RDWR);
	uio_fd = open(uio, O_RDWR);
	(void)snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource0",
		       bdf);
	fd = open(path, O_RDWR);
	if (config_fd < 0 || uio_fd < 0 || fd < 0)
		die("%s, %s: %s", bdf, uio, strerror(errno));
	bar = mmap(NULL, BAR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (bar == MAP_FAILED)
		die("%s: cannot map BAR 0: %s", bdf, strerror(errno));
	(void)close(fd);
}

static void unmask(void)
{
	uint16_t command;

	if (pread(config_fd, &command, 2, PCI_COMMAND) != 2)
		die("reading COMMAND: %s", strerror(errno));
	command &= (uint16_t)~PCI_COMMAND_INTX_DISABLE;
	if (pwrite(config_fd, &command, 2, PCI_COMMAND) != 2)
		die("writing COMMAND: %s", strerror(errno));
}

static void await(uint32_t round)
{
	struct pollfd ready = { .fd = uio_fd, .events = POLLIN };
	uint32_t count;

	if (poll(&ready, 1, DEADLINE_MS) != 1)
		die("interrupt %" PRIu32 " is lost", round);
	if (read(uio_fd, &count, sizeof(count)) != sizeof(count))
		die("reading the count: %s", strerror(errno));
	twice += count - seen - 1;
	if (twice > round / 50 + 2)
		die("%" PRIu32 " interrupts too many by the %" PRIu32 "th",
		    twice, round);
	seen = count;
}

static void take(uint32_t round)
{
	uint32_t value = round | 1u << 31, status;

	bar[EDU_IRQ_RAISE / 4] = value;
	await(round);
	if (ASSERTED_ANEW(round)) {
		unmask();
		await(round);
	}
	status = bar[EDU_IRQ_STATUS / 4];
	if (status != value)
		die("at %" PRIu32 " the device's status is %#" PRIx32, round,
		    status);
	bar[EDU_IRQ_ACK / 4] = value;
	unmask();
}

int main(int argc, char **argv)
{
	struct pollfd ready = { .events = POLLIN };
	uint32_t n, anew = 0;

	if (argc != 4) {
		(void)fprintf(stderr, "usage: irqs BDF UIO N\n");
		return 2;
	}
	open_device(argv[1], argv[2]);
	n = (uint32_t)strtoul(argv[3], NULL, 10);
	unmask();
	for (uint32_t i = 0; i < n; i++) {
		take(i);
		anew += ASSERTED_ANEW(i);
	}
	ready.fd = uio_fd;
	if (poll(&ready, 1, 200) != 0)
		die("an interrupt came that was not raised");
	(void)printf("interrupts: %" PRIu32 " raised, %" PRIu32
		     " of them kept asserted, none lost, %" PRIu32
		     " counted twice\n",
		     n, anew, twice);
	return 0;
}
