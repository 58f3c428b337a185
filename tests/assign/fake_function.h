/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A PCI function and a VMM that exist only in memory, for the tests of the
 * assignment engine.
 *
 * The function behaves as VFIO's do: memory does not answer while its
 * decoding is off, one kind of interrupt is enabled at a time, vectors are
 * set aside at enable. The VMM refuses what overlaps, keeps what was staged
 * until it is committed, and checks that it is shown no memory of a device
 * that does not decode.
 *
 * Both count what is held, and fail their n-th call when told to.
 */
#ifndef MOAT_TESTS_FAKE_FUNCTION_H
#define MOAT_TESTS_FAKE_FUNCTION_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <moat/device.h>
#include <moat/vmm.h>

#include "assign/device_internal.h"

/* Where the function made by fake_function_init() has its things. */
enum {
	FAKE_PM = 0x40,
	FAKE_MSI = 0x50, /* 64-bit, 8 messages, maskable */
	FAKE_MSIX = 0x70,
	FAKE_VENDOR = 0x80, /* 12 bytes */
	FAKE_PCIX = 0x90,   /* hidden */
	FAKE_EXP = 0xa0,

	FAKE_EXT_ATS = 0x100, /* hidden */
	FAKE_EXT_AER = 0x140,
	FAKE_EXT_SRIOV = 0x180, /* hidden */
	FAKE_EXT_DSN = 0x1c0,

	FAKE_TABLE = 0x2000, /* in BAR 0 */
	FAKE_PBA = 0x3000,
	FAKE_VECTORS = 8,

	FAKE_BAR0_SIZE = 0x4000,   /* 32-bit memory */
	FAKE_BAR1_SIZE = 0x20,	   /* ports */
	FAKE_BAR2_SIZE = 0x100000, /* 64-bit prefetchable memory */
	FAKE_BAR4_SIZE = 0x100,	   /* 32-bit memory, less than a page */

	/*
	 * A DMA engine in BAR 4: offsets in RAM, then a count, whose writing
	 * starts it. It raises MSI-X vector 0, if on, when it is done.
	 */
	FAKE_DMA_FROM = 0x40,
	FAKE_DMA_TO = 0x44,
	FAKE_DMA_COUNT = 0x48,
	FAKE_RAM = 64, /* bytes that it reaches */

	FAKE_REGIONS = HOST_REGION_ROM + 1,

	FAKE_PORTS = 0xd000, /* BAR 1 on the host */

	FAKE_IRQ_FDS = 64,
	FAKE_LOG = 64,
};

/* Fails the n-th call that passes here. */
struct fake_sweep {
	unsigned int calls;
	unsigned int fail_at; /* from 1; 0: never */
	int error;	      /* negative; 0: -EIO */
};

int fake_step(struct fake_sweep *sweep);

struct fake_write {
	unsigned int region;
	uint64_t offset, value;
	size_t len;
};

struct fake_function {
	struct host_device host;
	struct fake_sweep *sweep;

	uint8_t config[CONFIG_SIZE];
	uint64_t config_size;
	struct host_region region[FAKE_REGIONS]; /* BARs and ROM */
	uint8_t *memory[FAKE_REGIONS];
	struct fake_write log[FAKE_LOG]; /* of region_write() */
	unsigned int n_log;
	uint8_t ram[FAKE_RAM]; /* the guest's, for DMA */
	bool mastered;	       /* has bus mastering ever been on? */
	bool backdoor; /* it may stop decoding with nobody having asked */
	bool dead;     /* config space reads all ones after a reset */
	bool dead_at_open;
	uint8_t ids[4]; /* vendor and device, as VFIO keeps them */

	/*
	 * Interrupts are asynchronous: the lock is of which fds there are, and
	 * of the pending bits, as a region's bytes are read.
	 */
	pthread_mutex_t irq_lock;
	struct host_irq irq[HOST_IRQS];
	unsigned int enabled[HOST_IRQS]; /* vectors; 0: disabled */
	int irq_fd[HOST_IRQS][FAKE_IRQ_FDS];
	int unmask_fd;
	unsigned int limit; /* vectors the host has; 0: enough */
	unsigned int irq_calls;

	unsigned int resets;
	int reset_errno;	    /* negative: every reset fails so */
	unsigned int reset_busy;    /* this many resets are -EAGAIN first */
	atomic_bool stuck;	    /* a reset does not end meanwhile */
	atomic_bool in_reset;	    /* one has begun */
	struct fake_function *meet; /* a reset waits for one of this to begin */

	/* What a reset of the bus reaches; none: there is no such reset. */
	struct host_dependent dependent[8];
	unsigned int n_dependents;
	int dependents_errno;
	unsigned int bus_resets;
	int group_fds[8]; /* that the last one came with */
	size_t n_group_fds;

