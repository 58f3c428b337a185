// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The ACPI tables, written into guest RAM from LAYOUT_ACPI on.
 *
 * Only what a PCI bus does not tell of itself: processors, I/O APIC, ECAM,
 * power management registers; dsdt.asl has the few devices. The SSDT exists
 * for the numbers of the DSDT that are known at run time.
 *
 * Vocabulary: the area is the guest RAM given to tables.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "vmm-glue/acpi_internal.h"
#include "vmm-glue/dsdt.h"
#include "vmm-glue/platform.h"
#include "vmm-glue/pm_regs.h"
#include "vmm-glue/rtc_regs.h"

/* xAPIC ids are 0 to 254; 255 addresses all of them. */
#define CPUS_MAX  255

#define IOAPIC_ID 0 /* what KVM's has at reset */

void *acpi_area_take(struct acpi_area *area, size_t len, uint64_t align,
		     uint64_t *ret_gpa)
{
	uint64_t gpa = align_up(area->next, align);

	if (area->full || len > LAYOUT_ACPI_END - gpa) {
		area->full = true;
		return NULL;
	}
	area->next = gpa + len;
	*ret_gpa = gpa;
	return memset(area->ram + gpa, 0, len);
}

static uint8_t checksum(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint8_t sum = 0;

	while (len--)
		sum += *p++;
	return (uint8_t)-sum;
}

void acpi_finish(struct acpi_header *header, const char *signature,
		 uint8_t revision, size_t len)
{
	memcpy(header->signature, signature, 4);
	header->length = (uint32_t)len;
	header->revision = revision;
	memcpy(header->oem_id, "MOAT  ", 6);
	memcpy(header->oem_table_id, "MOAT    ", 8);
	memcpy(header->oem_table_id + 4, signature, 4);
	header->oem_revision = 1;
	memcpy(header->creator_id, "MOAT", 4);
	header->creator_revision = 1;
	header->checksum = 0;
	header->checksum = checksum(header, len);
}

void acpi_rename(struct acpi_header *header, const char id[8])
{
	memcpy(header->oem_table_id, id, sizeof(header->oem_table_id));
	header->checksum = 0;
	header->checksum = checksum(header, header->length);
}

static struct acpi_gas io_register(uint64_t port, uint8_t bits)
{
	return (struct acpi_gas) {
		.space = ACPI_GAS_IO,
		.bit_width = bits,
		/* byte 1, word 2, dword 3; the event block is two words */
		.access_size = bits == 8    ? 1
			       : bits == 16 ? 2
					    : 3,
		.address = port,
	};
}

static uint64_t add_dsdt(struct acpi_area *area)
{
	uint64_t gpa = 0;
	void *table = acpi_area_take(area, dsdt_aml_len, 16, &gpa);

	if (table)
		memcpy(table, dsdt_aml, dsdt_aml_len);
	return gpa;
}

static uint64_t add_facs(struct acpi_area *area)
{
	uint64_t gpa = 0;
	struct acpi_facs *facs = acpi_area_take(area, sizeof(*facs), 64, &gpa);

	if (!facs)
		return 0;
	memcpy(facs->signature, "FACS", 4);
	facs->length = sizeof(*facs);
	facs->version = 2;
	return gpa;
}

static void fill_fadt_pm(struct acpi_fadt *fadt)
{
	fadt->sci_int = LAYOUT_GSI_SCI;
	fadt->pm1a_evt_blk = LAYOUT_PORT_PM + PM1_STS;
	fadt->pm1a_cnt_blk = LAYOUT_PORT_PM + PM1_CNT;
	fadt->pm_tmr_blk = LAYOUT_PORT_PM + PM_TMR;
	fadt->pm1_evt_len = PM1_EVT_LEN;
	fadt->pm1_cnt_len = PM1_CNT_LEN;
	fadt->pm_tmr_len = PM_TMR_LEN;
	fadt->x_pm1a_evt_blk = io_register(fadt->pm1a_evt_blk, 8 * PM1_EVT_LEN);
	fadt->x_pm1a_cnt_blk = io_register(fadt->pm1a_cnt_blk, 8 * PM1_CNT_LEN);
	fadt->x_pm_tmr_blk = io_register(fadt->pm_tmr_blk, 8 * PM_TMR_LEN);
	fadt->reset_reg = io_register(LAYOUT_PORT_RESET, 8);
	fadt->reset_value = RST_NOW_VALUE;
	fadt->p_lvl2_lat = FADT_LVL2_ABSENT;
	fadt->p_lvl3_lat = FADT_LVL3_ABSENT;
}

