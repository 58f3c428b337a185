// SPDX-License-Identifier: GPL-2.0-or-later
/* -place's argument. Text only; what there is, placement.c compares. */
#include <errno.h>
#include <string.h>

#include <moat/placement.h>

#define WHAT "-place"

static int parse_set(const char *text, struct moat_set *ret_set,
		     struct moat_err *err)
{
	int r = moat_set_parse(text, ret_set);

	if (r == -ERANGE)
		return moat_fail(err, -EINVAL,
				 WHAT ": a number in '%s' is too large; they "
				      "are below %d",
				 text, MOAT_SET_MAX);
	if (r < 0)
		return moat_fail(err, -EINVAL,
				 WHAT ": '%s' is not a list such as 0-3,8",
				 text);
	return 0;
}

int moat_place_rule_parse(const char *text, struct moat_place_rule *ret_rule,
			  struct moat_err *err)
{
	static const char node[] = "node=", cpus[] = "cpus=";
	struct moat_place_rule rule = { .mode = MOAT_PLACE_AUTO };
	int r = 0;

	if (strcmp(text, "off") == 0) {
		rule.mode = MOAT_PLACE_OFF;
	} else if (strncmp(text, node, sizeof(node) - 1) == 0) {
		rule.mode = MOAT_PLACE_NODES;
		r = parse_set(text + sizeof(node) - 1, &rule.set, err);
	} else if (strncmp(text, cpus, sizeof(cpus) - 1) == 0) {
		rule.mode = MOAT_PLACE_CPUS;
		r = parse_set(text + sizeof(cpus) - 1, &rule.set, err);
	} else if (strcmp(text, "auto") != 0) {
		r = moat_fail(err, -EINVAL,
			      WHAT ": '%s' is neither auto, off, node=LIST nor "
				   "cpus=LIST",
			      text);
	}
	if (r == 0)
		*ret_rule = rule;
	return r;
}
