// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * moat-bench map: what it costs to let a device reach memory, and to have
 * that memory first.
 *
 * A round goes through the interfaces, and the next in the reverse order, as
 * a device can be in one at a time. In each, memory of every kind of page is
 * made as large as the largest size wants it, and its beginning mapped and
 * unmapped in all sizes: what is mapped is there already, so that the time is
 * that of pinning and of the tables. Small sizes are tried several times for
 * one sample, which is the median.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <moat/device_spec.h>
#include <moat/host_pci.h>

#include "bench/buffer.h"
#include "bench/commands.h"
#include "bench/keeper.h"
#include "bench/list.h"
#include "bench/stats.h"
#include "bench/target.h"
#include "common/clock.h"
#include "common/util.h"

#define TRIES_MAX 16
#define TRIES_NS  (4 * NS_PER_MS) /* enough for one sample */
#define SMALLEST  MiB

struct map_options {
	const char *device, *targets, *pages, *sizes, *threads;
	uint64_t populate;
	unsigned int rounds;
	const char *json;
};

static const struct opt_desc map_desc[] = {
	OPT(struct map_options, device, "device", OPT_STR,
	    .arg = "host=BDF[,managed=on]",
	    .help = "any device, as of moat's -pcidevice; not needed for vtd"),
	OPT(struct map_options, targets, "targets", OPT_STR, .arg = "LIST",
	    .def = "type1,iommufd,vtd",
	    .help = "the kernel's interfaces, and tables built in software"),
	OPT(struct map_options, pages, "pages", OPT_STR, .arg = "LIST",
	    .def = "4K,thp,2M,1G", .help = "that the memory is made of"),
	OPT(struct map_options, sizes, "sizes", OPT_STR, .arg = "LIST",
	    .help = "bytes mapped (default 1M to all that is free)"),
	OPT(struct map_options, threads, "threads", OPT_STR, .arg = "LIST",
	    .def = "1,2", .help = "that populate memory together"),
	OPT(struct map_options, populate, "populate", OPT_SIZE, .arg = "SIZE",
	    .def = "2G", .help = "of memory that they populate"),
	OPT(struct map_options, rounds, "rounds", OPT_UINT, .arg = "N",
	    .def = "10", .min = 1, .max = 10000, .help = "samples of each"),
	OPTION_JSON(struct map_options, json),
};

static const struct opt_table map_table = {
	.desc = map_desc,
	.n = ARRAY_SIZE(map_desc),
};

#define BY_SIZE .x = "size", .panel = "pages"

static const struct bench_quantity map_page = { .name = "map",
						.unit = "ns/page",
						BY_SIZE };
static const struct bench_quantity unmap_page = { .name = "unmap",
						  .unit = "ns/page",
						  BY_SIZE };
static const struct bench_quantity map_speed = { .name = "map-throughput",
						 .unit = "GiB/s",
						 .more_is_better = true,
						 BY_SIZE };
static const struct bench_quantity unmap_speed = { .name = "unmap-throughput",
						   .unit = "GiB/s",
						   .more_is_better = true,
						   BY_SIZE };
static const struct bench_quantity outside = { .name = "outside-kernel",
					       .unit = "%",
					       BY_SIZE };
static const struct bench_quantity populate = { .name = "populate",
						.unit = "GiB/s",
						.more_is_better = true,
						.x = "threads" };

struct map_bench {
	const struct map_options *opts;
	struct moat_device_spec spec;
	struct bench_list targets, pages, sizes, threads;
	bool absent[TARGET_KINDS];   /* it was not to be had, which was said */
	uint64_t room[BUFFER_KINDS]; /* bytes that could be had at the start */
	struct bench_result *result;
};

static double gib_per_s(uint64_t bytes, double ns)
{
	return (double)bytes / (double)GiB * (double)NS_PER_S / ns;
}

/* ---- mapping ---- */

/* One sample's tries: ns, and percent. */
struct tries {
	double map[TRIES_MAX], unmap[TRIES_MAX], outside[TRIES_MAX];
	size_t n;
	bool has_kernel;
};

static int try_once(struct bench_target *target,
		    const struct bench_buffer *buffer, uint64_t len,
		    struct tries *tries, struct moat_err *err)
{
	uint64_t start = moat_now_ns(), mapped, kernel_ns;
	int r;

