// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The VM itself: /dev/kvm, what it can do, and the memory slots. Interrupts
 * are in kvm_irq.c, KVM's VFIO device in kvm_vfio.c.
 *
 * A slot is KVM's name for a piece of guest memory. The kernel refuses
 * overlapping slots with the same -EEXIST that a busy slot number gets, so
 * overlap is found here first.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <moat/log.h>

#include "common/util.h"
#include "vmm-glue/kvm_vm_internal.h"
#include "vmm-glue/layout.h"

#define KVM_DEVICE "/dev/kvm"

/* Slots of a kernel that does not say how many it has: 2.6.x's number. */
#define MEMSLOTS_DEFAULT 32

/* Entries to ask for first; grown while the kernel has more. */
#define CPUID_FIRST 100
#define CPUID_MOST  4096

static const struct {
	long cap;
	const char *what;
} needed_caps[] = {
	{ KVM_CAP_USER_MEMORY, "user memory regions" },
	{ KVM_CAP_DESTROY_MEMORY_REGION_WORKS, "removal of memory regions" },
	{ KVM_CAP_SET_TSS_ADDR, "KVM_SET_TSS_ADDR" },
	{ KVM_CAP_SET_IDENTITY_MAP_ADDR, "KVM_SET_IDENTITY_MAP_ADDR" },
	{ KVM_CAP_IRQCHIP, "in-kernel interrupt controllers" },
	{ KVM_CAP_PIT2, "an in-kernel timer chip" },
	{ KVM_CAP_PIT_STATE2, "KVM_SET_PIT2" },
	{ KVM_CAP_IRQ_ROUTING, "interrupt routing" },
	{ KVM_CAP_IRQFD, "irqfd" },
	{ KVM_CAP_IRQFD_RESAMPLE, "irqfd with resample" },
	{ KVM_CAP_MP_STATE, "KVM_SET_MP_STATE" },
	{ KVM_CAP_EXT_CPUID, "KVM_GET_SUPPORTED_CPUID" },
	{ KVM_CAP_IMMEDIATE_EXIT, "immediate_exit" },
	{ KVM_CAP_XSAVE, "KVM_SET_XSAVE" },
	{ KVM_CAP_VCPU_EVENTS, "KVM_SET_VCPU_EVENTS" },
	{ KVM_CAP_DEBUGREGS, "KVM_SET_DEBUGREGS" },
};

int kvm_vm_check(const struct kvm_vm *vm, long cap)
{
	int r = kvm_sys_ioctl_value(vm->sys, vm->kvm_fd, KVM_CHECK_EXTENSION,
				    (uintptr_t)cap);

	return r < 0 ? 0 : r;
}

static int open_error(int r, struct moat_err *err)
{
	switch (r) {
	case -ENOENT:
	case -ENODEV:
	case -ENXIO:
		return moat_fail(
			err, r,
			"cannot open " KVM_DEVICE ": %s; load kvm_intel "
			"or kvm_amd (modprobe), and if that fails turn "
			"virtualization (VT-x, SVM) on in the firmware",
			strerror(-r));
	case -EACCES:
	case -EPERM:
		return moat_fail(err, r,
				 "cannot open " KVM_DEVICE
				 ": %s; run as root or "
				 "be a member of the group kvm",
				 strerror(-r));
	default:
		return moat_fail(err, r, "cannot open " KVM_DEVICE ": %s",
				 strerror(-r));
	}
}

static int open_kvm(struct kvm_vm *vm, struct moat_err *err)
{
	int r;

	r = vm->sys->open(vm->sys->opaque, KVM_DEVICE);
	if (r < 0)
		return open_error(r, err);
	vm->kvm_fd = r;
	r = kvm_sys_ioctl(vm->sys, vm->kvm_fd, KVM_GET_API_VERSION, NULL);
	if (r != KVM_API_VERSION) {
		r = moat_fail(err, r < 0 ? r : -EPROTO,
			      KVM_DEVICE " speaks API version %d, moat %d; is "
					 "it KVM's?",
			      r, KVM_API_VERSION);
		goto close_fd;
	}
	for (size_t i = 0; i < ARRAY_SIZE(needed_caps); i++)
		if (kvm_vm_check(vm, needed_caps[i].cap) <= 0) {
			r = moat_fail(err, -ENOTSUP,
				      "the host's KVM lacks %s; moat needs "
				      "Linux 6.1 or later on x86-64",
				      needed_caps[i].what);
			goto close_fd;
		}
	return 0;
close_fd:
	vm->sys->close(vm->sys->opaque, vm->kvm_fd);
	return r;
}

