/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How the ports of a device are reached on the host; ports.c says. */
#ifndef MOAT_ASSIGN_PORTS_H
#define MOAT_ASSIGN_PORTS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <moat/device.h>
#include <moat/err.h>
#include <moat/vmm.h>

/*
 * What an architecture with port instructions offers. A thread may execute
 * in() and out() only on ports that it was permitted, else it is killed.
 */
struct pio_ops {
	/**
	 * permit() - let the calling thread use ports, or not any more
	 * Return: 0, -EPERM, -ENOMEM, or -ENOTSUP where there are none.
	 */
	int (*permit)(uint16_t first, unsigned int len, bool on);
	uint32_t (*in)(uint16_t port, unsigned int size); /* 1, 2 or 4 */
	void (*out)(uint16_t port, unsigned int size, uint32_t value);
	void (*relax)(void); /* between two looks of one who spins */
};

/* pio_x86.c, or pio_none.c: the machine's own. */
extern const struct pio_ops pio_host_ops;

/* The host's ports behind one BAR. */
struct port_range {
	bool here;
	uint16_t first;
	unsigned int len;
	atomic_bool open;  /* the guest has them, so threads may, too */
	pthread_key_t key; /* not NULL: the calling thread may (direct) */
	bool has_key;
};

struct port_thread;

struct ports {
	const struct pio_ops *ops;
	enum moat_pio_mode mode; /* vfio when there are no ports */
	struct port_range range[MOAT_PCI_BARS];
	struct port_thread *thread; /* mode thread */
	/* Mode direct, plugged: each vCPU thread follows @open. */
	struct moat_vcpu_work work;
	bool working;
};

/**
 * ports_open() - prepare for the device's port BARs; after bars_open()
 *
 * Return: 0, -ENOTSUP (no port instructions here), -EPERM, or what else
 * stood in the way. ports_close() and ports_free() undo it either way.
 */
int ports_open(struct moat_device *dev, enum moat_pio_mode mode,
	       struct moat_err *err);
void ports_close(struct moat_device *dev);

/**
 * ports_free() - last of all
 *
 * What the work needs outlives a withdrawal: vCPU threads may still have to
 * give their permissions back.
 */
void ports_free(struct moat_device *dev);

/** ports_plug() - the VMM is known; -ENOTSUP when it has no such threads */
int ports_plug(struct moat_device *dev, struct moat_err *err);
void ports_unplug(struct moat_device *dev);

/**
 * ports_show() - the guest has BAR @index from now on
 * ports_hide() - and not any more: no thread keeps its permission
 */
int ports_show(struct moat_device *dev, unsigned int index);
void ports_hide(struct moat_device *dev, unsigned int index);

/*
 * A guest's access of a BAR that is shown, in as few pieces as their
 * alignment allows, none larger than 4: what VFIO does, too.
 */
int ports_read(struct moat_device *dev, unsigned int index, uint64_t offset,
	       uint8_t *buf, unsigned int size);
int ports_write(struct moat_device *dev, unsigned int index, uint64_t offset,
		const uint8_t *buf, unsigned int size);

/*
 * port_thread.c: a thread that alone has the permission.
 *
 * port_thread_call() is for one caller at a time.
 */
enum port_verb {
	PORT_BEGIN,
	PORT_PERMIT,
	PORT_REVOKE,
	PORT_IN,
	PORT_OUT,
	PORT_END,
};

struct port_request {
	enum port_verb verb;
	uint16_t port;
	unsigned int size; /* of an access; or how many ports */
	uint32_t value;	   /* to write, or what was read */
	/* PORT_BEGIN: whom to call; @value is what it returned. */
	const struct moat_vmm_ops *vmm;
	void *opaque;
};

int port_thread_start(const struct pio_ops *ops, const char *name,
		      struct port_thread **ret_thread);
/** port_thread_begin() - have it call the VMM's thread_begin() */
void port_thread_begin(struct port_thread *thread,
		       const struct moat_vmm_ops *vmm, void *opaque);
/** port_thread_call() - have it done; 0, or a permission's errno */
int port_thread_call(struct port_thread *thread, struct port_request *request);
void port_thread_stop(struct port_thread *thread);

#endif /* MOAT_ASSIGN_PORTS_H */
