// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * differ: the same tables before two remapping units, that of the machine and
 * the one in software, and the same accesses to both: do they agree?
 *
 *	differ BDF SEED STATES ACCESSES
 *
 * BDF is an NVMe without driver, that holds nothing of value. What must agree
 * is where an access lands, and of a refusal the whole fault record: reason,
 * address, requester and type. Where the machine's unit is known to be wrong
 * the difference has a name and a condition, and is counted under that name.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/util.h"
#include "iommu/vtd/table_regs.h"
#include "iommu/vtd/unit.h"
#include "iommu/vtd/unit_regs.h"
#include "tests/lab/differ/state.h"

#define SUCCESSES_MAX 64u
#define REASONS	      256u

struct record {
	uint64_t low, high;
	uint32_t status;
};

/* One access. */
struct access {
	uint64_t iova;
	bool write;    /* by the device, to memory */
	bool allowed;  /* by the software unit */
	uint64_t addr; /* then: where it leads */
	struct record soft, hard;
};

struct page {
	uint64_t first, size;
};

struct differ {
	struct world world;
	struct nvme nvme;
	volatile uint8_t *hard;
	struct vtd_unit *soft;
	struct vtd_caps caps;
	unsigned int record_at, iotlb_at;
	uint32_t on;	 /* of GCMD */
	uint8_t *shadow; /* the target, and the disk's first blocks */
	/* Pages that accesses of this state have been allowed on. */
	struct page seen[SUCCESSES_MAX];
	unsigned int n_seen;
	unsigned int n_accesses, n_allowed, n_refused, n_wrong;
	unsigned int n_intact; /* of tables that are as they were built */
	unsigned int reasons[REASONS];
};

/* ---- both units ---- */

static void set_both(struct differ *d, unsigned int offset, uint64_t value,
		     unsigned int size)
{
	hard_set(d->hard, offset, value, size);
	vtd_unit_write(d->soft, offset, value, size);
}

static void command(struct differ *d, uint32_t bits, uint32_t status)
{
	set_both(d, VTD_REG_GCMD, bits, 4);
	for (unsigned int i = 0;
	     (hard_get(d->hard, VTD_REG_GSTS) & status) != status; i++)
		if (i > 1000000)
			die("the unit does not take command %#x", bits);
	if ((vtd_unit_read(d->soft, VTD_REG_GSTS, 4) & status) != status)
		die("the software unit does not take command %#x", bits);
}

/* The tables are as they are to be: have the units use them. */
static void use_tables(struct differ *d)
{
	const uint64_t contexts = VTD_CCMD_ICC | (uint64_t)VTD_INV_GLOBAL
							 << VTD_CCMD_CIRG_SHIFT;
	const uint64_t pages = VTD_IOTLB_IVT | (uint64_t)VTD_INV_GLOBAL
						       << VTD_IOTLB_IIRG_SHIFT;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	/* Off and on flushes, where registers do so in legacy mode only. */
	if (d->world.scalable)
		set_both(d, VTD_REG_GCMD, 0, 4);
	set_both(d, VTD_REG_RTADDR,
		 d->world.root | (uint64_t)d->world.scalable
					 << VTD_RTADDR_TTM_SHIFT,
		 8);
	command(d, d->on | VTD_GCMD_SRTP, d->on | VTD_GCMD_SRTP);
	set_both(d, VTD_REG_CCMD, contexts, 8);
	set_both(d, d->iotlb_at + 8, pages, 8);
	if ((hard_get64(d->hard, VTD_REG_CCMD) & VTD_CCMD_ICC) ||
	    (hard_get64(d->hard, d->iotlb_at + 8) & VTD_IOTLB_IVT))
		die("an invalidation does not end");
	d->n_seen = 0;
}

/* A record's PASID has no meaning without PP, section 11.4.7.6. */
static uint64_t meant(uint64_t high)
{
	return high & VTD_FRCD_PP ? high : high & ~VTD_BITS(59, 40);
}

