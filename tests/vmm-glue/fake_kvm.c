// SPDX-License-Identifier: GPL-2.0-or-later
/* A KVM in memory, see fake_kvm.h. */
#include <check.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/util.h"
#include "tests/vmm-glue/fake_kvm.h"

/* Numbers that no real fd of a test has. */
#define FD_DEV	 1000
#define FD_VM	 1001
#define FD_VFIO	 1002
#define FD_VCPU0 1100

static int fails(struct fake_kvm *fake)
{
	fake->n_calls++;
	if (fake->fail_at == 0 || --fake->fail_at > 0)
		return 0;
	return fake->fail_with;
}

static int fake_open(void *opaque, const char *path)
{
	struct fake_kvm *fake = opaque;
	int r = fails(fake);

	ck_assert_str_eq(path, "/dev/kvm");
	if (r == 0)
		r = fake->open_error;
	if (r < 0)
		return r;
	ck_assert(!fake->dev_open);
	fake->dev_open = true;
	return FD_DEV;
}

static void fake_close(void *opaque, int fd)
{
	struct fake_kvm *fake = opaque;
	bool *open = fd == FD_DEV    ? &fake->dev_open
		     : fd == FD_VM   ? &fake->vm_open
		     : fd == FD_VFIO ? &fake->vfio_open
				     : &fake->vcpu[fd - FD_VCPU0].open;

	ck_assert_msg(*open, "fd %d is closed twice", fd);
	*open = false;
}

static int fake_map(void *opaque, int fd, size_t len, void **ret_addr)
{
	struct fake_kvm *fake = opaque;
	struct fake_vcpu *vcpu = &fake->vcpu[fd - FD_VCPU0];
	int r = fails(fake);

	if (r < 0)
		return r;
	ck_assert_uint_eq(len, FAKE_RUN_LEN);
	ck_assert(vcpu->open && !vcpu->mapped);
	vcpu->mapped = true;
	*ret_addr = vcpu->run_page;
	return 0;
}

static void fake_unmap(void *opaque, void *addr, size_t len)
{
	struct fake_kvm *fake = opaque;

	ck_assert_uint_eq(len, FAKE_RUN_LEN);
	for (unsigned int i = 0; i < FAKE_VCPUS; i++)
		if (fake->vcpu[i].run_page == addr) {
			ck_assert(fake->vcpu[i].mapped);
			fake->vcpu[i].mapped = false;
			return;
		}
	ck_abort_msg("unmap of what was never mapped");
}

static int check_extension(struct fake_kvm *fake, long cap)
{
	if (cap == fake->missing_cap)
		return 0;
	switch (cap) {
	case KVM_CAP_NR_MEMSLOTS:
		return FAKE_SLOTS;
	case KVM_CAP_IRQ_ROUTING:
		return FAKE_ROUTES;
	case KVM_CAP_MAX_VCPUS:
		return FAKE_VCPUS;
	case KVM_CAP_XSAVE2:
		return sizeof(struct kvm_xsave);
	case KVM_CAP_NESTED_STATE:
		return sizeof(struct kvm_nested_state) + 4096;
	default:
		return 1;
	}
}

static int get_cpuid(struct fake_kvm *fake, struct kvm_cpuid2 *cpuid)
{
	if (cpuid->nent < fake->n_supported)
		return -E2BIG;
	cpuid->nent = fake->n_supported;
	memcpy(cpuid->entries, fake->supported,
	       fake->n_supported * sizeof(fake->supported[0]));
	return 0;
}

/* MSR numbers that mean nothing, but for the first two. */
static uint32_t msr_index(unsigned int i)
{
	return i == 0 ? 0x10 : i == 1 ? 0x1a0 : 0x4b564d00 + i;
}

/* Every 50th cannot be read, every 70th not be written, as in KVM's list. */
static uint64_t *msr(struct fake_vcpu *vcpu, uint32_t index, bool write)
{
	/* The kernel warns of a range that changes while they are on. */
	if (write && index >= FAKE_MTRR && index < FAKE_MTRR + 16)
		ck_assert(!(vcpu->mtrr[0x2ff - FAKE_MTRR] & 0x800));
	if (index - FAKE_MTRR < FAKE_MTRRS)
		return &vcpu->mtrr[index - FAKE_MTRR];
	for (unsigned int i = 0; i < FAKE_MSRS; i++)
		if (msr_index(i) == index)
			return (write ? i % 70 == 69 : i % 50 == 49)
				       ? NULL
				       : &vcpu->msr[i];
	return NULL;
}

