// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The DMAR table's parser: bytes that nobody vouches for become struct dmar.
 *
 * Every length is compared with what is left before anything behind it is
 * read. The table is gone through once to check and count, and a second time
 * to fill: so the arrays are allocated once, and the second pass cannot fail.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/util.h"
#include "iommu/vtd/dmar.h"
#include "iommu/vtd/dmar_regs.h"

#define ADDRESS_BITS_MIN 12
#define ADDRESS_BITS_MAX 64

/* Far more than any: it bounds the comparison of each entry with each. */
#define LENGTH_MAX (64 * KiB)

/* read_structure(): it can be read, but means nothing. */
#define LEAVE_OUT 1

static const char *const type_names[DMAR_TYPES] = {
	[DMAR_DRHD] = "DRHD", [DMAR_RMRR] = "RMRR", [DMAR_ATSR] = "ATSR",
	[DMAR_RHSA] = "RHSA", [DMAR_ANDD] = "ANDD", [DMAR_SATC] = "SATC",
	[DMAR_SIDP] = "SIDP",
};

/* How long each type is without its scopes or its name. */
static const size_t fixed_size[DMAR_TYPES] = {
	[DMAR_DRHD] = sizeof(struct dmar_raw_drhd),
	[DMAR_RMRR] = sizeof(struct dmar_raw_rmrr),
	[DMAR_ATSR] = sizeof(struct dmar_raw_scoped),
	[DMAR_RHSA] = sizeof(struct dmar_raw_rhsa),
	[DMAR_ANDD] = sizeof(struct dmar_raw_andd),
	[DMAR_SATC] = sizeof(struct dmar_raw_scoped),
	[DMAR_SIDP] = sizeof(struct dmar_raw_scoped),
};

/* One pass over the table. */
struct pass {
	const uint8_t *data;
	size_t len;
	struct dmar *dmar; /* counts in the first, arrays in the second */
	bool fill;
	size_t n_names; /* bytes, terminators too */
	struct moat_err *err;
};

static int malformed(const struct pass *pass, size_t at, const char *what)
{
	return moat_fail(pass->err, -EINVAL,
			 "the DMAR table cannot be read: %s, at byte %zu of "
			 "%zu",
			 what, at, pass->len);
}

static bool has_scopes(unsigned int type)
{
	return type != DMAR_RHSA && type != DMAR_ANDD;
}

/* ---- scopes ---- */

static void add_hops(struct pass *pass, const uint8_t *path, unsigned int n)
{
	struct dmar *dmar = pass->dmar;

	if (pass->fill)
		for (unsigned int i = 0; i < n; i++)
			dmar->hops[dmar->n_hops + i] = (struct dmar_hop) {
				.dev = path[2 * (size_t)i],
				.fn = path[2 * (size_t)i + 1],
			};
	dmar->n_hops += n;
}

/* Section 8.3.1: N pairs, N > 0, of numbers that PCI has. */
static int check_path(const struct pass *pass, size_t at, const uint8_t *path,
		      size_t len)
{
	if (len == 0 || len % 2 != 0)
		return malformed(pass, at, "a device scope's length is wrong");
	for (size_t i = 0; i < len; i += 2)
		if (path[i] > 31 || path[i + 1] > 7)
			return malformed(pass, at,
					 "a device scope names a device or "
					 "function that cannot be");
	return 0;
}

static int add_scope(struct pass *pass, size_t at, size_t left,
		     size_t *ret_size)
{
	struct dmar *dmar = pass->dmar;
	const uint8_t *path = pass->data + at + sizeof(struct dmar_raw_scope);
	struct dmar_raw_scope raw;
	size_t path_len;
	int r;

	if (left < sizeof(raw))
		return malformed(pass, at, "a device scope is cut short");
	memcpy(&raw, pass->data + at, sizeof(raw));
	if (raw.length < sizeof(raw) || raw.length > left)
		return malformed(pass, at, "a device scope's length is wrong");
	path_len = raw.length - sizeof(raw);
	r = check_path(pass, at, path, path_len);
	if (r < 0)
		return r;
	if (pass->fill)
		dmar->scopes[dmar->n_scopes] = (struct dmar_scope) {
			.type = raw.type,
			.flags = raw.flags,
			.enumeration_id = raw.enumeration_id,
			.start_bus = raw.start_bus,
			.n_hops = (uint8_t)(path_len / 2),
			.first_hop = dmar->n_hops,
		};
	dmar->n_scopes++;
	add_hops(pass, path, (unsigned int)path_len / 2);
	*ret_size = raw.length;
	return 0;
}

