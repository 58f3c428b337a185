// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Processes in /proc, and the files they have open. Reads only, keeps
 * nothing. A process names itself, so its name is not to be trusted with a
 * terminal.
 */
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/io.h"
#include "common/parse.h"
#include "common/process.h"

struct search {
	const struct moat_host *host;
	bool (*is_it)(const void *opaque, const char *path);
	const void *opaque;
};

static bool has_it_open(const struct search *search, int pid)
{
	char path[PATH_MAX], target[PATH_MAX];
	const struct dirent *entry;
	bool found = false;
	ssize_t n;
	DIR *dir;

	if (moat_path(path, "%s/%d/fd", search->host->procfs, pid) < 0)
		return false;
	dir = opendir(path);
	if (!dir)
		return false;
	while (!found && (entry = readdir(dir))) {
		n = readlinkat(dirfd(dir), entry->d_name, target,
			       sizeof(target) - 1);
		if (n < 0)
			continue;
		target[n] = '\0';
		found = search->is_it(search->opaque, target);
	}
	(void)closedir(dir);
	return found;
}

static void read_comm(const struct moat_host *host,
		      struct moat_process *process)
{
	char path[PATH_MAX];

	if (moat_path(path, "%s/%d/comm", host->procfs, process->pid) < 0 ||
	    moat_read_text(path, process->comm, sizeof(process->comm)) < 0)
		process->comm[0] = '\0';
	for (char *p = process->comm; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
}

bool moat_process_find(const struct moat_host *host, int except,
		       bool (*is_it)(const void *opaque, const char *path),
		       const void *opaque, struct moat_process *ret_process)
{
	const struct search search = { host, is_it, opaque };
	const struct dirent *entry;
	bool found = false;
	uint64_t pid;
	DIR *dir;

	dir = opendir(host->procfs);
	if (!dir)
		return false;
	while (!found && (entry = readdir(dir))) {
		if (moat_parse_u64(entry->d_name, 10, &pid) < 0 ||
		    pid > INT_MAX || (except && pid == (uint64_t)except))
			continue;
		found = has_it_open(&search, (int)pid);
		if (found)
			ret_process->pid = (int)pid;
	}
	(void)closedir(dir);
	if (found)
		read_comm(host, ret_process);
	return found;
}
