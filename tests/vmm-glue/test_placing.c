// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Carrying a placement out, on this machine, whatever it has: bound threads,
 * bound memory, and CPUs claimed from other guests. Only the state directory
 * is a test's own.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/host.h"
#include "common/util.h"
#include "tests/check_main.h"
#include "vmm-glue/bind.h"
#include "vmm-glue/cpu_claims.h"
#include "vmm-glue/placing.h"

static char dir[32], state[64];
static struct moat_host host;
static struct moat_set allowed, nodes;

static void setup(void)
{
	(void)strcpy(dir, "/tmp/moat-placing-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(state, sizeof(state), "%s/state", dir);
	host = moat_this_host;
	host.state = state;
	ck_assert_int_eq(moat_topology_allowed(&allowed, &nodes), 0);
}

static void teardown(void)
{
	char path[96];

	(void)snprintf(path, sizeof(path), "%s.cpus", state);
	(void)unlink(path);
	ck_assert_int_eq(rmdir(dir), 0);
}

static const char *list(const struct moat_set *set)
{
	static char text[MOAT_SET_STRLEN];

	return moat_set_str(set, text);
}

/* ---- claims ---- */

START_TEST(claims_last_as_long_as_their_file)
{
	struct moat_set busy, mine = { { 0 } };
	int a, b;

	setup();
	cpu_claims_look(&host, &busy); /* there is no file yet */
	ck_assert_uint_eq(moat_set_count(&busy), 0);
	a = cpu_claims_open(&host, &busy);
	ck_assert_int_ge(a, 0);
	ck_assert_uint_eq(moat_set_count(&busy), 0);
	ck_assert_int_eq(moat_set_parse("0,2-3,77,8191", &mine), 0);
	cpu_claims_settle(a, &mine);
	b = cpu_claims_open(&host, &busy);
	ck_assert_int_ge(b, 0);
	ck_assert_str_eq(list(&busy), "0,2-3,77,8191");
	ck_assert_int_eq(moat_set_parse("1,78", &mine), 0);
	cpu_claims_settle(b, &mine);
	cpu_claims_look(&host, &busy);
	ck_assert_str_eq(list(&busy), "0-3,77-78,8191");
	(void)close(a);
	cpu_claims_look(&host, &busy);
	ck_assert_str_eq(list(&busy), "1,78");
	(void)close(b);
	cpu_claims_look(&host, &busy);
	ck_assert_uint_eq(moat_set_count(&busy), 0);
	teardown();
}
END_TEST

/* Two at once would see the same CPUs free. */
START_TEST(one_decides_at_a_time)
{
	struct moat_set busy;
	int a, b;

	setup();
	a = cpu_claims_open(&host, &busy);
	ck_assert_int_ge(a, 0);
	/* It gives up after a while, and goes without. */
	b = cpu_claims_open(&host, &busy);
	ck_assert_int_lt(b, 0);
	cpu_claims_settle(a, NULL);
	b = cpu_claims_open(&host, &busy);
	ck_assert_int_ge(b, 0);
	(void)close(a);
	(void)close(b);
	teardown();
}
END_TEST

START_TEST(no_claims_where_nothing_can_be_written)
{
	struct moat_set busy;

	setup();
	host.state = "/nonexistent/state";
	ck_assert_int_lt(cpu_claims_open(&host, &busy), 0);
	ck_assert_uint_eq(moat_set_count(&busy), 0);
	teardown();
}
END_TEST

/* ---- placing ---- */

static struct placing *plan_for(const char *rule, unsigned int n_vcpus)
{
	struct placing_config config = {
		.n_vcpus = n_vcpus,
		.ram_bytes = 2 * MiB,
		.hugepages = HUGEPAGES_OFF,
		.host = &host,
	};
	struct placing *placing;
	struct moat_err err = { "" };

	ck_assert_int_eq(moat_place_rule_parse(rule, &config.rule, &err), 0);
	ck_assert_int_eq(placing_start(&config, &placing, &err), 0);
	ck_assert_msg(placing_wait(placing, &err) == 0, "%s", err.msg);
	return placing;
}

START_TEST(off_is_nothing_at_all)
{
	struct placing *placing;
	struct moat_set before, after, busy;

	setup();
	placing = plan_for("off", 1);
	ck_assert_ptr_null(placing_placement(placing));
	ck_assert_ptr_null(placing_placement(NULL));
	placing_bind_main(NULL);
	placing_bind_vcpu(NULL, 0);
	ck_assert(placing_bind_device(NULL, 0));
	ck_assert_int_eq(moat_topology_allowed(&before, &busy), 0);
	placing_destroy(placing);
	placing_destroy(NULL);
	ck_assert_int_eq(moat_topology_allowed(&after, &busy), 0);
	ck_assert_mem_eq(&before, &after, sizeof(before));
	/* No file either, or this would not be empty. */
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

/* The second guest keeps off the first one's CPU if there is another. */
START_TEST(guests_get_different_cpus)
{
	const struct moat_placement *a, *b;
	struct placing *first, *second;
	struct moat_set busy;

	setup();
	first = plan_for("auto", 1);
	a = placing_placement(first);
	ck_assert_int_ge(a->vcpu[0].cpu, 0);
	cpu_claims_look(&host, &busy);
	ck_assert(moat_set_has(&busy, (unsigned int)a->vcpu[0].cpu));
	second = plan_for("auto", 1);
	b = placing_placement(second);
	ck_assert_int_ne(b->vcpu[0].cpu, a->vcpu[0].cpu);
	if (moat_set_count(&allowed) == 1)
		ck_assert_int_eq(b->vcpu[0].cpu, -1);
	placing_destroy(first);
	placing_destroy(second);
	cpu_claims_look(&host, &busy);
	ck_assert_uint_eq(moat_set_count(&busy), 0);
	teardown();
}
END_TEST

START_TEST(what_cannot_be_is_an_error)
{
	struct placing_config config = {
		.rule = { .mode = MOAT_PLACE_NODES },
		.n_vcpus = 1,
		.ram_bytes = 2 * MiB,
		.host = &host,
	};
	struct placing *placing;
	struct moat_err err = { "" };
	struct moat_set busy;

	setup();
	moat_set_add(&config.rule.set, MOAT_SET_MAX - 1);
	ck_assert_int_eq(placing_start(&config, &placing, &err), 0);
	ck_assert_int_eq(placing_wait(placing, &err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.msg, "node 8191"));
	ck_assert_ptr_null(placing_placement(placing));
	placing_destroy(placing);
	cpu_claims_look(&host, &busy);
	ck_assert_uint_eq(moat_set_count(&busy), 0);
	teardown();
}
END_TEST

/* ---- binding ---- */

struct binding {
	const struct moat_placement *placement;
	void (*bind)(const struct moat_placement *placement);
	struct moat_set after;
};

static void *bind_and_look(void *opaque)
{
	struct binding *binding = opaque;
	struct moat_set unused;

	binding->bind(binding->placement);
	ck_assert_int_eq(moat_topology_allowed(&binding->after, &unused), 0);
	return NULL;
}

/* In a thread of its own: the next test wants all CPUs. */
static const char *bound(const struct moat_placement *placement,
			 void (*bind)(const struct moat_placement *placement))
{
	struct binding binding = { placement, bind, { { 0 } } };
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, bind_and_look, &binding),
			 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	return list(&binding.after);
}

static void bind_vcpu_0(const struct moat_placement *placement)
{
	placing_bind_vcpu(placement, 0);
}

static void bind_vcpu_1(const struct moat_placement *placement)
{
	placing_bind_vcpu(placement, 1);
}

static void bind_device(const struct moat_placement *placement)
{
	ck_assert(placing_bind_device(placement, 0));
}

static void bind_crowded_device(const struct moat_placement *placement)
{
	ck_assert(!placing_bind_device(placement, 1));
}

START_TEST(threads_are_where_the_plan_says)
{
	struct moat_placed_node node = { .host_node = 0 };
	struct moat_placed_vcpu vcpu[] = { { 0, -1 }, { 0, -1 } };
	struct moat_placed_device device[2] = { { .alone = true }, { 0 } };
	struct moat_placement p = {
		.n_nodes = 1,
		.node = &node,
		.n_vcpus = 2,
		.vcpu = vcpu,
		.n_devices = 2,
		.device = device,
	};
	char all[MOAT_SET_STRLEN], one[16];
	int cpu;

	setup();
	(void)strcpy(all, list(&allowed));
	cpu = moat_set_next(&allowed, 0);
	(void)snprintf(one, sizeof(one), "%d", cpu);
	node.cpus = allowed;
	vcpu[1].cpu = cpu;
	moat_set_add(&p.main, (unsigned int)cpu);
	moat_set_add(&device[0].cpus, (unsigned int)cpu);
	device[1].cpus = allowed;
	ck_assert_str_eq(bound(&p, placing_bind_main), one);
	ck_assert_str_eq(bound(&p, bind_vcpu_0), all);
	ck_assert_str_eq(bound(&p, bind_vcpu_1), one);
	ck_assert_str_eq(bound(&p, bind_device), one);
	ck_assert_str_eq(bound(&p, bind_crowded_device), all);
	teardown();
}
END_TEST

START_TEST(bad_bindings_are_refused)
{
	struct moat_set none = { { 0 } };
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(page, MAP_FAILED);
	ck_assert_int_eq(bind_thread(&none), -EINVAL);
	/* Or there is no NUMA at all, or no permission. */
	ck_assert_int_lt(bind_memory(page, 4096, MOAT_SET_MAX - 1), 0);
	(void)munmap(page, 4096);
}
END_TEST

static const struct {
	enum moat_dma_mode dma;
	enum hugepages asked, want;
	enum moat_pio_mode pio;
	int node, want_node;
} add_cases[] = {
	{ MOAT_DMA_IOMMU, HUGEPAGES_AUTO, HUGEPAGES_AUTO, MOAT_PIO_THREAD, 1,
	  1 },
	{ MOAT_DMA_IOMMU, HUGEPAGES_1G, HUGEPAGES_1G, MOAT_PIO_VFIO,
	  MOAT_NO_NODE, MOAT_PLACE_NO_NODE },
	/* RAM without a fence is made of huge pages. */
	{ MOAT_DMA_NONE, HUGEPAGES_AUTO, HUGEPAGES_2M, MOAT_PIO_DIRECT, 0, 0 },
	{ MOAT_DMA_NONE, HUGEPAGES_1G, HUGEPAGES_1G, MOAT_PIO_VFIO, 0, 0 },
};

START_TEST(devices_are_planned_with)
{
	for (size_t i = 0; i < ARRAY_SIZE(add_cases); i++) {
		struct placing_config config = {
			.hugepages = add_cases[i].asked,
			.n_devices = 1,
		};
		const struct moat_device_spec spec = {
			.host = { 0, 0x81, 0, 1 },
			.dma = add_cases[i].dma,
			.pio = add_cases[i].pio,
		};

		placing_add(&config, &spec, add_cases[i].node);
		ck_assert_uint_eq(config.n_devices, 2);
		ck_assert_int_eq(config.hugepages, add_cases[i].want);
		ck_assert_int_eq(config.devices[1].node,
				 add_cases[i].want_node);
		ck_assert(moat_bdf_equal(config.devices[1].bdf, spec.host));
		ck_assert_int_eq(config.devices[1].serves_thread,
				 add_cases[i].pio == MOAT_PIO_THREAD);
	}
}
END_TEST

CHECK_MAIN("placing", devices_are_planned_with,
	   claims_last_as_long_as_their_file, one_decides_at_a_time,
	   no_claims_where_nothing_can_be_written, off_is_nothing_at_all,
	   guests_get_different_cpus, what_cannot_be_is_an_error,
	   threads_are_where_the_plan_says, bad_bindings_are_refused)
