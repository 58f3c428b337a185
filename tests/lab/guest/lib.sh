# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# What the scripts share that run inside lab guests (busybox sh); sourced.

set -e

# find_pci VENDOR:DEVICE: where this guest sees the first such function
find_pci() {
	for d in /sys/bus/pci/devices/*; do
		if [ "$(cat "$d/vendor"):$(cat "$d/device")" = "$1" ]; then
			echo "${d##*/}"
			return
		fi
	done
	echo "no device $1 in this guest"
	return 1
}

# wait_for COMMAND...: until it succeeds, for 20 seconds
wait_for() {
	for _ in $(seq 200); do
		if "$@" 2>/dev/null; then return; fi
		sleep 0.1
	done
	echo "gave up waiting: $*"
	return 1
}

# mount_nvme: the NVMe's file system on /mnt
mount_nvme() {
	wait_for test -b /dev/nvme0n1
	mount -t ext4 /dev/nvme0n1 /mnt
}

# net_up: the first Ethernet NIC gets the address that QEMU's user network
# gives its first guest
net_up() {
	wait_for test -e /sys/class/net/eth0
	ip link set eth0 up
	wait_for grep -q 1 /sys/class/net/eth0/carrier
	ip addr add 10.0.2.15/24 dev eth0
}

# dhcp_up: as above, with the address that the network gives by DHCP
dhcp_up() {
	wait_for test -e /sys/class/net/eth0
	ip link set eth0 up
	udhcpc -q -n -t 10 -T 2 -i eth0 -s /bin/dhcp
}
