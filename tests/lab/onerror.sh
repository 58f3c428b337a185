#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The host unbinds the driver of an assigned device while the guest runs: with
# onerror=stop the guest ends, with onerror=withdraw it goes on without the
# device, and with its other one. The unbind goes through either way.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# Returns when the kernel has the device back.
unbind() {
	echo "$1" > /sys/bus/pci/drivers/vfio-pci/unbind
}

cat > "$work/sleeper" <<'END_OF_SCRIPT'
. lib.sh
echo "the device is $(find_pci 0x1234:0x11e8)"
sleep 1000
END_OF_SCRIPT

for given in '' onerror=stop; do
	say "stop: ${given:-the default}"
	guest_start stop "$work/sleeper" -m 160M \
		-pcidevice "host=$edu,managed=on,name=card${given:+,$given}"
	guest_says stop 'the device is'
	unbind "$edu"
	status=0
	wait "$guest" || status=$?
	is 'status of moat run' "$status" 1
	has "$work/stop.moat.log" 'card: the host wants the device back' \
		'the guest ends'
	is 'driver afterwards' "$(driver_of "$edu")" ''
	is 'override afterwards' \
		"$(cat "/sys/bus/pci/devices/$edu/driver_override")" '(null)'
	is 'records afterwards' "$(find /run/moat -type f 2>/dev/null)" ''
	rm "$work/stop.log"
done

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
echo 3 > /proc/sys/vm/drop_caches
echo "the disk says: $(cat /mnt/hello.txt)"
umount /mnt
END_OF_SCRIPT

say withdraw
"$moat" bind "$nic"
guest_start withdraw "$work/goes-on" -m 160M -smp 2 \
	-pcidevice "host=$edu,managed=on,name=card,onerror=withdraw" \
	-pcidevice "host=$nic,name=lan,onerror=withdraw" \
	-pcidevice "host=$nvme,managed=on,name=disk"
guest_says withdraw 'the first is 11e81234, the second 10d38086'
unbind "$edu"
guest_says withdraw 'the first is gone'
# Not managed, so it is for the host to say whose it is now.
unbind "$nic"
is 'driver of the NIC' "$(driver_of "$nic")" ''
wait "$guest" || fail "moat run: status $?"
has "$work/withdraw.log" 'the second is gone' \
	'the disk says: hello from the disk of the lab' 'guest: status 0'
has "$work/withdraw.moat.log" 'card: the host wants the device back' \
	'lan: the host wants the device back' 'the guest goes on without it'
is 'driver of the disk' "$(driver_of "$nvme")" nvme
is 'driver of the card' "$(driver_of "$edu")" ''
"$moat" release
is 'driver of the NIC after release' "$(driver_of "$nic")" e1000e
is 'IOMMU faults' "$(faults)" 0
if dmesg | grep -E 'WARNING:|BUG:|Call Trace'; then fail 'the host complains'; fi
say 'a device that the host wants is given up, as onerror= says'
