// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The extended capabilities, from 0x100 on; like the standard ones in caps.c.
 *
 * The chain starts at 0x100 whether or not that capability is shown: hidden,
 * an empty header stays there and points on.
 *
 * Source: PCI Express Base 5.0 sections 7.6, 7.8 and 7.9.
 */
#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "assign/caps.h"
#include "assign/device_internal.h"
#include "common/util.h"

#define EXT_ALIGN      0xffc
#define EXT_HEADER_LEN 4

/* Every aligned dword could start one; the walk ends there at the latest. */
#define EXT_CAPS_MAX ((CONFIG_SIZE - CONFIG_STANDARD_SIZE) / EXT_HEADER_LEN)

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

#define AER_LEN 0x2c /* without a root port's registers and TLP prefixes */

/* What is not listed is hidden. @measure is not used: it takes a read. */
static const struct cap_rule ext_rules[] = {
	{ PCI_EXT_CAP_ID_ERR, "error reporting", ext_constant_show, AER_LEN,
	  NULL },
	{ PCI_EXT_CAP_ID_DSN, "serial number", ext_constant_show,
	  PCI_EXT_CAP_DSN_SIZEOF, NULL },
	/* Their length is in the second dword; see ext_measure(). */
	{ PCI_EXT_CAP_ID_VNDR, "vendor-specific", ext_constant_show, 8, NULL },
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

int caps_build_extended(struct moat_device *dev, struct moat_err *err)
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
		if (!rule || !rule->show) {
			dev_debug(dev,
				  "hidden: extended capability 0x%04x (%s)",
				  caps[i].id, rule ? rule->name : "unknown");
			continue;
		}
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
