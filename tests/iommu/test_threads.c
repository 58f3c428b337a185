// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Devices attached in parallel, with maps beside them. Worth most under
 * ThreadSanitizer. check's assertions are for the main thread; the others
 * leave their results.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/util.h"
#include "fake_main.h"
#include "fake_vfio.h"
#include "iommu/memlock.h"

#define RW   (MOAT_DMA_READ | MOAT_DMA_WRITE)
#define HOST ((void *)(uintptr_t)0x7f0000000000)

static const struct moat_bdf devs[] = {
	{ 0, 4, 8, 0 }, /* alone in group 7 */
	{ 0, 5, 0, 0 }, /* group 8 */
	{ 0, 5, 0, 1 }, /* group 8 */
};

static struct fake fake;
static struct moat_ioas *ioas;

/* A gate at which device opens wait, for at most ten seconds. */
static pthread_mutex_t gate_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_moved = PTHREAD_COND_INITIALIZER;
static unsigned int gate_waiting;
static bool gate_open;

static struct timespec deadline(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_sec += 10;
	return ts;
}

static void wait_at_gate(struct fake *unused)
{
	struct timespec until = deadline();

	(void)unused;
	pthread_mutex_lock(&gate_lock);
	gate_waiting++;
	pthread_cond_broadcast(&gate_moved);
	while (!gate_open &&
	       pthread_cond_timedwait(&gate_moved, &gate_lock, &until) == 0)
		;
	pthread_mutex_unlock(&gate_lock);
}

/* Are @n device opens under way at the same time? */
static bool gate_reached(unsigned int n)
{
	struct timespec until = deadline();
	bool reached;

	pthread_mutex_lock(&gate_lock);
	while (gate_waiting < n &&
	       pthread_cond_timedwait(&gate_moved, &gate_lock, &until) == 0)
		;
	reached = gate_waiting >= n;
	pthread_mutex_unlock(&gate_lock);
	return reached;
}

static void gate_let_go(void)
{
	pthread_mutex_lock(&gate_lock);
	gate_open = true;
	pthread_cond_broadcast(&gate_moved);
	pthread_mutex_unlock(&gate_lock);
}

static void machine(void)
{
	struct moat_ioas_config config;
	struct moat_err err;

	fake_init(&fake);
	fake_add_device(&fake, "0000:04:08.0", 7, "vfio-pci");
	fake_add_device(&fake, "0000:05:00.0", 8, "vfio-pci");
	fake_add_device(&fake, "0000:05:00.1", 8, "vfio-pci");
	config = fake_config(&fake);
	ck_assert_int_eq(moat_ioas_create(&config, &ioas, &err), 0);
}

struct attacher {
	pthread_t thread;
	struct moat_bdf bdf;
	int fd, r;
	struct moat_err err;
};

static void *attach_one(void *opaque)
{
	struct attacher *a = opaque;

	a->r = moat_ioas_attach(ioas, a->bdf, &a->fd, &a->err);
	return NULL;
}

START_TEST(device_opens_overlap_each_other_and_a_map)
{
	struct attacher attachers[ARRAY_SIZE(devs)];
	struct moat_err err = { "" };

	machine();
	fake.on_device_open = wait_at_gate;
	for (size_t i = 0; i < ARRAY_SIZE(devs); i++) {
		attachers[i] = (struct attacher) { .bdf = devs[i], .fd = -1 };
		ck_assert_int_eq(pthread_create(&attachers[i].thread, NULL,
						attach_one, &attachers[i]),
				 0);
	}
	ck_assert(gate_reached(ARRAY_SIZE(devs)));
	/* Returns only if nobody waits for a device with the lock held. */
	ck_assert_int_eq(moat_ioas_map(ioas, 0, 0x1000, HOST, RW, &err), 0);
	/* Under iommufd a device reaches nothing before it is open. */
	ck_assert_int_eq(fake_has_map(&fake, 0, 0x1000), !fake_is_iommufd());
	gate_let_go();
	for (size_t i = 0; i < ARRAY_SIZE(devs); i++) {
		ck_assert_int_eq(pthread_join(attachers[i].thread, NULL), 0);
		ck_assert_msg(attachers[i].r == 0, "%s", attachers[i].err.msg);
	}
	ck_assert_uint_eq(fake.map_calls, 1);
	ck_assert(fake_has_map(&fake, 0, 0x1000));
	ck_assert_uint_eq(fake.announcements, fake_is_iommufd() ? 3 : 2);
	for (size_t i = 0; i < ARRAY_SIZE(devs); i++) {
		fake_vfio_ops.close(&fake, attachers[i].fd);
		moat_ioas_detach(ioas, devs[i]);
	}
	moat_ioas_destroy(ioas);
	fake_assert_clean(&fake);
	fake_fini(&fake);
}
END_TEST

