// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Identity-placed RAM with a kernel of our own for addresses and pins. The
 * pages are a memfd's ordinary ones, each marked with its number: where they
 * are is what the test says.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/util.h"
#include "tests/check_main.h"
#include "vmm-glue/pin.h"
#include "vmm-glue/ram_identity.h"

#define PAGE	  4096
#define PAGES_MAX 200

/* The physical address of each page of the file. */
static struct {
	uint64_t pa[PAGES_MAX];
	size_t n;
	int fd;
	uint8_t *base;
	/* Pinning puts them there; 0: leaves them alone. */
	uint64_t pinned_pa[PAGES_MAX];
	bool restless; /* it moves one at each look */
	unsigned int fail_at, calls;
	int error;
	unsigned int pins;
} fake;

static struct moat_err err;

static int turn(void)
{
	return ++fake.calls == fake.fail_at ? fake.error : 0;
}

static int fake_pin(void *opaque, void *base, uint64_t len, int *ret_fd,
		    struct moat_err *ret_err)
{
	int r = turn();

	(void)opaque;
	if (r < 0)
		return moat_fail(ret_err, r, "no pins today");
	ck_assert_ptr_eq(base, fake.base);
	ck_assert_uint_eq(len % PAGE, 0);
	for (size_t i = 0; i < fake.n; i++)
		if (fake.pinned_pa[i])
			fake.pa[i] = fake.pinned_pa[i];
	fake.pins++;
	*ret_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	return 0;
}

/* Which page of the file is at @addr, it says itself. */
static int fake_physical(void *opaque, const void *addr, uint64_t *ret_pa)
{
	uint64_t number;
	int r = turn();

	(void)opaque;
	if (r < 0)
		return r;
	memcpy(&number, addr, sizeof(number));
	ck_assert_uint_lt(number, fake.n);
	if (fake.restless && fake.pins && number == 0)
		fake.pa[0] += MiB;
	*ret_pa = fake.pa[number];
	return 0;
}

static const struct ram_identity_ops ops = {
	.pin = fake_pin,
	.physical = fake_physical,
};

/* @numbers: of the physical pages, in the order of the file. */
static struct ram_pages setup(const uint64_t *numbers, size_t n)
{
	memset(&fake, 0, sizeof(fake));
	memset(&err, 0, sizeof(err));
	fake.n = n;
	fake.fd = memfd_create("pages", MFD_CLOEXEC);
	ck_assert_int_ge(fake.fd, 0);
	ck_assert_int_eq(ftruncate(fake.fd, (off_t)(n * PAGE)), 0);
	fake.base = mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
			 fake.fd, 0);
	ck_assert_ptr_ne(fake.base, MAP_FAILED);
	for (size_t i = 0; i < n; i++) {
		fake.pa[i] = numbers[i] * PAGE;
		memcpy(fake.base + i * PAGE, &i, sizeof(i));
	}
	return (struct ram_pages) {
		.fd = fake.fd, .base = fake.base, .page_size = PAGE, .n = n
	};
}

static void teardown(void)
{
	(void)munmap(fake.base, fake.n * PAGE);
	(void)close(fake.fd);
}

/* Each page of each run is the one whose address says so. */
static void check_identity(const struct ram_identity *id, size_t want)
{
	const struct layout_run *run;
	uint64_t number, end = MiB, bytes = 0;
	size_t n;

	run = ram_identity_runs(id, &n);
	for (size_t i = 0; i < n; i++) {
		ck_assert_uint_ge(run[i].gpa, end);
		end = run[i].gpa + run[i].len;
		bytes += run[i].len;
		for (uint64_t at = run[i].gpa; at < end; at += PAGE) {
			const void *p = ram_identity_at(id, at, PAGE);

			ck_assert_ptr_nonnull(p);
			memcpy(&number, p, sizeof(number));
			ck_assert_uint_eq(fake.pa[number], at);
		}
		ck_assert_ptr_nonnull(
			ram_identity_at(id, run[i].gpa, run[i].len));
		ck_assert_ptr_null(ram_identity_at(id, end - 1, 2));
		ck_assert_ptr_null(ram_identity_at(id, run[i].gpa - 1, 2));
	}
	ck_assert_uint_eq(bytes, want * PAGE);
	ck_assert_ptr_nonnull(ram_identity_at(id, 0, MiB));
	ck_assert_ptr_null(ram_identity_at(id, 0, MiB + 1));
	ck_assert_ptr_null(ram_identity_at(id, 0, 0));
	ck_assert_ptr_null(ram_identity_at(id, UINT64_MAX, 1));
}

/* From 1 MiB on: page number 256. */
static const uint64_t falling[] = { 1003, 1002, 1001, 1000 };
static const uint64_t mixed[] = { 2000, 300, 2001, 301, 0x100000, 299, 400 };

static const struct {
	const uint64_t *numbers;
	size_t n, want, n_runs;
} arrange_cases[] = {
	{ falling, 4, 4, 1 }, { mixed, 7, 7, 4 },
	{ mixed, 7, 3, 1 }, /* 299 to 301 */
	{ mixed, 7, 5, 2 },   { mixed, 1, 1, 1 },
};

