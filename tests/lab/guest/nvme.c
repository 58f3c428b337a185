// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * nvme: drives an NVMe controller from user space, as root and with no other
 * driver bound, and so as an attacker: the addresses in its commands are
 * whatever is asked for. It resets the controller first, and uses one queue
 * for commands of each kind.
 *
 * Source: NVM Express Base Specification 1.4: section 3 "Controller
 * Registers", 4 "Data Structures", 5 "Admin Command Set", 6 "NVM Command Set".
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lab/guest/device.h"

#define REG_CAP		0x00
#define REG_CC		0x14
#define REG_CSTS	0x1c
#define REG_AQA		0x24
#define REG_ASQ		0x28
#define REG_ACQ		0x30
#define DOORBELLS	0x1000
#define CAP_DSTRD(cap)	((unsigned int)((cap) >> 32) & 0xf)
#define CC_ENABLE	1u
#define CC_ENTRY_SIZES	(6u << 16 | 4u << 20) /* 64 and 16 bytes */
#define CSTS_READY	1u

#define ADMIN_CREATE_SQ 0x01
#define ADMIN_CREATE_CQ 0x05
#define ADMIN_IDENTIFY	0x06
#define NVM_WRITE	0x01
#define NVM_READ	0x02

#define ENTRIES		64
#define DEADLINE_MS	60000
#define BLOCKS		8	/* of 512 bytes: a page */
#define SCRATCH		0x70000 /* a block that nobody uses */

struct command {
	uint8_t opcode, flags;
	uint16_t id;
	uint32_t nsid;
	uint64_t reserved, metadata;
	uint64_t prp1, prp2;
	uint32_t dw10, dw11, dw12, dw13, dw14, dw15;
};
_Static_assert(sizeof(struct command) == 64, "section 4.2");

struct completion {
	uint32_t result, reserved;
	uint16_t sq_head, sq_id, id;
	uint16_t status; /* bit 0: phase */
};
_Static_assert(sizeof(struct completion) == 16, "section 4.6");

struct queue {
	unsigned int id, tail, head;
	uint16_t phase;
	struct command *commands;
	volatile struct completion *completions;
};

struct nvme {
	const char *bdf;
	volatile uint8_t *bar;
	unsigned int stride; /* of doorbells */
	struct queue admin, io;
	uint8_t *page;
	uint64_t page_pa;
};

static void ring(const struct nvme *nvme, unsigned int doorbell, uint32_t v)
{
	write32(nvme->bar, DOORBELLS + doorbell * (size_t)nvme->stride, v);
}

static void queue_init(struct queue *queue, unsigned int id)
{
	queue->id = id;
	queue->tail = queue->head = 0;
	queue->phase = 1;
	queue->commands = (struct command *)page_above(0);
	queue->completions = (volatile struct completion *)page_above(0);
	memset(queue->commands, 0, PAGE);
	memset((void *)(uintptr_t)queue->completions, 0, PAGE);
}

static void put(struct queue *queue, const struct command *command)
{
	queue->commands[queue->tail] = *command;
	queue->commands[queue->tail].id = (uint16_t)queue->tail;
	queue->tail = (queue->tail + 1) % ENTRIES;
}

/* The controller is to look at what was put there. */
static void ring_submissions(const struct nvme *nvme, const struct queue *queue)
{
	__sync_synchronize();
	ring(nvme, queue->id * 2, queue->tail);
}

static void submit(const struct nvme *nvme, struct queue *queue,
		   const struct command *command)
{
	put(queue, command);
	ring_submissions(nvme, queue);
}

/* One completion, if there is one; the controller is not told. */
static int peek(struct queue *queue, unsigned int *ret_status)
{
	uint16_t status = queue->completions[queue->head].status;

	if ((status & 1) != queue->phase)
		return 0;
	*ret_status = status >> 1;
	queue->head = (queue->head + 1) % ENTRIES;
	if (queue->head == 0)
		queue->phase ^= 1;
	return 1;
}

static void ring_completions(const struct nvme *nvme, const struct queue *queue)
{
	ring(nvme, queue->id * 2 + 1, queue->head);
}

/* Take one completion if there is one. */
static int take(const struct nvme *nvme, struct queue *queue,
		unsigned int *ret_status)
{
	if (!peek(queue, ret_status))
		return 0;
	ring_completions(nvme, queue);
	return 1;
}

