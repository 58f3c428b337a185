// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What firmware does with a PCI bus before it starts an operating system:
 * numbers the buses, places every BAR, opens the bridges' windows over them,
 * and writes it all into the registers. The guest may do it over.
 *
 * Vocabulary: a want is one BAR. A block is what gets one place in a window
 * of the host bridge: all BARs behind one root port that share one of its
 * windows, or one BAR of a function on bus 0.
 *
 * Where a BAR goes:
 *  - ports: the I/O window. A root port takes 4 KiB of it, so there are 15
 *    behind root ports at most; who finds no room is left without, as
 *    firmware does, since drivers hardly use port BARs any more;
 *  - 64-bit prefetchable: the 64-bit window, and if there is no room the
 *    32-bit one;
 *  - other memory: the 32-bit window. Behind a root port it has to be: the
 *    only window of a bridge that reaches above 4 GiB is the prefetchable
 *    one, and an operating system takes no other BAR in there. On bus 0,
 *    64-bit BARs that find no room go to the 64-bit window.
 * Memory BARs get pages of their own, so that each can be mapped into the
 * guest without its neighbours.
 *
 * Source: PCI-to-PCI Bridge 1.2 section 3.2.5 for the windows.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/pci_regs.h>

#include <moat/log.h>

#include "common/util.h"
#include "vmm-glue/root_port.h"

#define PAGE	    4096
#define MEM_GRANULE MiB	 /* of a bridge's memory windows */
#define IO_GRANULE  4096 /* of its I/O window */
/* Each function's BARs and its ROM. */
#define WANTS_MAX (PCI_SLOTS * PCI_FUNCTIONS * (MOAT_PCI_ROM + 1))

enum space { SPACE_IO, SPACE_MEM32, SPACE_MEM64, SPACE_N };

static const char *const space_name[] = {
	[SPACE_IO] = "I/O",
	[SPACE_MEM32] = "32-bit memory",
	[SPACE_MEM64] = "64-bit memory",
};

struct want {
	struct pci_place *place;
	unsigned int fn;
	unsigned int bar;
	struct moat_bar_info info;
	uint64_t size; /* as placed: at least a page of memory */
	enum space space;
	bool placed;
	bool left_out; /* of the I/O window: its register stays 0 */
	uint64_t addr;
};

struct block {
	struct pci_place *place;
	struct want *first; /* its wants lie side by side, largest first */
	size_t n;
	bool may_move; /* it has another window to try */
	uint64_t size, align, addr;
};

/* A window of the host bridge, and what of it is taken, sorted. */
struct window {
	uint64_t first, last;
	struct {
		uint64_t first, last;
	} used[WANTS_MAX];
	size_t n;
};

struct plan {
	struct pci_host *host;
	struct window window[SPACE_N];
	struct want want[WANTS_MAX];
	size_t n_wants;
	struct block block[WANTS_MAX]; /* of the space at hand */
	size_t n_blocks;
	bool left_out; /* some BAR has been */
};

/* "NAME: BAR 2 at 01:00.0 of the guest", or without a name. */
static void say_bar(const struct plan *plan, const struct want *want, char *buf,
		    size_t size)
{
	const struct pci_function *fn = &want->place->fn[want->fn];
	struct pci_slot slot =
		pci_place_slot(plan->host, want->place, want->fn);
	const char *name = fn->ops->name ? fn->ops->name(fn->opaque) : NULL;

	(void)snprintf(buf, size, "%s%sBAR %u at %02x:%02x.%x of the guest",
		       name ? name : "", name ? ": " : "", want->bar, slot.bus,
		       slot.dev, slot.fn);
}

static int no_room(const struct plan *plan, const struct want *want,
		   struct moat_err *err)
{
	const struct window *window = &plan->window[want->space];
	char bar[128];

	say_bar(plan, want, bar, sizeof(bar));
	return moat_fail(
		err, -ENOSPC,
		"%s, %llu bytes, finds no room: the %s window has %llu KiB "
		"for all devices; assign fewer or smaller ones",
		bar, (unsigned long long)want->info.size,
		space_name[want->space],
		(unsigned long long)((window->last - window->first) / KiB + 1));
}

/* What BARs ask for. */

static enum space space_of(const struct moat_bar_info *info)
{
	if (info->kind == MOAT_BAR_PIO)
		return SPACE_IO;
	if (info->kind == MOAT_BAR_MEM64 && info->prefetchable)
		return SPACE_MEM64;
	return SPACE_MEM32;
}

static int odd_size(const struct plan *plan, const struct want *want,
		    struct moat_err *err)
{
	char bar[128];

