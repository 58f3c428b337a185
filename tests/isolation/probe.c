// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * probe: items of the isolation catalogue that need a finer map than a
 * guest's RAM, shown with the edu device in this program's own hands.
 *
 *	probe BDF CASE...	run them; `probe BDF all` runs each of the table
 *	probe BDF memlock	with RLIMIT_MEMLOCK low and no CAP_IPC_LOCK
 *	probe BDF hold COMMAND	attach, fork and exec COMMAND, and wait
 *	probe BDF regions	what VFIO itself refuses of a device with a ROM
 *				and an MSI-X table in BAR 3: QEMU's e1000e
 *
 * Prints "isolation item N: ..." for what held, and the faults there were.
 * BDF is bound to vfio-pci.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/vfio.h>

#include "tests/isolation/edu_host.h"

#define RW     (MOAT_DMA_READ | MOAT_DMA_WRITE)
#define WRITE  5 /* fault reasons: VT-d rev 5.10, "Fault Reason Encodings" */
#define READ   6
#define BEYOND 4
#define AT     UINT64_C(0x40000000)

/* @pages pages of ours, aligned to a large page, each byte @fill. */
static uint8_t *memory(size_t pages, uint8_t fill)
{
	uint8_t *p = mmap(NULL, pages * PAGE + LARGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		die("no memory");
	p = (uint8_t *)(((uintptr_t)p + LARGE - 1) & ~(uintptr_t)(LARGE - 1));
	if (pages * PAGE >= LARGE)
		(void)madvise(p, pages * PAGE, MADV_HUGEPAGE);
	memset(p, fill, pages * PAGE);
	return p;
}

static void want_bytes(const uint8_t *p, size_t len, uint8_t want,
		       const char *what)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] != want)
			die("%s: byte %zu is %#x, not %#x", what, i, p[i],
			    want);
}

/* The positive control: this address can be written and read. */
static void control(const struct edu_host *edu, uint64_t iova, uint8_t *p)
{
	unsigned long before = faults_reported();

	edu_host_write(edu, iova, 1024, 0xc7);
	want_bytes(p, 1024, 0xc7, "control: a write that is allowed");
	p[0] = 0x1d;
	edu_host_read(edu, iova, 1024);
	if (edu->own[0] != 0x1d || edu->own[1] != 0xc7)
		die("control: a read that is allowed brought %#x %#x",
		    edu->own[0], edu->own[1]);
	want_no_fault(before, "control");
}

/* The device can neither write @iova nor read what is at @p. */
static void closed(const struct edu_host *edu, uint64_t iova, uint8_t *p,
		   const char *what)
{
	unsigned long before;

	memset(p, 0x77, 1024);
	before = faults_reported();
	edu_host_write(edu, iova, 1024, 0xa5);
	want_fault(edu, before, true, iova, WRITE);
	want_bytes(p, 1024, 0x77, what);
	before = faults_reported();
	edu_host_read(edu, iova, 1024);
	want_fault(edu, before, false, iova, READ);
	for (unsigned int i = 0; i < 1024; i++)
		if (edu->own[i] == 0x77)
			die("%s: byte %u leaked", what, i);
}

static void beyond_width(const struct edu_host *edu)
{
	const uint64_t end = UINT64_C(1) << 48;
	uint8_t *p = memory(1, 0);
	unsigned long before;

	edu_host_map(edu, end - PAGE, PAGE, p, RW);
	control(edu, end - PAGE, p);
	for (uint64_t iova = end; iova; iova = iova << 4) {
		before = faults_reported();
		edu_host_write(edu, iova, 1024, 0xa5);
		want_fault(edu, before, true, iova, BEYOND);
	}
	before = faults_reported();
	edu_host_read(edu, end, 1024);
	want_fault(edu, before, false, end, BEYOND);
	edu_host_unmap(edu, end - PAGE, PAGE);
}

/*
 * What is not allowed comes first: once QEMU has a translation cached it stops
 * the access without a fault, where hardware would report one.
 *
 * A write-only page is not tried: Linux gives no such right behind VT-d (as of
 * 6.1: an entry of the tables that is present can be read).
 */
static void read_only(const struct edu_host *edu)
{
	uint8_t *p = memory(1, 0x77);
	unsigned long before = faults_reported();

	edu_host_map(edu, AT, PAGE, p, MOAT_DMA_READ);
	edu_host_write(edu, AT, 1024, 0xa5);
	want_fault(edu, before, true, AT, WRITE);
	edu_host_read(edu, AT, 1024);
	want_bytes(edu->own, 1024, 0x77, "a read of a read-only page");
	edu_host_write(edu, AT, 1024, 0xa5);
	want_bytes(p, PAGE, 0x77, "a read-only page");
	edu_host_unmap(edu, AT, PAGE);
}

