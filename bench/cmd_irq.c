// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * moat-bench irq: from the register write that makes a device interrupt, to
 * the moment when this process runs again and knows.
 *
 * Pinned means that the thread and the host's interrupt are on one CPU of the
 * device's node; free that both may be anywhere. An interrupt is an eventfd's
 * here, as it is a VMM's without a KVM.
 */
#include <errno.h>
#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/commands.h"
#include "bench/keeper.h"
#include "bench/list.h"
#include "bench/node.h"
#include "bench/source.h"
#include "common/clock.h"
#include "common/host.h"
#include "common/io.h"
#include "common/parse.h"
#include "common/util.h"

#define DEADLINE_MS 10000

struct irq_options {
	struct opt_list device;
	const char *irqs, *pins;
	unsigned int rounds, count;
	const char *json;
};

static const struct opt_desc irq_desc[] = {
	OPT(struct irq_options, device, "device", OPT_LIST,
	    .arg = "host=BDF[,managed=on]", .required = true,
	    .help = "an NVMe disk or QEMU's edu; may be repeated"),
	OPT(struct irq_options, irqs, "irqs", OPT_STR, .arg = "LIST",
	    .def = "intx,msi,msix,polled",
	    .help = "those that a device has are measured"),
	OPT(struct irq_options, pins, "pins", OPT_STR, .arg = "LIST",
	    .def = "pinned,free",
	    .help = "to one CPU of the device's node, or to none"),
	OPT(struct irq_options, rounds, "rounds", OPT_UINT, .arg = "N",
	    .def = "10", .min = 1, .max = 10000,
	    .help = "times that the device is opened in each way"),
	OPT(struct irq_options, count, "count", OPT_UINT, .arg = "N",
	    .def = "100", .min = 1, .max = 1000000,
	    .help = "interrupts in each of them"),
	OPTION_JSON(struct irq_options, json),
};

static const struct opt_table irq_table = {
	.desc = irq_desc,
	.n = ARRAY_SIZE(irq_desc),
};

/* The first three as in enum bench_irq. */
enum way { WAY_INTX = BENCH_INTX, WAY_POLLED = BENCH_MSIX + 1, WAYS };
static const char *const way_names[] = { "intx", "msi", "msix", "polled",
					 NULL };

enum pin { PINNED, FREE };
static const char *const pin_names[] = { "pinned", "free", NULL };

static const struct bench_quantity round_trip = { .name = "round-trip",
						  .unit = "us" };

struct irq_device {
	struct moat_device_spec spec;
	struct moat_host_pci fn;
	struct bench_nodes nodes;
	bool absent[WAYS]; /* it does not have it, which was said */
};

struct irq_bench {
	const struct irq_options *opts;
	struct bench_list ways, pins;
	struct irq_device device[OPT_LIST_MAX];
	size_t n_devices;
	struct bench_result *result;
};

/* ---- where interrupts go ---- */

static int set_affinity(uint64_t irq, const struct moat_set *cpus)
{
	char path[PATH_MAX], list[MOAT_SET_STRLEN];
	int r;

	r = moat_path(path, "%s/irq/%llu/smp_affinity_list",
		      moat_this_host.procfs, (unsigned long long)irq);
	return r < 0 ? r : moat_write_text(path, moat_set_str(cpus, list));
}

/* MSI and MSI-X: all that the device has. */
static int set_message_affinity(const char *bdf, const struct moat_set *cpus)
{
	char path[PATH_MAX];
	struct dirent *entry;
	uint64_t irq;
	DIR *dir;
	int r;

	r = moat_path(path, "%s/bus/pci/devices/%s/msi_irqs",
		      moat_this_host.sysfs, bdf);
	if (r < 0)
		return r;
	dir = opendir(path);
	if (!dir)
		return -errno;
	while (r == 0 && (entry = readdir(dir)))
		if (moat_parse_u64(entry->d_name, 10, &irq) == 0) {
			r = set_affinity(irq, cpus);
			if (r == -ENOENT) /* a vector that nobody has */
				r = 0;
		}
	(void)closedir(dir);
	return r;
}

static int set_pin_affinity(const char *bdf, const struct moat_set *cpus)
{
	char path[PATH_MAX], text[32];
	uint64_t irq;
	int r;

	r = moat_path(path, "%s/bus/pci/devices/%s/irq", moat_this_host.sysfs,
		      bdf);
	if (r == 0)
		r = moat_read_text(path, text, sizeof(text));
	if (r < 0)
		return r;
	r = moat_parse_u64(text, 10, &irq);
	return r < 0 ? r : set_affinity(irq, cpus);
}