/* What they have recorded; served. */
static void take_records(struct differ *d, struct access *a)
{
	const unsigned int at = d->record_at;

	a->hard = (struct record) {
		.low = hard_get64(d->hard, at),
		.high = meant(hard_get64(d->hard, at + 8)),
		.status = hard_get(d->hard, VTD_REG_FSTS),
	};
	a->soft = (struct record) {
		.low = vtd_unit_read(d->soft, at, 8),
		.high = meant(vtd_unit_read(d->soft, at + 8, 8)),
		.status = (uint32_t)vtd_unit_read(d->soft, VTD_REG_FSTS, 4),
	};
	set_both(d, at + 8, VTD_FRCD_F, 8);
	set_both(d, VTD_REG_FSTS, VTD_FSTS_PFO, 4);
	if ((hard_get(d->hard, VTD_REG_FSTS) |
	     vtd_unit_read(d->soft, VTD_REG_FSTS, 4)) &
	    (VTD_FSTS_PPF | VTD_FSTS_PFO))
		die("a fault stays when it is cleared");
}

static bool has_fault(const struct record *r)
{
	return r->high & VTD_FRCD_F;
}

static unsigned int reason_of(const struct record *r)
{
	return has_fault(r)
		       ? (unsigned int)(r->high >> VTD_FRCD_FR_SHIFT) & 0xff
		       : 0;
}

/* ---- where the machine's unit is known to be wrong ---- */

/*
 * A hit is not checked: the access goes nowhere, and nothing is recorded.
 * The IOTLB has pages of what was allowed before.
 */
static bool no_fault_on_hit(const struct differ *d, const struct access *a)
{
	const unsigned int soft = reason_of(&a->soft);

	if (has_fault(&a->hard) ||
	    (soft != VTD_FR_WRITE && soft != VTD_FR_READ))
		return false;
	for (unsigned int i = 0; i < d->n_seen; i++)
		if (a->iova - d->seen[i].first < d->seen[i].size)
			return true;
	return false;
}

/*
 * Each entry's permission is checked before the next is read, and before its
 * own reserved bits: so that is what is told where both are wrong.
 */
static bool permission_before_reserved(const struct differ *d,
				       const struct access *a)
{
	const unsigned int soft = reason_of(&a->soft);
	struct record same = a->hard;

	if (soft != VTD_FR_TABLE_RESERVED && soft != VTD_FR_TABLE_ACCESS)
		return false;
	if (reason_of(&a->hard) != (a->write ? VTD_FR_WRITE : VTD_FR_READ) ||
	    !state_lacks(&d->world, a->iova, a->write ? VTD_SS_W : VTD_SS_R))
		return false;
	/* All but the reason is the same. */
	same.high ^= (uint64_t)(reason_of(&a->hard) ^ soft)
		     << VTD_FRCD_FR_SHIFT;
	return same.low == a->soft.low && same.high == a->soft.high;
}

/* Reason 0xB is missing from those that FPD hides. */
static bool fpd_shows_context_reserved(const struct differ *d,
				       const struct access *a)
{
	const uint64_t *context =
		(const uint64_t *)(d->world.frame.p + VTD_PAGE_SIZE) +
		(size_t)(d->world.sid & 0xff) * 2;

	return !has_fault(&a->soft) &&
	       reason_of(&a->hard) == VTD_FR_CONTEXT_RESERVED &&
	       d->world.by_fetch && (context[0] & VTD_FPD) &&
	       (a->hard.high & 0xffff) == d->world.sid;
}

/* Of one field only: it is put right, and the others must agree. */
enum { TOO_WIDE, PASID_TOLD, LEGACY_REASON };
static struct {
	const char *name;
	unsigned int n;
} partial[] = {
	[TOO_WIDE] = { "address beyond MGAW in the record", 0 },
	[PASID_TOLD] = { "PASID of a request without", 0 },
	[LEGACY_REASON] = { "legacy reasons in scalable mode", 0 },
};

/*
 * A record's address is that of the request, but without the bits that the
 * unit has no addresses of, section 11.4.7.6; the machine leaves them. What
 * else the record says is looked at without them.
 */

static void narrow_address(const struct differ *d, struct access *a)
{
	const uint64_t mask =
		VTD_BITS(vtd_guest_bits(&d->caps) - 1, VTD_PAGE_SHIFT);
	const uint64_t page = align_down(a->iova, VTD_PAGE_SIZE);

	if (!has_fault(&a->hard) || a->hard.low != page ||
	    page == (page & mask))
		return;
	a->hard.low &= mask;
	partial[TOO_WIDE].n++;
}

/* The PASID that requests without one go by, 0 here, is told as if named. */

static void forget_pasid(const struct differ *d, struct access *a)
{
	if (!d->world.scalable || !has_fault(&a->hard) ||
	    (a->hard.high & (VTD_FRCD_PP | VTD_BITS(59, 40))) != VTD_FRCD_PP)
		return;
	a->hard.high &= ~VTD_FRCD_PP;
	partial[PASID_TOLD].n++;
}

