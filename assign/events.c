// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the host has to say about a device: that it saw an error of it (AER),
 * and that it wants it back (its driver is being unbound, it is being
 * removed). VFIO signals an eventfd for each.
 *
 * The engine has no thread of its own for that and no policy: it shows one
 * fd, an epoll of the two, for the program's own poll loop, and reports on
 * being called. Until the device is closed the host's unbind waits, so
 * somebody has to listen.
 *
 * Locking: the fds are made at open and go at close or withdrawal, by the
 * thread that also polls. Reporting takes the device's lock; finding that
 * there is nothing to report takes none.
 *
 * Source: linux/vfio.h; PCI Express Base 5.0 section 6.2 for what an error
 * may be.
 */
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "assign/device_internal.h"
#include "common/clock.h"
#include "common/util.h"

#define LOCK_WAIT_MS 20

static const struct {
	enum host_irq_index irq;
	enum moat_event event;
	const char *detail;
} event_desc[EVENTS] = {
	[EVENT_ERROR] = { HOST_IRQ_ERR, MOAT_EVENT_DEVICE_ERROR,
			  "an uncorrectable PCI Express error (dmesg on the "
			  "host says which)" },
	[EVENT_RELEASE] = { HOST_IRQ_REQ, MOAT_EVENT_RELEASE_WANTED,
			    "it is being unbound or removed there" },
};

void events_init(struct moat_device *dev)
{
	unsigned int i;

	dev->events.epoll_fd = -1;
	for (i = 0; i < EVENTS; i++)
		dev->events.fd[i] = -1;
}

static int event_enable(struct moat_device *dev, unsigned int i)
{
	struct epoll_event ev = { .events = EPOLLIN };
	struct events *events = &dev->events;
	struct host_irq info;
	int fd, r;

	r = dev->host->ops->irq_info(dev->host, event_desc[i].irq, &info);
	/* A conventional device reports no errors. */
	if (r < 0 || info.count == 0)
		return r;
	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (epoll_ctl(events->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0)
		r = -errno;
	if (r == 0)
		r = dev->host->ops->irq_set(dev->host, event_desc[i].irq, 0, 1,
					    &fd);
	if (r != 0) {
		(void)close(fd);
		return r < 0 ? r : -ENOSPC;
	}
	events->fd[i] = fd;
	return 0;
}

int events_open(struct moat_device *dev, struct moat_err *err)
{
	unsigned int i;
	int r = 0;

	dev->events.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (dev->events.epoll_fd < 0)
		r = -errno;
	for (i = 0; i < EVENTS && r == 0; i++)
		r = event_enable(dev, i);
	if (r < 0) {
		events_close(dev);
		return moat_fail(err, r,
				 "%s: the host would not tell of its errors "
				 "and of being asked for: %s",
				 dev->name, strerror(-r));
	}
	return 0;
}

void events_close(struct moat_device *dev)
{
	struct events *events = &dev->events;
	unsigned int i;
	int r;

	for (i = 0; i < EVENTS; i++) {
		if (events->fd[i] < 0)
			continue;
		r = dev->host->ops->irq_disable(dev->host, event_desc[i].irq);
		if (r < 0)
			dev_warn(dev, "VFIO does not let go of an eventfd: %s",
				 strerror(-r));
		(void)close(events->fd[i]);
	}
	if (events->epoll_fd >= 0)
		(void)close(events->epoll_fd);
	events_init(dev);
}

int moat_device_event_fd(const struct moat_device *dev)
{
	return dev->events.epoll_fd;
}

static bool has_news(const struct moat_device *dev)
{
	struct pollfd p = { .fd = dev->events.epoll_fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

/*
 * A guest that resets its device again and again hardly lets go of the lock,
 * and the kernel may take a minute for a reset; the caller has a whole machine
 * to look after. A moment is waited, so that it need not spin meanwhile.
 */
static bool lock_soon(struct moat_device *dev)
{
	struct timespec until;

	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += LOCK_WAIT_MS * (long)NS_PER_MS;
	if (until.tv_nsec >= (long)NS_PER_S) {
		until.tv_nsec -= (long)NS_PER_S;
		until.tv_sec++;
	}
	return pthread_mutex_timedlock(&dev->lock, &until) == 0;
}

void moat_device_take_events(struct moat_device *dev)
{
	uint64_t count;
	unsigned int i;

	if (!has_news(dev) || !lock_soon(dev))
		return;
	for (i = 0; i < EVENTS && dev->vmm; i++) {
		if (dev->events.fd[i] < 0 ||
		    read(dev->events.fd[i], &count, sizeof(count)) < 0 ||
		    dev->withdrawn)
			continue;
		dev->vmm->event(dev->vmm_opaque, event_desc[i].event,
				event_desc[i].detail);
	}
	pthread_mutex_unlock(&dev->lock);
}
