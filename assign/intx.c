// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The interrupt pin: level-triggered, and by eventfds without us.
 *
 * The device asserts; VFIO masks the line and signals the trigger; the VMM
 * raises the guest's line; the guest ends the interrupt; the VMM lowers the
 * line and signals the resample eventfd; VFIO unmasks, and if the device
 * still asserts, that begins again. So no storm, and none is lost.
 *
 * Source: Linux Documentation/virt/kvm/api.rst, KVM_IRQFD; linux/vfio.h,
 * VFIO_DEVICE_SET_IRQS.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "assign/device_internal.h"

/*
 * The kernel shares a line only among devices that can mask their own
 * interrupt; without that (DisINTx of PCI 2.3; absent, known to be broken, or
 * turned off by vfio_pci.nointxmask) VFIO masks the whole line, and wants it
 * alone.
 */
static int intx_shared(struct moat_device *dev, int r, struct moat_err *err)
{
	const struct irqs *irq = &dev->irq;
	char users[256];

	if (dev->claim_ops->irq_users(dev->host_root, dev->bdf, users,
				      sizeof(users)) < 0 ||
	    !users[0])
		(void)strcpy(users, "another device of the host");
	return moat_fail(err, r,
			 "%s: its interrupt line is taken by %s and cannot be "
			 "shared, because one of them cannot mask its own "
			 "interrupt (DisINTx); %sunbind the other's driver, or "
			 "move a device to another slot",
			 dev->name, users,
			 irq->msix_cap	? "assign it with irq=msix, "
			 : irq->msi_cap ? "assign it with irq=msi, "
					: "");
}

static int intx_host_error(struct moat_device *dev, int r, struct moat_err *err)
{
	if (r == -EBUSY)
		return intx_shared(dev, r, err);
	return moat_fail(err, r, "%s: VFIO cannot take its interrupt INT%c: %s",
			 dev->name, 'A' + (int)dev->irq.pin - 1, strerror(-r));
}

int intx_start(struct moat_device *dev, struct moat_err *err)
{
	struct irqs *irq = &dev->irq;
	struct host_device *host = dev->host;
	int trigger, resample, r;

	trigger = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (trigger < 0)
		return moat_fail(err, -errno, "%s: no eventfd for INTx: %s",
				 dev->name, strerror(errno));
	resample = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (resample < 0) {
		r = moat_fail(err, -errno, "%s: no eventfd for INTx: %s",
			      dev->name, strerror(errno));
		goto close_trigger;
	}
	r = dev->vmm->intx_connect(dev->vmm_opaque, irq->pin, trigger,
				   resample);
	if (r < 0) {
		r = moat_fail(err, r,
			      "%s: the VMM cannot connect its INT%c: %s",
			      dev->name, 'A' + (int)irq->pin - 1, strerror(-r));
		goto close_resample;
	}
	r = host->ops->irq_set(host, HOST_IRQ_INTX, 0, 1, &trigger);
	if (r != 0) {
		r = intx_host_error(dev, r < 0 ? r : -ENOSPC, err);
		goto disconnect;
	}
	/* An interrupt that came before this is unmasked here. */
	r = host->ops->intx_unmask_by(host, resample);
	if (r < 0) {
		r = intx_host_error(dev, r, err);
		goto disable;
	}
	irq->intx_trigger_fd = trigger;
	irq->intx_resample_fd = resample;
	return 0;
disable:
	(void)host->ops->irq_disable(host, HOST_IRQ_INTX);
disconnect:
	dev->vmm->intx_disconnect(dev->vmm_opaque, irq->pin, trigger);
close_resample:
	(void)close(resample);
close_trigger:
	(void)close(trigger);
	return r;
}

void intx_stop(struct moat_device *dev)
{
	struct irqs *irq = &dev->irq;
	int r;

	r = dev->host->ops->irq_disable(dev->host, HOST_IRQ_INTX);
	if (r < 0)
		dev_warn(dev, "VFIO does not let go of INTx: %s", strerror(-r));
	dev->vmm->intx_disconnect(dev->vmm_opaque, irq->pin,
				  irq->intx_trigger_fd);
	(void)close(irq->intx_trigger_fd);
	(void)close(irq->intx_resample_fd);
	irq->intx_trigger_fd = -1;
	irq->intx_resample_fd = -1;
}
