// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The PCI Express capability, as fits the place where the guest sees the
 * device: below a root port of its own. What belongs to the host's link and
 * fabric (payload size, ASPM, link training) is the host's; the guest sees
 * its own copy of those fields.
 *
 * Source: PCI Express Base 5.0 section 7.5.3.
 */
#include <errno.h>

#include <linux/pci_regs.h>

#include "assign/bytes.h"
#include "assign/caps.h"
#include "assign/device_internal.h"
#include "common/util.h"

/* A link that every endpoint could have: x1 at 2.5 GT/s. */
#define LINK_CAP    (PCI_EXP_LNKCAP_SLS_2_5GB | 1 << 4)
#define LINK_STATUS (PCI_EXP_LNKSTA_CLS_2_5GB | PCI_EXP_LNKSTA_NLW_X1)
#define LINK_CAP2   PCI_EXP_LNKCAP2_SLS_2_5GB

#define TYPE_SHIFT  4

/* All of the second version's registers, slot and root ones included. */
#define PCIE_LEN_V2 0x3c

static unsigned int version(uint16_t flags)
{
	return flags & PCI_EXP_FLAGS_VERS;
}

static unsigned int type(uint16_t flags)
{
	return (flags & PCI_EXP_FLAGS_TYPE) >> TYPE_SHIFT;
}

/* Integrated into the host's root complex: no link. */
static bool integrated(uint16_t flags)
{
	return type(flags) == PCI_EXP_TYPE_RC_END ||
	       type(flags) == PCI_EXP_TYPE_RC_EC;
}

unsigned int pcie_length(uint16_t flags)
{
	if (version(flags) >= 2)
		return integrated(flags) ? PCI_CAP_EXP_RC_ENDPOINT_SIZEOF_V2
					 : PCI_CAP_EXP_ENDPOINT_SIZEOF_V2;
	return integrated(flags) ? PCI_CAP_EXP_RC_ENDPOINT_SIZEOF_V1
				 : PCI_CAP_EXP_ENDPOINT_SIZEOF_V1;
}

static void devctl_written(struct moat_device *dev, uint16_t first,
			   uint32_t old, uint32_t now)
{
	(void)old;
	if (!(now & PCI_EXP_DEVCTL_BCR_FLR))
		return;
	config_set(&dev->cfg, first, 2, now & ~PCI_EXP_DEVCTL_BCR_FLR);
	device_reset_for_guest(dev);
}

/* Up to where a function without link ends. */
static const struct config_row device_rows[] = {
	{ .first = PCI_EXP_FLAGS, .len = 2 },
	{ .first = PCI_EXP_DEVCAP, .len = 4 },
	{
		/*
		 * Ordering and snooping are the driver's choice and affect
		 * nobody else. Payload and read request size, tags and error
		 * reporting are the fabric's: the guest has its own copy.
		 */
		.first = PCI_EXP_DEVCTL,
		.len = 2,
		.device = PCI_EXP_DEVCTL_RELAX_EN | PCI_EXP_DEVCTL_NOSNOOP_EN,
		.writable = PCI_EXP_DEVCTL_CERE | PCI_EXP_DEVCTL_NFERE |
			    PCI_EXP_DEVCTL_FERE | PCI_EXP_DEVCTL_URRE |
			    PCI_EXP_DEVCTL_RELAX_EN | PCI_EXP_DEVCTL_PAYLOAD |
			    PCI_EXP_DEVCTL_EXT_TAG | PCI_EXP_DEVCTL_NOSNOOP_EN |
			    PCI_EXP_DEVCTL_READRQ,
		.never = PCI_EXP_DEVCTL_BCR_FLR,
		.written = devctl_written,
	},
	{
		/* Error bits are not shown: only the host clears them. */
		.first = PCI_EXP_DEVSTA,
		.len = 2,
		.device = PCI_EXP_DEVSTA_AUXPD | PCI_EXP_DEVSTA_TRPND,
	},
};

static const struct config_row link_rows[] = {
	{ .first = PCI_EXP_LNKCAP, .len = 4 },
	{ .first = PCI_EXP_LNKCTL,
	  .len = 2,
	  .writable = PCI_EXP_LNKCTL_ASPMC | PCI_EXP_LNKCTL_RCB |
		      PCI_EXP_LNKCTL_CCC | PCI_EXP_LNKCTL_ES },
	{ .first = PCI_EXP_LNKSTA, .len = 2 },
};

static const struct config_row v2_rows[] = {
	{ .first = PCI_EXP_DEVCAP2, .len = 4 },
	{ .first = PCI_EXP_DEVCTL2,
	  .len = 2,
	  .writable = PCI_EXP_DEVCTL2_COMP_TIMEOUT |
		      PCI_EXP_DEVCTL2_COMP_TMOUT_DIS },
	{ .first = PCI_EXP_DEVSTA2, .len = 2 },
	{ .first = PCI_EXP_LNKCAP2, .len = 4 },
	{ .first = PCI_EXP_LNKCTL2, .len = 2, .writable = PCI_EXP_LNKCTL2_TLS },
	{ .first = PCI_EXP_LNKSTA2, .len = 2 },
};

