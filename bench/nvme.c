// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The driver behind nvme.h. Its memory begins with the queues, a page for
 * what the controller says of itself, and a page for each slot's list of
 * pages (PRP list); the layout is in enum page.
 *
 * A completion is new when its phase bit is what the queue expects; the
 * controller turns it over at each pass. What the disk says is checked where
 * it is used as an index.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/nvme.h"
#include "bench/nvme_regs.h"
#include "common/clock.h"
#include "common/util.h"

#define PAGE	      UINT64_C(4096)
#define ENTRIES	      (NVME_DEPTH_MAX * 2) /* a queue is never full */
#define ADMIN_ENTRIES 16
#define COMMAND_MS    10000
#define SGL_FROM      (32 * KiB)

/* Pages of the memory. */
enum page {
	PAGE_ADMIN_SQ,
	PAGE_ADMIN_CQ,
	PAGE_IO_SQ, /* two of them */
	PAGE_IO_CQ = PAGE_IO_SQ + 2,
	PAGE_IDENTIFY,
	PAGE_LISTS, /* one for each slot */
	PAGES = PAGE_LISTS + NVME_DEPTH_MAX,
};
static_assert(ENTRIES * sizeof(struct nvme_command) <= 2 * PAGE, "two pages");
static_assert(ENTRIES * sizeof(struct nvme_completion) <= PAGE, "a page");
static_assert(PAGES * PAGE <= NVME_OWN_MEMORY, "they fit");

struct queue {
	unsigned int id, entries, tail, head;
	uint16_t phase;
	struct nvme_command *commands;
	volatile struct nvme_completion *completions;
	/* Doorbells; NULL: trapped. */
	volatile uint32_t *tail_bell, *head_bell;
};

struct slot {
	uint64_t prp1, prp2;
	uint32_t blocks;
	uint8_t flags;
	bool under_way;
};

struct nvme {
	struct bench_function *function;
	struct bench_memory *memory;
	uint64_t cap;
	unsigned int stride; /* of doorbells, bytes */
	struct queue admin, io;
	struct slot slot[NVME_DEPTH_MAX];
	struct nvme_info info;
	int vector;
	bool no_sgl;
};

static uint32_t read32(struct nvme *nvme, uint64_t reg)
{
	return (uint32_t)bench_function_read(nvme->function, 0, reg, 4);
}

static void write32(struct nvme *nvme, uint64_t reg, uint32_t value)
{
	bench_function_write(nvme->function, 0, reg, 4, value);
}

/* Not all controllers take eight bytes at once. */
static void write64(struct nvme *nvme, uint64_t reg, uint64_t value)
{
	write32(nvme, reg, (uint32_t)value);
	write32(nvme, reg + 4, (uint32_t)(value >> 32));
}

static void *page_at(const struct nvme *nvme, unsigned int page)
{
	return nvme->memory->at + page * PAGE;
}

static uint64_t page_bus(const struct nvme *nvme, unsigned int page)
{
	return bench_memory_bus(nvme->memory, page * PAGE);
}

/* ---- queues ---- */

static uint64_t bell_of(const struct nvme *nvme, unsigned int index)
{
	return NVME_DOORBELLS + (uint64_t)index * nvme->stride;
}

static void queue_init(struct nvme *nvme, struct queue *queue, unsigned int id)
{
	*queue = (struct queue) {
		.id = id,
		.entries = id ? ENTRIES : ADMIN_ENTRIES,
		.phase = 1,
		.commands = page_at(nvme, id ? PAGE_IO_SQ : PAGE_ADMIN_SQ),
		.completions = page_at(nvme, id ? PAGE_IO_CQ : PAGE_ADMIN_CQ),
		.tail_bell = bench_function_at(nvme->function, 0,
					       bell_of(nvme, id * 2), 4),
		.head_bell = bench_function_at(nvme->function, 0,
					       bell_of(nvme, id * 2 + 1), 4),
	};
	memset((void *)(uintptr_t)queue->completions, 0,
	       queue->entries * sizeof(struct nvme_completion));
}

