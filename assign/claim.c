// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Taking a function from its driver, and giving it back.
 *
 *	record -> driver_override -> unbind -> bind -> (in use)
 *	       <- driver_override <- unbind <- bind <-
 *
 * For dma=none with an IOMMU there is one step more, while the function is on
 * no driver: the type of its group. If others of the group are taken for
 * dma=none, too, all their records have the earlier type, and each that leaves
 * waits on no driver for the last one.
 *
 * Both directions are one function, claim_put_on(): it leaves the function on a
 * given driver with a given override, from whatever state it is in. So it
 * also continues where a killed process stopped.
 *
 * The invariant: while a function differs from what the host had made of
 * it, there is a record (claim_record.h). The record is written before the
 * first change and removed after the last one is undone, under the
 * function's lock.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <moat/host_pci.h>
#include <moat/log.h>

#include "assign/claim.h"
#include "assign/claim_driver.h"
#include "assign/claim_record.h"
#include "assign/host_pci_internal.h"
#include "assign/unfenced.h"
#include "common/io.h"
#include "common/vfio_driver.h"

/* What release_one() returns when the group is still open in this process. */
#define RELEASE_PUT_OFF 1
/* And when others of the group are not released yet. */
#define RELEASE_WAITS 2

/* Undo what the record tells of, and strike it out. */
static int restore(const struct claim *c, const struct claim_record *rec,
		   struct moat_err *err)
{
	char override[MOAT_DRIVER_MAX];
	int r = 0;

	if (rec->group_type[0]) {
		r = claim_get_override(c, override, err);
		if (r == 0)
			r = claim_put_on(c, "", override, err);
		if (r == 0)
			r = unfenced_set_group_type(c, rec->group_type, err);
	}
	if (r == 0)
		r = claim_put_on(c, rec->driver, rec->override, err);
	if (r < 0)
		return r;
	return claim_record_remove(c->host, c->bdf, err);
}

/*
 * Two may leave the group at a time. Each is on no driver, and on file for the
 * other to find, before it looks: so at least one sees that it is the last.
 * Return: 0, RELEASE_WAITS, or the failure.
 */
static int give_back(const struct claim *c, struct claim_record *rec,
		     struct moat_err *err)
{
	char override[MOAT_DRIVER_MAX];
	int r;

	if (!rec->group_type[0] || !unfenced_group_is_open(c))
		return restore(c, rec, err);
	r = claim_get_override(c, override, err);
	if (r == 0)
		r = claim_put_on(c, "", override, err);
	if (r < 0)
		return r;
	rec->put_off = true;
	r = claim_record_save(c->host, c->bdf, rec, err);
	if (r < 0)
		return r;
	if (!unfenced_group_is_open(c))
		return restore(c, rec, err);
	log_info("%s: goes back to its driver when the others of its IOMMU "
		 "group are released, too",
		 c->addr);
	return RELEASE_WAITS;
}

/* Onto the driver that it is taken for; the undo is give_back(). */
static int put_on_ours(const struct claim *c, struct moat_err *err)
{
	int r = 0;

	if (c->identity) {
		r = claim_put_on(c, "", c->driver, err);
		if (r == 0)
			r = unfenced_set_group_type(c, GROUP_TYPE_NONE, err);
	}
	return r < 0 ? r : claim_put_on(c, c->driver, c->driver, err);
}

/* Which driver, and does its group have to change? */
static int choose_driver(struct claim *c, const struct moat_host_pci *fn,
			 unsigned int flags, struct moat_err *err)
{
	enum unfenced_route route;
	int r;

	if (!(flags & CLAIM_UNFENCED))
		return 0;
	r = unfenced_route(c->host, fn, &route, err);
	if (r < 0)
		return r;
	c->driver = unfenced_driver(route);
	c->identity = route == UNFENCED_UIO && fn->iommu_group != MOAT_NO_GROUP;
	return 0;
}

