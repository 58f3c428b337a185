// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The MC146818 clock and CMOS memory behind ports 0x70 (index) and 0x71.
 *
 * Time is the host's, UTC, plus an offset that arises when the guest sets
 * the clock. There are no interrupts: alarm registers hold what is written
 * and nothing more. UIP is shown for the last 244 us of each second, as on
 * the chip, and status A latches the time: what is read within half a second
 * after it belongs together, however late the vCPU runs.
 *
 * Vocabulary: the clock is "held" while SET (status B) is on; what the guest
 * writes then takes effect when SET goes off. Fields that a guest writes may
 * be any byte: timegm() carries what is too large.
 *
 * Locking: @lock guards all.
 * Source: Motorola MC146818A data sheet, "Address map" and "Registers".
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/util.h"
#include "vmm-glue/platform.h"
#include "vmm-glue/port_bytes.h"
#include "vmm-glue/rtc_regs.h"

#define NS_PER_S      INT64_C(1000000000)
#define UIP_NS	      INT64_C(244000) /* before the second's end */
#define LATCH_LIFE_NS (NS_PER_S / 2)

struct rtc {
	pthread_mutex_t lock;
	struct iobus *pio;
	struct moat_trap trap;
	uint8_t index;
	uint8_t cmos[RTC_CMOS_SIZE]; /* time fields and C, D unused */
	int64_t offset_s;	     /* guest's clock less the host's */
	int64_t latched_at_ns;	     /* CLOCK_MONOTONIC; 0: never */
	struct tm time;		     /* latched, or held */
};

static int64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	(void)clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static void latch(struct rtc *rtc)
{
	time_t now;

	if (rtc->cmos[RTC_B] & RTC_B_SET)
		return;
	now = (time_t)(clock_ns(CLOCK_REALTIME) / NS_PER_S + rtc->offset_s);
	(void)gmtime_r(&now, &rtc->time);
	rtc->latched_at_ns = clock_ns(CLOCK_MONOTONIC);
}

static void latch_if_old(struct rtc *rtc)
{
	int64_t now = clock_ns(CLOCK_MONOTONIC);

	if (!rtc->latched_at_ns || now - rtc->latched_at_ns > LATCH_LIFE_NS)
		latch(rtc);
}

/* The guest's clock becomes what @rtc->time says. */
static void set_time(struct rtc *rtc)
{
	int64_t host_s = clock_ns(CLOCK_REALTIME) / NS_PER_S;

	rtc->offset_s = (int64_t)timegm(&rtc->time) - host_s;
	rtc->latched_at_ns = 0;
}

static uint8_t encode(const struct rtc *rtc, int v)
{
	if (rtc->cmos[RTC_B] & RTC_B_BINARY)
		return (uint8_t)v;
	return (uint8_t)((v / 10) << 4 | v % 10);
}

static int decode(const struct rtc *rtc, uint8_t v)
{
	if (rtc->cmos[RTC_B] & RTC_B_BINARY)
		return v;
	return (v >> 4) * 10 + (v & 0xf);
}

static uint8_t encode_hour(const struct rtc *rtc)
{
	int hour = rtc->time.tm_hour;

	if (rtc->cmos[RTC_B] & RTC_B_24H)
		return encode(rtc, hour);
	return encode(rtc, hour % 12 ? hour % 12 : 12) |
	       (hour >= 12 ? RTC_HOUR_PM : 0);
}

static int decode_hour(const struct rtc *rtc, uint8_t v)
{
	if (rtc->cmos[RTC_B] & RTC_B_24H)
		return decode(rtc, v);
	return decode(rtc, v & (uint8_t)~RTC_HOUR_PM) % 12 +
	       (v & RTC_HOUR_PM ? 12 : 0);
}

/*
 * A guest can set the clock back past year 0, where C's remainders are
 * negative; the registers hold four digits.
 */
static int year_of(const struct tm *tm)
{
	int year = (tm->tm_year + 1900) % 10000;

	return year < 0 ? year + 10000 : year;
}

static uint8_t read_time(struct rtc *rtc, uint8_t index)
{
	const struct tm *tm = &rtc->time;
	int year;

	latch_if_old(rtc);
	year = year_of(tm);
	switch (index) {
	case RTC_SECONDS:
		return encode(rtc, tm->tm_sec % 60); /* no leap second */
	case RTC_MINUTES:
		return encode(rtc, tm->tm_min);
	case RTC_HOURS:
		return encode_hour(rtc);
	case RTC_WEEKDAY: /* Sunday is 1 */
		return encode(rtc, tm->tm_wday + 1);
	case RTC_DAY:
		return encode(rtc, tm->tm_mday);
	case RTC_MONTH:
		return encode(rtc, tm->tm_mon + 1);
	case RTC_YEAR:
		return encode(rtc, year % 100);
	default:
		return encode(rtc, year / 100);
	}
}

