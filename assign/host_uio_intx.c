// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * INTx by uio_pci_generic: a thread stands between its file and the engine's
 * two eventfds.
 *
 * When the device asserts, the kernel sets COMMAND's INTx disable bit and
 * counts; the thread reads the count and signals the trigger. At the guest's
 * end of interrupt the resample eventfd is signalled, and the thread clears
 * the bit again, by config space, for uio_pci_generic takes no writes. If the
 * device still asserts, that begins again.
 *
 * The bit is written whole with COMMAND, which others write, too, so all do
 * it under the device's lock, by uio_write_command(). The kernel does not
 * know that lock: it may set the bit, and a write of ours clears it before
 * the thread has read the count. Then the device asserts still, and the
 * kernel sets it once more: the guest is told twice at worst, and nothing is
 * lost.
 *
 * Source: Linux Documentation/driver-api/uio-howto.rst, "Generic PCI UIO
 * driver"; PCI Local Bus 3.0 section 6.2.2, Interrupt Disable.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "assign/host_uio_internal.h"
#include "assign/unfenced.h"
#include "common/clock.h"
#include "common/io.h"
#include "common/util.h"

/* A guard is done in less, as long as the device answers. */
#define LOCK_WAIT_MS 3000
#define LOCK_POLL_MS 20

bool uio_intx_disabled(const struct host_uio *uio)
{
	return !uio->intx.enabled || uio->intx.masked;
}

bool uio_intx_present(struct host_uio *uio)
{
	uint8_t pin = 0;
	int32_t count;

	if (moat_pread_all(uio->config_fd, &pin, 1, PCI_INTERRUPT_PIN) < 0 ||
	    pin == 0)
		return false;
	/* -EIO: the driver found no interrupt for it. */
	return read(uio->intx.uio_fd, &count, sizeof(count)) >= 0 ||
	       errno == EAGAIN;
}

/* Empty an eventfd. Return: it had been signalled. */
static bool take_event(int fd)
{
	uint64_t count;

	return read(fd, &count, sizeof(count)) == (ssize_t)sizeof(count);
}

static void asserted(struct host_uio *uio)
{
	const uint64_t one = 1;
	int32_t count;

	if (read(uio->intx.uio_fd, &count, sizeof(count)) !=
	    (ssize_t)sizeof(count))
		return;
	if (!uio->intx.enabled)
		return;
	uio->intx.masked = true;
	(void)moat_write_all(uio->intx.trigger_fd, &one, sizeof(one));
}

static void ended(struct host_uio *uio)
{
	if (!uio->intx.enabled || !take_event(uio->intx.resample_fd))
		return;
	uio->intx.masked = false;
	(void)uio_write_command(uio);
}

static void *intx_main(void *opaque)
{
	struct host_uio *uio = opaque;
	struct uio_intx *intx = &uio->intx;
	bool ending = false;

	while (!ending) {
		struct pollfd fds[3] = {
			{ .fd = intx->wake_fd, .events = POLLIN },
			{ .fd = intx->uio_fd, .events = POLLIN },
		};

		(void)pthread_mutex_lock(&uio->lock);
		fds[2].fd = intx->enabled ? intx->resample_fd : -1;
		fds[2].events = POLLIN;
		(void)pthread_mutex_unlock(&uio->lock);
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
			continue;
		(void)pthread_mutex_lock(&uio->lock);
		if (fds[0].revents)
			(void)take_event(intx->wake_fd);
		/* POLLERR: the driver is gone, and comes not back. */
		if (fds[1].revents & (POLLERR | POLLHUP | POLLNVAL))
			intx->ending = true;
		else if (fds[1].revents)
			asserted(uio);
		if (fds[2].revents)
			ended(uio);
		ending = intx->ending;
		(void)pthread_mutex_unlock(&uio->lock);
	}
	return NULL;
}

