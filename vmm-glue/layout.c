// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where RAM and windows go for one machine's size; layout.h draws the map.
 *
 * The 64-bit window is the upper half of the physical address space, so that
 * a BAR of any size that exists has a naturally aligned place in it. RAM
 * never reaches into it.
 */
#include <errno.h>

#include "vmm-glue/layout_internal.h"

/* The smallest guest: a kernel and its initrd need something to stand in. */
#define RAM_MIN	    (32 * MiB)
#define RAM_GRANULE (2 * MiB)

/* What processors in 64-bit mode have: 32 would leave no room above 4 GiB. */
#define PHYS_BITS_MIN 36

/*
 * Wider is not used: KVM's own tables may have four levels, which reach 48
 * bits, on a host that has 52; Linux guests with four levels place nothing
 * above 46 (Documentation/arch/x86/x86_64/mm.rst).
 */
#define PHYS_BITS_USED 46

static unsigned int used_bits(unsigned int phys_bits)
{
	return phys_bits > PHYS_BITS_USED ? PHYS_BITS_USED : phys_bits;
}

void layout_add_e820(struct layout *layout, uint64_t start, uint64_t end,
		     enum layout_e820 type)
{
	struct layout_e820_entry *entry = &layout->e820[layout->n_e820++];

	entry->start = start;
	entry->len = end - start;
	entry->type = type;
}

/* Sorted and without overlap, as Linux would make it anyway. */
static void fill_e820(struct layout *layout)
{
	layout->n_e820 = 0;
	layout_add_e820(layout, 0, LAYOUT_EBDA, E820_RAM);
	layout_add_e820(layout, LAYOUT_EBDA, LAYOUT_ACPI_END, E820_RESERVED);
	layout_add_e820(layout, LAYOUT_KERNEL_MIN, layout->ram.low, E820_RAM);
	/* Linux uses ECAM only where firmware calls it reserved. */
	layout_add_e820(layout, LAYOUT_ECAM, LAYOUT_ECAM_LAST + 1,
			E820_RESERVED);
	layout_add_e820(layout, LAYOUT_IDENTITY_MAP, LAYOUT_TSS_LAST + 1,
			E820_RESERVED);
	if (layout->ram.high)
		layout_add_e820(layout, LAYOUT_RAM_HIGH,
				LAYOUT_RAM_HIGH + layout->ram.high, E820_RAM);
}

void layout_mmio64(unsigned int phys_bits, uint64_t *ret_first,
		   uint64_t *ret_last)
{
	unsigned int bits = used_bits(phys_bits);

	*ret_first = UINT64_C(1) << (bits - 1);
	*ret_last = (UINT64_C(1) << bits) - 1;
}

bool layout_is_platform(const struct layout *layout, uint64_t first,
			uint64_t last)
{
	const struct layout_range taken[] = {
		{ layout->ecam, layout_ecam_last(layout) },
		{ LAYOUT_IOAPIC, LAYOUT_IOAPIC_LAST },
		{ LAYOUT_LAPIC, LAYOUT_LAPIC_LAST },
		{ LAYOUT_IDENTITY_MAP, LAYOUT_TSS_LAST },
	};

	for (size_t i = 0; i < ARRAY_SIZE(taken); i++)
		if (ranges_overlap(first, last, taken[i].first, taken[i].last))
			return true;
	return false;
}

int layout_check_width(unsigned int phys_bits, struct moat_err *err)
{
	if (phys_bits >= PHYS_BITS_MIN && phys_bits <= 52)
		return 0;
	return moat_fail(err, -EINVAL,
			 "the host's KVM says that guests have %u bits "
			 "of physical address; 36 to 52 would make sense",
			 phys_bits);
}

int layout_init(struct layout *ret_layout, uint64_t ram_bytes,
		unsigned int phys_bits, struct moat_err *err)
{
	struct layout layout = {
		.mmio32 = LAYOUT_MMIO32,
		.mmio32_last = LAYOUT_MMIO32_LAST,
		.ecam = LAYOUT_ECAM,
		.uncached = { { LAYOUT_RAM_LOW_MAX, LAYOUT_RAM_HIGH - 1 } },
		.n_uncached = 2,
	};
	uint64_t ram_end;
	int r;

	r = layout_check_width(phys_bits, err);
	if (r < 0)
		return r;
	if (ram_bytes < RAM_MIN)
		return moat_fail(err, -EINVAL,
				 "guest RAM of %llu bytes is too little: the "
				 "least is %llu MiB (-m 32M)",
				 (unsigned long long)ram_bytes,
				 (unsigned long long)(RAM_MIN / MiB));
	if (!is_aligned(ram_bytes, RAM_GRANULE))
		return moat_fail(err, -EINVAL,
				 "guest RAM of %llu bytes is not a multiple of "
				 "2 MiB",
				 (unsigned long long)ram_bytes);

	layout_mmio64(phys_bits, &layout.mmio64, &layout.mmio64_last);
	layout.uncached[1].first = layout.mmio64;
	layout.uncached[1].last = layout.mmio64_last;
	layout.ram.low = min_u64(ram_bytes, LAYOUT_RAM_LOW_MAX);
	layout.ram.high = ram_bytes - layout.ram.low;
	/* Compared so that it cannot wrap. */
	ram_end = layout.mmio64 - LAYOUT_RAM_HIGH;
	if (layout.ram.high > ram_end)
		return moat_fail(
			err, -E2BIG,
			"guest RAM of %llu MiB does not fit below the "
			"64-bit PCI window: the most is %llu MiB with "
			"%u bits of physical address",
			(unsigned long long)(ram_bytes / MiB),
			(unsigned long long)((ram_end + LAYOUT_RAM_LOW_MAX) /
					     MiB),
			used_bits(phys_bits));
	fill_e820(&layout);
	*ret_layout = layout;
	return 0;
}

size_t layout_ram(const struct layout *layout, struct layout_run *ret_runs)
{
	size_t n = 0;

	if (layout->identity) {
		ret_runs[n++] = (struct layout_run) { 0, LAYOUT_KERNEL_MIN };
		for (size_t i = 0; i < layout->n_runs; i++)
			ret_runs[n++] = layout->run[i];
		return n;
	}
	ret_runs[n++] = (struct layout_run) { 0, layout->ram.low };
	if (layout->ram.high)
		ret_runs[n++] = (struct layout_run) { LAYOUT_RAM_HIGH,
						      layout->ram.high };
	return n;
}
