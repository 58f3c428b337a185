/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOAT_COMMON_VFIO_DRIVER_H
#define MOAT_COMMON_VFIO_DRIVER_H

#include <stdbool.h>

/**
 * moat_is_vfio_driver() - vfio-pci, or a variant of it for one vendor?
 * @driver: as sysfs names it; "" is none
 *
 * By the kernel's habit of naming them: "vfio-pci", "mlx5_vfio_pci",
 * "nvgrace-gpu-vfio-pci".
 */
bool moat_is_vfio_driver(const char *driver);

#endif /* MOAT_COMMON_VFIO_DRIVER_H */
