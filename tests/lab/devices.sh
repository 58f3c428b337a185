#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A device of every kind in one guest, each under the driver that a stock
# kernel has for it: an NE2000 (ports and INTx only), a serial port, an AHCI
# controller (MSI), a display without VGA (Bochs), shared memory with a BAR of
# 1 GiB and one of 256 bytes (ivshmem), and edu under a user-space driver that
# counts its level interrupts. These, and PCI Express functions that the guest
# has no driver for, are compared with what the host sees of them: the bytes of
# their config space, and what `lspci -vvv` makes of it on either side.
#
# Many interrupts are taken by guests that have edu alone, 20000 by each. The
# distribution's QEMU sometimes lets a guest run on the spot for good
# (qemu.patch): one that does not end in ten minutes is tried again, twice in
# all. What a guest finds itself, as that an interrupt is lost, it says within
# a minute, and that fails.
#
#	devices.sh [INTERRUPTS]

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

interrupts=${1:-1000}
first=$((interrupts < 1000 ? interrupts : 1000))
ne2k=0000:00:0a.0 serial=0000:00:0b.0 peer=0000:00:0c.0 sata=0000:00:0d.0
ivshmem=0000:00:0e.0 display=0000:00:0f.0
pf=$(basename "$(echo /sys/bus/pci/devices/0000:00:10.0/0000:*)")

# bar BDF N: the host's address of a BAR
bar() {
	sed -n "$(($2 + 1))s/ .*//p" "/sys/bus/pci/devices/$1/resource"
}

cat > "$work/script" <<END
. lib.sh
dmesg -n 1
echo 'config of all:'
config \$(ls /sys/bus/pci/devices) | gzip | base64
echo 'end of config'
echo 'lspci of all:'
mkdir /host/sys
mount --bind /sys /host/sys
chroot /host /usr/bin/lspci -nvvv 2>/dev/null | gzip | base64
echo 'end of lspci'

set -- ne2k 0x10ec:0x8029 serial 0x1b36:0x0002 sata 0x8086:0x2922 \\
	ivshmem 0x1af4:0x1110 display 0x1234:0x1111 edu 0x1234:0x11e8
