// SPDX-License-Identifier: GPL-2.0-or-later
/* Where the guest may have a BAR, on the machine as it is. */
#include <errno.h>

#include "common/util.h"
#include "tests/check_main.h"
#include "tests/vmm-glue/fake_kvm.h"
#include "vmm-glue/vmm_ops.h"

static struct fake_kvm fake;
static struct iobus mmio, pio;
static struct layout layout;
static struct vmm_place place;

static void setup(void)
{
	struct moat_err err;

	fake_kvm_init(&fake);
	(void)iobus_init(&mmio);
	(void)iobus_init(&pio);
	ck_assert_int_eq(layout_init(&layout, GiB, 40, &err), 0);
	place = (struct vmm_place) {
		.layout = &layout,
		.mmio = &mmio,
		.pio = &pio,
	};
	ck_assert_int_eq(kvm_vm_create(&fake.sys, &place.vm, &err), 0);
}

static void teardown(void)
{
	kvm_vm_destroy(place.vm);
	ck_assert_uint_eq(mmio.n + pio.n, 0);
	iobus_fini(&mmio);
	iobus_fini(&pio);
	ck_assert(fake_kvm_is_clean(&fake));
}

#define RAM (16 * MiB)

static const struct {
	uint64_t first, len;
	int want;
} memory_cases[] = {
	{ 0xc0000000, 0x1000, 0 },
	{ 0xc0000000, 0x20000000, 0 },
	{ 0xdffff000, 0x2000, -EEXIST }, /* into ECAM */
	{ 0xe0000000, 0x1000, -EEXIST },
	{ 0xfebff000, 0x1000, 0 },
	{ 0xfec00000, 0x1000, -EEXIST }, /* I/O APIC */
	{ 0xfe000000, 0x1000000, -EEXIST },
	{ 0xfee00000, 0x1000, -EEXIST }, /* local APICs */
	{ 0xfeed0000, 0x10000, -EEXIST },
	{ 0xfef00000, 0x1000, 0 },
	{ 0xfeffd000, 0x1000, -EEXIST }, /* KVM's own */
	{ 0x8000000000, 0x40000000, 0 },
	{ RAM - 0x1000, 0x1000, -EEXIST },
	{ RAM, 0x1000, 0 },
	{ UINT64_MAX - 0xfff, 0x2000, -EINVAL },
	{ 0xc0000000, 0, -EINVAL },
};

START_TEST(memory_lies_beside_ram_and_platform)
{
	static char page[4096] __attribute__((aligned(4096)));
	unsigned int ram, handle;

	setup();
	ck_assert_int_eq(kvm_vm_map(place.vm, 0, RAM, page, &ram), 0);
	for (size_t i = 0; i < ARRAY_SIZE(memory_cases); i++) {
		int r = vmm_kvm_ops.map_memory(&place, memory_cases[i].first,
					       memory_cases[i].len, page,
					       &handle);

		ck_assert_msg(r == memory_cases[i].want, "case %zu: %d", i, r);
		if (r == 0)
			vmm_kvm_ops.unmap_memory(&place, handle);
	}
	kvm_vm_unmap(place.vm, ram);
	teardown();
}
END_TEST

static const struct {
	enum moat_trap_space space;
	uint64_t first, last;
	int want;
} trap_cases[] = {
	{ MOAT_TRAP_MMIO, 0xc0000000, 0xc0000fff, 0 },
	{ MOAT_TRAP_MMIO, 0xfec00000, 0xfec0000f, -EEXIST },
	{ MOAT_TRAP_MMIO, 0xfe000000, 0xfeffffff, -EEXIST },
	{ MOAT_TRAP_MMIO, 0xfee00300, 0xfee0030f, -EEXIST },
	{ MOAT_TRAP_MMIO, LAYOUT_ECAM, LAYOUT_ECAM_LAST, -EEXIST },
	/* The same numbers are nothing among ports. */
	{ MOAT_TRAP_PIO, 0xfec0, 0xfecf, 0 },
};

START_TEST(traps_lie_beside_the_platform)
{
	setup();
	for (size_t i = 0; i < ARRAY_SIZE(trap_cases); i++) {
		struct moat_trap trap = {
			.space = trap_cases[i].space,
			.first = trap_cases[i].first,
			.last = trap_cases[i].last,
		};
		int r = vmm_kvm_ops.trap(&place, &trap);

		ck_assert_msg(r == trap_cases[i].want, "case %zu: %d", i, r);
		if (r == 0)
			vmm_kvm_ops.untrap(&place, &trap);
	}
	teardown();
}
END_TEST

/* Physical mode: an APIC id, which is the vCPU's number; logical: a bit each. */
static const struct {
	uint64_t address;
	int want; /* CPU */
} message_cases[] = {
	{ 0xfee00000, 10 }, /* vCPU 0 */
	{ 0xfee02000, 30 }, /* vCPU 2 */
	{ 0xfee01000, 13 }, /* vCPU 1 has none of its own: of its node's */
	{ 0xfee03000, -1 }, /* its node has none, either */
	{ 0xfee04000, -1 }, /* there are four */
	{ 0xfeeff000, -1 }, /* all */
	{ 0xfee04004, 30 }, /* logical: the third bit */
	{ 0xfee05004, 10 }, /* the lowest of two */
	{ 0xfee00004, -1 }, /* nobody */
	{ 0xfed02000, -1 }, /* no interrupt at all */
	{ 0x100000000 | 0xfee00000, -1 },
};

START_TEST(messages_are_for_the_cpus_of_vcpus)
{
	struct moat_placed_vcpu vcpu[] = {
		{ 0, 10 }, { 0, -1 }, { 0, 30 }, { 1, -1 }
	};
	struct moat_placed_node node[2] = { { .host_node = 0 },
					    { .host_node = 1 } };
	const struct moat_placement placement = {
		.n_nodes = 2,
		.node = node,
		.n_vcpus = ARRAY_SIZE(vcpu),
		.vcpu = vcpu,
	};

	moat_set_add(&node[0].cpus, 11);
	moat_set_add(&node[0].cpus, 13);
	for (size_t i = 0; i < ARRAY_SIZE(message_cases); i++) {
		const struct moat_msi_msg msg = {
			.address = message_cases[i].address,
		};

		place.placement = &placement;
		ck_assert_msg(vmm_kvm_ops.msi_cpu(&place, &msg) ==
				      message_cases[i].want,
			      "case %zu", i);
		place.placement = NULL;
		ck_assert_int_eq(vmm_kvm_ops.msi_cpu(&place, &msg), -1);
	}
}
END_TEST

CHECK_MAIN("vmm_ops", memory_lies_beside_ram_and_platform,
	   traps_lie_beside_the_platform, messages_are_for_the_cpus_of_vcpus)