static int place(const struct irq_device *device, enum pin pin, enum way way,
		 struct moat_err *err)
{
	struct moat_set cpus = device->nodes.all;
	char bdf[MOAT_BDF_STRLEN];
	int r;

	if (pin == PINNED) {
		memset(&cpus, 0, sizeof(cpus));
		moat_set_add(&cpus, (unsigned int)moat_set_next(
					    &device->nodes.near_cpus, 0));
	}
	r = bench_run_on(&cpus, err);
	if (r < 0 || way == WAY_POLLED)
		return r;
	moat_bdf_str(device->fn.bdf, bdf);
	r = way == WAY_INTX ? set_pin_affinity(bdf, &cpus)
			    : set_message_affinity(bdf, &cpus);
	return r < 0 ? moat_fail(err, r, "%s: its interrupt's CPU: %s", bdf,
				 strerror(-r))
		     : 0;
}

/* ---- one interrupt ---- */

/* Until the device's own; a level-triggered one may come once too often. */
static int await(struct bench_source *source, uint64_t *ret_now,
		 struct moat_err *err)
{
	struct pollfd ready = { .fd = source_fd(source), .events = POLLIN };
	uint64_t count;
	bool ours;

	do {
		int n = poll(&ready, 1, DEADLINE_MS);

		if (n < 0 && errno == EINTR)
			return moat_fail(err, -EINTR, "stopped");
		if (n != 1)
			return moat_fail(err, -ETIMEDOUT,
					 "the interrupt does not come");
		*ret_now = moat_now_ns();
		if (read(ready.fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
			return moat_fail(err, -errno, "eventfd: %s",
					 strerror(errno));
		ours = source_answer(source);
		bench_function_irq_done(source_function(source));
	} while (!ours);
	return 0;
}

static int await_polling(struct bench_source *source, uint64_t *ret_now,
			 struct moat_err *err)
{
	uint64_t deadline = moat_now_ns() + DEADLINE_MS * NS_PER_MS;

	while (!source_answer(source))
		if (moat_now_ns() > deadline)
			return moat_fail(err, -ETIMEDOUT,
					 "the device does not answer");
	*ret_now = moat_now_ns();
	return 0;
}

static int sample(struct irq_bench *bench, struct bench_source *source,
		  enum way way, struct bench_series *series,
		  struct moat_err *err)
{
	uint64_t start, now = 0;
	int r = 0;

	for (unsigned int i = 0; r == 0 && i <= bench->opts->count; i++) {
		if (bench_stopped())
			return moat_fail(err, -EINTR, "stopped");
		start = moat_now_ns();
		source_fire(source);
		r = way == WAY_POLLED ? await_polling(source, &now, err)
				      : await(source, &now, err);
		/* The first finds nothing where it is wanted. */
		if (r == 0 && i > 0)
			bench_series_add(series, (double)(now - start) / 1000);
	}
	return r;
}

/* ---- rounds ---- */

static void labels_of(const struct irq_device *device, enum way way,
		      enum pin pin, char ret_labels[96])
{
	(void)snprintf(ret_labels, 96, "device=%s irq=%s cpu=%s",
		       source_name(&device->fn), way_names[way],
		       pin_names[pin]);
}

static int sample_pins(struct irq_bench *bench, struct irq_device *device,
		       struct bench_source *source, enum way way,
		       unsigned int round, struct moat_err *err)
{
	const struct bench_list *pins = &bench->pins;
	char labels[96];
	int r = 0;

	for (size_t i = 0; r == 0 && i < pins->n; i++) {
		size_t at = round % 2 ? pins->n - 1 - i : i;
		enum pin pin = (enum pin)pins->item[at];

		labels_of(device, way, pin, labels);
		bench_result_progress(bench->result, "%s", labels);
		r = place(device, pin, way, err);
		if (r == 0)
			r = sample(bench, source, way,
				   bench_result_series(bench->result,
						       &round_trip, labels),
				   err);
	}
	return r;
}

static int sample_way(struct irq_bench *bench, struct irq_device *device,
		      enum way way, unsigned int round, struct moat_err *err)
{
	const bool polled = way == WAY_POLLED;
	struct bench_source *source;
	bool measured = false;
	char labels[96];
	int r;

	if (device->absent[way])
		return 0;
	(void)snprintf(labels, sizeof(labels), "device=%s irq=%s",
		       source_name(&device->fn), way_names[way]);
	r = source_open(&device->fn, &device->spec,
			polled ? BENCH_INTX : (enum bench_irq)way, polled,
			&source, err);
	if (r == 0) {
		measured = true;
		r = sample_pins(bench, device, source, way, round, err);
		source_close(source);
	}
	/* Not every machine has wired every device's pin. */
	if ((!measured && (r == -EINVAL || r == -ENOTSUP)) ||
	    (r == -ETIMEDOUT && round == 0)) {
		device->absent[way] = true;
		bench_result_skip(bench->result, labels, err->msg);
		return 0;
	}
	return r < 0 ? moat_fail_prefix(err, r, "%s", labels) : 0;
}

static int run_rounds(struct irq_bench *bench, struct moat_err *err)
{
	size_t n = bench->ways.n * bench->n_devices;
	int r = 0;

	for (unsigned int i = 0; r == 0 && i < bench->opts->rounds; i++) {
		bench_result_round(bench->result, i, bench->opts->rounds);
		for (size_t k = 0; r == 0 && k < n; k++) {
			size_t at = i % 2 ? n - 1 - k : k;

			r = sample_way(
				bench, &bench->device[at / bench->ways.n],
				(enum way)bench->ways.item[at % bench->ways.n],
				i, err);
		}
	}
	return r;
}

/* What pinning is worth. */
static void compare_pins(struct irq_bench *bench)
{
	char a[96], b[96];

	for (size_t i = 0; i < bench->n_devices; i++)
		for (size_t k = 0; k < bench->ways.n; k++) {
			enum way way = (enum way)bench->ways.item[k];

			labels_of(&bench->device[i], way, PINNED, a);
			labels_of(&bench->device[i], way, FREE, b);
			(void)bench_result_compare(
				bench->result,
				bench_result_find(bench->result, &round_trip, a),
				bench_result_find(bench->result, &round_trip,
						  b));
		}
}

static int look_up(struct irq_bench *bench, struct moat_err *err)
{
	const struct opt_list *list = &bench->opts->device;
	char name[MOAT_BDF_STRLEN];
	int r = 0;

	for (size_t i = 0; r == 0 && i < list->n; i++) {
		struct irq_device *device = &bench->device[i];

		r = moat_device_spec_parse(list->item[i], &device->spec, err);
		if (r == 0)
			r = moat_host_pci_read(NULL, device->spec.host,
					       &device->fn, err);
		if (r == 0 && !source_name(&device->fn))
			r = moat_fail(err, -ENOTSUP,
				      "%s is neither an NVMe disk nor edu",
				      moat_bdf_str(device->fn.bdf, name));
		if (r == 0)
			r = bench_nodes_of(device->fn.bdf, &device->nodes, err);
		/* Asking edu would be all that is measured. */
		device->absent[WAY_POLLED] =
			r == 0 && strcmp(source_name(&device->fn), "edu") == 0;
		bench->n_devices++;
	}
	return r;
}

static int run_bench(struct irq_bench *bench, struct moat_err *err)
{
	int r;

	r = look_up(bench, err);
	if (r < 0)
		return r;
	bench_catch_signals();
	r = run_rounds(bench, err);
	bench_result_print(bench->result);
	compare_pins(bench);
	if (r == -EINTR)
		bench_result_note(bench->result, "stopped before its end");
	if (r == 0 || r == -EINTR)
		r = bench_result_finish(bench->result, bench->opts->json, err);
	return r;
}

static int irq(const void *options, const struct opt_list *words,
	       struct bench_result *result, struct moat_err *err)
{
	const struct irq_options *opts = options;
	struct irq_bench *bench = calloc(1, sizeof(*bench));
	int r;

	(void)words;
	if (!bench)
		return moat_fail(err, -ENOMEM, "out of memory");
	bench->opts = opts;
	bench->result = result;
	r = bench_list_words("irqs", opts->irqs, way_names, &bench->ways, err);
	if (r == 0)
		r = bench_list_words("pins", opts->pins, pin_names,
				     &bench->pins, err);
	if (r == 0)
		r = run_bench(bench, err);
	free(bench);
	return r;
}

static const struct bench_command command = {
	.name = "irq",
	.args = "-device host=BDF[,managed=on] [-device ...] [options]",
	.table = &irq_table,
	.bench = "irq",
	.run = irq,
};

int cmd_irq(int argc, char **argv)
{
	struct irq_options opts = { .device.n = 0 };

	return bench_command_main(&command, argc, argv, &opts);
}
