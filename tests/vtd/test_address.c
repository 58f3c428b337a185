// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Isolation by address, against a device whose DMA engine sends anything: the
 * catalogue's items 1 to 11, each in legacy and in scalable mode. A test is
 * named for its item; what is refused is compared in reason, address,
 * requester and type.
 */
#include <errno.h>
#include <string.h>

#include "common/util.h"
#include "tests/check_main.h"
#include "tests/vtd/machine.h"

#define SID	  0x0428
#define DID	  7
#define RAM_PAGES 16
#define RAM	  (RAM_PAGES * VTD_PAGE_SIZE) /* of the guest, at IOVA BASE */
#define BASE	  UINT64_C(0x1000000)
#define HOST	  UINT64_C(0x100000) /* where it is */

struct world {
	struct machine m;
	struct vtd_tables *tables;
	struct function fn;
};

static void world_init(struct world *w, const struct machine_config *config,
		       unsigned int levels)
{
	machine_init(&w->m, config);
	w->tables = machine_tables(&w->m, levels);
	machine_attach(&w->m, SID, w->tables, levels, DID);
	w->fn = (struct function) { .m = &w->m, .sid = SID };
}

static void world_fini(struct world *w)
{
	vtd_tables_destroy(w->tables);
	machine_fini(&w->m);
}

static void map(struct world *w, uint64_t iova, uint64_t addr, uint64_t len,
		unsigned int prot)
{
	ck_assert_int_eq(vtd_tables_map(w->tables, iova, addr, len, prot), 0);
}

static void expect(struct world *w, enum vtd_access access, uint64_t iova,
		   enum vtd_reason legacy, enum vtd_reason scalable)
{
	const struct fault_want want = {
		.legacy = legacy,
		.scalable = scalable,
		.addr = iova,
		.sid = SID,
		.access = access,
	};

	machine_expect_fault(&w->m, &w->fn, &want);
}

/* Reads and writes of @iova are refused, for these reasons. */
static void refused(struct world *w, uint64_t iova, enum vtd_reason l_read,
		    enum vtd_reason s_read, enum vtd_reason l_write,
		    enum vtd_reason s_write)
{
	uint64_t value = 0;

	ck_assert_int_lt(function_read(&w->fn, iova, &value, 8), 0);
	expect(w, VTD_READ, iova, l_read, s_read);
	ck_assert_int_lt(function_write(&w->fn, iova, &value, 8), 0);
	expect(w, VTD_WRITE, iova, l_write, s_write);
}

static void refused_absent(struct world *w, uint64_t iova)
{
	refused(w, iova, VTD_FR_READ, VTD_FR_SM_TABLE_ABSENT, VTD_FR_WRITE,
		VTD_FR_SM_TABLE_ABSENT);
}

/* Refused whatever is tried, for one reason. */
static void refused_for(struct world *w, uint64_t iova, enum vtd_reason legacy,
			enum vtd_reason scalable)
{
	refused(w, iova, legacy, scalable, legacy, scalable);
}

START_TEST(a01_never_mapped)
{
	struct machine_config config = { 0 };
	struct world w;

	FOR_BOTH_MODES (config) {
		world_init(&w, &config, 4);
		map(&w, BASE, HOST, RAM, VTD_MAP_READ | VTD_MAP_WRITE);
		ck_assert(function_lands(&w.fn, BASE, HOST));
		refused_absent(&w, 0);
		refused_absent(&w, HOST); /* its own memory's host address */
		refused_absent(&w, w.m.root); /* the unit's own tables */
		refused_absent(&w, UINT64_C(1) << 40);
		refused_absent(&w, (UINT64_C(1) << 48) - VTD_PAGE_SIZE);
		ck_assert(function_lands(&w.fn, BASE, HOST));
		world_fini(&w);
	}
}
END_TEST

START_TEST(a02_one_page_off)
{
	struct machine_config config = { 0 };
	struct world w;

	FOR_BOTH_MODES (config) {
		world_init(&w, &config, 3);
		map(&w, BASE, HOST, RAM, VTD_MAP_READ | VTD_MAP_WRITE);
		refused_absent(&w, BASE - VTD_PAGE_SIZE);
		refused_absent(&w, BASE - 8);
		ck_assert(function_lands(&w.fn, BASE, HOST));
		ck_assert(function_lands(&w.fn, BASE + RAM - 8, HOST + RAM - 8));
		refused_absent(&w, BASE + RAM);
		world_fini(&w);
	}
}
END_TEST

