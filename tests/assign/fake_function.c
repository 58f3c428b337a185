// SPDX-License-Identifier: GPL-2.0-or-later
/* See fake_function.h. */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include <moat/host_pci.h>

#include "assign/bytes.h"
#include "common/util.h"
#include "tests/assign/fake_function.h"

int fake_step(struct fake_sweep *sweep)
{
	if (!sweep || ++sweep->calls != sweep->fail_at)
		return 0;
	return sweep->error ? sweep->error : -EIO;
}

static struct fake_function *to_fake(struct host_device *host)
{
	return container_of(host, struct fake_function, host);
}

/* ---- the function ---- */

void fake_put(struct fake_function *fn, unsigned int offset, size_t len,
	      uint64_t value)
{
	put_le(fn->config + offset, len, value);
}

uint64_t fake_get(const struct fake_function *fn, unsigned int offset,
		  size_t len)
{
	return get_le(fn->config + offset, len);
}

static int fake_region_info(struct host_device *host, unsigned int region,
			    struct host_region *ret_info)
{
	struct fake_function *fn = to_fake(host);
	int r = fake_step(fn->sweep);

	if (r < 0)
		return r;
	memset(ret_info, 0, sizeof(*ret_info));
	if (region == HOST_REGION_CONFIG)
		ret_info->size = fn->config_size;
	else if (region < FAKE_REGIONS)
		*ret_info = fn->region[region];
	return 0;
}

static int fake_irq_info(struct host_device *host, enum host_irq_index irq,
			 struct host_irq *ret_info)
{
	struct fake_function *fn = to_fake(host);
	int r = fake_step(fn->sweep);

	if (r == 0)
		*ret_info = fn->irq[irq];
	return r;
}

/* Does the device answer an access of that BAR now? */
static bool decodes(const struct fake_function *fn, unsigned int region)
{
	uint64_t command = fake_get(fn, PCI_COMMAND, 2);
	bool io = region < MOAT_PCI_BARS &&
		  fn->config[PCI_BASE_ADDRESS_0 + 4 * region] &
			  PCI_BASE_ADDRESS_SPACE_IO;

	return command & (io ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY);
}

static uint8_t *locate(struct fake_function *fn, unsigned int region,
		       uint64_t offset, size_t len)
{
	if (region == HOST_REGION_CONFIG) {
		ck_assert_uint_le(offset + len, fn->config_size);
		return fn->config + offset;
	}
	ck_assert_uint_lt(region, FAKE_REGIONS);
	ck_assert_uint_le(offset + len, fn->region[region].size);
	return decodes(fn, region) ? fn->memory[region] + offset : NULL;
}

/* As VFIO does: the ids come from memory, even of a dead device. */
static void overlay_ids(const struct fake_function *fn, uint64_t offset,
			uint8_t *buf, size_t len)
{
	for (uint64_t at = offset; at < offset + len && at < sizeof(fn->ids);
	     at++)
		buf[at - offset] = fn->ids[at];
}

static int fake_region_read(struct host_device *host, unsigned int region,
			    uint64_t offset, void *buf, size_t len)
{
	struct fake_function *fn = to_fake(host);
	uint8_t *p = locate(fn, region, offset, len);
	int r = fake_step(fn->sweep);

	if (r < 0)
		return r;
	if (!p)
		return -EIO;
	(void)pthread_mutex_lock(&fn->irq_lock);
	memcpy(buf, p, len);
	(void)pthread_mutex_unlock(&fn->irq_lock);
	if (region == HOST_REGION_CONFIG)
		overlay_ids(fn, offset, buf, len);
	return 0;
}

/* Without bus mastering it reaches nothing, and waits. */
static void dma_run(struct fake_function *fn)
{
	const uint8_t *regs = fn->memory[4];
	uint32_t from = get_le32(regs + FAKE_DMA_FROM);
	uint32_t to = get_le32(regs + FAKE_DMA_TO);
	uint32_t count = get_le32(regs + FAKE_DMA_COUNT);

	if (!(fake_get(fn, PCI_COMMAND, 2) & PCI_COMMAND_MASTER) ||
	    from > FAKE_RAM || to > FAKE_RAM || count > FAKE_RAM - from ||
	    count > FAKE_RAM - to)
		return;
	memmove(fn->ram + to, fn->ram + from, count);
	if (fn->enabled[HOST_IRQ_MSIX])
		fake_fire(fn, HOST_IRQ_MSIX, 0);
}

static int fake_region_write(struct host_device *host, unsigned int region,
			     uint64_t offset, const void *buf, size_t len)
{
	struct fake_function *fn = to_fake(host);
	uint8_t *p = locate(fn, region, offset, len);
	int r = fake_step(fn->sweep);

	if (r < 0)
		return r;
	if (!p)
		return -EIO;
	memcpy(p, buf, len);
	if (region == HOST_REGION_CONFIG &&
	    (fake_get(fn, PCI_COMMAND, 2) & PCI_COMMAND_MASTER))
		fn->mastered = true;
	if (region == 4 && offset == FAKE_DMA_COUNT)
		dma_run(fn);
	fn->log[fn->n_log++ % FAKE_LOG] = (struct fake_write) {
		.region = region,
		.offset = offset,
		.len = len,
		.value = get_le(buf, len),
	};
	return 0;
}