static int add_scopes(struct pass *pass, size_t at, size_t end,
		      struct dmar_entry *entry)
{
	size_t size = 0;
	int r;

	entry->first_scope = pass->dmar->n_scopes;
	for (; at < end; at += size) {
		r = add_scope(pass, at, end - at, &size);
		if (r < 0)
			return r;
		entry->n_scopes++;
	}
	return 0;
}

/* ---- structures ---- */

static int read_drhd(struct pass *pass, size_t at, struct dmar_entry *entry)
{
	struct dmar_raw_drhd raw;
	uint64_t size;

	memcpy(&raw, pass->data + at, sizeof(raw));
	size = UINT64_C(4096) << (raw.size & DMAR_DRHD_SIZE_MASK);
	entry->segment = le16toh(raw.segment);
	entry->all = raw.flags & DMAR_DRHD_INCLUDE_PCI_ALL;
	entry->first = le64toh(raw.base);
	if (entry->first > UINT64_MAX - (size - 1))
		return malformed(pass, at, "a unit's registers wrap");
	entry->last = entry->first + (size - 1);
	if (entry->first == 0 || !is_aligned(entry->first, size))
		pass->dmar->oddities |= DMAR_ODD_BASE;
	if (raw.flags & ~DMAR_DRHD_INCLUDE_PCI_ALL)
		pass->dmar->oddities |= DMAR_ODD_RESERVED;
	return 0;
}

static int read_rmrr(struct pass *pass, size_t at, struct dmar_entry *entry)
{
	struct dmar_raw_rmrr raw;

	memcpy(&raw, pass->data + at, sizeof(raw));
	entry->segment = le16toh(raw.segment);
	entry->first = le64toh(raw.base);
	entry->last = le64toh(raw.limit);
	if (entry->first > entry->last) {
		pass->dmar->oddities |= DMAR_ODD_RMRR;
		return LEAVE_OUT;
	}
	/* last + 1 may be 2^64, which is aligned. */
	if (!is_aligned(entry->first, 4096) ||
	    !is_aligned(entry->last + 1, 4096))
		pass->dmar->oddities |= DMAR_ODD_RMRR;
	return 0;
}

static int read_scoped(struct pass *pass, size_t at, struct dmar_entry *entry)
{
	struct dmar_raw_scoped raw;

	memcpy(&raw, pass->data + at, sizeof(raw));
	entry->segment = le16toh(raw.segment);
	entry->all = entry->type != DMAR_SIDP && (raw.flags & 1);
	return 0;
}

static int read_rhsa(struct pass *pass, size_t at, struct dmar_entry *entry)
{
	struct dmar_raw_rhsa raw;

	memcpy(&raw, pass->data + at, sizeof(raw));
	entry->first = le64toh(raw.base);
	entry->number = le32toh(raw.proximity);
	return 0;
}

/* Names go to terminals and files: nothing but plain characters. */
static int read_andd(struct pass *pass, size_t at, size_t end,
		     struct dmar_entry *entry)
{
	const char *name = (const char *)pass->data + at;
	const size_t fixed = sizeof(struct dmar_raw_andd);
	size_t len;

	entry->number = pass->data[at + fixed - 1];
	name += fixed;
	len = strnlen(name, end - at - fixed);
	if (len == 0 || len == end - at - fixed)
		return malformed(pass, at,
				 "an ACPI device's name is empty or "
				 "does not end");
	for (size_t i = 0; i < len; i++)
		if (name[i] < 0x21 || name[i] > 0x7e)
			return malformed(pass, at,
					 "an ACPI device's name has "
					 "odd characters");
	if (pass->fill) {
		entry->name = pass->dmar->names + pass->n_names;
		memcpy(pass->dmar->names + pass->n_names, name, len);
	}
	pass->n_names += len + 1;
	return 0;
}

