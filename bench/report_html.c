// SPDX-License-Identifier: GPL-2.0-or-later
/* The page, see report.h: no scripts, and nothing from elsewhere. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/report.h"
#include "bench/targets.h"
#include "common/io.h"

#define SVG_MAX (16u << 20)

static const char style[] =
	"body{font:16px/1.5 system-ui,sans-serif;margin:2em auto;"
	"max-width:96em;padding:0 1em;color:#222;background:#fafafa}"
	"h1{margin-bottom:0}h2{border-bottom:2px solid #ccc;margin-top:2em}"
	"table{border-collapse:collapse;font-size:14px;margin:.5em 0}"
	"td,th{padding:.15em .7em;text-align:left;border-bottom:1px solid #ddd}"
	"td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}"
	".plots{display:grid;gap:1em;"
	"grid-template-columns:repeat(auto-fit,minmax(34em,1fr))}"
	"figure{margin:0;background:#fff;border:1px solid #ddd;padding:.5em}"
	".wide{grid-column:1/-1}.wide img{max-width:80em}"
	"figcaption{font-weight:600;font-size:14px}"
	"img{width:100%;height:auto}"
	".warn{background:#fff3cd;border:1px solid #e0c36a;padding:.5em 1em}"
	"summary{cursor:pointer;margin:.7em 0}"
	"pre{font-size:13px;overflow:auto;max-height:40em;background:#fff}"
	".v0{background:#fff3cd}.v1{background:#d9f2dc}"
	".v2{background:#f8d7d5;font-weight:600}";

void report_put_text(FILE *out, const char *text)
{
	for (; text && *text; text++)
		switch (*text) {
		case '<':
			(void)fputs("&lt;", out);
			break;
		case '>':
			(void)fputs("&gt;", out);
			break;
		case '&':
			(void)fputs("&amp;", out);
			break;
		case '"':
			(void)fputs("&quot;", out);
			break;
		default:
			(void)fputc(*text, out);
		}
}

static void put_base64(FILE *out, const uint8_t *data, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i;
		uint32_t v = (uint32_t)data[i] << 16;

		if (left > 1)
			v |= (uint32_t)data[i + 1] << 8;
		if (left > 2)
			v |= data[i + 2];
		(void)fputc(digits[v >> 18], out);
		(void)fputc(digits[v >> 12 & 63], out);
		(void)fputc(left > 1 ? digits[v >> 6 & 63] : '=', out);
		(void)fputc(left > 2 ? digits[v & 63] : '=', out);
	}
}

static int put_image(const struct report *report,
		     const struct report_plot *plot, FILE *out,
		     struct moat_err *err)
{
	int fd = openat(report->dir, plot->file, O_RDONLY | O_CLOEXEC);
	uint8_t *data = NULL;
	struct stat st;
	int r = fd < 0 || fstat(fd, &st) < 0 ? -errno : 0;

	if (r == 0 && (st.st_size <= 0 || st.st_size > SVG_MAX))
		r = -EFBIG;
	if (r == 0) {
		data = malloc((size_t)st.st_size);
		r = data ? moat_pread_all(fd, data, (size_t)st.st_size, 0)
			 : -ENOMEM;
	}
	if (r == 0) {
		(void)fprintf(out, "<figure%s><figcaption>",
			      plot->wide ? " class=wide" : "");
		report_put_text(out, plot->title);
		(void)fputs("</figcaption><img alt=\"", out);
		report_put_text(out, plot->title);
		(void)fputs("\" src=\"data:image/svg+xml;base64,", out);
		put_base64(out, data, (size_t)st.st_size);
		(void)fputs("\"></figure>\n", out);
	}
	free(data);
	if (fd >= 0)
		(void)close(fd);
	return r < 0 ? moat_fail(err, r, "%s: %s", plot->file, strerror(-r))
		     : 0;
}

/* ---- tables ---- */

static void put_cell(FILE *out, const char *text)
{
	(void)fputs("<td>", out);
	report_put_text(out, text);
	(void)fputs("</td>", out);
}

static void put_number(FILE *out, struct json_object *o, const char *key)
{
	double value;

	if (report_number(o, key, &value))
		(void)fprintf(out, "<td class=n>%.5g</td>", value);
	else
		(void)fputs("<td></td>", out);
}

static void put_series(FILE *out, struct json_object *array, size_t n)
{
	(void)fputs("<table><tr><th>series<th>quantity<th class=n>n"
		    "<th class=n>median<th class=n>95 % interval"
		    "<th class=n>p99<th class=n>spread %<th>unit</tr>\n",
		    out);
	for (size_t i = 0; i < n; i++) {
		struct json_object *o = json_object_array_get_idx(array, i);
		struct json_object *ci;
		double low, high;

		(void)fputs("<tr>", out);
		put_cell(out, report_text(o, "name"));
		put_cell(out, report_text(o, "quantity"));
		put_number(out, o, "n");
		put_number(out, o, "median");
		report_interval(o, &low, &high);
		if (report_array(o, "ci95", &ci))
			(void)fprintf(out, "<td class=n>%.4g to %.4g</td>", low,
				      high);
		else
			(void)fputs("<td></td>", out);
		put_number(out, o, "p99");
		put_number(out, o, "spread_percent");
		put_cell(out, report_text(o, "unit"));
		(void)fputs("</tr>\n", out);
	}
	(void)fputs("</table>\n", out);
}

