#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# kill -9 of moat with transfers of two devices under way, one of them a disk
# so slow that what it has taken lands seconds later. Its huge pages are taken
# by another process the moment they are free, and filled with a pattern of
# which no byte changes afterwards: with dma=none, where the guard sees to
# that, and with dma=iommu, where the kernel does. That the pattern would show
# it, the same with the guard killed, too, tells: there it does change. Then
# only the guard is killed, and the guest ends by itself.

# shellcheck source=../isolation/lib.sh
. "$(dirname "$0")/../isolation/lib.sh"
# shellcheck source=none-lib.sh
. "$(dirname "$0")/none-lib.sh"

# What the disk has under way, and how long that takes: see slow_disk in
# tests/lab/CMakeLists.txt.
under_way=63 lands_s=$((63 / 5 + 2))
ram=160M ram_pages=80
huge_pages $ram_pages 0

cat > "$work/script" <<'END'
. guest.sh
edu=$(nth_pci 1 0x1234:0x11e8)
disk=$(nvme_bdf)
edu $edu write-own
nvme $disk linger &
while edu $edu write-own > /dev/null; do :; done
END

# busy NAME DMA: a guest with all that under way
busy() {
	local name=$1 dma=$2 device

	attackers_start "$name" "$work/script" -m $ram -hugepages 2M \
		-pcidevice "host=$nvme,dma=$dma,managed=on" \
		-pcidevice "host=$edu,dma=$dma,managed=on"
	# Some have come to the guest: the device does reach its memory.
	guest_says "$name" "linger: $under_way under way, some"
	for device in "$nvme" "$edu"; do
		masters_bus "$device" || fail "$name: $device does nothing"
	done
	has <(grep "came$" "$work/$name.log" | tail -n 1) \
		"linger: $under_way under way"
	faults_before=$(faults)
}

# grabber: the process that takes the guest's pages as they become free
grabber() {
	local line

	coproc GRAB { exec "$build/tests/lab/pages" grab $ram_pages; }
	# shellcheck disable=SC2153 # coproc sets it
	grab_out=${GRAB[0]} grab_in=${GRAB[1]} grab_pid=$GRAB_PID
	read -r line <&"$grab_out"
	is 'the grabber' "$line" waiting
}

# landed: sets $changed to what has become of the pattern, when all has landed
landed() {
	local line

	read -r line <&"$grab_out"
	is 'pages of the dead' "$line" "grabbed $ram_pages"
	sleep $lands_s
	echo >&"$grab_in"
	read -r changed <&"$grab_out"
	wait "$grab_pid" || :
}

put_back() {
	"$moat" release
	is 'driver after release' "$(driver_of "$nvme")" nvme
	is 'type after release' "$(group_type "$nvme")" "$type"
	is 'records' "$(find /run/moat -type f 2>/dev/null)" ''
}

# survives DMA
survives() {
	local device

	busy "$1" "$1"
	grabber
	kill -KILL "$guest"
	landed
	wait "$guest" || :
	is "what changed after kill -9 with dma=$1" "$changed" \
		"changed: 0 words in 0 of $((ram_pages * 512)) pages"
	for device in "$nvme" "$edu"; do
		! masters_bus "$device" || fail "$device is left a bus master"
	done
	is "faults after kill -9 with dma=$1" $(($(faults) - faults_before)) 0
	say "kill -9 with dma=$1 and $under_way reads under way: $changed"
	put_back
}

# Nobody stops the devices: a third process has their files, since closing
# those would.
control() {
	local guard keeper device

	busy control none
	guard=$(pgrep -P "$guest" moat-guard)
	mkfifo "$work/never"
	exec 9<>"$work/never"
	"$build/tests/lab/pages" keep "$guest" > "$work/keep.log" <&9 &
	keeper=$!
	for _ in $(seq 300); do
		[ ! -s "$work/keep.log" ] || break
		sleep 0.1
	done
	has "$work/keep.log" kept
	grabber
	# Or it would stop the devices when the guard has gone.
	kill -STOP "$guest"
	kill -KILL "$guard" "$guest"
	landed
	wait "$guest" || :
	for device in "$nvme" "$edu"; do
		masters_bus "$device" || fail "control: $device was stopped"
	done
	say "control, nobody stops the devices: $changed"
	[[ $changed =~ ^changed:\ ([0-9]+)\ words ]] || fail "$changed"
	[ "${BASH_REMATCH[1]}" -ge 512 ] || fail 'the pattern does not show what lands in it'
	kill "$keeper"
	wait "$keeper" || :
	put_back
}

type=$(group_type "$nvme")
survives none
has "$work/none.moat.log" 'they have been stopped, then its memory freed'
survives iommu
control

busy guard none
kill -KILL "$(pgrep -P "$guest" moat-guard)"
! wait "$guest" || fail 'moat went on without its guard'
has "$work/guard.moat.log" 'the process that keeps guest RAM safe from devices with dma=none is dead; the guest ends'
is 'driver after that' "$(driver_of "$nvme")" nvme
is 'huge pages free' "$(free_huge_pages)" $ram_pages
say 'kill -9 in mid-transfer: no byte of what took the pages changes'
