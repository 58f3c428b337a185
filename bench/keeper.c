// SPDX-License-Identifier: GPL-2.0-or-later
/* Two processes, see keeper.h. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/pci_regs.h>
#include <moat/log.h>

#include "bench/keeper.h"
#include "common/host.h"
#include "common/io.h"
#include "common/util.h"

static volatile sig_atomic_t stopped;

static void stop(int sig)
{
	(void)sig;
	stopped = 1;
}

bool bench_stopped(void)
{
	return stopped;
}

void bench_catch_signals(void)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP };
	const struct sigaction action = { .sa_handler = stop };

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		(void)sigaction(ends[i], &action, NULL);
}

/*
 * The kernel turned it off when it closed the device's file for the child;
 * but where there was none (no uio yet, or VFIO's), we do.
 */
static void quiet(struct moat_bdf bdf)
{
	char path[PATH_MAX], name[MOAT_BDF_STRLEN];
	uint8_t command[2];
	int fd;

	if (moat_path(path, "%s/bus/pci/devices/%s/config",
		      moat_this_host.sysfs, moat_bdf_str(bdf, name)) < 0)
		return;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 ||
	    moat_pread_all(fd, command, sizeof(command), PCI_COMMAND) < 0)
		goto out;
	command[0] &= (uint8_t)~PCI_COMMAND_MASTER;
	if (moat_pwrite_all(fd, command, sizeof(command), PCI_COMMAND) < 0)
		log_err("%s: cannot turn its bus mastering off", name);
out:
	if (fd >= 0)
		(void)close(fd);
}

int bench_keep(struct moat_bdf bdf, int (*work)(void *opaque), void *opaque,
	       struct moat_err *err)
{
	char name[MOAT_BDF_STRLEN];
	pid_t child;
	int status;

	bench_catch_signals();
	(void)fflush(NULL);
	child = fork();
	if (child < 0)
		return moat_fail(err, -errno, "fork: %s", strerror(errno));
	if (child == 0) {
		status = work(opaque);
		(void)fflush(NULL);
		_exit(status);
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		if (stopped)
			(void)kill(child, SIGTERM);
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	quiet(bdf);
	return moat_fail(err, -EINTR,
			 "%s: the process that drove it was killed by signal "
			 "%d; 'moat release %s' gives it back",
			 moat_bdf_str(bdf, name), WTERMSIG(status), name);
}