static void write_time(struct rtc *rtc, uint8_t index, uint8_t v)
{
	struct tm *tm = &rtc->time;
	int year;

	latch_if_old(rtc);
	year = year_of(tm);
	switch (index) {
	case RTC_SECONDS:
		tm->tm_sec = decode(rtc, v);
		break;
	case RTC_MINUTES:
		tm->tm_min = decode(rtc, v);
		break;
	case RTC_HOURS:
		tm->tm_hour = decode_hour(rtc, v);
		break;
	case RTC_DAY:
		tm->tm_mday = decode(rtc, v);
		break;
	case RTC_MONTH:
		tm->tm_mon = decode(rtc, v) - 1;
		break;
	case RTC_YEAR:
		tm->tm_year = year / 100 * 100 + decode(rtc, v) - 1900;
		break;
	case RTC_CENTURY:
		tm->tm_year = decode(rtc, v) * 100 + year % 100 - 1900;
		break;
	default: /* the weekday follows from the date */
		break;
	}
	if (!(rtc->cmos[RTC_B] & RTC_B_SET))
		set_time(rtc);
}

static bool is_time(uint8_t index)
{
	switch (index) {
	case RTC_SECONDS:
	case RTC_MINUTES:
	case RTC_HOURS:
	case RTC_WEEKDAY:
	case RTC_DAY:
	case RTC_MONTH:
	case RTC_YEAR:
	case RTC_CENTURY:
		return true;
	default:
		return false;
	}
}

static uint8_t read_status_a(struct rtc *rtc)
{
	uint8_t v = rtc->cmos[RTC_A];

	latch(rtc);
	if (!(rtc->cmos[RTC_B] & RTC_B_SET) &&
	    clock_ns(CLOCK_REALTIME) % NS_PER_S >= NS_PER_S - UIP_NS)
		v |= RTC_A_UIP;
	return v;
}

/* SET going on holds the clock, going off starts it from what it holds. */
static void write_status_b(struct rtc *rtc, uint8_t v)
{
	uint8_t old = rtc->cmos[RTC_B];

	if (!(old & RTC_B_SET) && (v & RTC_B_SET))
		latch(rtc);
	rtc->cmos[RTC_B] = v;
	if ((old & RTC_B_SET) && !(v & RTC_B_SET))
		set_time(rtc);
}

static uint8_t read_data(struct rtc *rtc)
{
	if (is_time(rtc->index))
		return read_time(rtc, rtc->index);
	switch (rtc->index) {
	case RTC_A:
		return read_status_a(rtc);
	case RTC_C: /* interrupt flags: none is ever raised */
		return 0;
	case RTC_D:
		return RTC_D_VALID;
	default:
		return rtc->cmos[rtc->index];
	}
}

static void write_data(struct rtc *rtc, uint8_t v)
{
	if (is_time(rtc->index)) {
		write_time(rtc, rtc->index, v);
		return;
	}
	switch (rtc->index) {
	case RTC_A:
		rtc->cmos[RTC_A] = v & (uint8_t)~RTC_A_UIP;
		break;
	case RTC_B:
		write_status_b(rtc, v);
		break;
	case RTC_C:
	case RTC_D:
		break;
	default:
		rtc->cmos[rtc->index] = v;
		break;
	}
}

static uint8_t port_read_byte(void *opaque, uint64_t offset)
{
	struct rtc *rtc = opaque;

	/* The index port is write-only. */
	return offset == 0 ? 0xff : read_data(rtc);
}

static void port_write_byte(void *opaque, uint64_t offset, uint8_t v)
{
	struct rtc *rtc = opaque;

	/* The index port's top bit masks NMIs, of which there are none. */
	if (offset == 0)
		rtc->index = v & (RTC_CMOS_SIZE - 1);
	else
		write_data(rtc, v);
}

static uint64_t port_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct rtc *rtc = opaque;
	uint64_t value;

	(void)pthread_mutex_lock(&rtc->lock);
	value = port_bytes_read(rtc, offset, size, port_read_byte);
	(void)pthread_mutex_unlock(&rtc->lock);
	return value;
}

static void port_write(void *opaque, uint64_t offset, unsigned int size,
		       uint64_t value)
{
	struct rtc *rtc = opaque;

	(void)pthread_mutex_lock(&rtc->lock);
	port_bytes_write(rtc, offset, size, value, port_write_byte);
	(void)pthread_mutex_unlock(&rtc->lock);
}

int rtc_create(struct iobus *pio, struct rtc **ret_rtc, struct moat_err *err)
{
	struct rtc *rtc;
	int r;

	rtc = calloc(1, sizeof(*rtc));
	if (!rtc)
		return moat_fail(err, -ENOMEM, "RTC: no memory");
	r = -pthread_mutex_init(&rtc->lock, NULL);
	if (r < 0) {
		free(rtc);
		return moat_fail(err, r, "RTC: %s", strerror(-r));
	}
	rtc->pio = pio;
	rtc->cmos[RTC_A] = RTC_A_32KHZ;
	rtc->cmos[RTC_B] = RTC_B_24H;
	rtc->trap = (struct moat_trap) {
		.space = MOAT_TRAP_PIO,
		.first = LAYOUT_PORT_RTC,
		.last = LAYOUT_PORT_RTC + 1,
		.read = port_read,
		.write = port_write,
		.opaque = rtc,
	};
	r = iobus_add(pio, &rtc->trap);
	if (r < 0)
		goto free_rtc;
	*ret_rtc = rtc;
	return 0;
free_rtc:
	(void)pthread_mutex_destroy(&rtc->lock);
	free(rtc);
	return moat_fail(err, r, "RTC: its ports are taken: %s", strerror(-r));
}

void rtc_destroy(struct rtc *rtc)
{
	if (!rtc)
		return;
	iobus_remove(rtc->pio, &rtc->trap);
	(void)pthread_mutex_destroy(&rtc->lock);
	free(rtc);
}
