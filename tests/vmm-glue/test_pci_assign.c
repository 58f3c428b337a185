// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>

#include <linux/pci_regs.h>

#include "common/util.h"
#include "tests/check_main.h"
#include "tests/vmm-glue/fake_function.h"

#define FUNCTIONS 31
#define TiB	  (KiB * GiB)

static struct iobus mmio, pio;
static struct layout layout;
static struct pci_host *host;
static struct fake_function fn[FUNCTIONS];
static struct pci_slot slot[FUNCTIONS];
static unsigned int n_fns;

static void setup(void)
{
	struct moat_err err;

	(void)iobus_init(&mmio);
	(void)iobus_init(&pio);
	ck_assert_int_eq(layout_init(&layout, 256 * MiB, 40, &err), 0);
	ck_assert_int_eq(pci_host_create(&layout, &mmio, &pio, &host, &err), 0);
	n_fns = 0;
}

static void teardown(void)
{
	pci_host_destroy(host);
	iobus_fini(&mmio);
	iobus_fini(&pio);
}

static struct fake_function *plug_at(const struct pci_socket *socket)
{
	struct fake_function *f = &fn[n_fns];
	struct moat_err err;

	fake_function_init(f, (uint16_t)(0x2000 + n_fns));
	f->config[PCI_COMMAND] = 0xff;
	ck_assert_int_eq(pci_host_plug(host, socket, &fake_function_ops, f,
				       &slot[n_fns], &err),
			 0);
	n_fns++;
	return f;
}

static struct fake_function *plug(bool pcie)
{
	return plug_at(&(struct pci_socket) { .pcie = pcie });
}

static void bar(struct fake_function *f, unsigned int index,
		enum moat_bar_kind kind, bool prefetchable, uint64_t size)
{
	f->bar[index] = (struct moat_bar_info) { kind, prefetchable, size };
}

static uint32_t port_get(unsigned int dev, unsigned int offset,
			 unsigned int size)
{
	return (uint32_t)iobus_read(&mmio, LAYOUT_ECAM + (dev << 15) + offset,
				    size);
}

struct range {
	uint64_t first, last; /* first > last: closed */
};

static struct range port_io(unsigned int dev)
{
	return (struct range) {
		(uint64_t)(port_get(dev, PCI_IO_BASE, 1) & 0xf0) << 8,
		(uint64_t)(port_get(dev, PCI_IO_LIMIT, 1) & 0xf0) << 8 | 0xfff,
	};
}

static struct range port_mem(unsigned int dev)
{
	return (struct range) {
		(uint64_t)port_get(dev, PCI_MEMORY_BASE, 2) << 16,
		(uint64_t)port_get(dev, PCI_MEMORY_LIMIT, 2) << 16 | 0xfffff,
	};
}

static struct range port_pref(unsigned int dev)
{
	uint64_t base = port_get(dev, PCI_PREF_MEMORY_BASE, 2) & 0xfff0;
	uint64_t limit = port_get(dev, PCI_PREF_MEMORY_LIMIT, 2) & 0xfff0;

	return (struct range) {
		(uint64_t)port_get(dev, PCI_PREF_BASE_UPPER32, 4) << 32 |
			base << 16,
		(uint64_t)port_get(dev, PCI_PREF_LIMIT_UPPER32, 4) << 32 |
			limit << 16 | 0xfffff,
	};
}

static bool holds(struct range outer, struct range inner)
{
	return outer.first <= inner.first && inner.last <= outer.last;
}

static bool closed(struct range range)
{
	return range.first > range.last;
}

static struct range bar_range(const struct fake_function *f, unsigned int i)
{
	uint64_t addr = fake_bar_address(f, i);

	return (struct range) { addr, addr + f->bar[i].size - 1 };
}

static unsigned int n_left_out; /* port BARs, in the last check */

