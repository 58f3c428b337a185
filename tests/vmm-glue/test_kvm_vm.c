// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>

#include "common/util.h"
#include "tests/check_main.h"
#include "tests/vmm-glue/fake_kvm.h"
#include "vmm-glue/kvm_vm.h"
#include "vmm-glue/layout.h"

static struct fake_kvm fake;
static struct kvm_vm *vm;
static struct moat_err err;

static void setup(void)
{
	fake_kvm_init(&fake);
	memset(&err, 0, sizeof(err));
	vm = NULL;
}

static void setup_vm(void)
{
	setup();
	ck_assert_int_eq(kvm_vm_create(&fake.sys, &vm, &err), 0);
}

static void teardown(void)
{
	kvm_vm_destroy(vm);
	vm = NULL;
	ck_assert(fake_kvm_is_clean(&fake));
}

START_TEST(creation_leaves_nothing_whichever_call_fails)
{
	unsigned int n;

	setup_vm();
	n = fake.n_calls;
	teardown();
	ck_assert_uint_gt(n, 8);
	for (unsigned int i = 1; i <= n; i++) {
		setup();
		fake.fail_at = i;
		ck_assert_int_eq(kvm_vm_create(&fake.sys, &vm, &err), -EIO);
		ck_assert_msg(err.msg[0], "call %u: no sentence", i);
		ck_assert_msg(fake_kvm_is_clean(&fake), "call %u leaks", i);
	}
	/* No more than that many calls: the next one would not come. */
	setup();
	fake.fail_at = n + 1;
	ck_assert_int_eq(kvm_vm_create(&fake.sys, &vm, &err), 0);
	teardown();
}
END_TEST

static const struct {
	int open_error;
	const char *says;
} open_cases[] = {
	{ -ENOENT, "load kvm_intel or kvm_amd" },
	{ -ENODEV, "firmware" },
	{ -EACCES, "group kvm" },
	{ -EPERM, "run as root" },
	{ -EMFILE, "Too many open files" },
};

START_TEST(a_missing_kvm_is_explained)
{
	for (size_t i = 0; i < ARRAY_SIZE(open_cases); i++) {
		setup();
		fake.open_error = open_cases[i].open_error;
		ck_assert_int_eq(kvm_vm_create(&fake.sys, &vm, &err),
				 open_cases[i].open_error);
		ck_assert_ptr_nonnull(strstr(err.msg, "/dev/kvm"));
		ck_assert_ptr_nonnull(strstr(err.msg, open_cases[i].says));
	}
	setup();
	fake.api_version = 11;
	ck_assert_int_eq(kvm_vm_create(&fake.sys, &vm, &err), -EPROTO);
	ck_assert_ptr_nonnull(strstr(err.msg, "11"));
	setup();
	fake.missing_cap = KVM_CAP_IRQFD_RESAMPLE;
	ck_assert_int_eq(kvm_vm_create(&fake.sys, &vm, &err), -ENOTSUP);
	ck_assert_ptr_nonnull(strstr(err.msg, "resample"));
	ck_assert(fake_kvm_is_clean(&fake));
}
END_TEST

START_TEST(intels_pages_are_always_set)
{
	setup_vm();
	ck_assert_uint_eq(fake.identity_map, LAYOUT_IDENTITY_MAP);
	ck_assert_uint_eq(fake.tss, LAYOUT_TSS);
	ck_assert(fake.irqchip && fake.pit);
	ck_assert_uint_eq(kvm_vm_phys_bits(vm), 0x27);
	teardown();
}
END_TEST

START_TEST(cpuid_grows_until_all_fits)
{
	setup();
	fake.n_supported = FAKE_CPUID; /* more than is asked for at first */
	ck_assert_int_eq(kvm_vm_create(&fake.sys, &vm, &err), 0);
	ck_assert_uint_eq(kvm_vm_cpuid(vm)->nent, FAKE_CPUID);
	teardown();
}
END_TEST

static const struct {
	uint64_t gpa, len;
	int want;
} map_cases[] = {
	{ 0x0, 0x10000, 0 },
	{ 0xf000, 0x1000, -EEXIST }, /* the end of the first */
	{ 0x10000, 0x1000, 0 },
	{ 0x0, 0x100000, -EEXIST },
	{ 0x20000, 0, -EINVAL },
	{ 0xfffffffffffff000, 0x2000, -EINVAL }, /* wraps */
	{ 0xfffffffffffff000, 0x1000, 0 },	 /* the top */
	{ 0x30000, 0x1000, 0 },
	{ 0x40000, 0x1000, -ENOSPC }, /* FAKE_SLOTS are taken */
};

