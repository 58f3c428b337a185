// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Config accesses come in by ECAM or by ports CF8/CFC, are cut into aligned
 * pieces of 1, 2 or 4 bytes, and go to the function that answers for bus,
 * device and function number: on bus 0 the host bridge, root ports and
 * conventional functions, elsewhere what is behind the root port that has
 * the bus as its secondary one at the moment. Nobody: all ones.
 *
 * Vocabulary: a place is a device number of bus 0.
 *
 * Locking: places change only before the vCPUs run, so dispatch takes no
 * lock. CONFIG_ADDRESS is one word that vCPUs may race for, as on hardware;
 * a guest has a lock of its own around the pair of accesses.
 * Source: PCI Local Bus 3.0 section 3.2.2.3.2 for CF8/CFC; for its bits 27 to
 * 24, which Linux uses on any AMD processor, AMD's BKDG for family 10h,
 * IOCF8 ExtRegNo; PCI Express Base 4.0 section 7.2.2 for ECAM.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/pci_regs.h>

#include <moat/log.h>

#include "vmm-glue/root_port.h"

#define PORT_FIRST 0xcf8
#define PORT_LAST  0xcff

/* Offsets from PORT_FIRST. */
#define PORT_ADDRESS	 0
#define PORT_RESET	 (LAYOUT_PORT_RESET - PORT_FIRST)
#define PORT_DATA	 4

#define ADDRESS_ENABLE	 0x80000000u
#define ADDRESS_EXTENDED 0x0f000000u /* bits 11 to 8 of the register */
#define ADDRESS_WRITABLE 0x8ffffffcu

static const struct config_reg bridge_regs[] = {
	{ PCI_VENDOR_ID, 2, PCI_HOST_VENDOR, 0 },
	{ PCI_DEVICE_ID, 2, PCI_HOST_BRIDGE_DEVICE, 0 },
	{ PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER,
	  PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_SERR },
	{ PCI_CLASS_REVISION, 4, 0x06000000, 0 }, /* host bridge */
};

/* Bus, device, function and register in one: ECAM's offset. */
struct config_target {
	uint8_t bus, dev, fn;
	uint16_t offset;
};

static struct config_target ecam_target(uint64_t ecam)
{
	return (struct config_target) {
		.bus = (uint8_t)(ecam >> 20),
		.dev = (ecam >> 15) & 0x1f,
		.fn = (ecam >> 12) & 0x7,
		.offset = ecam & 0xfff,
	};
}

static const struct pci_function *function_at(const struct pci_place *place,
					      const struct config_target *t)
{
	return place->fn[t->fn].ops ? &place->fn[t->fn] : NULL;
}

static const struct pci_function *function_behind(const struct pci_host *host,
						  const struct config_target *t)
{
	if (t->dev != 0)
		return NULL;
	for (unsigned int dev = 1; dev < PCI_SLOTS; dev++) {
		const struct pci_place *place = &host->place[dev];

		if (place->port && root_port_routes(place->port, t->bus))
			return function_at(place, t);
	}
	return NULL;
}

/*
 * A function that was plugged. Return: NULL when there is none at @t; on bus
 * 0 *@ret_place is then its place all the same, for the emulated ones.
 */
static const struct pci_function *find(struct pci_host *host,
				       const struct config_target *t,
				       struct pci_place **ret_place)
{
	struct pci_place *place = &host->place[t->dev];

	*ret_place = NULL;
	if (t->bus != 0)
		return function_behind(host, t);
	if (t->fn == 0)
		*ret_place = place;
	return place->port ? NULL : function_at(place, t);
}

static uint32_t read_bridge(struct pci_host *host, uint16_t offset,
			    unsigned int size)
{
	uint32_t value;

	(void)pthread_mutex_lock(&host->lock);
	value = config_space_read(&host->bridge, offset, size);
	(void)pthread_mutex_unlock(&host->lock);
	return value;
}

