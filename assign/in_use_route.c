// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Default routes, and the hardware that they go through: interface by
 * interface down the lower_* links of sysfs.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "assign/in_use_route.h"
#include "common/host.h"

/* Deeper stacks of VLANs on bridges on bonds do not occur; loops must end. */
#define STACK_MAX 12

/* Flags of a route that the files below show; linux/route.h. */
#define ROUTE_UP     0x0001
#define ROUTE_REJECT 0x0200

static int add_route(struct in_use_routes *r, unsigned int ip_version,
		     const char *ifname)
{
	struct route *grown;

	for (size_t i = 0; i < r->n; i++)
		if (r->routes[i].ip_version == ip_version &&
		    strcmp(r->routes[i].ifname, ifname) == 0)
			return 0;
	grown = realloc(r->routes, (r->n + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	r->routes = grown;
	grown[r->n].ip_version = ip_version;
	(void)snprintf(grown[r->n].ifname, sizeof(grown->ifname), "%s", ifname);
	r->n++;
	return 0;
}

/* Iface Destination Gateway Flags RefCnt Use Metric Mask ... */
int in_use_add_route4(struct in_use_routes *r, const char *line)
{
	unsigned int dest, flags, mask;
	char ifname[32];

	if (sscanf(line, "%31s %x %*x %x %*u %*u %*u %x", ifname, &dest, &flags,
		   &mask) != 4)
		return 0; /* the heading */
	if (dest || mask || !(flags & ROUTE_UP) || (flags & ROUTE_REJECT))
		return 0;
	return add_route(r, 4, ifname);
}

/* destination length source length next-hop metric refs uses flags iface */
int in_use_add_route6(struct in_use_routes *r, const char *line)
{
	char dest[33], ifname[32];
	unsigned int len, flags;

	if (sscanf(line, "%32s %x %*s %*x %*s %*x %*x %*x %x %31s", dest, &len,
		   &flags, ifname) != 4)
		return 0;
	if (strspn(dest, "0") != 32 || len || !(flags & ROUTE_UP) ||
	    (flags & ROUTE_REJECT) || strcmp(ifname, "lo") == 0)
		return 0;
	return add_route(r, 6, ifname);
}

bool in_use_path_through(const char *path, const char *addr)
{
	const size_t len = strlen(addr);

	for (const char *p = strchr(path, '/'); p; p = strchr(p + 1, '/'))
		if (strncmp(p + 1, addr, len) == 0 &&
		    (p[1 + len] == '/' || p[1 + len] == '\0'))
			return true;
	return false;
}

/*
 * Where an entry of a directory leads; the caller frees it. Paths are kept
 * off the stack, of which a thread has little and this goes deep.
 */
static char *follow(const char *dir, const char *name)
{
	char *link, *target;

	if (asprintf(&link, "%s/%s", dir, name) < 0)
		return NULL;
	target = realpath(link, NULL);
	free(link);
	return target;
}

static bool interface_needs(const char *path, const char *addr,
			    unsigned int depth);

/*
 * An interface stands on its lower_* links. A bond works as long as one of
 * them is left; anything else fails with any of them.
 */
static bool lowers_need(const char *path, const char *addr, unsigned int depth)
{
	const struct dirent *entry;
	size_t n = 0, n_need = 0;
	char *lower;
	bool bond;
	DIR *d;

	d = opendir(path);
	if (!d)
		return false;
	bond = faccessat(dirfd(d), "bonding", F_OK, 0) == 0;
	while ((entry = readdir(d))) {
		if (strncmp(entry->d_name, "lower_", 6))
			continue;
		lower = follow(path, entry->d_name);
		if (!lower)
			continue;
		n++;
		n_need += interface_needs(lower, addr, depth + 1);
		free(lower);
	}
	(void)closedir(d);
	return bond ? n && n_need == n : n_need > 0;
}

static bool interface_needs(const char *path, const char *addr,
			    unsigned int depth)
{
	if (depth > STACK_MAX)
		return false;
	return in_use_path_through(path, addr) ||
	       lowers_need(path, addr, depth);
}

/* The first interface when every default route is lost without @addr. */
const char *in_use_only_route(const struct moat_host *host,
			      const struct in_use_routes *r,
			      unsigned int ip_version, const char *addr)
{
	char link[PATH_MAX], path[PATH_MAX];
	const char *first = NULL;

	for (size_t i = 0; i < r->n; i++) {
		const struct route *route = &r->routes[i];

		if (route->ip_version != ip_version)
			continue;
		if (moat_path(link, "%s/class/net/%s", host->sysfs,
			      route->ifname) < 0 ||
		    !realpath(link, path) || !interface_needs(path, addr, 0))
			return NULL;
		if (!first)
			first = route->ifname;
	}
	return first;
}
