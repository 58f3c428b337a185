// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Devices that interrupt on demand, see source.h: QEMU's edu, which does
 * nothing else, and an NVMe disk, which reads a page and then interrupts; what
 * the reading takes is known by polling it.
 *
 * Source: QEMU docs/specs/edu.rst.
 */
#include <errno.h>
#include <stdlib.h>

#include "bench/memory.h"
#include "bench/nvme.h"
#include "bench/source.h"
#include "common/util.h"

#define EDU_IRQ	      0x24
#define EDU_IRQ_RAISE 0x60
#define EDU_IRQ_ACK   0x64

#define NVME_CLASS    0x010802

struct bench_source {
	struct bench_function *function;
	struct bench_memory memory; /* of the disk */
	struct nvme *nvme;	    /* NULL: edu */
	unsigned int vector;
};

static bool is_edu(const struct moat_host_pci *fn)
{
	return fn->vendor == 0x1234 && fn->device == 0x11e8;
}

static bool is_nvme(const struct moat_host_pci *fn)
{
	return fn->class_code == NVME_CLASS;
}

const char *source_name(const struct moat_host_pci *fn)
{
	return is_edu(fn) ? "edu" : is_nvme(fn) ? "nvme" : NULL;
}

static int map_memory(void *opaque, struct moat_ioas *ioas,
		      struct moat_err *err)
{
	const struct bench_source *source = opaque;

	if (!source->memory.at)
		return 0;
	return bench_memory_map(&source->memory, ioas, BENCH_HUGE_PAGE, err);
}

static int open_disk(struct bench_source *source, bool polled,
		     struct moat_err *err)
{
	const struct nvme_config config = {
		.function = source->function,
		.memory = &source->memory,
		.vector = polled ? NVME_POLLED : (int)source->vector,
	};
	int r;

	r = nvme_open(&config, &source->nvme, err);
	if (r == 0)
		nvme_prepare(source->nvme, 0, NVME_OWN_MEMORY, 4 * KiB);
	return r;
}

static int turn_on(struct bench_source *source, enum bench_irq irq,
		   struct moat_err *err)
{
	/* The disk's commands have the first vector, its transfers the next. */
	int r = bench_function_irq(source->function, irq, source->vector + 1);

	return r < 0 ? moat_fail(err, r, "the device has no such interrupt")
		     : 0;
}

int source_open(const struct moat_host_pci *fn,
		const struct moat_device_spec *spec, enum bench_irq irq,
		bool polled, struct bench_source **ret_source,
		struct moat_err *err)
{
	static const enum moat_irq kinds[] = {
		[BENCH_INTX] = MOAT_IRQ_INTX,
		[BENCH_MSI] = MOAT_IRQ_MSI,
		[BENCH_MSIX] = MOAT_IRQ_MSIX,
	};
	struct bench_source *source = calloc(1, sizeof(*source));
	struct moat_device_spec copy = *spec;
	const struct bench_function_config config = {
		.spec = &copy,
		.map = map_memory,
		.opaque = source,
	};
	int r = 0;

	if (!source)
		return moat_fail(err, -ENOMEM, "out of memory");
	copy.irq = polled ? MOAT_IRQ_AUTO : kinds[irq];
	source->vector = is_nvme(fn) && irq == BENCH_MSIX ? 1 : 0;
	if (is_nvme(fn))
		r = bench_memory_create(NVME_OWN_MEMORY + 4 * KiB,
					fn->numa_node, &source->memory, err);
	if (r == 0)
		r = bench_function_open(&config, &source->function, err);
	if (r == 0 && !polled)
		r = turn_on(source, irq, err);
	if (r == 0 && is_nvme(fn))
		r = open_disk(source, polled, err);
	if (r < 0) {
		source_close(source);
		return r;
	}
	*ret_source = source;
	return 0;
}

struct bench_function *source_function(struct bench_source *source)
{
	return source->function;
}

void source_fire(struct bench_source *source)
{
	if (source->nvme)
		nvme_submit(source->nvme, 0, false, 0);
	else
		bench_function_write(source->function, 0, EDU_IRQ_RAISE, 4, 1);
}

bool source_answer(struct bench_source *source)
{
	uint32_t status;

	if (source->nvme)
		return nvme_reap(source->nvme) == 0;
	status = (uint32_t)bench_function_read(source->function, 0, EDU_IRQ, 4);
	if (status == 0)
		return false;
	bench_function_write(source->function, 0, EDU_IRQ_ACK, 4, status);
	return true;
}

int source_fd(const struct bench_source *source)
{
	return bench_function_irq_fd(source->function, source->vector);
}

void source_close(struct bench_source *source)
{
	if (!source)
		return;
	nvme_close(source->nvme);
	bench_function_close(source->function);
	bench_memory_destroy(&source->memory);
	free(source);
}
