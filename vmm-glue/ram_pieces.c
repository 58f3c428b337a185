// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which node each part of guest RAM came from. Ordinary memory is where it was
 * bound to: it comes from nowhere else. Huge pages are asked for their place
 * where a wish may not have been granted: identity-placed RAM, and what was
 * taken from other nodes in need.
 */
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <moat/placement.h>

#include "common/util.h"
#include "vmm-glue/ram_identity.h"
#include "vmm-glue/ram_internal.h"

/* Pages that the kernel is asked for at a time. */
#define BATCH 512

struct pieces {
	const struct ram *ram;
	struct ram_piece *piece;
	size_t n;
	bool unknown; /* some of it is elsewhere, or there are too many */
};

static void add(struct pieces *pieces, uint64_t gpa, uint64_t len,
		uint32_t node)
{
	struct ram_piece *last = pieces->n ? &pieces->piece[pieces->n - 1]
					   : NULL;

	if (len == 0)
		return;
	if (last && last->node == node && last->gpa + last->len == gpa) {
		last->len += len;
		return;
	}
	if (pieces->n == RAM_PIECES_MAX) {
		pieces->unknown = true;
		return;
	}
	pieces->piece[pieces->n++] = (struct ram_piece) { gpa, len, node };
}

/* ---- by the plan ---- */

/* RAM is dealt to the nodes one after the other, across the hole. */
static void add_planned(struct pieces *pieces)
{
	const struct moat_placement *p = pieces->ram->placement;
	uint64_t low = pieces->ram->size.low, at = 0, end;

	for (uint32_t i = 0; i < p->n_nodes; i++) {
		end = at + p->node[i].ram_bytes;
		if (at < low)
			add(pieces, at, min_u64(end, low) - at, i);
		if (end > low)
			add(pieces, LAYOUT_RAM_HIGH + max_u64(at, low) - low,
			    end - max_u64(at, low), i);
		at = end;
	}
}

/* ---- by the pages ---- */

/* Return: index of the placed node; -1: it is none of them. */
static int placed_node(const struct moat_placement *p, int host_node)
{
	for (size_t i = 0; i < p->n_nodes; i++)
		if (p->node[i].host_node == host_node)
			return (int)i;
	return -1;
}

/* @n pages from @gpa on */
static void add_batch(struct pieces *pieces, uint64_t gpa, size_t n)
{
	uint64_t page_size = pieces->ram->page_size;
	void *addr[BATCH];
	int node[BATCH], placed;

	for (size_t i = 0; i < n; i++)
		addr[i] = ram_at(pieces->ram, gpa + i * page_size, page_size);
	/* Without nodes to move to it only asks: move_pages(2). */
	if (syscall(SYS_move_pages, 0, n, addr, NULL, node, 0) < 0) {
		pieces->unknown = true;
		return;
	}
	for (size_t i = 0; i < n && !pieces->unknown; i++) {
		placed = placed_node(pieces->ram->placement, node[i]);
		if (placed < 0)
			pieces->unknown = true;
		else
			add(pieces, gpa + i * page_size, page_size,
			    (uint32_t)placed);
	}
}

static void add_found(struct pieces *pieces, uint64_t gpa, uint64_t len)
{
	uint64_t n = len / pieces->ram->page_size, batch;

	for (; n > 0 && !pieces->unknown; n -= batch) {
		batch = min_u64(n, BATCH);
		add_batch(pieces, gpa, batch);
		gpa += batch * pieces->ram->page_size;
	}
}

static void add_identity(struct pieces *pieces)
{
	const struct layout_run *run;
	size_t n;

	run = ram_identity_runs(pieces->ram->identity, &n);
	/* Ordinary memory, whose node nobody asks for: near is near enough. */
	add(pieces, 0, LAYOUT_KERNEL_MIN, 0);
	for (size_t i = 0; i < n; i++)
		add_found(pieces, run[i].gpa, run[i].len);
}

size_t ram_pieces(const struct ram *ram, struct ram_piece *ret_pieces)
{
	struct pieces pieces = { .ram = ram, .piece = ret_pieces };
	const struct moat_placement *p = ram->placement;

	/* Where RAM is that nobody bound is not known. */
	if (!p || p->n_nodes == 0 || !p->ram_bound)
		return 0;
	if (ram->identity) {
		add_identity(&pieces);
	} else if (ram->spilled) {
		add_found(&pieces, 0, ram->size.low);
		add_found(&pieces, LAYOUT_RAM_HIGH, ram->size.high);
	} else {
		add_planned(&pieces);
	}
	return pieces.unknown ? 0 : pieces.n;
}
