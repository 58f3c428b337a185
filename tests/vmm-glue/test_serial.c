// SPDX-License-Identifier: GPL-2.0-or-later
/* The 16550A against a console that the test plays: tests link their own. */
#include <errno.h>
#include <string.h>

#include "common/util.h"
#include "tests/check_main.h"
#include "tests/vmm-glue/fake_platform.h"
#include "vmm-glue/console.h"
#include "vmm-glue/serial_regs.h"

/* console.c's side, played here: this definition keeps console.o unlinked. */
struct console {
	const struct console_peer *peer;
	void *opaque;
	char out[256];
	size_t n, room;
	unsigned int resumes;
};

static struct console con;
static struct fake_platform fake;
static struct serial *serial;

void console_attach(struct console *c, const struct console_peer *peer,
		    void *opaque)
{
	c->peer = peer;
	c->opaque = opaque;
}

bool console_put(struct console *c, uint8_t byte)
{
	if (c->n == c->room)
		return false;
	c->out[c->n++] = (char)byte;
	return true;
}

void console_resume(struct console *c)
{
	c->resumes++;
}

static void setup(void)
{
	struct moat_err err;

	fake_platform_init(&fake);
	memset(&con, 0, sizeof(con));
	con.room = sizeof(con.out);
	ck_assert_int_eq(
		serial_create(&fake.pio, &fake.ops, &con, &serial, &err), 0);
	ck_assert_ptr_nonnull(con.peer);
}

static void teardown(void)
{
	serial_destroy(serial);
	ck_assert_ptr_null(con.peer);
	ck_assert_uint_eq(fake.pio.n, 0);
	iobus_fini(&fake.pio);
}

static uint8_t in(unsigned int reg)
{
	return (uint8_t)iobus_read(&fake.pio, 0x3f8 + reg, 1);
}

static void out(unsigned int reg, uint8_t v)
{
	iobus_write(&fake.pio, 0x3f8 + reg, 1, v);
}

static size_t input(const char *text)
{
	return con.peer->receive(con.opaque, (const uint8_t *)text,
				 strlen(text));
}

static int line(void)
{
	return fake.level[LAYOUT_GSI_COM1];
}

/* What a register reads after it was written; DLAB off. */
static const struct {
	unsigned int reg;
	uint8_t write, want;
} masks[] = {
	{ UART_IER, 0xff, 0x0f }, { UART_IER, 0x05, 0x05 },
	{ UART_LCR, 0x7f, 0x7f }, { UART_MCR, 0xff, 0x1f },
	{ UART_LSR, 0x00, 0x60 }, { UART_MSR, 0x00, 0xb0 },
	{ UART_SCR, 0xa5, 0xa5 }, { UART_FCR, 0x01, 0xc1 }, /* IIR */
	{ UART_FCR, 0x00, 0x01 }, { UART_FCR, 0xc6, 0x01 },
	{ UART_FCR, 0xc7, 0xc1 },
};

START_TEST(registers)
{
	for (size_t i = 0; i < ARRAY_SIZE(masks); i++) {
		setup();
		out(masks[i].reg, masks[i].write);
		ck_assert_msg(in(masks[i].reg) == masks[i].want,
			      "case %zu: %#x", i, in(masks[i].reg));
		teardown();
	}
}
END_TEST

START_TEST(divisor_latch)
{
	setup();
	out(UART_IER, 0x05);
	out(UART_LCR, LCR_DLAB | 3);
	out(0, 0x34);
	out(1, 0x12);
	ck_assert_uint_eq(in(0), 0x34);
	ck_assert_uint_eq(in(1), 0x12);
	out(UART_LCR, 3);
	ck_assert_uint_eq(in(UART_IER), 0x05);
	ck_assert_uint_eq(con.n, 0);
	teardown();
}
END_TEST

START_TEST(output_reaches_the_console)
{
	setup();
	for (const char *p = "hello\n"; *p; p++) {
		ck_assert_uint_eq(in(UART_LSR)&0x60, 0x60);
		out(UART_DATA, (uint8_t)*p);
	}
	ck_assert_uint_eq(con.n, 6);
	ck_assert_mem_eq(con.out, "hello\n", 6);
	ck_assert_int_eq(fake.first_bytes, 1);
	teardown();
}
END_TEST

