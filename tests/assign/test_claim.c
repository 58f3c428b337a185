// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <moat/log.h>

#include "assign/claim.h"
#include "assign/claim_record.h"
#include "common/io.h"
#include "common/util.h"
#include "tests/assign/fake_host.h"
#include "tests/check_main.h"

#define SSD "0000:04:08.0"
#define GPU "0000:01:00.0"
#define HDA "0000:01:00.1"

static const struct fake_fn ssd = { .addr = SSD,
				    .class_code = 0x010802,
				    .driver = "nvme",
				    .group = 14,
				    .numa_node = -1 };
/* Two functions that can only be assigned together. */
static const struct fake_fn gpu = { .addr = GPU,
				    .class_code = 0x030000,
				    .driver = "nouveau",
				    .group = 9,
				    .numa_node = -1 };
static const struct fake_fn hda = { .addr = HDA,
				    .class_code = 0x040300,
				    .driver = "snd_hda_intel",
				    .group = 9,
				    .numa_node = -1 };

static void assert_driver(const struct fake_host *h, const char *addr,
			  const char *driver, const char *override)
{
	char now[MOAT_DRIVER_MAX], path[PATH_MAX], text[64];

	fake_driver_of(h, addr, now);
	ck_assert_str_eq(now, driver);
	ck_assert_int_eq(moat_path(path, "%s/bus/pci/devices/%s/driver_override",
				   h->sysfs, addr),
			 0);
	ck_assert_int_eq(moat_read_text(path, text, sizeof(text)), 0);
	ck_assert_str_eq(text, override);
}

static bool recorded(const struct fake_host *h, const char *addr)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "state/%s", addr);
	return fake_exists(h, path);
}

/* As the host had it: no trace of us. */
static void assert_untouched(const struct fake_host *h, const char *addr,
			     const char *driver)
{
	char path[64];

	assert_driver(h, addr, driver, "(null)");
	ck_assert(!recorded(h, addr));
	(void)snprintf(path, sizeof(path), "state/%s.lock", addr);
	ck_assert(!fake_exists(h, path));
	(void)snprintf(path, sizeof(path), "state/%s.new", addr);
	ck_assert(!fake_exists(h, path));
}

static int bind_fn(struct fake_host *h, const char *addr, unsigned int flags,
		   bool *ret_bound, struct moat_err *err)
{
	return claim_bind(&h->ops, &h->host, fake_bdf(addr), flags, ret_bound,
			  err);
}

static int release_fn(struct fake_host *h, const char *addr,
		      struct moat_err *err)
{
	return claim_release(&h->ops, &h->host, fake_bdf(addr), err);
}

static void bind_ok(struct fake_host *h, const char *addr, unsigned int flags,
		    bool want_bound)
{
	struct moat_err err = { "" };
	bool bound = !want_bound;
	int r;

	r = bind_fn(h, addr, flags, &bound, &err);
	ck_assert_msg(r == 0, "%s", err.msg);
	ck_assert_int_eq(bound, want_bound);
	assert_driver(h, addr, "vfio-pci", "vfio-pci");
}

static void bind_refused(struct fake_host *h, unsigned int flags, int want,
			 const char *says)
{
	struct moat_err err = { "" };
	bool bound;

	ck_assert_int_eq(bind_fn(h, SSD, flags, &bound, &err), want);
	ck_assert_msg(strstr(err.msg, says), "no '%s' in '%s'", says, err.msg);
}

static void release_ok(struct fake_host *h, const char *addr)
{
	struct moat_err err = { "" };
	int r;

	r = release_fn(h, addr, &err);
	ck_assert_msg(r == 0, "%s", err.msg);
}

/* The end of most tests: released, it is as the host had it. */
static void give_back(struct fake_host *h)
{
	release_ok(h, SSD);
	assert_untouched(h, SSD, "nvme");
	fake_host_fini(h);
}

static void fake_init_with(struct fake_host *h, const struct fake_fn *fn)
{
	fake_host_init(h);
	fake_add_fn(h, fn);
}

