#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# MSI that is not MSI-X: a guest's kernel programs it for edu, on behalf of a
# program that counts one message for each factorial. Needs a guest kernel with
# VFIO for devices without an IOMMU.
#
#	msi.sh [MESSAGES]

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

messages=${1:-10000}
cat > "$work/script" <<END
. lib.sh
edu=\$(find_pci 0x1234:0x11e8)
echo 1 > /sys/module/vfio/parameters/enable_unsafe_noiommu_mode
echo 1234 11e8 > /sys/bus/pci/drivers/vfio-pci/new_id
wait_for test -e /sys/bus/pci/drivers/vfio-pci/\$edu
msi \$edu /dev/vfio/noiommu-0 $messages
END
GUEST_ADD="$build/tests/lab/msi:/bin/msi" guest msi "$work/script" -m 256M \
	-smp 2 -pcidevice "host=$edu,managed=on"
has "$work/msi.log" "messages: $messages sent, none lost"
is 'IOMMU faults' "$(faults)" 0
say "MSI: $messages messages, none lost"
