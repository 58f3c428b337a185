// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The whole machine, without assigned devices, on a fake KVM: it is built
 * and unbuilt with every call of KVM failing in turn, and runs guests that
 * are C functions.
 */
#include <asm/bootparam.h>
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/io.h"
#include "common/util.h"
#include "tests/check_main.h"
#include "tests/vmm-glue/fake_kvm.h"
#include "vmm-glue/machine_internal.h"
#include "vmm-glue/pm_regs.h"

static struct fake_kvm fake;
static struct machine *machine;
static struct moat_err err;
static char dir[] = "/tmp/moat-machine-XXXXXX";
static char kernel_path[64], serial_spec[64], timeline_path[64];
static struct run_options opts;

/* Devices may be armed only when all of them are plugged. */
static atomic_uint n_armed;

void __real_machine_devices_arm(struct machine_devices *devices);
void __wrap_machine_devices_arm(struct machine_devices *devices);

void __wrap_machine_devices_arm(struct machine_devices *devices)
{
	atomic_fetch_add(&n_armed, 1);
	__real_machine_devices_arm(devices);
}

static void put_kernel(void)
{
	static uint8_t image[4096];
	struct setup_header *hdr = (struct setup_header *)(image + 0x1f1);
	FILE *f;

	memset(image, 0, sizeof(image));
	hdr->setup_sects = 1;
	hdr->syssize = (sizeof(image) - 1024) / 16;
	hdr->boot_flag = 0xaa55;
	image[0x201] = 0x6a;
	hdr->header = 0x53726448;
	hdr->version = 0x20f;
	hdr->loadflags = LOADED_HIGH;
	hdr->xloadflags = XLF_KERNEL_64;
	hdr->pref_address = 16 * MiB;
	hdr->init_size = MiB;
	hdr->cmdline_size = 255;
	f = fopen(kernel_path, "w");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(image, 1, sizeof(image), f), sizeof(image));
	ck_assert_int_eq(fclose(f), 0);
}

static void setup(void)
{
	memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(kernel_path, sizeof(kernel_path), "%s/kernel", dir);
	(void)snprintf(serial_spec, sizeof(serial_spec), "file:%s/serial", dir);
	(void)snprintf(timeline_path, sizeof(timeline_path), "%s/timeline",
		       dir);
	put_kernel();
	fake_kvm_init(&fake);
	memset(&err, 0, sizeof(err));
	machine = NULL;
	opts = (struct run_options) {
		.kernel = kernel_path,
		.append = "quiet",
		.mem_bytes = 32 * MiB,
		.smp = 2,
		.name = "test",
		.hugepages = HUGEPAGES_OFF,
		.serial = serial_spec,
		.timeline = timeline_path,
	};
}

static void teardown(void)
{
	machine_destroy(machine);
	machine = NULL;
	ck_assert(fake_kvm_is_clean(&fake));
	(void)unlink(kernel_path);
	(void)unlink(serial_spec + strlen("file:"));
	(void)unlink(timeline_path);
	(void)rmdir(dir);
}

static unsigned int count_entries(const char *path)
{
	DIR *d = opendir(path);
	unsigned int n = 0;

	ck_assert_ptr_nonnull(d);
	while (readdir(d))
		n++;
	(void)closedir(d);
	return n;
}

static bool signal_is_blocked(int signal)
{
	sigset_t set;

	ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, NULL, &set), 0);
	return sigismember(&set, signal) == 1;
}

START_TEST(building_leaves_nothing_whichever_call_fails)
{
	unsigned int n, fds, threads;

	setup();
	fds = count_entries("/proc/self/fd");
	ck_assert_msg(machine_create_on(&fake.sys, &opts, &machine, &err) == 0,
		      "%s", err.msg);
	ck_assert(signal_is_blocked(SIGTERM));
	ck_assert_int_ge(access(serial_spec + strlen("file:"), F_OK), 0);
	n = fake.n_calls;
	teardown();
	ck_assert_uint_gt(n, 40);
	ck_assert_uint_eq(n_armed, 1);
	/* Sanitizers have a thread of their own from the first one on. */
	threads = count_entries("/proc/self/task");
	for (unsigned int i = 1; i <= n; i++) {
		setup();
		fake.fail_at = i;
		ck_assert_msg(
			machine_create_on(&fake.sys, &opts, &machine, &err) < 0,
			"call %u", i);
		ck_assert_ptr_null(machine);
		ck_assert_msg(err.msg[0], "call %u: no sentence", i);
		ck_assert_msg(n_armed == 1, "call %u: armed", i);
		teardown();
		ck_assert_uint_eq(count_entries("/proc/self/fd"), fds);
		/* A thread that is joined may be listed a moment longer. */
		for (unsigned int j = 0;
		     j < 1000 && count_entries("/proc/self/task") != threads;
		     j++)
			(void)usleep(1000);
		ck_assert_uint_eq(count_entries("/proc/self/task"), threads);
		ck_assert(!signal_is_blocked(SIGTERM));
	}
}
END_TEST

