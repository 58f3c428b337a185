// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A VT-d unit's fault record.
 * Source: VT-d rev 5.10, "Capability Register" and "Fault Recording
 * Registers".
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/isolation/fault_record.h"

#define UNIT_ADDRESS  "/sys/class/iommu/dmar0/intel-iommu/address"
#define UNIT_LEN      4096

#define CAP	      0x08
#define CAP_FRO_SHIFT 24 /* in units of 16 bytes */
#define CAP_FRO_MASK  0x3ffu

/* The upper 64 bits of a record; the lower ones are the address. */
#define FRCD_SID(hi)  ((unsigned int)(hi)&0xffff)
#define FRCD_FR(hi)   ((unsigned int)((hi) >> 32) & 0xff)
#define FRCD_READ(hi) (((hi) >> 62) & 1)

static uint64_t reg64(const struct fault_unit *unit, uint64_t offset)
{
	return *(volatile const uint64_t *)(unit->regs + offset);
}

static void fail(const char *what)
{
	(void)fprintf(stderr, "fault records: %s: %s\n", what, strerror(errno));
	exit(1);
}

void fault_unit_open(struct fault_unit *unit)
{
	FILE *f = fopen(UNIT_ADDRESS, "re");
	uint64_t address = 0;
	void *regs;
	int mem;

	if (!f || fscanf(f, "%" SCNx64, &address) != 1)
		fail(UNIT_ADDRESS);
	(void)fclose(f);
	mem = open("/dev/mem", O_RDONLY | O_SYNC | O_CLOEXEC);
	if (mem < 0)
		fail("/dev/mem");
	regs = mmap(NULL, UNIT_LEN, PROT_READ, MAP_SHARED, mem, (off_t)address);
	if (regs == MAP_FAILED)
		fail("mmap of /dev/mem; booted with iomem=relaxed?");
	(void)close(mem);
	unit->regs = regs;
	unit->record = ((reg64(unit, CAP) >> CAP_FRO_SHIFT) & CAP_FRO_MASK) *
		       16;
	if (unit->record + 16 > UNIT_LEN)
		fail("the records lie past the first page");
}

unsigned long faults_reported(void)
{
	FILE *f = fopen("/proc/interrupts", "re");
	unsigned long sum = 0;
	char line[1024];

	if (!f)
		fail("/proc/interrupts");
	while (fgets(line, sizeof(line), f)) {
		char *at = strchr(line, ':'), *end;

		if (!at || !strstr(at, "dmar"))
			continue;
		for (at++;; at = end) {
			unsigned long n = strtoul(at, &end, 10);

			if (end == at)
				break;
			sum += n;
		}
	}
	(void)fclose(f);
	return sum;
}

struct fault_record fault_unit_last(const struct fault_unit *unit)
{
	struct fault_record record;
	uint64_t lo, hi, again;

	do {
		hi = reg64(unit, unit->record + 8);
		lo = reg64(unit, unit->record);
		again = reg64(unit, unit->record + 8);
	} while (FRCD_SID(hi) != FRCD_SID(again) ||
		 FRCD_FR(hi) != FRCD_FR(again) ||
		 FRCD_READ(hi) != FRCD_READ(again));
	record.page = lo & ~UINT64_C(0xfff);
	record.requester = FRCD_SID(hi);
	record.reason = FRCD_FR(hi);
	record.read = FRCD_READ(hi);
	return record;
}

const char *fault_text(const struct fault_record *record, char buf[FAULT_TEXT])
{
	(void)snprintf(buf, FAULT_TEXT,
		       "fault %s %#" PRIx64 " %02x %02x:%02x.%x",
		       record->read ? "Read" : "Write", record->page,
		       record->reason, record->requester >> 8,
		       record->requester >> 3 & 0x1f, record->requester & 7);
	return buf;
}
