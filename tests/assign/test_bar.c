// SPDX-License-Identifier: GPL-2.0-or-later
/* BARs: sizes, places, what is direct and what is trapped. */
#include <check.h>
#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "assign/bytes.h"
#include "common/util.h"
#include "tests/assign/fake_function.h"
#include "tests/check_main.h"

#define MEMORY PCI_COMMAND_MEMORY
#define PORTS  PCI_COMMAND_IO

static struct fixture fx;

static uint32_t rd(uint16_t offset, unsigned int size)
{
	return moat_device_config_read(fx.dev, offset, size);
}

static void wr(uint16_t offset, unsigned int size, uint32_t value)
{
	moat_device_config_write(fx.dev, offset, size, value);
}

static void put_bar(unsigned int i, uint32_t value)
{
	wr((uint16_t)(PCI_BASE_ADDRESS_0 + 4 * i), 4, value);
}

static void start(void)
{
	fixture_init(&fx);
	fixture_start(&fx);
}

/* Where the guest finds BAR @i's bytes directly: at @gpa? */
static bool direct_is(unsigned int i, uint64_t offset, uint64_t gpa)
{
	return fake_vmm_direct(&fx.vmm, gpa) == fx.fn.memory[i] + offset;
}

static bool trapped(enum moat_trap_space space, uint64_t first, uint64_t last)
{
	for (unsigned int i = 0; i < FAKE_RANGES; i++)
		if (fx.vmm.trap[i] && fx.vmm.trap[i]->space == space &&
		    fx.vmm.trap[i]->first == first &&
		    fx.vmm.trap[i]->last == last)
			return true;
	return false;
}

static unsigned int count_traps(void)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < FAKE_RANGES; i++)
		n += fx.vmm.trap[i] != NULL;
	return n;
}

static const struct {
	enum moat_bar_kind kind;
	bool prefetchable;
	uint64_t size;
} bar_infos[] = {
	{ MOAT_BAR_MEM32, false, FAKE_BAR0_SIZE },
	{ MOAT_BAR_PIO, false, FAKE_BAR1_SIZE },
	{ MOAT_BAR_MEM64, true, FAKE_BAR2_SIZE },
	{ MOAT_BAR_NONE, false, 0 },
	{ MOAT_BAR_MEM32, false, FAKE_BAR4_SIZE },
	{ MOAT_BAR_NONE, false, 0 },
	{ MOAT_BAR_NONE, false, 0 }, /* there is no BAR 6 */
};

START_TEST(what_bars_ask_for)
{
	struct moat_bar_info info;

	start();
	for (unsigned int i = 0; i < ARRAY_SIZE(bar_infos); i++) {
		moat_device_bar(fx.dev, i, &info);
		ck_assert_int_eq(info.kind, bar_infos[i].kind);
		ck_assert_uint_eq(info.prefetchable, bar_infos[i].prefetchable);
		ck_assert_uint_eq(info.size, bar_infos[i].size);
	}
	fixture_fini(&fx);
}
END_TEST

/* Sizes and types that no BAR can have: a device (or host) gone wrong. */
static const struct {
	unsigned int bar;
	uint32_t reg;
	uint64_t size;
} bad_bars[] = {
	{ 0, 0, 0x3000 },     { 0, 0, 8 },
	{ 0, 0, 1ULL << 32 }, { 0, 0, 1ULL << 63 },
	{ 1, 1, 0x30 },	      { 1, 1, 2 },
	{ 1, 1, 0x20000 },    { 2, 0xc, 0x180000 },
	{ 5, 0x4, 0x1000 }, /* 64 bits wide, and the last */
};

