// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Devices translate in threads of their own while another maps, unmaps and
 * invalidates. ThreadSanitizer sees to the memory; what is checked here is
 * what an invalidation promises: once it has completed, no device reaches
 * what was unmapped, not even with a request that was on its way.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/util.h"
#include "tests/check_main.h"
#include "tests/vtd/machine.h"

#define DEVICES 3u
#define PAGES	8u
#define ROUNDS	60u
#define DID	5
#define IOVA	UINT64_C(0x100000)

struct stage {
	struct machine m;
	struct vtd_tables *tables;
	atomic_bool over;
	_Atomic(uint64_t) landed;
};

struct device {
	struct stage *stage;
	struct function fn;
	pthread_t thread;
};

/* Page frames for @round: two sets, by turns. */
static uint64_t frame(unsigned int round, unsigned int page)
{
	return (round % 2 ? 32 : 16) * MiB + page * UINT64_C(4096);
}

/* Writes all ones everywhere, as long as it is let. */
static void *device_main(void *opaque)
{
	struct device *d = opaque;
	const uint64_t ones = UINT64_MAX;

	for (unsigned int i = 0; !atomic_load(&d->stage->over); i++) {
		const uint64_t at = IOVA + i % PAGES * UINT64_C(4096) +
				    (d->fn.sid & 0xff) * UINT64_C(8);

		if (function_write(&d->fn, at, &ones, 8) == 0)
			(void)atomic_fetch_add(&d->stage->landed, 1);
		if (i % 64 == 0)
			(void)machine_serve_faults(d->fn.m);
	}
	return NULL;
}

static void devices_start(struct stage *stage, struct device *devices)
{
	for (unsigned int i = 0; i < DEVICES; i++) {
		struct device *d = &devices[i];

		d->stage = stage;
		d->fn = function_at(&stage->m, 0x100 + i);
		machine_attach(&stage->m, d->fn.sid, stage->tables, 4, DID);
		ck_assert_int_eq(
			pthread_create(&d->thread, NULL, device_main, d), 0);
	}
}

static void devices_join(struct stage *stage, struct device *devices)
{
	atomic_store(&stage->over, true);
	for (unsigned int i = 0; i < DEVICES; i++)
		ck_assert_int_eq(pthread_join(devices[i].thread, NULL), 0);
}

/* Zero what was mapped, wait a little, and find it still zero. */
static void check_unreachable(struct stage *stage, unsigned int round)
{
	for (unsigned int pass = 0; pass < 2; pass++)
		for (unsigned int page = 0; page < PAGES; page++)
			for (unsigned int i = 0; i < DEVICES; i++) {
				const uint64_t at = frame(round, page) + i * 8;

				if (pass == 0)
					machine_store(&stage->m, at, 0);
				else
					ck_assert_uint_eq(
						machine_load(&stage->m, at), 0);
			}
}

static int flush(struct stage *stage, unsigned int round)
{
	switch (round % 3) {
	case 0:
		return machine_flush_iotlb(&stage->m, VTD_INV_GLOBAL, 0, 0, 0);
	case 1:
		return machine_flush_iotlb(&stage->m, VTD_INV_DOMAIN, DID, 0,
					   0);
	default:
		return machine_flush_iotlb(&stage->m, VTD_INV_PAGE, DID, IOVA,
					   4);
	}
}

START_TEST(invalidation_ends_what_is_on_its_way)
{
	struct machine_config config = { .records = 4 };
	struct device devices[DEVICES];
	struct stage *stage = calloc(1, sizeof(*stage));

	FOR_BOTH_MODES (config) {
		memset(stage, 0, sizeof(*stage));
		machine_init(&stage->m, &config);
		stage->tables = machine_tables(&stage->m, 4);
		devices_start(stage, devices);
		for (unsigned int round = 0; round < ROUNDS; round++) {
			const uint64_t landed = atomic_load(&stage->landed);

			ck_assert_int_eq(vtd_tables_map(stage->tables, IOVA,
							frame(round, 0),
							PAGES * 4096,
							VTD_MAP_WRITE),
					 0);
			for (unsigned int i = 0;
			     i < 1000 && atomic_load(&stage->landed) == landed;
			     i++)
				(void)sched_yield();
			ck_assert_int_eq(vtd_tables_unmap(stage->tables, IOVA,
							  PAGES * 4096, NULL),
					 0);
			ck_assert_int_eq(flush(stage, round), 0);
			check_unreachable(stage, round);
			vtd_tables_reap(stage->tables);
		}
		devices_join(stage, devices);
		ck_assert_uint_gt(atomic_load(&stage->landed), 0);
		vtd_tables_destroy(stage->tables);
		machine_fini(&stage->m);
	}
	free(stage);
}
END_TEST

