// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One vCPU's registers, see vcpu_state.h.
 *
 * KVM has no reset of its own for a vCPU that user space could ask for, and
 * a vCPU cannot be made twice. So its state is read once after it is made,
 * before it ever ran, and put back at each reset.
 *
 * Two registers are not put back as they were. The time stamp counter goes on
 * over a reset: a write of 0 by the host makes KVM bring it in step with the
 * other vCPUs' (kvm_synchronize_tsc). And what KVM refuses to take back is
 * skipped: its list names registers that only read.
 *
 * Power-on here is what firmware would leave behind, where a kernel builds
 * on that: the memory types (MTRRs).
 */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <moat/log.h>

#include "common/util.h"
#include "vmm-glue/kvm_sys.h"
#include "vmm-glue/layout.h"
#include "vmm-glue/vcpu_state.h"

#define MSR_IA32_TSC		0x10
#define MSR_IA32_MISC_ENABLE	0x1a0
#define MISC_ENABLE_FAST_STRING 1

/* SDM vol. 3A, section 12.11 "Memory Type Range Registers". */
#define MSR_MTRR_PHYSBASE(i) (0x200 + 2 * (i))
#define MSR_MTRR_PHYSMASK(i) (0x201 + 2 * (i))
#define MSR_MTRR_DEF_TYPE    0x2ff
#define MTRR_DEF_TYPE_ENABLE (UINT64_C(1) << 11)
#define MTRR_PHYSMASK_VALID  (UINT64_C(1) << 11)
#define MTRR_UC		     0
#define MTRR_WB		     6

/* What KVM takes in one KVM_GET_MSRS or KVM_SET_MSRS is 255 at most. */
#define MSRS_AT_ONCE 128

#define CR0_PE	     (UINT64_C(1) << 0)
#define CR0_ET	     (UINT64_C(1) << 4)
#define CR0_NE	     (UINT64_C(1) << 5)
#define CR0_PG	     (UINT64_C(1) << 31)
#define CR4_PAE	     (UINT64_C(1) << 5)
#define EFER_LME     (UINT64_C(1) << 8)
#define EFER_LMA     (UINT64_C(1) << 10)

#define BOOT_CS	     0x10
#define BOOT_DS	     0x18

/* SDM vol. 3A, section 3.4.5: code, readable, accessed; data, writable. */
#define TYPE_CODE 0xb
#define TYPE_DATA 0x3

struct vcpu_state {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_lapic_state lapic;
	struct kvm_xcrs xcrs;
	bool has_xcrs;
	struct kvm_debugregs debugregs;
	struct kvm_vcpu_events events;
	struct kvm_mp_state mp_state;
	void *xsave; /* KVM_GET_XSAVE or, when larger, KVM_GET_XSAVE2 */
	struct kvm_nested_state *nested; /* NULL: no nesting */
	struct kvm_msr_entry *msr;
	uint32_t n_msrs;
};

static int fail_ioctl(struct moat_err *err, int r, const char *name)
{
	return moat_fail(err, r, "%s: %s", name, strerror(-r));
}

/* One ioctl of a vCPU. @arg NULL: this one is left out. */
struct access {
	unsigned long request;
	const char *name;
	void *arg;
};

#define ACCESS(request, arg)               \
	{                                  \
		(request), #request, (arg) \
	}

/* One after the other, up to the first that fails. */
static int access_all(const struct kvm_sys *sys, int fd,
		      const struct access *access, size_t n,
		      struct moat_err *err)
{
	int r;

	for (size_t i = 0; i < n; i++) {
		if (!access[i].arg)
			continue;
		r = kvm_sys_ioctl(sys, fd, access[i].request, access[i].arg);
		if (r < 0)
			return fail_ioctl(err, r, access[i].name);
	}
	return 0;
}

/* Up to MSRS_AT_ONCE registers, on their way to or from KVM. */
struct msr_batch {
	uint32_t nmsrs, pad;
	struct kvm_msr_entry entry[MSRS_AT_ONCE];
};

/* It is struct kvm_msrs with its flexible end filled in. */
static_assert(offsetof(struct msr_batch, entry) ==
		      offsetof(struct kvm_msrs, entries),
	      "laid out as KVM's");

