// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The machine of machine.h.
 *
 * Memory is read and written by atomics, 8 bytes at a time where it is
 * aligned, so that units and drivers in several threads can share it. Pages
 * for tables and queues come from its top, downwards.
 */
#include <check.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/util.h"
#include "tests/vtd/machine.h"

#define RID_PASID 0u /* without RPS it is that */

/* ---- memory ---- */

static bool is_ram(uint64_t addr, size_t len)
{
	return addr < MACHINE_RAM && len <= MACHINE_RAM - addr;
}

static void copy_out(const uint8_t *from, uint8_t *buf, size_t len)
{
	for (; len >= 8 && (uintptr_t)from % 8 == 0; len -= 8) {
		uint64_t value;

		__atomic_load((const uint64_t *)from, &value, __ATOMIC_ACQUIRE);
		memcpy(buf, &value, 8);
		from += 8;
		buf += 8;
	}
	for (; len; len--)
		*buf++ = __atomic_load_n(from++, __ATOMIC_ACQUIRE);
}

static void copy_in(uint8_t *to, const uint8_t *buf, size_t len)
{
	for (; len >= 8 && (uintptr_t)to % 8 == 0; len -= 8) {
		uint64_t value;

		memcpy(&value, buf, 8);
		__atomic_store((uint64_t *)to, &value, __ATOMIC_RELEASE);
		to += 8;
		buf += 8;
	}
	for (; len; len--)
		__atomic_store_n(to++, *buf++, __ATOMIC_RELEASE);
}

static int platform_read(void *opaque, uint64_t addr, void *buf, size_t len)
{
	struct machine *m = opaque;
	const uint8_t *memory = m->walker_view ? m->walker_view : m->ram;
	void (*on_read)(struct machine * m);

	if (!is_ram(addr, len))
		return -EFAULT;
	copy_out(memory + addr, buf, len);
	if (m->on_read && addr == m->watch) {
		on_read = m->on_read;
		m->on_read = NULL;
		on_read(m);
	}
	return 0;
}

static uint64_t platform_load(void *opaque, uint64_t addr)
{
	const struct machine *m = opaque;
	const uint8_t *memory = m->walker_view ? m->walker_view : m->ram;
	uint64_t value;

	if (!is_ram(addr, sizeof(value)) || (m->on_read && addr == m->watch))
		return 0;
	__atomic_load((const uint64_t *)(memory + addr), &value,
		      __ATOMIC_ACQUIRE);
	return value;
}

static int platform_write(void *opaque, uint64_t addr, const void *buf,
			  size_t len)
{
	struct machine *m = opaque;

	if (!is_ram(addr, len))
		return -EFAULT;
	copy_in(m->ram + addr, buf, len);
	if (m->walker_view)
		copy_in(m->walker_view + addr, buf, len);
	return 0;
}

static void platform_interrupt(void *opaque,
			       const struct vtd_interrupt *interrupt)
{
	struct machine *m = opaque;

	(void)pthread_mutex_lock(&m->lock);
	if (m->n_interrupts < MACHINE_INTERRUPTS)
		m->interrupt[m->n_interrupts] = *interrupt;
	m->n_interrupts++;
	(void)pthread_mutex_unlock(&m->lock);
}

static int platform_flush_device(void *opaque, uint16_t sid, uint64_t addr,
				 uint64_t len)
{
	struct machine *m = opaque;

	(void)sid;
	m->n_device_flushes++;
	m->device_flush_addr = addr;
	m->device_flush_len = len;
	return m->device_is_dead ? -ETIMEDOUT : 0;
}

uint64_t machine_page(struct machine *m)
{
	uint64_t addr;

	(void)pthread_mutex_lock(&m->lock);
	addr = m->free_page;
	if (addr) {
		memcpy(&m->free_page, m->ram + addr, sizeof(m->free_page));
	} else {
		m->next_page -= VTD_PAGE_SIZE;
		addr = m->next_page;
		ck_assert_uint_gt(addr, MACHINE_RAM / 2);
	}
	m->n_pages++;
	(void)pthread_mutex_unlock(&m->lock);
	for (uint64_t at = 0; at < VTD_PAGE_SIZE; at += 8)
		machine_store(m, addr + at, 0);
	return addr;
}

uint64_t machine_load(const struct machine *m, uint64_t addr)
{
	uint64_t value;

	ck_assert(is_ram(addr, sizeof(value)));
	copy_out(m->ram + addr, (uint8_t *)&value, sizeof(value));
	return le64toh(value);
}