START_TEST(slow_console_holds_the_transmitter)
{
	setup();
	out(UART_FCR, FCR_ENABLE);
	out(UART_MCR, MCR_OUT2);
	out(UART_IER, IER_THRE);
	ck_assert_uint_eq(in(UART_IIR)&0xf, IIR_THRE);
	con.room = 2;
	for (unsigned int i = 0; i < 20; i++)
		out(UART_DATA, (uint8_t)('a' + i));
	/* 2 are out, 16 wait, 2 were too many. */
	ck_assert_uint_eq(in(UART_LSR)&0x60, 0);
	ck_assert_int_eq(line(), 0);
	con.room = 10;
	con.peer->drained(con.opaque);
	ck_assert_uint_eq(in(UART_LSR)&0x60, 0);
	con.room = sizeof(con.out);
	con.peer->drained(con.opaque);
	ck_assert_uint_eq(in(UART_LSR)&0x60, 0x60);
	ck_assert_int_eq(line(), 1);
	ck_assert_uint_eq(con.n, 18);
	ck_assert_mem_eq(con.out, "abcdefghijklmnopqr", 18);
	teardown();
}
END_TEST

START_TEST(transmit_interrupt)
{
	setup();
	out(UART_MCR, MCR_OUT2);
	ck_assert_int_eq(line(), 0);
	out(UART_IER, IER_THRE);
	ck_assert_int_eq(line(), 1); /* empty when it is turned on */
	ck_assert_uint_eq(in(UART_IIR), IIR_THRE);
	ck_assert_int_eq(line(), 0); /* told */
	ck_assert_uint_eq(in(UART_IIR), IIR_NONE);
	out(UART_DATA, 'x');
	ck_assert_int_eq(line(), 1); /* empty again */
	out(UART_IER, 0);
	ck_assert_int_eq(line(), 0);
	out(UART_IER, IER_THRE);
	ck_assert_int_eq(line(), 1);
	teardown();
}
END_TEST

START_TEST(receive_and_hold_back)
{
	setup();
	ck_assert_uint_eq(input("ab"), 1); /* no FIFO: one register */
	ck_assert_uint_eq(in(UART_LSR), 0x61);
	ck_assert_uint_eq(input("b"), 0);
	con.resumes = 0;
	ck_assert_uint_eq(in(UART_DATA), 'a');
	ck_assert_uint_ge(con.resumes, 1);
	ck_assert_uint_eq(in(UART_LSR), 0x60);
	ck_assert_uint_eq(in(UART_DATA), 0);

	out(UART_FCR, FCR_ENABLE);
	ck_assert_uint_eq(input("0123456789abcdefXYZ"), 16);
	ck_assert_uint_eq(input("X"), 0);
	for (const char *p = "0123456789abcdef"; *p; p++)
		ck_assert_uint_eq(in(UART_DATA), (uint8_t)*p);
	ck_assert_uint_eq(in(UART_LSR)&LSR_OE, 0);
	/* FIFO wraps around. */
	ck_assert_uint_eq(input("klmnopqrst"), 10);
	ck_assert_uint_eq(in(UART_DATA), 'k');
	out(UART_FCR, FCR_ENABLE | FCR_CLEAR_RX);
	ck_assert_uint_eq(in(UART_LSR)&LSR_DR, 0);
	teardown();
}
END_TEST

static const struct {
	uint8_t fcr;
	const char *text;
	uint8_t iir;
} triggers[] = {
	{ 0x01, "a", IIR_RDA },
	{ 0x41, "abc", IIR_TIMEOUT },
	{ 0x41, "abcd", IIR_RDA },
	{ 0x81, "abcdefg", IIR_TIMEOUT },
	{ 0x81, "abcdefgh", IIR_RDA },
	{ 0xc1, "abcdefghijklm", IIR_TIMEOUT },
	{ 0xc1, "abcdefghijklmn", IIR_RDA },
};

START_TEST(receive_interrupt)
{
	for (size_t i = 0; i < ARRAY_SIZE(triggers); i++) {
		size_t n = strlen(triggers[i].text);

		setup();
		out(UART_FCR, triggers[i].fcr);
		out(UART_MCR, MCR_OUT2);
		ck_assert_uint_eq(input(triggers[i].text), n);
		ck_assert_int_eq(line(), 0); /* not enabled */
		out(UART_IER, IER_RDA);
		ck_assert_int_eq(line(), 1);
		ck_assert_msg(in(UART_IIR) == (IIR_FIFOS | triggers[i].iir),
			      "case %zu", i);
		while (n--) {
			ck_assert_int_eq(line(), 1);
			(void)in(UART_DATA);
		}
		ck_assert_int_eq(line(), 0);
		teardown();
	}
}
END_TEST

