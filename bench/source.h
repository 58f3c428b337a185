/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices that interrupt when they are asked to. */
#ifndef MOAT_BENCH_SOURCE_H
#define MOAT_BENCH_SOURCE_H

#include <stdbool.h>

#include <moat/device_spec.h>
#include <moat/err.h>
#include <moat/host_pci.h>

#include "bench/function.h"

struct bench_source;

/**
 * source_name() - "edu", "nvme"; NULL: nobody here can drive the device
 */
const char *source_name(const struct moat_host_pci *fn);

/**
 * source_open() - take it, with one kind of interrupt
 * @polled: ask the device instead; @irq does not matter then
 *
 * Return: 0; -ENOTSUP when the device does not have that.
 */
int source_open(const struct moat_host_pci *fn,
		const struct moat_device_spec *spec, enum bench_irq irq,
		bool polled, struct bench_source **ret_source,
		struct moat_err *err);

/** source_function() - the function behind it */
struct bench_function *source_function(struct bench_source *source);

/** source_fire() - have it interrupt, by writing to one register */
void source_fire(struct bench_source *source);

/** source_answer() - did it? Then it is acknowledged. */
bool source_answer(struct bench_source *source);

/** source_fd() - readable when it has interrupted */
int source_fd(const struct bench_source *source);

/** source_close() - NULL is fine */
void source_close(struct bench_source *source);

#endif /* MOAT_BENCH_SOURCE_H */