void machine_store(struct machine *m, uint64_t addr, uint64_t value)
{
	value = htole64(value);
	ck_assert_int_eq(platform_write(m, addr, &value, sizeof(value)), 0);
}

static void store_words(struct machine *m, uint64_t addr, const uint64_t *word,
			unsigned int n)
{
	while (n-- > 0)
		machine_store(m, addr + n * UINT64_C(8), word[n]);
}

/* ---- tables ---- */

static void *tables_alloc(void *opaque, uint64_t *ret_addr)
{
	struct machine *m = opaque;

	*ret_addr = machine_page(m);
	return m->ram + *ret_addr;
}

static void tables_free(void *opaque, void *page, uint64_t addr)
{
	struct machine *m = opaque;

	ck_assert_ptr_eq(page, m->ram + addr);
	(void)pthread_mutex_lock(&m->lock);
	copy_in(page, (const uint8_t *)&m->free_page, sizeof(m->free_page));
	m->free_page = addr;
	m->n_pages--;
	(void)pthread_mutex_unlock(&m->lock);
}

static void tables_flush(void *opaque, const void *p, size_t len)
{
	struct machine *m = opaque;
	const size_t at = (size_t)((const uint8_t *)p - m->ram);

	ck_assert(is_ram(at, len));
	memcpy(m->walker_view + at, p, len);
}

struct vtd_tables_memory machine_tables_memory(struct machine *m)
{
	return (struct vtd_tables_memory) {
		.alloc = tables_alloc,
		.free = tables_free,
		.flush = m->walker_view ? tables_flush : NULL,
		.opaque = m,
	};
}

struct vtd_tables *machine_tables(struct machine *m, unsigned int levels)
{
	const struct vtd_tables_memory memory = machine_tables_memory(m);
	const struct vtd_tables_config config = {
		.levels = levels,
		.page_sizes = vtd_page_sizes(&m->caps),
		.host_bits = MACHINE_HOST_BITS,
	};
	struct vtd_tables *tables;

	ck_assert_int_eq(vtd_tables_create(&config, &memory, &tables), 0);
	return tables;
}

/* The table that the pointer at @at leads to, made if there is none. */
static uint64_t follow(struct machine *m, uint64_t at)
{
	uint64_t pointer = machine_load(m, at);

	if (!(pointer & VTD_P)) {
		pointer = vtd_encode_pointer(machine_page(m));
		machine_store(m, at, pointer);
	}
	return pointer & VTD_ADDR_MASK;
}

uint64_t machine_context_at(struct machine *m, uint16_t sid)
{
	uint64_t at = m->root + (sid >> 8) * VTD_ROOT_SIZE;

	if (!m->scalable)
		return follow(m, at) + (sid & 0xff) * VTD_CONTEXT_SIZE;
	if (sid & 0x80)
		at += 8;
	return follow(m, at) + (sid & 0x7f) * VTD_SM_CONTEXT_SIZE;
}

uint64_t machine_pasid_at(struct machine *m, uint16_t sid, uint32_t pasid)
{
	const uint64_t at = machine_context_at(m, sid);
	uint64_t directory = machine_load(m, at) & VTD_ADDR_MASK;

	if (!directory) {
		struct vtd_sm_context context = {
			.directory = machine_page(m),
			.pdts = 2, /* one page of directory */
			.device_tlb = vtd_field(&m->caps, VTD_DT),
			.pasid = vtd_field(&m->caps, VTD_PASID),
		};
		uint64_t word[4];

		directory = context.directory;
		vtd_encode_sm_context(&context, word);
		store_words(m, at, word, 4);
	}
	return follow(m, directory +
				 (uint64_t)(pasid >> VTD_PASID_DIR_SHIFT) * 8) +
	       (pasid & 63) * VTD_PASID_SIZE;
}

void machine_attach_context(struct machine *m, uint16_t sid,
			    const struct vtd_context *context)
{
	uint64_t word[8];

	if (m->scalable) {
		vtd_encode_pasid(context, word);
		store_words(m, machine_pasid_at(m, sid, RID_PASID), word, 8);
	} else {
		vtd_encode_context(context, word);
		store_words(m, machine_context_at(m, sid), word, 2);
	}
}

void machine_attach(struct machine *m, uint16_t sid,
		    const struct vtd_tables *tables, unsigned int levels,
		    uint16_t did)
{
	const struct vtd_context context = {
		.tables = vtd_tables_root(tables),
		.levels = levels,
		.did = did,
	};

	machine_attach_context(m, sid, &context);
}

void machine_detach(struct machine *m, uint16_t sid)
{
	const uint64_t at = machine_context_at(m, sid);

	machine_store(m, at, 0);
	machine_store(m, at + 8, 0);
}

