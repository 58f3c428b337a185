// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * BARs: the guest's registers are virtual and start at zero; the device keeps
 * the addresses the host gave it.
 *
 * While a BAR is decoded, all of it is trapped, and the parts that the host
 * lets be mapped lie above the trap as guest memory: the segments. They leave
 * out the pages with the MSI-X table and its pending bits, which the engine
 * plays itself. What has no segment is served by the trap, through reads and
 * writes of the VFIO region: the table's pages, BARs smaller than a page, and
 * everything for which the VMM has no slot left. Ports are always trapped;
 * how they are reached, ports.c knows.
 *
 *	offset 0        segment       table   PBA        segment       size
 *	|---------------------------|-------|-------|------------------|
 *	 direct                      trapped          direct
 *
 * An address the VMM refuses (RAM, another BAR) leaves the BAR unmapped until
 * its registers change; nobody else is disturbed.
 * Locking: the device's; a trap handler takes it.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "assign/bytes.h"
#include "assign/device_internal.h"
#include "common/util.h"

#define PORT_LAST UINT64_C(0xffff)

static uint64_t page_size(void)
{
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint16_t bar_register(unsigned int index)
{
	return (uint16_t)(PCI_BASE_ADDRESS_0 + 4 * index);
}

static bool is_memory(const struct bar *bar)
{
	return bar->info.kind == MOAT_BAR_MEM32 ||
	       bar->info.kind == MOAT_BAR_MEM64;
}

/* ---- where the guest wants it, and where it is ---- */

static uint64_t bar_address(const struct bar *bar)
{
	const struct config *cfg = &bar->dev->cfg;
	uint64_t addr;

	addr = config_get(cfg, bar_register(bar->index), 4);
	if (bar->info.kind == MOAT_BAR_MEM64)
		addr |= (uint64_t)config_get(cfg, bar_register(bar->index + 1),
					     4)
			<< 32;
	return addr & ~(bar->info.size - 1);
}

/*
 * What a register holds while the guest asks for the size: every address bit
 * set, or the bits of one half. Nothing is ever shown there: the last bytes
 * below 4 GiB are the platform's.
 */
static bool is_sizing(const struct bar *bar, uint64_t addr)
{
	uint64_t last = addr + bar->info.size - 1;

	return last == UINT32_MAX || last == UINT64_MAX ||
	       addr >> 32 == UINT32_MAX;
}

/* Does the guest want to see the BAR now, and where? */
static bool bar_wanted(const struct bar *bar, uint64_t *ret_addr)
{
	const struct moat_device *dev = bar->dev;
	uint32_t command = config_get(&dev->cfg, PCI_COMMAND, 2);
	uint64_t addr;

	if (bar->info.kind == MOAT_BAR_NONE || !device_is_awake(dev))
		return false;
	if (!(command & (is_memory(bar) ? PCI_COMMAND_MEMORY : PCI_COMMAND_IO)))
		return false;
	addr = bar_address(bar);
	/* Zero is what an address register holds that nobody has set. */
	if (addr == 0 || is_sizing(bar, addr))
		return false;
	if (bar->info.kind == MOAT_BAR_PIO && addr > PORT_LAST)
		return false;
	*ret_addr = addr;
	return true;
}

static void bar_unmap_segments(struct bar *bar)
{
	struct moat_device *dev = bar->dev;
	unsigned int i;

	for (i = bar->n_segments; i-- > 0;) {
		struct bar_segment *seg = &bar->segment[i];

		if (!seg->mapped)
			continue;
		dev->vmm->unmap_memory(dev->vmm_opaque, seg->handle);
		seg->mapped = false;
	}
}

static void bar_unmap(struct bar *bar)
{
	if (!bar->trapped)
		return;
	bar_unmap_segments(bar);
	bar->dev->vmm->untrap(bar->dev->vmm_opaque, &bar->trap);
	bar->trapped = false;
	if (!is_memory(bar))
		ports_hide(bar->dev, bar->index);
}

const char *bar_refusal(int r)
{
	return r == -EEXIST ? "RAM, another BAR or the platform is there"
			    : strerror(-r);
}

/*
 * Out of slots is no error: the trap serves what is not mapped, slowly.
 */
static int bar_map_segments(struct bar *bar, uint64_t addr)
{
	struct moat_device *dev = bar->dev;
	unsigned int i;
	int r;

	for (i = 0; i < bar->n_segments; i++) {
		struct bar_segment *seg = &bar->segment[i];

		r = dev->vmm->map_memory(dev->vmm_opaque, addr + seg->offset,
					 seg->len, seg->host, &seg->handle);
		if (r == -ENOSPC) {
			if (!bar->slots_told)
				dev_warn(dev,
					 "the VMM has no memory slot left for "
					 "BAR %u: accesses are trapped, and "
					 "slow",
					 bar->index);
			bar->slots_told = true;
			continue;
		}
		if (r < 0) {
			bar_unmap_segments(bar);
			return r;
		}
		seg->mapped = true;
	}
	return 0;
}

static int bar_map(struct bar *bar, uint64_t addr)
{
	struct moat_device *dev = bar->dev;
	int r;

	bar->trap = (struct moat_trap) {
		.space = is_memory(bar) ? MOAT_TRAP_MMIO : MOAT_TRAP_PIO,
		.first = addr,
		.last = addr + bar->info.size - 1,
		.read = bar_access_read,
		.write = bar_access_write,
		.opaque = bar,
	};
	r = dev->vmm->trap(dev->vmm_opaque, &bar->trap);
	if (r < 0)
		return r;
	bar->trapped = true;
	r = is_memory(bar) ? bar_map_segments(bar, addr)
			   : ports_show(dev, bar->index);
	if (r < 0)
		bar_unmap(bar);
	return r;
}

void bars_unmap_stale(struct moat_device *dev)
{
	uint64_t addr;
	unsigned int i;

	for (i = 0; i < MOAT_PCI_BARS; i++) {
		struct bar *bar = &dev->bar[i];

		if (bar->trapped &&
		    !(bar_wanted(bar, &addr) && addr == bar->trap.first))
			bar_unmap(bar);
	}
}

void bars_map_wanted(struct moat_device *dev)
{
	uint64_t addr;
	unsigned int i;
	int r;

	if (!dev->vmm)
		return;
	for (i = 0; i < MOAT_PCI_BARS; i++) {
		struct bar *bar = &dev->bar[i];

		if (bar->trapped || !bar_wanted(bar, &addr))
			continue;
		r = bar_map(bar, addr);
		/* Tried again at each change, but told once an address. */
		if (r < 0 && bar->refused != addr)
			dev_warn(dev,
				 "BAR %u stays unmapped: the guest put it at "
				 "0x%llx to 0x%llx: %s",
				 i, (unsigned long long)addr,
				 (unsigned long long)(addr + bar->info.size - 1),
				 bar_refusal(r));
		bar->refused = r < 0 ? addr : 0;
	}
}

/* ---- registers ---- */

static void bar_written(struct moat_device *dev, uint16_t first, uint32_t old,
			uint32_t now)
{
	(void)first;
	if (old != now)
		config_decode_changed(dev);
}

int bars_add_rows(struct moat_device *dev)
{
	struct config_row row = { .len = 4, .written = bar_written };
	unsigned int i;
	int r;

	for (i = 0; i < MOAT_PCI_BARS; i++) {
		const struct bar *bar = &dev->bar[i];
		uint64_t mask = ~(bar->info.size - 1);

		if (bar->info.kind == MOAT_BAR_NONE)
			continue;
		row.first = bar_register(i);
		row.writable = (uint32_t)mask;
		r = config_add(&dev->cfg, &row);
		if (r < 0)
			return r;
		config_set(&dev->cfg, row.first, 4, bar->flags);
		if (bar->info.kind != MOAT_BAR_MEM64)
			continue;
		row.first = bar_register(i + 1);
		row.writable = (uint32_t)(mask >> 32);
		r = config_add(&dev->cfg, &row);
		if (r < 0)
			return r;
	}
	return 0;
}

uint16_t bars_command_bits(const struct moat_device *dev)
{
	uint16_t bits = 0;
	unsigned int i;

	for (i = 0; i < MOAT_PCI_BARS; i++) {
		if (is_memory(&dev->bar[i]))
			bits |= PCI_COMMAND_MEMORY;
		else if (dev->bar[i].info.kind == MOAT_BAR_PIO)
			bits |= PCI_COMMAND_IO;
	}
	return bits;
}

/* ---- what the device has ---- */

/* Type, from the register as the host sees it; size, from the region. */
static int bar_decode(struct bar *bar, uint32_t reg, uint64_t size,
		      struct moat_err *err)
{
	bool io = reg & PCI_BASE_ADDRESS_SPACE_IO;
	bool wide = !io && (reg & PCI_BASE_ADDRESS_MEM_TYPE_MASK) ==
				   PCI_BASE_ADDRESS_MEM_TYPE_64;
	uint64_t min = io ? 4 : 16;
	uint64_t max = wide ? UINT64_C(1) << 63 : UINT64_C(1) << 31;

	if (io)
		max = PORT_LAST + 1;
	if (!is_power_of_2(size) || size < min || size > max)
		return moat_fail(err, -EINVAL,
				 "%s: BAR %u has a size of 0x%llx bytes, "
				 "which no such BAR can have",
				 bar->dev->name, bar->index,
				 (unsigned long long)size);
	if (wide && bar->index + 1 == MOAT_PCI_BARS)
		return moat_fail(err, -EINVAL,
				 "%s: BAR %u says that it is 64 bits wide, but "
				 "it is the last",
				 bar->dev->name, bar->index);
	bar->info.size = size;
	if (io) {
		bar->info.kind = MOAT_BAR_PIO;
		bar->flags = PCI_BASE_ADDRESS_SPACE_IO;
		return 0;
	}
	bar->info.kind = wide ? MOAT_BAR_MEM64 : MOAT_BAR_MEM32;
	bar->info.prefetchable = reg & PCI_BASE_ADDRESS_MEM_PREFETCH;
	bar->flags = reg & (PCI_BASE_ADDRESS_MEM_TYPE_64 |
			    PCI_BASE_ADDRESS_MEM_PREFETCH);
	return 0;
}

static void segment_add(struct bar *bar, uint64_t first, uint64_t end)
{
	struct bar_segment *seg;

	if (first >= end || bar->n_segments == BAR_SEGMENTS_MAX)
		return;
	seg = &bar->segment[bar->n_segments++];
	*seg = (struct bar_segment) { .offset = first, .len = end - first };
}

/* Pages that the engine plays itself: [@first, @end) of the BAR. */
struct hole {
	uint64_t first, end;
};

static unsigned int bar_holes(const struct bar *bar, struct hole ret_holes[2])
{
	const struct irqs *irq = &bar->dev->irq;
	uint64_t page = page_size();
	struct hole swap;
	unsigned int n = 0;

	if (!irq->n_table)
		return 0;
	if (irq->table_bar == bar->index)
		ret_holes[n++] = (struct hole) {
			align_down(irq->table_offset, page),
			align_up(irq->table_offset + (uint64_t)irq->n_table *
							     PCI_MSIX_ENTRY_SIZE,
				 page),
		};
	if (irq->pba_bar == bar->index)
		ret_holes[n++] = (struct hole) {
			align_down(irq->pba_offset, page),
			align_up(irq->pba_offset +
					 align_up(irq->n_table, 64) / 8,
				 page),
		};
	if (n == 2 && ret_holes[1].first < ret_holes[0].first) {
		swap = ret_holes[0];
		ret_holes[0] = ret_holes[1];
		ret_holes[1] = swap;
	}
	return n;
}

/* What may be mapped, less the holes. */
static void bar_plan_segments(struct bar *bar, const struct host_region *region)
{
	struct hole hole[2];
	unsigned int n, i, h;

	if (!is_memory(bar) || bar->info.size < page_size())
		return;
	n = bar_holes(bar, hole);
	for (i = 0; i < region->n_areas; i++) {
		uint64_t at = region->area[i].offset;
		uint64_t end = at + region->area[i].len;

		for (h = 0; h < n && at < end; h++) {
			segment_add(bar, at, min_u64(end, hole[h].first));
			at = max_u64(at, hole[h].end);
		}
		segment_add(bar, at, end);
	}
}

static int bar_map_host(struct bar *bar, struct moat_err *err)
{
	struct host_device *host = bar->dev->host;
	unsigned int i;
	int r;

	for (i = 0; i < bar->n_segments; i++) {
		struct bar_segment *seg = &bar->segment[i];

		r = host->ops->region_map(host, HOST_REGION_BAR0 + bar->index,
					  seg->offset, seg->len, &seg->host);
		if (r < 0)
			return moat_fail(err, r,
					 "%s: cannot map BAR %u at 0x%llx, "
					 "0x%llx bytes: %s",
					 bar->dev->name, bar->index,
					 (unsigned long long)seg->offset,
					 (unsigned long long)seg->len,
					 strerror(-r));
	}
	return 0;
}

static int bar_open(struct bar *bar, struct moat_err *err)
{
	struct moat_device *dev = bar->dev;
	struct host_region region;
	int r;

	r = dev->host->ops->region_info(dev->host,
					HOST_REGION_BAR0 + bar->index, &region);
	if (r < 0)
		return moat_fail(err, r, "%s: cannot ask for BAR %u: %s",
				 dev->name, bar->index, strerror(-r));
	if (region.size == 0)
		return 0;
	r = bar_decode(bar, get_le32(dev->raw + bar_register(bar->index)),
		       region.size, err);
	if (r < 0)
		return r;
	bar_plan_segments(bar, &region);
	return bar_map_host(bar, err);
}

int bars_open(struct moat_device *dev, struct moat_err *err)
{
	unsigned int i;
	int r;

	for (i = 0; i < MOAT_PCI_BARS; i++) {
		dev->bar[i].dev = dev;
		dev->bar[i].index = i;
	}
	for (i = 0; i < MOAT_PCI_BARS; i++) {
		r = bar_open(&dev->bar[i], err);
		if (r < 0) {
			bars_close(dev);
			return r;
		}
		if (dev->bar[i].info.kind == MOAT_BAR_MEM64)
			i++; /* its upper half */
	}
	return 0;
}

void bars_close(struct moat_device *dev)
{
	struct host_device *host = dev->host;
	unsigned int i, s;

	for (i = 0; i < MOAT_PCI_BARS; i++) {
		struct bar *bar = &dev->bar[i];

		for (s = 0; s < bar->n_segments; s++) {
			assert(!bar->segment[s].mapped);
			if (bar->segment[s].host)
				host->ops->region_unmap(host,
							bar->segment[s].host,
							bar->segment[s].len);
			bar->segment[s].host = NULL;
		}
		bar->n_segments = 0;
	}
}
