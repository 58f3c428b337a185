// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guest's NUMA nodes: SRAT, SLIT, and _PXM of the PCI slots.
 *
 * A proximity domain is a node of the placement, by its index. Linux takes a
 * PCI device's node from its host bridge alone, so the host bridge has a _PXM
 * as well when all devices agree on one; if they do not, a guest that only
 * asks there learns that it is not known, rather than something wrong.
 *
 * Source: ACPI 6.3 sections 5.2.16 "System Resource Affinity Table", 5.2.17
 * "System Locality Information Table", 6.2.14 "_PXM".
 */
#include <string.h>

#include <moat/placement.h>

#include "vmm-glue/acpi_internal.h"
#include "vmm-glue/ram.h"

bool acpi_has_nodes(const struct acpi_config *config)
{
	const struct moat_placement *p = config->placement;

	return p && p->n_nodes > 0 && config->n_pieces > 0;
}

/* ---- SRAT ---- */

static void add_cpu(struct acpi_area *area, unsigned int id, uint32_t node)
{
	struct acpi_srat_cpu *cpu;
	uint64_t gpa;

	cpu = acpi_area_take(area, sizeof(*cpu), 1, &gpa);
	if (cpu)
		*cpu = (struct acpi_srat_cpu) {
			.type = SRAT_CPU,
			.length = sizeof(*cpu),
			.domain_low = (uint8_t)node,
			.apic_id = (uint8_t)id,
			.flags = SRAT_ENABLED,
			.domain_high = { (uint8_t)(node >> 8) },
		};
}

static void add_memory(struct acpi_area *area, const struct ram_piece *piece)
{
	struct acpi_srat_memory *memory;
	uint64_t gpa;

	memory = acpi_area_take(area, sizeof(*memory), 1, &gpa);
	if (memory)
		*memory = (struct acpi_srat_memory) {
			.type = SRAT_MEMORY,
			.length = sizeof(*memory),
			.domain = piece->node,
			.base = piece->gpa,
			.len = piece->len,
			.flags = SRAT_ENABLED,
		};
}

uint64_t acpi_add_srat(struct acpi_area *area, const struct acpi_config *config)
{
	const struct moat_placement *p = config->placement;
	struct acpi_srat *srat;
	uint64_t gpa = 0;

	srat = acpi_area_take(area, sizeof(*srat), 16, &gpa);
	if (!srat)
		return 0;
	srat->reserved0 = 1;
	for (unsigned int i = 0; i < p->n_vcpus; i++)
		add_cpu(area, i, p->vcpu[i].node);
	for (size_t i = 0; i < config->n_pieces; i++)
		add_memory(area, &config->piece[i]);
	if (!area->full)
		acpi_finish(&srat->header, "SRAT", 3, area->next - gpa);
	return gpa;
}

/* ---- SLIT ---- */

uint64_t acpi_add_slit(struct acpi_area *area, const struct acpi_config *config)
{
	const struct moat_placement *p = config->placement;
	size_t n = p->n_nodes, len = sizeof(struct acpi_slit) + n * n;
	struct acpi_slit *slit;
	uint64_t gpa = 0;

	slit = acpi_area_take(area, len, 16, &gpa);
	if (!slit)
		return 0;
	slit->n = n;
	memcpy(slit + 1, p->distance, n * n);
	acpi_finish(&slit->header, "SLIT", 1, len);
	return gpa;
}

/* ---- _PXM ---- */

static struct acpi_aml_pxm aml_pxm(int node)
{
	return (struct acpi_aml_pxm) {
		.name_op = AML_NAME_OP,
		.name = { '_', 'P', 'X', 'M' },
		.byte_prefix = AML_BYTE_PREFIX,
		.value = (uint8_t)node,
	};
}

/* The one node that all devices are on; -1: they are on several, or none is. */
static int common_node(const struct acpi_config *config)
{
	int node = -1;

	for (size_t i = 0; i < config->n_slots; i++) {
		if (config->slot[i].node < 0)
			continue;
		if (node >= 0 && node != config->slot[i].node)
			return -1;
		node = config->slot[i].node;
	}
	return node;
}

static void add_slot(struct acpi_area *area, const struct acpi_slot *slot)
{
	static const char digits[] = "0123456789ABCDEF";
	struct acpi_aml_slot *aml;
	uint64_t gpa;

	aml = acpi_area_take(area, sizeof(*aml), 1, &gpa);
	if (aml)
		*aml = (struct acpi_aml_slot) {
			.device_op = { AML_EXT_PREFIX, AML_DEVICE_OP },
			.pkg_length = sizeof(*aml) -
				      offsetof(struct acpi_aml_slot, pkg_length),
			.name = { 'S', digits[slot->dev >> 4],
				  digits[slot->dev & 15], '_' },
			.adr_op = AML_NAME_OP,
			.adr = { '_', 'A', 'D', 'R' },
			.dword_prefix = AML_DWORD_PREFIX,
			/* 6.1.1: function 0 of a port, or all of a slot. */
			.value = (uint32_t)slot->dev << 16 |
				 (slot->is_port ? 0 : 0xffff),
			.pxm = aml_pxm(slot->node),
		};
}

uint64_t acpi_add_pxm(struct acpi_area *area, const struct acpi_config *config)
{
	int common = common_node(config);
	struct acpi_aml_pxm *pxm;
	struct acpi_pxm *ssdt;
	uint64_t gpa = 0, unused;
	size_t len;

	ssdt = acpi_area_take(area, sizeof(*ssdt), 16, &gpa);
	if (!ssdt)
		return 0;
	ssdt->scope_op = AML_SCOPE_OP;
	memcpy(ssdt->scope,
	       "\\"
	       "\x2e"
	       "_SB_PCI0",
	       sizeof(ssdt->scope));
	pxm = common < 0 ? NULL
			 : acpi_area_take(area, sizeof(*pxm), 1, &unused);
	if (pxm)
		*pxm = aml_pxm(common);
	for (size_t i = 0; i < config->n_slots; i++)
		if (config->slot[i].node >= 0)
			add_slot(area, &config->slot[i]);
	if (area->full)
		return 0;
	len = area->next - gpa - offsetof(struct acpi_pxm, pkg_length);
	ssdt->pkg_length[0] = AML_PKG_LEN2_LOW(len);
	ssdt->pkg_length[1] = AML_PKG_LEN2_HIGH(len);
	acpi_finish(&ssdt->header, "SSDT", 2, area->next - gpa);
	/* Table ids are to differ: ACPI 5.2.6. */
	acpi_rename(&ssdt->header, "MOATPXM ");
	return gpa;
}
