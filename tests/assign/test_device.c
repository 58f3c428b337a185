// SPDX-License-Identifier: GPL-2.0-or-later
/* The life of a device: open, plug, arm, reset, close, and what fails. */
#include <check.h>
#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include <linux/pci_regs.h>

#include "common/util.h"
#include "tests/assign/fake_function.h"
#include "tests/check_main.h"

static struct fixture fx;

static uint32_t rd(uint16_t offset, unsigned int size)
{
	return moat_device_config_read(fx.dev, offset, size);
}

static void wr(uint16_t offset, unsigned int size, uint32_t value)
{
	moat_device_config_write(fx.dev, offset, size, value);
}

/* Each call fails once, until none is left; nothing stays behind. */
START_TEST(open_under_sweep)
{
	unsigned int fail_at = 1, fds = 0;
	int r;

	do {
		fixture_init(&fx);
		if (fail_at == 1)
			fds = count_fds();
		fx.sweep.fail_at = fail_at++;
		r = fixture_open(&fx);
		if (r < 0) {
			ck_assert_int_eq(r, -EIO);
			ck_assert_str_ne(fx.err.msg, "");
			ck_assert_ptr_null(fx.dev);
			ck_assert(fixture_is_clean(&fx));
			ck_assert_uint_eq(count_fds(), fds);
		}
		fixture_fini(&fx);
	} while (r < 0);
	/* At least: find, check, bind, attach, open, and the reading. */
	ck_assert_uint_gt(fail_at, 20);
}
END_TEST

START_TEST(plug_under_sweep)
{
	unsigned int fail_at = 1, fds;
	bool failed;

	do {
		fixture_init(&fx);
		ck_assert_int_eq(fixture_open(&fx), 0);
		fds = count_fds();
		fx.sweep.calls = 0;
		fx.sweep.error = -EBUSY;
		fx.sweep.fail_at = fail_at++;
		failed = moat_device_plug(fx.dev, &fake_vmm_ops, &fx.vmm,
					  MOAT_PLUG_PCIE, &fx.err) < 0;
		if (failed) {
			ck_assert(fake_vmm_is_empty(&fx.vmm));
			ck_assert_uint_eq(count_fds(), fds);
		}
		fixture_fini(&fx);
	} while (failed);
	ck_assert_uint_gt(fail_at, 3);
}
END_TEST

/* A VMM that offers nothing gets a device that does nothing, and no crash. */
START_TEST(a_vmm_may_leave_all_out)
{
	static const struct moat_vmm_ops nothing;

	fixture_init(&fx);
	ck_assert_int_eq(fixture_open(&fx), 0);
	ck_assert_int_eq(moat_device_plug(fx.dev, &nothing, NULL,
					  MOAT_PLUG_PCIE, &fx.err),
			 0);
	moat_device_arm(fx.dev);
	/* Every register that a byte can be written to, twice. */
	for (unsigned int value = 0xff; value; value = value == 0xff ? 7 : 0)
		for (uint16_t at = 0; at < 0x1000; at++)
			moat_device_config_write(fx.dev, at, 1, value);
	moat_device_take_events(fx.dev);
	ck_assert_int_eq(moat_device_reset(fx.dev, &fx.err), 0);
	fixture_fini(&fx);
}
END_TEST

