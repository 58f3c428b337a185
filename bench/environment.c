// SPDX-License-Identifier: GPL-2.0-or-later
/* What the kernel and the firmware say of the machine. */
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "bench/commit.h"
#include "bench/environment.h"
#include "common/host.h"
#include "common/io.h"

#define UNKNOWN "unknown"

static void set(char dst[BENCH_TEXT_MAX], const char *text)
{
	(void)snprintf(dst, BENCH_TEXT_MAX, "%s", *text ? text : UNKNOWN);
}

/* "key<tab>: value" of the first processor. */
static void read_cpuinfo(const struct moat_host *host,
			 struct bench_environment *env)
{
	char path[PATH_MAX], line[4096];
	FILE *in;

	if (moat_path(path, "%s/cpuinfo", host->procfs) < 0)
		return;
	in = fopen(path, "re");
	if (!in)
		return;
	while (fgets(line, sizeof(line), in) && line[0] != '\n') {
		char *value = strstr(line, ": ");

		if (!value)
			continue;
		value += 2;
		value[strcspn(value, "\n")] = '\0';
		if (strncmp(line, "model name", 10) == 0)
			set(env->cpu, value);
		if (strncmp(line, "flags", 5) == 0)
			env->emulated = strstr(value, " hypervisor") != NULL;
	}
	(void)fclose(in);
}

static void read_dmi(const struct moat_host *host, const char *name,
		     char *ret_text, size_t size)
{
	char path[PATH_MAX];

	if (moat_path(path, "%s/class/dmi/id/%s", host->sysfs, name) < 0 ||
	    moat_read_text(path, ret_text, size) < 0)
		ret_text[0] = '\0';
}

static void read_machine(const struct moat_host *host,
			 struct bench_environment *env)
{
	char vendor[BENCH_TEXT_MAX / 2 - 1], product[BENCH_TEXT_MAX / 2];

	read_dmi(host, "sys_vendor", vendor, sizeof(vendor));
	read_dmi(host, "product_name", product, sizeof(product));
	if (vendor[0] || product[0])
		(void)snprintf(env->machine, sizeof(env->machine), "%s%s%s",
			       vendor, vendor[0] && product[0] ? " " : "",
			       product);
	/* Software emulation may hide the processor's flag. */
	if (strcmp(vendor, "QEMU") == 0)
		env->emulated = true;
}

void bench_environment_read(const struct moat_host *host,
			    struct bench_environment *ret_env)
{
	struct bench_environment env = { .cpus = 0 };
	time_t now = time(NULL);
	struct utsname uts;
	struct tm tm;
	long n;

	if (!host)
		host = &moat_this_host;
	set(env.cpu, "");
	set(env.machine, "");
	set(env.kernel, uname(&uts) == 0 ? uts.release : "");
	set(env.commit, MOAT_COMMIT);
	set(env.date, "");
	if (gmtime_r(&now, &tm))
		(void)strftime(env.date, sizeof(env.date), "%Y-%m-%dT%H:%M:%SZ",
			       &tm);
	read_cpuinfo(host, &env);
	read_machine(host, &env);
	n = sysconf(_SC_NPROCESSORS_ONLN);
	env.cpus = n > 0 ? (unsigned int)n : 0;
	n = sysconf(_SC_PHYS_PAGES);
	env.memory = n > 0 ? (uint64_t)n * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
	*ret_env = env;
}
