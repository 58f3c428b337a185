// SPDX-License-Identifier: GPL-2.0-or-later
/* Interrupts: the pin, MSI, MSI-X, masking, and going from one to another. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "common/util.h"
#include "tests/assign/fake_function.h"
#include "tests/check_main.h"

#define BAR0 0xc0000000
#define MSG  UINT64_C(0xfee00000)

static struct fixture fx;

static uint32_t rd(uint16_t offset, unsigned int size)
{
	return moat_device_config_read(fx.dev, offset, size);
}

static void wr(uint16_t offset, unsigned int size, uint32_t value)
{
	moat_device_config_write(fx.dev, offset, size, value);
}

static void start(void)
{
	fixture_start(&fx);
	wr(PCI_BASE_ADDRESS_0, 4, BAR0);
	wr(PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

static void start_default(void)
{
	fixture_init(&fx);
	start();
}

static uint64_t mmio_rd(uint64_t offset, unsigned int size)
{
	return fake_vmm_read(&fx.vmm, MOAT_TRAP_MMIO, BAR0 + offset, size);
}

static void mmio_wr(uint64_t offset, unsigned int size, uint64_t value)
{
	fake_vmm_write(&fx.vmm, MOAT_TRAP_MMIO, BAR0 + offset, size, value);
}

static void msix_control(uint16_t bits)
{
	wr(FAKE_MSIX + PCI_MSIX_FLAGS, 2, bits);
}

static void entry_mask(unsigned int i, bool masked)
{
	mmio_wr(FAKE_TABLE + 16 * i + 12, 4, masked);
}

/* As a driver does: message with the vector masked, then unmask. */
static void entry_set(unsigned int i, uint32_t data)
{
	mmio_wr(FAKE_TABLE + 16 * i, 4, (uint32_t)MSG);
	mmio_wr(FAKE_TABLE + 16 * i + 4, 4, 0);
	mmio_wr(FAKE_TABLE + 16 * i + 8, 4, data);
	entry_mask(i, false);
}

static unsigned int live_routes(void)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < FAKE_ROUTES; i++)
		n += fx.vmm.live[i].used;
	return n;
}

/* ---- INTx ---- */

START_TEST(intx_follows_the_guest)
{
	start_default();
	ck_assert_uint_eq(fx.vmm.pin, 2);
	ck_assert_uint_eq(fx.fn.enabled[HOST_IRQ_INTX], 1);
	/* One eventfd for the host and the VMM, one for the way back. */
	ck_assert_int_eq(fx.fn.irq_fd[HOST_IRQ_INTX][0], fx.vmm.trigger_fd);
	ck_assert_int_eq(fx.fn.unmask_fd, fx.vmm.resample_fd);
	ck_assert(fcntl(fx.vmm.trigger_fd, F_GETFD) & FD_CLOEXEC);
	ck_assert(fcntl(fx.vmm.resample_fd, F_GETFD) & FD_CLOEXEC);
	/* Masked by VFIO, and not torn down for that. */
	wr(PCI_COMMAND, 2, PCI_COMMAND_INTX_DISABLE);
	ck_assert_uint_eq(fake_get(&fx.fn, PCI_COMMAND, 2),
			  PCI_COMMAND_INTX_DISABLE);
	ck_assert_uint_eq(fx.vmm.pin, 2);
	ck_assert_uint_eq(fx.fn.enabled[HOST_IRQ_INTX], 1);
	wr(PCI_COMMAND, 2, 0);
	ck_assert_uint_eq(fake_get(&fx.fn, PCI_COMMAND, 2), 0);
	ck_assert_uint_eq(fx.vmm.pin, 2);
	/* A reset unmasks. */
	wr(PCI_COMMAND, 2, PCI_COMMAND_INTX_DISABLE);
	ck_assert_int_eq(moat_device_reset(fx.dev, &fx.err), 0);
	ck_assert_uint_eq(fake_get(&fx.fn, PCI_COMMAND, 2), 0);
	fixture_fini(&fx);
}
END_TEST

/* Off while messages are on, and back afterwards. */
START_TEST(intx_makes_way_for_messages)
{
	start_default();
	msix_control(PCI_MSIX_FLAGS_ENABLE);
	ck_assert_uint_eq(fx.vmm.pin, 0);
	ck_assert_uint_ne(fx.fn.enabled[HOST_IRQ_MSIX], 0);
	msix_control(0);
	ck_assert_uint_eq(fx.fn.enabled[HOST_IRQ_MSIX], 0);
	ck_assert_uint_eq(fx.vmm.pin, 2);
	wr(FAKE_MSI + PCI_MSI_FLAGS, 2, PCI_MSI_FLAGS_ENABLE);
	ck_assert_uint_eq(fx.vmm.pin, 0);
	ck_assert_uint_eq(fx.fn.enabled[HOST_IRQ_MSI], 1);
	/* Both: no driver may; MSI-X it is. */
	msix_control(PCI_MSIX_FLAGS_ENABLE);
	ck_assert_uint_eq(fx.fn.enabled[HOST_IRQ_MSI], 0);
	ck_assert_uint_ne(fx.fn.enabled[HOST_IRQ_MSIX], 0);
	msix_control(0);
	ck_assert_uint_eq(fx.fn.enabled[HOST_IRQ_MSI], 1);
	wr(FAKE_MSI + PCI_MSI_FLAGS, 2, 0);
	ck_assert_uint_eq(fx.vmm.pin, 2);
	fixture_fini(&fx);
}
END_TEST

