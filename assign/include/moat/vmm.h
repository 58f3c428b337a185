/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the assignment engine asks of a virtual machine monitor.
 *
 * One table of functions and one pointer per assigned device: the pointer
 * stands for the place in the guest where the device is plugged. vmm-glue/
 * implements the table on KVM, the unit tests in memory.
 *
 * A program that is no VMM, but drives a device itself, implements the table
 * too: map_memory() hands it the BAR, msi_connect() an eventfd to wait for,
 * and accesses of what cannot be mapped go through the trap's functions. It
 * refuses what it has no use for (intx_connect() with -EOPNOTSUPP) and plays
 * the guest by moat_device_config_write(). docs/examples/edu-dma.c does.
 *
 * Locking: the engine calls these with the device's lock held, from whatever
 * thread wrote the config space or the BAR. So an implementation may take
 * its own locks, but must hold none of them while it calls into the engine.
 */
#ifndef MOAT_VMM_H
#define MOAT_VMM_H

#include <stdbool.h>
#include <stdint.h>

#include <moat/err.h>

#ifdef __cplusplus
extern "C" {
#endif

enum moat_trap_space {
	MOAT_TRAP_MMIO,
	MOAT_TRAP_PIO,
};

/*
 * A range of guest addresses whose accesses come to the engine. The struct
 * belongs to the engine and stays put from trap() to untrap(). A read
 * returns the value in the low @size bytes; @offset is from @first.
 * @size is 1, 2, 4 or 8 and the access lies inside the range.
 * An access that was under way when untrap() was called may still arrive.
 */
struct moat_trap {
	enum moat_trap_space space;
	uint64_t first;
	uint64_t last; /* inclusive */
	uint64_t (*read)(void *opaque, uint64_t offset, unsigned int size);
	void (*write)(void *opaque, uint64_t offset, unsigned int size,
		      uint64_t value);
	void *opaque;
};

/*
 * Something to do on every vCPU thread. The struct belongs to the engine and
 * stays put from vcpu_work_add() to vcpu_work_remove(). @run takes no lock and
 * does not block, so it may be called with locks held.
 */
struct moat_vcpu_work {
	void (*run)(void *opaque);
	void *opaque;
};

/* A message-signalled interrupt as the guest programmed it. */
struct moat_msi_msg {
	uint64_t address;
	uint32_t data;
};

/* Something happened to a device that only policy can answer. */
enum moat_event {
	MOAT_EVENT_DEVICE_ERROR,   /* the host reported an error of it (AER) */
	MOAT_EVENT_RELEASE_WANTED, /* the host asks for it back */
	MOAT_EVENT_DEVICE_LOST,	   /* it does not answer any more */
};

/*
 * A function may be NULL: without map_memory() a BAR is only trapped, without
 * trap() it is not seen, without intx_connect() or msi_connect() the device
 * has no such interrupts, and what the others would tell is not told.
 */
struct moat_vmm_ops {
	/**
	 * map_memory() - host memory (a BAR) appears at a guest address
	 * @gpa:  multiple of the host's page size, as are @len and @host
	 *
	 * The mapping takes precedence over a trap of the same range.
	 * Return: 0 and a handle; -ENOSPC when the hypervisor is out of
	 * slots: then the engine leaves the range to the trap; -EEXIST and
	 * others when the guest may not have a BAR there (RAM, another BAR,
	 * the platform's own addresses): then the BAR stays unmapped.
	 */
	int (*map_memory)(void *vmm, uint64_t gpa, uint64_t len, void *host,
			  unsigned int *ret_handle);
	void (*unmap_memory)(void *vmm, unsigned int handle);

	/**
	 * trap() - let accesses of a range come to @trap
	 * Return: 0, -EEXIST when it overlaps another trap or addresses of
	 * the platform, -ENOMEM.
	 */
	int (*trap)(void *vmm, const struct moat_trap *trap);
	void (*untrap)(void *vmm, const struct moat_trap *trap);

	/**
	 * intx_connect() - route the device's interrupt pin to the guest
	 * @pin:	 1 to 4 for INTA# to INTD#
	 * @trigger_fd:	 eventfd: signalled when the device asserts
	 * @resample_fd: eventfd: the VMM signals it at the guest's end of
	 *		 interrupt, and deasserts the line
	 */
	int (*intx_connect)(void *vmm, unsigned int pin, int trigger_fd,
			    int resample_fd);
	void (*intx_disconnect)(void *vmm, unsigned int pin, int trigger_fd);

	/*
	 * Message-signalled interrupts: an eventfd delivers a message to the
	 * guest. These three only note what is wanted; msi_commit() makes it
	 * so, all at once, since a hypervisor's routing table is replaced
	 * whole. When msi_commit() fails, what was noted since the last
	 * commit is forgotten, and the earlier state stands.
	 */
	int (*msi_connect)(void *vmm, int trigger_fd,
			   const struct moat_msi_msg *msg,
			   unsigned int *ret_route);
	int (*msi_update)(void *vmm, unsigned int route,
			  const struct moat_msi_msg *msg);
	void (*msi_disconnect)(void *vmm, unsigned int route);
	int (*msi_commit)(void *vmm);

	/**
	 * msi_cpu() - the host's CPU that is best interrupted for a message
	 *
	 * Asked by moat_device_place_irqs(), which see. Of a vCPU that may run
	 * on several it is one of these.
	 * Return: its number, or -1: any.
	 */
	int (*msi_cpu)(void *vmm, const struct moat_msi_msg *msg);

	/**
	 * vcpu_work_add() - have @work run on every vCPU thread
	 *
	 * On each that starts from now on, before it first enters the guest;
	 * and on those that run, after each vcpu_work_run(), before they
	 * enter the guest again: a vCPU that is in the guest has to leave
	 * it. Waits for none of them, since one may be waiting for the lock
	 * that the caller holds.
	 * All three or none; without them pio=direct is refused.
	 * Return: 0, -ENOSPC, -ENOMEM.
	 */
	int (*vcpu_work_add)(void *vmm, const struct moat_vcpu_work *work);
	void (*vcpu_work_run)(void *vmm, const struct moat_vcpu_work *work);
	/** vcpu_work_remove() - it runs nowhere when this returns */
	void (*vcpu_work_remove)(void *vmm, const struct moat_vcpu_work *work);

	/**
	 * thread_begin() - called by a thread that the engine has for the
	 * device, once, before it does anything for a vCPU
	 *
	 * It may bind itself to CPUs. Whoever plugs the device waits for it.
	 * Return: has it CPUs that no vCPU uses? If so it looks for work for
	 * a while before it sleeps, as does the vCPU that waits for it.
	 */
	bool (*thread_begin)(void *vmm);

	/**
	 * event() - report; the engine has no policy of its own
	 * @detail: what is known of it, a clause for a message
	 *
	 * The answer may be moat_device_withdraw(), from another place: the
	 * device's lock is held here.
	 */
	void (*event)(void *vmm, enum moat_event event, const char *detail);
};

#ifdef __cplusplus
}
#endif
#endif /* MOAT_VMM_H */