static int fake_region_map(struct host_device *host, unsigned int region,
			   uint64_t offset, uint64_t len, void **ret_addr)
{
	struct fake_function *fn = to_fake(host);
	int r = fake_step(fn->sweep);

	if (r < 0)
		return r;
	ck_assert_uint_le(offset + len, fn->region[region].size);
	ck_assert_uint_eq(offset % 4096, 0);
	ck_assert_uint_eq(len % 4096, 0);
	fn->maps++;
	*ret_addr = fn->memory[region] + offset;
	return 0;
}

static void fake_region_unmap(struct host_device *host, void *addr,
			      uint64_t len)
{
	(void)addr;
	(void)len;
	to_fake(host)->maps--;
}

static int irq_set_locked(struct fake_function *fn, enum host_irq_index irq,
			  unsigned int start, unsigned int count,
			  const int *fds)
{
	unsigned int i;

	fn->irq_calls++;
	for (i = 0; i <= HOST_IRQ_MSIX && irq <= HOST_IRQ_MSIX; i++)
		if (i != irq && fn->enabled[i])
			return -EINVAL; /* one kind at a time */
	if (start + count > fn->irq[irq].count)
		return -EINVAL;
	if (fn->enabled[irq] == 0) {
		if (fn->limit && start + count > fn->limit)
			return (int)fn->limit;
		fn->enabled[irq] = start + count;
	} else if (start + count > fn->enabled[irq]) {
		if (fn->irq[irq].noresize)
			return -EINVAL;
		fn->enabled[irq] = start + count;
	}
	for (i = 0; i < count; i++)
		fn->irq_fd[irq][start + i] = fds[i];
	return 0;
}

static int fake_irq_set(struct host_device *host, enum host_irq_index irq,
			unsigned int start, unsigned int count, const int *fds)
{
	struct fake_function *fn = to_fake(host);
	int r = fake_step(fn->sweep);

	if (r < 0)
		return r;
	(void)pthread_mutex_lock(&fn->irq_lock);
	r = irq_set_locked(fn, irq, start, count, fds);
	(void)pthread_mutex_unlock(&fn->irq_lock);
	return r;
}

static int fake_intx_unmask_by(struct host_device *host, int fd)
{
	struct fake_function *fn = to_fake(host);
	int r = fake_step(fn->sweep);

	if (r < 0)
		return r;
	if (!fn->enabled[HOST_IRQ_INTX])
		return -EINVAL;
	fn->unmask_fd = fd;
	return 0;
}

static int fake_irq_disable(struct host_device *host, enum host_irq_index irq)
{
	struct fake_function *fn = to_fake(host);
	unsigned int i;

	ck_assert_uint_ne(fn->enabled[irq], 0);
	(void)pthread_mutex_lock(&fn->irq_lock);
	fn->enabled[irq] = 0;
	for (i = 0; i < FAKE_IRQ_FDS; i++)
		fn->irq_fd[irq][i] = -1;
	(void)pthread_mutex_unlock(&fn->irq_lock);
	if (irq == HOST_IRQ_INTX)
		fn->unmask_fd = -1;
	return 0;
}

static int fake_reset(struct host_device *host)
{
	struct fake_function *fn = to_fake(host);
	int r = fake_step(fn->sweep);

	if (!host->can_reset)
		return -ENOTTY;
	fn->in_reset = true;
	while (fn->stuck || (fn->meet && !fn->meet->in_reset))
		(void)usleep(1000);
	if (fn->reset_errno < 0)
		return fn->reset_errno;
	if (fn->reset_busy > 0) {
		fn->reset_busy--;
		return -EAGAIN;
	}
	if (r < 0)
		return r;
	ck_assert_uint_eq(fake_get(fn, PCI_COMMAND, 2) & PCI_COMMAND_MASTER, 0);
	fn->resets++;
	if (fn->dead)
		memset(fn->config, 0xff, sizeof(fn->config));
	return 0;
}

static int fake_dependents(struct host_device *host,
			   struct host_dependent *ret_others, size_t room)
{
	const struct fake_function *fn = to_fake(host);

	if (fn->dependents_errno < 0)
		return fn->dependents_errno;
	ck_assert_uint_le(fn->n_dependents, room);
	memcpy(ret_others, fn->dependent,
	       fn->n_dependents * sizeof(ret_others[0]));
	return (int)fn->n_dependents;
}

static int fake_bus_reset(struct host_device *host, const int *group_fds,
			  size_t n)
{
	struct fake_function *fn = to_fake(host);

	if (fn->reset_busy > 0) {
		fn->reset_busy--;
		return -EBUSY;
	}
	ck_assert_uint_eq(fake_get(fn, PCI_COMMAND, 2), 0);
	fn->bus_resets++;
	fn->n_group_fds = n;
	if (n)
		memcpy(fn->group_fds, group_fds, n * sizeof(group_fds[0]));
	return fn->reset_errno;
}

