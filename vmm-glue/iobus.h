/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which guest address belongs to whom: two sorted tables of struct moat_trap,
 * one for MMIO and one for ports. The platform's own devices and the
 * assignment engine register alike.
 *
 * Locking: one rwlock a table. Dispatch copies the entry under the read lock
 * and calls it with no lock held, so a handler may move itself (a BAR write
 * does). A handler can therefore be called once more right after its removal;
 * the owner of its opaque must outlive the vCPUs.
 */
#ifndef MOAT_VMM_IOBUS_H
#define MOAT_VMM_IOBUS_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include <moat/vmm.h>

struct iobus {
	pthread_rwlock_t lock;
	const struct moat_trap **trap; /* sorted by first, disjoint */
	size_t n, cap;
};

int iobus_init(struct iobus *bus);
void iobus_fini(struct iobus *bus);

/**
 * iobus_add() - claim the addresses of @trap
 * Return: 0, -EINVAL (last below first), -EEXIST (somebody has them),
 * -ENOMEM.
 */
int iobus_add(struct iobus *bus, const struct moat_trap *trap);
void iobus_remove(struct iobus *bus, const struct moat_trap *trap);

/**
 * iobus_read() - a guest's load of @size bytes (1, 2, 4 or 8)
 *
 * Nobody there, or an access that straddles an end: all ones.
 */
uint64_t iobus_read(struct iobus *bus, uint64_t addr, unsigned int size);

/** iobus_write() - a guest's store; nobody there: dropped */
void iobus_write(struct iobus *bus, uint64_t addr, unsigned int size,
		 uint64_t value);

#endif /* MOAT_VMM_IOBUS_H */
