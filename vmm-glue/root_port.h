/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A PCI Express root port: the bridge from bus 0 to the one device behind it,
 * which has up to eight functions. Nothing can be hot plugged yet.
 *
 * The guest's routing registers decide on config accesses only. What a real
 * port would gate as well, this one does not; it holds what the guest writes:
 *  - memory and port accesses: windows, I/O and memory enable do not narrow
 *    the function's decoding. Its BARs are mapped by its own registers, and a
 *    guest that closes a window over them expects no answer there anyway;
 *  - DMA and MSIs: Bus Master Enable of the port does not stop the function.
 *    Its own bit does, and the IOMMU is what fences it: a guest gains nothing
 *    by having it on. The engine knows no ports, and a second owner of the
 *    bit could contradict it;
 *  - power: D3hot is a number in a register, nothing goes to sleep.
 * An operating system writes these in the sane order, outermost first on.
 */
#ifndef MOAT_VMM_ROOT_PORT_H
#define MOAT_VMM_ROOT_PORT_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm-glue/pci_host_internal.h"

struct root_port;

/**
 * root_port_create() - a port whose link is up, with @behind at its far end
 * @number: for the link capabilities; its device number on bus 0
 * @behind: PCI_FUNCTIONS of them, which may be filled in later but stay put
 * Return: NULL when out of memory.
 */
struct root_port *root_port_create(uint8_t number,
				   const struct pci_function *behind);
void root_port_destroy(struct root_port *port);

/**
 * root_port_reset() - registers as at power-on
 *
 * Reads the link capabilities of what is behind, which become the port's own.
 */
void root_port_reset(struct root_port *port);

/**
 * root_port_routes() - does a config access to @bus reach what is behind?
 *
 * Takes no lock. False while the link is down: in secondary bus reset, or
 * disabled.
 */
bool root_port_routes(const struct root_port *port, uint8_t bus);

uint32_t root_port_config_read(struct root_port *port, uint16_t offset,
			       unsigned int size);

/**
 * root_port_config_write() - the guest's write
 *
 * The link going down resets the functions behind before this returns. Takes
 * the port's lock, and drops it for that.
 */
void root_port_config_write(struct root_port *port, uint16_t offset,
			    unsigned int size, uint32_t value);

#endif /* MOAT_VMM_ROOT_PORT_H */