static void fake_close(struct host_device *host)
{
	struct fake_function *fn = to_fake(host);
	unsigned int i;

	ck_assert(fn->open);
	ck_assert_int_eq(fn->maps, 0);
	for (i = 0; i < HOST_IRQS; i++)
		ck_assert_uint_eq(fn->enabled[i], 0);
	ck_assert(fn->dead || fn->dead_at_open ||
		  !(fake_get(fn, PCI_COMMAND, 2) & PCI_COMMAND_MASTER));
	fn->open = false;
}

static const struct host_device_ops fake_host_ops = {
	.region_info = fake_region_info,
	.irq_info = fake_irq_info,
	.region_read = fake_region_read,
	.region_write = fake_region_write,
	.region_map = fake_region_map,
	.region_unmap = fake_region_unmap,
	.irq_set = fake_irq_set,
	.intx_unmask_by = fake_intx_unmask_by,
	.irq_disable = fake_irq_disable,
	.reset = fake_reset,
	.dependents = fake_dependents,
	.bus_reset = fake_bus_reset,
	.close = fake_close,
};

static void put_bar(struct fake_function *fn, unsigned int i, uint64_t size,
		    uint32_t flags)
{
	fn->region[i].size = size;
	fn->region[i].readable = true;
	fn->region[i].writable = true;
	if (!(flags & PCI_BASE_ADDRESS_SPACE_IO) && size >= 4096) {
		fn->region[i].n_areas = 1;
		fn->region[i].area[0] = (struct host_area) { 0, size };
	}
	fn->memory[i] = calloc(1, size);
	fake_put(fn, PCI_BASE_ADDRESS_0 + 4 * i, 4, 0xf0000000 | flags);
}

static void put_cap(struct fake_function *fn, unsigned int at, uint8_t id,
		    uint8_t next)
{
	fake_put(fn, at, 2, id | next << 8);
}

static void put_ext_cap(struct fake_function *fn, unsigned int at, uint16_t id,
			unsigned int next)
{
	fake_put(fn, at, 4, id | 1u << 16 | next << 20);
}

static void put_caps(struct fake_function *fn)
{
	fake_put(fn, PCI_CAPABILITY_LIST, 1, FAKE_PM);
	put_cap(fn, FAKE_PM, PCI_CAP_ID_PM, FAKE_MSI);
	fake_put(fn, FAKE_PM + PCI_PM_PMC, 2, 0xfe03);
	put_cap(fn, FAKE_MSI, PCI_CAP_ID_MSI, FAKE_MSIX);
	fake_put(fn, FAKE_MSI + PCI_MSI_FLAGS, 2,
		 PCI_MSI_FLAGS_64BIT | PCI_MSI_FLAGS_MASKBIT | 3 << 1);
	put_cap(fn, FAKE_MSIX, PCI_CAP_ID_MSIX, FAKE_VENDOR);
	fake_put(fn, FAKE_MSIX + PCI_MSIX_FLAGS, 2, FAKE_VECTORS - 1);
	fake_put(fn, FAKE_MSIX + PCI_MSIX_TABLE, 4, FAKE_TABLE);
	fake_put(fn, FAKE_MSIX + PCI_MSIX_PBA, 4, FAKE_PBA);
	put_cap(fn, FAKE_VENDOR, PCI_CAP_ID_VNDR, FAKE_PCIX);
	fake_put(fn, FAKE_VENDOR + 2, 1, 12);
	fake_put(fn, FAKE_VENDOR + 4, 4, 0xcafef00d);
	put_cap(fn, FAKE_PCIX, PCI_CAP_ID_PCIX, FAKE_EXP);
	put_cap(fn, FAKE_EXP, PCI_CAP_ID_EXP, 0);
	fake_put(fn, FAKE_EXP + PCI_EXP_FLAGS, 2, 2);
	fake_put(fn, FAKE_EXP + PCI_EXP_DEVCAP, 4, 0x10008fc2);
	fake_put(fn, FAKE_EXP + PCI_EXP_DEVCTL, 2, 0x2010 | 1 << 5);
	fake_put(fn, FAKE_EXP + PCI_EXP_LNKCAP, 4, 0x01477c83);
	fake_put(fn, FAKE_EXP + PCI_EXP_LNKSTA, 2, 0x1043);
	fake_put(fn, FAKE_EXP + PCI_EXP_DEVCAP2, 4, 0x0070083f);
	fake_put(fn, FAKE_EXP + PCI_EXP_LNKCAP2, 4, 0x0e);

	put_ext_cap(fn, FAKE_EXT_ATS, PCI_EXT_CAP_ID_ATS, FAKE_EXT_AER);
	put_ext_cap(fn, FAKE_EXT_AER, PCI_EXT_CAP_ID_ERR, FAKE_EXT_SRIOV);
	fake_put(fn, FAKE_EXT_AER + PCI_ERR_UNCOR_SEVER, 4, 0x00462030);
	put_ext_cap(fn, FAKE_EXT_SRIOV, PCI_EXT_CAP_ID_SRIOV, FAKE_EXT_DSN);
	put_ext_cap(fn, FAKE_EXT_DSN, PCI_EXT_CAP_ID_DSN, 0);
	fake_put(fn, FAKE_EXT_DSN + 4, 8, 0x0123456789abcdef);
}

