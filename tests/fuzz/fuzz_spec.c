// SPDX-License-Identifier: GPL-2.0-or-later
/* -pcidevice's argument. What is accepted must say what it was taken for. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <moat/device_spec.h>

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), addr[MOAT_BDF_STRLEN];
	struct moat_err err = { .msg = "" };
	struct moat_device_spec spec;
	struct moat_bdf bdf;
	int r = moat_device_spec_parse(text, &spec, &err);

	if (r < 0) {
		fuzz_check(r == -EINVAL);
		fuzz_check(err.msg[0] && memchr(err.msg, 0, sizeof(err.msg)));
		goto free_text;
	}
	fuzz_check(strstr(text, "host="));
	fuzz_check(spec.dma == MOAT_DMA_IOMMU || strstr(text, "dma=none"));
	fuzz_check(!spec.managed || strstr(text, "managed="));
	fuzz_check(spec.host.dev < 32 && spec.host.fn < 8);
	fuzz_check(spec.guest.dev < 32 && spec.guest.fn < 8);
	fuzz_check(!spec.guest.fn || spec.guest.dev);
	fuzz_check(!spec.vf_token[0] || (strlen(spec.vf_token) == 36 &&
					 strstr(text, spec.vf_token)));
	fuzz_check(spec.name[0]);
	fuzz_check(memchr(spec.name, 0, sizeof(spec.name)));
	for (const char *p = spec.name; *p; p++)
		fuzz_check(*p >= 0x20 && *p <= 0x7e);
	fuzz_check(moat_bdf_parse(moat_bdf_str(spec.host, addr), &bdf, NULL) ==
		   0);
	fuzz_check(moat_bdf_equal(bdf, spec.host));
free_text:
	free(text);
	return 0;
}