START_TEST(bind_and_release_leave_no_trace)
{
	struct fake_host h;
	struct stat st;

	fake_init_with(&h, &ssd);
	bind_ok(&h, SSD, CLAIM_STAY, true);
	ck_assert(recorded(&h, SSD));
	ck_assert_int_eq(stat(h.state, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0700);
	give_back(&h);
}
END_TEST

START_TEST(a_function_without_driver_is_so_again)
{
	struct fake_fn fn = ssd;
	struct fake_host h;

	fake_host_init(&h);
	fn.driver = NULL;
	fake_add_fn(&h, &fn);
	bind_ok(&h, SSD, 0, true);
	release_ok(&h, SSD);
	assert_untouched(&h, SSD, "");
	fake_host_fini(&h);
}
END_TEST

START_TEST(an_earlier_override_comes_back)
{
	static const char *const overrides[] = { "nvme", "vfio-pci",
						 "some-other" };
	struct fake_host h;

	for (size_t i = 0; i < ARRAY_SIZE(overrides); i++) {
		fake_init_with(&h, &ssd);
		fake_attr(&h, SSD, "driver_override", overrides[i]);
		bind_ok(&h, SSD, 0, true);
		release_ok(&h, SSD);
		assert_driver(&h, SSD, "nvme", overrides[i]);
		ck_assert(!recorded(&h, SSD));
		fake_host_fini(&h);
	}
}
END_TEST

START_TEST(a_function_bound_by_others_stays_theirs)
{
	struct fake_fn fn = ssd;
	struct moat_err err;
	struct fake_host h;

	fn.driver = "vfio-pci";
	fake_init_with(&h, &fn);
	fake_attr(&h, SSD, "driver_override", "vfio-pci");
	bind_ok(&h, SSD, 0, false);
	ck_assert(!recorded(&h, SSD));
	ck_assert_int_eq(release_fn(&h, SSD, &err), -ENOENT);
	ck_assert_str_eq(err.msg,
			 "0000:04:08.0: there is no record of moat having "
			 "bound it, so nothing to put back");
	ck_assert_uint_eq(h.n_writes, 0);
	fake_host_fini(&h);
}
END_TEST

START_TEST(asking_to_release_makes_no_state_directory)
{
	struct moat_bdf *bdfs;
	struct moat_err err;
	struct fake_host h;
	size_t n;

	fake_init_with(&h, &ssd);
	ck_assert_int_eq(release_fn(&h, SSD, &err), -ENOENT);
	ck_assert_int_eq(moat_host_pci_recorded(&h.host, &bdfs, &n, &err), 0);
	ck_assert_uint_eq(n, 0);
	ck_assert(!fake_exists(&h, "state"));
	fake_host_fini(&h);
}
END_TEST

/* Each write fails once; what was before is back, and no record left. */
START_TEST(a_failed_bind_puts_everything_back)
{
	struct moat_err err;
	struct fake_host h;
	unsigned int n;
	bool bound;
	int r;

	for (n = 1;; n++) {
		fake_init_with(&h, &ssd);
		h.fail_at = n;
		bound = false;
		r = bind_fn(&h, SSD, 0, &bound, &err);
		if (r == 0)
			break;
		ck_assert_int_eq(r, -EIO);
		ck_assert(!bound);
		ck_assert_ptr_nonnull(strstr(err.msg, SSD));
		assert_untouched(&h, SSD, "nvme");
		fake_host_fini(&h);
	}
	ck_assert_uint_gt(n, 3);
	ck_assert(bound);
	fake_host_fini(&h);
}
END_TEST

/*
 * From some write on, all fail, the undoing too. The record then stays, the
 * sentence says so, and a release later puts everything back.
 */
START_TEST(a_failed_undo_keeps_the_record)
{
	struct moat_err err;
	struct fake_host h;
	unsigned int n;
	bool bound;
	int r;

	for (n = 1;; n++) {
		fake_init_with(&h, &ssd);
		h.fail_at = n;
		h.fail_on = true;
		r = bind_fn(&h, SSD, CLAIM_STAY, &bound, &err);
		if (r == 0)
			break;
		ck_assert(recorded(&h, SSD));
		ck_assert_ptr_nonnull(strstr(err.msg, "could not be put back"));
		ck_assert_ptr_nonnull(
			strstr(err.msg, "`moat release 04:08.0`"));
		h.fail_at = 0;
		give_back(&h);
	}
	ck_assert_uint_gt(n, 3);
	fake_host_fini(&h);
}
END_TEST

START_TEST(a_failed_release_keeps_the_record)
{
	struct moat_err err;
	struct fake_host h;
	unsigned int n;
	int r;

	for (n = 1;; n++) {
		fake_init_with(&h, &ssd);
		bind_ok(&h, SSD, 0, true);
		h.n_writes = 0;
		h.fail_at = n;
		r = release_fn(&h, SSD, &err);
		if (r == 0)
			break;
		ck_assert_int_eq(r, -EIO);
		ck_assert(recorded(&h, SSD));
		give_back(&h);
	}
	ck_assert_uint_gt(n, 3);
	fake_host_fini(&h);
}
END_TEST

/* Process @pid takes the place of 4242. */
static void become(struct fake_host *h, int pid)
{
	fake_process(h, pid, 2000, 'R');
	fake_self(h, pid);
}

/* Run @job in a process that dies at write @n; false when it got through. */
static bool dies_at(struct fake_host *h, unsigned int n,
		    int (*job)(struct fake_host *h))
{
	int status;
	pid_t pid;

	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		h->n_writes = 0;
		h->fail_at = n;
		h->die = true;
		_exit(job(h) == 0 ? 77 : 78);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_ne(WEXITSTATUS(status), 78);
	return WEXITSTATUS(status) == 0;
}

static int job_bind(struct fake_host *h)
{
	bool bound;

	return bind_fn(h, SSD, 0, &bound, NULL);
}

static int job_release(struct fake_host *h)
{
	return release_fn(h, SSD, NULL);
}

START_TEST(a_killed_bind_can_be_undone)
{
	struct fake_host h;
	unsigned int n = 0;
	bool died;

	do {
		fake_init_with(&h, &ssd);
		died = dies_at(&h, ++n, job_bind);
		ck_assert(recorded(&h, SSD));
		fake_process_gone(&h, 4242);
		become(&h, 4300);
		give_back(&h);
	} while (died);
	ck_assert_uint_gt(n, 3);
}
END_TEST

/* The record keeps the first driver, not what the dead run left. */
START_TEST(a_killed_bind_can_be_bound_again)
{
	struct fake_host h;
	unsigned int n = 0;
	bool died;

	do {
		fake_init_with(&h, &ssd);
		died = dies_at(&h, ++n, job_bind);
		fake_process_gone(&h, 4242);
		become(&h, 4300);
		bind_ok(&h, SSD, 0, true);
		give_back(&h);
	} while (died);
	ck_assert_uint_gt(n, 3);
}
END_TEST

START_TEST(a_killed_release_can_be_done_again)
{
	struct fake_host h;
	unsigned int n = 0;
	bool died;

	do {
		fake_init_with(&h, &ssd);
		bind_ok(&h, SSD, CLAIM_STAY, true);
		died = dies_at(&h, ++n, job_release);
		if (died)
			give_back(&h);
	} while (died);
	ck_assert_uint_gt(n, 3);
}
END_TEST

START_TEST(what_a_living_process_took_is_left_to_it)
{
	struct moat_err err;
	struct fake_host h;
	bool bound;

	fake_init_with(&h, &ssd);
	bind_ok(&h, SSD, 0, true);
	become(&h, 4300);
	ck_assert_int_eq(release_fn(&h, SSD, &err), -EBUSY);
	ck_assert_str_eq(err.msg,
			 "0000:04:08.0 is in use by process 4242, which took "
			 "it with managed=on; it is given back when that ends");
	ck_assert_int_eq(bind_fn(&h, SSD, CLAIM_STAY, &bound, &err), -EBUSY);
	ck_assert_int_eq(bind_fn(&h, SSD, 0, &bound, &err), -EBUSY);
	assert_driver(&h, SSD, "vfio-pci", "vfio-pci");

	/* A zombie uses nothing. */
	fake_process(&h, 4242, 1000, 'Z');
	give_back(&h);
}
END_TEST

START_TEST(a_reused_process_number_is_not_the_owner)
{
	struct fake_host h;

	fake_init_with(&h, &ssd);
	bind_ok(&h, SSD, 0, true);
	become(&h, 4300);
	fake_process(&h, 4242, 9999, 'S');
	give_back(&h);
}
END_TEST

START_TEST(a_dead_owners_binding_is_inherited)
{
	struct fake_host h;

	fake_init_with(&h, &ssd);
	bind_ok(&h, SSD, 0, true);
	fake_process_gone(&h, 4242);
	become(&h, 4300);
	h.n_writes = 0;
	bind_ok(&h, SSD, 0, true); /* the new run owes the release */
	ck_assert_uint_eq(h.n_writes, 0);
	give_back(&h);
}
END_TEST

START_TEST(a_binding_made_to_stay_outlives_a_run)
{
	struct fake_host h;

	fake_init_with(&h, &ssd);
	bind_ok(&h, SSD, CLAIM_STAY, true);
	become(&h, 4300);
	bind_ok(&h, SSD, 0, false);
	fake_process_gone(&h, 4300);
	become(&h, 4301);
	ck_assert_int_eq(claim_release_own(&h.ops, &h.host, NULL), 0);
	assert_driver(&h, SSD, "vfio-pci", "vfio-pci");
	give_back(&h);
}
END_TEST

START_TEST(moat_bind_makes_a_dead_owners_binding_stay)
{
	struct fake_host h;

	fake_init_with(&h, &ssd);
	bind_ok(&h, SSD, 0, true);
	fake_process_gone(&h, 4242);
	become(&h, 4300);
	bind_ok(&h, SSD, CLAIM_STAY, false);
	ck_assert_int_eq(claim_release_own(&h.ops, &h.host, NULL), 0);
	assert_driver(&h, SSD, "vfio-pci", "vfio-pci");
	give_back(&h);
}
END_TEST

/* A process with a VFIO file open, as /proc shows it. */
static void holds(const struct fake_host *h, int pid, const char *node)
{
	char path[PATH_MAX];

	fake_process(h, pid, 500, 'S');
	(void)snprintf(path, sizeof(path), "proc/%d/fd/7", pid);
	fake_link(h, path, node);
	(void)snprintf(path, sizeof(path), "proc/%d/comm", pid);
	fake_write(h, path, "qemu\x1b-kvm\n");
}

START_TEST(an_open_device_is_never_waited_for)
{
	static const char *const nodes[] = { "dev/vfio/14",
					     "dev/vfio/devices/vfio3" };
	struct moat_host_pci_user user;
	struct moat_err err;
	struct fake_host h;

	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		fake_init_with(&h, &ssd);
		fake_dir(&h, "sys/bus/pci/devices/" SSD "/vfio-dev/vfio3");
		bind_ok(&h, SSD, CLAIM_STAY, true);
		ck_assert_int_eq(
			moat_host_pci_user(&h.host, fake_bdf(SSD), &user), 0);
		holds(&h, 777, nodes[i]);
		h.n_writes = 0;
		ck_assert_int_eq(release_fn(&h, SSD, &err), -EBUSY);
		ck_assert_str_eq(err.msg,
				 "0000:04:08.0: process 777 (qemu?-kvm) has it "
				 "or its IOMMU group open; end that first");
		ck_assert_uint_eq(h.n_writes, 0);
		ck_assert_int_eq(
			moat_host_pci_user(&h.host, fake_bdf(SSD), &user), 1);
		ck_assert_int_eq(user.pid, 777);
		fake_unlink(&h, "proc/777/fd/7");
		give_back(&h);
	}
}
END_TEST

