// SPDX-License-Identifier: GPL-2.0-or-later
/* The three ways to a device's ports, and who has the permission when. */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "assign/bytes.h"
#include "common/util.h"
#include "tests/assign/fake_function.h"
#include "tests/check_main.h"

#define BAR1 0x2000

static struct fixture fx;

static const enum moat_pio_mode modes[] = { MOAT_PIO_AUTO, MOAT_PIO_VFIO,
					    MOAT_PIO_DIRECT, MOAT_PIO_THREAD };

static void command(uint16_t value)
{
	moat_device_config_write(fx.dev, PCI_COMMAND, 2, value);
}

static void start(enum moat_pio_mode mode)
{
	fixture_init(&fx);
	fx.spec.pio = mode;
	fixture_start(&fx);
	moat_device_config_write(fx.dev, PCI_BASE_ADDRESS_1, 4, BAR1);
	command(PCI_COMMAND_IO);
}

static uint64_t rd(uint64_t offset, unsigned int size)
{
	return fake_vmm_read(&fx.vmm, MOAT_TRAP_PIO, BAR1 + offset, size);
}

static void wr(uint64_t offset, unsigned int size, uint64_t value)
{
	fake_vmm_write(&fx.vmm, MOAT_TRAP_PIO, BAR1 + offset, size, value);
}

/* Every offset and size, aligned or not, against plain memory. */
static void check_results(void)
{
	uint8_t model[FAKE_BAR1_SIZE];

	for (unsigned int i = 0; i < sizeof(model); i++)
		fx.fn.memory[1][i] = model[i] = (uint8_t)(0xa1 + 7 * i);
	for (unsigned int size = 1; size <= 8; size *= 2)
		for (unsigned int at = 0; at + size <= sizeof(model); at++) {
			uint64_t value = UINT64_C(0x0123456789abcdef) *
					 (at + 1);

			ck_assert_uint_eq(rd(at, size),
					  get_le(model + at, size));
			wr(at, size, value);
			put_le(model + at, size, value);
			ck_assert_mem_eq(fx.fn.memory[1], model, sizeof(model));
		}
	/* Beyond the end is nobody. */
	ck_assert_uint_eq(rd(FAKE_BAR1_SIZE - 1, 2), UINT16_MAX);
	ck_assert_uint_eq(rd(FAKE_BAR1_SIZE, 4), UINT32_MAX);
}

START_TEST(all_give_the_same_results)
{
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		bool vfio = modes[i] <= MOAT_PIO_VFIO;

		start(modes[i]);
		check_results();
		ck_assert_int_eq(fake_pio.accesses == 0, vfio);
		if (!vfio)
			ck_assert_int_eq(pthread_equal(fake_pio.last,
						       pthread_self()) != 0,
					 modes[i] == MOAT_PIO_DIRECT);
		fixture_fini(&fx);
	}
}
END_TEST

/* The thread, and no other, is shown to the VMM, which may have crowded it. */
START_TEST(a_thread_for_the_device_is_the_vmms_to_bind)
{
	for (size_t i = 0; i < 2 * ARRAY_SIZE(modes); i++) {
		enum moat_pio_mode mode = modes[i / 2];

		fixture_init(&fx);
		fx.spec.pio = mode;
		fx.vmm.crowded = i % 2;
		fixture_start(&fx);
		ck_assert_uint_eq(fx.vmm.n_begun, mode == MOAT_PIO_THREAD);
		moat_device_config_write(fx.dev, PCI_BASE_ADDRESS_1, 4, BAR1);
		command(PCI_COMMAND_IO);
		check_results();
		if (mode == MOAT_PIO_THREAD)
			ck_assert(pthread_equal(fake_pio.last, fx.vmm.begun));
		ck_assert_uint_eq(fx.vmm.n_begun, mode == MOAT_PIO_THREAD);
		fixture_fini(&fx);
	}
}
END_TEST

/* What ends the guest's decoding of the BAR, and ends all permission. */
static void decode_off(void)
{
	command(PCI_COMMAND_MEMORY);
}

static void sleep_d3(void)
{
	moat_device_config_write(fx.dev, FAKE_PM + PCI_PM_CTRL, 2, 3);
}

static void reset(void)
{
	ck_assert_int_eq(moat_device_reset(fx.dev, &fx.err), 0);
}

static void size_it(void)
{
	moat_device_config_write(fx.dev, PCI_BASE_ADDRESS_1, 4, UINT32_MAX);
}

static void withdraw(void)
{
	moat_device_withdraw(fx.dev);
}

static void (*const ends[])(void) = { decode_off, sleep_d3, reset, size_it,
				      withdraw };

