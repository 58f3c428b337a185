/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A host made of files, in good order: a root port with a card behind it, a
 * NIC of the root complex, VT-d. What a test spoils of it, it spoils by these.
 */
#ifndef MOAT_TESTS_AUDIT_HOST_H
#define MOAT_TESTS_AUDIT_HOST_H

#include <stddef.h>
#include <stdint.h>

#include <linux/pci_regs.h>

#include "tests/assign/fake_host.h"
#include "tests/vtd/dmar_blob.h"
#include "vmm-glue/audit.h"

#define PORT	"0000:00:1c.0" /* a root port, and behind it: */
#define CARD	"0000:01:00.0"
#define NIC	"0000:00:19.0" /* of the root complex */
#define ACS_ALL (PCI_ACS_SV | PCI_ACS_RR | PCI_ACS_CR | PCI_ACS_UF)
#define MSI	"0x00000000fee00000 0x00000000feefffff msi\n"

extern struct fake_host h;
extern struct moat_err err;

/* What a function's config space is to say. */
struct config {
	uint8_t header_type;
	uint16_t command;
	int port;    /* -1: conventional */
	int acs;     /* -1: none; else what is on */
	int ats;     /* -1: none; else its control register */
	uint8_t bus; /* of a bridge: the one behind it */
	size_t size;
};

extern const struct config port_config;
extern const struct config card_config;
extern const struct config nic_config;

void audit_host_setup(void);
void audit_host_teardown(void);

/* @path: below the host's root */
void write_binary(const char *path, const void *data, size_t len);
void set_config(const char *addr, const struct config *c);

/* firmware's table, with what @more adds; NULL: nothing */
void set_dmar(void (*more)(struct blob *b));
void set_group(int id, const char *type, const char *regions);
/* @parent: the path between devices/ and it; NULL: the root bus */
void add_function(const char *addr, const char *parent, unsigned int class_code,
		  const char *driver, int group);

/* audit_judge() of it; look() does not fail, and takes an address, or NULL. */
int audit_host(const struct moat_bdf *bdf, struct audit *ret_audit);
struct audit look(const char *addr);

#endif /* MOAT_TESTS_AUDIT_HOST_H */
