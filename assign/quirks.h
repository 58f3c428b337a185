/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Devices that are not as their config space says, where nobody below moat
 * can know: resets, interrupt masking and aliases that do not work are the
 * kernel's to know, and it does (drivers/pci/quirks.c).
 */
#ifndef MOAT_ASSIGN_QUIRKS_H
#define MOAT_ASSIGN_QUIRKS_H

#include <stdbool.h>
#include <stdint.h>

/* How a function is recognised. */
struct quirk_id {
	uint16_t vendor, device;
	uint32_t class_code; /* 24 bits */
	bool on_root_bus;    /* of the host */
};

struct quirk {
	struct quirk_id id;
	uint16_t device_mask; /* bits of @id.device that count */
	uint32_t class_mask;
	bool root_bus_only;
	/* What is wrong, and where that is known from. */
	const char *reason, *source;

	/* What is done; zero or NULL: not that. */
	const char *refuse;	 /* it is not assigned: "X is @refuse" */
	uint32_t pba_offset_bad; /* an offset of MSI-X's pending bits ... */
	uint32_t pba_offset;	 /* ... and what it should be */
};

/**
 * quirk_find() - the row for a function
 * @after: go on behind this one; NULL: from the start
 * Return: NULL when there is no more.
 */
const struct quirk *quirk_find(const struct quirk_id *id,
			       const struct quirk *after);

#endif /* MOAT_ASSIGN_QUIRKS_H */
