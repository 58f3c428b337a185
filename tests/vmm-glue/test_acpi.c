// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The tables as bytes, and as ACPICA sees them: acpiexec loads DSDT and SSDT
 * and evaluates what the machine's other parts must agree with.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <moat/placement.h>

#include "common/util.h"
#include "tests/check_main.h"
#include "vmm-glue/acpi_regs.h"
#include "vmm-glue/pci_host.h"
#include "vmm-glue/platform.h"
#include "vmm-glue/pm_regs.h"
#include "vmm-glue/ram.h"

static uint8_t ram[LAYOUT_ACPI_END];
static struct layout layout;

static void build_config(const struct acpi_config *config)
{
	struct moat_err err;

	memset(ram, 0xa5, sizeof(ram)); /* the tables clear what they use */
	ck_assert_int_eq(acpi_build(config, ram, &err), 0);
}

static void build_tables(unsigned int n_vcpus)
{
	const struct acpi_config config = {
		.layout = &layout,
		.n_vcpus = n_vcpus,
	};

	build_config(&config);
}

static void build(unsigned int n_vcpus)
{
	struct moat_err err;

	ck_assert_int_eq(layout_init(&layout, 256 * MiB, 40, &err), 0);
	build_tables(n_vcpus);
}

static unsigned int sum(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint8_t total = 0;

	while (len--)
		total += *p++;
	return total;
}

static const struct acpi_rsdp *rsdp(void)
{
	return (const void *)(ram + LAYOUT_ACPI);
}

/* A table inside the area, its checksum right. */
static const void *table_at(uint64_t gpa, const char *signature)
{
	const struct acpi_header *header = (const void *)(ram + gpa);

	ck_assert_uint_ge(gpa, LAYOUT_ACPI);
	ck_assert_uint_lt(gpa, LAYOUT_ACPI_END);
	ck_assert_uint_le(header->length, LAYOUT_ACPI_END - gpa);
	ck_assert_mem_eq(header->signature, signature, 4);
	ck_assert_uint_eq(sum(header, header->length), 0);
	return header;
}

static const void *find_table(const char *signature)
{
	const struct acpi_header *xsdt = table_at(rsdp()->xsdt, "XSDT");
	size_t n = (xsdt->length - sizeof(*xsdt)) / sizeof(uint64_t);

	for (size_t i = 0; i < n; i++) {
		uint64_t gpa;

		memcpy(&gpa, (const uint8_t *)(xsdt + 1) + i * sizeof(gpa),
		       sizeof(gpa));
		if (memcmp(ram + gpa, signature, 4) == 0)
			return table_at(gpa, signature);
	}
	return NULL;
}

START_TEST(pointers_and_checksums)
{
	const struct acpi_fadt *fadt;

	build(2);
	ck_assert_mem_eq(rsdp()->signature, "RSD PTR ", 8);
	ck_assert_uint_eq(rsdp()->revision, 2);
	ck_assert_uint_eq(sum(rsdp(), 20), 0);
	ck_assert_uint_eq(sum(rsdp(), 36), 0);
	ck_assert_ptr_nonnull(find_table("APIC"));
	ck_assert_ptr_nonnull(find_table("MCFG"));
	ck_assert_ptr_nonnull(find_table("SSDT"));
	fadt = find_table("FACP");
	ck_assert_ptr_nonnull(fadt);
	ck_assert_ptr_nonnull(table_at(fadt->x_dsdt, "DSDT"));
	ck_assert_uint_eq(fadt->dsdt, fadt->x_dsdt);
	ck_assert_uint_eq(fadt->facs, fadt->x_facs);
	ck_assert_uint_eq(fadt->x_facs % 64, 0);
	ck_assert_mem_eq(ram + fadt->x_facs, "FACS", 4);
}
END_TEST

