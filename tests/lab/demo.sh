#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What scripts/demo shows, inside the lab machine: it stands for the host.
# Each line of the summary is written by the check that made it true.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

summary=()
shown() { summary+=("$*"); printf '  -> %s\n' "$*"; }
title() { printf '\n==== %s\n' "$*"; }

# show NAME COMMAND...: runs it; its output is seen as it comes, and kept
show() {
	local name=$1

	shift
	printf '  $ moat %s\n' "${*:2}" | sed "s#$work/##g; s#-append .* -serial#-append ... -serial#"
	"$@" < /dev/null 2>&1 | tee "$work/$name.log" |
		sed -u "s/^/  $name| /"
}

initrd() {
	"$here/mkinitrd" --script "$work/$1" \
		--add "$build/tests/lab/edu:/bin/edu" \
		--add "$here/guest/lib.sh:/bin/lib.sh" -o "$work/$1.cpio"
}

title 'The host and its devices'
printf '  Linux %s, %s IOMMU groups\n' "$(uname -r)" \
	"$(find /sys/kernel/iommu_groups -mindepth 1 -maxdepth 1 | wc -l)"
show host "$moat" devices

title 'A file for the guest, on the NVMe disk'
mount_disk
head -c 4194304 /dev/urandom > /mnt/from-host
from_host=$(sha256sum < /mnt/from-host | cut -c 1-64)
umount /mnt
echo "  from-host: sha256 ${from_host:0:16}..."

title "A guest with the disk and the NIC; Debian's own kernel"
cat > "$work/guest" <<'END'
. lib.sh
echo "Linux $(uname -r), $(nproc) CPUs, and these PCI functions:"
for d in /sys/bus/pci/devices/*; do
	echo "  ${d##*/} $(cat $d/vendor) $(cat $d/device) $(basename "$(readlink $d/driver)" 2>/dev/null)"
done
mount_nvme
echo "mounted: $(grep /mnt /proc/mounts)"
echo "from-host: $(sha256sum < /mnt/from-host | cut -c 1-64)"
head -c 4194304 /dev/urandom > /mnt/from-guest
sync
echo 3 > /proc/sys/vm/drop_caches
echo "from-guest: $(sha256sum < /mnt/from-guest | cut -c 1-64)"
umount /mnt
net_up
wget -q -O /tmp/file http://10.0.2.100/file
echo "fetched: $(sha256sum < /tmp/file | cut -c 1-64)"
END
initrd guest
show guest "$moat" run -kernel "$LAB_KERNEL" -initrd "$work/guest.cpio" \
	-m 512M -smp 2 -append 'console=ttyS0 quiet' -serial stdio -no-reboot \
	-pcidevice "host=${nvme#0000:},managed=on,name=disk" \
	-pcidevice "host=${nic#0000:},managed=on,name=lan"
has "$work/guest.log" 'guest: status 0'
shown 'an NVMe disk and a NIC were assigned to a guest, with the drivers of bare metal'
has "$work/guest.log" "from-host: $from_host"
shown 'the guest read from the disk what the host had written'
is 'the disk driver' "$(driver_of "$nvme")" nvme
is 'the NIC driver' "$(driver_of "$nic")" e1000e
shown 'at power-off both devices went back to their host drivers'
mount_disk -o ro
has "$work/guest.log" "from-guest: $(sha256sum < /mnt/from-guest | cut -c 1-64)"
umount /mnt
shown 'the host read from the disk what the guest had written'
has "$work/guest.log" "fetched: $(sha256sum < "${NETDIR:?}/file" | cut -c 1-64)"
shown 'the guest fetched a file over the NIC, unharmed'
is 'faults so far' "$(faults)" 0
shown 'none of that made a single IOMMU fault'

title 'A guest that attacks: it tells its device to DMA outside its RAM'
canary $((1 << 30))
echo "  a page of the host at $canary_addr holds the secret $canary_secret"
cat > "$work/attacker" <<END
. lib.sh
edu=\$(find_pci 0x1234:0x11e8)
edu \$edu write-own
edu \$edu write $canary_addr
edu \$edu read $canary_addr
edu \$edu write-own
END
initrd attacker
show attacker "$moat" run -kernel "$LAB_KERNEL" -initrd "$work/attacker.cpio" \
	-m 256M -append 'console=ttyS0 quiet' -serial stdio -no-reboot \
	-pcidevice "host=${edu#0000:},managed=on,name=edu"
has "$work/attacker.log" 'guest: status 0' "write $canary_addr: sent" \
	"read $canary_addr: "
is 'DMA that landed' "$(grep -c 'write-own: landed' "$work/attacker.log")" 2
shown "the attacker's DMA into its own RAM landed, before and after"
fault_logged "$edu" Write "$canary_addr" 05
fault_logged "$edu" Read "$canary_addr" 06
dmesg | grep -E 'DMAR: \[DMA' | sed 's/^/  host dmesg| /'
is 'faults' "$(faults)" 2
shown 'its DMA outside was stopped: two IOMMU faults, with its name and the address'
canary_stands
shown "the host's page is unharmed, every byte"
if grep -q "$canary_secret" "$work/attacker.log"; then fail 'the secret leaked'; fi
shown 'the secret did not leak into the guest'

title 'What was shown'
printf '  [ok] %s\n' "${summary[@]}"