void fake_function_init(struct fake_function *fn, struct fake_sweep *sweep)
{
	unsigned int i, v;

	memset(fn, 0, sizeof(*fn));
	fn->host.ops = &fake_host_ops;
	fn->host.can_reset = true;
	fn->sweep = sweep;
	fn->config_size = CONFIG_SIZE;
	fn->unmask_fd = -1;
	(void)pthread_mutex_init(&fn->irq_lock, NULL);
	for (i = 0; i < HOST_IRQS; i++)
		for (v = 0; v < FAKE_IRQ_FDS; v++)
			fn->irq_fd[i][v] = -1;
	fn->irq[HOST_IRQ_INTX] = (struct host_irq) { 1, true, false };
	fn->irq[HOST_IRQ_MSI] = (struct host_irq) { 8, false, true };
	fn->irq[HOST_IRQ_MSIX] =
		(struct host_irq) { FAKE_VECTORS, false, true };
	fn->irq[HOST_IRQ_ERR] = (struct host_irq) { 1, false, true };
	fn->irq[HOST_IRQ_REQ] = (struct host_irq) { 1, false, true };

	fake_put(fn, PCI_VENDOR_ID, 4, 0x56781234);
	/* As the kernel leaves it: decoding; and more than it should. */
	fake_put(fn, PCI_COMMAND, 2,
		 PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
			 PCI_COMMAND_SERR);
	fake_put(fn, PCI_STATUS, 2, 0xf9f0);
	fake_put(fn, PCI_CLASS_REVISION, 4, 0x01080203);
	fake_put(fn, PCI_CACHE_LINE_SIZE, 4, 0x80804010);
	fake_put(fn, PCI_HEADER_TYPE, 1, 0x80);
	fake_put(fn, PCI_CARDBUS_CIS, 4, 0x11111111);
	fake_put(fn, PCI_SUBSYSTEM_VENDOR_ID, 4, 0xdef0abcd);
	fake_put(fn, PCI_ROM_ADDRESS, 4, 0xfff00001);
	fake_put(fn, PCI_INTERRUPT_LINE, 4, 0x0403020b);
	put_bar(fn, 0, FAKE_BAR0_SIZE, 0);
	put_bar(fn, 1, FAKE_BAR1_SIZE, PCI_BASE_ADDRESS_SPACE_IO);
	put_bar(fn, 2, FAKE_BAR2_SIZE,
		PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH);
	fake_put(fn, PCI_BASE_ADDRESS_3, 4, 0x3f);
	put_bar(fn, 4, FAKE_BAR4_SIZE, 0);
	put_caps(fn);
}

void fake_function_fini(struct fake_function *fn)
{
	unsigned int i;

	for (i = 0; i < FAKE_REGIONS; i++)
		free(fn->memory[i]);
	(void)pthread_mutex_destroy(&fn->irq_lock);
}

static void fire_locked(struct fake_function *fn, enum host_irq_index irq,
			unsigned int vector)
{
	const uint64_t one = 1;
	int fd = fn->irq_fd[irq][vector];

	if (fd >= 0)
		ck_assert_int_eq(write(fd, &one, sizeof(one)), sizeof(one));
	else if (irq == HOST_IRQ_MSIX)
		fn->memory[0][FAKE_PBA + vector / 8] |=
			(uint8_t)(1 << vector % 8);
}

void fake_fire(struct fake_function *fn, enum host_irq_index irq,
	       unsigned int vector)
{
	ck_assert_uint_ne(fn->enabled[irq], 0);
	(void)pthread_mutex_lock(&fn->irq_lock);
	fire_locked(fn, irq, vector);
	(void)pthread_mutex_unlock(&fn->irq_lock);
}

enum host_irq_index fake_fire_any(struct fake_function *fn, unsigned int vector)
{
	enum host_irq_index irq, fired = HOST_IRQS;

	(void)pthread_mutex_lock(&fn->irq_lock);
	for (irq = HOST_IRQ_INTX; irq <= HOST_IRQ_MSIX; irq++) {
		unsigned int v = irq == HOST_IRQ_INTX ? 0 : vector;

		if (v >= fn->enabled[irq])
			continue;
		if (fn->irq_fd[irq][v] >= 0)
			fired = irq;
		fire_locked(fn, irq, v);
	}
	(void)pthread_mutex_unlock(&fn->irq_lock);
	return fired;
}

/* ---- the VMM ---- */

static int vmm_map_memory(void *opaque, uint64_t gpa, uint64_t len, void *host,
			  unsigned int *ret_handle)
{
	struct fake_vmm *vmm = opaque;
	int r = fake_step(vmm->sweep);
	unsigned int i, free_slot = FAKE_RANGES, used = 0;

	if (r < 0)
		return r;
	ck_assert_uint_eq(gpa % 4096, 0);
	ck_assert_uint_eq(len % 4096, 0);
	/* The device must decode what the guest can reach. */
	ck_assert(fake_get(vmm->fn, PCI_COMMAND, 2) & PCI_COMMAND_MEMORY);
	if (gpa <= vmm->ram_last)
		return -EEXIST;
	for (i = 0; i < FAKE_RANGES; i++) {
		if (!vmm->map[i].used) {
			free_slot = i;
			continue;
		}
		used++;
		if (ranges_overlap(gpa, gpa + len - 1, vmm->map[i].first,
				   vmm->map[i].last))
			return -EEXIST;
	}
	if (used >= vmm->slots || free_slot == FAKE_RANGES)
		return -ENOSPC;
	vmm->map[free_slot] =
		(struct fake_map) { true, gpa, gpa + len - 1, host };
	*ret_handle = free_slot;
	return 0;
}