/* Is it as it is to be, whoever made it so? */
static bool is_placed(const struct claim *c, const char *driver)
{
	char type[GROUP_TYPE_MAX];

	if (strcmp(c->driver, VFIO_PCI) == 0)
		return moat_is_vfio_driver(driver);
	if (strcmp(driver, c->driver))
		return false;
	if (!c->identity)
		return true;
	return unfenced_group_type(c->host, c->bdf, type) == 0 &&
	       strcmp(type, GROUP_TYPE_NONE) == 0;
}

/* May the function be taken from the host at all? */
static int check_bindable(const struct claim *c, const struct moat_host_pci *fn,
			  unsigned int flags, struct moat_err *err)
{
	char path[PATH_MAX], text[8];

	if (fn->is_bridge)
		return moat_fail(err, -EINVAL,
				 "%s is a bridge; only endpoints can be "
				 "assigned",
				 c->addr);
	if (fn->in_use[0] && !(flags & CLAIM_FORCE))
		return host_pci_needed(fn, err);
	if (fn->boot_display)
		log_warn("%s: is the display that the host booted on; it goes "
			 "dark",
			 c->addr);
	if (fn->iommu_group != MOAT_NO_GROUP || flags & CLAIM_UNFENCED)
		return 0;
	/* vfio-pci refuses it as well, but cannot say why. */
	if (moat_path(path, "%s/module/vfio/parameters/%s", c->host->sysfs,
		      "enable_unsafe_noiommu_mode") == 0 &&
	    moat_read_text(path, text, sizeof(text)) == 0 &&
	    strcmp(text, "Y") == 0)
		return 0;
	return host_pci_no_group(c->host, c->bdf, err);
}

static int fail_owned(const struct claim *c, const struct claim_owner *owner,
		      struct moat_err *err)
{
	return moat_fail(err, -EBUSY,
			 "%s is in use by process %d, which took it with "
			 "managed=on; it is given back when that ends",
			 c->addr, owner->pid);
}

/*
 * The record to work with: what there was before, by the present state, or
 * by an earlier record where our own doing has covered the present state.
 */
static int make_record(const struct claim *c, const struct moat_host_pci *fn,
		       const struct claim_record *earlier,
		       struct claim_record *ret_rec, struct moat_err *err)
{
	struct claim_record rec = { .put_off = false };
	int r;

	r = claim_get_override(c, rec.override, err);
	if (r < 0)
		return r;
	memcpy(rec.driver, fn->driver, sizeof(rec.driver));
	if (c->identity) {
		r = unfenced_group_type(c->host, c->bdf, rec.group_type);
		if (r < 0) /* what is not known cannot be put back */
			return moat_fail(err, r,
					 "%s: cannot tell the type of its "
					 "IOMMU group: %s; dma=none has to "
					 "change that, and to put it back",
					 c->addr, strerror(-r));
	}
	if (strcmp(rec.group_type, GROUP_TYPE_NONE) == 0)
		unfenced_group_type_before(c, rec.group_type);
	if (earlier && !rec.driver[0])
		memcpy(rec.driver, earlier->driver, sizeof(rec.driver));
	if (earlier && claim_is_ours(rec.override))
		memcpy(rec.override, earlier->override, sizeof(rec.override));
	if (earlier && earlier->group_type[0])
		memcpy(rec.group_type, earlier->group_type,
		       sizeof(rec.group_type));
	*ret_rec = rec;
	return 0;
}

/*
 * It is on a VFIO driver already. Without a record that is somebody else's
 * doing, and stays. With one, an owner that died leaves it to the caller.
 */
static int adopt(const struct claim *c, struct claim_record *rec,
		 const struct claim_owner *self, bool *ret_bound,
		 struct moat_err *err)
{
	bool inherited;
	int r;

	if (rec->owner.pid == 0) {
		*ret_bound = false;
		return 0;
	}
	inherited = !claim_owner_equal(&rec->owner, self) || rec->put_off;
	rec->owner = *self;
	rec->put_off = false;
	r = claim_record_save(c->host, c->bdf, rec, err);
	if (r == 0)
		*ret_bound = inherited && self->pid != 0;
	return r;
}

