// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The host's end of the serial port.
 *
 * Output: bytes gather in a ring and are written when a line is complete,
 * when GATHER of them are there, or after FLUSH_MS. The vCPU that completes
 * the line writes it; when the reader is slow ("stuck"), the console's
 * thread goes on as soon as there is room, and the guest sees a transmitter
 * that is not empty. Output that fails for good is dropped, with one log
 * line; a pty that nobody has open drops silently.
 *
 * Input: the thread reads ahead into @in, takes out the Ctrl-A commands and
 * hands on what the guest's FIFO takes. What it does not take is "held"
 * until console_resume(). A terminal is read even while input is held, so
 * that Ctrl-A X always works; what overflows then is dropped.
 *
 * Nothing here blocks: descriptors that others share (the terminal) are not
 * made non-blocking, but opened anew or polled first.
 *
 * Locking: @out_lock guards the ring and its flags; @peer_lock is held
 * around calls of the peer; @in belongs to the thread. console.h has the
 * order.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <moat/log.h>

#include "vmm-glue/console.h"
#include "vmm-glue/platform.h"
#include "vmm-glue/terminal.h"
#include "vmm-glue/thread.h"

#define RING	  16384 /* bytes of output on their way; a power of two */
#define GATHER	  256
#define FLUSH_MS  5
#define IN_MAX	  4096
#define DETACH_MS 200  /* how often a pty without reader is looked at */
#define CLOSE_MS  1000 /* how long a slow reader may delay the end */

#define CTRL_A	  0x01

struct console {
	struct platform_ops ops;
	int in_fd, out_fd; /* -1: none */
	bool in_tty;	   /* Ctrl-A commands are for us */
	bool is_pty, is_socket;
	bool raw; /* the terminal is to be restored */
	int kick_fd;
	atomic_bool stop;
	pthread_t thread;

	pthread_mutex_t out_lock;
	uint8_t ring[RING];
	unsigned int head, n;
	bool armed;   /* the thread knows that there is something to flush */
	bool stuck;   /* the last write found no room */
	bool stalled; /* console_put() said false */
	bool dead;

	pthread_mutex_t peer_lock;
	const struct console_peer *peer;
	void *peer_opaque;

	atomic_bool held;
	uint8_t in[IN_MAX];
	size_t in_n;
	bool escape;	/* the last key was Ctrl-A */
	bool in_absent; /* pty without reader: look again later */
};

static void kick(struct console *c)
{
	uint64_t one = 1;
	ssize_t r;

	/* EAGAIN: it is kicked already. */
	r = write(c->kick_fd, &one, sizeof(one));
	(void)r;
}

/* Output. All with out_lock held, unless they say otherwise. */

static void give_up(struct console *c, int error)
{
	c->dead = true;
	c->n = 0;
	log_warn("serial output is lost from here on: %s", strerror(error));
}

/* Has nobody the pty's other side open? Then it would swallow what fits. */
static bool pty_absent(const struct console *c)
{
	struct pollfd pfd = { .fd = c->out_fd };

	return c->is_pty && poll(&pfd, 1, 0) == 1 && (pfd.revents & POLLHUP);
}

