// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Touching every page of guest RAM, by several threads: of each node's part,
 * by threads on that node.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <moat/log.h>
#include <moat/placement.h>

#include "common/util.h"
#include "vmm-glue/bind.h"
#include "vmm-glue/ram_internal.h"
#include "vmm-glue/thread.h"

/* Linux 5.14; older C library headers do not have it. */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/*
 * Populating holds the process's mmap lock for reading. Another thread that
 * needs it for writing (malloc, a thread's stack) waits for one chunk.
 */
#define POPULATE_CHUNK	     (8 * MiB)

#define POPULATE_THREADS_MAX 16

/* What the populating threads share. */
struct populate_job {
	struct ram *ram;
	bool (*cancelled)(void *opaque);
	void *opaque;
	uint64_t chunk;	    /* bytes */
	_Atomic(int) error; /* the first negative errno */
	int node;	    /* the host's, where that was; -1: on none */
};

/* The RAM of one node, and who populates it. */
struct populate_part {
	struct populate_job *job;
	_Atomic(uint64_t) next; /* offset of the next chunk to take */
	uint64_t end;
	int node;		     /* the host's; -1: any */
	const struct moat_set *cpus; /* NULL: where they happen to be */
};

struct populate_threads {
	pthread_t thread[POPULATE_THREADS_MAX];
	unsigned int n;
};

/*
 * For Linux before 5.14. A file's memory is allocated by a call that can
 * fail, where touching would mean SIGBUS; anonymous memory has none.
 */
static int populate_old(const struct ram *ram, uint64_t offset, uint64_t len)
{
	volatile uint8_t *page = ram->base + offset;
	int r = 0;

	if (ram->fd >= 0) {
		do {
			r = fallocate(ram->fd, 0, (off_t)offset, (off_t)len);
		} while (r < 0 && errno == EINTR);
		return r < 0 ? -errno : 0;
	}
	/* A write, or all would share the page of zeroes; still all zero. */
	for (; len > 0; len -= SMALL_PAGE, page += SMALL_PAGE)
		(void)__atomic_fetch_or(page, 0, __ATOMIC_RELAXED);
	return 0;
}

static int populate_range(struct ram *ram, uint64_t offset, uint64_t len)
{
	int r;

	do {
		r = madvise(ram->base + offset, len, MADV_POPULATE_WRITE) < 0
			    ? -errno
			    : 0;
	} while (r == -EINTR || r == -EAGAIN);
	return r == -EINVAL ? populate_old(ram, offset, len) : r;
}

static void report(const struct populate_part *part, int r)
{
	struct populate_job *job = part->job;
	int none = 0;

	if (atomic_compare_exchange_strong(&job->error, &none, r))
		job->node = part->node;
}

static void populate(struct populate_part *part)
{
	struct populate_job *job = part->job;
	uint64_t offset;
	int r;

	while (job->error == 0) {
		offset = atomic_fetch_add(&part->next, job->chunk);
		if (offset >= part->end)
			break;
		if (job->cancelled && job->cancelled(job->opaque))
			r = -EINTR;
		else
			r = populate_range(
				job->ram, offset,
				min_u64(job->chunk, part->end - offset));
		if (r < 0)
			report(part, r);
	}
}

static void *populate_worker(void *opaque)
{
	struct populate_part *part = opaque;

	/* If it must not be there, it is slower elsewhere. */
	if (part->cpus)
		(void)bind_thread(part->cpus);
	populate(part);
	return NULL;
}

/* How many threads are of use. */
static unsigned int wanted_threads(const struct populate_part *part,
				   unsigned int max)
{
	uint64_t bytes = part->end - part->next;
	uint64_t n = (bytes + part->job->chunk - 1) / part->job->chunk;
	unsigned int n_cpus = 1;
	cpu_set_t cpus;

	/* Of the CPUs that this process may use. */
	if (part->cpus)
		n_cpus = moat_set_count(part->cpus);
	else if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
		n_cpus = (unsigned int)CPU_COUNT(&cpus);
	n = min_u64(min_u64(n, n_cpus), max);
	return n ? (unsigned int)n : 1;
}

/* Return: how many were started; fewer than wanted only take longer. */
static unsigned int start_threads(struct populate_part *part, unsigned int n,
				  struct populate_threads *threads)
{
	unsigned int i;

	for (i = 0; i < n && threads->n < POPULATE_THREADS_MAX; i++)
		if (thread_start(&threads->thread[threads->n++],
				 populate_worker, part) < 0) {
			threads->n--;
			break;
		}
	return i;
}

static int populate_error(const struct populate_job *job, struct moat_err *err)
{
	const struct ram *ram = job->ram;
	int r = job->error;
	char node[32] = "";

	if (r == -EINTR)
		return moat_fail(err, r, "interrupted");
	if (job->node >= 0)
		(void)snprintf(node, sizeof(node), " on node %d", job->node);
	if (ram->page_size > SMALL_PAGE && (r == -EFAULT || r == -ENOMEM))
		return moat_fail(err, -ENOMEM,
				 "somebody else took huge pages%s that were "
				 "free for guest RAM of %llu MiB; reserve more "
				 "of them (nr_hugepages in /sys), or give less "
				 "with -m",
				 node,
				 (unsigned long long)(ram_bytes(ram) / MiB));
	return moat_fail(err, r,
			 "the host ran out of memory%s for guest RAM of %llu "
			 "MiB (pages of %llu KiB): %s",
			 node, (unsigned long long)(ram_bytes(ram) / MiB),
			 (unsigned long long)(ram->page_size / KiB),
			 strerror(-r));
}

