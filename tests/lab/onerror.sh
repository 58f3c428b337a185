#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The host unbinds the driver of an assigned device while the guest runs, or a
# root port reports an error of the device: with onerror=stop the guest ends,
# with onerror=withdraw it goes on without the device, and with its others. The
# unbind goes through either way.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# Returns when the kernel has the device back.
unbind() {
	echo "$1" > /sys/bus/pci/drivers/vfio-pci/unbind
}

# report BDF correctable|nonfatal|fatal: its root port reports an error of it,
# by the kernel's own means to test that. What is written is the device's
# address, its error statuses, four words of a header and the domain. Source:
# Linux drivers/pci/pcie/aer_inject.c; linux/pci_regs.h for the bits.
report() {
	local bdf=$1 uncorrectable=0 correctable=0

	case $2 in
	correctable) correctable=0x40 ;;	# PCI_ERR_COR_BAD_TLP
	nonfatal) uncorrectable=0x8000 ;;	# PCI_ERR_UNC_COMP_ABORT
	fatal) uncorrectable=0x10 ;;		# PCI_ERR_UNC_DLP
	esac
	[[ $bdf =~ ^0000:(..):(..)\.(.)$ ]]
	perl -e 'print pack("C3xL7", map { oct } @ARGV)' \
		"0x${BASH_REMATCH[1]}" "0x${BASH_REMATCH[2]}" \
		"0x${BASH_REMATCH[3]}" $uncorrectable $correctable 0 0 0 0 0 \
		> /dev/aer_inject
}

# A NIC behind a root port, which can report what it does wrong.
nic2=$(basename "$(echo /sys/bus/pci/devices/0000:00:0b.0/0000:*:00.0)")
modprobe aer_inject

cat > "$work/sleeper" <<'END_OF_SCRIPT'
. lib.sh
echo "the device is $(find_pci "$(cat /bin/id)")"
sleep 1000
END_OF_SCRIPT

# stops BDF ID CAUSE DRIVER TEXT [KEYS]: CAUSE ends the guest that has the
# device, for which moat says TEXT; DRIVER is who has the device afterwards
stops() {
	local status=0

	say "stop: $3"
	echo "$2" > "$work/id"
	GUEST_ADD="$work/id:/bin/id" guest_start stop "$work/sleeper" -m 160M \
		-pcidevice "host=$1,managed=on,name=card${6:-}"
	guest_says stop 'the device is'
	$3
	wait "$guest" || status=$?
	is 'status of moat run' "$status" 1
	has "$work/stop.moat.log" "card: $5" 'the guest ends'
	is 'driver afterwards' "$(driver_of "$1")" "$4"
	is 'override afterwards' \
		"$(cat "/sys/bus/pci/devices/$1/driver_override")" '(null)'
	is 'records afterwards' "$(find /run/moat -type f 2>/dev/null)" ''
	rm "$work/stop.log"
}

unbind_driver() { unbind "$edu"; }
report_errors() {
	# Nobody need be told of what the hardware has corrected.
	report "$nic2" correctable
	sleep 1
	if ! kill -0 "$guest" || grep 'reports an error' "$work/stop.moat.log"; then
		fail 'a corrected error is taken for more'
	fi
	report "$nic2" nonfatal
}
stops "$edu" 0x1234:0x11e8 unbind_driver '' 'the host wants the device back'
stops "$nic2" 0x8086:0x10d3 report_errors e1000e \
	'the host reports an error of the device' ,onerror=stop
in_time logged "$nic2: .*Corrected" || fail 'no corrected error in dmesg'

cat > "$work/goes-on" <<'END_OF_SCRIPT'
. lib.sh
id() { od -An -tx4 -N4 "/sys/bus/pci/devices/$1/config" | tr -d ' '; }
edu=$(find_pci 0x1234:0x11e8)
edu "$edu" write-own
nic=$(find_pci 0x8086:0x10d3)
mount_nvme
echo "the first is $(id "$edu"), the second $(id "$nic")"
gone() { [ "$(id "$1")" = ffffffff ]; }
wait_for gone "$edu"
[ "$(id "$nic")" = 10d38086 ]
echo 'the first is gone'
wait_for gone "$nic"
echo 'the second is gone'
failing=$(basename /sys/bus/pci/devices/0000:00:10.0/0000:*)
[ "$(id "$failing")" = 10d38086 ]
echo 'the third is there'
wait_for gone "$failing"
echo 'the third is gone'
echo 3 > /proc/sys/vm/drop_caches
echo "the disk says: $(cat /mnt/hello.txt)"
umount /mnt
END_OF_SCRIPT

say withdraw
"$moat" bind "$nic"
guest_start withdraw "$work/goes-on" -m 160M -smp 2 \
	-pcidevice "host=$edu,managed=on,name=card,onerror=withdraw" \
	-pcidevice "host=$nic,name=lan,onerror=withdraw" \
	-pcidevice "host=$nic2,managed=on,name=bad,onerror=withdraw,guest=10" \
	-pcidevice "host=$nvme,managed=on,name=disk"
guest_says withdraw 'the first is 11e81234, the second 10d38086'
unbind "$edu"
guest_says withdraw 'the first is gone'
# Not managed, so it is for the host to say whose it is now.
unbind "$nic"
is 'driver of the NIC' "$(driver_of "$nic")" ''
guest_says withdraw 'the third is there'
report "$nic2" fatal
wait "$guest" || fail "moat run: status $?"
has "$work/withdraw.log" 'the second is gone' 'the third is gone' \
	'the disk says: hello from the disk of the lab' 'guest: status 0'
has "$work/withdraw.moat.log" 'card: the host wants the device back' \
	'lan: the host wants the device back' 'the guest goes on without it' \
	'bad: the host reports an error of the device'
is 'driver of what failed' "$(driver_of "$nic2")" e1000e
is 'driver of the disk' "$(driver_of "$nvme")" nvme
is 'driver of the card' "$(driver_of "$edu")" ''
"$moat" release
is 'driver of the NIC after release' "$(driver_of "$nic")" e1000e
is 'IOMMU faults' "$(faults)" 0
if dmesg | grep -E 'WARNING:|BUG:|Call Trace'; then fail 'the host complains'; fi
say 'a device that fails or that the host wants is given up, as onerror= says'
