/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine's few emulated devices: 16550 serial port on a console, RTC,
 * ACPI power management with PM timer, reset port; and the ACPI tables that
 * describe the whole. Each registers its traps on the port bus.
 */
#ifndef MOAT_VMM_PLATFORM_H
#define MOAT_VMM_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <moat/err.h>

#include "vmm-glue/iobus.h"
#include "vmm-glue/layout.h"

struct moat_placement;

/* What a device asks of the machine; callable from any vCPU thread. */
enum machine_request {
	MACHINE_POWEROFF,
	MACHINE_RESET,
	MACHINE_QUIT, /* Ctrl-A X, SIGTERM: at once */
};

struct platform_ops {
	void (*request)(void *opaque, enum machine_request request);
	void (*irq_line)(void *opaque, unsigned int gsi, int level);
	void (*first_serial_byte)(void *opaque); /* once, for -timeline */
	void *opaque;
};

/*
 * console.c: the host's end of the serial port: "stdio" (raw mode when it is
 * a terminal, Ctrl-A X quits, Ctrl-A Ctrl-A sends one), "file:PATH", "pty"
 * (its name is logged). A thread reads; the terminal is restored at close
 * and on every exit path, fatal signals too.
 */
struct console;
int console_open(const char *spec, const struct platform_ops *ops,
		 struct console **ret_console, struct moat_err *err);
void console_close(struct console *console);

/* serial.c: 16550A at COM1, GSI 4. Destroyed before its console closes. */
struct serial;
int serial_create(struct iobus *pio, const struct platform_ops *ops,
		  struct console *console, struct serial **ret_serial,
		  struct moat_err *err);
void serial_reset(struct serial *serial);
void serial_destroy(struct serial *serial);

/* rtc.c: MC146818 clock and CMOS at 0x70, read from the host's clock, UTC. */
struct rtc;
int rtc_create(struct iobus *pio, struct rtc **ret_rtc, struct moat_err *err);
void rtc_destroy(struct rtc *rtc);

/*
 * pm.c: ACPI PM1 event/control blocks (S5 is power-off), PM timer at
 * LAYOUT_PORT_PM; reset by port 0xcf9 and by the keyboard controller's
 * 0x64 pulse. Registers no trap for 0xcf9: pci_host.h says why.
 */
struct pm;
int pm_create(struct iobus *pio, const struct platform_ops *ops,
	      struct pm **ret_pm, struct moat_err *err);
void pm_reset(struct pm *pm);

/** pm_reset_port() - port 0xcf9, for pci_host_set_reset_port() */
const struct moat_trap *pm_reset_port(const struct pm *pm);
void pm_destroy(struct pm *pm);

/* Something is plugged in here; each @dev once. */
struct acpi_slot {
	uint8_t dev;  /* device number on bus 0 */
	bool is_port; /* a root port, with the device behind it */
	int node;     /* of the placement; -1: not known */
};

struct acpi_config {
	const struct layout *layout;
	unsigned int n_vcpus; /* APIC ids are 0 to n - 1; at most 255 */
	const struct moat_placement *placement; /* NULL: tell of no nodes */
	const struct ram_piece *piece;		/* where its RAM is */
	size_t n_pieces; /* 0: not known, tell of no nodes */
	const struct acpi_slot *slot;
	size_t n_slots;
};

/**
 * acpi_build() - write RSDP, XSDT, FADT, FACS, MADT, MCFG, DSDT, SSDT into
 * guest RAM at LAYOUT_ACPI; and SRAT and SLIT, when there are nodes
 * @ram:  host address of guest-physical 0, at least 1 MiB
 */
int acpi_build(const struct acpi_config *config, uint8_t *ram,
	       struct moat_err *err);

#endif /* MOAT_VMM_PLATFORM_H */
