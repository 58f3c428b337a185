// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A root port is registers that hold what the guest writes, and three that
 * do something: the bus numbers route config accesses; Secondary Bus Reset
 * (bridge control) and Link Disable (link control) take the link down, which
 * resets what is behind.
 *
 * Invariant: @routing is what the registers say, in one word, so that
 * dispatch needs no lock.
 *
 * Locking: @lock guards the registers. The functions behind are reset with it
 * dropped, since that takes long and they guard themselves.
 * Source: PCI-to-PCI Bridge 1.2 section 3.2; PCI Express Base 4.0 section
 * 7.5.3 "PCI Express Capability Structure" and 7.5.2 "PCI Power Management
 * Capability Structure", which every PCI Express function has.
 */
#include <stdlib.h>

#include <linux/pci_regs.h>

#include <moat/log.h>

#include "common/util.h"
#include "vmm-glue/root_port.h"

/* Where the capabilities are: PCI Express, power management. */
#define EXP 0x40
#define PM  0x80

/* linux/pci_regs.h names these only in part. */
#define COMMAND_WRITABLE                                            \
	(PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | \
	 PCI_COMMAND_PARITY | PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE)
#define CONTROL_WRITABLE                                                    \
	(PCI_BRIDGE_CTL_PARITY | PCI_BRIDGE_CTL_SERR | PCI_BRIDGE_CTL_ISA | \
	 PCI_BRIDGE_CTL_VGA | 0x10 /* VGA 16-bit decode */ |                \
	 PCI_BRIDGE_CTL_BUS_RESET)
#define LNKCTL_WRITABLE                                                  \
	(PCI_EXP_LNKCTL_ASPMC | PCI_EXP_LNKCTL_LD | PCI_EXP_LNKCTL_CCC | \
	 PCI_EXP_LNKCTL_ES)
#define DEVCTL_RESET                                           \
	(PCI_EXP_DEVCTL_RELAX_EN | PCI_EXP_DEVCTL_NOSNOOP_EN | \
	 PCI_EXP_DEVCTL_READRQ_512B)
#define DEVCTL_WRITABLE                                        \
	(0xf /* error reporting */ | PCI_EXP_DEVCTL_RELAX_EN | \
	 PCI_EXP_DEVCTL_PAYLOAD | PCI_EXP_DEVCTL_NOSNOOP_EN |  \
	 PCI_EXP_DEVCTL_READRQ)

/*
 * No interrupt (pin 0, no MSI): there is no event to tell of. The bases and
 * limits start out as a window that is closed, not as the zeros that would
 * open one at address 0.
 */
