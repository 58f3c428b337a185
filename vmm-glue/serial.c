// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A 16550A at COM1. What the guest sends is on the console at once: there is
 * no baud rate, so the transmitter is empty again when a write returns,
 * unless the console's reader is slow. Then up to 16 bytes wait here and
 * THRE stays off, which is how the guest knows to wait.
 *
 * Input comes from the console's thread, into the receive FIFO; what does
 * not fit stays with the console until the guest has read.
 *
 * The interrupt is a level here (line = something is pending and OUT2 lets
 * it through), though the I/O APIC takes COM1 as an edge: a guest's handler
 * reads IIR until nothing is pending, so a second cause while the line is up
 * needs no edge of its own.
 *
 * Locking: @lock guards the registers; console.h has the order.
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "vmm-glue/console.h"
#include "vmm-glue/platform.h"
#include "vmm-glue/port_bytes.h"
#include "vmm-glue/serial_regs.h"

struct fifo {
	uint8_t data[UART_FIFO];
	unsigned int head, n;
};

struct serial {
	pthread_mutex_t lock;
	struct iobus *pio;
	struct platform_ops ops;
	struct console *console;
	struct moat_trap trap;
	struct fifo rx, tx; /* tx: only what the console has not taken */
	uint8_t ier, fcr, lcr, mcr, scr;
	uint8_t oe;	   /* LSR_OE, until LSR is read */
	uint8_t msr_delta; /* low half of MSR, until it is read */
	uint16_t divisor;
	bool thre_pending; /* THRE interrupt: empty, and not yet told */
	bool line;
	bool had_byte;
};

static void fifo_push(struct fifo *fifo, uint8_t v)
{
	fifo->data[(fifo->head + fifo->n) % UART_FIFO] = v;
	fifo->n++;
}

static uint8_t fifo_pop(struct fifo *fifo)
{
	uint8_t v = fifo->data[fifo->head];

	fifo->head = (fifo->head + 1) % UART_FIFO;
	fifo->n--;
	return v;
}

/* How many bytes a FIFO holds: without FCR_ENABLE, one register. */
static unsigned int depth(const struct serial *s)
{
	return s->fcr & FCR_ENABLE ? UART_FIFO : 1;
}

static unsigned int rx_trigger(const struct serial *s)
{
	static const uint8_t trigger[] = { 1, 4, 8, 14 };

	if (!(s->fcr & FCR_ENABLE))
		return 1;
	return trigger[s->fcr >> FCR_TRIGGER_SHIFT];
}

