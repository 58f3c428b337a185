/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The entries above the paging tables, and interrupt entries, as words to be
 * stored little-endian. Word 0 is the one with the present bit: to be stored
 * last, where an entry does not change as a whole.
 */
#ifndef MOAT_VTD_ENCODE_H
#define MOAT_VTD_ENCODE_H

#include <stdbool.h>
#include <stdint.h>

/* Where a function's requests lead: of its context entry, or PASID entry. */
struct vtd_context {
	uint64_t tables; /* address of the first */
	unsigned int levels;
	uint16_t did;
	bool pass;	 /* no translation; @tables is ignored */
	bool device_tlb; /* legacy mode only */
	bool quiet;	 /* FPD */
};

void vtd_encode_context(const struct vtd_context *context, uint64_t word[2]);
void vtd_encode_pasid(const struct vtd_context *context, uint64_t word[8]);

struct vtd_sm_context {
	uint64_t directory;
	unsigned int pdts; /* the directory has 2^(pdts + 7) entries */
	uint32_t rid_pasid;
	bool device_tlb;
	bool pasid; /* requests may name one */
	bool quiet;
};

void vtd_encode_sm_context(const struct vtd_sm_context *context,
			   uint64_t word[4]);

/** vtd_encode_pointer() - a root entry's half, or a PASID directory entry */
uint64_t vtd_encode_pointer(uint64_t table);

struct vtd_irte {
	uint32_t dest;
	uint8_t vector;
	uint8_t mode;
	bool logical, level, redirect, quiet;
	bool wide; /* 32-bit APIC ids */
	unsigned int svt, sq;
	uint16_t sid;
};

void vtd_encode_irte(const struct vtd_irte *irte, uint64_t word[2]);

#endif /* MOAT_VTD_ENCODE_H */
