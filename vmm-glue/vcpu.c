// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The vCPU threads, see vcpu.h.
 *
 * Stopping: the stopper sets the vCPU's immediate_exit and then sends its
 * thread a signal. A thread on its way into KVM_RUN sees the flag, one that
 * is inside gets the signal, so no kick is lost. A thread stops only when
 * KVM_RUN has answered -EINTR: by then KVM has finished the access that the
 * last exit was about, and the vCPU's state is whole.
 *
 * A vCPU that died or reset the machine parks until it is stopped.
 *
 * Work for every vCPU thread (vcpu_work.h) is done where a thread gets leave
 * to run. To have it done, all are interrupted as for a stop, and find that
 * they may run on.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <moat/log.h>

#include "common/util.h"
#include "vmm-glue/kvm_sys.h"
#include "vmm-glue/placing.h"
#include "vmm-glue/thread.h"
#include "vmm-glue/timeline.h"
#include "vmm-glue/vcpu.h"
#include "vmm-glue/vcpu_state.h"

#define KICK_SIGNAL SIGRTMIN

struct vcpu {
	struct vcpus *vcpus;
	unsigned int id;
	int fd;
	struct kvm_run *run;
	struct vcpu_state *power_on; /* NULL unless resettable */
	pthread_t thread;
	bool has_thread;
};

enum vcpus_want { WANT_STOP, WANT_RUN, WANT_END };

struct vcpus {
	struct vcpus_config config;
	const struct kvm_sys *sys;

	pthread_mutex_t lock; /* guards all that follows */
	pthread_cond_t changed;
	enum vcpus_want want;
	unsigned int n_stopped; /* threads that wait for WANT_RUN */
	int death;		/* negative errno when one died */
	struct moat_err death_err;

	struct vcpu vcpu[]; /* config.n */
};

/* ---- what a vCPU does when the guest leaves it ---- */

/* Park until the stopper comes; called instead of entering the guest again. */
static void park(struct vcpu *vcpu)
{
	struct vcpus *vcpus = vcpu->vcpus;

	(void)pthread_mutex_lock(&vcpus->lock);
	while (vcpus->want == WANT_RUN)
		(void)pthread_cond_wait(&vcpus->changed, &vcpus->lock);
	(void)pthread_mutex_unlock(&vcpus->lock);
}

static void log_registers(struct vcpu *vcpu)
{
	const struct kvm_sys *sys = vcpu->vcpus->sys;
	struct kvm_sregs s;
	struct kvm_regs g;

	if (kvm_sys_ioctl(sys, vcpu->fd, KVM_GET_REGS, &g) < 0 ||
	    kvm_sys_ioctl(sys, vcpu->fd, KVM_GET_SREGS, &s) < 0)
		return;
	log_debug("vCPU %u: rax %#llx rbx %#llx rcx %#llx rdx %#llx", vcpu->id,
		  g.rax, g.rbx, g.rcx, g.rdx);
	log_debug("vCPU %u: rsi %#llx rdi %#llx rsp %#llx rbp %#llx", vcpu->id,
		  g.rsi, g.rdi, g.rsp, g.rbp);
	log_debug("vCPU %u: rip %#llx rflags %#llx cs %#x cr0 %#llx cr2 %#llx "
		  "cr3 %#llx cr4 %#llx efer %#llx",
		  vcpu->id, g.rip, g.rflags, s.cs.selector, s.cr0, s.cr2, s.cr3,
		  s.cr4, s.efer);
}

static uint64_t read_rip(struct vcpu *vcpu)
{
	struct kvm_regs regs;

	if (kvm_sys_ioctl(vcpu->vcpus->sys, vcpu->fd, KVM_GET_REGS, &regs) < 0)
		return UINT64_MAX;
	return regs.rip;
}

/* The first death counts. @what: what happened, in words. */
static void die(struct vcpu *vcpu, int r, const char *what)
{
	struct vcpus *vcpus = vcpu->vcpus;
	uint64_t rip = read_rip(vcpu);
	bool first;

	log_registers(vcpu);
	(void)pthread_mutex_lock(&vcpus->lock);
	first = vcpus->death == 0;
	if (first)
		vcpus->death = moat_fail(&vcpus->death_err, r,
					 "vCPU %u died at rip %#" PRIx64 ": %s",
					 vcpu->id, rip, what);
	(void)pthread_mutex_unlock(&vcpus->lock);
	if (first)
		vcpus->config.died(vcpus->config.ops->opaque);
	park(vcpu);
}

