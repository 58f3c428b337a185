// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Option tables, see opt.h. A field is reached as dst + offset; its C type
 * follows from the option's type and nothing else.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/opt.h"
#include "common/parse.h"
#include "common/util.h"

/* Index of @value among "a|b|c", or -1. */
static int choice_index(const char *choices, const char *value)
{
	size_t len = strlen(value);
	int i = 0;

	for (const char *p = choices; p; i++) {
		const char *bar = strchr(p, '|');
		size_t n = bar ? (size_t)(bar - p) : strlen(p);

		if (n == len && memcmp(p, value, n) == 0)
			return i;
		p = bar ? bar + 1 : NULL;
	}
	return -1;
}

static int store_choice(const struct opt_desc *d, const char *choices,
			const char *who, const char *value, int *ret_index,
			struct moat_err *err)
{
	*ret_index = choice_index(choices, value);
	if (*ret_index < 0)
		return moat_fail(err, -EINVAL,
				 "%s: '%s' is not a value of %s; expected %s",
				 who, value, d->name, choices);
	return 0;
}

static int store_number(const struct opt_desc *d, const char *who,
			const char *value, unsigned int *ret,
			struct moat_err *err)
{
	uint64_t v;

	if (moat_parse_u64(value, 10, &v) < 0 || v < d->min || v > d->max)
		return moat_fail(err, -EINVAL,
				 "%s: '%s' is not a value of %s; expected a "
				 "number from %u to %u",
				 who, value, d->name, d->min, d->max);
	*ret = (unsigned int)v;
	return 0;
}

static int store_size(const struct opt_desc *d, const char *who,
		      const char *value, uint64_t *ret, struct moat_err *err)
{
	uint64_t v;

	if (moat_parse_size(value, &v) < 0 || v == 0)
		return moat_fail(err, -EINVAL,
				 "%s: '%s' is not a value of %s; expected a "
				 "size such as 512M or 4G",
				 who, value, d->name);
	*ret = v;
	return 0;
}

static int store_item(const struct opt_desc *d, const char *who,
		      const char *value, struct opt_list *list,
		      struct moat_err *err)
{
	if (list->n == OPT_LIST_MAX)
		return moat_fail(err, -EINVAL,
				 "%s: %s is given more than %d times", who,
				 d->name, OPT_LIST_MAX);
	list->item[list->n++] = value;
	return 0;
}

/* @who opens the message: "-pcidevice" or the command line's own name. */
static int store(const struct opt_desc *d, const char *who, const char *value,
		 void *dst, struct moat_err *err)
{
	void *field = (char *)dst + d->offset;
	int r, index;

	switch (d->type) {
	case OPT_STR:
		*(const char **)field = value;
		return 0;
	case OPT_FLAG:
		*(bool *)field = true;
		return 0;
	case OPT_BOOL:
		r = store_choice(d, "off|on", who, value, &index, err);
		if (r == 0)
			*(bool *)field = index == 1;
		return r;
	case OPT_ENUM:
		r = store_choice(d, d->choices, who, value, &index, err);
		if (r == 0)
			*(int *)field = index;
		return r;
	case OPT_UINT:
		return store_number(d, who, value, field, err);
	case OPT_SIZE:
		return store_size(d, who, value, field, err);
	case OPT_LIST:
		return store_item(d, who, value, field, err);
	}
	assert(!"an option type without a case");
	return -EINVAL;
}

void opt_set_defaults(const struct opt_table *table, void *dst)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct opt_desc *d = &table->desc[i];
		int r;

		if (!d->def)
			continue;
		r = store(d, "default", d->def, dst, NULL);
		assert(r == 0);
		(void)r;
	}
}

static const struct opt_desc *find(const struct opt_table *table,
				   const char *name)
{
	for (size_t i = 0; i < table->n; i++)
		if (strcmp(table->desc[i].name, name) == 0)
			return &table->desc[i];
	return NULL;
}

/* Notes that @d was seen; twice is an error unless it is a list. */
static int note_seen(const struct opt_table *table, const struct opt_desc *d,
		     const char *who, uint32_t *seen, struct moat_err *err)
{
	uint32_t bit = UINT32_C(1) << (d - table->desc);

	if ((*seen & bit) && d->type != OPT_LIST)
		return moat_fail(err, -EINVAL, "%s: %s is given twice", who,
				 d->name);
	*seen |= bit;
	return 0;
}