static void write_bridge(struct pci_host *host, uint16_t offset,
			 unsigned int size, uint32_t value)
{
	(void)pthread_mutex_lock(&host->lock);
	config_space_write(&host->bridge, offset, size, value);
	(void)pthread_mutex_unlock(&host->lock);
}

/* One aligned piece of at most 4 bytes. */
static uint32_t read_piece(struct pci_host *host, uint64_t ecam,
			   unsigned int size)
{
	struct config_target t = ecam_target(ecam);
	struct pci_place *place;
	const struct pci_function *fn = find(host, &t, &place);

	if (fn)
		return fn->ops->config_read(fn->opaque, t.offset, size);
	if (place && place->port)
		return root_port_config_read(place->port, t.offset, size);
	if (place == &host->place[0])
		return read_bridge(host, t.offset, size);
	return UINT32_MAX;
}

static void write_piece(struct pci_host *host, uint64_t ecam, unsigned int size,
			uint32_t value)
{
	struct config_target t = ecam_target(ecam);
	struct pci_place *place;
	const struct pci_function *fn = find(host, &t, &place);

	if (fn)
		fn->ops->config_write(fn->opaque, t.offset, size, value);
	else if (place && place->port)
		root_port_config_write(place->port, t.offset, size, value);
	else if (place == &host->place[0])
		write_bridge(host, t.offset, size, value);
}

/* The largest piece that an access of @size at @ecam may begin with. */
static unsigned int piece_size(uint64_t ecam, unsigned int size)
{
	unsigned int piece = 4;

	while (piece > size || (ecam & (piece - 1)))
		piece /= 2;
	return piece;
}

static uint64_t config_read(struct pci_host *host, uint64_t ecam,
			    unsigned int size)
{
	uint64_t value = 0;

	for (unsigned int done = 0; done < size;) {
		unsigned int piece = piece_size(ecam + done, size - done);
		uint64_t part = read_piece(host, ecam + done, piece);

		part &= UINT32_MAX >> (32 - 8 * piece);
		value |= part << (8 * done);
		done += piece;
	}
	return value;
}

static void config_write(struct pci_host *host, uint64_t ecam,
			 unsigned int size, uint64_t value)
{
	for (unsigned int done = 0; done < size;) {
		unsigned int piece = piece_size(ecam + done, size - done);
		uint32_t part = (uint32_t)(value >> (8 * done));

		write_piece(host, ecam + done, piece,
			    part & (UINT32_MAX >> (32 - 8 * piece)));
		done += piece;
	}
}

static uint64_t ecam_read(void *opaque, uint64_t offset, unsigned int size)
{
	return config_read(opaque, offset, size);
}

static void ecam_write(void *opaque, uint64_t offset, unsigned int size,
		       uint64_t value)
{
	config_write(opaque, offset, size, value);
}

/* CFC to CFF: the dword that CF8 selects. Return: config access is on. */
static bool data_target(struct pci_host *host, uint64_t port,
			uint64_t *ret_ecam)
{
	uint32_t address = atomic_load(&host->config_address);

	/* Bus, device, function: the same bits, four further up in ECAM. */
	*ret_ecam = (uint64_t)(address & 0x00ffff00) << 4 |
		    (address & ADDRESS_EXTENDED) >> 16 | (address & 0xfc);
	*ret_ecam += port - PORT_DATA;
	return address & ADDRESS_ENABLE;
}

static bool is_reset_port(const struct pci_host *host, uint64_t port,
			  unsigned int size)
{
	return port == PORT_RESET && size == 1 && host->reset_port;
}

static uint64_t ports_read(void *opaque, uint64_t port, unsigned int size)
{
	struct pci_host *host = opaque;
	uint64_t ecam;

	if (is_reset_port(host, port, size))
		return host->reset_port->read(host->reset_port->opaque, 0, 1);
	if (port == PORT_ADDRESS && size == 4)
		return atomic_load(&host->config_address);
	if (port >= PORT_DATA && data_target(host, port, &ecam))
		return config_read(host, ecam, size);
	return UINT64_MAX;
}