START_TEST(files_of_other_groups_do_not_count)
{
	struct fake_host h;

	fake_init_with(&h, &ssd);
	bind_ok(&h, SSD, CLAIM_STAY, true);
	holds(&h, 777, "dev/vfio/114");
	holds(&h, 778, "dev/vfio/1");
	holds(&h, 779, "dev/vfio/vfio");
	give_back(&h);
}
END_TEST

START_TEST(a_group_goes_back_with_its_last_member)
{
	struct moat_err err;
	struct fake_host h;

	fake_init_with(&h, &gpu);
	fake_add_fn(&h, &hda);
	bind_ok(&h, GPU, 0, true);
	bind_ok(&h, HDA, 0, true);
	fake_link(&h, "proc/4242/fd/9", "dev/vfio/9");

	/* The first is closed while the second keeps the group open. */
	release_ok(&h, GPU);
	assert_driver(&h, GPU, "vfio-pci", "vfio-pci");
	fake_unlink(&h, "proc/4242/fd/9");
	release_ok(&h, HDA);
	assert_untouched(&h, HDA, "snd_hda_intel");
	assert_untouched(&h, GPU, "nouveau");

	/* Taken again before that, it is not given back. */
	bind_ok(&h, GPU, 0, true);
	bind_ok(&h, HDA, 0, true);
	fake_link(&h, "proc/4242/fd/9", "dev/vfio/9");
	release_ok(&h, GPU);
	ck_assert_int_eq(claim_release_own(&h.ops, &h.host, &err), -EBUSY);
	ck_assert_str_eq(err.msg, "0000:01:00.0: is still open in this "
				  "process; `moat release 01:00.0` puts it "
				  "back once that has ended");
	bind_ok(&h, GPU, 0, true);
	fake_unlink(&h, "proc/4242/fd/9");
	release_ok(&h, HDA);
	assert_driver(&h, GPU, "vfio-pci", "vfio-pci");

	/* At the end of the run nothing is left. */
	ck_assert_int_eq(claim_release_own(&h.ops, &h.host, &err), 0);
	assert_untouched(&h, GPU, "nouveau");
	fake_host_fini(&h);
}
END_TEST

