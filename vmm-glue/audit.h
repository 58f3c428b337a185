/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Does DMA isolation hold on this host? What iommu/ and assign/ know of it,
 * judged by a table of rules, each with words for an administrator: what it
 * is, why it matters, how to mend it.
 */
#ifndef MOAT_VMM_AUDIT_H
#define MOAT_VMM_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <moat/bdf.h>
#include <moat/err.h>

#include "common/host.h"

enum audit_severity { AUDIT_LOW, AUDIT_MEDIUM, AUDIT_HIGH };

/* One row each in audit_rules.c. */
enum audit_rule_id {
	AUDIT_NO_IOMMU,
	AUDIT_UNIT_OFF,
	AUDIT_DMAR_BAD,
	AUDIT_NO_GROUP,
	AUDIT_NOIOMMU_DEVICE,
	AUDIT_NOIOMMU_MODE,
	AUDIT_INTERRUPTS,
	AUDIT_UNIT_INTERRUPTS,
	AUDIT_COMPATIBILITY,
	AUDIT_UNSAFE_INTERRUPTS,
	AUDIT_UNVERIFIED_IRTE,
	AUDIT_BUS_MASTER,
	AUDIT_ACS_OVERRIDE,
	AUDIT_GROUP_OWNERS,
	AUDIT_RMRR_RAM,
	AUDIT_PASS_THROUGH,
	AUDIT_ATS_ON,
	AUDIT_ATS_ALLOWED,
	AUDIT_ACS_MISSING,
	AUDIT_ALIAS,
	AUDIT_RMRR,
	AUDIT_NO_RESET,
	AUDIT_DMAR_ODD,
	AUDIT_GROUP_SHARED,
	AUDIT_LAZY,
	AUDIT_RMRR_RELAXED,
	AUDIT_PROTECTED_MEMORY,
	AUDIT_MEMLOCK,
	AUDIT_HUGE_PAGES,
	AUDIT_RULES
};

struct audit_rule {
	const char *name; /* stable: programs may look for it */
	enum audit_severity severity;
	const char *what;
	const char *why;
	const char *mend;
};

extern const struct audit_rule audit_rules[AUDIT_RULES];

/** audit_severity_name() - "low", "medium", "high" */
const char *audit_severity_name(enum audit_severity severity);

struct audit_finding {
	enum audit_rule_id rule;
	char subject[32]; /* "host", "dmar0", "group 4", "0000:04:08.0" */
	char detail[512]; /* what exactly, if there is more to say; or "" */
};

struct audit {
	struct audit_finding *findings; /* the severest first */
	size_t n_findings;
	char (*unknown)[256]; /* sentences: what could not be told, and why */
	size_t n_unknown;
	const char *note; /* what is taken for granted; NULL: nothing */
};

struct audit_facts;

/**
 * audit_judge() - judge the host, or what concerns one device of it
 * @facts: of the host, from audit_facts_read()
 * @bdf: NULL: all
 *
 * Some of what is judged is looked at here: who has a device open, limits.
 * Return: 0; -ENODEV when there is no such device; -ENOMEM.
 */
int audit_judge(const struct audit_facts *facts, const struct moat_bdf *bdf,
		struct audit *ret_audit, struct moat_err *err);

void audit_free(struct audit *audit);

/** audit_print_text() - for people */
void audit_print_text(const struct audit *audit, FILE *out);

/** audit_print_json() - for programs; Return: 0 or -ENOMEM */
int audit_print_json(const struct audit *audit, FILE *out);

#endif /* MOAT_VMM_AUDIT_H */