	r = target_map(target, buffer, len, &kernel_ns, err);
	mapped = moat_now_ns();
	if (r == 0)
		r = target_unmap(target, len, err);
	if (r < 0)
		return r;
	tries->map[tries->n] = (double)(mapped - start);
	tries->unmap[tries->n] = (double)(moat_now_ns() - mapped);
	tries->has_kernel = kernel_ns != 0;
	tries->outside[tries->n] = 100 - 100 * (double)kernel_ns /
						 (double)(mapped - start);
	tries->n++;
	return 0;
}

static double median(const double *samples, size_t n)
{
	struct bench_stats stats;

	return bench_stats_of(samples, n, &stats) < 0 ? 0 : stats.median;
}

static void add(struct map_bench *bench, const struct bench_quantity *quantity,
		const char *labels, double sample)
{
	bench_series_add(bench_result_series(bench->result, quantity, labels),
			 sample);
}

static int sample_size(struct map_bench *bench, struct bench_target *target,
		       const struct bench_buffer *buffer, uint64_t len,
		       const char *labels, struct moat_err *err)
{
	uint64_t end = moat_now_ns() + TRIES_NS;
	uint64_t page = buffer_page_size(buffer->pages);
	double pages = (double)((len + page - 1) / page), ns;
	struct tries tries = { .n = 0 };
	int r = 0;

	do
		r = try_once(target, buffer, len, &tries, err);
	while (r == 0 && tries.n < TRIES_MAX && moat_now_ns() < end);
	if (r < 0)
		return r;
	ns = median(tries.map, tries.n);
	add(bench, &map_page, labels, ns / pages);
	add(bench, &map_speed, labels, gib_per_s(len, ns));
	ns = median(tries.unmap, tries.n);
	add(bench, &unmap_page, labels, ns / pages);
	add(bench, &unmap_speed, labels, gib_per_s(len, ns));
	if (tries.has_kernel)
		add(bench, &outside, labels, median(tries.outside, tries.n));
	return 0;
}

/* The i-th size for a kind of page; 0: there is no such. */
static uint64_t size_at(const struct map_bench *bench, enum buffer_pages pages,
			size_t i)
{
	uint64_t room = bench->room[pages], size;

	if (bench->sizes.n)
		return i < bench->sizes.n ? bench->sizes.item[i] : 0;
	/* Each four times the one before, and last what there is. */
	if (i > 20)
		return 0;
	size = SMALLEST << 2 * i;
	if (size < room)
		return size;
	return i == 0 || size >> 2 < room ? room : 0;
}

static bool fits(const struct map_bench *bench, enum buffer_pages pages,
		 uint64_t size)
{
	return size <= bench->room[pages] &&
	       is_aligned(size, buffer_page_size(pages));
}

static uint64_t largest(const struct map_bench *bench, enum buffer_pages pages)
{
	uint64_t max = 0, size;

	for (size_t i = 0; (size = size_at(bench, pages, i)); i++)
		if (fits(bench, pages, size))
			max = max_u64(max, size);
	return max;
}

static void labels_of(enum target_kind kind, enum buffer_pages pages,
		      uint64_t size, char ret_labels[96])
{
	(void)snprintf(ret_labels, 96, "target=%s pages=%s size=%llu",
		       target_names[kind], buffer_names[pages],
		       (unsigned long long)size);
}

static int sample_pages(struct map_bench *bench, struct bench_target *target,
			enum target_kind kind, enum buffer_pages pages,
			struct moat_err *err)
{
	struct bench_buffer buffer;
	uint64_t size, ns;
	char labels[96];
	int r;

	if (largest(bench, pages) == 0)
		return 0;
	r = buffer_create(pages, largest(bench, pages), &buffer, err);
	if (r < 0)
		return r;
	r = buffer_populate(&buffer, 1, &ns, err);
	for (size_t i = 0; r == 0 && (size = size_at(bench, pages, i)); i++) {
		if (bench_stopped())
			r = moat_fail(err, -EINTR, "stopped");
		else if (fits(bench, pages, size)) {
			labels_of(kind, pages, size, labels);
			bench_result_progress(bench->result, "%s", labels);
			r = sample_size(bench, target, &buffer, size, labels,
					err);
		}
	}
	buffer_destroy(&buffer);
	return r;
}