static void ring(struct nvme *nvme, volatile uint32_t *bell, unsigned int index,
		 uint32_t value)
{
	if (bell)
		*bell = value;
	else
		write32(nvme, bell_of(nvme, index), value);
}

static void submit(struct nvme *nvme, struct queue *queue,
		   const struct nvme_command *command)
{
	queue->commands[queue->tail] = *command;
	queue->tail = (queue->tail + 1) % queue->entries;
	/* The controller is not to see the doorbell before the command. */
	__sync_synchronize();
	ring(nvme, queue->tail_bell, queue->id * 2, queue->tail);
}

/* One completion, if there is one. */
static bool take(struct nvme *nvme, struct queue *queue, uint16_t *ret_id,
		 unsigned int *ret_status)
{
	volatile const struct nvme_completion *c =
		&queue->completions[queue->head];
	/* What it wrote before the phase bit is read after it. */
	uint16_t status = __atomic_load_n(&c->status, __ATOMIC_ACQUIRE);

	if ((status & 1) != queue->phase)
		return false;
	*ret_id = c->id;
	*ret_status = status >> 1;
	queue->head = (queue->head + 1) % queue->entries;
	if (queue->head == 0)
		queue->phase ^= 1;
	ring(nvme, queue->head_bell, queue->id * 2 + 1, queue->head);
	return true;
}

static int admin(struct nvme *nvme, const struct nvme_command *command,
		 const char *what, struct moat_err *err)
{
	uint64_t deadline = moat_now_ns() + COMMAND_MS * NS_PER_MS;
	unsigned int status;
	uint16_t id;

	submit(nvme, &nvme->admin, command);
	while (!take(nvme, &nvme->admin, &id, &status)) {
		if (moat_now_ns() > deadline)
			return moat_fail(err, -ETIMEDOUT,
					 "NVMe: %s does not end", what);
		(void)usleep(50);
	}
	if (status & 0x7ff)
		return moat_fail(err, -EIO, "NVMe: %s: status %#x", what,
				 status & 0x7ff);
	return 0;
}

/* ---- the controller ---- */

static int await(struct nvme *nvme, uint32_t mask, uint32_t want,
		 struct moat_err *err)
{
	uint64_t deadline = moat_now_ns() +
			    (NVME_CAP_TO_MS(nvme->cap) + 1000) * NS_PER_MS;
	uint32_t status;

	while (((status = read32(nvme, NVME_CSTS)) & mask) != want) {
		if (status == UINT32_MAX || status & NVME_CSTS_FATAL ||
		    moat_now_ns() > deadline)
			return moat_fail(err, -ETIMEDOUT,
					 "NVMe: the controller is not ready "
					 "(CSTS %#x)",
					 status);
		(void)usleep(200);
	}
	return 0;
}

static int enable(struct nvme *nvme, struct moat_err *err)
{
	int r;

	nvme->cap = bench_function_read(nvme->function, 0, NVME_CAP, 4) |
		    bench_function_read(nvme->function, 0, NVME_CAP + 4, 4)
			    << 32;
	if (nvme->cap == UINT64_MAX || NVME_CAP_MPSMIN(nvme->cap) != 0 ||
	    NVME_CAP_MQES(nvme->cap) + 1 < ENTRIES)
		return moat_fail(err, -ENOTSUP,
				 "NVMe: not a controller for us (CAP %#llx)",
				 (unsigned long long)nvme->cap);
	nvme->stride = 4u << NVME_CAP_DSTRD(nvme->cap);
	write32(nvme, NVME_CC, 0);
	r = await(nvme, NVME_CSTS_READY, 0, err);
	if (r < 0)
		return r;
	queue_init(nvme, &nvme->admin, 0);
	write32(nvme, NVME_AQA,
		(ADMIN_ENTRIES - 1) << 16 | (ADMIN_ENTRIES - 1));
	write64(nvme, NVME_ASQ, page_bus(nvme, PAGE_ADMIN_SQ));
	write64(nvme, NVME_ACQ, page_bus(nvme, PAGE_ADMIN_CQ));
	write32(nvme, NVME_CC, NVME_CC_ENTRIES | NVME_CC_ENABLE);
	return await(nvme, NVME_CSTS_READY, NVME_CSTS_READY, err);
}

