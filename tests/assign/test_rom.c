// SPDX-License-Identifier: GPL-2.0-or-later
/* The expansion ROM: what is one, where it comes from, what the guest sees. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "assign/bytes.h"
#include "common/util.h"
#include "tests/assign/fake_function.h"
#include "tests/check_main.h"

#define ROM	 0xc8000000
#define BAR0	 0xc0000000
#define ROM_SIZE 0x2000

static struct fixture fx;

/* An image of @units 512 bytes. */
static void put_image(uint8_t *p, unsigned int units, bool last)
{
	for (unsigned int i = 0; i < units * 512; i++)
		p[i] = (uint8_t)(3 * i + 1);
	put_le(p, 2, 0xaa55);
	put_le(p + 0x18, 2, 0x1c);
	memcpy(p + 0x1c, "PCIR", 4);
	put_le(p + 0x1c + 0x10, 2, units);
	p[0x1c + 0x15] = last ? 0x80 : 0;
}

static const struct {
	size_t len;
	unsigned int at; /* where a byte is changed, */
	uint8_t to;	 /* to this; 0: none is */
	int want;	 /* of a file: all images */
	int want_own;	 /* of a device: the first one */
	const char *says;
} check_cases[] = {
	/* Two images, 1024 and 512 bytes. */
	{ 1536, 0, 0, 0, 0, NULL },
	{ 4096, 0, 0, 0, 0, NULL },
	{ 1535, 0, 0, -EINVAL, 0, "at byte 0x400 the image" },
	{ 1024 + 0x19, 0, 0, -EINVAL, 0, "at byte 0x400 there is no sig" },
	{ 1024 + 0x33, 0, 0, -EINVAL, 0, "data structure lies outside" },
	{ 1024, 0, 0, -EINVAL, 0, "at byte 0x400" },
	{ 1023, 0, 0, -EINVAL, -EINVAL, "at byte 0x0 the image" },
	{ 0, 0, 0, -EINVAL, -EINVAL, "no signature" },
	{ 1, 0, 0, -EINVAL, -EINVAL, "no signature" },
	{ 1536, 0, 0x56, -EINVAL, -EINVAL, "no signature" },
	{ 1536, 1, 0x55, -EINVAL, -EINVAL, "no signature" },
	{ 1536, 0x18, 0x10, -EINVAL, -EINVAL, "lies outside" },
	{ 1536, 0x19, 0xff, -EINVAL, -EINVAL, "lies outside" },
	{ 1536, 0x1c, 'p', -EINVAL, -EINVAL, "PCIR" },
	{ 1536, 0x2d, 0xff, -EINVAL, -EINVAL, "does not end" },
	{ 1536, 1024, 0x54, -EINVAL, 0, "at byte 0x400 there is no" },
	{ 1536, 1024 + 0x31, 0x01, -EINVAL, 0, "at byte 0x600" },
};

START_TEST(images_are_checked_with_bounds)
{
	for (size_t i = 0; i < ARRAY_SIZE(check_cases); i++) {
		size_t len = check_cases[i].len;
		/* As long as it says, so that a look beyond is noticed. */
		uint8_t whole[4096], *data = malloc(len ? len : 1);
		struct moat_err err;
		int r;

		memset(whole, 0xff, sizeof(whole));
		put_image(whole, 2, false);
		put_image(whole + 1024, 1, true);
		if (check_cases[i].to)
			whole[check_cases[i].at] = check_cases[i].to;
		memcpy(data, whole, len);
		r = rom_check(data, len, true, "f", &err);
		ck_assert_msg(r == check_cases[i].want, "case %zu: %d", i, r);
		if (r < 0)
			ck_assert_msg(strstr(err.msg, check_cases[i].says) !=
					      NULL,
				      "case %zu: %s", i, err.msg);
		r = rom_check(data, len, false, "f", &err);
		ck_assert_msg(r == check_cases[i].want_own, "case %zu: %d", i,
			      r);
		free(data);
	}
}
END_TEST