static void put_circumstances(FILE *out, struct json_object *json)
{
	static const char *const keys[] = { "date", "commit", "kernel" };
	struct json_object *machine = NULL, *options = NULL;

	(void)fputs("<table>", out);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		(void)fprintf(out, "<tr><th>%s", keys[i]);
		put_cell(out, report_text(json, keys[i]));
	}
	if (json_object_object_get_ex(json, "machine", &machine)) {
		(void)fputs("<tr><th>machine", out);
		put_cell(out, report_text(machine, "product"));
		(void)fputs("<tr><th>processor", out);
		put_cell(out, report_text(machine, "cpu"));
	}
	if (json_object_object_get_ex(json, "options", &options) &&
	    json_object_is_type(options, json_type_object)) {
		json_object_object_foreach(options, key, value)
		{
			(void)fputs("<tr><th>", out);
			report_put_text(out, key);
			put_cell(out, json_object_get_string(value));
		}
	}
	(void)fputs("</table>\n", out);
}

static void put_lists(FILE *out, struct json_object *json)
{
	struct json_object *array;
	size_t n = report_array(json, "notes", &array);

	for (size_t i = 0; i < n; i++) {
		(void)fputs("<p>", out);
		report_put_text(out,
				json_object_get_string(
					json_object_array_get_idx(array, i)));
		(void)fputs("</p>\n", out);
	}
	n = report_array(json, "skipped", &array);
	if (n)
		(void)fputs("<p>Not measured:</p><ul>", out);
	for (size_t i = 0; i < n; i++) {
		struct json_object *o = json_object_array_get_idx(array, i);

		(void)fputs("<li><b>", out);
		report_put_text(out, report_text(o, "name"));
		(void)fputs("</b>: ", out);
		report_put_text(out, report_text(o, "why"));
		(void)fputs("</li>\n", out);
	}
	if (n)
		(void)fputs("</ul>\n", out);
}

/* ---- the page ---- */

static int put_file(const struct report *report, const struct report_file *file,
		    FILE *out, struct moat_err *err)
{
	struct json_object *array;
	size_t n;
	int r = 0;

	(void)fputs("<h2 id=\"", out);
	report_put_text(out, file->name);
	(void)fputs("\">", out);
	report_put_text(out, file->name);
	(void)fputs("</h2>\n", out);
	put_lists(out, file->json);
	n = report_array(file->json, "comparisons", &array);
	if (n) {
		(void)fprintf(out,
			      "<details%s><summary>%zu comparisons, pair by "
			      "pair</summary>\n",
			      n <= 12 ? " open" : "", n);
		put_series(out, array, n);
		(void)fputs("</details>\n", out);
	}
	(void)fputs("<div class=plots>\n", out);
	for (const struct report_plot *p = file->plots; r == 0 && p;
	     p = p->next)
		r = put_image(report, p, out, err);
	(void)fputs("</div>\n", out);
	n = report_array(file->json, "series", &array);
	(void)fprintf(out, "<details><summary>All %zu series</summary>\n", n);
	put_series(out, array, n);
	(void)fputs("</details>\n<details><summary>Circumstances</summary>\n",
		    out);
	put_circumstances(out, file->json);
	(void)fputs("</details>\n", out);
	return r;
}

static bool any_emulated(const struct report *report)
{
	struct json_object *machine, *value;

	for (const struct report_file *f = report->files; f; f = f->next)
		if (json_object_object_get_ex(f->json, "machine", &machine) &&
		    json_object_is_type(machine, json_type_object) &&
		    json_object_object_get_ex(machine, "emulated", &value) &&
		    json_object_get_boolean(value))
			return true;
	return false;
}

int report_html(const struct report *report, FILE *out, struct moat_err *err)
{
	int r = 0;

	(void)fprintf(out,
		      "<!DOCTYPE html><html lang=en><meta charset=utf-8>"
		      "<meta name=viewport content=\"width=device-width\">"
		      "<title>moat: benchmarks</title><style>%s</style>\n"
		      "<h1>moat: benchmarks</h1>\n<p>",
		      style);
	report_put_text(out, report_text(report->files->json, "date"));
	(void)fputs(", commit ", out);
	report_put_text(out, report_text(report->files->json, "commit"));
	(void)fputs(", Linux ", out);
	report_put_text(out, report_text(report->files->json, "kernel"));
	(void)fputs("</p>\n", out);
	if (any_emulated(report))
		(void)fputs("<p class=warn>Measured in a virtual machine: "
			    "compare within a benchmark, and take no figure "
			    "for hardware's.</p>\n",
			    out);
	report_targets_html(report, out);
	report_profiles_html(report, out);
	(void)fputs("<p>Medians; the whiskers are the median's 95 % interval, "
		    "or the quartiles where there are fewer than six "
		    "samples.</p>\n<p>",
		    out);
	for (const struct report_file *f = report->files; f; f = f->next) {
		(void)fputs("<a href=\"#", out);
		report_put_text(out, f->name);
		(void)fputs("\">", out);
		report_put_text(out, f->name);
		(void)fputs("</a> ", out);
	}
	(void)fputs("</p>\n", out);
	for (const struct report_file *f = report->files; r == 0 && f;
	     f = f->next)
		r = put_file(report, f, out, err);
	(void)fputs("</html>\n", out);
	return r;
}
