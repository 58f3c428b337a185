/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A directory of results becomes pictures and one page. What is in the files
 * is text from elsewhere: it is checked and escaped wherever it goes.
 */
#ifndef MOAT_BENCH_REPORT_H
#define MOAT_BENCH_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <json-c/json.h>
#include <moat/err.h>

#define REPORT_NAME_MAX 256

/* One picture. */
struct report_plot {
	struct report_plot *next;
	char title[REPORT_NAME_MAX];
	char file[REPORT_NAME_MAX]; /* in the report's directory, .svg */
	bool wide;		    /* long labels: a row of its own */
};

/* One result. */
struct report_file {
	struct report_file *next;
	char name[REPORT_NAME_MAX]; /* without .json */
	struct json_object *json;
	struct report_plot *plots;
};

/* What a run of a benchmark apart from the measured one did with its time. */
struct report_profile {
	struct report_profile *next;
	char name[REPORT_NAME_MAX]; /* "scale": also of scale-further */
	char *text;		    /* the first line says what it is */
};

struct report {
	int dir;		   /* fd */
	struct report_file *files; /* by name */
	struct report_profile *profiles;
};

/**
 * report_open() - read all results in a directory
 * Return: 0; -ENOENT (there is none), -EINVAL with the file's name.
 */
int report_open(const char *dir, struct report *ret_report,
		struct moat_err *err);

/** report_close() - all zero is fine */
void report_close(struct report *report);

/** report_plot_all() - draw what there is to draw, with gnuplot */
int report_plot_all(struct report *report, struct moat_err *err);

/** report_html() - the page, pictures and all */
int report_html(const struct report *report, FILE *out, struct moat_err *err);

/** report_put_text() - with what means something to HTML escaped */
void report_put_text(FILE *out, const char *text);

/* ---- profiles, for what reads and writes reports only ---- */

/** report_read_profiles() - from the directory, none is fine */
int report_read_profiles(struct report *report, struct moat_err *err);

/** report_free_profiles() - all of them */
void report_free_profiles(struct report *report);

/** report_profile_of() - the one of the script that wrote @file, or NULL */
const struct report_profile *report_profile_of(const struct report *report,
					       const char *file);

/** report_profiles_html() - each folded, under its first line */
void report_profiles_html(const struct report *report, FILE *out);

/* ---- reading JSON that may be anything ---- */

/** report_text() - a member's text; "" when it is none */
const char *report_text(struct json_object *o, const char *key);

/** report_number() - false when the member is no number */
bool report_number(struct json_object *o, const char *key, double *ret_value);

/** report_array() - a member's length, 0 when it is no array */
size_t report_array(struct json_object *o, const char *key,
		    struct json_object **ret_array);

/** report_interval() - around the median: its confidence, or the quartiles */
void report_interval(struct json_object *series, double *ret_low,
		     double *ret_high);

#endif /* MOAT_BENCH_REPORT_H */