static int take(const struct claim *c, const struct moat_host_pci *fn,
		const struct claim_record *earlier,
		const struct claim_owner *self, struct moat_err *err)
{
	struct claim_record rec;
	struct moat_err undo_err;
	int r;

	r = make_record(c, fn, earlier, &rec, err);
	if (r < 0)
		return r;
	rec.owner = *self;
	r = claim_record_save(c->host, c->bdf, &rec, err);
	if (r < 0)
		return r;
	r = put_on_ours(c, err);
	if (r == 0)
		return 0;
	if (give_back(c, &rec, &undo_err) < 0)
		(void)moat_fail(err, r,
				"%s; and it could not be put back: %s; "
				"`moat release %s` tries that again",
				err ? err->msg : "", undo_err.msg, c->typed);
	return r;
}

static int fail_used(const struct claim *c,
		     const struct moat_host_pci_user *user,
		     struct moat_err *err)
{
	if (user->pid == 0)
		return moat_fail(err, -EBUSY,
				 "%s: a process that cannot be told from here "
				 "has it or its IOMMU group open; end that "
				 "first",
				 c->addr);
	return moat_fail(err, -EBUSY,
			 "%s: process %d (%s) has it or its IOMMU group open; "
			 "end that first",
			 c->addr, user->pid, user->comm);
}

/* Taken already, but for the other kind of use. */
static int fail_other_use(const struct claim *c, const char *driver,
			  struct moat_err *err)
{
	return moat_fail(err, -EBUSY,
			 "%s has been taken for %s, and is now wanted for %s; "
			 "give it back first: `moat release %s`",
			 c->addr, driver, c->driver, c->typed);
}

static int bind_locked(struct claim *c, unsigned int flags, bool *ret_bound,
		       struct moat_err *err)
{
	struct claim_owner me, self = { .pid = 0 };
	struct moat_host_pci_user user;
	struct claim_record rec;
	struct moat_host_pci fn;
	bool recorded;
	int r;

	r = moat_host_pci_read(c->host, c->bdf, &fn, err);
	if (r < 0)
		return r;
	r = claim_self(c->host, &me, err);
	if (r < 0)
		return r;
	if (!(flags & CLAIM_STAY))
		self = me;
	r = claim_record_load(c->host, c->bdf, &rec, err);
	if (r < 0 && r != -ENOENT)
		return r;
	recorded = r == 0;
	if (recorded && claim_owner_alive(c->host, &rec.owner) &&
	    !claim_owner_equal(&rec.owner, &me))
		return fail_owned(c, &rec.owner, err);
	r = choose_driver(c, &fn, flags, err);
	if (r < 0)
		return r;
	if (is_placed(c, fn.driver)) {
		if (recorded)
			return adopt(c, &rec, &self, ret_bound, err);
		*ret_bound = false;
		return 0;
	}
	if (claim_is_ours(fn.driver) && recorded)
		return fail_other_use(c, fn.driver, err);
	if (claim_is_ours(fn.driver) &&
	    claim_find_user(c->host, c->bdf, true, &user))
		return fail_used(c, &user, err);
	r = check_bindable(c, &fn, flags, err);
	if (r < 0)
		return r;
	r = take(c, &fn, recorded ? &rec : NULL, &self, err);
	if (r == 0)
		*ret_bound = true;
	return r;
}

int claim_bind(const struct claim_ops *ops, const struct moat_host *host,
	       struct moat_bdf bdf, unsigned int flags, bool *ret_bound,
	       struct moat_err *err)
{
	struct moat_err local;
	struct claim_lock lock;
	struct claim c;
	int r;

	if (!err)
		err = &local;
	claim_init(&c, ops, host, bdf);
	r = claim_lock(c.host, bdf, &lock, err);
	if (r < 0)
		return r;
	r = bind_locked(&c, flags, ret_bound, err);
	claim_unlock(&lock);
	return r;
}

