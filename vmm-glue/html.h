/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text in a page: whatever it is, none of it is markup. */
#ifndef MOAT_VMM_HTML_H
#define MOAT_VMM_HTML_H

#include <stdio.h>

/** html_text() - with markup's characters, and control characters, replaced */
void html_text(FILE *out, const char *text);

/** html_clipped() - the same, of at most @max bytes; "..." says it was more */
void html_clipped(FILE *out, const char *text, size_t max);

/** html_element() - <@tag class="@style">, @text, and its end */
void html_element(FILE *out, const char *tag, const char *style,
		  const char *text);

/** html_raw() - markup of one's own */
void html_raw(FILE *out, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif /* MOAT_VMM_HTML_H */
