// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * /proc/iomem, see host_iomem.h. A line is "FIRST-LAST : NAME", and what lies
 * inside another resource follows it, indented; that is left out here.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/io.h"
#include "common/parse.h"
#include "common/util.h"
#include "vmm-glue/host_iomem.h"

/* A file of procfs says no size. Large machines have some 100 KiB. */
#define TEXT_MAX (4 * MiB)

static enum host_iomem_kind kind_of(const char *name)
{
	static const struct {
		const char *start;
		enum host_iomem_kind kind;
	} kinds[] = {
		{ "System RAM", HOST_IOMEM_RAM },
		{ "Persistent Memory", HOST_IOMEM_RAM },
		{ "Soft Reserved", HOST_IOMEM_RAM },
		{ "PCI Bus ", HOST_IOMEM_PCI },
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strncmp(name, kinds[i].start, strlen(kinds[i].start)) == 0)
			return kinds[i].kind;
	return HOST_IOMEM_OTHER;
}

/* @line is taken apart. */
static int parse_line(char *line, struct host_iomem_range *ret_range)
{
	char *last = strchr(line, '-');
	char *name = strstr(line, " : ");

	if (!last || !name || name < last)
		return -EINVAL;
	*last++ = '\0';
	*name = '\0';
	name += strlen(" : ");
	if (moat_parse_u64(line, 16, &ret_range->first) < 0 ||
	    moat_parse_u64(last, 16, &ret_range->last) < 0 ||
	    ret_range->first > ret_range->last)
		return -EINVAL;
	ret_range->kind = kind_of(name);
	return 0;
}

static int add(struct host_iomem *iomem, const struct host_iomem_range *range)
{
	struct host_iomem_range *grown;

	if ((iomem->n & (iomem->n - 1)) == 0) { /* 0 or a power of two: full */
		grown = reallocarray(iomem->range, iomem->n ? iomem->n * 2 : 1,
				     sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		iomem->range = grown;
	}
	iomem->range[iomem->n++] = *range;
	return 0;
}

static int parse(char *text, struct host_iomem *iomem)
{
	struct host_iomem_range range;
	char *save = NULL, *line;
	bool hidden = true;
	int r;

	for (line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		if (*line == ' ')
			continue;
		r = parse_line(line, &range);
		if (r == 0)
			r = add(iomem, &range);
		if (r < 0)
			return r;
		hidden &= range.last == 0;
	}
	return hidden ? -EPERM : 0;
}

int host_iomem_parse(const char *text, struct host_iomem *ret_iomem)
{
	struct host_iomem iomem = { 0 };
	char *copy = strdup(text);
	int r;

	if (!copy)
		return -ENOMEM;
	r = parse(copy, &iomem);
	free(copy);
	if (r < 0)
		host_iomem_free(&iomem);
	else
		*ret_iomem = iomem;
	return r;
}

int host_iomem_read(const struct moat_host *host, struct host_iomem *ret_iomem,
		    struct moat_err *err)
{
	char path[PATH_MAX], *text;
	int r;

	text = malloc(TEXT_MAX);
	if (!text)
		return moat_fail(err, -ENOMEM, "out of memory");
	r = moat_path(path, "%s/iomem", host->procfs);
	if (r == 0)
		r = moat_read_text(path, text, TEXT_MAX);
	if (r == 0)
		r = host_iomem_parse(text, ret_iomem);
	free(text);
	if (r == -EPERM)
		return moat_fail(err, r,
				 "%s hides its addresses: dma=none needs "
				 "CAP_SYS_ADMIN; run as root",
				 path);
	if (r < 0)
		return moat_fail(err, r, "cannot read %s: %s", path,
				 strerror(-r));
	return 0;
}

void host_iomem_free(struct host_iomem *iomem)
{
	free(iomem->range);
	*iomem = (struct host_iomem) { 0 };
}