/* Its driver is one of the host's again, without our doing: keep that. */
static int forget(const struct claim *c, const struct claim_record *rec,
		  const char *driver, struct moat_err *err)
{
	char override[MOAT_DRIVER_MAX];
	int r;

	if (rec->group_type[0])
		return moat_fail(err, -EBUSY,
				 "%s: something else bound it to %s, while the "
				 "type of its IOMMU group is not the '%s' that "
				 "it was: unbind it and release it again",
				 c->addr, driver, rec->group_type);
	r = claim_get_override(c, override, err);
	if (r == 0 && claim_is_ours(override))
		r = claim_set_override(c, rec->override, err);
	if (r < 0)
		return r;
	if (strcmp(driver, rec->driver))
		log_info("%s: something else bound it to %s since; it stays "
			 "there",
			 c->addr, driver);
	return claim_record_remove(c->host, c->bdf, err);
}

/* Return: 0, RELEASE_PUT_OFF, RELEASE_WAITS, or the failure. */
static int release_locked(const struct claim *c, struct moat_err *err)
{
	struct moat_host_pci_user user;
	char driver[MOAT_DRIVER_MAX];
	struct claim_record rec;
	struct claim_owner self;
	bool own;
	int r;

	r = claim_self(c->host, &self, err);
	if (r < 0)
		return r;
	r = claim_record_load(c->host, c->bdf, &rec, err);
	if (r < 0)
		return r;
	own = claim_owner_equal(&rec.owner, &self);
	if (!own && claim_owner_alive(c->host, &rec.owner))
		return fail_owned(c, &rec.owner, err);
	r = host_pci_driver(c->host, c->bdf, driver);
	if (r == -ENODEV) {
		log_info("%s: is not on this machine any more; nothing to put "
			 "back",
			 c->addr);
		return claim_record_remove(c->host, c->bdf, err);
	}
	if (r < 0)
		return moat_fail(err, r, "%s: cannot tell its driver: %s",
				 c->addr, strerror(-r));
	if (driver[0] && !claim_is_ours(driver))
		return forget(c, &rec, driver, err);
	if (!claim_find_user(c->host, c->bdf, true, &user))
		return give_back(c, &rec, err);
	if (!own || user.pid != self.pid)
		return fail_used(c, &user, err);
	rec.put_off = true;
	log_debug("%s: goes back to its driver when its group is free",
		  c->addr);
	r = claim_record_save(c->host, c->bdf, &rec, err);
	return r < 0 ? r : RELEASE_PUT_OFF;
}

static int release_one(const struct claim *c, struct moat_err *err)
{
	struct claim_record rec;
	struct claim_lock lock;
	int r;

	/* Before the lock: asking must not make a state directory. */
	r = claim_record_load(c->host, c->bdf, &rec, err);
	if (r == -ENOENT)
		return moat_fail(err, r,
				 "%s: there is no record of moat having bound "
				 "it, so nothing to put back",
				 c->addr);
	if (r < 0)
		return r;
	r = claim_lock(c->host, c->bdf, &lock, err);
	if (r < 0)
		return r;
	r = release_locked(c, err);
	claim_unlock(&lock);
	return r;
}

/*
 * Those of the group that wait for the last one, which @bdf may have been.
 * Return: 0, or the first failure.
 */
static int release_waiting(const struct claim_ops *ops,
			   const struct moat_host *host, struct moat_bdf bdf,
			   struct moat_err *err)
{
	struct moat_err next_err;
	struct claim_record rec;
	struct moat_bdf *others;
	int first = 0, r;
	struct claim c;
	size_t n;

	unfenced_group_others(host, bdf, &others, &n);
	for (size_t i = 0; i < n; i++) {
		if (claim_record_load(host, others[i], &rec, NULL) < 0 ||
		    !rec.put_off || !rec.group_type[0])
			continue;
		claim_init(&c, ops, host, others[i]);
		r = release_one(&c, &next_err);
		/* It may have been its owner's doing just now, or be yet. */
		if (r < 0 && r != -ENOENT && r != -EBUSY && first == 0)
			first = moat_fail(err, r, "%s", next_err.msg);
	}
	free(others);
	return first;
}

