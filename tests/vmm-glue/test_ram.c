// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Guest RAM against a host made of files for what is asked of sysfs and
 * procfs; the memory itself is this machine's, and little of it.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <moat/placement.h>

#include "common/host.h"
#include "common/io.h"
#include "common/util.h"
#include "tests/check_main.h"
#include "vmm-glue/ram.h"
#include "vmm-glue/ram_internal.h"

static char top[PATH_MAX];
static char sysfs[PATH_MAX], procfs[PATH_MAX];
static struct moat_host host;
static struct moat_err err;

static void make_dirs(const char *path)
{
	char command[PATH_MAX + 16];

	(void)snprintf(command, sizeof(command), "mkdir -p '%s'", path);
	ck_assert_int_eq(system(command), 0);
}

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
}

static void put_pool(unsigned int kib, const char *attribute, unsigned int n)
{
	char path[PATH_MAX], text[16];

	ck_assert_int_eq(moat_path(path, "%s/kernel/mm/hugepages/hugepages-%ukB",
				   sysfs, kib),
			 0);
	make_dirs(path);
	ck_assert_int_eq(moat_path(path,
				   "%s/kernel/mm/hugepages/hugepages-%ukB/%s",
				   sysfs, kib, attribute),
			 0);
	(void)snprintf(text, sizeof(text), "%u\n", n);
	put(path, text);
}

static void setup(void)
{
	char path[PATH_MAX];

	(void)snprintf(top, sizeof(top), "/tmp/moat-ram-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(top));
	ck_assert_int_eq(moat_path(sysfs, "%.200s/sys", top), 0);
	ck_assert_int_eq(moat_path(procfs, "%.200s/proc", top), 0);
	make_dirs(sysfs);
	make_dirs(procfs);
	host = moat_this_host;
	host.sysfs = sysfs;
	host.procfs = procfs;
	ck_assert_int_eq(moat_path(path, "%s/meminfo", procfs), 0);
	put(path, "MemTotal:  8000000 kB\nMemAvailable:   1048576 kB\n");
	memset(&err, 0, sizeof(err));
}

static void teardown(void)
{
	char command[PATH_MAX + 16];

	(void)snprintf(command, sizeof(command), "rm -rf '%s'", top);
	ck_assert_int_eq(system(command), 0);
}

static int create(uint64_t low, uint64_t high, enum hugepages hugepages,
		  const char *mem_path, struct ram **ret_ram)
{
	const struct ram_config config = {
		.size = { .low = low, .high = high },
		.hugepages = hugepages,
		.mem_path = mem_path,
		.host = &host,
	};

	return ram_create(&config, ret_ram, &err);
}

static const struct {
	enum hugepages hugepages;
	unsigned int kib, nr, free, reserved;
	uint64_t bytes;
	const char *says[4];
} shortage_cases[] = {
	{ HUGEPAGES_2M,
	  2048,
	  100,
	  60,
	  10,
	  512 * MiB,
	  { "needs 256 huge pages of 2 MiB", "50 are free", "206 are missing",
	    "echo 306 > "
	    "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages" } },
	{ HUGEPAGES_1G,
	  1048576,
	  1,
	  0,
	  0,
	  2 * GiB,
	  { "needs 2 huge pages of 1 GiB", "0 are free", "2 are missing",
	    "echo 3 > "
	    "/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages" } },
};

/* The kernel of this machine has to be short of them too. */
START_TEST(a_shortage_says_how_many_and_how_to_reserve_them)
{
	struct ram *ram;

	for (size_t i = 0; i < ARRAY_SIZE(shortage_cases); i++) {
		setup();
		put_pool(shortage_cases[i].kib, "nr_hugepages",
			 shortage_cases[i].nr);
		put_pool(shortage_cases[i].kib, "free_hugepages",
			 shortage_cases[i].free);
		put_pool(shortage_cases[i].kib, "resv_hugepages",
			 shortage_cases[i].reserved);
		ck_assert_int_lt(create(shortage_cases[i].bytes, 0,
					shortage_cases[i].hugepages, NULL, &ram),
				 0);
		for (size_t j = 0; j < 4; j++)
			ck_assert_msg(strstr(err.msg, shortage_cases[i].says[j]),
				      "no '%s' in '%s'",
				      shortage_cases[i].says[j], err.msg);
		teardown();
	}
}
END_TEST

START_TEST(a_kernel_without_huge_pages_is_named)
{
	struct ram *ram;

	setup();
	ck_assert_int_lt(create(64 * GiB, 0, HUGEPAGES_1G, NULL, &ram), 0);
	ck_assert_ptr_nonnull(strstr(err.msg, "no 1 GiB huge pages"));
	teardown();
}
END_TEST

/* 1 GiB is available. */
START_TEST(more_than_the_host_has_is_refused_untouched)
{
	struct ram *ram;

	setup();
	ck_assert_int_eq(create(GiB, 2 * MiB, HUGEPAGES_OFF, NULL, &ram),
			 -ENOMEM);
	ck_assert_ptr_nonnull(strstr(err.msg, "1026 MiB"));
	ck_assert_ptr_nonnull(strstr(err.msg, "1024 MiB are available"));
	ck_assert_int_eq(create(GiB, 0, HUGEPAGES_OFF, NULL, &ram), 0);
	ram_destroy(ram);
	teardown();
}
END_TEST

START_TEST(sizes_are_multiples_of_the_pages)
{
	struct ram *ram;

	setup();
	ck_assert_int_eq(create(GiB + 2 * MiB, 0, HUGEPAGES_1G, NULL, &ram),
			 -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.msg, "1 GiB"));
	teardown();
}
END_TEST

