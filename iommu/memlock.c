// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * RLIMIT_MEMLOCK as the backends' kernel code sees it. For type1 the kernel
 * adds the pages that it pins to the locked_vm of the process's mm, where
 * mlock() counts as well and every container counts anew; the sum is what
 * /proc shows as VmLck. For iommufd it adds them to a count of the user's,
 * which io_uring and every other process of the user share and which nobody
 * can read; /proc shows this process's part as VmPin. Either is compared with
 * the soft limit unless the caller has CAP_IPC_LOCK in the first user
 * namespace.
 *
 * iommufd can be told to count as type1 does (IOMMU_OPTION_RLIMIT_MODE), but
 * only by who has CAP_SYS_RESOURCE, and then the limit is no obstacle.
 *
 * No state but the kernel's. When the soft limit is too low it is raised as
 * far as it goes, not by what one caller needs: two address spaces that map
 * at the same time would each see the other's pages not yet counted. For the
 * count by user it is raised in any case, since what others use is not known.
 *
 * Source: Linux drivers/vfio/vfio_iommu_type1.c, vfio_lock_acct();
 * drivers/iommu/iommufd/pages.c, iopt_alloc_pages() and
 * incr_user_locked_vm().
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/parse.h"
#include "common/util.h"
#include "iommu/memlock.h"

/*
 * The limit is the process's: held from reading it to writing it, so that an
 * address space that needs less does not take back what another one raised.
 */
static pthread_mutex_t limit_lock = PTHREAD_MUTEX_INITIALIZER;

struct memlock {
	uint64_t locked; /* bytes that count already, as far as is known */
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
static void memlock_read(const struct moat_host *host,
			 const struct memlock_use *use, struct memlock *ret_m)
{
	const char *key = use->by_user ? "VmPin" : "VmLck";
	uint64_t kib = 0, caps = 0;
	char path[PATH_MAX];
	char *line = NULL;
	size_t size = 0;
	FILE *f;

	*ret_m = (struct memlock) { .locked = use->mapped };
	if (moat_path(path, "%s/self/status", host->procfs) < 0)
		return;
	f = fopen(path, "re");
	if (!f)
		return;
	while (getline(&line, &size, f) >= 0) {
		status_field(line, key, 10, &kib);
		status_field(line, "CapEff", 16, &caps);
	}
	free(line);
	(void)fclose(f);
	ret_m->locked = max_u64(
		use->mapped, kib > UINT64_MAX / KiB ? UINT64_MAX : kib * KiB);
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

static int too_low(const struct memlock_use *use, uint64_t need, rlim_t limit,
		   struct moat_err *err)
{
	uint64_t kib = need / KiB + (need % KiB != 0);

	return moat_fail(
		err, -ENOMEM,
		"pinning %" PRIu64 " bytes for DMA needs a locked-memory "
		"limit (RLIMIT_MEMLOCK) of %" PRIu64 " bytes%s, and it is "
		"%" PRIu64 "; grant it with 'ulimit -l %" PRIu64 "' in the "
		"shell that starts the program, 'LimitMEMLOCK=%" PRIu64
		"' in its systemd unit, or 'USER - memlock %" PRIu64
		"' in /etc/security/limits.conf",
		use->bytes, need,
		use->by_user ? ", and more when other processes of the user "
			       "pin memory too"
			     : "",
		(uint64_t)limit, kib, need, kib);
}

static int raise_limit(const struct vfio_sys *sys, struct rlimit *limit,
		       struct rlimit want)
{
	int r = sys->ops->set_memlock(sys->opaque, &want);

	if (r == 0)
		*limit = want;
	return r;
}

/* The limit that counts then, raised if it is too low and that is possible. */
static int limit_for(const struct vfio_sys *sys, const struct memlock_use *use,
		     const struct memlock *m, struct rlimit *ret_limit)
{
	const struct rlimit none = { RLIM_INFINITY, RLIM_INFINITY };
	uint64_t need = needed(m, use->bytes);
	struct rlimit limit, hard;
	int r;

	r = sys->ops->get_memlock(sys->opaque, &limit);
	if (r < 0)
		return r;
	hard = (struct rlimit) { limit.rlim_max, limit.rlim_max };
	/*
	 * The capability may be one of a user namespace, which counts for
	 * nothing here: so the limit is raised for its owner as well.
	 */
	if (!fits(limit.rlim_max, need))
		(void)raise_limit(sys, &limit, none);
	else if (limit.rlim_cur != limit.rlim_max &&
		 (m->exempt || use->by_user || !fits(limit.rlim_cur, need)))
		(void)raise_limit(sys, &limit, hard);
	*ret_limit = limit;
	return 0;
}

int memlock_allow(const struct vfio_sys *sys, const struct moat_host *host,
		  const struct memlock_use *use, bool *ret_any,
		  struct moat_err *err)
{
	struct rlimit limit;
	struct memlock m;
	uint64_t need;
	int r;

	memlock_read(host, use, &m);
	need = needed(&m, use->bytes);
	pthread_mutex_lock(&limit_lock);
	r = limit_for(sys, use, &m, &limit);
	pthread_mutex_unlock(&limit_lock);
	if (r < 0)
		return moat_fail(err, r, "reading RLIMIT_MEMLOCK: %s",
				 strerror(-r));
	*ret_any = limit.rlim_cur == RLIM_INFINITY ||
		   (m.exempt && limit.rlim_cur == limit.rlim_max);
	if (m.exempt || fits(limit.rlim_cur, need))
		return 0;
	return too_low(use, need, limit.rlim_cur, err);
}

int memlock_explain(const struct vfio_sys *sys, const struct moat_host *host,
		    const struct memlock_use *use, struct moat_err *err)
{
	struct rlimit limit;
	struct memlock m;
	uint64_t need;

	memlock_read(host, use, &m);
	need = needed(&m, use->bytes);
	limit.rlim_cur = RLIM_INFINITY;
	(void)sys->ops->get_memlock(sys->opaque, &limit);
	if (!fits(limit.rlim_cur, need))
		return too_low(use, need, limit.rlim_cur, err);
	if (use->by_user && limit.rlim_cur != RLIM_INFINITY && !m.exempt)
		return moat_fail(
			err, -ENOMEM,
			"the kernel does not pin %" PRIu64 " bytes for DMA: "
			"either memory is short, or all processes of the user "
			"together reach the locked-memory limit "
			"(RLIMIT_MEMLOCK) of %" PRIu64 " bytes; 'ulimit -l', "
			"'LimitMEMLOCK=' in a systemd unit, or "
			"/etc/security/limits.conf can raise it",
			use->bytes, (uint64_t)limit.rlim_cur);
	return moat_fail(err, -ENOMEM,
			 "the kernel has not enough memory to pin %" PRIu64
			 " bytes for DMA",
			 use->bytes);
}