static const struct config_reg regs[] = {
	{ PCI_VENDOR_ID, 2, PCI_HOST_VENDOR, 0 },
	{ PCI_DEVICE_ID, 2, PCI_ROOT_PORT_DEVICE, 0 },
	{ PCI_COMMAND, 2, 0, COMMAND_WRITABLE },
	{ PCI_STATUS, 2, PCI_STATUS_CAP_LIST, 0 },
	{ PCI_CLASS_REVISION, 4, 0x06040000, 0 }, /* PCI-to-PCI bridge */
	{ PCI_CACHE_LINE_SIZE, 1, 0, 0xff },
	{ PCI_HEADER_TYPE, 1, PCI_HEADER_TYPE_BRIDGE, 0 },
	{ PCI_PRIMARY_BUS, 1, 0, 0xff },
	{ PCI_SECONDARY_BUS, 1, 0, 0xff },
	{ PCI_SUBORDINATE_BUS, 1, 0, 0xff },
	{ PCI_IO_BASE, 1, 0xf0, 0xf0 }, /* 16-bit decoding */
	{ PCI_IO_LIMIT, 1, 0, 0xf0 },
	{ PCI_MEMORY_BASE, 2, 0xfff0, 0xfff0 },
	{ PCI_MEMORY_LIMIT, 2, 0, 0xfff0 },
	{ PCI_PREF_MEMORY_BASE, 2, 0xfff0 | PCI_PREF_RANGE_TYPE_64, 0xfff0 },
	{ PCI_PREF_MEMORY_LIMIT, 2, PCI_PREF_RANGE_TYPE_64, 0xfff0 },
	{ PCI_PREF_BASE_UPPER32, 4, UINT32_MAX, UINT32_MAX },
	{ PCI_PREF_LIMIT_UPPER32, 4, 0, UINT32_MAX },
	{ PCI_CAPABILITY_LIST, 1, EXP, 0 },
	{ PCI_INTERRUPT_LINE, 1, 0, 0xff },
	{ PCI_BRIDGE_CONTROL, 2, 0, CONTROL_WRITABLE },

	{ EXP + PCI_CAP_LIST_ID, 1, PCI_CAP_ID_EXP, 0 },
	{ EXP + PCI_CAP_LIST_NEXT, 1, PM, 0 },
	{ EXP + PCI_EXP_FLAGS, 2, 2 | PCI_EXP_TYPE_ROOT_PORT << 4, 0 },
	{ EXP + PCI_EXP_DEVCAP, 4, PCI_EXP_DEVCAP_RBER, 0 },
	{ EXP + PCI_EXP_DEVCTL, 2, DEVCTL_RESET, DEVCTL_WRITABLE },
	{ EXP + PCI_EXP_LNKCAP, 4,
	  PCI_EXP_LNKCAP_SLS_2_5GB | 1 << 4 /* x1 */ | PCI_EXP_LNKCAP_DLLLARC,
	  0 },
	{ EXP + PCI_EXP_LNKCTL, 2, 0, LNKCTL_WRITABLE },
	{ EXP + PCI_EXP_LNKSTA, 2,
	  PCI_EXP_LNKSTA_CLS_2_5GB | PCI_EXP_LNKSTA_NLW_X1 |
		  PCI_EXP_LNKSTA_DLLLA,
	  0 },
	{ EXP + PCI_EXP_RTCTL, 2, 0, 0xf /* errors, PME */ },
	{ EXP + PCI_EXP_LNKCAP2, 4, PCI_EXP_LNKCAP2_SLS_2_5GB, 0 },
	{ EXP + PCI_EXP_LNKCTL2, 2, PCI_EXP_LNKCTL2_TLS_2_5GT, 0 },

	/* Version 3; D0 and D3 only, no PME, no reset on the way back. */
	{ PM + PCI_CAP_LIST_ID, 1, PCI_CAP_ID_PM, 0 },
	{ PM + PCI_PM_PMC, 2, 3, 0 },
	{ PM + PCI_PM_CTRL, 2, PCI_PM_CTRL_NO_SOFT_RESET,
	  PCI_PM_CTRL_STATE_MASK },
};

#define ROUTING_LINK_UP (1u << 16) /* above subordinate and secondary */

struct root_port {
	pthread_mutex_t lock;
	uint8_t number;
	struct config_space cs;
	const struct pci_function *behind; /* PCI_FUNCTIONS of them */
	atomic_uint routing;
	struct moat_ratelimit reset_rl;
};

static bool link_down(const struct root_port *port)
{
	uint32_t control = config_space_read(&port->cs, PCI_BRIDGE_CONTROL, 2);
	uint32_t link = config_space_read(&port->cs, EXP + PCI_EXP_LNKCTL, 2);

	return (control & PCI_BRIDGE_CTL_BUS_RESET) ||
	       (link & PCI_EXP_LNKCTL_LD);
}

/* With the lock held: bring @routing and the link status up to date. */
static void update_routing(struct root_port *port)
{
	bool up = !link_down(port);
	uint32_t status = config_space_read(&port->cs, EXP + PCI_EXP_LNKSTA, 2);
	uint32_t routing;

	status &= ~(uint32_t)PCI_EXP_LNKSTA_DLLLA;
	config_space_set(&port->cs, EXP + PCI_EXP_LNKSTA, 2,
			 up ? status | PCI_EXP_LNKSTA_DLLLA : status);
	routing = config_space_read(&port->cs, PCI_SECONDARY_BUS, 1) |
		  config_space_read(&port->cs, PCI_SUBORDINATE_BUS, 1) << 8;
	atomic_store(&port->routing, up ? routing | ROUTING_LINK_UP : routing);
}

