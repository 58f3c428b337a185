// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Raw mode with every way back: terminal_restore(), exit(), and the signals
 * that end a process. SIGKILL has no way back; `reset` has.
 *
 * @raw says whether the other globals are valid. It is written last when
 * going raw and first when coming back, so that a signal handler on any
 * thread finds them whole. terminal_raw() and terminal_restore() themselves
 * are called from one thread.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <termios.h>

#include "common/util.h"
#include "vmm-glue/terminal.h"

static atomic_bool raw;
static int terminal_fd;
static struct termios saved;

/* Whoever kills the process, by default action. */
static const int deadly[] = { SIGHUP,  SIGINT, SIGQUIT, SIGILL,	 SIGTRAP,
			      SIGABRT, SIGBUS, SIGFPE,	SIGSEGV, SIGALRM,
			      SIGTERM, SIGSYS, SIGXCPU, SIGXFSZ };
static bool hooked[ARRAY_SIZE(deadly)];

/* Async-signal-safe, and allowed from the background: SIGTTOU is blocked. */
static void set_attributes(const struct termios *attributes)
{
	sigset_t ttou, old;

	(void)sigemptyset(&ttou);
	(void)sigaddset(&ttou, SIGTTOU);
	(void)pthread_sigmask(SIG_BLOCK, &ttou, &old);
	while (tcsetattr(terminal_fd, TCSANOW, attributes) < 0 && errno == EINTR)
		;
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static void restore_now(void)
{
	if (atomic_exchange(&raw, false))
		set_attributes(&saved);
}

/* The disposition is the default again (SA_RESETHAND): die of it. */
static void restore_and_die(int sig)
{
	restore_now();
	(void)raise(sig);
}

static void hook_signals(void)
{
	struct sigaction ours = {
		.sa_handler = restore_and_die,
		.sa_flags = (int)(SA_RESETHAND | SA_NODEFER | SA_ONSTACK),
	};
	struct sigaction now;

	(void)sigemptyset(&ours.sa_mask);
	for (size_t i = 0; i < ARRAY_SIZE(deadly); i++) {
		/* Somebody else's handler ends in exit() or in order. */
		hooked[i] = sigaction(deadly[i], NULL, &now) == 0 &&
			    now.sa_handler == SIG_DFL &&
			    sigaction(deadly[i], &ours, NULL) == 0;
	}
}

static void unhook_signals(void)
{
	struct sigaction now;

	for (size_t i = 0; i < ARRAY_SIZE(deadly); i++) {
		if (hooked[i] && sigaction(deadly[i], NULL, &now) == 0 &&
		    now.sa_handler == restore_and_die)
			(void)signal(deadly[i], SIG_DFL);
		hooked[i] = false;
	}
}

int terminal_raw(int fd)
{
	static bool at_exit;
	struct termios attributes;

	if (atomic_load(&raw))
		return -EBUSY;
	if (tcgetattr(fd, &saved) < 0)
		return -errno;
	if (!at_exit && atexit(restore_now) != 0)
		return -ENOMEM;
	at_exit = true;

	attributes = saved;
	/*
	 * Output processing stays: the guest's own carriage returns do no
	 * harm, and moat's log lines on the same terminal need them added.
	 */
	attributes.c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP |
					  INLCR | IGNCR | ICRNL | IXON);
	attributes.c_lflag &=
		~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
	attributes.c_cflag &= ~(tcflag_t)(CSIZE | PARENB);
	attributes.c_cflag |= CS8;
	attributes.c_cc[VMIN] = 1;
	attributes.c_cc[VTIME] = 0;

	terminal_fd = fd;
	hook_signals();
	atomic_store(&raw, true);
	set_attributes(&attributes);
	return 0;
}

void terminal_restore(void)
{
	if (!atomic_load(&raw))
		return;
	restore_now();
	unhook_signals();
}
