// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pci: reads and writes a device's config space and the registers in its
 * BARs, in a guest or on the host.
 *
 *	pci BDF cfg OFFSET.SIZE [VALUE]	SIZE is 1, 2 or 4
 *	pci BDF bar N OFFSET.SIZE [VALUE]	SIZE is 1, 2, 4 or 8
 *	pci BDF cap ID			where the capability is
 *	pci mem ADDRESS.SIZE [VALUE]	by /dev/mem
 *
 * Prints what was read, in hexadecimal.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "tests/lab/guest/device.h"

struct place {
	uint64_t offset;
	unsigned int size;
};

static struct place place(const char *text)
{
	struct place place;
	char copy[32], *dot;

	(void)snprintf(copy, sizeof(copy), "%s", text);
	dot = strchr(copy, '.');
	if (!dot)
		die("'%s' is not OFFSET.SIZE", text);
	*dot = '\0';
	place.offset = number(copy);
	place.size = (unsigned int)number(dot + 1);
	if (place.size != 1 && place.size != 2 && place.size != 4 &&
	    place.size != 8)
		die("'%s' has no such size", text);
	return place;
}

static void config(const char *bdf, struct place at, const char *value)
{
	uint64_t v = value ? number(value) : 0;
	int fd = open_attr(bdf, "config");
	ssize_t n;

	if (value)
		n = pwrite(fd, &v, at.size, (off_t)at.offset);
	else
		n = pread(fd, &v, at.size, (off_t)at.offset);
	if (n != (ssize_t)at.size)
		die("config space at %#" PRIx64 ": %s", at.offset,
		    strerror(errno));
	(void)close(fd);
	if (!value)
		(void)printf("0x%0*" PRIx64 "\n", (int)at.size * 2, v);
}

static void memory(volatile uint8_t *p, struct place at, const char *value)
{
	uint64_t v = value ? number(value) : 0;

	p += at.offset;
	if (value) {
		switch (at.size) {
		case 1:
			*p = (uint8_t)v;
			return;
		case 2:
			*(volatile uint16_t *)p = (uint16_t)v;
			return;
		case 4:
			*(volatile uint32_t *)p = (uint32_t)v;
			return;
		default:
			*(volatile uint64_t *)p = v;
			return;
		}
	}
	switch (at.size) {
	case 1:
		v = *p;
		break;
	case 2:
		v = *(volatile uint16_t *)p;
		break;
	case 4:
		v = *(volatile uint32_t *)p;
		break;
	default:
		v = *(volatile uint64_t *)p;
		break;
	}
	(void)printf("0x%0*" PRIx64 "\n", (int)at.size * 2, v);
}

static void physical_memory(struct place at, const char *value)
{
	int fd = open("/dev/mem", O_RDWR | O_SYNC | O_CLOEXEC);
	uint64_t in_page = at.offset % PAGE;
	void *p;

	if (fd < 0)
		die("/dev/mem: %s", strerror(errno));
	p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		 (off_t)(at.offset - in_page));
	if (p == MAP_FAILED)
		die("/dev/mem at %#" PRIx64 ": %s", at.offset, strerror(errno));
	at.offset = in_page;
	memory(p, at, value);
}

static void capability(const char *bdf, uint64_t id)
{
	int fd = open_attr(bdf, "config");
	uint8_t at = PCI_CAPABILITY_LIST - PCI_CAP_LIST_NEXT, entry[2] = { 0 };

	for (unsigned int i = 0; i < 48; i++) {
		if (pread(fd, &at, 1, at + PCI_CAP_LIST_NEXT) != 1 || !at ||
		    pread(fd, entry, 2, at) != 2)
			break;
		if (entry[0] == id) {
			(void)printf("0x%02x\n", at);
			return;
		}
	}
	die("%s has no capability %#" PRIx64, bdf, id);
}

int main(int argc, char **argv)
{
	const char *what = argc > 3 ? argv[2] : "";
	size_t len;

	program = "pci";
	if (argc > 2 && strcmp(argv[1], "mem") == 0)
		physical_memory(place(argv[2]), argc > 3 ? argv[3] : NULL);
	else if (strcmp(what, "cfg") == 0)
		config(argv[1], place(argv[3]), argc > 4 ? argv[4] : NULL);
	else if (strcmp(what, "cap") == 0)
		capability(argv[1], number(argv[3]));
	else if (strcmp(what, "bar") == 0 && argc > 4)
		memory(map_bar(argv[1], (unsigned int)number(argv[3]), &len),
		       place(argv[4]), argc > 5 ? argv[5] : NULL);
	else
		die("see its source for the usage");
	return 0;
}
