// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <time.h>

#include "common/util.h"
#include "tests/check_main.h"
#include "tests/vmm-glue/fake_platform.h"
#include "vmm-glue/pm_regs.h"

static struct fake_platform fake;
static struct pm *pm;

static void setup(void)
{
	struct moat_err err;

	fake_platform_init(&fake);
	ck_assert_int_eq(pm_create(&fake.pio, &fake.ops, &pm, &err), 0);
}

static void teardown(void)
{
	pm_destroy(pm);
	ck_assert_uint_eq(fake.pio.n, 0);
	iobus_fini(&fake.pio);
}

static uint64_t in(uint64_t offset, unsigned int size)
{
	return iobus_read(&fake.pio, LAYOUT_PORT_PM + offset, size);
}

static void out(uint64_t offset, unsigned int size, uint64_t value)
{
	iobus_write(&fake.pio, LAYOUT_PORT_PM + offset, size, value);
}

/* What a write leaves in a register, and whether it ends the machine. */
static const struct {
	uint64_t offset;
	unsigned int size;
	uint64_t value;
	uint64_t want; /* of the register written, read back */
	int poweroffs;
} writes[] = {
	{ PM1_CNT, 2, 0, 0x0001, 0 },		 /* SCI_EN stays */
	{ PM1_CNT, 2, 0x0002, 0x0003, 0 },	 /* BM_RLD holds */
	{ PM1_CNT, 2, 5 << 10, 5 << 10 | 1, 0 }, /* no SLP_EN yet */
	{ PM1_CNT, 2, 5 << 10 | 1 << 13, 5 << 10 | 1, 1 },
	{ PM1_CNT, 4, 5 << 10 | 1 << 13, 5 << 10 | 1, 1 },
	{ PM1_CNT, 2, 3 << 10 | 1 << 13, 3 << 10 | 1, 0 }, /* no such state */
	{ PM1_CNT, 2, 0 << 10 | 1 << 13, 1, 0 },
	{ PM1_CNT, 2, 0xffff, 7 << 10 | 3, 0 },
	{ PM1_EN, 2, 0xffff, 0x0421, 0 },
	{ PM1_EN, 1, 0x20, 0x20, 0 },
	{ PM1_EN + 1, 1, 0xff, 0x04, 0 }, /* no buttons */
	{ PM1_STS, 2, 0xffff, 0, 0 },
	{ PM1_STS, 4, 0xffffffff, 0x04210000, 0 },
	{ 0xc, 4, 0xffffffff, 0, 0 },
};

START_TEST(writes_take_effect)
{
	for (size_t i = 0; i < ARRAY_SIZE(writes); i++) {
		setup();
		out(writes[i].offset, writes[i].size, writes[i].value);
		ck_assert_msg(
			in(writes[i].offset, writes[i].size) == writes[i].want,
			"case %zu: %#lx", i,
			(unsigned long)in(writes[i].offset, writes[i].size));
		ck_assert_msg(fake.requests[MACHINE_POWEROFF] ==
				      writes[i].poweroffs,
			      "case %zu", i);
		ck_assert_int_eq(fake.requests[MACHINE_RESET], 0);
		teardown();
	}
}
END_TEST

START_TEST(sleep_type_and_enable_in_two_bytes)
{
	setup();
	out(PM1_CNT + 1, 1, (5 << 10 | 1 << 13) >> 8);
	ck_assert_int_eq(fake.requests[MACHINE_POWEROFF], 1);
	teardown();
}
END_TEST

/* 20 ms are about 71591 ticks; a scheduler may stretch them. */
START_TEST(timer_counts_at_its_rate)
{
	struct timespec wait = { .tv_nsec = 20000000 };
	struct timespec t0, t1;
	uint32_t a, b;
	double want;

	setup();
	(void)clock_gettime(CLOCK_MONOTONIC, &t0);
	a = (uint32_t)in(PM_TMR, 4);
	(void)nanosleep(&wait, NULL);
	b = (uint32_t)in(PM_TMR, 4);
	(void)clock_gettime(CLOCK_MONOTONIC, &t1);
	want = ((double)(t1.tv_sec - t0.tv_sec) +
		(double)(t1.tv_nsec - t0.tv_nsec) / 1e9) *
	       PM_TMR_HZ;
	ck_assert_uint_ge(b - a, 71590);
	ck_assert_double_le((double)(b - a), want + 2);
	/* Parts of it: the upper half changes 54 times a second. */
	ck_assert_uint_eq(in(PM_TMR + 3, 1) >> 8, 0);
	teardown();
}
END_TEST

