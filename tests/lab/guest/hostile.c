// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hostile: writes random values to PCI devices, as a guest that has gone mad
 * or bad would: to config space (by the kernel's file, by ports and by ECAM),
 * to memory and port BARs wherever they are now, and to the MSI-X table.
 *
 *	hostile SECONDS SEED BDF...
 *
 * One thread per processor. Nobody may have a driver on the devices. What is
 * left out would end this guest, or QEMU as the device, and tell nothing of
 * the host: interrupt messages that are an NMI, INIT or exception of this
 * guest's own processors; the start of DMA by edu, for which QEMU aborts, and
 * of NVMe's queues, which would write into this kernel; and the registers of
 * e1000e that interrupt, as QEMU asserts that a throttled interrupt finds the
 * kind of interrupt enabled that it was meant for.
 *
 * All is random per thread from the seed, but not how the threads interleave.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/pci_regs.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAX_DEVICES 8
#define MAX_THREADS 16
#define BARS	    6
#define MIN_WRITES  50 /* per thread, however slow the machine is */
#define ECAM_LEN    4096
#define WINDOW	    (64 * 1024) /* of a BAR, what is written to */
#define MCFG_BASE   44		/* PCI Firmware 3.3, table 4-2 */

enum { EDU = 0x11e81234, E1000E = 0x10d38086, NVME = 0x00101b36 };

struct device {
	const char *bdf;
	unsigned int bus, devfn;
	uint32_t id;
	int config_fd;
	uint32_t config_len;	      /* in its file: 256 or 4096 */
	volatile uint8_t *ecam;	      /* NULL: not to be had */
	volatile uint8_t *bars[BARS]; /* NULL: none, or ports */
	uint32_t bar_len[BARS];
	uint16_t ports; /* 0: none */
	uint16_t n_ports;
	uint16_t msi, msi_len; /* in config space; 0: none */
	unsigned int table_bar;
	uint32_t table, table_len; /* in that BAR; 0 long: none */
};

struct worker {
	pthread_t thread;
	uint64_t state;
	uint64_t by_file, by_port, by_ecam, memory, table, ports;
	int cpu;
};

static struct device devices[MAX_DEVICES];
static int n_devices;
static struct timespec end;
/* Of 0xcf8 and 0xcfc, which are two steps. */
static pthread_mutex_t port_lock = PTHREAD_MUTEX_INITIALIZER;

__attribute__((format(printf, 1, 2))) static void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)fprintf(stderr, "hostile: ");
	(void)vfprintf(stderr, fmt, ap);
	(void)fprintf(stderr, "\n");
	va_end(ap);
	exit(1);
}

/* xorshift64*: G. Marsaglia, "Xorshift RNGs", and S. Vigna's multiplier. */
static uint64_t draw(struct worker *w)
{
	w->state ^= w->state >> 12;
	w->state ^= w->state << 25;
	w->state ^= w->state >> 27;
	return w->state * UINT64_C(2685821657736338717);
}

static uint32_t below(struct worker *w, uint32_t n)
{
	return (uint32_t)((draw(w) >> 32) % n);
}

/* Random bits, and the values that code gets wrong more often than others. */
static uint32_t value(struct worker *w)
{
	switch (below(w, 6)) {
	case 0:
		return 0;
	case 1:
		return UINT32_MAX;
	case 2:
		return 1u << below(w, 32);
	case 3: /* an address near memory, the APIC's page or another BAR */
		return below(w, 2) ? 0xfee00000 | below(w, 1 << 20)
				   : below(w, 1 << 12) << 20;
	default:
		return (uint32_t)draw(w);
	}
}

static uint32_t config_read(const struct device *d, uint32_t at, size_t len)
{
	uint32_t v = 0;

	if (pread(d->config_fd, &v, len, (off_t)at) != (ssize_t)len)
		die("%s: reading config at %#x: %s", d->bdf, at,
		    strerror(errno));
	return v;
}

static void config_write(const struct device *d, uint32_t at, uint32_t v,
			 size_t len)
{
	if (pwrite(d->config_fd, &v, len, (off_t)at) != (ssize_t)len)
		die("%s: writing config at %#x: %s", d->bdf, at,
		    strerror(errno));
}

/* A message's data as this guest's processors survive it: fixed, of a vector
 * that nobody has. */
