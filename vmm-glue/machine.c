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

/* ---- the other parts ---- */

static int create_fence(struct machine *machine, struct moat_err *err)
{
	static const char *const backends[] = {
		[IOMMU_AUTO] = NULL, /* the best that the host has */
		[IOMMU_IOMMUFD] = "iommufd",
		[IOMMU_TYPE1] = "type1",
	};
	const struct moat_ioas_config config = {
		.backend = backends[machine->opts->iommu],
		.files = machine_devices_files(machine->devices),
		.small_pages = machine->opts->iommu_pages == IOMMU_PAGES_4K,
		.hooks = {
			.file_added = kvm_vm_vfio_file_added,
			.file_removed = kvm_vm_vfio_file_removed,
			.opaque = machine->vm,
		},
		.cancelled = machine_abandoned,
		.cancelled_opaque = machine,
	};
	int r;

	r = moat_ioas_create(&config, &machine->ioas, err);
	if (r == 0)
		log_debug("devices reach memory through %s",
			  moat_ioas_backend(machine->ioas));
	return r;
}

static int create_bypass(struct machine *machine, struct moat_err *err)
{
	const struct moat_ioas_config config = {
		.backend = "bypass",
		.hooks = {
			.file_added = kvm_vm_vfio_file_added,
			.file_removed = kvm_vm_vfio_file_removed,
			.opaque = machine->vm,
		},
	};

	return moat_ioas_create(&config, &machine->bypass, err);
}

static int create_ioas(struct machine *machine, struct moat_err *err)
{
	const struct machine_devices *devices = machine->devices;
	int r = 0;

	if (machine_devices_count(devices, MOAT_DMA_IOMMU))
		r = create_fence(machine, err);
	if (r == 0 && machine_devices_count(devices, MOAT_DMA_NONE))
		r = create_bypass(machine, err);
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
		.placement = placing_placement(machine->placing),
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

static int load_kernel(struct machine *machine, struct moat_err *err)
{
	struct boot_entry entry;
	int r;

	r = boot_load(machine->boot, &machine->layout, machine->ram, &entry,
		      err);
	return r < 0 ? r : vcpus_set_entry(machine->vcpus, &entry, err);
}

/* The devices are plugged: the tables have their places. */
static int build_acpi(struct machine *machine, struct moat_err *err)
{
	struct acpi_slot slots[OPT_LIST_MAX];
	struct ram_piece pieces[RAM_PIECES_MAX];
	const struct acpi_config config = {
		.layout = &machine->layout,
		.n_vcpus = machine->opts->smp,
		.placement = placing_placement(machine->placing),
		.piece = pieces,
		.n_pieces = ram_pieces(machine->ram, pieces),
		.slot = slots,
		.n_slots = machine_devices_slots(machine->devices, slots),
	};

	return acpi_build(&config, ram_at(machine->ram, 0, LAYOUT_ACPI_END),
			  err);
}

int machine_load(struct machine *machine, struct moat_err *err)
{
	int r = load_kernel(machine, err);

	return r < 0 ? r : build_acpi(machine, err);
}

static int start_placing(struct machine *machine, struct moat_err *err)
{
	const struct run_options *opts = machine->opts;
	struct placing_config config = {
		.rule.mode = MOAT_PLACE_OFF,
		.n_vcpus = opts->smp,
		.ram_bytes = opts->mem_bytes,
		.hugepages = (enum hugepages)opts->hugepages,
	};
	int r;

	if (opts->place) {
		r = moat_place_rule_parse(opts->place, &config.rule, err);
		if (r < 0)
			return r;
	}
	if (opts->mem_path)
		config.hugepages = ram_dir_hugepages(opts->mem_path);
	machine_devices_places(machine->devices, &config);
	return placing_start(&config, &machine->placing, err);
}

/* All threads that are made from now on begin where this one is. */
static int settle_place(struct machine *machine, struct moat_err *err)
{
	int r = placing_wait(machine->placing, err);

	if (r == 0)
		placing_bind_main(placing_placement(machine->placing));
	return r;
}

/* Nothing of the host has been changed when this fails. */
static int parse(struct machine *machine, struct moat_err *err)
{
	const struct run_options *opts = machine->opts;
	int r;

	r = machine_devices_parse(opts, &machine->devices, err);
	if (r == 0)
		r = start_placing(machine, err);
	if (r < 0)
		return r;
	return boot_open(opts->kernel, opts->initrd, opts->append,
			 &machine->boot, err);
}

static int create_vm(struct machine *machine, struct moat_err *err)
{
	int r;

	r = kvm_vm_create(machine->kvm_sys, &machine->vm, err);
	if (r == 0)
		r = settle_place(machine, err);
	if (r < 0)
		return r;
	if (machine_devices_count(machine->devices, MOAT_DMA_NONE))
		r = machine_memory_create_identity(machine, err);
	else
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
	r = machine_memory_create(machine, err);
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

	r = machine_devices_open_start(machine->devices, machine->ioas,
				       machine->bypass, machine_abandoned,
				       machine, err);
	if (r < 0)
		return r;
	r = machine_memory_start(machine, err);
	if (r < 0)
		return r;
	r = create_vcpus(machine, err);
	if (r < 0)
		return r;
	r = machine_memory_map_slots(machine, err);
	if (r < 0)
		return r;
	/* Not before: two who touch a huge page first would wait anyway. */
	r = machine_memory_await_population(machine, err);
	if (r < 0)
		return r;
	return load_kernel(machine, err);
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

	/* Before any of them can be armed. */
	r = machine_devices_guard(machine->devices, machine->guard, err);
	if (r < 0)
		return r;
	r = machine_devices_plug(machine->devices, &place, machine->pci, err);
	if (r < 0)
		return r;
	r = pci_host_assign(machine->pci, err);
	if (r == 0)
		r = build_acpi(machine, err);
	if (r < 0)
		return r;
	machine_memory_plugging_ended(machine, PLUGGED);
	if (!machine->opts->verify)
		return 0;
	/* The guest does not start before the fence has been looked at. */
	machine_memory_join(machine);
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

	if (!machine->ioas && !machine->bypass)
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
 * off. The VM before RAM: its slots point there. What could not be turned off
 * is the guard's, or holds this up: RAM is not given away before.
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
	machine_memory_join(machine);
	machine_devices_close(machine->devices);
	rtc_destroy(machine->rtc);
	pci_host_destroy(machine->pci);
	pm_destroy(machine->pm);
	moat_ioas_destroy(machine->ioas);
	moat_ioas_destroy(machine->bypass);
	release_devices(machine);
	kvm_vm_destroy(machine->vm);
	guard_settle(machine->guard);
	ram_destroy(machine->ram);
	guard_stop(machine->guard);
	placing_destroy(machine->placing);
	boot_close(machine->boot);
	vcpu_work_fini(&machine->work);
	iobus_fini(&machine->pio);
	iobus_fini(&machine->mmio);
	(void)pthread_cond_destroy(&machine->memory.changed);
	(void)pthread_mutex_destroy(&machine->memory.lock);
	machine_requests_fini(machine);
	free(machine);
}
