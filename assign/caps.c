// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The capability chains: walked with bounds, filtered by an allow-list, and
 * linked anew. A capability keeps its place; what is hidden is left out of
 * the chain and reads as zero.
 *
 * What the device says is input: each pointer is checked before it is used,
 * each capability may be visited once, and none may reach into another.
 *
 * Source: PCI Local Bus 3.0 section 6.7 and appendix H; PCI Express Base 5.0
 * sections 7.5.1.1.11, 7.6 and 7.7.
 */
#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "assign/bytes.h"
#include "assign/caps.h"
#include "assign/device_internal.h"
#include "common/util.h"

#define CAP_POINTER_MASK 0xfc
#define EXT_ALIGN	 0xffc
#define EXT_HEADER_LEN	 4

/* Every aligned dword could start one; the walk ends there at the latest. */
#define STD_CAPS_MAX \
	((CONFIG_STANDARD_SIZE - PCI_STD_HEADER_SIZEOF) / PCI_CAP_SIZEOF)
#define EXT_CAPS_MAX ((CONFIG_SIZE - CONFIG_STANDARD_SIZE) / EXT_HEADER_LEN)

/* A capability found: @id, and the bytes that are its own. */
struct cap {
	uint16_t id;
	uint16_t at;
	uint16_t len;
	uint8_t version; /* extended only */
};

/* How a kind of capability is shown. */
struct cap_rule {
	uint16_t id;
	const char *name;
	/* NULL: hidden, for the reason beside it. */
	int (*show)(struct moat_device *dev, const struct cap *cap);
	/* Bytes; 0 says that @measure knows. */
	uint16_t len;
	unsigned int (*measure)(const uint8_t *raw, uint16_t at);
};

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