/* In scalable mode it tells what legacy mode would: by reason and access. */

static void translate_reason(const struct differ *d, struct access *a)
{
	static const struct {
		enum vtd_reason scalable, write, read;
	} reasons[] = {
		{ VTD_FR_SM_TABLE_ACCESS, VTD_FR_TABLE_ACCESS,
		  VTD_FR_TABLE_ACCESS },
		{ VTD_FR_SM_TABLE_ABSENT, VTD_FR_WRITE, VTD_FR_READ },
		{ VTD_FR_SM_TABLE_RESERVED, VTD_FR_TABLE_RESERVED,
		  VTD_FR_TABLE_RESERVED },
		{ VTD_FR_SM_ADDRESS, VTD_FR_ADDRESS, VTD_FR_ADDRESS },
		{ VTD_FR_SM_WRITE, VTD_FR_WRITE, VTD_FR_WRITE },
		{ VTD_FR_SM_READ, VTD_FR_READ, VTD_FR_READ },
	};
	const unsigned int soft = reason_of(&a->soft);

	for (size_t i = 0; d->world.scalable && i < ARRAY_SIZE(reasons); i++)
		if (soft == reasons[i].scalable) {
			a->soft.high ^=
				(uint64_t)(soft ^ (a->write ? reasons[i].write
							    : reasons[i].read))
				<< VTD_FRCD_FR_SHIFT;
			partial[LEGACY_REASON].n += has_fault(&a->hard);
			return;
		}
}

static struct {
	const char *name;
	bool (*is)(const struct differ *d, const struct access *a);
	unsigned int n;
} deviations[] = {
	{ "no fault on an IOTLB hit", no_fault_on_hit, 0 },
	{ "permission before reserved bits", permission_before_reserved, 0 },
	{ "FPD shows a reserved context entry", fpd_shows_context_reserved, 0 },
};

/* ---- the judge ---- */

static bool in_interrupt_range(uint64_t addr)
{
	return addr >= VTD_MSI_FIRST && addr <= VTD_MSI_LAST;
}

static void wrong(struct differ *d, const struct access *a, const char *what)
{
	d->n_wrong++;
	printf("DIFFERS: %s: %s of %#" PRIx64 " (%u levels%s)\n"
	       "  software: %s %#" PRIx64 ", record %016" PRIx64 " %016" PRIx64
	       " FSTS %#x\n"
	       "  machine: record %016" PRIx64 " %016" PRIx64 " FSTS %#x\n",
	       what, a->write ? "write" : "read", a->iova, d->world.levels,
	       d->world.by_fetch ? ", bad source" : "",
	       a->allowed ? "leads to" : "refused", a->addr, a->soft.high,
	       a->soft.low, a->soft.status, a->hard.high, a->hard.low,
	       a->hard.status);
}

static bool same_record(const struct access *a)
{
	if (has_fault(&a->soft) != has_fault(&a->hard))
		return false;
	/* What a record without fault says has no meaning. */
	return !has_fault(&a->soft) ||
	       (a->soft.low == a->hard.low && a->soft.high == a->hard.high &&
		a->soft.status == a->hard.status);
}

static void judge_record(struct differ *d, struct access *a)
{
	narrow_address(d, a);
	d->n_accesses++;
	d->n_allowed += a->allowed;
	d->n_refused += !a->allowed;
	d->reasons[reason_of(&a->soft) % REASONS]++;
	translate_reason(d, a);
	forget_pasid(d, a);
	if (same_record(a))
		return;
	for (unsigned int i = 0; i < ARRAY_SIZE(deviations); i++)
		if (deviations[i].is(d, a)) {
			deviations[i].n++;
			return;
		}
	wrong(d, a, "records");
}

/* With nothing spoilt the units do what the builder was asked for. */
static void judge_builder(struct differ *d, const struct access *a)
{
	const struct mapping *m = state_mapping(&d->world, a->iova);
	const unsigned int want = a->write ? VTD_MAP_WRITE : VTD_MAP_READ;
	bool allowed;

	if (!d->world.intact)
		return;
	d->n_intact++;
	allowed = m && (m->prot & want) && !in_interrupt_range(m->addr);
	if (a->allowed != allowed)
		wrong(d, a, "not what was mapped");
	else if (allowed && a->addr != m->addr + (a->iova - m->iova))
		wrong(d, a, "not where it was mapped");
}