static uint64_t add_fadt(struct acpi_area *area, uint64_t dsdt, uint64_t facs)
{
	uint64_t gpa = 0;
	struct acpi_fadt *fadt = acpi_area_take(area, sizeof(*fadt), 16, &gpa);

	if (!fadt)
		return 0;
	fadt->facs = (uint32_t)facs;
	fadt->x_facs = facs;
	fadt->dsdt = (uint32_t)dsdt;
	fadt->x_dsdt = dsdt;
	fill_fadt_pm(fadt);
	fadt->century = RTC_CENTURY;
	/* COM1 is a legacy device; a keyboard controller there is not. */
	fadt->iapc_boot_arch = FADT_LEGACY_DEVICES | FADT_NO_VGA | FADT_NO_ASPM;
	fadt->flags = FADT_WBINVD | FADT_PROC_C1 | FADT_NO_PWR_BUTTON |
		      FADT_NO_SLP_BUTTON | FADT_NO_FIX_RTC | FADT_TMR_VAL_EXT |
		      FADT_RESET_REG_SUP | FADT_HEADLESS;
	fadt->minor_version = 3;
	memcpy(&fadt->hypervisor_id, "moat\0\0\0\0", 8);
	acpi_finish(&fadt->header, "FACP", 6, sizeof(*fadt));
	return gpa;
}

static void add_cpu(struct acpi_area *area, uint8_t id)
{
	struct acpi_madt_lapic *lapic;
	uint64_t gpa;

	lapic = acpi_area_take(area, sizeof(*lapic), 1, &gpa);
	if (lapic)
		*lapic = (struct acpi_madt_lapic) {
			.type = MADT_LAPIC,
			.length = sizeof(*lapic),
			.uid = id,
			.apic_id = id,
			.flags = MADT_ENABLED,
		};
}

/* LINT1 is the NMI of every processor, as on a PC. */
static void add_nmi(struct acpi_area *area)
{
	struct acpi_madt_lapic_nmi *nmi;
	uint64_t gpa;

	nmi = acpi_area_take(area, sizeof(*nmi), 1, &gpa);
	if (nmi)
		*nmi = (struct acpi_madt_lapic_nmi) {
			.type = MADT_LAPIC_NMI,
			.length = sizeof(*nmi),
			.uid = 0xff,
			.lint = 1,
		};
}

/*
 * ISA interrupts reach the I/O APIC pin of their own number: kvm_irq.c has
 * the PIT on pin 0, unlike a PC, so there is no override for it. The SCI is
 * a level, active high, as pm.c drives it.
 */
static void add_ioapic(struct acpi_area *area)
{
	struct acpi_madt_ioapic *ioapic;
	struct acpi_madt_override *sci;
	uint64_t gpa;

	ioapic = acpi_area_take(area, sizeof(*ioapic), 1, &gpa);
	if (ioapic)
		*ioapic = (struct acpi_madt_ioapic) {
			.type = MADT_IOAPIC,
			.length = sizeof(*ioapic),
			.id = IOAPIC_ID,
			.address = LAYOUT_IOAPIC,
		};
	sci = acpi_area_take(area, sizeof(*sci), 1, &gpa);
	if (sci)
		*sci = (struct acpi_madt_override) {
			.type = MADT_OVERRIDE,
			.length = sizeof(*sci),
			.source = LAYOUT_GSI_SCI,
			.gsi = LAYOUT_GSI_SCI,
			.flags = MADT_ACTIVE_HIGH | MADT_LEVEL,
		};
}

static uint64_t add_madt(struct acpi_area *area, unsigned int n_vcpus)
{
	uint64_t gpa = 0;
	struct acpi_madt *madt = acpi_area_take(area, sizeof(*madt), 16, &gpa);

	if (!madt)
		return 0;
	madt->lapic = LAYOUT_LAPIC;
	madt->flags = MADT_PCAT_COMPAT;
	for (unsigned int id = 0; id < n_vcpus; id++)
		add_cpu(area, (uint8_t)id);
	add_ioapic(area);
	add_nmi(area);
	if (!area->full)
		acpi_finish(&madt->header, "APIC", 5, area->next - gpa);
	return gpa;
}

static uint64_t add_mcfg(struct acpi_area *area, const struct layout *layout)
{
	uint64_t gpa = 0;
	struct acpi_mcfg *mcfg = acpi_area_take(area, sizeof(*mcfg), 16, &gpa);

	if (!mcfg)
		return 0;
	mcfg->base = layout->ecam;
	mcfg->last_bus = LAYOUT_BUSES - 1;
	acpi_finish(&mcfg->header, "MCFG", 1, sizeof(*mcfg));
	return gpa;
}