static int read_structure(struct pass *pass, size_t at, size_t end,
			  struct dmar_entry *entry)
{
	switch (entry->type) {
	case DMAR_DRHD:
		return read_drhd(pass, at, entry);
	case DMAR_RMRR:
		return read_rmrr(pass, at, entry);
	case DMAR_RHSA:
		return read_rhsa(pass, at, entry);
	case DMAR_ANDD:
		return read_andd(pass, at, end, entry);
	default:
		return read_scoped(pass, at, entry);
	}
}

static int add_structure(struct pass *pass, size_t at, size_t end,
			 enum dmar_type type)
{
	struct dmar *dmar = pass->dmar;
	struct dmar_entry entry = { .type = type };
	char what[64];
	int r;

	if (end - at < fixed_size[type]) {
		strcpy(what, type_names[type]);
		return malformed(pass, at, strcat(what, " is cut short"));
	}
	r = read_structure(pass, at, end, &entry);
	if (r < 0)
		return r;
	if (r == LEAVE_OUT)
		return 0;
	if (has_scopes(type)) {
		r = add_scopes(pass, at + fixed_size[type], end, &entry);
		if (r < 0)
			return r;
	}
	if (pass->fill)
		dmar->entries[dmar->n_entries] = entry;
	dmar->n_entries++;
	return 0;
}

