/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A function reached by sysfs and uio_pci_generic, as the two files of it
 * share it. INTx is in host_uio_intx.c.
 */
#ifndef MOAT_ASSIGN_HOST_UIO_INTERNAL_H
#define MOAT_ASSIGN_HOST_UIO_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "assign/host_device.h"
#include "assign/host_pci_internal.h"

#define UIO_BARS 6

struct uio_bar {
	int fd; /* resourceN; -1: not implemented, or without an address */
	bool is_io;
	uint64_t size;
	/* All of it, where it is small: from the BAR's first byte. */
	uint8_t *base;
	void *map;
	size_t map_len;
};

struct uio_intx {
	int uio_fd;  /* /dev/uioN */
	int wake_fd; /* eventfd: something below has changed */
	bool has_thread;
	pthread_t thread;
	/* Guarded by the device's lock. */
	bool enabled, ending;
	bool masked;		     /* told of, and its end is awaited */
	int trigger_fd, resample_fd; /* the engine's; -1: none */
};

struct host_uio {
	struct host_device host;
	const struct moat_host *root;
	struct moat_bdf bdf;
	char name[MOAT_BDF_STRLEN];
	int config_fd;
	int reset_fd; /* -1: it has no reset */
	uint64_t config_size;
	struct uio_bar bar[UIO_BARS];
	uint64_t rom_size;	      /* 0: none that can be read */
	uint32_t saved_bar[UIO_BARS]; /* the registers, as the host has them */
	atomic_bool decodes;	      /* COMMAND says that memory is on */

	pthread_mutex_t lock; /* guards COMMAND, and what says so */
	uint16_t command;     /* as last written, without INTx disable */
	struct uio_intx intx;
};

static inline struct host_uio *to_uio(struct host_device *host)
{
	return (struct host_uio *)((char *)host -
				   offsetof(struct host_uio, host));
}

/** uio_write_command() - with INTx disable as it must be; the lock is held */
int uio_write_command(struct host_uio *uio);

/* host_uio_intx.c */

/** uio_intx_open() - find and open /dev/uioN */
int uio_intx_open(struct host_uio *uio, struct moat_err *err);
void uio_intx_close(struct host_uio *uio);

/** uio_intx_disabled() - what COMMAND must say; the lock is held */
bool uio_intx_disabled(const struct host_uio *uio);

/** uio_intx_present() - has it a pin, and does the host serve it? */
bool uio_intx_present(struct host_uio *uio);

int uio_intx_enable(struct host_uio *uio, int trigger_fd);
int uio_intx_unmask_by(struct host_uio *uio, int fd);
int uio_intx_disable(struct host_uio *uio);

#endif /* MOAT_ASSIGN_HOST_UIO_INTERNAL_H */
