// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <moat/placement.h>

#include "common/util.h"
#include "tests/check_main.h"
#include "tests/vmm-glue/fake_kvm.h"
#include "vmm-glue/vcpu.h"
#include "vmm-glue/vcpu_state.h"

/* ---- CPUID ---- */

/* Leaves of both vendors at once; @vendor: the twelve letters of leaf 0. */
static struct kvm_cpuid2 *supported_leaves(const char *vendor)
{
	static const struct kvm_cpuid_entry2 leaves[] = {
		{ .function = 0, .eax = 0x1f },
		{ .function = 1,
		  .ebx = 0x55aa0800,
		  .ecx = 0x00000001,
		  .edx = 1u << 28 },
		{ .function = 4, .index = 0, .eax = 0xfc004121 }, /* L1 */
		{ .function = 4, .index = 3, .eax = 0xfc1fc163 }, /* L3 */
		{ .function = 4, .index = 4, .eax = 0 },
		{ .function = 0xb, .index = 0, .edx = 77 },
		{ .function = 0x1f, .index = 0, .edx = 77 },
		{ .function = 0x40000000, .ebx = 0x4b4d564b },
		{ .function = 0x80000001, .ecx = 0x2 },
		{ .function = 0x80000008, .eax = 0x3030, .ecx = 0x703f },
		{ .function = 0x8000001d, .index = 3, .eax = 0x0fffc163 },
		{ .function = 0x8000001e, .eax = 5, .ebx = 0x10f, .ecx = 3 },
	};
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) + sizeof(leaves));

	ck_assert_ptr_nonnull(cpuid);
	cpuid->nent = ARRAY_SIZE(leaves);
	memcpy(cpuid->entries, leaves, sizeof(leaves));
	memcpy(&cpuid->entries[0].ebx, vendor, 4);
	memcpy(&cpuid->entries[0].edx, vendor + 4, 4);
	memcpy(&cpuid->entries[0].ecx, vendor + 8, 4);
	return cpuid;
}

static const struct kvm_cpuid_entry2 *leaf(const struct kvm_cpuid2 *cpuid,
					   uint32_t function, uint32_t index)
{
	const struct kvm_cpuid_entry2 *found = NULL;

	for (uint32_t i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == function &&
		    cpuid->entries[i].index == index) {
			ck_assert_msg(!found, "leaf %#x twice", function);
			found = &cpuid->entries[i];
		}
	ck_assert_msg(found, "no leaf %#x", function);
	return found;
}

static const struct {
	unsigned int id, n, bits;
} topology_cases[] = {
	{ 0, 1, 0 }, { 0, 2, 1 },   { 1, 2, 1 },   { 2, 3, 2 },
	{ 3, 4, 2 }, { 63, 64, 6 }, { 64, 65, 7 }, { 254, 255, 8 },
};

/* Both vendors: leaves 1, 0xb and 0x1f. */
static void check_common(const struct kvm_cpuid2 *cpuid, size_t i)
{
	unsigned int id = topology_cases[i].id, n = topology_cases[i].n;

	ck_assert_uint_eq(leaf(cpuid, 1, 0)->ebx, id << 24 | n << 16 | 0x0800);
	/* Hypervisor, TSC deadline, and what was there. */
	ck_assert_uint_eq(leaf(cpuid, 1, 0)->ecx, 0x81000001);
	ck_assert_uint_eq(leaf(cpuid, 1, 0)->edx, n > 1 ? 1u << 28 : 0);
	for (uint32_t fn = 0xb; fn <= 0x1f; fn += 0x14) {
		ck_assert_uint_eq(leaf(cpuid, fn, 0)->eax, 0);
		ck_assert_uint_eq(leaf(cpuid, fn, 0)->ebx, 1);
		ck_assert_uint_eq(leaf(cpuid, fn, 0)->ecx, 0x100);
		ck_assert_uint_eq(leaf(cpuid, fn, 1)->eax,
				  topology_cases[i].bits);
		ck_assert_uint_eq(leaf(cpuid, fn, 1)->ebx, n);
		ck_assert_uint_eq(leaf(cpuid, fn, 1)->ecx, 0x201);
		ck_assert_uint_eq(leaf(cpuid, fn, 2)->ecx, 2);
		for (uint32_t j = 0; j < 3; j++)
			ck_assert_uint_eq(leaf(cpuid, fn, j)->edx, id);
	}
	ck_assert_uint_eq(leaf(cpuid, 0x40000000, 0)->ebx, 0x4b4d564b);
	ck_assert_uint_eq(leaf(cpuid, 0x80000008, 0)->eax, 0x3030);
}

