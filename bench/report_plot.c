// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pictures, by gnuplot. Series of one quantity and one value of its panel
 * label are in one picture: lines over the label that is the axis, a line for
 * all that differ in the other labels; or bars where there is no axis.
 */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/gnuplot.h"
#include "bench/list.h"
#include "bench/report.h"
#include "common/util.h"

#define LINES_MAX  24 /* in one picture */
#define POINTS_MAX 64 /* of one line */
#define BARS_MAX   48
#define WIDTH	   720

struct point {
	double x, y, low, high;
};

struct line {
	char name[REPORT_NAME_MAX];
	struct point point[POINTS_MAX];
	size_t n;
};

/* What is drawn next. */
struct picture {
	const struct report_file *file;
	struct json_object *first; /* one of its series: names and units */
	const char *panel;	   /* value of the panel's label, or "" */
	struct line line[LINES_MAX];
	size_t n_lines;
	bool bars;
};

/* ---- what differs ---- */

/* "a=1 b=2" of @series' labels; without @x, the panel's, and shared ones. */
static void line_name(const struct picture *picture, struct json_object *series,
		      struct json_object *shared,
		      char ret_name[REPORT_NAME_MAX])
{
	const char *x = report_text(picture->first, "x");
	const char *panel = report_text(picture->first, "panel");
	struct json_object *labels;
	size_t len = 0;

	ret_name[0] = '\0';
	if (!json_object_object_get_ex(series, "labels", &labels) ||
	    !json_object_is_type(labels, json_type_object) ||
	    json_object_object_length(labels) == 0) {
		(void)snprintf(ret_name, REPORT_NAME_MAX, "%s",
			       report_text(series, "name"));
		return;
	}
	json_object_object_foreach(labels, key, value)
	{
		if ((!picture->bars && strcmp(key, x) == 0) ||
		    strcmp(key, panel) == 0 ||
		    !json_object_is_type(value, json_type_string) ||
		    (shared && *report_text(shared, key)))
			continue;
		if (len < REPORT_NAME_MAX)
			len += (size_t)snprintf(ret_name + len,
						REPORT_NAME_MAX - len,
						"%s%s=%s", len ? " " : "", key,
						json_object_get_string(value));
	}
}

static bool in_picture(const struct picture *picture,
		       struct json_object *series)
{
	const char *panel = report_text(picture->first, "panel");
	struct json_object *labels = NULL;

	if (strcmp(report_text(series, "quantity"),
		   report_text(picture->first, "quantity")) != 0)
		return false;
	if (!*panel)
		return true;
	(void)json_object_object_get_ex(series, "labels", &labels);
	return strcmp(report_text(labels, panel), picture->panel) == 0;
}

/* Of @shared, take away what @labels has otherwise. */
static void keep_same(struct json_object *shared, struct json_object *labels)
{
	json_object_object_foreach(shared, key, value)
	{
		if (value && strcmp(report_text(labels, key),
				    json_object_get_string(value)) != 0)
			json_object_object_add(shared, key, NULL);
	}
}

static void copy_texts(struct json_object *to, struct json_object *labels)
{
	json_object_object_foreach(labels, key, value)
	{
		if (json_object_is_type(value, json_type_string))
			json_object_object_add(to, key, json_object_get(value));
	}
}

/*
 * Labels that are the same in all series of the picture, others being null;
 * the caller puts it.
 */
static struct json_object *shared_labels(const struct picture *picture)
{
	struct json_object *all, *labels, *shared = json_object_new_object();
	size_t n = report_array(picture->file->json, "series", &all);
	bool first = true;

	for (size_t i = 0; shared && i < n; i++) {
		struct json_object *series = json_object_array_get_idx(all, i);

		if (!in_picture(picture, series) ||
		    !json_object_object_get_ex(series, "labels", &labels) ||
		    !json_object_is_type(labels, json_type_object))
			continue;
		if (first)
			copy_texts(shared, labels);
		else
			keep_same(shared, labels);
		first = false;
	}
	return shared;
}

/* ---- the data ---- */

static bool x_of(struct json_object *series, double *ret_x)
{
	const char *x = report_text(series, "x"), *text;
	struct json_object *labels = NULL;
	char *end;

	(void)json_object_object_get_ex(series, "labels", &labels);
	text = report_text(labels, x);
	*ret_x = strtod(text, &end);
	return *x && *text && !*end && isfinite(*ret_x);
}

static void add_point(struct picture *picture, struct json_object *series,
		      struct json_object *shared)
{
	struct point point = { 0 };
	char name[REPORT_NAME_MAX];
	size_t i = 0;

