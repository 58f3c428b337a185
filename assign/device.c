// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An assigned device between opening and closing: plugged, armed, accessed.
 *
 * Locking: dev->lock, taken by every function that a vCPU may call.
 */
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "assign/bus_reset.h"
#include "assign/bytes.h"
#include "assign/device_internal.h"
#include "assign/vmm_defaults.h"
#include "common/util.h"

static void warn_line(struct moat_device *dev, const char *name,
		      const char *text)
{
	unsigned int missed;

	if (!moat_ratelimit_pass(&dev->warnings, &missed))
		return;
	if (missed)
		moat_log(MOAT_LOG_WARN, name, "%s (%u warnings kept back)",
			 text, missed);
	else
		moat_log(MOAT_LOG_WARN, name, "%s", text);
}

void device_warn(struct moat_device *dev, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	warn_line(dev, dev->name, text);
}

void device_warn_err(struct moat_device *dev, const struct moat_err *err,
		     const char *then)
{
	char text[MOAT_ERR_MAX + 64];

	(void)snprintf(text, sizeof(text), "%s%s", err->msg, then);
	warn_line(dev, NULL, text);
}

bool device_is_awake(const struct moat_device *dev)
{
	if (!dev->pm_cap)
		return true;
	return (config_get(&dev->cfg, dev->pm_cap + PCI_PM_CTRL, 2) &
		PCI_PM_CTRL_STATE_MASK) == 0;
}

/*
 * A device that can neither share its line nor have it alone is refused: the
 * host's other device would starve, or it. Without a line for any other
 * reason it can still use messages, if it may; then it shows no pin.
 */
static int plug_intx(struct moat_device *dev, struct moat_err *err)
{
	struct moat_err why;
	int r;

	r = irq_plug(dev, &why);
	if (r == -EBUSY || (r < 0 && dev->irq.pin_only))
		return moat_fail(err, r, "%s", why.msg);
	if (r < 0) {
		device_warn_err(dev, &why, "; the guest sees no INTx");
		dev->irq.pin = 0;
		config_set(&dev->cfg, PCI_INTERRUPT_PIN, 1, 0);
		dev->cfg.power_on[PCI_INTERRUPT_PIN] = 0;
	}
	return 0;
}

/* Now all devices of the guest are open, so that it is known who has what. */
static void warn_without_reset(struct moat_device *dev)
{
	struct reset_job job;
	struct moat_err err;

	if (!dev->host->can_reset &&
	    bus_reset_plan(dev, dev->guest, dev->n_guest, &job, &err) < 0)
		device_warn_err(dev, &err,
				"; what a guest leaves in it, the next one "
				"finds");
}

int moat_device_plug(struct moat_device *dev, const struct moat_vmm_ops *ops,
		     void *vmm, unsigned int how, struct moat_err *err)
{
	int r;

	pthread_mutex_lock(&dev->lock);
	assert(!dev->vmm);
	r = config_build(dev, how, err);
	if (r < 0)
		goto unlock;
	vmm_ops_complete(ops, &dev->vmm_ops);
	dev->vmm = &dev->vmm_ops;
	dev->vmm_opaque = vmm;
	warn_without_reset(dev);
	r = ports_plug(dev, err);
	if (r < 0)
		goto unplug;
	r = plug_intx(dev, err);
	if (r == 0)
		goto unlock;
	ports_unplug(dev);
unplug:
	dev->vmm = NULL;
unlock:
	pthread_mutex_unlock(&dev->lock);
	return r;
}

void moat_device_arm(struct moat_device *dev)
{
	pthread_mutex_lock(&dev->lock);
	dev->armed = true;
	if (!device_is_gone(dev))
		config_decode_changed(dev);
	pthread_mutex_unlock(&dev->lock);
}

int moat_device_place_irqs(struct moat_device *dev)
{
	/* Whoever has the lock may be waiting for a reset. */
	if (pthread_mutex_trylock(&dev->lock) != 0)
		return -EBUSY;
	if (!device_is_gone(dev))
		irq_place(dev);
	pthread_mutex_unlock(&dev->lock);
	return 0;
}

static bool access_valid(uint16_t offset, unsigned int size)
{
	return (size == 1 || size == 2 || size == 4) && offset % size == 0 &&
	       offset + size <= CONFIG_SIZE;
}

uint32_t moat_device_config_read(struct moat_device *dev, uint16_t offset,
				 unsigned int size)
{
	uint32_t value = (uint32_t)all_ones(size);

	if (!access_valid(offset, size))
		return UINT32_MAX;
	pthread_mutex_lock(&dev->lock);
	if (!device_is_gone(dev))
		value = config_read(dev, offset, size);
	pthread_mutex_unlock(&dev->lock);
	return value;
}

void moat_device_config_write(struct moat_device *dev, uint16_t offset,
			      unsigned int size, uint32_t value)
{
	unsigned int resets = dev->resets_done;

	if (!access_valid(offset, size))
		return;
	pthread_mutex_lock(&dev->lock);
	dev->resets_seen = resets;
	if (dev->vmm && !device_is_gone(dev))
		config_write(dev, offset, size, value);
	pthread_mutex_unlock(&dev->lock);
}

/* Constant since open: no lock. */
void moat_device_bar(const struct moat_device *dev, unsigned int index,
		     struct moat_bar_info *ret_info)
{
	if (index < MOAT_PCI_BARS)
		*ret_info = dev->bar[index].info;
	else if (index == MOAT_PCI_ROM && dev->rom.size)
		*ret_info = (struct moat_bar_info) { .kind = MOAT_BAR_MEM32,
						     .size = dev->rom.size };
	else
		*ret_info = (struct moat_bar_info) { .kind = MOAT_BAR_NONE };
}

bool moat_device_is_pcie(const struct moat_device *dev)
{
	return dev->pcie_cap != 0;
}

const char *moat_device_name(const struct moat_device *dev)
{
	return dev->name;
}