static int sample_target(struct map_bench *bench, enum target_kind kind,
			 struct moat_err *err)
{
	struct bench_target *target;
	char labels[96];
	int r;

	if (bench->absent[kind])
		return 0;
	r = target_open(kind, bench->spec.host, &target, err);
	if (r == -ENOENT) {
		bench->absent[kind] = true;
		(void)snprintf(labels, sizeof(labels), "target=%s",
			       target_names[kind]);
		bench_result_skip(bench->result, labels, err->msg);
		return 0;
	}
	for (size_t i = 0; r == 0 && i < bench->pages.n; i++)
		r = sample_pages(bench, target, kind,
				 (enum buffer_pages)bench->pages.item[i], err);
	if (r < 0)
		moat_fail_prefix(err, r, "%s", target_names[kind]);
	target_close(target);
	return r;
}

/* ---- populating ---- */

static int sample_populate(struct map_bench *bench, enum buffer_pages pages,
			   unsigned int round, struct moat_err *err)
{
	uint64_t len = min_u64(bench->opts->populate, bench->room[pages]), ns;
	const struct bench_list *threads = &bench->threads;
	struct bench_buffer buffer;
	char labels[96], size[32];
	int r = 0;

	len = align_down(len, buffer_page_size(pages));
	for (size_t i = 0; r == 0 && len && i < threads->n; i++) {
		size_t at = round % 2 ? threads->n - 1 - i : i;
		unsigned int n = (unsigned int)threads->item[at];

		(void)snprintf(
			labels, sizeof(labels), "pages=%s size=%s threads=%u",
			buffer_names[pages], bench_size_str(len, size), n);
		bench_result_progress(bench->result, "populate %s", labels);
		r = buffer_create(pages, len, &buffer, err);
		if (r < 0)
			return r;
		r = buffer_populate(&buffer, n, &ns, err);
		if (r == 0)
			add(bench, &populate, labels,
			    gib_per_s(len, (double)ns));
		buffer_destroy(&buffer);
		if (r == 0 && bench_stopped())
			r = moat_fail(err, -EINTR, "stopped");
	}
	return r;
}

static int run_rounds(struct map_bench *bench, struct moat_err *err)
{
	const struct bench_list *targets = &bench->targets;
	int r = 0;

	for (unsigned int i = 0; r == 0 && i < bench->opts->rounds; i++) {
		bench_result_round(bench->result, i, bench->opts->rounds);
		for (size_t k = 0; r == 0 && k < bench->pages.n; k++)
			r = sample_populate(
				bench, (enum buffer_pages)bench->pages.item[k],
				i, err);
		for (size_t k = 0; r == 0 && k < targets->n; k++) {
			size_t at = i % 2 ? targets->n - 1 - k : k;

			r = sample_target(bench,
					  (enum target_kind)targets->item[at],
					  err);
		}
	}
	return r;
}

/* ---- the result ---- */

static void compare_threads(struct map_bench *bench, enum buffer_pages pages)
{
	uint64_t len =
		align_down(min_u64(bench->opts->populate, bench->room[pages]),
			   buffer_page_size(pages));
	struct bench_series *first = NULL, *series;
	char labels[96], size[32];

	for (size_t i = 0; i < bench->threads.n; i++) {
		(void)snprintf(labels, sizeof(labels),
			       "pages=%s size=%s threads=%u",
			       buffer_names[pages], bench_size_str(len, size),
			       (unsigned int)bench->threads.item[i]);
		series = bench_result_find(bench->result, &populate, labels);
		if (first)
			(void)bench_result_compare(bench->result, series,
						   first);
		else
			first = series;
	}
}

/* Each interface with the first, at the largest size. */
static void compare_targets(struct map_bench *bench, enum buffer_pages pages)
{
	uint64_t size = largest(bench, pages);
	struct bench_series *first = NULL, *series;
	char labels[96];

	for (size_t i = 0; size && i < bench->targets.n; i++) {
		labels_of((enum target_kind)bench->targets.item[i], pages, size,
			  labels);
		series = bench_result_find(bench->result, &map_speed, labels);
		if (first)
			(void)bench_result_compare(bench->result, series,
						   first);
		else
			first = series;
	}
}

