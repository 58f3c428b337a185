// SPDX-License-Identifier: GPL-2.0-or-later
/* The capability chains: rebuilt, filtered, and refused when malformed. */
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

/* Forget the default capabilities. */
static void no_caps(void)
{
	memset(fx.fn.config + 0x40, 0, CONFIG_SIZE - 0x40);
	fake_put(&fx.fn, PCI_CAPABILITY_LIST, 1, 0);
}

static void put_cap(unsigned int at, uint8_t id, uint8_t next)
{
	fake_put(&fx.fn, at, 2, id | next << 8);
}

static void put_ext(unsigned int at, uint32_t id, uint32_t next)
{
	fake_put(&fx.fn, at, 4, id | 1u << 16 | next << 20);
}

START_TEST(chain_is_linked_anew)
{
	static const uint8_t ids[] = { PCI_CAP_ID_PM, PCI_CAP_ID_MSI,
				       PCI_CAP_ID_MSIX, PCI_CAP_ID_VNDR,
				       PCI_CAP_ID_EXP };
	unsigned int at, n = 0;

	fixture_init(&fx);
	fixture_start(&fx);
	for (at = rd(PCI_CAPABILITY_LIST, 1); at; at = rd(at + 1, 1)) {
		ck_assert_uint_lt(n, ARRAY_SIZE(ids));
		ck_assert_uint_eq(rd(at, 1), ids[n++]);
	}
	ck_assert_uint_eq(n, ARRAY_SIZE(ids));
	/* What is hidden reads as zero, header and all. */
	ck_assert_uint_eq(rd(FAKE_PCIX, 4), 0);
	/* Headers are constant. */
	wr(FAKE_PM, 4, 0xffffffff);
	ck_assert_uint_eq(rd(FAKE_PM, 2), PCI_CAP_ID_PM | FAKE_MSI << 8);
	fixture_fini(&fx);
}
END_TEST

START_TEST(extended_chain_is_linked_anew)
{
	fixture_init(&fx);
	fixture_start(&fx);
	/* ATS is hidden; what is left of it points on. */
	ck_assert_uint_eq(rd(0x100, 4), (uint32_t)FAKE_EXT_AER << 20);
	ck_assert_uint_eq(rd(0x104, 4), 0);
	ck_assert_uint_eq(rd(FAKE_EXT_AER, 4),
			  PCI_EXT_CAP_ID_ERR | 1 << 16 |
				  (uint32_t)FAKE_EXT_DSN << 20);
	ck_assert_uint_eq(rd(FAKE_EXT_SRIOV, 4), 0);
	ck_assert_uint_eq(rd(FAKE_EXT_DSN, 4), PCI_EXT_CAP_ID_DSN | 1 << 16);
	ck_assert_uint_eq(rd(FAKE_EXT_DSN + 4, 4), 0x89abcdef);
	/* Errors are the host's: shown, not touched. */
	ck_assert_uint_eq(rd(FAKE_EXT_AER + PCI_ERR_UNCOR_SEVER, 4),
			  0x00462030);
	wr(FAKE_EXT_AER + PCI_ERR_UNCOR_SEVER, 4, 0xffffffff);
	ck_assert_uint_eq(
		fake_get(&fx.fn, FAKE_EXT_AER + PCI_ERR_UNCOR_SEVER, 4),
		0x00462030);
	fixture_fini(&fx);
}
END_TEST

/* The first one shown: no empty header then. */
START_TEST(extended_first_is_shown)
{
	fixture_init(&fx);
	put_ext(0x100, PCI_EXT_CAP_ID_DSN, 0x140);
	put_ext(0x140, PCI_EXT_CAP_ID_ATS, 0);
	fixture_start(&fx);
	ck_assert_uint_eq(rd(0x100, 4), PCI_EXT_CAP_ID_DSN | 1 << 16);
	fixture_fini(&fx);
}
END_TEST

