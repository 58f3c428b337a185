// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * moat-bench dma: a disk's transfers with the IOMMU in front of it and
 * without, with memory near to it and far away.
 *
 * A round opens the disk in each way and takes one sample of each load; the
 * next round goes through the ways in the reverse order. All ways use the
 * same memory, the same addresses (what is physical for dma=none is the I/O
 * address for the others), and read the same data, which is checked.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bench/commands.h"
#include "bench/dma.h"
#include "bench/keeper.h"
#include "bench/list.h"
#include "bench/node.h"
#include "common/util.h"

struct dma_options {
	const char *device, *iommu, *ways, *nodes, *block, *depth;
	unsigned int rounds, time_ms;
	int lists;	   /* enum lists */
	const char *write; /* serial number; NULL: read only */
	const char *json;
};

static const struct opt_desc dma_desc[] = {
	OPT(struct dma_options, device, "device", OPT_STR,
	    .arg = "host=BDF[,managed=on]", .required = true,
	    .help = "an NVMe disk, as of moat's -pcidevice; best on no driver"),
	OPT(struct dma_options, iommu, "iommu", OPT_STR,
	    .arg = "auto|type1|iommufd", .def = "auto",
	    .help = "the kernel's interface"),
	OPT(struct dma_options, ways, "ways", OPT_STR, .arg = "LIST",
	    .def = "iommu-2M,iommu-4K,none",
	    .help = "to be compared, the last with each other"),
	OPT(struct dma_options, nodes, "nodes", OPT_STR, .arg = "LIST",
	    .def = "near", .help = "of near, far: where CPU and memory are"),
	OPT(struct dma_options, block, "block", OPT_STR, .arg = "LIST",
	    .def = "4K,16K,64K,128K,256K,1M", .help = "bytes of a transfer"),
	OPT(struct dma_options, depth, "depth", OPT_STR, .arg = "LIST",
	    .def = "1,4,16,32,64", .help = "transfers under way"),
	OPT(struct dma_options, rounds, "rounds", OPT_UINT, .arg = "N",
	    .def = "20", .min = 1, .max = 10000,
	    .help = "samples of each way and load"),
	OPT(struct dma_options, time_ms, "time", OPT_UINT, .arg = "MS",
	    .def = "100", .min = 1, .max = 60000, .help = "of a sample"),
	OPT(struct dma_options, lists, "lists", OPT_ENUM, .def = "auto",
	    .choices = "auto|prp",
	    .help = "how the disk is told where memory is: large pieces as "
		    "they are, if it takes that, or pages"),
	OPT(struct dma_options, write, "write", OPT_STR, .arg = "SERIAL",
	    .help = "overwrite the disk with this serial number, instead of "
		    "reading"),
	OPTION_JSON(struct dma_options, json),
};

static const struct opt_table dma_table = {
	.desc = dma_desc,
	.n = ARRAY_SIZE(dma_desc),
};

enum lists { LISTS_AUTO, LISTS_PRP };

enum way { WAY_IOMMU_2M, WAY_IOMMU_4K, WAY_NONE };

static const char *const way_names[] = { "iommu-2M", "iommu-4K", "none", NULL };
static const char *const way_labels[] = { "dma=iommu pages=2M",
					  "dma=iommu pages=4K", "dma=none" };

enum node { NODE_NEAR, NODE_FAR };

static const char *const node_names[] = { "near", "far", NULL };

static const struct bench_quantity throughput = {
	.name = "throughput",
	.unit = "GiB/s",
	.more_is_better = true,
	.x = "block",
	.panel = "depth",
};

static const struct bench_quantity latency = {
	.name = "latency",
	.unit = "us",
	.x = "block",
	.panel = "depth",
};

static const struct bench_quantity latency_p99 = {
	.name = "latency-p99",
	.unit = "us",
	.x = "block",
	.panel = "depth",
};

struct dma_bench {
	const struct dma_options *opts;
	struct moat_device_spec spec;
	struct bench_list ways, nodes, blocks, depths;
	struct bench_nodes place;
	struct bench_memory memory[ARRAY_SIZE(node_names) - 1];
	struct bench_result *result;
	bool described;	   /* the disk is, and skips are */
	uint64_t checksum; /* of what is read first; 0: not yet */
};

/* ---- one way, opened ---- */

struct mapping {
	const struct bench_memory *memory;
	uint64_t piece;
};

static int map_all(void *opaque, struct moat_ioas *ioas, struct moat_err *err)
{
	const struct mapping *mapping = opaque;

	return bench_memory_map(mapping->memory, ioas, mapping->piece, err);
}

static bool is_read(const struct dma_bench *bench)
{
	return !bench->opts->write;
}