/*
 * A record has no bits beyond the widest tables that the unit could have, so
 * of some addresses it tells less.
 */
static void refused_too_wide(struct world *w, uint64_t iova, unsigned int bits)
{
	const uint64_t told = iova & (UINT64_MAX >> (64 - bits));
	uint64_t value = 0;

	ck_assert_int_lt(function_read(&w->fn, iova, &value, 8), 0);
	expect(w, VTD_READ, told, VTD_FR_ADDRESS, VTD_FR_SM_ADDRESS);
	ck_assert_int_lt(function_write(&w->fn, iova, &value, 8), 0);
	expect(w, VTD_WRITE, told, VTD_FR_ADDRESS, VTD_FR_SM_ADDRESS);
}

START_TEST(a03_too_wide)
{
	static const struct {
		unsigned int levels;
		bool five_levels; /* of the unit: then MGAW is 57 bits */
		unsigned int bits;
	} cases[] = {
		{ 3, false, 39 },
		{ 4, false, 48 },
		{ 4, true, 48 },
		{ 5, true, 57 },
	};
	struct machine_config config = { 0 };
	struct world w;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		FOR_BOTH_MODES (config) {
			const unsigned int widest = cases[i].five_levels ? 57
									 : 48;
			const uint64_t end = UINT64_C(1) << cases[i].bits;

			config.five_levels = cases[i].five_levels;
			world_init(&w, &config, cases[i].levels);
			map(&w, end - VTD_PAGE_SIZE, HOST, VTD_PAGE_SIZE,
			    VTD_MAP_READ | VTD_MAP_WRITE);
			ck_assert(function_lands(&w.fn, end - 8,
						 HOST + VTD_PAGE_SIZE - 8));
			refused_too_wide(&w, end, widest);
			refused_too_wide(&w, end + BASE, widest);
			refused_too_wide(&w, UINT64_C(1) << 63, widest);
			refused_too_wide(&w, UINT64_MAX - 7, widest);
			world_fini(&w);
		}
}
END_TEST

/* A page that is cached is found at its address, and at no wider one. */
START_TEST(a03_too_wide_for_the_cache)
{
	struct machine_config config = { .five_levels = true };
	static const uint64_t sizes[] = { 4 * KiB, 2 * MiB, GiB };
	struct world w;

	FOR_BOTH_MODES (config) {
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
			const uint64_t first = align_down(HOST, sizes[i]);

			world_init(&w, &config, 5);
			map(&w, first, first, sizes[i],
			    VTD_MAP_READ | VTD_MAP_WRITE);
			ck_assert(function_lands(&w.fn, HOST, HOST));
			for (unsigned int bit = 57; bit < 64; bit++)
				refused_too_wide(&w, UINT64_C(1) << bit | HOST,
						 57);
			world_fini(&w);
		}
	}
}
END_TEST

static void narrow_mgaw(struct vtd_caps *caps)
{
	vtd_field_set(caps, VTD_MGAW, 41);
}

/* MGAW below the width of the tables: the lesser of the two counts. */
START_TEST(a03_beyond_mgaw_within_tables)
{
	struct machine_config config = { .adjust = narrow_mgaw };
	struct world w;

	FOR_BOTH_MODES (config) {
		world_init(&w, &config, 4);
		map(&w, UINT64_C(1) << 42, HOST, VTD_PAGE_SIZE, VTD_MAP_READ);
		refused_absent(&w, (UINT64_C(1) << 42) - 8);
		refused_too_wide(&w, UINT64_C(1) << 42, 48);
		world_fini(&w);
	}
}
END_TEST

START_TEST(a04_into_a_hole)
{
	struct machine_config config = { 0 };
	struct world w;

	FOR_BOTH_MODES (config) {
		world_init(&w, &config, 4);
		map(&w, 0, HOST, RAM, VTD_MAP_READ | VTD_MAP_WRITE);
		map(&w, 2 * RAM, HOST + RAM, RAM, VTD_MAP_READ | VTD_MAP_WRITE);
		for (uint64_t at = RAM; at < 2 * RAM; at += VTD_PAGE_SIZE)
			refused_absent(&w, at);
		ck_assert(function_lands(&w.fn, RAM - 8, HOST + RAM - 8));
		ck_assert(function_lands(&w.fn, 2 * RAM, HOST + RAM));
		world_fini(&w);
	}
}
END_TEST