static void check_same(const struct kvm_cpuid2 *cpuid,
		       const struct kvm_cpuid2 *from, uint32_t function,
		       uint32_t index)
{
	ck_assert_mem_eq(leaf(cpuid, function, index),
			 leaf(from, function, index),
			 sizeof(struct kvm_cpuid_entry2));
}

START_TEST(cpuid_tells_one_socket_of_single_threaded_cores_on_intel)
{
	for (size_t i = 0; i < ARRAY_SIZE(topology_cases); i++) {
		struct kvm_cpuid2 *from = supported_leaves("GenuineIntel");
		unsigned int n = topology_cases[i].n;
		struct kvm_cpuid2 *cpuid;

		ck_assert_int_eq(vcpu_cpuid_build(from, topology_cases[i].id, n,
						  true, &cpuid),
				 0);
		check_common(cpuid, i);
		ck_assert_uint_eq(leaf(cpuid, 4, 0)->eax >> 14 & 0xfff, 0);
		ck_assert_uint_eq(leaf(cpuid, 4, 3)->eax >> 14 & 0xfff, n - 1);
		ck_assert_uint_ge((leaf(cpuid, 4, 0)->eax >> 26) + 1,
				  n < 64 ? n : 64);
		ck_assert_uint_eq(leaf(cpuid, 4, 4)->eax, 0);
		/* Reserved, or another meaning: as KVM has them. */
		check_same(cpuid, from, 0x80000001, 0);
		check_same(cpuid, from, 0x80000008, 0);
		check_same(cpuid, from, 0x8000001d, 3);
		check_same(cpuid, from, 0x8000001e, 0);
		free(cpuid);
		free(from);
	}
}
END_TEST

static void check_amd(const char *vendor, size_t i)
{
	struct kvm_cpuid2 *from = supported_leaves(vendor), *cpuid;
	unsigned int id = topology_cases[i].id, n = topology_cases[i].n;

	ck_assert_int_eq(vcpu_cpuid_build(from, id, n, true, &cpuid), 0);
	check_common(cpuid, i);
	ck_assert_uint_eq(leaf(cpuid, 0x80000008, 0)->ecx,
			  (n - 1) | topology_cases[i].bits << 12);
	ck_assert_uint_eq(leaf(cpuid, 0x80000001, 0)->ecx, n > 1 ? 2 : 0);
	ck_assert_uint_eq(leaf(cpuid, 0x8000001d, 3)->eax >> 14 & 0xfff, n - 1);
	ck_assert_uint_eq(leaf(cpuid, 0x8000001e, 0)->eax, id);
	ck_assert_uint_eq(leaf(cpuid, 0x8000001e, 0)->ecx, 0);
	check_same(cpuid, from, 4, 0);
	check_same(cpuid, from, 4, 3);
	free(cpuid);
	free(from);
}

START_TEST(cpuid_tells_one_socket_of_single_threaded_cores_on_amd)
{
	for (size_t i = 0; i < ARRAY_SIZE(topology_cases); i++) {
		check_amd("AuthenticAMD", i);
		check_amd("HygonGenuine", i);
	}
}
END_TEST

START_TEST(cpuid_promises_no_leaf_and_no_timer_that_is_not_there)
{
	struct kvm_cpuid2 *from = supported_leaves("GenuineIntel"), *cpuid;

	from->entries[0].eax = 0xa;
	ck_assert_int_eq(vcpu_cpuid_build(from, 0, 2, false, &cpuid), 0);
	for (uint32_t i = 0; i < cpuid->nent; i++) {
		ck_assert_uint_ne(cpuid->entries[i].function, 0xb);
		ck_assert_uint_ne(cpuid->entries[i].function, 0x1f);
	}
	ck_assert_uint_eq(leaf(cpuid, 1, 0)->ecx & 1u << 24, 0);
	free(cpuid);
	free(from);
}
END_TEST

