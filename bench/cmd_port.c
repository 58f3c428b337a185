// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * moat-bench port: one access of a device's ports, by each pio=, as a vCPU's
 * thread makes it after the guest's exit: through the engine's trap, with the
 * device's lock.
 *
 * A sample is the median of batches of accesses, each with the next right
 * behind it: a thread that serves ports is awake then, and what interrupts a
 * batch is no access. Near is a thread on the node of the
 * one that asks, and far one on another; alone if there is a CPU for each.
 *
 * Only reads of the first port are known to be harmless, and only where the
 * first ports select a register: with Intel's 8254x and what came after, see
 * the 82574's datasheet, revision 3.4, section 10.2.1.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <moat/host_pci.h>

#include "bench/commands.h"
#include "bench/function.h"
#include "bench/keeper.h"
#include "bench/list.h"
#include "bench/node.h"
#include "common/clock.h"
#include "common/util.h"

#define VENDOR_INTEL 0x8086
#define CLASS_NIC    0x0200 /* base class and subclass */
#define BATCH	     20
#define BATCHES_MAX  10000
/* A sample ends after so many batches that took so long. */
#define ENOUGH	  10
#define SAMPLE_NS (500 * NS_PER_MS)

struct port_options {
	struct opt_list device;
	const char *ways;
	unsigned int rounds, count;
	const char *json;
};

static const struct opt_desc port_desc[] = {
	OPT(struct port_options, device, "device", OPT_LIST,
	    .arg = "host=BDF[,managed=on]", .required = true,
	    .help = "an Intel NIC with ports"),
	OPT(struct port_options, ways, "ways", OPT_STR, .arg = "LIST",
	    .def = "direct,near,far,vfio",
	    .help = "the last is what the others are held to"),
	OPT(struct port_options, rounds, "rounds", OPT_UINT, .arg = "N",
	    .def = "20", .min = 1, .max = 10000,
	    .help = "times that the device is opened in each way"),
	OPT(struct port_options, count, "count", OPT_UINT, .arg = "N",
	    .def = "500", .min = 1, .max = BATCHES_MAX,
	    .help = "batches of 20 accesses in each of them"),
	OPTION_JSON(struct port_options, json),
};

static const struct opt_table port_table = {
	.desc = port_desc,
	.n = ARRAY_SIZE(port_desc),
};

enum way { WAY_VFIO, WAY_DIRECT, WAY_NEAR, WAY_FAR };
static const char *const way_names[] = { "vfio", "direct", "near", "far",
					 NULL };
static const struct {
	enum moat_pio_mode mode;
	const char *labels;
} ways[] = {
	[WAY_VFIO] = { MOAT_PIO_VFIO, "pio=vfio" },
	[WAY_DIRECT] = { MOAT_PIO_DIRECT, "pio=direct" },
	[WAY_NEAR] = { MOAT_PIO_THREAD, "pio=thread node=near" },
	[WAY_FAR] = { MOAT_PIO_THREAD, "pio=thread node=far" },
};

enum op { OP_READ, OP_WRITE, OPS };
static const char *const op_names[] = { "read", "write" };

static const struct bench_quantity access_time = { .name = "access",
						   .unit = "ns",
						   .panel = "op" };

struct port_bench {
	const struct port_options *opts;
	struct bench_list ways;
	struct moat_device_spec spec;
	struct moat_set cpu;	   /* who asks */
	struct moat_set near, far; /* who serves; far may have none */
	bool near_alone;
	struct bench_result *result;
	uint64_t spent[BATCHES_MAX];
};

static const char *labels_of(enum way way, enum op op, char ret_labels[96])
{
	(void)snprintf(ret_labels, 96, "%s op=%s", ways[way].labels,
		       op_names[op]);
	return ret_labels;
}

/* ---- places ---- */

static void place(struct port_bench *bench, const struct bench_nodes *nodes)
{
	const struct moat_set *here = &nodes->near_cpus;
	int cpu = moat_set_next(here, 0);
	int other = moat_set_next(here, (unsigned int)cpu + 1);

	moat_set_add(&bench->cpu, (unsigned int)cpu);
	bench->near_alone = other >= 0;
	moat_set_add(&bench->near, (unsigned int)(other >= 0 ? other : cpu));
	bench->far = nodes->far_cpus;
	if (!bench->near_alone)
		bench_result_note(bench->result,
				  "the device's node has one CPU, which both "
				  "threads of node=near share");
}

/* ---- samples ---- */

