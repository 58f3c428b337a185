/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files that write ACPI tables share. */
#ifndef MOAT_VMM_ACPI_INTERNAL_H
#define MOAT_VMM_ACPI_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm-glue/acpi_regs.h"
#include "vmm-glue/platform.h"

/*
 * The guest RAM given to tables; @next is where the next one goes, and both
 * host and guest addresses follow from it.
 */
struct acpi_area {
	uint8_t *ram;
	uint64_t next;
	bool full;
};

/**
 * acpi_area_take() - room for @len bytes, cleared
 * Return: NULL when the area is full.
 */
void *acpi_area_take(struct acpi_area *area, size_t len, uint64_t align,
		     uint64_t *ret_gpa);

/** acpi_finish() - the header; called when all the rest is there */
void acpi_finish(struct acpi_header *header, const char *signature,
		 uint8_t revision, size_t len);

/** acpi_rename() - another table id than the signature makes; afterwards */
void acpi_rename(struct acpi_header *header, const char id[8]);

/*
 * acpi_nodes.c: which node everything is on. Each adds a table and returns its
 * guest address; there are nodes to tell of when acpi_has_nodes().
 */
bool acpi_has_nodes(const struct acpi_config *config);
uint64_t acpi_add_srat(struct acpi_area *area,
		       const struct acpi_config *config);
uint64_t acpi_add_slit(struct acpi_area *area,
		       const struct acpi_config *config);
/** acpi_add_pxm() - an SSDT with the nodes of the PCI devices */
uint64_t acpi_add_pxm(struct acpi_area *area, const struct acpi_config *config);

#endif /* MOAT_VMM_ACPI_INTERNAL_H */
