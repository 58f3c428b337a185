// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The machine's memory: guest RAM made, populated, given to KVM and mapped
 * for the devices.
 *
 * The memory thread does the slow part beside all else. Identity-placed RAM,
 * for devices with dma=none, is the exception: the guest's whole layout
 * follows from where it is, so it is made first, while there is no other
 * thread and no device is open; then the guard is made, which inherits the
 * files that hold it.
 */
#include <errno.h>
#include <string.h>

#include <moat/log.h>

#include "common/host.h"
#include "common/util.h"
#include "vmm-glue/host_iomem.h"
#include "vmm-glue/machine_internal.h"
#include "vmm-glue/thread.h"
#include "vmm-glue/timeline.h"

/*
 * A call of the kernel's that maps cannot be interrupted: who ends the guest
 * waits for one piece. It ends at a multiple of itself, where the largest
 * pages of IOMMUs end, too.
 */
#define MAP_PIECE GiB

static int map_piece(struct machine *machine, struct moat_ioas *ioas,
		     uint64_t gpa, uint64_t len, struct moat_err *err)
{
	int r;

	if (machine_abandoned(machine))
		return moat_fail(err, -EINTR, "interrupted");
	r = moat_ioas_map(ioas, gpa, len, ram_at(machine->ram, gpa, len),
			  MOAT_DMA_READ | MOAT_DMA_WRITE, err);
	return r < 0 ? moat_fail_prefix(err, r, "guest RAM at %#llx",
					(unsigned long long)gpa)
		     : 0;
}

static int map_run(struct machine *machine, struct moat_ioas *ioas,
		   const struct layout_run *run, struct moat_err *err)
{
	uint64_t end = run->gpa + run->len, next;
	int r = 0;

	for (uint64_t at = run->gpa; r == 0 && at < end; at = next) {
		next = min_u64(align_down(at, MAP_PIECE) + MAP_PIECE, end);
		r = map_piece(machine, ioas, at, next - at, err);
	}
	return r;
}

/*
 * Devices with dma=none are not told of the first MiB, since it is not where
 * the host's is: the guest's firmware tables say that it is no RAM.
 */
static int map_all_for(struct machine *machine, struct moat_ioas *ioas,
		       struct moat_err *err)
{
	struct layout_run run[LAYOUT_RUNS_MAX + 1];
	size_t n = layout_ram(&machine->layout, run);
	int r = 0;

	if (!ioas)
		return 0;
	for (size_t i = 0; r == 0 && i < n; i++)
		if (run[i].gpa || moat_ioas_is_fence(ioas))
			r = map_run(machine, ioas, &run[i], err);
	return r;
}

static int map_all_for_devices(struct machine *machine, struct moat_err *err)
{
	struct moat_ioas_stats stats;
	int r;

	r = map_all_for(machine, machine->bypass, err);
	if (r < 0)
		return r;
	r = map_all_for(machine, machine->ioas, err);
	if (r < 0 || !machine->ioas)
		return r;
	/* With no device attached yet, the kernel has not been asked. */
	moat_ioas_get_stats(machine->ioas, &stats);
	if (stats.map_calls)
		timeline_mark(TIMELINE_MAPPED);
	return 0;
}

/* The first error counts; whoever waits for @populated learns of it, too. */
static void memory_report(struct machine_memory *memory, int r,
			  const struct moat_err *err)
{
	(void)pthread_mutex_lock(&memory->lock);
	memory->populated = true;
	if (r < 0) {
		memory->error = r;
		memory->err = *err;
	}
	(void)pthread_cond_broadcast(&memory->changed);
	(void)pthread_mutex_unlock(&memory->lock);
}

/* Return: are all devices there, to be armed? */
static bool memory_await_plugging(struct machine_memory *memory)
{
	bool plugged;

	(void)pthread_mutex_lock(&memory->lock);
	while (memory->plugging == PLUGGING)
		(void)pthread_cond_wait(&memory->changed, &memory->lock);
	plugged = memory->plugging == PLUGGED;
	(void)pthread_mutex_unlock(&memory->lock);
	return plugged;
}

static void *memory_main(void *opaque)
{
	struct machine *machine = opaque;
	struct machine_memory *memory = &machine->memory;
	struct moat_err err;
	int r;

	r = ram_populate(machine->ram, machine_abandoned, machine, &err);
	if (r == 0)
		timeline_mark(TIMELINE_RAM_READY);
	memory_report(memory, r, &err);
	if (r == 0) {
		r = map_all_for_devices(machine, &err);
		memory_report(memory, r, &err);
	}
	if (!memory_await_plugging(memory))
		return NULL;
	if (r == 0) {
		r = machine_verify(machine, &err);
		memory_report(memory, r, &err);
	}
	if (r == 0) {
		/* Else the first device's attaching mapped it. */
		if (machine->ioas && timeline_ns(TIMELINE_MAPPED) == 0)
			timeline_mark_at(TIMELINE_MAPPED,
					 timeline_ns(TIMELINE_DEVICES_OPEN));
		machine_devices_arm(machine->devices);
	} else {
		machine_devices_leave_unarmed(machine->devices);
		machine_memory_failed(machine);
	}
	return NULL;
}

