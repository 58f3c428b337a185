/* SPDX-License-Identifier: GPL-2.0-or-later */
/* main() of tests that run on every backend. */
#ifndef MOAT_TESTS_FAKE_MAIN_H
#define MOAT_TESTS_FAKE_MAIN_H

#include <check.h>
#include <stdlib.h>

#include "fake_vfio.h"

static inline TCase *fake_case(Suite *suite, const char *name,
			       void (*setup)(void))
{
	TCase *tcase = tcase_create(name);

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 30);
	suite_add_tcase(suite, tcase);
	return tcase;
}

static inline int fake_run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* @add fills a test case; it is run for each backend that is built in. */
static inline int fake_main(const char *name, void (*add)(TCase *tcase),
			    void (*add_type1)(TCase *tcase),
			    void (*add_iommufd)(TCase *tcase))
{
	Suite *suite = suite_create(name);
	TCase *tcase = fake_case(suite, "type1", fake_use_type1);

	add(tcase);
	if (add_type1)
		add_type1(tcase);
	if (fake_has_iommufd) {
		tcase = fake_case(suite, "iommufd", fake_use_iommufd);
		add(tcase);
		if (add_iommufd)
			add_iommufd(tcase);
	}
	return fake_run(suite);
}

#define FAKE_MAIN(name, ...)                                              \
	static void add_all(TCase *tcase)                                 \
	{                                                                 \
		const TTest *const list[] = { __VA_ARGS__ };              \
                                                                          \
		for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++) \
			tcase_add_test(tcase, list[i]);                   \
	}                                                                 \
                                                                          \
	int main(void)                                                    \
	{                                                                 \
		return fake_main(name, add_all, NULL, NULL);              \
	}

#endif /* MOAT_TESTS_FAKE_MAIN_H */