static int get_msr_list(struct kvm_msr_list *list)
{
	uint32_t room = list->nmsrs;

	list->nmsrs = FAKE_MSRS;
	if (room < FAKE_MSRS)
		return -E2BIG;
	for (unsigned int i = 0; i < FAKE_MSRS; i++)
		list->indices[i] = msr_index(i);
	return 0;
}

static int transfer_msrs(const struct fake_kvm *fake, struct fake_vcpu *vcpu,
			 struct kvm_msrs *msrs, bool write)
{
	if (msrs->nmsrs >= 256)
		return -E2BIG;
	for (uint32_t i = 0; i < msrs->nmsrs; i++) {
		struct kvm_msr_entry *entry = &msrs->entries[i];
		uint64_t *value = msr(vcpu, entry->index, write);

		if (!value || entry->index == fake->refused_msr)
			return (int)i;
		if (write)
			*value = entry->data;
		else
			entry->data = *value;
	}
	return (int)msrs->nmsrs;
}

static int dev_ioctl(struct fake_kvm *fake, unsigned long request, void *arg)
{
	switch (request) {
	case KVM_GET_API_VERSION:
		return fake->api_version;
	case KVM_CHECK_EXTENSION:
		return check_extension(fake, (long)(uintptr_t)arg);
	case KVM_GET_VCPU_MMAP_SIZE:
		return FAKE_RUN_LEN;
	case KVM_GET_SUPPORTED_CPUID:
		return get_cpuid(fake, arg);
	case KVM_GET_MSR_INDEX_LIST:
		return get_msr_list(arg);
	case KVM_CREATE_VM:
		ck_assert(!fake->vm_open);
		fake->vm_open = true;
		return FD_VM;
	default:
		ck_abort_msg("ioctl %#lx of /dev/kvm", request);
	}
	return -ENOTTY;
}

static bool overlaps(const struct kvm_userspace_memory_region *a,
		     const struct kvm_userspace_memory_region *b)
{
	return a->memory_size && b->memory_size &&
	       ranges_overlap(a->guest_phys_addr,
			      a->guest_phys_addr + a->memory_size - 1,
			      b->guest_phys_addr,
			      b->guest_phys_addr + b->memory_size - 1);
}

static int set_region(struct fake_kvm *fake,
		      const struct kvm_userspace_memory_region *region)
{
	ck_assert_uint_lt(region->slot, FAKE_SLOTS);
	/* KVM cannot change a slot's size in place. */
	if (fake->slot[region->slot].memory_size && region->memory_size)
		return -EINVAL;
	for (unsigned int i = 0; i < FAKE_SLOTS; i++)
		if (i != region->slot && overlaps(&fake->slot[i], region))
			return -EEXIST;
	fake->slot[region->slot] = *region;
	return 0;
}

static int set_routing(struct fake_kvm *fake,
		       const struct kvm_irq_routing *table)
{
	if (table->nr > FAKE_ROUTES)
		return -EINVAL;
	memcpy(fake->route, table->entries,
	       table->nr * sizeof(table->entries[0]));
	fake->n_routes = table->nr;
	fake->routings_set++;
	return 0;
}

/* As KVM: one eventfd at one GSI only. */
static int set_irqfd(struct fake_kvm *fake, const struct kvm_irqfd *irqfd)
{
	bool gone = irqfd->flags & KVM_IRQFD_FLAG_DEASSIGN;

	for (unsigned int i = 0; i < fake->n_irqfds; i++) {
		if (fake->irqfd[i].fd != irqfd->fd)
			continue;
		if (!gone)
			return -EBUSY;
		ck_assert_uint_eq(fake->irqfd[i].gsi, irqfd->gsi);
		fake->irqfd[i] = fake->irqfd[--fake->n_irqfds];
		return 0;
	}
	if (gone)
		ck_abort_msg("an irqfd is taken away twice");
	ck_assert_uint_lt(fake->n_irqfds, FAKE_IRQFDS);
	fake->irqfd[fake->n_irqfds++] = *irqfd;
	return 0;
}

