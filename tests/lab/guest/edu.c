// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * edu: drives QEMU's educational PCI device (1234:11e8) from user space, as
 * the device's driver inside a guest, and so as the attacker that the fence
 * is tested against. Its one job that matters is the DMA engine: it reads or
 * writes whatever bus address it is told.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lab/edu_regs.h"
#include "tests/lab/guest/device.h"

#define TRANSFER_DEADLINE_MS 60000

struct edu {
	volatile uint8_t *bar;
	uint8_t *page; /* one page of ours, locked */
	uint64_t page_pa;
};

static void edu_open(struct edu *edu, const char *bdf, uint64_t min_page)
{
	size_t len;

	set_command(bdf, true);
	edu->bar = map_bar(bdf, 0, &len);
	edu->page = page_above(min_page);
	edu->page_pa = physical(edu->page);
	if (len != EDU_BAR_SIZE || (read32(edu->bar, EDU_ID) & 0xff) != 0xed)
		die("%s: id %#x is not edu's", bdf, read32(edu->bar, EDU_ID));
}

static void transfer(const struct edu *edu, uint64_t src, uint64_t dst,
		     uint64_t len, uint32_t direction)
{
	uint64_t deadline = now_ms() + TRANSFER_DEADLINE_MS;

	write64(edu->bar, EDU_DMA_SRC, src);
	write64(edu->bar, EDU_DMA_DST, dst);
	write64(edu->bar, EDU_DMA_COUNT, len);
	write32(edu->bar, EDU_DMA_CMD, EDU_DMA_START | direction);
	while (read32(edu->bar, EDU_DMA_CMD) & EDU_DMA_START) {
		if (now_ms() > deadline)
			die("a transfer did not end in %d ms",
			    TRANSFER_DEADLINE_MS);
		(void)usleep(1000);
	}
}

static void from_memory(const struct edu *edu, uint64_t addr, uint64_t len)
{
	transfer(edu, addr, EDU_BUFFER, len, 0);
}

static void to_memory(const struct edu *edu, uint64_t addr, uint64_t len)
{
	transfer(edu, EDU_BUFFER, addr, len, EDU_DMA_TO_MEMORY);
}

/* A page out and back: through the buffer of the device, to other memory. */
static void cmd_roundtrip(const struct edu *edu)
{
	uint8_t want[2048];

	for (size_t i = 0; i < sizeof(want); i++)
		want[i] = edu->page[i] = (uint8_t)(i * 7 + (uint64_t)getpid());
	memset(edu->page + 2048, 0, 2048);
	from_memory(edu, edu->page_pa, 2048);
	to_memory(edu, edu->page_pa + 2048, 2048);
	if (memcmp(edu->page + 2048, want, sizeof(want)) != 0)
		die("roundtrip: the data came back changed");
	(void)printf("roundtrip: ok at %#" PRIx64 "\n", edu->page_pa);
}

/* The device writes @len bytes of 0xa5 to @addr. */
static void cmd_write(const struct edu *edu, uint64_t addr, uint64_t len)
{
	memset(edu->page, 0xa5, 4096);
	from_memory(edu, edu->page_pa, len);
	to_memory(edu, addr, len);
	(void)printf("write %#" PRIx64 ": sent\n", addr);
}

/* The device reads @len bytes from @addr; what it got is printed. */
static void cmd_read(const struct edu *edu, uint64_t addr, uint64_t len)
{
	memset(edu->page, 0x5a, 4096);
	from_memory(edu, edu->page_pa, len);
	from_memory(edu, addr, len);
	memset(edu->page, 0x33, 4096);
	to_memory(edu, edu->page_pa, len);
	(void)printf("read %#" PRIx64 ": ", addr);
	for (uint64_t i = 0; i < 16; i++)
		(void)printf("%02x", edu->page[i]);
	(void)printf("\n");
}

