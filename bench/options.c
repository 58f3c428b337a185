// SPDX-License-Identifier: GPL-2.0-or-later
/* Values of a table's options as text, see options.h and common/opt.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/list.h"
#include "bench/options.h"
#include "bench/result_internal.h"

/* The @i-th of "a|b|c". */
static void put_choice(FILE *out, const char *choices, int i)
{
	while (i-- > 0)
		choices += strcspn(choices, "|") + 1;
	(void)fprintf(out, "%.*s", (int)strcspn(choices, "|"), choices);
}

static void put_value(FILE *out, const struct opt_desc *d, const void *field)
{
	const struct opt_list *list = field;
	const char *text;
	char size[32];

	switch (d->type) {
	case OPT_STR:
		text = *(const char *const *)field;
		(void)fputs(text ? text : "", out);
		break;
	case OPT_FLAG:
	case OPT_BOOL:
		(void)fputs(*(const bool *)field ? "on" : "off", out);
		break;
	case OPT_ENUM:
		put_choice(out, d->choices, *(const int *)field);
		break;
	case OPT_UINT:
		(void)fprintf(out, "%u", *(const unsigned int *)field);
		break;
	case OPT_SIZE:
		(void)fputs(bench_size_str(*(const uint64_t *)field, size),
			    out);
		break;
	case OPT_LIST:
		for (size_t i = 0; i < list->n; i++)
			(void)fprintf(out, "%s%s", i ? " " : "", list->item[i]);
		break;
	}
}

/* Return: the caller frees it; NULL when out of memory. */
static char *value_of(const struct opt_desc *d, const void *options)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	put_value(out, d, (const char *)options + d->offset);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

void bench_result_options(struct bench_result *result,
			  const struct opt_table *table, const void *options)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct opt_desc *d = &table->desc[i];
		char *text;

		if (strcmp(d->name, "json") == 0)
			continue;
		text = value_of(d, options);
		if (!text)
			result->out_of_memory = true;
		else if (*text)
			bench_result_option(result, d->name, "%s", text);
		free(text);
	}
}