	if (!report_number(series, "median", &point.y))
		return;
	report_interval(series, &point.low, &point.high);
	(void)x_of(series, &point.x);
	line_name(picture, series, shared, name);
	while (i < picture->n_lines && strcmp(picture->line[i].name, name) != 0)
		i++;
	if (i == LINES_MAX || picture->line[i].n == POINTS_MAX)
		return;
	if (i == picture->n_lines) {
		picture->n_lines++;
		picture->line[i].n = 0;
		(void)snprintf(picture->line[i].name, REPORT_NAME_MAX, "%s",
			       name);
	}
	picture->line[i].point[picture->line[i].n++] = point;
}

static int by_x(const void *a, const void *b)
{
	double x = ((const struct point *)a)->x,
	       y = ((const struct point *)b)->x;

	return (x > y) - (x < y);
}

/* All have a place on the axis, and there are two places at least. */
static bool has_axis(const struct picture *picture, struct json_object *all,
		     size_t n)
{
	double x, first = NAN;
	bool differs = false;

	for (size_t i = 0; i < n; i++) {
		struct json_object *series = json_object_array_get_idx(all, i);

		if (!in_picture(picture, series))
			continue;
		if (!x_of(series, &x))
			return false;
		differs |= !isnan(first) && x != first;
		first = x;
	}
	return differs;
}

/* All series of the picture; and the labels that they share, for its title. */
static void collect(struct picture *picture, char ret_shared[REPORT_NAME_MAX])
{
	struct json_object *all, *shared;
	size_t n = report_array(picture->file->json, "series", &all), len = 0;

	picture->bars = !has_axis(picture, all, n);
	shared = shared_labels(picture);
	for (size_t i = 0; i < n; i++) {
		struct json_object *series = json_object_array_get_idx(all, i);

		if (in_picture(picture, series))
			add_point(picture, series, shared);
	}
	for (size_t i = 0; i < picture->n_lines; i++)
		qsort(picture->line[i].point, picture->line[i].n,
		      sizeof(struct point), by_x);
	ret_shared[0] = '\0';
	if (!shared)
		return;
	json_object_object_foreach(shared, key, value)
	{
		if (value && len < REPORT_NAME_MAX)
			len += (size_t)snprintf(ret_shared + len,
						REPORT_NAME_MAX - len,
						"%s%s=%s", len ? " " : "", key,
						json_object_get_string(value));
	}
	json_object_put(shared);
}

/* ---- drawing ---- */

/* @labels: characters of the longest beside the rows */
static void draw_head(struct report_plot *plot, int height, size_t labels,
		      FILE *out)
{
	int width = WIDTH;

	if (labels > 40) {
		plot->wide = true;
		width = 500 + 8 * (int)labels;
	}
	(void)fprintf(out,
		      "set terminal svg noenhanced size %d,%d dynamic "
		      "font 'DejaVu Sans,13' background '#ffffff'\n"
		      "set output '%s'\nset colorsequence podo\n"
		      "set border 3 lc rgb '#666666'\n"
		      "set grid lc rgb '#dddddd' lt 1\nset tics nomirror\n",
		      width, height, plot->file);
}

static size_t longest(const struct line *rows, size_t n)
{
	size_t max = 0;

	for (size_t i = 0; i < n; i++)
		if (strlen(rows[i].name) > max)
			max = strlen(rows[i].name);
	return max;
}

/* Over two orders of magnitude, small values would lie on the axis. */
static bool wants_log(const struct line *lines, size_t n)
{
	double min = INFINITY, max = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < lines[i].n; k++) {
			const struct point *p = &lines[i].point[k];

			min = fmin(min, p->low < p->y ? p->low : p->y);
			max = fmax(max, p->y);
		}
	return min > 0 && max / min > 100;
}

static void draw_ticks(const struct picture *picture, FILE *out)
{
	const char *x = report_text(picture->first, "x");
	bool bytes = strcmp(x, "size") == 0 || strcmp(x, "block") == 0 ||
		     strcmp(x, "ram") == 0;
	double min = INFINITY, max = 0;
	char text[32];

	(void)fprintf(out, "set xtics rotate by -30 (");
	for (size_t i = 0; i < picture->n_lines; i++)
		for (size_t k = 0; k < picture->line[i].n; k++) {
			double at = picture->line[i].point[k].x;

			min = fmin(min, at);
			max = fmax(max, at);
			if (bytes && at >= 1 && at < 1e18)
				(void)bench_size_str((uint64_t)at, text);
			else
				(void)snprintf(text, sizeof(text), "%g", at);
			(void)fprintf(out, "%s'%s' %g", i || k ? ", " : "",
				      text, at);
		}
	(void)fprintf(out, ")\n");
	if (min > 0 && max / min >= 8)
		(void)fprintf(out, "set logscale x 2\n");
	(void)fprintf(out, "set xlabel ");
	gnuplot_text(out, x);
	(void)fprintf(out, "%s\n", bytes ? ".' (bytes)'" : "");
}

