/* SPDX-License-Identifier: GPL-2.0-or-later */
/* struct kvm_vm, shared by kvm_vm.c, kvm_irq.c and kvm_vfio.c only. */
#ifndef MOAT_VMM_KVM_VM_INTERNAL_H
#define MOAT_VMM_KVM_VM_INTERNAL_H

#include <linux/kvm.h>
#include <pthread.h>

#include "vmm-glue/kvm_sys.h"
#include "vmm-glue/kvm_vm.h"

/* One memory slot; @len 0: free. */
struct kvm_slot {
	uint64_t gpa, len;
};

/*
 * One MSI route, GSI LAYOUT_GSI_MSI + its index. What KVM has and what the
 * owner wants differ between the notes and the commit. Free when neither.
 */
struct kvm_route_state {
	bool used;
	int fd;
	struct moat_msi_msg msg;
};

struct kvm_route {
	const void *owner;
	struct kvm_route_state live, wanted;
};

/* The in-kernel interrupt controllers and timer as they were at power-on. */
struct kvm_irqchips {
	struct kvm_irqchip chip[3];
	struct kvm_pit_state2 pit;
};

struct kvm_vm {
	const struct kvm_sys *sys;
	int kvm_fd; /* /dev/kvm */
	int fd;
	struct kvm_cpuid2 *cpuid;
	size_t vcpu_mmap_size;

	pthread_mutex_t lock; /* guards all that follows */
	struct kvm_slot *slot;
	unsigned int n_slots, max_slots; /* allocated, allowed */
	struct kvm_route *route;
	unsigned int n_routes, max_routes;
	struct kvm_irqchips irqchips;
	int vfio_fd; /* KVM's VFIO device; -1 until the first file */
};

static inline int vm_ioctl(struct kvm_vm *vm, unsigned long request, void *arg)
{
	return kvm_sys_ioctl(vm->sys, vm->fd, request, arg);
}

/* kvm_irq.c: what kvm_vm_create() and kvm_vm_destroy() need of it. */
int kvm_irq_init(struct kvm_vm *vm, struct moat_err *err);
void kvm_irq_fini(struct kvm_vm *vm);

#endif /* MOAT_VMM_KVM_VM_INTERNAL_H */