static void compare_all(struct map_bench *bench)
{
	for (size_t i = 0; i < bench->pages.n; i++)
		compare_threads(bench, (enum buffer_pages)bench->pages.item[i]);
	for (size_t i = 0; i < bench->pages.n; i++)
		compare_targets(bench, (enum buffer_pages)bench->pages.item[i]);
}

/* ---- before ---- */

static int parse(struct map_bench *bench, struct moat_err *err)
{
	const struct map_options *opts = bench->opts;
	int r;

	r = bench_list_words("targets", opts->targets, target_names,
			     &bench->targets, err);
	if (r == 0)
		r = bench_list_words("pages", opts->pages, buffer_names,
				     &bench->pages, err);
	if (r == 0 && opts->sizes)
		r = bench_list_sizes("sizes", opts->sizes, &bench->sizes, err);
	if (r == 0)
		r = bench_list_sizes("threads", opts->threads, &bench->threads,
				     err);
	for (size_t i = 0; r == 0 && i < bench->sizes.n; i++)
		if (!is_aligned(bench->sizes.item[i], 4 * KiB))
			r = moat_fail(err, -EINVAL, "-sizes: multiples of 4K");
	for (size_t i = 0; r == 0 && i < bench->threads.n; i++)
		if (bench->threads.item[i] > 256)
			r = moat_fail(err, -EINVAL, "-threads: 256 at most");
	if (r == 0 && opts->device)
		r = moat_device_spec_parse(opts->device, &bench->spec, err);
	for (size_t i = 0; r == 0 && i < bench->targets.n; i++)
		if (bench->targets.item[i] != TARGET_VTD && !opts->device)
			r = moat_fail(err, -EINVAL,
				      "%s maps for a device only: -device is "
				      "missing",
				      target_names[bench->targets.item[i]]);
	return r;
}

/* What will not be measured of the sizes, and why. */
static void skip_sizes(struct map_bench *bench, enum buffer_pages pages)
{
	const char *why;
	char labels[96];
	uint64_t size;

	for (size_t i = 0; (size = size_at(bench, pages, i)); i++) {
		if (fits(bench, pages, size))
			continue;
		why = size > bench->room[pages]
			      ? "more than there is free"
			      : "no multiple of the page's size";
		(void)snprintf(labels, sizeof(labels), "pages=%s size=%llu",
			       buffer_names[pages], (unsigned long long)size);
		bench_result_skip(bench->result, labels, why);
	}
}

static void look_for_room(struct map_bench *bench)
{
	const char *why;
	char labels[96];

	for (size_t i = 0; i < bench->pages.n; i++) {
		enum buffer_pages pages =
			(enum buffer_pages)bench->pages.item[i];

		bench->room[pages] = buffer_available(NULL, pages, &why);
		(void)snprintf(labels, sizeof(labels), "pages=%s",
			       buffer_names[pages]);
		if (bench->room[pages])
			skip_sizes(bench, pages);
		else
			bench_result_skip(bench->result, labels, why);
	}
}

static int run_bench(struct map_bench *bench, struct moat_err *err)
{
	const struct map_options *opts = bench->opts;
	bool bound = false;
	struct moat_err later;
	int r = 0;

	bench_catch_signals();
	look_for_room(bench);
	if (bench->spec.managed)
		r = moat_host_pci_bind(NULL, bench->spec.host, 0, &bound, err);
	if (r == 0)
		r = run_rounds(bench, err);
	if (bound && moat_host_pci_release(NULL, bench->spec.host, &later) < 0)
		bench_command_error(&later);
	bench_result_print(bench->result);
	compare_all(bench);
	if (r == -EINTR)
		bench_result_note(bench->result, "stopped before its end");
	if (r == 0 || r == -EINTR)
		r = bench_result_finish(bench->result, opts->json, err);
	return r;
}

static int map(const void *options, const struct opt_list *words,
	       struct bench_result *result, struct moat_err *err)
{
	struct map_bench bench = { .opts = options, .result = result };
	int r;

	(void)words;
	r = parse(&bench, err);
	return r < 0 ? r : run_bench(&bench, err);
}

static const struct bench_command command = {
	.name = "map",
	.args = "[-device host=BDF[,managed=on]] [options]",
	.table = &map_table,
	.bench = "map",
	.run = map,
};

int cmd_map(int argc, char **argv)
{
	struct map_options opts = { .device = NULL };

	return bench_command_main(&command, argc, argv, &opts);
}
