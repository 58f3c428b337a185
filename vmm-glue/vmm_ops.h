/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the assignment engine asks of a VMM (moat/vmm.h), answered by KVM. */
#ifndef MOAT_VMM_VMM_OPS_H
#define MOAT_VMM_VMM_OPS_H

#include <moat/placement.h>
#include <moat/vmm.h>

#include "vmm-glue/iobus.h"
#include "vmm-glue/kvm_vm.h"
#include "vmm-glue/layout.h"
#include "vmm-glue/pci_host.h"
#include "vmm-glue/vcpu_work.h"

/*
 * The place of one assigned device in the guest: the engine's "vmm" pointer.
 * It outlives the device.
 */
struct vmm_place {
	struct kvm_vm *vm;
	const struct layout *layout;
	struct iobus *mmio, *pio;
	struct vcpu_work *work;
	const struct moat_placement *placement; /* NULL: nothing is placed */
	size_t index;				/* of the device there */
	struct pci_slot slot; /* known once it is plugged into the PCI host */
	/* Called from any thread, with the device's lock held. */
	void (*event)(struct vmm_place *place, enum moat_event event,
		      const char *detail);
	/* The messages that the guest wants are others now; the same. */
	void (*msi_changed)(struct vmm_place *place);
	void *opaque; /* for both */
};

extern const struct moat_vmm_ops vmm_kvm_ops;

#endif /* MOAT_VMM_VMM_OPS_H */
