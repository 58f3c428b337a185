/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the guest's devices ask to be seen (guest=), before there is a bus. */
#ifndef MOAT_VMM_MACHINE_SLOTS_H
#define MOAT_VMM_MACHINE_SLOTS_H

#include <stdbool.h>
#include <stddef.h>

#include <moat/device_spec.h>
#include <moat/err.h>

/**
 * machine_slots_check() - can all of these be where they ask to be?
 *
 * Return: 0; -EINVAL when two ask for one place, or a slot lacks function 0;
 * -ENOSPC when there are more than the bus takes. With names.
 */
int machine_slots_check(const struct moat_device_spec *const *spec, size_t n,
			struct moat_err *err);

/** machine_slots_shared() - is there another function in @spec[i]'s slot? */
bool machine_slots_shared(const struct moat_device_spec *const *spec, size_t n,
			  size_t i);

/**
 * machine_slots_rank() - when a device is plugged, lowest first
 *
 * Function 0 before the others of its slot, and what may be anywhere last.
 */
unsigned int machine_slots_rank(const struct moat_device_spec *spec);

#define MACHINE_SLOTS_RANKS 3

#endif /* MOAT_VMM_MACHINE_SLOTS_H */
