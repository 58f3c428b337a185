// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which of its three kinds of interrupt a device uses: the pin, MSI or MSI-X.
 *
 * The guest's registers are the truth; irq_sync() compares them with what is
 * set up, and VFIO allows one kind at a time, so a change first takes the old
 * one down. A guest that enables both MSI and MSI-X, which no driver may,
 * gets MSI-X.
 *
 * Locking: the device's, and fds_lock inside it.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "assign/device_internal.h"

static const char *const irq_word[] = {
	[MOAT_IRQ_AUTO] = "auto",
	[MOAT_IRQ_INTX] = "intx",
	[MOAT_IRQ_MSI] = "msi",
	[MOAT_IRQ_MSIX] = "msix",
};

/* What a process needs besides its devices' eventfds. */
#define FDS_BESIDES 256

/*
 * Devices open in parallel, and the limit is the process's: @fds_lock is held
 * from reading it to writing it, and guards @fds_promised, the eventfds that
 * all devices together may come to use.
 */
static pthread_mutex_t fds_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned int fds_promised;

/*
 * Raise the soft limit of open files for @n more, as far as the hard limit
 * goes. Return: how many are missing then, should a guest use all of them.
 */
static rlim_t fds_reserve(unsigned int n)
{
	struct rlimit lim;
	rlim_t want, missing = 0;

	pthread_mutex_lock(&fds_lock);
	fds_promised += n;
	want = FDS_BESIDES + (rlim_t)fds_promised;
	if (getrlimit(RLIMIT_NOFILE, &lim) == 0 && lim.rlim_cur < want) {
		lim.rlim_cur = want < lim.rlim_max ? want : lim.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &lim);
		missing = want - lim.rlim_cur;
	}
	pthread_mutex_unlock(&fds_lock);
	return missing;
}

static void fds_release(unsigned int n)
{
	pthread_mutex_lock(&fds_lock);
	fds_promised -= n;
	pthread_mutex_unlock(&fds_lock);
}

/*
 * Hide all but @want. The page with a hidden MSI-X table stays the engine's:
 * n_table says so.
 */
static int irq_choose(struct moat_device *dev, enum moat_irq want,
		      struct moat_err *err)
{
	struct irqs *irq = &dev->irq;
	const bool has[] = {
		[MOAT_IRQ_AUTO] = true,
		[MOAT_IRQ_INTX] = irq->pin,
		[MOAT_IRQ_MSI] = irq->msi_cap,
		[MOAT_IRQ_MSIX] = irq->msix_cap,
	};

	if (!has[want])
		return moat_fail(
			err, -EINVAL,
			"%s: irq=%s: the device has no such interrupt; "
			"it has%s%s%s%s",
			dev->name, irq_word[want],
			has[MOAT_IRQ_INTX] ? " intx" : "",
			has[MOAT_IRQ_MSI] ? " msi" : "",
			has[MOAT_IRQ_MSIX] ? " msix" : "",
			irq->pin || irq->msi_cap || irq->msix_cap ? ""
								  : " none");
	if (want == MOAT_IRQ_AUTO)
		return 0;
	irq->pin_only = want == MOAT_IRQ_INTX;
	if (want != MOAT_IRQ_INTX)
		irq->pin = 0;
	if (want != MOAT_IRQ_MSI)
		irq->msi_cap = 0;
	if (want != MOAT_IRQ_MSIX)
		irq->msix_cap = 0;
	return 0;
}

int irq_open(struct moat_device *dev, enum moat_irq want, struct moat_err *err)
{
	struct irqs *irq = &dev->irq;
	struct host_irq info;
	unsigned int i, n;
	rlim_t missing;
	int r;

	irq->intx_trigger_fd = -1;
	irq->intx_resample_fd = -1;
	r = dev->host->ops->irq_info(dev->host, HOST_IRQ_INTX, &info);
	if (r < 0)
		return moat_fail(err, r, "%s: cannot ask for INTx: %s",
				 dev->name, strerror(-r));
	irq->pin = dev->raw[PCI_INTERRUPT_PIN];
	if (info.count == 0 || irq->pin > 4)
		irq->pin = 0;
	r = irq_choose(dev, want, err);
	if (r < 0)
		return r;
	n = irq->msix_cap ? irq->n_msix : 0;
	if (irq->msi_cap && n < 32)
		n = 32;
	if (n == 0)
		return 0;
	irq->vector = calloc(n, sizeof(*irq->vector));
	if (!irq->vector)
		return moat_fail(err, -ENOMEM,
				 "%s: out of memory for %u interrupt vectors",
				 dev->name, n);
	for (i = 0; i < n; i++)
		irq->vector[i].fd = -1;
	irq->n_vectors = n;
	missing = fds_reserve(n);
	if (missing)
		dev_warn(dev,
			 "a guest that uses all of its %u interrupt vectors "
			 "needs %llu open files more than the hard limit "
			 "allows; raise it (ulimit -Hn)",
			 n, (unsigned long long)missing);
	return 0;
}

void irq_close(struct moat_device *dev)
{
	struct irqs *irq = &dev->irq;
	unsigned int i;

	for (i = 0; i < irq->n_vectors; i++)
		if (irq->vector[i].fd >= 0)
			(void)close(irq->vector[i].fd);
	fds_release(irq->n_vectors);
	irq->n_vectors = 0;
	free(irq->vector);
	irq->vector = NULL;
	free(irq->table);
	irq->table = NULL;
}

/* COMMAND's INTx Disable goes to VFIO, which masks: see config.c. */
static bool intx_wanted(const struct moat_device *dev)
{
	return dev->vmm && dev->irq.pin;
}

static enum irq_mode mode_wanted(const struct moat_device *dev)
{
	if (msix_enabled(dev))
		return IRQ_MSIX;
	if (msi_enabled(dev))
		return IRQ_MSI;
	return intx_wanted(dev) ? IRQ_INTX : IRQ_NONE;
}

void irq_off(struct moat_device *dev)
{
	switch (dev->irq.mode) {
	case IRQ_INTX:
		intx_stop(dev);
		break;
	case IRQ_MSI:
	case IRQ_MSIX:
		vectors_stop(dev);
		break;
	case IRQ_NONE:
		break;
	}
	if (dev->irq.stale)
		vectors_stop(dev);
	dev->irq.mode = IRQ_NONE;
}

/* Vectors that the guest enabled under @mode. */
static unsigned int vectors_wanted(const struct moat_device *dev,
				   enum irq_mode mode)
{
	if (mode == IRQ_MSIX)
		return dev->irq.n_msix;
	return mode == IRQ_MSI ? msi_count(dev) : 0;
}

void irq_sync(struct moat_device *dev)
{
	enum irq_mode want = mode_wanted(dev);
	unsigned int n = vectors_wanted(dev, want);
	struct irqs *irq = &dev->irq;
	struct moat_err err;

	if (want != irq->mode || n != irq->n_enabled) {
		irq_off(dev);
		irq->n_enabled = n;
		if (want == IRQ_INTX && intx_start(dev, &err) < 0) {
			device_warn_err(dev, &err, "");
			return;
		}
		irq->mode = want;
	}
	if (n > 0)
		vectors_sync(dev, 0, n - 1);
}

int irq_plug(struct moat_device *dev, struct moat_err *err)
{
	int r;

	if (mode_wanted(dev) != IRQ_INTX)
		return 0;
	r = intx_start(dev, err);
	if (r == 0)
		dev->irq.mode = IRQ_INTX;
	return r;
}