static int device_regs(struct moat_device *dev, uint16_t cap)
{
	uint32_t devcap = get_le32(dev->raw + cap + PCI_EXP_DEVCAP);
	uint16_t devctl = get_le16(dev->raw + cap + PCI_EXP_DEVCTL);
	struct config_row row;
	unsigned int i;
	int r = 0;

	/* The guest may not choose a payload that the host's path lacks. */
	devcap &= ~(uint32_t)(PCI_EXP_DEVCAP_PAYLOAD | PCI_EXP_DEVCAP_PHANTOM |
			      PCI_EXP_DEVCAP_PWR_VAL | PCI_EXP_DEVCAP_PWR_SCL |
			      PCI_EXP_DEVCAP_FLR);
	devcap |= (devctl & PCI_EXP_DEVCTL_PAYLOAD) >> 5;
	/* However the host resets it, the guest asks by this bit. */
	if (dev->host->can_reset)
		devcap |= PCI_EXP_DEVCAP_FLR;
	config_set(&dev->cfg, cap + PCI_EXP_DEVCAP, 4, devcap);
	config_set(&dev->cfg, cap + PCI_EXP_DEVCTL, 2,
		   devctl & (PCI_EXP_DEVCTL_PAYLOAD | PCI_EXP_DEVCTL_EXT_TAG |
			     PCI_EXP_DEVCTL_READRQ));
	for (i = 0; i < ARRAY_SIZE(device_rows) && r == 0; i++) {
		row = device_rows[i];
		if (row.first == PCI_EXP_DEVCTL && dev->host->can_reset)
			row.writable |= PCI_EXP_DEVCTL_BCR_FLR;
		r = config_add_table(&dev->cfg, cap, &row, 1);
	}
	return r;
}

static int link_regs(struct moat_device *dev, uint16_t cap, bool has_link)
{
	struct config_row row;
	unsigned int i;
	int r = 0;

	if (has_link) {
		/* Its power states and clock are the host's business. */
		config_set(&dev->cfg, cap + PCI_EXP_LNKCAP, 4,
			   get_le32(dev->raw + cap + PCI_EXP_LNKCAP) &
				   (PCI_EXP_LNKCAP_SLS | PCI_EXP_LNKCAP_MLW));
	} else {
		config_set(&dev->cfg, cap + PCI_EXP_LNKCAP, 4, LINK_CAP);
		config_set(&dev->cfg, cap + PCI_EXP_LNKSTA, 2, LINK_STATUS);
	}
	for (i = 0; i < ARRAY_SIZE(link_rows) && r == 0; i++) {
		row = link_rows[i];
		/* A real link may change its speed at any time. */
		if (row.first == PCI_EXP_LNKSTA && has_link)
			row.device = PCI_EXP_LNKSTA_CLS | PCI_EXP_LNKSTA_NLW |
				     PCI_EXP_LNKSTA_SLC;
		r = config_add_table(&dev->cfg, cap, &row, 1);
	}
	return r;
}

static int v2_regs(struct moat_device *dev, uint16_t cap, bool has_link)
{
	/*
	 * Only completion timeouts: the rest (atomics, LTR, OBFF, prefixes,
	 * ten-bit tags) needs a root port that takes part.
	 */
	uint32_t devcap2 = get_le32(dev->raw + cap + PCI_EXP_DEVCAP2) &
			   (0xf | PCI_EXP_DEVCAP2_COMP_TMOUT_DIS);
	uint32_t speeds = LINK_CAP2;

	if (has_link && get_le32(dev->raw + cap + PCI_EXP_LNKCAP2) & 0xfe)
		speeds = get_le32(dev->raw + cap + PCI_EXP_LNKCAP2) & 0xfe;
	config_set(&dev->cfg, cap + PCI_EXP_DEVCAP2, 4, devcap2);
	config_set(&dev->cfg, cap + PCI_EXP_LNKCAP2, 4, speeds);
	config_set(&dev->cfg, cap + PCI_EXP_LNKCTL2, 2,
		   config_get(&dev->cfg, cap + PCI_EXP_LNKCAP, 4) &
			   PCI_EXP_LNKCAP_SLS);
	return config_add_table(&dev->cfg, cap, v2_rows, ARRAY_SIZE(v2_rows));
}

int pcie_add_rows(struct moat_device *dev, uint16_t cap, unsigned int room)
{
	uint16_t flags = get_le16(dev->raw + cap + PCI_EXP_FLAGS);
	bool has_link = !integrated(flags);
	bool v2 = version(flags) >= 2 && room >= PCIE_LEN_V2;
	unsigned int show_type = has_link ? type(flags) : PCI_EXP_TYPE_ENDPOINT;
	int r;

	/*
	 * An integrated function without link registers may have another
	 * capability where the link's would be; then the guest sees it as
	 * the host does, which Linux takes below a root port as well.
	 */
	if (room < PCI_CAP_EXP_ENDPOINT_SIZEOF_V1)
		show_type = type(flags);
	config_set(&dev->cfg, cap + PCI_EXP_FLAGS, 2,
		   (v2 ? 2 : 1) | show_type << TYPE_SHIFT |
			   (flags & PCI_EXP_FLAGS_IRQ));
	r = device_regs(dev, cap);
	if (r < 0 || room < PCI_CAP_EXP_ENDPOINT_SIZEOF_V1)
		return r;
	r = link_regs(dev, cap, has_link);
	if (r < 0 || !v2)
		return r;
	return v2_regs(dev, cap, has_link);
}
