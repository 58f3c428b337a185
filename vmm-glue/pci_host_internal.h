/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What pci_host.c shares with root_port.c and pci_assign.c. */
#ifndef MOAT_VMM_PCI_HOST_INTERNAL_H
#define MOAT_VMM_PCI_HOST_INTERNAL_H

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>

#include "vmm-glue/config_space.h"
#include "vmm-glue/layout.h"
#include "vmm-glue/pci_host.h"

/* Device numbers of one bus; 0 is the host bridge's. */
#define PCI_SLOTS (PCI_HOST_PLACES + 1)

static_assert(PCI_SLOTS <= LAYOUT_BUSES, "a bus for each root port");
static_assert(LAYOUT_ECAM + LAYOUT_BUSES * MiB - 1 == LAYOUT_ECAM_LAST,
	      "a bus takes 1 MiB of ECAM");

/*
 * Red Hat's ids of the generic PCIe host bridge and root port: no driver and
 * no quirk of any guest goes by them, only by class, and people who read
 * lspci know what they are.
 */
#define PCI_HOST_VENDOR	       0x1b36
#define PCI_HOST_BRIDGE_DEVICE 0x0008
#define PCI_ROOT_PORT_DEVICE   0x000c

struct root_port;

/* Something that was plugged. */
struct pci_function {
	const struct pci_function_ops *ops;
	void *opaque;
};

#define PCI_FUNCTIONS 8

/*
 * One device number on bus 0. A function without ops is not there; without
 * function 0 there is none, and the place is free (or the host bridge's: 0).
 */
struct pci_place {
	struct pci_function fn[PCI_FUNCTIONS];
	struct root_port *port; /* NULL: @fn is on bus 0 itself */
};

struct pci_host {
	uint64_t mmio32, mmio32_last; /* the 32-bit window */
	uint64_t mmio64, mmio64_last; /* the 64-bit window */
	struct iobus *mmio, *pio;
	struct moat_trap ecam, ports;
	const struct moat_trap *reset_port;
	atomic_uint config_address; /* CF8 */
	bool io_warned;	      /* pci_assign.c has said what has no ports */
	pthread_mutex_t lock; /* guards @bridge */
	struct config_space bridge; /* 00:00.0 */
	struct pci_place place[PCI_SLOTS];
};

/**
 * pci_functions_reset() - reset some of @n functions together
 *
 * Those without ops are left out. Return: 0, or the first error.
 */
int pci_functions_reset(const struct pci_function *fn, size_t n,
			struct moat_err *err);

/* Where function @fn of @place is, when buses are numbered as assigned. */
static inline struct pci_slot pci_place_slot(const struct pci_host *host,
					     const struct pci_place *place,
					     unsigned int fn)
{
	uint8_t dev = (uint8_t)(place - host->place);

	/* A root port's secondary bus has the port's device number. */
	if (place->port)
		return (struct pci_slot) { .bus = dev, .fn = (uint8_t)fn };
	return (struct pci_slot) { .dev = dev, .fn = (uint8_t)fn };
}

#endif /* MOAT_VMM_PCI_HOST_INTERNAL_H */