/* ---- registers ---- */

uint32_t machine_get(struct machine *m, unsigned int offset)
{
	return (uint32_t)vtd_unit_read(m->unit, offset, 4);
}

void machine_set(struct machine *m, unsigned int offset, uint32_t value)
{
	vtd_unit_write(m->unit, offset, value, 4);
}

void machine_set64(struct machine *m, unsigned int offset, uint64_t value)
{
	vtd_unit_write(m->unit, offset, value, 8);
}

void machine_command(struct machine *m, uint32_t bit, bool on)
{
	const uint32_t status = machine_get(m, VTD_REG_GSTS) & 0x96ffffff;

	machine_set(m, VTD_REG_GCMD, on ? status | bit : status & ~bit);
	ck_assert_int_eq((machine_get(m, VTD_REG_GSTS) & bit) != 0, on);
}

/* ---- the invalidation queue ---- */

void machine_queue(struct machine *m, uint64_t word0, uint64_t word1)
{
	const uint64_t at = m->queue + m->tail;

	machine_store(m, at, word0);
	machine_store(m, at + 8, word1);
	if (m->queue_width == 32) {
		machine_store(m, at + 16, 0);
		machine_store(m, at + 24, 0);
	}
	m->tail = (m->tail + m->queue_width) % m->queue_size;
}

int machine_sync(struct machine *m)
{
	const uint64_t ticket = ++m->ticket;

	machine_queue(m,
		      VTD_DESC_WAIT | VTD_DESC_WAIT_SW |
			      ticket << VTD_DESC_WAIT_DATA_SHIFT,
		      m->status);
	machine_set64(m, VTD_REG_IQT, m->tail);
	return (uint32_t)machine_load(m, m->status) == ticket ? 0 : -EIO;
}

int machine_flush_contexts(struct machine *m, unsigned int granularity,
			   uint16_t did, uint16_t sid)
{
	machine_queue(m,
		      VTD_DESC_CONTEXT |
			      (uint64_t)granularity << VTD_DESC_G_SHIFT |
			      (uint64_t)did << VTD_DESC_DID_SHIFT |
			      (uint64_t)sid << VTD_DESC_SID_SHIFT,
		      0);
	return machine_sync(m);
}

int machine_flush_pasids(struct machine *m, unsigned int granularity,
			 uint16_t did, uint32_t pasid)
{
	machine_queue(m,
		      VTD_DESC_PASID_CACHE |
			      (uint64_t)granularity << VTD_DESC_G_SHIFT |
			      (uint64_t)did << VTD_DESC_DID_SHIFT |
			      (uint64_t)pasid << VTD_DESC_PASID_SHIFT,
		      0);
	return machine_sync(m);
}

int machine_flush_iotlb(struct machine *m, unsigned int granularity,
			uint16_t did, uint64_t addr, unsigned int mask)
{
	machine_queue(m,
		      VTD_DESC_IOTLB |
			      (uint64_t)granularity << VTD_DESC_G_SHIFT |
			      (uint64_t)did << VTD_DESC_DID_SHIFT,
		      addr | mask);
	return machine_sync(m);
}

int machine_flush_irtes(struct machine *m, bool all, uint32_t index,
			unsigned int mask)
{
	machine_queue(m,
		      VTD_DESC_IEC | (all ? 0 : VTD_DESC_IEC_SELECTIVE) |
			      (uint64_t)index << VTD_DESC_IEC_IIDX_SHIFT |
			      (uint64_t)mask << VTD_DESC_IEC_IM_SHIFT,
		      0);
	return machine_sync(m);
}

int machine_flush_source(struct machine *m, uint16_t sid, uint16_t did)
{
	int r;

	r = machine_flush_contexts(m, VTD_INV_DEVICE, did, sid);
	if (r == 0 && m->scalable)
		r = machine_flush_pasids(m, VTD_PASID_CACHE_DOMAIN, did, 0);
	if (r == 0)
		r = machine_flush_iotlb(m, VTD_INV_DOMAIN, did, 0, 0);
	return r;
}

/* ---- interrupts ---- */

void machine_remap(struct machine *m, unsigned int entries_log2, bool wide)
{
	m->irt = machine_page(m);
	machine_set64(m, VTD_REG_IRTA,
		      m->irt | (wide ? VTD_IRTA_EIME : 0) | (entries_log2 - 1));
	machine_command(m, VTD_GCMD_SIRTP, true);
	(void)machine_flush_irtes(m, true, 0, 0);
	machine_command(m, VTD_GCMD_IRE, true);
}

