/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's place on the host, as moat/placement.h plans it: what it is
 * planned from.
 */
#ifndef MOAT_VMM_PLACE_H
#define MOAT_VMM_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <moat/device_spec.h>
#include <moat/err.h>
#include <moat/host_pci.h>
#include <moat/placement.h>

#include "vmm-glue/options.h"

struct place_config {
	const struct moat_place_rule *rule;
	unsigned int n_vcpus;
	uint64_t ram_bytes;
	enum hugepages hugepages;
	const struct moat_place_device *devices;
	size_t n_devices;
	const struct moat_host *host; /* NULL: this machine */
	/*
	 * Only to be shown: there is a topology in any case, and it may be
	 * that of another machine, if hwloc is told to describe one.
	 */
	bool for_show;
};

/** place_device() - a device as planning wants it */
static inline struct moat_place_device
place_device(const struct moat_device_spec *spec,
	     const struct moat_host_pci *fn)
{
	return (struct moat_place_device) {
		.bdf = spec->host,
		.node = fn->numa_node == MOAT_NO_NODE ? MOAT_PLACE_NO_NODE
						      : fn->numa_node,
		.serves_thread = spec->pio == MOAT_PIO_THREAD,
	};
}

/**
 * place_plan() - read the host's topology and find the place
 * @ret_topology: NULL when the rule is not to place anything, but for_show
 *
 * Return: as moat_topology_read() and moat_place().
 */
int place_plan(const struct place_config *config,
	       struct moat_topology **ret_topology,
	       struct moat_placement **ret_placement, struct moat_err *err);

#endif /* MOAT_VMM_PLACE_H */
