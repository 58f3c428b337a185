// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The machine's assigned devices, see machine_devices.h.
 *
 * Until guest RAM is mapped, turning on bus mastering waits, in the vCPU that
 * does it: a driver that was told that it is on would lose its first DMA.
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <moat/host_pci.h>
#include <moat/log.h>

#include "common/util.h"
#include "vmm-glue/gate.h"
#include "vmm-glue/machine_devices.h"
#include "vmm-glue/machine_slots.h"
#include "vmm-glue/thread.h"
#include "vmm-glue/timeline.h"

struct machine_device {
	struct machine_devices *devices;
	struct moat_device_spec spec;
	int node; /* of the host; MOAT_NO_NODE: not known */
	struct vmm_place place;
	struct moat_device *dev; /* NULL: not open */
	atomic_bool given_up;	 /* to be withdrawn, or it has been */
	pthread_t thread;
	bool has_thread;
	bool guarded; /* as @guard_id */
	bool left;    /* to the guard: it could not be stopped */
	unsigned int guard_id;
	int error; /* of the thread */
	struct moat_err err;
};

struct machine_devices {
	struct moat_ioas *fence, *bypass;
	bool (*cancelled)(void *opaque);
	void *opaque;	     /* of cancelled() */
	struct guard *guard; /* of those with dma=none; NULL: there are none */
	bool force;
	struct moat_ioas_files files; /* given by number; @cdevs below */
	_Atomic(size_t) n_opening;
	struct moat_ratelimit reset_rl;
	struct gate armed; /* open once they are, or never will be */
	struct moat_bdf bdf[OPT_LIST_MAX];
	struct moat_ioas_cdev cdev[OPT_LIST_MAX];
	const struct moat_device_spec *spec[OPT_LIST_MAX]; /* of @device */
	size_t n;
	struct machine_device device[]; /* n */
};

static int parse_one(struct machine_devices *devices, const char *text,
		     struct moat_err *err)
{
	struct machine_device *device = &devices->device[devices->n];
	char name[MOAT_BDF_STRLEN];
	int r;

	r = moat_device_spec_parse(text, &device->spec, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < devices->n; i++)
		if (moat_bdf_equal(devices->bdf[i], device->spec.host))
			return moat_fail(err, -EINVAL,
					 "-pcidevice %s: %s is given twice",
					 text,
					 moat_bdf_str(device->spec.host, name));
	if (device->spec.dma == MOAT_DMA_NONE && device->spec.fd)
		return moat_fail(
			err, -EINVAL,
			"%s: fd= is for dma=iommu; with dma=none there "
			"is no file that could be opened before",
			device->spec.name);
	device->devices = devices;
	if (device->spec.fd)
		devices->cdev[devices->files.n_cdevs++] =
			(struct moat_ioas_cdev) { device->spec.host,
						  device->spec.fd };
	devices->spec[devices->n] = &device->spec;
	devices->bdf[devices->n++] = device->spec.host;
	return 0;
}

/* A number that is given twice is not found out before it is used. */
struct moat_ioas_files *machine_devices_files(struct machine_devices *devices)
{
	if (devices->files.iommufd < 0 && devices->files.n_cdevs == 0)
		return NULL;
	return &devices->files;
}

/*
 * Does @msg say which device it is about? A name may be any word, so it
 * counts only in front or in quotes; an address counts anywhere.
 */
static bool says_device(const struct moat_device_spec *spec, const char *msg)
{
	char address[MOAT_BDF_STRLEN], quoted[sizeof(spec->name) + 3];
	size_t len = strlen(spec->name);

	if (strcmp(spec->name, moat_bdf_str(spec->host, address)) == 0)
		return strstr(msg, address) != NULL;
	(void)snprintf(quoted, sizeof(quoted), "'%s'", spec->name);
	if (strstr(msg, quoted))
		return true;
	return strncmp(msg, spec->name, len) == 0 &&
	       (msg[len] == ':' || msg[len] == ' ');
}

/*
 * The layers below speak of an address where they know no name; the user
 * gave one, and looks for it in every message.
 */
static int name_error(const struct moat_device_spec *spec, int r,
		      struct moat_err *err)
{
	if (says_device(spec, err->msg))
		return r;
	return moat_fail_prefix(err, r, "%s", spec->name);
}

static int check_one(struct machine_devices *devices,
		     struct machine_device *device, struct moat_err *err)
{
	const struct moat_host_pci_plan plan = {
		.same_guest = devices->bdf,
		.n_same_guest = devices->n,
		.managed = device->spec.managed,
		.force = devices->force,
		.unfenced = device->spec.dma == MOAT_DMA_NONE,
	};
	struct moat_host_pci fn;
	int r;

