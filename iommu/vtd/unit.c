// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A remapping unit's making: what it may be, and its registers after reset.
 */
#include <errno.h>
#include <stdlib.h>

#include "common/util.h"
#include "iommu/vtd/table_regs.h"
#include "iommu/vtd/unit_internal.h"

#define IOTLB_DEFAULT 1024u
#define IOTLB_MIN     64u
#define IOTLB_MAX     65536u
#define HOST_BITS_MIN 32u
#define HOST_BITS_MAX 52u

/* Major version 1: invalidation by registers is there. */
#define VERSION 0x10u

struct vtd_caps vtd_unit_abilities(void)
{
	static const struct {
		enum vtd_field field;
		uint64_t most;
	} able[] = {
		{ VTD_ND, 6 },	    { VTD_CM, 1 },     { VTD_SAGAW, 0xe },
		{ VTD_MGAW, 56 },   { VTD_ZLR, 1 },    { VTD_FRO, 0x3ff },
		{ VTD_SSLPS, 3 },   { VTD_PSI, 1 },    { VTD_NFR, 255 },
		{ VTD_MAMV, 63 },   { VTD_DWD, 1 },    { VTD_DRD, 1 },
		{ VTD_ESIRTPS, 1 }, { VTD_ESRTPS, 1 }, { VTD_C, 1 },
		{ VTD_QI, 1 },	    { VTD_DT, 1 },     { VTD_IR, 1 },
		{ VTD_EIM, 1 },	    { VTD_PT, 1 },     { VTD_SC, 1 },
		{ VTD_IRO, 0x3ff }, { VTD_MHMV, 15 },  { VTD_PSS, 19 },
		{ VTD_PASID, 1 },   { VTD_SMTS, 1 },   { VTD_SSTS, 1 },
		{ VTD_SMPWCS, 1 },  { VTD_RPS, 1 },    { VTD_ADMS, 1 },
		{ VTD_EIMER, 1 },   { VTD_IRREQ, 1 },
	};
	struct vtd_caps caps = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(able); i++)
		vtd_field_set(&caps, able[i].field, able[i].most);
	return caps;
}

/* ---- what a unit may be ---- */

/* What needs what; from the fields' descriptions in section 11.4.3. */
static const struct {
	enum vtd_field field, needs;
} needs[] = {
	{ VTD_DT, VTD_QI },	  { VTD_IR, VTD_QI },
	{ VTD_EIM, VTD_IR },	  { VTD_SMTS, VTD_QI },
	{ VTD_SSTS, VTD_SMTS },	  { VTD_PASID, VTD_SMTS },
	{ VTD_SMPWCS, VTD_SMTS }, { VTD_RPS, VTD_SMTS },
	{ VTD_EIMER, VTD_EIM },	  { VTD_IRREQ, VTD_IR },
	{ VTD_PSS, VTD_SMTS },
};

static int check_fields(const struct vtd_caps *caps, struct moat_err *err)
{
	const struct vtd_caps able = vtd_unit_abilities();

	for (unsigned int i = 0; i < VTD_FIELDS; i++) {
		const enum vtd_field field = (enum vtd_field)i;

		if (vtd_field(caps, field) > vtd_field(&able, field))
			return moat_fail(
				err, -EINVAL,
				"a software unit cannot have %s = %llu",
				vtd_field_name(field),
				(unsigned long long)vtd_field(caps, field));
	}
	for (size_t i = 0; i < ARRAY_SIZE(needs); i++)
		if (vtd_field(caps, needs[i].field) &&
		    !vtd_field(caps, needs[i].needs))
			return moat_fail(err, -EINVAL, "%s needs %s",
					 vtd_field_name(needs[i].field),
					 vtd_field_name(needs[i].needs));
	return 0;
}

static int check_widths(const struct vtd_unit_config *config,
			struct moat_err *err)
{
	const uint64_t sagaw = vtd_field(&config->caps, VTD_SAGAW);
	const uint64_t sslps = vtd_field(&config->caps, VTD_SSLPS);

	if (config->host_bits < HOST_BITS_MIN ||
	    config->host_bits > HOST_BITS_MAX)
		return moat_fail(err, -EINVAL,
				 "host addresses have %u to %u bits, not %u",
				 HOST_BITS_MIN, HOST_BITS_MAX,
				 config->host_bits);
	if (sagaw == 0 || (sagaw & 0x11) || sslps == 2)
		return moat_fail(err, -EINVAL,
				 "SAGAW or SSLPS is a reserved encoding");
	return 0;
}

