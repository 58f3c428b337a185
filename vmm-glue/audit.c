// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The audit: facts of the host put beside the rules.
 *
 * The kernel's groups are taken for what the hardware keeps apart, as the
 * kernel knows devices that isolate without saying so; the ports' own
 * registers tell why a group is larger than one device. Functions without a
 * class that could be assigned (bridges, the host bridge) are looked at only
 * as what is above others.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <moat/host_pci.h>

#include "assign/pci_posture.h"
#include "common/util.h"
#include "common/vfio_driver.h"
#include "iommu/posture.h"
#include "vmm-glue/audit.h"
#include "vmm-glue/audit_facts.h"
#include "vmm-glue/host_iomem.h"
#include "vmm-glue/host_memory.h"

#define MEMLOCK_ENOUGH GiB

/* An audit while it is made. */
struct inspection {
	const struct audit_facts *facts;
	const struct moat_bdf *only; /* NULL: all */
	struct audit *audit;
	bool failed; /* out of memory */
};

/* ---- what is found ---- */

static void find(struct inspection *in, enum audit_rule_id rule,
		 const char *subject, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static void find(struct inspection *in, enum audit_rule_id rule,
		 const char *subject, const char *fmt, ...)
{
	struct audit *audit = in->audit;
	struct audit_finding *findings, *finding;
	va_list ap;

	findings = reallocarray(audit->findings, audit->n_findings + 1,
				sizeof(*findings));
	if (!findings) {
		in->failed = true;
		return;
	}
	audit->findings = findings;
	finding = &findings[audit->n_findings++];
	finding->rule = rule;
	(void)snprintf(finding->subject, sizeof(finding->subject), "%s",
		       subject);
	va_start(ap, fmt);
	(void)vsnprintf(finding->detail, sizeof(finding->detail), fmt, ap);
	va_end(ap);
}

static void cannot_tell(struct inspection *in, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void cannot_tell(struct inspection *in, const char *fmt, ...)
{
	struct audit *audit = in->audit;
	char(*unknown)[256];
	va_list ap;

	unknown = reallocarray(audit->unknown, audit->n_unknown + 1,
			       sizeof(*unknown));
	if (!unknown) {
		in->failed = true;
		return;
	}
	audit->unknown = unknown;
	va_start(ap, fmt);
	(void)vsnprintf(unknown[audit->n_unknown++], sizeof(*unknown), fmt, ap);
	va_end(ap);
}

/* By severity, and as they were found within one. */
static int compare_findings(const void *a, const void *b)
{
	const struct audit_finding *x = a, *y = b;
	const int sx = (int)audit_rules[x->rule].severity;
	const int sy = (int)audit_rules[y->rule].severity;

	if (sx != sy)
		return sy - sx;
	if (x->rule != y->rule)
		return (int)x->rule - (int)y->rule;
	return strcmp(x->subject, y->subject);
}

/* ---- what concerns whom ---- */

static bool concerns_device(const struct inspection *in,
			    const struct moat_host_pci *fn)
{
	return !in->only || moat_bdf_equal(*in->only, fn->bdf);
}

static bool concerns_group(const struct inspection *in, int group)
{
	const struct moat_host_pci *fn;

	if (!in->only)
		return true;
	fn = audit_fn_find(in->facts, *in->only);
	return fn && fn->iommu_group == group;
}

/* ---- the host's IOMMUs ---- */

static void check_units(struct inspection *in)
{
	for (size_t i = 0; i < in->facts->posture.n_units; i++) {
		const struct posture_unit *unit = &in->facts->posture.units[i];

		if (unit->translates == POSTURE_NO)
			find(in, AUDIT_UNIT_OFF, unit->name, "%s", "");
		if (unit->remaps == POSTURE_NO &&
		    in->facts->posture.interrupts_remapped == POSTURE_YES)
			find(in, AUDIT_UNIT_INTERRUPTS, unit->name, "%s", "");
		if (unit->takes_compatibility == POSTURE_YES)
			find(in, AUDIT_COMPATIBILITY, unit->name, "%s", "");
		if (unit->protects_memory == POSTURE_YES)
			find(in, AUDIT_PROTECTED_MEMORY, unit->name, "%s", "");
		if (unit->unverified_irtes)
			find(in, AUDIT_UNVERIFIED_IRTE, unit->name,
			     "%u of its entries", unit->unverified_irtes);
	}
}

static bool has_fence(const struct posture *posture)
{
	for (size_t i = 0; i < posture->n_groups; i++)
		if (posture->groups[i].type != POSTURE_TYPE_NOIOMMU)
			return true;
	return false;
}

static bool has_vtd(const struct posture *posture)
{
	for (size_t i = 0; i < posture->n_units; i++)
		if (posture->units[i].is_vtd)
			return true;
	return false;
}

static const char registers_note[] =
	"the kernel does not show the units' registers, or not to this user "
	"(CONFIG_INTEL_IOMMU_DEBUGFS): that Linux blocks "
	"compatibility-format interrupts, checks where interrupts come from "
	"and releases protected memory is taken for granted";

static void check_iommu(struct inspection *in)
{
	const struct posture *posture = &in->facts->posture;

	if (posture->n_units == 0 && !has_fence(posture)) {
		find(in, AUDIT_NO_IOMMU, "host", "%s",
		     posture->has_dmar
			     ? "firmware has VT-d units, but the kernel does "
			       "not use them"
			     : "");
		return;
	}
	check_units(in);
	if (has_vtd(posture) && !posture->has_registers)
		in->audit->note = registers_note;
	if (posture->interrupts_remapped == POSTURE_NO)
		find(in, AUDIT_INTERRUPTS, "host", "%s",
		     posture->has_dmar && !posture->dmar.intr_remap
			     ? "firmware says that the platform cannot"
			     : "");
}

static void check_switches(struct inspection *in)
{
	static const enum audit_rule_id rules[POSTURE_SWITCHES] = {
		AUDIT_UNSAFE_INTERRUPTS,
		AUDIT_UNSAFE_INTERRUPTS,
		AUDIT_NOIOMMU_MODE,
	};

	for (size_t i = 0; i < POSTURE_SWITCHES; i++) {
		const struct posture_switch *sw = &in->facts->posture.unsafe[i];

		if (sw->on == POSTURE_YES)
			find(in, rules[i], "host", "/sys/module/%s is on",
			     sw->path);
		else if (sw->on == POSTURE_UNKNOWN)
			cannot_tell(in, "/sys/module/%s cannot be read",
				    sw->path);
	}
	if (in->facts->posture.acs_override[0])
		find(in, AUDIT_ACS_OVERRIDE, "host", "%s",
		     in->facts->posture.acs_override);
}

/* ---- firmware ---- */

static void check_reserved_ram(struct inspection *in,
			       const struct host_iomem *iomem)
{
	const struct dmar_entry *rmrr = NULL;

	while ((rmrr = dmar_next(&in->facts->posture.dmar, DMAR_RMRR, rmrr)))
		for (size_t i = 0; i < iomem->n; i++)
			if (iomem->range[i].kind == HOST_IOMEM_RAM &&
			    ranges_overlap(rmrr->first, rmrr->last,
					   iomem->range[i].first,
					   iomem->range[i].last)) {
				find(in, AUDIT_RMRR_RAM, "host",
				     "0x%llx-0x%llx",
				     (unsigned long long)rmrr->first,
				     (unsigned long long)rmrr->last);
				break;
			}
}

static void check_dmar(struct inspection *in)
{
	const struct posture *posture = &in->facts->posture;
	struct host_iomem iomem;
	struct moat_err err;

	if (posture->dmar_error == -EINVAL)
		find(in, AUDIT_DMAR_BAD, "host", "%s", posture->dmar_err.msg);
	else if (posture->dmar_error)
		cannot_tell(in, "what firmware says of the remapping units: %s",
			    posture->dmar_err.msg);
	if (!posture->has_dmar)
		return;
	for (unsigned int bit = 0; bit < 32; bit++)
		if (posture->dmar.oddities >> bit & 1)
			find(in, AUDIT_DMAR_ODD, "host", "%s",
			     dmar_oddity_text((enum dmar_oddity)(1u << bit)));
	if (!dmar_next(&posture->dmar, DMAR_RMRR, NULL))
		return;
	if (host_iomem_read(in->facts->host, &iomem, &err) < 0) {
		cannot_tell(in, "whether firmware's reserved memory is RAM: %s",
			    err.msg);
		return;
	}
	check_reserved_ram(in, &iomem);
	host_iomem_free(&iomem);
}

/* ---- groups ---- */

/* The members that matter: what is no bridge. */
struct members {
	size_t n, n_vfio, n_host;
	char text[256];
};

static struct members members_of(const struct inspection *in, int group)
{
	struct members m = { 0 };
	char addr[MOAT_BDF_STRLEN];
	size_t used = 0;

	for (size_t i = 0; i < in->facts->n; i++) {
		const struct moat_host_pci *fn = &in->facts->fns[i];
		int len;

		if (fn->iommu_group != group || !audit_is_endpoint(fn))
			continue;
		m.n++;
		m.n_vfio += moat_is_vfio_driver(fn->driver);
		m.n_host += fn->driver[0] && !moat_is_vfio_driver(fn->driver);
		len = snprintf(m.text + used, sizeof(m.text) - used, "%s%s%s%s",
			       used ? ", " : "", moat_bdf_str(fn->bdf, addr),
			       fn->driver[0] ? " " : "", fn->driver);
		if (len > 0 && (size_t)len < sizeof(m.text) - used)
			used += (size_t)len;
	}
	m.text[used] = '\0';
	return m;
}

/* Which port or bridge is to blame for a device's being in a large group. */
static const struct pci_posture *culprit_of(const struct inspection *in,
					    const struct moat_host_pci *fn)
{
	struct moat_bdf path[PCI_POSTURE_DEPTH];
	const size_t n = pci_posture_path(in->facts->host, fn->bdf, path);
	const struct pci_posture *pci = audit_pci_find(in->facts, fn->bdf);

	for (size_t i = n; i-- > 0;) {
		const struct pci_posture *above =
			audit_pci_find(in->facts, path[i]);

		if (above && above->whole && !pci_posture_isolates(above))
			return above;
	}
	return pci && pci->whole && !pci_posture_isolates(pci) ? pci : NULL;
}

static void check_isolation(struct inspection *in, int group)
{
	char addr[MOAT_BDF_STRLEN], above[MOAT_BDF_STRLEN];

	for (size_t i = 0; i < in->facts->n; i++) {
		const struct moat_host_pci *fn = &in->facts->fns[i];
		const struct pci_posture *culprit;

		if (fn->iommu_group != group || !audit_is_endpoint(fn) ||
		    !concerns_device(in, fn))
			continue;
		culprit = culprit_of(in, fn);
		if (!culprit || culprit->port == PCI_POSTURE_CONVENTIONAL ||
		    culprit->port == PCI_POSTURE_TO_PCI ||
		    culprit->port == PCI_POSTURE_FROM_PCI)
			continue;
		find(in, AUDIT_ACS_MISSING, moat_bdf_str(fn->bdf, addr),
		     "%s %s access control services",
		     moat_bdf_str(culprit->bdf, above),
		     culprit->has_acs ? "has not turned on all its" : "has no");
	}
}

static void check_members(struct inspection *in,
			  const struct posture_group *group,
			  const char *subject)
{
	const struct members m = members_of(in, (int)group->id);

	if (m.n < 2)
		return;
	if (m.n_vfio && m.n_host)
		find(in, AUDIT_GROUP_OWNERS, subject, "%s", m.text);
	else
		find(in, AUDIT_GROUP_SHARED, subject, "%s", m.text);
	check_isolation(in, (int)group->id);
}

static void check_groups(struct inspection *in)
{
	const struct posture *posture = &in->facts->posture;
	size_t n_lazy = 0;
	char subject[32];

	for (size_t i = 0; i < posture->n_groups; i++) {
		const struct posture_group *group = &posture->groups[i];

		if (!concerns_group(in, (int)group->id))
			continue;
		(void)snprintf(subject, sizeof(subject), "group %u", group->id);
		n_lazy += group->type == POSTURE_TYPE_LAZY;
		if (group->type == POSTURE_TYPE_IDENTITY)
			find(in, AUDIT_PASS_THROUGH, subject, "%s",
			     members_of(in, (int)group->id).text);
		if (group->type == POSTURE_TYPE_NOIOMMU)
			continue; /* no group at all: check_fence() */
		if (group->direct)
			find(in, AUDIT_RMRR, subject, "%s",
			     members_of(in, (int)group->id).text);
		if (group->relaxable)
			find(in, AUDIT_RMRR_RELAXED, subject, "%s",
			     members_of(in, (int)group->id).text);
		check_members(in, group, subject);
	}
	if (n_lazy)
		find(in, AUDIT_LAZY, "host", "%zu of %zu groups", n_lazy,
		     posture->n_groups);
}

/* ---- devices ---- */

static bool units_have(const struct posture *posture, enum vtd_field field)
{
	for (size_t i = 0; i < posture->n_units; i++)
		if (posture->units[i].has_caps &&
		    vtd_field(&posture->units[i].caps, field))
			return true;
	return false;
}

static bool is_owned(const struct inspection *in,
		     const struct moat_host_pci *fn)
{
	struct moat_host_pci_user user;

	if (!fn->driver[0])
		return false;
	return !moat_is_vfio_driver(fn->driver) ||
	       moat_host_pci_user(in->facts->host, fn->bdf, &user);
}

/* A bridge that sends its own number for what is behind it. */
static const struct pci_posture *alias_of(const struct inspection *in,
					  const struct moat_host_pci *fn)
{
	struct moat_bdf path[PCI_POSTURE_DEPTH];
	const size_t n = pci_posture_path(in->facts->host, fn->bdf, path);

	for (size_t i = 0; i < n; i++) {
		const struct pci_posture *above =
			audit_pci_find(in->facts, path[i]);

		if (above && above->whole && above->is_bridge &&
		    (above->port == PCI_POSTURE_TO_PCI ||
		     above->port == PCI_POSTURE_CONVENTIONAL))
			return above;
	}
	return NULL;
}

/* VFIO's no-IOMMU groups count as none. */
static void check_fence(struct inspection *in, const struct moat_host_pci *fn,
			const char *subject)
{
	if (fn->iommu_group != MOAT_NO_GROUP)
		return;
	if (moat_is_vfio_driver(fn->driver))
		find(in, AUDIT_NOIOMMU_DEVICE, subject, "%s", "");
	else if (has_fence(&in->facts->posture))
		find(in, AUDIT_NO_GROUP, subject, "%s", "");
}

/*
 * Whether the kernel would let a device translate addresses: one of the root
 * complex, one that firmware names, or one below a root port that it does.
 * Source: Linux drivers/iommu/intel/iommu.c, dmar_ats_supported().
 */
static bool firmware_lets_translate(const struct inspection *in,
				    const struct moat_host_pci *fn)
{
	const struct dmar *dmar = &in->facts->posture.dmar;
	const struct moat_host_pci *port;
	const struct dmar_entry *entry = NULL;
	struct moat_bdf path[PCI_POSTURE_DEPTH];

	if (pci_posture_path(in->facts->host, fn->bdf, path) == 0)
		return true;
	while ((entry = dmar_next(dmar, DMAR_SATC, entry)))
		if (audit_dmar_covers(in->facts, entry, fn))
			return true;
	port = audit_fn_find(in->facts, path[0]);
	while (port && (entry = dmar_next(dmar, DMAR_ATSR, entry)))
		if (audit_dmar_covers(in->facts, entry, port))
			return true;
	return false;
}

static bool may_translate(const struct inspection *in,
			  const struct moat_host_pci *fn,
			  const struct pci_posture *pci)
{
	const struct posture *posture = &in->facts->posture;

	return pci->has_ats && !posture->no_ats &&
	       units_have(posture, VTD_DT) &&
	       (!posture->has_dmar || firmware_lets_translate(in, fn));
}

static void check_device(struct inspection *in, const struct moat_host_pci *fn,
			 const struct pci_posture *pci)
{
	char addr[MOAT_BDF_STRLEN], bridge[MOAT_BDF_STRLEN];
	const char *subject = moat_bdf_str(fn->bdf, addr);
	const struct pci_posture *alias = alias_of(in, fn);

	check_fence(in, fn, subject);
	if (pci->masters && !is_owned(in, fn))
		find(in, AUDIT_BUS_MASTER, subject, "%s",
		     fn->driver[0] ? "no program has it open" : "no driver");
	if (pci->ats_on)
		find(in, AUDIT_ATS_ON, subject, "%s", "");
	else if (may_translate(in, fn, pci))
		find(in, AUDIT_ATS_ALLOWED, subject, "%s", "");
	if (alias)
		find(in, AUDIT_ALIAS, subject, "behind %s",
		     moat_bdf_str(alias->bdf, bridge));
	if (!fn->reset_method[0])
		find(in, AUDIT_NO_RESET, subject, "%s", "");
}

static void check_devices(struct inspection *in)
{
	size_t n_partly = 0;

	for (size_t i = 0; i < in->facts->n; i++) {
		if (!audit_is_endpoint(&in->facts->fns[i]) ||
		    !concerns_device(in, &in->facts->fns[i]))
			continue;
		n_partly += !in->facts->pci[i].whole;
		check_device(in, &in->facts->fns[i], &in->facts->pci[i]);
	}
	if (n_partly)
		cannot_tell(in,
			    "whether devices translate addresses themselves, "
			    "and whether ports isolate them: the capabilities "
			    "of %zu of them are shown to root only",
			    n_partly);
}

/* ---- resources ---- */

static void check_resources(struct inspection *in)
{
	static const uint64_t sizes[] = { 2 * MiB, GiB };
	struct hugepage_pool pool;
	struct rlimit limit;
	uint64_t total = 0;

	if (geteuid() != 0 && getrlimit(RLIMIT_MEMLOCK, &limit) == 0 &&
	    limit.rlim_max < MEMLOCK_ENOUGH)
		find(in, AUDIT_MEMLOCK, "host", "at most %llu KiB",
		     (unsigned long long)(limit.rlim_max / KiB));
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		if (host_hugepages(in->facts->host, sizes[i], &pool) == 0)
			total += pool.total;
	if (total == 0)
		find(in, AUDIT_HUGE_PAGES, "host", "%s", "");
}

/* ---- the whole ---- */

static void check_all(struct inspection *in)
{
	check_iommu(in);
	check_switches(in);
	check_dmar(in);
	check_groups(in);
	check_devices(in);
	check_resources(in);
}

int audit_judge(const struct audit_facts *facts, const struct moat_bdf *bdf,
		struct audit *ret_audit, struct moat_err *err)
{
	struct audit audit = { 0 };
	struct inspection in = {
		.facts = facts,
		.only = bdf,
		.audit = &audit,
	};
	char addr[MOAT_BDF_STRLEN];

	if (bdf && !audit_fn_find(facts, *bdf))
		return moat_fail(err, -ENODEV,
				 "there is no PCI device %s on this machine; "
				 "`moat devices` lists those there are",
				 moat_bdf_str(*bdf, addr));
	check_all(&in);
	if (in.failed) {
		audit_free(&audit);
		return moat_fail(err, -ENOMEM, "out of memory");
	}
	if (audit.n_findings)
		qsort(audit.findings, audit.n_findings, sizeof(*audit.findings),
		      compare_findings);
	*ret_audit = audit;
	return 0;
}

void audit_free(struct audit *audit)
{
	free(audit->findings);
	free(audit->unknown);
	*audit = (struct audit) { 0 };
}
