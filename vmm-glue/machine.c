// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The machine's making and unmaking, see machine.h.
 *
 * Opening a device changes the host: it takes the device from its driver and
 * resets it. So whatever bad input can make fail is done before: prepare().
 *
 * What takes long at start is waiting for devices to reset and touching
 * guest RAM, and neither needs the other. So the devices open in threads of
 * their own, a memory thread populates RAM and maps it for the devices, and
 * the main thread makes the vCPUs and loads the kernel meanwhile. The guest
 * starts when RAM is populated and the devices are plugged. It may be mapped
 * a little later: the devices are armed then, and a vCPU that turns on bus
 * mastering before waits for it.
 */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include <moat/host_pci.h>
#include <moat/log.h>

#include "common/util.h"
#include "vmm-glue/machine_internal.h"
#include "vmm-glue/thread.h"
#include "vmm-glue/timeline.h"

#define MALLOC_TOP_PAD (1 << 20) /* address space; pages come as used */

/* ---- memory ---- */

static int map_for_devices(struct machine *machine, uint64_t gpa, uint64_t len,
			   struct moat_err *err)
{
	int r;

	if (len == 0)
		return 0;
	r = moat_ioas_map(machine->ioas, gpa, len,
			  ram_at(machine->ram, gpa, len),
			  MOAT_DMA_READ | MOAT_DMA_WRITE, err);
	return r < 0 ? moat_fail_prefix(err, r, "guest RAM at %#llx",
					(unsigned long long)gpa)
		     : 0;
}

