// SPDX-License-Identifier: GPL-2.0-or-later
/* Who on the host has the line of a function's interrupt pin. */
#include <stdio.h>
#include <string.h>

#include "assign/host_pci_internal.h"
#include "common/io.h"
#include "common/parse.h"

int host_pci_irq_users(const struct moat_host *host, struct moat_bdf bdf,
		       char *buf, size_t size)
{
	char path[PATH_MAX], text[16];
	uint64_t irq;
	int r;

	host = host_or_this(host);
	r = host_pci_attr(host, bdf, "irq", path);
	if (r == 0)
		r = moat_read_text(path, text, sizeof(text));
	if (r == 0)
		r = moat_parse_u64(text, 10, &irq);
	if (r == 0)
		r = moat_path(path, "%s/kernel/irq/%llu/actions", host->sysfs,
			      (unsigned long long)irq);
	return r < 0 ? r : moat_read_text(path, buf, size);
}
