// SPDX-License-Identifier: GPL-2.0-or-later
/* moat bind and moat release: drivers taken away, and given back. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <moat/device_spec.h>
#include <moat/host_pci.h>
#include <moat/log.h>

#include "common/opt.h"
#include "common/util.h"
#include "vmm-glue/commands.h"

struct bind_options {
	bool force;
	int dma; /* enum moat_dma_mode */
};

static const struct opt_desc bind_desc[] = {
	OPT(struct bind_options, force, "force", OPT_FLAG,
	    .help = "take a device even though the host is using it"),
	OPT(struct bind_options, dma, "dma", OPT_ENUM, .choices = "iommu|none",
	    .def = "iommu", .help = "what it is to be assigned with later"),
};

static const struct opt_table bind_table = {
	.desc = bind_desc,
	.n = ARRAY_SIZE(bind_desc),
};

static const struct opt_table release_table = { .n = 0 };

/* All addresses are read before the first device is touched. */
static int parse_bdfs(const struct opt_list *words,
		      struct moat_bdf bdfs[OPT_LIST_MAX], struct moat_err *err)
{
	int r;

	for (size_t i = 0; i < words->n; i++) {
		r = moat_bdf_parse(words->item[i], &bdfs[i], err);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool bind_one(struct moat_bdf bdf, const struct bind_options *opts)
{
	unsigned int flags = opts->force ? MOAT_BIND_FORCE : 0;
	char addr[MOAT_BDF_STRLEN];
	struct moat_host_pci fn;
	struct moat_err err;
	bool bound;

	if (opts->dma == MOAT_DMA_NONE)
		flags |= MOAT_BIND_UNFENCED;
	if (moat_host_pci_bind_stay(NULL, bdf, flags, &bound, &err) < 0 ||
	    moat_host_pci_read(NULL, bdf, &fn, &err) < 0) {
		log_err("%s", err.msg);
		return false;
	}
	(void)moat_bdf_str(bdf, addr);
	if (bound)
		(void)printf("%s is bound to %s\n", addr, fn.driver);
	else
		(void)printf("%s was bound already\n", addr);
	return true;
}

int cmd_bind(int argc, char **argv)
{
	struct moat_bdf bdfs[OPT_LIST_MAX];
	struct bind_options opts = { 0 };
	struct opt_list words;
	struct moat_err err;
	bool ok = true;

	if (argc > 1 && is_help(argv[1])) {
		(void)printf("usage: moat bind [--force] [--dma iommu|none] "
			     "BDF...\n\n");
		opt_help(&bind_table, "--", stdout);
		return EXIT_STATUS_OK;
	}
	if (opt_parse_argv(&bind_table, argc - 1, argv + 1, &opts, &words,
			   &err) < 0 ||
	    parse_bdfs(&words, bdfs, &err) < 0) {
		log_err("%s", err.msg);
		return EXIT_STATUS_USAGE;
	}
	if (words.n == 0) {
		log_err("bind which device? 'moat devices' lists them");
		return EXIT_STATUS_USAGE;
	}
	for (size_t i = 0; i < words.n; i++)
		ok &= bind_one(bdfs[i], &opts);
	return ok ? EXIT_STATUS_OK : EXIT_STATUS_ERROR;
}

/* Where it is now, for the person who asked. */
static void say_released(struct moat_bdf bdf)
{
	char addr[MOAT_BDF_STRLEN];
	struct moat_host_pci fn;

	(void)moat_bdf_str(bdf, addr);
	if (moat_host_pci_read(NULL, bdf, &fn, NULL) < 0)
		(void)printf("%s is not on this machine any more\n", addr);
	else if (fn.driver[0])
		(void)printf("%s is back with %s\n", addr, fn.driver);
	else
		(void)printf("%s is without a driver, as it was\n", addr);
}

static bool release_named(const struct moat_bdf *bdfs, size_t n)
{
	struct moat_err err;
	bool ok = true;

	for (size_t i = 0; i < n; i++) {
		if (moat_host_pci_release(NULL, bdfs[i], &err) < 0) {
			log_err("%s", err.msg);
			ok = false;
			continue;
		}
		say_released(bdfs[i]);
	}
	return ok;
}

/*
 * All that is recorded. What a running guest uses stays with it, and is no
 * error: it was not asked for by name.
 */
static bool release_all(void)
{
	struct moat_bdf *bdfs;
	struct moat_err err;
	bool ok = true;
	size_t n;
	int r;

	if (moat_host_pci_recorded(NULL, &bdfs, &n, &err) < 0) {
		log_err("%s", err.msg);
		return false;
	}
	if (n == 0)
		(void)printf("nothing is recorded as bound by moat\n");
	for (size_t i = 0; i < n; i++) {
		r = moat_host_pci_release(NULL, bdfs[i], &err);
		if (r == 0) {
			say_released(bdfs[i]);
		} else if (r == -EBUSY) {
			log_warn("left alone: %s", err.msg);
		} else if (r != -ENOENT) { /* someone else was faster */
			log_err("%s", err.msg);
			ok = false;
		}
	}
	free(bdfs);
	return ok;
}

int cmd_release(int argc, char **argv)
{
	struct moat_bdf bdfs[OPT_LIST_MAX];
	struct opt_list words;
	struct moat_err err;
	bool ok;

	if (argc > 1 && is_help(argv[1])) {
		(void)printf("usage: moat release [BDF]...\n\n"
			     "Without an address: all devices that are "
			     "recorded as bound by moat.\n");
		return EXIT_STATUS_OK;
	}
	if (opt_parse_argv(&release_table, argc - 1, argv + 1, NULL, &words,
			   &err) < 0 ||
	    parse_bdfs(&words, bdfs, &err) < 0) {
		log_err("%s", err.msg);
		return EXIT_STATUS_USAGE;
	}
	ok = words.n ? release_named(bdfs, words.n) : release_all();
	return ok ? EXIT_STATUS_OK : EXIT_STATUS_ERROR;
}