START_TEST(a05_read_only_page_written)
{
	struct machine_config config = { 0 };
	uint64_t value = 0;
	struct world w;

	FOR_BOTH_MODES (config) {
		world_init(&w, &config, 4);
		map(&w, BASE, HOST, RAM, VTD_MAP_READ);
		machine_store(&w.m, HOST, 0x1122334455667788);
		for (int i = 0; i < 2; i++) { /* walked, then cached */
			ck_assert_int_lt(function_write(&w.fn, BASE, &value, 8),
					 0);
			expect(&w, VTD_WRITE, BASE, VTD_FR_WRITE,
			       VTD_FR_SM_WRITE);
			ck_assert_uint_eq(machine_load(&w.m, HOST),
					  0x1122334455667788);
			ck_assert_int_eq(function_read(&w.fn, BASE, &value, 8),
					 0);
			ck_assert_uint_eq(value, 0x1122334455667788);
			value = 0;
		}
		world_fini(&w);
	}
}
END_TEST

START_TEST(a05_write_only_page_read)
{
	struct machine_config config = { 0 };
	uint64_t value;
	struct world w;

	FOR_BOTH_MODES (config) {
		world_init(&w, &config, 4);
		map(&w, BASE, HOST, RAM, VTD_MAP_WRITE);
		for (int i = 0; i < 2; i++) {
			value = 0x5a;
			ck_assert_int_lt(function_read(&w.fn, BASE, &value, 8),
					 0);
			expect(&w, VTD_READ, BASE, VTD_FR_READ, VTD_FR_SM_READ);
			ck_assert_uint_eq(value, 0x5a);
			ck_assert(function_lands(&w.fn, BASE, HOST));
		}
		world_fini(&w);
	}
}
END_TEST

/* An atomic both reads and writes; it is told as an atomic. */
START_TEST(a05_atomic_needs_both)
{
	static const unsigned int prots[] = { VTD_MAP_READ, VTD_MAP_WRITE };
	const struct vtd_request swap = {
		.addr = BASE,
		.len = 8,
		.access = VTD_ATOMIC,
	};
	struct machine_config config = { 0 };
	uint64_t value = 1;
	struct world w;

	FOR_BOTH_MODES (config)
		for (size_t i = 0; i < ARRAY_SIZE(prots); i++) {
			world_init(&w, &config, 4);
			map(&w, BASE, HOST, RAM, prots[i]);
			ck_assert_int_lt(
				function_send(&w.fn, &swap, &value, NULL), 0);
			expect(&w, VTD_ATOMIC, BASE,
			       i ? VTD_FR_READ : VTD_FR_WRITE,
			       i ? VTD_FR_SM_READ : VTD_FR_SM_WRITE);
			ck_assert_uint_eq(machine_load(&w.m, HOST), 0);
			world_fini(&w);
		}
}
END_TEST

static void no_zlr(struct vtd_caps *caps)
{
	vtd_field_set(caps, VTD_ZLR, 0);
}

/* A read of no length passes where writing is allowed, if the unit says so. */
START_TEST(a05_zero_length_read)
{
	struct machine_config config = { 0 };
	struct world w;

	for (int zlr = 0; zlr < 2; zlr++)
		FOR_BOTH_MODES (config) {
			config.adjust = zlr ? NULL : no_zlr;
			world_init(&w, &config, 4);
			map(&w, BASE, HOST, RAM, VTD_MAP_WRITE);
			ck_assert_int_eq(function_read(&w.fn, BASE, NULL, 0),
					 zlr ? 0 : -EFAULT);
			if (!zlr)
				expect(&w, VTD_READ, BASE, VTD_FR_READ,
				       VTD_FR_SM_READ);
			machine_expect_no_fault(&w.m);
			/* Not where nothing is. */
			ck_assert_int_lt(function_read(&w.fn, 0, NULL, 0), 0);
			expect(&w, VTD_READ, 0, VTD_FR_READ,
			       VTD_FR_SM_TABLE_ABSENT);
			world_fini(&w);
		}
}
END_TEST

