#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What moat refuses, word for word, with its exit status; and that nothing
# on the host has changed by it.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# shellcheck source=refusals-lib.sh
. "$(dirname "$0")/refusals-lib.sh"

k=$guest_kernel

refuses 2 "unknown option '-nic'; 'moat run --help' lists the options" \
	run -kernel "$k" -nic tap
refuses 2 "options: kernel is missing; 'moat run --help' lists the options" run
refuses 1 "-pcidevice: 'pvdma' is not a value of dma; expected iommu|none" \
	run -kernel "$k" -pcidevice "host=$edu,dma=pvdma"
refuses 1 "-pcidevice: unknown key 'dmq'" \
	run -kernel "$k" -pcidevice "host=$edu,dmq=none"
refuses 1 "-pcidevice: host is missing" run -kernel "$k" -pcidevice dma=iommu
refuses 1 "-pcidevice: host: '5.0' is not a PCI address; expected [DDDD:]BB:DD.F in hexadecimal, such as 04:08.0" \
	run -kernel "$k" -pcidevice host=5.0
refuses 1 "-pcidevice host=00:05.0: $edu is given twice" \
	run -kernel "$k" -pcidevice "host=$edu" -pcidevice "host=00:05.0"

refuses 1 "$nic is bound to the host's driver e1000e; run \`moat bind 00:07.0\` to free it, or add managed=on to take it for this run only" \
	run -kernel "$k" -pcidevice "host=$nic"
refuses 1 "lan: $nic is bound to the host's driver e1000e; run \`moat bind 00:07.0\` to free it, or add managed=on to take it for this run only" \
	run -kernel "$k" -pcidevice "host=$nic,name=lan"
refuses 1 "$edu is not bound to vfio-pci; run \`moat bind 00:05.0\`, or add managed=on to bind it for this run only" \
	run -kernel "$k" -pcidevice "host=$edu"
refuses 1 "there is no PCI device 0000:42:00.0 on this machine; \`moat devices\` lists those there are" \
	run -kernel "$k" -pcidevice host=42:00.0,managed=on
refuses 1 "0000:80:00.0 is a bridge; only endpoints can be assigned" \
	run -kernel "$k" -pcidevice host=80:00.0,managed=on

# What has nothing to do with the device is found before it is touched.
spoilt() {
	local message=$1

	shift
	refuses 1 "$message" run -kernel "$k" -m "${size:-128M}" \
		-pcidevice "host=$nic,managed=on" "$@"
}
pages=/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
echo 0 > "$pages"
spoilt "-serial bogus: not known; it is stdio, file:PATH or pty" -serial bogus
spoilt "-serial file:/nonexistent/x: cannot open: No such file or directory" \
	-serial file:/nonexistent/x
spoilt "-timeline /nonexistent/x: No such file or directory" \
	-serial "file:$work/serial" -timeline /nonexistent/x
spoilt "-mem-path /nonexistent: No such file or directory" \
	-mem-path /nonexistent
spoilt "guest RAM needs 64 huge pages of 2 MiB, 0 are free on node N, 0 on all nodes, 64 are missing; reserve them with: echo 64 > /sys/devices/system/node/nodeN/hugepages/hugepages-2048kB/nr_hugepages" \
	-hugepages 2M
size=64G spoilt "guest RAM of 65536 MiB is more than the host has: N MiB are available; give less with -m" \
	-hugepages off
many=()
for i in $(seq 10 40); do many+=(-pcidevice "host=ffff:$i:00.0"); done
spoilt "-pcidevice is given 32 times, for 32 slots of the guest's PCI bus; it has 31 (functions share a slot by guest=SLOT.FN)" \
	"${many[@]}"

# A disk that the host has mounted.
mount_disk -o ro
refuses 1 "$nvme is in use by the host: /dev/nvme0n1 is mounted on /mnt; end that first, or take the device all the same with --force" \
	run -kernel "$k" -pcidevice "host=$nvme,managed=on"
refuses 1 "$nvme is in use by the host: /dev/nvme0n1 is mounted on /mnt; end that first, or take the device all the same with --force" \
	bind "$nvme"
umount /mnt

# A group of several functions, one of them the host's: of the chipset's, with
# the SMBus controller's driver.
sata=0000:00:1f.2 smbus=0000:00:1f.3
modprobe -a ahci i2c-i801
group=$(basename "$(readlink "/sys/bus/pci/devices/$sata/iommu_group")")
refuses 1 "$sata shares IOMMU group $group with $smbus (driver i801_smbus), which the host uses and no IOMMU can keep apart from it; assign them to the same guest too, or free them: \`moat bind 00:1f.3\`" \
	run -kernel "$k" -pcidevice "host=$sata,managed=on"

# Nobody may open the group's node but root.
"$moat" bind "$edu"
node=/dev/vfio/$(basename "$(readlink "/sys/bus/pci/devices/$edu/iommu_group")")
as_user refuses 1 "$edu: opening $node: Permission denied; run as root, or give the group to the user with 'chown USER $node'" \
	run -kernel "$k" -m 128M -pcidevice "host=$edu"

# Nor does a user pin more than the limit.
chown 65534 "$node"
locked=$((128 * 1024 - 4)) as_user refuses 1 \
	"pinning 134217728 bytes for DMA needs a locked-memory limit (RLIMIT_MEMLOCK) of 134217728 bytes, and it is 134213632; grant it with 'ulimit -l 131072' in the shell that starts the program, 'LimitMEMLOCK=134217728' in its systemd unit, or 'USER - memlock 131072' in /etc/security/limits.conf" \
	run -kernel "$k" -m 128M -pcidevice "host=$edu"

# In another guest: bound for it, and by it.
cat > "$work/holder" <<'END'
echo holding
read -r _ < /dev/console
END
guest_start holder "$work/holder" -m 128M -pcidevice "host=$edu" \
	-pcidevice "host=$nic,managed=on"
guest_says holder holding
refuses 1 "$edu: its IOMMU group is in use: $node is held by moat (process $guest); end that first" \
	run -kernel "$k" -m 128M -pcidevice "host=$edu"
refuses 1 "$nic is in use by process $guest, which took it with managed=on; it is given back when that ends" \
	run -kernel "$k" -m 128M -pcidevice "host=$nic,managed=on"
kill "$guest"
wait "$guest" || fail "moat run: status $?"
"$moat" release "$edu"

refuses 1 "$edu: there is no record of moat having bound it, so nothing to put back" \
	release "$edu"
say 'refusals say what, why and what to do, and change nothing'
