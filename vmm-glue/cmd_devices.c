// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * moat devices: what the host has, and what of it can be assigned.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <json-c/json.h>
#include <pci/pci.h>

#include <moat/host_pci.h>
#include <moat/log.h>

#include "common/opt.h"
#include "common/text.h"
#include "common/util.h"
#include "vmm-glue/commands.h"
#include "vmm-glue/pci_names.h"

#define WIDTH_DEFAULT 100
#define WIDTH_MIN     40
#define TEXT_MAX      2048
#define INDENT	      14 /* "0000:04:08.0  " */

struct devices_options {
	bool all;
	bool json;
};

static const struct opt_desc devices_desc[] = {
	OPT(struct devices_options, all, "all", OPT_FLAG, .help = "bridges too"),
	OPT(struct devices_options, all, "a", OPT_FLAG, .help = "the same"),
	OPT(struct devices_options, json, "json", OPT_FLAG,
	    .help = "print a JSON array, one object a device"),
};

static const struct opt_table devices_table = {
	.desc = devices_desc,
	.n = ARRAY_SIZE(devices_desc),
};

enum answer {
	ANSWER_YES,  /* now */
	ANSWER_BIND, /* once it is bound to vfio-pci */
	ANSWER_NO,
	ANSWER_USED, /* it is assigned already, to the process in @user */
};

static const char *const answer_names[] = {
	[ANSWER_YES] = "yes",
	[ANSWER_BIND] = "bind",
	[ANSWER_NO] = "no",
	[ANSWER_USED] = "used",
};

/* A device with all that is said about it. */
struct row {
	const struct moat_host_pci *fn;
	struct pci_names names;
	struct moat_host_pci *members;
	size_t n_members;
	enum answer answer;
	struct moat_host_pci_user user;
	struct moat_err reason; /* empty for ANSWER_YES */
};

static bool is_bridge(const struct moat_host_pci *fn)
{
	uint32_t subclass = fn->class_code >> 8;

	return fn->is_bridge || subclass == PCI_CLASS_BRIDGE_HOST ||
	       subclass == PCI_CLASS_BRIDGE_ISA;
}

/* Could it go to a guest, alone? */
static void judge(struct row *row)
{
	const struct moat_host_pci_plan managed = { .managed = true };
	const struct moat_host_pci_plan bound = { .managed = false };
	const struct moat_host_pci *fn = row->fn;

	if (moat_host_pci_verdict(NULL, fn, &managed, &row->reason) < 0) {
		row->answer = ANSWER_NO;
		return;
	}
	if (moat_host_pci_verdict(NULL, fn, &bound, &row->reason) < 0) {
		row->answer = ANSWER_BIND;
		return;
	}
	row->reason.msg[0] = '\0';
	row->answer = ANSWER_YES;
	if (!moat_host_pci_user(NULL, fn->bdf, &row->user))
		return;
	row->answer = ANSWER_USED;
	(void)moat_fail(&row->reason, 0,
			"process %d (%s) has it or its IOMMU group open",
			row->user.pid, row->user.comm);
}

static void row_fill(struct row *row, const struct moat_host_pci *fn,
		     struct pci_access *access)
{
	memset(row, 0, sizeof(*row));
	row->fn = fn;
	pci_names_find(access, fn, &row->names);
	if (fn->iommu_group != MOAT_NO_GROUP &&
	    moat_host_pci_group(NULL, fn->bdf, &row->members, &row->n_members) <
		    0)
		row->n_members = 0;
	judge(row);
}

static unsigned int terminal_width(void)
{
	struct winsize ws;

	if (!isatty(STDOUT_FILENO) ||
	    ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) < 0 || ws.ws_col == 0)
		return WIDTH_DEFAULT;
	return ws.ws_col < WIDTH_MIN ? WIDTH_MIN : ws.ws_col;
}

/* @lead, then the text broken between words, behind INDENT columns. */
static void print_wrapped(const char *lead, const char *text,
			  unsigned int width)
{
	unsigned int column = INDENT;

	(void)printf("%-*s", INDENT, lead);
	while (*text) {
		const unsigned int len = (unsigned int)strcspn(text, " ");

		if (column > INDENT && column + 1 + len > width) {
			(void)printf("\n%*s", INDENT, "");
			column = INDENT;
		} else if (column > INDENT) {
			(void)putchar(' ');
			column++;
		}
		(void)printf("%.*s", (int)len, text);
		column += len;
		text += len;
		text += strspn(text, " ");
	}
	(void)putchar('\n');
}