/* None, nobody answers for it, or VFIO left an empty header. */
START_TEST(extended_space_without_capabilities)
{
	static const uint32_t first[] = { 0, 0xffffffff, 0x1c000000 };

	for (size_t i = 0; i < ARRAY_SIZE(first); i++) {
		fixture_init(&fx);
		fake_put(&fx.fn, 0x100, 4, first[i]);
		fixture_start(&fx);
		ck_assert_uint_eq(rd(0x100, 4), i == 2 ? 0x1c000000 : 0);
		fixture_fini(&fx);
	}
	/* The host reaches 256 bytes only. */
	fixture_init(&fx);
	fx.fn.config_size = 256;
	fixture_start(&fx);
	ck_assert_uint_eq(rd(0x100, 4), UINT32_MAX);
	ck_assert_uint_eq(rd(FAKE_EXP, 1), PCI_CAP_ID_EXP);
	fixture_fini(&fx);
}
END_TEST

/* Every hidden extended capability, alone at the start of the chain. */
START_TEST(hidden_extended)
{
	static const uint16_t ids[] = {
		PCI_EXT_CAP_ID_ATS,
		PCI_EXT_CAP_ID_PRI,
		PCI_EXT_CAP_ID_PASID,
		PCI_EXT_CAP_ID_SRIOV,
		PCI_EXT_CAP_ID_ARI,
		PCI_EXT_CAP_ID_ACS,
		PCI_EXT_CAP_ID_REBAR,
		PCI_EXT_CAP_ID_TPH,
		PCI_EXT_CAP_ID_LTR,
		PCI_EXT_CAP_ID_L1SS,
		PCI_EXT_CAP_ID_VC,
		PCI_EXT_CAP_ID_DOE,
		0x7777, /* nobody knows it */
	};

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		fixture_init(&fx);
		put_ext(0x100, ids[i], 0);
		fake_put(&fx.fn, 0x104, 4, 0xffffffff);
		fixture_start(&fx);
		ck_assert_uint_eq(rd(0x100, 4), 0);
		ck_assert_uint_eq(rd(0x104, 4), 0);
		wr(0x104, 4, 0);
		ck_assert_uint_eq(fake_get(&fx.fn, 0x104, 4), 0xffffffff);
		fixture_fini(&fx);
	}
}
END_TEST

/* ---- malformed ---- */

static void loop_to_itself(void)
{
	put_cap(FAKE_EXP, PCI_CAP_ID_EXP, FAKE_EXP);
}

static void loop_back(void)
{
	put_cap(FAKE_EXP, PCI_CAP_ID_EXP, FAKE_PM);
}

static void into_header(void)
{
	put_cap(FAKE_EXP, PCI_CAP_ID_EXP, 0x3c);
}

static void overlapping(void)
{
	put_cap(FAKE_EXP, PCI_CAP_ID_EXP, FAKE_EXP + 8);
	put_cap(FAKE_EXP + 8, PCI_CAP_ID_PM, 0);
}

static void past_the_end(void)
{
	put_cap(FAKE_EXP, PCI_CAP_ID_EXP, 0xfc);
	put_cap(0xfc, PCI_CAP_ID_PM, 0);
}

static void vendor_past_the_end(void)
{
	fake_put(&fx.fn, FAKE_VENDOR + 2, 1, 0xff);
}

static void vendor_overlapping(void)
{
	fake_put(&fx.fn, FAKE_VENDOR + 2, 1, 0x40);
}

static void all_ones_id(void)
{
	put_cap(FAKE_EXP, PCI_CAP_ID_EXP, 0xe8);
	put_cap(0xe8, 0xff, 0);
}

static void ext_loop(void)
{
	put_ext(FAKE_EXT_DSN, PCI_EXT_CAP_ID_DSN, FAKE_EXT_AER);
}

static void ext_into_standard(void)
{
	put_ext(FAKE_EXT_DSN, PCI_EXT_CAP_ID_DSN, 0x80);
}

static void ext_overlapping(void)
{
	put_ext(FAKE_EXT_DSN, PCI_EXT_CAP_ID_DSN, FAKE_EXT_AER + 0x10);
	put_ext(FAKE_EXT_AER + 0x10, PCI_EXT_CAP_ID_LTR, 0);
}

static void ext_past_the_end(void)
{
	put_ext(FAKE_EXT_DSN, PCI_EXT_CAP_ID_DSN, 0xffc);
	put_ext(0xffc, PCI_EXT_CAP_ID_ERR, 0);
}

