/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The commands of moat-bench(1). Each takes its own argc and argv, argv[0]
 * being the command's name, and returns the program's exit status.
 */
#ifndef MOAT_BENCH_COMMANDS_H
#define MOAT_BENCH_COMMANDS_H

#include "bench/result.h"
#include "common/opt.h"

enum {
	EXIT_STATUS_OK = 0,
	EXIT_STATUS_ERROR = 1, /* said why on standard error */
	EXIT_STATUS_USAGE = 2, /* the command line was wrong */
};

int cmd_dma(int argc, char **argv);
int cmd_irq(int argc, char **argv);
int cmd_map(int argc, char **argv);
int cmd_port(int argc, char **argv);
int cmd_record(int argc, char **argv);
int cmd_report(int argc, char **argv);

/* One command: its options, and what it does with them. */
struct bench_command {
	const char *name;
	const char *args; /* for the usage line */
	const struct opt_table *table;
	/* What it measures, as of bench_result_create(); NULL: nothing */
	const char *bench;
	/*
	 * @result: of @bench, with the options in it; NULL without one.
	 * Return: 0, or an errno with a sentence; "": it has been printed
	 */
	int (*run)(const void *options, const struct opt_list *words,
		   struct bench_result *result, struct moat_err *err);
	bool takes_words; /* arguments that are no options */
};

/**
 * bench_command_main() - parse, run, report
 * @options: zeroed, the table's destination
 */
int bench_command_main(const struct bench_command *command, int argc,
		       char **argv, void *options);

/** bench_command_error() - print a sentence as commands do */
void bench_command_error(const struct moat_err *err);

/* Options that several have. */
#define OPTION_JSON(type, field)                         \
	OPT(type, field, "json", OPT_STR, .arg = "FILE", \
	    .help = "write the result there as JSON, besides the table")

#endif /* MOAT_BENCH_COMMANDS_H */