/*
 * Read or write @n registers. KVM stops at one that it refuses and says how
 * many it did; that one is left out, *@ret_n are kept. @entry is compacted.
 */
static int transfer_msrs(const struct kvm_sys *sys, int fd,
			 unsigned long request, struct kvm_msr_entry *entry,
			 uint32_t n, uint32_t *ret_n)
{
	struct msr_batch batch;
	uint32_t from = 0, kept = 0, done;
	int r;

	while (from < n) {
		batch.pad = 0;
		batch.nmsrs = (uint32_t)min_u64(n - from, MSRS_AT_ONCE);
		memcpy(batch.entry, entry + from, batch.nmsrs * sizeof(*entry));
		done = batch.nmsrs;
		r = kvm_sys_ioctl(sys, fd, request, &batch);
		if (r < 0)
			return r;
		if ((uint32_t)r < done)
			done = (uint32_t)r;
		memmove(entry + kept, batch.entry, done * sizeof(*entry));
		kept += done;
		from += done;
		if (done < batch.nmsrs)
			from++;
	}
	*ret_n = kept;
	return 0;
}

static int set_fast_string(const struct kvm_sys *sys, int fd,
			   struct moat_err *err)
{
	struct kvm_msr_entry entry = { .index = MSR_IA32_MISC_ENABLE };
	uint32_t n;
	int r;

	r = transfer_msrs(sys, fd, KVM_GET_MSRS, &entry, 1, &n);
	if (r < 0)
		return fail_ioctl(err, r, "KVM_GET_MSRS");
	entry.data |= MISC_ENABLE_FAST_STRING;
	r = transfer_msrs(sys, fd, KVM_SET_MSRS, &entry, n, &n);
	return r < 0 ? fail_ioctl(err, r, "KVM_SET_MSRS") : 0;
}

/* *@ret_taken: has KVM not refused this one? */
static int set_msr(struct kvm_vm *vm, int fd, uint32_t index, uint64_t value,
		   bool *ret_taken, struct moat_err *err)
{
	struct kvm_msr_entry entry = { .index = index, .data = value };
	uint32_t n = 0;
	int r;

	r = transfer_msrs(kvm_vm_sys(vm), fd, KVM_SET_MSRS, &entry, 1, &n);
	*ret_taken = n == 1;
	return r < 0 ? fail_ioctl(err, r, "KVM_SET_MSRS") : 0;
}

/*
 * Variable range @i. Its size is a power of two and its start a multiple of
 * that, as one register pair can say. Not valid unless both were taken.
 */
static int set_uncached(struct kvm_vm *vm, int fd, unsigned int i,
			uint64_t first, uint64_t last, struct moat_err *err)
{
	uint64_t width = (UINT64_C(1) << kvm_vm_phys_bits(vm)) - 1;
	uint64_t mask = ~(last - first) & width;
	bool taken;
	int r;

	r = set_msr(vm, fd, MSR_MTRR_PHYSBASE(i), first | MTRR_UC, &taken, err);
	if (r < 0 || !taken)
		return r;
	return set_msr(vm, fd, MSR_MTRR_PHYSMASK(i), mask | MTRR_PHYSMASK_VALID,
		       &taken, err);
}

/*
 * With the MTRRs off all memory is uncached: KVM on Intel takes that into its
 * page tables when a device's DMA is not coherent (Linux
 * arch/x86/kvm/mtrr.c), and Linux in the guest then does without PAT. So RAM
 * is write-back and PCI's windows uncached, as firmware has them.
 *
 * A KVM that refuses the ranges loses nothing: it maps the memory of devices
 * uncached all the same. They are turned on last: while they are on, KVM acts
 * on each register by itself, and warns of a range whose mask is not set yet.
 */
static int set_memory_types(struct kvm_vm *vm, int fd, unsigned int apic_id,
			    const struct layout *layout, struct moat_err *err)
{
	const struct layout_range *range = layout->uncached;
	bool taken;
	int r;

	for (unsigned int i = 0; i < layout->n_uncached; i++) {
		r = set_uncached(vm, fd, i, range[i].first, range[i].last, err);
		if (r < 0)
			return r;
	}
	r = set_msr(vm, fd, MSR_MTRR_DEF_TYPE, MTRR_DEF_TYPE_ENABLE | MTRR_WB,
		    &taken, err);
	if (r < 0)
		return r;
	/* Once, not for each vCPU. */
	if (!taken && apic_id == 0)
		log_warn("the host's KVM lets no memory types be set "
			 "(IA32_MTRR_DEF_TYPE): guest RAM may be uncached, and "
			 "slow");
	return 0;
}

