// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The targets and how they are judged, see targets.h. The files may say
 * anything: what is not as it should be was not measured.
 */
#include <math.h>
#include <string.h>

#include "bench/targets.h"
#include "common/util.h"

#define PAIRS 6 /* fewer have no interval, see stats.h */

#define START_REST(size)                                                    \
	{                                                                   \
		"time to the first byte without populate and map: most "    \
		"guest RAM over least, pages of " size,                     \
			"start", "time", "vmm=moat until=rest pages=" size, \
			"vmm=moat until=rest pages=" size,                  \
			TARGET_WITHIN_NOISE, 0.01, PAIRS                    \
	}

#define START_MEMORY(size)                                              \
	{                                                               \
		"private memory: most guest RAM over least, pages "     \
		"of " size,                                             \
			"start-memory", "private-memory",               \
			"vmm=moat pages=" size, "vmm=moat pages=" size, \
			TARGET_WITHIN_NOISE, 0.01, PAIRS                \
	}

#define MAP_OUTSIDE(target, pages, gib, size)                                  \
	{                                                                      \
		"outside of the kernel's call: " gib " GiB of pages of " pages \
		", " target,                                                   \
			"map", "outside-kernel",                               \
			"target=" target " pages=" pages " size=" size, NULL,  \
			TARGET_BELOW, 5, PAIRS                                 \
	}

/* clang-format off */
const struct report_target report_targets[] = {
	{ "disk's throughput with the fence over without it, 128 KiB at depth 32",
	  "dma-fence", "throughput",
	  "op=read dma=iommu pages=2M block=131072 depth=32",
	  "op=read dma=none block=131072 depth=32",
	  TARGET_AT_LEAST, 0.95, 20 },
	{ "guest's NVMe, moat over QEMU: throughput, 128 KiB at depth 32",
	  "nvme-throughput", "throughput",
	  "vmm=moat block=131072 depth=32", "vmm=qemu block=131072 depth=32",
	  TARGET_AT_LEAST, 1, PAIRS },
	{ "guest's NVMe, moat over QEMU: throughput, 4 KiB at depth 32",
	  "nvme-throughput", "throughput",
	  "vmm=moat block=4096 depth=32", "vmm=qemu block=4096 depth=32",
	  TARGET_AT_LEAST, 1, PAIRS },
	{ "guest's NVMe, moat over QEMU: latency of 4 KiB",
	  "nvme-latency", "latency",
	  "vmm=moat block=4096 depth=1", "vmm=qemu block=4096 depth=1",
	  TARGET_AT_MOST, 1, PAIRS },
	{ "edu's MSI in a guest, moat over QEMU, both pinned: round trip",
	  "irq-guest", "round-trip",
	  "device=edu irq=msi vmm=moat cpu=pinned",
	  "device=edu irq=msi vmm=qemu cpu=pinned",
	  TARGET_AT_MOST, 1, PAIRS },
	{ "populating 2 GiB by two threads over by one",
	  "map", "populate",
	  "pages=2M size=2G threads=2", "pages=2M size=2G threads=1",
	  TARGET_AT_LEAST, 1.7, PAIRS },
	{ "guest RAM of 2 GiB populated by moat run: speed of two nodes' threads "
	  "over one",
	  /* Times, so that the speeds' ratio is the other way around. */
	  "start-populate", "populate",
	  "pages=2M ram=2048 threads=1", "pages=2M ram=2048 threads=2",
	  TARGET_AT_LEAST, 1.7, PAIRS },
	MAP_OUTSIDE("type1", "2M", "4", "4294967296"),
	MAP_OUTSIDE("iommufd", "2M", "4", "4294967296"),
	/* The lab has no four such pages beside the others. */
	MAP_OUTSIDE("type1", "1G", "1", "1073741824"),
	MAP_OUTSIDE("iommufd", "1G", "1", "1073741824"),
	START_REST("4K"),
	START_REST("2M"),
	START_REST("1G"),
	START_MEMORY("4K"),
	START_MEMORY("2M"),
	START_MEMORY("1G"),
	{ "time that each further device adds to a start",
	  "scale-further", "time", "devices=further", NULL,
	  TARGET_BELOW, 10, PAIRS },
	{ "private memory that each further device adds",
	  "scale-further-memory", "private-memory", "devices=further", NULL,
	  TARGET_BELOW, 256, PAIRS },
	{ "port access alone, direct over vfio: read",
	  "port-host", "access", "pio=direct op=read", "pio=vfio op=read",
	  TARGET_AT_MOST, 0.5, PAIRS },
	{ "port access alone, direct over vfio: write",
	  "port-host", "access", "pio=direct op=write", "pio=vfio op=write",
	  TARGET_AT_MOST, 0.5, PAIRS },
};
/* clang-format on */

const size_t report_n_targets = ARRAY_SIZE(report_targets);

/* ---- finding what a target is read from ---- */

static bool has_words(const char *text, const char *words)
{
	size_t len;

	for (; *words; words += len) {
		const char *at = text;
		size_t n;

		words += strspn(words, " ");
		len = strcspn(words, " ");
		for (; *at; at += n) {
			at += strspn(at, " ");
			n = strcspn(at, " ");
			if (n == len && memcmp(at, words, len) == 0)
				break;
		}
		if (len && !*at)
			return false;
	}
	return true;
}

static struct json_object *find_file(const struct report *report,
				     const char *name)
{
	for (const struct report_file *f = report->files; f; f = f->next)
		if (strcmp(f->name, name) == 0)
			return f->json;
	return NULL;
}

