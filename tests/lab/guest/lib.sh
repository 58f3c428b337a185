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

# wait_for COMMAND...: until it succeeds, for two minutes: the host may be slow
wait_for() {
	read -r up _ < /proc/uptime
	give_up=$((${up%.*} + 120))
	until "$@" 2>/dev/null; do
		read -r up _ < /proc/uptime
		if [ "${up%.*}" -ge $give_up ]; then
			echo "gave up waiting: $*"
			return 1
		fi
		sleep 0.1
	done
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
	udhcpc -q -n -t 30 -T 2 -i eth0 -s /bin/dhcp
}
