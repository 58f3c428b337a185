// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * MSI-X: a table of up to 2048 messages in a BAR. The table is the engine's;
 * the device's own is programmed by VFIO and never seen by the guest.
 *
 * The pending bits are the device's for vectors that the host has not armed
 * (the hardware holds those back), and the eventfds' for armed ones that the
 * guest masks.
 *
 * Source: PCI Local Bus 3.0 section 6.8.2.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "assign/bytes.h"
#include "assign/device_internal.h"
#include "assign/quirks.h"
#include "common/util.h"

#define ENTRY PCI_MSIX_ENTRY_SIZE

/* Where the pending bits are: what the device says may be known to be wrong. */
static uint32_t true_pba_offset(struct moat_device *dev, unsigned int bar,
				uint32_t offset)
{
	const struct quirk_id id = {
		.vendor = get_le16(dev->raw + PCI_VENDOR_ID),
		.device = get_le16(dev->raw + PCI_DEVICE_ID),
		.class_code = get_le32(dev->raw + PCI_CLASS_REVISION) >> 8,
		.on_root_bus = dev->bdf.bus == 0,
	};
	const struct quirk *quirk = NULL;
	struct host_region region;

	while ((quirk = quirk_find(&id, quirk))) {
		if (!quirk->pba_offset || quirk->pba_offset_bad != offset ||
		    bar >= MOAT_PCI_BARS ||
		    dev->host->ops->region_info(
			    dev->host, HOST_REGION_BAR0 + bar, &region) < 0 ||
		    offset < region.size)
			continue;
		dev_debug(dev, "quirk: %s", quirk->reason);
		return quirk->pba_offset;
	}
	return offset;
}

int msix_probe(struct moat_device *dev, uint16_t cap, struct moat_err *err)
{
	const uint8_t *raw = dev->raw + cap;
	uint32_t table = get_le32(raw + PCI_MSIX_TABLE);
	uint32_t pba = get_le32(raw + PCI_MSIX_PBA);
	struct irqs *irq = &dev->irq;
	struct host_irq info;
	unsigned int n;
	int r;

	r = dev->host->ops->irq_info(dev->host, HOST_IRQ_MSIX, &info);
	if (r < 0)
		return moat_fail(err, r, "%s: cannot ask for MSI-X: %s",
				 dev->name, strerror(-r));
	n = (get_le16(raw + PCI_MSIX_FLAGS) & PCI_MSIX_FLAGS_QSIZE) + 1u;
	irq->n_table = n;
	irq->table_bar = table & PCI_MSIX_TABLE_BIR;
	irq->table_offset = table & PCI_MSIX_TABLE_OFFSET;
	irq->pba_bar = pba & PCI_MSIX_PBA_BIR;
	irq->pba_offset =
		true_pba_offset(dev, irq->pba_bar, pba & PCI_MSIX_PBA_OFFSET);
	/* Hidden then, but the table is there, and never the guest's. */
	if (info.count == 0)
		return 0;
	irq->n_msix = n < info.count ? n : info.count;
	irq->table = calloc(irq->n_msix, ENTRY);
	if (!irq->table)
		return moat_fail(err, -ENOMEM, "%s: out of memory", dev->name);
	irq->msix_cap = cap;
	msix_power_on(dev);
	return 0;
}

uint64_t msix_pba_len(const struct moat_device *dev)
{
	return align_up(dev->irq.n_msix, 64) / 8;
}

static int area_check(struct moat_device *dev, const char *what,
		      unsigned int index, uint64_t offset, uint64_t len,
		      struct moat_err *err)
{
	uint64_t size = 0;

	if (index < MOAT_PCI_BARS && dev->bar[index].info.kind != MOAT_BAR_PIO)
		size = dev->bar[index].info.size;
	if (offset < size && len <= size - offset)
		return 0;
	return moat_fail(err, -EINVAL,
			 "%s: its MSI-X %s does not lie in a memory BAR (BAR "
			 "%u, offset 0x%llx, 0x%llx bytes)",
			 dev->name, what, index, (unsigned long long)offset,
			 (unsigned long long)len);
}

int msix_check(struct moat_device *dev, struct moat_err *err)
{
	const struct irqs *irq = &dev->irq;
	uint64_t table_len = (uint64_t)irq->n_msix * ENTRY;
	uint64_t pba_len = msix_pba_len(dev);
	int r;

	if (!irq->msix_cap)
		return 0;
	r = area_check(dev, "table", irq->table_bar, irq->table_offset,
		       table_len, err);
	if (r == 0)
		r = area_check(dev, "pending bits", irq->pba_bar,
			       irq->pba_offset, pba_len, err);
	if (r < 0)
		return r;
	if (irq->table_bar == irq->pba_bar &&
	    ranges_overlap(irq->table_offset, irq->table_offset + table_len - 1,
			   irq->pba_offset, irq->pba_offset + pba_len - 1))
		return moat_fail(err, -EINVAL,
				 "%s: its MSI-X table and pending bits overlap",
				 dev->name);
	return 0;
}

