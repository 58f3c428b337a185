// SPDX-License-Identifier: GPL-2.0-or-later
/* The console on real files, pipes and terminals; a test's peer behind it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <moat/log.h>

#include "common/util.h"
#include "tests/check_main.h"
#include "tests/vmm-glue/fake_platform.h"
#include "vmm-glue/console.h"

#define WAIT_MS 5000

static struct fake_platform fake;

/* A guest whose FIFO holds @room bytes. */
struct guest {
	pthread_mutex_t lock;
	char got[8192];
	size_t n, room;
	atomic_int drained;
};

static struct guest guest = { .lock = PTHREAD_MUTEX_INITIALIZER };

static size_t receive(void *opaque, const uint8_t *buf, size_t n)
{
	struct guest *g = opaque;
	size_t taken;

	(void)pthread_mutex_lock(&g->lock);
	taken = g->room < n ? g->room : n;
	memcpy(g->got + g->n, buf, taken);
	g->n += taken;
	g->room -= taken;
	(void)pthread_mutex_unlock(&g->lock);
	return taken;
}

static void drained(void *opaque)
{
	atomic_fetch_add(&((struct guest *)opaque)->drained, 1);
}

static const struct console_peer peer = { receive, drained };

static void reset(void)
{
	fake_platform_init(&fake);
	guest.n = 0;
	guest.room = sizeof(guest.got);
	guest.drained = 0;
}

static void nap(void)
{
	struct timespec ms = { .tv_nsec = 1000000 };

	(void)nanosleep(&ms, NULL);
}

static size_t guest_has(void)
{
	size_t n;

	(void)pthread_mutex_lock(&guest.lock);
	n = guest.n;
	(void)pthread_mutex_unlock(&guest.lock);
	return n;
}

#define wait_until(what)                                     \
	do {                                                 \
		int ms_ = 0;                                 \
                                                             \
		while (!(what) && ms_++ < WAIT_MS)           \
			nap();                               \
		ck_assert_msg((what), "in vain: %s", #what); \
	} while (0)

static void put(struct console *c, const char *text)
{
	for (; *text; text++)
		ck_assert(console_put(c, (uint8_t)*text));
}

/* Reads what is there within the patience, up to @size. */
static size_t read_some(int fd, char *buf, size_t size, size_t want)
{
	size_t n = 0;
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	while (n < want && poll(&pfd, 1, WAIT_MS) == 1) {
		ssize_t r = read(fd, buf + n, size - n);

		if (r <= 0)
			break;
		n += (size_t)r;
	}
	return n;
}

/* stdin and stdout are others' for a while. */
static int saved_fd[2];

static void take_stdio(int in, int out)
{
	for (int i = 0; i < 2; i++)
		saved_fd[i] = fcntl(i, F_DUPFD_CLOEXEC, 10);
	(void)dup2(in, 0);
	(void)dup2(out, 1);
}

static void give_stdio(void)
{
	for (int i = 0; i < 2; i++) {
		(void)dup2(saved_fd[i], i);
		(void)close(saved_fd[i]);
	}
}

static const struct {
	const char *spec;
	int want;
} bad_specs[] = {
	{ "", -EINVAL },
	{ "stdiox", -EINVAL },
	{ "file:", -EINVAL },
	{ "pty:x", -EINVAL },
	{ "file:/nowhere/x", -ENOENT },
	{ "file:/", -EISDIR },
};

START_TEST(bad_specs_are_refused)
{
	reset();
	for (size_t i = 0; i < ARRAY_SIZE(bad_specs); i++) {
		struct console *c;
		struct moat_err err;

		ck_assert_int_eq(
			console_open(bad_specs[i].spec, &fake.ops, &c, &err),
			bad_specs[i].want);
		ck_assert_ptr_nonnull(strstr(err.msg, "-serial"));
	}
}
END_TEST

/* The number of the lowest free descriptor: none may be left behind. */
static int lowest_free(void)
{
	int fd = dup(STDERR_FILENO);

	(void)close(fd);
	return fd;
}

/* Each descriptor that opening asks for is refused once. */
START_TEST(running_out_of_descriptors_leaves_none)
{
	char path[] = "/tmp/moat-console-XXXXXX", file[64];
	const char *const specs[] = { "stdio", "pty", file };

	(void)close(mkstemp(path));
	(void)snprintf(file, sizeof(file), "file:%s", path);
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		struct rlimit saved, limit;
		struct console *c = NULL;
		struct moat_err err;
		int before = lowest_free(), r = -EMFILE, failed = 0;

		reset();
		(void)getrlimit(RLIMIT_NOFILE, &saved);
		for (limit = saved, limit.rlim_cur = (rlim_t)before; r < 0;
		     limit.rlim_cur++, failed++) {
			(void)setrlimit(RLIMIT_NOFILE, &limit);
			r = console_open(specs[i], &fake.ops, &c, &err);
			(void)setrlimit(RLIMIT_NOFILE, &saved);
			ck_assert(r == 0 || r == -EMFILE);
			ck_assert(r == 0 || lowest_free() == before);
		}
		ck_assert_int_ge(failed, 3); /* two at least, and success */
		console_close(c);
		ck_assert_int_eq(lowest_free(), before);
	}
	(void)unlink(path);
}
END_TEST

