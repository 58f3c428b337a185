// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/util.h"
#include "common/vfio_driver.h"
#include "tests/check_main.h"

START_TEST(vfio_drivers_are_known_by_name)
{
	static const struct {
		const char *driver;
		bool vfio;
	} cases[] = {
		{ "vfio-pci", true },
		{ "mlx5_vfio_pci", true },
		{ "nvgrace-gpu-vfio-pci", true },
		{ "vfio-pci-zdev", true },
		{ "nvme", false },
		{ "", false },
		{ "uio_pci_generic", false },
		{ "pci-stub", false },
		{ "notvfio_pci", false },
		{ "vfio", false },
		{ "vfio_platform", false },
		{ "_vfio_pci", true },
		{ "xvfio-pci", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ck_assert_msg(moat_is_vfio_driver(cases[i].driver) ==
				      cases[i].vfio,
			      "%s", cases[i].driver);
}
END_TEST

CHECK_MAIN("vfio_driver", vfio_drivers_are_known_by_name)
