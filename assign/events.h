/* SPDX-License-Identifier: GPL-2.0-or-later */
/* News of a device that come from the host, not from the device. */
#ifndef MOAT_ASSIGN_EVENTS_H
#define MOAT_ASSIGN_EVENTS_H

#include <stdbool.h>

#include <moat/err.h>

struct moat_device;

enum { EVENT_ERROR, EVENT_RELEASE, EVENTS };

struct events {
	int epoll_fd;	/* readable when one of @fd is; -1: none */
	int fd[EVENTS]; /* eventfds that the host signals; -1: none */
};

/** events_init() - before anything else: there are none */
void events_init(struct moat_device *dev);

/** events_open() - have the host tell us; on error it does not */
int events_open(struct moat_device *dev, struct moat_err *err);
void events_close(struct moat_device *dev);

#endif /* MOAT_ASSIGN_EVENTS_H */
