/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a PCI function's own registers say of how it is fenced: whether it may
 * master the bus, whether it may translate addresses itself, and whether the
 * ports above it keep it from its neighbours. Facts for an audit.
 */
#ifndef MOAT_ASSIGN_PCI_POSTURE_H
#define MOAT_ASSIGN_PCI_POSTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <moat/bdf.h>

#include "common/host.h"

/* PCI Express Base 5.0 section 7.5.3.2, Device/Port Type. */
enum pci_posture_port {
	PCI_POSTURE_ENDPOINT,
	PCI_POSTURE_LEGACY_ENDPOINT,
	PCI_POSTURE_ROOT_PORT = 4,
	PCI_POSTURE_UPSTREAM,
	PCI_POSTURE_DOWNSTREAM,
	PCI_POSTURE_TO_PCI,	       /* a bridge to conventional PCI */
	PCI_POSTURE_FROM_PCI,	       /* and from it */
	PCI_POSTURE_INTEGRATED,	       /* an endpoint of the root complex */
	PCI_POSTURE_CONVENTIONAL = 16, /* none of PCI Express */
};

struct pci_posture {
	struct moat_bdf bdf;
	bool answers; /* its config space could be read at all */
	bool masters; /* COMMAND.MASTER */
	bool is_bridge;
	bool multifunction;
	uint8_t secondary, subordinate; /* of a bridge */
	/* What only root is shown. */
	bool whole; /* the capabilities could be read */
	enum pci_posture_port port;
	bool has_ats, ats_on;
	bool has_acs;
	uint16_t acs_can, acs_does; /* PCI_ACS_* */
};

/** pci_posture_read() - of one function; what cannot be read is left out */
void pci_posture_read(const struct moat_host *host, struct moat_bdf bdf,
		      struct pci_posture *ret_posture);

/**
 * pci_posture_isolates() - does it keep what is behind it, or its own
 * functions, from each other?
 *
 * By the four controls that Linux asks for when it makes groups; one that a
 * port does not have counts as wired on.
 * Source: Linux drivers/iommu/iommu.c, REQ_ACS_FLAGS; drivers/pci/pci.c,
 * pci_acs_flags_enabled().
 */
bool pci_posture_isolates(const struct pci_posture *posture);

#define PCI_POSTURE_DEPTH 32

/**
 * pci_posture_path() - the bridges above a function, the root's first
 * Return: how many; 0 as well when sysfs does not tell.
 */
size_t pci_posture_path(const struct moat_host *host, struct moat_bdf bdf,
			struct moat_bdf ret_path[PCI_POSTURE_DEPTH]);

#endif /* MOAT_ASSIGN_PCI_POSTURE_H */