static void vmm_unmap_memory(void *opaque, unsigned int handle)
{
	struct fake_vmm *vmm = opaque;

	ck_assert(vmm->map[handle].used);
	ck_assert(vmm->fn->backdoor ||
		  fake_get(vmm->fn, PCI_COMMAND, 2) & PCI_COMMAND_MEMORY);
	vmm->map[handle].used = false;
}

static int vmm_trap(void *opaque, const struct moat_trap *trap)
{
	struct fake_vmm *vmm = opaque;
	int r = fake_step(vmm->sweep);
	unsigned int i, free_slot = FAKE_RANGES;

	if (r < 0)
		return r;
	ck_assert_uint_le(trap->first, trap->last);
	for (i = 0; i < FAKE_RANGES; i++) {
		if (!vmm->trap[i])
			free_slot = i;
		else if (vmm->trap[i]->space == trap->space &&
			 ranges_overlap(trap->first, trap->last,
					vmm->trap[i]->first, vmm->trap[i]->last))
			return -EEXIST;
	}
	ck_assert_uint_ne(free_slot, FAKE_RANGES);
	vmm->trap[free_slot] = trap;
	return 0;
}

static void vmm_untrap(void *opaque, const struct moat_trap *trap)
{
	struct fake_vmm *vmm = opaque;
	unsigned int i;

	for (i = 0; i < FAKE_RANGES; i++)
		if (vmm->trap[i] == trap) {
			vmm->trap[i] = NULL;
			return;
		}
	ck_abort_msg("untrap of what was never trapped");
}

static int vmm_intx_connect(void *opaque, unsigned int pin, int trigger_fd,
			    int resample_fd)
{
	struct fake_vmm *vmm = opaque;
	int r = fake_step(vmm->sweep);

	if (r < 0)
		return r;
	ck_assert_uint_eq(vmm->pin, 0);
	ck_assert(pin >= 1 && pin <= 4);
	vmm->pin = pin;
	vmm->trigger_fd = trigger_fd;
	vmm->resample_fd = resample_fd;
	return 0;
}

static void vmm_intx_disconnect(void *opaque, unsigned int pin, int trigger_fd)
{
	struct fake_vmm *vmm = opaque;

	ck_assert_uint_eq(vmm->pin, pin);
	ck_assert_int_eq(vmm->trigger_fd, trigger_fd);
	vmm->pin = 0;
}

static int vmm_msi_connect(void *opaque, int trigger_fd,
			   const struct moat_msi_msg *msg,
			   unsigned int *ret_route)
{
	struct fake_vmm *vmm = opaque;
	int r = fake_step(vmm->sweep);
	unsigned int i;

	if (r < 0)
		return r;
	for (i = 0; i < FAKE_ROUTES; i++)
		ck_assert(!vmm->staged[i].used ||
			  vmm->staged[i].fd != trigger_fd);
	for (i = 0; i < FAKE_ROUTES; i++)
		if (!vmm->staged[i].used && !vmm->live[i].used)
			break;
	if (i == FAKE_ROUTES)
		return -ENOSPC;
	vmm->staged[i] = (struct fake_route) { true, trigger_fd, *msg };
	*ret_route = i;
	return 0;
}

static int vmm_msi_update(void *opaque, unsigned int route,
			  const struct moat_msi_msg *msg)
{
	struct fake_vmm *vmm = opaque;
	int r = fake_step(vmm->sweep);

	if (r < 0)
		return r;
	ck_assert(vmm->staged[route].used);
	vmm->staged[route].msg = *msg;
	return 0;
}

static void vmm_msi_disconnect(void *opaque, unsigned int route)
{
	struct fake_vmm *vmm = opaque;

	ck_assert(vmm->staged[route].used);
	vmm->staged[route].used = false;
}

static int vmm_msi_commit(void *opaque)
{
	struct fake_vmm *vmm = opaque;
	int r = fake_step(vmm->sweep);

	vmm->commits++;
	if (r < 0)
		memcpy(vmm->staged, vmm->live, sizeof(vmm->staged));
	else
		memcpy(vmm->live, vmm->staged, sizeof(vmm->live));
	return r;
}

static void vmm_event(void *opaque, enum moat_event event, const char *detail)
{
	struct fake_vmm *vmm = opaque;

	ck_assert_ptr_nonnull(detail);
	vmm->events++;
	vmm->event = event;
}

static int vmm_work_add(void *opaque, const struct moat_vcpu_work *work)
{
	struct fake_vmm *vmm = opaque;
	int r = fake_step(vmm->sweep);

	if (r < 0)
		return r;
	ck_assert_ptr_null(vmm->work);
	vmm->work = work;
	return 0;
}

