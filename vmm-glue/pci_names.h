/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What people call PCI devices: libpci's list. */
#ifndef MOAT_VMM_PCI_NAMES_H
#define MOAT_VMM_PCI_NAMES_H

#include <moat/host_pci.h>

struct pci_access;

struct pci_names {
	char vendor[128], device[128], class_name[128];
};

/** pci_names_open() - never NULL; a list that is not there gives numbers */
struct pci_access *pci_names_open(void);
void pci_names_close(struct pci_access *access);

/** pci_names_find() - in plain characters, whatever the list has */
void pci_names_find(struct pci_access *access, const struct moat_host_pci *fn,
		    struct pci_names *ret_names);

#endif /* MOAT_VMM_PCI_NAMES_H */
