/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The KVM VM: /dev/kvm, the VM fd, memory slots, the in-kernel interrupt
 * controllers, GSI routes and irqfds, and KVM's VFIO device. One ioctl, one
 * wrapper; no policy here.
 *
 * Locking: @lock guards the slot bitmap, the route table and what was staged.
 */
#ifndef MOAT_VMM_KVM_VM_H
#define MOAT_VMM_KVM_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <moat/err.h>
#include <moat/vmm.h>

struct kvm_cpuid2;
struct kvm_sys;
struct kvm_vm;

/**
 * kvm_vm_create() - a VM with in-kernel PIC, I/O APIC, local APICs and PIT
 * @sys: NULL: the kernel; else a test's fake
 *
 * Checks the API version and every capability that moat needs; the TSS and
 * identity map addresses are set (Intel needs them). Return: 0, or a
 * negative errno with what is missing and what to do in @err.
 */
int kvm_vm_create(const struct kvm_sys *sys, struct kvm_vm **ret_vm,
		  struct moat_err *err);
void kvm_vm_destroy(struct kvm_vm *vm);

/** kvm_vm_phys_bits() - the guest's physical address width */
unsigned int kvm_vm_phys_bits(const struct kvm_vm *vm);

/**
 * kvm_vm_map() - give guest memory a slot
 * @gpa, @len, @host: multiples of the page size
 * Return: 0 and the slot, -ENOSPC when there is no slot left, -EEXIST when
 * it overlaps another slot, or KVM's errno.
 */
int kvm_vm_map(struct kvm_vm *vm, uint64_t gpa, uint64_t len, void *host,
	       unsigned int *ret_slot);
void kvm_vm_unmap(struct kvm_vm *vm, unsigned int slot);

/** kvm_vm_irq_line() - drive an I/O APIC/PIC input */
int kvm_vm_irq_line(struct kvm_vm *vm, unsigned int gsi, bool level);

/** kvm_vm_irqfd() - eventfd to GSI; @resample_fd -1 for edge */
int kvm_vm_irqfd(struct kvm_vm *vm, unsigned int gsi, int fd, int resample_fd);
void kvm_vm_irqfd_remove(struct kvm_vm *vm, unsigned int gsi, int fd);

/*
 * MSI routes, noted and committed: moat/vmm.h says how. The notes are kept
 * by @owner (an assigned device), so that devices do not commit or forget
 * what another one has noted half of.
 */
int kvm_vm_msi_connect(struct kvm_vm *vm, const void *owner, int fd,
		       const struct moat_msi_msg *msg, unsigned int *ret_route);
int kvm_vm_msi_update(struct kvm_vm *vm, unsigned int route,
		      const struct moat_msi_msg *msg);
void kvm_vm_msi_disconnect(struct kvm_vm *vm, unsigned int route);
int kvm_vm_msi_commit(struct kvm_vm *vm, const void *owner);

/**
 * kvm_vm_reset_irqchips() - PIC, I/O APIC and PIT as at power-on
 *
 * No vCPU may run. Local APICs are their vCPU's.
 */
int kvm_vm_reset_irqchips(struct kvm_vm *vm, struct moat_err *err);

/*
 * KVM's VFIO device: told which VFIO files (groups, device cdevs) are this
 * guest's. Fits struct moat_ioas_hooks with the VM as opaque.
 * Source: Linux Documentation/virt/kvm/devices/vfio.rst.
 */
int kvm_vm_vfio_file_added(void *vm, int fd, struct moat_err *err);
void kvm_vm_vfio_file_removed(void *vm, int fd);

/** kvm_vm_fd() - for vcpu.c, which creates vCPUs from it */
int kvm_vm_fd(const struct kvm_vm *vm);

/** kvm_vm_sys() - the kernel, or the test's fake */
const struct kvm_sys *kvm_vm_sys(const struct kvm_vm *vm);

/** kvm_vm_check() - KVM_CHECK_EXTENSION: 0 when absent, else its value */
int kvm_vm_check(const struct kvm_vm *vm, long cap);

/** kvm_vm_dev_fd() - /dev/kvm, for the ioctls that are asked of it */
int kvm_vm_dev_fd(const struct kvm_vm *vm);

/** kvm_vm_vcpu_mmap_size() - of struct kvm_run and what follows it */
size_t kvm_vm_vcpu_mmap_size(const struct kvm_vm *vm);

/** kvm_vm_cpuid() - what KVM supports; owned by @vm */
const struct kvm_cpuid2 *kvm_vm_cpuid(const struct kvm_vm *vm);

#endif /* MOAT_VMM_KVM_VM_H */
