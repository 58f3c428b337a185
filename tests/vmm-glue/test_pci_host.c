// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>

#include <linux/pci_regs.h>

#include "common/util.h"
#include "tests/check_main.h"
#include "tests/vmm-glue/fake_function.h"

/*
 * 00:00.0 host bridge, 00:01.0 root port with @fn[0] behind, 00:02.0 @fn[1]
 * itself, 00:03.0 root port with @fn[2] behind.
 */
static struct iobus mmio, pio;
static struct layout layout;
static struct pci_host *host;
static struct fake_function fn[3];
static struct pci_slot slot[3];

static void setup(void)
{
	struct moat_err err;

	(void)iobus_init(&mmio);
	(void)iobus_init(&pio);
	ck_assert_int_eq(layout_init(&layout, 256 * MiB, 40, &err), 0);
	ck_assert_int_eq(pci_host_create(&layout, &mmio, &pio, &host, &err), 0);
	for (unsigned int i = 0; i < 3; i++) {
		const struct pci_socket any = { .pcie = i != 1 };

		fake_function_init(&fn[i], (uint16_t)(0x1000 + i));
		ck_assert_int_eq(pci_host_plug(host, &any, &fake_function_ops,
					       &fn[i], &slot[i], &err),
				 0);
	}
	ck_assert_int_eq(pci_host_assign(host, &err), 0);
}

static void teardown(void)
{
	for (unsigned int i = 0; i < 3; i++)
		ck_assert_uint_eq(fn[i].bad_accesses, 0);
	pci_host_destroy(host);
	ck_assert_uint_eq(mmio.n, 0);
	ck_assert_uint_eq(pio.n, 0);
	iobus_fini(&mmio);
	iobus_fini(&pio);
}

static uint64_t ecam(unsigned int bus, unsigned int dev, unsigned int func,
		     unsigned int offset)
{
	return LAYOUT_ECAM + ((uint64_t)bus << 20 | dev << 15 | func << 12) +
	       offset;
}

static uint64_t get(unsigned int bus, unsigned int dev, unsigned int offset,
		    unsigned int size)
{
	return iobus_read(&mmio, ecam(bus, dev, 0, offset), size);
}

static void set(unsigned int bus, unsigned int dev, unsigned int offset,
		unsigned int size, uint64_t value)
{
	iobus_write(&mmio, ecam(bus, dev, 0, offset), size, value);
}

static uint32_t cf8(unsigned int bus, unsigned int dev, unsigned int func,
		    unsigned int reg)
{
	return 0x80000000u | bus << 16 | dev << 11 | func << 8 | reg;
}

START_TEST(slots_are_told)
{
	setup();
	ck_assert_int_eq(slot[0].bus, 1);
	ck_assert_int_eq(slot[0].dev, 0);
	ck_assert_int_eq(slot[1].bus, 0);
	ck_assert_int_eq(slot[1].dev, 2);
	ck_assert_int_eq(slot[2].bus, 3);
	teardown();
}
END_TEST

/* Who answers where, by both ways in. */
static const struct {
	unsigned int bus, dev, func;
	uint32_t ids;
} answers[] = {
	{ 0, 0, 0, 0x00081b36 },   { 0, 1, 0, 0x000c1b36 },
	{ 0, 2, 0, 0x10011234 },   { 0, 3, 0, 0x000c1b36 },
	{ 1, 0, 0, 0x10001234 },   { 3, 0, 0, 0x10021234 },
	{ 0, 0, 1, 0xffffffff },   { 0, 1, 7, 0xffffffff },
	{ 0, 2, 1, 0xffffffff },   { 0, 4, 0, 0xffffffff },
	{ 0, 31, 0, 0xffffffff },  { 1, 1, 0, 0xffffffff },
	{ 1, 0, 1, 0xffffffff },   { 1, 31, 7, 0xffffffff },
	{ 2, 0, 0, 0xffffffff },   { 4, 0, 0, 0xffffffff },
	{ 255, 0, 0, 0xffffffff }, { 255, 31, 7, 0xffffffff },
};

