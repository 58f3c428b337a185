// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A hostile guest on the PCI hierarchy: ECAM, ports CF8 to CFF, root ports'
 * registers, and resets. Functions behind it see aligned accesses of 1, 2 or
 * 4 bytes only, and a reset finds a place for each BAR again.
 */
#include <errno.h>

#include <linux/pci_regs.h>

#include "common/util.h"
#include "tests/fuzz/fuzz.h"
#include "tests/vmm-glue/fake_function.h"

#define N_FUNCTIONS 4
#define STEPS_MAX   400

static struct iobus mmio, pio;
static struct pci_host *host;
static struct fake_function fn[N_FUNCTIONS];

static uint64_t port_read(void *opaque, uint64_t offset, unsigned int size)
{
	(void)opaque;
	fuzz_check(offset == 0 && size == 1);
	return 0;
}

static void port_write(void *opaque, uint64_t offset, unsigned int size,
		       uint64_t value)
{
	(void)opaque;
	fuzz_check(offset == 0 && size == 1 && value <= 0xff);
}

static const struct moat_trap reset_port = {
	.space = MOAT_TRAP_PIO,
	.first = LAYOUT_PORT_RESET,
	.last = LAYOUT_PORT_RESET,
	.read = port_read,
	.write = port_write,
};

/* Sizes that PCI allows, of which some fit nowhere. */
static void choose_bars(struct fuzz_input *in, struct fake_function *f)
{
	for (unsigned int i = 0; i < MOAT_PCI_BARS; i++) {
		unsigned int b = (unsigned int)fuzz_number(in, 1);
		struct moat_bar_info *bar = &f->bar[i];

		bar->kind = b & 3;
		bar->prefetchable = b & 4;
		bar->size = UINT64_C(16) << (b >> 3);
		if (bar->kind == MOAT_BAR_PIO)
			bar->size = UINT64_C(4) << (b >> 3) % 14;
		if (bar->kind != MOAT_BAR_MEM64)
			continue;
		if (i == MOAT_PCI_BARS - 1)
			bar->kind = MOAT_BAR_MEM32;
		else
			f->bar[++i].kind = MOAT_BAR_NONE;
	}
}

/* Does everything lie apart, and where it may? */
static void check_placed(void)
{
	for (unsigned int i = 0; i < N_FUNCTIONS; i++)
		for (unsigned int b = 0; b < MOAT_PCI_BARS; b++) {
			const struct moat_bar_info *bar = &fn[i].bar[b];
			uint64_t addr = fake_bar_address(&fn[i], b) &
					~UINT64_C(0xf);

			if (bar->kind != MOAT_BAR_MEM32 &&
			    bar->kind != MOAT_BAR_MEM64)
				continue;
			fuzz_check(addr >= LAYOUT_MMIO32);
			fuzz_check(is_aligned(addr, bar->size));
			fuzz_check(addr > LAYOUT_TSS_LAST ||
				   addr + bar->size - 1 <= LAYOUT_MMIO32_LAST);
		}
}

static void access(struct iobus *bus, uint64_t addr, unsigned int size,
		   uint64_t value)
{
	(void)iobus_read(bus, addr, size);
	iobus_write(bus, addr, size, value);
	(void)iobus_read(bus, addr, size);
}

static void step(struct fuzz_input *in)
{
	unsigned int op = (unsigned int)fuzz_number(in, 1);
	unsigned int size = fuzz_size(in, true);
	uint64_t at = fuzz_number(in, 2);
	uint64_t bus = op >> 3 & 7, value;

	switch (op & 7) {
	case 0: /* device 0 to 15 of a low bus */
		access(&mmio, LAYOUT_ECAM + (bus << 20) + at * 8, size,
		       fuzz_number(in, 8));
		break;
	case 1: /* anywhere */
		access(&mmio, LAYOUT_ECAM + fuzz_number(in, 4) % (256 * MiB),
		       size, fuzz_number(in, 8));
		break;
	case 2:
		access(&pio, 0xcf8 + at % 8, size, fuzz_number(in, 8));
		break;
	case 3: /* a root port, or what is plugged on bus 0 */
		value = fuzz_number(in, 4);
		access(&mmio, LAYOUT_ECAM + (bus << 15) + (at & 0xff), size,
		       value);
		break;
	case 4: /* the same through the ports */
		iobus_write(&pio, 0xcf8, 4,
			    0x80000000u | bus << 11 | (at & 0xfc));
		access(&pio, 0xcfc + (at & 3), size, fuzz_number(in, 4));
		break;
	case 5: /* behind a root port: bus numbers as they stand */
		access(&mmio, LAYOUT_ECAM + (bus << 20) + (at & 0xfff), size,
		       fuzz_number(in, 4));
		break;
	default:
		if (pci_host_reset(host, NULL) == 0)
			check_placed();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	unsigned int flags = (unsigned int)fuzz_number(&in, 1);
	struct layout layout;
	struct pci_slot slot;

	(void)iobus_init(&mmio);
	(void)iobus_init(&pio);
	fuzz_check(layout_init(&layout, 256 * MiB, flags & 8 ? 36 : 46, NULL) ==
		   0);
	fuzz_check(pci_host_create(&layout, &mmio, &pio, &host, NULL) == 0);
	pci_host_set_reset_port(host, &reset_port);
	for (unsigned int i = 0; i < N_FUNCTIONS; i++) {
		/* The last is a second function of the first. */
		unsigned int like = i == N_FUNCTIONS - 1 ? 0 : i;
		const struct pci_socket socket = {
			.dev = (uint8_t)(like + 1),
			.fn = like == i ? 0 : 5,
			.pcie = flags >> like & 1,
		};

		fake_function_init(&fn[i], (uint16_t)(0x1000 + i));
		choose_bars(&in, &fn[i]);
		fuzz_check(pci_host_plug(host, &socket, &fake_function_ops,
					 &fn[i], &slot, NULL) == 0);
	}
	if (pci_host_assign(host, NULL) == 0)
		check_placed();
	for (unsigned int n = 0; in.left && n < STEPS_MAX; n++)
		step(&in);
	for (unsigned int i = 0; i < N_FUNCTIONS; i++)
		fuzz_check(fn[i].bad_accesses == 0);
	pci_host_destroy(host);
	fuzz_check(mmio.n == 0 && pio.n == 0);
	iobus_fini(&mmio);
	iobus_fini(&pio);
	return 0;
}
