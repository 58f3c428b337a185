// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A hostile guest on an assigned device: config writes, BAR moves, accesses
 * of BARs and of the MSI-X table and its pending bits, resets; with the
 * device raising interrupts meanwhile, and the VMM failing one call.
 *
 * Besides what the fakes assert, after each step: the device masters the bus
 * only if the guest asked for it and is armed; the device's BAR registers,
 * ROM and MSI-X table were not written; RAM has no BAR on it. In the end
 * nothing is held.
 */
#include <errno.h>

#include <linux/pci_regs.h>

#include "tests/assign/fake_function.h"
#include "tests/fuzz/fuzz.h"

#define STEPS_MAX 400

static struct fixture fx;
static struct fake_sweep vmm_sweep;
static bool armed;

static void wr(uint16_t offset, unsigned int size, uint32_t value)
{
	moat_device_config_write(fx.dev, offset, size, value);
}

static uint32_t rd(uint16_t offset, unsigned int size)
{
	return moat_device_config_read(fx.dev, offset, size);
}

/* Where the guest's registers say that a BAR is. */
static uint64_t bar_at(unsigned int i)
{
	struct moat_bar_info info;
	uint64_t addr;

	moat_device_bar(fx.dev, i, &info);
	addr = rd((uint16_t)(PCI_BASE_ADDRESS_0 + 4 * i), 4) & ~UINT32_C(0xf);
	if (info.kind == MOAT_BAR_MEM64)
		addr |= (uint64_t)rd(
				(uint16_t)(PCI_BASE_ADDRESS_0 + 4 * (i + 1)), 4)
			<< 32;
	return addr;
}

static enum moat_trap_space space_of(unsigned int bar)
{
	return bar == 1 ? MOAT_TRAP_PIO : MOAT_TRAP_MMIO;
}

static void config_step(struct fuzz_input *in)
{
	unsigned int size = fuzz_size(in, true); /* 8 is no such access */
	uint16_t offset = (uint16_t)fuzz_number(in, 2);

	(void)rd(offset, size);
	wr(offset, size, (uint32_t)fuzz_number(in, 4));
	(void)rd(offset, size);
}

/* The same near the registers that do something, aligned. */
static void register_step(struct fuzz_input *in)
{
	static const uint16_t place[] = {
		PCI_COMMAND,	       PCI_STATUS,
		PCI_BASE_ADDRESS_0,    PCI_BASE_ADDRESS_1,
		PCI_BASE_ADDRESS_2,    PCI_BASE_ADDRESS_3,
		PCI_BASE_ADDRESS_4,    PCI_BASE_ADDRESS_5,
		PCI_ROM_ADDRESS,       PCI_INTERRUPT_LINE,
		FAKE_PM + PCI_PM_CTRL, FAKE_MSI + PCI_MSI_FLAGS,
		FAKE_MSI + 4,	       FAKE_MSI + 8,
		FAKE_MSI + 12,	       FAKE_MSI + 16,
		FAKE_MSIX + 2,	       FAKE_EXP + PCI_EXP_DEVCTL,
		FAKE_EXP + 0x28,       FAKE_EXT_AER + 4,
	};
	unsigned int i = (unsigned int)fuzz_number(in, 1) %
			 (sizeof(place) / sizeof(place[0]));
	unsigned int size = fuzz_size(in, false);

	wr((uint16_t)(place[i] & ~(size - 1)), size,
	   (uint32_t)fuzz_number(in, 4));
}

static void move_step(struct fuzz_input *in)
{
	unsigned int i = (unsigned int)fuzz_number(in, 1) % MOAT_PCI_BARS;
	uint16_t command = (uint16_t)fuzz_number(in, 1) & 7;

	wr((uint16_t)(PCI_BASE_ADDRESS_0 + 4 * i), 4,
	   (uint32_t)fuzz_number(in, 2) << 12);
	wr(PCI_COMMAND, 2, command);
}

/* In a BAR, where the guest has it. */
static void bar_step(struct fuzz_input *in)
{
	unsigned int bar = (unsigned int)fuzz_number(in, 1) % MOAT_PCI_BARS;
	unsigned int size = fuzz_size(in, true);
	uint64_t addr = bar_at(bar) + fuzz_number(in, 2);
	uint64_t value = fuzz_number(in, 8);

	fake_vmm_write(&fx.vmm, space_of(bar), addr, size, value);
	(void)fake_vmm_read(&fx.vmm, space_of(bar), addr, size);
}