static void large_page(const struct edu_host *edu)
{
	const uint64_t iova = 512 * (uint64_t)LARGE;
	uint8_t *p = memory(2 * LARGE / PAGE, 0);

	edu_host_map(edu, iova, LARGE, p, RW);
	control(edu, iova, p);
	control(edu, iova + LARGE - 1024, p + LARGE - 1024);
	/* Physically the next page most likely: memory of ours either way. */
	closed(edu, iova + LARGE, p + LARGE, "past a large page");
	closed(edu, iova - PAGE, p + LARGE, "before a large page");
	edu_host_unmap(edu, iova, LARGE);
}

static void crossing(const struct edu_host *edu)
{
	uint8_t *p = memory(2, 0x77);
	unsigned long before = faults_reported();

	edu_host_map(edu, AT, 2 * PAGE, p, RW);
	edu_host_write(edu, AT + PAGE - 1024, 2048, 0xc7);
	want_bytes(p + PAGE - 1024, 2048, 0xc7, "a transfer over two pages");
	edu_host_unmap(edu, AT, 2 * PAGE);

	memset(p, 0x77, 2 * (size_t)PAGE);
	edu_host_map(edu, AT, PAGE, p, RW);
	want_no_fault(before, "accesses that are allowed");
	edu_host_write(edu, AT + PAGE - 1024, 2048, 0xa5);
	want_fault(edu, before, true, AT + PAGE, WRITE);
	want_bytes(p + PAGE - 1024, 1024, 0xa5, "the page that is mapped");
	want_bytes(p + PAGE, PAGE, 0x77, "the page that is not");
	edu_host_unmap(edu, AT, PAGE);
}

/* What shares a page with a buffer is the device's to read: documented. */
static void neighbour(const struct edu_host *edu)
{
	uint8_t *p = memory(1, 0x77);
	unsigned long before = faults_reported();

	edu_host_map(edu, AT, PAGE, p, MOAT_DMA_READ);
	edu_host_read(edu, AT + PAGE - 1024, 1024);
	want_bytes(edu->own, 1024, 0x77, "the rest of a page");
	want_no_fault(before, "the rest of a page");
	edu_host_unmap(edu, AT, PAGE);
}

/* An IOTLB entry is there when the map goes, and must not serve any more. */
static void unmapped(const struct edu_host *edu)
{
	uint8_t *p = memory(1, 0);

	edu_host_map(edu, AT, PAGE, p, RW);
	control(edu, AT, p);
	edu_host_unmap(edu, AT, PAGE);
	closed(edu, AT, p, "after unmap");
	edu_host_map(edu, AT, PAGE, p, RW);
	control(edu, AT, p);
	edu_host_unmap(edu, AT, PAGE);
}

/* The transfer starts before the page goes, and arrives after. */
static void in_flight(const struct edu_host *edu)
{
	uint8_t *p = memory(1, 0);
	unsigned long before;

	edu_host_map(edu, AT, PAGE, p, RW);
	control(edu, AT, p);
	before = faults_reported();
	edu_host_start(edu, AT, 1024, true);
	edu_host_unmap(edu, AT, PAGE);
	memset(p, 0x77, PAGE);
	edu_host_wait(edu);
	want_fault(edu, before, true, AT, WRITE);
	want_bytes(p, PAGE, 0x77, "the page that went");
}

static void less_rights(const struct edu_host *edu)
{
	uint8_t *p = memory(1, 0);
	unsigned long before;

	edu_host_map(edu, AT, PAGE, p, RW);
	control(edu, AT, p);
	edu_host_unmap(edu, AT, PAGE);
	edu_host_map(edu, AT, PAGE, p, MOAT_DMA_READ);
	memset(p, 0x77, PAGE);
	before = faults_reported();
	edu_host_write(edu, AT, 1024, 0xa5);
	want_fault(edu, before, true, AT, WRITE);
	want_bytes(p, PAGE, 0x77, "read-only from now on");
	edu_host_unmap(edu, AT, PAGE);
}