/* A signal during creation is not an error: KVM_CREATE_VM may say -EINTR. */
static int create_vm(struct kvm_vm *vm, struct moat_err *err)
{
	int r;

	do {
		r = kvm_sys_ioctl(vm->sys, vm->kvm_fd, KVM_CREATE_VM, NULL);
	} while (r == -EINTR);
	if (r == -EBUSY)
		return moat_fail(err, r,
				 "cannot create a virtual machine: another "
				 "hypervisor holds the processor's "
				 "virtualization; stop it first");
	if (r < 0)
		return moat_fail(err, r,
				 "cannot create a virtual machine: %s "
				 "(KVM_CREATE_VM)",
				 strerror(-r));
	vm->fd = r;
	return 0;
}

/*
 * Intel needs a page for the identity map and three for a TSS in guest
 * physical memory; AMD ignores both. Before any vCPU is created.
 * Source: Linux Documentation/virt/kvm/api.rst 4.8 and 4.41.
 */
static int set_intel_pages(struct kvm_vm *vm, struct moat_err *err)
{
	uint64_t identity = LAYOUT_IDENTITY_MAP;
	int r;

	r = vm_ioctl(vm, KVM_SET_IDENTITY_MAP_ADDR, &identity);
	if (r < 0)
		return moat_fail(err, r, "KVM_SET_IDENTITY_MAP_ADDR: %s",
				 strerror(-r));
	r = kvm_sys_ioctl_value(vm->sys, vm->fd, KVM_SET_TSS_ADDR, LAYOUT_TSS);
	if (r < 0)
		return moat_fail(err, r, "KVM_SET_TSS_ADDR: %s", strerror(-r));
	return 0;
}

static int read_cpuid(struct kvm_vm *vm, struct moat_err *err)
{
	struct kvm_cpuid2 *cpuid = NULL, *bigger;
	uint32_t n;
	int r = -E2BIG;

	for (n = CPUID_FIRST; r == -E2BIG && n <= CPUID_MOST; n *= 2) {
		bigger = realloc(cpuid, sizeof(*cpuid) +
						n * sizeof(cpuid->entries[0]));
		if (!bigger) {
			r = -ENOMEM;
			break;
		}
		cpuid = bigger;
		memset(cpuid, 0, sizeof(*cpuid));
		cpuid->nent = n;
		r = kvm_sys_ioctl(vm->sys, vm->kvm_fd, KVM_GET_SUPPORTED_CPUID,
				  cpuid);
	}
	if (r < 0) {
		free(cpuid);
		return moat_fail(err, r, "KVM_GET_SUPPORTED_CPUID: %s",
				 strerror(-r));
	}
	vm->cpuid = cpuid;
	return 0;
}

static int read_sizes(struct kvm_vm *vm, struct moat_err *err)
{
	int r;

	r = kvm_sys_ioctl(vm->sys, vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, NULL);
	if (r >= 0 && (size_t)r < sizeof(struct kvm_run))
		r = -EPROTO;
	if (r < 0)
		return moat_fail(err, r, "KVM_GET_VCPU_MMAP_SIZE: %s",
				 strerror(-r));
	vm->vcpu_mmap_size = (size_t)r;
	r = kvm_vm_check(vm, KVM_CAP_NR_MEMSLOTS);
	vm->max_slots = r > 0 ? (unsigned int)r : MEMSLOTS_DEFAULT;
	return 0;
}

int kvm_vm_create(const struct kvm_sys *sys, struct kvm_vm **ret_vm,
		  struct moat_err *err)
{
	struct kvm_vm *vm;
	int r;

	vm = calloc(1, sizeof(*vm));
	if (!vm)
		return moat_fail(err, -ENOMEM, "out of memory");
	vm->sys = sys ? sys : &kvm_sys_kernel;
	vm->vfio_fd = -1;
	r = -pthread_mutex_init(&vm->lock, NULL);
	if (r < 0) {
		(void)moat_fail(err, r, "out of memory");
		goto free_vm;
	}
	r = open_kvm(vm, err);
	if (r < 0)
		goto destroy_lock;
	r = read_sizes(vm, err);
	if (r < 0)
		goto close_kvm;
	r = read_cpuid(vm, err);
	if (r < 0)
		goto close_kvm;
	r = create_vm(vm, err);
	if (r < 0)
		goto free_cpuid;
	r = set_intel_pages(vm, err);
	if (r < 0)
		goto close_vm;
	r = kvm_irq_init(vm, err);
	if (r < 0)
		goto close_vm;
	*ret_vm = vm;
	return 0;
close_vm:
	vm->sys->close(vm->sys->opaque, vm->fd);
free_cpuid:
	free(vm->cpuid);
close_kvm:
	vm->sys->close(vm->sys->opaque, vm->kvm_fd);
destroy_lock:
	(void)pthread_mutex_destroy(&vm->lock);
free_vm:
	free(vm);
	return r;
}