	bool open;
	int maps; /* held */
};

void fake_function_init(struct fake_function *fn, struct fake_sweep *sweep);
void fake_function_fini(struct fake_function *fn);

/* Build config space by hand. */
void fake_put(struct fake_function *fn, unsigned int offset, size_t len,
	      uint64_t value);
uint64_t fake_get(const struct fake_function *fn, unsigned int offset,
		  size_t len);

/* The device raises interrupt @vector: signalled, or pending in its PBA. */
void fake_fire(struct fake_function *fn, enum host_irq_index irq,
	       unsigned int vector);

/*
 * The same at any time, by whatever kind is enabled just now, while other
 * threads use the device. Return: that kind; HOST_IRQS: none is enabled, or
 * nobody listens to @vector.
 */
enum host_irq_index fake_fire_any(struct fake_function *fn,
				  unsigned int vector);

/*
 * The machine's ports. A thread that uses them without permission, or while
 * the device does not decode, fails the test. Counters are for all threads.
 */
struct fake_pio {
	atomic_uint accesses;
	atomic_uint permitted; /* threads that are */
	atomic_int error;      /* what permit() returns; 0: it works */
	pthread_t last;	       /* thread that accessed, once there was one */
};

extern struct fake_pio fake_pio;

#define FAKE_ROUTES 64
#define FAKE_RANGES 32

struct fake_route {
	bool used;
	int fd;
	struct moat_msi_msg msg;
};

struct fake_map {
	bool used;
	uint64_t first, last;
	void *host;
};

struct fake_vmm {
	struct fake_function *fn;
	struct fake_sweep *sweep;
	uint64_t ram_last; /* RAM from 0 */
	unsigned int slots;

	struct fake_map map[FAKE_RANGES];
	const struct moat_trap *trap[FAKE_RANGES];
	unsigned int pin; /* connected; 0: none */
	int trigger_fd, resample_fd;
	struct fake_route staged[FAKE_ROUTES], live[FAKE_ROUTES];
	unsigned int commits;
	unsigned int events;
	enum moat_event event;
	/* Run on the thread that asks, which stands for a vCPU. */
	const struct moat_vcpu_work *work;
	unsigned int n_begun; /* threads */
	pthread_t begun;      /* the last of them */
	bool crowded;	      /* vCPUs use their CPUs */
	/* Messages by their data: the CPU is its lowest byte, 0xff: any. */
	unsigned int cpu_questions;
};

extern const struct moat_vmm_ops fake_vmm_ops;

void fake_vmm_init(struct fake_vmm *vmm, struct fake_function *fn);

/* Nothing mapped, trapped, connected or routed? */
bool fake_vmm_is_empty(const struct fake_vmm *vmm);

/* What lies at @gpa for a guest: direct memory, or NULL. */
void *fake_vmm_direct(const struct fake_vmm *vmm, uint64_t gpa);

/* A guest's access that is not direct; nobody there: all ones. */
uint64_t fake_vmm_read(const struct fake_vmm *vmm, enum moat_trap_space space,
		       uint64_t addr, unsigned int size);
void fake_vmm_write(const struct fake_vmm *vmm, enum moat_trap_space space,
		    uint64_t addr, unsigned int size, uint64_t value);

/* Live route to message @data: signals since the last call; -1: no route. */
int fake_vmm_delivered(struct fake_vmm *vmm, uint32_t data);

/* A device on the fakes. */
struct fixture {
	struct fixture *next; /* of those initialised */
	unsigned int group;   /* its IOMMU group, for bus resets */
	struct fake_sweep sweep;
	struct fake_function fn;
	struct fake_vmm vmm;
	struct moat_device_spec spec;
	struct moat_device_params params;
	struct moat_device *dev;
	struct moat_err err;

	/* The host's side of opening. */
	int attached, bound;
	bool unfenced;		 /* the address space, which is NULL */
	unsigned int bind_flags; /* of the last binding */
	bool is_bound;		 /* to VFIO already */
	int verdict;
	unsigned int attach_calls;
	unsigned int attach_refusals; /* this many first attaches: -EINVAL */
	unsigned int foreign_reads;   /* reads before the other is claimed */
	const char *irq_users;	      /* of the line; NULL: not known */
};

extern const struct device_claim_ops fake_claim_ops;

void fixture_init(struct fixture *fx);
void fixture_fini(struct fixture *fx);
int fixture_open(struct fixture *fx);

/* Open, plug behind a root port, and arm; check that all is well. */
void fixture_start(struct fixture *fx);

/* Is nothing of the host held? */
bool fixture_is_clean(const struct fixture *fx);

/* Open file descriptors of this process. */
unsigned int count_fds(void);

#endif /* MOAT_TESTS_FAKE_FUNCTION_H */
