// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Resetting a device: for the guest's reset line and for its function-level
 * reset.
 *
 * Invariant: however a reset ends, bus mastering is off after it and nothing
 * of the device is mapped.
 * Locking: dev->lock, held from before the reset to after it.
 */
#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "assign/device_internal.h"
#include "common/clock.h"

/* How long something else in the kernel may keep a device from its reset. */
#define RESET_WAIT_MS 3000
#define RESET_POLL_MS 5

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

/*
 * The kernel does not wait for whoever works on the device just now (its
 * error handling, sysfs), but says -EAGAIN.
 */
static int reset_patiently(struct moat_device *dev)
{
	uint64_t until_ns = moat_now_ns() + RESET_WAIT_MS * NS_PER_MS;
	int r;

	for (;;) {
		r = dev->host->ops->reset(dev->host);
		if (r != -EAGAIN || moat_now_ns() >= until_ns)
			return r;
		moat_sleep_ms(RESET_POLL_MS);
	}
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
	if (dev->vmm)
		dev->vmm->event(dev->vmm_opaque, MOAT_EVENT_DEVICE_LOST,
				"it does not answer after a reset");
	return moat_fail(err, r,
			 "%s: does not answer after its reset; it may need a "
			 "power cycle",
			 dev->name);
}

static int function_reset(struct moat_device *dev, struct moat_err *err)
{
	int reset_r, r;

	reset_r = reset_patiently(dev);
	r = device_settle(dev, err);
	if (r < 0)
		return r;
	if (reset_r == -ENOTTY)
		return moat_fail(err, reset_r,
				 "%s: the host knows no way to reset it; it "
				 "keeps its state, with bus mastering off",
				 dev->name);
	if (reset_r < 0)
		return moat_fail(err, reset_r, "%s: its reset failed: %s",
				 dev->name, strerror(-reset_r));
	return 0;
}

static int device_reset_locked(struct moat_device *dev, struct moat_err *err)
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
	r = function_reset(dev, err);
	dev->resets_done++;
	/* The pin works again. */
	if (dev->vmm)
		irq_sync(dev);
	return r;
}

/*
 * Each vCPU may ask for one at the same time, and a reset takes long: the
 * first does for all who were waiting for the lock meanwhile.
 */
void device_reset_for_guest(struct moat_device *dev)
{
	struct moat_err err;

	if (dev->resets_seen != dev->resets_done)
		return;
	if (device_reset_locked(dev, &err) < 0)
		device_warn_err(dev, &err, "");
}

int moat_device_reset(struct moat_device *dev, struct moat_err *err)
{
	int r;

	pthread_mutex_lock(&dev->lock);
	if (dev->withdrawn)
		r = moat_fail(err, -ENODEV, "%s: has been withdrawn",
			      dev->name);
	else
		r = device_reset_locked(dev, err);
	pthread_mutex_unlock(&dev->lock);
	return r;
}