#define ROUNDS 60

struct worker {
	pthread_t thread;
	unsigned int index;
	unsigned int errors;
};

/* The device of @index comes and goes. */
static void *come_and_go(void *opaque)
{
	struct worker *w = opaque;
	int fd;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		if (moat_ioas_attach(ioas, devs[w->index], &fd, NULL) < 0) {
			w->errors++;
			continue;
		}
		fake_vfio_ops.close(&fake, fd);
		moat_ioas_detach(ioas, devs[w->index]);
	}
	return NULL;
}

/* Ranges come and go, each worker in a GiB of its own. */
static void *map_and_unmap(void *opaque)
{
	struct worker *w = opaque;
	uint64_t base = w->index * GiB;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		for (unsigned int j = 0; j < 4; j++) {
			if (moat_ioas_map(ioas, base + j * MiB, 0x1000, HOST,
					  RW, NULL) < 0)
				w->errors++;
		}
		for (unsigned int j = 0; j < 4; j++) {
			if (moat_ioas_unmap(ioas, base + j * MiB, 0x1000) < 0)
				w->errors++;
		}
	}
	return NULL;
}

static void *look(void *opaque)
{
	struct worker *w = opaque;
	struct moat_ioas_stats stats;
	struct moat_iova_range *ranges;
	size_t n;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		if (moat_ioas_windows(ioas, &ranges, &n) == 0) {
			w->errors += n != 2;
			free(ranges);
		}
		moat_ioas_get_stats(ioas, &stats);
		w->errors += stats.total_ns < stats.kernel_ns;
	}
	return NULL;
}

START_TEST(everything_at_once)
{
	static const struct {
		void *(*run)(void *opaque);
		unsigned int index;
	} jobs[] = {
		{ come_and_go, 0 },   { come_and_go, 1 },   { come_and_go, 2 },
		{ map_and_unmap, 0 }, { map_and_unmap, 1 }, { look, 0 },
	};
	struct worker workers[ARRAY_SIZE(jobs)];

	machine();
	/* One that never opens, so that attaches fail half way as well. */
	fake.devices[2].open_errno = -5;
	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++) {
		workers[i] = (struct worker) { .index = jobs[i].index };
		ck_assert_int_eq(pthread_create(&workers[i].thread, NULL,
						jobs[i].run, &workers[i]),
				 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++) {
		ck_assert_int_eq(pthread_join(workers[i].thread, NULL), 0);
		ck_assert_uint_eq(workers[i].errors, i == 2 ? ROUNDS : 0);
	}
	moat_ioas_destroy(ioas);
	fake_assert_clean(&fake);
	fake_fini(&fake);
}
END_TEST

/* ---- the limit of locked memory is the whole process's ---- */

static pthread_mutex_t limit_lock = PTHREAD_MUTEX_INITIALIZER;
static struct rlimit limit;

static int get_limit(void *opaque, struct rlimit *ret_limit)
{
	(void)opaque;
	pthread_mutex_lock(&limit_lock);
	*ret_limit = limit;
	pthread_mutex_unlock(&limit_lock);
	(void)usleep(500);
	return 0;
}

static int set_limit(void *opaque, const struct rlimit *new_limit)
{
	(void)opaque;
	pthread_mutex_lock(&limit_lock);
	limit = *new_limit;
	pthread_mutex_unlock(&limit_lock);
	return 0;
}

static void *pin(void *opaque)
{
	static const struct vfio_sys_ops ops = { .get_memlock = get_limit,
						 .set_memlock = set_limit };
	static const struct moat_host no_host = { .procfs = "/nonexistent" };
	const struct vfio_sys sys = { .ops = &ops };
	bool any;

	(void)memlock_allow(&sys, &no_host, opaque, &any, NULL);
	return NULL;
}

/* Whoever needs more is not set back by whoever needs less. */
START_TEST(a_raised_limit_stays_raised)
{
	struct memlock_use use[] = { { .bytes = 2 * MiB }, { .bytes = GiB } };
	pthread_t thread[ARRAY_SIZE(use)];

	for (unsigned int round = 0; round < 40; round++) {
		limit = (struct rlimit) { MiB, 8 * MiB };
		for (size_t i = 0; i < ARRAY_SIZE(use); i++)
			ck_assert_int_eq(
				pthread_create(&thread[i], NULL, pin, &use[i]),
				0);
		for (size_t i = 0; i < ARRAY_SIZE(use); i++)
			ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
		ck_assert_uint_eq(limit.rlim_cur, RLIM_INFINITY);
	}
}
END_TEST

FAKE_MAIN("threads", a_raised_limit_stays_raised,
	  device_opens_overlap_each_other_and_a_map, everything_at_once)