static int by_time(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Nanoseconds of one. */
static double sample(struct port_bench *bench, struct bench_function *fn,
		     unsigned int bar, enum op op, uint32_t value)
{
	uint64_t *spent = bench->spent, start;
	const uint64_t began = moat_now_ns();
	unsigned int n = 0;

	for (; n < bench->opts->count; n++) {
		/* A thread that finds no CPU may take milliseconds each time. */
		if (n >= ENOUGH && moat_now_ns() - began > SAMPLE_NS)
			break;
		start = moat_now_ns();
		for (int k = 0; k < BATCH; k++) {
			if (op == OP_READ)
				(void)bench_function_read(fn, bar, 0, 4);
			else
				bench_function_write(fn, bar, 0, 4, value);
		}
		spent[n] = moat_now_ns() - start;
	}
	qsort(spent, n, sizeof(spent[0]), by_time);
	return (double)spent[n / 2] / BATCH;
}

static int sample_ops(struct port_bench *bench, struct bench_function *fn,
		      unsigned int bar, enum way way, struct moat_err *err)
{
	uint32_t value = (uint32_t)bench_function_read(fn, bar, 0, 4);
	char labels[96];

	if (value == UINT32_MAX)
		return moat_fail(err, -EIO, "its ports do not answer");
	for (enum op op = OP_READ; op < OPS; op++)
		bench_series_add(
			bench_result_series(bench->result, &access_time,
					    labels_of(way, op, labels)),
			sample(bench, fn, bar, op, value));
	if (bench_function_read(fn, bar, 0, 4) != value)
		return moat_fail(err, -EIO, "its ports do not keep a value");
	return 0;
}

static int sample_way(struct port_bench *bench, enum way way,
		      struct moat_err *err)
{
	struct moat_device_spec spec = bench->spec;
	const struct bench_function_config config = {
		.spec = &spec,
		.thread_cpus = way == WAY_FAR ? &bench->far : &bench->near,
		.thread_alone = way == WAY_FAR || bench->near_alone,
	};
	struct bench_function *fn;
	int r, bar;

	if (way == WAY_FAR && moat_set_next(&bench->far, 0) < 0)
		return 0;
	if (bench_stopped())
		return moat_fail(err, -EINTR, "stopped");
	bench_result_progress(bench->result, "%s", ways[way].labels);
	spec.pio = ways[way].mode;
	r = bench_function_open(&config, &fn, err);
	if (r < 0)
		return r;
	bar = bench_function_ports(fn);
	r = bar < 0 ? moat_fail(err, -ENOTSUP, "the device has no ports")
		    : sample_ops(bench, fn, (unsigned int)bar, way, err);
	bench_function_close(fn);
	return r < 0 ? moat_fail_prefix(err, r, "%s", ways[way].labels) : 0;
}

static int run_rounds(struct port_bench *bench, struct moat_err *err)
{
	const size_t n = bench->ways.n;
	int r = 0;

	for (unsigned int i = 0; r == 0 && i < bench->opts->rounds; i++) {
		bench_result_round(bench->result, i, bench->opts->rounds);
		for (size_t k = 0; r == 0 && k < n; k++) {
			size_t at = i % 2 ? n - 1 - k : k;

			r = sample_way(bench, (enum way)bench->ways.item[at],
				       err);
		}
	}
	return r;
}

static void compare(struct port_bench *bench)
{
	enum way last = (enum way)bench->ways.item[bench->ways.n - 1];
	struct bench_series *a, *b;
	char labels[96];

	for (size_t i = 0; i + 1 < bench->ways.n; i++)
		for (enum op op = OP_READ; op < OPS; op++) {
			a = bench_result_find(
				bench->result, &access_time,
				labels_of((enum way)bench->ways.item[i], op,
					  labels));
			b = bench_result_find(bench->result, &access_time,
					      labels_of(last, op, labels));
			(void)bench_result_compare(bench->result, a, b);
		}
}

/* ---- the command ---- */

static int look_up(struct port_bench *bench, struct moat_err *err)
{
	const struct opt_list *list = &bench->opts->device;
	struct bench_nodes nodes;
	struct moat_host_pci host;
	char name[MOAT_BDF_STRLEN];
	int r;

	if (list->n != 1)
		return moat_fail(err, -EINVAL, "one -device, not %zu", list->n);
	r = moat_device_spec_parse(list->item[0], &bench->spec, err);
	if (r == 0)
		r = moat_host_pci_read(NULL, bench->spec.host, &host, err);
	if (r < 0)
		return r;
	if (host.vendor != VENDOR_INTEL || host.class_code >> 8 != CLASS_NIC)
		return moat_fail(err, -ENOTSUP, "%s is no NIC of Intel's",
				 moat_bdf_str(host.bdf, name));
	r = bench_nodes_of(host.bdf, &nodes, err);
	if (r == 0)
		place(bench, &nodes);
	return r < 0 ? r : bench_run_on(&bench->cpu, err);
}

static int run_bench(struct port_bench *bench, struct moat_err *err)
{
	int r;

	r = look_up(bench, err);
	if (r < 0)
		return r;
	bench_catch_signals();
	if (moat_set_next(&bench->far, 0) < 0)
		bench_result_skip(bench->result, ways[WAY_FAR].labels,
				  "no other node is known");
	r = run_rounds(bench, err);
	bench_result_print(bench->result);
	compare(bench);
	if (r == -EINTR)
		bench_result_note(bench->result, "stopped before its end");
	if (r == 0 || r == -EINTR)
		r = bench_result_finish(bench->result, bench->opts->json, err);
	return r;
}

static int port(const void *options, const struct opt_list *words,
		struct bench_result *result, struct moat_err *err)
{
	struct port_bench *bench = calloc(1, sizeof(*bench));
	int r;

	(void)words;
	if (!bench)
		return moat_fail(err, -ENOMEM, "out of memory");
	bench->opts = options;
	bench->result = result;
	r = bench_list_words("ways", bench->opts->ways, way_names, &bench->ways,
			     err);
	if (r == 0)
		r = run_bench(bench, err);
	free(bench);
	return r;
}

static const struct bench_command command = {
	.name = "port",
	.args = "-device host=BDF[,managed=on] [options]",
	.table = &port_table,
	.bench = "port-host",
	.run = port,
};

int cmd_port(int argc, char **argv)
{
	struct port_options opts = { .device.n = 0 };

	return bench_command_main(&command, argc, argv, &opts);
}
