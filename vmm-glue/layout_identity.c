// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The address map of a guest whose devices use host-physical addresses
 * (dma=none): RAM is where the host has it, and all else is around that.
 *
 * The first MiB cannot be had from the host: it is ordinary memory, and a
 * device must not be told of it. Boot data and ACPI tables are there, which
 * only processors read; of the rest the guest gets what Linux takes for
 * starting processors, and nothing that it could give to a driver.
 *
 * PCI's 32-bit window and ECAM are cut from one PCI hole of the host, where
 * no RAM of anybody can be. The 64-bit window is the largest piece of where it
 * always is in which the host has nothing: a device that is told an address in
 * it, another device's register say, puts that on the host's bus.
 */
#include <errno.h>
#include <stdlib.h>

#include "vmm-glue/host_iomem.h"
#include "vmm-glue/layout_internal.h"

#define ECAM_LEN   (LAYOUT_BUSES * MiB)

#define MMIO32_MIN (32 * MiB)
#define MMIO64_MIN GiB

/* From here to 4 GiB a PC has its chips. */
#define PLATFORM      LAYOUT_IOAPIC
#define PLATFORM_LAST (4 * GiB - 1)

/* ---- which pages ---- */

static int longest_first(const void *a, const void *b)
{
	const struct layout_run *x = a, *y = b;

	if (x->len != y->len)
		return x->len > y->len ? -1 : 1;
	return x->gpa < y->gpa ? -1 : 1;
}

static int lowest_first(const void *a, const void *b)
{
	const struct layout_run *x = a, *y = b;

	return x->gpa < y->gpa ? -1 : 1;
}

/* @ret_run has room for @n. */
static size_t join_pages(const uint64_t *pages, size_t n, uint64_t page_size,
			 struct layout_run *ret_run)
{
	size_t n_runs = 0;

	for (size_t i = 0; i < n; i++) {
		struct layout_run *last = n_runs ? &ret_run[n_runs - 1] : NULL;

		if (last && last->gpa + last->len == pages[i])
			last->len += page_size;
		else
			ret_run[n_runs++] =
				(struct layout_run) { pages[i], page_size };
	}
	return n_runs;
}

int layout_choose_pages(const uint64_t *pages, size_t n, uint64_t page_size,
			size_t want, struct layout_run *ret_runs, size_t *ret_n)
{
	uint64_t missing = want * page_size;
	struct layout_run *run;
	size_t n_runs, taken;

	run = calloc(n ? n : 1, sizeof(*run));
	if (!run)
		return -ENOMEM;
	n_runs = join_pages(pages, n, page_size, run);
	qsort(run, n_runs, sizeof(*run), longest_first);
	for (taken = 0; taken < n_runs && missing; taken++) {
		run[taken].len = min_u64(run[taken].len, missing);
		missing -= run[taken].len;
	}
	*ret_n = taken;
	if (taken <= LAYOUT_RUNS_MAX) {
		qsort(run, taken, sizeof(*run), lowest_first);
		for (size_t i = 0; i < taken; i++)
			ret_runs[i] = run[i];
	}
	free(run);
	return taken <= LAYOUT_RUNS_MAX ? 0 : -E2BIG;
}

/* ---- RAM ---- */

static int check_run(const struct layout_run *run, uint64_t end,
		     unsigned int phys_bits, struct moat_err *err)
{
	uint64_t last = run->gpa + run->len - 1;
	uint64_t width_last = (UINT64_C(1) << phys_bits) - 1;

	if (run->len && last >= run->gpa && run->gpa >= end &&
	    last <= width_last &&
	    !ranges_overlap(run->gpa, last, PLATFORM, PLATFORM_LAST))
		return 0;
	return moat_fail(err, -EINVAL,
			 "a guest cannot have RAM at %#llx to %#llx, where the "
			 "host has its huge pages",
			 (unsigned long long)run->gpa,
			 (unsigned long long)last);
}

static int take_runs(struct layout *layout, const struct layout_run *runs,
		     size_t n_runs, unsigned int phys_bits,
		     struct moat_err *err)
{
	uint64_t end = LAYOUT_ACPI_END;
	int r;