void machine_irte(struct machine *m, uint32_t index,
		  const struct vtd_irte *irte)
{
	uint64_t word[2] = { 0 };

	if (irte)
		vtd_encode_irte(irte, word);
	store_words(m, m->irt + (uint64_t)index * VTD_IRTE_SIZE, word, 2);
}

/* ---- the machine ---- */

struct vtd_caps machine_caps(const struct machine_config *config)
{
	struct vtd_caps caps = vtd_unit_abilities();
	const bool scalable = config->scalable;
	const struct {
		enum vtd_field field;
		uint64_t value;
	} set[] = {
		{ VTD_CM, config->caching_mode },
		{ VTD_SAGAW, config->five_levels ? 0xe : 0x6 },
		{ VTD_MGAW, config->five_levels ? 56 : 47 },
		{ VTD_FRO, 0x220 / 16 },
		{ VTD_NFR, config->records ? config->records - 1 : 0 },
		{ VTD_MAMV, 18 },
		{ VTD_IRO, 0xf0 / 16 },
		{ VTD_C, !config->not_coherent },
		{ VTD_DT, config->device_tlb },
		{ VTD_SC, 0 },
		{ VTD_ESRTPS, 0 },
		{ VTD_ESIRTPS, 0 },
		{ VTD_EIMER, 0 },
		{ VTD_IRREQ, 0 },
		{ VTD_RPS, 0 },
		{ VTD_SMTS, scalable },
		{ VTD_SSTS, scalable },
		{ VTD_PASID, scalable },
		{ VTD_PSS, scalable ? 19 : 0 },
		{ VTD_SMPWCS, scalable },
	};

	for (size_t i = 0; i < ARRAY_SIZE(set); i++)
		vtd_field_set(&caps, set[i].field, set[i].value);
	if (config->adjust)
		config->adjust(&caps);
	return caps;
}

