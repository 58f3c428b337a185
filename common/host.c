// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "common/host.h"

const struct moat_host moat_this_host = {
	.sysfs = "/sys",
	.procfs = "/proc",
	.dev = "/dev",
	.state = "/run/moat",
};

int moat_path(char ret_path[PATH_MAX], const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(ret_path, PATH_MAX, fmt, ap);
	va_end(ap);
	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}