START_TEST(slots_do_not_overlap_and_run_out)
{
	unsigned int slot[ARRAY_SIZE(map_cases)], again;
	char host[1];

	setup_vm();
	for (size_t i = 0; i < ARRAY_SIZE(map_cases); i++)
		ck_assert_msg(kvm_vm_map(vm, map_cases[i].gpa, map_cases[i].len,
					 host, &slot[i]) == map_cases[i].want,
			      "case %zu", i);
	kvm_vm_unmap(vm, slot[2]);
	ck_assert_uint_eq(fake.slot[slot[2]].memory_size, 0);
	ck_assert_int_eq(kvm_vm_map(vm, 0x40000, 0x1000, host, &again), 0);
	ck_assert_uint_eq(again, slot[2]);
	kvm_vm_unmap(vm, again);
	kvm_vm_unmap(vm, again); /* harmless */
	kvm_vm_unmap(vm, 12345);
	/* What KVM refuses is not noted as taken. */
	fake.fail_request = KVM_SET_USER_MEMORY_REGION;
	ck_assert_int_eq(kvm_vm_map(vm, 0x40000, 0x1000, host, &again), -EIO);
	fake.fail_request = 0;
	ck_assert_int_eq(kvm_vm_map(vm, 0x40000, 0x1000, host, &again), 0);
	teardown();
}
END_TEST

/* GSI 0 to 15 reach a PIC and the I/O APIC, 16 to 23 the I/O APIC alone. */
START_TEST(the_fixed_routes_are_those_of_a_pc)
{
	unsigned int pic[16] = { 0 }, ioapic[24] = { 0 };

	setup_vm();
	for (uint32_t i = 0; i < fake.n_routes; i++) {
		const struct kvm_irq_routing_entry *e = &fake.route[i];

		ck_assert_uint_eq(e->type, KVM_IRQ_ROUTING_IRQCHIP);
		if (e->u.irqchip.irqchip == KVM_IRQCHIP_IOAPIC) {
			ck_assert_uint_eq(e->u.irqchip.pin, e->gsi);
			ioapic[e->gsi]++;
		} else {
			ck_assert_uint_eq(e->u.irqchip.irqchip * 8 +
						  e->u.irqchip.pin,
					  e->gsi);
			pic[e->gsi]++;
		}
	}
	for (unsigned int i = 0; i < 16; i++)
		ck_assert_uint_eq(pic[i], 1);
	for (unsigned int i = 0; i < 24; i++)
		ck_assert_uint_eq(ioapic[i], 1);
	teardown();
}
END_TEST

static const struct moat_msi_msg msg_a = { 0xfee01000, 0x4021 };
static const struct moat_msi_msg msg_b = { 0xfee02000, 0x4022 };
static const struct moat_msi_msg msg_far = { 0x1fee00000, 0x33 };

START_TEST(msi_routes_take_effect_at_the_commit)
{
	unsigned int a, b;
	const char *me = "one device";

	setup_vm();
	ck_assert_int_eq(kvm_vm_msi_connect(vm, me, 50, &msg_a, &a), 0);
	ck_assert_int_eq(kvm_vm_msi_connect(vm, me, 51, &msg_far, &b), 0);
	ck_assert_int_ne(a, b);
	ck_assert_int_eq(fake_kvm_gsi_of(&fake, 50), -1);
	ck_assert_int_eq(kvm_vm_msi_commit(vm, me), 0);
	ck_assert_int_eq(fake_kvm_gsi_of(&fake, 50), (int)(LAYOUT_GSI_MSI + a));
	ck_assert_uint_eq(fake_kvm_msi(&fake, LAYOUT_GSI_MSI + a)->address_lo,
			  msg_a.address);
	ck_assert_uint_eq(fake_kvm_msi(&fake, LAYOUT_GSI_MSI + b)->address_hi,
			  1);
	ck_assert_uint_eq(fake_kvm_msi(&fake, LAYOUT_GSI_MSI + b)->data, 0x33);

	/* A new message keeps the irqfd; nothing new asks nothing of KVM. */
	ck_assert_int_eq(kvm_vm_msi_update(vm, a, &msg_b), 0);
	ck_assert_uint_eq(fake_kvm_msi(&fake, LAYOUT_GSI_MSI + a)->data,
			  msg_a.data);
	ck_assert_int_eq(kvm_vm_msi_commit(vm, me), 0);
	ck_assert_uint_eq(fake_kvm_msi(&fake, LAYOUT_GSI_MSI + a)->data,
			  msg_b.data);
	ck_assert_uint_eq(fake.n_irqfds, 2);
	fake.routings_set = 0;
	ck_assert_int_eq(kvm_vm_msi_commit(vm, me), 0);
	ck_assert_uint_eq(fake.routings_set, 0);

	kvm_vm_msi_disconnect(vm, a);
	ck_assert_int_eq(kvm_vm_msi_update(vm, a, &msg_b), -ENOENT);
	ck_assert_int_ne(fake_kvm_gsi_of(&fake, 50), -1);
	ck_assert_int_eq(kvm_vm_msi_commit(vm, me), 0);
	ck_assert_int_eq(fake_kvm_gsi_of(&fake, 50), -1);
	ck_assert_ptr_null(fake_kvm_msi(&fake, LAYOUT_GSI_MSI + a));
	ck_assert_ptr_nonnull(fake_kvm_msi(&fake, LAYOUT_GSI_MSI + b));
	teardown();
}
END_TEST

