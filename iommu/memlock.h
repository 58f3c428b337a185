/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pinned memory counts against RLIMIT_MEMLOCK: seeing to it that it fits.
 *
 * Whose memory counts is the backend's rule: under type1 what this process
 * has locked, under iommufd what all processes of the user have pinned, of
 * which only our own part can be seen.
 */
#ifndef MOAT_IOMMU_MEMLOCK_H
#define MOAT_IOMMU_MEMLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include <moat/err.h>

#include "common/host.h"
#include "iommu/vfio_sys.h"

struct memlock_use {
	bool by_user;	 /* the rule; see above */
	uint64_t mapped; /* by_user: bytes of ours that are or will be pinned */
	uint64_t bytes;	 /* that are to be pinned besides */
};

/**
 * memlock_allow() - let this process pin what @use says
 *
 * Raises the soft limit, and with CAP_SYS_RESOURCE the hard one, when they
 * are too low. With CAP_IPC_LOCK there is no limit, and a failure to raise
 * it none either. @ret_any: no number of bytes will be too many, so that this
 * need not be called again; it reads a file, which a map has no time for.
 * Return: 0, or -ENOMEM with what is needed, what the limit is, and how to
 * grant it.
 */
int memlock_allow(const struct vfio_sys *sys, const struct moat_host *host,
		  const struct memlock_use *use, bool *ret_any,
		  struct moat_err *err);

/**
 * memlock_explain() - the sentence for an ENOMEM that the kernel gave
 *
 * Return: -ENOMEM; @err tells whether it was the limit or the memory.
 */
int memlock_explain(const struct vfio_sys *sys, const struct moat_host *host,
		    const struct memlock_use *use, struct moat_err *err);

#endif /* MOAT_IOMMU_MEMLOCK_H */