int vcpu_state_init(struct kvm_vm *vm, int fd, unsigned int apic_id,
		    unsigned int n, const struct layout *layout,
		    struct moat_err *err)
{
	bool tsc_deadline = kvm_vm_check(vm, KVM_CAP_TSC_DEADLINE_TIMER) > 0;
	const struct kvm_sys *sys = kvm_vm_sys(vm);
	struct kvm_cpuid2 *cpuid;
	int r;

	r = vcpu_cpuid_build(kvm_vm_cpuid(vm), apic_id, n, tsc_deadline,
			     &cpuid);
	if (r < 0)
		return moat_fail(err, r, "out of memory");
	r = kvm_sys_ioctl(sys, fd, KVM_SET_CPUID2, cpuid);
	free(cpuid);
	if (r < 0)
		return fail_ioctl(err, r, "KVM_SET_CPUID2");
	r = set_fast_string(sys, fd, err);
	if (r < 0)
		return r;
	return set_memory_types(vm, fd, apic_id, layout, err);
}

/* All that KVM lists; ret_list is the caller's to free. */
static int list_msrs(struct kvm_vm *vm, struct kvm_msr_list **ret_list,
		     struct moat_err *err)
{
	const struct kvm_sys *sys = kvm_vm_sys(vm);
	struct kvm_msr_list probe = { 0 }, *list;
	int r;

	r = kvm_sys_ioctl(sys, kvm_vm_dev_fd(vm), KVM_GET_MSR_INDEX_LIST,
			  &probe);
	if (r < 0 && r != -E2BIG)
		return fail_ioctl(err, r, "KVM_GET_MSR_INDEX_LIST");
	list = calloc(1,
		      sizeof(*list) + probe.nmsrs * sizeof(list->indices[0]));
	if (!list)
		return moat_fail(err, -ENOMEM, "out of memory");
	list->nmsrs = probe.nmsrs;
	r = kvm_sys_ioctl(sys, kvm_vm_dev_fd(vm), KVM_GET_MSR_INDEX_LIST, list);
	if (r < 0) {
		free(list);
		return fail_ioctl(err, r, "KVM_GET_MSR_INDEX_LIST");
	}
	*ret_list = list;
	return 0;
}

/* KVM's list leaves them out, although it takes and gives them. */
static const struct {
	uint32_t first, last;
} mtrrs[] = {
	{ MSR_MTRR_PHYSBASE(0), MSR_MTRR_PHYSMASK(7) },
	{ 0x250, 0x250 }, /* fixed ranges: 64 KiB, 16 KiB, 4 KiB */
	{ 0x258, 0x259 },
	{ 0x268, 0x26f },
	{ MSR_MTRR_DEF_TYPE, MSR_MTRR_DEF_TYPE },
};

#define MTRRS_N 28

/* Return: how many there are to save. */
static uint32_t name_msrs(const struct kvm_msr_list *list,
			  struct kvm_msr_entry *entry)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < list->nmsrs; i++)
		entry[n++].index = list->indices[i];
	for (size_t i = 0; i < ARRAY_SIZE(mtrrs); i++)
		for (uint32_t msr = mtrrs[i].first; msr <= mtrrs[i].last; msr++)
			entry[n++].index = msr;
	assert(n == list->nmsrs + MTRRS_N);
	return n;
}

static int save_msrs(struct kvm_vm *vm, int fd, struct vcpu_state *state,
		     struct moat_err *err)
{
	struct kvm_msr_list *list = NULL;
	uint32_t n;
	int r;