bool root_port_routes(const struct root_port *port, uint8_t bus)
{
	uint32_t routing = atomic_load(&port->routing);
	uint8_t secondary = (uint8_t)routing;
	uint8_t subordinate = (uint8_t)(routing >> 8);

	/* Only one bus lies behind: the others of the range are empty. */
	return (routing & ROUTING_LINK_UP) && bus == secondary &&
	       secondary != 0 && secondary <= subordinate;
}

uint32_t root_port_config_read(struct root_port *port, uint16_t offset,
			       unsigned int size)
{
	uint32_t value;

	(void)pthread_mutex_lock(&port->lock);
	value = config_space_read(&port->cs, offset, size);
	(void)pthread_mutex_unlock(&port->lock);
	return value;
}

static void reset_behind(struct root_port *port)
{
	struct moat_err err;
	unsigned int missed;
	bool pass;

	if (pci_functions_reset(port->behind, PCI_FUNCTIONS, &err) == 0)
		return;
	(void)pthread_mutex_lock(&port->lock);
	pass = moat_ratelimit_pass(&port->reset_rl, &missed);
	(void)pthread_mutex_unlock(&port->lock);
	if (pass)
		log_warn("the guest resets the bus behind 00:%02x.0: %s",
			 port->number, err.msg);
}

/* With the lock held. A state that there is not is not taken. */
static void keep_power_state(struct root_port *port, uint32_t old)
{
	uint32_t now = config_space_read(&port->cs, PM + PCI_PM_CTRL, 2);
	uint32_t state = now & PCI_PM_CTRL_STATE_MASK;

	if (state == 1 || state == 2) /* D1, D2 */
		config_space_set(&port->cs, PM + PCI_PM_CTRL, 2, old);
}

void root_port_config_write(struct root_port *port, uint16_t offset,
			    unsigned int size, uint32_t value)
{
	bool was_down, is_down;
	uint32_t power;

	(void)pthread_mutex_lock(&port->lock);
	was_down = link_down(port);
	power = config_space_read(&port->cs, PM + PCI_PM_CTRL, 2);
	config_space_write(&port->cs, offset, size, value);
	keep_power_state(port, power);
	is_down = link_down(port);
	update_routing(port);
	(void)pthread_mutex_unlock(&port->lock);
	if (is_down && !was_down)
		reset_behind(port);
}

static uint32_t read_behind(const struct pci_function *fn, unsigned int offset,
			    unsigned int size)
{
	return fn->ops->config_read(fn->opaque, (uint16_t)offset, size);
}

