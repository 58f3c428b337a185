/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hardware's live translation tables, as Linux shows them in debugfs:
 * which tables a device's requests go through, and what these map.
 *
 * Two layouts of it are known: one file with the tables of all devices (to
 * Linux 6.6), and one file for each device.
 * Source: Linux drivers/iommu/intel/debugfs.c, of 6.1 and of 6.12.
 */
#ifndef MOAT_VTD_LIVE_H
#define MOAT_VTD_LIVE_H

#include <stdbool.h>
#include <stdint.h>

#include <moat/bdf.h>
#include <moat/err.h>

#include "common/host.h"

enum live_stage { LIVE_SECOND_STAGE, LIVE_FIRST_STAGE };

/* What a device's context entry, and PASID entry, say. */
struct live_source {
	uint64_t root; /* of the paging tables */
	unsigned int levels;
	enum live_stage stage;
};

/* One page that the tables map. */
struct live_leaf {
	uint64_t iova;
	uint64_t addr;
	uint64_t size;
	unsigned int prot; /* MOAT_DMA_* */
};

/**
 * live_source_read() - how a device's requests are translated
 *
 * Return: 0; -ENOTSUP (no VT-d unit is in front of it), -ENOENT (the kernel
 * has no such debugfs; the sentence names the options), -EACCES or -EPERM,
 * -EBADMSG (they are not translated, or not all of them, and why), -EINVAL
 * (the kernel's text is not understood).
 */
int live_source_read(const struct moat_host *host, struct moat_bdf bdf,
		     struct live_source *ret_source, struct moat_err *err);

/**
 * live_leaves_read() - every page of those tables, by ascending IOVA
 * @each: called for each; not 0 ends it, and is returned
 *
 * The kernel writes the whole list before the first byte is read, with a
 * lock of the unit held: see to it that it is not long.
 * Return: 0, what @each returned, or as live_source_read(), with its sentence.
 */
int live_leaves_read(const struct moat_host *host, struct moat_bdf bdf,
		     const struct live_source *source,
		     int (*each)(void *opaque, const struct live_leaf *leaf,
				 struct moat_err *err),
		     void *opaque, struct moat_err *err);

/**
 * live_largest_page() - the largest page that tables for a device can have
 *
 * By its unit's capabilities; a unit that shows none is taken for one that
 * has all.
 * Return: bytes.
 */
uint64_t live_largest_page(const struct moat_host *host, struct moat_bdf bdf);

/* The parsers, by line; for the functions above and for tests. */

/* Where in dmar_translation_struct a reader is. */
struct live_source_parser {
	char unit[16]; /* "dmar0": the one that the device is behind */
	struct moat_bdf bdf;
	bool in_unit;		/* the lines are that unit's */
	bool disabled;		/* it translates nothing */
	unsigned int n_entries; /* of the device */
	/* The last of them: the context entry, and the PASID entry. */
	uint64_t context[2];
	int64_t pasid; /* -1: there is none */
	uint64_t pasid_entry[3];
};

/** live_source_line() - Return: 0, or -EINVAL when it is malformed */
int live_source_line(struct live_source_parser *parser, const char *line);

/** live_source_decode() - what was found; as live_source_read() */
int live_source_decode(const struct live_source_parser *parser,
		       struct live_source *ret_source, struct moat_err *err);

/**
 * live_leaf_line() - a line of a table's pages
 * Return: 1 and the leaf, 0 when it is none (a heading), -EINVAL.
 */
int live_leaf_line(const char *line, enum live_stage stage,
		   struct live_leaf *ret_leaf);

/**
 * live_root_line() - "Device 0000:00:05.0 [with pasid 0 ]@0x1234000"
 * Return: is it one, and of which tables?
 */
bool live_root_line(const char *line, uint64_t *ret_root);

#endif /* MOAT_VTD_LIVE_H */
