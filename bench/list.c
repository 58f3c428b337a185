// SPDX-License-Identifier: GPL-2.0-or-later
/* Lists in options, see list.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bench/list.h"
#include "common/parse.h"
#include "common/util.h"

/* The item at *@text, which moves behind it; false: there is no more. */
static bool next_item(const char **text, char ret_item[64])
{
	size_t len;

	if (!*text)
		return false;
	len = strcspn(*text, ",");
	(void)snprintf(ret_item, 64, "%.*s", (int)(len < 64 ? len : 63), *text);
	*text = (*text)[len] ? *text + len + 1 : NULL;
	return true;
}

static int full(const char *what, struct moat_err *err)
{
	return moat_fail(err, -EINVAL, "-%s: more than %d of them", what,
			 BENCH_LIST_MAX);
}

int bench_list_sizes(const char *what, const char *text,
		     struct bench_list *ret_list, struct moat_err *err)
{
	struct bench_list list = { .n = 0 };
	char item[64];

	while (next_item(&text, item)) {
		if (list.n == BENCH_LIST_MAX)
			return full(what, err);
		if (moat_parse_size(item, &list.item[list.n]) < 0 ||
		    list.item[list.n] == 0)
			return moat_fail(err, -EINVAL,
					 "-%s: '%s' is no size such as 4K",
					 what, item);
		list.n++;
	}
	*ret_list = list;
	return 0;
}

int bench_list_words(const char *what, const char *text,
		     const char *const *words, struct bench_list *ret_list,
		     struct moat_err *err)
{
	struct bench_list list = { .n = 0 };
	char item[64];

	while (next_item(&text, item)) {
		uint64_t i = 0;

		while (words[i] && strcmp(words[i], item) != 0)
			i++;
		if (!words[i])
			return moat_fail(err, -EINVAL, "-%s: there is no '%s'",
					 what, item);
		for (size_t k = 0; k < list.n; k++)
			if (list.item[k] == i)
				return moat_fail(err, -EINVAL,
						 "-%s: '%s' is there twice",
						 what, item);
		if (list.n == BENCH_LIST_MAX)
			return full(what, err);
		list.item[list.n++] = i;
	}
	*ret_list = list;
	return 0;
}

const char *bench_size_str(uint64_t bytes, char buf[32])
{
	if (bytes && bytes % GiB == 0)
		(void)snprintf(buf, 32, "%" PRIu64 "G", bytes / GiB);
	else if (bytes && bytes % MiB == 0)
		(void)snprintf(buf, 32, "%" PRIu64 "M", bytes / MiB);
	else if (bytes && bytes % KiB == 0)
		(void)snprintf(buf, 32, "%" PRIu64 "K", bytes / KiB);
	else
		(void)snprintf(buf, 32, "%" PRIu64, bytes);
	return buf;
}