static uint32_t survivable(uint32_t data)
{
	return (data & ~0x7ffu) | 0x30 | (data & 0xf);
}

/* Config writes reach the data of MSI in any of its bytes. */
static uint32_t config_value(const struct device *d, uint32_t at, uint32_t v)
{
	uint32_t data;

	if (!d->msi || at < d->msi || at >= d->msi + 16u)
		return v;
	data = (at - d->msi) & ~3u;
	if (data != PCI_MSI_DATA_32 && data != PCI_MSI_DATA_64)
		return v;
	return at & 1 ? 0 : at & 2 ? v : survivable(v);
}

static void write_by_port(const struct device *d, uint32_t at, uint32_t v,
			  size_t len)
{
	uint16_t port = (uint16_t)(0xcfc + (at & 3));

	(void)pthread_mutex_lock(&port_lock);
	outl(1u << 31 | d->bus << 16 | d->devfn << 8 | (at & 0xfc), 0xcf8);
	if (len == 1)
		outb((uint8_t)v, port);
	else if (len == 2)
		outw((uint16_t)v, port);
	else
		outl(v, port);
	(void)pthread_mutex_unlock(&port_lock);
}

static void write_memory(volatile uint8_t *at, uint32_t v, size_t len)
{
	if (len == 1)
		*at = (uint8_t)v;
	else if (len == 2)
		*(volatile uint16_t *)at = (uint16_t)v;
	else
		*(volatile uint32_t *)at = v;
}

static void attack_config(struct worker *w, struct device *d)
{
	size_t len = (size_t)1 << below(w, 3);
	/* Mostly where something is. */
	uint32_t room = below(w, 4) ? 64 : below(w, 4) ? 256 : 4096;
	uint32_t at = below(w, room) & ~(uint32_t)(len - 1);
	uint32_t v = config_value(d, at, value(w));

	switch (below(w, 3)) {
	case 0:
		if (at < 256) {
			write_by_port(d, at, v, len);
			w->by_port++;
			return;
		}
		break;
	case 1:
		if (d->ecam) {
			write_memory(d->ecam + at, v, len);
			w->by_ecam++;
			return;
		}
		break;
	default:
		break;
	}
	if (at >= d->config_len)
		return;
	config_write(d, at, v, len);
	w->by_file++;
}

/* What would start DMA, or end QEMU: see above. */
static bool left_alone(const struct device *d, unsigned int bar, uint32_t at)
{
	if (bar != 0)
		return false;
	at &= ~3u;
	switch (d->id) {
	case EDU:
		return at >= 0x80 && at < 0xa0;
	case E1000E: /* all but tables of addresses */
		return at < 0x5200 || at >= 0x5600;
	case NVME: /* CC */
		return at == 0x14;
	default:
		return false;
	}
}

static void attack_memory(struct worker *w, struct device *d)
{
	size_t len = (size_t)1 << below(w, 3);
	unsigned int bar = below(w, BARS);
	uint32_t at, entry;

	if (!d->bars[bar])
		return;
	at = below(w, below(w, 2) ? 0x200 : d->bar_len[bar]);
	at = at % d->bar_len[bar] & ~(uint32_t)(len - 1);
	entry = at - d->table;
	if (left_alone(d, bar, at) ||
	    (bar == d->table_bar && entry < d->table_len))
		return;
	write_memory(d->bars[bar] + at, value(w), len);
	w->memory++;
}

static void attack_table(struct worker *w, struct device *d)
{
	uint32_t at, v = value(w);

	if (!d->table_len || !d->bars[d->table_bar])
		return;
	at = below(w, d->table_len) & ~3u;
	if (at % PCI_MSIX_ENTRY_SIZE == PCI_MSIX_ENTRY_DATA)
		v = survivable(v);
	write_memory(d->bars[d->table_bar] + d->table + at, v, 4);
	w->table++;
}

/* e1000e's ports reach its registers: the address is kept at a harmless one. */
static void attack_ports(struct worker *w, struct device *d)
{
	uint32_t at;

	if (!d->ports)
		return;
	at = below(w, d->n_ports);
	if (at < 4 && d->id == E1000E)
		outl(8, d->ports);
	else
		outb((uint8_t)value(w), (uint16_t)(d->ports + at));
	w->ports++;
}