/* Under iommufd there is no file of the group; the other's own keeps it. */
START_TEST(a_group_goes_back_with_its_last_cdev)
{
	struct fake_host h;

	fake_init_with(&h, &gpu);
	fake_add_fn(&h, &hda);
	bind_ok(&h, GPU, 0, true);
	bind_ok(&h, HDA, 0, true);
	fake_dir(&h, "sys/bus/pci/devices/" HDA "/vfio-dev/vfio5");
	fake_link(&h, "proc/4242/fd/9", "dev/vfio/devices/vfio5");
	release_ok(&h, GPU);
	assert_driver(&h, GPU, "vfio-pci", "vfio-pci");
	fake_unlink(&h, "proc/4242/fd/9");
	release_ok(&h, HDA);
	assert_untouched(&h, HDA, "snd_hda_intel");
	assert_untouched(&h, GPU, "nouveau");
	fake_host_fini(&h);
}
END_TEST

START_TEST(release_own_goes_on_after_a_failure)
{
	struct moat_err err = { "" };
	struct fake_host h;

	fake_init_with(&h, &gpu);
	fake_add_fn(&h, &hda);
	bind_ok(&h, GPU, 0, true);
	bind_ok(&h, HDA, 0, true);
	h.n_writes = 0;
	h.fail_at = 1;
	ck_assert_int_eq(claim_release_own(&h.ops, &h.host, &err), -EIO);
	ck_assert_ptr_nonnull(strstr(err.msg, GPU));
	assert_driver(&h, GPU, "vfio-pci", "vfio-pci");
	assert_untouched(&h, HDA, "snd_hda_intel");
	fake_host_fini(&h);
}
END_TEST

