#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A NIC: the guest fetches a file over HTTP through the assigned e1000e.
# NETDIR_SUM, from outside, is the file's checksum.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

cat > "$work/script" <<'END'
. lib.sh
net_up
wget -q -O /tmp/file http://10.0.2.100/file
echo "fetched: $(sha256sum < /tmp/file)"
grep eth0 /proc/interrupts
END
guest nic "$work/script" -m 256M -pcidevice "host=$nic,managed=on,name=lan"

has "$work/nic.log" "fetched: $(sha256sum < "${NETDIR:?}/file")"
is 'driver afterwards' "$(driver_of "$nic")" e1000e
is 'IOMMU faults' "$(faults)" 0
say 'NIC: a file came through it unharmed'
