// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The expansion ROM: a copy, taken at open from the device or from a file.
 * The guest's accesses never reach the device's own ROM, whose decoder many
 * devices share with their BARs. All of it is trapped: a guest reads its ROM
 * once if ever, and must not write it, which a direct mapping would allow.
 *
 * Invariant: the guest sees it only while memory decode and the ROM's own
 * enable bit are on.
 * Locking: the device's; the trap handler takes it.
 *
 * Source: PCI Local Bus 3.0 section 6.2.5.2 for the register; PCI Firmware
 * 3.0 section 5.1 for what is inside.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "assign/bytes.h"
#include "assign/device_internal.h"
#include "common/io.h"
#include "common/util.h"

/* The smallest that the register can tell, and the largest allowed. */
#define ROM_MIN (2 * KiB)
#define ROM_MAX (16 * MiB)

/* In an image's header, and in the data structure that it points to. */
#define IMAGE_SIGNATURE 0xaa55
#define IMAGE_PCIR	0x18 /* pointer, from the image's start */
#define IMAGE_HEADER	0x1a /* bytes */
#define PCIR_LENGTH	0x10 /* of the image, in units */
#define PCIR_UNIT	512
#define PCIR_INDICATOR	0x15
#define PCIR_LAST	0x80
#define PCIR_MIN	0x18 /* bytes */

/* ---- what is inside ---- */

/* One image at @at; @ret_len: its bytes, or 0 for the last. */
static int image_check(const uint8_t *data, size_t len, size_t at,
		       size_t *ret_len, const char **ret_why)
{
	size_t pcir;

	*ret_why = "there is no signature 55 aa";
	if (len - at < IMAGE_HEADER || get_le16(data + at) != IMAGE_SIGNATURE)
		return -EINVAL;
	pcir = get_le16(data + at + IMAGE_PCIR);
	*ret_why = "the PCI data structure lies outside";
	if (pcir < IMAGE_HEADER || pcir > len - at ||
	    len - at - pcir < PCIR_MIN)
		return -EINVAL;
	*ret_why = "there is no PCI data structure (PCIR)";
	if (memcmp(data + at + pcir, "PCIR", 4))
		return -EINVAL;
	*ret_why = "the image has no length, or does not end inside";
	*ret_len = (size_t)PCIR_UNIT * get_le16(data + at + pcir + PCIR_LENGTH);
	if (*ret_len == 0 || *ret_len > len - at)
		return -EINVAL;
	if (data[at + pcir + PCIR_INDICATOR] & PCIR_LAST)
		*ret_len = 0;
	return 0;
}

int rom_check(const uint8_t *data, size_t len, bool whole, const char *what,
	      struct moat_err *err)
{
	size_t at = 0, image = 0;
	const char *why;
	int r;

	do {
		r = image_check(data, len, at, &image, &why);
		if (r < 0)
			return moat_fail(err, r,
					 "%s is no PCI expansion ROM: at byte "
					 "0x%zx %s",
					 what, at, why);
		at += image;
	} while (image > 0 && whole);
	return 0;
}

/* ---- where it comes from ---- */

