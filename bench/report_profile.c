// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Profiles beside the results, NAME.profile.txt: text of other programs,
 * whose first line says what it is. One that cannot be read is not there.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/report.h"
#include "common/io.h"
#include "common/util.h"

#define SUFFIX	 ".profile.txt"
#define TEXT_MAX (256 * KiB) /* of each; a page is to be looked at */

static int is_profile(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name), suffix = strlen(SUFFIX);

	return len > suffix && len - suffix < REPORT_NAME_MAX &&
	       entry->d_name[0] != '.' &&
	       strcmp(entry->d_name + len - suffix, SUFFIX) == 0;
}

static char *read_text(int dir, const char *name)
{
	/* Not waiting: it may be a FIFO. */
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char *text = NULL;
	struct stat st;
	size_t len;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
		len = (size_t)min_u64((uint64_t)st.st_size, TEXT_MAX);
		text = calloc(1, len + 1);
		if (text && moat_pread_all(fd, text, len, 0) < 0) {
			free(text);
			text = NULL;
		}
	}
	(void)close(fd);
	return text;
}

int report_read_profiles(struct report *report, struct moat_err *err)
{
	struct report_profile **last = &report->profiles;
	struct dirent **names;
	int n = scandirat(report->dir, ".", &names, is_profile, alphasort);
	int r = 0;

	if (n < 0)
		return moat_fail(err, -errno, "cannot look for profiles: %s",
				 strerror(errno));
	for (int i = 0; i < n; i++) {
		const char *file = names[i]->d_name;
		char *text = r == 0 ? read_text(report->dir, file) : NULL;

		if (text) {
			*last = calloc(1, sizeof(**last));
			if (*last) {
				(void)snprintf(
					(*last)->name, sizeof((*last)->name),
					"%.*s",
					(int)(strlen(file) - strlen(SUFFIX)),
					file);
				(*last)->text = text;
				last = &(*last)->next;
			} else {
				free(text);
				r = moat_fail(err, -ENOMEM, "out of memory");
			}
		}
		free(names[i]);
	}
	free(names);
	return r;
}

void report_free_profiles(struct report *report)
{
	while (report->profiles) {
		struct report_profile *next = report->profiles->next;

		free(report->profiles->text);
		free(report->profiles);
		report->profiles = next;
	}
}

const struct report_profile *report_profile_of(const struct report *report,
					       const char *file)
{
	for (const struct report_profile *p = report->profiles; p;
	     p = p->next) {
		size_t len = strlen(p->name);

		if (strncmp(file, p->name, len) == 0 &&
		    (file[len] == '\0' || file[len] == '-'))
			return p;
	}
	return NULL;
}

void report_profiles_html(const struct report *report, FILE *out)
{
	for (const struct report_profile *p = report->profiles; p;
	     p = p->next) {
		size_t first = strcspn(p->text, "\n");

		(void)fputs("<details id=\"profile-", out);
		report_put_text(out, p->name);
		(void)fputs("\"><summary>Profile of ", out);
		report_put_text(out, p->name);
		(void)fputs(": ", out);
		for (size_t i = 0; i < first; i++)
			report_put_text(out, (char[]) { p->text[i], '\0' });
		(void)fputs("</summary><pre>", out);
		report_put_text(out, p->text + first);
		(void)fputs("</pre></details>\n", out);
	}
}