	if (n_runs > LAYOUT_RUNS_MAX)
		return moat_fail(err, -E2BIG,
				 "guest RAM lies in %zu pieces, more than the "
				 "%d that a guest's memory map takes",
				 n_runs, LAYOUT_RUNS_MAX);
	for (size_t i = 0; i < n_runs; i++) {
		r = check_run(&runs[i], end, phys_bits, err);
		if (r < 0)
			return r;
		end = runs[i].gpa + runs[i].len;
		layout->run[i] = runs[i];
	}
	layout->n_runs = n_runs;
	return 0;
}

static bool meets_ram(const struct layout *layout, uint64_t first,
		      uint64_t last)
{
	for (size_t i = 0; i < layout->n_runs; i++) {
		const struct layout_run *run = &layout->run[i];

		if (ranges_overlap(first, last, run->gpa,
				   run->gpa + run->len - 1))
			return true;
	}
	return false;
}

/* ---- windows ---- */

/*
 * The largest PCI hole below the platform's addresses, in whole MiB; the end
 * of it becomes ECAM.
 */
static int place_low_windows(struct layout *layout,
			     const struct host_iomem *iomem,
			     struct moat_err *err)
{
	uint64_t hole = 0, hole_end = 0, first, end;

	for (size_t i = 0; i < iomem->n; i++) {
		const struct host_iomem_range *range = &iomem->range[i];

		if (range->kind != HOST_IOMEM_PCI || range->first >= PLATFORM)
			continue;
		first = align_up(max_u64(range->first, MiB), MiB);
		end = align_down(min_u64(range->last, PLATFORM - 1) + 1, MiB);
		if (first >= end || end - first <= hole_end - hole ||
		    meets_ram(layout, first, end - 1))
			continue;
		hole = first;
		hole_end = end;
	}
	first = align_down(hole_end, ECAM_LEN);
	if (first < hole + ECAM_LEN + MMIO32_MIN)
		return moat_fail(
			err, -ENOSPC,
			"the host's largest PCI hole below 4 GiB, "
			"%#llx to %#llx in /proc/iomem, has no room "
			"for a guest's PCI window of %llu MiB; "
			"dma=none cannot be had on this machine",
			(unsigned long long)hole, (unsigned long long)hole_end,
			(unsigned long long)((ECAM_LEN + MMIO32_MIN) / MiB));
	layout->ecam = first - ECAM_LEN;
	layout->mmio32 = hole;
	layout->mmio32_last = layout->ecam - 1;
	return 0;
}

/* What lies at an address, and after it. */
struct outlook {
	uint64_t at;
	bool taken;
	uint64_t taken_last; /* of all that is at @at */
	uint64_t free_end;   /* where the next thing begins */
};

static void see(struct outlook *o, uint64_t first, uint64_t last)
{
	if (last < o->at)
		return;
	if (first > o->at) {
		o->free_end = min_u64(o->free_end, first);
		return;
	}
	o->taken = true;
	o->taken_last = max_u64(o->taken_last, last);
}

static struct outlook look(const struct layout *layout,
			   const struct host_iomem *iomem, bool beside_pci,
			   uint64_t at, uint64_t end)
{
	struct outlook o = { .at = at, .free_end = end };

	for (size_t i = 0; i < iomem->n; i++)
		if (beside_pci || iomem->range[i].kind != HOST_IOMEM_PCI)
			see(&o, iomem->range[i].first, iomem->range[i].last);
	for (size_t i = 0; i < layout->n_runs; i++)
		see(&o, layout->run[i].gpa,
		    layout->run[i].gpa + layout->run[i].len - 1);
	return o;
}

/* The largest, in whole GiB. Return: its size */
static uint64_t find_gap(const struct layout *layout,
			 const struct host_iomem *iomem, bool beside_pci,
			 const struct layout_range *in,
			 struct layout_range *ret_gap)
{
	uint64_t at = in->first, largest = 0, end;

	while (at <= in->last) {
		struct outlook o =
			look(layout, iomem, beside_pci, at, in->last + 1);

		if (o.taken && o.taken_last >= in->last)
			break;
		if (o.taken) {
			at = align_up(o.taken_last + 1, GiB);
			continue;
		}
		end = align_down(o.free_end, GiB);
		if (end - at > largest) {
			largest = end - at;
			*ret_gap = (struct layout_range) { at, end - 1 };
		}
		at = end + GiB;
	}
	return largest;
}

/*
 * Beside the host's PCI windows, too, if there is room: else within them,
 * where at least there is no memory.
 */