/* No length: the next image would be the same one, for ever. */
START_TEST(image_without_length)
{
	uint8_t data[1024];
	struct moat_err err;

	put_image(data, 2, false);
	put_le(data + 0x1c + 0x10, 2, 0);
	ck_assert_int_eq(rom_check(data, sizeof(data), true, "f", &err),
			 -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.msg, "no length"));
}
END_TEST

static void give_rom(void)
{
	fx.fn.region[HOST_REGION_ROM].size = ROM_SIZE;
	fx.fn.memory[HOST_REGION_ROM] = malloc(ROM_SIZE);
	memset(fx.fn.memory[HOST_REGION_ROM], 0xff, ROM_SIZE);
	put_image(fx.fn.memory[HOST_REGION_ROM], 6, true);
}

static uint32_t reg(void)
{
	return moat_device_config_read(fx.dev, PCI_ROM_ADDRESS, 4);
}

static void set_reg(uint32_t value)
{
	moat_device_config_write(fx.dev, PCI_ROM_ADDRESS, 4, value);
}

static void command(uint16_t value)
{
	moat_device_config_write(fx.dev, PCI_COMMAND, 2, value);
}

static uint64_t rd(uint64_t offset, unsigned int size)
{
	return fake_vmm_read(&fx.vmm, MOAT_TRAP_MMIO, ROM + offset, size);
}

static void start_with_rom(void)
{
	fixture_init(&fx);
	give_rom();
	fx.spec.rom = MOAT_ROM_ON;
	fixture_start(&fx);
	set_reg(ROM | PCI_ROM_ADDRESS_ENABLE);
	command(PCI_COMMAND_MEMORY);
}

START_TEST(guest_reads_the_devices_own)
{
	struct moat_bar_info info;

	start_with_rom();
	moat_device_bar(fx.dev, MOAT_PCI_ROM, &info);
	ck_assert_int_eq(info.kind, MOAT_BAR_MEM32);
	ck_assert_uint_eq(info.size, ROM_SIZE);
	for (unsigned int size = 1; size <= 8; size *= 2)
		for (unsigned int at = 0; at < ROM_SIZE; at += size)
			ck_assert_uint_eq(
				rd(at, size),
				get_le(fx.fn.memory[HOST_REGION_ROM] + at,
				       size));
	/* It is a copy, and stays as it was. */
	fake_vmm_write(&fx.vmm, MOAT_TRAP_MMIO, ROM, 4, 0x12345678);
	fx.fn.memory[HOST_REGION_ROM][2] = 0x77;
	ck_assert_uint_eq(rd(0, 2), 0xaa55);
	ck_assert_uint_ne(rd(2, 1), 0x77);
	ck_assert_ptr_null(fake_vmm_direct(&fx.vmm, ROM));
	/* The device's decoder is never turned on, nor left with memory on. */
	ck_assert_uint_eq(fake_get(&fx.fn, PCI_ROM_ADDRESS, 4), 0xfff00001);
	command(0);
	ck_assert_uint_eq(fake_get(&fx.fn, PCI_COMMAND, 2), 0);
	fixture_fini(&fx);
}
END_TEST

