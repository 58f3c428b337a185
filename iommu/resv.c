// SPDX-License-Identifier: GPL-2.0-or-later
/* Reserved regions of an IOMMU group: the parser, and questions to a list. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/parse.h"
#include "iommu/resv.h"

#define RESV_LINE_MAX 128
/* An attribute of sysfs is a page; this many lines fit no page. */
#define RESV_MAX 4096

/* One word of @*line, which moves behind it; NULL when there is none. */
static char *word(char **line)
{
	char *w = *line + strspn(*line, " \t");

	if (*w == '\0')
		return NULL;
	*line = w + strcspn(w, " \t");
	if (**line != '\0')
		*(*line)++ = '\0';
	return w;
}

static int parse_line(char *line, struct resv_region *ret_region)
{
	char *first = word(&line), *last = word(&line), *type = word(&line);
	struct resv_region region = { 0 };

	if (!type || word(&line))
		return -EINVAL;
	if (moat_parse_u64(first, 16, &region.range.first) < 0 ||
	    moat_parse_u64(last, 16, &region.range.last) < 0)
		return -EINVAL;
	if (region.range.first > region.range.last)
		return -EINVAL;
	if (strlen(type) >= sizeof(region.type))
		return -EINVAL;
	memcpy(region.type, type, strlen(type) + 1);
	*ret_region = region;
	return 0;
}

static int append(struct resv_list *list, const struct resv_region *region)
{
	struct resv_region *regions;

	regions = reallocarray(list->regions, list->n + 1, sizeof(*regions));
	if (!regions)
		return -ENOMEM;
	regions[list->n] = *region;
	list->regions = regions;
	list->n++;
	return 0;
}

int resv_parse(const char *text, struct resv_list *ret_list,
	       struct moat_err *err)
{
	struct resv_list list = { 0 };
	struct resv_region region;
	char line[RESV_LINE_MAX];
	size_t len;
	int r;

	for (; *text != '\0'; text += len + (text[len] == '\n')) {
		len = strcspn(text, "\n");
		if (len == 0)
			continue;
		if (len >= sizeof(line) || list.n >= RESV_MAX)
			goto malformed;
		memcpy(line, text, len);
		line[len] = '\0';
		if (parse_line(line, &region) < 0)
			goto malformed;
		if (strcmp(region.type, "direct-relaxable") == 0)
			continue;
		r = append(&list, &region);
		if (r < 0) {
			(void)moat_fail(err, r, "out of memory");
			goto free_list;
		}
	}
	*ret_list = list;
	return 0;
malformed:
	r = moat_fail(err, -EINVAL,
		      "'%.*s' is not a reserved region; expected "
		      "\"first last type\"",
		      (int)(len < RESV_LINE_MAX ? len : RESV_LINE_MAX), text);
free_list:
	resv_free(&list);
	return r;
}

const struct resv_region *resv_find(const struct resv_list *list,
				    struct moat_iova_range range)
{
	for (size_t i = 0; i < list->n; i++) {
		if (range_overlaps(list->regions[i].range, range))
			return &list->regions[i];
	}
	return NULL;
}

int resv_remove_from(const struct resv_list *list, struct range_set *set)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < list->n; i++)
		r = range_set_remove(set, list->regions[i].range);
	return r;
}

bool resv_has_direct(const struct resv_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		if (strcmp(list->regions[i].type, "direct") == 0)
			return true;
	}
	return false;
}

void resv_free(struct resv_list *list)
{
	free(list->regions);
	*list = (struct resv_list) { 0 };
}