static void vmm_work_run(void *opaque, const struct moat_vcpu_work *work)
{
	struct fake_vmm *vmm = opaque;

	ck_assert_ptr_eq(vmm->work, work);
	work->run(work->opaque);
}

static void vmm_work_remove(void *opaque, const struct moat_vcpu_work *work)
{
	struct fake_vmm *vmm = opaque;

	ck_assert_ptr_eq(vmm->work, work);
	vmm->work = NULL;
}

static bool vmm_thread_begin(void *opaque)
{
	struct fake_vmm *vmm = opaque;

	vmm->n_begun++;
	vmm->begun = pthread_self();
	return !vmm->crowded;
}

static int vmm_msi_cpu(void *opaque, const struct moat_msi_msg *msg)
{
	struct fake_vmm *vmm = opaque;
	unsigned int cpu = msg->data & 0xff;

	vmm->cpu_questions++;
	return cpu == 0xff ? -1 : (int)cpu;
}

const struct moat_vmm_ops fake_vmm_ops = {
	.map_memory = vmm_map_memory,
	.unmap_memory = vmm_unmap_memory,
	.trap = vmm_trap,
	.untrap = vmm_untrap,
	.intx_connect = vmm_intx_connect,
	.intx_disconnect = vmm_intx_disconnect,
	.msi_connect = vmm_msi_connect,
	.msi_update = vmm_msi_update,
	.msi_disconnect = vmm_msi_disconnect,
	.msi_commit = vmm_msi_commit,
	.vcpu_work_add = vmm_work_add,
	.vcpu_work_run = vmm_work_run,
	.vcpu_work_remove = vmm_work_remove,
	.msi_cpu = vmm_msi_cpu,
	.thread_begin = vmm_thread_begin,
	.event = vmm_event,
};

void fake_vmm_init(struct fake_vmm *vmm, struct fake_function *fn)
{
	memset(vmm, 0, sizeof(*vmm));
	vmm->fn = fn;
	vmm->sweep = fn->sweep;
	vmm->ram_last = 0x7fffffff;
	vmm->slots = FAKE_RANGES;
}

bool fake_vmm_is_empty(const struct fake_vmm *vmm)
{
	unsigned int i;

	for (i = 0; i < FAKE_RANGES; i++)
		if (vmm->map[i].used || vmm->trap[i])
			return false;
	for (i = 0; i < FAKE_ROUTES; i++)
		if (vmm->live[i].used || vmm->staged[i].used)
			return false;
	return vmm->pin == 0;
}

void *fake_vmm_direct(const struct fake_vmm *vmm, uint64_t gpa)
{
	unsigned int i;

	for (i = 0; i < FAKE_RANGES; i++)
		if (vmm->map[i].used && gpa >= vmm->map[i].first &&
		    gpa <= vmm->map[i].last)
			return (uint8_t *)vmm->map[i].host +
			       (gpa - vmm->map[i].first);
	return NULL;
}

static const struct moat_trap *find_trap(const struct fake_vmm *vmm,
					 enum moat_trap_space space,
					 uint64_t addr, unsigned int size)
{
	unsigned int i;

	for (i = 0; i < FAKE_RANGES; i++)
		if (vmm->trap[i] && vmm->trap[i]->space == space &&
		    addr >= vmm->trap[i]->first &&
		    addr + size - 1 <= vmm->trap[i]->last)
			return vmm->trap[i];
	return NULL;
}

uint64_t fake_vmm_read(const struct fake_vmm *vmm, enum moat_trap_space space,
		       uint64_t addr, unsigned int size)
{
	const struct moat_trap *trap = find_trap(vmm, space, addr, size);

	return trap ? trap->read(trap->opaque, addr - trap->first, size)
		    : all_ones(size);
}

void fake_vmm_write(const struct fake_vmm *vmm, enum moat_trap_space space,
		    uint64_t addr, unsigned int size, uint64_t value)
{
	const struct moat_trap *trap = find_trap(vmm, space, addr, size);

	if (trap)
		trap->write(trap->opaque, addr - trap->first, size, value);
}

int fake_vmm_delivered(struct fake_vmm *vmm, uint32_t data)
{
	uint64_t count;
	unsigned int i;

	for (i = 0; i < FAKE_ROUTES; i++) {
		if (!vmm->live[i].used || vmm->live[i].msg.data != data)
			continue;
		if (read(vmm->live[i].fd, &count, sizeof(count)) < 0)
			return 0;
		return (int)count;
	}
	return -1;
}

/* ---- the host's side of opening ---- */

/* The table has no place for a fixture of its own: the one being opened. */
static struct fixture *current;
static struct fixture *fixtures; /* all of them */

static struct fixture *fixture_of(struct moat_bdf bdf)
{
	struct fixture *fx = fixtures;

	while (fx && !moat_bdf_equal(fx->spec.host, bdf))
		fx = fx->next;
	ck_assert_ptr_nonnull(fx);
	return fx;
}

static int claim_read(const struct moat_host *host, struct moat_bdf bdf,
		      struct moat_host_pci *ret_fn, struct moat_err *err)
{
	int r = fake_step(current->fn.sweep);

