// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The standard capabilities: walked with bounds, filtered by an allow-list, and
 * linked anew. A capability keeps its place; what is hidden is left out of
 * the chain and reads as zero.
 *
 * What the device says is input: each pointer is checked before it is used,
 * each capability may be visited once, and none may reach into another.
 *
 * Source: PCI Local Bus 3.0 section 6.7 and appendix H; PCI Express Base 5.0
 * section 7.5.1.1.11.
 */
#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "assign/bytes.h"
#include "assign/caps.h"
#include "assign/device_internal.h"
#include "common/util.h"

#define CAP_POINTER_MASK 0xfc

/* Every aligned dword could start one; the walk ends there at the latest. */
#define STD_CAPS_MAX \
	((CONFIG_STANDARD_SIZE - PCI_STD_HEADER_SIZEOF) / PCI_CAP_SIZEOF)

/* ---- power management ---- */

static void pm_written(struct moat_device *dev, uint16_t first, uint32_t old,
		       uint32_t now)
{
	uint32_t state = now & PCI_PM_CTRL_STATE_MASK;

	/* D1 and D2 are not offered; such a write changes nothing. */
	if (state == 1 || state == 2) {
		config_set(&dev->cfg, first, 2, old);
		return;
	}
	if ((old ^ now) & PCI_PM_CTRL_STATE_MASK)
		config_decode_changed(dev);
}

/*
 * The power state is virtual: in D3hot the guest loses decoding and bus
 * mastering, but the device stays in D0, from which it need not be brought
 * back. So nothing is lost on the way either (NO_SOFT_RESET). No PME: a
 * guest cannot be woken by it.
 */
static int pm_show(struct moat_device *dev, const struct cap *cap)
{
	static const struct config_row rows[] = {
		{ .first = PCI_PM_PMC, .len = 2 },
		{ .first = PCI_PM_CTRL,
		  .len = 2,
		  .writable = PCI_PM_CTRL_STATE_MASK,
		  .written = pm_written },
	};
	uint16_t pmc = get_le16(dev->raw + cap->at + PCI_PM_PMC);

	pmc &= (uint16_t) ~(PCI_PM_CAP_PME_MASK | PCI_PM_CAP_D1 |
			    PCI_PM_CAP_D2 | PCI_PM_CAP_AUX_POWER |
			    PCI_PM_CAP_PME_CLOCK);
	config_set(&dev->cfg, cap->at + PCI_PM_PMC, 2, pmc);
	config_set(&dev->cfg, cap->at + PCI_PM_CTRL, 2,
		   PCI_PM_CTRL_NO_SOFT_RESET);
	dev->pm_cap = cap->at;
	return config_add_table(&dev->cfg, cap->at, rows, ARRAY_SIZE(rows));
}

/* ---- vital product data ---- */

/*
 * Readable; a write would go to the device's EEPROM and outlive the guest.
 * Bit 15 of the address starts a write when it is written as one.
 */
static int vpd_show(struct moat_device *dev, const struct cap *cap)
{
	static const struct config_row rows[] = {
		{ .first = PCI_VPD_ADDR,
		  .len = 2,
		  .device = 0xffff,
		  .writable = PCI_VPD_ADDR_MASK,
		  .never = PCI_VPD_ADDR_F },
		{ .first = PCI_VPD_DATA, .len = 4, .device = CONFIG_ALL },
	};

	return config_add_table(&dev->cfg, cap->at, rows, ARRAY_SIZE(rows));
}

/* ---- as it is ---- */

/* Behind the header; read-only. */
static int constant_show(struct moat_device *dev, const struct cap *cap)
{
	const struct config_row row = {
		.first = cap->at + PCI_CAP_FLAGS,
		.len = cap->len - PCI_CAP_FLAGS,
		.device = CONFIG_ALL,
	};

	return row.len ? config_add(&dev->cfg, &row) : 0;
}

static unsigned int vendor_measure(const uint8_t *raw, uint16_t at)
{
	return raw[at + PCI_CAP_FLAGS];
}

/* ---- advanced features: reset for conventional PCI ---- */

static void af_written(struct moat_device *dev, uint16_t first, uint32_t old,
		       uint32_t now)
{
	(void)old;
	if (!(now & PCI_AF_CTRL_FLR))
		return;
	config_set(&dev->cfg, first, 1, 0);
	if (dev->host->can_reset)
		device_reset_for_guest(dev);
}

static int af_show(struct moat_device *dev, const struct cap *cap)
{
	static const struct config_row rows[] = {
		{ .first = PCI_AF_LENGTH, .len = 1 },
		{ .first = PCI_AF_CAP, .len = 1 },
		{ .first = PCI_AF_CTRL,
		  .len = 1,
		  .writable = PCI_AF_CTRL_FLR,
		  .written = af_written },
		{ .first = PCI_AF_STATUS, .len = 1, .device = PCI_AF_STATUS_TP },
	};
	uint8_t caps = dev->raw[cap->at + PCI_AF_CAP] &
		       (PCI_AF_CAP_TP | PCI_AF_CAP_FLR);

	if (!dev->host->can_reset)
		caps &= (uint8_t)~PCI_AF_CAP_FLR;
	config_set(&dev->cfg, cap->at + PCI_AF_LENGTH, 1, PCI_CAP_AF_SIZEOF);
	config_set(&dev->cfg, cap->at + PCI_AF_CAP, 1, caps);
	return config_add_table(&dev->cfg, cap->at, rows, ARRAY_SIZE(rows));
}

