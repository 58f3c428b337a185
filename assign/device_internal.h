/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One assigned device, as the files of assign/ share it.
 *
 * Locking: @lock guards everything below it. The fields above it are set
 * while the device is opened, by one thread, and do not change until it is
 * closed or withdrawn: then they are for nobody who has not seen @withdrawn
 * to be false under the lock, and not let go of it.
 */
#ifndef MOAT_ASSIGN_DEVICE_INTERNAL_H
#define MOAT_ASSIGN_DEVICE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <moat/device.h>
#include <moat/host_pci.h>
#include <moat/log.h>

#include "assign/bar.h"
#include "assign/config.h"
#include "assign/events.h"
#include "assign/host_device.h"
#include "assign/irq.h"
#include "assign/ports.h"
#include "assign/reset_work.h"
#include "assign/rom.h"

struct device_claim_ops;

struct moat_device {
	char name[MOAT_NAME_MAX];
	struct moat_bdf bdf;
	const struct device_claim_ops *claim_ops;
	const struct moat_host *host_root;
	struct moat_ioas *ioas;
	struct moat_bdf *guest; /* all devices of its guest */
	size_t n_guest;
	bool bound;    /* we took it from its driver, and give it back */
	bool attached; /* to @ioas */
	struct host_device *host;
	/* Standard config space as read at open. */
	uint8_t raw[CONFIG_STANDARD_SIZE];
	bool extended;	   /* the device has, and the host reaches, 4 KiB */
	uint16_t pcie_cap; /* 0: none */
	struct events events;
	atomic_bool hurry; /* the program is about to end */
	struct ports ports;

	pthread_mutex_t lock;
	/* Gone from the guest: nothing of the host may be touched any more. */
	bool withdrawn;
	/*
	 * A reset that the kernel has not come back from: nothing of the host
	 * may be touched before it has. NULL: none.
	 */
	struct reset_work *unfinished;
	size_t unfinished_job;
	bool lost;			/* it was reported as such */
	const struct moat_vmm_ops *vmm; /* NULL: not plugged; else: */
	struct moat_vmm_ops vmm_ops;	/* what was given, completed */
	void *vmm_opaque;
	bool armed;
	/*
	 * Resets since it was opened; and how many there had been when the
	 * access came that holds the lock now.
	 */
	atomic_uint resets_done;
	unsigned int resets_seen;
	/* COMMAND as last written to the device. */
	uint16_t host_command;
	struct config cfg;
	struct bar bar[MOAT_PCI_BARS];
	struct rom rom;
	struct irqs irq;
	uint16_t pm_cap; /* in the guest's view; 0: none */
	struct moat_ratelimit warnings;
};

/* What moat_device_open() needs of the host besides VFIO; tests fake it. */
struct device_claim_ops {
	int (*read)(const struct moat_host *host, struct moat_bdf bdf,
		    struct moat_host_pci *ret_fn, struct moat_err *err);
	int (*verdict)(const struct moat_host *host,
		       const struct moat_host_pci *fn,
		       const struct moat_host_pci_plan *plan,
		       struct moat_err *err);
	int (*bind)(const struct moat_host *host, struct moat_bdf bdf,
		    unsigned int flags, bool *ret_bound, struct moat_err *err);
	int (*release)(const struct moat_host *host, struct moat_bdf bdf,
		       struct moat_err *err);
	/* Cheap enough to be asked again and again; @host is not NULL. */
	int (*group)(const struct moat_host *host, struct moat_bdf bdf,
		     bool *ret_noiommu);
	int (*driver)(const struct moat_host *host, struct moat_bdf bdf,
		      char ret_driver[MOAT_DRIVER_MAX]);
	int (*attach)(struct moat_ioas *ioas, struct moat_bdf bdf,
		      const char *vf_token, int *ret_device_fd,
		      struct moat_err *err);
	void (*detach)(struct moat_ioas *ioas, struct moat_bdf bdf);
	bool (*is_fence)(const struct moat_ioas *ioas);
	int (*host_open)(int fd, struct host_device **ret_host,
			 struct moat_err *err);
	/* The same for a device that has no file: dma=none. */
	int (*host_open_uio)(const struct moat_host *host, struct moat_bdf bdf,
			     struct host_device **ret_host,
			     struct moat_err *err);
	/* The host's ports behind a BAR of @len bytes. */
	int (*ports)(const struct moat_host *host, struct moat_bdf bdf,
		     unsigned int bar, unsigned int len, uint16_t *ret_first,
		     struct moat_err *err);
	const struct pio_ops *pio;
	/* VFIO's file of a group that is in @ioas; -ENOENT: it is not. */
	int (*group_fd)(struct moat_ioas *ioas, unsigned int group);
	/* How long a reset may take, and how long closing waits for one. */
	unsigned int reset_ms, close_ms;
	/* The drivers that have its interrupt line. */
	int (*irq_users)(const struct moat_host *host, struct moat_bdf bdf,
			 char *buf, size_t size);
};

/** device_open_with() - moat_device_open() with the host behind a table */
int device_open_with(const struct device_claim_ops *ops,
		     const struct moat_device_params *params,
		     struct moat_device **ret_dev, struct moat_err *err);

/**
 * device_quiesce() - whatever was left there: no decoding, no mastering
 *
 * COMMAND is then known. Return: 0 or the errno of writing it.
 */
int device_quiesce(struct moat_device *dev);

/**
 * device_reset_last() - what the guest left in it goes, or that is said
 *
 * For a device that nobody reaches any more, with bus mastering off. The
 * kernel resets it as its fd is closed as well, if it can, but nobody hears
 * whether it could. Takes the device's lock, but not while it waits.
 */
void device_reset_last(struct moat_device *dev);

/**
 * device_reset_for_guest() - a guest asked for a function-level reset
 *
 * It cannot be told of a failure, so that is logged. The lock is held.
 */
void device_reset_for_guest(struct moat_device *dev);

/** device_is_gone() - may nothing of the host be touched? The lock is held. */
bool device_is_gone(struct moat_device *dev);

/** device_is_awake() - D0, as far as the guest knows */
bool device_is_awake(const struct moat_device *dev);

/** device_warn() - a warning that the guest may provoke; rate-limited */
void device_warn(struct moat_device *dev, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** device_warn_err() - the same, for a sentence that names the device */
void device_warn_err(struct moat_device *dev, const struct moat_err *err,
		     const char *then);

#define dev_warn(dev, ...)  device_warn(dev, __VA_ARGS__)
#define dev_info(dev, ...)  moat_log(MOAT_LOG_INFO, (dev)->name, __VA_ARGS__)
#define dev_debug(dev, ...) moat_log(MOAT_LOG_DEBUG, (dev)->name, __VA_ARGS__)

#endif /* MOAT_ASSIGN_DEVICE_INTERNAL_H */
