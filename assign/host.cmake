# SPDX-License-Identifier: GPL-2.0-or-later
# The host's side: which functions there are, and taking them from drivers.
set(MOAT_ASSIGN_HOST_SOURCES
  claim.c
  claim_driver.c
  claim_kernel.c
  claim_record.c
  claim_user.c
  device_spec.c
  host_pci.c
  host_pci_irq.c
  host_pci_resource.c
  host_pci_verdict.c
  in_use.c
  in_use_route.c
  quirks.c
  unfenced.c)