/* @cpus: NULL for those that this thread may use */
static void populate_anywhere(struct populate_job *job,
			      const struct moat_set *cpus)
{
	struct populate_threads threads = { .n = 0 };
	struct populate_part part = {
		.job = job,
		.end = ram_bytes(job->ram),
		.node = -1,
		.cpus = cpus,
	};
	unsigned int n = wanted_threads(&part, POPULATE_THREADS_MAX);

	/* This thread is one of them, where it may be. */
	if (start_threads(&part, cpus ? n : n - 1, &threads) == 0 || !cpus)
		populate(&part);
	while (threads.n > 0)
		(void)pthread_join(threads.thread[--threads.n], NULL);
}

/* Where each node's part is, and by whom it is populated. */
static size_t make_parts(struct populate_job *job,
			 const struct moat_placement *p,
			 struct populate_part *part)
{
	uint64_t at = 0;
	size_t n = 0;

	for (size_t i = 0; i < p->n_nodes; i++) {
		const struct moat_placed_node *node = &p->node[i];

		if (node->ram_bytes == 0)
			continue;
		part[n].job = job;
		part[n].next = at;
		part[n].end = at + node->ram_bytes;
		part[n].node = node->host_node;
		part[n].cpus = moat_set_count(&node->cpus) ? &node->cpus : NULL;
		at += node->ram_bytes;
		n++;
	}
	return n;
}

static int populate_nodes(struct populate_job *job,
			  const struct moat_placement *p, struct moat_err *err)
{
	struct populate_threads threads = { .n = 0 };
	struct populate_part *part;
	unsigned int max;
	size_t n;

	part = calloc(p->n_nodes, sizeof(*part));
	if (!part)
		return moat_fail(err, -ENOMEM, "out of memory");
	n = make_parts(job, p, part);
	max = n < POPULATE_THREADS_MAX ? POPULATE_THREADS_MAX / (unsigned int)n
				       : 1;
	for (size_t i = 0; i < n; i++)
		if (start_threads(&part[i], wanted_threads(&part[i], max),
				  &threads) == 0)
			populate(&part[i]);
	while (threads.n > 0)
		(void)pthread_join(threads.thread[--threads.n], NULL);
	free(part);
	return 0;
}

static void start_job(struct populate_job *job, struct ram *ram)
{
	*job = (struct populate_job) {
		.ram = ram,
		.chunk = max_u64(ram->page_size, POPULATE_CHUNK),
		.node = -1,
	};
}

/* Huge pages that were free when the plan was made may be gone by now. */
static bool may_spill(const struct ram *ram, int r)
{
	return (r == -EFAULT || r == -ENOMEM) && ram->page_size > SMALL_PAGE &&
	       !ram->placement->ram_strict;
}

/* The same with a preference where there was a rule. */
static int populate_spilling(struct populate_job *job, struct moat_err *err)
{
	struct ram *ram = job->ram;
	const struct moat_placement *p = ram->placement;
	uint64_t at = 0;

	log_warn("somebody took huge pages of node %d while guest RAM was "
		 "populated: some of it comes from other nodes",
		 job->node);
	ram->spilled = true;
	for (size_t i = 0; i < p->n_nodes; i++) {
		const struct moat_placed_node *node = &p->node[i];
		int r = node->ram_bytes == 0
				? 0
				: bind_memory_softly(
					  ram->base + at, node->ram_bytes,
					  (unsigned int)node->host_node);

		if (r < 0)
			return moat_fail(err, r,
					 "guest RAM cannot be taken from other "
					 "nodes than %d: %s",
					 node->host_node, strerror(-r));
		at += node->ram_bytes;
	}
	job->error = 0;
	job->node = -1;
	return populate_nodes(job, p, err);
}

int ram_populate(struct ram *ram, bool (*cancelled)(void *opaque), void *opaque,
		 struct moat_err *err)
{
	const struct moat_placement *p = ram->placement;
	struct populate_job job;
	int r = 0;

	if (ram->identity)
		return 0; /* it has been */
	start_job(&job, ram);
	job.cancelled = cancelled;
	job.opaque = opaque;
	if (p && p->ram_bound)
		r = populate_nodes(&job, p, err);
	else
		populate_anywhere(&job, NULL);
	if (r == 0 && job.node >= 0 && may_spill(ram, job.error))
		r = populate_spilling(&job, err);
	if (r < 0)
		return r;
	return job.error ? populate_error(&job, err) : 0;
}

int ram_populate_softly(struct ram *ram, bool (*cancelled)(void *opaque),
			void *opaque, struct moat_err *err)
{
	const struct moat_placement *p = ram->placement;
	const struct moat_set *cpus = NULL;
	struct populate_job job;

	start_job(&job, ram);
	job.cancelled = cancelled;
	job.opaque = opaque;
	if (p && p->n_nodes && moat_set_count(&p->node[0].cpus))
		cpus = &p->node[0].cpus;
	populate_anywhere(&job, cpus);
	return job.error ? populate_error(&job, err) : 0;
}
