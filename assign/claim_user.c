// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who uses a function through VFIO, or through UIO?
 *
 * Taking a function from vfio-pci waits in the kernel, uninterruptibly,
 * until the last file of it is closed. So this is asked first. The kernel
 * lets a group be opened once: while the group, any device of it or any of
 * their cdevs is in use, a further open answers EBUSY, whoever the user is
 * and whatever namespaces it is in. /proc then says who.
 * Source: Linux drivers/vfio/group.c and vfio_main.c,
 * vfio_unregister_group_dev().
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "assign/claim.h"
#include "assign/host_pci_internal.h"
#include "common/process.h"

#define CDEVS_MAX 64 /* a function has one; and there is its group */

/* The nodes that lead to one function, or to another of its group. */
struct nodes {
	char group[32];		  /* "vfio/26"; "" when it has none */
	char cdev[CDEVS_MAX][64]; /* "vfio/devices/vfio0", "uio0" */
	size_t n_cdevs;
};

/* @class: what its directory holds; @start: how their names begin */
static void find_cdevs(const struct moat_host *host, struct moat_bdf bdf,
		       const char *class, const char *start,
		       const char *dev_dir, struct nodes *nodes)
{
	const struct dirent *entry;
	char path[PATH_MAX];
	size_t size;
	DIR *d;
	int n;

	if (host_pci_attr(host, bdf, class, path) < 0)
		return;
	d = opendir(path);
	if (!d)
		return;
	while (nodes->n_cdevs < CDEVS_MAX && (entry = readdir(d))) {
		if (strncmp(entry->d_name, start, strlen(start)))
			continue;
		size = sizeof(nodes->cdev[0]);
		n = snprintf(nodes->cdev[nodes->n_cdevs], size, "%s%s", dev_dir,
			     entry->d_name);
		if (n > 0 && (size_t)n < size)
			nodes->n_cdevs++;
	}
	(void)closedir(d);
}

static void find_members(const struct moat_host *host, struct moat_bdf bdf,
			 int group, struct nodes *nodes)
{
	struct moat_bdf *members;
	char path[PATH_MAX];
	size_t n;

	if (moat_path(path, "%s/kernel/iommu_groups/%d/devices", host->sysfs,
		      group) < 0 ||
	    host_pci_read_dir(path, &members, &n) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		if (!moat_bdf_equal(members[i], bdf))
			find_cdevs(host, members[i], "vfio-dev", "vfio",
				   "vfio/devices/", nodes);
	free(members);
}

static void find_nodes(const struct moat_host *host, struct moat_bdf bdf,
		       struct nodes *ret)
{
	bool noiommu;
	int group;

	memset(ret, 0, sizeof(*ret));
	group = host_pci_group_number(host, bdf, &noiommu);
	find_cdevs(host, bdf, "vfio-dev", "vfio", "vfio/devices/", ret);
	find_cdevs(host, bdf, "uio", "uio", "", ret);
	if (group == MOAT_NO_GROUP)
		return;
	(void)snprintf(ret->group, sizeof(ret->group), "vfio/%s%d",
		       noiommu ? "noiommu-" : "", group);
	find_members(host, bdf, group, ret);
}

/* By its end: what lies before differs between mount namespaces. */
static bool ends_in(const char *path, const char *node)
{
	size_t len = strlen(path), n = strlen(node);

	return n && len > n && path[len - n - 1] == '/' &&
	       strcmp(path + len - n, node) == 0;
}

static bool is_node(const void *opaque, const char *path)
{
	const struct nodes *nodes = opaque;

	if (ends_in(path, nodes->group))
		return true;
	for (size_t i = 0; i < nodes->n_cdevs; i++)
		if (ends_in(path, nodes->cdev[i]))
			return true;
	return false;
}

static bool group_is_taken(const struct moat_host *host,
			   const struct nodes *nodes)
{
	char path[PATH_MAX];
	int fd;

	if (!nodes->group[0] ||
	    moat_path(path, "%s/%s", host->dev, nodes->group) < 0)
		return false;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return errno == EBUSY;
	(void)close(fd);
	return false;
}

bool claim_find_user(const struct moat_host *host, struct moat_bdf bdf,
		     bool probe, struct moat_host_pci_user *ret_user)
{
	struct moat_host_pci_user user = { .pid = 0 };
	struct moat_process process;
	struct nodes nodes;
	bool taken;

	find_nodes(host, bdf, &nodes);
	if (!nodes.group[0] && !nodes.n_cdevs)
		return false;
	taken = probe && group_is_taken(host, &nodes);
	if (moat_process_find(host, 0, is_node, &nodes, &process)) {
		user.pid = process.pid;
		(void)snprintf(user.comm, sizeof(user.comm), "%s",
			       process.comm);
		taken = true;
	}
	if (taken)
		*ret_user = user;
	return taken;
}

int moat_host_pci_user(const struct moat_host *host, struct moat_bdf bdf,
		       struct moat_host_pci_user *ret_user)
{
	return claim_find_user(host_or_this(host), bdf, false, ret_user);
}