START_TEST(fadt_names_the_registers)
{
	const struct acpi_fadt *fadt;

	build(1);
	fadt = find_table("FACP");
	ck_assert_uint_eq(fadt->sci_int, LAYOUT_GSI_SCI);
	ck_assert_uint_eq(fadt->pm1a_evt_blk, 0x600);
	ck_assert_uint_eq(fadt->pm1a_cnt_blk, 0x604);
	ck_assert_uint_eq(fadt->pm_tmr_blk, 0x608);
	ck_assert_uint_eq(fadt->x_pm1a_evt_blk.address, 0x600);
	ck_assert_uint_eq(fadt->x_pm1a_cnt_blk.address, 0x604);
	ck_assert_uint_eq(fadt->x_pm_tmr_blk.address, 0x608);
	ck_assert_uint_eq(fadt->reset_reg.address, 0xcf9);
	ck_assert_uint_eq(fadt->reset_value, 6);
	ck_assert_uint_eq(fadt->century, 0x32);
	ck_assert_uint_eq(fadt->flags & 1u << 20, 0); /* not HW-reduced */
	ck_assert_uint_eq(fadt->iapc_boot_arch & 1u << 1, 0); /* no 8042 */
}
END_TEST

struct madt_count {
	unsigned int type[256];
	uint32_t next_id;
};

static void check_madt_entry(const uint8_t *entry, struct madt_count *count)
{
	const struct acpi_madt_lapic *lapic = (const void *)entry;
	const struct acpi_madt_ioapic *ioapic = (const void *)entry;
	const struct acpi_madt_override *override = (const void *)entry;

	count->type[entry[0]]++;
	switch (entry[0]) {
	case MADT_LAPIC:
		ck_assert_uint_eq(lapic->apic_id, count->next_id++);
		ck_assert_uint_lt(lapic->apic_id, 255);
		ck_assert_uint_eq(lapic->flags, 1);
		break;
	case MADT_IOAPIC:
		ck_assert_uint_eq(ioapic->address, LAYOUT_IOAPIC);
		ck_assert_uint_eq(ioapic->gsi_base, 0);
		break;
	case MADT_OVERRIDE:
		ck_assert_uint_eq(override->source, LAYOUT_GSI_SCI);
		ck_assert_uint_eq(override->gsi, LAYOUT_GSI_SCI);
		ck_assert_uint_eq(override->flags, 0xd); /* level, high */
		break;
	default:
		break;
	}
}

static const unsigned int cpu_cases[] = { 1, 2, 255 };

START_TEST(madt_lists_the_processors)
{
	for (size_t i = 0; i < ARRAY_SIZE(cpu_cases); i++) {
		struct madt_count count = { { 0 }, 0 };
		const struct acpi_madt *madt;

		build(cpu_cases[i]);
		madt = find_table("APIC");
		for (size_t at = sizeof(*madt); at < madt->header.length;) {
			const uint8_t *entry = (const uint8_t *)madt + at;

			ck_assert_uint_ge(entry[1], 2);
			check_madt_entry(entry, &count);
			at += entry[1];
			ck_assert_uint_le(at, madt->header.length);
		}
		ck_assert_uint_eq(count.type[MADT_LAPIC], cpu_cases[i]);
		ck_assert_uint_eq(count.type[MADT_IOAPIC], 1);
		ck_assert_uint_eq(count.type[MADT_OVERRIDE], 1);
		ck_assert_uint_eq(count.type[MADT_LAPIC_NMI], 1);
	}
}
END_TEST

START_TEST(too_many_processors_are_refused)
{
	const struct acpi_config config = { .layout = &layout, .n_vcpus = 256 };
	struct moat_err err;

	build(1);
	ck_assert_int_eq(acpi_build(&config, ram, &err), -E2BIG);
	ck_assert_ptr_nonnull(strstr(err.msg, "256"));
}
END_TEST

/* DSDT and SSDT in files of a directory of their own. */
static char dir[] = "/tmp/moat-acpi-XXXXXX";

static void save(const char *name, const void *data, size_t len)
{
	char path[64];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "we");
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(data, 1, len, file), len);
	ck_assert_int_eq(fclose(file), 0);
}

static void save_tables(void)
{
	static const char *const names[] = { "FACP", "APIC", "MCFG",
					     "SSDT", "SRAT", "SLIT" };
	const struct acpi_fadt *fadt = find_table("FACP");
	const struct acpi_header *dsdt = table_at(fadt->x_dsdt, "DSDT");

	(void)snprintf(dir, sizeof(dir), "/tmp/moat-acpi-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	save("DSDT.aml", dsdt, dsdt->length);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const struct acpi_header *table = find_table(names[i]);
		char name[16];

		(void)snprintf(name, sizeof(name), "%s.aml", names[i]);
		if (table)
			save(name, table, table->length);
	}
}

