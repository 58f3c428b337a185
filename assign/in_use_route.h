/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Default routes, and the hardware that they go through. */
#ifndef MOAT_ASSIGN_IN_USE_ROUTE_H
#define MOAT_ASSIGN_IN_USE_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

struct moat_host;

/* An interface with a default route. */
struct route {
	unsigned int ip_version;
	char ifname[32];
};

struct in_use_routes {
	struct route *routes; /* freed by the owner */
	size_t n;
};

/* One line of /proc/net/route, or of ipv6_route. Return: 0, or -ENOMEM. */
int in_use_add_route4(struct in_use_routes *r, const char *line);
int in_use_add_route6(struct in_use_routes *r, const char *line);

/**
 * in_use_only_route() - does every default route go through one function?
 * Return: the first such interface, or NULL.
 */
const char *in_use_only_route(const struct moat_host *host,
			      const struct in_use_routes *r,
			      unsigned int ip_version, const char *addr);

/** in_use_path_through() - is @addr a component of a path? */
bool in_use_path_through(const char *path, const char *addr);

#endif /* MOAT_ASSIGN_IN_USE_ROUTE_H */
