/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's PCI Express hierarchy: one host bridge (00:00.0), root ports
 * on bus 0, and what is plugged behind them or beside them: up to eight
 * functions a slot. Config space is reached by ECAM and by ports CF8/CFC.
 *
 * Plugging happens before the vCPUs run; after that the topology is fixed,
 * so dispatch takes no lock. Each function guards itself.
 */
#ifndef MOAT_VMM_PCI_HOST_H
#define MOAT_VMM_PCI_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include <moat/device.h>
#include <moat/err.h>

#include "vmm-glue/iobus.h"
#include "vmm-glue/layout.h"

/*
 * One function's config space. @offset is 0 to 4095, @size 1, 2 or 4 and
 * @offset a multiple of it.
 */
struct pci_function_ops {
	uint32_t (*config_read)(void *opaque, uint16_t offset,
				unsigned int size);
	void (*config_write)(void *opaque, uint16_t offset, unsigned int size,
			     uint32_t value);
	/* What BAR @index, or MOAT_PCI_ROM, asks for; the bus places it. */
	void (*bar)(void *opaque, unsigned int index,
		    struct moat_bar_info *ret_info);
	/*
	 * Back to power-on state, @n functions at once: the machine is reset,
	 * or the guest resets the bus behind a root port. What cannot be
	 * reset goes on as it was left, and is no error. NULL: nothing to do.
	 */
	int (*reset)(void *const *opaque, size_t n, struct moat_err *err);
	/* For messages; NULL: its guest address will do. */
	const char *(*name)(void *opaque);
};

struct pci_host;

#define PCI_HOST_PLACES 31 /* slots that something can be plugged in */

/** pci_host_create() - host bridge, ECAM and CF8/CFC on the two buses */
int pci_host_create(const struct layout *layout, struct iobus *mmio,
		    struct iobus *pio, struct pci_host **ret_host,
		    struct moat_err *err);
void pci_host_destroy(struct pci_host *host);

/**
 * pci_host_set_reset_port() - who answers byte accesses of port 0xcf9
 * @port: pm_reset_port(); stays valid as long as the host
 *
 * The port lies inside CONFIG_ADDRESS (0xcf8 to 0xcfb), which is PCI's for
 * dwords only, and the port bus knows one owner an address: this host.
 * Called once, before the vCPUs run. Without it the byte reads all ones.
 */
void pci_host_set_reset_port(struct pci_host *host,
			     const struct moat_trap *port);

/* Where a function has been plugged. */
struct pci_slot {
	uint8_t bus, dev, fn; /* as the guest sees it after assignment */
};

/*
 * Where a function is to be plugged. @dev is a device number of bus 0: with
 * @pcie that of the root port whose secondary bus the function is on.
 */
struct pci_socket {
	uint8_t dev; /* 1 to 31; 0: the lowest that is free */
	uint8_t fn;
	bool pcie;
};

/**
 * pci_host_plug() - give a function a place
 *
 * Function 0 of a slot comes first, and all of a slot are alike in @pcie.
 * Return: 0; -ENOSPC when bus 0 has no slot left; -EEXIST when there is a
 * function already; -EINVAL when it does not go with those that are there;
 * -ENOMEM.
 */
int pci_host_plug(struct pci_host *host, const struct pci_socket *socket,
		  const struct pci_function_ops *ops, void *opaque,
		  struct pci_slot *ret_slot, struct moat_err *err);

/**
 * pci_host_intx_gsi() - which GSI a pin reaches, after swizzling
 * @pin: 1 to 4. The DSDT's _PRT says the same.
 */
unsigned int pci_host_intx_gsi(struct pci_slot slot, unsigned int pin);

/**
 * pci_host_assign() - number buses, set bridge windows and BARs, write
 * interrupt lines, as firmware would; leaves memory decode of endpoints off
 *
 * Called before the first boot and after each reset. Port BARs that find no
 * room stay at 0, with a warning.
 * Return: 0, -ENOSPC naming the memory BAR that finds no room.
 */
int pci_host_assign(struct pci_host *host, struct moat_err *err);

/** pci_host_reset() - reset all plugged functions, then assign anew */
int pci_host_reset(struct pci_host *host, struct moat_err *err);

#endif /* MOAT_VMM_PCI_HOST_H */
