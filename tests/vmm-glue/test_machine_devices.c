// SPDX-License-Identifier: GPL-2.0-or-later
/* Parsing -pcidevice; sysfs is only read, of a device that no host has. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/util.h"
#include "tests/check_main.h"
#include "vmm-glue/machine_devices.h"

/* What is said of a device that is not there: how it begins. */
static const struct {
	const char *spec, *says;
} error_cases[] = {
	{ "host=ffff:42:00.0", "there is no PCI device ffff:42:00.0" },
	{ "host=ffff:42:00.0,name=disk",
	  "disk: there is no PCI device ffff:42:00.0" },
	/* Names that the sentence has in it by accident. */
	{ "host=ffff:42:00.0,name=is",
	  "is: there is no PCI device ffff:42:00.0" },
	{ "host=ffff:42:00.0,name=42",
	  "42: there is no PCI device ffff:42:00.0" },
	{ "host=ffff:42:00.0,name=PCI",
	  "PCI: there is no PCI device ffff:42:00.0" },
	{ "host=ffff:42:00.0,name=the",
	  "the: there is no PCI device ffff:42:00.0" },
};

START_TEST(errors_say_the_devices_name_once)
{
	for (size_t i = 0; i < ARRAY_SIZE(error_cases); i++) {
		struct machine_devices *devices = NULL;
		struct run_options opts = { 0 };
		struct moat_err err = { "" };
		int r;

		opts.pcidevice.item[opts.pcidevice.n++] = error_cases[i].spec;
		r = machine_devices_parse(&opts, &devices, &err);
		ck_assert_int_lt(r, 0);
		ck_assert_ptr_null(devices);
		ck_assert_msg(strncmp(err.msg, error_cases[i].says,
				      strlen(error_cases[i].says)) == 0,
			      "'%s' begins otherwise than '%s'", err.msg,
			      error_cases[i].says);
	}
}
END_TEST

START_TEST(more_than_the_bus_takes_are_refused)
{
	char spec[PCI_HOST_PLACES + 1][32];
	struct machine_devices *devices = NULL;
	struct run_options opts = { 0 };
	struct moat_err err = { "" };

	for (unsigned int i = 0; i < PCI_HOST_PLACES + 1; i++) {
		(void)snprintf(spec[i], sizeof(spec[i]), "host=ffff:%02x:00.0",
			       i);
		opts.pcidevice.item[opts.pcidevice.n++] = spec[i];
	}
	ck_assert_int_eq(machine_devices_parse(&opts, &devices, &err), -ENOSPC);
	ck_assert_ptr_nonnull(strstr(err.msg, "32 times"));
}
END_TEST

CHECK_MAIN("machine_devices", errors_say_the_devices_name_once,
	   more_than_the_bus_takes_are_refused)
