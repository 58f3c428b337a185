// SPDX-License-Identifier: GPL-2.0-or-later
/* /proc/iomem, and a guest's layout made from whatever it says. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/util.h"
#include "tests/fuzz/fuzz.h"
#include "vmm-glue/host_iomem.h"
#include "vmm-glue/layout.h"

static void check_ranges(const struct host_iomem *iomem)
{
	fuzz_check(iomem->n > 0);
	for (size_t i = 0; i < iomem->n; i++)
		fuzz_check(iomem->range[i].first <= iomem->range[i].last);
}

static void check_layout(const struct layout *layout)
{
	uint64_t end = 0;

	for (size_t i = 0; i < layout->n_e820; i++) {
		fuzz_check(layout->e820[i].start >= end);
		fuzz_check(layout->e820[i].len > 0);
		end = layout->e820[i].start + layout->e820[i].len;
	}
	fuzz_check(layout->mmio32 < layout->mmio32_last);
	fuzz_check(layout_ecam_last(layout) < LAYOUT_IOAPIC);
	fuzz_check(layout->mmio64 < layout->mmio64_last);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct layout_run run[] = {
		{ 64 * MiB, 64 * MiB },
		{ 4 * GiB, 2 * MiB },
	};
	char *text = fuzz_text(data, size);
	struct host_iomem iomem = { 0 };
	struct moat_err err = { .msg = "" };
	struct layout layout;
	int r = host_iomem_parse(text, &iomem);

	free(text);
	if (r < 0) {
		fuzz_check(r == -EINVAL || r == -EPERM);
		fuzz_check(!iomem.range);
		return 0;
	}
	check_ranges(&iomem);
	r = layout_init_identity(&layout, run, ARRAY_SIZE(run), &iomem, 40,
				 &err);
	if (r == 0)
		check_layout(&layout);
	else
		fuzz_check(err.msg[0]);
	host_iomem_free(&iomem);
	return 0;
}
