// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A sorted table of disjoint ranges and a binary search. Traps come and go
 * when the guest moves a BAR, which is rare; dispatch is what is fast.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "vmm-glue/iobus.h"

int iobus_init(struct iobus *bus)
{
	pthread_rwlockattr_t attr;
	int r;

	memset(bus, 0, sizeof(*bus));
	r = pthread_rwlockattr_init(&attr);
	if (r)
		return -r;
	/* Else vCPUs that poll a register keep another from moving a BAR. */
	r = pthread_rwlockattr_setkind_np(
		&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	if (r == 0)
		r = pthread_rwlock_init(&bus->lock, &attr);
	(void)pthread_rwlockattr_destroy(&attr);
	return -r;
}

void iobus_fini(struct iobus *bus)
{
	free(bus->trap);
	bus->trap = NULL;
	bus->n = bus->cap = 0;
	(void)pthread_rwlock_destroy(&bus->lock);
}

/* The index of the first trap that ends at or after @addr; n if none does. */
static size_t find_slot(const struct iobus *bus, uint64_t addr)
{
	size_t low = 0, high = bus->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (bus->trap[mid]->last < addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static int grow(struct iobus *bus)
{
	size_t cap = bus->cap ? bus->cap * 2 : 16;
	const struct moat_trap **trap;

	if (bus->n < bus->cap)
		return 0;
	trap = realloc(bus->trap, cap * sizeof(*trap));
	if (!trap)
		return -ENOMEM;
	bus->trap = trap;
	bus->cap = cap;
	return 0;
}

int iobus_add(struct iobus *bus, const struct moat_trap *trap)
{
	size_t i;
	int r;

	if (trap->last < trap->first)
		return -EINVAL;
	(void)pthread_rwlock_wrlock(&bus->lock);
	i = find_slot(bus, trap->first);
	if (i < bus->n && bus->trap[i]->first <= trap->last) {
		r = -EEXIST;
		goto unlock;
	}
	r = grow(bus);
	if (r < 0)
		goto unlock;
	memmove(&bus->trap[i + 1], &bus->trap[i],
		(bus->n - i) * sizeof(*bus->trap));
	bus->trap[i] = trap;
	bus->n++;
unlock:
	(void)pthread_rwlock_unlock(&bus->lock);
	return r;
}

void iobus_remove(struct iobus *bus, const struct moat_trap *trap)
{
	size_t i;

	(void)pthread_rwlock_wrlock(&bus->lock);
	i = find_slot(bus, trap->first);
	if (i < bus->n && bus->trap[i] == trap) {
		bus->n--;
		memmove(&bus->trap[i], &bus->trap[i + 1],
			(bus->n - i) * sizeof(*bus->trap));
	}
	(void)pthread_rwlock_unlock(&bus->lock);
}

/* A copy of the trap that holds the whole access. */
static bool lookup(struct iobus *bus, uint64_t addr, unsigned int size,
		   struct moat_trap *ret_trap)
{
	bool found = false;
	size_t i;

	(void)pthread_rwlock_rdlock(&bus->lock);
	i = find_slot(bus, addr);
	if (i < bus->n && bus->trap[i]->first <= addr &&
	    bus->trap[i]->last - addr >= size - 1) {
		*ret_trap = *bus->trap[i];
		found = true;
	}
	(void)pthread_rwlock_unlock(&bus->lock);
	return found;
}

static uint64_t all_ones(unsigned int size)
{
	return size >= 8 ? UINT64_MAX : (UINT64_C(1) << (8 * size)) - 1;
}

uint64_t iobus_read(struct iobus *bus, uint64_t addr, unsigned int size)
{
	struct moat_trap trap;

	if (!lookup(bus, addr, size, &trap))
		return all_ones(size);
	return trap.read(trap.opaque, addr - trap.first, size) & all_ones(size);
}

void iobus_write(struct iobus *bus, uint64_t addr, unsigned int size,
		 uint64_t value)
{
	struct moat_trap trap;

	if (lookup(bus, addr, size, &trap))
		trap.write(trap.opaque, addr - trap.first, size,
			   value & all_ones(size));
}
