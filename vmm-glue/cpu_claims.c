// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Claims are locks on the bytes of one file beside the state directory: byte n
 * is CPU n's, and belongs to the open file that locked it, so it is free again
 * when its process ends, however it does. A byte behind them all is locked by
 * whoever is making up its mind.
 *
 * The file is root's: who is not, neither claims nor sees claims.
 */
#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "common/host.h"
#include "vmm-glue/cpu_claims.h"

#define DECIDING MOAT_SET_MAX

/* Deciding takes milliseconds. After so long, something is wrong there. */
#define WAIT_STEP_MS 5
#define WAIT_STEPS   200

static struct flock a_lock(short type, off_t start, off_t len)
{
	return (struct flock) {
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = start,
		.l_len = len,
	};
}

static int set_lock(int fd, short type, off_t start)
{
	struct flock lock = a_lock(type, start, 1);

	return fcntl(fd, F_OFD_SETLK, &lock) < 0 ? -errno : 0;
}

static int open_file(const struct moat_host *host)
{
	const char *state = (host ? host : &moat_this_host)->state;
	char path[PATH_MAX];
	int fd, r;

	r = moat_path(path, "%s.cpus", state);
	if (r < 0)
		return r;
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

/*
 * Locks of other open files on bytes [first, end). The kernel tells of one of
 * them, any one; what is before and behind it is asked for again.
 */
static void look(int fd, off_t first, off_t end, struct moat_set *busy)
{
	struct flock lock = a_lock(F_WRLCK, first, end - first);
	off_t lock_end;

	if (first >= end || fcntl(fd, F_OFD_GETLK, &lock) < 0 ||
	    lock.l_type == F_UNLCK)
		return;
	/* A length of 0 reaches to the end. */
	lock_end = lock.l_len > 0 ? lock.l_start + lock.l_len : end;
	if (lock.l_start < first)
		lock.l_start = first;
	if (lock_end > end)
		lock_end = end;
	for (off_t i = lock.l_start; i < lock_end; i++)
		moat_set_add(busy, (unsigned int)i);
	look(fd, first, lock.l_start, busy);
	look(fd, lock_end, end, busy);
}

static int decide(int fd)
{
	const struct timespec step = { .tv_nsec = WAIT_STEP_MS * 1000000 };
	int r = -EAGAIN;

	for (int i = 0; i < WAIT_STEPS; i++) {
		r = set_lock(fd, F_WRLCK, DECIDING);
		if (r != -EAGAIN && r != -EACCES)
			break;
		(void)nanosleep(&step, NULL);
	}
	return r;
}

int cpu_claims_open(const struct moat_host *host, struct moat_set *ret_busy)
{
	int fd = open_file(host), r;

	*ret_busy = (struct moat_set) { { 0 } };
	if (fd < 0)
		return fd;
	r = decide(fd);
	look(fd, 0, MOAT_SET_MAX, ret_busy);
	if (r < 0) {
		(void)close(fd);
		return r;
	}
	return fd;
}

void cpu_claims_look(const struct moat_host *host, struct moat_set *ret_busy)
{
	const char *state = (host ? host : &moat_this_host)->state;
	char path[PATH_MAX];
	int fd;

	*ret_busy = (struct moat_set) { { 0 } };
	if (moat_path(path, "%s.cpus", state) < 0)
		return;
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return;
	look(fd, 0, MOAT_SET_MAX, ret_busy);
	(void)close(fd);
}

void cpu_claims_settle(int fd, const struct moat_set *cpus)
{
	for (int i = cpus ? moat_set_next(cpus, 0) : -1; i >= 0;
	     i = moat_set_next(cpus, (unsigned int)i + 1))
		(void)set_lock(fd, F_WRLCK, i);
	(void)set_lock(fd, F_UNLCK, DECIDING);
}
