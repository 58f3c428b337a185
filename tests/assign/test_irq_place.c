// SPDX-License-Identifier: GPL-2.0-or-later
/* The host's interrupts go where the guest's do. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "common/io.h"
#include "common/util.h"
#include "tests/assign/fake_function.h"
#include "tests/assign/fake_host.h"
#include "tests/check_main.h"

#define BAR0	  0xc0000000
#define MSG	  0xfee00000
#define IRQ_BASE  60 /* of vector 0; further vectors in steps of 2 */
#define N_VECTORS 3
#define AFFINITY  "proc/irq/%u/smp_affinity_list"
#define UNTOUCHED "" /* a write does not shorten a file */

static struct fixture fx;
static struct fake_host h;
static char addr[MOAT_BDF_STRLEN];

static unsigned int irq_of(unsigned int vector)
{
	return IRQ_BASE + 2 * vector;
}

static void put_irq(unsigned int irq, const char *name)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "proc/irq/%u/%s", irq, name);
	fake_dir(&h, path);
	(void)snprintf(path, sizeof(path), AFFINITY, irq);
	fake_write(&h, path, UNTOUCHED);
	(void)snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/msi_irqs/%u",
		       addr, irq);
	fake_write(&h, path, "msix\n");
}

/* As the kernel shows a device with VFIO's MSI-X vectors, and one not. */
static void setup(const char *kind)
{
	char name[80];

	fake_host_init(&h);
	fixture_init(&fx);
	(void)moat_bdf_str(fx.spec.host, addr);
	fx.params.host = &h.host;
	put_irq(40, "somebody-else");
	for (unsigned int i = N_VECTORS; i-- > 0;) {
		(void)snprintf(name, sizeof(name), "vfio-%s[%u](%s)", kind, i,
			       addr);
		put_irq(irq_of(i), name);
	}
	(void)snprintf(name, sizeof(name),
		       "sys/bus/pci/devices/%s/msi_irqs/nonsense", addr);
	fake_write(&h, name, "msix\n");
	fixture_start(&fx);
	moat_device_config_write(fx.dev, PCI_BASE_ADDRESS_0, 4, BAR0);
	moat_device_config_write(fx.dev, PCI_COMMAND, 2,
				 PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

static void teardown(void)
{
	fixture_fini(&fx);
	fake_host_fini(&h);
}

static void enable(uint16_t flags)
{
	moat_device_config_write(fx.dev, FAKE_MSIX + PCI_MSIX_FLAGS, 2, flags);
}

static void entry_set(unsigned int i, uint32_t data, bool masked)
{
	const uint32_t dwords[] = { MSG, 0, data, masked };

	for (unsigned int j = 0; j < 4; j++)
		fake_vmm_write(&fx.vmm, MOAT_TRAP_MMIO,
			       BAR0 + FAKE_TABLE + 16 * i + 4 * j, 4,
			       dwords[j]);
}

static void place(void)
{
	ck_assert_int_eq(moat_device_place_irqs(fx.dev), 0);
}

/* Where interrupt @irq was sent, and forget it. */
static void check_sent(unsigned int irq, const char *want)
{
	char path[PATH_MAX], text[32];

	(void)snprintf(path, sizeof(path), "%s/" AFFINITY, h.root, irq);
	ck_assert_int_eq(moat_read_text(path, text, sizeof(text)), 0);
	ck_assert_msg(strcmp(text, want) == 0, "irq %u: '%s', not '%s'", irq,
		      text, want);
	(void)snprintf(path, sizeof(path), AFFINITY, irq);
	fake_write(&h, path, UNTOUCHED);
}

START_TEST(vectors_follow_their_messages)
{
	setup("msix");
	place();
	enable(PCI_MSIX_FLAGS_ENABLE);
	entry_set(0, 3, false);
	entry_set(1, 0xff, false); /* any */
	entry_set(2, 5, true);	   /* masked */
	place();
	check_sent(irq_of(0), "3");
	check_sent(irq_of(1), UNTOUCHED);
	check_sent(irq_of(2), UNTOUCHED);
	/* Nothing has changed. */
	place();
	check_sent(irq_of(0), UNTOUCHED);
	/* One moves, one comes into use. */
	entry_set(0, 4, false);
	entry_set(2, 5, false);
	place();
	check_sent(irq_of(0), "4");
	check_sent(irq_of(2), "5");
	check_sent(40, UNTOUCHED);
	/* Off and on: they may be others, and are told again. */
	enable(0);
	place();
	enable(PCI_MSIX_FLAGS_ENABLE);
	entry_set(0, 4, false);
	place();
	check_sent(irq_of(0), "4");
	teardown();
}
END_TEST

START_TEST(messages_of_msi_too)
{
	setup("msi");
	moat_device_config_write(fx.dev, FAKE_MSI + PCI_MSI_ADDRESS_LO, 4, MSG);
	moat_device_config_write(fx.dev, FAKE_MSI + PCI_MSI_DATA_64, 2, 6);
	moat_device_config_write(fx.dev, FAKE_MSI + PCI_MSI_FLAGS, 2,
				 PCI_MSI_FLAGS_ENABLE);
	place();
	check_sent(irq_of(0), "6");
	teardown();
}
END_TEST

/* VFIO's names are not there, or the whole directory: nothing is done. */
START_TEST(what_is_not_found_is_left_alone)
{
	char path[PATH_MAX];

	for (int all = 0; all < 2; all++) {
		setup("other");
		if (all) {
			(void)snprintf(path, sizeof(path),
				       "%s/bus/pci/devices/%s/msi_irqs",
				       h.sysfs, addr);
			ck_assert_int_eq(rename(path, h.state), 0);
		}
		enable(PCI_MSIX_FLAGS_ENABLE);
		entry_set(0, 3, false);
		place();
		for (unsigned int i = 0; i < N_VECTORS; i++)
			check_sent(irq_of(i), UNTOUCHED);
		teardown();
	}
}
END_TEST

static void *place_elsewhere(void *opaque)
{
	*(int *)opaque = moat_device_place_irqs(fx.dev);
	return NULL;
}

/* It never waits for who has the device. */
START_TEST(a_busy_device_is_for_later)
{
	pthread_t thread;
	int r = 0;

	setup("msix");
	pthread_mutex_lock(&fx.dev->lock);
	ck_assert_int_eq(pthread_create(&thread, NULL, place_elsewhere, &r), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	pthread_mutex_unlock(&fx.dev->lock);
	ck_assert_int_eq(r, -EBUSY);
	moat_device_withdraw(fx.dev);
	place();
	teardown();
}
END_TEST

/* sysfs lets nobody write there, root neither; where it is read-only, too. */
#define FORBIDDEN "/sys/kernel/uevent_seqnum"

START_TEST(who_may_not_write_does_not_try_again)
{
	char path[PATH_MAX];

	if (access(FORBIDDEN, F_OK) < 0)
		return;
	setup("msix");
	(void)snprintf(path, sizeof(path), "%s/" AFFINITY, h.root, irq_of(0));
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(symlink(FORBIDDEN, path), 0);
	enable(PCI_MSIX_FLAGS_ENABLE);
	entry_set(0, 3, false);
	entry_set(1, 4, false);
	place();
	check_sent(irq_of(1), UNTOUCHED);
	entry_set(1, 5, false);
	place();
	check_sent(irq_of(1), UNTOUCHED);
	teardown();
}
END_TEST

CHECK_MAIN("irq_place", vectors_follow_their_messages, messages_of_msi_too,
	   what_is_not_found_is_left_alone, a_busy_device_is_for_later,
	   who_may_not_write_does_not_try_again)