START_TEST(a_driver_that_does_not_let_go_is_named)
{
	struct moat_err err;
	struct fake_host h;
	bool bound;

	fake_init_with(&h, &ssd);
	h.stuck = true;
	ck_assert_int_eq(bind_fn(&h, SSD, 0, &bound, &err), -EBUSY);
	ck_assert_str_eq(err.msg,
			 "0000:04:08.0: the driver nvme does not let go of it");
	assert_untouched(&h, SSD, "nvme");
	fake_host_fini(&h);
}
END_TEST

/* The host has no such driver any more. */
static void unload(const struct fake_host *h, const char *driver)
{
	static const char *const files[] = { "bind", "unbind" };
	char path[PATH_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		ck_assert_int_eq(moat_path(path, "sys/bus/pci/drivers/%s/%s",
					   driver, files[i]),
				 0);
		fake_unlink(h, path);
	}
	ck_assert_int_eq(
		moat_path(path, "%s/bus/pci/drivers/%s", h->sysfs, driver), 0);
	ck_assert_int_eq(rmdir(path), 0);
}

START_TEST(vfio_pci_is_loaded_when_it_is_missing)
{
	struct moat_err err;
	struct fake_host h;
	bool bound;

	for (int loadable = 0; loadable < 2; loadable++) {
		fake_init_with(&h, &ssd);
		unload(&h, "vfio-pci");
		if (loadable) {
			strcpy(h.loadable, "vfio-pci");
			bind_ok(&h, SSD, 0, true);
			ck_assert_uint_eq(h.n_loads, 1);
		} else {
			ck_assert_int_eq(bind_fn(&h, SSD, 0, &bound, &err),
					 -ENOENT);
			ck_assert_str_eq(err.msg,
					 "0000:04:08.0: the kernel has no "
					 "driver vfio-pci, and `modprobe "
					 "vfio-pci` failed: No such file or "
					 "directory");
			assert_untouched(&h, SSD, "nvme");
		}
		fake_host_fini(&h);
	}
}
END_TEST

