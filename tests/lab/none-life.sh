#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# How guests with dma=none begin and end, besides none-kill.sh: SIGTERM, a
# power-off and a reset in the middle of transfers by two devices, and kill -9
# of moat while it starts and while it ends. Huge pages that come free are
# taken by another process at once, and no byte of them changes afterwards;
# the host gets back what it had.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=none-lib.sh
. "$(dirname "$0")/none-lib.sh"

pages=128
huge_pages $pages 0
type=$(group_type "$nvme")

cat > "$work/busy" <<'END'
. lib.sh
edu=$(find_pci 0x1234:0x11e8)
wait_for test -b /dev/nvme0n1
disk_last=$(($(cat /sys/block/nvme0n1/size) - 1))
mark() { dd if=/dev/nvme0n1 bs=512 skip=$disk_last count=1 2>/dev/null | head -c 5; }
busy() {
	for _ in 1 2; do
		(while :; do dd if=/dev/nvme0n1 of=/dev/null bs=1M count=64 iflag=direct 2>/dev/null; done) &
	done
	edu $edu write-own
	(while :; do edu $edu write-own; done) &
	echo busy
	sleep 1
}
END

# write_script NAME: what stdin says, after the above
write_script() { cat "$work/busy" - > "$work/$1"; }

write_script stay <<'END'
busy
while :; do sleep 60; done
END
write_script power-off <<'END'
busy
poweroff -f
END
# The mark on the disk tells the second boot from the first.
write_script reset <<'END'
if [ "$(mark)" != again ]; then
	printf again | dd of=/dev/nvme0n1 bs=512 seek=$disk_last conv=sync,fsync 2>/dev/null
	busy
	reboot -f
fi
echo 'booted again'
once=$(dd if=/dev/nvme0n1 bs=1M count=16 iflag=direct 2>/dev/null | md5sum)
twice=$(dd if=/dev/nvme0n1 bs=1M count=16 iflag=direct 2>/dev/null | md5sum)
[ "$once" = "$twice" ] || exit 1
edu $edu write-own
END

# begin NAME SCRIPT
begin() {
	guest_start "$1" "$work/$2" -m 256M \
		-pcidevice "host=$nvme,dma=none,managed=on" \
		-pcidevice "host=$edu,dma=none,managed=on"
}

no_guard() { ! pgrep -x moat-guard > /dev/null; }

# put_back NAME: after the end, by `moat release` if moat could not do it
put_back() {
	in_time no_guard || fail "$1: the guard does not end"
	for device in "$nvme" "$edu"; do
		[ "$(driver_of "$device")" = nvme ] || ! masters_bus "$device" ||
			fail "$1: $device is left a bus master"
	done
	[ -z "$(find /run/moat -type f 2>/dev/null)" ] || "$moat" release
	becomes "$1: driver" nvme driver_of "$nvme"
	is "$1: type of the group" "$(group_type "$nvme")" "$type"
	is "$1: records" "$(find /run/moat -type f 2>/dev/null)" ''
	becomes "$1: free huge pages" $pages free_huge_pages
}

# ends NAME SCRIPT COMMAND...: the command ends the busy guest's process
ends() {
	local name=$1 line

	begin "$name" "$2"
	guest_says "$name" busy
	coproc GRAB { "$build/tests/lab/pages" grab $pages; }
	# shellcheck disable=SC2153 # coproc sets it
	local grab_out=${GRAB[0]} grab_in=${GRAB[1]} grab_pid=$GRAB_PID
	read -r line <&"$grab_out"
	is 'the grabber' "$line" waiting
	"${@:3}"
	read -r line <&"$grab_out"
	is "$name: pages" "$line" "grabbed $pages"
	sleep 2
	echo >&"$grab_in"
	read -r line <&"$grab_out"
	wait "$grab_pid" || fail "$name: $line"
	wait "$guest" || :
	is "$name: what changed" "$line" "changed: 0 words in 0 of $((pages * 512)) pages"
	put_back "$name"
}

terminate() { kill -TERM "$guest"; }
terminate_and_kill() {
	kill -TERM "$guest"
	sleep "$1"
	kill -KILL "$guest" 2>/dev/null || :
}

ends power-off power-off :
ends term stay terminate
ends term-kill stay terminate_and_kill 0.1

# Moments of the start; each is there for a while.
pages_taken() { [ "$(free_huge_pages)" -lt $pages ]; }
guarded() { ! no_guard; }
claimed() { [ "$(driver_of "$nvme")" = uio_pci_generic ]; }
mastering() { claimed && masters_bus "$nvme"; }

for moment in pages_taken guarded claimed mastering; do
	begin "$moment" stay
	in_time "$moment" || fail "it is never $moment"
	kill -KILL "$guest"
	wait "$guest" || :
	put_back "$moment"
done

GUEST_RESETS=yes begin reset reset
wait "$guest" || fail "the guest that was reset: status $?"
has "$work/reset.log" busy 'booted again'
put_back reset
say 'ends in mid-transfer, and kills at the start and the end: no byte changes'