static struct json_object *find_series(const struct report_target *target,
				       struct json_object *json)
{
	struct json_object *array;
	size_t n = report_array(json, target->b ? "comparisons" : "series",
				&array);

	for (size_t i = 0; i < n; i++) {
		struct json_object *o = json_object_array_get_idx(array, i);

		if (strcmp(report_text(o, "quantity"), target->quantity) != 0)
			continue;
		if (target->b
			    ? has_words(report_text(o, "a"), target->a) &&
				      has_words(report_text(o, "b"), target->b)
			    : has_words(report_text(o, "name"), target->a))
			return o;
	}
	return NULL;
}

/* The series that is under the fraction line. */
static struct json_object *find_base(const struct report_target *target,
				     struct json_object *json, const char *name)
{
	struct json_object *array;
	size_t n = report_array(json, "series", &array);

	for (size_t i = 0; i < n; i++) {
		struct json_object *o = json_object_array_get_idx(array, i);

		if (strcmp(report_text(o, "quantity"), target->quantity) == 0 &&
		    strcmp(report_text(o, "name"), name) == 0)
			return o;
	}
	return NULL;
}

/* Why there is no such series, if the file says so. */
static const char *find_skipped(const struct report_target *target,
				struct json_object *json)
{
	struct json_object *array;
	size_t n = report_array(json, "skipped", &array);

	for (size_t i = 0; i < n; i++) {
		struct json_object *o = json_object_array_get_idx(array, i);
		const char *name = report_text(o, "name");

		if (*name && (has_words(target->a, name) ||
			      (target->b && has_words(target->b, name))))
			return report_text(o, "why");
	}
	return NULL;
}

/* ---- judging ---- */

static bool read_interval(struct json_object *series,
			  struct target_state *state)
{
	struct json_object *ci;
	double at[2];

	if (report_array(series, "ci95", &ci) != 2)
		return false;
	for (size_t i = 0; i < 2; i++) {
		struct json_object *o = json_object_array_get_idx(ci, i);

		if (!json_object_is_type(o, json_type_double) &&
		    !json_object_is_type(o, json_type_int))
			return false;
		at[i] = json_object_get_double(o);
	}
	if (!isfinite(at[0]) || !isfinite(at[1]) || at[0] > at[1])
		return false;
	state->low = at[0];
	state->high = at[1];
	return true;
}

static enum target_verdict compare(enum target_bound kind,
				   const struct target_state *state)
{
	const double bound = state->bound;

	switch (kind) {
	case TARGET_AT_LEAST:
		return state->low >= bound   ? TARGET_MET
		       : state->high < bound ? TARGET_NOT_MET
					     : TARGET_OPEN;
	case TARGET_BELOW:
		return state->high < bound   ? TARGET_MET
		       : state->low >= bound ? TARGET_NOT_MET
					     : TARGET_OPEN;
	case TARGET_AT_MOST:
	case TARGET_WITHIN_NOISE:
		break;
	}
	return state->high <= bound ? TARGET_MET
	       : state->low > bound ? TARGET_NOT_MET
				    : TARGET_OPEN;
}

static double bound_of(const struct report_target *target,
		       struct json_object *json, struct json_object *series)
{
	double spread;

	if (target->kind != TARGET_WITHIN_NOISE)
		return target->bound;
	if (!report_number(find_base(target, json, report_text(series, "b")),
			   "spread_percent", &spread) ||
	    !(spread / 100 > target->bound))
		return 1 + target->bound;
	return 1 + spread / 100;
}

static void judge_series(const struct report_target *target,
			 struct json_object *series, struct target_state *state)
{
	state->has_interval = read_interval(series, state);
	if (!report_number(series, "median", &state->median) ||
	    !isfinite(state->median) ||
	    !report_number(series, "n", &state->n)) {
		state->has_interval = false;
		state->series = NULL;
		(void)snprintf(state->why, sizeof(state->why),
			       "%s.json has no figure of it", target->file);
	} else if (state->n < target->min_n) {
		(void)snprintf(state->why, sizeof(state->why),
			       "n is %.0f, of %u that it takes", state->n,
			       target->min_n);
	} else if (!state->has_interval) {
		(void)snprintf(state->why, sizeof(state->why),
			       "there is no interval");
	} else {
		state->verdict = compare(target->kind, state);
		if (state->verdict == TARGET_OPEN)
			(void)snprintf(state->why, sizeof(state->why),
				       "the interval holds the bound");
	}
}

void report_target_judge(const struct report_target *target,
			 const struct report *report,
			 struct target_state *ret_state)
{
	struct json_object *json = find_file(report, target->file), *series;
	struct target_state state = { .verdict = TARGET_OPEN, .unit = "" };
	const char *why;

	state.bound = target->kind == TARGET_WITHIN_NOISE ? 1 + target->bound
							  : target->bound;
	series = json ? find_series(target, json) : NULL;
	if (series) {
		state.series = report_text(series, "name");
		state.unit = target->b ? "" : report_text(series, "unit");
		state.bound = bound_of(target, json, series);
		judge_series(target, series, &state);
	} else {
		why = json ? find_skipped(target, json) : NULL;
		(void)snprintf(state.why, sizeof(state.why),
			       "not measured: %s%s", why ? why : target->file,
			       why    ? ""
			       : json ? ".json has no such series"
				      : ".json is not there");
	}
	*ret_state = state;
}
