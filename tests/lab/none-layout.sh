#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# dma=none wherever the host's huge pages lie: all below 4 GiB, all above, and
# in many pieces. The guest reads the whole disk, and the sum is the host's.
# While one runs, the host tries to move its pages to the other node, and
# cannot.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=none-lib.sh
. "$(dirname "$0")/none-lib.sh"

cat > "$work/script" <<'END'
. lib.sh
wait_for test -b /dev/nvme0n1
echo ready
echo "disk: $(sha256sum < /dev/nvme0n1)"
echo "again: $(dd if=/dev/nvme0n1 bs=1M iflag=direct 2>/dev/null | sha256sum)"
dmesg | sed -n 's/.*BIOS-e820: .mem \(0x[0-9a-f]*-0x[0-9a-f]*\). usable/ram: \1/p'
END
mount_root_disk -o ro
disk=$(findmnt -no SOURCE /mnt)
umount /mnt
sum=$(sha256sum < "$disk")

# works NAME RAM [moat option]...
works() {
	local name=$1 ram=$2

	shift 2
	GUEST_APPEND=loglevel=4 guest_start "$name" "$work/script" -m "$ram" \
		-pcidevice "host=$nvme,dma=none,managed=on" "$@"
	[ -z "${meanwhile:-}" ] || $meanwhile "$name"
	wait "$guest" || fail "moat run: status $?"
	has "$work/$name.log" 'guest: status 0' "disk: $sum" "again: $sum"
}

# The pages of the guest, moved by the host.
try_to_move() {
	guest_says "$1" ready
	"$build/tests/lab/pages" move "$guest" > "$work/moved"
	is 'pages moved' "$(cat "$work/moved")" 'moved: 0 of 96'
}

# Each node has enough, and the plan says whose are taken.
huge_pages 96 96
meanwhile=try_to_move GUEST_KERNEL=$LAB_KERNEL works low 192M -place node=0
! grep -q 'ram: 0x00000001' "$work/low.log" || fail 'RAM above 4 GiB'

GUEST_KERNEL=$LAB_KERNEL works high 192M -place node=1
is 'RAM below 4 GiB' \
	"$(grep 'ram:' "$work/high.log" | grep -c 'ram: 0x00000000')" 1 # the trampoline
has "$work/high.moat.log" "all of the guest's RAM is above 4 GiB"

# One long piece for the kernel, and 60 of one page.
huge_pages 160 160
coproc SCATTER { "$build/tests/lab/pages" scatter 80 60; }
# shellcheck disable=SC2153 # coproc sets it
scatter_in=${SCATTER[1]} scatter_pid=$SCATTER_PID
read -r line <&"${SCATTER[0]}"
is 'what is free' "$line" 'scattered: 80 and 60'
works scattered 280M
pieces=$(grep -c 'ram: ' "$work/scattered.log")
is "pieces of RAM, and the trampoline" "$pieces" 62
echo >&"$scatter_in"
wait "$scatter_pid"
say "dma=none with RAM below, above and in 61 pieces; no page can be moved"
