#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Two devices at once in an SMP guest: the disk is read while the NIC fetches.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

cat > "$work/script" <<'END'
. lib.sh
mount_nvme
net_up
dd if=/dev/nvme0n1 of=/dev/null bs=1M count=64 2>/dev/null &
wget -q -O /mnt/file http://10.0.2.100/file
wait
sync
echo 3 > /proc/sys/vm/drop_caches
echo "copied: $(sha256sum < /mnt/file)"
umount /mnt
echo "cpus: $(nproc)"
END
guest two "$work/script" -m 512M -smp 2 -pcidevice "host=$nvme,managed=on" \
	-pcidevice "host=$nic,managed=on"
has "$work/two.log" "copied: $(sha256sum < "${NETDIR:?}/file")" 'cpus: 2'
is 'NVMe driver' "$(driver_of "$nvme")" nvme
is 'NIC driver' "$(driver_of "$nic")" e1000e
is 'IOMMU faults' "$(faults)" 0
say 'a disk and a NIC at once, two vCPUs'
