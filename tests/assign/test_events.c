// SPDX-License-Identifier: GPL-2.0-or-later
/* What the host says of a device, and taking it from a running guest. */
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "common/util.h"
#include "tests/assign/fake_function.h"
#include "tests/check_main.h"

#define BAR0 0xc0000000
#define BAR1 0x2000

static struct fixture fx;

static bool has_news(void)
{
	struct pollfd p = { .fd = moat_device_event_fd(fx.dev),
			    .events = POLLIN };

	ck_assert_int_ge(p.fd, 0);
	return poll(&p, 1, 0) == 1;
}

static void use_it(void)
{
	moat_device_config_write(fx.dev, PCI_BASE_ADDRESS_0, 4, BAR0);
	moat_device_config_write(fx.dev, PCI_BASE_ADDRESS_1, 4, BAR1);
	moat_device_config_write(fx.dev, PCI_COMMAND, 2,
				 PCI_COMMAND_IO | PCI_COMMAND_MEMORY |
					 PCI_COMMAND_MASTER);
	moat_device_config_write(fx.dev, FAKE_MSIX + PCI_MSIX_FLAGS, 2,
				 PCI_MSIX_FLAGS_ENABLE);
	fake_vmm_write(&fx.vmm, MOAT_TRAP_MMIO, BAR0 + FAKE_TABLE + 12, 4, 0);
	ck_assert_uint_ne(fx.fn.enabled[HOST_IRQ_MSIX], 0);
	ck_assert_ptr_nonnull(fake_vmm_direct(&fx.vmm, BAR0));
}

START_TEST(news_are_reported_once)
{
	static const struct {
		enum host_irq_index irq;
		enum moat_event event;
	} cases[] = {
		{ HOST_IRQ_ERR, MOAT_EVENT_DEVICE_ERROR },
		{ HOST_IRQ_REQ, MOAT_EVENT_RELEASE_WANTED },
	};

	fixture_init(&fx);
	fixture_start(&fx);
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		ck_assert(!has_news());
		moat_device_take_events(fx.dev);
		ck_assert_uint_eq(fx.vmm.events, i);
		fake_fire(&fx.fn, cases[i].irq, 0);
		fake_fire(&fx.fn, cases[i].irq, 0);
		ck_assert(has_news());
		moat_device_take_events(fx.dev);
		ck_assert(!has_news());
		ck_assert_uint_eq(fx.vmm.events, i + 1);
		ck_assert_int_eq(fx.vmm.event, cases[i].event);
	}
	fixture_fini(&fx);
}
END_TEST

/* A guest may keep a vCPU in the device's lock: nobody else waits for it. */
START_TEST(without_news_nobody_waits_for_the_lock)
{
	fixture_init(&fx);
	fixture_start(&fx);
	pthread_mutex_lock(&fx.dev->lock);
	moat_device_take_events(fx.dev);
	pthread_mutex_unlock(&fx.dev->lock);
	ck_assert_uint_eq(fx.vmm.events, 0);
	fixture_fini(&fx);
}
END_TEST

/* They come from the moment the device is open, and wait for a listener. */
START_TEST(news_before_plugging_are_kept)
{
	fixture_init(&fx);
	ck_assert_int_eq(fixture_open(&fx), 0);
	fake_fire(&fx.fn, HOST_IRQ_REQ, 0);
	moat_device_take_events(fx.dev);
	ck_assert(has_news());
	ck_assert_int_eq(moat_device_plug(fx.dev, &fake_vmm_ops, &fx.vmm,
					  MOAT_PLUG_PCIE, &fx.err),
			 0);
	moat_device_take_events(fx.dev);
	ck_assert_uint_eq(fx.vmm.events, 1);
	ck_assert_int_eq(fx.vmm.event, MOAT_EVENT_RELEASE_WANTED);
	fixture_fini(&fx);
}
END_TEST

/* A conventional device reports no errors; it is asked for all the same. */
START_TEST(device_without_error_reports)
{
	fixture_init(&fx);
	fx.fn.irq[HOST_IRQ_ERR].count = 0;
	fixture_start(&fx);
	ck_assert_uint_eq(fx.fn.enabled[HOST_IRQ_ERR], 0);
	fake_fire(&fx.fn, HOST_IRQ_REQ, 0);
	moat_device_take_events(fx.dev);
	ck_assert_uint_eq(fx.vmm.events, 1);
	fixture_fini(&fx);
}
END_TEST

