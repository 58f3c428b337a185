#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# On a host where no device can mask its own INTx (vfio_pci.nointxmask=1): one
# whose line the host uses for another is refused, with what to do; the same
# one under MSI-X is not, and one that has its line to itself loses no level
# interrupt.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

is 'nointxmask' "$(cat /sys/module/vfio_pci/parameters/nointxmask)" Y

# Slots 7 and 11 have the same line. An open serial port takes its interrupt.
serial=0000:00:0b.0
tty=$(ls "/sys/bus/pci/devices/$serial/tty")
exec 5<> "/dev/$tty"
# refused GIVEN ADVICE
refused() {
	local status=0

	"$moat" run -kernel "$guest_kernel" \
		-pcidevice "host=$nic,managed=on$1" \
		2> "$work/refused.log" < /dev/null || status=$?
	is "status with '$1'" "$status" 1
	has "$work/refused.log" "$nic: its interrupt line is taken by $tty" \
		'cannot mask its own interrupt' "$2"
	is 'driver after it was refused' "$(driver_of "$nic")" e1000e
}
refused ,irq=intx "unbind the other's driver"
refused '' 'assign it with irq=msix'
say "$(cat "$work/refused.log")"

cat > "$work/script" <<'END_OF_SCRIPT'
. lib.sh
modprobe uio_pci_generic
echo 1234 11e8 > /sys/bus/pci/drivers/uio_pci_generic/new_id
wait_for test -e /dev/uio0
irqs "$(find_pci 0x1234:0x11e8)" /dev/uio0 500
net_up
wget -q -O /tmp/file http://10.0.2.100/file
echo "fetched: $(sha256sum < /tmp/file)"
END_OF_SCRIPT
GUEST_ADD="$build/tests/lab/irqs:/bin/irqs" \
	guest alone "$work/script" -m 256M -pcidevice "host=$edu,managed=on" \
	-pcidevice "host=$nic,managed=on,irq=msix"
has "$work/alone.log" "interrupts: 500 raised" \
	"fetched: $(sha256sum < "${NETDIR:?}/file")"
say "$(grep '^interrupts: ' "$work/alone.log")"
exec 5>&-
if dmesg | grep -E 'WARNING:|BUG:|Call Trace|nobody cared'; then
	fail 'the host complains'
fi
say 'INTx that a device cannot mask: alone on its line, or refused'
