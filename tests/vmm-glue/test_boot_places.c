// SPDX-License-Identifier: GPL-2.0-or-later
/* Kernel and initrd in identity-placed RAM. */
#include <errno.h>
#include <string.h>

#include "common/util.h"
#include "tests/check_main.h"
#include "vmm-glue/boot.h"

static struct moat_err err;

#define MOVES 2
#define HIGH  4 /* can be above 4 GiB */

static const struct {
	const char *what;
	unsigned int flags;
	struct layout_run run[3]; /* in MiB */
	size_t n_runs;
	uint64_t init_mib, initrd; /* MiB; bytes */
	int want;
	uint64_t kernel_mib, initrd_at;
	const char *says;
} cases[] = {
	{ "where it likes to be",
	  MOVES | HIGH,
	  { { 2, 126 } },
	  1,
	  60,
	  0,
	  0,
	  16,
	  0,
	  NULL },
	{ "the same, though lower RAM would do",
	  MOVES | HIGH,
	  { { 2, 126 }, { 512, 512 } },
	  2,
	  60,
	  8 * MiB,
	  0,
	  16,
	  1016 * MiB,
	  NULL },
	{ "not below",
	  MOVES | HIGH,
	  { { 2, 62 }, { 256, 64 } },
	  2,
	  60,
	  0,
	  0,
	  256,
	  0,
	  NULL },
	{ "aligned",
	  MOVES | HIGH,
	  { { 2, 10 }, { 255, 64 } },
	  2,
	  60,
	  0,
	  0,
	  256,
	  0,
	  NULL },
	{ "above 4 GiB, and the initrd too",
	  MOVES | HIGH,
	  { { 5000, 128 } },
	  1,
	  60,
	  5000,
	  0,
	  5000,
	  5128 * MiB - 8192,
	  NULL },
	{ "the initrd as high as its pointer reaches",
	  MOVES | HIGH,
	  { { 16, 4000 }, { 4096, 128 } },
	  2,
	  60,
	  5000,
	  0,
	  16,
	  2048 * MiB - 8192,
	  NULL },
	{ "the initrd above for want of room below",
	  MOVES | HIGH,
	  { { 16, 62 }, { 4096, 128 } },
	  2,
	  60,
	  4 * MiB,
	  0,
	  16,
	  4220 * MiB,
	  NULL },
	{ "the initrd below the kernel",
	  MOVES | HIGH,
	  { { 2, 76 } },
	  1,
	  60,
	  8 * MiB,
	  0,
	  16,
	  8 * MiB,
	  NULL },
	{ "old, low",
	  MOVES,
	  { { 64, 128 }, { 4096, 128 } },
	  2,
	  60,
	  8 * MiB,
	  0,
	  64,
	  184 * MiB,
	  NULL },
	{ "old, high only",
	  MOVES,
	  { { 4096, 128 } },
	  1,
	  60,
	  0,
	  -ENOSPC,
	  0,
	  0,
	  "cannot be loaded above 4 GiB" },
	{ "old, across 4 GiB",
	  MOVES,
	  { { 2, 16 }, { 4066, 128 } },
	  2,
	  60,
	  0,
	  -ENOSPC,
	  0,
	  0,
	  "and below 4 GiB" },
	{ "old, no room below for the initrd",
	  MOVES,
	  { { 16, 62 }, { 4096, 128 } },
	  2,
	  60,
	  4 * MiB,
	  -ENOSPC,
	  0,
	  0,
	  "initrd of 4 MiB does not fit in one piece of this guest's RAM "
	  "below 4 GiB" },
	{ "immovable, with RAM there",
	  0,
	  { { 16, 64 } },
	  1,
	  60,
	  0,
	  0,
	  16,
	  0,
	  NULL },
	{ "immovable, with none",
	  0,
	  { { 18, 126 } },
	  1,
	  60,
	  0,
	  -ENOSPC,
	  0,
	  0,
	  "is not relocatable" },
	{ "in pieces",
	  MOVES | HIGH,
	  { { 16, 58 }, { 128, 58 }, { 4096, 58 } },
	  3,
	  60,
	  0,
	  -ENOSPC,
	  0,
	  0,
	  "needs 60 MiB of RAM in one piece to start, from 16 MiB on; with "
	  "dma=none the longest piece of this guest's RAM is 58 MiB" },
	{ "an initrd in pieces",
	  MOVES | HIGH,
	  { { 16, 64 }, { 128, 58 }, { 4096, 58 } },
	  3,
	  60,
	  59 * MiB,
	  -ENOSPC,
	  0,
	  0,
	  "initrd of 59 MiB does not fit in one piece" },
};

static void fill(size_t i, struct boot_header *header, struct layout *layout)
{
	memset(header, 0, sizeof(*header));
	header->load = 16 * MiB;
	header->init_size = cases[i].init_mib * MiB;
	header->alignment = cases[i].flags & MOVES ? 2 * MiB : 0;
	header->above_4g = cases[i].flags & HIGH;
	header->initrd_last = 0x7fffffff;
	memset(layout, 0, sizeof(*layout));
	layout->identity = true;
	layout->n_runs = cases[i].n_runs;
	for (size_t j = 0; j < cases[i].n_runs; j++) {
		layout->run[j].gpa = cases[i].run[j].gpa * MiB;
		layout->run[j].len = cases[i].run[j].len * MiB;
	}
}

START_TEST(kernel_and_initrd_find_their_places)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct boot_places places = { 0 };
		struct boot_header header;
		struct layout layout;
		int r;

		fill(i, &header, &layout);
		err.msg[0] = '\0';
		r = boot_choose_places(&header, &layout, cases[i].initrd,
				       &places, &err);
		ck_assert_msg(r == cases[i].want, "%s: %d, %s", cases[i].what,
			      r, err.msg);
		ck_assert_msg(places.kernel == cases[i].kernel_mib * MiB &&
				      places.initrd == cases[i].initrd_at,
			      "%s: kernel at %#llx, initrd at %#llx",
			      cases[i].what, (unsigned long long)places.kernel,
			      (unsigned long long)places.initrd);
		if (cases[i].says)
			ck_assert_msg(strstr(err.msg, cases[i].says), "%s: %s",
				      cases[i].what, err.msg);
	}
}
END_TEST

CHECK_MAIN("boot_places", kernel_and_initrd_find_their_places)
