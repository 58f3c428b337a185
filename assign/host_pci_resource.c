// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where the host put a function's BARs: its "resource" attribute, one line
 * each, of first address, last address and flags.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "assign/host_pci_internal.h"
#include "common/io.h"
#include "common/parse.h"

/* Of the flags; linux/ioport.h, which is not for programs. */
#define RESOURCE_IO	0x100
#define RESOURCE_MEMORY 0x200
#define RESOURCE_UNSET	0x20000000 /* no address was found for it */

#define PORT_LAST	0xffff

/* Cut three numbers off a line. */
static int parse_line(char *line, uint64_t ret_number[3])
{
	char *save = NULL, *word;
	int r;

	for (unsigned int i = 0; i < 3; i++) {
		word = strtok_r(i ? NULL : line, " ", &save);
		if (!word)
			return -EINVAL;
		r = moat_parse_u64(word, 16, &ret_number[i]);
		if (r < 0)
			return r;
	}
	return strtok_r(NULL, " ", &save) ? -EINVAL : 0;
}

/* Cut out line @n. */
static char *line_of(char *text, unsigned int n)
{
	char *save = NULL, *line = strtok_r(text, "\n", &save);

	while (line && n-- > 0)
		line = strtok_r(NULL, "\n", &save);
	return line;
}

int host_pci_resource(const struct moat_host *host, struct moat_bdf bdf,
		      unsigned int index,
		      struct host_pci_resource *ret_resource)
{
	/* 17 lines of 57 characters, when there is SR-IOV. */
	char path[PATH_MAX], text[4096], *line;
	uint64_t number[3];
	int r;

	r = host_pci_attr(host_or_this(host), bdf, "resource", path);
	if (r == 0)
		r = moat_read_text(path, text, sizeof(text));
	if (r < 0)
		return r;
	line = line_of(text, index);
	r = line ? parse_line(line, number) : -EINVAL;
	if (r < 0 || number[0] > number[1] ||
	    number[1] - number[0] == UINT64_MAX)
		return -EINVAL;
	*ret_resource = (struct host_pci_resource) {
		.first = number[0],
		.len = number[1] - number[0] + 1,
		.is_io = number[2] & RESOURCE_IO,
		.is_memory = number[2] & RESOURCE_MEMORY,
		.placed = number[0] && !(number[2] & RESOURCE_UNSET),
	};
	return 0;
}

int host_pci_ports(const struct moat_host *host, struct moat_bdf bdf,
		   unsigned int bar, unsigned int len, uint16_t *ret_first,
		   struct moat_err *err)
{
	struct host_pci_resource res;
	uint64_t last;
	int r;

	r = host_pci_resource(host, bdf, bar, &res);
	if (r == -EINVAL)
		return moat_fail(err, r,
				 "sysfs ('resource') does not say where the "
				 "host put BAR %u",
				 bar);
	if (r < 0)
		return moat_fail(err, r,
				 "cannot read where the host put BAR %u: %s",
				 bar, strerror(-r));
	if (!res.is_io || !res.placed)
		return moat_fail(err, -ENODEV,
				 "the host gave BAR %u no ports; use pio=vfio, "
				 "or boot the host with pci=realloc",
				 bar);
	last = res.first + res.len - 1;
	if (last > PORT_LAST || res.len != len)
		return moat_fail(err, -EINVAL,
				 "sysfs ('resource') has BAR %u at 0x%llx to "
				 "0x%llx, which are not the %u ports it has",
				 bar, (unsigned long long)res.first,
				 (unsigned long long)last, len);
	*ret_first = (uint16_t)res.first;
	return 0;
}