START_TEST(an_unloaded_driver_is_loaded_for_release)
{
	struct fake_host h;

	fake_init_with(&h, &ssd);
	bind_ok(&h, SSD, 0, true);
	unload(&h, "nvme");
	strcpy(h.loadable, "nvme");
	give_back(&h);
}
END_TEST

START_TEST(refusals_change_nothing)
{
	struct fake_fn no_group = ssd, bridge = ssd;
	struct fake_host h;

	no_group.group = -1;
	fake_init_with(&h, &no_group);
	bind_refused(&h, CLAIM_FORCE, -ENODEV, "has no IOMMU group");
	assert_untouched(&h, SSD, "nvme");
	/* VFIO without an IOMMU, where the host asked for it by name. */
	fake_write(&h, "sys/module/vfio/parameters/enable_unsafe_noiommu_mode",
		   "Y\n");
	bind_ok(&h, SSD, 0, true);
	fake_host_fini(&h);

	bridge.header_type = 1;
	fake_init_with(&h, &bridge);
	bind_refused(&h, CLAIM_FORCE, -EINVAL, "is a bridge");
	ck_assert_uint_eq(h.n_writes, 0);
	fake_host_fini(&h);

	fake_host_init(&h);
	bind_refused(&h, 0, -ENODEV, "no PCI device 0000:04:08.0");
	fake_host_fini(&h);

	fake_init_with(&h, &ssd);
	fake_attr(&h, SSD, "sriov_numvfs", "2\n");
	bind_refused(&h, 0, -EBUSY, "2 virtual functions");
	assert_untouched(&h, SSD, "nvme");
	bind_ok(&h, SSD, CLAIM_FORCE, true);
	fake_host_fini(&h);
}
END_TEST

START_TEST(lack_of_rights_names_the_file_and_root)
{
	struct fake_host h;

	fake_init_with(&h, &ssd);
	h.fail_at = 1;
	h.fail_errno = EACCES;
	bind_refused(&h, 0, -EACCES,
		     "/driver_override: Permission "
		     "denied; this needs root");
	fake_host_fini(&h);
}
END_TEST

/* A write that was turned away has no effect to wait for. */
START_TEST(a_denied_unbind_is_not_waited_for)
{
	static const int denied[] = { EACCES, EPERM, EROFS };
	struct moat_err err;
	struct fake_host h;
	bool bound;

	for (size_t i = 0; i < ARRAY_SIZE(denied); i++) {
		fake_init_with(&h, &ssd);
		h.ops.settle_ms = UINT_MAX; /* the test's deadline is sooner */
		h.fail_at = 2;
		h.fail_errno = denied[i];
		ck_assert_int_eq(bind_fn(&h, SSD, 0, &bound, &err), -denied[i]);
		ck_assert_ptr_nonnull(strstr(err.msg, "/unbind: "));
		ck_assert_ptr_nonnull(strstr(err.msg, "this needs root"));
		h.fail_at = 0;
		assert_untouched(&h, SSD, "nvme");
		fake_host_fini(&h);
	}
}
END_TEST

