// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Moving one function from driver to driver.
 *
 * Every step is checked by what sysfs shows afterwards: a write may fail
 * because somebody else has just done the same, and may succeed without
 * effect.
 *
 * driver_override, and not new_id: an id would claim every device of the
 * same kind, now and when plugged in later.
 * Source: Linux Documentation/ABI/testing/sysfs-bus-pci.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "assign/claim.h"
#include "assign/claim_driver.h"
#include "assign/host_pci_internal.h"
#include "common/io.h"
#include "common/vfio_driver.h"

#define SETTLE_POLL_MS 10

void claim_init(struct claim *c, const struct claim_ops *ops,
		const struct moat_host *host, struct moat_bdf bdf)
{
	c->ops = ops;
	c->host = host_or_this(host);
	c->bdf = bdf;
	(void)moat_bdf_str(bdf, c->addr);
	(void)host_pci_short(bdf, c->typed);
	c->driver = VFIO_PCI;
	c->identity = false;
}

/* Did the write not even reach the kernel's driver core? */
static bool is_denied(int r)
{
	return r == -EACCES || r == -EPERM || r == -EROFS;
}

static int write_attr(const struct claim *c, const char *path, const char *text,
		      struct moat_err *err)
{
	int r;

	r = c->ops->write(c->ops->opaque, path, text);
	if (r == 0)
		return 0;
	return moat_fail(err, r, "%s: cannot write %s: %s%s", c->addr, path,
			 strerror(-r),
			 is_denied(r) ? "; this needs root, and sysfs writable"
				      : "");
}

int claim_set_override(const struct claim *c, const char *name,
		       struct moat_err *err)
{
	char path[PATH_MAX];
	int r;

	r = host_pci_attr(c->host, c->bdf, "driver_override", path);
	if (r < 0)
		return moat_fail(err, r, "%s: its path is too long", c->addr);
	/* sysfs wants "none" spelt as an empty line. */
	return write_attr(c, path, *name ? name : "\n", err);
}

int claim_get_override(const struct claim *c, char ret_name[MOAT_DRIVER_MAX],
		       struct moat_err *err)
{
	char path[PATH_MAX];
	int r;

	r = host_pci_attr(c->host, c->bdf, "driver_override", path);
	if (r == 0)
		r = moat_read_text(path, ret_name, MOAT_DRIVER_MAX);
	if (r < 0)
		return moat_fail(err, r, "%s: cannot read driver_override: %s",
				 c->addr, strerror(-r));
	if (strcmp(ret_name, "(null)") == 0) /* how the kernel prints none */
		ret_name[0] = '\0';
	return 0;
}

static int get_driver(const struct claim *c, char ret_driver[MOAT_DRIVER_MAX],
		      struct moat_err *err)
{
	int r;

	r = host_pci_driver(c->host, c->bdf, ret_driver);
	if (r < 0)
		return moat_fail(err, r, "%s: cannot tell its driver: %s",
				 c->addr, strerror(-r));
	return 0;
}

static bool has_driver(const struct claim *c, const char *driver)
{
	char now[MOAT_DRIVER_MAX];

	return host_pci_driver(c->host, c->bdf, now) == 0 &&
	       strcmp(now, driver) == 0;
}

/* Until the function is on @driver ("": on none), or time is up. */
static bool settle(const struct claim *c, const char *driver)
{
	const struct timespec pause = { .tv_nsec = SETTLE_POLL_MS * 1000000 };

	for (unsigned int ms = 0;; ms += SETTLE_POLL_MS) {
		if (has_driver(c, driver))
			return true;
		if (ms >= c->ops->settle_ms)
			return false;
		(void)nanosleep(&pause, NULL);
	}
}

static int driver_path(const struct claim *c, const char *driver,
		       const char *attr, char ret_path[PATH_MAX])
{
	return moat_path(ret_path, "%s/bus/pci/drivers/%s%s%s", c->host->sysfs,
			 driver, *attr ? "/" : "", attr);
}

