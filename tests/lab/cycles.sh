#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Devices opened and closed many times in one process, side by side: nothing
# is left behind, in the process or on the host, and the drivers work again.
#
#	cycles.sh [N]

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# At 200, QEMU 7.2 itself has once crashed on the way, why is not known.
n=${1:-50}
"$moat" bind "$edu" "$nic" "$nvme"
dmesg -C
"$build/tests/lab/cycles" "$n" "host=$edu" "host=$nic" "host=$nvme" \
	> "$work/cycles.log"
has "$work/cycles.log" "$n with 3 devices, nothing left behind"
sed -n 's/^cycles: /* /p' "$work/cycles.log"
for device in "$edu" "$nic" "$nvme"; do
	! masters_bus "$device" || fail "$device is left a bus master"
done
if dmesg | grep -E 'WARNING:|BUG:|Call Trace'; then fail 'the host complains'; fi
is 'IOMMU faults' "$(faults)" 0
is 'interrupts of VFIO' "$(grep -c vfio /proc/interrupts)" 0

"$moat" release "$edu" "$nic" "$nvme"
is 'driver of the NIC' "$(driver_of "$nic")" e1000e
is 'driver of the disk' "$(driver_of "$nvme")" nvme
mount_disk -o ro
is 'the disk' "$(cat /mnt/hello.txt)" 'hello from the disk of the lab'
umount /mnt
say 'devices opened and closed, again and again'
