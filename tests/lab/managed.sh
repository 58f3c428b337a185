#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# managed=on gives the driver back after power-off, after SIGTERM, and after
# kill -9 by way of `moat release`; while the guest runs, release refuses.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

cat > "$work/sleeper" <<'END'
. lib.sh
mount_nvme
ls /mnt > /dev/null
echo the disk is in use
sleep 1000
END

in_order() {
	is "driver after $1" "$(driver_of "$nvme")" nvme
	is "driver_override after $1" \
		"$(cat "/sys/bus/pci/devices/$nvme/driver_override")" '(null)'
	is "records after $1" "$(find /run/moat -type f 2>/dev/null)" ''
}

start() {
	guest_start "$1" "$work/sleeper" -m 256M -pcidevice "host=$nvme,managed=on"
	guest_says "$1" 'the disk is in use'
	is 'driver meanwhile' "$(driver_of "$nvme")" vfio-pci
}

start term
if "$moat" release "$nvme" 2> "$work/release.err"; then
	fail 'release took a device from a running guest'
fi
has "$work/release.err" "$nvme" "$guest"
kill -TERM "$guest"
wait "$guest" || fail "moat run after SIGTERM: status $?"
in_order SIGTERM

start kill
kill -KILL "$guest"
wait "$guest" || :
is 'driver after kill -9' "$(driver_of "$nvme")" vfio-pci
! masters_bus "$nvme" || fail 'the device is left a bus master'
"$moat" release
in_order 'kill -9 and release'

cat > "$work/short" <<'END'
. lib.sh
mount_nvme
END
guest off "$work/short" -m 256M -pcidevice "host=$nvme,managed=on"
in_order power-off
say 'the driver is back after power-off, SIGTERM, and kill -9 with release'