START_TEST(functions_answer_at_their_address)
{
	setup();
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		unsigned int bus = answers[i].bus, dev = answers[i].dev;
		unsigned int func = answers[i].func;

		ck_assert_msg(iobus_read(&mmio, ecam(bus, dev, func, 0), 4) ==
				      answers[i].ids,
			      "ECAM %02x:%02x.%x", bus, dev, func);
		iobus_write(&pio, 0xcf8, 4, cf8(bus, dev, func, 0));
		ck_assert_msg(iobus_read(&pio, 0xcfc, 4) == answers[i].ids,
			      "CF8 %02x:%02x.%x", bus, dev, func);
		iobus_write(&mmio, ecam(bus, dev, func, 0), 4, 0);
	}
	teardown();
}
END_TEST

/* fn[1]'s bytes 0x40 on are 0x40, 0x41, ...; each access as a guest may. */
static const struct {
	unsigned int offset, size;
	uint64_t want;
} sizes[] = {
	{ 0x40, 1, 0x40 },
	{ 0x43, 1, 0x43 },
	{ 0x40, 2, 0x4140 },
	{ 0x41, 2, 0x4241 },
	{ 0x43, 2, 0x4443 },
	{ 0x40, 4, 0x43424140 },
	{ 0x41, 4, 0x44434241 },
	{ 0x42, 4, 0x45444342 },
	{ 0x43, 4, 0x46454443 },
	{ 0x40, 8, 0x4746454443424140 },
	{ 0x45, 8, 0x4c4b4a4948474645 },
};

START_TEST(ecam_takes_any_size)
{
	setup();
	for (unsigned int i = 0; i < 0x20; i++)
		fn[1].config[0x40 + i] = (uint8_t)(0x40 + i);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint64_t all = sizes[i].size == 8
				       ? UINT64_MAX
				       : (UINT64_C(1) << 8 * sizes[i].size) - 1;
		uint64_t got = get(0, 2, sizes[i].offset, sizes[i].size);

		ck_assert_msg(got == sizes[i].want, "case %zu: %#llx", i,
			      (unsigned long long)got);
		set(0, 2, sizes[i].offset + 0x40, sizes[i].size,
		    0x1122334455667788);
		ck_assert_uint_eq(
			get(0, 2, sizes[i].offset + 0x40, sizes[i].size),
			0x1122334455667788 & all);
		ck_assert_uint_eq(
			fn[1].config[sizes[i].offset + 0x40 + sizes[i].size],
			0);
		memset(fn[1].config + 0x80, 0, 0x20);
	}
	/* The last register of one function, the first of the next. */
	ck_assert_uint_eq(get(0, 2, 0xffe, 4), 0xffff0000);
	ck_assert_uint_eq(get(0, 2, 0xfff, 1), 0);
	teardown();
}
END_TEST

static const struct {
	uint64_t port;
	unsigned int size;
	uint64_t want;
} ports[] = {
	{ 0xcfc, 1, 0x40 },	  { 0xcfd, 1, 0x41 },
	{ 0xcff, 1, 0x43 },	  { 0xcfc, 2, 0x4140 },
	{ 0xcfd, 2, 0x4241 },	  { 0xcfe, 2, 0x4342 },
	{ 0xcfc, 4, 0x43424140 }, { 0xcff, 2, 0xffff }, /* past the end */
	{ 0xcfd, 4, 0xffffffff }, { 0xcf8, 4, 0x80001040 },
	{ 0xcf8, 1, 0xff },	  { 0xcf8, 2, 0xffff }, /* dwords only */
	{ 0xcfa, 1, 0xff },	  { 0xcfb, 1, 0xff },
	{ 0xcf9, 1, 0xff }, /* no reset port is set */
};

