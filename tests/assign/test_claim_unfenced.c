// SPDX-License-Identifier: GPL-2.0-or-later
/* Taking a function for dma=none: its driver, and its IOMMU group's type. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "assign/claim.h"
#include "assign/claim_record.h"
#include "assign/unfenced.h"
#include "common/io.h"
#include "common/util.h"
#include "tests/assign/fake_host.h"
#include "tests/check_main.h"

#define SSD   "0000:04:08.0"
#define OTHER "0000:04:08.1"
#define TYPE  "sys/kernel/iommu_groups/14/type"

static const struct fake_fn ssd = { .addr = SSD,
				    .class_code = 0x010802,
				    .driver = "nvme",
				    .group = 14,
				    .numa_node = -1 };

static struct fake_host h;
static struct moat_err err;

static void setup(int group)
{
	struct fake_fn fn = ssd;

	fake_host_init(&h);
	fn.group = group;
	fake_add_fn(&h, &fn);
	fake_add_driver(&h, UIO_PCI);
	if (group >= 0)
		fake_write(&h, TYPE, "DMA-FQ\n");
	memset(&err, 0, sizeof(err));
}

static void noiommu_mode(const char *value)
{
	fake_write(&h, "sys/module/vfio/parameters/enable_unsafe_noiommu_mode",
		   value);
}

static int bind_fn(unsigned int flags, bool *ret_bound)
{
	return claim_bind(&h.ops, &h.host, fake_bdf(SSD),
			  flags | CLAIM_UNFENCED, ret_bound, &err);
}

static void bind_ok(unsigned int flags, bool want_bound)
{
	bool bound = !want_bound;
	int r = bind_fn(flags, &bound);

	ck_assert_msg(r == 0, "%s", err.msg);
	ck_assert_int_eq(bound, want_bound);
}

static int release_fn(void)
{
	return claim_release(&h.ops, &h.host, fake_bdf(SSD), &err);
}

static void assert_type(const char *want)
{
	char path[PATH_MAX], type[32];

	ck_assert_int_eq(moat_path(path, "%s/" TYPE, h.root), 0);
	ck_assert_int_eq(moat_read_text(path, type, sizeof(type)), 0);
	ck_assert_str_eq(type, want);
}

static void assert_driver(const char *driver, const char *override)
{
	char now[MOAT_DRIVER_MAX], path[PATH_MAX], text[64];

	fake_driver_of(&h, SSD, now);
	ck_assert_str_eq(now, driver);
	ck_assert_int_eq(moat_path(path, "%s/bus/pci/devices/%s/driver_override",
				   h.sysfs, SSD),
			 0);
	ck_assert_int_eq(moat_read_text(path, text, sizeof(text)), 0);
	ck_assert_str_eq(text, override);
}

static bool recorded(void)
{
	return fake_exists(&h, "state/" SSD);
}

static void assert_untouched(void)
{
	assert_driver("nvme", "(null)");
	assert_type("DMA-FQ");
	ck_assert(!recorded());
}

START_TEST(the_group_is_opened_and_closed_again)
{
	setup(14);
	bind_ok(0, true);
	assert_driver(UIO_PCI, UIO_PCI);
	assert_type("identity");
	ck_assert_int_eq(release_fn(), 0);
	assert_untouched();
	fake_host_fini(&h);
}
END_TEST

/* iommu=pt: there is nothing to open, and nothing to close. */
START_TEST(a_group_that_is_open_stays_so)
{
	setup(14);
	fake_write(&h, TYPE, "identity\n");
	bind_ok(0, true);
	assert_driver(UIO_PCI, UIO_PCI);
	ck_assert_int_eq(release_fn(), 0);
	assert_driver("nvme", "(null)");
	assert_type("identity");
	fake_host_fini(&h);
}
END_TEST

/* Each write fails once; what was before is back, and no record left. */
START_TEST(a_failed_bind_puts_everything_back)
{
	unsigned int n;
	bool bound;
	int r = -1;

	for (n = 1; r < 0; n++) {
		setup(14);
		h.fail_at = n;
		bound = false;
		r = bind_fn(0, &bound);
		ck_assert_int_eq(bound, r == 0);
		if (r < 0) {
			ck_assert_int_eq(r, -EIO);
			assert_untouched();
		}
		fake_host_fini(&h);
	}
	ck_assert_uint_gt(n, 5);
}
END_TEST

