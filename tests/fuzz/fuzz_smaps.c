// SPDX-License-Identifier: GPL-2.0-or-later
/* /proc/self/smaps: whatever it says, a page is of some size. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/host.h"
#include "common/pagemap.h"
#include "common/util.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char root[] = "/dev/shm/moat-smaps-XXXXXX", self[64], path[64];
	const struct moat_host host = { .procfs = root, .sysfs = root };
	uint64_t page;
	FILE *file;

	fuzz_check(mkdtemp(root) != NULL);
	(void)snprintf(self, sizeof(self), "%s/self", root);
	(void)snprintf(path, sizeof(path), "%s/self/smaps", root);
	fuzz_check(mkdir(self, 0700) == 0);
	file = fopen(path, "we");
	fuzz_check(file != NULL);
	(void)fwrite(data, 1, size, file);
	fuzz_check(fclose(file) == 0);
	page = moat_pagemap_page_size(&host, (void *)(uintptr_t)0x40000000,
				      (void *)(uintptr_t)0x403fffff);
	fuzz_check(page >= 4 * KiB && (page & (page - 1)) == 0);
	(void)unlink(path);
	(void)rmdir(self);
	(void)rmdir(root);
	return 0;
}
