#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Catalogue items 1 and 2: a guest tells its device to write and to read
# where nothing is mapped: one page above its RAM, and at the host-physical
# address of a page of the host. The IOMMU faults each access, the page
# neither changes nor leaks, and the guest goes on. The positive control is
# the same code on the guest's own memory, before and after.

# shellcheck source=../lab/lib.sh
. "$(dirname "$0")/../lab/lib.sh"

ram=$((256 << 20))
canary $((1 << 30))
"$moat" bind "$edu"

cat > "$work/attack" <<END
. lib.sh
edu=\$(find_pci 0x1234:0x11e8)
edu \$edu liveness
edu \$edu roundtrip
edu \$edu write-own
edu \$edu write $ram
edu \$edu write $canary_addr
edu \$edu read $canary_addr
edu \$edu read $ram
edu \$edu roundtrip
edu \$edu write-own
END

before=$(faults)
guest attack "$work/attack" -m 256M -pcidevice "host=$edu"
after=$(faults)

is 'landed attacks on own memory' \
	"$(grep -c 'write-own: landed' "$work/attack.log")" 2
is 'round trips' "$(grep -c 'roundtrip: ok' "$work/attack.log")" 2
has "$work/attack.log" "write $(printf '0x%x' $ram): sent" \
	"write $canary_addr: sent" "read $canary_addr: "
! grep -q "$canary_secret" "$work/attack.log" || fail 'the secret leaked'
canary_stands
is 'faults counted' $((after - before)) 4
fault_logged "$edu" Write "$ram" 05
fault_logged "$edu" Write "$canary_addr" 05
fault_logged "$edu" Read "$canary_addr" 06
! masters_bus "$edu" || fail 'edu is left a bus master'
say 'writes and reads outside guest RAM fault; the canary stands'
