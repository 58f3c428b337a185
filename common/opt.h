/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Declarative options: one table drives the parser, --help, the man page's
 * check and the tests. Serves both the command line ("-kernel FILE") and
 * key lists ("host=04:08.0,dma=iommu").
 *
 * Strings are recorded as they stand and point into the caller's text (argv,
 * or the copy that key lists are split in); what they mean is decided by
 * whoever uses them.
 */
#ifndef MOAT_COMMON_OPT_H
#define MOAT_COMMON_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <moat/err.h>

enum opt_type {
	OPT_STR,  /* const char * */
	OPT_FLAG, /* bool; command line only: takes no value */
	OPT_BOOL, /* bool: on or off */
	OPT_ENUM, /* int: index into @choices */
	OPT_UINT, /* unsigned int, @min to @max */
	OPT_SIZE, /* uint64_t bytes with suffix, > 0 */
	OPT_LIST, /* struct opt_list: may be given again and again */
};

#define OPT_LIST_MAX 64

struct opt_list {
	const char *item[OPT_LIST_MAX];
	size_t n;
};

struct opt_desc {
	const char *name; /* without dash */
	enum opt_type type;
	size_t offset;	 /* of the field in the destination struct */
	const char *def; /* default as text; NULL: the field stays zero */
	const char *arg; /* what --help calls the value */
	const char *help;
	const char *choices; /* OPT_ENUM: "iommu|none" */
	bool required;
	unsigned int min, max; /* OPT_UINT */
};

#define OPT(struct_type, field, opt_name, opt_type, ...)            \
	{                                                           \
		.name = (opt_name), .type = (opt_type),             \
		.offset = offsetof(struct_type, field), __VA_ARGS__ \
	}

struct opt_table {
	const struct opt_desc *desc;
	size_t n; /* at most 32 */
};

/**
 * opt_set_defaults() - give each field with a default its value
 *
 * A default that does not parse is a bug in the table, and asserts.
 */
void opt_set_defaults(const struct opt_table *table, void *dst);

/**
 * opt_parse_argv() - parse "-name value" and "--name value"
 * @argv:    argv[0] is the first word to parse
 * @dst:     defaults are set first
 * @ret_pos: words that are not options, in order; NULL: none are allowed
 *
 * "--" ends the options. Return: 0, or -EINVAL naming the word.
 */
int opt_parse_argv(const struct opt_table *table, int argc, char *const *argv,
		   void *dst, struct opt_list *ret_pos, struct moat_err *err);

/**
 * opt_parse_keys() - parse "key=value,key=value"
 * @text: is cut up in place; strings in @dst point into it
 * @what: for messages: "-pcidevice"
 *
 * Each key at most once, none empty, nothing trailing.
 * Return: 0, or -EINVAL naming the key or value.
 */
int opt_parse_keys(const struct opt_table *table, const char *what, char *text,
		   void *dst, struct moat_err *err);

/** opt_help() - one line an option; @prefix is "-" or "" */
void opt_help(const struct opt_table *table, const char *prefix, FILE *out);

#endif /* MOAT_COMMON_OPT_H */