/* What makes the devices that were attacked work again, and interrupt. */
static void enliven(struct worker *w, struct device *d)
{
	config_write(d, PCI_COMMAND,
		     PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER,
		     2);
	if (d->msi && below(w, 2)) {
		config_write(d, d->msi + PCI_MSI_FLAGS, PCI_MSI_FLAGS_ENABLE,
			     2);
	}
	if (d->id == EDU && d->bars[0]) {
		write_memory(d->bars[0] + 0x60, 1u << below(w, 32), 4);
		write_memory(d->bars[0] + 0x64, UINT32_MAX, 4);
	}
}

static bool time_is_up(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec > end.tv_sec ||
	       (now.tv_sec == end.tv_sec && now.tv_nsec >= end.tv_nsec);
}

static bool has_done_enough(const struct worker *w)
{
	return w->by_file + w->by_port + w->by_ecam + w->memory + w->table +
		       w->ports >=
	       MIN_WRITES;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)w->cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		die("processor %d: %s", w->cpu, strerror(errno));
	if (iopl(3) < 0)
		die("iopl: %s", strerror(errno));
	while (!time_is_up() || !has_done_enough(w)) {
		struct device *d = &devices[below(w, (uint32_t)n_devices)];

		switch (below(w, 8)) {
		case 0:
		case 1:
			attack_memory(w, d);
			break;
		case 2:
			attack_table(w, d);
			break;
		case 3:
			attack_ports(w, d);
			break;
		case 4:
			enliven(w, d);
			break;
		default:
			attack_config(w, d);
		}
	}
	return NULL;
}

static void find_capabilities(struct device *d)
{
	uint32_t at = config_read(d, PCI_CAPABILITY_LIST, 1) & 0xfc, v;

	for (int n = 0; at && n < 48; n++) {
		switch (config_read(d, at, 1)) {
		case PCI_CAP_ID_MSI:
			d->msi = (uint16_t)at;
			break;
		case PCI_CAP_ID_MSIX:
			v = config_read(d, at + PCI_MSIX_TABLE, 4);
			d->table_bar = v & PCI_MSIX_TABLE_BIR;
			d->table = v & PCI_MSIX_TABLE_OFFSET;
			v = config_read(d, at + PCI_MSIX_FLAGS, 2);
			d->table_len = ((v & PCI_MSIX_FLAGS_QSIZE) + 1) *
				       PCI_MSIX_ENTRY_SIZE;
			break;
		default:
			break;
		}
		at = config_read(d, at + PCI_CAP_LIST_NEXT, 1) & 0xfc;
	}
}

static volatile uint8_t *map_physical(int fd, uint64_t at, size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		       (off_t)at);

	return p == MAP_FAILED ? NULL : p;
}

static void find_bars(struct device *d, int memory)
{
	char path[128];
	uint64_t first, last, flags;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource",
		       d->bdf);
	f = fopen(path, "re");
	if (!f)
		die("%s: %s", path, strerror(errno));
	for (int i = 0; i < BARS; i++) {
		if (fscanf(f, "%" SCNx64 " %" SCNx64 " %" SCNx64, &first, &last,
			   &flags) != 3)
			die("%s: not as expected", path);
		if (flags & 0x100) { /* IORESOURCE_IO */
			d->ports = (uint16_t)first;
			d->n_ports = (uint16_t)(last - first + 1);
		} else if (flags & 0x200) { /* IORESOURCE_MEM */
			uint64_t len = last - first + 1;

			d->bar_len[i] = (uint32_t)(len < WINDOW ? len : WINDOW);
			d->bars[i] = map_physical(memory, first, d->bar_len[i]);
			if (!d->bars[i])
				die("%s: BAR %d: %s", d->bdf, i,
				    strerror(errno));
		}
	}
	(void)fclose(f);
}