static void remove_tables(void)
{
	char command[128];

	(void)snprintf(command, sizeof(command), "rm -r %s", dir);
	ck_assert_int_eq(system(command), 0);
}

/* In the directory of the tables. */
static FILE *run(const char *command)
{
	FILE *out;

	ck_assert_int_eq(chdir(dir), 0);
	out = popen(command, "re");
	ck_assert_ptr_nonnull(out);
	return out;
}

/* What acpiexec prints about the tables: it starts slowly, so once. */
static char *transcript(void)
{
	static char text[1 << 20];
	char command[512];
	FILE *out;
	size_t n;

	(void)snprintf(command, sizeof(command),
		       "%s -b '%s' DSDT.aml SSDT.aml 2>&1", ACPIEXEC,
		       "evaluate \\_SB.PCI0._PRT; evaluate \\_S5;"
		       "resources \\_SB.PCI0; resources \\_SB.MRES;"
		       "resources \\_SB.COM1; resources \\_SB.RTC0");
	out = run(command);
	n = fread(text, 1, sizeof(text) - 1, out);
	text[n] = '\0';
	ck_assert_int_eq(pclose(out), 0);
	return text;
}

/* The next integer that was printed; moves *@text behind it. */
static uint64_t next_integer(char **text)
{
	static const char label[] = "[Integer] = ";
	char *at = strstr(*text, label);

	ck_assert_msg(at, "no integer in '%s'", *text);
	return strtoull(at + strlen(label), text, 16);
}

static void check_prt(char **text)
{
	for (unsigned int i = 0; i < 128; i++) {
		struct pci_slot slot = { .dev = (uint8_t)(i / 4) };

		ck_assert_uint_eq(next_integer(text),
				  (uint64_t)slot.dev << 16 | 0xffff);
		ck_assert_uint_eq(next_integer(text), i % 4);
		ck_assert_uint_eq(next_integer(text), 0);
		ck_assert_uint_eq(next_integer(text),
				  pci_host_intx_gsi(slot, i % 4 + 1));
	}
}

/* "LABEL : VALUE" and then the end of the line. */
static void has_line(const char *text, const char *label, int digits,
		     uint64_t value)
{
	char line[64];

	(void)snprintf(line, sizeof(line), "%s : %0*llX\n", label, digits,
		       (unsigned long long)value);
	ck_assert_msg(strstr(text, line), "no '%s'", line);
}

static void check_dsdt(void)
{
	char *text;

	save_tables();
	text = transcript();
	check_prt(&text);
	ck_assert_uint_eq(next_integer(&text), PM_SLP_TYP_S5);
	has_line(text, "Address Minimum", 4, 0);
	has_line(text, "Address Maximum", 4, LAYOUT_BUSES - 1);
	has_line(text, "Address Minimum", 4, LAYOUT_PIO);
	has_line(text, "Address Maximum", 4, LAYOUT_PIO_LAST);
	has_line(text, "Address Minimum", 8, layout.mmio32);
	has_line(text, "Address Maximum", 8, layout.mmio32_last);
	has_line(text, "Address Length", 8,
		 layout.mmio32_last - layout.mmio32 + 1);
	has_line(text, "Address Minimum", 16, layout.mmio64);
	has_line(text, "Address Maximum", 16, layout.mmio64_last);
	has_line(text, "Address Length", 16,
		 layout.mmio64_last - layout.mmio64 + 1);
	has_line(text, "Address", 8, layout.ecam);
	has_line(text, "Address Length", 8,
		 layout_ecam_last(&layout) - layout.ecam + 1);
	has_line(text, "Address Minimum", 4, LAYOUT_PORT_PM);
	has_line(text, "Address Length", 2, PM_PORTS);
	has_line(text, "Address Minimum", 4, LAYOUT_PORT_COM1);
	has_line(text, "Address Minimum", 4, LAYOUT_PORT_RTC);
	remove_tables();
}

