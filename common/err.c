// SPDX-License-Identifier: GPL-2.0-or-later
/* The sentence that goes with a negative errno; see moat/err.h. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <moat/err.h>

int moat_fail(struct moat_err *err, int r, const char *fmt, ...)
{
	char msg[MOAT_ERR_MAX];
	va_list ap;

	if (!err)
		return r;
	va_start(ap, fmt);
	(void)vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	memcpy(err->msg, msg, sizeof(msg));
	return r;
}

int moat_fail_prefix(struct moat_err *err, int r, const char *fmt, ...)
{
	char msg[MOAT_ERR_MAX];
	va_list ap;
	int n;

	if (!err)
		return r;
	va_start(ap, fmt);
	n = vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	/* What does not fit is cut: the words in front matter more. */
	if (n >= 0 && (size_t)n < sizeof(msg) &&
	    snprintf(msg + n, sizeof(msg) - (size_t)n, ": %s", err->msg) < 0)
		return r;
	memcpy(err->msg, msg, sizeof(msg));
	return r;
}