static void add_group(struct moat_text *t, const struct row *row)
{
	char addr[MOAT_BDF_STRLEN];

	if (row->fn->iommu_group == MOAT_NO_GROUP) {
		moat_text_add(t, "no group, ");
		return;
	}
	moat_text_add(t, "group %d", row->fn->iommu_group);
	for (size_t i = 0, n = 0; i < row->n_members; i++) {
		if (moat_bdf_equal(row->members[i].bdf, row->fn->bdf))
			continue;
		moat_text_add(t, "%s%s", n++ ? " " : " with ",
			      moat_bdf_str(row->members[i].bdf, addr));
	}
	moat_text_add(t, ", ");
}

/* The sentence opens with the address, which stands above it already. */
static void add_reason(struct moat_text *t, const char *reason,
		       const char *addr)
{
	const size_t len = strlen(addr);

	if (strncmp(reason, addr, len) == 0 && reason[len] == ' ')
		moat_text_add(t, "it%s", reason + len);
	else
		moat_text_add(t, "%s", reason);
}

static void add_verdict(struct moat_text *t, const struct row *row,
			const char *addr)
{
	switch (row->answer) {
	case ANSWER_YES:
		moat_text_add(t, "assignable");
		return;
	case ANSWER_BIND:
		moat_text_add(t,
			      "assignable after `moat bind %s`, or with "
			      "managed=on",
			      row->fn->bdf.domain ? addr
						  : addr + strlen("0000:"));
		return;
	case ANSWER_NO:
		moat_text_add(t, "not assignable: ");
		break;
	case ANSWER_USED:
		moat_text_add(t, "in use: ");
		break;
	}
	add_reason(t, row->reason.msg, addr);
}

/*
 * 0000:04:08.0  Ethernet controller: Vendor Device [8086:10d3]
 *               driver e1000e, group 4, node 0, reset flr bus
 *               assignable after `moat bind 04:08.0`, or with managed=on
 */
static void print_row(const struct row *row, unsigned int width)
{
	char buf[3][TEXT_MAX];
	struct moat_text what = { buf[0], TEXT_MAX, 0 };
	struct moat_text facts = { buf[1], TEXT_MAX, 0 };
	struct moat_text verdict = { buf[2], TEXT_MAX, 0 };
	const struct moat_host_pci *fn = row->fn;
	char addr[MOAT_BDF_STRLEN], pf[MOAT_BDF_STRLEN];

	(void)moat_bdf_str(fn->bdf, addr);
	moat_text_add(&what, "%s: %s %s [%04x:%04x]", row->names.class_name,
		      row->names.vendor, row->names.device, fn->vendor,
		      fn->device);
	if (fn->driver[0])
		moat_text_add(&facts, "driver %s, ", fn->driver);
	else
		moat_text_add(&facts, "no driver, ");
	add_group(&facts, row);
	if (fn->numa_node != MOAT_NO_NODE)
		moat_text_add(&facts, "node %d, ", fn->numa_node);
	if (fn->is_vf)
		moat_text_add(&facts, "virtual function of %s, ",
			      moat_bdf_str(fn->pf, pf));
	if (fn->n_vfs)
		moat_text_add(&facts, "%u virtual functions, ", fn->n_vfs);
	if (fn->reset_method[0])
		moat_text_add(&facts, "reset %s", fn->reset_method);
	else
		moat_text_add(&facts, "no reset");
	add_verdict(&verdict, row, addr);
	print_wrapped(addr, what.buf, width);
	print_wrapped("", facts.buf, width);
	print_wrapped("", verdict.buf, width);
}

static struct json_object *json_text(const char *text)
{
	return *text ? json_object_new_string(text) : NULL;
}

static struct json_object *json_number(int n, int none)
{
	return n == none ? NULL : json_object_new_int(n);
}

static struct json_object *json_hex(unsigned int n, int digits)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "0x%0*x", digits, n);
	return json_object_new_string(text);
}

static struct json_object *json_members(const struct row *row)
{
	struct json_object *array = json_object_new_array();
	char addr[MOAT_BDF_STRLEN];

	for (size_t i = 0; i < row->n_members; i++)
		json_object_array_add(array,
				      json_object_new_string(moat_bdf_str(
					      row->members[i].bdf, addr)));
	return array;
}

static struct json_object *json_words(const char *text)
{
	struct json_object *array = json_object_new_array();

	for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
		const size_t len = strcspn(text, " ");

		json_object_array_add(
			array, json_object_new_string_len(text, (int)len));
		text += len;
	}
	return array;
}

