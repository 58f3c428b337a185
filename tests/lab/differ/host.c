// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The host of host.h.
 *
 * The NVMe's queues are where their physical addresses are, in every state
 * of the tables, so that whatever is tried its commands come and go.
 * Source: NVM Express Base Specification 1.4 sections 3.1, 4.2, 4.6 and 5.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "iommu/vtd/dmar.h"
#include "tests/lab/differ/host.h"

#define PAGE	   4096u
#define DEADLINE_S 60

#define NVME_INTMS 0x0c
#define NVME_CC	   0x14
#define NVME_CSTS  0x1c
#define NVME_AQA   0x24
#define NVME_ASQ   0x28
#define NVME_ACQ   0x30
#define NVME_CC_EN 0x1u
#define NVME_CC_IO 0x460000u /* entries of 64 and of 16 bytes */
#define NVME_RDY   0x1u
#define NVME_CFS   0x2u
#define QUEUE_SIZE 32u

void die(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)fputs("differ: ", stderr);
	(void)vfprintf(stderr, format, ap);
	(void)fputc('\n', stderr);
	va_end(ap);
	exit(2);
}

/* ---- memory ---- */

struct huge huge_get(void)
{
	uint64_t entry;
	struct huge h;
	int fd;

	h.p = mmap(NULL, HUGE_SIZE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_POPULATE |
			   MAP_LOCKED,
		   -1, 0);
	if (h.p == MAP_FAILED)
		die("no huge page: %m");
	memset(h.p, 0, HUGE_SIZE);
	fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || pread(fd, &entry, sizeof(entry),
			    (off_t)((uintptr_t)h.p / PAGE * 8)) != 8)
		die("cannot read pagemap: %m");
	(void)close(fd);
	h.pa = (entry & ((UINT64_C(1) << 55) - 1)) * PAGE;
	if (h.pa == 0 || h.pa % HUGE_SIZE)
		die("no physical address of a huge page");
	return h;
}

volatile uint8_t *drhd_map(void)
{
	static uint8_t table[65536];
	const struct dmar_entry *unit;
	struct moat_err err;
	struct dmar dmar;
	ssize_t len;
	void *p;
	int fd;

	fd = open("/sys/firmware/acpi/tables/DMAR", O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? -1 : read(fd, table, sizeof(table));
	if (len < 0)
		die("no DMAR table: %m");
	(void)close(fd);
	if (dmar_parse(table, (size_t)len, &dmar, &err) < 0)
		die("DMAR: %s", err.msg);
	unit = dmar_next(&dmar, DMAR_DRHD, NULL);
	if (!unit)
		die("the DMAR table has no unit");
	fd = open("/dev/mem", O_RDWR | O_SYNC | O_CLOEXEC);
	if (fd < 0)
		die("/dev/mem: %m");
	p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		 (off_t)unit->first);
	if (p == MAP_FAILED)
		die("/dev/mem at the unit's registers (iomem=relaxed?): %m");
	(void)close(fd);
	dmar_free(&dmar);
	return p;
}

/* ---- the controller ---- */

uint16_t sid_of(const char *bdf)
{
	unsigned int bus, dev, fn;

	if (sscanf(bdf, "0000:%2x:%2x.%1x", &bus, &dev, &fn) != 3)
		die("%s: not a PCI address of segment 0", bdf);
	return (uint16_t)(bus << 8 | dev << 3 | fn);
}

static uint32_t get(const struct nvme *n, unsigned int offset)
{
	return *(volatile uint32_t *)(n->bar + offset);
}

static void set(struct nvme *n, unsigned int offset, uint32_t value)
{
	*(volatile uint32_t *)(n->bar + offset) = value;
}

static void set64(struct nvme *n, unsigned int offset, uint64_t value)
{
	set(n, offset, (uint32_t)value);
	set(n, offset + 4, (uint32_t)(value >> 32));
}

static bool late(time_t start)
{
	return time(NULL) - start > DEADLINE_S;
}

static void await(const struct nvme *n, uint32_t mask, uint32_t want)
{
	const time_t start = time(NULL);

	while ((get(n, NVME_CSTS) & mask) != want)
		if (late(start))
			die("CSTS is %#x, and not %#x in %#x",
			    get(n, NVME_CSTS), want, mask);
}