/* Submit one and wait; returns its status. */
static unsigned int execute(const struct nvme *nvme, struct queue *queue,
			    const struct command *command)
{
	uint64_t deadline = now_ms() + DEADLINE_MS;
	unsigned int status;

	submit(nvme, queue, command);
	while (!take(nvme, queue, &status)) {
		if (now_ms() > deadline)
			die("a command did not end");
		(void)usleep(200);
	}
	return status;
}

static void must(unsigned int status, const char *what)
{
	if (status)
		die("%s: status %#x", what, status);
}

static void await_ready(const struct nvme *nvme, uint32_t want)
{
	uint64_t deadline = now_ms() + DEADLINE_MS;

	while ((read32(nvme->bar, REG_CSTS) & CSTS_READY) != want) {
		if (now_ms() > deadline)
			die("status %#x", read32(nvme->bar, REG_CSTS));
		(void)usleep(1000);
	}
}

/* @admin_at: where it fetches its commands, instead of from ours. */
static void nvme_open(struct nvme *nvme, const char *bdf, uint64_t admin_at)
{
	size_t len;

	nvme->bdf = bdf;
	set_command(bdf, true);
	nvme->bar = map_bar(bdf, 0, &len);
	nvme->stride = 4u << CAP_DSTRD(read64(nvme->bar, REG_CAP));
	nvme->page = page_above(0);
	nvme->page_pa = physical(nvme->page);
	queue_init(&nvme->admin, 0);
	queue_init(&nvme->io, 1);
	write32(nvme->bar, REG_CC, 0);
	await_ready(nvme, 0);
	write32(nvme->bar, REG_AQA, (ENTRIES - 1) << 16 | (ENTRIES - 1));
	write64(nvme->bar, REG_ASQ,
		admin_at ? admin_at : physical(nvme->admin.commands));
	write64(nvme->bar, REG_ACQ,
		physical((void *)(uintptr_t)nvme->admin.completions));
	write32(nvme->bar, REG_CC, CC_ENTRY_SIZES | CC_ENABLE);
	await_ready(nvme, CSTS_READY);
}

static void make_io_queue(struct nvme *nvme)
{
	struct command command = {
		.opcode = ADMIN_CREATE_CQ,
		.prp1 = physical((void *)(uintptr_t)nvme->io.completions),
		.dw10 = (ENTRIES - 1) << 16 | 1,
		.dw11 = 1, /* contiguous, no interrupt */
	};

	must(execute(nvme, &nvme->admin, &command), "create completion queue");
	command.opcode = ADMIN_CREATE_SQ;
	command.prp1 = physical(nvme->io.commands);
	command.dw11 = 1 << 16 | 1;
	must(execute(nvme, &nvme->admin, &command), "create submission queue");
}

/* The controller writes a page of what it is to @addr. */
static struct command identify(uint64_t addr)
{
	return (struct command) { .opcode = ADMIN_IDENTIFY,
				  .prp1 = addr,
				  .dw10 = 1 };
}

/* A page from or to the disk; @prp2 when @prp1 is not at its page's start. */
static struct command transfer(uint8_t opcode, uint64_t prp1, uint64_t prp2)
{
	return (struct command) { .opcode = opcode,
				  .nsid = 1,
				  .prp1 = prp1,
				  .prp2 = prp2,
				  .dw10 = SCRATCH,
				  .dw12 = BLOCKS - 1 };
}

static void cmd_own(struct nvme *nvme, uint64_t addr)
{
	struct command command = identify(nvme->page_pa);

	(void)addr;
	memset(nvme->page, 0, PAGE);
	must(execute(nvme, &nvme->admin, &command), "identify");
	/* Bytes 4 to 23 are the serial number, text. */
	if (nvme->page[4] < 0x20)
		die("nothing came");
	(void)printf("own: %.8s came\n", (const char *)nvme->page + 4);
}

static void cmd_write(struct nvme *nvme, uint64_t addr)
{
	struct command command = identify(addr);

	(void)printf("write %#" PRIx64 ": status %#x\n", addr,
		     execute(nvme, &nvme->admin, &command));
}

