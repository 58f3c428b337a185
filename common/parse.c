// SPDX-License-Identifier: GPL-2.0-or-later
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/parse.h"

int moat_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* strtoull() without the signs and spaces it lets through. */
static int number(const char *text, int base, const char **ret_end,
		  uint64_t *ret_value)
{
	unsigned long long value;
	char *end;

	if (!isxdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	value = strtoull(text, &end, base);
	if (end == text)
		return -EINVAL;
	if (errno == ERANGE)
		return -ERANGE;
	*ret_end = end;
	*ret_value = value;
	return 0;
}

int moat_parse_u64(const char *text, int base, uint64_t *ret_value)
{
	const char *end;
	uint64_t value;
	int r;

	r = number(text, base, &end, &value);
	if (r < 0)
		return r;
	if (*end != '\0')
		return -EINVAL;
	*ret_value = value;
	return 0;
}

int moat_parse_size(const char *text, uint64_t *ret_bytes)
{
	unsigned int shift = 0;
	const char *end;
	uint64_t value;
	int r;

	r = number(text, 10, &end, &value);
	if (r < 0)
		return r;
	switch (*end) {
	case '\0':
		break;
	case 'k':
	case 'K':
		shift = 10;
		break;
	case 'm':
	case 'M':
		shift = 20;
		break;
	case 'g':
	case 'G':
		shift = 30;
		break;
	case 't':
	case 'T':
		shift = 40;
		break;
	default:
		return -EINVAL;
	}
	if (shift && end[1] != '\0')
		return -EINVAL;
	if (value > UINT64_MAX >> shift)
		return -ERANGE;
	*ret_bytes = value << shift;
	return 0;
}

int moat_parse_uuid(const char *text, uint8_t ret_bytes[16])
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	uint8_t bytes[16] = { 0 };
	unsigned int digits = 0;

	/* Both end at once, or they differ before. */
	for (size_t i = 0; i < sizeof(form); i++) {
		int digit = moat_hex_digit(text[i]);

		if (form[i] != 'x') {
			if (text[i] != form[i])
				return -EINVAL;
			continue;
		}
		if (digit < 0)
			return -EINVAL;
		bytes[digits / 2] = (uint8_t)(bytes[digits / 2] << 4 | digit);
		digits++;
	}
	memcpy(ret_bytes, bytes, sizeof(bytes));
	return 0;
}
