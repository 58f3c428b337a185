/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One vCPU's registers: what it is told about itself (CPUID), its state at
 * power-on, kept so that a reset can put it back, and the state in which a
 * kernel is entered. vcpu.c's own, apart because it is about registers only.
 */
#ifndef MOAT_VMM_VCPU_STATE_H
#define MOAT_VMM_VCPU_STATE_H

#include <linux/kvm.h>
#include <stdbool.h>

#include <moat/err.h>

#include "vmm-glue/boot.h"
#include "vmm-glue/kvm_vm.h"

struct vcpu_state;

/**
 * vcpu_cpuid_build() - what one of @n vCPUs of a package reads with CPUID
 * @supported:	  what KVM can do
 * @tsc_deadline: KVM's local APIC has the TSC deadline timer
 *
 * A package of @n cores with one thread each. The caller frees it.
 * Return: 0 or -ENOMEM.
 */
int vcpu_cpuid_build(const struct kvm_cpuid2 *supported, unsigned int apic_id,
		     unsigned int n, bool tsc_deadline,
		     struct kvm_cpuid2 **ret_cpuid);

/**
 * vcpu_state_init() - CPUID and MSRs as firmware would leave them
 * @n: vCPUs in its package, whose APIC ids are alike but in the low bits
 */
int vcpu_state_init(struct kvm_vm *vm, int fd, unsigned int apic_id,
		    unsigned int n, const struct layout *layout,
		    struct moat_err *err);

/** vcpu_state_save() - read all that a guest can change */
int vcpu_state_save(struct kvm_vm *vm, int fd, struct vcpu_state **ret_state,
		    struct moat_err *err);

/** vcpu_state_restore() - put it back */
int vcpu_state_restore(struct kvm_vm *vm, int fd, struct vcpu_state *state,
		       struct moat_err *err);

void vcpu_state_free(struct vcpu_state *state);

/** vcpu_state_enter() - 64-bit mode with paging, at @entry */
int vcpu_state_enter(struct kvm_vm *vm, int fd, const struct boot_entry *entry,
		     struct moat_err *err);

#endif /* MOAT_VMM_VCPU_STATE_H */