START_TEST(cf8_decodes)
{
	setup();
	for (unsigned int i = 0; i < 8; i++)
		fn[1].config[0x40 + i] = (uint8_t)(0x40 + i);
	iobus_write(&pio, 0xcf8, 4, cf8(0, 2, 0, 0x40));
	for (size_t i = 0; i < ARRAY_SIZE(ports); i++)
		ck_assert_msg(iobus_read(&pio, ports[i].port, ports[i].size) ==
				      ports[i].want,
			      "case %zu", i);
	/* Writes of less than a dword are none of the address's. */
	iobus_write(&pio, 0xcf8, 1, 0);
	iobus_write(&pio, 0xcfb, 1, 0);
	iobus_write(&pio, 0xcf8, 2, 0);
	iobus_write(&pio, 0xcf9, 1, 6);
	ck_assert_uint_eq(iobus_read(&pio, 0xcf8, 4), 0x80001040);
	/* Reserved bits read zero; the register is a dword's. */
	iobus_write(&pio, 0xcf8, 4, 0xffffffff);
	ck_assert_uint_eq(iobus_read(&pio, 0xcf8, 4), 0x8ffffffc);
	iobus_write(&pio, 0xcf8, 4, cf8(0, 2, 0, 0x80));
	iobus_write(&pio, 0xcfe, 2, 0xbeef);
	ck_assert_uint_eq(get(0, 2, 0x80, 4), 0xbeef0000);
	iobus_write(&pio, 0xcff, 1, 0x11);
	ck_assert_uint_eq(get(0, 2, 0x80, 4), 0x11ef0000);
	/* The extended registers, as AMD has them. */
	fn[1].config[0xf42] = 0x77;
	iobus_write(&pio, 0xcf8, 4, cf8(0, 2, 0, 0x40) | 0x0f000000);
	ck_assert_uint_eq(iobus_read(&pio, 0xcfe, 1), 0x77);
	/* Off. */
	iobus_write(&pio, 0xcf8, 4, cf8(0, 2, 0, 0x80) & 0x7fffffff);
	iobus_write(&pio, 0xcfc, 4, 0x12345678);
	ck_assert_uint_eq(iobus_read(&pio, 0xcfc, 4), 0xffffffff);
	ck_assert_uint_eq(get(0, 2, 0x80, 4), 0x11ef0000);
	teardown();
}
END_TEST

static unsigned int reset_value;

static uint64_t reset_port_read(void *opaque, uint64_t offset,
				unsigned int size)
{
	(void)opaque;
	return offset == 0 && size == 1 ? 0x0e : 0;
}

static void reset_port_write(void *opaque, uint64_t offset, unsigned int size,
			     uint64_t value)
{
	(void)opaque;
	if (offset == 0 && size == 1)
		reset_value = (unsigned int)value;
}

START_TEST(bytes_at_cf9_are_the_reset_ports)
{
	const struct moat_trap port = { .read = reset_port_read,
					.write = reset_port_write };

	setup();
	pci_host_set_reset_port(host, &port);
	iobus_write(&pio, 0xcf8, 4, 0x80000600);
	ck_assert_uint_eq(reset_value, 0);
	ck_assert_uint_eq(iobus_read(&pio, 0xcf9, 1), 0x0e);
	iobus_write(&pio, 0xcf9, 2, 0x0606);
	ck_assert_uint_eq(reset_value, 0);
	iobus_write(&pio, 0xcf9, 1, 0x06);
	ck_assert_uint_eq(reset_value, 0x06);
	ck_assert_uint_eq(iobus_read(&pio, 0xcf8, 4), 0x80000600);
	teardown();
}
END_TEST

