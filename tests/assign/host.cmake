# SPDX-License-Identifier: GPL-2.0-or-later
moat_unit_test(device_spec SOURCES test_device_spec.c LIBS moat_assign)
moat_unit_test(host_pci SOURCES test_host_pci.c fake_host.c LIBS moat_assign)
moat_unit_test(in_use SOURCES test_in_use.c fake_host.c LIBS moat_assign)
moat_unit_test(claim SOURCES test_claim.c fake_host.c LIBS moat_assign)
moat_unit_test(claim_unfenced SOURCES test_claim_unfenced.c fake_host.c
  LIBS moat_assign)
moat_unit_test(host_uio SOURCES test_host_uio.c fake_host.c LIBS moat_assign)
