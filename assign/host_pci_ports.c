// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where the host put a function's ports: its "resource" attribute, one line
 * a BAR, of first address, last address and flags.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "assign/host_pci_internal.h"
#include "common/io.h"
#include "common/parse.h"

/* Of the flags; linux/ioport.h, which is not for programs. */
#define RESOURCE_IO 0x100

#define PORT_LAST   0xffff

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

int host_pci_ports(const struct moat_host *host, struct moat_bdf bdf,
		   unsigned int bar, unsigned int len, uint16_t *ret_first,
		   struct moat_err *err)
{
	/* 17 lines of 57 characters, when there is SR-IOV. */
	char path[PATH_MAX], text[4096], *line;
	uint64_t number[3];
	int r;

	r = host_pci_attr(host_or_this(host), bdf, "resource", path);
	if (r == 0)
		r = moat_read_text(path, text, sizeof(text));
	if (r < 0)
		return moat_fail(err, r,
				 "cannot read where the host put BAR %u: %s",
				 bar, strerror(-r));
	line = line_of(text, bar);
	r = line ? parse_line(line, number) : -EINVAL;
	if (r < 0)
		return moat_fail(err, -EINVAL,
				 "%s does not say where the host put BAR %u",
				 path, bar);
	if (!(number[2] & RESOURCE_IO) || number[0] == 0)
		return moat_fail(err, -ENODEV,
				 "the host gave BAR %u no ports; use pio=vfio, "
				 "or boot the host with pci=realloc",
				 bar);
	if (number[1] > PORT_LAST || number[0] > number[1] ||
	    number[1] - number[0] + 1 != len)
		return moat_fail(err, -EINVAL,
				 "%s has BAR %u at 0x%llx to 0x%llx, which are "
				 "not the %u ports it has",
				 path, bar, (unsigned long long)number[0],
				 (unsigned long long)number[1], len);
	*ret_first = (uint16_t)number[0];
	return 0;
}
