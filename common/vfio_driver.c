// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "common/vfio_driver.h"

/* Does @text start with "vfio-pci", each dash being an underscore or not? */
static bool starts_vfio_pci(const char *text)
{
	return strncmp(text, "vfio", 4) == 0 &&
	       (text[4] == '-' || text[4] == '_') &&
	       strncmp(text + 5, "pci", 3) == 0;
}

bool moat_is_vfio_driver(const char *driver)
{
	size_t len = strlen(driver);
	const char *tail;

	if (starts_vfio_pci(driver))
		return true;
	if (len < 9)
		return false;
	tail = driver + len - 9;
	return (tail[0] == '-' || tail[0] == '_') && starts_vfio_pci(tail + 1);
}