START_TEST(a_failed_release_keeps_the_record)
{
	unsigned int n;
	int r = -1;

	for (n = 1; r < 0; n++) {
		setup(14);
		bind_ok(0, true);
		h.n_writes = 0;
		h.fail_at = n;
		r = release_fn();
		if (r < 0) {
			ck_assert_int_eq(r, -EIO);
			ck_assert(recorded());
			ck_assert_int_eq(release_fn(), 0);
		}
		assert_untouched();
		fake_host_fini(&h);
	}
	ck_assert_uint_gt(n, 5);
}
END_TEST

/* Whoever had it died; the next one takes over, the one after gives back. */
START_TEST(an_owner_that_died_leaves_the_first_state)
{
	setup(14);
	bind_ok(0, true);
	fake_process_gone(&h, 4242);
	fake_process(&h, 4343, 2000, 'R');
	fake_self(&h, 4343);
	bind_ok(0, true);
	ck_assert_int_eq(release_fn(), 0);
	assert_untouched();
	fake_host_fini(&h);
}
END_TEST

START_TEST(without_an_iommu_the_kernel_decides)
{
	/* No such mode: Debian's kernels. */
	setup(-1);
	bind_ok(0, true);
	assert_driver(UIO_PCI, UIO_PCI);
	ck_assert_int_eq(release_fn(), 0);
	assert_driver("nvme", "(null)");
	fake_host_fini(&h);

	setup(-1);
	noiommu_mode("Y\n");
	bind_ok(0, true);
	assert_driver("vfio-pci", "vfio-pci");
	ck_assert_int_eq(release_fn(), 0);
	assert_driver("nvme", "(null)");
	fake_host_fini(&h);
}
END_TEST

START_TEST(a_mode_that_is_off_is_named)
{
	char want[512];
	bool bound;

	setup(-1);
	noiommu_mode("N\n");
	ck_assert_int_eq(bind_fn(0, &bound), -EPERM);
	(void)snprintf(want, sizeof(want),
		       SSD " has no IOMMU in front of it, and VFIO's mode for "
			   "that is off; if every guest is trusted, switch it "
			   "on with: echo Y > %s/module/vfio/parameters/"
			   "enable_unsafe_noiommu_mode",
		       h.sysfs);
	ck_assert_str_eq(err.msg, want);
	ck_assert_uint_eq(h.n_writes, 0);
	fake_host_fini(&h);
}
END_TEST

START_TEST(a_virtual_function_has_no_interrupt_here)
{
	bool bound;

	setup(14);
	fake_dir(&h, "sys/devices/pci0000:00/0000:04:00.0");
	fake_link(&h, "sys/bus/pci/devices/" SSD "/physfn",
		  "sys/devices/pci0000:00/0000:04:00.0");
	ck_assert_int_eq(bind_fn(0, &bound), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.msg, "which has no INTx"));
	assert_untouched();
	fake_host_fini(&h);
}
END_TEST

START_TEST(a_group_of_several_is_opened_at_boot_only)
{
	struct fake_fn other = ssd;
	bool bound;

	setup(14);
	other.addr = OTHER;
	other.driver = NULL;
	fake_add_fn(&h, &other);
	ck_assert_int_eq(bind_fn(0, &bound), -EINVAL);
	ck_assert_str_eq(err.msg,
			 SSD ": the type of its IOMMU group stays 'DMA-FQ', "
			     "and should be 'identity': Invalid argument; with "
			     "several devices in the group, boot the host with "
			     "iommu=pt instead");
	assert_untouched();
	fake_write(&h, TYPE, "identity\n");
	bind_ok(0, true);
	ck_assert_int_eq(release_fn(), 0);
	fake_host_fini(&h);
}
END_TEST

