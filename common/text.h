/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text put together piece by piece in a buffer of fixed size. */
#ifndef MOAT_COMMON_TEXT_H
#define MOAT_COMMON_TEXT_H

#include <stddef.h>

struct moat_text {
	char *buf;
	size_t size; /* of @buf; not 0 */
	size_t len;
};

/** moat_text_add() - printf to the end; what does not fit is cut off */
void moat_text_add(struct moat_text *text, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif /* MOAT_COMMON_TEXT_H */
