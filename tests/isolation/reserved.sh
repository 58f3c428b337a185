#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Catalogue item 46, on a machine whose firmware wants a region of its
# own for edu (with-rmrr) and one for a USB controller, which Linux takes for
# one that is no longer needed: the first device is refused, the second is not.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

usb=0000:00:0c.0
group() { basename "$(readlink "/sys/bus/pci/devices/$1/iommu_group")"; }
regions() { cat "/sys/kernel/iommu_groups/$(group "$1")/reserved_regions"; }
state() {
	ls -l /sys/bus/pci/devices/*/driver
	grep . /sys/bus/pci/devices/*/driver_override
	find /run/moat -type f 2>/dev/null || :
}

regions "$edu" > "$work/edu.log"
regions "$usb" > "$work/usb.log"
has "$work/edu.log" '0x0000000060000000 0x000000006000ffff direct'
has "$work/usb.log" '0x0000000060010000 0x000000006001ffff direct-relaxable'
! grep -q relaxable "$work/edu.log" || fail 'the region of edu is relaxable'

refused() {
	local status=0 before

	before=$(state)
	"$moat" run -kernel "$guest_kernel" -m 256M -pcidevice "$1" \
		-iommu "${MOAT_IOMMU:-type1}" 2> "$work/refused.log" \
		< /dev/null || status=$?
	is 'status' "$status" 1
	is 'messages' "$(wc -l < "$work/refused.log")" 1
	has "$work/refused.log" "$edu" 'an RMRR'
	is 'the host' "$(state)" "$before"
	! masters_bus "$edu" || fail 'edu is a bus master'
}
refused "host=$edu,managed=on"
"$moat" bind "$edu"
refused "host=$edu"
item 46 "refused: $(cat "$work/refused.log")"
! "$probe" "$edu" read-only > "$work/probe.log" 2>&1 ||
	fail 'the region did not stop a program'
has "$work/probe.log" RMRR

cat > "$work/script" <<'END'
. guest.sh
echo "class $(cat "/sys/bus/pci/devices/$(nth_pci 1 0x1b36:0x000d)/class")"
END
"$moat" bind "$usb"
attackers usb "$work/script" -m 256M -pcidevice "host=$usb"
has "$work/usb.log" 'class 0x0c0330'
item 46 'a region that the kernel can do without is no hindrance'

"$moat" release
is 'IOMMU faults' "$(faults)" 0
say 'what firmware keeps for itself is left to it'