static uint8_t *make_memory(void)
{
	void *p = mmap(NULL, MACHINE_RAM, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	ck_assert_ptr_ne(p, MAP_FAILED);
	return p;
}

void machine_init_off(struct machine *m, const struct machine_config *config)
{
	const struct vtd_platform platform = {
		.read = platform_read,
		.load = platform_load,
		.write = platform_write,
		.interrupt = platform_interrupt,
		.flush_device = platform_flush_device,
		.opaque = m,
	};
	struct vtd_unit_config unit = {
		.caps = machine_caps(config),
		.host_bits = MACHINE_HOST_BITS,
		.iotlb_entries = config->iotlb_entries,
		.collapse = config->collapse,
	};
	struct moat_err err;

	memset(m, 0, sizeof(*m));
	ck_assert_int_eq(pthread_mutex_init(&m->lock, NULL), 0);
	m->ram = make_memory();
	if (config->not_coherent)
		m->walker_view = make_memory();
	m->scalable = config->scalable;
	m->next_page = MACHINE_RAM;
	m->caps = unit.caps;
	ck_assert_msg(vtd_unit_create(&unit, &platform, &m->unit, &err) == 0,
		      "%s", err.msg);
	m->root = machine_page(m);
	m->status = machine_page(m);
	m->queue = machine_page(m);
	m->queue_size = VTD_PAGE_SIZE;
	m->queue_width = m->scalable ? 32 : 16;
}

void machine_start(struct machine *m)
{
	machine_set64(m, VTD_REG_RTADDR,
		      m->root |
			      (m->scalable ? UINT64_C(1) << VTD_RTADDR_TTM_SHIFT
					   : 0));
	machine_command(m, VTD_GCMD_SRTP, true);
	machine_set64(m, VTD_REG_IQT, 0);
	machine_set64(m, VTD_REG_IQA,
		      m->queue | (m->queue_width == 32 ? VTD_IQA_DW : 0));
	machine_command(m, VTD_GCMD_QIE, true);
	machine_set(m, VTD_REG_FEADDR, 0xfee00000 | 1 << 12);
	machine_set(m, VTD_REG_FEDATA, 0x31);
	machine_set(m, VTD_REG_FECTL, 0);
	ck_assert_int_eq(machine_flush_contexts(m, VTD_INV_GLOBAL, 0, 0), 0);
	ck_assert_int_eq(machine_flush_iotlb(m, VTD_INV_GLOBAL, 0, 0, 0), 0);
	machine_command(m, VTD_GCMD_TE, true);
}

void machine_init(struct machine *m, const struct machine_config *config)
{
	machine_init_off(m, config);
	machine_start(m);
}

void machine_fini(struct machine *m)
{
	vtd_unit_destroy(m->unit);
	(void)munmap(m->ram, MACHINE_RAM);
	if (m->walker_view)
		(void)munmap(m->walker_view, MACHINE_RAM);
	(void)pthread_mutex_destroy(&m->lock);
}

/* ---- functions ---- */

int function_send(const struct function *fn, const struct vtd_request *like,
		  void *buf, size_t *ret_done)
{
	struct vtd_request request = *like;

	request.sid = fn->sid;
	request.has_pasid = fn->has_pasid;
	request.pasid = fn->pasid;
	return vtd_unit_dma(fn->m->unit, &request, buf, ret_done);
}

int function_read(const struct function *fn, uint64_t iova, void *buf,
		  uint32_t len)
{
	const struct vtd_request request = {
		.addr = iova,
		.len = len,
		.access = VTD_READ,
	};

	return function_send(fn, &request, buf, NULL);
}

int function_write(const struct function *fn, uint64_t iova, const void *buf,
		   uint32_t len)
{
	const struct vtd_request request = {
		.addr = iova,
		.len = len,
		.access = VTD_WRITE,
	};

	return function_send(fn, &request, (void *)buf, NULL);
}

int function_msi(const struct function *fn, uint64_t addr, uint32_t data)
{
	data = htole32(data);
	return function_write(fn, addr, &data, sizeof(data));
}

bool function_lands(const struct function *fn, uint64_t iova, uint64_t addr)
{
	const uint64_t mark = UINT64_C(0x6d61726b00000000) |
			      (iova & 0xffffffff);
	const uint64_t before = machine_load(fn->m, addr);
	uint64_t little = htole64(mark);
	bool landed;

	if (function_write(fn, iova, &little, sizeof(little)) < 0)
		return false;
	landed = machine_load(fn->m, addr) == mark;
	machine_store(fn->m, addr, before);
	return landed;
}

/* ---- faults ---- */

static unsigned int n_records(const struct machine *m)
{
	return (unsigned int)vtd_field(&m->caps, VTD_NFR) + 1;
}

static void clear_record(struct machine *m, unsigned int index)
{
	const unsigned int at = (unsigned int)vtd_field(&m->caps, VTD_FRO) *
					16 +
				index * VTD_FRCD_SIZE;

	machine_set(m, at + 12, UINT32_C(1) << 31);
}

unsigned int machine_serve_faults(struct machine *m)
{
	struct vtd_fault fault;
	unsigned int n = 0;

	for (unsigned int i = 0; i < n_records(m); i++) {
		if (vtd_unit_fault(m->unit, i, &fault) < 0)
			continue;
		clear_record(m, i);
		n++;
	}
	machine_set(m, VTD_REG_FSTS, VTD_FSTS_PFO);
	return n;
}

void machine_expect_no_fault(struct machine *m)
{
	struct vtd_fault fault;

	ck_assert_uint_eq(machine_get(m, VTD_REG_FSTS) & 0xff, 0);
	for (unsigned int i = 0; i < n_records(m); i++)
		ck_assert_int_eq(vtd_unit_fault(m->unit, i, &fault), -ENOENT);
}

void machine_expect_fault(struct machine *m, const struct function *fn,
			  const struct fault_want *want)
{
	const enum vtd_reason reason = m->scalable ? want->scalable
						   : want->legacy;
	const bool interrupt = vtd_reason_is_interrupt(reason);
	const uint32_t fsts = machine_get(m, VTD_REG_FSTS);
	const unsigned int index = fsts >> VTD_FSTS_FRI_SHIFT & 0xff;
	struct vtd_fault fault = { 0 };

	ck_assert_msg(fsts & VTD_FSTS_PPF, "no fault; %#x was expected",
		      reason);
	ck_assert_int_eq(vtd_unit_fault(m->unit, index, &fault), 0);
	ck_assert_msg(fault.reason == reason, "reason %#x, not %#x (%s)",
		      fault.reason, reason, vtd_reason_text(reason));
	ck_assert_uint_eq(fault.sid, want->sid);
	ck_assert_uint_eq(fault.info,
			  interrupt ? want->addr : want->addr & VTD_ADDR_MASK);
	if (!interrupt) {
		ck_assert_int_eq(fault.access, want->access);
		ck_assert_int_eq(fault.at, VTD_AT_UNTRANSLATED);
	}
	ck_assert_int_eq(fault.has_pasid, fn && fn->has_pasid && !interrupt);
	if (fault.has_pasid)
		ck_assert_uint_eq(fault.pasid, fn->pasid);
	ck_assert_uint_eq(machine_serve_faults(m), 1);
	machine_expect_no_fault(m);
}
