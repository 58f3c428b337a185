/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ACPI tables as they lie in memory; little endian.
 * Source: ACPI 6.3 section 5.2 "ACPI System Description Tables"; for the
 * MCFG, PCI Firmware 3.2 section 4.1.2.
 */
#ifndef MOAT_VMM_ACPI_REGS_H
#define MOAT_VMM_ACPI_REGS_H

#include <assert.h>
#include <stdint.h>

#define ACPI_PACKED __attribute__((packed))

struct acpi_rsdp { /* 5.2.5.3 */
	char signature[8];
	uint8_t checksum; /* of the first 20 bytes */
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
	uint8_t extended_checksum; /* of all */
	uint8_t reserved[3];
} ACPI_PACKED;
static_assert(sizeof(struct acpi_rsdp) == 36, "RSDP");

struct acpi_header { /* 5.2.6 */
	char signature[4];
	uint32_t length;
	uint8_t revision;
	uint8_t checksum;
	char oem_id[6];
	char oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} ACPI_PACKED;
static_assert(sizeof(struct acpi_header) == 36, "table header");

struct acpi_gas { /* 5.2.3.2: generic address */
	uint8_t space;
	uint8_t bit_width;
	uint8_t bit_offset;
	uint8_t access_size;
	uint64_t address;
} ACPI_PACKED;
static_assert(sizeof(struct acpi_gas) == 12, "GAS");

#define ACPI_GAS_IO 1

struct acpi_fadt { /* 5.2.9, revision 6 */
	struct acpi_header header;
	uint32_t facs;
	uint32_t dsdt;
	uint8_t reserved0;
	uint8_t preferred_pm_profile;
	uint16_t sci_int;
	uint32_t smi_cmd;
	uint8_t acpi_enable, acpi_disable, s4bios_req, pstate_cnt;
	uint32_t pm1a_evt_blk, pm1b_evt_blk;
	uint32_t pm1a_cnt_blk, pm1b_cnt_blk;
	uint32_t pm2_cnt_blk, pm_tmr_blk;
	uint32_t gpe0_blk, gpe1_blk;
	uint8_t pm1_evt_len, pm1_cnt_len, pm2_cnt_len, pm_tmr_len;
	uint8_t gpe0_blk_len, gpe1_blk_len, gpe1_base, cst_cnt;
	uint16_t p_lvl2_lat, p_lvl3_lat;
	uint16_t flush_size, flush_stride;
	uint8_t duty_offset, duty_width;
	uint8_t day_alrm, mon_alrm, century;
	uint16_t iapc_boot_arch;
	uint8_t reserved1;
	uint32_t flags;
	struct acpi_gas reset_reg;
	uint8_t reset_value;
	uint16_t arm_boot_arch;
	uint8_t minor_version;
	uint64_t x_facs;
	uint64_t x_dsdt;
	struct acpi_gas x_pm1a_evt_blk, x_pm1b_evt_blk;
	struct acpi_gas x_pm1a_cnt_blk, x_pm1b_cnt_blk;
	struct acpi_gas x_pm2_cnt_blk, x_pm_tmr_blk;
	struct acpi_gas x_gpe0_blk, x_gpe1_blk;
	struct acpi_gas sleep_control_reg, sleep_status_reg;
	uint64_t hypervisor_id;
} ACPI_PACKED;
static_assert(sizeof(struct acpi_fadt) == 276, "FADT");

/* IAPC_BOOT_ARCH, 5.2.9.3 */
#define FADT_LEGACY_DEVICES (1u << 0)
#define FADT_NO_VGA	    (1u << 2)
#define FADT_NO_ASPM	    (1u << 4)

/* Fixed feature flags, 5.2.9 table 5-34 */
#define FADT_WBINVD	   (1u << 0)
#define FADT_PROC_C1	   (1u << 2)
#define FADT_NO_PWR_BUTTON (1u << 4)
#define FADT_NO_SLP_BUTTON (1u << 5)
#define FADT_NO_FIX_RTC	   (1u << 6)
#define FADT_TMR_VAL_EXT   (1u << 8) /* the timer has 32 bits */
#define FADT_RESET_REG_SUP (1u << 10)
#define FADT_HEADLESS	   (1u << 12)

#define FADT_LVL2_ABSENT   0xffff /* latencies above 100 and 1000 us: */
#define FADT_LVL3_ABSENT   0xffff /* no C2, no C3 */

struct acpi_facs { /* 5.2.10; on a 64-byte boundary, no checksum */
	char signature[4];
	uint32_t length;
	uint32_t hardware_signature;
	uint32_t waking_vector;
	uint32_t global_lock;
	uint32_t flags;
	uint64_t x_waking_vector;
	uint8_t version;
	uint8_t reserved0[3];
	uint32_t ospm_flags;
	uint8_t reserved1[24];
} ACPI_PACKED;
static_assert(sizeof(struct acpi_facs) == 64, "FACS");

struct acpi_madt { /* 5.2.12 */
	struct acpi_header header;
	uint32_t lapic;
	uint32_t flags;
} ACPI_PACKED;
static_assert(sizeof(struct acpi_madt) == 44, "MADT");

#define MADT_PCAT_COMPAT (1u << 0) /* there are two 8259s */
#define MADT_ENABLED	 (1u << 0)

enum acpi_madt_type {
	MADT_LAPIC = 0,
	MADT_IOAPIC = 1,
	MADT_OVERRIDE = 2,
	MADT_LAPIC_NMI = 4,
};

