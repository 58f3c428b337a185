// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One mutex orders the lines; level and sink are set at start, before there
 * are threads.
 */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

#include <moat/log.h>

#include "common/clock.h"

static void to_stderr(enum moat_log_level level, const char *line,
		      void *opaque);

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static enum moat_log_level max_level = MOAT_LOG_INFO;
static moat_log_fn *sink = to_stderr;
static void *sink_opaque;

static void to_stderr(enum moat_log_level level, const char *line, void *opaque)
{
	(void)opaque;
	(void)fprintf(stderr, "moat: %s%s\n",
		      level == MOAT_LOG_WARN ? "warning: " : "", line);
}

void moat_log_set_sink(moat_log_fn *fn, void *opaque)
{
	sink = fn ? fn : to_stderr;
	sink_opaque = fn ? opaque : NULL;
}

void moat_log_set_level(enum moat_log_level level)
{
	max_level = level;
}

void moat_log(enum moat_log_level level, const char *name, const char *fmt, ...)
{
	char line[1024];
	va_list ap;
	int n = 0;

	if (level > max_level)
		return;
	if (name)
		n = snprintf(line, sizeof(line), "%s: ", name);
	if (n < 0 || (size_t)n >= sizeof(line))
		n = 0;
	va_start(ap, fmt);
	(void)vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, ap);
	va_end(ap);

	pthread_mutex_lock(&log_lock);
	sink(level, line, sink_opaque);
	pthread_mutex_unlock(&log_lock);
}

bool moat_ratelimit_pass(struct moat_ratelimit *rl, unsigned int *ret_missed)
{
	uint64_t now_ns = moat_now_ns();

	if (now_ns - rl->window_start_ns >= rl->interval_ms * NS_PER_MS) {
		rl->window_start_ns = now_ns;
		rl->passed = 0;
	}
	if (rl->passed >= rl->burst) {
		rl->missed++;
		return false;
	}
	rl->passed++;
	*ret_missed = rl->missed;
	rl->missed = 0;
	return true;
}
