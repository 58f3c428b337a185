// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Writes a DMAR table for a lab machine with the default devices, such as bad
 * firmware may have:
 *
 *     make-dmar FILE
 *
 * The unit is in front of all but the NIC; there are two memory regions for
 * edu, one that firmware reserves and one in the middle of RAM; and the types
 * are out of order.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/util.h"
#include "tests/vtd/dmar_blob.h"

#define UNIT	     0xfed90000u
#define BIOS	     0xf0000u
#define BIOS_LAST    0xfffffu
#define RAM	     0x6000000u
#define RAM_LAST     0x6000fffu
#define PLATFORM_BUS 0xff /* where QEMU's IO-APIC is said to be */

static void add_unit(struct blob *b)
{
	static const uint8_t named[][2] = {
		{ 0x00, 0 }, { 0x05, 0 }, { 0x08, 0 }, { 0x09, 0 },
		{ 0x1f, 0 }, { 0x1f, 2 }, { 0x1f, 3 },
	};

	blob_drhd(b, false, 0, UNIT);
	blob_scope1(b, 3, PLATFORM_BUS, 0, 0);
	for (size_t i = 0; i < ARRAY_SIZE(named); i++)
		blob_scope1(b, 1, 0, named[i][0], named[i][1]);
	/* The root port that the NVMe is behind. */
	blob_scope1(b, 2, 0x80, 0, 0);
	blob_close(b);
}

static void add_region(struct blob *b, uint64_t first, uint64_t last)
{
	blob_rmrr(b, 0, first, last);
	blob_scope1(b, 1, 0, 0x05, 0);
	blob_close(b);
}

int main(int argc, char **argv)
{
	struct blob b;
	FILE *file;
	size_t n;

	if (argc != 2)
		return EXIT_FAILURE;
	blob_begin(&b, 48, 1);
	/* The ids of QEMU's own table, and a higher revision. */
	memcpy(b.data + 10, "BOCHS BXPC    \2\0\0\0", 18);
	add_unit(&b);
	blob_rhsa(&b, UNIT, 1);
	add_region(&b, BIOS, BIOS_LAST);
	add_region(&b, RAM, RAM_LAST);
	file = fopen(argv[1], "wbe");
	if (!file)
		return EXIT_FAILURE;
	n = fwrite(b.data, 1, b.len, file);
	return fclose(file) == 0 && n == b.len ? EXIT_SUCCESS : EXIT_FAILURE;
}