START_TEST(priorities)
{
	setup();
	out(UART_FCR, FCR_ENABLE);
	/* Everything at once, by way of loopback. */
	out(UART_MCR, MCR_LOOP);
	for (unsigned int i = 0; i < 17; i++)
		out(UART_DATA, 'x');
	out(UART_MCR, MCR_LOOP | MCR_RTS);
	out(UART_IER, IER_ALL);
	ck_assert_uint_eq(in(UART_IIR)&0xf, IIR_RLS);
	ck_assert_uint_eq(in(UART_LSR), 0x63);
	ck_assert_uint_eq(in(UART_IIR)&0xf, IIR_RDA);
	out(UART_FCR, FCR_ENABLE | FCR_CLEAR_RX);
	ck_assert_uint_eq(in(UART_IIR)&0xf, IIR_THRE);
	ck_assert_uint_eq(in(UART_IIR)&0xf, IIR_MS);
	(void)in(UART_MSR);
	ck_assert_uint_eq(in(UART_IIR)&0xf, IIR_NONE);
	ck_assert_int_eq(fake.raised[LAYOUT_GSI_COM1], 0); /* loopback */
	teardown();
}
END_TEST

static const struct {
	uint8_t mcr, msr;
} loops[] = {
	{ MCR_LOOP, 0 },
	{ MCR_LOOP | MCR_RTS | MCR_OUT2, MSR_CTS | MSR_DCD },
	{ MCR_LOOP | MCR_DTR, MSR_DSR },
	{ MCR_LOOP | MCR_OUT1, MSR_RI },
	{ MCR_DTR | MCR_RTS, MSR_CTS | MSR_DSR | MSR_DCD },
};

START_TEST(loopback_wires_modem_lines)
{
	for (size_t i = 0; i < ARRAY_SIZE(loops); i++) {
		setup();
		out(UART_MCR, loops[i].mcr);
		ck_assert_msg((in(UART_MSR)&0xf0) == loops[i].msr, "case %zu",
			      i);
		ck_assert_uint_eq(in(UART_MSR)&0x0f, 0); /* read: cleared */
		teardown();
	}
	/* Deltas: what has changed; RI only when it goes off. */
	setup();
	out(UART_MCR, MCR_LOOP | MCR_OUT1);
	ck_assert_uint_eq(in(UART_MSR),
			  MSR_RI | MSR_DCTS | MSR_DDSR | MSR_DDCD);
	out(UART_MCR, MCR_LOOP);
	ck_assert_uint_eq(in(UART_MSR), MSR_TERI);
	/* A byte that is sent comes back, and not to the console. */
	out(UART_DATA, 'q');
	ck_assert_uint_eq(in(UART_DATA), 'q');
	ck_assert_uint_eq(con.n, 0);
	ck_assert_uint_eq(input("z"), 0);
	teardown();
}
END_TEST

START_TEST(out2_gates_the_interrupt)
{
	setup();
	out(UART_IER, IER_THRE);
	ck_assert_int_eq(line(), 0);
	out(UART_MCR, MCR_OUT2);
	ck_assert_int_eq(line(), 1);
	serial_reset(serial);
	ck_assert_int_eq(line(), 0);
	ck_assert_uint_eq(in(UART_MCR), 0);
	teardown();
}
END_TEST

START_TEST(wide_accesses_are_bytes)
{
	setup();
	iobus_write(&fake.pio, 0x3f8 + UART_MSR, 2, 0x7700);
	ck_assert_uint_eq(in(UART_SCR), 0x77);
	ck_assert_uint_eq(iobus_read(&fake.pio, 0x3f8 + UART_LCR, 4),
			  0xb0600000);
	/* Past the end. */
	ck_assert_uint_eq(iobus_read(&fake.pio, 0x3f8 + UART_SCR, 2), 0xffff);
	teardown();
}
END_TEST

START_TEST(taken_ports_are_an_error)
{
	struct moat_trap trap = { .space = MOAT_TRAP_PIO,
				  .first = 0x3ff,
				  .last = 0x3ff };
	struct moat_err err;

	fake_platform_init(&fake);
	memset(&con, 0, sizeof(con));
	ck_assert_int_eq(iobus_add(&fake.pio, &trap), 0);
	ck_assert_int_eq(
		serial_create(&fake.pio, &fake.ops, &con, &serial, &err),
		-EEXIST);
	ck_assert_ptr_null(con.peer);
	iobus_fini(&fake.pio);
}
END_TEST

CHECK_MAIN("serial", registers, divisor_latch, output_reaches_the_console,
	   slow_console_holds_the_transmitter, transmit_interrupt,
	   receive_and_hold_back, receive_interrupt, priorities,
	   loopback_wires_modem_lines, out2_gates_the_interrupt,
	   wide_accesses_are_bytes, taken_ports_are_an_error)