static uint64_t ecam_base(void)
{
	uint64_t base = 0;
	int fd = open("/sys/firmware/acpi/tables/MCFG", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	if (pread(fd, &base, sizeof(base), MCFG_BASE) != sizeof(base))
		base = 0;
	(void)close(fd);
	return base;
}

static void device_open(struct device *d, const char *bdf, int memory)
{
	char path[128];
	struct stat st;
	unsigned int dev, fn;
	uint64_t ecam = ecam_base();

	d->bdf = bdf;
	if (sscanf(bdf, "%*x:%x:%x.%x", &d->bus, &dev, &fn) != 3)
		die("'%s' is not a PCI address", bdf);
	d->devfn = dev << 3 | fn;
	(void)snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config",
		       bdf);
	d->config_fd = open(path, O_RDWR | O_CLOEXEC);
	if (d->config_fd < 0 || fstat(d->config_fd, &st) < 0)
		die("%s: %s", path, strerror(errno));
	d->config_len = (uint32_t)st.st_size;
	d->id = config_read(d, PCI_VENDOR_ID, 4);
	find_capabilities(d);
	find_bars(d, memory);
	if (ecam)
		d->ecam = map_physical(memory,
				       ecam + (d->bus << 20 | d->devfn << 12),
				       ECAM_LEN);
	if (ecam && !d->ecam)
		die("%s: ECAM: %s", bdf, strerror(errno));
}

/* As it was: nothing decoded, no interrupt enabled. */
static void device_quiet(struct device *d)
{
	uint32_t at = config_read(d, PCI_CAPABILITY_LIST, 1) & 0xfc;

	for (int n = 0; at && n < 48; n++) {
		uint32_t id = config_read(d, at, 1);

		if (id == PCI_CAP_ID_MSI || id == PCI_CAP_ID_MSIX)
			config_write(d, at + 2, 0, 2);
		if (id == PCI_CAP_ID_PM) /* in D0 */
			config_write(d, at + PCI_PM_CTRL, 0, 2);
		at = config_read(d, at + PCI_CAP_LIST_NEXT, 1) & 0xfc;
	}
	config_write(d, PCI_COMMAND, 0, 2);
	if (config_read(d, PCI_VENDOR_ID, 4) != d->id)
		die("%s: its id is %#x now", d->bdf,
		    config_read(d, PCI_VENDOR_ID, 4));
}

static void report(const struct worker *workers, int n)
{
	struct worker sum = { 0 };

	for (int i = 0; i < n; i++) {
		sum.by_file += workers[i].by_file;
		sum.by_port += workers[i].by_port;
		sum.by_ecam += workers[i].by_ecam;
		sum.memory += workers[i].memory;
		sum.table += workers[i].table;
		sum.ports += workers[i].ports;
	}
	(void)printf("hostile: %d threads wrote config %" PRIu64
		     " times by file, %" PRIu64 " by port, %" PRIu64
		     " by ECAM; BARs %" PRIu64 ", MSI-X tables %" PRIu64
		     ", ports %" PRIu64 "\n",
		     n, sum.by_file, sum.by_port, sum.by_ecam, sum.memory,
		     sum.table, sum.ports);
	if (!sum.by_file || !sum.by_port || !sum.by_ecam || !sum.memory ||
	    !sum.table || !sum.ports)
		die("one of these ways was not there");
}

/* What the host compares before and after; it has a moment to look. */
static void quiet(const char *word)
{
	for (int i = 0; i < n_devices; i++)
		device_quiet(&devices[i]);
	(void)printf("hostile: quiet %s\n", word);
	(void)sleep(4);
}

int main(int argc, char **argv)
{
	static struct worker workers[MAX_THREADS];
	int n = (int)sysconf(_SC_NPROCESSORS_ONLN), memory;
	uint64_t seed;

	if (argc < 4 || argc > 3 + MAX_DEVICES) {
		(void)fprintf(stderr, "usage: hostile SECONDS SEED BDF...\n");
		return 2;
	}
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	seed = strtoull(argv[2], NULL, 0);
	memory = open("/dev/mem", O_RDWR | O_SYNC | O_CLOEXEC);
	if (memory < 0)
		die("/dev/mem: %s", strerror(errno));
	if (iopl(3) < 0)
		die("iopl: %s", strerror(errno));
	for (int i = 3; i < argc; i++)
		device_open(&devices[n_devices++], argv[i], memory);
	quiet("before");
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += strtol(argv[1], NULL, 10);
	n = n < MAX_THREADS ? n : MAX_THREADS;
	for (int i = 0; i < n; i++) {
		workers[i].cpu = i;
		workers[i].state = (seed + (uint64_t)i + 1) *
				   UINT64_C(0x9e3779b97f4a7c15);
		if (pthread_create(&workers[i].thread, NULL, work,
				   &workers[i]) != 0)
			die("cannot start a thread");
	}
	for (int i = 0; i < n; i++)
		(void)pthread_join(workers[i].thread, NULL);
	report(workers, n);
	quiet("after");
	return 0;
}