/* The kernel keeps the page that the process gave back until it is unmapped. */
static void freed(const struct edu_host *edu)
{
	const size_t many = (64u << 20) / PAGE;
	uint8_t *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	unsigned long before = faults_reported();
	uint64_t was;
	uint8_t *others;

	if (p == MAP_FAILED)
		die("no memory");
	was = physical(p);
	edu_host_map(edu, AT, PAGE, p, RW);
	control(edu, AT, p);
	(void)munmap(p, PAGE);
	others = memory(many, 0x77);
	for (size_t i = 0; i < many; i++)
		if (physical(others + i * PAGE) == was)
			die("a page that a device can write was given away");
	edu_host_write(edu, AT, 1024, 0xa5);
	want_bytes(others, many * PAGE, 0x77, "memory of others");
	want_no_fault(before, "a page that is still mapped");
	edu_host_unmap(edu, AT, PAGE);
	memset(others, 0x77, PAGE);
	edu_host_write(edu, AT, 1024, 0xa5);
	want_fault(edu, before, true, AT, WRITE);
}

static void refused(const struct edu_host *edu, uint64_t iova, uint64_t len,
		    int want)
{
	static uint8_t *p;
	struct moat_err err;
	int r;

	if (!p)
		p = memory(LARGE / PAGE, 0);
	r = moat_ioas_map(edu->ioas, iova, len, p, RW, &err);
	if (r != want)
		die("a map at %#" PRIx64 " returns %d, not %d", iova, r, want);
	(void)printf("refused: %s\n", err.msg);
}

static void reserved(const struct edu_host *edu)
{
	uint8_t *p = memory(1, 0);

	refused(edu, 0xfee00000, PAGE, -EADDRINUSE);
	refused(edu, 0xfeeff000, 2 * PAGE, -EADDRINUSE);
	refused(edu, 0xfedff000, 2 * PAGE, -EADDRINUSE);
	refused(edu, UINT64_C(1) << 48, PAGE, -EADDRINUSE);
	refused(edu, (UINT64_C(1) << 48) - PAGE, 2 * PAGE, -EADDRINUSE);
	refused(edu, -(uint64_t)PAGE, PAGE, -EADDRINUSE);
	refused(edu, -(uint64_t)PAGE, 2 * PAGE, -EOVERFLOW);
	edu_host_map(edu, 0xfedff000, PAGE, p, RW);
	control(edu, 0xfedff000, p);
	edu_host_unmap(edu, 0xfedff000, PAGE);
	edu_host_map(edu, 0xfef00000, PAGE, p, RW);
	control(edu, 0xfef00000, p);
	edu_host_unmap(edu, 0xfef00000, PAGE);
}

static const struct {
	const char *name, *items, *text;
	void (*run)(const struct edu_host *edu);
} cases[] = {
	{ "width", "3", "addresses above the IOMMU's width fault",
	  beyond_width },
	{ "read-only", "5", "a read-only page cannot be written", read_only },
	{ "large", "7", "a large page ends where it ends", large_page },
	{ "crossing", "10", "a transfer stops at the page that is not mapped",
	  crossing },
	{ "neighbour", "11", "the rest of a mapped page can be read: known",
	  neighbour },
	{ "unmap", "24", "nothing is reached after unmap", unmapped },
	{ "less", "27", "rights that were taken are gone", less_rights },
	{ "in-flight", "34", "unmap does not wait for a later flush",
	  in_flight },
	{ "reserved", "50", "maps on reserved addresses are refused", reserved },
	{ "freed", "58", "memory that is given back stays pinned while mapped",
	  freed },
};

static void run_cases(const char *bdf, char **names)
{
	struct edu_host edu;
	unsigned int n = 0;

	edu_host_open(&edu, bdf);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (char **name = names; *name; name++) {
			if (strcmp(*name, "all") != 0 &&
			    strcmp(*name, cases[i].name) != 0)
				continue;
			cases[i].run(&edu);
			(void)printf("isolation item %s: %s\n", cases[i].items,
				     cases[i].text);
			n++;
		}
	}
	edu_host_close(&edu);
	if (!n)
		die("no such case");
}

static uint64_t locked_kib(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	unsigned long long kib, sum = 0;
	char line[256];

	if (!f)
		die("/proc/self/status: %s", strerror(errno));
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "VmLck: %llu", &kib) == 1 ||
		    sscanf(line, "VmPin: %llu", &kib) == 1)
			sum += kib;
	(void)fclose(f);
	return sum;
}

