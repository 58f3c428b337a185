/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A PCI function that this program drives itself, through moat's layers and
 * as a guest would: it implements the VMM's table of functions, and plays
 * firmware and driver by config accesses.
 *
 * For one thread.
 */
#ifndef MOAT_BENCH_FUNCTION_H
#define MOAT_BENCH_FUNCTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <moat/device.h>
#include <moat/set.h>

#define BENCH_VECTORS 64

struct bench_function;

struct bench_function_config {
	const struct moat_device_spec *spec;
	const char *backend; /* of the address space; NULL: by spec->dma */
	/* Maps what the function may reach; before it is opened. */
	int (*map)(void *opaque, struct moat_ioas *ioas, struct moat_err *err);
	void *opaque;
	/* Where a thread for its ports runs (pio=thread); NULL: anywhere. */
	const struct moat_set *thread_cpus;
	bool thread_alone; /* the caller runs on none of these */
};

/**
 * bench_function_open() - take it, place its BARs, turn it on
 * Return: 0, or what failed in the layers, with a sentence.
 */
int bench_function_open(const struct bench_function_config *config,
			struct bench_function **ret_fn, struct moat_err *err);

/** bench_function_close() - give it back; NULL is fine */
void bench_function_close(struct bench_function *fn);

/**
 * bench_function_at() - where a register is in this process
 * Return: NULL when it is not mapped, but trapped.
 */
volatile void *bench_function_at(struct bench_function *fn, unsigned int bar,
				 uint64_t offset, size_t len);

/** bench_function_ports() - the first BAR of ports, or -ENOTSUP */
int bench_function_ports(const struct bench_function *fn);

/* Registers and ports, mapped or trapped; what no BAR has reads all ones. */
uint64_t bench_function_read(struct bench_function *fn, unsigned int bar,
			     uint64_t offset, unsigned int size);
void bench_function_write(struct bench_function *fn, unsigned int bar,
			  uint64_t offset, unsigned int size, uint64_t value);

/* The ways to have its interrupts. */
enum bench_irq { BENCH_INTX, BENCH_MSI, BENCH_MSIX };

/**
 * bench_function_irq() - turn one of them on
 * @n: vectors wanted, of MSI-X; the others have one
 *
 * Return: 0; -ENOTSUP when the function does not have it; -ENOSPC.
 */
int bench_function_irq(struct bench_function *fn, enum bench_irq irq,
		       unsigned int n);

/** bench_function_irq_fd() - readable when it has interrupted; -1: none */
int bench_function_irq_fd(const struct bench_function *fn, unsigned int vector);

/** bench_function_irq_done() - INTx only: it may interrupt again */
void bench_function_irq_done(struct bench_function *fn);

#endif /* MOAT_BENCH_FUNCTION_H */