static void bad_kernel(void)
{
	opts.kernel = "/dev/null";
}
static void bad_initrd(void)
{
	opts.initrd = "/nonexistent/initrd";
}
static void bad_device(void)
{
	opts.pcidevice.item[opts.pcidevice.n++] = "host=nonsense";
}
static void dma_none_with_a_file(void)
{
	opts.pcidevice.item[opts.pcidevice.n++] = "host=00:00.0,dma=none,fd=9";
}
static void device_twice(void)
{
	opts.pcidevice.item[opts.pcidevice.n++] = "host=ffff:00:00.0";
	opts.pcidevice.item[opts.pcidevice.n++] = "host=ffff:00:00.0,name=x";
}
static void bad_size(void)
{
	opts.mem_bytes = 33 * MiB;
}
static void too_small(void)
{
	opts.mem_bytes = 16 * MiB;
}
static void too_many(void)
{
	opts.smp = FAKE_VCPUS + 1;
}
static void bad_serial(void)
{
	opts.serial = "nonsense";
}
static void bad_mem_path(void)
{
	opts.hugepages = HUGEPAGES_AUTO;
	opts.mem_path = "/nonexistent/dir";
}

static void serial_in_no_dir(void)
{
	opts.serial = "file:/nonexistent/x";
}
static void bad_timeline(void)
{
	opts.timeline = "/nonexistent/x";
}
static void not_in_pages(void)
{
	opts.hugepages = HUGEPAGES_1G;
}
static void bad_place(void)
{
	opts.place = "here";
}
static void too_many_devices(void)
{
	static char spec[PCI_HOST_PLACES + 1][32];

	for (unsigned int i = 0; i < ARRAY_SIZE(spec); i++) {
		(void)snprintf(spec[i], sizeof(spec[i]), "host=ffff:%02x:00.0",
			       i);
		opts.pcidevice.item[opts.pcidevice.n++] = spec[i];
	}
}

static const struct {
	void (*spoil)(void);
	const char *says;
	bool before_kvm;
} refusal_cases[] = {
	{ bad_kernel, "/dev/null", true },
	{ bad_initrd, "/nonexistent/initrd", true },
	{ bad_device, "nonsense", true },
	{ dma_none_with_a_file, "fd= is for dma=iommu", true },
	{ device_twice, "twice", true },
	{ bad_size, "multiple of 2 MiB", false },
	{ too_small, "too little", false },
	{ too_many, "-smp 5", false },
	{ bad_serial, "nonsense", false },
	{ bad_mem_path, "/nonexistent/dir", false },
	{ serial_in_no_dir, "-serial file:/nonexistent/x", false },
	{ bad_timeline, "-timeline /nonexistent/x", false },
	{ not_in_pages, "1 GiB", false },
	{ bad_place, "-place: 'here'", true },
	{ too_many_devices, "-pcidevice is given 32 times", true },
};

START_TEST(bad_options_are_refused_by_name)
{
	unsigned int fds = count_entries("/proc/self/fd");

	for (size_t i = 0; i < ARRAY_SIZE(refusal_cases); i++) {
		setup();
		refusal_cases[i].spoil();
		ck_assert_int_lt(
			machine_create_on(&fake.sys, &opts, &machine, &err), 0);
		ck_assert_msg(strstr(err.msg, refusal_cases[i].says),
			      "no '%s' in '%s'", refusal_cases[i].says,
			      err.msg);
		ck_assert(fake.n_calls == 0 || !refusal_cases[i].before_kvm);
		/* vCPUs are made while devices open: it did not come so far. */
		ck_assert_uint_eq(fake.vcpu[0].n_cpuid, 0);
		teardown();
		ck_assert_uint_eq(count_entries("/proc/self/fd"), fds);
	}
}
END_TEST

/* ---- guests ---- */

static int out(struct kvm_run *run, uint16_t port, unsigned int size,
	       uint32_t value)
{
	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = KVM_EXIT_IO_OUT;
	run->io.size = (uint8_t)size;
	run->io.port = port;
	run->io.count = 1;
	run->io.data_offset = 4096;
	memcpy((uint8_t *)run + 4096, &value, size);
	return 0;
}

static int power_off(struct kvm_run *run)
{
	return out(run, LAYOUT_PORT_PM + PM1_CNT, 2,
		   PM_SLP_TYP_S5 << PM1_SLP_TYP_SHIFT | PM1_SLP_EN);
}

static int wait_for_kick(void)
{
	(void)usleep(500);
	return -EINTR;
}

/* Says "k" and the number of its boot; resets once, then powers off. */
static unsigned int step, boots;

static int guest_boots_twice(struct fake_vcpu *vcpu, struct kvm_run *run)
{
	/* The first instruction of a boot: the kernel's entry. */
	if (vcpu->regs.rip == 16 * MiB + 0x200) {
		vcpu->regs.rip++;
		boots++;
		step = 0;
	}
	switch (step++) {
	case 0:
		return out(run, LAYOUT_PORT_COM1, 1, 'k');
	case 1:
		return out(run, LAYOUT_PORT_COM1, 1, '0' + boots);
	case 2:
		return boots == 1
			       ? out(run, LAYOUT_PORT_RESET, 1, RST_NOW_VALUE)
			       : power_off(run);
	default:
		return wait_for_kick();
	}
}