static struct acpi_aml_name aml_name(const char *name, uint64_t value)
{
	struct acpi_aml_name aml = {
		.name_op = AML_NAME_OP,
		.qword_prefix = AML_QWORD_PREFIX,
		.value = value,
	};

	memcpy(aml.name, name, sizeof(aml.name));
	return aml;
}

static uint64_t add_ssdt(struct acpi_area *area, const struct layout *layout)
{
	const size_t scope_len = sizeof(struct acpi_ssdt) -
				 offsetof(struct acpi_ssdt, pkg_length);
	uint64_t gpa = 0;
	struct acpi_ssdt *ssdt = acpi_area_take(area, sizeof(*ssdt), 16, &gpa);

	if (!ssdt)
		return 0;
	ssdt->scope_op = AML_SCOPE_OP;
	ssdt->pkg_length[0] = AML_PKG_LEN2_LOW(scope_len);
	ssdt->pkg_length[1] = AML_PKG_LEN2_HIGH(scope_len);
	memcpy(ssdt->scope, "\\_SB_", 5);
	ssdt->window32[0] = aml_name("M32F", layout->mmio32);
	ssdt->window32[1] = aml_name("M32L", layout->mmio32_last);
	ssdt->window64[0] = aml_name("M64F", layout->mmio64);
	ssdt->window64[1] = aml_name("M64L", layout->mmio64_last);
	ssdt->ecam = aml_name("ECAF", layout->ecam);
	acpi_finish(&ssdt->header, "SSDT", 2, sizeof(*ssdt));
	return gpa;
}

static void fill_rsdp(struct acpi_rsdp *rsdp, uint64_t xsdt)
{
	memcpy(rsdp->signature, "RSD PTR ", 8);
	memcpy(rsdp->oem_id, "MOAT  ", 6);
	rsdp->revision = 2;
	rsdp->length = sizeof(*rsdp);
	rsdp->xsdt = xsdt;
	rsdp->checksum = checksum(rsdp, 20);
	rsdp->extended_checksum = checksum(rsdp, sizeof(*rsdp));
}

static uint64_t add_xsdt(struct acpi_area *area, const uint64_t *tables,
			 size_t n)
{
	size_t len = sizeof(struct acpi_header) + n * sizeof(tables[0]);
	uint64_t gpa = 0;
	uint8_t *xsdt = acpi_area_take(area, len, 16, &gpa);

	if (!xsdt)
		return 0;
	memcpy(xsdt + sizeof(struct acpi_header), tables,
	       n * sizeof(tables[0]));
	acpi_finish((struct acpi_header *)(void *)xsdt, "XSDT", 1, len);
	return gpa;
}

int acpi_build(const struct acpi_config *config, uint8_t *ram,
	       struct moat_err *err)
{
	struct acpi_area area = { .ram = ram, .next = LAYOUT_ACPI };
	struct acpi_rsdp *rsdp;
	uint64_t tables[7];
	size_t n = 0;
	uint64_t gpa, dsdt, facs, xsdt;

	if (config->n_vcpus > CPUS_MAX)
		return moat_fail(err, -E2BIG,
				 "%u vCPUs are more than the %d that have an "
				 "APIC id; use fewer (-smp)",
				 config->n_vcpus, CPUS_MAX);
	rsdp = acpi_area_take(&area, sizeof(*rsdp), 16, &gpa);
	dsdt = add_dsdt(&area);
	facs = add_facs(&area);
	tables[n++] = add_fadt(&area, dsdt, facs);
	tables[n++] = add_madt(&area, config->n_vcpus);
	tables[n++] = add_mcfg(&area, config->layout);
	tables[n++] = add_ssdt(&area, config->layout);
	if (acpi_has_nodes(config)) {
		tables[n++] = acpi_add_srat(&area, config);
		tables[n++] = acpi_add_slit(&area, config);
		tables[n++] = acpi_add_pxm(&area, config);
	}
	xsdt = add_xsdt(&area, tables, n);
	if (!rsdp || area.full)
		return moat_fail(
			err, -ENOSPC,
			"the ACPI tables for %u vCPUs do not fit "
			"into %u KiB; use fewer (-smp)",
			config->n_vcpus,
			(unsigned int)((LAYOUT_ACPI_END - LAYOUT_ACPI) / KiB));
	fill_rsdp(rsdp, xsdt);
	return 0;
}