/* ---- the threads, on a fake KVM ---- */

static struct fake_kvm fake;
static struct kvm_vm *vm;
static struct vcpus *vcpus;
static struct iobus mmio, pio;
static struct vcpu_work work;
static struct moat_err err;

/* What came out of the vCPU threads. */
static struct {
	atomic_uint resets, poweroffs, deaths;
	atomic_uint n; /* accesses */
	struct {
		char kind;
		uint64_t addr, value;
		unsigned int size;
	} access[32];
} seen;

static void on_request(void *opaque, enum machine_request request)
{
	(void)opaque;
	atomic_fetch_add(
		request == MACHINE_RESET ? &seen.resets : &seen.poweroffs, 1);
}

static void on_death(void *opaque)
{
	(void)opaque;
	atomic_fetch_add(&seen.deaths, 1);
}

static void note(char kind, uint64_t addr, unsigned int size, uint64_t value)
{
	unsigned int i = atomic_fetch_add(&seen.n, 1);

	ck_assert_uint_lt(i, ARRAY_SIZE(seen.access));
	seen.access[i].kind = kind;
	seen.access[i].addr = addr;
	seen.access[i].size = size;
	seen.access[i].value = value;
}

static uint64_t on_read(void *opaque, uint64_t offset, unsigned int size)
{
	(void)opaque;
	note('r', offset, size, 0);
	return UINT64_C(0x1122334455667700) + offset;
}

static void on_write(void *opaque, uint64_t offset, unsigned int size,
		     uint64_t value)
{
	(void)opaque;
	note('w', offset, size, value);
}

static const struct moat_trap mmio_trap = { .first = 0xd0000000,
					    .last = 0xd0000fff,
					    .read = on_read,
					    .write = on_write };
static const struct moat_trap pio_trap = { .space = MOAT_TRAP_PIO,
					   .first = 0x100,
					   .last = 0x1ff,
					   .read = on_read,
					   .write = on_write };

static const struct platform_ops ops = { .request = on_request };

static struct layout layout;

static const struct moat_placement *placement;

static int create(unsigned int n, bool resettable)
{
	const struct vcpus_config config = {
		.vm = vm,
		.layout = &layout,
		.mmio = &mmio,
		.pio = &pio,
		.work = &work,
		.placement = placement,
		.n = n,
		.name = "a guest with a long name",
		.resettable = resettable,
		.ops = &ops,
		.died = on_death,
	};

	return vcpus_create(&config, &vcpus, &err);
}

static void setup(void)
{
	fake_kvm_init(&fake);
	memset(&seen, 0, sizeof(seen));
	memset(&err, 0, sizeof(err));
	vcpus = NULL;
	ck_assert_int_eq(kvm_vm_create(&fake.sys, &vm, &err), 0);
	ck_assert_int_eq(layout_init(&layout, GiB, kvm_vm_phys_bits(vm), &err),
			 0);
	ck_assert_int_eq(iobus_init(&mmio), 0);
	ck_assert_int_eq(iobus_init(&pio), 0);
	ck_assert_int_eq(vcpu_work_init(&work), 0);
	ck_assert_int_eq(iobus_add(&mmio, &mmio_trap), 0);
	ck_assert_int_eq(iobus_add(&pio, &pio_trap), 0);
}

static void teardown(void)
{
	vcpus_destroy(vcpus);
	kvm_vm_destroy(vm);
	iobus_fini(&mmio);
	iobus_fini(&pio);
	vcpu_work_fini(&work);
	ck_assert(fake_kvm_is_clean(&fake));
}

START_TEST(creation_leaves_nothing_whichever_call_fails)
{
	unsigned int before, n;

	setup();
	before = fake.n_calls;
	ck_assert_int_eq(create(2, true), 0);
	n = fake.n_calls - before;
	teardown();
	for (unsigned int i = 1; i <= n; i++) {
		setup();
		fake.fail_at = i;
		ck_assert_msg(create(2, true) < 0, "call %u", i);
		ck_assert_msg(err.msg[0], "call %u: no sentence", i);
		teardown();
	}
}
END_TEST