/* Without free huge pages, or without a word from sysfs: ordinary ones. */
START_TEST(auto_takes_what_there_is)
{
	struct ram *ram;

	setup();
	ck_assert_int_eq(create(64 * MiB, 0, HUGEPAGES_AUTO, NULL, &ram), 0);
	ck_assert_uint_eq(ram_page_size(ram), 4096);
	ram_destroy(ram);
	put_pool(2048, "nr_hugepages", 31);
	put_pool(2048, "free_hugepages", 31);
	put_pool(2048, "resv_hugepages", 0);
	ck_assert_int_eq(create(64 * MiB, 0, HUGEPAGES_AUTO, NULL, &ram), 0);
	ck_assert_uint_eq(ram_page_size(ram), 4096);
	ram_destroy(ram);
	/* Sysfs says there are more than the kernel gives: do without. */
	put_pool(2048, "nr_hugepages", 1u << 20);
	put_pool(2048, "free_hugepages", 1u << 20);
	ck_assert_int_eq(create(64 * MiB, 0, HUGEPAGES_AUTO, NULL, &ram), 0);
	ram_destroy(ram);
	teardown();
}
END_TEST

static void put_thp(const char *attribute, const char *text)
{
	char path[PATH_MAX];

	ck_assert_int_eq(
		moat_path(path, "%s/kernel/mm/transparent_hugepage", sysfs), 0);
	make_dirs(path);
	ck_assert_int_eq(moat_path(path, "%s/kernel/mm/transparent_hugepage/%s",
				   sysfs, attribute),
			 0);
	put(path, text);
}

static const struct {
	const char *shmem, *anonymous;
	enum hugepages hugepages;
	bool memfd;
} thp_cases[] = {
	{ "always within_size [advise] never deny force\n",
	  "always [madvise] never\n", HUGEPAGES_AUTO, true },
	{ "always within_size advise [never] deny force\n",
	  "always [madvise] never\n", HUGEPAGES_AUTO, false },
	{ "always within_size advise never [deny] force\n",
	  "[always] madvise never\n", HUGEPAGES_AUTO, false },
	{ "always within_size advise [never] deny force\n",
	  "always madvise [never]\n", HUGEPAGES_AUTO, true },
	{ "always within_size advise [never] deny force\n",
	  "[always] madvise never\n", HUGEPAGES_OFF, true },
};

static bool has_memfd(void)
{
	char *maps;
	size_t len;
	bool has;
	FILE *f = fopen("/proc/self/maps", "r");

	ck_assert_ptr_nonnull(f);
	maps = calloc(1, 1 << 20);
	ck_assert_ptr_nonnull(maps);
	len = fread(maps, 1, (1 << 20) - 1, f);
	ck_assert_uint_gt(len, 0);
	(void)fclose(f);
	has = strstr(maps, "memfd:moat-ram") != NULL;
	free(maps);
	return has;
}

