// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the kernel prints of the IOMMU's tables and registers: taken apart line
 * by line, into pages and entries that make sense, or refused.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "iommu/posture.h"
#include "iommu/vtd/live.h"
#include "tests/fuzz/fuzz.h"

static void check_leaf(const struct live_leaf *leaf)
{
	fuzz_check(leaf->size == 1 << 12 || leaf->size == 1 << 21 ||
		   leaf->size == 1 << 30);
	fuzz_check((leaf->iova & (leaf->size - 1)) == 0);
	fuzz_check((leaf->addr & (leaf->size - 1)) == 0);
	fuzz_check(leaf->addr >> 52 == 0);
	fuzz_check(leaf->iova + (leaf->size - 1) >= leaf->iova);
	fuzz_check(leaf->prot <= 3);
}

static void leaf_lines(const char *line)
{
	struct live_leaf leaf;
	uint64_t root;
	int r;

	for (int stage = 0; stage < 2; stage++) {
		r = live_leaf_line(line, (enum live_stage)stage, &leaf);
		fuzz_check(r == 0 || r == 1 || r == -EINVAL);
		if (r == 1)
			check_leaf(&leaf);
	}
	(void)live_root_line(line, &root);
}

static void decode(const struct live_source_parser *parser)
{
	struct moat_err err = { .msg = "" };
	struct live_source source;
	int r = live_source_decode(parser, &source, &err);

	if (r < 0) {
		fuzz_check(r == -EBADMSG && err.msg[0]);
		return;
	}
	fuzz_check(source.levels >= 3 && source.levels <= 5);
	fuzz_check((source.root & 0xfff) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct posture_unit dmar1 = { .name = "dmar1" }, *unit = NULL;
	struct posture_unit *other = NULL;
	struct posture posture = { .units = &dmar1, .n_units = 1 };
	struct live_source_parser parser = {
		.unit = "dmar1",
		.bdf = { 0, 4, 8, 0 },
	};
	char *text = fuzz_text(data, size);
	char *rest = text, *line;
	int r = 0;

	while (r == 0 && (line = strsep(&rest, "\n"))) {
		r = live_source_line(&parser, line);
		fuzz_check(r == 0 || r == -EINVAL);
		leaf_lines(line);
		posture_register_line(&posture, &unit, line);
		posture_irte_line(&posture, &other, line);
	}
	if (r == 0)
		decode(&parser);
	free(text);
	return 0;
}