START_TEST(permission_follows_decode)
{
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		for (size_t e = 0; e < ARRAY_SIZE(ends); e++) {
			unsigned int n = modes[i] > MOAT_PIO_VFIO;

			start(modes[i]);
			ck_assert_uint_eq(fake_pio.permitted, n);
			ends[e]();
			ck_assert_uint_eq(fake_pio.permitted, 0);
			ck_assert_uint_eq(rd(0, 1), UINT8_MAX);
			fixture_fini(&fx);
		}
}
END_TEST

START_TEST(no_permission_before_decode)
{
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		fixture_init(&fx);
		fx.spec.pio = modes[i];
		fixture_start(&fx);
		ck_assert_uint_eq(fake_pio.permitted, 0);
		command(PCI_COMMAND_IO); /* but no address */
		ck_assert_uint_eq(fake_pio.permitted, 0);
		moat_device_config_write(fx.dev, PCI_BASE_ADDRESS_1, 4, BAR1);
		ck_assert_uint_eq(fake_pio.permitted, modes[i] > MOAT_PIO_VFIO);
		/* Moved, it is the same ports. */
		moat_device_config_write(fx.dev, PCI_BASE_ADDRESS_1, 4,
					 BAR1 + 0x100);
		ck_assert_uint_eq(fake_pio.permitted, modes[i] > MOAT_PIO_VFIO);
		fixture_fini(&fx);
	}
}
END_TEST

static pthread_barrier_t barrier;

static void together(void)
{
	(void)pthread_barrier_wait(&barrier);
}

/* A second vCPU, which the work reaches late. */
static void *late_vcpu(void *opaque)
{
	const struct moat_vcpu_work *work = fx.vmm.work;

	(void)opaque;
	wr(4, 4, 0xfeedface);
	ck_assert_uint_eq(rd(4, 4), 0xfeedface);
	together(); /* 1: permitted */
	together(); /* 2: the ports are gone */
	work->run(work->opaque);
	together(); /* 3 */
	return NULL;
}

START_TEST(a_vcpu_that_is_late_is_permitted_and_gives_back)
{
	static void (*const how[])(void) = { decode_off, withdraw };
	pthread_t thread;

	for (size_t i = 0; i < ARRAY_SIZE(how); i++) {
		start(MOAT_PIO_DIRECT);
		ck_assert_int_eq(pthread_barrier_init(&barrier, NULL, 2), 0);
		ck_assert_int_eq(pthread_create(&thread, NULL, late_vcpu, NULL),
				 0);
		together();
		ck_assert_uint_eq(fake_pio.permitted, 2);
		how[i]();
		ck_assert_uint_eq(fake_pio.permitted, 1);
		together();
		together();
		ck_assert_uint_eq(fake_pio.permitted, 0);
		ck_assert_int_eq(pthread_join(thread, NULL), 0);
		(void)pthread_barrier_destroy(&barrier);
		fixture_fini(&fx);
	}
}
END_TEST

/* One that starts while the ports are decoded has them from its start. */
static void *new_vcpu(void *opaque)
{
	const struct moat_vcpu_work *work = fx.vmm.work;
	unsigned int *ret_before = opaque;

	work->run(work->opaque);
	*ret_before = atomic_load(&fake_pio.permitted);
	command(0); /* its own run of the work takes it back */
	return NULL;
}

