// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ACPI power management in its smallest honest form, and the ways to reset.
 *
 * The machine is always in ACPI mode (no SMI command port), has one sleeping
 * state (S5, power-off) and no power button. What is here: the PM1 event and
 * control blocks, the PM timer, the reset control register at 0xcf9 and the
 * keyboard controller's reset pulse. There is no other keyboard controller:
 * port 0x64 reads all ones, as an empty bus does.
 *
 * TMR_STS is worked out when it is looked at, not by a host timer: an
 * operating system that asked for its interrupt would get it late. Linux
 * never asks (it reads the whole 32-bit counter instead).
 *
 * Locking: @lock guards the registers. The machine is asked for resets with
 * the lock dropped.
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <moat/log.h>

#include "vmm-glue/platform.h"
#include "vmm-glue/pm_regs.h"
#include "vmm-glue/port_bytes.h"

struct pm {
	pthread_mutex_t lock;
	struct platform_ops ops;
	struct iobus *pio;
	struct moat_trap block, i8042, reset_port;
	uint64_t tmr_seen; /* ticks when TMR_STS was last worked out */
	uint16_t sts, en, cnt;
	uint8_t rst_cnt;
	bool sci;
	struct moat_ratelimit sleep_rl;
};

/* 3.579545 MHz ticks of the host's clock; never wraps in 64 bits. */
static uint64_t ticks(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * PM_TMR_HZ +
	       (uint64_t)ts.tv_nsec * PM_TMR_HZ / 1000000000u;
}

/* The top bit of the 32-bit counter flips every 2^31 ticks (10 minutes). */
static void update_tmr_sts(struct pm *pm)
{
	uint64_t now = ticks();

	if (now >> 31 != pm->tmr_seen >> 31)
		pm->sts |= PM1_TMR_STS;
	pm->tmr_seen = now;
}

static void update_sci(struct pm *pm)
{
	bool sci = (pm->sts & pm->en) != 0;

	if (sci == pm->sci)
		return;
	pm->sci = sci;
	pm->ops.irq_line(pm->ops.opaque, LAYOUT_GSI_SCI, sci);
}

static uint8_t block_read_byte(void *opaque, uint64_t offset)
{
	const struct pm *pm = opaque;
	unsigned int shift = 8 * (offset & 1);

	switch (offset & ~UINT64_C(1)) {
	case PM1_STS:
		return (uint8_t)(pm->sts >> shift);
	case PM1_EN:
		return (uint8_t)(pm->en >> shift);
	case PM1_CNT:
		return (uint8_t)(pm->cnt >> shift);
	default:
		return 0;
	}
}

static uint64_t block_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct pm *pm = opaque;
	uint64_t value;

	/* One reading of the counter, however much of it is asked for. */
	if (offset >= PM_TMR && offset < PM_TMR + PM_TMR_LEN)
		return (uint32_t)ticks() >> (8 * (offset - PM_TMR));

	(void)pthread_mutex_lock(&pm->lock);
	update_tmr_sts(pm);
	value = port_bytes_read(pm, offset, size, block_read_byte);
	update_sci(pm);
	(void)pthread_mutex_unlock(&pm->lock);
	return value;
}

static void block_write_byte(void *opaque, uint64_t offset, uint8_t v)
{
	struct pm *pm = opaque;
	unsigned int shift = 8 * (offset & 1);
	uint16_t bits = (uint16_t)(v << shift);
	uint16_t keep = (uint16_t) ~(0xff << shift);

	switch (offset & ~UINT64_C(1)) {
	case PM1_STS: /* written ones clear */
		pm->sts &= (uint16_t)~bits;
		break;
	case PM1_EN:
		pm->en = ((pm->en & keep) | bits) & PM1_EN_WRITABLE;
		break;
	case PM1_CNT: /* SLP_EN is seen by block_write(), and reads 0 */
		pm->cnt = ((pm->cnt & keep) | bits) &
			  (PM1_BM_RLD | PM1_SLP_TYP | PM1_SLP_EN);
		pm->cnt |= PM1_SCI_EN;
		break;
	default:
		break;
	}
}

/* Called with the lock held. Return: the guest has asked for power-off. */
static bool take_sleep(struct pm *pm)
{
	unsigned int type = (pm->cnt & PM1_SLP_TYP) >> PM1_SLP_TYP_SHIFT;
	unsigned int missed;

	if (!(pm->cnt & PM1_SLP_EN))
		return false;
	pm->cnt &= (uint16_t)~PM1_SLP_EN;
	if (type == PM_SLP_TYP_S5)
		return true;
	if (moat_ratelimit_pass(&pm->sleep_rl, &missed))
		log_warn("the guest asks for sleep type %u, which this "
			 "machine does not have; ignored",
			 type);
	return false;
}