/* Where a record cannot be kept, nothing may be changed. */
START_TEST(an_unsafe_state_directory_is_refused)
{
	struct moat_err err;
	struct fake_host h;
	bool bound;

	fake_init_with(&h, &ssd);
	fake_dir(&h, "state");
	ck_assert_int_eq(chmod(h.state, 0777), 0);
	bind_refused(&h, 0, -EACCES, "does not belong to user");
	ck_assert_int_eq(rmdir(h.state), 0);
	fake_link(&h, "state", "dev");
	ck_assert_int_eq(bind_fn(&h, SSD, 0, &bound, &err), -ENOTDIR);
	fake_unlink(&h, "state");
	fake_write(&h, "state", "");
	ck_assert_int_eq(bind_fn(&h, SSD, 0, &bound, &err), -ENOTDIR);
	ck_assert_uint_eq(h.n_writes, 0);
	assert_driver(&h, SSD, "nvme", "(null)");
	fake_host_fini(&h);
}
END_TEST

START_TEST(a_record_that_cannot_be_kept_stops_the_bind)
{
	struct moat_err err;
	struct fake_host h;
	bool bound;

	fake_init_with(&h, &ssd);
	fake_dir(&h, "state/" SSD ".new"); /* in the way of the new record */
	ck_assert_int_eq(chmod(h.state, 0700), 0);
	ck_assert_int_eq(bind_fn(&h, SSD, 0, &bound, &err), -EISDIR);
	ck_assert_uint_eq(h.n_writes, 0);
	assert_driver(&h, SSD, "nvme", "(null)");
	fake_host_fini(&h);
}
END_TEST

static void ignore_line(enum moat_log_level level, const char *line,
			void *opaque)
{
	(void)level;
	(void)line;
	++*(unsigned int *)opaque;
}

/* Only one of two callers in one process owes the release. */
START_TEST(a_second_bind_owes_nothing)
{
	struct fake_host h;

	fake_init_with(&h, &ssd);
	bind_ok(&h, SSD, 0, true);
	bind_ok(&h, SSD, 0, false);
	give_back(&h);
}
END_TEST

START_TEST(what_others_did_since_is_kept)
{
	unsigned int lines = 0;
	struct fake_host h;

	moat_log_set_sink(ignore_line, &lines);
	fake_init_with(&h, &ssd);
	bind_ok(&h, SSD, CLAIM_STAY, true);
	fake_add_driver(&h, "other");
	fake_unlink(&h, "sys/bus/pci/devices/" SSD "/driver");
	fake_link(&h, "sys/bus/pci/devices/" SSD "/driver",
		  "sys/bus/pci/drivers/other");
	release_ok(&h, SSD);
	assert_untouched(&h, SSD, "other");

	/* A function that was pulled out has nothing to be put back. */
	fake_unlink(&h, "sys/bus/pci/devices/" SSD "/driver");
	bind_ok(&h, SSD, CLAIM_STAY, true);
	fake_unlink(&h, "sys/bus/pci/devices/" SSD);
	release_ok(&h, SSD);
	ck_assert(!recorded(&h, SSD));
	ck_assert_uint_eq(lines, 2);
	moat_log_set_sink(NULL, NULL);
	fake_host_fini(&h);
}
END_TEST

START_TEST(records_survive_printing_and_parsing)
{
	const struct claim_record records[] = {
		{ .driver = "nvme" },
		{ .driver = "", .override = "vfio-pci" },
		{ .driver = "a b",
		  .owner = { 1234, UINT64_MAX },
		  .put_off = true },
	};
	char text[CLAIM_RECORD_TEXT_MAX];
	struct claim_record got;

	for (size_t i = 0; i < ARRAY_SIZE(records); i++) {
		claim_record_print(&records[i], text);
		ck_assert_int_eq(claim_record_parse(text, &got), 0);
		ck_assert_str_eq(got.driver, records[i].driver);
		ck_assert_str_eq(got.override, records[i].override);
		ck_assert(claim_owner_equal(&got.owner, &records[i].owner));
		ck_assert_int_eq(got.put_off, records[i].put_off);
	}
}
END_TEST

#define REC(driver, pid, put_off)                                    \
	"moat-claim 1\ndriver=" driver "\noverride=\nowner-pid=" pid \
	"\nowner-start=5\nput-off=" put_off "\n"