	r = list_msrs(vm, &list, err);
	if (r < 0)
		return r;
	state->msr = calloc(list->nmsrs + MTRRS_N, sizeof(*state->msr));
	if (!state->msr) {
		r = moat_fail(err, -ENOMEM, "out of memory");
		goto free_list;
	}
	n = name_msrs(list, state->msr);
	r = transfer_msrs(kvm_vm_sys(vm), fd, KVM_GET_MSRS, state->msr, n,
			  &state->n_msrs);
	if (r < 0)
		(void)fail_ioctl(err, r, "KVM_GET_MSRS");
	for (uint32_t i = 0; i < state->n_msrs; i++)
		if (state->msr[i].index == MSR_IA32_TSC)
			state->msr[i].data = 0;
free_list:
	free(list);
	return r;
}

static int save_xsave(struct kvm_vm *vm, int fd, struct vcpu_state *state,
		      struct moat_err *err)
{
	size_t size = sizeof(struct kvm_xsave);
	int larger = kvm_vm_check(vm, KVM_CAP_XSAVE2);
	struct access get = ACCESS(KVM_GET_XSAVE, NULL);

	if (larger > 0 && (size_t)larger > size)
		size = (size_t)larger;
	state->xsave = calloc(1, size);
	if (!state->xsave)
		return moat_fail(err, -ENOMEM, "out of memory");
	if (size > sizeof(struct kvm_xsave))
		get = (struct access)ACCESS(KVM_GET_XSAVE2, NULL);
	get.arg = state->xsave;
	return access_all(kvm_vm_sys(vm), fd, &get, 1, err);
}

/* Before it ran a vCPU has no nested guest: the head says it all. */
static int save_nested(struct kvm_vm *vm, int fd, struct vcpu_state *state,
		       struct moat_err *err)
{
	int size = kvm_vm_check(vm, KVM_CAP_NESTED_STATE);
	struct access get = ACCESS(KVM_GET_NESTED_STATE, NULL);

	if (size <= 0)
		return 0;
	if ((size_t)size < sizeof(*state->nested))
		size = sizeof(*state->nested);
	state->nested = calloc(1, (size_t)size);
	if (!state->nested)
		return moat_fail(err, -ENOMEM, "out of memory");
	state->nested->size = (uint32_t)size;
	get.arg = state->nested;
	return access_all(kvm_vm_sys(vm), fd, &get, 1, err);
}

static int save(struct kvm_vm *vm, int fd, struct vcpu_state *state,
		struct moat_err *err)
{
	const struct access list[] = {
		ACCESS(KVM_GET_MP_STATE, &state->mp_state),
		ACCESS(KVM_GET_REGS, &state->regs),
		ACCESS(KVM_GET_SREGS, &state->sregs),
		ACCESS(KVM_GET_LAPIC, &state->lapic),
		ACCESS(KVM_GET_DEBUGREGS, &state->debugregs),
		ACCESS(KVM_GET_VCPU_EVENTS, &state->events),
		ACCESS(KVM_GET_XCRS, state->has_xcrs ? &state->xcrs : NULL),
	};
	int r;

	r = access_all(kvm_vm_sys(vm), fd, list, ARRAY_SIZE(list), err);
	if (r < 0)
		return r;
	r = save_xsave(vm, fd, state, err);
	if (r < 0)
		return r;
	r = save_nested(vm, fd, state, err);
	if (r < 0)
		return r;
	return save_msrs(vm, fd, state, err);
}

int vcpu_state_save(struct kvm_vm *vm, int fd, struct vcpu_state **ret_state,
		    struct moat_err *err)
{
	struct vcpu_state *state;
	int r;

	state = calloc(1, sizeof(*state));
	if (!state)
		return moat_fail(err, -ENOMEM, "out of memory");
	state->has_xcrs = kvm_vm_check(vm, KVM_CAP_XCRS) > 0;
	r = save(vm, fd, state, err);
	if (r < 0) {
		vcpu_state_free(state);
		return r;
	}
	*ret_state = state;
	return 0;
}

void vcpu_state_free(struct vcpu_state *state)
{
	if (!state)
		return;
	free(state->xsave);
	free(state->nested);
	free(state->msr);
	free(state);
}

