/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What firmware says of the host's remapping units: the ACPI DMAR table,
 * parsed whole, and answers to what one wants to know of it.
 *
 * Whatever cannot be read safely is an error: a length that is short, too
 * long, or zero. What can be read but is against the rules is kept
 * as an oddity, for firmware in the field has them and systems run with it.
 */
#ifndef MOAT_VTD_DMAR_H
#define MOAT_VTD_DMAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <moat/bdf.h>
#include <moat/err.h>

enum dmar_type {
	DMAR_DRHD = 0, /* a remapping unit */
	DMAR_RMRR = 1, /* memory that firmware wants mapped for devices */
	DMAR_ATSR = 2, /* root ports with address translation services */
	DMAR_RHSA = 3, /* the proximity domain of a unit */
	DMAR_ANDD = 4, /* a device that only ACPI's name space has */
	DMAR_SATC = 5, /* devices with a translation cache of their own */
	DMAR_SIDP = 6, /* devices with special properties */
	DMAR_TYPES
};

enum dmar_scope_type {
	DMAR_SCOPE_ENDPOINT = 1,
	DMAR_SCOPE_BRIDGE = 2, /* with all that is behind it */
	DMAR_SCOPE_IOAPIC = 3,
	DMAR_SCOPE_HPET = 4,
	DMAR_SCOPE_ACPI = 5,
};

struct dmar_hop {
	uint8_t dev; /* 0 to 31 */
	uint8_t fn;  /* 0 to 7 */
};

struct dmar_scope {
	uint8_t type;  /* enum dmar_scope_type; others are kept, and no match */
	uint8_t flags; /* means something within SIDP only */
	uint8_t enumeration_id;
	uint8_t start_bus;
	uint8_t n_hops;	  /* at least 1 */
	size_t first_hop; /* in struct dmar's @hops */
};

/* One structure of the table; what a type has not is zero. */
struct dmar_entry {
	enum dmar_type type;
	uint16_t segment; /* all but RHSA and ANDD */
	bool all; /* DRHD: INCLUDE_PCI_ALL; ATSR: ALL_PORTS; SATC: required */
	uint64_t first;	  /* DRHD, RHSA: the registers; RMRR: the memory */
	uint64_t last;	  /* DRHD, RMRR */
	uint32_t number;  /* RHSA: proximity domain; ANDD: device number */
	const char *name; /* ANDD: in the name space, printable */
	size_t first_scope, n_scopes; /* in struct dmar's @scopes */
};

/* Rules that the table breaks. */
enum dmar_oddity {
	DMAR_ODD_CHECKSUM = 1u << 0,  /* bytes do not sum to zero */
	DMAR_ODD_ORDER = 1u << 1,     /* types are not in ascending order */
	DMAR_ODD_ALL_ORDER = 1u << 2, /* INCLUDE_PCI_ALL not last */
	DMAR_ODD_TWO_ALL = 1u << 3,   /* two of those in one segment */
	DMAR_ODD_SCOPE = 1u << 4,   /* a type of scope that may not be there */
	DMAR_ODD_BASE = 1u << 5,    /* registers at 0, unaligned, or twice */
	DMAR_ODD_RMRR = 1u << 6,    /* unaligned or overlapping; or left out, as
				       it ends before it begins */
	DMAR_ODD_NO_UNIT = 1u << 7, /* there is no DRHD */
	DMAR_ODD_RESERVED = 1u << 8, /* reserved bits that are set */
};

struct dmar {
	unsigned int address_bits; /* of the host; HAW */
	bool intr_remap;	   /* the platform can remap interrupts */
	bool x2apic_opt_out;
	bool platform_opt_in; /* firmware asks for protection from the start */
	unsigned int oddities;
	unsigned int n_skipped; /* structures of types not known */

	struct dmar_entry *entries; /* in the table's order */
	size_t n_entries;
	struct dmar_scope *scopes;
	size_t n_scopes;
	struct dmar_hop *hops;
	size_t n_hops;
	char *names;
};

/* The buses behind a bridge. */
struct dmar_buses {
	uint8_t secondary;
	uint8_t subordinate;
};

/*
 * What the table leaves to PCI: a path names bridges, whose buses only their
 * configuration tells.
 */
struct dmar_pci {
	/* Return: 0, or a negative errno when there is no such bridge. */
	int (*buses)(void *opaque, struct moat_bdf bridge,
		     struct dmar_buses *ret_buses);
	void *opaque;
};

/**
 * dmar_parse() - read a table
 * @data: as /sys/firmware/acpi/tables/DMAR gives it; not needed afterwards
 *
 * Return: 0, -EINVAL with a sentence that says where and why it cannot be
 * read, or -ENOMEM. On success the caller owes a dmar_free().
 * Source: VT-d rev 5.10 chapter 8.
 */
int dmar_parse(const void *data, size_t len, struct dmar *ret_dmar,
	       struct moat_err *err);

/** dmar_free() - back to the empty table */
void dmar_free(struct dmar *dmar);

/** dmar_oddity_text() - a clause that says what one bit of oddities means */
const char *dmar_oddity_text(enum dmar_oddity oddity);

/**
 * dmar_next() - the entry of @type after @entry
 * @entry: NULL for the first
 * Return: NULL when there is no more.
 */
const struct dmar_entry *dmar_next(const struct dmar *dmar, enum dmar_type type,
				   const struct dmar_entry *entry);

/**
 * dmar_unit_of() - the remapping unit that a PCI function's DMA goes through
 * @bdf: the function; a VF's physical function in its stead, and function 0
 *	 of a device with more than eight
 *
 * A unit that names the function, or a bridge above it, comes before one that
 * has all the rest, whatever the table's order.
 * Return: its DRHD, or NULL: no unit has it.
 * Source: VT-d rev 5.10 sections 8.3, 8.3.1.
 */
const struct dmar_entry *dmar_unit_of(const struct dmar *dmar,
				      const struct dmar_pci *pci,
				      struct moat_bdf bdf);

/**
 * dmar_covers() - is the function in an entry's scope?
 *
 * For RMRR, ATSR, SATC and SIDP; a DRHD or ATSR with @all set covers its
 * whole segment.
 */
bool dmar_covers(const struct dmar *dmar, const struct dmar_pci *pci,
		 const struct dmar_entry *entry, struct moat_bdf bdf);

/**
 * dmar_proximity() - the proximity domain of a unit
 * Return: 0, or -ENOENT when the table does not tell.
 */
int dmar_proximity(const struct dmar *dmar, const struct dmar_entry *unit,
		   uint32_t *ret_domain);

/**
 * dmar_scope_bdf() - the function that a scope's path leads to
 * Return: 0, or the callback's error for a bridge on the way.
 */
int dmar_scope_bdf(const struct dmar *dmar, const struct dmar_pci *pci,
		   uint16_t segment, const struct dmar_scope *scope,
		   struct moat_bdf *ret_bdf);

#endif /* MOAT_VTD_DMAR_H */
