#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Devices opened and closed many times in one process, side by side: nothing
# is left behind, in the process or on the host, and the drivers work again.
#
#	cycles.sh [N [BDF...]]
#
# Without addresses, one of each kind that tests/lab/devices has.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

n=${1:-200}
devices=("${@:2}")
[ ${#devices[@]} != 0 ] || devices=("$edu" "$nic" "$nvme" 0000:00:0a.0
	0000:00:0b.0 0000:00:0d.0 0000:00:0e.0 0000:00:0f.0
	"$(basename /sys/bus/pci/devices/0000:00:10.0/0000:*:00.0)")
specs=("${devices[@]/#/host=}")

drivers() {
	for device in "${devices[@]}"; do
		echo "$device: $(driver_of "$device")"
	done
}

modprobe -a ne2k-pci ahci
before=$(drivers)
"$moat" bind "${devices[@]}"
dmesg -C
GLIBC_TUNABLES=glibc.pthread.stack_cache_size=0:glibc.malloc.tcache_count=0 \
	"$build/tests/lab/cycles" "$n" "${specs[@]}" \
	> "$work/cycles.log" 2> "$work/cycles.err" || {
	# Said of some devices at every opening.
	grep -v 'knows no way to reset' "$work/cycles.err" || :
	fail 'the cycles did not end well'
}
has "$work/cycles.log" "$n with ${#devices[@]} devices, nothing left behind"
sed -n 's/^cycles: /* /p' "$work/cycles.log"
for device in "${devices[@]}"; do
	! masters_bus "$device" || fail "$device is left a bus master"
done
if dmesg | grep -E 'WARNING:|BUG:|Call Trace'; then fail 'the host complains'; fi
is 'IOMMU faults' "$(faults)" 0
is 'interrupts of VFIO' "$(grep -c vfio /proc/interrupts)" 0

"$moat" release "${devices[@]}"
is 'the drivers' "$(drivers)" "$before"
if [[ " ${devices[*]} " = *" $nvme "* ]]; then
	mount -t ext4 -o ro "/dev/$(disk_of "$nvme")" /mnt
	is 'the disk' "$(cat /mnt/hello.txt)" 'hello from the disk of the lab'
	umount /mnt
fi
say 'devices opened and closed, again and again'