/* ---- interrupts and PCI Express: rows elsewhere ---- */

static int msi_show(struct moat_device *dev, const struct cap *cap)
{
	/* Without vectors from VFIO it would promise what nobody keeps. */
	return cap->at == dev->irq.msi_cap ? msi_add_rows(dev) : -ENOENT;
}

static int msix_show(struct moat_device *dev, const struct cap *cap)
{
	return cap->at == dev->irq.msix_cap ? msix_add_rows(dev) : -ENOENT;
}

static int pcie_show(struct moat_device *dev, const struct cap *cap)
{
	return pcie_add_rows(dev, cap->at, cap->len);
}

static unsigned int msi_measure(const uint8_t *raw, uint16_t at)
{
	return msi_length(get_le16(raw + at + PCI_MSI_FLAGS));
}

static unsigned int pcie_measure(const uint8_t *raw, uint16_t at)
{
	return pcie_length(get_le16(raw + at + PCI_EXP_FLAGS));
}

/* What is not listed is hidden: nobody has thought about it yet. */
static const struct cap_rule std_rules[] = {
	{ PCI_CAP_ID_PM, "power management", pm_show, PCI_PM_SIZEOF, NULL },
	{ PCI_CAP_ID_VPD, "vital product data", vpd_show, PCI_CAP_VPD_SIZEOF,
	  NULL },
	{ PCI_CAP_ID_MSI, "MSI", msi_show, 0, msi_measure },
	{ PCI_CAP_ID_MSIX, "MSI-X", msix_show, PCI_CAP_MSIX_SIZEOF, NULL },
	{ PCI_CAP_ID_EXP, "PCI Express", pcie_show, 0, pcie_measure },
	/*
	 * Writes there reach firmware, flash or the link on some devices, and
	 * would outlive the guest.
	 */
	{ PCI_CAP_ID_VNDR, "vendor-specific", constant_show, 0, vendor_measure },
	{ PCI_CAP_ID_AF, "advanced features", af_show, PCI_CAP_AF_SIZEOF, NULL },
	/* Says which BAR offset EHCI's debug port has. */
	{ PCI_CAP_ID_DBG, "debug port", constant_show, 4, NULL },
	{ PCI_CAP_ID_SSVID, "subsystem IDs", constant_show, 8, NULL },
	/* Says where in a BAR AHCI's index and data registers are. */
	{ PCI_CAP_ID_SATA, "SATA index and data", constant_show,
	  PCI_SATA_SIZEOF_SHORT, NULL },
	/* Tunes the host's bus: burst length, split transactions. */
	{ PCI_CAP_ID_PCIX, "PCI-X", NULL, PCI_CAP_PCIX_SIZEOF_V0, NULL },
	/* Fixes BAR addresses to the host's; the BARs are virtual here. */
	{ PCI_CAP_ID_EA, "enhanced allocation", NULL, PCI_CAP_SIZEOF, NULL },
	/* Links and bridges of the host. */
	{ PCI_CAP_ID_HT, "HyperTransport", NULL, PCI_CAP_SIZEOF, NULL },
	{ PCI_CAP_ID_AGP, "AGP", NULL, PCI_CAP_SIZEOF, NULL },
	{ PCI_CAP_ID_AGP3, "AGP 3", NULL, PCI_CAP_SIZEOF, NULL },
	/* The host's slot: hot-plug lines, LEDs, chassis numbers. */
	{ PCI_CAP_ID_SLOTID, "slot identification", NULL, 4, NULL },
	{ PCI_CAP_ID_CHSWP, "hot swap", NULL, PCI_CAP_SIZEOF, NULL },
	{ PCI_CAP_ID_CCRC, "CompactPCI", NULL, PCI_CAP_SIZEOF, NULL },
	{ PCI_CAP_ID_SHPC, "hot plug", NULL, PCI_CAP_SIZEOF, NULL },
	/* AMD's IOMMU: a guest must never reach it. */
	{ PCI_CAP_ID_SECDEV, "secure device", NULL, PCI_CAP_SIZEOF, NULL },
};

static const struct cap_rule *std_rule(uint16_t id)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(std_rules); i++)
		if (std_rules[i].id == id)
			return &std_rules[i];
	return NULL;
}

/* ---- the standard chain ---- */

static int std_malformed(struct moat_device *dev, unsigned int at,
			 const char *how, struct moat_err *err)
{
	return moat_fail(err, -EINVAL,
			 "%s: its capability chain is malformed: the "
			 "capability at 0x%02x %s",
			 dev->name, at, how);
}

