// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ports: uses the 32 ports of an e1000e, inside a guest, and prints what it
 * sees. IOADDR at +0 names a register and IODATA at +4 is that register, which
 * is also in memory BAR 0: so one way can be held against the other.
 *
 *	ports BDF
 *
 * It does so on each processor, and between two rounds turns the device's
 * port decode off.
 * Source: Intel 82574 datasheet revision 3.4, section 10.2.1.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#define PORTS	      32
#define IOADDR	      0
#define IODATA	      4

#define REG_STATUS    0x0008
#define REG_RAL0      0x5400 /* the MAC address, low half */
#define REGISTERS_LEN 0x20000

static void die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)fprintf(stderr, "ports: ");
	(void)vfprintf(stderr, fmt, ap);
	(void)fprintf(stderr, "\n");
	va_end(ap);
	exit(1);
}

static int open_file(const char *bdf, const char *name, int flags)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", bdf,
		       name);
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		die("%s: %s", path, strerror(errno));
	return fd;
}

/* Where the kernel of this guest sees BAR 2. */
static uint16_t find_ports(const char *bdf)
{
	FILE *f = fdopen(open_file(bdf, "resource", O_RDONLY), "re");
	uint64_t first = 0, last = 0;
	char line[128];

	for (int i = 0; f && i < 3; i++)
		if (!fgets(line, sizeof(line), f))
			die("no line for BAR 2");
	if (!f || sscanf(line, "%" SCNx64 " %" SCNx64, &first, &last) != 2 ||
	    last > UINT16_MAX || last - first + 1 != PORTS)
		die("BAR 2 is not 32 ports");
	(void)fclose(f);
	return (uint16_t)first;
}

static void set_command(int config, uint16_t bits)
{
	if (pwrite(config, &bits, sizeof(bits), PCI_COMMAND) != sizeof(bits))
		die("COMMAND: %s", strerror(errno));
}

static void run_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		die("processor %d: %s", cpu, strerror(errno));
}

static void compare(const char *what, uint32_t port, uint32_t memory)
{
	if (port != memory)
		die("%s is %#x by ports and %#x by memory", what, port, memory);
}

/* What is printed is the same however the ports are reached. */
static void round_of(const volatile uint8_t *regs, uint16_t base, int cpu)
{
	const volatile uint32_t *ral =
		(const volatile uint32_t *)(regs + REG_RAL0);
	const volatile uint32_t *status =
		(const volatile uint32_t *)(regs + REG_STATUS);
	uint32_t value = 0x11223300u + (uint32_t)cpu;

	outl(REG_STATUS, base + IOADDR);
	compare("STATUS", inl(base + IODATA), *status);
	if (*status == 0 || *status == UINT32_MAX)
		die("STATUS is %#x", *status);
	outl(REG_RAL0, base + IOADDR);
	outl(value, base + IODATA);
	compare("RAL0", inl(base + IODATA), value);
	compare("RAL0", inl(base + IODATA), *ral);
	printf("cpu %d: %08x %04x %02x, %04x %02x\n", cpu, inl(base + IODATA),
	       inw(base + IODATA), inb(base + IODATA), inw(base + IOADDR),
	       inb(base + IOADDR));
}

int main(int argc, char **argv)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	volatile uint8_t *regs;
	uint16_t base;
	int config, fd;

	if (argc != 2)
		die("usage: ports BDF");
	base = find_ports(argv[1]);
	config = open_file(argv[1], "config", O_RDWR);
	fd = open_file(argv[1], "resource0", O_RDWR | O_SYNC);
	regs = mmap(NULL, REGISTERS_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    0);
	if (regs == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	if (ioperm(base, PORTS, 1) < 0)
		die("ioperm: %s", strerror(errno));
	for (int i = 0; i < 2; i++) {
		set_command(config, PCI_COMMAND_MEMORY | PCI_COMMAND_IO);
		for (int cpu = 0; cpu < cpus; cpu++) {
			run_on(cpu);
			round_of(regs, base, cpu);
		}
		set_command(config, PCI_COMMAND_MEMORY);
		if (inl(base + IODATA) != UINT32_MAX)
			die("the ports answer without being decoded");
	}
	printf("ports: done\n");
	return 0;
}