static void exit_io(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	struct iobus *pio = vcpu->vcpus->config.pio;
	uint64_t value;

	/* A string instruction brings several at once. */
	for (uint32_t i = 0; i < run->io.count; i++) {
		if (run->io.direction == KVM_EXIT_IO_IN) {
			value = iobus_read(pio, run->io.port, run->io.size);
			memcpy(data, &value, run->io.size);
		} else {
			value = 0;
			memcpy(&value, data, run->io.size);
			iobus_write(pio, run->io.port, run->io.size, value);
		}
		data += run->io.size;
	}
}

/* An access that crosses a page comes in pieces of any size: byte by byte. */
static void exit_mmio(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	struct iobus *mmio = vcpu->vcpus->config.mmio;
	unsigned int step = run->mmio.len;
	uint64_t value;

	if (step > sizeof(run->mmio.data) || !is_power_of_2(step))
		step = 1;
	for (uint32_t i = 0;
	     i + step <= run->mmio.len && i + step <= sizeof(run->mmio.data);
	     i += step) {
		uint64_t addr = run->mmio.phys_addr + i;

		if (run->mmio.is_write) {
			value = 0;
			memcpy(&value, run->mmio.data + i, step);
			iobus_write(mmio, addr, step, value);
		} else {
			value = iobus_read(mmio, addr, step);
			memcpy(run->mmio.data + i, &value, step);
		}
	}
}

static void exit_internal_error(struct vcpu *vcpu)
{
	const struct kvm_run *run = vcpu->run;
	char what[256];
	size_t n;

	n = (size_t)snprintf(what, sizeof(what),
			     "KVM gave up (KVM_EXIT_INTERNAL_ERROR, suberror "
			     "%u%s)",
			     run->internal.suberror,
			     run->internal.suberror ==
					     KVM_INTERNAL_ERROR_EMULATION
				     ? ": instruction not emulated"
				     : "");
	for (uint32_t i = 0;
	     i < run->internal.ndata && i < ARRAY_SIZE(run->internal.data) &&
	     n + 24 < sizeof(what);
	     i++)
		n += (size_t)snprintf(what + n, sizeof(what) - n, " %#llx",
				      run->internal.data[i]);
	die(vcpu, -EIO, what);
}

static void exit_fail_entry(struct vcpu *vcpu)
{
	const struct kvm_run *run = vcpu->run;
	char what[160];

	(void)snprintf(what, sizeof(what),
		       "the processor refused to enter the guest "
		       "(KVM_EXIT_FAIL_ENTRY, hardware reason %#llx, host CPU "
		       "%u)",
		       run->fail_entry.hardware_entry_failure_reason,
		       run->fail_entry.cpu);
	die(vcpu, -EIO, what);
}

static void exit_system_event(struct vcpu *vcpu)
{
	const struct platform_ops *ops = vcpu->vcpus->config.ops;
	char what[80];

	switch (vcpu->run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		ops->request(ops->opaque, MACHINE_POWEROFF);
		park(vcpu);
		break;
	case KVM_SYSTEM_EVENT_RESET:
		ops->request(ops->opaque, MACHINE_RESET);
		park(vcpu);
		break;
	default:
		(void)snprintf(what, sizeof(what),
			       "KVM_EXIT_SYSTEM_EVENT of type %u",
			       vcpu->run->system_event.type);
		die(vcpu, -EIO, what);
	}
}

static void exit_unknown(struct vcpu *vcpu)
{
	char what[120];

	(void)snprintf(what, sizeof(what),
		       "exit reason %u, which moat does not know (hardware "
		       "reason %#llx)",
		       vcpu->run->exit_reason,
		       vcpu->run->hw.hardware_exit_reason);
	die(vcpu, -EIO, what);
}

static void handle_exit(struct vcpu *vcpu)
{
	const struct platform_ops *ops = vcpu->vcpus->config.ops;

	switch (vcpu->run->exit_reason) {
	case KVM_EXIT_IO:
		exit_io(vcpu);
		break;
	case KVM_EXIT_MMIO:
		exit_mmio(vcpu);
		break;
	case KVM_EXIT_INTR:
		break;
	case KVM_EXIT_SHUTDOWN:
		/* A triple fault resets a PC; some guests reboot by one. */
		log_info("vCPU %u: triple fault, the guest resets", vcpu->id);
		log_registers(vcpu);
		ops->request(ops->opaque, MACHINE_RESET);
		park(vcpu);
		break;
	case KVM_EXIT_SYSTEM_EVENT:
		exit_system_event(vcpu);
		break;
	case KVM_EXIT_FAIL_ENTRY:
		exit_fail_entry(vcpu);
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		exit_internal_error(vcpu);
		break;
	default:
		exit_unknown(vcpu);
		break;
	}
}