/* The limit lets one of the two maps be. */
static void memlock(const char *bdf)
{
	struct edu_host edu;
	struct moat_err err;
	uint8_t *p = memory(256, 0x77);
	unsigned long before;
	uint64_t locked;
	int r;

	edu_host_open(&edu, bdf);
	edu_host_map(&edu, AT, PAGE, p, RW);
	locked = locked_kib();
	r = moat_ioas_map(edu.ioas, AT + PAGE, 255 * PAGE, p + PAGE, RW, &err);
	if (r != -ENOMEM)
		die("a map over the limit returns %d, not -ENOMEM", r);
	(void)printf("refused: %s\n", err.msg);
	if (locked_kib() != locked)
		die("%" PRIu64 " KiB stayed locked", locked_kib() - locked);
	control(&edu, AT, p);
	before = faults_reported();
	edu_host_write(&edu, AT + PAGE, 1024, 0xa5);
	want_fault(&edu, before, true, AT + PAGE, WRITE);
	want_bytes(p + PAGE, 255 * (size_t)PAGE, 0x77, "over the limit");
	edu_host_close(&edu);
	(void)printf("isolation item 55: over the memlock limit nothing is "
		     "mapped, and what was stays\n");
}

static void hold(const char *bdf, char **command)
{
	struct edu_host edu;
	uint8_t *p = memory(1, 0);
	pid_t child;

	edu_host_open(&edu, bdf);
	edu_host_map(&edu, AT, PAGE, p, RW);
	control(&edu, AT, p);
	child = fork();
	if (child == 0) {
		(void)execvp(command[0], command);
		_exit(127);
	}
	(void)printf("held, and its child is %d\n", (int)child);
	(void)fflush(stdout);
	/* A transfer is always under way. */
	for (;;) {
		edu_host_start(&edu, AT, 1024, true);
		edu_host_wait(&edu);
	}
}

static struct vfio_region_info region(int fd, uint32_t index)
{
	struct vfio_region_info info = { .argsz = sizeof(info),
					 .index = index };

	if (ioctl(fd, VFIO_DEVICE_GET_REGION_INFO, &info) < 0)
		die("region %u: %s", index, strerror(errno));
	return info;
}

static int ioeventfd(int fd, uint64_t offset, int event)
{
	struct vfio_device_ioeventfd request = {
		.argsz = sizeof(request),
		.flags = VFIO_DEVICE_IOEVENTFD_32,
		.offset = offset,
		.fd = event,
	};

	return ioctl(fd, VFIO_DEVICE_IOEVENTFD, &request) < 0 ? -errno : 0;
}

static void regions(const char *bdf)
{
	const struct moat_ioas_config config = {
		.backend = getenv("MOAT_IOMMU"),
	};
	int fd, event = eventfd(0, EFD_CLOEXEC);
	struct vfio_region_info info;
	struct moat_ioas *ioas;
	struct moat_bdf at;
	struct moat_err err;
	int r;

	if (moat_bdf_parse(bdf, &at, &err) < 0 ||
	    moat_ioas_create(&config, &ioas, &err) < 0 ||
	    moat_ioas_attach(ioas, at, &fd, &err) < 0)
		die("%s", err.msg);

	info = region(fd, VFIO_PCI_ROM_REGION_INDEX);
	if (info.size < PAGE)
		die("no ROM of a page's size");
	if (mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, (off_t)info.offset) !=
	    MAP_FAILED)
		die("the ROM can be mapped");
	info = region(fd, VFIO_PCI_BAR0_REGION_INDEX);
	if (mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, (off_t)info.offset) ==
	    MAP_FAILED)
		die("control: BAR 0 cannot be mapped: %s", strerror(errno));
	(void)printf("isolation item 71: a ROM cannot be mapped\n");

	r = ioeventfd(fd, info.offset + 0x10, event);
	if (r < 0)
		die("control: an ioeventfd in BAR 0: %s", strerror(-r));
	info = region(fd, VFIO_PCI_BAR3_REGION_INDEX);
	r = ioeventfd(fd, info.offset, event);
	if (r != -EINVAL)
		die("an ioeventfd on the MSI-X table gives %d", r);
	(void)printf("isolation item 72: no ioeventfd on the MSI-X table\n");
	(void)close(fd);
	moat_ioas_detach(ioas, at);
	moat_ioas_destroy(ioas);
	(void)close(event);
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		(void)fprintf(stderr, "usage: probe BDF CASE...\n");
		return 2;
	}
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	if (strcmp(argv[2], "memlock") == 0)
		memlock(argv[1]);
	else if (strcmp(argv[2], "regions") == 0)
		regions(argv[1]);
	else if (strcmp(argv[2], "hold") == 0 && argc > 3)
		hold(argv[1], argv + 3);
	else
		run_cases(argv[1], argv + 2);
	return 0;
}