/* A pipe that polls writable takes PIPE_BUF; a file always takes. */
static ssize_t write_some(const struct console *c, const void *buf, size_t n)
{
	struct pollfd pfd = { .fd = c->out_fd, .events = POLLOUT };

	if (c->is_socket)
		return send(c->out_fd, buf, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (poll(&pfd, 1, 0) == 0) {
		errno = EAGAIN;
		return -1;
	}
	return write(c->out_fd, buf, n < PIPE_BUF ? n : PIPE_BUF);
}

static void flush(struct console *c)
{
	if (c->n && pty_absent(c))
		c->n = 0;
	c->stuck = false;
	while (c->n) {
		size_t chunk = RING - c->head < c->n ? RING - c->head : c->n;
		ssize_t r = write_some(c, c->ring + c->head, chunk);

		if (r >= 0) {
			c->head = (c->head + (unsigned int)r) % RING;
			c->n -= (unsigned int)r;
		} else if (errno == EAGAIN) {
			c->stuck = true;
			return;
		} else if (errno != EINTR) {
			give_up(c, errno);
		}
	}
}

bool console_put(struct console *c, uint8_t byte)
{
	bool taken = true, wake = false;

	(void)pthread_mutex_lock(&c->out_lock);
	if (c->dead)
		goto unlock;
	if (c->n == RING) {
		c->stalled = true;
		taken = false;
		goto unlock;
	}
	c->ring[(c->head + c->n++) % RING] = byte;
	if (!c->stuck && (byte == '\n' || c->n >= GATHER))
		flush(c);
	if (c->n && !c->armed) {
		c->armed = true;
		wake = true;
	}
unlock:
	(void)pthread_mutex_unlock(&c->out_lock);
	if (wake)
		kick(c);
	return taken;
}

/* Thread, no lock held: write what is there, tell a guest that waits. */
static void flush_and_tell(struct console *c)
{
	bool tell;

	(void)pthread_mutex_lock(&c->out_lock);
	flush(c);
	c->armed = c->stuck;
	tell = c->stalled && c->n < RING;
	if (tell)
		c->stalled = false;
	(void)pthread_mutex_unlock(&c->out_lock);
	if (!tell)
		return;
	(void)pthread_mutex_lock(&c->peer_lock);
	if (c->peer)
		c->peer->drained(c->peer_opaque);
	(void)pthread_mutex_unlock(&c->peer_lock);
}

/* Input. All on the thread. */

static void keep(struct console *c, uint8_t byte)
{
	if (c->in_n < IN_MAX)
		c->in[c->in_n++] = byte;
}

static void take_key(struct console *c, uint8_t byte)
{
	if (!c->in_tty) {
		keep(c, byte);
		return;
	}
	if (!c->escape) {
		if (byte == CTRL_A)
			c->escape = true;
		else
			keep(c, byte);
		return;
	}
	c->escape = false;
	if (byte == 'x' || byte == 'X')
		c->ops.request(c->ops.opaque, MACHINE_QUIT);
	else if (byte == CTRL_A)
		keep(c, CTRL_A);
	/* Anything else is no command, and was not meant for the guest. */
}

static void deliver(struct console *c)
{
	size_t taken = 0;

	if (c->in_n == 0)
		return;
	/* Before the peer looks, so that no console_resume() goes missing. */
	atomic_store(&c->held, true);
	(void)pthread_mutex_lock(&c->peer_lock);
	if (c->peer)
		taken = c->peer->receive(c->peer_opaque, c->in, c->in_n);
	(void)pthread_mutex_unlock(&c->peer_lock);
	c->in_n -= taken;
	memmove(c->in, c->in + taken, c->in_n);
	if (c->in_n == 0)
		atomic_store(&c->held, false);
}

void console_resume(struct console *c)
{
	if (atomic_load(&c->held))
		kick(c);
}

static void read_input(struct console *c, short revents)
{
	uint8_t buf[256];
	size_t room = c->in_tty ? sizeof(buf) : IN_MAX - c->in_n;
	ssize_t n;

	if (!(revents & POLLIN) && c->is_pty) {
		c->in_absent = true; /* hung up: nobody has it open */
		return;
	}
	n = read(c->in_fd, buf, room < sizeof(buf) ? room : sizeof(buf));
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0 && c->is_pty) {
		c->in_absent = true;
		return;
	}
	if (n <= 0) { /* end of input, or the terminal is gone: for good */
		c->in_fd = -1;
		return;
	}
	for (ssize_t i = 0; i < n; i++)
		take_key(c, buf[i]);
}

static int input_fd(const struct console *c)
{
	if (c->in_absent || (c->in_n == IN_MAX && !c->in_tty))
		return -1;
	return c->in_fd;
}

/* How long to sleep at most; ms, -1 for ever. */
static int patience(struct console *c, bool *ret_stuck)
{
	int ms = -1;

	(void)pthread_mutex_lock(&c->out_lock);
	*ret_stuck = c->stuck;
	if (c->armed && !c->stuck)
		ms = FLUSH_MS;
	(void)pthread_mutex_unlock(&c->out_lock);
	if (ms < 0 && c->in_absent)
		ms = DETACH_MS;
	return ms;
}

