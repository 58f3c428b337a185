// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A record of what must be put back. It makes root write to sysfs, so what
 * is accepted must be what claim_record_print() would have written, and name
 * nothing outside a directory.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assign/claim_record.h"
#include "tests/fuzz/fuzz.h"

static void check_name(const char name[MOAT_DRIVER_MAX])
{
	fuzz_check(memchr(name, 0, MOAT_DRIVER_MAX));
	fuzz_check(!strchr(name, '/') && !strchr(name, '\n'));
	fuzz_check(strcmp(name, ".") != 0 && strcmp(name, "..") != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), printed[CLAIM_RECORD_TEXT_MAX];
	struct claim_record rec, again;
	int r = claim_record_parse(text, &rec);

	if (r < 0) {
		fuzz_check(r == -EINVAL);
		goto free_text;
	}
	check_name(rec.driver);
	check_name(rec.override);
	fuzz_check(rec.owner.pid >= 0);
	claim_record_print(&rec, printed);
	fuzz_check(claim_record_parse(printed, &again) == 0);
	fuzz_check(strcmp(again.driver, rec.driver) == 0);
	fuzz_check(strcmp(again.override, rec.override) == 0);
	fuzz_check(claim_owner_equal(&again.owner, &rec.owner));
	fuzz_check(again.put_off == rec.put_off);
	fuzz_check(strcmp(again.group_type, rec.group_type) == 0);
free_text:
	free(text);
	return 0;
}
