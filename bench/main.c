// SPDX-License-Identifier: GPL-2.0-or-later
/* moat-bench(1): picks the command, and what all of them do alike. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <moat/log.h>

#include "bench/commands.h"
#include "bench/options.h"
#include "common/util.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{ "dma", cmd_dma, "transfers of an NVMe disk, fenced and not" },
	{ "irq", cmd_irq, "interrupts of devices, to user space" },
	{ "map", cmd_map, "memory mapped for devices, and populated" },
	{ "port", cmd_port, "accesses of a device's ports, by pio=" },
	{ "record", cmd_record, "make a result of numbers from elsewhere" },
	{ "report", cmd_report, "pictures and a page of a directory's results" },
};

static bool is_help(const char *word)
{
	return strcmp(word, "help") == 0 || strcmp(word, "-h") == 0 ||
	       strcmp(word, "-help") == 0 || strcmp(word, "--help") == 0;
}

static void usage(FILE *out)
{
	(void)fprintf(out, "usage: moat-bench COMMAND [options]\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		(void)fprintf(out, "  %-8s %s\n", commands[i].name,
			      commands[i].help);
	(void)fprintf(out, "\n'moat-bench COMMAND --help' lists its "
			   "options.\n");
}

void bench_command_error(const struct moat_err *err)
{
	if (err->msg[0])
		log_err("%s", err->msg);
}

static int run_command(const struct bench_command *command, const void *options,
		       const struct opt_list *words, struct moat_err *err)
{
	struct bench_result *result;
	int r;

	if (!command->bench)
		return command->run(options, words, NULL, err);
	result = bench_result_create(command->bench, stdout);
	if (!result)
		return moat_fail(err, -ENOMEM, "out of memory");
	bench_result_options(result, command->table, options);
	r = command->run(options, words, result, err);
	bench_result_destroy(result);
	return r;
}

int bench_command_main(const struct bench_command *command, int argc,
		       char **argv, void *options)
{
	struct opt_list words = { .n = 0 };
	struct moat_err err;
	int r;

	if (argc > 1 && is_help(argv[1])) {
		(void)printf("usage: moat-bench %s %s\n\n", command->name,
			     command->args);
		opt_help(command->table, "-", stdout);
		return EXIT_STATUS_OK;
	}
	r = opt_parse_argv(command->table, argc - 1, argv + 1, options,
			   command->takes_words ? &words : NULL, &err);
	if (r < 0) {
		log_err("%s; 'moat-bench %s --help' lists the options", err.msg,
			command->name);
		return EXIT_STATUS_USAGE;
	}
	r = run_command(command, options, &words, &err);
	if (r < 0)
		bench_command_error(&err);
	return r < 0 ? EXIT_STATUS_ERROR : EXIT_STATUS_OK;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		usage(stderr);
		return EXIT_STATUS_USAGE;
	}
	if (is_help(argv[1])) {
		usage(stdout);
		return EXIT_STATUS_OK;
	}
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	log_err("'%s' is not a command; 'moat-bench --help' lists them",
		argv[1]);
	return EXIT_STATUS_USAGE;
}
