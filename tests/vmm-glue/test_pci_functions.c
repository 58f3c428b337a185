// SPDX-License-Identifier: GPL-2.0-or-later
/* Slots with several functions, behind a root port and on bus 0. */
#include <errno.h>

#include <linux/pci_regs.h>

#include "common/util.h"
#include "tests/check_main.h"
#include "tests/vmm-glue/fake_function.h"

static struct iobus mmio, pio;
static struct layout layout;
static struct pci_host *host;

/* Some of two slots; 9 has nothing, and takes what comes by itself last. */
static const struct {
	struct pci_socket at;
	struct pci_slot want;
} plugs[] = {
	{ { 5, 0, true }, { 5, 0, 0 } },  { { 5, 1, true }, { 5, 0, 1 } },
	{ { 5, 7, true }, { 5, 0, 7 } },  { { 6, 0, false }, { 0, 6, 0 } },
	{ { 6, 3, false }, { 0, 6, 3 } }, { { 0, 0, true }, { 1, 0, 0 } },
};

#define N ARRAY_SIZE(plugs)

static struct fake_function fn[N];

static void setup(void)
{
	struct pci_slot slot;
	struct moat_err err;

	(void)iobus_init(&mmio);
	(void)iobus_init(&pio);
	ck_assert_int_eq(layout_init(&layout, 256 * MiB, 40, &err), 0);
	ck_assert_int_eq(pci_host_create(&layout, &mmio, &pio, &host, &err), 0);
	for (size_t i = 0; i < N; i++) {
		fake_function_init(&fn[i], (uint16_t)(0x1000 + i));
		fn[i].config[PCI_INTERRUPT_PIN] = (uint8_t)(i % 4 + 1);
		fn[i].bar[0] = (struct moat_bar_info) {
			.kind = MOAT_BAR_MEM64,
			.prefetchable = i % 2,
			.size = 16 * KiB,
		};
		fn[i].bar[3] = (struct moat_bar_info) { .kind = MOAT_BAR_PIO,
							.size = 64 };
		ck_assert_int_eq(pci_host_plug(host, &plugs[i].at,
					       &fake_function_ops, &fn[i],
					       &slot, &err),
				 0);
		ck_assert_uint_eq(slot.bus, plugs[i].want.bus);
		ck_assert_uint_eq(slot.dev, plugs[i].want.dev);
		ck_assert_uint_eq(slot.fn, plugs[i].want.fn);
	}
}

static void teardown(void)
{
	for (size_t i = 0; i < N; i++)
		ck_assert_uint_eq(fn[i].bad_accesses, 0);
	pci_host_destroy(host);
	iobus_fini(&mmio);
	iobus_fini(&pio);
}

static uint64_t config(struct pci_slot at, unsigned int offset)
{
	return LAYOUT_ECAM + ((uint64_t)at.bus << 20) +
	       ((uint64_t)at.dev << 15) + ((uint64_t)at.fn << 12) + offset;
}

START_TEST(each_answers_at_its_number)
{
	struct moat_err err;

	setup();
	ck_assert_int_eq(pci_host_assign(host, &err), 0);
	for (uint8_t bus = 0; bus < 8; bus++)
		for (uint8_t dev = 0; dev < 8; dev++)
			for (uint8_t f = 0; f < 8; f++) {
				struct pci_slot at = { bus, dev, f };
				uint32_t want = UINT32_MAX;

				for (size_t i = 0; i < N; i++)
					if (plugs[i].want.bus == bus &&
					    plugs[i].want.dev == dev &&
					    plugs[i].want.fn == f)
						want = 0x1234 | (0x1000 + i)
									<< 16;
				if (bus == 0 && f == 0 && (dev == 1 || dev == 5))
					want = 0x000c1b36;
				if (bus == 0 && f == 0 && dev == 0)
					want = 0x00081b36;
				ck_assert_uint_eq(
					iobus_read(&mmio, config(at, 0), 4),
					want);
			}
	teardown();
}
END_TEST