	(void)host;
	if (r < 0)
		return moat_fail(err, r, "reading failed");
	memset(ret_fn, 0, sizeof(*ret_fn));
	ret_fn->bdf = bdf;
	(void)strcpy(ret_fn->driver, "vfio-pci");
	return 0;
}

static int claim_group(const struct moat_host *host, struct moat_bdf bdf,
		       bool *ret_noiommu)
{
	ck_assert_ptr_nonnull(host);
	*ret_noiommu = false;
	return bdf.bus;
}

/* The other function: first on its driver, then on none, then on VFIO. */
static int claim_driver(const struct moat_host *host, struct moat_bdf bdf,
			char ret_driver[MOAT_DRIVER_MAX])
{
	ck_assert_ptr_nonnull(host);
	(void)strcpy(ret_driver, "vfio-pci");
	if (bdf.fn != 0 && current->foreign_reads > 0) {
		current->foreign_reads--;
		(void)strcpy(ret_driver,
			     current->foreign_reads > 1 ? "foreign" : "");
	}
	return 0;
}

static int claim_verdict(const struct moat_host *host,
			 const struct moat_host_pci *fn,
			 const struct moat_host_pci_plan *plan,
			 struct moat_err *err)
{
	int r = fake_step(current->fn.sweep);

	(void)host;
	(void)fn;
	ck_assert_ptr_eq(plan->same_guest, current->params.same_guest);
	ck_assert_uint_eq(plan->n_same_guest, current->params.n_same_guest);
	ck_assert_int_eq(plan->managed, current->spec.managed);
	ck_assert_int_eq(plan->force, current->params.force);
	ck_assert_int_eq(plan->unfenced, current->spec.dma == MOAT_DMA_NONE);
	if (r == 0)
		r = current->verdict;
	return r < 0 ? moat_fail(err, r, "not assignable") : 0;
}

static int claim_bind(const struct moat_host *host, struct moat_bdf bdf,
		      unsigned int flags, bool *ret_bound, struct moat_err *err)
{
	int r = fake_step(current->fn.sweep);

	(void)host;
	current->bind_flags = flags;
	ck_assert(moat_bdf_equal(bdf, current->spec.host));
	if (r < 0)
		return moat_fail(err, r, "binding failed");
	*ret_bound = !current->is_bound;
	if (*ret_bound)
		current->bound++;
	return 0;
}

static int claim_release(const struct moat_host *host, struct moat_bdf bdf,
			 struct moat_err *err)
{
	struct fixture *fx = fixture_of(bdf);

	(void)host;
	(void)err;
	ck_assert_int_eq(fx->attached, 0);
	fx->bound--;
	return 0;
}

static int claim_attach(struct moat_ioas *ioas, struct moat_bdf bdf,
			const char *vf_token, int *ret_device_fd,
			struct moat_err *err)
{
	int r = fake_step(current->fn.sweep);

	(void)ioas;
	if (current->spec.vf_token[0])
		ck_assert_str_eq(vf_token, current->spec.vf_token);
	else
		ck_assert_ptr_null(vf_token);
	(void)bdf;
	if (r == 0 && current->attach_calls++ < current->attach_refusals)
		r = -EINVAL;
	if (r == 0)
		ck_assert_uint_eq(current->foreign_reads, 0);
	if (r < 0)
		return moat_fail(err, r, "attaching failed");
	*ret_device_fd = current->unfenced ? -1 : eventfd(0, EFD_CLOEXEC);
	ck_assert(current->unfenced || *ret_device_fd >= 0);
	current->attached++;
	return 0;
}

static void claim_detach(struct moat_ioas *ioas, struct moat_bdf bdf)
{
	struct fixture *fx = fixture_of(bdf);

	(void)ioas;
	ck_assert(!fx->fn.open);
	fx->attached--;
}

static int claim_host_open(int fd, struct host_device **ret_host,
			   struct moat_err *err)
{
	int r = fake_step(current->fn.sweep);

	if (r < 0)
		return moat_fail(err, r, "opening failed");
	if (fd >= 0)
		(void)close(fd);
	memcpy(current->fn.ids, current->fn.config, sizeof(current->fn.ids));
	if (current->fn.dead_at_open)
		memset(current->fn.config, 0xff, sizeof(current->fn.config));
	current->fn.open = true;
	*ret_host = &current->fn.host;
	return 0;
}

static int claim_group_fd(struct moat_ioas *ioas, unsigned int group)
{
	(void)ioas;
	for (const struct fixture *fx = fixtures; fx; fx = fx->next)
		if (fx->attached && fx->group == group)
			return 1000 + (int)group;
	return -ENOENT;
}

static int claim_host_open_uio(const struct moat_host *host,
			       struct moat_bdf bdf,
			       struct host_device **ret_host,
			       struct moat_err *err)
{
	(void)host;
	(void)bdf;
	ck_assert(current->unfenced);
	return claim_host_open(-1, ret_host, err);
}

static bool claim_is_fence(const struct moat_ioas *ioas)
{
	(void)ioas;
	return !current->unfenced;
}