static void judge_data(struct differ *d, const struct access *a,
		       unsigned int block, unsigned int status)
{
	const uint64_t at = a->addr - d->world.target.pa;
	uint8_t *landed = d->world.target.p + at;

	if (a->allowed && status)
		wrong(d, a, "the command fails");
	if (!a->allowed || !a->write)
		return;
	if (memcmp(landed, d->shadow + (size_t)block * BLOCK_SIZE,
		   BLOCK_SIZE) != 0)
		wrong(d, a, "data");
	memcpy(landed, d->shadow + at, BLOCK_SIZE);
}

/* ---- accesses ---- */

static void ask_software(struct differ *d, struct access *a, uint32_t len)
{
	const struct vtd_request request = {
		.addr = a->iova,
		.len = len,
		.sid = d->world.sid,
		.access = a->write ? VTD_WRITE : VTD_READ,
	};
	struct vtd_translation to;

	a->allowed = vtd_unit_translate(d->soft, &request, &to) == 0;
	if (!a->allowed)
		return;
	a->addr = to.addr;
	d->seen[d->n_seen++ % SUCCESSES_MAX] = (struct page) {
		.first = align_down(a->iova, to.size),
		.size = to.size,
	};
}

/* Of a block; a read is compared with what should be there. */
static void try_block(struct differ *d)
{
	struct world *w = &d->world;
	struct access a = { .write = random_below(w, 2) };
	unsigned int block, status;

	do {
		a.iova = state_address(w);
		ask_software(d, &a, BLOCK_SIZE);
		/* Rather not: the rest of a page of 1 GiB is the kernel's. */
	} while (in_interrupt_range(a.iova) ||
		 (a.allowed && a.addr - w->target.pa >= HUGE_SIZE));
	block = a.write || !a.allowed
			? (unsigned int)random_below(w, BLOCKS)
			: (unsigned int)((a.addr - w->target.pa) / BLOCK_SIZE);
	status = nvme_run(&d->nvme, a.write ? NVME_READ : NVME_COMPARE, block,
			  1, a.iova);
	take_records(d, &a);
	judge_record(d, &a);
	judge_builder(d, &a);
	judge_data(d, &a, block, status);
}

/* Of a command, where no source gets through. */
static void try_fetch(struct differ *d)
{
	struct access a = { 0 };

	do {
		a.iova = align_down(state_address(&d->world), VTD_PAGE_SIZE);
	} while (in_interrupt_range(a.iova));
	ask_software(d, &a, 64);
	if (!nvme_fetch(&d->nvme, a.iova))
		wrong(d, &a, "the fetch does not fail");
	take_records(d, &a);
	judge_record(d, &a);
	if (a.allowed)
		wrong(d, &a, "nothing is wrong with the source");
}

static void try_state(struct differ *d, unsigned int n_accesses)
{
	struct world *w = &d->world;

	state_make(w);
	use_tables(d);
	for (unsigned int i = 0; i < n_accesses; i++) {
		if (w->by_fetch)
			try_fetch(d);
		else
			try_block(d);
	}
	if (w->by_fetch) {
		state_plain(w);
		use_tables(d);
		nvme_start(&d->nvme);
	}
	if (memcmp(w->target.p, d->shadow, HUGE_SIZE) != 0) {
		d->n_wrong++;
		printf("DIFFERS: memory changed where nothing was to land\n");
		memcpy(w->target.p, d->shadow, HUGE_SIZE);
	}
}

/* ---- set up ---- */

/* The program's memory, and no other. */
static uint8_t *memory_at(struct differ *d, uint64_t addr, size_t len)
{
	const struct huge *all[] = { &d->world.frame, &d->world.arena,
				     &d->world.target };

	for (unsigned int i = 0; i < ARRAY_SIZE(all); i++)
		if (addr >= all[i]->pa && addr - all[i]->pa <= HUGE_SIZE - len)
			return all[i]->p + (addr - all[i]->pa);
	return NULL;
}

static int platform_read(void *opaque, uint64_t addr, void *buf, size_t len)
{
	const uint8_t *p = memory_at(opaque, addr, len);

	if (!p)
		return -EFAULT;
	memcpy(buf, p, len);
	return 0;
}

static int platform_write(void *opaque, uint64_t addr, const void *buf,
			  size_t len)
{
	uint8_t *p = memory_at(opaque, addr, len);

	if (!p)
		return -EFAULT;
	memcpy(p, buf, len);
	return 0;
}

