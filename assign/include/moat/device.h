/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The assignment engine: one host PCI function becomes one guest PCI
 * function.
 *
 *	spec -> moat_device_open() -> moat_device_plug() -> moat_device_arm()
 *
 * After open the device is claimed from its driver, in its I/O address
 * space, reset, its config space and regions read, and the guest's view of
 * it built; it touches no VMM yet, so devices can be opened in parallel and
 * beside the population of guest RAM. Plugging connects it to a VMM: from
 * then on config accesses have effects. Arming is the VMM's word that every
 * byte of guest RAM is mapped: only from then on may the guest turn bus
 * mastering on.
 */
#ifndef MOAT_DEVICE_H
#define MOAT_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include <moat/bdf.h>
#include <moat/device_spec.h>
#include <moat/err.h>
#include <moat/ioas.h>
#include <moat/vmm.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MOAT_PCI_BARS 6

struct moat_device;

enum moat_bar_kind {
	MOAT_BAR_NONE, /* not implemented, or the upper half of a 64-bit one */
	MOAT_BAR_PIO,
	MOAT_BAR_MEM32,
	MOAT_BAR_MEM64,
};

struct moat_bar_info {
	enum moat_bar_kind kind;
	bool prefetchable;
	uint64_t size; /* bytes, a power of two */
};

struct moat_device_params {
	const struct moat_device_spec *spec;
	struct moat_ioas *ioas;
	const struct moat_bdf *same_guest; /* all devices of this guest */
	size_t n_same_guest;
	bool force;		      /* take it even if the host needs it */
	const struct moat_host *host; /* NULL: this machine */
};

/**
 * moat_device_open() - take a host device, up to but not into a VMM
 *
 * Steps, each undone when a later one fails: find it, check its IOMMU group,
 * claim it from its driver (or refuse, naming the driver), attach it to
 * @params->ioas, read config space and regions, build the guest's view.
 * Blocks for the kernel's reset of the device; thread-safe.
 * Return: 0 or a negative errno with the reason and remedy in @err, which
 * names the device.
 */
int moat_device_open(const struct moat_device_params *params,
		     struct moat_device **ret_dev, struct moat_err *err)
	__attribute__((visibility("default")));

/**
 * moat_device_plug() - connect the device to a VMM
 * @ops:   stays valid until moat_device_close()
 * @vmm:   handed to each of @ops
 * @pcie:  true when the guest sees it behind a PCIe root port, false when it
 *	   sits on a root bus as a conventional device
 */
int moat_device_plug(struct moat_device *dev, const struct moat_vmm_ops *ops,
		     void *vmm, bool pcie, struct moat_err *err)
	__attribute__((visibility("default")));

/** moat_device_arm() - guest RAM is mapped whole: bus mastering may be on */
void moat_device_arm(struct moat_device *dev)
	__attribute__((visibility("default")));

/**
 * moat_device_reset() - as the guest's reset line would: function reset,
 * config space as at power-on, interrupts off, BARs unmapped
 * Return: 0, -ENOTTY when the device has no reset (its bus mastering and
 * interrupts are off all the same), or the reset's errno.
 */
int moat_device_reset(struct moat_device *dev, struct moat_err *err)
	__attribute__((visibility("default")));

/**
 * moat_device_close() - give the device back
 * @dev: NULL, or opened; no vCPU may access it any more
 *
 * Interrupts off, bus mastering off, BARs unmapped, fd closed, detached from
 * the address space, driver given back where it was taken.
 */
void moat_device_close(struct moat_device *dev)
	__attribute__((visibility("default")));

/**
 * moat_device_config_read() - the guest reads config space
 * @offset: 0 to 4095; @size: 1, 2 or 4, and @offset a multiple of it
 *
 * Takes the device's lock. Anything else reads as all ones.
 */
uint32_t moat_device_config_read(struct moat_device *dev, uint16_t offset,
				 unsigned int size)
	__attribute__((visibility("default")));

/** moat_device_config_write() - the guest writes config space; see above */
void moat_device_config_write(struct moat_device *dev, uint16_t offset,
			      unsigned int size, uint32_t value)
	__attribute__((visibility("default")));

/** moat_device_bar() - what a BAR asks for, so that it can be placed */
void moat_device_bar(const struct moat_device *dev, unsigned int index,
		     struct moat_bar_info *ret_info)
	__attribute__((visibility("default")));

/** moat_device_is_pcie() - has it a PCI Express capability? */
bool moat_device_is_pcie(const struct moat_device *dev)
	__attribute__((visibility("default")));

/** moat_device_name() - for messages: the spec's name= or the address */
const char *moat_device_name(const struct moat_device *dev)
	__attribute__((visibility("default")));

#ifdef __cplusplus
}
#endif
#endif /* MOAT_DEVICE_H */