/* Contexts come and go as well; detached is detached. */
START_TEST(detach_ends_what_is_on_its_way)
{
	struct machine_config config = { .records = 4 };
	struct device devices[DEVICES];
	struct stage *stage = calloc(1, sizeof(*stage));

	FOR_BOTH_MODES (config) {
		memset(stage, 0, sizeof(*stage));
		machine_init(&stage->m, &config);
		stage->tables = machine_tables(&stage->m, 4);
		ck_assert_int_eq(vtd_tables_map(stage->tables, IOVA, frame(0, 0),
						PAGES * 4096, VTD_MAP_WRITE),
				 0);
		devices_start(stage, devices);
		for (unsigned int round = 0; round < ROUNDS / 2; round++) {
			for (unsigned int i = 0; i < DEVICES; i++) {
				const uint16_t sid = devices[i].fn.sid;

				machine_store(
					&stage->m,
					machine_context_at(&stage->m, sid), 0);
				ck_assert_int_eq(machine_flush_source(&stage->m,
								      sid, DID),
						 0);
			}
			check_unreachable(stage, 0);
			for (unsigned int i = 0; i < DEVICES; i++)
				machine_attach(&stage->m, devices[i].fn.sid,
					       stage->tables, 4, DID);
			(void)sched_yield();
		}
		devices_join(stage, devices);
		vtd_tables_destroy(stage->tables);
		machine_fini(&stage->m);
	}
	free(stage);
}
END_TEST

/* Messages, too: an entry that is freed and flushed delivers no more. */
static void *messenger_main(void *opaque)
{
	struct device *d = opaque;

	while (!atomic_load(&d->stage->over))
		(void)function_msi(&d->fn, machine_msi(4), 0);
	return NULL;
}

static unsigned int interrupts(struct machine *m)
{
	unsigned int n;

	(void)pthread_mutex_lock(&m->lock);
	n = m->n_interrupts;
	(void)pthread_mutex_unlock(&m->lock);
	return n;
}

START_TEST(freed_interrupt_entry_is_silent)
{
	const struct vtd_irte irte = { .vector = 0x44 };
	struct machine_config config = { 0 };
	struct stage *stage = calloc(1, sizeof(*stage));
	struct device device = { .stage = stage };

	machine_init(&stage->m, &config);
	machine_remap(&stage->m, 8, false);
	machine_set(&stage->m, VTD_REG_FECTL, VTD_ECTL_IM);
	device.fn = function_at(&stage->m, 0x100);
	ck_assert_int_eq(
		pthread_create(&device.thread, NULL, messenger_main, &device),
		0);
	for (unsigned int round = 0; round < ROUNDS; round++) {
		unsigned int n;

		machine_irte(&stage->m, 4, &irte);
		(void)sched_yield();
		machine_irte(&stage->m, 4, NULL);
		ck_assert_int_eq(machine_flush_irtes(&stage->m, false, 4, 0),
				 0);
		n = interrupts(&stage->m);
		(void)sched_yield();
		ck_assert_uint_eq(interrupts(&stage->m), n);
	}
	atomic_store(&stage->over, true);
	ck_assert_int_eq(pthread_join(device.thread, NULL), 0);
	machine_fini(&stage->m);
	free(stage);
}
END_TEST

CHECK_MAIN("threads", invalidation_ends_what_is_on_its_way,
	   detach_ends_what_is_on_its_way, freed_interrupt_entry_is_silent)