START_TEST(dsdt_agrees_with_the_machine)
{
	const struct acpi_mcfg *mcfg;

	build(1);
	ck_assert_uint_eq(layout.mmio32, LAYOUT_MMIO32);
	ck_assert_uint_eq(layout.ecam, LAYOUT_ECAM);
	check_dsdt();
	/* As around RAM that has its place already. */
	layout.mmio32 = 0xeec00000;
	layout.mmio32_last = 0xfbffffff;
	layout.mmio64 = 0x3480000000;
	layout.mmio64_last = 0x3fffffffff;
	layout.ecam = 0xfc000000;
	build_tables(1);
	check_dsdt();
	mcfg = find_table("MCFG");
	ck_assert_uint_eq(mcfg->base, 0xfc000000);
	ck_assert_uint_eq(mcfg->last_bus, LAYOUT_BUSES - 1);
}
END_TEST

/* ---- nodes ---- */

static struct moat_placed_node nodes[] = {
	{ .host_node = 1, .ram_bytes = 4 * GiB, .n_vcpus = 1 },
	{ .host_node = 0, .ram_bytes = 2 * GiB, .n_vcpus = 2 },
};
static const struct ram_piece pieces[] = {
	{ .gpa = 0, .len = 3 * GiB, .node = 0 },
	{ .gpa = 4 * GiB, .len = GiB, .node = 0 },
	{ .gpa = 5 * GiB, .len = 2 * GiB, .node = 1 },
};
static struct moat_placed_vcpu vcpus[] = { { 0, 5 }, { 1, 1 }, { 1, -1 } };
static uint8_t distances[] = { 10, 21, 22, 10 };
static const struct moat_placement two_nodes = {
	.ram_bound = true,
	.n_nodes = 2,
	.node = nodes,
	.n_vcpus = 3,
	.vcpu = vcpus,
	.distance = distances,
};

static const struct acpi_slot slots[] = {
	{ .dev = 1, .is_port = true, .node = 0 },
	{ .dev = 0x1f, .is_port = true, .node = 1 },
	{ .dev = 0x0a, .is_port = false, .node = 1 },
	{ .dev = 2, .is_port = true, .node = -1 },
};

static const struct acpi_config with_nodes = {
	.layout = &layout,
	.n_vcpus = 3,
	.placement = &two_nodes,
	.piece = pieces,
	.n_pieces = ARRAY_SIZE(pieces),
	.slot = slots,
	.n_slots = ARRAY_SIZE(slots),
};

static void build_nodes(const struct acpi_config *config)
{
	struct moat_err err;

	ck_assert_int_eq(layout_init(&layout, 6 * GiB, 40, &err), 0);
	build_config(config);
}

START_TEST(srat_says_whose_ram_it_is)
{
	const struct acpi_srat_memory *memory;
	const struct acpi_srat_cpu *cpu;
	const struct acpi_srat *srat;

	build_nodes(&with_nodes);
	srat = find_table("SRAT");
	ck_assert_ptr_nonnull(srat);
	ck_assert_uint_eq(srat->header.length, sizeof(*srat) +
						       3 * sizeof(*cpu) +
						       3 * sizeof(*memory));
	cpu = (const void *)(srat + 1);
	for (unsigned int i = 0; i < 3; i++, cpu++) {
		ck_assert_uint_eq(cpu->type, 0);
		ck_assert_uint_eq(cpu->apic_id, i);
		ck_assert_uint_eq(cpu->flags, 1);
		ck_assert_uint_eq(cpu->domain_low, vcpus[i].node);
	}
	memory = (const void *)cpu;
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++, memory++) {
		ck_assert_uint_eq(memory->type, 1);
		ck_assert_uint_eq(memory->flags, 1);
		ck_assert_uint_eq(memory->domain, pieces[i].node);
		ck_assert_uint_eq(memory->base, pieces[i].gpa);
		ck_assert_uint_eq(memory->len, pieces[i].len);
	}
}
END_TEST

START_TEST(slit_says_how_far)
{
	const struct acpi_slit *slit;

	build_nodes(&with_nodes);
	slit = find_table("SLIT");
	ck_assert_ptr_nonnull(slit);
	ck_assert_uint_eq(slit->n, 2);
	ck_assert_uint_eq(slit->header.length, sizeof(*slit) + 4);
	ck_assert_mem_eq(slit + 1, distances, sizeof(distances));
}
END_TEST

/* Nothing was placed, or nobody knows where RAM is. */
START_TEST(no_nodes_that_are_not_known)
{
	struct acpi_config config = with_nodes;

	config.placement = NULL;
	build_nodes(&config);
	ck_assert_ptr_null(find_table("SRAT"));
	config = with_nodes;
	config.n_pieces = 0;
	build_nodes(&config);
	ck_assert_ptr_null(find_table("SRAT"));
	ck_assert_ptr_null(find_table("SLIT"));
}
END_TEST

