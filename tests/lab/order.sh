#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The order of what moat asks of the kernel, as strace sees it: KVM's VFIO
# device learns of the group before the device is opened and forgets it after
# it is closed; guest RAM is mapped in one call per contiguous region, before
# the device becomes a bus master; the kernel's reset on opening is the only
# one at start.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

"$moat" bind "$edu"
cat > "$work/script" <<'END'
. lib.sh
printf '\006' | dd bs=1 seek=4 conv=notrunc \
	of="/sys/bus/pci/devices/$(find_pci 0x1234:0x11e8)/config" 2>/dev/null
END
"$here/mkinitrd" --script "$work/script" \
	--add "$here/guest/lib.sh:/bin/lib.sh" -o "$work/order.cpio"
strace -f -y -e trace=ioctl,close,pwrite64 -e signal=none -o "$work/trace" \
	"$moat" run -kernel "$guest_kernel" -initrd "$work/order.cpio" \
	-append "console=ttyS0 quiet ${LAB_QUICK:-}" -m 160M -no-reboot \
	-serial "file:$work/order.log" -pcidevice "host=$edu"
has "$work/order.log" 'guest: status 0'

grep -v KVM_RUN "$work/trace" | cut -c 1-160 > "$work/calls.log"

# at PATTERN: the number of the first line of the trace that has it
at() {
	local line

	line=$(grep -nE -m 1 -- "$1" "$work/trace" | cut -d : -f 1)
	[ -n "$line" ] || fail "no $1 in the trace"
	echo "$line"
}

# ended_at PATTERN: the line where the call returned that begins there
ended_at() {
	local first

	first=$(at "$1")
	awk -v first="$first" 'NR == first { thread = $1 }
		NR >= first && $1 == thread && / = / { print NR; exit }' \
		"$work/trace"
}

# in_order PATTERN...
in_order() {
	local last=0 line pattern

	for pattern in "$@"; do
		line=$(at "$pattern")
		[ "$line" -gt "$last" ] || fail "$pattern comes too early"
		last=$line
	done
}

count() { grep -cE -- "$1" "$work/trace" || :; }

in_order 'VFIO_GROUP_SET_CONTAINER' 'VFIO_SET_IOMMU' \
	'kvm-vfio.*KVM_SET_DEVICE_ATTR' 'VFIO_GROUP_GET_DEVICE_FD' 'KVM_RUN'
# COMMAND, in VFIO's region of configuration space, with bus mastering.
master=$(at 'pwrite64\(.*vfio-device.*, "\\[4-7].*, 2, 7696581394436')
[ "$master" -gt "$(ended_at 'VFIO_IOMMU_MAP_DMA')" ] ||
	fail 'the device masters the bus before RAM is mapped'
is 'calls to map RAM' "$(count 'VFIO_IOMMU_MAP_DMA')" 1
is 'resets' "$(count 'VFIO_DEVICE_RESET')" 0
in_order 'KVM_RUN' "close\([0-9]+<anon_inode:\[?vfio-device" \
	'VFIO_GROUP_UNSET_CONTAINER'
is 'words to the VFIO device of KVM' \
	"$(count 'kvm-vfio.*KVM_SET_DEVICE_ATTR')" 2
last=$(grep -nE 'kvm-vfio.*KVM_SET_DEVICE_ATTR' "$work/trace" | tail -n 1 |
	cut -d : -f 1)
[ "$last" -gt "$(at 'close\([0-9]+<anon_inode:\[?vfio-device')" ] ||
	fail 'KVM is told that the group is gone while its device is open'
say 'group, KVM, device, map, run; and back in reverse'
