/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's place on the host: planned from options as moat/placement.h
 * does it, and then carried out, thread by thread.
 */
#ifndef MOAT_VMM_PLACING_H
#define MOAT_VMM_PLACING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <moat/device_spec.h>
#include <moat/err.h>
#include <moat/host_pci.h>
#include <moat/placement.h>

#include "vmm-glue/options.h"

struct placing_config {
	struct moat_place_rule rule;
	unsigned int n_vcpus;
	uint64_t ram_bytes;
	enum hugepages hugepages;
	struct moat_place_device devices[OPT_LIST_MAX];
	size_t n_devices;
	const struct moat_host *host; /* NULL: this machine */
	/*
	 * Only to be shown: there is a topology in any case, and it may be
	 * that of another machine, if hwloc is told to describe one.
	 */
	bool for_show;
};

/**
 * placing_add() - one more device, that is of use to the plan
 * @node: the host's; MOAT_NO_NODE when it is not known
 *
 * With dma=none RAM is in huge pages unless told otherwise.
 */
void placing_add(struct placing_config *config,
		 const struct moat_device_spec *spec, int node);

/**
 * placing_plan() - read the host's topology and find the place
 * @busy:	  CPUs of other guests
 * @ret_topology: NULL when the rule is not to place anything, but for_show
 *
 * Return: as moat_topology_read() and moat_place().
 */
int placing_plan(const struct placing_config *config,
		 const struct moat_set *busy,
		 struct moat_topology **ret_topology,
		 struct moat_placement **ret_placement, struct moat_err *err);

/* ---- for a guest that is to run ---- */

struct placing;

/**
 * placing_start() - begin to plan, in a thread of its own
 * @config: copied
 */
int placing_start(const struct placing_config *config,
		  struct placing **ret_placing, struct moat_err *err);

/**
 * placing_wait() - until there is a plan; once
 *
 * CPUs that it gives to one thread alone are claimed from now on. With the
 * rule "auto" a host that cannot tell its topology is no error: nothing is
 * placed then, and that is logged.
 */
int placing_wait(struct placing *placing, struct moat_err *err);

/** placing_destroy() - NULL is fine; claims end */
void placing_destroy(struct placing *placing);

/** placing_placement() - NULL when nothing is to be placed; also for NULL */
const struct moat_placement *placing_placement(const struct placing *placing);

/*
 * Each binds the calling thread. What the kernel does not allow is logged,
 * once for all of them, and is no error: it only costs time. @placement may be
 * NULL: nothing happens.
 */
void placing_bind_main(const struct moat_placement *placement);
void placing_bind_vcpu(const struct moat_placement *placement, unsigned int id);
/* Return: has the thread CPUs that no vCPU uses? */
bool placing_bind_device(const struct moat_placement *placement, size_t i);

#endif /* MOAT_VMM_PLACING_H */
