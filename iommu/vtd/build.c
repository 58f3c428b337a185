// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Paging tables, see build.h.
 *
 * Beside each page of entries there is a struct table with pointers to the
 * tables below, so that no address in an entry is ever followed: what a unit
 * may read while it changes is only written here.
 *
 * A map is checked for overlap as a whole before anything is written, and
 * taken back when a table cannot be had. An unmap cannot fail once checked.
 */
#include <endian.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "common/util.h"
#include "iommu/vtd/build.h"
#include "iommu/vtd/table_regs.h"

#define ENTRIES	   (1u << VTD_INDEX_BITS)
#define LEVELS_MIN 3u
#define LEVELS_MAX 5u

struct table {
	_Atomic(uint64_t) *entries;
	uint64_t addr;
	struct table *next_dead;
	struct table *below[]; /* ENTRIES; none at level 1 */
};

struct vtd_tables {
	struct vtd_tables_config config;
	struct vtd_tables_memory memory;
	struct table *top;
	struct table *dead;
	size_t count;
};

/* A piece of work on one table: entries @first to @last of it. */
struct piece {
	struct table *table;
	unsigned int level;
	unsigned int first, last;
	uint64_t iova; /* of the piece's start, which may be within @first */
	uint64_t end;  /* inclusive */
};

static unsigned int shift_of(unsigned int level)
{
	return VTD_PAGE_SHIFT + VTD_INDEX_BITS * (level - 1);
}

static struct piece piece_of(struct table *table, unsigned int level,
			     uint64_t iova, uint64_t end)
{
	return (struct piece) {
		.table = table,
		.level = level,
		.first = (unsigned int)(iova >> shift_of(level)) % ENTRIES,
		.last = (unsigned int)(end >> shift_of(level)) % ENTRIES,
		.iova = iova,
		.end = end,
	};
}

static uint64_t size_of(unsigned int level)
{
	return UINT64_C(1) << shift_of(level);
}

/* Where what an entry of @piece leads to begins. */
static uint64_t start_of(const struct piece *piece, unsigned int index)
{
	const uint64_t size = size_of(piece->level);

	return align_down(piece->iova, size) + (index - piece->first) * size;
}

/* The part of @piece that one of its entries covers. */
static struct piece below_of(const struct piece *piece, unsigned int index)
{
	const uint64_t first = start_of(piece, index);

	return piece_of(
		piece->table->below[index], piece->level - 1,
		max_u64(piece->iova, first),
		min_u64(piece->end, first + (size_of(piece->level) - 1)));
}

/* Only a piece's first and last entries can be meant in part. */
static bool is_whole(const struct piece *piece, unsigned int index)
{
	const uint64_t size = size_of(piece->level);

	return (index != piece->first || is_aligned(piece->iova, size)) &&
	       (index != piece->last || is_aligned(piece->end + 1, size));
}

static uint64_t get(const struct table *table, unsigned int index)
{
	return le64toh(atomic_load_explicit(&table->entries[index],
					    memory_order_relaxed));
}

/* What an entry leads to must be there for whoever sees the entry. */
static void set(const struct table *table, unsigned int index, uint64_t entry)
{
	atomic_store_explicit(&table->entries[index], htole64(entry),
			      memory_order_release);
}

static void flush(const struct vtd_tables *tables, const struct table *table,
		  unsigned int first, unsigned int last)
{
	if (tables->memory.flush)
		tables->memory.flush(tables->memory.opaque,
				     (const void *)&table->entries[first],
				     (last - first + 1) * sizeof(uint64_t));
}

/* ---- tables ---- */

static struct table *table_create(struct vtd_tables *tables, unsigned int level)
{
	const size_t below = level > 1 ? ENTRIES * sizeof(struct table *) : 0;
	struct table *table = calloc(1, sizeof(*table) + below);

	if (!table)
		return NULL;
	table->entries =
		tables->memory.alloc(tables->memory.opaque, &table->addr);
	if (!table->entries) {
		free(table);
		return NULL;
	}
	flush(tables, table, 0, ENTRIES - 1);
	tables->count++;
	return table;
}

static void table_free(struct vtd_tables *tables, struct table *table)
{
	tables->memory.free(tables->memory.opaque, (void *)table->entries,
			    table->addr);
	free(table);
	tables->count--;
}

/* @table and all below it, which no unit may be walking. */
static void tree_free(struct vtd_tables *tables, struct table *table,
		      unsigned int level)
{
	for (unsigned int i = 0; level > 1 && i < ENTRIES; i++)
		if (table->below[i])
			tree_free(tables, table->below[i], level - 1);
	table_free(tables, table);
}

/* Units may still be walking them. */
static void tree_set_aside(struct vtd_tables *tables, struct table *table,
			   unsigned int level)
{
	for (unsigned int i = 0; level > 1 && i < ENTRIES; i++)
		if (table->below[i])
			tree_set_aside(tables, table->below[i], level - 1);
	table->next_dead = tables->dead;
	tables->dead = table;
}

/* ---- unmap ---- */

