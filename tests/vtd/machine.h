/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A machine around a software remapping unit: memory, a driver that programs
 * the unit as an operating system would, and PCI functions whose DMA engines
 * send whatever they are told to.
 */
#ifndef MOAT_TESTS_VTD_MACHINE_H
#define MOAT_TESTS_VTD_MACHINE_H

#include <pthread.h>

#include "iommu/vtd/build.h"
#include "iommu/vtd/encode.h"
#include "iommu/vtd/table_regs.h"
#include "iommu/vtd/unit.h"
#include "iommu/vtd/unit_regs.h"

#define MACHINE_RAM	   (UINT64_C(64) << 20)
#define MACHINE_HOST_BITS  46u
#define MACHINE_INTERRUPTS 64u

struct machine {
	uint8_t *ram;
	/* What walks see where they do not snoop: NULL where they do. */
	uint8_t *walker_view;
	bool scalable;
	struct vtd_unit *unit;
	struct vtd_caps caps;
	/* Called once, when the unit has read @watch; NULL: nobody asks. */
	void (*on_read)(struct machine *m);
	uint64_t watch;

	pthread_mutex_t lock; /* guards what follows, to @n_interrupts */
	uint64_t next_page;   /* the next to be allocated, downwards */
	uint64_t free_page;   /* a list of those given back; 0: empty */
	unsigned int n_pages; /* allocated */
	struct vtd_interrupt interrupt[MACHINE_INTERRUPTS];
	unsigned int n_interrupts;

	uint64_t root;
	uint64_t queue, queue_size; /* of the invalidation queue */
	uint64_t queue_width;
	uint64_t tail;
	uint64_t status; /* where wait descriptors write */
	uint32_t ticket; /* what the last one writes */
	uint64_t irt;
	unsigned int n_device_flushes;
	uint64_t device_flush_addr, device_flush_len;
	bool device_is_dead;
};

/* Which capabilities a machine's unit has; the default is all but DT, CM. */
struct machine_config {
	bool scalable;
	bool caching_mode;
	bool device_tlb;
	bool not_coherent;
	bool five_levels;
	bool collapse;
	unsigned int records; /* 0: 1 */
	unsigned int iotlb_entries;
	void (*adjust)(struct vtd_caps *caps); /* NULL: as it is */
};

/** machine_init() - powered on, translation on, no device in any table */
void machine_init(struct machine *m, const struct machine_config *config);

/** machine_init_off() - the same, but the unit as reset leaves it */
void machine_init_off(struct machine *m, const struct machine_config *config);

/** machine_start() - tell the unit its tables, and turn it on */
void machine_start(struct machine *m);
void machine_fini(struct machine *m);

/** machine_caps() - what machine_init() gives a unit */
struct vtd_caps machine_caps(const struct machine_config *config);

/* Memory. */
uint64_t machine_page(struct machine *m);
uint64_t machine_load(const struct machine *m, uint64_t addr);
/** machine_store() - by the processor, seen by walks */
void machine_store(struct machine *m, uint64_t addr, uint64_t value);

/* Tables, built for the machine's unit. */
struct vtd_tables *machine_tables(struct machine *m, unsigned int levels);
struct vtd_tables_memory machine_tables_memory(struct machine *m);

/** machine_context_at() - where the context (legacy or scalable) entry is */
uint64_t machine_context_at(struct machine *m, uint16_t sid);

/** machine_pasid_at() - where the PASID entry is; scalable mode */
uint64_t machine_pasid_at(struct machine *m, uint16_t sid, uint32_t pasid);

/** machine_attach() - requests of @sid go through @tables; no flush */
void machine_attach(struct machine *m, uint16_t sid,
		    const struct vtd_tables *tables, unsigned int levels,
		    uint16_t did);
void machine_attach_context(struct machine *m, uint16_t sid,
			    const struct vtd_context *context);