static int create_vcpu(struct fake_kvm *fake, uintptr_t id)
{
	struct fake_vcpu *vcpu;

	ck_assert_uint_lt(id, FAKE_VCPUS);
	ck_assert(fake->irqchip && fake->identity_map);
	vcpu = &fake->vcpu[id];
	ck_assert(!vcpu->open);
	vcpu->open = true;
	return FD_VCPU0 + (int)id;
}

static int create_device(struct fake_kvm *fake, struct kvm_create_device *dev)
{
	ck_assert_uint_eq(dev->type, KVM_DEV_TYPE_VFIO);
	ck_assert(!fake->vfio_open);
	fake->vfio_open = true;
	dev->fd = FD_VFIO;
	return 0;
}

static int vm_ioctl(struct fake_kvm *fake, unsigned long request, void *arg)
{
	switch (request) {
	case KVM_SET_IDENTITY_MAP_ADDR:
		fake->identity_map = *(uint64_t *)arg;
		return 0;
	case KVM_SET_TSS_ADDR:
		fake->tss = (uintptr_t)arg;
		return 0;
	case KVM_CREATE_IRQCHIP:
		fake->irqchip = true;
		return 0;
	case KVM_CREATE_PIT2:
		fake->pit = true;
		return 0;
	case KVM_GET_IRQCHIP:
	case KVM_GET_PIT2:
		return 0;
	case KVM_SET_IRQCHIP:
		fake->irqchips_set++;
		return 0;
	case KVM_SET_PIT2:
		fake->pits_set++;
		return 0;
	case KVM_IRQ_LINE:
		fake->line = *(struct kvm_irq_level *)arg;
		return 0;
	case KVM_SET_USER_MEMORY_REGION:
		return set_region(fake, arg);
	case KVM_SET_GSI_ROUTING:
		return set_routing(fake, arg);
	case KVM_IRQFD:
		return set_irqfd(fake, arg);
	case KVM_CREATE_VCPU:
		return create_vcpu(fake, (uintptr_t)arg);
	case KVM_CREATE_DEVICE:
		return create_device(fake, arg);
	default:
		ck_abort_msg("ioctl %#lx of the VM", request);
	}
	return -ENOTTY;
}

static int vfio_ioctl(struct fake_kvm *fake, unsigned long request,
		      const struct kvm_device_attr *attr)
{
	int fd = *(int *)(uintptr_t)attr->addr;

	ck_assert_uint_eq(request, KVM_SET_DEVICE_ATTR);
	ck_assert_uint_eq(attr->group, KVM_DEV_VFIO_GROUP);
	if (attr->attr == KVM_DEV_VFIO_GROUP_ADD) {
		ck_assert_uint_lt(fake->n_vfio_files, FAKE_FILES);
		fake->vfio_file[fake->n_vfio_files++] = fd;
		return 0;
	}
	for (unsigned int i = 0; i < fake->n_vfio_files; i++)
		if (fake->vfio_file[i] == fd) {
			fake->vfio_file[i] =
				fake->vfio_file[--fake->n_vfio_files];
			return 0;
		}
	return -ENOENT;
}

static int run(struct fake_vcpu *vcpu)
{
	struct kvm_run *shared = (struct kvm_run *)vcpu->run_page;

	vcpu->n_runs++;
	if (__atomic_load_n(&shared->immediate_exit, __ATOMIC_ACQUIRE))
		return -EINTR;
	if (vcpu->guest)
		return vcpu->guest(vcpu, shared);
	(void)usleep(1000);
	return -EINTR;
}

