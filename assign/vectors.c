// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Message-signalled interrupts, as MSI and MSI-X have them in common.
 *
 * A vector costs nothing until the guest first unmasks it: then it gets an
 * eventfd, which the host signals (armed) and the VMM delivers (routed).
 * Masking takes away the route and leaves the rest: signals then stay in the
 * eventfd, which makes the pending bit, and are delivered at unmasking. So
 * masking never touches the host's interrupt, where one could get lost.
 *
 * Arming: where the host can add a vector while others live, each is added
 * at its first use. Where it cannot (noresize; Linux before 6.5), all that
 * the guest enabled are set aside at enabling, those not yet used without a
 * signal, and none is ever disabled to make room for another.
 *
 * Locking: the device's.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "assign/device_internal.h"

static enum host_irq_index host_irq(const struct moat_device *dev)
{
	return dev->irq.mode == IRQ_MSIX ? HOST_IRQ_MSIX : HOST_IRQ_MSI;
}

static bool vector_wanted(const struct moat_device *dev, unsigned int i,
			  struct moat_msi_msg *ret_msg)
{
	return dev->irq.mode == IRQ_MSIX ? msix_wanted(dev, i, ret_msg)
					 : msi_wanted(dev, i, ret_msg);
}

static bool fd_is_signalled(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1 && (p.revents & POLLIN);
}

bool vector_is_pending(const struct moat_device *dev, unsigned int i)
{
	const struct vector *v = &dev->irq.vector[i];

	return v->fd >= 0 && !v->routed && fd_is_signalled(v->fd);
}

static void vector_warn(struct moat_device *dev, unsigned int i,
			const char *what, int r)
{
	dev_warn(dev, "interrupt vector %u: %s: %s%s", i, what, strerror(-r),
		 r == -EMFILE ? " (raise the limit of open files, ulimit -n)"
			      : "");
}

/* ---- the VMM's side ---- */

/* Note what has to change for one vector. */
static void route_stage(struct moat_device *dev, unsigned int i)
{
	struct vector *v = &dev->irq.vector[i];
	struct moat_msi_msg msg;
	bool want = vector_wanted(dev, i, &msg);
	uint64_t count;
	int r = 0;

	if (want && v->routed) {
		if (msg.address == v->msg.address && msg.data == v->msg.data)
			return;
		r = dev->vmm->msi_update(dev->vmm_opaque, v->route, &msg);
		if (r == 0)
			v->step = ROUTE_UPDATED;
	} else if (want) {
		if (v->fd < 0)
			v->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (v->fd < 0) {
			vector_warn(dev, i, "no eventfd", -errno);
			return;
		}
		r = dev->vmm->msi_connect(dev->vmm_opaque, v->fd, &msg,
					  &v->route);
		if (r == 0) {
			v->step = ROUTE_CONNECTED;
			v->routed = true;
			/* Delivered by us, once the route stands. */
			v->pending = read(v->fd, &count, sizeof(count)) ==
				     sizeof(count);
		}
	} else if (v->routed) {
		dev->vmm->msi_disconnect(dev->vmm_opaque, v->route);
		v->step = ROUTE_DISCONNECTED;
		v->routed = false;
	}
	if (r < 0)
		vector_warn(dev, i, "the VMM cannot route it", r);
	else if (want)
		v->msg = msg;
}

static void vector_signal(struct vector *v)
{
	const uint64_t one = 1;

	if (v->pending)
		(void)!write(v->fd, &one, sizeof(one));
	v->pending = false;
}

/* The commit failed: what was staged did not happen. */
static void route_forget(struct vector *v)
{
	switch (v->step) {
	case ROUTE_CONNECTED:
		v->routed = false;
		vector_signal(v); /* stays pending */
		break;
	case ROUTE_DISCONNECTED:
		v->routed = true;
		break;
	case ROUTE_UPDATED:
		/* No message that a guest could write: tried again. */
		v->msg.address = UINT64_MAX;
		break;
	case ROUTE_KEPT:
		break;
	}
}

static void routes_sync(struct moat_device *dev, unsigned int first,
			unsigned int last)
{
	struct vector *vector = dev->irq.vector;
	bool staged = false;
	unsigned int i;
	int r;

	for (i = first; i <= last; i++) {
		route_stage(dev, i);
		staged |= vector[i].step != ROUTE_KEPT;
	}
	if (!staged)
		return;
	r = dev->vmm->msi_commit(dev->vmm_opaque);
	if (r < 0)
		dev_warn(dev,
			 "the VMM cannot change interrupt routes: %s; they "
			 "stay as they were",
			 strerror(-r));
	for (i = first; i <= last; i++) {
		if (r < 0)
			route_forget(&vector[i]);
		else if (vector[i].step == ROUTE_CONNECTED)
			vector_signal(&vector[i]);
		vector[i].step = ROUTE_KEPT;
	}
}

/* ---- the host's side ---- */