static void ext_vendor_past_the_end(void)
{
	put_ext(FAKE_EXT_DSN, PCI_EXT_CAP_ID_DSN, 0xff8);
	put_ext(0xff8, PCI_EXT_CAP_ID_VNDR, 0);
	fake_put(&fx.fn, 0xffc, 4, 0x010u << 20);
}

static void ext_vendor_at_the_end(void)
{
	put_ext(FAKE_EXT_DSN, PCI_EXT_CAP_ID_DSN, 0xffc);
	put_ext(0xffc, PCI_EXT_CAP_ID_VNDR, 0);
}

/* 240 vendor capabilities, three rows each. */
static void ext_too_many(void)
{
	for (unsigned int at = 0x100; at < 0x1000; at += 16) {
		put_ext(at, PCI_EXT_CAP_ID_VNDR,
			at + 16 < 0x1000 ? at + 16 : 0);
		fake_put(&fx.fn, at + 4, 4, 16u << 20);
	}
}

static void bridge(void)
{
	fake_put(&fx.fn, PCI_HEADER_TYPE, 1, PCI_HEADER_TYPE_BRIDGE);
}

static void absent(void)
{
	memset(fx.fn.config, 0xff, CONFIG_SIZE);
}

static void truncated(void)
{
	fx.fn.config_size = 64;
}

static const struct {
	void (*make)(void);
	int want;
	const char *says;
} malformed[] = {
	{ loop_to_itself, -EINVAL, "0xa0 overlaps another, or is in a loop" },
	{ loop_back, -EINVAL, "0x40 overlaps another, or is in a loop" },
	{ into_header, -EINVAL, "0x3c lies in the header" },
	{ overlapping, -EINVAL, "0xa8 overlaps another" },
	{ past_the_end, -EINVAL, "0xfc reaches past the end" },
	{ vendor_past_the_end, -EINVAL, "0x80 reaches past the end" },
	{ vendor_overlapping, -EINVAL, "0x90 overlaps another" },
	{ all_ones_id, -EINVAL, "0xe8 has no ID" },
	{ ext_loop, -EINVAL, "0x140 overlaps another, or is in a loop" },
	{ ext_into_standard, -EINVAL, "0x080 lies below" },
	{ ext_overlapping, -EINVAL, "0x150 overlaps another" },
	{ ext_past_the_end, -EINVAL, "0xffc reaches past the end" },
	{ ext_vendor_past_the_end, -EINVAL, "0xff8 reaches past the end" },
	{ ext_vendor_at_the_end, -EINVAL, "0xffc reaches past the end" },
	{ ext_too_many, -E2BIG, "no room" },
	{ bridge, -EINVAL, "header type 1" },
	{ absent, -EIO, "does not answer" },
	{ truncated, -EIO, "is cut off after 64 bytes of 256" },
	{ truncated, -EIO, "rescan its bus" },
};

START_TEST(malformed_is_refused)
{
	for (size_t i = 0; i < ARRAY_SIZE(malformed); i++) {
		fixture_init(&fx);
		malformed[i].make();
		ck_assert_msg(fixture_open(&fx) == malformed[i].want,
			      "case %zu: %s", i, fx.err.msg);
		ck_assert_msg(strstr(fx.err.msg, malformed[i].says) != NULL,
			      "case %zu: %s", i, fx.err.msg);
		ck_assert_ptr_eq(strstr(fx.err.msg, "disk: "), fx.err.msg);
		fx.fn.config_size = CONFIG_SIZE;
		fixture_fini(&fx);
	}
}
END_TEST

/* The list bit clear: no capability, whatever the pointer says. */
START_TEST(no_list)
{
	fixture_init(&fx);
	fake_put(&fx.fn, PCI_STATUS, 2, 0);
	fake_put(&fx.fn, PCI_CAPABILITY_LIST, 1, 0xfc);
	fixture_start(&fx);
	ck_assert_uint_eq(rd(PCI_STATUS, 2), 0);
	ck_assert_uint_eq(rd(PCI_CAPABILITY_LIST, 1), 0);
	ck_assert(!moat_device_is_pcie(fx.dev));
	fixture_fini(&fx);
}
END_TEST

