# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the tests of dma=none share; sourced after lib.sh. The machine has an
# NVMe whose INTx works, on the root bus: its address is in $nvme.

huge=/sys/devices/system/node
export nvme=0000:01:00.0

# huge_pages N0 N1: so many 2 MiB pages on each node, all free
huge_pages() {
	local node

	for node in 0 1; do
		echo $(($1)) > $huge/node$node/hugepages/hugepages-2048kB/nr_hugepages
		is "huge pages of node $node" \
			"$(cat $huge/node$node/hugepages/hugepages-2048kB/free_hugepages)" \
			"$(($1))"
		shift
	done
}

free_huge_pages() {
	cat /sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages
}

# group_type DEVICE: what its IOMMU group is set to; nothing without one
group_type() {
	cat "/sys/bus/pci/devices/$1/iommu_group/type" 2>/dev/null || :
}

find_root_disk() {
	root_disk=$(find "/sys/bus/pci/devices/$nvme/nvme/" -name 'nvme*n1' 2>/dev/null |
		sed -n '1s|.*/||p')
	[ -n "$root_disk" ] && [ -b "/dev/$root_disk" ]
}

# mount_root_disk [OPTION]...: the host's view of $nvme, on /mnt
mount_root_disk() {
	grep -qw ext4 /proc/filesystems || modprobe ext4
	in_time find_root_disk || fail "$nvme has no disk"
	mount -t ext4 "$@" "/dev/$root_disk" /mnt
}
