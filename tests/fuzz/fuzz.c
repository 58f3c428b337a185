// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the fuzz targets share. The fakes assert through check; its two
 * functions behind the assertions are here, so that libcheck, which wants to
 * run a suite, is not linked, and a failed assertion is a crash.
 */
#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <moat/log.h>

#include "tests/fuzz/fuzz.h"

void fuzz_failed(const char *file, int line, const char *what)
{
	(void)fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
	abort();
}

void _mark_point(const char *file, int line)
{
	(void)file;
	(void)line;
}

void _ck_assert_failed(const char *file, int line, const char *expr,
		       const char *msg, ...)
{
	va_list ap;

	(void)fprintf(stderr, "%s:%d: %s: ", file, line, expr);
	if (msg) {
		va_start(ap, msg);
		(void)vfprintf(stderr, msg, ap);
		va_end(ap);
	}
	(void)fprintf(stderr, "\n");
	abort();
}

size_t fuzz_bytes(struct fuzz_input *in, void *buf, size_t len)
{
	if (len > in->left)
		len = in->left;
	if (len == 0)
		return 0;
	memcpy(buf, in->p, len);
	in->p += len;
	in->left -= len;
	return len;
}

uint64_t fuzz_number(struct fuzz_input *in, size_t bytes)
{
	uint8_t raw[8] = { 0 };
	uint64_t value = 0;

	(void)fuzz_bytes(in, raw, bytes);
	for (size_t i = sizeof(raw); i-- > 0;)
		value = value << 8 | raw[i];
	return value;
}

char *fuzz_text(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	fuzz_check(text);
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

unsigned int fuzz_size(struct fuzz_input *in, bool wide)
{
	return 1u << fuzz_number(in, 1) % (wide ? 4 : 3);
}

static void drop(enum moat_log_level level, const char *line, void *opaque)
{
	(void)level;
	(void)opaque;
	fuzz_check(strlen(line) < 2048);
}

void fuzz_quiet(void)
{
	moat_log_set_level(MOAT_LOG_DEBUG);
	moat_log_set_sink(drop, NULL);
}