/* Where in memory the entry of @level for @iova is. */
static uint64_t entry_at(const struct world *w, unsigned int levels,
			 unsigned int level, uint64_t iova)
{
	uint64_t table = vtd_tables_root(w->tables), at;

	for (unsigned int l = levels;; l--) {
		at = table + (iova >> (12 + 9 * (l - 1)) & 511) * 8;
		if (l == level)
			return at;
		table = machine_load(&w->m, at) & VTD_SS_ADDR;
	}
}

START_TEST(a06_every_level_must_allow)
{
	struct machine_config config = { .five_levels = true };
	uint64_t value = 0;
	struct world w;

	for (unsigned int level = 2; level <= 5; level++)
		FOR_BOTH_MODES (config) {
			uint64_t at, entry;

			world_init(&w, &config, 5);
			map(&w, BASE, HOST, RAM, VTD_MAP_READ | VTD_MAP_WRITE);
			at = entry_at(&w, 5, level, BASE);
			entry = machine_load(&w.m, at);
			machine_store(&w.m, at, entry & ~VTD_SS_W);
			ck_assert_int_lt(function_write(&w.fn, BASE, &value, 8),
					 0);
			expect(&w, VTD_WRITE, BASE, VTD_FR_WRITE,
			       VTD_FR_SM_WRITE);
			ck_assert_int_eq(function_read(&w.fn, BASE, &value, 8),
					 0);
			/* Readable here, writable there: neither. */
			machine_store(&w.m, at, entry & ~VTD_SS_R);
			at = entry_at(&w, 5, 1, BASE + VTD_PAGE_SIZE);
			entry = machine_load(&w.m, at);
			machine_store(&w.m, at, entry & ~VTD_SS_W);
			refused_absent(&w, BASE + VTD_PAGE_SIZE);
			world_fini(&w);
		}
}
END_TEST

START_TEST(a07_large_pages_end_where_they_end)
{
	static const uint64_t sizes[] = { 2 * MiB, GiB };
	struct machine_config config = { 0 };
	uint64_t value = 0;
	struct world w;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		FOR_BOTH_MODES (config) {
			const uint64_t size = sizes[i], iova = 4 * size;

			world_init(&w, &config, 4);
			map(&w, iova, 0, size, VTD_MAP_READ | VTD_MAP_WRITE);
			/* One entry, and so one large page. */
			ck_assert(machine_load(&w.m, entry_at(&w, 4, i ? 3 : 2,
							      iova)) &
				  VTD_SS_PS);
			ck_assert(function_lands(&w.fn, iova + 8, 8));
			ck_assert(function_lands(&w.fn, iova + MiB, MiB));
			if (i == 0)
				ck_assert(function_lands(&w.fn, iova + size - 8,
							 size - 8));
			refused_absent(&w, iova - 8);
			refused_absent(&w, iova + size);
			/* Translated, but there is no memory at 1 GiB - 8. */
			if (i == 1)
				ck_assert_int_lt(function_read(&w.fn,
							       iova + size - 8,
							       &value, 8),
						 0);
			machine_expect_no_fault(&w.m);
			world_fini(&w);
		}
}
END_TEST

START_TEST(a07_no_page_of_512_gib)
{
	struct machine_config config = { 0 };
	struct world w;

	FOR_BOTH_MODES (config) {
		uint64_t at;

		world_init(&w, &config, 4);
		map(&w, BASE, HOST, RAM, VTD_MAP_READ | VTD_MAP_WRITE);
		at = entry_at(&w, 4, 4, BASE);
		machine_store(&w.m, at, VTD_SS_PS | VTD_SS_R | VTD_SS_W);
		refused_for(&w, BASE, VTD_FR_TABLE_RESERVED,
			    VTD_FR_SM_TABLE_RESERVED);
		world_fini(&w);
	}
}
END_TEST

static void no_large_pages(struct vtd_caps *caps)
{
	vtd_field_set(caps, VTD_SSLPS, 0);
}

