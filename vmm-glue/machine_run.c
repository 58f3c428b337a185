// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The machine while it runs: the main thread waits for what others ask of it
 * and for signals, and resets or ends the machine.
 *
 * What comes from other threads (a device of the platform, a dying vCPU, an
 * event of an assigned device) is a bit in @requests and a write to
 * @wake_fd; nobody but the main thread changes the machine. The main thread
 * also polls what the assigned devices have for it, which they report as
 * events, too.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <moat/log.h>

#include "common/io.h"
#include "common/util.h"
#include "vmm-glue/machine_internal.h"
#include "vmm-glue/timeline.h"

#define RESET_INTERVAL_MS 1000

/* Interrupts are moved all at once, and not whenever a guest pleases. */
#define IRQS_INTERVAL_MS 100

static const int ending_signals[] = { SIGTERM, SIGINT, SIGHUP };

/* ---- requests of other threads ---- */

static void post(struct machine *machine, unsigned int bits)
{
	const uint64_t one = 1;

	(void)atomic_fetch_or(&machine->requests, bits);
	(void)moat_write_all(machine->wake_fd, &one, sizeof(one));
}

static void on_request(void *opaque, enum machine_request request)
{
	switch (request) {
	case MACHINE_POWEROFF:
		post(opaque, REQUEST_POWEROFF);
		break;
	case MACHINE_RESET:
		post(opaque, REQUEST_RESET);
		break;
	case MACHINE_QUIT:
		post(opaque, REQUEST_QUIT);
		break;
	}
}

static void on_irq_line(void *opaque, unsigned int gsi, int level)
{
	struct machine *machine = opaque;

	(void)kvm_vm_irq_line(machine->vm, gsi, level != 0);
}

static void on_first_serial_byte(void *opaque)
{
	timeline_mark(TIMELINE_FIRST_SERIAL);
	post(opaque, REQUEST_TIMELINE);
}

void machine_vcpu_died(void *opaque)
{
	post(opaque, REQUEST_VCPU_DIED);
}

void machine_memory_failed(struct machine *machine)
{
	post(machine, REQUEST_MEMORY_FAILED);
}

static void device_died(struct machine *machine, const char *name,
			const char *what, const char *detail)
{
	(void)pthread_mutex_lock(&machine->event_lock);
	if (machine->event_error == 0)
		machine->event_error =
			moat_fail(&machine->event_err, -EIO,
				  "%s: %s: %s; the guest ends "
				  "(onerror=withdraw would take the device "
				  "from it instead)",
				  name, what, detail);
	(void)pthread_mutex_unlock(&machine->event_lock);
	post(machine, REQUEST_DEVICE_DIED);
}

/* What happened, and what becomes of the guest, as onerror= says. */
static void on_device_event(struct vmm_place *place, enum moat_event event,
			    const char *detail)
{
	static const char *const what[] = {
		[MOAT_EVENT_DEVICE_ERROR] =
			"the host reports an error of the device",
		[MOAT_EVENT_DEVICE_LOST] = "the device is gone",
		[MOAT_EVENT_RELEASE_WANTED] = "the host wants the device back",
	};
	const char *name = machine_devices_name(place);
	struct machine *machine = place->opaque;

	if (!machine_devices_can_go(place)) {
		device_died(machine, name, what[event], detail);
		return;
	}
	/* A guest may provoke more of them before the device has gone. */
	if (!machine_devices_give_up(place))
		return;
	moat_log(MOAT_LOG_WARN, name, "%s: %s; the guest goes on without it",
		 what[event], detail);
	post(machine, REQUEST_WITHDRAW);
}

/* A guest may do this all the time: it is told of once, until it is done. */
static void on_msi_changed(struct vmm_place *place)
{
	struct machine *machine = place->opaque;

	if (place->placement && !atomic_exchange(&machine->irqs_moved, true))
		post(machine, 0);
}

struct vmm_place machine_place(struct machine *machine)
{
	return (struct vmm_place) {
		.vm = machine->vm,
		.layout = &machine->layout,
		.mmio = &machine->mmio,
		.pio = &machine->pio,
		.work = &machine->work,
		.event = on_device_event,
		.msi_changed = on_msi_changed,
		.placement = placing_placement(machine->placing),
		.opaque = machine,
	};
}

/* ---- signals ---- */

static void ending_set(sigset_t *ret_set)
{
	(void)sigemptyset(ret_set);
	for (size_t i = 0; i < ARRAY_SIZE(ending_signals); i++)
		(void)sigaddset(ret_set, ending_signals[i]);
}