static int restore_msrs(const struct kvm_sys *sys, int fd,
			const struct vcpu_state *state, struct moat_err *err)
{
	struct kvm_msr_entry *copy;
	uint32_t kept;
	int r;

	copy = calloc(state->n_msrs + 1, sizeof(*copy));
	if (!copy)
		return moat_fail(err, -ENOMEM, "out of memory");
	memcpy(copy, state->msr, state->n_msrs * sizeof(*copy));
	r = transfer_msrs(sys, fd, KVM_SET_MSRS, copy, state->n_msrs, &kept);
	free(copy);
	return r < 0 ? fail_ioctl(err, r, "KVM_SET_MSRS") : 0;
}

/*
 * A nested guest is left first. The control registers come before what
 * depends on them: XCR0 on CR4, the local APIC's registers on its mode; the
 * events last, since the others may raise some.
 */
int vcpu_state_restore(struct kvm_vm *vm, int fd, struct vcpu_state *state,
		       struct moat_err *err)
{
	const struct kvm_sys *sys = kvm_vm_sys(vm);
	const struct access before_msrs[] = {
		ACCESS(KVM_SET_NESTED_STATE, state->nested),
		ACCESS(KVM_SET_SREGS, &state->sregs),
		ACCESS(KVM_SET_REGS, &state->regs),
		ACCESS(KVM_SET_XSAVE, state->xsave),
		ACCESS(KVM_SET_XCRS, state->has_xcrs ? &state->xcrs : NULL),
		ACCESS(KVM_SET_DEBUGREGS, &state->debugregs),
	};
	const struct access after_msrs[] = {
		ACCESS(KVM_SET_LAPIC, &state->lapic),
		ACCESS(KVM_SET_MP_STATE, &state->mp_state),
		ACCESS(KVM_SET_VCPU_EVENTS, &state->events),
	};
	bool taken;
	int r;

	r = access_all(sys, fd, before_msrs, ARRAY_SIZE(before_msrs), err);
	if (r < 0)
		return r;
	/* Off while the ranges change: set_memory_types() says why. */
	r = set_msr(vm, fd, MSR_MTRR_DEF_TYPE, 0, &taken, err);
	if (r < 0)
		return r;
	r = restore_msrs(sys, fd, state, err);
	if (r < 0)
		return r;
	return access_all(sys, fd, after_msrs, ARRAY_SIZE(after_msrs), err);
}

static struct kvm_segment flat_segment(uint16_t selector, uint8_t type,
				       bool code)
{
	return (struct kvm_segment) {
		.limit = 0xffffffff,
		.selector = selector,
		.type = type,
		.present = 1,
		.s = 1,
		.g = 1,
		.l = code,
		.db = !code,
	};
}

/*
 * Source: Linux Documentation/arch/x86/boot.rst, "64-bit Boot Protocol":
 * 64-bit mode, paging with what is loaded identity mapped, flat segments
 * at 0x10 and 0x18, interrupts off, RSI at the zero page.
 */
int vcpu_state_enter(struct kvm_vm *vm, int fd, const struct boot_entry *entry,
		     struct moat_err *err)
{
	const struct kvm_sys *sys = kvm_vm_sys(vm);
	struct kvm_sregs sregs;
	struct kvm_regs regs = {
		.rip = entry->rip,
		.rsi = entry->rsi,
		.rsp = entry->rsp,
		.rflags = 2, /* the bit that is always set */
	};
	const struct access get = ACCESS(KVM_GET_SREGS, &sregs);
	const struct access set[] = {
		ACCESS(KVM_SET_SREGS, &sregs),
		ACCESS(KVM_SET_REGS, &regs),
	};
	int r;

	r = access_all(sys, fd, &get, 1, err);
	if (r < 0)
		return r;
	sregs.cs = flat_segment(BOOT_CS, TYPE_CODE, true);
	sregs.ds = flat_segment(BOOT_DS, TYPE_DATA, false);
	sregs.es = sregs.ss = sregs.fs = sregs.gs = sregs.ds;
	sregs.gdt.base = entry->gdt;
	sregs.gdt.limit = entry->gdt_limit;
	sregs.idt.base = 0;
	sregs.idt.limit = 0;
	sregs.cr3 = entry->cr3;
	sregs.cr4 = CR4_PAE;
	sregs.cr0 = CR0_PE | CR0_ET | CR0_NE | CR0_PG;
	sregs.efer = EFER_LME | EFER_LMA;
	return access_all(sys, fd, set, ARRAY_SIZE(set), err);
}
