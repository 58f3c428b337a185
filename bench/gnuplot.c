// SPDX-License-Identifier: GPL-2.0-or-later
/* The program that draws, and text that is safe to give to it; gnuplot.h. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/gnuplot.h"

#define TEXT_MAX 256

void gnuplot_plain(char *dst, size_t size, const char *text)
{
	size_t n = 0;

	for (; *text && n + 1 < size; text++)
		dst[n++] = isalnum((unsigned char)*text) ||
					   strchr(" =.,:/%+()-", *text)
				   ? *text
				   : '_';
	dst[n] = '\0';
}

void gnuplot_text(FILE *out, const char *text)
{
	char safe[TEXT_MAX];

	gnuplot_plain(safe, sizeof(safe), text);
	(void)fprintf(out, "'%s'", safe);
}

/* ---- gnuplot ---- */

int gnuplot_start(int dir, pid_t *ret_pid, FILE **ret_script)
{
	int pipe_fd[2];
	pid_t pid;

	if (pipe2(pipe_fd, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid < 0) {
		int r = -errno;

		(void)close(pipe_fd[0]);
		(void)close(pipe_fd[1]);
		return r;
	}
	if (pid == 0) {
		if (fchdir(dir) < 0 || dup2(pipe_fd[0], STDIN_FILENO) < 0)
			_exit(126);
		(void)execlp("gnuplot", "gnuplot", "-", (char *)NULL);
		_exit(127);
	}
	(void)close(pipe_fd[0]);
	*ret_script = fdopen(pipe_fd[1], "w");
	if (!*ret_script) {
		(void)close(pipe_fd[1]);
		(void)waitpid(pid, NULL, 0);
		return -ENOMEM;
	}
	*ret_pid = pid;
	return 0;
}

int gnuplot_end(pid_t pid, FILE *script, const char *what, struct moat_err *err)
{
	int status;

	(void)fclose(script); /* it may have ended before */
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return moat_fail(err, -ENOENT,
				 "gnuplot is not installed (Debian's package "
				 "gnuplot-nox)");
	return moat_fail(err, -EIO, "gnuplot could not draw %s", what);
}
