// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From options to a placement, for `run` and `plan` alike, and binding what
 * runs to it.
 *
 * Reading the topology takes as long as it takes to read a few files for each
 * CPU, so it is done beside making the VM.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <moat/log.h>

#include "vmm-glue/bind.h"
#include "vmm-glue/cpu_claims.h"
#include "vmm-glue/placing.h"
#include "vmm-glue/thread.h"

struct placing {
	struct placing_config config;
	pthread_t thread;
	bool has_thread;
	int claims; /* negative: none */
	struct moat_placement *placement;
	int error; /* of the thread */
	struct moat_err err;
};

/* ---- planning ---- */

void placing_add(struct placing_config *config,
		 const struct moat_device_spec *spec, int node)
{
	config->devices[config->n_devices++] = (struct moat_place_device) {
		.bdf = spec->host,
		.node = node == MOAT_NO_NODE ? MOAT_PLACE_NO_NODE : node,
		.serves_thread = spec->pio == MOAT_PIO_THREAD,
	};
	if (spec->dma == MOAT_DMA_NONE && config->hugepages == HUGEPAGES_AUTO)
		config->hugepages = HUGEPAGES_2M;
}

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

static int find_place(const struct placing_config *config,
		      const struct moat_topology *topology,
		      const struct moat_set *busy,
		      struct moat_placement **ret_placement,
		      struct moat_err *err)
{
	struct moat_place_request request = {
		.rule = &config->rule,
		.n_vcpus = config->n_vcpus,
		.ram_bytes = config->ram_bytes,
		.pages = pages_of(config->hugepages),
		.devices = config->devices,
		.n_devices = config->n_devices,
	};
	struct moat_set cpus, nodes;

	/* Of another machine it is not known here. */
	if (topology && !moat_topology_is_foreign(topology)) {
		request.busy = busy;
		if (moat_topology_allowed(&cpus, &nodes) == 0) {
			request.cpus = &cpus;
			request.nodes = &nodes;
		}
	}
	return moat_place(topology, &request, ret_placement, err);
}

int placing_plan(const struct placing_config *config,
		 const struct moat_set *busy,
		 struct moat_topology **ret_topology,
		 struct moat_placement **ret_placement, struct moat_err *err)
{
	struct moat_topology *topology = NULL;
	int r = 0;

	if (config->rule.mode != MOAT_PLACE_OFF || config->for_show)
		r = moat_topology_read(config->host, config->for_show,
				       &topology, err);
	if (r < 0)
		return r;
	r = find_place(config, topology, busy, ret_placement, err);
	if (r < 0)
		moat_topology_free(topology);
	else
		*ret_topology = topology;
	return r;
}

/* ---- for a guest that is to run ---- */

static void claim(struct placing *placing)
{
	const struct moat_placement *p = placing->placement;
	struct moat_set cpus = { { 0 } };

	for (unsigned int i = 0; p && i < p->n_vcpus; i++)
		if (p->vcpu[i].cpu >= 0)
			moat_set_add(&cpus, (unsigned int)p->vcpu[i].cpu);
	for (size_t i = 0; p && i < p->n_devices; i++)
		if (p->device[i].alone)
			moat_set_unite(&cpus, &p->device[i].cpus);
	if (placing->claims >= 0)
		cpu_claims_settle(placing->claims, &cpus);
}

static int plan(struct placing *placing, const struct moat_set *busy)
{
	const struct placing_config *config = &placing->config;
	struct moat_topology *topology;
	struct moat_err *err = &placing->err;
	int r;

	r = moat_topology_read(config->host, false, &topology, err);
	if (r < 0 && config->rule.mode == MOAT_PLACE_AUTO) {
		log_warn("%s; the guest is not placed", err->msg);
		return 0;
	}
	if (r < 0)
		return r;
	r = find_place(config, topology, busy, &placing->placement, err);
	moat_topology_free(topology);
	return r;
}

static void *placing_main(void *opaque)
{
	struct placing *placing = opaque;
	struct moat_set busy;

	placing->claims = cpu_claims_open(placing->config.host, &busy);
	if (placing->claims < 0)
		log_debug("CPUs are not claimed from other guests: %s",
			  strerror(-placing->claims));
	placing->error = plan(placing, &busy);
	claim(placing);
	return NULL;
}

int placing_start(const struct placing_config *config,
		  struct placing **ret_placing, struct moat_err *err)
{
	struct placing *placing;
	int r;

	placing = calloc(1, sizeof(*placing));
	if (!placing)
		return moat_fail(err, -ENOMEM, "out of memory");
	placing->config = *config;
	placing->claims = -1;
	if (config->rule.mode != MOAT_PLACE_OFF) {
		r = thread_start(&placing->thread, placing_main, placing);
		if (r < 0) {
			free(placing);
			return moat_fail(err, r,
					 "no thread to plan the place: "
					 "%s",
					 strerror(-r));
		}
		placing->has_thread = true;
	}
	*ret_placing = placing;
	return 0;
}

static void join(struct placing *placing)
{
	if (placing->has_thread)
		(void)pthread_join(placing->thread, NULL);
	placing->has_thread = false;
}

int placing_wait(struct placing *placing, struct moat_err *err)
{
	join(placing);
	if (placing->error < 0)
		*err = placing->err;
	else if (placing->placement)
		log_debug("the guest's place: %s", placing->placement->why);
	return placing->error;
}

void placing_destroy(struct placing *placing)
{
	if (!placing)
		return;
	join(placing);
	if (placing->claims >= 0)
		(void)close(placing->claims);
	moat_placement_free(placing->placement);
	free(placing);
}

const struct moat_placement *placing_placement(const struct placing *placing)
{
	return placing ? placing->placement : NULL;
}

/* ---- binding ---- */

static void bind_to(const struct moat_set *cpus)
{
	static atomic_bool warned;
	char text[MOAT_SET_STRLEN];
	int r = bind_thread(cpus);

	if (r < 0 && !atomic_exchange(&warned, true))
		log_warn("a thread cannot be bound to CPUs %s: %s; it runs "
			 "anywhere",
			 moat_set_str(cpus, text), strerror(-r));
}

void placing_bind_main(const struct moat_placement *p)
{
	if (p)
		bind_to(&p->main);
}

void placing_bind_vcpu(const struct moat_placement *p, unsigned int id)
{
	struct moat_set cpus = { { 0 } };

	if (!p || id >= p->n_vcpus)
		return;
	if (p->vcpu[id].cpu >= 0) {
		moat_set_add(&cpus, (unsigned int)p->vcpu[id].cpu);
		bind_to(&cpus);
	} else {
		bind_to(&p->node[p->vcpu[id].node].cpus);
	}
}

bool placing_bind_device(const struct moat_placement *p, size_t i)
{
	if (!p || i >= p->n_devices || !moat_set_count(&p->device[i].cpus))
		return true;
	bind_to(&p->device[i].cpus);
	return p->device[i].alone;
}