/* The page at @addr goes to the disk, and from there to us. */
static void cmd_read(struct nvme *nvme, uint64_t addr)
{
	struct command command = transfer(NVM_WRITE, nvme->page_pa, 0);

	make_io_queue(nvme);
	memset(nvme->page, 0x5a, PAGE);
	must(execute(nvme, &nvme->io, &command), "write to the disk");
	command = transfer(NVM_WRITE, addr, 0);
	(void)printf("read %#" PRIx64 ": status %#x, ", addr,
		     execute(nvme, &nvme->io, &command));
	command = transfer(NVM_READ, nvme->page_pa, 0);
	must(execute(nvme, &nvme->io, &command), "read from the disk");
	for (unsigned int i = 0; i < 16; i++)
		(void)printf("%02x", nvme->page[i]);
	(void)printf("\n");
}

static void cmd_read_own(struct nvme *nvme, uint64_t addr)
{
	uint8_t *other = page_above(0);

	(void)addr;
	memset(other, 0xb7, PAGE);
	cmd_read(nvme, physical(other));
	for (unsigned int i = 0; i < PAGE; i++)
		if (nvme->page[i] != 0xb7)
			die("byte %u came back as %#x", i, nvme->page[i]);
	(void)printf("read-own: came back\n");
}

/* From the disk into the second half of our page, and on to @addr. */
static void cmd_cross(struct nvme *nvme, uint64_t addr)
{
	struct command command = transfer(NVM_WRITE, nvme->page_pa, 0);

	make_io_queue(nvme);
	memset(nvme->page, 0x6b, PAGE);
	must(execute(nvme, &nvme->io, &command), "write to the disk");
	memset(nvme->page, 0, PAGE);
	command = transfer(NVM_READ, nvme->page_pa + PAGE / 2, addr);
	(void)printf("cross %#" PRIx64 ": status %#x\n", addr,
		     execute(nvme, &nvme->io, &command));
	if (nvme->page[PAGE / 2 - 1] || nvme->page[PAGE / 2] != 0x6b ||
	    nvme->page[PAGE - 1] != 0x6b)
		die("what is ours did not come");
	(void)printf("cross: our half came\n");
}

/* Commands are under way when the function is reset: none lands later. */
static void cmd_reset(struct nvme *nvme, uint64_t addr)
{
	struct command command = transfer(NVM_READ, nvme->page_pa, 0);
	char path[128];
	int fd;

	(void)addr;
	/* It can be written to only. */
	(void)snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/reset",
		       nvme->bdf);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		die("%s: %s", path, strerror(errno));
	make_io_queue(nvme);
	for (unsigned int i = 0; i < ENTRIES - 1; i++)
		submit(nvme, &nvme->io, &command);
	if (write(fd, "1", 1) != 1)
		die("no reset");
	memset(nvme->page, 0xc3, PAGE);
	memset((void *)(uintptr_t)nvme->io.completions, 0xc3, PAGE);
	(void)sleep(2);
	for (unsigned int i = 0; i < PAGE; i++)
		if (nvme->page[i] != 0xc3 ||
		    ((volatile uint8_t *)nvme->io.completions)[i] != 0xc3)
			die("byte %u was written after the reset", i);
	(void)printf("reset: nothing came after it\n");
}

/*
 * As many of a command as the queue takes, until killed. The controller is told
 * of many at a time: how fast it is decides, and not how fast we are.
 */
static void flood(struct nvme *nvme, const struct command *command)
{
	unsigned int status = 0, under_way = 0, taken;
	uint64_t done = 0, told = now_ms();

	for (;;) {
		if (under_way < ENTRIES / 2) {
			for (; under_way < ENTRIES - 1; under_way++)
				put(&nvme->io, command);
			ring_submissions(nvme, &nvme->io);
		}
		for (taken = 0; peek(&nvme->io, &status); taken++)
			under_way--;
		if (taken)
			ring_completions(nvme, &nvme->io);
		done += taken;
		if (now_ms() < told + 1000)
			continue;
		told = now_ms();
		(void)printf("flood: %" PRIu64 " commands, %" PRIu64
			     " ms, the last with status %#x\n",
			     done, told, status);
	}
}

/*
 * Three pages each, of which a list names the second and third: ours, or, at
 * @addr, nobody's.
 */
