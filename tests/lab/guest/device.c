// SPDX-License-Identifier: GPL-2.0-or-later
/* A PCI device driven from user space: see the header. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "tests/lab/guest/device.h"

const char *program;

void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)fflush(stdout);
	(void)fprintf(stderr, "%s: ", program);
	(void)vfprintf(stderr, fmt, ap);
	(void)fprintf(stderr, "\n");
	va_end(ap);
	exit(1);
}

uint64_t physical(const void *p)
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

int open_attr(const char *bdf, const char *attr)
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
void set_command(const char *bdf, bool master)
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
uint8_t *page_above(uint64_t min)
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

uint64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

uint64_t number(const char *text)
{
	char *end;
	unsigned long long v = strtoull(text, &end, 0);

	if (*end || end == text)
		die("'%s' is not a number", text);
	return v;
}

volatile uint8_t *map_bar(const char *bdf, unsigned int bar, size_t *ret_len)
{
	char name[16];
	struct stat st;
	void *p;
	int fd;

	(void)snprintf(name, sizeof(name), "resource%u", bar);
	fd = open_attr(bdf, name);
	if (fstat(fd, &st) < 0 || st.st_size == 0)
		die("%s: no BAR %u", bdf, bar);
	p = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		 fd, 0);
	if (p == MAP_FAILED)
		die("%s: cannot map BAR %u: %s", bdf, bar, strerror(errno));
	(void)close(fd);
	*ret_len = (size_t)st.st_size;
	return p;
}