START_TEST(anonymous_memory_stands_in_for_a_memfd_without_huge_pages)
{
	struct ram *ram;

	for (size_t i = 0; i < ARRAY_SIZE(thp_cases); i++) {
		setup();
		put_thp("shmem_enabled", thp_cases[i].shmem);
		put_thp("enabled", thp_cases[i].anonymous);
		ck_assert_int_eq(
			create(32 * MiB, 0, thp_cases[i].hugepages, NULL, &ram),
			0);
		ck_assert_msg(has_memfd() == thp_cases[i].memfd, "case %zu", i);
		ck_assert_int_eq(ram_populate(ram, NULL, NULL, &err), 0);
		ram_destroy(ram);
		teardown();
	}
}
END_TEST

static const struct {
	uint64_t gpa, len;
	int64_t offset; /* in the mapping; -1: NULL */
} at_cases[] = {
	{ 0, 1, 0 },
	{ 0, 64 * MiB, 0 },
	{ 0, 64 * MiB + 1, -1 },
	{ 64 * MiB - 1, 1, 64 * MiB - 1 },
	{ 64 * MiB, 1, -1 },
	{ 0, 0, -1 },
	{ 3 * GiB, 1, -1 },
	{ 4 * GiB - 1, 2, -1 },
	{ 4 * GiB, 32 * MiB, 64 * MiB },
	{ 4 * GiB, 32 * MiB + 1, -1 },
	{ 4 * GiB + 32 * MiB - 1, 1, 96 * MiB - 1 },
	{ 4 * GiB + 32 * MiB, 1, -1 },
	{ UINT64_MAX, 1, -1 },
	{ 4 * GiB, UINT64_MAX, -1 },
	{ 1, UINT64_MAX, -1 },
};

START_TEST(guest_addresses_translate_in_one_place)
{
	struct ram *ram;
	uint8_t *base;

	setup();
	ck_assert_int_eq(create(64 * MiB, 32 * MiB, HUGEPAGES_OFF, NULL, &ram),
			 0);
	base = ram_at(ram, 0, 1);
	ck_assert_uint_eq((uintptr_t)base % (2 * MiB), 0);
	for (size_t i = 0; i < ARRAY_SIZE(at_cases); i++) {
		uint8_t *p = ram_at(ram, at_cases[i].gpa, at_cases[i].len);

		ck_assert_msg(p == (at_cases[i].offset < 0
					    ? NULL
					    : base + at_cases[i].offset),
			      "case %zu", i);
	}
	ram_destroy(ram);
	teardown();
}
END_TEST

/* Bytes of [addr, addr + len) that are in memory. */
static uint64_t resident(void *addr, uint64_t len)
{
	unsigned char *pages = malloc(len / 4096);
	uint64_t n = 0;

	ck_assert_ptr_nonnull(pages);
	ck_assert_int_eq(mincore(addr, len, pages), 0);
	for (uint64_t i = 0; i < len / 4096; i++)
		n += pages[i] & 1;
	free(pages);
	return n * 4096;
}

START_TEST(populating_touches_all_of_it)
{
	static const enum hugepages modes[] = { HUGEPAGES_OFF, HUGEPAGES_AUTO };
	struct ram *ram;
	uint8_t *low;

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		setup();
		/* More than one chunk of work, and not a whole number. */
		ck_assert_int_eq(
			create(98 * MiB, 34 * MiB, modes[i], NULL, &ram), 0);
		low = ram_at(ram, 0, 98 * MiB);
		ck_assert_uint_eq(resident(low, 132 * MiB), 0);
		ck_assert_int_eq(ram_populate(ram, NULL, NULL, &err), 0);
		ck_assert_uint_eq(resident(low, 132 * MiB), 132 * MiB);
		ck_assert_uint_eq(low[0] | low[98 * MiB - 1], 0);
		ram_destroy(ram);
		teardown();
	}
}
END_TEST

/* Of @addr's mapping: how the kernel shows where its pages come from. */
static void policy_of(const void *addr, char policy[64])
{
	FILE *f = fopen("/proc/self/numa_maps", "re");
	char line[1024];
	void *start;

	policy[0] = '\0';
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%p %63s", &start, policy) == 2 &&
		    start == addr)
			break;
		else
			policy[0] = '\0';
	if (f)
		(void)fclose(f);
}