START_TEST(a07_no_large_page_that_the_unit_has_not)
{
	struct machine_config config = { .adjust = no_large_pages };
	struct world w;

	for (unsigned int level = 2; level <= 3; level++)
		FOR_BOTH_MODES (config) {
			world_init(&w, &config, 4);
			map(&w, BASE, HOST, RAM, VTD_MAP_READ | VTD_MAP_WRITE);
			machine_store(&w.m, entry_at(&w, 4, level, BASE),
				      VTD_SS_PS | VTD_SS_R | VTD_SS_W);
			refused_for(&w, BASE, VTD_FR_TABLE_RESERVED,
				    VTD_FR_SM_TABLE_RESERVED);
			world_fini(&w);
		}
}
END_TEST

/* Reserved bits, of a table's entry and of a page's, by level. */
static uint64_t reserved_bits(unsigned int level, bool leaf)
{
	uint64_t bits = VTD_BITS(51, MACHINE_HOST_BITS) | VTD_BITS(62, 62) |
			VTD_BITS(11, 11); /* SNP, which the unit has not */

	if (leaf && level > 1)
		bits |= VTD_BITS(12 + 9 * (level - 1) - 1, 12);
	if (!leaf && level > 3)
		bits |= VTD_SS_PS;
	return bits;
}

static void try_bits(struct world *w, unsigned int level, bool leaf)
{
	const uint64_t at = entry_at(w, 5, level, BASE);
	const uint64_t good = leaf ? HOST / GiB * GiB | VTD_SS_R | VTD_SS_W |
					      (level > 1 ? VTD_SS_PS : 0)
				   : machine_load(&w->m, at);
	const uint64_t reserved = reserved_bits(level, leaf);
	const uint64_t ignored = VTD_BITS(63, 63) | VTD_BITS(61, 52) |
				 VTD_BITS(10, 9) | VTD_BITS(8, 8) |
				 VTD_BITS(6, 2);
	uint64_t value = 0;

	for (unsigned int bit = 0; bit < 64; bit++) {
		const uint64_t mask = UINT64_C(1) << bit;

		machine_store(&w->m, at, good | mask);
		if (reserved & mask)
			refused_for(w, BASE, VTD_FR_TABLE_RESERVED,
				    VTD_FR_SM_TABLE_RESERVED);
		else if (ignored & mask)
			ck_assert_int_eq(function_read(&w->fn, BASE, &value, 8),
					 0);
		ck_assert_int_eq(
			machine_flush_iotlb(&w->m, VTD_INV_GLOBAL, 0, 0, 0), 0);
		/* Of what is not present, nothing else counts. */
		machine_store(&w->m, at, mask & ~(VTD_SS_R | VTD_SS_W));
		refused_absent(w, BASE);
		machine_store(&w->m, at, good);
	}
}

START_TEST(a08_reserved_bits_of_every_level)
{
	struct machine_config config = { .five_levels = true };
	struct world w;

	for (unsigned int level = 1; level <= 5; level++)
		for (int leaf = 0; leaf < 2; leaf++)
			FOR_BOTH_MODES (config) {
				if (leaf ? level > 3 : level == 1)
					continue;
				world_init(&w, &config, 5);
				map(&w, BASE, HOST, RAM,
				    VTD_MAP_READ | VTD_MAP_WRITE);
				try_bits(&w, level, leaf);
				world_fini(&w);
			}
}
END_TEST

START_TEST(a09_table_outside_memory)
{
	struct machine_config config = { 0 };
	struct world w;

	for (unsigned int level = 2; level <= 4; level++)
		FOR_BOTH_MODES (config) {
			world_init(&w, &config, 4);
			map(&w, BASE, HOST, RAM, VTD_MAP_READ | VTD_MAP_WRITE);
			machine_store(&w.m, entry_at(&w, 4, level, BASE),
				      MACHINE_RAM | VTD_SS_R | VTD_SS_W);
			refused_for(&w, BASE, VTD_FR_TABLE_ACCESS,
				    VTD_FR_SM_TABLE_ACCESS);
			world_fini(&w);
		}
}
END_TEST

START_TEST(a09_top_table_outside_memory)
{
	const struct vtd_context context = {
		.tables = MACHINE_RAM,
		.levels = 4,
		.did = DID,
	};
	struct machine_config config = { 0 };
	struct world w;

	FOR_BOTH_MODES (config) {
		world_init(&w, &config, 4);
		machine_attach_context(&w.m, SID, &context);
		refused_for(&w, BASE, VTD_FR_CONTEXT_INVALID,
			    VTD_FR_SM_TOP_ACCESS);
		world_fini(&w);
	}
}
END_TEST