START_TEST(impossible_bars_are_refused)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad_bars); i++) {
		fixture_init(&fx);
		fake_put(&fx.fn, PCI_BASE_ADDRESS_0 + 4 * bad_bars[i].bar, 4,
			 bad_bars[i].reg);
		fx.fn.region[bad_bars[i].bar].size = bad_bars[i].size;
		fx.fn.region[bad_bars[i].bar].n_areas = 0;
		ck_assert_int_eq(fixture_open(&fx), -EINVAL);
		ck_assert_ptr_nonnull(strstr(fx.err.msg, "disk: BAR"));
		fixture_fini(&fx);
	}
}
END_TEST

START_TEST(sizing_by_all_ones)
{
	start();
	put_bar(2, 0xffffffff);
	put_bar(3, 0xffffffff);
	ck_assert_uint_eq(rd(PCI_BASE_ADDRESS_2, 4), 0xfff0000c);
	ck_assert_uint_eq(rd(PCI_BASE_ADDRESS_3, 4), 0xffffffff);
	/* The device's own registers are not touched. */
	ck_assert_uint_eq(fake_get(&fx.fn, PCI_BASE_ADDRESS_0, 4), 0xf0000000);
	/* Sizing while decoding is on shows nothing to anybody. */
	for (unsigned int i = 0; i < 6; i++)
		put_bar(i, 0xffffffff);
	wr(PCI_COMMAND, 2, MEMORY | PORTS);
	ck_assert_uint_eq(count_traps(), 0);
	/* Lower half, upper half, as Linux does it. */
	put_bar(2, 0x80000000);
	put_bar(3, 0x10);
	ck_assert(direct_is(2, 0, 0x1080000000));
	put_bar(2, 0xffffffff);
	put_bar(2, 0x80000000);
	put_bar(3, 0xffffffff);
	ck_assert_uint_eq(count_traps(), 0);
	put_bar(3, 0x10);
	ck_assert(direct_is(2, 0, 0x1080000000));
	fixture_fini(&fx);
}
END_TEST

/* Both pages that the engine plays stay out; the rest is direct. */
START_TEST(table_is_trapped_rest_is_direct)
{
	start();
	put_bar(0, 0xc0000000);
	wr(PCI_COMMAND, 2, MEMORY);
	ck_assert(trapped(MOAT_TRAP_MMIO, 0xc0000000, 0xc0003fff));
	ck_assert(direct_is(0, 0, 0xc0000000));
	ck_assert(direct_is(0, 0x1fff, 0xc0001fff));
	ck_assert_ptr_null(fake_vmm_direct(&fx.vmm, 0xc0002000));
	ck_assert_ptr_null(fake_vmm_direct(&fx.vmm, 0xc0003000));
	fixture_fini(&fx);
}
END_TEST

/* Where a table and PBA may be, and how many segments that leaves. */
static const struct {
	uint32_t table, pba;
	struct host_area area[3];
	unsigned int n_areas;
	struct host_area want[4];
	unsigned int n_want;
} layouts[] = {
	/* Table at the start, PBA right behind: one page. */
	{ 0x0, 0x800, { { 0, 0x4000 } }, 1, { { 0x1000, 0x3000 } }, 1 },
	/* PBA before the table, apart. */
	{ 0x3000,
	  0x1000,
	  { { 0, 0x4000 } },
	  1,
	  { { 0, 0x1000 }, { 0x2000, 0x1000 } },
	  2 },
	/* At the very end. */
	{ 0x3f00, 0x3ff8, { { 0, 0x4000 } }, 1, { { 0, 0x3000 } }, 1 },
	/* The table crosses a page border. */
	{ 0x1fc0, 0x3000, { { 0, 0x4000 } }, 1, { { 0, 0x1000 } }, 1 },
	/* Sparse: the host shows two pieces, one of them with the table. */
	{ 0x2000,
	  0x2800,
	  { { 0, 0x1000 }, { 0x2000, 0x2000 } },
	  2,
	  { { 0, 0x1000 }, { 0x3000, 0x1000 } },
	  2 },
	/* Both before the only piece. */
	{ 0x1000, 0x1800, { { 0x3000, 0x1000 } }, 1, { { 0x3000, 0x1000 } }, 1 },
	/* Nothing may be mapped. */
	{ 0x2000, 0x3000, { { 0, 0 } }, 0, { { 0, 0 } }, 0 },
};