/* In the MSI-X table and the pending bits, and across their ends. */
static void table_step(struct fuzz_input *in)
{
	unsigned int size = fuzz_size(in, true);
	uint64_t at = fuzz_number(in, 1) % (FAKE_VECTORS * 16 + 16);
	uint64_t value = fuzz_number(in, 4) * UINT64_C(0x100000001);
	bool pba = at & 0x80 && value & 1;

	at += bar_at(0) + (pba ? FAKE_PBA - 0x80 : FAKE_TABLE) - 8;
	fake_vmm_write(&fx.vmm, MOAT_TRAP_MMIO, at, size, value);
	(void)fake_vmm_read(&fx.vmm, MOAT_TRAP_MMIO, at, size);
}

static void fire_step(struct fuzz_input *in)
{
	enum host_irq_index irq = fuzz_number(in, 1) % HOST_IRQS;
	unsigned int vector = (unsigned int)fuzz_number(in, 1) % FAKE_IRQ_FDS;

	if (vector < fx.fn.enabled[irq])
		fake_fire(&fx.fn, irq, vector);
}

static void reset_step(struct fuzz_input *in)
{
	fx.fn.host.can_reset = fuzz_number(in, 1) & 1;
	(void)moat_device_reset(fx.dev, &fx.err);
	fx.fn.host.can_reset = true;
}

static void arm_step(struct fuzz_input *in)
{
	(void)in;
	moat_device_arm(fx.dev);
	armed = true;
}

static void (*const steps[])(struct fuzz_input *in) = {
	config_step, register_step, move_step,	bar_step,
	table_step,  fire_step,	    reset_step, arm_step,
};

/* Only these registers of the device are a guest's or the engine's. */
static void check_config_log(unsigned int from)
{
	for (unsigned int i = from; i < fx.fn.n_log; i++) {
		const struct fake_write *w = &fx.fn.log[i % FAKE_LOG];
		uint64_t last = w->offset + w->len - 1;

		if (w->region != HOST_REGION_CONFIG)
			continue;
		fuzz_check(last < PCI_BASE_ADDRESS_0 ||
			   w->offset >= PCI_CAPABILITY_LIST);
		fuzz_check(last < FAKE_MSI || w->offset >= FAKE_VENDOR);
	}
}

static void check_now(unsigned int logged)
{
	uint64_t command = fake_get(&fx.fn, PCI_COMMAND, 2);

	check_config_log(fx.fn.n_log - logged < FAKE_LOG
				 ? logged
				 : fx.fn.n_log - FAKE_LOG);
	fuzz_check(!(command & PCI_COMMAND_MASTER) ||
		   (armed && (rd(PCI_COMMAND, 2) & PCI_COMMAND_MASTER)));
	for (unsigned int i = 0; i < FAKE_RANGES; i++)
		fuzz_check(!fx.vmm.map[i].used ||
			   fx.vmm.map[i].first > fx.vmm.ram_last);
	for (unsigned int i = 0; i < FAKE_VECTORS * 16; i++)
		fuzz_check(fx.fn.memory[0][FAKE_TABLE + i] == 0);
}

static void open_device(struct fuzz_input *in)
{
	unsigned int flags = (unsigned int)fuzz_number(in, 1);

	fixture_init(&fx);
	fuzz_quiet();
	vmm_sweep = (struct fake_sweep) { .error = flags & 1 ? -ENOSPC : 0 };
	fx.fn.irq[HOST_IRQ_MSI].noresize = flags & 2;
	fx.fn.irq[HOST_IRQ_MSIX].noresize = flags & 2;
	fx.fn.limit = flags & 4 ? 3 : 0;
	fx.vmm.slots = flags & 8 ? 2 : FAKE_RANGES;
	fuzz_check(fixture_open(&fx) == 0);
	fuzz_check(moat_device_plug(fx.dev, &fake_vmm_ops, &fx.vmm,
				    flags & 16 ? 0 : MOAT_PLUG_PCIE,
				    &fx.err) == 0);
	armed = false;
	fx.vmm.sweep = &vmm_sweep;
	vmm_sweep.fail_at = (unsigned int)fuzz_number(in, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const size_t n_steps = sizeof(steps) / sizeof(steps[0]);
	struct fuzz_input in = { data, size };

	open_device(&in);
	for (unsigned int n = 0; in.left && n < STEPS_MAX; n++) {
		unsigned int logged = fx.fn.n_log;

		steps[fuzz_number(&in, 1) % n_steps](&in);
		check_now(logged);
	}
	vmm_sweep.fail_at = 0;
	fixture_fini(&fx);
	return 0;
}