/* A root port's registers after all ones and after all zeros were written. */
static const struct {
	uint16_t offset;
	uint8_t size;
	uint32_t ones, zeros;
} policy[] = {
	{ PCI_VENDOR_ID, 4, 0x000c1b36, 0x000c1b36 },
	{ PCI_COMMAND, 2, 0x0547, 0 },
	{ PCI_STATUS, 2, 0x0010, 0x0010 },
	{ PCI_CLASS_REVISION, 4, 0x06040000, 0x06040000 },
	{ PCI_CACHE_LINE_SIZE, 1, 0xff, 0 },
	{ PCI_LATENCY_TIMER, 1, 0, 0 },
	{ PCI_HEADER_TYPE, 1, 1, 1 },
	{ PCI_BIST, 1, 0, 0 },
	{ PCI_BASE_ADDRESS_0, 4, 0, 0 },
	{ PCI_BASE_ADDRESS_1, 4, 0, 0 },
	{ PCI_PRIMARY_BUS, 4, 0x00ffffff, 0 },
	{ PCI_IO_BASE, 2, 0xf0f0, 0 },
	{ PCI_SEC_STATUS, 2, 0, 0 },
	{ PCI_MEMORY_BASE, 4, 0xfff0fff0, 0 },
	{ PCI_PREF_MEMORY_BASE, 4, 0xfff1fff1, 0x00010001 },
	{ PCI_PREF_BASE_UPPER32, 4, 0xffffffff, 0 },
	{ PCI_PREF_LIMIT_UPPER32, 4, 0xffffffff, 0 },
	{ PCI_IO_BASE_UPPER16, 4, 0, 0 },
	{ PCI_CAPABILITY_LIST, 4, 0x40, 0x40 },
	{ PCI_ROM_ADDRESS1, 4, 0, 0 },
	{ PCI_INTERRUPT_LINE, 2, 0x00ff, 0 },
	{ PCI_BRIDGE_CONTROL, 2, 0x005f, 0 },
	{ 0x40, 4, 0x00428010, 0x00428010 }, /* PCIe, v2, root port */
	{ 0x44, 4, 0x00008000, 0x00008000 }, /* device capabilities */
	{ 0x48, 2, 0x78ff, 0 },		     /* device control */
	{ 0x4a, 2, 0, 0 },		     /* device status */
	{ 0x4c, 4, 0x01100011, 0x01100011 }, /* link capabilities */
	{ 0x50, 2, 0x00d3, 0 },		     /* link control */
	{ 0x52, 2, 0x0011, 0x2011 },	     /* link status: disabled */
	{ 0x54, 4, 0, 0 },		     /* no slot */
	{ 0x58, 4, 0, 0 },
	{ 0x5c, 4, 0x0000000f, 0 }, /* root control */
	{ 0x60, 4, 0, 0 },
	{ 0x64, 4, 0, 0 }, /* no ARI, no LTR */
	{ 0x68, 4, 0, 0 },
	{ 0x6c, 4, 2, 2 },
	{ 0x70, 4, 1, 1 },
	{ 0x80, 4, 0x00030001, 0x00030001 }, /* power management */
	{ 0x84, 4, 0x0000000b, 0x00000008 }, /* D3, D0 */
	{ 0xfc, 4, 0, 0 },
	{ 0x100, 4, 0, 0 }, /* no extended capability */
	{ 0xffc, 4, 0, 0 },
};

START_TEST(root_port_register_policy)
{
	setup();
	for (unsigned int offset = 0; offset < 4096; offset += 4)
		set(0, 1, offset, 4, 0xffffffff);
	for (size_t i = 0; i < ARRAY_SIZE(policy); i++)
		ck_assert_msg(get(0, 1, policy[i].offset, policy[i].size) ==
				      policy[i].ones,
			      "%#x: %#llx", policy[i].offset,
			      (unsigned long long)get(0, 1, policy[i].offset,
						      policy[i].size));
	for (unsigned int offset = 0; offset < 4096; offset++)
		set(0, 1, offset, 1, 0);
	for (size_t i = 0; i < ARRAY_SIZE(policy); i++)
		ck_assert_msg(get(0, 1, policy[i].offset, policy[i].size) ==
				      policy[i].zeros,
			      "%#x: %#llx", policy[i].offset,
			      (unsigned long long)get(0, 1, policy[i].offset,
						      policy[i].size));
	teardown();
}
END_TEST

START_TEST(host_bridge_register_policy)
{
	setup();
	for (unsigned int offset = 0; offset < 4096; offset += 4)
		set(0, 0, offset, 4, 0xffffffff);
	ck_assert_uint_eq(get(0, 0, PCI_VENDOR_ID, 4), 0x00081b36);
	ck_assert_uint_eq(get(0, 0, PCI_COMMAND, 4), 0x0106);
	ck_assert_uint_eq(get(0, 0, PCI_CLASS_REVISION, 4), 0x06000000);
	for (unsigned int offset = 0x0c; offset < 4096; offset += 4)
		ck_assert_uint_eq(get(0, 0, offset, 4), 0);
	teardown();
}
END_TEST

/* The guest's bus numbers: secondary, subordinate, and who answers where. */
static const struct {
	uint8_t secondary, subordinate;
	unsigned int bus;
	uint32_t ids;
} renumberings[] = {
	{ 7, 7, 7, 0x10001234 },       { 7, 9, 7, 0x10001234 },
	{ 7, 9, 8, 0xffffffff },       { 7, 9, 9, 0xffffffff },
	{ 7, 6, 7, 0xffffffff },       { 31, 31, 31, 0x10001234 },
	{ 0, 255, 0, 0x00081b36 },     { 0, 0, 1, 0xffffffff },
	{ 255, 255, 255, 0xffffffff }, /* past the end of ECAM */
	{ 3, 3, 3, 0x10001234 },       /* taken: one of the two answers */
	{ 7, 7, 1, 0xffffffff },
};

