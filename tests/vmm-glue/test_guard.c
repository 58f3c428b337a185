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

#define SOON_MS	   10000
#define SILENCE_MS 600 /* long enough to look twice meanwhile */
#define A_WHILE_MS 500 /* in which nothing is to happen */
#define ANSWER_MS  200
#define OFFSET	   0x7000 /* of config space in its file */
#define ON	   (PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER)

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

/* @silence_ms, @answer_ms: 0 for what a machine has */
static struct guard *start_with(unsigned int silence_ms, unsigned int answer_ms)
{
	const struct guard_config config = {
		.memory_fd = { memory[1], memory[1] },
		.silence_ms = silence_ms,
		.answer_ms = answer_ms,
	};
	struct guard *guard = NULL;

	ck_assert_int_eq(guard_start(&config, &guard, &err), 0);
	return guard;
}

static struct guard *start(void)
{
	return start_with(0, 0);
}

/*
 * A process that has a guard with the device, and is killed. Its parent, the
 * test, must not have the pipe's end.
 */
static void live_and_die(unsigned int silence_ms)
{
	pid_t pid = fork();
	struct guard *guard;
	unsigned int id;
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		(void)close(memory[0]);
		guard = start_with(silence_ms, 0);
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
	live_and_die(0);
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
	live_and_die(0);
	ck_assert(!memory_is_free(A_WHILE_MS));
	/* Somebody else stops it. */
	(void)close(hold.config_fd);
	hold.config_fd = writable;
	set_command(PCI_COMMAND_MEMORY);
	ck_assert(memory_is_free(SOON_MS));
	teardown();
}
END_TEST

/* Its link is down, or it is in a reset: COMMAND comes back as it was. */
START_TEST(a_device_that_comes_back_is_stopped)
{
	setup();
	set_command(0xffff);
	live_and_die(0);
	ck_assert(!memory_is_free(A_WHILE_MS));
	set_command(ON);
	ck_assert(memory_is_free(SOON_MS));
	ck_assert_uint_eq(get_command(), PCI_COMMAND_MEMORY);
	teardown();
}
END_TEST

START_TEST(a_device_that_stays_silent_is_gone)
{
	setup();
	set_command(0xffff);
	live_and_die(SILENCE_MS);
	ck_assert(!memory_is_free(SILENCE_MS / 2));
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

/* Return: 0 when there is none, not even a zombie. */
static pid_t child_of_this(void)
{
	char path[64], text[32];

	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/children",
		       getpid());
	ck_assert_int_eq(moat_read_text(path, text, sizeof(text)), 0);
	return atoi(text);
}

static pid_t only_child(void)
{
	pid_t pid = child_of_this();

	ck_assert_int_gt(pid, 1);
	return pid;
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

/* Then it is this process that keeps guest RAM until the device is still. */
START_TEST(without_a_guard_the_device_is_stopped_here)
{
	struct guard *guard;
	unsigned int id;
	struct pollfd p;

	setup();
	guard = start();
	ck_assert_int_eq(guard_add(guard, "disk", &hold, &id, &err), 0);
	/* As long as it lives it is asked to. */
	guard_settle(guard);
	ck_assert_uint_eq(get_command(), ON);
	ck_assert_int_eq(kill(only_child(), SIGKILL), 0);
	p = (struct pollfd) { .fd = guard_fd(guard), .events = POLLIN };
	ck_assert_int_eq(poll(&p, 1, SOON_MS), 1);
	guard_settle(guard);
	ck_assert_uint_eq(get_command(), PCI_COMMAND_MEMORY);
	guard_stop(guard);
	guard_settle(NULL);
	teardown();
}
END_TEST

/* It cannot be stopped, until somebody else does it. */
START_TEST(without_a_guard_this_process_waits_for_the_device)
{
	struct guard *guard;
	int writable, status;
	unsigned int id;
	pid_t pid;

	setup();
	writable = hold.config_fd;
	hold.config_fd = open(config_path, O_RDONLY | O_CLOEXEC);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		guard = start();
		if (guard_add(guard, "disk", &hold, &id, &err) < 0 ||
		    kill(only_child(), SIGKILL) < 0 || waitpid(-1, NULL, 0) < 0)
			_exit(1);
		/* As the device is closed before. */
		(void)close(hold.config_fd);
		guard_settle(guard);
		_exit(0);
	}
	(void)close(hold.config_fd);
	hold.config_fd = writable;
	(void)usleep(A_WHILE_MS * 1000);
	ck_assert_int_eq(waitpid(pid, &status, WNOHANG), 0);
	set_command(PCI_COMMAND_MEMORY);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
	teardown();
}
END_TEST