static void labels_of(const struct dma_bench *bench, enum way way,
		      enum node node, const struct dma_load *load,
		      char ret_text[128])
{
	(void)snprintf(ret_text, 128, "op=%s %s node=%s block=%llu depth=%u",
		       is_read(bench) ? "read" : "write", way_labels[way],
		       node_names[node], (unsigned long long)load->block,
		       load->depth);
}

/* What was there before and what comes must differ, or nothing came. */
static int check_data(struct dma_bench *bench, struct nvme *nvme,
		      struct bench_memory *memory, struct moat_err *err)
{
	const struct dma_load load = { .block = 64 * KiB,
				       .depth = 1,
				       .time_ms = 0 };
	const uint8_t *data = memory->at + NVME_OWN_MEMORY;
	uint64_t sum = UINT64_C(14695981039346656037); /* FNV-1a */
	struct dma_sample sample;
	size_t same = 0;
	int r;

	memset(memory->at + NVME_OWN_MEMORY, 0xa5, load.block);
	r = dma_run(nvme, &load, &sample, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < load.block; i++) {
		sum = (sum ^ data[i]) * UINT64_C(1099511628211);
		same += data[i] == 0xa5;
	}
	if (same == load.block)
		return moat_fail(err, -EIO, "NVMe: nothing came by DMA");
	if (bench->checksum && bench->checksum != sum)
		return moat_fail(err, -EIO,
				 "NVMe: other data came than before");
	bench->checksum = sum;
	return 0;
}

static int check_disk(struct dma_bench *bench, struct nvme *nvme,
		      struct bench_memory *memory, struct moat_err *err)
{
	const struct nvme_info *info = nvme_info(nvme);

	if (!bench->described) {
		bench_result_option(bench->result, "disk", "%s, serial %s",
				    info->model, info->serial);
		bench_result_option(bench->result, "disk-max-transfer", "%llu",
				    (unsigned long long)info->max_transfer);
		bench_result_option(bench->result, "lists", "%s",
				    info->takes_sgl && bench->opts->lists ==
							       LISTS_AUTO
					    ? "sgl from 32K on, prp"
					    : "prp");
	}
	if (is_read(bench))
		return check_data(bench, nvme, memory, err);
	if (strcmp(bench->opts->write, info->serial) != 0)
		return moat_fail(err, -EPERM,
				 "-write names '%s', but the disk's serial "
				 "number is '%s': it is left alone",
				 bench->opts->write, info->serial);
	return 0;
}

static int sample_load(struct dma_bench *bench, struct nvme *nvme,
		       const struct dma_load *load, const char *labels,
		       struct moat_err *err)
{
	struct bench_result *result = bench->result;
	struct dma_sample sample;
	int r;

	if (load->block > nvme_info(nvme)->max_transfer ||
	    load->block % nvme_info(nvme)->block_size) {
		if (!bench->described)
			bench_result_skip(result, labels,
					  "not a size that the disk takes in "
					  "one command");
		return 0;
	}
	r = dma_run(nvme, load, &sample, err);
	if (r < 0)
		return r;
	bench_series_add(bench_result_series(result, &throughput, labels),
			 sample.gib_per_s);
	bench_series_add(bench_result_series(result, &latency, labels),
			 sample.latency_us);
	bench_series_add(bench_result_series(result, &latency_p99, labels),
			 sample.latency_p99_us);
	return 0;
}

static int sample_loads(struct dma_bench *bench, struct nvme *nvme,
			enum way way, enum node node, struct moat_err *err)
{
	struct dma_load load = { .time_ms = bench->opts->time_ms,
				 .write = !is_read(bench) };
	char labels[128];
	int r = 0;

	for (size_t i = 0; i < bench->blocks.n; i++)
		for (size_t k = 0; r == 0 && k < bench->depths.n; k++) {
			if (bench_stopped())
				return moat_fail(err, -EINTR, "stopped");
			load.block = bench->blocks.item[i];
			load.depth = (unsigned int)bench->depths.item[k];
			labels_of(bench, way, node, &load, labels);
			bench_result_progress(bench->result, "%s", labels);
			r = sample_load(bench, nvme, &load, labels, err);
		}
	return r;
}

static int run_way(struct dma_bench *bench, enum way way, enum node node,
		   struct moat_err *err)
{
	struct bench_memory *memory = &bench->memory[node];
	struct mapping mapping = {
		.memory = memory,
		.piece = way == WAY_IOMMU_4K ? 4 * KiB : BENCH_HUGE_PAGE,
	};
	struct moat_device_spec spec = bench->spec;
	const char *iommu = bench->opts->iommu;
	const struct bench_function_config config = {
		.spec = &spec,
		.backend = strcmp(iommu, "auto") == 0 ? NULL : iommu,
		.map = map_all,
		.opaque = &mapping,
	};
	struct nvme_config nvme_config = { .memory = memory,
					   .vector = NVME_POLLED,
					   .no_sgl = bench->opts->lists ==
						     LISTS_PRP };
	struct nvme *nvme = NULL;
	int r;

