#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Catalogue items 61 to 64, 66 and 69 to 72: what a guest writes into config
# space, BARs and interrupt tables is its own view. After each step the host
# looks at the device itself, which is as it was.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

rom_nic=0000:00:06.0 small=0000:00:0c.0
pci=$build/tests/lab/pci
"$moat" bind "$edu" "$small" "$rom_nic"

# The host lets the guest go on by a register of edu's, of which reading
# gives the complement.
cat > "$work/script" <<'END'
. guest.sh
edu=$(nth_pci 1 0x1234:0x11e8)
small=$(nth_pci 1 0x1b36:0x0007)
disk=$(nvme_bdf)
edu $edu liveness
edu $edu write-own
go=0
next() {
	echo "at $1"
	go=$((go + 1))
	wait_for arrived $(printf 0x%08x $((0xffffffff - go)))
}
want() { [ "$2" = "$3" ] || { echo "$1 is $2, not $3"; exit 1; }; }

# 61: the BAR goes elsewhere; what was there is gone.
old=$(pci $edu cfg 0x10.4)
pci $edu cfg 0x10.4 0xffffffff
want 'size of the BAR' $(pci $edu cfg 0x10.4) 0xfff00000
pci $edu cfg 0x10.4 0xd8000000
pci $edu cfg 0x30.4 0xfffff801
want 'id at the new place' $(pci mem 0xd8000000.4) 0x010000ed
want 'id at the old place' $(pci mem $old.4) 0xffffffff
arrived() { [ "$(pci mem 0xd8000004.4)" = "$1" ]; }
next moved
arrived() { [ "$(pci $edu bar 0 4.4)" = "$1" ]; }
pci $edu cfg 0x10.4 $old
pci $edu cfg 0x30.4 0
want 'id back at the old place' $(pci mem $old.4) 0x010000ed
next 61

# 62: no memory decode.
pci $edu cfg 4.2 0
want 'id without decode' $(pci mem $old.4) 0xffffffff
pci mem $((old + 8)).4 7
pci $edu cfg 4.2 6
want 'id with decode' $(pci mem $old.4) 0x010000ed
next 62

# 63: a message of our own making, which nobody enabled, then enabled.
msi=$(pci $edu cap 5)
pci $edu cfg $((msi + 4)).4 0xfee41000
pci $edu cfg $((msi + 12)).2 0x4141
want 'message address' $(pci $edu cfg $((msi + 4)).4) 0xfee41000
next msi-off
pci $edu cfg $((msi + 2)).2 0x81
next msi-on
pci $edu cfg $((msi + 2)).2 0x80
next 63

# 64: the table of messages is memory of the host's, not the device's.
msix=$(pci $disk cap 0x11)
pci $disk cfg 4.2 6
pci $disk cfg $((msix + 2)).2 0x8000
pci $disk bar 0 0x2000.4 0xfee41000
pci $disk bar 0 0x2004.4 0
pci $disk bar 0 0x2008.4 0x4242
pci $disk bar 0 0x200c.4 0
want 'message address' $(pci $disk bar 0 0x2000.4) 0xfee41000
want 'message' $(pci $disk bar 0 0x2008.4) 0x00004242
next 64

# 66: function reset.
nvme $disk own
want 'CC' $(pci $disk bar 0 0x14.4) 0x00460001
pcie=$(pci $disk cap 0x10)
[ $(($(pci $disk cfg $((pcie + 4)).4) & 0x10000000)) != 0 ]
low=$(pci $disk cfg 0x10.4) high=$(pci $disk cfg 0x14.4)
pci $disk cfg $((pcie + 8)).2 0x8000
sleep 1
want 'the BAR after the reset' $(pci $disk cfg 0x14.4) 0x00000000
pci $disk cfg 0x10.4 $low
pci $disk cfg 0x14.4 $high
pci $disk cfg 4.2 6
want 'CC after the reset' $(pci $disk bar 0 0x14.4) 0x00000000
nvme $disk own
next 66

# 69: a BAR over RAM, over another BAR, over the platform; and a small one.
secret > secret.log &
wait_for grep -q stands secret.log
read -r _ page _ < secret.log
pci $edu cfg 0x10.4 $((page & ~0xfffff))
sleep 2
for at in $(bar_of $disk) 0xfee00000 0xfec00000 0xe0000000; do
	pci $edu cfg 0x10.4 $((at & 0xfff00000))
	nvme $disk own