static uint8_t modem_lines(const struct serial *s)
{
	uint8_t v = 0;

	/* A terminal is there and ready, always. */
	if (!(s->mcr & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	if (s->mcr & MCR_RTS)
		v |= MSR_CTS;
	if (s->mcr & MCR_DTR)
		v |= MSR_DSR;
	if (s->mcr & MCR_OUT1)
		v |= MSR_RI;
	if (s->mcr & MCR_OUT2)
		v |= MSR_DCD;
	return v;
}

/*
 * Below its trigger level the FIFO interrupts after four characters' time
 * without a new one; without a baud rate, that time is none.
 */
static uint8_t pending(const struct serial *s)
{
	if ((s->ier & IER_RLS) && s->oe)
		return IIR_RLS;
	if ((s->ier & IER_RDA) && s->rx.n)
		return s->rx.n >= rx_trigger(s) ? IIR_RDA : IIR_TIMEOUT;
	if ((s->ier & IER_THRE) && s->thre_pending)
		return IIR_THRE;
	if ((s->ier & IER_MS) && s->msr_delta)
		return IIR_MS;
	return IIR_NONE;
}

static void update_line(struct serial *s)
{
	/* In loopback OUT2's pin is off, whatever the bit says. */
	bool gate = (s->mcr & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2;
	bool line = gate && pending(s) != IIR_NONE;

	if (line == s->line)
		return;
	s->line = line;
	s->ops.irq_line(s->ops.opaque, LAYOUT_GSI_COM1, line);
}

static void receive_byte(struct serial *s, uint8_t v)
{
	if (s->rx.n < depth(s))
		fifo_push(&s->rx, v);
	else
		s->oe = LSR_OE;
}

static void transmit(struct serial *s, uint8_t v)
{
	if (s->mcr & MCR_LOOP) {
		receive_byte(s, v);
		s->thre_pending = true;
		return;
	}
	if (!s->had_byte) {
		s->had_byte = true;
		s->ops.first_serial_byte(s->ops.opaque);
	}
	if (s->tx.n == 0 && console_put(s->console, v)) {
		s->thre_pending = true;
		return;
	}
	s->thre_pending = false;
	if (s->tx.n < depth(s)) /* else the guest did not look at THRE */
		fifo_push(&s->tx, v);
}

/* Console thread: there is room for output again. */
static void drained(void *opaque)
{
	struct serial *s = opaque;

	(void)pthread_mutex_lock(&s->lock);
	while (s->tx.n && console_put(s->console, s->tx.data[s->tx.head])) {
		(void)fifo_pop(&s->tx);
		if (s->tx.n == 0)
			s->thre_pending = true;
	}
	update_line(s);
	(void)pthread_mutex_unlock(&s->lock);
}

/* Console thread: input. In loopback the line is cut, so nothing arrives. */
static size_t receive(void *opaque, const uint8_t *buf, size_t n)
{
	struct serial *s = opaque;
	size_t taken = 0;

	(void)pthread_mutex_lock(&s->lock);
	while (taken < n && s->rx.n < depth(s) && !(s->mcr & MCR_LOOP))
		fifo_push(&s->rx, buf[taken++]);
	update_line(s);
	(void)pthread_mutex_unlock(&s->lock);
	return taken;
}

static uint8_t read_data(struct serial *s)
{
	uint8_t v = 0;

	if (s->rx.n == 0)
		return 0;
	v = fifo_pop(&s->rx);
	if (s->rx.n == 0)
		console_resume(s->console);
	return v;
}

/* Reading IIR takes back a THRE interrupt, if that is what it told of. */
static uint8_t read_iir(struct serial *s)
{
	uint8_t id = pending(s);

	if (id == IIR_THRE)
		s->thre_pending = false;
	return id | (s->fcr & FCR_ENABLE ? IIR_FIFOS : 0);
}

static uint8_t read_lsr(struct serial *s)
{
	uint8_t v = s->oe;

	s->oe = 0;
	if (s->rx.n)
		v |= LSR_DR;
	if (s->tx.n == 0)
		v |= LSR_THRE | LSR_TEMT;
	return v;
}

static uint8_t read_msr(struct serial *s)
{
	uint8_t v = modem_lines(s) | s->msr_delta;

	s->msr_delta = 0;
	return v;
}

static uint8_t port_read_byte(void *opaque, uint64_t offset)
{
	struct serial *s = opaque;

	switch (offset) {
	case UART_DATA:
		return s->lcr & LCR_DLAB ? (uint8_t)s->divisor : read_data(s);
	case UART_IER:
		return s->lcr & LCR_DLAB ? (uint8_t)(s->divisor >> 8) : s->ier;
	case UART_IIR:
		return read_iir(s);
	case UART_LCR:
		return s->lcr;
	case UART_MCR:
		return s->mcr;
	case UART_LSR:
		return read_lsr(s);
	case UART_MSR:
		return read_msr(s);
	case UART_SCR:
		return s->scr;
	default:
		return 0xff;
	}
}

/* Turning THRE's interrupt on while the register is empty raises it. */
static void write_ier(struct serial *s, uint8_t v)
{
	bool thre_on = (v & IER_THRE) && !(s->ier & IER_THRE);

	s->ier = v & IER_ALL;
	if (thre_on && s->tx.n == 0)
		s->thre_pending = true;
}

/* Turning the FIFOs on or off empties both. */
static void write_fcr(struct serial *s, uint8_t v)
{
	bool toggled = (v ^ s->fcr) & FCR_ENABLE;
	bool on = v & FCR_ENABLE;

	if (toggled || (on && (v & FCR_CLEAR_RX))) {
		s->rx.n = 0;
		console_resume(s->console);
	}
	if ((toggled || (on && (v & FCR_CLEAR_TX))) && s->tx.n) {
		s->tx.n = 0;
		s->thre_pending = true;
	}
	/* The clear bits clear themselves; the others need ENABLE. */
	s->fcr = on ? v & (uint8_t) ~(FCR_CLEAR_RX | FCR_CLEAR_TX) : 0;
}

static void write_mcr(struct serial *s, uint8_t v)
{
	uint8_t old_lines = modem_lines(s);
	bool loop_off = (s->mcr & MCR_LOOP) && !(v & MCR_LOOP);
	uint8_t changed;

	s->mcr = v & MCR_ALL;
	changed = old_lines ^ modem_lines(s);
	/* The delta bits lie as their lines do, four below. */
	s->msr_delta |= (changed & (MSR_CTS | MSR_DSR | MSR_DCD)) >> 4;
	if ((changed & MSR_RI) && (old_lines & MSR_RI))
		s->msr_delta |= MSR_TERI;
	if (loop_off)
		console_resume(s->console);
}

static void port_write_byte(void *opaque, uint64_t offset, uint8_t v)
{
	struct serial *s = opaque;
	bool dlab = s->lcr & LCR_DLAB;

	switch (offset) {
	case UART_DATA:
		if (dlab)
			s->divisor = (uint16_t)((s->divisor & 0xff00) | v);
		else
			transmit(s, v);
		break;
	case UART_IER:
		if (dlab)
			s->divisor = (uint16_t)((s->divisor & 0xff) | v << 8);
		else
			write_ier(s, v);
		break;
	case UART_FCR:
		write_fcr(s, v);
		break;
	case UART_LCR:
		s->lcr = v;
		break;
	case UART_MCR:
		write_mcr(s, v);
		break;
	case UART_SCR:
		s->scr = v;
		break;
	default: /* LSR and MSR are read-only */
		break;
	}
}

static uint64_t port_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct serial *s = opaque;
	uint64_t value;

	(void)pthread_mutex_lock(&s->lock);
	value = port_bytes_read(s, offset, size, port_read_byte);
	update_line(s);
	(void)pthread_mutex_unlock(&s->lock);
	return value;
}

static void port_write(void *opaque, uint64_t offset, unsigned int size,
		       uint64_t value)
{
	struct serial *s = opaque;

	(void)pthread_mutex_lock(&s->lock);
	port_bytes_write(s, offset, size, value, port_write_byte);
	update_line(s);
	(void)pthread_mutex_unlock(&s->lock);
}

static const struct console_peer peer = {
	.receive = receive,
	.drained = drained,
};

void serial_reset(struct serial *serial)
{
	struct serial *s = serial;

	(void)pthread_mutex_lock(&s->lock);
	s->rx = s->tx = (struct fifo) { 0 };
	s->ier = s->fcr = s->lcr = s->mcr = s->scr = 0;
	s->oe = s->msr_delta = 0;
	s->divisor = 1;
	s->thre_pending = false;
	update_line(s);
	console_resume(s->console);
	(void)pthread_mutex_unlock(&s->lock);
}

int serial_create(struct iobus *pio, const struct platform_ops *ops,
		  struct console *console, struct serial **ret_serial,
		  struct moat_err *err)
{
	struct serial *s;
	int r;

	s = calloc(1, sizeof(*s));
	if (!s)
		return moat_fail(err, -ENOMEM, "serial port: no memory");
	r = -pthread_mutex_init(&s->lock, NULL);
	if (r < 0) {
		free(s);
		return moat_fail(err, r, "serial port: %s", strerror(-r));
	}
	s->pio = pio;
	s->ops = *ops;
	s->console = console;
	s->divisor = 1;
	s->trap = (struct moat_trap) {
		.space = MOAT_TRAP_PIO,
		.first = LAYOUT_PORT_COM1,
		.last = LAYOUT_PORT_COM1 + UART_PORTS - 1,
		.read = port_read,
		.write = port_write,
		.opaque = s,
	};
	r = iobus_add(pio, &s->trap);
	if (r < 0)
		goto free_serial;
	console_attach(console, &peer, s);
	*ret_serial = s;
	return 0;
free_serial:
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
	return moat_fail(err, r, "serial port: its ports are taken: %s",
			 strerror(-r));
}

void serial_destroy(struct serial *serial)
{
	if (!serial)
		return;
	iobus_remove(serial->pio, &serial->trap);
	console_attach(serial->console, NULL, NULL);
	(void)pthread_mutex_destroy(&serial->lock);
	free(serial);
}
