#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The expansion ROM: a guest's kernel reads the device's own (rom=on) and one
# from a file, byte by byte what they are; without rom= it finds none, though
# the device has one. A device that has none, and a file that is no ROM, are
# refused. LAB_ROM, from outside, is the file behind the devices' own.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

with_rom=0000:00:06.0 with_rom_too=0000:00:0a.0
"$here/make-rom" "$work/other.rom"
"$moat" bind "$nic" "$with_rom" "$with_rom_too"

refuses() {
	local message=$1 status=0

	shift
	"$moat" run -kernel "$LAB_KERNEL" "$@" 2> "$work/err.log" < /dev/null ||
		status=$?
	is 'status of a refusal' "$status" 1
	has "$work/err.log" "$message"
}
refuses 'lan: rom=on: the host can read no expansion ROM of it' \
	-pcidevice "host=$nic,name=lan,rom=on"
refuses "is no PCI expansion ROM: at byte 0x0 there is no signature 55 aa" \
	-pcidevice "host=$nic,name=lan,rom=$here/rom.sh"
refuses "lan: rom=$work/none.rom: No such file" \
	-pcidevice "host=$nic,name=lan,rom=$work/none.rom"

cat > "$work/script" <<'END_OF_SCRIPT'
. lib.sh
for slot in 01 02 03; do
	dir=/sys/bus/pci/devices/0000:$slot:00.0
	[ -d "$dir" ]
	if [ ! -e "$dir/rom" ]; then echo "$slot has no ROM"; continue; fi
	[ -e "$dir/driver" ] || echo 1 > "$dir/enable"
	echo 1 > "$dir/rom"
	echo "$slot: $(sha256sum < "$dir/rom")"
done
END_OF_SCRIPT
[ -e "/sys/bus/pci/devices/$with_rom_too/rom" ] || fail "a lab without its ROM"
guest rom "$work/script" -m 160M \
	-pcidevice "host=$with_rom,name=own,rom=on" \
	-pcidevice "host=$nic,name=other,rom=$work/other.rom" \
	-pcidevice "host=$with_rom_too,name=off"
has "$work/rom.log" "01: $(sha256sum < "${LAB_ROM:?}")" \
	"02: $(sha256sum < "$work/other.rom")" '03 has no ROM'
"$moat" release
is 'IOMMU faults' "$(faults)" 0
say 'ROM: the guest reads what the device or the file has, or none'
