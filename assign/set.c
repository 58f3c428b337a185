// SPDX-License-Identifier: GPL-2.0-or-later
/* Sets of small numbers, see moat/set.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <moat/set.h>

#include "common/parse.h"

/* Two numbers of as many digits as there are, and what is between them. */
#define ITEM_MAX 16

int moat_set_next(const struct moat_set *set, unsigned int from)
{
	for (unsigned int i = from; i < MOAT_SET_MAX; i++) {
		if (set->word[i / 64] == 0)
			i |= 63;
		else if (moat_set_has(set, i))
			return (int)i;
	}
	return -1;
}

unsigned int moat_set_count(const struct moat_set *set)
{
	unsigned int n = 0;

	for (size_t i = 0; i < MOAT_SET_MAX / 64; i++)
		n += (unsigned int)__builtin_popcountll(set->word[i]);
	return n;
}

void moat_set_unite(struct moat_set *set, const struct moat_set *other)
{
	for (size_t i = 0; i < MOAT_SET_MAX / 64; i++)
		set->word[i] |= other->word[i];
}

/* The last of the numbers in a row that begin with @first. */
static unsigned int run_last(const struct moat_set *set, unsigned int first)
{
	while (moat_set_has(set, first + 1))
		first++;
	return first;
}

const char *moat_set_str(const struct moat_set *set, char buf[MOAT_SET_STRLEN])
{
	char item[ITEM_MAX];
	size_t len = 0;
	int n;

	buf[0] = '\0';
	for (int i = moat_set_next(set, 0); i >= 0;) {
		const unsigned int first = (unsigned int)i;
		const unsigned int last = run_last(set, first);

		n = snprintf(item, sizeof(item),
			     first == last ? "%s%u" : "%s%u-%u", len ? "," : "",
			     first, last);
		/* Room for this one and for the dots. */
		if (len + (size_t)n + sizeof(",...") > MOAT_SET_STRLEN) {
			(void)strcpy(buf + len, ",...");
			break;
		}
		memcpy(buf + len, item, (size_t)n + 1);
		len += (size_t)n;
		i = moat_set_next(set, last + 1);
	}
	return buf;
}

static int parse_number(const char *text, unsigned int *ret_number)
{
	uint64_t value;
	int r;

	r = moat_parse_u64(text, 10, &value);
	if (r < 0)
		return r;
	if (value >= MOAT_SET_MAX)
		return -ERANGE;
	*ret_number = (unsigned int)value;
	return 0;
}

/* "4" or "4-7" */
static int parse_item(char *item, struct moat_set *set)
{
	char *dash = strchr(item, '-');
	unsigned int first, last;
	int r;

	if (dash)
		*dash = '\0';
	r = parse_number(item, &first);
	if (r < 0)
		return r;
	last = first;
	if (dash)
		r = parse_number(dash + 1, &last);
	if (r < 0)
		return r;
	if (last < first)
		return -EINVAL;
	for (; first <= last; first++)
		moat_set_add(set, first);
	return 0;
}

int moat_set_parse(const char *text, struct moat_set *ret_set)
{
	struct moat_set set = { { 0 } };
	char item[ITEM_MAX];
	int r;

	for (;;) {
		const size_t len = strcspn(text, ",");

		if (len >= sizeof(item))
			return -EINVAL;
		memcpy(item, text, len);
		item[len] = '\0';
		r = parse_item(item, &set);
		if (r < 0)
			return r;
		if (text[len] == '\0')
			break;
		text += len + 1;
	}
	*ret_set = set;
	return 0;
}