START_TEST(too_many_vcpus_are_refused)
{
	setup();
	ck_assert_int_eq(create(FAKE_VCPUS + 1, false), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.msg, "-smp 5"));
	teardown();
}
END_TEST

/* A guest that does what its script says, one exit a call, then sleeps. */
struct script {
	uint32_t reason;
	uint64_t addr; /* port or address */
	unsigned int size, count;
	bool write;
	uint64_t value;
};

static const struct script *script;
static size_t script_len;
static _Atomic(size_t) script_at;
static uint64_t script_answer; /* of the access before */

static uint8_t *io_data(struct kvm_run *run)
{
	return (uint8_t *)run + 4096;
}

static void script_exit(struct kvm_run *run, const struct script *s)
{
	run->exit_reason = s->reason;
	if (s->reason == KVM_EXIT_IO) {
		run->io.direction = s->write ? KVM_EXIT_IO_OUT : KVM_EXIT_IO_IN;
		run->io.size = (uint8_t)s->size;
		run->io.port = (uint16_t)s->addr;
		run->io.count = s->count;
		run->io.data_offset = 4096;
		for (unsigned int i = 0; i < s->count; i++)
			memcpy(io_data(run) + i * s->size, &s->value, s->size);
	} else if (s->reason == KVM_EXIT_MMIO) {
		run->mmio.phys_addr = s->addr;
		run->mmio.len = s->size;
		run->mmio.is_write = s->write;
		memcpy(run->mmio.data, &s->value, 8);
	} else if (s->reason == KVM_EXIT_SYSTEM_EVENT) {
		run->system_event.type = (uint32_t)s->value;
	} else if (s->reason == KVM_EXIT_INTERNAL_ERROR) {
		run->internal.suberror = (uint32_t)s->value;
		run->internal.ndata = 1;
		run->internal.data[0] = 0xabcd;
	}
}

static int guest_script(struct fake_vcpu *vcpu, struct kvm_run *run)
{
	(void)vcpu;
	if (script_at > 0 && script_at <= script_len) {
		script_answer = 0;
		if (script[script_at - 1].reason == KVM_EXIT_MMIO)
			memcpy(&script_answer, run->mmio.data,
			       script[script_at - 1].size);
		else if (script[script_at - 1].reason == KVM_EXIT_IO)
			memcpy(&script_answer, io_data(run),
			       script[script_at - 1].size);
	}
	if (script_at < script_len) {
		script_exit(run, &script[script_at++]);
		return 0;
	}
	script_at = script_len + 1;
	(void)usleep(500);
	return -EINTR;
}

/* Let the script run to its end, or to where the vCPU parks. */
static void play(const struct script *s, size_t n)
{
	setup();
	script = s;
	script_len = n;
	script_at = 0;
	fake.vcpu[0].guest = guest_script;
	fake.vcpu[0].regs.rip = 0xabc123;
	ck_assert_int_eq(create(1, false), 0);
	ck_assert_int_eq(vcpus_start(vcpus, &err), 0);
	while (script_at <= n && !seen.resets && !seen.poweroffs && !seen.deaths)
		(void)usleep(200);
	vcpus_stop(vcpus);
}

