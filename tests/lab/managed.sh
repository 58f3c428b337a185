#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# managed=on gives the driver back after SIGTERM, and after kill -9 by way of
# `moat release`; while the guest runs, release refuses. (After power-off:
# nvme.sh, two.sh.)

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

cat > "$work/sleeper" <<'END'
. lib.sh
mount_nvme
ls /mnt > /dev/null
echo the disk is in use
sleep 1000
END

start() {
	guest_start "$1" "$work/sleeper" -m 160M -pcidevice "host=$nvme,managed=on"
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
given_back "$nvme" nvme

start kill
kill -KILL "$guest"
wait "$guest" || :
is 'driver after kill -9' "$(driver_of "$nvme")" vfio-pci
! masters_bus "$nvme" || fail 'the device is left a bus master'
"$moat" release
given_back "$nvme" nvme
say 'the driver is back after SIGTERM, and after kill -9 with release'
