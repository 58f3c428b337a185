/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a VT-d unit recorded of a fault. The kernel logs few faults (three in
 * five seconds, when each brings an interrupt of its own), but the record
 * stays in the unit's registers until the next one comes.
 *
 * Needs /dev/mem to reach registers that the kernel has claimed: the lab's
 * machine is booted with iomem=relaxed.
 */
#ifndef MOAT_TESTS_FAULT_RECORD_H
#define MOAT_TESTS_FAULT_RECORD_H

#include <stdbool.h>
#include <stdint.h>

struct fault_unit {
	volatile const uint8_t *regs;
	uint64_t record; /* offset of the first record; units here have one */
};

struct fault_record {
	uint64_t page; /* the address, bits 63 to 12 */
	unsigned int requester;
	unsigned int reason;
	bool read;
};

/* The first unit: dmar0. Ends the program when that cannot be. */
void fault_unit_open(struct fault_unit *unit);

/* The last fault, or what was there at the start: all zero. */
struct fault_record fault_unit_last(const struct fault_unit *unit);

/* How many faults the units have reported: interrupts, of all of them. */
unsigned long faults_reported(void);

/* Room for "fault Write 0x1000 05 00:05.0". */
#define FAULT_TEXT 64
const char *fault_text(const struct fault_record *record, char buf[FAULT_TEXT]);

#endif /* MOAT_TESTS_FAULT_RECORD_H */