	spec.dma = way == WAY_NONE ? MOAT_DMA_NONE : MOAT_DMA_IOMMU;
	r = bench_run_on(node == NODE_FAR ? &bench->place.far_cpus
					  : &bench->place.near_cpus,
			 err);
	if (r == 0)
		r = bench_function_open(&config, &nvme_config.function, err);
	if (r == 0)
		r = nvme_open(&nvme_config, &nvme, err);
	if (r == 0)
		r = check_disk(bench, nvme, memory, err);
	if (r == 0)
		r = sample_loads(bench, nvme, way, node, err);
	nvme_close(nvme);
	bench_function_close(nvme_config.function);
	if (r == 0)
		bench->described = true;
	return r;
}

/* ---- rounds ---- */

static int run_rounds(struct dma_bench *bench, struct moat_err *err)
{
	size_t n = bench->ways.n * bench->nodes.n;
	int r = 0;

	for (unsigned int i = 0; r == 0 && i < bench->opts->rounds; i++) {
		bench_result_round(bench->result, i, bench->opts->rounds);
		for (size_t k = 0; r == 0 && k < n; k++) {
			size_t at = i % 2 ? n - 1 - k : k;
			enum node node = (enum node)bench->nodes
						 .item[at % bench->nodes.n];
			enum way way =
				(enum way)bench->ways.item[at / bench->nodes.n];

			r = run_way(bench, way, node, err);
			if (r < 0)
				moat_fail_prefix(err, r, "%s", way_labels[way]);
		}
	}
	return r;
}

static void compare_two(struct dma_bench *bench, const char *a, const char *b)
{
	struct bench_result *result = bench->result;

	(void)bench_result_compare(result,
				   bench_result_find(result, &throughput, a),
				   bench_result_find(result, &throughput, b));
}

/* Each way with the last of them, and far with near. */
static void compare_load(struct dma_bench *bench, const struct dma_load *load)
{
	const struct bench_list *ways = &bench->ways;
	enum way last = (enum way)ways->item[ways->n - 1];
	char a[128], b[128];

	for (size_t i = 0; i < bench->nodes.n; i++) {
		enum node node = (enum node)bench->nodes.item[i];

		labels_of(bench, last, node, load, b);
		for (size_t k = 0; k + 1 < ways->n; k++) {
			labels_of(bench, (enum way)ways->item[k], node, load,
				  a);
			compare_two(bench, a, b);
		}
	}
	for (size_t k = 0; bench->nodes.n == 2 && k < ways->n; k++) {
		labels_of(bench, (enum way)ways->item[k], NODE_FAR, load, a);
		labels_of(bench, (enum way)ways->item[k], NODE_NEAR, load, b);
		compare_two(bench, a, b);
	}
}

static void compare_all(struct dma_bench *bench)
{
	struct dma_load load = { 0 };

	for (size_t i = 0; i < bench->blocks.n; i++)
		for (size_t k = 0; k < bench->depths.n; k++) {
			load.block = bench->blocks.item[i];
			load.depth = (unsigned int)bench->depths.item[k];
			compare_load(bench, &load);
		}
}

/* In the process that a keeper keeps the memory for. */
static int work(void *opaque)
{
	struct dma_bench *bench = opaque;
	struct moat_err err, write_err;
	int r;

	r = run_rounds(bench, &err);
	bench_result_print(bench->result);
	compare_all(bench);
	if (r < 0 && r != -EINTR) {
		bench_command_error(&err);
		return EXIT_STATUS_ERROR;
	}
	if (r == -EINTR)
		bench_result_note(bench->result, "stopped before its end");
	if (bench_result_finish(bench->result, bench->opts->json, &write_err) <
	    0) {
		bench_command_error(&write_err);
		return EXIT_STATUS_ERROR;
	}
	return EXIT_STATUS_OK;
}

/* ---- before ---- */

static bool has_way(const struct dma_bench *bench, enum way way)
{
	for (size_t i = 0; i < bench->ways.n; i++)
		if (bench->ways.item[i] == (uint64_t)way)
			return true;
	return false;
}

