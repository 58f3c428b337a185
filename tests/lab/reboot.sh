#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A guest that resets boots again with a working device: it leaves a mark on
# the disk before each of two resets. With -no-reboot a reset ends moat.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

cat > "$work/script" <<'END'
. lib.sh
mount_nvme
boots=$(($(cat /mnt/boots 2>/dev/null || echo 0) + 1))
echo $boots > /mnt/boots
umount /mnt
echo "boot number $boots"
[ $boots = 3 ] || reboot -f
END
GUEST_RESETS=yes guest reboot "$work/script" -m 160M -smp 2 \
	-pcidevice "host=$nvme,managed=on"
has "$work/reboot.log" 'boot number 1' 'boot number 2' 'boot number 3'

cat > "$work/once" <<'END'
reboot -f
END
guest_start once "$work/once" -m 160M
wait "$guest" || fail "moat run -no-reboot: status $?"
is 'boots' "$(grep -c 'status' "$work/once.log")" 0
is 'IOMMU faults' "$(faults)" 0
say 'a reset boots the guest again, three times with a working disk'