static int vcpu_ioctl(const struct fake_kvm *fake, struct fake_vcpu *vcpu,
		      unsigned long request, void *arg)
{
	struct kvm_cpuid2 *cpuid = arg;

	ck_assert(vcpu->open);
	switch (request) {
	case KVM_SET_CPUID2:
		vcpu->n_cpuid = cpuid->nent;
		memcpy(vcpu->cpuid, cpuid->entries,
		       cpuid->nent * sizeof(vcpu->cpuid[0]));
		return 0;
	case KVM_GET_MSRS:
		return transfer_msrs(fake, vcpu, arg, false);
	case KVM_SET_MSRS:
		return transfer_msrs(fake, vcpu, arg, true);
	case KVM_GET_REGS:
		*(struct kvm_regs *)arg = vcpu->regs;
		return 0;
	case KVM_SET_REGS:
		vcpu->regs = *(struct kvm_regs *)arg;
		return 0;
	case KVM_GET_SREGS:
		*(struct kvm_sregs *)arg = vcpu->sregs;
		return 0;
	case KVM_SET_SREGS:
		vcpu->sregs = *(struct kvm_sregs *)arg;
		return 0;
	case KVM_GET_MP_STATE:
		*(struct kvm_mp_state *)arg = vcpu->mp_state;
		return 0;
	case KVM_SET_MP_STATE:
		vcpu->mp_state = *(struct kvm_mp_state *)arg;
		return 0;
	case KVM_GET_LAPIC:
	case KVM_SET_LAPIC:
	case KVM_GET_XSAVE:
	case KVM_SET_XSAVE:
	case KVM_GET_XCRS:
	case KVM_SET_XCRS:
	case KVM_GET_DEBUGREGS:
	case KVM_SET_DEBUGREGS:
	case KVM_GET_VCPU_EVENTS:
	case KVM_SET_VCPU_EVENTS:
	case KVM_GET_NESTED_STATE:
	case KVM_SET_NESTED_STATE:
		return 0;
	default:
		ck_abort_msg("ioctl %#lx of a vCPU", request);
	}
	return -ENOTTY;
}

static int fake_ioctl(void *opaque, int fd, unsigned long request, void *arg)
{
	struct fake_kvm *fake = opaque;
	int r;

	/* Without the lock: the guest takes its time. */
	if (request == KVM_RUN)
		return run(&fake->vcpu[fd - FD_VCPU0]);
	(void)pthread_mutex_lock(&fake->lock);
	r = request == KVM_CHECK_EXTENSION ? 0 : fails(fake);
	if (r == 0 && request == fake->fail_request &&
	    fake->fail_request_after-- == 0)
		r = fake->fail_with;
	if (r == 0)
		r = fd == FD_DEV  ? dev_ioctl(fake, request, arg)
		    : fd == FD_VM ? vm_ioctl(fake, request, arg)
		    : fd == FD_VFIO
			    ? vfio_ioctl(fake, request, arg)
			    : vcpu_ioctl(fake, &fake->vcpu[fd - FD_VCPU0],
					 request, arg);
	(void)pthread_mutex_unlock(&fake->lock);
	return r;
}

void fake_kvm_init(struct fake_kvm *fake)
{
	memset(fake, 0, sizeof(*fake));
	(void)pthread_mutex_init(&fake->lock, NULL);
	fake->sys = (struct kvm_sys) {
		.open = fake_open,
		.close = fake_close,
		.ioctl = fake_ioctl,
		.map = fake_map,
		.unmap = fake_unmap,
		.opaque = fake,
	};
	fake->fail_with = -EIO;
	fake->missing_cap = -1;
	fake->api_version = KVM_API_VERSION;
	fake->supported[0] =
		(struct kvm_cpuid_entry2) { .function = 0, .eax = 0x1f };
	fake->supported[1] = (struct kvm_cpuid_entry2) { .function = 0x80000008,
							 .eax = 0x3027 };
	fake->n_supported = 2;
}

bool fake_kvm_is_clean(const struct fake_kvm *fake)
{
	for (unsigned int i = 0; i < FAKE_VCPUS; i++)
		if (fake->vcpu[i].open || fake->vcpu[i].mapped)
			return false;
	return !fake->dev_open && !fake->vm_open && !fake->vfio_open;
}

const struct kvm_irq_routing_msi *fake_kvm_msi(const struct fake_kvm *fake,
					       uint32_t gsi)
{
	for (uint32_t i = 0; i < fake->n_routes; i++)
		if (fake->route[i].gsi == gsi &&
		    fake->route[i].type == KVM_IRQ_ROUTING_MSI)
			return &fake->route[i].u.msi;
	return NULL;
}

int fake_kvm_gsi_of(const struct fake_kvm *fake, int fd)
{
	for (unsigned int i = 0; i < fake->n_irqfds; i++)
		if (fake->irqfd[i].fd == (uint32_t)fd)
			return (int)fake->irqfd[i].gsi;
	return -1;
}