/** machine_detach() - its entry is not present; no flush */
void machine_detach(struct machine *m, uint16_t sid);

/* The registers. */
uint32_t machine_get(struct machine *m, unsigned int offset);
void machine_set(struct machine *m, unsigned int offset, uint32_t value);
void machine_set64(struct machine *m, unsigned int offset, uint64_t value);
/** machine_command() - GCMD with one bit changed, as section 11.4.4.1 says */
void machine_command(struct machine *m, uint32_t bit, bool on);

/* The invalidation queue. */
void machine_queue(struct machine *m, uint64_t word0, uint64_t word1);

/** machine_sync() - a wait descriptor: 0, or -EIO when it does not complete */
int machine_sync(struct machine *m);

int machine_flush_contexts(struct machine *m, unsigned int granularity,
			   uint16_t did, uint16_t sid);
int machine_flush_pasids(struct machine *m, unsigned int granularity,
			 uint16_t did, uint32_t pasid);
int machine_flush_iotlb(struct machine *m, unsigned int granularity,
			uint16_t did, uint64_t addr, unsigned int mask);
int machine_flush_irtes(struct machine *m, bool all, uint32_t index,
			unsigned int mask);

/** machine_flush_source() - all of the above that a changed source needs */
int machine_flush_source(struct machine *m, uint16_t sid, uint16_t did);

/* Interrupts. */
void machine_remap(struct machine *m, unsigned int entries_log2, bool wide);
void machine_irte(struct machine *m, uint32_t index,
		  const struct vtd_irte *irte);

/* The message that asks for an entry, without subhandle. */
static inline uint64_t machine_msi(uint32_t index)
{
	return VTD_MSI_FIRST | VTD_MSI_REMAPPABLE | VTD_MSI_SHV |
	       (uint64_t)(index & 0x7fff) << 5 |
	       (index & 0x8000 ? VTD_MSI_HANDLE_15 : 0);
}

/* A PCI function: its DMA engine. All return 0 or -EFAULT. */
struct function {
	struct machine *m;
	uint16_t sid;
	bool has_pasid;
	uint32_t pasid;
};

static inline struct function function_at(struct machine *m, unsigned int sid)
{
	return (struct function) { .m = m, .sid = (uint16_t)sid };
}

int function_read(const struct function *fn, uint64_t iova, void *buf,
		  uint32_t len);
int function_write(const struct function *fn, uint64_t iova, const void *buf,
		   uint32_t len);
/** function_send() - any request; @ret_done may be NULL */
int function_send(const struct function *fn, const struct vtd_request *like,
		  void *buf, size_t *ret_done);
int function_msi(const struct function *fn, uint64_t addr, uint32_t data);

/** function_lands() - does a write to @iova change memory at @addr, alone? */
bool function_lands(const struct function *fn, uint64_t iova, uint64_t addr);

/* Faults. */

/* What one must be, exactly. */
struct fault_want {
	enum vtd_reason legacy, scalable;
	uint64_t addr; /* any of the page; of an interrupt its index */
	uint16_t sid;
	enum vtd_access access;
};

/**
 * machine_expect_fault() - there is one pending fault, this one; serve it
 *
 * Fails the test on any difference: reason, address, requester, type, AT,
 * PASID. @fn: NULL, or whose PASID it must have.
 */
void machine_expect_fault(struct machine *m, const struct function *fn,
			  const struct fault_want *want);

/** machine_expect_no_fault() - nothing is pending */
void machine_expect_no_fault(struct machine *m);

/** machine_serve_faults() - clear all records; Return: how many there were */
unsigned int machine_serve_faults(struct machine *m);

/* A test in legacy mode and then in scalable mode. */
#define FOR_BOTH_MODES(config)                                           \
	for (int mode_ = 0; mode_ < 2 && ((config).scalable = mode_, 1); \
	     mode_++)

#endif /* MOAT_TESTS_VTD_MACHINE_H */
