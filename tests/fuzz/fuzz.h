/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz targets: each fuzz_*.c defines LLVMFuzzerTestOneInput(). Under the
 * "fuzz" preset libFuzzer calls it with what it makes up; in the other
 * builds replay.c calls it with the files of corpus/, as a unit test.
 *
 * A target takes its decisions from the input alone, so that a file found
 * by one build means the same in another. It fails by fuzz_check(), or by a
 * check assertion of a fake it uses: fuzz.c turns both into abort().
 */
#ifndef MOAT_TESTS_FUZZ_H
#define MOAT_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is left of an input; past its end everything is zero. */
struct fuzz_input {
	const uint8_t *p;
	size_t left;
};

/** fuzz_number() - the next @bytes (at most 8), little-endian */
uint64_t fuzz_number(struct fuzz_input *in, size_t bytes);

/** fuzz_bytes() - the next bytes, at most @len; Return: how many */
size_t fuzz_bytes(struct fuzz_input *in, void *buf, size_t len);

/** fuzz_text() - a copy of the input as a string; freed by the caller */
char *fuzz_text(const uint8_t *data, size_t size);

/** fuzz_size() - an access size: 1, 2, 4, and 8 with @wide */
unsigned int fuzz_size(struct fuzz_input *in, bool wide);

/** fuzz_quiet() - format every log line, and drop it */
void fuzz_quiet(void);

void fuzz_failed(const char *file, int line, const char *what)
	__attribute__((noreturn));

#define fuzz_check(what)                                          \
	do {                                                      \
		if (!(what))                                      \
			fuzz_failed(__FILE__, __LINE__, (#what)); \
	} while (0)

#endif /* MOAT_TESTS_FUZZ_H */
