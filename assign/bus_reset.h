/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Resetting a device by the bus or slot it is on, with all that is there. */
#ifndef MOAT_ASSIGN_BUS_RESET_H
#define MOAT_ASSIGN_BUS_RESET_H

#include <stdbool.h>
#include <stddef.h>

#include <moat/bdf.h>
#include <moat/err.h>

#include "assign/reset_work.h"

struct moat_device;

/**
 * bus_reset_plan() - may the bus of @dev be reset for @with?
 * @with: functions that are to be reset, @dev's own among them
 *
 * Return: 0 and the job; -ENOTTY when the host has no such reset, or it would
 * reach a function that is somebody else's or not in @with; or the errno of
 * asking. With a sentence.
 */
int bus_reset_plan(struct moat_device *dev, const struct moat_bdf *with,
		   size_t n_with, struct reset_job *ret_job,
		   struct moat_err *err);

/** bus_reset_reaches() - does a reset of @dev's bus reset @bdf, too? */
bool bus_reset_reaches(struct moat_device *dev, struct moat_bdf bdf);

#endif /* MOAT_ASSIGN_BUS_RESET_H */
