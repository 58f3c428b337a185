#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# moat with no rights of its own: an ordinary user who may open neither
# /dev/iommu nor the device, started with both open. The device does its work
# in the guest, and no more than that.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

ram=$((256 << 20))
real_moat=$moat
"$moat" bind "$edu"
cdev=/dev/vfio/devices/$(ls "/sys/bus/pci/devices/$edu/vfio-dev")
chmod 666 /dev/kvm
chmod 777 "$work"
# All of the guest's RAM, which counts for the user, and not a page more.
ulimit -l $((ram >> 10))

cat > "$work/as-user" <<END
#!/bin/sh
exec setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs \\
	$real_moat "\$@"
END
chmod 755 "$work/as-user"
moat=$work/as-user

cat > "$work/attack" <<END
. lib.sh
edu=\$(find_pci 0x1234:0x11e8)
edu \$edu roundtrip
edu \$edu write $ram
edu \$edu roundtrip
echo attacked
read -r _ < /dev/console
END

# What it cannot do by itself, it says.
! "$moat" run -kernel "$LAB_KERNEL" -m 256M -iommu iommufd \
	-pcidevice "host=$edu" 2> "$work/refused.log" ||
	fail 'an ordinary user opened the device'
has "$work/refused.log" '/dev/iommu: Permission denied'

exec 7<>/dev/iommu 8<>"$cdev"
! "$moat" run -kernel "$LAB_KERNEL" -m 256M -iommufd fd=8 \
	-pcidevice "host=$edu,fd=7" 2> "$work/swapped.log" ||
	fail 'swapped files were taken'
has "$work/swapped.log" 'fd 8 is not an open /dev/iommu'

before=$(faults)
guest_start attack "$work/attack" -m 256M -iommufd fd=7 \
	-pcidevice "host=$edu,fd=8"
exec 7>&- 8>&-
guest_says attack attacked
is 'the user' "$(stat -c %u "/proc/$guest")" 65534
has "/proc/$guest/status" $'CapEff:\t0000000000000000' \
	$'CapPrm:\t0000000000000000'
kill "$guest"
wait "$guest" || fail "moat run: status $?"
is 'round trips' "$(grep -c 'roundtrip: ok' "$work/attack.log")" 2
becomes 'faults counted' 1 faults_since "$before"
fault_logged "$edu" Write "$ram" 05
say 'an ordinary user runs a guest with a device, by files that were open'