/* The records and the IOTLB registers are where software says: apart. */
static int check_places(const struct vtd_caps *caps, struct moat_err *err)
{
	unsigned int records, first, iotlb = vtd_iotlb_offset(caps);

	records = vtd_fault_records(caps, &first);
	if (first < VTD_REG_FIXED || iotlb < VTD_REG_FIXED ||
	    ranges_overlap(first, first + records * VTD_FRCD_SIZE - 1, iotlb,
			   iotlb + 15))
		return moat_fail(err, -EINVAL,
				 "FRO or IRO lies on other registers");
	return 0;
}

static int check_config(const struct vtd_unit_config *config,
			struct moat_err *err)
{
	const unsigned int n = config->iotlb_entries;
	int r;

	r = check_fields(&config->caps, err);
	if (r == 0)
		r = check_widths(config, err);
	if (r == 0)
		r = check_places(&config->caps, err);
	if (r == 0 && n && (n < IOTLB_MIN || n > IOTLB_MAX || (n & (n - 1))))
		r = moat_fail(err, -EINVAL,
			      "the IOTLB has a power of two of entries, %u to "
			      "%u",
			      IOTLB_MIN, IOTLB_MAX);
	return r;
}

/* ---- registers after reset ---- */

static void allow(struct vtd_unit *unit, unsigned int offset, uint64_t writable,
		  uint64_t clearable)
{
	const unsigned int shift = offset % 8 * 8;

	unit->writable[offset / 8] |= writable << shift;
	unit->clearable[offset / 8] |= clearable << shift;
}

static void reset_event(struct vtd_unit *unit, unsigned int ctl)
{
	allow(unit, ctl, VTD_ECTL_IM, 0);
	allow(unit, ctl + 4, 0xffff, 0);
	allow(unit, ctl + 8, VTD_BITS(31, 2), 0);
	if (vtd_field(&unit->caps, VTD_EIM))
		allow(unit, ctl + 12, UINT32_MAX, 0);
	unit_set_reg32(unit, ctl, VTD_ECTL_IM);
}

static void reset_queue(struct vtd_unit *unit)
{
	const uint64_t address = VTD_BITS(unit->host_bits - 1, 12);

	/* DW can be set where it may not be: it is an error then. */
	allow(unit, VTD_REG_IQT, VTD_BITS(18, 4), 0);
	allow(unit, VTD_REG_IQA, address | VTD_IQA_DW | VTD_IQA_QS, 0);
	allow(unit, VTD_REG_ICS, 0, VTD_ICS_IWC);
	reset_event(unit, VTD_REG_IECTL);
}

static void reset_registers(struct vtd_unit *unit)
{
	const uint64_t address = VTD_BITS(unit->host_bits - 1, 12);
	uint64_t irta = address | VTD_IRTA_S;
	uint32_t fsts = VTD_FSTS_PFO;

	unit_set_reg32(unit, VTD_REG_VER, VERSION);
	*unit_reg64(unit, VTD_REG_CAP) = unit->caps.cap;
	*unit_reg64(unit, VTD_REG_ECAP) = unit->caps.ecap;
	allow(unit, VTD_REG_RTADDR,
	      address | UINT64_C(3) << VTD_RTADDR_TTM_SHIFT, 0);
	/* Commands, which read back as written until they are done. */
	allow(unit, VTD_REG_CCMD, ~VTD_BITS(60, 34), 0);
	allow(unit, unit->iotlb_offset, UINT64_MAX, 0);
	allow(unit, unit->iotlb_offset + 8,
	      VTD_IOTLB_IVT | VTD_BITS(61, 60) | VTD_BITS(49, 32), 0);
	if (vtd_field(&unit->caps, VTD_QI)) {
		fsts |= VTD_FSTS_IQE;
		reset_queue(unit);
	}
	if (vtd_field(&unit->caps, VTD_DT))
		fsts |= VTD_FSTS_ICE | VTD_FSTS_ITE;
	allow(unit, VTD_REG_FSTS, 0, fsts);
	reset_event(unit, VTD_REG_FECTL);
	if (vtd_field(&unit->caps, VTD_EIM))
		irta |= VTD_IRTA_EIME;
	if (vtd_field(&unit->caps, VTD_IR))
		allow(unit, VTD_REG_IRTA, irta, 0);
	for (unsigned int i = 0; i < unit->n_records; i++)
		allow(unit, unit->record_offset + i * VTD_FRCD_SIZE + 8, 0,
		      VTD_FRCD_F);
}

struct vtd_unit_stats vtd_unit_stats(const struct vtd_unit *unit)
{
	struct vtd_unit *u = (struct vtd_unit *)unit;
	struct vtd_unit_stats stats;