START_TEST(accesses_reach_the_buses)
{
	static const struct script s[] = {
		{ KVM_EXIT_IO, 0x110, 2, 3, true, 0xbeef },
		{ KVM_EXIT_IO, 0x120, 1, 2, false, 0 },
		{ KVM_EXIT_MMIO, 0xd0000008, 8, 0, true, 0x1234567890abcdef },
		/* Three bytes, as before the end of a page. */
		{ KVM_EXIT_MMIO, 0xd0000ffd, 3, 0, true, 0x332211 },
		{ KVM_EXIT_MMIO, 0xd0000004, 4, 0, false, 0 },
	};
	static const struct {
		char kind;
		uint64_t addr;
		unsigned int size;
		uint64_t value;
	} want[] = {
		{ 'w', 0x10, 2, 0xbeef }, { 'w', 0x10, 2, 0xbeef },
		{ 'w', 0x10, 2, 0xbeef }, { 'r', 0x20, 1, 0 },
		{ 'r', 0x20, 1, 0 },	  { 'w', 0x8, 8, 0x1234567890abcdef },
		{ 'w', 0xffd, 1, 0x11 },  { 'w', 0xffe, 1, 0x22 },
		{ 'w', 0xfff, 1, 0x33 },  { 'r', 0x4, 4, 0 },
	};

	play(s, ARRAY_SIZE(s));
	ck_assert_uint_eq(seen.n, ARRAY_SIZE(want));
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		ck_assert_int_eq(seen.access[i].kind, want[i].kind);
		ck_assert_uint_eq(seen.access[i].addr, want[i].addr);
		ck_assert_uint_eq(seen.access[i].size, want[i].size);
		ck_assert_uint_eq(seen.access[i].value, want[i].value);
	}
	ck_assert_uint_eq(script_answer, 0x55667704);
	teardown();
}
END_TEST

static const struct {
	struct script exit;
	unsigned int resets, poweroffs, deaths;
	const char *says;
} end_cases[] = {
	{ { .reason = KVM_EXIT_SHUTDOWN }, 1, 0, 0, NULL },
	{ { .reason = KVM_EXIT_SYSTEM_EVENT,
	    .value = KVM_SYSTEM_EVENT_SHUTDOWN },
	  0,
	  1,
	  0,
	  NULL },
	{ { .reason = KVM_EXIT_SYSTEM_EVENT, .value = KVM_SYSTEM_EVENT_RESET },
	  1,
	  0,
	  0,
	  NULL },
	{ { .reason = KVM_EXIT_SYSTEM_EVENT, .value = 99 }, 0, 0, 1, "type 99" },
	{ { .reason = KVM_EXIT_FAIL_ENTRY }, 0, 0, 1, "FAIL_ENTRY" },
	{ { .reason = KVM_EXIT_INTERNAL_ERROR,
	    .value = KVM_INTERNAL_ERROR_EMULATION },
	  0,
	  0,
	  1,
	  "instruction not emulated) 0xabcd" },
	{ { .reason = 4711 }, 0, 0, 1, "4711" },
	{ { .reason = KVM_EXIT_HLT }, 0, 0, 1, "exit reason 5" },
};

START_TEST(a_vcpu_that_ends_says_what_and_where)
{
	for (size_t i = 0; i < ARRAY_SIZE(end_cases); i++) {
		play(&end_cases[i].exit, 1);
		ck_assert_uint_eq(seen.resets, end_cases[i].resets);
		ck_assert_uint_eq(seen.poweroffs, end_cases[i].poweroffs);
		ck_assert_uint_eq(seen.deaths, end_cases[i].deaths);
		if (!end_cases[i].says) {
			ck_assert_int_eq(vcpus_death(vcpus, &err), 0);
			teardown();
			continue;
		}
		ck_assert_int_eq(vcpus_death(vcpus, &err), -EIO);
		ck_assert_msg(strstr(err.msg, end_cases[i].says),
			      "no '%s' in '%s'", end_cases[i].says, err.msg);
		ck_assert_ptr_nonnull(strstr(err.msg, "vCPU 0"));
		ck_assert_ptr_nonnull(strstr(err.msg, "rip 0xabc123"));
		teardown();
	}
}
END_TEST

static int guest_efault(struct fake_vcpu *vcpu, struct kvm_run *run)
{
	(void)vcpu;
	(void)run;
	return -EFAULT;
}

START_TEST(the_first_death_counts)
{
	setup();
	fake.vcpu[0].guest = guest_efault;
	fake.vcpu[1].guest = guest_efault;
	ck_assert_int_eq(create(2, false), 0);
	ck_assert_int_eq(vcpus_start(vcpus, &err), 0);
	while (seen.deaths == 0)
		(void)usleep(200);
	vcpus_stop(vcpus);
	ck_assert_uint_eq(seen.deaths, 1);
	ck_assert_int_eq(vcpus_death(vcpus, &err), -EFAULT);
	ck_assert_ptr_nonnull(strstr(err.msg, "KVM_RUN"));
	teardown();
}
END_TEST

