// SPDX-License-Identifier: GPL-2.0-or-later
/* Config space as the guest sees it: the header, and who owns which bit. */
#include <check.h>
#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "common/util.h"
#include "tests/assign/fake_function.h"
#include "tests/check_main.h"

static struct fixture fx;

static uint32_t rd(uint16_t offset, unsigned int size)
{
	return moat_device_config_read(fx.dev, offset, size);
}

static void wr(uint16_t offset, unsigned int size, uint32_t value)
{
	moat_device_config_write(fx.dev, offset, size, value);
}

static uint64_t host_command(void)
{
	return fake_get(&fx.fn, PCI_COMMAND, 2);
}

/* What the guest reads at first, and after it wrote all ones. */
static const struct {
	uint16_t offset;
	unsigned int size;
	uint32_t first, ones;
} header[] = {
	{ PCI_VENDOR_ID, 2, 0x1234, 0x1234 },
	{ PCI_DEVICE_ID, 2, 0x5678, 0x5678 },
	/* SPECIAL, INVALIDATE, VGA, WAIT, FAST_BACK are not for it. */
	{ PCI_COMMAND, 2, 0, 0x0547 },
	/* No error bits; 0x60 and the capability bit, interrupt status. */
	{ PCI_STATUS, 2, 0x00b0, 0x00b0 },
	{ PCI_REVISION_ID, 1, 0x03, 0x03 },
	{ PCI_CLASS_PROG, 1, 0x02, 0x02 },
	{ PCI_CLASS_DEVICE, 2, 0x0108, 0x0108 },
	{ PCI_CACHE_LINE_SIZE, 1, 0, 0xff },
	{ PCI_LATENCY_TIMER, 1, 0, 0xff },
	{ PCI_HEADER_TYPE, 1, 0, 0 }, /* not multi-function */
	{ PCI_BIST, 1, 0, 0 },
	{ PCI_BASE_ADDRESS_0, 4, 0, 0xffffc000 },
	{ PCI_BASE_ADDRESS_1, 4, 1, 0xffffffe1 },
	{ PCI_BASE_ADDRESS_2, 4, 0xc, 0xfff0000c },
	{ PCI_BASE_ADDRESS_3, 4, 0, 0xffffffff },
	{ PCI_BASE_ADDRESS_4, 4, 0, 0xffffff00 },
	{ PCI_BASE_ADDRESS_5, 4, 0, 0 },
	{ PCI_CARDBUS_CIS, 4, 0, 0 },
	{ PCI_SUBSYSTEM_VENDOR_ID, 2, 0xabcd, 0xabcd },
	{ PCI_SUBSYSTEM_ID, 2, 0xdef0, 0xdef0 },
	{ PCI_ROM_ADDRESS, 4, 0, 0 },
	{ PCI_CAPABILITY_LIST, 1, FAKE_PM, FAKE_PM },
	{ 0x35, 1, 0, 0 },
	{ 0x36, 2, 0, 0 },
	{ 0x38, 4, 0, 0 },
	{ PCI_INTERRUPT_LINE, 1, 0, 0xff },
	{ PCI_INTERRUPT_PIN, 1, 2, 2 },
	{ PCI_MIN_GNT, 1, 3, 3 },
	{ PCI_MAX_LAT, 1, 4, 4 },
};

START_TEST(header_by_register)
{
	for (size_t i = 0; i < ARRAY_SIZE(header); i++) {
		fixture_init(&fx);
		fixture_start(&fx);
		fx.vmm.slots = 0;
		ck_assert_msg(rd(header[i].offset, header[i].size) ==
				      header[i].first,
			      "0x%02x reads 0x%x at first", header[i].offset,
			      rd(header[i].offset, header[i].size));
		wr(header[i].offset, header[i].size, UINT32_MAX);
		ck_assert_msg(rd(header[i].offset, header[i].size) ==
				      header[i].ones,
			      "0x%02x reads 0x%x after ones", header[i].offset,
			      rd(header[i].offset, header[i].size));
		wr(header[i].offset, header[i].size, 0);
		fixture_fini(&fx);
	}
}
END_TEST