static struct json_object *json_row(const struct row *row)
{
	const struct moat_host_pci *fn = row->fn;
	struct json_object *o = json_object_new_object();
	char addr[MOAT_BDF_STRLEN], pf[MOAT_BDF_STRLEN];
	const struct {
		const char *key;
		struct json_object *value;
	} members[] = {
		{ "address", json_text(moat_bdf_str(fn->bdf, addr)) },
		{ "class", json_hex(fn->class_code, 6) },
		{ "class_name", json_text(row->names.class_name) },
		{ "vendor", json_hex(fn->vendor, 4) },
		{ "vendor_name", json_text(row->names.vendor) },
		{ "device", json_hex(fn->device, 4) },
		{ "device_name", json_text(row->names.device) },
		{ "bridge", json_object_new_boolean(is_bridge(fn)) },
		{ "driver", json_text(fn->driver) },
		{ "iommu_group", json_number(fn->iommu_group, MOAT_NO_GROUP) },
		{ "group_members", json_members(row) },
		{ "numa_node", json_number(fn->numa_node, MOAT_NO_NODE) },
		{ "reset_methods", json_words(fn->reset_method) },
		{ "physical_function",
		  fn->is_vf ? json_text(moat_bdf_str(fn->pf, pf)) : NULL },
		{ "virtual_functions", json_object_new_int((int)fn->n_vfs) },
		{ "host_use", json_text(fn->in_use) },
		{ "user_pid", json_number(row->user.pid, 0) },
		{ "assignable", json_text(answer_names[row->answer]) },
		{ "reason", json_text(row->reason.msg) },
	};

	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		json_object_object_add(o, members[i].key, members[i].value);
	return o;
}

static bool wanted(const struct moat_host_pci *fn,
		   const struct devices_options *opts,
		   const struct moat_bdf *bdfs, size_t n_bdfs)
{
	for (size_t i = 0; i < n_bdfs; i++)
		if (moat_bdf_equal(fn->bdf, bdfs[i]))
			return true;
	return n_bdfs == 0 && (opts->all || !is_bridge(fn));
}

static void print_all(const struct moat_host_pci *fns, size_t n,
		      const struct devices_options *opts,
		      const struct moat_bdf *bdfs, size_t n_bdfs)
{
	const unsigned int width = terminal_width();
	struct json_object *array = NULL;
	struct pci_access *access;
	struct row row;

	access = pci_names_open();
	if (opts->json)
		array = json_object_new_array();
	for (size_t i = 0; i < n; i++) {
		if (!wanted(&fns[i], opts, bdfs, n_bdfs))
			continue;
		row_fill(&row, &fns[i], access);
		if (array)
			json_object_array_add(array, json_row(&row));
		else
			print_row(&row, width);
		free(row.members);
	}
	pci_names_close(access);
	if (!array)
		return;
	(void)puts(json_object_to_json_string_ext(
		array, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
			       JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(array);
}

/* Each address that was named must be there. */
static int check_named(const struct moat_host_pci *fns, size_t n,
		       const struct moat_bdf *bdfs, size_t n_bdfs,
		       struct moat_err *err)
{
	struct moat_host_pci fn;
	int r;

	for (size_t i = 0; i < n_bdfs; i++) {
		bool found = false;

		for (size_t j = 0; j < n && !found; j++)
			found = moat_bdf_equal(fns[j].bdf, bdfs[i]);
		if (found)
			continue;
		r = moat_host_pci_read(NULL, bdfs[i], &fn, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int list(const struct devices_options *opts, const struct moat_bdf *bdfs,
		size_t n_bdfs)
{
	struct moat_host_pci *fns;
	struct moat_err err;
	size_t n;
	int r;

	r = moat_host_pci_list(NULL, &fns, &n, &err);
	if (r < 0) {
		log_err("%s", err.msg);
		return EXIT_STATUS_ERROR;
	}
	r = check_named(fns, n, bdfs, n_bdfs, &err);
	if (r < 0)
		log_err("%s", err.msg);
	else
		print_all(fns, n, opts, bdfs, n_bdfs);
	free(fns);
	return r < 0 ? EXIT_STATUS_ERROR : EXIT_STATUS_OK;
}

int cmd_devices(int argc, char **argv)
{
	struct moat_bdf bdfs[OPT_LIST_MAX];
	struct devices_options opts = { 0 };
	struct opt_list words;
	struct moat_err err;
	int r;

	if (argc > 1 && is_help(argv[1])) {
		(void)printf("usage: moat devices [--all] [--json] [BDF]...\n"
			     "\n");
		opt_help(&devices_table, "--", stdout);
		return EXIT_STATUS_OK;
	}
	r = opt_parse_argv(&devices_table, argc - 1, argv + 1, &opts, &words,
			   &err);
	for (size_t i = 0; r == 0 && i < words.n; i++)
		r = moat_bdf_parse(words.item[i], &bdfs[i], &err);
	if (r < 0) {
		log_err("%s", err.msg);
		return EXIT_STATUS_USAGE;
	}
	return list(&opts, bdfs, words.n);
}
