// SPDX-License-Identifier: GPL-2.0-or-later
/* What the host says about its memory, see host_memory.h. */
#include <errno.h>
#include <string.h>

#include "common/io.h"
#include "common/parse.h"
#include "common/util.h"
#include "vmm-glue/host_memory.h"

/* One number of /sys/kernel/mm/hugepages/hugepages-NkB/. */
static int read_hugepages(const struct moat_host *host, uint64_t page_size,
			  const char *attribute, uint64_t *ret_n)
{
	char path[PATH_MAX], text[32];
	int r;

	r = moat_path(path, "%s/kernel/mm/hugepages/hugepages-%llukB/%s",
		      host->sysfs, (unsigned long long)(page_size / KiB),
		      attribute);
	if (r == 0)
		r = moat_read_text(path, text, sizeof(text));
	if (r == 0)
		r = moat_parse_u64(text, 10, ret_n);
	return r;
}

int host_hugepages(const struct moat_host *host, uint64_t page_size,
		   struct hugepage_pool *ret_pool)
{
	uint64_t nr, free_pages, reserved;
	int r;

	r = read_hugepages(host, page_size, "nr_hugepages", &nr);
	if (r == 0)
		r = read_hugepages(host, page_size, "free_hugepages",
				   &free_pages);
	if (r == 0)
		r = read_hugepages(host, page_size, "resv_hugepages",
				   &reserved);
	if (r < 0)
		return r;
	ret_pool->total = nr;
	ret_pool->free = free_pages > reserved ? free_pages - reserved : 0;
	return 0;
}

/* The line "MemAvailable:  123 kB" of /proc/meminfo, in bytes. */
int host_available(const struct moat_host *host, uint64_t *ret_bytes)
{
	static const char key[] = "MemAvailable:";
	char path[PATH_MAX], text[8192], *p, *end;
	uint64_t kib;
	int r;

	r = moat_path(path, "%s/meminfo", host->procfs);
	if (r == 0)
		r = moat_read_text(path, text, sizeof(text));
	if (r < 0)
		return r;
	p = strstr(text, key);
	if (!p)
		return -ENOENT;
	p += sizeof(key) - 1;
	p += strspn(p, " \t");
	end = p + strspn(p, "0123456789");
	*end = '\0';
	r = moat_parse_u64(p, 10, &kib);
	if (r < 0)
		return r;
	*ret_bytes = kib > UINT64_MAX / KiB ? UINT64_MAX : kib * KiB;
	return 0;
}

bool host_thp_allows(const struct moat_host *host, const char *attribute)
{
	char path[PATH_MAX], text[128];

	if (moat_path(path, "%s/kernel/mm/transparent_hugepage/%s", host->sysfs,
		      attribute) < 0 ||
	    moat_read_text(path, text, sizeof(text)) < 0)
		return false;
	return !strstr(text, "[never]") && !strstr(text, "[deny]");
}
