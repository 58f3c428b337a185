// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How a device is opened and how that is undone: by closing, or by
 * withdrawing it from a guest that runs on.
 *
 * Each step of opening has its undo, and closing runs the same undos. The
 * order is what makes it safe: bus mastering is off before the device's fd
 * is closed, the fd is closed before the device leaves its address space,
 * and it leaves before its driver gets it back.
 *
 * Opening does not reset: the kernel does, as the fd is made.
 *
 * A withdrawn device is closed while vCPUs run: what is left of it is the
 * lock and a flag under it, behind which nothing of the host is touched.
 *
 * Locking: opening and closing have the device to themselves; withdrawing
 * takes dev->lock.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include <moat/host_pci.h>

#include "assign/bytes.h"
#include "assign/caps.h"
#include "assign/device_internal.h"
#include "assign/host_pci_internal.h"
#include "common/clock.h"
#include "common/util.h"
#include "common/vfio_driver.h"

/*
 * How long another thread may take to claim a device of the same group: a
 * driver may be slow to let go, and a module to load. Then how long VFIO may
 * take to notice.
 */
#define GROUP_WAIT_MS	45000
#define GROUP_SETTLE_MS 500
#define GROUP_POLL_MS	10

/*
 * The kernel itself waits 60 s for a device to come back from its reset
 * (PCIE_RESET_READY_POLL_MS in drivers/pci/pci.c). Who ends the program has
 * less patience.
 */
#define RESET_MS 70000
#define CLOSE_MS 3000

/* ---- claiming ---- */

/* How far the guest's other devices in a device's group are. */
enum company {
	COMPANY_NONE,
	COMPANY_AWAITED, /* some are not on a VFIO driver yet */
	COMPANY_THERE,
};

/*
 * Only VFIO's own driver will do: the link to the old one goes as its removal
 * begins, and the group counts as the host's until that has ended.
 */
static enum company company_now(const struct device_claim_ops *ops,
				const struct moat_device_params *params)
{
	const struct moat_host *host = host_or_this(params->host);
	struct moat_bdf bdf = params->spec->host;
	enum company company = COMPANY_NONE;
	char driver[MOAT_DRIVER_MAX];
	bool noiommu;
	int group;

	group = ops->group(host, bdf, &noiommu);
	for (size_t i = 0; i < params->n_same_guest; i++) {
		struct moat_bdf other = params->same_guest[i];

		if (moat_bdf_equal(other, bdf) ||
		    ops->group(host, other, &noiommu) != group)
			continue;
		company = COMPANY_THERE;
		if (ops->driver(host, other, driver) == 0 &&
		    !moat_is_vfio_driver(driver))
			return COMPANY_AWAITED;
	}
	return company;
}

static bool is_cancelled(const struct moat_device_params *params)
{
	return params->cancelled && params->cancelled(params->cancelled_opaque);
}

/*
 * VFIO opens no device of a group before all of the group is claimed, and
 * each device of the guest has a thread of its own: let the others get that
 * far. They may have got there since the attempt that failed, and a driver
 * shows in sysfs a little before VFIO counts on it: try again in any case, but
 * for a file that came open, which the first attempt has used up.
 */
static int attach_with_group(struct moat_device *dev,
			     const struct moat_device_params *params,
			     int *ret_fd, struct moat_err *err)
{
	const char *token = params->spec->vf_token[0] ? params->spec->vf_token
						      : NULL;
	const struct device_claim_ops *ops = dev->claim_ops;
	uint64_t until_ns;
	bool there = false;
	int r;

	r = ops->attach(dev->ioas, dev->bdf, token, ret_fd, err);
	if (r != -EINVAL || params->spec->fd ||
	    company_now(ops, params) == COMPANY_NONE)
		return r;
	until_ns = moat_now_ns() + GROUP_WAIT_MS * NS_PER_MS;
	while (r == -EINVAL && moat_now_ns() < until_ns) {
		if (is_cancelled(params))
			return moat_fail(err, -EINTR,
					 "%s: interrupted while waiting for "
					 "the other devices of its group",
					 dev->name);
		if (!there && company_now(ops, params) != COMPANY_AWAITED) {
			there = true;
			until_ns = moat_now_ns() + GROUP_SETTLE_MS * NS_PER_MS;
		}
		if (there)
			r = ops->attach(dev->ioas, dev->bdf, token, ret_fd,
					err);
		if (r == -EINVAL)
			moat_sleep_ms(GROUP_POLL_MS);
	}
	return r;
}