	r = moat_host_pci_read(NULL, device->spec.host, &fn, err);
	if (r == 0)
		r = moat_host_pci_verdict(NULL, &fn, &plan, err);
	if (r < 0)
		return name_error(&device->spec, r, err);
	device->node = fn.numa_node;
	return 0;
}

static void devices_free(struct machine_devices *devices)
{
	gate_fini(&devices->armed);
	free(devices);
}

int machine_devices_parse(const struct run_options *opts,
			  struct machine_devices **ret_devices,
			  struct moat_err *err)
{
	const struct opt_list *list = &opts->pcidevice;
	struct machine_devices *devices;
	int r;

	devices = calloc(1, sizeof(*devices) +
				    list->n * sizeof(devices->device[0]));
	if (!devices)
		return moat_fail(err, -ENOMEM, "out of memory");
	r = gate_init(&devices->armed);
	if (r < 0) {
		free(devices);
		return moat_fail(err, r, "out of memory");
	}
	devices->force = opts->force;
	devices->reset_rl = (struct moat_ratelimit)MOAT_RATELIMIT_INIT;
	devices->files.cdevs = devices->cdev;
	r = run_options_iommufd(opts, &devices->files.iommufd, err);
	for (size_t i = 0; r == 0 && i < list->n; i++)
		r = parse_one(devices, list->item[i], err);
	if (r == 0)
		r = machine_slots_check(devices->spec, devices->n, err);
	for (size_t i = 0; r == 0 && i < devices->n; i++)
		r = check_one(devices, &devices->device[i], err);
	if (r < 0) {
		devices_free(devices);
		return r;
	}
	*ret_devices = devices;
	return 0;
}

void machine_devices_places(const struct machine_devices *devices,
			    struct placing_config *config)
{
	for (size_t i = 0; i < devices->n; i++)
		placing_add(config, devices->spec[i], devices->device[i].node);
}

size_t machine_devices_count(const struct machine_devices *devices,
			     enum moat_dma_mode dma)
{
	size_t n = 0;

	for (size_t i = 0; i < devices->n; i++)
		n += devices->device[i].spec.dma == dma;
	return n;
}

static void *open_main(void *opaque)
{
	struct machine_device *device = opaque;
	struct machine_devices *devices = device->devices;
	const struct moat_device_params params = {
		.spec = &device->spec,
		.ioas = device->spec.dma == MOAT_DMA_NONE ? devices->bypass
							  : devices->fence,
		.same_guest = devices->bdf,
		.n_same_guest = devices->n,
		.force = devices->force,
		.cancelled = devices->cancelled,
		.cancelled_opaque = devices->opaque,
	};

	device->error = moat_device_open(&params, &device->dev, &device->err);
	if (device->error < 0)
		(void)name_error(&device->spec, device->error, &device->err);
	if (atomic_fetch_sub(&devices->n_opening, 1) == 1)
		timeline_mark(TIMELINE_DEVICES_OPEN);
	return NULL;
}

int machine_devices_open_start(struct machine_devices *devices,
			       struct moat_ioas *fence,
			       struct moat_ioas *bypass,
			       bool (*cancelled)(void *opaque), void *opaque,
			       struct moat_err *err)
{
	int r;

	devices->fence = fence;
	devices->bypass = bypass;
	devices->cancelled = cancelled;
	devices->opaque = opaque;
	devices->n_opening = devices->n;
	for (size_t i = 0; i < devices->n; i++) {
		struct machine_device *device = &devices->device[i];

		r = thread_start(&device->thread, open_main, device);
		if (r < 0)
			return moat_fail(err, r, "no thread to open %s: %s",
					 device->spec.name, strerror(-r));
		device->has_thread = true;
	}
	return 0;
}

int machine_devices_open_wait(struct machine_devices *devices,
			      struct moat_err *err)
{
	int r = 0;

	for (size_t i = 0; i < devices->n; i++) {
		struct machine_device *device = &devices->device[i];

		if (!device->has_thread)
			continue;
		(void)pthread_join(device->thread, NULL);
		device->has_thread = false;
		if (device->error < 0 && r == 0) {
			r = device->error;
			if (err)
				*err = device->err;
		}
	}
	return r;
}

int machine_devices_guard(struct machine_devices *devices, struct guard *guard,
			  struct moat_err *err)
{
	int r = 0;