/*
 * Two nodes in the plan, which are one on the machine: halves are populated
 * by different threads, and bound.
 */
START_TEST(ram_is_from_the_nodes_of_the_plan)
{
	struct moat_placed_node node[2] = {
		{ .host_node = 0, .ram_bytes = 50 * MiB },
		{ .host_node = 0, .ram_bytes = 16 * MiB }, /* no CPUs */
	};
	const struct moat_placement placement = {
		.pages = MOAT_PLACE_PAGES_SMALL,
		.ram_bound = true,
		.n_nodes = 2,
		.node = node,
	};
	const struct ram_config config = {
		.size = { .low = 66 * MiB },
		.hugepages = HUGEPAGES_AUTO,
		.host = &host,
		.placement = &placement,
	};
	struct moat_set nodes;
	char policy[64];
	struct ram *ram;
	uint8_t *base;

	setup();
	ck_assert_int_eq(moat_topology_allowed(&node[0].cpus, &nodes), 0);
	ck_assert_int_eq(ram_create(&config, &ram, &err), 0);
	base = ram_at(ram, 0, 66 * MiB);
	ck_assert_uint_eq(resident(base, 66 * MiB), 0);
	ck_assert_int_eq(ram_populate(ram, NULL, NULL, &err), 0);
	ck_assert_uint_eq(resident(base, 66 * MiB), 66 * MiB);
	policy_of(base, policy);
	/* Without numa_maps the kernel has no NUMA. */
	if (policy[0])
		ck_assert_str_eq(policy, "bind:0");
	ram_destroy(ram);
	teardown();
}
END_TEST

static bool yes(void *opaque)
{
	++*(atomic_uint *)opaque;
	return true;
}

START_TEST(populating_can_be_interrupted)
{
	atomic_uint asked = 0;
	struct ram *ram;

	setup();
	ck_assert_int_eq(create(128 * MiB, 0, HUGEPAGES_OFF, NULL, &ram), 0);
	ck_assert_int_eq(ram_populate(ram, yes, &asked, &err), -EINTR);
	ck_assert_uint_gt(asked, 0);
	ck_assert_uint_eq(resident(ram_at(ram, 0, 1), 128 * MiB), 0);
	ram_destroy(ram);
	teardown();
}
END_TEST

/* Pinned memory that a child could write to would not be the devices'. */
START_TEST(a_forked_child_has_no_guest_ram)
{
	struct ram *ram;
	unsigned char page;
	int status;
	pid_t pid;

	setup();
	ck_assert_int_eq(create(32 * MiB, 0, HUGEPAGES_OFF, NULL, &ram), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		_exit(mincore(ram_at(ram, 0, 1), 4096, &page) < 0 &&
				      errno == ENOMEM
			      ? 0
			      : 1);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	ram_destroy(ram);
	teardown();
}
END_TEST

START_TEST(mem_path_takes_memory_file_systems_only)
{
	struct ram *ram;

	setup();
	ck_assert_int_lt(
		create(32 * MiB, 0, HUGEPAGES_AUTO, "/nonexistent", &ram), 0);
	ck_assert_ptr_nonnull(strstr(err.msg, "/nonexistent"));
	ck_assert_int_eq(create(32 * MiB, 0, HUGEPAGES_AUTO, "/proc", &ram),
			 -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.msg, "neither hugetlbfs nor tmpfs"));
	teardown();
}
END_TEST

START_TEST(mem_path_on_tmpfs_leaves_no_name_behind)
{
	char command[] = "test -z \"$(ls /dev/shm | grep moat-ram)\"";
	struct ram *ram;

	if (access("/dev/shm", W_OK) < 0)
		return;
	setup();
	ck_assert_int_eq(create(32 * MiB, 0, HUGEPAGES_2M, "/dev/shm", &ram),
			 -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.msg, "pages of 4 KiB"));
	ck_assert_int_eq(create(32 * MiB, 0, HUGEPAGES_AUTO, "/dev/shm", &ram),
			 0);
	ck_assert_int_eq(system(command), 0);
	ck_assert_int_eq(ram_populate(ram, NULL, NULL, &err), 0);
	ram_destroy(ram);
	teardown();
}
END_TEST

