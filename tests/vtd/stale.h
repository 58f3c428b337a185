/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Staleness: the catalogue's items 24 to 34. What was read of tables lives on
 * until it is invalidated, and not a moment longer.
 *
 * The shape of most: an access lands; the entry is edited; an access still
 * lands where it did; what is not meant is invalidated, and it still does;
 * what is meant is invalidated and waited for; the access lands on the new.
 */
#ifndef MOAT_TESTS_VTD_STALE_H
#define MOAT_TESTS_VTD_STALE_H

#include <check.h>
#include <errno.h>

#include "common/util.h"
#include "tests/vtd/machine.h"

#define SID	  0x0100
#define OTHER_SID 0x0110
#define DID	  5
#define OTHER_DID 9
#define IOVA	  (UINT64_C(1) << 30)
#define OLD	  UINT64_C(0)
#define NEW	  (16 * MiB) /* both aligned for pages of 2 MiB */
#define RW	  (VTD_MAP_READ | VTD_MAP_WRITE)

struct world {
	struct machine m;
	struct vtd_tables *tables, *others;
	struct function fn, other;
};

static inline void world_init(struct world *w,
			      const struct machine_config *config)
{
	machine_init(&w->m, config);
	w->tables = machine_tables(&w->m, 4);
	w->others = machine_tables(&w->m, 4);
	machine_attach(&w->m, SID, w->tables, 4, DID);
	machine_attach(&w->m, OTHER_SID, w->others, 4, OTHER_DID);
	w->fn = function_at(&w->m, SID);
	w->other = function_at(&w->m, OTHER_SID);
}

static inline void world_fini(struct world *w)
{
	vtd_tables_destroy(w->tables);
	vtd_tables_destroy(w->others);
	machine_fini(&w->m);
}

static inline void map(struct vtd_tables *tables, uint64_t iova, uint64_t addr,
		       uint64_t len, unsigned int prot)
{
	ck_assert_int_eq(vtd_tables_map(tables, iova, addr, len, prot), 0);
}

static inline void unmap(struct vtd_tables *tables, uint64_t iova, uint64_t len)
{
	uint64_t bytes;

	ck_assert_int_eq(vtd_tables_unmap(tables, iova, len, &bytes), 0);
	ck_assert_uint_eq(bytes, len);
}

static inline void refused_absent(struct world *w, uint64_t iova)
{
	const struct fault_want want = {
		.legacy = VTD_FR_WRITE,
		.scalable = VTD_FR_SM_TABLE_ABSENT,
		.addr = iova,
		.sid = SID,
		.access = VTD_WRITE,
	};
	uint64_t value = 0;

	ck_assert_int_eq(function_write(&w->fn, iova, &value, 8), -EFAULT);
	machine_expect_fault(&w->m, &w->fn, &want);
}

static inline int global(struct world *w)
{
	return machine_flush_iotlb(&w->m, VTD_INV_GLOBAL, 0, 0, 0);
}

static inline int domain(struct world *w)
{
	return machine_flush_iotlb(&w->m, VTD_INV_DOMAIN, DID, 0, 0);
}

static inline int page(struct world *w)
{
	return machine_flush_iotlb(&w->m, VTD_INV_PAGE, DID, IOVA, 0);
}

static inline int page_behind(struct world *w)
{
	return machine_flush_iotlb(&w->m, VTD_INV_PAGE, DID, IOVA + 4096, 0);
}

static inline int by_register(struct world *w, unsigned int granularity,
			      uint16_t did, uint64_t iva)
{
	const unsigned int at = (unsigned int)vtd_field(&w->m.caps, VTD_IRO) *
				16;
	uint64_t value;

	machine_command(&w->m, VTD_GCMD_QIE, false);
	machine_set64(&w->m, at, iva);
	machine_set64(&w->m, at + 8,
		      VTD_IOTLB_IVT |
			      (uint64_t)granularity << VTD_IOTLB_IIRG_SHIFT |
			      (uint64_t)did << VTD_IOTLB_DID_SHIFT);
	value = vtd_unit_read(w->m.unit, at + 8, 8);
	if ((value & VTD_IOTLB_IVT) ||
	    (value >> VTD_IOTLB_IAIG_SHIFT & 3) != granularity)
		return -EIO;
	return 0;
}

static inline int register_global(struct world *w)
{
	return by_register(w, VTD_INV_GLOBAL, 0, 0);
}

/* The device moves to the other domain's tables, with a flush too few. */
static inline void move(struct world *w)
{
	machine_attach(&w->m, SID, w->others, 4, OTHER_DID);
}

static inline void map_both(struct world *w)
{
	map(w->tables, IOVA, OLD, 8 * KiB, RW);
	map(w->others, IOVA, NEW, 8 * KiB, RW);
}

#endif /* MOAT_TESTS_VTD_STALE_H */