struct acpi_madt_lapic {
	uint8_t type, length;
	uint8_t uid, apic_id;
	uint32_t flags;
} ACPI_PACKED;
static_assert(sizeof(struct acpi_madt_lapic) == 8, "local APIC");

struct acpi_madt_ioapic {
	uint8_t type, length;
	uint8_t id, reserved;
	uint32_t address;
	uint32_t gsi_base;
} ACPI_PACKED;
static_assert(sizeof(struct acpi_madt_ioapic) == 12, "I/O APIC");

struct acpi_madt_override {
	uint8_t type, length;
	uint8_t bus, source;
	uint32_t gsi;
	uint16_t flags;
} ACPI_PACKED;
static_assert(sizeof(struct acpi_madt_override) == 10, "override");

#define MADT_ACTIVE_HIGH (1u << 0)
#define MADT_LEVEL	 (3u << 2)

struct acpi_madt_lapic_nmi {
	uint8_t type, length;
	uint8_t uid; /* 0xff: all */
	uint16_t flags;
	uint8_t lint;
} ACPI_PACKED;
static_assert(sizeof(struct acpi_madt_lapic_nmi) == 6, "local APIC NMI");

struct acpi_mcfg {
	struct acpi_header header;
	uint8_t reserved0[8];
	uint64_t base;
	uint16_t segment;
	uint8_t first_bus, last_bus;
	uint8_t reserved1[4];
} ACPI_PACKED;
static_assert(sizeof(struct acpi_mcfg) == 60, "MCFG");

/* AML of "Scope (\_SB) { Name (M32F, ...) Name (M32L, ...) ... }"; 20.2. */
struct acpi_aml_name {
	uint8_t name_op;
	char name[4];
	uint8_t qword_prefix;
	uint64_t value;
} ACPI_PACKED;

struct acpi_ssdt {
	struct acpi_header header;
	uint8_t scope_op;
	uint8_t pkg_length[2]; /* of itself and what follows, below 4 KiB */
	char scope[5];
	struct acpi_aml_name window32[2], window64[2]; /* first, last */
	struct acpi_aml_name ecam;
} ACPI_PACKED;
static_assert(sizeof(struct acpi_ssdt) == 36 + 8 + 5 * 14, "SSDT");

/* PkgLength of two bytes: bits 3 to 0, then bits 11 to 4; 20.2.4. */
#define AML_PKG_LEN2_LOW(len)  (uint8_t)(0x40 | ((len)&0xf))
#define AML_PKG_LEN2_HIGH(len) (uint8_t)((len) >> 4)

struct acpi_srat { /* 5.2.16 */
	struct acpi_header header;
	uint32_t reserved0; /* 1 */
	uint8_t reserved1[8];
} ACPI_PACKED;
static_assert(sizeof(struct acpi_srat) == 48, "SRAT");

enum acpi_srat_type { SRAT_CPU = 0, SRAT_MEMORY = 1 };

#define SRAT_ENABLED (1u << 0)

struct acpi_srat_cpu {
	uint8_t type, length;
	uint8_t domain_low;
	uint8_t apic_id;
	uint32_t flags;
	uint8_t sapic_eid;
	uint8_t domain_high[3];
	uint32_t clock_domain;
} ACPI_PACKED;
static_assert(sizeof(struct acpi_srat_cpu) == 16, "SRAT processor");

struct acpi_srat_memory {
	uint8_t type, length;
	uint32_t domain;
	uint16_t reserved0;
	uint64_t base, len;
	uint32_t reserved1;
	uint32_t flags;
	uint64_t reserved2;
} ACPI_PACKED;
static_assert(sizeof(struct acpi_srat_memory) == 40, "SRAT memory");

struct acpi_slit { /* 5.2.17; n squared bytes follow */
	struct acpi_header header;
	uint64_t n;
} ACPI_PACKED;
static_assert(sizeof(struct acpi_slit) == 44, "SLIT");

/* "Name (_PXM, node)" */
struct acpi_aml_pxm {
	uint8_t name_op;
	char name[4];
	uint8_t byte_prefix;
	uint8_t value;
} ACPI_PACKED;

/* "Device (Sdd_) { Name (_ADR, ...) Name (_PXM, node) }" */
struct acpi_aml_slot {
	uint8_t device_op[2];
	uint8_t pkg_length; /* of itself and what follows, below 64 */
	char name[4];
	uint8_t adr_op;
	char adr[4];
	uint8_t dword_prefix;
	uint32_t value;
	struct acpi_aml_pxm pxm;
} ACPI_PACKED;
static_assert(sizeof(struct acpi_aml_slot) == 24, "a slot's AML");

/* "Scope (\_SB.PCI0) {", and what is in it follows */
struct acpi_pxm {
	struct acpi_header header;
	uint8_t scope_op;
	uint8_t pkg_length[2]; /* of itself and what follows, below 4 KiB */
	char scope[10];	       /* root, two names follow, the names */
} ACPI_PACKED;
static_assert(sizeof(struct acpi_pxm) == 36 + 13, "SSDT of nodes");

#define AML_NAME_OP	 0x08
#define AML_BYTE_PREFIX	 0x0a
#define AML_DWORD_PREFIX 0x0c
#define AML_EXT_PREFIX	 0x5b
#define AML_DEVICE_OP	 0x82
#define AML_QWORD_PREFIX 0x0e
#define AML_SCOPE_OP	 0x10

#endif /* MOAT_VMM_ACPI_REGS_H */