void kvm_vm_destroy(struct kvm_vm *vm)
{
	if (!vm)
		return;
	if (vm->vfio_fd >= 0)
		vm->sys->close(vm->sys->opaque, vm->vfio_fd);
	kvm_irq_fini(vm);
	free(vm->slot);
	vm->sys->close(vm->sys->opaque, vm->fd);
	free(vm->cpuid);
	vm->sys->close(vm->sys->opaque, vm->kvm_fd);
	(void)pthread_mutex_destroy(&vm->lock);
	free(vm);
}

/* A free slot number, growing the table if it must; -ENOSPC or -ENOMEM. */
static int find_free_slot(struct kvm_vm *vm, unsigned int *ret_slot)
{
	unsigned int n;
	struct kvm_slot *slot;

	for (unsigned int i = 0; i < vm->n_slots; i++)
		if (vm->slot[i].len == 0) {
			*ret_slot = i;
			return 0;
		}
	if (vm->n_slots >= vm->max_slots)
		return -ENOSPC;
	n = vm->n_slots ? vm->n_slots * 2 : 16;
	if (n > vm->max_slots)
		n = vm->max_slots;
	slot = realloc(vm->slot, n * sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	memset(slot + vm->n_slots, 0, (n - vm->n_slots) * sizeof(*slot));
	*ret_slot = vm->n_slots;
	vm->slot = slot;
	vm->n_slots = n;
	return 0;
}

static bool overlaps_slot(const struct kvm_vm *vm, uint64_t gpa, uint64_t len)
{
	for (unsigned int i = 0; i < vm->n_slots; i++) {
		const struct kvm_slot *slot = &vm->slot[i];

		if (slot->len &&
		    ranges_overlap(slot->gpa, slot->gpa + slot->len - 1, gpa,
				   gpa + len - 1))
			return true;
	}
	return false;
}

static int set_region(struct kvm_vm *vm, unsigned int slot, uint64_t gpa,
		      uint64_t len, void *host)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = gpa,
		.memory_size = len,
		.userspace_addr = (uintptr_t)host,
	};

	return vm_ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region);
}

int kvm_vm_map(struct kvm_vm *vm, uint64_t gpa, uint64_t len, void *host,
	       unsigned int *ret_slot)
{
	unsigned int slot;
	int r;

	if (len == 0 || gpa + len - 1 < gpa)
		return -EINVAL;
	(void)pthread_mutex_lock(&vm->lock);
	if (overlaps_slot(vm, gpa, len)) {
		r = -EEXIST;
		goto unlock;
	}
	r = find_free_slot(vm, &slot);
	if (r < 0)
		goto unlock;
	r = set_region(vm, slot, gpa, len, host);
	if (r < 0)
		goto unlock;
	vm->slot[slot] = (struct kvm_slot) { .gpa = gpa, .len = len };
	*ret_slot = slot;
	r = 0;
unlock:
	(void)pthread_mutex_unlock(&vm->lock);
	return r;
}

void kvm_vm_unmap(struct kvm_vm *vm, unsigned int slot)
{
	int r;

	(void)pthread_mutex_lock(&vm->lock);
	if (slot < vm->n_slots && vm->slot[slot].len) {
		r = set_region(vm, slot, vm->slot[slot].gpa, 0, NULL);
		/* Then the kernel still has it, so the number stays taken. */
		if (r < 0)
			log_err("KVM does not let go of memory slot %u: %s",
				slot, strerror(-r));
		else
			vm->slot[slot].len = 0;
	}
	(void)pthread_mutex_unlock(&vm->lock);
}

unsigned int kvm_vm_phys_bits(const struct kvm_vm *vm)
{
	/* Without the leaf a processor has 36: SDM vol. 3A, section 4.1.4. */
	unsigned int bits = 36;

	for (uint32_t i = 0; i < vm->cpuid->nent; i++)
		if (vm->cpuid->entries[i].function == 0x80000008)
			bits = vm->cpuid->entries[i].eax & 0xff;
	return bits;
}

int kvm_vm_fd(const struct kvm_vm *vm)
{
	return vm->fd;
}

int kvm_vm_dev_fd(const struct kvm_vm *vm)
{
	return vm->kvm_fd;
}

const struct kvm_sys *kvm_vm_sys(const struct kvm_vm *vm)
{
	return vm->sys;
}

size_t kvm_vm_vcpu_mmap_size(const struct kvm_vm *vm)
{
	return vm->vcpu_mmap_size;
}

const struct kvm_cpuid2 *kvm_vm_cpuid(const struct kvm_vm *vm)
{
	return vm->cpuid;
}
