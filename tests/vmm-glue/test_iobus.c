// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/util.h"
#include "tests/check_main.h"
#include "vmm-glue/iobus.h"

/* What the handler saw last. */
static struct {
	uint64_t offset, value;
	unsigned int size, reads, writes;
} seen;

static uint64_t read_pattern(void *opaque, uint64_t offset, unsigned int size)
{
	seen.offset = offset;
	seen.size = size;
	seen.reads++;
	return (uintptr_t)opaque;
}

static void write_note(void *opaque, uint64_t offset, unsigned int size,
		       uint64_t value)
{
	(void)opaque;
	seen.offset = offset;
	seen.size = size;
	seen.value = value;
	seen.writes++;
}

static struct moat_trap make_trap(uint64_t first, uint64_t last, uintptr_t what)
{
	return (struct moat_trap) {
		.space = MOAT_TRAP_MMIO,
		.first = first,
		.last = last,
		.read = read_pattern,
		.write = write_note,
		.opaque = (void *)what,
	};
}

static const struct {
	uint64_t first, last;
	int want;
} add_cases[] = {
	{ 0x1000, 0x1fff, 0 },
	{ 0x3000, 0x3fff, 0 },
	{ 0x1fff, 0x1fff, -EEXIST }, /* the last byte of one */
	{ 0x3000, 0x3000, -EEXIST }, /* the first byte of one */
	{ 0x0, 0xffff, -EEXIST },    /* around both */
	{ 0x2000, 0x1fff, -EINVAL },
	{ 0x2000, 0x2fff, 0 }, /* what is between */
	{ 0x0, 0x0, 0 },
	{ UINT64_MAX, UINT64_MAX, 0 }, /* the top is representable */
	{ 0x4000, UINT64_MAX, -EEXIST },
	{ 0x4000, UINT64_MAX - 1, 0 },
};

START_TEST(ranges_are_disjoint)
{
	struct moat_trap trap[ARRAY_SIZE(add_cases)];
	struct iobus bus;

	ck_assert_int_eq(iobus_init(&bus), 0);
	for (size_t i = 0; i < ARRAY_SIZE(add_cases); i++) {
		trap[i] =
			make_trap(add_cases[i].first, add_cases[i].last, i + 1);
		ck_assert_int_eq(iobus_add(&bus, &trap[i]), add_cases[i].want);
	}
	for (size_t i = 0; i < ARRAY_SIZE(add_cases); i++)
		if (add_cases[i].want == 0)
			ck_assert_uint_eq(
				iobus_read(&bus, add_cases[i].first, 1), i + 1);
	/* Taking one away makes room for exactly it. */
	iobus_remove(&bus, &trap[0]);
	ck_assert_uint_eq(iobus_read(&bus, 0x1000, 1), 0xff);
	ck_assert_uint_eq(iobus_read(&bus, 0x2000, 1), 7);
	ck_assert_int_eq(iobus_add(&bus, &trap[0]), 0);
	/* One that is not there is not found by its address. */
	iobus_remove(&bus, &trap[2]);
	ck_assert_uint_eq(iobus_read(&bus, 0x1fff, 1), 1);
	iobus_fini(&bus);
}
END_TEST

static const struct {
	uint64_t addr;
	unsigned int size;
	bool hit;
} access_cases[] = {
	{ 0x1000, 4, true },	  { 0x100c, 4, true },
	{ 0x1008, 8, true },	  { 0x100d, 4, false }, /* straddles the end */
	{ 0x0fff, 2, false },				/* and the beginning */
	{ 0x1010, 1, false },	  { 0x0fff, 1, false },
	{ UINT64_MAX, 1, false }, { UINT64_MAX - 3, 8, false }, /* would wrap */
	{ 0, 8, false },
};

START_TEST(accesses_reach_who_owns_all_of_them)
{
	struct moat_trap trap = make_trap(0x1000, 0x100f, 0);
	uint64_t ones;
	struct iobus bus;

	trap.opaque = (void *)UINTPTR_MAX;
	ck_assert_int_eq(iobus_init(&bus), 0);
	ck_assert_int_eq(iobus_add(&bus, &trap), 0);
	for (size_t i = 0; i < ARRAY_SIZE(access_cases); i++) {
		unsigned int size = access_cases[i].size;

		memset(&seen, 0, sizeof(seen));
		ones = size == 8 ? UINT64_MAX : (1ULL << (8 * size)) - 1;
		/* The handler's answer is cut to the access. */
		ck_assert_uint_eq(iobus_read(&bus, access_cases[i].addr, size),
				  ones);
		iobus_write(&bus, access_cases[i].addr, size, UINT64_MAX);
		ck_assert_uint_eq(seen.reads, access_cases[i].hit);
		ck_assert_uint_eq(seen.writes, access_cases[i].hit);
		if (!access_cases[i].hit)
			continue;
		ck_assert_uint_eq(seen.offset, access_cases[i].addr - 0x1000);
		ck_assert_uint_eq(seen.size, size);
		ck_assert_uint_eq(seen.value, ones);
	}
	iobus_fini(&bus);
}
END_TEST

