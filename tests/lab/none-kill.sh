#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# kill -9 of moat in the middle of transfers by two devices: its huge pages
# are taken by another process the moment they are free, and filled with a
# pattern of which no byte changes afterwards. With dma=none, where the guard
# sees to that, and with dma=iommu, where the kernel does. Then the guard is
# killed, and the guest ends by itself.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=none-lib.sh
. "$(dirname "$0")/none-lib.sh"

huge_pages 128 0
# Device reads all the time into pages that change, and edu's transfers, which
# end 100 ms after they have begun.
cat > "$work/script" <<'END'
. lib.sh
edu=$(find_pci 0x1234:0x11e8)
wait_for test -b /dev/nvme0n1
for _ in 1 2; do
	(while :; do dd if=/dev/nvme0n1 of=/dev/null bs=1M count=64 iflag=direct 2>/dev/null; done) &
done
edu $edu write-own
echo busy
while edu $edu write-own; do :; done
END

# survives NAME dma
survives() {
	local name=$1 dma=$2 line

	guest_start "$name" "$work/script" -m 256M \
		-pcidevice "host=$nvme,dma=$dma,managed=on" \
		-pcidevice "host=$edu,dma=$dma,managed=on"
	guest_says "$name" busy
	coproc GRAB { "$build/tests/lab/pages" grab 128; }
	# shellcheck disable=SC2153 # coproc sets it
	local grab_out=${GRAB[0]} grab_in=${GRAB[1]} grab_pid=$GRAB_PID
	read -r line <&"$grab_out"
	is 'the grabber' "$line" waiting
	sleep 1
	kill -KILL "$guest"
	read -r line <&"$grab_out"
	is 'pages of the dead' "$line" 'grabbed 128'
	# What was under way would have landed by now.
	sleep 2
	echo >&"$grab_in"
	read -r line <&"$grab_out"
	wait "$grab_pid" || fail "after kill -9 with dma=$dma: $line"
	wait "$guest" || :
	is 'what changed' "$line" 'changed: 0 words in 128 pages'
	for device in "$nvme" "$edu"; do
		! masters_bus "$device" || fail "$device is left a bus master"
	done
	"$moat" release
	is 'driver after release' "$(driver_of "$nvme")" nvme
	is 'type after release' "$(group_type "$nvme")" "$type"
	is 'records' "$(find /run/moat -type f 2>/dev/null)" ''
}

type=$(group_type "$nvme")
survives none none
has "$work/none.moat.log" 'they have been stopped, then its memory freed'
survives iommu iommu

guest_start guard "$work/script" -m 256M \
	-pcidevice "host=$edu,dma=none,managed=on" \
	-pcidevice "host=$nvme,dma=none,managed=on"
guest_says guard busy
kill -KILL "$(pgrep -P "$guest" moat-guard)"
! wait "$guest" || fail 'moat went on without its guard'
has "$work/guard.moat.log" 'the process that keeps guest RAM safe from devices with dma=none is dead; the guest ends'
is 'driver after that' "$(driver_of "$nvme")" nvme
is 'huge pages free' "$(free_huge_pages)" 128
say 'kill -9 in mid-transfer: no byte of what took the pages changes'
