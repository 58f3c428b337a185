// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The facts of an audit, see audit_facts.h. Firmware names devices by paths
 * through bridges; the buses behind these are what the bridges' registers say.
 */
#include <errno.h>
#include <stdlib.h>

#include "vmm-glue/audit_facts.h"

#define CLASS_HOST_BRIDGE 0x0600u
#define CLASS_ISA_BRIDGE  0x0601u

int audit_facts_read(const struct moat_host *host,
		     struct audit_facts *ret_facts, struct moat_err *err)
{
	struct audit_facts facts = { .host = host };
	int r;

	r = moat_host_pci_list(host, &facts.fns, &facts.n, err);
	if (r < 0)
		return r;
	facts.pci = calloc(facts.n + 1, sizeof(*facts.pci));
	if (!facts.pci) {
		r = moat_fail(err, -ENOMEM, "out of memory");
		goto free_fns;
	}
	for (size_t i = 0; i < facts.n; i++)
		pci_posture_read(host, facts.fns[i].bdf, &facts.pci[i]);
	r = posture_read(host, &facts.posture, err);
	if (r < 0)
		goto free_pci;
	*ret_facts = facts;
	return 0;
free_pci:
	free(facts.pci);
free_fns:
	free(facts.fns);
	return r;
}

void audit_facts_free(struct audit_facts *facts)
{
	free(facts->fns);
	free(facts->pci);
	posture_free(&facts->posture);
	*facts = (struct audit_facts) { 0 };
}

bool audit_is_endpoint(const struct moat_host_pci *fn)
{
	const uint32_t subclass = fn->class_code >> 8;

	return !fn->is_bridge && subclass != CLASS_HOST_BRIDGE &&
	       subclass != CLASS_ISA_BRIDGE;
}

const struct moat_host_pci *audit_fn_find(const struct audit_facts *facts,
					  struct moat_bdf bdf)
{
	for (size_t i = 0; i < facts->n; i++)
		if (moat_bdf_equal(facts->fns[i].bdf, bdf))
			return &facts->fns[i];
	return NULL;
}

const struct pci_posture *audit_pci_find(const struct audit_facts *facts,
					 struct moat_bdf bdf)
{
	const struct moat_host_pci *fn = audit_fn_find(facts, bdf);

	return fn ? &facts->pci[fn - facts->fns] : NULL;
}

/* ---- firmware's scopes ---- */

/* struct dmar_pci's buses(). */
static int buses_behind(void *opaque, struct moat_bdf bridge,
			struct dmar_buses *ret_buses)
{
	const struct audit_facts *facts = opaque;
	const struct pci_posture *pci = audit_pci_find(facts, bridge);

	if (!pci || !pci->is_bridge)
		return -ENODEV;
	ret_buses->secondary = pci->secondary;
	ret_buses->subordinate = pci->subordinate;
	return 0;
}

static struct dmar_pci pci_of(const struct audit_facts *facts)
{
	/* Only read, by the function above. */
	return (struct dmar_pci) { buses_behind, (void *)(uintptr_t)facts };
}

/* A virtual function's DMA goes where its physical function's does. */
static struct moat_bdf scoped(const struct moat_host_pci *fn)
{
	return fn->is_vf ? fn->pf : fn->bdf;
}

const struct dmar_entry *audit_dmar_unit(const struct audit_facts *facts,
					 const struct moat_host_pci *fn)
{
	const struct dmar_pci pci = pci_of(facts);

	if (!facts->posture.has_dmar)
		return NULL;
	return dmar_unit_of(&facts->posture.dmar, &pci, scoped(fn));
}

bool audit_dmar_covers(const struct audit_facts *facts,
		       const struct dmar_entry *entry,
		       const struct moat_host_pci *fn)
{
	const struct dmar_pci pci = pci_of(facts);

	return dmar_covers(&facts->posture.dmar, &pci, entry, scoped(fn));
}
