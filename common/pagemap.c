// SPDX-License-Identifier: GPL-2.0-or-later
/* Physical addresses, see pagemap.h. No state. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/host.h"
#include "common/io.h"
#include "common/pagemap.h"
#include "common/util.h"

/* An entry is 64 bits: the page frame number, and whether there is a page. */
#define ENTRY_PFN     ((UINT64_C(1) << 55) - 1)
#define ENTRY_PRESENT (UINT64_C(1) << 63)

#define BATCH	      2048

int moat_pagemap_open(const struct moat_host *host, int *ret_fd)
{
	char path[PATH_MAX];
	int fd, r;

	r = moat_path(path, "%s/self/pagemap", host->procfs);
	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

static int decode(const uint64_t *entry, size_t n, uint64_t page_size,
		  uint64_t *ret_pa)
{
	for (size_t i = 0; i < n; i++) {
		if (!(entry[i] & ENTRY_PRESENT))
			return -ENOENT;
		/* Frame 0 is never given to a process. */
		if (!(entry[i] & ENTRY_PFN))
			return -EPERM;
		ret_pa[i] = (entry[i] & ENTRY_PFN) * page_size;
	}
	return 0;
}

int moat_pagemap_read(int fd, const void *addr, size_t n, uint64_t *ret_pa)
{
	uint64_t page_size = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t page = (uintptr_t)addr / page_size;
	uint64_t entry[BATCH];
	size_t some;
	int r = 0;

	for (; r == 0 && n > 0; n -= some, page += some, ret_pa += some) {
		some = n < BATCH ? n : BATCH;
		r = moat_pread_all(fd, entry, some * sizeof(entry[0]),
				   (off_t)(page * sizeof(entry[0])));
		if (r == 0)
			r = decode(entry, some, page_size, ret_pa);
	}
	return r;
}

/* Goes through smaps, line by line, for the range [first, last]. */
struct smaps_reader {
	uint64_t first, last;
	bool inside;	  /* the lines are of a mapping in the range */
	bool behind;	  /* and now of one behind it */
	uint64_t covered; /* bytes of the range that have been met */
	uint64_t size;	  /* the smallest; 0: none so far */
};

static void smaps_line(struct smaps_reader *r, const char *line)
{
	uint64_t from, to, kib;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " ", &from, &to) == 2) {
		r->behind = from > r->last;
		r->inside = from < to && from <= r->last && to > r->first;
		if (r->inside)
			r->covered += min_u64(to - 1, r->last) -
				      max_u64(from, r->first) + 1;
		return;
	}
	if (r->inside &&
	    sscanf(line, "KernelPageSize: %" SCNu64 " kB", &kib) == 1 &&
	    (r->size == 0 || kib * KiB < r->size))
		r->size = kib * KiB;
}

uint64_t moat_pagemap_page_size(const struct moat_host *host, const void *addr,
				const void *last)
{
	const uint64_t page_size = (uint64_t)sysconf(_SC_PAGESIZE);
	struct smaps_reader reader = {
		.first = (uintptr_t)addr,
		.last = (uintptr_t)last,
	};
	char path[PATH_MAX], *line = NULL;
	size_t room = 0;
	FILE *file;

	if (moat_path(path, "%s/self/smaps", host->procfs) < 0)
		return page_size;
	file = fopen(path, "re");
	if (!file)
		return page_size;
	while (!reader.behind && getline(&line, &room, file) > 0)
		smaps_line(&reader, line);
	free(line);
	(void)fclose(file);
	if (reader.covered != reader.last - reader.first + 1 ||
	    reader.size < page_size || (reader.size & (reader.size - 1)))
		return page_size;
	return reader.size;
}