/* Byte by byte is the same as by register, for reads and for writes. */
START_TEST(widths_agree)
{
	uint32_t by4, by2, by1;

	fixture_init(&fx);
	fixture_start(&fx);
	for (unsigned int i = 0; i < 8; i++)
		wr((uint16_t)(PCI_BASE_ADDRESS_2 + i), 1, 0x80 + i);
	for (uint16_t at = 0; at < CONFIG_SIZE; at += 4) {
		by4 = rd(at, 4);
		by2 = rd(at, 2) | rd(at + 2, 2) << 16;
		by1 = rd(at, 1) | rd(at + 1, 1) << 8 | rd(at + 2, 1) << 16 |
		      rd(at + 3, 1) << 24;
		ck_assert_msg(by4 == by2 && by4 == by1,
			      "0x%03x: 0x%x 0x%x 0x%x", at, by4, by2, by1);
	}
	ck_assert_uint_eq(rd(PCI_BASE_ADDRESS_2, 4), 0x8380000c);
	ck_assert_uint_eq(rd(PCI_BASE_ADDRESS_3, 4), 0x87868584);
	fixture_fini(&fx);
}
END_TEST

static const struct {
	uint16_t offset;
	unsigned int size;
} bad_accesses[] = {
	{ 0, 0 }, { 0, 3 }, { 0, 8 }, { 1, 2 },	     { 2, 4 },
	{ 3, 2 }, { 1, 4 }, { 0, 5 }, { 0xffff, 1 }, { 4096, 4 },
};

START_TEST(bad_accesses_read_as_ones)
{
	uint8_t before[CONFIG_SIZE];

	fixture_init(&fx);
	fixture_start(&fx);
	memcpy(before, fx.fn.config, sizeof(before));
	for (size_t i = 0; i < ARRAY_SIZE(bad_accesses); i++) {
		ck_assert_uint_eq(
			rd(bad_accesses[i].offset, bad_accesses[i].size),
			UINT32_MAX);
		wr(bad_accesses[i].offset, bad_accesses[i].size, 0xffffffff);
	}
	ck_assert_mem_eq(before, fx.fn.config, sizeof(before));
	fixture_fini(&fx);
}
END_TEST

