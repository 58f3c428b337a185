// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * edu: drives QEMU's educational PCI device (1234:11e8) from user space, as
 * the device's driver inside a guest, and so as the attacker that the fence
 * is tested against. Its one job that matters is the DMA engine: it reads or
 * writes whatever bus address it is told.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "tests/lab/edu_regs.h"

#define TRANSFER_DEADLINE_MS 20000

struct edu {
	volatile uint8_t *bar;
	uint8_t *page; /* one page of ours, locked */
	uint64_t page_pa;
};

static void die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)fprintf(stderr, "edu: ");
	(void)vfprintf(stderr, fmt, ap);
	(void)fprintf(stderr, "\n");
	va_end(ap);
	exit(1);
}

static uint32_t reg_read(const struct edu *edu, uint32_t offset)
{
	return *(volatile uint32_t *)(edu->bar + offset);
}

static void reg_write(const struct edu *edu, uint32_t offset, uint32_t value)
{
	*(volatile uint32_t *)(edu->bar + offset) = value;
}

static void reg_write64(const struct edu *edu, uint32_t offset, uint64_t value)
{
	*(volatile uint64_t *)(edu->bar + offset) = value;
}

static uint64_t physical(const void *p)
{
	uint64_t entry;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die("/proc/self/pagemap: %s", strerror(errno));
	if (pread(fd, &entry, sizeof(entry),
		  (off_t)((uintptr_t)p / 4096 * 8)) != sizeof(entry))
		die("cannot read /proc/self/pagemap");
	(void)close(fd);
	if (!(entry >> 63) || !(entry & ((UINT64_C(1) << 55) - 1)))
		die("no physical address for %p; not root?", p);
	return (entry & ((UINT64_C(1) << 55) - 1)) * 4096;
}

static int open_attr(const char *bdf, const char *attr)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", bdf,
		       attr);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		die("%s: %s", path, strerror(errno));
	return fd;
}

/* Memory decode on; bus mastering as asked. */
static void set_command(const char *bdf, bool master)
{
	int fd = open_attr(bdf, "config");
	uint16_t command;

	if (pread(fd, &command, 2, PCI_COMMAND) != 2)
		die("%s: cannot read the command register", bdf);
	command |= PCI_COMMAND_MEMORY;
	if (master)
		command |= PCI_COMMAND_MASTER;
	else
		command &= (uint16_t)~PCI_COMMAND_MASTER;
	if (pwrite(fd, &command, 2, PCI_COMMAND) != 2)
		die("%s: cannot write the command register", bdf);
	(void)close(fd);
}

/*
 * A locked page at @min or above, so that a test can choose the memory that
 * is far up. What lies below is kept, or it would be handed out again; in
 * pieces of some pages, since a process may have only so many mappings.
 */
