// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One life of an address space, over and over: each time another call of it
 * fails, a system call, a hook or an allocation. The step that it fails must
 * leave everything as it was, and succeed when it is tried again.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <moat/log.h>

#include "common/util.h"
#include "fake_main.h"
#include "fake_vfio.h"

#define RW   (MOAT_DMA_READ | MOAT_DMA_WRITE)
#define HOST ((void *)(uintptr_t)0x7f0000000000)

static const struct moat_bdf dev_a = { 0, 4, 8, 0 };
static const struct moat_bdf dev_b = { 0, 5, 0, 0 };
static const struct moat_bdf dev_c = { 0, 5, 0, 1 };

static struct fake fake;
static bool sweeping; /* allocations are counted */

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_reallocarray(void *p, size_t n, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);

/* Not the allocations of check, which the fake calls with its lock held. */
static bool allocation_fails(void)
{
	if (!sweeping || pthread_mutex_trylock(&fake.lock) != 0)
		return false;
	pthread_mutex_unlock(&fake.lock);
	return fake_count_call(&fake) < 0;
}

void *__wrap_malloc(size_t size)
{
	return allocation_fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return allocation_fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return allocation_fails() ? NULL : __real_realloc(p, size);
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return allocation_fails() ? NULL : __real_reallocarray(p, n, size);
}

/* What a step that failed must not have changed. */
struct state {
	unsigned int files; /* containers apart: they come and go */
	unsigned int maps;
	unsigned int announcements;
};

static struct state state(void)
{
	struct state s = { .maps = fake_n_maps(&fake),
			   .announcements = fake.announcements };

	for (size_t i = 0; i < ARRAY_SIZE(fake.files); i++)
		s.files += fake.files[i].type == FAKE_GROUP ||
			   fake.files[i].type == FAKE_DEVICE ||
			   fake.files[i].type == FAKE_CDEV;
	return s;
}

static struct moat_ioas *ioas;
static struct moat_err err;

static int step_create(void)
{
	struct moat_ioas_config config = fake_config(&fake);

	return moat_ioas_create(&config, &ioas, &err);
}

static int step_map_1(void)
{
	return moat_ioas_map(ioas, 0x1000, 0x1000, HOST, RW, &err);
}

static int step_map_2(void)
{
	return moat_ioas_map(ioas, 0x10000, 0x4000, HOST, RW, &err);
}

/* One more each time, so that the list must grow while A is attached. */
static unsigned int n_filled;

static int step_fill(void)
{
	int r = moat_ioas_map(ioas, (uint64_t)(n_filled + 1) << 20, 0x1000,
			      HOST, RW, &err);

	if (r == 0)
		n_filled++;
	return r;
}

static int step_map_3(void)
{
	return moat_ioas_map(ioas, 0x20000, 0x8000, HOST, RW, &err);
}

static int step_unmap_1(void)
{
	return moat_ioas_unmap(ioas, 0x1000, 0x1000);
}

static int fds[3];

static int step_attach_a(void)
{
	return moat_ioas_attach(ioas, dev_a, &fds[0], &err);
}

static int step_attach_b(void)
{
	return moat_ioas_attach(ioas, dev_b, &fds[1], &err);
}

static int step_attach_c(void)
{
	return moat_ioas_attach(ioas, dev_c, &fds[2], &err);
}

static int step_windows(void)
{
	struct moat_iova_range *ranges;
	size_t n;
	int r;

	r = moat_ioas_windows(ioas, &ranges, &n);
	if (r < 0)
		return r;
	free(ranges);
	return n == 2 ? 0 : -ERANGE;
}

static void detach(struct moat_bdf bdf, int fd)
{
	fake_vfio_ops.close(&fake, fd);
	moat_ioas_detach(ioas, bdf);
}

static int step_detach_a(void)
{
	detach(dev_a, fds[0]);
	return 0;
}

static int step_detach_b(void)
{
	detach(dev_b, fds[1]);
	return 0;
}

static int step_detach_c(void)
{
	detach(dev_c, fds[2]);
	return 0;
}