/* ---- the threads ---- */

/* KVM_RUN itself failed. */
static void run_failed(struct vcpu *vcpu, int r)
{
	char what[160];

	(void)snprintf(what, sizeof(what), "KVM_RUN: %s%s", strerror(-r),
		       r == -EFAULT ? " (the host memory behind a guest "
				      "address is gone)"
				    : "");
	die(vcpu, r, what);
}

/* Run the guest until the stopper interrupts. */
static void run_until_kicked(struct vcpu *vcpu)
{
	const struct kvm_sys *sys = vcpu->vcpus->sys;
	int r;

	for (;;) {
		r = kvm_sys_ioctl(sys, vcpu->fd, KVM_RUN, NULL);
		if (r == -EINTR && __atomic_load_n(&vcpu->run->immediate_exit,
						   __ATOMIC_ACQUIRE))
			return;
		if (r == -EINTR || r == -EAGAIN)
			continue;
		if (r < 0)
			run_failed(vcpu, r);
		else
			handle_exit(vcpu);
	}
}

/* Wait for leave to run. Return: false when it is time to end. */
static bool await_run(struct vcpu *vcpu)
{
	struct vcpus *vcpus = vcpu->vcpus;
	bool run;

	(void)pthread_mutex_lock(&vcpus->lock);
	vcpus->n_stopped++;
	(void)pthread_cond_broadcast(&vcpus->changed);
	while (vcpus->want == WANT_STOP)
		(void)pthread_cond_wait(&vcpus->changed, &vcpus->lock);
	vcpus->n_stopped--;
	run = vcpus->want == WANT_RUN;
	/* Under the lock, as the stopper's store is. */
	if (run)
		__atomic_store_n(&vcpu->run->immediate_exit, 0,
				 __ATOMIC_RELEASE);
	(void)pthread_mutex_unlock(&vcpus->lock);
	return run;
}

static void *vcpu_main(void *opaque)
{
	struct vcpu *vcpu = opaque;
	char name[16];
	sigset_t kick;

	/* It may have been blocked by whoever started this program. */
	(void)sigemptyset(&kick);
	(void)sigaddset(&kick, KICK_SIGNAL);
	(void)pthread_sigmask(SIG_UNBLOCK, &kick, NULL);
	(void)snprintf(name, sizeof(name), "%.7s/vcpu%u",
		       vcpu->vcpus->config.name, vcpu->id % 1000);
	(void)pthread_setname_np(pthread_self(), name);
	placing_bind_vcpu(vcpu->vcpus->config.placement, vcpu->id);
	while (await_run(vcpu)) {
		vcpu_work_do(vcpu->vcpus->config.work);
		if (vcpu->id == 0)
			timeline_mark(TIMELINE_FIRST_ENTRY);
		run_until_kicked(vcpu);
	}
	return NULL;
}

/* Only interrupts KVM_RUN; without a handler it would end the process. */
static void on_kick(int signal)
{
	(void)signal;
}

static int install_kick_handler(struct moat_err *err)
{
	struct sigaction action = { .sa_handler = on_kick };

	if (sigaction(KICK_SIGNAL, &action, NULL) < 0)
		return moat_fail(err, -errno, "sigaction: %s", strerror(errno));
	return 0;
}

/* One that is in the guest, or on its way there. */
static void interrupt(struct vcpu *vcpu)
{
	__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_RELEASE);
	(void)pthread_kill(vcpu->thread, KICK_SIGNAL);
}

/* Those that do not run will do the work before they do. */
static void interrupt_running(void *opaque)
{
	struct vcpus *vcpus = opaque;

	(void)pthread_mutex_lock(&vcpus->lock);
	for (unsigned int i = 0; i < vcpus->config.n; i++)
		if (vcpus->want == WANT_RUN && vcpus->vcpu[i].has_thread)
			interrupt(&vcpus->vcpu[i]);
	(void)pthread_mutex_unlock(&vcpus->lock);
}