/* Return: where the function's PCI Express capability is; 0: it has none. */
static unsigned int find_exp(const struct pci_function *fn)
{
	unsigned int at = PCI_CAPABILITY_LIST;

	if (!fn->ops || !(read_behind(fn, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST))
		return 0;
	/* As many as there is room for: the list may be a circle. */
	for (unsigned int i = 0; i < (256 - PCI_STD_HEADER_SIZEOF) / 4; i++) {
		at = read_behind(fn, at, 1) & ~3u;
		if (at < PCI_STD_HEADER_SIZEOF)
			return 0;
		if (read_behind(fn, at, 1) == PCI_CAP_ID_EXP)
			return at;
		at += PCI_CAP_LIST_NEXT;
	}
	return 0;
}

/*
 * A link has two ends: the port shows what the function shows, or drivers
 * would see the port's 2.5 GT/s, x1, as what holds their device up. A virtual
 * function has zeros there, and keeps it.
 */
static void copy_link(struct root_port *port, uint32_t cap, uint32_t status)
{
	const uint32_t both = PCI_EXP_LNKCAP_SLS | PCI_EXP_LNKCAP_MLW;
	uint32_t speed = cap & PCI_EXP_LNKCAP_SLS;
	uint32_t own;

	/* The fields lie alike in capabilities and status. */
	cap &= both;
	status &= both;
	if (!speed || speed > 7 || !(status & PCI_EXP_LNKCAP_SLS) ||
	    !(status & PCI_EXP_LNKCAP_MLW))
		return;
	own = config_space_read(&port->cs, EXP + PCI_EXP_LNKCAP, 4);
	config_space_set(&port->cs, EXP + PCI_EXP_LNKCAP, 4,
			 (own & ~both) | cap);
	own = config_space_read(&port->cs, EXP + PCI_EXP_LNKSTA, 2);
	config_space_set(&port->cs, EXP + PCI_EXP_LNKSTA, 2,
			 (own & ~both) | status);
	/* Bit n: speed n; all up to the fastest. */
	config_space_set(&port->cs, EXP + PCI_EXP_LNKCAP2, 4,
			 (2u << speed) - 2);
	config_space_set(&port->cs, EXP + PCI_EXP_LNKCTL2, 2, speed);
}

/*
 * The port takes packets as large as the function's and is set as the
 * function is: an operating system lowers the function's to the port's.
 */
static void copy_payload(struct root_port *port, uint32_t cap, uint32_t control)
{
	uint32_t own = config_space_read(&port->cs, EXP + PCI_EXP_DEVCAP, 4);
	uint32_t most = cap & PCI_EXP_DEVCAP_PAYLOAD;
	uint32_t payload = (control & PCI_EXP_DEVCTL_PAYLOAD) >> 5;

	if (most > 5) /* 4 KiB; the rest is reserved */
		return;
	config_space_set(&port->cs, EXP + PCI_EXP_DEVCAP, 4,
			 (own & ~(uint32_t)PCI_EXP_DEVCAP_PAYLOAD) | most);
	own = config_space_read(&port->cs, EXP + PCI_EXP_DEVCTL, 2);
	config_space_set(&port->cs, EXP + PCI_EXP_DEVCTL, 2,
			 (own & ~(uint32_t)PCI_EXP_DEVCTL_PAYLOAD) |
				 (payload < most ? payload : most) << 5);
}

/* The device's end of the link. */
struct far_end {
	uint32_t devcap, devctl, lnkcap, lnksta;
};

/* Function 0 speaks for all, but for the payload that each can take. */
static struct far_end far_end_read(const struct root_port *port)
{
	struct far_end end = { 0 };

	for (unsigned int i = 0; i < PCI_FUNCTIONS; i++) {
		const struct pci_function *fn = &port->behind[i];
		unsigned int exp = find_exp(fn);
		uint32_t devcap;

		if (!exp)
			continue;
		devcap = read_behind(fn, exp + PCI_EXP_DEVCAP, 4) &
			 PCI_EXP_DEVCAP_PAYLOAD;
		if (i == 0 || devcap < end.devcap)
			end.devcap = devcap;
		if (i > 0)
			continue;
		end.devctl = read_behind(fn, exp + PCI_EXP_DEVCTL, 2);
		end.lnkcap = read_behind(fn, exp + PCI_EXP_LNKCAP, 4);
		end.lnksta = read_behind(fn, exp + PCI_EXP_LNKSTA, 2);
	}
	return end;
}

void root_port_reset(struct root_port *port)
{
	struct far_end end = far_end_read(port);
	uint32_t cap;

	(void)pthread_mutex_lock(&port->lock);
	config_space_reset(&port->cs, regs, ARRAY_SIZE(regs));
	copy_link(port, end.lnkcap, end.lnksta);
	copy_payload(port, end.devcap, end.devctl);
	cap = config_space_read(&port->cs, EXP + PCI_EXP_LNKCAP, 4);
	config_space_set(&port->cs, EXP + PCI_EXP_LNKCAP, 4,
			 cap | (uint32_t)port->number << 24);
	update_routing(port);
	(void)pthread_mutex_unlock(&port->lock);
}

struct root_port *root_port_create(uint8_t number,
				   const struct pci_function *behind)
{
	struct root_port *port = calloc(1, sizeof(*port));

	if (!port)
		return NULL;
	if (pthread_mutex_init(&port->lock, NULL) != 0) {
		free(port);
		return NULL;
	}
	port->number = number;
	port->behind = behind;
	port->reset_rl = (struct moat_ratelimit)MOAT_RATELIMIT_INIT;
	config_space_reset(&port->cs, regs, ARRAY_SIZE(regs));
	update_routing(port);
	return port;
}

void root_port_destroy(struct root_port *port)
{
	if (!port)
		return;
	(void)pthread_mutex_destroy(&port->lock);
	free(port);
}