static int detach(const struct claim *c, const char *driver,
		  struct moat_err *err)
{
	char path[PATH_MAX];
	int r;

	r = driver_path(c, driver, "unbind", path);
	if (r < 0)
		return moat_fail(err, r, "%s: its path is too long", c->addr);
	r = write_attr(c, path, c->addr, err);
	if (is_denied(r))
		return r;
	if (settle(c, ""))
		return 0; /* perhaps it had left by itself meanwhile */
	if (r < 0)
		return r;
	return moat_fail(err, -EBUSY, "%s: the driver %s does not let go of it",
			 c->addr, driver);
}

/* Modules need not be called like their drivers; the device's ids tell. */
static void load_by_ids(const struct claim *c)
{
	char path[PATH_MAX], modalias[128];

	if (host_pci_attr(c->host, c->bdf, "modalias", path) == 0 &&
	    moat_read_text(path, modalias, sizeof(modalias)) == 0)
		(void)c->ops->load_module(c->ops->opaque, modalias);
}

/* Its module may not be loaded, or not any more. */
static int need_driver(const struct claim *c, const char *driver,
		       struct moat_err *err)
{
	char path[PATH_MAX];
	int r;

	r = driver_path(c, driver, "", path);
	if (r < 0)
		return moat_fail(err, r, "%s: its path is too long", c->addr);
	if (access(path, F_OK) == 0)
		return 0;
	r = c->ops->load_module(c->ops->opaque, driver);
	if (access(path, F_OK) < 0 && !moat_is_vfio_driver(driver))
		load_by_ids(c);
	if (access(path, F_OK) == 0)
		return 0;
	return moat_fail(err, -ENOENT,
			 "%s: the kernel has no driver %s, and `modprobe %s` "
			 "%s%s",
			 c->addr, driver, driver,
			 r < 0 ? "failed: " : "did not bring it",
			 r < 0 ? strerror(-r) : "");
}

static int attach(const struct claim *c, const char *driver,
		  struct moat_err *err)
{
	char path[PATH_MAX];
	int r;

	r = driver_path(c, driver, "bind", path);
	if (r < 0)
		return moat_fail(err, r, "%s: its path is too long", c->addr);
	r = c->ops->write(c->ops->opaque, path, c->addr);
	if (r < 0 && has_driver(c, driver))
		return 0; /* something else bound it just then */
	if (is_denied(r))
		return moat_fail(err, r,
				 "%s: cannot write %s: %s; this needs root, "
				 "and sysfs writable",
				 c->addr, path, strerror(-r));
	if (r < 0)
		return moat_fail(err, r,
				 "%s: the driver %s does not take it: %s; the "
				 "kernel's log (dmesg) may say why",
				 c->addr, driver, strerror(-r));
	if (!settle(c, driver))
		return moat_fail(err, -ETIMEDOUT,
				 "%s: the driver %s did not take it in %u ms",
				 c->addr, driver, c->ops->settle_ms);
	return 0;
}

/*
 * An override that names another driver would keep @driver from matching, so
 * it is put in place last.
 */
int claim_put_on(const struct claim *c, const char *driver,
		 const char *override, struct moat_err *err)
{
	const char *during = *driver && *override ? driver : override;
	char now[MOAT_DRIVER_MAX];
	int r;

	r = get_driver(c, now, err);
	if (r < 0)
		return r;
	if (strcmp(now, driver) == 0)
		return claim_set_override(c, override, err);
	if (*driver) {
		r = need_driver(c, driver, err);
		if (r < 0)
			return r;
	}
	r = claim_set_override(c, during, err);
	if (r == 0 && *now)
		r = detach(c, now, err);
	if (r == 0 && *driver)
		r = attach(c, driver, err);
	if (r == 0 && strcmp(during, override))
		r = claim_set_override(c, override, err);
	return r;
}
