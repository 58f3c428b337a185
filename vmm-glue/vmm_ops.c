// SPDX-License-Identifier: GPL-2.0-or-later
/* struct moat_vmm_ops on KVM: each call goes to the VM or to a bus. */
#include <errno.h>

#include "vmm-glue/layout.h"
#include "vmm-glue/placing.h"
#include "vmm-glue/vmm_ops.h"

#define MSI_LOGICAL (1u << 2)

static int map_memory(void *vmm, uint64_t gpa, uint64_t len, void *host,
		      unsigned int *ret_handle)
{
	struct vmm_place *place = vmm;

	if (len == 0 || gpa + len - 1 < gpa)
		return -EINVAL;
	if (layout_is_platform(place->layout, gpa, gpa + len - 1))
		return -EEXIST;
	return kvm_vm_map(place->vm, gpa, len, host, ret_handle);
}

static void unmap_memory(void *vmm, unsigned int handle)
{
	struct vmm_place *place = vmm;

	kvm_vm_unmap(place->vm, handle);
}

static struct iobus *bus_of(struct vmm_place *place,
			    const struct moat_trap *trap)
{
	return trap->space == MOAT_TRAP_PIO ? place->pio : place->mmio;
}

static int trap_range(void *vmm, const struct moat_trap *trap)
{
	struct vmm_place *place = vmm;

	/* The bus knows its own devices, but not those inside KVM. */
	if (trap->space == MOAT_TRAP_MMIO &&
	    layout_is_platform(place->layout, trap->first, trap->last))
		return -EEXIST;
	return iobus_add(bus_of(place, trap), trap);
}

static void untrap_range(void *vmm, const struct moat_trap *trap)
{
	iobus_remove(bus_of(vmm, trap), trap);
}

static int intx_connect(void *vmm, unsigned int pin, int trigger_fd,
			int resample_fd)
{
	struct vmm_place *place = vmm;

	return kvm_vm_irqfd(place->vm, pci_host_intx_gsi(place->slot, pin),
			    trigger_fd, resample_fd);
}

static void intx_disconnect(void *vmm, unsigned int pin, int trigger_fd)
{
	struct vmm_place *place = vmm;

	kvm_vm_irqfd_remove(place->vm, pci_host_intx_gsi(place->slot, pin),
			    trigger_fd);
}

static int msi_connect(void *vmm, int trigger_fd,
		       const struct moat_msi_msg *msg, unsigned int *ret_route)
{
	struct vmm_place *place = vmm;

	return kvm_vm_msi_connect(place->vm, place, trigger_fd, msg, ret_route);
}

static int msi_update(void *vmm, unsigned int route,
		      const struct moat_msi_msg *msg)
{
	struct vmm_place *place = vmm;

	return kvm_vm_msi_update(place->vm, route, msg);
}

static void msi_disconnect(void *vmm, unsigned int route)
{
	struct vmm_place *place = vmm;

	kvm_vm_msi_disconnect(place->vm, route);
}

static int msi_commit(void *vmm)
{
	struct vmm_place *place = vmm;
	int r = kvm_vm_msi_commit(place->vm, place);

	if (r == 0)
		place->msi_changed(place);
	return r;
}

static int work_add(void *vmm, const struct moat_vcpu_work *work)
{
	struct vmm_place *place = vmm;

	return vcpu_work_add(place->work, work);
}

static void work_run(void *vmm, const struct moat_vcpu_work *work)
{
	struct vmm_place *place = vmm;

	(void)work; /* it does no harm to run the others, too */
	vcpu_work_kick(place->work);
}

static void work_remove(void *vmm, const struct moat_vcpu_work *work)
{
	struct vmm_place *place = vmm;

	vcpu_work_remove(place->work, work);
}

static bool thread_begin(void *vmm)
{
	struct vmm_place *place = vmm;

	return placing_bind_device(place->placement, place->index);
}

/*
 * The vCPU that a message is for, of several the first; -1: not to be told.
 * In logical mode the destination is taken for a bit a vCPU, which is what
 * systems of up to eight processors set up; it is a hint only.
 * Source: Intel SDM volume 3, "Message Address Register Format".
 */
static int msi_vcpu(const struct moat_msi_msg *msg)
{
	uint32_t destination = msg->address >> 12 & 0xff;

	if (msg->address >> 20 != 0xfee || destination == 0xff)
		return -1;
	if (!(msg->address & MSI_LOGICAL))
		return (int)destination;
	return destination ? __builtin_ctz(destination) : -1;
}

/* vCPUs that share the CPUs of a node have its interrupts dealt among them. */
static int shared_cpu(const struct moat_placed_node *node, unsigned int vcpu)
{
	unsigned int n = moat_set_count(&node->cpus);
	int cpu;

	if (n == 0)
		return -1;
	cpu = moat_set_next(&node->cpus, 0);
	for (unsigned int i = 0; i < vcpu % n; i++)
		cpu = moat_set_next(&node->cpus, (unsigned int)cpu + 1);
	return cpu;
}

static int msi_cpu(void *vmm, const struct moat_msi_msg *msg)
{
	struct vmm_place *place = vmm;
	const struct moat_placement *p = place->placement;
	int vcpu = msi_vcpu(msg);
	const struct moat_placed_vcpu *placed;

	if (!p || vcpu < 0 || (unsigned int)vcpu >= p->n_vcpus)
		return -1;
	placed = &p->vcpu[vcpu];
	if (placed->cpu >= 0)
		return placed->cpu;
	return shared_cpu(&p->node[placed->node], (unsigned int)vcpu);
}

static void report_event(void *vmm, enum moat_event event, const char *detail)
{
	struct vmm_place *place = vmm;

	place->event(place, event, detail);
}

const struct moat_vmm_ops vmm_kvm_ops = {
	.map_memory = map_memory,
	.unmap_memory = unmap_memory,
	.trap = trap_range,
	.untrap = untrap_range,
	.intx_connect = intx_connect,
	.intx_disconnect = intx_disconnect,
	.msi_connect = msi_connect,
	.msi_update = msi_update,
	.msi_disconnect = msi_disconnect,
	.msi_commit = msi_commit,
	.vcpu_work_add = work_add,
	.vcpu_work_run = work_run,
	.vcpu_work_remove = work_remove,
	.thread_begin = thread_begin,
	.msi_cpu = msi_cpu,
	.event = report_event,
};
