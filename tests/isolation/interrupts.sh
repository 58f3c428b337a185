#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Catalogue item 35, on a machine that does not remap interrupts: a device can
# be made to interrupt the host by a write to 0xfeexxxxx, so a start is refused
# that says so and changes nothing; opted in, a guest does just that.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

module=vfio_iommu_type1
[ "${MOAT_IOMMU:-}" != iommufd ] || module=iommufd
opt_in=/sys/module/$module/parameters/allow_unsafe_interrupts
# What no one else sends to this host, and does no harm there.
vector=0xf2
interrupts() { awk '/^ *PIN:/ { print $2 + $3 }' /proc/interrupts; }

is 'remapping' "$(grep -c 'IR-' /proc/interrupts)" 0
"$moat" bind "$edu"
before=$(ls -l "/sys/bus/pci/devices/$edu/"; cat "$opt_in")
status=0
"$moat" run -kernel "$guest_kernel" -m 256M -pcidevice "host=$edu" \
	-iommu "${MOAT_IOMMU:-type1}" 2> "$work/refused.log" < /dev/null ||
	status=$?
is 'status' "$status" 1
has "$work/refused.log" "$edu" 'interrupt remapping' "$opt_in"
is 'messages' "$(wc -l < "$work/refused.log")" 1
is 'the host' "$(ls -l "/sys/bus/pci/devices/$edu/"; cat "$opt_in")" "$before"
item 35 "refused: $(cat "$work/refused.log")"

echo 1 > "$opt_in"
cat > "$work/attack" <<END
. guest.sh
control
edu \$attacker word 0xfee00000 $vector
edu \$attacker word 0xfee00000 $vector
attack 1 write 0x20000000 05
control
END
count=$(interrupts)
is 'interrupts of that kind' "$count" 0
records_begin
attackers attack "$work/attack" -m 256M -pcidevice "host=$edu"
records_end "$work/attack.log" "$edu"
is 'interrupts that the guest had the host get' "$(interrupts)" 2
item 35 'opted in, the messages of a device reach the host, and its DMA does not'
say 'without interrupt remapping nothing starts that was not asked for'
