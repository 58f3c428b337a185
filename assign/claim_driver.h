/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Moving one function from driver to driver. */
#ifndef MOAT_ASSIGN_CLAIM_DRIVER_H
#define MOAT_ASSIGN_CLAIM_DRIVER_H

#include <stdbool.h>

#include <moat/bdf.h>
#include <moat/err.h>
#include <moat/host_pci.h>

struct claim_ops;
struct moat_host;

/* One function being worked on. */
struct claim {
	const struct claim_ops *ops;
	const struct moat_host *host;
	struct moat_bdf bdf;
	char addr[MOAT_BDF_STRLEN];  /* as sysfs has it */
	char typed[MOAT_BDF_STRLEN]; /* as people type it */
	const char *driver;	     /* that it is taken for */
	bool identity;		     /* and its group's type is to be that */
};

void claim_init(struct claim *c, const struct claim_ops *ops,
		const struct moat_host *host, struct moat_bdf bdf);

/** claim_get_override() - driver_override as it is; "" for none */
int claim_get_override(const struct claim *c, char ret_name[MOAT_DRIVER_MAX],
		       struct moat_err *err);

/** claim_set_override() - @name: "" clears it */
int claim_set_override(const struct claim *c, const char *name,
		       struct moat_err *err);

/**
 * claim_put_on() - leave the function on @driver ("": on none) with @override
 *
 * From whatever state it is in. Loads the driver's module where it is
 * missing. On error the function is somewhere on the way.
 */
int claim_put_on(const struct claim *c, const char *driver,
		 const char *override, struct moat_err *err);

#endif /* MOAT_ASSIGN_CLAIM_DRIVER_H */