START_TEST(each_has_its_addresses_and_line)
{
	struct moat_err err;
	uint64_t base, limit;

	setup();
	ck_assert_int_eq(pci_host_assign(host, &err), 0);
	for (size_t i = 0; i < N; i++) {
		uint64_t addr = fake_bar_address(&fn[i], 0);

		ck_assert_uint_ne(addr, 0);
		ck_assert_uint_ne(fake_bar_address(&fn[i], 3), 0);
		for (size_t k = 0; k < i; k++) {
			ck_assert_uint_ne(addr, fake_bar_address(&fn[k], 0));
			ck_assert_uint_ne(fake_bar_address(&fn[i], 3),
					  fake_bar_address(&fn[k], 3));
		}
		ck_assert_uint_eq(fn[i].config[PCI_INTERRUPT_LINE],
				  pci_host_intx_gsi(plugs[i].want, i % 4 + 1));
	}
	/* One window over all functions behind the port. */
	base = iobus_read(&mmio,
			  config((struct pci_slot) { 0, 5, 0 }, PCI_IO_BASE),
			  1) &
	       0xf0;
	limit = iobus_read(&mmio,
			   config((struct pci_slot) { 0, 5, 0 }, PCI_IO_LIMIT),
			   1) &
		0xf0;
	ck_assert_uint_eq(base, limit);
	for (size_t i = 0; i < 3; i++)
		ck_assert_uint_eq(fake_bar_address(&fn[i], 3) >> 12, base >> 4);
	teardown();
}
END_TEST

START_TEST(resets_reach_all_of_them)
{
	static const unsigned int after_bus[N] = { 1, 1, 1 };
	struct moat_err err;

	setup();
	iobus_write(&mmio,
		    config((struct pci_slot) { 0, 5, 0 }, PCI_BRIDGE_CONTROL),
		    2, PCI_BRIDGE_CTL_BUS_RESET);
	for (size_t i = 0; i < N; i++)
		ck_assert_uint_eq(fn[i].resets, after_bus[i]);
	ck_assert_int_eq(pci_host_reset(host, &err), 0);
	for (size_t i = 0; i < N; i++)
		ck_assert_uint_eq(fn[i].resets, after_bus[i] + 1);
	fn[2].reset_result = -EIO;
	ck_assert_int_eq(pci_host_reset(host, &err), -EIO);
	teardown();
}
END_TEST

/* The port takes what every function behind it takes. */
START_TEST(payload_is_the_smallest)
{
	static const uint32_t cap[3] = { 3, 1, 2 };
	const uint16_t control = 3 << 5;
	struct moat_err err;
	uint64_t devctl;

	setup();
	for (size_t i = 0; i < 3; i++) {
		fn[i].config[PCI_STATUS] = PCI_STATUS_CAP_LIST;
		fn[i].config[PCI_CAPABILITY_LIST] = 0x80;
		fn[i].config[0x80] = PCI_CAP_ID_EXP;
		memcpy(fn[i].config + 0x80 + PCI_EXP_DEVCAP, &cap[i], 4);
		memcpy(fn[i].config + 0x80 + PCI_EXP_DEVCTL, &control, 2);
	}
	ck_assert_int_eq(pci_host_assign(host, &err), 0);
	devctl = iobus_read(
		&mmio,
		config((struct pci_slot) { 0, 5, 0 }, 0x40 + PCI_EXP_DEVCTL),
		2);
	ck_assert_uint_eq((devctl & PCI_EXP_DEVCTL_PAYLOAD) >> 5, 1);
	ck_assert_uint_eq(iobus_read(&mmio,
				     config((struct pci_slot) { 0, 5, 0 },
					    0x40 + PCI_EXP_DEVCAP),
				     4) &
				  PCI_EXP_DEVCAP_PAYLOAD,
			  1);
	teardown();
}
END_TEST

static const struct {
	struct pci_socket at;
	int want;
	const char *says;
} refused[] = {
	{ { 5, 0, true }, -EEXIST, "slot 5 has a function 0 already" },
	{ { 5, 7, true }, -EEXIST, "slot 5 has a function 7 already" },
	{ { 6, 0, true }, -EEXIST, "slot 6 has a function 0 already" },
	{ { 5, 2, false }, -EINVAL, "cannot share the guest's slot 5" },
	{ { 6, 2, true }, -EINVAL, "cannot share the guest's slot 6" },
	{ { 0x1f, 1, true }, -EINVAL, "slot 1f has no function 0" },
};

START_TEST(what_cannot_be_is_refused)
{
	struct fake_function more;
	struct pci_slot slot;

	setup();
	fake_function_init(&more, 0x2000);
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		struct moat_err err = { "" };

		ck_assert_int_eq(pci_host_plug(host, &refused[i].at,
					       &fake_function_ops, &more, &slot,
					       &err),
				 refused[i].want);
		ck_assert_msg(strstr(err.msg, refused[i].says), "%s", err.msg);
	}
	ck_assert_int_eq(pci_host_assign(host, NULL), 0);
	ck_assert_uint_eq(
		iobus_read(&mmio, config((struct pci_slot) { 5, 0, 2 }, 0), 4),
		UINT32_MAX);
	teardown();
}
END_TEST

CHECK_MAIN("pci_functions", each_answers_at_its_number,
	   each_has_its_addresses_and_line, resets_reach_all_of_them,
	   payload_is_the_smallest, what_cannot_be_is_refused)
