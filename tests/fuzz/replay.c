// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs a fuzz target once for each file named, or found in a directory that
 * is named, and for no input at all.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/host.h"
#include "common/io.h"
#include "tests/fuzz/fuzz.h"

#define INPUT_MAX (1u << 20)

static unsigned int n_replayed;

static void die(const char *path, int r)
{
	(void)fprintf(stderr, "%s: %s\n", path, strerror(-r));
	exit(1);
}

static void replay_file(const char *path)
{
	void *data;
	size_t len;
	int r = moat_read_file(path, INPUT_MAX, &data, &len);

	if (r < 0)
		die(path, r);
	/* Said first, so that a crash has a name. */
	(void)printf("%s\n", path);
	(void)fflush(stdout);
	(void)LLVMFuzzerTestOneInput(data, len);
	free(data);
	n_replayed++;
}

static void replay_dir(const char *path)
{
	struct dirent **entry;
	char file[PATH_MAX];
	int n = scandir(path, &entry, NULL, alphasort);

	if (n < 0)
		die(path, -errno);
	for (int i = 0; i < n; i++) {
		if (entry[i]->d_name[0] != '.' &&
		    moat_path(file, "%s/%s", path, entry[i]->d_name) == 0)
			replay_file(file);
		free(entry[i]);
	}
	free(entry);
}

int main(int argc, char **argv)
{
	struct stat st;

	(void)LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	for (int i = 1; i < argc; i++) {
		if (stat(argv[i], &st) < 0)
			die(argv[i], -errno);
		if (S_ISDIR(st.st_mode))
			replay_dir(argv[i]);
		else
			replay_file(argv[i]);
	}
	if (n_replayed == 0) {
		(void)fprintf(stderr, "nothing to replay\n");
		return 1;
	}
	return 0;
}
