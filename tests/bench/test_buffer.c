// SPDX-License-Identifier: GPL-2.0-or-later
/* How much memory there is by a copy of sysfs and /proc, and having some. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "bench/buffer.h"
#include "common/host.h"
#include "common/util.h"
#include "tests/check_main.h"

static char root[] = "/tmp/test_buffer.XXXXXX";

static void put(const char *path, const char *text)
{
	char name[256];
	FILE *out;

	(void)snprintf(name, sizeof(name), "%s/%s", root, path);
	for (char *p = name + strlen(root) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		(void)mkdir(name, 0700);
		*p = '/';
	}
	out = fopen(name, "we");
	ck_assert_ptr_nonnull(out);
	ck_assert_int_ge(fputs(text, out), 0);
	ck_assert_int_eq(fclose(out), 0);
}

#define POOL "kernel/mm/hugepages/hugepages-2048kB/"
#define THP  "kernel/mm/transparent_hugepage/enabled"

START_TEST(what_is_free)
{
	const struct moat_host host = { .sysfs = root, .procfs = root };
	char command[64];
	const char *why;

	ck_assert_ptr_nonnull(mkdtemp(root));
	put("meminfo", "MemTotal: 9000 kB\nMemAvailable:    1000 kB\n");
	put(POOL "free_hugepages", "5\n");
	put(POOL "resv_hugepages", "2\n");
	put(THP, "always madvise [never]\n");
	ck_assert_uint_eq(buffer_available(&host, BUFFER_4K, &why),
			  align_down(1000 * KiB / 10 * 9, 4096));
	ck_assert_uint_eq(buffer_available(&host, BUFFER_2M, &why), 6 * MiB);
	ck_assert_uint_eq(buffer_available(&host, BUFFER_1G, &why), 0);
	ck_assert_ptr_nonnull(strstr(why, "huge pages"));
	ck_assert_uint_eq(buffer_available(&host, BUFFER_THP, &why), 0);
	ck_assert_ptr_nonnull(strstr(why, "transparent"));
	put(THP, "always [madvise] never\n");
	put("meminfo", "MemAvailable: 9000 kB\n");
	ck_assert_uint_eq(buffer_available(&host, BUFFER_THP, &why), 6 * MiB);
	/* More reserved than free, and no number. */
	put(POOL "resv_hugepages", "6\n");
	ck_assert_uint_eq(buffer_available(&host, BUFFER_2M, &why), 0);
	put("meminfo", "MemAvailable: lots\n");
	ck_assert_uint_eq(buffer_available(&host, BUFFER_4K, &why), 0);
	(void)snprintf(command, sizeof(command), "rm -r %s", root);
	ck_assert_int_eq(system(command), 0);
}
END_TEST

static const struct {
	enum buffer_pages pages;
	uint64_t len;
	unsigned int n_threads;
} cases[] = {
	{ BUFFER_4K, 4096, 1 },	      { BUFFER_4K, 3 * 4096, 2 },
	{ BUFFER_4K, 4096, 7 }, /* more threads than pages */
	{ BUFFER_4K, 100 * 4096, 3 }, { BUFFER_THP, 4 * MiB, 2 },
};

START_TEST(all_of_it_is_there)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t page = buffer_page_size(cases[i].pages), ns;
		size_t n = cases[i].len / 4096;
		struct bench_buffer buffer;
		unsigned char in[2048];

		ck_assert_int_eq(buffer_create(cases[i].pages, cases[i].len,
					       &buffer, NULL),
				 0);
		ck_assert(is_aligned((uint64_t)(uintptr_t)buffer.at, page));
		ck_assert_int_eq(mincore(buffer.at, cases[i].len, in), 0);
		ck_assert_int_eq(in[0] & 1, 0);
		ck_assert_int_eq(
			buffer_populate(&buffer, cases[i].n_threads, &ns, NULL),
			0);
		ck_assert_uint_gt(ns, 0);
		ck_assert_int_eq(mincore(buffer.at, cases[i].len, in), 0);
		for (size_t k = 0; k < n; k++)
			ck_assert_msg(in[k] & 1, "case %zu: page %zu", i, k);
		buffer_destroy(&buffer);
		ck_assert_ptr_null(buffer.at);
	}
}
END_TEST

START_TEST(what_cannot_be_had)
{
	struct moat_err err = { "" };
	struct bench_buffer buffer;
	uint64_t ns;

	ck_assert_int_eq(
		buffer_create(BUFFER_4K, UINT64_C(1) << 60, &buffer, &err),
		-ENOMEM);
	ck_assert_str_ne(err.msg, "");
	ck_assert_int_eq(buffer_create(BUFFER_4K, 4096, &buffer, NULL), 0);
	ck_assert_int_eq(buffer_populate(&buffer, 0, &ns, &err), -EINVAL);
	ck_assert_int_eq(buffer_populate(&buffer, 1000, &ns, &err), -EINVAL);
	buffer_destroy(&buffer);
}
END_TEST

CHECK_MAIN("bench_buffer", what_is_free, all_of_it_is_there, what_cannot_be_had)