/* Length byte, then whatever the vendor's driver agreed on with it. */
static int vendor_show(struct moat_device *dev, const struct cap *cap)
{
	const struct config_row len = {
		.first = cap->at + PCI_CAP_FLAGS,
		.len = 1,
		.device = 0xff,
	};
	const struct config_row body = {
		.first = cap->at + PCI_CAP_FLAGS + 1,
		.len = cap->len - PCI_CAP_FLAGS - 1,
		.device = CONFIG_ALL,
		.writable = CONFIG_ALL,
	};
	int r;

	r = config_add(&dev->cfg, &len);
	if (r < 0 || !body.len)
		return r;
	return config_add(&dev->cfg, &body);
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
		(void)device_reset_locked(dev, NULL);
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
	{ PCI_CAP_ID_VNDR, "vendor-specific", vendor_show, 0, vendor_measure },
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
		if (!rule || !rule->show)
			continue;
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

/* ---- the extended chain ---- */

/*
 * All read-only. Error reporting: the host handles errors, and needs what is
 * logged and unmasked there.
 */
static int ext_constant_show(struct moat_device *dev, const struct cap *cap)
{
	const struct config_row row = {
		.first = cap->at + EXT_HEADER_LEN,
		.len = cap->len - EXT_HEADER_LEN,
		.device = CONFIG_ALL,
	};

	return row.len ? config_add(&dev->cfg, &row) : 0;
}

/* Header with the length, then what the vendor's driver knows. */
static int ext_vendor_show(struct moat_device *dev, const struct cap *cap)
{
	const struct config_row header = {
		.first = cap->at + EXT_HEADER_LEN,
		.len = 4,
		.device = CONFIG_ALL,
	};
	const struct config_row body = {
		.first = cap->at + EXT_HEADER_LEN + 4,
		.len = cap->len - EXT_HEADER_LEN - 4,
		.device = CONFIG_ALL,
		.writable = CONFIG_ALL,
	};
	int r;

	r = config_add(&dev->cfg, &header);
	if (r < 0 || !body.len)
		return r;
	return config_add(&dev->cfg, &body);
}

#define AER_LEN 0x2c /* without a root port's registers and TLP prefixes */

/* What is not listed is hidden. @measure is not used: it takes a read. */
static const struct cap_rule ext_rules[] = {
	{ PCI_EXT_CAP_ID_ERR, "error reporting", ext_constant_show, AER_LEN,
	  NULL },
	{ PCI_EXT_CAP_ID_DSN, "serial number", ext_constant_show,
	  PCI_EXT_CAP_DSN_SIZEOF, NULL },
	/* Their length is in the second dword; see ext_measure(). */
	{ PCI_EXT_CAP_ID_VNDR, "vendor-specific", ext_vendor_show, 8, NULL },
	{ PCI_EXT_CAP_ID_DVSEC, "designated vendor", ext_constant_show, 8,
	  NULL },
	/* The device would ask the IOMMU itself, and answer from a cache. */
	{ PCI_EXT_CAP_ID_ATS, "ATS", NULL, 0, NULL },
	{ PCI_EXT_CAP_ID_PRI, "page requests", NULL, 0, NULL },
	{ PCI_EXT_CAP_ID_PASID, "PASID", NULL, 0, NULL },
	/* Makes functions that nobody has assigned. */
	{ PCI_EXT_CAP_ID_SRIOV, "SR-IOV", NULL, 0, NULL },
	{ PCI_EXT_CAP_ID_MRIOV, "MR-IOV", NULL, 0, NULL },
	/* Describe the function's neighbours on the host. */
	{ PCI_EXT_CAP_ID_ARI, "ARI", NULL, 0, NULL },
	{ PCI_EXT_CAP_ID_ACS, "ACS", NULL, 0, NULL },
	{ PCI_EXT_CAP_ID_MFVC, "multi-function VC", NULL, 0, NULL },
	/* Would change the size of a BAR behind VFIO's back. */
	{ PCI_EXT_CAP_ID_REBAR, "resizable BAR", NULL, 0, NULL },
	/* Steers writes to places that only the host knows. */
	{ PCI_EXT_CAP_ID_TPH, "TPH", NULL, 0, NULL },
	{ PCI_EXT_CAP_ID_MCAST, "multicast", NULL, 0, NULL },
	/* Traffic classes, latency, power and time of the host's fabric. */
	{ PCI_EXT_CAP_ID_VC, "virtual channels", NULL, 0, NULL },
	{ PCI_EXT_CAP_ID_VC9, "virtual channels", NULL, 0, NULL },
	{ PCI_EXT_CAP_ID_PWR, "power budget", NULL, 0, NULL },
	{ PCI_EXT_CAP_ID_DPA, "power allocation", NULL, 0, NULL },
	{ PCI_EXT_CAP_ID_LTR, "LTR", NULL, 0, NULL },
	{ PCI_EXT_CAP_ID_L1SS, "L1 substates", NULL, 0, NULL },
	{ PCI_EXT_CAP_ID_PTM, "PTM", NULL, 0, NULL },
	/* Trains the host's link. */
	{ PCI_EXT_CAP_ID_SECPCI, "secondary PCIe", NULL, 0, NULL },
	{ PCI_EXT_CAP_ID_DLF, "data link feature", NULL, 0, NULL },
	{ PCI_EXT_CAP_ID_PL_16GT, "16 GT/s", NULL, 0, NULL },
	/* A mailbox to the device's firmware: attestation, link keys. */
	{ PCI_EXT_CAP_ID_DOE, "data object exchange", NULL, 0, NULL },
};

static const struct cap_rule *ext_rule(uint16_t id)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ext_rules); i++)
		if (ext_rules[i].id == id)
			return &ext_rules[i];
	return NULL;
}

static int ext_malformed(struct moat_device *dev, unsigned int at,
			 const char *how, struct moat_err *err)
{
	return moat_fail(err, -EINVAL,
			 "%s: its extended capability chain is malformed: the "
			 "capability at 0x%03x %s",
			 dev->name, at, how);
}

static int ext_read(struct moat_device *dev, unsigned int at,
		    uint32_t *ret_value, struct moat_err *err)
{
	int r = host_config_read(dev, (uint16_t)at, 4, ret_value);

	if (r < 0)
		return moat_fail(err, r,
				 "%s: cannot read config space at 0x%03x: %s",
				 dev->name, at, strerror(-r));
	return 0;
}

