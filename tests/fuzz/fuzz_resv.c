// SPDX-License-Identifier: GPL-2.0-or-later
/* The kernel's reserved_regions. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "iommu/resv.h"
#include "tests/fuzz/fuzz.h"

static void check_list(const struct resv_list *list)
{
	const struct resv_region *region;
	bool direct = false;

	for (size_t i = 0; i < list->n; i++) {
		region = &list->regions[i];
		fuzz_check(region->range.first <= region->range.last);
		fuzz_check(region->type[0]);
		fuzz_check(memchr(region->type, 0, sizeof(region->type)));
		fuzz_check(strcmp(region->type, "direct-relaxable") != 0);
		fuzz_check(resv_find(list, region->range));
		direct |= strcmp(region->type, "direct") == 0;
	}
	fuzz_check(resv_has_direct(list) == direct);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct moat_err err = { .msg = "" };
	struct resv_list list = { 0 };
	int r = resv_parse(text, &list, &err);

	if (r < 0) {
		fuzz_check(r == -EINVAL && err.msg[0]);
		fuzz_check(memchr(err.msg, 0, sizeof(err.msg)));
		fuzz_check(!list.regions && !list.n);
	} else {
		check_list(&list);
		resv_free(&list);
	}
	free(text);
	return 0;
}