static void platform_interrupt(void *opaque,
			       const struct vtd_interrupt *interrupt)
{
	(void)opaque;
	(void)interrupt;
}

static void make_soft(struct differ *d)
{
	const struct vtd_platform platform = {
		.read = platform_read,
		.write = platform_write,
		.interrupt = platform_interrupt,
		.opaque = d,
	};
	struct vtd_unit_config config = { 0 };
	struct moat_err err;

	d->caps.cap = hard_get64(d->hard, VTD_REG_CAP);
	d->caps.ecap = hard_get64(d->hard, VTD_REG_ECAP);
	/* The machine's host addresses are as wide as the guest's. */
	config.caps = d->caps;
	/* Of first-stage tables only, which neither has here. */
	vtd_field_set(&config.caps, VTD_SRS, 0);
	config.host_bits = d->world.host_bits = vtd_guest_bits(&d->caps);
	d->world.scalable = vtd_field(&d->caps, VTD_SMTS);
	d->world.levels_max = vtd_has_width(&d->caps, 48) ? 4 : 3;
	if (vtd_unit_create(&config, &platform, &d->soft, &err) < 0)
		die("a unit like the machine's: %s", err.msg);
	(void)vtd_fault_records(&d->caps, &d->record_at);
	d->iotlb_at = vtd_iotlb_offset(&d->caps);
}

/* Untranslated: the disk's first blocks are what the target is. */
static void fill(struct differ *d)
{
	struct world *w = &d->world;

	for (uint64_t i = 0; i < HUGE_SIZE / 8; i++)
		((uint64_t *)w->target.p)[i] = i * UINT64_C(0x9e3779b97f4a7c15);
	d->shadow = malloc(HUGE_SIZE);
	if (!d->shadow)
		die("out of memory");
	memcpy(d->shadow, w->target.p, HUGE_SIZE);
	for (unsigned int block = 0; block < BLOCKS; block += 8)
		if (nvme_run(&d->nvme, NVME_WRITE, block, 8,
			     w->target.pa + (uint64_t)block * BLOCK_SIZE))
			die("cannot write to the disk");
}

static void report(const struct differ *d, const char *seed,
		   unsigned int states)
{
	unsigned int named = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(deviations); i++)
		named += deviations[i].n;
	if (d->world.scalable)
		printf("scalable mode\n");
	printf("seed %s: %u states, %u accesses: %u landed, %u refused\n", seed,
	       states, d->n_accesses, d->n_allowed, d->n_refused);
	printf("agreed: %u; known deviations: %u; wrong: %u\n",
	       d->n_accesses - named - d->n_wrong, named, d->n_wrong);
	printf("held against what was mapped: %u\n", d->n_intact);
	for (unsigned int i = 0; i < ARRAY_SIZE(deviations); i++)
		printf("deviation \"%s\": %u\n", deviations[i].name,
		       deviations[i].n);
	for (unsigned int i = 0; i < ARRAY_SIZE(partial); i++)
		printf("deviation \"%s\": %u, agreeing otherwise\n",
		       partial[i].name, partial[i].n);
	for (unsigned int i = 1; i < REASONS; i++)
		if (d->reasons[i])
			printf("reason %#x: %u\n", i, d->reasons[i]);
}

int main(int argc, char **argv)
{
	static struct differ d;
	unsigned int states, accesses;

	if (argc != 5)
		die("usage: differ BDF SEED STATES ACCESSES");
	states = (unsigned int)strtoul(argv[3], NULL, 0);
	accesses = (unsigned int)strtoul(argv[4], NULL, 0);
	d.world.random = strtoull(argv[2], NULL, 0);
	d.world.sid = sid_of(argv[1]);
	d.world.frame = huge_get();
	d.world.arena = huge_get();
	d.world.target = huge_get();
	d.hard = drhd_map();
	nvme_open(&d.nvme, argv[1]);
	d.world.queues = d.nvme.queues.pa;
	make_soft(&d);
	nvme_start(&d.nvme);
	fill(&d);

	state_plain(&d.world);
	use_tables(&d);
	d.on = VTD_GCMD_TE;
	command(&d, d.on, d.on);
	for (unsigned int i = 0; i < states && d.n_wrong < 20; i++)
		try_state(&d, accesses);
	report(&d, argv[2], states);
	return d.n_wrong || d.n_accesses < states * accesses;
}
