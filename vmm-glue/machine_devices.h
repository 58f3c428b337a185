/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine's assigned devices: -pcidevice's strings become specs, specs
 * become open devices (each in a thread of its own, since the kernel waits
 * 100 ms for a device's reset), and those are plugged into the guest.
 */
#ifndef MOAT_VMM_MACHINE_DEVICES_H
#define MOAT_VMM_MACHINE_DEVICES_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

#include <moat/device.h>
#include <moat/ioas.h>

#include "vmm-glue/guard.h"
#include "vmm-glue/options.h"
#include "vmm-glue/placing.h"
#include "vmm-glue/platform.h"
#include "vmm-glue/vmm_ops.h"

struct machine_devices;

/**
 * machine_devices_parse() - read and check every -pcidevice
 *
 * Touches nothing: reads sysfs only. A device that is given twice, or that
 * could not be assigned now, is an error.
 */
int machine_devices_parse(const struct run_options *opts,
			  struct machine_devices **ret_devices,
			  struct moat_err *err);

/** machine_devices_places() - put them into what placing is planned from */
void machine_devices_places(const struct machine_devices *devices,
			    struct placing_config *config);

/** machine_devices_count() - those with @dma */
size_t machine_devices_count(const struct machine_devices *devices,
			     enum moat_dma_mode dma);

/** machine_devices_files() - those that came open; NULL: none did */
struct moat_ioas_files *machine_devices_files(struct machine_devices *devices);

/**
 * machine_devices_open_start() - begin to open all of them
 * @fence, @bypass: for those with dma=iommu, and with dma=none
 * @cancelled:	    asked, with @opaque, where a device waits for another
 */
int machine_devices_open_start(struct machine_devices *devices,
			       struct moat_ioas *fence,
			       struct moat_ioas *bypass,
			       bool (*cancelled)(void *opaque), void *opaque,
			       struct moat_err *err);

/**
 * machine_devices_open_wait() - wait until all are open
 *
 * Return: 0, or the first device's error. Harmless when nothing was begun.
 */
int machine_devices_open_wait(struct machine_devices *devices,
			      struct moat_err *err);

/**
 * machine_devices_guard() - have those with dma=none stopped should we die
 * @guard: NULL when there are none; it stays until they are closed
 */
int machine_devices_guard(struct machine_devices *devices, struct guard *guard,
			  struct moat_err *err);

/** machine_devices_plug() - connect all of them; @place says to what */
int machine_devices_plug(struct machine_devices *devices,
			 const struct vmm_place *place, struct pci_host *host,
			 struct moat_err *err);

/**
 * machine_devices_arm() - guest RAM is mapped: bus mastering may be on
 *
 * All devices are plugged. A vCPU that turned on bus mastering goes on now;
 * from any thread.
 */
void machine_devices_arm(struct machine_devices *devices);

/**
 * machine_devices_leave_unarmed() - guest RAM will never be mapped
 *
 * A vCPU that turned on bus mastering goes on, and the device without it.
 */
void machine_devices_leave_unarmed(struct machine_devices *devices);

/**
 * machine_devices_slots() - what is plugged in where, for the ACPI tables
 * @slots: room for OPT_LIST_MAX
 * Return: how many; none before they are plugged.
 */
size_t machine_devices_slots(const struct machine_devices *devices,
			     struct acpi_slot slots[OPT_LIST_MAX]);

/* As many fds as there can be devices, for poll(2). */
#define MACHINE_DEVICES_FDS OPT_LIST_MAX

/**
 * machine_devices_fds() - what to poll for news of the devices
 * @fds: an entry for each device, which poll(2) skips when it has none
 * Return: how many entries. Then machine_devices_take_events().
 */
size_t machine_devices_fds(const struct machine_devices *devices,
			   struct pollfd fds[MACHINE_DEVICES_FDS]);

/**
 * machine_devices_place_irqs() - follow the guest's interrupts
 *
 * Their host interrupts go to the CPUs of the vCPUs that take them.
 * Return: false when a device was busy; then it is to be called again.
 */
bool machine_devices_place_irqs(struct machine_devices *devices);

/** machine_devices_take_events() - have each device report its news */
void machine_devices_take_events(struct machine_devices *devices);

/** machine_devices_can_go() - shall the guest go on without it? No lock. */
bool machine_devices_can_go(const struct vmm_place *place);

/**
 * machine_devices_give_up() - something is wrong with a device that can go
 *
 * Then machine_devices_withdraw() has work. From any thread, takes no lock.
 * Return: true the first time.
 */
bool machine_devices_give_up(struct vmm_place *place);

/** machine_devices_withdraw() - take away the devices that were given up */
void machine_devices_withdraw(struct machine_devices *devices);

/** machine_devices_hurry() - the machine is ending: wait for no reset long */
void machine_devices_hurry(struct machine_devices *devices);

/** machine_devices_name() - whose place it is, for messages */
const char *machine_devices_name(const struct vmm_place *place);

/** machine_devices_close() - wait, then close all; NULL is fine */
void machine_devices_close(struct machine_devices *devices);

#endif /* MOAT_VMM_MACHINE_DEVICES_H */