static const struct {
	uint8_t value[3];
	unsigned int n;
	int resets;
	uint8_t reads;
} reset_port[] = {
	{ { 0x06 }, 1, 1, 0x06 },
	{ { 0x02, 0x06 }, 2, 1, 0x06 },
	{ { 0x0a, 0x0e }, 2, 1, 0x0e },
	{ { 0x02 }, 1, 0, 0x02 },
	{ { 0xff }, 1, 1, 0x0e },
	{ { 0x06, 0x06 }, 2, 1, 0x06 }, /* RST_CPU must rise */
	{ { 0x06, 0x02, 0x06 }, 3, 2, 0x06 },
};

START_TEST(reset_port_resets_on_rising_edge)
{
	for (size_t i = 0; i < ARRAY_SIZE(reset_port); i++) {
		const struct moat_trap *port;

		setup();
		port = pm_reset_port(pm);
		ck_assert_uint_eq(port->first, 0xcf9);
		ck_assert_uint_eq(port->last, 0xcf9);
		for (unsigned int k = 0; k < reset_port[i].n; k++)
			port->write(port->opaque, 0, 1, reset_port[i].value[k]);
		ck_assert_int_eq(fake.requests[MACHINE_RESET],
				 reset_port[i].resets);
		ck_assert_uint_eq(port->read(port->opaque, 0, 1),
				  reset_port[i].reads);
		teardown();
	}
}
END_TEST

START_TEST(keyboard_controller_only_resets)
{
	setup();
	ck_assert_uint_eq(iobus_read(&fake.pio, 0x64, 1), 0xff);
	ck_assert_uint_eq(iobus_read(&fake.pio, 0x60, 1), 0xff);
	for (unsigned int command = 0; command < 0xfe; command++)
		iobus_write(&fake.pio, 0x64, 1, command);
	iobus_write(&fake.pio, 0x64, 1, 0xff);
	ck_assert_int_eq(fake.requests[MACHINE_RESET], 0);
	iobus_write(&fake.pio, 0x64, 1, 0xfe);
	ck_assert_int_eq(fake.requests[MACHINE_RESET], 1);
	teardown();
}
END_TEST

START_TEST(reset_clears_registers)
{
	setup();
	out(PM1_EN, 2, 0x21);
	out(PM1_CNT, 2, 5 << 10 | 2);
	pm_reset_port(pm)->write(pm_reset_port(pm)->opaque, 0, 1, 2);
	pm_reset(pm);
	ck_assert_uint_eq(in(PM1_EN, 2), 0);
	ck_assert_uint_eq(in(PM1_CNT, 2), 1);
	ck_assert_uint_eq(
		pm_reset_port(pm)->read(pm_reset_port(pm)->opaque, 0, 1), 0);
	teardown();
}
END_TEST

START_TEST(taken_ports_are_an_error)
{
	static const uint64_t taken[] = { LAYOUT_PORT_PM + 3,
					  I8042_COMMAND_PORT };

	for (size_t i = 0; i < ARRAY_SIZE(taken); i++) {
		struct moat_trap trap = { .space = MOAT_TRAP_PIO,
					  .first = taken[i],
					  .last = taken[i] };
		struct moat_err err;

		fake_platform_init(&fake);
		ck_assert_int_eq(iobus_add(&fake.pio, &trap), 0);
		ck_assert_int_eq(pm_create(&fake.pio, &fake.ops, &pm, &err),
				 -EEXIST);
		ck_assert_uint_eq(fake.pio.n, 1);
		iobus_fini(&fake.pio);
	}
}
END_TEST

CHECK_MAIN("pm", writes_take_effect, sleep_type_and_enable_in_two_bytes,
	   timer_counts_at_its_rate, reset_port_resets_on_rising_edge,
	   keyboard_controller_only_resets, reset_clears_registers,
	   taken_ports_are_an_error)
