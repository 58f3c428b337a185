/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Log lines, for events that have no caller to return an error to.
 *
 * A line is "moat: [NAME: ]text"; NAME is the device's. The sink is the
 * program's: an embedder replaces it with moat_log_set_sink().
 */
#ifndef MOAT_LOG_H
#define MOAT_LOG_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum moat_log_level {
	MOAT_LOG_ERROR,
	MOAT_LOG_WARN,
	MOAT_LOG_INFO,
	MOAT_LOG_DEBUG,
};

/**
 * moat_log_fn - takes one finished line, without newline
 *
 * Called from any thread, one call at a time.
 */
typedef void moat_log_fn(enum moat_log_level level, const char *line,
			 void *opaque);

/**
 * moat_log_set_sink() - replace standard error as the place of log lines
 * @fn: the sink; NULL restores standard error
 *
 * Not to be called while other threads log.
 */
void moat_log_set_sink(moat_log_fn *fn, void *opaque)
	__attribute__((visibility("default")));

/** moat_log_set_level() - drop lines less important than @level */
void moat_log_set_level(enum moat_log_level level)
	__attribute__((visibility("default")));

/**
 * moat_log() - write one line
 * @name: the device or object the line is about; NULL for none
 * @fmt:  printf format without newline; longer than 1 KiB is cut
 */
void moat_log(enum moat_log_level level, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), visibility("default")));

/*
 * At most @burst lines in any @interval_ms; how many were kept back is told
 * with the next line that passes. For warnings that a guest can provoke.
 * All zero but the first two is a valid start. Used under the caller's lock.
 */
struct moat_ratelimit {
	unsigned int burst;
	unsigned int interval_ms;
	uint64_t window_start_ns;
	unsigned int passed;
	unsigned int missed;
};

#define MOAT_RATELIMIT_INIT                     \
	{                                       \
		.burst = 5, .interval_ms = 5000 \
	}

/**
 * moat_ratelimit_pass() - may one more line be written?
 * @ret_missed: how many were kept back since the last that passed
 */
bool moat_ratelimit_pass(struct moat_ratelimit *rl, unsigned int *ret_missed)
	__attribute__((visibility("default")));

#define log_err(...)   moat_log(MOAT_LOG_ERROR, NULL, __VA_ARGS__)
#define log_warn(...)  moat_log(MOAT_LOG_WARN, NULL, __VA_ARGS__)
#define log_info(...)  moat_log(MOAT_LOG_INFO, NULL, __VA_ARGS__)
#define log_debug(...) moat_log(MOAT_LOG_DEBUG, NULL, __VA_ARGS__)

#ifdef __cplusplus
}
#endif
#endif /* MOAT_LOG_H */
