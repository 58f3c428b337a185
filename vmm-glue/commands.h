/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The commands of moat(1). Each takes its own argc and argv, argv[0] being
 * the command's name, and returns the program's exit status.
 */
#ifndef MOAT_VMM_COMMANDS_H
#define MOAT_VMM_COMMANDS_H

#include <stdbool.h>
#include <string.h>

enum {
	EXIT_STATUS_OK = 0,
	EXIT_STATUS_ERROR = 1, /* said why on standard error */
	EXIT_STATUS_USAGE = 2, /* the command line was wrong */
};

int cmd_run(int argc, char **argv);
int cmd_devices(int argc, char **argv);
int cmd_audit(int argc, char **argv);
int cmd_plan(int argc, char **argv);
int cmd_bind(int argc, char **argv);
int cmd_release(int argc, char **argv);

static inline bool is_help(const char *word)
{
	return strcmp(word, "help") == 0 || strcmp(word, "-h") == 0 ||
	       strcmp(word, "-help") == 0 || strcmp(word, "--help") == 0;
}

#endif /* MOAT_VMM_COMMANDS_H */