/* SSD has a driver to go back to, OTHER has none. */
static void setup_pair(unsigned int flags)
{
	struct fake_fn other = ssd;
	bool bound = false;

	setup(14);
	h.types_of_many = true;
	other.addr = OTHER;
	other.driver = NULL;
	fake_add_fn(&h, &other);
	bind_ok(flags, true);
	ck_assert_msg(claim_bind(&h.ops, &h.host, fake_bdf(OTHER),
				 flags | CLAIM_UNFENCED, &bound, &err) == 0,
		      "%s", err.msg);
	ck_assert(bound);
	assert_type("identity");
}

static int release_addr(const char *addr)
{
	return claim_release(&h.ops, &h.host, fake_bdf(addr), &err);
}

static void assert_pair_untouched(void)
{
	char now[MOAT_DRIVER_MAX];

	assert_untouched();
	fake_driver_of(&h, OTHER, now);
	ck_assert_str_eq(now, "");
	ck_assert(!fake_exists(&h, "state/" OTHER));
}

static const struct {
	const char *first, *second;
	unsigned int flags;
} pair_cases[] = {
	{ SSD, OTHER, 0 },
	{ OTHER, SSD, 0 },
	{ SSD, OTHER, CLAIM_STAY },
	{ OTHER, SSD, CLAIM_STAY },
};

START_TEST(the_last_of_a_group_closes_it)
{
	for (size_t i = 0; i < ARRAY_SIZE(pair_cases); i++) {
		char now[MOAT_DRIVER_MAX], path[64];

		setup_pair(pair_cases[i].flags);
		ck_assert_msg(release_addr(pair_cases[i].first) == 0,
			      "case %zu: %s", i, err.msg);
		/* The other one's device must not be translated now. */
		assert_type("identity");
		fake_driver_of(&h, pair_cases[i].first, now);
		ck_assert_str_eq(now, "");
		(void)snprintf(path, sizeof(path), "state/%s",
			       pair_cases[i].first);
		ck_assert(fake_exists(&h, path));
		ck_assert_msg(release_addr(pair_cases[i].second) == 0,
			      "case %zu: %s", i, err.msg);
		assert_pair_untouched();
		fake_host_fini(&h);
	}
}
END_TEST

/* It may be taken again meanwhile. */
START_TEST(one_that_waits_can_be_taken_again)
{
	setup_pair(CLAIM_STAY);
	ck_assert_int_eq(release_addr(SSD), 0);
	bind_ok(CLAIM_STAY, true);
	assert_driver(UIO_PCI, UIO_PCI);
	ck_assert_int_eq(release_addr(OTHER), 0);
	assert_type("identity");
	ck_assert_int_eq(release_addr(SSD), 0);
	assert_pair_untouched();
	fake_host_fini(&h);
}
END_TEST

START_TEST(a_program_leaves_both_of_a_group)
{
	setup_pair(0);
	ck_assert_msg(claim_release_own(&h.ops, &h.host, &err) == 0, "%s",
		      err.msg);
	assert_pair_untouched();
	fake_host_fini(&h);
}
END_TEST

/* Each write of both releases fails once; doing it again mends it. */
START_TEST(a_failed_release_of_a_pair_can_be_repeated)
{
	unsigned int n;
	int r = -1;

	for (n = 1; r < 0; n++) {
		setup_pair(CLAIM_STAY);
		h.n_writes = 0;
		h.fail_at = n;
		r = release_addr(SSD);
		if (r == 0)
			r = release_addr(OTHER);
		for (int again = 0; again < 2; again++) {
			(void)release_addr(SSD);
			(void)release_addr(OTHER);
		}
		assert_pair_untouched();
		fake_host_fini(&h);
	}
	ck_assert_uint_gt(n, 8);
}
END_TEST

