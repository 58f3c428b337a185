// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * misplace: runs a program of which a page of guest RAM is put elsewhere.
 *
 *	misplace N COMMAND...
 *
 * When COMMAND, or one of its threads, opens /proc/self/pagemap for the Nth
 * time, from 1, the first huge page of its file moat-ram is first replaced by
 * another one, at the same virtual address. The exit status is COMMAND's.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/audit.h>
#include <linux/falloc.h>

#include "tests/isolation/watch.h"

#define HUGE_PAGE (2 << 20)

static const struct sock_filter filter[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 3),
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_openat, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

/* Where @pid has guest RAM mapped first, and at which offset of the file. */
static void find_ram(int pid, uint64_t *ret_addr, uint64_t *ret_offset,
		     char file[64])
{
	char path[64], line[512];
	uint64_t end;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	f = fopen(path, "re");
	if (!f)
		watch_fail(path);
	while (fgets(line, sizeof(line), f)) {
		if (!strstr(line, "memfd:moat-ram") ||
		    sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64,
			   ret_addr, &end, ret_offset) != 3)
			continue;
		(void)snprintf(file, 64,
			       "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, pid,
			       *ret_addr, end);
		(void)fclose(f);
		return;
	}
	errno = ENOENT;
	watch_fail("guest RAM");
}

/* Not every kernel has process_vm_readv(2). */
static int open_memory(int pid)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	return open(path, O_RDWR | O_CLOEXEC);
}

static void misplace(int pid, int memory)
{
	uint64_t addr, offset, word = 0;
	char file[64];
	int fd;

	find_ram(pid, &addr, &offset, file);
	fd = open(file, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		watch_fail(file);
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		      (off_t)offset, HUGE_PAGE) < 0)
		watch_fail("punching a hole");
	if (pwrite(memory, &word, sizeof(word), (off_t)addr) != sizeof(word))
		watch_fail("a page in its place");
	(void)close(fd);
}

struct plan {
	unsigned long nth, count;
};

static int answer(void *opaque, const struct seccomp_notif *call)
{
	struct plan *plan = opaque;
	char path[32] = { 0 };
	int memory = open_memory((int)call->pid);

	if (memory < 0)
		return 0; /* it is dead */
	/* What is that short at the end of a mapping is some other path. */
	if (pread(memory, path, sizeof(path) - 1, (off_t)call->data.args[1]) >
		    0 &&
	    strcmp(path, "/proc/self/pagemap") == 0 &&
	    ++plan->count == plan->nth)
		misplace((int)call->pid, memory);
	(void)close(memory);
	return 0;
}

int main(int argc, char **argv)
{
	struct plan plan = { 0 };
	int status;

	watch_name = "misplace";
	if (argc < 3) {
		(void)fprintf(stderr, "usage: misplace N COMMAND...\n");
		return 99;
	}
	plan.nth = strtoul(argv[1], NULL, 10);
	status = watch(argv + 2, filter, sizeof(filter) / sizeof(filter[0]),
		       answer, &plan);
	if (plan.count < plan.nth) {
		(void)fprintf(stderr, "misplace: it asked %lu times only\n",
			      plan.count);
		return 97;
	}
	return status;
}