/* ---- single capabilities ---- */

START_TEST(vendor_is_read_only)
{
	fixture_init(&fx);
	fixture_start(&fx);
	ck_assert_uint_eq(rd(FAKE_VENDOR + 4, 4), 0xcafef00d);
	wr(FAKE_VENDOR + 6, 2, 0x1234);
	wr(FAKE_VENDOR, 4, 0xffffffff);
	ck_assert_uint_eq(fake_get(&fx.fn, FAKE_VENDOR + 4, 4), 0xcafef00d);
	ck_assert_uint_eq(rd(FAKE_VENDOR, 4),
			  PCI_CAP_ID_VNDR | FAKE_EXP << 8 | 12 << 16);
	/* Behind its end nothing is. */
	ck_assert_uint_eq(rd(FAKE_VENDOR + 12, 4), 0);
	fixture_fini(&fx);
}
END_TEST

/* Reads go through; what would write the EEPROM does not. */
START_TEST(vpd_is_read_only)
{
	fixture_init(&fx);
	no_caps();
	fake_put(&fx.fn, PCI_CAPABILITY_LIST, 1, 0x40);
	put_cap(0x40, PCI_CAP_ID_VPD, 0);
	fake_put(&fx.fn, 0x42, 2, 0x8000); /* a read is done */
	fake_put(&fx.fn, 0x44, 4, 0x55aa55aa);
	fixture_start(&fx);
	ck_assert_uint_eq(rd(0x42, 2), 0x8000);
	ck_assert_uint_eq(rd(0x44, 4), 0x55aa55aa);
	wr(0x44, 4, 0);
	ck_assert_uint_eq(fake_get(&fx.fn, 0x44, 4), 0x55aa55aa);
	wr(0x42, 2, 0x8010);
	ck_assert_uint_eq(fake_get(&fx.fn, 0x42, 2), 0x0010);
	fake_put(&fx.fn, 0x42, 2, 0x8010);
	wr(0x43, 1, 0x80);
	ck_assert_uint_eq(fake_get(&fx.fn, 0x42, 2), 0x0010);
	fixture_fini(&fx);
}
END_TEST

START_TEST(af_resets)
{
	fixture_init(&fx);
	no_caps();
	fake_put(&fx.fn, PCI_CAPABILITY_LIST, 1, 0x40);
	put_cap(0x40, PCI_CAP_ID_AF, 0);
	fake_put(&fx.fn, 0x42, 4, 0x01000306);
	fixture_start(&fx);
	ck_assert_uint_eq(rd(0x40, 4), 0x03060013);
	ck_assert_uint_eq(rd(0x44, 2), 0x0100);
	wr(PCI_COMMAND, 2, PCI_COMMAND_MASTER);
	wr(0x44, 1, 0xfe);
	ck_assert_uint_eq(fx.fn.resets, 0);
	wr(0x44, 1, PCI_AF_CTRL_FLR);
	ck_assert_uint_eq(fx.fn.resets, 1);
	ck_assert_uint_eq(rd(0x44, 1), 0);
	ck_assert_uint_eq(rd(PCI_COMMAND, 2), 0);
	ck_assert_uint_eq(fake_get(&fx.fn, PCI_COMMAND, 2), 0);
	fixture_fini(&fx);
	/* Not to be had: not offered, not done. */
	fixture_init(&fx);
	no_caps();
	fx.fn.host.can_reset = false;
	fake_put(&fx.fn, PCI_CAPABILITY_LIST, 1, 0x40);
	put_cap(0x40, PCI_CAP_ID_AF, 0);
	fake_put(&fx.fn, 0x42, 4, 0x01000306);
	fixture_start(&fx);
	ck_assert_uint_eq(rd(0x43, 1), PCI_AF_CAP_TP);
	wr(PCI_COMMAND, 2, PCI_COMMAND_MASTER);
	wr(0x44, 1, PCI_AF_CTRL_FLR);
	ck_assert_uint_eq(rd(PCI_COMMAND, 2), PCI_COMMAND_MASTER);
	fixture_fini(&fx);
}
END_TEST

/* ---- PCI Express ---- */