/* What an operating system checks before it takes firmware's word. */
static void check_bar(unsigned int i, unsigned int index)
{
	const struct fake_function *f = &fn[i];
	const struct moat_bar_info *info = &f->bar[index];
	struct range range = bar_range(f, index);
	unsigned int dev = slot[i].bus ? slot[i].bus : slot[i].dev;
	struct range pio_window = { LAYOUT_PIO, LAYOUT_PIO_LAST };
	struct range low = { LAYOUT_MMIO32, LAYOUT_MMIO32_LAST };
	struct range high = { layout.mmio64, layout.mmio64_last };
	bool behind = slot[i].bus != 0;

	ck_assert(is_aligned(range.first, info->size));
	if (info->kind == MOAT_BAR_PIO) {
		if (range.first == 0) {
			n_left_out++;
			return;
		}
		ck_assert(holds(pio_window, range));
		ck_assert(!behind || holds(port_io(dev), range));
		return;
	}
	ck_assert(is_aligned(range.first, 4096));
	if (info->kind == MOAT_BAR_MEM32)
		ck_assert(holds(low, range));
	ck_assert(holds(low, range) || holds(high, range));
	if (!behind)
		return;
	if (info->prefetchable && holds(port_pref(dev), range))
		return;
	ck_assert(holds(port_mem(dev), range));
	ck_assert(holds(low, port_mem(dev)));
}

static bool meet(struct range a, struct range b)
{
	return ranges_overlap(a.first, a.last, b.first, b.last);
}

static void check_pair(unsigned int i, unsigned int a, unsigned int j,
		       unsigned int b)
{
	const struct fake_function *f = &fn[i], *g = &fn[j];
	struct range x, y;

	if (!f->bar[a].kind || !g->bar[b].kind || (i == j && a == b) ||
	    !fake_bar_address(f, a) || !fake_bar_address(g, b) ||
	    (f->bar[a].kind == MOAT_BAR_PIO) != (g->bar[b].kind == MOAT_BAR_PIO))
		return;
	x = bar_range(f, a);
	y = bar_range(g, b);
	if (f->bar[a].kind != MOAT_BAR_PIO) {
		/* Not even in one page. */
		x.last |= 0xfff;
		y.last |= 0xfff;
	}
	ck_assert_msg(!meet(x, y), "%u.%u and %u.%u", i, a, j, b);
	if (i == j || !slot[i].bus)
		return;
	/* Another function's BAR is in none of this one's port's windows. */
	if (f->bar[a].kind == MOAT_BAR_PIO) {
		ck_assert(!meet(port_io(slot[i].bus), y));
		return;
	}
	ck_assert(closed(port_mem(slot[i].bus)) ||
		  !meet(port_mem(slot[i].bus), y));
	ck_assert(closed(port_pref(slot[i].bus)) ||
		  !meet(port_pref(slot[i].bus), y));
}

static void check_all(void)
{
	n_left_out = 0;
	for (unsigned int i = 0; i < n_fns; i++) {
		ck_assert_uint_eq(fn[i].config[PCI_COMMAND] & 7, 0);
		ck_assert_uint_eq(fn[i].bad_accesses, 0);
		if (slot[i].bus) {
			ck_assert_uint_eq(
				port_get(slot[i].bus, PCI_PRIMARY_BUS, 4),
				(uint32_t)slot[i].bus << 16 |
					(uint32_t)slot[i].bus << 8);
			ck_assert_uint_eq(port_get(slot[i].bus, PCI_COMMAND, 2),
					  7);
		}
		for (unsigned int a = 0; a <= MOAT_PCI_ROM; a++) {
			if (fn[i].bar[a].kind)
				check_bar(i, a);
			for (unsigned int j = 0; j < n_fns; j++)
				for (unsigned int b = 0; b <= MOAT_PCI_ROM; b++)
					check_pair(i, a, j, b);
		}
	}
}

static void assign(void)
{
	struct moat_err err = { "" };
	int r = pci_host_assign(host, &err);

	ck_assert_msg(r == 0, "%s", err.msg);
	check_all();
}