static void ports_write(void *opaque, uint64_t port, unsigned int size,
			uint64_t value)
{
	struct pci_host *host = opaque;
	uint64_t ecam;

	if (is_reset_port(host, port, size))
		host->reset_port->write(host->reset_port->opaque, 0, 1, value);
	else if (port == PORT_ADDRESS && size == 4)
		atomic_store(&host->config_address,
			     (uint32_t)value & ADDRESS_WRITABLE);
	else if (port >= PORT_DATA && data_target(host, port, &ecam))
		config_write(host, ecam, size, value);
}

void pci_host_set_reset_port(struct pci_host *host,
			     const struct moat_trap *port)
{
	host->reset_port = port;
}

/* With no vCPU running. */
static void reset_own(struct pci_host *host)
{
	atomic_store(&host->config_address, 0);
	config_space_reset(&host->bridge, bridge_regs, ARRAY_SIZE(bridge_regs));
	for (unsigned int dev = 1; dev < PCI_SLOTS; dev++) {
		if (host->place[dev].port)
			root_port_reset(host->place[dev].port);
	}
}

static void fill_traps(struct pci_host *host, const struct layout *layout)
{
	host->ecam = (struct moat_trap) {
		.space = MOAT_TRAP_MMIO,
		.first = layout->ecam,
		.last = layout_ecam_last(layout),
		.read = ecam_read,
		.write = ecam_write,
		.opaque = host,
	};
	host->ports = (struct moat_trap) {
		.space = MOAT_TRAP_PIO,
		.first = PORT_FIRST,
		.last = PORT_LAST,
		.read = ports_read,
		.write = ports_write,
		.opaque = host,
	};
}

int pci_host_create(const struct layout *layout, struct iobus *mmio,
		    struct iobus *pio, struct pci_host **ret_host,
		    struct moat_err *err)
{
	struct pci_host *host;
	int r;

	host = calloc(1, sizeof(*host));
	if (!host)
		return moat_fail(err, -ENOMEM, "PCI host bridge: no memory");
	r = -pthread_mutex_init(&host->lock, NULL);
	if (r < 0) {
		free(host);
		return moat_fail(err, r, "PCI host bridge: %s", strerror(-r));
	}
	host->mmio32 = layout->mmio32;
	host->mmio32_last = layout->mmio32_last;
	host->mmio64 = layout->mmio64;
	host->mmio64_last = layout->mmio64_last;
	host->mmio = mmio;
	host->pio = pio;
	reset_own(host);
	fill_traps(host, layout);
	r = iobus_add(mmio, &host->ecam);
	if (r < 0)
		goto free_host;
	r = iobus_add(pio, &host->ports);
	if (r < 0)
		goto remove_ecam;
	*ret_host = host;
	return 0;
remove_ecam:
	iobus_remove(mmio, &host->ecam);
free_host:
	(void)pthread_mutex_destroy(&host->lock);
	free(host);
	return moat_fail(err, r, "PCI host bridge: its addresses are taken: %s",
			 strerror(-r));
}

void pci_host_destroy(struct pci_host *host)
{
	if (!host)
		return;
	iobus_remove(host->pio, &host->ports);
	iobus_remove(host->mmio, &host->ecam);
	for (unsigned int dev = 1; dev < PCI_SLOTS; dev++)
		root_port_destroy(host->place[dev].port);
	(void)pthread_mutex_destroy(&host->lock);
	free(host);
}

static bool is_free(const struct pci_place *place)
{
	return !place->fn[0].ops;
}

/* Return: NULL when all are taken. */
static struct pci_place *find_place(struct pci_host *host,
				    const struct pci_socket *socket)
{
	if (socket->dev != 0)
		return &host->place[socket->dev];
	for (unsigned int dev = 1; dev < PCI_SLOTS; dev++)
		if (is_free(&host->place[dev]))
			return &host->place[dev];
	return NULL;
}