static int place_high_window(struct layout *layout,
			     const struct host_iomem *iomem,
			     unsigned int phys_bits, struct moat_err *err)
{
	struct layout_range all, gap = { 0, 0 };

	layout_mmio64(phys_bits, &all.first, &all.last);
	if (find_gap(layout, iomem, true, &all, &gap) < MMIO64_MIN &&
	    find_gap(layout, iomem, false, &all, &gap) < MMIO64_MIN)
		return moat_fail(err, -ENOSPC,
				 "the host has something everywhere from %#llx "
				 "to %#llx (/proc/iomem), which leaves a guest "
				 "no room for the 64-bit PCI window",
				 (unsigned long long)all.first,
				 (unsigned long long)all.last);
	layout->mmio64 = gap.first;
	layout->mmio64_last = gap.last;
	return 0;
}

static void add_uncached(struct layout *layout, uint64_t first, uint64_t last)
{
	if (layout->n_uncached < LAYOUT_UNCACHED_MAX)
		layout->uncached[layout->n_uncached++] =
			(struct layout_range) { first, last };
}

/*
 * From the 32-bit window up to 4 GiB nothing is RAM. What takes more ranges
 * than there are is left out: KVM maps the memory of devices uncached all
 * the same.
 */
static void fill_uncached(struct layout *layout)
{
	uint64_t size = layout->mmio64_last - layout->mmio64 + 1;

	if (is_power_of_2(size) && is_aligned(layout->mmio64, size))
		add_uncached(layout, layout->mmio64, layout->mmio64_last);
	for (uint64_t at = layout->mmio32; at < 4 * GiB; at += size) {
		size = at & -at;
		while (size > 4 * GiB - at)
			size /= 2;
		if (meets_ram(layout, at, at + size - 1))
			break;
		add_uncached(layout, at, at + size - 1);
	}
}

/* ---- e820 ---- */

/* Entries that do not overlap; insertion keeps them sorted. */
static void insert_e820(struct layout *layout, uint64_t start, uint64_t end,
			enum layout_e820 type)
{
	struct layout_e820_entry *e;

	layout_add_e820(layout, start, end, type);
	for (e = &layout->e820[layout->n_e820 - 1];
	     e > layout->e820 && e[-1].start > e->start; e--) {
		struct layout_e820_entry before = e[-1];

		e[-1] = *e;
		*e = before;
	}
}

static void fill_e820(struct layout *layout)
{
	insert_e820(layout, 0, LAYOUT_TRAMPOLINE, E820_RESERVED);
	insert_e820(layout, LAYOUT_TRAMPOLINE, LAYOUT_TRAMP_END, E820_RAM);
	insert_e820(layout, LAYOUT_TRAMP_END, LAYOUT_ACPI_END, E820_RESERVED);
	insert_e820(layout, layout->ecam, layout_ecam_last(layout) + 1,
		    E820_RESERVED);
	insert_e820(layout, LAYOUT_IDENTITY_MAP, LAYOUT_TSS_LAST + 1,
		    E820_RESERVED);
	for (size_t i = 0; i < layout->n_runs; i++)
		insert_e820(layout, layout->run[i].gpa,
			    layout->run[i].gpa + layout->run[i].len, E820_RAM);
}

/*
 * Seven pages: what Linux takes from 4.x to 6.x (its real_mode_blob). It takes
 * the highest there are, so none is left below them.
 */
#define TRAMPOLINE_LEN (28 * KiB)

void layout_spare_low_memory(struct layout *layout)
{
	struct layout_e820_entry *low = &layout->e820[0];

	low[0].len = LAYOUT_TRAMP_END - TRAMPOLINE_LEN;
	low[1].start = low[0].len;
	low[1].len = TRAMPOLINE_LEN;
}

int layout_init_identity(struct layout *ret_layout,
			 const struct layout_run *runs, size_t n_runs,
			 const struct host_iomem *iomem, unsigned int phys_bits,
			 struct moat_err *err)
{
	struct layout layout = { .identity = true };
	int r;

	r = layout_check_width(phys_bits, err);
	if (r == 0)
		r = take_runs(&layout, runs, n_runs, phys_bits, err);
	if (r == 0)
		r = place_low_windows(&layout, iomem, err);
	if (r == 0)
		r = place_high_window(&layout, iomem, phys_bits, err);
	if (r < 0)
		return r;
	fill_uncached(&layout);
	fill_e820(&layout);
	*ret_layout = layout;
	return 0;
}