/*
 * The chain in the device's order. @used gets the bytes that capabilities
 * own.
 */
static int std_walk(struct moat_device *dev, struct cap ret_caps[STD_CAPS_MAX],
		    unsigned int *ret_n, struct moat_err *err)
{
	bool used[CONFIG_STANDARD_SIZE] = { false };
	const uint8_t *raw = dev->raw;
	const struct cap_rule *rule;
	unsigned int n = 0, at, len, i;

	*ret_n = 0;
	if (!(get_le16(raw + PCI_STATUS) & PCI_STATUS_CAP_LIST))
		return 0;
	for (at = raw[PCI_CAPABILITY_LIST] & CAP_POINTER_MASK; at;
	     at = raw[at + PCI_CAP_LIST_NEXT] & CAP_POINTER_MASK) {
		if (at < PCI_STD_HEADER_SIZEOF)
			return std_malformed(dev, at, "lies in the header",
					     err);
		if (raw[at] == 0xff)
			return std_malformed(dev, at, "has no ID", err);
		rule = std_rule(raw[at]);
		len = rule ? rule->len : PCI_CAP_SIZEOF;
		if (rule && rule->measure)
			len = rule->measure(raw, (uint16_t)at);
		if (len < PCI_CAP_FLAGS + 1)
			len = PCI_CAP_FLAGS + 1;
		if (at + len > CONFIG_STANDARD_SIZE)
			return std_malformed(dev, at, "reaches past the end",
					     err);
		/* A loop comes back to bytes that are taken, too. */
		for (i = at; i < at + len; i++) {
			if (used[i])
				return std_malformed(
					dev, at,
					"overlaps another, or is in a loop",
					err);
			used[i] = true;
		}
		ret_caps[n++] = (struct cap) { .id = raw[at],
					       .at = (uint16_t)at,
					       .len = (uint16_t)len };
	}
	*ret_n = n;
	return 0;
}

int caps_probe(struct moat_device *dev, struct moat_err *err)
{
	struct cap caps[STD_CAPS_MAX];
	unsigned int n, i;
	int r;

	r = std_walk(dev, caps, &n, err);
	for (i = 0; r == 0 && i < n; i++) {
		if (caps[i].id == PCI_CAP_ID_MSI && !dev->irq.msi_cap)
			r = msi_probe(dev, caps[i].at, err);
		else if (caps[i].id == PCI_CAP_ID_MSIX && !dev->irq.msix_cap)
			r = msix_probe(dev, caps[i].at, err);
		else if (caps[i].id == PCI_CAP_ID_EXP && !dev->pcie_cap)
			dev->pcie_cap = caps[i].at;
	}
	return r;
}

/* Bytes from @cap to whatever follows it. */
static uint16_t room_behind(const struct cap *caps, unsigned int n,
			    const struct cap *cap)
{
	unsigned int end = CONFIG_STANDARD_SIZE, i;

	for (i = 0; i < n; i++)
		if (caps[i].at > cap->at && caps[i].at < end)
			end = caps[i].at;
	return (uint16_t)(end - cap->at);
}

static int std_build(struct moat_device *dev, bool pcie, struct moat_err *err)
{
	static const struct config_row header = { .len = PCI_CAP_FLAGS };
	struct cap caps[STD_CAPS_MAX], *cap;
	uint16_t link = PCI_CAPABILITY_LIST;
	const struct cap_rule *rule;
	unsigned int n, i;
	int r;

	r = std_walk(dev, caps, &n, err);
	for (i = 0; r == 0 && i < n; i++) {
		cap = &caps[i];
		rule = std_rule(cap->id);
		if (cap->id == PCI_CAP_ID_EXP) {
			if (!pcie || cap->at != dev->pcie_cap)
				continue;
			cap->len = room_behind(caps, n, cap);
		}
		if (!rule || !rule->show) {
			dev_debug(dev, "hidden: capability 0x%02x (%s)",
				  cap->id, rule ? rule->name : "unknown");
			continue;
		}
		r = rule->show(dev, cap);
		if (r == -ENOENT) {
			r = 0;
			continue;
		}
		if (r == 0)
			r = config_add_table(&dev->cfg, cap->at, &header, 1);
		if (r < 0)
			return moat_fail(err, r,
					 "%s: no room to show its capability "
					 "0x%02x",
					 dev->name, cap->id);
		config_set(&dev->cfg, cap->at + PCI_CAP_LIST_ID, 1, cap->id);
		config_set(&dev->cfg, link, 1, cap->at);
		link = cap->at + PCI_CAP_LIST_NEXT;
	}
	if (r == 0 && link != PCI_CAPABILITY_LIST)
		config_set(&dev->cfg, PCI_STATUS, 2, PCI_STATUS_CAP_LIST);
	return r;
}

int caps_build(struct moat_device *dev, bool pcie, struct moat_err *err)
{
	int r;

	r = std_build(dev, pcie, err);
	if (r < 0 || !pcie || !dev->extended)
		return r;
	return caps_build_extended(dev, err);
}
