/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The vCPUs: one thread each around KVM_RUN. They run and stop together.
 *
 *	create -> set_entry -> start -> stop -> [reset -> set_entry -> start]
 *	-> destroy
 *
 * Locking: one mutex guards whether they shall run and how many do not. All
 * functions are for the thread that made them, never for a vCPU's.
 */
#ifndef MOAT_VMM_VCPU_H
#define MOAT_VMM_VCPU_H

#include <stdbool.h>

#include <moat/err.h>

#include "vmm-glue/boot.h"
#include "vmm-glue/iobus.h"
#include "vmm-glue/kvm_vm.h"
#include "vmm-glue/platform.h"
#include "vmm-glue/vcpu_work.h"

struct vcpus;

struct vcpus_config {
	struct kvm_vm *vm;
	const struct layout *layout; /* read while they are made */
	struct iobus *mmio, *pio;
	struct vcpu_work *work; /* what each thread does before it runs */
	unsigned int n;		/* their APIC ids are 0 to n - 1 */
	const char *name;	/* the guest's, for thread names */
	const struct moat_placement *placement; /* NULL: threads run anywhere */
	bool resettable;		/* keep what vcpus_reset() needs */
	const struct platform_ops *ops; /* request() is called */
	/* A vCPU met its end; called once, from its thread. */
	void (*died)(void *opaque);
};

/** vcpus_check_number() - -EINVAL when the host's KVM has not @n vCPUs */
int vcpus_check_number(struct kvm_vm *vm, unsigned int n, struct moat_err *err);

/** vcpus_create() - make the vCPUs, in the state they have at power-on */
int vcpus_create(const struct vcpus_config *config, struct vcpus **ret_vcpus,
		 struct moat_err *err);

/** vcpus_set_entry() - the first vCPU starts here; the others wait for it */
int vcpus_set_entry(struct vcpus *vcpus, const struct boot_entry *entry,
		    struct moat_err *err);

/** vcpus_start() - let all of them run */
int vcpus_start(struct vcpus *vcpus, struct moat_err *err);

/**
 * vcpus_stop() - get all of them out of the guest and keep them out
 *
 * When it returns none is in the guest or in a handler of an exit, and
 * what a handler returned has reached the guest's registers.
 */
void vcpus_stop(struct vcpus *vcpus);

/** vcpus_reset() - as after vcpus_create(); they must be stopped */
int vcpus_reset(struct vcpus *vcpus, struct moat_err *err);

/** vcpus_death() - why one died; 0 when none did */
int vcpus_death(struct vcpus *vcpus, struct moat_err *err);

/** vcpus_destroy() - stop them and end their threads; NULL is fine */
void vcpus_destroy(struct vcpus *vcpus);

#endif /* MOAT_VMM_VCPU_H */