START_TEST(segments_by_layout)
{
	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++) {
		fixture_init(&fx);
		fake_put(&fx.fn, FAKE_MSIX + PCI_MSIX_TABLE, 4,
			 layouts[i].table);
		fake_put(&fx.fn, FAKE_MSIX + PCI_MSIX_PBA, 4, layouts[i].pba);
		memcpy(fx.fn.region[0].area, layouts[i].area,
		       sizeof(layouts[i].area));
		fx.fn.region[0].n_areas = layouts[i].n_areas;
		fixture_start(&fx);
		put_bar(0, 0xc0000000);
		wr(PCI_COMMAND, 2, MEMORY);
		ck_assert_uint_eq(fx.dev->bar[0].n_segments, layouts[i].n_want);
		for (unsigned int s = 0; s < layouts[i].n_want; s++) {
			uint64_t at = layouts[i].want[s].offset;
			uint64_t len = layouts[i].want[s].len;

			ck_assert(direct_is(0, at, 0xc0000000 + at));
			ck_assert(direct_is(0, at + len - 1,
					    0xc0000000 + at + len - 1));
			ck_assert_uint_eq(fx.dev->bar[0].segment[s].len, len);
		}
		fixture_fini(&fx);
	}
}
END_TEST

START_TEST(decode_off_and_on)
{
	start();
	put_bar(0, 0xc0000000);
	put_bar(1, 0x2000);
	put_bar(2, 0);
	put_bar(3, 0x20);
	put_bar(4, 0xc0010000);
	ck_assert(fake_vmm_is_empty(&fx.vmm) || fx.vmm.pin);
	ck_assert_uint_eq(count_traps(), 0);
	wr(PCI_COMMAND, 2, MEMORY);
	ck_assert_uint_eq(count_traps(), 3);
	ck_assert(direct_is(2, 0x80000, 0x2000080000));
	wr(PCI_COMMAND, 2, MEMORY | PORTS);
	ck_assert(trapped(MOAT_TRAP_PIO, 0x2000, 0x201f));
	wr(PCI_COMMAND, 2, PORTS);
	ck_assert_uint_eq(count_traps(), 1);
	ck_assert_ptr_null(fake_vmm_direct(&fx.vmm, 0xc0000000));
	wr(PCI_COMMAND, 2, 0);
	ck_assert_uint_eq(count_traps(), 0);
	wr(PCI_COMMAND, 2, MEMORY | PORTS);
	ck_assert_uint_eq(count_traps(), 4);
	fixture_fini(&fx);
}
END_TEST

/* Moving with decoding on: the old place is gone, the new one is there. */
START_TEST(relocation)
{
	start();
	wr(PCI_COMMAND, 2, MEMORY | PORTS);
	put_bar(0, 0xc0000000);
	put_bar(0, 0xc0100000);
	ck_assert_ptr_null(fake_vmm_direct(&fx.vmm, 0xc0000000));
	ck_assert(direct_is(0, 0x1000, 0xc0101000));
	put_bar(1, 0x3001);
	ck_assert(trapped(MOAT_TRAP_PIO, 0x3000, 0x301f));
	put_bar(1, 0x4000);
	ck_assert(trapped(MOAT_TRAP_PIO, 0x4000, 0x401f));
	ck_assert_uint_eq(count_traps(), 2);
	/* 64 bits, one half at a time. */
	put_bar(2, 0xd0000000);
	ck_assert(direct_is(2, 0, 0xd0000000));
	put_bar(3, 0x30);
	ck_assert_ptr_null(fake_vmm_direct(&fx.vmm, 0xd0000000));
	ck_assert(direct_is(2, 0, 0x30d0000000));
	put_bar(2, 0xe0000000);
	ck_assert(direct_is(2, 0, 0x30e0000000));
	/* A byte of a register moves it, too. */
	wr(PCI_BASE_ADDRESS_3, 1, 0x31);
	ck_assert(direct_is(2, 0, 0x31e0000000));
	/* Ports end at 64 KiB, and zero is nobody's address. */
	put_bar(1, 0x10000);
	put_bar(0, 0);
	ck_assert_uint_eq(count_traps(), 1);
	fixture_fini(&fx);
}
END_TEST

