// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A hostile device: config space as the input has it. Opening it fails with
 * a sentence, or gives a guest a view that can be read, and written all over,
 * without harm.
 *
 * The input is laid over the fakes' good function (or over nothing), as
 * pieces of: where (2 bytes), how long (1 byte), what.
 */
#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "tests/assign/fake_function.h"
#include "tests/fuzz/fuzz.h"

static struct fixture fx;

static void lay_out(struct fuzz_input *in)
{
	unsigned int flags = (unsigned int)fuzz_number(in, 1);

	fx.fn.irq[HOST_IRQ_INTX].maskable = !(flags & 1);
	fx.fn.config_size = flags & 2 ? CONFIG_STANDARD_SIZE : CONFIG_SIZE;
	fx.fn.host.can_reset = !(flags & 4);
	fx.fn.irq[HOST_IRQ_MSI].count = 1u << (flags >> 4 & 7) >> 1;
	fx.fn.irq[HOST_IRQ_MSIX].count = flags & 8 ? FAKE_IRQ_FDS : 8;
	if (flags & 128)
		memset(fx.fn.config, 0, sizeof(fx.fn.config));
	while (in->left) {
		uint16_t at = (uint16_t)fuzz_number(in, 2) % CONFIG_SIZE;
		size_t len = (size_t)fuzz_number(in, 1);

		if (len > CONFIG_SIZE - (size_t)at)
			len = CONFIG_SIZE - (size_t)at;
		(void)fuzz_bytes(in, fx.fn.config + at, len);
	}
}

/*
 * Every register: read, set, and set back. What reads as zero beyond the
 * header is mostly nothing, and not worth the time.
 */
static void scribble(void)
{
	uint32_t value;

	for (unsigned int at = 0; at < CONFIG_STANDARD_SIZE; at++)
		(void)moat_device_config_read(fx.dev, (uint16_t)at, 1);
	for (unsigned int at = 0; at < CONFIG_SIZE; at += 4) {
		value = moat_device_config_read(fx.dev, (uint16_t)at, 4);
		if (!value && at >= PCI_STD_HEADER_SIZEOF)
			continue;
		moat_device_config_write(fx.dev, (uint16_t)at, 4, UINT32_MAX);
		moat_device_config_write(fx.dev, (uint16_t)at, 4, value);
	}
}

/* A guest's walk ends: each chain leads upwards or back, but not round. */
static void walk(void)
{
	unsigned int at, n = 0;

	at = moat_device_config_read(fx.dev, PCI_CAPABILITY_LIST, 1);
	for (; at;
	     at = moat_device_config_read(fx.dev, (uint16_t)(at + 1), 1)) {
		fuzz_check(at >= PCI_STD_HEADER_SIZEOF && at % 4 == 0);
		fuzz_check(++n <= 48);
	}
	if (moat_device_config_read(fx.dev, PCI_CFG_SPACE_SIZE, 4) == UINT32_MAX)
		return; /* it is not there */
	for (at = PCI_CFG_SPACE_SIZE, n = 0; at;
	     at = PCI_EXT_CAP_NEXT(
		     moat_device_config_read(fx.dev, (uint16_t)at, 4))) {
		fuzz_check(at >= PCI_CFG_SPACE_SIZE && at % 4 == 0);
		fuzz_check(++n <= 480);
	}
}

static void use(bool pcie)
{
	if (moat_device_plug(fx.dev, &fake_vmm_ops, &fx.vmm,
			     pcie ? MOAT_PLUG_PCIE : 0, &fx.err) < 0)
		return;
	walk();
	moat_device_arm(fx.dev);
	scribble();
	walk();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	bool pcie = fuzz_number(&in, 1) & 1;

	fixture_init(&fx);
	fuzz_quiet();
	lay_out(&in);
	if (fixture_open(&fx) == 0) {
		use(pcie);
	} else {
		fuzz_check(fx.err.msg[0] &&
			   memchr(fx.err.msg, 0, sizeof(fx.err.msg)));
		fx.dev = NULL;
	}
	fixture_fini(&fx);
	return 0;
}
