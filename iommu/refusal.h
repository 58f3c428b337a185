/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's refusals that both VFIO backends meet, in words. */
#ifndef MOAT_IOMMU_REFUSAL_H
#define MOAT_IOMMU_REFUSAL_H

#include "iommu/ioas_impl.h"

/* Room for the text of some devices or of a process. */
#define WHO_MAX 512

/**
 * refusal_open() - why the user may not open @path, or cannot
 * refusal_open_for() - the same of @dev's own file, which has @what in it
 * Return: @r, but -EPERM for the latter's EACCES.
 */
int refusal_open(const char *path, int r, struct moat_err *err);
int refusal_open_for(const struct ioas_device *dev, const char *what,
		     const char *path, int r, struct moat_err *err);

/** refusal_busy() - who has the file of @dev's group, @path; -EBUSY */
int refusal_busy(const struct moat_ioas *ioas, const struct ioas_device *dev,
		 const char *path, struct moat_err *err);

/** refusal_map() - the kernel did not make @map: @step answered @r */
int refusal_map(const struct ioas_map *map, const char *step, int r,
		struct moat_err *err);

/** refusal_not_viable() - the host uses @who of @dev's group; -EINVAL */
int refusal_not_viable(const struct ioas_device *dev, const char *who,
		       struct moat_err *err);

/**
 * refusal_explain() - the sentence for @r, which @step failed with
 * @dev: its file has the group and what that reserves
 *
 * EPERM has three causes: interrupts that nobody remaps, a 1:1 map that
 * firmware insists on (EINVAL in newer kernels), and a user of the group
 * that came since it was looked at.
 * Return: @r.
 */
int refusal_explain(const struct moat_ioas *ioas, const struct ioas_device *dev,
		    const char *step, int r, struct moat_err *err);

/**
 * refusal_token() - the kernel did not open @dev for want of the right token
 * Return: -EPERM.
 */
int refusal_token(const struct ioas_device *dev, struct moat_err *err);

#endif /* MOAT_IOMMU_REFUSAL_H */
