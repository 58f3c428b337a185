// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A hostile guest on the machine's own ports: serial port, RTC and CMOS,
 * power management, keyboard controller, reset; with input arriving at the
 * serial port and its output stalling.
 */
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tests/vmm-glue/fake_platform.h"
#include "vmm-glue/console.h"

#define STEPS_MAX 1000

/* console.c's side, played here: this definition keeps console.o unlinked. */
struct console {
	const struct console_peer *peer;
	void *opaque;
	unsigned int room;
	bool stalled;
};

static struct console con;
static struct fake_platform fake;
static struct serial *serial;
static struct rtc *rtc;
static struct pm *pm;

void console_attach(struct console *c, const struct console_peer *peer,
		    void *opaque)
{
	c->peer = peer;
	c->opaque = opaque;
}

bool console_put(struct console *c, uint8_t byte)
{
	(void)byte;
	if (c->room == 0) {
		c->stalled = true;
		return false;
	}
	c->room--;
	return true;
}

void console_resume(struct console *c)
{
	(void)c;
}

static void drain(unsigned int room)
{
	con.room = room;
	if (!con.stalled || room == 0)
		return;
	con.stalled = false;
	con.peer->drained(con.opaque);
}

static void receive(struct fuzz_input *in)
{
	uint8_t buf[32];
	size_t n = fuzz_bytes(in, buf, fuzz_number(in, 1) % sizeof(buf));

	if (n)
		fuzz_check(con.peer->receive(con.opaque, buf, n) <= n);
}

static void port(struct fuzz_input *in, uint16_t first, uint16_t n)
{
	unsigned int b = (unsigned int)fuzz_number(in, 1);
	uint16_t at = (uint16_t)(first + (b & 0x3f) % n);
	unsigned int size = 1u << (b >> 6) % 3;

	iobus_write(&fake.pio, at, size, fuzz_number(in, size));
	(void)iobus_read(&fake.pio, at, size);
}

static void step(struct fuzz_input *in)
{
	unsigned int op = (unsigned int)fuzz_number(in, 1);

	switch (op & 7) {
	case 0:
	case 1:
		port(in, LAYOUT_PORT_COM1, 8);
		break;
	case 2:
		port(in, LAYOUT_PORT_RTC, 8);
		break;
	case 3:
		port(in, LAYOUT_PORT_PM, 16);
		break;
	case 4:
		port(in, 0x60, 8); /* keyboard controller, port 0x61 */
		break;
	case 5:
		receive(in);
		break;
	case 6:
		drain(op >> 3);
		break;
	case 7:
		if (op & 8)
			serial_reset(serial);
		if (op & 16)
			pm_reset(pm);
		if (op & 32)
			pm_reset_port(pm)->write(pm_reset_port(pm)->opaque, 0,
						 1, fuzz_number(in, 1));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };

	fuzz_quiet();
	fake_platform_init(&fake);
	memset(&con, 0, sizeof(con));
	con.room = 4;
	fuzz_check(serial_create(&fake.pio, &fake.ops, &con, &serial, NULL) ==
		   0);
	fuzz_check(rtc_create(&fake.pio, &rtc, NULL) == 0);
	fuzz_check(pm_create(&fake.pio, &fake.ops, &pm, NULL) == 0);
	for (unsigned int n = 0; in.left && n < STEPS_MAX; n++)
		step(&in);
	fuzz_check(fake.requests[MACHINE_QUIT] == 0); /* the user's alone */
	pm_destroy(pm);
	rtc_destroy(rtc);
	serial_destroy(serial);
	fuzz_check(!con.peer && fake.pio.n == 0);
	iobus_fini(&fake.pio);
	return 0;
}