/* Connect, update, disconnect at once, and every call of it fails in turn. */
START_TEST(a_failed_commit_changes_nothing)
{
	unsigned int gone, changed, fresh;
	const char *me = "one device";
	bool done = false;

	for (unsigned int i = 1; !done; i++) {
		setup_vm();
		(void)kvm_vm_msi_connect(vm, me, 60, &msg_a, &gone);
		(void)kvm_vm_msi_connect(vm, me, 61, &msg_a, &changed);
		ck_assert_int_eq(kvm_vm_msi_commit(vm, me), 0);
		kvm_vm_msi_disconnect(vm, gone);
		(void)kvm_vm_msi_update(vm, changed, &msg_b);
		(void)kvm_vm_msi_connect(vm, me, 62, &msg_b, &fresh);
		ck_assert_int_ne(fresh, gone);
		/* Taking away cannot be refused in a way that matters. */
		fake.fail_at = i + 1;
		done = kvm_vm_msi_commit(vm, me) == 0;
		fake.fail_at = 0;
		if (!done) {
			ck_assert_int_eq(fake_kvm_gsi_of(&fake, 60),
					 (int)(LAYOUT_GSI_MSI + gone));
			ck_assert_int_eq(fake_kvm_gsi_of(&fake, 61),
					 (int)(LAYOUT_GSI_MSI + changed));
			ck_assert_int_eq(fake_kvm_gsi_of(&fake, 62), -1);
			ck_assert_uint_eq(
				fake_kvm_msi(&fake, LAYOUT_GSI_MSI + gone)->data,
				msg_a.data);
			ck_assert_uint_eq(
				fake_kvm_msi(&fake, LAYOUT_GSI_MSI + changed)
					->data,
				msg_a.data);
			ck_assert_ptr_null(
				fake_kvm_msi(&fake, LAYOUT_GSI_MSI + fresh));
			/* And the notes are forgotten. */
			fake.routings_set = 0;
			ck_assert_int_eq(kvm_vm_msi_commit(vm, me), 0);
			ck_assert_uint_eq(fake.routings_set, 0);
		}
		teardown();
		ck_assert_uint_le(i, 3);
	}
}
END_TEST

START_TEST(a_commit_is_one_devices_own)
{
	unsigned int one, other;
	const char *me = "one device", *you = "another";

	setup_vm();
	(void)kvm_vm_msi_connect(vm, me, 70, &msg_a, &one);
	(void)kvm_vm_msi_connect(vm, you, 71, &msg_b, &other);
	ck_assert_int_eq(kvm_vm_msi_commit(vm, me), 0);
	ck_assert_int_ne(fake_kvm_gsi_of(&fake, 70), -1);
	ck_assert_int_eq(fake_kvm_gsi_of(&fake, 71), -1);
	ck_assert_ptr_null(fake_kvm_msi(&fake, LAYOUT_GSI_MSI + other));
	/* Nor does a failure of one forget what the other has noted. */
	(void)kvm_vm_msi_update(vm, one, &msg_far);
	fake.fail_request = KVM_SET_GSI_ROUTING;
	ck_assert_int_eq(kvm_vm_msi_commit(vm, me), -EIO);
	fake.fail_request = 0;
	ck_assert_int_eq(kvm_vm_msi_commit(vm, you), 0);
	ck_assert_int_ne(fake_kvm_gsi_of(&fake, 71), -1);
	ck_assert_uint_eq(fake_kvm_msi(&fake, LAYOUT_GSI_MSI + one)->data,
			  msg_a.data);
	teardown();
}
END_TEST

