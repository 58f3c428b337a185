// SPDX-License-Identifier: GPL-2.0-or-later
/* -place's argument. What is accepted says the same when it is printed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <moat/placement.h>

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), list[MOAT_SET_STRLEN];
	struct moat_err err = { .msg = "" };
	struct moat_place_rule rule;
	struct moat_set again;
	int r = moat_place_rule_parse(text, &rule, &err);

	if (r < 0) {
		fuzz_check(r == -EINVAL && err.msg[0]);
	} else if (rule.mode == MOAT_PLACE_AUTO ||
		   rule.mode == MOAT_PLACE_OFF) {
		fuzz_check(moat_set_count(&rule.set) == 0);
	} else {
		fuzz_check(moat_set_count(&rule.set) > 0);
		(void)moat_set_str(&rule.set, list);
		fuzz_check(memchr(list, 0, sizeof(list)));
		fuzz_check(strstr(list, "...") ||
			   (moat_set_parse(list, &again) == 0 &&
			    memcmp(&again, &rule.set, sizeof(again)) == 0));
	}
	free(text);
	return 0;
}