/*
 * Release the records of the calling process: all, or only those put off.
 * Return: 0, or the first failure, with its words.
 */
static int release_mine(const struct claim_ops *ops,
			const struct moat_host *host, bool put_off_only,
			struct moat_err *err)
{
	struct claim_owner self;
	struct moat_err next_err;
	struct moat_bdf *bdfs;
	int first = 0, r;
	size_t n;

	r = claim_self(host, &self, err);
	if (r == 0)
		r = moat_host_pci_recorded(host, &bdfs, &n, err);
	if (r == -EACCES)
		return 0; /* who may not read records has made none */
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		struct claim_record rec;
		struct claim c;

		if (claim_record_load(host, bdfs[i], &rec, NULL) < 0 ||
		    !claim_owner_equal(&rec.owner, &self) ||
		    (put_off_only && !rec.put_off))
			continue;
		claim_init(&c, ops, host, bdfs[i]);
		r = release_one(&c, &next_err);
		if (r == 0)
			r = release_waiting(ops, host, bdfs[i], &next_err);
		if (r == RELEASE_PUT_OFF && !put_off_only)
			r = moat_fail(&next_err, -EBUSY,
				      "%s: is still open in this process; "
				      "`moat release %s` puts it back once "
				      "that has ended",
				      c.addr, c.typed);
		if (r < 0 && first == 0)
			first = moat_fail(err, r, "%s", next_err.msg);
	}
	free(bdfs);
	return first;
}

int claim_release(const struct claim_ops *ops, const struct moat_host *host,
		  struct moat_bdf bdf, struct moat_err *err)
{
	struct claim c;
	int r;

	claim_init(&c, ops, host, bdf);
	r = release_one(&c, err);
	if (r == 0)
		r = release_waiting(ops, c.host, bdf, err);
	if (r != 0)
		return r > 0 ? 0 : r;
	return release_mine(ops, c.host, true, err);
}

int claim_release_own(const struct claim_ops *ops, const struct moat_host *host,
		      struct moat_err *err)
{
	return release_mine(ops, host_or_this(host), false, err);
}

/* MOAT_BIND_* as CLAIM_*. */
static unsigned int claim_flags(unsigned int flags)
{
	return (flags & MOAT_BIND_FORCE ? CLAIM_FORCE : 0) |
	       (flags & MOAT_BIND_UNFENCED ? CLAIM_UNFENCED : 0);
}

int moat_host_pci_bind(const struct moat_host *host, struct moat_bdf bdf,
		       unsigned int flags, bool *ret_bound,
		       struct moat_err *err)
{
	return claim_bind(&claim_kernel_ops, host, bdf, claim_flags(flags),
			  ret_bound, err);
}

int moat_host_pci_bind_stay(const struct moat_host *host, struct moat_bdf bdf,
			    unsigned int flags, bool *ret_bound,
			    struct moat_err *err)
{
	return claim_bind(&claim_kernel_ops, host, bdf,
			  CLAIM_STAY | claim_flags(flags), ret_bound, err);
}

int moat_host_pci_release(const struct moat_host *host, struct moat_bdf bdf,
			  struct moat_err *err)
{
	return claim_release(&claim_kernel_ops, host, bdf, err);
}

int moat_host_pci_release_own(const struct moat_host *host,
			      struct moat_err *err)
{
	return claim_release_own(&claim_kernel_ops, host, err);
}

int moat_host_pci_recorded(const struct moat_host *host,
			   struct moat_bdf **ret_bdfs, size_t *ret_n,
			   struct moat_err *err)
{
	int r;

	host = host_or_this(host);
	r = host_pci_read_dir(host->state, ret_bdfs, ret_n);
	if (r == -ENOENT) { /* nothing was ever bound */
		*ret_bdfs = NULL;
		*ret_n = 0;
		return 0;
	}
	if (r < 0)
		return moat_fail(err, r, "cannot read %s: %s%s", host->state,
				 strerror(-r),
				 r == -EACCES ? "; this needs root" : "");
	return 0;
}