START_TEST(pages_are_where_their_addresses_say)
{
	for (size_t i = 0; i < ARRAY_SIZE(arrange_cases); i++) {
		struct ram_pages pages =
			setup(arrange_cases[i].numbers, arrange_cases[i].n);
		struct ram_identity *id;
		size_t n;

		ck_assert_msg(ram_identity_arrange(&pages, arrange_cases[i].want,
						   &ops, &id, &err) == 0,
			      "case %zu: %s", i, err.msg);
		check_identity(id, arrange_cases[i].want);
		(void)ram_identity_runs(id, &n);
		ck_assert_uint_eq(n, arrange_cases[i].n_runs);
		ck_assert_uint_eq(fake.pins, 1);
		ck_assert_int_ge(fcntl(ram_identity_pin_fd(id), F_GETFD), 0);
		ram_identity_free(id);
		teardown();
	}
}
END_TEST

START_TEST(pages_that_are_not_needed_go_back)
{
	struct ram_pages pages = setup(mixed, ARRAY_SIZE(mixed));
	struct ram_identity *id;

	ck_assert_int_eq(ram_identity_arrange(&pages, 3, &ops, &id, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(mixed); i++) {
		off_t at = lseek(fake.fd, (off_t)(i * PAGE), SEEK_DATA);
		bool kept = mixed[i] >= 299 && mixed[i] <= 301;

		ck_assert_msg((at == (off_t)(i * PAGE)) == kept, "page %zu", i);
	}
	ram_identity_free(id);
	teardown();
}
END_TEST

START_TEST(what_pinning_moves_is_found)
{
	struct ram_pages pages = setup(mixed, ARRAY_SIZE(mixed));
	struct ram_identity *id;

	fake.pinned_pa[1] = UINT64_C(5000) * PAGE;
	fake.pinned_pa[4] = UINT64_C(302) * PAGE;
	ck_assert_int_eq(ram_identity_arrange(&pages, ARRAY_SIZE(mixed), &ops,
					      &id, &err),
			 0);
	check_identity(id, ARRAY_SIZE(mixed));
	ram_identity_free(id);
	teardown();
}
END_TEST

START_TEST(a_page_that_does_not_stay_is_refused)
{
	struct ram_pages pages = setup(mixed, ARRAY_SIZE(mixed));
	struct ram_identity *id;

	fake.restless = true;
	ck_assert_int_eq(ram_identity_arrange(&pages, ARRAY_SIZE(mixed), &ops,
					      &id, &err),
			 -EAGAIN);
	ck_assert_ptr_nonnull(strstr(err.msg, "although it is pinned"));
	teardown();
}
END_TEST

START_TEST(too_scattered_says_what_would_help)
{
	uint64_t numbers[LAYOUT_RUNS_MAX + 1];
	struct ram_identity *id;
	struct ram_pages pages;

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		numbers[i] = 300 + 2 * i;
	pages = setup(numbers, ARRAY_SIZE(numbers));
	ck_assert_int_eq(ram_identity_arrange(&pages, ARRAY_SIZE(numbers), &ops,
					      &id, &err),
			 -E2BIG);
	ck_assert_ptr_nonnull(strstr(err.msg, "in 97 pieces"));
	ck_assert_ptr_nonnull(strstr(err.msg, "hugepagesz=1G hugepages=1 "));
	teardown();
}
END_TEST

static size_t open_files(void)
{
	size_t n = 0;

	for (int fd = 0; fd < 64; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

START_TEST(each_failure_leaves_nothing)
{
	struct ram_identity *id;
	int r = -1;

	for (unsigned int at = 1; r < 0; at++) {
		struct ram_pages pages = setup(mixed, ARRAY_SIZE(mixed));
		size_t before = open_files();

		fake.fail_at = at;
		fake.error = -ENXIO;
		r = ram_identity_arrange(&pages, 5, &ops, &id, &err);
		ck_assert(r == 0 || (r == -ENXIO && err.msg[0]));
		if (r == 0) {
			ck_assert_uint_gt(at, 7 + 1 + 5);
			ram_identity_free(id);
		}
		ck_assert_uint_eq(open_files(), before);
		teardown();
		ck_assert_uint_lt(at, 100);
	}
}
END_TEST

START_TEST(hidden_addresses_need_a_capability)
{
	struct ram_pages pages = setup(mixed, ARRAY_SIZE(mixed));
	struct ram_identity *id;

	fake.fail_at = 1;
	fake.error = -EPERM;
	ck_assert_int_eq(ram_identity_arrange(&pages, 5, &ops, &id, &err),
			 -EPERM);
	ck_assert_ptr_nonnull(strstr(err.msg, "CAP_SYS_ADMIN"));
	teardown();
}
END_TEST

static uint64_t pinned_kib(void)
{
	char line[128];
	unsigned long long kib = 0;
	FILE *f = fopen("/proc/self/status", "re");

	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "VmPin: %llu", &kib) == 1)
			break;
	(void)fclose(f);
	return kib;
}

/* Where a sandbox or a limit forbids it, that is said. */
START_TEST(the_kernel_pins)
{
	void *memory = mmap(NULL, MiB, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t before = pinned_kib();
	int fd, r;

	ck_assert_ptr_ne(memory, MAP_FAILED);
	r = pin_memory(memory, MiB, &fd, &err);
	if (r < 0) {
		ck_assert_ptr_nonnull(strstr(err.msg, "io_uring"));
		return;
	}
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ck_assert_uint_eq(pinned_kib(), before + MiB / KiB);
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

CHECK_MAIN("ram_identity", pages_are_where_their_addresses_say,
	   pages_that_are_not_needed_go_back, what_pinning_moves_is_found,
	   a_page_that_does_not_stay_is_refused,
	   too_scattered_says_what_would_help, each_failure_leaves_nothing,
	   hidden_addresses_need_a_capability, the_kernel_pins)
