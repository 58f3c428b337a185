// SPDX-License-Identifier: GPL-2.0-or-later
/* The table of the targets, for a terminal and for the page, see targets.h. */
#include <string.h>

#include "bench/targets.h"

const char *report_verdict(enum target_verdict verdict)
{
	return verdict == TARGET_MET	   ? "met"
	       : verdict == TARGET_NOT_MET ? "not met"
					   : "open";
}

const char *report_target_bound(const struct report_target *target,
				const struct target_state *state, char buf[32])
{
	static const char *const signs[] = {
		[TARGET_AT_LEAST] = ">=",
		[TARGET_AT_MOST] = "<=",
		[TARGET_BELOW] = "<",
		[TARGET_WITHIN_NOISE] = "<=",
	};

	(void)snprintf(buf, 32, "%s %.4g%s%.8s", signs[target->kind],
		       state->bound, *state->unit ? " " : "", state->unit);
	return buf;
}

/* Where it is measured, or of what. */
static const char *read_from(const struct report_target *target,
			     const struct target_state *state)
{
	return state->series ? state->series : target->a;
}

static const char *interval(const struct target_state *state, char buf[48])
{
	buf[0] = '\0';
	if (state->series && state->has_interval)
		(void)snprintf(buf, 48, "%.4g to %.4g", state->low,
			       state->high);
	return buf;
}

static const char *figure(const struct target_state *state, double value,
			  char buf[32])
{
	(void)snprintf(buf, 32, "%.4g", value);
	return state->series ? buf : "";
}

/* What is in the files may be meant for a terminal to obey. */
static void put_plain(FILE *out, const char *text)
{
	for (; *text; text++)
		(void)fputc((unsigned char)*text < ' ' || *text == 0x7f ? '_'
									: *text,
			    out);
}

void report_targets_print(const struct report *report, FILE *out)
{
	char bound[32], median[32], n[32], ci[48];

	(void)fprintf(out, "%-8s %-12s %9s  %-18s %5s  %s\n", "target", "bound",
		      "median", "95 % interval", "n", "what");
	for (size_t i = 0; i < report_n_targets; i++) {
		const struct report_target *target = &report_targets[i];
		struct target_state state;

		report_target_judge(target, report, &state);
		(void)report_target_bound(target, &state, bound);
		(void)fprintf(out, "%-8s %-12s %9s  %-18s %5s  %s (%s",
			      report_verdict(state.verdict), bound,
			      figure(&state, state.median, median),
			      interval(&state, ci), figure(&state, state.n, n),
			      target->what, target->file);
		if (state.why[0]) {
			(void)fputs("; ", out);
			put_plain(out, state.why);
		}
		(void)fputs(")\n", out);
	}
}

static void put_cell(FILE *out, const char *start, const char *text)
{
	(void)fputs(start, out);
	report_put_text(out, text);
	(void)fputs("</td>", out);
}

static void put_row(FILE *out, const struct report *report,
		    const struct report_target *target)
{
	const struct report_profile *profile =
		report_profile_of(report, target->file);
	char bound[32], median[32], n[32], ci[48];
	struct target_state state;

	report_target_judge(target, report, &state);
	(void)fprintf(out, "<tr><td class=v%d>%s</td>", (int)state.verdict,
		      report_verdict(state.verdict));
	put_cell(out, "<td>", target->what);
	put_cell(out, "<td class=n>",
		 report_target_bound(target, &state, bound));
	put_cell(out, "<td class=n>", figure(&state, state.median, median));
	put_cell(out, "<td class=n>", interval(&state, ci));
	put_cell(out, "<td class=n>", figure(&state, state.n, n));
	(void)fprintf(out, "<td>%s: ", target->file);
	report_put_text(out, read_from(target, &state));
	put_cell(out, "</td><td>", state.why);
	(void)fputs("<td>", out);
	if (profile) {
		(void)fputs("<a href=\"#profile-", out);
		report_put_text(out, profile->name);
		(void)fputs("\">profile</a>", out);
	}
	(void)fputs("</td></tr>\n", out);
}

void report_targets_html(const struct report *report, FILE *out)
{
	(void)fputs("<h2 id=\"targets\">Targets</h2>\n<p>Met or not met: the "
		    "whole 95 % interval is on that side of the bound. Open: "
		    "it holds the bound, or there is no such figure.</p>\n"
		    "<table><tr><th>verdict<th>what<th class=n>bound"
		    "<th class=n>median<th class=n>95 % interval<th class=n>n"
		    "<th>read from<th>why open<th></tr>\n",
		    out);
	for (size_t i = 0; i < report_n_targets; i++)
		put_row(out, report, &report_targets[i]);
	(void)fputs("</table>\n", out);
}