	say_bar(plan, want, bar, sizeof(bar));
	return moat_fail(err, -EINVAL,
			 "%s has a size of %#llx, which is no power of two",
			 bar, (unsigned long long)want->info.size);
}

static int add_wants(struct plan *plan, struct pci_place *place,
		     unsigned int fn, struct moat_err *err)
{
	const struct pci_function *function = &place->fn[fn];

	for (unsigned int bar = 0; bar <= MOAT_PCI_ROM; bar++) {
		struct want want = { .place = place, .fn = fn, .bar = bar };

		function->ops->bar(function->opaque, bar, &want.info);
		if (want.info.kind == MOAT_BAR_NONE)
			continue;
		if (!is_power_of_2(want.info.size))
			return odd_size(plan, &want, err);
		want.space = space_of(&want.info);
		want.size = want.info.size;
		if (want.space != SPACE_IO)
			want.size = max_u64(want.size, PAGE);
		plan->want[plan->n_wants++] = want;
	}
	return 0;
}

static int add_place(struct plan *plan, struct pci_place *place,
		     struct moat_err *err)
{
	int r = 0;

	for (unsigned int fn = 0; fn < PCI_FUNCTIONS && r == 0; fn++)
		if (place->fn[fn].ops)
			r = add_wants(plan, place, fn, err);
	return r;
}

/* By space, then by place, then the largest first: blocks lie together. */
static int compare_wants(const void *a, const void *b)
{
	const struct want *x = a, *y = b;

	if (x->space != y->space)
		return x->space < y->space ? -1 : 1;
	if (x->place != y->place)
		return x->place < y->place ? -1 : 1;
	if (x->size != y->size)
		return x->size > y->size ? -1 : 1;
	if (x->fn != y->fn)
		return x->fn < y->fn ? -1 : 1;
	return x->bar < y->bar ? -1 : x->bar > y->bar;
}

static void sort_wants(struct plan *plan)
{
	qsort(plan->want, plan->n_wants, sizeof(plan->want[0]), compare_wants);
}

/* Blocks. */

static int append_to_block(struct block *block, const struct want *want)
{
	uint64_t granule = want->space == SPACE_IO ? IO_GRANULE : MEM_GRANULE;
	uint64_t size;

	if (block->n == 0)
		block->align =
			max_u64(want->size, block->place->port ? granule : 1);
	/* Powers of two in falling order: each is aligned behind the last. */
	if (__builtin_add_overflow(block->size, want->size, &size))
		return -EOVERFLOW;
	block->size = size;
	block->n++;
	return 0;
}

/* The bridge's window is whole granules; false: past 2^64. */
static bool round_block(struct block *block, enum space space)
{
	uint64_t granule = space == SPACE_IO ? IO_GRANULE : MEM_GRANULE;

	if (!block->place->port)
		return true;
	if (block->size > UINT64_MAX - granule)
		return false;
	block->size = align_up(block->size, granule);
	return true;
}

/* What has no other chance first; then by alignment, which wastes least. */
static int compare_blocks(const void *a, const void *b)
{
	const struct block *x = a, *y = b;

	if (x->may_move != y->may_move)
		return x->may_move ? 1 : -1;
	if (x->align != y->align)
		return x->align > y->align ? -1 : 1;
	return x->first < y->first ? -1 : x->first > y->first;
}

/* SPACE_N is nowhere; down is always possible, up only on bus 0. */
static bool may_move(const struct block *block, enum space to)
{
	if (to != SPACE_MEM64)
		return to != SPACE_N;
	return !block->place->port && block->first->info.kind == MOAT_BAR_MEM64;
}

/*
 * @plan->block becomes the blocks of what is not placed yet in @space, in the
 * order to place them.
 */
static int make_blocks(struct plan *plan, enum space space, enum space overflow,
		       struct moat_err *err)
{
	struct block *block = NULL;

	plan->n_blocks = 0;
	for (size_t i = 0; i < plan->n_wants; i++) {
		struct want *want = &plan->want[i];

		if (want->space != space || want->placed)
			continue;
		if (!block || block->place != want->place ||
		    !want->place->port) {
			block = &plan->block[plan->n_blocks++];
			*block = (struct block) { .place = want->place,
						  .first = want };
		}
		if (append_to_block(block, want) < 0)
			return no_room(plan, want, err);
	}
	for (size_t i = 0; i < plan->n_blocks; i++) {
		block = &plan->block[i];
		if (!round_block(block, space))
			return no_room(plan, block->first, err);
		block->may_move = may_move(block, overflow);
	}
	qsort(plan->block, plan->n_blocks, sizeof(plan->block[0]),
	      compare_blocks);
	return 0;
}

/* Room. */

