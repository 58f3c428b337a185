// SPDX-License-Identifier: GPL-2.0-or-later
/* The table of quirks; quirks.h says what belongs here. */
#include <stddef.h>

#include "assign/quirks.h"
#include "common/util.h"

#define VENDOR_CHELSIO 0x1425
#define VENDOR_BAIDU   0x1d22
#define VENDOR_INTEL   0x8086

#define CLASS_DISPLAY  0x030000

#define ALL_BITS       0xffff

static const struct quirk quirks[] = {
	{
		.id = { .vendor = VENDOR_INTEL,
			.class_code = CLASS_DISPLAY,
			.on_root_bus = true },
		.class_mask = 0xff0000,
		.root_bus_only = true,
		.reason = "its frame buffer is memory that the host's firmware "
			  "set aside, and registers of it are the host "
			  "bridge's; a discrete one is behind a port",
		.source = "Intel Graphics Programmer's Reference Manual "
			  "(Broadwell), volume 12: BDSM, ASLS, GGC; Linux "
			  "drivers/vfio/pci/vfio_pci_igd.c",
		.refuse = "Intel's integrated graphics, parts of which lie in "
			  "the host's memory and host bridge",
	},
	{
		/* All virtual functions of the generation. */
		.id = { .vendor = VENDOR_CHELSIO, .device = 0x5800 },
		.device_mask = 0xff00,
		.reason = "a T5 virtual function says that the pending bits "
			  "are at 0x8000 of a BAR of 8 KiB",
		.source = "QEMU hw/vfio/pci.c, vfio_msix_early_setup(), with "
			  "Chelsio's word for the right place",
		.pba_offset_bad = 0x8000,
		.pba_offset = 0x1000,
	},
	{
		.id = { .vendor = VENDOR_BAIDU, .device = 0x3685 },
		.device_mask = ALL_BITS,
		.reason = "a Kunlun virtual function says that the pending "
			  "bits are at 0x460000 of a BAR of 64 KiB",
		.source = "QEMU hw/vfio/pci.c, vfio_msix_early_setup()",
		.pba_offset_bad = 0x460000,
		.pba_offset = 0xb400,
	},
};

static bool matches(const struct quirk *q, const struct quirk_id *id)
{
	return q->id.vendor == id->vendor &&
	       ((q->id.device ^ id->device) & q->device_mask) == 0 &&
	       ((q->id.class_code ^ id->class_code) & q->class_mask) == 0 &&
	       (!q->root_bus_only || id->on_root_bus);
}

const struct quirk *quirk_find(const struct quirk_id *id,
			       const struct quirk *after)
{
	const struct quirk *q = after ? after + 1 : quirks;

	for (; q < quirks + ARRAY_SIZE(quirks); q++)
		if (matches(q, id))
			return q;
	return NULL;
}
