// SPDX-License-Identifier: GPL-2.0-or-later
/* moat run: options in, a machine built and run, an exit status out. */
#include <stdio.h>
#include <string.h>

#include <moat/device_spec.h>
#include <moat/log.h>

#include "vmm-glue/commands.h"
#include "vmm-glue/machine.h"
#include "vmm-glue/options.h"
#include "vmm-glue/timeline.h"

static void usage(FILE *out)
{
	(void)fprintf(out, "usage: moat run -kernel FILE [options]\n\n");
	opt_help(&run_option_table, "-", out);
}

/* "-pcidevice help" asks nothing of the other options, so look ahead. */
static bool asked_for_spec_help(int argc, char *const *argv)
{
	for (int i = 0; i + 1 < argc; i++) {
		const char *word = argv[i];

		if (strcmp(word, "-pcidevice") && strcmp(word, "--pcidevice"))
			continue;
		if (strcmp(argv[i + 1], "help") == 0)
			return true;
	}
	return false;
}

static int run(const struct run_options *opts)
{
	struct machine *machine;
	struct moat_err err;
	int r;

	r = machine_create(opts, &machine, &err);
	if (r < 0) {
		log_err("%s", err.msg);
		return EXIT_STATUS_ERROR;
	}
	r = machine_run(machine, &err);
	if (r < 0)
		log_err("%s", err.msg);
	machine_destroy(machine);
	return r < 0 ? EXIT_STATUS_ERROR : EXIT_STATUS_OK;
}

int cmd_run(int argc, char **argv)
{
	struct run_options opts = { 0 };
	struct moat_err err;
	int r;

	if (argc > 1 && is_help(argv[1])) {
		usage(stdout);
		return EXIT_STATUS_OK;
	}
	if (asked_for_spec_help(argc - 1, argv + 1)) {
		moat_device_spec_help(stdout);
		return EXIT_STATUS_OK;
	}
	r = opt_parse_argv(&run_option_table, argc - 1, argv + 1, &opts, NULL,
			   &err);
	if (r < 0) {
		log_err("%s; 'moat run --help' lists the options", err.msg);
		return EXIT_STATUS_USAGE;
	}
	if (opts.verbose)
		moat_log_set_level(MOAT_LOG_DEBUG);
	timeline_mark(TIMELINE_PARSED);
	return run(&opts);
}