	devices->guard = guard;
	for (size_t i = 0; r == 0 && i < devices->n; i++) {
		struct machine_device *device = &devices->device[i];
		struct moat_device_hold hold;

		if (device->spec.dma != MOAT_DMA_NONE)
			continue;
		moat_device_get_hold(device->dev, &hold);
		r = guard_add(guard, device->spec.name, &hold,
			      &device->guard_id, err);
		device->guarded = r == 0;
	}
	return r;
}

/*
 * Before the device is closed. One that cannot be stopped stays the guard's,
 * which then keeps guest RAM. Closed, it could not be asked again.
 */
static void unguard(struct machine_device *device)
{
	int r;

	if (!device->guarded || device->left)
		return;
	r = moat_device_disarm(device->dev);
	if (r < 0) {
		moat_log(MOAT_LOG_WARN, device->spec.name,
			 "its bus mastering cannot be turned off now: %s",
			 r == -EAGAIN ? "it does not answer" : strerror(-r));
		device->left = true;
		return;
	}
	guard_drop(device->devices->guard, device->guard_id);
	device->guarded = false;
}

static uint32_t config_read(void *opaque, uint16_t offset, unsigned int size)
{
	struct machine_device *device = opaque;

	return moat_device_config_read(device->dev, offset, size);
}

static bool sets_bus_master(uint16_t offset, unsigned int size, uint32_t value)
{
	if (offset > PCI_COMMAND || offset + size <= PCI_COMMAND)
		return false;
	return value >> 8 * (PCI_COMMAND - offset) & PCI_COMMAND_MASTER;
}

static void config_write(void *opaque, uint16_t offset, unsigned int size,
			 uint32_t value)
{
	struct machine_device *device = opaque;

	if (sets_bus_master(offset, size, value))
		gate_pass(&device->devices->armed);
	moat_device_config_write(device->dev, offset, size, value);
}

static void bar(void *opaque, unsigned int index,
		struct moat_bar_info *ret_info)
{
	struct machine_device *device = opaque;

	moat_device_bar(device->dev, index, ret_info);
}

/* A guest may reset a bus as often as it likes. */
static void warn_not_reset(struct machine_devices *devices,
			   const struct moat_err *err)
{
	unsigned int missed;

	if (moat_ratelimit_pass(&devices->reset_rl, &missed))
		log_warn("%s", err->msg);
}

static struct machine_device *device_of(struct machine_devices *devices,
					const struct moat_device *dev)
{
	size_t i = 0;

	while (devices->device[i].dev != dev)
		i++;
	return &devices->device[i];
}

static int reset(void *const *opaque, size_t n, struct moat_err *err)
{
	struct machine_device *const *device =
		(struct machine_device *const *)opaque;
	struct machine_devices *devices = device[0]->devices;
	struct moat_reset *resets = calloc(n, sizeof(*resets));
	int r = 0;

	if (!resets)
		return moat_fail(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++)
		resets[i].dev = device[i]->dev;
	moat_device_reset_all(resets, n);
	for (size_t i = 0; i < n; i++) {
		/* Lost by now, or before: the guest goes on without it. */
		if (resets[i].error == 0 ||
		    device_of(devices, resets[i].dev)->given_up)
			continue;
		if (resets[i].error == -ENOTTY)
			warn_not_reset(devices, &resets[i].err);
		else if (r == 0)
			r = moat_fail(err, resets[i].error, "%s",
				      resets[i].err.msg);
	}
	free(resets);
	return r;
}

static const char *name(void *opaque)
{
	struct machine_device *device = opaque;

	return device->spec.name;
}

static const struct pci_function_ops function_ops = {
	.config_read = config_read,
	.config_write = config_write,
	.bar = bar,
	.reset = reset,
	.name = name,
};

static int plug_one(struct machine_device *device, bool multifunction,
		    struct pci_host *host, struct moat_err *err)
{
	bool pcie = moat_device_is_pcie(device->dev);
	const struct pci_socket socket = {
		.dev = device->spec.guest.dev,
		.fn = device->spec.guest.fn,
		.pcie = pcie,
	};
	unsigned int how = (pcie ? MOAT_PLUG_PCIE : 0) |
			   (multifunction ? MOAT_PLUG_MULTIFUNCTION : 0);
	int r;

	r = pci_host_plug(host, &socket, &function_ops, device,
			  &device->place.slot, err);
	if (r < 0)
		return name_error(&device->spec, r, err);
	r = moat_device_plug(device->dev, &vmm_kvm_ops, &device->place, how,
			     err);
	if (r < 0)
		return r;
	moat_log(MOAT_LOG_DEBUG, device->spec.name,
		 "is %02x:%02x.%u in the guest%s", device->place.slot.bus,
		 device->place.slot.dev, device->place.slot.fn,
		 pcie ? "" : ", as a conventional device");
	return 0;
}

