// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pages: what the tests of dma=none do to the host's 2 MiB pages.
 *
 *	pages scatter RUN SINGLES
 *		takes all free pages, and gives back RUN pages side by side
 *		and SINGLES that have no free neighbour; holds the rest
 *	pages grab N
 *		takes pages as others free them until it has N, and fills
 *		each with a pattern at once
 *	pages move PID
 *		tries to move the huge pages of a process to another node,
 *		and says how many are elsewhere afterwards
 *	pages keep PID
 *		has the /dev/uioN of a process open, too, so that its end is
 *		not the end of them: closing one turns bus mastering off
 *
 * scatter, grab and keep say when they are done, and wait for a line on
 * standard input; grab then exits 1 if a byte of its pages has changed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define HUGE_PAGE  (2u << 20)
#define SMALL_PAGE 4096u
#define PAGES_MAX  4096
#define GRAB_S	   120

/* move_pages(2); numaif.h is libnuma's. */
#define MOVE_ALL (1 << 2)

struct page {
	uint64_t pa;
	size_t index; /* in the file, or in the process */
};

static struct page pages[PAGES_MAX];
static size_t n_pages;

static void die(const char *what)
{
	(void)fprintf(stderr, "pages: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void wait_for_line(void)
{
	char line[8];

	(void)fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		exit(2);
}

static uint64_t physical(int pagemap, uint64_t addr)
{
	uint64_t entry;

	if (pread(pagemap, &entry, sizeof(entry),
		  (off_t)(addr / SMALL_PAGE * 8)) != sizeof(entry))
		return 0;
	return entry >> 63 ? (entry & ((UINT64_C(1) << 55) - 1)) * SMALL_PAGE
			   : 0;
}

static int by_address(const void *a, const void *b)
{
	const struct page *x = a, *y = b;

	return x->pa < y->pa ? -1 : x->pa > y->pa;
}

static size_t free_pages(void)
{
	FILE *f = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/"
			"free_hugepages",
			"re");
	unsigned long n;

	if (!f)
		die("free_hugepages");
	if (fscanf(f, "%lu", &n) != 1)
		die("free_hugepages");
	(void)fclose(f);
	return n;
}

/* ---- scatter ---- */

static int take_all(void)
{
	int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	int fd = memfd_create("scatter", MFD_CLOEXEC | MFD_HUGETLB);
	uint8_t *base;

	n_pages = free_pages();
	if (n_pages > PAGES_MAX)
		n_pages = PAGES_MAX;
	if (fd < 0 || ftruncate(fd, (off_t)n_pages * HUGE_PAGE) < 0)
		die("memfd");
	base = mmap(NULL, n_pages * HUGE_PAGE, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_POPULATE, fd, 0);
	if (base == MAP_FAILED)
		die("mmap");
	for (size_t i = 0; i < n_pages; i++)
		pages[i] = (struct page) {
			.pa = physical(pagemap, (uintptr_t)base + i * HUGE_PAGE),
			.index = i,
		};
	(void)munmap(base, n_pages * HUGE_PAGE);
	qsort(pages, n_pages, sizeof(pages[0]), by_address);
	return fd;
}

static void give_back(int fd, const struct page *page)
{
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		      (off_t)page->index * HUGE_PAGE, HUGE_PAGE) < 0)
		die("punching a hole");
}

static bool is_run(size_t first, size_t n)
{
	for (size_t i = first; i < first + n; i++)
		if (i >= n_pages ||
		    pages[i].pa != pages[first].pa + (i - first) * HUGE_PAGE)
			return false;
	return true;
}

static int scatter(size_t run, size_t singles)
{
	int fd = take_all();
	size_t first = 0, given = 0;

	while (first < n_pages && !is_run(first, run))
		first++;
	if (first == n_pages)
		die("no such run");
	for (size_t i = first; i < first + run; i++)
		give_back(fd, &pages[i]);
	/* Every other one, not next to the run. */
	for (size_t i = 0; i < n_pages && given < singles; i += 2) {
		if (i + 1 >= first && i <= first + run)
			continue;
		give_back(fd, &pages[i]);
		given++;
	}
	if (given < singles)
		die("not so many singles");
	(void)printf("scattered: %zu and %zu\n", run, given);
	wait_for_line();
	return 0;
}

/* ---- grab ---- */

static uint64_t pattern[HUGE_PAGE / 8];