START_TEST(what_is_taken_for_vfio_is_not_taken_again)
{
	bool bound;

	setup(14);
	ck_assert_int_eq(claim_bind(&h.ops, &h.host, fake_bdf(SSD), CLAIM_STAY,
				    &bound, &err),
			 0);
	ck_assert_int_eq(bind_fn(0, &bound), -EBUSY);
	ck_assert_str_eq(err.msg,
			 SSD " has been taken for vfio-pci, and is now wanted "
			     "for uio_pci_generic; give it back first: `moat "
			     "release 04:08.0`");
	assert_driver("vfio-pci", "vfio-pci");
	ck_assert_int_eq(release_fn(), 0);
	assert_untouched();
	/* And the other way round. */
	bind_ok(CLAIM_STAY, true);
	ck_assert_int_eq(
		claim_bind(&h.ops, &h.host, fake_bdf(SSD), 0, &bound, &err),
		-EBUSY);
	ck_assert_int_eq(release_fn(), 0);
	assert_untouched();
	fake_host_fini(&h);
}
END_TEST

START_TEST(another_driver_does_not_get_an_open_group_forgotten)
{
	setup(14);
	bind_ok(CLAIM_STAY, true);
	fake_unlink(&h, "sys/bus/pci/devices/" SSD "/driver");
	fake_link(&h, "sys/bus/pci/devices/" SSD "/driver",
		  "sys/bus/pci/drivers/nvme");
	ck_assert_int_eq(release_fn(), -EBUSY);
	ck_assert_ptr_nonnull(strstr(err.msg, "is not the 'DMA-FQ' that it"));
	ck_assert(recorded());
	fake_unlink(&h, "sys/bus/pci/devices/" SSD "/driver");
	ck_assert_int_eq(release_fn(), 0);
	assert_untouched();
	fake_host_fini(&h);
}
END_TEST

/* Somebody has /dev/uio3 open. */
START_TEST(its_user_is_seen)
{
	struct moat_host_pci_user user;

	setup(14);
	bind_ok(CLAIM_STAY, true);
	fake_dir(&h, "sys/bus/pci/devices/" SSD "/uio/uio3");
	fake_write(&h, "dev/uio3", "");
	fake_process(&h, 77, 1, 'S');
	fake_link(&h, "proc/77/fd/5", "dev/uio3");
	ck_assert(claim_find_user(&h.host, fake_bdf(SSD), true, &user));
	ck_assert_int_eq(user.pid, 77);
	ck_assert_int_eq(release_fn(), -EBUSY);
	assert_driver(UIO_PCI, UIO_PCI);
	assert_type("identity");
	fake_unlink(&h, "proc/77/fd/5");
	ck_assert_int_eq(release_fn(), 0);
	assert_untouched();
	fake_host_fini(&h);
}
END_TEST

/* What cannot be told cannot be put back, so nothing is changed. */
START_TEST(a_type_that_cannot_be_read_is_not_changed)
{
	bool bound;

	setup(14);
	fake_write(&h, TYPE, "\n");
	ck_assert_int_eq(bind_fn(0, &bound), -ENODATA);
	ck_assert_ptr_nonnull(strstr(err.msg, "cannot tell the type of its"));
	assert_driver("nvme", "(null)");
	ck_assert(!recorded());
	fake_unlink(&h, TYPE);
	ck_assert_int_eq(bind_fn(0, &bound), -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.msg, "cannot tell the type of its"));
	assert_driver("nvme", "(null)");
	ck_assert(!recorded());
	ck_assert_uint_eq(h.n_writes, 0);
	fake_host_fini(&h);
}
END_TEST

static const struct {
	const char *group, *mode, *driver;
	bool managed, is_vf;
	int want;
	const char *says;
} verdict_cases[] = {
	{ "14", NULL, UIO_PCI, false, false, 0, NULL },
	{ "14", NULL, "nvme", true, false, 0, NULL },
	{ "14", NULL, "nvme", false, false, -EBUSY,
	  SSD " is bound to nvme; dma=none needs it on uio_pci_generic: run "
	      "`moat bind --dma none " SSD "`, or add managed=on" },
	{ "14", NULL, "vfio-pci", false, false, -EBUSY,
	  "is bound to vfio-pci; dma=none needs it on uio_pci_generic" },
	{ "14", NULL, NULL, false, false, -EBUSY, "is bound to no driver" },
	{ "14", NULL, "nvme", true, true, -EINVAL, "no INTx" },
	{ NULL, "Y", "vfio-pci", false, false, 0, NULL },
	{ NULL, "Y", "vfio-pci", false, true, 0, NULL },
	{ NULL, "Y", UIO_PCI, false, false, -EBUSY, "needs it on vfio-pci" },
	{ NULL, "N", "nvme", true, false, -EPERM, "echo Y > " },
	{ NULL, NULL, UIO_PCI, false, false, 0, NULL },
	{ NULL, NULL, "nvme", true, true, -EINVAL, "no INTx" },
};