int machine_devices_plug(struct machine_devices *devices,
			 const struct vmm_place *place, struct pci_host *host,
			 struct moat_err *err)
{
	int r = 0;

	for (unsigned int rank = 0; rank < MACHINE_SLOTS_RANKS; rank++)
		for (size_t i = 0; r == 0 && i < devices->n; i++) {
			struct machine_device *device = &devices->device[i];

			if (machine_slots_rank(&device->spec) != rank)
				continue;
			device->place = *place;
			device->place.index = i;
			r = plug_one(device,
				     machine_slots_shared(devices->spec,
							  devices->n, i),
				     host, err);
		}
	return r;
}

size_t machine_devices_slots(const struct machine_devices *devices,
			     struct acpi_slot slots[OPT_LIST_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < devices->n; i++) {
		const struct vmm_place *place = &devices->device[i].place;
		const struct pci_slot *slot = &place->slot;

		if (!place->placement || slot->fn != 0)
			continue;
		/* A secondary bus has its port's device number. */
		slots[n++] = (struct acpi_slot) {
			.dev = slot->bus ? slot->bus : slot->dev,
			.is_port = slot->bus != 0,
			.node = place->placement->device[i].node,
		};
	}
	return n;
}

void machine_devices_arm(struct machine_devices *devices)
{
	for (size_t i = 0; i < devices->n; i++)
		moat_device_arm(devices->device[i].dev);
	gate_open(&devices->armed);
}

void machine_devices_leave_unarmed(struct machine_devices *devices)
{
	gate_open(&devices->armed);
}

size_t machine_devices_fds(const struct machine_devices *devices,
			   struct pollfd fds[MACHINE_DEVICES_FDS])
{
	for (size_t i = 0; i < devices->n; i++)
		fds[i] = (struct pollfd) {
			.fd = moat_device_event_fd(devices->device[i].dev),
			.events = POLLIN,
		};
	return devices->n;
}

bool machine_devices_place_irqs(struct machine_devices *devices)
{
	bool all = true;

	for (size_t i = 0; i < devices->n; i++)
		if (moat_device_place_irqs(devices->device[i].dev) == -EBUSY)
			all = false;
	return all;
}

void machine_devices_take_events(struct machine_devices *devices)
{
	for (size_t i = 0; i < devices->n; i++)
		moat_device_take_events(devices->device[i].dev);
}

bool machine_devices_can_go(const struct vmm_place *place)
{
	const struct machine_device *device =
		container_of(place, const struct machine_device, place);

	return device->spec.on_error == MOAT_ON_ERROR_WITHDRAW;
}

bool machine_devices_give_up(struct vmm_place *place)
{
	struct machine_device *device =
		container_of(place, struct machine_device, place);

	return !atomic_exchange(&device->given_up, true);
}

void machine_devices_withdraw(struct machine_devices *devices)
{
	for (size_t i = 0; i < devices->n; i++)
		if (atomic_load(&devices->device[i].given_up)) {
			unguard(&devices->device[i]);
			moat_device_withdraw(devices->device[i].dev);
		}
}

void machine_devices_hurry(struct machine_devices *devices)
{
	for (size_t i = 0; i < devices->n; i++)
		moat_device_hurry(devices->device[i].dev);
}

const char *machine_devices_name(const struct vmm_place *place)
{
	const struct machine_device *device =
		container_of(place, const struct machine_device, place);

	return device->spec.name;
}

static void *close_main(void *opaque)
{
	struct machine_device *device = opaque;

	moat_device_close(device->dev);
	return NULL;
}

static void close_start(struct machine_device *device)
{
	if (!device->dev)
		return;
	device->has_thread =
		thread_start(&device->thread, close_main, device) == 0;
	if (!device->has_thread)
		moat_device_close(device->dev);
}

static void close_wait(struct machine_device *device)
{
	if (device->has_thread)
		(void)pthread_join(device->thread, NULL);
	device->has_thread = false;
}

void machine_devices_close(struct machine_devices *devices)
{
	if (!devices)
		return;
	(void)machine_devices_open_wait(devices, NULL);
	/* One after the other: it is quick, and the guard is asked. */
	for (size_t i = devices->n; i-- > 0;)
		unguard(&devices->device[i]);
	/* Beside each other: each waits for its reset and for its driver. */
	for (size_t i = devices->n; i-- > 0;)
		close_start(&devices->device[i]);
	for (size_t i = devices->n; i-- > 0;)
		close_wait(&devices->device[i]);
	devices_free(devices);
}
