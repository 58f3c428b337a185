// SPDX-License-Identifier: GPL-2.0-or-later
/* From options to a placement, for `run` and `plan` alike. */
#include <string.h>

#include "vmm-glue/place.h"

static enum moat_place_pages pages_of(enum hugepages hugepages)
{
	switch (hugepages) {
	case HUGEPAGES_OFF:
		return MOAT_PLACE_PAGES_SMALL;
	case HUGEPAGES_2M:
		return MOAT_PLACE_PAGES_2M;
	case HUGEPAGES_1G:
		return MOAT_PLACE_PAGES_1G;
	case HUGEPAGES_AUTO:
		break;
	}
	return MOAT_PLACE_PAGES_AUTO;
}

int place_plan(const struct place_config *config,
	       struct moat_topology **ret_topology,
	       struct moat_placement **ret_placement, struct moat_err *err)
{
	struct moat_place_request request = {
		.rule = config->rule,
		.n_vcpus = config->n_vcpus,
		.ram_bytes = config->ram_bytes,
		.pages = pages_of(config->hugepages),
		.devices = config->devices,
		.n_devices = config->n_devices,
	};
	struct moat_topology *topology = NULL;
	struct moat_set cpus, nodes;
	int r = 0;

	if (config->rule->mode != MOAT_PLACE_OFF || config->for_show)
		r = moat_topology_read(config->host, config->for_show,
				       &topology, err);
	if (r < 0)
		return r;
	/* What another machine allows is not known here. */
	if (topology && !moat_topology_is_foreign(topology) &&
	    moat_topology_allowed(&cpus, &nodes) == 0) {
		request.cpus = &cpus;
		request.nodes = &nodes;
	}
	r = moat_place(topology, &request, ret_placement, err);
	if (r < 0)
		moat_topology_free(topology);
	else
		*ret_topology = topology;
	return r;
}
