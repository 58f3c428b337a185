// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Resets of several devices together, by their bus, and such as do not end.
 * What one device's own reset does is in test_device.c.
 */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "common/clock.h"
#include "common/util.h"
#include "tests/assign/fake_function.h"
#include "tests/check_main.h"

#define N 3

/* 04:08.0 to 04:08.2, one guest, a group each. */
static struct fixture fx[N];
static struct moat_bdf guest[N];
static struct moat_reset resets[N];

static void init(void)
{
	for (unsigned int i = 0; i < N; i++) {
		fixture_init(&fx[i]);
		fx[i].spec.host.fn = (uint8_t)i;
		(void)snprintf(fx[i].spec.name, sizeof(fx[i].spec.name),
			       "disk%u", i);
		fx[i].group = 20 + i;
		guest[i] = fx[i].spec.host;
		fx[i].params.same_guest = guest;
		fx[i].params.n_same_guest = N;
	}
}

static void start(void)
{
	for (unsigned int i = 0; i < N; i++) {
		fixture_start(&fx[i]);
		resets[i] = (struct moat_reset) { .dev = fx[i].dev };
	}
}

static void fini(void)
{
	for (unsigned int i = 0; i < N; i++)
		fixture_fini(&fx[i]);
}

/* Function @i of the chip shares its bus with all @n of @on_bus. */
static void on_bus(unsigned int i, const struct host_dependent *others,
		   unsigned int n)
{
	fx[i].fn.host.can_reset = false;
	fx[i].fn.n_dependents = n;
	memcpy(fx[i].fn.dependent, others, n * sizeof(others[0]));
}

static int error_of(unsigned int i)
{
	for (unsigned int k = 0; k < N; k++)
		if (resets[k].dev == fx[i].dev)
			return resets[k].error;
	ck_abort();
}

static const char *words_of(unsigned int i)
{
	for (unsigned int k = 0; k < N; k++)
		if (resets[k].dev == fx[i].dev)
			return resets[k].err.msg;
	ck_abort();
}

START_TEST(each_is_reset_beside_the_others)
{
	init();
	start();
	/* Neither ends before the other has begun. */
	fx[0].fn.meet = &fx[1].fn;
	fx[1].fn.meet = &fx[2].fn;
	fx[2].fn.meet = &fx[0].fn;
	moat_device_config_write(fx[1].dev, PCI_COMMAND, 2,
				 PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY);
	moat_device_reset_all(resets, N);
	for (unsigned int i = 0; i < N; i++) {
		ck_assert_int_eq(error_of(i), 0);
		ck_assert_uint_eq(fx[i].fn.resets, 1);
		ck_assert_uint_eq(fx[i].fn.bus_resets, 0);
		ck_assert_uint_eq(fx[i].vmm.pin, 2);
		ck_assert_uint_eq(
			moat_device_config_read(fx[i].dev, PCI_COMMAND, 2), 0);
	}
	fini();
}
END_TEST

START_TEST(one_that_fails_is_told_of_alone)
{
	init();
	start();
	fx[0].fn.dead = true;
	fx[1].fn.reset_errno = -EIO;
	moat_device_reset_all(resets, N);
	ck_assert_int_eq(error_of(0), -EIO);
	ck_assert_ptr_nonnull(strstr(words_of(0), "disk0: does not answer"));
	ck_assert_uint_eq(fx[0].vmm.events, 1);
	ck_assert_int_eq(error_of(1), -EIO);
	ck_assert_ptr_nonnull(strstr(words_of(1), "disk1: its reset failed"));
	ck_assert_uint_eq(fx[1].vmm.events, 0);
	ck_assert_int_eq(error_of(2), 0);
	/* Withdrawn ones are left out. */
	moat_device_withdraw(fx[0].dev);
	fx[1].fn.reset_errno = 0;
	moat_device_reset_all(resets, N);
	ck_assert_int_eq(error_of(0), -ENODEV);
	ck_assert_int_eq(error_of(1), 0);
	ck_assert_uint_eq(fx[2].fn.resets, 2);
	fini();
}
END_TEST

#define ON(f, g)                                                       \
	{                                                              \
		.bdf = { .bus = 4, .dev = 8, .fn = (f) }, .group = (g) \
	}

