// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Four vCPUs write one device's registers at once while interrupts fire; for
 * ThreadSanitizer, and for the invariants that the fakes check at each call.
 */
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "common/util.h"
#include "tests/assign/fake_function.h"
#include "tests/check_main.h"

#define THREADS 4
#define ROUNDS	400
#define BAR0	0xc0000000

static struct fixture fx;
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

static void *vcpu(void *arg)
{
	unsigned int seed = *(const unsigned int *)arg;

	for (unsigned int i = 0; i < ROUNDS; i++) {
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

START_TEST(four_vcpus)
{
	unsigned int seed[THREADS];
	pthread_t thread[THREADS];
	unsigned int fds;

	fixture_init(&fx);
	fds = count_fds();
	fixture_start(&fx);
	moat_device_config_write(fx.dev, PCI_BASE_ADDRESS_0, 4, BAR0);
	moat_device_config_write(fx.dev, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	table_trap = fx.dev->bar[0].trap;
	for (unsigned int i = 0; i < THREADS; i++) {
		seed[i] = i + 1;
		ck_assert_int_eq(
			pthread_create(&thread[i], NULL, vcpu, &seed[i]), 0);
	}
	for (unsigned int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
	/* After all that it still works. */
	ck_assert_int_eq(moat_device_reset(fx.dev, &fx.err), 0);
	ck_assert_uint_eq(fx.vmm.pin, 2);
	moat_device_config_write(fx.dev, PCI_BASE_ADDRESS_0, 4, BAR0);
	moat_device_config_write(fx.dev, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	ck_assert_ptr_nonnull(fake_vmm_direct(&fx.vmm, BAR0));
	fixture_fini(&fx);
	ck_assert_uint_eq(count_fds(), fds);
}
END_TEST

CHECK_MAIN("threads", four_vcpus)