	unit_lock(u);
	stats = (struct vtd_unit_stats) {
		.walks = atomic_load(&u->walks),
	};
	iotlb_hold(u);
	stats.evictions = u->iotlb.evictions;
	iotlb_release(u);
	unit_unlock(u);
	return stats;
}

/* ---- making ---- */

/* Writers first: devices that never pause must not hold a flush off. */
static int init_locks(struct vtd_unit *unit)
{
	pthread_rwlockattr_t attr;
	int r;

	r = -pthread_mutex_init(&unit->control, NULL);
	if (r < 0)
		return r;
	r = -pthread_mutex_init(&unit->lock, NULL);
	if (r < 0)
		goto destroy_control;
	r = -pthread_rwlockattr_init(&attr);
	if (r < 0)
		goto destroy_lock;
	(void)pthread_rwlockattr_setkind_np(
		&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	r = -pthread_rwlock_init(&unit->drain, &attr);
	(void)pthread_rwlockattr_destroy(&attr);
	if (r < 0)
		goto destroy_lock;
	return 0;
destroy_lock:
	(void)pthread_mutex_destroy(&unit->lock);
destroy_control:
	(void)pthread_mutex_destroy(&unit->control);
	return r;
}

static void fini_locks(struct vtd_unit *unit)
{
	(void)pthread_rwlock_destroy(&unit->drain);
	(void)pthread_mutex_destroy(&unit->lock);
	(void)pthread_mutex_destroy(&unit->control);
}

static int alloc_registers(struct vtd_unit *unit)
{
	unit->regs = calloc(unit->size / 8, sizeof(*unit->regs));
	unit->writable = calloc(unit->size / 8, sizeof(*unit->writable));
	unit->clearable = calloc(unit->size / 8, sizeof(*unit->clearable));
	return unit->regs && unit->writable && unit->clearable ? 0 : -ENOMEM;
}

static void free_registers(struct vtd_unit *unit)
{
	free(unit->regs);
	free(unit->writable);
	free(unit->clearable);
}

static void derive(struct vtd_unit *unit)
{
	uint64_t end;

	unit->n_records = vtd_fault_records(&unit->caps, &unit->record_offset);
	unit->iotlb_offset = vtd_iotlb_offset(&unit->caps);
	end = max_u64(unit->record_offset + unit->n_records * VTD_FRCD_SIZE,
		      unit->iotlb_offset + 16);
	unit->size = align_up(end, VTD_PAGE_SIZE);
	unit->guest_bits = vtd_guest_bits(&unit->caps);
	unit->caching = vtd_field(&unit->caps, VTD_CM);
	unit->zero_length_reads = vtd_field(&unit->caps, VTD_ZLR);
	walk_rules_init(&unit->rules, &unit->caps, unit->host_bits);
}

static uint64_t load_nothing(void *opaque, uint64_t addr)
{
	(void)opaque;
	(void)addr;
	return 0;
}

int vtd_unit_create(const struct vtd_unit_config *config,
		    const struct vtd_platform *platform,
		    struct vtd_unit **ret_unit, struct moat_err *err)
{
	struct vtd_unit *unit;
	int r;

	r = check_config(config, err);
	if (r < 0)
		return r;
	unit = calloc(1, sizeof(*unit));
	if (!unit)
		return moat_fail(err, -ENOMEM, "out of memory");
	unit->caps = config->caps;
	unit->platform = *platform;
	if (!unit->platform.load)
		unit->platform.load = load_nothing;
	unit->host_bits = config->host_bits;
	unit->collapse = config->collapse;
	derive(unit);
	r = alloc_registers(unit);
	if (r < 0)
		goto free_unit;
	r = iotlb_init(&unit->iotlb, config->iotlb_entries ?: IOTLB_DEFAULT);
	if (r < 0)
		goto free_unit;
	r = init_locks(unit);
	if (r < 0)
		goto fini_iotlb;
	reset_registers(unit);
	*ret_unit = unit;
	return 0;
fini_iotlb:
	iotlb_fini(&unit->iotlb);
free_unit:
	free_registers(unit);
	free(unit);
	return moat_fail(err, r, "out of memory");
}

void vtd_unit_destroy(struct vtd_unit *unit)
{
	if (!unit)
		return;
	fini_locks(unit);
	iotlb_fini(&unit->iotlb);
	free_registers(unit);
	free(unit);
}

size_t vtd_unit_size(const struct vtd_unit *unit)
{
	return unit->size;
}