static void block_write(void *opaque, uint64_t offset, unsigned int size,
			uint64_t value)
{
	struct pm *pm = opaque;
	bool off;

	(void)pthread_mutex_lock(&pm->lock);
	update_tmr_sts(pm);
	port_bytes_write(pm, offset, size, value, block_write_byte);
	off = take_sleep(pm);
	update_sci(pm);
	(void)pthread_mutex_unlock(&pm->lock);
	if (off)
		pm->ops.request(pm->ops.opaque, MACHINE_POWEROFF);
}

static uint64_t reset_port_read(void *opaque, uint64_t offset,
				unsigned int size)
{
	struct pm *pm = opaque;
	uint8_t value;

	(void)offset;
	(void)size;
	(void)pthread_mutex_lock(&pm->lock);
	value = pm->rst_cnt;
	(void)pthread_mutex_unlock(&pm->lock);
	return value;
}

static void reset_port_write(void *opaque, uint64_t offset, unsigned int size,
			     uint64_t value)
{
	struct pm *pm = opaque;
	bool reset;

	(void)offset;
	(void)size;
	(void)pthread_mutex_lock(&pm->lock);
	reset = (value & RST_CPU) && !(pm->rst_cnt & RST_CPU);
	pm->rst_cnt = value & (RST_SYS | RST_CPU | RST_FULL);
	(void)pthread_mutex_unlock(&pm->lock);
	if (reset)
		pm->ops.request(pm->ops.opaque, MACHINE_RESET);
}

static uint64_t i8042_read(void *opaque, uint64_t offset, unsigned int size)
{
	(void)opaque;
	(void)offset;
	(void)size;
	return UINT64_MAX;
}

static void i8042_write(void *opaque, uint64_t offset, unsigned int size,
			uint64_t value)
{
	struct pm *pm = opaque;

	(void)offset;
	(void)size;
	if (value == I8042_PULSE_RESET)
		pm->ops.request(pm->ops.opaque, MACHINE_RESET);
}

void pm_reset(struct pm *pm)
{
	(void)pthread_mutex_lock(&pm->lock);
	pm->sts = 0;
	pm->en = 0;
	pm->cnt = PM1_SCI_EN;
	pm->rst_cnt = 0;
	pm->tmr_seen = ticks();
	update_sci(pm);
	(void)pthread_mutex_unlock(&pm->lock);
}

const struct moat_trap *pm_reset_port(const struct pm *pm)
{
	return &pm->reset_port;
}

static void fill_traps(struct pm *pm)
{
	pm->block = (struct moat_trap) {
		.space = MOAT_TRAP_PIO,
		.first = LAYOUT_PORT_PM,
		.last = LAYOUT_PORT_PM + PM_PORTS - 1,
		.read = block_read,
		.write = block_write,
		.opaque = pm,
	};
	pm->reset_port = (struct moat_trap) {
		.space = MOAT_TRAP_PIO,
		.first = LAYOUT_PORT_RESET,
		.last = LAYOUT_PORT_RESET,
		.read = reset_port_read,
		.write = reset_port_write,
		.opaque = pm,
	};
	pm->i8042 = (struct moat_trap) {
		.space = MOAT_TRAP_PIO,
		.first = I8042_COMMAND_PORT,
		.last = I8042_COMMAND_PORT,
		.read = i8042_read,
		.write = i8042_write,
		.opaque = pm,
	};
}

int pm_create(struct iobus *pio, const struct platform_ops *ops,
	      struct pm **ret_pm, struct moat_err *err)
{
	struct pm *pm;
	int r;

	pm = calloc(1, sizeof(*pm));
	if (!pm)
		return moat_fail(err, -ENOMEM, "power management: no memory");
	r = -pthread_mutex_init(&pm->lock, NULL);
	if (r < 0) {
		free(pm);
		return moat_fail(err, r, "power management: %s", strerror(-r));
	}
	pm->ops = *ops;
	pm->pio = pio;
	pm->sleep_rl = (struct moat_ratelimit)MOAT_RATELIMIT_INIT;
	fill_traps(pm);
	pm_reset(pm);

	r = iobus_add(pio, &pm->block);
	if (r < 0)
		goto free_pm;
	r = iobus_add(pio, &pm->i8042);
	if (r < 0)
		goto remove_block;
	*ret_pm = pm;
	return 0;
remove_block:
	iobus_remove(pio, &pm->block);
free_pm:
	(void)pthread_mutex_destroy(&pm->lock);
	free(pm);
	return moat_fail(err, r, "power management: its ports are taken: %s",
			 strerror(-r));
}

void pm_destroy(struct pm *pm)
{
	if (!pm)
		return;
	iobus_remove(pm->pio, &pm->i8042);
	iobus_remove(pm->pio, &pm->block);
	(void)pthread_mutex_destroy(&pm->lock);
	free(pm);
}
