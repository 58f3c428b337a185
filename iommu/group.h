/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What sysfs and procfs say about IOMMU groups: which one a device is in,
 * what it reserves, and who stands in the way of using it.
 */
#ifndef MOAT_IOMMU_GROUP_H
#define MOAT_IOMMU_GROUP_H

#include <stdbool.h>
#include <stddef.h>

#include <moat/bdf.h>
#include <moat/err.h>

#include "common/host.h"
#include "iommu/resv.h"

/**
 * group_of_device() - the number of a device's IOMMU group
 * Return: 0, or -ENODEV: no such device, or no IOMMU in front of it.
 */
int group_of_device(const struct moat_host *host, struct moat_bdf bdf,
		    unsigned int *ret_id, struct moat_err *err);

/* What stands between a device and memory. */
enum group_kind {
	GROUP_NONE,	/* nothing: it has no group */
	GROUP_NOIOMMU,	/* nothing: VFIO made a group up for it */
	GROUP_IDENTITY, /* an IOMMU that lets all addresses through */
	GROUP_FENCED,	/* an IOMMU that translates */
};

/**
 * group_kind() - by the group's default domain, which is in force while no
 * VFIO user has the group
 * @ret_id: the group's number; 0: GROUP_NONE
 * Return: 0, or -ENODEV: no such device.
 */
int group_kind(const struct moat_host *host, struct moat_bdf bdf,
	       enum group_kind *ret_kind, unsigned int *ret_id,
	       struct moat_err *err);

/** group_reserved() - what the group's IOMMU reserves; see resv_parse() */
int group_reserved(const struct moat_host *host, unsigned int id,
		   struct resv_list *ret_list, struct moat_err *err);

/** group_driver() - the driver of a device; "" when it has none */
void group_driver(const struct moat_host *host, struct moat_bdf bdf, char *buf,
		  size_t size);

/**
 * group_culprits() - the devices that keep a group from being assigned
 *
 * Writes "0000:00:1f.2 (ahci), 0000:00:1f.3 (snd_hda_intel)": the group's
 * devices whose driver uses DMA for the host. "" when none is seen.
 */
void group_culprits(const struct moat_host *host, unsigned int id, char *buf,
		    size_t size);

/**
 * group_holder() - who has a file open
 * @or_self: this process counts, too
 *
 * Writes "NAME (process PID)", or "" when no such process is seen, which may
 * be for want of permission.
 */
void group_holder(const struct moat_host *host, const char *file, bool or_self,
		  char *buf, size_t size);

/**
 * group_interrupts_remapped() - does an IOMMU remap interrupts of the host?
 *
 * x86 marks interrupt controllers behind one with "IR-" in /proc/interrupts.
 */
bool group_interrupts_remapped(const struct moat_host *host);

/**
 * group_unsafe_interrupts() - would the kernel refuse for want of interrupt
 * remapping?
 * @module:    the kernel module whose parameter is the opt-in
 * @ret_param: the file of the module parameter that is the opt-in
 *
 * True when the opt-in is off and no interrupt of the host is remapped. The
 * kernel does not say it in words; x86 marks remapped interrupt controllers
 * with "IR-" in /proc/interrupts.
 */
bool group_unsafe_interrupts(const struct moat_host *host, const char *module,
			     char ret_param[PATH_MAX]);

#endif /* MOAT_IOMMU_GROUP_H */
