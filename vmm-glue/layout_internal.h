/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What layout.c and layout_identity.c share. */
#ifndef MOAT_VMM_LAYOUT_INTERNAL_H
#define MOAT_VMM_LAYOUT_INTERNAL_H

#include "vmm-glue/layout.h"

/** layout_check_width() - -EINVAL when no processor has such addresses */
int layout_check_width(unsigned int phys_bits, struct moat_err *err);

/** layout_mmio64() - PCI's 64-bit window with so wide an address */
void layout_mmio64(unsigned int phys_bits, uint64_t *ret_first,
		   uint64_t *ret_last);

/** layout_add_e820() - append [@start, @end); the caller sees to the order */
void layout_add_e820(struct layout *layout, uint64_t start, uint64_t end,
		     enum layout_e820 type);

#endif /* MOAT_VMM_LAYOUT_INTERNAL_H */