static int map_all_for_devices(struct machine *machine, struct moat_err *err)
{
	struct moat_ioas_stats stats;
	int r;

	if (!machine->ioas)
		return 0;
	r = map_for_devices(machine, 0, machine->layout.ram.low, err);
	if (r < 0)
		return r;
	r = map_for_devices(machine, LAYOUT_RAM_HIGH, machine->layout.ram.high,
			    err);
	if (r < 0)
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

static int memory_start(struct machine *machine, struct moat_err *err)
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

static int memory_await_population(struct machine *machine,
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
static void memory_plugging_ended(struct machine *machine,
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
static void memory_join(struct machine *machine)
{
	struct machine_memory *memory = &machine->memory;

	if (!memory->has_thread)
		return;
	memory_plugging_ended(machine, NOT_PLUGGED);
	(void)pthread_join(memory->thread, NULL);
	memory->has_thread = false;
}

static int memory_create(struct machine *machine, struct moat_err *err)
{
	const struct ram_config config = {
		.size = machine->layout.ram,
		.hugepages = (enum hugepages)machine->opts->hugepages,
		.mem_path = machine->opts->mem_path,
	};
	int r;

	r = ram_create(&config, &machine->ram, err);
	if (r < 0)
		return r;
	log_debug("guest RAM: %llu MiB in pages of %llu KiB",
		  (unsigned long long)(machine->opts->mem_bytes / MiB),
		  (unsigned long long)(ram_page_size(machine->ram) / KiB));
	return 0;
}

static int map_slot(struct machine *machine, uint64_t gpa, uint64_t len,
		    struct moat_err *err)
{
	unsigned int slot;
	int r;

	if (len == 0)
		return 0;
	r = kvm_vm_map(machine->vm, gpa, len, ram_at(machine->ram, gpa, len),
		       &slot);
	return r < 0 ? moat_fail(err, r,
				 "KVM does not take guest RAM at %#llx: %s",
				 (unsigned long long)gpa, strerror(-r))
		     : 0;
}

/* The slots go with the VM. */
static int map_slots(struct machine *machine, struct moat_err *err)
{
	int r;

	r = map_slot(machine, 0, machine->layout.ram.low, err);
	if (r < 0)
		return r;
	return map_slot(machine, LAYOUT_RAM_HIGH, machine->layout.ram.high,
			err);
}

/* ---- the other parts ---- */

static int create_ioas(struct machine *machine, struct moat_err *err)
{
	static const char *const backends[] = {
		[IOMMU_AUTO] = NULL, /* the best that the host has */
		[IOMMU_IOMMUFD] = "iommufd",
		[IOMMU_TYPE1] = "type1",
	};
	const struct moat_ioas_config config = {
		.backend = backends[machine->opts->iommu],
		.files = machine_devices_files(machine->devices),
		.hooks = {
			.file_added = kvm_vm_vfio_file_added,
			.file_removed = kvm_vm_vfio_file_removed,
			.opaque = machine->vm,
		},
	};

	int r;

	if (machine_devices_count(machine->devices) == 0)
		return 0;
	r = moat_ioas_create(&config, &machine->ioas, err);
	if (r == 0)
		log_debug("devices reach memory through %s",
			  moat_ioas_backend(machine->ioas));
	return r;
}

static int create_vcpus(struct machine *machine, struct moat_err *err)
{
	const struct vcpus_config config = {
		.vm = machine->vm,
		.layout = &machine->layout,
		.mmio = &machine->mmio,
		.pio = &machine->pio,
		.work = &machine->work,
		.n = machine->opts->smp,
		.name = machine->opts->name,
		.resettable = !machine->opts->no_reboot,
		.ops = &machine->platform_ops,
		.died = machine_vcpu_died,
	};

	return vcpus_create(&config, &machine->vcpus, err);
}

static int create_platform(struct machine *machine, struct moat_err *err)
{
	const struct platform_ops *ops = &machine->platform_ops;
	int r;

	r = pci_host_create(&machine->layout, &machine->mmio, &machine->pio,
			    &machine->pci, err);
	if (r < 0)
		return r;
	r = pm_create(&machine->pio, ops, &machine->pm, err);
	if (r < 0)
		return r;
	pci_host_set_reset_port(machine->pci, pm_reset_port(machine->pm));
	r = rtc_create(&machine->pio, &machine->rtc, err);
	if (r < 0)
		return r;
	r = console_open(machine->opts->serial, ops, &machine->console, err);
	if (r < 0)
		return r;
	return serial_create(&machine->pio, ops, machine->console,
			     &machine->serial, err);
}

int machine_load(struct machine *machine, struct moat_err *err)
{
	struct boot_entry entry;
	int r;

	r = boot_load(machine->boot, &machine->layout, machine->ram, &entry,
		      err);
	if (r < 0)
		return r;
	r = acpi_build(&machine->layout, machine->opts->smp,
		       ram_at(machine->ram, 0, LAYOUT_ACPI_END), err);
	if (r < 0)
		return r;
	return vcpus_set_entry(machine->vcpus, &entry, err);
}

/* Nothing of the host has been changed when this fails. */
static int parse(struct machine *machine, struct moat_err *err)
{
	const struct run_options *opts = machine->opts;
	int r;

	r = machine_devices_parse(opts, &machine->devices, err);
	if (r < 0)
		return r;
	return boot_open(opts->kernel, opts->initrd, opts->append,
			 &machine->boot, err);
}

static int create_vm(struct machine *machine, struct moat_err *err)
{
	int r;

	r = kvm_vm_create(machine->kvm_sys, &machine->vm, err);
	if (r < 0)
		return r;
	r = layout_init(&machine->layout, machine->opts->mem_bytes,
			kvm_vm_phys_bits(machine->vm), err);
	if (r < 0)
		return r;
	r = boot_place(machine->boot, &machine->layout, err);
	if (r < 0)
		return r;
	timeline_mark(TIMELINE_VM_READY);
	return create_ioas(machine, err);
}

static int check_timeline(struct machine *machine, struct moat_err *err)
{
	int r;

	if (!machine->opts->timeline)
		return 0;
	r = timeline_check(machine->opts->timeline, err);
	if (r == 0)
		machine->wants_timeline = true;
	return r;
}

/*
 * All of the rest that bad input can make fail, and quick: no page of RAM is
 * touched. Nothing of the host has been changed when this fails, but that
 * the user's own output files are there.
 */
static int prepare(struct machine *machine, struct moat_err *err)
{
	int r;

	r = vcpus_check_number(machine->vm, machine->opts->smp, err);
	if (r < 0)
		return r;
	r = memory_create(machine, err);
	if (r < 0)
		return r;
	r = check_timeline(machine, err);
	if (r < 0)
		return r;
	/* The console comes last: it may empty a file, or change a terminal. */
	return create_platform(machine, err);
}

/* The threads that this starts are joined by join() or by destroying. */
static int build_beside(struct machine *machine, struct moat_err *err)
{
	int r;

	r = machine_devices_open_start(machine->devices, machine->ioas, err);
	if (r < 0)
		return r;
	r = memory_start(machine, err);
	if (r < 0)
		return r;
	r = create_vcpus(machine, err);
	if (r < 0)
		return r;
	r = map_slots(machine, err);
	if (r < 0)
		return r;
	/* Not before: two who touch a huge page first would wait anyway. */
	r = memory_await_population(machine, err);
	if (r < 0)
		return r;
	return machine_load(machine, err);
}

/* A device's own error says more than what it led to elsewhere. */
static int join(struct machine *machine, struct moat_err *err)
{
	int r;

	r = machine_devices_open_wait(machine->devices, err);
	return r < 0 ? r : machine_memory_error(machine, err);
}

static int plug(struct machine *machine, struct moat_err *err)
{
	const struct vmm_place place = machine_place(machine);
	int r;

	r = machine_devices_plug(machine->devices, &place, machine->pci, err);
	if (r < 0)
		return r;
	r = pci_host_assign(machine->pci, err);
	if (r < 0)
		return r;
	memory_plugging_ended(machine, PLUGGED);
	if (!machine->opts->verify)
		return 0;
	/* The guest does not start before the fence has been looked at. */
	memory_join(machine);
	return machine_memory_error(machine, err);
}

/*
 * One heap, and address space for it in one go: a heap for each thread would
 * cost memory, and one that grows and shrinks waits for the mmap lock, which
 * those who populate RAM hold most of the time.
 */
static void tune_malloc(void)
{
	(void)mallopt(M_ARENA_MAX, 1);
	(void)mallopt(M_TOP_PAD, MALLOC_TOP_PAD);
	(void)mallopt(M_TRIM_THRESHOLD, 2 * MALLOC_TOP_PAD);
	(void)mallopt(M_MMAP_THRESHOLD, MALLOC_TOP_PAD);
}

static int init(struct machine *machine, struct moat_err *err)
{
	int r;

	r = machine_requests_init(machine, err);
	if (r < 0)
		return r;
	r = -pthread_mutex_init(&machine->memory.lock, NULL);
	if (r < 0)
		goto requests_fini;
	r = -pthread_cond_init(&machine->memory.changed, NULL);
	if (r < 0)
		goto destroy_lock;
	r = iobus_init(&machine->mmio);
	if (r < 0)
		goto destroy_cond;
	r = iobus_init(&machine->pio);
	if (r < 0)
		goto fini_mmio;
	r = vcpu_work_init(&machine->work);
	if (r < 0)
		goto fini_pio;
	return 0;
fini_pio:
	iobus_fini(&machine->pio);
fini_mmio:
	iobus_fini(&machine->mmio);
destroy_cond:
	(void)pthread_cond_destroy(&machine->memory.changed);
destroy_lock:
	(void)pthread_mutex_destroy(&machine->memory.lock);
requests_fini:
	machine_requests_fini(machine);
	return moat_fail(err, r, "out of memory");
}

int machine_create_on(const struct kvm_sys *sys, const struct run_options *opts,
		      struct machine **ret_machine, struct moat_err *err)
{
	struct machine *machine;
	int r;

	tune_malloc();
	machine = calloc(1, sizeof(*machine));
	if (!machine)
		return moat_fail(err, -ENOMEM, "out of memory");
	machine->kvm_sys = sys;
	machine->opts = opts;
	r = init(machine, err);
	if (r < 0) {
		free(machine);
		return r;
	}
	r = parse(machine, err);
	if (r == 0)
		r = create_vm(machine, err);
	if (r == 0)
		r = prepare(machine, err);
	if (r == 0)
		r = build_beside(machine, err);
	if (r == 0)
		r = join(machine, err);
	if (r == 0)
		r = plug(machine, err);
	if (r < 0) {
		machine_destroy(machine);
		return r;
	}
	*ret_machine = machine;
	return 0;
}

/*
 * A device whose group another one of this guest still had open when it was
 * closed goes back to its driver now that no VFIO file is open.
 */
static void release_devices(const struct machine *machine)
{
	struct moat_err err;

	if (!machine->ioas)
		return;
	if (moat_host_pci_release_own(NULL, &err) < 0)
		log_warn("%s", err.msg);
}

int machine_create(const struct run_options *opts, struct machine **ret_machine,
		   struct moat_err *err)
{
	return machine_create_on(NULL, opts, ret_machine, err);
}

/*
 * In reverse, and every part may be missing. vCPUs first: nothing calls into
 * the devices then. Devices before memory: closing turns their bus mastering
 * off. The VM before RAM: its slots point there.
 */
void machine_destroy(struct machine *machine)
{
	if (!machine)
		return;
	atomic_store(&machine->abandoned, true);
	vcpus_destroy(machine->vcpus);
	machine_write_timeline(machine);
	serial_destroy(machine->serial);
	console_close(machine->console);
	memory_join(machine);
	machine_devices_close(machine->devices);
	rtc_destroy(machine->rtc);
	pci_host_destroy(machine->pci);
	pm_destroy(machine->pm);
	moat_ioas_destroy(machine->ioas);
	release_devices(machine);
	kvm_vm_destroy(machine->vm);
	ram_destroy(machine->ram);
	boot_close(machine->boot);
	vcpu_work_fini(&machine->work);
	iobus_fini(&machine->pio);
	iobus_fini(&machine->mmio);
	(void)pthread_cond_destroy(&machine->memory.changed);
	(void)pthread_mutex_destroy(&machine->memory.lock);
	machine_requests_fini(machine);
	free(machine);
}
