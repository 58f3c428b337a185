// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Resetting devices: for the guest's reset line, for a bus of the guest's,
 * and for a function-level reset.
 *
 * Devices that are reset together are reset beside each other, with one
 * deadline. A device has its own reset, as VFIO says; else the bus it is on
 * may be reset, if nothing else is there; else it keeps its state.
 *
 * Invariant: however a reset ends, bus mastering is off after it and nothing
 * of the device is mapped. But for a reset that does not end: then the kernel
 * has the device, and nobody touches it before it is done (device_is_gone()).
 *
 * Locking: dev->lock, held from before the reset to after it; of several
 * devices in the order of their addresses.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "assign/bus_reset.h"
#include "assign/device_internal.h"
#include "assign/reset_work.h"
#include "common/clock.h"

/*
 * Is the device still there? A dead one reads as all ones. Not so its ids,
 * which VFIO answers from memory.
 */
static int device_answers(struct moat_device *dev)
{
	uint32_t class_revision;
	int r;

	r = host_config_read(dev, PCI_CLASS_REVISION, 4, &class_revision);
	if (r < 0)
		return r;
	return class_revision == UINT32_MAX ? -EIO : 0;
}

static void report_lost(struct moat_device *dev, const char *detail)
{
	dev->lost = true;
	if (dev->vmm)
		dev->vmm->event(dev->vmm_opaque, MOAT_EVENT_DEVICE_LOST,
				detail);
}

/*
 * The kernel saves COMMAND before a reset and restores it afterwards, and a
 * device may have its own way to it: so bus mastering is turned off, and the
 * device looked at, however the reset went.
 */
static int device_settle(struct moat_device *dev, struct moat_err *err)
{
	int r = device_quiesce(dev);

	if (r == 0)
		r = device_answers(dev);
	if (r == 0)
		return 0;
	report_lost(dev, "it does not answer after a reset");
	return moat_fail(err, r,
			 "%s: does not answer after its reset; it may need a "
			 "power cycle",
			 dev->name);
}

/* Off the guest, as it was at power-on. */
static void device_prepare(struct moat_device *dev)
{
	int r;

	irq_off(dev);
	config_power_on(dev);
	msix_power_on(dev);
	bars_unmap_stale(dev); /* COMMAND is zero now */
	rom_unmap_stale(dev);
	r = device_quiesce(dev);
	if (r < 0)
		moat_log(MOAT_LOG_DEBUG, dev->name,
			 "quieting it before its reset: %s", strerror(-r));
}

/* ---- which resets there have to be ---- */

#define NO_JOB ((size_t)-1)

/* Resets that are done together. */
struct reset_set {
	struct moat_reset *reset;
	size_t n;
	struct reset_work *work;
	struct moat_bdf *bdf; /* of those that are reset */
	size_t n_bdfs;
	size_t *job; /* of each @reset, in @work; or NO_JOB */
};

static int set_open(struct reset_set *set)
{
	set->work = reset_work_new(set->n);
	set->bdf = calloc(set->n, sizeof(*set->bdf));
	set->job = calloc(set->n, sizeof(*set->job));
	return set->work && set->bdf && set->job ? 0 : -ENOMEM;
}

static void set_close(struct reset_set *set)
{
	reset_work_put(set->work);
	free(set->bdf);
	free(set->job);
}

/* One job for all that a reset of @i's bus reaches. */
static void plan_bus(struct reset_set *set, size_t i)
{
	struct moat_reset *reset = &set->reset[i];
	struct reset_job job;
	size_t number;

	reset->error = bus_reset_plan(reset->dev, set->bdf, set->n_bdfs, &job,
				      &reset->err);
	if (reset->error < 0)
		return;
	dev_debug(reset->dev, "is reset by its bus");
	number = reset_work_add(set->work, &job);
	for (size_t k = 0; k < set->n; k++)
		if (set->reset[k].error == 0 &&
		    (k == i ||
		     bus_reset_reaches(reset->dev, set->reset[k].dev->bdf)))
			set->job[k] = number;
}

/* Buses first: who is reset by one needs none of its own. */
static void set_plan(struct reset_set *set)
{
	for (size_t i = 0; i < set->n; i++) {
		set->job[i] = NO_JOB;
		if (set->reset[i].error == 0)
			set->bdf[set->n_bdfs++] = set->reset[i].dev->bdf;
	}
	for (size_t i = 0; i < set->n; i++)
		if (set->reset[i].error == 0 && set->job[i] == NO_JOB &&
		    !set->reset[i].dev->host->can_reset)
			plan_bus(set, i);
	for (size_t i = 0; i < set->n; i++) {
		const struct reset_job job = { .host = set->reset[i].dev->host };

		if (set->reset[i].error == 0 && set->job[i] == NO_JOB)
			set->job[i] = reset_work_add(set->work, &job);
	}
}

/* ---- doing them ---- */

static bool set_hurries(void *opaque)
{
	const struct reset_set *set = opaque;

	for (size_t i = 0; i < set->n; i++)
		if (atomic_load(&set->reset[i].dev->hurry))
			return true;
	return false;
}

/* The kernel has not come back. It keeps the device until it does. */
static void reset_unfinished(struct reset_set *set, size_t i)
{
	struct moat_reset *reset = &set->reset[i];
	struct moat_device *dev = reset->dev;

	dev->unfinished = reset_work_get(set->work);
	dev->unfinished_job = set->job[i];
	report_lost(dev, "its reset does not come to an end");
	reset->error = moat_fail(&reset->err, -ETIMEDOUT,
				 "%s: its reset does not come to an end; it "
				 "may need a power cycle",
				 dev->name);
}

