// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <time.h>

#include "common/util.h"
#include "tests/check_main.h"
#include "tests/vmm-glue/fake_platform.h"
#include "vmm-glue/rtc_regs.h"

static struct fake_platform fake;
static struct rtc *rtc;

static void setup(void)
{
	struct moat_err err;

	fake_platform_init(&fake);
	ck_assert_int_eq(rtc_create(&fake.pio, &rtc, &err), 0);
}

static void teardown(void)
{
	rtc_destroy(rtc);
	ck_assert_uint_eq(fake.pio.n, 0);
	iobus_fini(&fake.pio);
}

static uint8_t get(uint8_t index)
{
	iobus_write(&fake.pio, 0x70, 1, index);
	return (uint8_t)iobus_read(&fake.pio, 0x71, 1);
}

static void put(uint8_t index, uint8_t v)
{
	iobus_write(&fake.pio, 0x70, 1, index);
	iobus_write(&fake.pio, 0x71, 1, v);
}

static int from_bcd(uint8_t v)
{
	ck_assert_uint_le(v & 0xf, 9);
	return (v >> 4) * 10 + (v & 0xf);
}

/* As an operating system reads the clock: wait for UIP, then all fields. */
static time_t read_clock(void)
{
	struct tm tm = { 0 };

	while (get(RTC_A) & RTC_A_UIP)
		;
	tm.tm_sec = from_bcd(get(RTC_SECONDS));
	tm.tm_min = from_bcd(get(RTC_MINUTES));
	tm.tm_hour = from_bcd(get(RTC_HOURS));
	tm.tm_mday = from_bcd(get(RTC_DAY));
	tm.tm_mon = from_bcd(get(RTC_MONTH)) - 1;
	tm.tm_year = from_bcd(get(RTC_CENTURY)) * 100 +
		     from_bcd(get(RTC_YEAR)) - 1900;
	return timegm(&tm);
}

START_TEST(clock_is_the_hosts)
{
	time_t before, guest;

	setup();
	before = time(NULL);
	guest = read_clock();
	ck_assert_int_ge(guest, before);
	ck_assert_int_le(guest, time(NULL));
	ck_assert_int_eq(from_bcd(get(RTC_WEEKDAY)),
			 gmtime(&guest)->tm_wday + 1);
	teardown();
}
END_TEST

START_TEST(uip_is_off_but_for_an_instant)
{
	unsigned int on = 0;

	setup();
	/* 244 us in a second: these reads take far less than one. */
	for (unsigned int i = 0; i < 200; i++)
		on += get(RTC_A) == (RTC_A_UIP | RTC_A_32KHZ);
	ck_assert_uint_lt(on, 200);
	ck_assert_uint_eq(get(RTC_A) & 0x7f, RTC_A_32KHZ);
	teardown();
}
END_TEST

/* 2001-02-03 23:59:58, written under SET in each of the chip's formats. */
static const struct {
	uint8_t b;
	uint8_t sec, min, hour, day, month, year, century;
} formats[] = {
	{ RTC_B_24H, 0x58, 0x59, 0x23, 0x03, 0x02, 0x01, 0x20 },
	{ RTC_B_24H | RTC_B_BINARY, 58, 59, 23, 3, 2, 1, 20 },
	{ 0, 0x58, 0x59, 0x91, 0x03, 0x02, 0x01, 0x20 },
	{ RTC_B_BINARY, 58, 59, 0x80 | 11, 3, 2, 1, 20 },
};

START_TEST(guest_sets_the_clock)
{
	const time_t want = 981244798;

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		time_t guest;

		setup();
		put(RTC_B, formats[i].b | RTC_B_SET);
		put(RTC_SECONDS, formats[i].sec);
		put(RTC_MINUTES, formats[i].min);
		put(RTC_HOURS, formats[i].hour);
		put(RTC_DAY, formats[i].day);
		put(RTC_MONTH, formats[i].month);
		put(RTC_YEAR, formats[i].year);
		put(RTC_CENTURY, formats[i].century);
		/* Held, in the same format. */
		ck_assert_uint_eq(get(RTC_SECONDS), formats[i].sec);
		ck_assert_uint_eq(get(RTC_HOURS), formats[i].hour);
		put(RTC_B, RTC_B_24H);
		guest = read_clock();
		ck_assert_msg(guest >= want && guest <= want + 2,
			      "case %zu: %lld", i, (long long)guest);
		teardown();
	}
}
END_TEST

