// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * canary: a page of the host that must neither change nor leak.
 *
 *	canary MIN_ADDR
 *
 * Takes a page whose physical address is at least MIN_ADDR, fills it with a
 * pattern that is new in each run, and prints "ADDRESS PATTERN" (16 bytes of
 * it, in hexadecimal). Then it waits for a line on standard input, and
 * exits 0 if every byte stands, 1 if one has changed, and 3 if the kernel
 * moved the page meanwhile, so that nothing was shown.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#define PAGE 4096
#define STEP (16u << 20)
#define MAX  (3ull << 30)

static uint64_t physical(int pagemap, const uint8_t *p)
{
	uint64_t entry;

	if (pread(pagemap, &entry, sizeof(entry),
		  (off_t)((uintptr_t)p / PAGE * 8)) != sizeof(entry) ||
	    !(entry >> 63))
		return 0;
	return (entry & ((UINT64_C(1) << 55) - 1)) * PAGE;
}

/* A page of ours at @min or above; the others are given back. */
static uint8_t *page_above(int pagemap, uint64_t min)
{
	for (uint64_t taken = 0; taken < MAX; taken += STEP) {
		uint8_t *p = mmap(NULL, STEP, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE,
				  -1, 0);

		if (p == MAP_FAILED)
			return NULL;
		(void)madvise(p, STEP, MADV_NOHUGEPAGE);
		for (uint32_t at = 0; at < STEP; at += PAGE) {
			p[at] = 1;
			if (physical(pagemap, p + at) < min)
				continue;
			if (at)
				(void)munmap(p, at);
			(void)munmap(p + at + PAGE, STEP - at - PAGE);
			return p + at;
		}
	}
	return NULL;
}

int main(int argc, char **argv)
{
	int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint8_t pattern[PAGE], *page;
	uint64_t addr;
	char line[8];

	if (argc != 2 || pagemap < 0) {
		(void)fprintf(stderr, "usage: canary MIN_ADDR, as root\n");
		return 2;
	}
	page = page_above(pagemap, strtoull(argv[1], NULL, 0));
	if (!page || mlock(page, PAGE) < 0 ||
	    getrandom(pattern, PAGE, 0) != PAGE) {
		(void)fprintf(stderr, "canary: no page for me\n");
		return 2;
	}
	memcpy(page, pattern, PAGE);
	addr = physical(pagemap, page);
	(void)printf("%#" PRIx64 " ", addr);
	for (int i = 0; i < 16; i++)
		(void)printf("%02x", pattern[i]);
	(void)printf("\n");
	(void)fflush(stdout);

	if (!fgets(line, sizeof(line), stdin))
		return 2;
	if (physical(pagemap, page) != addr) {
		(void)fprintf(stderr, "canary: the kernel moved the page\n");
		return 3;
	}
	for (int i = 0; i < PAGE; i++) {
		if (page[i] == pattern[i])
			continue;
		(void)fprintf(stderr, "canary: byte %d was %#x, is %#x\n", i,
			      pattern[i], page[i]);
		return 1;
	}
	return 0;
}