static int read_device(struct moat_device *dev, uint8_t **ret_data,
		       size_t *ret_len, struct moat_err *err)
{
	struct host_device *host = dev->host;
	struct host_region region;
	uint8_t *data;
	int r, quiet_r;

	r = host->ops->region_info(host, HOST_REGION_ROM, &region);
	if (r == 0 && region.size == 0)
		r = -ENODEV;
	if (r == 0 && region.size > ROM_MAX)
		r = -EFBIG;
	if (r < 0)
		return moat_fail(err, r,
				 "%s: rom=on: the host can read no expansion "
				 "ROM of it: %s; leave rom=on away, or name a "
				 "file",
				 dev->name, strerror(-r));
	data = malloc(region.size);
	if (!data)
		return moat_fail(err, -ENOMEM, "%s: out of memory for its ROM",
				 dev->name);
	/* The ROM answers only while memory does. */
	r = host_config_write(dev, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	if (r == 0)
		r = host->ops->region_read(host, HOST_REGION_ROM, 0, data,
					   region.size);
	quiet_r = host_config_write(dev, PCI_COMMAND, 2, 0);
	if (r == 0)
		r = quiet_r;
	if (r < 0) {
		free(data);
		return moat_fail(err, r, "%s: cannot read its ROM: %s",
				 dev->name, strerror(-r));
	}
	*ret_data = data;
	*ret_len = region.size;
	return 0;
}

static int read_file(struct moat_device *dev, const char *path,
		     uint8_t **ret_data, size_t *ret_len, struct moat_err *err)
{
	void *data;
	int r;

	r = moat_read_file(path, ROM_MAX, &data, ret_len);
	if (r < 0)
		return moat_fail(err, r, "%s: rom=%s: %s", dev->name, path,
				 r == -EFBIG ? "larger than 16 MiB, which no "
					       "ROM is"
					     : strerror(-r));
	*ret_data = data;
	return 0;
}

/* As large as a BAR can be; what is behind the end reads as an empty bus. */
static int rom_set(struct rom *rom, const uint8_t *data, size_t len)
{
	uint64_t size = ROM_MIN;

	while (size < len)
		size *= 2;
	rom->data = malloc(size);
	if (!rom->data)
		return -ENOMEM;
	memcpy(rom->data, data, len);
	memset(rom->data + len, 0xff, size - len);
	rom->size = size;
	return 0;
}

int rom_open(struct moat_device *dev, const struct moat_device_spec *spec,
	     struct moat_err *err)
{
	bool own = spec->rom == MOAT_ROM_ON;
	uint8_t *data = NULL;
	size_t len = 0;
	int r;

	if (spec->rom == MOAT_ROM_OFF)
		return 0;
	r = own ? read_device(dev, &data, &len, err)
		: read_file(dev, spec->rom_file, &data, &len, err);
	if (r < 0)
		return r;
	r = rom_check(data, len, !own, own ? "what it has" : spec->rom_file,
		      err);
	if (r < 0) {
		r = moat_fail_prefix(err, r, "%s: rom=%s", dev->name,
				     own ? "on" : "FILE");
		goto free_data;
	}
	r = rom_set(&dev->rom, data, len);
	if (r < 0)
		r = moat_fail(err, r, "%s: out of memory for its ROM",
			      dev->name);
free_data:
	free(data);
	return r;
}

void rom_close(struct moat_device *dev)
{
	assert(!dev->rom.trapped);
	free(dev->rom.data);
	dev->rom.data = NULL;
}

/* ---- the guest's view ---- */

static uint64_t rom_trap_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct moat_device *dev = opaque;
	const struct rom *rom = &dev->rom;
	uint64_t value = all_ones(size);

	pthread_mutex_lock(&dev->lock);
	if (rom->trapped && size && size <= 8 && offset < rom->size &&
	    size <= rom->size - offset)
		value = get_le(rom->data + offset, size);
	pthread_mutex_unlock(&dev->lock);
	return value;
}

static void rom_trap_write(void *opaque, uint64_t offset, unsigned int size,
			   uint64_t value)
{
	(void)opaque;
	(void)offset;
	(void)size;
	(void)value;
}

static bool rom_wanted(const struct moat_device *dev, uint64_t *ret_addr)
{
	uint32_t reg = config_get(&dev->cfg, PCI_ROM_ADDRESS, 4);
	uint64_t addr = reg & ~(dev->rom.size - 1);

	if (!dev->rom.data || !(reg & PCI_ROM_ADDRESS_ENABLE) ||
	    !device_is_awake(dev) ||
	    !(config_get(&dev->cfg, PCI_COMMAND, 2) & PCI_COMMAND_MEMORY))
		return false;
	/* Nobody has set it, or somebody asks for the size. */
	if (addr == 0 || addr + dev->rom.size - 1 == UINT32_MAX)
		return false;
	*ret_addr = addr;
	return true;
}

void rom_unmap_stale(struct moat_device *dev)
{
	struct rom *rom = &dev->rom;
	uint64_t addr;

	if (!rom->trapped ||
	    (rom_wanted(dev, &addr) && addr == rom->trap.first))
		return;
	dev->vmm->untrap(dev->vmm_opaque, &rom->trap);
	rom->trapped = false;
}

void rom_map_wanted(struct moat_device *dev)
{
	struct rom *rom = &dev->rom;
	uint64_t addr;
	int r;

	if (!dev->vmm || rom->trapped || !rom_wanted(dev, &addr))
		return;
	rom->trap = (struct moat_trap) {
		.space = MOAT_TRAP_MMIO,
		.first = addr,
		.last = addr + rom->size - 1,
		.read = rom_trap_read,
		.write = rom_trap_write,
		.opaque = dev,
	};
	r = dev->vmm->trap(dev->vmm_opaque, &rom->trap);
	rom->trapped = r == 0;
	if (r < 0 && rom->refused != addr)
		dev_warn(dev,
			 "its ROM stays unmapped: the guest put it at 0x%llx: "
			 "%s",
			 (unsigned long long)addr, bar_refusal(r));
	rom->refused = r < 0 ? addr : 0;
}

static void rom_written(struct moat_device *dev, uint16_t first, uint32_t old,
			uint32_t now)
{
	(void)first;
	if (old != now)
		config_decode_changed(dev);
}

int rom_add_rows(struct moat_device *dev)
{
	const struct config_row row = {
		.first = PCI_ROM_ADDRESS,
		.len = 4,
		.writable = (uint32_t) ~(dev->rom.size - 1) |
			    PCI_ROM_ADDRESS_ENABLE,
		.written = rom_written,
	};

	return dev->rom.data ? config_add(&dev->cfg, &row) : 0;
}