/* A guest that never sleeps: only a kick gets it out. */
static int guest_busy(struct fake_vcpu *vcpu, struct kvm_run *run)
{
	(void)vcpu;
	while (!__atomic_load_n(&run->immediate_exit, __ATOMIC_ACQUIRE))
		;
	return -EINTR;
}

START_TEST(they_stop_and_start_as_often_as_wanted)
{
	unsigned int runs[FAKE_VCPUS];

	setup();
	fake.vcpu[1].guest = guest_busy;
	ck_assert_int_eq(create(FAKE_VCPUS, false), 0);
	for (unsigned int i = 0; i < 100; i++) {
		ck_assert_int_eq(vcpus_start(vcpus, &err), 0);
		if (i % 2)
			(void)usleep(100);
		vcpus_stop(vcpus);
		for (unsigned int j = 0; j < FAKE_VCPUS; j++)
			runs[j] = fake.vcpu[j].n_runs;
		for (unsigned int j = 0; j < FAKE_VCPUS; j++)
			ck_assert_uint_eq(fake.vcpu[j].n_runs, runs[j]);
	}
	teardown();
}
END_TEST

START_TEST(destroying_needs_no_stop)
{
	setup();
	ck_assert_int_eq(create(2, false), 0);
	ck_assert_int_eq(vcpus_start(vcpus, &err), 0);
	teardown();
	setup();
	ck_assert_int_eq(create(2, false), 0);
	teardown(); /* nor a start */
}
END_TEST

START_TEST(a_reset_puts_registers_back)
{
	const struct boot_entry entry = { .rip = 0x1000200,
					  .rsi = 0x7000,
					  .cr3 = 0x9000,
					  .gdt = 0x6000,
					  .gdt_limit = 31 };

	setup();
	fake.vcpu[1].mp_state.mp_state = KVM_MP_STATE_UNINITIALIZED;
	fake.vcpu[0].regs.rip = 0xfff0;
	for (unsigned int i = 0; i < FAKE_MSRS; i++)
		fake.vcpu[0].msr[i] = i;
	ck_assert_int_eq(create(2, true), 0);
	ck_assert_int_eq(vcpus_set_entry(vcpus, &entry, &err), 0);
	ck_assert_uint_eq(fake.vcpu[0].regs.rip, entry.rip);
	ck_assert_uint_eq(fake.vcpu[0].regs.rsi, entry.rsi);
	ck_assert_uint_eq(fake.vcpu[0].sregs.cr3, entry.cr3);
	ck_assert_uint_eq(fake.vcpu[0].sregs.cs.l, 1);

	fake.vcpu[1].mp_state.mp_state = KVM_MP_STATE_RUNNABLE;
	for (unsigned int i = 0; i < FAKE_MSRS; i++)
		fake.vcpu[0].msr[i] = 0xdead;
	ck_assert_int_eq(vcpus_reset(vcpus, &err), 0);
	ck_assert_uint_eq(fake.vcpu[0].regs.rip, 0xfff0);
	ck_assert_uint_eq(fake.vcpu[0].sregs.cr3, 0);
	ck_assert_uint_eq(fake.vcpu[1].mp_state.mp_state,
			  KVM_MP_STATE_UNINITIALIZED);
	/* The TSC goes on; a bit of MISC_ENABLE is set at power-on. */
	ck_assert_uint_eq(fake.vcpu[0].msr[0], 0);
	ck_assert_uint_eq(fake.vcpu[0].msr[1], 1);
	for (unsigned int i = 2; i < FAKE_MSRS; i++)
		ck_assert_uint_eq(fake.vcpu[0].msr[i],
				  i % 50 == 49 || i % 70 == 69 ? 0xdead : i);
	fake.fail_request = KVM_SET_LAPIC;
	ck_assert_int_eq(vcpus_reset(vcpus, &err), -EIO);
	ck_assert_ptr_nonnull(strstr(err.msg, "KVM_SET_LAPIC"));
	teardown();
}
END_TEST

static uint64_t mtrr(unsigned int vcpu, uint32_t index)
{
	return fake.vcpu[vcpu].mtrr[index - FAKE_MTRR];
}

