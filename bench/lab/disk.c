// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * disk: reads a block device past the page cache, in a lab's guest, and prints
 * a line for each round.
 *
 *	disk FILE BLOCK DEPTH ROUNDS COUNT
 *
 * COUNT reads of BLOCK bytes a round, one after the other from the start of
 * the device, DEPTH of them under way. At depth 1 the line is the median of
 * their times in us, at others the round's MiB/s.
 *
 * Many reads at once are the kernel's own asynchronous I/O: io_setup(2),
 * io_submit(2), io_getevents(2), for which the C library has no wrappers.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define BLOCK_MAX (1u << 20)
#define DEPTH_MAX 128u
#define COUNT_MAX 100000u

struct disk {
	int fd;
	uint64_t size, at; /* bytes; where the next read is */
	size_t block;
	unsigned int depth, count;
	uint8_t *memory; /* @depth blocks */
	aio_context_t aio;
	struct iocb cb[DEPTH_MAX];
};

static void fail(const char *what, int error)
{
	(void)fprintf(stderr, "disk: %s: %s\n", what, strerror(error));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint64_t next(struct disk *disk)
{
	uint64_t at = disk->at;

	disk->at += disk->block;
	if (disk->at + disk->block > disk->size)
		disk->at = 0;
	return at;
}

static int compare_u64(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void one_by_one(struct disk *disk)
{
	static uint64_t took_ns[COUNT_MAX];

	for (unsigned int i = 0; i < disk->count; i++) {
		uint64_t at = next(disk), begin = now_ns();

		if (pread(disk->fd, disk->memory, disk->block, (off_t)at) !=
		    (ssize_t)disk->block)
			fail("pread", errno);
		took_ns[i] = now_ns() - begin;
	}
	qsort(took_ns, disk->count, sizeof(took_ns[0]), compare_u64);
	(void)printf("%.2f\n", (double)took_ns[disk->count / 2] / 1e3);
}

static void submit(struct disk *disk, unsigned int slot)
{
	struct iocb *cb = &disk->cb[slot];

	*cb = (struct iocb) {
		.aio_data = slot,
		.aio_lio_opcode = IOCB_CMD_PREAD,
		.aio_fildes = (uint32_t)disk->fd,
		.aio_buf = (uintptr_t)(disk->memory + slot * disk->block),
		.aio_nbytes = disk->block,
		.aio_offset = (int64_t)next(disk),
	};
	if (syscall(SYS_io_submit, disk->aio, 1L, &cb) != 1)
		fail("io_submit", errno);
}

static void many_at_once(struct disk *disk)
{
	struct io_event events[DEPTH_MAX];
	unsigned int submitted = 0, done = 0;
	uint64_t begin = now_ns();

	while (submitted < disk->depth && submitted < disk->count)
		submit(disk, submitted++);
	while (done < disk->count) {
		long n = syscall(SYS_io_getevents, disk->aio, 1L,
				 (long)DEPTH_MAX, events, NULL);

		if (n < 1)
			fail("io_getevents", errno);
		for (long i = 0; i < n; i++) {
			if (events[i].res != (int64_t)disk->block)
				fail("a read", EIO);
			done++;
			if (submitted < disk->count) {
				submit(disk, (unsigned int)events[i].data);
				submitted++;
			}
		}
	}
	(void)printf("%.2f\n", (double)disk->block * disk->count / (1 << 20) /
				       ((double)(now_ns() - begin) / 1e9));
}

static unsigned int number(const char *text, unsigned int max)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*end || n == 0 || n > max)
		fail(text, EINVAL);
	return (unsigned int)n;
}

static void disk_open(struct disk *disk, const char *path)
{
	void *memory;
	off_t end;

	disk->fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (disk->fd < 0)
		fail(path, errno);
	end = lseek(disk->fd, 0, SEEK_END);
	if (end < (off_t)disk->block)
		fail(path, ENOSPC);
	disk->size = (uint64_t)end;
	if (posix_memalign(&memory, BLOCK_MAX, disk->block * disk->depth))
		fail("memory", ENOMEM);
	disk->memory = memory;
	memset(memory, 1, disk->block * disk->depth);
	if (syscall(SYS_io_setup, (long)disk->depth, &disk->aio) < 0)
		fail("io_setup", errno);
}

int main(int argc, char **argv)
{
	static struct disk disk;
	unsigned int rounds;

	if (argc != 6) {
		(void)fprintf(stderr, "usage: disk FILE BLOCK DEPTH ROUNDS "
				      "COUNT\n");
		return 2;
	}
	disk.block = number(argv[2], BLOCK_MAX);
	disk.depth = number(argv[3], DEPTH_MAX);
	rounds = number(argv[4], COUNT_MAX);
	disk.count = number(argv[5], COUNT_MAX);
	disk_open(&disk, argv[1]);
	while (rounds--) {
		if (disk.depth == 1)
			one_by_one(&disk);
		else
			many_at_once(&disk);
		(void)fflush(stdout);
	}
	return 0;
}