START_TEST(verdicts)
{
	for (size_t i = 0; i < ARRAY_SIZE(verdict_cases); i++) {
		const struct moat_host_pci_plan plan = {
			.managed = verdict_cases[i].managed,
			.unfenced = true,
		};
		struct moat_host_pci fn = {
			.bdf = fake_bdf(SSD),
			.class_code = 0x010802,
			.is_vf = verdict_cases[i].is_vf,
		};
		int r;

		setup(verdict_cases[i].group ? 14 : -1);
		fn.iommu_group = verdict_cases[i].group ? 14 : MOAT_NO_GROUP;
		if (verdict_cases[i].mode)
			noiommu_mode(verdict_cases[i].mode);
		if (verdict_cases[i].driver)
			(void)snprintf(fn.driver, sizeof(fn.driver), "%s",
				       verdict_cases[i].driver);
		r = moat_host_pci_verdict(&h.host, &fn, &plan, &err);
		ck_assert_msg(r == verdict_cases[i].want, "case %zu: %d, %s", i,
			      r, err.msg);
		if (verdict_cases[i].says)
			ck_assert_msg(strstr(err.msg, verdict_cases[i].says),
				      "case %zu: %s", i, err.msg);
		fake_host_fini(&h);
	}
}
END_TEST

static const struct {
	const char *line;
	int want;
	const char *type;
} record_cases[] = {
	{ "", 0, "" },
	{ "group-type=DMA-FQ\n", 0, "DMA-FQ" },
	{ "group-type=DMA\n", 0, "DMA" },
	{ "group-type=\n", -EINVAL, NULL },
	{ "group-type=DMA", -EINVAL, NULL },
	{ "group-type=DMA FQ\n", -EINVAL, NULL },
	{ "group-type=../x\n", -EINVAL, NULL },
	{ "group-type=DMA\ngroup-type=DMA\n", -EINVAL, NULL },
	{ "group-type=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n", -EINVAL, NULL },
	{ "type=DMA\n", -EINVAL, NULL },
};

START_TEST(records)
{
	for (size_t i = 0; i < ARRAY_SIZE(record_cases); i++) {
		char text[CLAIM_RECORD_TEXT_MAX], again[CLAIM_RECORD_TEXT_MAX];
		struct claim_record rec;

		(void)snprintf(text, sizeof(text),
			       "moat-claim 1\ndriver=nvme\noverride=\n"
			       "owner-pid=0\nowner-start=0\nput-off=0\n%s",
			       record_cases[i].line);
		ck_assert_msg(claim_record_parse(text, &rec) ==
				      record_cases[i].want,
			      "case %zu", i);
		if (record_cases[i].want < 0)
			continue;
		ck_assert_str_eq(rec.group_type, record_cases[i].type);
		claim_record_print(&rec, again);
		ck_assert_str_eq(again, text);
	}
}
END_TEST

CHECK_MAIN("claim_unfenced", the_group_is_opened_and_closed_again,
	   a_group_that_is_open_stays_so, a_failed_bind_puts_everything_back,
	   a_failed_release_keeps_the_record,
	   an_owner_that_died_leaves_the_first_state,
	   without_an_iommu_the_kernel_decides, a_mode_that_is_off_is_named,
	   a_virtual_function_has_no_interrupt_here,
	   a_group_of_several_is_opened_at_boot_only,
	   the_last_of_a_group_closes_it, one_that_waits_can_be_taken_again,
	   a_program_leaves_both_of_a_group,
	   a_failed_release_of_a_pair_can_be_repeated,
	   what_is_taken_for_vfio_is_not_taken_again,
	   another_driver_does_not_get_an_open_group_forgotten,
	   its_user_is_seen, a_type_that_cannot_be_read_is_not_changed,
	   verdicts, records)
