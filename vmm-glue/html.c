// SPDX-License-Identifier: GPL-2.0-or-later
/* Text in a page, see html.h. Names come from devices, firmware and files. */
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "vmm-glue/html.h"

static void put(FILE *out, char c)
{
	switch (c) {
	case '<':
		(void)fputs("&lt;", out);
		break;
	case '>':
		(void)fputs("&gt;", out);
		break;
	case '&':
		(void)fputs("&amp;", out);
		break;
	case '"':
		(void)fputs("&quot;", out);
		break;
	case '\'':
		(void)fputs("&#39;", out);
		break;
	default:
		(void)fputc((unsigned char)c < 0x20 || c == 0x7f ? '?' : c,
			    out);
	}
}

void html_text(FILE *out, const char *text)
{
	for (; *text; text++)
		put(out, *text);
}

/* Does @c go on with a character of several bytes? */
static bool goes_on(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

void html_clipped(FILE *out, const char *text, size_t max)
{
	size_t n = strlen(text);
	const bool clipped = n > max;

	if (clipped)
		for (n = max - strlen("..."); n > 0 && goes_on(text[n]); n--)
			;
	for (size_t i = 0; i < n; i++)
		put(out, text[i]);
	if (clipped)
		(void)fputs("...", out);
}

void html_element(FILE *out, const char *tag, const char *style,
		  const char *text)
{
	html_raw(out, "<%s class=\"%s\">", tag, style);
	html_text(out, text);
	html_raw(out, "</%s>\n", tag);
}

void html_raw(FILE *out, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vfprintf(out, fmt, ap);
	va_end(ap);
}