/* Two of three have no reset of their own; the bus is reset once for all. */
START_TEST(a_bus_is_reset_once_for_all_on_it)
{
	static const struct host_dependent all[] = { ON(0, 20), ON(1, 21),
						     ON(2, 22) };

	init();
	on_bus(0, all, 3);
	on_bus(2, all, 3);
	start();
	fx[0].fn.reset_busy = 2;
	moat_device_reset_all(resets, N);
	for (unsigned int i = 0; i < N; i++)
		ck_assert_msg(error_of(i) == 0, "%s", words_of(i));
	ck_assert_uint_eq(fx[0].fn.bus_resets + fx[2].fn.bus_resets, 1);
	ck_assert_uint_eq(fx[1].fn.resets, 0);
	ck_assert_uint_eq(fx[0].fn.n_group_fds + fx[2].fn.n_group_fds, 3);
	for (unsigned int i = 0; i < 3; i++)
		ck_assert_int_eq(fx[fx[0].fn.bus_resets ? 0 : 2].fn.group_fds[i],
				 1020 + (int)i);
	fini();
}
END_TEST

/* What else a bus reset would reach, and what then becomes of it. */
static const struct {
	struct host_dependent other;
	size_t n_resets; /* of the first devices, with the one on the bus */
	int want;
	size_t group_fds;
	const char *says;
} bus_cases[] = {
	/* Another of the guest, that is reset as well, or is not. */
	{ ON(1, 21), 2, 0, 2, NULL },
	{ ON(1, 21), 1, -ENOTTY, 0,
	  "together with 0000:04:08.1, which is not being reset" },
	/* Its own group has one that the guest has not: nobody has it. */
	{ ON(5, 20), 1, 0, 1, NULL },
	/* Somebody else's. */
	{ ON(5, 99), 3, -ENOTTY, 0,
	  "together with 0000:04:08.5, which is not this guest's; it keeps "
	  "its state, with bus mastering off" },
	/* As an iommufd has it. */
	{ { .bdf = { .bus = 4, .dev = 8, .fn = 5 }, .group = -1, .owned = true },
	  1,
	  0,
	  1,
	  NULL },
	{ { .bdf = { .bus = 4, .dev = 8, .fn = 5 }, .group = -1 },
	  1,
	  -ENOTTY,
	  0,
	  "which is not this guest's" },
};

START_TEST(a_bus_reset_reaches_nobody_else)
{
	for (size_t i = 0; i < ARRAY_SIZE(bus_cases); i++) {
		const struct host_dependent others[] = { ON(0, 20),
							 bus_cases[i].other };

		init();
		on_bus(0, others, 2);
		start();
		moat_device_config_write(fx[0].dev, PCI_COMMAND, 2,
					 PCI_COMMAND_MASTER);
		moat_device_reset_all(resets, bus_cases[i].n_resets);
		ck_assert_msg(error_of(0) == bus_cases[i].want, "case %zu: %s",
			      i, words_of(0));
		ck_assert_uint_eq(fx[0].fn.bus_resets,
				  bus_cases[i].want == 0 ? 1 : 0);
		ck_assert_uint_eq(fx[0].fn.n_group_fds, bus_cases[i].group_fds);
		if (bus_cases[i].says)
			ck_assert_msg(strstr(words_of(0), bus_cases[i].says),
				      "%s", words_of(0));
		ck_assert_uint_eq(fake_get(&fx[0].fn, PCI_COMMAND, 2), 0);
		fini();
	}
}
END_TEST

START_TEST(no_reset_at_all)
{
	init();
	fx[0].fn.host.can_reset = false;
	fx[0].fn.dependents_errno = -ENODEV;
	fx[1].fn.host.can_reset = false;
	fx[1].fn.dependents_errno = -EPERM;
	start();
	moat_device_reset_all(resets, N);
	ck_assert_int_eq(error_of(0), -ENOTTY);
	ck_assert_ptr_nonnull(strstr(words_of(0), "knows no way to reset it"));
	ck_assert_int_eq(error_of(1), -EPERM);
	ck_assert_ptr_nonnull(strstr(words_of(1), "cannot ask"));
	ck_assert_int_eq(error_of(2), 0);
	fini();
}
END_TEST

static void keep_line(enum moat_log_level level, const char *line, void *opaque)
{
	(void)level;
	(void)snprintf(opaque, 512, "%s", line);
}

