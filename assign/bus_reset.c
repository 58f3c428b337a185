// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * For a device that has no reset of its own, as many functions of chips with
 * several have none, the host can reset the bus or slot: and with it all that
 * is there. The kernel wants proof that those are this program's, or at least
 * nobody's; and for a guest it must not reach a function that the guest did
 * not reset.
 *
 * Source: linux/vfio.h, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO and
 * VFIO_DEVICE_PCI_HOT_RESET.
 */
#include <errno.h>
#include <string.h>

#include "assign/bus_reset.h"
#include "assign/device_internal.h"

/* VFIO says 16 bits of the domain. */
static bool same_function(struct moat_bdf a, struct moat_bdf b)
{
	return (uint16_t)a.domain == (uint16_t)b.domain && a.bus == b.bus &&
	       a.dev == b.dev && a.fn == b.fn;
}

static bool in_list(struct moat_bdf bdf, const struct moat_bdf *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (same_function(bdf, list[i]))
			return true;
	return false;
}

static int add_group(struct reset_job *job, int fd)
{
	for (size_t i = 0; i < job->n_groups; i++)
		if (job->group_fd[i] == fd)
			return 0;
	if (job->n_groups == RESET_GROUPS_MAX)
		return -E2BIG;
	job->group_fd[job->n_groups++] = fd;
	return 0;
}

/*
 * Is a function that would be reset, too, this program's? By its group, whose
 * file is ours; or by the iommufd, which the kernel looks up.
 */
static int prove(struct moat_device *dev, const struct host_dependent *other,
		 struct reset_job *job)
{
	int fd;

	if (other->group < 0)
		return other->owned ? 0 : -ENOTTY;
	fd = dev->claim_ops->group_fd(dev->ioas, (unsigned int)other->group);
	return fd < 0 ? -ENOTTY : add_group(job, fd);
}

static int refuse(struct moat_device *dev, struct moat_bdf bdf, const char *why,
		  struct moat_err *err)
{
	char addr[MOAT_BDF_STRLEN];

	return moat_fail(err, -ENOTTY,
			 "%s: the host can reset it only together with %s, "
			 "which %s",
			 dev->name, moat_bdf_str(bdf, addr), why);
}

static int ask(struct moat_device *dev, struct host_dependent *ret_others)
{
	const struct host_device_ops *ops = dev->host->ops;

	if (!ops->dependents)
		return -ENODEV;
	return ops->dependents(dev->host, ret_others, HOST_DEPENDENTS_MAX);
}

int bus_reset_plan(struct moat_device *dev, const struct moat_bdf *with,
		   size_t n_with, struct reset_job *ret_job,
		   struct moat_err *err)
{
	struct host_dependent other[HOST_DEPENDENTS_MAX];
	struct reset_job job = { .host = dev->host, .bus = true };
	int n, r = 0;

	n = ask(dev, other);
	if (n == -ENODEV || n == 0)
		return moat_fail(err, -ENOTTY,
				 "%s: the host knows no way to reset it",
				 dev->name);
	if (n < 0)
		return moat_fail(err, n,
				 "%s: cannot ask what a reset of its bus would "
				 "reach: %s",
				 dev->name, strerror(-n));
	for (int i = 0; i < n && r == 0; i++) {
		struct moat_bdf bdf = other[i].bdf;

		r = prove(dev, &other[i], &job);
		if (r < 0)
			return refuse(dev, bdf, "is not this guest's", err);
		/* In our group, but not the guest's: nobody has it. */
		if (in_list(bdf, dev->guest, dev->n_guest) &&
		    !in_list(bdf, with, n_with))
			return refuse(dev, bdf, "is not being reset", err);
	}
	*ret_job = job;
	return 0;
}

bool bus_reset_reaches(struct moat_device *dev, struct moat_bdf bdf)
{
	struct host_dependent other[HOST_DEPENDENTS_MAX];
	int n = ask(dev, other);

	for (int i = 0; i < n; i++)
		if (same_function(other[i].bdf, bdf))
			return true;
	return false;
}
