// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A function driven from user space, see function.h.
 *
 * The engine calls the table below while a config write is under way: what
 * the function's BARs are at any moment is in windows and traps. A guest's
 * address is that of a window from BARS_AT on; there is no other memory. Ports
 * are from PORTS_AT on, below all of it. The one thread is the one vCPU.
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/function.h"
#include "bench/node.h"
#include "common/util.h"

#define BARS_AT	 UINT64_C(0xc0000000)
#define BARS_END UINT64_C(0xfec00000)
#define PORTS_AT UINT64_C(0xc000)
#define RANGES	 32
#define NO_BAR	 UINT64_MAX

struct window {
	uint64_t at, len; /* len 0: free */
	uint8_t *host;
};

struct route {
	int fd; /* -1: free */
	uint32_t data;
};

struct bench_function {
	struct moat_ioas *ioas;
	struct moat_device *dev;
	uint64_t bar_at[MOAT_PCI_BARS]; /* NO_BAR: none, or half of another */
	uint64_t bar_len[MOAT_PCI_BARS];
	struct window window[RANGES];
	const struct moat_trap *trap[RANGES];
	struct route route[BENCH_VECTORS]; /* data is the vector */
	int intx_trigger, intx_resample;   /* -1: not connected */
	enum bench_irq irq;
	const struct moat_set *thread_cpus; /* NULL: anywhere */
	bool thread_alone;
};

/* ---- the VMM's table ---- */

static int map_memory(void *vmm, uint64_t gpa, uint64_t len, void *host,
		      unsigned int *ret_handle)
{
	struct bench_function *fn = vmm;

	for (unsigned int i = 0; i < RANGES; i++) {
		if (fn->window[i].len)
			continue;
		fn->window[i] = (struct window) { gpa, len, host };
		*ret_handle = i;
		return 0;
	}
	return -ENOSPC;
}

static void unmap_memory(void *vmm, unsigned int handle)
{
	((struct bench_function *)vmm)->window[handle].len = 0;
}

static int trap(void *vmm, const struct moat_trap *new)
{
	struct bench_function *fn = vmm;

	for (unsigned int i = 0; i < RANGES; i++)
		if (!fn->trap[i]) {
			fn->trap[i] = new;
			return 0;
		}
	return -ENOMEM;
}

static void untrap(void *vmm, const struct moat_trap *old)
{
	struct bench_function *fn = vmm;

	for (unsigned int i = 0; i < RANGES; i++)
		if (fn->trap[i] == old)
			fn->trap[i] = NULL;
}

static int intx_connect(void *vmm, unsigned int pin, int trigger_fd,
			int resample_fd)
{
	struct bench_function *fn = vmm;

	(void)pin;
	fn->intx_trigger = trigger_fd;
	fn->intx_resample = resample_fd;
	return 0;
}

static void intx_disconnect(void *vmm, unsigned int pin, int trigger_fd)
{
	struct bench_function *fn = vmm;

	(void)pin;
	(void)trigger_fd;
	fn->intx_trigger = fn->intx_resample = -1;
}

static int msi_connect(void *vmm, int trigger_fd,
		       const struct moat_msi_msg *msg, unsigned int *ret_route)
{
	struct bench_function *fn = vmm;

	for (unsigned int i = 0; i < BENCH_VECTORS; i++) {
		if (fn->route[i].fd >= 0)
			continue;
		fn->route[i] = (struct route) { trigger_fd, msg->data };
		*ret_route = i;
		return 0;
	}
	return -ENOSPC;
}

static int msi_update(void *vmm, unsigned int route,
		      const struct moat_msi_msg *msg)
{
	((struct bench_function *)vmm)->route[route].data = msg->data;
	return 0;
}

static void msi_disconnect(void *vmm, unsigned int route)
{
	((struct bench_function *)vmm)->route[route].fd = -1;
}

static int msi_commit(void *vmm)
{
	(void)vmm; /* nothing is held back */
	return 0;
}