/* Mapping, moving and enabling with failures: never more than one BAR off. */
START_TEST(use_under_sweep)
{
	unsigned int fail_at = 1, fds = 0;
	bool failed;

	do {
		fixture_init(&fx);
		if (fail_at == 1)
			fds = count_fds();
		fixture_start(&fx);
		fx.sweep.calls = 0;
		fx.sweep.fail_at = fail_at++;
		wr(PCI_BASE_ADDRESS_0, 4, 0xc0000000);
		wr(PCI_BASE_ADDRESS_1, 4, 0x2000);
		wr(PCI_BASE_ADDRESS_2, 4, 0xd0000000);
		wr(PCI_COMMAND, 2,
		   PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
		wr(PCI_BASE_ADDRESS_0, 4, 0xc1000000);
		wr(FAKE_MSIX + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
		wr(PCI_COMMAND, 2, 0);
		(void)moat_device_reset(fx.dev, &fx.err);
		failed = fx.sweep.calls >= fx.sweep.fail_at;
		ck_assert_uint_eq(fake_get(&fx.fn, PCI_COMMAND, 2) &
					  PCI_COMMAND_MASTER,
				  0);
		fixture_fini(&fx);
		ck_assert_uint_eq(count_fds(), fds);
	} while (failed);
	ck_assert_uint_gt(fail_at, 15);
}
END_TEST

START_TEST(refusal_changes_nothing)
{
	fixture_init(&fx);
	fx.verdict = -EBUSY;
	ck_assert_int_eq(fixture_open(&fx), -EBUSY);
	ck_assert_str_eq(fx.err.msg, "not assignable");
	ck_assert_uint_eq(fx.attach_calls, 0);
	fixture_fini(&fx);
}
END_TEST

START_TEST(dma_must_be_what_the_address_space_is)
{
	fixture_init(&fx);
	fx.spec.dma = MOAT_DMA_NONE;
	ck_assert_int_eq(fixture_open(&fx), -EINVAL);
	ck_assert_str_eq(fx.err.msg,
			 "disk: dma=none, and the address space it would join "
			 "is a fence");
	fx.spec.dma = MOAT_DMA_IOMMU;
	fx.unfenced = true;
	ck_assert_int_eq(fixture_open(&fx), -EINVAL);
	ck_assert_str_eq(fx.err.msg,
			 "disk: dma=iommu, and the address space it would join "
			 "is no fence");
	ck_assert_uint_eq(fx.sweep.calls, 0);
	fixture_fini(&fx);
}
END_TEST

/* With sysfs in VFIO's place, and each step failing once. */
START_TEST(dma_none_needs_no_file)
{
	int r = -1;

	for (unsigned int at = 1; r < 0; at++) {
		unsigned int before = count_fds();

		fixture_init(&fx);
		fx.spec.dma = MOAT_DMA_NONE;
		fx.unfenced = true;
		fx.sweep.fail_at = at;
		r = fixture_open(&fx);
		if (r == 0) {
			ck_assert_uint_eq(fx.bind_flags, MOAT_BIND_UNFENCED);
			moat_device_close(fx.dev);
			fx.dev = NULL;
		}
		ck_assert(fixture_is_clean(&fx));
		ck_assert_uint_eq(count_fds(), before);
		fixture_fini(&fx);
	}
}
END_TEST

/* Managed: bound, and given back; else its driver is left alone. */
START_TEST(only_what_was_taken_is_given_back)
{
	fixture_init(&fx);
	ck_assert_int_eq(fixture_open(&fx), 0);
	ck_assert_int_eq(fx.bound, 1);
	fixture_fini(&fx);

	fixture_init(&fx);
	fx.spec.managed = false;
	ck_assert_int_eq(fixture_open(&fx), 0);
	ck_assert_int_eq(fx.bound, 0);
	fixture_fini(&fx);

	fixture_init(&fx);
	fx.is_bound = true;
	ck_assert_int_eq(fixture_open(&fx), 0);
	ck_assert_int_eq(fx.bound, 0);
	fixture_fini(&fx);
}
END_TEST

/* Another thread claims a device of the same group, or has just done so. */
static const struct {
	unsigned int other_bus; /* the group is the bus here */
	unsigned int refusals;	/* by VFIO, before the group is whole */
	unsigned int foreign_reads;
	int want;
	unsigned int attach_calls;
} group_cases[] = {
	{ 4, 0, 0, 0, 1 },	 { 4, 1, 4, 0, 2 }, /* half way */
	{ 4, 1, 0, 0, 2 },	 /* between the attempt and the first look */
	{ 4, 3, 2, 0, 4 },	 /* VFIO notices late */
	{ 5, 1, 4, -EINVAL, 1 }, /* not of this group: nothing to wait for */
};

/* The device, and function 1 beside it on @bus. */
static void fixture_init_pair(struct moat_bdf pair[2], unsigned int bus)
{
	fixture_init(&fx);
	pair[0] = fx.spec.host;
	pair[1] = fx.spec.host;
	pair[1].bus = (uint8_t)bus;
	pair[1].fn = 1;
	fx.params.same_guest = pair;
	fx.params.n_same_guest = 2;
}

START_TEST(waits_for_the_group)
{
	struct moat_bdf pair[2];

	for (size_t i = 0; i < ARRAY_SIZE(group_cases); i++) {
		fixture_init_pair(pair, group_cases[i].other_bus);
		fx.attach_refusals = group_cases[i].refusals;
		fx.foreign_reads = group_cases[i].foreign_reads;
		ck_assert_int_eq(fixture_open(&fx), group_cases[i].want);
		ck_assert_uint_eq(fx.attach_calls, group_cases[i].attach_calls);
		fixture_fini(&fx);
	}
}
END_TEST

static bool cancelled_soon(void *opaque)
{
	unsigned int *n_asked = opaque;

	return ++*n_asked == 3;
}

/* The other one is never claimed: without being asked it would wait for it. */
START_TEST(waiting_for_the_group_can_be_cancelled)
{
	struct moat_bdf pair[2];
	unsigned int n_asked = 0;

	fixture_init_pair(pair, 4);
	fx.attach_refusals = UINT32_MAX;
	fx.foreign_reads = UINT32_MAX;
	fx.params.cancelled = cancelled_soon;
	fx.params.cancelled_opaque = &n_asked;
	ck_assert_int_eq(fixture_open(&fx), -EINTR);
	ck_assert_ptr_nonnull(strstr(fx.err.msg, "interrupted"));
	ck_assert_uint_eq(n_asked, 3);
	ck_assert_uint_eq(fx.attach_calls, 1);
	fixture_fini(&fx);
}
END_TEST

START_TEST(group_that_stays_refused)
{
	struct moat_bdf pair[2];

	fixture_init_pair(pair, 4);
	fx.attach_refusals = UINT32_MAX;
	ck_assert_int_eq(fixture_open(&fx), -EINVAL);
	ck_assert_str_eq(fx.err.msg, "attaching failed");
	ck_assert_uint_gt(fx.attach_calls, 1);
	fixture_fini(&fx);

	/* A second attempt would find the file closed, and complain of that. */
	fixture_init_pair(pair, 4);
	fx.spec.fd = 5;
	fx.attach_refusals = UINT32_MAX;
	ck_assert_int_eq(fixture_open(&fx), -EINVAL);
	ck_assert_uint_eq(fx.attach_calls, 1);
	fixture_fini(&fx);

	/* Alone, nothing can change it. */
	fixture_init(&fx);
	fx.attach_refusals = 1;
	ck_assert_int_eq(fixture_open(&fx), -EINVAL);
	ck_assert_uint_eq(fx.attach_calls, 1);
	fixture_fini(&fx);
}
END_TEST

START_TEST(name_defaults_to_address)
{
	fixture_init(&fx);
	fx.spec.name[0] = '\0';
	fx.spec.host.fn = 3;
	ck_assert_int_eq(fixture_open(&fx), 0);
	ck_assert_str_eq(moat_device_name(fx.dev), "0000:04:08.3");
	fixture_fini(&fx);
}
END_TEST

/* The fake asserts that it is what the spec says; or that there is none. */
START_TEST(a_token_reaches_the_address_space)
{
	fixture_init(&fx);
	(void)strcpy(fx.spec.vf_token, "bd8d9d2b-5a5f-4f5a-a211-f591514ba1f3");
	ck_assert_int_eq(fixture_open(&fx), 0);
	fixture_fini(&fx);
}
END_TEST

/* Everything the guest changed is as at power-on. */
START_TEST(reset_is_power_on)
{
	uint32_t before[CONFIG_SIZE / 4];

	fixture_init(&fx);
	fixture_start(&fx);
	for (uint16_t at = 0; at < CONFIG_SIZE; at += 4)
		before[at / 4] = rd(at, 4);
	wr(PCI_BASE_ADDRESS_0, 4, 0xc0000000);
	wr(PCI_BASE_ADDRESS_2, 4, 0xd0000000);
	wr(PCI_INTERRUPT_LINE, 1, 11);
	wr(PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	wr(FAKE_PM + PCI_PM_CTRL, 2, 3);
	wr(FAKE_PM + PCI_PM_CTRL, 2, 0);
	wr(FAKE_EXP + PCI_EXP_LNKCTL, 2, 0x40);
	wr(FAKE_MSIX + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
	fake_vmm_write(&fx.vmm, MOAT_TRAP_MMIO, 0xc0000000 + FAKE_TABLE + 12, 4,
		       0);
	ck_assert_uint_ne(fx.fn.enabled[HOST_IRQ_MSIX], 0);
	ck_assert_int_eq(moat_device_reset(fx.dev, &fx.err), 0);
	ck_assert_uint_eq(fx.fn.resets, 1);
	for (uint16_t at = 0; at < CONFIG_SIZE; at += 4)
		ck_assert_msg(rd(at, 4) == before[at / 4], "0x%03x: 0x%x", at,
			      rd(at, 4));
	ck_assert_uint_eq(fx.fn.enabled[HOST_IRQ_MSIX], 0);
	ck_assert_ptr_null(fake_vmm_direct(&fx.vmm, 0xc0000000));
	ck_assert_uint_eq(fake_get(&fx.fn, PCI_COMMAND, 2), 0);
	/* The pin is back, and so is the table, all masked. */
	ck_assert_uint_eq(fx.vmm.pin, 2);
	wr(PCI_BASE_ADDRESS_0, 4, 0xc0000000);
	wr(PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	ck_assert_uint_eq(fake_vmm_read(&fx.vmm, MOAT_TRAP_MMIO,
					0xc0000000 + FAKE_TABLE + 12, 4),
			  1);
	/* Armed it was, armed it is. */
	wr(PCI_COMMAND, 2, PCI_COMMAND_MASTER);
	ck_assert_uint_eq(fake_get(&fx.fn, PCI_COMMAND, 2), PCI_COMMAND_MASTER);
	fixture_fini(&fx);
}
END_TEST

START_TEST(reset_that_is_not_there)
{
	fixture_init(&fx);
	fx.fn.host.can_reset = false;
	fixture_start(&fx);
	wr(PCI_COMMAND, 2, PCI_COMMAND_MASTER);
	ck_assert_int_eq(moat_device_reset(fx.dev, &fx.err), -ENOTTY);
	ck_assert_ptr_nonnull(strstr(fx.err.msg, "disk: "));
	ck_assert_uint_eq(fake_get(&fx.fn, PCI_COMMAND, 2), 0);
	ck_assert_uint_eq(rd(PCI_COMMAND, 2), 0);
	fixture_fini(&fx);
}
END_TEST

/* Bus mastering that nobody turned on through COMMAND goes off all the same. */
START_TEST(reset_turns_mastering_off)
{
	for (int can = 0; can < 2; can++) {
		fixture_init(&fx);
		fx.fn.host.can_reset = can;
		fixture_start(&fx);
		fx.fn.backdoor = true;
		fake_put(&fx.fn, PCI_COMMAND, 2, PCI_COMMAND_MASTER);
		ck_assert_int_eq(moat_device_reset(fx.dev, &fx.err),
				 can ? 0 : -ENOTTY);
		ck_assert_uint_eq(fake_get(&fx.fn, PCI_COMMAND, 2), 0);
		fixture_fini(&fx);
	}
}
END_TEST

START_TEST(reset_that_has_to_wait)
{
	fixture_init(&fx);
	fixture_start(&fx);
	fx.fn.reset_busy = 3;
	ck_assert_int_eq(moat_device_reset(fx.dev, &fx.err), 0);
	ck_assert_uint_eq(fx.fn.reset_busy, 0);
	ck_assert_uint_eq(fx.fn.resets, 1);
	fixture_fini(&fx);
}
END_TEST

static void count_line(enum moat_log_level level, const char *line,
		       void *opaque)
{
	(void)level;
	ck_assert_ptr_nonnull(strstr(line, "disk: its reset failed"));
	(*(unsigned int *)opaque)++;
}

/* Logged where nobody can be told, and told where somebody can. */
START_TEST(reset_fails_in_one_place)
{
	unsigned int lines = 0;

	fixture_init(&fx);
	fixture_start(&fx);
	moat_log_set_level(MOAT_LOG_WARN);
	moat_log_set_sink(count_line, &lines);
	fx.fn.reset_errno = -EIO;
	ck_assert_int_eq(moat_device_reset(fx.dev, &fx.err), -EIO);
	ck_assert_ptr_nonnull(strstr(fx.err.msg, "disk: its reset failed"));
	ck_assert_uint_eq(lines, 0);
	wr(FAKE_EXP + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR);
	ck_assert_uint_eq(lines, 1);
	moat_log_set_sink(NULL, NULL);
	moat_log_set_level(MOAT_LOG_ERROR);
	fixture_fini(&fx);
}
END_TEST

/* It comes back reading all ones: reported, and not waited for. */
START_TEST(reset_kills_device)
{
	fixture_init(&fx);
	fixture_start(&fx);
	fx.fn.dead = true;
	ck_assert_int_eq(moat_device_reset(fx.dev, &fx.err), -EIO);
	ck_assert_ptr_nonnull(strstr(fx.err.msg, "does not answer"));
	ck_assert_uint_eq(fx.vmm.events, 1);
	ck_assert_int_eq(fx.vmm.event, MOAT_EVENT_DEVICE_LOST);
	fixture_fini(&fx);
}
END_TEST

START_TEST(dead_before_it_is_opened)
{
	fixture_init(&fx);
	fx.fn.dead_at_open = true;
	ck_assert_int_eq(fixture_open(&fx), -EIO);
	ck_assert_ptr_nonnull(strstr(fx.err.msg, "disk: does not answer"));
	fixture_fini(&fx);
}
END_TEST

/* In use to the last moment: closing takes all of it down. */
START_TEST(close_while_in_use)
{
	unsigned int fds;

	fixture_init(&fx);
	fds = count_fds();
	fixture_start(&fx);
	wr(PCI_BASE_ADDRESS_0, 4, 0xc0000000);
	wr(PCI_BASE_ADDRESS_1, 4, 0x2000);
	wr(PCI_COMMAND, 2,
	   PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	wr(FAKE_MSIX + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
	fake_vmm_write(&fx.vmm, MOAT_TRAP_MMIO, 0xc0000000 + FAKE_TABLE + 12, 4,
		       0);
	ck_assert_uint_ne(count_fds(), fds);
	fixture_fini(&fx);
	ck_assert_uint_eq(count_fds(), fds);
	ck_assert(fx.fn.mastered);
}
END_TEST

/* A guest's driver, as far as that: copy 8 bytes, and look for them. */
static bool dma_works(void)
{
	const uint64_t bar4 = 0xc0100000;
	uint64_t want = 0x1122334455667788, got = 0;

	memset(fx.fn.ram, 0, sizeof(fx.fn.ram));
	memcpy(fx.fn.ram, &want, sizeof(want));
	wr(PCI_BASE_ADDRESS_4, 4, (uint32_t)bar4);
	fake_vmm_write(&fx.vmm, MOAT_TRAP_MMIO, bar4 + FAKE_DMA_FROM, 4, 0);
	fake_vmm_write(&fx.vmm, MOAT_TRAP_MMIO, bar4 + FAKE_DMA_TO, 4, 32);
	fake_vmm_write(&fx.vmm, MOAT_TRAP_MMIO, bar4 + FAKE_DMA_COUNT, 4, 8);
	memcpy(&got, fx.fn.ram + 32, sizeof(got));
	return got == want;
}

START_TEST(dma_needs_a_guest_that_wants_it_and_all_of_its_ram)
{
	fixture_init(&fx);
	ck_assert_int_eq(fixture_open(&fx), 0);
	ck_assert_int_eq(moat_device_plug(fx.dev, &fake_vmm_ops, &fx.vmm,
					  MOAT_PLUG_PCIE, &fx.err),
			 0);
	wr(PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	ck_assert(!dma_works());
	moat_device_arm(fx.dev);
	ck_assert(dma_works());
	wr(PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	ck_assert(!dma_works());
	wr(PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	ck_assert(dma_works());
	/* In D3hot not even its registers answer. */
	wr(FAKE_PM + PCI_PM_CTRL, 2, 3);
	ck_assert(!dma_works());
	wr(FAKE_PM + PCI_PM_CTRL, 2, 0);
	ck_assert(dma_works());
	ck_assert_int_eq(moat_device_reset(fx.dev, &fx.err), 0);
	ck_assert(!dma_works());
	wr(PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	ck_assert(!dma_works());
	wr(PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	ck_assert(dma_works());
	moat_device_withdraw(fx.dev);
	ck_assert(!dma_works());
	fixture_fini(&fx);
}
END_TEST

START_TEST(close_of_nothing)
{
	moat_device_close(NULL);
}
END_TEST

/* The limit of open files is raised for the vectors a device may use. */
START_TEST(many_vectors)
{
	struct rlimit was, now;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &was), 0);
	now = was;
	now.rlim_cur = 128;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &now), 0);
	fixture_init(&fx);
	fx.fn.region[2].n_areas = 0;
	fake_put(&fx.fn, FAKE_MSIX + PCI_MSIX_FLAGS, 2, 2047);
	fake_put(&fx.fn, FAKE_MSIX + PCI_MSIX_TABLE, 4, 2);
	fake_put(&fx.fn, FAKE_MSIX + PCI_MSIX_PBA, 4, 0x8000 | 2);
	fx.fn.irq[HOST_IRQ_MSIX].count = 2048;
	fixture_start(&fx);
	ck_assert_uint_eq(rd(FAKE_MSIX + PCI_MSIX_FLAGS, 2), 2047);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &now), 0);
	ck_assert(now.rlim_cur >= 2048 || now.rlim_cur == now.rlim_max);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &was), 0);
	fixture_fini(&fx);

	/* The host offers fewer: the table is as long as that. */
	fixture_init(&fx);
	fx.fn.irq[HOST_IRQ_MSIX].count = 3;
	fixture_start(&fx);
	ck_assert_uint_eq(rd(FAKE_MSIX + PCI_MSIX_FLAGS, 2), 2);
	fixture_fini(&fx);
}
END_TEST

static void keep_line(enum moat_log_level level, const char *line, void *opaque)
{
	(void)level;
	(void)snprintf(opaque, 256, "%s", line);
}

/* Said when it is opened, not when the guest comes to use them. */
START_TEST(more_vectors_than_files)
{
	const struct rlimit low = { .rlim_cur = 200, .rlim_max = 262 };
	char line[256] = "";

	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
	fixture_init(&fx);
	moat_log_set_level(MOAT_LOG_WARN);
	moat_log_set_sink(keep_line, line);
	/* 32, for MSI may have that many; and 256 for the rest. */
	ck_assert_int_eq(fixture_open(&fx), 0);
	moat_log_set_sink(NULL, NULL);
	moat_log_set_level(MOAT_LOG_ERROR);
	ck_assert_msg(strstr(line, "disk: a guest that uses all of its 32 "
				   "interrupt vectors needs 26 open files "
				   "more"),
		      "%s", line);
	fixture_fini(&fx);
}
END_TEST

CHECK_MAIN("device", dma_needs_a_guest_that_wants_it_and_all_of_its_ram,
	   open_under_sweep, plug_under_sweep, a_vmm_may_leave_all_out,
	   use_under_sweep, refusal_changes_nothing,
	   dma_must_be_what_the_address_space_is, dma_none_needs_no_file,
	   only_what_was_taken_is_given_back, waits_for_the_group,
	   waiting_for_the_group_can_be_cancelled, group_that_stays_refused,
	   name_defaults_to_address, a_token_reaches_the_address_space,
	   reset_is_power_on, reset_that_is_not_there,
	   reset_turns_mastering_off, reset_that_has_to_wait,
	   reset_fails_in_one_place, reset_kills_device,
	   dead_before_it_is_opened, close_while_in_use, close_of_nothing,
	   many_vectors, more_vectors_than_files)