START_TEST(a10_transfer_into_an_unmapped_page)
{
	struct machine_config config = { 0 };
	uint8_t buf[2 * VTD_PAGE_SIZE];
	struct world w;
	size_t done;

	memset(buf, 0xa5, sizeof(buf));
	FOR_BOTH_MODES (config) {
		const struct vtd_request request = {
			.addr = BASE + RAM - 100,
			.len = 4096,
			.access = VTD_WRITE,
		};

		world_init(&w, &config, 4);
		map(&w, BASE, HOST, RAM, VTD_MAP_READ | VTD_MAP_WRITE);
		ck_assert_int_lt(function_send(&w.fn, &request, buf, &done), 0);
		expect(&w, VTD_WRITE, BASE + RAM, VTD_FR_WRITE,
		       VTD_FR_SM_TABLE_ABSENT);
		/* The part before the fault landed; nothing behind it did. */
		ck_assert_uint_eq(done, 100);
		ck_assert_int_eq(w.m.ram[HOST + RAM - 101], 0);
		for (unsigned int i = 0; i < 100; i++)
			ck_assert_int_eq(w.m.ram[HOST + RAM - 100 + i], 0xa5);
		ck_assert_int_eq(w.m.ram[HOST + RAM], 0);
		world_fini(&w);
	}
}
END_TEST

/* Neighbouring pages of the IOVA are strangers in memory. */
START_TEST(a10_transfer_over_scattered_pages)
{
	struct machine_config config = { 0 };
	uint8_t buf[3 * VTD_PAGE_SIZE];
	struct world w;

	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = (uint8_t)(i >> 4);
	FOR_BOTH_MODES (config) {
		world_init(&w, &config, 3);
		map(&w, BASE, HOST, VTD_PAGE_SIZE, VTD_MAP_WRITE);
		map(&w, BASE + VTD_PAGE_SIZE, HOST + 8 * VTD_PAGE_SIZE,
		    VTD_PAGE_SIZE, VTD_MAP_WRITE);
		map(&w, BASE + 2 * VTD_PAGE_SIZE, HOST + 4 * VTD_PAGE_SIZE,
		    VTD_PAGE_SIZE, VTD_MAP_WRITE);
		ck_assert_int_eq(function_write(&w.fn, BASE, buf, sizeof(buf)),
				 0);
		ck_assert_mem_eq(w.m.ram + HOST, buf, 4096);
		ck_assert_mem_eq(w.m.ram + HOST + 8 * 4096, buf + 4096, 4096);
		ck_assert_mem_eq(w.m.ram + HOST + 4 * 4096, buf + 8192, 4096);
		machine_expect_no_fault(&w.m);
		world_fini(&w);
	}
}
END_TEST

/*
 * What is known not to be fenced: the rest of a page that is mapped for some
 * of its bytes. Who maps gives whole pages, or copies.
 */
START_TEST(a11_rest_of_a_page_is_readable)
{
	struct machine_config config = { 0 };
	uint64_t value;
	struct world w;

	FOR_BOTH_MODES (config) {
		world_init(&w, &config, 4);
		map(&w, BASE, HOST, VTD_PAGE_SIZE, VTD_MAP_READ);
		machine_store(&w.m, HOST + 2048, 0x736563726574);
		ck_assert_int_eq(function_read(&w.fn, BASE + 2048, &value, 8),
				 0);
		ck_assert_uint_eq(value, 0x736563726574);
		world_fini(&w);
	}
}
END_TEST

CHECK_MAIN("address", a01_never_mapped, a02_one_page_off, a03_too_wide,
	   a03_too_wide_for_the_cache, a03_beyond_mgaw_within_tables,
	   a04_into_a_hole, a05_read_only_page_written,
	   a05_write_only_page_read, a05_atomic_needs_both,
	   a05_zero_length_read, a06_every_level_must_allow,
	   a07_large_pages_end_where_they_end, a07_no_page_of_512_gib,
	   a07_no_large_page_that_the_unit_has_not,
	   a08_reserved_bits_of_every_level, a09_table_outside_memory,
	   a09_top_table_outside_memory, a10_transfer_into_an_unmapped_page,
	   a10_transfer_over_scattered_pages, a11_rest_of_a_page_is_readable)