static void check_pieces(const struct ram *ram, const struct ram_piece *want,
			 size_t n)
{
	struct ram_piece got[RAM_PIECES_MAX];

	ck_assert_uint_eq(ram_pieces(ram, got), n);
	for (size_t i = 0; i < n; i++) {
		ck_assert_uint_eq(got[i].gpa, want[i].gpa);
		ck_assert_uint_eq(got[i].len, want[i].len);
		ck_assert_uint_eq(got[i].node, want[i].node);
	}
}

/* Two nodes, of which the first has more than what is below 4 GiB. */
START_TEST(pieces_of_ram_go_on_behind_the_hole)
{
	static const struct ram_piece want[] = {
		{ .gpa = 0, .len = 3 * GiB, .node = 0 },
		{ .gpa = 4 * GiB, .len = GiB, .node = 0 },
		{ .gpa = 5 * GiB, .len = 2 * GiB, .node = 1 },
	};
	struct moat_placed_node node[2] = {
		{ .host_node = 1, .ram_bytes = 4 * GiB },
		{ .host_node = 0, .ram_bytes = 2 * GiB },
	};
	struct moat_placement placement = {
		.ram_bound = true,
		.n_nodes = 2,
		.node = node,
	};
	struct ram ram = {
		.size = { .low = 3 * GiB, .high = 3 * GiB },
		.page_size = SMALL_PAGE,
		.placement = &placement,
	};
	struct ram_piece pieces[RAM_PIECES_MAX];

	check_pieces(&ram, want, ARRAY_SIZE(want));
	placement.ram_bound = false;
	ck_assert_uint_eq(ram_pieces(&ram, pieces), 0);
	ram.placement = NULL;
	ck_assert_uint_eq(ram_pieces(&ram, pieces), 0);
}
END_TEST

/* What came from where it could is asked for its place. */
START_TEST(pieces_of_spilled_ram_are_looked_for)
{
	static const struct ram_piece want[] = {
		{ .gpa = 0, .len = 32 * MiB, .node = 1 },
	};
	struct moat_placed_node node[2] = {
		{ .host_node = 1, .ram_bytes = 32 * MiB },
		{ .host_node = 0 },
	};
	struct moat_placement placement = {
		.n_nodes = 2,
		.node = node,
	};
	struct ram_config config = {
		.size = { .low = 32 * MiB },
		.hugepages = HUGEPAGES_OFF,
		.host = &host,
	};
	struct ram_piece pieces[RAM_PIECES_MAX];
	struct ram *ram;

	/* Somewhere else than on node 0 it would tell us. */
	if (access("/sys/devices/system/node/node1", F_OK) == 0)
		return;
	setup();
	ck_assert_int_eq(ram_create(&config, &ram, &err), 0);
	ck_assert_int_eq(ram_populate(ram, NULL, NULL, &err), 0);
	ram->placement = &placement;
	placement.ram_bound = true;
	ram->spilled = true;
	check_pieces(ram, want, ARRAY_SIZE(want));
	/* A node that is none of the guest's: it is not told of any. */
	node[1].host_node = 2;
	ck_assert_uint_eq(ram_pieces(ram, pieces), 0);
	ram_destroy(ram);
	teardown();
}
END_TEST

CHECK_MAIN("ram", a_shortage_says_how_many_and_how_to_reserve_them,
	   a_kernel_without_huge_pages_is_named,
	   more_than_the_host_has_is_refused_untouched,
	   sizes_are_multiples_of_the_pages, auto_takes_what_there_is,
	   anonymous_memory_stands_in_for_a_memfd_without_huge_pages,
	   guest_addresses_translate_in_one_place, populating_touches_all_of_it,
	   ram_is_from_the_nodes_of_the_plan, populating_can_be_interrupted,
	   a_forked_child_has_no_guest_ram,
	   mem_path_takes_memory_file_systems_only,
	   mem_path_on_tmpfs_leaves_no_name_behind,
	   pieces_of_ram_go_on_behind_the_hole,
	   pieces_of_spilled_ram_are_looked_for)