static uint64_t queue_pa(const struct nvme *n, unsigned int q, bool completion)
{
	return n->queues.pa + (q * 2 + completion) * PAGE;
}

static uint8_t *queue_p(const struct nvme *n, unsigned int q, bool completion)
{
	return n->queues.p + (q * 2 + completion) * PAGE;
}

static void enable(struct nvme *n, uint64_t asq)
{
	set(n, NVME_CC, 0);
	await(n, NVME_RDY | NVME_CFS, 0);
	memset(n->queues.p, 0, PAGE * 4);
	for (unsigned int q = 0; q < 2; q++) {
		n->head[q] = n->tail[q] = 0;
		n->phase[q] = true;
	}
	set(n, NVME_AQA, (QUEUE_SIZE - 1) << 16 | (QUEUE_SIZE - 1));
	set64(n, NVME_ASQ, asq);
	set64(n, NVME_ACQ, queue_pa(n, 0, true));
	set(n, NVME_CC, NVME_CC_IO | NVME_CC_EN);
	await(n, NVME_RDY, NVME_RDY);
	set(n, NVME_INTMS, UINT32_MAX);
}

static void ring(struct nvme *n, unsigned int q, bool completion,
		 unsigned int value)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	set(n, 0x1000 + (q * 2 + completion) * 4, value);
}

static unsigned int command(struct nvme *n, unsigned int q,
			    const uint32_t dw[16])
{
	const volatile uint32_t *done =
		(const volatile uint32_t *)(queue_p(n, q, true) +
					    n->head[q] * 16);
	const time_t start = time(NULL);
	unsigned int status;

	memcpy(queue_p(n, q, false) + n->tail[q] * 64, dw, 64);
	n->tail[q] = (n->tail[q] + 1) % QUEUE_SIZE;
	ring(n, q, false, n->tail[q]);
	while ((done[3] >> 16 & 1) != n->phase[q])
		if (late(start))
			die("the NVMe does not answer: CSTS %#x",
			    get(n, NVME_CSTS));
	status = done[3] >> 17;
	n->head[q] = (n->head[q] + 1) % QUEUE_SIZE;
	if (n->head[q] == 0)
		n->phase[q] = !n->phase[q];
	ring(n, q, true, n->head[q]);
	return status;
}

static void make_queue(struct nvme *n, unsigned int opcode, bool completion)
{
	const uint64_t pa = queue_pa(n, 1, completion);
	const uint32_t dw[16] = {
		[0] = opcode,
		[6] = (uint32_t)pa,
		[7] = (uint32_t)(pa >> 32),
		[10] = (QUEUE_SIZE - 1) << 16 | 1,
		[11] = completion ? 1 : 1 << 16 | 1,
	};

	if (command(n, 0, dw))
		die("the NVMe makes no queue");
}

void nvme_start(struct nvme *n)
{
	enable(n, queue_pa(n, 0, false));
	make_queue(n, 5, true);
	make_queue(n, 1, false);
}

unsigned int nvme_run(struct nvme *n, enum nvme_op op, unsigned int block,
		      unsigned int n_blocks, uint64_t addr)
{
	const uint32_t dw[16] = {
		[0] = op,
		[1] = 1, /* the namespace */
		[6] = (uint32_t)addr,
		[7] = (uint32_t)(addr >> 32),
		[10] = block,
		[12] = n_blocks - 1,
	};

	return command(n, 1, dw);
}

bool nvme_fetch(struct nvme *n, uint64_t addr)
{
	const time_t start = time(NULL);

	enable(n, addr);
	ring(n, 0, false, 1);
	while (!(get(n, NVME_CSTS) & NVME_CFS))
		if (late(start))
			return false;
	return true;
}

static int open_of(const char *bdf, const char *file)
{
	char path[256];
	int fd;

	(void)snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", bdf,
		       file);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		die("%s: %m", path);
	return fd;
}

void nvme_open(struct nvme *n, const char *bdf)
{
	const uint16_t memory_and_master = 6;
	int fd = open_of(bdf, "config");
	void *p;

	if (pwrite(fd, &memory_and_master, 2, 4) != 2)
		die("%s: cannot write to config space: %m", bdf);
	(void)close(fd);
	fd = open_of(bdf, "resource0");
	p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		die("%s: cannot map its BAR 0: %m", bdf);
	(void)close(fd);
	n->bar = p;
	n->queues = huge_get();
}