static bool needs_arming(const struct vector *v)
{
	return v->routed && !v->armed;
}

/*
 * Enable the interrupt on the host, with all vectors that are in use by now.
 * Return: 0, or a negative errno with nothing enabled.
 */
static int host_enable(struct moat_device *dev, unsigned int last_used)
{
	struct irqs *irq = &dev->irq;
	unsigned int n = irq->noresize ? irq->n_enabled : last_used + 1;
	unsigned int i;
	int *fds, r;

	fds = malloc(n * sizeof(*fds));
	if (!fds)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		fds[i] = irq->vector[i].routed ? irq->vector[i].fd : -1;
	r = dev->host->ops->irq_set(dev->host, host_irq(dev), 0, n, fds);
	if (r > 0 && (unsigned int)r < n) {
		dev_warn(dev,
			 "the host has %d interrupt vectors for it, not %u: "
			 "the others stay silent",
			 r, n);
		n = (unsigned int)r;
		r = dev->host->ops->irq_set(dev->host, host_irq(dev), 0, n,
					    fds);
	}
	free(fds);
	if (r != 0)
		return r < 0 ? r : -ENOSPC;
	irq->n_host = n;
	for (i = 0; i < n; i++)
		irq->vector[i].armed = irq->vector[i].routed;
	return 0;
}

/* Arm the run of vectors [@first, @last], which all need it. */
static void host_arm(struct moat_device *dev, unsigned int first,
		     unsigned int last)
{
	struct irqs *irq = &dev->irq;
	unsigned int n = last - first + 1, i;
	int *fds, r;

	fds = malloc(n * sizeof(*fds));
	if (!fds) {
		vector_warn(dev, first, "not armed", -ENOMEM);
		return;
	}
	for (i = 0; i < n; i++)
		fds[i] = irq->vector[first + i].fd;
	r = dev->host->ops->irq_set(dev->host, host_irq(dev), first, n, fds);
	free(fds);
	if (r != 0) {
		vector_warn(dev, first, "the host does not signal it",
			    r < 0 ? r : -ENOSPC);
		return;
	}
	for (i = first; i <= last; i++)
		irq->vector[i].armed = true;
	if (irq->n_host <= last)
		irq->n_host = last + 1;
}

static void host_sync(struct moat_device *dev, unsigned int first,
		      unsigned int last)
{
	struct irqs *irq = &dev->irq;
	unsigned int i, end, used = 0;
	int r;

	if (irq->n_host == 0) {
		for (i = 0; i < irq->n_enabled; i++)
			if (irq->vector[i].routed)
				used = i;
		r = host_enable(dev, used);
		if (r < 0)
			dev_warn(dev, "VFIO cannot enable %s: %s",
				 irq->mode == IRQ_MSIX ? "MSI-X" : "MSI",
				 strerror(-r));
		return;
	}
	/* Vectors the host could not set aside stay silent. */
	if (irq->noresize && last >= irq->n_host)
		last = irq->n_host - 1;
	for (i = first; i <= last; i = end) {
		end = i + 1;
		if (!needs_arming(&irq->vector[i]))
			continue;
		while (end <= last && needs_arming(&irq->vector[end]))
			end++;
		host_arm(dev, i, end - 1);
	}
}

void vectors_sync(struct moat_device *dev, unsigned int first,
		  unsigned int last)
{
	struct host_irq info;
	int r;

	if (!dev->vmm)
		return;
	if (dev->irq.n_host == 0) {
		r = dev->host->ops->irq_info(dev->host, host_irq(dev), &info);
		dev->irq.noresize = r < 0 || info.noresize;
	}
	routes_sync(dev, first, last);
	host_sync(dev, first, last);
}

void vectors_stop(struct moat_device *dev)
{
	struct irqs *irq = &dev->irq;
	bool staged = false;
	unsigned int i;
	int r;

	if (irq->n_host > 0) {
		r = dev->host->ops->irq_disable(dev->host, host_irq(dev));
		if (r < 0)
			dev_warn(dev, "VFIO does not disable interrupts: %s",
				 strerror(-r));
	}
	for (i = 0; i < irq->n_vectors; i++) {
		if (!irq->vector[i].routed)
			continue;
		dev->vmm->msi_disconnect(dev->vmm_opaque, irq->vector[i].route);
		staged = true;
	}
	r = staged ? dev->vmm->msi_commit(dev->vmm_opaque) : 0;
	if (r < 0)
		dev_warn(dev, "the VMM keeps old interrupt routes: %s",
			 strerror(-r));
	irq->stale = r < 0;
	for (i = 0; i < irq->n_vectors; i++) {
		struct vector *v = &irq->vector[i];

		v->armed = false;
		/* Its eventfd is still the VMM's. */
		if (irq->stale && v->routed)
			continue;
		if (v->fd >= 0)
			(void)close(v->fd);
		*v = (struct vector) { .fd = -1 };
	}
	irq->n_host = 0;
	irq->n_enabled = 0;
}