/* By register: at first, after all ones, and what reached the device. */
static const struct {
	uint16_t offset;
	unsigned int size;
	uint32_t first, ones, device;
} pcie[] = {
	{ PCI_EXP_FLAGS, 2, 0x0002, 0x0002, 0x0002 },
	/* 512 bytes supported, 256 in use: the guest may have 256. */
	{ PCI_EXP_DEVCAP, 4, 0x10008fc1, 0x10008fc1, 0x10008fc2 },
	/* Relaxed ordering, no-snoop: the device's. FLR reads as zero. */
	{ PCI_EXP_DEVCTL, 2, 0x2030, 0x79ff, 0x2830 },
	{ PCI_EXP_DEVSTA, 2, 0, 0, 0 },
	/* No ASPM, no port number, no clock management. */
	{ PCI_EXP_LNKCAP, 4, 0x00000083, 0x00000083, 0x01477c83 },
	{ PCI_EXP_LNKCTL, 2, 0, 0x00cb, 0 },
	{ PCI_EXP_LNKSTA, 2, 0x1043, 0x1043, 0x1043 },
	{ PCI_EXP_SLTCAP, 4, 0, 0, 0 },
	{ PCI_EXP_SLTCTL, 4, 0, 0, 0 },
	{ PCI_EXP_RTCTL, 4, 0, 0, 0 },
	{ PCI_EXP_RTSTA, 4, 0, 0, 0 },
	{ PCI_EXP_DEVCAP2, 4, 0x1f, 0x1f, 0x0070083f },
	{ PCI_EXP_DEVCTL2, 2, 0, 0x1f, 0 },
	{ PCI_EXP_DEVSTA2, 2, 0, 0, 0 },
	{ PCI_EXP_LNKCAP2, 4, 0x0e, 0x0e, 0x0e },
	{ PCI_EXP_LNKCTL2, 2, 3, 0xf, 0 },
	{ PCI_EXP_LNKSTA2, 2, 0, 0, 0 },
};

START_TEST(pcie_by_register)
{
	for (size_t i = 0; i < ARRAY_SIZE(pcie); i++) {
		uint16_t at = FAKE_EXP + pcie[i].offset;
		uint32_t ones = UINT32_MAX;

		fixture_init(&fx);
		fixture_start(&fx);
		ck_assert_msg(rd(at, pcie[i].size) == pcie[i].first,
			      "+0x%02x reads 0x%x at first", pcie[i].offset,
			      rd(at, pcie[i].size));
		/* Not the reset bit: that has a test of its own. */
		if (pcie[i].offset == PCI_EXP_DEVCTL)
			ones &= ~PCI_EXP_DEVCTL_BCR_FLR;
		wr(at, pcie[i].size, ones);
		ck_assert_msg(rd(at, pcie[i].size) == pcie[i].ones,
			      "+0x%02x reads 0x%x after ones", pcie[i].offset,
			      rd(at, pcie[i].size));
		ck_assert_msg(
			fake_get(&fx.fn, at, pcie[i].size) == pcie[i].device,
			"+0x%02x: the device has 0x%llx", pcie[i].offset,
			(unsigned long long)fake_get(&fx.fn, at, pcie[i].size));
		fixture_fini(&fx);
	}
}
END_TEST