/* The fake has 39 bits of physical address. */
START_TEST(memory_types_are_as_firmware_leaves_them)
{
	setup();
	ck_assert_int_eq(create(2, true), 0);
	for (unsigned int i = 0; i < 2; i++) {
		ck_assert_uint_eq(mtrr(i, 0x2ff), 0x806); /* on, write-back */
		/* Uncached: 3 to 4 GiB; 256 to 512 GiB. */
		ck_assert_uint_eq(mtrr(i, 0x200), 0xc0000000);
		ck_assert_uint_eq(mtrr(i, 0x201), 0x7fc0000800);
		ck_assert_uint_eq(mtrr(i, 0x202), 0x4000000000);
		ck_assert_uint_eq(mtrr(i, 0x203), 0x4000000800);
	}
	memset(fake.vcpu[0].mtrr, 0xee, sizeof(fake.vcpu[0].mtrr));
	ck_assert_int_eq(vcpus_reset(vcpus, &err), 0);
	ck_assert_uint_eq(mtrr(0, 0x2ff), 0x806);
	ck_assert_uint_eq(mtrr(0, 0x203), 0x4000000800);
	ck_assert_uint_eq(mtrr(0, 0x20f), 0);
	ck_assert_uint_eq(mtrr(0, 0x250), 0);
	ck_assert_uint_eq(mtrr(0, 0x26f), 0);
	teardown();
}
END_TEST

/* KVM refuses one: no range is valid that is not whole. */
static const struct {
	uint32_t refused;
	uint64_t def, mask0, mask1;
} refused_mtrrs[] = {
	{ 0x2ff, 0, 0x7fc0000800, 0x4000000800 },
	{ 0x200, 0x806, 0, 0x4000000800 },
	{ 0x201, 0x806, 0, 0x4000000800 },
	{ 0x202, 0x806, 0x7fc0000800, 0 },
};

START_TEST(memory_types_that_kvm_refuses_are_done_without)
{
	for (size_t i = 0; i < ARRAY_SIZE(refused_mtrrs); i++) {
		setup();
		fake.refused_msr = refused_mtrrs[i].refused;
		ck_assert_int_eq(create(1, true), 0);
		ck_assert_uint_eq(mtrr(0, 0x2ff), refused_mtrrs[i].def);
		ck_assert_uint_eq(mtrr(0, 0x201), refused_mtrrs[i].mask0);
		ck_assert_uint_eq(mtrr(0, 0x203), refused_mtrrs[i].mask1);
		teardown();
	}
}
END_TEST

/* ---- work for every vCPU thread ---- */

static atomic_uint n_worked;
static _Thread_local unsigned int n_mine;
static atomic_uint entered_without;

static void on_work(void *opaque)
{
	atomic_fetch_add((atomic_uint *)opaque, 1);
	n_mine++;
}

static int guest_needs_work(struct fake_vcpu *vcpu, struct kvm_run *run)
{
	(void)vcpu;
	(void)run;
	if (n_mine == 0)
		atomic_fetch_add(&entered_without, 1);
	(void)usleep(200);
	return -EINTR;
}

static void await_work(unsigned int n)
{
	for (int i = 0; i < 10000 && atomic_load(&n_worked) < n; i++)
		(void)usleep(500);
	ck_assert_uint_ge(n_worked, n);
}

START_TEST(work_is_done_on_every_thread_before_it_runs_and_when_asked)
{
	static const struct moat_vcpu_work one = { on_work, &n_worked };

	setup();
	atomic_store(&n_worked, 0);
	atomic_store(&entered_without, 0);
	ck_assert_int_eq(vcpu_work_add(&work, &one), 0);
	vcpu_work_kick(&work); /* there is nobody yet */
	ck_assert_int_eq(create(3, false), 0);
	vcpu_work_kick(&work);
	for (unsigned int i = 0; i < 3; i++)
		fake.vcpu[i].guest = guest_needs_work;
	ck_assert_uint_eq(n_worked, 0);
	ck_assert_int_eq(vcpus_start(vcpus, &err), 0);
	await_work(3);
	for (unsigned int i = 2; i < 20; i++) {
		vcpu_work_kick(&work);
		await_work(3 * i);
	}
	/* Kicks do not keep them from stopping, nor stops from kicks. */
	vcpu_work_kick(&work);
	vcpus_stop(vcpus);
	vcpu_work_kick(&work);
	ck_assert_int_eq(vcpus_start(vcpus, &err), 0);
	vcpu_work_kick(&work);
	vcpu_work_remove(&work, &one);
	vcpus_stop(vcpus);
	atomic_store(&n_worked, 0);
	ck_assert_int_eq(vcpus_start(vcpus, &err), 0);
	vcpu_work_kick(&work);
	vcpus_stop(vcpus);
	ck_assert_uint_eq(n_worked, 0);
	ck_assert_uint_eq(entered_without, 0);
	teardown();
}
END_TEST