static int make_queue(struct nvme *nvme, struct moat_err *err)
{
	struct nvme_command command = {
		.opcode = NVME_ADMIN_CREATE_CQ,
		.prp1 = page_bus(nvme, PAGE_IO_CQ),
		.dw10 = (ENTRIES - 1) << 16 | 1,
		.dw11 = NVME_QUEUE_CONTIGUOUS,
	};
	int r;

	if (nvme->vector != NVME_POLLED)
		command.dw11 |= NVME_QUEUE_INTERRUPTS | (uint32_t)nvme->vector
								<< 16;
	queue_init(nvme, &nvme->io, 1);
	r = admin(nvme, &command, "creating a completion queue", err);
	if (r < 0)
		return r;
	command.opcode = NVME_ADMIN_CREATE_SQ;
	command.prp1 = page_bus(nvme, PAGE_IO_SQ);
	command.dw11 = 1u << 16 | NVME_QUEUE_CONTIGUOUS;
	return admin(nvme, &command, "creating a submission queue", err);
}

/* ---- what disk it is ---- */

static uint64_t little(const uint8_t *p, unsigned int bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | p[bytes];
	return v;
}

/* Text padded with blanks; what cannot be printed is hidden. */
static void copy_text(char *dst, const uint8_t *src, size_t len)
{
	for (size_t i = 0; i < len; i++)
		dst[i] = src[i] >= 0x20 && src[i] < 0x7f ? (char)src[i] : '?';
	while (len && dst[len - 1] == ' ')
		len--;
	dst[len] = '\0';
}

static int identify(struct nvme *nvme, struct moat_err *err)
{
	struct nvme_command command = { .opcode = NVME_ADMIN_IDENTIFY,
					.prp1 = page_bus(nvme, PAGE_IDENTIFY),
					.dw10 = 1 };
	const uint8_t *page = page_at(nvme, PAGE_IDENTIFY);
	unsigned int mdts, shift;
	int r;

	r = admin(nvme, &command, "identifying the controller", err);
	if (r < 0)
		return r;
	copy_text(nvme->info.serial, page + NVME_ID_CTRL_SERIAL, 20);
	copy_text(nvme->info.model, page + NVME_ID_CTRL_MODEL, 40);
	mdts = page[NVME_ID_CTRL_MDTS];
	nvme->info.max_transfer = mdts && mdts < 8 ? PAGE << mdts
						   : NVME_BLOCK_MAX;
	nvme->info.takes_sgl = little(page + NVME_ID_CTRL_SGLS, 4) & 3;
	command.dw10 = 0;
	command.nsid = 1;
	r = admin(nvme, &command, "identifying the namespace", err);
	if (r < 0)
		return r;
	nvme->info.blocks = little(page + NVME_ID_NS_SIZE, 8);
	shift = page[NVME_ID_NS_LBAF + 4 * (page[NVME_ID_NS_FLBAS] & 0xf) + 2];
	if (shift < 9 || shift > 12 ||
	    nvme->info.blocks < NVME_BLOCK_MAX >> shift)
		return moat_fail(err, -ENOTSUP,
				 "NVMe: %llu blocks of 2^%u bytes is no disk "
				 "for us",
				 (unsigned long long)nvme->info.blocks, shift);
	nvme->info.block_size = 1u << shift;
	return 0;
}

int nvme_open(const struct nvme_config *config, struct nvme **ret_nvme,
	      struct moat_err *err)
{
	struct nvme *nvme = calloc(1, sizeof(*nvme));
	int r;

