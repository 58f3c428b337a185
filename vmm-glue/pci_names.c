// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Names of PCI devices. The only user of libpci: its list of names is read
 * here and nowhere else.
 */
#include <pci/pci.h>

#include "vmm-glue/pci_names.h"

struct pci_access *pci_names_open(void)
{
	struct pci_access *access = pci_alloc();

	pci_init(access);
	return access;
}

void pci_names_close(struct pci_access *access)
{
	pci_cleanup(access);
}

/* Names come from a file: nothing but plain characters to the terminal. */
static void make_printable(char *text)
{
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
}

void pci_names_find(struct pci_access *access, const struct moat_host_pci *fn,
		    struct pci_names *ret_names)
{
	const int ids[] = { fn->vendor, fn->device };
	struct pci_names *names = ret_names;

	(void)pci_lookup_name(access, names->vendor, sizeof(names->vendor),
			      PCI_LOOKUP_VENDOR, ids[0]);
	(void)pci_lookup_name(access, names->device, sizeof(names->device),
			      PCI_LOOKUP_DEVICE, ids[0], ids[1]);
	(void)pci_lookup_name(access, names->class_name,
			      sizeof(names->class_name), PCI_LOOKUP_CLASS,
			      (int)(fn->class_code >> 8));
	make_printable(names->vendor);
	make_printable(names->device);
	make_printable(names->class_name);
}
