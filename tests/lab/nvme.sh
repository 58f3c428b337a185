#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# An NVMe disk, taken from the host's driver by managed=on: the guest mounts
# its ext4, reads a file that the host wrote and writes one that the host
# then reads; checksums are compared on both sides, and the host has its
# driver back. A thousand more reads make it leave the guest for no access to
# the disk's registers. The guest's kernel is a bzImage here.

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
for round in 1 2 3; do
	echo "round $round is next"
	sleep 2
	echo "round $round begins"
	dd if=/dev/nvme0n1 of=/dev/null bs=4096 count=1000 iflag=direct 2>/dev/null
	echo "round $round is over"
	sleep 2
done
echo "interrupts: $(grep -c nvme0q /proc/interrupts)"
grep nvme0q /proc/interrupts
END
GUEST_KERNEL=$LAB_KERNEL guest_start nvme "$work/script" -m 512M -smp 2 \
	-pcidevice "host=$nvme,managed=on"

# mmio_exits: how often the guest left for memory that nobody has mapped
mmio_exits() { cat "/sys/kernel/debug/kvm/$guest"-*/mmio_exits; }

# A host that does not come to look in time has another go.
exits='' round=0
while [ -z "$exits" ]; do
	round=$((round + 1))
	guest_says nvme "round $round is next"
	before=$(mmio_exits)
	if ! grep -q "round $round begins" "$work/nvme.log"; then
		guest_says nvme "round $round is over"
		exits=$(($(mmio_exits) - before))
	fi
done
wait "$guest" || fail "moat run: status $?"
has "$work/nvme.log" 'guest: status 0'
[ "$before" -gt 0 ] || fail 'no exit was ever counted'
[ "$exits" -le 20 ] || fail "$exits exits to emulate memory in 1000 reads"
say "1000 reads: $exits exits for memory that is not mapped, of $before before"

has "$work/nvme.log" "from-host: $host_sum"
given_back "$nvme" nvme
mount_disk -o ro
has "$work/nvme.log" "from-guest: $(sha256sum < /mnt/from-guest)"
umount /mnt
grep -q nvme0q "$work/nvme.log" || fail 'no NVMe interrupt in the guest'
is 'IOMMU faults' "$(faults)" 0
say 'NVMe: read, written, confirmed by the host, and given back'
