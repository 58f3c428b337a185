// SPDX-License-Identifier: GPL-2.0-or-later
/* moat(1): picks the command. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <moat/log.h>

#include "common/util.h"
#include "vmm-glue/commands.h"
#include "vmm-glue/timeline.h"

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *args;
	const char *help;
} commands[] = {
	{ "run", cmd_run, "-kernel FILE [-pcidevice SPEC]... [options]",
	  "start a guest with host PCI devices assigned" },
	{ "devices", cmd_devices, "[--all] [--json] [BDF]...",
	  "list the host's devices and whether they can be assigned" },
	{ "plan", cmd_plan, "[-pcidevice SPEC]... [options]",
	  "show where on the host a guest would be placed" },
	{ "audit", cmd_audit, "[--json] [--html FILE] [host=BDF]",
	  "say whether DMA isolation holds on this host" },
	{ "bind", cmd_bind, "[--force] [--dma iommu|none] BDF...",
	  "take devices from their drivers for vfio-pci" },
	{ "release", cmd_release, "[BDF]...",
	  "give devices back to the drivers they were taken from" },
};

static void usage(FILE *out)
{
	(void)fprintf(out, "usage: moat COMMAND [arguments]\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		(void)fprintf(out, "  moat %s %s\n      %s\n", commands[i].name,
			      commands[i].args, commands[i].help);
	(void)fprintf(out, "\n'moat COMMAND --help' says more; so does "
			   "moat(1).\n");
}

/*
 * Whoever starts moat with one of 0 to 2 closed must not have the guest's
 * serial output written to what is opened next, a device of VFIO's say.
 * Not CLOEXEC: they are the standard ones.
 */
static int hold_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return -1;
	(void)close(fd);
	return 0;
}

int main(int argc, char **argv)
{
	timeline_mark(TIMELINE_EXEC);
	if (hold_standard_descriptors() < 0)
		return EXIT_STATUS_ERROR;
	if (argc < 2) {
		usage(stderr);
		return EXIT_STATUS_USAGE;
	}
	if (is_help(argv[1])) {
		usage(stdout);
		return EXIT_STATUS_OK;
	}
	if (strcmp(argv[1], "--version") == 0) {
		(void)printf("moat %s\n", MOAT_VERSION);
		return EXIT_STATUS_OK;
	}
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	log_err("'%s' is not a command; 'moat --help' lists them", argv[1]);
	return EXIT_STATUS_USAGE;
}
