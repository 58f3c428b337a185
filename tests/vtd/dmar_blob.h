/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DMAR tables for tests, put together field by field. */
#ifndef MOAT_TESTS_DMAR_BLOB_H
#define MOAT_TESTS_DMAR_BLOB_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define BLOB_MAX 4096

struct blob {
	uint8_t data[BLOB_MAX];
	size_t len;
	size_t open; /* where the structure that is being added starts */
};

static inline void blob_put(struct blob *b, const void *data, size_t len)
{
	memcpy(b->data + b->len, data, len);
	b->len += len;
}

static inline void blob_num(struct blob *b, uint64_t value, size_t bytes)
{
	value = htole64(value);
	blob_put(b, &value, bytes);
}

/* The length field and the checksum, for what is there by now. */
static inline void blob_seal(struct blob *b)
{
	const uint32_t len = htole32((uint32_t)b->len);
	uint8_t sum = 0;

	memcpy(b->data + 4, &len, sizeof(len));
	b->data[9] = 0;
	for (size_t i = 0; i < b->len; i++)
		sum = (uint8_t)(sum + b->data[i]);
	b->data[9] = (uint8_t)-sum;
}

static inline void blob_begin(struct blob *b, unsigned int address_bits,
			      uint8_t flags)
{
	memset(b, 0, sizeof(*b));
	blob_put(b, "DMAR\0\0\0\0\1\0TESTERTESTTABL", 24);
	b->len = 36;
	blob_num(b, address_bits - 1, 1);
	blob_num(b, flags, 1);
	b->len = 48;
	blob_seal(b);
}

static inline void blob_open(struct blob *b, unsigned int type)
{
	b->open = b->len;
	blob_num(b, type, 2);
	blob_num(b, 0, 2);
}

static inline void blob_close(struct blob *b)
{
	const uint16_t len = htole16((uint16_t)(b->len - b->open));

	memcpy(b->data + b->open + 2, &len, sizeof(len));
	blob_seal(b);
}

/* Opened, for scopes to follow; so are the next. */
static inline void blob_drhd(struct blob *b, bool all, unsigned int segment,
			     uint64_t base)
{
	blob_open(b, 0);
	blob_num(b, all, 1);
	blob_num(b, 0, 1);
	blob_num(b, segment, 2);
	blob_num(b, base, 8);
}

static inline void blob_rmrr(struct blob *b, unsigned int segment,
			     uint64_t base, uint64_t limit)
{
	blob_open(b, 1);
	blob_num(b, 0, 2);
	blob_num(b, segment, 2);
	blob_num(b, base, 8);
	blob_num(b, limit, 8);
}

/* ATSR, SATC, SIDP. */
static inline void blob_scoped(struct blob *b, unsigned int type, bool flag,
			       unsigned int segment)
{
	blob_open(b, type);
	blob_num(b, flag, 1);
	blob_num(b, 0, 1);
	blob_num(b, segment, 2);
}

static inline void blob_rhsa(struct blob *b, uint64_t base, uint32_t domain)
{
	blob_open(b, 3);
	blob_num(b, 0, 4);
	blob_num(b, base, 8);
	blob_num(b, domain, 4);
	blob_close(b);
}

static inline void blob_andd(struct blob *b, unsigned int number,
			     const char *name)
{
	blob_open(b, 4);
	blob_num(b, 0, 3);
	blob_num(b, number, 1);
	blob_put(b, name, strlen(name) + 1);
	blob_close(b);
}

/* @path: device and function, @n of them. */
static inline void blob_scope(struct blob *b, unsigned int type,
			      unsigned int id, unsigned int bus,
			      const uint8_t (*path)[2], size_t n)
{
	blob_num(b, type, 1);
	blob_num(b, 6 + 2 * n, 1);
	blob_num(b, 0, 2);
	blob_num(b, id, 1);
	blob_num(b, bus, 1);
	blob_put(b, path, 2 * n);
}

/* A scope of one hop. */
static inline void blob_scope1(struct blob *b, unsigned int type,
			       unsigned int bus, uint8_t dev, uint8_t fn)
{
	const uint8_t path[1][2] = { { dev, fn } };

	blob_scope(b, type, 0, bus, path, 1);
}

#endif /* MOAT_TESTS_DMAR_BLOB_H */
