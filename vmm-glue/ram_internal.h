/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files that make guest RAM share. */
#ifndef MOAT_VMM_RAM_INTERNAL_H
#define MOAT_VMM_RAM_INTERNAL_H

#include "vmm-glue/ram.h"

struct ram_identity;

#define SMALL_PAGE (4 * KiB)

struct ram {
	struct layout_ram size;
	uint64_t page_size;
	int fd;	       /* -1: anonymous memory */
	uint8_t *base; /* of low RAM; high RAM follows */
	const struct moat_host *host;
	const char *mem_path;
	const struct moat_placement *placement; /* NULL: any node will do */
	struct ram_identity *identity; /* NULL: RAM is placed by @size */
	bool spilled; /* some is on other nodes than those of the placement */
};

static inline uint64_t ram_bytes(const struct ram *ram)
{
	return ram->size.low + ram->size.high;
}

/** ram_new() - nothing taken yet; NULL: out of memory */
struct ram *ram_new(const struct ram_config *config);

/** ram_check_dir() - is -mem-path of use? Sets the page size. */
int ram_check_dir(struct ram *ram, const struct ram_config *config,
		  struct moat_err *err);

/** ram_back() - open and map with the page size decided on */
int ram_back(struct ram *ram, bool anonymous, struct moat_err *err);

/** ram_advise() - keep it from children and core dumps */
int ram_advise(struct ram *ram, bool thp, struct moat_err *err);

void ram_close_file(struct ram *ram);

/** ram_populate_softly() - ram_populate() on the plan's first node alone */
int ram_populate_softly(struct ram *ram, bool (*cancelled)(void *opaque),
			void *opaque, struct moat_err *err);

#endif /* MOAT_VMM_RAM_INTERNAL_H */