START_TEST(file_is_truncated_and_written)
{
	char path[] = "/tmp/moat-console-XXXXXX", spec[64], buf[64];
	int fd = mkstemp(path);
	struct console *c;
	struct moat_err err;

	reset();
	ck_assert_int_eq(write(fd, "old old old", 11), 11);
	(void)snprintf(spec, sizeof(spec), "file:%s", path);
	ck_assert_int_eq(console_open(spec, &fake.ops, &c, &err), 0);
	put(c, "line\nrest");
	wait_until(lseek(fd, 0, SEEK_END) == 9); /* the rest, soon */
	console_close(c);
	ck_assert_int_eq(pread(fd, buf, sizeof(buf), 0), 9);
	ck_assert_mem_eq(buf, "line\nrest", 9);
	(void)close(fd);
	(void)unlink(path);
}
END_TEST

START_TEST(pipes_pass_bytes_as_they_are)
{
	int in[2], out[2];
	char buf[64];
	struct console *c;
	struct moat_err err;

	reset();
	ck_assert_int_eq(pipe2(in, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
	take_stdio(in[0], out[1]);
	ck_assert_int_eq(console_open("stdio", &fake.ops, &c, &err), 0);
	console_attach(c, &peer, &guest);
	put(c, "ok\n");
	ck_assert_uint_eq(read_some(out[0], buf, sizeof(buf), 3), 3);
	ck_assert_mem_eq(buf, "ok\n", 3);
	/* Ctrl-A X is two bytes here. */
	ck_assert_int_eq(write(in[1], "a\001xb", 4), 4);
	wait_until(guest_has() == 4);
	ck_assert_mem_eq(guest.got, "a\001xb", 4);
	ck_assert_int_eq(fake.requests[MACHINE_QUIT], 0);
	/* The end of input is not the end of the machine. */
	(void)close(in[1]);
	put(c, "still\n");
	ck_assert_uint_eq(read_some(out[0], buf, sizeof(buf), 6), 6);
	console_attach(c, NULL, NULL);
	console_close(c);
	give_stdio();
	(void)close(in[0]);
	(void)close(out[0]);
	(void)close(out[1]);
}
END_TEST

START_TEST(input_waits_for_the_guest)
{
	int in[2];
	char text[6000];
	struct console *c;
	struct moat_err err;

	reset();
	guest.room = 16;
	ck_assert_int_eq(pipe2(in, O_CLOEXEC), 0);
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i % 26);
	take_stdio(in[0], 1);
	ck_assert_int_eq(console_open("stdio", &fake.ops, &c, &err), 0);
	console_attach(c, &peer, &guest);
	ck_assert_int_eq(write(in[1], text, sizeof(text)), sizeof(text));
	for (size_t n = 16; n < sizeof(text); n += 16) {
		wait_until(guest_has() == n);
		(void)pthread_mutex_lock(&guest.lock);
		guest.room = 16;
		(void)pthread_mutex_unlock(&guest.lock);
		console_resume(c);
	}
	wait_until(guest_has() == sizeof(text));
	ck_assert_mem_eq(guest.got, text, sizeof(text));
	console_attach(c, NULL, NULL);
	console_close(c);
	give_stdio();
	(void)close(in[0]);
	(void)close(in[1]);
}
END_TEST

START_TEST(slow_reader_stalls_and_loses_nothing)
{
	int out[2], null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	size_t sent = 0, got = 0;
	struct console *c;
	struct moat_err err;

	reset();
	ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
	ck_assert_int_ge(fcntl(out[1], F_SETPIPE_SZ, 4096), 4096);
	take_stdio(null, out[1]);
	ck_assert_int_eq(console_open("stdio", &fake.ops, &c, &err), 0);
	console_attach(c, &peer, &guest);
	while (console_put(c, (uint8_t)sent))
		sent++;
	ck_assert_uint_gt(sent, 4096);
	ck_assert_int_eq(guest.drained, 0);
	while (got < sent) {
		uint8_t buf[512];
		size_t n = read_some(out[0], (char *)buf, sizeof(buf), 1);

		ck_assert_uint_gt(n, 0);
		for (size_t i = 0; i < n; i++)
			ck_assert_uint_eq(buf[i], (uint8_t)got++);
	}
	wait_until(guest.drained == 1);
	console_attach(c, NULL, NULL);
	console_close(c);
	give_stdio();
	(void)close(out[0]);
	(void)close(out[1]);
	(void)close(null);
}
END_TEST

static int warnings;

static void count_warnings(enum moat_log_level level, const char *text,
			   void *opaque)
{
	(void)text;
	(void)opaque;
	warnings += level == MOAT_LOG_WARN;
}

static long cpu_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Standard output is gone in one way or another: no death, no spin. */
START_TEST(lost_output_is_told_once)
{
	static const char *const ways[] = { "reader gone", "full" };

	moat_log_set_sink(count_warnings, NULL);
	for (size_t way = 0; way < ARRAY_SIZE(ways); way++) {
		int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
		int out[2], full = open("/dev/full", O_WRONLY | O_CLOEXEC);
		struct timespec wait = { .tv_nsec = 50000000 };
		struct console *c;
		struct moat_err err;
		long cpu;

		reset();
		warnings = 0;
		ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
		(void)close(out[0]);
		take_stdio(null, way == 1 ? full : out[1]);
		ck_assert_int_eq(console_open("stdio", &fake.ops, &c, &err), 0);
		for (unsigned int i = 0; i < 50000; i++)
			ck_assert(console_put(c, 'x'));
		put(c, "\n");
		cpu = cpu_ms();
		(void)nanosleep(&wait, NULL);
		ck_assert_msg(cpu_ms() - cpu < 25, "%s: spins", ways[way]);
		console_close(c);
		give_stdio();
		ck_assert_msg(warnings == 1, "%s: %d", ways[way], warnings);
		(void)close(out[1]);
		(void)close(null);
		(void)close(full);
	}
	moat_log_set_sink(NULL, NULL);
}
END_TEST

/* The name comes in the log line; remember it. */
static char pty_name[64];

static void catch_name(enum moat_log_level level, const char *text,
		       void *opaque)
{
	const char *name = strstr(text, "/dev/");

	(void)level;
	(void)opaque;
	if (name)
		(void)snprintf(pty_name, sizeof(pty_name), "%s", name);
}

START_TEST(pty_comes_and_goes)
{
	struct timespec wait = { .tv_nsec = 50000000 };
	char buf[64];
	struct console *c;
	struct moat_err err;
	long cpu;

	reset();
	moat_log_set_sink(catch_name, NULL);
	ck_assert_int_eq(console_open("pty", &fake.ops, &c, &err), 0);
	moat_log_set_sink(NULL, NULL);
	console_attach(c, &peer, &guest);
	/* Nobody there: swallowed, however much it is, and no spinning. */
	for (unsigned int i = 0; i < 100000; i++)
		ck_assert(console_put(c, 'x'));
	put(c, "lost\n");
	cpu = cpu_ms();
	(void)nanosleep(&wait, NULL);
	ck_assert_int_lt(cpu_ms() - cpu, 25);

	for (unsigned int round = 0; round < 2; round++) {
		int fd = open(pty_name, O_RDWR | O_NOCTTY | O_CLOEXEC);

		ck_assert_int_ge(fd, 0);
		put(c, "hello\n");
		ck_assert_uint_eq(read_some(fd, buf, sizeof(buf), 6), 6);
		ck_assert_mem_eq(buf, "hello\n", 6);
		guest.n = 0;
		ck_assert_int_eq(write(fd, "\001xy\r", 4), 4);
		wait_until(guest_has() == 4);
		ck_assert_mem_eq(guest.got, "\001xy\r", 4);
		(void)close(fd);
		(void)nanosleep(&wait, NULL);
	}
	console_attach(c, NULL, NULL);
	console_close(c);
}
END_TEST

/*
 * On a terminal of its own, in a child: there the console is opened, the
 * byte 'R' sent, and the end waited for that the parent's case names.
 */
enum ending { END_CLOSE, END_EXIT, END_TERM, END_ABORT, END_N };

static void child(enum ending ending)
{
	struct console *c;
	struct moat_err err;

	(void)signal(SIGTERM, SIG_DFL);
	reset();
	if (console_open("stdio", &fake.ops, &c, &err) < 0)
		_exit(3);
	console_attach(c, &peer, &guest);
	put(c, "R\n");
	if (ending == END_TERM || ending == END_ABORT) {
		(void)setrlimit(RLIMIT_CORE, &(struct rlimit) { 0 });
		while (guest_has() == 0)
			nap();
		(void)kill(getpid(), ending == END_TERM ? SIGTERM : SIGABRT);
	}
	while (!fake.requests[MACHINE_QUIT])
		nap();
	if (ending == END_EXIT)
		exit(guest_has() == 3 ? 0 : 4);
	console_close(c);
	_exit(guest_has() == 3 ? 0 : 4);
}

START_TEST(terminal_is_raw_and_restored)
{
	for (int ending = 0; ending < END_N; ending++) {
		struct termios during, after;
		char buf[64];
		int master, status;
		pid_t pid;

		pid = forkpty(&master, NULL, NULL, NULL);
		if (pid == 0)
			child((enum ending)ending);
		ck_assert_int_gt(pid, 0);
		/* A pty's master sees the terminal's settings. */
		ck_assert_uint_ge(read_some(master, buf, sizeof(buf), 3), 3);
		ck_assert_int_eq(tcgetattr(master, &during), 0);
		ck_assert_uint_eq(during.c_lflag & (ICANON | ECHO | ISIG), 0);
		ck_assert_uint_eq(during.c_iflag & (ICRNL | IXON), 0);
		/* Ctrl-C, Ctrl-A and a letter for the guest, Ctrl-A X last. */
		ck_assert_int_eq(write(master, "\003\001\001z\001?\001x", 8),
				 8);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		if (ending == END_TERM || ending == END_ABORT)
			ck_assert(WIFSIGNALED(status) &&
				  WTERMSIG(status) == (ending == END_TERM
							       ? SIGTERM
							       : SIGABRT));
		else
			ck_assert_msg(WIFEXITED(status) &&
					      WEXITSTATUS(status) == 0,
				      "ending %d: status %#x", ending, status);
		ck_assert_int_eq(tcgetattr(master, &after), 0);
		ck_assert_msg((after.c_lflag & (ICANON | ECHO | ISIG)) ==
				      (ICANON | ECHO | ISIG),
			      "ending %d: not restored", ending);
		ck_assert_uint_ne(after.c_iflag & ICRNL, 0);
		(void)close(master);
	}
}
END_TEST

START_TEST(quit_works_while_the_guest_does_not_read)
{
	char buf[64], flood[4096];
	int master, status;
	pid_t pid;

	pid = forkpty(&master, NULL, NULL, NULL);
	if (pid == 0) {
		struct console *c;
		struct moat_err err;

		reset();
		if (console_open("stdio", &fake.ops, &c, &err) < 0)
			_exit(3);
		guest.room = 1;
		console_attach(c, &peer, &guest);
		put(c, "R\n");
		while (!fake.requests[MACHINE_QUIT])
			nap();
		console_close(c);
		_exit(guest.n == 1 ? 0 : 4);
	}
	ck_assert_uint_ge(read_some(master, buf, sizeof(buf), 3), 3);
	memset(flood, 'f', sizeof(flood));
	for (unsigned int i = 0; i < 3; i++)
		ck_assert_int_gt(write(master, flood, sizeof(flood)), 0);
	ck_assert_int_eq(write(master, "\001x", 2), 2);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	(void)close(master);
}
END_TEST

CHECK_MAIN("console", bad_specs_are_refused,
	   running_out_of_descriptors_leaves_none,
	   file_is_truncated_and_written, pipes_pass_bytes_as_they_are,
	   input_waits_for_the_guest, slow_reader_stalls_and_loses_nothing,
	   lost_output_is_told_once, pty_comes_and_goes,
	   terminal_is_raw_and_restored,
	   quit_works_while_the_guest_does_not_read)
