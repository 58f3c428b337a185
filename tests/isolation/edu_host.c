// SPDX-License-Identifier: GPL-2.0-or-later
/* The edu device in the hands of a program of the host's: see the header. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <linux/pci_regs.h>
#include <linux/vfio.h>

#include "tests/isolation/edu_host.h"
#include "tests/lab/edu_regs.h"

#define TRANSFER_DEADLINE_MS 60000
#define FAULT_DEADLINE_MS    60000

void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)fflush(stdout);
	(void)fprintf(stderr, "probe: ");
	(void)vfprintf(stderr, fmt, ap);
	(void)fprintf(stderr, "\n");
	va_end(ap);
	exit(1);
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

uint64_t physical(const void *p)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;

	if (fd < 0 || pread(fd, &entry, sizeof(entry),
			    (off_t)((uintptr_t)p / PAGE * 8)) != sizeof(entry))
		die("/proc/self/pagemap: %s", strerror(errno));
	(void)close(fd);
	if (!(entry >> 63))
		die("no page at %p", p);
	return (entry & ((UINT64_C(1) << 55) - 1)) * PAGE;
}

void want_no_fault(unsigned long before, const char *what)
{
	unsigned long n = faults_reported() - before;

	if (n)
		die("%s: %lu faults where there should be none", what, n);
}

void want_fault(const struct edu_host *edu, unsigned long before, bool write,
		uint64_t iova, unsigned int reason)
{
	const struct fault_record want = {
		.page = iova & ~UINT64_C(0xfff),
		.requester = (unsigned int)edu->bdf.bus << 8 |
			     (unsigned int)edu->bdf.dev << 3 | edu->bdf.fn,
		.reason = reason,
		.read = !write,
	};
	char text[FAULT_TEXT], want_text[FAULT_TEXT];
	uint64_t deadline = now_ms() + FAULT_DEADLINE_MS;
	struct fault_record record;

	(void)fault_text(&want, want_text);
	while (faults_reported() == before) {
		if (now_ms() > deadline)
			die("not reported: %s", want_text);
		(void)usleep(1000);
	}
	record = fault_unit_last(&edu->unit);
	if (strcmp(fault_text(&record, text), want_text) != 0)
		die("%s, not %s", text, want_text);
	if (faults_reported() != before + 1)
		die("%lu faults instead of one: %s", faults_reported() - before,
		    text);
	(void)printf("%s\n", text);
}

static void map_bar(struct edu_host *edu)
{
	struct vfio_region_info info = { .argsz = sizeof(info),
					 .index = VFIO_PCI_BAR0_REGION_INDEX };
	void *bar;

	if (ioctl(edu->fd, VFIO_DEVICE_GET_REGION_INFO, &info) < 0)
		die("region info of BAR 0: %s", strerror(errno));
	bar = mmap(NULL, EDU_BAR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
		   edu->fd, (off_t)info.offset);
	if (bar == MAP_FAILED)
		die("mmap of BAR 0: %s", strerror(errno));
	edu->bar = bar;
	info.index = VFIO_PCI_CONFIG_REGION_INDEX;
	if (ioctl(edu->fd, VFIO_DEVICE_GET_REGION_INFO, &info) < 0)
		die("region info of config space: %s", strerror(errno));
	edu->config = info.offset;
}

void edu_host_master(const struct edu_host *edu, bool on)
{
	uint16_t command = PCI_COMMAND_MEMORY | (on ? PCI_COMMAND_MASTER : 0);

	if (pwrite(edu->fd, &command, 2, (off_t)edu->config + PCI_COMMAND) != 2)
		die("cannot write the command register");
}

void edu_host_open(struct edu_host *edu, const char *bdf)
{
	const struct moat_ioas_config config = {
		.backend = getenv("MOAT_IOMMU"),
	};
	struct moat_err err;

	memset(edu, 0, sizeof(*edu));
	fault_unit_open(&edu->unit);
	if (moat_bdf_parse(bdf, &edu->bdf, &err) < 0 ||
	    moat_ioas_create(&config, &edu->ioas, &err) < 0 ||
	    moat_ioas_attach(edu->ioas, edu->bdf, &edu->fd, &err) < 0)
		die("%s", err.msg);
	map_bar(edu);
	edu->own = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (edu->own == MAP_FAILED)
		die("no memory");
	edu_host_map(edu, OWN_AT, PAGE, edu->own,
		     MOAT_DMA_READ | MOAT_DMA_WRITE);
	edu_host_master(edu, true);
	if ((*(volatile uint32_t *)(edu->bar + EDU_ID) & 0xff) != 0xed)
		die("%s is not edu", bdf);
}

void edu_host_close(struct edu_host *edu)
{
	edu_host_master(edu, false);
	(void)munmap((void *)(uintptr_t)edu->bar, EDU_BAR_SIZE);
	(void)close(edu->fd);
	moat_ioas_detach(edu->ioas, edu->bdf);
	moat_ioas_destroy(edu->ioas);
	(void)munmap(edu->own, PAGE);
}

void edu_host_map(const struct edu_host *edu, uint64_t iova, uint64_t len,
		  void *vaddr, unsigned int prot)
{
	struct moat_err err;

	if (moat_ioas_map(edu->ioas, iova, len, vaddr, prot, &err) < 0)
		die("%s", err.msg);
}

void edu_host_unmap(const struct edu_host *edu, uint64_t iova, uint64_t len)
{
	int r = moat_ioas_unmap(edu->ioas, iova, len);

	if (r < 0)
		die("unmap %#" PRIx64 ": %s", iova, strerror(-r));
}

void edu_host_start(const struct edu_host *edu, uint64_t iova, uint64_t len,
		    bool to_memory)
{
	volatile uint8_t *bar = edu->bar;

	*(volatile uint64_t *)(bar + EDU_DMA_SRC) = to_memory ? EDU_BUFFER
							      : iova;
	*(volatile uint64_t *)(bar + EDU_DMA_DST) = to_memory ? iova
							      : EDU_BUFFER;
	*(volatile uint64_t *)(bar + EDU_DMA_COUNT) = len;
	*(volatile uint32_t *)(bar + EDU_DMA_CMD) =
		EDU_DMA_START | (to_memory ? EDU_DMA_TO_MEMORY : 0);
}

void edu_host_wait(const struct edu_host *edu)
{
	uint64_t deadline = now_ms() + TRANSFER_DEADLINE_MS;

	while (*(volatile uint32_t *)(edu->bar + EDU_DMA_CMD) & EDU_DMA_START) {
		if (now_ms() > deadline)
			die("a transfer did not end");
		(void)usleep(1000);
	}
}

void edu_host_write(const struct edu_host *edu, uint64_t iova, uint64_t len,
		    uint8_t byte)
{
	memset(edu->own, byte, PAGE);
	edu_host_start(edu, OWN_AT, len, false);
	edu_host_wait(edu);
	edu_host_start(edu, iova, len, true);
	edu_host_wait(edu);
}

void edu_host_read(const struct edu_host *edu, uint64_t iova, uint64_t len)
{
	/* What a read that faults does not bring, is not there from before. */
	memset(edu->own, 0x5a, PAGE);
	edu_host_start(edu, OWN_AT, len, false);
	edu_host_wait(edu);
	edu_host_start(edu, iova, len, false);
	edu_host_wait(edu);
	memset(edu->own, 0x33, PAGE);
	edu_host_start(edu, OWN_AT, len, true);
	edu_host_wait(edu);
}