/* A usual machine: NVMe, a NIC, a graphics card, an old card. */
START_TEST(usual_devices)
{
	struct fake_function *f;

	setup();
	f = plug(true);
	bar(f, 0, MOAT_BAR_MEM64, false, 16 * KiB);
	f = plug(true);
	bar(f, 0, MOAT_BAR_MEM32, false, 128 * KiB);
	bar(f, 1, MOAT_BAR_MEM32, false, 128 * KiB);
	bar(f, 2, MOAT_BAR_PIO, false, 32);
	bar(f, 3, MOAT_BAR_MEM32, false, 16 * KiB);
	f->config[PCI_INTERRUPT_PIN] = 1;
	f = plug(true);
	bar(f, 0, MOAT_BAR_MEM32, false, 16 * MiB);
	bar(f, 1, MOAT_BAR_MEM64, true, 32 * GiB);
	bar(f, 3, MOAT_BAR_MEM64, true, 32 * MiB);
	bar(f, 5, MOAT_BAR_PIO, false, 128);
	f = plug(false);
	bar(f, 0, MOAT_BAR_PIO, false, 4);
	bar(f, 1, MOAT_BAR_MEM32, false, 16);
	bar(f, 2, MOAT_BAR_MEM32, true, 64);
	f->config[PCI_INTERRUPT_PIN] = 2;
	assign();
	/* Windows without a use stay closed. */
	ck_assert(closed(port_io(1)));
	ck_assert(closed(port_pref(1)));
	ck_assert(closed(port_pref(2)));
	ck_assert(!closed(port_io(2)));
	ck_assert_uint_ge(fake_bar_address(&fn[2], 1), layout.mmio64);
	ck_assert_uint_ge(port_pref(3).first, layout.mmio64);
	/* Bus 2, pin A; bus 0 slot 4, pin B. */
	ck_assert_uint_eq(fn[0].config[PCI_INTERRUPT_LINE], 0);
	ck_assert_uint_eq(fn[1].config[PCI_INTERRUPT_LINE], 18);
	ck_assert_uint_eq(fn[3].config[PCI_INTERRUPT_LINE], 21);
	/* And once more, as after a reset. */
	assign();
	teardown();
}
END_TEST

/* One BAR, alone: where it lands. */
enum place { LOW, HIGH, IO, LEFT_OUT, NOWHERE };

static const struct {
	bool pcie;
	enum moat_bar_kind kind;
	bool prefetchable;
	uint64_t size;
	enum place want;
} alone[] = {
	{ true, MOAT_BAR_MEM64, true, 1 * MiB, HIGH },
	{ true, MOAT_BAR_MEM64, true, 512 * GiB, HIGH },
	{ true, MOAT_BAR_MEM64, true, 1 * TiB, NOWHERE },
	{ true, MOAT_BAR_MEM64, true, UINT64_C(1) << 63, NOWHERE },
	{ true, MOAT_BAR_MEM64, false, 256 * MiB, LOW },
	{ true, MOAT_BAR_MEM64, false, 512 * MiB, LOW },
	{ true, MOAT_BAR_MEM64, false, 1 * GiB, NOWHERE },
	{ true, MOAT_BAR_MEM32, true, 256 * MiB, LOW },
	{ true, MOAT_BAR_MEM32, false, 1 * GiB, NOWHERE },
	{ true, MOAT_BAR_PIO, false, 4, IO },
	{ true, MOAT_BAR_PIO, false, 32 * KiB, IO },
	{ true, MOAT_BAR_PIO, false, 64 * KiB, LEFT_OUT },
	{ false, MOAT_BAR_MEM64, true, 1 * MiB, HIGH },
	{ false, MOAT_BAR_MEM64, false, 1 * MiB, LOW },
	{ false, MOAT_BAR_MEM64, false, 1 * GiB, HIGH },
	{ false, MOAT_BAR_MEM32, false, 1 * GiB, NOWHERE },
	{ false, MOAT_BAR_PIO, false, 256, IO },
};