/* Said once, when all of the guest's devices are open. */
START_TEST(what_cannot_be_reset_is_assigned_with_a_warning)
{
	const struct host_dependent two[] = { ON(0, 20), ON(1, 21) };
	const struct host_dependent foreign[] = { ON(0, 20), ON(6, 66) };
	static const char *const says[] = {
		"disk0: the host knows no way to reset it; what a guest leaves",
		"disk0: the host can reset it only together with 0000:04:08.6",
	};
	char line[512];

	for (size_t i = 0; i < 3; i++) {
		init();
		on_bus(0, i == 1 ? foreign : two, i == 0 ? 0 : 2);
		for (unsigned int k = 0; k < N; k++)
			ck_assert_int_eq(fixture_open(&fx[k]), 0);
		line[0] = '\0';
		moat_log_set_level(MOAT_LOG_WARN);
		moat_log_set_sink(keep_line, line);
		ck_assert_int_eq(moat_device_plug(fx[0].dev, &fake_vmm_ops,
						  &fx[0].vmm, MOAT_PLUG_PCIE,
						  &fx[0].err),
				 0);
		moat_log_set_sink(NULL, NULL);
		moat_log_set_level(MOAT_LOG_ERROR);
		if (i < 2)
			ck_assert_msg(strstr(line, says[i]), "%s", line);
		else
			ck_assert_str_eq(line, "");
		fini();
	}
}
END_TEST

/* ---- the last one ---- */

static const struct {
	bool plugged, can_reset, close_resets, dead;
	int error;
	unsigned int resets;
	const char *says; /* NULL: nothing */
} last_cases[] = {
	{ true, true, false, false, 0, 1, NULL },
	{ false, true, false, false, 0, 0, NULL },
	{ true, true, true, false, 0, 0, NULL },
	{ true, false, false, false, 0, 0, NULL },
	/* Reported as lost at its own reset, and not tried again. */
	{ true, true, false, true, 0, 1, NULL },
	{ true, true, false, false, -EIO, 0,
	  "disk0: its reset at the end failed: Input/output error" },
};

START_TEST(what_the_guest_left_goes_with_a_reset)
{
	char line[512];

	for (size_t i = 0; i < ARRAY_SIZE(last_cases); i++) {
		struct fixture *f = &fx[0];

		init();
		f->fn.host.can_reset = last_cases[i].can_reset;
		f->fn.host.close_resets = last_cases[i].close_resets;
		ck_assert_int_eq(fixture_open(f), 0);
		if (last_cases[i].plugged)
			ck_assert_int_eq(
				moat_device_plug(f->dev, &fake_vmm_ops, &f->vmm,
						 MOAT_PLUG_PCIE, &f->err),
				0);
		if (last_cases[i].dead) {
			f->fn.dead = true;
			ck_assert_int_eq(moat_device_reset(f->dev, &f->err),
					 -EIO);
		}
		f->fn.reset_errno = last_cases[i].error;
		line[0] = '\0';
		moat_log_set_level(MOAT_LOG_WARN);
		moat_log_set_sink(keep_line, line);
		moat_device_close(f->dev);
		moat_log_set_sink(NULL, NULL);
		moat_log_set_level(MOAT_LOG_ERROR);
		f->dev = NULL;
		ck_assert_uint_eq(f->fn.resets, last_cases[i].resets);
		if (last_cases[i].says)
			ck_assert_msg(strstr(line, last_cases[i].says), "%s",
				      line);
		else
			ck_assert_str_eq(line, "");
		fini();
	}
}
END_TEST

/* ---- resets that do not end ---- */

static struct device_claim_ops impatient;

static void start_impatient(unsigned int reset_ms)
{
	fixture_init(&fx[0]);
	impatient = fake_claim_ops;
	impatient.reset_ms = reset_ms;
	ck_assert_int_eq(device_open_with(&impatient, &fx[0].params, &fx[0].dev,
					  &fx[0].err),
			 0);
	ck_assert_int_eq(moat_device_plug(fx[0].dev, &fake_vmm_ops, &fx[0].vmm,
					  MOAT_PLUG_PCIE, &fx[0].err),
			 0);
	moat_device_arm(fx[0].dev);
}

/* The kernel comes back after all. */
static void unstick(void)
{
	const struct moat_device *dev = fx[0].dev;
	int r;

	fx[0].fn.stuck = false;
	while (!reset_work_result(dev->unfinished, dev->unfinished_job, &r))
		(void)usleep(1000);
}

static unsigned int since_ms(uint64_t start_ns)
{
	return (unsigned int)((moat_now_ns() - start_ns) / NS_PER_MS);
}