static void device_release(struct moat_device *dev)
{
	struct moat_err err;

	if (!dev->bound)
		return;
	dev->bound = false;
	if (dev->claim_ops->release(dev->host_root, dev->bdf, &err) < 0)
		device_warn_err(dev, &err, "");
}

static unsigned int bind_flags(const struct moat_device_params *params)
{
	return (params->force ? MOAT_BIND_FORCE : 0) |
	       (params->spec->dma == MOAT_DMA_NONE ? MOAT_BIND_UNFENCED : 0);
}

/* Find it, check it, take it from its driver. */
static int device_claim(struct moat_device *dev,
			const struct moat_device_params *params,
			struct moat_err *err)
{
	const struct device_claim_ops *ops = dev->claim_ops;
	const struct moat_host_pci_plan plan = {
		.same_guest = params->same_guest,
		.n_same_guest = params->n_same_guest,
		.managed = params->spec->managed,
		.force = params->force,
		.unfenced = params->spec->dma == MOAT_DMA_NONE,
	};
	struct moat_host_pci fn;
	int r;

	r = ops->read(params->host, dev->bdf, &fn, err);
	if (r < 0)
		return r;
	r = ops->verdict(params->host, &fn, &plan, err);
	if (r < 0)
		return r;
	if (params->spec->dma == MOAT_DMA_NONE)
		moat_log(MOAT_LOG_WARN, dev->name,
			 "dma=none: nothing keeps its DMA, and so the guest, "
			 "from any of the host's memory");
	if (params->spec->managed) {
		r = ops->bind(params->host, dev->bdf, bind_flags(params),
			      &dev->bound, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int device_quiesce(struct moat_device *dev)
{
	int r = host_config_write(dev, PCI_COMMAND, 2, 0);

	if (r == 0)
		dev->host_command = 0;
	return r;
}

/* Bus mastering off, then the fd, then the address space. */
static void device_detach(struct moat_device *dev)
{
	int r;

	if (dev->host) {
		r = device_quiesce(dev);
		if (r < 0)
			dev_warn(dev,
				 "cannot turn bus mastering off: %s; the "
				 "kernel does as it closes the device",
				 strerror(-r));
		dev->host->ops->close(dev->host);
	}
	dev->host = NULL;
	if (dev->attached)
		dev->claim_ops->detach(dev->ioas, dev->bdf);
	dev->attached = false;
}

static int device_attach(struct moat_device *dev,
			 const struct moat_device_params *params,
			 struct moat_err *err)
{
	const struct device_claim_ops *ops = dev->claim_ops;
	int fd, r;

	r = attach_with_group(dev, params, &fd, err);
	if (r < 0)
		return r;
	dev->attached = true;
	if (fd >= 0)
		r = ops->host_open(fd, &dev->host, err);
	else
		r = ops->host_open_uio(dev->host_root, dev->bdf, &dev->host,
				       err);
	if (r < 0) {
		if (fd >= 0)
			(void)close(fd);
		device_detach(dev);
		return moat_fail_prefix(err, r, "%s", dev->name);
	}
	return 0;
}

/* ---- reading it ---- */

static int device_read(struct moat_device *dev, struct moat_err *err)
{
	struct host_region config;
	int r;

	r = dev->host->ops->region_info(dev->host, HOST_REGION_CONFIG, &config);
	if (r == 0 && config.size < CONFIG_STANDARD_SIZE)
		return moat_fail(err, -EIO,
				 "%s: its config space is cut off after %llu "
				 "bytes of %u: the kernel does not know what "
				 "it is; rescan its bus (echo 1 > "
				 "/sys/bus/pci/rescan) or power the machine "
				 "off and on",
				 dev->name, (unsigned long long)config.size,
				 CONFIG_STANDARD_SIZE);
	if (r == 0)
		r = dev->host->ops->region_read(dev->host, HOST_REGION_CONFIG,
						0, dev->raw, sizeof(dev->raw));
	if (r < 0)
		return moat_fail(err, r,
				 "%s: cannot read its config space: %s; the "
				 "kernel's log may say what became of it",
				 dev->name, strerror(-r));
	/* Its ids VFIO answers from memory. */
	if (get_le32(dev->raw + PCI_CLASS_REVISION) == UINT32_MAX)
		return moat_fail(err, -EIO,
				 "%s: does not answer (config space reads all "
				 "ones); it may need a power cycle",
				 dev->name);
	dev->extended = config.size >= CONFIG_SIZE;
	return 0;
}

/* Undoes device_build(). */
static void device_unbuild(struct moat_device *dev)
{
	events_close(dev);
	ports_close(dev);
	rom_close(dev);
	bars_close(dev);
	irq_close(dev);
}

static int device_build(struct moat_device *dev,
			const struct moat_device_spec *spec,
			struct moat_err *err)
{
	int r;

	r = device_read(dev, err);
	if (r < 0)
		return r;
	r = device_quiesce(dev);
	if (r < 0)
		return moat_fail(err, r, "%s: cannot write COMMAND: %s",
				 dev->name, strerror(-r));
	r = caps_probe(dev, err);
	if (r < 0)
		goto unbuild;
	r = bars_open(dev, err);
	if (r < 0)
		goto unbuild;
	r = ports_open(dev, spec->pio, err);
	if (r < 0)
		goto unbuild;
	r = rom_open(dev, spec, err);
	if (r < 0)
		goto unbuild;
	r = msix_check(dev, err);
	if (r < 0)
		goto unbuild;
	r = irq_open(dev, spec->irq, err);
	if (r < 0)
		goto unbuild;
	r = config_build(dev, MOAT_PLUG_PCIE, err);
	if (r < 0)
		goto unbuild;
	r = events_open(dev, err);
	if (r < 0)
		goto unbuild;
	return 0;
unbuild:
	device_unbuild(dev);
	return r;
}

static struct moat_device *device_new(const struct device_claim_ops *ops,
				      const struct moat_device_params *params)
{
	const struct moat_device_spec *spec = params->spec;
	char bdf[MOAT_BDF_STRLEN];
	struct moat_device *dev;

	dev = calloc(1, sizeof(*dev));
	if (!dev)
		return NULL;
	dev->guest = calloc(params->n_same_guest + 1, sizeof(*dev->guest));
	if (!dev->guest)
		goto free_dev;
	if (pthread_mutex_init(&dev->lock, NULL))
		goto free_guest;
	if (params->n_same_guest)
		memcpy(dev->guest, params->same_guest,
		       params->n_same_guest * sizeof(*dev->guest));
	dev->n_guest = params->n_same_guest;
	dev->claim_ops = ops;
	dev->host_root = params->host;
	dev->ioas = params->ioas;
	dev->bdf = spec->host;
	dev->warnings = (struct moat_ratelimit)MOAT_RATELIMIT_INIT;
	events_init(dev);
	(void)snprintf(dev->name, sizeof(dev->name), "%s",
		       spec->name[0] ? spec->name
				     : moat_bdf_str(spec->host, bdf));
	return dev;
free_guest:
	free(dev->guest);
free_dev:
	free(dev);
	return NULL;
}

static void device_free(struct moat_device *dev)
{
	ports_free(dev);
	(void)pthread_mutex_destroy(&dev->lock);
	free(dev->guest);
	free(dev);
}

/*
 * The word in the spec is what the user knows of; an address space of the
 * other kind would break it either way.
 */
static int check_fence(const struct moat_device *dev,
		       const struct moat_device_params *params,
		       struct moat_err *err)
{
	bool fenced = dev->claim_ops->is_fence(params->ioas);

	if (fenced == (params->spec->dma == MOAT_DMA_IOMMU))
		return 0;
	return moat_fail(err, -EINVAL,
			 "%s: dma=%s, and the address space it would join is "
			 "%s fence",
			 dev->name, fenced ? "none" : "iommu",
			 fenced ? "a" : "no");
}

int device_open_with(const struct device_claim_ops *ops,
		     const struct moat_device_params *params,
		     struct moat_device **ret_dev, struct moat_err *err)
{
	struct moat_device *dev;
	int r;

	dev = device_new(ops, params);
	if (!dev)
		return moat_fail(err, -ENOMEM, "out of memory");
	r = check_fence(dev, params, err);
	if (r < 0)
		goto free_dev;
	r = device_claim(dev, params, err);
	if (r < 0)
		goto free_dev;
	r = device_attach(dev, params, err);
	if (r < 0)
		goto release;
	r = device_build(dev, params->spec, err);
	if (r < 0)
		goto detach;
	*ret_dev = dev;
	return 0;
detach:
	device_detach(dev);
release:
	device_release(dev);
free_dev:
	device_free(dev);
	return r;
}

static const struct device_claim_ops host_claim_ops;

int moat_device_open(const struct moat_device_params *params,
		     struct moat_device **ret_dev, struct moat_err *err)
{
	return device_open_with(&host_claim_ops, params, ret_dev, err);
}

static void device_give_back(struct moat_device *dev)
{
	/* What was never plugged, no guest has reached. */
	if (dev->vmm)
		device_reset_last(dev);
	if (dev->unfinished)
		return;
	device_unbuild(dev);
	device_detach(dev);
	device_release(dev);
}

/*
 * Only what the guest could see or reach is taken away under the lock. The
 * rest takes long, and vCPUs would wait.
 */
void moat_device_withdraw(struct moat_device *dev)
{
	bool first, in_reset;

	/* A vCPU may be waiting for its reset, with the lock held. */
	moat_device_hurry(dev);
	pthread_mutex_lock(&dev->lock);
	first = !dev->withdrawn;
	if (!device_is_gone(dev)) {
		irq_off(dev);
		config_power_on(dev);
		config_decode_changed(dev); /* COMMAND is zero now */
	}
	/* Then the guest has lost it already, and closing gives it back. */
	in_reset = dev->unfinished;
	dev->withdrawn = true;
	pthread_mutex_unlock(&dev->lock);
	if (first && !in_reset)
		device_give_back(dev);
}

/* Return: false when the kernel has it still, and will for a while. */
static bool device_out_of_reset(struct moat_device *dev)
{
	uint64_t until_ns = moat_now_ns() +
			    dev->claim_ops->close_ms * NS_PER_MS;

	if (dev->unfinished)
		(void)reset_work_wait(dev->unfinished, until_ns, NULL, NULL, 0);
	(void)device_is_gone(dev);
	return !dev->unfinished;
}

void moat_device_close(struct moat_device *dev)
{
	char addr[MOAT_BDF_STRLEN];

	if (!dev)
		return;
	moat_device_withdraw(dev);
	if (dev->host && !device_out_of_reset(dev)) {
		dev_warn(dev,
			 "its reset does not come to an end: the kernel closes "
			 "it when the program has ended%s%s%s",
			 dev->bound ? "; then `moat release " : "",
			 dev->bound ? moat_bdf_str(dev->bdf, addr) : "",
			 dev->bound ? "` gives it back" : "");
		return;
	}
	if (dev->host)
		device_give_back(dev);
	ports_unplug(dev);
	device_free(dev);
}

static const struct device_claim_ops host_claim_ops = {
	.read = moat_host_pci_read,
	.verdict = moat_host_pci_verdict,
	.bind = moat_host_pci_bind,
	.release = moat_host_pci_release,
	.group = host_pci_group_number,
	.driver = host_pci_driver,
	.attach = moat_ioas_attach_vf,
	.detach = moat_ioas_detach,
	.is_fence = moat_ioas_is_fence,
	.host_open = host_vfio_open,
	.host_open_uio = host_uio_open,
	.ports = host_pci_ports,
	.pio = &pio_host_ops,
	.group_fd = moat_ioas_group_fd,
	.reset_ms = RESET_MS,
	.close_ms = CLOSE_MS,
	.irq_users = host_pci_irq_users,
};