/* The positive control: an attack's very code, on memory that is ours. */
static void cmd_write_own(const struct edu *edu)
{
	cmd_write(edu, edu->page_pa + 1024, 1024);
	for (size_t i = 1024; i < 2048; i++)
		if (edu->page[i] != 0xa5)
			die("write-own: byte %zu is %#x", i, edu->page[i]);
	memset(edu->page, 0, 4096);
	to_memory(edu, edu->page_pa + 1024, 1024);
	if (edu->page[1024] != 0xa5 || edu->page[1023] || edu->page[2048])
		die("write-own: the write did not land where it was sent");
	(void)printf("write-own: landed\n");
}

static void cmd_liveness(const struct edu *edu)
{
	write32(edu->bar, EDU_LIVENESS, 0x12345678);
	if (read32(edu->bar, EDU_LIVENESS) != ~0x12345678u)
		die("the device does not answer");
	(void)printf("liveness: ok\n");
}

/* Has nobody written to the registers since? */
static void cmd_liveness_kept(const struct edu *edu)
{
	if (read32(edu->bar, EDU_LIVENESS) != ~0x12345678u)
		die("the register is %#x now", read32(edu->bar, EDU_LIVENESS));
	(void)printf("liveness: kept\n");
}

static void cmd_write_now(const struct edu *edu, uint64_t addr, uint64_t len)
{
	to_memory(edu, addr, len);
	(void)printf("write-now %#" PRIx64 ": sent\n", addr);
}

/* Four bytes, as an interrupt message has. */
static void cmd_word(const struct edu *edu, uint64_t addr, uint64_t value)
{
	uint32_t word = (uint32_t)value;

	memcpy(edu->page, &word, sizeof(word));
	from_memory(edu, edu->page_pa, sizeof(word));
	to_memory(edu, addr, sizeof(word));
	(void)printf("word %#" PRIx64 ": sent\n", addr);
}

/* A transfer into own memory is always under way. */
static void cmd_forever(const struct edu *edu)
{
	(void)printf("page %#" PRIx64 "\n", edu->page_pa);
	for (;;)
		to_memory(edu, edu->page_pa, 1024);
}

static const struct {
	const char *name, *help;
	/* One of the two. */
	void (*run)(const struct edu *edu);
	void (*run_at)(const struct edu *edu, uint64_t addr, uint64_t arg);
} commands[] = {
	{ "liveness", "does it answer?", cmd_liveness, NULL },
	{ "liveness-kept", "as that left it?", cmd_liveness_kept, NULL },
	{ "roundtrip", "[MIN]: DMA out of and into own memory at MIN or above",
	  cmd_roundtrip, NULL },
	{ "write-own", "the attack, on own memory", cmd_write_own, NULL },
	{ "forever", "write to own memory until killed", cmd_forever, NULL },
	{ "write", "ADDR [LEN]: the device writes 0xa5 there", NULL, cmd_write },
	{ "write-now", "ADDR [LEN]: it writes there what it has", NULL,
	  cmd_write_now },
	{ "read", "ADDR [LEN]: the device reads there", NULL, cmd_read },
	{ "word", "ADDR VALUE: the device writes four bytes", NULL, cmd_word },
};
#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void usage(void)
{
	(void)fprintf(stderr, "usage: edu BDF COMMAND...\n");
	for (size_t i = 0; i < N_COMMANDS; i++)
		(void)fprintf(stderr, "  %-14s %s\n", commands[i].name,
			      commands[i].help);
	exit(2);
}

int main(int argc, char **argv)
{
	uint64_t arg = 1024;
	struct edu edu;
	size_t i = 0;

	program = "edu";
	if (argc < 3)
		usage();
	while (i < N_COMMANDS && strcmp(argv[2], commands[i].name) != 0)
		i++;
	if (i == N_COMMANDS || (commands[i].run_at && argc < 4))
		usage();
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 4)
		arg = number(argv[4]);
	if (commands[i].run_at != cmd_word && (arg == 0 || arg > EDU_BUFFER_LEN))
		die("a transfer is 1 to %d bytes", EDU_BUFFER_LEN);
	edu_open(&edu, argv[1],
		 commands[i].run && argc > 3 ? number(argv[3]) : 0);
	if (commands[i].run)
		commands[i].run(&edu);
	else
		commands[i].run_at(&edu, number(argv[3]), arg);
	return 0;
}
