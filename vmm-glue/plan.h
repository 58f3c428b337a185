/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A plan to be shown by `moat plan`: as text, as JSON, as a picture. */
#ifndef MOAT_VMM_PLAN_H
#define MOAT_VMM_PLAN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <moat/device_spec.h>
#include <moat/err.h>
#include <moat/host_pci.h>
#include <moat/placement.h>

struct plan_device {
	struct moat_device_spec spec;
	struct moat_host_pci fn;
};

struct plan {
	const struct moat_topology *topology;
	const struct moat_placement *placement;
	const struct plan_device *device; /* as in @placement */
	size_t n_devices;
	unsigned int n_vcpus;
	uint64_t ram_bytes;
};

/** plan_pages_name() - "2 MiB pages" */
const char *plan_pages_name(enum moat_place_pages pages);

/** plan_print_tree() - for a terminal; @utf8: may draw lines */
void plan_print_tree(const struct plan *plan, bool utf8, FILE *out);

/** plan_print_json() - one object. Return: 0, or -ENOMEM. */
int plan_print_json(const struct plan *plan, FILE *out);

/** plan_print_svg() - a picture, whole and by itself */
void plan_print_svg(const struct plan *plan, FILE *out);

#endif /* MOAT_VMM_PLAN_H */
