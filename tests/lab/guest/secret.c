// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * secret: a page of a guest that another must neither change nor read.
 *
 * Prints "secret ADDRESS PATTERN" (its physical address, and 16 bytes that
 * are new in each run), then every second "secret: stands N", or ends with
 * what has changed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "tests/lab/guest/device.h"

int main(void)
{
	uint8_t pattern[PAGE];
	uint8_t *page;

	program = "secret";
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	page = page_above(0);
	if (getrandom(pattern, PAGE, 0) != PAGE)
		die("no random numbers");
	memcpy(page, pattern, PAGE);
	(void)printf("secret %#" PRIx64 " ", physical(page));
	for (unsigned int i = 0; i < 16; i++)
		(void)printf("%02x", pattern[i]);
	(void)printf("\n");
	for (unsigned int n = 0;; n++) {
		for (unsigned int i = 0; i < PAGE; i++)
			if (page[i] != pattern[i])
				die("byte %u has changed", i);
		(void)printf("secret: stands %u\n", n);
		(void)sleep(1);
	}
}