START_TEST(no_pin_no_intx)
{
	fixture_init(&fx);
	fx.fn.irq[HOST_IRQ_INTX].count = 0;
	start();
	ck_assert_uint_eq(rd(PCI_INTERRUPT_PIN, 1), 0);
	ck_assert_uint_eq(fx.vmm.pin, 0);
	fixture_fini(&fx);

	fixture_init(&fx);
	fake_put(&fx.fn, PCI_INTERRUPT_PIN, 1, 7); /* no such pin */
	start();
	ck_assert_uint_eq(rd(PCI_INTERRUPT_PIN, 1), 0);
	fixture_fini(&fx);
}
END_TEST

/* Calls at plug: intx_connect, irq_set, unmask. The last two are the host. */
START_TEST(intx_errors_at_plug)
{
	static const struct {
		unsigned int call;
		int error, want;
	} cases[] = {
		{ 1, -ENOSPC, 0 }, /* no line: no pin, and on we go */
		{ 2, -EBUSY, -EBUSY },
		{ 2, -EINVAL, 0 },
		{ 3, -ENOMEM, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned int before;
		int r;

		fixture_init(&fx);
		ck_assert_int_eq(fixture_open(&fx), 0);
		before = count_fds();
		/* Plugging reads the extended chain anew: six headers. */
		fx.sweep.calls = 0;
		fx.sweep.fail_at = 4 + cases[i].call;
		fx.sweep.error = cases[i].error;
		r = moat_device_plug(fx.dev, &fake_vmm_ops, &fx.vmm,
				     MOAT_PLUG_PCIE, &fx.err);
		ck_assert_msg(r == cases[i].want, "case %zu: %d", i, r);
		ck_assert(fake_vmm_is_empty(&fx.vmm));
		ck_assert_uint_eq(count_fds(), before);
		if (r == 0)
			ck_assert_uint_eq(rd(PCI_INTERRUPT_PIN, 1), 0);
		else
			ck_assert_ptr_nonnull(strstr(fx.err.msg,
						     "disk: its interrupt line "
						     "is taken by another"));
		fixture_fini(&fx);
	}
}
END_TEST

/* A line that cannot be shared: refused by name, with the ways out. */
START_TEST(a_line_that_cannot_be_shared)
{
	static const struct {
		const char *users;
		enum moat_irq irq;
		const char *says, *hint;
	} cases[] = {
		{ "uhci_hcd:usb1,i801_smbus", MOAT_IRQ_AUTO,
		  "taken by uhci_hcd:usb1,i801_smbus and cannot be shared",
		  "assign it with irq=msix, unbind" },
		{ "", MOAT_IRQ_AUTO, "taken by another device of the host",
		  "assign it with irq=msix, unbind" },
		{ NULL, MOAT_IRQ_INTX, "taken by another device of the host",
		  "(DisINTx); unbind" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		fixture_init(&fx);
		fx.irq_users = cases[i].users;
		fx.spec.irq = cases[i].irq;
		ck_assert_int_eq(fixture_open(&fx), 0);
		fx.sweep.calls = 0;
		fx.sweep.fail_at = 6; /* irq_set(), as above */
		fx.sweep.error = -EBUSY;
		ck_assert_int_eq(moat_device_plug(fx.dev, &fake_vmm_ops, &fx.vmm,
						  MOAT_PLUG_PCIE, &fx.err),
				 -EBUSY);
		ck_assert_msg(strstr(fx.err.msg, cases[i].says), "%s",
			      fx.err.msg);
		ck_assert_msg(strstr(fx.err.msg, cases[i].hint), "%s",
			      fx.err.msg);
		fixture_fini(&fx);
	}
	/* Who uses messages only has no use for the line. */
	fixture_init(&fx);
	fx.spec.irq = MOAT_IRQ_MSIX;
	start();
	ck_assert_uint_eq(fx.fn.enabled[HOST_IRQ_INTX], 0);
	fixture_fini(&fx);
}
END_TEST

/* ---- MSI ---- */

static void msi_set(uint32_t data)
{
	wr(FAKE_MSI + PCI_MSI_ADDRESS_LO, 4, (uint32_t)MSG | 3);
	wr(FAKE_MSI + PCI_MSI_ADDRESS_HI, 4, 1);
	wr(FAKE_MSI + PCI_MSI_DATA_64, 2, data);
}

START_TEST(msi_delivers)
{
	start_default();
	/* 8 messages, 64 bits, maskable. */
	ck_assert_uint_eq(rd(FAKE_MSI + PCI_MSI_FLAGS, 2), 0x186);
	msi_set(0x40);
	wr(FAKE_MSI + PCI_MSI_FLAGS, 2, PCI_MSI_FLAGS_ENABLE | 2 << 4);
	ck_assert_uint_eq(fx.fn.enabled[HOST_IRQ_MSI], 4);
	ck_assert_uint_eq(live_routes(), 4);
	for (unsigned int i = 0; i < 4; i++) {
		fake_fire(&fx.fn, HOST_IRQ_MSI, i);
		ck_assert_int_eq(fake_vmm_delivered(&fx.vmm, 0x40 + i), 1);
	}
	ck_assert_uint_eq(fx.vmm.live[0].msg.address, MSG | 1ULL << 32);
	/* Another message while enabled: the vectors follow, in one commit. */
	fx.vmm.commits = 0;
	wr(FAKE_MSI + PCI_MSI_DATA_64, 2, 0x80);
	ck_assert_uint_eq(fx.vmm.commits, 1);
	fake_fire(&fx.fn, HOST_IRQ_MSI, 3);
	ck_assert_int_eq(fake_vmm_delivered(&fx.vmm, 0x83), 1);
	ck_assert_int_eq(fake_vmm_delivered(&fx.vmm, 0x43), -1);
	/* The vector's number replaces the low bits, it is not added. */
	wr(FAKE_MSI + PCI_MSI_DATA_64, 2, 0x83);
	fake_fire(&fx.fn, HOST_IRQ_MSI, 1);
	ck_assert_int_eq(fake_vmm_delivered(&fx.vmm, 0x81), 1);
	/* Fewer messages: set up anew. */
	wr(FAKE_MSI + PCI_MSI_FLAGS, 2, PCI_MSI_FLAGS_ENABLE);
	ck_assert_uint_eq(fx.fn.enabled[HOST_IRQ_MSI], 1);
	ck_assert_uint_eq(live_routes(), 1);
	/* More than there are, and a reserved encoding: all eight. */
	wr(FAKE_MSI + PCI_MSI_FLAGS, 2, PCI_MSI_FLAGS_ENABLE | 7 << 4);
	ck_assert_uint_eq(fx.fn.enabled[HOST_IRQ_MSI], 8);
	/* The device's own registers are VFIO's. */
	ck_assert_uint_eq(fake_get(&fx.fn, FAKE_MSI + PCI_MSI_ADDRESS_LO, 4),
			  0);
	fixture_fini(&fx);
}
END_TEST

START_TEST(msi_mask_keeps_pending)
{
	start_default();
	msi_set(0x40);
	wr(FAKE_MSI + PCI_MSI_MASK_64, 4, 2);
	wr(FAKE_MSI + PCI_MSI_FLAGS, 2, PCI_MSI_FLAGS_ENABLE | 1 << 4);
	ck_assert_uint_eq(live_routes(), 1);
	/* Never unmasked: the host does not signal it at all. */
	ck_assert_int_eq(fx.fn.irq_fd[HOST_IRQ_MSI][1], -1);
	wr(FAKE_MSI + PCI_MSI_MASK_64, 4, 0);
	ck_assert_int_ge(fx.fn.irq_fd[HOST_IRQ_MSI][1], 0);
	wr(FAKE_MSI + PCI_MSI_MASK_64, 4, 2);
	fake_fire(&fx.fn, HOST_IRQ_MSI, 1);
	ck_assert_int_eq(fake_vmm_delivered(&fx.vmm, 0x41), -1);
	ck_assert_uint_eq(rd(FAKE_MSI + PCI_MSI_PENDING_64, 4), 2);
	wr(FAKE_MSI + PCI_MSI_PENDING_64, 4, 0); /* read-only */
	ck_assert_uint_eq(rd(FAKE_MSI + PCI_MSI_PENDING_64, 4), 2);
	wr(FAKE_MSI + PCI_MSI_MASK_64, 1, 0);
	ck_assert_int_eq(fake_vmm_delivered(&fx.vmm, 0x41), 1);
	ck_assert_uint_eq(rd(FAKE_MSI + PCI_MSI_PENDING_64, 4), 0);
	fixture_fini(&fx);
}
END_TEST

/* A capability without mask and upper address ends after the data. */
START_TEST(msi_small)
{
	fixture_init(&fx);
	fake_put(&fx.fn, FAKE_MSI + PCI_MSI_FLAGS, 2, 0);
	start();
	ck_assert_uint_eq(rd(FAKE_MSI + PCI_MSI_FLAGS, 2), 0);
	wr(FAKE_MSI + PCI_MSI_ADDRESS_LO, 4, (uint32_t)MSG);
	wr(FAKE_MSI + PCI_MSI_DATA_32, 4, 0xffff0041);
	wr(FAKE_MSI + PCI_MSI_MASK_32, 4, 0xffffffff);
	ck_assert_uint_eq(rd(FAKE_MSI + PCI_MSI_MASK_32, 4), 0);
	wr(FAKE_MSI + PCI_MSI_FLAGS, 2, PCI_MSI_FLAGS_ENABLE | 3 << 4);
	ck_assert_uint_eq(fx.fn.enabled[HOST_IRQ_MSI], 1);
	fake_fire(&fx.fn, HOST_IRQ_MSI, 0);
	ck_assert_int_eq(fake_vmm_delivered(&fx.vmm, 0x41), 1);
	fixture_fini(&fx);
}
END_TEST

/* ---- MSI-X ---- */

START_TEST(msix_table_is_memory)
{
	start_default();
	ck_assert_uint_eq(rd(FAKE_MSIX + PCI_MSIX_FLAGS, 2), FAKE_VECTORS - 1);
	ck_assert_uint_eq(rd(FAKE_MSIX + PCI_MSIX_TABLE, 4), FAKE_TABLE);
	ck_assert_uint_eq(rd(FAKE_MSIX + PCI_MSIX_PBA, 4), FAKE_PBA);
	for (unsigned int i = 0; i < FAKE_VECTORS; i++)
		ck_assert_uint_eq(mmio_rd(FAKE_TABLE + 16 * i + 12, 4), 1);
	mmio_wr(FAKE_TABLE + 16, 8, 0x1122334455667788);
	ck_assert_uint_eq(mmio_rd(FAKE_TABLE + 16, 8), 0x1122334455667788);
	mmio_wr(FAKE_TABLE + 16, 4, 0xfffffff7); /* an address of a dword */
	ck_assert_uint_eq(mmio_rd(FAKE_TABLE + 16, 4), 0xfffffff4);
	/* Data and control at once; the reserved bits stay zero. */
	mmio_wr(FAKE_TABLE + 24, 8, 0xfffffffe00000042);
	ck_assert_uint_eq(mmio_rd(FAKE_TABLE + 24, 8), 0x42);
	mmio_wr(FAKE_TABLE + 28, 1, 0xff);
	ck_assert_uint_eq(mmio_rd(FAKE_TABLE + 28, 4), 1);
	/* Across two entries, and across the end of the table. */
	mmio_wr(FAKE_TABLE + 12, 8, 0xffffffff00000000);
	ck_assert_uint_eq(mmio_rd(FAKE_TABLE + 12, 4), 0);
	ck_assert_uint_eq(mmio_rd(FAKE_TABLE + 16, 4), 0xfffffffc);
	mmio_wr(FAKE_TABLE + 16 * FAKE_VECTORS - 4, 8, 0x5566778800000000);
	ck_assert_uint_eq(mmio_rd(FAKE_TABLE + 16 * FAKE_VECTORS - 4, 8),
			  0x5566778800000000);
	/* The device's table was never written. */
	for (unsigned int i = 0; i < 16 * FAKE_VECTORS; i++)
		ck_assert_uint_eq(fx.fn.memory[0][FAKE_TABLE + i], 0);
	fixture_fini(&fx);
}
END_TEST

/* The kernel's two ways, and the ioctls each costs. */
static const struct {
	bool noresize;
	unsigned int at_enable; /* vectors set aside */
	unsigned int after_one; /* and after vector 2 is in use */
} msix_kinds[] = {
	{ true, FAKE_VECTORS, FAKE_VECTORS },
	{ false, 1, 3 },
};

START_TEST(msix_delivers)
{
	for (size_t i = 0; i < ARRAY_SIZE(msix_kinds); i++) {
		fixture_init(&fx);
		fx.fn.irq[HOST_IRQ_MSIX].noresize = msix_kinds[i].noresize;
		start();
		msix_control(PCI_MSIX_FLAGS_ENABLE);
		ck_assert_uint_eq(fx.fn.enabled[HOST_IRQ_MSIX],
				  msix_kinds[i].at_enable);
		fx.fn.irq_calls = 0;
		entry_set(2, 0x42);
		ck_assert_uint_eq(fx.fn.irq_calls, 1);
		ck_assert_uint_eq(fx.fn.enabled[HOST_IRQ_MSIX],
				  msix_kinds[i].after_one);
		ck_assert_uint_eq(live_routes(), 1);
		fake_fire(&fx.fn, HOST_IRQ_MSIX, 2);
		ck_assert_int_eq(fake_vmm_delivered(&fx.vmm, 0x42), 1);
		/* Another one: one call more, the first stays. */
		entry_set(5, 0x45);
		ck_assert_uint_eq(fx.fn.irq_calls, 2);
		fake_fire(&fx.fn, HOST_IRQ_MSIX, 2);
		fake_fire(&fx.fn, HOST_IRQ_MSIX, 5);
		ck_assert_int_eq(fake_vmm_delivered(&fx.vmm, 0x42), 1);
		ck_assert_int_eq(fake_vmm_delivered(&fx.vmm, 0x45), 1);
		/* Only vectors in use have an eventfd. */
		ck_assert_int_eq(fx.dev->irq.vector[0].fd, -1);
		ck_assert_int_eq(fx.dev->irq.vector[7].fd, -1);
		fixture_fini(&fx);
	}
}
END_TEST

/* A driver writes all entries, then enables: one ioctl, one commit. */
START_TEST(msix_enable_is_batched)
{
	for (int noresize = 0; noresize < 2; noresize++) {
		fixture_init(&fx);
		fx.fn.irq[HOST_IRQ_MSIX].noresize = noresize;
		start();
		fx.fn.irq_calls = 0;
		fx.vmm.commits = 0;
		for (unsigned int i = 0; i < 6; i++)
			entry_set(i, 0x40 + i);
		ck_assert_uint_eq(fx.vmm.commits, 0);
		msix_control(PCI_MSIX_FLAGS_ENABLE);
		ck_assert_uint_eq(fx.vmm.commits, 1);
		ck_assert_uint_eq(fx.fn.irq_calls, 1);
		ck_assert_uint_eq(live_routes(), 6);
		fixture_fini(&fx);

		/* As Linux does it: enabled with all masked, then opened. */
		fixture_init(&fx);
		fx.fn.irq[HOST_IRQ_MSIX].noresize = noresize;
		start();
		msix_control(PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
		for (unsigned int i = 0; i < 6; i++)
			entry_set(i, 0x40 + i);
		ck_assert_uint_eq(live_routes(), 0);
		fx.fn.irq_calls = 0;
		fx.vmm.commits = 0;
		msix_control(PCI_MSIX_FLAGS_ENABLE);
		ck_assert_uint_eq(fx.vmm.commits, 1);
		ck_assert_uint_eq(fx.fn.irq_calls, 1);
		ck_assert_uint_eq(live_routes(), 6);
		fixture_fini(&fx);
	}
}
END_TEST

/* Masked: nothing delivered, pending shown; unmasked: delivered once. */
START_TEST(msix_mask_keeps_pending)
{
	start_default();
	msix_control(PCI_MSIX_FLAGS_ENABLE);
	entry_set(1, 0x41);
	fx.fn.irq_calls = 0;
	entry_mask(1, true);
	ck_assert_uint_eq(mmio_rd(FAKE_PBA, 8), 0);
	fake_fire(&fx.fn, HOST_IRQ_MSIX, 1);
	fake_fire(&fx.fn, HOST_IRQ_MSIX, 1);
	ck_assert_int_eq(fake_vmm_delivered(&fx.vmm, 0x41), -1);
	ck_assert_uint_eq(mmio_rd(FAKE_PBA, 8), 2);
	ck_assert_uint_eq(mmio_rd(FAKE_PBA, 4), 2);
	ck_assert_uint_eq(mmio_rd(FAKE_PBA, 1), 2);
	mmio_wr(FAKE_PBA, 8, 0); /* read-only */
	ck_assert_uint_eq(mmio_rd(FAKE_PBA, 8), 2);
	/* Another message meanwhile: it is the one that is delivered. */
	mmio_wr(FAKE_TABLE + 16 + 8, 4, 0x51);
	entry_mask(1, false);
	ck_assert_uint_eq(mmio_rd(FAKE_PBA, 8), 0);
	ck_assert_int_eq(fake_vmm_delivered(&fx.vmm, 0x51), 1);
	ck_assert_int_eq(fake_vmm_delivered(&fx.vmm, 0x51), 0);
	/* Masking never touched the host's interrupt. */
	ck_assert_uint_eq(fx.fn.irq_calls, 0);
	fixture_fini(&fx);
}
END_TEST

START_TEST(msix_function_mask)
{
	start_default();
	msix_control(PCI_MSIX_FLAGS_ENABLE);
	entry_set(0, 0x40);
	entry_set(3, 0x43);
	fx.vmm.commits = 0;
	msix_control(PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	ck_assert_uint_eq(fx.vmm.commits, 1);
	ck_assert_uint_eq(live_routes(), 0);
	fake_fire(&fx.fn, HOST_IRQ_MSIX, 0);
	fake_fire(&fx.fn, HOST_IRQ_MSIX, 3);
	ck_assert_uint_eq(mmio_rd(FAKE_PBA, 8), 9);
	entry_mask(3, true);
	msix_control(PCI_MSIX_FLAGS_ENABLE);
	ck_assert_uint_eq(mmio_rd(FAKE_PBA, 8), 8);
	ck_assert_int_eq(fake_vmm_delivered(&fx.vmm, 0x40), 1);
	entry_mask(3, false);
	ck_assert_int_eq(fake_vmm_delivered(&fx.vmm, 0x43), 1);
	fixture_fini(&fx);
}
END_TEST

/* A vector that was never unmasked is pending in the device itself. */
START_TEST(msix_pending_of_unused_vector)
{
	start_default();
	msix_control(PCI_MSIX_FLAGS_ENABLE);
	fake_fire(&fx.fn, HOST_IRQ_MSIX, 6);
	ck_assert_uint_eq(mmio_rd(FAKE_PBA, 8), 1 << 6);
	fixture_fini(&fx);
}
END_TEST

/* A message that changes while unmasked, one half at a time. */
START_TEST(msix_update_unmasked)
{
	start_default();
	msix_control(PCI_MSIX_FLAGS_ENABLE);
	entry_set(0, 0x40);
	mmio_wr(FAKE_TABLE + 8, 4, 0x60);
	fake_fire(&fx.fn, HOST_IRQ_MSIX, 0);
	ck_assert_int_eq(fake_vmm_delivered(&fx.vmm, 0x40), -1);
	ck_assert_int_eq(fake_vmm_delivered(&fx.vmm, 0x60), 1);
	/* The same value again changes nothing. */
	fx.vmm.commits = 0;
	mmio_wr(FAKE_TABLE + 8, 4, 0x60);
	ck_assert_uint_eq(fx.vmm.commits, 0);
	fixture_fini(&fx);
}
END_TEST

/* Fewer vectors on the host than in the table. */
START_TEST(msix_host_is_short_of_vectors)
{
	fixture_init(&fx);
	fx.fn.limit = 3;
	start();
	entry_set(0, 0x40);
	entry_set(5, 0x45);
	msix_control(PCI_MSIX_FLAGS_ENABLE);
	ck_assert_uint_eq(fx.fn.enabled[HOST_IRQ_MSIX], 3);
	fake_fire(&fx.fn, HOST_IRQ_MSIX, 0);
	ck_assert_int_eq(fake_vmm_delivered(&fx.vmm, 0x40), 1);
	entry_set(2, 0x42);
	fake_fire(&fx.fn, HOST_IRQ_MSIX, 2);
	ck_assert_int_eq(fake_vmm_delivered(&fx.vmm, 0x42), 1);
	/* Asked for together with one that cannot be had. */
	msix_control(0);
	msix_control(PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	entry_set(1, 0x41);
	entry_set(3, 0x43);
	msix_control(PCI_MSIX_FLAGS_ENABLE);
	fake_fire(&fx.fn, HOST_IRQ_MSIX, 1);
	ck_assert_int_eq(fake_vmm_delivered(&fx.vmm, 0x41), 1);
	fixture_fini(&fx);
}
END_TEST

/* A commit that fails leaves the earlier state, and is tried again. */
START_TEST(commit_fails)
{
	start_default();
	msix_control(PCI_MSIX_FLAGS_ENABLE);
	mmio_wr(FAKE_TABLE + 8, 4, 0x40);
	fx.sweep.fail_at = fx.sweep.calls + 2; /* connect, commit */
	entry_mask(0, false);
	ck_assert_uint_eq(live_routes(), 0);
	entry_mask(0, false);
	ck_assert_uint_eq(live_routes(), 1);
	fake_fire(&fx.fn, HOST_IRQ_MSIX, 0);
	ck_assert_int_eq(fake_vmm_delivered(&fx.vmm, 0x40), 1);
	/* An update. */
	fx.sweep.fail_at = fx.sweep.calls + 2;
	mmio_wr(FAKE_TABLE + 8, 4, 0x50);
	fake_fire(&fx.fn, HOST_IRQ_MSIX, 0);
	ck_assert_int_eq(fake_vmm_delivered(&fx.vmm, 0x40), 1);
	mmio_wr(FAKE_TABLE + 8, 4, 0x50);
	fake_fire(&fx.fn, HOST_IRQ_MSIX, 0);
	ck_assert_int_eq(fake_vmm_delivered(&fx.vmm, 0x50), 1);
	/* A disconnection. */
	fx.sweep.fail_at = fx.sweep.calls + 1;
	entry_mask(0, true);
	ck_assert_uint_eq(live_routes(), 1);
	entry_mask(0, true);
	ck_assert_uint_eq(live_routes(), 0);
	/* A pending one is not lost on the way. */
	fake_fire(&fx.fn, HOST_IRQ_MSIX, 0);
	fx.sweep.fail_at = fx.sweep.calls + 2;
	entry_mask(0, false);
	ck_assert_uint_eq(live_routes(), 0);
	entry_mask(0, false);
	ck_assert_int_eq(fake_vmm_delivered(&fx.vmm, 0x50), 1);
	fixture_fini(&fx);
}
END_TEST

/* Every call fails once while all of it is used; at the end it all works. */
START_TEST(enable_under_sweep)
{
	unsigned int fds = 0, fail_at = 1;
	bool failed;

	do {
		fixture_init(&fx);
		start();
		if (fail_at == 1)
			fds = count_fds();
		ck_assert_uint_eq(count_fds(), fds);
		fx.sweep.calls = 0;
		fx.sweep.fail_at = fail_at++;
		msix_control(PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
		entry_set(0, 0x40);
		entry_set(4, 0x44);
		msix_control(PCI_MSIX_FLAGS_ENABLE);
		entry_set(6, 0x46);
		entry_mask(4, true);
		entry_mask(4, false);
		msix_control(0);
		msi_set(0x80);
		wr(FAKE_MSI + PCI_MSI_FLAGS, 2, PCI_MSI_FLAGS_ENABLE | 3 << 4);
		wr(FAKE_MSI + PCI_MSI_MASK_64, 4, 0xf);
		wr(FAKE_MSI + PCI_MSI_MASK_64, 4, 0);
		wr(FAKE_MSI + PCI_MSI_FLAGS, 2, 0);
		failed = fx.sweep.calls >= fx.sweep.fail_at;
		fx.sweep.fail_at = 0;
		/* Nothing is left behind by what failed. */
		wr(PCI_COMMAND, 2, PCI_COMMAND_INTX_DISABLE);
		ck_assert_uint_eq(count_fds(), fds);
		wr(PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
		ck_assert_uint_eq(fx.vmm.pin, 2);
		ck_assert_uint_eq(live_routes(), 0);
		msix_control(PCI_MSIX_FLAGS_ENABLE);
		fake_fire(&fx.fn, HOST_IRQ_MSIX, 6);
		ck_assert_int_eq(fake_vmm_delivered(&fx.vmm, 0x46), 1);
		fixture_fini(&fx);
	} while (failed);
	ck_assert_uint_gt(fail_at, 20);
}
END_TEST

/* Where MSI-X claims to be, but cannot. */
static const struct {
	uint32_t table, pba;
} bad_msix[] = {
	{ FAKE_TABLE | 1, FAKE_PBA }, /* ports */
	{ FAKE_TABLE | 5, FAKE_PBA }, /* no such BAR */
	{ FAKE_TABLE | 7, FAKE_PBA }, /* reserved number */
	{ FAKE_TABLE | 3, FAKE_PBA }, /* upper half of another */
	{ 0x3f88, 0 },		      /* past the end */
	{ 0xfffffff8, 0 },
	{ FAKE_TABLE, 0x4000 },
	{ FAKE_TABLE, FAKE_TABLE + 0x78 }, /* in the table */
};

START_TEST(impossible_msix_is_refused)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad_msix); i++) {
		fixture_init(&fx);
		fake_put(&fx.fn, FAKE_MSIX + PCI_MSIX_TABLE, 4,
			 bad_msix[i].table);
		fake_put(&fx.fn, FAKE_MSIX + PCI_MSIX_PBA, 4, bad_msix[i].pba);
		ck_assert_msg(fixture_open(&fx) == -EINVAL, "case %zu", i);
		ck_assert_ptr_nonnull(strstr(fx.err.msg, "disk: its MSI-X"));
		fixture_fini(&fx);
	}
}
END_TEST

/* Wrong in a way that is known of the device; and of no other, nor otherwise. */
static const struct {
	uint32_t ids, pba;
	uint32_t want; /* 0: refused */
} known_pba[] = {
	{ 0x58031425, 0x8000, 0x1000 },
	{ 0x58ff1425, 0x8000, 0x1000 },
	{ 0x58031425, 0x9000, 0 },
	{ 0x58031425, 0x3000, 0x3000 }, /* a BAR that is large enough */
	{ 0x54031425, 0x8000, 0 },
	{ 0x58031426, 0x8000, 0 },
	{ 0x36851d22, 0x460000, 0 }, /* 0xb400 lies outside, too */
};

START_TEST(msix_place_that_is_known_better)
{
	for (size_t i = 0; i < ARRAY_SIZE(known_pba); i++) {
		int r;

		fixture_init(&fx);
		fake_put(&fx.fn, PCI_VENDOR_ID, 4, known_pba[i].ids);
		fake_put(&fx.fn, FAKE_MSIX + PCI_MSIX_PBA, 4, known_pba[i].pba);
		r = fixture_open(&fx);
		if (!known_pba[i].want) {
			ck_assert_msg(r == -EINVAL, "case %zu", i);
			fixture_fini(&fx);
			continue;
		}
		ck_assert_msg(r == 0, "case %zu: %s", i, fx.err.msg);
		ck_assert_uint_eq(rd(FAKE_MSIX + PCI_MSIX_PBA, 4),
				  known_pba[i].want);
		fixture_fini(&fx);
	}
}
END_TEST

/* The host has no such interrupt: the capability is not shown. */
START_TEST(hidden_without_host_vectors)
{
	unsigned int cap;

	fixture_init(&fx);
	fx.fn.irq[HOST_IRQ_MSI].count = 0;
	fx.fn.irq[HOST_IRQ_MSIX].count = 0;
	start();
	for (cap = rd(PCI_CAPABILITY_LIST, 1); cap; cap = rd(cap + 1, 1)) {
		ck_assert_uint_ne(rd(cap, 1), PCI_CAP_ID_MSI);
		ck_assert_uint_ne(rd(cap, 1), PCI_CAP_ID_MSIX);
	}
	/* The hardware has its table all the same: not for the guest. */
	ck_assert_ptr_null(fake_vmm_direct(&fx.vmm, BAR0 + FAKE_TABLE));
	ck_assert_ptr_null(fake_vmm_direct(&fx.vmm, BAR0 + FAKE_PBA));
	ck_assert_ptr_nonnull(fake_vmm_direct(&fx.vmm, BAR0));
	fixture_fini(&fx);
}
END_TEST

/* irq=: the guest sees that one and no other, and it works. */
static const struct {
	enum moat_irq want;
	unsigned int pin, cap;
} chosen[] = {
	{ MOAT_IRQ_INTX, 2, 0 },
	{ MOAT_IRQ_MSI, 0, PCI_CAP_ID_MSI },
	{ MOAT_IRQ_MSIX, 0, PCI_CAP_ID_MSIX },
};

START_TEST(only_the_chosen_one_is_seen)
{
	for (size_t i = 0; i < ARRAY_SIZE(chosen); i++) {
		unsigned int at, seen = 0;

		fixture_init(&fx);
		fx.spec.irq = chosen[i].want;
		start();
		ck_assert_uint_eq(rd(PCI_INTERRUPT_PIN, 1), chosen[i].pin);
		ck_assert_uint_eq(fx.vmm.pin, chosen[i].pin);
		for (at = rd(PCI_CAPABILITY_LIST, 1); at; at = rd(at + 1, 1)) {
			unsigned int id = rd((uint16_t)at, 1);

			if (id != PCI_CAP_ID_MSI && id != PCI_CAP_ID_MSIX)
				continue;
			ck_assert_uint_eq(seen, 0);
			seen = id;
		}
		ck_assert_uint_eq(seen, chosen[i].cap);
		/* A guest that writes there all the same gets nothing. */
		entry_set(1, 0x41);
		msix_control(PCI_MSIX_FLAGS_ENABLE);
		ck_assert_uint_eq(fx.fn.enabled[HOST_IRQ_MSIX] != 0,
				  chosen[i].want == MOAT_IRQ_MSIX);
		msix_control(0);
		msi_set(0x40);
		wr(FAKE_MSI + PCI_MSI_FLAGS, 2, PCI_MSI_FLAGS_ENABLE);
		ck_assert_uint_eq(fx.fn.enabled[HOST_IRQ_MSI] != 0,
				  chosen[i].want == MOAT_IRQ_MSI);
		/* Hidden or not, the table's page is not the guest's. */
		ck_assert_ptr_null(fake_vmm_direct(&fx.vmm, BAR0 + FAKE_TABLE));
		fixture_fini(&fx);
	}
}
END_TEST

START_TEST(a_choice_that_is_not_there)
{
	static const struct {
		enum host_irq_index missing;
		enum moat_irq want;
		const char *says;
	} cases[] = {
		{ HOST_IRQ_INTX, MOAT_IRQ_INTX,
		  "disk: irq=intx: the device has no such interrupt; it has "
		  "msi msix" },
		{ HOST_IRQ_MSI, MOAT_IRQ_MSI,
		  "irq=msi: the device has no such "
		  "interrupt; it has intx msix" },
		{ HOST_IRQ_MSIX, MOAT_IRQ_MSIX, "it has intx msi" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		fixture_init(&fx);
		fx.fn.irq[cases[i].missing].count = 0;
		fx.spec.irq = cases[i].want;
		ck_assert_int_eq(fixture_open(&fx), -EINVAL);
		ck_assert_msg(strstr(fx.err.msg, cases[i].says), "%s",
			      fx.err.msg);
		fixture_fini(&fx);
	}
	fixture_init(&fx);
	for (int i = HOST_IRQ_INTX; i <= HOST_IRQ_MSIX; i++)
		fx.fn.irq[i].count = 0;
	fx.spec.irq = MOAT_IRQ_MSI;
	ck_assert_int_eq(fixture_open(&fx), -EINVAL);
	ck_assert_ptr_nonnull(strstr(fx.err.msg, "it has none"));
	fixture_fini(&fx);
}
END_TEST

/* With nothing else to fall back on, a pin that fails is an error. */
START_TEST(irq_intx_must_work)
{
	fixture_init(&fx);
	fx.spec.irq = MOAT_IRQ_INTX;
	ck_assert_int_eq(fixture_open(&fx), 0);
	fx.sweep.calls = 0;
	fx.sweep.fail_at = 5; /* intx_connect(), as in intx_errors_at_plug */
	fx.sweep.error = -ENOSPC;
	ck_assert_int_eq(moat_device_plug(fx.dev, &fake_vmm_ops, &fx.vmm,
					  MOAT_PLUG_PCIE, &fx.err),
			 -ENOSPC);
	ck_assert_ptr_nonnull(strstr(fx.err.msg, "cannot connect its INTB"));
	ck_assert(fake_vmm_is_empty(&fx.vmm));
	fixture_fini(&fx);
}
END_TEST

CHECK_MAIN("irq", msix_place_that_is_known_better, intx_follows_the_guest,
	   intx_makes_way_for_messages, no_pin_no_intx, intx_errors_at_plug,
	   a_line_that_cannot_be_shared, msi_delivers, msi_mask_keeps_pending,
	   msi_small, msix_table_is_memory, msix_delivers,
	   msix_enable_is_batched, msix_mask_keeps_pending, msix_function_mask,
	   msix_pending_of_unused_vector, msix_update_unmasked,
	   msix_host_is_short_of_vectors, commit_fails, enable_under_sweep,
	   impossible_msix_is_refused, hidden_without_host_vectors,
	   only_the_chosen_one_is_seen, a_choice_that_is_not_there,
	   irq_intx_must_work)