START_TEST(one_bar_alone)
{
	for (size_t i = 0; i < ARRAY_SIZE(alone); i++) {
		struct moat_err err;
		uint64_t addr;
		int r;

		setup();
		bar(plug(alone[i].pcie), 2, alone[i].kind,
		    alone[i].prefetchable, alone[i].size);
		r = pci_host_assign(host, &err);
		addr = fake_bar_address(&fn[0], 2);
		if (alone[i].want == NOWHERE) {
			ck_assert_msg(r == -ENOSPC, "case %zu", i);
			ck_assert_ptr_nonnull(strstr(err.msg, "BAR 2"));
			ck_assert_ptr_nonnull(
				strstr(err.msg,
				       alone[i].pcie ? "01:00.0" : "00:01.0"));
			/* Nothing was written. */
			ck_assert_uint_eq(addr, 0);
		} else {
			ck_assert_msg(r == 0, "case %zu: %s", i, err.msg);
			check_all();
			ck_assert_msg((addr >= layout.mmio64) ==
					      (alone[i].want == HIGH),
				      "case %zu", i);
			ck_assert_msg((addr > 0 && addr < 0x10000) ==
					      (alone[i].want == IO),
				      "case %zu", i);
			ck_assert_msg((addr == 0) == (alone[i].want == LEFT_OUT),
				      "case %zu", i);
		}
		teardown();
	}
}
END_TEST

/* The 32-bit window is full to the last MiB, whatever the order. */
START_TEST(small_ones_fill_the_holes)
{
	static const uint64_t mib[] = { 1, 256, 2, 64, 128, 32, 4, 16, 8, 1 };

	setup();
	for (size_t i = 0; i < ARRAY_SIZE(mib); i++)
		bar(plug(i % 2), 0, MOAT_BAR_MEM32, false, mib[i] * MiB);
	assign();
	teardown();
}
END_TEST

START_TEST(prefetchable_overflows_downwards)
{
	setup();
	for (unsigned int i = 0; i < 2; i++) {
		bar(plug(true), 0, MOAT_BAR_MEM64, true, 256 * GiB);
		bar(&fn[i], 2, MOAT_BAR_MEM32, false, 64 * KiB);
	}
	/* The 64-bit window is full now. */
	bar(plug(true), 0, MOAT_BAR_MEM64, true, 64 * MiB);
	bar(&fn[2], 2, MOAT_BAR_MEM64, false, 64 * KiB);
	assign();
	ck_assert_uint_lt(fake_bar_address(&fn[2], 0), 4 * GiB);
	ck_assert(closed(port_pref(3)));
	teardown();
}
END_TEST

START_TEST(conventional_overflows_upwards)
{
	setup();
	bar(plug(true), 0, MOAT_BAR_MEM32, false, 256 * MiB);
	bar(plug(true), 0, MOAT_BAR_MEM32, false, 128 * MiB);
	bar(plug(false), 0, MOAT_BAR_MEM64, false, 256 * MiB);
	assign();
	ck_assert_uint_ge(fake_bar_address(&fn[2], 0), layout.mmio64);
	teardown();
}
END_TEST

static const char *fake_name(void *opaque)
{
	(void)opaque;
	return "disk";
}

START_TEST(sizes_are_checked_and_devices_named)
{
	struct pci_function_ops named = fake_function_ops;
	const struct pci_socket pcie = { .pcie = true };
	struct pci_slot where;
	struct moat_err err;

	setup();
	named.name = fake_name;
	fake_function_init(&fn[0], 1);
	ck_assert_int_eq(
		pci_host_plug(host, &pcie, &named, &fn[0], &where, &err), 0);
	bar(&fn[0], 4, MOAT_BAR_MEM32, false, 0x3000);
	ck_assert_int_eq(pci_host_assign(host, &err), -EINVAL);
	ck_assert_str_eq(err.msg, "disk: BAR 4 at 01:00.0 of the guest has a "
				  "size of 0x3000, which is no power of two");
	bar(&fn[0], 4, MOAT_BAR_MEM32, false, 0);
	ck_assert_int_eq(pci_host_assign(host, &err), -EINVAL);
	bar(&fn[0], 4, MOAT_BAR_MEM32, false, 2 * GiB);
	ck_assert_int_eq(pci_host_assign(host, &err), -ENOSPC);
	ck_assert_ptr_eq(strstr(err.msg, "disk: BAR 4"), err.msg);
	teardown();
}
END_TEST