START_TEST(overlap_leaves_bar_unmapped)
{
	start();
	wr(PCI_COMMAND, 2, MEMORY);
	put_bar(0, 0xc0000000);
	/* RAM: refused by map_memory() after trap() was taken. */
	put_bar(0, 0x10000000);
	ck_assert_uint_eq(count_traps(), 0);
	ck_assert_ptr_null(fake_vmm_direct(&fx.vmm, 0x10000000));
	put_bar(0, 0xc0000000);
	ck_assert(direct_is(0, 0, 0xc0000000));
	/* On top of BAR 0: it keeps its place, BAR 4 has none. */
	put_bar(4, 0xc0002000);
	ck_assert(direct_is(0, 0, 0xc0000000));
	ck_assert_uint_eq(count_traps(), 1);
	/* BAR 0 goes away: BAR 4 appears where it was asked to be. */
	put_bar(0, 0xc0100000);
	ck_assert(trapped(MOAT_TRAP_MMIO, 0xc0002000, 0xc00020ff));
	ck_assert(direct_is(0, 0, 0xc0100000));
	fixture_fini(&fx);
}
END_TEST

/* No slot: the trap serves all of it. */
START_TEST(out_of_slots)
{
	start();
	fx.vmm.slots = 0;
	put_bar(0, 0xc0000000);
	wr(PCI_COMMAND, 2, MEMORY);
	ck_assert(trapped(MOAT_TRAP_MMIO, 0xc0000000, 0xc0003fff));
	ck_assert_ptr_null(fake_vmm_direct(&fx.vmm, 0xc0000000));
	put_le(fx.fn.memory[0] + 0x10, 4, 0x11223344);
	ck_assert_uint_eq(fake_vmm_read(&fx.vmm, MOAT_TRAP_MMIO, 0xc0000010, 4),
			  0x11223344);
	/* Slots again: the next move is direct. */
	fx.vmm.slots = FAKE_RANGES;
	put_bar(0, 0xc0010000);
	ck_assert(direct_is(0, 0, 0xc0010000));
	fixture_fini(&fx);
}
END_TEST

/* Trapped accesses reach the device whole, at the right place. */
START_TEST(trapped_widths)
{
	static const unsigned int sizes[] = { 1, 2, 4, 8 };
	const uint64_t pattern = 0x8877665544332211;

	start();
	put_bar(0, 0xc0000000);
	put_bar(1, 0x2000);
	put_bar(4, 0xc0010000);
	wr(PCI_COMMAND, 2, MEMORY | PORTS);
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		unsigned int n = sizes[i];
		const struct fake_write *w;
		uint64_t addr[] = {
			0xc0010000 + 0x40 + 8 * i,  /* BAR 4 */
			0xc0002000 + 0x800 + 8 * i, /* behind the table */
		};
		const struct {
			unsigned int bar;
			uint64_t offset;
		} at[] = { { 4, 0x40 + 8 * i }, { 0, 0x2800 + 8 * i } };

		for (unsigned int k = 0; k < ARRAY_SIZE(addr); k++) {
			fake_vmm_write(&fx.vmm, MOAT_TRAP_MMIO, addr[k], n,
				       pattern);
			w = &fx.fn.log[(fx.fn.n_log - 1) % FAKE_LOG];
			ck_assert_uint_eq(w->region, at[k].bar);
			ck_assert_uint_eq(w->offset, at[k].offset);
			ck_assert_uint_eq(w->len, n);
			ck_assert_uint_eq(w->value, pattern & all_ones(n));
			ck_assert_uint_eq(fake_vmm_read(&fx.vmm, MOAT_TRAP_MMIO,
							addr[k], n),
					  pattern & all_ones(n));
		}
		if (n == 8)
			continue;
		fake_vmm_write(&fx.vmm, MOAT_TRAP_PIO, 0x2004, n, pattern);
		ck_assert_uint_eq(get_le(fx.fn.memory[1] + 4, n),
				  pattern & all_ones(n));
		ck_assert_uint_eq(
			fake_vmm_read(&fx.vmm, MOAT_TRAP_PIO, 0x2004, n),
			pattern & all_ones(n));
	}
	fixture_fini(&fx);
}
END_TEST