/* A handler that moves itself, as a BAR write does. */
static struct iobus moving_bus;

static void write_moves(void *opaque, uint64_t offset, unsigned int size,
			uint64_t value)
{
	struct moat_trap *trap = opaque;

	(void)offset;
	(void)size;
	iobus_remove(&moving_bus, trap);
	trap->first = value;
	trap->last = value + 0xff;
	ck_assert_int_eq(iobus_add(&moving_bus, trap), 0);
}

START_TEST(a_handler_may_move_itself)
{
	struct moat_trap trap = make_trap(0x1000, 0x10ff, 5);

	trap.write = write_moves;
	trap.opaque = &trap;
	ck_assert_int_eq(iobus_init(&moving_bus), 0);
	ck_assert_int_eq(iobus_add(&moving_bus, &trap), 0);
	iobus_write(&moving_bus, 0x1000, 8, 0x9000);
	ck_assert_uint_eq(iobus_read(&moving_bus, 0x1000, 1), 0xff);
	memset(&seen, 0, sizeof(seen));
	(void)iobus_read(&moving_bus, 0x90ff, 1);
	ck_assert_uint_eq(seen.offset, 0xff);
	iobus_fini(&moving_bus);
}
END_TEST

#define N_READERS 3
#define N_MOVES	  300

/* Each trap answers with its own base, so a mix-up would be seen. */
static uint64_t read_base(void *opaque, uint64_t offset, unsigned int size)
{
	(void)size;
	return (uintptr_t)opaque + offset;
}

static atomic_bool readers_stop;
static atomic_uint reader_hits;

static void *reader(void *opaque)
{
	struct iobus *bus = opaque;
	uint64_t addr = 0x1000, value;

	while (!readers_stop) {
		addr = addr < 0x8000 ? addr + 0x10 : 0x1000;
		value = iobus_read(bus, addr, 4);
		if (value != addr && value != 0xffffffff)
			abort();
		if (value == addr)
			atomic_fetch_add(&reader_hits, 1);
	}
	return NULL;
}

START_TEST(traps_come_and_go_under_readers)
{
	pthread_t thread[N_READERS];
	struct moat_trap trap[8];
	struct iobus bus;

	readers_stop = false;
	reader_hits = 0;
	ck_assert_int_eq(iobus_init(&bus), 0);
	for (unsigned int i = 0; i < 8; i++) {
		trap[i] = make_trap(0x1000 * (i + 1), 0x1000 * (i + 1) + 0xfff,
				    0x1000 * (i + 1));
		trap[i].read = read_base;
	}
	for (unsigned int i = 0; i < N_READERS; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, reader, &bus),
				 0);
	for (unsigned int i = 0; i < N_MOVES || reader_hits == 0; i++) {
		ck_assert_int_eq(iobus_add(&bus, &trap[i % 8]), 0);
		if (i % 3 == 0)
			(void)sched_yield();
		iobus_remove(&bus, &trap[i % 8]);
	}
	readers_stop = true;
	for (unsigned int i = 0; i < N_READERS; i++)
		ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
	ck_assert_uint_eq(bus.n, 0);
	iobus_fini(&bus);
}
END_TEST

START_TEST(many_traps_stay_sorted)
{
	struct moat_trap trap[256];
	struct iobus bus;

	ck_assert_int_eq(iobus_init(&bus), 0);
	for (unsigned int i = 0; i < 256; i++) {
		/* 167 and 256 have no common factor: every place once. */
		unsigned int place = i * 167 % 256;

		trap[i] = make_trap(place * 16, place * 16 + 15, place);
		ck_assert_int_eq(iobus_add(&bus, &trap[i]), 0);
	}
	for (unsigned int place = 0; place < 256; place++)
		ck_assert_uint_eq(iobus_read(&bus, place * 16 + 15, 1), place);
	for (unsigned int i = 0; i < 256; i += 2)
		iobus_remove(&bus, &trap[i]);
	for (unsigned int i = 0; i < 256; i++)
		ck_assert_uint_eq(iobus_read(&bus, trap[i].first, 2),
				  i % 2 ? i * 167 % 256 : 0xffff);
	iobus_fini(&bus);
}
END_TEST

CHECK_MAIN("iobus", ranges_are_disjoint, accesses_reach_who_owns_all_of_them,
	   a_handler_may_move_itself, traps_come_and_go_under_readers,
	   many_traps_stay_sorted)