/* ---- creation ---- */

int vcpus_check_number(struct kvm_vm *vm, unsigned int n, struct moat_err *err)
{
	int max = kvm_vm_check(vm, KVM_CAP_MAX_VCPUS);

	/* api.rst 4.4: without it, KVM_CAP_NR_VCPUS is the limit. */
	if (max <= 0)
		max = kvm_vm_check(vm, KVM_CAP_NR_VCPUS);
	if (max <= 0)
		max = 4;
	if (n <= (unsigned int)max)
		return 0;
	return moat_fail(err, -EINVAL,
			 "-smp %u is more than the %d vCPUs of the host's KVM",
			 n, max);
}

/*
 * The guest believes that the cores of a package are on one node. APIC ids of
 * packages are powers of two apart, so where nodes begin elsewhere packages
 * are smaller than nodes.
 */
static unsigned int package_size(const struct vcpus_config *config)
{
	const struct moat_placement *p = config->placement;
	unsigned int first = 0, size = 0;

	for (size_t i = 0; p && i < p->n_nodes; i++) {
		first += p->node[i].n_vcpus;
		if (first < config->n)
			size |= first;
	}
	/* The lowest bit that any node's first vCPU has. */
	return size ? size & -size : config->n;
}

static int create_vcpu(struct vcpus *vcpus, unsigned int id,
		       struct moat_err *err)
{
	struct kvm_vm *vm = vcpus->config.vm;
	const struct kvm_sys *sys = vcpus->sys;
	struct vcpu *vcpu = &vcpus->vcpu[id];
	void *run;
	int r;

	r = kvm_sys_ioctl_value(sys, kvm_vm_fd(vm), KVM_CREATE_VCPU, id);
	if (r < 0)
		return moat_fail(err, r, "KVM_CREATE_VCPU: %s", strerror(-r));
	vcpu->fd = r;
	r = sys->map(sys->opaque, vcpu->fd, kvm_vm_vcpu_mmap_size(vm), &run);
	if (r < 0) {
		(void)moat_fail(err, r, "cannot map vCPU %u: %s", id,
				strerror(-r));
		goto close_fd;
	}
	vcpu->run = run;
	r = vcpu_state_init(vm, vcpu->fd, id, package_size(&vcpus->config),
			    vcpus->config.layout, err);
	if (r < 0)
		goto unmap;
	if (vcpus->config.resettable) {
		r = vcpu_state_save(vm, vcpu->fd, &vcpu->power_on, err);
		if (r < 0)
			goto unmap;
	}
	return 0;
unmap:
	sys->unmap(sys->opaque, run, kvm_vm_vcpu_mmap_size(vm));
	vcpu->run = NULL;
close_fd:
	sys->close(sys->opaque, vcpu->fd);
	vcpu->fd = -1;
	return r;
}

static void destroy_vcpu(struct vcpu *vcpu)
{
	const struct kvm_sys *sys = vcpu->vcpus->sys;

	if (vcpu->fd < 0)
		return;
	vcpu_state_free(vcpu->power_on);
	sys->unmap(sys->opaque, vcpu->run,
		   kvm_vm_vcpu_mmap_size(vcpu->vcpus->config.vm));
	sys->close(sys->opaque, vcpu->fd);
}

static int init_locks(struct vcpus *vcpus, struct moat_err *err)
{
	int r;

	r = -pthread_mutex_init(&vcpus->lock, NULL);
	if (r < 0)
		return moat_fail(err, r, "out of memory");
	r = -pthread_cond_init(&vcpus->changed, NULL);
	if (r < 0) {
		(void)pthread_mutex_destroy(&vcpus->lock);
		return moat_fail(err, r, "out of memory");
	}
	return 0;
}

int vcpus_create(const struct vcpus_config *config, struct vcpus **ret_vcpus,
		 struct moat_err *err)
{
	struct vcpus *vcpus;
	unsigned int n = 0;
	int r;