static int vcpu_work_add(void *vmm, const struct moat_vcpu_work *work)
{
	(void)vmm;
	work->run(work->opaque);
	return 0;
}

static void vcpu_work_run(void *vmm, const struct moat_vcpu_work *work)
{
	(void)vmm;
	work->run(work->opaque);
}

static void vcpu_work_remove(void *vmm, const struct moat_vcpu_work *work)
{
	(void)vmm; /* it runs only when it is called for */
	(void)work;
}

static bool thread_begin(void *vmm)
{
	struct bench_function *fn = vmm;
	struct moat_err err;

	if (fn->thread_cpus && bench_run_on(fn->thread_cpus, &err) < 0)
		return false;
	return fn->thread_alone;
}

static const struct moat_vmm_ops vmm_ops = {
	.map_memory = map_memory,
	.unmap_memory = unmap_memory,
	.trap = trap,
	.untrap = untrap,
	.intx_connect = intx_connect,
	.intx_disconnect = intx_disconnect,
	.msi_connect = msi_connect,
	.msi_update = msi_update,
	.msi_disconnect = msi_disconnect,
	.msi_commit = msi_commit,
	.vcpu_work_add = vcpu_work_add,
	.vcpu_work_run = vcpu_work_run,
	.vcpu_work_remove = vcpu_work_remove,
	.thread_begin = thread_begin,
};

/* ---- as firmware would ---- */

/* One after the other, each at a multiple of its size. */
static int place_bars(struct bench_function *fn, struct moat_err *err)
{
	uint64_t next = BARS_AT, ports = PORTS_AT;

	for (unsigned int i = 0; i < MOAT_PCI_BARS; i++) {
		const uint16_t at = (uint16_t)(PCI_BASE_ADDRESS_0 + 4 * i);
		struct moat_bar_info bar;

		fn->bar_at[i] = NO_BAR;
		moat_device_bar(fn->dev, i, &bar);
		if (bar.kind == MOAT_BAR_PIO) {
			ports = align_up(ports, bar.size);
			fn->bar_at[i] = ports;
			fn->bar_len[i] = bar.size;
			moat_device_config_write(fn->dev, at, 4,
						 (uint32_t)ports);
			ports += bar.size;
		}
		if (bar.kind != MOAT_BAR_MEM32 && bar.kind != MOAT_BAR_MEM64)
			continue;
		next = align_up(next, bar.size);
		if (bar.size > BARS_END - BARS_AT || next > BARS_END - bar.size)
			return moat_fail(err, -ENOSPC,
					 "%s: no room for its BAR %u",
					 moat_device_name(fn->dev), i);
		fn->bar_at[i] = next;
		fn->bar_len[i] = bar.size;
		moat_device_config_write(fn->dev, at, 4, (uint32_t)next);
		if (bar.kind == MOAT_BAR_MEM64)
			moat_device_config_write(fn->dev, at + 4, 4, 0);
		next += bar.size;
	}
	moat_device_config_write(fn->dev, PCI_COMMAND, 2,
				 PCI_COMMAND_IO | PCI_COMMAND_MEMORY |
					 PCI_COMMAND_MASTER);
	return 0;
}

static struct bench_function *new_function(void)
{
	struct bench_function *fn = calloc(1, sizeof(*fn));

	if (!fn)
		return NULL;
	for (unsigned int i = 0; i < BENCH_VECTORS; i++)
		fn->route[i].fd = -1;
	fn->intx_trigger = fn->intx_resample = -1;
	return fn;
}

int bench_function_open(const struct bench_function_config *config,
			struct bench_function **ret_fn, struct moat_err *err)
{
	const bool none = config->spec->dma == MOAT_DMA_NONE;
	const struct moat_ioas_config ioas_config = {
		.backend = none ? "bypass" : config->backend,
	};
	struct moat_device_params params = { .spec = config->spec,
					     .same_guest = &config->spec->host,
					     .n_same_guest = 1 };
	struct bench_function *fn = new_function();
	int r;

