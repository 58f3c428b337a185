// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guest's config space: the engine behind the table, and the header's
 * rows. Capabilities add theirs in caps.c, pcie.c, msi.c and msix.c.
 *
 * Invariants: rows do not overlap; the device's COMMAND register never has
 * bus mastering on unless the guest asked for it, guest RAM is mapped whole
 * (armed) and the device is in D0; BARs are shown to the guest only while
 * the device decodes them.
 *
 * Vocabulary: a "shadow" bit lives here, a "device" bit in the hardware.
 * Locking: the device's.
 *
 * Source: PCI Express Base 5.0 section 7.5.1; what VFIO itself virtualises
 * (COMMAND's decode bits on VFs, BAR registers, INTx disable) is in the
 * kernel's drivers/vfio/pci/vfio_pci_config.c.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "assign/bytes.h"
#include "assign/caps.h"
#include "assign/device_internal.h"
#include "common/util.h"

#define HEADER_MULTI_FUNCTION 0x80

/* Enough for what a device can decode and do. */
#define COMMAND_DECODE (PCI_COMMAND_IO | PCI_COMMAND_MEMORY)

int host_config_read(struct moat_device *dev, uint16_t offset, unsigned int len,
		     uint32_t *ret_value)
{
	uint8_t buf[4];
	int r;

	assert(len <= sizeof(buf));
	r = dev->host->ops->region_read(dev->host, HOST_REGION_CONFIG, offset,
					buf, len);
	if (r < 0)
		return r;
	*ret_value = (uint32_t)get_le(buf, len);
	return 0;
}

int host_config_write(struct moat_device *dev, uint16_t offset,
		      unsigned int len, uint32_t value)
{
	uint8_t buf[4];

	assert(len <= sizeof(buf));
	put_le(buf, len, value);
	return dev->host->ops->region_write(dev->host, HOST_REGION_CONFIG,
					    offset, buf, len);
}

uint32_t config_get(const struct config *cfg, uint16_t first, unsigned int len)
{
	assert(len <= 4 && first + len <= CONFIG_SIZE);
	return (uint32_t)get_le(cfg->shadow + first, len);
}

void config_set(struct config *cfg, uint16_t first, unsigned int len,
		uint32_t value)
{
	assert(len <= 4 && first + len <= CONFIG_SIZE);
	put_le(cfg->shadow + first, len, value);
}

int config_add(struct config *cfg, const struct config_row *row)
{
	if (cfg->n_rows == CONFIG_ROWS_MAX)
		return -E2BIG;
	assert(row->len > 0 && row->first + row->len <= CONFIG_SIZE);
	cfg->row[cfg->n_rows++] = *row;
	return 0;
}

int config_add_table(struct config *cfg, uint16_t base,
		     const struct config_row *rows, unsigned int n)
{
	struct config_row row;
	unsigned int i;
	int r;

	for (i = 0; i < n; i++) {
		row = rows[i];
		row.first = (uint16_t)(row.first + base);
		r = config_add(cfg, &row);
		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * What an access and a row have in common: @len bytes from @first; @mask_at
 * bits into the row's masks; @value_at bits into the access's value.
 */
struct overlap {
	uint16_t first;
	unsigned int len;
	unsigned int mask_at, value_at;
};

static bool row_overlap(const struct config_row *row, uint16_t offset,
			unsigned int size, struct overlap *ret)
{
	unsigned int first = row->first > offset ? row->first : offset;
	unsigned int end = row->first + row->len;

	if (end > offset + size)
		end = offset + size;
	if (first >= end)
		return false;
	ret->first = (uint16_t)first;
	ret->len = end - first;
	/* Long rows have the same mask all along. */
	ret->mask_at = row->len > 4 ? 0 : 8 * (first - row->first);
	ret->value_at = 8 * (first - offset);
	return true;
}

static uint32_t part(uint32_t mask, const struct overlap *o)
{
	return (mask >> o->mask_at) & (uint32_t)all_ones(o->len);
}

/* The guest's view of an overlap, device bits and shadow bits together. */
static uint32_t row_read(struct moat_device *dev, const struct config_row *row,
			 const struct overlap *o)
{
	uint32_t device = part(row->device, o);
	uint32_t live, value;
	int r;

	if (row->refresh)
		row->refresh(dev, row->first);
	value = config_get(&dev->cfg, o->first, o->len) & ~device;
	if (!device)
		return value;
	r = host_config_read(dev, o->first, o->len, &live);
	if (r < 0) {
		dev_warn(dev, "reading config space at 0x%x: %s", o->first,
			 strerror(-r));
		live = (uint32_t)all_ones(o->len);
	}
	return value | (live & device);
}

uint32_t config_read(struct moat_device *dev, uint16_t offset,
		     unsigned int size)
{
	struct overlap o;
	uint32_t value = 0;
	unsigned int i;

	if (offset >= CONFIG_STANDARD_SIZE && !dev->cfg.extended)
		return (uint32_t)all_ones(size);
	for (i = 0; i < dev->cfg.n_rows; i++)
		if (row_overlap(&dev->cfg.row[i], offset, size, &o))
			value |= row_read(dev, &dev->cfg.row[i], &o)
				 << o.value_at;
	return value;
}

/*
 * Write the bits of an overlap that live in the device. What the guest may
 * not change is written back as it was, but for bits on which that would
 * act.
 */
static void row_write_device(struct moat_device *dev,
			     const struct config_row *row,
			     const struct overlap *o, uint32_t value)
{
	uint32_t mask = part(row->device & row->writable, o);
	uint32_t live = 0;
	int r = 0;

	if (!mask)
		return;
	if (mask != (uint32_t)all_ones(o->len))
		r = host_config_read(dev, o->first, o->len, &live);
	if (r == 0) {
		live &= ~mask & ~part(row->never, o);
		r = host_config_write(dev, o->first, o->len,
				      live | (value & mask));
	}
	if (r < 0)
		dev_warn(dev, "writing config space at 0x%x: %s", o->first,
			 strerror(-r));
}

static void row_write(struct moat_device *dev, const struct config_row *row,
		      const struct overlap *o, uint32_t value)
{
	uint32_t mask = part(row->writable & ~row->device, o);
	unsigned int whole = row->len > 4 ? 4 : row->len;
	uint32_t old, now;

	row_write_device(dev, row, o, value);
	old = config_get(&dev->cfg, row->first, whole);
	if (mask) {
		now = config_get(&dev->cfg, o->first, o->len);
		config_set(&dev->cfg, o->first, o->len,
			   (now & ~mask) | (value & mask));
	}
	now = config_get(&dev->cfg, row->first, whole);
	if (row->written)
		row->written(dev, row->first, old, now);
}

void config_write(struct moat_device *dev, uint16_t offset, unsigned int size,
		  uint32_t value)
{
	struct overlap o;
	unsigned int i;

	if (offset >= CONFIG_STANDARD_SIZE && !dev->cfg.extended)
		return;
	/* A write may reset the device, and not get it back. */
	for (i = 0; i < dev->cfg.n_rows && !dev->unfinished; i++)
		if (row_overlap(&dev->cfg.row[i], offset, size, &o))
			row_write(dev, &dev->cfg.row[i], &o,
				  value >> o.value_at);
}

/*
 * COMMAND as the device must have it now. VFIO does not write INTx Disable
 * through but masks what it has connected, and looks for an interrupt that is
 * pending when it is cleared (drivers/vfio/pci/vfio_pci_config.c,
 * vfio_basic_config_write()): a driver that masks at each interrupt must not
 * have the connection torn down each time.
 */
static uint16_t host_command_wanted(const struct moat_device *dev)
{
	uint16_t guest = (uint16_t)config_get(&dev->cfg, PCI_COMMAND, 2);
	uint16_t want = guest & PCI_COMMAND_INTX_DISABLE;

	if (!device_is_awake(dev))
		return want;
	want |= guest & COMMAND_DECODE;
	if (dev->armed)
		want |= guest & PCI_COMMAND_MASTER;
	return want;
}

void config_decode_changed(struct moat_device *dev)
{
	uint16_t want = host_command_wanted(dev);
	int r;

	/*
	 * VFIO makes an access through a mapping fatal while the device does
	 * not decode, so the guest must not have the mapping then.
	 */
	bars_unmap_stale(dev);
	rom_unmap_stale(dev);
	if (want != dev->host_command) {
		r = host_config_write(dev, PCI_COMMAND, 2, want);
		if (r < 0) {
			dev_warn(dev, "writing COMMAND: %s; its BARs stay off",
				 strerror(-r));
			return;
		}
		dev->host_command = want;
	}
	bars_map_wanted(dev);
	rom_map_wanted(dev);
}

/*
 * A driver may reset its device through a BAR, and the device then has lost
 * COMMAND and its BARs with nobody having written them. Return: what is
 * missing of what was last written.
 */
static uint16_t command_lost(struct moat_device *dev)
{
	uint32_t live;
	uint16_t lost;

	if (!dev->host_command ||
	    host_config_read(dev, PCI_COMMAND, 2, &live) < 0 || live == 0xffff)
		return 0;
	lost = (uint16_t)(dev->host_command & ~live);
	dev->host_command = (uint16_t)(dev->host_command & live);
	return lost;
}

/* The guest sees it, as on bare metal, and loses the BARs meanwhile. */
static void command_refresh(struct moat_device *dev, uint16_t first)
{
	uint16_t lost = command_lost(dev);

	if (!lost)
		return;
	config_set(&dev->cfg, first, 2,
		   config_get(&dev->cfg, first, 2) & (uint16_t)~lost);
	bars_unmap_stale(dev);
	rom_unmap_stale(dev);
}

/*
 * The same value again is no change for the guest, but one for a device that
 * has lost it: writing COMMAND has VFIO restore the BARs, too.
 */
static void command_written(struct moat_device *dev, uint16_t first,
			    uint32_t old, uint32_t now)
{
	(void)first;
	if (old == now && !command_lost(dev))
		return;
	config_decode_changed(dev);
	/* The pin may have had no connection: try again. */
	if ((old ^ now) & PCI_COMMAND_INTX_DISABLE)
		irq_sync(dev);
}

void config_power_on(struct moat_device *dev)
{
	memcpy(dev->cfg.shadow, dev->cfg.power_on, sizeof(dev->cfg.shadow));
}

/*
 * The header. Rows without @device and @writable are constants, set from
 * what was read at open.
 */
static const struct config_row header_rows[] = {
	{ .first = PCI_VENDOR_ID, .len = 4 }, /* and the device ID */
	{
		/*
		 * The decode bits are added when the BARs are known. SERR and
		 * parity answers stay the host's: a guest must not be able
		 * to raise a system error there.
		 */
		.first = PCI_COMMAND,
		.len = 2,
		.writable = PCI_COMMAND_MASTER | PCI_COMMAND_PARITY |
			    PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE,
		.refresh = command_refresh,
		.written = command_written,
	},
	{
		/*
		 * No error bits: VFIO does not let us clear them, and a bit
		 * that cannot be cleared is worse than one never seen.
		 */
		.first = PCI_STATUS,
		.len = 2,
		.device = PCI_STATUS_INTERRUPT | PCI_STATUS_66MHZ |
			  PCI_STATUS_FAST_BACK | PCI_STATUS_DEVSEL_MASK,
	},
	{ .first = PCI_CLASS_REVISION, .len = 4 },
	/* The host's cache and bus decide these; the guest may scribble. */
	{ .first = PCI_CACHE_LINE_SIZE, .len = 1, .writable = 0xff },
	{ .first = PCI_LATENCY_TIMER, .len = 1, .writable = 0xff },
	{ .first = PCI_HEADER_TYPE, .len = 1 },
	/* BIST stays hidden: it takes the device off the bus for seconds. */
	{ .first = PCI_SUBSYSTEM_VENDOR_ID, .len = 4 },
	/* PCI_ROM_ADDRESS is rom.c's; without a ROM a BAR of no size. */
	{ .first = PCI_CAPABILITY_LIST, .len = 1 },
	{ .first = PCI_INTERRUPT_LINE, .len = 1, .writable = 0xff },
	{ .first = PCI_INTERRUPT_PIN, .len = 1 },
	{ .first = PCI_MIN_GNT, .len = 2 }, /* and MAX_LAT */
};

static int header_build(struct moat_device *dev, bool multi_function,
			struct moat_err *err)
{
	struct config *cfg = &dev->cfg;
	const uint8_t *raw = dev->raw;
	struct config_row row;
	unsigned int i;
	int r = 0;

	if ((raw[PCI_HEADER_TYPE] & PCI_HEADER_TYPE_MASK) !=
	    PCI_HEADER_TYPE_NORMAL)
		return moat_fail(err, -EINVAL,
				 "%s: header type %u is not an endpoint's; "
				 "only endpoints can be assigned",
				 dev->name,
				 raw[PCI_HEADER_TYPE] & PCI_HEADER_TYPE_MASK);
	for (i = 0; i < ARRAY_SIZE(header_rows) && r == 0; i++) {
		row = header_rows[i];
		if (row.first == PCI_COMMAND)
			row.writable |= bars_command_bits(dev);
		r = config_add(cfg, &row);
	}
	if (r == 0)
		r = bars_add_rows(dev);
	if (r == 0)
		r = rom_add_rows(dev);
	if (r < 0)
		return moat_fail(err, r, "%s: too many config registers",
				 dev->name);
	config_set(cfg, PCI_VENDOR_ID, 4, get_le32(raw + PCI_VENDOR_ID));
	config_set(cfg, PCI_CLASS_REVISION, 4,
		   get_le32(raw + PCI_CLASS_REVISION));
	/* What counts is the guest's slot, not the host's. */
	config_set(cfg, PCI_HEADER_TYPE, 1,
		   multi_function ? HEADER_MULTI_FUNCTION : 0);
	config_set(cfg, PCI_SUBSYSTEM_VENDOR_ID, 4,
		   get_le32(raw + PCI_SUBSYSTEM_VENDOR_ID));
	config_set(cfg, PCI_MIN_GNT, 2, get_le16(raw + PCI_MIN_GNT));
	config_set(cfg, PCI_INTERRUPT_PIN, 1, dev->irq.pin);
	return 0;
}

int config_build(struct moat_device *dev, unsigned int how,
		 struct moat_err *err)
{
	int r;

	memset(&dev->cfg, 0, sizeof(dev->cfg));
	dev->pm_cap = 0;
	r = header_build(dev, how & MOAT_PLUG_MULTIFUNCTION, err);
	if (r < 0)
		return r;
	r = caps_build(dev, (how & MOAT_PLUG_PCIE) && dev->pcie_cap, err);
	if (r < 0)
		return r;
	memcpy(dev->cfg.power_on, dev->cfg.shadow, sizeof(dev->cfg.power_on));
	return 0;
}