/* The bytes of a whole tree that are mapped. */
static uint64_t tree_mapped(const struct table *table, unsigned int level)
{
	uint64_t bytes = 0;

	for (unsigned int i = 0; i < ENTRIES; i++) {
		if (level > 1 && table->below[i])
			bytes += tree_mapped(table->below[i], level - 1);
		else if (get(table, i))
			bytes += size_of(level);
	}
	return bytes;
}

/* Loops over many entries go by pointers: one knows no more than an entry. */
static uint64_t unmap_pages(const struct piece *piece)
{
	_Atomic(uint64_t) *entry = &piece->table->entries[piece->first];
	_Atomic(uint64_t) *const last = &piece->table->entries[piece->last];
	uint64_t n = 0;

#pragma GCC unroll 4
	for (; entry <= last; entry++) {
		n += atomic_load_explicit(entry, memory_order_relaxed) != 0;
		atomic_store_explicit(entry, 0, memory_order_relaxed);
	}
	return n << VTD_PAGE_SHIFT;
}

/* @table and its entry @index are meant as a whole; Return: bytes. */
static uint64_t unmap_entry(struct vtd_tables *tables, struct table *table,
			    unsigned int level, unsigned int index)
{
	struct table *below = table->below[index];
	uint64_t bytes;

	if (!below && !get(table, index))
		return 0;
	bytes = below ? tree_mapped(below, level - 1) : size_of(level);
	table->below[index] = NULL;
	set(table, index, 0);
	if (below)
		tree_set_aside(tables, below, level - 1);
	return bytes;
}

static uint64_t unmap_piece(struct vtd_tables *tables,
			    const struct piece *piece)
{
	struct table *table = piece->table;
	uint64_t bytes = 0;

	if (piece->level == 1) {
		bytes = unmap_pages(piece);
		flush(tables, table, piece->first, piece->last);
		return bytes;
	}
	for (unsigned int i = piece->first; i <= piece->last; i++) {
		struct piece below;

		if (!table->below[i] || is_whole(piece, i)) {
			bytes += unmap_entry(tables, table, piece->level, i);
			continue;
		}
		below = below_of(piece, i);
		bytes += unmap_piece(tables, &below);
	}
	flush(tables, table, piece->first, piece->last);
	return bytes;
}

static bool divides(const struct piece *piece);

static bool divides_entry(const struct piece *piece, unsigned int index)
{
	struct piece below;

	if (is_whole(piece, index))
		return false;
	if (!piece->table->below[index])
		return get(piece->table, index) != 0;
	below = below_of(piece, index);
	return divides(&below);
}

/* Does the range divide a large page? */
static bool divides(const struct piece *piece)
{
	if (piece->level == 1)
		return false;
	return divides_entry(piece, piece->first) ||
	       (piece->last != piece->first &&
		divides_entry(piece, piece->last));
}

/* ---- map ---- */

/* What is being mapped. */
struct mapping {
	struct vtd_tables *tables;
	uint64_t offset;  /* address - IOVA, wrapping */
	uint64_t bits;	  /* of every leaf */
	uint64_t reached; /* up to here, exclusive, leaves are written */
};

static bool pages_are_free(const struct piece *piece)
{
	const _Atomic(uint64_t) *entry = &piece->table->entries[piece->first];
	const _Atomic(uint64_t) *const last =
		&piece->table->entries[piece->last];
	uint64_t any = 0;

#pragma GCC unroll 4
	for (; entry <= last; entry++)
		any |= atomic_load_explicit(entry, memory_order_relaxed);
	return any == 0;
}

static bool is_free(const struct piece *piece)
{
	if (piece->level == 1)
		return pages_are_free(piece);
	for (unsigned int i = piece->first; i <= piece->last; i++) {
		struct piece below;

		if (!piece->table->below[i]) {
			if (get(piece->table, i))
				return false;
			continue;
		}
		below = below_of(piece, i);
		if (!is_free(&below))
			return false;
	}
	return true;
}

static void map_pages(const struct mapping *mapping, const struct piece *piece)
{
	uint64_t leaf = (piece->iova + mapping->offset) | mapping->bits;
	_Atomic(uint64_t) *entry = &piece->table->entries[piece->first];
	_Atomic(uint64_t) *const last = &piece->table->entries[piece->last];

#pragma GCC unroll 4
	for (; entry <= last; entry++) {
		atomic_store_explicit(entry, htole64(leaf),
				      memory_order_release);
		leaf += VTD_PAGE_SIZE;
	}
}

/* May a level's entries be pages here? */
static bool has_pages(const struct mapping *mapping, unsigned int level)
{
	const uint64_t size = size_of(level);

	return (mapping->tables->config.page_sizes & size) &&
	       is_aligned(mapping->offset, size);
}

static int map_piece(struct mapping *mapping, const struct piece *piece);

/* A new table is filled before it can be seen. */
static int map_below(struct mapping *mapping, const struct piece *piece,
		     unsigned int index, struct piece *below)
{
	struct table *table = piece->table;
	struct table *fresh = NULL;
	int r;

	if (!below->table) {
		fresh = table_create(mapping->tables, below->level);
		if (!fresh)
			return -ENOMEM;
		below->table = fresh;
	}
	r = map_piece(mapping, below);
	if (!fresh)
		return r;
	table->below[index] = fresh;
	set(table, index, fresh->addr | VTD_SS_R | VTD_SS_W);
	return r;
}