START_TEST(guest_renumbers_buses)
{
	for (size_t i = 0; i < ARRAY_SIZE(renumberings); i++) {
		setup();
		set(0, 1, PCI_SECONDARY_BUS, 1, renumberings[i].secondary);
		set(0, 1, PCI_SUBORDINATE_BUS, 1, renumberings[i].subordinate);
		ck_assert_msg(get(renumberings[i].bus, 0, 0, 4) ==
				      renumberings[i].ids,
			      "case %zu", i);
		teardown();
	}
}
END_TEST

START_TEST(root_ports_have_the_states_d0_and_d3)
{
	static const struct {
		unsigned int write, want;
	} states[] = {
		{ 3, 3 }, { 1, 3 }, { 2, 3 }, { 0, 0 }, { 2, 0 }, { 1, 0 },
	};

	setup();
	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		set(0, 1, 0x84, 2, states[i].write);
		ck_assert_uint_eq(get(0, 1, 0x84, 2), 8 | states[i].want);
	}
	teardown();
}
END_TEST

/* Payload in the function's capabilities and control, then in the port's. */
static const struct {
	uint32_t cap, control, want_cap, want_control;
} payloads[] = {
	{ 0, 0, 0x8000, 0x2810 },      /* 128 bytes */
	{ 2, 1 << 5, 0x8002, 0x2830 }, /* up to 512, set to 256 */
	{ 5, 5 << 5, 0x8005, 0x28b0 }, /* 4096 */
	{ 1, 3 << 5, 0x8001, 0x2830 }, /* more than it can */
	{ 7, 7 << 5, 0x8000, 0x2810 }, /* reserved */
};

START_TEST(payload_is_the_functions)
{
	for (size_t i = 0; i < ARRAY_SIZE(payloads); i++) {
		uint8_t *config = fn[0].config;
		struct moat_err err;

		setup();
		config[PCI_STATUS] = PCI_STATUS_CAP_LIST;
		config[PCI_CAPABILITY_LIST] = 0x80;
		config[0x80] = PCI_CAP_ID_EXP;
		memcpy(config + 0x80 + PCI_EXP_DEVCAP, &payloads[i].cap, 4);
		memcpy(config + 0x80 + PCI_EXP_DEVCTL, &payloads[i].control, 2);
		ck_assert_int_eq(pci_host_assign(host, &err), 0);
		ck_assert_uint_eq(get(0, 1, 0x44, 4), payloads[i].want_cap);
		ck_assert_uint_eq(get(0, 1, 0x48, 2), payloads[i].want_control);
		teardown();
	}
}
END_TEST

/* The function's PCI Express capability, and the port's link after that. */
static const struct {
	uint8_t at[3]; /* capabilities: other ones, then PCI Express */
	uint32_t cap, status;
	uint32_t want_cap, want_status, want_cap2, want_ctl2;
} links[] = {
	/* 16 GT/s x4, trained at 8 GT/s x4 */
	{ { 0x40, 0x50, 0x80 }, 0x00477844, 0x1043, 0x01100044, 0x2043, 0x1e, 4 },
	{ { 0x40, 0x50, 0x80 }, 0x00000011, 0x0011, 0x01100011, 0x2011, 2, 1 },
	/* a virtual function: nothing of its own */
	{ { 0x40, 0x50, 0x80 }, 0, 0, 0x01100011, 0x2011, 2, 1 },
	{ { 0x40, 0x50, 0x80 }, 0x44, 0, 0x01100011, 0x2011, 2, 1 },
	{ { 0x40, 0x50, 0x80 }, 0x4f, 0x4f, 0x01100011, 0x2011, 2, 1 },
	/* a list without it, which is a circle; and one that ends at once */
	{ { 0x40, 0x50, 0x40 }, 0x44, 0x43, 0x01100011, 0x2011, 2, 1 },
	{ { 0, 0, 0 }, 0x44, 0x43, 0x01100011, 0x2011, 2, 1 },
};