/* Everything goes but what answers the guest: all ones, to its end. */
START_TEST(withdrawn_from_a_running_guest)
{
	struct moat_trap mmio, pio;
	unsigned int fds;

	fixture_init(&fx);
	fds = count_fds();
	fixture_start(&fx);
	use_it();
	mmio = fx.dev->bar[0].trap;
	pio = fx.dev->bar[1].trap;

	moat_device_withdraw(fx.dev);
	ck_assert(fixture_is_clean(&fx));
	ck_assert(fake_vmm_is_empty(&fx.vmm));
	ck_assert_uint_eq(count_fds(), fds);
	ck_assert_uint_eq(fake_get(&fx.fn, PCI_COMMAND, 2), 0);
	ck_assert_int_eq(moat_device_event_fd(fx.dev), -1);

	/* The guest has not noticed; accesses may still be on their way. */
	ck_assert_uint_eq(moat_device_config_read(fx.dev, PCI_VENDOR_ID, 4),
			  UINT32_MAX);
	ck_assert_uint_eq(moat_device_config_read(fx.dev, PCI_COMMAND, 2),
			  UINT16_MAX);
	ck_assert_uint_eq(mmio.read(mmio.opaque, FAKE_TABLE, 4), UINT32_MAX);
	ck_assert_uint_eq(pio.read(pio.opaque, 0, 1), UINT8_MAX);
	mmio.write(mmio.opaque, FAKE_TABLE + 12, 4, 0);
	pio.write(pio.opaque, 0, 1, 0);
	moat_device_config_write(fx.dev, PCI_COMMAND, 2, PCI_COMMAND_MASTER);
	moat_device_arm(fx.dev);
	moat_device_take_events(fx.dev);
	ck_assert_int_eq(moat_device_reset(fx.dev, &fx.err), -ENODEV);
	ck_assert_ptr_nonnull(strstr(fx.err.msg, "disk: "));
	ck_assert_uint_eq(fake_get(&fx.fn, PCI_COMMAND, 2), 0);
	ck_assert(fake_vmm_is_empty(&fx.vmm));
	moat_device_withdraw(fx.dev);
	fixture_fini(&fx);
}
END_TEST

/* Whatever fails on the way, it is gone at the end. */
START_TEST(withdraw_under_sweep)
{
	unsigned int fail_at = 1, fds;
	bool failed;

	do {
		fixture_init(&fx);
		fds = count_fds();
		fixture_start(&fx);
		use_it();
		fx.sweep.calls = 0;
		fx.sweep.fail_at = fail_at++;
		moat_device_withdraw(fx.dev);
		failed = fx.sweep.calls >= fx.sweep.fail_at;
		ck_assert(fixture_is_clean(&fx));
		ck_assert_uint_eq(count_fds(), fds);
		/* A VMM that keeps a route has nobody to signal it. */
		memset(fx.vmm.live, 0, sizeof(fx.vmm.live));
		memset(fx.vmm.staged, 0, sizeof(fx.vmm.staged));
		fixture_fini(&fx);
	} while (failed);
	ck_assert_uint_gt(fail_at, 2);
}
END_TEST

static atomic_bool over;

static void *vcpu(void *arg)
{
	const struct moat_trap *trap = arg;

	while (!atomic_load(&over)) {
		moat_device_config_write(fx.dev, PCI_BASE_ADDRESS_0, 4, BAR0);
		moat_device_config_write(fx.dev, PCI_COMMAND, 2,
					 PCI_COMMAND_MEMORY);
		(void)moat_device_config_read(fx.dev, PCI_STATUS, 2);
		trap->write(trap->opaque, FAKE_TABLE + 12, 4, 0);
		(void)trap->read(trap->opaque, 0, 4);
		moat_device_config_write(fx.dev, PCI_COMMAND, 2, 0);
	}
	return NULL;
}

START_TEST(withdrawn_from_under_vcpus)
{
	struct moat_trap trap;
	pthread_t thread[2];

	for (int round = 0; round < 20; round++) {
		fixture_init(&fx);
		fixture_start(&fx);
		use_it();
		trap = fx.dev->bar[0].trap;
		atomic_store(&over, false);
		for (size_t i = 0; i < ARRAY_SIZE(thread); i++)
			ck_assert_int_eq(
				pthread_create(&thread[i], NULL, vcpu, &trap),
				0);
		fake_fire(&fx.fn, HOST_IRQ_REQ, 0);
		moat_device_take_events(fx.dev);
		moat_device_withdraw(fx.dev);
		ck_assert(fixture_is_clean(&fx));
		atomic_store(&over, true);
		for (size_t i = 0; i < ARRAY_SIZE(thread); i++)
			ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
		fixture_fini(&fx);
	}
}
END_TEST

CHECK_MAIN("events", news_are_reported_once,
	   without_news_nobody_waits_for_the_lock,
	   news_before_plugging_are_kept, device_without_error_reports,
	   withdrawn_from_a_running_guest, withdraw_under_sweep,
	   withdrawn_from_under_vcpus)