static int claim_irq_users(const struct moat_host *host, struct moat_bdf bdf,
			   char *buf, size_t size)
{
	(void)host;
	(void)bdf;
	if (!current->irq_users)
		return -ENOENT;
	(void)snprintf(buf, size, "%s", current->irq_users);
	return 0;
}

static int claim_ports(const struct moat_host *host, struct moat_bdf bdf,
		       unsigned int bar, unsigned int len, uint16_t *ret_first,
		       struct moat_err *err)
{
	int r = fake_step(current->fn.sweep);

	(void)host;
	(void)bdf;
	if (r < 0)
		return moat_fail(err, r, "no ports");
	ck_assert_uint_eq(bar, 1);
	ck_assert_uint_eq(len, FAKE_BAR1_SIZE);
	*ret_first = FAKE_PORTS;
	return 0;
}

struct fake_pio fake_pio;
static _Thread_local bool permitted;

static int pio_permit(uint16_t first, unsigned int len, bool on)
{
	int r = atomic_load(&fake_pio.error);

	ck_assert_uint_eq(first, FAKE_PORTS);
	ck_assert_uint_eq(len, FAKE_BAR1_SIZE);
	if (on && r < 0)
		return r;
	if (on && !permitted)
		atomic_fetch_add(&fake_pio.permitted, 1);
	else if (!on && permitted)
		atomic_fetch_sub(&fake_pio.permitted, 1);
	permitted = on;
	return 0;
}

static uint8_t *pio_locate(uint16_t port, unsigned int size)
{
	struct fake_function *fn = &current->fn;

	ck_assert(permitted);
	ck_assert(fake_get(fn, PCI_COMMAND, 2) & PCI_COMMAND_IO);
	ck_assert(size == 1 || size == 2 || size == 4);
	ck_assert_uint_eq(port % size, 0);
	ck_assert_uint_ge(port, FAKE_PORTS);
	ck_assert_uint_le(port + size, FAKE_PORTS + FAKE_BAR1_SIZE);
	atomic_fetch_add(&fake_pio.accesses, 1);
	fake_pio.last = pthread_self();
	return fn->memory[1] + (port - FAKE_PORTS);
}

static uint32_t pio_in(uint16_t port, unsigned int size)
{
	return (uint32_t)get_le(pio_locate(port, size), size);
}

static void pio_out(uint16_t port, unsigned int size, uint32_t value)
{
	put_le(pio_locate(port, size), size, value);
}

static void pio_relax(void)
{
	(void)sched_yield();
}

static const struct pio_ops fake_pio_ops = {
	.permit = pio_permit,
	.in = pio_in,
	.out = pio_out,
	.relax = pio_relax,
};

const struct device_claim_ops fake_claim_ops = {
	.read = claim_read,
	.verdict = claim_verdict,
	.bind = claim_bind,
	.release = claim_release,
	.group = claim_group,
	.driver = claim_driver,
	.attach = claim_attach,
	.detach = claim_detach,
	.is_fence = claim_is_fence,
	.host_open = claim_host_open,
	.host_open_uio = claim_host_open_uio,
	.ports = claim_ports,
	.pio = &fake_pio_ops,
	.group_fd = claim_group_fd,
	.reset_ms = 2000,
	.close_ms = 50,
	.irq_users = claim_irq_users,
};

void fixture_init(struct fixture *fx)
{
	memset(fx, 0, sizeof(*fx));
	fx->next = fixtures;
	fixtures = current = fx;
	memset(&fake_pio, 0, sizeof(fake_pio));
	fake_function_init(&fx->fn, &fx->sweep);
	fake_vmm_init(&fx->vmm, &fx->fn);
	fx->spec.host.bus = 4;
	fx->spec.host.dev = 8;
	fx->spec.managed = true;
	(void)strcpy(fx->spec.name, "disk");
	fx->params.spec = &fx->spec;
	fx->params.same_guest = &fx->spec.host;
	fx->params.n_same_guest = 1;
	moat_log_set_level(MOAT_LOG_ERROR);
}

void fixture_fini(struct fixture *fx)
{
	struct fixture **at = &fixtures;

	moat_device_close(fx->dev);
	fx->dev = NULL;
	ck_assert(fixture_is_clean(fx));
	ck_assert(fake_vmm_is_empty(&fx->vmm));
	ck_assert_ptr_null(fx->vmm.work);
	ck_assert_uint_eq(fake_pio.permitted, 0);
	fake_function_fini(&fx->fn);
	while (*at != fx)
		at = &(*at)->next;
	*at = fx->next;
}

int fixture_open(struct fixture *fx)
{
	current = fx;
	return device_open_with(&fake_claim_ops, &fx->params, &fx->dev,
				&fx->err);
}

void fixture_start(struct fixture *fx)
{
	ck_assert_int_eq(fixture_open(fx), 0);
	ck_assert_int_eq(moat_device_plug(fx->dev, &fake_vmm_ops, &fx->vmm,
					  MOAT_PLUG_PCIE, &fx->err),
			 0);
	moat_device_arm(fx->dev);
}

bool fixture_is_clean(const struct fixture *fx)
{
	return !fx->attached && !fx->bound && !fx->fn.open && !fx->fn.maps;
}

unsigned int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n;
}