START_TEST(a_vcpu_that_starts_later_is_permitted)
{
	const struct moat_vcpu_work *work;
	unsigned int permitted = 0;
	pthread_t thread;

	start(MOAT_PIO_DIRECT);
	work = fx.vmm.work;
	ck_assert_int_eq(pthread_create(&thread, NULL, new_vcpu, &permitted),
			 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_uint_eq(permitted, 2);
	work->run(work->opaque);
	fixture_fini(&fx);
}
END_TEST

static void *busy_vcpu(void *opaque)
{
	const struct moat_vcpu_work *work = fx.vmm.work;
	uint64_t at = *(const unsigned int *)opaque * 4;

	for (uint32_t i = 0; i < 300; i++) {
		uint32_t value = i * 0x01010101u + (uint32_t)at;

		wr(at, 4, value);
		ck_assert_uint_eq(rd(at, 4), value);
		if (i % 100 == 99)
			(void)usleep(1000); /* long enough for it to sleep */
	}
	if (work)
		work->run(work->opaque);
	return NULL;
}

START_TEST(four_vcpus_at_once)
{
	static const unsigned int ids[] = { 0, 1, 2, 3 };
	pthread_t thread[ARRAY_SIZE(ids)];

	for (size_t m = 0; m < ARRAY_SIZE(modes); m++) {
		start(modes[m]);
		for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
			ck_assert_int_eq(pthread_create(&thread[i], NULL,
							busy_vcpu,
							(void *)&ids[i]),
					 0);
		for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
			ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
		/* Threads that end take their permission along. */
		atomic_store(&fake_pio.permitted,
			     modes[m] > MOAT_PIO_VFIO ? 1 : 0);
		fixture_fini(&fx);
	}
}
END_TEST

START_TEST(refusals)
{
	static const struct {
		enum moat_pio_mode mode;
		int error;
		const char *says;
	} cases[] = {
		{ MOAT_PIO_DIRECT, -EPERM, "disk: pio=direct: the kernel" },
		{ MOAT_PIO_THREAD, -EPERM, "CAP_SYS_RAWIO" },
		{ MOAT_PIO_DIRECT, -ENOTSUP, "use pio=vfio" },
		{ MOAT_PIO_THREAD, -ENOTSUP, "pio=thread: this machine" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		fixture_init(&fx);
		fx.spec.pio = cases[i].mode;
		fake_pio.error = cases[i].error;
		ck_assert_int_eq(fixture_open(&fx), cases[i].error);
		ck_assert_msg(strstr(fx.err.msg, cases[i].says) != NULL, "%s",
			      fx.err.msg);
		fixture_fini(&fx);
	}
}
END_TEST

/* A device without ports does not mind. */
START_TEST(no_ports_no_refusal)
{
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		fixture_init(&fx);
		fx.spec.pio = modes[i];
		fx.fn.region[1].size = 0;
		fake_pio.error = -EPERM;
		fixture_start(&fx);
		ck_assert_ptr_null(fx.vmm.work);
		fixture_fini(&fx);
	}
}
END_TEST

START_TEST(a_vmm_without_work_for_its_threads)
{
	struct moat_vmm_ops ops = fake_vmm_ops;

	ops.vcpu_work_add = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		int want = modes[i] == MOAT_PIO_DIRECT ? -ENOTSUP : 0;

		fixture_init(&fx);
		fx.spec.pio = modes[i];
		ck_assert_int_eq(fixture_open(&fx), 0);
		ck_assert_int_eq(moat_device_plug(fx.dev, &ops, &fx.vmm,
						  MOAT_PLUG_PCIE, &fx.err),
				 want);
		if (want)
			ck_assert_ptr_nonnull(
				strstr(fx.err.msg, "use pio=thread"));
		fixture_fini(&fx);
	}
}
END_TEST

/* The permission is there at open, and is refused when it is needed. */
START_TEST(permission_lost_later)
{
	start(MOAT_PIO_DIRECT);
	command(0);
	fake_pio.error = -ENOMEM;
	command(PCI_COMMAND_IO);
	ck_assert_uint_eq(rd(0, 4), UINT32_MAX);
	wr(0, 4, 0);
	ck_assert_uint_eq(fake_pio.accesses, 0);
	fake_pio.error = 0;
	ck_assert_uint_eq(rd(0, 4), 0);
	fixture_fini(&fx);

	start(MOAT_PIO_THREAD);
	command(0);
	fake_pio.error = -ENOMEM;
	command(PCI_COMMAND_IO);
	ck_assert_uint_eq(rd(0, 4), UINT32_MAX);
	ck_assert_uint_eq(fake_pio.accesses, 0);
	command(0);
	fake_pio.error = 0;
	command(PCI_COMMAND_IO);
	ck_assert_uint_eq(rd(0, 4), 0);
	fixture_fini(&fx);
}
END_TEST

/* Open and plug, with each call of the host and the VMM failing once. */
START_TEST(start_under_sweep)
{
	for (size_t m = 0; m < ARRAY_SIZE(modes); m++) {
		unsigned int fail_at = 1, fds = 0;
		int r;

		do {
			fixture_init(&fx);
			if (fail_at == 1)
				fds = count_fds();
			fx.spec.pio = modes[m];
			fx.sweep.error = -EBUSY;
			fx.sweep.fail_at = fail_at++;
			r = fixture_open(&fx);
			if (r == 0)
				r = moat_device_plug(fx.dev, &fake_vmm_ops,
						     &fx.vmm, MOAT_PLUG_PCIE,
						     &fx.err);
			ck_assert(r == 0 || (r == -EBUSY && fx.err.msg[0]));
			if (r < 0)
				ck_assert_ptr_null(fx.vmm.work);
			fixture_fini(&fx);
			ck_assert_uint_eq(count_fds(), fds);
		} while (r < 0);
		ck_assert_uint_gt(fail_at, 20);
	}
}
END_TEST

CHECK_MAIN("ports", all_give_the_same_results,
	   a_thread_for_the_device_is_the_vmms_to_bind,
	   permission_follows_decode, no_permission_before_decode,
	   a_vcpu_that_is_late_is_permitted_and_gives_back,
	   a_vcpu_that_starts_later_is_permitted, four_vcpus_at_once, refusals,
	   no_ports_no_refusal, a_vmm_without_work_for_its_threads,
	   permission_lost_later, start_under_sweep)