START_TEST(register_sizes_and_moves)
{
	start_with_rom();
	ck_assert_uint_eq(reg(), ROM | 1);
	set_reg(0xfffff800);
	ck_assert_uint_eq(reg(), ~(uint32_t)(ROM_SIZE - 1));
	ck_assert_uint_eq(rd(0, 2), 0xffff);
	/* Sized with the enable bit on, it is shown nowhere, either. */
	set_reg(0xffffffff);
	ck_assert_uint_eq(reg(), ~(uint32_t)(ROM_SIZE - 1) | 1);
	ck_assert_uint_eq(fake_vmm_read(&fx.vmm, MOAT_TRAP_MMIO, 0xffffe000, 2),
			  0xffff);
	set_reg(ROM | 0x7fe); /* reserved bits, not enabled */
	ck_assert_uint_eq(reg(), ROM);
	ck_assert_uint_eq(rd(0, 2), 0xffff);
	set_reg(ROM | 1);
	ck_assert_uint_eq(rd(0, 2), 0xaa55);
	set_reg((ROM + 0x10000) | 1);
	ck_assert_uint_eq(rd(0, 2), 0xffff);
	ck_assert_uint_eq(rd(0x10000, 2), 0xaa55);
	/* One half at a time. */
	moat_device_config_write(fx.dev, PCI_ROM_ADDRESS + 2, 2, ROM >> 16);
	ck_assert_uint_eq(rd(0, 2), 0xaa55);
	fixture_fini(&fx);
}
END_TEST

static void memory_off(void)
{
	command(PCI_COMMAND_IO);
}

static void sleep_d3(void)
{
	moat_device_config_write(fx.dev, FAKE_PM + PCI_PM_CTRL, 2, 3);
}

static void reset(void)
{
	ck_assert_int_eq(moat_device_reset(fx.dev, &fx.err), 0);
	ck_assert_uint_eq(reg(), 0);
}

static void withdraw(void)
{
	moat_device_withdraw(fx.dev);
}

static void disable(void)
{
	set_reg(ROM);
}

/* A driver resets the device through a BAR: it loses COMMAND by itself. */
static void decode_lost(void)
{
	fake_put(&fx.fn, PCI_COMMAND, 2, 0);
	ck_assert_uint_eq(moat_device_config_read(fx.dev, PCI_COMMAND, 2), 0);
}

START_TEST(it_is_gone_when_it_should_be)
{
	static void (*const ends[])(void) = {
		memory_off, sleep_d3, reset, withdraw, disable, decode_lost
	};

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		struct moat_trap trap;

		start_with_rom();
		trap = fx.dev->rom.trap;
		ck_assert_uint_eq(trap.read(trap.opaque, 0, 2), 0xaa55);
		ends[i]();
		ck_assert_uint_eq(rd(0, 2), 0xffff);
		/* An access that was under way. */
		ck_assert_uint_eq(trap.read(trap.opaque, 0, 2), 0xffff);
		fixture_fini(&fx);
	}
}
END_TEST

/* On a BAR of its own it stays away, and the BAR works; later it may come. */
START_TEST(overlap_with_a_bar)
{
	start_with_rom();
	moat_device_config_write(fx.dev, PCI_BASE_ADDRESS_0, 4, BAR0);
	set_reg(BAR0 | 1);
	ck_assert_ptr_nonnull(fake_vmm_direct(&fx.vmm, BAR0));
	ck_assert_uint_eq(fake_vmm_read(&fx.vmm, MOAT_TRAP_MMIO, BAR0, 2), 0);
	set_reg(ROM | 1);
	ck_assert_uint_eq(rd(0, 2), 0xaa55);
	fixture_fini(&fx);
}
END_TEST

START_TEST(off_by_default)
{
	struct moat_bar_info info;

	fixture_init(&fx);
	give_rom();
	fixture_start(&fx);
	moat_device_bar(fx.dev, MOAT_PCI_ROM, &info);
	ck_assert_int_eq(info.kind, MOAT_BAR_NONE);
	set_reg(0xffffffff);
	ck_assert_uint_eq(reg(), 0);
	fixture_fini(&fx);
}
END_TEST

static void write_file(const char *path, const void *data, size_t len)
{
	FILE *f = fopen(path, "we");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(data, 1, len, f), len);
	ck_assert_int_eq(fclose(f), 0);
}

