#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Several guests at once. One has four vCPUs, a disk with a queue for each of
# them, and three NICs as the functions of one slot, each with another kind of
# interrupt. The other has a disk of its own and two NICs that share an IOMMU
# group, since they are behind a bridge to conventional PCI. Then a virtual
# function of one NVMe for each of two guests.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

nic2=0000:00:06.0 nic3=0000:00:0a.0

# behind PORT: the address of the function behind a root port
behind() {
	basename "$(echo "/sys/bus/pci/devices/0000:00:$1"/0000:*:00.0)"
}

nvme2=$(behind 0b.0) bridge=$(behind 0c.0) pf=$(behind 0d.0)
ne2k=$(basename "$(echo "/sys/bus/pci/devices/0000:00:0c.0/$bridge"/0000:*:01.0)")
rtl=${ne2k%1.0}2.0
file_sum=$(sha256sum < "${NETDIR:?}/file")
modprobe -a ne2k-pci 8139cp

# ---- a group is one: both of its devices, or none ----

"$moat" bind "$ne2k"
if "$moat" run -kernel "$guest_kernel" -pcidevice "host=$ne2k" \
	2> "$work/alone.err"; then
	fail 'a device of a group was assigned without the other'
fi
has "$work/alone.err" "$rtl (driver 8139cp)" 'moat bind'
"$moat" release "$ne2k"
say "half a group: refused, naming ${rtl#0000:}"

# ---- two guests ----

# shellcheck disable=SC2016 # the guest's shell is to expand it
fetch='
# fetch INTERFACE: the file, over a network like all the others
fetch() {
	ip link set "$1" up
	wait_for grep -q 1 "/sys/class/net/$1/carrier"
	ip addr add 10.0.2.15/24 dev "$1"
	wget -q -O /tmp/file http://10.0.2.100/file
	echo "$1: $(sha256sum < /tmp/file)"
	ip addr del 10.0.2.15/24 dev "$1"
	ip link set "$1" down
}'
cat > "$work/many" <<END
. lib.sh
$fetch
mount_nvme
for cpu in 0 1 2 3; do
	taskset \$((1 << cpu)) dd if=/dev/nvme0n1 of=/dev/null bs=4096 count=16 \\
		skip=\$((cpu * 1000)) iflag=direct 2>/dev/null
done
dd if=/dev/urandom of=/mnt/data bs=1M count=4 2>/dev/null
sync
echo 3 > /proc/sys/vm/drop_caches
echo "wrote: \$(sha256sum < /mnt/data)"
umount /mnt
for bdf in 0000:01:00.0 0000:01:00.1 0000:01:00.2; do
	name=\$(ls /sys/bus/pci/devices/\$bdf/net)
	# Interrupts are counted while the interface is up.
	ip link set \$name up
	grep " \$name" /proc/interrupts | sed "s/^/\$bdf: /"
	[ \$bdf = 0000:01:00.1 ] || fetch \$name | sed "s/^[^:]*/\$bdf/"
done
dmesg | grep '01:00.1.*MSI'
grep nvme0q /proc/interrupts
END
cat > "$work/other" <<END
. lib.sh
$fetch
wait_for test -b /dev/nvme0n1
echo "disk: \$(sha256sum < /dev/nvme0n1)"
wait_for test -e /sys/class/net/eth1
fetch eth0
fetch eth1
END
guest_start many "$work/many" -m 512M -smp 4 \
	-pcidevice "host=$nvme,managed=on" \
	-pcidevice "host=$nic,managed=on,guest=1.0,irq=intx" \
	-pcidevice "host=$nic2,managed=on,guest=1.1,irq=msi" \
	-pcidevice "host=$nic3,managed=on,guest=1.2,irq=msix"
many=$guest
guest_start other "$work/other" -m 512M -pcidevice "host=$nvme2,managed=on" \
	-pcidevice "host=$ne2k,managed=on" -pcidevice "host=$rtl,managed=on"
wait "$guest" || fail "the other guest: status $?"
wait "$many" || fail "the guest of many: status $?"
has "$work/many.log" 'guest: status 0'
has "$work/other.log" 'guest: status 0'

for queue in 0 1 2 3 4; do
	awk -v "queue=nvme0q$queue" '$NF == queue {
		for (i = 2; i <= 5; i++) n += $i } END { exit !n }' \
		"$work/many.log" || fail "no interrupt of nvme0q$queue"
done
mount -t ext4 -o ro "/dev/$(disk_of "$nvme")" /mnt
has "$work/many.log" "wrote: $(sha256sum < /mnt/data)"
umount /mnt
say 'a queue and a vector for each of four vCPUs'

# has_irq FUNCTION PATTERN COUNT: so many lines of /proc/interrupts
has_irq() {
	is "interrupts of function $1 like $2" \
		"$(grep -c "^0000:01:00.$1: .*$2" "$work/many.log")" "$3"
}
has_irq 0 'IO-APIC.*eth' 1
has_irq 2 'PCI-MSI.*eth' 3
has "$work/many.log" "0000:01:00.0: $file_sum" "0000:01:00.2: $file_sum"
# The driver tries the MSI that it is left with, and finds that it does not
# come; nor does it on the host, where it then has the pin: QEMU's model.
# What works under irq=msi is ahci, in devices.sh.
has "$work/many.log" 'Falling back to MSI'
! grep -q '^0000:01:00.1: .*eth1-' "$work/many.log" ||
	fail 'function 1 has MSI-X for all that it should not'
say 'three functions of one slot: INTx, MSI and MSI-X'

has "$work/other.log" "disk: $file_sum" "eth0: $file_sum" "eth1: $file_sum"
say 'a second guest at the same time, with a group of two devices'

# ---- virtual functions ----

controller=$(echo "/sys/bus/pci/devices/$pf"/nvme/nvme*)
"$build/tests/lab/nvme-virtual" "$controller" 0
echo 1 > "$controller/reset_controller"
echo 0 > "/sys/bus/pci/devices/$pf/sriov_drivers_autoprobe"
echo 2 > "/sys/bus/pci/devices/$pf/sriov_numvfs"
"$build/tests/lab/nvme-virtual" "$controller" 2
for n in 0 1; do
	vf[n]=$(basename "$(readlink "/sys/bus/pci/devices/$pf/virtfn$n")")
done
cat > "$work/virtual" <<'END'
. lib.sh
wait_for test -b /dev/nvme0n1
echo "disk: $(sha256sum < /dev/nvme0n1)"
END
guest_start first "$work/virtual" -m 256M -pcidevice "host=${vf[0]},managed=on"
first=$guest
guest_start second "$work/virtual" -m 256M -pcidevice "host=${vf[1]},managed=on"
wait "$guest" || fail "the second guest: status $?"
wait "$first" || fail "the first guest: status $?"
has "$work/first.log" "disk: $file_sum"
has "$work/second.log" "disk: $file_sum"
say 'two virtual functions, one for each of two guests'
is 'IOMMU faults' "$(faults)" 0