static void *console_thread(void *opaque)
{
	struct console *c = opaque;
	uint64_t count;
	ssize_t r;

	while (!atomic_load(&c->stop)) {
		bool stuck;
		int ms = patience(c, &stuck);
		struct pollfd pfd[] = {
			{ .fd = c->kick_fd, .events = POLLIN },
			{ .fd = input_fd(c), .events = POLLIN },
			{ .fd = stuck ? c->out_fd : -1, .events = POLLOUT },
		};
		int ready = poll(pfd, 3, ms);

		if (ready < 0)
			continue; /* EINTR */
		if (ready == 0)
			c->in_absent = false;
		if (pfd[0].revents) {
			r = read(c->kick_fd, &count, sizeof(count));
			(void)r;
		}
		if (pfd[1].revents)
			read_input(c, pfd[1].revents);
		if (pfd[2].revents || ready == 0)
			flush_and_tell(c);
		deliver(c);
	}
	return NULL;
}

void console_attach(struct console *c, const struct console_peer *peer,
		    void *opaque)
{
	(void)pthread_mutex_lock(&c->peer_lock);
	c->peer = peer;
	c->peer_opaque = opaque;
	(void)pthread_mutex_unlock(&c->peer_lock);
	kick(c);
}

/* Where it goes: each opener sets in_fd and out_fd, or returns an error. */

/*
 * O_NONBLOCK belongs to the open file, which the shell and others share, so
 * a terminal is opened once more; a terminal that cannot be (it lives in
 * another mount namespace) may make a writing vCPU wait.
 */
static int own_descriptor(int fd)
{
	char path[32];
	int own = -1;

	if (isatty(fd)) {
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	}
	if (own < 0)
		own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return own < 0 ? -errno : own;
}

/* In the background, reading would stop the process. */
static bool in_foreground(int fd)
{
	return tcgetpgrp(fd) == getpgrp();
}

static void open_stdin(struct console *c)
{
	if (isatty(STDIN_FILENO)) {
		if (!in_foreground(STDIN_FILENO))
			return;
		c->raw = terminal_raw(STDIN_FILENO) == 0;
		c->in_tty = true;
	}
	c->in_fd = STDIN_FILENO;
}

static int open_stdio(struct console *c, struct moat_err *err)
{
	struct stat st;
	int fd = own_descriptor(STDOUT_FILENO);

	if (fd == -EBADF) /* closed stdout: the output is not wanted */
		c->dead = true;
	else if (fd < 0)
		return moat_fail(err, fd, "-serial stdio: %s", strerror(-fd));
	else
		c->out_fd = fd;
	c->is_socket = fd >= 0 && fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
	open_stdin(c);
	return 0;
}

static int open_file(struct console *c, const char *path, struct moat_err *err)
{
	int fd;

	if (!*path)
		return moat_fail(err, -EINVAL, "-serial file: needs a path");
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY | O_CLOEXEC,
		  0666);
	if (fd < 0)
		return moat_fail(err, -errno,
				 "-serial file:%s: cannot open: %s", path,
				 strerror(errno));
	c->out_fd = fd;
	return 0;
}

/* The other side in raw mode; opening it once makes "nobody there" visible. */
static int prepare_pty(int fd, char *name, size_t size)
{
	struct termios attributes;
	int slave;
	int r = 0;

	if (grantpt(fd) < 0 || unlockpt(fd) < 0)
		return -errno;
	r = ptsname_r(fd, name, size);
	if (r != 0)
		return -r;
	slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return -errno;
	if (tcgetattr(slave, &attributes) < 0) {
		r = -errno;
	} else {
		cfmakeraw(&attributes);
		if (tcsetattr(slave, TCSANOW, &attributes) < 0)
			r = -errno;
	}
	(void)close(slave);
	return r;
}