START_TEST(command_reaches_device)
{
	fixture_init(&fx);
	ck_assert_int_eq(fixture_open(&fx), 0);
	/* Whatever was on is off. */
	ck_assert_uint_eq(host_command(), 0);
	/* Not plugged: a write has nobody to act for. */
	wr(PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	ck_assert_uint_eq(rd(PCI_COMMAND, 2), 0);
	ck_assert_uint_eq(host_command(), 0);

	ck_assert_int_eq(moat_device_plug(fx.dev, &fake_vmm_ops, &fx.vmm,
					  MOAT_PLUG_PCIE, &fx.err),
			 0);
	wr(PCI_COMMAND, 2,
	   PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
		   PCI_COMMAND_SERR | PCI_COMMAND_PARITY |
		   PCI_COMMAND_INTX_DISABLE);
	/* RAM is not mapped yet: the guest may ask, but not master. */
	ck_assert_uint_eq(rd(PCI_COMMAND, 2), 0x547);
	ck_assert_uint_eq(host_command(), PCI_COMMAND_IO | PCI_COMMAND_MEMORY |
						  PCI_COMMAND_INTX_DISABLE);
	ck_assert(!fx.fn.mastered);
	moat_device_arm(fx.dev);
	ck_assert_uint_eq(host_command(), PCI_COMMAND_IO | PCI_COMMAND_MEMORY |
						  PCI_COMMAND_MASTER |
						  PCI_COMMAND_INTX_DISABLE);
	wr(PCI_COMMAND, 1, PCI_COMMAND_MEMORY);
	ck_assert_uint_eq(rd(PCI_COMMAND, 2), 0x502);
	ck_assert_uint_eq(host_command(),
			  PCI_COMMAND_MEMORY | PCI_COMMAND_INTX_DISABLE);
	fixture_fini(&fx);
	ck_assert_uint_eq(host_command(), 0);
}
END_TEST

START_TEST(master_waits_for_arm_without_request)
{
	fixture_init(&fx);
	fixture_start(&fx);
	ck_assert_uint_eq(host_command(), 0);
	ck_assert(!fx.fn.mastered);
	wr(PCI_COMMAND, 2, PCI_COMMAND_MASTER);
	ck_assert_uint_eq(host_command(), PCI_COMMAND_MASTER);
	ck_assert(fx.fn.mastered);
	fixture_fini(&fx);
}
END_TEST

/* D3hot: no decoding, no mastering; the device itself stays in D0. */
START_TEST(power_state_is_virtual)
{
	const uint16_t pmcsr = FAKE_PM + PCI_PM_CTRL;

	fixture_init(&fx);
	fixture_start(&fx);
	/* No PME, no D1, D2; and nothing is lost on the way to D3. */
	ck_assert_uint_eq(rd(FAKE_PM + PCI_PM_PMC, 2), 0x0003);
	ck_assert_uint_eq(rd(pmcsr, 2), PCI_PM_CTRL_NO_SOFT_RESET);
	wr(PCI_BASE_ADDRESS_0, 4, 0xc0000000);
	wr(PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	ck_assert_ptr_nonnull(fake_vmm_direct(&fx.vmm, 0xc0000000));
	wr(pmcsr, 2, 3 | PCI_PM_CTRL_PME_ENABLE);
	ck_assert_uint_eq(rd(pmcsr, 2), 3 | PCI_PM_CTRL_NO_SOFT_RESET);
	ck_assert_uint_eq(host_command(), 0);
	ck_assert_ptr_null(fake_vmm_direct(&fx.vmm, 0xc0000000));
	ck_assert_uint_eq(fake_get(&fx.fn, pmcsr, 2), 0);
	/* No such states: refused, D3 stays. */
	wr(pmcsr, 2, 1);
	ck_assert_uint_eq(rd(pmcsr, 2) & 3, 3);
	wr(pmcsr, 2, 2);
	ck_assert_uint_eq(rd(pmcsr, 2) & 3, 3);
	wr(pmcsr, 2, 0);
	ck_assert_uint_eq(host_command(),
			  PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	ck_assert_ptr_nonnull(fake_vmm_direct(&fx.vmm, 0xc0000000));
	fixture_fini(&fx);
}
END_TEST

START_TEST(status_interrupt_is_live)
{
	fixture_init(&fx);
	fixture_start(&fx);
	fake_put(&fx.fn, PCI_STATUS, 2, PCI_STATUS_INTERRUPT | 0xf900);
	ck_assert_uint_eq(rd(PCI_STATUS, 2),
			  PCI_STATUS_INTERRUPT | PCI_STATUS_CAP_LIST);
	fake_put(&fx.fn, PCI_STATUS, 2, 0);
	ck_assert_uint_eq(rd(PCI_COMMAND, 4) >> 16, PCI_STATUS_CAP_LIST);
	fixture_fini(&fx);
}
END_TEST

/* A device that does not take the write must not be shown as decoding. */
START_TEST(command_write_fails)
{
	fixture_init(&fx);
	fixture_start(&fx);
	wr(PCI_BASE_ADDRESS_0, 4, 0xc0000000);
	fx.sweep.fail_at = fx.sweep.calls + 1;
	wr(PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	ck_assert_ptr_null(fake_vmm_direct(&fx.vmm, 0xc0000000));
	/* Any later change tries again. */
	wr(PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	ck_assert_ptr_nonnull(fake_vmm_direct(&fx.vmm, 0xc0000000));
	fixture_fini(&fx);
}
END_TEST

/*
 * The guest's driver resets the device through a BAR: COMMAND is gone. A read
 * says so, and a write, of whatever value, brings it back.
 */
START_TEST(backdoor_reset_is_seen)
{
	const uint16_t on = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;

	fixture_init(&fx);
	fixture_start(&fx);
	wr(PCI_BASE_ADDRESS_0, 4, 0xc0000000);
	wr(PCI_COMMAND, 2, on);
	ck_assert_ptr_nonnull(fake_vmm_direct(&fx.vmm, 0xc0000000));

	fx.fn.backdoor = true;
	fake_put(&fx.fn, PCI_COMMAND, 2, 0);
	wr(PCI_COMMAND, 2, on);
	ck_assert_uint_eq(host_command(), on);

	fake_put(&fx.fn, PCI_COMMAND, 2, 0);
	ck_assert_uint_eq(rd(PCI_COMMAND, 2), 0);
	ck_assert_ptr_null(fake_vmm_direct(&fx.vmm, 0xc0000000));
	wr(PCI_COMMAND, 2, on);
	ck_assert_uint_eq(host_command(), on);
	ck_assert_ptr_nonnull(fake_vmm_direct(&fx.vmm, 0xc0000000));
	fixture_fini(&fx);
}
END_TEST

START_TEST(device_without_ports_has_no_io_enable)
{
	fixture_init(&fx);
	fx.fn.region[1].size = 0;
	fixture_start(&fx);
	wr(PCI_COMMAND, 2, 0xffff);
	ck_assert_uint_eq(rd(PCI_COMMAND, 2), 0x546);
	ck_assert_uint_eq(rd(PCI_BASE_ADDRESS_1, 4), 0);
	fixture_fini(&fx);
}
END_TEST

/* On a root bus as a conventional device: no PCIe, no extended space. */
START_TEST(conventional_plug)
{
	unsigned int cap;

	fixture_init(&fx);
	ck_assert_int_eq(fixture_open(&fx), 0);
	ck_assert(moat_device_is_pcie(fx.dev));
	ck_assert_int_eq(
		moat_device_plug(fx.dev, &fake_vmm_ops, &fx.vmm, 0, &fx.err),
		0);
	for (cap = rd(PCI_CAPABILITY_LIST, 1); cap; cap = rd(cap + 1, 1))
		ck_assert_uint_ne(rd(cap, 1), PCI_CAP_ID_EXP);
	ck_assert_uint_eq(rd(0x100, 4), UINT32_MAX);
	ck_assert_uint_eq(rd(FAKE_EXP + PCI_EXP_DEVCAP, 4), 0);
	ck_assert_str_eq(moat_device_name(fx.dev), "disk");
	fixture_fini(&fx);
}
END_TEST

/* The host's bit was set; the guest's says what its slot has. */
START_TEST(multifunction_is_the_slots)
{
	fixture_init(&fx);
	ck_assert_int_eq(fixture_open(&fx), 0);
	ck_assert_int_eq(
		moat_device_plug(fx.dev, &fake_vmm_ops, &fx.vmm,
				 MOAT_PLUG_PCIE | MOAT_PLUG_MULTIFUNCTION,
				 &fx.err),
		0);
	ck_assert_uint_eq(rd(PCI_HEADER_TYPE, 1), 0x80);
	wr(PCI_HEADER_TYPE, 1, 0);
	ck_assert_uint_eq(rd(PCI_HEADER_TYPE, 1), 0x80);
	fixture_fini(&fx);
}
END_TEST

CHECK_MAIN("config", header_by_register, widths_agree,
	   bad_accesses_read_as_ones, command_reaches_device,
	   master_waits_for_arm_without_request, power_state_is_virtual,
	   status_interrupt_is_live, command_write_fails,
	   backdoor_reset_is_seen, device_without_ports_has_no_io_enable,
	   conventional_plug, multifunction_is_the_slots)