START_TEST(link_is_the_functions)
{
	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		uint8_t *config = fn[0].config;
		struct moat_err err;

		setup();
		config[PCI_STATUS] = PCI_STATUS_CAP_LIST;
		config[PCI_CAPABILITY_LIST] = links[i].at[0];
		config[links[i].at[0] + 1] = links[i].at[1];
		config[links[i].at[1] + 1] = links[i].at[2];
		config[0x80] = PCI_CAP_ID_EXP;
		memcpy(config + 0x80 + PCI_EXP_LNKCAP, &links[i].cap, 4);
		memcpy(config + 0x80 + PCI_EXP_LNKSTA, &links[i].status, 2);
		ck_assert_int_eq(pci_host_assign(host, &err), 0);
		ck_assert_msg(
			get(0, 1, 0x4c, 4) == links[i].want_cap &&
				get(0, 1, 0x52, 2) == links[i].want_status &&
				get(0, 1, 0x6c, 4) == links[i].want_cap2 &&
				get(0, 1, 0x70, 2) == links[i].want_ctl2,
			"case %zu: %#llx %#llx", i,
			(unsigned long long)get(0, 1, 0x4c, 4),
			(unsigned long long)get(0, 1, 0x52, 2));
		teardown();
	}
}
END_TEST

/* What takes the link down, and brings it back. */
static const struct {
	uint16_t offset;
	uint16_t down;
} link_cases[] = {
	{ PCI_BRIDGE_CONTROL, PCI_BRIDGE_CTL_BUS_RESET },
	{ 0x50, PCI_EXP_LNKCTL_LD },
};

START_TEST(link_down_resets_the_function_behind)
{
	for (size_t i = 0; i < ARRAY_SIZE(link_cases); i++) {
		setup();
		set(1, 0, PCI_COMMAND, 2, 7);
		set(0, 1, link_cases[i].offset, 2, link_cases[i].down);
		ck_assert_uint_eq(fn[0].resets, 1);
		ck_assert_uint_eq(fn[2].resets, 0);
		ck_assert_uint_eq(get(0, 1, 0x52, 2) & PCI_EXP_LNKSTA_DLLLA, 0);
		ck_assert_uint_eq(get(1, 0, 0, 4), 0xffffffff);
		/* Still down: no second reset. */
		set(0, 1, link_cases[i].offset, 2, link_cases[i].down);
		set(0, 1, PCI_COMMAND, 2, 7);
		ck_assert_uint_eq(fn[0].resets, 1);
		set(0, 1, link_cases[i].offset, 2, 0);
		ck_assert_uint_ne(get(0, 1, 0x52, 2) & PCI_EXP_LNKSTA_DLLLA, 0);
		ck_assert_uint_eq(get(1, 0, 0, 4), 0x10001234);
		ck_assert_uint_eq(get(1, 0, PCI_COMMAND, 2), 0);
		set(0, 1, link_cases[i].offset, 2, link_cases[i].down);
		ck_assert_uint_eq(fn[0].resets, 2);
		teardown();
	}
}
END_TEST

START_TEST(reset_restores_the_assignment)
{
	struct moat_err err;

	setup();
	set(0, 1, PCI_SECONDARY_BUS, 1, 9);
	set(0, 1, PCI_BRIDGE_CONTROL, 2, PCI_BRIDGE_CTL_BUS_RESET);
	set(0, 0, PCI_COMMAND, 2, 0);
	iobus_write(&pio, 0xcf8, 4, 0x80000000);
	ck_assert_int_eq(pci_host_reset(host, &err), 0);
	ck_assert_uint_eq(fn[0].resets, 2); /* the link, and now */
	ck_assert_uint_eq(fn[1].resets, 1);
	ck_assert_uint_eq(fn[2].resets, 1);
	ck_assert_uint_eq(get(1, 0, 0, 4), 0x10001234);
	ck_assert_uint_eq(get(0, 0, PCI_COMMAND, 2), 6);
	ck_assert_uint_eq(iobus_read(&pio, 0xcf8, 4), 0);
	fn[2].reset_result = -EIO;
	ck_assert_int_eq(pci_host_reset(host, &err), -EIO);
	ck_assert_ptr_nonnull(strstr(err.msg, "it will not"));
	/* All of them together. */
	ck_assert_uint_eq(fn[0].reset_with, 3);
	teardown();
}
END_TEST