/* The answer to the first request comes while the second's is awaited. */
START_TEST(a_late_answer_is_for_its_own_request)
{
	struct moat_device_hold bad = { .config_fd = -1,
					.reset_fd = -1,
					.keep_fd = -1 };
	struct guard *guard;
	unsigned int id;
	pid_t child;

	setup();
	guard = start_with(0, ANSWER_MS);
	child = only_child();
	ck_assert_int_eq(kill(child, SIGSTOP), 0);
	ck_assert_int_eq(guard_add(guard, "disk", &hold, &id, &err),
			 -ETIMEDOUT);
	ck_assert_int_eq(kill(child, SIGCONT), 0);
	ck_assert_int_eq(guard_add(guard, "nothing", &bad, &id, &err), -EBADF);
	/* Nor does it stop what it was not given in time. */
	(void)close(memory[1]);
	memory[1] = -1;
	guard_stop(guard);
	ck_assert(memory_is_free(SOON_MS));
	ck_assert_uint_eq(get_command(), ON);
	teardown();
}
END_TEST

/* A moat that was started with its standard files closed. */
START_TEST(its_files_may_have_the_lowest_numbers)
{
	struct guard *guard;
	int status, lowest;
	unsigned int id;
	pid_t pid;

	setup();
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		(void)close(memory[0]);
		(void)close(STDIN_FILENO);
		(void)close(STDOUT_FILENO);
		lowest = dup(memory[1]);
		(void)close(memory[1]);
		memory[1] = lowest; /* and the socket is 1 */
		guard = start();
		if (lowest != STDIN_FILENO ||
		    guard_add(guard, "disk", &hold, &id, &err) < 0)
			_exit(1);
		(void)raise(SIGKILL);
	}
	(void)close(memory[1]);
	memory[1] = -1;
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));
	ck_assert(memory_is_free(SOON_MS));
	ck_assert_uint_eq(get_command(), PCI_COMMAND_MEMORY);
	teardown();
}
END_TEST

/* One that is left with a device is not waited for, and yet no zombie. */
START_TEST(it_is_reaped_however_late)
{
	struct guard *guard;
	unsigned int id;

	setup();
	guard = start();
	ck_assert_int_eq(guard_add(guard, "disk", &hold, &id, &err), 0);
	guard_stop(guard);
	for (int ms = 0; child_of_this(); ms += 10) {
		ck_assert_int_lt(ms, SOON_MS);
		(void)usleep(10000);
	}
	ck_assert_uint_eq(get_command(), PCI_COMMAND_MEMORY);
	teardown();
}
END_TEST

CHECK_MAIN("guard", after_a_kill_the_device_is_stopped,
	   memory_stays_while_the_device_cannot_be_stopped,
	   a_device_that_comes_back_is_stopped,
	   a_device_that_stays_silent_is_gone,
	   an_ordered_end_leaves_the_device_alone, it_holds_nothing_else,
	   its_death_is_noticed, without_a_guard_the_device_is_stopped_here,
	   without_a_guard_this_process_waits_for_the_device,
	   a_late_answer_is_for_its_own_request,
	   its_files_may_have_the_lowest_numbers, it_is_reaped_however_late)