static int open_pty(struct console *c, struct moat_err *err)
{
	char name[64];
	int fd, r;

	fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return moat_fail(err, -errno, "-serial pty: no pty: %s",
				 strerror(errno));
	r = prepare_pty(fd, name, sizeof(name));
	if (r < 0) {
		(void)close(fd);
		return moat_fail(err, r, "-serial pty: %s", strerror(-r));
	}
	log_info("the serial port is at %s", name);
	c->in_fd = c->out_fd = fd;
	c->is_pty = true;
	return 0;
}

static int open_spec(struct console *c, const char *spec, struct moat_err *err)
{
	if (strcmp(spec, "stdio") == 0)
		return open_stdio(c, err);
	if (strcmp(spec, "pty") == 0)
		return open_pty(c, err);
	if (strncmp(spec, "file:", 5) == 0)
		return open_file(c, spec + 5, err);
	return moat_fail(err, -EINVAL,
			 "-serial %s: not known; it is stdio, file:PATH or pty",
			 spec);
}

static void close_spec(struct console *c)
{
	if (c->raw)
		terminal_restore();
	if (c->out_fd >= 0)
		(void)close(c->out_fd);
}

/* No signal of the process is for this thread. */
static int start_thread(struct console *c)
{
	sigset_t all, old;
	int r;

	(void)sigfillset(&all);
	/* Its own faults must still kill. */
	(void)sigdelset(&all, SIGSEGV);
	(void)sigdelset(&all, SIGBUS);
	(void)sigdelset(&all, SIGFPE);
	(void)sigdelset(&all, SIGILL);
	(void)sigdelset(&all, SIGABRT);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	r = thread_start(&c->thread, console_thread, c);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	return r;
}

static int init_locks(struct console *c)
{
	int r;

	r = -pthread_mutex_init(&c->out_lock, NULL);
	if (r < 0)
		return r;
	r = -pthread_mutex_init(&c->peer_lock, NULL);
	if (r < 0)
		(void)pthread_mutex_destroy(&c->out_lock);
	return r;
}

int console_open(const char *spec, const struct platform_ops *ops,
		 struct console **ret_console, struct moat_err *err)
{
	struct console *c;
	int r;

	c = calloc(1, sizeof(*c));
	if (!c)
		return moat_fail(err, -ENOMEM, "-serial %s: no memory", spec);
	c->ops = *ops;
	c->in_fd = c->out_fd = -1;
	r = init_locks(c);
	if (r < 0) {
		free(c);
		return moat_fail(err, r, "-serial %s: %s", spec, strerror(-r));
	}
	/* A reader that goes away is an error of write(), not a death. */
	(void)signal(SIGPIPE, SIG_IGN);
	c->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->kick_fd < 0) {
		r = moat_fail(err, -errno, "-serial %s: eventfd: %s", spec,
			      strerror(errno));
		goto free_console;
	}
	r = open_spec(c, spec, err);
	if (r < 0)
		goto close_kick;
	r = start_thread(c);
	if (r < 0) {
		(void)moat_fail(err, r, "-serial %s: no thread: %s", spec,
				strerror(-r));
		goto close_spec;
	}
	*ret_console = c;
	return 0;
close_spec:
	close_spec(c);
close_kick:
	(void)close(c->kick_fd);
free_console:
	(void)pthread_mutex_destroy(&c->peer_lock);
	(void)pthread_mutex_destroy(&c->out_lock);
	free(c);
	return r;
}

/* The last lines of a guest are the ones that matter. */
static void flush_at_end(struct console *c)
{
	const int step_ms = 50;

	flush(c);
	for (int ms = 0; c->n && ms < CLOSE_MS; ms += step_ms) {
		struct pollfd pfd = { .fd = c->out_fd, .events = POLLOUT };

		(void)poll(&pfd, 1, step_ms);
		flush(c);
	}
}

void console_close(struct console *console)
{
	struct console *c = console;

	if (!c)
		return;
	atomic_store(&c->stop, true);
	kick(c);
	(void)pthread_join(c->thread, NULL);
	flush_at_end(c);
	close_spec(c);
	(void)close(c->kick_fd);
	(void)pthread_mutex_destroy(&c->peer_lock);
	(void)pthread_mutex_destroy(&c->out_lock);
	free(c);
}
