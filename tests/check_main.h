/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The main() of a check program: one suite of one case. */
#ifndef MOAT_TESTS_CHECK_MAIN_H
#define MOAT_TESTS_CHECK_MAIN_H

#include <check.h>
#include <stdlib.h>

/* Runs the test functions in @tests; CK_FORK=no keeps them in one process. */
static inline int check_main(const char *name, const TTest *const *tests,
			     size_t n)
{
	Suite *suite = suite_create(name);
	TCase *tcase = tcase_create(name);
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 30);
	for (size_t i = 0; i < n; i++)
		tcase_add_test(tcase, tests[i]);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#define CHECK_MAIN(name, ...)                                                  \
	int main(void)                                                         \
	{                                                                      \
		const TTest *const list[] = { __VA_ARGS__ };                   \
                                                                               \
		return check_main(name, list, sizeof(list) / sizeof(list[0])); \
	}

#endif /* MOAT_TESTS_CHECK_MAIN_H */