START_TEST(one_that_does_not_end_is_given_up)
{
	uint64_t start_ns;

	start_impatient(30);
	moat_device_config_write(fx[0].dev, PCI_COMMAND, 2,
				 PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY);
	fx[0].fn.stuck = true;
	start_ns = moat_now_ns();
	ck_assert_int_eq(moat_device_reset(fx[0].dev, &fx[0].err), -ETIMEDOUT);
	ck_assert_uint_lt(since_ms(start_ns), 1000);
	ck_assert_ptr_nonnull(strstr(fx[0].err.msg, "does not come to an end"));
	ck_assert_int_eq(fx[0].vmm.event, MOAT_EVENT_DEVICE_LOST);
	ck_assert(!(fake_get(&fx[0].fn, PCI_COMMAND, 2) & PCI_COMMAND_MASTER));
	/* The kernel has it: nothing reaches it. */
	fx[0].fn.n_log = 0;
	ck_assert_uint_eq(moat_device_config_read(fx[0].dev, 0, 4), UINT32_MAX);
	moat_device_config_write(fx[0].dev, PCI_COMMAND, 2, PCI_COMMAND_MASTER);
	ck_assert_int_eq(moat_device_reset(fx[0].dev, &fx[0].err), -ENODEV);
	moat_device_take_events(fx[0].dev);
	moat_device_withdraw(fx[0].dev);
	ck_assert_uint_eq(fx[0].fn.n_log, 0);
	ck_assert(fx[0].fn.open);
	/* Then it can be given back. */
	unstick();
	fixture_fini(&fx[0]);
}
END_TEST

/* Closing waits a little, and then leaves it to the kernel. */
START_TEST(closing_does_not_wait_for_ever)
{
	uint64_t start_ns;
	struct moat_device *dev;

	start_impatient(30);
	dev = fx[0].dev;
	fx[0].fn.stuck = true;
	ck_assert_int_eq(moat_device_reset(dev, &fx[0].err), -ETIMEDOUT);
	start_ns = moat_now_ns();
	moat_device_close(dev);
	ck_assert_uint_lt(since_ms(start_ns), 1000);
	ck_assert(fx[0].fn.open);
	ck_assert_int_eq(fx[0].attached, 1);
	ck_assert_int_eq(fx[0].bound, 1);
	/* Only a test ends that later. */
	unstick();
	fixture_fini(&fx[0]);
}
END_TEST

/* What another thread does while a vCPU waits for a reset. */
static void *hurry_main(void *opaque)
{
	uint64_t start_ns = moat_now_ns();

	/* The poll loop goes on though there is news; then it is to end. */
	ck_assert_int_eq(eventfd_write(fx[0].fn.irq_fd[HOST_IRQ_REQ][0], 1), 0);
	moat_device_take_events(opaque);
	ck_assert_uint_lt(since_ms(start_ns), 5000);
	moat_device_hurry(opaque);
	return NULL;
}

static void *withdraw_main(void *opaque)
{
	moat_device_withdraw(opaque);
	return NULL;
}

static void *(*const impatience[])(void *) = { hurry_main, withdraw_main };

struct other_thread {
	void *(*main)(void *opaque);
	struct moat_device *dev;
};

static void *when_in_reset(void *opaque)
{
	const struct other_thread *other = opaque;

	while (!fx[0].fn.in_reset)
		(void)usleep(1000);
	return other->main(other->dev);
}

/* A vCPU waits for its function-level reset; somebody has no time. */
START_TEST(who_is_in_a_hurry_does_not_wait_out_the_deadline)
{
	for (size_t i = 0; i < ARRAY_SIZE(impatience); i++) {
		struct other_thread other = { .main = impatience[i] };
		uint64_t start_ns = moat_now_ns();
		pthread_t thread;

		start_impatient(60000);
		other.dev = fx[0].dev;
		fx[0].fn.stuck = true;
		ck_assert_int_eq(
			pthread_create(&thread, NULL, when_in_reset, &other),
			0);
		moat_device_config_write(fx[0].dev, FAKE_EXP + PCI_EXP_DEVCTL,
					 4, PCI_EXP_DEVCTL_BCR_FLR);
		ck_assert_int_eq(pthread_join(thread, NULL), 0);
		ck_assert_uint_lt(since_ms(start_ns), 10000);
		ck_assert_int_eq(fx[0].vmm.event, MOAT_EVENT_DEVICE_LOST);
		unstick();
		fixture_fini(&fx[0]);
	}
}
END_TEST

CHECK_MAIN("reset", each_is_reset_beside_the_others,
	   one_that_fails_is_told_of_alone, a_bus_is_reset_once_for_all_on_it,
	   a_bus_reset_reaches_nobody_else, no_reset_at_all,
	   what_cannot_be_reset_is_assigned_with_a_warning,
	   what_the_guest_left_goes_with_a_reset,
	   one_that_does_not_end_is_given_up, closing_does_not_wait_for_ever,
	   who_is_in_a_hurry_does_not_wait_out_the_deadline)
