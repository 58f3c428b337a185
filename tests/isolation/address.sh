#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Catalogue items 1 to 5, 10 to 12, 19, 24 and 34: a guest tells its edu
# device to write and to read where nothing is mapped for it, host memory and
# the registers of other devices among it. The IOMMU faults each access, a
# page of the host neither changes nor leaks, and the guest goes on. Then a
# program of the host's does the same with maps of its own (probe.c). The
# positive control is the same code on memory that is mapped.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

ram=$((256 << 20))
canary $((1 << 30))
"$moat" bind "$edu" "$edu2"
read -r edu2_bar _ < "/sys/bus/pci/devices/$edu2/resource"

cat > "$work/attack" <<END
. guest.sh
target=\$(nth_pci 2 0x1234:0x11e8)
hex() { printf 0x%x "\$1"; }
edu "\$target" liveness
control
attack 1 write 0x20000000 05
attack 1 read 0x20000000 06
attack 2 write $(printf 0x%x $ram) 05 1
attack 2 read $(printf 0x%x $ram) 06 1
attack 3 write 0x1000000000000 04
attack 3 read 0xffffffffffff0000 04
attack 4 write 0xe0000000 05
attack 4 read 0xd0000000 06
attack 4 write "\$(bar_of "\$attacker")" 05
attack 12 write $canary_addr 05
attack 12 read $canary_addr 06
attack 19 write "\$(bar_of "\$target")" 05 64
attack 19 write $edu2_bar 05 64
attack 19 read $edu2_bar 06 64
edu "\$target" liveness-kept
control
END

records_begin
GUEST_ADD="$(dirname "$0")/guest.sh:/bin/guest.sh" guest attack \
	"$work/attack" -m 256M -pcidevice "host=$edu" -pcidevice "host=$edu2"
records_end "$work/attack.log" "$edu"

grep 'isolation item' "$work/attack.log"
is 'landed attacks on own memory' \
	"$(grep -c 'write-own: landed' "$work/attack.log")" 2
is 'round trips' "$(grep -c 'roundtrip: ok' "$work/attack.log")" 2
is 'faults' "$(wc -l < "$work/recorded")" 14
# The kernel's log has the first of them in words.
fault_logged "$edu" Write 0x20000000 05
fault_logged "$edu" Read 0x20000000 06
has "$work/attack.log" 'liveness: kept'
! grep -q "$canary_secret" "$work/attack.log" || fail 'the secret leaked'
! masters_bus "$edu" || fail 'edu is left a bus master'

probe_run maps read-only crossing unmap in-flight
canary_stands
say 'accesses outside of what is mapped fault; the canary stands'