START_TEST(pcie_flr)
{
	const uint16_t devctl = FAKE_EXP + PCI_EXP_DEVCTL;

	fixture_init(&fx);
	fixture_start(&fx);
	wr(PCI_BASE_ADDRESS_0, 4, 0xc0000000);
	wr(PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	wr(devctl, 2, PCI_EXP_DEVCTL_BCR_FLR | PCI_EXP_DEVCTL_READRQ);
	ck_assert_uint_eq(fx.fn.resets, 1);
	ck_assert_uint_eq(rd(devctl, 2), 0x2020 | (rd(devctl, 2) & 0x10));
	ck_assert_uint_eq(rd(PCI_COMMAND, 2), 0);
	ck_assert_uint_eq(rd(PCI_BASE_ADDRESS_0, 4), 0);
	ck_assert_ptr_null(fake_vmm_direct(&fx.vmm, 0xc0000000));
	/* The bit itself never goes to the device. */
	ck_assert_uint_eq(fake_get(&fx.fn, devctl, 2) & PCI_EXP_DEVCTL_BCR_FLR,
			  0);
	fixture_fini(&fx);

	fixture_init(&fx);
	fx.fn.host.can_reset = false;
	fixture_start(&fx);
	ck_assert_uint_eq(rd(FAKE_EXP + PCI_EXP_DEVCAP, 4) & PCI_EXP_DEVCAP_FLR,
			  0);
	wr(PCI_COMMAND, 2, PCI_COMMAND_MASTER);
	wr(devctl, 2, PCI_EXP_DEVCTL_BCR_FLR);
	ck_assert_uint_eq(rd(PCI_COMMAND, 2), PCI_COMMAND_MASTER);
	fixture_fini(&fx);
}
END_TEST

/* Of the root complex on the host: below a root port, with a link, here. */
START_TEST(integrated_becomes_endpoint)
{
	for (unsigned int version = 1; version <= 2; version++) {
		fixture_init(&fx);
		fake_put(&fx.fn, FAKE_EXP + PCI_EXP_FLAGS, 2,
			 version | PCI_EXP_TYPE_RC_END << 4 | 0x3 << 9);
		fake_put(&fx.fn, FAKE_EXP + PCI_EXP_LNKCAP, 4, 0);
		fake_put(&fx.fn, FAKE_EXP + PCI_EXP_LNKSTA, 2, 0);
		fake_put(&fx.fn, FAKE_EXP + PCI_EXP_LNKCAP2, 4, 0);
		fixture_start(&fx);
		ck_assert_uint_eq(rd(FAKE_EXP + PCI_EXP_FLAGS, 2),
				  version | 0x3 << 9);
		ck_assert_uint_eq(rd(FAKE_EXP + PCI_EXP_LNKCAP, 4), 0x11);
		ck_assert_uint_eq(rd(FAKE_EXP + PCI_EXP_LNKSTA, 2), 0x11);
		ck_assert_uint_eq(rd(FAKE_EXP + PCI_EXP_LNKCAP2, 4),
				  version == 2 ? 2 : 0);
		fixture_fini(&fx);
	}
}
END_TEST

/* No room for link registers: shown as what it is, and nobody overwritten. */
START_TEST(integrated_without_room)
{
	fixture_init(&fx);
	no_caps();
	fake_put(&fx.fn, PCI_CAPABILITY_LIST, 1, 0x40);
	put_cap(0x40, PCI_CAP_ID_EXP, 0x4c);
	fake_put(&fx.fn, 0x42, 2, 1 | PCI_EXP_TYPE_RC_END << 4);
	put_cap(0x4c, PCI_CAP_ID_PM, 0);
	fake_put(&fx.fn, 0x4e, 2, 3);
	fixture_start(&fx);
	ck_assert_uint_eq(rd(0x42, 2), 1 | PCI_EXP_TYPE_RC_END << 4);
	ck_assert_uint_eq(rd(0x4c, 4), PCI_CAP_ID_PM | 3 << 16);
	ck_assert_uint_eq(rd(0x50, 2), PCI_PM_CTRL_NO_SOFT_RESET);
	fixture_fini(&fx);
}
END_TEST

/* A legacy endpoint stays one. */
START_TEST(legacy_endpoint)
{
	fixture_init(&fx);
	fake_put(&fx.fn, FAKE_EXP + PCI_EXP_FLAGS, 2,
		 2 | PCI_EXP_TYPE_LEG_END << 4 | PCI_EXP_FLAGS_SLOT);
	fixture_start(&fx);
	ck_assert_uint_eq(rd(FAKE_EXP + PCI_EXP_FLAGS, 2),
			  2 | PCI_EXP_TYPE_LEG_END << 4);
	fixture_fini(&fx);
}
END_TEST

CHECK_MAIN("caps", chain_is_linked_anew, extended_chain_is_linked_anew,
	   extended_first_is_shown, extended_space_without_capabilities,
	   hidden_extended, malformed_is_refused, no_list, vendor_is_read_only,
	   vpd_is_read_only, af_resets, pcie_by_register, pcie_flr,
	   integrated_becomes_endpoint, integrated_without_room,
	   legacy_endpoint)