	r = vcpus_check_number(config->vm, config->n, err);
	if (r < 0)
		return r;
	vcpus = calloc(1, sizeof(*vcpus) + config->n * sizeof(vcpus->vcpu[0]));
	if (!vcpus)
		return moat_fail(err, -ENOMEM, "out of memory");
	vcpus->config = *config;
	vcpus->sys = kvm_vm_sys(config->vm);
	vcpus->want = WANT_STOP;
	for (unsigned int i = 0; i < config->n; i++)
		vcpus->vcpu[i] =
			(struct vcpu) { .vcpus = vcpus, .id = i, .fd = -1 };
	r = init_locks(vcpus, err);
	if (r < 0)
		goto free_vcpus;
	r = install_kick_handler(err);
	if (r < 0)
		goto destroy_locks;
	for (; n < config->n; n++) {
		r = create_vcpu(vcpus, n, err);
		if (r < 0)
			goto destroy_vcpus;
	}
	vcpu_work_set_kick(config->work, interrupt_running, vcpus);
	*ret_vcpus = vcpus;
	return 0;
destroy_vcpus:
	while (n > 0)
		destroy_vcpu(&vcpus->vcpu[--n]);
destroy_locks:
	(void)pthread_cond_destroy(&vcpus->changed);
	(void)pthread_mutex_destroy(&vcpus->lock);
free_vcpus:
	free(vcpus);
	return r;
}

int vcpus_set_entry(struct vcpus *vcpus, const struct boot_entry *entry,
		    struct moat_err *err)
{
	return vcpu_state_enter(vcpus->config.vm, vcpus->vcpu[0].fd, entry,
				err);
}

int vcpus_reset(struct vcpus *vcpus, struct moat_err *err)
{
	int r;

	for (unsigned int i = 0; i < vcpus->config.n; i++) {
		struct vcpu *vcpu = &vcpus->vcpu[i];

		r = vcpu_state_restore(vcpus->config.vm, vcpu->fd,
				       vcpu->power_on, err);
		if (r < 0)
			return moat_fail_prefix(
				err, r, "vCPU %u cannot be reset", vcpu->id);
	}
	return 0;
}

/* ---- starting and stopping ---- */

static void set_want(struct vcpus *vcpus, enum vcpus_want want)
{
	(void)pthread_mutex_lock(&vcpus->lock);
	vcpus->want = want;
	(void)pthread_cond_broadcast(&vcpus->changed);
	(void)pthread_mutex_unlock(&vcpus->lock);
}

int vcpus_start(struct vcpus *vcpus, struct moat_err *err)
{
	int r;

	for (unsigned int i = 0; i < vcpus->config.n; i++) {
		struct vcpu *vcpu = &vcpus->vcpu[i];

		if (vcpu->has_thread)
			continue;
		r = thread_start(&vcpu->thread, vcpu_main, vcpu);
		if (r < 0)
			return moat_fail(err, r, "no thread for vCPU %u: %s", i,
					 strerror(-r));
		vcpu->has_thread = true;
	}
	set_want(vcpus, WANT_RUN);
	return 0;
}

void vcpus_stop(struct vcpus *vcpus)
{
	unsigned int n_threads = 0;

	(void)pthread_mutex_lock(&vcpus->lock);
	vcpus->want = WANT_STOP;
	(void)pthread_cond_broadcast(&vcpus->changed);
	for (unsigned int i = 0; i < vcpus->config.n; i++) {
		struct vcpu *vcpu = &vcpus->vcpu[i];

		if (!vcpu->has_thread)
			continue;
		n_threads++;
		interrupt(vcpu);
	}
	while (vcpus->n_stopped < n_threads)
		(void)pthread_cond_wait(&vcpus->changed, &vcpus->lock);
	(void)pthread_mutex_unlock(&vcpus->lock);
}

int vcpus_death(struct vcpus *vcpus, struct moat_err *err)
{
	int r;

	(void)pthread_mutex_lock(&vcpus->lock);
	r = vcpus->death;
	if (r < 0 && err)
		*err = vcpus->death_err;
	(void)pthread_mutex_unlock(&vcpus->lock);
	return r;
}

void vcpus_destroy(struct vcpus *vcpus)
{
	if (!vcpus)
		return;
	vcpu_work_set_kick(vcpus->config.work, NULL, NULL);
	vcpus_stop(vcpus);
	set_want(vcpus, WANT_END);
	for (unsigned int i = 0; i < vcpus->config.n; i++)
		if (vcpus->vcpu[i].has_thread)
			(void)pthread_join(vcpus->vcpu[i].thread, NULL);
	for (unsigned int i = 0; i < vcpus->config.n; i++)
		destroy_vcpu(&vcpus->vcpu[i]);
	(void)pthread_cond_destroy(&vcpus->changed);
	(void)pthread_mutex_destroy(&vcpus->lock);
	free(vcpus);
}
