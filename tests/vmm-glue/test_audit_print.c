// SPDX-License-Identifier: GPL-2.0-or-later
/* An audit in words: of every rule, for people and for programs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "common/util.h"
#include "tests/check_main.h"
#include "tests/vmm-glue/audit_host.h"

/* Each rule has words, and a name of its own. */
START_TEST(every_rule_has_words)
{
	for (size_t i = 0; i < AUDIT_RULES; i++) {
		const struct audit_rule *rule = &audit_rules[i];

		ck_assert_ptr_nonnull(rule->name);
		ck_assert_ptr_nonnull(rule->what);
		ck_assert_ptr_nonnull(rule->why);
		ck_assert_ptr_nonnull(rule->mend);
		for (size_t j = 0; j < i; j++)
			ck_assert_str_ne(rule->name, audit_rules[j].name);
	}
}
END_TEST

static char *printed(const struct audit *audit, bool json)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (json)
		ck_assert_int_eq(audit_print_json(audit, out), 0);
	else
		audit_print_text(audit, out);
	ck_assert_int_eq(fclose(out), 0);
	return text;
}

START_TEST(prints_for_people_and_programs)
{
	struct json_object *o, *findings, *first, *name;
	struct audit audit;
	char *text;

	audit_host_setup();
	audit = look(NULL);
	text = printed(&audit, false);
	ck_assert_ptr_nonnull(strstr(text, "DMA isolation holds"));
	free(text);
	audit_free(&audit);
	set_group(2, "identity\n", MSI);
	audit = look(NULL);
	text = printed(&audit, false);
	ck_assert_ptr_nonnull(strstr(text, "medium  pass-through  group 2\n"));
	ck_assert_ptr_nonnull(strstr(text, "        mend: boot without"));
	free(text);
	text = printed(&audit, true);
	o = json_tokener_parse(text);
	ck_assert_ptr_nonnull(o);
	ck_assert(json_object_object_get_ex(o, "findings", &findings));
	ck_assert_uint_eq(json_object_array_length(findings), 1);
	first = json_object_array_get_idx(findings, 0);
	ck_assert(json_object_object_get_ex(first, "name", &name));
	ck_assert_str_eq(json_object_get_string(name), "pass-through");
	json_object_put(o);
	free(text);
	audit_free(&audit);
	audit_host_teardown();
}
END_TEST

CHECK_MAIN("audit print", every_rule_has_words, prints_for_people_and_programs)