int machine_memory_start(struct machine *machine, struct moat_err *err)
{
	struct machine_memory *memory = &machine->memory;
	int r;

	r = thread_start(&memory->thread, memory_main, machine);
	if (r < 0)
		return moat_fail(err, r, "no thread for guest RAM: %s",
				 strerror(-r));
	memory->has_thread = true;
	return 0;
}

int machine_memory_error(struct machine *machine, struct moat_err *err)
{
	struct machine_memory *memory = &machine->memory;
	int r;

	(void)pthread_mutex_lock(&memory->lock);
	r = memory->error;
	if (r < 0)
		*err = memory->err;
	(void)pthread_mutex_unlock(&memory->lock);
	return r;
}

int machine_memory_await_population(struct machine *machine,
				    struct moat_err *err)
{
	struct machine_memory *memory = &machine->memory;

	(void)pthread_mutex_lock(&memory->lock);
	while (!memory->populated)
		(void)pthread_cond_wait(&memory->changed, &memory->lock);
	(void)pthread_mutex_unlock(&memory->lock);
	return machine_memory_error(machine, err);
}

/* The first word on it counts. */
void machine_memory_plugging_ended(struct machine *machine,
				   enum machine_plugging how)
{
	struct machine_memory *memory = &machine->memory;

	(void)pthread_mutex_lock(&memory->lock);
	if (memory->plugging == PLUGGING)
		memory->plugging = how;
	(void)pthread_cond_broadcast(&memory->changed);
	(void)pthread_mutex_unlock(&memory->lock);
}

/* The devices that it arms must be there still. */
void machine_memory_join(struct machine *machine)
{
	struct machine_memory *memory = &machine->memory;

	if (!memory->has_thread)
		return;
	machine_memory_plugging_ended(machine, NOT_PLUGGED);
	(void)pthread_join(memory->thread, NULL);
	memory->has_thread = false;
}

static void say_ram(const struct machine *machine)
{
	log_debug("guest RAM: %llu MiB in pages of %llu KiB",
		  (unsigned long long)(machine->opts->mem_bytes / MiB),
		  (unsigned long long)(ram_page_size(machine->ram) / KiB));
}

int machine_memory_create(struct machine *machine, struct moat_err *err)
{
	const struct ram_config config = {
		.size = machine->layout.ram,
		.hugepages = (enum hugepages)machine->opts->hugepages,
		.mem_path = machine->opts->mem_path,
		.placement = placing_placement(machine->placing),
	};
	int r;

	if (machine->ram)
		return 0; /* identity-placed */
	r = ram_create(&config, &machine->ram, err);
	if (r == 0)
		say_ram(machine);
	return r;
}

/* What Linux makes of its memory, a driver may not like. */
static void warn_of_high_ram(const struct layout *layout)
{
	if (layout->run[0].gpa >= 4 * GiB)
		log_warn("all of the guest's RAM is above 4 GiB, where the "
			 "host's huge pages are: a device that can address 32 "
			 "bits only will not work with dma=none");
}

static int lay_out(struct machine *machine, struct moat_err *err)
{
	struct host_iomem iomem;
	const struct layout_run *run;
	size_t n;
	int r;

	r = host_iomem_read(&moat_this_host, &iomem, err);
	if (r < 0)
		return r;
	run = ram_runs(machine->ram, &n);
	r = layout_init_identity(&machine->layout, run, n, &iomem,
				 kvm_vm_phys_bits(machine->vm), err);
	host_iomem_free(&iomem);
	if (r == 0 && !boot_spares_low_memory(machine->boot))
		layout_spare_low_memory(&machine->layout);
	return r;
}

int machine_memory_create_identity(struct machine *machine,
				   struct moat_err *err)
{
	const struct ram_config config = {
		.size = { .low = machine->opts->mem_bytes },
		.hugepages = (enum hugepages)machine->opts->hugepages,
		.mem_path = machine->opts->mem_path,
		.placement = placing_placement(machine->placing),
	};
	struct guard_config guard = { .silence_ms = 0 };
	int r;

	r = ram_create_identity(&config, machine_abandoned, machine,
				&machine->ram, err);
	if (r < 0)
		return r;
	say_ram(machine);
	r = lay_out(machine, err);
	if (r < 0)
		return r;
	warn_of_high_ram(&machine->layout);
	ram_hold(machine->ram, guard.memory_fd);
	return guard_start(&guard, &machine->guard, err);
}

static int map_slot(struct machine *machine, const struct layout_run *run,
		    struct moat_err *err)
{
	unsigned int slot;
	int r;

	r = kvm_vm_map(machine->vm, run->gpa, run->len,
		       ram_at(machine->ram, run->gpa, run->len), &slot);
	return r < 0 ? moat_fail(err, r,
				 "KVM does not take guest RAM at %#llx: %s",
				 (unsigned long long)run->gpa, strerror(-r))
		     : 0;
}

/* The slots go with the VM. */
int machine_memory_map_slots(struct machine *machine, struct moat_err *err)
{
	struct layout_run run[LAYOUT_RUNS_MAX + 1];
	size_t n = layout_ram(&machine->layout, run);
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++)
		r = map_slot(machine, &run[i], err);
	return r;
}
