#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What dma=none is: edu writes a page of the host outside the guest, and it
# succeeds. What it is not: with dma=iommu the same attack faults, also in a
# guest whose other device has dma=none, and which that one still works for.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=none-lib.sh
. "$(dirname "$0")/none-lib.sh"

huge_pages 128 0
canary 0x1000000
cat > "$work/attack" <<END
. lib.sh
edu=\$(find_pci 0x1234:0x11e8)
edu \$edu roundtrip
edu \$edu write $canary_addr
edu \$edu roundtrip
END
cp "$work/attack" "$work/both"
cat >> "$work/both" <<'END'
net_up
wget -q -O /tmp/file http://10.0.2.100/file
echo "fetched: $(sha256sum < /tmp/file)"
END

before=$(faults)
guest both "$work/both" -m 256M -pcidevice "host=$edu,managed=on" \
	-pcidevice "host=$nic,dma=none,managed=on"
has "$work/both.log" "write $canary_addr: sent" \
	"fetched: $(sha256sum < "${NETDIR:?}/file")"
is 'round trips' "$(grep -c 'roundtrip: ok' "$work/both.log")" 2
canary_stands
becomes 'faults of the fenced one' 1 faults_since "$before"
fault_logged "$edu" Write "$canary_addr" 05

# The very same write, without a fence.
canary 0x1000000
sed -i "s/write 0x[0-9a-f]*/write $canary_addr/" "$work/attack"
before=$(faults)
"$moat" bind --dma none "$edu"
is 'driver' "$(driver_of "$edu")" uio_pci_generic
guest none "$work/attack" -m 256M -pcidevice "host=$edu,dma=none"
has "$work/none.log" "write $canary_addr: sent"
echo >&"${canary_in:?}"
changed=0
wait "${canary_pid:?}" || changed=$?
is 'the verdict on the host page, 1 if the write landed' "$changed" 1
is 'faults without a fence' "$(faults_since "$before")" 0
is 'type meanwhile' "$(group_type "$edu")" identity
"$moat" release "$edu"
is 'type afterwards' "$(group_type "$edu")" "$(group_type "$nic")"
is 'driver afterwards' "$(driver_of "$edu")" ''
say 'dma=none reaches a page of the host, and dma=iommu in the same guest does not'
