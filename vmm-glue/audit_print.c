// SPDX-License-Identifier: GPL-2.0-or-later
/* An audit, for people and for programs. */
#include <errno.h>

#include <json-c/json.h>

#include "vmm-glue/audit.h"

void audit_print_text(const struct audit *audit, FILE *out)
{
	for (size_t i = 0; i < audit->n_findings; i++) {
		const struct audit_finding *f = &audit->findings[i];
		const struct audit_rule *rule = &audit_rules[f->rule];

		(void)fprintf(out, "%-6s  %s  %s\n",
			      audit_severity_name(rule->severity), rule->name,
			      f->subject);
		(void)fprintf(out, "        what: %s%s%s%s\n", rule->what,
			      f->detail[0] ? " (" : "", f->detail,
			      f->detail[0] ? ")" : "");
		(void)fprintf(out, "        why:  %s\n", rule->why);
		(void)fprintf(out, "        mend: %s\n", rule->mend);
	}
	for (size_t i = 0; i < audit->n_unknown; i++)
		(void)fprintf(out, "unknown %s\n", audit->unknown[i]);
	if (audit->note)
		(void)fprintf(out, "note    %s\n", audit->note);
	if (audit->n_findings == 0 && audit->n_unknown == 0)
		(void)fprintf(out, "nothing found: DMA isolation holds, as far "
				   "as the host shows it\n");
}

static struct json_object *json_finding(const struct audit_finding *f)
{
	const struct audit_rule *rule = &audit_rules[f->rule];
	const struct {
		const char *key, *value;
	} members[] = {
		{ "name", rule->name },
		{ "severity", audit_severity_name(rule->severity) },
		{ "subject", f->subject },
		{ "what", rule->what },
		{ "detail", f->detail[0] ? f->detail : NULL },
		{ "why", rule->why },
		{ "mend", rule->mend },
	};
	struct json_object *o = json_object_new_object();

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		json_object_object_add(
			o, members[i].key,
			members[i].value
				? json_object_new_string(members[i].value)
				: NULL);
	return o;
}

int audit_print_json(const struct audit *audit, FILE *out)
{
	struct json_object *o = json_object_new_object();
	struct json_object *findings = json_object_new_array();
	struct json_object *unknown = json_object_new_array();
	const char *text;

	for (size_t i = 0; i < audit->n_findings; i++)
		json_object_array_add(findings,
				      json_finding(&audit->findings[i]));
	for (size_t i = 0; i < audit->n_unknown; i++)
		json_object_array_add(
			unknown, json_object_new_string(audit->unknown[i]));
	json_object_object_add(o, "findings", findings);
	json_object_object_add(o, "unknown", unknown);
	json_object_object_add(o, "note",
			       audit->note ? json_object_new_string(audit->note)
					   : NULL);
	text = json_object_to_json_string_ext(
		o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
			   JSON_C_TO_STRING_NOSLASHESCAPE);
	if (text)
		(void)fprintf(out, "%s\n", text);
	json_object_put(o);
	return text ? 0 : -ENOMEM;
}