bool machine_abandoned(void *opaque)
{
	struct machine *machine = opaque;
	sigset_t pending;

	if (atomic_load(&machine->abandoned))
		return true;
	if (sigpending(&pending) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(ending_signals); i++)
		if (sigismember(&pending, ending_signals[i]) == 1)
			return true;
	return false;
}

int machine_requests_init(struct machine *machine, struct moat_err *err)
{
	sigset_t set;
	int r;

	machine->platform_ops = (struct platform_ops) {
		.request = on_request,
		.irq_line = on_irq_line,
		.first_serial_byte = on_first_serial_byte,
		.opaque = machine,
	};
	r = -pthread_mutex_init(&machine->event_lock, NULL);
	if (r < 0)
		return moat_fail(err, r, "out of memory");
	ending_set(&set);
	/* Before there are threads: they inherit the mask. */
	r = -pthread_sigmask(SIG_BLOCK, &set, &machine->old_mask);
	if (r < 0) {
		(void)moat_fail(err, r, "pthread_sigmask: %s", strerror(-r));
		goto destroy_lock;
	}
	machine->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (machine->signal_fd < 0) {
		r = moat_fail(err, -errno, "signalfd: %s", strerror(errno));
		goto restore_mask;
	}
	machine->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (machine->wake_fd < 0) {
		r = moat_fail(err, -errno, "eventfd: %s", strerror(errno));
		goto close_signal_fd;
	}
	return 0;
close_signal_fd:
	(void)close(machine->signal_fd);
restore_mask:
	(void)pthread_sigmask(SIG_SETMASK, &machine->old_mask, NULL);
destroy_lock:
	(void)pthread_mutex_destroy(&machine->event_lock);
	return r;
}

/* One signal that has come, or 0. */
static int take_signal(struct machine *machine)
{
	struct signalfd_siginfo info;

	if (read(machine->signal_fd, &info, sizeof(info)) !=
	    (ssize_t)sizeof(info))
		return 0;
	return (int)info.ssi_signo;
}

void machine_requests_fini(struct machine *machine)
{
	/* What was asked for has been done: it must not kill us now. */
	while (take_signal(machine) != 0)
		;
	(void)close(machine->wake_fd);
	(void)close(machine->signal_fd);
	(void)pthread_sigmask(SIG_SETMASK, &machine->old_mask, NULL);
	(void)pthread_mutex_destroy(&machine->event_lock);
}

/* ---- the main loop ---- */

void machine_write_timeline(struct machine *machine)
{
	struct moat_ioas_stats stats = { 0 };
	struct moat_err err;

	if (!machine->wants_timeline || machine->timeline_written)
		return;
	machine->timeline_written = true;
	if (machine->ioas)
		moat_ioas_get_stats(machine->ioas, &stats);
	if (timeline_write(machine->opts->timeline, stats.map_calls,
			   stats.kernel_ns, stats.total_ns, &err) < 0)
		log_warn("%s", err.msg);
}

static int64_t ms_since(const struct timespec *then)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)(now.tv_sec - then->tv_sec) * 1000 +
	       (now.tv_nsec - then->tv_nsec) / 1000000;
}

/* Until interrupts are to be moved, for poll(2): -1 is for ever. */
static int ms_until_irqs(const struct machine *machine)
{
	int64_t since;

	if (!atomic_load(&machine->irqs_moved))
		return -1;
	since = ms_since(&machine->irqs_placed);
	return since >= IRQS_INTERVAL_MS ? 0 : (int)(IRQS_INTERVAL_MS - since);
}

static void place_irqs(struct machine *machine)
{
	if (ms_until_irqs(machine) != 0)
		return;
	/* What moves from now on is for the next time. */
	atomic_store(&machine->irqs_moved, false);
	if (!machine_devices_place_irqs(machine->devices))
		atomic_store(&machine->irqs_moved, true);
	(void)clock_gettime(CLOCK_MONOTONIC, &machine->irqs_placed);
}

/* Sleep until there are requests; a signal counts as one to quit. */
static int wait_for_requests(struct machine *machine, unsigned int *ret_bits,
			     struct moat_err *err)
{
	struct pollfd fds[3 + MACHINE_DEVICES_FDS] = {
		{ .fd = machine->wake_fd, .events = POLLIN },
		{ .fd = machine->signal_fd, .events = POLLIN },
		{ .fd = machine->guard ? guard_fd(machine->guard) : -1,
		  .events = POLLIN },
	};
	size_t n = 3 + machine_devices_fds(machine->devices, fds + 3);
	uint64_t count;
	int signal;

