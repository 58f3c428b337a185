// SPDX-License-Identifier: GPL-2.0-or-later
/* moat audit: does DMA isolation hold on this host? */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <moat/log.h>

#include "common/opt.h"
#include "common/util.h"
#include "vmm-glue/audit.h"
#include "vmm-glue/commands.h"

/* The command's exit status; an error is one who could not tell. */
enum {
	AUDIT_STATUS_CLEAN = 0,
	AUDIT_STATUS_FINDINGS = 1,
	AUDIT_STATUS_UNKNOWN = 2,
};

struct audit_options {
	bool json;
};

static const struct opt_desc audit_desc[] = {
	OPT(struct audit_options, json, "json", OPT_FLAG,
	    .help = "print a JSON object"),
};

static const struct opt_table audit_table = {
	.desc = audit_desc,
	.n = ARRAY_SIZE(audit_desc),
};

/* "host=BDF"; the address alone will do, too. */
static int parse_device(const char *word, struct moat_bdf *ret_bdf,
			struct moat_err *err)
{
	static const char key[] = "host=";

	if (strncmp(word, key, strlen(key)) == 0)
		word += strlen(key);
	return moat_bdf_parse(word, ret_bdf, err);
}

static int audit(const struct audit_options *opts, const struct moat_bdf *bdf)
{
	struct audit result;
	struct moat_err err;
	int status;

	if (audit_host(&moat_this_host, bdf, &result, &err) < 0) {
		log_err("%s", err.msg);
		return AUDIT_STATUS_UNKNOWN;
	}
	if (result.n_findings)
		status = AUDIT_STATUS_FINDINGS;
	else
		status = result.n_unknown ? AUDIT_STATUS_UNKNOWN
					  : AUDIT_STATUS_CLEAN;
	if (!opts->json) {
		audit_print_text(&result, stdout);
	} else if (audit_print_json(&result, stdout) < 0) {
		log_err("out of memory");
		status = AUDIT_STATUS_UNKNOWN;
	}
	audit_free(&result);
	return status;
}

int cmd_audit(int argc, char **argv)
{
	struct audit_options opts = { 0 };
	struct opt_list words;
	struct moat_bdf bdf;
	struct moat_err err;
	int r;

	if (argc > 1 && is_help(argv[1])) {
		(void)printf("usage: moat audit [--json] [host=BDF]\n\n");
		opt_help(&audit_table, "--", stdout);
		return EXIT_STATUS_OK;
	}
	r = opt_parse_argv(&audit_table, argc - 1, argv + 1, &opts, &words,
			   &err);
	if (r == 0 && words.n > 1)
		r = moat_fail(&err, -1, "one device at a time, not '%s' too",
			      words.item[1]);
	if (r == 0 && words.n == 1)
		r = parse_device(words.item[0], &bdf, &err);
	if (r < 0) {
		log_err("%s", err.msg);
		return EXIT_STATUS_USAGE;
	}
	return audit(&opts, words.n ? &bdf : NULL);
}
