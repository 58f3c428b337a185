# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# For the attackers inside a guest (busybox sh); sourced.

. lib.sh

# nth_pci N VENDOR:DEVICE: where this guest sees the Nth such function
nth_pci() {
	n=$1
	for d in /sys/bus/pci/devices/*; do
		[ "$(cat "$d/vendor"):$(cat "$d/device")" = "$2" ] || continue
		n=$((n - 1))
		[ $n -gt 0 ] || { echo "${d##*/}"; return; }
	done
	echo "no device $2 in this guest"
	return 1
}

# bar_of DEVICE: the address of its BAR 0, as this guest placed it
bar_of() {
	read -r bar _ < "/sys/bus/pci/devices/$1/resource"
	echo "$bar"
}

# attack ITEM write|read ADDRESS REASON [LENGTH]: the first edu does it. The
# kernel of the host logs ten faults in five seconds, so there is a pause.
attack() {
	attacker=${attacker:-$(nth_pci 1 0x1234:0x11e8)}
	echo "isolation item $1: $2 $3"
	edu "$attacker" "$2" "$3" ${5:+"$5"}
	case $2 in
	write) echo "fault Write $3 $4" ;;
	read) echo "fault Read $3 $4" ;;
	esac
}

# control: the same on this guest's own memory, which must work
control() {
	attacker=${attacker:-$(nth_pci 1 0x1234:0x11e8)}
	edu "$attacker" write-own
	edu "$attacker" roundtrip
}

# nvme_bdf: the first NVMe controller, with no driver
nvme_bdf() {
	for d in /sys/bus/pci/devices/*; do
		[ "$(cat "$d/class")" = 0x010802 ] || continue
		[ ! -e "$d/driver" ] || echo "${d##*/}" > "$d/driver/unbind"
		echo "${d##*/}"
		return
	done
	echo 'no NVMe in this guest'
	return 1
}