static uint8_t *page_above(uint64_t min)
{
	const size_t len = 128 * 4096;

	for (uint64_t n = 0; n < UINT64_C(1) << 15; n++) {
		uint8_t *pages =
			mmap(NULL, len, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

		if (pages == MAP_FAILED || mlock(pages, len) < 0)
			die("no memory for pages: %s", strerror(errno));
		for (size_t at = 0; at < len; at += 4096) {
			pages[at] = 1; /* of its own, not the zero page */
			if (physical(pages + at) >= min)
				return pages + at;
		}
	}
	die("no page at %#" PRIx64 " or above", min);
	return NULL;
}

static void edu_open(struct edu *edu, const char *bdf, uint64_t min_page)
{
	int fd;

	set_command(bdf, true);
	fd = open_attr(bdf, "resource0");
	edu->bar = mmap(NULL, EDU_BAR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
			fd, 0);
	if (edu->bar == MAP_FAILED)
		die("%s: cannot map BAR 0: %s", bdf, strerror(errno));
	(void)close(fd);
	edu->page = page_above(min_page);
	edu->page_pa = physical(edu->page);
	if ((reg_read(edu, EDU_ID) & 0xff) != 0xed)
		die("%s: id %#x is not edu's", bdf, reg_read(edu, EDU_ID));
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void transfer(const struct edu *edu, uint64_t src, uint64_t dst,
		     uint64_t len, uint32_t direction)
{
	uint64_t deadline = now_ms() + TRANSFER_DEADLINE_MS;

	reg_write64(edu, EDU_DMA_SRC, src);
	reg_write64(edu, EDU_DMA_DST, dst);
	reg_write64(edu, EDU_DMA_COUNT, len);
	reg_write(edu, EDU_DMA_CMD, EDU_DMA_START | direction);
	while (reg_read(edu, EDU_DMA_CMD) & EDU_DMA_START) {
		if (now_ms() > deadline)
			die("a transfer did not end in %d ms",
			    TRANSFER_DEADLINE_MS);
		(void)usleep(1000);
	}
}

static void from_memory(const struct edu *edu, uint64_t addr, uint64_t len)
{
	transfer(edu, addr, EDU_BUFFER, len, 0);
}

static void to_memory(const struct edu *edu, uint64_t addr, uint64_t len)
{
	transfer(edu, EDU_BUFFER, addr, len, EDU_DMA_TO_MEMORY);
}

/* A page out and back: through the buffer of the device, to other memory. */
static void cmd_roundtrip(const struct edu *edu)
{
	uint8_t want[2048];

	for (size_t i = 0; i < sizeof(want); i++)
		want[i] = edu->page[i] = (uint8_t)(i * 7 + (uint64_t)getpid());
	memset(edu->page + 2048, 0, 2048);
	from_memory(edu, edu->page_pa, 2048);
	to_memory(edu, edu->page_pa + 2048, 2048);
	if (memcmp(edu->page + 2048, want, sizeof(want)) != 0)
		die("roundtrip: the data came back changed");
	(void)printf("roundtrip: ok at %#" PRIx64 "\n", edu->page_pa);
}

/* The device writes @len bytes of 0xa5 to @addr. */
static void cmd_write(const struct edu *edu, uint64_t addr, uint64_t len)
{
	memset(edu->page, 0xa5, 4096);
	from_memory(edu, edu->page_pa, len);
	to_memory(edu, addr, len);
	(void)printf("write %#" PRIx64 ": sent\n", addr);
}

/* The device reads @len bytes from @addr; what it got is printed. */
static void cmd_read(const struct edu *edu, uint64_t addr, uint64_t len)
{
	memset(edu->page, 0x5a, 4096);
	from_memory(edu, edu->page_pa, len);
	from_memory(edu, addr, len);
	memset(edu->page, 0x33, 4096);
	to_memory(edu, edu->page_pa, len);
	(void)printf("read %#" PRIx64 ": ", addr);
	for (uint64_t i = 0; i < 16; i++)
		(void)printf("%02x", edu->page[i]);
	(void)printf("\n");
}

/* The positive control: an attack's very code, on memory that is ours. */
static void cmd_write_own(const struct edu *edu)
{
	cmd_write(edu, edu->page_pa + 1024, 1024);
	for (size_t i = 1024; i < 2048; i++)
		if (edu->page[i] != 0xa5)
			die("write-own: byte %zu is %#x", i, edu->page[i]);
	memset(edu->page, 0, 4096);
	to_memory(edu, edu->page_pa + 1024, 1024);
	if (edu->page[1024] != 0xa5 || edu->page[1023] || edu->page[2048])
		die("write-own: the write did not land where it was sent");
	(void)printf("write-own: landed\n");
}

static void cmd_liveness(const struct edu *edu)
{
	reg_write(edu, EDU_LIVENESS, 0x12345678);
	if (reg_read(edu, EDU_LIVENESS) != ~0x12345678u)
		die("the device does not answer");
	(void)printf("liveness: ok\n");
}

/* Has nobody written to the registers since? */
static void cmd_liveness_kept(const struct edu *edu)
{
	if (reg_read(edu, EDU_LIVENESS) != ~0x12345678u)
		die("the register is %#x now", reg_read(edu, EDU_LIVENESS));
	(void)printf("liveness: kept\n");
}

static uint64_t number(const char *text)
{
	char *end;
	unsigned long long v = strtoull(text, &end, 0);

	if (*end || end == text)
		die("'%s' is not a number", text);
	return v;
}

static void usage(void)
{
	(void)fprintf(
		stderr,
		"usage: edu BDF COMMAND...\n"
		"  liveness            does it answer?\n"
		"  liveness-kept       as that left it?\n"
		"  roundtrip           DMA out of and into own memory\n"
		"  write-own           the attack, on own memory\n"
		"  write ADDR [LEN]    the device writes LEN bytes there\n"
		"  read ADDR [LEN]     the device reads there\n"
		"  master-off          clear bus mastering\n");
	exit(2);
}

int main(int argc, char **argv)
{
	struct edu edu = { 0 };
	uint64_t len, min_page = 0;

	if (argc < 3)
		usage();
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	len = argc > 4 ? number(argv[4]) : 1024;
	if (len == 0 || len > EDU_BUFFER_LEN)
		die("a transfer is 1 to %d bytes", EDU_BUFFER_LEN);
	if (strcmp(argv[2], "roundtrip") == 0 && argc > 3)
		min_page = number(argv[3]);
	edu_open(&edu, argv[1], min_page);
	if (strcmp(argv[2], "liveness") == 0)
		cmd_liveness(&edu);
	else if (strcmp(argv[2], "liveness-kept") == 0)
		cmd_liveness_kept(&edu);
	else if (strcmp(argv[2], "roundtrip") == 0)
		cmd_roundtrip(&edu);
	else if (strcmp(argv[2], "write-own") == 0)
		cmd_write_own(&edu);
	else if (strcmp(argv[2], "write") == 0 && argc > 3)
		cmd_write(&edu, number(argv[3]), len);
	else if (strcmp(argv[2], "read") == 0 && argc > 3)
		cmd_read(&edu, number(argv[3]), len);
	else if (strcmp(argv[2], "master-off") == 0)
		set_command(argv[1], false);
	else
		usage();
	return 0;
}