static void build(int (*guest)(struct fake_vcpu *vcpu, struct kvm_run *run))
{
	setup();
	boots = step = 0;
	fake.vcpu[0].guest = guest;
	fake.vcpu[1].mp_state.mp_state = KVM_MP_STATE_UNINITIALIZED;
	ck_assert_msg(machine_create_on(&fake.sys, &opts, &machine, &err) == 0,
		      "%s", err.msg);
}

static void serial_says(const char *want)
{
	char text[64];

	ck_assert_int_eq(moat_read_text(serial_spec + strlen("file:"), text,
					sizeof(text)),
			 0);
	ck_assert_str_eq(text, want);
}

START_TEST(a_reset_boots_again_and_power_off_ends)
{
	build(guest_boots_twice);
	ck_assert_msg(machine_run(machine, &err) == 0, "%s", err.msg);
	ck_assert_uint_eq(boots, 2);
	ck_assert_uint_eq(fake.irqchips_set, 3);
	ck_assert_uint_eq(fake.pits_set, 1);
	machine_destroy(machine);
	machine = NULL;
	serial_says("k1k2");
	ck_assert_int_eq(access(timeline_path, F_OK), 0);
	teardown();
}
END_TEST

START_TEST(no_reboot_ends_at_a_reset)
{
	setup();
	boots = step = 0;
	opts.no_reboot = true;
	fake.vcpu[0].guest = guest_boots_twice;
	ck_assert_int_eq(machine_create_on(&fake.sys, &opts, &machine, &err),
			 0);
	ck_assert_int_eq(machine_run(machine, &err), 0);
	ck_assert_uint_eq(boots, 1);
	teardown();
}
END_TEST

/* A reset is refused by KVM: the machine ends, and says where. */
START_TEST(a_failed_reset_is_an_error)
{
	build(guest_boots_twice);
	fake.fail_request = KVM_SET_PIT2;
	ck_assert_int_eq(machine_run(machine, &err), -EIO);
	ck_assert_ptr_nonnull(strstr(err.msg, "reset failed"));
	ck_assert_ptr_nonnull(strstr(err.msg, "KVM_SET_PIT2"));
	teardown();
}
END_TEST

static int guest_dies(struct fake_vcpu *vcpu, struct kvm_run *run)
{
	(void)vcpu;
	run->exit_reason = KVM_EXIT_FAIL_ENTRY;
	return 0;
}

START_TEST(a_dead_vcpu_ends_the_machine)
{
	build(guest_dies);
	ck_assert_int_eq(machine_run(machine, &err), -EIO);
	ck_assert_ptr_nonnull(strstr(err.msg, "vCPU 0"));
	teardown();
}
END_TEST

static int guest_triple_faults_once(struct fake_vcpu *vcpu, struct kvm_run *run)
{
	if (vcpu->regs.rip != 16 * MiB + 0x200)
		return wait_for_kick();
	vcpu->regs.rip++;
	if (++boots > 1)
		return power_off(run);
	run->exit_reason = KVM_EXIT_SHUTDOWN;
	return 0;
}

START_TEST(a_triple_fault_resets)
{
	build(guest_triple_faults_once);
	ck_assert_int_eq(machine_run(machine, &err), 0);
	ck_assert_uint_eq(boots, 2);
	teardown();
}
END_TEST

static int guest_sleeps(struct fake_vcpu *vcpu, struct kvm_run *run)
{
	(void)vcpu;
	(void)run;
	return wait_for_kick();
}

START_TEST(signals_end_it_in_order)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		build(guest_sleeps);
		ck_assert_int_eq(raise(signals[i]), 0);
		ck_assert_int_eq(machine_run(machine, &err), 0);
		/* A second one, on the way down, does no harm. */
		ck_assert_int_eq(raise(signals[i]), 0);
		teardown();
	}
}
END_TEST

/* The signal came while RAM was being populated. */
START_TEST(a_signal_ends_the_building_too)
{
	setup();
	ck_assert_int_eq(sigprocmask(SIG_BLOCK,
				     &(sigset_t) { { 1UL << (SIGTERM - 1) } },
				     NULL),
			 0);
	/* To the process, as from outside: any thread has it pending. */
	ck_assert_int_eq(kill(getpid(), SIGTERM), 0);
	ck_assert_int_eq(machine_create_on(&fake.sys, &opts, &machine, &err),
			 -EINTR);
	ck_assert_ptr_nonnull(strstr(err.msg, "interrupted"));
	ck_assert_int_eq(sigprocmask(SIG_UNBLOCK,
				     &(sigset_t) { { 1UL << (SIGTERM - 1) } },
				     NULL),
			 0);
	teardown();
}
END_TEST

CHECK_MAIN("machine", building_leaves_nothing_whichever_call_fails,
	   bad_options_are_refused_by_name,
	   a_reset_boots_again_and_power_off_ends, no_reboot_ends_at_a_reset,
	   a_failed_reset_is_an_error, a_dead_vcpu_ends_the_machine,
	   a_triple_fault_resets, signals_end_it_in_order,
	   a_signal_ends_the_building_too)