	if (!nvme)
		return moat_fail(err, -ENOMEM, "out of memory");
	nvme->function = config->function;
	nvme->memory = config->memory;
	nvme->vector = config->vector;
	nvme->no_sgl = config->no_sgl;
	r = enable(nvme, err);
	if (r == 0)
		r = identify(nvme, err);
	if (r == 0)
		r = make_queue(nvme, err);
	if (r < 0) {
		nvme_close(nvme);
		return r;
	}
	*ret_nvme = nvme;
	return 0;
}

void nvme_close(struct nvme *nvme)
{
	if (!nvme)
		return;
	if (nvme->stride) {
		/* What was written is to be on the disk. */
		write32(nvme, NVME_CC,
			NVME_CC_ENTRIES | NVME_CC_ENABLE | NVME_CC_SHUTDOWN);
		(void)await(nvme, NVME_CSTS_SHUTDOWN, NVME_CSTS_SHUT_DONE,
			    NULL);
		write32(nvme, NVME_CC, 0);
		(void)await(nvme, NVME_CSTS_READY, 0, NULL);
	}
	free(nvme);
}

const struct nvme_info *nvme_info(const struct nvme *nvme)
{
	return &nvme->info;
}

/* ---- transfers ---- */

/* Does it lie in one piece? It is in one huge page, or in two. */
static bool is_one_block(const struct nvme *nvme, uint64_t offset, uint64_t len)
{
	return nvme->info.takes_sgl && !nvme->no_sgl && len >= SGL_FROM &&
	       bench_memory_bus(nvme->memory, offset + len - 1) ==
		       bench_memory_bus(nvme->memory, offset) + len - 1;
}

void nvme_prepare(struct nvme *nvme, unsigned int slot, uint64_t offset,
		  uint64_t len)
{
	uint64_t *list = page_at(nvme, PAGE_LISTS + slot);
	struct slot *s = &nvme->slot[slot];
	uint64_t pages = (len + PAGE - 1) / PAGE;

	assert(slot < NVME_DEPTH_MAX && len <= NVME_BLOCK_MAX);
	s->blocks = (uint32_t)(len / nvme->info.block_size);
	s->prp1 = bench_memory_bus(nvme->memory, offset);
	s->prp2 = 0;
	s->flags = 0;
	if (is_one_block(nvme, offset, len)) {
		s->flags = NVME_FLAGS_SGL;
		s->prp2 = len; /* and above it 0, the type */
		return;
	}
	for (uint64_t i = 1; i < pages; i++)
		list[i - 1] = bench_memory_bus(nvme->memory, offset + i * PAGE);
	if (pages == 2)
		s->prp2 = list[0];
	else if (pages > 2)
		s->prp2 = page_bus(nvme, PAGE_LISTS + slot);
}

void nvme_submit(struct nvme *nvme, unsigned int slot, bool write,
		 uint64_t block)
{
	const struct nvme_command command = {
		.opcode = write ? NVME_IO_WRITE : NVME_IO_READ,
		.flags = nvme->slot[slot].flags,
		.id = (uint16_t)slot,
		.nsid = 1,
		.prp1 = nvme->slot[slot].prp1,
		.prp2 = nvme->slot[slot].prp2,
		.dw10 = (uint32_t)block,
		.dw11 = (uint32_t)(block >> 32),
		.dw12 = nvme->slot[slot].blocks - 1,
	};

	nvme->slot[slot].under_way = true;
	submit(nvme, &nvme->io, &command);
}

int nvme_reap(struct nvme *nvme)
{
	unsigned int status;
	uint16_t id;

	if (!take(nvme, &nvme->io, &id, &status))
		return -EAGAIN;
	if (id >= NVME_DEPTH_MAX || !nvme->slot[id].under_way || status & 0x7ff)
		return -EIO;
	nvme->slot[id].under_way = false;
	return id;
}