static int check_lists(const struct dma_bench *bench, struct moat_err *err)
{
	for (size_t i = 0; i < bench->depths.n; i++)
		if (bench->depths.item[i] > NVME_DEPTH_MAX)
			return moat_fail(err, -EINVAL,
					 "-depth: %d at most are under way",
					 NVME_DEPTH_MAX);
	for (size_t i = 0; i < bench->blocks.n; i++)
		if (bench->blocks.item[i] > NVME_BLOCK_MAX ||
		    bench->blocks.item[i] % 512)
			return moat_fail(
				err, -EINVAL,
				"-block: multiples of 512 bytes to 1M");
	return 0;
}

static int parse(struct dma_bench *bench, struct moat_err *err)
{
	const struct dma_options *opts = bench->opts;
	int r;

	r = moat_device_spec_parse(opts->device, &bench->spec, err);
	if (r == 0)
		r = bench_list_words("ways", opts->ways, way_names,
				     &bench->ways, err);
	if (r == 0)
		r = bench_list_words("nodes", opts->nodes, node_names,
				     &bench->nodes, err);
	if (r == 0)
		r = bench_list_sizes("block", opts->block, &bench->blocks, err);
	if (r == 0)
		r = bench_list_sizes("depth", opts->depth, &bench->depths, err);
	if (r == 0)
		r = check_lists(bench, err);
	return r;
}

/* A node that is not there is left out, and that is said. */
static void drop_far(struct dma_bench *bench)
{
	struct bench_list kept = { .n = 0 };

	if (bench->place.far != BENCH_NO_NODE)
		return;
	for (size_t i = 0; i < bench->nodes.n; i++)
		if (bench->nodes.item[i] != NODE_FAR)
			kept.item[kept.n++] = bench->nodes.item[i];
	if (kept.n != bench->nodes.n)
		bench_result_skip(bench->result, "node=far",
				  "the machine has no node far from the disk");
	bench->nodes = kept;
}

/*
 * Noise to write: what is all the same, a disk may have an easier way with.
 * D. E. Knuth's generator for MMIX.
 */
static void fill(const struct bench_memory *memory)
{
	uint64_t value = 1;

	for (uint64_t at = NVME_OWN_MEMORY; at < memory->len;
	     at += sizeof(value)) {
		value = value * UINT64_C(6364136223846793005) +
			UINT64_C(1442695040888963407);
		memcpy(memory->at + at, &value, sizeof(value));
	}
}

static int make_memory(struct dma_bench *bench, struct moat_err *err)
{
	uint64_t block = 64 * KiB, depth = 1;
	int r = 0;

	for (size_t i = 0; i < bench->blocks.n; i++)
		block = max_u64(block, bench->blocks.item[i]);
	for (size_t i = 0; i < bench->depths.n; i++)
		depth = max_u64(depth, bench->depths.item[i]);
	for (size_t i = 0; r == 0 && i < bench->nodes.n; i++) {
		enum node node = (enum node)bench->nodes.item[i];

		r = bench_memory_create(NVME_OWN_MEMORY + block * depth,
					node == NODE_FAR ? bench->place.far
							 : bench->place.near,
					&bench->memory[node], err);
		if (r == 0 && !is_read(bench))
			fill(&bench->memory[node]);
		if (r == 0 && has_way(bench, WAY_NONE))
			r = bench_memory_pin(&bench->memory[node], err);
	}
	return r;
}

static int run_bench(struct dma_bench *bench, struct moat_err *err)
{
	int r;

	r = bench_nodes_of(bench->spec.host, &bench->place, err);
	if (r < 0)
		return r;
	drop_far(bench);
	if (bench->nodes.n == 0)
		return moat_fail(err, -ENOTSUP, "there is nothing to measure");
	r = make_memory(bench, err);
	if (r < 0)
		return r;
	r = bench_keep(bench->spec.host, work, bench, err);
	if (r == EXIT_STATUS_ERROR)
		err->msg[0] = '\0'; /* it has been said */
	return r > 0 ? -EIO : r;
}

static int dma(const void *options, const struct opt_list *words,
	       struct bench_result *result, struct moat_err *err)
{
	struct dma_bench bench = { .opts = options, .result = result };
	int r;

	(void)words;
	r = parse(&bench, err);
	if (r < 0)
		return r;
	r = run_bench(&bench, err);
	for (size_t i = 0; i < ARRAY_SIZE(bench.memory); i++)
		bench_memory_destroy(&bench.memory[i]);
	return r;
}

static const struct bench_command command = {
	.name = "dma",
	.args = "-device host=BDF[,managed=on] [options]",
	.table = &dma_table,
	.bench = "dma",
	.run = dma,
};

int cmd_dma(int argc, char **argv)
{
	struct dma_options opts = { .device = NULL };

	return bench_command_main(&command, argc, argv, &opts);
}
