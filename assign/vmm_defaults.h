/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What stands in for the functions that a VMM leaves out. */
#ifndef MOAT_ASSIGN_VMM_DEFAULTS_H
#define MOAT_ASSIGN_VMM_DEFAULTS_H

#include <moat/vmm.h>

/**
 * vmm_ops_complete() - a copy of @ops in which only vcpu_work_*() may be NULL
 */
void vmm_ops_complete(const struct moat_vmm_ops *ops,
		      struct moat_vmm_ops *ret_ops);

#endif /* MOAT_ASSIGN_VMM_DEFAULTS_H */
