#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# dma=none with devices of an unmodified guest: a disk and a NIC at once, read
# and written and compared on both sides, with guest RAM on both of the host's
# nodes, so below and above 4 GiB. What was changed on the host is back at the
# end: drivers, the type of the IOMMU groups, huge pages.
#
# On a machine with VT-d that is sysfs and uio_pci_generic, and so is it on one
# without where the kernel has no VFIO_NOIOMMU; else it is VFIO.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=none-lib.sh
. "$(dirname "$0")/none-lib.sh"

huge_pages 128 128
type_before=$(group_type "$nvme")$(group_type "$nic")
if [ -e /sys/module/vfio/parameters/enable_unsafe_noiommu_mode ] &&
	[ -z "$type_before" ]; then
	echo Y > /sys/module/vfio/parameters/enable_unsafe_noiommu_mode
	driver=vfio-pci interrupts=MSIX
else
	driver=uio_pci_generic interrupts=IO-APIC
fi

mount_root_disk
dd if=/dev/urandom of=/mnt/from-host bs=1M count=8 status=none
host_sum=$(sha256sum < /mnt/from-host)
umount /mnt

cat > "$work/script" <<'END'
. lib.sh
mount_nvme
net_up
echo ready
(wget -q -O /tmp/file http://10.0.2.100/file; echo "fetched: $(sha256sum < /tmp/file)") &
echo "from-host: $(sha256sum < /mnt/from-host)"
wait
dd if=/dev/urandom of=/mnt/from-guest bs=1M count=8 2>/dev/null
sync
echo 3 > /proc/sys/vm/drop_caches
echo "from-guest: $(sha256sum < /mnt/from-guest)"
umount /mnt
echo "cpus: $(nproc)"
echo "ram: $(dmesg | grep -c 'BIOS-e820.*usable')"
grep -E 'nvme0q|eth0' /proc/interrupts
for dir in /sys/devices/system/node/node*; do
	echo "${dir##*/}: CPUs $(cat "$dir/cpulist"), $(awk '/MemTotal/ {
		print int($4 / 1024 / 128 + 0.9) * 128 }' "$dir/meminfo") MiB"
done
echo "complaints: $(dmesg | grep -ciE 'srat: (error|invalid|bad)|not on the same node')"
END
GUEST_APPEND=loglevel=4 guest_start none "$work/script" -m 512M -smp 2 \
	-pcidevice "host=$nvme,dma=none,managed=on,name=disk" \
	-pcidevice "host=$nic,dma=none,managed=on"
guest_says none ready
is 'driver meanwhile' "$(driver_of "$nvme")" "$driver"
is 'huge pages free meanwhile' "$(free_huge_pages)" 0
if [ -n "$type_before" ]; then
	is 'type meanwhile' "$(group_type "$nvme")" identity
fi
wait "$guest" || fail "moat run: status $?"
has "$work/none.log" 'guest: status 0' "from-host: $host_sum" 'cpus: 2' \
	"fetched: $(sha256sum < "${NETDIR:?}/file")" \
	'node0: CPUs 0, 256 MiB' 'node1: CPUs 1, 256 MiB' 'complaints: 0'
grep -q "$interrupts.*nvme0q" "$work/none.log" || fail "no $interrupts of the disk"
grep -q "$interrupts.*eth0" "$work/none.log" || fail "no $interrupts of the NIC"
has "$work/none.moat.log" \
	"disk: dma=none: nothing keeps its DMA, and so the guest, from any of the host's memory"

is 'driver afterwards' "$(driver_of "$nvme")" nvme
is 'NIC driver afterwards' "$(driver_of "$nic")" e1000e
is 'types afterwards' "$(group_type "$nvme")$(group_type "$nic")" "$type_before"
is 'records' "$(find /run/moat -type f 2>/dev/null)" ''
is 'huge pages free afterwards' "$(free_huge_pages)" 256
mount_root_disk -o ro
has "$work/none.log" "from-guest: $(sha256sum < /mnt/from-guest)"
umount /mnt
is 'IOMMU faults' "$(faults)" 0
say "dma=none by $driver: a disk and a NIC at once, and all given back"
