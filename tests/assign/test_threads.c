// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Four vCPUs write one device's registers at once while interrupts fire; for
 * ThreadSanitizer, and for the invariants that the fakes check at each call.
 */
#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "common/util.h"
#include "tests/assign/fake_function.h"
#include "tests/check_main.h"

#define THREADS 4
#define ROUNDS	400
/* At most, where the threads hardly get to run beside each other. */
#define ROUNDS_MAX (100 * ROUNDS)
#define BAR0	   0xc0000000

static struct fixture fx;
static atomic_bool over;
/* Interrupts that were signalled, of each kind; and to nobody. */
static atomic_uint fired[HOST_IRQS + 1];
/* The trap table is the VMM's; a vCPU looks a copy up. */
static struct moat_trap table_trap;

static const struct {
	uint16_t offset;
	unsigned int size;
	uint32_t value;
} writes[] = {
	{ PCI_BASE_ADDRESS_0, 4, 0xffffffff },
	{ PCI_BASE_ADDRESS_0, 4, BAR0 },
	{ PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER },
	{ FAKE_MSIX + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE },
	{ FAKE_MSIX + PCI_MSIX_FLAGS, 2,
	  PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL },
	{ PCI_BASE_ADDRESS_2, 4, 0xd0000000 },
	{ PCI_BASE_ADDRESS_3, 4, 0x10 },
	{ PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_INTX_DISABLE },
	{ FAKE_MSIX + PCI_MSIX_FLAGS, 2, 0 },
	{ FAKE_MSI + PCI_MSI_FLAGS, 2, PCI_MSI_FLAGS_ENABLE | 3 << 4 },
	{ FAKE_PM + PCI_PM_CTRL, 2, 3 },
	{ FAKE_PM + PCI_PM_CTRL, 2, 0 },
	{ FAKE_MSI + PCI_MSI_FLAGS, 2, 0 },
	{ FAKE_EXP + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR },
	{ FAKE_VENDOR + 4, 4, 0x12345678 },
};

static bool each_kind_fired(void)
{
	return fired[HOST_IRQ_INTX] && fired[HOST_IRQ_MSI] &&
	       fired[HOST_IRQ_MSIX];
}

static void *vcpu(void *arg)
{
	unsigned int seed = *(const unsigned int *)arg;

	for (unsigned int i = 0;
	     i < ROUNDS || (!each_kind_fired() && i < ROUNDS_MAX); i++) {
		unsigned int pick = (seed = seed * 1103515245 + 12345) >> 16;
		size_t w = pick % ARRAY_SIZE(writes);
		uint64_t at = FAKE_TABLE + 16 * (pick % FAKE_VECTORS);

		moat_device_config_write(fx.dev, writes[w].offset,
					 writes[w].size, writes[w].value);
		(void)moat_device_config_read(fx.dev, writes[w].offset,
					      writes[w].size);
		table_trap.write(table_trap.opaque, at + 8, 4, pick);
		table_trap.write(table_trap.opaque, at + 12, 4, pick & 1);
		(void)table_trap.read(table_trap.opaque, FAKE_PBA, 8);
		(void)table_trap.read(table_trap.opaque, 0x10, 4);
		if (i % 64 == 0)
			(void)moat_device_reset(fx.dev, NULL);
	}
	return NULL;
}

/* The device, which asks nobody when it interrupts. */
static void *device(void *arg)
{
	unsigned int i = 0;

	while (!over) {
		fired[fake_fire_any(&fx.fn, i++ % FAKE_VECTORS)]++;
		(void)sched_yield();
	}
	return arg;
}

/* A vector that the guest has set up anew is delivered, and only that. */
static void assert_interrupts(void)
{
	const uint64_t entry = FAKE_TABLE + 16 * 3;

	moat_device_config_write(fx.dev, FAKE_MSIX + PCI_MSIX_FLAGS, 2,
				 PCI_MSIX_FLAGS_ENABLE);
	table_trap.write(table_trap.opaque, entry, 4, 0xfee00000);
	table_trap.write(table_trap.opaque, entry + 8, 4, 0x43);
	table_trap.write(table_trap.opaque, entry + 12, 4, 0);
	ck_assert_int_eq(fake_vmm_delivered(&fx.vmm, 0x43), 0);
	fake_fire(&fx.fn, HOST_IRQ_MSIX, 3);
	ck_assert_int_eq(fake_vmm_delivered(&fx.vmm, 0x43), 1);
}

START_TEST(four_vcpus)
{
	unsigned int seed[THREADS];
	pthread_t thread[THREADS], interrupter;
	unsigned int fds;

	over = false;

	fixture_init(&fx);
	fds = count_fds();
	fixture_start(&fx);
	moat_device_config_write(fx.dev, PCI_BASE_ADDRESS_0, 4, BAR0);
	moat_device_config_write(fx.dev, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	table_trap = fx.dev->bar[0].trap;
	ck_assert_int_eq(pthread_create(&interrupter, NULL, device, NULL), 0);
	for (unsigned int i = 0; i < THREADS; i++) {
		seed[i] = i + 1;
		ck_assert_int_eq(
			pthread_create(&thread[i], NULL, vcpu, &seed[i]), 0);
	}
	for (unsigned int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
	over = true;
	ck_assert_int_eq(pthread_join(interrupter, NULL), 0);
	ck_assert(each_kind_fired());
	/* After all that it still works. */
	ck_assert_int_eq(moat_device_reset(fx.dev, &fx.err), 0);
	ck_assert_uint_eq(fx.vmm.pin, 2);
	moat_device_config_write(fx.dev, PCI_BASE_ADDRESS_0, 4, BAR0);
	moat_device_config_write(fx.dev, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	ck_assert_ptr_nonnull(fake_vmm_direct(&fx.vmm, BAR0));
	assert_interrupts();
	fixture_fini(&fx);
	ck_assert_uint_eq(count_fds(), fds);
}
END_TEST

CHECK_MAIN("threads", four_vcpus)
