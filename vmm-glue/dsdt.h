/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dsdt.asl, compiled by iasl and turned into C by platform.cmake. */
#ifndef MOAT_VMM_DSDT_H
#define MOAT_VMM_DSDT_H

#include <stddef.h>

extern const unsigned char dsdt_aml[];
extern const size_t dsdt_aml_len;

#endif /* MOAT_VMM_DSDT_H */