while [ \$# -gt 0 ]; do
	eval "\$1=\$(find_pci \$2)"
	shift 2
done
address() { sed -n "\$((\$2 + 1))s/ .*//p" /sys/bus/pci/devices/\$1/resource; }

dhcp_up
wget -q -O /tmp/file http://10.0.2.100/file
echo "ne2k: \$(sha256sum < /tmp/file)"

modprobe sd_mod
wait_for test -b /dev/sda
echo "sata read: \$(sha256sum < /dev/sda)"
dd if=/dev/urandom of=/tmp/data bs=1M count=1 2>/dev/null
dd if=/tmp/data of=/dev/sda bs=1M seek=1 conv=fsync,notrunc 2>/dev/null
echo "sata wrote: \$(sha256sum < /tmp/data)"

tty=/dev/\$(ls /sys/bus/pci/devices/\$serial/tty)
stty -F \$tty raw -echo 115200
exec 3<> \$tty
echo 'hello from the guest' >&3
read -r words <&3
echo "serial: heard '\$words'"
n=0
while read -r line <&3 && [ "\$line" != end ]; do echo "\$line"; done > /tmp/lines
echo "serial read: \$(sha256sum < /tmp/lines)"
sha256sum < /tmp/lines >&3

# Both ends of the large BAR, and a register of the small one.
echo 1 > /sys/bus/pci/devices/\$ivshmem/enable
large=\$(address \$ivshmem 2) small=\$(address \$ivshmem 0)
devmem \$large 32 0xfeedbeef
devmem \$((large + (1 << 30) - 4)) 32 0xcafef00d
devmem \$small 32 0x5a5a5a5a
echo "ivshmem: large BAR at \$large, mask \$(devmem \$small 32)"

wait_for test -e /dev/fb0
# White from the top, in rows of this mode.
head -c 65536 /dev/zero | tr '\\000' '\\377' > /dev/fb0
sync
sleep 0.3
echo "display: \$(cat /sys/class/graphics/fb0/virtual_size)"

modprobe uio_pci_generic
echo 1234 11e8 > /sys/bus/pci/drivers/uio_pci_generic/new_id
wait_for test -e /dev/uio0
irqs \$edu /dev/uio0 $first

cat /proc/interrupts
END

# Drivers of the host's that have to let go.
modprobe -a ne2k-pci ahci sd_mod
"$moat" bind "$edu" "$ivshmem" "$nic" "$nvme" "$pf"
"$here/guest/config" "$ne2k" "$serial" "$sata" "$ivshmem" "$display" "$edu" \
	"$nic" "$nvme" "$pf" > "$work/host-config"
for bdf in "$ne2k" "$serial" "$sata" "$ivshmem" "$display" "$edu" "$nic" \
	"$nvme" "$pf"; do
	lspci -i /dev/null -nvvv -s "$bdf"
done > "$work/host-lspci" 2> "$work/lspci.log"
line=/dev/$(ls "/sys/bus/pci/devices/$peer/tty")
stty -F "$line" raw -echo 115200
exec 4<> "$line"
seq 1000 1500 > "$work/lines"
{
	read -r -t 600 words <&4
	echo "$words" > "$work/words"
	echo 'hello from the host' >&4
	cat "$work/lines" >&4
	echo end >&4
	read -r -t 600 sum <&4
	echo "$sum" > "$work/sum"
} &
talker=$!
GUEST_ADD="$build/tests/lab/irqs:/bin/irqs $here/guest/dhcp:/bin/dhcp
	$here/guest/config:/bin/config" \
	guest devices "$work/script" -m 512M -smp 2 \
	-pcidevice "host=$ne2k,managed=on" -pcidevice "host=$serial,managed=on" \
	-pcidevice "host=$sata,managed=on,irq=msi" -pcidevice "host=$ivshmem" \
	-pcidevice "host=$display,managed=on" -pcidevice "host=$edu" \
	-pcidevice "host=$nic" -pcidevice "host=$nvme" -pcidevice "host=$pf"
log=$work/devices.log

sed -n '/^config of all:/,/^end of config/p' "$log" | sed '1d;$d' |
	base64 -d | gunzip > "$work/guest-config"
"$here/config-compare" "$here/config-differences" "$work/host-config" \
	"$work/guest-config" > "$work/compared" || {
	cat "$work/compared"
	for id in $(sed -n 's/#. at .*//p' "$work/compared" | uniq); do
		diff <(lspci -F "$work/host-config" -nvvv -d "$id") \
			<(lspci -F "$work/guest-config" -nvvv -d "$id") || :
	done 2>/dev/null
	fail 'a guest sees of a function what is not explained'
}
say "config space: $(cat "$work/compared")"
sed -n '/^lspci of all:/,/^end of lspci/p' "$log" | sed '1d;$d' |
	base64 -d | gunzip > "$work/guest-lspci"
"$here/lspci-compare" "$here/lspci-differences" "$work/host-lspci" \
	"$work/guest-lspci" > "$work/compared" || {
	cat "$work/compared"
	fail 'lspci -vvv shows in a guest what is not explained'
}
say "lspci -vvv: $(cat "$work/compared")"

file_sum=$(sha256sum < "${NETDIR:?}/file")
has "$log" "ne2k: $file_sum"
say 'ports and INTx alone: an NE2000 had its address by DHCP, and fetched'

has "$log" "sata read: $file_sum"
grep -q 'PCI-MSI.*ahci' "$log" || fail 'no MSI of ahci in the guest'
written=$(sed -n 's/^sata wrote: //p' "$log")
find_disk() {
	disk=$(ls "/sys/bus/pci/devices/$sata"/ata*/host*/target*/*/block 2>/dev/null)
}
in_time find_disk || fail 'no disk of the host'
is 'what the guest wrote' "$(dd "if=/dev/$disk" bs=1M skip=1 count=1 \
	status=none | sha256sum)" "$written"
say 'MSI: an AHCI disk read and written'

wait "$talker" || fail 'the guest did not answer on the line'
is 'the line from the guest' "$(cat "$work/words")" 'hello from the guest'
has "$log" "heard 'hello from the host'" \
	"serial read: $(sha256sum < "$work/lines")"
is "the guest's answer" "$(cat "$work/sum")" "$(sha256sum < "$work/lines")"
say 'a serial port: lines both ways'

has "$log" 'mask 0x5A5A5A5A'
"$moat" release "$ivshmem"
echo 1 > "/sys/bus/pci/devices/$ivshmem/enable"
large=$(bar "$ivshmem" 2)
is 'the first word of 1 GiB' "$(busybox devmem "$large" 32)" 0xFEEDBEEF
is 'the last word' "$(busybox devmem $((large + (1 << 30) - 4)) 32)" 0xCAFEF00D
say 'a BAR of 1 GiB reached to its end, and one of 256 bytes'

echo 1 > "/sys/bus/pci/devices/$display/enable"
# Of the first of the 12 white rows, right of the console's cursor.
is 'a pixel' "$(busybox devmem $(($(bar "$display" 0) + 0x1000)) 32)" 0xFFFFFFFF
say 'a display: the guest drew and the host sees it'

# all_raised LOG N: as the guest said at its end
all_raised() {
	has "$1" "interrupts: $2 raised, $(($2 / 100)) of them kept asserted, none lost"
	say "$(grep '^interrupts: ' "$1")"
}

# ends PID SECONDS: or is it killed?
ends() {
	local end=$((SECONDS + $2))

	while kill -0 "$1" 2>/dev/null; do
		[ $SECONDS -lt $end ] || { kill -KILL "$1"; return 1; }
		sleep 1
	done
}

# more NAME N: a guest that takes N interrupts of edu
more() {
	cat > "$work/more" <<-END
	. lib.sh
	dmesg -n 1
	modprobe uio_pci_generic
	echo 1234 11e8 > /sys/bus/pci/drivers/uio_pci_generic/new_id
	wait_for test -e /dev/uio0
	irqs \$(find_pci 0x1234:0x11e8) /dev/uio0 $2
	END
	GUEST_ADD="$build/tests/lab/irqs:/bin/irqs" guest_start "$1" \
		"$work/more" -m 256M -smp 2 -pcidevice "host=$edu"
	ends "$guest" 600 || return 1
	wait "$guest" || fail "moat run: status $?"
	has "$work/$1.log" 'guest: status 0'
	all_raised "$work/$1.log" "$2"
}

all_raised "$log" "$first"
stopped=0
for ((left = interrupts - first; left > 0; left -= portion)); do
	portion=$((left < 20000 ? left : 20000))
	until more "more$left" "$portion"; do
		stopped=$((stopped + 1))
		say "a guest ran on the spot: $stopped"
		[ $stopped -lt 3 ] || fail 'three guests ran on the spot'
	done
done
is 'IOMMU faults' "$(faults)" 0
