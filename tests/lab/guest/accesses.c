// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * accesses: how long accesses of devices take, inside a guest.
 *
 *	accesses ROUNDS COUNT LABELS,ACCESS[,ARGUMENT]...
 *
 * Prints a line "LABELS NANOSECONDS" for each round and access: the median of
 * COUNT batches, or of fewer if they take long, for what interrupts one is no
 * access. A round tries all of them, the next one in the reverse order; after
 * two minutes no other one begins. An ACCESS is
 *
 *	in,BDF		reads the device's first port
 *	out,BDF		writes it; it selects a register
 *	config,BDF,OFFSET	reads config space, by a system call
 *	bar,BDF,N,OFFSET	reads a register
 *	mask,BDF	masks the first vector of MSI-X and unmasks it; its
 *			driver has it on
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <time.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "tests/lab/guest/device.h"

#define ACCESSES_MAX 16
#define ARGS_MAX     4
#define PORTS	     32
#define BATCH	     10
#define BATCHES_MAX  1000
/* A sample ends after so many batches that took so long. */
#define ENOUGH	  10
#define SAMPLE_NS 500000000u
#define ALL_NS	  120000000000u

struct access {
	const char *labels, *bdf;
	void (*run)(const struct access *access, uint64_t n);
	uint16_t port;
	int config;
	uint64_t offset;
	volatile uint8_t *bar;
};

/* ---- each of them, @n times ---- */

static void run_in(const struct access *access, uint64_t n)
{
	while (n--)
		(void)inl(access->port);
}

static void run_out(const struct access *access, uint64_t n)
{
	while (n--)
		outl(8, access->port);
}

static void run_config(const struct access *access, uint64_t n)
{
	uint32_t value;

	while (n--)
		if (pread(access->config, &value, 4, (off_t)access->offset) != 4)
			die("%s: config space: %s", access->bdf,
			    strerror(errno));
}

static void run_bar(const struct access *access, uint64_t n)
{
	while (n--)
		(void)read32(access->bar, access->offset);
}

static void run_mask(const struct access *access, uint64_t n)
{
	while (n--) {
		write32(access->bar, access->offset,
			PCI_MSIX_ENTRY_CTRL_MASKBIT);
		write32(access->bar, access->offset, 0);
	}
}

/* ---- preparing ---- */

/* BAR 2, as an e1000e has it. */
static void find_ports(struct access *access)
{
	char path[128], line[128];
	uint64_t first = 0, last = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource",
		       access->bdf);
	f = fopen(path, "re");
	for (int i = 0; f && i < 3; i++)
		if (!fgets(line, sizeof(line), f))
			die("%s: no BAR 2", access->bdf);
	if (!f || sscanf(line, "%" SCNx64 " %" SCNx64, &first, &last) != 2 ||
	    last > UINT16_MAX || last - first + 1 != PORTS)
		die("%s: BAR 2 is not 32 ports", access->bdf);
	(void)fclose(f);
	if (iopl(3) < 0)
		die("iopl: %s", strerror(errno));
	access->port = (uint16_t)first;
	access->config = open_attr(access->bdf, "config");
	if (pwrite(access->config,
		   &(uint16_t) { PCI_COMMAND_IO | PCI_COMMAND_MEMORY }, 2,
		   PCI_COMMAND) != 2)
		die("%s: COMMAND: %s", access->bdf, strerror(errno));
	outl(8, access->port);
	if (inl(access->port) != 8)
		die("%s: its ports do not answer", access->bdf);
}

static uint32_t config_read(int fd, off_t at, size_t size)
{
	uint32_t value = 0;

	if (pread(fd, &value, size, at) != (ssize_t)size)
		die("config space: %s", strerror(errno));
	return value;
}

static void find_vector(struct access *access)
{
	uint8_t cap = PCI_CAPABILITY_LIST - PCI_CAP_LIST_NEXT;
	uint32_t table;
	size_t len;

	access->config = open_attr(access->bdf, "config");
	for (int i = 0; i < 48; i++) {
		cap = (uint8_t)config_read(access->config,
					   cap + PCI_CAP_LIST_NEXT, 1);
		if (!cap ||
		    config_read(access->config, cap, 1) == PCI_CAP_ID_MSIX)
			break;
	}
	if (!cap || !(config_read(access->config, cap + PCI_MSIX_FLAGS, 2) &
		      PCI_MSIX_FLAGS_ENABLE))
		die("%s: MSI-X is not on", access->bdf);
	table = config_read(access->config, cap + PCI_MSIX_TABLE, 4);
	access->bar = map_bar(access->bdf, table & PCI_MSIX_TABLE_BIR, &len);
	access->offset = (table & PCI_MSIX_TABLE_OFFSET) +
			 PCI_MSIX_ENTRY_VECTOR_CTRL;
}

static struct access parse(char *text)
{
	struct access access = { .labels = strtok(text, ",") };
	char *word[ARGS_MAX] = { NULL };
	size_t n = 0, len;

	while (n < ARGS_MAX && (word[n] = strtok(NULL, ",")))
		n++;
	if (n < 2)
		die("'%s' has no access", text);
	access.bdf = word[1];
	if (strcmp(word[0], "in") == 0 || strcmp(word[0], "out") == 0) {
		access.run = word[0][0] == 'i' ? run_in : run_out;
		find_ports(&access);
	} else if (strcmp(word[0], "config") == 0 && n == 3) {
		access.run = run_config;
		access.config = open_attr(access.bdf, "config");
		access.offset = number(word[2]);
	} else if (strcmp(word[0], "bar") == 0 && n == 4) {
		access.run = run_bar;
		access.bar = map_bar(access.bdf, (unsigned int)number(word[2]),
				     &len);
		access.offset = number(word[3]);
	} else if (strcmp(word[0], "mask") == 0) {
		access.run = run_mask;
		find_vector(&access);
	} else {
		die("'%s' is no access", word[0]);
	}
	return access;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static int by_time(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static double sample(const struct access *access, uint64_t count)
{
	static uint64_t spent[BATCHES_MAX];
	const uint64_t began = now_ns();
	uint64_t start, n = 0;

	while (n < count && (n < ENOUGH || now_ns() - began < SAMPLE_NS)) {
		start = now_ns();
		access->run(access, BATCH);
		spent[n++] = now_ns() - start;
	}
	qsort(spent, n, sizeof(spent[0]), by_time);
	return (double)spent[n / 2] / BATCH;
}

int main(int argc, char **argv)
{
	struct access access[ACCESSES_MAX];
	uint64_t rounds, count, began;
	size_t n = 0;

	program = "accesses";
	if (argc < 4 || argc - 3 > ACCESSES_MAX)
		die("usage: accesses ROUNDS COUNT LABELS,ACCESS...");
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	rounds = number(argv[1]);
	count = number(argv[2]);
	if (count == 0 || count > BATCHES_MAX)
		die("1 to %d batches", BATCHES_MAX);
	for (int i = 3; i < argc; i++)
		access[n++] = parse(argv[i]);
	began = now_ns();
	for (uint64_t i = 0; i < rounds && now_ns() - began < ALL_NS; i++)
		for (size_t k = 0; k < n; k++) {
			const struct access *a = &access[i % 2 ? n - 1 - k : k];

			(void)printf("%s %.1f\n", a->labels, sample(a, count));
		}
	return 0;
}