static void window_take(struct window *window, size_t at, uint64_t first,
			uint64_t last)
{
	memmove(&window->used[at + 1], &window->used[at],
		(window->n - at) * sizeof(window->used[0]));
	window->used[at].first = first;
	window->used[at].last = last;
	window->n++;
}

/* The first hole that fits. Return: false when there is none. */
static bool window_place(struct window *window, uint64_t size, uint64_t align,
			 uint64_t *ret_addr)
{
	uint64_t hole = window->first;

	for (size_t i = 0; i <= window->n; i++) {
		uint64_t last = i < window->n ? window->used[i].first - 1
					      : window->last;
		uint64_t addr = align_up(hole, align);

		/* addr < hole: it has wrapped */
		if (addr >= hole && addr <= last && size - 1 <= last - addr) {
			window_take(window, i, addr, addr + size - 1);
			*ret_addr = addr;
			return true;
		}
		if (i < window->n)
			hole = window->used[i].last + 1;
	}
	return false;
}

static void settle(struct block *block)
{
	uint64_t addr = block->addr;

	for (size_t i = 0; i < block->n; i++) {
		block->first[i].addr = addr;
		block->first[i].placed = true;
		addr += block->first[i].size;
	}
}

static void move(struct block *block, enum space to)
{
	for (size_t i = 0; i < block->n; i++)
		block->first[i].space = to;
}

/* A guest's resets come here again and again: once says enough. */
static void leave_out(struct plan *plan, struct block *block)
{
	char bar[128];

	plan->left_out = true;
	for (size_t i = 0; i < block->n; i++) {
		struct want *want = &block->first[i];

		want->placed = want->left_out = true;
		if (plan->host->io_warned)
			continue;
		say_bar(plan, want, bar, sizeof(bar));
		log_warn("%s, %llu ports, finds no room in the I/O window and "
			 "is left without an address",
			 bar, (unsigned long long)want->info.size);
	}
}

/*
 * Place all blocks of @space. Those without room move to @overflow; SPACE_N:
 * they may not.
 */
static int place_space(struct plan *plan, enum space space, enum space overflow,
		       struct moat_err *err)
{
	int r = make_blocks(plan, space, overflow, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < plan->n_blocks; i++) {
		struct block *block = &plan->block[i];

		if (window_place(&plan->window[space], block->size,
				 block->align, &block->addr))
			settle(block);
		else if (block->may_move)
			move(block, overflow);
		else if (space == SPACE_IO)
			leave_out(plan, block);
		else
			return no_room(plan, block->first, err);
	}
	sort_wants(plan);
	return 0;
}

/*
 * The 64-bit window first, since what it refuses goes to the 32-bit one.
 * What that refuses, if it may, has the last try in the 64-bit window.
 */