done
pci $edu cfg 0x10.4 $old
! grep -q changed secret.log
want 'secret' "$(tail -n 1 secret.log | cut -d ' ' -f 1-2)" 'secret: stands'
want 'id after all that' $(pci mem $old.4) 0x010000ed
pci $small cfg 4.2 2
[ $(pci $small bar 0 0x40.4) != 0xffffffff ]
want 'behind a small BAR' $(pci mem $(($(bar_of $small) + 0x800)).4) 0xffffffff
next 69

# 70: the host resets the disk behind our back.
nvme $disk own
next before-reset
want 'CC after the host reset it' $(pci $disk bar 0 0x14.4) 0x00000000
pci $disk cfg 4.2 6
nvme $disk own
pci $disk bar 0 0x2008.4 0x4343
want 'message' $(pci $disk bar 0 0x2008.4) 0x00004343
next 70
edu $edu write-own
END

go=0
go_on() {
	go=$((go + 1))
	"$pci" "$edu" bar 0 4.4 $go
}
# What of each device is the host's alone.
state() {
	local device

	for device in "$edu" "$nvme" "$small"; do
		for offset in 0x10 0x14 0x18 0x1c 0x20 0x24 0x30; do
			echo "$device $offset $("$pci" "$device" cfg $offset.4)"
		done
	done
}
unchanged() { is "the devices at $1" "$(state)" "$before"; }
# msi OFFSET.SIZE: of the capability that edu itself has
msi=$("$pci" "$edu" cap 5)
msi() { "$pci" "$edu" cfg "$((msi + ${1%.*})).${1#*.}"; }

"$moat" bind "$nvme"
before=$(state)
attackers_start config "$work/script" -m 256M -smp 2 -pcidevice "host=$edu" \
	-pcidevice "host=$nvme" -pcidevice "host=$small"

guest_says config 'at moved'
unchanged moved
go_on
guest_says config 'at 61'
unchanged 61
item 61 'BARs are written in the guest only'
go_on
guest_says config 'at 62'
unchanged 62
item 62 'a guest without memory decode reads ones, and goes on'
go_on
guest_says config 'at msi-off'
is 'MSI of the device' $(($(msi 2.2) & 1)) 0
[ "$(msi 12.2)" != 0x4141 ] || fail "the guest's message is in the device"
go_on
guest_says config 'at msi-on'
is 'MSI of the device' $(($(msi 2.2) & 1)) 1
[ "$(msi 12.2)" != 0x4141 ] || fail "the guest's message is in the device"
[ "$(msi 4.4)" != 0xfee41000 ] || fail "the guest's address is in the device"
go_on
guest_says config 'at 63'
item 63 'messages are the host'\''s, enabled by the kernel'
go_on
guest_says config 'at 64'
case "$("$pci" "$nvme" bar 0 0x2000.4) $("$pci" "$nvme" bar 0 0x2008.4)" in
*0xfee41000* | *0x00004242*) fail 'the guest reached the table of messages' ;;
0xfee*) ;;
*) fail 'the kernel has no message in the table' ;;
esac
item 64 'the table of messages is not the guest'\''s to write'
go_on
guest_says config 'at 66'
unchanged 66
item 66 'a function reset is the kernel'\''s, and leaves the BARs'
go_on
guest_says config 'at 69'
unchanged 69
item 69 'a BAR over RAM, over another or over the platform is not mapped'
go_on
guest_says config 'at before-reset'
echo 1 > "/sys/bus/pci/devices/$nvme/reset"
go_on
guest_says config 'at 70'
unchanged 70
case $("$pci" "$nvme" bar 0 0x2008.4) in
0x00004343) fail 'after a reset the guest reached the table of messages' ;;
esac
item 70 'a reset behind the guest'\''s back changes nothing of the fence'
go_on
wait "$guest" || fail "moat run: status $?"
has "$work/config.log" 'guest: status 0'

# What the kernel itself must refuse.
"$probe" "$rom_nic" regions > "$work/regions.log" 2>&1 ||
	fail "probe regions: status $?"
grep 'isolation item' "$work/regions.log"
"$moat" release
is 'driver of the disk' "$(driver_of "$nvme")" nvme
is 'IOMMU faults' "$(faults)" 0
if dmesg | grep -E 'WARNING:|BUG:|Call Trace'; then fail 'the host complains'; fi
say 'a guest writes its own view of a device'