START_TEST(guest_reads_a_file)
{
	char path[] = "/tmp/moat-rom-XXXXXX";
	int fd = mkstemp(path);
	uint8_t data[1536];

	ck_assert_int_ge(fd, 0);
	(void)close(fd);
	put_image(data, 2, false);
	put_image(data + 1024, 1, true);
	write_file(path, data, sizeof(data));

	fixture_init(&fx);
	fx.spec.rom = MOAT_ROM_FILE;
	(void)strcpy(fx.spec.rom_file, path);
	fixture_start(&fx);
	set_reg(0xfffff801);
	ck_assert_uint_eq(reg(), 0xfffff801); /* 2 KiB, the least there is */
	set_reg(ROM | 1);
	command(PCI_COMMAND_MEMORY);
	for (unsigned int at = 0; at < sizeof(data); at++)
		ck_assert_uint_eq(rd(at, 1), data[at]);
	ck_assert_uint_eq(rd(sizeof(data), 8), UINT64_MAX);
	fixture_fini(&fx);

	/* Cut short. */
	write_file(path, data, sizeof(data) - 1);
	fixture_init(&fx);
	fx.spec.rom = MOAT_ROM_FILE;
	(void)strcpy(fx.spec.rom_file, path);
	ck_assert_int_eq(fixture_open(&fx), -EINVAL);
	ck_assert_ptr_nonnull(strstr(fx.err.msg, "disk: rom="));
	ck_assert_ptr_nonnull(strstr(fx.err.msg, path));
	fixture_fini(&fx);

	/* Not there, and no file. */
	ck_assert_int_eq(unlink(path), 0);
	fixture_init(&fx);
	fx.spec.rom = MOAT_ROM_FILE;
	(void)strcpy(fx.spec.rom_file, path);
	ck_assert_int_eq(fixture_open(&fx), -ENOENT);
	ck_assert_ptr_nonnull(strstr(fx.err.msg, path));
	(void)strcpy(fx.spec.rom_file, "/tmp");
	ck_assert_int_lt(fixture_open(&fx), 0);
	fixture_fini(&fx);
}
END_TEST

START_TEST(what_the_device_may_lack)
{
	static const struct {
		uint64_t size;
		int want;
	} cases[] = { { 0, -ENODEV },
		      { UINT64_C(1) << 25, -EFBIG },
		      { UINT64_MAX, -EFBIG } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		fixture_init(&fx);
		fx.spec.rom = MOAT_ROM_ON;
		fx.fn.region[HOST_REGION_ROM].size = cases[i].size;
		ck_assert_int_eq(fixture_open(&fx), cases[i].want);
		ck_assert_ptr_nonnull(strstr(fx.err.msg, "disk: rom=on"));
		fixture_fini(&fx);
	}
	fixture_init(&fx);
	give_rom();
	fx.fn.memory[HOST_REGION_ROM][0] = 0;
	fx.spec.rom = MOAT_ROM_ON;
	ck_assert_int_eq(fixture_open(&fx), -EINVAL);
	ck_assert_ptr_nonnull(strstr(fx.err.msg, "no signature"));
	ck_assert_uint_eq(fake_get(&fx.fn, PCI_COMMAND, 2), 0);
	fixture_fini(&fx);
}
END_TEST

START_TEST(open_under_sweep)
{
	unsigned int fail_at = 1;
	int r;

	do {
		fixture_init(&fx);
		give_rom();
		fx.spec.rom = MOAT_ROM_ON;
		fx.sweep.fail_at = fail_at++;
		r = fixture_open(&fx);
		ck_assert(r == 0 || (r == -EIO && fx.err.msg[0]));
		if (r < 0)
			ck_assert(fixture_is_clean(&fx));
		fixture_fini(&fx);
	} while (r < 0);
	ck_assert_uint_gt(fail_at, 24);
}
END_TEST

CHECK_MAIN("rom", images_are_checked_with_bounds, image_without_length,
	   guest_reads_the_devices_own, register_sizes_and_moves,
	   it_is_gone_when_it_should_be, overlap_with_a_bar, off_by_default,
	   guest_reads_a_file, what_the_device_may_lack, open_under_sweep)
