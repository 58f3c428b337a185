// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * RLIMIT_MEMLOCK as type1 sees it: the kernel adds the pages that it pins to
 * the locked_vm of the process's mm, where mlock() counts as well and every
 * container counts anew, and compares the sum with the soft limit unless the
 * caller has CAP_IPC_LOCK in the first user namespace. The sum is what /proc
 * shows as VmLck.
 *
 * No state but the kernel's. When the soft limit is too low it is raised as
 * far as it goes, not by what one caller needs: two address spaces that map
 * at the same time would each see the other's pages not yet counted.
 *
 * Source: Linux drivers/vfio/vfio_iommu_type1.c, vfio_lock_acct().
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/parse.h"
#include "common/util.h"
#include "iommu/memlock.h"

struct memlock {
	uint64_t locked; /* bytes that count already */
	bool exempt;	 /* CAP_IPC_LOCK, at least in this user namespace */
};

/* The number after "@key:", when @line is that line of /proc/self/status. */
static void status_field(const char *line, const char *key, int base,
			 uint64_t *value)
{
	size_t key_len = strlen(key);
	char text[32];

	if (strncmp(line, key, key_len) == 0 && line[key_len] == ':' &&
	    sscanf(line + key_len + 1, "%31s", text) == 1)
		(void)moat_parse_u64(text, base, value);
}

/*
 * Read by line: a process in many groups has a status file of any length.
 * Without /proc nothing is known to be locked; the kernel decides then.
 */
static void memlock_read(const struct moat_host *host, struct memlock *ret_m)
{
	uint64_t kib = 0, caps = 0;
	char path[PATH_MAX];
	char *line = NULL;
	size_t size = 0;
	FILE *f;

	*ret_m = (struct memlock) { 0 };
	if (moat_path(path, "%s/self/status", host->procfs) < 0)
		return;
	f = fopen(path, "re");
	if (!f)
		return;
	while (getline(&line, &size, f) >= 0) {
		status_field(line, "VmLck", 10, &kib);
		status_field(line, "CapEff", 16, &caps);
	}
	free(line);
	(void)fclose(f);
	ret_m->locked = kib > UINT64_MAX / KiB ? UINT64_MAX : kib * KiB;
	ret_m->exempt = caps >> CAP_IPC_LOCK & 1;
}

static uint64_t needed(const struct memlock *m, uint64_t bytes)
{
	return bytes > UINT64_MAX - m->locked ? UINT64_MAX : m->locked + bytes;
}

static bool fits(rlim_t limit, uint64_t need)
{
	return limit == RLIM_INFINITY || limit >= need;
}

static int too_low(uint64_t bytes, uint64_t need, rlim_t limit,
		   struct moat_err *err)
{
	uint64_t kib = need / KiB + (need % KiB != 0);

	return moat_fail(
		err, -ENOMEM,
		"pinning %" PRIu64 " bytes for DMA needs a locked-memory "
		"limit (RLIMIT_MEMLOCK) of %" PRIu64 " bytes, and it is "
		"%" PRIu64 "; grant it with 'ulimit -l %" PRIu64 "' in the "
		"shell that starts the program, 'LimitMEMLOCK=%" PRIu64
		"' in its systemd unit, or 'USER - memlock %" PRIu64
		"' in /etc/security/limits.conf",
		bytes, need, (uint64_t)limit, kib, need, kib);
}

int memlock_allow(const struct vfio_sys *sys, const struct moat_host *host,
		  uint64_t bytes, struct moat_err *err)
{
	struct rlimit limit, want;
	struct memlock m;
	uint64_t need;
	int r;

	memlock_read(host, &m);
	need = needed(&m, bytes);
	r = sys->ops->get_memlock(sys->opaque, &limit);
	if (r < 0)
		return moat_fail(err, r, "reading RLIMIT_MEMLOCK: %s",
				 strerror(-r));
	if (fits(limit.rlim_cur, need))
		return 0;

	want = limit;
	if (fits(limit.rlim_max, need)) {
		want.rlim_cur = limit.rlim_max;
	} else {
		want.rlim_cur = RLIM_INFINITY;
		want.rlim_max = RLIM_INFINITY;
	}
	if (sys->ops->set_memlock(sys->opaque, &want) == 0 || m.exempt)
		return 0;
	return too_low(bytes, need, limit.rlim_cur, err);
}

int memlock_explain(const struct vfio_sys *sys, const struct moat_host *host,
		    uint64_t bytes, struct moat_err *err)
{
	struct rlimit limit;
	struct memlock m;
	uint64_t need;

	memlock_read(host, &m);
	need = needed(&m, bytes);
	if (sys->ops->get_memlock(sys->opaque, &limit) == 0 &&
	    !fits(limit.rlim_cur, need))
		return too_low(bytes, need, limit.rlim_cur, err);
	return moat_fail(err, -ENOMEM,
			 "the kernel has not enough memory to pin %" PRIu64
			 " bytes for DMA",
			 bytes);
}
