// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>

#include <moat/bdf.h>

#include "common/parse.h"

/* One field: 1 to @max_digits hexadecimal digits, at most @max. */
static const char *hex_field(const char *p, unsigned int max_digits,
			     uint32_t max, uint32_t *ret_value)
{
	uint32_t value = 0;
	unsigned int n = 0;
	int digit;

	while ((digit = moat_hex_digit(p[n])) >= 0) {
		if (++n > max_digits)
			return NULL;
		value = value << 4 | (uint32_t)digit;
	}
	if (n == 0 || value > max)
		return NULL;
	*ret_value = value;
	return p + n;
}

int moat_bdf_parse(const char *text, struct moat_bdf *ret_bdf,
		   struct moat_err *err)
{
	uint32_t first, second, dev, fn;
	struct moat_bdf bdf = { 0 };
	const char *p;

	p = hex_field(text, 8, UINT32_MAX, &first);
	if (!p || *p != ':')
		goto bad;
	p = hex_field(p + 1, 2, 0xff, &second);
	if (!p)
		goto bad;
	if (*p == ':') {
		bdf.domain = first;
		bdf.bus = (uint8_t)second;
		p = hex_field(p + 1, 2, 0x1f, &dev);
		if (!p)
			goto bad;
	} else {
		if (first > 0xff || second > 0x1f)
			goto bad;
		bdf.bus = (uint8_t)first;
		dev = second;
	}
	if (*p != '.')
		goto bad;
	p = hex_field(p + 1, 1, 7, &fn);
	if (!p || *p != '\0')
		goto bad;
	bdf.dev = (uint8_t)dev;
	bdf.fn = (uint8_t)fn;
	*ret_bdf = bdf;
	return 0;
bad:
	return moat_fail(err, -EINVAL,
			 "'%s' is not a PCI address; expected "
			 "[DDDD:]BB:DD.F in hexadecimal, such as 04:08.0",
			 text);
}

const char *moat_bdf_str(struct moat_bdf bdf, char buf[MOAT_BDF_STRLEN])
{
	(void)snprintf(buf, MOAT_BDF_STRLEN, "%04x:%02x:%02x.%x", bdf.domain,
		       bdf.bus, bdf.dev & 0x1fu, bdf.fn & 7u);
	return buf;
}
