/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A device's interrupts: the pin, MSI, MSI-X; one of them at a time.
 *
 * The guest's registers say which is wanted; irq_sync() compares that with
 * what is set up and makes it so. Everything here is under the device's lock.
 */
#ifndef MOAT_ASSIGN_IRQ_H
#define MOAT_ASSIGN_IRQ_H

#include <stdbool.h>
#include <stdint.h>

#include <moat/device_spec.h>
#include <moat/err.h>
#include <moat/vmm.h>

#include "assign/host_device.h"

struct moat_device;

enum irq_mode {
	IRQ_NONE,
	IRQ_INTX,
	IRQ_MSI,
	IRQ_MSIX,
};

/* What vectors_sync() did to a route and has not committed yet. */
enum route_step {
	ROUTE_KEPT,
	ROUTE_CONNECTED,
	ROUTE_UPDATED,
	ROUTE_DISCONNECTED,
};

/*
 * One message-signalled interrupt. @fd is both VFIO's trigger and the VMM's
 * source, so that a masked vector (armed, but not routed) collects its
 * signals in the eventfd: that is its pending bit.
 */
struct vector {
	int fd;	      /* -1: never used since the interrupt was enabled */
	bool armed;   /* the host signals @fd */
	bool routed;  /* the VMM delivers it, by @route, as @msg */
	bool pending; /* was signalled while masked; about to be delivered */
	enum route_step step;
	unsigned int route;
	struct moat_msi_msg msg;
	/* irq_place.c's: */
	unsigned int host_irq; /* 0: not known */
	int cpu_plus_1;	       /* that the host was told; 0: none */
};

struct irqs {
	enum irq_mode mode;

	bool pin_only;	  /* the user wants INTx, nothing else will do */
	unsigned int pin; /* 1 to 4; 0: the guest sees none */
	int intx_trigger_fd, intx_resample_fd;

	struct vector *vector; /* enough for MSI-X and for MSI */
	unsigned int n_vectors;
	unsigned int n_enabled; /* vectors the guest enabled */
	/*
	 * Vectors that the host set aside at enable and cannot change until
	 * disable (noresize); 0: not enabled on the host yet.
	 */
	unsigned int n_host;
	bool noresize;
	bool unplaceable; /* the process may not say where they go */
	/* The VMM did not take some routes back; irq_off() tries again. */
	bool stale;

	/* MSI: 0 when there is none. */
	uint16_t msi_cap;
	bool msi_64bit, msi_maskable;

	/* MSI-X: 0 when there is none. */
	uint16_t msix_cap;
	unsigned int n_msix;  /* vectors that the guest may use */
	unsigned int n_table; /* entries the hardware's table has; 0: none */
	unsigned int table_bar, pba_bar;
	uint32_t table_offset, pba_offset;
	uint8_t *table; /* the guest's; 16 bytes an entry */
};

/**
 * irq_open() - make room, after msi_probe() and msix_probe()
 * @want: the one that the guest sees, or all of them
 *
 * Return: 0, -EINVAL when the device does not have @want, -ENOMEM, or what
 * the host answered.
 */
int irq_open(struct moat_device *dev, enum moat_irq want, struct moat_err *err);
/** irq_close() - free it; interrupts are off */
void irq_close(struct moat_device *dev);

/** irq_plug() - connect the pin, if there is one */
int irq_plug(struct moat_device *dev, struct moat_err *err);

/** irq_sync() - the registers changed: follow them */
void irq_sync(struct moat_device *dev);

/** irq_off() - no interrupt of the device reaches anybody */
void irq_off(struct moat_device *dev);

/* intx.c */
int intx_start(struct moat_device *dev, struct moat_err *err);
void intx_stop(struct moat_device *dev);

/*
 * vectors.c: what MSI and MSI-X share.
 *
 * vectors_sync() brings the vectors @first to @last in line with
 * vector_wanted(); vectors_stop() disables the interrupt on the host and
 * forgets all vectors.
 */
void vectors_sync(struct moat_device *dev, unsigned int first,
		  unsigned int last);
void vectors_stop(struct moat_device *dev);
/** vector_is_pending() - did it fire while masked? */
bool vector_is_pending(const struct moat_device *dev, unsigned int i);

/** irq_place() - irq_place.c: moat_device_place_irqs() under the lock */
void irq_place(struct moat_device *dev);

/* msi.c */
int msi_probe(struct moat_device *dev, uint16_t cap, struct moat_err *err);
int msi_add_rows(struct moat_device *dev);
bool msi_enabled(const struct moat_device *dev);
unsigned int msi_count(const struct moat_device *dev);
/* Is vector @i to be delivered? Then as which message? */
bool msi_wanted(const struct moat_device *dev, unsigned int i,
		struct moat_msi_msg *ret_msg);
unsigned int msi_length(uint16_t flags); /* of the capability, bytes */

/* msix.c */
int msix_probe(struct moat_device *dev, uint16_t cap, struct moat_err *err);
int msix_check(struct moat_device *dev, struct moat_err *err);
int msix_add_rows(struct moat_device *dev);
bool msix_enabled(const struct moat_device *dev);
bool msix_wanted(const struct moat_device *dev, unsigned int i,
		 struct moat_msi_msg *ret_msg);
/** msix_power_on() - the table as after reset: all masked */
void msix_power_on(struct moat_device *dev);
uint64_t msix_table_read(struct moat_device *dev, uint64_t offset,
			 unsigned int size);
void msix_table_write(struct moat_device *dev, uint64_t offset,
		      unsigned int size, uint64_t value);
uint64_t msix_pba_read(struct moat_device *dev, uint64_t offset,
		       unsigned int size);
/* Bytes of the pending bit array: whole quadwords. */
uint64_t msix_pba_len(const struct moat_device *dev);

#endif /* MOAT_ASSIGN_IRQ_H */