static void cmd_flood(struct nvme *nvme, uint64_t addr)
{
	uint8_t *list = page_above(0), *pages[2];
	struct command command;
	unsigned int status;

	for (unsigned int i = 0; i < 2; i++) {
		uint64_t pa;

		pages[i] = page_above(0);
		memset(pages[i], 0x96, PAGE);
		pa = physical(pages[i]);
		memcpy(list + i * sizeof(pa), &pa, sizeof(pa));
	}
	command =
		transfer(NVM_READ, nvme->page_pa, addr ? addr : physical(list));
	command.dw10 = 0; /* the disk may be a small one */
	command.dw12 = 3 * BLOCKS - 1;
	make_io_queue(nvme);
	status = execute(nvme, &nvme->io, &command);
	(void)printf("flood %#" PRIx64 ": status %#x, the second page %s\n",
		     addr, status,
		     pages[0][0] == 0x96 ? "did not come" : "came");
	flood(nvme, &command);
}

/* Commands that it refuses before it transfers anything: beyond its end. */
static void cmd_refused(struct nvme *nvme, uint64_t addr)
{
	struct command command = transfer(NVM_READ, nvme->page_pa, 0);

	(void)addr;
	command.dw11 = UINT32_MAX;
	make_io_queue(nvme);
	flood(nvme, &command);
}

/*
 * Reads that a slow disk has taken, and not answered yet: as many as the queue
 * takes, each into a page of its own, until killed.
 */
static void cmd_linger(struct nvme *nvme, uint64_t addr)
{
	uint64_t page_pa[ENTRIES], done = 0, told = 0;
	unsigned int status, under_way = 0;
	struct command command;

	(void)addr;
	for (unsigned int i = 0; i < ENTRIES; i++)
		page_pa[i] = physical(page_above(0));
	make_io_queue(nvme);
	for (;;) {
		while (take(nvme, &nvme->io, &status)) {
			must(status, "read from the disk");
			under_way--;
			done++;
		}
		while (under_way < ENTRIES - 1) {
			command = transfer(NVM_READ, page_pa[nvme->io.tail], 0);
			command.dw10 = 0; /* the disk may be a small one */
			submit(nvme, &nvme->io, &command);
			under_way++;
		}
		if (now_ms() >= told + 1000) {
			told = now_ms();
			(void)printf("linger: %u under way, %s (%" PRIu64
				     ") came\n",
				     under_way, done ? "some" : "none", done);
		}
		(void)usleep(1000);
	}
}

static const struct {
	const char *name, *help;
	void (*run)(struct nvme *nvme, uint64_t addr);
} commands[] = {
	{ "own", "the controller writes to own memory", cmd_own },
	{ "read-own", "it reads own memory", cmd_read_own },
	{ "write", "ADDR: it writes a page there", cmd_write },
	{ "read", "ADDR: it reads a page there", cmd_read },
	{ "cross", "ADDR: it writes to own memory, and goes on there",
	  cmd_cross },
	{ "flood",
	  "[ADDR]: it writes to pages that a list in own memory, or there, "
	  "names, until killed",
	  cmd_flood },
	{ "refused", "it refuses commands, until killed", cmd_refused },
	{ "linger", "it writes to own pages, many at a time, until killed",
	  cmd_linger },
	{ "reset", "nothing is written after a function reset", cmd_reset },
	{ "fetch", "ADDR: it fetches its commands there", NULL },
};
#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void usage(void)
{
	(void)fprintf(stderr, "usage: nvme BDF COMMAND...\n");
	for (size_t i = 0; i < N_COMMANDS; i++)
		(void)fprintf(stderr, "  %-10s %s\n", commands[i].name,
			      commands[i].help);
	exit(2);
}

int main(int argc, char **argv)
{
	uint64_t addr = argc > 3 ? number(argv[3]) : 0;
	struct nvme nvme;
	size_t i = 0;

	program = "nvme";
	if (argc < 3)
		usage();
	while (i < N_COMMANDS && strcmp(argv[2], commands[i].name) != 0)
		i++;
	if (i == N_COMMANDS)
		usage();
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	memset(&nvme, 0, sizeof(nvme));
	nvme_open(&nvme, argv[1], commands[i].run ? 0 : addr);
	if (commands[i].run) {
		commands[i].run(&nvme, addr);
	} else {
		ring(&nvme, 0, 1);
		(void)usleep(100000);
		(void)printf("fetch %#" PRIx64 ": status %#x\n", addr,
			     read32(nvme.bar, REG_CSTS));
	}
	return 0;
}
