/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ACPI DMAR table's layout. All fields are little-endian and none need be
 * aligned.
 * Source: VT-d rev 5.10 chapter 8, BIOS Considerations.
 */
#ifndef MOAT_VTD_DMAR_REGS_H
#define MOAT_VTD_DMAR_REGS_H

#include <assert.h>
#include <stdint.h>

/* Section 8.1. */
struct dmar_header {
	char signature[4]; /* "DMAR" */
	uint32_t length;
	uint8_t revision;
	uint8_t checksum;
	char oem_id[6];
	char oem_table_id[8];
	uint32_t oem_revision;
	uint32_t creator_id;
	uint32_t creator_revision;
	uint8_t host_address_width; /* bits - 1 */
	uint8_t flags;		    /* DMAR_FLAG_* */
	uint8_t reserved[10];
} __attribute__((packed));
static_assert(sizeof(struct dmar_header) == 48, "section 8.1");

#define DMAR_FLAG_INTR_REMAP	  0x01
#define DMAR_FLAG_X2APIC_OPT_OUT  0x02
#define DMAR_FLAG_PLATFORM_OPT_IN 0x04

/* Section 8.2: what every remapping structure begins with. */
struct dmar_structure {
	uint16_t type; /* enum dmar_type */
	uint16_t length;
} __attribute__((packed));
static_assert(sizeof(struct dmar_structure) == 4, "section 8.2");

/* Section 8.3. */
struct dmar_raw_drhd {
	struct dmar_structure head;
	uint8_t flags; /* bit 0: INCLUDE_PCI_ALL */
	uint8_t size;  /* bits 3:0: log2 of the number of 4 KiB pages */
	uint16_t segment;
	uint64_t base;
} __attribute__((packed));
static_assert(sizeof(struct dmar_raw_drhd) == 16, "section 8.3");

#define DMAR_DRHD_INCLUDE_PCI_ALL 0x01
#define DMAR_DRHD_SIZE_MASK	  0x0f

/* Section 8.4. */
struct dmar_raw_rmrr {
	struct dmar_structure head;
	uint16_t reserved;
	uint16_t segment;
	uint64_t base;
	uint64_t limit; /* the last byte */
} __attribute__((packed));
static_assert(sizeof(struct dmar_raw_rmrr) == 24, "section 8.4");

/* Sections 8.5 (ATSR), 8.8 (SATC) and 8.9 (SIDP, which has no flags). */
struct dmar_raw_scoped {
	struct dmar_structure head;
	uint8_t flags; /* bit 0: ALL_PORTS; ATC_REQUIRED */
	uint8_t reserved;
	uint16_t segment;
} __attribute__((packed));
static_assert(sizeof(struct dmar_raw_scoped) == 8, "section 8.5");

/* Section 8.6. */
struct dmar_raw_rhsa {
	struct dmar_structure head;
	uint32_t reserved;
	uint64_t base;
	uint32_t proximity;
} __attribute__((packed));
static_assert(sizeof(struct dmar_raw_rhsa) == 20, "section 8.6");

/* Section 8.7; the name follows, with its terminator. */
struct dmar_raw_andd {
	struct dmar_structure head;
	uint8_t reserved[3];
	uint8_t number;
} __attribute__((packed));
static_assert(sizeof(struct dmar_raw_andd) == 8, "section 8.7");

/* Section 8.3.1; pairs of device and function number follow. */
struct dmar_raw_scope {
	uint8_t type; /* enum dmar_scope_type */
	uint8_t length;
	uint8_t flags;
	uint8_t reserved;
	uint8_t enumeration_id;
	uint8_t start_bus;
} __attribute__((packed));
static_assert(sizeof(struct dmar_raw_scope) == 6, "section 8.3.1");

#endif /* MOAT_VTD_DMAR_REGS_H */
