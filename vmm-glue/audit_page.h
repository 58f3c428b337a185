/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An audit as one page for a browser, with a picture of the host. */
#ifndef MOAT_VMM_AUDIT_PAGE_H
#define MOAT_VMM_AUDIT_PAGE_H

#include <stdio.h>

#include "vmm-glue/audit.h"
#include "vmm-glue/audit_facts.h"

struct audit_page {
	const struct audit *audit;
	const struct audit_facts *facts;
	const char *host;   /* its name */
	const char *only;   /* the device that was judged; NULL: all */
	const char *kernel; /* its release */
	const char *when;
	const char *version; /* of moat */
	/* What people call a function; NULL: its ids will do. */
	void (*name)(void *opaque, const struct moat_host_pci *fn, char *buf,
		     size_t size);
	void *opaque;
};

/**
 * audit_page_print() - the page, whole and by itself: nothing in it is
 * fetched, and nothing runs
 */
void audit_page_print(const struct audit_page *page, FILE *out);

/* Of its parts. */

/** audit_page_picture() - units, in them groups, in these functions */
void audit_page_picture(const struct audit_page *page, FILE *out);

/** audit_page_units() - what each unit can do, by name */
void audit_page_units(const struct audit_page *page, FILE *out);

/** audit_page_firmware() - what firmware says of the units */
void audit_page_firmware(const struct audit_page *page, FILE *out);

/** audit_page_name() - "Intel Corporation 82574L [8086:10d3]" */
void audit_page_name(const struct audit_page *page,
		     const struct moat_host_pci *fn, char *buf, size_t size);

/** audit_page_unit() - the unit in front of a function, or NULL */
const struct posture_unit *audit_page_unit(const struct audit_page *page,
					   const struct moat_host_pci *fn);

/**
 * audit_page_worst() - the severest finding of a subject, or NULL
 */
const struct audit_finding *audit_page_worst(const struct audit_page *page,
					     const char *subject);

#endif /* MOAT_VMM_AUDIT_PAGE_H */
