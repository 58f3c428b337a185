// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory by kinds of page, see buffer.h.
 *
 * Source: madvise(2) MADV_POPULATE_WRITE; Linux Documentation/admin-guide/mm/
 * hugetlbpage.rst and transhuge.rst.
 */
#include <errno.h>
#include <linux/mman.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>

#include "bench/buffer.h"
#include "common/clock.h"
#include "common/host.h"
#include "common/io.h"
#include "common/parse.h"
#include "common/util.h"

#define THREADS_MAX 256

const char *const buffer_names[] = { "4K", "thp", "2M", "1G", NULL };

uint64_t buffer_page_size(enum buffer_pages pages)
{
	return pages == BUFFER_4K   ? 4 * KiB
	       : pages == BUFFER_1G ? GiB
				    : 2 * MiB;
}

/* ---- how much there is ---- */

static uint64_t read_number(const struct moat_host *host, uint64_t page,
			    const char *name)
{
	char path[PATH_MAX], text[32];
	uint64_t n;

	if (moat_path(path, "%s/kernel/mm/hugepages/hugepages-%llukB/%s",
		      host->sysfs, (unsigned long long)(page / KiB), name) < 0 ||
	    moat_read_text(path, text, sizeof(text)) < 0 ||
	    moat_parse_u64(text, 10, &n) < 0)
		return 0;
	return n;
}

/* The line "MemAvailable:  123 kB" of /proc/meminfo, in bytes; 0: no such. */
static uint64_t memory_available(const struct moat_host *host)
{
	static const char key[] = "MemAvailable:";
	char path[PATH_MAX], text[8192], *p;
	uint64_t kib;

	if (moat_path(path, "%s/meminfo", host->procfs) < 0 ||
	    moat_read_text(path, text, sizeof(text)) < 0)
		return 0;
	p = strstr(text, key);
	if (!p)
		return 0;
	p += sizeof(key) - 1;
	p += strspn(p, " \t");
	p[strspn(p, "0123456789")] = '\0';
	if (moat_parse_u64(p, 10, &kib) < 0 || kib > UINT64_MAX / KiB)
		return 0;
	return kib * KiB;
}

static bool has_thp(const struct moat_host *host)
{
	char path[PATH_MAX], text[128];

	return moat_path(path, "%s/kernel/mm/transparent_hugepage/enabled",
			 host->sysfs) == 0 &&
	       moat_read_text(path, text, sizeof(text)) == 0 &&
	       !strstr(text, "[never]");
}

uint64_t buffer_available(const struct moat_host *host, enum buffer_pages pages,
			  const char **ret_why)
{
	const uint64_t page = buffer_page_size(pages);
	uint64_t n, reserved;

	if (!host)
		host = &moat_this_host;
	*ret_why = "there is no memory free";
	if (pages == BUFFER_THP && !has_thp(host)) {
		*ret_why = "transparent huge pages are off";
		return 0;
	}
	if (pages == BUFFER_4K || pages == BUFFER_THP)
		return align_down(memory_available(host) / 10 * 9, page);
	*ret_why = "no huge pages of that size are free";
	n = read_number(host, page, "free_hugepages");
	reserved = read_number(host, page, "resv_hugepages");
	return n > reserved ? (n - reserved) * page : 0;
}

/* ---- having it ---- */

int buffer_create(enum buffer_pages pages, uint64_t len,
		  struct bench_buffer *ret_buffer, struct moat_err *err)
{
	const uint64_t page = buffer_page_size(pages);
	struct bench_buffer buffer = { .pages = pages, .len = len };
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

	if (pages == BUFFER_2M)
		flags |= MAP_HUGETLB | MAP_HUGE_2MB;
	if (pages == BUFFER_1G)
		flags |= MAP_HUGETLB | MAP_HUGE_1GB;
	/* Ordinary memory is not aligned to a huge page by itself. */
	buffer.base_len = len + (pages == BUFFER_THP ? page : 0);
	buffer.base = mmap(NULL, buffer.base_len, PROT_READ | PROT_WRITE, flags,
			   -1, 0);
	if (buffer.base == MAP_FAILED)
		return moat_fail(err, -errno, "%llu bytes of %s pages: %s",
				 (unsigned long long)len, buffer_names[pages],
				 strerror(errno));
	buffer.at = (uint8_t *)(uintptr_t)align_up(
		(uint64_t)(uintptr_t)buffer.base, page);
	/* A kernel without THP refuses; then they are small anyway. */
	if (pages == BUFFER_4K)
		(void)madvise(buffer.at, len, MADV_NOHUGEPAGE);
	if (pages == BUFFER_THP)
		(void)madvise(buffer.at, len, MADV_HUGEPAGE);
	*ret_buffer = buffer;
	return 0;
}

struct part {
	pthread_t thread;
	int cpu; /* -1: any */
	uint8_t *at;
	uint64_t len;
	int error;
};

static void *populate_part(void *opaque)
{
	struct part *part = opaque;
	cpu_set_t cpu;

	if (part->cpu >= 0) {
		CPU_ZERO(&cpu);
		CPU_SET(part->cpu, &cpu);
		/* Without it the time is only less steady. */
		(void)sched_setaffinity(0, sizeof(cpu), &cpu);
	}
	if (part->len && madvise(part->at, part->len, MADV_POPULATE_WRITE) < 0)
		part->error = -errno;
	return NULL;
}

/* The @i-th of the CPUs that we may use, from the first on again after all. */
static int nth_cpu(unsigned int i)
{
	cpu_set_t cpus;
	int at = -1;

	if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
		return -1;
	i %= (unsigned int)CPU_COUNT(&cpus);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &cpus) && i-- == 0) {
			at = cpu;
			break;
		}
	return at;
}

int buffer_populate(const struct bench_buffer *buffer, unsigned int n_threads,
		    uint64_t *ret_ns, struct moat_err *err)
{
	const uint64_t page = buffer_page_size(buffer->pages);
	uint64_t pages = buffer->len / page, start, at = 0;
	struct part part[THREADS_MAX] = { 0 };
	unsigned int n = 0;
	int r = 0;

	if (n_threads == 0 || n_threads > THREADS_MAX)
		return moat_fail(err, -EINVAL, "1 to %d threads populate",
				 THREADS_MAX);
	start = moat_now_ns();
	for (unsigned int i = 0; r == 0 && i < n_threads; i++) {
		uint64_t end = pages * (i + 1) / n_threads * page;

		part[i].at = buffer->at + at;
		part[i].len = end - at;
		part[i].cpu = nth_cpu(i);
		at = end;
		r = -pthread_create(&part[i].thread, NULL, populate_part,
				    &part[i]);
		n += r == 0;
	}
	for (unsigned int i = 0; i < n; i++) {
		(void)pthread_join(part[i].thread, NULL);
		if (r == 0)
			r = part[i].error;
	}
	if (r < 0)
		return moat_fail(err, r,
				 "populating %llu bytes of %s pages: %s",
				 (unsigned long long)buffer->len,
				 buffer_names[buffer->pages], strerror(-r));
	*ret_ns = moat_now_ns() - start;
	return 0;
}

void buffer_destroy(struct bench_buffer *buffer)
{
	if (buffer->base)
		(void)munmap(buffer->base, buffer->base_len);
	*buffer = (struct bench_buffer) { .at = NULL };
}