static int place_all(struct plan *plan, struct moat_err *err)
{
	static const struct {
		enum space space, overflow;
	} steps[] = {
		{ SPACE_IO, SPACE_N },
		{ SPACE_MEM64, SPACE_MEM32 },
		{ SPACE_MEM32, SPACE_MEM64 },
		{ SPACE_MEM64, SPACE_N },
	};

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		int r = place_space(plan, steps[i].space, steps[i].overflow,
				    err);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Registers. */

static void write_bar(const struct want *want)
{
	const struct pci_function *fn = &want->place->fn[want->fn];
	uint16_t reg = (uint16_t)(PCI_BASE_ADDRESS_0 + 4 * want->bar);

	if (want->bar == MOAT_PCI_ROM)
		reg = PCI_ROM_ADDRESS; /* and its enable bit stays off */
	fn->ops->config_write(fn->opaque, reg, 4, (uint32_t)want->addr);
	if (want->info.kind == MOAT_BAR_MEM64)
		fn->ops->config_write(fn->opaque, reg + 4, 4,
				      (uint32_t)(want->addr >> 32));
}

/* Nothing decodes and nothing masters while it is moved, nor after. */
static void quiet(const struct pci_function *fn)
{
	uint32_t command = fn->ops->config_read(fn->opaque, PCI_COMMAND, 2);

	command &= ~(uint32_t)(PCI_COMMAND_IO | PCI_COMMAND_MEMORY |
			       PCI_COMMAND_MASTER);
	fn->ops->config_write(fn->opaque, PCI_COMMAND, 2, command);
}

static void write_interrupt_line(const struct pci_host *host,
				 const struct pci_place *place, unsigned int i)
{
	const struct pci_function *fn = &place->fn[i];
	uint32_t pin = fn->ops->config_read(fn->opaque, PCI_INTERRUPT_PIN, 1);

	if (pin >= 1 && pin <= 4)
		fn->ops->config_write(
			fn->opaque, PCI_INTERRUPT_LINE, 1,
			pci_host_intx_gsi(pci_place_slot(host, place, i), pin));
}

/* What a port's window of @space must hold. Return: false when nothing. */
static bool window_of(const struct plan *plan, const struct pci_place *place,
		      enum space space, uint64_t *ret_first, uint64_t *ret_last)
{
	uint64_t granule = space == SPACE_IO ? IO_GRANULE : MEM_GRANULE;
	uint64_t first = UINT64_MAX, last = 0;

	for (size_t i = 0; i < plan->n_wants; i++) {
		const struct want *want = &plan->want[i];

		if (want->place != place || want->space != space ||
		    want->left_out)
			continue;
		first = min_u64(first, want->addr);
		last = max_u64(last, want->addr + want->size - 1);
	}
	*ret_first = first;
	*ret_last = last | (granule - 1);
	return first <= last;
}

static void write_port(const struct plan *plan, const struct pci_place *place)
{
	struct root_port *port = place->port;
	uint8_t bus = pci_place_slot(plan->host, place, 0).bus;
	uint64_t first, last;

	/* Windows are closed after reset; only those with a use open. */
	root_port_reset(port);
	root_port_config_write(port, PCI_SECONDARY_BUS, 1, bus);
	root_port_config_write(port, PCI_SUBORDINATE_BUS, 1, bus);
	if (window_of(plan, place, SPACE_IO, &first, &last)) {
		root_port_config_write(port, PCI_IO_BASE, 1,
				       (uint32_t)first >> 8);
		root_port_config_write(port, PCI_IO_LIMIT, 1,
				       (uint32_t)last >> 8);
	}
	if (window_of(plan, place, SPACE_MEM32, &first, &last)) {
		root_port_config_write(port, PCI_MEMORY_BASE, 2,
				       (uint32_t)first >> 16);
		root_port_config_write(port, PCI_MEMORY_LIMIT, 2,
				       (uint32_t)last >> 16);
	}
	if (window_of(plan, place, SPACE_MEM64, &first, &last)) {
		root_port_config_write(port, PCI_PREF_MEMORY_BASE, 2,
				       (uint32_t)first >> 16);
		root_port_config_write(port, PCI_PREF_MEMORY_LIMIT, 2,
				       (uint32_t)last >> 16);
		root_port_config_write(port, PCI_PREF_BASE_UPPER32, 4,
				       (uint32_t)(first >> 32));
		root_port_config_write(port, PCI_PREF_LIMIT_UPPER32, 4,
				       (uint32_t)(last >> 32));
	}
	root_port_config_write(port, PCI_COMMAND, 2,
			       PCI_COMMAND_IO | PCI_COMMAND_MEMORY |
				       PCI_COMMAND_MASTER);
}

static void write_all(const struct plan *plan)
{
	struct pci_host *host = plan->host;
	unsigned int dev, fn;

	for (dev = 1; dev < PCI_SLOTS; dev++) {
		struct pci_place *place = &host->place[dev];

		if (place->port)
			write_port(plan, place);
		for (fn = 0; fn < PCI_FUNCTIONS; fn++)
			if (place->fn[fn].ops)
				quiet(&place->fn[fn]);
	}
	for (size_t i = 0; i < plan->n_wants; i++)
		write_bar(&plan->want[i]);
	for (dev = 1; dev < PCI_SLOTS; dev++)
		for (fn = 0; fn < PCI_FUNCTIONS; fn++)
			if (host->place[dev].fn[fn].ops)
				write_interrupt_line(host, &host->place[dev],
						     fn);
}

static void init_windows(struct plan *plan)
{
	struct window *window = plan->window;

	window[SPACE_IO].first = LAYOUT_PIO;
	window[SPACE_IO].last = LAYOUT_PIO_LAST;
	window[SPACE_MEM32].first = plan->host->mmio32;
	window[SPACE_MEM32].last = plan->host->mmio32_last;
	window[SPACE_MEM64].first = plan->host->mmio64;
	window[SPACE_MEM64].last = plan->host->mmio64_last;
}

int pci_host_assign(struct pci_host *host, struct moat_err *err)
{
	struct plan *plan = calloc(1, sizeof(*plan));
	int r = 0;

	if (!plan)
		return moat_fail(err, -ENOMEM, "PCI assignment: no memory");
	plan->host = host;
	init_windows(plan);
	for (unsigned int dev = 1; dev < PCI_SLOTS && r == 0; dev++)
		r = add_place(plan, &host->place[dev], err);
	if (r < 0)
		goto free_plan;
	sort_wants(plan);
	r = place_all(plan, err);
	if (r < 0)
		goto free_plan;
	write_all(plan);
	host->io_warned |= plan->left_out;
free_plan:
	free(plan);
	return r;
}
