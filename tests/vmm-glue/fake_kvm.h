/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A KVM in memory, behind struct kvm_sys. It remembers what it was asked for
 * and fails its nth call when told to, so that a test can see that nothing
 * is left behind.
 */
#ifndef MOAT_TESTS_FAKE_KVM_H
#define MOAT_TESTS_FAKE_KVM_H

#include <linux/kvm.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm-glue/kvm_sys.h"

#define FAKE_SLOTS   4
#define FAKE_ROUTES  512
#define FAKE_IRQFDS  64
#define FAKE_FILES   8
#define FAKE_VCPUS   4
#define FAKE_CPUID   128
#define FAKE_RUN_LEN 12288
#define FAKE_MSRS    300   /* more than KVM takes at once */
#define FAKE_MTRR    0x200 /* these are in no list, as KVM's are not */
#define FAKE_MTRRS   0x100

struct fake_vcpu {
	bool open, mapped;
	uint64_t run_page[FAKE_RUN_LEN / 8]; /* struct kvm_run */
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_mp_state mp_state;
	uint64_t msr[FAKE_MSRS];   /* by index in the fake's list */
	uint64_t mtrr[FAKE_MTRRS]; /* by number less FAKE_MTRR */
	struct kvm_cpuid_entry2 cpuid[FAKE_CPUID];
	uint32_t n_cpuid;
	/*
	 * What the guest does next: called as KVM_RUN, fills in the exit, or
	 * returns a negative errno. NULL: it sleeps until kicked.
	 */
	int (*guest)(struct fake_vcpu *vcpu, struct kvm_run *run);
	unsigned int n_runs;
};

struct fake_kvm {
	struct kvm_sys sys;
	pthread_mutex_t lock;

	/* The failure to come: when @fail_at counts down to 0. 0: none. */
	unsigned int fail_at;
	int fail_with; /* negative errno */
	unsigned int n_calls;
	/* Or this one request, always: */
	unsigned long fail_request;
	unsigned int fail_request_after; /* let so many pass first */

	int open_error;	      /* of /dev/kvm; negative errno */
	uint32_t refused_msr; /* neither read nor written; 0: none */
	long missing_cap;     /* a capability that is not there; -1: none */
	int api_version;
	uint32_t n_supported; /* entries of supported CPUID */
	struct kvm_cpuid_entry2 supported[FAKE_CPUID];

	bool dev_open, vm_open, vfio_open;
	uint64_t identity_map, tss;
	bool irqchip, pit;
	unsigned int irqchips_set, pits_set;
	struct kvm_userspace_memory_region slot[FAKE_SLOTS];
	struct kvm_irq_routing_entry route[FAKE_ROUTES];
	uint32_t n_routes;
	unsigned int routings_set;
	struct kvm_irqfd irqfd[FAKE_IRQFDS];
	unsigned int n_irqfds;
	int vfio_file[FAKE_FILES];
	unsigned int n_vfio_files;
	struct kvm_irq_level line;
	struct fake_vcpu vcpu[FAKE_VCPUS];
};

void fake_kvm_init(struct fake_kvm *fake);

/* Is anything still open, mapped or allocated in the fake? */
bool fake_kvm_is_clean(const struct fake_kvm *fake);

/* The MSI message that GSI @gsi sends; NULL: it has no route. */
const struct kvm_irq_routing_msi *fake_kvm_msi(const struct fake_kvm *fake,
					       uint32_t gsi);

/* The GSI that @fd raises; -1: none. */
int fake_kvm_gsi_of(const struct fake_kvm *fake, int fd);

#endif /* MOAT_TESTS_FAKE_KVM_H */
