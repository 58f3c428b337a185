// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A function's registers for an audit, see pci_posture.h. Of its config space
 * only what is needed is read, by walking the capabilities: some devices do
 * not take it well to be read everywhere. Both walks are bounded.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "assign/bytes.h"
#include "assign/host_pci_internal.h"
#include "assign/pci_posture.h"
#include "common/io.h"

#define CAPS_MAX     48	 /* that 192 bytes have room for */
#define EXT_CAPS_MAX 480 /* and 3840 */

static bool read16(int fd, unsigned int at, uint16_t *ret_value)
{
	uint8_t b[2];

	if (moat_pread_all(fd, b, sizeof(b), (off_t)at) < 0)
		return false;
	*ret_value = (uint16_t)(b[0] | b[1] << 8);
	return true;
}

static bool read32(int fd, unsigned int at, uint32_t *ret_value)
{
	uint16_t low, high;

	if (!read16(fd, at, &low) || !read16(fd, at + 2, &high))
		return false;
	*ret_value = low | (uint32_t)high << 16;
	return true;
}

static void read_header(int fd, struct pci_posture *posture)
{
	uint8_t header[PCI_STD_HEADER_SIZEOF];
	uint8_t type;

	if (moat_pread_all(fd, header, sizeof(header), 0) < 0)
		return;
	type = header[PCI_HEADER_TYPE];
	if (type == 0xff)
		return; /* it does not answer */
	posture->answers = true;
	posture->masters = header[PCI_COMMAND] & PCI_COMMAND_MASTER;
	posture->multifunction = type & 0x80;
	posture->is_bridge = (type & 0x7f) == PCI_HEADER_TYPE_BRIDGE;
	if (!posture->is_bridge)
		return;
	posture->secondary = header[PCI_SECONDARY_BUS];
	posture->subordinate = header[PCI_SUBORDINATE_BUS];
}

/* Return: could the capabilities be read? Not without root. */
static bool read_express(int fd, struct pci_posture *posture)
{
	uint16_t status, head, flags;
	uint8_t at;

	posture->port = PCI_POSTURE_CONVENTIONAL;
	if (!read16(fd, PCI_STATUS, &status))
		return false;
	if (!(status & PCI_STATUS_CAP_LIST))
		return true;
	if (!read16(fd, PCI_CAPABILITY_LIST, &head))
		return false;
	at = head & 0xfc;
	for (unsigned int i = 0; at >= PCI_STD_HEADER_SIZEOF && i < CAPS_MAX;
	     i++) {
		if (!read16(fd, at, &head))
			return false;
		if ((head & 0xff) == PCI_CAP_ID_EXP) {
			if (!read16(fd, at + PCI_EXP_FLAGS, &flags))
				return false;
			posture->port = (enum pci_posture_port)(
				(flags & PCI_EXP_FLAGS_TYPE) >> 4);
			return true;
		}
		at = head >> 8 & 0xfc;
	}
	return true;
}

static bool read_extended(int fd, struct pci_posture *posture)
{
	unsigned int at = PCI_CFG_SPACE_SIZE;
	uint32_t header;
	uint16_t control;

	for (unsigned int i = 0; at >= PCI_CFG_SPACE_SIZE && i < EXT_CAPS_MAX;
	     i++) {
		if (!read32(fd, at, &header))
			return i ==
			       0; /* conventional: there is no such space */
		if (header == 0 || header == UINT32_MAX)
			return true;
		switch (PCI_EXT_CAP_ID(header)) {
		case PCI_EXT_CAP_ID_ATS:
			if (!read16(fd, at + PCI_ATS_CTRL, &control))
				return false;
			posture->has_ats = true;
			posture->ats_on = control & PCI_ATS_CTRL_ENABLE;
			break;
		case PCI_EXT_CAP_ID_ACS:
			posture->has_acs = read16(fd, at + PCI_ACS_CAP,
						  &posture->acs_can) &&
					   read16(fd, at + PCI_ACS_CTRL,
						  &posture->acs_does);
			if (!posture->has_acs)
				return false;
			break;
		default:
			break;
		}
		at = PCI_EXT_CAP_NEXT(header);
	}
	return true;
}

void pci_posture_read(const struct moat_host *host, struct moat_bdf bdf,
		      struct pci_posture *ret_posture)
{
	struct pci_posture posture = { .bdf = bdf };
	char path[PATH_MAX];
	int fd;

	*ret_posture = posture;
	if (host_pci_attr(host, bdf, "config", path) < 0)
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	read_header(fd, &posture);
	posture.whole = posture.answers && read_express(fd, &posture);
	if (posture.whole && posture.port != PCI_POSTURE_CONVENTIONAL)
		posture.whole = read_extended(fd, &posture);
	(void)close(fd);
	*ret_posture = posture;
}

bool pci_posture_isolates(const struct pci_posture *posture)
{
	const uint16_t wanted = PCI_ACS_SV | PCI_ACS_RR | PCI_ACS_CR |
				PCI_ACS_UF;

	switch (posture->port) {
	case PCI_POSTURE_ROOT_PORT:
	case PCI_POSTURE_DOWNSTREAM:
		break;
	case PCI_POSTURE_CONVENTIONAL:
	case PCI_POSTURE_TO_PCI:
	case PCI_POSTURE_FROM_PCI:
		return false;
	case PCI_POSTURE_UPSTREAM:
		return true;
	default:
		if (!posture->multifunction)
			return true;
		break;
	}
	return posture->has_acs && (posture->acs_does & posture->acs_can &
				    wanted) == (posture->acs_can & wanted);
}

/* The last components of ".../pci0000:00/0000:00:06.0/0000:01:00.0". */
size_t pci_posture_path(const struct moat_host *host, struct moat_bdf bdf,
			struct moat_bdf ret_path[PCI_POSTURE_DEPTH])
{
	char path[PATH_MAX], target[PATH_MAX], *rest = target, *word;
	struct moat_bdf at;
	size_t n = 0;
	ssize_t len;

	if (host_pci_attr(host, bdf, "", path) < 0)
		return 0;
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0)
		return 0;
	target[len] = '\0';
	while ((word = strsep(&rest, "/"))) {
		if (moat_bdf_parse(word, &at, NULL) < 0 ||
		    moat_bdf_equal(at, bdf))
			continue;
		if (n == PCI_POSTURE_DEPTH)
			break;
		ret_path[n++] = at;
	}
	return n;
}