	if (!fn)
		return moat_fail(err, -ENOMEM, "out of memory");
	fn->thread_cpus = config->thread_cpus;
	fn->thread_alone = config->thread_alone;
	r = moat_ioas_create(&ioas_config, &fn->ioas, err);
	if (r == 0 && config->map)
		r = config->map(config->opaque, fn->ioas, err);
	params.ioas = fn->ioas;
	if (r == 0)
		r = moat_device_open(&params, &fn->dev, err);
	if (r == 0)
		r = moat_device_plug(fn->dev, &vmm_ops, fn, MOAT_PLUG_PCIE,
				     err);
	if (r == 0) {
		moat_device_arm(fn->dev);
		r = place_bars(fn, err);
	}
	if (r < 0) {
		bench_function_close(fn);
		return r;
	}
	*ret_fn = fn;
	return 0;
}

void bench_function_close(struct bench_function *fn)
{
	if (!fn)
		return;
	moat_device_close(fn->dev);
	moat_ioas_destroy(fn->ioas);
	free(fn);
}

/* ---- registers ---- */

volatile void *bench_function_at(struct bench_function *fn, unsigned int bar,
				 uint64_t offset, size_t len)
{
	uint64_t at;

	if (bar >= MOAT_PCI_BARS || fn->bar_at[bar] == NO_BAR)
		return NULL;
	at = fn->bar_at[bar] + offset;
	for (unsigned int i = 0; i < RANGES; i++) {
		const struct window *w = &fn->window[i];

		if (w->len >= len && at >= w->at && at - w->at <= w->len - len)
			return w->host + (at - w->at);
	}
	return NULL;
}

int bench_function_ports(const struct bench_function *fn)
{
	struct moat_bar_info bar;

	for (unsigned int i = 0; i < MOAT_PCI_BARS; i++) {
		moat_device_bar(fn->dev, i, &bar);
		if (bar.kind == MOAT_BAR_PIO)
			return (int)i;
	}
	return -ENOTSUP;
}

static const struct moat_trap *trap_of(const struct bench_function *fn,
				       unsigned int bar, uint64_t offset,
				       uint64_t *ret_offset)
{
	uint64_t at;

	if (bar >= MOAT_PCI_BARS || fn->bar_at[bar] == NO_BAR)
		return NULL;
	at = fn->bar_at[bar] + offset;
	for (unsigned int i = 0; i < RANGES; i++) {
		const struct moat_trap *t = fn->trap[i];

		if (!t || at < t->first || at > t->last)
			continue;
		*ret_offset = at - t->first;
		return t;
	}
	return NULL;
}

uint64_t bench_function_read(struct bench_function *fn, unsigned int bar,
			     uint64_t offset, unsigned int size)
{
	volatile void *p = bench_function_at(fn, bar, offset, size);
	const struct moat_trap *t;
	uint64_t at;

	if (p)
		return size == 8   ? *(volatile uint64_t *)p
		       : size == 4 ? *(volatile uint32_t *)p
				   : *(volatile uint8_t *)p;
	t = trap_of(fn, bar, offset, &at);
	return t ? t->read(t->opaque, at, size) : UINT64_MAX;
}

void bench_function_write(struct bench_function *fn, unsigned int bar,
			  uint64_t offset, unsigned int size, uint64_t value)
{
	volatile void *p = bench_function_at(fn, bar, offset, size);
	const struct moat_trap *t;
	uint64_t at;

	if (p && size == 8) {
		*(volatile uint64_t *)p = value;
	} else if (p && size == 4) {
		*(volatile uint32_t *)p = (uint32_t)value;
	} else if (p) {
		*(volatile uint8_t *)p = (uint8_t)value;
	} else {
		t = trap_of(fn, bar, offset, &at);
		if (t)
			t->write(t->opaque, at, size, value);
	}
}

/* ---- interrupts, as a driver would ---- */