void msix_power_on(struct moat_device *dev)
{
	struct irqs *irq = &dev->irq;
	unsigned int i;

	for (i = 0; irq->msix_cap && i < irq->n_msix; i++) {
		memset(irq->table + i * ENTRY, 0, ENTRY);
		put_le(irq->table + i * ENTRY + PCI_MSIX_ENTRY_VECTOR_CTRL, 4,
		       PCI_MSIX_ENTRY_CTRL_MASKBIT);
	}
}

static uint16_t guest_flags(const struct moat_device *dev)
{
	return (uint16_t)config_get(&dev->cfg,
				    dev->irq.msix_cap + PCI_MSIX_FLAGS, 2);
}

bool msix_enabled(const struct moat_device *dev)
{
	return dev->irq.msix_cap && (guest_flags(dev) & PCI_MSIX_FLAGS_ENABLE);
}

bool msix_wanted(const struct moat_device *dev, unsigned int i,
		 struct moat_msi_msg *ret_msg)
{
	const uint8_t *entry = dev->irq.table + i * ENTRY;

	if (guest_flags(dev) & PCI_MSIX_FLAGS_MASKALL)
		return false;
	if (get_le32(entry + PCI_MSIX_ENTRY_VECTOR_CTRL) &
	    PCI_MSIX_ENTRY_CTRL_MASKBIT)
		return false;
	ret_msg->address = get_le(entry + PCI_MSIX_ENTRY_LOWER_ADDR, 8);
	ret_msg->data = get_le32(entry + PCI_MSIX_ENTRY_DATA);
	return true;
}

uint64_t msix_table_read(struct moat_device *dev, uint64_t offset,
			 unsigned int size)
{
	return get_le(dev->irq.table + offset, size);
}

void msix_table_write(struct moat_device *dev, uint64_t offset,
		      unsigned int size, uint64_t value)
{
	unsigned int first = (unsigned int)(offset / ENTRY);
	unsigned int last = (unsigned int)((offset + size - 1) / ENTRY);
	unsigned int i;

	put_le(dev->irq.table + offset, size, value);
	/* Two entries, if the guest writes across their border. */
	for (i = first; i <= last; i++) {
		uint8_t *entry = dev->irq.table + (uint64_t)i * ENTRY;

		/* Addresses are of dwords; beside the mask all is reserved. */
		entry[PCI_MSIX_ENTRY_LOWER_ADDR] &= (uint8_t)~3;
		put_le(entry + PCI_MSIX_ENTRY_VECTOR_CTRL, 4,
		       entry[PCI_MSIX_ENTRY_VECTOR_CTRL] &
			       PCI_MSIX_ENTRY_CTRL_MASKBIT);
	}
	if (dev->irq.mode == IRQ_MSIX)
		vectors_sync(dev, first, last);
}

static uint64_t device_pending(struct moat_device *dev, uint64_t offset,
			       unsigned int size)
{
	struct host_device *host = dev->host;
	uint8_t buf[8];
	int r;

	r = host->ops->region_read(host, HOST_REGION_BAR0 + dev->irq.pba_bar,
				   dev->irq.pba_offset + offset, buf, size);
	return r < 0 ? 0 : get_le(buf, size);
}

uint64_t msix_pba_read(struct moat_device *dev, uint64_t offset,
		       unsigned int size)
{
	uint64_t bits = device_pending(dev, offset, size);
	unsigned int i, n, first = (unsigned int)offset * 8;

	n = dev->irq.mode == IRQ_MSIX ? dev->irq.n_enabled : 0;
	for (i = first; i < n && i < first + 8 * size; i++)
		if (vector_is_pending(dev, i))
			bits |= UINT64_C(1) << (i - first);
	return bits;
}

static void control_written(struct moat_device *dev, uint16_t first,
			    uint32_t old, uint32_t now)
{
	(void)first;
	if (old != now)
		irq_sync(dev);
}

int msix_add_rows(struct moat_device *dev)
{
	static const struct config_row rows[] = {
		{ .first = PCI_MSIX_FLAGS,
		  .len = 2,
		  .writable = PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL,
		  .written = control_written },
		{ .first = PCI_MSIX_TABLE, .len = 4 },
		{ .first = PCI_MSIX_PBA, .len = 4 },
	};
	const struct irqs *irq = &dev->irq;
	uint16_t cap = irq->msix_cap;

	config_set(&dev->cfg, cap + PCI_MSIX_FLAGS, 2, irq->n_msix - 1);
	config_set(&dev->cfg, cap + PCI_MSIX_TABLE, 4,
		   irq->table_offset | irq->table_bar);
	config_set(&dev->cfg, cap + PCI_MSIX_PBA, 4,
		   irq->pba_offset | irq->pba_bar);
	return config_add_table(&dev->cfg, cap, rows, ARRAY_SIZE(rows));
}
