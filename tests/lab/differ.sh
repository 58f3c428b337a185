#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The machine's remapping unit and the software unit, side by side: 500 states
# of the tables with 20 accesses each, by an NVMe. See differ/differ.c.
#
#     differ.sh [SEED]

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

seed=${1:-20240229}
nvme=$(basename "$(dirname "$(grep -lx 0x010802 \
	/sys/bus/pci/devices/*/class)")")
[ ! -e "/sys/bus/pci/devices/$nvme/driver" ] ||
	echo "$nvme" > "/sys/bus/pci/devices/$nvme/driver/unbind"
echo 8 > /proc/sys/vm/nr_hugepages

"$MOAT_BUILD/tests/lab/differ" "$nvme" "$seed" 500 20 | tee "$work/report"

# Each of them came up, or the test is not what it should be.
reasons='0x1 0x2 0x3 0x4 0x5 0x6 0x7 0x8 0x9 0xa 0xb 0xc 0xe'
! grep -q '^scalable mode' "$work/report" ||
	reasons='0x78 0x79 0x7a 0x84 0x85 0x86 0x87'
for reason in $reasons; do
	has "$work/report" "reason $reason: "
done
