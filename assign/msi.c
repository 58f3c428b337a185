// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The MSI capability: 1 to 32 messages that differ in the low bits of their
 * data. All of it is virtual; the device's own is programmed by VFIO.
 *
 * Source: PCI Local Bus 3.0 section 6.8.1.
 */
#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "assign/bytes.h"
#include "assign/device_internal.h"
#include "common/util.h"

#define MSI_VECTORS_MAX 32
#define QMASK_SHIFT	1
#define QSIZE_SHIFT	4

/* Where the registers behind the address are depends on its width. */
static uint16_t data_reg(const struct irqs *irq)
{
	return irq->msi_cap +
	       (irq->msi_64bit ? PCI_MSI_DATA_64 : PCI_MSI_DATA_32);
}

static uint16_t mask_reg(const struct irqs *irq)
{
	return irq->msi_cap +
	       (irq->msi_64bit ? PCI_MSI_MASK_64 : PCI_MSI_MASK_32);
}

static uint16_t pending_reg(const struct irqs *irq)
{
	return irq->msi_cap +
	       (irq->msi_64bit ? PCI_MSI_PENDING_64 : PCI_MSI_PENDING_32);
}

unsigned int msi_length(uint16_t flags)
{
	unsigned int len = flags & PCI_MSI_FLAGS_64BIT ? 14 : 10;

	/* Two reserved bytes, mask, pending. */
	return flags & PCI_MSI_FLAGS_MASKBIT ? len + 10 : len;
}

int msi_probe(struct moat_device *dev, uint16_t cap, struct moat_err *err)
{
	uint16_t flags = get_le16(dev->raw + cap + PCI_MSI_FLAGS);
	struct host_irq info;
	int r;

	r = dev->host->ops->irq_info(dev->host, HOST_IRQ_MSI, &info);
	if (r < 0)
		return moat_fail(err, r, "%s: cannot ask for MSI: %s",
				 dev->name, strerror(-r));
	if (info.count == 0)
		return 0;
	dev->irq.msi_cap = cap;
	dev->irq.msi_64bit = flags & PCI_MSI_FLAGS_64BIT;
	dev->irq.msi_maskable = flags & PCI_MSI_FLAGS_MASKBIT;
	return 0;
}

static uint16_t guest_flags(const struct moat_device *dev)
{
	return (uint16_t)config_get(&dev->cfg, dev->irq.msi_cap + PCI_MSI_FLAGS,
				    2);
}

bool msi_enabled(const struct moat_device *dev)
{
	return dev->irq.msi_cap && (guest_flags(dev) & PCI_MSI_FLAGS_ENABLE);
}

unsigned int msi_count(const struct moat_device *dev)
{
	unsigned int flags = guest_flags(dev);
	unsigned int have = (flags & PCI_MSI_FLAGS_QMASK) >> QMASK_SHIFT;
	unsigned int want = (flags & PCI_MSI_FLAGS_QSIZE) >> QSIZE_SHIFT;

	/* More than there are, or a reserved encoding: all there are. */
	return 1u << (want < have ? want : have);
}

bool msi_wanted(const struct moat_device *dev, unsigned int i,
		struct moat_msi_msg *ret_msg)
{
	const struct irqs *irq = &dev->irq;
	const struct config *cfg = &dev->cfg;
	uint32_t data = config_get(cfg, data_reg(irq), 2);

	if (irq->msi_maskable &&
	    (config_get(cfg, mask_reg(irq), 4) & (UINT32_C(1) << i)))
		return false;
	ret_msg->address =
		config_get(cfg, irq->msi_cap + PCI_MSI_ADDRESS_LO, 4);
	if (irq->msi_64bit)
		ret_msg->address |=
			(uint64_t)config_get(
				cfg, irq->msi_cap + PCI_MSI_ADDRESS_HI, 4)
			<< 32;
	ret_msg->data = (data & ~(msi_count(dev) - 1)) | i;
	return true;
}

static void msi_written(struct moat_device *dev, uint16_t first, uint32_t old,
			uint32_t now)
{
	(void)first;
	if (old != now)
		irq_sync(dev);
}

static void pending_refresh(struct moat_device *dev, uint16_t first)
{
	unsigned int i, n = dev->irq.mode == IRQ_MSI ? dev->irq.n_enabled : 0;
	uint32_t bits = 0;

	for (i = 0; i < n; i++)
		if (vector_is_pending(dev, i))
			bits |= UINT32_C(1) << i;
	config_set(&dev->cfg, first, 4, bits);
}

int msi_add_rows(struct moat_device *dev)
{
	const struct irqs *irq = &dev->irq;
	uint16_t cap = irq->msi_cap;
	uint16_t flags = get_le16(dev->raw + cap + PCI_MSI_FLAGS) &
			 (PCI_MSI_FLAGS_QMASK | PCI_MSI_FLAGS_64BIT |
			  PCI_MSI_FLAGS_MASKBIT);
	unsigned int qmask = (flags & PCI_MSI_FLAGS_QMASK) >> QMASK_SHIFT;
	const struct config_row rows[] = {
		{ .first = cap + PCI_MSI_FLAGS,
		  .len = 2,
		  .writable = PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE,
		  .written = msi_written },
		{ .first = cap + PCI_MSI_ADDRESS_LO,
		  .len = 4,
		  .writable = 0xfffffffc,
		  .written = msi_written },
		{ .first = data_reg(irq),
		  .len = 2,
		  .writable = 0xffff,
		  .written = msi_written },
		{ .first = cap + PCI_MSI_ADDRESS_HI,
		  .len = 4,
		  .writable = UINT32_MAX,
		  .written = msi_written },
		{ .first = mask_reg(irq),
		  .len = 4,
		  .writable = UINT32_MAX,
		  .written = msi_written },
		{ .first = pending_reg(irq),
		  .len = 4,
		  .refresh = pending_refresh },
	};
	int r;

	if (qmask > 5) /* 32 vectors; more is reserved */
		flags = (uint16_t)((flags & ~PCI_MSI_FLAGS_QMASK) |
				   5 << QMASK_SHIFT);
	config_set(&dev->cfg, cap + PCI_MSI_FLAGS, 2, flags);
	r = config_add_table(&dev->cfg, 0, rows, 3);
	if (r == 0 && irq->msi_64bit)
		r = config_add(&dev->cfg, &rows[3]);
	if (r == 0 && irq->msi_maskable)
		r = config_add_table(&dev->cfg, 0, &rows[4], 2);
	return r;
}