START_TEST(work_has_an_end)
{
	static const struct moat_vcpu_work one = { on_work, &n_worked };

	setup();
	for (unsigned int i = 0; i < VCPU_WORK_MAX; i++)
		ck_assert_int_eq(vcpu_work_add(&work, &one), 0);
	ck_assert_int_eq(vcpu_work_add(&work, &one), -ENOSPC);
	vcpu_work_remove(&work, &one);
	ck_assert_int_eq(vcpu_work_add(&work, &one), 0);
	teardown();
}
END_TEST

/* ---- where they run ---- */

static struct moat_set ran_on[2]; /* by the vCPU's number */
static atomic_uint n_ran;

static int guest_looks_where(struct fake_vcpu *vcpu, struct kvm_run *run)
{
	static _Thread_local bool looked;
	struct moat_set nodes;

	(void)run;
	if (!looked) {
		(void)moat_topology_allowed(&ran_on[vcpu - fake.vcpu], &nodes);
		atomic_fetch_add(&n_ran, 1);
	}
	looked = true;
	(void)usleep(200);
	return -EINTR;
}

START_TEST(each_runs_where_the_plan_says)
{
	struct moat_placed_node node = { .n_vcpus = 2 };
	struct moat_placed_vcpu vcpu[] = { { 0, -1 }, { 0, 0 } };
	const struct moat_placement p = {
		.n_nodes = 1,
		.node = &node,
		.n_vcpus = 2,
		.vcpu = vcpu,
	};
	struct moat_set nodes, one = { { 0 } };

	setup();
	ck_assert_int_eq(moat_topology_allowed(&node.cpus, &nodes), 0);
	vcpu[1].cpu = moat_set_next(&node.cpus, 0);
	moat_set_add(&one, (unsigned int)vcpu[1].cpu);
	placement = &p;
	ck_assert_int_eq(create(2, false), 0);
	fake.vcpu[0].guest = fake.vcpu[1].guest = guest_looks_where;
	ck_assert_int_eq(vcpus_start(vcpus, &err), 0);
	for (int i = 0; i < 10000 && atomic_load(&n_ran) < 2; i++)
		(void)usleep(500);
	vcpus_stop(vcpus);
	ck_assert_uint_eq(n_ran, 2);
	ck_assert_mem_eq(&ran_on[0], &node.cpus, sizeof(one));
	ck_assert_mem_eq(&ran_on[1], &one, sizeof(one));
	placement = NULL;
	teardown();
}
END_TEST

CHECK_MAIN("vcpu", each_runs_where_the_plan_says,
	   work_is_done_on_every_thread_before_it_runs_and_when_asked,
	   work_has_an_end,
	   cpuid_tells_one_socket_of_single_threaded_cores_on_intel,
	   cpuid_tells_one_socket_of_single_threaded_cores_on_amd,
	   cpuid_promises_no_leaf_and_no_timer_that_is_not_there,
	   creation_leaves_nothing_whichever_call_fails,
	   too_many_vcpus_are_refused, accesses_reach_the_buses,
	   a_vcpu_that_ends_says_what_and_where, the_first_death_counts,
	   they_stop_and_start_as_often_as_wanted, destroying_needs_no_stop,
	   a_reset_puts_registers_back,
	   memory_types_are_as_firmware_leaves_them,
	   memory_types_that_kvm_refuses_are_done_without)
