// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The kernel's part in binding: attributes written, modules loaded.
 *
 * A write to bind or unbind runs a driver's probe or remove, which may take
 * its time, or for ever when the driver waits for its own users. It cannot
 * be interrupted from here; a second thread says what is being waited for.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <moat/log.h>

#include "assign/claim.h"
#include "common/io.h"
#include "common/util.h"

#define PATIENCE_S	 10
#define MODPROBE_WAIT_MS 30000
#define MODPROBE_POLL_MS 10
#define DRIVER_SETTLE_MS 5000

/* One write under way. @lock guards @done. */
struct patience {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	const char *path, *text;
	bool done;
};

static void *patience_main(void *opaque)
{
	struct patience *p = opaque;
	unsigned int waited_s = 0;
	struct timespec until;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	pthread_mutex_lock(&p->lock);
	while (!p->done) {
		until.tv_sec += PATIENCE_S;
		while (!p->done && pthread_cond_clockwait(&p->cond, &p->lock,
							  CLOCK_MONOTONIC,
							  &until) != ETIMEDOUT)
			;
		if (p->done)
			break;
		waited_s += PATIENCE_S;
		log_warn("%s: the kernel has been working on %s for %u s: a "
			 "driver waits for its users",
			 p->text, p->path, waited_s);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static int kernel_write(void *opaque, const char *path, const char *text)
{
	struct patience p = { .lock = PTHREAD_MUTEX_INITIALIZER,
			      .cond = PTHREAD_COND_INITIALIZER,
			      .path = path,
			      .text = text };
	bool watched;
	int r;

	(void)opaque;
	watched = pthread_create(&p.thread, NULL, patience_main, &p) == 0;
	r = moat_write_text(path, text);
	if (watched) {
		pthread_mutex_lock(&p.lock);
		p.done = true;
		pthread_cond_signal(&p.cond);
		pthread_mutex_unlock(&p.lock);
		(void)pthread_join(p.thread, NULL);
	}
	(void)pthread_cond_destroy(&p.cond);
	(void)pthread_mutex_destroy(&p.lock);
	return r;
}

/* Not by $PATH: this runs as root. */
static const char *find_modprobe(void)
{
	static const char *const places[] = { "/usr/sbin/modprobe",
					      "/sbin/modprobe",
					      "/usr/bin/modprobe",
					      "/bin/modprobe" };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (access(places[i], X_OK) == 0)
			return places[i];
	return NULL;
}

static int wait_for(pid_t pid)
{
	const struct timespec pause = { .tv_nsec = MODPROBE_POLL_MS * 1000000 };
	int status;
	pid_t r;

	for (int ms = 0; ms < MODPROBE_WAIT_MS; ms += MODPROBE_POLL_MS) {
		r = waitpid(pid, &status, WNOHANG);
		if (r < 0 && errno != EINTR)
			return -errno;
		if (r == pid)
			return WIFEXITED(status) && WEXITSTATUS(status) == 0
				       ? 0
				       : -ENOENT;
		(void)nanosleep(&pause, NULL);
	}
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, &status, 0);
	return -ETIMEDOUT;
}

static int kernel_load_module(void *opaque, const char *name)
{
	const char *modprobe = find_modprobe();
	char arg0[] = "modprobe", arg1[] = "-q", arg2[] = "--", arg3[128];
	char env0[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	char *argv[] = { arg0, arg1, arg2, arg3, NULL };
	char *envp[] = { env0, NULL };
	pid_t pid;
	int r;

	(void)opaque;
	if (!modprobe || strlen(name) >= sizeof(arg3))
		return -ENOENT;
	memcpy(arg3, name, strlen(name) + 1);
	r = posix_spawn(&pid, modprobe, NULL, NULL, argv, envp);
	if (r)
		return -r;
	return wait_for(pid);
}

const struct claim_ops claim_kernel_ops = {
	.write = kernel_write,
	.load_module = kernel_load_module,
	.settle_ms = DRIVER_SETTLE_MS,
};