static const struct {
	int (*step)(void);
	struct state after;
	struct state after_iommufd; /* a file each, with two fds */
} life[] = {
	{ step_create, { 0, 0, 0 }, { 0, 0, 0 } },
	{ step_map_1, { 0, 0, 0 }, { 0, 0, 0 } },
	{ step_map_2, { 0, 0, 0 }, { 0, 0, 0 } },
	{ step_fill, { 0, 0, 0 }, { 0, 0, 0 } },
	{ step_fill, { 0, 0, 0 }, { 0, 0, 0 } },
	{ step_fill, { 0, 0, 0 }, { 0, 0, 0 } },
	{ step_attach_a, { 2, 5, 1 }, { 2, 5, 1 } }, /* replays five */
	{ step_attach_b, { 4, 5, 2 }, { 4, 5, 2 } }, /* a second group */
	{ step_fill, { 4, 6, 2 }, { 4, 6, 2 } },
	{ step_fill, { 4, 7, 2 }, { 4, 7, 2 } },
	{ step_fill, { 4, 8, 2 }, { 4, 8, 2 } },
	{ step_map_3, { 4, 9, 2 }, { 4, 9, 2 } }, /* the list grows */
	{ step_windows, { 4, 9, 2 }, { 4, 9, 2 } },
	{ step_detach_a, { 2, 9, 1 }, { 2, 9, 1 } },
	{ step_attach_c, { 3, 9, 1 }, { 4, 9, 2 } }, /* in the group of B */
	{ step_detach_b, { 2, 9, 1 }, { 2, 9, 1 } },
	{ step_unmap_1, { 2, 8, 1 }, { 2, 8, 1 } },
	{ step_detach_c, { 0, 0, 0 }, { 0, 0, 0 } }, /* the last group */
	{ step_attach_a, { 2, 8, 1 }, { 2, 8, 1 } }, /* a new container */
	{ step_detach_a, { 0, 0, 0 }, { 0, 0, 0 } },
};

/* Plain comparisons first: check writes a record for each assertion. */
static void assert_state(struct state want, unsigned int n, size_t step)
{
	struct state have = state();

	if (have.files != want.files || have.maps != want.maps ||
	    have.announcements != want.announcements)
		ck_abort_msg("call %u failed, step %zu: %u files, %u maps, "
			     "%u announced",
			     n, step, have.files, have.maps,
			     have.announcements);
}

static struct state state_after(size_t i)
{
	return fake_is_iommufd() ? life[i].after_iommufd : life[i].after;
}

static int take_step(size_t i)
{
	int r;

	sweeping = true;
	r = life[i].step();
	sweeping = false;
	return r;
}

static void live(unsigned int n)
{
	struct state before = { 0, 0, 0 };

	n_filled = 0;
	for (size_t i = 0; i < ARRAY_SIZE(life); i++) {
		bool failed_before = fake.failed;
		int r;

		err.msg[0] = '\0';
		r = take_step(i);
		if (r < 0) {
			ck_assert_msg(fake.failed && !failed_before,
				      "call %u failed, step %zu: %d %s", n, i,
				      r, err.msg);
			assert_state(before, n, i);
			if (life[i].step != step_unmap_1 &&
			    life[i].step != step_windows)
				ck_assert_uint_gt(strlen(err.msg), 0);
			r = take_step(i);
		}
		if (r != 0)
			ck_abort_msg("call %u failed, step %zu again: %d %s", n,
				     i, r, err.msg);
		assert_state(state_after(i), n, i);
		before = state_after(i);
	}
	moat_ioas_destroy(ioas);
	ioas = NULL;
}

static void drop_line(enum moat_log_level level, const char *line, void *opaque)
{
	(void)level;
	(void)line;
	(void)opaque;
}

/* Loop: the errnos that a call fails with, for some have paths of their own. */
static const int errnos[] = { -EIO,    -EPERM,	-EBUSY, -ENODEV,
			      -EINVAL, -ENOMEM, -EACCES };

START_TEST(every_call_may_fail)
{
	bool failed = true;
	unsigned int n;

	moat_log_set_sink(drop_line, NULL); /* "did not leave its container" */
	fake_init(&fake);
	fake_add_device(&fake, "0000:04:08.0", 7, "vfio-pci");
	fake_add_device(&fake, "0000:05:00.0", 8, "vfio-pci");
	fake_add_device(&fake, "0000:05:00.1", 8, "vfio-pci");
	fake.fail_errno = errnos[_i];
	for (n = 1; failed; n++) {
		fake.calls = 0;
		fake.failed = false;
		fake.left_by_close = 0;
		fake.fail_at = n;
		/* So that raising it is among the calls. */
		fake.memlock = (struct rlimit) { 0, RLIM_INFINITY };
		live(n);
		failed = fake.failed;
		fake_assert_clean(&fake);
	}
	fake_fini(&fake);
	/* The last round failed nothing, and had all the calls. */
	ck_assert_uint_gt(n, 60);
	moat_log_set_sink(NULL, NULL);
}
END_TEST

static void add_all(TCase *tcase)
{
	tcase_add_loop_test(tcase, every_call_may_fail, 0, ARRAY_SIZE(errnos));
}

int main(void)
{
	return fake_main("sweep", add_all, NULL, NULL);
}