static void draw_lines(const struct picture *picture, FILE *out)
{
	char label[REPORT_NAME_MAX];

	draw_ticks(picture, out);
	(void)snprintf(label, sizeof(label), "%s (%s)",
		       report_text(picture->first, "quantity"),
		       report_text(picture->first, "unit"));
	(void)fprintf(out, "set ylabel ");
	gnuplot_text(out, label);
	(void)fprintf(out, wants_log(picture->line, picture->n_lines)
				   ? "\nset logscale y 10\n"
				   : "\nset yrange [0:*]\n");
	(void)fprintf(out, "set key below left Left reverse\n"
			   "set offsets graph 0.03, graph 0.03, 0, 0\n");
	for (size_t i = 0; i < picture->n_lines; i++) {
		(void)fprintf(out, "$d%zu << EOD\n", i);
		for (size_t k = 0; k < picture->line[i].n; k++) {
			const struct point *p = &picture->line[i].point[k];

			(void)fprintf(out, "%.17g %.17g %.17g %.17g\n", p->x,
				      p->y, p->low, p->high);
		}
		(void)fprintf(out, "EOD\n");
	}
	(void)fprintf(out, "plot ");
	for (size_t i = 0; i < picture->n_lines; i++) {
		(void)fprintf(out,
			      "%s$d%zu using 1:2:3:4 with yerrorlines lw 2 "
			      "pt 7 ps 0.6 title ",
			      i ? ", " : "", i);
		gnuplot_text(out, *picture->line[i].name ? picture->line[i].name
							 : "all");
	}
	(void)fprintf(out, "\n");
}

/* Horizontal ones, a row each; the first is on top. */
static void draw_rows(const struct line *rows, size_t n, const char *style,
		      FILE *out)
{
	(void)fprintf(out, "set yrange [%zu.5:-0.5]\nset ytics (", n - 1);
	for (size_t i = 0; i < n; i++) {
		if (i)
			(void)fprintf(out, ", ");
		gnuplot_text(out, rows[i].name);
		(void)fprintf(out, " %zu", i);
	}
	(void)fprintf(out, ")\n$d << EOD\n");
	for (size_t i = 0; i < n; i++)
		(void)fprintf(out, "%zu %.17g %.17g %.17g\n", i,
			      rows[i].point[0].y, rows[i].point[0].low,
			      rows[i].point[0].high);
	(void)fprintf(out, "EOD\nplot %s\n", style);
}

static void draw_bars(const struct picture *picture, FILE *out)
{
	char label[REPORT_NAME_MAX];

	(void)snprintf(label, sizeof(label), "%s (%s)",
		       report_text(picture->first, "quantity"),
		       report_text(picture->first, "unit"));
	(void)fprintf(out, "set xrange [0:*]\nset xlabel ");
	gnuplot_text(out, label);
	(void)fprintf(out, "\n");
	draw_rows(picture->line, picture->n_lines,
		  "$d using 2:1:(0):2:($1-0.35):($1+0.35) with boxxyerror "
		  "fs solid 0.5 noborder lc 3 notitle, "
		  "$d using 2:1:3:4 with xerrorbars lc rgb '#222222' pt 7 "
		  "ps 0.4 notitle",
		  out);
}

static void file_name(char dst[REPORT_NAME_MAX], const char *text)
{
	char safe[REPORT_NAME_MAX - 8];

	gnuplot_plain(safe, sizeof(safe), text);
	for (char *p = safe; *p; p++)
		if (!isalnum((unsigned char)*p) && *p != '-')
			*p = '-';
	(void)snprintf(dst, REPORT_NAME_MAX, "%s.svg", safe);
}

static struct report_plot *add_plot(struct report_file *file, const char *title)
{
	struct report_plot *plot = calloc(1, sizeof(*plot));
	struct report_plot **last = &file->plots;
	char name[2 * REPORT_NAME_MAX];

	if (!plot)
		return NULL;
	(void)snprintf(plot->title, sizeof(plot->title), "%s", title);
	(void)snprintf(name, sizeof(name), "%.100s-%s", file->name, title);
	file_name(plot->file, name);
	while (*last)
		last = &(*last)->next;
	*last = plot;
	return plot;
}

static int draw(const struct report *report, struct report_file *file,
		struct picture *picture, struct moat_err *err)
{
	const char *panel = report_text(picture->first, "panel");
	char title[2 * REPORT_NAME_MAX], shared[REPORT_NAME_MAX];
	struct report_plot *plot;
	FILE *script;
	pid_t pid;
	int r;