/* As firmware does: who comes last has none, and the guest starts. */
START_TEST(ports_run_out_of_io_windows)
{
	setup();
	for (unsigned int i = 0; i < 15; i++)
		bar(plug(true), 1, MOAT_BAR_PIO, false, 32);
	assign();
	ck_assert_uint_eq(n_left_out, 0);
	for (unsigned int i = 0; i < 2; i++) {
		bar(plug(true), 1, MOAT_BAR_PIO, false, 32);
		bar(&fn[15 + i], 2, MOAT_BAR_MEM32, false, 4096);
		fn[15 + i].config[PCI_BASE_ADDRESS_1] = 1; /* of before */
	}
	bar(plug(false), 0, MOAT_BAR_PIO, false, 64);
	assign();
	ck_assert_uint_eq(n_left_out, 3);
	for (unsigned int i = 15; i < 17; i++) {
		ck_assert_uint_eq(fake_bar_address(&fn[i], 1), 0);
		ck_assert_uint_ne(fake_bar_address(&fn[i], 2), 0);
		ck_assert(closed(port_io(slot[i].bus)));
	}
	teardown();
}
END_TEST

START_TEST(full_bus)
{
	setup();
	for (unsigned int i = 0; i < FUNCTIONS; i++) {
		struct fake_function *f = plug(i % 5 != 0);

		bar(f, 0, MOAT_BAR_MEM32, false, 16 << i % 12);
		bar(f, 1, MOAT_BAR_MEM32, true, 4096 << i % 10);
		bar(f, 2, MOAT_BAR_MEM64, i % 2, 16384 << i % 8);
		bar(f, 4, MOAT_BAR_MEM64, true, MiB << i % 14);
		if (i % 5 == 0 || i % 3 == 0)
			bar(f, 5, MOAT_BAR_NONE, false, 0);
	}
	assign();
	teardown();
}
END_TEST

static uint64_t any_size(enum moat_bar_kind kind)
{
	if (kind == MOAT_BAR_PIO)
		return UINT64_C(4) << random() % 6;
	return UINT64_C(16) << random() % (kind == MOAT_BAR_MEM64 ? 32 : 24);
}

/* Either it fits and all is well, or it says so and nothing was written. */
START_TEST(any_mixture)
{
	unsigned int fits = 0;

	srandom(1);
	for (unsigned int round = 0; round < 200; round++) {
		struct moat_err err;
		int r;

		setup();
		while (n_fns < 1 + round % 12) {
			struct fake_function *f = plug(random() % 3 != 0);

			for (unsigned int i = 0; i < MOAT_PCI_BARS; i++) {
				enum moat_bar_kind kind =
					(enum moat_bar_kind)(random() % 4);

				if (kind == MOAT_BAR_MEM64 && i == 5)
					continue;
				bar(f, i, kind, random() % 2, any_size(kind));
				i += kind == MOAT_BAR_MEM64;
			}
			if (random() % 2)
				bar(f, MOAT_PCI_ROM, MOAT_BAR_MEM32, false,
				    UINT64_C(2048) << random() % 10);
		}
		r = pci_host_assign(host, &err);
		if (r == 0) {
			fits++;
			check_all();
		} else {
			ck_assert_int_eq(r, -ENOSPC);
			ck_assert_uint_eq(fn[0].config[PCI_COMMAND], 0xff);
		}
		teardown();
	}
	ck_assert_uint_gt(fits, 20);
	ck_assert_uint_lt(fits, 200);
}
END_TEST

CHECK_MAIN("pci_assign", usual_devices, one_bar_alone,
	   small_ones_fill_the_holes, prefetchable_overflows_downwards,
	   conventional_overflows_upwards, sizes_are_checked_and_devices_named,
	   ports_run_out_of_io_windows, full_bus, any_mixture)
