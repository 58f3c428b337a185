// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * guest=SLOT.FN of all devices together: text only, so that what contradicts
 * itself is refused before the host is touched. What needs the devices (all
 * of a slot PCI Express, or none) the bus says when they are plugged.
 */
#include <errno.h>

#include "vmm-glue/machine_slots.h"
#include "vmm-glue/pci_host.h"

static bool same_slot(const struct moat_device_spec *a,
		      const struct moat_device_spec *b)
{
	return a->guest.dev != 0 && a->guest.dev == b->guest.dev;
}

bool machine_slots_shared(const struct moat_device_spec *const *spec, size_t n,
			  size_t i)
{
	for (size_t k = 0; k < n; k++)
		if (k != i && same_slot(spec[k], spec[i]))
			return true;
	return false;
}

unsigned int machine_slots_rank(const struct moat_device_spec *spec)
{
	if (spec->guest.dev == 0)
		return 2;
	return spec->guest.fn == 0 ? 0 : 1;
}

static int check_one(const struct moat_device_spec *const *spec, size_t n,
		     size_t i, struct moat_err *err)
{
	const struct moat_device_spec *want = spec[i];
	bool has_first = want->guest.fn == 0;

	for (size_t k = 0; k < n; k++) {
		if (k == i || !same_slot(spec[k], want))
			continue;
		if (spec[k]->guest.fn == want->guest.fn)
			return moat_fail(err, -EINVAL,
					 "%s and %s both ask for guest=%x.%x",
					 spec[k]->name, want->name,
					 want->guest.dev, want->guest.fn);
		has_first |= spec[k]->guest.fn == 0;
	}
	if (want->guest.dev == 0 || has_first)
		return 0;
	return moat_fail(err, -EINVAL,
			 "%s: guest=%x.%x, but no device is guest=%x.0, and a "
			 "guest looks for the other functions only where it "
			 "finds function 0",
			 want->name, want->guest.dev, want->guest.fn,
			 want->guest.dev);
}

int machine_slots_check(const struct moat_device_spec *const *spec, size_t n,
			struct moat_err *err)
{
	size_t slots = 0;

	for (size_t i = 0; i < n; i++) {
		int r = check_one(spec, n, i, err);

		if (r < 0)
			return r;
		if (spec[i]->guest.fn == 0)
			slots++;
	}
	if (slots > PCI_HOST_PLACES)
		return moat_fail(err, -ENOSPC,
				 "-pcidevice is given %zu times, for %zu slots "
				 "of the guest's PCI bus; it has %d (functions "
				 "share a slot by guest=SLOT.FN)",
				 n, slots, PCI_HOST_PLACES);
	return 0;
}