static int add_all(struct pass *pass)
{
	struct dmar_structure head;
	unsigned int type, before = 0;
	size_t size;
	int r;

	for (size_t at = sizeof(struct dmar_header); at < pass->len;
	     at += size) {
		if (pass->len - at < sizeof(head))
			return malformed(pass, at, "a structure is cut short");
		memcpy(&head, pass->data + at, sizeof(head));
		size = le16toh(head.length);
		type = le16toh(head.type);
		if (size < sizeof(head) || size > pass->len - at)
			return malformed(pass, at,
					 "a structure's length is wrong");
		if (type < before)
			pass->dmar->oddities |= DMAR_ODD_ORDER;
		before = type;
		if (type >= DMAR_TYPES) {
			pass->dmar->n_skipped++;
			continue;
		}
		r = add_structure(pass, at, at + size, (enum dmar_type)type);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- the rules ---- */

static unsigned int scope_oddities(const struct dmar *dmar,
				   const struct dmar_entry *entry)
{
	for (size_t i = 0; i < entry->n_scopes; i++) {
		const unsigned int type =
			dmar->scopes[entry->first_scope + i].type;
		const bool pci = type == DMAR_SCOPE_ENDPOINT ||
				 type == DMAR_SCOPE_BRIDGE;

		if (entry->type == DMAR_DRHD && entry->all && pci)
			return DMAR_ODD_SCOPE;
		if (entry->type == DMAR_ATSR && type != DMAR_SCOPE_BRIDGE)
			return DMAR_ODD_SCOPE;
		if (entry->type == DMAR_SATC && type != DMAR_SCOPE_ENDPOINT)
			return DMAR_ODD_SCOPE;
		if (type < DMAR_SCOPE_ENDPOINT || type > DMAR_SCOPE_ACPI)
			return DMAR_ODD_SCOPE;
	}
	return 0;
}

/* Of two units or two regions, @a before @b in the table. */
static unsigned int pair_oddities(const struct dmar_entry *a,
				  const struct dmar_entry *b)
{
	unsigned int odd = 0;

	if (a->type != b->type)
		return 0;
	if (a->type == DMAR_DRHD) {
		if (ranges_overlap(a->first, a->last, b->first, b->last))
			odd |= DMAR_ODD_BASE;
		if (a->all && a->segment == b->segment)
			odd |= b->all ? DMAR_ODD_TWO_ALL : DMAR_ODD_ALL_ORDER;
	}
	if (a->type == DMAR_RMRR &&
	    ranges_overlap(a->first, a->last, b->first, b->last))
		odd |= DMAR_ODD_RMRR;
	return odd;
}

static void find_oddities(struct dmar *dmar)
{
	if (!dmar_next(dmar, DMAR_DRHD, NULL))
		dmar->oddities |= DMAR_ODD_NO_UNIT;
	for (size_t i = 0; i < dmar->n_entries; i++) {
		const struct dmar_entry *a = &dmar->entries[i];

		dmar->oddities |= scope_oddities(dmar, a);
		if (a->type != DMAR_DRHD && a->type != DMAR_RMRR)
			continue;
		for (size_t j = i + 1; j < dmar->n_entries; j++)
			dmar->oddities |= pair_oddities(a, &dmar->entries[j]);
	}
}

const char *dmar_oddity_text(enum dmar_oddity oddity)
{
	switch (oddity) {
	case DMAR_ODD_CHECKSUM:
		return "its checksum is wrong";
	case DMAR_ODD_ORDER:
		return "its structures are not in the order of their types";
	case DMAR_ODD_ALL_ORDER:
		return "the unit for all other devices is not its segment's "
		       "last";
	case DMAR_ODD_TWO_ALL:
		return "two units are for all other devices of one segment";
	case DMAR_ODD_SCOPE:
		return "a device scope is of a type that may not be there";
	case DMAR_ODD_BASE:
		return "a unit's registers are at 0, unaligned, or another's";
	case DMAR_ODD_RMRR:
		return "reserved memory is unaligned or overlaps other";
	case DMAR_ODD_NO_UNIT:
		return "it has no remapping unit";
	case DMAR_ODD_RESERVED:
		return "reserved bits are set";
	}
	return "it breaks a rule";
}

/* ---- the whole ---- */

static int read_header(struct pass *pass)
{
	struct dmar *dmar = pass->dmar;
	struct dmar_header raw;
	uint8_t sum = 0;
	size_t len;

	if (pass->len < sizeof(raw))
		return malformed(pass, 0, "its header is cut short");
	memcpy(&raw, pass->data, sizeof(raw));
	if (memcmp(raw.signature, "DMAR", 4) != 0)
		return malformed(pass, 0, "its signature is not DMAR");
	len = le32toh(raw.length);
	if (len < sizeof(raw) || len > pass->len || len > LENGTH_MAX)
		return malformed(pass, 4, "its length is wrong");
	pass->len = len; /* what is behind is not the table's */
	dmar->address_bits = raw.host_address_width + 1u;
	if (dmar->address_bits < ADDRESS_BITS_MIN ||
	    dmar->address_bits > ADDRESS_BITS_MAX)
		return malformed(pass, 36, "its address width is wrong");
	dmar->intr_remap = raw.flags & DMAR_FLAG_INTR_REMAP;
	dmar->x2apic_opt_out = raw.flags & DMAR_FLAG_X2APIC_OPT_OUT;
	dmar->platform_opt_in = raw.flags & DMAR_FLAG_PLATFORM_OPT_IN;
	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + pass->data[i]);
	if (sum != 0)
		dmar->oddities |= DMAR_ODD_CHECKSUM;
	return 0;
}

/* At least one byte each, so that NULL always means out of memory. */
static int allocate(struct dmar *dmar, size_t n_names)
{
	dmar->entries = calloc(dmar->n_entries + 1, sizeof(*dmar->entries));
	dmar->scopes = calloc(dmar->n_scopes + 1, sizeof(*dmar->scopes));
	dmar->hops = calloc(dmar->n_hops + 1, sizeof(*dmar->hops));
	dmar->names = calloc(n_names + 1, 1);
	if (!dmar->entries || !dmar->scopes || !dmar->hops || !dmar->names)
		return -ENOMEM;
	return 0;
}

int dmar_parse(const void *data, size_t len, struct dmar *ret_dmar,
	       struct moat_err *err)
{
	struct dmar dmar = { 0 };
	struct pass pass = {
		.data = data,
		.len = len,
		.dmar = &dmar,
		.err = err,
	};
	int r;

	r = read_header(&pass);
	if (r == 0)
		r = add_all(&pass);
	if (r < 0)
		return r;
	if (allocate(&dmar, pass.n_names) < 0) {
		r = moat_fail(err, -ENOMEM, "out of memory");
		goto free_dmar;
	}
	pass.fill = true;
	pass.n_names = 0;
	dmar.n_entries = dmar.n_scopes = dmar.n_hops = 0;
	dmar.n_skipped = 0;
	r = add_all(&pass);
	if (r < 0)
		goto free_dmar;
	find_oddities(&dmar);
	*ret_dmar = dmar;
	return 0;
free_dmar:
	dmar_free(&dmar);
	return r;
}

void dmar_free(struct dmar *dmar)
{
	free(dmar->entries);
	free(dmar->scopes);
	free(dmar->hops);
	free(dmar->names);
	*dmar = (struct dmar) { 0 };
}
