// SPDX-License-Identifier: GPL-2.0-or-later
/* How large the pages behind a range are, by what smaps says. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/host.h"
#include "common/pagemap.h"
#include "common/util.h"
#include "tests/check_main.h"

#define VMA(range, kib)                                     \
	range " rw-s 00000000 00:0f 77 /a-file (deleted)\n" \
	      "Size:  4096 kB\n"                            \
	      "KernelPageSize:     " kib " kB\n"            \
	      "MMUPageSize:           4 kB\nVmFlags: rd wr\n"

static const struct {
	const char *smaps;
	uint64_t want; /* of 0x40000000 to 0x403fffff */
} cases[] = {
	{ VMA("40000000-40400000", "2048"), 2 * MiB },
	{ VMA("40000000-80000000", "1048576"), GiB },
	{ VMA("40000000-40400000", "4"), 4 * KiB },
	{ VMA("10000000-20000000", "4") VMA("40000000-50000000", "2048")
		  VMA("60000000-70000000", "4"),
	  2 * MiB },
	/* The smallest counts. */
	{ VMA("40000000-40200000", "2048") VMA("40200000-40400000", "4"),
	  4 * KiB },
	/* A part is not there, or behind what is. */
	{ VMA("40000000-40200000", "2048"), 4 * KiB },
	{ VMA("40200000-40400000", "2048"), 4 * KiB },
	{ VMA("30000000-40000000", "2048"), 4 * KiB },
	{ VMA("40400000-40600000", "2048"), 4 * KiB },
	/* Nonsense. */
	{ "", 4 * KiB },
	{ VMA("40000000-40400000", "3000"), 4 * KiB },
	{ VMA("40000000-40400000", "0"), 4 * KiB },
	{ "40000000-40400000 rw-s\n", 4 * KiB },
};

START_TEST(knows_the_size_of_pages)
{
	char root[] = "/tmp/moat-pagemap-XXXXXX", path[128];
	const struct moat_host host = { .procfs = root, .sysfs = root };

	ck_assert_ptr_nonnull(mkdtemp(root));
	(void)snprintf(path, sizeof(path), "%s/self", root);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/self/smaps", root);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		FILE *file = fopen(path, "we");

		ck_assert_ptr_nonnull(file);
		ck_assert_int_ge(fputs(cases[i].smaps, file), 0);
		ck_assert_int_eq(fclose(file), 0);
		ck_assert_msg(moat_pagemap_page_size(
				      &host, (void *)(uintptr_t)0x40000000,
				      (void *)(uintptr_t)0x403fffff) ==
				      cases[i].want,
			      "case %zu", i);
	}
	ck_assert_int_eq(unlink(path), 0);
	/* The kernel shows nothing. */
	ck_assert_uint_eq(moat_pagemap_page_size(&host, root, root), 4 * KiB);
	(void)snprintf(path, sizeof(path), "%s/self", root);
	ck_assert_int_eq(rmdir(path), 0);
	ck_assert_int_eq(rmdir(root), 0);
}
END_TEST

/* This process's own memory is of small pages. */
START_TEST(knows_the_host)
{
	int x = 0;

	ck_assert_uint_eq(moat_pagemap_page_size(&moat_this_host, &x, &x + 1),
			  4 * KiB);
}
END_TEST

CHECK_MAIN("pagemap", knows_the_size_of_pages, knows_the_host)
