// SPDX-License-Identifier: GPL-2.0-or-later
/* The files of a report, see report.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/report.h"
#include "common/host.h"

#define SUFFIX ".json"
#define SCHEMA "moat-bench/1"

const char *report_text(struct json_object *o, const char *key)
{
	struct json_object *value;

	if (!json_object_is_type(o, json_type_object) ||
	    !json_object_object_get_ex(o, key, &value) ||
	    !json_object_is_type(value, json_type_string))
		return "";
	return json_object_get_string(value);
}

bool report_number(struct json_object *o, const char *key, double *ret_value)
{
	struct json_object *value;

	if (!json_object_is_type(o, json_type_object) ||
	    !json_object_object_get_ex(o, key, &value) ||
	    !(json_object_is_type(value, json_type_double) ||
	      json_object_is_type(value, json_type_int)))
		return false;
	*ret_value = json_object_get_double(value);
	return true;
}

size_t report_array(struct json_object *o, const char *key,
		    struct json_object **ret_array)
{
	if (!json_object_is_type(o, json_type_object) ||
	    !json_object_object_get_ex(o, key, ret_array) ||
	    !json_object_is_type(*ret_array, json_type_array))
		return 0;
	return json_object_array_length(*ret_array);
}

void report_interval(struct json_object *series, double *ret_low,
		     double *ret_high)
{
	struct json_object *ci;

	*ret_low = *ret_high = 0;
	if (report_array(series, "ci95", &ci) == 2) {
		*ret_low = json_object_get_double(
			json_object_array_get_idx(ci, 0));
		*ret_high = json_object_get_double(
			json_object_array_get_idx(ci, 1));
		return;
	}
	(void)report_number(series, "p25", ret_low);
	(void)report_number(series, "p75", ret_high);
}

static int is_result(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name), suffix = strlen(SUFFIX);

	return len > suffix && len - suffix < REPORT_NAME_MAX &&
	       entry->d_name[0] != '.' &&
	       strcmp(entry->d_name + len - suffix, SUFFIX) == 0;
}

static int read_one(const struct report *report, const char *name,
		    struct report_file **ret_file, struct moat_err *err)
{
	struct report_file *file = calloc(1, sizeof(*file));
	int fd;

	if (!file)
		return moat_fail(err, -ENOMEM, "out of memory");
	(void)snprintf(file->name, sizeof(file->name), "%.*s",
		       (int)(strlen(name) - strlen(SUFFIX)), name);
	fd = openat(report->dir, name, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		file->json = json_object_from_fd(fd);
		(void)close(fd);
	}
	if (strcmp(report_text(file->json, "schema"), SCHEMA) != 0) {
		json_object_put(file->json);
		free(file);
		return moat_fail(err, -EINVAL,
				 "%s is no result of moat-bench (" SCHEMA ")",
				 name);
	}
	*ret_file = file;
	return 0;
}

int report_open(const char *dir, struct report *ret_report,
		struct moat_err *err)
{
	struct report report = { .dir = -1 };
	struct report_file **last = &report.files;
	struct dirent **names;
	int n, r = 0;

	report.dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (report.dir < 0)
		return moat_fail(err, -errno, "%s: %s", dir, strerror(errno));
	n = scandirat(report.dir, ".", &names, is_result, alphasort);
	if (n <= 0) {
		(void)close(report.dir);
		if (n == 0)
			free(names);
		return moat_fail(err, -ENOENT, "there is no result in %s", dir);
	}
	for (int i = 0; i < n; i++) {
		if (r == 0)
			r = read_one(&report, names[i]->d_name, last, err);
		if (*last)
			last = &(*last)->next;
		free(names[i]);
	}
	free(names);
	if (r == 0)
		r = report_read_profiles(&report, err);
	if (r < 0) {
		report_close(&report);
		return r;
	}
	*ret_report = report;
	return 0;
}

void report_close(struct report *report)
{
	while (report->files) {
		struct report_file *next = report->files->next;

		while (report->files->plots) {
			struct report_plot *plot = report->files->plots->next;

			free(report->files->plots);
			report->files->plots = plot;
		}
		json_object_put(report->files->json);
		free(report->files);
		report->files = next;
	}
	report_free_profiles(report);
	if (report->dir >= 0)
		(void)close(report->dir);
	report->dir = -1;
}
