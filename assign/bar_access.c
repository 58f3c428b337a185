// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A guest's accesses of a BAR that come to the engine: to what is not mapped
 * into the guest, see bar.c. They go to the device through the host's region,
 * or by port; but the MSI-X table and its pending bits are played here, and an
 * access across their ends is taken apart.
 *
 * Locking: the trap's functions take the device's.
 */
#include <string.h>

#include <linux/pci_regs.h>

#include "assign/bytes.h"
#include "assign/device_internal.h"
#include "common/util.h"

enum place { IN_DEVICE, IN_TABLE, IN_PBA, ACROSS };

/* Where does an access land in a BAR? */
static enum place bar_place(const struct bar *bar, uint64_t offset,
			    unsigned int size)
{
	const struct irqs *irq = &bar->dev->irq;
	const struct {
		bool here;
		uint64_t first, len;
		enum place place;
	} areas[] = {
		{ irq->table_bar == bar->index, irq->table_offset,
		  (uint64_t)irq->n_msix * PCI_MSIX_ENTRY_SIZE, IN_TABLE },
		{ irq->pba_bar == bar->index, irq->pba_offset,
		  msix_pba_len(bar->dev), IN_PBA },
	};
	uint64_t last = offset + size - 1;
	size_t i;

	if (!irq->msix_cap)
		return IN_DEVICE;
	for (i = 0; i < ARRAY_SIZE(areas); i++) {
		uint64_t area_last = areas[i].first + areas[i].len - 1;

		if (!areas[i].here ||
		    !ranges_overlap(offset, last, areas[i].first, area_last))
			continue;
		if (offset >= areas[i].first && last <= area_last)
			return areas[i].place;
		return ACROSS;
	}
	return IN_DEVICE;
}

static uint64_t device_read(struct bar *bar, uint64_t offset, unsigned int size)
{
	struct host_device *host = bar->dev->host;
	uint8_t buf[8];
	int r;

	if (bar->info.kind == MOAT_BAR_PIO)
		r = ports_read(bar->dev, bar->index, offset, buf, size);
	else
		r = host->ops->region_read(host, HOST_REGION_BAR0 + bar->index,
					   offset, buf, size);
	if (r < 0) {
		dev_warn(bar->dev, "reading BAR %u at 0x%llx: %s", bar->index,
			 (unsigned long long)offset, strerror(-r));
		return all_ones(size);
	}
	return get_le(buf, size);
}

static void device_write(struct bar *bar, uint64_t offset, unsigned int size,
			 uint64_t value)
{
	struct host_device *host = bar->dev->host;
	uint8_t buf[8];
	int r;

	put_le(buf, size, value);
	if (bar->info.kind == MOAT_BAR_PIO)
		r = ports_write(bar->dev, bar->index, offset, buf, size);
	else
		r = host->ops->region_write(host, HOST_REGION_BAR0 + bar->index,
					    offset, buf, size);
	if (r < 0)
		dev_warn(bar->dev, "writing BAR %u at 0x%llx: %s", bar->index,
			 (unsigned long long)offset, strerror(-r));
}

static uint64_t bar_read(struct bar *bar, uint64_t offset, unsigned int size)
{
	uint64_t low, high;

	switch (bar_place(bar, offset, size)) {
	case IN_TABLE:
		return msix_table_read(
			bar->dev, offset - bar->dev->irq.table_offset, size);
	case IN_PBA:
		return msix_pba_read(bar->dev,
				     offset - bar->dev->irq.pba_offset, size);
	case ACROSS:
		low = bar_read(bar, offset, size / 2);
		high = bar_read(bar, offset + size / 2, size / 2);
		return low | high << (8 * (size / 2));
	case IN_DEVICE:
		break;
	}
	return device_read(bar, offset, size);
}

static void bar_write(struct bar *bar, uint64_t offset, unsigned int size,
		      uint64_t value)
{
	switch (bar_place(bar, offset, size)) {
	case IN_TABLE:
		msix_table_write(bar->dev, offset - bar->dev->irq.table_offset,
				 size, value);
		return;
	case IN_PBA:
		return; /* read-only */
	case ACROSS:
		bar_write(bar, offset, size / 2, value);
		bar_write(bar, offset + size / 2, size / 2,
			  value >> (8 * (size / 2)));
		return;
	case IN_DEVICE:
		device_write(bar, offset, size, value);
		return;
	}
}

/* The guest may have unmapped or moved the BAR while this was under way. */
static bool trap_valid(const struct bar *bar, uint64_t offset,
		       unsigned int size)
{
	return bar->trapped && size && size <= 8 && is_power_of_2(size) &&
	       offset < bar->info.size && size <= bar->info.size - offset;
}

uint64_t bar_access_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct bar *bar = opaque;
	uint64_t value = all_ones(size);

	pthread_mutex_lock(&bar->dev->lock);
	if (trap_valid(bar, offset, size))
		value = bar_read(bar, offset, size);
	pthread_mutex_unlock(&bar->dev->lock);
	return value;
}

void bar_access_write(void *opaque, uint64_t offset, unsigned int size,
		      uint64_t value)
{
	struct bar *bar = opaque;

	pthread_mutex_lock(&bar->dev->lock);
	if (trap_valid(bar, offset, size))
		bar_write(bar, offset, size, value);
	pthread_mutex_unlock(&bar->dev->lock);
}
