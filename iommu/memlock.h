/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pinned memory counts against RLIMIT_MEMLOCK: seeing to it that it fits. */
#ifndef MOAT_IOMMU_MEMLOCK_H
#define MOAT_IOMMU_MEMLOCK_H

#include <stdint.h>

#include <moat/err.h>

#include "common/host.h"
#include "iommu/vfio_sys.h"

/**
 * memlock_allow() - let this process lock @bytes more than it does now
 *
 * Raises the soft limit, and with CAP_SYS_RESOURCE the hard one, when they
 * are too low. With CAP_IPC_LOCK there is no limit, and a failure to raise
 * it none either.
 * Return: 0, or -ENOMEM with what is needed, what the limit is, and how to
 * grant it.
 */
int memlock_allow(const struct vfio_sys *sys, const struct moat_host *host,
		  uint64_t bytes, struct moat_err *err);

/**
 * memlock_explain() - the sentence for an ENOMEM that the kernel gave
 *
 * Return: -ENOMEM; @err tells whether it was the limit or the memory.
 */
int memlock_explain(const struct vfio_sys *sys, const struct moat_host *host,
		    uint64_t bytes, struct moat_err *err);

#endif /* MOAT_IOMMU_MEMLOCK_H */
