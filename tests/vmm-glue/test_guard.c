// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guard, with files that can be looked into: a device's config space is a
 * file, and guest RAM a pipe, which ends when nobody holds it any more.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "common/io.h"
#include "common/util.h"
#include "tests/check_main.h"
#include "vmm-glue/guard.h"

#define SOON_MS 10000
#define OFFSET	0x7000 /* of config space in its file */
#define ON	(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER)

static struct moat_err err;
static char dir[] = "/tmp/moat-guard-XXXXXX";
static char config_path[64];
static struct moat_device_hold hold;
static int memory[2]; /* a pipe */

static void set_command(uint16_t command)
{
	ck_assert_int_eq(moat_pwrite_all(hold.config_fd, &command, 2,
					 OFFSET + PCI_COMMAND),
			 0);
}

static uint16_t get_command(void)
{
	uint16_t command;

	ck_assert_int_eq(moat_pread_all(hold.config_fd, &command, 2,
					OFFSET + PCI_COMMAND),
			 0);
	return command;
}

static void setup(void)
{
	memset(&err, 0, sizeof(err));
	(void)strcpy(dir + strlen(dir) - 6, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(config_path, sizeof(config_path), "%s/config", dir);
	hold = (struct moat_device_hold) {
		.config_fd =
			open(config_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600),
		.config_offset = OFFSET,
		.reset_fd = -1,
		.keep_fd = -1,
	};
	ck_assert_int_ge(hold.config_fd, 0);
	ck_assert_int_eq(ftruncate(hold.config_fd, OFFSET + 4096), 0);
	set_command(ON);
	ck_assert_int_eq(pipe2(memory, O_CLOEXEC), 0);
}

static void teardown(void)
{
	(void)close(hold.config_fd);
	(void)close(memory[0]);
	(void)close(memory[1]);
	(void)unlink(config_path);
	(void)rmdir(dir);
}

/* Once this process has closed its own end. */
static bool memory_is_free(int timeout_ms)
{
	struct pollfd p = { .fd = memory[0], .events = POLLIN };

	return poll(&p, 1, timeout_ms) == 1 && p.revents & POLLHUP;
}

static struct guard *start(void)
{
	const int held[GUARD_MEMORY_FDS] = { memory[1], memory[1] };
	struct guard *guard = NULL;

	ck_assert_int_eq(guard_start(held, &guard, &err), 0);
	return guard;
}

/*
 * A process that has a guard with the device, and is killed. Its parent, the
 * test, must not have the pipe's end.
 */
static void live_and_die(void)
{
	pid_t pid = fork();
	struct guard *guard;
	unsigned int id;
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		(void)close(memory[0]);
		guard = start();
		if (guard_add(guard, "disk", &hold, &id, &err) < 0)
			_exit(1);
		(void)raise(SIGKILL);
	}
	(void)close(memory[1]);
	memory[1] = -1;
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));
}

START_TEST(after_a_kill_the_device_is_stopped)
{
	setup();
	live_and_die();
	ck_assert(memory_is_free(SOON_MS));
	ck_assert_uint_eq(get_command(), PCI_COMMAND_MEMORY);
	teardown();
}
END_TEST

/* A device whose bus mastering does not go off: nothing is given up. */
START_TEST(memory_stays_while_the_device_cannot_be_stopped)
{
	int writable = -1;

	setup();
	writable = hold.config_fd;
	hold.config_fd = open(config_path, O_RDONLY | O_CLOEXEC);
	live_and_die();
	ck_assert(!memory_is_free(1500));
	/* Somebody else stops it. */
	(void)close(hold.config_fd);
	hold.config_fd = writable;
	set_command(0xffff); /* it does not answer any more */
	ck_assert(memory_is_free(SOON_MS));
	teardown();
}
END_TEST

START_TEST(an_ordered_end_leaves_the_device_alone)
{
	struct guard *guard;
	unsigned int id = 99, other = 99;

	setup();
	guard = start();
	(void)close(memory[1]);
	memory[1] = -1;
	ck_assert_int_eq(guard_add(guard, "disk", &hold, &id, &err), 0);
	ck_assert_int_eq(guard_add(guard, "nic", &hold, &other, &err), 0);
	ck_assert_uint_ne(id, other);
	guard_drop(guard, id);
	guard_drop(guard, other);
	/* A number is used again. */
	ck_assert_int_eq(guard_add(guard, "nic", &hold, &other, &err), 0);
	ck_assert_uint_eq(other, id);
	guard_drop(guard, other);
	ck_assert(!memory_is_free(0));
	guard_stop(guard);
	ck_assert(memory_is_free(0));
	ck_assert_uint_eq(get_command(), ON);
	guard_stop(NULL);
	teardown();
}
END_TEST

/* It has no copy of what it was not given. */
START_TEST(it_holds_nothing_else)
{
	struct guard *guard;
	int other[2];
	struct pollfd p;

	setup();
	ck_assert_int_eq(pipe2(other, O_CLOEXEC), 0);
	guard = start();
	(void)close(other[1]);
	p = (struct pollfd) { .fd = other[0], .events = POLLIN };
	ck_assert_int_eq(poll(&p, 1, SOON_MS), 1);
	ck_assert(p.revents & POLLHUP);
	guard_stop(guard);
	(void)close(other[0]);
	teardown();
}
END_TEST

static pid_t only_child(void)
{
	char path[64], text[32];

	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/children",
		       getpid());
	ck_assert_int_eq(moat_read_text(path, text, sizeof(text)), 0);
	ck_assert_int_gt(atoi(text), 1);
	return atoi(text);
}

START_TEST(its_death_is_noticed)
{
	struct guard *guard;
	unsigned int id;
	struct pollfd p;

	setup();
	guard = start();
	ck_assert_int_eq(guard_add(guard, "disk", &hold, &id, &err), 0);
	p = (struct pollfd) { .fd = guard_fd(guard), .events = POLLIN };
	ck_assert_int_eq(poll(&p, 1, 0), 0);
	ck_assert_int_eq(kill(only_child(), SIGKILL), 0);
	ck_assert_int_eq(poll(&p, 1, SOON_MS), 1);
	ck_assert_int_lt(guard_add(guard, "nic", &hold, &id, &err), 0);
	ck_assert_ptr_nonnull(strstr(err.msg, "nic: the process that is"));
	guard_drop(guard, id);
	guard_stop(guard);
	teardown();
}
END_TEST

CHECK_MAIN("guard", after_a_kill_the_device_is_stopped,
	   memory_stays_while_the_device_cannot_be_stopped,
	   an_ordered_end_leaves_the_device_alone, it_holds_nothing_else,
	   its_death_is_noticed)
