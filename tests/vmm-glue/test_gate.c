// SPDX-License-Identifier: GPL-2.0-or-later
/* Who comes to a gate before it opens waits; who comes later does not. */
#include <pthread.h>
#include <time.h>

#include "tests/check_main.h"
#include "vmm-glue/gate.h"

#define THREADS 4

static struct gate gate;
static atomic_uint arrived, passed;

static void *walker(void *unused)
{
	(void)unused;
	atomic_fetch_add(&arrived, 1);
	gate_pass(&gate);
	atomic_fetch_add(&passed, 1);
	return NULL;
}

START_TEST(nobody_passes_before_it_opens)
{
	const struct timespec a_while = { 0, 20 * 1000 * 1000 };
	pthread_t thread[THREADS];

	ck_assert_int_eq(gate_init(&gate), 0);
	for (size_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, walker, NULL),
				 0);
	while (atomic_load(&arrived) < THREADS)
		(void)nanosleep(&a_while, NULL);
	(void)nanosleep(&a_while, NULL);
	ck_assert_uint_eq(atomic_load(&passed), 0);
	gate_open(&gate);
	for (size_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
	ck_assert_uint_eq(atomic_load(&passed), THREADS);
	gate_open(&gate);
	gate_pass(&gate);
	gate_fini(&gate);
}
END_TEST

CHECK_MAIN("gate", nobody_passes_before_it_opens)
