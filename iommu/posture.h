/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a host's IOMMU stands: its units, its groups, whether interrupts are
 * remapped, and what was switched off. Facts for an audit, read out of sysfs,
 * procfs, ACPI and debugfs; what they mean is the reader's to say.
 */
#ifndef MOAT_IOMMU_POSTURE_H
#define MOAT_IOMMU_POSTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <moat/err.h>

#include "common/host.h"
#include "iommu/vtd/caps.h"
#include "iommu/vtd/dmar.h"

/* Of what only root, or only some kernels, can be asked. */
enum posture_fact { POSTURE_UNKNOWN, POSTURE_NO, POSTURE_YES };

struct posture_unit {
	char name[16]; /* "dmar0"; "ivhd0" of AMD's */
	bool is_vtd;
	bool has_caps;
	struct vtd_caps caps;
	uint64_t address;	      /* of its registers; 0: not known */
	enum posture_fact translates; /* GSTS.TES */
	enum posture_fact remaps;     /* GSTS.IRES */
	/* GSTS.CFIS, where 32-bit APIC ids do not block them anyway. */
	enum posture_fact takes_compatibility;
	enum posture_fact protects_memory; /* PMEN.PRS */
	unsigned int unverified_irtes;	   /* that any device may use */
};

enum posture_type {
	POSTURE_TYPE_UNKNOWN,
	POSTURE_TYPE_STRICT, /* "DMA": flushed at each unmap */
	POSTURE_TYPE_LAZY,   /* "DMA-FQ": flushed later */
	POSTURE_TYPE_IDENTITY,
	POSTURE_TYPE_OTHER,   /* a driver's own domain */
	POSTURE_TYPE_NOIOMMU, /* VFIO made the group up */
};

struct posture_group {
	unsigned int id;
	enum posture_type type;
	bool direct;	/* firmware insists on memory mapped 1:1 */
	bool relaxable; /* it did, and Linux lets an assigned device go without */
};

/* A module's parameter that weakens the fence. */
struct posture_switch {
	const char *path;     /* below /sys/module */
	enum posture_fact on; /* POSTURE_NO: there is no such module, too */
};

#define POSTURE_SWITCHES 3

struct posture {
	struct posture_unit *units;
	size_t n_units;
	struct posture_group *groups; /* ascending by number */
	size_t n_groups;

	/* An interrupt of the host is remapped, says /proc/interrupts. */
	enum posture_fact interrupts_remapped;

	bool has_dmar;
	int dmar_error; /* -EACCES; -EINVAL: it is malformed; 0: see has_dmar */
	struct moat_err dmar_err;
	struct dmar dmar;

	/* allow_unsafe_interrupts twice, enable_unsafe_noiommu_mode. */
	struct posture_switch unsafe[POSTURE_SWITCHES];
	/* A word of the kernel's command line that overrides ACS; "": none */
	char acs_override[128];
	bool no_ats;	    /* the kernel was told to turn ATS on for nobody */
	bool has_registers; /* the kernel showed them */
};

/**
 * posture_read() - look at the host
 *
 * What cannot be read is unknown, and no error.
 * Return: 0, or -ENOMEM.
 */
int posture_read(const struct moat_host *host, struct posture *ret_posture,
		 struct moat_err *err);

/** posture_free() - back to nothing known */
void posture_free(struct posture *posture);

/** posture_group_find() - a group by its number, or NULL */
const struct posture_group *posture_group_find(const struct posture *posture,
					       int id);

/**
 * posture_unit_of() - the unit that the kernel has in front of a function
 * Return: NULL when there is none.
 */
const struct posture_unit *posture_unit_of(const struct posture *posture,
					   const struct moat_host *host,
					   struct moat_bdf bdf);

/**
 * posture_register_line() - a line of debugfs' iommu_regset
 * @unit: the unit whose lines these are, NULL: none yet; changed by headings
 */
void posture_register_line(struct posture *posture, struct posture_unit **unit,
			   const char *line);

/** posture_irte_line() - likewise of ir_translation_struct */
void posture_irte_line(struct posture *posture, struct posture_unit **unit,
		       const char *line);

#endif /* MOAT_IOMMU_POSTURE_H */