/* May there be another function, and this one? */
static int check_socket(const struct pci_place *place,
			const struct pci_socket *socket, struct moat_err *err)
{
	if (place->fn[socket->fn].ops)
		return moat_fail(err, -EEXIST,
				 "the guest's slot %x has a function %x "
				 "already",
				 socket->dev, socket->fn);
	if (socket->fn == 0)
		return 0;
	if (is_free(place))
		return moat_fail(err, -EINVAL,
				 "the guest's slot %x has no function 0, so no "
				 "guest would look for function %x",
				 socket->dev, socket->fn);
	if (socket->pcie != (place->port != NULL))
		return moat_fail(err, -EINVAL,
				 "a PCI Express device and a conventional one "
				 "cannot share the guest's slot %x; give it "
				 "one of its own by guest=SLOT",
				 socket->dev);
	return 0;
}

int pci_host_plug(struct pci_host *host, const struct pci_socket *socket,
		  const struct pci_function_ops *ops, void *opaque,
		  struct pci_slot *ret_slot, struct moat_err *err)
{
	struct pci_place *place;
	int r;

	place = find_place(host, socket);
	if (!place)
		return moat_fail(err, -ENOSPC,
				 "the guest's PCI bus is full: it takes %d "
				 "devices",
				 PCI_HOST_PLACES);
	r = check_socket(place, socket, err);
	if (r < 0)
		return r;
	if (socket->pcie && is_free(place)) {
		place->port = root_port_create((uint8_t)(place - host->place),
					       place->fn);
		if (!place->port)
			return moat_fail(err, -ENOMEM,
					 "PCIe root port: no memory");
	}
	place->fn[socket->fn] = (struct pci_function) { ops, opaque };
	*ret_slot = pci_place_slot(host, place, socket->fn);
	return 0;
}

unsigned int pci_host_intx_gsi(struct pci_slot slot, unsigned int pin)
{
	unsigned int p = pin - 1, dev = slot.dev;

	/*
	 * A bridge swizzles by the device number behind it; its own device
	 * number is that of its secondary bus.
	 * Source: PCI-to-PCI Bridge 1.2 section 9.1.
	 */
	if (slot.bus != 0) {
		p = (p + slot.dev) % 4;
		dev = slot.bus;
	}
	return LAYOUT_GSI_INTX + (dev + p) % LAYOUT_GSI_INTX_N;
}

int pci_functions_reset(const struct pci_function *fn, size_t n,
			struct moat_err *err)
{
	void *opaque[PCI_SLOTS * PCI_FUNCTIONS];
	int r = 0;

	/* As many calls as there are kinds: for the machine, one. */
	for (size_t i = 0; i < n && r == 0; i++) {
		size_t n_alike = 0;
		bool first = true;

		if (!fn[i].ops || !fn[i].ops->reset)
			continue;
		for (size_t k = 0; k < i; k++)
			first &= fn[k].ops != fn[i].ops;
		if (!first)
			continue;
		for (size_t k = i; k < n; k++)
			if (fn[k].ops == fn[i].ops)
				opaque[n_alike++] = fn[k].opaque;
		r = fn[i].ops->reset(opaque, n_alike, err);
	}
	return r;
}

int pci_host_reset(struct pci_host *host, struct moat_err *err)
{
	struct pci_function fn[PCI_SLOTS * PCI_FUNCTIONS];
	int r;

	reset_own(host);
	for (unsigned int dev = 0; dev < PCI_SLOTS; dev++)
		memcpy(&fn[dev * PCI_FUNCTIONS], host->place[dev].fn,
		       sizeof(host->place[dev].fn));
	r = pci_functions_reset(fn, ARRAY_SIZE(fn), err);
	return r < 0 ? r : pci_host_assign(host, err);
}
