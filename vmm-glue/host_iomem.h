/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the host has at which physical address, as far as identity-placed
 * guest RAM must know: /proc/iomem.
 */
#ifndef MOAT_VMM_HOST_IOMEM_H
#define MOAT_VMM_HOST_IOMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <moat/err.h>

#include "common/host.h"

enum host_iomem_kind {
	HOST_IOMEM_RAM, /* memory, of whatever kind */
	HOST_IOMEM_PCI, /* a window of a PCI host bridge: never RAM */
	HOST_IOMEM_OTHER,
};

struct host_iomem_range {
	uint64_t first, last;
	enum host_iomem_kind kind;
};

/* The outermost resources, in the order of the file: by address. */
struct host_iomem {
	struct host_iomem_range *range;
	size_t n;
};

/**
 * host_iomem_parse() - read the file's text
 *
 * Return: 0; -EINVAL for a line that is not one; -EPERM when the kernel hides
 * the addresses; -ENOMEM.
 */
int host_iomem_parse(const char *text, struct host_iomem *ret_iomem);

/** host_iomem_read() - the same of @host, with a sentence */
int host_iomem_read(const struct moat_host *host, struct host_iomem *ret_iomem,
		    struct moat_err *err);

void host_iomem_free(struct host_iomem *iomem);

#endif /* MOAT_VMM_HOST_IOMEM_H */