static int start_thread(struct host_uio *uio)
{
	char name[16];
	sigset_t all, old;
	int r;

	/* Signals are the program's own threads' to take. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	r = -pthread_create(&uio->intx.thread, NULL, intx_main, uio);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r < 0)
		return r;
	(void)snprintf(name, sizeof(name), "intx %.10s", uio->name + 2);
	(void)pthread_setname_np(uio->intx.thread, name);
	uio->intx.has_thread = true;
	return 0;
}

/* Under the lock, or before there is a thread. */
static void wake(struct host_uio *uio)
{
	const uint64_t one = 1;

	(void)moat_write_all(uio->intx.wake_fd, &one, sizeof(one));
}

int uio_intx_enable(struct host_uio *uio, int trigger_fd)
{
	struct uio_intx *intx = &uio->intx;
	int r = 0;

	if (!intx->has_thread)
		r = start_thread(uio);
	if (r < 0)
		return r;
	(void)pthread_mutex_lock(&uio->lock);
	intx->trigger_fd = trigger_fd;
	intx->masked = false;
	intx->enabled = true;
	r = uio_write_command(uio);
	if (r < 0)
		intx->enabled = false;
	(void)pthread_mutex_unlock(&uio->lock);
	return r;
}

int uio_intx_unmask_by(struct host_uio *uio, int fd)
{
	(void)pthread_mutex_lock(&uio->lock);
	uio->intx.resample_fd = fd;
	wake(uio);
	(void)pthread_mutex_unlock(&uio->lock);
	return 0;
}

/* Afterwards the two eventfds are the engine's alone. */
int uio_intx_disable(struct host_uio *uio)
{
	struct uio_intx *intx = &uio->intx;
	int r;

	(void)pthread_mutex_lock(&uio->lock);
	intx->enabled = false;
	intx->masked = false;
	intx->trigger_fd = intx->resample_fd = -1;
	r = uio_write_command(uio);
	wake(uio);
	(void)pthread_mutex_unlock(&uio->lock);
	return r;
}

/* The N of /dev/uioN: the one name in the function's directory "uio". */
static int find_uio(const struct host_uio *uio, char ret_path[PATH_MAX])
{
	const struct dirent *entry;
	char dir[PATH_MAX];
	int r;
	DIR *d;

	r = host_pci_attr(uio->root, uio->bdf, "uio", dir);
	if (r < 0)
		return r;
	d = opendir(dir);
	if (!d)
		return -errno;
	r = -ENODEV;
	while (r == -ENODEV && (entry = readdir(d)))
		if (strncmp(entry->d_name, "uio", 3) == 0)
			r = moat_path(ret_path, "%s/%s", uio->root->dev,
				      entry->d_name);
	(void)closedir(d);
	return r;
}

/*
 * The kernel lets any number of processes open it. A copy of the file that
 * the guard of a killed one has still keeps the lock: it would stop and reset
 * the device under its next user.
 */
static int lock_file(int fd, const char *path, struct moat_err *err)
{
	for (unsigned int ms = 0; flock(fd, LOCK_EX | LOCK_NB) < 0;
	     ms += LOCK_POLL_MS) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return moat_fail(err, -errno, "cannot lock %s: %s",
					 path, strerror(errno));
		if (ms >= LOCK_WAIT_MS)
			return moat_fail(err, -EBUSY,
					 "another moat has %s open, or the "
					 "moat-guard of one that was killed, "
					 "which has not stopped the device "
					 "yet",
					 path);
		moat_sleep_ms(LOCK_POLL_MS);
	}
	return 0;
}

int uio_intx_open(struct host_uio *uio, struct moat_err *err)
{
	char path[PATH_MAX];
	int r;

	r = find_uio(uio, path);
	if (r < 0)
		return moat_fail(err, r,
				 "the driver " UIO_PCI " shows no file for it: "
				 "%s",
				 strerror(-r));
	uio->intx.uio_fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (uio->intx.uio_fd < 0)
		return moat_fail(err, -errno, "cannot open %s: %s%s", path,
				 strerror(errno),
				 errno == EACCES || errno == EPERM
					 ? "; run as root"
					 : "");
	r = lock_file(uio->intx.uio_fd, path, err);
	if (r < 0)
		return r;
	uio->intx.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (uio->intx.wake_fd < 0)
		return moat_fail(err, -errno, "eventfd: %s", strerror(errno));
	return 0;
}

void uio_intx_close(struct host_uio *uio)
{
	struct uio_intx *intx = &uio->intx;

	if (intx->has_thread) {
		(void)pthread_mutex_lock(&uio->lock);
		intx->ending = true;
		wake(uio);
		(void)pthread_mutex_unlock(&uio->lock);
		(void)pthread_join(intx->thread, NULL);
	}
	if (intx->wake_fd >= 0)
		(void)close(intx->wake_fd);
	/* The kernel turns bus mastering off with it. */
	if (intx->uio_fd >= 0)
		(void)close(intx->uio_fd);
}
