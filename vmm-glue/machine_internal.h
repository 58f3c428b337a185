/* SPDX-License-Identifier: GPL-2.0-or-later */
/* struct machine, shared by machine*.c only. */
#ifndef MOAT_VMM_MACHINE_INTERNAL_H
#define MOAT_VMM_MACHINE_INTERNAL_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

#include <moat/ioas.h>

#include "vmm-glue/boot.h"
#include "vmm-glue/guard.h"
#include "vmm-glue/iobus.h"
#include "vmm-glue/kvm_vm.h"
#include "vmm-glue/layout.h"
#include "vmm-glue/machine.h"
#include "vmm-glue/machine_devices.h"
#include "vmm-glue/pci_host.h"
#include "vmm-glue/placing.h"
#include "vmm-glue/platform.h"
#include "vmm-glue/ram.h"
#include "vmm-glue/vcpu.h"
#include "vmm-glue/vcpu_work.h"

/* What other threads ask of the main thread; bits of @requests. */
enum machine_request_bit {
	REQUEST_POWEROFF = 1u << 0,
	REQUEST_RESET = 1u << 1,
	REQUEST_QUIT = 1u << 2,
	REQUEST_VCPU_DIED = 1u << 3,
	REQUEST_DEVICE_DIED = 1u << 4,
	REQUEST_TIMELINE = 1u << 5,
	REQUEST_WITHDRAW = 1u << 6,
	REQUEST_MEMORY_FAILED = 1u << 7,
	REQUEST_GUARD_DIED = 1u << 8,
};

/* Have the devices been plugged? No: some may not even be open. */
enum machine_plugging { PLUGGING, PLUGGED, NOT_PLUGGED };

/*
 * Populates guest RAM and maps it for the devices, beside all else: the guest
 * boots meanwhile, and only its turning on of a device's bus mastering waits.
 */
struct machine_memory {
	pthread_t thread;
	bool has_thread;
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t changed;
	bool populated; /* or failed to be */
	enum machine_plugging plugging;
	int error; /* 0: none so far */
	struct moat_err err;
};

struct machine {
	const struct kvm_sys *kvm_sys; /* NULL: the kernel */
	const struct run_options *opts;
	struct platform_ops platform_ops;
	struct layout layout;
	struct machine_devices *devices;
	struct placing *placing;
	struct boot *boot;
	struct kvm_vm *vm;
	struct moat_ioas *ioas;	  /* NULL: there is no device with a fence */
	struct moat_ioas *bypass; /* NULL: there is none with dma=none */
	struct guard *guard;	  /* if there is one with dma=none */
	struct ram *ram;
	struct iobus mmio, pio;
	struct vcpu_work work;
	struct console *console;
	struct serial *serial;
	struct rtc *rtc;
	struct pm *pm;
	struct pci_host *pci;
	struct vcpus *vcpus;
	struct machine_memory memory;

	int wake_fd;   /* eventfd: @requests has something */
	int signal_fd; /* the signals that end the machine */
	sigset_t old_mask;
	_Atomic(unsigned int) requests;
	atomic_bool abandoned; /* it is on its way down */
	bool wants_timeline;   /* and its file can be written */
	bool timeline_written;
	struct timespec last_reset; /* zero: none yet */
	/* The guest has moved interrupts: they are followed now and then. */
	atomic_bool irqs_moved;
	struct timespec irqs_placed; /* when they last were; zero: never */

	pthread_mutex_t event_lock; /* guards the next two: the first event */
	int event_error;
	struct moat_err event_err;
};

/* machine_run.c */

/** machine_requests_init() - block the ending signals, make both fds */
int machine_requests_init(struct machine *machine, struct moat_err *err);
void machine_requests_fini(struct machine *machine);

/** machine_abandoned() - is it on its way down, or has a signal come for it? */
bool machine_abandoned(void *machine);

/** machine_place() - the place of a device that is yet to be plugged */
struct vmm_place machine_place(struct machine *machine);

/** machine_vcpu_died() - struct vcpus_config's died() */
void machine_vcpu_died(void *opaque);

/** machine_memory_failed() - have the main thread end the guest */
void machine_memory_failed(struct machine *machine);

/** machine_write_timeline() - -timeline, once; says when it cannot */
void machine_write_timeline(struct machine *machine);

/* machine_verify.c */

/**
 * machine_verify() - with -verify, look whether the devices reach guest RAM
 * and nothing else
 *
 * Call it before a device may master the bus, with all mapped.
 * Return: 0 (also when nobody asked), or as moat_ioas_verify(), and -EINVAL
 * when there is no device.
 */
int machine_verify(struct machine *machine, struct moat_err *err);

/* machine.c */

/** machine_create_on() - machine_create() on a test's fake KVM */
int machine_create_on(const struct kvm_sys *sys, const struct run_options *opts,
		      struct machine **ret_machine, struct moat_err *err);

/** machine_load() - kernel and tables into RAM, the first vCPU at its start */
int machine_load(struct machine *machine, struct moat_err *err);

/* machine_memory.c */

/** machine_memory_create() - guest RAM, not yet touched; after the layout */
int machine_memory_create(struct machine *machine, struct moat_err *err);

/**
 * machine_memory_create_identity() - guest RAM for dma=none, and the layout
 *
 * Instead of layout_init(), and before there is a second thread.
 */
int machine_memory_create_identity(struct machine *machine,
				   struct moat_err *err);

/** machine_memory_map_slots() - give it to KVM */
int machine_memory_map_slots(struct machine *machine, struct moat_err *err);

/** machine_memory_start() - begin to populate it and map it for devices */
int machine_memory_start(struct machine *machine, struct moat_err *err);

/** machine_memory_await_population() - Return: 0, or why there is none */
int machine_memory_await_population(struct machine *machine,
				    struct moat_err *err);

/**
 * machine_memory_plugging_ended() - the devices are plugged, and can be armed;
 * or the machine is on its way down. The first word on it counts.
 */
void machine_memory_plugging_ended(struct machine *machine,
				   enum machine_plugging how);

/** machine_memory_join() - the devices that it arms must be there still */
void machine_memory_join(struct machine *machine);

/**
 * machine_memory_error() - has populating or mapping guest RAM failed by now?
 * Return: 0, or its error with the sentence.
 */
int machine_memory_error(struct machine *machine, struct moat_err *err);

#endif /* MOAT_VMM_MACHINE_INTERNAL_H */