/* Bytes that the capability owns. What is hidden needs only its header. */
static int ext_measure(struct moat_device *dev, unsigned int at, uint16_t id,
		       unsigned int *ret_len, struct moat_err *err)
{
	const struct cap_rule *rule = ext_rule(id);
	uint32_t header;
	int r;

	*ret_len = rule && rule->show ? rule->len : EXT_HEADER_LEN;
	if (id != PCI_EXT_CAP_ID_VNDR && id != PCI_EXT_CAP_ID_DVSEC)
		return 0;
	if (at + 8 > CONFIG_SIZE)
		return 0; /* the caller refuses it */
	r = ext_read(dev, at + EXT_HEADER_LEN, &header, err);
	if (r < 0)
		return r;
	/* PCIe Base 5.0 7.9.5.2 and 7.9.6.2: bits 31:20, header included. */
	if (header >> 20 > 8)
		*ret_len = header >> 20;
	return 0;
}

static int ext_walk(struct moat_device *dev, struct cap *ret_caps,
		    unsigned int *ret_n, struct moat_err *err)
{
	bool used[CONFIG_SIZE] = { false };
	unsigned int n = 0, at, len, i;
	uint32_t header;
	int r;

	*ret_n = 0;
	for (at = CONFIG_STANDARD_SIZE; at;
	     at = PCI_EXT_CAP_NEXT(header) & EXT_ALIGN) {
		if (at < CONFIG_STANDARD_SIZE)
			return ext_malformed(
				dev, at, "lies below the extended space", err);
		r = ext_read(dev, at, &header, err);
		if (r < 0)
			return r;
		/* Nothing there, or nobody answers for it. */
		if (header == 0 || header == UINT32_MAX)
			break;
		r = ext_measure(dev, at, PCI_EXT_CAP_ID(header), &len, err);
		if (r < 0)
			return r;
		if (at + len > CONFIG_SIZE)
			return ext_malformed(dev, at, "reaches past the end",
					     err);
		for (i = at; i < at + len; i++) {
			if (used[i])
				return ext_malformed(
					dev, at,
					"overlaps another, or is in a loop",
					err);
			used[i] = true;
		}
		ret_caps[n++] = (struct cap) {
			.id = PCI_EXT_CAP_ID(header),
			.version = PCI_EXT_CAP_VER(header),
			.at = (uint16_t)at,
			.len = (uint16_t)len,
		};
	}
	*ret_n = n;
	return 0;
}

static void ext_set_header(struct config *cfg, uint16_t at, uint16_t id,
			   uint8_t version)
{
	config_set(cfg, at, 4, id | (uint32_t)version << 16);
}

static void ext_link(struct config *cfg, uint16_t from, uint16_t to)
{
	config_set(cfg, from, 4, config_get(cfg, from, 4) | (uint32_t)to << 20);
}

static int ext_build(struct moat_device *dev, struct moat_err *err)
{
	static const struct config_row header = { .len = EXT_HEADER_LEN };
	struct cap caps[EXT_CAPS_MAX];
	uint16_t link = CONFIG_STANDARD_SIZE;
	const struct cap_rule *rule;
	bool first_shown = false;
	unsigned int n, i;
	int r;

	r = ext_walk(dev, caps, &n, err);
	if (r < 0)
		return r;
	for (i = 0; i < n; i++) {
		rule = ext_rule(caps[i].id);
		if (!rule || !rule->show)
			continue;
		r = rule->show(dev, &caps[i]);
		if (r == 0)
			r = config_add_table(&dev->cfg, caps[i].at, &header, 1);
		if (r < 0)
			goto full;
		ext_set_header(&dev->cfg, caps[i].at, caps[i].id,
			       caps[i].version);
		if (caps[i].at == CONFIG_STANDARD_SIZE)
			first_shown = true;
		else
			ext_link(&dev->cfg, link, caps[i].at);
		link = caps[i].at;
	}
	/* Hidden, the first one stays as an empty header that points on. */
	if (!first_shown) {
		r = config_add_table(&dev->cfg, CONFIG_STANDARD_SIZE, &header,
				     1);
		if (r < 0)
			goto full;
	}
	dev->cfg.extended = true;
	return 0;
full:
	return moat_fail(err, r, "%s: no room to show its capabilities",
			 dev->name);
}

int caps_build(struct moat_device *dev, bool pcie, struct moat_err *err)
{
	int r;

	r = std_build(dev, pcie, err);
	if (r < 0 || !pcie || !dev->extended)
		return r;
	return ext_build(dev, err);
}