/* A capability's offset; 0: the function has none of @id. */
static uint16_t find_cap(struct bench_function *fn, unsigned int id)
{
	uint16_t cap = PCI_CAPABILITY_LIST - PCI_CAP_LIST_NEXT;

	for (int i = 0; i < 48; i++) {
		cap = (uint16_t)moat_device_config_read(
			fn->dev, cap + PCI_CAP_LIST_NEXT, 1);
		if (!cap || moat_device_config_read(fn->dev, cap, 1) == id)
			return cap;
	}
	return 0;
}

static int msi_on(struct bench_function *fn)
{
	uint16_t cap = find_cap(fn, PCI_CAP_ID_MSI);
	uint32_t flags;

	if (!cap)
		return -ENOTSUP;
	flags = moat_device_config_read(fn->dev, cap + PCI_MSI_FLAGS, 2);
	/* The vector is what we compare with; the address means nothing. */
	moat_device_config_write(fn->dev,
				 cap + (flags & PCI_MSI_FLAGS_64BIT
						? PCI_MSI_DATA_64
						: PCI_MSI_DATA_32),
				 2, 0);
	moat_device_config_write(fn->dev, cap + PCI_MSI_FLAGS, 2,
				 PCI_MSI_FLAGS_ENABLE);
	return bench_function_irq_fd(fn, 0) < 0 ? -ENOTSUP : 0;
}

static int msix_on(struct bench_function *fn, unsigned int n)
{
	uint16_t cap = find_cap(fn, PCI_CAP_ID_MSIX);
	uint32_t flags, table;
	unsigned int bar;

	if (!cap)
		return -ENOTSUP;
	flags = moat_device_config_read(fn->dev, cap + PCI_MSIX_FLAGS, 2);
	if (n > BENCH_VECTORS || n > (flags & PCI_MSIX_FLAGS_QSIZE) + 1)
		return -ENOSPC;
	table = moat_device_config_read(fn->dev, cap + PCI_MSIX_TABLE, 4);
	bar = table & PCI_MSIX_TABLE_BIR;
	table &= PCI_MSIX_TABLE_OFFSET;
	moat_device_config_write(fn->dev, cap + PCI_MSIX_FLAGS, 2,
				 PCI_MSIX_FLAGS_ENABLE);
	for (unsigned int i = 0; i < n; i++) {
		uint64_t entry = table + (uint64_t)i * PCI_MSIX_ENTRY_SIZE;

		bench_function_write(fn, bar, entry + PCI_MSIX_ENTRY_LOWER_ADDR,
				     4, 0xfee00000);
		bench_function_write(fn, bar, entry + PCI_MSIX_ENTRY_UPPER_ADDR,
				     4, 0);
		bench_function_write(fn, bar, entry + PCI_MSIX_ENTRY_DATA, 4,
				     i);
		bench_function_write(fn, bar,
				     entry + PCI_MSIX_ENTRY_VECTOR_CTRL, 4, 0);
		if (bench_function_irq_fd(fn, i) < 0)
			return -ENOTSUP;
	}
	return 0;
}

int bench_function_irq(struct bench_function *fn, enum bench_irq irq,
		       unsigned int n)
{
	fn->irq = irq;
	switch (irq) {
	case BENCH_INTX:
		return fn->intx_trigger < 0 ? -ENOTSUP : 0;
	case BENCH_MSI:
		return msi_on(fn);
	case BENCH_MSIX:
		return msix_on(fn, n);
	}
	return -EINVAL;
}

int bench_function_irq_fd(const struct bench_function *fn, unsigned int vector)
{
	if (fn->irq == BENCH_INTX)
		return fn->intx_trigger;
	for (unsigned int i = 0; i < BENCH_VECTORS; i++)
		if (fn->route[i].fd >= 0 && fn->route[i].data == vector)
			return fn->route[i].fd;
	return -1;
}

void bench_function_irq_done(struct bench_function *fn)
{
	const uint64_t one = 1;

	if (fn->irq == BENCH_INTX && fn->intx_resample >= 0)
		while (write(fn->intx_resample, &one, sizeof(one)) < 0 &&
		       errno == EINTR)
			;
}