/* The second SSDT, which has the nodes of devices. */
static const struct acpi_header *pxm_table(void)
{
	const struct acpi_header *xsdt = table_at(rsdp()->xsdt, "XSDT");
	uint64_t gpa;

	memcpy(&gpa, (const uint8_t *)xsdt + xsdt->length - sizeof(gpa),
	       sizeof(gpa));
	return table_at(gpa, "SSDT");
}

/* Evaluate @objects with all tables. */
static char *evaluate(const char *objects)
{
	static char text[1 << 16];
	char command[512];
	FILE *out;
	size_t n;

	(void)snprintf(command, sizeof(command),
		       "%s -b '%s' DSDT.aml SSDT.aml PXM.aml 2>&1", ACPIEXEC,
		       objects);
	out = run(command);
	n = fread(text, 1, sizeof(text) - 1, out);
	text[n] = '\0';
	ck_assert_int_eq(pclose(out), 0);
	return text;
}

static void save_with_pxm(void)
{
	const struct acpi_header *pxm;

	save_tables();
	pxm = pxm_table();
	ck_assert_mem_eq(pxm->oem_table_id, "MOATPXM ", 8);
	save("PXM.aml", pxm, pxm->length);
}

START_TEST(slots_have_their_nodes)
{
	char *text;

	build_nodes(&with_nodes);
	save_with_pxm();
	text = evaluate("evaluate \\_SB.PCI0.S01_._ADR;"
			"evaluate \\_SB.PCI0.S01_._PXM;"
			"evaluate \\_SB.PCI0.S1F_._ADR;"
			"evaluate \\_SB.PCI0.S1F_._PXM;"
			"evaluate \\_SB.PCI0.S0A_._ADR;"
			"evaluate \\_SB.PCI0.S0A_._PXM");
	ck_assert_uint_eq(next_integer(&text), 0x00010000);
	ck_assert_uint_eq(next_integer(&text), 0);
	ck_assert_uint_eq(next_integer(&text), 0x001f0000);
	ck_assert_uint_eq(next_integer(&text), 1);
	ck_assert_uint_eq(next_integer(&text), 0x000affff);
	ck_assert_uint_eq(next_integer(&text), 1);
	/* They are on different nodes: the bridge is on none. */
	text = evaluate("evaluate \\_SB.PCI0._PXM");
	ck_assert_ptr_nonnull(strstr(text, "AE_NOT_FOUND"));
	remove_tables();
}
END_TEST

START_TEST(the_bridge_is_where_all_devices_are)
{
	struct acpi_config config = with_nodes;
	char *text;

	config.slot = slots + 1; /* two on node 1, one is not known */
	config.n_slots--;
	build_nodes(&config);
	save_with_pxm();
	text = evaluate("evaluate \\_SB.PCI0._PXM");
	ck_assert_uint_eq(next_integer(&text), 1);
	remove_tables();
}
END_TEST

/* iasl reads each table back and has nothing to complain about. */
START_TEST(tables_disassemble)
{
	char line[512];
	unsigned int done = 0;
	FILE *out;

	build_nodes(&with_nodes);
	save_with_pxm();
	out = run(IASL " -d *.aml 2>&1");
	while (fgets(line, sizeof(line), out)) {
		done += strstr(line, "ASL Output:") ||
			strstr(line, "Formatted output:");
		ck_assert_msg(!strcasestr(line, "error") &&
				      !strcasestr(line, "warning") &&
				      !strcasestr(line, "invalid") &&
				      !strcasestr(line, "checksum"),
			      "%s", line);
	}
	ck_assert_int_eq(pclose(out), 0);
	ck_assert_uint_eq(done, 8);
	remove_tables();
}
END_TEST

CHECK_MAIN("acpi", pointers_and_checksums, fadt_names_the_registers,
	   madt_lists_the_processors, too_many_processors_are_refused,
	   dsdt_agrees_with_the_machine, srat_says_whose_ram_it_is,
	   slit_says_how_far, no_nodes_that_are_not_known,
	   slots_have_their_nodes, the_bridge_is_where_all_devices_are,
	   tables_disassemble)