static void reset_finish(struct reset_set *set, size_t i)
{
	struct moat_reset *reset = &set->reset[i];
	struct moat_device *dev = reset->dev;
	struct moat_err err;
	int r, reset_r = 0;

	if (set->job[i] != NO_JOB &&
	    !reset_work_result(set->work, set->job[i], &reset_r)) {
		reset_unfinished(set, i);
		return;
	}
	r = device_settle(dev, &err);
	if (r < 0) {
		reset->error = r;
		reset->err = err;
	} else if (reset_r < 0) {
		reset->error = moat_fail(&reset->err, reset_r,
					 "%s: its reset failed: %s", dev->name,
					 strerror(-reset_r));
	} else if (reset->error == -ENOTTY) {
		(void)moat_fail(&reset->err, reset->error,
				"%s; it keeps its state, with bus mastering "
				"off",
				reset->err.msg);
	}
	dev->resets_done++;
	/* The pin works again. */
	if (dev->vmm)
		irq_sync(dev);
}

/* With the locks held, and none of the devices gone. */
static void set_run(struct reset_set *set)
{
	const struct device_claim_ops *ops = set->reset[0].dev->claim_ops;
	uint64_t until_ns = moat_now_ns() + ops->reset_ms * NS_PER_MS;

	for (size_t i = 0; i < set->n; i++)
		device_prepare(set->reset[i].dev);
	set_plan(set);
	reset_work_start(set->work);
	(void)reset_work_wait(set->work, until_ns, set_hurries, set,
			      ops->close_ms);
	for (size_t i = 0; i < set->n; i++)
		reset_finish(set, i);
}

static void reset_locked(struct moat_reset *resets, size_t n)
{
	struct reset_set set = { .reset = resets, .n = n };
	int r = set_open(&set);

	if (r == 0)
		set_run(&set);
	for (size_t i = 0; i < n && r < 0; i++)
		resets[i].error = moat_fail(&resets[i].err, r,
					    "%s: out of memory",
					    resets[i].dev->name);
	set_close(&set);
}

/* By the lock's order; those that are gone come last. */
static int compare(const void *a, const void *b)
{
	const struct moat_reset *x = a, *y = b;

	if (x->error != y->error)
		return x->error == 0 ? -1 : y->error == 0 ? 1 : 0;
	return x->dev < y->dev ? -1 : x->dev > y->dev;
}

void moat_device_reset_all(struct moat_reset *resets, size_t n)
{
	size_t here = 0;

	for (size_t i = 0; i < n; i++)
		resets[i].error = 0;
	qsort(resets, n, sizeof(*resets), compare);
	for (size_t i = 0; i < n; i++) {
		struct moat_device *dev = resets[i].dev;

		pthread_mutex_lock(&dev->lock);
		if (!device_is_gone(dev)) {
			here++;
			continue;
		}
		resets[i].error = moat_fail(&resets[i].err, -ENODEV,
					    dev->withdrawn
						    ? "%s: has been withdrawn"
						    : "%s: is still being "
						      "reset",
					    dev->name);
	}
	qsort(resets, n, sizeof(*resets), compare);
	if (here > 0)
		reset_locked(resets, here);
	for (size_t i = 0; i < n; i++)
		pthread_mutex_unlock(&resets[i].dev->lock);
}

int moat_device_reset(struct moat_device *dev, struct moat_err *err)
{
	struct moat_reset reset = { .dev = dev };

	moat_device_reset_all(&reset, 1);
	if (reset.error < 0 && err)
		*err = reset.err;
	return reset.error;
}

/*
 * Each vCPU may ask for one at the same time, and a reset takes long: the
 * first does for all who were waiting for the lock meanwhile.
 */
void device_reset_for_guest(struct moat_device *dev)
{
	struct moat_reset reset = { .dev = dev };

	if (dev->resets_seen != dev->resets_done)
		return;
	reset_locked(&reset, 1);
	if (reset.error < 0)
		device_warn_err(dev, &reset.err, "");
}

void device_reset_last(struct moat_device *dev)
{
	const struct reset_job job = { .host = dev->host };
	uint64_t until_ns = moat_now_ns() +
			    dev->claim_ops->reset_ms * NS_PER_MS;
	struct reset_work *work;
	int r = 0;

	if (!dev->host->can_reset || dev->host->close_resets || dev->lost)
		return;
	work = reset_work_new(1);
	if (!work)
		return;
	/* As at every reset; detaching tells of a failure. */
	(void)device_quiesce(dev);
	(void)reset_work_add(work, &job);
	reset_work_start(work);
	if (!reset_work_wait(work, until_ns, NULL, NULL, 0)) {
		pthread_mutex_lock(&dev->lock);
		dev->unfinished = work;
		dev->unfinished_job = 0;
		pthread_mutex_unlock(&dev->lock);
		return;
	}
	(void)reset_work_result(work, 0, &r);
	reset_work_put(work);
	if (r < 0)
		dev_warn(dev,
			 "its reset at the end failed: %s; what the guest left "
			 "in it, the next one may find",
			 strerror(-r));
}

void moat_device_hurry(struct moat_device *dev)
{
	atomic_store(&dev->hurry, true);
}

bool device_is_gone(struct moat_device *dev)
{
	int r;

	if (dev->unfinished &&
	    reset_work_result(dev->unfinished, dev->unfinished_job, &r)) {
		reset_work_put(dev->unfinished);
		dev->unfinished = NULL;
	}
	return dev->withdrawn || dev->unfinished;
}
