#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# An NVMe disk, taken from the host's driver by managed=on: the guest mounts
# its ext4, reads a file that the host wrote and writes one that the host
# then reads; checksums are compared on both sides, and the host has its
# driver back. The guest's kernel is a bzImage here.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

is 'driver at first' "$(driver_of "$nvme")" nvme
mount_disk
dd if=/dev/urandom of=/mnt/from-host bs=1M count=8 status=none
host_sum=$(sha256sum < /mnt/from-host)
umount /mnt

cat > "$work/script" <<'END'
. lib.sh
mount_nvme
echo "from-host: $(sha256sum < /mnt/from-host)"
dd if=/dev/urandom of=/mnt/from-guest bs=1M count=8 2>/dev/null
sync
echo 3 > /proc/sys/vm/drop_caches
echo "from-guest: $(sha256sum < /mnt/from-guest)"
umount /mnt
echo "interrupts: $(grep -c nvme0q /proc/interrupts)"
grep nvme0q /proc/interrupts
END
GUEST_KERNEL=$LAB_KERNEL guest nvme "$work/script" -m 512M -smp 2 \
	-pcidevice "host=$nvme,managed=on"

has "$work/nvme.log" "from-host: $host_sum"
given_back "$nvme" nvme
mount_disk -o ro
has "$work/nvme.log" "from-guest: $(sha256sum < /mnt/from-guest)"
umount /mnt
grep -q nvme0q "$work/nvme.log" || fail 'no NVMe interrupt in the guest'
is 'IOMMU faults' "$(faults)" 0
say 'NVMe: read, written, confirmed by the host, and given back'