START_TEST(bus_fills_up)
{
	struct pci_socket any = { 0 };
	struct fake_function many;
	struct pci_slot where;
	struct moat_err err;

	setup();
	fake_function_init(&many, 1);
	for (unsigned int dev = 4; dev < 32; dev++) {
		any.pcie = dev % 2;
		ck_assert_int_eq(pci_host_plug(host, &any, &fake_function_ops,
					       &many, &where, &err),
				 0);
		ck_assert_uint_eq(where.bus, dev % 2 ? dev : 0);
		ck_assert_uint_eq(where.dev, dev % 2 ? 0 : dev);
	}
	ck_assert_int_eq(pci_host_plug(host, &any, &fake_function_ops, &many,
				       &where, &err),
			 -ENOSPC);
	ck_assert_ptr_nonnull(strstr(err.msg, "31"));
	ck_assert_int_eq(pci_host_assign(host, &err), 0);
	ck_assert_uint_eq(get(31, 0, 0, 4), 0x00011234);
	teardown();
}
END_TEST

static const struct {
	struct pci_slot slot;
	unsigned int pin, gsi;
} pins[] = {
	{ { 0, 1, 0 }, 1, 17 },	 { { 0, 1, 0 }, 4, 20 },
	{ { 0, 8, 0 }, 1, 16 },	 { { 0, 31, 0 }, 1, 23 },
	{ { 0, 31, 0 }, 2, 16 }, { { 1, 0, 0 }, 1, 17 },
	{ { 5, 0, 0 }, 3, 23 },	 { { 5, 0, 0 }, 4, 16 },
	{ { 5, 1, 0 }, 1, 22 },	 { { 5, 3, 0 }, 2, 21 },
};

START_TEST(pins_swizzle)
{
	for (size_t i = 0; i < ARRAY_SIZE(pins); i++)
		ck_assert_msg(pci_host_intx_gsi(pins[i].slot, pins[i].pin) ==
				      pins[i].gsi,
			      "case %zu", i);
}
END_TEST

START_TEST(any_access_is_survived)
{
	static const unsigned int any_size[] = { 1, 2, 4, 8 };

	setup();
	srandom(1);
	for (unsigned int i = 0; i < 200000; i++) {
		unsigned int size = any_size[random() % 4];
		/* Mostly where somebody is. */
		unsigned int bus = (unsigned int)random() % 5;
		unsigned int dev = (unsigned int)random() % 5;
		unsigned int mask = random() % 2 ? 0xff : 0xfff;
		uint64_t addr = ecam(bus, dev, random() % 8 == 0,
				     (unsigned int)random() & mask);
		uint64_t value = (uint64_t)random() << 32 ^ (uint64_t)random();

		iobus_write(&mmio, addr, size, value);
		(void)iobus_read(&mmio, addr, size);
		iobus_write(&pio, 0xcf8 + (uint64_t)random() % 8, size,
			    value | 0x80000000);
		(void)iobus_read(&pio, 0xcf8 + (uint64_t)random() % 8, size);
	}
	teardown();
}
END_TEST

START_TEST(taken_addresses_are_an_error)
{
	static const struct moat_trap taken[] = {
		{ .space = MOAT_TRAP_MMIO,
		  .first = LAYOUT_ECAM_LAST,
		  .last = LAYOUT_ECAM_LAST },
		{ .space = MOAT_TRAP_PIO, .first = 0xcf9, .last = 0xcf9 },
	};
	struct moat_err err;

	ck_assert_int_eq(layout_init(&layout, 256 * MiB, 40, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(taken); i++) {
		bool is_mmio = taken[i].space == MOAT_TRAP_MMIO;

		(void)iobus_init(&mmio);
		(void)iobus_init(&pio);
		ck_assert_int_eq(iobus_add(is_mmio ? &mmio : &pio, &taken[i]),
				 0);
		ck_assert_int_eq(
			pci_host_create(&layout, &mmio, &pio, &host, &err),
			-EEXIST);
		ck_assert_uint_eq(mmio.n + pio.n, 1);
		iobus_fini(&mmio);
		iobus_fini(&pio);
	}
}
END_TEST

CHECK_MAIN("pci_host", slots_are_told, functions_answer_at_their_address,
	   ecam_takes_any_size, cf8_decodes, bytes_at_cf9_are_the_reset_ports,
	   root_port_register_policy, host_bridge_register_policy,
	   guest_renumbers_buses, root_ports_have_the_states_d0_and_d3,
	   payload_is_the_functions, link_is_the_functions,
	   link_down_resets_the_function_behind, reset_restores_the_assignment,
	   bus_fills_up, pins_swizzle, any_access_is_survived,
	   taken_addresses_are_an_error)
