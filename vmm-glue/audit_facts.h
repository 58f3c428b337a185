/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a host shows of itself, for an audit: read once, judged and drawn. */
#ifndef MOAT_VMM_AUDIT_FACTS_H
#define MOAT_VMM_AUDIT_FACTS_H

#include <stdbool.h>
#include <stddef.h>

#include <moat/bdf.h>
#include <moat/err.h>
#include <moat/host_pci.h>

#include "assign/pci_posture.h"
#include "common/host.h"
#include "iommu/posture.h"

struct audit_facts {
	const struct moat_host *host;
	struct posture posture;
	struct moat_host_pci *fns; /* all, by address */
	struct pci_posture *pci;   /* of each of @fns */
	size_t n;
};

/**
 * audit_facts_read() - look at the host
 * @host: must stay as long as the facts
 * Return: 0, -ENOMEM, or what listing the PCI devices met. On success the
 * caller owes an audit_facts_free().
 */
int audit_facts_read(const struct moat_host *host,
		     struct audit_facts *ret_facts, struct moat_err *err);
void audit_facts_free(struct audit_facts *facts);

/** audit_fn_find() - a function, or NULL */
const struct moat_host_pci *audit_fn_find(const struct audit_facts *facts,
					  struct moat_bdf bdf);

/** audit_pci_find() - what its registers say, or NULL */
const struct pci_posture *audit_pci_find(const struct audit_facts *facts,
					 struct moat_bdf bdf);

/** audit_is_endpoint() - neither a bridge nor the host's own */
bool audit_is_endpoint(const struct moat_host_pci *fn);

/**
 * audit_dmar_unit() - the unit that firmware puts in front of a function
 * Return: an entry of the DMAR table, NULL: none, or there is no such table.
 */
const struct dmar_entry *audit_dmar_unit(const struct audit_facts *facts,
					 const struct moat_host_pci *fn);

/** audit_dmar_covers() - is the function in an entry's scope? */
bool audit_dmar_covers(const struct audit_facts *facts,
		       const struct dmar_entry *entry,
		       const struct moat_host_pci *fn);

#endif /* MOAT_VMM_AUDIT_FACTS_H */