static int check_required(const struct opt_table *table, const char *who,
			  uint32_t seen, struct moat_err *err)
{
	for (size_t i = 0; i < table->n; i++)
		if (table->desc[i].required && !(seen & UINT32_C(1) << i))
			return moat_fail(err, -EINVAL, "%s: %s is missing", who,
					 table->desc[i].name);
	return 0;
}

/* A command line being parsed. */
struct words {
	char *const *argv;
	int argc, at;
	uint32_t seen; /* options, by their number in the table */
};

/* One option; @words->at is its word, and left on its last. */
static int parse_word(const struct opt_table *table, struct words *words,
		      void *dst, struct moat_err *err)
{
	const char *word = words->argv[words->at];
	const char *name = word + (word[1] == '-' ? 2 : 1);
	const struct opt_desc *d = find(table, name);
	const char *value = NULL;
	int r;

	if (!d)
		return moat_fail(err, -EINVAL, "unknown option '%s'", word);
	if (d->type != OPT_FLAG) {
		if (words->at + 1 >= words->argc)
			return moat_fail(err, -EINVAL,
					 "option '%s' needs a value: %s", word,
					 d->arg);
		value = words->argv[++words->at];
	}
	r = note_seen(table, d, "options", &words->seen, err);
	if (r < 0)
		return r;
	return store(d, word, value, dst, err);
}

int opt_parse_argv(const struct opt_table *table, int argc, char *const *argv,
		   void *dst, struct opt_list *ret_pos, struct moat_err *err)
{
	struct words words = { .argv = argv, .argc = argc };
	struct opt_list pos = { .n = 0 };
	bool options_end = false;
	int r;

	assert(table->n <= 32);
	opt_set_defaults(table, dst);
	for (; words.at < argc; words.at++) {
		char *word = argv[words.at];

		if (!options_end && strcmp(word, "--") == 0) {
			options_end = true;
			continue;
		}
		if (!options_end && word[0] == '-' && word[1]) {
			r = parse_word(table, &words, dst, err);
			if (r < 0)
				return r;
			continue;
		}
		if (!ret_pos)
			return moat_fail(err, -EINVAL,
					 "'%s' is not an option; nothing was "
					 "expected here",
					 word);
		if (pos.n == OPT_LIST_MAX)
			return moat_fail(err, -E2BIG, "too many arguments");
		pos.item[pos.n++] = word;
	}
	r = check_required(table, "options", words.seen, err);
	if (r < 0)
		return r;
	if (ret_pos)
		*ret_pos = pos;
	return 0;
}

int opt_parse_keys(const struct opt_table *table, const char *what, char *text,
		   void *dst, struct moat_err *err)
{
	uint32_t seen = 0;
	char *next = text;
	int r;

	assert(table->n <= 32);
	opt_set_defaults(table, dst);
	while (next) {
		char *key = next, *value;
		const struct opt_desc *d;

		next = strchr(key, ',');
		if (next)
			*next++ = '\0';
		if (*key == '\0')
			return moat_fail(err, -EINVAL,
					 "%s: there is nothing where a "
					 "key=value was expected",
					 what);
		value = strchr(key, '=');
		if (value)
			*value++ = '\0';
		d = find(table, key);
		if (!d)
			return moat_fail(err, -EINVAL, "%s: unknown key '%s'",
					 what, key);
		if (!value || *value == '\0')
			return moat_fail(err, -EINVAL,
					 "%s: key '%s' needs a value: %s", what,
					 key, d->help);
		r = note_seen(table, d, what, &seen, err);
		if (r < 0)
			return r;
		r = store(d, what, value, dst, err);
		if (r < 0)
			return r;
	}
	return check_required(table, what, seen, err);
}

/* What stands for the value in --help. */
static const char *value_name(const struct opt_desc *d)
{
	if (d->arg)
		return d->arg;
	if (d->choices)
		return d->choices;
	return d->type == OPT_BOOL ? "on|off" : NULL;
}

void opt_help(const struct opt_table *table, const char *prefix, FILE *out)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct opt_desc *d = &table->desc[i];
		const char *value = value_name(d);
		char left[64];

		(void)snprintf(left, sizeof(left), "%s%s%s%s", prefix, d->name,
			       !value	      ? ""
			       : *prefix == 0 ? "="
					      : " ",
			       value ? value : "");
		(void)fprintf(out, "  %-28s %s", left, d->help);
		if (d->required)
			(void)fprintf(out, " (required)");
		else if (d->def)
			(void)fprintf(out, " (default %s)", d->def);
		(void)fprintf(out, "\n");
	}
}
