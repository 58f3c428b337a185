// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The phases of a start. The kernel tells a process's start time in steps of
 * 10 ms, which is too coarse: the first thing that main() does is to mark
 * it, and a parent that measures may hand over the moment before its exec,
 * CLOCK_MONOTONIC in ns, in the environment variable MOAT_EXEC_NS.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/parse.h"
#include "common/util.h"
#include "vmm-glue/timeline.h"

/* ns, CLOCK_MONOTONIC; 0: not reached. */
static _Atomic(uint64_t) reached[TIMELINE_N];

static const char *const names[TIMELINE_N] = {
	[TIMELINE_EXEC] = "exec",
	[TIMELINE_PARSED] = "parsed",
	[TIMELINE_VM_READY] = "vm_ready",
	[TIMELINE_DEVICES_OPEN] = "devices_open",
	[TIMELINE_RAM_READY] = "ram_ready",
	[TIMELINE_MAPPED] = "mapped",
	[TIMELINE_FIRST_ENTRY] = "first_entry",
	[TIMELINE_FIRST_SERIAL] = "first_serial",
};

void timeline_mark_at(enum timeline_phase phase, uint64_t ns)
{
	uint64_t none = 0;

	(void)atomic_compare_exchange_strong(&reached[phase], &none, ns);
}

void timeline_mark(enum timeline_phase phase)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	timeline_mark_at(phase, (uint64_t)ts.tv_sec * 1000000000u +
					(uint64_t)ts.tv_nsec);
}

uint64_t timeline_ns(enum timeline_phase phase)
{
	const char *text;
	uint64_t ns;

	if (phase == TIMELINE_EXEC) {
		text = getenv("MOAT_EXEC_NS");
		/* A start after the first mark is not this process's. */
		if (text && moat_parse_u64(text, 10, &ns) == 0 &&
		    ns <= reached[phase])
			return ns;
	}
	return reached[phase];
}

static void write_phases(FILE *out)
{
	const char *comma = "";
	uint64_t ns;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		ns = timeline_ns((enum timeline_phase)i);
		if (!ns)
			continue;
		(void)fprintf(out, "%s\n    \"%s\": %" PRIu64, comma, names[i],
			      ns);
		comma = ",";
	}
}

int timeline_check(const char *path, struct moat_err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_NOCTTY | O_CLOEXEC, 0666);

	if (fd < 0)
		return moat_fail(err, -errno, "-timeline %s: %s", path,
				 strerror(errno));
	(void)close(fd);
	return 0;
}

int timeline_write(const char *path, uint64_t map_calls, uint64_t map_kernel_ns,
		   uint64_t map_total_ns, struct moat_err *err)
{
	FILE *out;
	int r = 0;

	out = fopen(path, "we");
	if (!out)
		return moat_fail(err, -errno, "-timeline %s: %s", path,
				 strerror(errno));
	(void)fprintf(out, "{\n  \"clock\": \"CLOCK_MONOTONIC\",\n"
			   "  \"unit\": \"ns\",\n  \"phases\": {");
	write_phases(out);
	(void)fprintf(out,
		      "\n  },\n  \"map\": { \"calls\": %" PRIu64
		      ", \"kernel_ns\": %" PRIu64 ", \"total_ns\": %" PRIu64
		      " }\n}\n",
		      map_calls, map_kernel_ns, map_total_ns);
	if (ferror(out))
		r = -EIO;
	if (fclose(out) != 0 && r == 0)
		r = -errno;
	if (r < 0)
		return moat_fail(err, r, "-timeline %s: %s", path,
				 strerror(-r));
	return 0;
}