static const struct {
	int hour;
	uint8_t want;
} twelve_hours[] = {
	{ 0, 0x12 },  { 1, 0x01 },  { 11, 0x11 },
	{ 12, 0x92 }, { 13, 0x81 }, { 23, 0x91 },
};

START_TEST(twelve_hour_form)
{
	setup();
	for (size_t i = 0; i < ARRAY_SIZE(twelve_hours); i++) {
		put(RTC_B, RTC_B_SET | RTC_B_24H | RTC_B_BINARY);
		put(RTC_HOURS, (uint8_t)twelve_hours[i].hour);
		put(RTC_B, RTC_B_SET);
		ck_assert_uint_eq(get(RTC_HOURS), twelve_hours[i].want);
		put(RTC_HOURS, twelve_hours[i].want);
		put(RTC_B, RTC_B_SET | RTC_B_24H | RTC_B_BINARY);
		ck_assert_int_eq(get(RTC_HOURS), twelve_hours[i].hour);
	}
	teardown();
}
END_TEST

/* What a register reads after it was written. */
static const struct {
	uint8_t index, write, want;
} holds[] = {
	{ 0x01, 0x30, 0x30 }, /* alarms */
	{ 0x05, 0xc0, 0xc0 },	   { RTC_C, 0xff, 0 },
	{ RTC_D, 0, RTC_D_VALID }, { 0x0e, 0x55, 0x55 }, /* memory */
	{ 0x7f, 0xaa, 0xaa },	   { 0x8e, 0x11, 0x11 }, /* bit 7 masks NMIs */
};

START_TEST(registers_hold)
{
	setup();
	for (size_t i = 0; i < ARRAY_SIZE(holds); i++) {
		put(holds[i].index, holds[i].write);
		ck_assert_msg(get(holds[i].index) == holds[i].want, "case %zu",
			      i);
	}
	ck_assert_uint_eq(get(0x0e), 0x11);
	ck_assert_uint_eq(iobus_read(&fake.pio, 0x70, 1), 0xff);
	/* A word reaches both ports. */
	iobus_write(&fake.pio, 0x70, 2, 0x660f);
	ck_assert_uint_eq(get(0x0f), 0x66);
	teardown();
}
END_TEST

START_TEST(any_byte_anywhere_is_survived)
{
	setup();
	srandom(1);
	for (unsigned int i = 0; i < 100000; i++) {
		uint8_t index = (uint8_t)random();

		put(index, (uint8_t)random());
		(void)get((uint8_t)random());
	}
	teardown();
}
END_TEST

/* Month 0 is the December before: a year back each time. */
START_TEST(years_before_0_have_digits_too)
{
	setup();
	put(RTC_CENTURY, 0);
	put(RTC_YEAR, 0);
	for (unsigned int i = 0; i < 24; i++) {
		put(RTC_MONTH, 0);
		ck_assert_int_le(from_bcd(get(RTC_YEAR)), 99);
		ck_assert_int_le(from_bcd(get(RTC_CENTURY)), 99);
	}
	/* Which wrap, as those of a clock do. */
	ck_assert_int_eq(from_bcd(get(RTC_CENTURY)), 99);
	put(RTC_CENTURY, 0x20);
	put(RTC_YEAR, 0x26);
	ck_assert_int_eq(from_bcd(get(RTC_CENTURY)), 20);
	ck_assert_int_eq(from_bcd(get(RTC_YEAR)), 26);
	teardown();
}
END_TEST

CHECK_MAIN("rtc", clock_is_the_hosts, uip_is_off_but_for_an_instant,
	   guest_sets_the_clock, twelve_hour_form, registers_hold,
	   years_before_0_have_digits_too, any_byte_anywhere_is_survived)
