/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The address of a PCI function: domain, bus, device, function. */
#ifndef MOAT_BDF_H
#define MOAT_BDF_H

#include <stdbool.h>
#include <stdint.h>

#include <moat/err.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Domains reach past 16 bits: Linux numbers VMD's from 0x10000. */
struct moat_bdf {
	uint32_t domain;
	uint8_t bus;
	uint8_t dev; /* 0 to 31 */
	uint8_t fn;  /* 0 to 7 */
};

/* "DDDDDDDD:BB:DD.F" and the terminator. */
#define MOAT_BDF_STRLEN 17

/** moat_bdf_parse() - read "[DDDD:]BB:DD.F", hexadecimal, nothing after it
 * Return: 0, or -EINVAL with a sentence that quotes the text.
 */
int moat_bdf_parse(const char *text, struct moat_bdf *ret_bdf,
		   struct moat_err *err) __attribute__((visibility("default")));

/** moat_bdf_str() - write the address as sysfs spells it: "0000:04:08.0"
 * Return: @buf.
 */
const char *moat_bdf_str(struct moat_bdf bdf, char buf[MOAT_BDF_STRLEN])
	__attribute__((visibility("default")));

static inline bool moat_bdf_equal(struct moat_bdf a, struct moat_bdf b)
{
	return a.domain == b.domain && a.bus == b.bus && a.dev == b.dev &&
	       a.fn == b.fn;
}

#ifdef __cplusplus
}
#endif
#endif /* MOAT_BDF_H */
