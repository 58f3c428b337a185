// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * until: how long a program takes to print something.
 *
 *	until TEXT COMMAND...
 *
 * Runs COMMAND, waits until TEXT is in its standard output ('': anything),
 * prints "MILLISECONDS KIBIBYTES THREADS FDS EVENTFDS" - from exec to then,
 * and what it has at that moment: private memory outside of mappings of
 * memfds, which are guest RAM, and so on - and ends it. MOAT_EXEC_NS tells a
 * command that wants to know when it was started, by CLOCK_MONOTONIC.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Private_Clean + Private_Dirty of all that is not guest RAM. */
static long private_kib(pid_t pid)
{
	char path[64], line[512];
	bool ram = false;
	long sum = 0, kib;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/smaps", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		unsigned long start, end;

		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			ram = strstr(line, "memfd:") != NULL;
		else if (!ram &&
			 (sscanf(line, "Private_Clean: %ld", &kib) == 1 ||
			  sscanf(line, "Private_Dirty: %ld", &kib) == 1))
			sum += kib;
	}
	(void)fclose(f);
	return sum;
}

static int count_threads(pid_t pid)
{
	char path[64];
	struct dirent *entry;
	int n = 0;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	if (!dir)
		return -1;
	while ((entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	(void)closedir(dir);
	return n;
}

static int count_fds(pid_t pid, int *ret_eventfds)
{
	char path[64], target[64];
	struct dirent *entry;
	int n = 0, eventfds = 0;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	if (!dir)
		return -1;
	while ((entry = readdir(dir))) {
		ssize_t len;

		if (entry->d_name[0] == '.')
			continue;
		n++;
		len = readlinkat(dirfd(dir), entry->d_name, target,
				 sizeof(target) - 1);
		target[len > 0 ? len : 0] = '\0';
		eventfds += strcmp(target, "anon_inode:[eventfd]") == 0;
	}
	(void)closedir(dir);
	*ret_eventfds = eventfds;
	return n;
}

/* Time first: looking takes some. */
static void tell(uint64_t begin_ns, pid_t pid)
{
	double ms = (double)(now_ns() - begin_ns) / 1e6;
	int eventfds = -1;
	int fds = count_fds(pid, &eventfds);

	(void)printf("%.1f %ld %d %d %d\n", ms, private_kib(pid),
		     count_threads(pid), fds, eventfds);
}

static pid_t start(char **argv, int *ret_fd)
{
	char stamp[32];
	int fds[2];
	pid_t pid;

	if (pipe(fds) < 0)
		return -1;
	(void)snprintf(stamp, sizeof(stamp), "%" PRIu64, now_ns());
	(void)setenv("MOAT_EXEC_NS", stamp, 1);
	pid = fork();
	if (pid == 0) {
		(void)dup2(fds[1], STDOUT_FILENO);
		(void)close(fds[0]);
		(void)close(fds[1]);
		(void)execvp(argv[0], argv);
		(void)fprintf(stderr, "until: %s: %s\n", argv[0],
			      strerror(errno));
		_exit(127);
	}
	(void)close(fds[1]);
	*ret_fd = fds[0];
	return pid;
}

int main(int argc, char **argv)
{
	static char buf[1 << 16];
	size_t len = 0;
	bool found = false;
	uint64_t begin;
	pid_t pid;
	int fd;

	if (argc < 3) {
		(void)fprintf(stderr, "usage: until TEXT COMMAND...\n");
		return 2;
	}
	begin = now_ns();
	pid = start(argv + 2, &fd);
	if (pid < 0)
		return 1;
	while (!found && len < sizeof(buf) - 1) {
		ssize_t n = read(fd, buf + len, sizeof(buf) - 1 - len);

		if (n <= 0)
			break;
		len += (size_t)n;
		buf[len] = '\0';
		found = strstr(buf, argv[1]) != NULL;
	}
	if (found)
		tell(begin, pid);
	(void)kill(pid, SIGTERM);
	(void)close(fd);
	(void)waitpid(pid, NULL, 0);
	return found ? 0 : 1;
}