	if (poll(fds, n, ms_until_irqs(machine)) < 0 && errno != EINTR)
		return moat_fail(err, -errno, "poll: %s", strerror(errno));
	place_irqs(machine);
	/* What they report becomes requests. */
	machine_devices_take_events(machine->devices);
	/* Emptied before the bits are taken: one that comes later wakes. */
	if (read(machine->wake_fd, &count, sizeof(count)) < 0)
		count = 0;
	*ret_bits = atomic_exchange(&machine->requests, 0);
	if (fds[2].revents)
		*ret_bits |= REQUEST_GUARD_DIED;
	signal = take_signal(machine);
	if (signal) {
		log_info("%s: the guest ends", strsignal(signal));
		*ret_bits |= REQUEST_QUIT;
	}
	return 0;
}

/*
 * A guest that resets as soon as it runs would have the host reset devices
 * and read kernels without end: one reset a second is let through.
 * Return: false when a signal came to end the machine meanwhile.
 */
static bool reset_is_due(struct machine *machine)
{
	struct pollfd fd = { .fd = machine->signal_fd, .events = POLLIN };
	int64_t since_ms = ms_since(&machine->last_reset);

	if (since_ms < RESET_INTERVAL_MS &&
	    poll(&fd, 1, (int)(RESET_INTERVAL_MS - since_ms)) > 0)
		return false;
	(void)clock_gettime(CLOCK_MONOTONIC, &machine->last_reset);
	return true;
}

/*
 * As a PC's reset line does: chips, devices, vCPUs; then boot again. The
 * vCPUs have stopped.
 */
static int reset(struct machine *machine, struct moat_err *err)
{
	int r;

	log_debug("the guest resets");
	/* Asked for by vCPUs on their way to the stop: it is being done. */
	(void)atomic_fetch_and(&machine->requests, ~(unsigned)REQUEST_RESET);
	/*
	 * The chips first: a device that asserts its pin right after its own
	 * reset must find them as they will stay, or its interrupt is lost
	 * with their old state and never unmasked again.
	 */
	r = kvm_vm_reset_irqchips(machine->vm, err);
	if (r < 0)
		return r;
	r = pci_host_reset(machine->pci, err);
	if (r < 0)
		return r;
	serial_reset(machine->serial);
	pm_reset(machine->pm);
	r = vcpus_reset(machine->vcpus, err);
	if (r < 0)
		return r;
	r = machine_load(machine, err);
	if (r < 0)
		return r;
	return vcpus_start(machine->vcpus, err);
}

/* Return: 1 to go on, 0 at an ordered end, or what the guest died of. */
static int handle(struct machine *machine, unsigned int bits,
		  struct moat_err *err)
{
	int r;

	if (bits & REQUEST_TIMELINE)
		machine_write_timeline(machine);
	if (bits & REQUEST_VCPU_DIED)
		return vcpus_death(machine->vcpus, err);
	/* Told to quit, mapping stops half way: that is as it should be. */
	if ((bits & REQUEST_MEMORY_FAILED) && !(bits & REQUEST_QUIT))
		return machine_memory_error(machine, err);
	if (bits & REQUEST_DEVICE_DIED) {
		(void)pthread_mutex_lock(&machine->event_lock);
		r = machine->event_error;
		*err = machine->event_err;
		(void)pthread_mutex_unlock(&machine->event_lock);
		return r;
	}
	if (bits & REQUEST_GUARD_DIED)
		return moat_fail(err, -ECHILD,
				 "the process that keeps guest RAM safe from "
				 "devices with dma=none is dead; the guest "
				 "ends");
	if (bits & (REQUEST_QUIT | REQUEST_POWEROFF))
		return 0;
	if (bits & REQUEST_WITHDRAW)
		machine_devices_withdraw(machine->devices);
	if (bits & REQUEST_RESET) {
		if (machine->opts->no_reboot)
			return 0;
		vcpus_stop(machine->vcpus);
		if (!reset_is_due(machine))
			return 0;
		r = reset(machine, err);
		return r < 0 ? moat_fail_prefix(err, r, "reset failed") : 1;
	}
	return 1;
}

int machine_run(struct machine *machine, struct moat_err *err)
{
	unsigned int bits = 0;
	int r;

	r = vcpus_start(machine->vcpus, err);
	if (r < 0)
		return r;
	do {
		r = wait_for_requests(machine, &bits, err);
		if (r == 0)
			r = handle(machine, bits, err);
	} while (r > 0);
	/* A vCPU may be waiting for RAM to be mapped, or for a reset. */
	atomic_store(&machine->abandoned, true);
	machine_devices_hurry(machine->devices);
	vcpus_stop(machine->vcpus);
	return r;
}