static int map_piece(struct mapping *mapping, const struct piece *piece)
{
	const bool pages = has_pages(mapping, piece->level);
	const uint64_t size = size_of(piece->level);
	uint64_t start = align_down(piece->iova, size);
	uint64_t leaf = (start + mapping->offset) | mapping->bits | VTD_SS_PS;
	struct table *table = piece->table;
	int r = 0;

	if (piece->level == 1) {
		map_pages(mapping, piece);
		mapping->reached = piece->end + 1;
		flush(mapping->tables, table, piece->first, piece->last);
		return 0;
	}
	for (unsigned int i = piece->first; r == 0 && i <= piece->last; i++) {
		struct piece below;

		if (pages && !table->below[i] && is_whole(piece, i)) {
			set(table, i, leaf);
			mapping->reached = start + size;
		} else {
			below = below_of(piece, i);
			r = map_below(mapping, piece, i, &below);
		}
		start += size;
		leaf += size;
	}
	flush(mapping->tables, table, piece->first, piece->last);
	return r;
}

/* ---- the whole ---- */

static int check_range(uint64_t first, uint64_t len, unsigned int bits)
{
	if (len == 0 || !is_aligned(first | len, VTD_PAGE_SIZE))
		return -EINVAL;
	if (first > UINT64_MAX - (len - 1) || (first + (len - 1)) >> bits)
		return -EOVERFLOW;
	return 0;
}

static unsigned int bits_of(const struct vtd_tables *tables)
{
	return VTD_BITS_OF_LEVELS(tables->config.levels);
}

int vtd_tables_map(struct vtd_tables *tables, uint64_t iova, uint64_t addr,
		   uint64_t len, unsigned int prot)
{
	struct mapping mapping = {
		.tables = tables,
		.offset = addr - iova,
		.bits = (prot & VTD_MAP_READ ? VTD_SS_R : 0) |
			(prot & VTD_MAP_WRITE ? VTD_SS_W : 0) |
			(tables->config.snoop ? VTD_SS_SNP : 0),
		.reached = iova,
	};
	struct piece piece;
	int r;

	if (prot == 0 || (prot & ~(VTD_MAP_READ | VTD_MAP_WRITE)))
		return -EINVAL;
	r = check_range(iova, len, bits_of(tables));
	if (r == 0)
		r = check_range(addr, len, tables->config.host_bits);
	if (r < 0)
		return r;
	piece = piece_of(tables->top, tables->config.levels, iova,
			 iova + (len - 1));
	if (!is_free(&piece))
		return -EADDRINUSE;
	r = map_piece(&mapping, &piece);
	if (r < 0 && mapping.reached > iova)
		(void)vtd_tables_unmap(tables, iova, mapping.reached - iova,
				       NULL);
	return r;
}

int vtd_tables_unmap(struct vtd_tables *tables, uint64_t iova, uint64_t len,
		     uint64_t *ret_unmapped)
{
	struct piece piece;
	uint64_t bytes;
	int r;

	r = check_range(iova, len, bits_of(tables));
	if (r < 0)
		return r;
	piece = piece_of(tables->top, tables->config.levels, iova,
			 iova + (len - 1));
	if (divides(&piece))
		return -EINVAL;
	bytes = unmap_piece(tables, &piece);
	if (ret_unmapped)
		*ret_unmapped = bytes;
	return 0;
}

void vtd_tables_reap(struct vtd_tables *tables)
{
	while (tables->dead) {
		struct table *table = tables->dead;

		tables->dead = table->next_dead;
		table_free(tables, table);
	}
}

int vtd_tables_create(const struct vtd_tables_config *config,
		      const struct vtd_tables_memory *memory,
		      struct vtd_tables **ret_tables)
{
	const uint64_t sizes = 4 * KiB | 2 * MiB | GiB;
	struct vtd_tables *tables;

	if (config->levels < LEVELS_MIN || config->levels > LEVELS_MAX ||
	    (config->page_sizes & ~sizes) || config->host_bits > 52 ||
	    config->host_bits < VTD_PAGE_SHIFT)
		return -EINVAL;
	tables = calloc(1, sizeof(*tables));
	if (!tables)
		return -ENOMEM;
	tables->config = *config;
	tables->memory = *memory;
	tables->top = table_create(tables, config->levels);
	if (!tables->top) {
		free(tables);
		return -ENOMEM;
	}
	*ret_tables = tables;
	return 0;
}

void vtd_tables_destroy(struct vtd_tables *tables)
{
	if (!tables)
		return;
	vtd_tables_reap(tables);
	tree_free(tables, tables->top, tables->config.levels);
	free(tables);
}

uint64_t vtd_tables_root(const struct vtd_tables *tables)
{
	return tables->top->addr;
}

size_t vtd_tables_count(const struct vtd_tables *tables)
{
	return tables->count;
}