/* A vCPU may have looked the trap up just before it went. */
START_TEST(late_access)
{
	struct moat_trap late;
	unsigned int writes;

	start();
	put_bar(4, 0xc0010000);
	wr(PCI_COMMAND, 2, MEMORY);
	late = fx.dev->bar[4].trap;
	fx.fn.memory[4][0] = 0x5a;
	ck_assert_uint_eq(late.read(late.opaque, 0, 4), 0x5a);
	/* What a VMM with a bug might pass on. */
	ck_assert_uint_eq(late.read(late.opaque, FAKE_BAR4_SIZE, 4),
			  UINT32_MAX);
	ck_assert_uint_eq(late.read(late.opaque, FAKE_BAR4_SIZE - 2, 4),
			  UINT32_MAX);
	ck_assert_uint_eq(late.read(late.opaque, UINT64_MAX, 4), UINT32_MAX);
	/* Gone, while the device goes on decoding for its other BARs. */
	put_bar(4, 0);
	writes = fx.fn.n_log;
	ck_assert_uint_eq(late.read(late.opaque, 0, 4), UINT32_MAX);
	ck_assert_uint_eq(late.read(late.opaque, 0, 8), UINT64_MAX);
	late.write(late.opaque, 0, 4, 1);
	ck_assert_uint_eq(fx.fn.n_log, writes);
	fixture_fini(&fx);
}
END_TEST

START_TEST(device_error_reads_as_ones)
{
	start();
	put_bar(4, 0xc0010000);
	wr(PCI_COMMAND, 2, MEMORY);
	fx.sweep.fail_at = fx.sweep.calls + 1;
	ck_assert_uint_eq(fake_vmm_read(&fx.vmm, MOAT_TRAP_MMIO, 0xc0010000, 2),
			  0xffff);
	fixture_fini(&fx);
}
END_TEST

/* 1 GiB and more: the low half of the mask is all zero. */
START_TEST(huge_bar)
{
	const uint64_t size = 8 * GiB;

	fixture_init(&fx);
	fx.fn.region[2].size = size;
	fx.fn.region[2].n_areas = 0;
	fixture_start(&fx);
	put_bar(2, 0xffffffff);
	put_bar(3, 0xffffffff);
	ck_assert_uint_eq(rd(PCI_BASE_ADDRESS_2, 4), 0xc);
	ck_assert_uint_eq(rd(PCI_BASE_ADDRESS_3, 4), 0xfffffffe);
	wr(PCI_COMMAND, 2, MEMORY);
	ck_assert_uint_eq(count_traps(), 0);
	put_bar(2, 0);
	put_bar(3, 0x23);
	ck_assert(trapped(MOAT_TRAP_MMIO, 0x22ULL << 32,
			  (0x22ULL << 32) + size - 1));
	fixture_fini(&fx);
}
END_TEST

CHECK_MAIN("bar", what_bars_ask_for, impossible_bars_are_refused,
	   sizing_by_all_ones, table_is_trapped_rest_is_direct,
	   segments_by_layout, decode_off_and_on, relocation,
	   overlap_leaves_bar_unmapped, out_of_slots, trapped_widths,
	   late_access, device_error_reads_as_ones, huge_bar)