static uint64_t *grab_one(void)
{
	uint64_t *page = mmap(NULL, HUGE_PAGE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

	if (page == MAP_FAILED)
		return NULL;
	memcpy(page, pattern, HUGE_PAGE);
	return page;
}

static int grab(size_t want)
{
	static uint64_t *taken[PAGES_MAX];
	time_t end = time(NULL) + GRAB_S;
	size_t n = 0, changed = 0, pages_changed = 0, before;

	if (getrandom(pattern, 256, 0) != 256)
		die("getrandom");
	for (size_t i = 32; i < HUGE_PAGE / 8; i++)
		pattern[i] = pattern[i % 32] + i;
	(void)printf("waiting\n");
	(void)fflush(stdout);
	while (n < want && n < PAGES_MAX && time(NULL) < end) {
		taken[n] = grab_one();
		if (taken[n])
			n++;
	}
	(void)printf("grabbed %zu\n", n);
	wait_for_line();
	for (size_t i = 0; i < n; i++) {
		for (size_t at = 0; at < HUGE_PAGE / 8;
		     at += SMALL_PAGE / sizeof(*pattern)) {
			before = changed;
			for (size_t j = at;
			     j < at + SMALL_PAGE / sizeof(*pattern); j++)
				changed += taken[i][j] != pattern[j];
			pages_changed += changed != before;
		}
	}
	(void)printf("changed: %zu words in %zu of %zu pages\n", changed,
		     pages_changed, n * (HUGE_PAGE / SMALL_PAGE));
	return n < want || changed ? 1 : 0;
}

/* ---- move ---- */

/* The huge pages of @pid, by its map; physical addresses by its pagemap. */
static void find_pages(int pid, int pagemap)
{
	uint64_t first, end;
	char path[64], line[512];
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	f = fopen(path, "re");
	if (!f)
		die(path);
	while (fgets(line, sizeof(line), f)) {
		if (!strstr(line, "memfd:moat-ram") ||
		    sscanf(line, "%" SCNx64 "-%" SCNx64, &first, &end) != 2)
			continue;
		for (; first < end && n_pages < PAGES_MAX; first += HUGE_PAGE)
			pages[n_pages++] = (struct page) {
				.pa = physical(pagemap, first),
				.index = first / HUGE_PAGE,
			};
	}
	(void)fclose(f);
}

static int move(int pid)
{
	static void *addr[PAGES_MAX];
	static int node[PAGES_MAX], status[PAGES_MAX];
	char path[64];
	size_t moved = 0;
	int pagemap;

	(void)snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	pagemap = open(path, O_RDONLY | O_CLOEXEC);
	if (pagemap < 0)
		die(path);
	find_pages(pid, pagemap);
	/* To node 1, and to node 0: wherever it is, one is the other. */
	for (int to = 1; to >= 0; to--) {
		for (size_t i = 0; i < n_pages; i++) {
			addr[i] =
				(void *)(uintptr_t)(pages[i].index * HUGE_PAGE);
			node[i] = to;
		}
		if (syscall(SYS_move_pages, pid, n_pages, addr, node, status,
			    MOVE_ALL) < 0)
			die("move_pages");
	}
	for (size_t i = 0; i < n_pages; i++)
		moved += physical(pagemap, pages[i].index * HUGE_PAGE) !=
			 pages[i].pa;
	(void)printf("moved: %zu of %zu\n", moved, n_pages);
	return 0;
}

/* ---- keep ---- */

static int keep(int pid)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	char path[300], target[64];
	struct dirent *entry;
	size_t kept = 0;
	ssize_t len;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (pidfd < 0 || !dir)
		die(path);
	while ((entry = readdir(dir))) {
		(void)snprintf(path, sizeof(path), "/proc/%d/fd/%s", pid,
			       entry->d_name);
		len = readlink(path, target, sizeof(target) - 1);
		if (len < 0)
			continue;
		target[len] = '\0';
		if (strncmp(target, "/dev/uio", strlen("/dev/uio")) != 0)
			continue;
		if (syscall(SYS_pidfd_getfd, pidfd, atoi(entry->d_name), 0) < 0)
			die("pidfd_getfd");
		kept++;
	}
	(void)closedir(dir);
	(void)close(pidfd);
	(void)printf("kept %zu\n", kept);
	wait_for_line();
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "scatter") == 0)
		return scatter(strtoul(argv[2], NULL, 0),
			       strtoul(argv[3], NULL, 0));
	if (argc == 3 && strcmp(argv[1], "grab") == 0)
		return grab(strtoul(argv[2], NULL, 0));
	if (argc == 3 && strcmp(argv[1], "move") == 0)
		return move(atoi(argv[2]));
	if (argc == 3 && strcmp(argv[1], "keep") == 0)
		return keep(atoi(argv[2]));
	(void)fprintf(stderr, "usage: pages scatter RUN SINGLES | grab N | "
			      "move PID | keep PID\n");
	return 2;
}
