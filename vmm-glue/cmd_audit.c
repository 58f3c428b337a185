// SPDX-License-Identifier: GPL-2.0-or-later
/* moat audit: does DMA isolation hold on this host? */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include <moat/log.h>

#include "common/opt.h"
#include "common/util.h"
#include "vmm-glue/audit_page.h"
#include "vmm-glue/commands.h"
#include "vmm-glue/pci_names.h"

/* The command's exit status; an error is one who could not tell. */
enum {
	AUDIT_STATUS_CLEAN = 0,
	AUDIT_STATUS_FINDINGS = 1,
	AUDIT_STATUS_UNKNOWN = 2,
};

struct audit_options {
	bool json;
	const char *html; /* NULL: no page */
};

static const struct opt_desc audit_desc[] = {
	OPT(struct audit_options, json, "json", OPT_FLAG,
	    .help = "print a JSON object"),
	OPT(struct audit_options, html, "html", OPT_STR, .arg = "FILE",
	    .help = "also write a page for a browser, with a picture of the "
		    "host"),
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

static void name_of(void *opaque, const struct moat_host_pci *fn, char *buf,
		    size_t size)
{
	struct pci_names names;

	pci_names_find(opaque, fn, &names);
	(void)snprintf(buf, size, "%s %s [%04x:%04x]", names.vendor,
		       names.device, fn->vendor, fn->device);
}

static void print_page(const struct audit_facts *facts,
		       const struct moat_bdf *bdf, const struct audit *result,
		       FILE *out)
{
	const time_t now = time(NULL);
	struct audit_page page = {
		.audit = result,
		.facts = facts,
		.version = MOAT_VERSION,
		.name = name_of,
	};
	struct utsname system;
	struct tm tm;
	char when[64] = "", addr[MOAT_BDF_STRLEN];

	(void)uname(&system);
	page.host = system.nodename;
	page.kernel = system.release;
	if (gmtime_r(&now, &tm))
		(void)strftime(when, sizeof(when), "%Y-%m-%d %H:%M UTC", &tm);
	page.when = when;
	page.only = bdf ? moat_bdf_str(*bdf, addr) : NULL;
	page.opaque = pci_names_open();
	audit_page_print(&page, out);
	pci_names_close(page.opaque);
}

static int write_page(const struct audit_facts *facts,
		      const struct moat_bdf *bdf, const struct audit *result,
		      const char *path, struct moat_err *err)
{
	FILE *out;
	int r;

	out = fopen(path, "we");
	if (!out)
		return moat_fail(err, -errno, "cannot write %s: %s", path,
				 strerror(errno));
	print_page(facts, bdf, result, out);
	r = ferror(out) ? -EIO : 0;
	if (fclose(out) != 0 && r == 0)
		r = -errno;
	return r < 0 ? moat_fail(err, r, "cannot write %s: %s", path,
				 strerror(-r))
		     : 0;
}

static int show(const struct audit_options *opts,
		const struct audit_facts *facts, const struct moat_bdf *bdf,
		const struct audit *result, struct moat_err *err)
{
	if (opts->html) {
		int r = write_page(facts, bdf, result, opts->html, err);

		if (r < 0)
			return r;
	}
	if (!opts->json)
		audit_print_text(result, stdout);
	else if (audit_print_json(result, stdout) < 0)
		return moat_fail(err, -ENOMEM, "out of memory");
	return 0;
}

static int status_of(const struct audit *result)
{
	if (result->n_findings)
		return AUDIT_STATUS_FINDINGS;
	return result->n_unknown ? AUDIT_STATUS_UNKNOWN : AUDIT_STATUS_CLEAN;
}

static int audit(const struct audit_options *opts, const struct moat_bdf *bdf)
{
	int status = AUDIT_STATUS_UNKNOWN;
	struct audit_facts facts;
	struct audit result;
	struct moat_err err;
	int r;

	r = audit_facts_read(&moat_this_host, &facts, &err);
	if (r < 0)
		goto out;
	r = audit_judge(&facts, bdf, &result, &err);
	if (r < 0)
		goto free_facts;
	r = show(opts, &facts, bdf, &result, &err);
	if (r == 0)
		status = status_of(&result);
	audit_free(&result);
free_facts:
	audit_facts_free(&facts);
out:
	if (r < 0)
		log_err("%s", err.msg);
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
		(void)printf("usage: moat audit [--json] [--html FILE] "
			     "[host=BDF]\n\n");
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