START_TEST(records_are_read_strictly)
{
	static const char *const bad[] = {
		"",
		"moat-claim 1",
		"moat-claim 1\n",
		"moat-claim 2\ndriver=\noverride=\nowner-pid=0\n"
		"owner-start=0\nput-off=0\n",
		REC("../../x", "1", "0"),
		REC("..", "1", "0"),
		REC("nvme", "-1", "0"),
		REC("nvme", "", "0"),
		REC("nvme", "2147483648", "0"),
		REC("nvme", "1", "2"),
		REC("nvme", "1", "0") "more\n",
		REC("nvme", "1", "0") "\n",
		REC("0123456789012345678901234567890123456789012345678901234567"
		    "890123",
		    "1", "0"),
	};
	struct claim_record rec;

	ck_assert_int_eq(claim_record_parse(REC("nvme", "1", "0"), &rec), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_msg(claim_record_parse(bad[i], &rec) == -EINVAL,
			      "case %zu", i);
}
END_TEST

START_TEST(a_strange_record_is_left_alone)
{
	struct moat_err err;
	struct fake_host h;

	fake_init_with(&h, &ssd);
	bind_ok(&h, SSD, CLAIM_STAY, true);
	fake_write(&h, "state/" SSD, "driver=nvme\n");
	ck_assert_int_eq(release_fn(&h, SSD, &err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.msg, "is not a record that this moat "
					      "wrote"));
	assert_driver(&h, SSD, "vfio-pci", "vfio-pci");
	fake_host_fini(&h);
}
END_TEST

/* Many threads bind and release one function; the fake would notice two. */
static void *bind_and_release(void *opaque)
{
	struct fake_host *h = opaque;
	struct moat_err err;
	bool bound;

	for (int i = 0; i < 10; i++) {
		int r = bind_fn(h, SSD, CLAIM_STAY, &bound, &err);

		if (r < 0)
			return strdup(err.msg);
		r = release_fn(h, SSD, &err);
		if (r < 0 && r != -ENOENT)
			return strdup(err.msg);
	}
	return NULL;
}

START_TEST(one_function_is_worked_on_by_one_at_a_time)
{
	pthread_t threads[3];
	struct fake_host h;
	void *msg;

	fake_init_with(&h, &ssd);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		ck_assert_int_eq(
			pthread_create(&threads[i], NULL, bind_and_release, &h),
			0);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		ck_assert_int_eq(pthread_join(threads[i], &msg), 0);
		ck_assert_msg(msg == NULL, "%s", (char *)msg);
	}
	assert_untouched(&h, SSD, "nvme");
	fake_host_fini(&h);
}
END_TEST

CHECK_MAIN(
	"claim", bind_and_release_leave_no_trace,
	a_function_without_driver_is_so_again, an_earlier_override_comes_back,
	a_function_bound_by_others_stays_theirs,
	asking_to_release_makes_no_state_directory,
	a_failed_bind_puts_everything_back, a_failed_undo_keeps_the_record,
	a_failed_release_keeps_the_record, a_killed_bind_can_be_undone,
	a_killed_bind_can_be_bound_again, a_killed_release_can_be_done_again,
	what_a_living_process_took_is_left_to_it,
	a_reused_process_number_is_not_the_owner,
	a_dead_owners_binding_is_inherited,
	a_binding_made_to_stay_outlives_a_run,
	moat_bind_makes_a_dead_owners_binding_stay,
	an_open_device_is_never_waited_for, files_of_other_groups_do_not_count,
	a_group_goes_back_with_its_last_member,
	a_group_goes_back_with_its_last_cdev,
	release_own_goes_on_after_a_failure,
	a_driver_that_does_not_let_go_is_named,
	vfio_pci_is_loaded_when_it_is_missing,
	an_unloaded_driver_is_loaded_for_release, refusals_change_nothing,
	lack_of_rights_names_the_file_and_root,
	a_denied_unbind_is_not_waited_for, an_unsafe_state_directory_is_refused,
	a_record_that_cannot_be_kept_stops_the_bind, a_second_bind_owes_nothing,
	what_others_did_since_is_kept, records_survive_printing_and_parsing,
	records_are_read_strictly, a_strange_record_is_left_alone,
	one_function_is_worked_on_by_one_at_a_time)