START_TEST(routes_run_out)
{
	unsigned int route, n = 0;

	setup_vm();
	while (kvm_vm_msi_connect(vm, "me", 80, &msg_a, &route) == 0)
		n++;
	ck_assert_uint_eq(n, FAKE_ROUTES - 40);
	ck_assert_int_eq(kvm_vm_msi_connect(vm, "me", 80, &msg_a, &route),
			 -ENOSPC);
	kvm_vm_msi_disconnect(vm, 7);
	ck_assert_int_eq(kvm_vm_msi_connect(vm, "me", 80, &msg_a, &route), 0);
	ck_assert_uint_eq(route, 7);
	teardown();
}
END_TEST

START_TEST(level_interrupts_resample)
{
	setup_vm();
	ck_assert_int_eq(kvm_vm_irqfd(vm, 17, 90, 91), 0);
	ck_assert_uint_eq(fake.irqfd[0].gsi, 17);
	ck_assert_uint_eq(fake.irqfd[0].flags, KVM_IRQFD_FLAG_RESAMPLE);
	ck_assert_uint_eq(fake.irqfd[0].resamplefd, 91);
	kvm_vm_irqfd_remove(vm, 17, 90);
	ck_assert_uint_eq(fake.n_irqfds, 0);
	ck_assert_int_eq(kvm_vm_irq_line(vm, 4, true), 0);
	ck_assert_uint_eq(fake.line.irq, 4);
	ck_assert_uint_eq(fake.line.level, 1);
	teardown();
}
END_TEST

START_TEST(vfio_files_are_told_and_untold)
{
	setup_vm();
	ck_assert(!fake.vfio_open);
	ck_assert_int_eq(kvm_vm_vfio_file_added(vm, 33, &err), 0);
	ck_assert_int_eq(kvm_vm_vfio_file_added(vm, 34, &err), 0);
	ck_assert(fake.vfio_open);
	ck_assert_uint_eq(fake.n_vfio_files, 2);
	kvm_vm_vfio_file_removed(vm, 33);
	ck_assert_uint_eq(fake.n_vfio_files, 1);
	ck_assert_int_eq(fake.vfio_file[0], 34);
	fake.fail_request = KVM_SET_DEVICE_ATTR;
	ck_assert_int_eq(kvm_vm_vfio_file_added(vm, 35, &err), -EIO);
	ck_assert_ptr_nonnull(strstr(err.msg, "VFIO file"));
	teardown();

	setup_vm();
	fake.fail_request = KVM_CREATE_DEVICE;
	fake.fail_with = -ENODEV;
	ck_assert_int_eq(kvm_vm_vfio_file_added(vm, 33, &err), -ENODEV);
	ck_assert_ptr_nonnull(strstr(err.msg, "CONFIG_KVM_VFIO"));
	teardown();
}
END_TEST

START_TEST(the_chips_go_back_to_power_on)
{
	setup_vm();
	ck_assert_int_eq(kvm_vm_reset_irqchips(vm, &err), 0);
	ck_assert_uint_eq(fake.irqchips_set, 3);
	ck_assert_uint_eq(fake.pits_set, 1);
	fake.fail_request = KVM_SET_PIT2;
	ck_assert_int_eq(kvm_vm_reset_irqchips(vm, &err), -EIO);
	teardown();
}
END_TEST

CHECK_MAIN("kvm_vm", creation_leaves_nothing_whichever_call_fails,
	   a_missing_kvm_is_explained, intels_pages_are_always_set,
	   cpuid_grows_until_all_fits, slots_do_not_overlap_and_run_out,
	   the_fixed_routes_are_those_of_a_pc,
	   msi_routes_take_effect_at_the_commit,
	   a_failed_commit_changes_nothing, a_commit_is_one_devices_own,
	   routes_run_out, level_interrupts_resample,
	   vfio_files_are_told_and_untold, the_chips_go_back_to_power_on)
