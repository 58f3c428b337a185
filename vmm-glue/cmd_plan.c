// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * moat plan: where `moat run` would put a guest with these options, and
 * nothing else. The devices are looked up, not opened.
 */
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include <moat/log.h>

#include "common/util.h"
#include "vmm-glue/commands.h"
#include "vmm-glue/cpu_claims.h"
#include "vmm-glue/options.h"
#include "vmm-glue/placing.h"
#include "vmm-glue/plan.h"

#define RAM_GRANULE (2 * MiB) /* as layout_init() has it */

struct plan_options {
	struct opt_list pcidevice;
	uint64_t mem_bytes;
	unsigned int smp;
	int hugepages; /* enum hugepages */
	const char *place;
	bool json;
	const char *svg; /* NULL: no picture */
};

static const struct opt_desc plan_desc[] = {
	OPTION_PCIDEVICE(struct plan_options, pcidevice),
	OPTION_RAM(struct plan_options, mem_bytes),
	OPTION_SMP(struct plan_options, smp),
	OPTION_HUGEPAGES(struct plan_options, hugepages),
	OPTION_PLACE(struct plan_options, place),
	OPT(struct plan_options, json, "json", OPT_FLAG,
	    .help = "print a JSON object"),
	OPT(struct plan_options, svg, "svg", OPT_STR, .arg = "FILE",
	    .help = "draw a picture into FILE instead; - is standard output"),
};

static const struct opt_table plan_table = {
	.desc = plan_desc,
	.n = ARRAY_SIZE(plan_desc),
};

static int look_up(const struct plan_options *opts, struct plan_device *device,
		   struct placing_config *config, struct moat_err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < opts->pcidevice.n; i++) {
		r = moat_device_spec_parse(opts->pcidevice.item[i],
					   &device[i].spec, err);
		if (r == 0)
			r = moat_host_pci_read(NULL, device[i].spec.host,
					       &device[i].fn, err);
		if (r == 0)
			placing_add(config, &device[i].spec,
				    device[i].fn.numa_node);
	}
	return r;
}

static bool is_utf8(void)
{
	(void)setlocale(LC_CTYPE, "");
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

static int draw(const struct plan *plan, const char *path, struct moat_err *err)
{
	FILE *out;
	int r;

	if (strcmp(path, "-") == 0) {
		plan_print_svg(plan, stdout);
		return 0;
	}
	out = fopen(path, "we");
	if (!out)
		return moat_fail(err, -errno, "cannot write %s: %s", path,
				 strerror(errno));
	plan_print_svg(plan, out);
	r = ferror(out) ? -EIO : 0;
	if (fclose(out) != 0 && r == 0)
		r = -errno;
	return r < 0 ? moat_fail(err, r, "cannot write %s: %s", path,
				 strerror(-r))
		     : 0;
}

static int show(const struct plan *plan, const struct plan_options *opts,
		struct moat_err *err)
{
	if (opts->svg)
		return draw(plan, opts->svg, err);
	if (!opts->json)
		plan_print_tree(plan, is_utf8(), stdout);
	else if (plan_print_json(plan, stdout) < 0)
		return moat_fail(err, -ENOMEM, "out of memory");
	return 0;
}

static int make_plan(const struct plan_options *opts,
		     const struct moat_place_rule *rule, struct moat_err *err)
{
	struct placing_config config = {
		.rule = *rule,
		.n_vcpus = opts->smp,
		.ram_bytes = opts->mem_bytes,
		.hugepages = (enum hugepages)opts->hugepages,
		.for_show = true,
	};
	struct moat_placement *placement = NULL;
	struct moat_topology *topology = NULL;
	struct plan_device *device;
	struct moat_set busy;
	int r;

	device = calloc(OPT_LIST_MAX, sizeof(*device));
	if (!device)
		return moat_fail(err, -ENOMEM, "out of memory");
	cpu_claims_look(NULL, &busy);
	r = look_up(opts, device, &config, err);
	if (r == 0)
		r = placing_plan(&config, &busy, &topology, &placement, err);
	if (r == 0) {
		const struct plan plan = {
			.topology = topology,
			.placement = placement,
			.device = device,
			.n_devices = opts->pcidevice.n,
			.n_vcpus = opts->smp,
			.ram_bytes = opts->mem_bytes,
		};

		r = show(&plan, opts, err);
	}
	moat_placement_free(placement);
	moat_topology_free(topology);
	free(device);
	return r;
}

static int parse(int argc, char **argv, struct plan_options *opts,
		 struct moat_place_rule *rule, struct moat_err *err)
{
	int r;

	r = opt_parse_argv(&plan_table, argc, argv, opts, NULL, err);
	if (r < 0)
		return r;
	if (opts->json && opts->svg)
		return moat_fail(err, -EINVAL,
				 "--json and --svg exclude each other");
	if (!is_aligned(opts->mem_bytes, RAM_GRANULE))
		return moat_fail(err, -EINVAL,
				 "guest RAM is not a multiple of 2 MiB");
	return moat_place_rule_parse(opts->place, rule, err);
}

int cmd_plan(int argc, char **argv)
{
	struct plan_options opts = { 0 };
	struct moat_place_rule rule;
	struct moat_err err;

	if (argc > 1 && is_help(argv[1])) {
		(void)printf("usage: moat plan [-pcidevice SPEC]... "
			     "[options]\n\n");
		opt_help(&plan_table, "-", stdout);
		return EXIT_STATUS_OK;
	}
	if (parse(argc - 1, argv + 1, &opts, &rule, &err) < 0) {
		log_err("%s; 'moat plan --help' lists the options", err.msg);
		return EXIT_STATUS_USAGE;
	}
	if (make_plan(&opts, &rule, &err) < 0) {
		log_err("%s", err.msg);
		return EXIT_STATUS_ERROR;
	}
	return EXIT_STATUS_OK;
}
