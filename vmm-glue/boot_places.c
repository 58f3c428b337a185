// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where a kernel and its initrd go in RAM that has its place already, in
 * pieces and perhaps all of it above 4 GiB.
 *
 * A kernel that is loaded where it cannot run resets without a word, so what
 * its header says about that is checked here.
 * Source: Linux Documentation/arch/x86/boot.rst, relocatable_kernel,
 * kernel_alignment, xloadflags, init_size, initrd_addr_max.
 */
#include <errno.h>

#include "common/util.h"
#include "vmm-glue/boot.h"

#define PAGE (4 * KiB)

static uint64_t mebibytes(uint64_t bytes)
{
	return bytes / MiB + (bytes % MiB != 0);
}

static uint64_t run_end(const struct layout_run *run)
{
	return run->gpa + run->len;
}

static bool holds(const struct layout_run *run, uint64_t gpa, uint64_t len)
{
	return gpa >= run->gpa && gpa < run_end(run) &&
	       len <= run_end(run) - gpa;
}

static uint64_t longest_run(const struct layout *layout)
{
	uint64_t len = 0;

	for (size_t i = 0; i < layout->n_runs; i++)
		len = max_u64(len, layout->run[i].len);
	return len;
}

/* Nowhere: the first reason that applies. */
static int no_place(const struct boot_header *header,
		    const struct layout *layout, struct moat_err *err)
{
	if (!header->alignment)
		return moat_fail(
			err, -ENOSPC,
			"it is not relocatable (CONFIG_RELOCATABLE) and wants "
			"to be at %#llx, where with dma=none this guest has no "
			"RAM, which is where the host's huge pages are; use "
			"its vmlinux, or a relocatable kernel",
			(unsigned long long)header->load);
	if (!header->above_4g && layout->n_runs && layout->run[0].gpa >= 4 * GiB)
		return moat_fail(
			err, -ENOSPC,
			"it cannot be loaded above 4 GiB (xloadflags), and "
			"with dma=none all of this guest's RAM is there, since "
			"the host's huge pages are; use a later kernel, or "
			"reserve huge pages below 4 GiB");
	return moat_fail(
		err, -ENOSPC,
		"it needs %llu MiB of RAM in one piece to start, from %llu MiB "
		"on%s; with dma=none the longest piece of this guest's RAM is "
		"%llu MiB: give more with -m, or reserve larger pages at boot "
		"(-hugepages 1G)",
		(unsigned long long)mebibytes(header->init_size),
		(unsigned long long)mebibytes(header->load),
		header->above_4g ? "" : " and below 4 GiB",
		(unsigned long long)(longest_run(layout) / MiB));
}

static int place_kernel(const struct boot_header *header,
			const struct layout *layout, uint64_t *ret_kernel,
			struct moat_err *err)
{
	uint64_t gpa;

	for (size_t i = 0; i < layout->n_runs; i++)
		if (holds(&layout->run[i], header->load, header->init_size)) {
			*ret_kernel = header->load;
			return 0;
		}
	if (!is_power_of_2(header->alignment))
		return no_place(header, layout, err);
	for (size_t i = 0; i < layout->n_runs; i++) {
		const struct layout_run *run = &layout->run[i];

		gpa = align_up(max_u64(run->gpa, header->load),
			       header->alignment);
		if (!holds(run, gpa, header->init_size) ||
		    (gpa + header->init_size > 4 * GiB && !header->above_4g))
			continue;
		*ret_kernel = gpa;
		return 0;
	}
	return no_place(header, layout, err);
}

/* The highest place for @len bytes in [@first, @end), or 0. */
static uint64_t highest_place(uint64_t first, uint64_t end, uint64_t len)
{
	uint64_t gpa;

	if (first >= end || end - first < len)
		return 0;
	gpa = align_down(end - len, PAGE);
	return gpa >= first ? gpa : 0;
}

/* The highest in RAM below @end and beside the kernel, or 0. */
static uint64_t find_initrd(const struct boot_header *header,
			    const struct layout *layout, uint64_t kernel,
			    uint64_t end, uint64_t len)
{
	uint64_t kernel_end = kernel + header->init_size;
	uint64_t gpa = 0;

	for (size_t i = layout->n_runs; i-- > 0 && !gpa;) {
		const struct layout_run *run = &layout->run[i];
		uint64_t top = min_u64(run_end(run), end);

		if (!holds(run, kernel, 1)) {
			gpa = highest_place(run->gpa, top, len);
			continue;
		}
		gpa = highest_place(kernel_end, top, len);
		if (!gpa)
			gpa = highest_place(run->gpa, min_u64(kernel, top),
					    len);
	}
	return gpa;
}

int boot_choose_places(const struct boot_header *header,
		       const struct layout *layout, uint64_t initrd_len,
		       struct boot_places *ret_places, struct moat_err *err)
{
	struct boot_places places = { 0 };
	int r;

	r = place_kernel(header, layout, &places.kernel, err);
	if (r < 0)
		return r;
	if (initrd_len) {
		places.initrd = find_initrd(header, layout, places.kernel,
					    header->initrd_last + 1,
					    initrd_len);
		if (!places.initrd && header->above_4g)
			places.initrd = find_initrd(header, layout,
						    places.kernel, UINT64_MAX,
						    initrd_len);
		if (!places.initrd)
			return moat_fail(
				err, -ENOSPC,
				"its initrd of %llu MiB does not fit in one "
				"piece of this guest's RAM%s; give more with "
				"-m, or reserve larger pages at boot "
				"(-hugepages 1G)",
				(unsigned long long)mebibytes(initrd_len),
				header->above_4g ? "" : " below 4 GiB");
	}
	*ret_places = places;
	return 0;
}