	collect(picture, shared);
	if (picture->n_lines == 0)
		return 0;
	(void)snprintf(title, sizeof(title), "%s%s%s%s%s",
		       report_text(picture->first, "quantity"),
		       *shared ? ", " : "", shared,
		       *panel && !*shared ? " " : "",
		       *panel && !*shared ? picture->panel : "");
	plot = add_plot(file, title);
	if (!plot)
		return moat_fail(err, -ENOMEM, "out of memory");
	r = gnuplot_start(report->dir, &pid, &script);
	if (r < 0)
		return moat_fail(err, r, "gnuplot: %s", strerror(-r));
	if (picture->bars) {
		draw_head(plot, 110 + 26 * (int)picture->n_lines,
			  longest(picture->line, picture->n_lines), script);
		draw_bars(picture, script);
	} else {
		draw_head(plot, 380 + 22 * (int)picture->n_lines, 0, script);
		draw_lines(picture, script);
	}
	return gnuplot_end(pid, script, plot->title, err);
}

/* ---- ratios ---- */

static int draw_ratios(const struct report *report, struct report_file *file,
		       struct moat_err *err)
{
	struct json_object *all;
	size_t n = report_array(file->json, "comparisons", &all), rows = 0;
	struct report_plot *plot;
	struct line *row;
	FILE *script;
	pid_t pid;
	int r;

	if (n == 0 || n > BARS_MAX)
		return 0;
	row = calloc(n, sizeof(*row));
	plot = row ? add_plot(file, "ratios") : NULL;
	r = plot ? gnuplot_start(report->dir, &pid, &script) : -ENOMEM;
	if (r < 0) {
		free(row);
		return moat_fail(err, r, "gnuplot: %s", strerror(-r));
	}
	for (size_t i = 0; i < n; i++) {
		struct json_object *o = json_object_array_get_idx(all, i);
		struct point *p = &row[rows].point[0];

		if (!report_number(o, "median", &p->y))
			continue;
		report_interval(o, &p->low, &p->high);
		row[rows].n = 1;
		(void)snprintf(row[rows++].name, REPORT_NAME_MAX, "%s (%s)",
			       report_text(o, "name"),
			       report_text(o, "quantity"));
	}
	draw_head(plot, 110 + 26 * (int)rows, longest(row, rows), script);
	(void)fprintf(script,
		      "set arrow from 1,graph 0 to 1,graph 1 nohead lw 2 dt 2 "
		      "lc rgb '#888888'\nset xlabel 'ratio, and the interval "
		      "of its median'\n");
	if (wants_log(row, rows))
		(void)fputs("set logscale x 10\n", script);
	if (rows)
		draw_rows(row, rows,
			  "$d using 2:1:3:4 with xerrorbars lw 2 lc 3 pt 7 ps "
			  "0.8 notitle",
			  script);
	free(row);
	return gnuplot_end(pid, script, plot->title, err);
}

/* ---- all of them ---- */

/* Has an earlier series of the file begun the same picture? */
static bool is_drawn(struct json_object *all, size_t i, struct picture *picture)
{
	for (size_t k = 0; k < i; k++)
		if (in_picture(picture, json_object_array_get_idx(all, k)))
			return true;
	return false;
}

static int plot_file(const struct report *report, struct report_file *file,
		     struct moat_err *err)
{
	struct json_object *all, *labels;
	size_t n = report_array(file->json, "series", &all);
	struct picture *picture = calloc(1, sizeof(*picture));
	int r = 0;

	if (!picture)
		return moat_fail(err, -ENOMEM, "out of memory");
	for (size_t i = 0; r == 0 && i < n; i++) {
		picture->file = file;
		picture->first = json_object_array_get_idx(all, i);
		picture->n_lines = 0;
		labels = NULL;
		if (!json_object_is_type(picture->first, json_type_object))
			continue;
		(void)json_object_object_get_ex(picture->first, "labels",
						&labels);
		picture->panel = report_text(
			labels, report_text(picture->first, "panel"));
		if (!is_drawn(all, i, picture))
			r = draw(report, file, picture, err);
	}
	free(picture);
	return r < 0 ? r : draw_ratios(report, file, err);
}

int report_plot_all(struct report *report, struct moat_err *err)
{
	int r = 0;

	/* gnuplot may end before it has read all. */
	(void)signal(SIGPIPE, SIG_IGN);
	for (struct report_file *f = report->files; r == 0 && f; f = f->next)
		r = plot_file(report, f, err);
	return r;
}
