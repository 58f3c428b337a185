#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A NIC, and two devices at once, in an SMP guest: it fetches a file over HTTP
# through the assigned e1000e, and then again while the disk is read.
# NETDIR/file, from outside, is the file.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

cat > "$work/script" <<'END'
. lib.sh
mount_nvme
net_up
wget -q -O /tmp/file http://10.0.2.100/file
echo "fetched: $(sha256sum < /tmp/file)"
grep eth0 /proc/interrupts
dd if=/dev/nvme0n1 of=/dev/null bs=1M count=64 2>/dev/null &
wget -q -O /mnt/file http://10.0.2.100/file
wait
sync
echo 3 > /proc/sys/vm/drop_caches
echo "copied: $(sha256sum < /mnt/file)"
umount /mnt
echo "cpus: $(nproc)"
END
guest two "$work/script" -m 256M -smp 2 -pcidevice "host=$nvme,managed=on" \
	-pcidevice "host=$nic,managed=on,name=lan"
sum=$(sha256sum < "${NETDIR:?}/file")
has "$work/two.log" "fetched: $sum" "copied: $sum" 'cpus: 2'
given_back "$nvme" nvme
given_back "$nic" e1000e
is 'IOMMU faults' "$(faults)" 0
say 'a file came through a NIC unharmed, and again beside a busy disk'
